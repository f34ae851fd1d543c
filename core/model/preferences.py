"""Name everything that chat may change: its kind, bounds, risk and where it comes from.

One row of `PREFERENCES` is one setting of `/settings`. A new one needs a row here, its
words in `bot/cards/preference_words.py`, a section there, and a reader of its effective
value. Values are stored as text under their key; a key that no row names any more is
ignored, so that a database survives any version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import NoReturn

from core.model.alert import AlertLevel
from core.model.exit import ExitAction
from core.model.units import Base, UserId, VenueId

Value = Decimal | bool | str | tuple[str, ...]


class Key(StrEnum):
    """Name of a preference, as it is stored."""

    SIZE_USD = "size_usd"
    LEVERAGE = "leverage"
    HOLD = "planned_hold_h"
    MIN_NET = "min_net"
    MAX_BREAK_EVEN = "max_break_even_h"
    ALERT_SPREAD = "alert_spread_per_hour"
    MIN_SPREAD = "min_spread_per_hour"
    MIN_VOLUME = "min_volume_usd"
    UNKNOWN_VOLUME = "allows_unknown_volume"
    VENUES = "venues"
    TOKENS = "tokens"
    MAX_TRADE_USD = "max_trade_usd"
    MAX_TOKEN_USD = "max_token_usd"  # noqa: S105 -- a token of the market, no secret
    MAX_VENUE_USD = "max_venue_usd"
    MAX_TOTAL_USD = "max_total_usd"
    MAX_OPEN_TRADES = "max_open_trades"
    MAX_ENTRIES = "max_entries_per_hour"
    MAX_LEVERAGE = "max_leverage"
    EXIT_PROFIT = "exit_profit"
    PROFIT_SHARE = "exit_profit_share"
    EXIT_SPREAD = "exit_spread"
    STOP_SPREAD = "exit_stop_per_hour"
    STOP_PAYMENTS = "exit_stop_payments"
    EXIT_LIQUIDATION = "exit_liquidation"
    WARN_DISTANCE = "exit_warn_distance"
    CRITICAL_DISTANCE = "exit_critical_distance"
    EXIT_GAP = "exit_gap"
    MAX_GAP = "exit_max_gap"
    EXIT_DELISTED = "exit_delisted"
    EXIT_VENUE = "exit_venue"
    MAX_TROUBLE_MIN = "exit_max_trouble_min"
    EXIT_HOLD = "exit_hold"
    MAX_HOLD_H = "exit_max_hold_h"
    REDUCE_LOST = "reduce_lost"
    AUTO_ENTRY = "auto_entry"
    CRITICAL = "deliver_critical"
    TRADE = "deliver_trade"
    OPPORTUNITY = "deliver_opportunity"
    FUNDING = "deliver_funding"
    INFO = "deliver_info"
    QUIET_HOURS = "quiet_hours"
    ZONE = "zone"
    REPORT_AT = "report_at"
    RATE_HOURS = "rate_hours"


class Kind(StrEnum):
    """What a value is, and so how it is read, stored and printed."""

    USD = "usd"
    PER_HOUR = "per_hour"
    """A fraction per hour; people type and read % per 8 h (or 1 h)."""
    WHOLE = "whole"
    TIMES = "times"
    """Leverage."""
    PERIOD = "period"
    """Hours for which rates are shown: 8 or 1."""
    SHARE = "share"
    """A fraction; people type and read %."""
    HOURS = "hours"
    MINUTES = "minutes"
    ACTION = "action"
    """What an exit rule leads to: off, tell, button, close."""
    FLAG = "flag"
    VENUES = "venues"
    TOKENS = "tokens"
    """Canonical base assets; none named means every token."""
    DELIVERY = "delivery"
    QUIET = "quiet"
    """`23:00-07:00`; empty means never."""
    ZONE = "zone"
    """IANA name such as Europe/Berlin."""
    TIME = "time"
    """A time of day such as `08:00`; empty means never."""


class Risk(StrEnum):
    """Which change lets more happen, and so is asked about before it is made."""

    NONE = "none"
    HIGHER = "higher"
    LOWER = "lower"
    WIDER = "wider"
    """More names than before, or a switch that was off."""
    QUIETER = "quieter"


class AlertDelivery(StrEnum):
    """How a class of messages arrives."""

    ON = "on"
    SILENT = "silent"
    OFF = "off"


class Source(StrEnum):
    """Where a value in force comes from."""

    CHAT = "chat"
    HOST = "host"
    """The environment or `.env`."""
    DEFAULT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """One setting of `/settings`."""

    key: Key
    kind: Kind
    setting: str | None = None
    """Field of the host's settings it overrides; None if the host has none."""
    default: Value | None = None
    """What holds without a choice when there is no such field."""
    risk: Risk = Risk.NONE
    least: Decimal | None = None
    most: Decimal | None = None
    is_cap: bool = False
    """The host's value is the most that chat may choose."""
    capped_by: Key | None = None
    """Whatever was chosen, no more than this cap is in force."""
    is_personal: bool = False
    """Each person has his own."""


