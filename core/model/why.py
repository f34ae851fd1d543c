"""Say of one token, venue by venue and pair by pair, which gate refuses it first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from core.errors import CoreError
from core.model.instrument import Instrument, LeftOut
from core.model.market import FundingSnapshot
from core.model.opportunity import Opportunity, Skip
from core.model.units import Base, VenueId


@dataclass(frozen=True, slots=True)
class VenueVerdict:
    """What one venue has of a token, and the first gate it fails there."""

    venue_id: VenueId
    instrument: Instrument | None
    """The contract in use; None where the venue has none."""
    snapshot: FundingSnapshot | None
    """Its fresh rate and prices, also when a later gate refuses them."""
    refusal: Skip | None
    """None: the venue can be one side of a pair."""
    left_out: tuple[LeftOut, ...] = ()
    """Its other contracts of the token, which are not used."""


@dataclass(frozen=True, slots=True)
class PairVerdict:
    """One pair of usable sides in the direction that earns, and what stops it."""

    pair: Opportunity
    refusal: Skip | CoreError | None
    """A gate of the scan, or of the quote; None: nothing refuses it now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The whole walk over one token."""

    base: Base
    at: datetime
    scanned_at: datetime | None
    """When rates were last read; None before the first scan."""
    token: Skip | None
    """Why the token as a whole has no pair: on one venue, or on none."""
    venues: tuple[VenueVerdict, ...]
    pairs: tuple[PairVerdict, ...]
    """Widest spread first."""
    others: tuple[Skip, ...] = ()
    """What the last scan left out of this token for reasons not named above."""
    asks_entry: bool = True
    """False where only the scan's gates were walked: no account, halts or books."""
    min_spread_per_hour: Decimal
    min_volume_usd: Decimal

    @property
    def open_pairs(self) -> tuple[PairVerdict, ...]:
        """Return the pairs that nothing refuses."""
        return tuple(each for each in self.pairs if each.refusal is None)
