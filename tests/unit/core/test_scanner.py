"""Questions about one contract: still listed, last price, spread read anew."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from core.availability import AvailabilityCache
from core.errors import TroubleKind, VenueError
from core.health import VenueMonitor
from core.model.instrument import AbsenceReason, LeftOut
from core.opportunities import Gates
from core.rates import Rates
from core.runtime import Nursery
from core.scanner import Scanner
from tests.fakes.estimates import estimate
from tests.fakes.objects import BINANCE, EXTENDED, instrument, snapshot
from tests.fakes.runtime import FakeClock, settle
from tests.fakes.stores import MemoryAvailability

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.model.instrument import Instrument
    from core.model.market import FundingSnapshot
    from core.model.opportunity import ScanResult, Skip
    from core.model.units import VenueId

SCAN = timedelta(seconds=60)


class Venue:
    """One contract, APT, with an hourly rate that the test sets."""

    def __init__(self, venue_id: VenueId, clock: FakeClock, per_hour: str) -> None:
        self.venue_id, self.clock, self.per_hour = venue_id, clock, per_hour
        self.is_down = self.is_silent = False
        self.left_out: tuple[LeftOut, ...] = ()
        self.lag = timedelta(0)

    async def instruments(self) -> tuple[tuple[Instrument, ...], tuple[LeftOut, ...]]:
        """List APT, unless it is left out."""
        listed = () if self.left_out else (instrument("APT", self.venue_id),)
        return listed, self.left_out

    async def funding(
        self, instruments: Mapping[str, Instrument], *, is_entry: bool = False
    ) -> tuple[tuple[FundingSnapshot, ...], tuple[Skip, ...]]:
        """Return the rate, nothing, or fail."""
        del instruments, is_entry
        if self.is_down:
            raise VenueError(self.venue_id, TroubleKind.TIMEOUT, "no answer")
        if self.is_silent:
            return (), ()
        seen_at, rate = self.clock.now() - self.lag, self.per_hour
        return (snapshot("APT", self.venue_id, per_hour=rate, at=seen_at),), ()


class Market:
    """A scanner over two venues."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.binance = Venue(BINANCE, self.clock, "0.00003")
        self.extended = Venue(EXTENDED, self.clock, "-0.00001")
        sources = {BINANCE: self.binance, EXTENDED: self.extended}
        monitor = VenueMonitor(sources, self.clock)
        self.scanner = Scanner(
            availability=AvailabilityCache(
                sources=sources,
                store=MemoryAvailability(),
                clock=self.clock,
                monitor=monitor,
                tokens=None,
            ),
            rates=Rates(
                sources=sources, clock=self.clock, monitor=monitor, max_age=2 * SCAN
            ),
            gates=Gates(Decimal(0), Decimal(0), allows_unknown_volume=True),
            clock=self.clock,
            nursery=Nursery(),
        )
        self.long = instrument("APT", EXTENDED)
        self.short = instrument("APT", BINANCE)

    async def spread(self) -> Decimal | None:
        """Read the spread anew."""
        return await self.scanner.spread_now(self.long, self.short)


@pytest.fixture
async def market() -> Market:
    """Give a market that was scanned once."""
    made = Market()
    await made.scanner.scan()
    await made.clock.advance(timedelta(seconds=10))
    return made


async def test_the_spread_is_read_anew_and_signed(market: Market) -> None:
    """Between the card and the tap the direction may have flipped."""
    assert await market.spread() == Decimal("0.00004")

    market.extended.per_hour = "0.00005"

    assert await market.spread() == Decimal("-0.00002")


async def test_without_a_new_answer_of_both_venues_the_spread_is_unknown(
    market: Market,
) -> None:
    """An old rate must never let an order through."""
    market.binance.is_down = True
    assert await market.spread() is None

    await market.clock.advance(timedelta(seconds=1))
    market.binance.is_down, market.extended.is_silent = False, True

    assert await market.spread() is None


async def test_a_venue_that_dates_its_answer_a_little_back_is_believed(
    market: Market,
) -> None:
    """Venues say when they made a rate, which is before we asked; hours are not."""
    market.binance.lag = timedelta(seconds=20)
    assert await market.spread() == Decimal("0.00004")

    market.binance.lag = timedelta(hours=1)

    assert await market.spread() is None


async def test_a_contract_counts_as_listed_only_under_its_symbol(
    market: Market,
) -> None:
    """A relisted token may be another contract."""
    renamed = replace(market.short, symbol="APT2/USDT:USDT")

    assert market.scanner.is_listed(market.short)
    assert not market.scanner.is_listed(renamed)
    assert not market.scanner.is_listed(instrument("KAITO", BINANCE))


async def test_prices_and_rates_are_unknown_once_they_are_too_old(
    market: Market,
) -> None:
    """Money is never valued at a price nobody has seen for minutes."""
    symbol = market.short.symbol
    assert market.scanner.mark_price(market.short) == Decimal(5)
    assert market.scanner.snapshot(BINANCE, symbol) is not None

    await market.clock.advance(2 * SCAN)

    assert market.scanner.mark_price(market.short) is None
    assert market.scanner.snapshot(BINANCE, symbol) is None
    assert market.scanner.instrument(BINANCE, symbol) == market.short


async def test_what_leaves_a_list_is_named_with_its_reason_and_not_ranked(
    market: Market,
) -> None:
    """Its last rate is still fresh, but it must not be offered any more."""
    assert market.scanner.absence(market.short) is None
    assert market.scanner.judge(market.short.base)[0] is not None
    why = AbsenceReason.SETTLING
    market.binance.left_out = (LeftOut(BINANCE, "APT", market.short.base, why),)

    await market.scanner.availability.refresh()

    assert market.scanner.absence(market.short) is why
    assert market.scanner.absence(market.long) is None
    assert market.scanner.judge(market.short.base)[0] is None


def test_before_the_first_list_nothing_is_listed() -> None:
    """A fresh start must not trade on a guess."""
    made = Market()

    assert not made.scanner.is_listed(made.short)
    assert made.scanner.instrument(BINANCE, made.short.symbol) is None
    assert made.scanner.absence(made.short) is None


class SlowPricing:
    """An appraisal that waits for a sign, then prefers one pair."""

    def __init__(self) -> None:
        self.may_end = asyncio.Event()

    async def appraise(self, result: ScanResult, gates: Gates) -> ScanResult:
        """Price the one pair there is."""
        del gates
        await self.may_end.wait()
        (pair,) = result.opportunities
        priced = replace(pair, estimate=estimate())
        return replace(result, opportunities=(priced,), pairs={pair.base: (priced,)})


async def test_the_first_ranking_is_there_before_its_books_are_read() -> None:
    """Who opens a pair in the first second must not hear that there are no rates.

    Later the last priced ranking stays until the next one is priced too.
    """
    market, pricing = Market(), SlowPricing()
    market.scanner.appraisal = pricing  # type: ignore[assignment]  # all it is asked for
    scan = asyncio.create_task(market.scanner.scan())
    await settle()
    assert market.scanner.latest is not None
    (gross,) = market.scanner.latest.opportunities
    assert gross.estimate is None

    pricing.may_end.set()
    (priced,) = (await scan).opportunities
    assert priced.estimate is not None
    judged, _ = market.scanner.judge(priced.base)
    assert judged is not None
    assert judged.estimate == priced.estimate
