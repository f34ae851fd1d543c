"""Arithmetic of the pretend accounts, held to invariants over random trading."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import TYPE_CHECKING

import aiohttp
import pytest

from sandbox.scripting import arrive_late
from sandbox.venues.accounts import freeze, thaw
from sandbox.venues.rules import Refusal
from sandbox.venues.wishes import Wish
from tests.unit.sandbox.venue_clients import NOON_MS, frozen_box

if TYPE_CHECKING:
    from sandbox.venues.desk import Desk

VENUES = ("binance", "extended", "hyperliquid", "lighter")
NAMES = {
    "binance": ("SOLUSDT", "ETHUSDT"),
    "extended": ("SOL-USD", "ETH-USD"),
    "hyperliquid": ("SOL", "ETH"),
    "lighter": ("SOL", "ETH"),
}


def _some_order(desk: Desk, chance: random.Random, number: int) -> Wish:
    name = chance.choice(NAMES[desk.venue])
    one = desk.market(name)
    assert one is not None
    step = Decimal(1).scaleb(-one.size_decimals)
    quantity = max(step, Decimal(chance.random() * 2).quantize(step))
    return Wish(
        name,
        chance.choice((1, -1)),
        quantity,
        None,
        is_reduce_only=chance.random() < 0.3,
        client_id=str(number),
        kind="market",
    )


def _check(desk: Desk) -> None:
    account = desk.account
    flows = sum((one.profit - one.fee for one in account.trades), account.deposited)
    flows += sum(one.amount for one in account.payments)
    assert account.wallet == flows
    for name in NAMES[desk.venue]:
        traded = [one for one in account.trades if one.symbol_raw == name]
        held = sum((one.side * one.quantity for one in traded), Decimal(0))
        assert account.holding(name).quantity == held
    assert all(one.filled <= one.quantity for one in account.orders)
    assert all(one.quantity for one in account.holdings.values())


@pytest.mark.parametrize("venue", VENUES)
async def test_cash_and_positions_are_what_trades_and_payments_say(venue: str) -> None:
    """The product's ledger is compared with these numbers to the cent."""
    chance = random.Random(f"ledger {venue}")
    async with frozen_box() as box:
        desk = box.accounts.desk(venue)
        for number in range(1, 120):
            desk.settle()
            wish = _some_order(desk, chance, number)
            before = desk.account.holding(wish.symbol_raw).quantity
            try:
                desk.place(wish)
            except Refusal:
                assert desk.account.holding(wish.symbol_raw).quantity == before
            after = desk.account.holding(wish.symbol_raw).quantity
            if wish.is_reduce_only:
                assert abs(after) <= abs(before)
                assert after * before >= 0
            _check(desk)
            box.clock.set_ms(box.clock.now_ms() + chance.choice((500, 20_000, 1800000)))

        assert len(desk.account.trades) > 50
        assert len(desk.account.payments) > 5
        assert freeze(thaw(freeze(desk.account))) == freeze(desk.account)


@pytest.mark.parametrize("side", [1, -1])
async def test_the_liquidation_price_is_where_equity_meets_maintenance(
    side: int,
) -> None:
    """An alert about distance is checked against the venue's own number."""
    async with frozen_box() as box:
        box.accounts.set_wallet("binance", Decimal(400))
        desk = box.accounts.desk("binance")
        desk.place(Wish("SOLUSDT", side, Decimal(20), None, kind="market"))
        (row,) = desk.now().rows()
        price = row.liquidation_price
        assert price is not None

        equity = desk.account.wallet + row.held.quantity * price - row.held.cost

        assert abs(
            equity - abs(row.held.quantity) * price * Decimal("0.005")
        ) < Decimal("1e-15")
        assert (price < row.mark) == (side > 0)


