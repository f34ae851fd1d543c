"""Name, print and read every preference: the only place with words about them.

`SECTIONS` says what `/settings` shows together; `SAYS` has the words and the presets of
each. Reading turns what a person typed into a value, or into one sentence on what to
type instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import time
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from bot.cards import numbers
from core.errors import BadValueError, Fault
from core.model.exit import ExitAction
from core.model.preferences import (
    PREFERENCES,
    AlertDelivery,
    Key,
    Kind,
    QuietHours,
    decode,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bot.cards.look import Look
    from core.model.preferences import (
        Value,
    )

EVERY = "all"
_MAX_TYPED = 40
_MAX_NAMES = 6
_SHORT_FROM = 10_000


@dataclass(frozen=True, slots=True)
class Says:
    """What people read about one preference."""

    label: str
    short: str
    """On a button, at most 14 characters."""
    about: str
    example: str
    """Something that can be typed."""
    presets: tuple[Value, ...] = ()


def _dollars(*amounts: int) -> tuple[Value, ...]:
    return tuple(Decimal(each) for each in amounts)


def _percent_8h(*percents: str) -> tuple[Value, ...]:
    return tuple(Decimal(each) / 100 / 8 for each in percents)


def _percent(*percents: str) -> tuple[Value, ...]:
    return tuple(Decimal(each) / 100 for each in percents)


_ACTIONS: tuple[Value, ...] = tuple(each.value for each in ExitAction)
_LEVELS: tuple[Value, ...] = tuple(each.value for each in AlertDelivery)
_COUNTS = _dollars(1, 2, 3, 5, 10)
SAYS: Mapping[Key, Says] = {
    Key.SIZE_USD: Says(
        "Size per leg",
        "Size",
        "What each leg of a new pair is worth unless you name another size.",
        "400",
        _dollars(100, 250, 500, 1000, 2500),
    ),
    Key.LEVERAGE: Says(
        "Leverage",
        "Leverage",
        "Set on both venues before a pair is entered.",
        "2",
        _COUNTS,
    ),
    Key.HOLD: Says(
        "Planned hold",
        "Plan hold",
        "For how long a pair is meant to stay open: net and ranking count with it.",
        "24",
        _dollars(8, 24, 72, 168),
    ),
    Key.MIN_NET: Says(
        "Smallest net, of a leg",
        "Min net",
        "Over the planned hold, of one leg; less is not ranked.",
        "0.05",
        tuple(Decimal(each) / 100 for each in ("0", "0.05", "0.1", "0.2")),
    ),
    Key.MAX_BREAK_EVEN: Says(
        "Latest break-even",
        "Break-even",
        "A pair whose costs are earned later than this is not ranked.",
        "24",
        _dollars(12, 24, 48, 96),
    ),
    Key.ALERT_SPREAD: Says(
        "Alert from",
        "Alert from",
        "The smallest gross spread that is worth a message of its own.",
        "0.05",
        _percent_8h("0.01", "0.02", "0.05", "0.1", "0.2"),
    ),
    Key.MIN_SPREAD: Says(
        "Smallest spread",
        "Min spread",
        "Pairs that pay less gross are not ranked.",
        "0.02",
        _percent_8h("0", "0.01", "0.016", "0.05", "0.1"),
    ),
    Key.MIN_VOLUME: Says(
        "Smallest day volume",
        "Min volume",
        "A side that trades less in 24 h is left out.",
        "100k",
        _dollars(0, 50_000, 250_000, 1_000_000, 5_000_000),
    ),
    Key.UNKNOWN_VOLUME: Says(
        "Unknown day volume",
        "Unknown vol",
        "Whether a side stays in whose volume the venue does not tell (marked ?).",
        "yes",
        (True, False),
    ),
    Key.VENUES: Says(
        "Venues",
        "Venues",
        "Pairs are offered on these; open pairs on others are still watched.",
        "BN HL",
    ),
    Key.TOKENS: Says(
        "Tokens",
        "Tokens",
        "Only these are ranked; open pairs of others are still watched.",
        "HYPE APT, or all",
        ((),),
    ),
    Key.MAX_TRADE_USD: Says(
        "Most per leg",
        "Per leg",
        "No entry is larger, whatever size is asked for.",
        "1000",
        _dollars(250, 500, 1000, 2500, 5000),
    ),
    Key.MAX_TOKEN_USD: Says(
        "Most in one token",
        "Per token",
        "Over all pairs of the token, one leg each.",
        "2500",
        _dollars(500, 1000, 2500, 5000, 10_000),
    ),
    Key.MAX_VENUE_USD: Says(
        "Most on one venue",
        "Per venue",
        "Over all legs on the venue.",
        "5000",
        _dollars(1000, 2500, 5000, 10_000, 25_000),
    ),
    Key.MAX_TOTAL_USD: Says(
        "Most over all pairs",
        "All pairs",
        "One leg of each pair.",
        "10000",
        _dollars(2500, 5000, 10_000, 25_000, 50_000),
    ),
    Key.MAX_OPEN_TRADES: Says(
        "Most open pairs",
        "Open pairs",
        "No entry beyond this many; closing always works.",
        "5",
        _COUNTS,
    ),
    Key.MAX_ENTRIES: Says(
        "Most entries an hour",
        "Entries/h",
        "No entry beyond this many within an hour.",
        "10",
        _dollars(1, 3, 5, 10, 30),
    ),
    Key.MAX_LEVERAGE: Says(
        "Most leverage",
        "Max leverage",
        "Nothing is entered with more.",
        "3",
        _COUNTS,
    ),
    Key.REDUCE_LOST: Says(
        "Follow a lost leg",
        "Lost leg",
        "When a venue liquidates or takes a leg, the other one is reduced to the same"
        " size at once. Off: you are alarmed and asked, and stay exposed until then.",
        "on",
        (True, False),
    ),
    Key.AUTO_ENTRY: Says(
        "Enter by itself",
        "Auto entry",
        "Enters the best pair of a scan with the same checks as a tap, within every"
        " cap. Off unless you turn it on.",
        "off",
        (True, False),
    ),
    Key.EXIT_PROFIT: Says(
        "Take profit",
        "Profit",
        "When funding and prices, after all fees, reach the share of the size below.",
        "button",
        _ACTIONS,
    ),
    Key.PROFIT_SHARE: Says(
        "Profit share, of a leg",
        "Profit %",
        "Of one leg's value at entry.",
        "2",
        _percent("0.5", "1", "2", "5", "10"),
    ),
    Key.EXIT_SPREAD: Says(
        "Spread gone",
        "Spread",
        "When the net spread stayed below the stop at several settlements in a row.",
        "button",
        _ACTIONS,
    ),
    Key.STOP_SPREAD: Says(
        "Spread stop",
        "Stop at",
        "Signed: below 0 the pair pays.",
        "0",
        _percent_8h("-0.02", "0", "0.01", "0.02", "0.05"),
    ),
    Key.STOP_PAYMENTS: Says(
        "Settlements in a row",
        "Settlements",
        "Of the leg that is paid less often.",
        "2",
        _COUNTS,
    ),
    Key.EXIT_LIQUIDATION: Says(
        "Near liquidation",
        "Liquidation",
        "By the venue's own liquidation price. Close acts at the alarm level; the"
        " alarm always rings.",
        "button",
        _ACTIONS[1:],
    ),
    Key.WARN_DISTANCE: Says(
        "Warn below",
        "Warn below",
        "How far the nearer leg's price may still move.",
        "20",
        _percent("10", "15", "20", "25", "30"),
    ),
    Key.CRITICAL_DISTANCE: Says(
        "Alarm below",
        "Alarm below",
        "A critical message, and where Close acts.",
        "12",
        _percent("5", "8", "10", "12", "15"),
    ),
    Key.EXIT_GAP: Says(
        "Price gap",
        "Price gap",
        "When the legs' prices stay further apart than the gap below.",
        "tell",
        _ACTIONS,
    ),
    Key.MAX_GAP: Says(
        "Largest gap",
        "Gap %",
        "Between the two venues' mark prices.",
        "1",
        _percent("0.3", "0.5", "1", "2", "3"),
    ),
    Key.EXIT_DELISTED: Says(
        "Contract delisted",
        "Delisted",
        "When a venue takes a held contract off its list.",
        "button",
        _ACTIONS,
    ),
    Key.EXIT_VENUE: Says(
        "Venue in trouble",
        "Venue trouble",
        "When a venue is silent, takes no orders or stops a held contract for longer"
        " than the time below. Close waits until both venues are in order again.",
        "button",
        _ACTIONS,
    ),
    Key.MAX_TROUBLE_MIN: Says(
        "Trouble lasts",
        "Trouble min",
        "Minutes at a stretch that a venue may be in trouble.",
        "30",
        _dollars(5, 15, 30, 60, 240),
    ),
    Key.EXIT_HOLD: Says(
        "Held long enough",
        "Hold",
        "When a pair is open longer than the hold below.",
        "off",
        _ACTIONS,
    ),
    Key.MAX_HOLD_H: Says(
        "Longest hold",
        "Hold h",
        "Hours since both legs were filled.",
        "168",
        _dollars(24, 72, 168, 336, 720),
    ),
    Key.CRITICAL: Says(
        "Critical",
        "Critical",
        "Not hedged, a leg lost: at any hour, again and again until you press Seen.",
        "on",
        _LEVELS[:2],
    ),
    Key.TRADE: Says(
        "Trades", "Trades", "Opened, closed, what became of an order.", "on", _LEVELS
    ),
    Key.OPPORTUNITY: Says(
        "New spreads", "New spreads", "A spread worth a look.", "silent", _LEVELS
    ),
    Key.FUNDING: Says(
        "Funding", "Funding", "Payments received and paid.", "silent", _LEVELS
    ),
    Key.INFO: Says(
        "Info", "Info", "Venues down and back, starts, reports.", "silent", _LEVELS
    ),
    Key.QUIET_HOURS: Says(
        "Quiet hours",
        "Quiet hours",
        "In your own zone: trades arrive without sound, the rest waits for the"
        " morning; critical messages always ring.",
        "23:00-07:00, or off",
        ("", "22:00-06:00", "23:00-07:00", "00:00-08:00"),
    ),
    Key.ZONE: Says(
        "Time zone",
        "Time zone",
        "For your quiet hours and reports.",
        "Europe/Berlin",
        ("UTC", "Europe/London", "Europe/Berlin", "Asia/Singapore", "America/New_York"),
    ),
    Key.REPORT_AT: Says(
        "Daily report",
        "Daily report",
        "When each day's report comes, in your own zone: what was earned, opened and"
        " closed, and how far open pairs are from liquidation.",
        "08:00, or off",
        ("", "07:00", "08:00", "12:00", "18:00", "21:00"),
    ),
    Key.RATE_HOURS: Says(
        "Rates per",
        "Rates per",
        "The period of every rate on your screens.",
        "8",
        (Decimal(8), Decimal(1)),
    ),
}


@dataclass(frozen=True, slots=True)
class Section:
    """Preferences that are shown together."""

    title: str
    keys: tuple[Key, ...]


SECTIONS: Mapping[str, Section] = {
    "trade": Section("Trading", (Key.SIZE_USD, Key.LEVERAGE, Key.HOLD, Key.AUTO_ENTRY)),
    "filter": Section(
        "What is offered",
        (
            Key.ALERT_SPREAD,
            Key.MIN_SPREAD,
            Key.MIN_NET,
            Key.MAX_BREAK_EVEN,
            Key.MIN_VOLUME,
            Key.UNKNOWN_VOLUME,
            Key.VENUES,
            Key.TOKENS,
        ),
    ),
    "caps": Section(
        "Caps",
        (
            Key.MAX_TRADE_USD,
            Key.MAX_TOKEN_USD,
            Key.MAX_VENUE_USD,
            Key.MAX_TOTAL_USD,
            Key.MAX_OPEN_TRADES,
            Key.MAX_ENTRIES,
            Key.MAX_LEVERAGE,
        ),
    ),
    "exits": Section(
        "When to leave",
        (
            Key.EXIT_PROFIT,
            Key.PROFIT_SHARE,
            Key.EXIT_SPREAD,
            Key.STOP_SPREAD,
            Key.STOP_PAYMENTS,
            Key.EXIT_HOLD,
            Key.MAX_HOLD_H,
        ),
    ),
    "danger": Section(
        "When in danger",
        (
            Key.EXIT_LIQUIDATION,
            Key.WARN_DISTANCE,
            Key.CRITICAL_DISTANCE,
            Key.REDUCE_LOST,
            Key.EXIT_GAP,
            Key.MAX_GAP,
            Key.EXIT_DELISTED,
            Key.EXIT_VENUE,
            Key.MAX_TROUBLE_MIN,
        ),
    ),
    "notify": Section(
        "Messages to you",
        (
            Key.CRITICAL,
            Key.TRADE,
            Key.OPPORTUNITY,
            Key.FUNDING,
            Key.INFO,
            Key.QUIET_HOURS,
            Key.ZONE,
            Key.REPORT_AT,
        ),
    ),
    "show": Section("Your screens", (Key.RATE_HOURS,)),
}


def section_of(key: Key) -> str:
    """Return the code of the section that shows a preference."""
    return next(code for code, one in SECTIONS.items() if key in one.keys)


def key_named(word: str) -> Key | None:
    """Return the preference a person means by one typed word."""
    wanted = word.lower().replace("_", " ")
    for key, says in SAYS.items():
        names = {says.short.lower(), says.label.lower(), key.value.replace("_", " ")}
        bare = {name.replace(" ", "") for name in names}
        if wanted in names | bare:
            return key
    return None


# --- print ----------------------------------------------------------------------------

_FLAGS = {Key.UNKNOWN_VOLUME: ("is left out", "stays in")}
_DOES = {
    ExitAction.OFF.value: "nothing",
    ExitAction.TELL.value: "a message",
    ExitAction.BUTTON.value: "a message with a button",
    ExitAction.CLOSE.value: "closes by itself",
}
_SOUND = {
    AlertDelivery.ON.value: "on, with sound",
    AlertDelivery.SILENT.value: "without sound",
    AlertDelivery.OFF.value: "off",
}


def value_words(key: Key, value: Value, look: Look) -> str:
    """Return a value with its unit."""
    kind = PREFERENCES[key].kind
    if isinstance(value, bool):
        return _FLAGS.get(key, ("off", "on"))[value]
    if isinstance(value, tuple):
        return _names(kind, value, look)
    if isinstance(value, str):
        return _word(kind, value)
    return _number_words(kind, value, look)


_UNITS = {
    Kind.TIMES: "x",
    Kind.PERIOD: " h",
    Kind.HOURS: " h",
    Kind.MINUTES: " min",
}


def _number_words(kind: Kind, value: Decimal, look: Look) -> str:
    if kind is Kind.USD:
        return numbers.whole_usd(value)
    if kind is Kind.PER_HOUR:
        return numbers.rate(value, look.rate_hours)
    if kind is Kind.SHARE:
        return f"{numbers.plain((value * 100).normalize())}%"
    unit = _UNITS.get(kind, "")
    return f"{numbers.plain(value)}{unit}"


def chip(key: Key, value: Value, look: Look) -> str:
    """Return a value as short as a button needs it."""
    kind = PREFERENCES[key].kind
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, Decimal):
        return _number_chip(kind, value, look)
    if isinstance(value, tuple):
        return "All" if not value else _names(kind, value, look)
    if kind is Kind.ZONE:
        return value.rpartition("/")[2].replace("_", " ")
    return value.capitalize() or "Off"


def _number_chip(kind: Kind, value: Decimal, look: Look) -> str:
    if kind is Kind.USD and value >= _SHORT_FROM:
        return f"${numbers.big(value)}"
    if kind is Kind.PER_HOUR:
        return numbers.rate_cell(value, look.rate_hours)
    return _number_words(kind, value, look)


def stored_words(key: Key, text: str, look: Look) -> str:
    """Return a value of the audit trail in words; as it is if it cannot be read."""
    try:
        return value_words(key, decode(PREFERENCES[key].kind, text), look)
    except (ValueError, KeyError):
        return text


def _names(kind: Kind, value: tuple[str, ...], look: Look) -> str:
    if not value:
        return "every token"
    if kind is Kind.VENUES:
        return ", ".join(look.title(each) for each in value)
    more = len(value) - _MAX_NAMES
    return ", ".join(value[:_MAX_NAMES]) + (f" and {more} more" if more > 0 else "")


def _word(kind: Kind, value: str) -> str:
    if kind is Kind.DELIVERY:
        return _SOUND.get(value, value)
    if kind is Kind.ACTION:
        return _DOES.get(value, value)
    if kind is Kind.QUIET:
        return value.replace("-", "\N{EN DASH}") if value else "none"
    if kind is Kind.TIME:
        return value or "off"
    return value


# --- read -----------------------------------------------------------------------------


def read(key: Key, typed: str, look: Look) -> Value:
    """Return the value a person typed.

    Raises:
        BadValueError: it cannot be read; the error says what to type.
    """
    try:
        return _READERS[PREFERENCES[key].kind](typed.strip(), look)
    except (ValueError, KeyError, InvalidOperation) as error:
        raise BadValueError(key, Fault.UNREADABLE, typed) from error


def _amount(typed: str, _look: Look) -> Decimal:
    bare = typed.lower().strip("$ ").replace(" ", "").removesuffix("usd")
    factor = {"k": 1000, "m": 1_000_000}.get(bare[-1:], 1)
    return _number(bare.rstrip("km")) * factor


def _number(bare: str) -> Decimal:
    """Read 1,000.5 and 0,5: a comma before three digits groups, else it divides."""
    if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", bare):
        bare = bare.replace(",", "")
    if not re.fullmatch(r"-?\d{1,15}([.,]\d{1,12})?", bare):
        raise ValueError(bare)
    return Decimal(bare.replace(",", "."))


def _per_hour(typed: str, look: Look) -> Decimal:
    bare, _, per = typed.lower().replace(" ", "").partition("/")
    hours = int(per.removesuffix("h")) if per else look.rate_hours
    if hours not in {1, 8}:
        raise ValueError(per)
    return _number(bare.removesuffix("%")) / 100 / hours


def _flag(typed: str, _look: Look) -> bool:
    words = {"yes": True, "on": True, "true": True}
    return (words | {"no": False, "off": False, "false": False})[typed.lower()]


def _venues(typed: str, look: Look) -> tuple[str, ...]:
    if typed.lower() in {EVERY, "*"}:
        return tuple(str(each) for each in look.venues)
    named = {
        name.lower(): str(venue_id)
        for venue_id, rules in look.venues.items()
        for name in (venue_id, rules.code, rules.title)
    }
    found = [named.get(word.lower(), word) for word in _words(typed)]
    return tuple(dict.fromkeys(found))


def _tokens(typed: str, _look: Look) -> tuple[str, ...]:
    if typed.lower() in {EVERY, "*"}:
        return ()
    return tuple(dict.fromkeys(word.upper() for word in _words(typed)))


def _words(typed: str) -> list[str]:
    found = [word for word in re.split(r"[\s,]+", typed) if word]
    if not found:
        raise ValueError(typed)
    return found


def _delivery(typed: str, _look: Look) -> str:
    return AlertDelivery(typed.lower()).value


def _action(typed: str, _look: Look) -> str:
    return ExitAction(typed.lower()).value


def _share(typed: str, _look: Look) -> Decimal:
    return _number(typed.replace(" ", "").removesuffix("%")) / 100


def _hours(typed: str, _look: Look) -> Decimal:
    bare = typed.lower().replace(" ", "")
    days = bare.endswith("d")
    return _number(bare.rstrip("hd")) * (24 if days else 1)


def _minutes(typed: str, _look: Look) -> Decimal:
    bare = typed.lower().replace(" ", "").removesuffix("in")
    hours = bare.endswith("h")
    return _number(bare.rstrip("hm")) * (60 if hours else 1)


def _quiet(typed: str, _look: Look) -> str:
    if typed.lower() in {"off", "none", "no"}:
        return ""
    parts = re.fullmatch(
        r"(\d{1,2})(?::(\d{2}))?\s*[-\u2013]\s*(\d{1,2})(?::(\d{2}))?", typed
    )
    if parts is None:
        raise ValueError(typed)
    first, second = (
        time(int(parts[at]), int(parts[at + 1] or 0)).isoformat("minutes")
        for at in (1, 3)
    )
    found = f"{first}-{second}"
    QuietHours.parse(found)
    return found


def _time(typed: str, _look: Look) -> str:
    if typed.lower() in {"off", "none", "no", "never"}:
        return ""
    parts = re.fullmatch(r"(\d{1,2})(?::(\d{2}))?", typed)
    if parts is None:
        raise ValueError(typed)
    return time(int(parts[1]), int(parts[2] or 0)).isoformat("minutes")


def _zone(typed: str, _look: Look) -> str:
    if not typed or len(typed) > _MAX_TYPED:
        raise ValueError(typed)
    return typed


def _count(typed: str, _look: Look) -> Decimal:
    return _number(typed.lower().removesuffix("x"))


def _period(typed: str, _look: Look) -> Decimal:
    return {"8": Decimal(8), "1": Decimal(1)}[typed.lower().removesuffix("h").strip()]


_READERS: Mapping[Kind, Callable[[str, Look], Value]] = {
    Kind.USD: _amount,
    Kind.PER_HOUR: _per_hour,
    Kind.WHOLE: _count,
    Kind.TIMES: _count,
    Kind.PERIOD: _period,
    Kind.HOURS: _hours,
    Kind.MINUTES: _minutes,
    Kind.SHARE: _share,
    Kind.FLAG: _flag,
    Kind.VENUES: _venues,
    Kind.TOKENS: _tokens,
    Kind.DELIVERY: _delivery,
    Kind.ACTION: _action,
    Kind.QUIET: _quiet,
    Kind.ZONE: _zone,
    Kind.TIME: _time,
}


# --- what is wrong --------------------------------------------------------------------


def fault_words(error: BadValueError, look: Look) -> str:
    """Return one sentence on why a value was not taken."""
    key = Key(error.key)
    return _FAULTS[error.fault](key, error.limit, look)


def _limit(key: Key, limit: str, look: Look) -> str:
    return stored_words(key, limit, look)


def _unreadable(key: Key, typed: str, look: Look) -> str:
    units = {Kind.PER_HOUR: f" in %/{look.rate_hours}h", Kind.SHARE: " in percent"}
    unit = units.get(PREFERENCES[key].kind, "")
    shown = typed if len(typed) <= _MAX_TYPED else typed[: _MAX_TYPED - 1] + "…"
    said = f"“{shown}”" if shown else "That"
    return f"{said} is no value for {_name(key)}{unit}; type {SAYS[key].example}."


def _name(key: Key) -> str:
    return f"“{SAYS[key].label}”"


def _too_low(key: Key, limit: str, look: Look) -> str:
    return f"{_name(key)} must be at least {_limit(key, limit, look)}."


def _too_high(key: Key, limit: str, look: Look) -> str:
    return f"{_name(key)} can be at most {_limit(key, limit, look)}."


def _above_host(key: Key, limit: str, look: Look) -> str:
    row = PREFERENCES[key]
    cap = row if row.capped_by is None else PREFERENCES[row.capped_by]
    name = f"CARRY_{(cap.setting or '').upper()}"
    return (
        f"The host allows at most {_limit(key, limit, look)} ({name}); only its"
        " .env can raise that."
    )


def _above_cap(key: Key, limit: str, look: Look) -> str:
    cap = PREFERENCES[key].capped_by or key
    return (
        f"Your own cap {_name(cap)} is {_limit(key, limit, look)}; raise it first, in"
        " /settings caps."
    )


def _unknown_name(key: Key, limit: str, look: Look) -> str:
    if key is Key.ZONE:
        return f"I know no time zone “{limit}”; type a city such as Europe/Berlin."
    if key is Key.VENUES:
        known = ", ".join(rules.title for rules in look.venues.values())
        return f"“{limit}” is not read here; the venues are {known}."
    return f"{limit} is not among the tokens of this host (CARRY_TOKENS)."


def _nothing_left(_key: Key, _limit: str, _look: Look) -> str:
    return "A pair needs two venues; choose at least two."


def _never_off(_key: Key, _limit: str, _look: Look) -> str:
    return "Critical messages cannot be switched off, only made silent."


_FAULTS: Mapping[Fault, Callable[[Key, str, Look], str]] = {
    Fault.UNREADABLE: _unreadable,
    Fault.TOO_LOW: _too_low,
    Fault.TOO_HIGH: _too_high,
    Fault.ABOVE_HOST: _above_host,
    Fault.ABOVE_CAP: _above_cap,
    Fault.UNKNOWN_NAME: _unknown_name,
    Fault.NOTHING_LEFT: _nothing_left,
    Fault.NEVER_OFF: _never_off,
}
