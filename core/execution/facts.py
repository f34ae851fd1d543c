"""A trade and its orders in, the facts of a message about it out; pure.

The keys are listed at `AlertKind`. What is not known is left out. Sentences say venues
by id; cards put the names.
"""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from core.execution.sizing import (
    ZERO,
    entry_price,
    fees_usd,
    last_of,
    leaving,
    status_of,
)
from core.model.alert import Alert, AlertKind, AlertLevel
from core.model.intent import Purpose
from core.orders.desk import decide_by

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from core.execution.sizing import (
        Docket,
    )
    from core.model.intent import OrderIntent
    from core.model.trade import TradeLeg

REPEAT_S = 60
"""Seconds between two attempts to repair a trade that needs a person."""


def text(value: Decimal) -> str:
    """Return a number without exponent."""
    return f"{value:f}"


def known(**values: Decimal | str | None) -> dict[str, str]:
    """Return the facts that are known, numbers as text."""
    return {
        key: text(value) if isinstance(value, Decimal) else value
        for key, value in values.items()
        if value is not None
    }


def kept_facts(docket: Docket) -> dict[str, str]:
    """Return what an owner keeps of a pair that ended."""
    if docket.kept is None:
        return {}
    number, quantity = docket.kept
    leg = docket.trade.legs[number - 1]
    return known(
        kept=quantity, kept_side=leg.side.value, kept_venue=leg.instrument.venue_id
    )


def trade_facts(docket: Docket) -> dict[str, str]:
    """Return what every message about a trade carries."""
    trade = docket.brought_up_to_date()
    exposure = trade.residual_base
    price = entry_price(docket, 1) or entry_price(docket, 2)
    usd = None if price is None else exposure * price
    settles = (leg.instrument.settle for leg in (trade.long, trade.short))
    adding = trade.adding
    return known(
        adding=None if adding is None else adding.quantity_base,
        trade=trade.trade_id,
        base=trade.base,
        state=trade.state.value,
        long_venue=trade.long.instrument.venue_id,
        short_venue=trade.short.instrument.venue_id,
        settle="/".join(dict.fromkeys(settles)),
        exposure_base=exposure,
        exposure_usd=usd,
        items=json.dumps([_leg_facts(docket, number) for number in (1, 2)]),
    )


def _leg_facts(docket: Docket, number: int) -> dict[str, str]:
    leg = docket.trade.legs[number - 1]
    latest = last_of(docket.of(number))
    price = entry_price(docket, number)
    listed = None if price is None else leg.instrument.listed_price(price)
    entries = docket.of(number, Purpose.ENTRY, Purpose.TOPUP)
    return known(
        leg=str(number),
        side=leg.side.value,
        venue=leg.instrument.venue_id,
        symbol=leg.instrument.symbol,
        native_name=leg.instrument.native_name,
        multiplier=leg.instrument.multiplier,
        held=docket.booked(number),
        status=status_of(docket, number),
        order_side=None if latest is None else latest.side.value,
        quantity=None if latest is None else latest.quantity_base,
        price=listed,
        price_base=price,
        fee_usd=fees_usd(entries) if price is not None else None,
    )


def added_legs(docket: Docket) -> str:
    """Return what an addition put on each leg, at the prices and fees of its orders."""
    part = docket.part
    legs = [
        _leg_facts(part, number) | {"held": text(docket.added(number))}
        for number in (1, 2)
    ]
    return json.dumps(legs)


def progress(docket: Docket, stage: str, now: datetime) -> Alert:
    """Return the alert that moves a trade's progress card."""
    return _alert(docket, AlertKind.PROGRESS, now, {"stage": stage})


def result(
    docket: Docket, kind: AlertKind, now: datetime, more: Mapping[str, str]
) -> Alert:
    """Return the alert with the outcome of what a person just started.

    It takes the progress card's place.
    """
    return _alert(docket, kind, now, more)


def news(
    docket: Docket, kind: AlertKind, now: datetime, more: Mapping[str, str]
) -> Alert:
    """Return an outcome that nobody waits for: a message of its own, to every owner."""
    alert = _alert(docket, kind, now, more)
    return replace(alert, chat_id=None, edits_message_id=None)


