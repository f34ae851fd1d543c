"""The program that runs against the pretend world: its environment, start and end."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Final

from sandbox.venues.keys import live_environment
from sandbox.venues.listings import VENUES

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Mapping, Sequence
    from pathlib import Path

PATIENCE_S: Final = 10
LAST_LINES: Final = 15
_LAST_BYTES: Final = 8192
_PREFIX: Final = "CARRY_"
# Anything else with our prefix could lead the demo to a person's real bot.
_KEPT: Final = frozenset({
    "CARRY_LEVERAGE", "CARRY_POSITION_SIZE_USD", "CARRY_QUOTE_TTL_S",
    "CARRY_RATE_DISPLAY",
    "CARRY_SCAN_INTERVAL_S", "CARRY_TOKENS", "CARRY_VENUES",
})  # fmt: skip
_KEPT_PREFIXES: Final = ("CARRY_ALERT_", "CARRY_ALLOW_", "CARRY_LOG_", "CARRY_MAX_",
                         "CARRY_MIN_", "CARRY_PAPER_")  # fmt: skip


def child_environment(
    inherited: Mapping[str, str],
    *,
    url: str,
    token: str,
    data_dir: Path,
    live: bool = False,
) -> dict[str, str]:
    """Return the environment that points a bot here and nowhere else.

    The caller's own thresholds, size and scan interval are kept.

    Args:
        inherited: what the caller's own environment holds.
        url: where the sandbox is.
        token: what opens its Telegram.
        data_dir: where the bot keeps its files.
        live: whether the bot trades on the sandbox's accounts, with their keys, rather
            than on paper.
    """
    kept = {
        name: value
        for name, value in inherited.items()
        if not name.startswith(_PREFIX)
        or name in _KEPT
        or name.startswith(_KEPT_PREFIXES)
    }
    here = {f"CARRY_{venue.upper()}_URL": f"{url}/venue/{venue}" for venue in VENUES}
    return (
        {"CARRY_SCAN_INTERVAL_S": "15"}
        | kept
        | here
        | {
            "CARRY_TELEGRAM_TOKEN": token,
            "CARRY_TELEGRAM_API_URL": f"{url}/telegram",
            "CARRY_OWNER_IDS": "1001",
            "CARRY_VIEWER_IDS": "1002",
            "CARRY_MODE": "live" if live else "paper",
            "CARRY_DATA_DIR": str(data_dir),
            "CARRY_ENV_FILE": "",
        }
        | (live_environment() if live else {})
    )


async def start_child(
    command: Sequence[str], environment: Mapping[str, str], log: int
) -> Process:
    """Start a program that writes to a log and hears no Ctrl-C but ours.

    Raises:
        OSError: there is no such program, or it may not run.
    """
    return await asyncio.create_subprocess_exec(
        *command,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )


async def stop_child(child: Process) -> None:
    """Ask it to end, and end it if it does not within ten seconds."""
    if child.returncode is not None:
        return
    child.send_signal(signal.SIGINT)
    try:
        async with asyncio.timeout(PATIENCE_S):
            await child.wait()
    except TimeoutError:
        child.kill()
        await child.wait()


def last_lines(log: Path) -> str:
    """Return the end of a log, for a person to read."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _LAST_BYTES))
        text = file.read().decode(errors="replace")
    return "\n".join(text.splitlines()[-LAST_LINES:])
