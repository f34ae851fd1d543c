"""Whole markets as venues sent them: every row is used, or left out for a reason.

The recordings lie beside the repository, not in it; without them this is skipped.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from core.model.instrument import AbsenceReason
from core.model.opportunity import SkipReason
from core.venues.catalog import BINANCE, HYPERLIQUID
from tests.fakes.runtime import FakeClock
from tests.unit.core.venues.local import Told, reading, serve

if TYPE_CHECKING:
    from core.model.instrument import Instrument, LeftOut
    from core.model.market import FundingSnapshot
    from core.model.opportunity import Skip
    from core.venues.catalog import CatalogEntry

RECORDED = Path(__file__).parents[3] / "shared" / "recorded"
BINANCE_LIST = RECORDED / "binance" / "whole_exchangeInfo_2026-07-03.json"
BINANCE_RATES = RECORDED / "binance" / "whole_premiumIndex_2026-07-03.json"
HYPERLIQUID_ALL = RECORDED / "hyperliquid" / "metaAndAssetCtxs_2025-08.json"

pytestmark = pytest.mark.skipif(
    not RECORDED.exists(), reason="the recordings are not beside this checkout"
)

BINANCE_TIME = datetime(2026, 7, 3, 5, 11, 29, tzinfo=UTC)
HYPERLIQUID_TIME = datetime(2025, 8, 24, 12, 30, tzinfo=UTC)


class Replay:
    """What one reading of a recorded market gave."""

    def __init__(
        self,
        listed: tuple[tuple[Instrument, ...], tuple[LeftOut, ...]],
        rated: tuple[tuple[FundingSnapshot, ...], tuple[Skip, ...]],
    ) -> None:
        self.used, self.left_out = listed
        self.snapshots, self.skips = rated
        self.by_name = {each.native_name: each for each in self.used}
        self.reasons = {each.native_name: each.reason for each in self.left_out}


async def replay(
    entry: CatalogEntry, answers: dict[str, Told], now: datetime
) -> Replay:
    """Read a whole market over HTTP at the moment it was recorded."""
    async with (
        serve(answers) as local,
        reading(entry, local.url, clock=FakeClock(now)) as reader,
    ):
        listed = await reader.instruments()
        rated = await reader.funding({each.symbol: each for each in listed[0]})
    return Replay(listed, rated)


def binance_answers() -> dict[str, Told]:
    """Return the recorded market; intervals and volumes were not recorded."""
    return {
        "/fapi/v1/exchangeInfo": Told(BINANCE_LIST.read_text(encoding="utf-8")),
        "/fapi/v1/premiumIndex": Told(BINANCE_RATES.read_text(encoding="utf-8")),
        "/fapi/v1/fundingInfo": Told("[]"),
        "/fapi/v1/ticker/24hr": Told("[]"),
    }


def raw_contracts() -> list[dict[str, Any]]:
    """Return Binance's recorded list as it was sent."""
    rows: list[dict[str, Any]] = json.loads(BINANCE_LIST.read_text(encoding="utf-8"))[
        "symbols"
    ]
    return rows


async def test_each_of_818_binance_contracts_is_used_or_left_out_for_a_reason() -> None:
    """Counted by hand from the recording's own status, type and quote fields."""
    found = await replay(BINANCE, binance_answers(), BINANCE_TIME)

    names = [*found.by_name, *(each.native_name for each in found.left_out)]
    assert Counter(names) == Counter(row["symbol"] for row in raw_contracts())
    assert len(found.used) == 529
    assert Counter(found.reasons.values()) == {
        AbsenceReason.SETTLING: 122,
        AbsenceReason.NON_CRYPTO: 116,
        AbsenceReason.OTHER_QUOTE: 43,
        AbsenceReason.DATED: 4,
        AbsenceReason.PRE_MARKET: 2,
        AbsenceReason.INACTIVE: 2,
    }


