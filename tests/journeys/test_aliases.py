"""One token under many names: matched by factor, traded in equal true quantity.

The venues' own books say what is held, in their own units; nothing of ours is asked.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from core.model.trade import TradeState
from core.model.units import Base, VenueId
from tests.journeys.house import open_house
from tests.journeys.live import LIVE, roomy_minutes, units_taken_as_proven

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sandbox.app import SandboxServer
    from tests.journeys.house import House

FORMS = {
    "PEPE": {"binance": ("1000PEPE", 1000), "hyperliquid": ("kPEPE", 1000)},
    "SHIB": {"binance": ("1000SHIB", 1000), "extended": ("SHIB1000", 1000)},
    "BABYDOGE": {"binance": ("1MBABYDOGE", 10**6), "extended": ("1000BABYDOGE", 1000)},
    "MOG": {"binance": ("1000000MOG", 10**6), "lighter": ("1000MOG", 1000)},
    "SATS": {"binance": ("1000SATS", 1000), "lighter": ("10000SATS", 10**4)},
    "TOSHI": {"binance": ("1000TOSHI", 1000), "extended": ("TOSHI", 1)},
    "1INCH": {"binance": ("1INCH", 1), "hyperliquid": ("1INCH", 1)},
    "0G": {"binance": ("0G", 1), "lighter": ("0G", 1)},
    "4": {"binance": ("4", 1), "lighter": ("4", 1)},
    "KAS": {"binance": ("KAS", 1), "hyperliquid": ("KAS", 1)},
}
"""What two venues call a token, and how many of it one of theirs holds."""
COLLISIONS = ("ACE", "CAT")
"""Two different coins of one name; one of the cats comes by the thousand."""


@pytest.fixture(autouse=True)
def _roomy_minutes() -> Iterator[None]:
    with roomy_minutes(), units_taken_as_proven():
        yield


def all_lean(box: SandboxServer) -> None:
    """Make every pair of this page, collisions first of all, worth an entry."""
    for base, names in FORMS.items():
        for venue, rate in zip(names, ("-0.0004", "0.0004"), strict=True):
            box.world.set_rate(base, venue, Decimal(rate))
    for base in COLLISIONS:
        box.world.set_rate(base, "binance", Decimal("-0.002"))
        box.world.set_rate(base, "extended", Decimal("0.002"))


def held(house: House, base: str) -> dict[str, Decimal]:
    """Return what each account truly holds of a token, in the token itself."""
    found = {}
    for venue, told in house.box.accounts.accounts().items():
        for row in told["positions"].values():
            if row["token"] == base:
                found[venue] = Decimal(row["quantity"]) * row["multiplier"]
    return found


async def test_every_form_is_one_token_and_no_collision_is_a_pair(
    tmp_path: Path,
) -> None:
    """A factor misread is a pair a thousand times too large on one side."""
    async with open_house(tmp_path, prepare=all_lean) as house:
        for base, names in FORMS.items():
            one = house.ranked(base)
            assert one is not None, base
            for venue, (raw, factor) in names.items():
                row = house.engine.token(raw).row
                found = row.instruments[VenueId(venue)]
                assert row.base == base
                assert found.native_name.startswith(raw), found.native_name
                assert found.multiplier == factor, found.native_name
            sides = house.ranking.snapshots[Base(base)]
            prices = [one.mark_price for one in sides if one.mark_price is not None]
            low, high = min(prices), max(prices)
            assert high / low < Decimal("1.01"), base

        for base in COLLISIONS:
            assert house.ranked(base) is None
            assert (
                f"{base} cannot be paired now"
                in (await house.say(f"/open {base} 200")).text
            )
            why = await house.say(f"/why {base}")
            assert "Two coins of one name, or a wrong unit" in why.text
        reasons = [(s.base, s.reason.value) for s in house.ranking.skips]
        assert [(base, "price_mismatch") for base in COLLISIONS] == sorted(
            each for each in reasons if each[1] == "price_mismatch"
        )
        assert await house.trades() == []


async def test_legs_of_different_factors_hold_the_same_true_quantity(
    tmp_path: Path,
) -> None:
    """On the venues' own accounts, multiplied out by the venues' own factors."""
    more: dict[str, Any] = {**LIVE, "mode": "live", "max_open_trades": 20}
    async with open_house(tmp_path, prepare=all_lean, **more) as house:
        for base, names in FORMS.items():
            card = await house.enter(f"{base} 200")
            trade = (await house.trades())[0]
            assert trade.state is TradeState.OPEN, (base, card.text)
            true = held(house, base)
            assert set(true) == set(names), base
            long, short = (true[venue] for venue in names)
            assert long == -short > 0, (base, true)
            assert Decimal(140) < long * _price(house, base) < Decimal(201), base

        for trade in await house.trades():
            await house.leave(trade.trade_id)
        for told in house.box.accounts.accounts().values():
            assert not told["positions"]
        ended = await house.say("/pos 1000TOSHI")
        assert "TOSHI closed 0 s ago: " in ended.text.splitlines()[0]


def _price(house: House, base: str) -> Decimal:
    found = house.ranking.snapshots[Base(base)][0].mark_price
    assert found is not None
    return found