def _alert(
    docket: Docket, kind: AlertKind, now: datetime, more: Mapping[str, str]
) -> Alert:
    trade = docket.trade
    return Alert(
        kind=kind,
        level=AlertLevel.TRADE,
        dedupe_key=f"{kind.value}:{trade.trade_id}:{trade.version}",
        facts={**trade_facts(docket), **more},
        created_at=now,
        trade_id=trade.trade_id,
        base=trade.base,
        chat_id=trade.chat_id,
        edits_message_id=trade.message_id,
    )


def exit_rule(
    docket: Docket, now: datetime, more: Mapping[str, str], level: AlertLevel
) -> Alert:
    """Return the alert on a rule by which a pair should be left, to every owner."""
    alert = replace(news(docket, AlertKind.EXIT, now, more), level=level)
    return _keyed(
        alert, f"exit:{docket.trade.trade_id}:{more['rule']}:{now.isoformat()}"
    )


def checking(docket: Docket, intent: OrderIntent, now: datetime) -> Alert:
    """Return the alert on an order whose outcome is not known yet."""
    more = known(
        venue=intent.venue_id,
        order_side=intent.side.value,
        quantity=intent.quantity_base,
        decide_by=decide_by(intent).isoformat(),
        cause=intent.refusal,
    )
    alert = _alert(docket, AlertKind.CHECKING_ORDER, now, more)
    return _keyed(alert, f"checking_order:{intent.intent_id}")


def not_hedged(docket: Docket, reason: str, now: datetime) -> Alert:
    """Return the critical alert on a trade a person must look at, to every owner.

    The same pair, level meanwhile, may come to differ by the same amounts again: that
    is told again, so the moment when this series of repairs began is part of the key.
    """
    trade = docket.trade
    began = (trade.series_at or now).isoformat()
    held = docket.booked(1), docket.booked(2)
    number = 1 if held[0] >= held[1] else 2
    leg = trade.legs[number - 1]
    excess = abs(held[0] - held[1]) if min(held) >= 0 else ZERO
    latest = last_of(docket.intents)
    more = {
        **known(
            reason=reason,
            tries=str(trade.steps),
            last_answer=None if latest is None else latest.refusal,
            repeat_s=str(REPEAT_S),
        ),
        **(_by_hand(leg, excess) if excess > ZERO else {}),
    }
    return Alert(
        kind=AlertKind.NOT_HEDGED,
        level=AlertLevel.CRITICAL,
        dedupe_key=(
            f"not_hedged:{trade.trade_id}:{began}:{held[0]:f}:{held[1]:f}:{reason}"
        ),
        facts={**trade_facts(docket), **more},
        created_at=now,
        trade_id=trade.trade_id,
        base=trade.base,
    )


def exposed(docket: Docket, order: OrderIntent, now: datetime) -> Alert:
    """Return the critical alert on a leg that stays alone while an order is checked."""
    alert = not_hedged(docket, f"{order.venue_id} does not answer", now)
    more = known(
        asked_venue=order.venue_id,
        asked_side=order.side.value,
        asked_quantity=order.quantity_base,
        decide_by=decide_by(order).isoformat(),
    )
    key = f"not_hedged:asking:{order.intent_id}"
    return replace(alert, dedupe_key=key, facts={**alert.facts, **more})


def _by_hand(leg: TradeLeg, quantity: Decimal) -> dict[str, str]:
    return known(
        do_venue=leg.instrument.venue_id,
        do_symbol=leg.instrument.native_name,
        do_side=leaving(leg).value,
        do_quantity=quantity,
    )


def leg_lost(
    docket: Docket, number: int, lost: Decimal, now: datetime, *, reduces: bool
) -> Alert:
    """Return the critical alert on a leg that shrank without an order of ours.

    `reduces` tells whether the other leg follows by itself.
    """
    trade = docket.trade
    leg, other = trade.legs[number - 1], trade.legs[2 - number]
    more = known(
        venue=leg.instrument.venue_id,
        side=leg.side.value,
        lost=lost,
        remaining=docket.booked(number),
        other_venue=other.instrument.venue_id,
        follows="yes" if reduces else "no",
    )
    return Alert(
        kind=AlertKind.LEG_LOST,
        level=AlertLevel.CRITICAL,
        dedupe_key=f"leg_lost:{trade.trade_id}:{number}:{trade.version}",
        facts={**trade_facts(docket), **more},
        created_at=now,
        trade_id=trade.trade_id,
        base=trade.base,
    )


def _keyed(alert: Alert, key: str) -> Alert:
    return replace(alert, dedupe_key=key)