async def test_each_of_529_binance_instruments_gets_a_rate_or_a_reason() -> None:
    """Three pay at 06:00, which fits no 8 h; without the list theirs is not known."""
    found = await replay(BINANCE, binance_answers(), BINANCE_TIME)

    assert len(found.snapshots) == 526
    assert {(skip.base, skip.reason) for skip in found.skips} == {
        ("TAIKO", SkipReason.NO_INTERVAL),
        ("LAB", SkipReason.NO_INTERVAL),
        ("SLX", SkipReason.NO_INTERVAL),
    }
    assert {each.next_funding_at for each in found.snapshots} == {
        datetime(2026, 7, 3, 8, 0, tzinfo=UTC)
    }
    assert all(each.mark_price is not None for each in found.snapshots)
    assert all(each.volume_24h_usd is None for each in found.snapshots)


async def test_binance_rates_are_the_digits_of_the_recording() -> None:
    """Whatever path a number takes, it arrives as it was sent."""
    rows = json.loads(BINANCE_RATES.read_text(encoding="utf-8"))
    sent = {row["symbol"]: row for row in rows}

    found = await replay(BINANCE, binance_answers(), BINANCE_TIME)

    for each in found.snapshots:
        row = sent[each.instrument.native_name]
        rate = Decimal(row["lastFundingRate"])
        assert each.rate.per_interval.as_tuple() == rate.as_tuple()
        assert each.mark_price is not None
        assert each.instrument.listed_price(each.mark_price) == Decimal(
            row["markPrice"]
        )


async def test_binance_names_are_read_right() -> None:
    """Names that are not ASCII, start with digits or carry a multiplier."""
    expected = {
        "币安人生USDT": ("币安人生", 1),
        "我踏马来了USDT": ("我踏马来了", 1),
        "龙虾USDT": ("龙虾", 1),
        "1000PEPEUSDT": ("PEPE", 1000),
        "1000000MOGUSDT": ("MOG", 1_000_000),
        "1MBABYDOGEUSDT": ("BABYDOGE", 1_000_000),
        "1INCHUSDT": ("1INCH", 1),
        "0GUSDT": ("0G", 1),
        "4USDT": ("4", 1),
        "KAITOUSDT": ("KAITO", 1),
    }

    found = (await replay(BINANCE, binance_answers(), BINANCE_TIME)).by_name

    assert {
        name: (found[name].base, int(found[name].multiplier)) for name in expected
    } == expected
    multiplied = {each.base for each in found.values() if each.multiplier != 1}
    assert len(multiplied) == 13


async def test_binance_leaves_out_what_is_no_live_usdt_coin() -> None:
    """USDC twins, a coin priced in BTC, stocks, unlisted firms, quarterly futures."""
    reasons = (await replay(BINANCE, binance_answers(), BINANCE_TIME)).reasons
    raw = {row["symbol"]: row for row in raw_contracts()}

    assert reasons["1000PEPEUSDC"] is AbsenceReason.OTHER_QUOTE
    assert reasons["ETHBTC"] is AbsenceReason.OTHER_QUOTE
    assert reasons["TSLAUSDT"] is AbsenceReason.NON_CRYPTO
    for name, row in raw.items():
        if row["underlyingType"] == "PREMARKET":
            assert reasons[name] is AbsenceReason.PRE_MARKET
        if "QUARTER" in row["contractType"]:
            assert reasons[name] is AbsenceReason.DATED
        if row["status"] == "SETTLING" and row["quoteAsset"] == "USDT":
            assert reasons[name] is AbsenceReason.SETTLING


async def test_binance_contracts_that_settle_still_have_rows_among_the_rates() -> None:
    """A scan by rates alone would pair 122 dead contracts at their last price."""
    rows = json.loads(BINANCE_RATES.read_text(encoding="utf-8"))
    priced = {row["symbol"] for row in rows if Decimal(row["markPrice"])}

    found = await replay(BINANCE, binance_answers(), BINANCE_TIME)

    settling = {
        name
        for name, reason in found.reasons.items()
        if reason is AbsenceReason.SETTLING
    }
    assert len(settling & priced) == 122
    assert "42USDT" in settling
    assert not settling & {each.instrument.native_name for each in found.snapshots}


