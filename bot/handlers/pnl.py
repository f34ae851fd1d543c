"""Answer /pnl and its buttons: the result by part, as a table, a picture or a file."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from typing import TYPE_CHECKING

from bot.cards import hints, pnl, trouble
from bot.cards.card import Reply
from bot.cards.export import ledger_csv
from bot.cards.pnl import Period, PnlView, Split
from bot.handlers.pictures import send
from bot.handlers.screens import is_event, screen_behind
from bot.handlers.since import since
from core.model.units import TradeId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.access import Caller
    from bot.callbacks import Tap
    from bot.cards.card import Card
    from bot.handlers.desk import Desk
    from core.model.units import MessageId


async def typed(
    desk: Desk, caller: Caller, words: tuple[str, ...], message_id: MessageId
) -> Reply:
    """Show the result of a period: /pnl, /pnl today, /pnl 30d, /pnl all."""
    del message_id
    word = words[0].lower() if words else Period.WEEK.value
    if len(words) > 1 or word not in set(Period):
        return Reply(hints.unknown_period(desk.look(caller)))
    return Reply(await show(desk, caller, PnlView(Period(word))))


async def show(desk: Desk, caller: Caller, view: PnlView) -> Card:
    """Return the card of a view."""
    report = await desk.engine.books.pnl(since(desk, view.period), UTC)
    return pnl.pnl_card(report, desk.look(caller), view)


async def show_again(desk: Desk, caller: Caller, shown: Mapping[str, str]) -> Card:
    """Return the card a stored screen showed, with what is true now."""
    return await show(desk, caller, PnlView.of(dict(shown)))


async def show_payments(desk: Desk, caller: Caller, trade_id: TradeId) -> Card:
    """Return what each payment of a pair was expected to bring, and brought.

    Raises:
        UnknownTradeError: there is no such pair.
    """
    trade, payments = await desk.engine.books.payments(trade_id)
    return pnl.payments_card(trade, payments, desk.look(caller))


async def change(desk: Desk, caller: Caller, tap: Tap, message_id: MessageId) -> Reply:
    """Show another period or split, or send the file."""
    screen = await screen_behind(desk, caller, tap, message_id)
    if tap.arg == "pay" and "trade" in screen.shown:
        card = await show_payments(desk, caller, TradeId(screen.shown["trade"]))
        return Reply(card, is_new=is_event(screen))
    view = PnlView.of(dict(screen.shown))
    sort, _, value = tap.arg.partition("-")
    if tap.arg == "png":
        return await send(desk, caller, screen)
    if tap.arg == "csv":
        return Reply(await _file(desk, caller, view), is_new=True)
    if sort == "p" and value in set(Period):
        view = PnlView(Period(value), view.split)
    elif sort == "g" and value in set(Split):
        view = replace(view, split=Split(value), page=0)
    else:
        return Reply(toast=trouble.UNKNOWN_BUTTON)
    return Reply(await show(desk, caller, view), is_new=is_event(screen))


async def _file(desk: Desk, caller: Caller, view: PnlView) -> Card:
    moves = await desk.engine.books.booked(since(desk, view.period))
    content, count = ledger_csv(moves)
    return pnl.ledger_file_card(desk.look(caller), view, content, count)
