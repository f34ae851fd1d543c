"""The Bot API over HTTP: `/telegram/bot<TOKEN>/<method>`, with faults and record."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from aiohttp import web

from sandbox.telegram import profile, writing
from sandbox.telegram.model import Call
from sandbox.telegram.params import Params
from sandbox.telegram.refusals import Refused, too_many_requests

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.telegram.faults import Fault
    from sandbox.telegram.memory import Memory
    from sandbox.telegram.model import Json

_TOKEN = re.compile(r"\d+:[A-Za-z0-9_-]+")
_SILENCE_S = 60.0
_SLOW_S = 5.0
_RETRY_AFTER_S = 30
_PIECES = 10

METHODS: dict[str, Callable[[Memory, Params], Any]] = {
    "getme": profile.get_me,
    "setmycommands": profile.set_my_commands,
    "getmycommands": profile.get_my_commands,
    "deletemycommands": profile.delete_my_commands,
    "deletewebhook": profile.delete_webhook,
    "getwebhookinfo": profile.get_webhook_info,
    "setmyname": profile.set_my_name,
    "setmydescription": profile.set_my_description,
    "getmydescription": profile.get_my_description,
    "setmyshortdescription": profile.set_my_short_description,
    "getmyshortdescription": profile.get_my_short_description,
    "sendmessage": writing.send_message,
    "senddocument": writing.send_document,
    "sendphoto": writing.send_photo,
    "editmessagetext": writing.edit_message_text,
    "editmessagereplymarkup": writing.edit_message_reply_markup,
    "deletemessage": writing.delete_message,
    "forwardmessage": writing.forward_message,
    "pinchatmessage": writing.pin_chat_message,
    "answercallbackquery": writing.answer_callback_query,
    "sendchataction": writing.send_chat_action,
    "leavechat": writing.leave_chat,
    "getchat": writing.get_chat,
    "setchatmenubutton": profile.set_chat_menu_button,
}


class BotApi:
    """Answers the calls of one bot."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def routes(self) -> list[web.AbstractRouteDef]:
        """Return the route of all methods."""
        return [web.route("*", "/telegram/bot{token}/{method}", self.handle)]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one call, or spoil it as planned."""
        method = request.match_info["method"]
        params = await _read_params(request)
        fault = self._memory.faults.take(method)
        if fault is not None:
            return await self._spoil(request, method, params, fault)
        status, body = await self._perform(request, method, params)
        return web.json_response(body, status=status)

    async def _perform(
        self,
        request: web.Request,
        method: str,
        params: Params,
        fault: str | None = None,
    ) -> tuple[int, Json]:
        try:
            self._check_token(request.match_info["token"])
            result = await self._call(method, params)
        except Refused as refused:
            if request.transport is not None:  # nobody hears it otherwise
                self._record(method, params, refused.code, refused, fault=fault)
            return refused.code, refused.body()
        self._record(method, params, 200, None, result=result, fault=fault)
        return 200, {"ok": True, "result": result}

    def _check_token(self, token: str) -> None:
        if token == self._memory.token:
            return
        if _TOKEN.fullmatch(token):
            raise Refused(401, "Unauthorized")
        raise Refused(404, "Not Found")

    async def _call(self, method: str, params: Params) -> object:
        name = method.lower()
        if name == "getupdates":
            return await self._get_updates(params)
        if name not in METHODS:
            raise Refused(404, "Not Found: method not found")
        return METHODS[name](self._memory, params)

    async def _get_updates(self, params: Params) -> list[Json]:
        memory = self._memory
        allowed = params.structure("allowed_updates")
        if allowed is not None:
            memory.updates.allowed = list(allowed)
        if memory.has_set_commands:
            memory.ready.set()
        return await memory.updates.poll(
            offset=params.integer("offset") or 0,
            limit=params.integer("limit") or 100,
            timeout_s=min(max(params.number("timeout"), 0.0), 50.0),
        )

    def _record(
        self,
        method: str,
        params: Params,
        status: int,
        refused: Refused | None,
        *,
        result: object = None,
        fault: str | None = None,
    ) -> None:
        call = Call(
            method,
            params.raw,
            status,
            result,
            refused.description if refused else None,
            fault,
            self._memory.clock.now_ms(),
        )
        self._memory.calls.append(call)
        if refused is not None and fault is None:
            self._memory.refusals.append(call)
        self._memory.pulse.ring()

    async def _spoil(
        self, request: web.Request, method: str, params: Params, fault: Fault
    ) -> web.StreamResponse:
        wait = _SILENCE_S if fault.param is None else fault.param
        if fault.kind == "timeout_after":
            await self._perform(request, method, params, fault.kind)
            return await self._hang(request, wait)
        if fault.kind == "slow_body":
            status, body = await self._perform(request, method, params, fault.kind)
            seconds = _SLOW_S if fault.param is None else fault.param
            return await self._drip(request, status, body, seconds)
        refused = _planned_refusal(fault)
        self._record(method, params, refused.code, refused, fault=fault.kind)
        if fault.kind == "timeout_before":
            return await self._hang(request, wait)
        if fault.kind == "reset":
            return _cut(request)
        if fault.kind == "html_502":
            page = "<html><body><h1>502 Bad Gateway</h1></body></html>"
            return web.Response(status=502, text=page, content_type="text/html")
        return web.json_response(refused.body(), status=refused.code)

    async def _hang(self, request: web.Request, seconds: float) -> web.StreamResponse:
        await self._memory.pulse.pause(seconds)
        return _cut(request)

    async def _drip(
        self, request: web.Request, status: int, body: Json, seconds: float
    ) -> web.StreamResponse:
        raw = json.dumps(body).encode()
        response = web.StreamResponse(status=status)
        response.content_type = "application/json"
        response.content_length = len(raw)
        await response.prepare(request)
        step = -(-len(raw) // _PIECES)
        try:
            for start in range(0, len(raw), step):
                await response.write(raw[start : start + step])
                await self._memory.pulse.pause(seconds / _PIECES)
        except ConnectionError:
            pass  # the client lost patience, which is the point
        return response


def _planned_refusal(fault: Fault) -> Refused:
    if fault.kind == "retry_after":
        seconds = _RETRY_AFTER_S if fault.param is None else int(fault.param)
        return too_many_requests(seconds)
    words = {
        "status_500": (500, "Internal Server Error"),
        "409": (409, "Conflict: terminated by other getUpdates request"),
        "401": (401, "Unauthorized"),
        "404": (404, "Not Found"),
        "html_502": (502, "Bad Gateway"),
    }
    return Refused(*words.get(fault.kind, (0, "no answer")))


def _cut(request: web.Request) -> web.Response:
    """Close the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


async def _read_params(request: web.Request) -> Params:
    """Collect parameters; an uploaded file is its name beside its content."""
    found: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        body = await request.text()
        return Params(found | (json.loads(body) if body else {}))
    files: dict[str, bytes] = {}
    for name, value in (await request.post()).items():
        if isinstance(value, web.FileField):
            found[name] = value.filename
            files[name] = value.file.read()
            value.file.close()
        else:
            found[name] = value
    return Params(found, files)
