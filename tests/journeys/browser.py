"""A person with a phone: the chat page in Debian's Chromium, tapped by finger.

A tap waits until the button is visible, still and not covered by anything, as a finger
has to. Nothing here sleeps: every wait is for something on the page.
"""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import async_playwright, expect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from playwright.async_api import Locator, Page

CHROMIUM = shutil.which("chromium")
MUST_RUN = os.environ.get("NEEDS_CHROMIUM") == "1"
"""Set where the page has to be tested: there a missing browser fails the test."""
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
PATIENCE_MS = 20_000
"""A browser is slow on a busy machine."""

needs_browser = pytest.mark.skipif(
    CHROMIUM is None and not MUST_RUN,
    reason="Debian's chromium is not installed: apt-get install chromium",
)


class Phone:
    """The page as one person sees it; each step leaves a picture."""

    def __init__(self, page: Page, shots: Path) -> None:
        self.page = page
        self._shots = shots
        self._count = 0

    def card(self, *words: str) -> Locator:
        """Return the newest message of the bot that holds all these words."""
        found = self.page.locator("article.theirs")
        for each in words:
            found = found.filter(has_text=each)
        return found.last

    async def open(self, url: str) -> None:
        """Load the page and wait for its chat."""
        await self.page.goto(url)
        await self.page.locator("#messages[data-user]").wait_for()

    async def become(self, name: str) -> None:
        """Write as somebody else from now on."""
        person = self.page.locator("#users button", has_text=name)
        await person.tap()
        await expect(person).to_have_attribute("aria-pressed", "true")
        await expect(self.page.locator("#status")).to_have_text("bot")

    async def start(self) -> None:
        """Press the button that every new chat begins with."""
        await self.page.locator("#start").tap()
        await expect(self.page.locator("#composer")).to_be_visible()

    async def say(self, words: str) -> None:
        """Write a message and send it."""
        await self.page.locator("#text").fill(words)
        await self.page.locator("#send").tap()
        await expect(self.page.locator("article.mine").last).to_contain_text(words)

    async def tap(self, label: str, *words: str) -> None:
        """Tap a button that begins so, on the newest message with these words."""
        await self.key(label, *words).tap()

    def key(self, label: str, *words: str) -> Locator:
        """Return that button."""
        keys = self.card(*words).locator(f'.keys button[data-button^="{label}"]')
        return keys.first

    async def sees(self, *words: str) -> str:
        """Wait for a message that holds all these words; return its text."""
        card = self.card(*words)
        await expect(card).to_be_visible()
        return await card.locator(".body").inner_text()

    async def labels(self, *words: str) -> list[str]:
        """Return what the buttons of that message say."""
        return await self.card(*words).locator(".keys button").all_inner_texts()

    async def no_toast(self) -> None:
        """Wait until the last toast is gone."""
        await expect(self.page.locator("#toast")).to_be_hidden()

    async def overflow(self) -> int:
        """Return by how many pixels the widest part sticks out sideways."""
        wide: int = await self.page.evaluate(
            "Math.max(document.documentElement.scrollWidth - innerWidth,"
            " ...[...document.querySelectorAll('pre')]"
            ".map(one => one.scrollWidth - one.clientWidth))"
        )
        return wide

    async def cut_labels(self) -> list[str]:
        """Return the buttons whose words do not fit."""
        cut: list[str] = await self.page.evaluate(
            "[...document.querySelectorAll('.keys button')]"
            ".filter(one => one.scrollWidth > one.clientWidth)"
            ".map(one => one.innerText)"
        )
        return cut

    async def side_by_side(self, pictures: Sequence[Path], target: Path) -> None:
        """Save pictures as one, next to each other."""
        sources = [await asyncio.to_thread(_as_url, each) for each in pictures]
        page = await self.page.context.browser.new_page(  # type: ignore[union-attr]
            viewport={"width": 390 * len(sources), "height": 844}
        )
        images = "".join(f'<img width="390" src="{each}">' for each in sources)
        await page.set_content(f'<body style="margin:0;display:flex">{images}</body>')
        await page.screenshot(path=target)
        await page.close()

    async def picture(self, name: str) -> Path:
        """Save what the phone shows now; return the file."""
        self._count += 1
        path = self._shots / f"{self._count:02}-{name}.png"
        await self.page.screenshot(path=path, animations="disabled")
        return path


def _as_url(picture: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(picture.read_bytes()).decode()}"


@asynccontextmanager
async def open_phone(
    shots: Path, *, width: int = 390, height: int = 844
) -> AsyncIterator[Phone]:
    """Start the browser; its console must stay free of errors."""
    assert CHROMIUM is not None, "chromium is not installed"
    expect.set_options(timeout=PATIENCE_MS)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=list(FLAGS)
        )
        context = await browser.new_context(
            viewport={"width": width, "height": height},
            device_scale_factor=2,
            has_touch=True,
            is_mobile=True,
        )
        context.set_default_timeout(PATIENCE_MS)
        page = await context.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on(
            "console",
            lambda line: errors.append(line.text) if line.type == "error" else None,
        )
        yield Phone(page, shots)
        await browser.close()
    assert errors == []
