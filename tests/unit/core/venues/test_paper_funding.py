from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.model.units import OrderSide
from core.venues.paper_funding import whole_minute
from core.venues.paper_state import PaperPosition
from tests.fakes.paper_world import APT, NOON, RULES, PaperWorld, at

if TYPE_CHECKING:
    from datetime import datetime

    from core.model.order import Payment

D = Decimal


async def long_100(world: PaperWorld) -> None:
    """Buy 100 at 5.01 at noon, with 0.06 % announced for 16:00 and mark 5."""
    world.announce("0.0006", at(16))
    await world.buy("100")


def amounts(payments: tuple[Payment, ...]) -> list[tuple[datetime, str, bool]]:
    """Return what a test compares: when, how much, estimated or not."""
    return [
        (paid.pay_at, str(paid.amount_usd.normalize()), paid.is_estimated)
        for paid in payments
    ]


# --- settled payments -----------------------------------------------------------------


async def test_a_long_pays_a_positive_rate_at_the_venues_moment() -> None:
    """-100 * 5.10 * 0.0006 = -0.306 at 16:00, with the venue's own price."""
    world = PaperWorld()
    await long_100(world)
    world.market.pay(APT, at(16), "0.0006", "5.10")
    await world.wait_until(at(16, 3))

    booked = await world.venue.settle_funding()

    assert amounts(booked) == [(at(16), "-0.306", False)]
    assert amounts(await world.venue.payments(NOON)) == amounts(booked)
    (paid,) = booked
    assert (paid.quantity_base, paid.price) == (D(100), D("5.10"))


async def test_a_short_receives_it() -> None:
    """The same numbers with the other sign."""
    world = PaperWorld()
    world.announce("0.0006", at(16))
    await world.sell("100")
    world.market.pay(APT, at(16), "0.0006", "5.10")
    await world.wait_until(at(16, 3))

    assert amounts(await world.venue.settle_funding()) == [(at(16), "0.306", False)]


async def test_funding_moves_the_wallet() -> None:
    """1000 - 0.2505 fee - 0.30 funding, position at its mark of 5: -1."""
    world = PaperWorld()
    await long_100(world)
    await world.wait_until(at(16, 0, 1))

    await world.venue.settle_funding()

    balance = await world.venue.balance()
    assert balance.equity_usd == D("1000") - D("0.2505") - D("0.30") - D(1)


async def test_a_payment_is_booked_once_however_often_it_is_asked_for() -> None:
    """Timers overlap, processes restart: the key is the moment."""
    world = PaperWorld()
    await long_100(world)
    world.market.pay(APT, at(16), "0.0006", "5.00")
    await world.wait_until(at(16, 3))
    first = await world.venue.settle_funding()

    again = await world.venue.settle_funding()
    restarted = await world.restarted().settle_funding()

    assert len(first) == 1
    assert (again, restarted) == ((), ())
    assert len(await world.venue.payments(NOON)) == 1


async def test_only_what_was_held_at_the_moment_pays() -> None:
    """Bought at 12:00, halved at 15:00, sold at 17:00: 16:00 pays for 50, 20:00 not."""
    world = PaperWorld()
    await long_100(world)
    await world.wait_until(at(15))
    await world.sell("50")
    await world.wait_until(at(17))
    await world.sell("50")
    for hour in (8, 16, 20):
        world.market.pay(APT, at(hour), "0.0006", "5.00")
    await world.wait_until(at(20, 3))

    booked = await world.venue.settle_funding()

    assert amounts(booked) == [(at(16), "-0.15", False)]


async def test_opened_a_second_after_a_payment_owes_nothing_for_it() -> None:
    """The position was not open at that moment."""
    world = PaperWorld()
    await world.wait_until(at(16, 0, 1))
    world.announce("0.0006", at(20), hours=4)
    await world.buy("100")
    world.market.pay(APT, at(16), "0.0006", "5.00")

    assert await world.venue.settle_funding() == ()


