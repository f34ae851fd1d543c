"""Put the parts together: everything from `Settings`, in the order it is needed."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

from bot.access import People
from bot.application.frontend import Frontend, open_application
from bot.application.replies import Replies
from bot.handlers.desk import Desk
from bot.heartbeat import Heartbeat
from bot.messenger import Messenger, open_bot
from bot.outbox import Courier
from bot.schedule import Schedule, Timer
from core.alerts import SpreadWatch
from core.availability import AvailabilityCache
from core.engine import Engine, EngineFacts, EngineParts
from core.errors import StorageError
from core.execution import Execution, World
from core.health import VenueMonitor
from core.limits import PAUSE_KEY, Caps, Limits
from core.opportunities import Gates
from core.orders import Identity, Orders
from core.outages import OutageWatch
from core.quotes import QuoteParts, QuoteRules, Quotes
from core.rates import Rates
from core.reconcile import Reconciler
from core.runtime import Nursery, RandomIds, SystemClock
from core.scanner import Scanner
from core.venues.listing import split_name
from core.venues.markets import open_markets
from core.venues.paper import PaperVenue
from storage.alert_memory import SqliteAlertMemory
from storage.availability_store import SqliteAvailability
from storage.card_store import SqliteCardStore
from storage.database import Database
from storage.journal import Journal
from storage.outbox import SqliteOutbox
from storage.paper_ledger import SqlitePaperLedger
from storage.preference_store import SqlitePreferences

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from bot.settings import Settings
    from core.model.instrument import Availability
    from core.model.units import Base, VenueId
    from core.ports import AvailabilityStore, Clock, Ids, PaperLedger
    from core.venues.markets import MarketReader

log = logging.getLogger(__name__)

RATES_LIFE_IN_SCANS = 2
"""A silent venue's last rates serve for so many scan intervals."""
LISTS_EVERY = timedelta(hours=6)
HOLD_EVERY = timedelta(seconds=30)
"""Funding is booked and open pairs are compared with the venues this often."""
CLEAN_EVERY = timedelta(days=1)
SCREENS_LAST = timedelta(days=2)
LAST_WORDS = timedelta(seconds=1)
"""How long replies under way may take when the bot stops."""


@dataclass(frozen=True, slots=True)
class Running:
    """A bot at work."""

    engine: Engine
    frontend: Frontend
    courier: Courier


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ground:
    """What everything else stands on."""

    settings: Settings
    clock: Clock
    ids: Ids
    nursery: Nursery
    readers: Mapping[VenueId, MarketReader]
    database: Database
    outbox: SqliteOutbox
    journal: Journal
    ledger: PaperLedger


# --- one scan -------------------------------------------------------------------------


@asynccontextmanager
async def scanning(settings: Settings) -> AsyncIterator[Scanner]:
    """Open what one scan needs: the venues' public data, no database, no chat."""
    clock, nursery = SystemClock(), Nursery()
    async with AsyncExitStack() as stack:
        readers = _open_readers(settings, clock, stack)
        stack.push_async_callback(nursery.cancel)
        monitor = VenueMonitor(settings.venue_ids)
        yield _scanner(settings, readers, monitor, _Forgetful(), clock, nursery)


class _Forgetful:
    """Keeps no availability: a single scan leaves nothing behind."""

    async def load_availability(self) -> Availability | None:
        """Know nothing."""
        return None

    async def save_availability(self, value: Availability) -> None:
        """Keep nothing."""


def _open_readers(
    settings: Settings, clock: Clock, stack: AsyncExitStack
) -> Mapping[VenueId, MarketReader]:
    readers = open_markets(settings.venue_ids, settings.venue_urls, clock, paper=True)
    for reader in readers.values():
        stack.push_async_callback(reader.close)
    return readers


def _scanner(
    settings: Settings,
    readers: Mapping[VenueId, MarketReader],
    monitor: VenueMonitor,
    store: AvailabilityStore,
    clock: Clock,
    nursery: Nursery,
) -> Scanner:
    return Scanner(
        availability=AvailabilityCache(
            sources=readers,
            store=store,
            clock=clock,
            monitor=monitor,
            tokens=_tokens(settings),
        ),
        rates=Rates(
            sources=readers,
            clock=clock,
            monitor=monitor,
            max_age=settings.scan_interval * RATES_LIFE_IN_SCANS,
        ),
        gates=Gates(
            min_spread_per_hour=settings.min_spread_hourly,
            min_volume_usd=settings.min_daily_volume_usd,
            allows_unknown_volume=settings.allow_unknown_volume,
        ),
        clock=clock,
        nursery=nursery,
    )


