from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from core.errors import IllegalStepError
from core.model.intent import (
    INTENT_ARROWS,
    IntentEvent,
    IntentState,
    OrderIntent,
    Purpose,
    advance,
    can_advance,
)
from core.model.units import ClientOrderId, IntentId, OrderSide, TradeId
from tests.fakes.objects import BINANCE
from tests.fakes.runtime import START

TEN = Decimal(10)
ORDER = OrderIntent(
    intent_id=IntentId("7F2.1.entry.1"),
    trade_id=TradeId("7F2"),
    leg=1,
    purpose=Purpose.ENTRY,
    seq=1,
    venue_id=BINANCE,
    symbol="SOL/USDT:USDT",
    side=OrderSide.BUY,
    quantity_base=TEN,
    limit_price=Decimal(50),
    is_reduce_only=False,
    client_order_id=ClientOrderId("c1"),
    created_at=START,
    send_by=START + timedelta(seconds=2),
    fence_at=START + timedelta(seconds=37),
    baseline_base=Decimal(0),
)
ALLOWED = {(arrow.source, arrow.event) for arrow in INTENT_ARROWS}
FORBIDDEN = [
    (state, event)
    for state in IntentState
    for event in IntentEvent
    if (state, event) not in ALLOWED
]


@pytest.mark.parametrize("arrow", INTENT_ARROWS, ids=lambda arrow: arrow.row)
def test_every_row_leads_to_its_state(
    arrow: tuple[str, IntentState, IntentEvent, IntentState],
) -> None:
    """The table is the specification; nothing may read it differently."""
    _, source, event, target = arrow

    moved = advance(replace(ORDER, state=source), event, filled_base=TEN)

    assert moved.state is target
    assert can_advance(replace(ORDER, state=source), event)


@pytest.mark.parametrize(("state", "event"), FORBIDDEN)
def test_a_step_without_a_row_is_refused(
    state: IntentState, event: IntentEvent
) -> None:
    """An order must not change its story by accident."""
    order = replace(ORDER, state=state)

    with pytest.raises(IllegalStepError):
        advance(order, event)

    assert not can_advance(order, event)


def test_rows_are_named_once_and_every_row_of_the_life_cycle_is_there() -> None:
    """Documents and audit lines cite these ids; N01 and N02 have no stored state."""
    rows = [arrow.row for arrow in INTENT_ARROWS]

    assert rows == [f"N{number:02d}" for number in range(3, 19)]


def test_a_late_fill_never_lowers_what_was_filled() -> None:
    """A venue that corrects itself downwards must not hide a position."""
    partly = replace(ORDER, state=IntentState.PARTIAL, filled_base=Decimal(7))

    with pytest.raises(IllegalStepError):
        advance(partly, IntentEvent.ALL, filled_base=Decimal(5))
    with pytest.raises(IllegalStepError):
        advance(partly, IntentEvent.ALL, filled_base=None)


def test_nothing_leaves_a_whole_fill() -> None:
    """What is bought is bought."""
    sources = {arrow.source for arrow in INTENT_ARROWS}

    assert IntentState.FILLED not in sources


@pytest.mark.parametrize("purpose", list(Purpose))
def test_only_entries_and_top_ups_may_build_a_position(purpose: Purpose) -> None:
    """Repairs and closes must not be able to open anything."""
    builds = purpose in {Purpose.ENTRY, Purpose.TOPUP}

    assert purpose.is_reduce_only is not builds
