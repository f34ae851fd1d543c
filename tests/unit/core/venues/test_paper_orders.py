from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import StorageError, VenueError
from core.model.order import Accepted, Rejected, Uncertain
from core.model.units import OrderSide
from tests.fakes.markets import book
from tests.fakes.paper_world import (
    APT,
    ASKS,
    BIDS,
    FEE,
    NOON,
    PaperWorld,
    accepted,
    at,
)

if TYPE_CHECKING:
    from core.model.instrument import Instrument
    from core.model.order import SubmitResult

D = Decimal
BUY, SELL = OrderSide.BUY, OrderSide.SELL


def code_of(result: SubmitResult) -> str:
    """Return the code of a refusal."""
    assert isinstance(result, Rejected), result
    assert result.was_sent
    return result.code


# --- fills ----------------------------------------------------------------------------


async def test_an_order_takes_level_by_level_what_the_book_has() -> None:
    """100 at 5.01 and 50 at 5.02: 752.00 USD paid, 0.376 fee."""
    world = PaperWorld()

    reply = await world.buy("150")

    assert (reply.filled_base, reply.is_final) == (D(150), True)
    assert reply.average_price == D("752.00") / 150
    assert reply.fee_usd == D("752.00") * FEE
    assert await world.held() == D(150)


async def test_a_limit_leaves_the_rest_unfilled() -> None:
    """Only 100 are offered at 5.01; the rest of an IOC order is cancelled."""
    world = PaperWorld()

    reply = await world.buy("150", limit="5.01")

    assert (reply.filled_base, reply.is_final) == (D(100), True)
    assert await world.held() == D(100)


async def test_a_limit_outside_the_book_fills_nothing_and_costs_nothing() -> None:
    """The price moved away: a zero fill is final and has no price."""
    world = PaperWorld()

    reply = await world.buy("150", limit="5.00")

    assert (reply.filled_base, reply.average_price) == (D(0), None)
    assert (reply.fee_usd, reply.is_final) == (D(0), True)
    assert (await world.venue.balance()).equity_usd == D(1000)


async def test_a_partial_fill_is_rounded_down_to_the_lot() -> None:
    """100.07 offered in lots of 0.1: 100.0 taken."""
    world = PaperWorld()
    world.market.quote(book(APT, bids=BIDS, asks=(("5.01", "100.07"),)))

    reply = await world.buy("150")

    assert reply.filled_base == D("100.0")


async def test_the_book_is_read_after_the_latency() -> None:
    """A fill at the price of the moment before would be better than life."""
    world = PaperWorld()
    seen = []

    async def late_book(_: Instrument) -> object:
        seen.append(world.clock.now())
        return replace(world.market.books[APT.symbol], observed_at=world.clock.now())

    world.market.book = late_book  # type: ignore[method-assign,assignment]

    await world.buy("1.0")

    assert seen == [NOON + timedelta(milliseconds=150)]


async def test_own_fills_are_gone_from_the_book_for_two_seconds() -> None:
    """The real book does not know of them and would serve the same size twice."""
    world = PaperWorld(start_usd="2000")

    first = await world.buy("100", limit="5.01")
    second = await world.buy("100", limit="5.01")
    await world.wait_until(at(12, 0, 3))
    third = await world.buy("40", limit="5.01")

    assert first.filled_base == D(100)
    assert second.filled_base == D(0)
    assert third.filled_base == D(40)


async def test_what_an_own_fill_left_at_a_level_can_still_be_taken() -> None:
    """40 of 100 are gone, 60 are left at 5.01."""
    world = PaperWorld()

    await world.buy("40", limit="5.01")
    second = await world.buy("100", limit="5.01")

    assert second.filled_base == D(60)


async def test_what_was_bought_is_not_gone_from_the_bids() -> None:
    """Closing right after opening meets the other side of the book."""
    world = PaperWorld()
    await world.buy("100")

    reply = await world.sell("100")

    assert reply.filled_base == D(100)
    assert await world.held() == D(0)


