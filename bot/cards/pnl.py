"""The result of a period in, what it came to by part and by token or such out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from bot.callbacks import Verb
from bot.cards import numbers
from bot.cards.card import Attachment, Card
from bot.cards.layout import grid, lines, page_buttons, page_of, rows_of, text
from bot.cards.shown import ShownRow, pack_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from bot.cards.card import Button
    from bot.cards.look import Look
    from core.model.ledger import Paid, PnlReport, Residual, Result
    from core.model.trade import Trade

Key = TypeVar("Key")
Row = tuple[str, "Decimal", "Decimal | None", "Decimal | None"]
"""Name, funding, price and net."""
PAGE_ROWS = 10
AGREES = Decimal("0.10")
AGREES_SHARE = Decimal("0.02")


class Period(StrEnum):
    """How far back."""

    TODAY = "today"
    WEEK = "7d"
    MONTH = "30d"
    ALL = "all"


class Split(StrEnum):
    """What the rows of the table are."""

    TOKEN = "token"  # noqa: S105 - a word for a coin
    VENUE = "venue"
    DAY = "day"
    PAIR = "pair"


PERIODS = {
    Period.TODAY: ("Day", "today"),
    Period.WEEK: ("7 d", "in 7 d"),
    Period.MONTH: ("30 d", "in 30 d"),
    Period.ALL: ("All", "since the start"),
}
SPLITS = {
    Split.TOKEN: ("By token", "TOKEN"),
    Split.VENUE: ("By venue", "VENUE"),
    Split.DAY: ("By day", "DAY"),
    Split.PAIR: ("By pair", "PAIR"),
}
LENGTHS = {Period.WEEK: timedelta(days=7), Period.MONTH: timedelta(days=30)}


@dataclass(frozen=True, slots=True)
class PnlView:
    """Which period, by what, which page."""

    period: Period = Period.WEEK
    split: Split = Split.TOKEN
    page: int = 0

    @classmethod
    def of(cls, shown: dict[str, str] | None = None) -> PnlView:
        """Return the view a stored screen keeps; what it does not know is as usual."""
        kept = shown or {}
        period, split = kept.get("period"), kept.get("split")
        page = kept.get("page", "0")
        return cls(
            Period(period) if period in set(Period) else Period.WEEK,
            Split(split) if split in set(Split) else Split.TOKEN,
            int(page) if page.isascii() and page.isdigit() else 0,
        )


def pnl_card(report: PnlReport, look: Look, view: PnlView) -> Card:
    """Return a period's result: the sum, its parts, and one row per token or such."""
    rows = _rows(report, look, view.split)
    page_rows, page, count = page_of(rows, view.page, PAGE_ROWS)
    html = lines(
        _head(report, look, view),
        _parts(report.total),
        _table(page_rows, view.split) if page_rows else _nothing(report),
        _foot(report, view) if page_rows else "",
        *_books(report, look),
    )
    return Card(
        html=html,
        kind="pnl",
        card_id=look.card_id,
        rows=rows_of(
            [_chip(look, "p", each, PERIODS[each][0], view.period) for each in Period],
            *grid(
                [_chip(look, "g", one, SPLITS[one][0], view.split) for one in Split], 2
            ),
            page_buttons(look, page, count),
            [
                look.button("📈 Picture", Verb.PNL, "png"),
                look.button("📄 CSV", Verb.PNL, "csv"),
                look.button("🔄 Refresh", Verb.REFRESH),
            ],
            [look.button("◀ Positions", Verb.SCREEN, "pos")],
        ),
        shown={
            "period": view.period.value,
            "split": view.split.value,
            "page": str(page),
        },
    )


def _chip(look: Look, sort: str, value: StrEnum, label: str, chosen: StrEnum) -> Button:
    mark = " •" if value is chosen else ""
    return look.button(f"{label}{mark}", Verb.PNL, f"{sort}-{value.value}")


def _head(report: PnlReport, look: Look, view: PnlView) -> str:
    total = report.total.total_usd
    shown = "Result unknown" if total is None else numbers.usd(total, is_signed=True)
    open_ = f" · {report.open_trades} open" if report.open_trades else ""
    return f"{shown} {PERIODS[view.period][1]}{open_} · {look.badge}"


def _parts(total: Result) -> str:
    booked = total.booked
    values = (
        ("funding", booked.funding_usd),
        ("price, closed", booked.price_usd),
        ("price, open now", total.open_usd),
        ("fees", -booked.fees_usd),
        ("net", total.total_usd),
    )
    return numbers.table(
        f"{name:<16}{_money(value, 12):>12}"
        for name, value in values
        if name != "price, open now" or value != 0
    )


def _money(value: Decimal | None, width: int) -> str:
    if value is None:
        return numbers.UNKNOWN
    if value == 0:
        return "0"
    return numbers.gain_cell(value, width)


def _rows(report: PnlReport, look: Look, split: Split) -> Sequence[Row]:
    """Return name, funding, price and net of each row, the best net first."""
    if split is Split.DAY:
        return [
            (f"{day:%d %b}", parts.funding_usd, parts.price_usd, parts.net_usd)
            for day, parts in sorted(report.days.items(), reverse=True)
        ]
    if split is Split.VENUE:
        return _named(report.venues.items(), look.code)
    if split is Split.PAIR:
        return _named(
            report.trades.items(),
            lambda key: f"{numbers.cut(report.bases[key], 5)} {key[:3]}",
        )
    return _named(report.tokens.items(), lambda key: numbers.cut(key, 8))


