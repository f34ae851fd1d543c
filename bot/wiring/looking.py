"""Open what only looks: one scan, and the check of everything."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from bot.checkup.findings import Finding, Level
from bot.checkup.questions import Subjects, examine
from bot.messenger import open_bot
from bot.wiring.accounts import live_venues
from core.appraisal import Appraisal, BookShelf, Terms, books_per_minute
from core.availability import AvailabilityCache
from core.backtest import Backtest
from core.fees import Fees
from core.health import VenueMonitor
from core.model.units import Mode
from core.opportunities import Gates
from core.pnl import all_moves
from core.proofs import Proofs
from core.rates import Rates
from core.runtime import Nursery, SystemClock
from core.scanner import Scanner
from core.venues.catalog import rules
from core.venues.listing import split_name
from core.venues.markets import open_markets
from core.why import Why
from storage.ledger import read_file
from storage.spread_history import SqliteSpreadHistory

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from bot.settings import Settings
    from core.history import History
    from core.model.instrument import Availability
    from core.model.ledger import Move
    from core.model.units import Base, VenueId
    from core.model.venue import VenueRules
    from core.ports import AvailabilityStore, Clock
    from core.venues.account import LiveVenue
    from core.venues.markets import MarketReader

HISTORY_FILE = "history.db"
RATES_LIFE_IN_SCANS = 2
"""A silent venue's last rates serve for so many scan intervals."""
TELEGRAM_WITHIN = timedelta(seconds=10)


# --- one scan -------------------------------------------------------------------------


@asynccontextmanager
async def scanning(settings: Settings) -> AsyncIterator[Scanner]:
    """Open what one scan needs: the venues' public data, no database, no chat."""
    clock, nursery = SystemClock(), Nursery()
    async with AsyncExitStack() as stack:
        readers = open_readers(settings, clock, stack)
        stack.push_async_callback(nursery.cancel)
        monitor = VenueMonitor(settings.venue_ids, clock)
        look = Looking(readers, monitor, fees_over(readers, clock), clock, nursery)
        scanner = scanner_over(settings, look, _Forgetful())
        requests = settings.unit_proof_requests
        proofs = Proofs(sources=readers, clock=clock, requests_per_hour=requests)
        scanner.trust(proofs)
        yield scanner


@dataclass(frozen=True, slots=True)
class Looking:
    """What a scanner looks through."""

    readers: Mapping[VenueId, MarketReader]
    monitor: VenueMonitor
    fees: Fees
    clock: Clock
    nursery: Nursery


def fees_over(readers: Mapping[VenueId, MarketReader], clock: Clock) -> Fees:
    """Return the venues' published fees, until accounts say otherwise."""
    rules = {venue_id: reader.rules for venue_id, reader in readers.items()}
    return Fees(rules=rules, clock=clock)


@asynccontextmanager
async def explaining(
    settings: Settings,
) -> AsyncIterator[tuple[Why, Mapping[VenueId, VenueRules]]]:
    """Scan once and open the walk over one token's gates; no account is asked."""
    async with scanning(settings) as scanner:
        await scanner.proven_scan()
        known = {venue_id: rules(venue_id) for venue_id in settings.venue_ids}
        yield Why(scanner=scanner, clock=SystemClock()), known


class _Forgetful:
    """Keeps no availability: a single scan leaves nothing behind."""

    async def load_availability(self) -> Availability | None:
        """Know nothing."""
        return None

    async def save_availability(self, value: Availability) -> None:
        """Keep nothing."""


def open_readers(
    settings: Settings, clock: Clock, stack: AsyncExitStack
) -> Mapping[VenueId, MarketReader]:
    """Return a reader of public data for each venue; `stack` closes them."""
    readers = open_markets(settings.venue_ids, settings.venue_urls, clock, paper=True)
    for reader in readers.values():
        stack.push_async_callback(reader.close)
    return readers


