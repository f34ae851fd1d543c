"""Whole markets as the venues sent them, from HTTP to the last page of the matrix.

The recordings lie beside the repository, not in it; without them this is skipped.
Binance's is of July 2026, Hyperliquid's of August 2025, so most prices do not agree
across the two and the ranking is short; every row must still be accounted for.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bot.cards.numbers import cells
from bot.cli import scan_object
from core.model.instrument import AbsenceReason
from core.model.opportunity import SkipReason
from core.model.units import VenueId
from tests.journeys.house import open_house

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sandbox.app import SandboxServer
    from tests.journeys.house import House

RECORDED = Path(__file__).parents[3] / "shared" / "recorded"
BINANCE_LIST = RECORDED / "binance" / "whole_exchangeInfo_2026-07-03.json"
BINANCE_RATES = RECORDED / "binance" / "whole_premiumIndex_2026-07-03.json"
HYPERLIQUID_ALL = RECORDED / "hyperliquid" / "metaAndAssetCtxs_2025-08.json"
RECORDED_AT = datetime(2026, 7, 3, 5, 11, 29, tzinfo=UTC)
BINANCE, HYPERLIQUID = VenueId("binance"), VenueId("hyperliquid")

pytestmark = [
    pytest.mark.journey,
    pytest.mark.skipif(
        not RECORDED.exists(), reason="the recordings are not beside this checkout"
    ),
]


@pytest.fixture
def bodies() -> dict[tuple[str, str], Any]:
    """Read the recordings; Binance's intervals and volumes were not recorded."""
    if not RECORDED.exists():
        pytest.skip("no recordings")
    hyperliquid = json.loads(HYPERLIQUID_ALL.read_text(encoding="utf-8"))
    return {
        ("binance", "exchangeInfo"): BINANCE_LIST.read_text(encoding="utf-8"),
        ("binance", "premiumIndex"): BINANCE_RATES.read_text(encoding="utf-8"),
        ("binance", "fundingInfo"): [],
        ("binance", "ticker/24hr"): [],
        ("hyperliquid", "metaAndAssetCtxs"): hyperliquid["response"],
    }


@pytest.fixture
async def real(
    tmp_path: Path, bodies: dict[tuple[str, str], Any]
) -> AsyncIterator[House]:
    """Open a bot on the recorded markets at the moment of the newer one."""

    def replay(box: SandboxServer) -> None:
        for (venue, endpoint), body in bodies.items():
            box.reception.replay(venue, endpoint, body)

    async with open_house(
        tmp_path,
        at_ms=int(RECORDED_AT.timestamp() * 1000),
        prepare=replay,
        venues="binance,hyperliquid",
        net_top_k=0,  # no book was recorded: the ranking is by gross spread
    ) as house:
        yield house


def contracts(bodies: dict[tuple[str, str], Any]) -> Counter[tuple[str, str]]:
    """Return every contract of the recordings by venue and own name."""
    listed = json.loads(bodies["binance", "exchangeInfo"])["symbols"]
    universe = bodies["hyperliquid", "metaAndAssetCtxs"][0]["universe"]
    return Counter(
        [("binance", row["symbol"]) for row in listed]
        + [("hyperliquid", row["name"]) for row in universe]
    )


async def test_every_row_is_used_or_left_out_for_a_reason(
    real: House, bodies: dict[tuple[str, str], Any]
) -> None:
    """818 and 203 contracts: nothing vanishes on the way from the wire to the scan."""
    cache = real.engine.availability()
    assert cache is not None
    used = [
        (venue, one.native_name)
        for row in cache.rows.values()
        for venue, one in row.instruments.items()
    ]
    left = [(each.venue_id, each.native_name) for each in cache.left_out]
    assert Counter([*used, *left]) == contracts(bodies)
    counts = Counter(venue for venue, _ in used)
    assert counts == {"binance": 529, "hyperliquid": 171}
    assert Counter(each.reason for each in cache.left_out) == {
        AbsenceReason.SETTLING: 122,
        AbsenceReason.NON_CRYPTO: 116,
        AbsenceReason.OTHER_QUOTE: 43,
        AbsenceReason.DELISTED: 32,
        AbsenceReason.DATED: 4,
        AbsenceReason.PRE_MARKET: 2,
        AbsenceReason.INACTIVE: 2,
    }


