"""What a Lighter account pays: told, by its tier, or the highest there is."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from core.venues.lighter_fees import fee_of_fill, read_tier
from tests.fakes.runtime import START
from tests.unit.core.venues.accounts import Reply, canned

if TYPE_CHECKING:
    from core.venues.lighter_fees import Tier

FREE = Decimal(0)
PATHS = {
    "limits": "/api/v1/accountLimits",
    "trades": "/api/v1/trades",
}


def tier_of(**told: object) -> Tier:
    """Return the tier in an answer."""
    return read_tier({"code": 200, **told})


@pytest.mark.parametrize(
    ("told", "fee", "note"),
    [
        # 280 millionths are 0.0280 %
        ({"user_tier": "premium", "current_taker_fee_tick": 280}, "0.00028", None),
        ({"user_tier": "premium", "current_taker_fee_tick": 196}, "0.000196", None),
        ({"user_tier": "standard", "current_taker_fee_tick": 0}, "0", None),
        ({"user_tier": "standard"}, "0", None),
        ({"user_tier": "1", "user_tier_name": "Standard"}, "0", None),
        ({"user_tier": "plus"}, "0.00005", "plus tier's, without the discount"),
        ({"user_tier": "premium"}, "0.00028", "premium tier's, without the discount"),
        ({"user_tier": "gold"}, "0.00028", "the highest there is"),
        ({}, "0.00028", "tier (no name) is not known"),
        ({"user_tier": "gold", "current_taker_fee_tick": -1}, "0.00028", "not known"),
        ({"user_tier": "gold", "current_taker_fee_tick": 10**6}, "0.00028", "highest"),
    ],
)
def test_the_fee_is_the_accounts_own_or_rather_too_high(
    told: dict[str, object], fee: str, note: str | None
) -> None:
    """A fee guessed too low would offer pairs that lose money."""
    found, said = tier_of(**told).taker_fee(FREE)

    assert found == Decimal(fee)
    assert (said is None) is (note is None)
    assert note is None or note in str(said)


@pytest.mark.parametrize(
    ("row", "told", "fee"),
    [
        # 0.02 at 91,012 is 1,820.24 USD; 280 millionths of that
        ({"taker_fee": 280}, {"user_tier": "premium"}, "0.5096672"),
        ({"taker_fee": 280}, {}, "0.5096672"),
        ({"taker_fee": 0}, {}, "0"),
        ({}, {"user_tier": "standard"}, "0"),
        ({}, {"user_tier": "premium"}, None),
        ({}, {"user_tier": "standard", "current_taker_fee_tick": 50}, None),
        ({"taker_fee": 2_000_000}, {"user_tier": "premium"}, None),
        ({"maker_fee": 40}, {"user_tier": "premium"}, None),
    ],
)
def test_an_execution_costs_what_its_row_says(
    row: dict[str, object], told: dict[str, object], fee: str | None
) -> None:
    """Unknown stays unknown: a result without its fees would be too good."""
    trade = {"size": "0.02000", "price": "91012.0", **row}

    found = fee_of_fill(trade, tier_of(**told), is_maker=False)

    assert found == (None if fee is None else Decimal(fee))


def test_a_maker_pays_the_makers_fee() -> None:
    """40 millionths of 1,820.24 USD."""
    row = {"size": "0.02", "price": "91012", "taker_fee": 280, "maker_fee": 40}

    assert fee_of_fill(row, None, is_maker=True) == Decimal("0.0728096")


def answer(**told: Any) -> Reply:  # noqa: ANN401 - any JSON
    """Return an answer of the venue."""
    return Reply(json.dumps({"code": 200, **told}))


async def test_the_account_is_asked_and_the_answer_serves_for_an_hour(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A standard account has 60 requests a minute; three contracts share this one."""
    async with canned("lighter", monkeypatch) as (house, local):
        local.others[PATHS["limits"]] = answer(user_tier="gold")
        one = house.instrument()

        fees = {await house.account.taker_fee(one) for _ in range(3)}

        asked = [body for body in house.bodies if "accountLimits" in body]
        assert fees == {Decimal("0.00028")}
        assert len(asked) == 1
        assert "(gold) is not known here" in str(house.account.fee_note)


async def test_fees_of_a_premium_account_are_booked_from_its_executions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The pair's result counts them."""
    trade = {
        "trade_id": 17609,
        "market_id": 1,
        "size": "0.02000",
        "price": "91012.0",
        "ask_account_id": 20,
        "bid_account_id": 1077,
        "bid_client_id": 123456789012,
        "is_maker_ask": True,
        "taker_fee": 280,
        "maker_fee": 40,
        "timestamp": int(START.timestamp() * 1000),
    }
    async with canned("lighter", monkeypatch) as (house, local):
        local.others[PATHS["limits"]] = answer(user_tier="premium")
        local.others[PATHS["trades"]] = answer(trades=[trade])

        (fill,) = await house.account.fills(house.instrument(), START)

        assert fill.fee_usd == Decimal("0.5096672")
