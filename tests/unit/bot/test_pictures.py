"""Pictures a trader reads on a phone: what they show, and that they are pictures."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bot import charts
from bot.cards.checks import visible_text
from bot.cards.pictures import (
    rates_picture,
    results_picture,
    spread_picture,
)
from bot.cards.pnl import Period, PnlView
from bot.charts import draw
from core.model.units import Base
from core.pnl import moves
from tests.fakes.chat import VERA, Chat
from tests.fakes.engine import value_of
from tests.fakes.ledger import PAYMENTS, closed_entry
from tests.fakes.objects import BINANCE, HYPERLIQUID
from tests.fakes.runtime import START

HOUR = timedelta(hours=1)


@pytest.fixture
def chat() -> Chat:
    """Return a chat with one closed and one open pair on the books."""
    return Chat()


def size_of(png: bytes) -> tuple[int, int]:
    """Return width and height of a PNG."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")


def test_results_add_up_to_the_number_in_the_title() -> None:
    """The curve ends where the answer stands: 9.52 USD."""
    picture = results_picture(moves(closed_entry()), PnlView(Period.ALL))
    assert picture is not None
    last = {curve.name: curve.points[-1][1] for curve in picture.curves}

    assert picture.title == "+$9.52 booked since the start"
    assert last["net"] == pytest.approx(9.51825)
    assert last["funding"] == pytest.approx(21.25)
    assert last["fees"] == pytest.approx(-13.73175)
    assert last["net"] == pytest.approx(sum(last.values()) - last["net"])


def test_a_close_leg_by_leg_draws_no_tower() -> None:
    """One leg ends at +95, the other 3 s later at -93: nobody ever won 95."""
    entry = closed_entry()
    *before, last = entry.fills
    late = replace(last, at=last.at + timedelta(seconds=3))
    apart = replace(entry, fills=(*before, late))
    picture = results_picture(moves(apart), PnlView(Period.ALL))
    assert picture is not None
    (prices,) = (curve for curve in picture.curves if curve.name == "price")

    assert [value for _, value in prices.points] == pytest.approx([0, 0, 0, 2])
    assert prices.points[-1][0] == late.at


def test_rates_are_shown_in_the_period_of_all_screens(chat: Chat) -> None:
    """0.00001 an hour is 0.008 % per 8 h, on every venue that is known."""
    look = chat.desk.look()
    points = ((START - HOUR, Decimal("0.00001")), (START, Decimal("-0.00002")))
    picture = rates_picture(Base("HYPE"), {BINANCE: points, HYPERLIQUID: ()}, look)

    assert picture is not None
    assert [curve.name for curve in picture.curves] == ["BN"]
    assert [value for _, value in picture.curves[0].points] == pytest.approx(
        [0.008, -0.016]
    )
    assert "%/8h" in picture.unit


@pytest.mark.parametrize(
    ("per_hour", "title"),
    [
        ("0.00001", "HYPE now: +0.008 to +0.008%/8h"),
        ("-0.00002", "HYPE now: −0.016 to −0.016%/8h"),  # noqa: RUF001 - as on cards
        ("-0.0000000001", "HYPE now: 0 to 0%/8h"),
    ],
)
def test_the_title_is_a_rate_with_its_period(
    chat: Chat, per_hour: str, title: str
) -> None:
    """Nobody should read -0.000 and wonder what is below zero."""
    points = ((START, Decimal(per_hour)),)
    picture = rates_picture(Base("HYPE"), {BINANCE: points}, chat.desk.look())

    assert picture is not None
    assert picture.title == title


def test_one_moment_is_drawn_among_minutes_not_years(chat: Chat) -> None:
    """A bot just started knows one rate; its picture must not end in 2028."""
    points = ((START, Decimal("0.00001")),)
    picture = rates_picture(Base("HYPE"), {BINANCE: points}, chat.desk.look())
    assert picture is not None
    axes = Figure().add_axes((0, 0, 1, 1))
    charts._spread_out(axes, picture)

    left, right = axes.get_xlim()
    assert (right - left) * 24 * 60 == pytest.approx(10)
    assert (left + right) / 2 == pytest.approx(START.timestamp() / 86_400)


