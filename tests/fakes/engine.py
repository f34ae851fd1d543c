"""A scripted engine: keeps plans and trades like the real one, trades nothing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from core import errors
from core.engine import Engine, EngineFacts, Quote, TokenView
from core.exitwatch import ExitWatch
from core.model.control import (
    GLOBAL_SCOPE,
    HALT_KEY,
    Halt,
    Halted,
    TradingState,
)
from core.model.exit import ExitRule, Timer
from core.model.health import Health, Tally, VenueHealth
from core.model.instrument import AbsenceReason, Availability, TokenRow
from core.model.opportunity import (
    Opportunity,
    ScanResult,
    Skip,
    SkipReason,
    VenueStatus,
)
from core.model.order import Balance
from core.model.plan import (
    AddPlan,
    AdoptedLeg,
    AdoptPlan,
    Bounds,
    ClosePlan,
    OpenPlan,
    PlanLeg,
)
from core.model.position import LegValue, Portfolio, Position
from core.model.preferences import Given, Key
from core.model.trade import Addition, Trade, TradeLeg, TradeState
from core.model.units import (
    Base,
    ChatId,
    LegSide,
    MessageId,
    Mode,
    Nonce,
    OrderSide,
    PlanId,
    TradeId,
    UserId,
)
from core.model.venue import Acknowledgement, ClientIdFormat, VenueRules
from core.model.why import Explanation, PairVerdict, VenueVerdict
from core.preferences import PreferenceBook
from tests.fakes.estimates import estimate
from tests.fakes.ledger import ScriptedBooks, closed_entry, open_entry
from tests.fakes.memory import FakePreferences
from tests.fakes.objects import ALL_VENUES, BINANCE, HYPERLIQUID, LIGHTER, snapshot
from tests.fakes.runtime import START, FakeClock

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from core.bookkeeping import Bookkeeper
    from core.model.alert import Alarm
    from core.model.control import Event
    from core.model.estimate import NetEstimate
    from core.model.exit import Timers
    from core.model.history import SpreadStats
    from core.model.instrument import Instrument
    from core.model.market import FundingSnapshot
    from core.model.plan import (
        PlanBody,
    )
    from core.model.position import ForeignPosition
    from core.model.room import Room
    from core.model.units import (
        VenueId,
    )
    from core.ports import Clock
    from tests.fakes.runtime import CountedIds

CODES = {"binance": "BN", "hyperliquid": "HL", "lighter": "LT", "extended": "EX"}
RULES = tuple(
    VenueRules(
        venue_id=venue_id,
        code=CODES[venue_id],
        title=venue_id.capitalize(),
        acknowledgement=Acknowledgement.RESULT,
        client_id_format=ClientIdFormat.ALPHANUMERIC,
        fence=timedelta(seconds=15),
        taker_fee=Decimal("0.0005"),
        funding_price="mark",
    )
    for venue_id in ALL_VENUES
)
FACTS = EngineFacts(
    mode=Mode.PAPER,
    venues=RULES,
    quote_ttl=timedelta(seconds=45),
    scan_interval=timedelta(seconds=60),
)
HOST: Mapping[Key, Given] = {
    Key.SIZE_USD: Given(Decimal(500)),
    Key.LEVERAGE: Given(Decimal(3)),
    Key.HOLD: Given(Decimal(24)),
    Key.MIN_NET: Given(Decimal("0.0005")),
    Key.MAX_BREAK_EVEN: Given(Decimal(24)),
    Key.ALERT_SPREAD: Given(Decimal("0.00005")),
    Key.MIN_SPREAD: Given(Decimal("0.00002")),
    Key.MIN_VOLUME: Given(Decimal(50000)),
    Key.UNKNOWN_VOLUME: Given(value=True),
    Key.VENUES: Given(tuple(str(each) for each in ALL_VENUES)),
    Key.TOKENS: Given(()),
    Key.MAX_TRADE_USD: Given(Decimal(2500)),
    Key.MAX_TOKEN_USD: Given(Decimal(5000)),
    Key.MAX_VENUE_USD: Given(Decimal(10000)),
    Key.MAX_TOTAL_USD: Given(Decimal(25000)),
    Key.MAX_OPEN_TRADES: Given(Decimal(10)),
    Key.MAX_ENTRIES: Given(Decimal(30)),
    Key.MAX_LEVERAGE: Given(Decimal(5), is_named=True),
    Key.RATE_HOURS: Given(Decimal(8)),
}
BOUNDS = Bounds(
    min_spread_per_hour=Decimal("0.00006"),
    max_cost_usd=Decimal("1.25"),
    max_slip_first=Decimal("0.0010"),
    max_slip_second=Decimal("0.0015"),
)


def no_choices(clock: Clock | None = None) -> PreferenceBook:
    """Return preferences of which nobody has chosen any."""
    return PreferenceBook(
        store=FakePreferences(), clock=clock or FakeClock(), host=HOST
    )


# --- small worlds ---------------------------------------------------------------------


def pair(
    base: str = "HYPE",
    *,
    spread: str = "0.0001",
    long: VenueId = BINANCE,
    short: VenueId = HYPERLIQUID,
    volume: str | None = "1000000",
    price: str = "40",
) -> Opportunity:
    """Return an opportunity with this hourly spread; the long side is at zero."""
    return Opportunity(
        Base(base),
        snapshot(base, long, per_hour="0", volume=volume, price=price),
        snapshot(base, short, per_hour=spread, volume=volume, price=price),
    )


def scan_of(
    *pairs: Opportunity,
    skips: Sequence[Skip] = (),
    at: datetime = START,
    silent: VenueId | None = None,
) -> ScanResult:
    """Return a scan of four venues that found these pairs."""
    return ScanResult(
        at=at,
        venues=tuple(
            VenueStatus(
                venue_id=venue_id,
                is_ok=venue_id != silent,
                instruments=200,
                rates=0 if venue_id == silent else 200,
                error="timeout" if venue_id == silent else None,
                age=timedelta(minutes=4) if venue_id == silent else timedelta(0),
            )
            for venue_id in ALL_VENUES
        ),
        matrix=(),
        opportunities=pairs,
        skips=tuple(skips),
        snapshots={one.base: (one.long, one.short) for one in pairs},
    )


def lists_of(result: ScanResult, *, more: Sequence[str] = ()) -> Availability:
    """Return the availability of a scan's pairs, and of tokens on one venue."""
    rows = {
        one.base: _row(one.base, (one.long, one.short)) for one in result.opportunities
    }
    rows |= {Base(name): _row(Base(name), (snapshot(name, LIGHTER),)) for name in more}
    return Availability(
        built_at=START,
        rows=rows,
        left_out=(),
        read_at=dict.fromkeys(ALL_VENUES, START),
    )