async def test_every_token_is_ranked_or_skipped_for_a_reason(real: House) -> None:
    """The printed scan names each token: in the ranking, or why not."""
    scan = scan_object(real.ranking)
    tokens = {row["token"] for row in scan["matrix"]}
    ranked = {one["token"] for one in scan["opportunities"]}
    skipped = {one["token"] for one in scan["skipped"]}
    assert tokens <= ranked | skipped
    assert not ranked - tokens
    counts = Counter(row["status"] for row in scan["matrix"])
    assert counts == {"ok": PAIRED, "single": 700 - 2 * PAIRED}
    reasons = Counter(one["reason"] for one in scan["skipped"])
    assert reasons["no_interval"] == 3
    assert reasons["single_venue"] == counts["single"]
    assert reasons["settling"] == 122
    assert reasons["non_crypto"] == 116
    assert {v["venue"]: (v["instruments"], v["rates"]) for v in scan["venues"]} == {
        "binance": (529, 526),
        "hyperliquid": (171, 171),
    }
    assert set(reasons) == {
        *("settling", "non_crypto", "other_quote", "dated", "pre_market", "inactive"),
        *("delisted", "single_venue", "price_mismatch", "no_interval"),
        "below_min_volume",
        # months lie between the recordings, and what both quote in moved alike
        "stablecoin_gap",
    }
    print(f"tokens {len(tokens)}, ranked {len(ranked)}, {dict(reasons)}")  # noqa: T201 - figures


PAIRED = 156
"""Tokens that both recordings list as live."""


async def test_the_matrix_shows_every_token_in_straight_columns(real: House) -> None:
    """All pages: Chinese names take two cells a character and must not push a row."""
    card = await real.say("/matrix")
    pages = int(re.findall(r"page 1/(\d+)", card.text)[0])
    seen: list[str] = []
    for page in range(1, pages + 1):
        if page > 1:
            await real.tap("▶", card)
        lines = card.text.splitlines()
        start = next(i for i, line in enumerate(lines) if line.startswith("TOKEN"))
        end = next(i for i, line in enumerate(lines) if line.startswith("number = "))
        widths = {cells(line) for line in lines[start:end]}
        assert len(widths) == 1, lines[start:end]
        seen += [line.split()[0] for line in lines[start + 1 : end]]
    assert len(seen) == 700 - PAIRED
    assert {"币安人生", "龙虾", "1INCH", "0G", "4", "PEPE"} <= set(seen)
    assert not {"TSLA", "42", "1000PEPE", "kPEPE", "KPEPE"} & set(seen)


async def test_names_that_are_odd_come_out_right_on_cards(real: House) -> None:
    """What a person types, reads and taps is the token, whatever a venue calls it."""
    card = await real.say("/matrix 币安人生")
    assert card.text.startswith("⚠️ 币安人生 on 1 of 2 venues")
    card = await real.say("/matrix 我踏马来了")
    assert card.text.startswith("⚠️ 我踏马来了 on 1 of 2 venues")
    card = await real.say("/matrix kPEPE")
    assert "BN 1000PEPEUSDT = 1000 · HL kPEPE = 1000 PEPE" in card.text
    card = await real.say("/matrix MOG")
    assert "BN 1000000MOGUSDT = 1000000 MOG" in card.text
    card = await real.say("/matrix KAITO")
    assert card.text.startswith("✅ KAITO on 2 of 2 venues")
    assert "= 1000" not in card.text, "the K is part of its name"


async def test_dead_markets_and_stocks_are_absent_and_their_reason_is_told(
    real: House,
) -> None:
    """A contract in settlement shows a rate for days; nobody could trade it."""
    card = await real.say("/matrix TSLA")
    assert card.text.splitlines() == [
        "❌ TSLA is not usable on any venue · 🧪 PAPER",
        "Binance: TSLAUSDT not a crypto asset",
    ]
    card = await real.say("/matrix 42")
    assert "Binance: 42USDT being settled, not traded" in card.text
    cache = real.engine.availability()
    assert cache is not None
    settling = [
        row.base
        for row in cache.rows.values()
        if row.absences.get(BINANCE) is AbsenceReason.SETTLING
    ]
    assert settling
    for base in settling[:3]:
        card = await real.say(f"/matrix {base}")
        assert "BN being settled, not traded" in card.text, card.text
        assert "x" in card.text.splitlines()[2].split()
    skips = {(s.symbol, s.reason) for s in real.ranking.skips}
    assert ("TSLAUSDT", SkipReason.NON_CRYPTO) in skips
    assert ("42USDT", SkipReason.SETTLING) in skips
    (kdogs,) = (row for row in cache.rows.values() if row.base == "DOGS")
    assert kdogs.absences[HYPERLIQUID] is AbsenceReason.DELISTED


