"""Both venues' positions in, what each leg really holds out.

One reading decides nothing that our books do not say too. A difference counts after two
equal readings at least 5 s apart, and not within 30 s of our own orders there: venues
show fills in positions late. A failed reading is no reading.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from core.execution.sizing import (
    ZERO,
    Docket,
    Held,
    booked,
    in_leg_direction,
    last_of,
)
from core.execution.world import READ_AGAIN, in_contract
from core.model.intent import IntentState

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from core.execution.world import World
    from core.model.instrument import Instrument
    from core.model.order import VenuePosition
    from core.model.trade import Trade, TradeLeg
    from core.model.units import TradeId, VenueId

    Answer = tuple[VenuePosition, ...] | None

APART = timedelta(seconds=5)
"""Least time between the two readings that a difference needs."""
LAG = timedelta(seconds=30)
"""How long a venue may show a position without our latest fills."""
IN_FLIGHT = timedelta(seconds=7)
"""From an order's creation until its venue cannot take it any more."""
PATIENCE = timedelta(seconds=60)
"""Readings may fail this long before a person is called."""
TOGETHER = timedelta(milliseconds=500)
"""Who asks a venue so soon after somebody else gets the same answer.

Far less than what two readings must be apart, so one answer never counts as two.
"""


@dataclass(frozen=True, slots=True)
class Agreed:
    """What both legs hold, books and venues agreeing."""

    docket: Docket
    """The trade with what others closed taken off its legs."""
    lost: Held
    """What each leg lost without an order of ours since the books were written.

    Below zero: an order was believed to have sold what is still there.
    """
    foreign: str | None = None
    """A venue holds more than we ever ordered, in words."""

    @property
    def held(self) -> Held:
        """Return what each leg holds."""
        return booked(self.docket)


@dataclass(frozen=True, slots=True)
class NotYet:
    """Nothing may be decided now."""

    again_in: timedelta
    is_overdue: bool = False
    """The venues have not answered for so long that a person should know."""


@dataclass(slots=True)
class _Asking:
    """A question to one venue that several pairs wait for."""

    answer: asyncio.Future[Answer]
    since: float
    """By the clock that never jumps."""

    def may_be_joined(self, now: float) -> bool:
        """Tell whether its answer is as good as that of a question asked now."""
        is_young = timedelta(seconds=now - self.since) < TOGETHER
        return is_young and not self.answer.done()


@dataclass(slots=True)
class _Suspicion:
    """A reading that differs from our books."""

    live: Held
    since: float
    """By the clock that never jumps."""