def _row(base: Base, found: Sequence[FundingSnapshot]) -> TokenRow:
    listed = {one.instrument.venue_id: one.instrument for one in found}
    return TokenRow(
        base=base,
        instruments=listed,
        absences={
            venue_id: AbsenceReason.PRE_MARKET
            if venue_id == "extended"
            else AbsenceReason.NOT_LISTED
            for venue_id in ALL_VENUES
            if venue_id not in listed
        },
    )


def plan_leg(one: FundingSnapshot, side: LegSide, quantity: Decimal) -> PlanLeg:
    """Return a leg quoted at the mark price, the next payment in an hour."""
    price = one.mark_price or Decimal(1)
    return PlanLeg(
        instrument=one.instrument,
        side=side,
        order_side=OrderSide.BUY if side is LegSide.LONG else OrderSide.SELL,
        quantity_base=quantity,
        price=price,
        best_price=price,
        rate=one.rate,
        next_funding_at=START + timedelta(hours=1),
        taker_fee=Decimal("0.0005"),
        free_usd=Decimal(5000),
        book_at=START,
        rate_at=START - timedelta(seconds=40),
    )


def open_plan(found: Opportunity, size_usd: Decimal = Decimal(500)) -> OpenPlan:
    """Return an entry of this size at the mark price."""
    quantity = size_usd / (found.long.mark_price or Decimal(1))
    return OpenPlan(
        base=found.base,
        first=plan_leg(found.short, LegSide.SHORT, quantity),
        second=plan_leg(found.long, LegSide.LONG, quantity),
        size_usd=size_usd,
        leverage=Decimal(3),
        spread_per_hour=found.spread_per_hour,
        fees_usd=Decimal("1.00"),
        basis_usd=Decimal("0.05"),
        bounds=BOUNDS,
        has_unknown_volume=found.has_unknown_volume,
        estimate=estimate_of(found),
    )


