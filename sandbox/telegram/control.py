"""`/__control/telegram/…`: the in-process handle over HTTP, for another process.

Everything is JSON. A POST names the same arguments as the method of the handle; a
wrong one is answered 400 with a sentence.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aiohttp import web

from sandbox.telegram.profile import commands_seen_by

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from sandbox.telegram.model import Call, ChatMessage, Json
    from sandbox.telegram.stand_in import TelegramStandIn

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_PREFIX = "/__control/telegram"
_NEWEST_CALLS = 200


def routes(stand_in: TelegramStandIn) -> list[web.RouteDef]:
    """Return all control routes."""
    acts = _acts(stand_in)
    reads = _reads(stand_in)
    return [
        *(web.post(f"{_PREFIX}/{name}", _acting(act)) for name, act in acts.items()),
        *(web.get(f"{_PREFIX}/{name}", _acting(read)) for name, read in reads.items()),
        web.delete(f"{_PREFIX}/faults", _acting(_Faults(stand_in).clear)),
    ]


def _acting(act: Callable[[Json], Any]) -> Handler:
    """Turn a function of arguments into a route; awaitables are awaited."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            given: Json = dict(request.query)
            if request.can_read_body:
                given |= await request.json()
            result = act(given)
            if hasattr(result, "__await__"):
                result = await result
        except (LookupError, TypeError, ValueError, TimeoutError) as error:
            status = 408 if isinstance(error, TimeoutError) else 400
            return web.json_response({"error": str(error)}, status=status)
        return web.json_response(result)

    return handle


def _acts(stand_in: TelegramStandIn) -> dict[str, Callable[[Json], Any]]:
    return {
        "say": lambda given: stand_in.say(**given),
        "tap": lambda given: _tap(stand_in, given),
        "update": stand_in.send_raw_update,
        "redeliver": lambda given: stand_in.redeliver(**given),
        "users": lambda given: asdict(stand_in.add_user(**given)),
        "start": lambda given: stand_in.start_chat(**given),
        "groups": lambda given: {"chat_id": stand_in.create_group(**given)},
        "migrate": lambda given: {"chat_id": stand_in.migrate(**given)},
        "block": lambda given: stand_in.block(**given),
        "unblock": lambda given: stand_in.unblock(**given),
        "deactivate": lambda given: stand_in.deactivate(**given),
        "faults": _Faults(stand_in).add,
        "flood": lambda given: _set_flood(stand_in, given),
    }


def _reads(stand_in: TelegramStandIn) -> dict[str, Callable[[Json], Any]]:
    memory = stand_in.memory
    return {
        "messages": lambda given: [
            message_json(one) for one in stand_in.messages(int(given["chat_id"]))
        ],
        "wait": lambda given: _wait(stand_in, given),
        "calls": lambda given: _newest(stand_in.calls, given),
        "refusals": lambda given: _newest(stand_in.refusals, given),
        "unanswered": lambda _: [asdict(one) for one in stand_in.unanswered()],
        "lint": lambda _: stand_in.lint(),
        "faults": lambda _: stand_in.faults.listed(),
        "commands": lambda given: commands_seen_by(memory, int(given["user_id"])),
        "ready": lambda _: {"ready": stand_in.ready.is_set()},
    }


class _Faults:
    """Plans and clears faults."""

    def __init__(self, stand_in: TelegramStandIn) -> None:
        self._faults = stand_in.faults

    def add(self, given: Json) -> list[Json]:
        self._faults.add(**given)
        return self._faults.listed()

    def clear(self, _given: Json) -> list[Json]:
        self._faults.clear()
        return []


def _set_flood(stand_in: TelegramStandIn, given: Json) -> Json:
    stand_in.flood_control = bool(given["is_on"])
    return {"is_on": stand_in.flood_control}


async def _tap(stand_in: TelegramStandIn, given: Json) -> Json:
    """Tap and wait for the answer, unless `timeout_s` is 0."""
    timeout_s = float(given.pop("timeout_s", 5))
    tap = stand_in.tap(**given)
    answer = await tap.answer(timeout_s) if timeout_s else None
    return {
        "query_id": tap.query.id,
        "update": tap.update,
        "answer": asdict(answer) if answer else None,
    }


async def _wait(stand_in: TelegramStandIn, given: Json) -> Json:
    message = await stand_in.wait_message(
        int(given["chat_id"]),
        given.get("contains", ""),
        float(given.get("timeout_s", 5)),
        after=int(given.get("after", 0)),
    )
    return message_json(message)


def _newest(calls: Iterable[Call], given: Json) -> list[Json]:
    limit = int(given.get("limit", _NEWEST_CALLS))
    chosen = [one for one in calls if given.get("method") in (None, one.method)]
    return [asdict(one) for one in chosen[-limit:]]


def message_json(message: ChatMessage) -> Json:
    """Return a message for drivers and the page: formatting as entities."""
    return {
        "id": message.id,
        "chat_id": message.chat_id,
        "is_from_bot": message.is_from_bot,
        "date": message.date,
        "text": message.text,
        "html": message.html,
        "entities": message.entities,
        "rows": [
            [
                {
                    "label": button.label,
                    "data": button.data,
                    "style": button.style,
                    "action": button.action,
                    "value": button.plain_value,
                }
                for button in row
            ]
            for row in message.rows
        ],
        "edited_at": message.edited_at,
        "protected": message.protected,
        "silent": message.silent,
        "deleted": message.deleted,
        "asks_reply": message.asks_reply,
        "reply_to": message.reply_to,
        "attachment": _attachment_json(message),
    }


def _attachment_json(message: ChatMessage) -> Json | None:
    """Return what hangs on a message: its kind, its name and where it can be read."""
    for kind, wire in (message.attachment or {}).items():
        file = wire[-1] if kind == "photo" else wire
        return {
            "kind": kind,
            "name": file.get("file_name", ""),
            "url": f"chat/file/{file['file_id']}",
            "width": file.get("width"),
            "height": file.get("height"),
        }
    return None
