"""Offer every use case as one short method; taps, timers and the terminal call it."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from core.availability import row_of
from core.claims import Person, Quote
from core.errors import CoreError, UnknownTokenError, UnknownTradeError
from core.execution.sizing import Held
from core.execution.world import stopped_key
from core.limits import PAUSE_KEY, caps_of
from core.margin import leg_margins, pair_runway
from core.model.alert import Alert, AlertKind, AlertLevel
from core.model.control import (
    GLOBAL_SCOPE,
    HALT_KEY,
    Event,
    Halt,
    Halted,
    TradingState,
)
from core.model.health import Health, VenueHealth
from core.model.plan import WHOLE
from core.model.position import Portfolio
from core.model.preferences import Key
from core.model.trade import TradeState
from core.model.units import ChatId
from core.planning import room_of
from core.positions import value_trade
from core.purse import balance_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from decimal import Decimal

    from core.adoption import Adoption
    from core.alarms import Bell
    from core.alerts import SpreadWatch
    from core.bookkeeping import Bookkeeper
    from core.brakes import Brakes
    from core.claims import Claims
    from core.execution import Execution
    from core.execution.foreign import ForeignWatch
    from core.exitwatch import ExitWatch
    from core.fees import Fees
    from core.health import VenueMonitor
    from core.history import History, SettledReader
    from core.limits import Limits
    from core.model.alert import Alarm
    from core.model.history import PriceMoves, SpreadStats
    from core.model.instrument import Availability, Instrument, TokenRow
    from core.model.opportunity import Opportunity, ScanResult
    from core.model.position import Position
    from core.model.preferences import Effective
    from core.model.room import Room
    from core.model.trade import Trade
    from core.model.units import (
        Base,
        MessageId,
        Mode,
        Nonce,
        PlanId,
        TradeId,
        UserId,
        VenueId,
    )
    from core.model.venue import VenueRules
    from core.model.why import Explanation
    from core.outages import OutageWatch
    from core.parity import ParityWatch
    from core.ports import (
        Clock,
        Halts,
        Outbox,
        Plans,
        Trades,
        TradingVenue,
    )
    from core.preferences import PreferenceBook
    from core.proofs import Proofs
    from core.purse import Purse
    from core.quotes import Quotes
    from core.reconcile import Reconciler
    from core.runtime import Nursery
    from core.scanner import Scanner
    from core.why import Why

__all__ = ["Engine", "EngineFacts", "EngineParts", "Quote", "TokenView"]

log = logging.getLogger(__name__)

BALANCE_LIMIT = timedelta(milliseconds=800)
"""Positions are shown within a second, whichever venue is dead."""
RECENT_TRADES = 100
"""How far back a pair that is closed is still known by its token."""
PARK_LIMIT = timedelta(seconds=6)
"""How long running work may take to finish when the process stops."""


@dataclass(frozen=True, slots=True)
class TokenView:
    """One token with everything known of it."""

    row: TokenRow
    result: ScanResult | None
    opportunity: Opportunity | None


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What never changes while the process runs."""

    mode: Mode
    venues: tuple[VenueRules, ...]
    quote_ttl: timedelta
    scan_interval: timedelta
    owners: frozenset[UserId] = frozenset()
    """Who may trade; a standing word of somebody else's does not count."""
    is_sandbox: bool = False
    """Every venue is a pretend one, so that live is not for real either."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineParts:
    """What an engine is made of."""

    facts: EngineFacts
    clock: Clock
    nursery: Nursery
    scanner: Scanner
    monitor: VenueMonitor
    history: History
    settled: SettledReader
    watch: SpreadWatch
    outages: OutageWatch
    proofs: Proofs
    parity: ParityWatch
    bell: Bell
    foreign: ForeignWatch
    quotes: Quotes
    claims: Claims
    adoption: Adoption
    brakes: Brakes
    execution: Execution
    why: Why
    reconciler: Reconciler
    bookkeeper: Bookkeeper
    exits: ExitWatch
    fees: Fees
    purse: Purse
    accounts: Mapping[VenueId, TradingVenue]
    plans: Plans
    trades: Trades
    halts: Halts
    limits: Limits
    preferences: PreferenceBook
    outbox: Outbox


class Engine:
    """Every use case."""

    def __init__(self, parts: EngineParts) -> None:
        self.facts = parts.facts
        self.preferences = parts.preferences
        self.books = parts.bookkeeper
        """What trades earned: results, payments, everything booked."""
        self.exits = parts.exits
        """Rules by which pairs are left, and what people asked of one pair."""
        self._parts = parts
        self._started_at = parts.clock.now()
        self._is_checking = True
        self._look: asyncio.Task[object] | None = None
        self._proving: asyncio.Task[object] | None = None
        self.preferences.follow(self._apply)

    def effective(self) -> Effective:
        """Return what acts now: chat over host over default."""
        return self.preferences.effective()

    def _apply(self, effective: Effective) -> None:
        """Let a change act from the next scan, quote and order on."""
        scanner, limits = self._parts.scanner, self._parts.limits
        scanner.gates = replace(
            scanner.gates,
            min_spread_per_hour=effective.min_spread_per_hour,
            min_volume_usd=effective.number(Key.MIN_VOLUME),
            allows_unknown_volume=effective.flag(Key.UNKNOWN_VOLUME),
            venues=frozenset(effective.venues),
            bases=effective.bases,
            min_net=effective.number(Key.MIN_NET),
            max_break_even=timedelta(hours=int(effective.number(Key.MAX_BREAK_EVEN))),
        )
        if scanner.appraisal is not None:
            scanner.appraisal.terms = replace(
                scanner.appraisal.terms,
                size_usd=effective.size_usd,
                leverage=effective.leverage,
                hold=effective.hold,
            )
        self._parts.reconciler.reduces_lost = effective.flag(Key.REDUCE_LOST)
        limits.caps = caps_of(effective)

    # --- life -----------------------------------------------------------------------

    async def start(self) -> None:
        """Void old cards, load the stored cache, and start checking trades.

        Returns once chat may be served; the check and the first scan go on as tasks,
        and entries stay off until the check is done.
        """
        await self._parts.reconciler.hold_entries()
        await self.preferences.load()
        voided = await self._parts.plans.void_unused()
        await self._parts.scanner.availability.load()
        await self._parts.proofs.load()
        log.info("started mode=%s voided_plans=%d", self.facts.mode, voided)
        self._parts.nursery.start(self._parts.history.load(), name="load history")
        self._parts.nursery.start(self._check_at_start(), name="start-up check")
        self._look = self._parts.nursery.start(self._first_look(), name="first look")

    async def stop(self) -> None:
        """Finish or park running work within `PARK_LIMIT`."""
        if self._proving is not None:
            self._proving.cancel()  # only reads: nothing waits for it
        left = await self._parts.nursery.drain(PARK_LIMIT)
        if left:
            log.warning("parked work tasks=%d", left)
        await self._parts.nursery.cancel()
        await self._parts.history.close()

    async def _check_at_start(self) -> None:
        await self._parts.reconciler.at_start()
        self._is_checking = False
        await self._parts.foreign.check()

    async def looked(self) -> None:
        """Wait until the first look after the start is over, whatever it found."""
        if self._look is not None:
            await asyncio.wait({self._look})

    async def _first_look(self) -> None:
        await self.refresh_availability()
        await self.scan_if_idle()

    # --- see ------------------------------------------------------------------------

    async def refresh_availability(self) -> Availability:
        """Read every venue's list anew and store it."""
        return await self._parts.scanner.availability.refresh()

    async def scan(self) -> ScanResult:
        """Read all rates and rank; a caller during a running scan gets its result."""
        await self._read_along()
        return self._noted(await self._parts.scanner.scan())

    async def scan_if_idle(self) -> None:
        """Scan unless one runs (timer): a late scan is skipped, not queued."""
        if self._parts.scanner.is_running:
            log.warning("scan skipped: the last one is still running")
            return
        await self._read_along()
        result = self._noted(await self._parts.scanner.scan())
        least = self.effective().alert_spread_per_hour
        await self._parts.watch.consider(result, least, self.preferences.mutes)
        trades = await self._parts.trades.trades_in_progress()
        held = {leg.instrument.venue_id for trade in trades for leg in trade.legs}
        venues = (each.venue_id for each in self.facts.venues)
        await self._parts.outages.consider(venues, held, result.at)
        await self._enter_by_itself()
        await self._parts.parity.consider(result, trades)
        self._parts.nursery.start(self._parts.purse.refresh(), name="free margins")
        instruments = [leg.instrument for trade in trades for leg in trade.legs]
        work = self._prove(instruments)
        self._proving = self._parts.nursery.start(work, name="unit proof")

    async def _prove(self, held: Sequence[Instrument]) -> None:
        """Compare shown rates with paid ones; new doubts are ranked with at once."""
        proofs = self._parts.proofs
        had_doubts = proofs.has_doubts
        await proofs.check(held)
        if proofs.has_doubts and not had_doubts:
            await self._parts.scanner.scan()

    async def _enter_by_itself(self) -> None:
        """Enter the best pair if an owner's standing word is to: as his tap would.

        Every refusal of a tap refuses here too, and is logged instead of shown.
        """
        wish = self.preferences.in_force(Key.AUTO_ENTRY)
        if wish.value is not True or self._is_checking:
            return
        if wish.by is None or wish.by not in self.facts.owners:
            return
        person = Person(wish.by, ChatId(wish.by))
        try:
            quote = await self._parts.quotes.best(size_usd=None, person=person)
            trade = await self._parts.claims.take(quote, person)
        except CoreError as error:
            log.info("no entry by itself: %s", error)
            return
        log.info("entering by itself trade_id=%s base=%s", trade.trade_id, trade.base)

    def _noted(self, result: ScanResult) -> ScanResult:
        """Remember a scan beside whoever waits for it."""
        self._parts.nursery.start(self._parts.history.note(result), name="history")
        return result

    async def read_past(self) -> None:
        """Ask for a few of the best pairs' settled payments (timer)."""
        await self._parts.settled.read_some(self.latest_scan())

    def spread_stats(self, pair: Opportunity) -> SpreadStats | None:
        """Return how a pair's spread has been, None when nothing is known of it."""
        return self._parts.history.stats(pair.long, pair.short)

    def room(self, pair: Opportunity) -> Room | None:
        """Return how much of a pair the free margin carries, as last read.

        At the usual size and leverage. None while no venue told; nothing is read.
        """
        effective, parts = self.effective(), self._parts
        return room_of(
            pair,
            size_usd=effective.size_usd,
            leverage=effective.leverage,
            fees=parts.fees.of_pair(pair.long.instrument, pair.short.instrument),
            balances=parts.purse.known(),
        )

    def past_rates(
        self, instrument: Instrument
    ) -> tuple[tuple[datetime, Decimal], ...]:
        """Return a contract's hourly rates of the last seven days, oldest first."""
        return self._parts.history.hourly_rates(instrument)

    def past_spreads(
        self, long: Instrument, short: Instrument
    ) -> tuple[tuple[datetime, Decimal], ...]:
        """Return a pair's hourly spreads of the last seven days, oldest first."""
        return self._parts.history.hourly_spreads(long, short)

    async def _read_along(self) -> None:
        """Let scans read what open trades hold, listed or not."""
        trades = await self._parts.trades.trades_in_progress()
        held = tuple(leg.instrument for trade in trades for leg in trade.legs)
        self._parts.scanner.rates.held = held

    def latest_scan(self) -> ScanResult | None:
        """Return the last scan, None before the first."""
        return self._parts.scanner.latest

    def availability(self) -> Availability | None:
        """Return the cache as it is, None before the first read."""
        return self._parts.scanner.availability.current

    def token(self, token: str) -> TokenView:
        """Return one token; 1000PEPE, kPEPE and pepe all mean PEPE.

        Raises:
            UnknownTokenError: no venue lists it and it is not configured.
        """
        row = self._row(token)
        pair, _ = self._parts.scanner.judge(row.base)
        return TokenView(row, self.latest_scan(), pair)

    def _row(self, token: str) -> TokenRow:
        current = self.availability()
        row = None if current is None else row_of(current, token)
        if row is None:
            raise UnknownTokenError(token)
        return row

    async def why(self, token: str, *, user_id: UserId, chat_id: ChatId) -> Explanation:
        """Say which gate refuses each venue and pair of a token first.

        Reads the books of the pairs that pass the scan's gates; orders nothing.

        Raises:
            UnknownTokenError: no venue's list names it.
        """
        return await self._parts.why.explain(token, Person(user_id, chat_id))

    async def health(self) -> Health:
        """Return the state of everything."""
        parts = self._parts
        halts = await parts.halts.halts()
        waiting, oldest = await parts.outbox.depth()
        latest = parts.scanner.latest
        return Health(
            at=parts.clock.now(),
            mode=self.facts.mode,
            trading=_overall(halts),
            halts=halts,
            venues=tuple(self._venue_health(v.venue_id) for v in self.facts.venues),
            scanned_at=None if latest is None else latest.at,
            scan_took=parts.scanner.took,
            outbox_waiting=waiting,
            outbox_oldest=oldest,
            open_trades=len(await parts.trades.trades_in_progress()),
            started_at=self._started_at,
            is_checking=self._is_checking,
            stablecoins=parts.scanner.stablecoins,
        )

    def _venue_health(self, venue_id: VenueId) -> VenueHealth:
        answering = self._parts.monitor.of(venue_id)
        latest = self._parts.scanner.latest
        status = next(
            (v for v in (latest.venues if latest else ()) if v.venue_id == venue_id),
            None,
        )
        return VenueHealth(
            venue_id=venue_id,
            is_ok=answering.trouble is None and status is not None,
            latency=answering.latency,
            age=self._age_of(venue_id, latest),
            failures=answering.failures,
            failing_since=answering.failing_since,
            error=None if answering.trouble is None else answering.trouble.detail,
            instruments=0 if status is None else status.instruments,
            rates=0 if status is None else status.rates,
            tally=self._parts.monitor.tally(venue_id),
            paused_until=self._parts.monitor.paused_until(venue_id),
            proof=self._parts.proofs.of(venue_id),
        )

    def _age_of(self, venue_id: VenueId, latest: ScanResult | None) -> timedelta | None:
        if latest is None:
            return None
        newest = max(
            (
                each.observed_at
                for found in latest.snapshots.values()
                for each in found
                if each.instrument.venue_id == venue_id
            ),
            default=None,
        )
        return None if newest is None else self._parts.clock.now() - newest

    # --- decide ---------------------------------------------------------------------

    async def quote_open(
        self,
        token: str,
        *,
        venues: tuple[VenueId, VenueId] | None = None,
        size_usd: Decimal | None = None,
        user_id: UserId,
        chat_id: ChatId,
    ) -> Quote:
        """Price an entry now from both books and store it as a draft plan.

        `venues` is (long, short); None takes the ranked pair of the token.

        Raises:
            CoreError: why it cannot be offered; nothing was ordered.
        """
        return await self._parts.quotes.open(
            self._row(token).base,
            venues=venues,
            size_usd=size_usd,
            person=Person(user_id, chat_id),
        )

    async def quote_best(
        self, *, size_usd: Decimal | None = None, user_id: UserId, chat_id: ChatId
    ) -> Quote:
        """Walk the ranking from the top and quote the first pair that fits.

        Raises:
            NothingFitsError: none did; it names why for each.
        """
        person = Person(user_id, chat_id)
        return await self._parts.quotes.best(size_usd=size_usd, person=person)

    async def quote_close(
        self,
        trade_id: TradeId,
        *,
        share: Decimal = WHOLE,
        user_id: UserId,
        chat_id: ChatId,
    ) -> Quote:
        """Price a close of all or a share of a pair now from both books.

        Raises:
            CoreError: unknown or busy trade, a part too small, or a venue that does not
                answer.
        """
        person = Person(user_id, chat_id)
        return await self._parts.quotes.close(trade_id, person=person, share=share)

    async def quote_add(
        self,
        trade_id: TradeId,
        *,
        size_usd: Decimal | None = None,
        user_id: UserId,
        chat_id: ChatId,
    ) -> Quote:
        """Price a part to be added to an open pair and store it as a draft plan.

        Raises:
            CoreError: why it cannot be offered; nothing was ordered.
        """
        person = Person(user_id, chat_id)
        return await self._parts.quotes.add(trade_id, size_usd=size_usd, person=person)

    async def quote_adopt(
        self,
        venue_id: VenueId,
        symbol: str,
        quantity: Decimal,
        *,
        user_id: UserId,
        chat_id: ChatId,
    ) -> Quote:
        """Offer to make a pair of a position that is not ours and its counterpart.

        Raises:
            CannotAdoptError: it is gone or changed, or nothing hedges it.
        """
        person = Person(user_id, chat_id)
        return await self._parts.adoption.quote(venue_id, symbol, quantity, person)

    async def issue(self, plan_id: PlanId, message_id: MessageId) -> None:
        """Bind a drafted plan to the message that shows it."""
        await self._parts.claims.issue(plan_id, message_id)

    async def discard(self, plan_id: PlanId) -> None:
        """Void a plan whose card was replaced or could not be sent."""
        await self._parts.claims.discard(plan_id)

    async def confirm(
        self, nonce: Nonce, *, user_id: UserId, chat_id: ChatId, message_id: MessageId
    ) -> Trade | Quote:
        """Claim a plan, start its trade as a supervised task, and return the trade.

        A quote comes back for a pair so large that it is asked about again. A pair
        that is adopted is open at once, and nothing is started.

        Raises:
            PlanGoneError: late, twice, foreign, void; nothing was ordered.
            CoreError: paused, reconciling; nothing was ordered.
        """
        person = Person(user_id, chat_id)
        return await self._parts.claims.confirm(nonce, person, message_id)

    async def cancel(
        self, nonce: Nonce, *, user_id: UserId, chat_id: ChatId, message_id: MessageId
    ) -> None:
        """End an issued plan on its owner's word.

        Raises:
            PlanGoneError: it was already used, expired or void.
        """
        person = Person(user_id, chat_id)
        await self._parts.claims.cancel(nonce, person, message_id)

    # --- hold -----------------------------------------------------------------------

    async def portfolio(self) -> Portfolio:
        """Return every open trade valued now; a silent venue leaves its parts None."""
        trades = await self._parts.trades.trades_in_progress()
        positions = [await self._value(trade) for trade in trades]
        answers = await asyncio.gather(
            *(balance_of(each, BALANCE_LIMIT) for each in self._parts.accounts.values())
        )
        balances = tuple(each for each in answers if each is not None)
        self._parts.purse.note(balances)
        return Portfolio(
            positions=tuple(positions),
            balances=balances,
            valued_at=self._parts.clock.now(),
            is_checking=self._is_checking,
            foreign=self._parts.foreign.found(),
        )

    async def position(self, trade_id: TradeId) -> Position:
        """Return one trade valued now, also an ended one.

        Raises:
            UnknownTradeError: there is none.
        """
        trade = await self._parts.trades.trade(trade_id)
        if trade is None:
            raise UnknownTradeError(trade_id)
        return await self._value(trade)

    async def ended_lately(self, within: timedelta) -> tuple[Trade, ...]:
        """Return the pairs that were closed a while ago, newest first."""
        since = self._parts.clock.now() - within
        recent = await self._parts.trades.recent_trades(RECENT_TRADES)
        closed = [each for each in recent if each.closed_at is not None]
        return tuple(
            each for each in closed if each.closed_at and each.closed_at >= since
        )

    async def hold_tick(self) -> None:
        """Book funding and compare open trades with the venues (timer)."""
        if self._is_checking:
            return
        try:
            await self._parts.brakes.check()
        except Exception:  # positions must be looked at whatever the brakes say
            log.exception("the brakes could not be looked at")
        await self._parts.reconciler.book_funding()
        await self._parts.reconciler.check_positions()
        await self._parts.foreign.check()
        await self.exits.tick()
        await self.books.tick()

    # --- trouble --------------------------------------------------------------------

    async def retry_repair(self, trade_id: TradeId, user_id: UserId) -> bool:
        """Repair a pair in trouble at once; False if it does not need a person.

        Raises:
            UnknownTradeError: there is none.
        """
        trade = await self._troubled(trade_id)
        if trade is None or not await self._parts.execution.retry_now(trade_id):
            return False
        self._look_again(trade)
        await self._note(user_id, "asked for a repair at once", trade)
        return True

    async def fixed_by_hand(self, trade_id: TradeId, user_id: UserId) -> bool:
        """Look at a pair's venues at once; two equal readings are believed.

        Raises:
            UnknownTradeError: there is none.
        """
        trade = await self._troubled(trade_id)
        if trade is None:
            return False
        self._parts.execution.wake(trade_id)
        self._look_again(trade)
        await self._note(user_id, "said a pair was fixed by hand", trade)
        return True

    async def stop_repairs(self, trade_id: TradeId, user_id: UserId) -> bool:
        """Send nothing more for a pair in trouble until `retry_repair`.

        Survives a restart; ends when the pair is in order again.

        Raises:
            UnknownTradeError: there is none.
        """
        trade = await self._troubled(trade_id)
        if trade is None:
            return False
        await self._parts.execution.world.stop_repairs(trade, user_id)
        await self._note(user_id, "stopped repairs", trade)
        return True

    async def accept_residual(
        self, trade_id: TradeId, shown: tuple[Decimal, Decimal], user_id: UserId
    ) -> bool:
        """Leave what one leg holds too much to its owner, at the size that was shown.

        False if the legs hold something else by now or nothing is to be accepted.

        Args:
            trade_id: the pair in trouble.
            shown: what leg 1 and leg 2 held on the card, base units.
            user_id: who accepts.

        Raises:
            UnknownTradeError: there is none.
        """
        trade = await self._troubled(trade_id)
        if trade is None:
            return False
        held, execution = Held(*shown), self._parts.execution
        if not await execution.accept_residual(trade_id, held, user_id):
            return False
        detail = f"first={held.first:f} second={held.second:f}"
        await self._note(user_id, "accepted a residual", trade, detail)
        return True

    async def _troubled(self, trade_id: TradeId) -> Trade | None:
        trade = await self._parts.trades.trade(trade_id)
        if trade is None:
            raise UnknownTradeError(trade_id)
        return trade if trade.needs_attention else None

    def _look_again(self, trade: Trade) -> None:
        """Compare a pair that rests: nobody else works on it."""
        if trade.state is TradeState.OPEN and not self._is_checking:
            work = self._parts.reconciler.check_positions()
            self._parts.nursery.start(work, name=f"look again {trade.trade_id}")

    async def _note(
        self, user_id: UserId, what: str, trade: Trade, more: str = ""
    ) -> None:
        detail = f"trade {trade.trade_id} {more}".rstrip()
        event = self._event(user_id, what, detail)
        await self._parts.halts.log_event(event)

    # --- what is not ours -----------------------------------------------------------

    async def ignore_foreign(
        self, venue_id: VenueId, symbol: str, quantity: Decimal, user_id: UserId
    ) -> bool:
        """Say no more of a position that is not ours, until its quantity changes.

        False if it is gone or has another size by now.
        """
        is_done = await self._parts.foreign.ignore(venue_id, symbol, quantity)
        if is_done:
            detail = f"{venue_id} {symbol} {quantity:f}"
            event = self._event(user_id, "ignored a foreign position", detail)
            await self._parts.halts.log_event(event)
        return is_done

    async def _value(self, trade: Trade) -> Position:
        rates = self._parts.scanner.rates
        known = (rates.fresh(leg.instrument) for leg in trade.legs)
        position = value_trade(
            trade,
            await self._parts.trades.fills_of(trade.trade_id),
            await self._parts.trades.payments_of(trade.trade_id),
            {each.instrument.venue_id: each for each in known if each is not None},
            self._parts.clock.now(),
        )
        if trade.state.is_terminal:
            return position
        absence = self._parts.scanner.absence
        found = {leg.instrument.venue_id: absence(leg.instrument) for leg in trade.legs}
        gone = {venue_id: why for venue_id, why in found.items() if why is not None}
        margins = leg_margins(position, self.exits.seen)
        return replace(
            position,
            gone=gone,
            is_repair_stopped=await self._is_stopped(trade),
            wishes=await self.exits.wishes(trade.trade_id),
            distances={each.venue_id: each.distance for each in margins},
            runway=pair_runway(
                margins,
                self.effective().number(Key.WARN_DISTANCE),
                self._moves(trade),
            ),
        )

    def _moves(self, trade: Trade) -> Mapping[VenueId, PriceMoves]:
        legs = (leg.instrument for leg in trade.legs)
        return {each.venue_id: self._parts.history.price_moves(each) for each in legs}

    async def _is_stopped(self, trade: Trade) -> bool:
        if not trade.needs_attention:
            return False
        key = stopped_key(trade.trade_id)
        return any(halt.key == key for halt in await self._parts.halts.halts())

    # --- control --------------------------------------------------------------------

    async def pause(self, user_id: UserId) -> bool:
        """Turn entries off; closing always works. False if they were off already."""
        if any(h.key == PAUSE_KEY for h in await self._parts.halts.halts()):
            return False
        halt = Halt(
            scope=GLOBAL_SCOPE,
            key=PAUSE_KEY,
            state=TradingState.REDUCING,
            reason=f"paused by user {user_id}",
            since=self._parts.clock.now(),
            by=user_id,
        )
        await self._parts.halts.set_halt(halt, self._event(user_id, "paused entries"))
        return True

    async def resume(self, user_id: UserId) -> bool:
        """Lift a person's pause and halt. False if there was neither."""
        event = self._event(user_id, "resumed entries")
        halts = self._parts.halts
        lifted = [
            await halts.clear_halt(GLOBAL_SCOPE, key, event)
            for key in (HALT_KEY, PAUSE_KEY)
        ]
        return any(lifted)

    async def halt(self, user_id: UserId | None, *, tells_owners: bool) -> Halted:
        """Stop everything automatic at once, repairs included.

        Only a close that an owner confirms still sends orders. Survives a restart.
        Without a user it was done on the host.
        """
        known = await self._parts.halts.halts()
        is_new = all(halt.key != HALT_KEY for halt in known)
        now = self._parts.clock.now()
        if is_new:
            who = "the host" if user_id is None else f"user {user_id}"
            reason = f"halted by {who}"
            halt = Halt(
                GLOBAL_SCOPE, HALT_KEY, TradingState.HALTED, reason, now, by=user_id
            )
            event = Event(now, who, "halted everything")
            await self._parts.halts.set_halt(halt, event)
            if tells_owners:
                await self._tell_of_halt(who, now)
        trades = await self._parts.trades.trades_in_progress()
        resting = [trade for trade in trades if trade.state is TradeState.OPEN]
        moving = tuple(trade for trade in trades if trade.state is not TradeState.OPEN)
        return Halted(is_new, moving, len(resting))

    async def only_pause(self, user_id: UserId) -> bool:
        """Turn a halt into a pause: repairs go on. False if there was no halt."""
        await self.pause(user_id)
        event = self._event(user_id, "turned the halt into a pause")
        return await self._parts.halts.clear_halt(GLOBAL_SCOPE, HALT_KEY, event)

    async def _tell_of_halt(self, who: str, now: datetime) -> None:
        """Let every owner know: who halted may not be able to resume."""
        await self._parts.outbox.put(
            Alert(
                kind=AlertKind.PAUSED,
                level=AlertLevel.CRITICAL,
                dedupe_key=f"halted:{now.isoformat()}",
                facts={"halted_by": who},
                created_at=now,
            )
        )

    async def events(self, limit: int) -> tuple[Event, ...]:
        """Return the latest lines of the audit trail, newest first."""
        return await self._parts.halts.events(limit)

    async def traded_bases(self) -> dict[TradeId, Base]:
        """Return the token of each recent trade."""
        recent = await self._parts.trades.recent_trades(RECENT_TRADES)
        return {each.trade_id: each.base for each in recent}

    async def ring_alarms(self) -> None:
        """Tell again what is critical and nobody has seen yet (timer)."""
        await self._parts.bell.ring()

    async def see_alarm(self, cause: str, user_id: UserId, name: str) -> Alarm | None:
        """Stop the repeats of a critical alert; return it with who saw it first.

        None if it is long over.
        """
        return await self._parts.bell.see(cause, user_id, name)

    async def report_stranger(self, user_id: int) -> None:
        """Tell owners, at most once an hour, that a stranger wrote."""
        now = self._parts.clock.now()
        await self._parts.outbox.put(
            Alert(
                kind=AlertKind.STRANGER,
                level=AlertLevel.INFO,
                dedupe_key=f"stranger:{now:%Y-%m-%dT%H}",
                facts={"user_id": str(user_id)},
                created_at=now,
                expires_at=now + timedelta(hours=6),
            )
        )

    def _event(self, user_id: UserId, what: str, detail: str = "") -> Event:
        return Event(self._parts.clock.now(), f"user {user_id}", what, detail)


def _overall(halts: tuple[Halt, ...]) -> TradingState:
    states = {halt.state for halt in halts if halt.scope == GLOBAL_SCOPE}
    for state in (TradingState.HALTED, TradingState.REDUCING):
        if state in states:
            return state
    return TradingState.ACTIVE