def estimate_of(found: Opportunity) -> NetEstimate:
    """Return an estimate of this pair: +0.51 USD after 24 h."""
    whole = estimate()
    long, short = found.long.instrument.venue_id, found.short.instrument.venue_id
    return replace(
        whole,
        long=replace(whole.long, venue_id=long),
        short=replace(whole.short, venue_id=short),
    )


def trade_of(
    body: OpenPlan, trade_id: str, state: TradeState = TradeState.OPEN
) -> Trade:
    """Return a trade of this plan with both legs filled."""
    first, second = (
        TradeLeg(
            instrument=leg.instrument,
            side=leg.side,
            taker_fee=leg.taker_fee,
            held_base=leg.quantity_base,
        )
        for leg in (body.first, body.second)
    )
    return Trade(
        trade_id=TradeId(trade_id),
        plan_id=PlanId("plan0001"),
        base=body.base,
        first=first,
        second=second,
        quantity_base=body.first.quantity_base,
        leverage=body.leverage,
        spread_per_hour=body.spread_per_hour,
        bounds=body.bounds,
        opened_by=UserId(1),
        chat_id=ChatId(1),
        message_id=MessageId(1),
        created_at=START,
        state=state,
        version=1,
        opened_at=START,
    )


def value_of(trade: Trade, at: datetime = START) -> Position:
    """Return a trade that earned $3 of funding, paid $0.50, and moved by -$0.20."""
    price = Decimal(40)

    def leg(side: TradeLeg, funding: str, moved: str) -> LegValue:
        return LegValue(
            leg=side,
            entry_price=price,
            mark_price=price,
            funding_usd=Decimal(funding),
            fees_usd=Decimal("0.25"),
            price_usd=Decimal(moved),
            rate=snapshot(trade.base, side.instrument.venue_id).rate,
            next_funding_at=at + timedelta(minutes=12),
        )

    long, short = leg(trade.long, "-1", "-0.30"), leg(trade.short, "4", "0.10")
    return Position(trade=trade, long=long, short=short, valued_at=at)


def close_plan(trade: Trade, share: Decimal = Decimal(1)) -> ClosePlan:
    """Return a close at the mark price."""
    first, second = (
        replace(
            plan_leg(
                snapshot(trade.base, leg.instrument.venue_id, price="40"),
                leg.side,
                leg.held_base * share,
            ),
            order_side=OrderSide.SELL if leg.side is LegSide.LONG else OrderSide.BUY,
        )
        for leg in trade.legs
    )
    return ClosePlan(
        trade_id=trade.trade_id,
        base=trade.base,
        first=first,
        second=second,
        expected_net_usd=Decimal("2.05"),
        funding_usd=Decimal(3),
        price_usd=Decimal("-0.20"),
        fees_usd=Decimal("0.75"),
        bounds=replace(BOUNDS, min_spread_per_hour=None, max_cost_usd=None),
        remaining_base=trade.first.held_base * (1 - share),
    )


def add_plan(trade: Trade, found: Opportunity, size_usd: Decimal) -> AddPlan:
    """Return a part for a pair, 31 % away from liquidation with it."""
    held = trade.first.held_base, trade.second.held_base
    far = Decimal("0.31")
    return AddPlan(trade.trade_id, open_plan(found, size_usd), held, (far, far))


