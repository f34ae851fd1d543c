"""What people chose in chat in, the values in force out; every change is an audit line.

A choice overrides what the host configured, and never goes beyond a cap of the host.
All choices are kept in memory, so that scans and cards read them without waiting; they
are written before they act.
"""

from __future__ import annotations

import logging
import zoneinfo
from asyncio import to_thread
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING

from core.errors import BadValueError, Fault
from core.model.control import Event
from core.model.preferences import (
    CLASS_KEYS,
    PREFERENCES,
    AlertDelivery,
    Choice,
    Effective,
    Given,
    InForce,
    Key,
    Kind,
    Mute,
    QuietHours,
    Reader,
    Source,
    decode,
    encode,
)
from core.model.units import Base, VenueId

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import tzinfo

    from core.model.preferences import (
        Mutes,
        Preference,
        Value,
    )
    from core.model.units import UserId
    from core.ports import Clock, PreferenceStore

log = logging.getLogger(__name__)

_MUTE = "mute:"
_PAIR = 2
_WHOLE = {Kind.WHOLE, Kind.TIMES, Kind.HOURS, Kind.MINUTES}
CHANGED = "setting "
"""How the audit line of a changed preference begins; its key follows."""


class PreferenceBook:
    """Reads and changes what chat may change."""

    def __init__(
        self,
        *,
        store: PreferenceStore,
        clock: Clock,
        host: Mapping[Key, Given],
    ) -> None:
        self._store, self._clock, self._host = store, clock, host
        self._chosen: dict[tuple[Key, UserId | None], tuple[Choice, Value]] = {}
        self._mutes: dict[Mute, datetime | None] = {}
        self._zones: dict[str, tzinfo] = {"UTC": UTC}
        self._followers: list[Callable[[Effective], None]] = []

    def follow(self, act: Callable[[Effective], None]) -> None:
        """Call back with the values in force, now and after every change."""
        self._followers.append(act)
        act(self.effective())

    async def load(self) -> None:
        """Take what was stored; what this version cannot read is left alone."""
        for choice in await self._store.choices():
            if choice.key.startswith(_MUTE):
                self._note_mute(choice)
                continue
            try:
                key = Key(choice.key)
                value = decode(PREFERENCES[key].kind, choice.text)
                if key is Key.ZONE:
                    await self._open_zone(encode(value))
            except (ValueError, LookupError, BadValueError):
                log.warning("stored choice %s=%s ignored", choice.key, choice.text)
                continue
            self._chosen[key, choice.user_id] = (choice, value)
        self._tell()

    # --- read -------------------------------------------------------------------------

    def effective(self) -> Effective:
        """Return every shared value as it acts now."""
        shared = (each for each in PREFERENCES.values() if not each.is_personal)
        return Effective({each.key: self.in_force(each.key).value for each in shared})

    def in_force(self, key: Key, user_id: UserId | None = None) -> InForce:
        """Return a value with its source; `user_id` is needed for personal ones."""
        row, given = PREFERENCES[key], self._given(key)
        owner = user_id if row.is_personal else None
        # an earlier version knew one choice for everybody where each has his own now
        found = self._chosen.get((key, owner)) or self._chosen.get((key, None))
        if found is None:
            source = Source.HOST if given.is_named else Source.DEFAULT
            return InForce(row, self._capped(row, given.value), source, given)
        choice, value = found
        if row.is_cap:
            value = _within(value, given.value)
        value = self._capped(row, value)
        return InForce(row, value, Source.CHAT, given, choice.at, choice.by)

    def reader(self, user_id: UserId | None) -> Reader:
        """Return how a person wants to be told."""

        def word(key: Key) -> str:
            return encode(self.in_force(key, user_id).value)

        quiet, report_at = word(Key.QUIET_HOURS), word(Key.REPORT_AT)
        return Reader(
            zone=self._zones[word(Key.ZONE)],
            rate_hours=int(word(Key.RATE_HOURS)),
            deliveries={
                level: AlertDelivery(word(key)) for level, key in CLASS_KEYS.items()
            },
            quiet=QuietHours.parse(quiet) if quiet else None,
            report_at=time.fromisoformat(report_at) if report_at else None,
        )

    @property
    def mutes(self) -> Mutes:
        """Return what is muted now."""
        now = self._clock.now()
        return {
            mute: until
            for mute, until in self._mutes.items()
            if until is None or until > now
        }

    @property
    def changed_prefix(self) -> str:
        """Return how the audit line of a change begins; its key follows."""
        return CHANGED

    async def changes(self, limit: int) -> tuple[Event, ...]:
        """Return the latest changes of preferences, newest first."""
        return await self._store.changes(limit)

    def _given(self, key: Key) -> Given:
        found = self._host.get(key)
        if found is not None:
            return found
        default = PREFERENCES[key].default
        if default is None:
            message = f"{key} has neither a setting of the host nor a default"
            raise KeyError(message)
        return Given(default)

    def _capped(self, row: Preference, value: Value) -> Value:
        if row.capped_by is None:
            return value
        return _within(value, self.in_force(row.capped_by).value)

    # --- change -----------------------------------------------------------------------

    async def checked(self, key: Key, value: Value) -> Value:
        """Return the value as it would be stored.

        Raises:
            BadValueError: it cannot be chosen, and why.
        """
        row = PREFERENCES[key]
        if key is Key.ZONE:
            value = await self._open_zone(encode(value))
        if isinstance(value, Decimal):
            self._check_number(row, value)
        if row.is_cap and isinstance(value, tuple):
            self._check_names(row, value)
        if key is Key.CRITICAL and value == AlertDelivery.OFF.value:
            raise BadValueError(key, Fault.NEVER_OFF)
        return value

    async def choose(self, key: Key, value: Value, user_id: UserId) -> InForce:
        """Let a value act from now on.

        Raises:
            BadValueError: it cannot be chosen; nothing was changed.
        """
        value = await self.checked(key, value)
        owner = user_id if PREFERENCES[key].is_personal else None
        before = self.in_force(key, user_id).value
        now = self._clock.now()
        choice = Choice(key.value, owner, encode(value), now, user_id)
        event = self._event(key, before, choice.text, user_id)
        await self._store.save_choice(choice, event)
        self._chosen[key, owner] = (choice, value)
        self._tell()
        return self.in_force(key, user_id)

    async def reset(self, key: Key, user_id: UserId) -> InForce:
        """Let the host's value act again."""
        owner = user_id if PREFERENCES[key].is_personal else None
        before = self.in_force(key, user_id).value
        for whose in dict.fromkeys((owner, None)):
            if (key, whose) in self._chosen:
                after = encode(self._given(key).value)
                event = self._event(key, before, after, user_id)
                await self._store.drop_choice(key.value, whose, event)
                del self._chosen[key, whose]
        self._tell()
        return self.in_force(key, user_id)

    async def mute(self, what: Mute, until: datetime | None, user_id: UserId) -> None:
        """Push nothing on a token or pair until a moment; None is for good."""
        now = self._clock.now()
        text = "" if until is None else until.isoformat()
        choice = Choice(_mute_key(what), None, text, now, user_id)
        event = Event(now, f"user {user_id}", "muted", f"{choice.key} until {until}")
        await self._store.save_choice(choice, event)
        self._mutes[what] = until

    async def unmute(self, what: Mute, user_id: UserId) -> None:
        """Let pushes on a token or pair through again."""
        key = _mute_key(what)
        event = Event(self._clock.now(), f"user {user_id}", "unmuted", key)
        await self._store.drop_choice(key, None, event)
        self._mutes.pop(what, None)

    def _event(self, key: Key, before: Value, after: str, user_id: UserId) -> Event:
        detail = f"{encode(before)} -> {after}"
        now = self._clock.now()
        return Event(now, f"user {user_id}", f"{CHANGED}{key.value}", detail)

    def _tell(self) -> None:
        effective = self.effective()
        for act in self._followers:
            act(effective)

    # --- checks -----------------------------------------------------------------------

    def _check_number(self, row: Preference, value: Decimal) -> None:
        key = row.key
        if row.kind in _WHOLE and value != value.to_integral_value():
            raise BadValueError(key, Fault.UNREADABLE)
        if row.least is not None and value < row.least:
            raise BadValueError(key, Fault.TOO_LOW, encode(row.least))
        if row.most is not None and value > row.most:
            raise BadValueError(key, Fault.TOO_HIGH, encode(row.most))
        host = self._given(key).value
        if row.is_cap and isinstance(host, Decimal) and value > host:
            raise BadValueError(key, Fault.ABOVE_HOST, encode(host))
        if row.capped_by is not None:
            cap = self.in_force(row.capped_by)
            most = cap.value
            if isinstance(most, Decimal) and value > most:
                by_chat = cap.source is Source.CHAT and most != cap.given.value
                fault = Fault.ABOVE_CAP if by_chat else Fault.ABOVE_HOST
                raise BadValueError(key, fault, encode(most))

    def _check_names(self, row: Preference, value: tuple[str, ...]) -> None:
        host = self._given(row.key).value
        if not isinstance(host, tuple):
            return
        if row.kind is Kind.VENUES and len(value) < _PAIR:
            raise BadValueError(row.key, Fault.NOTHING_LEFT)
        unknown = [each for each in value if host and each not in host]
        if unknown:
            raise BadValueError(row.key, Fault.UNKNOWN_NAME, ", ".join(unknown))

    async def _open_zone(self, name: str) -> str:
        """Return a zone's exact name; its rules are read from disk once."""
        found = await to_thread(_find_zone, name)
        if found is None:
            raise BadValueError(Key.ZONE, Fault.UNKNOWN_NAME, name)
        exact, zone = found
        self._zones[exact] = zone
        return exact

    def _note_mute(self, choice: Choice) -> None:
        mute = _mute_of(choice.key)
        try:
            until = datetime.fromisoformat(choice.text) if choice.text else None
        except ValueError:
            log.warning("stored mute %s=%s ignored", choice.key, choice.text)
            return
        self._mutes[mute] = until


