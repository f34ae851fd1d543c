"""Money where it is easily lost: full hours, changed intervals, lists, two pairs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from core.model.trade import TradeState
from core.model.units import VenueId

if TYPE_CHECKING:
    from core.model.order import Payment
    from core.model.trade import Trade
    from tests.journeys.house import House

pytestmark = pytest.mark.journey

START = Decimal(5000)
BINANCE = VenueId("binance")
NEAR = Decimal("0.005")
"""How far the price a payment was made on may be from the venue's at that moment."""


async def newest(house: House) -> Trade:
    """Return the trade that was confirmed last."""
    return (await house.trades())[0]


async def go_to(house: House, hour: int, minute: int, second: int = 0) -> None:
    """Let time pass to the next such moment of the day, then look and pay."""
    now = house.clock.now()
    then = now.replace(hour=hour, minute=minute, second=second, microsecond=0)
    await house.pass_time((then if then > now else then + timedelta(days=1)) - now)
    await house.scan()
    await house.hold()


async def payments_of(house: House, trade: Trade) -> tuple[Payment, ...]:
    """Return what the trade was paid, by our record."""
    return await house.engine._parts.trades.payments_of(trade.trade_id)


def due_by_hand(
    house: House, trade: Trade, since: datetime
) -> list[tuple[object, ...]]:
    """Return (moment, venue, rate, signed quantity) of all that had to be paid."""
    due: list[tuple[object, ...]] = []
    for leg in trade.legs:
        one = leg.instrument
        market = house.box.world.find(one.base, one.venue_id)
        first, last = (
            int(each.timestamp() * 1000) for each in (since, house.clock.now())
        )
        due += [
            (
                datetime.fromtimestamp(paid.at_ms / 1000, UTC),
                one.venue_id,
                paid.rate,
                leg.held_base * leg.side.sign,
            )
            for paid in house.box.world.payments(market, first, last)
        ]
    return sorted(due, key=str)


def as_paid(payments: tuple[Payment, ...]) -> list[tuple[object, ...]]:
    """Return the same of our record."""
    rows = [(p.pay_at, p.venue_id, p.per_payment, p.quantity_base) for p in payments]
    return sorted(rows, key=str)


def check_amounts(house: House, payments: tuple[Payment, ...], base: str) -> None:
    """Check each amount: -quantity x price x rate, at about the venue's price."""
    for paid in payments:
        market = house.box.world.find(base, paid.venue_id)
        at_ms = int(paid.pay_at.timestamp() * 1000)
        mark = house.box.world.mark_price(market, at_ms) / market.multiplier
        assert paid.price is not None
        assert abs(paid.price / Decimal(mark) - 1) < NEAR
        assert paid.amount_usd == -paid.quantity_base * paid.price * paid.per_payment


async def worth(house: House) -> Decimal:
    """Return what all pretend accounts are worth."""
    found = [(await each.balance()).equity_usd for each in house.accounts.values()]
    return sum(found, Decimal(0))


async def test_payments_follow_an_interval_that_shrinks_and_grows_again(
    house: House,
) -> None:
    """Binance goes from 4 h to 1 h to 8 h while 1000PEPE is held: none lost or doubled.

    Held from 21:52. At 1 h from 22:10: payments at 23, 0, 1, 2; at 8 h from 02:30: 8.
    """
    await house.enter("PEPE", "BN>HL")
    trade = await newest(house)
    since = house.clock.now()
    house.box.world.set_interval("PEPE", BINANCE, 4)
    await go_to(house, 22, 10)
    house.box.world.set_interval("PEPE", BINANCE, 1)
    for hour in (23, 0, 1, 2):
        await go_to(house, hour - 1 if hour else 23, 59, 30)
        await go_to(house, hour, 3)
    await go_to(house, 2, 30)
    house.box.world.set_interval("PEPE", BINANCE, 8)
    for hour in range(3, 9):
        await go_to(house, hour - 1, 59, 30)
        await go_to(house, hour, 3)
    found = await payments_of(house, trade)
    assert as_paid(found) == due_by_hand(house, trade, since)
    hours = [p.pay_at.hour for p in found if p.venue_id == BINANCE]
    assert sorted(hours) == [0, 1, 2, 8, 23]
    check_amounts(house, found, "PEPE")
    assert not any(each.is_estimated for each in found)


