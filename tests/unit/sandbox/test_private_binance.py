"""Binance with a key, through the real ccxt class."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import ccxt.async_support as ccxt
import pytest

from tests.unit.sandbox.private_clients import money, trading_client
from tests.unit.sandbox.venue_clients import NOON_MS, frozen_box

BTC = "BTC/USDT:USDT"
HOUR_MS = 3_600_000


async def _best_ask(client: Any) -> float:  # noqa: ANN401 - ccxt is untyped
    book = await client.fetch_order_book(BTC, 5)
    return float(book["asks"][0][0])


async def _buy(client: Any, **params: Any) -> Any:  # noqa: ANN401 - ccxt is untyped
    price = round(await _best_ask(client) * 1.001, 1)
    words = {"timeInForce": "IOC", "clientOrderId": "c1", **params}
    return await client.create_order(BTC, "limit", "buy", 0.012, price, words)


async def test_an_order_fills_from_the_book_and_is_seen_everywhere() -> None:
    """Order, look-up, trade, position and balance must tell one story."""
    async with frozen_box() as box, trading_client(box, "binance") as client:
        ask = await _best_ask(client)

        order = await _buy(client)
        found = await client.fetch_order(None, BTC, {"clientOrderId": "c1"})
        trades = await client.fetch_my_trades(BTC)
        positions = await client.fetch_positions()
        balance = await client.fetch_balance()

        assert order["status"] == found["status"] == "closed"
        assert order["filled"] == found["filled"] == 0.012
        assert order["average"] == ask
        cost = Decimal(str(ask)) * Decimal("0.012")
        fee = Decimal(str(trades[0]["fee"]["cost"]))
        assert fee == money(cost * Decimal("0.0005"), 8)
        assert trades[0]["order"] == order["id"]
        assert [one["contracts"] for one in positions] == [0.012]
        assert positions[0]["side"] == "long"
        true = box.world.by_symbol("binance", "BTCUSDT")
        assert true is not None
        mark = Decimal(box.world.shown_mark(true, NOON_MS // 1000 * 1000))
        equity = 5000 - fee + mark * Decimal("0.012") - cost
        assert Decimal(str(balance["USDT"]["total"])) == money(equity, 8)


async def test_funding_is_booked_at_its_moment_and_listed() -> None:
    """The ledger is compared with what the venue says it paid."""
    async with frozen_box() as box, trading_client(box, "binance") as client:
        await _buy(client)
        before = box.reception.desks["binance"].account.wallet
        box.clock.set_ms(NOON_MS + 3 * HOUR_MS)  # 00:00 UTC has passed

        paid = await client.fetch_funding_history(BTC)

        true = box.world.by_symbol("binance", "BTCUSDT")
        assert true is not None
        (payment,) = box.world.payments(true, NOON_MS, NOON_MS + 3 * HOUR_MS)
        mark = Decimal(f"{payment.mark_price:.8f}")
        expected = money(-Decimal("0.012") * mark * payment.rate, 8)
        assert [Decimal(str(one["amount"])) for one in paid] == [expected]
        assert paid[0]["timestamp"] == payment.at_ms
        after = box.reception.desks["binance"].account.wallet
        assert after - before == expected


async def test_a_resting_order_is_open_until_it_is_cancelled() -> None:
    """An IOC that rests by mistake must be found and ended."""
    async with frozen_box() as box, trading_client(box, "binance") as client:
        price = round(await _best_ask(client) * 0.99, 1)
        words = {"timeInForce": "GTC", "clientOrderId": "rest"}
        await client.create_order(BTC, "limit", "buy", 0.01, price, words)

        resting = await client.fetch_open_orders(BTC)
        await client.cancel_order(None, BTC, {"clientOrderId": "rest"})
        left = await client.fetch_open_orders(BTC)
        listed = await client.fetch_orders(BTC)

        assert [one["clientOrderId"] for one in resting] == ["rest"]
        assert left == []
        assert [one["status"] for one in listed] == ["canceled"]
        with pytest.raises(ccxt.OrderNotFound):
            await client.cancel_order(None, BTC, {"clientOrderId": "rest"})


async def test_leverage_margin_mode_and_position_mode_are_kept() -> None:
    """Setting what is set already is an error of its own on this venue."""
    async with frozen_box() as box, trading_client(box, "binance") as client:
        await client.set_leverage(3, BTC)

        mode = await client.fetch_position_mode(BTC)
        leverages = await client.fetch_leverages([BTC])

        assert mode["hedged"] is False
        assert leverages[BTC]["longLeverage"] == 3
        with pytest.raises(ccxt.MarginModeAlreadySet):
            await client.set_margin_mode("cross", BTC)
        with pytest.raises(ccxt.OperationRejected, match="4059"):
            await client.set_position_mode(hedged=False)


@pytest.mark.parametrize(
    ("side", "amount", "factor", "params", "error", "code"),
    [
        ("buy", 0.001, 1.001, {}, ccxt.InvalidOrder, "-4164"),
        ("buy", 5, 1.001, {}, ccxt.InsufficientFunds, "-2019"),
        ("sell", 0.01, 0.999, {"reduceOnly": True}, ccxt.InvalidOrder, "-2022"),
        ("buy", 0.01, 1.2, {}, ccxt.BadRequest, "-4016"),
        ("buy", 0.01, 1.001, {"positionSide": "LONG"}, ccxt.OperationRejected, "-4061"),
        ("buy", 0.01, 1.001, {"clientOrderId": "a b"}, ccxt.ExchangeError, "-4015"),
    ],
)
async def test_a_broken_rule_is_refused_with_the_venues_code(
    side: str,
    amount: float,
    factor: float,
    params: dict[str, Any],
    error: type[Exception],
    code: str,
) -> None:
    """Every definitive code that the product relies on exists here."""
    async with frozen_box() as box, trading_client(box, "binance") as client:
        price = round(await _best_ask(client) * factor, 1)
        words = {"timeInForce": "IOC", **params}

        with pytest.raises(error, match=code):
            await client.create_order(BTC, "limit", side, amount, price, words)

        assert box.reception.desks["binance"].account.trades == []


async def test_a_client_id_is_unique_among_open_orders_only() -> None:
    """A filled IOC sent again fills again: ids alone do not protect."""
    async with frozen_box() as box, trading_client(box, "binance") as client:
        await _buy(client)
        await _buy(client)
        price = round(await _best_ask(client) * 0.99, 1)
        words = {"timeInForce": "GTC", "clientOrderId": "c2"}
        await client.create_order(BTC, "limit", "buy", 0.01, price, words)

        with pytest.raises(ccxt.InvalidOrder, match="-4116"):
            await client.create_order(BTC, "limit", "buy", 0.01, price, words)

        held = box.reception.desks["binance"].account.holding("BTCUSDT")
        assert held.quantity == Decimal("0.024")


@pytest.mark.parametrize(
    ("spoil", "error", "code"),
    [
        ({"secret": "wrong"}, ccxt.AuthenticationError, "-1022"),
        ({"apiKey": "wrong"}, ccxt.AuthenticationError, "-2015"),
    ],
)
async def test_a_wrong_key_or_signature_is_refused(
    spoil: dict[str, str], error: type[Exception], code: str
) -> None:
    """A signature that is never checked would hide a broken one."""
    async with frozen_box() as box, trading_client(box, "binance") as client:
        for name, value in spoil.items():
            setattr(client, name, value)

        with pytest.raises(error, match=code):
            await client.fetch_balance()


@pytest.mark.parametrize("shift_ms", [-6000, 1500])
async def test_a_request_outside_its_window_is_refused(shift_ms: int) -> None:
    """An order that was under way too long must not fill."""
    async with frozen_box() as box, trading_client(box, "binance") as client:
        price = round(await _best_ask(client) * 1.001, 1)
        client.milliseconds = lambda: NOON_MS + shift_ms

        with pytest.raises(ccxt.InvalidNonce, match="-1021"):
            await client.create_order(
                BTC, "limit", "buy", 0.01, price,
                {"timeInForce": "IOC", "recvWindow": 5000},
            )  # fmt: skip


async def test_rights_of_the_key_are_told() -> None:
    """The product refuses keys that could withdraw."""
    async with frozen_box() as box, trading_client(box, "binance") as client:
        told = await client.sapiGetAccountApiRestrictions()

        assert told["enableWithdrawals"] is False
        assert told["enableFutures"] is True
        assert told["ipRestrict"] is True
