"""Write single rows of the record inside a transaction that the caller owns."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from core.errors import StorageError
from core.model.intent import IntentState
from storage.rows import (
    cooldown_values,
    event_values,
    fill_values,
    intent_of,
    intent_values,
    payment_values,
    trade_values,
)

if TYPE_CHECKING:
    import sqlite3
    from decimal import Decimal

    from core.model.control import Cooldown, Event
    from core.model.intent import OrderIntent
    from core.model.order import Fill, Payment
    from core.model.trade import Trade

log = logging.getLogger(__name__)

_CERTAINTY = (
    IntentState.PREPARED,
    IntentState.UNKNOWN,
    IntentState.NONE,
    IntentState.PARTIAL,
    IntentState.FILLED,
)
"""Every arrow of an order's life leads right or stays."""

_INSERT_TRADE = """
INSERT INTO trade (
    trade_id, plan_id, base, legs, quantity_base, leverage, spread_per_hour, bounds,
    opened_by, chat_id, message_id, created_at_ms, state, version, needs_attention,
    attention, leg1_filled_at_ms, opened_at_ms, closed_at_ms, close_plan_id,
    close_target_base, close_rounds, steps, series_at_ms, outcome, adding
) VALUES (
    :trade_id, :plan_id, :base, :legs, :quantity_base, :leverage, :spread_per_hour,
    :bounds, :opened_by, :chat_id, :message_id, :created_at_ms, :state, :version,
    :needs_attention, :attention, :leg1_filled_at_ms, :opened_at_ms, :closed_at_ms,
    :close_plan_id, :close_target_base, :close_rounds, :steps, :series_at_ms, :outcome,
    :adding
)
"""
_MOVE_TRADE = """
UPDATE trade SET
    legs = :legs, quantity_base = :quantity_base, bounds = :bounds,
    spread_per_hour = :spread_per_hour, adding = :adding,
    chat_id = :chat_id, message_id = :message_id, state = :state, version = :version,
    needs_attention = :needs_attention, attention = :attention,
    leg1_filled_at_ms = :leg1_filled_at_ms, opened_at_ms = :opened_at_ms,
    closed_at_ms = :closed_at_ms, close_plan_id = :close_plan_id,
    close_target_base = :close_target_base, close_rounds = :close_rounds,
    steps = :steps, series_at_ms = :series_at_ms, outcome = :outcome
WHERE trade_id = :trade_id AND version = :version - 1
"""
_INSERT_INTENT = """
INSERT INTO intent (
    intent_id, trade_id, leg, purpose, seq, venue_id, symbol, side, quantity_base,
    limit_price, is_reduce_only, client_order_id, created_at_ms, send_by_ms,
    fence_at_ms, baseline_base, state, filled_base, average_price, fee_usd,
    venue_order_id, evidence, refusal, refusal_code
) VALUES (
    :intent_id, :trade_id, :leg, :purpose, :seq, :venue_id, :symbol, :side,
    :quantity_base, :limit_price, :is_reduce_only, :client_order_id, :created_at_ms,
    :send_by_ms, :fence_at_ms, :baseline_base, :state, :filled_base, :average_price,
    :fee_usd, :venue_order_id, :evidence, :refusal, :refusal_code
)
"""
_MOVE_INTENT = """
UPDATE intent SET
    state = :state, filled_base = :filled_base, average_price = :average_price,
    fee_usd = :fee_usd, venue_order_id = :venue_order_id, evidence = :evidence,
    refusal = :refusal, refusal_code = :refusal_code
WHERE intent_id = :intent_id
"""
# A fill is one fact however often it is read; what was missing may come later.
_PUT_FILL = """
INSERT INTO fill (
    venue_id, symbol, venue_trade_id, side, quantity_base, price, fee_usd, at_ms,
    client_order_id, intent_id, trade_id
) VALUES (
    :venue_id, :symbol, :venue_trade_id, :side, :quantity_base, :price, :fee_usd,
    :at_ms, :client_order_id, :intent_id, :trade_id
)
ON CONFLICT (venue_id, symbol, venue_trade_id) DO UPDATE SET
    fee_usd = coalesce(fill.fee_usd, excluded.fee_usd),
    client_order_id = coalesce(fill.client_order_id, excluded.client_order_id),
    intent_id = coalesce(fill.intent_id, excluded.intent_id),
    trade_id = coalesce(fill.trade_id, excluded.trade_id)
"""
_PUT_PAYMENT = """
INSERT INTO payment (
    venue_id, symbol, pay_at_ms, amount_usd, per_payment, quantity_base, price,
    is_estimated, trade_id
) VALUES (
    :venue_id, :symbol, :pay_at_ms, :amount_usd, :per_payment, :quantity_base, :price,
    :is_estimated, :trade_id
)
ON CONFLICT (venue_id, symbol, pay_at_ms) DO NOTHING
"""
_FINAL_PAYMENT = """
UPDATE payment SET
    amount_usd = :amount_usd, per_payment = :per_payment,
    quantity_base = :quantity_base, price = :price, is_estimated = 0,
    trade_id = coalesce(:trade_id, trade_id)
WHERE venue_id = :venue_id AND symbol = :symbol AND pay_at_ms = :pay_at_ms
    AND is_estimated = 1 AND :is_estimated = 0
"""
_PUT_EVENT = """
INSERT INTO event (at_ms, who, what, detail) VALUES (:at_ms, :who, :what, :detail)
"""
_PUT_COOLDOWN = """
INSERT INTO cooldown (base, first_venue_id, second_venue_id, until_ms, level)
VALUES (:base, :first_venue_id, :second_venue_id, :until_ms, :level)
ON CONFLICT (base, first_venue_id, second_venue_id) DO UPDATE SET
    until_ms = excluded.until_ms, level = excluded.level
"""


