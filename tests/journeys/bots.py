"""A bot as a process: forked with its modules loaded, or the program as installed."""

from __future__ import annotations

import asyncio
import multiprocessing
from typing import TYPE_CHECKING, Self

from tests.journeys.crashing import run
from tests.journeys.process import CARRYBOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.journeys.crashing import Orders

WORKSHOP = multiprocessing.get_context("forkserver")
WORKSHOP.set_forkserver_preload(["tests.journeys.watching"])


class Forked:
    """A bot in a process whose modules were loaded before: a quick start."""

    def __init__(self, orders: Orders) -> None:
        self._process = WORKSHOP.Process(target=run, args=(orders,))
        self._process.start()

    def status(self) -> int | None:
        """Return how it ended, None while it runs."""
        return self._process.exitcode

    def kill(self) -> None:
        """Send SIGKILL."""
        self._process.kill()

    def terminate(self) -> None:
        """Ask it to end."""
        self._process.terminate()


class Program:
    """`carrybot run` as a person starts it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, environment: dict[str, str], log: Path) -> Self:
        """Start it; what it prints goes to the log."""
        with log.open("ab") as file:
            process = await asyncio.create_subprocess_exec(
                CARRYBOT, "run", env=environment, stdout=file, stderr=file
            )
        return cls(process)

    def status(self) -> int | None:
        """Return how it ended, None while it runs."""
        return self._process.returncode

    def kill(self) -> None:
        """Send SIGKILL."""
        self._process.kill()

    def terminate(self) -> None:
        """Ask it to end."""
        self._process.terminate()