@pytest.mark.parametrize(
    ("hours", "ticks"),
    [
        (7 * 24, ["17 Nov", "19 Nov", "21 Nov"]),
        (12, ["12:00", "15:00", "18:00", "21:00"]),
    ],
)
def test_a_day_on_the_axis_has_its_month_and_an_hour_its_minutes(
    chat: Chat, hours: int, ticks: list[str]
) -> None:
    """A bare 17 under a curve may be a day, an hour or a price."""
    points = ((START - timedelta(hours=hours), Decimal(0)), (START, Decimal("0.00001")))
    picture = rates_picture(Base("HYPE"), {BINANCE: points}, chat.desk.look())
    assert picture is not None
    figure = Figure()
    axes = figure.add_axes((0.1, 0.1, 0.8, 0.8))
    charts._frame(axes, picture)
    charts._line(axes, picture.curves[0], "black")
    FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]

    shown = [each.get_text() for each in axes.get_xticklabels()]
    assert [each for each in shown if each in ticks] == ticks
    assert not [each for each in shown if each.isdigit()]


def test_a_pairs_payments_stand_on_its_curve(chat: Chat) -> None:
    """Received and paid are told apart, and what lies before the curve is left out."""
    trade = closed_entry().trade
    look = chat.desk.look()
    points = tuple(
        (START - timedelta(hours=48 - hour), Decimal(hour) / 1_000_000)
        for hour in range(48)
    )
    picture = spread_picture(value_of(trade), points, PAYMENTS, look)
    assert picture is not None

    assert [(mark.name, mark.is_gain) for mark in picture.marks] == [
        ("paid", False),
        ("received", True),
        ("entry", True),
        ("exit", True),
    ]
    late = replace(PAYMENTS[0], pay_at=START - timedelta(days=30))
    again = spread_picture(value_of(trade), points, (late,), look)
    assert again is not None
    assert [mark.name for mark in again.marks] == ["entry", "exit"]


def test_nothing_known_is_no_picture(chat: Chat) -> None:
    """An empty frame says nothing; a sentence does."""
    look = chat.desk.look()

    assert results_picture((), PnlView()) is None
    assert rates_picture(Base("HYPE"), {BINANCE: ()}, look) is None
    assert spread_picture(value_of(closed_entry().trade), (), (), look) is None


def test_the_same_curves_are_the_same_file() -> None:
    """Pictures kept for the README must not change without a reason."""
    picture = results_picture(moves(closed_entry()), PnlView(Period.ALL))
    assert picture is not None
    first = draw(picture)

    assert size_of(first) == (780, 540)
    assert len(first) < 100_000
    assert draw(picture) == first


async def test_each_card_sends_its_picture(chat: Chat) -> None:
    """One tap, one picture, with the answer in its words; viewers may look too."""
    card = await chat.type("/pnl all")
    shown = await chat.tap(card, "📈 Picture")
    assert shown is not card
    assert shown.card.attachment is not None
    assert size_of(shown.card.attachment.content) == (780, 540)
    assert visible_text(shown.card.html).startswith("+$23.94 booked since the start")

    card = await chat.type("/pnl all", VERA)
    shown = await chat.tap(card, "📈 Picture", VERA)
    assert shown.card.attachment is not None


async def test_drawing_does_not_hold_up_the_rest(chat: Chat) -> None:
    """An order that goes out meanwhile must not wait for ink."""
    card = await chat.type("/pnl all")
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            beats += 1
            await asyncio.sleep(0)

    task = asyncio.get_running_loop().create_task(beat())
    await chat.tap(card, "📈 Picture")
    task.cancel()

    assert beats > 20
