"""Everything booked in, one CSV text out: a line per execution and per payment."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from core.model.ledger import Move

COLUMNS = (
    "time_utc",
    "kind",
    "position",
    "token",
    "venue",
    "contract",
    "side",
    "quantity",
    "price",
    "rate",
    "funding_usd",
    "price_result_usd",
    "fee_usd",
    "net_usd",
    "note",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def ledger_csv(moves: Iterable[Move]) -> tuple[str, int]:
    """Return the table and how many lines it has, without its heading."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    count = 0
    for count, move in enumerate(moves, 1):  # noqa: B007 - how many there were
        writer.writerow(_line(move))
    return out.getvalue(), count


def _line(move: Move) -> tuple[str, ...]:
    booked, fill, paid = move.parts, move.fill, move.payment
    is_trade = fill is not None
    rate = None if paid is None else paid.per_payment
    quantity = price = None
    side = contract = ""
    if fill is not None:
        quantity, price = fill.quantity_base, fill.price
        side, contract = fill.side.value, fill.symbol
    elif paid is not None:
        quantity, price = abs(paid.quantity_base), paid.price
        side = "long" if paid.quantity_base > 0 else "short"
        contract = paid.symbol
    return (
        f"{move.at:%Y-%m-%d %H:%M:%S}",
        "trade" if is_trade else "funding",
        move.trade.trade_id,
        _plain(move.trade.base),
        move.venue_id,
        _plain(contract),
        side,
        _number(quantity),
        _number(price),
        _number(rate),
        "" if is_trade else _number(booked.funding_usd),
        _number(booked.price_usd) if is_trade else "",
        _number(booked.fees_usd) if is_trade else "",
        _number(booked.net_usd),
        _note(move),
    )


def _note(move: Move) -> str:
    if move.has_guessed_fee:
        return "fee not told yet: taker rate"
    if move.payment is not None and move.payment.is_estimated:
        return "estimated: the settled rate is not published yet"
    return ""


def _number(value: Decimal | None) -> str:
    """Return a number without an exponent, which spreadsheets read wrongly."""
    return "" if value is None else f"{value:f}"


def _plain(name: str) -> str:
    """Return a name that no spreadsheet takes for a formula."""
    return f"'{name}" if name.startswith(_FORMULA) else name
