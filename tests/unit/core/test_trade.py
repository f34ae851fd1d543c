from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from core.errors import IllegalStepError
from core.model.trade import TRADE_ARROWS, TradeState, advance_trade
from tests.fakes.stage import Stage

ENTRY_STATES = {TradeState.CONFIRMED, TradeState.PREFLIGHT, TradeState.LEG1}
ILLEGAL = [
    (state, arrow.row)
    for state in TradeState
    for arrow in TRADE_ARROWS
    if arrow.source is not state
]


@pytest.mark.parametrize("arrow", TRADE_ARROWS, ids=lambda arrow: arrow.row)
def test_every_row_leads_to_its_state_and_raises_the_version(
    arrow: tuple[str, TradeState, TradeState, str],
) -> None:
    """The version is what makes two steps at once impossible."""
    row, source, target, _ = arrow
    trade = replace(Stage().confirmed(), state=source, version=4)

    moved = advance_trade(trade, row)

    assert (moved.state, moved.version) == (target, 5)


def test_a_row_from_another_state_is_refused_and_changes_nothing() -> None:
    """All 12 states times 39 rows: only the 39 pairs of the table pass."""
    trade = Stage().confirmed()

    for state, row in ILLEGAL:
        with pytest.raises(IllegalStepError):
            advance_trade(replace(trade, state=state), row)

    assert len(ILLEGAL) == len(TradeState) * len(TRADE_ARROWS) - len(TRADE_ARROWS)


def test_an_unknown_row_is_refused() -> None:
    """A typing mistake in a step must not move money."""
    with pytest.raises(IllegalStepError):
        advance_trade(Stage().confirmed(), "T99")


def test_rows_are_numbered_without_a_gap_from_t02() -> None:
    """T01 is the claim, which creates the trade."""
    rows = [arrow.row for arrow in TRADE_ARROWS]

    assert rows == [f"T{number:02d}" for number in range(2, 41)]


def test_only_a_confirmed_addition_leads_back_into_an_entry() -> None:
    """An open or ended pair must never buy again by itself, whatever goes wrong."""
    late = {state for state in TradeState if state not in ENTRY_STATES}
    arrows = {(arrow.source, arrow.target) for arrow in TRADE_ARROWS}

    into_entry = {
        (source, target)
        for source, target in arrows
        if source in late and target in ENTRY_STATES
    }
    assert into_entry == {(TradeState.OPEN, TradeState.CONFIRMED)}
    assert (TradeState.CLOSED, TradeState.OPEN) not in arrows
    assert (TradeState.ABORTED, TradeState.OPEN) not in arrows


def test_the_residual_is_what_the_legs_differ_by() -> None:
    """Long 12.0 against short 11.5 is half a unit long."""
    trade = Stage().confirmed()
    first = replace(trade.first, held_base=Decimal("12.0"))
    second = replace(trade.second, held_base=Decimal("11.5"))

    residual = replace(trade, first=first, second=second).residual_base

    assert residual == Decimal("0.5")
