"""`carrybot run` in a process that dies at a chosen write, as if the power went out.

The product is the real one, its clock apart: that is the machine's plus what the test
let pass. Every write that matters to a trade is noted in a file, before and after its
commit, and at the chosen one the process kills itself with SIGKILL.
"""

from __future__ import annotations

import functools
import mmap
import os
import signal
import struct
import sys
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bot import cli
from bot.wiring import running
from core.model.intent import IntentState
from core.runtime import SystemClock
from storage.journal import Journal
from storage.outbox import SqliteOutbox
from storage.paper_ledger import SqlitePaperLedger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from core.model.commit import Claim, Commit

BEFORE, AFTER = "before", "after"
_OFFSET = struct.Struct("<q")


@dataclass(frozen=True, slots=True)
class Moment:
    """A write, or none: the process lives."""

    write: str
    """What is written, as the trace names it."""
    side: str
    """Before or after its commit."""
    count: int = 1
    """Which of several writes of that name."""

    def __str__(self) -> str:
        number = f" #{self.count}" if self.count > 1 else ""
        return f"{self.side} {self.write}{number}"


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


@dataclass(frozen=True, slots=True)
class Orders:
    """What a process is told at its start."""

    environment: Mapping[str, str]
    folder: Path
    moment: Moment | None = None

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
    """Be the bot until somebody ends it or the moment comes."""
    os.environ.clear()
    os.environ.update(orders.environment)
    log = os.open(orders.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, sys.stdout.fileno())
    os.dup2(log, sys.stderr.fileno())
    clock = ShiftedClock(SharedTime(orders.time))
    cli.running = functools.partial(running, clock=clock)  # type: ignore[attr-defined]
    _watch(_Fate(orders))
    sys.exit(cli.main(["run"]))


class _Fate:
    """Notes each write and ends the process at one of them."""

    def __init__(self, orders: Orders) -> None:
        self._moment = orders.moment
        self._seen = 0
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self._trace = os.open(orders.trace, flags)

    def note(self, write: str, side: str) -> None:
        """Note one side of a write, and die if it is the one."""
        os.write(self._trace, f"{side} {write}\n".encode())
        moment = self._moment
        if moment is None or (moment.write, moment.side) != (write, side):
            return
        self._seen += 1
        if self._seen == moment.count:
            os.kill(os.getpid(), signal.SIGKILL)


def _watch(fate: _Fate) -> None:
    names: dict[tuple[type, str], Callable[..., str | None]] = {
        (Journal, "draft"): lambda plan: f"{_action(plan.body)} quote",
        (Journal, "issue"): lambda *_: "quote shown",
        (Journal, "claim"): _claim,
        (Journal, "commit"): _commit,
        (Journal, "settle"): lambda intent, *_: f"answer of {_order(intent)}",
        (SqlitePaperLedger, "save_paper"): _books,
        (SqliteOutbox, "sent"): lambda *_: "message told",
    }
    for (kind, method), name in names.items():
        setattr(kind, method, _watched(getattr(kind, method), name, fate))


def _watched(
    write: Callable[..., Awaitable[Any]],
    name: Callable[..., str | None],
    fate: _Fate,
) -> Callable[..., Awaitable[Any]]:
    async def watched(self: object, *given: object) -> object:
        words = name(*given)
        if words is None:
            return await write(self, *given)
        fate.note(words, BEFORE)
        result = await write(self, *given)
        fate.note(words, AFTER)
        return result

    return watched


def _action(body: object) -> str:
    return "open" if type(body).__name__ == "OpenPlan" else "close"


def _claim(claim: Claim) -> str:
    return f"claim, now {claim.trade.state.value}"


def _commit(change: Commit) -> str:
    fresh = [one for one in change.intents if one.state is IntentState.PREPARED]
    more = "".join(f" + {_order(one)}" for one in fresh)
    return f"{change.trade.state.value}{more}"


def _order(intent: Any) -> str:  # noqa: ANN401 - an order, whatever its state
    return f"{intent.purpose.value} {intent.leg}"


def _books(venue_id: str, rows: Mapping[str, str | None]) -> str | None:
    """Name an execution at a venue; leverage and funding are no part of a trade."""
    return f"{venue_id} fill" if any(key.startswith("fill:") for key in rows) else None
