"""Turn stored rows into domain objects and back; pure, one pair of functions each."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from core.errors import StorageError
from core.model.control import Cooldown, Event, Halt, TradingState
from core.model.intent import IntentState, OrderIntent, Purpose
from core.model.order import Fill, Payment
from core.model.plan import (
    AddPlan,
    AdoptPlan,
    Bounds,
    ClosePlan,
    OpenPlan,
    PlanState,
    StoredPlan,
)
from core.model.trade import Addition, Trade, TradeLeg, TradeState
from core.model.units import (
    Base,
    ChatId,
    ClientOrderId,
    IntentId,
    MessageId,
    OrderSide,
    PlanId,
    TradeId,
    UserId,
    VenueId,
)
from storage.columns import (
    STRICT,
    Json,
    Record,
    maybe_ms,
    maybe_text,
    to_ms,
    to_text,
)

if TYPE_CHECKING:
    import sqlite3

    from core.model.plan import PlanBody
    from storage.columns import (
        Values,
    )

# The strict configuration reaches a plain dataclass only from a type around it, hence
# the tuples of one.
_LEGS = Json("legs", TypeAdapter(tuple[TradeLeg, TradeLeg], config=STRICT))
_BOUNDS = Json("bounds", TypeAdapter(tuple[Bounds], config=STRICT))
_OPEN_PLAN = Json("plan", TypeAdapter(tuple[OpenPlan | AdoptPlan], config=STRICT))
"""Both begin a trade: no text of the one has the other's fields."""
_CLOSE_PLAN = Json("close plan", TypeAdapter(tuple[ClosePlan | AddPlan], config=STRICT))
"""Both move a trade that is there, as the table's word for it means; see above."""
_ADDITION = Json("addition", TypeAdapter(tuple[Addition], config=STRICT))


# --- confirm cards --------------------------------------------------------------------


def plan_values(plan: StoredPlan) -> Values:
    """Return a plan's columns."""
    if isinstance(plan.body, ClosePlan | AddPlan):
        action, body = "close", _CLOSE_PLAN.dump((plan.body,))
    else:
        action, body = "open", _OPEN_PLAN.dump((plan.body,))
    return {
        "nonce_hash": plan.nonce_hash,
        "plan_id": plan.plan_id,
        "user_id": plan.user_id,
        "chat_id": plan.chat_id,
        "message_id": plan.message_id,
        "action": action,
        "body": body,
        "body_sha256": _digest(body),
        "quoted_at_ms": to_ms(plan.quoted_at),
        "expires_at_ms": to_ms(plan.expires_at),
        "state": plan.state,
        "trade_id": plan.trade_id,
    }


def plan_of(row: sqlite3.Row) -> StoredPlan:
    """Return a plan.

    Raises:
        StorageError: malformed, or the body is not the one that was stored.
    """
    record = Record("plan", row)
    message_id = record.maybe_whole("message_id")
    trade_id = record.maybe_text("trade_id")
    return StoredPlan(
        plan_id=PlanId(record.text("plan_id")),
        nonce_hash=record.text("nonce_hash"),
        user_id=UserId(record.whole("user_id")),
        chat_id=ChatId(record.whole("chat_id")),
        message_id=None if message_id is None else MessageId(message_id),
        body=_plan_body(record),
        quoted_at=record.moment("quoted_at_ms"),
        expires_at=record.moment("expires_at_ms"),
        state=record.word("state", PlanState),
        trade_id=None if trade_id is None else TradeId(trade_id),
    )


def _plan_body(record: Record) -> PlanBody:
    text = record.text("body")
    if _digest(text) != record.text("body_sha256"):
        message = f"stored plan {record.text('plan_id')} was changed after the quote"
        raise StorageError(message)
    if record.text("action") == "open":
        return _OPEN_PLAN.load(text)[0]
    return _CLOSE_PLAN.load(text)[0]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# --- trades and orders ----------------------------------------------------------------


def trade_values(trade: Trade) -> Values:
    """Return a trade's columns."""
    return {
        "trade_id": trade.trade_id,
        "plan_id": trade.plan_id,
        "base": trade.base,
        "legs": _LEGS.dump(trade.legs),
        "quantity_base": to_text(trade.quantity_base),
        "leverage": to_text(trade.leverage),
        "spread_per_hour": to_text(trade.spread_per_hour),
        "bounds": _BOUNDS.dump((trade.bounds,)),
        "opened_by": trade.opened_by,
        "chat_id": trade.chat_id,
        "message_id": trade.message_id,
        "created_at_ms": to_ms(trade.created_at),
        "state": trade.state,
        "version": trade.version,
        "needs_attention": int(trade.needs_attention),
        "attention": trade.attention,
        "leg1_filled_at_ms": maybe_ms(trade.leg1_filled_at),
        "opened_at_ms": maybe_ms(trade.opened_at),
        "closed_at_ms": maybe_ms(trade.closed_at),
        "close_plan_id": trade.close_plan_id,
        "close_target_base": maybe_text(trade.close_target_base),
        "close_rounds": trade.close_rounds,
        "steps": trade.steps,
        "series_at_ms": maybe_ms(trade.series_at),
        "outcome": trade.outcome,
        "adding": None if trade.adding is None else _ADDITION.dump((trade.adding,)),
    }


