"""Say how far a venue's rates are proven to be in the unit we take them for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from core.model.units import VenueId


class ProofState(StrEnum):
    """What is known of a unit; `scan --json` prints these words."""

    PROVEN = "proven"
    """The shown rates are what is paid."""
    UNPROVEN = "unproven"
    """Not compared yet, or nothing to compare with: shown, not entered."""
    HOLD = "hold"
    """Off by less than a unit error: nothing is offered until one clean payment."""
    QUARANTINED = "quarantined"
    """Off by a unit or by sign: nothing is offered until it is proven anew."""

    @property
    def is_doubted(self) -> bool:
        """Tell whether rows stay visible only, with the reason beside them."""
        return self in {ProofState.HOLD, ProofState.QUARANTINED}


@dataclass(frozen=True, slots=True)
class Proof:
    """One comparison of shown rates with settled ones, or the lack of it."""

    state: ProofState = ProofState.UNPROVEN
    since: datetime | None = None
    """Beginning of this state."""
    reason: str = ""
    """Plain words with the numbers that decided."""
    factor: Decimal | None = None
    """Median of |shown / settled|, both per hour: 1 is right, 8 is 8 times too much."""
    same_sign: Decimal | None = None
    """Share of comparisons with equal signs, 0 to 1."""
    samples: int = 0
    """Instruments (venue) or payments in a row (one instrument) that were compared."""


@dataclass(frozen=True, slots=True)
class VenueProof:
    """Proof of one venue's rates as a whole, and of its instruments one by one."""

    venue_id: VenueId
    venue: Proof = field(default_factory=Proof)
    proven: int = 0
    """Instruments whose last comparison was clean."""
    compared: int = 0
    """Instruments that were compared at all."""
    doubted: Mapping[str, Proof] = field(default_factory=dict)
    """Instruments on hold or in quarantine of their own, by symbol."""
