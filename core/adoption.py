"""A position that is not ours in; a plan that makes it a leg of a pair, or why not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import CannotAdoptError
from core.execution.adopting import counterpart, harder_first
from core.model.plan import AdoptedLeg, AdoptPlan
from core.model.units import LegSide

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from core.claims import Claims, Person, Quote
    from core.execution.foreign import ForeignWatch
    from core.fees import Fees
    from core.model.instrument import Instrument
    from core.model.position import ForeignPosition
    from core.model.units import VenueId
    from core.model.venue import VenueRules
    from core.quotes import Quoting
    from core.scanner import Scanner


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """Offers to watch and close what somebody else opened."""

    foreign: ForeignWatch
    scanner: Scanner
    rules: Mapping[VenueId, VenueRules]
    fees: Fees
    claims: Claims
    quoting: Quoting

    async def quote(
        self, venue_id: VenueId, symbol: str, quantity: Decimal, person: Person
    ) -> Quote:
        """Find a position's counterpart and store both as a draft plan.

        Entries may be off: nothing is ordered.

        Raises:
            CannotAdoptError: it is gone, stands alone, or cannot be valued.
        """
        one = self._named(venue_id, symbol, quantity)
        listed = self._listed(one)
        others = [
            (each, instrument)
            for each in self.foreign.found()
            if (instrument := self.foreign.listed(each.venue_id, each.symbol))
        ]
        other, partner = counterpart(one, listed, others)
        legs = [self._leg(one, listed), self._leg(other, partner)]
        first, second = harder_first(
            (leg, self.rules[leg.instrument.venue_id]) for leg in legs
        )
        plan = AdoptPlan(
            base=listed.base,
            first=first,
            second=second,
            adopted_leverage=self.quoting.leverage,
        )
        return await self.claims.draft(plan, person, self.quoting.ttl)

    def _named(
        self, venue_id: VenueId, symbol: str, quantity: Decimal
    ) -> ForeignPosition:
        for each in self.foreign.found():
            if (each.venue_id, each.symbol) == (venue_id, symbol):
                if each.quantity_base == quantity:
                    return each
                why = f"the position on {venue_id} has another size by now"
                raise CannotAdoptError(each.name, why)
        name = symbol.partition("/")[0]
        raise CannotAdoptError(name, f"the position on {venue_id} is gone")

    def _listed(self, one: ForeignPosition) -> Instrument:
        instrument = self.foreign.listed(one.venue_id, one.symbol)
        if instrument is None:
            why = f"{one.venue_id} lists no contract of that name that can be traded"
            raise CannotAdoptError(one.name, why)
        return instrument

    def _leg(self, one: ForeignPosition, instrument: Instrument) -> AdoptedLeg:
        snapshot = self.scanner.rates.fresh(instrument)
        if one.entry_price is None:
            why = f"{one.venue_id} does not tell its entry price"
            raise CannotAdoptError(instrument.base, why)
        if snapshot is None:
            raise CannotAdoptError(
                instrument.base, f"{one.venue_id} shows no fresh rate"
            )
        return AdoptedLeg(
            instrument=instrument,
            side=LegSide.LONG if one.quantity_base > 0 else LegSide.SHORT,
            quantity_base=abs(one.quantity_base),
            entry_price=one.entry_price,
            taker_fee=self.fees.of(instrument).rate,
            rate_per_hour=snapshot.rate.per_hour,
        )