def scanner_over(
    settings: Settings,
    look: Looking,
    store: AvailabilityStore,
    history: History | None = None,
) -> Scanner:
    """Return a scanner over these readers, which prices the best of what it finds.

    Without a history nothing is known of any spread's past.
    """
    readers, clock = look.readers, look.clock
    return Scanner(
        availability=AvailabilityCache(
            sources=readers,
            store=store,
            clock=clock,
            monitor=look.monitor,
            tokens=_tokens(settings),
        ),
        rates=Rates(
            sources=readers,
            clock=clock,
            monitor=look.monitor,
            probes={each.venue_id: each.for_orders for each in readers.values()},
            max_age=settings.scan_interval * RATES_LIFE_IN_SCANS,
        ),
        gates=gates_of(settings),
        clock=clock,
        nursery=look.nursery,
        appraisal=_appraisal(settings, look, history),
    )


def gates_of(settings: Settings) -> Gates:
    """Return what a pair must pass by the settings."""
    return Gates(
        min_spread_per_hour=settings.min_spread_hourly,
        min_volume_usd=settings.min_daily_volume_usd,
        allows_unknown_volume=settings.allow_unknown_volume,
        min_net=settings.min_net,
        max_break_even=timedelta(hours=settings.max_break_even_h),
        max_break_even_payments=settings.max_break_even_payments,
        max_stablecoin_gap=settings.stablecoin_block,
    )


def _appraisal(settings: Settings, look: Looking, history: History | None) -> Appraisal:
    """Return what prices the best of a scan at the usual size."""
    interval = settings.scan_interval
    return Appraisal(
        shelf=BookShelf(
            sources=look.readers,
            per_minute={
                venue_id: books_per_minute(reader.requests_per_minute, interval)
                for venue_id, reader in look.readers.items()
            },
            clock=look.clock,
        ),
        rules={venue_id: reader.rules for venue_id, reader in look.readers.items()},
        fees=look.fees,
        clock=look.clock,
        terms=Terms(
            size_usd=settings.position_size_usd,
            leverage=Decimal(settings.leverage),
            hold=settings.planned_hold,
            top=settings.net_top_k,
            expects_mean=settings.expect == "blended",
        ),
        past=None if history is None else history.stats,
    )


def _tokens(settings: Settings) -> tuple[Base, ...] | None:
    """Return the named tokens; kaito, KAITO and 1000PEPE mean what a venue's would."""
    if settings.tokens is None:
        return None
    return tuple(dict.fromkeys(split_name(each)[0] for each in settings.tokens))


# --- what was booked ------------------------------------------------------------------


async def booked(settings: Settings, since: timedelta | None) -> tuple[Move, ...]:
    """Return every execution and payment on record, oldest first; a bot may run.

    Raises:
        StorageError: there is no record, or it cannot be read.
    """
    path = settings.data_dir / f"{settings.mode.value}.db"
    after = None if since is None else SystemClock().now() - since
    return all_moves(await asyncio.to_thread(read_file, path, after), after)


# --- a replay -------------------------------------------------------------------------


@asynccontextmanager
async def replaying(settings: Settings) -> AsyncIterator[Backtest]:
    """Open what was recorded; the bot may run and record meanwhile.

    Raises:
        StorageError: nothing was recorded yet, or it cannot be read.
    """
    past = await SqliteSpreadHistory.open_to_read(settings.data_dir / HISTORY_FILE)
    try:
        yield Backtest(records=past, gates=gates_of(settings), clock=SystemClock())
    finally:
        await past.close()


# --- the check ------------------------------------------------------------------------


async def check_all(settings: Settings) -> Sequence[Finding]:
    """Ask settings, venues and Telegram; nothing is ordered, stored or said."""
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        readers = open_readers(settings, clock, stack)
        live: Mapping[VenueId, LiveVenue] = {}
        if settings.mode is Mode.LIVE:
            live = live_venues(settings, readers, clock, stack)
        found = await examine(settings, Subjects(readers, live), clock)
    return [*found, *await _telegram(settings)]


async def _telegram(settings: Settings) -> Sequence[Finding]:
    token = settings.telegram_token.get_secret_value()
    if not token:
        return ()
    bot = open_bot(token, settings.bot_api_base)
    try:
        async with asyncio.timeout(TELEGRAM_WITHIN.total_seconds()):
            await bot.initialize()
        return (Finding(Level.OK, "telegram", f"answers as @{bot.username}"),)
    except Exception as error:  # noqa: BLE001 - any failure is a line, none an end
        says = f"cannot be reached with this token ({type(error).__name__})"
        return (Finding(Level.ERROR, "telegram", says, is_silence=True),)
    finally:
        await bot.shutdown()