# --- refusals -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quantity", "limit", "code"),
    [
        ("0", "5.01", "lot"),
        ("10.05", "5.01", "lot"),
        ("10", "5.013", "tick"),
        ("10", "0", "tick"),
        ("0.5", "5.01", "min_quantity"),
        ("1", "5.01", "min_notional"),
        ("1000.1", "5.01", "max_quantity"),
        ("900", "5.01", "margin"),
    ],
)
async def test_a_published_rule_is_kept(quantity: str, limit: str, code: str) -> None:
    """The refusal has the same word as a real venue's."""
    world = PaperWorld()
    strict = replace(
        APT,
        min_quantity_base=D(1),
        max_quantity_base=D(1000),
        min_notional_usd=D(10),
    )
    world.market.listed[APT.symbol] = strict

    result = await world.order(BUY, quantity, limit)

    assert code_of(result) == code
    assert await world.held() == D(0)


async def test_limits_themselves_are_allowed() -> None:
    """The largest size, at the smallest notional, at the highest leverage."""
    world = PaperWorld(start_usd="101")
    exact = replace(
        APT,
        min_quantity_base=D(20),
        max_quantity_base=D(20),
        min_notional_usd=D("100.2"),
        max_leverage=D(1),
    )
    world.market.listed[APT.symbol] = exact
    await world.venue.set_leverage(exact, 1)

    reply = await world.buy("20", limit="5.01")

    assert reply.filled_base == D(20)


async def test_the_last_missing_cent_of_margin_refuses() -> None:
    """20 * 5.01 = 100.20 and 0.0501 fee make 100.2501."""
    exact, short = PaperWorld(start_usd="100.2501"), PaperWorld(start_usd="100.2500")

    assert accepted(await exact.order(BUY, "20", "5.01")).filled_base == D(20)
    assert code_of(await short.order(BUY, "20", "5.01")) == "margin"


async def test_a_delisted_contract_takes_no_order() -> None:
    """The list of contracts decides, not what a card once showed."""
    world = PaperWorld()
    world.market.listed.clear()

    assert code_of(await world.order(BUY, "10", "5.01")) == "unknown_symbol"


@pytest.mark.parametrize("trouble", ["down", "crossed", "empty", "old"])
async def test_without_a_good_book_there_is_no_fill(trouble: str) -> None:
    """Mark or last price never stands in for a book."""
    world = PaperWorld()
    if trouble == "down":
        world.market.go_down()
    if trouble == "crossed":
        world.market.quote(book(APT, bids=(("5.02", "1"),), asks=(("5.01", "1"),)))
    if trouble == "empty":
        world.market.quote(book(APT, bids=BIDS, asks=()))
    if trouble == "old":
        world.market.is_frozen = True
        world.market.quote(
            book(APT, bids=BIDS, asks=ASKS, at=NOON - timedelta(seconds=3))
        )

    assert code_of(await world.order(BUY, "10", "5.01")) == "no_book"


async def test_a_request_that_arrives_too_late_is_expired() -> None:
    """After the expiry "not found" must really mean "never arrived"."""
    world = PaperWorld()
    intent = world.intent(BUY, "10", "5.01")
    await world.wait_until(intent.send_by + timedelta(seconds=5))

    result = await world.venue.submit(intent, APT)

    assert code_of(result) == "expired"
    assert await world.venue.find(intent, APT) is None


async def test_leverage_decides_what_free_margin_carries() -> None:
    """100 USD carries 19 APT at 5.01 (95 USD) at 1x, and 57 at 3x."""
    world = PaperWorld(start_usd="100")

    refused = await world.order(BUY, "57", "5.01")
    await world.venue.set_leverage(APT, 3)
    filled = await world.order(BUY, "57", "5.01")

    assert code_of(refused) == "margin"
    assert accepted(filled).filled_base == D(57)


async def test_a_sale_needs_margin_at_the_price_it_gets() -> None:
    """A low limit must not make a short look cheaper: 21 * 4.99 = 104.79 > 100."""
    world = PaperWorld(start_usd="100")

    assert code_of(await world.order(SELL, "21", "4.50")) == "margin"
    assert accepted(await world.order(SELL, "20", "4.50")).filled_base == D(20)


