"""Hyperliquid with a key, through the real ccxt class."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import ccxt.async_support as ccxt
import pytest

from sandbox.venues import keys
from sandbox.venues.hyperliquid_signing import keccak, pack_message
from tests.unit.sandbox.private_clients import money, trading_client
from tests.unit.sandbox.venue_clients import NOON_MS, frozen_box

SOL = "SOL/USDC:USDC"
ID = "0x" + "ab" * 16
HOUR_MS = 3_600_000


async def _best_ask(client: Any) -> float:  # noqa: ANN401 - ccxt is untyped
    book = await client.fetch_order_book(SOL)
    return float(book["asks"][0][0])


async def _order(client: Any, side: str, factor: float, **params: Any) -> Any:  # noqa: ANN401 - ccxt is untyped
    price = await _best_ask(client) * factor
    words = {"timeInForce": "IOC", "clientOrderId": ID, **params}
    amount = words.pop("amount", 0.5)
    return await client.create_order(SOL, "limit", side, amount, price, words)


async def test_an_order_fills_from_the_book_and_is_seen_everywhere() -> None:
    """Order, look-up, fill, position and balance must tell one story."""
    async with frozen_box() as box, trading_client(box, "hyperliquid") as client:
        ask = await _best_ask(client)

        order = await _order(client, "buy", 1.001)
        found = await client.fetch_order(None, SOL, {"clientOrderId": ID})
        fills = await client.fetch_my_trades(SOL, NOON_MS - 1)
        positions = await client.fetch_positions()
        balance = await client.fetch_balance()

        assert order["filled"] == found["filled"] == 0.5
        assert order["average"] == ask
        assert found["status"] == "closed"
        assert fills[0]["info"]["cloid"] == ID
        fee = Decimal(fills[0]["info"]["fee"])
        assert fee == money(Decimal(str(ask)) / 2 * Decimal("0.00045"), 6)
        assert [(one["side"], one["contracts"]) for one in positions] == [("long", 0.5)]
        account = box.reception.desks["hyperliquid"].now()
        shown = Decimal(str(balance["USDC"]["total"]))
        assert shown == money(account.equity(), 6)
        assert account.wallet == 5000 - fee


async def test_hourly_funding_is_listed_with_its_rate() -> None:
    """The ledger keys payments by time and coin."""
    async with frozen_box() as box, trading_client(box, "hyperliquid") as client:
        await _order(client, "sell", 0.999)
        box.clock.set_ms(NOON_MS + 2 * HOUR_MS)

        paid = await client.fetch_funding_history(SOL, NOON_MS)

        booked = box.reception.desks["hyperliquid"].account.payments
        assert len(paid) == len(booked) == 2
        amounts = [Decimal(str(one["amount"])) for one in paid]
        assert amounts == [one.amount for one in booked]
        assert all((one.amount > 0) == (one.rate > 0) for one in booked)


async def test_leverage_is_kept_and_shown_with_the_position() -> None:
    """Pre-flight compares leverage and mode with the plan."""
    async with frozen_box() as box, trading_client(box, "hyperliquid") as client:
        await client.set_leverage(3, SOL, {"marginMode": "cross"})
        await _order(client, "buy", 1.001)

        (position,) = await client.fetch_positions([SOL])

        assert position["leverage"] == 3
        assert position["marginMode"] == "cross"


async def test_a_resting_order_is_found_open_and_cancelled_by_its_client_id() -> None:
    """An IOC that rests by mistake must be found and ended."""
    async with frozen_box() as box, trading_client(box, "hyperliquid") as client:
        await _order(client, "buy", 0.99, timeInForce="GTC")

        resting = await client.fetch_open_orders(SOL)
        await client.cancel_order(None, SOL, {"clientOrderId": ID})

        assert [one["clientOrderId"] for one in resting] == [ID]
        assert await client.fetch_open_orders(SOL) == []
        listed = await client.fetch_orders(SOL)
        assert [one["status"] for one in listed] == ["canceled"]
        with pytest.raises(ccxt.OrderNotFound):
            await client.cancel_order(None, SOL, {"clientOrderId": ID})


@pytest.mark.parametrize(
    ("side", "factor", "params", "error", "text"),
    [
        ("buy", 1.001, {"amount": 0.05}, ccxt.InvalidOrder, "minimum value"),
        ("buy", 1.001, {"amount": 900}, ccxt.InsufficientFunds, "margin"),
        ("sell", 0.999, {"reduceOnly": True}, ccxt.InvalidOrder, "Reduce only"),
        ("buy", 0.99, {}, ccxt.InvalidOrder, "immediately match"),
    ],
)
async def test_a_broken_rule_is_refused_inside_a_status_of_200(
    side: str,
    factor: float,
    params: dict[str, Any],
    error: type[Exception],
    text: str,
) -> None:
    """This venue's refusals hide in the statuses of a successful reply."""
    async with frozen_box() as box, trading_client(box, "hyperliquid") as client:
        with pytest.raises(error, match=text):
            await _order(client, side, factor, **params)

        assert box.requests[-1].status == 200
        assert box.reception.desks["hyperliquid"].account.trades == []


