"""A pretend pair from the first order to the last dollar, on good days and bad ones."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from core.model.trade import TradeState
from core.model.units import LegSide, VenueId
from core.venues.catalog import VENUES
from tests.journeys.house import find

if TYPE_CHECKING:
    from core.model.instrument import Instrument
    from core.model.intent import OrderIntent
    from core.model.order import SubmitResult
    from core.model.trade import Trade
    from tests.journeys.house import House

pytestmark = pytest.mark.journey

START = Decimal(5000)
MINUTE = timedelta(minutes=1)


async def the_trade(house: House) -> Trade:
    """Return the only trade there ever was."""
    (trade,) = await house.trades()
    return trade


async def prices_seen(house: House, trade: Trade) -> dict[VenueId, Decimal]:
    """Let time pass until 10 s before the next hour; return what the venues show.

    Hyperliquid pays on its oracle price, the others on their mark.
    """
    now = house.clock.now()
    hour = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    await house.pass_time(hour - timedelta(seconds=10) - now)
    await house.scan()
    await house.hold()
    seen = {}
    for each in house.ranking.snapshots[trade.base]:
        venue = each.instrument.venue_id
        seen[venue] = each.index_price if venue == "hyperliquid" else each.mark_price
    return {venue: price for venue, price in seen.items() if price is not None}


async def live_an_hour(house: House, trade: Trade) -> dict[VenueId, Decimal]:
    """Let a full hour pass; return by hand what each leg got for it, if anything.

    The rate is what the sandbox settled, the price what the venue showed before; only
    Binance's history names the price itself.
    """
    seen = await prices_seen(house, trade)
    await house.pass_time(timedelta(minutes=3))
    await house.scan()
    await house.hold()
    now = house.clock.now()
    at_ms = int(now.replace(minute=0, second=0, microsecond=0).timestamp() * 1000)
    amounts = {}
    for leg in trade.legs:
        one = leg.instrument
        market = house.box.world.find(one.base, one.venue_id)
        for paid in house.box.world.payments(market, at_ms, at_ms):
            price = seen[one.venue_id]
            if one.venue_id == "binance":
                price = Decimal(f"{paid.mark_price:.8f}") / one.multiplier
            held = leg.held_base * (1 if leg.side is LegSide.LONG else -1)
            amounts[one.venue_id] = -held * price * paid.rate
    return amounts


async def cash(house: House, trade: Trade) -> tuple[Decimal, Decimal]:
    """Add up by hand what all fills brought in, and what their fees were."""
    brought = fees = Decimal(0)
    for leg in trade.legs:
        account = house.accounts[leg.instrument.venue_id]
        for fill in await account.fills(leg.instrument, trade.created_at):
            value = fill.price * fill.quantity_base
            brought += value if fill.side.value == "sell" else -value
            fees += value * leg.taker_fee
    return brought, fees


async def money(house: House) -> Decimal:
    """Return what all pretend accounts are worth."""
    return sum(
        [(await each.balance()).equity_usd for each in house.accounts.values()],
        Decimal(0),
    )


@pytest.mark.parametrize(
    ("base", "pair", "hours", "payments"),
    [("KAITO", "", 3, 6), ("PEPE", "BN>HL", 7, 9)],
    ids=["KAITO pays hourly on both", "PEPE every 4 h and hourly, in thousands"],
)
async def test_a_pair_lives_for_hours_and_every_cent_is_accounted_for(
    house: House, base: str, pair: str, hours: int, payments: int
) -> None:
    """Start + price + funding - fees is what is there at the end, by hand.

    KAITO: 2 venues x 3 hours. PEPE: Hyperliquid 7 times, Binance at midnight and at 4
    (it pays at 0, 4, 8 ... UTC and the story begins at 21:52).
    """
    outcome = await house.enter(base, pair)
    assert outcome.text.startswith(f"✅ {base} open, both legs filled · 🧪 PAPER")
    trade = await the_trade(house)
    assert trade.first.held_base == trade.second.held_base > 0
    due: list[Decimal] = []
    for _ in range(hours):
        due += (await live_an_hour(house, trade)).values()
    booked = await house.engine._parts.trades.payments_of(trade.trade_id)
    assert len(due) == len(booked) == payments
    assert sorted(each.amount_usd for each in booked) == sorted(due)
    assert not any(each.is_estimated for each in booked)
    funding = sum(due, Decimal(0))
    assert funding > 0
    position = await house.engine.position(trade.trade_id)
    assert position.funding_usd == funding
    card = await house.say(f"/pos {base}")
    assert f"Funding +${funding:.2f}" in card.text
    assert "Delta $0" in card.text

    outcome = await house.leave(base)
    trade = await the_trade(house)
    assert trade.state is TradeState.CLOSED
    brought, fees = await cash(house, trade)
    assert await money(house) == 4 * START + brought + funding - fees
    total = brought + funding - fees
    sign = "+" if total > 0 else "\N{MINUS SIGN}\N{WORD JOINER}"
    assert outcome.text.startswith(f"✅ {base} closed: {sign}${abs(total):.2f} ·")
    for account in house.accounts.values():
        assert await account.positions() == ()


async def test_a_closed_pair_gets_no_more_funding(house: House) -> None:
    """Who is flat at the full hour neither pays nor receives."""
    await house.enter("KAITO")
    trade = await the_trade(house)
    await live_an_hour(house, trade)
    await house.leave()
    before = await money(house)
    await live_an_hour(house, await the_trade(house))
    assert await money(house) == before
    booked = await house.engine._parts.trades.payments_of(trade.trade_id)
    assert len(booked) == 2


async def test_funding_that_fell_due_while_the_bot_was_away_is_paid(
    house: House,
) -> None:
    """A venue pays whether we run or not; each payment is booked once."""
    await house.enter("KAITO")
    trade = await the_trade(house)
    await prices_seen(house, trade)
    await house.stop()
    house.clock.jump(timedelta(minutes=90))
    await house.start()
    await house.pass_time(timedelta(minutes=11))
    await house.scan()
    await house.hold()
    booked = await house.engine._parts.trades.payments_of(trade.trade_id)
    assert [each.pay_at.hour for each in booked] == [22, 22, 23, 23]
    assert find(house, "I restarted. Pairs: 1 fine")


# --- bad days -------------------------------------------------------------------------


def meddle(
    house: House, venue: str, monkeypatch: pytest.MonkeyPatch, *factors: float
) -> None:
    """Give KAITO's book on a venue another depth just before each order arrives."""
    account, left = house.accounts[VenueId(venue)], list(factors)
    real = account.submit

    async def submit(intent: OrderIntent, instrument: Instrument) -> SubmitResult:
        if left:
            house.box.world.set_depth_factor("KAITO", venue, left.pop(0))
        return await real(intent, instrument)

    monkeypatch.setattr(account, "submit", submit)


