"""More of an open pair before it is ordered: what is offered, refused, asked twice."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from core.claims import Claims, Person, Quote
from core.economics import leg_result
from core.errors import CannotAddError, PausedError, TradeBusyError, UnknownTradeError
from core.execution.caps import plan_over_caps
from core.model.control import GLOBAL_SCOPE, Halt, TradingState
from core.model.intent import Purpose
from core.model.order import Fill
from core.model.plan import AddPlan
from core.model.trade import Trade, TradeState
from core.model.units import ChatId, MessageId, OrderSide, TradeId, UserId
from core.planning import distances_after
from tests.fakes.engine import open_plan, pair
from tests.fakes.runtime import START, CountedIds
from tests.fakes.stage import CAPS, TRADE, Stage

if TYPE_CHECKING:
    from core.limits import Caps

ANNA = Person(UserId(1), ChatId(1))
MESSAGE = MessageId(7)
TTL = timedelta(seconds=45)
TEN, FIFTY = Decimal(10), Decimal(50)


class Office:
    """Claims over a stage on which ten SOL at 50 are open on each leg."""

    def __init__(self, caps: Caps = CAPS) -> None:
        self.stage = Stage()
        self.stage.world.limits.caps = caps
        object.__setattr__(self.stage.world, "mark_price", lambda _: FIFTY)
        self.claims = Claims(
            plans=self.stage.journal,
            trades=self.stage.journal,
            halts=self.stage.journal,
            execution=self.stage.execution,
            clock=self.stage.clock,
            ids=CountedIds(),
        )

    async def opened(self) -> Office:
        """Open the pair."""
        await self.stage.open()
        return self

    def plan(self, usd: str = "200", held: Decimal = TEN) -> AddPlan:
        """Return a part for the pair, in the pair's order of legs."""
        part = open_plan(pair("SOL", price="50"), Decimal(usd))
        part = replace(part, first=part.second, second=part.first)
        return AddPlan(TRADE, part, (held, held), (None, None))

    async def issued(self, body: AddPlan) -> Quote:
        """Put a card out."""
        quote = await self.claims.draft(body, ANNA, TTL)
        await self.claims.issue(quote.plan_id, MESSAGE)
        return quote

    async def tap(self, quote: Quote) -> Trade | Quote:
        """Press the button; what it starts is not driven here."""
        try:
            return await self.claims.confirm(quote.nonce, ANNA, MESSAGE)
        finally:
            await self.stage.nursery.cancel()


# --- one tap --------------------------------------------------------------------------


async def test_one_tap_makes_the_same_pair_grow() -> None:
    """No second pair: its id stays, and what is to come is written down with it."""
    office = await Office().opened()
    quote = await office.issued(office.plan())

    found = await office.tap(quote)

    assert isinstance(found, Trade)
    assert (found.trade_id, found.state) == (TRADE, TradeState.CONFIRMED)
    assert found.adding is not None
    assert found.adding.quantity_base == 4
    assert found.adding.orders_before == 2
    assert found.adding.plan_id == quote.plan_id
    assert found.quantity_base == TEN, "nothing is ordered yet"
    assert office.stage.journal.trail[-1].what == "confirmed add"


async def test_ten_taps_at_once_make_one_addition() -> None:
    """A nervous thumb, or Telegram bringing a tap again: four are added once."""
    office = await Office().opened()
    quote = await office.issued(office.plan())

    taps = [office.claims.confirm(quote.nonce, ANNA, MESSAGE) for _ in range(10)]
    found = await asyncio.gather(*taps, return_exceptions=True)
    await office.stage.play(office.stage.execution.drive(TRADE))

    assert sum(isinstance(each, Trade) for each in found) == 1
    assert office.stage.held == (Decimal(14), Decimal(-14))


async def test_the_terms_are_those_of_its_own_card() -> None:
    """A spread that was good for the entry says nothing of the part added today."""
    office = await Office().opened()
    body = office.plan()

    found = await office.tap(await office.issued(body))

    assert isinstance(found, Trade)
    assert found.entry_bounds == body.part.bounds
    assert found.quoted_per_hour == body.part.spread_per_hour
    assert found.wanted_base == 4
    assert found.asked_at == office.stage.clock.now()


async def test_a_pair_that_changed_since_the_card_does_not_grow() -> None:
    """The card said 10 and 14; with 9 held the sum would be another one."""
    office = await Office().opened()
    quote = await office.issued(office.plan(held=Decimal(9)))
    before = office.stage.trade

    with pytest.raises(CannotAddError, match="changed since the card"):
        await office.tap(quote)

    assert office.stage.trade == before


@pytest.mark.parametrize(
    "change",
    [
        {"state": TradeState.CLOSE1},
        {"state": TradeState.REBALANCE},
        {"needs_attention": True},
    ],
)
async def test_a_pair_that_is_not_at_rest_does_not_grow(
    change: dict[str, object],
) -> None:
    """What is being closed or repaired must not be bought at the same time."""
    office = await Office().opened()
    quote = await office.issued(office.plan())
    rows = office.stage.journal.rows
    rows[TRADE] = replace(rows[TRADE], **change)  # type: ignore[arg-type]  # by name

    with pytest.raises(TradeBusyError):
        await office.tap(quote)

    assert rows[TRADE].adding is None


async def test_a_pair_that_is_gone_does_not_grow() -> None:
    """An id that nobody knows orders nothing."""
    office = await Office().opened()
    body = replace(office.plan(), trade_id=TradeId("GONE"))

    with pytest.raises(UnknownTradeError):
        await office.tap(await office.issued(body))


