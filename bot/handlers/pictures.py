"""Draw what a card is about, beside the event loop, and send it as a picture."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bot.cards import pictures, trouble
from bot.cards.card import Reply
from bot.cards.pnl import PnlView
from bot.handlers.since import since
from core.model.units import TradeId

if TYPE_CHECKING:
    from bot.access import Caller
    from bot.cards.pictures import Picture
    from bot.handlers.desk import Desk
    from core.model.screen import Screen


async def send(desk: Desk, caller: Caller, screen: Screen) -> Reply:
    """Send the picture that belongs to a screen: results, rates of a token, a pair."""
    kinds = {"pnl": _results, "token": _rates, "position": _spread}
    make = kinds.get(screen.kind)
    if make is None:
        return Reply(toast=trouble.UNKNOWN_BUTTON)
    picture = await make(desk, caller, screen)
    if picture is None:
        return Reply(toast=pictures.NOTHING_YET)
    content = await asyncio.to_thread(_draw, picture)
    look = desk.look(caller)
    return Reply(pictures.picture_card(picture, content, look), is_new=True)


def _draw(picture: Picture) -> bytes:
    from bot.charts import draw  # noqa: PLC0415 - seconds of imports nobody waits for at start

    return draw(picture)


async def _results(desk: Desk, caller: Caller, screen: Screen) -> Picture | None:
    del caller
    view = PnlView.of(dict(screen.shown))
    moves = await desk.engine.books.booked(since(desk, view.period))
    return pictures.results_picture(moves, view)


async def _rates(desk: Desk, caller: Caller, screen: Screen) -> Picture | None:
    found = desk.engine.token(screen.shown["token"])
    rates = {
        venue_id: desk.engine.past_rates(instrument)
        for venue_id, instrument in found.row.instruments.items()
    }
    return pictures.rates_picture(found.row.base, rates, desk.look(caller))


async def _spread(desk: Desk, caller: Caller, screen: Screen) -> Picture | None:
    trade_id = TradeId(screen.shown["trade"])
    position = await desk.engine.position(trade_id)
    _, paid = await desk.engine.books.payments(trade_id)
    legs = position.trade.long.instrument, position.trade.short.instrument
    spreads = desk.engine.past_spreads(*legs)
    payments = [each.payment for each in paid]
    look = desk.look(caller)
    return pictures.spread_picture(position, spreads, payments, look)