async def test_leverage_above_the_venue_limit_is_refused() -> None:
    """As the venue would."""
    world = PaperWorld()
    limited = replace(APT, max_leverage=D(5))

    with pytest.raises(VenueError, match="leverage 6"):
        await world.venue.set_leverage(limited, 6)


# --- reduce-only ----------------------------------------------------------------------


async def test_a_reduce_only_order_is_cut_to_the_position() -> None:
    """It may close, never flip."""
    world = PaperWorld()
    await world.buy("30")

    result = await world.order(SELL, "50", "4.90", is_reduce_only=True)

    assert accepted(result).filled_base == D(30)
    assert await world.held() == D(0)


@pytest.mark.parametrize("bought", ["0", "30"], ids=["flat", "same side"])
async def test_a_reduce_only_order_with_nothing_to_reduce_is_refused(
    bought: str,
) -> None:
    """Adding to a position is not reducing it."""
    world = PaperWorld()
    if bought != "0":
        await world.buy(bought)

    result = await world.order(BUY, "10", "5.10", is_reduce_only=True)

    assert code_of(result) == "reduce_only"


async def test_a_close_needs_neither_margin_nor_minimum() -> None:
    """Dust and a used-up account can still be closed."""
    world = PaperWorld(start_usd="160")
    await world.buy("30.5", limit="5.05")
    world.market.listed[APT.symbol] = replace(APT, min_notional_usd=D(100))

    result = await world.order(SELL, "0.5", "4.90", is_reduce_only=True)

    assert accepted(result).filled_base == D("0.5")


# --- evidence -------------------------------------------------------------------------


async def test_an_order_is_found_by_its_client_id_with_its_fills() -> None:
    """What an engine asks for after a lost answer."""
    world = PaperWorld()
    intent = world.intent(BUY, "150", "5.50")
    reply = accepted(await world.venue.submit(intent, APT))

    record = await world.venue.find(intent, APT)
    fills = await world.venue.fills(APT, NOON)

    assert record is not None
    assert (record.filled_base, record.fee_usd) == (reply.filled_base, reply.fee_usd)
    assert (record.venue_order_id, record.is_final) == (reply.venue_order_id, True)
    assert [(fill.quantity_base, fill.price) for fill in fills] == [
        (D(100), D("5.01")),
        (D(50), D("5.02")),
    ]
    assert {fill.client_order_id for fill in fills} == {intent.client_order_id}
    assert len({fill.venue_trade_id for fill in fills}) == 2


async def test_executions_before_the_asked_moment_are_left_out() -> None:
    """A search for one order must not find an older one."""
    world = PaperWorld()
    await world.buy("10")
    await world.wait_until(at(12, 1))

    assert await world.venue.fills(APT, at(12, 1)) == ()


async def test_an_order_that_never_came_is_not_visible() -> None:
    """None is no proof by itself; the caller waits for the fence."""
    world = PaperWorld()

    assert await world.venue.find(world.intent(BUY, "1", "5"), APT) is None


async def test_a_client_id_is_taken_once_also_after_a_restart() -> None:
    """Proof that an earlier copy arrived: to be looked up, never filled again."""
    world = PaperWorld()
    intent = world.intent(BUY, "10", "5.01")
    await world.venue.submit(intent, APT)

    again = await world.venue.submit(intent, APT)
    world.restarted()
    later = await world.venue.submit(intent, APT)

    assert isinstance(again, Uncertain)
    assert isinstance(later, Uncertain)
    assert await world.held() == D(10)


async def test_the_same_order_sent_twice_at_once_is_taken_once() -> None:
    """Two copies in the network at the same time."""
    world = PaperWorld()
    intent = world.intent(BUY, "10", "5.01")

    results = await asyncio.gather(*(world.venue.submit(intent, APT) for _ in range(3)))

    assert [type(each) for each in results].count(Accepted) == 1
    assert await world.held() == D(10)


async def test_a_reply_lost_after_acceptance_leaves_the_evidence() -> None:
    """The books were written, the answer was not: the order is found, once."""
    world = PaperWorld()
    intent = world.intent(BUY, "10", "5.01")
    world.ledger.fails_after_commit = True

    result = await world.venue.submit(intent, APT)
    world.ledger.fails_after_commit = False
    found = await world.restarted().find(intent, APT)

    assert isinstance(result, Uncertain)
    assert found is not None
    assert found.filled_base == D(10)
    assert await world.held() == D(10)


