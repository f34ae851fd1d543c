"""Answer /log: the latest lines of the audit trail, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.cards import hints
from bot.cards.card import Reply
from bot.cards.log import MOST, USUAL, log_card
from bot.handlers.screens import number_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.access import Caller
    from bot.cards.card import Card
    from bot.handlers.desk import Desk
    from core.model.units import MessageId


async def typed(
    desk: Desk, caller: Caller, words: tuple[str, ...], message_id: MessageId
) -> Reply:
    """Show the latest events: /log, or /log 100."""
    del message_id
    count = USUAL if not words else number_of(words[0])
    if len(words) > 1 or not count or count > MOST:
        return Reply(hints.bad_count(desk.look(caller), MOST))
    return Reply(await show(desk, caller, {"count": str(count)}))


async def show(desk: Desk, caller: Caller, view: Mapping[str, str]) -> Card:
    """Return a page of the latest events; `view` is what a stored screen keeps."""
    count = min(number_of(view.get("count", "")) or USUAL, MOST)
    page = number_of(view.get("page", "")) or 0
    events = await desk.engine.events(count)
    names = await desk.engine.traded_bases()
    return log_card(events, desk.look(caller), count, names, page)
