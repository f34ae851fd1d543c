"""Answer /settings, its buttons, and the replies to its questions."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from bot.cards import preference_words, settings, trouble
from bot.cards.card import Reply
from bot.handlers.screens import OldScreenError, number_of, screen_behind
from core.model.preferences import PREFERENCES, Key, Kind, decode, encode, is_riskier

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.access import Caller
    from bot.callbacks import Tap
    from bot.cards.card import Card
    from bot.handlers.desk import Desk
    from core.model.preferences import InForce, Value
    from core.model.screen import Screen
    from core.model.units import MessageId


async def show(
    desk: Desk, caller: Caller, words: tuple[str, ...], message_id: MessageId
) -> Reply:
    """Show all preferences, one group or one of them, or change one as typed."""
    del message_id
    if not words:
        return Reply(await show_all(desk, caller))
    several = await _several(desk, caller, tuple(each.lower() for each in words))
    if several is not None:
        return Reply(several)
    for count in range(len(words), 0, -1):
        key = preference_words.key_named(" ".join(words[:count]))
        if key is None:
            continue
        if count == len(words):
            return Reply(_card(desk, caller, key))
        if not caller.is_owner:
            return Reply(
                settings.view_only_card(_one(desk, caller, key), desk.look(caller))
            )
        typed = " ".join(words[count:])
        return await _wanted(desk, caller, key, _read(desk, caller, key, typed))
    return Reply(settings.unknown_card(" ".join(words), desk.look(caller)))


async def _several(desk: Desk, caller: Caller, words: tuple[str, ...]) -> Card | None:
    """Return the card of more than one preference that is called so."""
    if words == ("all",):
        return _full(desk, caller)
    word = words[0]
    if word in {"history", "changes"}:
        return await _history(desk, caller)
    is_group = word in preference_words.SECTIONS
    return _section(desk, caller, word) if is_group else None


async def show_all(desk: Desk, caller: Caller) -> Card:
    """Return what was changed, and the ways to every preference."""
    return settings.settings_card(_values(desk, caller), desk.look(caller))


async def change(desk: Desk, caller: Caller, tap: Tap, message_id: MessageId) -> Reply:
    """Do what a button of the settings cards says."""
    screen = await screen_behind(desk, caller, tap, message_id)
    if tap.arg in {"ask", "reset", "yes", "no"}:
        return await _about_one(desk, caller, screen, tap.arg)
    if tap.arg.startswith("p"):
        return await _preset(desk, caller, screen, tap.arg[1:])
    card = await _other(desk, caller, screen, tap.arg)
    return Reply(toast=trouble.UNKNOWN_BUTTON) if card is None else Reply(card)


async def _other(desk: Desk, caller: Caller, screen: Screen, arg: str) -> Card | None:
    """Return the card a button leads to without changing anything."""
    kind, rest = arg[:1], arg[1:]
    if arg == "all":
        return await show_all(desk, caller)
    if arg == "full":
        return _full(desk, caller)
    if arg == "history":
        return await _history(desk, caller)
    if kind == "s" and rest in preference_words.SECTIONS:
        return _section(desk, caller, rest)
    if kind != "k":
        return None
    keys = screen.shown.get("keys", "").split(",")
    return _card(desk, caller, _key(screen, keys[_place(screen, rest, keys)]))


async def answer(
    desk: Desk, caller: Caller, typed: str, question_id: MessageId
) -> Reply | None:
    """Take a reply to one of our questions; None if it replies to something else.

    Viewers are asked nothing, so that nothing of theirs is an answer.
    """
    if not caller.is_owner:
        return None
    screen = await desk.cards.screen_of_message(caller.chat_id, question_id)
    is_ours = screen is not None and screen.kind == settings.QUESTION
    if screen is None or not is_ours or screen.user_id != caller.user_id:
        return None
    key = _key(screen, screen.shown["key"])
    is_late = desk.clock.now() - screen.created_at > settings.ANSWER_WITHIN
    if is_late or "done" in screen.shown:
        return Reply(settings.late_card(key, desk.look(caller)))
    value = _read(desk, caller, key, typed)
    reply = await _wanted(desk, caller, key, value)
    await _end(desk, screen)
    return reply


async def cancel(
    desk: Desk, caller: Caller, words: tuple[str, ...], message_id: MessageId
) -> Reply:
    """End the question that waits for an answer."""
    del words, message_id
    screen = await desk.cards.latest_screen(caller.chat_id, settings.QUESTION)
    is_open = (
        screen is not None
        and "done" not in screen.shown
        and desk.clock.now() - screen.created_at <= settings.ANSWER_WITHIN
    )
    if screen is not None and is_open:
        await _end(desk, screen)
    return Reply(settings.cancelled_card(desk.look(caller), was_asked=is_open))


async def _end(desk: Desk, screen: Screen) -> None:
    """A question is answered once."""
    done = replace(screen, shown={**screen.shown, "done": "yes"})
    await desk.cards.put_screen(done)


# --- one preference -------------------------------------------------------------------


async def _about_one(desk: Desk, caller: Caller, screen: Screen, step: str) -> Reply:
    key = _key(screen, screen.shown.get("key", ""))
    book, look = desk.engine.preferences, desk.look(caller)
    one = _one(desk, caller, key)
    if step == "ask":
        return Reply(settings.question_card(one, look), is_new=True)
    if step == "no":
        return Reply(_card(desk, caller, key), toast=settings.KEPT)
    if step == "reset":
        if is_riskier(one.preference, one.value, one.given.value):
            return Reply(settings.risk_card(one, one.given.value, look))
        await book.reset(key, caller.user_id)
        return Reply(_card(desk, caller, key), toast=settings.RESET)
    if screen.shown.get("old") != encode(one.value):
        return Reply(_card(desk, caller, key), toast=trouble.CHANGED)
    value = decode(one.preference.kind, screen.shown["new"])
    if value == one.given.value:
        await book.reset(key, caller.user_id)
    else:
        await book.choose(key, value, caller.user_id)
    return Reply(_card(desk, caller, key), toast=settings.SAVED)


async def _preset(desk: Desk, caller: Caller, screen: Screen, at: str) -> Reply:
    key = _key(screen, screen.shown.get("key", ""))
    values = json.loads(screen.shown.get("values", "[]"))
    text = values[_place(screen, at, values)]
    return await _wanted(desk, caller, key, decode(PREFERENCES[key].kind, text))


async def _wanted(desk: Desk, caller: Caller, key: Key, value: Value) -> Reply:
    """Make a change, or ask first when it lets more happen than before."""
    book, one = desk.engine.preferences, _one(desk, caller, key)
    value = await book.checked(key, value)
    if is_riskier(one.preference, one.value, value):
        return Reply(settings.risk_card(one, value, desk.look(caller)))
    if value != one.value:
        await book.choose(key, value, caller.user_id)
    return Reply(_card(desk, caller, key), toast=settings.SAVED)


def _read(desk: Desk, caller: Caller, key: Key, typed: str) -> Value:
    """Return the value a person typed; tokens by the name they are listed under.

    Raises:
        BadValueError: it cannot be read.
        UnknownTokenError: no venue lists this token.
    """
    value = preference_words.read(key, typed, desk.look(caller))
    if PREFERENCES[key].kind is not Kind.TOKENS or not isinstance(value, tuple):
        return value
    return tuple(dict.fromkeys(desk.engine.token(name).row.base for name in value))


# --- cards ----------------------------------------------------------------------------


def _card(desk: Desk, caller: Caller, key: Key) -> Card:
    return settings.key_card(_one(desk, caller, key), desk.look(caller))


def _full(desk: Desk, caller: Caller) -> Card:
    return settings.full_card(_values(desk, caller), desk.look(caller))


def _section(desk: Desk, caller: Caller, code: str) -> Card:
    return settings.section_card(code, _values(desk, caller), desk.look(caller))


async def _history(desk: Desk, caller: Caller) -> Card:
    book = desk.engine.preferences
    events = await book.changes(settings.HISTORY)
    return settings.history_card(events, book.changed_prefix, desk.look(caller))


def _values(desk: Desk, caller: Caller) -> Mapping[Key, InForce]:
    return {key: _one(desk, caller, key) for key in PREFERENCES}


def _one(desk: Desk, caller: Caller, key: Key) -> InForce:
    return desk.engine.preferences.in_force(key, caller.user_id)


def _key(screen: Screen, name: str) -> Key:
    """Return the preference a stored card is about; an older version's may be gone."""
    try:
        return Key(name)
    except ValueError as error:
        raise OldScreenError(screen.kind) from error


def _place(screen: Screen, at: str, found: list[str]) -> int:
    index = number_of(at)
    if index is None or index >= len(found):
        raise OldScreenError(screen.kind)
    return index
