"""Write one order down, send it once, and find out what became of it.

An order whose outcome is unknown is looked up and never sent again. The send and the
record of its answer run in a task of their own: nobody's cancellation can lose them.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar

from core.errors import StorageError, VenueError
from core.model.intent import (
    IntentEvent,
    IntentState,
    OrderIntent,
    can_advance,
)
from core.model.order import Rejected, Uncertain
from core.orders import evidence
from core.orders.evidence import Verdict
from core.orders.identity import Slot, client_order_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from core.limits import Limits
    from core.model.alert import Alert
    from core.model.instrument import Instrument
    from core.model.intent import (
        Purpose,
    )
    from core.model.order import Fill, OrderRecord, SubmitResult
    from core.model.trade import Trade
    from core.model.units import IntentId, OrderSide, VenueId
    from core.model.venue import VenueRules
    from core.orders.identity import Identity
    from core.ports import Clock, Ids, Intents, TradingVenue
    from core.runtime import Nursery

log = logging.getLogger(__name__)
T = TypeVar("T")

SEND_WITHIN = timedelta(seconds=2)
"""Longest time between the intent's creation and its first byte."""
ANSWER_WITHIN_S = 10
"""Longest wait for one answer of a venue."""
TELL_AFTER = timedelta(seconds=3)
"""An unknown outcome this old is told to the owner."""
EXPOSED_AFTER = timedelta(seconds=60)
"""An unknown outcome this old is alarming where the other leg is known to be open."""
DECIDE_AFTER = timedelta(seconds=15)
"""Past the fence: when the decision falls at the latest, as the owner is told."""
OVERDUE_AFTER = timedelta(seconds=60)
"""Past the fence: an undecided order needs a person."""
FILLS_FROM_BEFORE = timedelta(seconds=5)
"""Clock difference allowed when reading our own executions."""
_DELAYS = tuple(timedelta(milliseconds=ms) for ms in (250, 500, 1000, 2000, 2000))
_LONG_DELAY = timedelta(seconds=5)
_RECORD_AGAIN = timedelta(seconds=1)
_SPREAD = 0.2
"""Share by which jitter lengthens a delay."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a step wants to order."""

    leg: int
    """1 or 2 in the order of execution."""
    purpose: Purpose
    side: OrderSide
    quantity_base: Decimal
    limit_price: Decimal
    """Worst price per base unit."""
    baseline_base: Decimal
    """Signed position of the venue, just read."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """Who hears about an order that stays unknown."""

    checking: Callable[[OrderIntent], Alert]
    """Makes the alert for an outcome unknown for 3 s."""
    exposed: Callable[[OrderIntent], Awaitable[Alert | None]]
    """Makes the alert for an outcome unknown for 60 s; None where nothing is open."""
    overdue: Callable[[OrderIntent], Awaitable[None]]
    """Called once when the outcome is still unknown 60 s past the fence."""


def decide_by(intent: OrderIntent) -> datetime:
    """Return when the outcome is normally known at the latest."""
    return intent.fence_at + DECIDE_AFTER


class Orders:
    """Drives single orders to a known outcome; the only caller of `submit`."""

    def __init__(  # noqa: PLR0913 - the composition root hands over every port
        self,
        *,
        venues: Mapping[VenueId, TradingVenue],
        intents: Intents,
        limits: Limits,
        rules: Mapping[VenueId, VenueRules],
        clock: Clock,
        ids: Ids,
        nursery: Nursery,
        identity: Identity,
    ) -> None:
        self._venues, self._intents, self._limits = venues, intents, limits
        self._rules, self._clock, self._ids = rules, clock, ids
        self._nursery, self._identity = nursery, identity
        self._activity: dict[tuple[VenueId, str], float] = {}
        self._anchors: dict[IntentId, tuple[float, datetime]] = {}

    def prepare(
        self, trade: Trade, draft: Draft, past: Iterable[OrderIntent]
    ) -> OrderIntent:
        """Return the order to be written down; nothing is sent.

        Args:
            trade: whose order it is.
            draft: what to order.
            past: every earlier intent of the trade, all of this leg decided.
        """
        instrument = trade.legs[draft.leg - 1].instrument
        rules = self._rules[instrument.venue_id]
        same = [each for each in past if _slot(each) == (draft.leg, draft.purpose)]
        seq = 1 + max((each.seq for each in same), default=0)
        slot = Slot(trade.trade_id, draft.leg, draft.purpose, seq)
        now = self._clock.now()
        self._anchors[slot.intent_id] = self._clock.monotonic(), now
        return OrderIntent(
            intent_id=slot.intent_id,
            trade_id=trade.trade_id,
            leg=draft.leg,
            purpose=draft.purpose,
            seq=seq,
            venue_id=instrument.venue_id,
            symbol=instrument.symbol,
            side=draft.side,
            quantity_base=draft.quantity_base,
            limit_price=draft.limit_price,
            is_reduce_only=draft.purpose.is_reduce_only,
            client_order_id=client_order_id(
                self._identity, slot, rules.client_id_format
            ),
            created_at=now,
            send_by=now + SEND_WITHIN,
            fence_at=now + SEND_WITHIN + rules.fence,
            baseline_base=draft.baseline_base,
        )

    def last_activity(self, instrument: Instrument) -> datetime | None:
        """Return when this process last sent an order in it or learned of a fill."""
        at = self._activity.get((instrument.venue_id, instrument.symbol))
        if at is None:
            return None
        return self._clock.now() - timedelta(seconds=self._clock.monotonic() - at)

    def _steady(self, intent: OrderIntent) -> datetime:
        """Return the moment by a clock that started with the order and never jumps.

        An order found after a start has only the wall's time until then.
        """
        here = self._clock.monotonic(), self._clock.now()
        at, moment = self._anchors.setdefault(intent.intent_id, here)
        return moment + timedelta(seconds=here[0] - at)

    # --- send -------------------------------------------------------------------------

    async def send(self, trade: Trade, intent: OrderIntent) -> OrderIntent:
        """Send an order whose row is committed; return it with what is known now.

        The result is recorded even if the caller is cancelled.
        """
        work = self._send(trade, intent)
        task = self._nursery.start(work, name=f"send {intent.intent_id}")
        return await asyncio.shield(task)

    async def _send(self, trade: Trade, intent: OrderIntent) -> OrderIntent:
        verdict, is_unclear, code = await self._refusal(intent), False, None
        if verdict is None:
            self._touch(intent)
            reply = await self._submit(trade, intent)
            is_unclear = isinstance(reply, Uncertain)
            code = reply.code if isinstance(reply, Rejected) else None
            verdict = evidence.of_reply(intent, reply)
        log.info(
            "order answered intent=%s venue=%s client_order_id=%s event=%s",
            intent.intent_id,
            intent.venue_id,
            intent.client_order_id,
            verdict.event.value,
        )
        sent = await self._record(intent, verdict)
        if code is not None:
            await self._note_refusal(sent, code)
        # a receipt is a clear answer, also where the fill is told later
        if is_unclear and not sent.state.is_terminal:
            await self._note_unknown(sent)
        return sent

    async def _note_unknown(self, intent: OrderIntent) -> None:
        try:
            await self._limits.note_unknown(intent.venue_id)
        except StorageError:
            log.exception("halt not written venue=%s", intent.venue_id)

    async def _note_refusal(self, intent: OrderIntent, code: str) -> None:
        try:
            await self._limits.note_refusal(intent, code)
        except StorageError:
            log.exception("halt not written venue=%s", intent.venue_id)

    async def _refusal(self, intent: OrderIntent) -> Verdict | None:
        try:
            refusal = await self._limits.gate(intent)
        except StorageError:
            return evidence.not_sent("storage", "the halts could not be read")
        if refusal is not None:
            return evidence.not_sent(refusal.code, refusal.reason)
        # asked last: nothing may delay the order after this check
        if self._steady(intent) > intent.send_by:
            return evidence.not_sent("late", "too much time passed before sending")
        return None

    async def _submit(self, trade: Trade, intent: OrderIntent) -> SubmitResult:
        instrument = trade.legs[intent.leg - 1].instrument
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                return await self._venues[intent.venue_id].submit(intent, instrument)
        except TimeoutError:
            return Uncertain("no answer in time")
        except Exception as error:  # whatever it was, the order may have arrived
            log.exception("submit failed intent=%s", intent.intent_id)
            return Uncertain(type(error).__name__)

    async def _record(
        self, intent: OrderIntent, verdict: Verdict, fills: Sequence[Fill] = ()
    ) -> OrderIntent:
        """Write a verdict down; a full disk is waited for, the result is kept."""
        moved = evidence.apply(intent, verdict)
        if fills:
            # a position may have decided in the round that first showed executions
            moved = evidence.with_fills(moved, fills)
        self._touch(intent)
        while True:
            try:
                await self._intents.settle(moved, fills)
            except StorageError:
                log.exception("result not written yet intent=%s", intent.intent_id)
                await self._clock.sleep(_RECORD_AGAIN)
            else:
                if moved.state.is_terminal:
                    self._anchors.pop(intent.intent_id, None)
                return moved

    def _touch(self, intent: OrderIntent) -> None:
        self._activity[intent.venue_id, intent.symbol] = self._clock.monotonic()

    # --- look up ----------------------------------------------------------------------

    async def resolve(
        self, trade: Trade, intent: OrderIntent, hooks: Hooks
    ) -> OrderIntent:
        """Look an order up until its outcome is proven, however long that takes."""
        if intent.state is IntentState.PREPARED:
            intent = await self._record(intent, _found_at_start())
        # beside the look-ups: a venue that lets each of them wait must not delay it
        telling = self._nursery.start(
            self._keep_told(intent, hooks), name=f"tell {intent.intent_id}"
        )
        try:
            return await self._looked_up(trade, intent, hooks)
        finally:
            telling.cancel()

    async def _looked_up(
        self, trade: Trade, intent: OrderIntent, hooks: Hooks
    ) -> OrderIntent:
        watch, rounds, is_overdue = evidence.Watch(intent), 0, False
        while True:
            now = self._steady(intent)
            if not is_overdue and now >= intent.fence_at + OVERDUE_AFTER:
                is_overdue = True
                await hooks.overdue(intent)
            seen = await self.look(trade, intent)
            verdict = watch.judge(seen, self._steady(intent))
            if verdict is not None:
                return await self._record(intent, verdict, seen.fills or ())
            await self._cancel_resting(trade, intent, seen.found)
            await self._clock.sleep(self._delay(rounds))
            rounds += 1

    async def _keep_told(self, intent: OrderIntent, hooks: Hooks) -> None:
        """Say that an order is being checked, and later what stays open meanwhile."""
        await self._until(intent, TELL_AFTER)
        await self._tell(intent, hooks.checking(intent))
        await self._until(intent, EXPOSED_AFTER)
        try:
            alert = await hooks.exposed(intent)
        except StorageError:
            log.exception("exposure not read intent=%s", intent.intent_id)
            return
        if alert is not None:
            await self._tell(intent, alert)

    async def _until(self, intent: OrderIntent, age: timedelta) -> None:
        left = intent.created_at + age - self._steady(intent)
        if left > timedelta(0):
            await self._clock.sleep(left)

    async def _tell(self, intent: OrderIntent, alert: Alert) -> None:
        try:
            await self._intents.settle(intent, (), (alert,))
        except StorageError:
            log.exception("alert not written intent=%s", intent.intent_id)

    def _delay(self, rounds: int) -> timedelta:
        delay = _DELAYS[rounds] if rounds < len(_DELAYS) else _LONG_DELAY
        return delay * (1 + _SPREAD * self._ids.jitter())

    async def _cancel_resting(
        self,
        trade: Trade,
        intent: OrderIntent,
        found: tuple[OrderRecord, ...] | None,
    ) -> None:
        if not any(not record.is_final for record in found or ()):
            return
        instrument = trade.legs[intent.leg - 1].instrument
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                await self._venues[intent.venue_id].cancel(intent, instrument)
        except (VenueError, TimeoutError) as error:
            why = str(error) or f"no answer within {ANSWER_WITHIN_S} s"
            log.warning("cancel failed intent=%s: %s", intent.intent_id, why)

    async def look(self, trade: Trade, intent: OrderIntent) -> evidence.Sighting:
        """Ask every source once; what fails is None, never "nothing"."""
        venue = self._venues[intent.venue_id]
        instrument = trade.legs[intent.leg - 1].instrument
        found = await asked(_as_tuple(venue.find(intent, instrument)))
        if any(evidence.of_record(intent, record) for record in found or ()):
            return evidence.Sighting(found, None, None)
        since = intent.created_at - FILLS_FROM_BEFORE
        every = await asked(venue.fills(instrument, since))
        fills = None if every is None else self._own(intent, every)
        moved, entry = await self._moved(intent)
        return evidence.Sighting(found, fills, moved, entry)

    def _own(self, intent: OrderIntent, fills: Iterable[Fill]) -> tuple[Fill, ...]:
        return tuple(
            replace(fill, intent_id=intent.intent_id, trade_id=intent.trade_id)
            for fill in fills
            if fill.client_order_id == intent.client_order_id
        )

    async def _moved(
        self, intent: OrderIntent
    ) -> tuple[Decimal | None, Decimal | None]:
        """Return the position's move in the order's direction and its entry price.

        None when it was not read or another order could have moved it.
        """
        if intent.baseline_base is None:
            return None, None
        try:
            unresolved = await self._intents.unresolved()
        except StorageError:
            return None, None
        here = (intent.venue_id, intent.symbol)
        if any(
            (each.venue_id, each.symbol) == here and each.intent_id != intent.intent_id
            for each in unresolved
        ):
            return None, None
        positions = await asked(self._venues[intent.venue_id].positions())
        if positions is None:
            return None, None
        held = [each for each in positions if each.symbol == intent.symbol]
        total = sum((each.quantity_base for each in held), Decimal(0))
        entry = held[0].entry_price if held and not intent.baseline_base else None
        return (total - intent.baseline_base) * intent.side.sign, entry

    async def look_again(self, trade: Trade, intent: OrderIntent) -> OrderIntent:
        """Ask once more about a decided order; a late fill raises what it filled."""
        seen = await self.look(trade, intent)
        verdict = evidence.of_late_fill(intent, seen)
        known = intent.filled_base or Decimal(0)
        if verdict is None or (verdict.filled_base or Decimal(0)) <= known:
            return intent
        if not can_advance(intent, verdict.event):
            return intent
        return await self._record(intent, verdict, seen.fills or ())

    async def enrich(
        self, trade: Trade, intents: Iterable[OrderIntent], known: Iterable[Fill]
    ) -> None:
        """Fetch executions that are not stored yet; a failure costs only detail."""
        booked: dict[str, Decimal] = {}
        for fill in known:
            if fill.intent_id is not None:
                sofar = booked.get(fill.intent_id, Decimal(0))
                booked[fill.intent_id] = sofar + fill.quantity_base
        for intent in intents:
            if (intent.filled_base or Decimal(0)) > booked.get(
                intent.intent_id, Decimal(0)
            ):
                await self._fetch_fills(trade, intent)

    async def _fetch_fills(self, trade: Trade, intent: OrderIntent) -> None:
        venue = self._venues[intent.venue_id]
        instrument = trade.legs[intent.leg - 1].instrument
        since = intent.created_at - FILLS_FROM_BEFORE
        every = await asked(venue.fills(instrument, since))
        fills = self._own(intent, every or ())
        if not fills:
            return
        completed = evidence.with_fills(intent, fills)
        try:
            await self._intents.settle(completed, fills)
        except StorageError:
            log.exception("executions not written intent=%s", intent.intent_id)


def _slot(intent: OrderIntent) -> tuple[int, Purpose]:
    return intent.leg, intent.purpose


def _found_at_start() -> Verdict:
    return Verdict(IntentEvent.UNCERTAIN, "start")


async def _as_tuple(call: Awaitable[OrderRecord | None]) -> tuple[OrderRecord, ...]:
    record = await call
    return () if record is None else (record,)


async def asked(call: Awaitable[T]) -> T | None:
    """Return a venue's answer, None if none came in time: no information at all."""
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            return await call
    except TimeoutError:
        log.warning("read failed: no answer within %s s", ANSWER_WITHIN_S)
    except VenueError as error:
        log.warning("read failed: %s", error)
    except Exception:  # an adapter's surprise is no information either
        log.exception("read failed unexpectedly")
    return None