async def test_an_unknown_order_is_not_found() -> None:
    """The look-up's own way to say that it sees nothing yet."""
    async with frozen_box() as box, trading_client(box, "hyperliquid") as client:
        with pytest.raises(ccxt.OrderNotFound):
            await client.fetch_order(None, SOL, {"clientOrderId": ID})


async def test_only_the_approved_wallet_may_sign() -> None:
    """The signer's address is recovered from the signature, not believed."""
    async with frozen_box() as box, trading_client(box, "hyperliquid") as client:
        client.privateKey = "0x" + "11" * 32

        with pytest.raises(ccxt.InvalidOrder, match="does not exist"):
            await _order(client, "buy", 1.001)


async def test_a_signed_action_works_once_and_only_before_it_expires() -> None:
    """A repeated or late copy of one request must not fill twice."""
    async with frozen_box() as box, trading_client(box, "hyperliquid") as client:
        price = await _best_ask(client) * 1.001
        order = {
            "symbol": SOL, "type": "limit", "side": "buy", "amount": 0.5,
            "price": price, "params": {"timeInForce": "IOC", "clientOrderId": ID},
        }  # fmt: skip
        request = client.create_orders_request([order], {})
        expires_ms = NOON_MS + 5000
        request["signature"] = client.sign_l1_action(
            request["action"], request["nonce"], None, expires_ms
        )
        request["expiresAfter"] = expires_ms

        first = await client.privatePostExchange(request)
        with pytest.raises(ccxt.ExchangeError, match="duplicate nonce"):
            await client.privatePostExchange(request)
        later = client.create_orders_request([order], {})
        later["nonce"] = request["nonce"] + 1
        later["signature"] = client.sign_l1_action(
            later["action"], later["nonce"], None, expires_ms
        )
        later["expiresAfter"] = expires_ms
        box.clock.set_ms(expires_ms + 1)
        with pytest.raises(ccxt.ExchangeError, match="expired"):
            await client.privatePostExchange(later)

        assert "filled" in first["response"]["data"]["statuses"][0]
        assert len(box.reception.desks["hyperliquid"].account.orders) == 1


async def test_an_address_tells_what_it_is() -> None:
    """The product takes an approved wallet's key and refuses the master's."""
    async with frozen_box() as box, trading_client(box, "hyperliquid") as client:
        agent, wallet = keys.HYPERLIQUID_AGENT, keys.HYPERLIQUID_WALLET

        role = await client.publicPostInfo({"type": "userRole", "user": agent})
        agents = await client.publicPostInfo({"type": "extraAgents", "user": wallet})

        assert role == {"role": "agent", "data": {"user": wallet}}
        assert [one["address"] for one in agents] == [agent]


def test_keccak_and_message_pack_give_published_results() -> None:
    """Two small codecs of our own, held to known values."""
    assert keccak(b"abc").hex() == (
        "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"
    )
    packed = pack_message({"a": [1, 300, True, None, "x" * 40], "b": 70000})
    assert packed == (
        b"\x82\xa1a\x95\x01\xcd\x01\x2c\xc3\xc0\xd9\x28" + b"x" * 40
        + b"\xa1b\xce\x00\x01\x11\x70"
    )  # fmt: skip
