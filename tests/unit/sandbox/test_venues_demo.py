"""`python -m sandbox` starts a bot in the pretend world and ends cleanly."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sandbox.child import child_environment, stop_child
from tests.unit.sandbox.venue_clients import frozen_box

if TYPE_CHECKING:
    from asyncio.subprocess import Process

ROOT = Path(__file__).parents[3]
READY = re.compile(r"carrybot demo ready: (http://127\.0\.0\.1:\d+/)\n")
# Does what the demo waits for: lists commands, polls once; then writes how it ended.
BOT = """
import json, os, pathlib, sys, time, urllib.request
token = os.environ["CARRY_TELEGRAM_TOKEN"]
base = os.environ["CARRY_TELEGRAM_API_URL"] + "/bot" + token
def call(method, body):
    request = urllib.request.Request(f"{base}/{method}", json.dumps(body).encode(),
                                     {"Content-Type": "application/json"})
    return urllib.request.urlopen(request).read()
try:
    print("started", flush=True)
    call("setMyCommands", {"commands": [{"command": "top", "description": "Best"}]})
    call("getUpdates", {"timeout": 0})
    time.sleep(60)
except KeyboardInterrupt:
    pathlib.Path(sys.argv[1]).write_text("asked to stop")
"""


async def _start(state: Path, *words: str, **environment: str) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "sandbox",
        "--state",
        str(state),
        *words,
        cwd=ROOT,
        env=os.environ | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def _first_line(started: Process) -> str:
    assert started.stdout is not None
    return (await started.stdout.readline()).decode()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_the_demo_says_when_it_is_ready_and_stops_the_bot_first(
    tmp_path: Path, number: signal.Signals
) -> None:
    """Ctrl-C must leave neither a traceback nor a bot behind."""
    ended = tmp_path / "ended"
    started = await _start(
        tmp_path / "state", "--port", "0", "--with", sys.executable, "-c", BOT,
        str(ended),
    )  # fmt: skip
    line = await _first_line(started)
    started.send_signal(number)
    out, err = await started.communicate()

    assert READY.fullmatch(line)
    assert (started.returncode, out, err) == (0, b"", b"")
    assert ended.read_text() == "asked to stop"
    assert (tmp_path / "state" / "bot.log").read_text() == "started\n"


async def test_a_bot_that_dies_is_reported_with_its_last_lines(tmp_path: Path) -> None:
    """A bad setting must be readable without hunting for a log."""
    code = "import sys; print('cannot go on', file=sys.stderr); sys.exit(3)"
    started = await _start(
        tmp_path, "--port", "0", "--with", sys.executable, "-c", code
    )
    out, err = await started.communicate()

    assert (started.returncode, out) == (1, b"")
    assert b"ended by itself with status 3" in err
    assert err.endswith(b"cannot go on\n")


async def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    """The usual cause is a second demo."""
    async with frozen_box() as box:
        port = box.url.rsplit(":", 1)[1]
        started = await _start(tmp_path, "--with", "true", CARRY_DEMO_PORT=port)
        out, err = await started.communicate()

    assert (started.returncode, out) == (2, b"")
    assert err.decode() == (
        f"Port {port} is taken: stop what uses it, or choose another "
        "with --port or CARRY_DEMO_PORT.\n"
    )


async def test_a_program_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    """A typing error after --with."""
    started = await _start(tmp_path, "--port", "0", "--with", "no-such-program")
    _, err = await started.communicate()

    assert started.returncode == 2
    assert err == b"Cannot start no-such-program: No such file or directory.\n"


async def test_a_port_that_is_no_number_is_refused(tmp_path: Path) -> None:
    """CARRY_DEMO_PORT comes from a person."""
    started = await _start(tmp_path, CARRY_DEMO_PORT="eighty")
    _, err = await started.communicate()

    assert started.returncode == 2
    assert b"'eighty' is not a port" in err


async def test_a_bot_that_will_not_stop_is_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ctrl-C must work even when the bot hangs."""
    monkeypatch.setattr("sandbox.child.PATIENCE_S", 0.1)
    deaf = (
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); "
        "print('up', flush=True); input()"
    )
    read_end, write_end = os.pipe()
    hung = await asyncio.create_subprocess_exec(
        sys.executable, "-c", deaf,
        stdin=asyncio.subprocess.PIPE, stdout=write_end,
    )  # fmt: skip
    os.close(write_end)
    await asyncio.to_thread(os.read, read_end, 10)

    await stop_child(hung)

    os.close(read_end)
    assert hung.returncode == -signal.SIGKILL


def test_the_bot_in_the_demo_can_reach_nothing_real() -> None:
    """A person's own token, keys and venue addresses stay out of the demo."""
    inherited = {
        "PATH": "/bin",
        "CARRY_TELEGRAM_TOKEN": "real",
        "CARRY_OWNER_IDS": "77",
        "CARRY_MODE": "live",
        "CARRY_BINANCE_URL": "https://fapi.binance.com",
        "CARRY_BINANCE_API_KEY": "real",
        "CARRY_DATA_DIR": "/home/me/bot",
        "CARRY_DEMO_PORT": "8088",
        "CARRY_ENV_FILE": ".env",
    }

    given = child_environment(
        inherited,
        url="http://127.0.0.1:1",
        token="pretend",  # noqa: S106 - no secret
        data_dir=Path("demo/bot"),
    )

    assert given == {
        "PATH": "/bin",
        "CARRY_TELEGRAM_TOKEN": "pretend",
        "CARRY_TELEGRAM_API_URL": "http://127.0.0.1:1/telegram",
        "CARRY_OWNER_IDS": "1001",
        "CARRY_VIEWER_IDS": "1002",
        "CARRY_MODE": "paper",
        "CARRY_BINANCE_URL": "http://127.0.0.1:1/venue/binance",
        "CARRY_EXTENDED_URL": "http://127.0.0.1:1/venue/extended",
        "CARRY_HYPERLIQUID_URL": "http://127.0.0.1:1/venue/hyperliquid",
        "CARRY_LIGHTER_URL": "http://127.0.0.1:1/venue/lighter",
        "CARRY_DATA_DIR": "demo/bot",
        "CARRY_ENV_FILE": "",
        "CARRY_SCAN_INTERVAL_S": "15",
    }


def test_the_callers_own_thresholds_are_kept() -> None:
    """A demo with another size or pace needs no other tool."""
    chosen = {
        "CARRY_SCAN_INTERVAL_S": "5",
        "CARRY_POSITION_SIZE_USD": "900",
        "CARRY_MIN_SPREAD_HOURLY": "0.00001",
        "CARRY_ALLOW_UNKNOWN_VOLUME": "false",
        "CARRY_TOKENS": "KAITO,APT",
    }

    given = child_environment(chosen, url="x", token="y", data_dir=Path("z"))  # noqa: S106 - pretend

    assert chosen.items() <= given.items()
