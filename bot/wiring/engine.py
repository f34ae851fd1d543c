"""Open files, venues and accounts, and put the engine together over them."""

from __future__ import annotations

import logging
from asyncio import to_thread
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from bot.checkup.findings import Level
from bot.checkup.questions import Subjects, examine_accounts
from bot.wiring.accounts import NO_KEYS, Keyless, live_venues, paper_venues
from bot.wiring.looking import (
    HISTORY_FILE,
    Looking,
    fees_over,
    open_readers,
    scanner_over,
)
from bot.wiring.preferences import LiveQuoting, host_values
from core.adoption import Adoption
from core.alarms import Bell
from core.alerts import SpreadWatch
from core.bookkeeping import Bookkeeper
from core.brakes import Brakes
from core.claims import Claims
from core.engine import Engine, EngineFacts, EngineParts
from core.errors import StorageError
from core.execution import Execution, World
from core.execution.clocks import ClockWatch
from core.execution.foreign import ForeignWatch
from core.exits import rules_of
from core.exitwatch import ExitWatch, Seen
from core.health import VenueMonitor
from core.history import History, SettledReader
from core.limits import Limits, caps_of
from core.model.control import Event, Halt, TradingState
from core.model.units import Mode
from core.orders import Identity, Orders
from core.outages import OutageWatch
from core.parity import GapLimits, ParityWatch
from core.preferences import PreferenceBook
from core.proofs import Proofs
from core.purse import Purse
from core.quotes import QuoteParts, Quotes
from core.reconcile import Reconciler
from core.runtime import Nursery
from core.why import Why
from storage.alarms import SqliteAlarms
from storage.alert_memory import SqliteAlertMemory
from storage.availability_store import SqliteAvailability
from storage.ballast import Ballast
from storage.database import Database
from storage.journal import Journal
from storage.ledger import SqliteLedger
from storage.outbox import SqliteOutbox
from storage.paper_ledger import SqlitePaperLedger
from storage.preference_store import SqlitePreferences
from storage.spread_history import SqliteSpreadHistory

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AsyncExitStack
    from pathlib import Path

    from bot.checkup.findings import Finding
    from bot.settings import Settings
    from core.model.units import VenueId
    from core.ports import Clock, Ids, OrderBooks, PaperLedger, TradingVenue
    from core.scanner import Scanner
    from core.venues.account import LiveVenue
    from core.venues.markets import MarketReader
    from core.venues.paper import PaperVenue

log = logging.getLogger(__name__)

_KEYLESS = "keys"
HALT_FILE = "HALT"
"""While a file of this name lies in the data folder nothing automatic is sent."""
"""Key of the halt of a venue that cannot be traded for want of keys."""
NOT_READY = "Live trading did not start; `carrybot check` shows everything."


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What everything else stands on."""

    settings: Settings
    clock: Clock
    ids: Ids
    nursery: Nursery
    readers: Mapping[VenueId, MarketReader]
    database: Database
    ballast: Ballast
    outbox: SqliteOutbox
    journal: Journal
    ledger: PaperLedger | None
    """Books of the pretend venues; None in live."""
    past: SqliteSpreadHistory | None
    """Scans and rates of the past; None if its file cannot be used."""
    stack: AsyncExitStack
    """Closes what is opened, in the opposite order."""


@dataclass(frozen=True, slots=True)
class Accounts:
    """What is traded on."""

    all: Mapping[VenueId, TradingVenue]
    watched: Mapping[VenueId, TradingVenue]
    """Those with keys, or that hold something of ours."""
    paper: Mapping[VenueId, PaperVenue]
    """Pretend ones, which pay their own funding; none in live."""
    live: Mapping[VenueId, LiveVenue]


class NotReadyError(Exception):
    """Live trading does not start; `lines` say what to put right first."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__(" ".join(lines))
        self.lines = lines


async def open_ground(
    settings: Settings, clock: Clock, ids: Ids, stack: AsyncExitStack
) -> Ground:
    """Open files and connections; `stack` closes them, also if a later one fails."""
    folder = settings.data_dir
    ballast = Ballast(folder)
    database = await Database.open(
        folder / f"{settings.mode.value}.db", clock=clock, ballast=ballast
    )
    stack.push_async_callback(database.close)
    ledger = None
    if settings.mode is Mode.PAPER:
        ledger = await SqlitePaperLedger.open(
            folder / "paper_venue.db", clock=clock, ballast=ballast
        )
        stack.push_async_callback(ledger.close)
    outbox = SqliteOutbox(database, settings.owner_chats)
    return Ground(
        settings=settings,
        clock=clock,
        ids=ids,
        nursery=Nursery(),
        readers=open_readers(settings, clock, stack),
        database=database,
        ballast=ballast,
        outbox=outbox,
        journal=Journal(database, outbox),
        ledger=ledger,
        past=await open_past(folder, clock, stack),
        stack=stack,
    )


