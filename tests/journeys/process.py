"""Start the product's own programs as a person does, and end them in every way."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator

ROOT = Path(__file__).parents[2]
CARRYBOT = Path(sys.executable).with_name("carrybot")
START_S = 60
"""A first start on a busy machine."""


@dataclass(frozen=True, slots=True)
class Demo:
    """A running demo."""

    process: Process
    ready_line: str
    state: Path

    @property
    def url(self) -> str:
        """Return the address of the page, with a slash at its end."""
        return self.ready_line.removeprefix("carrybot demo ready: ").rstrip("\n")

    @property
    def log(self) -> str:
        """Return what the bot wrote."""
        return (self.state / "bot.log").read_text(encoding="utf-8")

    async def scanned(self) -> None:
        """Wait for the first ranking, which comes a moment after the page."""
        async with asyncio.timeout(START_S):
            while "profitable opportunities" not in self.log:  # noqa: ASYNC110 - a file
                await asyncio.sleep(0.05)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a program ended and what it said."""

    status: int | None
    out: str
    err: str
    left: tuple[int, ...]
    """Processes it started that still live."""


def plain_environment() -> dict[str, str]:
    """Return our environment without settings of a bot and traces of make."""
    foreign = ("CARRY_", "MAKE", "MFLAGS", "COVERAGE_", "COV_")
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(foreign)
    }
    return kept | {"PYTHONUNBUFFERED": "1"}


async def start_demo(state: Path, port: int = 0) -> Demo:
    """Start sandbox and bot as `make demo` does; return when the page is ready."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sandbox",
        "--state", str(state), "--live", "--with", str(CARRYBOT), "run",
        cwd=state.parent,
        env=plain_environment() | {"CARRY_DEMO_PORT": str(port)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    async with asyncio.timeout(START_S):
        line = (await process.stdout.readline()).decode()
    if not line:
        _, err = await process.communicate()
        raise AssertionError(err.decode())
    return Demo(process, line, state)


async def stop(process: Process) -> Ending:
    """Press Ctrl-C and wait until all is over."""
    started = children(process.pid)
    if process.returncode is None:
        process.send_signal(signal.SIGINT)
    async with asyncio.timeout(START_S):
        out, err = await process.communicate()
    left = tuple(pid for pid in started if is_alive(pid))
    return Ending(process.returncode, out.decode(), err.decode(), left)


@asynccontextmanager
async def running_demo(state: Path) -> AsyncIterator[Demo]:
    """Run the demo; end it even when the test fails."""
    demo = await start_demo(state)
    try:
        yield demo
    finally:
        if demo.process.returncode is None:
            await stop(demo.process)


def children(pid: int) -> tuple[int, ...]:
    """Return the processes that this one started, theirs included."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except FileNotFoundError:
        return ()
    own = tuple(int(each) for each in text.split())
    return own + tuple(deep for each in own for deep in children(each))


def is_alive(pid: int) -> bool:
    """Tell whether a process still runs; one that only waits to be reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    return state.rpartition(")")[2].split()[0] not in {"Z", "X"}
