"""Extended with a key, through the real ccxt class."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import ccxt.async_support as ccxt
import pytest

from tests.unit.sandbox.private_clients import money, trading_client
from tests.unit.sandbox.venue_clients import NOON_MS, frozen_box

HOUR_MS = 3_600_000


def _symbol(client: Any) -> str:  # noqa: ANN401 - ccxt is untyped
    return str(client.markets_by_id["SOL-USD"][0]["symbol"])


async def _best_ask(client: Any) -> float:  # noqa: ANN401 - ccxt is untyped
    book = await client.fetch_order_book(_symbol(client))
    return float(book["asks"][0][0])


async def _order(client: Any, side: str, factor: float, **params: Any) -> Any:  # noqa: ANN401 - ccxt is untyped
    price = await _best_ask(client) * factor
    words = {"timeInForce": "IOC", "clientOrderId": "c1", **params}
    amount = words.pop("amount", 0.5)
    symbol = _symbol(client)
    return await client.create_order(symbol, "limit", side, amount, price, words)


async def test_an_accepted_order_is_filled_and_seen_everywhere() -> None:
    """The reply proves acceptance only; the look-up, trade and position tell more."""
    async with frozen_box() as box, trading_client(box, "extended") as client:
        ask = await _best_ask(client)

        order = await _order(client, "buy", 1.001)
        found = await client.fetch_order(None, _symbol(client), {"clientOrderId": "c1"})
        trades = await client.fetch_my_trades(_symbol(client))
        positions = await client.fetch_positions()
        balance = await client.v1PrivateGetUserBalance()

        assert order["status"] == "open"
        assert order["clientOrderId"] == "c1"
        assert order["id"] == found["id"] != "c1"
        assert (found["status"], found["filled"]) == ("closed", 0.5)
        assert found["average"] == ask
        fee = Decimal(trades[0]["info"]["fee"])
        assert fee == money(Decimal(str(ask)) / 2 * Decimal("0.00025"), 6)
        assert trades[0]["info"]["externalId"] == "c1"
        assert [(one["side"], one["contracts"]) for one in positions] == [
            ("long", "0.5")
        ]
        assert Decimal(balance["data"]["balance"]) == 5000 - fee


async def test_an_unknown_client_id_gives_an_order_without_id() -> None:
    """The trap of this venue: no exception says that nothing was found."""
    async with frozen_box() as box, trading_client(box, "extended") as client:
        found = await client.fetch_order(
            None, _symbol(client), {"clientOrderId": "nobody"}
        )

        assert found["id"] is None


async def test_funding_and_fees_are_listed() -> None:
    """The ledger books what the venue lists."""
    async with frozen_box() as box, trading_client(box, "extended") as client:
        await _order(client, "sell", 0.999)
        box.clock.set_ms(NOON_MS + HOUR_MS)
        symbol = _symbol(client)

        (paid,) = await client.fetch_funding_history(symbol, NOON_MS, 10)
        fee = await client.fetch_trading_fee(symbol)

        (booked,) = box.reception.desks["extended"].account.payments
        assert Decimal(str(paid["amount"])) == booked.amount
        assert (booked.amount > 0) == (booked.rate > 0)
        assert fee["taker"] == 0.00025


async def test_a_resting_order_is_open_until_it_is_cancelled() -> None:
    """An order that rests by mistake must be found and ended."""
    async with frozen_box() as box, trading_client(box, "extended") as client:
        await _order(client, "buy", 0.99, timeInForce="GTT")
        symbol = _symbol(client)

        resting = await client.fetch_open_orders(symbol)
        await client.cancel_order(None, symbol, {"clientOrderId": "c1"})

        assert [one["clientOrderId"] for one in resting] == ["c1"]
        assert await client.fetch_open_orders(symbol) == []
        listed = await client.fetch_orders(symbol)
        assert [one["status"] for one in listed] == ["canceled"]


async def test_an_ioc_that_meets_nothing_is_cancelled_without_a_fill() -> None:
    """Zero fill: accepted at first, nothing in the end."""
    async with frozen_box() as box, trading_client(box, "extended") as client:
        await _order(client, "buy", 0.99)

        found = await client.fetch_order(None, _symbol(client), {"clientOrderId": "c1"})

        assert (found["status"], found["filled"]) == ("canceled", 0)


async def test_leverage_is_kept() -> None:
    """Pre-flight compares leverage with the plan."""
    async with frozen_box() as box, trading_client(box, "extended") as client:
        await client.set_leverage(3, _symbol(client))

        told = await client.fetch_leverage(_symbol(client))

        assert told["longLeverage"] == 3


@pytest.mark.parametrize(
    ("side", "factor", "params", "error", "code"),
    [
        ("buy", 1.001, {"amount": 900}, ccxt.InsufficientFunds, "1140"),
        ("sell", 0.999, {"reduceOnly": True}, ccxt.InvalidOrder, "1137"),
        ("buy", 1.2, {}, ccxt.InvalidOrder, "1141"),
        ("buy", 1.001, {"fee": "0.0001"}, ccxt.InvalidOrder, "1128"),
        ("buy", 1.001, {"expiryEpochMillis": NOON_MS - 1}, ccxt.InvalidOrder, "1135"),
    ],
)
async def test_a_broken_rule_is_refused_with_the_venues_code(
    side: str,
    factor: float,
    params: dict[str, Any],
    error: type[Exception],
    code: str,
) -> None:
    """Every definitive code that the product relies on exists here."""
    async with frozen_box() as box, trading_client(box, "extended") as client:
        with pytest.raises(error, match=code):
            await _order(client, side, factor, **params)

        assert box.reception.desks["extended"].account.trades == []


async def test_a_client_id_is_taken_once_for_ever() -> None:
    """Duplicate protection is proof that an earlier copy arrived."""
    async with frozen_box() as box, trading_client(box, "extended") as client:
        await _order(client, "buy", 1.001)

        with pytest.raises(ccxt.InvalidOrder, match="1134"):
            await _order(client, "buy", 1.001)


async def test_too_large_a_reduction_is_refused() -> None:
    """This venue does not cut a reduce-only order to the position."""
    async with frozen_box() as box, trading_client(box, "extended") as client:
        await _order(client, "buy", 1.001)

        with pytest.raises(ccxt.InvalidOrder, match="1136"):
            await _order(
                client, "sell", 0.999, amount=0.6, reduceOnly=True, clientOrderId="c2"
            )


async def test_a_wrong_key_is_refused() -> None:
    """No account without its key."""
    async with frozen_box() as box, trading_client(box, "extended") as client:
        client.apiKey = "wrong"

        with pytest.raises(ccxt.AuthenticationError):
            await client.v1PrivateGetUserBalance()