async def test_closed_a_second_after_a_payment_owes_it_in_full() -> None:
    """It is booked although nothing is held any more, and then left alone."""
    world = PaperWorld()
    await long_100(world)
    await world.wait_until(at(16, 0, 1))
    await world.sell("100")
    world.market.pay(APT, at(16), "0.0006", "5.00")
    await world.wait_until(at(16, 3))

    booked = await world.venue.settle_funding()
    world.market.pay(APT, at(20), "0.0006", "5.00")
    await world.wait_until(at(20, 3))
    nothing = await world.venue.settle_funding()
    reads = len(world.market.calls)
    await world.wait_until(at(23))
    await world.venue.settle_funding()

    assert amounts(booked) == [(at(16), "-0.3", False)]
    assert nothing == ()
    assert len(world.market.calls) == reads


async def test_a_venue_that_changes_to_hourly_payments_is_followed() -> None:
    """8 h announced, then 1 h: the settled list names the moments."""
    world = PaperWorld()
    await long_100(world)
    await world.wait_until(at(13, 10))
    world.announce("0.0001", at(14), hours=1)
    for hour in (13, 14, 15):
        world.market.pay(APT, at(hour), "0.0001", "5.00")
    await world.wait_until(at(15, 3))

    booked = await world.venue.settle_funding()

    assert amounts(booked) == [(at(hour), "-0.05", False) for hour in (13, 14, 15)]


async def test_payments_missed_while_the_process_was_down_are_booked_at_start() -> None:
    """Down from 12:01 to the next noon: every 4 h payment once, oldest first."""
    world = PaperWorld()
    await long_100(world)
    moments = [at(16), at(20), at(0, day=23), at(4, day=23), at(8, day=23)]
    for moment in moments:
        world.market.pay(APT, moment, "0.0002", "5.00")
    await world.wait_until(at(11, 59, day=23))

    booked = await world.restarted().settle_funding()

    assert [each for each in amounts(booked) if each[2]] == []
    assert [paid.pay_at for paid in booked] == moments
    assert {paid.amount_usd for paid in booked} == {D("-0.1")}


async def test_a_few_milliseconds_in_the_venues_stamp_are_the_same_payment() -> None:
    """Binance stamps 16:00:00.004; the estimate was for 16:00."""
    world = PaperWorld()
    await long_100(world)
    await world.wait_until(at(16, 0, 1))
    await world.venue.settle_funding()
    late = at(16) + timedelta(milliseconds=4)
    world.market.pay(APT, late, "0.0005", "5.00")
    await world.wait_until(at(16, 3))
    await world.venue.settle_funding()

    assert amounts(await world.venue.payments(NOON)) == [(at(16), "-0.25", False)]


# --- estimates ------------------------------------------------------------------------


async def test_the_announced_payment_is_booked_until_the_venue_publishes() -> None:
    """Two seconds after 16:00 nothing is settled yet: 100 * 5 * 0.06 % as estimate."""
    world = PaperWorld()
    await long_100(world)
    await world.venue.settle_funding()
    await world.wait_until(at(16, 0, 2))
    world.announce("0.0009", at(20), mark="6")

    booked = await world.venue.settle_funding()

    assert amounts(booked) == [(at(16), "-0.3", True)]


async def test_an_estimate_is_corrected_once_and_the_wallet_with_it() -> None:
    """Estimated -0.30, settled -0.255 (0.05 % at 5.10): 0.045 comes back."""
    world = PaperWorld()
    await long_100(world)
    await world.wait_until(at(16, 0, 2))
    await world.venue.settle_funding()
    estimated = (await world.venue.balance()).equity_usd
    world.market.pay(APT, at(16), "0.0005", "5.10")
    await world.wait_until(at(16, 3))

    corrected = await world.venue.settle_funding()
    again = await world.venue.settle_funding()

    assert amounts(corrected) == [(at(16), "-0.255", False)]
    assert again == ()
    assert (await world.venue.balance()).equity_usd == estimated + D("0.045")
    assert len(await world.venue.payments(NOON)) == 1


async def test_a_trade_after_a_payment_keeps_its_estimate() -> None:
    """Bought more at 16:00:01 before the timer ran: 16:00 is still owed for 100."""
    world = PaperWorld()
    await long_100(world)
    await world.wait_until(at(16, 0, 1))
    world.announce("0.0009", at(20), mark="6")
    await world.buy("10")

    assert amounts(await world.venue.settle_funding()) == [(at(16), "-0.3", True)]


