"""Facts of one alert of every kind, as the stages write them."""

from __future__ import annotations

import json
from datetime import timedelta

from core.model.alert import AlertKind
from tests.fakes.runtime import START

UGLY = "<b>_*[&" + "x" * 700
"""What venues really send as a reason."""
_LEGS = [
    {
        "leg": "1",
        "side": "short",
        "venue": "hyperliquid",
        "symbol": "HYPE/USDC:USDC",
        "native_name": "HYPE",
        "held": "12.1",
        "status": "done",
        "order_side": "sell",
        "quantity": "12.1",
        "price": "41.358",
        "price_base": "41.358",
        "fee_usd": "0.23",
    },
    {
        "leg": "2",
        "side": "long",
        "venue": "lighter",
        "symbol": "HYPE/USDC:USDC",
        "native_name": "HYPE",
        "held": "0",
        "status": "sending",
        "order_side": "buy",
        "quantity": "12.1",
    },
]
_TRADE = {
    "trade": "7f2abcde",
    "base": "HYPE",
    "state": "leg2",
    "long_venue": "lighter",
    "short_venue": "hyperliquid",
    "settle": "USDC",
    "exposure_base": "-12.1",
    "exposure_usd": "-500.43",
    "items": json.dumps(_LEGS),
}
_BOTH_FILLED = {
    **_TRADE,
    "exposure_base": "0",
    "exposure_usd": "0",
    "items": json.dumps(
        [
            _LEGS[0],
            {
                **_LEGS[1],
                "held": "12.1",
                "status": "done",
                "price": "41.322",
                "price_base": "41.322",
                "fee_usd": "0.28",
            },
        ]
    ),
}
SPREAD_FACTS = {
    "base": "HYPE",
    "long": "lighter",
    "short": "hyperliquid",
    "spread_per_hour": "0.0001",
    "long_per_hour": "-0.00002",
    "short_per_hour": "0.00008",
    "observed_at": START.isoformat(),
}
_HALT = {
    "scope": "binance",
    "key": "refused:banned",
    "state": "halted",
    "reason": "binance shut us out for a while, for asking too much",
    "since": START.isoformat(),
}
ALERT_FACTS: dict[AlertKind, dict[str, str]] = {
    AlertKind.PROGRESS: {**_TRADE, "stage": "leg2"},
    AlertKind.CHECKING_ORDER: {
        **_TRADE,
        "venue": "lighter",
        "order_side": "buy",
        "quantity": "12.1",
        "decide_by": START.isoformat(),
        "cause": UGLY,
    },
    AlertKind.OPENED: {
        **_BOTH_FILLED,
        "quantity": "12.1",
        "fees_usd": "0.51",
        "price_gap_usd": "0.44",
        "spread_per_hour": "0.0001",
    },
    AlertKind.NOT_OPENED: {
        **_TRADE,
        "reason": "funding fell",
        "code": "spread",
        "cost_usd": "0",
        "was_ordered": "no",
        "new_quote": "yes",
        "bound": "spread",
        "was": "0.00010125",
        "now": "0.00003875",
    },
    AlertKind.CLOSED: {
        **_TRADE,
        "reason": "you closed it",
        "price_usd": "-0.9",
        "funding_usd": "8.52",
        "fees_usd": "1.02",
        "total_usd": "6.6",
        "opened_at": (START - timedelta(days=7)).isoformat(),
        "by_hand": "no",
    },
    AlertKind.STAYS_OPEN: {
        **_BOTH_FILLED,
        "reason": "Lighter is silent",
        "remaining": "12.1",
    },
    AlertKind.NOT_HEDGED: {
        **_TRADE,
        "reason": "outside the price band",
        "tries": "3",
        "last_answer": UGLY,
        "repeat_s": "60",
        "do_venue": "hyperliquid",
        "do_symbol": "HYPE",
        "do_side": "buy",
        "do_quantity": "12.1",
    },
    AlertKind.LEG_LOST: {
        **_TRADE,
        "venue": "lighter",
        "side": "long",
        "lost": "5",
        "remaining": "7.1",
        "other_venue": "hyperliquid",
    },
    AlertKind.RESTARTED: {
        "fine": "2",
        "repaired": "1",
        "checking": "0",
        "attention": "0",
        "not_started": "1",
        "entries": "reducing",
        "entries_since": START.isoformat(),
        "entries_reason": "paused by user 1",
        "items": json.dumps(
            [{"trade": "a", "base": "HYPE", "was": "leg2", "now": "open"}] * 40
        ),
    },
    AlertKind.NEW_SPREAD: SPREAD_FACTS,
    AlertKind.SPREAD_DIGEST: {
        "count": "40",
        "items": json.dumps([{**SPREAD_FACTS, "base": "币安人生"}] * 40),
    },
    AlertKind.VENUE_DOWN: {
        "venue": "lighter",
        "since": START.isoformat(),
        "detail": UGLY,
    },
    AlertKind.VENUE_BACK: {"venue": "lighter", "since": START.isoformat()},
    AlertKind.STRANGER: {"user_id": "99"},
    AlertKind.FOREIGN_POSITION: {
        "venue": "hyperliquid",
        "symbol": "HYPE/USDC:USDC",
        "name": "HYPE",
        "quantity": "3.5",
    },
    AlertKind.FUNDING: {
        "pay_at": START.isoformat(),
        "total_usd": "0.38",
        "day": START.replace(hour=0, minute=0, second=0).isoformat(),
        "day_usd": "4.17",
        "day_payments": "3",
        "earlier": json.dumps(
            [{"at": (START - timedelta(hours=1)).isoformat(), "usd": "3.79"}]
        ),
        "items": json.dumps(
            [
                {
                    "base": "HYPE",
                    "trade": "7f2",
                    "venue": "hyperliquid",
                    "amount": "0.40",
                    "rate": "0.0008",
                    "expected": "0.41",
                },
                {
                    "base": "HYPE",
                    "trade": "7f2",
                    "venue": "binance",
                    "amount": "-0.02",
                    "rate": "0.00004",
                    "expected": "-0.02",
                },
            ]
        ),
    },
    AlertKind.EXIT: {
        **_TRADE,
        "rule": "liquidation",
        "action": "button",
        "venue": "binance",
        "distance": "0.11",
        "band": "critical",
        "move_usd": "180",
        "move_from": "hyperliquid",
        "move_to": "binance",
        "move_restores": "0.30",
    },
    AlertKind.BOOKS_DIFFER: {
        "venue": "binance",
        "off_usd": "250",
        "wallet_usd": "5250.10",
        "booked_usd": "0.10",
        "since": START.isoformat(),
    },
    AlertKind.UNITS_SUSPECT: {
        "venue": "lighter",
        "base": "HYPE",
        "reason": UGLY,
        "since": START.isoformat(),
    },
    AlertKind.UNITS_PROVEN: {"venue": "lighter", "since": START.isoformat()},
    AlertKind.PRICES_APART: {
        "trade": "7F2",
        "base": "HYPE",
        "long": "lighter",
        "short": "hyperliquid",
        "long_price": "40.5",
        "short_price": "35.123456",
    },
    AlertKind.STABLECOIN_GAP: {
        "usdt": "0.9881",
        "level": "close",
        "trades": "7F2 8A1",
    },
    AlertKind.DAILY: {
        "since": (START - timedelta(days=1)).isoformat(),
        "until": START.isoformat(),
        "funding_usd": "22.41",
        "price_usd": "-0.9",
        "fees_usd": "1.02",
        "net_usd": "20.49",
        "open_usd": "-1.30",
        "open": "2",
        "venues": "4",
        "fine": "3",
        "silent": "lighter",
        "entries": "active",
        "missed_base": "SUI",
        "missed_long": "binance",
        "missed_short": "hyperliquid",
        "missed_per_hour": "0.0001",
        "missed_net_usd": "1.21",
        "missed_hold_h": "24",
        "items": json.dumps(
            [
                {
                    "what": "open",
                    "trade": "7f2",
                    "base": "HYPE",
                    "long": "lighter",
                    "short": "hyperliquid",
                    "state": "open",
                    "total_usd": "6.6",
                    "distance": "0.3149",
                    "distance_venue": "hyperliquid",
                    "runway_line": "0.20",
                    "runway_hours": "71",
                    "runway_s": "345600",
                },
                {
                    "what": "open",
                    "trade": "8a3",
                    "base": "FARTCOINISLONG",
                    "long": "binance",
                    "short": "extended",
                    "state": "rebalance",
                    "attention": "yes",
                },
                {
                    "what": "opened",
                    "trade": "7f2",
                    "base": "HYPE",
                    "long": "lighter",
                    "short": "hyperliquid",
                    "at": START.isoformat(),
                },
                {
                    "what": "closed",
                    "trade": "6c1",
                    "base": "BTC",
                    "long": "extended",
                    "short": "binance",
                    "at": START.isoformat(),
                    "total_usd": "9.52",
                    "reason": "you closed it",
                },
                {
                    "what": "not_opened",
                    "trade": "5b0",
                    "base": "APT",
                    "long": "lighter",
                    "short": "binance",
                    "at": START.isoformat(),
                    "reason": UGLY,
                },
            ]
        ),
    },
    AlertKind.DISK: {"state": "low", "reason": "only 43 MB are free on the disk"},
    AlertKind.PAUSED: {"reason": "Telegram does not answer", "advice": "Look."},
    AlertKind.HALTED: {
        **_HALT,
        "until": (START + timedelta(minutes=2)).isoformat(),
    },
    AlertKind.HALT_OVER: _HALT,
}
