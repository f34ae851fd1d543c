"""Pretend time: it follows the real clock, stops, jumps and runs fast on command."""

from __future__ import annotations

import asyncio
import time


class SandboxClock:
    """One clock for every pretend venue and the pretend Telegram.

    Milliseconds since 1970 UTC. Unless told otherwise it shows real time.
    """

    def __init__(self, *, fixed_ms: int | None = None) -> None:
        self._anchor_real = time.monotonic()
        self._anchor_ms = int(time.time() * 1000) if fixed_ms is None else fixed_ms
        self._speed = 1.0 if fixed_ms is None else 0.0

    def now_ms(self) -> int:
        """Return the pretend moment."""
        elapsed = (time.monotonic() - self._anchor_real) * self._speed
        return self._anchor_ms + int(elapsed * 1000)

    def set_ms(self, moment_ms: int) -> None:
        """Jump to a moment; the speed stays as it is."""
        self._anchor_ms = moment_ms
        self._anchor_real = time.monotonic()

    def run(self, speed: float) -> None:
        """Run at this multiple of real time from now on; 0 stops."""
        self.set_ms(self.now_ms())
        self._speed = speed

    @property
    def speed(self) -> float:
        """Return how many pretend seconds pass in a real one."""
        return self._speed

    @staticmethod
    def real_ms() -> int:
        """Return real milliseconds, for time stamps that pretend time must not bend."""
        return int(time.time() * 1000)

    @staticmethod
    def monotonic() -> float:
        """Return real seconds, for limits and waits that pretend time must not bend."""
        return time.monotonic()

    @staticmethod
    async def sleep(seconds: float) -> None:
        """Wait in real seconds (latency, slow bodies, long polls)."""
        await asyncio.sleep(seconds)
