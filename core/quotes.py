"""Decide with a person: price a plan, store it under a secret, claim it on one tap.

A plan is priced from both books at the moment of asking. Its confirm button carries a
secret of which only the hash is stored; the claim is one conditional update, so
one plan leads to at most one trade however often and by whomever it is pressed.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from core.errors import (
    AlreadyHeldError,
    CoolingDownError,
    CoreError,
    MarginError,
    NoPairError,
    NothingFitsError,
    NotYoursError,
    OffTheListError,
    PausedError,
    PlanExpiredError,
    PlanPendingError,
    PlanUnknownError,
    PlanUsedError,
    PlanVoidError,
    ReconcilingError,
    SizeError,
    ThinSpreadError,
    TooManyOpenError,
    TradeBusyError,
    UnknownTokenError,
    UnknownTradeError,
    VenueDownError,
    VenueError,
)
from core.limits import PAUSE_KEY, STARTUP_KEY, strictest
from core.liquidity import PairBooks
from core.model.commit import Claim
from core.model.control import GLOBAL_SCOPE, HALT_KEY, Event, TradingState
from core.model.opportunity import Opportunity
from core.model.plan import OpenPlan, PlanState, StoredPlan
from core.model.trade import Trade, TradeLeg, TradeState, advance_trade
from core.model.units import Nonce, PlanId, TradeId
from core.opportunities import chosen_pair, net_refusal
from core.planning import (
    Holding,
    Tariff,
    build_close_plan,
    build_open_plan,
    margin_needed,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from decimal import Decimal

    from core.execution import Execution
    from core.fees import Fees
    from core.limits import Limits
    from core.model.control import Halt
    from core.model.instrument import Instrument, TokenRow
    from core.model.market import OrderBook
    from core.model.opportunity import Skip
    from core.model.order import Balance
    from core.model.plan import ClosePlan, PlanLeg
    from core.model.units import Base, ChatId, MessageId, UserId, VenueId
    from core.model.venue import VenueRules
    from core.ports import (
        Clock,
        Halts,
        Ids,
        OrderBooks,
        Plans,
        Trades,
        TradingVenue,
    )
    from core.scanner import Scanner

CLOSE_TTL = timedelta(seconds=120)
READ_LIMIT = timedelta(seconds=5)
"""All reads of one quote together."""
OTHER_HOLDS = (timedelta(hours=8), timedelta(hours=24), timedelta(hours=72))
"""What a confirm card shows beside the planned hold."""
MOST_BOOK_READS = 10
"""How many pairs "Enter best" prices before it gives up."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks, and in which chat."""

    user_id: UserId
    chat_id: ChatId


@dataclass(frozen=True, slots=True)
class Quote:
    """A plan and the secret its confirm button carries."""

    plan_id: PlanId
    nonce: Nonce
    body: OpenPlan | ClosePlan
    quoted_at: datetime
    expires_at: datetime
    passed_over: tuple[tuple[Base, str], ...] = ()
    """What "Enter best" skipped before this one, and why."""


