"""Plans, trades, intents and halts in memory, with the same atomicity as the database.

Every call passes a `Switch`, which can kill the process before or after it: what was
committed stays, everything that waits for the answer is gone.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from core.errors import StorageError
from core.model.plan import ClosePlan, PlanState
from storage.journal_writes import merge_intent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from core.model.alert import Alert, OutboxItem
    from core.model.commit import Claim, Commit
    from core.model.control import Cooldown, Event, Halt
    from core.model.intent import OrderIntent
    from core.model.order import Fill, Payment
    from core.model.plan import StoredPlan
    from core.model.trade import Trade
    from core.model.units import (
        Base,
        ChatId,
        IntentId,
        MessageId,
        PlanId,
        TradeId,
        VenueId,
    )


class Killed(BaseException):
    """The process is gone; nothing of it may run any further."""


class Switch:
    """Counts calls to storage and venues, and kills the process at one of them."""

    def __init__(self, kill_at: int | None = None) -> None:
        self.kill_at = kill_at
        self.passed: list[str] = []
        self.is_dead = False

    async def point(self, name: str) -> None:
        """Pass one point, or die there."""
        if self.is_dead:
            raise Killed
        self.passed.append(name)
        if len(self.passed) == self.kill_at:
            self.is_dead = True
            raise Killed

    def revive(self, kill_at: int | None = None) -> None:
        """Start a new process, to be killed at its own nth point."""
        self.passed.clear()
        self.kill_at = kill_at
        self.is_dead = False


@dataclass(slots=True)
class MemoryJournal:
    """Everything that must commit together, in dictionaries."""

    switch: Switch = field(default_factory=Switch)
    plans: dict[str, StoredPlan] = field(default_factory=dict)
    rows: dict[TradeId, Trade] = field(default_factory=dict)
    orders: dict[IntentId, OrderIntent] = field(default_factory=dict)
    fills: dict[tuple[VenueId, str, str], Fill] = field(default_factory=dict)
    payments: dict[tuple[VenueId, str, datetime], Payment] = field(default_factory=dict)
    halt_rows: dict[tuple[str, str], Halt] = field(default_factory=dict)
    pauses: dict[tuple[Base, tuple[VenueId, VenueId]], Cooldown] = field(
        default_factory=dict
    )
    trail: list[Event] = field(default_factory=list)
    alerts: dict[str, Alert] = field(default_factory=dict)
    failures: int = 0
    """So many of the next writes find a full disk."""
    watch: Callable[[], None] = lambda: None
    """Called after every write, to check what must always hold."""

    async def _before(self, name: str) -> None:
        await self.switch.point(f"before {name}")
        if self.failures > 0:
            self.failures -= 1
            message = "disk full"
            raise StorageError(message)

    async def _after(self, name: str) -> None:
        self.watch()
        await self.switch.point(f"after {name}")

    def _tell(self, alerts: Sequence[Alert]) -> None:
        for alert in alerts:
            self.alerts.setdefault(alert.dedupe_key, alert)

    # --- plans ------------------------------------------------------------------------

    async def draft(self, plan: StoredPlan) -> None:
        """Store a plan before its message is sent."""
        await self._before("draft")
        self.plans[plan.nonce_hash] = plan
        await self._after("draft")

    async def issue(self, plan_id: PlanId, message_id: MessageId) -> bool:
        """Bind a draft to its message."""
        plan = await self.plan(plan_id)
        if plan is None or plan.state is not PlanState.DRAFT:
            return False
        issued = replace(plan, state=PlanState.ISSUED, message_id=message_id)
        self.plans[plan.nonce_hash] = issued
        return True

    async def end(self, plan_id: PlanId, state: PlanState) -> bool:
        """End an unused plan."""
        plan = await self.plan(plan_id)
        if plan is None or plan.state not in {PlanState.DRAFT, PlanState.ISSUED}:
            return False
        self.plans[plan.nonce_hash] = replace(plan, state=state)
        return True

    async def void_unused(self) -> int:
        """Void every unused plan."""
        ended = [await self.end(p.plan_id, PlanState.VOID) for p in self._plans()]
        return sum(ended)

    def _plans(self) -> tuple[StoredPlan, ...]:
        return tuple(self.plans.values())

    async def plan_of_nonce(self, nonce_hash: str) -> StoredPlan | None:
        """Return the plan of a button."""
        return self.plans.get(nonce_hash)

    async def plan(self, plan_id: PlanId) -> StoredPlan | None:
        """Return a plan by id."""
        return next((p for p in self._plans() if p.plan_id == plan_id), None)

    async def claim(self, claim: Claim) -> bool:
        """Use a plan and create or move its trade."""
        await self._before("claim")
        plan = self.plans.get(claim.nonce_hash)
        if plan is None or not _is_claimable(plan, claim):
            return False
        stored = self.rows.get(claim.trade.trade_id)
        is_new = not isinstance(plan.body, ClosePlan) and stored is None
        is_next = stored is not None and stored.version == claim.trade.version - 1
        if not (is_new or is_next):
            return False
        used = replace(plan, state=PlanState.USED, trade_id=claim.trade.trade_id)
        self.plans[claim.nonce_hash] = used
        self.rows[claim.trade.trade_id] = claim.trade
        self.orders.update({each.intent_id: each for each in claim.intents})
        self._keep(claim.fills)
        self.trail.append(claim.event)
        self._tell(claim.alerts)
        await self._after("claim")
        return True

    # --- trades -----------------------------------------------------------------------

    async def trade(self, trade_id: TradeId) -> Trade | None:
        """Return a trade by id."""
        await self.switch.point("trade")
        return self.rows.get(trade_id)

    async def trades_in_progress(self) -> tuple[Trade, ...]:
        """Return every trade that is not ended, oldest first."""
        await self.switch.point("trades_in_progress")
        return tuple(t for t in self.rows.values() if not t.state.is_terminal)

    async def recent_trades(self, limit: int) -> tuple[Trade, ...]:
        """Return the latest trades, newest first."""
        return tuple(reversed(self.rows.values()))[:limit]

    async def commit(self, change: Commit) -> bool:
        """Write one step, all of it or nothing."""
        await self._before("commit")
        stored = self.rows.get(change.trade.trade_id)
        if stored is None or stored.version != change.trade.version - 1:
            return False
        for order in change.intents:
            self._check_new(order)
        self.rows[change.trade.trade_id] = change.trade
        self.orders.update({order.intent_id: order for order in change.intents})
        self._keep(change.fills)
        self._book(change.payments)
        self._tell(change.alerts)
        self.trail.append(change.event)
        if change.cooldown is not None:
            key = change.cooldown.base, change.cooldown.venues
            self.pauses[key] = change.cooldown
        await self._after("commit")
        return True

    def _check_new(self, order: OrderIntent) -> None:
        for other in self.orders.values():
            is_same_id = other.client_order_id == order.client_order_id
            is_twin = _slot(other) == _slot(order) or (
                is_same_id and other.venue_id == order.venue_id
            )
            if is_twin or other.intent_id == order.intent_id:
                message = f"order {order.intent_id} exists already"
                raise StorageError(message)

    def _keep(self, fills: Sequence[Fill]) -> None:
        for fill in fills:
            key = fill.venue_id, fill.symbol, fill.venue_trade_id
            known = self.fills.setdefault(key, fill)
            if known.fee_usd is None:
                self.fills[key] = replace(known, fee_usd=fill.fee_usd)

    async def fills_of(self, trade_id: TradeId) -> tuple[Fill, ...]:
        """Return a trade's executions."""
        return tuple(f for f in self.fills.values() if f.trade_id == trade_id)

    async def book_fills(self, fills: Sequence[Fill]) -> None:
        """Store executions of nobody's order."""
        await self._before("book_fills")
        self._keep(fills)
        await self._after("book_fills")

    async def payments_of(self, trade_id: TradeId) -> tuple[Payment, ...]:
        """Return a trade's payments."""
        return tuple(p for p in self.payments.values() if p.trade_id == trade_id)

    async def book_payments(self, payments: Sequence[Payment]) -> int:
        """Store payments once; a final one replaces an estimate."""
        await self._before("book_payments")
        new = self._book(payments)
        await self._after("book_payments")
        return new

    def _book(self, payments: Sequence[Payment]) -> int:
        new = 0
        for paid in payments:
            key = paid.venue_id, paid.symbol, paid.pay_at
            known = self.payments.get(key)
            new += known is None
            if known is None or (known.is_estimated and not paid.is_estimated):
                self.payments[key] = paid
        return new

    # --- intents ----------------------------------------------------------------------

    async def intent(self, intent_id: IntentId) -> OrderIntent | None:
        """Return an intent by id."""
        return self.orders.get(intent_id)

    async def intents_of(self, trade_id: TradeId) -> tuple[OrderIntent, ...]:
        """Return a trade's intents."""
        return tuple(o for o in self.orders.values() if o.trade_id == trade_id)

    async def unresolved(self) -> tuple[OrderIntent, ...]:
        """Return every undecided intent."""
        return tuple(o for o in self.orders.values() if not o.state.is_terminal)

    async def settle(
        self, intent: OrderIntent, fills: Sequence[Fill], alerts: Sequence[Alert] = ()
    ) -> None:
        """Write an intent's new state with its fills."""
        await self._before("settle")
        known = self.orders.get(intent.intent_id, intent)
        self.orders[intent.intent_id] = merge_intent(known, intent)
        self._keep(fills)
        self._tell(alerts)
        await self._after("settle")

    # --- halts ------------------------------------------------------------------------

    async def halts(self) -> tuple[Halt, ...]:
        """Return every halt in force."""
        return tuple(self.halt_rows.values())

    async def set_halt(
        self, halt: Halt, event: Event, alerts: Sequence[Alert] = ()
    ) -> None:
        """Put a halt in force."""
        await self._before("set_halt")
        self.halt_rows[halt.scope, halt.key] = halt
        self.trail.append(event)
        self._tell(alerts)
        await self._after("set_halt")

    async def clear_halt(
        self, scope: str, key: str, event: Event, alerts: Sequence[Alert] = ()
    ) -> bool:
        """Lift a halt."""
        await self._before("clear_halt")
        found = self.halt_rows.pop((scope, key), None) is not None
        if found:
            self.trail.append(event)
            self._tell(alerts)
        await self._after("clear_halt")
        return found

    async def cooldowns(self) -> tuple[Cooldown, ...]:
        """Return every pause of a pair."""
        return tuple(self.pauses.values())

    async def set_cooldown(self, cooldown: Cooldown) -> None:
        """Store a pause."""
        self.pauses[cooldown.base, cooldown.venues] = cooldown

    async def clear_cooldown(self, base: Base, venues: tuple[VenueId, VenueId]) -> None:
        """Forget a pause."""
        await self._before("clear_cooldown")
        self.pauses.pop((base, venues), None)

    async def log_event(self, event: Event) -> None:
        """Add an audit line."""
        self.trail.append(event)

    async def events(self, limit: int) -> tuple[Event, ...]:
        """Return the latest audit lines, newest first."""
        return tuple(reversed(self.trail))[:limit]


