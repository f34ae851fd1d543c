"""Say what each picture shows: curves, marks, and the words on and under it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timedelta
from itertools import accumulate
from typing import TYPE_CHECKING

from bot.cards import numbers
from bot.cards.card import Attachment, Card
from bot.cards.layout import lines, text
from bot.cards.pnl import PERIODS
from core.model.ledger import Parts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime, tzinfo
    from decimal import Decimal

    from bot.cards.look import Look
    from bot.cards.pnl import PnlView
    from core.model.ledger import Move
    from core.model.order import Payment
    from core.model.position import Position
    from core.model.units import Base, VenueId

    Points = Sequence[tuple[datetime, Decimal]]

MINUS = "\N{MINUS SIGN}"
NOTHING_YET = "Nothing to draw yet"
DAYS = "7 days, UTC"
TOGETHER = timedelta(minutes=1)
"""What happens within it is one event of a pair, or of several."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a picture."""

    name: str
    points: tuple[tuple[datetime, float], ...]
    """Moments and values, oldest first."""
    is_main: bool = False
    is_stepped: bool = False
    """The value holds until the next one."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment worth a sign: an entry, an exit, a payment."""

    at: datetime
    name: str
    value: float | None = None
    """Where the sign stands; None draws a line over the whole height."""
    is_gain: bool = True


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything that is drawn."""

    title: str
    """The answer."""
    unit: str
    """Of the upright axis, with its period: %/8h, USD."""
    curves: tuple[Curve, ...]
    marks: tuple[Mark, ...] = ()
    zone: tzinfo | None = None
    note: str = ""
    is_money: bool = False


def results_picture(moves: Sequence[Move], view: PnlView) -> Picture | None:
    """Return what was booked so far by part, None while nothing was."""
    if not moves:
        return None
    totals = list(accumulate((move.parts for move in moves), initial=Parts()))[1:]
    ends = _settled(moves)
    sums, moments = [totals[at] for at in ends], [moves[at].at for at in ends]

    def curve(name: str, of: Callable[[Parts], Decimal], *, is_main: bool) -> Curve:
        values = (float(of(each)) for each in sums)
        points = tuple(zip(moments, values, strict=True))
        return Curve(name, points, is_main=is_main, is_stepped=True)

    net = numbers.usd(sums[-1].net_usd, is_signed=True)
    return Picture(
        title=f"{net} booked {PERIODS[view.period][1]}",
        unit="USD, added up",
        curves=(
            curve("net", lambda parts: parts.net_usd, is_main=True),
            curve("funding", lambda parts: parts.funding_usd, is_main=False),
            curve("price", lambda parts: parts.price_usd, is_main=False),
            curve("fees", lambda parts: -parts.fees_usd, is_main=False),
        ),
        zone=UTC,
        note="UTC",
        is_money=True,
    )


def _settled(moves: Sequence[Move]) -> list[int]:
    """Return which moves have none right behind them.

    A pair's legs are bought and sold one after the other: between them the sum shows
    one leg's result without the other's, which nobody ever had.
    """
    last = len(moves) - 1
    return [
        at
        for at, move in enumerate(moves)
        if at == last or moves[at + 1].at - move.at > TOGETHER
    ]


def rates_picture(
    base: Base, rates: Mapping[VenueId, Points], look: Look
) -> Picture | None:
    """Return a token's rate on every venue that is known, None if none is."""
    curves = tuple(
        Curve(look.code(venue_id), _rates(points, look))
        for venue_id, points in rates.items()
        if points
    )
    if not curves:
        return None
    latest = [curve.points[-1][1] for curve in curves]
    return Picture(
        title=f"{base} now: {_signed(min(latest))} to {_signed(max(latest))}{look.per}",
        unit=f"{look.per}, above 0 longs pay shorts",
        curves=curves,
        zone=UTC,
        note=DAYS,
    )


def spread_picture(
    position: Position,
    spreads: Points,
    payments: Sequence[Payment],
    look: Look,
) -> Picture | None:
    """Return a pair's spread with its payments, its entry and its exit."""
    trade = position.trade
    points = _rates(spreads, look)
    if not points:
        return None
    first = points[0][0]
    marks = [
        Mark(
            paid.pay_at,
            "received" if paid.amount_usd > 0 else "paid",
            _at(points, paid.pay_at),
            is_gain=paid.amount_usd > 0,
        )
        for paid in payments
        if paid.pay_at >= first
    ]
    for moment, name in ((trade.opened_at, "entry"), (trade.closed_at, "exit")):
        if moment is not None and moment >= first:
            marks.append(Mark(moment, name))
    long, short = (
        look.code(leg.instrument.venue_id) for leg in (trade.long, trade.short)
    )
    return Picture(
        title=f"{trade.base} {long}>{short}: {_signed(points[-1][1])}{look.per} now",
        unit=f"{look.per} gross, above 0 the pair earns",
        curves=(Curve("spread", points, is_main=True),),
        marks=tuple(marks),
        zone=UTC,
        note=DAYS,
    )


def _signed(percent: float) -> str:
    """Return percent with its sign, and nothing but 0 for what rounds to it."""
    shown = f"{abs(percent):.3f}"
    if not float(shown):
        return "0"
    return f"{'+' if percent > 0 else MINUS}{shown}"


def _rates(points: Points, look: Look) -> tuple[tuple[datetime, float], ...]:
    return tuple((at, float(rate * look.rate_hours * 100)) for at, rate in points)


def _at(points: Sequence[tuple[datetime, float]], moment: datetime) -> float:
    """Return the curve's value at a moment: that of the hour before it."""
    value = points[0][1]
    for at, found in points:
        if at > moment:
            break
        value = found
    return value


def picture_card(picture: Picture, content: bytes, look: Look) -> Card:
    """Return the message that carries a picture; its words are the answer again."""
    name = "".join(c if c.isalnum() else "-" for c in picture.title.split(":")[0])
    return Card(
        html=lines(
            f"{text(picture.title)} · {look.badge}",
            f"{text(picture.unit)}" + (f" · {picture.note}" if picture.note else ""),
        ),
        kind="picture",
        attachment=Attachment(f"{name[:30]}.png", content, is_picture=True),
        is_silent=True,
    )