async def test_an_estimate_survives_a_restart_and_is_corrected_after_it() -> None:
    """The correction must not need the process that estimated."""
    world = PaperWorld()
    await long_100(world)
    await world.wait_until(at(16, 0, 2))
    await world.venue.settle_funding()
    world.market.pay(APT, at(16), "0.0005", "5.10")

    corrected = await world.restarted().settle_funding()

    assert amounts(corrected) == [(at(16), "-0.255", False)]


async def test_an_estimated_payment_that_never_happened_is_taken_back() -> None:
    """16:00 was announced, but the venue's list has 15:00 and 20:00 only."""
    world = PaperWorld()
    await long_100(world)
    await world.wait_until(at(16, 0, 2))
    await world.venue.settle_funding()
    world.market.pay(APT, at(20), "0.0001", "5.00")
    await world.wait_until(at(20, 3))

    await world.venue.settle_funding()

    assert amounts(await world.venue.payments(NOON)) == [
        (at(16), "0", False),
        (at(20), "-0.05", False),
    ]


async def test_an_announcement_that_moved_away_is_not_booked() -> None:
    """Announced for 13:00, before that moved to 16:00: 13:00 pays nothing."""
    world = PaperWorld()
    world.announce("0.0006", at(13), hours=1)
    await world.buy("100")
    await world.venue.settle_funding()
    world.announce("0.0006", at(16), hours=4)
    await world.venue.settle_funding()
    await world.wait_until(at(13, 5))

    assert await world.venue.settle_funding() == ()


async def test_a_list_that_shows_the_running_period_does_not_settle_it() -> None:
    """16:00 stands in the list at 15:00 already; its rate may still change."""
    world = PaperWorld()
    await long_100(world)
    world.market.pay(APT, at(16), "0.0001", "5.00")
    await world.wait_until(at(15))

    assert await world.venue.settle_funding() == ()


async def test_an_estimate_needs_a_price() -> None:
    """A rate without a mark is no amount; the settled rate will bring one."""
    world = PaperWorld()
    await long_100(world)
    shown = world.market.snapshots[APT.symbol]
    world.market.snapshots[APT.symbol] = replace(shown, mark_price=None)
    await world.wait_until(at(16, 0, 2))

    assert await world.venue.settle_funding() == ()


async def test_hyperliquid_pays_on_the_oracle_price() -> None:
    """The rules name the price a payment is computed on."""
    world = PaperWorld()
    world.restarted(replace(RULES, funding_price="oracle"))
    await long_100(world)
    shown = world.market.snapshots[APT.symbol]
    world.market.snapshots[APT.symbol] = replace(shown, index_price=D("5.2"))
    await world.wait_until(at(16, 0, 2))

    assert amounts(await world.venue.settle_funding()) == [(at(16), "-0.312", True)]


async def test_the_other_venues_pay_on_the_mark_price() -> None:
    """An index beside the mark changes nothing there."""
    world = PaperWorld()
    await long_100(world)
    shown = world.market.snapshots[APT.symbol]
    world.market.snapshots[APT.symbol] = replace(shown, index_price=D("5.2"))
    await world.wait_until(at(16, 0, 2))

    assert amounts(await world.venue.settle_funding()) == [(at(16), "-0.3", True)]


async def test_a_settled_rate_without_a_price_takes_the_nearest_one_seen() -> None:
    """Hyperliquid's list has no prices: the mark of the announcement, 5."""
    world = PaperWorld()
    await long_100(world)
    await world.venue.settle_funding()
    world.market.pay(APT, at(16), "0.0006")
    await world.wait_until(at(16, 3))
    world.announce("0.0006", at(20), mark="9")

    assert amounts(await world.venue.settle_funding()) == [(at(16), "-0.3", False)]


async def test_a_settled_rate_waits_while_no_price_is_known() -> None:
    """Booking it at zero would lose it for ever."""
    world = PaperWorld()
    await world.buy("100")
    world.market.pay(APT, at(16), "0.0006")
    await world.wait_until(at(16, 3))
    nothing = await world.venue.settle_funding()
    world.announce("0.0006", at(20), mark="5")
    await world.wait_until(at(16, 20))

    assert nothing == ()
    assert amounts(await world.venue.settle_funding()) == [(at(16), "-0.3", False)]


# --- requests -------------------------------------------------------------------------