async def test_a_payment_that_no_scan_announced_is_found_with_the_next(
    house: House,
) -> None:
    """Rates were not readable while the interval shrank; both payments are the trade's.

    4 h to 1 h at 22:10 and Binance shows no rates until 00:00:30: 23:00 was never seen.
    """
    await house.enter("PEPE", "BN>HL")
    trade = await newest(house)
    since = house.clock.now()
    await go_to(house, 22, 9)
    house.box.world.set_interval("PEPE", BINANCE, 1)
    house.box.faults.add("binance", "premiumIndex", "status", times=None, param=502)
    for hour, minute in ((22, 30), (22, 59), (23, 3), (23, 30), (23, 59)):
        await go_to(house, hour, minute)
    await go_to(house, 0, 0, 10)
    house.box.faults.clear()
    await go_to(house, 0, 1)
    await go_to(house, 0, 3)
    await go_to(house, 0, 14)
    found = await payments_of(house, trade)
    assert as_paid(found) == due_by_hand(house, trade, since)


async def test_a_token_entered_again_earns_for_the_right_pair(house: House) -> None:
    """Each payment belongs to the pair that was held at its moment."""
    await house.enter("KAITO")
    first = await newest(house)
    since = house.clock.now()
    await go_to(house, 21, 59, 50)
    await go_to(house, 22, 0, 5)
    before = due_by_hand(house, first, since)
    await house.leave("KAITO")
    again = house.clock.now()
    await house.enter("KAITO")
    second = await newest(house)
    assert second.trade_id != first.trade_id
    await go_to(house, 22, 59, 50)
    await go_to(house, 23, 3)
    assert as_paid(await payments_of(house, first)) == before
    assert as_paid(await payments_of(house, second)) == due_by_hand(
        house, second, again
    )


async def test_a_pair_closed_right_after_a_payment_says_so(house: House) -> None:
    """Closed five seconds past the hour: the payment of the hour is in the result."""
    await house.enter("KAITO")
    trade = await newest(house)
    since = house.clock.now()
    await go_to(house, 21, 59, 50)
    await house.pass_time(timedelta(seconds=15))
    due = due_by_hand(house, trade, since)
    assert len(due) == 2
    card = await house.leave("KAITO")
    found = await payments_of(house, trade)
    assert as_paid(found) == due
    funding = sum((paid.amount_usd for paid in found), Decimal(0))
    assert f"Funding +${funding:.2f}" in card.text
    assert card.text.splitlines()[0].startswith("✅ KAITO closed: ")


async def test_two_pairs_of_one_token_live_side_by_side(house: House) -> None:
    """APT on four venues makes two pairs; money and names never mix."""
    await house.enter("APT")
    for venue in ("binance", "lighter"):
        house.box.world.set_rate("APT", venue, Decimal("0.00001"))
    house.box.world.set_rate("APT", "extended", Decimal(0))
    house.box.world.set_rate("APT", "hyperliquid", Decimal("0.00005"))
    await house.scan()
    await house.enter("APT", "EX>HL")
    second, first = await house.trades()
    assert {first.state, second.state} == {TradeState.OPEN}
    since = house.clock.now()
    for account in house.accounts.values():
        (held,) = await account.positions()
        money = await account.balance()
        (trade,) = (
            each
            for each in (first, second)
            for leg in each.legs
            if leg.instrument.venue_id == account.venue_id
        )
        (leg,) = (x for x in trade.legs if x.instrument.venue_id == account.venue_id)
        assert held.quantity_base == leg.held_base * leg.side.sign
        mark = house.engine._parts.scanner.mark_price(leg.instrument)
        assert mark is not None
        used = money.equity_usd - money.free_usd
        assert abs(used - leg.held_base * mark / 3) < Decimal("1e-15")
    await go_to(house, 21, 59, 50)
    await go_to(house, 22, 3)
    for trade in (first, second):
        assert as_paid(await payments_of(house, trade)) == due_by_hand(
            house, trade, since
        )
    choice = await house.say("/close APT")
    assert "Which pair should be closed?" in choice.text
    choice = await house.say("/pos APT")
    assert "on 2 pairs" in choice.text