def trade_of(row: sqlite3.Row) -> Trade:
    """Return a trade."""
    record = Record("trade", row)
    first, second = _LEGS.load(record.text("legs"))
    message_id = record.maybe_whole("message_id")
    close_plan_id = record.maybe_text("close_plan_id")
    adding = record.maybe_text("adding")
    return Trade(
        trade_id=TradeId(record.text("trade_id")),
        plan_id=PlanId(record.text("plan_id")),
        base=Base(record.text("base")),
        first=first,
        second=second,
        quantity_base=record.decimal("quantity_base"),
        leverage=record.decimal("leverage"),
        spread_per_hour=record.decimal("spread_per_hour"),
        bounds=_BOUNDS.load(record.text("bounds"))[0],
        opened_by=UserId(record.whole("opened_by")),
        chat_id=ChatId(record.whole("chat_id")),
        message_id=None if message_id is None else MessageId(message_id),
        created_at=record.moment("created_at_ms"),
        state=record.word("state", TradeState),
        version=record.whole("version"),
        needs_attention=record.flag("needs_attention"),
        attention=record.maybe_text("attention"),
        leg1_filled_at=record.maybe_moment("leg1_filled_at_ms"),
        opened_at=record.maybe_moment("opened_at_ms"),
        closed_at=record.maybe_moment("closed_at_ms"),
        close_plan_id=None if close_plan_id is None else PlanId(close_plan_id),
        close_target_base=record.maybe_decimal("close_target_base"),
        close_rounds=record.whole("close_rounds"),
        steps=record.whole("steps"),
        series_at=record.maybe_moment("series_at_ms"),
        outcome=record.maybe_text("outcome"),
        adding=None if adding is None else _ADDITION.load(adding)[0],
    )


def intent_values(intent: OrderIntent) -> Values:
    """Return an intent's columns."""
    return {
        "intent_id": intent.intent_id,
        "trade_id": intent.trade_id,
        "leg": intent.leg,
        "purpose": intent.purpose,
        "seq": intent.seq,
        "venue_id": intent.venue_id,
        "symbol": intent.symbol,
        "side": intent.side,
        "quantity_base": to_text(intent.quantity_base),
        "limit_price": to_text(intent.limit_price),
        "is_reduce_only": int(intent.is_reduce_only),
        "client_order_id": intent.client_order_id,
        "created_at_ms": to_ms(intent.created_at),
        "send_by_ms": to_ms(intent.send_by),
        "fence_at_ms": to_ms(intent.fence_at),
        "baseline_base": maybe_text(intent.baseline_base),
        "state": intent.state,
        "filled_base": maybe_text(intent.filled_base),
        "average_price": maybe_text(intent.average_price),
        "fee_usd": maybe_text(intent.fee_usd),
        "venue_order_id": intent.venue_order_id,
        "evidence": intent.evidence,
        "refusal": intent.refusal,
        "refusal_code": intent.refusal_code,
    }


def intent_of(row: sqlite3.Row) -> OrderIntent:
    """Return an intent."""
    record = Record("intent", row)
    return OrderIntent(
        intent_id=IntentId(record.text("intent_id")),
        trade_id=TradeId(record.text("trade_id")),
        leg=record.whole("leg"),
        purpose=record.word("purpose", Purpose),
        seq=record.whole("seq"),
        venue_id=VenueId(record.text("venue_id")),
        symbol=record.text("symbol"),
        side=record.word("side", OrderSide),
        quantity_base=record.decimal("quantity_base"),
        limit_price=record.decimal("limit_price"),
        is_reduce_only=record.flag("is_reduce_only"),
        client_order_id=ClientOrderId(record.text("client_order_id")),
        created_at=record.moment("created_at_ms"),
        send_by=record.moment("send_by_ms"),
        fence_at=record.moment("fence_at_ms"),
        baseline_base=record.maybe_decimal("baseline_base"),
        state=record.word("state", IntentState),
        filled_base=record.maybe_decimal("filled_base"),
        average_price=record.maybe_decimal("average_price"),
        fee_usd=record.maybe_decimal("fee_usd"),
        venue_order_id=record.maybe_text("venue_order_id"),
        evidence=record.maybe_text("evidence"),
        refusal=record.maybe_text("refusal"),
        refusal_code=record.maybe_text("refusal_code"),
    )


