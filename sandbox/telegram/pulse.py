"""Tells whoever waits that something changed; waits end at once when we shut down."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Pulse:
    """A change signal that any number of coroutines can await."""

    def __init__(self) -> None:
        self._next = asyncio.Event()
        self.is_closing = False

    def ring(self) -> None:
        """Wake everyone who waits."""
        self._next.set()
        self._next = asyncio.Event()

    def close(self) -> None:
        """End all waits, now and later."""
        self.is_closing = True
        self.ring()

    async def until(self, read: Callable[[], T], timeout_s: float) -> T:
        """Return the first true value of `read`, or its last value when time is up."""
        value = read()
        try:
            async with asyncio.timeout(timeout_s):
                while not value and not self.is_closing:
                    await self._next.wait()
                    value = read()
        except TimeoutError:
            pass
        return value

    async def pause(self, seconds: float) -> None:
        """Wait in real seconds; shutting down ends it early."""
        await self.until(lambda: self.is_closing, seconds)