@pytest.mark.parametrize(
    ("venue", "status", "name", "why"),
    [
        ("extended", "REDUCE_ONLY", "TRUMP-USD", "inactive"),
        ("binance", "SETTLING", "TRUMPUSDT", "settling"),
    ],
    ids=["the book is still there", "nothing is traded any more"],
)
async def test_a_contract_that_leaves_the_list_while_held_is_paid_and_valued(
    house: House, venue: str, status: str, name: str, why: str
) -> None:
    """The pair's card names the reason, and the way out is open while there is one."""
    for each in ("extended", "binance"):
        house.box.world.set_rate("TRUMP", each, Decimal("0.00001"))
    house.box.world.set_rate("TRUMP", venue, Decimal("0.0001"))
    await house.scan()
    await house.enter("TRUMP")
    trade = await newest(house)
    since = house.clock.now()
    house.box.world.set_status("TRUMP", venue, status)
    await house.engine.refresh_availability()
    await go_to(house, 23, 59, 50)
    await go_to(house, 0, 3)
    assert as_paid(await payments_of(house, trade)) == due_by_hand(house, trade, since)
    card = await house.say("/pos TRUMP")
    title = venue.capitalize()
    assert f"{title} does not list {name} any more ({why})" in card.text
    assert "unknown" not in card.text
    assert (await house.accounts[VenueId(venue)].balance()).equity_usd > 0
    ranked = house.ranked("TRUMP")
    sides = (ranked.long, ranked.short) if ranked else ()
    assert venue not in {side.instrument.venue_id for side in sides}
    card = await house.say("/close TRUMP")
    if status == "SETTLING":
        assert f"Binance does not trade {name} any more (settling)" in card.text
        return
    await house.tap("Close both", card)
    await house.rest()
    assert (await newest(house)).state is TradeState.CLOSED
    assert await house.accounts[VenueId(venue)].positions() == ()


async def test_a_book_that_hangs_is_named_by_its_own_venue(house: House) -> None:
    """Blaming the healthy venue sends a person to the wrong place."""
    house.box.faults.add("lighter", "orderBookOrders", "status", times=1, param=502)
    card = await house.say("/open KAITO")
    assert "Lighter does not answer" in card.text
    ranked = house.ranked("KAITO")
    assert ranked is not None
    assert ranked.long.instrument.venue_id == "extended"


async def test_a_restart_in_the_middle_of_a_payment_books_it_once(house: House) -> None:
    """Stopped at 21:59:50, started at 22:00:20; the settled rate corrects it later."""
    await house.enter("KAITO")
    trade = await newest(house)
    since = house.clock.now()
    await go_to(house, 21, 59, 50)
    await house.stop()
    house.clock.jump(timedelta(seconds=30))
    await house.start()
    await house.hold()
    assert as_paid(await payments_of(house, trade)) == due_by_hand(house, trade, since)
    await go_to(house, 22, 3)
    await go_to(house, 22, 14)
    found = await payments_of(house, trade)
    assert as_paid(found) == due_by_hand(house, trade, since)
    assert not any(each.is_estimated for each in found)
    check_amounts(house, found, "KAITO")


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("GRASS", "USD in 24 h, 50000 wanted"),
        ("ACE", "prices disagree: unit price 0.56007931 on Binance against 3.97"),
        ("FTM", "FTM is not usable on any venue"),
        ("RARE", "only on Extended"),
    ],
    ids=["thin", "two coins", "settled", "one venue"],
)
async def test_what_cannot_be_opened_says_where_and_why(
    house: House, token: str, words: str
) -> None:
    """A refusal without its venue sends a person to check four of them."""
    card = await house.say(f"/open {token}")
    assert words in card.text
    assert not [one for one in card.buttons if "Open $" in one.label]


async def test_a_pair_of_a_token_that_the_settings_dropped_is_valued_and_closed(
    house: House,
) -> None:
    """The list of tokens says what to enter, not what is owned."""
    await house.enter("KAITO")
    await house.stop()
    house.settings = house.settings.model_copy(update={"tokens": ("APT",)})
    await house.start()
    card = await house.say("/pos KAITO")
    assert "unknown" not in card.text
    await house.leave("KAITO")
    assert (await newest(house)).state is TradeState.CLOSED