def _within(value: Value, most: Value) -> Value:
    """Return no more than the host or a cap allows."""
    if isinstance(value, Decimal) and isinstance(most, Decimal):
        return min(value, most)
    if isinstance(value, tuple) and isinstance(most, tuple) and most:
        return tuple(each for each in value if each in most) or most
    return value


def _find_zone(typed: str) -> tuple[str, tzinfo] | None:
    """Return the zone of a name; `berlin` means Europe/Berlin. Reads files."""
    wanted = typed.strip().replace(" ", "_")
    if wanted.upper() == "UTC":
        return "UTC", UTC
    known = sorted(zoneinfo.available_timezones())
    exact = [each for each in known if each.lower() == wanted.lower()]
    city = [each for each in known if each.lower().endswith(f"/{wanted.lower()}")]
    for name in (*exact, *city):
        return name, zoneinfo.ZoneInfo(name)
    return None


def _mute_key(what: Mute) -> str:
    return _MUTE + ":".join((what.base, *(what.venues or ())))


def _mute_of(key: str) -> Mute:
    base, *venues = key.removeprefix(_MUTE).split(":")
    if len(venues) == _PAIR:
        return Mute.pair(Base(base), VenueId(venues[0]), VenueId(venues[1]))
    return Mute(Base(base))
