"""Refusals and failures in, one plain sentence with the next step out.

`REFUSALS` is the one table from error class to words; a class without a row of its own
takes the row of its nearest parent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.callbacks import Verb
from bot.cards import numbers, preference_words
from bot.cards.card import Card
from bot.cards.layout import folded, lines, rows_of, text
from bot.cards.plan import expired_words
from bot.cards.position import state_words
from core import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from decimal import Decimal

    from bot.cards.card import Button
    from bot.cards.look import Look

UNKNOWN_BUTTON = "Unknown button"
VIEW_ONLY = "View only"
VIEWER_WORKS = (
    "You have /top /matrix /why /pos /health /settings /help, and /halt in need."
)
OLD_LIST = "Old list. This is a fresh one."
ONE_MOMENT = "One moment, tap again"
ALREADY_RUNNING = "Already running"
RESTARTED = "I restarted. New quote?"
NOT_YOUR_SCREEN = "These buttons belong to another message or person."
CHANGED = "This card has changed. Look again."
OPENING = "Opening…"
CLOSING = "Closing…"
ADDING = "Adding…"
CANCELLED = "Cancelled"
ASKED_AGAIN = "Large: please confirm once more."
_NOTHING = "Nothing was ordered."
RESTARTED_WORDS = "I restarted, this quote is void"
VOID_WORDS = "This quote is void"
_MAX_PASSED = 8
_MAX_FIRST = 300
_MAX_THEN = 1500
_MAX_RAW = 80
KIND = "trouble"


@dataclass(frozen=True, slots=True)
class Words:
    """What happened, what it means, raw text, and which buttons help."""

    first: str
    then: str = ""
    raw: str = ""
    helps: tuple[str, ...] = ()
    """Of: quote, retry, health, resume, pos, top."""


def _unknown_token(error: errors.UnknownTokenError, look: Look) -> Words:
    del look
    return Words(
        f"No venue lists {error.token}.",
        "Check the spelling, or look in the matrix.",
        helps=("matrix", "top"),
    )


def _no_pair(error: errors.NoPairError, look: Look) -> Words:
    del look
    return Words(
        f"{error.token} cannot be paired now: {_ended(error.why)}",
        _NOTHING,
        helps=("retry", "top"),
    )


def _thin_spread(error: errors.ThinSpreadError, look: Look) -> Words:
    pays = numbers.rate(error.spread_per_hour, look.rate_hours)
    least = numbers.rate(error.least_per_hour, look.rate_hours)
    return Words(
        f"{error.token} pays {pays} gross at best now, {least} is the least wanted.",
        f"{_NOTHING} /matrix {error.token} lists every pair and opens it all the same.",
        helps=("retry", "matrix", "top"),
    )


def _too_many_open(error: errors.TooManyOpenError, look: Look) -> Words:
    del look
    pairs = "1 pair is" if error.count == 1 else f"{error.count} pairs are"
    return Words(
        f"{pairs} open, and more are not allowed here (CARRY_MAX_OPEN_TRADES).",
        f"Close one first. {_NOTHING}",
        helps=("pos", "retry"),
    )


def _nothing_fits(error: errors.NothingFitsError, look: Look) -> Words:
    del look
    named = [f"{name}: {why}" for name, why in error.passed_over[:_MAX_PASSED]]
    more = len(error.passed_over) - len(named)
    named += [f"and {more} more"] if more > 0 else []
    return Words(
        f"No opportunity fits now. {_NOTHING}", "\n".join(named), helps=("retry", "top")
    )


def _size(error: errors.SizeError, look: Look) -> Words:
    del look
    return Words(
        f"This size does not work: {_ended(error.why)}",
        f"{_NOTHING} Try another size: /open TOKEN USD.",
        helps=("top",),
    )


def _margin(error: errors.MarginError, look: Look) -> Words:
    free, needed = numbers.usd(error.free_usd), numbers.usd(error.needed_usd)
    return Words(
        f"{look.title(error.venue_id)} has {free} free, {needed} needed. {_NOTHING}",
        _smaller(error.fits_usd),
        helps=("quote", "pos"),
    )


def _smaller(fits_usd: Decimal | None) -> str:
    if fits_usd is None or fits_usd < 1:
        return "Choose a smaller size: /open TOKEN USD."
    return f"Up to {numbers.whole_usd(fits_usd)} fits there: /open TOKEN USD."


def _venue_down(error: errors.VenueDownError, look: Look) -> Words:
    silent = "does not answer"
    if error.since is not None:
        silent = f"has not answered for {numbers.duration_text(look.now - error.since)}"
    return Words(
        f"{look.title(error.venue_id)} {silent}. {_NOTHING}",
        "Other venues work. An open pair stays hedged meanwhile.",
        raw=error.detail,
        helps=("retry", "health"),
    )


def _off_the_list(error: errors.OffTheListError, look: Look) -> Words:
    why = error.reason.replace("_", " ")
    return Words(
        f"{look.title(error.venue_id)} does not trade {error.name} any more ({why})."
        f" {_NOTHING}",
        "The pair stays hedged. Once the venue has settled its side, I close the other"
        " leg too.",
        helps=("pos", "health"),
    )


def _bound_broken(error: errors.BoundBrokenError, look: Look) -> Words:
    del look
    return Words(
        f"Refused: {error.what} went from {error.was} to {error.now}.",
        _NOTHING,
        helps=("quote", "top"),
    )


def _paused(error: errors.PausedError, look: Look) -> Words:
    ago = numbers.duration_text(look.now - error.since)
    since = f"since {error.since:%H:%M} UTC ({ago} ago)"
    is_person = error.reason.startswith("by ")
    what = "Everything is halted" if error.is_halt else "Entries are paused"
    return Words(
        f"{what} {error.reason} {since}."
        if is_person
        else f"{what} {since}: {_ended(error.reason)}",
        f"Closing works. {_NOTHING}"
        if error.can_close
        else f"No order goes there now, closing waits too. {_NOTHING}",
        # what the bot itself turned off does not come back by Resume
        helps=("resume" if is_person else "health", "pos"),
    )


def _reconciling(error: errors.ReconcilingError, look: Look) -> Words:
    del error, look
    return Words(
        "Checking positions, ready in a few seconds.", _NOTHING, helps=("retry", "pos")
    )


def _cooling(error: errors.CoolingDownError, look: Look) -> Words:
    wait = numbers.duration_text(error.until - look.now)
    return Words(
        f"{error.token}: this pair failed before; next try in {wait}"
        f" ({error.until:%H:%M} UTC).",
        _NOTHING,
        helps=("top",),
    )


def _held(error: errors.AlreadyHeldError, look: Look) -> Words:
    return Words(
        f"{look.title(error.venue_id)} already holds {error.token}: "
        f"{_ended(error.detail)}",
        f"Close it first, or choose another token. {_NOTHING}",
        helps=("retry", "pos"),
    )


def _expired(error: errors.PlanExpiredError, look: Look) -> Words:
    return Words(
        f"{expired_words(error.expired_at, look)}. {_NOTHING}", helps=("quote",)
    )


def _used(error: errors.PlanUsedError, look: Look) -> Words:
    del error, look
    return Words(f"{ALREADY_RUNNING}.", helps=("pos",))


def _void(error: errors.PlanVoidError, look: Look) -> Words:
    del look
    return Words(
        f"This quote is void: {_ended(error.why)} {_NOTHING}", helps=("quote",)
    )


def _pending(error: errors.PlanPendingError, look: Look) -> Words:
    del error, look
    return Words(f"{ONE_MOMENT}.", _NOTHING, helps=("quote",))


def _not_yours(error: errors.NotYoursError, look: Look) -> Words:
    del error, look
    return Words(not_yours(""), _NOTHING)


def _plan_gone(error: errors.PlanGoneError, look: Look) -> Words:
    del error, look
    return Words(f"This quote is over. {_NOTHING}", helps=("quote",))


def _unknown_trade(error: errors.UnknownTradeError, look: Look) -> Words:
    del look
    return Words(
        f"There is no pair {error.trade_id}.", "See /pos for all.", helps=("pos",)
    )


def busy_state(state: str) -> str:
    """Say what a pair is doing; a state without words is told as it is."""
    try:
        return state_words(state)
    except ValueError:
        return state


def _busy(error: errors.TradeBusyError, look: Look) -> Words:
    del look
    return Words(
        f"Pair {error.trade_id} is {busy_state(error.state)}.",
        "Its card shows the progress.",
        helps=("pos", "retry"),
    )


def _cap(error: errors.CapError, look: Look) -> Words:
    return Words(
        f"The caps leave no room: {_ended(look.with_titles(error.why))}",
        f"{_NOTHING} A smaller size, or closing something, makes room.",
        helps=("quote", "pos"),
    )


def _cannot_adopt(error: errors.CannotAdoptError, look: Look) -> Words:
    return Words(
        f"{error.token} cannot be adopted: {_ended(look.with_titles(error.why))}",
        f"{_NOTHING} I still do not touch it.",
        helps=("pos",),
    )


def _cannot_add(error: errors.CannotAddError, look: Look) -> Words:
    return Words(
        f"Nothing can be added to {error.token}: {_ended(look.with_titles(error.why))}",
        f"{_NOTHING} The pair stays as it is.",
        helps=("quote", "pos"),
    )


def _storage(error: errors.StorageError, look: Look) -> Words:
    del look
    return Words(
        f"The database could not be read or written. {_NOTHING}",
        "Check the disk of the host.",
        raw=str(error),
        helps=("retry", "health"),
    )


def _other(error: errors.CoreError, look: Look) -> Words:
    del look
    return Words(f"Refused. {_NOTHING}", raw=str(error), helps=("retry",))


def _bad_value(error: errors.BadValueError, look: Look) -> Words:
    return Words(
        preference_words.fault_words(error, look),
        "Nothing was changed.",
        helps=("settings", "top"),
    )


REFUSALS: Mapping[type[errors.CoreError], Callable[..., Words]] = {
    errors.UnknownTokenError: _unknown_token,
    errors.NoPairError: _no_pair,
    errors.ThinSpreadError: _thin_spread,
    errors.TooManyOpenError: _too_many_open,
    errors.NothingFitsError: _nothing_fits,
    errors.SizeError: _size,
    errors.BadValueError: _bad_value,
    errors.MarginError: _margin,
    errors.VenueDownError: _venue_down,
    errors.OffTheListError: _off_the_list,
    errors.BoundBrokenError: _bound_broken,
    errors.PausedError: _paused,
    errors.ReconcilingError: _reconciling,
    errors.CoolingDownError: _cooling,
    errors.AlreadyHeldError: _held,
    errors.CannotAdoptError: _cannot_adopt,
    errors.CannotAddError: _cannot_add,
    errors.CapError: _cap,
    errors.PlanExpiredError: _expired,
    errors.PlanUsedError: _used,
    errors.PlanVoidError: _void,
    errors.PlanPendingError: _pending,
    errors.NotYoursError: _not_yours,
    errors.PlanGoneError: _plan_gone,
    errors.UnknownTradeError: _unknown_trade,
    errors.TradeBusyError: _busy,
    errors.StorageError: _storage,
    errors.CoreError: _other,
}


def words_for(error: errors.CoreError, look: Look) -> Words:
    """Return what to say about a refusal."""
    for kind in type(error).__mro__:
        if kind in REFUSALS:
            return REFUSALS[kind](error, look)
    return _other(error, look)


def trouble_card(
    look: Look,
    error: errors.CoreError | errors.VenueError,
    *,
    again: Mapping[str, str] | None = None,
    can_quote: bool = False,
) -> Card:
    """Return a refusal; `again` is what Retry or New quote repeats, if anything."""
    if isinstance(error, errors.VenueError):
        error = errors.VenueDownError(error.venue_id, error.detail, None)
    return words_card(words_for(error, look), look, again=again, can_quote=can_quote)


def words_card(
    words: Words,
    look: Look,
    *,
    again: Mapping[str, str] | None = None,
    can_quote: bool = False,
) -> Card:
    """Return a card of plain words with the buttons that help."""
    first, then = (_cut(one, limit) for one, limit in _limits(words))
    html = lines(f"{look.reason(first)} · {look.badge}", look.reason(then))
    return Card(
        html=lines(html, folded(words.raw)),
        kind=KIND,
        card_id=look.card_id,
        rows=_buttons(words, look, again=bool(again), can_quote=can_quote),
        shown=again or {},
    )


def _buttons(
    words: Words, look: Look, *, again: bool, can_quote: bool
) -> tuple[tuple[Button, ...], ...]:
    buttons = {
        "health": look.button("Health", Verb.SCREEN, "health"),
        "pos": look.button("Positions", Verb.SCREEN, "pos"),
        "top": look.button("📈 Top", Verb.SCREEN, "top"),
        "matrix": look.button("▦ Matrix", Verb.SCREEN, "matrix"),
        "alerts": look.button("🔔 Alerts", Verb.SCREEN, "alerts"),
        "settings": look.button("⚙ Settings", Verb.SCREEN, "settings"),
    }
    if look.can_trade:
        buttons["resume"] = look.button("▶ Resume", Verb.RESUME)
    if again and can_quote and look.can_trade:
        buttons["quote"] = look.button("🔄 New quote", Verb.REQUOTE)
        buttons["retry"] = buttons["quote"]
    elif again:
        buttons["retry"] = look.button("🔄 Retry", Verb.RETRY)
        buttons["quote"] = buttons["retry"]
    found = [buttons[name] for name in words.helps if name in buttons]
    return rows_of(found or [buttons["top"]])


def unexpected_card(look: Look, code: str) -> Card:
    """Return what is said when we failed ourselves; the log has the code."""
    words = Words(
        f"Something went wrong (code {code}).",
        "Look at /pos before you repeat an order. The log has the details.",
        helps=("pos", "health"),
    )
    return words_card(words, look)


def undelivered_card(look: Look) -> Card:
    """Return what is said when a confirm card may not have arrived."""
    words = Words(
        f"The quote could not be shown in time and is void. {_NOTHING}",
        "Ask for a new one: /open or /close.",
        helps=("top", "pos"),
    )
    return words_card(words, look)


def _limits(words: Words) -> tuple[tuple[str, int], ...]:
    """Pair each text with its longest length: what people type can be long."""
    return ((words.first, _MAX_FIRST), (words.then, _MAX_THEN))


def _cut(words: str, limit: int) -> str:
    return words if len(words) <= limit else words[: limit - 1] + "…"


def in_a_line(error: errors.CoreError, look: Look) -> str:
    """Return a refusal without what is said of orders: none was asked for."""
    words = words_for(error, look)
    raw = f"({_cut(' '.join(words.raw.split()), _MAX_RAW)})" if words.raw else ""
    said = " ".join(part for part in (words.first, raw, words.then) if part)
    return " ".join(said.replace(_NOTHING, "").split())


def no_longer(base: str) -> str:
    """Say that a row's pair is no opportunity any more."""
    return f"{base} is no longer in the ranking"


def already_running(state: str) -> str:
    """Say that the first tap won, and how far its trade is."""
    return f"{ALREADY_RUNNING}: {state}"


def nothing_ordered(words: str) -> str:
    """Say that what ended has cost nothing."""
    return f"{words}. {_NOTHING}"


def not_yours(name: str) -> str:
    """Say who may press a confirm button."""
    return f"Only {name or 'the person who asked'} can confirm this card"


def refused_text(*, is_too_fast: bool, wait_s: int, is_typed: bool = False) -> str:
    """Return what a known person hears when the gate stops him."""
    if is_too_fast:
        return f"Too fast. Try again in {wait_s} s."
    return (
        f"{VIEW_ONLY}: an owner can do this. {VIEWER_WORKS}" if is_typed else VIEW_ONLY
    )


def as_text(words: str) -> str:
    """Return a toast as the text of a message."""
    return text(words)


def _ended(words: str) -> str:
    """End a phrase like a sentence, once."""
    return words if words.endswith((".", "!", "?")) else words + "."
