"""The five situations the whole idea began with, from the venues to the chat."""

from __future__ import annotations

import logging
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from core.model.opportunity import SkipReason
from core.model.trade import TradeState
from tests.journeys.house import open_house

if TYPE_CHECKING:
    from pathlib import Path

    from tests.journeys.house import House

pytestmark = pytest.mark.journey


def reasons(house: House, base: str) -> set[SkipReason]:
    """Return why a token, or one of its markets, was left out of the last scan."""
    return {skip.reason for skip in house.ranking.skips if skip.base == base}


GROSS: dict[str, Any] = {
    "net_top_k": 0,
    "min_net": -1,
    "max_break_even_h": 8760,
    "max_break_even_payments": 10_000,
}
"""Settings of those who do not care for costs."""


async def test_token_on_all_exchanges(house: House) -> None:
    """APT trades on four venues: six pairs, and the widest of them is offered."""
    card = await house.say("/matrix APT")
    best = house.truth("APT")["best"]
    assert (best["long"], best["short"]) == ("lighter", "binance")
    assert card.text.startswith("APT long LT, short BN · +0.071%/8h, 78% APR gross")
    rows = [line for line in card.text.splitlines() if line[2:3] == ">"]
    assert len(rows) == 6, "n(n-1)/2 pairs of four venues"
    assert rows[0].split()[:2] == ["LT>BN", ".071"]
    assert card.labels[0][0] == "Open LT>BN…"
    await house.tap("Open LT>BN…")
    assert house.card().text.startswith("⚡ Open APT? $500 per leg · 🧪 PAPER")


async def test_token_on_2_exchanges_only(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """KAITO is on two venues: one pair, no complaint about the other two, tradable."""
    with caplog.at_level(logging.INFO):
        await house.engine.refresh_availability()
        await house.scan()
    said = [each.message.strip() for each in caplog.records]
    assert "✅ KAITO: available on 2 venues (lighter, extended)" in said
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]
    card = await house.say("/matrix KAITO")
    assert "BN not listed · HL not listed" in card.text
    assert len([line for line in card.text.splitlines() if line[2:3] == ">"]) == 1
    outcome = await house.enter("KAITO")
    assert outcome.text.startswith("✅ KAITO open, both legs filled · 🧪 PAPER")
    assert (await house.trades())[0].state is TradeState.OPEN


