"""Venues' contract lists in, token x venue availability out; kept on disk.

A venue that fails keeps its last list. A token missing on a venue has a reason, unless
that venue's list was never read: then nothing is known and nothing is claimed.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import Counter
from typing import TYPE_CHECKING

from core.errors import TroubleKind, VenueError
from core.model.instrument import (
    AbsenceReason,
    Availability,
    Instrument,
    LeftOut,
    TokenRow,
    TokenStatus,
)
from core.model.trouble import Trouble
from core.model.units import Base

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping
    from datetime import datetime

    from core.health import VenueMonitor
    from core.model.units import VenueId
    from core.ports import AvailabilityStore, Clock, Instruments

log = logging.getLogger(__name__)

VenueList = tuple[tuple[Instrument, ...], tuple[LeftOut, ...]]
WITNESSES = 28
"""So many contracts of a venue tell whether its unit is right."""
LOGGED_ROWS = 60
"""With more tokens than this the start-up log names only the counts."""


class AvailabilityCache:
    """Which token trades where, refreshed on demand."""

    def __init__(
        self,
        *,
        sources: Mapping[VenueId, Instruments],
        store: AvailabilityStore,
        clock: Clock,
        monitor: VenueMonitor,
        tokens: tuple[Base, ...] | None,
    ) -> None:
        self._sources = sources
        self._store = store
        self._clock = clock
        self._monitor = monitor
        self._tokens = tokens
        self._current: Availability | None = None
        self._others: dict[VenueId, tuple[Instrument, ...]] = {}
        """What each venue lists beyond the named tokens."""

    @property
    def current(self) -> Availability | None:
        """Return the cache as it is; None before the first list."""
        return self._current

    def concerns(self, base: Base | None) -> bool:
        """Tell whether a token is in use; all are, unless some were named."""
        return self._tokens is None or base in self._tokens

    @property
    def venue_ids(self) -> tuple[VenueId, ...]:
        """Return every venue that is asked for a list."""
        return tuple(self._sources)

    @property
    def unread(self) -> tuple[VenueId, ...]:
        """Return venues whose list was never read."""
        read = self._current.read_at if self._current else {}
        return tuple(venue_id for venue_id in self._sources if venue_id not in read)

    def witnesses(self, venue_id: VenueId) -> Mapping[str, Instrument]:
        """Return contracts beyond the named tokens that help to prove a venue's unit.

        As many as are missing to `WITNESSES`, those that most venues list first; none
        where the named tokens are enough. Nothing of them is offered or shown.
        """
        own = 0 if self._current is None else len(self._current.on_venue(venue_id))
        if not own:
            return {}
        listed = Counter(one.base for found in self._others.values() for one in found)
        found = sorted(
            self._others.get(venue_id, ()),
            key=lambda each: (-listed[each.base], each.base),
        )
        return {each.symbol: each for each in found[: max(0, WITNESSES - own)]}

    async def load(self) -> Availability | None:
        """Take the stored cache, limited to today's venues and tokens."""
        stored = await self._store.load_availability()
        if stored is None:
            return None
        lists = {
            venue_id: listed
            for venue_id, listed in _lists(stored).items()
            if venue_id in self._sources
        }
        read_at = {v: at for v, at in stored.read_at.items() if v in self._sources}
        self._current = self._build(lists, read_at, stored.built_at, ())
        return self._current

    async def refresh(self, venues: Iterable[VenueId] | None = None) -> Availability:
        """Read lists anew, all venues at once, and store the result."""
        wanted = tuple(self._sources if venues is None else venues)
        async with asyncio.TaskGroup() as group:
            tasks = {v: group.create_task(self._read(v)) for v in wanted}
        lists = _lists(self._current) if self._current else {}
        read_at = dict(self._current.read_at) if self._current else {}
        troubles = []
        now = self._clock.now()
        for venue_id, task in tasks.items():
            answer = task.result()
            if isinstance(answer, Trouble):
                troubles.append(answer)
                continue
            lists[venue_id] = answer
            read_at[venue_id] = now
            self._others[venue_id] = tuple(
                each for each in answer[0] if not self.concerns(each.base)
            )
        built = self._build(lists, read_at, now, tuple(troubles))
        self._current = built
        await self._store.save_availability(built)
        _log(built)
        return built

    async def _read(self, venue_id: VenueId) -> VenueList | Trouble:
        paused = self._monitor.pause(venue_id)
        if paused is not None:
            return paused
        try:
            return await self._sources[venue_id].instruments()
        except VenueError as error:
            now = self._clock.now()
            trouble = Trouble(venue_id, error.kind, error.detail, now)
            if error.kind is not TroubleKind.HELD_BACK:
                self._monitor.failed(trouble)
            log.warning("list not read venue=%s why=%s", venue_id, error.detail)
            return trouble

    def _build(
        self,
        lists: Mapping[VenueId, VenueList],
        read_at: Mapping[VenueId, datetime],
        built_at: datetime,
        troubles: tuple[Trouble, ...],
    ) -> Availability:
        listed: dict[Base, dict[VenueId, Instrument]] = {}
        absent: dict[Base, dict[VenueId, AbsenceReason]] = {}
        left_out: list[LeftOut] = []
        for venue_id, (instruments, others) in lists.items():
            for instrument in instruments:
                listed.setdefault(instrument.base, {})[venue_id] = instrument
            for other in others:
                left_out.append(other)
                if other.base is not None:
                    absent.setdefault(other.base, {})[venue_id] = other.reason
        bases = sorted(listed) if self._tokens is None else sorted(self._tokens)
        rows = {
            base: _row(base, listed.get(base, {}), absent.get(base, {}), lists)
            for base in bases
        }
        return Availability(
            built_at=built_at,
            rows=rows,
            left_out=tuple(left_out),
            read_at=read_at,
            troubles=troubles,
        )