@dataclass(frozen=True, slots=True)
class Given:
    """What holds without a choice in chat."""

    value: Value
    is_named: bool = False
    """True if the host wrote it; False for the program's default."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person chose, as it is stored."""

    key: str
    user_id: UserId | None
    """Whose it is, if it is personal."""
    text: str
    at: datetime
    by: UserId


@dataclass(frozen=True, slots=True)
class InForce:
    """One preference with the value that acts now, and why that one."""

    preference: Preference
    value: Value
    source: Source
    given: Given
    at: datetime | None = None
    by: UserId | None = None


def _cap(key: Key, setting: str, kind: Kind = Kind.USD) -> Preference:
    return Preference(
        key=key,
        kind=kind,
        setting=setting,
        risk=Risk.HIGHER,
        least=Decimal(1),
        is_cap=True,
    )


def _class(key: Key, default: AlertDelivery, risk: Risk = Risk.NONE) -> Preference:
    return Preference(
        key=key,
        kind=Kind.DELIVERY,
        default=default.value,
        risk=risk,
        is_personal=True,
    )


def _rule(key: Key, default: ExitAction) -> Preference:
    return Preference(key=key, kind=Kind.ACTION, default=default.value, risk=Risk.WIDER)


def _level(key: Key, kind: Kind, default: str, least: str, most: str) -> Preference:
    return Preference(
        key=key,
        kind=kind,
        default=Decimal(default),
        least=Decimal(least),
        most=Decimal(most),
    )


