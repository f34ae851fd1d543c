"""Notice when the event loop serves nobody."""

from __future__ import annotations

import asyncio
import time
from typing import Self


class StallMeter:
    """Notes the longest time during which the event loop served nobody else."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Start to tick."""
        self._task = asyncio.create_task(self._tick())
        await asyncio.sleep(0.01)
        self.longest = 0.0
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()

    async def _tick(self) -> None:
        step = 0.001
        while True:
            before = time.perf_counter()
            await asyncio.sleep(step)
            late = time.perf_counter() - before - step
            self.longest = max(self.longest, late)
