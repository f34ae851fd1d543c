"""Name the handler of every command and every button.

Handlers let refusals (`CoreError`, `VenueError`) out; whoever calls them here turns
those into cards. Only what needs the screen for its Retry button is caught earlier.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.access import VIEWER_COMMANDS, may_command, may_tap
from bot.callbacks import Verb
from bot.cards import trouble
from bot.cards.card import Reply
from bot.cards.help import DESCRIPTIONS, again
from bot.cards.shown import unpack_request
from bot.handlers import (
    alarms,
    closeall,
    control,
    exits,
    foreign,
    log,
    pnl,
    positions,
    preferences,
    repair,
    scan,
    settings,
    trade,
    why,
)
from bot.handlers.screens import (
    ForeignScreenError,
    OldScreenError,
    is_event,
    number_of,
    screen_behind,
)
from core.errors import CoreError, VenueError
from core.model.units import TradeId

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from bot.access import Caller
    from bot.callbacks import Tap
    from bot.cards.card import Card
    from bot.handlers.desk import CommandHandler, Desk, TapHandler
    from core.model.screen import Screen
    from core.model.units import MessageId

unknown_text = control.unknown_text
unknown_command = control.unknown_command


@dataclass(frozen=True, slots=True)
class CommandRoute:
    """One command of the menu."""

    handler: CommandHandler
    description: str
    owner_only: bool
    is_state_changing: bool
    """A late one asks before it does anything."""


# --- screens by name ------------------------------------------------------------------


async def _top(desk: Desk, caller: Caller) -> Card:
    return await scan.show_top(desk, caller, {})


async def _matrix(desk: Desk, caller: Caller) -> Card:
    return await scan.show_matrix(desk, caller, {})


async def _positions(desk: Desk, caller: Caller) -> Card:
    return await positions.show_positions(desk, caller, {})


async def _closing(desk: Desk, caller: Caller) -> Card:
    return await positions.show_positions(desk, caller, {"closing": "yes"})


async def _closing_all(desk: Desk, caller: Caller) -> Card:
    return await closeall.show(desk, caller, {})


async def _pnl(desk: Desk, caller: Caller) -> Card:
    return await pnl.show_again(desk, caller, {})


async def _log(desk: Desk, caller: Caller) -> Card:
    return await log.show(desk, caller, {})


async def _help(desk: Desk, caller: Caller) -> Card:
    return control.help_screen(desk, caller)


SCREENS: Mapping[str, tuple[str, Callable[[Desk, Caller], Awaitable[Card]]]] = {
    "top": ("top", _top),
    "matrix": ("matrix", _matrix),
    "pos": ("pos", _positions),
    "close": ("close", _closing),
    "closeall": ("closeall", _closing_all),
    "health": ("health", control.health_screen),
    "alerts": ("alerts", preferences.show_alerts),
    "settings": ("settings", settings.show_all),
    "pnl": ("pnl", _pnl),
    "log": ("log", _log),
    "help": ("help", _help),
}
"""Argument of a screen button: the command whose role it needs, and what it shows."""
_FRESH = {
    "matrix": "matrix",
    "token": "matrix",
    "why": "matrix",
    "positions": "pos",
    "position": "pos",
}
_FRESH |= {"health": "health", "alerts": "alerts", "pnl": "pnl"}
_FRESH |= {"payments": "pos", "stop": "pos", "log": "log", "closeall": "closeall"}
_FRESH |= {"closeall_sure": "closeall", "closeall_begun": "pos"}


async def screen(desk: Desk, caller: Caller, tap: Tap, message_id: MessageId) -> Reply:
    """Show another screen in place of this one; an event's message stays."""
    found = await desk.cards.screen(tap.subject)
    if found is not None:
        found = await screen_behind(desk, caller, tap, message_id)
    named = SCREENS.get(tap.arg)
    if named is None:
        return Reply(toast=trouble.UNKNOWN_BUTTON)
    command, show = named
    if not may_command(command, caller.role):
        return Reply(toast=trouble.VIEW_ONLY)
    return Reply(await show(desk, caller), is_new=is_event(found))