async def test_token_on_1_exchange_only(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """RARE is on one venue: shown with a warning sign, never offered, no error."""
    with caplog.at_level(logging.INFO):
        await house.engine.refresh_availability()
        await house.scan()
    said = [each.message.strip() for each in caplog.records]
    assert "⚠️ RARE: only on extended - cannot arbitrage" in said
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert house.ranked("RARE") is None
    assert reasons(house, "RARE") == {SkipReason.SINGLE_VENUE}
    card = await house.say("/matrix RARE")
    assert card.text.startswith("⚠️ RARE on 1 of 4 venues · 🧪 PAPER")
    assert not [label for row in card.labels for label in row if "Open" in label]
    refusal = await house.say("/open RARE")
    assert "RARE cannot be paired now" in refusal.text
    assert "Nothing was ordered." in refusal.text
    assert await house.trades() == []


async def test_highest_spread_priority(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """All tokens are ranked together; the best is entered first, then what fits.

    By gross spread, as without costs; test_net_truth ranks by what is left of it.
    250 dollars on each venue carry one leg of 500 at 3x (200 are asked for), so once
    KAITO holds Extended and Lighter the next pair that fits is SUI, ninth in the list.
    """
    async with open_house(tmp_path, paper_balance_usd=250, **GROSS) as house:
        with caplog.at_level(logging.INFO):
            await house.scan()
        said = [each.message for each in caplog.records]
        best = [line for line in said if line.startswith("  #")]
        assert len(best) == 5
        assert best[0].startswith("  #1: KAITO - extended vs lighter | Spread: 0.014")
        assert [line.split()[1] for line in best] == [
            *("KAITO", "APT", "MON", "TRUMP", "ZEC")
        ]

        top = await house.say("/top")
        await house.tap("⚡ Enter best", top)
        assert house.card().text.startswith("⚡ Open KAITO? $500 per leg")
        await house.tap("Open $500")
        await house.rest()
        assert house.card().text.startswith("✅ KAITO open, both legs filled")

        await house.tap("⚡ Enter best", top)
        card = house.card()
        assert card.text.startswith("⚡ Open SUI? $500 per leg · 🧪 PAPER")
        assert "KAITO: Extended has 83.37 USD free, 200.15 needed." in card.text
        assert "APT: Lighter has 83.39 USD free, 200.00 needed." in card.text
        await house.tap("Open $500")
        await house.rest()
        assert house.card().text.startswith("✅ SUI open, both legs filled")

        await house.tap("⚡ Enter best", top)
        refusal = house.card().text
        assert refusal.startswith("No opportunity fits now. Nothing was ordered.")
        held = sorted(each.base for each in await house.trades())
        assert held == ["KAITO", "SUI"]


async def test_liquidity_filtering(house: House) -> None:
    """GRASS pays the most of all and trades for 12,040 dollars a day: left out."""
    spread = Decimal(house.truth("GRASS")["venues"]["hyperliquid"]["rate_hourly"])
    best = house.ranking.opportunities[0]
    assert spread > best.spread_per_hour, "or this would prove nothing"
    assert reasons(house, "GRASS") == {SkipReason.BELOW_MIN_VOLUME}
    card = await house.say("/matrix GRASS")
    assert re.search(r"EX 12\d{3} USD in 24 h, 50000 wanted", card.text)
    refusal = await house.say("/open GRASS")
    assert "GRASS cannot be paired now" in refusal.text
    await house.tap("⚡ Enter best", await house.say("/top"))
    assert house.card().text.startswith("⚡ Open KAITO?"), "the next one is tried"

    house.box.world.set_volume("GRASS", "extended", Decimal(50_000))
    await house.scan()
    assert house.ranked("GRASS") is not None, "the volume alone kept it"


async def test_a_side_of_unknown_volume_is_marked_or_left_out(tmp_path: Path) -> None:
    """WIF has no volume on Lighter: the host decides whether that is good enough."""
    async with open_house(tmp_path / "loose") as house:
        row = [
            line
            for line in (await house.say("/top")).text.splitlines()
            if "WIF" in line
        ]
        assert re.match(r"\d+\? ?WIF ", row[0])
        card = await house.say("/open WIF")
        assert "⚠️ 24 h volume of one side is unknown" in card.text
    async with open_house(tmp_path / "strict", allow_unknown_volume="false") as house:
        assert SkipReason.UNKNOWN_VOLUME in reasons(house, "WIF")
        pair = house.ranked("WIF")
        assert pair is None or "lighter" not in {
            pair.long.instrument.venue_id,
            pair.short.instrument.venue_id,
        }


async def test_two_coins_of_one_name_are_never_a_pair(house: House) -> None:
    """ACE is 0.56 dollars on one venue and 3.98 on the other: the best of all spreads.

    Neither list, card nor command offers it.
    """
    assert house.ranked("ACE") is None
    assert reasons(house, "ACE") == {SkipReason.PRICE_MISMATCH}
    card = await house.say("/matrix ACE")
    assert "unit price 0.56007931 on Binance against 3.9777399465 on Extended" in (
        card.text
    )
    assert not [one for one in card.buttons if "Open" in one.label]
    assert "ACE cannot be paired now" in (await house.say("/open ACE")).text


async def test_a_second_contract_of_a_token_does_not_hide_the_first(
    house: House,
) -> None:
    """Binance lists BTC in USDC and as a dated future too; BTC has six pairs."""
    card = await house.say("/matrix BTC")
    assert len([line for line in card.text.splitlines() if line[2:3] == ">"]) == 6
    assert "2026-12" not in card.text