def _tokens(settings: Settings) -> tuple[Base, ...] | None:
    """Return the named tokens; kaito, KAITO and 1000PEPE mean what a venue's would."""
    if settings.tokens is None:
        return None
    return tuple(dict.fromkeys(split_name(each)[0] for each in settings.tokens))


# --- the bot --------------------------------------------------------------------------


@asynccontextmanager
async def running(
    settings: Settings, *, clock: Clock | None = None, ids: Ids | None = None
) -> AsyncIterator[Running]:
    """Run the bot; leaving the block ends it in order, within ten seconds.

    Raises:
        StorageError: the data folder cannot be used, for one because a bot runs on it.
    """
    async with AsyncExitStack() as stack:
        ground = await _ground(
            settings, clock or SystemClock(), ids or RandomIds(), stack
        )
        engine, accounts = await _engine(ground)
        loops, handlers = Nursery(), Nursery()
        desk = Desk(
            engine=engine,
            cards=SqliteCardStore(ground.database),
            clock=ground.clock,
            ids=ground.ids,
            rate_hours=8 if settings.rate_display == "8h" else 1,
        )
        token = settings.telegram_token.get_secret_value()
        bot = open_bot(token, settings.bot_api_base)
        messenger = Messenger(bot, cards=desk.cards, clock=ground.clock)
        courier = Courier(
            outbox=ground.outbox,
            messenger=messenger,
            look=desk.look,
            clock=ground.clock,
            tasks=loops,
        )
        heartbeat = Heartbeat(
            halts=ground.journal,
            outbox=ground.outbox,
            clock=ground.clock,
            pause_key=PAUSE_KEY,
        )
        frontend = Frontend(
            app=await open_application(bot),
            desk=desk,
            messenger=messenger,
            replies=Replies(
                desk=desk, messenger=messenger, plans=ground.journal, tasks=loops
            ),
            people=People(frozenset(settings.owners), frozenset(settings.viewers)),
            tasks=handlers,
            heard=courier.heard_from,
            on_conflict=heartbeat.conflict,
        )
        timers = _timers(ground, engine, accounts, desk)
        schedule = Schedule(timers, tasks=loops)

        # Ends in the opposite order: no new work, the running work, the last words.
        stack.push_async_callback(frontend.close)
        stack.push_async_callback(loops.cancel)
        stack.push_async_callback(engine.stop)
        stack.push_async_callback(_finish, handlers)
        stack.push_async_callback(frontend.stop_listening)
        stack.callback(schedule.stop)

        log.info("carrybot starts mode=%s", settings.mode.value)
        await engine.start()
        loops.start(courier.run(), name="outbox")
        loops.start(heartbeat.run(frontend.poller), name="heartbeat")
        frontend.connecting = loops.start(frontend.connect(), name="connect")
        loops.start(_hold(accounts, engine), name="first hold")
        schedule.start()
        yield Running(engine, frontend, courier)
        log.info("carrybot stops")


async def _finish(handlers: Nursery) -> None:
    await handlers.drain(LAST_WORDS)
    await handlers.cancel()


async def _ground(
    settings: Settings, clock: Clock, ids: Ids, stack: AsyncExitStack
) -> _Ground:
    """Open files and connections; `stack` closes them, also if a later one fails."""
    folder = settings.data_dir
    database = await Database.open(folder / f"{settings.mode.value}.db", clock=clock)
    stack.push_async_callback(database.close)
    ledger = await SqlitePaperLedger.open(folder / "paper_venue.db", clock=clock)
    stack.push_async_callback(ledger.close)
    outbox = SqliteOutbox(database, settings.owner_chats)
    return _Ground(
        settings=settings,
        clock=clock,
        ids=ids,
        nursery=Nursery(),
        readers=_open_readers(settings, clock, stack),
        database=database,
        outbox=outbox,
        journal=Journal(database, outbox),
        ledger=ledger,
    )


