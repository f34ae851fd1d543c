"""Compare shown rates with settled ones; what is off by a unit is not traded.

A rate in the wrong unit looks like the best opportunity of the day. So every venue's
shown rates are held against what it really settled, each in its own unit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.model.opportunity import Skip, SkipReason
from core.model.proof import ProofState, VenueProof

if TYPE_CHECKING:
    from collections.abc import Iterable

    from core.model.instrument import Instrument
    from core.model.proof import Proof
    from core.model.units import VenueId


class Proofs:
    """What is known of every venue's units, and whether an instrument is doubted."""

    def __init__(self, venue_ids: Iterable[VenueId]) -> None:
        self._venues = {venue_id: VenueProof(venue_id) for venue_id in venue_ids}

    def of(self, venue_id: VenueId) -> VenueProof:
        """Return how far a venue's rates are proven."""
        return self._venues.get(venue_id) or VenueProof(venue_id)

    def doubt(self, instrument: Instrument) -> Skip | None:
        """Return why an instrument's rate is not to be judged by, None if it may be.

        It stays visible. What was never compared is not doubted: see `entry_doubt`.
        """
        proof = self._proof(instrument)
        if not proof.state.is_doubted:
            return None
        return _skip(instrument, proof.reason)

    def entry_doubt(self, instrument: Instrument) -> Skip | None:
        """Return why an instrument may not be entered: doubted, or not proven yet."""
        found = self.doubt(instrument)
        if found is not None:
            return found
        if self.of(instrument.venue_id).venue.state is ProofState.PROVEN:
            return None
        reason = self.of(instrument.venue_id).venue.reason
        return _skip(instrument, reason or "its rates are not proven yet")

    def _proof(self, instrument: Instrument) -> Proof:
        known = self.of(instrument.venue_id)
        own = known.doubted.get(instrument.symbol)
        return known.venue if own is None or known.venue.state.is_doubted else own


def _skip(instrument: Instrument, detail: str) -> Skip:
    reason = SkipReason.UNIT_SUSPECT
    return Skip(instrument.base, reason, detail, instrument.venue_id, instrument.symbol)
