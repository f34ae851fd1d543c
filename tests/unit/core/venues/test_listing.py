"""Contracts of ccxt's lists against the model, and every reason to stay out."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from core.model.instrument import AbsenceReason, Instrument, LeftOut
from core.venues import listing
from core.venues.catalog import BINANCE, EXTENDED, HYPERLIQUID, LIGHTER
from tests.unit.core.venues.rows import instrument, market

# --- names ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "base", "multiplier"),
    [
        ("BTC", "BTC", 1),
        ("1000PEPE", "PEPE", 1000),
        ("10000LADYS", "LADYS", 10_000),
        ("100000MOG", "MOG", 100_000),
        ("1000000MOG", "MOG", 1_000_000),
        ("10000X", "X", 10_000),
        ("1MBABYDOGE", "BABYDOGE", 1_000_000),
        ("SHIB1000", "SHIB", 1000),
        ("10000SATS", "SATS", 10_000),
        ("1000X", "X", 1000),
        ("1000CAT", "CAT", 1000),
        ("PEPE1000000", "PEPE", 1_000_000),
        ("kBONK", "BONK", 1000),
        ("1000币安人生", "币安人生", 1000),
        ("kPEPE", "PEPE", 1000),
        ("KAITO", "KAITO", 1),
        ("KPEPE", "KPEPE", 1),
        ("KAS", "KAS", 1),
        ("k", "K", 1),
        ("kaito", "KAITO", 1),
        ("1MIL", "1MIL", 1),
        ("1M", "1M", 1),
        ("1CAT", "1CAT", 1),
        ("10SET", "10SET", 1),
        ("100X", "100X", 1),
        ("00", "00", 1),
        ("0X0", "0X0", 1),
        ("4CHAN", "4CHAN", 1),
        ("404", "404", 1),
        ("X1000", "X1000", 1),
        ("10000000MOG", "10000000MOG", 1),
        ("SPX500", "SPX500", 1),
        ("1INCH", "1INCH", 1),
        ("0G", "0G", 1),
        ("2Z", "2Z", 1),
        ("4", "4", 1),
        ("42", "42", 1),
        ("1000", "1000", 1),
        ("C98", "C98", 1),
        ("BANANAS31", "BANANAS31", 1),
        ("BROCCOLI714", "BROCCOLI714", 1),
        ("AI16Z", "AI16Z", 1),
        ("SPX6900", "SPX6900", 1),
        ("币安人生", "币安人生", 1),
    ],
)
def test_raw_names_carry_the_multiplier(raw: str, base: str, multiplier: int) -> None:
    """KPEPE, kPEPE and 1000PEPE would pair wrongly, or never, by ccxt's names."""
    assert listing.split_name(raw) == (base, Decimal(multiplier))


@pytest.mark.parametrize(
    ("renamed", "raw", "base", "multiplier"),
    [
        ("APTOSLAUNCHTOKEN", "ALT", "ALT", 1),
        ("OMNICAT", "OMNI", "OMNI", 1),
        ("KALT", "kALT", "ALT", 1000),
    ],
)
def test_names_that_the_client_library_changes_are_taken_from_the_venue(
    renamed: str, raw: str, base: str, multiplier: int
) -> None:
    """A library that calls ALT something else on one venue breaks the join."""
    row = market(base=renamed, baseId=raw, symbol=f"{renamed}/USDT:USDT")

    found = listing.read_market(BINANCE, row)

    assert isinstance(found, Instrument)
    assert (found.base, found.multiplier) == (base, Decimal(multiplier))
    assert found.symbol == f"{renamed}/USDT:USDT"


# --- instruments ----------------------------------------------------------------------


def test_a_plain_perpetual_keeps_its_steps_exactly() -> None:
    """A lot one float digit off makes an order the venue refuses."""
    found = instrument()

    assert found.lot_base == Decimal("0.001")
    assert found.price_tick == Decimal("0.1")
    assert found.min_quantity_base == Decimal("0.001")
    assert found.max_quantity_base == Decimal(1000)
    assert found.min_notional_usd == Decimal(100)
    assert found.max_leverage is None


