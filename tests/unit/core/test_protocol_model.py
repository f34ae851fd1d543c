"""The protocol's design, explored exhaustively: sound as built, broken in every part.

A wrong design cannot be saved by right code; this shows that each part is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.campaigns.protocol import (
    ADDING,
    BROKEN,
    BROKEN_ADDING,
    SOUND,
    UNFLOORED,
    WATCHED,
    End,
    explore,
)

if TYPE_CHECKING:
    from tests.campaigns.protocol import Rules

BAD = (End.NAKED, End.DOUBLE)


def test_no_history_of_the_protocol_ends_naked_or_doubled() -> None:
    """Two venues, fills of 0 to 2 lots, lost and late replies, two crashes: zero."""
    ends, states = explore(SOUND)

    assert [ends[bad] for bad in BAD] == [0, 0]
    assert sum(ends.values()) > 1_000_000
    assert states > 500


@pytest.mark.parametrize("rules", BROKEN, ids=lambda rules: rules.name)
def test_a_protocol_without_one_part_ends_naked(rules: Rules) -> None:
    """If leaving a part out did no harm in the model, the model would prove nothing."""
    ends, _ = explore(rules)

    assert ends[End.NAKED] > 0


def test_only_orders_placed_anew_enter_twice() -> None:
    """A timeout taken for a failure is the way to a double position."""
    doubled = {rules.name for rules in BROKEN if explore(rules)[0][End.DOUBLE]}

    assert doubled == {"a timeout is a failure"}


def test_a_venue_that_breaks_its_expiry_costs_an_alert_not_a_naked_leg() -> None:
    """Every history that the expiry would have saved is told to a person instead."""
    unseen, _ = explore(next(r for r in BROKEN if not r.has_expiry))
    seen, _ = explore(WATCHED)

    assert [seen[bad] for bad in BAD] == [0, 0]
    assert seen[End.CALLED] >= unseen[End.CALLED] + unseen[End.NAKED]


def test_no_history_of_an_addition_ends_naked_doubled_or_below_the_former_level() -> (
    None
):
    """Two lots are held and two are added: whatever happens, the former two stay."""
    ends, states = explore(ADDING)

    assert [ends[bad] for bad in (*BAD, End.SOLD)] == [0, 0, 0]
    assert ends[End.HEDGED] > ends[End.CALLED] > 0
    assert states > 500


def test_an_addition_undone_like_an_entry_sells_the_pair() -> None:
    """If forgetting the former level did no harm, the model would prove nothing."""
    ends, _ = explore(UNFLOORED)

    assert ends[End.SOLD] > 0


@pytest.mark.parametrize("rules", BROKEN_ADDING, ids=lambda rules: rules.name)
def test_an_addition_needs_every_part_of_the_protocol(rules: Rules) -> None:
    """A pair that is held already makes a lost reply no less dangerous."""
    ends, _ = explore(rules)

    assert ends[End.NAKED] > 0


def test_both_ends_of_a_good_history_are_reached() -> None:
    """A model that always calls a person, or never, would be no model."""
    ends, _ = explore(SOUND)

    assert ends[End.HEDGED] > ends[End.CALLED] > 0
