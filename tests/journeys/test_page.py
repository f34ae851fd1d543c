"""The first minute with the demo, by finger: ranking, position, close, and others."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.journeys.browser import needs_browser, open_phone
from tests.journeys.process import running_demo

if TYPE_CHECKING:
    from tests.journeys.browser import Phone

pytestmark = [
    pytest.mark.journey,
    needs_browser,
    pytest.mark.timeout(150),  # two programs and a browser on a busy machine
]
TRADING = re.compile("Open|Enter|Close|Pause|Resume")


async def test_a_pair_is_found_opened_watched_and_closed_by_tapping(
    tmp_path: Path,
) -> None:
    """What the product is for; a picture of each step is kept for a person to look."""
    async with (
        running_demo(tmp_path / "state") as demo,
        open_phone(tmp_path) as phone,
    ):
        await demo.scanned()
        await phone.open(demo.url)
        await phone.start()
        await phone.sees("Hello Anna", "SANDBOX")
        await phone.picture("start")
        ranking, best = await _look_around(phone)
        await _open_pair(phone, best)
        position = await _watch(phone, best)
        await _close_pair(phone, best)

        assert await phone.overflow() <= 0
        assert await phone.cut_labels() == []
        target = Path(os.environ.get("PICTURE", tmp_path / "both.png"))
        await phone.side_by_side([ranking, position], target)


async def _look_around(phone: Phone) -> tuple[Path, str]:
    """Return the picture of the ranking and the token it begins with."""
    await phone.say("/matrix")
    await phone.sees("TOKEN", "possible pairs", "SANDBOX")
    await phone.picture("matrix")
    await phone.say("/top")
    await phone.sees("Best:", "L>S")
    picture = await phone.picture("top")
    labels = await phone.labels("Best:")
    return picture, labels[0].removeprefix("1 ")


async def _open_pair(phone: Phone, base: str) -> None:
    await phone.tap(f"1 {base}", "Best:")
    await phone.sees(f"{base} long", "short")
    await phone.picture("token")
    await phone.tap("Open", f"{base} long")
    await phone.sees(f"Open {base}?", "Refuses:", "SANDBOX")
    await phone.picture("confirm")
    await phone.tap("✅ Open", f"Open {base}?")
    await phone.sees(f"{base} open, both legs filled")
    await phone.picture("opened")


async def _watch(phone: Phone, base: str) -> Path:
    """Return the picture of the position."""
    await phone.say("/pos")
    await phone.sees("on 1 pair", "all hedged")
    await phone.picture("positions")
    await phone.tap(f"1 {base}", "on 1 pair")
    shown = await phone.sees(f"{base} ", "entry", "Delta", "SANDBOX")
    assert re.search(r"leg +long (BN|HL|LT|EX) +short (BN|HL|LT|EX)", shown)
    await phone.no_toast()
    return await phone.picture("position")


async def _close_pair(phone: Phone, base: str) -> None:
    await phone.say("/close")
    await phone.sees(f"Close {base}?", "Valid until")
    await phone.picture("close")
    await phone.tap("❗ Close both", f"Close {base}?")
    await phone.sees(f"{base} closed:", "you closed it")
    await phone.picture("closed")
    await phone.say("/pos")
    await phone.sees("No open pairs")


@pytest.mark.campaign
async def test_a_viewer_may_look_and_a_stranger_hears_nothing(tmp_path: Path) -> None:
    """The page offers both people to try with, so both must behave."""
    async with (
        running_demo(tmp_path / "state") as demo,
        open_phone(tmp_path) as phone,
    ):
        await demo.scanned()
        await phone.open(demo.url)
        await phone.become("Stranger")
        await phone.start()
        await phone.say("/top")
        await phone.become("Vera")
        await phone.start()
        await phone.sees("Hello Vera")
        seen = []
        for command, words in (
            ("/top", "Best:"),
            ("/matrix", "possible pairs"),
            ("/pos", "No open pairs"),
            ("/health", "venues fine"),
        ):
            await phone.say(command)
            await phone.sees(words)
            seen += await phone.labels(words)
        await phone.picture("viewer")
        await phone.become("Stranger")
        await phone.picture("stranger")

        await expect(phone.page.locator("article.mine")).to_have_count(2)
        await expect(phone.page.locator("article.theirs")).to_have_count(0)
        assert not [label for label in seen if TRADING.search(label)]
        assert any("Refresh" in label for label in seen)
