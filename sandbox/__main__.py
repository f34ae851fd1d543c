"""Start the pretend world, and with `--with` a bot in it.

Exit status: 0 stopped by a person, 1 the program ended by itself, 2 cannot start.
"""

from __future__ import annotations

import argparse
import asyncio
import errno
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import aiohttp

from sandbox.app import SandboxServer
from sandbox.child import child_environment, last_lines, start_child, stop_child

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Sequence

DEFAULT_PORT: Final = "8088"
HIGHEST_PORT: Final = 65_535
CANNOT_START: Final = 2
ENDED_BY_ITSELF: Final = 1


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asked for."""

    port: int
    state: Path
    seed: int
    extra_tokens: int
    command: Sequence[str]
    live: bool = False
    """Whether the program trades on the pretend accounts rather than on paper."""

    @property
    def log(self) -> Path:
        """Return the file that holds what the program prints."""
        return self.state / "bot.log"


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > HIGHEST_PORT:
        message = f"{text!r} is not a port (0 to {HIGHEST_PORT})"
        raise argparse.ArgumentTypeError(message)
    return int(text)


def read_options(words: Sequence[str]) -> Options:
    """Read the command line; a mistake ends the program with status 2."""
    parser = argparse.ArgumentParser("python -m sandbox", description=__doc__)
    port = os.environ.get("CARRY_DEMO_PORT") or DEFAULT_PORT
    parser.add_argument("--port", type=_port, default=port)
    parser.add_argument("--state", type=Path, default=Path("demo-data"))
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument(
        "--extra-tokens",
        type=int,
        default=0,
        metavar="N",
        help="made-up tokens on all four venues, for measuring",
    )
    parser.add_argument(
        "--live",
        action="store_true",
        help="give the program the accounts' keys and CARRY_MODE=live",
    )
    parser.add_argument(
        "--with",
        dest="command",
        nargs=argparse.REMAINDER,
        default=[],
        help="program and arguments to start with CARRY_ variables that point here",
    )
    given = parser.parse_args(words)
    return Options(
        given.port,
        given.state,
        given.seed,
        given.extra_tokens,
        given.command,
        given.live,
    )


async def serve(options: Options, log: int) -> int:
    """Serve until a person or the program ends it; return the exit status."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    box = SandboxServer(
        port=options.port,
        seed=options.seed,
        extra_tokens=options.extra_tokens,
        state_dir=options.state,
    )
    # A person may jump through pretend time, and the bot's own clock stays behind.
    box.accounts.set_clocks("either")
    try:
        async with box:
            if not options.command:
                _say(f"carrybot sandbox ready: {box.url}/")
                await stop.wait()
                return 0
            return await _serve_with(box, options, log, stop)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        _complain(
            f"Port {options.port} is taken: stop what uses it, or choose another "
            "with --port or CARRY_DEMO_PORT."
        )
        return CANNOT_START


async def _serve_with(
    box: SandboxServer, options: Options, log: int, stop: asyncio.Event
) -> int:
    environment = child_environment(
        os.environ,
        url=box.url,
        token=box.token,
        data_dir=options.state / "bot",
        live=options.live,
    )
    try:
        child = await start_child(options.command, environment, log)
    except OSError as error:
        _complain(f"Cannot start {options.command[0]}: {error.strerror}.")
        return CANNOT_START
    try:
        await _until_end(box, child, stop)
    finally:
        ended = child.returncode
        await stop_child(child)
    if ended is None:
        return 0
    shown = await asyncio.to_thread(last_lines, options.log)
    _complain(
        f"{Path(options.command[0]).name} ended by itself with status {ended}. "
        f"Its last lines, from {options.log}:\n{shown}"
    )
    return ENDED_BY_ITSELF


async def _until_end(box: SandboxServer, child: Process, stop: asyncio.Event) -> None:
    """Announce that all is ready, then wait for a person or the program's end."""
    async with asyncio.TaskGroup() as group:
        announced = group.create_task(_announce(box))
        ends = {group.create_task(child.wait()), group.create_task(stop.wait())}
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for task in (announced, *ends):
            task.cancel()


async def _announce(box: SandboxServer) -> None:
    """Say so once the page answers and the bot has listed its commands and polled."""
    async with (
        aiohttp.ClientSession(trust_env=False) as session,
        session.get(f"{box.url}/") as page,
    ):
        page.raise_for_status()
    await box.telegram.ready.wait()
    _say(f"carrybot demo ready: {box.url}/")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _complain(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def main(words: Sequence[str] | None = None) -> int:
    """Run from the command line and return the exit status."""
    options = read_options(sys.argv[1:] if words is None else words)
    options.state.mkdir(parents=True, exist_ok=True)
    with options.log.open("ab") as log:
        try:
            return asyncio.run(serve(options, log.fileno()))
        except KeyboardInterrupt:
            return 0  # Ctrl-C came before we listened for it


if __name__ == "__main__":
    sys.exit(main())