def growing(trade: Trade, body: AddPlan) -> Trade:
    """Return a pair right after the tap on Add."""
    part = body.part
    adding = Addition(
        plan_id=PlanId("plan0002"),
        quantity_base=part.first.quantity_base,
        spread_per_hour=part.spread_per_hour,
        bounds=part.bounds,
        at=START,
        orders_before=2,
    )
    return replace(trade, state=TradeState.CONFIRMED, adding=adding)


# --- the engine -----------------------------------------------------------------------


@dataclass
class StoredQuote:
    """A quote and what became of it."""

    quote: Quote
    user_id: UserId
    chat_id: ChatId
    state: str = "draft"
    message_id: MessageId | None = None
    trade_id: str | None = None


class ScriptedExits(ExitWatch):
    """Keeps what a person asks of a pair; watches nothing."""

    def __init__(self) -> None:
        self.asked: dict[TradeId, dict[ExitRule, Timer]] = {}
        self.due: datetime | None = START + timedelta(hours=1)

    async def wishes(self, trade_id: TradeId) -> Timers:
        """Return what was asked."""
        return self.asked.get(trade_id, {})

    async def close_after_payment(
        self, trade_id: TradeId, user_id: UserId
    ) -> datetime | None:
        """Note it, or forget it."""
        del user_id
        wishes = self.asked.setdefault(trade_id, {})
        if wishes.pop(ExitRule.AFTER_PAYMENT, None) is not None or self.due is None:
            return None
        wishes[ExitRule.AFTER_PAYMENT] = Timer(mark=self.due)
        return self.due

    async def close_below(
        self, trade_id: TradeId, level: Decimal | None, user_id: UserId
    ) -> None:
        """Note it, or forget it."""
        del user_id
        wishes = self.asked.setdefault(trade_id, {})
        wishes.pop(ExitRule.BELOW, None)
        if level is not None:
            wishes[ExitRule.BELOW] = Timer(level=level)