async def open_past(
    folder: Path, clock: Clock, stack: AsyncExitStack
) -> SqliteSpreadHistory | None:
    """Open the history that all modes share; trading never waits for it.

    If another carrybot writes it, it is only read here; if it cannot be used at all,
    this process remembers for itself.
    """
    path = folder / HISTORY_FILE
    past = None
    try:
        past = await SqliteSpreadHistory.open(path, at=clock.now())
    except StorageError as error:
        log.warning("scans are not recorded: %s", error)
        with suppress(StorageError):
            past = await SqliteSpreadHistory.open_to_read(path)
    if past is not None:
        stack.push_async_callback(past.close)
        if past.lost is not None:
            log.warning("the history was damaged, a new one begins: %s", past.lost)
    return past


def _history(ground: Ground) -> History:
    return History(
        clock=ground.clock,
        records=ground.past,
        hours=ground.past,
        scans_kept=ground.settings.history_kept,
    )


async def open_engine(ground: Ground) -> tuple[Engine, Accounts]:
    """Return the engine over its parts, and what it trades on."""
    settings, journal, clock = ground.settings, ground.journal, ground.clock
    monitor = VenueMonitor(settings.venue_ids, clock)
    store = SqliteAvailability(ground.database)
    fees = fees_over(ground.readers, clock)
    look = Looking(ground.readers, monitor, fees, clock, ground.nursery)
    history = _history(ground)
    scanner = scanner_over(settings, look, store, history)
    accounts = await _accounts(ground, scanner)
    fees.accounts = accounts.live
    book = PreferenceBook(
        store=SqlitePreferences(ground.database),
        clock=clock,
        host=host_values(settings),
    )
    clocks = _clocks(ground, accounts)
    ledger = SqliteLedger(ground.database)
    brakes = Brakes(
        halts=journal,
        ledger=ledger,
        clock=clock,
        max_daily_loss_usd=settings.max_daily_loss_usd,
        is_file_there=partial(to_thread, (settings.data_dir / HALT_FILE).exists),
    )
    limits = Limits(
        halts=journal,
        clock=clock,
        check_clock=clocks.check,
        before_entry=(brakes.check, clocks.before_entry),
        caps=caps_of(book.effective()),
    )
    execution = await _execution(ground, scanner, accounts.watched, limits)
    rules = {venue_id: each.rules for venue_id, each in ground.readers.items()}
    claims = Claims(
        plans=journal,
        trades=journal,
        halts=journal,
        execution=execution,
        clock=clock,
        ids=ground.ids,
    )
    quoting = LiveQuoting(book, settings.quote_ttl)
    quotes = Quotes(
        QuoteParts(
            scanner=scanner,
            books=_urgent_books(ground),
            accounts=accounts.all,
            rules=rules,
            claims=claims,
            trades=journal,
            limits=limits,
            fees=fees,
            past=history.stats,
            clock=clock,
            quoting=quoting,
        )
    )
    memory = SqliteAlertMemory(ground.database)
    proofs = _proofs(ground, memory, scanner)
    scanner.trust(proofs)
    foreign = ForeignWatch(
        venues=accounts.watched,
        trades=journal,
        memory=memory,
        outbox=ground.outbox,
        clock=clock,
        listed=scanner.listed,
    )
    parts = EngineParts(
        facts=_facts(ground),
        clock=clock,
        nursery=ground.nursery,
        scanner=scanner,
        monitor=monitor,
        history=history,
        settled=SettledReader(
            sources=ground.readers, history=history, clock=ground.clock
        ),
        watch=SpreadWatch(
            memory=memory, outbox=ground.outbox, is_spike=history.is_spike
        ),
        bell=Bell(
            alarms=SqliteAlarms(ground.database),
            outbox=ground.outbox,
            trades=journal,
            halts=journal,
            monitor=monitor,
            clock=clock,
        ),
        outages=OutageWatch(monitor=monitor, memory=memory, outbox=ground.outbox),
        proofs=proofs,
        parity=_parity(ground, scanner, memory),
        foreign=foreign,
        quotes=quotes,
        claims=claims,
        brakes=brakes,
        adoption=Adoption(
            foreign=foreign,
            scanner=scanner,
            rules=rules,
            fees=fees,
            claims=claims,
            quoting=quoting,
        ),
        execution=execution,
        why=Why(scanner=scanner, clock=clock, entry=quotes),
        reconciler=Reconciler(execution=execution, outbox=ground.outbox, clocks=clocks),
        bookkeeper=Bookkeeper(
            ledger=ledger,
            trades=journal,
            venues=accounts.watched,
            outbox=ground.outbox,
            clock=clock,
            fresh=scanner.rates.fresh,
        ),
        exits=ExitWatch(
            execution=execution,
            memory=memory,
            outbox=ground.outbox,
            rules=lambda: rules_of(book.effective()),
            market=Seen(
                fresh=scanner.rates.fresh,
                absence=scanner.absence,
                answering=monitor.of,
                moves=history.price_moves,
                is_doubted=lambda each: proofs.doubt(each) is not None,
            ),
        ),
        fees=fees,
        purse=Purse(accounts=accounts.all, clock=clock),
        accounts=accounts.all,
        plans=journal,
        trades=journal,
        halts=journal,
        limits=limits,
        preferences=book,
        outbox=ground.outbox,
    )
    return Engine(parts), accounts