async def test_while_entries_are_paused_nothing_is_added() -> None:
    """An addition buys, so a pause stops it."""
    office = await Office().opened()
    quote = await office.issued(office.plan())
    pause = Halt(GLOBAL_SCOPE, "pause", TradingState.REDUCING, "x", START)
    office.stage.journal.halt_rows[GLOBAL_SCOPE, "pause"] = pause

    with pytest.raises(PausedError):
        await office.tap(quote)


# --- caps -----------------------------------------------------------------------------


async def test_a_small_part_of_a_large_pair_is_asked_about_twice() -> None:
    """500 are held and 200 come: more than half of 1300, though 200 alone are not."""
    office = await Office(replace(CAPS, max_trade_usd=Decimal(1300))).opened()
    first = await office.issued(office.plan())

    again = await office.tap(first)

    assert isinstance(again, Quote)
    assert isinstance(again.body, AddPlan)
    assert again.body.part.above_half_of_usd == Decimal(1300)
    assert office.stage.trade.adding is None
    await office.claims.issue(again.plan_id, MESSAGE)
    assert isinstance(await office.tap(again), Trade)


@pytest.mark.parametrize(
    ("caps", "says"),
    [
        (replace(CAPS, max_trade_usd=Decimal(699)), "each leg would be 700"),
        (replace(CAPS, max_token_usd=Decimal(699)), "SOL would be 70"),
        (replace(CAPS, max_venue_usd=Decimal(699)), "would hold 70"),
        (replace(CAPS, max_total_usd=Decimal(699)), "all pairs would be 70"),
    ],
)
async def test_caps_count_what_is_held_and_what_comes(caps: Caps, says: str) -> None:
    """500 and 200 and the slip of a limit are above 699, and the card is not made."""
    office = await Office(caps).opened()

    refusal = await plan_over_caps(office.stage.world, office.plan())

    assert refusal is not None
    assert says in refusal.reason


async def test_what_is_held_is_counted_once() -> None:
    """700 and a slip fit into 702; the pair's 500 twice would not."""
    caps = replace(CAPS, max_token_usd=Decimal(702), max_total_usd=Decimal(702))
    office = await Office(caps).opened()

    assert await plan_over_caps(office.stage.world, office.plan()) is None
    assert isinstance(await office.stage.add(), Trade)
    assert office.stage.trade.first.held_base == 14


async def test_an_addition_counts_as_an_entry_of_its_hour() -> None:
    """The cap is on haste: one entry and one addition are two."""
    office = await Office(replace(CAPS, max_entries_per_hour=2)).opened()
    await office.stage.add()

    refusal = await plan_over_caps(office.stage.world, office.plan(held=Decimal(14)))

    assert refusal is not None
    assert "2 pairs were entered within an hour" in refusal.reason


# --- what it will be ------------------------------------------------------------------


def fill(side: OrderSide, quantity: str, price: str, venue: str) -> Fill:
    """Return one execution."""
    trade = Stage().confirmed()
    leg = next(each for each in trade.legs if each.instrument.venue_id == venue)
    return Fill(
        venue_id=leg.instrument.venue_id,
        venue_trade_id=f"{side}{quantity}{price}",
        symbol=leg.instrument.symbol,
        side=side,
        quantity_base=Decimal(quantity),
        price=Decimal(price),
        fee_usd=Decimal(0),
        at=START,
        client_order_id=None,
        intent_id=None,
        trade_id=TRADE,
    )


def test_the_distance_afterwards_is_that_of_the_mean_entry() -> None:
    """Ten at 50 and ten at 60 are twenty at 55: gone at 55 x 2/3 / 0.99 = 37.04.

    From a mark of 60 that is 38.3 %.
    """
    trade = Stage().confirmed()
    first = replace(trade.first, held_base=TEN)
    trade = replace(trade, first=first, second=replace(trade.second, held_base=TEN))
    found = pair("SOL", price="60")
    kept = replace(found.long.instrument, maintenance_margin=Decimal("0.01"))
    found = replace(found, long=replace(found.long, instrument=kept))
    part = open_plan(found, Decimal(600))
    part = replace(part, first=part.second, second=part.first)
    fills = [fill(OrderSide.BUY, "10", "50", "binance")]

    long, short = distances_after(trade, part, found, fills)

    assert long is not None
    assert round(long, 4) == Decimal("0.3827")
    assert short is None, "its entry price is not known"


def test_the_entry_price_of_a_pair_that_shrank_and_grew_is_of_what_is_held() -> None:
    """Ten at 50, five sold, five more at 60: ten at 55, not fifteen at 53.33."""
    leg = replace(Stage().confirmed().first, held_base=TEN)
    fills = [
        fill(OrderSide.BUY, "10", "50", "binance"),
        fill(OrderSide.SELL, "5", "58", "binance"),
        fill(OrderSide.BUY, "5", "60", "binance"),
    ]

    result = leg_result(leg, fills, ())

    assert result.entry_price == 55
    # 5 x 8 realised, and 10 x (60 - 55) open
    assert result.price_usd(Decimal(60)) == 40 + 50


async def test_an_addition_alone_is_not_priced_as_the_whole_pair() -> None:
    """Its margin and cost are those of four; the ten are paid for."""
    office = await Office().opened()
    await office.stage.add()

    orders = office.stage.orders_made
    entries = [each for each in orders if each.purpose is Purpose.ENTRY]
    assert [each.quantity_base for each in entries] == [10, 10, 4, 4]