async def test_a_resting_order_fills_at_its_price_when_the_market_comes() -> None:
    """A maker pays the maker's fee and gets its own price."""
    async with frozen_box() as box:
        desk = box.accounts.desk("binance")
        one = box.world.find("SOL", "binance")
        price = Decimal(box.world.book(one, NOON_MS).bids[5][0])
        words = Wish("SOLUSDT", 1, Decimal(1), price, time_in_force="GTX")
        order = desk.place(words)
        box.world.set_price_factor("SOL", 0.9, "binance")

        desk.settle()

        (trade,) = desk.account.trades
        assert order.state == "filled"
        assert (trade.price, trade.is_maker) == (price, True)
        assert trade.fee == desk.money(price * Decimal("0.0002"))


async def test_an_order_for_makers_only_never_takes() -> None:
    """Post-only that would match is ended at once."""
    async with frozen_box() as box:
        desk = box.accounts.desk("binance")
        one = box.world.find("SOL", "binance")
        price = Decimal(box.world.book(one, NOON_MS).asks[0][0])

        order = desk.place(Wish("SOLUSDT", 1, Decimal(1), price, time_in_force="GTX"))

        assert (order.state, order.why) == ("ended", "post_only")
        assert desk.account.trades == []


async def test_all_or_nothing_is_nothing_when_the_book_is_too_thin() -> None:
    """A fill-or-kill order never fills in part."""
    async with frozen_box() as box:
        desk = box.accounts.desk("binance")
        one = box.world.find("SOL", "binance")
        price, size = box.world.book(one, NOON_MS).asks[0]
        quantity = Decimal(size) + 1
        wish = Wish("SOLUSDT", 1, quantity, Decimal(price), time_in_force="FOK")

        order = desk.place(wish)

        assert (order.state, order.filled) == ("ended", Decimal(0))


async def test_a_resting_order_ends_at_its_expiry() -> None:
    """Nothing of ours stays in a book longer than we said."""
    async with frozen_box() as box:
        desk = box.accounts.desk("extended")
        one = box.world.find("SOL", "extended")
        price = Decimal(box.world.book(one, NOON_MS).bids[5][0])
        wish = Wish(
            "SOL-USD", 1, Decimal(1), price,
            time_in_force="GTC", expires_ms=NOON_MS + 1000,
        )  # fmt: skip
        order = desk.place(wish)
        box.clock.set_ms(NOON_MS + 1000)

        desk.settle()

        assert (order.state, order.why) == ("ended", "expired")


async def test_faults_of_orders_are_scripted_over_http() -> None:
    """A bot in another process meets the same faults."""
    async with frozen_box() as box, aiohttp.ClientSession() as session:
        url = f"{box.url}/__control/faults"
        words = {
            "venue": "lighter", "endpoint": "@order", "kind": "timeout",
            "before": True, "client_id": "77", "after": 1,
        }  # fmt: skip

        async with session.post(url, json=words) as got:
            assert got.status == 200
        async with session.get(url) as got:
            (listed,) = await got.json()

        assert listed["before"] is True
        assert (listed["client_id"], listed["endpoint"]) == ("77", "@order")
        fault = box.faults.active[0]
        orders = frozenset({"@order", "@entry"})
        assert fault.matches("lighter", "sendTx", purposes=orders, client_id="77")
        assert not fault.matches("lighter", "sendTx", purposes=orders, client_id="78")
        assert not fault.matches("lighter", "sendTx", client_id="77")
        assert not fault.is_done_anyway


async def test_a_desk_visited_rarely_catches_up_in_the_right_order() -> None:
    """A late order that arrives between two payments pays only the second."""
    async with frozen_box() as box:
        desk = box.accounts.desk("hyperliquid")
        wish = Wish("SOL", 1, Decimal(1), None, kind="market")
        fault = box.faults.add("hyperliquid", "@order", "late", param={"after_s": 3600})
        arrive_late(desk, fault, lambda: desk.place(wish))
        box.clock.set_ms(NOON_MS + 2 * 3_600_000)

        told = box.accounts.accounts()["hyperliquid"]

        assert len(told["payments"]) == 1
        assert told["orders"][0]["created_ms"] == NOON_MS + 3_600_000
