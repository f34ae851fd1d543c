"""See and judge in one step: lists and rates in, one ranked `ScanResult` out.

Scans never overlap: whoever asks during a running scan gets that scan's result.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from core.errors import VenueError
from core.model.instrument import AbsenceReason
from core.model.opportunity import ScanResult, Skip, SkipReason
from core.model.units import Base
from core.opportunities import (
    judge,
    pair_refusal,
    rank,
    stablecoin_refusal,
    venues_of,
)
from core.stablecoins import measure

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta
    from decimal import Decimal

    from core.appraisal import Appraisal
    from core.availability import AvailabilityCache
    from core.model.instrument import Availability, Instrument
    from core.model.market import FundingSnapshot
    from core.model.opportunity import Opportunity, VenueStatus
    from core.model.stablecoin import Stablecoins
    from core.model.trouble import Trouble
    from core.model.units import VenueId
    from core.opportunities import Gates
    from core.ports import Clock
    from core.proofs import Proofs
    from core.rates import Rates
    from core.runtime import Nursery

log = logging.getLogger(__name__)

LOGGED_BEST = 5


class Scanner:
    """Runs one scan at a time and keeps its result."""

    def __init__(
        self,
        *,
        availability: AvailabilityCache,
        rates: Rates,
        gates: Gates,
        clock: Clock,
        nursery: Nursery,
        appraisal: Appraisal | None = None,
    ) -> None:
        """Take the parts; without an appraisal the ranking stays by gross spread."""
        self.appraisal = appraisal
        self.availability = availability
        self.rates = rates
        self.gates = gates
        self._clock = clock
        self._nursery = nursery
        self._running: asyncio.Task[ScanResult] | None = None
        self._latest: ScanResult | None = None
        self._took: timedelta | None = None
        self._proofs: Proofs | None = None

    def trust(self, proofs: Proofs) -> None:
        """Show these proofs every scan, and offer nothing that they doubt."""
        self._proofs = proofs
        self.gates = replace(self.gates, doubt=proofs.doubt)

    async def first_proofs(self) -> None:
        """Wait for the first comparison of units after the start."""
        if self._proofs is not None:
            await self._proofs.settle_down()

    def entry_doubt(self, long: Instrument, short: Instrument) -> str | None:
        """Return why these two may not be entered, whatever they pay; None if they may.

        A rate that is not proven to be in the unit we take it for, or two settlement
        coins that came apart.
        """
        for each in (long, short):
            proofs = self._proofs
            found = None if proofs is None else proofs.entry_doubt(each)
            if found is not None:
                return f"{each.venue_id}: {found.detail}"
        return stablecoin_refusal(long, short, self.gates)

    @property
    def stablecoins(self) -> Stablecoins:
        """Return what the coins that legs settle in cost in each other."""
        return self.gates.stablecoins

    @property
    def latest(self) -> ScanResult | None:
        """Return the last result."""
        return self._latest

    @property
    def took(self) -> timedelta | None:
        """Return how long the last scan took."""
        return self._took

    @property
    def is_running(self) -> bool:
        """Tell whether a scan is under way."""
        return self._running is not None and not self._running.done()

    async def scan(self) -> ScanResult:
        """Return a new result, or that of the scan under way."""
        running = self._running
        if running is None or running.done():
            running = self._nursery.start(self._scan(), name="scan")
            self._running = running
        # The caller may give up; the scan and its other waiters go on.
        return await asyncio.shield(running)

    async def proven_scan(self) -> ScanResult:
        """Scan, compare with what was paid, and offer nothing that fails (one look)."""
        result = await self.scan()
        if self._proofs is None:
            return result
        await self._proofs.check()
        if self._proofs.has_doubts:
            return await self.scan()
        result = replace(result, venues=self._with_proofs(result.venues))
        self._latest = result
        return result

    def judge(self, base: Base) -> tuple[Opportunity | None, tuple[Skip, ...]]:
        """Judge one token on the last scan's fresh snapshots."""
        current, latest = self.availability.current, self._latest
        if current is None or latest is None:
            return None, ()
        row = current.rows.get(base)
        if row is None:
            return None, ()
        known = self._fresh(latest.snapshots.get(base, ()))
        widest, skips = judge(row, known, self.gates)
        if widest is None:
            return None, skips
        return self._best_on_net(latest, known) or widest, skips

    def _best_on_net(
        self, latest: ScanResult, known: Sequence[FundingSnapshot]
    ) -> Opportunity | None:
        """Return the pair of a token that was priced best, on the rates of now."""
        sides = {each.instrument.venue_id: each for each in known}
        for pair in latest.pairs.get(known[0].instrument.base, ()):
            long, short = (sides.get(venue_id) for venue_id in venues_of(pair))
            if pair.estimate is None or long is None or short is None:
                continue
            renewed = replace(pair, long=long, short=short)
            if pair_refusal(renewed, self.gates) is None:
                return renewed
        return None

    def sides(self, base: Base) -> dict[VenueId, FundingSnapshot]:
        """Return one token's fresh rates by venue, as ranking sees them."""
        latest = self._latest
        known = self._fresh(() if latest is None else latest.snapshots.get(base, ()))
        return {each.instrument.venue_id: each for each in known}

    def trouble_of(self, venue_id: VenueId) -> Trouble | None:
        """Return why the last scan could not read a venue, None if it could."""
        troubles = () if self._latest is None else self._latest.troubles
        return next((each for each in troubles if each.venue_id == venue_id), None)

    # --- one instrument ---------------------------------------------------------------

    def instrument(self, venue_id: VenueId, symbol: str) -> Instrument | None:
        """Return a contract of the latest lists by its symbol."""
        current = self.availability.current
        return None if current is None else current.on_venue(venue_id).get(symbol)

    def is_listed(self, instrument: Instrument) -> bool:
        """Tell whether a contract still trades by its venue's latest list."""
        current = self.availability.current
        row = None if current is None else current.rows.get(instrument.base)
        found = None if row is None else row.instruments.get(instrument.venue_id)
        return found is not None and found.symbol == instrument.symbol

    def listed(self, venue_id: VenueId, symbol: str) -> Instrument | None:
        """Return the contract of a symbol by the latest list, None if it is not."""
        current = self.availability.current
        return None if current is None else current.on_venue(venue_id).get(symbol)

    def absence(self, instrument: Instrument) -> AbsenceReason | None:
        """Return why a contract left its venue's list; None while it is there.

        None too when nothing is known: the list was never read, or the token is not
        among the configured ones.
        """
        current = self.availability.current
        if current is None or not self.availability.concerns(instrument.base):
            return None
        if instrument.venue_id not in current.read_at or self.is_listed(instrument):
            return None
        name = (instrument.venue_id, instrument.native_name)
        named = (x for x in current.left_out if (x.venue_id, x.native_name) == name)
        return next((each.reason for each in named), AbsenceReason.NOT_LISTED)

    def snapshot(self, venue_id: VenueId, symbol: str) -> FundingSnapshot | None:
        """Return a contract's last rate and prices, None once they are too old."""
        return self.rates.fresh_of(venue_id, symbol)

    def mark_price(self, instrument: Instrument) -> Decimal | None:
        """Return the last mark price per base unit, None once it is too old."""
        found = self.rates.fresh(instrument)
        return None if found is None else found.mark_price

    async def spread_now(self, long: Instrument, short: Instrument) -> Decimal | None:
        """Read both venues' rates anew and return the hourly spread, None if unknown.

        A fraction per hour; below zero, holding the pair would cost.
        """
        before = self.rates.latest(long), self.rates.latest(short)
        try:
            await self.rates.reread((long, short))
        except VenueError:
            return None
        paid, received = self.rates.fresh(long), self.rates.fresh(short)
        if paid is None or received is None:
            return None
        if paid is before[0] or received is before[1]:
            return None  # an answer without this contract leaves its last rate behind
        return received.rate.per_hour - paid.rate.per_hour

    # --- how it is done ---------------------------------------------------------------

    def _fresh(self, snapshots: Sequence[FundingSnapshot]) -> list[FundingSnapshot]:
        newest = (
            self.rates.fresh(each.instrument)
            for each in snapshots
            if self.is_listed(each.instrument)
        )
        return [each for each in newest if each is not None]

    async def _scan(self) -> ScanResult:
        begun = self._clock.now()
        availability = await self._lists()
        view = await self.rates.read(availability, self.availability.witnesses)
        by_base = _by_base(view.snapshots)
        self.gates = replace(self.gates, stablecoins=measure(by_base.values()))
        if self._proofs is not None:
            self._proofs.observe((*view.snapshots, *view.witnesses))
        rows = tuple(availability.rows.values())
        opportunities, dropped = rank(rows, by_base, self.gates)
        result = ScanResult(
            at=self._clock.now(),
            venues=self._with_proofs(view.venues),
            matrix=rows,
            opportunities=opportunities,
            skips=(*view.skips, *dropped, *self._left_out(availability)),
            snapshots=by_base,
            troubles=view.troubles,
            stablecoins=self.gates.stablecoins,
        )
        _log_best(opportunities)
        if self._latest is None:
            self._latest = result  # who asks meanwhile is better served than refused
        if self.appraisal is not None:
            result = await self.appraisal.appraise(result, self.gates)
        self._latest = result
        self._took = self._clock.now() - begun
        return result

    def _with_proofs(self, venues: Sequence[VenueStatus]) -> tuple[VenueStatus, ...]:
        proofs = self._proofs
        if proofs is None:
            return tuple(venues)
        return tuple(replace(each, proof=proofs.of(each.venue_id)) for each in venues)

    def _left_out(self, availability: Availability) -> tuple[Skip, ...]:
        """Return contracts that are no instruments of ours, as skips."""
        return tuple(
            Skip(
                each.base or Base(each.native_name),
                SkipReason(each.reason.value),
                each.detail or each.native_name,
                each.venue_id,
                each.native_name,
            )
            for each in availability.left_out
            if self.availability.concerns(each.base)
        )

    async def _lists(self) -> Availability:
        """Return the cache; venues whose list was never read are asked first."""
        unread = self.availability.unread
        current = self.availability.current
        if unread or current is None:
            return await self.availability.refresh(unread)
        return current


def _by_base(
    snapshots: Sequence[FundingSnapshot],
) -> dict[Base, tuple[FundingSnapshot, ...]]:
    grouped: dict[Base, list[FundingSnapshot]] = {}
    for each in snapshots:
        grouped.setdefault(each.instrument.base, []).append(each)
    return {base: tuple(found) for base, found in grouped.items()}


def _log_best(opportunities: Sequence[Opportunity]) -> None:
    log.info("Found %d profitable opportunities", len(opportunities))
    for place, each in enumerate(opportunities[:LOGGED_BEST], start=1):
        log.info(
            "  #%d: %s - %s vs %s | Spread: %.4f%%/hr",
            place,
            each.base,
            each.long.instrument.venue_id,
            each.short.instrument.venue_id,
            each.spread_per_hour * 100,
        )
