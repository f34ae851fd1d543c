"""Measure what a person waits for, as ratios taken in one run: `make bench`.

The pretend venues run in a process of their own. Each line gives the figure, what it is
compared with, and the goal; nothing here fails when a machine is slow.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import statistics
import tempfile
import time
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import orjson

from core.appraisal import Appraisal, BookShelf, Terms
from core.availability import AvailabilityCache
from core.fees import Fees
from core.health import VenueMonitor
from core.model.instrument import Instrument, TokenRow
from core.model.market import FundingSnapshot
from core.model.units import Base, FundingRate, VenueId
from core.opportunities import Gates, rank
from core.rates import Rates
from core.runtime import Nursery, SystemClock
from core.scanner import Scanner
from core.venues.markets import open_markets
from sandbox.app import SandboxServer
from tests.campaigns.bench_history import measure_history
from tests.campaigns.bench_orders import measure_entries
from tests.campaigns.bench_pictures import measure_pictures
from tests.campaigns.bench_positions import measure_positions
from tests.campaigns.stalls import StallMeter
from tests.fakes.objects import ALL_VENUES
from tests.fakes.stores import MemoryAvailability

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from multiprocessing.connection import Connection

    from core.venues.markets import MarketReader

INSTRUMENTS_EACH = 200
LATENCY_MS = 80
ROUNDS = 15
NET_ROUNDS = 7
TOP_K = 20
GATES = Gates(
    min_spread_per_hour=Decimal("0.00002"),
    min_volume_usd=Decimal(50000),
    allows_unknown_volume=True,
)


def _serve(pipe: Connection, extra_tokens: int) -> None:
    async def run() -> None:
        async with SandboxServer(extra_tokens=extra_tokens) as box:
            pipe.send(box.url)
            await asyncio.get_running_loop().run_in_executor(None, pipe.recv)

    asyncio.run(run())


class PretendVenues:
    """The sandbox in a process of its own."""

    def __init__(self, extra_tokens: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, extra_tokens))

    def __enter__(self) -> str:
        """Start; return where it is."""
        self._process.start()
        url: str = self._pipe.recv()
        return url

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._pipe.send("stop")
        self._process.join(10)


async def timed(work: Callable[[], Awaitable[object]]) -> float:
    """Return how many seconds work takes."""
    before = time.perf_counter()
    await work()
    return time.perf_counter() - before


@dataclass(frozen=True, slots=True)
class Bare:
    """The same requests with nothing around them."""

    session: aiohttp.ClientSession
    requests: tuple[tuple[str, str, object], ...]

    async def fire(self) -> None:
        """Send all at once and parse what comes."""
        await asyncio.gather(*(self._one(*each) for each in self.requests))

    async def _one(self, method: str, url: str, body: object) -> None:
        async with self.session.request(method, url, json=body) as answer:
            orjson.loads(await answer.read())


def _bare_requests(url: str) -> tuple[tuple[str, str, object], ...]:
    venue = f"{url}/venue"
    return (
        ("GET", f"{venue}/binance/fapi/v1/premiumIndex", None),
        ("POST", f"{venue}/hyperliquid/info", {"type": "metaAndAssetCtxs"}),
        ("GET", f"{venue}/lighter/api/v1/funding-rates", None),
        ("GET", f"{venue}/lighter/api/v1/orderBookDetails", None),
        ("GET", f"{venue}/extended/api/v1/info/markets", None),
    )


async def measure_scan(url: str) -> None:
    """Compare warm scans with the bare requests, turn by turn."""
    clock, nursery = SystemClock(), Nursery()
    urls = {venue: f"{url}/venue/{venue}" for venue in ALL_VENUES}
    markets = open_markets(ALL_VENUES, urls, clock, paper=True)
    monitor = VenueMonitor(ALL_VENUES, clock)
    scanner = Scanner(
        availability=AvailabilityCache(
            sources=markets,
            store=MemoryAvailability(),
            clock=clock,
            monitor=monitor,
            tokens=None,
        ),
        rates=Rates(
            sources=markets,
            clock=clock,
            monitor=monitor,
            max_age=timedelta(seconds=120),
        ),
        gates=GATES,
        clock=clock,
        nursery=nursery,
    )
    async with aiohttp.ClientSession() as session:
        try:
            await _compare(scanner, markets, Bare(session, _bare_requests(url)))
            await _compare_net(scanner, markets, clock)
        finally:
            for market in markets.values():
                await market.close()


async def _compare(
    scanner: Scanner, markets: Mapping[VenueId, MarketReader], bare: Bare
) -> None:
    result = await scanner.scan()
    listed = {v.venue_id: v.rates for v in result.venues}
    print("instruments per venue:", dict(listed))
    before = sum(market.requests for market in markets.values())
    await scanner.scan()
    used = sum(market.requests for market in markets.values()) - before
    print(f"requests per warm scan: {used} (goal <= 6, at best 5)")
    await bare.fire()
    ours, theirs, stalls = [], [], []
    for _ in range(ROUNDS):
        async with StallMeter() as meter:
            ours.append(await timed(scanner.scan))
        stalls.append(meter.longest)
        theirs.append(await timed(bare.fire))
    ratio = statistics.median(ours) / statistics.median(theirs)
    print(
        f"warm scan: {statistics.median(ours) * 1000:.0f} ms,"
        f" bare requests at once: {statistics.median(theirs) * 1000:.0f} ms,"
        f" ratio {ratio:.2f} (goal <= 1.5)"
    )
    middle = statistics.median(stalls)
    print(
        "longest event-loop stall in a scan:"
        f" median {middle * 1000:.0f} ms, worst {max(stalls) * 1000:.0f} ms"
    )


async def _compare_net(
    scanner: Scanner, markets: Mapping[VenueId, MarketReader], clock: SystemClock
) -> None:
    """Compare scans that price their best tokens with scans that rank by gross."""
    for market in markets.values():
        market.budget._per_minute = 1e9  # so many scans a minute are for a bench only
    gross, priced, stalls, requests, found = [], [], [], 0, (0, 0)
    for _ in range(NET_ROUNDS):
        scanner.appraisal = None
        gross.append(await timed(scanner.scan))
        scanner.appraisal = _appraisal(markets, clock)
        before = sum(market.requests for market in markets.values())
        async with StallMeter() as meter:
            priced.append(await timed(scanner.scan))
        stalls.append(meter.longest)
        requests = sum(market.requests for market in markets.values()) - before
        pairs = [x for each in scanner.latest.pairs.values() for x in each]  # type: ignore[union-attr]  # it scanned
        found = len(pairs), sum(each.estimate is not None for each in pairs)
    plain, whole = statistics.median(gross), statistics.median(priced)
    print(
        f"net ranking of K={TOP_K} tokens: {requests} requests with the scan's own,"
        f" {found[1]} of {found[0]} pairs priced;"
        f" scan {plain * 1000:.0f} ms, with net {whole * 1000:.0f} ms,"
        f" ratio {whole / plain:.2f}, longest stall {max(stalls) * 1000:.0f} ms"
    )


def _appraisal(
    markets: Mapping[VenueId, MarketReader], clock: SystemClock
) -> Appraisal:
    """Return an appraisal that has read no book yet."""
    rules = {venue_id: market.rules for venue_id, market in markets.items()}
    return Appraisal(
        shelf=BookShelf(
            sources=markets, per_minute=dict.fromkeys(markets, 10**6), clock=clock
        ),
        rules=rules,
        fees=Fees(rules=rules, clock=clock),
        clock=clock,
        terms=Terms(Decimal(500), Decimal(3), timedelta(hours=24), TOP_K),
    )


def measure_ranking(venues: int = 28, tokens: int = 2000) -> None:
    """Rank 56,000 rates; compare with sorting the same numbers once."""
    moment = SystemClock().now()
    rows, snapshots = [], {}
    for token in range(tokens):
        base = Base(f"T{token}")
        found = tuple(
            FundingSnapshot(
                instrument=_instrument(base, VenueId(f"v{venue:02d}")),
                rate=FundingRate(
                    Decimal((token * 31 + venue * 17) % 997 - 400) / 1_000_000,
                    timedelta(hours=8),
                    timedelta(hours=8),
                ),
                next_funding_at=None,
                mark_price=Decimal(5) + Decimal(venue) / 1000,
                index_price=None,
                volume_24h_usd=Decimal(1_000_000),
                observed_at=moment,
            )
            for venue in range(venues)
        )
        snapshots[base] = found
        listed = {s.instrument.venue_id: s.instrument for s in found}
        rows.append(TokenRow(base, listed, {}))
    before = time.perf_counter()
    ranked, _ = rank(rows, snapshots, GATES)
    took = time.perf_counter() - before
    numbers = [s.rate.per_hour for each in snapshots.values() for s in each]
    before = time.perf_counter()
    sorted(numbers)
    plain = time.perf_counter() - before
    print(
        f"ranking {venues} venues x {tokens} rates: {took * 1000:.0f} ms,"
        f" {len(ranked)} pairs, {took / plain:.1f} x one plain sort of the same numbers"
    )


def _instrument(base: Base, venue_id: VenueId) -> Instrument:
    one = Decimal(1)
    return Instrument(
        venue_id=venue_id,
        symbol=f"{base}/USDT:USDT",
        native_name=base,
        base=base,
        multiplier=one,
        quote="USDT",
        settle="USDT",
        unit=one,
        lot_base=one,
        price_tick=one,
    )


async def _scan(url: str) -> None:
    """Scan a market that stands still, or each answer would be made anew."""
    async with aiohttp.ClientSession() as session:
        await session.post(f"{url}/__control/latency", json={"ms": LATENCY_MS})
        await session.post(f"{url}/__control/time", json={"speed": 0})
    await measure_scan(url)


async def _enter(url: str) -> None:
    async with aiohttp.ClientSession() as session:
        await session.post(f"{url}/__control/latency", json={"ms": LATENCY_MS})
        for line in await measure_entries(session, url, LATENCY_MS):
            print(line)


async def _remember() -> None:
    async for line in measure_history():
        print(line)


async def _hold() -> None:
    with tempfile.TemporaryDirectory() as folder:
        async for line in measure_positions(Path(folder)):
            print(line)


def main() -> None:
    """Run every measurement and print its line."""
    print(f"4 venues x {INSTRUMENTS_EACH} instruments, {LATENCY_MS} ms latency")
    with PretendVenues(INSTRUMENTS_EACH - 30) as url:
        asyncio.run(_scan(url))
    measure_ranking()
    asyncio.run(_remember())
    asyncio.run(measure_pictures())
    print(f"entries of the whole bot, {LATENCY_MS} ms latency, medians")
    with PretendVenues(0) as url:
        asyncio.run(_enter(url))
    asyncio.run(_hold())


if __name__ == "__main__":
    main()
