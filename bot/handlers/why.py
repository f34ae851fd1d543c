"""Answer /why and its buttons: which gate refuses a token, venue by venue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.cards import hints, why
from bot.cards.card import Reply
from bot.handlers import scan
from bot.handlers.screens import is_event, number_of, row_of, screen_behind

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
    """Explain one token; without a name, offer the matrix to choose from."""
    del message_id
    if len(words) > 1:
        return Reply(hints.too_many_words(desk.look(caller), "/why", "/why PEPE"))
    if not words:
        return Reply(await scan.show_matrix(desk, caller, {"asks": "yes"}))
    return Reply(await show(desk, caller, {"token": words[0]}))


async def tapped(desk: Desk, caller: Caller, tap: Tap, message_id: MessageId) -> Reply:
    """Explain the token of a row, or let the matrix ask which one."""
    screen = await screen_behind(desk, caller, tap, message_id)
    if not tap.arg:
        view = {**screen.shown, "asks": "" if screen.shown.get("asks") else "yes"}
        return Reply(await scan.show_matrix(desk, caller, view))
    row = row_of(screen, tap)
    card = await show(desk, caller, {"token": row.base})
    return Reply(card, is_new=is_event(screen))


async def show(desk: Desk, caller: Caller, view: Mapping[str, str]) -> Card:
    """Return a page of one token's refusals; `view` is what a stored screen keeps."""
    explanation = await desk.engine.why(
        view["token"], user_id=caller.user_id, chat_id=caller.chat_id
    )
    page = number_of(view.get("page", "")) or 0
    return why.why_card(explanation, desk.look(caller), page)
