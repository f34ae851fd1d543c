"""Keep what must commit together: plans, trades, orders, payments, halts, events.

Each public method that writes is one transaction: all of it is kept or nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from core.errors import StorageError
from storage.columns import to_ms
from storage.journal_writes import (
    insert_trade,
    move_trade,
    put_cooldown,
    put_event,
    put_fill,
    put_intent,
    put_payment,
)
from storage.rows import (
    cooldown_of,
    event_of,
    fill_of,
    halt_of,
    halt_values,
    intent_of,
    payment_of,
    plan_of,
    plan_values,
    trade_of,
)
from storage.shelf import Shelf

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from core.model.alert import Alert
    from core.model.commit import Claim, Commit
    from core.model.control import Cooldown, Event, Halt
    from core.model.intent import OrderIntent
    from core.model.order import Fill, Payment
    from core.model.plan import PlanState, StoredPlan
    from core.model.trade import Trade
    from core.model.units import Base, IntentId, MessageId, PlanId, TradeId, VenueId
    from storage.columns import Value, Values
    from storage.database import Database
    from storage.outbox import SqliteOutbox

T = TypeVar("T")

_DRAFT = """
INSERT INTO plan (
    nonce_hash, plan_id, user_id, chat_id, message_id, action, body, body_sha256,
    quoted_at_ms, expires_at_ms, state, trade_id
) VALUES (
    :nonce_hash, :plan_id, :user_id, :chat_id, :message_id, :action, :body,
    :body_sha256, :quoted_at_ms, :expires_at_ms, :state, :trade_id
)
"""
_ISSUE = """
UPDATE plan SET state = 'issued', message_id = ? WHERE plan_id = ? AND state = 'draft'
"""
_END = """
UPDATE plan SET state = ? WHERE plan_id = ? AND state IN ('draft', 'issued')
"""
_VOID = "UPDATE plan SET state = 'void' WHERE state IN ('draft', 'issued')"
_USE = """
UPDATE plan SET state = 'used', trade_id = :trade_id
WHERE nonce_hash = :nonce_hash AND state = 'issued' AND user_id = :user_id
    AND chat_id = :chat_id AND message_id = :message_id AND expires_at_ms > :now_ms
"""
_PLAN_OF_NONCE = "SELECT * FROM plan WHERE nonce_hash = ?"
_PLAN = "SELECT * FROM plan WHERE plan_id = ?"
_TRADE = "SELECT * FROM trade WHERE trade_id = ?"
_IN_PROGRESS = """
SELECT * FROM trade WHERE state NOT IN ('closed', 'aborted')
ORDER BY created_at_ms, rowid
"""
_RECENT = "SELECT * FROM trade ORDER BY created_at_ms DESC, rowid DESC LIMIT ?"
_FILLS = "SELECT * FROM fill WHERE trade_id = ? ORDER BY at_ms, rowid"
_PAYMENTS = "SELECT * FROM payment WHERE trade_id = ? ORDER BY pay_at_ms, rowid"
_INTENT = "SELECT * FROM intent WHERE intent_id = ?"
_INTENTS = "SELECT * FROM intent WHERE trade_id = ? ORDER BY rowid"
_UNRESOLVED = """
SELECT * FROM intent WHERE state IN ('prepared', 'unknown') ORDER BY rowid
"""
_HALTS = "SELECT * FROM halt ORDER BY since_ms, scope, key"
_SET_HALT = """
INSERT INTO halt (scope, key, state, reason, since_ms, by_user_id, until_ms)
VALUES (:scope, :key, :state, :reason, :since_ms, :by_user_id, :until_ms)
ON CONFLICT (scope, key) DO UPDATE SET
    state = excluded.state, reason = excluded.reason, since_ms = excluded.since_ms,
    by_user_id = excluded.by_user_id, until_ms = excluded.until_ms
