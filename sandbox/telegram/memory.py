"""Everything the pretend Telegram knows, and the wire form of a message."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from typing import TYPE_CHECKING

from sandbox.telegram.faults import Faults
from sandbox.telegram.flood import FloodControl
from sandbox.telegram.model import (
    BOT_ID,
    OWNER,
    VIEWER,
    Chat,
    ChatMessage,
    Person,
    Render,
)
from sandbox.telegram.pulse import Pulse
from sandbox.telegram.refusals import Refused, forbid, refuse
from sandbox.telegram.updates import UpdateQueue

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.clock import SandboxClock
    from sandbox.telegram.model import (
        Call,
        Json,
        Query,
    )

_FIRST_CAST = (
    Person(1001, "Anna", OWNER),
    Person(1002, "Vera", VIEWER),
    Person(1666, "Stranger"),
)
_KEPT_CALLS = 20_000
_KEPT_FILES = 200


class Memory:
    """People, chats, updates and the record of every call."""

    def __init__(self, *, clock: SandboxClock, token: str) -> None:
        self.clock = clock
        self.token = token
        self.pulse = Pulse()
        self.updates = UpdateQueue(clock=clock, pulse=self.pulse)
        self.flood = FloodControl(clock.monotonic)
        self.faults = Faults()
        self.people: dict[int, Person] = {}
        self.chats: dict[int, Chat] = {}
        self.commands: dict[str, list[Json]] = {}
        self.descriptions: dict[str, str] = {}
        self.queries: dict[str, Query] = {}
        self.calls: deque[Call] = deque(maxlen=_KEPT_CALLS)
        self.refusals: deque[Call] = deque(maxlen=_KEPT_CALLS)
        self.renders: deque[Render] = deque(maxlen=_KEPT_CALLS)
        self.ready = asyncio.Event()
        self.has_set_commands = False
        self.query_ttl_s = 10.0
        self.next_message_id = 1
        self.next_query_id = 1
        self.files: OrderedDict[str, tuple[str, bytes]] = OrderedDict()
        self.on_change: list[Callable[[], None]] = []
        self.on_message: list[Callable[[ChatMessage], None]] = []
        for person in _FIRST_CAST:
            self.add_person(person.id, person.name, person.role)

    def add_person(self, user_id: int, name: str, role: str) -> Person:
        """Create a user and the private chat that goes with him."""
        person = Person(user_id, name, role)
        self.people[user_id] = person
        self.chats.setdefault(user_id, Chat(user_id, members={user_id}))
        return person

    def now_s(self) -> int:
        """Return the pretend moment in Unix seconds."""
        return self.clock.now_ms() // 1000

    def changed(self, message: ChatMessage | None = None) -> None:
        """Tell the page, the disk and everyone who waits."""
        if message is not None:
            for hear in self.on_message:
                hear(message)
        for listener in self.on_change:
            listener()
        self.pulse.ring()

    def new_message(
        self, chat: Chat, from_id: int, text: str, *, date: int | None = None
    ) -> ChatMessage:
        """Store a message at the end of a chat; the moment is now unless given."""
        moment = self.now_s() if date is None else date
        message = ChatMessage(self.next_message_id, chat.id, from_id, moment, text)
        self.next_message_id += 1
        chat.messages[message.id] = message
        return message

    def keep_file(self, name: str, content: bytes) -> str:
        """Keep an uploaded file until the process ends; return its number."""
        number = f"file-{self.next_message_id}"
        self.files[number] = (name, content)
        while len(self.files) > _KEPT_FILES:
            self.files.popitem(last=False)
        return number

    def record_render(self, message: ChatMessage) -> None:
        """Keep how a message of the bot looks now, for the lint."""
        self.renders.append(
            Render(
                message.chat_id,
                message.id,
                message.text,
                message.entities,
                message.rows,
            )
        )

    def reachable(self, chat_id: object) -> Chat:
        """Return the chat that the bot may write to.

        Raises:
            Refused: As Telegram words it for this chat.
        """
        chat = self.chats.get(chat_id) if isinstance(chat_id, int) else None
        if chat is None:
            refuse("chat not found")
        if chat.migrated_to is not None:
            raise Refused(
                400,
                "Bad Request: group chat was upgraded to a supergroup chat",
                parameters={"migrate_to_chat_id": chat.migrated_to},
            )
        if chat.has_left:
            forbid("bot is not a member of the group chat")
        if chat.is_private:
            self._check_person(chat)
        return chat

    def _check_person(self, chat: Chat) -> None:
        person = self.people[chat.id]
        if person.is_deactivated:
            forbid("user is deactivated")
        if person.is_blocking:
            forbid("bot was blocked by the user")
        if not chat.is_started:
            forbid("bot can't initiate conversation with a user")

    def bot_wire(self) -> Json:
        """Return the bot as a user object."""
        return {
            "id": BOT_ID,
            "is_bot": True,
            "first_name": "carrybot",
            "username": "carry_sandbox_bot",
        }

    def user_wire(self, user_id: int) -> Json:
        """Return a sender as the Bot API writes it."""
        return self.bot_wire() if user_id == BOT_ID else self.people[user_id].to_wire()

    def chat_wire(self, chat: Chat) -> Json:
        """Return a chat as the Bot API writes it."""
        if chat.is_private:
            person = self.people[chat.id].to_wire()
            names = {key: person[key] for key in ("first_name", "username")}
            return {"id": chat.id, "type": "private", **names}
        kind = "supergroup" if str(chat.id).startswith("-100") else "group"
        return {"id": chat.id, "type": kind, "title": chat.title}

    def message_wire(self, message: ChatMessage) -> Json:
        """Return a message as the Bot API writes it."""
        chat = self.chats[message.chat_id]
        wire: Json = {
            "message_id": message.id,
            "from": self.user_wire(message.from_id),
            "chat": self.chat_wire(chat),
            "date": message.date,
        }
        is_caption = message.attachment is not None
        if message.text:
            wire["caption" if is_caption else "text"] = message.text
        if message.entities:
            wire["caption_entities" if is_caption else "entities"] = message.entities
        if message.rows:
            rows = [[button.to_wire() for button in row] for row in message.rows]
            wire["reply_markup"] = {"inline_keyboard": rows}
        if message.edited_at:
            wire["edit_date"] = message.edited_at
        if message.protected:
            wire["has_protected_content"] = True
        if message.forward_origin:
            wire["forward_origin"] = message.forward_origin
        replied = chat.messages.get(message.reply_to or 0)
        if replied is not None and not replied.deleted:
            flat = self.message_wire(replied)
            flat.pop("reply_to_message", None)
            wire["reply_to_message"] = flat
        return wire | (message.attachment or {})
