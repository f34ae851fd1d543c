"""News of spreads: what is pushed, when, once, and how a person changes that."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from tests.journeys.house import ANNA, BEN, VERA, find, open_house

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sandbox.telegram.model import ChatMessage
    from tests.journeys.house import House

pytestmark = pytest.mark.journey

HIGH = Decimal("0.0005")
MINUTE = timedelta(seconds=60)


@pytest.fixture
async def calm(tmp_path: Path) -> AsyncIterator[House]:
    """Open a house whose market pays nothing worth a word yet."""
    async with open_house(tmp_path, alert_spread_hourly="0.0002") as house:
        yield house


def pushes(house: House, user: int = ANNA) -> list[ChatMessage]:
    """Return the messages about new spreads."""
    return find(house, "📈", user)


async def minutes(house: House, count: int) -> None:
    """Let the bot scan once a minute.

    Some twenty scans are what ccxt's limits for Lighter allow in a real minute.
    """
    for _ in range(count):
        await house.pass_time(MINUTE)
        await house.scan()


def jump(house: House, *bases: str, hourly: Decimal = HIGH) -> None:
    """Let these tokens pay on Hyperliquid from now on."""
    for base in bases:
        house.box.world.set_rate(base, "hyperliquid", hourly)


async def test_a_new_spread_is_told_once_after_two_scans(calm: House) -> None:
    """One scan may be a blink; every minute would be noise."""
    jump(calm, "ETH")
    await minutes(calm, 1)
    assert pushes(calm) == []
    await minutes(calm, 1)
    (push,) = pushes(calm)
    first, second, *_ = push.text.splitlines()
    assert first.startswith("📈 ETH 0.")
    assert first.endswith("%/8h gross in two scans · 🧪 PAPER")
    assert "short Hyperliquid +0.400%/8h" in second, push.text
    await minutes(calm, 8)
    assert len(pushes(calm)) == 1
    await calm.tap("Open…", push)
    assert calm.card().text.startswith("⚡ Open ETH?")
    assert push.text.startswith("📈"), "news stays as it was"


async def test_every_owner_hears_it_and_no_viewer(calm: House) -> None:
    """A push leads to a trade, so it goes to those who may."""
    jump(calm, "ETH")
    await minutes(calm, 2)
    assert len(pushes(calm, ANNA)) == len(pushes(calm, BEN)) == 1
    assert pushes(calm, VERA) == []


async def test_four_at_once_are_one_message(calm: House) -> None:
    """A moving market must not ring four times."""
    jump(calm, "ETH", "BTC", "SOL", "XRP")
    await minutes(calm, 2)
    (push,) = pushes(calm)
    assert push.text.startswith("📈 4 new spreads · 🧪 PAPER")
    for base in ("ETH", "BTC", "SOL", "XRP"):
        assert base in push.text
    before = calm.newest_id()
    await calm.tap("1 ", push)
    assert calm.card().id > before


async def test_three_at_once_are_three_messages(calm: House) -> None:
    """Up to three are news of their own."""
    jump(calm, "ETH", "BTC", "SOL")
    await minutes(calm, 2)
    assert len(pushes(calm)) == 3


async def test_a_restart_repeats_nothing(calm: House) -> None:
    """What was said is stored, and so is a streak of one scan."""
    jump(calm, "ETH")
    await minutes(calm, 2)
    jump(calm, "BTC")
    await minutes(calm, 1)
    await calm.restart()
    await minutes(calm, 3)
    assert [push.text.split()[1] for push in pushes(calm)] == ["ETH", "BTC"]


async def test_it_is_told_again_when_it_grew_by_half_and_not_while_it_stands(
    calm: House,
) -> None:
    """More of it is news; that it still stands is for /top."""
    jump(calm, "ETH")
    await minutes(calm, 2)
    jump(calm, "ETH", hourly=HIGH * Decimal("1.3"))
    await minutes(calm, 3)
    assert len(pushes(calm)) == 1
    jump(calm, "ETH", hourly=HIGH * Decimal("1.7"))
    await minutes(calm, 2)
    assert len(pushes(calm)) == 2
    await calm.pass_time(timedelta(hours=4))
    await minutes(calm, 2)
    assert len(pushes(calm)) == 2


async def test_what_fell_and_rose_again_within_four_hours_is_not_news(
    calm: House,
) -> None:
    """A spread that swings around the threshold is told once."""
    jump(calm, "ETH")
    await minutes(calm, 2)
    for _ in range(3):
        jump(calm, "ETH", hourly=Decimal("0.00001"))
        await minutes(calm, 2)
        jump(calm, "ETH")
        await minutes(calm, 2)
    assert pushes(calm) == []
    (told,) = find(calm, "⏹")
    assert told.text.startswith("⏹ ETH 0.")
    assert "%/8h is gone after 60 s · 🧪 PAPER" in told.text


async def test_a_thin_unknown_or_stale_side_is_no_news(calm: House) -> None:
    """Only what could be traded is told: GRASS is thin, WIF unknown, Lighter silent."""
    jump(calm, "WIF")
    calm.box.world.set_rate("LINK", "lighter", HIGH)
    calm.box.faults.add("lighter", "funding-rates", "status", times=None, after=1)
    await minutes(calm, 1)
    assert calm.ranked("LINK")
    await minutes(calm, 2)
    assert pushes(calm) == []


async def test_switches_of_alerts(calm: House) -> None:
    """On with sound, on without, off; the choice outlives a restart."""
    card = await calm.say("/alerts")
    assert card.labels[1] == ["On •", "Silent", "Off"]
    assert await calm.tap("Off", card) == "Saved"
    jump(calm, "ETH")
    await minutes(calm, 3)
    assert pushes(calm) == []
    assert await calm.tap("Silent", card) == "Saved"
    jump(calm, "BTC")
    await minutes(calm, 2)
    assert pushes(calm)
    assert all(push.silent for push in pushes(calm))
    await calm.restart()
    card = await calm.say("/alerts")
    assert card.text.startswith("Alerts on new spreads: on, without sound")
    card = await calm.say("/alerts on")
    assert card.text.startswith("Alerts on new spreads: on, with sound")
    jump(calm, "SOL")
    await minutes(calm, 2)
    assert not pushes(calm)[-1].silent


async def test_the_threshold_is_changed_by_chip_and_by_number(calm: House) -> None:
    """A number is read in the unit of the screen, % per 8 hours."""
    card = await calm.say("/alerts 0.39")
    assert "From 0.390%/8h gross" in card.text
    jump(calm, "ETH", hourly=Decimal("0.0004"))
    await minutes(calm, 3)
    assert pushes(calm) == [], "0.32 at most"
    assert await calm.tap(".200", card) == "Saved"
    assert "From 0.200%/8h gross" in card.text
    assert ".200 •" in card.labels[0]
    await minutes(calm, 2)
    assert [push.text.split()[1] for push in pushes(calm)] == ["ETH"]
    await calm.restart()
    assert "From 0.200%/8h gross" in (await calm.say("/alerts")).text


async def test_a_token_is_muted_on_its_news_and_speaks_again(calm: House) -> None:
    """One noisy token is silenced where it is noisy: for hours, for good, or not."""
    jump(calm, "ETH")
    await minutes(calm, 2)
    (push,) = pushes(calm)
    assert await calm.tap("🔕 ETH 8 h", push) == "ETH is muted for 8 h"
    jump(calm, "ETH", hourly=HIGH * 3)
    await minutes(calm, 3)
    assert len(pushes(calm)) == 1
    assert "Muted: ETH (7 h 57)" in (await calm.say("/alerts")).text
    await calm.pass_time(timedelta(hours=8))
    await minutes(calm, 2)
    assert len(pushes(calm)) == 2
    assert await calm.tap("🚫 ETH", pushes(calm)[-1]) == "ETH is muted"
    await calm.restart()
    await calm.pass_time(timedelta(hours=5))
    await minutes(calm, 2)
    assert len(pushes(calm)) == 2
    card = await calm.say("/alerts")
    assert await calm.tap("🔔 ETH", card) == "Saved"
    jump(calm, "ETH", hourly=HIGH * 5)
    await minutes(calm, 2)
    assert len(pushes(calm)) == 3


async def test_news_waits_out_a_telegram_that_asks_for_patience(calm: House) -> None:
    """A 429 delays a push; it is not lost and not sent twice."""
    calm.telegram.faults.add("sendMessage", "retry_after", times=2, param=90)
    jump(calm, "ETH")
    await calm.pass_time(MINUTE)
    await calm.scan()
    await calm.pass_time(MINUTE)
    await calm.engine.scan_if_idle()
    await calm.until(lambda: not calm.telegram.faults.plan and calm.is_post_out)
    assert pushes(calm) + pushes(calm, BEN) == []
    await calm.pass_time(timedelta(seconds=91))
    await calm.rest()
    assert len(pushes(calm, ANNA)) == len(pushes(calm, BEN)) == 1


async def test_news_that_could_not_be_sent_for_ten_minutes_is_dropped(
    calm: House,
) -> None:
    """Late news is wrong news."""
    calm.telegram.faults.add("sendMessage", "status_500", times=1000)
    jump(calm, "ETH")
    await calm.pass_time(MINUTE)
    await calm.scan()
    await calm.pass_time(MINUTE)
    await calm.engine.scan_if_idle()
    await calm.until(lambda: calm.telegram.calls[-1].fault and calm.is_post_out)
    await calm.pass_time(timedelta(minutes=11))
    calm.telegram.faults.clear()
    await calm.pass_time(timedelta(minutes=1))
    await calm.rest()
    assert pushes(calm) == []
