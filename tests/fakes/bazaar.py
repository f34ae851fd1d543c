"""Four scripted venues under a real scanner, and the real walk over its gates."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from core.availability import AvailabilityCache
from core.health import VenueMonitor
from core.model.instrument import LeftOut
from core.model.opportunity import Skip
from core.model.units import Base
from core.opportunities import Gates
from core.rates import Rates
from core.runtime import Nursery
from core.scanner import Scanner
from core.why import Why
from tests.fakes.markets import FakeMarket
from tests.fakes.objects import ALL_VENUES, instrument, snapshot
from tests.fakes.runtime import FakeClock
from tests.fakes.stores import MemoryAvailability

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.model.instrument import AbsenceReason, Instrument
    from core.model.market import FundingSnapshot
    from core.model.opportunity import SkipReason
    from core.model.units import VenueId
    from core.model.why import Explanation
    from core.why import EntryGates

SCAN = timedelta(seconds=60)
GATES = Gates(
    min_spread_per_hour=Decimal("0.00002"),
    min_volume_usd=Decimal(50000),
    allows_unknown_volume=True,
)


class Stall(FakeMarket):
    """A venue that also may say why it has no rate of something."""

    def __init__(self, venue_id: VenueId, clock: FakeClock) -> None:
        super().__init__(venue_id, clock)
        self.said: dict[str, Skip] = {}

    def refuse(self, base: str, reason: SkipReason, detail: str) -> None:
        """List a contract whose rate cannot be read."""
        one = instrument(base, self.venue_id)
        self.listed[one.symbol] = one
        self.said[one.symbol] = Skip(
            one.base, reason, detail, self.venue_id, one.symbol
        )

    def leave_out(
        self, name: str, base: str, reason: AbsenceReason, detail: str = ""
    ) -> None:
        """Name a contract that is no instrument of ours."""
        one = LeftOut(self.venue_id, name, Base(base), reason, detail)
        self.left_out = (*self.left_out, one)

    async def funding(
        self, instruments: Mapping[str, Instrument], *, is_entry: bool = False
    ) -> tuple[tuple[FundingSnapshot, ...], tuple[Skip, ...]]:
        """Serve rates and reasons."""
        found, missing = await super().funding(instruments, is_entry=is_entry)
        return found, tuple(self.said.get(each.symbol or "", each) for each in missing)


class Bazaar:
    """Stalls by venue; nothing is on them before a test puts it there."""

    def __init__(
        self,
        *,
        gates: Gates = GATES,
        tokens: tuple[str, ...] | None = None,
        entry: EntryGates | None = None,
    ) -> None:
        self.clock = FakeClock()
        self.stalls = {each: Stall(each, self.clock) for each in ALL_VENUES}
        monitor = VenueMonitor(self.stalls, self.clock)
        self.scanner = Scanner(
            availability=AvailabilityCache(
                sources=self.stalls,
                store=MemoryAvailability(),
                clock=self.clock,
                monitor=monitor,
                tokens=None if tokens is None else tuple(map(Base, tokens)),
            ),
            rates=Rates(
                sources=self.stalls,
                clock=self.clock,
                monitor=monitor,
                max_age=2 * SCAN,
            ),
            gates=gates,
            clock=self.clock,
            nursery=Nursery(),
        )
        self.walk = Why(scanner=self.scanner, clock=self.clock, entry=entry)

    def sell(
        self,
        base: str,
        venue_id: VenueId,
        *,
        per_hour: str = "0.00001",
        price: str | None = "5",
        volume: str | None = "1000000",
    ) -> Stall:
        """List a token with its rate."""
        stall = self.stalls[venue_id]
        stall.show(
            snapshot(base, venue_id, per_hour=per_hour, price=price, volume=volume)
        )
        return stall

    def set_gates(self, **changes: object) -> None:
        """Change what the scan demands."""
        self.scanner.gates = replace(self.scanner.gates, **changes)  # type: ignore[arg-type]  # as the caller names

    async def why(self, token: str) -> Explanation:
        """Scan and walk."""
        await self.scanner.scan()
        return await self.walk.explain(token)