class Quoting(Protocol):
    """What quotes are made with at this moment; chat may change it."""

    @property
    def size_usd(self) -> Decimal:
        """Return the notional per leg unless a person says otherwise."""
        ...

    @property
    def leverage(self) -> Decimal:
        """Return the leverage of each leg."""
        ...

    @property
    def ttl(self) -> timedelta:
        """Return how long a confirm card can be tapped."""
        ...

    @property
    def hold(self) -> timedelta:
        """Return how long a pair is meant to be held."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteParts:
    """What quotes are made of."""

    scanner: Scanner
    books: Mapping[VenueId, OrderBooks]
    accounts: Mapping[VenueId, TradingVenue]
    rules: Mapping[VenueId, VenueRules]
    plans: Plans
    trades: Trades
    halts: Halts
    limits: Limits
    fees: Fees
    execution: Execution
    clock: Clock
    ids: Ids
    quoting: Quoting


class Quotes:
    """Prices plans and turns one tap into one trade."""

    def __init__(self, parts: QuoteParts) -> None:
        self._parts = parts

    # --- price ------------------------------------------------------------------------

    async def open(
        self,
        base: Base,
        *,
        venues: tuple[VenueId, VenueId] | None,
        size_usd: Decimal | None,
        person: Person,
    ) -> Quote:
        """Price an entry of one token and store it as a draft.

        Raises:
            CoreError: why it cannot be offered.
        """
        row = self._row(base)
        self._check_size(size_usd)
        pair = self._ranked(base) if venues is None else self._named(row, venues)
        await self._check_entry(pair, person)
        body = await self._price_open(pair, size_usd)
        return await self._draft(body, person, self._parts.quoting.ttl)

    async def best(self, *, size_usd: Decimal | None, person: Person) -> Quote:
        """Price the first pair of the ranking that fits and store it as a draft.

        Raises:
            NothingFitsError: none fits; it names why for each.
        """
        await self._check_scopes(person)
        self._check_size(size_usd)
        await self._check_room()
        result = self._parts.scanner.latest or await self._parts.scanner.scan()
        balances = await self._balances(tuple(self._parts.accounts))
        passed: list[tuple[Base, str]] = []
        reads = 0
        for ranked in result.opportunities:
            # rates may have been read anew since the ranking, or be too old by now
            judged, skips = self._parts.scanner.judge(ranked.base)
            pair = judged or ranked
            why = self._too_dear(pair, balances, size_usd)
            if judged is None:
                why = _details(skips)
            if why is None:
                why = _too_little(pair, ranked.unpriced)
            if why is None and reads >= MOST_BOOK_READS:
                break
            if why is None:
                reads += 1
                try:
                    await self._check_entry(pair, person)
                    body = await self._price_open(pair, size_usd)
                    self._check_net(pair, body)
                except CoreError as error:
                    why = str(error)
                else:
                    quote = await self._draft(body, person, self._parts.quoting.ttl)
                    return replace(quote, passed_over=tuple(passed))
            passed.append((pair.base, why))
        raise NothingFitsError(tuple(passed))

    async def tried(self, pair: Opportunity, person: Person) -> Opportunity | CoreError:
        """Price a pair as a quote would, and store nothing.

        Returns the pair with its estimate, and with what its net refuses, or the first
        thing that stops a quote.
        """
        try:
            await self._check_entry(pair, person)
            body = await self._price_open(pair, None)
        except CoreError as error:
            return error
        priced = replace(pair, estimate=body.estimate, unpriced=None)
        return replace(priced, refusal=net_refusal(priced, self._parts.scanner.gates))

    async def close(self, trade_id: TradeId, *, person: Person) -> Quote:
        """Price a close now and store it as a draft.

        Raises:
            CoreError: unknown or busy trade, or a venue that does not answer.
        """
        trade = await self._parts.trades.trade(trade_id)
        if trade is None:
            raise UnknownTradeError(trade_id)
        if trade.state is not TradeState.OPEN:
            raise TradeBusyError(trade.trade_id, trade.state.value)
        long, short = trade.long.instrument, trade.short.instrument
        books, balances = await asyncio.gather(
            self._pair_books(long, short),
            self._balances((long.venue_id, short.venue_id)),
        )
        known = (self._parts.scanner.rates.fresh(each) for each in (long, short))
        body = build_close_plan(
            trade,
            await self._parts.trades.fills_of(trade_id),
            await self._parts.trades.payments_of(trade_id),
            books=books,
            snapshots={s.instrument.venue_id: s for s in known if s is not None},
            balances=balances,
        )
        return await self._draft(body, person, CLOSE_TTL)

    def _row(self, base: Base) -> TokenRow:
        current = self._parts.scanner.availability.current
        row = None if current is None else current.rows.get(base)
        if row is None:
            raise UnknownTokenError(base)
        return row

    def _ranked(self, base: Base) -> Opportunity:
        pair, skips = self._parts.scanner.judge(base)
        if pair is not None:
            return pair
        for skip in skips:
            if skip.spread_per_hour is not None:
                least = self._parts.scanner.gates.min_spread_per_hour
                raise ThinSpreadError(base, skip.spread_per_hour, least)
        raise NoPairError(base, _details(skips))

    def _named(self, row: TokenRow, venues: tuple[VenueId, VenueId]) -> Opportunity:
        sides = []
        for venue_id in venues:
            instrument = row.instruments.get(venue_id)
            if instrument is None:
                raise NoPairError(row.base, f"{venue_id} does not list it")
            snapshot = self._parts.scanner.rates.fresh(instrument)
            if snapshot is None:
                raise NoPairError(row.base, f"{venue_id} shows no fresh rate")
            sides.append(snapshot)
        found = chosen_pair(sides[0], sides[1], self._parts.scanner.gates)
        if isinstance(found, Opportunity):
            return found
        raise NoPairError(row.base, _details((found,)))

    def _check_size(self, size_usd: Decimal | None) -> None:
        """Refuse a size that the host does not allow."""
        most = self._parts.limits.caps.max_trade_usd
        if size_usd is not None and size_usd > most:
            why = f"at most ${most:,f} per leg is allowed here (CARRY_MAX_TRADE_USD)"
            raise SizeError(why)

    async def _check_entry(self, pair: Opportunity, person: Person) -> None:
        """Refuse what could never be confirmed, before a card offers it."""
        await self._check_scopes(person)
        first, second = sorted(
            each.instrument.venue_id for each in (pair.long, pair.short)
        )
        # a trade in trouble halts its own contracts: its card says more than the halt
        for trade in await self._parts.trades.trades_in_progress():
            if trade.base == pair.base:
                _refuse_if_held(trade, {first, second})
        await self._check_scopes(person, pair.long.instrument, pair.short.instrument)
        long, short = pair.long.instrument, pair.short.instrument
        await self._parts.scanner.first_proofs()
        doubt = self._parts.scanner.entry_doubt(long, short)
        if doubt is not None:
            raise NoPairError(pair.base, doubt)
        cooling = await self._parts.limits.cooldown(pair.base, (first, second))
        if cooling is not None and self._parts.clock.now() < cooling.until:
            raise CoolingDownError(pair.base, cooling.until)
        await self._check_room()

    async def _check_room(self) -> None:
        """Refuse one pair more than the host allows."""
        running = len(await self._parts.trades.trades_in_progress())
        if running >= self._parts.limits.caps.max_open_trades:
            raise TooManyOpenError(running)

    async def _check_scopes(self, person: Person, *instruments: Instrument) -> None:
        """Refuse while entries are off everywhere, or for one of these instruments."""
        halts = await self._parts.halts.halts()
        everywhere = [each for each in halts if each.scope == GLOBAL_SCOPE]
        _refuse_if_halted(max(everywhere, key=_strictness, default=None), person)
        for each in instruments:
            _refuse_if_halted(strictest(halts, each.venue_id, each.symbol), person)

    async def _price_open(
        self, pair: Opportunity, size_usd: Decimal | None
    ) -> OpenPlan:
        long, short = pair.long.instrument, pair.short.instrument
        books, balances, _ = await asyncio.gather(
            self._pair_books(long, short),
            self._balances((long.venue_id, short.venue_id)),
            self._parts.fees.learn((long, short)),
        )
        quoting = self._parts.quoting
        return build_open_plan(
            pair,
            books,
            tariff=Tariff(self._parts.rules, self._parts.fees.of_pair(long, short)),
            balances=balances,
            holding=Holding(
                entry=self._parts.clock.now(),
                hold=quoting.hold,
                size_usd=size_usd or quoting.size_usd,
                leverage=quoting.leverage,
                others=OTHER_HOLDS,
            ),
        )

    def _check_net(self, pair: Opportunity, body: OpenPlan) -> None:
        """Refuse what no longer brings enough at the books of this moment."""
        now = replace(pair, estimate=body.estimate)
        refusal = net_refusal(now, self._parts.scanner.gates)
        if refusal is not None:
            raise NoPairError(pair.base, refusal.detail)

    def _too_dear(
        self,
        pair: Opportunity,
        balances: Mapping[VenueId, Balance],
        size_usd: Decimal | None,
    ) -> str | None:
        """Return why "Enter best" passes a pair over before any book is read."""
        if pair.has_unknown_volume:
            return "day volume of one side is not known"
        for side in (pair.long, pair.short):
            venue_id = side.instrument.venue_id
            balance = balances.get(venue_id)
            if balance is None:
                return f"{self._parts.rules[venue_id].title} does not answer"
            needed = margin_needed(
                size_usd or self._parts.quoting.size_usd,
                self._parts.quoting.leverage,
                self._parts.fees.of(side.instrument).rate,
            )
            if balance.free_usd < needed:
                return str(MarginError(venue_id, balance.free_usd, needed))
        return None

    async def _pair_books(self, long: Instrument, short: Instrument) -> PairBooks:
        """Read both books at once.

        Raises:
            VenueDownError: one of them did not answer.
            OffTheListError: one of them is not traded any more.
        """
        first, second = await asyncio.gather(self._book(long), self._book(short))
        return PairBooks(long=first, short=second)

    async def _book(self, instrument: Instrument) -> OrderBook:
        """Read one book, or say which venue did not show it and why."""
        venue_id = instrument.venue_id
        books = self._parts.books.get(venue_id)
        if books is None:
            detail = "CARRY_VENUES does not name it; add it and restart"
            raise VenueDownError(venue_id, detail, None)
        try:
            async with asyncio.timeout(READ_LIMIT.total_seconds()):
                return await books.book(instrument)
        except VenueError as error:
            absence = self._parts.scanner.absence(instrument)
            if absence is not None:
                name = instrument.native_name
                raise OffTheListError(venue_id, name, absence.value) from error
            raise VenueDownError(venue_id, error.detail, None) from error
        except TimeoutError as error:
            detail = "no order book in time"
            raise VenueDownError(venue_id, detail, None) from error

    async def _balances(self, venue_ids: tuple[VenueId, ...]) -> dict[VenueId, Balance]:
        """Read balances at once; a venue that does not answer is left out."""
        answers = await asyncio.gather(
            *(self._balance(venue_id) for venue_id in venue_ids)
        )
        return {each.venue_id: each for each in answers if each is not None}

    async def _balance(self, venue_id: VenueId) -> Balance | None:
        account = self._parts.accounts.get(venue_id)
        if account is None:
            return None
        try:
            async with asyncio.timeout(READ_LIMIT.total_seconds()):
                return await account.balance()
        except (VenueError, TimeoutError):
            return None

    async def _draft(
        self, body: OpenPlan | ClosePlan, person: Person, ttl: timedelta
    ) -> Quote:
        nonce = Nonce(self._parts.ids.nonce())
        now = self._parts.clock.now()
        quote = Quote(PlanId(self._parts.ids.short()), nonce, body, now, now + ttl)
        await self._parts.plans.draft(
            StoredPlan(
                plan_id=quote.plan_id,
                nonce_hash=hash_of(nonce),
                user_id=person.user_id,
                chat_id=person.chat_id,
                message_id=None,
                body=body,
                quoted_at=now,
                expires_at=quote.expires_at,
                state=PlanState.DRAFT,
            )
        )
        return quote

    async def issue(self, plan_id: PlanId, message_id: MessageId) -> None:
        """Bind a draft to the message that shows it."""
        await self._parts.plans.issue(plan_id, message_id)

    async def discard(self, plan_id: PlanId) -> None:
        """Void a plan whose card was replaced or could not be sent."""
        await self._parts.plans.end(plan_id, PlanState.VOID)

    # --- claim ------------------------------------------------------------------------

    async def confirm(
        self, nonce: Nonce, person: Person, message_id: MessageId
    ) -> Trade:
        """Use a plan and start its trade.

        Raises:
            CoreError: why not; nothing was ordered.
        """
        plan = await self._pressable(nonce, person, message_id)
        if isinstance(plan.body, OpenPlan):
            await self._check_scopes(
                person, plan.body.first.instrument, plan.body.second.instrument
            )
            trade = self._new_trade(plan, plan.body, message_id)
        else:
            trade = await self._closing(plan, plan.body, message_id)
        claim = Claim(
            nonce_hash=plan.nonce_hash,
            user_id=person.user_id,
            chat_id=person.chat_id,
            message_id=message_id,
            now=self._parts.clock.now(),
            trade=trade,
            event=self._claimed(plan, trade, person),
        )
        if not await self._parts.plans.claim(claim):
            await self._pressable(nonce, person, message_id)
            raise PlanUsedError(None)
        if isinstance(plan.body, OpenPlan):
            self._parts.execution.start_open(trade)
        else:
            self._parts.execution.start_close(trade)
        return trade

    async def cancel(self, nonce: Nonce, person: Person, message_id: MessageId) -> None:
        """End an issued plan.

        Raises:
            PlanGoneError: it cannot be ended any more.
        """
        plan = await self._pressable(nonce, person, message_id)
        if not await self._parts.plans.end(plan.plan_id, PlanState.CANCELLED):
            raise PlanUsedError(plan.trade_id)

    async def _pressable(
        self, nonce: Nonce, person: Person, message_id: MessageId
    ) -> StoredPlan:
        """Return the plan behind a button, or say why the button is dead."""
        plan = await self._parts.plans.plan_of_nonce(hash_of(nonce))
        if plan is None:
            raise PlanUnknownError
        if (plan.user_id, plan.chat_id) != (person.user_id, person.chat_id):
            raise NotYoursError(plan.user_id)
        if plan.state is PlanState.DRAFT:
            raise PlanPendingError
        # a card that was sent just before a kill never learned its message
        if plan.message_id not in {None, message_id}:
            raise NotYoursError(plan.user_id)
        if plan.state is PlanState.USED:
            raise PlanUsedError(plan.trade_id)
        if plan.state in {PlanState.VOID, PlanState.CANCELLED}:
            raise PlanVoidError(plan.state.value)
        if (
            plan.state is PlanState.EXPIRED
            or self._parts.clock.now() >= plan.expires_at
        ):
            await self._parts.plans.end(plan.plan_id, PlanState.EXPIRED)
            raise PlanExpiredError(plan.expires_at)
        return plan

    def _new_trade(
        self, plan: StoredPlan, body: OpenPlan, message_id: MessageId
    ) -> Trade:
        return Trade(
            trade_id=TradeId(self._parts.ids.short()),
            plan_id=plan.plan_id,
            base=body.base,
            first=_leg(body.first),
            second=_leg(body.second),
            quantity_base=min(body.first.quantity_base, body.second.quantity_base),
            leverage=body.leverage,
            spread_per_hour=body.spread_per_hour,
            bounds=body.bounds,
            opened_by=plan.user_id,
            chat_id=plan.chat_id,
            message_id=message_id,
            created_at=self._parts.clock.now(),
            version=1,
        )

    async def _closing(
        self, plan: StoredPlan, body: ClosePlan, message_id: MessageId
    ) -> Trade:
        trade = await self._parts.trades.trade(body.trade_id)
        if trade is None:
            raise UnknownTradeError(body.trade_id)
        if trade.state is not TradeState.OPEN:
            raise TradeBusyError(trade.trade_id, trade.state.value)
        return replace(
            advance_trade(trade, "T19"),
            close_plan_id=plan.plan_id,
            close_target_base=trade.quantity_base * 0,
            close_rounds=0,
            chat_id=plan.chat_id,
            message_id=message_id,
        )

    def _claimed(self, plan: StoredPlan, trade: Trade, person: Person) -> Event:
        verb = "open" if isinstance(plan.body, OpenPlan) else "close"
        return Event(
            at=self._parts.clock.now(),
            who=f"user {person.user_id}",
            what=f"confirmed {verb}",
            detail=f"trade={trade.trade_id} plan={plan.plan_id} base={trade.base}",
        )


def _too_little(pair: Opportunity, unpriced: str | None) -> str | None:
    """Return why "Enter best" passes over a pair that a person may still choose."""
    if pair.estimate is None:
        return unpriced
    return None if pair.refusal is None else pair.refusal.detail


def _refuse_if_halted(halt: Halt | None, person: Person) -> None:
    if halt is None or halt.state is TradingState.ACTIVE:
        return
    if halt.key == STARTUP_KEY:
        raise ReconcilingError
    reason = halt.reason
    if halt.key in {PAUSE_KEY, HALT_KEY}:
        reason = "by you" if halt.by == person.user_id else "by another person"
    is_persons = halt.key == HALT_KEY
    can_close = is_persons or halt.state is not TradingState.HALTED
    raise PausedError(reason, halt.since, is_halt=is_persons, can_close=can_close)


def _strictness(halt: Halt) -> bool:
    return halt.state is TradingState.HALTED


def _refuse_if_held(trade: Trade, venues: set[VenueId]) -> None:
    """Refuse a second trade of a token on a venue that one of ours is on.

    Raises:
        TradeBusyError: that trade is being opened, closed or repaired.
        AlreadyHeldError: it is open.
    """
    for leg in trade.legs:
        if leg.instrument.venue_id not in venues:
            continue
        if trade.state is not TradeState.OPEN or trade.needs_attention:
            raise TradeBusyError(trade.trade_id, trade.state.value)
        detail = f"pair {trade.trade_id} is open"
        raise AlreadyHeldError(trade.base, leg.instrument.venue_id, detail)


def _details(skips: Iterable[Skip]) -> str:
    """Return in words why a token has no pair now, each with the venue it is about."""
    words = []
    for skip in skips:
        if skip.spread_per_hour is not None:
            words.append("its spread is below the least wanted by now")
            continue
        is_named = skip.venue_id is None or skip.venue_id in skip.detail
        words.append(skip.detail if is_named else f"{skip.venue_id}: {skip.detail}")
    return "; ".join(dict.fromkeys(words)).replace("_", " ") or "no fresh rates"


def hash_of(nonce: Nonce) -> str:
    """Return what is stored of a button's secret: hex SHA-256."""
    return hashlib.sha256(nonce.encode()).hexdigest()


def _leg(leg: PlanLeg) -> TradeLeg:
    return TradeLeg(
        instrument=leg.instrument,
        side=leg.side,
        taker_fee=leg.taker_fee,
        entry_rate_per_hour=None if leg.rate is None else leg.rate.per_hour,
    )