def insert_trade(connection: sqlite3.Connection, trade: Trade) -> None:
    """Write a new trade; a second one of its plan is refused by the table."""
    connection.execute(_INSERT_TRADE, trade_values(trade))


def move_trade(connection: sqlite3.Connection, trade: Trade) -> bool:
    """Write a trade's next version; False unless the one before it is stored."""
    return connection.execute(_MOVE_TRADE, trade_values(trade)).rowcount == 1


def put_intent(connection: sqlite3.Connection, intent: OrderIntent) -> None:
    """Write a new intent, or what became of a stored one.

    Raises:
        StorageError: the stored intent is another order.
    """
    query = "SELECT * FROM intent WHERE intent_id = ?"
    row = connection.execute(query, (intent.intent_id,)).fetchone()
    if row is None:
        connection.execute(_INSERT_INTENT, intent_values(intent))
        return
    merged = merge_intent(intent_of(row), intent)
    connection.execute(_MOVE_INTENT, intent_values(merged))


def merge_intent(stored: OrderIntent, given: OrderIntent) -> OrderIntent:
    """Return what is known of an order from two views of it, the later one given.

    Knowledge only grows, in whatever order the views are written: a decided outcome
    stays decided, what is filled never shrinks, a venue's order id is not forgotten.

    Raises:
        StorageError: they are two orders.
    """
    if stored.client_order_id != given.client_order_id:
        message = f"intent {given.intent_id} is stored with another client order id"
        raise StorageError(message)
    is_older = _CERTAINTY.index(given.state) < _CERTAINTY.index(stored.state)
    if is_older:
        log.warning("intent=%s stays %s", stored.intent_id, stored.state.value)
    fuller = stored if _is_fuller(stored, given) else given
    is_equal = fuller.filled_base == stored.filled_base
    return replace(
        stored if is_older else given,
        venue_order_id=given.venue_order_id or stored.venue_order_id,
        filled_base=fuller.filled_base,
        average_price=_known(
            fuller.average_price, stored.average_price, is_equal=is_equal
        ),
        fee_usd=_known(fuller.fee_usd, stored.fee_usd, is_equal=is_equal),
    )


def _is_fuller(stored: OrderIntent, given: OrderIntent) -> bool:
    if stored.filled_base is None:
        return False
    return given.filled_base is None or stored.filled_base > given.filled_base


def _known(
    value: Decimal | None, before: Decimal | None, *, is_equal: bool
) -> Decimal | None:
    """Return the value, or what was known before of the same filled quantity."""
    return before if value is None and is_equal else value


def put_fill(connection: sqlite3.Connection, fill: Fill) -> None:
    """Write an execution once."""
    connection.execute(_PUT_FILL, fill_values(fill))


def put_payment(connection: sqlite3.Connection, payment: Payment) -> bool:
    """Write a payment once, a final one over an estimate; True if it is new."""
    values = payment_values(payment)
    if connection.execute(_PUT_PAYMENT, values).rowcount == 1:
        return True
    connection.execute(_FINAL_PAYMENT, values)
    return False


def put_event(connection: sqlite3.Connection, event: Event) -> None:
    """Add an audit line."""
    connection.execute(_PUT_EVENT, event_values(event))


def put_cooldown(connection: sqlite3.Connection, cooldown: Cooldown) -> None:
    """Write a pair's cool-down over an earlier one."""
    connection.execute(_PUT_COOLDOWN, cooldown_values(cooldown))