_ONE, _MOST_USD = Decimal(1), Decimal(10_000_000)
_TABLE = (
    Preference(
        key=Key.SIZE_USD,
        kind=Kind.USD,
        setting="position_size_usd",
        risk=Risk.HIGHER,
        least=_ONE,
        most=_MOST_USD,
        capped_by=Key.MAX_TRADE_USD,
    ),
    Preference(
        key=Key.LEVERAGE,
        kind=Kind.TIMES,
        setting="leverage",
        risk=Risk.HIGHER,
        least=_ONE,
        most=Decimal(10),
        capped_by=Key.MAX_LEVERAGE,
    ),
    Preference(
        key=Key.HOLD,
        kind=Kind.HOURS,
        setting="planned_hold_h",
        risk=Risk.HIGHER,
        least=_ONE,
        most=Decimal(720),
    ),
    Preference(
        key=Key.MIN_NET,
        kind=Kind.SHARE,
        setting="min_net",
        risk=Risk.LOWER,
        least=Decimal(-1),
        most=_ONE,
    ),
    Preference(
        key=Key.MAX_BREAK_EVEN,
        kind=Kind.HOURS,
        setting="max_break_even_h",
        risk=Risk.HIGHER,
        least=_ONE,
        most=Decimal(8760),
    ),
    Preference(
        key=Key.ALERT_SPREAD,
        kind=Kind.PER_HOUR,
        setting="alert_spread_hourly",
        least=Decimal("0.0000001"),
        most=_ONE,
    ),
    Preference(
        key=Key.MIN_SPREAD,
        kind=Kind.PER_HOUR,
        setting="min_spread_hourly",
        risk=Risk.LOWER,
        least=Decimal(0),
        most=_ONE,
    ),
    Preference(
        key=Key.MIN_VOLUME,
        kind=Kind.USD,
        setting="min_daily_volume_usd",
        risk=Risk.LOWER,
        least=Decimal(0),
        most=Decimal(10**12),
    ),
    Preference(
        key=Key.UNKNOWN_VOLUME,
        kind=Kind.FLAG,
        setting="allow_unknown_volume",
        risk=Risk.WIDER,
    ),
    Preference(
        key=Key.VENUES, kind=Kind.VENUES, setting="venues", risk=Risk.WIDER, is_cap=True
    ),
    Preference(
        key=Key.TOKENS, kind=Kind.TOKENS, setting="tokens", risk=Risk.WIDER, is_cap=True
    ),
    _cap(Key.MAX_TRADE_USD, "max_trade_usd"),
    _cap(Key.MAX_TOKEN_USD, "max_token_usd"),
    _cap(Key.MAX_VENUE_USD, "max_venue_usd"),
    _cap(Key.MAX_TOTAL_USD, "max_total_usd"),
    _cap(Key.MAX_OPEN_TRADES, "max_open_trades", Kind.WHOLE),
    _cap(Key.MAX_ENTRIES, "max_entries_per_hour", Kind.WHOLE),
    _cap(Key.MAX_LEVERAGE, "max_leverage", Kind.TIMES),
    _rule(Key.EXIT_PROFIT, ExitAction.OFF),
    _level(Key.PROFIT_SHARE, Kind.SHARE, "0.02", "0.0001", "10"),
    _rule(Key.EXIT_SPREAD, ExitAction.BUTTON),
    _level(Key.STOP_SPREAD, Kind.PER_HOUR, "0", "-1", "1"),
    _level(Key.STOP_PAYMENTS, Kind.WHOLE, "2", "1", "100"),
    _rule(Key.EXIT_LIQUIDATION, ExitAction.BUTTON),
    _level(Key.WARN_DISTANCE, Kind.SHARE, "0.20", "0.01", "1"),
    _level(Key.CRITICAL_DISTANCE, Kind.SHARE, "0.12", "0.005", "1"),
    _rule(Key.EXIT_GAP, ExitAction.TELL),
    _level(Key.MAX_GAP, Kind.SHARE, "0.01", "0.0005", "1"),
    _rule(Key.EXIT_DELISTED, ExitAction.BUTTON),
    _rule(Key.EXIT_VENUE, ExitAction.BUTTON),
    _level(Key.MAX_TROUBLE_MIN, Kind.MINUTES, "30", "2", "1440"),
    _rule(Key.EXIT_HOLD, ExitAction.OFF),
    _level(Key.MAX_HOLD_H, Kind.HOURS, "168", "1", "8760"),
    Preference(key=Key.REDUCE_LOST, kind=Kind.FLAG, default=True, risk=Risk.LOWER),
    Preference(key=Key.AUTO_ENTRY, kind=Kind.FLAG, default=False, risk=Risk.WIDER),
    _class(Key.CRITICAL, AlertDelivery.ON, Risk.QUIETER),
    _class(Key.TRADE, AlertDelivery.ON, Risk.QUIETER),
    _class(Key.OPPORTUNITY, AlertDelivery.ON),
    _class(Key.FUNDING, AlertDelivery.SILENT),
    _class(Key.INFO, AlertDelivery.ON),
    Preference(key=Key.QUIET_HOURS, kind=Kind.QUIET, default="", is_personal=True),
    Preference(key=Key.ZONE, kind=Kind.ZONE, default="UTC", is_personal=True),
    Preference(key=Key.REPORT_AT, kind=Kind.TIME, default="08:00", is_personal=True),
    Preference(
        key=Key.RATE_HOURS,
        kind=Kind.PERIOD,
        setting="rate_display",
        is_personal=True,
    ),
)
PREFERENCES: Mapping[Key, Preference] = {each.key: each for each in _TABLE}
CLASS_KEYS: Mapping[AlertLevel, Key] = {
    AlertLevel.CRITICAL: Key.CRITICAL,
    AlertLevel.TRADE: Key.TRADE,
    AlertLevel.OPPORTUNITY: Key.OPPORTUNITY,
    AlertLevel.FUNDING: Key.FUNDING,
    AlertLevel.INFO: Key.INFO,
}


