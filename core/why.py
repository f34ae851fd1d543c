"""One token in, every venue and pair with the first gate that refuses it out.

No gate is stated here: venues are judged by the lists and the last scan, pairs by the
tables of `core.opportunities`, and what passes is handed to the quote's own checks. A
reason that a scan gives and that this walk does not know is shown as it was given.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Protocol

from core.availability import left_out_of, row_of
from core.errors import UnknownTokenError
from core.model.instrument import AbsenceReason, TokenRow, TokenStatus
from core.model.opportunity import Opportunity, Skip, SkipReason
from core.model.units import Base
from core.model.why import Explanation, PairVerdict, VenueVerdict
from core.opportunities import (
    pair_refusal,
    row_refusal,
    side_refusal,
    venues_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from core.claims import Person
    from core.errors import CoreError
    from core.model.instrument import Availability, Instrument, LeftOut
    from core.model.market import FundingSnapshot
    from core.model.units import VenueId
    from core.ports import Clock
    from core.scanner import Scanner


class EntryGates(Protocol):
    """What a quote checks before it offers a pair."""

    async def tried(
        self, pairs: Sequence[Opportunity], person: Person
    ) -> list[Opportunity | CoreError]:
        """Return each pair priced now, or the first thing that stops its entry."""
        ...


class Why:
    """Walks the gates for one token; reads books of pairs that pass the scan's."""

    def __init__(
        self, *, scanner: Scanner, clock: Clock, entry: EntryGates | None = None
    ) -> None:
        self._scanner, self._clock, self._entry = scanner, clock, entry

    async def explain(self, token: str, person: Person | None = None) -> Explanation:
        """Return the first refusal of every venue and pair of a token.

        Args:
            token: as typed; 1000PEPE, kPEPE and pepe all mean PEPE.
            person: who asks; without one, or without an account, only the scan's gates
                are walked.

        Raises:
            UnknownTokenError: no venue's list names it and it is not configured.
        """
        row, left_out = self._find(token)
        sides = self._scanner.sides(row.base)
        venues = tuple(
            self._venue(venue_id, row, sides.get(venue_id), left_out)
            for venue_id in self._scanner.availability.venue_ids
        )
        usable = [
            each.snapshot
            for each in venues
            if each.refusal is None and each.snapshot is not None
        ]
        asks_entry = self._entry is not None and person is not None
        pairs = await self._judged(_pairs(row.base, usable), person)
        latest, gates = self._scanner.latest, self._scanner.gates
        is_paired = row.status is TokenStatus.OK
        return Explanation(
            base=row.base,
            at=self._clock.now(),
            scanned_at=None if latest is None else latest.at,
            token=None if is_paired else row_refusal(row),
            venues=venues,
            pairs=tuple(pairs),
            others=self._others(row.base),
            asks_entry=asks_entry,
            min_spread_per_hour=gates.min_spread_per_hour,
            min_volume_usd=gates.min_volume_usd,
        )

    # --- the token --------------------------------------------------------------------

    def _find(self, token: str) -> tuple[TokenRow, tuple[LeftOut, ...]]:
        current = self._scanner.availability.current
        if current is None:
            raise UnknownTokenError(token)
        row = row_of(current, token)
        if row is None:
            row = _row_of_left_out(current, token)
        named = {row.base.upper(), token.strip().upper()}
        return row, left_out_of(current, named)

    def _others(self, base: Base) -> tuple[Skip, ...]:
        """Return what the scan said of the token itself, beyond its listing."""
        listing = {SkipReason.SINGLE_VENUE, SkipReason.NOT_LISTED}
        return tuple(
            each
            for each in self._skips(base)
            if each.venue_id is None
            and each.between is None
            and each.reason not in listing
        )

    def _skips(self, base: Base) -> Iterable[Skip]:
        latest = self._scanner.latest
        return (one for one in (latest.skips if latest else ()) if one.base == base)

    # --- one venue --------------------------------------------------------------------

    def _venue(
        self,
        venue_id: VenueId,
        row: TokenRow,
        snapshot: FundingSnapshot | None,
        left_out: Sequence[LeftOut],
    ) -> VenueVerdict:
        here = tuple(each for each in left_out if each.venue_id == venue_id)
        instrument = row.instruments.get(venue_id)
        if instrument is None:
            reason = row.absences.get(venue_id, AbsenceReason.NOT_LISTED)
            found = next((each for each in here if each.reason is reason), None)
            refusal = self._absent(row.base, venue_id, reason, found)
            others = tuple(each for each in here if each is not found)
            return VenueVerdict(venue_id, None, None, refusal, others)
        told = self._told(instrument)
        if snapshot is None:
            refusal = told or self._unrated(instrument)
            return VenueVerdict(venue_id, instrument, None, refusal, here)
        found_now = side_refusal(snapshot, self._scanner.gates)
        return VenueVerdict(venue_id, instrument, snapshot, found_now or told, here)

    def _absent(
        self,
        base: Base,
        venue_id: VenueId,
        reason: AbsenceReason,
        found: LeftOut | None,
    ) -> Skip:
        if venue_id in self._scanner.availability.unread:
            trouble = self._scanner.trouble_of(venue_id)
            detail = "its list of contracts was never read"
            detail += "" if trouble is None else f": {trouble.detail}"
            return Skip(base, SkipReason.VENUE_DOWN, detail, venue_id)
        name = None if found is None else found.native_name
        detail = "" if found is None else found.detail
        return Skip(base, SkipReason(reason.value), detail, venue_id, name)

    def _told(self, instrument: Instrument) -> Skip | None:
        """Return why the last scan left this contract out."""
        of_venue = (
            each
            for each in self._skips(instrument.base)
            if each.venue_id == instrument.venue_id and each.symbol == instrument.symbol
        )
        return next(of_venue, None)

    def _unrated(self, instrument: Instrument) -> Skip:
        """Return why a listed contract of which no scan complained has no rate."""
        venue_id, symbol = instrument.venue_id, instrument.symbol
        last = self._scanner.rates.latest(instrument)
        if last is not None:
            reason = SkipReason.STALE
            detail = f"its last rate is of {last.observed_at:%H:%M:%S} UTC"
        elif (trouble := self._scanner.trouble_of(venue_id)) is not None:
            reason, detail = SkipReason.VENUE_DOWN, trouble.detail
        else:
            reason, detail = SkipReason.NO_RATE, "no rate was read yet"
        return Skip(instrument.base, reason, detail, venue_id, symbol)

    # --- one pair ---------------------------------------------------------------------

    async def _judged(
        self, pairs: Sequence[Opportunity], person: Person | None
    ) -> list[PairVerdict]:
        """Walk the scan's gates, then ask the quote about all that passed at once."""
        verdicts = [self._pair(each) for each in pairs]
        if self._entry is None or person is None:
            return verdicts
        passed = [each.pair for each in verdicts if each.refusal is None]
        answers = iter(await self._entry.tried(passed, person) if passed else ())
        return [
            each if each.refusal is not None else _verdict(each.pair, next(answers))
            for each in verdicts
        ]

    def _pair(self, pair: Opportunity) -> PairVerdict:
        refusal = pair_refusal(pair, self._scanner.gates)
        if refusal is not None:
            return PairVerdict(pair, refusal)
        priced = self._priced(pair)
        return PairVerdict(priced, self._told_of(priced) or priced.refusal)

    def _told_of(self, pair: Opportunity) -> Skip | None:
        """Return why the last scan left this pair out, in this direction."""
        wanted = venues_of(pair)
        of_pair = (one for one in self._skips(pair.base) if one.between == wanted)
        return next(of_pair, None)

    def _priced(self, pair: Opportunity) -> Opportunity:
        """Return a pair with what the last scan priced it at, if it did."""
        latest, wanted = self._scanner.latest, venues_of(pair)
        known = () if latest is None else latest.pairs.get(pair.base, ())
        for each in known:
            if venues_of(each) == wanted:
                return replace(each, long=pair.long, short=pair.short)
        return pair