async def test_a_crash_before_the_books_are_written_leaves_nothing() -> None:
    """Half an order must never exist: no record, no fill, no position."""
    world = PaperWorld()
    intent = world.intent(BUY, "10", "5.01")
    world.ledger.fails_before_commit = True

    result = await world.venue.submit(intent, APT)
    world.ledger.fails_before_commit = False

    assert isinstance(result, Uncertain)
    assert await world.venue.find(intent, APT) is None
    assert await world.venue.fills(APT, NOON) == ()
    assert await world.held() == D(0)


async def test_a_killed_send_is_recovered_from_the_books() -> None:
    """A task cancelled between acceptance and reply; the next read knows the order."""
    world = PaperWorld()
    intent = world.intent(BUY, "10", "5.01")
    save = world.ledger.save_paper

    async def save_and_die(*args: object) -> None:
        await save(*args)  # type: ignore[arg-type]
        raise asyncio.CancelledError

    world.ledger.save_paper = save_and_die  # type: ignore[method-assign,assignment]
    with pytest.raises(asyncio.CancelledError):
        await world.venue.submit(intent, APT)
    world.ledger.save_paper = save  # type: ignore[method-assign]

    assert await world.venue.find(intent, APT) is not None
    assert await world.held() == D(10)


async def test_everything_of_an_order_is_written_at_once() -> None:
    """One transaction: wallet, position, order and fills together."""
    world = PaperWorld()

    await world.buy("150")

    (rows,) = world.ledger.writes
    kinds = sorted(key.partition(":")[0] for key in rows)
    assert kinds == ["fill", "fill", "order", "position", "wallet"]


async def test_books_that_cannot_be_read_are_no_information() -> None:
    """A failed read must not look like a flat account."""
    world = PaperWorld()
    world.ledger.fails_reading = True

    with pytest.raises(VenueError):
        await world.venue.positions()
    with pytest.raises(VenueError):
        await world.venue.find(world.intent(BUY, "1", "5"), APT)
    with pytest.raises(StorageError):
        await world.venue.settle_funding()


async def test_a_restart_finds_the_account_as_it_was() -> None:
    """Positions, balance, leverage, orders and fills live in the books alone."""
    world = PaperWorld()
    await world.venue.set_leverage(APT, 3)
    await world.buy("150")
    await world.sell("50.5")
    before = (
        await world.venue.positions(),
        await world.venue.balance(),
        await world.venue.fills(APT, NOON),
    )

    world.start_usd = D(7)
    again = world.restarted()

    assert before == (
        await again.positions(),
        await again.balance(),
        await again.fills(APT, NOON),
    )


async def test_cancelling_is_no_error() -> None:
    """Nothing ever rests, so there is nothing to cancel."""
    world = PaperWorld()

    await world.venue.cancel(world.intent(BUY, "1", "5"), APT)

    assert world.ledger.writes == []


# --- money ----------------------------------------------------------------------------


async def test_equity_values_what_is_held_at_the_mark() -> None:
    """100 bought at 5.01, marked at 5.20: +19 - 0.2505 fee; 520/2 is used."""
    world = PaperWorld()
    await world.venue.set_leverage(APT, 2)
    await world.buy("100")
    world.announce("0", at(16), mark="5.20")

    balance = await world.venue.balance()

    assert balance.equity_usd == 1000 + D("19") - D("0.2505")
    assert balance.free_usd == balance.equity_usd - D(260)


async def test_without_a_mark_the_middle_of_the_book_values() -> None:
    """After a restart the first scan may not be there yet: mid is 5.00."""
    world = PaperWorld()
    await world.buy("100")

    balance = await world.venue.balance()

    assert balance.equity_usd == 1000 - D(1) - D("0.2505")


async def test_the_book_of_an_order_also_values_what_is_held_of_it() -> None:
    """Without marks, adding to a position needs one book, not two."""
    world = PaperWorld()
    await world.buy("10")
    world.market.calls.clear()

    await world.buy("10")

    assert world.market.calls == ["book"]


