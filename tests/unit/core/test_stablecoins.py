"""What USDT costs in USDC, told by the tokens that trade in both."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from core.model.opportunity import Opportunity, SkipReason, prices_agree
from core.model.stablecoin import UNMEASURED, Stablecoins
from core.opportunities import Gates, chosen_pair, match_refusal
from core.stablecoins import measure
from tests.fakes.objects import BINANCE, EXTENDED, HYPERLIQUID, LIGHTER, snapshot

if TYPE_CHECKING:
    from core.model.market import FundingSnapshot

GATES = Gates(Decimal(0), Decimal(0), allows_unknown_volume=True)


def token(number: int, usdt: str, *usdc: str) -> tuple[FundingSnapshot, ...]:
    """Return a token at a price on Binance and at prices on the others."""
    others = zip((HYPERLIQUID, LIGHTER, EXTENDED), usdc, strict=False)
    return (
        snapshot(f"T{number}", BINANCE, price=usdt),
        *(snapshot(f"T{number}", venue, price=price) for venue, price in others),
    )


def test_the_gap_is_the_middle_of_many_tokens() -> None:
    """Nine tokens at 100 USDT and 99.5 USDC: a USDT is worth 0.995, 0.5 % under.

    One that trades 20 % apart (two coins of one name) moves nothing.
    """
    tokens = [token(number, "100", "99.5") for number in range(9)]

    found = measure([*tokens, token(9, "100", "80")])

    assert found.usdt_in_usdc == Decimal("0.995")
    assert found.gap == Decimal("-0.005")
    assert found.tokens == 10


def test_several_venues_in_usdc_count_by_their_middle() -> None:
    """99, 100 and 103 USDC are 100: one venue's odd price says nothing."""
    found = measure([token(number, "100", "99", "100", "103") for number in range(8)])
    assert found.gap == 0


def test_too_few_tokens_leave_the_gap_unknown() -> None:
    """A guess from seven tokens would block entries, or fail to."""
    assert measure([token(n, "100", "99") for n in range(7)]) == Stablecoins(None, 7)
    assert measure([(snapshot("APT", BINANCE),)]) == UNMEASURED
    assert measure([]).gap is None


@pytest.mark.parametrize(
    ("gap", "is_refused"), [("0.0049", False), ("0.005", True), ("-0.008", True)]
)
def test_from_half_a_percent_no_pair_across_both_coins(
    gap: str,
    is_refused: bool,  # noqa: FBT001 - of the table
) -> None:
    """10 000 USD short in USDT lose 50 USD when it falls by 0.5 %: eight days' pay."""
    coins = Stablecoins(1 + Decimal(gap), 12)
    gates = replace(GATES, stablecoins=coins, max_stablecoin_gap=Decimal("0.005"))
    price = f"{Decimal(5) * coins.usdt_in_usdc:f}"  # type: ignore[operator]  # set above
    across = Opportunity(
        snapshot("APT").instrument.base,
        snapshot("APT", HYPERLIQUID, price=price),
        snapshot("APT", BINANCE, price="5", per_hour="0.0002"),
    )

    refusal = match_refusal(across, gates)

    assert (refusal is not None) == is_refused
    if refusal is not None:
        assert refusal.reason is SkipReason.STABLECOIN_GAP
        assert "hyperliquid and binance settle in USDC and USDT" in refusal.detail
    within = replace(across, short=snapshot("APT", LIGHTER, price=price))
    assert match_refusal(within, gates) is None, "one coin on both sides"


def test_prices_are_compared_in_one_coin() -> None:
    """At 0.96 USD a USDT, 104.17 USDT are 100 USDC: the same coin, 4 % apart by name.

    Without the conversion the pair would be taken for two tokens of one name.
    """
    long = snapshot("APT", HYPERLIQUID, price="100")
    short = snapshot("APT", BINANCE, price="104.17")
    assert not prices_agree(Decimal(100), Decimal("104.17"))

    coins = Stablecoins(Decimal("0.96"), 20)
    found = chosen_pair(long, short, replace(GATES, stablecoins=coins))

    assert isinstance(found, Opportunity)
    blind = chosen_pair(long, short, GATES)
    assert not isinstance(blind, Opportunity)
    assert blind.reason is SkipReason.PRICE_MISMATCH


def test_a_gap_within_noise_changes_no_price() -> None:
    """Below 0.1 % the measure is no better than the prices themselves."""
    one = snapshot("APT", BINANCE).instrument
    assert Stablecoins(Decimal("0.9995"), 9).in_usdc(Decimal(100), one) == 100
    assert Stablecoins(Decimal("0.99"), 9).in_usdc(Decimal(100), one) == 99
    assert UNMEASURED.in_usdc(Decimal(100), one) == 100