def _named(
    items: Iterable[tuple[Key, Result]], name: Callable[[Key], str]
) -> Sequence[Row]:
    found = [
        (name(key), one.booked.funding_usd, _price(one), one.total_usd)
        for key, one in items
    ]
    return sorted(found, key=lambda row: (row[3] is None, -(row[3] or 0), row[0]))


def _price(one: Result) -> Decimal | None:
    return None if one.open_usd is None else one.booked.price_usd + one.open_usd


def _table(rows: Sequence[Row], split: Split) -> str:
    head = f"{SPLITS[split][1]:<9} {'fund':>7} {'price':>7} {'net':>7}"
    body = (
        f"{numbers.left(name, 9)} {_money(fund, 7):>7} {_money(price, 7):>7}"
        f" {_money(net, 7):>7}"
        for name, fund, price, net in rows
    )
    return numbers.table([head, *body])


def _nothing(report: PnlReport) -> str:
    when = "yet" if report.since is None else "in this time"
    return f"Nothing was opened, paid or closed {when}."


def _foot(report: PnlReport, view: PnlView) -> str:
    words = ["$ · net is after fees"]
    if view.split is not Split.DAY and report.open_trades:
        words.append("price with what is open now")
    if report.guessed_fees:
        count = report.guessed_fees
        which = "1 fee is" if count == 1 else f"{count} fees are"
        words.append(f"{which} not told yet, taken at the taker rate")
    return " · ".join(words)


def _books(report: PnlReport, look: Look) -> Iterable[str]:
    """Say whether the venues' wallets moved as our books did."""
    off = [each for each in report.residuals if not _agrees(each, report)]
    for each in off:
        more = "more" if each.amount_usd > 0 else "less"
        amount = numbers.usd(abs(each.amount_usd))
        yield (
            f"⚠️ {text(look.title(each.venue_id))} holds {amount} {more} than I booked"
            f" since {numbers.moment(each.since, 'd')}: a transfer, or a trade of"
            " yours there?"
        )
    if report.residuals and not off:
        most = max(abs(each.amount_usd) for each in report.residuals)
        yield f"Venues' books agree to {numbers.usd(max(most, Decimal('0.01')))}"
    if report.silent:
        named = ", ".join(text(look.title(each)) for each in report.silent)
        yield f"Not compared with our books now: {named}"


def _agrees(one: Residual, report: PnlReport) -> bool:
    booked = report.venues.get(one.venue_id)
    net = Decimal(0) if booked is None else abs(booked.booked.net_usd)
    return abs(one.amount_usd) <= max(AGREES, AGREES_SHARE * net)


def ledger_file_card(look: Look, view: PnlView, content: str, lines_: int) -> Card:
    """Return the table to save; its words say what it holds."""
    what = "1 line" if lines_ == 1 else f"{lines_} lines"
    return Card(
        html=(
            f"Everything booked {PERIODS[view.period][1]}: {what} · {look.badge}\n"
            "Times are UTC, money is USD, quantities are tokens."
        ),
        kind="file",
        attachment=Attachment(
            f"carrybot-{look.now:%Y-%m-%d}-{view.period.value}.csv", content.encode()
        ),
    )


# --- one pair's payments --------------------------------------------------------------

SHOWN_PAYMENTS = 12


def payments_card(trade: Trade, payments: Sequence[Paid], look: Look) -> Card:
    """Return a pair's latest payments, what was expected beside what came."""
    total = sum((paid.payment.amount_usd for paid in payments), Decimal(0))
    shown = list(reversed(payments))[:SHOWN_PAYMENTS]
    head = f"{'AGO':<6} {'VN':<3} {'expected':>10} {'paid':>10}"
    body = (
        f"{numbers.countdown(look.now - paid.payment.pay_at):<6} "
        f"{look.code(paid.payment.venue_id):<3} "
        f"{_money(paid.expected_usd, 10):>10} "
        f"{_money(paid.payment.amount_usd, 9):>9}"
        f"{'~' if paid.payment.is_estimated else ' '}"
        for paid in shown
    )
    count = "1 payment" if len(payments) == 1 else f"{len(payments)} payments"
    note = f"expected by the rate shown before · {numbers.UNKNOWN} = not seen in time"
    if any(paid.payment.is_estimated for paid in shown):
        note += " · ~ = estimated until the venue publishes its rate"
    return Card(
        html=lines(
            f"{text(trade.base)} {numbers.usd(total, is_signed=True)} funding in"
            f" {count} · {look.badge} · {text(trade.trade_id)}",
            numbers.table([head, *(row.rstrip() for row in body)]) if shown else "",
            note if shown else "Nothing was paid yet.",
        ),
        kind="payments",
        card_id=look.card_id,
        rows=rows_of(
            [
                look.button("◀ Pair", Verb.POSITION, "0"),
                look.button("🔄 Refresh", Verb.REFRESH),
                look.button("P&L", Verb.SCREEN, "pnl"),
            ]
        ),
        shown={
            "trade": trade.trade_id,
            "rows": pack_rows([ShownRow(base=trade.base, trade_id=trade.trade_id)]),
        },
    )