class LivePositions:
    """Remembers differing and failed readings of each trade."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._suspicions: dict[TradeId, _Suspicion] = {}
        self._unread: dict[TradeId, float] = {}
        self._asking: dict[VenueId, _Asking] = {}

    async def read(self, trade: Trade) -> Held | None:
        """Read both positions once, in the legs' directions; None if one failed.

        Pairs that are looked at together share one reading of each venue.
        """
        async with asyncio.TaskGroup() as group:
            first = group.create_task(self._position(trade.first.instrument))
            second = group.create_task(self._position(trade.second.instrument))
        one, two = first.result(), second.result()
        if one is None or two is None:
            return None
        return Held(
            in_leg_direction(trade.first, one), in_leg_direction(trade.second, two)
        )

    async def _position(self, instrument: Instrument) -> Decimal | None:
        answer = await self._together(instrument.venue_id)
        return None if answer is None else in_contract(answer, instrument)

    async def _together(self, venue_id: VenueId) -> Answer:
        """Ask a venue, or wait with whoever has just asked it."""
        now = self._world.clock.monotonic()
        known = self._asking.get(venue_id)
        if known is not None and known.may_be_joined(now):
            return await asyncio.shield(known.answer)
        asking = _Asking(asyncio.get_running_loop().create_future(), now)
        self._asking[venue_id] = asking
        try:
            answer = await self._world.positions(venue_id)
            asking.answer.set_result(answer)
        finally:
            if not asking.answer.done():  # whoever waits knows nothing then
                asking.answer.set_result(None)
        return answer

    async def compare(self, docket: Docket) -> Agreed | NotYet:
        """Read once and say what may be decided on it."""
        trade, now = docket.trade, self._world.clock.monotonic()
        live = await self.read(trade)
        if live is None:
            since = self._unread.setdefault(trade.trade_id, now)
            waited = timedelta(seconds=now - since)
            return NotYet(READ_AGAIN, is_overdue=waited >= PATIENCE)
        self._unread.pop(trade.trade_id, None)
        if _is_same(trade, live, booked(docket)):
            self._suspicions.pop(trade.trade_id, None)
            return Agreed(docket, Held(ZERO, ZERO))
        if not self._is_believed(docket, live):
            return NotYet(READ_AGAIN)
        del self._suspicions[trade.trade_id]
        return await self._explained(docket, live)

    def _is_believed(self, docket: Docket, live: Held) -> bool:
        trade, clock = docket.trade, self._world.clock
        known = self._suspicions.get(trade.trade_id)
        if known is None or not _is_same(trade, live, known.live):
            self._suspicions[trade.trade_id] = _Suspicion(live, clock.monotonic())
            return False
        apart = timedelta(seconds=clock.monotonic() - known.since)
        return apart >= APART and clock.now() >= self._quiet_from(docket)

    def _quiet_from(self, docket: Docket) -> datetime:
        """Return from when positions must show all that our orders did."""
        moments = []
        for number, leg in enumerate(docket.trade.legs, start=1):
            latest = last_of(docket.of(number))
            seen = self._world.orders.last_activity(leg.instrument)
            if seen is not None:
                # unlike the moment in the order's row, true after a step of the clock
                moments.append(seen + IN_FLIGHT)
            elif latest is not None:
                moments.append(latest.created_at + IN_FLIGHT)
        return max(moments, default=docket.trade.created_at) + LAG

    async def _explained(self, docket: Docket, live: Held) -> Agreed | NotYet:
        late = await self._late_fills(docket, live)
        if late is not None:
            return NotYet(timedelta(0))
        trade, losses, foreign = docket.trade, [], []
        for number in (1, 2):
            ours, theirs = docket.booked(number), live.of(number)
            if ours < 0:
                # an order turned the position around: what is there now is the truth
                losses.append(ours - theirs)
                continue
            if ZERO < theirs - ours <= doubted(docket, number):
                # a reading that missed the position had passed for the order's fill
                losses.append(ours - theirs)
                continue
            losses.append(max(ours - max(theirs, ZERO), ZERO))
            if theirs > ours or theirs < 0:
                venue_id = trade.legs[number - 1].instrument.venue_id
                extra = theirs - ours if theirs > ours else theirs
                foreign.append(f"{venue_id} holds {extra:f} that is not ours")
        lost = Held(*losses)
        fresh = replace(
            trade,
            first=_less(trade, 1, lost.first),
            second=_less(trade, 2, lost.second),
        )
        note = "; ".join(foreign) or None
        return Agreed(Docket(fresh, docket.intents), lost, note)

    async def _late_fills(self, docket: Docket, live: Held) -> Docket | None:
        """Ask again about orders that were decided without a whole fill."""
        is_changed = False
        for number in (1, 2):
            if live.of(number) == docket.booked(number):
                continue
            for order in docket.of(number):
                if order.state in {IntentState.NONE, IntentState.PARTIAL}:
                    again = await self._world.orders.look_again(docket.trade, order)
                    is_changed = is_changed or again != order
        if not is_changed:
            return None
        return await self._world.docket(docket.trade.trade_id)


def doubted(docket: Docket, leg: int) -> Decimal:
    """Return what orders sold of a leg by nothing but a position's disappearance."""
    return sum(
        (
            each.filled_base or ZERO
            for each in docket.of(leg)
            if each.is_reduce_only
            and each.evidence == "position"
            and each.average_price is None
        ),
        ZERO,
    )


def _is_same(trade: Trade, one: Held, other: Held) -> bool:
    """Tell whether two readings differ by less than a lot on each leg."""
    return all(
        abs(one.of(number) - other.of(number)) < leg.instrument.lot_base
        for number, leg in enumerate(trade.legs, start=1)
    )


def _less(trade: Trade, number: int, lost: Decimal) -> TradeLeg:
    leg = trade.legs[number - 1]
    return replace(leg, lost_base=leg.lost_base + lost)