class MemoryOutbox:
    """The messages of a journal, as far as putting them there goes."""

    def __init__(self, journal: MemoryJournal) -> None:
        self._journal = journal

    async def put(self, alert: Alert) -> bool:
        """Store an alert unless its key is stored."""
        await self._journal.switch.point("put")
        is_new = alert.dedupe_key not in self._journal.alerts
        self._journal.alerts.setdefault(alert.dedupe_key, alert)
        return is_new

    async def due(self, now: datetime, limit: int) -> tuple[OutboxItem, ...]:
        """Deliver nothing: these tests read the journal's alerts."""
        del now, limit
        return ()

    async def sent(self, item_id: int, message_id: MessageId | None) -> None:
        """Take note of nothing."""

    async def retry(self, item_id: int, next_at: datetime, error: str) -> None:
        """Take note of nothing."""

    async def drop(self, item_id: int, why: str) -> None:
        """Take note of nothing."""

    async def hold(self, item_id: int) -> None:
        """Take note of nothing."""

    async def held(self, limit: int) -> tuple[OutboxItem, ...]:
        """Keep nothing back."""
        del limit
        return ()

    async def park_chat(self, chat_id: ChatId, until: datetime) -> None:
        """Take note of nothing."""

    async def depth(self) -> tuple[int, datetime | None]:
        """Return an empty queue."""
        return 0, None


def _slot(order: OrderIntent) -> tuple[str, int, str, int]:
    return order.trade_id, order.leg, order.purpose, order.seq


def _is_claimable(plan: StoredPlan, claim: Claim) -> bool:
    return (
        plan.state is PlanState.ISSUED
        and plan.user_id == claim.user_id
        and plan.chat_id == claim.chat_id
        and plan.message_id == claim.message_id
        and claim.now < plan.expires_at
    )