def _urgent_books(ground: Ground) -> Mapping[VenueId, OrderBooks]:
    """Return the books for orders and for the plans people wait for."""
    return {venue_id: each.for_orders for venue_id, each in ground.readers.items()}


def _proofs(ground: Ground, memory: SqliteAlertMemory, scanner: Scanner) -> Proofs:
    return Proofs(
        sources=ground.readers,
        clock=ground.clock,
        requests_per_hour=ground.settings.unit_proof_requests,
        memory=memory,
        outbox=ground.outbox,
        concerns=scanner.availability.concerns,
    )


def _parity(ground: Ground, scanner: Scanner, memory: SqliteAlertMemory) -> ParityWatch:
    settings = ground.settings
    return ParityWatch(
        limits=GapLimits(
            warn=settings.stablecoin_warn,
            block=settings.stablecoin_block,
            close=settings.stablecoin_close,
        ),
        snapshot=scanner.rates.fresh,
        memory=memory,
        outbox=ground.outbox,
    )


def _clocks(ground: Ground, accounts: Accounts) -> ClockWatch:
    """Return the comparison of clocks; pretend venues' clocks may jump."""
    is_pretend = ground.settings.is_sandbox
    return ClockWatch(
        accounts={} if is_pretend else accounts.live,
        halts=ground.journal,
        clock=ground.clock,
        notices_jumps=not is_pretend,
    )


def _facts(ground: Ground) -> EngineFacts:
    settings = ground.settings
    return EngineFacts(
        mode=settings.mode,
        is_sandbox=settings.is_sandbox,
        owners=frozenset(settings.owners),
        venues=tuple(reader.rules for reader in ground.readers.values()),
        quote_ttl=settings.quote_ttl,
        scan_interval=settings.scan_interval,
    )


async def _accounts(ground: Ground, scanner: Scanner) -> Accounts:
    settings, readers, clock = ground.settings, ground.readers, ground.clock
    if ground.ledger is not None:
        paper = paper_venues(
            readers, scanner, ground.ledger, clock, settings.paper_balance_usd
        )
        return Accounts(paper, paper, paper, {})
    live = live_venues(settings, readers, clock, ground.stack)
    keyless = {each: Keyless(each) for each in settings.venue_ids if each not in live}
    held = {
        leg.instrument.venue_id
        for trade in await ground.journal.trades_in_progress()
        for leg in trade.legs
    }
    for venue_id in settings.venue_ids:
        await _keep_out(ground, venue_id, is_keyless=venue_id in keyless)
    watched = {each: account for each, account in keyless.items() if each in held}
    return Accounts({**live, **keyless}, {**live, **watched}, {}, live)


async def _keep_out(ground: Ground, venue_id: VenueId, *, is_keyless: bool) -> None:
    """Offer no entries on a venue without keys, and let them in once it has some."""
    now, journal = ground.clock.now(), ground.journal
    if not is_keyless:
        event = Event(now, "engine", f"keys {venue_id}", "given")
        await journal.clear_halt(venue_id, _KEYLESS, event)
        return
    title = ground.readers[venue_id].rules.title
    why = f"{title}: {NO_KEYS}"
    halt = Halt(venue_id, _KEYLESS, TradingState.REDUCING, why, now)
    await journal.set_halt(halt, Event(now, "engine", f"halt {venue_id}", why))


async def _execution(
    ground: Ground,
    scanner: Scanner,
    accounts: Mapping[VenueId, TradingVenue],
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
        books=_urgent_books(ground),
        clock=ground.clock,
        is_listed=scanner.is_listed,
        current_spread=scanner.spread_now,
        entry_doubt=scanner.entry_doubt,
        mark_price=scanner.mark_price,
    )
    return Execution(world=world, nursery=ground.nursery)


async def admitted(ground: Ground, accounts: Accounts) -> Sequence[Finding]:
    """Check the accounts before live trading begins.

    With pairs open nothing is asked here: a bot that watches and closes is better than
    none and must not wait; what the guard finds then keeps entries off.

    Raises:
        NotReadyError: an error, and nothing is open.
    """
    if not accounts.live or await ground.journal.trades_in_progress():
        return ()
    findings = await look_at_accounts(ground, accounts)
    wrong = [
        each for each in findings if each.level is Level.ERROR and not each.is_silence
    ]
    if wrong:
        raise NotReadyError(
            [*(f"{each.about}: {each.says}" for each in wrong), NOT_READY]
        )
    return findings


async def look_at_accounts(ground: Ground, accounts: Accounts) -> Sequence[Finding]:
    """Ask the live accounts whether they are in order."""
    subjects = Subjects(ground.readers, accounts.live)
    return await examine_accounts(ground.settings, subjects, ground.clock)
