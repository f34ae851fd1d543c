"""Find the stored screen behind a button, or say why the button means nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from bot.cards.shown import unpack_rows

if TYPE_CHECKING:
    from bot.access import Caller
    from bot.callbacks import Tap
    from bot.cards.shown import ShownRow
    from bot.handlers.desk import Desk
    from core.model.screen import Screen
    from core.model.units import MessageId

LASTS = timedelta(hours=24)
_EVENTS = frozenset({"alert", "progress", "away"})


class OldScreenError(Exception):
    """The screen is forgotten or too old; a fresh one of its kind helps."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"old {kind}")
        self.kind = kind


class ForeignScreenError(Exception):
    """The button belongs to another person, chat or message."""


async def screen_behind(
    desk: Desk, caller: Caller, tap: Tap, message_id: MessageId
) -> Screen:
    """Return the screen whose id the button carries.

    Raises:
        OldScreenError: unknown, or older than a day.
        ForeignScreenError: shown to somebody else or in another message.
    """
    screen = await desk.cards.screen(tap.subject)
    if screen is None:
        msg = ""
        raise OldScreenError(msg)
    is_theirs = (screen.user_id, screen.chat_id) == (caller.user_id, caller.chat_id)
    # A tap may overtake the note of the message id; person and chat are known then.
    if not is_theirs or screen.message_id not in {None, message_id}:
        raise ForeignScreenError
    if desk.clock.now() - screen.created_at > LASTS:
        raise OldScreenError(screen.kind)
    return screen


def row_of(screen: Screen, tap: Tap) -> ShownRow:
    """Return the row of a list as it was shown.

    Raises:
        OldScreenError: the screen has no such row.
    """
    rows = unpack_rows(screen.shown)
    index = number_of(tap.arg)
    if index is None or index >= len(rows):
        raise OldScreenError(screen.kind)
    return rows[index]


def number_of(arg: str) -> int | None:
    """Return a small whole number of a button, None for anything else."""
    is_number = arg.isascii() and arg.isdigit() and len(arg) <= 4  # noqa: PLR2004
    return int(arg) if is_number else None


def is_event(screen: Screen | None) -> bool:
    """Tell whether a message reports an event and so must stay as it is."""
    return screen is not None and screen.kind in _EVENTS
