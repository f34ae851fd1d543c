"""Answer /closeall and the buttons of its two steps; nothing is ordered here.

Who brings the reply to the chat begins the closes that it names, each by the close
card of its pair.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.cards import closeall, hints, trouble
from bot.cards.card import Reply
from bot.cards.plan import expired_words
from bot.cards.shown import ClosingAll, unpack_rows
from bot.handlers.screens import OldScreenError, screen_behind
from core.errors import ReconcilingError, UnknownTradeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bot.access import Caller
    from bot.callbacks import Tap
    from bot.cards.card import Card
    from bot.cards.shown import ShownRow
    from bot.handlers.desk import Desk
    from core.model.position import Position
    from core.model.screen import Screen
    from core.model.units import MessageId


async def typed(
    desk: Desk, caller: Caller, words: tuple[str, ...], message_id: MessageId
) -> Reply:
    """Show which pairs would be closed."""
    del message_id
    if words:
        look = desk.look(caller)
        return Reply(hints.too_many_words(look, "/closeall", "/closeall"))
    return Reply(await show(desk, caller, {}))


async def show(desk: Desk, caller: Caller, view: Mapping[str, str]) -> Card:
    """Return the first step with what is open now.

    Raises:
        ReconcilingError: what is open is not known for certain yet.
    """
    del view
    portfolio = await desk.engine.portfolio()
    if portfolio.is_checking:
        raise ReconcilingError
    choice = await _choice(desk, caller, portfolio.positions)
    return closeall.first_card(choice, desk.look(caller))


async def tapped(desk: Desk, caller: Caller, tap: Tap, message_id: MessageId) -> Reply:
    """Ask once more, close, or leave everything as it is."""
    screen = await desk.cards.screen(tap.subject)
    if screen is None:
        raise OldScreenError(closeall.KIND)
    if screen.user_id != caller.user_id:
        return Reply(toast=trouble.not_yours(screen.shown.get("by", "")))
    screen = await screen_behind(desk, caller, tap, message_id)
    if screen.kind not in _STEPS[tap.arg]:
        return Reply(toast=trouble.UNKNOWN_BUTTON)
    latest = await desk.cards.screen_of_message(caller.chat_id, message_id)
    if latest is not None and latest.card_id != screen.card_id:
        is_running = latest.kind == closeall.BEGUN_KIND
        return Reply(toast=trouble.ALREADY_RUNNING if is_running else trouble.CHANGED)
    if tap.arg == closeall.ASK:
        return await _ask(desk, caller, screen)
    if tap.arg == closeall.SURE:
        return await _sure(desk, caller, screen)
    words = trouble.nothing_ordered(trouble.CANCELLED)
    card = closeall.ended_card(words, desk.look(caller))
    return Reply(card, toast=trouble.CANCELLED)


_STEPS = {
    closeall.ASK: {closeall.KIND},
    closeall.SURE: {closeall.SURE_KIND},
    closeall.CANCEL: {closeall.KIND, closeall.SURE_KIND},
}
"""Which card each of these buttons is on."""


async def _ask(desk: Desk, caller: Caller, screen: Screen) -> Reply:
    """Show the second step for the pairs that the first one named."""
    found, _ = await _still_there(desk, unpack_rows(screen.shown))
    choice = await _choice(desk, caller, found)
    look = desk.look(caller)
    if not choice.pairs:
        return Reply(closeall.first_card(choice, look))
    expires_at = look.now + desk.engine.facts.quote_ttl
    return Reply(closeall.sure_card(choice, expires_at, look), lapses_at=expires_at)


async def _sure(desk: Desk, caller: Caller, screen: Screen) -> Reply:
    """Name the pairs whose closes shall begin, those that were shown and no other."""
    if screen.created_at <= (await desk.engine.health()).started_at:
        return Reply(await show(desk, caller, {}), toast=closeall.RESTARTED)
    expires_at, look = (
        screen.created_at + desk.engine.facts.quote_ttl,
        desk.look(caller),
    )
    if look.now >= expires_at:
        toast = trouble.nothing_ordered(expired_words(expires_at, look))
        return Reply(await show(desk, caller, {}), toast=toast)
    shown = unpack_rows(screen.shown)
    found, over = await _still_there(desk, shown)
    there = {each.trade.trade_id for each in found}
    rows = tuple(each for each in shown if each.trade_id in there)
    skipped = tuple(each.base for each in over)
    bases = [each.base for each in rows]
    card = closeall.begun_card(bases, look, skipped=skipped, is_over=False)
    if not rows:
        return Reply(card)
    toast = closeall.beginning_words(len(rows))
    return Reply(card, toast=toast, closing=ClosingAll(rows, skipped))


async def _still_there(
    desk: Desk, rows: Iterable[ShownRow]
) -> tuple[list[Position], list[ShownRow]]:
    """Return the pairs of these rows, and the rows whose pair is over."""
    found, over = [], []
    for row in rows:
        position = await _position(desk, row)
        if position is None or position.trade.state.is_terminal:
            over.append(row)
        else:
            found.append(position)
    return found, over


async def _position(desk: Desk, row: ShownRow) -> Position | None:
    if row.trade_id is None:
        return None
    try:
        return await desk.engine.position(row.trade_id)
    except UnknownTradeError:
        return None


async def _choice(
    desk: Desk, caller: Caller, positions: Iterable[Position]
) -> closeall.Choice:
    halts = (await desk.engine.health()).halts
    return closeall.choice_of(positions, halts, desk.look(caller))
