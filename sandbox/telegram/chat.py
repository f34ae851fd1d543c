"""The chat page: its files, what happens in its chats as a stream, and its two actions.

The stream is server-sent events: `hello` (the whole chat of one user), then `message`
(a new, edited or deleted one), `other` (something new in another user's chat) and
`commands`.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from aiohttp import web

from sandbox.telegram.control import message_json
from sandbox.telegram.profile import commands_seen_by

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.telegram.model import ChatMessage, Json
    from sandbox.telegram.stand_in import TelegramStandIn

_PAGE = Path(__file__).parent / "page"
_FILES = {
    "/": ("index.html", "text/html"),
    "/chat.css": ("chat.css", "text/css"),
    "/chat.js": ("chat.js", "text/javascript"),
    "/format.js": ("format.js", "text/javascript"),
}
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; "
        "connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_SHOWN_USERS = (1001, 1002, 1666)
_SHOWN_MESSAGES = 300
_HEARTBEAT_S = 15.0
_ANSWER_S = 10.5
_MAX_TYPED = 4096

Event = tuple[str, "Json"]


class ChatPage:
    """Serves the page to any number of browsers."""

    def __init__(self, stand_in: TelegramStandIn) -> None:
        self._stand_in = stand_in
        self._memory = stand_in.memory
        self._viewers: dict[asyncio.Queue[Event], int] = {}
        self._menus: dict[int, list[Json]] = {}
        self._files: dict[str, str] = {}
        self._memory.on_message.append(self._publish)
        self._memory.on_change.append(self._publish_commands)

    def routes(self) -> list[web.RouteDef]:
        """Return all routes of the page."""
        return [
            *(web.get(path, self._file) for path in _FILES),
            web.get("/chat/events", self._events),
            web.get("/chat/file/{number}", self._uploaded),
            web.post("/chat/send", self._send),
            web.post("/chat/tap", self._tap),
        ]

    async def load(self) -> None:
        """Read the page's files."""
        for path, (name, _kind) in _FILES.items():
            self._files[path] = await asyncio.to_thread(
                (_PAGE / name).read_text, "utf-8"
            )

    async def _file(self, request: web.Request) -> web.Response:
        _name, kind = _FILES[request.path]
        text = self._files[request.path]
        return web.Response(text=text, content_type=kind, headers=_HEADERS)

    async def _uploaded(self, request: web.Request) -> web.Response:
        """Give a picture or a document that the bot sent."""
        found = self._memory.files.get(request.match_info["number"])
        if found is None:
            raise web.HTTPNotFound(text="that file is gone")
        name, content = found
        if content.startswith(b"\x89PNG"):
            kind, headers = "image/png", _HEADERS
        else:
            kind = "application/octet-stream"
            saved_as = quote(name, safe="")
            disposition = f"attachment; filename*=UTF-8''{saved_as}"
            headers = _HEADERS | {"Content-Disposition": disposition}
        return web.Response(body=content, content_type=kind, headers=headers)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        user_id = _user(request.query)
        response = web.StreamResponse(headers={"Cache-Control": "no-store"})
        response.content_type = "text/event-stream"
        await response.prepare(request)
        queue: asyncio.Queue[Event] = asyncio.Queue()
        self._viewers[queue] = user_id
        queue.put_nowait(("hello", self._hello(user_id)))
        try:
            await self._stream(response, queue)
        except ConnectionError:
            pass  # the browser left
        finally:
            del self._viewers[queue]
        return response

    async def _stream(
        self, response: web.StreamResponse, queue: asyncio.Queue[Event]
    ) -> None:
        pulse = self._memory.pulse
        while not pulse.is_closing:
            await pulse.until(lambda: not queue.empty(), _HEARTBEAT_S)
            if queue.empty():
                await response.write(b": still here\n\n")
            while not queue.empty():
                name, content = queue.get_nowait()
                block = f"event: {name}\ndata: {json.dumps(content)}\n\n"
                await response.write(block.encode())

    def _hello(self, user_id: int) -> Json:
        return {
            "user": user_id,
            "users": [asdict(self._memory.people[one]) for one in _SHOWN_USERS],
            "newest": {one: self._newest(one) for one in _SHOWN_USERS},
            "now_ms": self._memory.clock.now_ms(),
            "is_started": self._memory.chats[user_id].is_started,
            "about": self._memory.descriptions.get("description", ""),
            "commands": commands_seen_by(self._memory, user_id),
            "messages": [
                message_json(one)
                for one in self._stand_in.messages(user_id)[-_SHOWN_MESSAGES:]
            ],
        }

    def _newest(self, user_id: int) -> int:
        """Return the id of the newest message of the bot, 0 if there is none."""
        theirs = [m.id for m in self._stand_in.messages(user_id) if m.is_from_bot]
        return max(theirs, default=0)

    def _publish(self, message: ChatMessage) -> None:
        for queue, user_id in self._viewers.items():
            if user_id == message.chat_id:
                queue.put_nowait(("message", message_json(message)))
            elif message.is_from_bot and message.edited_at is None:
                note = {"user": message.chat_id, "newest": message.id}
                queue.put_nowait(("other", note))

    def _publish_commands(self) -> None:
        menus = {one: commands_seen_by(self._memory, one) for one in _SHOWN_USERS}
        for queue, user_id in self._viewers.items():
            if self._menus.get(user_id) != menus[user_id]:
                queue.put_nowait(("commands", {"commands": menus[user_id]}))
        self._menus = menus

    async def _send(self, request: web.Request) -> web.Response:
        given = await _json(request)
        text = str(given.get("text", "")).strip()
        if not text or len(text) > _MAX_TYPED:
            raise web.HTTPBadRequest(text="a text of 1 to 4096 characters, please")
        reply_to = given.get("reply_to")
        self._stand_in.say(_user(given), text, reply_to=reply_to)
        return web.json_response({"ok": True})

    async def _tap(self, request: web.Request) -> web.Response:
        """Tap a button and wait for the bot's toast."""
        given = await _json(request)
        user_id = _user(given)
        try:
            tap = self._stand_in.tap(
                user_id,
                user_id,
                int(given["message_id"]),
                row=int(given["row"]),
                col=int(given["col"]),
            )
            answer = await tap.answer(_ANSWER_S)
        except LookupError:
            raise web.HTTPNotFound(text="that button is gone") from None
        except TimeoutError:
            return web.json_response({"answered": False})
        return web.json_response({"answered": True, **asdict(answer)})


def _user(given: Mapping[str, Any]) -> int:
    """Return the user a request acts as: one of those the page shows."""
    for user_id in _SHOWN_USERS:
        if str(given.get("user")) == str(user_id):
            return user_id
    raise web.HTTPBadRequest(text="unknown user")


async def _json(request: web.Request) -> Json:
    """Read a JSON body; other kinds are refused, so that no foreign page can post."""
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="JSON only")
    body = await request.json()
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(text="an object, please")
    return body