"""
_CLEAR_HALT = "DELETE FROM halt WHERE scope = ? AND key = ?"
_COOLDOWNS = "SELECT * FROM cooldown ORDER BY base, first_venue_id, second_venue_id"
_CLEAR_COOLDOWN = """
DELETE FROM cooldown WHERE base = ? AND first_venue_id = ? AND second_venue_id = ?
"""
_EVENTS = "SELECT * FROM event ORDER BY seq DESC LIMIT ?"


PAIRS_KEPT = 128
"""Of so many pairs payments are kept parsed; more are open by no setting."""


class _NothingKeptError(Exception):
    """Unwinds a transaction whose condition did not hold."""


class Journal:
    """The ports Plans, Trades, Intents and Halts on one database."""

    def __init__(self, database: Database, outbox: SqliteOutbox) -> None:
        self._database = database
        self._outbox = outbox
        self._payments: Shelf[TradeId, tuple[Payment, ...]] = Shelf(PAIRS_KEPT)

    # --- confirm cards --------------------------------------------------------------

    async def draft(self, plan: StoredPlan) -> None:
        """Store a plan before its message is sent."""
        values = plan_values(plan)
        await self._database.write(lambda connection: _run(connection, _DRAFT, values))

    async def issue(self, plan_id: PlanId, message_id: MessageId) -> bool:
        """Bind a draft to its message; False if it is no draft any more."""
        return await self._changed(_ISSUE, (message_id, plan_id)) == 1

    async def end(self, plan_id: PlanId, state: PlanState) -> bool:
        """End a draft or issued plan as expired, cancelled or void."""
        return await self._changed(_END, (state, plan_id)) == 1

    async def void_unused(self) -> int:
        """Void every draft and issued plan (start-up); return how many."""
        return await self._changed(_VOID, ())

    async def plan_of_nonce(self, nonce_hash: str) -> StoredPlan | None:
        """Return the plan whose button carries this nonce."""
        return await self._one(plan_of, _PLAN_OF_NONCE, nonce_hash)

    async def plan(self, plan_id: PlanId) -> StoredPlan | None:
        """Return a plan by id."""
        return await self._one(plan_of, _PLAN, plan_id)

    async def claim(self, claim: Claim) -> bool:
        """Use a plan and create or move its trade, all in one transaction.

        One conditional update: issued, user, chat and message equal, not expired.
        False if it changed nothing (or the trade's version moved): nothing is kept.
        """
        return await self._all_or_nothing(lambda writer: self._claim(writer, claim))

    def _claim(self, connection: sqlite3.Connection, claim: Claim) -> None:
        trade = claim.trade
        used: Values = {
            "trade_id": trade.trade_id,
            "nonce_hash": claim.nonce_hash,
            "user_id": claim.user_id,
            "chat_id": claim.chat_id,
            "message_id": claim.message_id,
            "now_ms": to_ms(claim.now),
        }
        if connection.execute(_USE, used).rowcount != 1:
            raise _NothingKeptError
        row = connection.execute(_PLAN_OF_NONCE, (claim.nonce_hash,)).fetchone()
        if row["action"] == "open":
            _check_owner(trade, trade.plan_id, row["plan_id"])
            insert_trade(connection, trade)
            for intent in claim.intents:
                put_intent(connection, intent)
            for fill in claim.fills:
                put_fill(connection, fill)
        else:
            adding = trade.adding
            named = trade.close_plan_id if adding is None else adding.plan_id
            _check_owner(trade, named, row["plan_id"])
            if not move_trade(connection, trade):
                raise _NothingKeptError
        put_event(connection, claim.event)
        self._tell(connection, claim.alerts)

    # --- trades ---------------------------------------------------------------------

    async def trade(self, trade_id: TradeId) -> Trade | None:
        """Return a trade by id."""
        return await self._one(trade_of, _TRADE, trade_id)

    async def trades_in_progress(self) -> tuple[Trade, ...]:
        """Return every trade that is not terminal, oldest first."""
        return await self._all(trade_of, _IN_PROGRESS)

    async def recent_trades(self, limit: int) -> tuple[Trade, ...]:
        """Return the latest trades of any state, newest first."""
        return await self._all(trade_of, _RECENT, limit)

    async def commit(self, change: Commit) -> bool:
        """Write one step: trade, intents, fills, alerts, event, in one transaction.

        False if the trade's stored version is not one below the given one; then nothing
        is kept.

        Raises:
            StorageError: nothing is kept.
        """
        try:
            return await self._all_or_nothing(lambda conn: self._commit(conn, change))
        finally:
            if change.payments:
                self._payments.forget()

    def _commit(self, connection: sqlite3.Connection, change: Commit) -> None:
        if not move_trade(connection, change.trade):
            raise _NothingKeptError
        for intent in change.intents:
            put_intent(connection, intent)
        for fill in change.fills:
            put_fill(connection, fill)
        for payment in change.payments:
            put_payment(connection, payment)
        if change.cooldown is not None:
            put_cooldown(connection, change.cooldown)
        put_event(connection, change.event)
        self._tell(connection, change.alerts)

    async def fills_of(self, trade_id: TradeId) -> tuple[Fill, ...]:
        """Return a trade's executions, oldest first."""
        return await self._all(fill_of, _FILLS, trade_id)

    async def book_fills(self, fills: Sequence[Fill]) -> None:
        """Store executions that no order of ours made, once by the venue's id."""

        def work(connection: sqlite3.Connection) -> None:
            for fill in fills:
                put_fill(connection, fill)

        await self._database.write(work)

    async def payments_of(self, trade_id: TradeId) -> tuple[Payment, ...]:
        """Return a trade's funding payments, oldest first."""
        return await self._payments.get(
            trade_id, lambda: self._all(payment_of, _PAYMENTS, trade_id)
        )

    async def book_payments(self, payments: Sequence[Payment]) -> int:
        """Store payments once by (venue, symbol, moment); return how many were new.

        A final payment replaces an estimated one.
        """

        def work(connection: sqlite3.Connection) -> int:
            return sum(put_payment(connection, payment) for payment in payments)

        try:
            return await self._database.write(work)
        finally:
            self._payments.forget()

    # --- orders ---------------------------------------------------------------------

    async def intent(self, intent_id: IntentId) -> OrderIntent | None:
        """Return an intent by id."""
        return await self._one(intent_of, _INTENT, intent_id)

    async def intents_of(self, trade_id: TradeId) -> tuple[OrderIntent, ...]:
        """Return a trade's intents in the order of creation."""
        return await self._all(intent_of, _INTENTS, trade_id)

    async def unresolved(self) -> tuple[OrderIntent, ...]:
        """Return every prepared or unknown intent."""
        return await self._all(intent_of, _UNRESOLVED)

    async def settle(
        self,
        intent: OrderIntent,
        fills: Sequence[Fill],
        alerts: Sequence[Alert] = (),
    ) -> None:
        """Write an intent's new state with its fills, in one transaction."""

        def work(connection: sqlite3.Connection) -> None:
            put_intent(connection, intent)
            for fill in fills:
                put_fill(connection, fill)
            self._tell(connection, alerts)

        await self._database.write(work)

    # --- who may trade now ----------------------------------------------------------

    async def halts(self) -> tuple[Halt, ...]:
        """Return every halt in force."""
        return await self._all(halt_of, _HALTS)

    async def set_halt(
        self, halt: Halt, event: Event, alerts: Sequence[Alert] = ()
    ) -> None:
        """Put a halt in force (or replace the one of its scope and key)."""
        values = halt_values(halt)

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(_SET_HALT, values)
            put_event(connection, event)
            self._tell(connection, alerts)

        await self._database.write(work)

    async def clear_halt(
        self, scope: str, key: str, event: Event, alerts: Sequence[Alert] = ()
    ) -> bool:
        """Lift a halt; False, and nothing told, if there was none."""

        def work(connection: sqlite3.Connection) -> None:
            if connection.execute(_CLEAR_HALT, (scope, key)).rowcount != 1:
                raise _NothingKeptError
            put_event(connection, event)
            self._tell(connection, alerts)

        return await self._all_or_nothing(work)

    async def cooldowns(self) -> tuple[Cooldown, ...]:
        """Return every stored cool-down."""
        return await self._all(cooldown_of, _COOLDOWNS)

    async def set_cooldown(self, cooldown: Cooldown) -> None:
        """Store a pair's cool-down."""
        await self._database.write(lambda writer: put_cooldown(writer, cooldown))

    async def clear_cooldown(self, base: Base, venues: tuple[VenueId, VenueId]) -> None:
        """Forget a pair's cool-down."""
        await self._changed(_CLEAR_COOLDOWN, (base, *sorted(venues)))

    async def log_event(self, event: Event) -> None:
        """Add a line to the audit trail."""
        await self._database.write(lambda writer: put_event(writer, event))

    async def events(self, limit: int) -> tuple[Event, ...]:
        """Return the latest lines of the audit trail, newest first."""
        return await self._all(event_of, _EVENTS, limit)

    # --- inside ---------------------------------------------------------------------

    def _tell(self, connection: sqlite3.Connection, alerts: Sequence[Alert]) -> None:
        for alert in alerts:
            self._outbox.store(connection, alert)

    async def _all_or_nothing(self, work: Callable[[sqlite3.Connection], None]) -> bool:
        try:
            await self._database.write(work)
        except _NothingKeptError:
            return False
        return True

    async def _changed(self, statement: str, values: tuple[Value, ...]) -> int:
        return await self._database.write(
            lambda writer: writer.execute(statement, values).rowcount
        )

    async def _one(
        self, build: Callable[[sqlite3.Row], T], query: str, *values: Value
    ) -> T | None:
        found = await self._all(build, query, *values)
        return found[0] if found else None

    async def _all(
        self, build: Callable[[sqlite3.Row], T], query: str, *values: Value
    ) -> tuple[T, ...]:
        return await self._database.read(
            lambda reader: tuple(build(row) for row in reader.execute(query, values))
        )


def _run(connection: sqlite3.Connection, statement: str, values: Values) -> None:
    connection.execute(statement, values)


def _check_owner(trade: Trade, named: PlanId | None, claimed: str) -> None:
    """Refuse to let one plan's nonce move another plan's trade."""
    if named != claimed:
        message = f"trade {trade.trade_id} does not belong to plan {claimed}"
        raise StorageError(message)