async def refresh(desk: Desk, caller: Caller, tap: Tap, message_id: MessageId) -> Reply:
    """Show the same screen with what is true now."""
    found = await screen_behind(desk, caller, tap, message_id)
    return Reply(await _shown_again(desk, caller, found), is_new=is_event(found))


async def _shown_again(desk: Desk, caller: Caller, found: Screen) -> Card:
    shown = found.shown
    if found.kind in _AGAIN:
        return await _AGAIN[found.kind](desk, caller, shown)
    if "trade" in shown:
        return await positions.show_position(desk, caller, TradeId(shown["trade"]))
    if found.kind in {"health", "alerts"}:
        return await SCREENS[found.kind][1](desk, caller)
    return await _top_again(desk, caller, shown)


async def _matrix_again(desk: Desk, caller: Caller, shown: Mapping[str, str]) -> Card:
    await scan.fresh_lists(desk)
    return await scan.show_matrix(desk, caller, shown)


async def _token_again(desk: Desk, caller: Caller, shown: Mapping[str, str]) -> Card:
    await scan.fresh_scan(desk)
    return await scan.show_token(desk, caller, shown["token"])


async def _why_again(desk: Desk, caller: Caller, shown: Mapping[str, str]) -> Card:
    await scan.fresh_scan(desk)
    return await why.show(desk, caller, shown)


async def _top_again(desk: Desk, caller: Caller, shown: Mapping[str, str]) -> Card:
    await scan.fresh_scan(desk)
    return await scan.show_top(desk, caller, shown)


async def _stop_again(desk: Desk, caller: Caller, shown: Mapping[str, str]) -> Card:
    return await exits.show_stop(desk, caller, TradeId(shown["trade"]))


async def _payments_again(desk: Desk, caller: Caller, shown: Mapping[str, str]) -> Card:
    return await pnl.show_payments(desk, caller, TradeId(shown["trade"]))


_AGAIN: Mapping[str, Callable[[Desk, Caller, Mapping[str, str]], Awaitable[Card]]] = {
    "matrix": _matrix_again,
    "token": _token_again,
    "why": _why_again,
    "positions": positions.show_positions,
    "pnl": pnl.show_again,
    "log": log.show,
    "closeall": closeall.show,
    "closeall_sure": closeall.show,
    "closeall_begun": closeall.show,
    "payments": _payments_again,
    "stop": _stop_again,
}
"""What Refresh shows, by kind of screen; every other kind shows the ranking."""


async def page(desk: Desk, caller: Caller, tap: Tap, message_id: MessageId) -> Reply:
    """Show another page of the same list."""
    found = await screen_behind(desk, caller, tap, message_id)
    view = {**found.shown, "page": str(number_of(tap.arg) or 0)}
    if found.kind == "matrix":
        return Reply(await scan.show_matrix(desk, caller, view))
    if found.kind == "why":
        return Reply(await why.show(desk, caller, view))
    if found.kind == "positions":
        return Reply(await positions.show_positions(desk, caller, view))
    if found.kind == "pnl":
        return Reply(await pnl.show_again(desk, caller, view))
    if found.kind == "log":
        return Reply(await log.show(desk, caller, view))
    return Reply(await scan.show_top(desk, caller, view))


async def retry(desk: Desk, caller: Caller, tap: Tap, message_id: MessageId) -> Reply:
    """Do again what failed: a quote, or a typed command."""
    found = await screen_behind(desk, caller, tap, message_id)
    if unpack_request(found.shown) is not None:
        if not may_tap(Verb.REQUOTE, caller.role):
            return Reply(toast=trouble.VIEW_ONLY)
        return await trade.requote(desk, caller, tap, message_id)
    command = found.shown.get("command", "")
    route = COMMANDS.get(command)
    if route is None:
        return Reply(await _top(desk, caller))
    if not may_command(command, caller.role):
        return Reply(toast=trouble.VIEW_ONLY)
    words = tuple(found.shown.get("words", "").split())
    return await route.handler(desk, caller, words, message_id)


