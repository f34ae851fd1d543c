"""/why in chat and in the terminal, over the whole pretend market."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.journeys.house import BOOKS, VERA, open_house

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.journeys.house import House

SAID = {
    "RARE": "only Extended has it",
    "XRP": "the least spread to",
    # its day volume moves by cents around 12,040.50
    "GRASS": "a day, $50,000 is the least wanted. Lower the least day volume to 1204",
    "WIF": "Lighter: does not tell its day volume.",
    "ACE": "prices disagree: unit price",
    "CAT": "Two coins of one name, or a wrong unit",
    "FTM": "Hyperliquid: FTM is delisted.",
    "POL": "Lighter: POL is stopped by the venue (inactive).",
    "STRK": "Extended: STRK-USD is stopped by the venue (REDUCE_ONLY).",
    "TSLA": "Binance: TSLAUSDT is not a crypto asset (TRADIFI_PERPETUAL).",
    "OPENAI": "Binance: OPENAIUSDT is a pre-market contract.",
    "BTC": "Also on Binance: BTCUSDC: other quote currency · BTCUSDT_261225: dated"
    " contract, no funding.",
    "kpepe": "PEPE",
}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """Open a bot that wants to know every volume."""
    async with open_house(tmp_path, allow_unknown_volume="false") as opened:
        yield opened


async def test_every_kind_of_absence_is_said_in_its_numbers(house: House) -> None:
    """What the market leaves out, in the words of whoever asked."""
    for token, words in SAID.items():
        said = (await house.say(f"/why {token}")).text
        assert words in said, said


async def test_the_quotes_own_checks_are_walked_too(house: House) -> None:
    """First it can be opened, then one thing after the other is in the way."""
    free = await house.say("/why APT")
    assert "LT>BN: +" in free.text
    assert "net over 24 h at $500" in free.text
    assert "nothing refuses it" in free.text

    house.box.world.set_depth_factor("APT", "binance", 0)
    await house.pass_time(timedelta(seconds=10))
    thin = await house.say("/why APT")
    assert "order book of Binance is empty or crossed" in thin.text

    house.box.world.set_depth_factor("APT", "binance", 1)
    await house.say("/pause")
    await house.pass_time(timedelta(seconds=10))
    paused = await house.say("/why APT")
    assert "Entries are paused by you" in paused.text
    assert "nothing refuses it" not in paused.text
    viewed = await house.say("/why APT", VERA)
    assert "Entries are paused by another person" in viewed.text
    assert not [each for each in viewed.buttons if "Open" in each.label]
    assert await house.trades() == []


async def test_one_question_reads_each_book_once(tmp_path: Path) -> None:
    """Six pairs on four venues are four books, or a busy venue would miss a scan."""
    more = {"min_net": "-1", "max_break_even_h": 8760, "min_spread_hourly": 0}
    payments = {"max_break_even_payments": 10000}
    async with open_house(tmp_path, **more, **payments) as house:  # type: ignore[arg-type]  # settings
        house.box.requests.clear()
        said = await house.say("/why APT")
        assert said.text.count("nothing refuses it") == 6
        asked = [x for x in house.box.requests if x.endpoint.endswith(BOOKS[x.venue])]
        assert sorted(one.venue for one in asked) == sorted(BOOKS)


async def test_a_silent_venue_is_named_and_comes_back(house: House) -> None:
    """A token that was there a minute ago is not gone, its venue is."""
    house.box.faults.add("lighter", "*", "status", times=None, param=502)
    await house.pass_time(timedelta(minutes=3))
    await house.scan()

    silent = await house.say("/why MON")
    assert "Lighter: its rate is too old" in silent.text or "no answer" in silent.text

    house.box.faults.clear()
    await house.pass_time(timedelta(minutes=1))
    await house.scan()
    assert "Lighter: +" in (await house.say("/why MON")).text