async def test_the_settled_list_is_read_two_minutes_after_a_payment() -> None:
    """A timer every few seconds must not become a request every few seconds."""
    world = PaperWorld()
    await long_100(world)
    for minute in range(1, 60):
        await world.wait_until(at(12, minute))
        await world.venue.settle_funding()
    quiet = world.market.calls.count("settled")
    world.market.pay(APT, at(16), "0.0006", "5.00")
    await world.wait_until(at(16, 1))
    world.announce("0.0006", at(20))
    await world.venue.settle_funding()
    early = world.market.calls.count("settled")
    await world.wait_until(at(16, 2))
    await world.venue.settle_funding()

    assert (quiet, early) == (1, 1)
    assert world.market.calls.count("settled") == 2


async def test_a_payment_that_is_put_off_is_looked_into_at_once() -> None:
    """14:00 announced, then 16:00: the interval changed, or their clock is ahead."""
    world = PaperWorld()
    world.announce("0.0006", at(14), hours=1)
    await world.buy("100")
    await world.venue.settle_funding()
    await world.wait_until(at(12, 30))
    await world.venue.settle_funding()
    world.announce("0.0006", at(16), hours=4)

    reads = []
    for _ in range(3):
        await world.venue.settle_funding()
        reads.append(world.market.calls.count("settled"))

    assert reads == [1, 2, 2]


async def test_a_position_half_a_minute_old_is_paid_for() -> None:
    """Opened at 15:59:30: the list is read from before that moment on."""
    world = PaperWorld()
    await world.wait_until(at(15, 59, 30))
    await world.buy("100")
    world.market.pay(APT, at(16), "0.0006", "5.00")
    await world.wait_until(at(16, 3))

    assert amounts(await world.venue.settle_funding()) == [(at(16), "-0.3", False)]


