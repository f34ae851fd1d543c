"""One plausible object of every stored kind; moments are whole milliseconds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from core.errors import TroubleKind
from core.model.alert import Alert, AlertKind, AlertLevel
from core.model.commit import Claim, Commit
from core.model.control import Cooldown, Event, Halt, TradingState
from core.model.instrument import (
    AbsenceReason,
    Availability,
    Instrument,
    LeftOut,
    TokenRow,
)
from core.model.intent import OrderIntent, Purpose
from core.model.order import Fill, Payment
from core.model.plan import (
    AddPlan,
    AdoptedLeg,
    AdoptPlan,
    Bounds,
    ClosePlan,
    OpenPlan,
    PlanLeg,
    PlanState,
    StoredPlan,
)
from core.model.trade import Addition, Trade, TradeLeg, TradeState, advance_trade
from core.model.trouble import Trouble
from core.model.units import (
    Base,
    ChatId,
    ClientOrderId,
    FundingRate,
    IntentId,
    LegSide,
    MessageId,
    OrderSide,
    PlanId,
    TradeId,
    UserId,
    VenueId,
)

if TYPE_CHECKING:
    from core.model.plan import (
        PlanBody,
    )

NOW = datetime(2026, 11, 22, 21, 52, 13, 450_000, tzinfo=UTC)
OWNER = UserId(11)
CHAT = ChatId(11)
MESSAGE = MessageId(501)
HOUR = timedelta(hours=1)

PEPE_BINANCE = Instrument(
    venue_id=VenueId("binance"),
    symbol="1000PEPE/USDT:USDT",
    native_name="1000PEPEUSDT",
    base=Base("PEPE"),
    multiplier=Decimal(1000),
    quote="USDT",
    settle="USDT",
    unit=Decimal(1),
    lot_base=Decimal(1000),
    price_tick=Decimal("0.0000001"),
    min_notional_usd=Decimal(5),
)
PEPE_HYPERLIQUID = Instrument(
    venue_id=VenueId("hyperliquid"),
    symbol="kPEPE/USDC:USDC",
    native_name="kPEPE",
    base=Base("PEPE"),
    multiplier=Decimal(1000),
    quote="USDC",
    settle="USDC",
    unit=Decimal(1),
    lot_base=Decimal("1E+3"),
    price_tick=Decimal("0.000001"),
    price_digits=5,
    max_leverage=Decimal(10),
)
BOUNDS = Bounds(
    min_spread_per_hour=Decimal("0.000024"),
    max_cost_usd=Decimal("1.27"),
    max_slip_first=Decimal("0.001"),
    max_slip_second=Decimal("0.0015"),
)


def event(what: str = "confirmed") -> Event:
    """Return an audit line."""
    return Event(at=NOW, who="user 11", what=what, detail="plan → trade")


def plan_leg(instrument: Instrument, side: LegSide, order_side: OrderSide) -> PlanLeg:
    """Return one quoted leg of half a million."""
    return PlanLeg(
        instrument=instrument,
        side=side,
        order_side=order_side,
        quantity_base=Decimal(500_000),
        price=Decimal("0.00001000"),
        best_price=Decimal("0.00000999"),
        rate=FundingRate(Decimal("1E-7"), timedelta(hours=8), HOUR),
        next_funding_at=NOW + HOUR,
        taker_fee=Decimal("0.0005"),
        free_usd=None,
        book_at=NOW,
    )


def open_plan() -> OpenPlan:
    """Return an entry: long Binance, short Hyperliquid, the harder leg first."""
    return OpenPlan(
        base=Base("PEPE"),
        first=plan_leg(PEPE_HYPERLIQUID, LegSide.SHORT, OrderSide.SELL),
        second=plan_leg(PEPE_BINANCE, LegSide.LONG, OrderSide.BUY),
        size_usd=Decimal(500),
        leverage=Decimal(3),
        spread_per_hour=Decimal("0.00004"),
        fees_usd=Decimal("0.95"),
        basis_usd=Decimal("-0.10"),
        bounds=BOUNDS,
        has_unknown_volume=True,
    )


def close_plan(trade_id: TradeId) -> ClosePlan:
    """Return the way out of the same pair."""
    return ClosePlan(
        trade_id=trade_id,
        base=Base("PEPE"),
        first=plan_leg(PEPE_HYPERLIQUID, LegSide.SHORT, OrderSide.BUY),
        second=plan_leg(PEPE_BINANCE, LegSide.LONG, OrderSide.SELL),
        expected_net_usd=None,
        funding_usd=Decimal("0.31"),
        price_usd=Decimal("-0.02"),
        fees_usd=Decimal("0.48"),
        bounds=replace(BOUNDS, min_spread_per_hour=None, max_cost_usd=None),
    )


def stored_plan(
    name: str = "a",
    body: PlanBody | None = None,
    *,
    state: PlanState = PlanState.DRAFT,
    message_id: MessageId | None = None,
) -> StoredPlan:
    """Return a plan that expires 45 s after it was quoted."""
    return StoredPlan(
        plan_id=PlanId(f"plan-{name}"),
        nonce_hash=f"hash-{name}",
        user_id=OWNER,
        chat_id=CHAT,
        message_id=message_id,
        body=open_plan() if body is None else body,
        quoted_at=NOW,
        expires_at=NOW + timedelta(seconds=45),
        state=state,
    )


def adopt_plan() -> AdoptPlan:
    """Return two positions of somebody else's: short Hyperliquid, long Binance."""
    first, second = (
        AdoptedLeg(
            instrument=listed,
            side=side,
            quantity_base=Decimal(500_000),
            entry_price=Decimal("0.00000999"),
            taker_fee=Decimal("0.00045"),
            rate_per_hour=Decimal("0.00001"),
        )
        for listed, side in (
            (PEPE_HYPERLIQUID, LegSide.SHORT),
            (PEPE_BINANCE, LegSide.LONG),
        )
    )
    return AdoptPlan(Base("PEPE"), first, second, Decimal(3))


