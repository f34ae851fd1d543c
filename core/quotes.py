"""A token, a size or an open pair in; a plan priced from both books, or why not, out.

Everything is read at the moment of asking; what could never be confirmed is refused
before a card offers it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from core.economics import blended_net_usd
from core.errors import (
    AlreadyHeldError,
    CannotAddError,
    CapError,
    CoolingDownError,
    CoreError,
    MarginError,
    NoPairError,
    NothingFitsError,
    OffTheListError,
    SizeError,
    ThinSpreadError,
    TooManyOpenError,
    TradeBusyError,
    TroubleKind,
    UnknownTokenError,
    UnknownTradeError,
    VenueDownError,
    VenueError,
)
from core.liquidity import PairBooks
from core.model.opportunity import Opportunity
from core.model.plan import WHOLE, AddPlan
from core.model.trade import TradeState
from core.opportunities import chosen_pair, net_refusal
from core.planning import (
    Holding,
    Tariff,
    build_close_plan,
    build_open_plan,
    distances_after,
    margin_needed,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from decimal import Decimal

    from core.appraisal import Past
    from core.claims import Claims, Person, Quote
    from core.fees import Fees
    from core.limits import Limits
    from core.model.instrument import Instrument, TokenRow
    from core.model.market import OrderBook
    from core.model.opportunity import Skip
    from core.model.order import Balance
    from core.model.plan import OpenPlan
    from core.model.trade import Trade
    from core.model.units import Base, TradeId, VenueId
    from core.model.venue import VenueRules
    from core.ports import (
        Clock,
        OrderBooks,
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
    claims: Claims
    trades: Trades
    limits: Limits
    fees: Fees
    past: Past
    clock: Clock
    quoting: Quoting


class Quotes:
    """Prices plans."""

    def __init__(self, parts: QuoteParts) -> None:
        self._parts = parts
        self._refused: dict[VenueId, str] = {}
        """Why a venue last refused to tell its balance: no keys, for one."""

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

        A pair that is open already, on these very venues, is offered to grow instead.

        Raises:
            CoreError: why it cannot be offered.
        """
        row = self._row(base)
        self._check_size(size_usd)
        pair = self._ranked(base) if venues is None else self._named(row, venues)
        held = await self._held(pair)
        if held is not None:
            return await self.add(held, size_usd=size_usd, person=person)
        await self._check_entry(pair, person)
        body = await self._price_open(pair, size_usd)
        return await self._draft_open(pair, body, person)

    async def best(self, *, size_usd: Decimal | None, person: Person) -> Quote:
        """Price the first pair of the ranking that fits and store it as a draft.

        Raises:
            NothingFitsError: none fits; it names why for each.
        """
        await self._parts.claims.check_scopes(person)
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
                found = await self._try_open(pair, size_usd, person)
                if not isinstance(found, str):
                    return replace(found, passed_over=tuple(passed))
                why = found
            passed.append((pair.base, why))
        raise NothingFitsError(tuple(passed))

    async def tried(
        self, pairs: Sequence[Opportunity], person: Person
    ) -> list[Opportunity | CoreError]:
        """Price pairs as quotes would, each book and balance read once; store nothing.

        Each comes back with its estimate, and with what its net refuses, or as the
        first thing that stops a quote.
        """
        stops = [await self._stop_of(each, person) for each in pairs]
        sides = {
            (side.instrument.venue_id, side.instrument.symbol): side.instrument
            for pair, stop in zip(pairs, stops, strict=True)
            for side in (pair.long, pair.short)
            if stop is None
        }
        found, balances, _ = await asyncio.gather(
            asyncio.gather(
                *(self._book(each) for each in sides.values()), return_exceptions=True
            ),
            self._balances(tuple({venue_id for venue_id, _ in sides})),
            self._parts.fees.learn(tuple(sides.values())),
        )
        books = dict(zip(sides, found, strict=True))
        return [
            stop or await self._tried(pair, books, balances)
            for pair, stop in zip(pairs, stops, strict=True)
        ]

    async def _stop_of(self, pair: Opportunity, person: Person) -> CoreError | None:
        try:
            await self._check_entry(pair, person)
        except CoreError as error:
            return error
        return None

    async def _tried(
        self,
        pair: Opportunity,
        books: Mapping[tuple[VenueId, str], OrderBook | BaseException],
        balances: Mapping[VenueId, Balance],
    ) -> Opportunity | CoreError:
        read = []
        for side in (pair.long, pair.short):
            book = books[side.instrument.venue_id, side.instrument.symbol]
            if isinstance(book, CoreError):
                return book
            if isinstance(book, BaseException):
                raise book
            read.append(book)
        try:
            body = self._plan(pair, PairBooks(read[0], read[1]), balances, None)
            await self._check_caps(body)
        except CoreError as error:
            return error
        priced = replace(pair, estimate=body.estimate, unpriced=None)
        return replace(priced, refusal=net_refusal(priced, self._parts.scanner.gates))

    async def close(
        self, trade_id: TradeId, *, person: Person, share: Decimal = WHOLE
    ) -> Quote:
        """Price a close of all or a share of a pair now and store it as a draft.

        Raises:
            CoreError: unknown or busy trade, a part too small, or a venue that does not
                answer.
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
            share=share,
        )
        return await self._parts.claims.draft(body, person, CLOSE_TTL)

    async def add(
        self, trade_id: TradeId, *, size_usd: Decimal | None, person: Person
    ) -> Quote:
        """Price a part to be added to an open pair and store it as a draft.

        It passes the same checks as an entry, and the caps count the sum.

        Raises:
            CoreError: unknown or busy trade, or why an entry could not be offered.
        """
        trade = await self._parts.trades.trade(trade_id)
        if trade is None:
            raise UnknownTradeError(trade_id)
        if trade.state is not TradeState.OPEN or trade.needs_attention:
            raise TradeBusyError(trade.trade_id, trade.state.value)
        self._check_size(size_usd)
        venues = trade.long.instrument.venue_id, trade.short.instrument.venue_id
        pair = self._named(self._row(trade.base), venues)
        _check_contracts(trade, pair)
        await self._check_gates(pair, person)
        body = await self._price_addition(trade, pair, size_usd)
        quote = await self._parts.claims.draft(body, person, self._parts.quoting.ttl)
        return replace(quote, past=self._parts.past(pair.long, pair.short))

    async def _held(self, pair: Opportunity) -> TradeId | None:
        """Return our open pair of the same contracts on the same sides, if any."""
        for trade in await self._parts.trades.trades_in_progress():
            sides = (trade.long, pair.long), (trade.short, pair.short)
            is_same = all(
                leg.instrument.same_contract(side.instrument) for leg, side in sides
            )
            if is_same and trade.state is TradeState.OPEN:
                return trade.trade_id
        return None

    async def _price_addition(
        self, trade: Trade, pair: Opportunity, size_usd: Decimal | None
    ) -> AddPlan:
        long, short = pair.long.instrument, pair.short.instrument
        books, balances, fills, _ = await asyncio.gather(
            self._pair_books(long, short),
            self._balances((long.venue_id, short.venue_id)),
            self._parts.trades.fills_of(trade.trade_id),
            self._parts.fees.learn((long, short)),
        )
        part = self._plan(pair, books, balances, size_usd, grows=trade)
        body = AddPlan(
            trade_id=trade.trade_id,
            part=part,
            held=(trade.first.held_base, trade.second.held_base),
            distances=distances_after(trade, part, pair, fills),
        )
        refusal = await self._parts.claims.cap_refusal(body)
        if refusal is not None:
            raise CapError(refusal)
        return body

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
        await self._parts.claims.check_scopes(person)
        venues = _venues_of(pair)
        # a trade in trouble halts its own contracts: its card says more than the halt
        for trade in await self._parts.trades.trades_in_progress():
            if trade.base == pair.base:
                _refuse_if_held(trade, set(venues))
        await self._check_gates(pair, person)
        await self._check_room()

    async def _check_gates(self, pair: Opportunity, person: Person) -> None:
        """Refuse what may not grow now, whether it is held already or not."""
        long, short = pair.long.instrument, pair.short.instrument
        await self._parts.claims.check_scopes(person, long, short)
        await self._parts.scanner.first_proofs()
        doubt = self._parts.scanner.entry_doubt(long, short)
        if doubt is not None:
            raise NoPairError(pair.base, doubt)
        cooling = await self._parts.limits.cooldown(pair.base, _venues_of(pair))
        if cooling is not None and self._parts.clock.now() < cooling.until:
            raise CoolingDownError(pair.base, cooling.until)

    async def _check_room(self) -> None:
        """Refuse one pair more than the host allows."""
        running = len(await self._parts.trades.trades_in_progress())
        if running >= self._parts.limits.caps.max_open_trades:
            raise TooManyOpenError(running)

    async def _price_open(
        self, pair: Opportunity, size_usd: Decimal | None
    ) -> OpenPlan:
        long, short = pair.long.instrument, pair.short.instrument
        books, balances, _ = await asyncio.gather(
            self._pair_books(long, short),
            self._balances((long.venue_id, short.venue_id)),
            self._parts.fees.learn((long, short)),
        )
        plan = self._plan(pair, books, balances, size_usd)
        await self._check_caps(plan)
        return plan

    async def _check_caps(self, plan: OpenPlan) -> None:
        """Refuse what the caps on holdings leave no room for."""
        refusal = await self._parts.claims.cap_refusal(plan)
        if refusal is not None:
            raise CapError(refusal)

    def _plan(
        self,
        pair: Opportunity,
        books: PairBooks,
        balances: Mapping[VenueId, Balance],
        size_usd: Decimal | None,
        grows: Trade | None = None,
    ) -> OpenPlan:
        """Price an entry, or a part that grows an open pair by that pair's terms."""
        long, short = pair.long.instrument, pair.short.instrument
        quoting = self._parts.quoting
        body = build_open_plan(
            pair,
            books,
            tariff=Tariff(self._parts.rules, self._parts.fees.of_pair(long, short)),
            balances=balances,
            holding=Holding(
                entry=self._parts.clock.now(),
                hold=quoting.hold,
                size_usd=size_usd or quoting.size_usd,
                leverage=quoting.leverage if grows is None else grows.leverage,
                others=OTHER_HOLDS,
            ),
            first=None if grows is None else grows.first.side,
        )
        usdt = self._parts.scanner.stablecoins.usdt_in_usdc
        body = replace(body, usdt_in_usdc=usdt)
        if body.estimate is None:
            return body
        past = self._parts.past(pair.long, pair.short)
        blended = blended_net_usd(body.estimate, past)
        estimate = replace(body.estimate, blended_net_usd=blended)
        priced = replace(pair, estimate=estimate)
        refusal = net_refusal(priced, self._parts.scanner.gates)
        why = None if refusal is None else refusal.detail
        return replace(body, estimate=estimate, refusal=why)

    async def _try_open(
        self, pair: Opportunity, size_usd: Decimal | None, person: Person
    ) -> Quote | str:
        """Return a quote of a pair that earns its costs, or why there is none."""
        try:
            await self._check_entry(pair, person)
            body = await self._price_open(pair, size_usd)
        except CoreError as error:
            return str(error)
        if body.refusal is not None:  # the books may have moved since the scan
            return body.refusal
        return await self._draft_open(pair, body, person)

    async def _draft_open(
        self, pair: Opportunity, body: OpenPlan, person: Person
    ) -> Quote:
        ttl = self._parts.quoting.ttl
        quote = await self._parts.claims.draft(body, person, ttl)
        return replace(quote, past=self._parts.past(pair.long, pair.short))

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
                title = self._parts.rules[venue_id].title
                refused = self._refused.get(venue_id)
                return f"{title}: {refused}" if refused else f"{title} does not answer"
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
        self._refused.pop(venue_id, None)
        try:
            async with asyncio.timeout(READ_LIMIT.total_seconds()):
                return await account.balance()
        except VenueError as error:
            if error.kind is TroubleKind.REFUSED:
                self._refused[venue_id] = error.detail
        except TimeoutError:
            pass
        return None


def _venues_of(pair: Opportunity) -> tuple[VenueId, VenueId]:
    """Return both venues by name, as cool-downs are keyed."""
    sides = (pair.long, pair.short)
    first, second = sorted(each.instrument.venue_id for each in sides)
    return first, second


def _check_contracts(trade: Trade, pair: Opportunity) -> None:
    """Refuse to add to a contract that is not what the pair was opened with.

    Raises:
        CannotAddError: it is another one, or its units or lots are others now.
    """
    for side, leg in ((pair.long, trade.long), (pair.short, trade.short)):
        now, then = side.instrument, leg.instrument
        same = (now.symbol, now.multiplier, now.unit, now.lot_base)
        if same != (then.symbol, then.multiplier, then.unit, then.lot_base):
            why = f"{now.venue_id} has changed its contract since; close it instead"
            raise CannotAddError(trade.base, why)


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


def _too_little(pair: Opportunity, unpriced: str | None) -> str | None:
    """Return why "Enter best" passes over a pair that a person may still choose."""
    if pair.estimate is None:
        return unpriced
    return None if pair.refusal is None else pair.refusal.detail


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
