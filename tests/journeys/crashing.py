"""`carrybot run` in a process that dies at a chosen moment, as if the power went out.

The product is the real one, its clock apart: that is the machine's plus what the test
let pass. Every write that matters to a trade is noted in a file, before and after its
commit, and at the chosen moment the process kills itself with SIGKILL: beside a write,
inside its transaction, during its commit, or with an order's request half on the wire.
"""

from __future__ import annotations

import asyncio
import functools
import mmap
import os
import signal
import struct
import sys
import threading
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import bot.wiring
import storage.database
from bot import cli
from core.runtime import SystemClock

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

BEFORE, AFTER = "before", "after"
INSIDE = "inside"
"""All statements of the write's transaction are run, its commit is not begun."""
DURING = "during"
"""The commit has begun; see `Moment.delay_us`."""
HALF = "half"
"""Half of an order's request is written to the socket."""
SENT = "sent"
"""The last byte of an order's request is written to the socket."""
_SLICE_S = 0.2
_OFFSET = struct.Struct("<q")
_CHECKPOINT_EACH_COMMIT = "wal_autocheckpoint = 1"


@dataclass(frozen=True, slots=True)
class Moment:
    """A write, or none: the process lives."""

    write: str
    """What is written, as the trace names it."""
    side: str
    """Where around its commit, or around the wire."""
    count: int = 1
    """Which of several writes of that name."""
    since: str = ""
    """Only counts once this other write was made."""
    delay_us: int = 0
    """Microseconds from the beginning of the commit."""

    def __str__(self) -> str:
        number = f" #{self.count}" if self.count > 1 else ""
        since = f" since {self.since}" if self.since else ""
        delay = f" +{self.delay_us} us" if self.side == DURING else ""
        return f"{self.side} {self.write}{number}{since}{delay}"


class SharedTime:
    """Milliseconds that several processes add to the machine's clock."""

    def __init__(self, path: Path) -> None:
        """Map the file, creating it."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
        os.ftruncate(descriptor, _OFFSET.size)
        self._memory = mmap.mmap(descriptor, _OFFSET.size)
        os.close(descriptor)

    @property
    def offset(self) -> timedelta:
        """Return what was added so far."""
        return timedelta(milliseconds=_OFFSET.unpack(self._memory[:])[0])

    def add(self, duration: timedelta) -> None:
        """Let time pass at once."""
        total = self.offset + duration
        self._memory[:] = _OFFSET.pack(total // timedelta(milliseconds=1))


class ShiftedClock(SystemClock):
    """The machine's clock plus the shared time."""

    def __init__(self, shared: SharedTime) -> None:
        self._shared = shared

    def now(self) -> datetime:
        """Return the moment, aware UTC."""
        return super().now() + self._shared.offset

    def monotonic(self) -> float:
        """Return seconds that count what passed for everybody."""
        return super().monotonic() + self._shared.offset.total_seconds()

    async def sleep(self, duration: timedelta) -> None:
        """Wait; time that is let pass meanwhile counts."""
        until = self.monotonic() + duration.total_seconds()
        while (left := until - self.monotonic()) > 0:  # noqa: ASYNC110 - another process
            await asyncio.sleep(min(left, _SLICE_S))


@dataclass(frozen=True, slots=True)
class Orders:
    """What a process is told at its start."""

    environment: Mapping[str, str]
    folder: Path
    moment: Moment | None = None
    hold_every: timedelta | None = None
    """How often funding and positions are looked at; None as in the product."""
    checkpoints: bool = False
    """Every commit folds the write-ahead log into the file."""
    words: tuple[str, ...] = ("run",)
    """What `carrybot` is told to do."""

    @property
    def trace(self) -> Path:
        """Return the file of all writes."""
        return self.folder / "writes.txt"

    @property
    def log(self) -> Path:
        """Return the file of what the bot prints."""
        return self.folder / "bot.log"

    @property
    def time(self) -> Path:
        """Return the file of the shared time."""
        return self.folder / "time"


def run(orders: Orders) -> None:
    """Be the program until it is done, somebody ends it or the moment comes."""
    os.environ.clear()
    os.environ.update(orders.environment)
    log = os.open(orders.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, sys.stdout.fileno())
    os.dup2(log, sys.stderr.fileno())
    clock = ShiftedClock(SharedTime(orders.time))
    ready = functools.partial(bot.wiring.running, clock=clock)
    cli.running = ready  # type: ignore[attr-defined]
    if orders.hold_every is not None:
        bot.wiring.HOLD_EVERY = orders.hold_every
    if orders.checkpoints:
        storage.database._PRAGMAS += (_CHECKPOINT_EACH_COMMIT,)  # type: ignore[assignment]
    from tests.journeys.watching import watch  # noqa: PLC0415 - both need `Moment`

    watch(Fate(orders), is_live=orders.environment["CARRY_MODE"] == "live")
    sys.exit(cli.main(list(orders.words)))


class Fate:
    """Notes each write and ends the process at one of them."""

    def __init__(self, orders: Orders) -> None:
        self._moment = orders.moment
        self._is_due = orders.moment is not None and not orders.moment.since
        self._seen = 0
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self._trace = os.open(orders.trace, flags)

    def note(self, write: str, side: str) -> None:
        """Note one side of a write, and die if it is the one."""
        os.write(self._trace, f"{side} {write}\n".encode())
        if self.is_the_one(write, side):
            die()
        moment = self._moment
        if moment is not None and (side, write) == (AFTER, moment.since):
            self._is_due = True

    def is_the_one(self, write: str, side: str) -> bool:
        """Tell whether this is where the process ends; each call counts."""
        moment = self._moment
        if moment is None or not self._is_due:
            return False
        if (moment.write, moment.side) != (write, side):
            return False
        self._seen += 1
        return self._seen == moment.count

    def die_soon(self) -> None:
        """Die so long after now as the moment says, whatever happens meanwhile."""
        delay_s = 0 if self._moment is None else self._moment.delay_us / 1e6
        begun = time.perf_counter()

        def wait() -> None:
            while time.perf_counter() < begun + delay_s:
                pass
            die()

        threading.Thread(target=wait, daemon=True).start()


def die() -> None:
    """End this process like a power cut."""
    os.kill(os.getpid(), signal.SIGKILL)
