"""Answer /start, /help, /health, /pause, /resume and what is not understood."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.access import may_command
from bot.cards import health
from bot.cards import help as help_cards
from bot.cards.card import Reply
from bot.handlers.screens import is_event, screen_behind
from core.model.control import GLOBAL_SCOPE

if TYPE_CHECKING:
    from bot.access import Caller
    from bot.callbacks import Tap
    from bot.cards.card import Card
    from bot.handlers.desk import Desk
    from core.model.units import MessageId


async def start(
    desk: Desk, caller: Caller, words: tuple[str, ...], message_id: MessageId
) -> Reply:
    """Greet; nothing is started (Telegram sends this after a clear or unblock)."""
    del words, message_id
    state = (await desk.engine.health()).trading
    return Reply(help_cards.start_card(desk.look(caller), state))


async def show_help(
    desk: Desk, caller: Caller, words: tuple[str, ...], message_id: MessageId
) -> Reply:
    """Show the legend and the commands."""
    del words, message_id
    return Reply(help_screen(desk, caller))


def help_screen(desk: Desk, caller: Caller) -> Card:
    """Return the legend and the commands this person may use."""
    commands = {
        name: says
        for name, says in help_cards.DESCRIPTIONS.items()
        if may_command(name, caller.role)
    }
    return help_cards.help_card(desk.look(caller), commands)


async def show_health(
    desk: Desk, caller: Caller, words: tuple[str, ...], message_id: MessageId
) -> Reply:
    """Show the state of everything."""
    del words, message_id
    return Reply(await health_screen(desk, caller))


async def health_screen(desk: Desk, caller: Caller) -> Card:
    """Return the state of everything."""
    return health.health_card(await desk.engine.health(), desk.look(caller))


async def pause(
    desk: Desk, caller: Caller, words: tuple[str, ...], message_id: MessageId
) -> Reply:
    """Turn entries off; repeating is harmless."""
    del words, message_id
    return Reply(await _paused(desk, caller))


async def resume(
    desk: Desk, caller: Caller, words: tuple[str, ...], message_id: MessageId
) -> Reply:
    """Turn entries on again; repeating is harmless."""
    del words, message_id
    return Reply(await _resumed(desk, caller))


async def _paused(desk: Desk, caller: Caller) -> Card:
    is_new = await desk.engine.pause(caller.user_id)
    return help_cards.paused_card(desk.look(caller), is_new=is_new)


async def _resumed(desk: Desk, caller: Caller) -> Card:
    """Lift the pause, and name what else keeps entries off."""
    is_new = await desk.engine.resume(caller.user_id)
    halts = (await desk.engine.health()).halts
    still_off = [halt.reason for halt in halts if halt.scope == GLOBAL_SCOPE]
    return help_cards.resumed_card(
        desk.look(caller), is_new=is_new, still_off=still_off
    )


async def tap_pause(
    desk: Desk, caller: Caller, tap: Tap, message_id: MessageId
) -> Reply:
    """Turn entries off from a button; the health card stays and shows it."""
    return await _switched(desk, caller, tap, message_id, is_pause=True)


async def tap_resume(
    desk: Desk, caller: Caller, tap: Tap, message_id: MessageId
) -> Reply:
    """Turn entries on from a button; the health card stays and shows it."""
    return await _switched(desk, caller, tap, message_id, is_pause=False)


async def _switched(
    desk: Desk, caller: Caller, tap: Tap, message_id: MessageId, *, is_pause: bool
) -> Reply:
    screen = await screen_behind(desk, caller, tap, message_id)
    card = await (_paused if is_pause else _resumed)(desk, caller)
    if screen.kind == "health":
        return Reply(await health_screen(desk, caller))
    return Reply(card, is_new=is_event(screen))


async def unknown_text(
    desk: Desk, caller: Caller, words: tuple[str, ...], message_id: MessageId
) -> Reply:
    """Say shortly what helps; silence would look like success."""
    del message_id
    return Reply(help_cards.hint(desk.look(caller), " ".join(words)))


async def unknown_command(
    desk: Desk, caller: Caller, words: tuple[str, ...], message_id: MessageId
) -> Reply:
    """Say that there is no such command, and which there are."""
    del words, message_id
    return Reply(help_cards.unknown_command_card(desk.look(caller)))