async def test_a_thin_book_fills_part_of_leg_2_and_leg_1_is_trimmed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a hedge is no hedge: both legs end equal, and the card says what is held."""
    meddle(house, "extended", monkeypatch, 0.005)
    outcome = await house.enter("KAITO")
    trade = await the_trade(house)
    assert trade.state is TradeState.OPEN
    held = {leg.held_base for leg in trade.legs}
    assert len(held) == 1, "equal legs"
    (quantity,) = held
    assert 0 < quantity < trade.quantity_base
    assert outcome.text.splitlines()[:2] == [
        f"✅ KAITO open, smaller than asked · 🧪 PAPER · {trade.trade_id}",
        f"{quantity:f} of 673 KAITO on each leg: a book was too thin.",
    ]
    brought, fees = await cash(house, trade)
    sign = "+" if brought > 0 else "\N{MINUS SIGN}\N{WORD JOINER}"
    assert f"price gap {sign}${abs(brought):.2f}" in outcome.text
    await house.leave()
    brought, fees = await cash(house, await the_trade(house))
    assert await money(house) == 4 * START + brought - fees


async def test_a_refused_leg_2_takes_leg_1_back(house: House) -> None:
    """One leg alone is a bet; it is undone at once and the cost is told."""
    card = await house.say("/open KAITO")
    house.spoil_books("extended", after=1)
    await house.tap("Open $", card)
    await house.rest()
    trade = await the_trade(house)
    assert trade.state is TradeState.ABORTED
    assert card.text.startswith("KAITO not opened: ")
    brought, fees = await cash(house, trade)
    cost = fees - brought
    assert cost > 0
    assert f"Both legs are flat again, cost ${cost:.2f}." in card.text
    assert await money(house) == 4 * START - cost
    for account in house.accounts.values():
        assert await account.positions() == ()
    house.box.faults.clear()
    again = await house.say("/open KAITO")
    assert "KAITO: this pair failed before; next try in 30 min" in again.text


async def test_an_empty_book_before_leg_1_orders_nothing(house: House) -> None:
    """What cannot be filled is not tried."""
    card = await house.say("/open KAITO")
    house.box.world.set_depth_factor("KAITO", "lighter", 0)
    await house.tap("Open $", card)
    await house.rest()
    assert card.text.startswith("KAITO not opened: ")
    assert "Nothing was ordered." in card.text
    assert "New quote" in card.labels[0][0]
    assert await money(house) == 4 * START


async def test_funding_that_turned_after_the_quote_orders_nothing(house: House) -> None:
    """The card's bound is checked again at the tap; old and new value are shown."""
    card = await house.say("/open KAITO")
    house.box.world.set_rate("KAITO", "lighter", Decimal("-0.0002"))
    await house.tap("Open $", card)
    await house.rest()
    assert card.text.startswith(
        "KAITO not opened: the funding spread turned: the pair would pay"
    )
    assert "Funding was 0.118%/8h, now \N{MINUS SIGN}0.1" in card.text
    assert await money(house) == 4 * START