# --- texts ----------------------------------------------------------------------------


def encode(value: Value) -> str:
    """Return a value as it is stored and written into the audit trail."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value if isinstance(value, str) else ",".join(value)


def decode(kind: Kind, text: str) -> Value:
    """Return the value of a stored text; bounds are not looked at.

    Raises:
        ValueError: the text is no value of this kind.
    """
    if kind in {Kind.VENUES, Kind.TOKENS}:
        return tuple(part for part in text.split(",") if part)
    if kind is Kind.FLAG:
        return {"yes": True, "no": False}[_one_of(text, {"yes", "no"})]
    if kind is Kind.DELIVERY:
        return AlertDelivery(text).value
    if kind is Kind.ACTION:
        return ExitAction(text).value
    if kind in {Kind.QUIET, Kind.TIME, Kind.ZONE}:
        return _time_words(kind, text)
    return _number(text)


def _time_words(kind: Kind, text: str) -> str:
    if text and kind is Kind.QUIET:
        QuietHours.parse(text)
    if text and kind is Kind.TIME:
        time.fromisoformat(text)
    return text


def _one_of(text: str, words: set[str]) -> str:
    if text not in words:
        message = f"{text} is none of {sorted(words)}"
        raise ValueError(message)
    return text


def _number(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        message = f"{text} is no number"
        raise ValueError(message) from error
    if not value.is_finite():
        message = f"{text} is no number"
        raise ValueError(message)
    return value


# --- risk -----------------------------------------------------------------------------

_LOUDEST_FIRST = tuple(each.value for each in AlertDelivery)


def _is_riskier_word(preference: Preference, old: str, new: str) -> bool:
    if preference.risk is Risk.QUIETER:
        return _LOUDEST_FIRST.index(new) > _LOUDEST_FIRST.index(old)
    # a rule that closes by itself, and one that says nothing any more
    is_rule = preference.kind is Kind.ACTION and new != old
    return is_rule and new in {ExitAction.CLOSE.value, ExitAction.OFF.value}


def is_riskier(preference: Preference, old: Value, new: Value) -> bool:
    """Tell whether a change lets more happen than before."""
    match preference.risk, old, new:
        case Risk.HIGHER, Decimal(), Decimal():
            return new > old
        case Risk.LOWER, Decimal(), Decimal():
            return new < old
        case risk, bool(), bool():
            return new is not old and new is (risk is Risk.WIDER)
        case Risk.WIDER, tuple(), tuple():
            return bool(old) and (not new or not set(new) <= set(old))
        case _, str(), str():
            return _is_riskier_word(preference, old, new)
        case _:
            return False


# --- what acts ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Effective:
    """Every shared preference as it acts now: chat over host over default."""

    values: Mapping[Key, Value]

    def number(self, key: Key) -> Decimal:
        """Return a number, e.g. USD, a fraction per hour, a count."""
        value = self.values[key]
        return value if isinstance(value, Decimal) else _wrong(key)

    def flag(self, key: Key) -> bool:
        """Return a switch."""
        value = self.values[key]
        return value if isinstance(value, bool) else _wrong(key)

    def text(self, key: Key) -> str:
        """Return a word, e.g. what an exit rule leads to."""
        value = self.values[key]
        return value if isinstance(value, str) else _wrong(key)

    def names(self, key: Key) -> tuple[str, ...]:
        """Return names; for tokens, none means every one."""
        value = self.values[key]
        return value if isinstance(value, tuple) else _wrong(key)

    @property
    def size_usd(self) -> Decimal:
        """Return the notional per leg unless a person names one."""
        return self.number(Key.SIZE_USD)

    @property
    def leverage(self) -> Decimal:
        """Return the leverage of each leg."""
        return self.number(Key.LEVERAGE)

    @property
    def hold(self) -> timedelta:
        """Return how long a pair is meant to be held."""
        return timedelta(hours=int(self.number(Key.HOLD)))

    @property
    def alert_spread_per_hour(self) -> Decimal:
        """Return the smallest hourly spread worth a push, a fraction."""
        return self.number(Key.ALERT_SPREAD)

    @property
    def min_spread_per_hour(self) -> Decimal:
        """Return the smallest hourly spread worth ranking, a fraction."""
        return self.number(Key.MIN_SPREAD)

    @property
    def venues(self) -> tuple[VenueId, ...]:
        """Return the venues whose pairs are offered."""
        return tuple(VenueId(each) for each in self.names(Key.VENUES))

    @property
    def bases(self) -> frozenset[Base] | None:
        """Return the tokens that are offered; None is every one."""
        named = frozenset(Base(each) for each in self.names(Key.TOKENS))
        return named or None


def _wrong(key: Key) -> NoReturn:
    message = f"{key} has another kind of value"
    raise TypeError(message)


# --- one reader -----------------------------------------------------------------------


class Manner(StrEnum):
    """What becomes of one message for one person."""

    RING = "ring"
    SILENT = "silent"
    HOLD = "hold"
    """Kept for the morning."""
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class QuietHours:
    """When a person wants to sleep, in his own zone; start included, end not."""

    start: time
    end: time

    @classmethod
    def parse(cls, text: str) -> QuietHours:
        """Return the hours of `23:00-07:00`.

        Raises:
            ValueError: not two different times of day.
        """
        first, _, second = text.partition("-")
        found = cls(time.fromisoformat(first), time.fromisoformat(second))
        if found.start == found.end:
            message = "quiet hours of no length"
            raise ValueError(message)
        return found

    def cover(self, local: time) -> bool:
        """Tell whether a time of day is quiet."""
        if self.start < self.end:
            return self.start <= local < self.end
        return local >= self.start or local < self.end

    def end_after(self, local: datetime) -> datetime:
        """Return when the quiet hours around or after a local moment end."""
        end = local.replace(
            hour=self.end.hour, minute=self.end.minute, second=0, microsecond=0
        )
        return end if end > local else end + timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Reader:
    """How one person wants to be told."""

    zone: tzinfo
    rate_hours: int
    """Period of the rates on screen."""
    deliveries: Mapping[AlertLevel, AlertDelivery]
    quiet: QuietHours | None = None
    report_at: time | None = None
    """When the daily report is due, in his own zone; None: never."""

    def is_quiet(self, now: datetime) -> bool:
        """Tell whether the person sleeps."""
        local = now.astimezone(self.zone)
        return self.quiet is not None and self.quiet.cover(local.time())

    def manner(self, level: AlertLevel, now: datetime) -> Manner:
        """Return what becomes of a message of this class now.

        Critical ones pass whatever the hour; trades arrive without sound at night; all
        other news waits for the morning.
        """
        wanted = self.deliveries[level]
        is_loud = wanted is AlertDelivery.ON
        if level is AlertLevel.CRITICAL:
            return Manner.RING if is_loud else Manner.SILENT
        if wanted is AlertDelivery.OFF:
            return Manner.DROP
        if self.is_quiet(now):
            return Manner.SILENT if level is AlertLevel.TRADE else Manner.HOLD
        return Manner.RING if is_loud else Manner.SILENT


# --- mutes ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Mute:
    """One token, or one pair of it, about which no spread is pushed."""

    base: Base
    venues: tuple[VenueId, VenueId] | None = None
    """Sorted by name; None mutes every pair of the token."""

    @classmethod
    def pair(cls, base: Base, first: VenueId, second: VenueId) -> Mute:
        """Return the mute of a pair, whichever side is long."""
        low, high = sorted((first, second))
        return cls(base, (low, high))


Mutes = Mapping[Mute, datetime | None]
"""Until when; None is for good."""


def is_muted(
    mutes: Mutes, base: Base, venues: tuple[VenueId, VenueId], now: datetime
) -> bool:
    """Tell whether a pair is muted, by itself or with its token."""
    for mute in (Mute(base), Mute.pair(base, *venues)):
        if mute in mutes:
            until = mutes[mute]
            if until is None or now < until:
                return True
    return False
