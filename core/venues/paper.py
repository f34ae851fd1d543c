"""Imitate a venue's order entry and account over the venue's real public data."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from decimal import Decimal

    from core.model.instrument import Instrument
    from core.model.intent import OrderIntent
    from core.model.market import FundingSnapshot
    from core.model.order import (
        Balance,
        Fill,
        OrderRecord,
        Payment,
        SubmitResult,
        VenuePosition,
    )
    from core.model.units import VenueId
    from core.model.venue import VenueRules
    from core.ports import Clock, OrderBooks, PaperLedger, SettledRates

LATENCY = timedelta(milliseconds=150)


class PaperVenue:
    """One pretend account at one venue."""

    def __init__(  # noqa: PLR0913 - a parts list, wired in one place
        self,
        *,
        rules: VenueRules,
        books: OrderBooks,
        settled: SettledRates,
        marks: Callable[[str], FundingSnapshot | None],
        instruments: Callable[[str], Instrument | None],
        ledger: PaperLedger,
        clock: Clock,
        start_balance_usd: Decimal,
        latency: timedelta = LATENCY,
    ) -> None:
        raise NotImplementedError

    @property
    def venue_id(self) -> VenueId:
        """Return which venue this is."""
        raise NotImplementedError

    async def submit(self, intent: OrderIntent, instrument: Instrument) -> SubmitResult:
        """Fill a limit IOC order against a new book."""
        raise NotImplementedError

    async def cancel(self, intent: OrderIntent, instrument: Instrument) -> None:
        """Do nothing: no order ever rests."""
        raise NotImplementedError

    async def find(
        self, intent: OrderIntent, instrument: Instrument
    ) -> OrderRecord | None:
        """Look an order up by its client id."""
        raise NotImplementedError

    async def fills(self, instrument: Instrument, since: datetime) -> tuple[Fill, ...]:
        """Return our executions in one symbol from a moment on."""
        raise NotImplementedError

    async def positions(self) -> tuple[VenuePosition, ...]:
        """Return every position that is not flat."""
        raise NotImplementedError

    async def balance(self) -> Balance:
        """Return equity and free margin."""
        raise NotImplementedError

    async def payments(self, since: datetime) -> tuple[Payment, ...]:
        """Return funding payments after a moment."""
        raise NotImplementedError

    async def set_leverage(self, instrument: Instrument, leverage: int) -> None:
        """Set the leverage of one symbol."""
        raise NotImplementedError

    async def settle_funding(self) -> tuple[Payment, ...]:
        """Book what fell due; return the payments that are new or corrected."""
        raise NotImplementedError
