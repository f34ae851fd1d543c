"""Adding a venue that ccxt covers in bulk: one entry, one payload, no code."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal

from core.model.instrument import AbsenceReason
from core.model.units import VenueId
from core.model.venue import Acknowledgement, ClientIdFormat, VenueRules
from core.venues.catalog import (
    AbsenceRule,
    CatalogEntry,
    MarketFields,
    PublicRead,
    RateFields,
)
from tests.unit.core.venues.local import Told, reading, serve

MINUTE = timedelta(minutes=1)
BYBIT = CatalogEntry(
    rules=VenueRules(
        venue_id=VenueId("bybit"),
        code="BB",
        title="Bybit",
        acknowledgement=Acknowledgement.ACCEPTED,
        client_id_format=ClientIdFormat.ALPHANUMERIC,
        fence=timedelta(seconds=35),
        taker_fee=Decimal("0.00055"),
        funding_price="mark",
    ),
    ccxt_id="bybit",
    hosts=frozenset({"api.bybit.com"}),
    quote="USDT",
    market=MarketFields(
        native_name="market.id",
        raw_base="market.baseId",
        absences=(
            AbsenceRule(
                "market.info.status", AbsenceReason.PRE_MARKET, frozenset({"PreLaunch"})
            ),
        ),
    ),
    rates=RateFields(
        rate="rate.info.fundingRate",
        row_name="symbol",
        interval="market.info.fundingInterval",
        interval_unit=MINUTE,
        next_funding="rate.info.nextFundingTime",
        mark="rate.info.markPrice",
        index="rate.info.indexPrice",
        volume="rate.info.turnover24h",
    ),
    public_reads=(
        PublicRead("GET", "/v5/market/instruments-info"),
        PublicRead("GET", "/v5/market/tickers"),
        PublicRead("GET", "/v5/market/orderbook"),
    ),
    requests_per_minute=3000,
    arguments={
        "options": {"fetchMarkets": {"types": ["linear"]}, "defaultType": "swap"}
    },
)


def contract(
    symbol: str, base: str, minutes: int, **changes: object
) -> dict[str, object]:
    """Return a contract as Bybit's v5 list writes one."""
    return {
        "symbol": symbol,
        "contractType": "LinearPerpetual",
        "status": "Trading",
        "baseCoin": base,
        "quoteCoin": "USDT",
        "settleCoin": "USDT",
        "launchTime": "1585526400000",
        "deliveryTime": "0",
        "deliveryFeeRate": "",
        "priceScale": "2",
        "leverageFilter": {
            "minLeverage": "1",
            "maxLeverage": "100.00",
            "leverageStep": "0.01",
        },
        "priceFilter": {
            "minPrice": "0.10",
            "maxPrice": "199999.80",
            "tickSize": "0.10",
        },
        "lotSizeFilter": {
            "maxOrderQty": "1190.000",
            "minOrderQty": "0.001",
            "qtyStep": "0.001",
            "minNotionalValue": "5",
        },
        "unifiedMarginTrade": True,
        "fundingInterval": minutes,
        **changes,
    }


def ticker(symbol: str, rate: str, mark: str, **changes: str) -> dict[str, str]:
    """Return a ticker as Bybit's v5 list writes one."""
    return {
        "symbol": symbol,
        "lastPrice": mark,
        "indexPrice": mark,
        "markPrice": mark,
        "prevPrice24h": mark,
        "price24hPcnt": "0.001",
        "highPrice24h": mark,
        "lowPrice24h": mark,
        "turnover24h": "4686694853.047006",
        "volume24h": "243730.252",
        "fundingRate": rate,
        "nextFundingTime": "1795392000000",
        "bid1Price": mark,
        "ask1Price": mark,
        **changes,
    }


def page(rows: list[dict[str, object]] | list[dict[str, str]]) -> Told:
    """Return rows in the frame of a v5 answer."""
    result = {"category": "linear", "nextPageCursor": "", "list": rows}
    return Told(
        json.dumps(
            {"retCode": 0, "retMsg": "OK", "result": result, "time": 1795384333000}
        )
    )


ANSWERS = {
    "/v5/market/instruments-info": page(
        [
            contract("BTCUSDT", "BTC", 480),
            contract("SHIB1000USDT", "SHIB1000", 240),
            contract(
                "BTC-25DEC26",
                "BTC",
                0,
                contractType="LinearFutures",
                deliveryTime="1798185600000",
            ),
        ]
    ),
    "/v5/market/instruments-info?status=PreLaunch": page(
        [contract("NEWUSDT", "NEW", 480, status="PreLaunch")]
    ),
    "/v5/market/tickers": page(
        [
            ticker("BTCUSDT", "0.0001", "91010.1"),
            ticker("SHIB1000USDT", "0.0004", "0.0101", turnover24h=""),
            ticker("BTC-25DEC26", "", "92000"),
        ]
    ),
}


async def test_an_entry_and_a_payload_are_all_a_new_venue_needs() -> None:
    """Its minutes, its suffix multiplier and its own field names are data."""
    async with serve(dict(ANSWERS)) as local, reading(BYBIT, local.url) as reader:
        used, left_out = await reader.instruments()
        local.asked.clear()
        found, skips = await reader.funding({each.symbol: each for each in used})

    assert {each.base: each.multiplier for each in used} == {
        "BTC": Decimal(1),
        "SHIB": Decimal(1000),
    }
    assert {each.native_name: each.reason for each in left_out} == {
        "NEWUSDT": AbsenceReason.PRE_MARKET,
        "BTC-25DEC26": AbsenceReason.DATED,
    }
    assert skips == ()
    assert {each.instrument.base: each.rate.per_hour for each in found} == {
        "BTC": Decimal("0.0000125"),
        "SHIB": Decimal("0.0001"),
    }
    assert {each.instrument.base: each.volume_24h_usd for each in found} == {
        "BTC": Decimal("4686694853.047006"),
        "SHIB": None,
    }
    assert local.asked == ["/v5/market/tickers"]