def issued_plan(name: str = "a", body: PlanBody | None = None) -> StoredPlan:
    """Return a plan whose card is out."""
    return stored_plan(name, body, state=PlanState.ISSUED, message_id=MESSAGE)


def new_trade(name: str = "a") -> Trade:
    """Return the trade that confirming plan `name` starts."""
    return Trade(
        trade_id=TradeId(f"trade-{name}"),
        plan_id=PlanId(f"plan-{name}"),
        base=Base("PEPE"),
        first=TradeLeg(PEPE_HYPERLIQUID, LegSide.SHORT, Decimal("0.00045")),
        second=TradeLeg(PEPE_BINANCE, LegSide.LONG, Decimal("0.0005")),
        quantity_base=Decimal(500_000),
        leverage=Decimal(3),
        spread_per_hour=Decimal("0.00004"),
        bounds=BOUNDS,
        opened_by=OWNER,
        chat_id=CHAT,
        message_id=MESSAGE,
        created_at=NOW,
        version=1,
    )


def full_trade(name: str = "a") -> Trade:
    """Return a trade with every field set."""
    trade = new_trade(name)
    return replace(
        trade,
        first=replace(
            trade.first,
            held_base=Decimal(499_000),
            entry_rate_per_hour=Decimal("-0.0000125"),
        ),
        state=TradeState.CLOSE1,
        version=9,
        needs_attention=True,
        attention="NOT HEDGED by 1000 PEPE",
        leg1_filled_at=NOW,
        opened_at=NOW + timedelta(seconds=1),
        closed_at=NOW + HOUR,
        close_plan_id=PlanId(f"plan-{name}"),
        close_target_base=Decimal("0.0"),
        close_rounds=2,
        steps=1,
        series_at=NOW,
        outcome="Lighter did not answer",
        adding=Addition(
            plan_id=PlanId(f"plan-{name}"),
            quantity_base=Decimal(100_000),
            spread_per_hour=Decimal("0.00005"),
            bounds=BOUNDS,
            at=NOW + HOUR,
            orders_before=2,
        ),
    )


def add_plan(trade_id: TradeId) -> AddPlan:
    """Return a part for an open pair; the distance of one leg is not known."""
    held = Decimal(500_000), Decimal(499_000)
    return AddPlan(trade_id, open_plan(), held, (Decimal("0.31"), None))


def claim(name: str = "a", trade: Trade | None = None, **changes: object) -> Claim:
    """Return the right person's tap in time."""
    tap = Claim(
        nonce_hash=f"hash-{name}",
        user_id=OWNER,
        chat_id=CHAT,
        message_id=MESSAGE,
        now=NOW + timedelta(seconds=10),
        trade=new_trade(name) if trade is None else trade,
        event=event(),
        alerts=(alert(f"progress:{name}"),),
    )
    return replace(tap, **changes)  # type: ignore[arg-type]  # any field, by name


