"""An event loop whose time jumps: hours of waiting, timeouts included, in no time."""

from __future__ import annotations

import asyncio
import selectors
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from tests.fakes.runtime import START, FakeClock

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from datetime import datetime

T = TypeVar("T")


class StuckError(RuntimeError):
    """Nothing is ready and nothing waits for a moment: it would hang for ever."""


class _Jump(selectors.DefaultSelector):
    """Returns at once where another would wait, and remembers how long that was."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(
        self, timeout: float | None = None
    ) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            message = "nothing sleeps and nothing is done"
            raise StuckError(message)
        self.now += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop in which `asyncio.sleep` and `asyncio.timeout` take no time."""

    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)

    def time(self) -> float:
        """Return virtual seconds since the loop was made."""
        return self._jump.now

    def stall(self, seconds: float) -> None:
        """Let time pass without anything running, as a suspended machine does."""
        self._jump.now += seconds


def run(work: Coroutine[object, object, T]) -> T:
    """Run work to its end in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)


class LoopClock(FakeClock):
    """The virtual loop's time, with a wall that may be moved."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._step = timedelta(0)
        self.was_moved = False

    def now(self) -> datetime:
        """Return the moment on the wall."""
        return START + timedelta(seconds=self.monotonic()) + self._step

    def monotonic(self) -> float:
        """Return seconds that never jump."""
        return self._loop.time()

    async def sleep(self, duration: timedelta) -> None:
        """Wait in virtual time."""
        await asyncio.sleep(max(0.0, duration.total_seconds()))

    def step(self, by: timedelta) -> None:
        """Move the wall clock, as a time server or a person does."""
        self._step += by
        self.was_moved = True