# --- what every handler needs around it -----------------------------------------------


def _typed(name: str, handler: CommandHandler) -> CommandHandler:
    """Give a refusal of a typed command its Retry button."""

    async def answer(
        desk: Desk, caller: Caller, words: tuple[str, ...], message_id: MessageId
    ) -> Reply:
        try:
            return await handler(desk, caller, words, message_id)
        except (CoreError, VenueError) as error:
            look = desk.look(caller)
            return Reply(trouble.trouble_card(look, error, again=again(name, words)))

    return answer


def _tapped(handler: TapHandler) -> TapHandler:
    """Answer a button that is too old with a fresh screen, a foreign one with no."""

    async def answer(
        desk: Desk, caller: Caller, tap: Tap, message_id: MessageId
    ) -> Reply:
        if not may_tap(tap.verb, caller.role, tap.arg):
            return Reply(toast=trouble.VIEW_ONLY)
        try:
            return await handler(desk, caller, tap, message_id)
        except ForeignScreenError:
            return Reply(toast=trouble.NOT_YOUR_SCREEN)
        except OldScreenError as error:
            _, show = SCREENS[_FRESH.get(error.kind, "top")]
            return Reply(await show(desk, caller), toast=trouble.OLD_LIST)

    return answer


def _route(
    name: str, handler: CommandHandler, *, is_state_changing: bool = False
) -> CommandRoute:
    return CommandRoute(
        handler=_typed(name, handler),
        description=DESCRIPTIONS[name],
        owner_only=name not in VIEWER_COMMANDS,
        is_state_changing=is_state_changing,
    )


COMMANDS: Mapping[str, CommandRoute] = {
    "top": _route("top", scan.top),
    "matrix": _route("matrix", scan.grid),
    "why": _route("why", why.typed),
    "open": _route("open", trade.open_pair, is_state_changing=True),
    "pos": _route("pos", positions.positions),
    "pnl": _route("pnl", pnl.typed),
    "add": _route("add", positions.add, is_state_changing=True),
    "close": _route("close", positions.close, is_state_changing=True),
    "closeall": _route("closeall", closeall.typed, is_state_changing=True),
    "alerts": _route("alerts", preferences.alerts, is_state_changing=True),
    "settings": _route("settings", settings.show, is_state_changing=True),
    "log": _route("log", log.typed),
    "cancel": _route("cancel", settings.cancel),
    "health": _route("health", control.show_health),
    "pause": _route("pause", control.pause, is_state_changing=True),
    "resume": _route("resume", control.resume, is_state_changing=True),
    "halt": _route("halt", control.halt, is_state_changing=True),
    "help": _route("help", control.show_help),
    "start": _route("start", control.start),
    "positions": _route("positions", positions.positions),
}

_TAPS: Mapping[Verb, TapHandler] = {
    Verb.CONFIRM: trade.confirm,
    Verb.CANCEL: trade.cancel,
    Verb.SCREEN: screen,
    Verb.REFRESH: refresh,
    Verb.PAGE: page,
    Verb.TOKEN: scan.token,
    Verb.OPEN: trade.open_row,
    Verb.BEST: trade.best,
    Verb.CLOSE: positions.close_row,
    Verb.POSITION: positions.one,
    Verb.SIZE: trade.resize,
    Verb.REQUOTE: trade.requote,
    Verb.RETRY: retry,
    Verb.ALERTS: preferences.change,
    Verb.MUTE: preferences.mute,
    Verb.SEEN: alarms.seen,
    Verb.SET: settings.change,
    Verb.PAUSE: control.tap_pause,
    Verb.RESUME: control.tap_resume,
    Verb.FILTER: scan.narrow,
    Verb.SORT: scan.sort,
    Verb.WHY: why.tapped,
    Verb.PNL: pnl.change,
    Verb.EXIT: exits.change,
    Verb.FOREIGN: foreign.answer,
    Verb.REPAIR: repair.answer,
}
VERBS: Mapping[Verb, TapHandler] = {
    verb: _tapped(handler) for verb, handler in _TAPS.items()
}