def _verdict(pair: Opportunity, tried: Opportunity | CoreError) -> PairVerdict:
    if isinstance(tried, Opportunity):
        return PairVerdict(tried, tried.refusal)
    return PairVerdict(pair, tried)


def _row_of_left_out(current: Availability, token: str) -> TokenRow:
    """Return the row of a token whose every contract is left out.

    Raises:
        UnknownTokenError: there is none.
    """
    found = left_out_of(current, {token.strip().upper()})
    if not found:
        raise UnknownTokenError(token)
    base = next((each.base for each in found if each.base is not None), None)
    if base is None:
        base = Base(found[0].native_name)
    if base in current.rows:
        return current.rows[base]
    absences = {each.venue_id: each.reason for each in found}
    return TokenRow(base, {}, absences)


def _pairs(base: Base, usable: Sequence[FundingSnapshot]) -> list[Opportunity]:
    """Return every pair in the direction that earns, widest first."""
    pairs = [Opportunity(base, *_low_first(*two)) for two in combinations(usable, 2)]
    return sorted(pairs, key=lambda each: (-each.spread_per_hour, venues_of(each)))


def _low_first(
    one: FundingSnapshot, other: FundingSnapshot
) -> tuple[FundingSnapshot, FundingSnapshot]:
    """Return both sides, the one to be long first; ties go by venue name."""
    rates = one.rate.per_hour, other.rate.per_hour
    is_first = rates[0] < rates[1] or (
        rates[0] == rates[1] and one.instrument.venue_id < other.instrument.venue_id
    )
    return (one, other) if is_first else (other, one)