def _row(
    base: Base,
    instruments: Mapping[VenueId, Instrument],
    absences: Mapping[VenueId, AbsenceReason],
    lists: Mapping[VenueId, VenueList],
) -> TokenRow:
    reasons = {
        venue_id: absences.get(venue_id, AbsenceReason.NOT_LISTED)
        for venue_id in lists
        if venue_id not in instruments
    }
    return TokenRow(base=base, instruments=instruments, absences=reasons)


def row_of(availability: Availability, token: str) -> TokenRow | None:
    """Return the row of a token as a person types it, None if there is none.

    1000PEPE, kPEPE and pepe all mean PEPE, unless a token is really called so.
    """
    for name in _readings(token):
        found = availability.rows.get(Base(name))
        if found is not None:
            return found
    return None


def left_out_of(
    availability: Availability, names: Container[str]
) -> tuple[LeftOut, ...]:
    """Return contracts left out whose token or own name is one of these capitals."""
    return tuple(
        one
        for one in availability.left_out
        if (one.base or "").upper() in names or one.native_name.upper() in names
    )


def _readings(token: str) -> tuple[str, ...]:
    """Return the ways to read a typed token, the plainest first."""
    plain = token.strip().upper()
    forms = (
        re.sub(r"^1(?:0{3,6}|M)(?=\D)", "", plain),
        re.sub(r"(?<=\D)1(?:0{3,6})$", "", plain),
        re.sub(r"^K(?=[A-Z])", "", plain),
    )
    return (plain, *forms)


def _lists(availability: Availability) -> dict[VenueId, VenueList]:
    """Take a cache apart again, so that one venue's list can be replaced."""
    return {
        venue_id: (
            tuple(availability.on_venue(venue_id).values()),
            tuple(o for o in availability.left_out if o.venue_id == venue_id),
        )
        for venue_id in availability.read_at
    }


def _log(availability: Availability) -> None:
    rows = availability.rows.values()
    counts = dict.fromkeys(TokenStatus, 0)
    for row in rows:
        counts[row.status] += 1
    log.info(
        "Token availability cache built: %d on 2+ venues, %d on one, %d on none",
        counts[TokenStatus.OK],
        counts[TokenStatus.SINGLE],
        counts[TokenStatus.NONE],
    )
    level = logging.INFO if len(rows) <= LOGGED_ROWS else logging.DEBUG
    for row in rows:
        log.log(level, "  %s", describe(row))


def describe(row: TokenRow) -> str:
    """Return the start-up log line of one token."""
    venues = ", ".join(row.instruments)
    if row.status is TokenStatus.OK:
        count = len(row.instruments)
        return f"✅ {row.base}: available on {count} venues ({venues})"
    if row.status is TokenStatus.SINGLE:
        return f"⚠️ {row.base}: only on {venues} - cannot arbitrage"
    return f"❌ {row.base}: on no venue"