async def test_a_balance_without_any_price_is_no_information() -> None:
    """Unknown is not zero and not the entry price."""
    world = PaperWorld()
    await world.buy("100")
    world.market.go_down()

    with pytest.raises(VenueError):
        await world.venue.balance()


async def test_an_account_below_maintenance_is_liquidated_at_the_mark() -> None:
    """The one-leg loss must be met in paper, too.

    50 bought at 5.01 with 60 USD: at 3.85 equity is 60 - 58 - 0.125 = 1.875, above
    0.5 % of 192.5; at 3.80 it is below zero.
    """
    world = PaperWorld(start_usd="60")
    await world.venue.set_leverage(APT, 5)
    await world.buy("50")
    world.announce("0", at(16), mark="3.85")
    await world.venue.settle_funding()
    held_before = await world.held()
    world.announce("0", at(16), mark="3.80")

    await world.venue.settle_funding()

    assert held_before == D(50)
    assert await world.held() == D(0)
    last = (await world.venue.fills(APT, NOON))[-1]
    assert (last.side, last.price, last.client_order_id) == (SELL, D("3.80"), None)
    assert last.fee_usd == 50 * D("3.80") * FEE


async def test_a_short_is_liquidated_by_a_purchase() -> None:
    """50 sold at 4.99 with 60 USD: at 6.20 equity is 60 - 60.5 - 0.12, below zero."""
    world = PaperWorld(start_usd="60")
    await world.venue.set_leverage(APT, 5)
    await world.sell("50")
    world.announce("0", at(16), mark="6.20")

    await world.venue.settle_funding()

    last = (await world.venue.fills(APT, NOON))[-1]
    assert (last.side, last.price) == (BUY, D("6.20"))
    assert await world.held() == D(0)


_steps = st.lists(
    st.tuples(
        st.sampled_from(OrderSide),
        st.integers(1, 3000),
        st.sampled_from(["4.90", "4.98", "4.99", "5.01", "5.02", "5.10"]),
        st.booleans(),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(steps=_steps)
def test_the_wallet_is_start_plus_realised_minus_fees_plus_funding(
    steps: list[tuple[OrderSide, int, str, bool]],
) -> None:
    """Whatever is ordered: cash flows of the fills explain the equity to the cent."""

    async def play() -> None:
        world = PaperWorld(start_usd="10000")
        world.announce("0.0001", at(16), mark="5")
        for side, tenths, limit, is_reduce_only in steps:
            quantity = str(D(tenths) / 10)
            await world.order(side, quantity, limit, is_reduce_only=is_reduce_only)
        await world.wait_until(at(16, 0, 1))
        await world.venue.settle_funding()

        fills = await world.venue.fills(APT, NOON)
        cash = sum(
            (
                -f.side.sign * f.quantity_base * f.price - (f.fee_usd or 0)
                for f in fills
            ),
            D(0),
        )
        stock = sum((f.side.sign * f.quantity_base for f in fills), D(0))
        paid = sum((p.amount_usd for p in await world.venue.payments(NOON)), D(0))
        balance = await world.venue.balance()
        gap = balance.equity_usd - (10000 + cash + stock * 5 + paid)
        assert await world.held() == stock
        assert paid == -stock * 5 * D("0.0001")
        assert abs(gap) < D("1e-15")

    asyncio.run(play())


# --- a contract that leaves the list --------------------------------------------------


async def test_what_left_the_list_can_still_be_valued_and_closed() -> None:
    """A venue knows what we hold beyond its public list, also after a restart.

    100 bought at 5.01 are worth the middle of the book, 5.00; 5000.00 would be stuck
    with the whole account if the list decided.
    """
    world = PaperWorld()
    await world.buy("100")
    world.market.listed.clear()
    world.restarted()

    assert (await world.venue.balance()).equity_usd == 1000 - D(1) - D(501) * FEE
    assert code_of(await world.order(BUY, "10", "5.50")) == "unknown_symbol"
    reply = await world.order(SELL, "100", "4.50", is_reduce_only=True)
    assert accepted(reply).filled_base == D(100)
    assert await world.held() == 0
