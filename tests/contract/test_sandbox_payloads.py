"""The pretend venues write the keys and JSON types that the real ones wrote.

Small samples lie beside the tests; the larger recordings are read where they exist.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sandbox.clock import SandboxClock
from sandbox.reception import Reception
from sandbox.venues.wire import Ask
from sandbox.venues.world import World

NOON_MS = 1795384333000
SAMPLES = Path(__file__).parents[1] / "payloads" / "venue_shapes.json"
RECORDED = Path(__file__).parents[3] / "shared" / "recorded"
needs_recordings = pytest.mark.skipif(
    not RECORDED.is_dir(), reason="recordings are not beside this checkout"
)
RECEPTION = Reception(World(SandboxClock(fixed_ms=NOON_MS)))


def _answer(venue: str, path: str, query: dict[str, str]) -> Any:  # noqa: ANN401 - JSON
    """Return what the pretend venue answers; a Hyperliquid path is the `type`."""
    ask = (
        Ask("POST", "/info", {}, {"type": path, **query})
        if venue == "hyperliquid"
        else Ask("GET", path, query)
    )
    return json.loads(RECEPTION.dialects[venue].answer(ask).body)


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    return type(value).__name__


def _misfits(real: Any, ours: Any, where: str = "") -> list[str]:  # noqa: ANN401 - JSON
    """Return where ours lacks a key of the real answer or has another JSON type.

    Lists are compared by their first members; null fits everything.
    """
    if real is None or ours is None:
        return []
    if _kind(real) != _kind(ours):
        return [f"{where}: {_kind(real)} there, {_kind(ours)} here"]
    if isinstance(real, dict):
        found = [f"{where}.{key} is missing" for key in real if key not in ours]
        for key in real.keys() & ours.keys():
            found += _misfits(real[key], ours[key], f"{where}.{key}")
        return found
    if isinstance(real, list) and real and ours:
        return _misfits(real[0], ours[0], f"{where}[0]")
    return []


def _samples() -> list[dict[str, Any]]:
    samples: list[dict[str, Any]] = json.loads(SAMPLES.read_text(encoding="utf-8"))
    return samples


@pytest.mark.parametrize(
    "sample", _samples(), ids=lambda one: f"{one['venue']} {one['path']}"
)
def test_an_answer_has_the_shape_of_the_sample(sample: dict[str, Any]) -> None:
    """A parser written against the sandbox must work on the real venue."""
    ours = _answer(sample["venue"], sample["path"], sample["query"])

    assert _misfits(sample["body"], ours) == []


def test_every_public_endpoint_has_a_sample() -> None:
    """An endpoint nobody compared is an endpoint nobody knows."""
    assert {(one["venue"], one["path"]) for one in _samples()} == {
        ("binance", "/fapi/v1/time"),
        ("binance", "/fapi/v1/exchangeInfo"),
        ("binance", "/fapi/v1/premiumIndex"),
        ("binance", "/fapi/v1/fundingInfo"),
        ("binance", "/fapi/v1/ticker/24hr"),
        ("binance", "/fapi/v1/depth"),
        ("binance", "/fapi/v1/fundingRate"),
        ("hyperliquid", "metaAndAssetCtxs"),
        ("hyperliquid", "l2Book"),
        ("hyperliquid", "fundingHistory"),
        ("lighter", "/api/v1/orderBookDetails"),
        ("lighter", "/api/v1/funding-rates"),
        ("lighter", "/api/v1/orderBookOrders"),
        ("lighter", "/api/v1/fundings"),
        ("extended", "/api/v1/info/markets"),
        ("extended", "/api/v1/info/markets/BTC-USD/orderbook"),
        ("extended", "/api/v1/info/BTC-USD/funding"),
    }


def test_a_misfit_is_found() -> None:
    """The comparison itself must be able to fail."""
    real = {"rate": "0.1", "rows": [{"px": "1", "n": 3}]}

    assert sorted(_misfits(real, {"rate": 0.1, "rows": [{"px": "1"}]})) == [
        ".rate: str there, number here",
        ".rows[0].n is missing",
    ]


@needs_recordings
@pytest.mark.parametrize(
    ("name", "path", "query"),
    [
        ("GetExchangeInfo", "exchangeInfo", {}),
        ("GetFundingInfo", "fundingInfo", {}),
        ("GetFundingRates", "fundingRate", {"symbol": "BTCUSDT"}),
        ("GetMarkPrice", "premiumIndex", {"symbol": "BTCUSDT"}),
        ("GetOrderBook", "depth", {"symbol": "BTCUSDT"}),
        ("GetTicker", "ticker/24hr", {"symbol": "BTCUSDT"}),
    ],
)
def test_binance_writes_what_was_recorded(
    name: str, path: str, query: dict[str, str]
) -> None:
    """Recorded by another project against the real venue."""
    file = RECORDED / "binance" / f"UsdFutures_ExchangeData_{name}.json"
    real = json.loads(file.read_text(encoding="utf-8"))["body"]
    misfits = _misfits(real, _answer("binance", f"/fapi/v1/{path}", query))

    # An older recording: the whole market of July 2026 has text, and no settlePlan.
    known = {".assets[0].autoAssetExchange: number there, str here", ".settlePlan"}
    assert [one for one in misfits if not any(part in one for part in known)] == []


@needs_recordings
def test_binance_rows_have_every_key_of_the_whole_recorded_market() -> None:
    """More than 800 real rows of July 2026, not one sample."""
    folder = RECORDED / "binance"
    info = json.loads((folder / "whole_exchangeInfo_2026-07-03.json").read_bytes())
    index = json.loads((folder / "whole_premiumIndex_2026-07-03.json").read_bytes())

    ours = _answer("binance", "/fapi/v1/exchangeInfo", {})
    rows = _answer("binance", "/fapi/v1/premiumIndex", {})

    assert _misfits(info["symbols"][0], ours["symbols"][0]) == []
    assert {key for row in index for key in row} == set(rows[0])
    assert {one["contractType"] for one in ours["symbols"]} <= {
        one["contractType"] for one in info["symbols"]
    }
    assert {one["status"] for one in ours["symbols"]} <= {
        one["status"] for one in info["symbols"]
    }


@needs_recordings
def test_hyperliquid_writes_what_was_recorded_dead_coins_included() -> None:
    """Delisted coins carry nulls where live ones carry prices."""
    file = RECORDED / "hyperliquid" / "metaAndAssetCtxs_2025-08.json"
    real = json.loads(file.read_text(encoding="utf-8"))["response"]
    ours = _answer("hyperliquid", "metaAndAssetCtxs", {})

    def shapes(answer: Any, *, dead: bool) -> set[tuple[tuple[str, str], ...]]:  # noqa: ANN401 - JSON
        return {
            tuple(sorted((key, _kind(value)) for key, value in context.items()))
            for coin, context in zip(answer[0]["universe"], answer[1], strict=True)
            if coin.get("isDelisted", False) is dead
        }

    assert _misfits(real, ours) == []
    assert shapes(ours, dead=False) <= shapes(real, dead=False)
    assert shapes(ours, dead=True) <= shapes(real, dead=True)


@needs_recordings
@pytest.mark.parametrize("venue", ["extended", "lighter"])
def test_small_venues_write_what_ccxt_recorded(venue: str) -> None:
    """One market each, from ccxt's own fixtures."""
    file = RECORDED / venue / "ccxt_fixture.json"
    responses = json.loads(file.read_text(encoding="utf-8"))["responses"]
    asked = {
        "GET /api/v1/orderBookDetails": {},
        "GET /api/v1/orderBookOrders": {"market_id": "1", "limit": "5"},
        "GET /api/v1/funding-rates": {},
        "GET /api/v1/assetDetails": {},
        "GET /api/v1/info/markets": {},
        "GET /api/v1/info/assets": {},
        "GET /api/v1/info/markets/BTC-USD/orderbook": {},
        "GET /api/v1/info/BTC-USD/funding": {
            "startTime": str(NOON_MS - 86_400_000),
            "endTime": str(NOON_MS),
        },
    }

    compared = [name for name in asked if name in responses]
    misfits = [
        _misfits(responses[name], _answer(venue, name.split()[1], asked[name]))
        for name in compared
    ]

    assert misfits == [[]] * 4