# --- the ranking ----------------------------------------------------------------------


@pytest.fixture
async def aligned(
    tmp_path: Path, bodies: dict[tuple[str, str], Any]
) -> AsyncIterator[House]:
    """Open a bot on the recordings with Hyperliquid's prices replaced by Binance's.

    Rates and everything else stay as recorded; eleven months apart no price agrees.
    """
    prices = {
        row["symbol"]: row["markPrice"]
        for row in json.loads(bodies["binance", "premiumIndex"])
    }
    meta, rows = bodies["hyperliquid", "metaAndAssetCtxs"]
    for coin, row in zip(meta["universe"], rows, strict=True):
        price = prices.get(binance_name(coin["name"]))
        if price is not None and row["markPx"] is not None:
            row["markPx"] = row["oraclePx"] = row["midPx"] = price

    def replay(box: SandboxServer) -> None:
        for (venue, endpoint), body in bodies.items():
            box.reception.replay(venue, endpoint, body)

    async with open_house(
        tmp_path,
        at_ms=int(RECORDED_AT.timestamp() * 1000),
        prepare=replay,
        venues="binance,hyperliquid",
        net_top_k=0,  # no book was recorded: the ranking is by gross spread
    ) as house:
        yield house


def binance_name(coin: str) -> str:
    """Return what Binance calls a Hyperliquid coin."""
    thousands = coin.startswith("k") and coin[1:].isupper()
    return f"1000{coin[1:]}USDT" if thousands else f"{coin}USDT"


def by_hand(bodies: dict[tuple[str, str], Any]) -> list[tuple[Decimal, str]]:
    """Rank the recordings without the bot: 8 h there, hourly here, both live."""
    listed = {
        row["symbol"]
        for row in json.loads(bodies["binance", "exchangeInfo"])["symbols"]
        if row["status"] == "TRADING" and row["contractType"] == "PERPETUAL"
    }
    rates = {
        row["symbol"]: Decimal(row["lastFundingRate"]) / 8
        for row in json.loads(bodies["binance", "premiumIndex"])
        if row["nextFundingTime"] == EIGHT_O_CLOCK_MS
    }
    meta, rows = bodies["hyperliquid", "metaAndAssetCtxs"]
    found = []
    for coin, row in zip(meta["universe"], rows, strict=True):
        name = binance_name(coin["name"])
        if coin.get("isDelisted") or name not in listed or name not in rates:
            continue
        spread = abs(Decimal(row["funding"]) - rates[name])
        if spread >= LEAST and Decimal(row["dayNtlVlm"]) >= ENOUGH_USD:
            found.append((-spread, coin["name"].removeprefix("k")))
    return sorted(found)


EIGHT_O_CLOCK_MS = int(datetime(2026, 7, 3, 8, 0, tzinfo=UTC).timestamp() * 1000)
ROW = re.compile(r"\d+(?P<unknown>\?)? *(?P<token>\S+) +(?:HL|BN)>")
LEAST, ENOUGH_USD = Decimal("0.00002"), Decimal(50_000)


async def test_the_ranking_of_real_rows_is_what_a_hand_computes(
    aligned: House, bodies: dict[tuple[str, str], Any]
) -> None:
    """From raw JSON on one side, over HTTP, ccxt and the chat on the other."""
    expected = by_hand(bodies)
    ranked = aligned.ranking.opportunities
    assert [(-each.spread_per_hour, each.base) for each in ranked] == expected
    assert len(ranked) == 26
    card = await aligned.say("/top")
    assert card.text.startswith(f"Best: {ranked[0].base} +$")
    rows = [found for x in card.text.splitlines() if (found := ROW.match(x))]
    assert [row["token"] for row in rows] == [base for _, base in expected[:10]]
    assert all(row["unknown"] for row in rows), "Binance's volume was not recorded"
    await aligned.tap(f"1 {ranked[0].base}", card)
    assert card.text.startswith(f"{ranked[0].base} long ")
