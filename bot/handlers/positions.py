"""Answer /pos, /add and /close and the buttons on positions."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from bot.cards import hints, position
from bot.cards.card import Reply
from bot.cards.closeall import ANSWERS
from bot.cards.shown import QuoteRequest
from bot.handlers import closeall
from bot.handlers.screens import (
    OldScreenError,
    is_event,
    number_of,
    row_of,
    screen_behind,
)
from bot.handlers.trade import dollars, quote
from core.errors import UnknownTradeError
from core.model.plan import WHOLE
from core.model.units import TradeId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.access import Caller
    from bot.callbacks import Tap
    from bot.cards.card import Card
    from bot.handlers.desk import Desk
    from core.model.trade import Trade
    from core.model.units import MessageId


KNOWN_BY_TOKEN = timedelta(hours=24)
"""A closed pair is found by its token for so long, by its id for ever."""


async def positions(
    desk: Desk, caller: Caller, words: tuple[str, ...], message_id: MessageId
) -> Reply:
    """Show all pairs, or the one of an id or token."""
    del message_id
    if len(words) > 1:
        return Reply(hints.too_many_words(desk.look(caller), "/pos", "/pos HYPE"))
    if words:
        trade_id = await _trade_named(desk, words[0])
        if trade_id is None:
            return Reply(await show_positions(desk, caller, {}))
        return Reply(await show_position(desk, caller, trade_id))
    return Reply(await show_positions(desk, caller, {}))


async def close(
    desk: Desk, caller: Caller, words: tuple[str, ...], message_id: MessageId
) -> Reply:
    """Quote a close of all or a part; without words the only pair's, or a choice."""
    del message_id
    share = share_of(words[1]) if len(words) == 2 else WHOLE  # noqa: PLR2004 - ID and part
    if len(words) > 2 or share is None:  # noqa: PLR2004 - ID and part
        return Reply(hints.bad_close(desk.look(caller)))
    if words:
        trade_id = await _trade_named(desk, words[0])
        if trade_id is None:
            return Reply(await show_positions(desk, caller, {"closing": "yes"}))
        found = await desk.engine.position(trade_id)
        if found.trade.state.is_terminal:
            return Reply(position.position_card(found, desk.look(caller)))
        return await quote(desk, caller, QuoteRequest(trade_id=trade_id, share=share))
    only = await _only(desk)
    if only is not None:
        return await quote(desk, caller, QuoteRequest(trade_id=only))
    return Reply(await show_positions(desk, caller, {"closing": "yes"}))


async def add(
    desk: Desk, caller: Caller, words: tuple[str, ...], message_id: MessageId
) -> Reply:
    """Quote a part to be added to a pair; without words to the only one."""
    del message_id
    if len(words) > 2:  # noqa: PLR2004 - pair and dollars
        look = desk.look(caller)
        return Reply(hints.too_many_words(look, "/add", "/add HYPE 200"))
    size_usd = dollars(words[1]) if len(words) == 2 else None  # noqa: PLR2004 - pair and dollars
    if len(words) == 2 and size_usd is None:  # noqa: PLR2004 - pair and dollars
        return Reply(hints.bad_amount(desk.look(caller), words[1], "/add HYPE 200"))
    trade_id = await _trade_named(desk, words[0]) if words else await _only(desk)
    if trade_id is None:
        return Reply(await show_positions(desk, caller, {}))
    found = await desk.engine.position(trade_id)
    if found.trade.state.is_terminal:
        return Reply(position.position_card(found, desk.look(caller)))
    request = QuoteRequest(trade_id=trade_id, adds=True, size_usd=size_usd)
    return await quote(desk, caller, request)


async def _only(desk: Desk) -> TradeId | None:
    """Return the one open pair, None with none or several."""
    trades = [each.trade for each in (await desk.engine.portfolio()).positions]
    return trades[0].trade_id if len(trades) == 1 else None


