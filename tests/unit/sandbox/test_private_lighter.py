"""Lighter with a key, through the real ccxt class with a made-up signer."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import ccxt.async_support as ccxt
import pytest

from sandbox.venues import keys
from tests.unit.sandbox.private_clients import trading_client
from tests.unit.sandbox.venue_clients import NOON_MS, frozen_box

SOL = "SOL/USDC:USDC"
HOUR_MS = 3_600_000
MINE = 123_456_789_012


async def _best_ask(client: Any) -> float:  # noqa: ANN401 - ccxt is untyped
    book = await client.fetch_order_book(SOL, 20)
    return float(book["asks"][0][0])


async def _order(client: Any, side: str, factor: float, **params: Any) -> Any:  # noqa: ANN401 - ccxt is untyped
    price = await _best_ask(client) * factor
    words = {"timeInForce": "IOC", "clientOrderId": MINE, **params}
    amount = words.pop("amount", 0.5)
    return await client.create_order(SOL, "limit", side, amount, price, words)


async def _found(client: Any, number: int = MINE) -> list[Any]:  # noqa: ANN401 - ccxt is untyped
    answer = await client.privateGetAccountOrders(
        {"account_index": keys.LIGHTER_ACCOUNT, "client_order_indexes": str(number)}
    )
    return list(client.parse_orders(answer["orders"]))


async def test_a_receipt_proves_nothing_and_the_order_is_found_filled() -> None:
    """The reply has a hash; fills are told by look-up, trade and position."""
    async with frozen_box() as box, trading_client(box, "lighter") as client:
        ask = await _best_ask(client)

        receipt = await _order(client, "buy", 1.001)
        (found,) = await _found(client)
        trades = await client.fetch_my_trades(SOL)
        positions = await client.fetch_positions()
        balance = await client.fetch_balance()

        assert receipt["info"]["tx_hash"]
        assert receipt["status"] is None
        assert (found["status"], found["filled"]) == ("closed", 0.5)
        assert found["average"] == ask
        assert trades[0]["info"]["bid_client_id"] == MINE
        assert trades[0]["side"] == "buy"
        held = [(one["side"], one["contracts"]) for one in positions]
        assert held == [("long", 0.5)]
        assert balance["USDC"]["total"] == 5000


async def test_hourly_funding_is_listed() -> None:
    """The ledger books what the venue lists."""
    async with frozen_box() as box, trading_client(box, "lighter") as client:
        await _order(client, "sell", 0.999)
        box.clock.set_ms(NOON_MS + HOUR_MS)

        paid = await client.privateGetPositionFunding(
            {"account_index": keys.LIGHTER_ACCOUNT, "limit": 100}
        )

        (row,) = paid["position_fundings"]
        (booked,) = box.reception.desks["lighter"].account.payments
        assert Decimal(row["change"]) == booked.amount
        assert row["position_side"] == "short"
        assert (booked.amount > 0) == (booked.rate > 0)


async def test_a_resting_order_is_open_until_it_is_cancelled() -> None:
    """A cancel is a receipt, too: only the look-up tells that it worked."""
    async with frozen_box() as box, trading_client(box, "lighter") as client:
        await _order(client, "buy", 0.99, timeInForce="GTT")

        resting = await client.fetch_open_orders(SOL)
        await client.cancel_order(None, SOL, {"clientOrderId": MINE})

        assert [one["clientOrderId"] for one in resting] == [str(MINE)]
        assert await client.fetch_open_orders(SOL) == []
        closed = await client.fetch_closed_orders(SOL, None, 100)
        assert [one["status"] for one in closed] == ["canceled"]


async def test_leverage_and_flat_rows_are_told_by_the_account() -> None:
    """A market that was set up stays listed with a size of zero."""
    async with frozen_box() as box, trading_client(box, "lighter") as client:
        await client.set_leverage(3, SOL, {"marginMode": "cross"})

        account = await client.publicGetAccount(
            {"by": "index", "value": str(keys.LIGHTER_ACCOUNT)}
        )

        (row,) = account["accounts"][0]["positions"]
        assert row["initial_margin_fraction"] == "33.33"
        assert row["position"] == "0"


@pytest.mark.parametrize(
    ("side", "factor", "params", "code"),
    [
        ("buy", 1.001, {"amount": 0.05}, "21706"),
        ("buy", 1.001, {"amount": 2000}, "21739"),
        ("sell", 0.999, {"reduceOnly": True}, "21732"),
        ("buy", 1.3, {}, "21734"),
    ],
)
async def test_a_broken_rule_is_refused_with_the_venues_code(
    side: str, factor: float, params: dict[str, Any], code: str
) -> None:
    """Every definitive code that the product relies on exists here."""
    async with frozen_box() as box, trading_client(box, "lighter") as client:
        with pytest.raises(ccxt.InvalidOrder, match=code):
            await _order(client, side, factor, **params)

        assert await _found(client) == []


async def test_a_client_index_is_taken_once_for_ever() -> None:
    """Duplicate protection is proof that an earlier copy arrived."""
    async with frozen_box() as box, trading_client(box, "lighter") as client:
        await _order(client, "buy", 1.001)

        with pytest.raises(ccxt.InvalidOrder, match="21728"):
            await _order(client, "buy", 1.002)


async def test_an_ioc_that_meets_nothing_is_cancelled_without_a_fill() -> None:
    """Zero fill: a receipt at first, nothing in the end."""
    async with frozen_box() as box, trading_client(box, "lighter") as client:
        await _order(client, "buy", 0.99)

        (found,) = await _found(client)

        assert (found["status"], found["filled"]) == ("canceled", 0)


async def test_a_transaction_works_once_and_only_before_it_expires() -> None:
    """A repeated or late copy of one transaction must not fill twice."""
    async with frozen_box() as box, trading_client(box, "lighter") as client:
        desk = box.reception.desks["lighter"]
        desk.clocks = "pretend"
        price = await _best_ask(client) * 1.001
        words = {"timeInForce": "IOC", "clientOrderId": MINE}
        kind, text, _ = await client.sign_and_create_order(
            "createOrder", SOL, "limit", "buy", 0.5, price, words
        )
        sent = {"tx_type": kind, "tx_info": text}

        await client.publicPostSendTx(sent)
        with pytest.raises(ccxt.ExchangeError, match="21120"):
            await client.publicPostSendTx(sent)
        box.clock.set_ms(NOON_MS + 600_000)
        with pytest.raises(ccxt.InvalidOrder, match="21711"):
            await client.publicPostSendTx(sent)

        assert len(desk.account.orders) == 1


async def test_reads_of_orders_need_a_token() -> None:
    """Only the account itself is readable without a key."""
    async with frozen_box() as box, trading_client(box, "lighter") as client:
        client.create_auth = lambda _params=None: "nonsense"

        with pytest.raises(ccxt.ExchangeError, match="20013"):
            await _found(client)