def test_quantities_of_a_multiplied_name_are_in_base_units() -> None:
    """One listed unit of 1000PEPE is a thousand PEPE."""
    found = instrument(
        id="1000PEPEUSDT",
        baseId="1000PEPE",
        precision={"amount": 1.0, "price": 1e-07},
        limits={"amount": {"min": 1.0, "max": 1e8}},
    )

    assert (found.base, found.multiplier) == ("PEPE", Decimal(1000))
    assert found.lot_base == Decimal(1000)
    assert found.max_quantity_base == Decimal(100_000_000_000)
    assert str(found.max_quantity_base) == "100000000000"
    assert found.price_tick == Decimal("0.0000001")
    assert found.listed_price(Decimal("0.00001")) == Decimal("0.01")


def test_contract_sizes_count_only_where_the_venue_trades_contracts() -> None:
    """Lighter's contractSize is a quote multiplier; OKX's is the real unit."""
    fields = replace(BINANCE.market, has_contract_size=True)
    row = market(contractSize=10.0)

    with_contracts = listing.read_market(replace(BINANCE, market=fields), row)
    without = listing.read_market(BINANCE, row)

    assert isinstance(with_contracts, Instrument)
    assert isinstance(without, Instrument)
    assert (with_contracts.unit, with_contracts.lot_base) == (
        Decimal(10),
        Decimal("0.01"),
    )
    assert (without.unit, without.lot_base) == (Decimal(1), Decimal("0.001"))


@pytest.mark.parametrize(
    ("changes", "reason", "detail"),
    [
        ({"future": True, "swap": False}, AbsenceReason.DATED, ""),
        (
            {"expiry": 1, "expiryDatetime": "2026-12-25"},
            AbsenceReason.DATED,
            "2026-12-25",
        ),
        ({"swap": False, "type": "spot"}, AbsenceReason.NOT_LINEAR, "spot"),
        ({"linear": False}, AbsenceReason.NOT_LINEAR, "swap"),
        (
            {"quote": "USDC", "settle": "USDC"},
            AbsenceReason.OTHER_QUOTE,
            "USDC",
        ),
        ({"settle": "BTC"}, AbsenceReason.NOT_LINEAR, "settles in BTC"),
        (
            {"info": {"status": "SETTLING"}, "active": False},
            AbsenceReason.SETTLING,
            "SETTLING",
        ),
        (
            {"info": {"status": "PENDING_TRADING"}, "active": False},
            AbsenceReason.INACTIVE,
            "PENDING_TRADING",
        ),
        ({"info": {"status": "CLOSE"}}, AbsenceReason.DELISTED, "CLOSE"),
        ({"info": {}, "active": False}, AbsenceReason.INACTIVE, ""),
        (
            {"info": {"contractType": "TRADIFI_PERPETUAL"}},
            AbsenceReason.NON_CRYPTO,
            "TRADIFI_PERPETUAL",
        ),
        (
            {"info": {"underlyingType": "PREMARKET"}},
            AbsenceReason.PRE_MARKET,
            "PREMARKET",
        ),
        (
            {"precision": {"amount": None, "price": 0.1}},
            AbsenceReason.MALFORMED,
            "precision.amount is None",
        ),
        (
            {"precision": {"amount": 0, "price": 0.1}},
            AbsenceReason.MALFORMED,
            "precision.amount is 0",
        ),
        (
            {"precision": {"amount": "many", "price": 0.1}},
            AbsenceReason.MALFORMED,
            "amount is 'many'",
        ),
    ],
)
def test_what_is_no_live_linear_perpetual_stays_out(
    changes: dict[str, Any], reason: AbsenceReason, detail: str
) -> None:
    """Each row left out says why, so that the matrix can."""
    found = listing.read_market(BINANCE, market(**changes))

    assert isinstance(found, LeftOut)
    assert (found.reason, found.detail) == (reason, detail)
    assert found.base == "BTC"


def test_a_contract_without_a_name_is_malformed() -> None:
    """A row nobody can name must not stop the list."""
    found = listing.read_market(BINANCE, market(baseId=None))

    assert isinstance(found, LeftOut)
    assert (found.reason, found.base) == (AbsenceReason.MALFORMED, None)


