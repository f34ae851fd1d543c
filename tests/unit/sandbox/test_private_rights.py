"""Keys that may too much, too little, or nothing any more."""

from __future__ import annotations

from typing import Any

import aiohttp
import ccxt.async_support as ccxt
import pytest

from sandbox.venues import keys
from tests.unit.sandbox.private_clients import trading_client
from tests.unit.sandbox.venue_clients import NOON_MS, frozen_box

VENUES = ("binance", "extended", "hyperliquid", "lighter")


async def _give(url: str, name: str, words: dict[str, Any]) -> None:
    address = f"{url}/__control/accounts/{name}"
    async with (
        aiohttp.ClientSession() as session,
        session.post(address, json=words) as got,
    ):
        assert got.status == 200


async def _touch(client: Any, venue: str) -> None:  # noqa: ANN401 - ccxt is untyped
    """Do something that needs the key."""
    if venue in {"binance", "extended"}:
        await client.fetch_balance()
    elif venue == "lighter":
        await client.fetch_open_orders("SOL/USDC:USDC")
    else:
        await client.set_leverage(3, "SOL/USDC:USDC", {"marginMode": "cross"})


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("words", [{"is_known": False}, {"expires_ms": NOON_MS}])
async def test_a_revoked_or_expired_key_opens_nothing(
    venue: str, words: dict[str, Any]
) -> None:
    """The command line must tell a dead key from a dead venue."""
    async with frozen_box() as box, trading_client(box, venue) as client:
        await _touch(client, venue)
        await _give(box.url, "rights", {"venue": venue, **words})

        with pytest.raises((ccxt.AuthenticationError, ccxt.ExchangeError)):
            await _touch(client, venue)


async def test_a_key_that_may_withdraw_says_so() -> None:
    """Too strong a key is refused by the product, so it must be told."""
    async with frozen_box() as box, trading_client(box, "binance") as client:
        words = {
            "venue": "binance",
            "may_withdraw": True,
            "may_trade": False,
            "is_bound_to_address": False,
            "expires_ms": NOON_MS + 1000,
        }
        await _give(box.url, "rights", words)

        told = await client.sapiGetAccountApiRestrictions()

        assert told["enableWithdrawals"] is True
        assert told["enableFutures"] is False
        assert told["ipRestrict"] is False
        assert told["tradingAuthorityExpirationTime"] == NOON_MS + 1000


async def test_the_masters_own_key_is_recognised_by_its_role() -> None:
    """An approved wallet is `agent`, the master is `user`."""
    async with frozen_box() as box, trading_client(box, "hyperliquid") as client:
        asked = {"type": "userRole", "user": keys.HYPERLIQUID_AGENT}
        await _give(box.url, "rights", {"venue": "hyperliquid", "may_withdraw": True})

        assert await client.publicPostInfo(asked) == {"role": "user"}


async def test_two_way_positions_are_told_and_one_way_orders_refused() -> None:
    """On Binance the position mode is checked before the first order."""
    async with frozen_box() as box, trading_client(box, "binance") as client:
        await _give(box.url, "hedge", {"venue": "binance", "on": True})

        mode = await client.fetch_position_mode()

        assert mode["hedged"] is True
        with pytest.raises(ccxt.OperationRejected, match="-4061"):
            await client.create_order(
                "SOL/USDT:USDT", "market", "buy", 1, None, {"clientOrderId": "c1"}
            )
        await client.set_position_mode(hedged=False)
        assert (await client.fetch_position_mode())["hedged"] is False


async def test_unsigned_approvals_of_fees_are_refused() -> None:
    """No builder's or integrator's fee is ever granted here."""
    async with frozen_box() as box, trading_client(box, "hyperliquid") as client:
        action = {"type": "setReferrer", "code": "X"}
        nonce = NOON_MS + 7
        signature = client.sign_l1_action(action, nonce)

        with pytest.raises(ccxt.ExchangeError, match="Must deposit"):
            await client.privatePostExchange(
                {"action": action, "nonce": nonce, "signature": signature}
            )


@pytest.mark.parametrize(
    ("place", "value", "code"),
    [
        (("starkKey",), "0x1", "1100"),
        (("collateralPosition",), "1", "1102"),
        (("signature", "r"), "nonsense", "1101"),
    ],
)
async def test_what_settles_on_the_chain_is_checked(
    place: tuple[str, ...], value: str, code: str
) -> None:
    """Another vault or key in the order is a wrong configuration."""
    async with frozen_box() as box, trading_client(box, "extended") as client:
        symbol = client.markets_by_id["SOL-USD"][0]["symbol"]
        book = await client.fetch_order_book(symbol)
        price = float(book["asks"][0][0])
        built = await client.create_extended_order_request(
            symbol, "limit", "buy", 1, price, {"timeInForce": "IOC"}
        )
        target = built["request"]["settlement"]
        for name in place[:-1]:
            target = target[name]
        target[place[-1]] = value

        with pytest.raises(ccxt.InvalidOrder, match=code):
            await client.v1PrivatePostUserOrder(built["request"])
