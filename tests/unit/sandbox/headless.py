"""A headless Chromium, driven over its own debugging protocol on loopback.

Nothing here sleeps: the browser tells where it listens, and waiting for something on a
page happens inside the page.
"""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

CHROMIUM = shutil.which("chromium")
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)
_ADDRESS = b"DevTools listening on "
_WAITING = """new Promise((done, fail) => {
  const started = performance.now();
  const look = () => {
    const value = (() => (%s))();
    if (value) done(value);
    else if (performance.now() - started > %d) fail(new Error(document.body.innerText));
    else setTimeout(look, 20);
  };
  look();
})"""


class Tab:
    """One page; selectors are CSS."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._session: str | None = None
        self._sent = 0
        self.errors: list[str] = []

    async def open(self, url: str, *, width: int = 390, height: int = 844) -> None:
        """Show a page in a window of this size and wait for its first message list."""
        created = await self._call("Target.createTarget", url="about:blank")
        attached = await self._call(
            "Target.attachToTarget", targetId=created["targetId"], flatten=True
        )
        self._session = attached["sessionId"]
        await self._call("Runtime.enable")
        await self._call("Log.enable")
        await self._call("Page.enable")
        await self.resize(width, height)
        await self._call("Page.navigate", url=url)
        await self.wait("document.querySelector('#messages')?.dataset.user")

    async def resize(self, width: int, height: int) -> None:
        """Change the size of the window, in CSS pixels."""
        await self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2,
            mobile=True,
        )

    async def read(self, expression: str) -> Any:  # noqa: ANN401 - any JSON
        """Return the value of a JavaScript expression; a promise is awaited."""
        answer = await self._call(
            "Runtime.evaluate",
            expression=expression,
            returnByValue=True,
            awaitPromise=True,
        )
        if "exceptionDetails" in answer:
            raise AssertionError(json.dumps(answer["exceptionDetails"])[:2000])
        return answer["result"].get("value")

    async def wait(self, expression: str, timeout_s: float = 8) -> Any:  # noqa: ANN401 - any JSON
        """Wait in the page until an expression is true, and return it."""
        return await self.read(_WAITING % (expression, timeout_s * 1000))

    async def click(self, selector: str) -> None:
        """Click the last element that fits, as soon as it is there."""
        found = f"[...document.querySelectorAll({json.dumps(selector)})].at(-1)"
        await self.wait(f"{found} && ({found}.click(), true)")

    async def tap(self, label: str) -> None:
        """Tap the newest chat button that says this."""
        await self.click(f"[data-button={json.dumps(label, ensure_ascii=False)}]")

    async def type(self, text: str) -> None:
        """Write a message and send it."""
        await self.wait("!document.querySelector('#composer').hidden")
        await self.read("document.querySelector('#text').focus()")
        await self._call("Input.insertText", text=text)
        await self.click("#send")

    async def screenshot(self, path: Path) -> None:
        """Save what the window shows as PNG."""
        shot = await self._call("Page.captureScreenshot", format="png")
        await asyncio.to_thread(path.write_bytes, base64.b64decode(shot["data"]))

    async def _call(self, method: str, **params: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        self._sent += 1
        message: dict[str, Any] = {"id": self._sent, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        await self._socket.send_json(message)
        while True:
            answer = await self._socket.receive_json()
            if answer.get("id") == self._sent:
                if "error" in answer:
                    raise AssertionError(json.dumps(answer["error"]))
                result: dict[str, Any] = answer["result"]
                return result
            self._note(answer)

    def _note(self, event: dict[str, Any]) -> None:
        """Keep uncaught exceptions and error lines of the console."""
        params = event.get("params", {})
        is_error = params.get("entry", {}).get("level") == "error"
        if event.get("method") == "Runtime.exceptionThrown" or is_error:
            self.errors.append(json.dumps(params)[:500])


@asynccontextmanager
async def open_tab(profile: Path) -> AsyncIterator[Tab]:
    """Start a browser with an empty profile; end it with everything it started."""
    assert CHROMIUM is not None, "chromium is not installed"
    process = await asyncio.create_subprocess_exec(
        CHROMIUM,
        *_FLAGS,
        f"--user-data-dir={profile}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        address = await _address(process)
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(address, max_msg_size=0) as socket,
        ):
            tab = Tab(socket)
            yield tab
            await socket.send_json({"id": 0, "method": "Browser.close"})
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    async with asyncio.timeout(15):
        while line := await process.stderr.readline():
            if line.startswith(_ADDRESS):
                return line.removeprefix(_ADDRESS).decode().strip()
    words = "chromium ended before it listened"
    raise AssertionError(words)