async def _engine(ground: _Ground) -> tuple[Engine, Mapping[VenueId, PaperVenue]]:
    settings, journal, clock = ground.settings, ground.journal, ground.clock
    monitor = VenueMonitor(settings.venue_ids)
    store = SqliteAvailability(ground.database)
    scanner = _scanner(settings, ground.readers, monitor, store, clock, ground.nursery)
    accounts = _paper_venues(ground, scanner)
    limits = Limits(
        halts=journal,
        clock=clock,
        caps=Caps(
            max_open_trades=settings.max_open_trades,
            max_trade_usd=settings.max_trade_usd,
            max_leverage=Decimal(settings.max_leverage),
            max_token_usd=settings.max_token_usd,
            max_venue_usd=settings.max_venue_usd,
            max_total_usd=settings.max_total_usd,
            max_entries_per_hour=settings.max_entries_per_hour,
        ),
    )
    execution = await _execution(ground, scanner, accounts, limits)
    leverage = Decimal(settings.leverage)
    quotes = Quotes(
        QuoteParts(
            scanner=scanner,
            books=ground.readers,
            accounts=accounts,
            rules={venue_id: each.rules for venue_id, each in ground.readers.items()},
            plans=journal,
            trades=journal,
            halts=journal,
            limits=limits,
            execution=execution,
            clock=clock,
            ids=ground.ids,
            quoting=QuoteRules(
                settings.position_size_usd, leverage, settings.quote_ttl
            ),
        )
    )
    memory = SqliteAlertMemory(ground.database)
    parts = EngineParts(
        facts=_facts(ground),
        clock=clock,
        nursery=ground.nursery,
        scanner=scanner,
        monitor=monitor,
        watch=SpreadWatch(memory=memory, outbox=ground.outbox),
        outages=OutageWatch(monitor=monitor, memory=memory, outbox=ground.outbox),
        quotes=quotes,
        reconciler=Reconciler(execution=execution, outbox=ground.outbox),
        accounts=accounts,
        plans=journal,
        trades=journal,
        halts=journal,
        preferences=SqlitePreferences(ground.database),
        outbox=ground.outbox,
    )
    return Engine(parts), accounts


def _facts(ground: _Ground) -> EngineFacts:
    settings = ground.settings
    return EngineFacts(
        mode=settings.mode,
        venues=tuple(reader.rules for reader in ground.readers.values()),
        size_usd=settings.position_size_usd,
        leverage=Decimal(settings.leverage),
        quote_ttl=settings.quote_ttl,
        scan_interval=settings.scan_interval,
        min_spread_per_hour=settings.min_spread_hourly,
        min_volume_usd=settings.min_daily_volume_usd,
        alert_spread_per_hour=settings.alert_spread_hourly,
    )


def _paper_venues(ground: _Ground, scanner: Scanner) -> Mapping[VenueId, PaperVenue]:
    """Return pretend accounts on the real books, fees and payment clocks."""
    return {
        venue_id: PaperVenue(
            rules=reader.rules,
            books=reader,
            settled=reader,
            marks=partial(scanner.snapshot, venue_id),
            instruments=partial(scanner.instrument, venue_id),
            ledger=ground.ledger,
            clock=ground.clock,
            start_balance_usd=ground.settings.paper_balance_usd,
        )
        for venue_id, reader in ground.readers.items()
    }


async def _execution(
    ground: _Ground,
    scanner: Scanner,
    accounts: Mapping[VenueId, PaperVenue],
    limits: Limits,
) -> Execution:
    known = await ground.database.identity()
    orders = Orders(
        venues=accounts,
        intents=ground.journal,
        limits=limits,
        rules={venue_id: each.rules for venue_id, each in ground.readers.items()},
        clock=ground.clock,
        ids=ground.ids,
        nursery=ground.nursery,
        identity=Identity(known.install_id, known.epoch),
    )

    world = World(
        trades=ground.journal,
        intents=ground.journal,
        halts=ground.journal,
        orders=orders,
        limits=limits,
        venues=accounts,
        books=ground.readers,
        clock=ground.clock,
        is_listed=scanner.is_listed,
        current_spread=scanner.spread_now,
        mark_price=scanner.mark_price,
    )
    return Execution(world=world, nursery=ground.nursery)


# --- timers ---------------------------------------------------------------------------


def _timers(
    ground: _Ground, engine: Engine, accounts: Mapping[VenueId, PaperVenue], desk: Desk
) -> tuple[Timer, ...]:
    async def forget_screens() -> None:
        await desk.cards.forget_screens(desk.clock.now() - SCREENS_LAST)

    return (
        Timer("scan", ground.settings.scan_interval, engine.scan_if_idle),
        Timer("lists", LISTS_EVERY, engine.refresh_availability),
        Timer("hold", HOLD_EVERY, partial(_hold, accounts, engine)),
        Timer("old screens", CLEAN_EVERY, forget_screens),
    )


async def _hold(accounts: Mapping[VenueId, PaperVenue], engine: Engine) -> None:
    """Pay funding on the pretend accounts, then book it and look after open pairs."""
    for venue_id, account in accounts.items():
        try:
            await account.settle_funding()
        except StorageError:
            log.exception("funding not settled venue=%s", venue_id)
    await engine.hold_tick()
