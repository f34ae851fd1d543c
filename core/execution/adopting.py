"""Positions that are not ours in, a pair of ours out; pure, nothing is ordered.

Only two opposite positions of one token on two venues, equal to the lot, make a pair: a
single one has nothing that hedges it, and adopting it would not change that. What was
paid and received before the adoption is its owner's: the pair's result counts price
from the venues' entry prices, and fees and funding from the adoption on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import CannotAdoptError
from core.execution.sizing import ZERO, entering
from core.model.intent import IntentState, OrderIntent, Purpose
from core.model.order import Fill
from core.model.trade import Trade, TradeLeg, TradeState
from core.model.units import ClientOrderId, LegSide
from core.model.venue import Acknowledgement
from core.orders.identity import Slot
from core.planning.closing import CLOSE_BOUNDS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from core.model.instrument import Instrument
    from core.model.plan import AdoptedLeg, AdoptPlan, StoredPlan
    from core.model.position import ForeignPosition
    from core.model.units import MessageId, TradeId
    from core.model.venue import VenueRules

OUTCOME = "adopted: both positions were opened by somebody else"


@dataclass(frozen=True, slots=True)
class Adopted:
    """A pair with what it holds, ready to be stored."""

    trade: Trade
    intents: tuple[OrderIntent, OrderIntent]
    fills: tuple[Fill, Fill]


def counterpart(
    one: ForeignPosition,
    listed: Instrument,
    others: Iterable[tuple[ForeignPosition, Instrument]],
) -> tuple[ForeignPosition, Instrument]:
    """Return the position that hedges one.

    Raises:
        CannotAdoptError: there is none; it says what is missing.
    """
    size, opposite = abs(one.quantity_base), []
    for other, instrument in others:
        is_same = instrument.base == listed.base
        if not is_same or other.venue_id == one.venue_id:
            continue
        if (other.quantity_base > 0) is (one.quantity_base > 0):
            continue
        opposite.append(other)
        lots = listed.lot_base, instrument.lot_base
        if abs(abs(other.quantity_base) - size) < min(lots):
            return other, instrument
    if opposite:
        sizes = ", ".join(
            f"{each.venue_id} holds {abs(each.quantity_base):f}" for each in opposite
        )
        why = (
            f"both legs must be equal, and {one.venue_id} holds {size:f} while {sizes};"
            " make them equal on the venues first"
        )
        raise CannotAdoptError(listed.base, why)
    why = (
        f"the position on {one.venue_id} stands alone: nothing hedges it, and adopting"
        " it would not; close it there, or open the opposite of it on another venue"
    )
    raise CannotAdoptError(listed.base, why)


def harder_first(legs: Iterable[tuple[AdoptedLeg, VenueRules]]) -> list[AdoptedLeg]:
    """Return the legs in the order of execution, as far as no book is needed."""

    def ease(pair: tuple[AdoptedLeg, VenueRules]) -> tuple[bool, object, bool]:
        leg, rules = pair
        is_async = rules.acknowledgement is Acknowledgement.ASYNC
        return not is_async, -leg.instrument.lot_base, leg.side is LegSide.SHORT

    return [leg for leg, _ in sorted(legs, key=ease)]


def adopted(
    plan: StoredPlan,
    body: AdoptPlan,
    trade_id: TradeId,
    now: datetime,
    message_id: MessageId,
) -> Adopted:
    """Return the pair that a confirmed plan makes, open from this moment on."""
    first, second = (
        TradeLeg(
            instrument=leg.instrument,
            side=leg.side,
            taker_fee=leg.taker_fee,
            held_base=leg.quantity_base,
            entry_rate_per_hour=leg.rate_per_hour,
        )
        for leg in body.legs
    )
    trade = Trade(
        trade_id=trade_id,
        plan_id=plan.plan_id,
        base=body.base,
        first=first,
        second=second,
        quantity_base=min(first.held_base, second.held_base),
        leverage=body.adopted_leverage,
        spread_per_hour=body.spread_per_hour,
        bounds=CLOSE_BOUNDS,
        opened_by=plan.user_id,
        chat_id=plan.chat_id,
        message_id=message_id,
        created_at=now,
        state=TradeState.OPEN,
        version=1,
        opened_at=now,
        outcome=OUTCOME,
    )
    one, two = (_intent(trade, number, body) for number in (1, 2))
    return Adopted(trade, (one, two), (_fill(one), _fill(two)))


def _intent(trade: Trade, number: int, body: AdoptPlan) -> OrderIntent:
    """Return what a leg holds as an order that the position proves; never sent."""
    leg, given = trade.legs[number - 1], body.legs[number - 1]
    return OrderIntent(
        intent_id=Slot(trade.trade_id, number, Purpose.ENTRY, 1).intent_id,
        trade_id=trade.trade_id,
        leg=number,
        purpose=Purpose.ENTRY,
        seq=1,
        venue_id=leg.instrument.venue_id,
        symbol=leg.instrument.symbol,
        side=entering(leg),
        quantity_base=given.quantity_base,
        limit_price=given.entry_price,
        is_reduce_only=False,
        client_order_id=ClientOrderId(f"adopted-{trade.trade_id}-{number}"),
        created_at=trade.created_at,
        send_by=trade.created_at,
        fence_at=trade.created_at,
        baseline_base=None,
        state=IntentState.FILLED,
        filled_base=given.quantity_base,
        average_price=given.entry_price,
        fee_usd=ZERO,
        evidence="position",
    )


def _fill(intent: OrderIntent) -> Fill:
    return Fill(
        venue_id=intent.venue_id,
        venue_trade_id=intent.client_order_id,
        symbol=intent.symbol,
        side=intent.side,
        quantity_base=intent.quantity_base,
        price=intent.limit_price,
        fee_usd=ZERO,
        at=intent.created_at,
        client_order_id=intent.client_order_id,
        intent_id=intent.intent_id,
        trade_id=intent.trade_id,
    )
