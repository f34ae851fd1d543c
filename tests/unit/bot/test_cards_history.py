"""Words about a spread's past on the token card and below the ranking."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from bot.cards import opportunity
from bot.cards.history import is_steady, pair_key, past_line, spike_line
from tests.fakes.engine import pair, scan_of
from tests.fakes.history import WEEK
from tests.unit.bot.test_cards import LOOK, VIEW

if TYPE_CHECKING:
    from core.model.history import SpreadStats

HOUR = timedelta(hours=1)
THIN = replace(WEEK, samples=5, is_thin=True, phi=Decimal("0.97"))


def changed(**what: Any) -> SpreadStats:  # noqa: ANN401 - any field
    """Return the steady week with other values."""
    return replace(WEEK, **what)


@pytest.mark.parametrize(
    ("stats", "words"),
    [
        (
            WEEK,
            "Positive 92% of 7 d · average +0.052%/8h · half-life 21 h · no spike",
        ),
        (
            changed(now_per_hour=Decimal("-0.0001"), mean_per_hour=Decimal(0)),
            "Negative 92% of 7 d · average 0%/8h · half-life 21 h · no spike",
        ),
        (
            changed(is_spike=True, half_life=None),
            (
                "Positive 92% of 7 d · average +0.052%/8h · half-life below 1 h"
                " · ⚡ looks like a spike"
            ),
        ),
        (
            changed(hours=80, samples=80),
            (
                "Positive 92% of 80 h known · average +0.052%/8h · half-life 21 h"
                " · no spike"
            ),
        ),
        (
            THIN,
            (
                "Positive 92% of 7 d · average +0.052%/8h · no spike"
                " · thin history: 5 h own, the rest settled payments"
            ),
        ),
        (
            changed(now_per_hour=Decimal(0), is_spike=None),
            "Zero 92% of 7 d · average +0.052%/8h · half-life 21 h",
        ),
        (changed(hours=5, samples=5, is_spike=None), "Thin history: 5 h known"),
        (None, "No history of this pair yet"),
    ],
    ids=[
        "week",
        "negative",
        "spike",
        "80 hours",
        "thin",
        "zero",
        "five hours",
        "nothing",
    ],
)
def test_the_past_of_a_pair_in_one_line(stats: SpreadStats | None, words: str) -> None:
    """0.0065 % an hour is 0.052 % in 8 h; shares are rounded down."""
    assert past_line(stats, LOOK) == words


def test_spikes_are_named_by_their_numbers_in_the_ranking() -> None:
    """Rows 11 and 13 of the second page."""
    page = [pair("A"), pair("B"), pair("C")]
    spike = changed(is_spike=True)
    pasts = {pair_key(page[0]): spike, pair_key(page[2]): spike}

    assert spike_line(page, 11, pasts) == "⚡ 11, 13 look like a spike"
    assert spike_line(page[:1], 1, pasts) == "⚡ 1 looks like a spike"
    assert spike_line(page[1:2], 1, pasts) == ""


@pytest.mark.parametrize(
    ("stats", "is_so"),
    [
        (changed(same_sign_share=Decimal("0.8")), True),
        (changed(same_sign_share=Decimal("0.79")), False),
        (changed(hours=71), False),
        (changed(now_per_hour=Decimal("-0.0001")), False),
        (None, False),
    ],
    ids=["just", "less", "short", "paying", "unknown"],
)
def test_steady_is_positive_for_four_fifths_of_at_least_three_days(
    stats: SpreadStats | None, *, is_so: bool
) -> None:
    """A pair that always costs is steady too, but nobody looks for it."""
    assert is_steady(stats) is is_so


def test_the_ranking_can_be_narrowed_to_steady_pairs() -> None:
    """`/top steady` leaves out what nothing is known of."""
    known, unknown = pair("APT"), pair("MON", spread="0.0002")
    view = replace(VIEW, wanted="steady", pasts={pair_key(known): WEEK})

    card = opportunity.top_card(scan_of(unknown, known), LOOK, view)

    assert "APT" in card.html
    assert "MON" not in card.html
    assert "Filter: steady, positive for 80%" in card.html


def test_the_filter_card_offers_steady_pairs() -> None:
    """One tap, no typing."""
    card = opportunity.filter_card(scan_of(pair()), LOOK, "steady")

    assert "steady •" in [button.label for row in card.rows for button in row]
