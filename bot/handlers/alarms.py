"""Answer the Seen button of critical messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.cards import alert, trouble
from bot.cards.card import Reply
from bot.handlers.screens import screen_behind

if TYPE_CHECKING:
    from bot.access import Caller
    from bot.callbacks import Tap
    from bot.handlers.desk import Desk
    from core.model.units import MessageId


async def seen(desk: Desk, caller: Caller, tap: Tap, message_id: MessageId) -> Reply:
    """Stop the repeats of a condition, and say on its message who did."""
    screen = await screen_behind(desk, caller, tap, message_id)
    cause = screen.shown.get(alert.CAUSE)
    if cause is None:
        return Reply(toast=trouble.UNKNOWN_BUTTON)
    found = await desk.engine.see_alarm(cause, caller.user_id, caller.name)
    if found is None or (found.is_over and found.seen_by is None):
        return Reply(toast=alert.OVER_TOAST)
    words = alert.seen_words(found.seen_name, found.seen_at)
    card = alert.alert_card(desk.look(caller), found.alert, words)
    return Reply(card, toast=alert.SEEN_TOAST)