@dataclass
class ScriptedEngine(Engine):
    """Answers from fields that a test may set; counts what would have traded."""

    clock: FakeClock
    ids: CountedIds
    facts: EngineFacts = FACTS
    result: ScanResult | None = None
    lists: Availability | None = None
    refuses: Exception | None = None
    """Raised by the next quote or confirm instead of an answer."""
    passed_over: tuple[tuple[Base, str], ...] = ()
    trades: dict[TradeId, Trade] = field(default_factory=dict)
    quotes: dict[str, StoredQuote] = field(default_factory=dict)
    halts: tuple[Halt, ...] = ()
    trail: tuple[Event, ...] = ()
    """The audit trail, newest first."""
    owners_told: bool = False
    """Whether the last halt was told to the owners."""
    foreign: tuple[ForeignPosition, ...] = ()
    pasts: dict[str, SpreadStats] = field(default_factory=dict)
    """How each token's spread has been."""
    rooms: dict[str, Room] = field(default_factory=dict)
    """How much of each token's pairs the free margin carries."""
    large_above_usd: Decimal | None = None
    """Cap of which an entry may take half with one tap."""
    said: list[tuple[TradeId, str]] = field(default_factory=list)
    """What owners said of pairs in trouble."""
    alarms: dict[str, Alarm] = field(default_factory=dict)
    preferences: PreferenceBook = field(init=False)
    exits: ExitWatch = field(default_factory=ScriptedExits)
    books: Bookkeeper = field(
        default_factory=lambda: ScriptedBooks(open_entry(), closed_entry())
    )
    started_at: datetime = START - timedelta(hours=1)
    scans: int = 0
    refreshes: int = 0

    def __post_init__(self) -> None:
        """Keep preferences as the real engine does, in memory."""
        self.preferences = no_choices(self.clock)

    def room(self, pair: Opportunity) -> Room | None:
        """Return what a test set for the token."""
        return self.rooms.get(pair.base)

    def past_rates(
        self, instrument: Instrument
    ) -> tuple[tuple[datetime, Decimal], ...]:
        """Return a rate that climbs for three hours."""
        del instrument
        return tuple(
            (START + timedelta(hours=hour - 3), Decimal(hour) / 100_000)
            for hour in range(3)
        )

    def past_spreads(
        self, long: Instrument, short: Instrument
    ) -> tuple[tuple[datetime, Decimal], ...]:
        """Return a spread that climbs for three hours."""
        del short
        return self.past_rates(long)

    def latest_scan(self) -> ScanResult | None:
        """Return what the test put there."""
        return self.result

    def spread_stats(self, pair: Opportunity) -> SpreadStats | None:
        """Return what the test put there."""
        return self.pasts.get(pair.base)

    def availability(self) -> Availability | None:
        """Return what the test put there."""
        return self.lists

    async def scan(self) -> ScanResult:
        """Count, and date the result to now."""
        self.scans += 1
        self.result = replace(self.result or scan_of(), at=self.clock.now())
        return self.result

    async def refresh_availability(self) -> Availability:
        """Count."""
        self.refreshes += 1
        self.lists = self.lists or lists_of(scan_of())
        return self.lists

    def token(self, token: str) -> TokenView:
        """Return a listed token by its exact or upper-case name."""
        rows = self.lists.rows if self.lists else {}
        for name in (token, token.upper()):
            if Base(name) in rows:
                found = self._ranked(Base(name))
                return TokenView(rows[Base(name)], self.result, found)
        raise errors.UnknownTokenError(token)

    def _ranked(self, base: Base) -> Opportunity | None:
        found = self.result.opportunities if self.result else ()
        return next((one for one in found if one.base == base), None)

    async def why(self, token: str, *, user_id: UserId, chat_id: ChatId) -> Explanation:
        """Explain a listed token by its row; `refuses` stops its pair."""
        del user_id, chat_id
        view = self.token(token)
        found = view.opportunity
        sides = () if found is None else (found.long, found.short)
        known = {each.instrument.venue_id: each for each in sides}
        refusal = self.refuses
        assert refusal is None or isinstance(refusal, errors.CoreError)
        return Explanation(
            base=view.row.base,
            at=self.clock.now(),
            scanned_at=None if self.result is None else self.result.at,
            token=None,
            venues=tuple(
                _verdict(view.row, venue_id, known.get(venue_id))
                for venue_id in ALL_VENUES
            ),
            pairs=() if found is None else (PairVerdict(found, refusal),),
            min_spread_per_hour=self.effective().min_spread_per_hour,
            min_volume_usd=self.effective().number(Key.MIN_VOLUME),
        )

    async def events(self, limit: int) -> tuple[Event, ...]:
        """Return what the test put there."""
        return self.trail[:limit]

    async def traded_bases(self) -> dict[TradeId, Base]:
        """Return the token of the pair that the trail is about."""
        return {TradeId("7f2"): Base("HYPE")}

    async def health(self) -> Health:
        """Return four fine venues and the halts."""
        state = TradingState.REDUCING if self.halts else TradingState.ACTIVE
        if any(halt.state is TradingState.HALTED for halt in self.halts):
            state = TradingState.HALTED
        return Health(
            at=self.clock.now(),
            mode=self.facts.mode,
            trading=state,
            halts=self.halts,
            venues=tuple(
                VenueHealth(
                    venue_id=venue_id,
                    is_ok=True,
                    latency=timedelta(milliseconds=92),
                    age=timedelta(seconds=4),
                    failures=0,
                    failing_since=None,
                    error=None,
                    instruments=200,
                    rates=200,
                    tally=Tally(60, 0),
                )
                for venue_id in ALL_VENUES
            ),
            scanned_at=self.result.at if self.result else None,
            scan_took=timedelta(seconds=2.1),
            outbox_waiting=0,
            outbox_oldest=None,
            open_trades=len(self.trades),
            started_at=self.started_at,
            is_checking=False,
        )

    # --- decide -----------------------------------------------------------------------

    def _refuse(self) -> None:
        error, self.refuses = self.refuses, None
        if error is not None:
            raise error

    async def quote_open(
        self,
        token: str,
        *,
        venues: tuple[VenueId, VenueId] | None = None,
        size_usd: Decimal | None = None,
        user_id: UserId,
        chat_id: ChatId,
    ) -> Quote:
        """Quote the ranked pair, on the venues asked for."""
        self._refuse()
        found = self.token(token).opportunity
        if found is None:
            why = "no second venue"
            raise errors.NoPairError(token, why)
        if venues is not None and venues != _venues_of(found):
            found = replace(found, long=found.short, short=found.long)
        body = open_plan(found, size_usd or self.effective().size_usd)
        return self._stored(body, user_id, chat_id)

    async def quote_best(
        self, *, size_usd: Decimal | None = None, user_id: UserId, chat_id: ChatId
    ) -> Quote:
        """Quote the first pair."""
        self._refuse()
        ranked = self.result.opportunities if self.result else ()
        if not ranked:
            raise errors.NothingFitsError(self.passed_over)
        body = open_plan(ranked[0], size_usd or self.effective().size_usd)
        return self._stored(body, user_id, chat_id, self.passed_over)

    async def quote_close(
        self,
        trade_id: TradeId,
        *,
        share: Decimal = Decimal(1),
        user_id: UserId,
        chat_id: ChatId,
    ) -> Quote:
        """Quote the close of an open trade, or of a share of it."""
        self._refuse()
        trade = self._trade(trade_id)
        if trade.state is not TradeState.OPEN:
            raise errors.TradeBusyError(trade_id, trade.state.value)
        return self._stored(close_plan(trade, share), user_id, chat_id)

    async def quote_add(
        self,
        trade_id: TradeId,
        *,
        size_usd: Decimal | None = None,
        user_id: UserId,
        chat_id: ChatId,
    ) -> Quote:
        """Offer to add at the mark price."""
        self._refuse()
        trade = self._trade(trade_id)
        if trade.state is not TradeState.OPEN:
            raise errors.TradeBusyError(trade_id, trade.state.value)
        body = add_plan(trade, self._found(trade.base), size_usd or Decimal(500))
        return self._stored(body, user_id, chat_id)

    async def quote_adopt(
        self,
        venue_id: VenueId,
        symbol: str,
        quantity: Decimal,
        *,
        user_id: UserId,
        chat_id: ChatId,
    ) -> Quote:
        """Adopt the position together with its opposite on Hyperliquid."""
        self._refuse()
        del venue_id, symbol
        found = self._found(Base("HYPE"))
        legs = [
            AdoptedLeg(
                instrument=each.instrument,
                side=side,
                quantity_base=abs(quantity),
                entry_price=Decimal("41.3"),
                taker_fee=Decimal("0.0005"),
                rate_per_hour=each.rate.per_hour,
            )
            for side, each in (
                (LegSide.LONG, found.long),
                (LegSide.SHORT, found.short),
            )
        ]
        body = AdoptPlan(found.base, legs[0], legs[1], Decimal(3))
        return self._stored(body, user_id, chat_id)

    def _found(self, base: Base) -> Opportunity:
        found = self.token(base).opportunity
        assert found is not None
        return found

    def _stored(
        self,
        body: PlanBody,
        user_id: UserId,
        chat_id: ChatId,
        passed_over: tuple[tuple[Base, str], ...] = (),
    ) -> Quote:
        now = self.clock.now()
        quote = Quote(
            plan_id=PlanId(self.ids.short()),
            nonce=Nonce(self.ids.nonce()),
            body=body,
            quoted_at=now,
            expires_at=now + self.facts.quote_ttl,
            passed_over=passed_over,
        )
        self.quotes[quote.nonce] = StoredQuote(quote, user_id, chat_id)
        return quote

    async def issue(self, plan_id: PlanId, message_id: MessageId) -> None:
        """Bind a draft to its message."""
        for each in self.quotes.values():
            if each.quote.plan_id == plan_id and each.state == "draft":
                each.state, each.message_id = "issued", message_id

    async def discard(self, plan_id: PlanId) -> None:
        """Void what was not used."""
        for each in self.quotes.values():
            if each.quote.plan_id == plan_id and each.state in {"draft", "issued"}:
                each.state = "void"

    async def confirm(
        self, nonce: Nonce, *, user_id: UserId, chat_id: ChatId, message_id: MessageId
    ) -> Trade | Quote:
        """Claim once, with the refusals of the real engine."""
        stored = self._pressable(nonce, user_id, chat_id, message_id)
        self._refuse()
        body = stored.quote.body
        if isinstance(body, OpenPlan) and self._is_large(body):
            stored.state = "void"
            asked = replace(body, above_half_of_usd=self.large_above_usd)
            return self._stored(asked, user_id, chat_id)
        if isinstance(body, OpenPlan):
            name = TradeId(f"trade{len(self.trades):03d}")
            trade = trade_of(body, name, TradeState.CONFIRMED)
        elif isinstance(body, AddPlan):
            trade = growing(self._trade(body.trade_id), body)
        elif isinstance(body, AdoptPlan):
            name = TradeId(f"trade{len(self.trades):03d}")
            trade = trade_of(open_plan(self._found(body.base)), name)
        else:
            trade = replace(self._trade(body.trade_id), state=TradeState.CLOSE1)
        stored.state, stored.trade_id = "used", trade.trade_id
        self.trades[trade.trade_id] = trade
        return trade

    def _is_large(self, body: OpenPlan) -> bool:
        cap = self.large_above_usd
        return (
            cap is not None
            and body.above_half_of_usd is None
            and body.size_usd * 2 > cap
        )

    async def cancel(
        self, nonce: Nonce, *, user_id: UserId, chat_id: ChatId, message_id: MessageId
    ) -> None:
        """End an issued quote."""
        self._pressable(nonce, user_id, chat_id, message_id).state = "cancelled"

    def _pressable(
        self, nonce: Nonce, user_id: UserId, chat_id: ChatId, message_id: MessageId
    ) -> StoredQuote:
        stored = self.quotes.get(nonce)
        if stored is None:
            raise errors.PlanUnknownError
        if (stored.user_id, stored.chat_id) != (user_id, chat_id):
            raise errors.NotYoursError(stored.user_id)
        if stored.state == "draft":
            raise errors.PlanPendingError
        if stored.message_id not in {None, message_id}:
            raise errors.NotYoursError(stored.user_id)
        if stored.state == "used":
            raise errors.PlanUsedError(stored.trade_id)
        if stored.state in {"void", "cancelled"}:
            raise errors.PlanVoidError(stored.state)
        if self.clock.now() >= stored.quote.expires_at:
            raise errors.PlanExpiredError(stored.quote.expires_at)
        return stored

    # --- hold and control -------------------------------------------------------------

    def _trade(self, trade_id: TradeId) -> Trade:
        if trade_id not in self.trades:
            raise errors.UnknownTradeError(trade_id)
        return self.trades[trade_id]

    async def portfolio(self) -> Portfolio:
        """Return the trades that are not over, and $5000 free everywhere."""
        now = self.clock.now()
        running = [one for one in self.trades.values() if not one.state.is_terminal]
        return Portfolio(
            positions=tuple(value_of(one, now) for one in running),
            balances=tuple(
                Balance(venue_id, Decimal(5000), Decimal(5000), now)
                for venue_id in ALL_VENUES
            ),
            valued_at=now,
            foreign=self.foreign,
        )

    async def position(self, trade_id: TradeId) -> Position:
        """Return one trade."""
        wishes = await self.exits.wishes(trade_id)
        return replace(value_of(self._trade(trade_id), self.clock.now()), wishes=wishes)

    async def _said(self, trade_id: TradeId, what: str) -> bool:
        self.said.append((trade_id, what))
        return self._trade(trade_id).needs_attention

    async def retry_repair(self, trade_id: TradeId, user_id: UserId) -> bool:
        """Note it."""
        del user_id
        return await self._said(trade_id, "retry")

    async def fixed_by_hand(self, trade_id: TradeId, user_id: UserId) -> bool:
        """Note it."""
        del user_id
        return await self._said(trade_id, "fixed")

    async def stop_repairs(self, trade_id: TradeId, user_id: UserId) -> bool:
        """Note it."""
        del user_id
        return await self._said(trade_id, "stop")

    async def accept_residual(
        self, trade_id: TradeId, shown: tuple[Decimal, Decimal], user_id: UserId
    ) -> bool:
        """Note it, and let it stand if the legs hold what was shown."""
        del user_id
        first, second = self._trade(trade_id).legs
        is_same = shown == (first.held_base, second.held_base)
        return await self._said(trade_id, f"accept {shown[0]} {shown[1]}") and is_same

    async def ended_lately(self, within: timedelta) -> tuple[Trade, ...]:
        """Return the closed ones."""
        since = self.clock.now() - within
        closed = [each for each in self.trades.values() if each.closed_at is not None]
        return tuple(x for x in closed if x.closed_at and x.closed_at >= since)

    async def ignore_foreign(
        self, venue_id: VenueId, symbol: str, quantity: Decimal, user_id: UserId
    ) -> bool:
        """Ignore a position that is there with this quantity."""
        del user_id
        wanted = (venue_id, symbol, quantity)
        is_there = [
            (one.venue_id, one.symbol, one.quantity_base) == wanted
            for one in self.foreign
        ]
        self.foreign = tuple(
            replace(one, is_ignored=one.is_ignored or same)
            for one, same in zip(self.foreign, is_there, strict=True)
        )
        return any(is_there)

    async def pause(self, user_id: UserId) -> bool:
        """Set the halt of a pause."""
        if any(halt.key == "pause" for halt in self.halts):
            return False
        reason, now = f"paused by user {user_id}", self.clock.now()
        halt = Halt(GLOBAL_SCOPE, "pause", TradingState.REDUCING, reason, now, user_id)
        self.halts = (*self.halts, halt)
        return True

    async def resume(self, user_id: UserId) -> bool:
        """Lift a person's halts, and no other."""
        del user_id
        before = self.halts
        self.halts = tuple(h for h in before if h.key not in {"pause", HALT_KEY})
        return self.halts != before

    async def halt(self, user_id: UserId | None, *, tells_owners: bool) -> Halted:
        """Halt everything."""
        self.owners_told = tells_owners
        is_new = all(halt.key != HALT_KEY for halt in self.halts)
        reason, now = f"halted by user {user_id}", self.clock.now()
        halt = Halt(
            GLOBAL_SCOPE, HALT_KEY, TradingState.HALTED, reason, now, by=user_id
        )
        if is_new:
            self.halts = (*self.halts, halt)
        trades = [one for one in self.trades.values() if not one.state.is_terminal]
        moving = tuple(one for one in trades if one.state is not TradeState.OPEN)
        return Halted(is_new, moving, len(trades) - len(moving))

    async def see_alarm(self, cause: str, user_id: UserId, name: str) -> Alarm | None:
        """Note who saw an alarm first."""
        found = self.alarms.get(cause)
        if found is not None and found.seen_by is None and not found.is_over:
            found = replace(
                found, seen_by=user_id, seen_name=name, seen_at=self.clock.now()
            )
            self.alarms[cause] = found
        return found

    async def only_pause(self, user_id: UserId) -> bool:
        """Leave a pause of a halt."""
        await self.pause(user_id)
        before = self.halts
        self.halts = tuple(halt for halt in before if halt.key != HALT_KEY)
        return self.halts != before


def _verdict(
    row: TokenRow, venue_id: VenueId, found: FundingSnapshot | None
) -> VenueVerdict:
    instrument = row.instruments.get(venue_id)
    if instrument is None:
        reason = SkipReason(row.absences[venue_id].value)
        refusal: Skip | None = Skip(row.base, reason, "", venue_id)
    else:
        why = "no rate in the venue's list"
        missing = Skip(row.base, SkipReason.NO_RATE, why, venue_id)
        refusal = missing if found is None else None
    return VenueVerdict(venue_id, instrument, found, refusal)


def _venues_of(found: Opportunity) -> tuple[VenueId, VenueId]:
    return found.long.instrument.venue_id, found.short.instrument.venue_id
