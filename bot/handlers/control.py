"""Answer /start, /help, /health, /pause, /halt, /resume and what nobody understands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.access import may_command
from bot.cards import halt as halt_cards
from bot.cards import health
from bot.cards import help as help_cards
from bot.cards.card import Reply
from bot.handlers.screens import is_event, screen_behind
from core.model.control import GLOBAL_SCOPE, HALT_KEY

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bot.access import Caller
    from bot.callbacks import Tap
    from bot.cards.card import Card
    from bot.handlers.desk import Desk
    from core.model.control import Halt
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


async def halt(
    desk: Desk, caller: Caller, words: tuple[str, ...], message_id: MessageId
) -> Reply:
    """Stop everything automatic, repairs included; repeating is harmless."""
    del words, message_id
    met = await desk.engine.halt(caller.user_id, tells_owners=not caller.is_owner)
    return Reply(halt_cards.halted_card(desk.look(caller), met))


async def _paused(desk: Desk, caller: Caller) -> Card:
    is_new = await desk.engine.pause(caller.user_id)
    is_halted = any(halt.key == HALT_KEY for halt in await _halts(desk))
    look = desk.look(caller)
    return help_cards.paused_card(look, is_new=is_new, is_halted=is_halted)


async def _only_paused(desk: Desk, caller: Caller) -> Card:
    """End a halt but leave entries off."""
    was_halted = await desk.engine.only_pause(caller.user_id)
    return halt_cards.only_paused_card(desk.look(caller), was_halted=was_halted)


async def _resumed(desk: Desk, caller: Caller) -> Card:
    """Lift pause and halt, and name what else keeps entries off."""
    was_halted = any(halt.key == HALT_KEY for halt in await _halts(desk))
    is_new = await desk.engine.resume(caller.user_id)
    still_off = [halt.reason for halt in await _halts(desk)]
    look = desk.look(caller)
    if was_halted:
        return halt_cards.lifted_card(look, still_off=still_off)
    return help_cards.resumed_card(look, is_new=is_new, still_off=still_off)


async def _halts(desk: Desk) -> list[Halt]:
    """Return what holds everything back, not one venue or token."""
    halts = (await desk.engine.health()).halts
    return [halt for halt in halts if halt.scope == GLOBAL_SCOPE]


async def tap_pause(
    desk: Desk, caller: Caller, tap: Tap, message_id: MessageId
) -> Reply:
    """Turn entries off from a button; the health card stays and shows it.

    On a card that shows a halt the button says "Only pause" and ends the halt.
    """
    work = _only_paused if tap.arg == halt_cards.ONLY_PAUSE else _paused
    return await _switched(desk, caller, tap, message_id, work)


async def tap_resume(
    desk: Desk, caller: Caller, tap: Tap, message_id: MessageId
) -> Reply:
    """Turn entries on from a button; the health card stays and shows it."""
    return await _switched(desk, caller, tap, message_id, _resumed)


async def _switched(
    desk: Desk,
    caller: Caller,
    tap: Tap,
    message_id: MessageId,
    work: Callable[[Desk, Caller], Awaitable[Card]],
) -> Reply:
    screen = await screen_behind(desk, caller, tap, message_id)
    card = await work(desk, caller)
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