@pytest.mark.parametrize(
    ("entry", "info", "reason", "detail"),
    [
        (
            HYPERLIQUID,
            {"name": "X", "isDelisted": True},
            AbsenceReason.DELISTED,
            "isDelisted",
        ),
        (
            LIGHTER,
            {"symbol": "X", "market_config": {"trading_hours": "09:30-16:00"}},
            AbsenceReason.NON_CRYPTO,
            "09:30-16:00",
        ),
        (
            LIGHTER,
            {"symbol": "X", "market_config": {"force_reduce_only": True}},
            AbsenceReason.INACTIVE,
            "force_reduce_only",
        ),
        (EXTENDED, {"category": "TradFi"}, AbsenceReason.NON_CRYPTO, "TradFi"),
        (
            EXTENDED,
            {"category": "Crypto", "status": "DELISTED"},
            AbsenceReason.DELISTED,
            "DELISTED",
        ),
        (
            EXTENDED,
            {"category": "Crypto", "status": "PRELISTED"},
            AbsenceReason.PRE_MARKET,
            "PRELISTED",
        ),
        (
            EXTENDED,
            {"category": "Crypto", "status": "REDUCE_ONLY"},
            AbsenceReason.INACTIVE,
            "REDUCE_ONLY",
        ),
    ],
)
def test_each_venue_says_in_its_own_words_what_stays_out(
    entry: Any,  # noqa: ANN401 - a catalog entry
    info: dict[str, Any],
    reason: AbsenceReason,
    detail: str,
) -> None:
    """Stocks beside coins would be paired by a coincidence of tickers."""
    row = market(quote="USDC", settle="USDC", info=info, active=False)

    found = listing.read_market(entry, row)

    assert isinstance(found, LeftOut)
    assert (found.reason, found.detail) == (reason, detail)


def test_hyperliquid_prices_have_five_digits_and_six_less_decimals() -> None:
    """Its tick follows the size decimals, not ccxt's guess from today's price."""
    row = market(
        quote="USDC",
        settle="USDC",
        info={"name": "BTC", "szDecimals": 5},
        limits={"leverage": {"max": 40}},
    )

    found = listing.read_market(HYPERLIQUID, row)

    assert isinstance(found, Instrument)
    assert (found.price_tick, found.price_digits) == (Decimal("0.1"), 5)
    assert (found.max_leverage, found.min_notional_usd) == (Decimal(40), Decimal(10))


@pytest.mark.parametrize("decimals", [None, 7, -1, "five"])
def test_impossible_size_decimals_make_a_contract_malformed(decimals: object) -> None:
    """No price can be rounded without them."""
    info = {"name": "BTC", "szDecimals": decimals}

    found = listing.read_market(
        HYPERLIQUID, market(quote="USDC", settle="USDC", info=info)
    )

    assert isinstance(found, LeftOut)
    assert found.reason is AbsenceReason.MALFORMED


def test_lighter_leverage_comes_from_its_margin_fraction() -> None:
    """A fraction of 200 ten-thousandths is 2 %, so 50 times."""
    info = {"symbol": "BTC", "min_initial_margin_fraction": 200}

    found = listing.read_market(LIGHTER, market(quote="USDC", settle="USDC", info=info))

    assert isinstance(found, Instrument)
    assert found.max_leverage == 50


def test_of_two_contracts_of_one_token_the_smaller_multiplier_stays() -> None:
    """One token has one instrument per venue; the other is named with its reason."""
    many = market(id="1000CATUSDT", baseId="1000CAT", symbol="1000CAT/USDT:USDT")
    one = market(id="CATUSDT", baseId="CAT", symbol="CAT/USDT:USDT")

    used, left_out = listing.read_markets(BINANCE, [many, one])

    assert [each.native_name for each in used] == ["CATUSDT"]
    assert [(each.native_name, each.reason, each.detail) for each in left_out] == [
        ("1000CATUSDT", AbsenceReason.DUPLICATE, "CATUSDT is used")
    ]


def test_two_contracts_under_one_ccxt_symbol_do_not_mix() -> None:
    """The client library would order the one for the other."""
    rows = [
        market(
            symbol="KPEPE/USDC:USDC",
            quote="USDC",
            settle="USDC",
            info={"name": name, "szDecimals": 0},
        )
        for name in ("kPEPE", "KPEPE")
    ]

    used, left_out = listing.read_markets(HYPERLIQUID, rows)

    assert [each.native_name for each in used] == ["KPEPE"]
    assert [(each.native_name, each.reason) for each in left_out] == [
        ("kPEPE", AbsenceReason.DUPLICATE)
    ]
