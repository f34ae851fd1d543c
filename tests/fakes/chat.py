"""People at a chat: types and taps go to the handlers, replies are kept as messages.

Does with replies what the messenger does: stores a screen before it is shown, edits in
place or sends anew, and makes a confirm card's button live once it is out.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from bot.access import Caller, Role
from bot.callbacks import decode
from bot.cards.checks import check, visible_text
from bot.handlers.desk import Desk
from bot.handlers.routes import COMMANDS, VERBS
from core.model.screen import Screen
from core.model.units import ChatId, MessageId, PlanId, UserId
from tests.fakes.engine import ScriptedEngine
from tests.fakes.runtime import CountedIds, FakeClock

if TYPE_CHECKING:
    from collections.abc import Sequence

if TYPE_CHECKING:
    from bot.callbacks import Tap
    from bot.cards.card import Button, Card, Reply

ANNA = Caller(UserId(1), ChatId(1), Role.OWNER, "Anna")
BERT = Caller(UserId(2), ChatId(2), Role.OWNER, "Bert")
VERA = Caller(UserId(3), ChatId(3), Role.VIEWER, "Vera")


LONGEST_LABELS = {1: 20, 2: 20, 3: 14, 4: 6, 5: 6}
"""Characters that a label may have, by the buttons in its row."""


def fits_a_phone(row: Sequence[Button]) -> bool:
    """Tell whether the labels of a row can be read on a narrow screen."""
    most = LONGEST_LABELS.get(len(row), 0)
    return all(len(button.label) <= most for button in row)


class MemoryCards:
    """Stored screens in a dictionary."""

    def __init__(self) -> None:
        self.screens: dict[str, Screen] = {}

    async def put_screen(self, screen: Screen) -> None:
        """Store."""
        self.screens[screen.card_id] = screen

    async def screen(self, card_id: str) -> Screen | None:
        """Return by id."""
        return self.screens.get(card_id)

    async def screen_of_message(
        self, chat_id: ChatId, message_id: MessageId
    ) -> Screen | None:
        """Return the newest of a message."""
        wanted = (chat_id, message_id)
        found = [
            each
            for each in self.screens.values()
            if (each.chat_id, each.message_id) == wanted
        ]
        return found[-1] if found else None

    async def latest_screen(self, chat_id: ChatId, kind: str) -> Screen | None:
        """Return the newest of a kind."""
        found = [
            each
            for each in self.screens.values()
            if each.chat_id == chat_id and each.kind == kind
        ]
        return found[-1] if found else None

    async def bind_screen(self, card_id: str, message_id: MessageId) -> None:
        """Note the message."""
        found = self.screens[card_id]
        self.screens[card_id] = replace(found, message_id=message_id)

    async def forget_screens(self, before: object) -> int:
        """Forget everything."""
        del before
        count = len(self.screens)
        self.screens.clear()
        return count


@dataclass
class Message:
    """One message of a chat and the card it shows now."""

    message_id: MessageId
    card: Card

    @property
    def text(self) -> str:
        """Return what a person reads."""
        return visible_text(self.card.html)

    @property
    def first_line(self) -> str:
        """Return the answer."""
        return self.text.splitlines()[0]

    @property
    def labels(self) -> list[str]:
        """Return what stands on the buttons."""
        return [button.label for button in self.buttons]

    @property
    def buttons(self) -> list[Button]:
        """Return the buttons."""
        return [button for row in self.card.rows for button in row]

    def button(self, label: str) -> Button:
        """Return the first button whose label holds this text."""
        for button in self.buttons:
            if label in button.label:
                return button
        msg = f"no button {label!r} in {self.labels}"
        raise AssertionError(msg)


@dataclass
class Chat:
    """A bot with a scripted engine, and everything it showed."""

    clock: FakeClock = field(default_factory=FakeClock)
    ids: CountedIds = field(default_factory=CountedIds)
    cards: MemoryCards = field(default_factory=MemoryCards)
    messages: dict[MessageId, Message] = field(default_factory=dict)
    toast: str = ""
    engine: ScriptedEngine = field(init=False)
    desk: Desk = field(init=False)

    def __post_init__(self) -> None:
        self.engine = ScriptedEngine(self.clock, self.ids)
        self.desk = Desk(self.engine, self.cards, self.clock, self.ids)

    async def type(self, text: str, caller: Caller = ANNA) -> Message:
        """Send a command; return the message that answers it."""
        name, *words = text.removeprefix("/").split()
        handler = COMMANDS[name].handler
        reply = await handler(self.desk, caller, tuple(words), MessageId(0))
        shown = await self.show(reply, caller, None)
        assert shown is not None, "silence is never success"
        return shown

    async def tap(self, message: Message, label: str, caller: Caller = ANNA) -> Message:
        """Press a button; return the message that shows the answer."""
        return await self.press(message, message.button(label).tap, caller)

    async def press(self, message: Message, tap: Tap, caller: Caller = ANNA) -> Message:
        """Press a button with this data, as it travels over the wire."""
        sent = decode(tap.encode())
        assert sent == tap, "the button survives the wire"
        reply = await VERBS[tap.verb](self.desk, caller, tap, message.message_id)
        assert reply.card is not None or reply.toast, "every button answers"
        return await self.show(reply, caller, message) or message

    async def show(
        self, reply: Reply, caller: Caller, tapped: Message | None
    ) -> Message | None:
        """Do what the messenger does with a reply."""
        self.toast = reply.toast
        card = reply.card
        if card is None:
            return None
        assert check(card) == (), card.html
        first = visible_text(card.html).splitlines()[0]
        assert self.desk.look().badge in first, first
        assert all(map(fits_a_phone, card.rows)), card.rows
        number = MessageId(len(self.messages) + 100)
        is_edit = tapped is not None and not reply.is_new
        message = tapped if tapped is not None and is_edit else Message(number, card)
        message.card = card
        self.messages[message.message_id] = message
        await self._store(card, caller, message.message_id)
        if reply.plan_id is not None:
            await self.engine.issue(PlanId(reply.plan_id), message.message_id)
        return message

    async def _store(self, card: Card, caller: Caller, message_id: MessageId) -> None:
        if card.card_id is None:
            return
        await self.cards.put_screen(
            Screen(
                card_id=card.card_id,
                kind=card.kind,
                chat_id=caller.chat_id,
                user_id=caller.user_id,
                message_id=message_id,
                shown=card.shown,
                created_at=self.clock.now(),
            )
        )
