"""Private answers have the keys and JSON types that the venues' documentation shows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sandbox.venues import keys
from tests.unit.sandbox.private_clients import trading_client
from tests.unit.sandbox.venue_clients import NOON_MS, frozen_box

SAMPLES = json.loads(
    (Path(__file__).parents[2] / "payloads" / "private_shapes.json").read_text("utf-8")
)
IDS: dict[str, Any] = {
    "binance": "c1",
    "extended": "cb-1",
    "hyperliquid": "0x" + "ab" * 16,
    "lighter": 123456789012,
}
BASES = {
    "binance": "SOLUSDT",
    "extended": "SOL-USD",
    "hyperliquid": "2",
    "lighter": "2",
}
OUR_ACCOUNT = {"account_index": keys.LIGHTER_ACCOUNT, "limit": 100}
MAY_BE_NULL = frozenset({"liquidationPx", "liquidationPrice", "nSamples"})


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "bool"
    return "number" if isinstance(value, int | float) else type(value).__name__


def _differences(sample: Any, given: Any, place: str = "") -> list[str]:  # noqa: ANN401 - any JSON
    """Return where the given JSON lacks a key or has another type than the sample."""
    if isinstance(sample, dict) and isinstance(given, dict):
        missing = [f"{place}.{name} is missing" for name in sample if name not in given]
        return missing + [
            line
            for name, value in sample.items()
            if name in given
            for line in _differences(value, given[name], f"{place}.{name}")
        ]
    if isinstance(sample, list) and isinstance(given, list):
        if not sample:
            return []
        return (
            _differences(sample[0], given[0], f"{place}[0]")
            if given
            else [f"{place} is empty"]
        )
    if given is None and place.rpartition(".")[2] in MAY_BE_NULL:
        return []
    if _kind(sample) == _kind(given):
        return []
    return [f"{place}: {_kind(sample)} expected, {_kind(given)} given"]


async def _use(client: Any, venue: str, symbol: str) -> None:  # noqa: ANN401 - ccxt is untyped
    """Ask everything that a trader asks, so that each answer was seen once."""
    await client.fetch_positions()
    await client.fetch_balance()
    await client.fetch_my_trades(symbol, NOON_MS - 1)
    await client.set_leverage(3, symbol, {"marginMode": "cross"})
    if venue == "lighter":
        await client.privateGetAccountLimits(OUR_ACCOUNT)
        await client.privateGetPositionFunding(OUR_ACCOUNT)
        found = OUR_ACCOUNT | {"client_order_indexes": str(IDS[venue])}
        await client.privateGetAccountOrders(found)
        return
    await client.fetch_order(None, symbol, {"clientOrderId": IDS[venue]})
    await client.fetch_funding_history(symbol, NOON_MS)
    await client.fetch_trading_fee(symbol)
    if venue == "extended":
        await client.v1PrivateGetUserBalance()


def _path(url: str, body: object) -> str:
    path = "/" + url.split("//")[1].partition("/")[2].partition("?")[0]
    words = json.loads(body) if isinstance(body, str) and body[:1] == "{" else {}
    if path == "/exchange":
        return f"{path}:{words['action']['type']}"
    return f"{path}:{words['type']}" if path == "/info" else path


async def _seen(venue: str) -> dict[tuple[str, str], Any]:
    """Return the sandbox's answers by method and path."""
    seen: dict[tuple[str, str], Any] = {}

    def note(*words: Any) -> Any:  # noqa: ANN401 - ccxt's own shape
        _, _, url, method, _, text, _, sent = words
        seen[method, _path(url, sent)] = json.loads(text)
        return text

    async with frozen_box() as box, trading_client(box, venue) as client:
        client.on_rest_response = note
        symbol = client.markets_by_id[BASES[venue]][0]["symbol"]
        book = await client.fetch_order_book(symbol, 20)
        ask, bid = float(book["asks"][0][0]), float(book["bids"][0][0])
        words = {"timeInForce": "IOC", "clientOrderId": IDS[venue]}
        await client.create_order(symbol, "limit", "buy", 0.5, ask * 1.001, words)
        box.clock.set_ms(NOON_MS + 3 * 3_600_000)
        if venue == "hyperliquid":
            await _rest_and_cancel(client, symbol, bid * 0.98)
        await _use(client, venue, symbol)
    return seen


async def _rest_and_cancel(client: Any, symbol: str, price: float) -> None:  # noqa: ANN401 - ccxt is untyped
    words = {"timeInForce": "GTC", "clientOrderId": "0x" + "cd" * 16}
    await client.create_order(symbol, "limit", "buy", 0.5, price, words)
    await client.cancel_order(None, symbol, {"clientOrderId": "0x" + "cd" * 16})


@pytest.mark.parametrize("venue", ["binance", "extended", "hyperliquid", "lighter"])
async def test_every_answer_has_the_documented_shape(venue: str) -> None:
    """A stand-in with other keys would teach the product a venue that is not there."""
    seen = await _seen(venue)

    samples = [one for one in SAMPLES if one["venue"] == venue]
    differences = {
        one["path"]: found
        for one in samples
        if one["path"] != "/exchange:order"
        if (found := _compare(one, seen))
    }

    assert len(samples) >= 6
    assert differences == {}


def _compare(sample: Any, seen: dict[tuple[str, str], Any]) -> list[str]:  # noqa: ANN401 - any JSON
    given = seen.get((sample["method"], sample["path"]))
    return ["nobody asked"] if given is None else _differences(sample["body"], given)


async def test_the_reply_to_a_filled_order_on_hyperliquid_names_price_and_size() -> (
    None
):
    """The one reply there that proves a fill; a resting one names only the order."""
    async with frozen_box() as box, trading_client(box, "hyperliquid") as client:
        replies: list[str] = []

        def note(*words: Any) -> Any:  # noqa: ANN401 - ccxt's own shape
            replies.append(words[5])
            return words[5]

        client.on_rest_response = note
        book = await client.fetch_order_book("SOL/USDC:USDC")
        price = float(book["asks"][0][0]) * 1.001
        words = {"timeInForce": "IOC", "clientOrderId": IDS["hyperliquid"]}
        await client.create_order("SOL/USDC:USDC", "limit", "buy", 0.5, price, words)

        (sample,) = [one for one in SAMPLES if one["path"] == "/exchange:order"]
        assert _differences(sample["body"], json.loads(replies[-1])) == []