def fill_values(fill: Fill) -> Values:
    """Return a fill's columns."""
    return {
        "venue_id": fill.venue_id,
        "venue_trade_id": fill.venue_trade_id,
        "symbol": fill.symbol,
        "side": fill.side,
        "quantity_base": to_text(fill.quantity_base),
        "price": to_text(fill.price),
        "fee_usd": maybe_text(fill.fee_usd),
        "at_ms": to_ms(fill.at),
        "client_order_id": fill.client_order_id,
        "intent_id": fill.intent_id,
        "trade_id": fill.trade_id,
    }


def fill_of(row: sqlite3.Row) -> Fill:
    """Return a fill."""
    record = Record("fill", row)
    client_order_id = record.maybe_text("client_order_id")
    intent_id = record.maybe_text("intent_id")
    trade_id = record.maybe_text("trade_id")
    return Fill(
        venue_id=VenueId(record.text("venue_id")),
        venue_trade_id=record.text("venue_trade_id"),
        symbol=record.text("symbol"),
        side=record.word("side", OrderSide),
        quantity_base=record.decimal("quantity_base"),
        price=record.decimal("price"),
        fee_usd=record.maybe_decimal("fee_usd"),
        at=record.moment("at_ms"),
        client_order_id=None
        if client_order_id is None
        else ClientOrderId(client_order_id),
        intent_id=None if intent_id is None else IntentId(intent_id),
        trade_id=None if trade_id is None else TradeId(trade_id),
    )


def payment_values(payment: Payment) -> Values:
    """Return a payment's columns."""
    return {
        "venue_id": payment.venue_id,
        "symbol": payment.symbol,
        "pay_at_ms": to_ms(payment.pay_at),
        "amount_usd": to_text(payment.amount_usd),
        "per_payment": to_text(payment.per_payment),
        "quantity_base": to_text(payment.quantity_base),
        "price": maybe_text(payment.price),
        "is_estimated": int(payment.is_estimated),
        "trade_id": payment.trade_id,
    }


def payment_of(row: sqlite3.Row) -> Payment:
    """Return a payment."""
    record = Record("payment", row)
    trade_id = record.maybe_text("trade_id")
    return Payment(
        venue_id=VenueId(record.text("venue_id")),
        symbol=record.text("symbol"),
        pay_at=record.moment("pay_at_ms"),
        amount_usd=record.decimal("amount_usd"),
        per_payment=record.decimal("per_payment"),
        quantity_base=record.decimal("quantity_base"),
        price=record.maybe_decimal("price"),
        is_estimated=record.flag("is_estimated"),
        trade_id=None if trade_id is None else TradeId(trade_id),
    )


# --- control --------------------------------------------------------------------------


def halt_values(halt: Halt) -> Values:
    """Return a halt's columns."""
    return {
        "scope": halt.scope,
        "key": halt.key,
        "state": halt.state,
        "reason": halt.reason,
        "since_ms": to_ms(halt.since),
        "by_user_id": halt.by,
        "until_ms": maybe_ms(halt.until),
    }


def halt_of(row: sqlite3.Row) -> Halt:
    """Return a halt."""
    record = Record("halt", row)
    by = record.maybe_whole("by_user_id")
    return Halt(
        scope=record.text("scope"),
        key=record.text("key"),
        state=record.word("state", TradingState),
        reason=record.text("reason"),
        since=record.moment("since_ms"),
        by=None if by is None else UserId(by),
        until=record.maybe_moment("until_ms"),
    )


def cooldown_values(cooldown: Cooldown) -> Values:
    """Return a cool-down's columns; venues in any order."""
    first, second = sorted(cooldown.venues)
    return {
        "base": cooldown.base,
        "first_venue_id": first,
        "second_venue_id": second,
        "until_ms": to_ms(cooldown.until),
        "level": cooldown.level,
    }


def cooldown_of(row: sqlite3.Row) -> Cooldown:
    """Return a cool-down."""
    record = Record("cooldown", row)
    first, second = record.text("first_venue_id"), record.text("second_venue_id")
    return Cooldown(
        base=Base(record.text("base")),
        venues=(VenueId(first), VenueId(second)),
        until=record.moment("until_ms"),
        level=record.whole("level"),
    )


def event_values(event: Event) -> Values:
    """Return an audit line's columns."""
    return {
        "at_ms": to_ms(event.at),
        "who": event.who,
        "what": event.what,
        "detail": event.detail,
    }


def event_of(row: sqlite3.Row) -> Event:
    """Return an audit line."""
    record = Record("event", row)
    return Event(
        at=record.moment("at_ms"),
        who=record.text("who"),
        what=record.text("what"),
        detail=record.text("detail"),
    )