def share_of(word: str) -> Decimal | None:
    """Return the part of a pair that a word names (50%, half, all); None if none."""
    named = {"half": Decimal("0.5"), "all": WHOLE}.get(word.lower())
    if named is not None:
        return named
    bare = word.removesuffix("%")
    if not bare.isascii() or not bare.isdigit() or not 0 < int(bare) <= 100:  # noqa: PLR2004 - percent
        return None
    return Decimal(int(bare)) / 100


async def show_positions(desk: Desk, caller: Caller, view: Mapping[str, str]) -> Card:
    """Return the open pairs; `view` is what a stored screen keeps."""
    portfolio = await desk.engine.portfolio()
    page = number_of(view.get("page", "")) or 0
    is_closing = bool(view.get("closing")) and caller.is_owner
    return position.positions_card(
        portfolio, desk.look(caller), position.PositionsView(page, is_closing)
    )


async def show_position(desk: Desk, caller: Caller, trade_id: TradeId) -> Card:
    """Return one pair.

    Raises:
        UnknownTradeError: there is none.
    """
    found = await desk.engine.position(trade_id)
    return position.position_card(found, desk.look(caller))


async def one(desk: Desk, caller: Caller, tap: Tap, message_id: MessageId) -> Reply:
    """Show the pair of a row; say so if it ended since the row was shown."""
    screen = await screen_behind(desk, caller, tap, message_id)
    trade_id = row_of(screen, tap).trade_id
    if trade_id is None:
        raise OldScreenError(screen.kind)
    found = await desk.engine.position(trade_id)
    look = desk.look(caller)
    is_over = found.trade.state.is_terminal
    toast = position.ended_words(found, look) if is_over else ""
    card = position.position_card(found, look)
    return Reply(card, toast=toast, is_new=is_event(screen))


async def close_row(
    desk: Desk, caller: Caller, tap: Tap, message_id: MessageId
) -> Reply:
    """Quote the close of a row's pair in a new message."""
    if tap.arg in ANSWERS:
        return await closeall.tapped(desk, caller, tap, message_id)
    screen = await screen_behind(desk, caller, tap, message_id)
    trade_id = row_of(screen, tap).trade_id
    if trade_id is None:
        raise OldScreenError(screen.kind)
    found = await desk.engine.position(trade_id)
    if found.trade.state.is_terminal:
        look = desk.look(caller)
        toast = position.ended_words(found, look)
        card = position.position_card(found, look)
        return Reply(card, toast=toast, is_new=is_event(screen))
    reply = await quote(desk, caller, QuoteRequest(trade_id=trade_id))
    return replace(reply, is_new=True)


async def _trade_named(desk: Desk, word: str) -> TradeId | None:
    """Return the trade of an id, or the only open pair of a token; None for several.

    A token of which no pair is open means the pair of it that was closed last.

    Raises:
        UnknownTradeError: neither.
    """
    portfolio = await desk.engine.portfolio()
    wanted = word.lower()
    trades = [each.trade for each in portfolio.positions]
    for each in trades:
        if each.trade_id.lower() == wanted:
            return each.trade_id
    named = [each.trade_id for each in trades if wanted in _names(each)]
    if named:
        return named[0] if len(named) == 1 else None
    for each in await desk.engine.ended_lately(KNOWN_BY_TOKEN):
        if wanted in _names(each):
            return each.trade_id
    try:
        return (await desk.engine.position(TradeId(word))).trade.trade_id
    except UnknownTradeError:
        raise UnknownTradeError(word) from None


def _names(trade: Trade) -> set[str]:
    """Return what people call a pair's token: PEPE, 1000PEPE, kPEPE, 1000PEPEUSDT."""
    names = {trade.base.lower()}
    for leg in trade.legs:
        one = leg.instrument
        names |= {one.native_name.lower(), one.symbol.partition("/")[0].lower()}
    return names
