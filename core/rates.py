"""All venues at once in, funding snapshots with skips and troubles out.

A venue that fails, hangs or sends nonsense costs only itself. Its last values serve on
until they are older than the limit, then each of its instruments is skipped as stale.
The same limit holds for rows that a venue sends again and again without renewing them.
One that keeps failing is paused: its rows go at once, and the first request after the
pause is a probe.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from core.errors import TroubleKind, VenueError
from core.model.opportunity import Skip, SkipReason, VenueStatus
from core.model.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from core.health import VenueMonitor
    from core.model.instrument import Availability, Instrument
    from core.model.market import FundingSnapshot
    from core.model.units import VenueId
    from core.ports import Clock, FundingSource, OrderBooks

log = logging.getLogger(__name__)

HANG_LIMIT = timedelta(seconds=15)
"""A venue that takes longer than its own client's time-outs allow."""


@dataclass(frozen=True, slots=True)
class RatesView:
    """What all venues showed."""

    snapshots: tuple[FundingSnapshot, ...]
    skips: tuple[Skip, ...]
    troubles: tuple[Trouble, ...]
    venues: tuple[VenueStatus, ...]
    witnesses: tuple[FundingSnapshot, ...] = ()
    """Of contracts that were only asked about to prove a unit."""


class Rates:
    """Reads every venue's rates at once and keeps the last good ones."""

    def __init__(
        self,
        *,
        sources: Mapping[VenueId, FundingSource],
        clock: Clock,
        monitor: VenueMonitor,
        max_age: timedelta,
        probes: Mapping[VenueId, OrderBooks] | None = None,
        hang_limit: timedelta = HANG_LIMIT,
    ) -> None:
        """Take the parts.

        One book is the `probes`' question to a venue whose pause is over; without any
        its rates are asked for at once.
        """
        self._sources = sources
        self._clock = clock
        self._monitor = monitor
        self._max_age = max_age
        self._probes = probes or {}
        self._hang_limit = hang_limit
        self._last: dict[VenueId, dict[str, FundingSnapshot]] = {}
        self._held: tuple[Instrument, ...] = ()

    @property
    def held(self) -> tuple[Instrument, ...]:
        """Return contracts of open trades: read along even when no list names them."""
        return self._held

    @held.setter
    def held(self, instruments: tuple[Instrument, ...]) -> None:
        self._held = instruments
        self._monitor.held = frozenset(each.venue_id for each in instruments)

    def latest(self, instrument: Instrument) -> FundingSnapshot | None:
        """Return the last snapshot of an instrument, however old."""
        return self._last.get(instrument.venue_id, {}).get(instrument.symbol)

    def fresh(self, instrument: Instrument) -> FundingSnapshot | None:
        """Return the last snapshot of an instrument, None once it is too old."""
        return self.fresh_of(instrument.venue_id, instrument.symbol)

    def fresh_of(self, venue_id: VenueId, symbol: str) -> FundingSnapshot | None:
        """Return the last snapshot of a symbol, None once it is too old."""
        found = self._last.get(venue_id, {}).get(symbol)
        return None if found is None or self._is_old(found) else found

    def _is_old(self, snapshot: FundingSnapshot) -> bool:
        return self._clock.now() - snapshot.observed_at > self._max_age

    async def read(
        self,
        availability: Availability,
        witnesses: Callable[[VenueId], Mapping[str, Instrument]] = lambda _: {},
    ) -> RatesView:
        """Read all venues at once; `witnesses` are read along, for nothing else."""
        listed = {v: availability.on_venue(v) for v in self._sources}
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._venue(v, listed[v], witnesses(v)))
                for v in self._sources
            ]
        parts = [task.result() for task in tasks]
        return RatesView(
            snapshots=tuple(s for part in parts for s in part.snapshots),
            skips=tuple(s for part in parts for s in part.skips),
            troubles=tuple(t for part in parts for t in part.troubles),
            venues=tuple(v for part in parts for v in part.venues),
            witnesses=tuple(w for part in parts for w in part.witnesses),
        )

    async def reread(self, instruments: tuple[Instrument, ...]) -> None:
        """Read anew the rates of these instruments' venues, at once, for an entry.

        Raises:
            VenueError: one of them failed.
        """
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(
                    self._read(each.venue_id, {each.symbol: each}, is_entry=True)
                )
                for each in instruments
            ]
        for task in tasks:
            answer = task.result()
            if isinstance(answer, Trouble):
                raise VenueError(answer.venue_id, answer.kind, answer.detail)

    async def _venue(
        self,
        venue_id: VenueId,
        listed: Mapping[str, Instrument],
        witnesses: Mapping[str, Instrument],
    ) -> RatesView:
        held = {each.symbol: each for each in self.held if each.venue_id == venue_id}
        asked = {**held, **listed}
        if not asked:
            return self._nothing_listed(venue_id)
        answer = await self._read(venue_id, {**witnesses, **asked})
        if isinstance(answer, Trouble):
            paused = self._monitor.pause(venue_id)
            if paused is not None:
                return self._left_alone(venue_id, listed, paused)
            return self._remembered(venue_id, listed, answer)
        # what is held but not listed is valued, never offered
        snapshots = tuple(s for s in answer[0] if s.instrument.symbol in listed)
        skips = tuple(s for s in answer[1] if s.symbol is None or s.symbol in listed)
        old = [each for each in snapshots if self._is_old(each)]
        if old:
            snapshots = tuple(each for each in snapshots if not self._is_old(each))
            skips = (*skips, *(_stale(each) for each in old))
        status = self._status(
            venue_id, len(listed), rates=len(snapshots), age=timedelta(0)
        )
        more = tuple(
            each
            for each in answer[0]
            if each.instrument.symbol in witnesses and not self._is_old(each)
        )
        return RatesView(snapshots, skips, (), (status,), more)

    async def _read(
        self,
        venue_id: VenueId,
        listed: Mapping[str, Instrument],
        *,
        is_entry: bool = False,
    ) -> tuple[tuple[FundingSnapshot, ...], tuple[Skip, ...]] | Trouble:
        paused = self._monitor.pause(venue_id)
        if paused is not None:
            return paused
        begun = self._clock.monotonic()
        try:
            async with asyncio.timeout(self._hang_limit.total_seconds()):
                if self._monitor.of(venue_id).is_failing:
                    await self._probe(venue_id, listed)
                source = self._sources[venue_id]
                snapshots, skips = await source.funding(listed, is_entry=is_entry)
        except VenueError as error:
            return self._failed(venue_id, error.kind, error.detail)
        except TimeoutError:
            return self._failed(venue_id, TroubleKind.TIMEOUT, "no answer in time")
        except Exception:
            # One venue's adapter must never take the scan of the others down.
            log.exception("adapter failed venue=%s", venue_id)
            return self._failed(venue_id, TroubleKind.UNEXPECTED, "unexpected answer")
        if snapshots and all(self._is_old(each) for each in snapshots):
            newest = max(each.observed_at for each in snapshots)
            detail = f"repeats its rates of {newest:%H:%M:%S} UTC"
            return self._failed(venue_id, TroubleKind.NONSENSE, detail)
        took = timedelta(seconds=self._clock.monotonic() - begun)
        self._monitor.answered(venue_id, took)
        self._last.setdefault(venue_id, {}).update(
            {each.instrument.symbol: each for each in snapshots}
        )
        return snapshots, skips

    def _failed(self, venue_id: VenueId, kind: TroubleKind, detail: str) -> Trouble:
        trouble = Trouble(venue_id, kind, detail, self._clock.now())
        if kind is not TroubleKind.HELD_BACK:
            self._monitor.failed(trouble)
        log.warning("rates not read venue=%s kind=%s why=%s", venue_id, kind, detail)
        return trouble

    async def _probe(self, venue_id: VenueId, listed: Mapping[str, Instrument]) -> None:
        """Ask a venue for one book before all its rates are asked for again.

        Raises:
            VenueError: it still fails.
        """
        books = self._probes.get(venue_id)
        if books is not None:
            await books.book(max(listed.values(), key=self._known_volume))

    def _known_volume(self, instrument: Instrument) -> Decimal:
        last = self.latest(instrument)
        return (last and last.volume_24h_usd) or Decimal(0)

    def _status(
        self,
        venue_id: VenueId,
        instruments: int,
        *,
        rates: int,
        age: timedelta | None,
        error: str | None = None,
    ) -> VenueStatus:
        return VenueStatus(
            venue_id=venue_id,
            is_ok=error is None,
            instruments=instruments,
            rates=rates,
            error=error,
            age=age,
            latency=self._monitor.of(venue_id).latency,
            tally=self._monitor.tally(venue_id),
            paused_until=self._monitor.paused_until(venue_id),
        )

    def _nothing_listed(self, venue_id: VenueId) -> RatesView:
        trouble = self._monitor.pause(venue_id) or self._monitor.of(venue_id).trouble
        error = None if trouble is None else trouble.detail
        status = self._status(venue_id, 0, rates=0, age=None, error=error)
        return RatesView((), (), () if trouble is None else (trouble,), (status,))

    def _left_alone(
        self, venue_id: VenueId, listed: Mapping[str, Instrument], trouble: Trouble
    ) -> RatesView:
        """Return nothing but the reason, for all that a paused venue lists."""
        reason = SkipReason.VENUE_DOWN
        skips = tuple(
            Skip(each.base, reason, trouble.detail, venue_id, symbol)
            for symbol, each in listed.items()
        )
        status = self._status(
            venue_id, len(listed), rates=0, age=None, error=trouble.detail
        )
        return RatesView((), skips, (trouble,), (status,))

    def _remembered(
        self, venue_id: VenueId, listed: Mapping[str, Instrument], trouble: Trouble
    ) -> RatesView:
        kept, skips = [], []
        for symbol, instrument in listed.items():
            snapshot = self.fresh(instrument)
            if snapshot is not None:
                kept.append(snapshot)
                continue
            before = self._last.get(venue_id, {}).get(symbol)
            reason = SkipReason.VENUE_DOWN if before is None else SkipReason.STALE
            skips.append(
                Skip(instrument.base, reason, trouble.detail, venue_id, symbol)
            )
        newest = max((s.observed_at for s in kept), default=None)
        status = self._status(
            venue_id,
            len(listed),
            rates=len(kept),
            age=None if newest is None else self._clock.now() - newest,
            error=trouble.detail,
        )
        return RatesView(tuple(kept), tuple(skips), (trouble,), (status,))


def _stale(snapshot: FundingSnapshot) -> Skip:
    """Return the skip of a row that the venue has not renewed for too long."""
    one = snapshot.instrument
    detail = f"the venue shows its rate of {snapshot.observed_at:%H:%M:%S} UTC"
    return Skip(one.base, SkipReason.STALE, detail, one.venue_id, one.symbol)
