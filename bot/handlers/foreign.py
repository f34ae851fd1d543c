"""Answer the button on a position that is not ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.cards import foreign
from bot.cards.card import Reply
from bot.handlers.positions import show_positions
from bot.handlers.screens import OldScreenError, is_event, number_of, screen_behind

if TYPE_CHECKING:
    from bot.access import Caller
    from bot.callbacks import Tap
    from bot.handlers.desk import Desk
    from core.model.units import MessageId


async def ignore(desk: Desk, caller: Caller, tap: Tap, message_id: MessageId) -> Reply:
    """Say no more of a position at the size that was shown; nothing is ordered."""
    screen = await screen_behind(desk, caller, tap, message_id)
    named, index = foreign.unpack(screen.shown), number_of(tap.arg)
    if index is None or index >= len(named):
        raise OldScreenError(screen.kind)
    one = named[index]
    is_done = await desk.engine.ignore_foreign(
        one.venue_id, one.symbol, one.quantity_base, caller.user_id
    )
    view = {} if is_event(screen) else screen.shown
    return Reply(
        await show_positions(desk, caller, view),
        toast=foreign.IGNORED if is_done else foreign.CHANGED,
        is_new=is_event(screen),
    )