async def test_binance_rates_without_a_contract_are_no_instruments() -> None:
    """Three names still have rates months after they left the list."""
    rows = json.loads(BINANCE_RATES.read_text(encoding="utf-8"))

    found = await replay(BINANCE, binance_answers(), BINANCE_TIME)

    known = {*found.by_name, *found.reasons}
    assert {row["symbol"] for row in rows} - known == {
        "EOSUSDT",
        "FRONTUSDT",
        "MATICUSDT",
    }


async def test_binance_steps_are_the_filters_of_the_recording() -> None:
    """Order sizes are computed from these; 529 of them agree to the last digit."""
    raw = {row["symbol"]: row for row in raw_contracts()}

    found = await replay(BINANCE, binance_answers(), BINANCE_TIME)

    for each in found.used:
        filters = {one["filterType"]: one for one in raw[each.native_name]["filters"]}
        step = Decimal(filters["LOT_SIZE"]["stepSize"])
        assert each.lot_base == step * each.multiplier
        assert each.price_tick == Decimal(filters["PRICE_FILTER"]["tickSize"])
        assert each.min_notional_usd == Decimal(filters["MIN_NOTIONAL"]["notional"])


def hyperliquid_answers() -> dict[str, Told]:
    """Return the recorded market as the venue frames it."""
    recorded = json.loads(HYPERLIQUID_ALL.read_text(encoding="utf-8"))
    return {"/info:metaAndAssetCtxs": Told(json.dumps(recorded["response"]))}


async def test_each_of_203_hyperliquid_coins_is_used_or_delisted() -> None:
    """171 trade, 32 are delisted, every one that trades has a rate and a volume."""
    found = await replay(HYPERLIQUID, hyperliquid_answers(), HYPERLIQUID_TIME)

    assert (len(found.used), len(found.left_out)) == (171, 32)
    assert set(found.reasons.values()) == {AbsenceReason.DELISTED}
    assert (len(found.snapshots), found.skips) == (171, ())
    assert all(each.volume_24h_usd is not None for each in found.snapshots)
    assert {each.next_funding_at for each in found.snapshots} == {
        datetime(2025, 8, 24, 13, 0, tzinfo=UTC)
    }


async def test_hyperliquid_names_with_a_small_k_are_thousands() -> None:
    """Six trade at the time; KAITO and the other capital K names are plain coins."""
    found = await replay(HYPERLIQUID, hyperliquid_answers(), HYPERLIQUID_TIME)

    multiplied = {
        each.native_name: each.base for each in found.used if each.multiplier != 1
    }
    assert multiplied == {
        "kPEPE": "PEPE",
        "kSHIB": "SHIB",
        "kBONK": "BONK",
        "kLUNC": "LUNC",
        "kFLOKI": "FLOKI",
        "kNEIRO": "NEIRO",
    }
    assert found.by_name["KAITO"].base == "KAITO"
    assert found.reasons["kDOGS"] is AbsenceReason.DELISTED


async def test_pepe_of_both_venues_is_one_token_at_one_price_scale() -> None:
    """1000PEPE and kPEPE; eleven months lie between the two recordings."""
    there = await replay(BINANCE, binance_answers(), BINANCE_TIME)
    here = await replay(HYPERLIQUID, hyperliquid_answers(), HYPERLIQUID_TIME)

    marks = [
        each.mark_price
        for one in (there, here)
        for each in one.snapshots
        if each.instrument.base == "PEPE"
    ]

    assert len(marks) == 2
    assert all(mark is not None and mark < Decimal("0.0001") for mark in marks)
    assert all(mark is not None and mark > Decimal("0.000001") for mark in marks)