def alert(key: str = "key", level: AlertLevel = AlertLevel.TRADE) -> Alert:
    """Return an alert for every owner."""
    return Alert(
        kind=AlertKind.PROGRESS,
        level=level,
        dedupe_key=key,
        facts={"base": "PEPE", "quantity": "500000"},
        created_at=NOW,
    )


def full_alert() -> Alert:
    """Return an alert with every field set."""
    return Alert(
        kind=AlertKind.NOT_HEDGED,
        level=AlertLevel.CRITICAL,
        dedupe_key="not_hedged:trade-a:3",
        facts={"items": '["币安人生"]', "exposure_usd": "-12.50"},
        created_at=NOW,
        trade_id=TradeId("trade-a"),
        base=Base("币安人生"),
        chat_id=CHAT,
        edits_message_id=MESSAGE,
        is_silent=True,
        expires_at=NOW + HOUR,
    )


def intent(
    name: str = "a", *, leg: int = 1, seq: int = 1, purpose: Purpose = Purpose.ENTRY
) -> OrderIntent:
    """Return an order of trade `name` before it is sent."""
    venue = "hyperliquid" if leg == 1 else "binance"
    return OrderIntent(
        intent_id=IntentId(f"intent-{name}-{leg}-{purpose}-{seq}"),
        trade_id=TradeId(f"trade-{name}"),
        leg=leg,
        purpose=purpose,
        seq=seq,
        venue_id=VenueId(venue),
        symbol="kPEPE/USDC:USDC" if leg == 1 else "1000PEPE/USDT:USDT",
        side=OrderSide.SELL if leg == 1 else OrderSide.BUY,
        quantity_base=Decimal(500_000),
        limit_price=Decimal("0.00000998"),
        is_reduce_only=purpose.is_reduce_only,
        client_order_id=ClientOrderId(f"c{name}{leg}{purpose}{seq}"),
        created_at=NOW,
        send_by=NOW + timedelta(seconds=2),
        fence_at=NOW + timedelta(seconds=37),
        baseline_base=Decimal(0),
    )


def fill(name: str = "a", number: int = 1) -> Fill:
    """Return an execution of the first leg of trade `name`."""
    order = intent(name)
    return Fill(
        venue_id=order.venue_id,
        venue_trade_id=f"{name}-{number}",
        symbol=order.symbol,
        side=order.side,
        quantity_base=Decimal(250_000),
        price=Decimal("0.00000999"),
        fee_usd=Decimal("0.0011"),
        at=NOW + timedelta(seconds=number),
        client_order_id=order.client_order_id,
        intent_id=order.intent_id,
        trade_id=order.trade_id,
    )


def payment(name: str = "a", hours: int = 1) -> Payment:
    """Return a funding payment to trade `name`."""
    return Payment(
        venue_id=VenueId("hyperliquid"),
        symbol="kPEPE/USDC:USDC",
        pay_at=NOW + hours * HOUR,
        amount_usd=Decimal("0.0625"),
        per_payment=Decimal("0.0000125"),
        quantity_base=Decimal(-500_000),
        price=Decimal("0.00001"),
        is_estimated=False,
        trade_id=TradeId(f"trade-{name}"),
    )


def cooldown() -> Cooldown:
    """Return a pause of the pair."""
    venues = (VenueId("binance"), VenueId("hyperliquid"))
    return Cooldown(base=Base("PEPE"), venues=venues, until=NOW + HOUR, level=1)


def halt(key: str = "pause") -> Halt:
    """Return a pause of everything by the owner."""
    return Halt("all", key, TradingState.REDUCING, "paused by you", NOW, OWNER)


def commit(trade: Trade, row: str) -> Commit:
    """Return the trade's step along an arrow, with nothing beside it."""
    return Commit(trade=advance_trade(trade, row), event=event(row))


def availability() -> Availability:
    """Return a cache with one pair, one gap and one venue in trouble."""
    binance, lighter = VenueId("binance"), VenueId("lighter")
    row = TokenRow(
        base=Base("PEPE"),
        instruments={
            binance: PEPE_BINANCE,
            VenueId("hyperliquid"): PEPE_HYPERLIQUID,
        },
        absences={lighter: AbsenceReason.NOT_LISTED},
    )
    left_out = LeftOut(
        binance, "TSLAUSDT", None, AbsenceReason.NON_CRYPTO, "stock contract"
    )
    return Availability(
        built_at=NOW,
        rows={Base("PEPE"): row},
        left_out=(left_out,),
        read_at={binance: NOW},
        troubles=(Trouble(lighter, TroubleKind.TIMEOUT, "no answer in 10 s", NOW),),
    )
