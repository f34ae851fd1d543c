"""Keeps chats and pending updates on disk, so that old buttons survive a restart.

One JSON file, replaced as a whole. Rate limits, open taps and planned faults are not
kept: the real server would not wait for them either.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from sandbox.telegram.markup import Button
from sandbox.telegram.model import Chat, ChatMessage, Person
from sandbox.telegram.updates import Update

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox.telegram.memory import Memory
    from sandbox.telegram.model import Json

_VERSION = 1
_DELAY_S = 0.3
_KEPT_MESSAGES = 500


def freeze(memory: Memory) -> Json:
    """Return everything worth keeping as JSON values."""
    return {
        "version": _VERSION,
        "people": [asdict(one) for one in memory.people.values()],
        "chats": [_freeze_chat(one) for one in memory.chats.values()],
        "commands": memory.commands,
        "descriptions": memory.descriptions,
        "updates": [asdict(one) for one in memory.updates.pending],
        "allowed": memory.updates.allowed,
        "next_update_id": memory.updates.next_id,
        "next_message_id": memory.next_message_id,
        "next_query_id": memory.next_query_id,
    }


def thaw(memory: Memory, kept: Json) -> None:
    """Put back what `freeze` returned."""
    for raw in kept["people"]:
        memory.people[raw["id"]] = Person(**raw)
    for raw in kept["chats"]:
        chat = _thaw_chat(raw)
        memory.chats[chat.id] = chat
    memory.commands.update(kept["commands"])
    memory.descriptions.update(kept["descriptions"])
    memory.updates.pending = [Update(**raw) for raw in kept["updates"]]
    memory.updates.allowed = kept["allowed"]
    memory.updates.next_id = kept["next_update_id"]
    memory.next_message_id = kept["next_message_id"]
    memory.next_query_id = kept["next_query_id"]


def _freeze_chat(chat: Chat) -> Json:
    newest = list(chat.messages.values())[-_KEPT_MESSAGES:]
    return {
        "id": chat.id,
        "title": chat.title,
        "members": sorted(chat.members),
        "is_started": chat.is_started,
        "has_left": chat.has_left,
        "migrated_to": chat.migrated_to,
        "messages": [asdict(one) for one in newest],
    }


def _thaw_chat(raw: Json) -> Chat:
    messages = [_thaw_message(one) for one in raw["messages"]]
    by_id = {one.id: one for one in messages}
    return Chat(**(raw | {"members": set(raw["members"]), "messages": by_id}))


def _thaw_message(raw: Json) -> ChatMessage:
    rows = [[Button(**button) for button in row] for row in raw["rows"]]
    return ChatMessage(**(raw | {"rows": rows}))


class Store:
    """Writes soon after a change and once more at the end; reads at the start."""

    def __init__(self, memory: Memory, folder: Path) -> None:
        self._memory = memory
        self._path = folder / "telegram.json"
        self._due: asyncio.TimerHandle | None = None
        self._writing: asyncio.Future[None] | None = None
        self._on_disk: str | None = None
        self.writes = 0

    async def start(self) -> None:
        """Read what an earlier run left.

        Raises:
            ValueError: The file is not ours; it is left as it is.
        """
        text = await asyncio.to_thread(self._read)
        if text is not None:
            thaw(self._memory, json.loads(text))
        self._on_disk = json.dumps(freeze(self._memory))
        self._memory.on_change.append(self._touch)
        self._memory.pulse.ring()

    async def close(self) -> None:
        """Write the last state, if anything happened at all."""
        if self._due is not None:
            self._due.cancel()
        if self._writing is not None:
            await self._writing
        text = json.dumps(freeze(self._memory))
        if text != self._on_disk:
            await asyncio.to_thread(self._write, text)

    def _touch(self) -> None:
        if self._due is None:
            loop = asyncio.get_running_loop()
            self._due = loop.call_later(_DELAY_S, self._flush)

    def _flush(self) -> None:
        self._due = None
        if self._writing is not None and not self._writing.done():
            self._touch()
            return
        text = self._on_disk = json.dumps(freeze(self._memory))
        loop = asyncio.get_running_loop()
        self._writing = loop.run_in_executor(None, self._write, text)
        self._writing.add_done_callback(self._written)

    def _written(self, writing: asyncio.Future[None]) -> None:
        writing.result()
        self.writes += 1
        self._memory.pulse.ring()

    def _read(self) -> str | None:
        return self._path.read_text("utf-8") if self._path.exists() else None

    def _write(self, text: str) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_suffix(".draft")
        draft.write_text(text, "utf-8")
        draft.replace(self._path)
