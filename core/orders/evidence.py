"""What a venue answered in; what that proves about one order out.

Unknown is never zero: a fill of None proves nothing, a failed read proves nothing, and
"not found" proves nothing before the fence.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from core.model.intent import IntentEvent, advance
from core.model.order import Accepted, Rejected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.model.intent import OrderIntent
    from core.model.order import Fill, OrderRecord, SubmitResult

DUPLICATE_CODE = "duplicate"
"""Refusal that proves an earlier copy of the order arrived."""
NO_MATCH_CODE = "no_match"
"""Refusal in which a venue says that an order found nobody: a fill of nothing."""
ROUNDS_AFTER_FENCE = 3
"""Complete rounds without a trace that "not found" needs after the fence."""
SAME_READS = 2
"""Equal readings in a row that executions and positions need to count."""
POSITION_APART = timedelta(seconds=5)
"""Least time between the readings by which a position alone decides: venues sometimes
leave a symbol out of a list."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an order, and what says so."""

    event: IntentEvent
    evidence: str
    filled_base: Decimal | None = None
    average_price: Decimal | None = None
    fee_usd: Decimal | None = None
    venue_order_id: str | None = None
    refusal: str | None = None
    refusal_code: str | None = None


def apply(intent: OrderIntent, verdict: Verdict) -> OrderIntent:
    """Return the intent after a verdict; what it does not tell stays as it was.

    Raises:
        IllegalStepError: the life cycle has no such step.
    """
    moved = advance(intent, verdict.event, filled_base=verdict.filled_base)
    return replace(
        moved,
        average_price=_first(verdict.average_price, intent.average_price),
        fee_usd=_first(verdict.fee_usd, intent.fee_usd),
        venue_order_id=verdict.venue_order_id or intent.venue_order_id,
        evidence=verdict.evidence,
        refusal=verdict.refusal or intent.refusal,
        refusal_code=verdict.refusal_code or intent.refusal_code,
    )


def not_sent(code: str, reason: str) -> Verdict:
    """Return the verdict on an order that never left this process."""
    return Verdict(
        IntentEvent.NOT_SENT, "local", Decimal(0), refusal=reason, refusal_code=code
    )


def of_reply(intent: OrderIntent, reply: SubmitResult) -> Verdict:
    """Return what the reply to a submit proves; no proof means "look it up"."""
    if isinstance(reply, Rejected):
        if reply.code == DUPLICATE_CODE:
            return Verdict(IntentEvent.UNCERTAIN, "reply", refusal=reply.detail)
        if reply.code == NO_MATCH_CODE:
            return Verdict(IntentEvent.REJECTED, "reply", Decimal(0))
        return Verdict(
            IntentEvent.REJECTED,
            "reply",
            Decimal(0),
            refusal=reply.detail,
            refusal_code=reply.code,
        )
    if isinstance(reply, Accepted):
        if reply.is_final and reply.filled_base is not None:
            return _filled(intent, reply.filled_base, reply, "reply")
        return Verdict(
            IntentEvent.UNCERTAIN, "reply", venue_order_id=reply.venue_order_id
        )
    return Verdict(IntentEvent.UNCERTAIN, "reply", refusal=reply.cause)


def of_record(intent: OrderIntent, record: OrderRecord) -> Verdict | None:
    """Return what the venue's own record proves, None for nothing yet."""
    if record.filled_base is None:
        return None
    if record.is_final or record.filled_base >= intent.quantity_base:
        return _filled(intent, record.filled_base, record, "order")
    return None


def of_late_fill(intent: OrderIntent, seen: Sighting) -> Verdict | None:
    """Return what a record or executions prove about an order decided before."""
    for record in seen.found or ():
        verdict = of_record(intent, record)
        if verdict is not None:
            return verdict
    return _by_fills(intent, seen.fills or ())


def _by_fills(intent: OrderIntent, fills: Sequence[Fill]) -> Verdict | None:
    total = sum_of(fills)
    if not total:
        return None
    extent = _extent(intent, total)
    return Verdict(extent, "trades", total, average_of(fills), fee_of(fills))


def _filled(
    intent: OrderIntent, filled: Decimal, source: Accepted | OrderRecord, evidence: str
) -> Verdict:
    return Verdict(
        _extent(intent, filled),
        evidence,
        filled,
        source.average_price,
        source.fee_usd,
        source.venue_order_id,
    )


