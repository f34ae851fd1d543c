"""Answer /alerts and the buttons that mute or change pushes."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from bot.cards import hints, preferences, trouble
from bot.cards.card import Reply
from bot.cards.shown import unpack_rows
from bot.handlers.scan import show_token
from bot.handlers.screens import OldScreenError, number_of, screen_behind
from core.model.alert import AlertLevel
from core.model.preferences import AlertDelivery, Key, Mute

if TYPE_CHECKING:
    from bot.access import Caller
    from bot.callbacks import Tap
    from bot.cards.card import Card
    from bot.handlers.desk import Desk
    from core.model.preferences import Value
    from core.model.screen import Screen
    from core.model.units import MessageId

MUTE_HOURS = timedelta(hours=8)
MOST_PERCENT = Decimal(100)
_DELIVERIES = frozenset(each.value for each in AlertDelivery)


async def alerts(
    desk: Desk, caller: Caller, words: tuple[str, ...], message_id: MessageId
) -> Reply:
    """Show what is pushed, or change it as the words say."""
    del message_id
    lowered = tuple(word.lower() for word in words)
    match lowered:
        case ():
            pass
        case ("mute", _):
            mute = Mute(desk.engine.token(words[1]).row.base)
            await desk.engine.preferences.mute(mute, None, caller.user_id)
        case ("unmute", _):
            mute = Mute(desk.engine.token(words[1]).row.base)
            await desk.engine.preferences.unmute(mute, caller.user_id)
        case (("on" | "silent" | "off") as how,):
            await _choose(desk, caller, Key.OPPORTUNITY, how)
        case (number,) if (percent := percent_of(number)) is not None:
            per_hour = percent / 100 / desk.look(caller).rate_hours
            await _choose(desk, caller, Key.ALERT_SPREAD, per_hour)
        case _:
            return Reply(hints.bad_alert(desk.look(caller), " ".join(words)))
    return Reply(await show_alerts(desk, caller))


def percent_of(word: str) -> Decimal | None:
    """Return a threshold in percent as people type it; None if it is none."""
    try:
        value = Decimal(word.removesuffix("%").replace(",", "."))
    except InvalidOperation:
        return None
    return value if value.is_finite() and 0 < value <= MOST_PERCENT else None


async def show_alerts(desk: Desk, caller: Caller) -> Card:
    """Return the preferences as they are."""
    book = desk.engine.preferences
    pushes = preferences.Pushes(
        book.effective().alert_spread_per_hour,
        book.reader(caller.user_id).deliveries[AlertLevel.OPPORTUNITY],
        book.mutes,
    )
    return preferences.alerts_card(pushes, desk.look(caller))


async def _choose(desk: Desk, caller: Caller, key: Key, value: Value) -> None:
    await desk.engine.preferences.choose(key, value, caller.user_id)


async def change(desk: Desk, caller: Caller, tap: Tap, message_id: MessageId) -> Reply:
    """Change what a button of the alerts card says."""
    screen = await screen_behind(desk, caller, tap, message_id)
    if tap.arg in _DELIVERIES:
        await _choose(desk, caller, Key.OPPORTUNITY, tap.arg)
    elif tap.arg.startswith("t") and tap.arg[1:] in preferences.PRESETS_PERCENT_8H:
        per_hour = preferences.preset_per_hour(Decimal(tap.arg[1:]))
        await _choose(desk, caller, Key.ALERT_SPREAD, per_hour)
    elif tap.arg.startswith("u"):
        mute = _muted(screen, tap.arg[1:])
        await desk.engine.preferences.unmute(mute, caller.user_id)
    else:
        return Reply(toast=trouble.UNKNOWN_BUTTON)
    return Reply(await show_alerts(desk, caller), toast=preferences.SAVED)


def _muted(screen: Screen, arg: str) -> Mute:
    rows, index = unpack_rows(screen.shown), number_of(arg)
    if index is None or index >= len(rows):
        raise OldScreenError(screen.kind)
    row = rows[index]
    return Mute(row.base) if row.venues is None else Mute.pair(row.base, *row.venues)


async def mute(desk: Desk, caller: Caller, tap: Tap, message_id: MessageId) -> Reply:
    """Silence the token or pair of a card for hours or for good, or end that."""
    screen = await screen_behind(desk, caller, tap, message_id)
    how = tap.arg.removeprefix("p")
    what = _meant(desk, screen, is_pair=how != tap.arg)
    if what is None or how not in {"8h", "ever", "off"}:
        return Reply(toast=trouble.UNKNOWN_BUTTON)
    book = desk.engine.preferences
    if how == "off":
        await book.unmute(what, caller.user_id)
    else:
        until = desk.clock.now() + MUTE_HOURS if how == "8h" else None
        await book.mute(what, until, caller.user_id)
    toast = preferences.muted_words(what, how, desk.look(caller))
    if screen.kind != "token":
        return Reply(toast=toast)
    return Reply(await show_token(desk, caller, what.base), toast=toast)


def _meant(desk: Desk, screen: Screen, *, is_pair: bool) -> Mute | None:
    """Return what a card's mute button is about, None if the card has no such thing."""
    rows = unpack_rows(screen.shown)
    name = screen.shown.get("token") or (rows[0].base if rows else None)
    if name is None:
        return None
    base = desk.engine.token(name).row.base
    if not is_pair:
        return Mute(base)
    venues = rows[0].venues if rows else None
    return None if venues is None else Mute.pair(base, *venues)