async def test_a_leg_that_cannot_be_undone_calls_a_person_until_it_can(
    house: House,
) -> None:
    """The worst case: an exact instruction is sent, and repairs go on by themselves."""
    card = await house.quote("SUI", "BN>HL")
    house.spoil_books("binance", after=2)
    house.spoil_books("hyperliquid", after=1)
    await house.tap("Open $", card)
    await house.quiet()
    await house.wake_until(lambda: find(house, "NOT HEDGED"))
    (alarm, *_) = find(house, "NOT HEDGED")
    trade = await the_trade(house)
    quantity = trade.first.held_base
    assert alarm.text.startswith(f"🚨 NOT HEDGED: long {quantity:f} SUI on Binance")
    assert f"Do now: on Binance sell {quantity:f} SUI in SUIUSDT" in alarm.text
    house.box.faults.clear()
    await house.wake_until(lambda: find(house, "SUI not opened"))
    await house.rest()
    assert (await the_trade(house)).state is TradeState.ABORTED
    for account in house.accounts.values():
        assert await account.positions() == ()
    assert (await house.engine.health()).halts == ()


async def test_a_venue_that_the_settings_forgot_is_named_at_the_start(
    house: House,
) -> None:
    """Its leg can be neither seen nor closed; the sentence says how to change that."""
    await house.enter("HYPE")
    trade = await the_trade(house)
    gone = trade.short.instrument.venue_id
    left = ",".join(each for each in house.settings.venue_ids if each != gone)
    whole = house.settings
    house.settings = whole.model_copy(update={"venues": tuple(left.split(","))})

    await house.restart(waits=False)

    words = (
        f"{VENUES[gone].rules.title} holds a leg of HYPE and CARRY_VENUES does not name"
        f" it: add {gone} there and restart"
    )
    await house.until(lambda: find(house, words))
    assert words in (await house.say("/health")).text

    house.settings = whole
    await house.restart()
    assert words not in (await house.say("/health")).text
    await house.leave("HYPE")
    assert (await the_trade(house)).state is TradeState.CLOSED