async def test_a_late_settled_rate_is_looked_for_every_ten_minutes() -> None:
    """Estimated at 16:00; looked at 16:02, 16:12, 16:22 and no more often."""
    world = PaperWorld()
    await long_100(world)
    await world.wait_until(at(16))
    looks = []
    for second in range(0, 25 * 60, 20):
        await world.wait_until(at(16) + timedelta(seconds=second))
        world.announce("0.0006", at(20))
        before = world.market.calls.count("settled")
        await world.venue.settle_funding()
        if world.market.calls.count("settled") > before:
            looks.append(second // 60)

    assert looks == [0, 2, 12, 22]


async def test_a_venue_that_announces_nothing_is_asked_every_ten_minutes() -> None:
    """Its list of settled rates is then the only clock."""
    world = PaperWorld()
    await world.buy("100")
    for minute in range(31):
        await world.wait_until(at(12, minute, 30))
        await world.venue.settle_funding()

    assert world.market.calls.count("settled") == 4


async def test_a_venue_that_does_not_answer_is_asked_again_a_minute_later() -> None:
    """The payment is late, not lost, and nothing is raised."""
    world = PaperWorld()
    await long_100(world)
    world.market.pay(APT, at(16), "0.0006", "5.00")
    await world.wait_until(at(16, 3))
    world.market.snapshots.clear()
    world.market.go_down()

    unanswered = await world.restarted().settle_funding()
    await world.wait_until(at(16, 3, 50))
    too_early = await world.venue.settle_funding()
    await world.wait_until(at(16, 4, 1))
    answered = await world.venue.settle_funding()

    assert amounts(unanswered) == [(at(16), "-0.3", True)]
    assert too_early == ()
    assert amounts(answered) == [(at(16), "-0.3", False)]


async def test_an_account_that_never_traded_asks_nothing() -> None:
    """No position, no request."""
    world = PaperWorld()

    assert await world.venue.settle_funding() == ()
    assert world.market.calls == []


# --- parts ----------------------------------------------------------------------------


@pytest.mark.parametrize(("second", "expected"), [(0, 0), (29, 0), (30, 60), (59, 60)])
def test_moments_are_rounded_to_the_minute(second: int, expected: int) -> None:
    """Both a late and an early stamp mean the full minute."""
    assert whole_minute(at(16, 0, second)) == at(16) + timedelta(seconds=expected)


def test_what_is_held_at_a_moment_was_bought_before_it() -> None:
    """An execution in the very moment of a payment comes after it."""
    position = PaperPosition("APT").executed(OrderSide.BUY, D(1), D(5), at(16))

    assert position.held_at(at(16)) == 0
    assert position.held_at(at(16, 0, 1)) == 1


@settings(max_examples=40, deadline=None)
@given(
    trades=st.lists(
        st.tuples(st.integers(1, 2000), st.integers(-50, 50).filter(bool)),
        max_size=8,
    ),
    looks=st.lists(st.integers(1, 2000), min_size=1, max_size=6),
)
def test_however_often_it_is_looked_each_payment_is_for_what_was_held(
    trades: list[tuple[int, int]], looks: list[int]
) -> None:
    """Estimates, corrections and pruned history never change the final sum.

    Minutes after noon; hourly payments of 0.01 % at 5, published 2 minutes later.
    """
    asyncio.run(_play(sorted(trades), sorted(looks)))


async def _play(trades: list[tuple[int, int]], looks: list[int]) -> None:
    world = PaperWorld(start_usd="100000")
    events = [(minute, quantity) for minute, quantity in trades]
    events += [(minute, 0) for minute in looks]
    stock, history = D(0), [(0, D(0))]
    for minute, quantity in sorted(events):
        await _until(world, minute)
        if quantity:
            fill = await (world.buy if quantity > 0 else world.sell)(str(abs(quantity)))
            assert fill.filled_base is not None
            stock += fill.filled_base if quantity > 0 else -fill.filled_base
            history.append((minute, stock))
        else:
            await world.venue.settle_funding()
    await _until(world, 2200)
    await world.venue.settle_funding()

    expected = {
        NOON + timedelta(minutes=pay): -held * 5 * D("0.0001")
        for pay in range(60, 2200, 60)
        if (held := [each for minute, each in history if minute < pay][-1])
    }
    payments = await world.venue.payments(NOON)
    assert {each.pay_at: each.amount_usd for each in payments} == expected
    assert not [each for each in payments if each.is_estimated]


async def _until(world: PaperWorld, minute: int) -> None:
    """Let time pass with hourly payments announced, and published 2 minutes late."""
    target = NOON + timedelta(minutes=minute)
    if target > world.clock.now():
        await world.wait_until(target)
    known = world.market.history.get(APT.symbol, [])
    for pay in range(60 * (len(known) + 1), minute - 1, 60):
        world.market.pay(APT, NOON + timedelta(minutes=pay), "0.0001", "5")
    hours = minute // 60 + 1
    world.announce("0.0002", NOON + timedelta(hours=hours), hours=1)


async def test_what_left_the_list_is_still_paid() -> None:
    """Short 100 at 0.001 and 5.00: 0.50 USD come in though the list is silent."""
    world = PaperWorld()
    world.announce("0.001", at(16))
    await world.sell("100")
    world.market.listed.clear()
    world.market.snapshots.clear()
    world.restarted()
    world.market.pay(APT, at(16), "0.001", "5.00")
    await world.wait_until(at(16, 3))

    (paid,) = await world.venue.settle_funding()

    assert (paid.amount_usd, paid.is_estimated) == (D("0.50"), False)


async def test_who_asks_for_payments_gets_those_that_just_fell_due() -> None:
    """A result made up seconds after the payment must hold it: 100 x 5 x 0.001."""
    world = PaperWorld()
    world.announce("0.001", at(16))
    await world.sell("100")
    await world.wait_until(at(16, 0, 5))

    (paid,) = await world.venue.payments(NOON)

    assert (paid.amount_usd, paid.is_estimated) == (D("0.50"), True)
    assert await world.venue.settle_funding() == ()
    world.market.pay(APT, at(16), "0.0011", "5.00")
    await world.wait_until(at(16, 3))
    (final,) = await world.venue.settle_funding()
    assert (final.amount_usd, final.is_estimated) == (D("0.55"), False)


async def test_asking_for_payments_after_a_start_does_not_hide_missed_ones() -> None:
    """The first look at the settled list is still made: 16:00 fell into the pause."""
    world = PaperWorld()
    world.announce("0.001", at(16))
    await world.sell("100")
    world.market.snapshots.clear()
    world.market.pay(APT, at(16), "0.001", "5.00")
    world.market.pay(APT, at(20), "0.002", "5.00")
    await world.wait_until(at(21))
    world.restarted()

    await world.venue.payments(NOON)
    await world.venue.settle_funding()

    found = await world.venue.payments(NOON)
    assert [paid.amount_usd for paid in found] == [D("0.50"), D("1.00")]
