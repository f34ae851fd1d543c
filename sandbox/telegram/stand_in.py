"""The stand-in as tests and the chat page hold it: people act, and everything shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from sandbox.telegram import lint
from sandbox.telegram.model import (
    STRANGER,
    Chat,
    Query,
)

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    from sandbox.telegram.faults import Faults
    from sandbox.telegram.markup import Button
    from sandbox.telegram.memory import Memory
    from sandbox.telegram.model import (
        Answer,
        Call,
        ChatMessage,
        Json,
        Person,
    )

T = TypeVar("T")
_FIRST_GROUP = -4001
_RECHECK_S = 0.05


class Tap:
    """One tap that was sent to the bot."""

    def __init__(self, memory: Memory, query: Query, update: Json) -> None:
        self._memory = memory
        self.query = query
        self.update = update

    @property
    def answers(self) -> list[Answer]:
        """Return every answer so far; more than one is a fault of the bot."""
        return self.query.answers

    async def answer(self, timeout_s: float = 5.0) -> Answer:
        """Wait for the bot's answer.

        Raises:
            TimeoutError: It did not answer in time.
        """
        answers = self.query.answers
        await self._memory.pulse.until(lambda: bool(answers), timeout_s)
        if not answers:
            words = f"no answer to {self.query.data!r} within {timeout_s} s"
            raise TimeoutError(words)
        return answers[0]


class TelegramStandIn:
    """People, chats and buttons, acted on by code; nothing here awaits the bot."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.canaries: list[str] = [memory.token]

    @property
    def ready(self) -> asyncio.Event:
        """Return the event set by the first getUpdates after the command set-up."""
        return self.memory.ready

    @property
    def faults(self) -> Faults:
        """Return the planned faults."""
        return self.memory.faults

    @property
    def calls(self) -> Sequence[Call]:
        """Return every call of the bot, oldest first."""
        return self.memory.calls

    @property
    def refusals(self) -> Sequence[Call]:
        """Return every call that was refused for a reason of the bot's own."""
        return self.memory.refusals

    @property
    def flood_control(self) -> bool:
        """Tell whether writing too fast is refused."""
        return self.memory.flood.is_on

    @flood_control.setter
    def flood_control(self, is_on: bool) -> None:
        self.memory.flood.is_on = is_on

    @property
    def query_ttl_s(self) -> float:
        """Return how many real seconds a tap can be answered."""
        return self.memory.query_ttl_s

    @query_ttl_s.setter
    def query_ttl_s(self, seconds: float) -> None:
        self.memory.query_ttl_s = seconds

    # --- people -----------------------------------------------------------------

    def add_user(self, user_id: int, name: str, role: str = STRANGER) -> Person:
        """Create a user."""
        return self.memory.add_person(user_id, name, role)

    def start_chat(self, user_id: int) -> None:
        """Let the bot write to a user without a message from him."""
        self._person(user_id)
        self.memory.chats[user_id].is_started = True
        self.memory.changed()

    def create_group(
        self, title: str, members: Sequence[int], *, by: int = 1666
    ) -> int:
        """Create a group with the bot in it; return its id."""
        group_id = min([_FIRST_GROUP + 1, *self.memory.chats]) - 1
        chat = Chat(group_id, title, {by, *members}, is_started=True)
        self.memory.chats[group_id] = chat
        self._membership(chat, by, "left", "member")
        return group_id

    def migrate(self, chat_id: int) -> int:
        """Turn a group into a supergroup; return the new id."""
        old = self.memory.chats[chat_id]
        new_id = -1_000_000_000_000 + chat_id
        self.memory.chats[new_id] = Chat(
            new_id, old.title, set(old.members), is_started=True
        )
        old.migrated_to = new_id
        self.memory.changed()
        return new_id

    def block(self, user_id: int) -> None:
        """Let a user block the bot."""
        self._person(user_id).is_blocking = True
        self._membership(self.memory.chats[user_id], user_id, "member", "kicked")

    def unblock(self, user_id: int) -> None:
        """Let a user unblock the bot."""
        self._person(user_id).is_blocking = False
        self._membership(self.memory.chats[user_id], user_id, "kicked", "member")

    def deactivate(self, user_id: int) -> None:
        """Delete a user's account."""
        self._person(user_id).is_deactivated = True

    def _membership(self, chat: Chat, by: int, old: str, new: str) -> None:
        bot = self.memory.bot_wire()
        states = {
            f"{name}_chat_member": {"user": bot, "status": status}
            | ({"until_date": 0} if status == "kicked" else {})
            for name, status in (("old", old), ("new", new))
        }
        content = {
            "chat": self.memory.chat_wire(chat),
            "from": self.memory.user_wire(by),
            "date": self.memory.now_s(),
        }
        self.memory.updates.push("my_chat_member", content | states)
        self.memory.changed()

    def _person(self, user_id: int) -> Person:
        return self.memory.people.get(user_id) or self.add_user(
            user_id, f"User{user_id}"
        )

    # --- what people do ---------------------------------------------------------

    def say(  # noqa: PLR0913 - a message has that many sides
        self,
        user_id: int,
        text: str,
        *,
        chat_id: int | None = None,
        date_ms: int | None = None,
        edited: bool = False,
        forward: bool = False,
        reply_to: int | None = None,
    ) -> Json:
        """Let a user write, edit his newest message, or forward; return the update."""
        person = self._person(user_id)
        person.is_blocking = False
        chat = self.memory.chats[user_id if chat_id is None else chat_id]
        chat.is_started = True
        mine = [m for m in chat.messages.values() if m.from_id == user_id]
        if edited and mine:
            message = mine[-1]
            message.text, message.edited_at = text, self.memory.now_s()
        else:
            date = None if date_ms is None else date_ms // 1000
            message = self.memory.new_message(chat, user_id, text, date=date)
            message.reply_to = reply_to
        message.entities = _command_entities(text)
        if forward:
            sender = self._person(1666).to_wire()
            message.forward_origin = {
                "type": "user",
                "date": message.date,
                "sender_user": sender,
            }
        wire = self.memory.message_wire(message)
        if edited and message.edited_at is None:
            message.edited_at = wire["edit_date"] = self.memory.now_s()
        kind = "edited_message" if edited else "message"
        update = self.memory.updates.push(kind, wire)
        self.memory.changed(message)
        return update

    def tap(  # noqa: PLR0913 - a tap has that many sides
        self,
        user_id: int,
        chat_id: int,
        message_id: int,
        *,
        label: str | None = None,
        data: str | None = None,
        row: int = 0,
        col: int = 0,
        inline: bool = False,
        expects_answer: bool | None = None,
    ) -> Tap:
        """Tap a button by label, by place, or with any data at all (a forged tap).

        `inline` sends the query without its message, as from an inline card. An
        answer is expected (see `unanswered`) unless the user is a stranger.

        Raises:
            LookupError: No such message or button.
        """
        person = self._person(user_id)
        message = self.memory.chats[chat_id].messages.get(message_id)
        if data is None:
            data = _button(message, label, row, col).data or ""
        if expects_answer is None:
            expects_answer = person.role != STRANGER
        query = Query(
            str(4_000_000_000_000 + self.memory.next_query_id),
            user_id,
            data,
            self.memory.clock.monotonic(),
            expects_answer=expects_answer,
        )
        self.memory.next_query_id += 1
        self.memory.queries[query.id] = query
        content: Json = {
            "id": query.id,
            "from": person.to_wire(),
            "chat_instance": str(9_000_000 + chat_id),
            "data": data,
        }
        if inline:
            content["inline_message_id"] = f"inline-{message_id}"
        else:
            content["message"] = self._tapped(chat_id, message_id, message)
        return Tap(
            self.memory, query, self.memory.updates.push("callback_query", content)
        )

    def _tapped(
        self, chat_id: int, message_id: int, message: ChatMessage | None
    ) -> Json:
        if message is not None and not message.deleted:
            return self.memory.message_wire(message)
        chat = self.memory.chat_wire(self.memory.chats[chat_id])
        return {"chat": chat, "message_id": message_id, "date": 0}

    def send_raw_update(self, content: Json) -> Json:
        """Queue an update as given (`{"message": …}`), whatever the bot subscribed to.

        Its id is added if it has none.
        """
        if "update_id" in content:
            return self.memory.updates.repeat(content, new_id=False)
        return self.memory.updates.repeat(content, new_id=True)

    def redeliver(self, update: Json, *, new_id: bool = False) -> Json:
        """Deliver an update once more, under its own or under a new id."""
        return self.memory.updates.repeat(update, new_id=new_id)

    # --- what shows ---------------------------------------------------------------

    def messages(self, chat_id: int, *, deleted: bool = False) -> list[ChatMessage]:
        """Return the messages of a chat, oldest first."""
        chat = self.memory.chats.get(chat_id)
        found = list(chat.messages.values()) if chat else []
        return [one for one in found if deleted or not one.deleted]

    def newest(self, chat_id: int) -> ChatMessage:
        """Return the newest message of the bot in a chat.

        Raises:
            LookupError: There is none.
        """
        theirs = [one for one in self.messages(chat_id) if one.is_from_bot]
        if not theirs:
            words = f"the bot wrote nothing to chat {chat_id}"
            raise LookupError(words)
        return theirs[-1]

    async def wait_for(self, predicate: Callable[[], T], timeout_s: float = 5.0) -> T:
        """Wait until the predicate gives something true, and return that.

        It is asked again at every change and call, and every 50 ms for what happens
        elsewhere.

        Raises:
            TimeoutError: It never did.
        """
        end = self.memory.clock.monotonic() + timeout_s
        value = predicate()
        pulse = self.memory.pulse
        while not (value or pulse.is_closing) and self.memory.clock.monotonic() < end:
            value = await pulse.until(predicate, _RECHECK_S)
        if not value:
            words = f"nothing true within {timeout_s} s"
            raise TimeoutError(words)
        return value

    async def wait_message(
        self, chat_id: int, contains: str, timeout_s: float = 5.0, *, after: int = 0
    ) -> ChatMessage:
        """Wait for a message of the bot, newer than id `after`, that has this text.

        Raises:
            TimeoutError: None came; the words show the last ones that did.
        """

        def newest() -> ChatMessage | None:
            fitting = [
                one
                for one in self.messages(chat_id)
                if one.is_from_bot and one.id > after and contains in one.text
            ]
            return fitting[-1] if fitting else None

        found = await self.memory.pulse.until(newest, timeout_s)
        if found is None:
            last = [one.rendered for one in self.messages(chat_id)[-3:]]
            words = f"no message with {contains!r} in {timeout_s} s; last: {last}"
            raise TimeoutError(words)
        return found

    def unanswered(self) -> list[Query]:
        """Return taps that were not answered exactly once."""
        return [
            query
            for query in self.memory.queries.values()
            if len(query.answers) > 1 or (query.expects_answer and not query.answers)
        ]

    def assert_clean(self, *, allow: Sequence[str] = ()) -> None:
        """Fail a test if anything was wrong: lint, or a call that was refused.

        `allow` lists parts of refusals that the test provoked on purpose.

        Raises:
            AssertionError: With one line for each problem.
        """
        refused = [
            f"{call.method}: {call.error}"
            for call in self.refusals
            if not any(part in (call.error or "") for part in allow)
        ]
        complaints = [*self.lint(), *refused]
        if complaints:
            raise AssertionError("\n".join(complaints))

    def lint(self) -> list[str]:
        """Return what is wrong with anything the bot ever sent."""
        return lint.problems(
            renders=self.memory.renders,
            unanswered=self.unanswered(),
            canaries=self.canaries,
        )


def _command_entities(text: str) -> list[Json]:
    word = text.split(maxsplit=1)[0] if text.strip() else ""
    if not word.startswith("/") or len(word) == 1:
        return []
    return [{"type": "bot_command", "offset": 0, "length": len(word)}]


def _button(
    message: ChatMessage | None, label: str | None, row: int, col: int
) -> Button:
    if message is None:
        words = "no such message"
        raise LookupError(words)
    if label is not None:
        return message.button(label)
    return message.rows[row][col]
