"""`make demo` from the outside: one line, one page, Ctrl-C, and all of it again."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from sandbox.app import SandboxServer
from tests.journeys.process import (
    ROOT,
    START_S,
    children,
    is_alive,
    plain_environment,
    running_demo,
    start_demo,
    stop,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = [pytest.mark.journey, pytest.mark.timeout(120)]
ANNA = 1001
READY = re.compile(r"carrybot demo ready: http://127\.0\.0\.1:\d+/\n")
TOO_FAST = "One moment, tap again"
CONTROL = "__control/telegram"
LOCKS = ("requirements.lock", "requirements-signer.lock")


class Chat:
    """Anna's chat through the control plane, as another process sees it."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def say(self, text: str) -> None:
        """Write to the bot."""
        await self._post("say", {"user_id": ANNA, "text": text})

    async def sees(self, words: str) -> dict[str, Any]:
        """Wait for a message of the bot that holds these words."""
        where = {"chat_id": f"{ANNA}", "contains": words, "timeout_s": "20"}
        async with self._session.get(f"{CONTROL}/wait", params=where) as response:
            assert response.status == 200, f"no message with {words!r}"
            found: dict[str, Any] = await response.json()
        return found

    async def tap(self, message: dict[str, Any], label: str) -> str:
        """Tap the button that begins so; return the toast.

        Who taps faster than a person is asked to tap again.
        """
        place = {
            (row, col): button["label"]
            for row, line in enumerate(message["rows"])
            for col, button in enumerate(line)
            if button["label"].startswith(label)
        }
        row, col = next(iter(place))
        tap = {"user_id": ANNA, "chat_id": ANNA, "message_id": message["id"]}
        toast = TOO_FAST
        while toast == TOO_FAST:
            answer = await self._post("tap", {**tap, "row": row, "col": col})
            toast = str((answer["answer"] or {}).get("text"))
        return toast

    async def texts(self) -> list[str]:
        """Return all messages of the chat."""
        where = {"chat_id": f"{ANNA}"}
        async with self._session.get(f"{CONTROL}/messages", params=where) as response:
            return [one["text"] for one in await response.json()]

    async def _post(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        async with self._session.post(f"{CONTROL}/{name}", json=body) as response:
            answer: dict[str, Any] = await response.json()
            assert response.status == 200, answer
            return answer


@asynccontextmanager
async def chat_at(url: str) -> AsyncIterator[Chat]:
    """Open a session to a demo."""
    async with aiohttp.ClientSession(url) as session:
        yield Chat(session)


@pytest.mark.campaign
async def test_a_demo_ends_cleanly_and_a_second_start_finds_its_state(
    tmp_path: Path,
) -> None:
    """An open pair and the chat survive Ctrl-C, and the old card still closes it."""
    state = tmp_path / "demo"
    first = await start_demo(state)
    assert READY.fullmatch(first.ready_line)
    await first.scanned()
    async with chat_at(first.url) as chat:
        await chat.say("/open KAITO")
        plan = await chat.sees("Open KAITO?")
        assert await chat.tap(plan, "✅ Open") == "Opening…"
        await chat.sees("KAITO open, both legs filled")
        before = await chat.texts()
    ended = await stop(first.process)
    assert (ended.status, ended.out, ended.err, ended.left) == (0, "", "", ())

    async with running_demo(state) as second, chat_at(second.url) as chat:
        assert (await chat.texts())[: len(before)] == before
        await chat.sees("I restarted. Pairs: 1 fine")
        old = await chat.sees("KAITO open, both legs filled")
        await chat.tap(old, "Position")
        await chat.sees("after fees so far")
        await chat.say("/close KAITO")
        plan = await chat.sees("Close KAITO?")
        assert await chat.tap(plan, "❗ Close both") == "Closing…"
        await chat.sees("KAITO closed:")
        log = second.log

    assert "Traceback" not in log


async def test_make_demo_says_one_line_and_ctrl_c_stops_all_of_it(
    tmp_path: Path,
) -> None:
    """The command of the first minute, in a folder of its own."""
    for name in ("Makefile", "pyproject.toml", *LOCKS):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    ready = [f"--assume-old={name}" for name in (".venv/ready", *LOCKS)]
    make = await asyncio.create_subprocess_exec(
        "make", *ready, "--assume-old=pyproject.toml", "demo",
        cwd=tmp_path,
        env=plain_environment() | {"CARRY_DEMO_PORT": "0", "MAKEFLAGS": ""},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip
    assert make.stdout is not None
    try:
        async with asyncio.timeout(START_S):
            line = (await make.stdout.readline()).decode()
        url = line.removeprefix("carrybot demo ready: ").strip()
        async with aiohttp.ClientSession() as session, session.get(url) as page:
            title = await page.text()
        started = children(make.pid)
    finally:
        os.killpg(make.pid, signal.SIGINT)
        async with asyncio.timeout(START_S):
            out, err = await make.communicate()

    assert READY.fullmatch(line)
    assert "carrybot" in title
    assert len(started) >= 2
    assert [pid for pid in started if is_alive(pid)] == []
    assert out == b""
    assert b"Traceback" not in err
    assert (tmp_path / "demo-data").is_dir()


async def test_a_taken_port_is_one_sentence_and_starts_no_bot(tmp_path: Path) -> None:
    """The usual cause is a demo that still runs."""
    state = tmp_path / "demo"
    async with SandboxServer() as box:
        port = int(box.url.rsplit(":", 1)[1])
        with pytest.raises(AssertionError, match=f"Port {port} is taken: stop what"):
            await start_demo(state, port)

    assert (state / "bot.log").read_text(encoding="utf-8") == ""