def _extent(intent: OrderIntent, filled: Decimal) -> IntentEvent:
    if filled >= intent.quantity_base:
        return IntentEvent.ALL
    return IntentEvent.SOME if filled > 0 else IntentEvent.NOTHING


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one round of look-ups saw; None is "could not be read"."""

    found: tuple[OrderRecord, ...] | None
    """Empty: the venue answered and does not show the order."""
    fills: Sequence[Fill] | None
    """Executions that carry our client order id."""
    moved_base: Decimal | None
    """Position change since the baseline in the order's direction."""
    entry_price: Decimal | None = None

    @property
    def is_complete(self) -> bool:
        """Tell whether every source answered."""
        return (
            self.found is not None
            and self.fills is not None
            and self.moved_base is not None
        )


class Watch:
    """Remembers the look-ups of one order and says when they prove an outcome."""

    def __init__(self, intent: OrderIntent) -> None:
        self._intent = intent
        self._filled = _Streak()
        self._moved = _Streak()
        self._absent = 0

    def judge(self, seen: Sighting, now: datetime) -> Verdict | None:
        """Return the outcome as soon as it is proven; the first proof wins."""
        for record in seen.found or ():
            verdict = of_record(self._intent, record)
            if verdict is not None:
                return verdict
        by_fills = self._by_fills(seen.fills, now)
        if by_fills is not None:
            return by_fills
        if any(not record.is_final for record in seen.found or ()):
            return None
        is_past = now >= self._intent.fence_at
        return self._by_position(seen, now, is_past=is_past) or self._by_absence(
            seen, is_past=is_past
        )

    def _by_fills(self, fills: Sequence[Fill] | None, now: datetime) -> Verdict | None:
        total = None if fills is None else sum_of(fills)
        reads = self._filled.see(total, now)
        if fills is None or not total:
            return None
        # executions may become visible one by one: a part counts when it stays
        if total < self._intent.quantity_base and reads < SAME_READS:
            return None
        return _by_fills(self._intent, fills)

    def _by_position(
        self, seen: Sighting, now: datetime, *, is_past: bool
    ) -> Verdict | None:
        moved = seen.moved_base
        reads = self._moved.see(moved, now)
        if moved is None or moved <= 0 or reads < SAME_READS:
            return None
        if now - self._moved.since < POSITION_APART:
            return None
        if moved >= self._intent.quantity_base:
            # more than ordered is not this order's doing alone
            event, filled = IntentEvent.ALL_HELD, self._intent.quantity_base
        elif is_past:
            event, filled = IntentEvent.SOME_HELD, moved
        else:
            return None
        return Verdict(event, "position", filled, seen.entry_price)

    def _by_absence(self, seen: Sighting, *, is_past: bool) -> Verdict | None:
        if not is_past or not seen.is_complete or seen.found:
            return None
        if seen.fills or seen.moved_base != 0:
            self._absent = 0
            return None
        self._absent += 1
        if self._absent < ROUNDS_AFTER_FENCE:
            return None
        return Verdict(IntentEvent.NOT_FOUND, "fence", Decimal(0))


class _Streak:
    """Counts equal readings in a row; an unread one breaks nothing and adds nothing."""

    def __init__(self) -> None:
        self._value: Decimal | None = None
        self._count = 0
        self.since = datetime.max.replace(tzinfo=UTC)

    def see(self, value: Decimal | None, now: datetime) -> int:
        if value is None:
            return self._count
        if value != self._value:
            self._count, self.since = 0, now
        self._count += 1
        self._value = value
        return self._count


def sum_of(fills: Sequence[Fill]) -> Decimal:
    """Return the total quantity of executions."""
    return sum((fill.quantity_base for fill in fills), Decimal(0))


def average_of(fills: Sequence[Fill]) -> Decimal | None:
    """Return the average price per base unit, None without executions."""
    total = sum_of(fills)
    if not total:
        return None
    return sum((fill.quantity_base * fill.price for fill in fills), Decimal(0)) / total


def fee_of(fills: Sequence[Fill]) -> Decimal | None:
    """Return the fees paid, None if the venue has not told all of them."""
    total = Decimal(0)
    for fill in fills:
        if fill.fee_usd is None:
            return None
        total += fill.fee_usd
    return total


def _first(new: Decimal | None, old: Decimal | None) -> Decimal | None:
    return old if new is None else new


def with_fills(intent: OrderIntent, fills: Sequence[Fill]) -> OrderIntent:
    """Return a decided order with price and fee of its executions.

    Executions that cover less than the fill change nothing yet.
    """
    if sum_of(fills) < (intent.filled_base or Decimal(0)):
        return intent
    return replace(
        intent,
        average_price=_first(average_of(fills), intent.average_price),
        fee_usd=_first(fee_of(fills), intent.fee_usd),
    )
