"""Send cards to Telegram and edit them in place; every outcome is a typed result.

Nothing here retries: a command's reply is sent once, and the outbox decides about the
rest. A time-out means that the outcome is unknown, never that nothing was sent.
"""

from __future__ import annotations

import asyncio
import html
import logging
import os
import re
from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import httpx
from telegram import (
    BotCommand,
    BotCommandScopeChat,
    ForceReply,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    LinkPreviewOptions,
)
from telegram.constants import ParseMode
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Forbidden,
    InvalidToken,
    RetryAfter,
    TelegramError,
)
from telegram.ext import AIORateLimiter, ExtBot
from telegram.request import HTTPXRequest

from bot.cards.checks import check
from core.errors import StorageError
from core.model.screen import Screen
from core.model.units import MessageId

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Sequence

    from bot.cards.card import Attachment, Button, Card
    from core.model.units import ChatId, UserId
    from core.ports import CardStore, Clock

log = logging.getLogger(__name__)

# Durations as timedelta; without this the library (22.8) warns at every RetryAfter.
os.environ.setdefault("PTB_TIMEDELTA", "1")

MAX_TEXT = 4096
MAX_CAPTION = 1024
MAX_TOAST = 200
POLL_TIMEOUT = timedelta(seconds=10)
MESSAGE_GAP = timedelta(seconds=1)
"""Telegram takes about one message a second in a chat."""
EDIT_GAP = timedelta(seconds=1.5)
_LASTING = ("plan", "alert", "progress", "away", "question")
"""Kinds whose older messages keep their buttons: each is about something of its own."""
_MEMORY = 500
_MINUS, _JOINER = "\N{MINUS SIGN}", "\N{WORD JOINER}"
_TAG = re.compile(r"</?[a-z][^<>]*>")
_UNREACHABLE = ("chat not found", "user is deactivated", "peer_id_invalid")


@dataclass(frozen=True, slots=True)
class Sent:
    """Telegram shows it."""

    message_id: MessageId


@dataclass(frozen=True, slots=True)
class TooFast:
    """Telegram wants this chat to wait."""

    wait: timedelta


@dataclass(frozen=True, slots=True)
class Blocked:
    """This person cannot be written to until he writes again."""

    detail: str


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Network or server failed; whether the message is out is unknown."""

    detail: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Telegram does not take this message, now or later."""

    detail: str

    def says(self, *words: str) -> bool:
        """Tell whether Telegram's description holds one of these words."""
        return any(word in self.detail.lower() for word in words)


Delivery = Sent | TooFast | Blocked | NoAnswer | Refused


@cache
def _authorities() -> ssl.SSLContext:
    """Return the trusted authorities, read once for both connections."""
    return httpx.create_ssl_context()


def open_bot(token: str, base_url: str) -> ExtBot[int]:
    """Return the Bot API client; `base_url` ends before the token.

    `max_retries=0`: with retries, one RetryAfter would hold every chat.
    """
    return ExtBot(
        token,
        base_url=base_url,
        request=_client(connections=32, patience_s=10.0),
        get_updates_request=_client(connections=2, patience_s=5.0),
        rate_limiter=AIORateLimiter(max_retries=0),
    )


def _client(*, connections: int, patience_s: float) -> HTTPXRequest:
    return HTTPXRequest(
        connection_pool_size=connections,
        read_timeout=patience_s,
        httpx_kwargs={"verify": _authorities()},
    )


class Messenger:
    """The only sender of messages."""

    def __init__(self, bot: ExtBot[int], *, cards: CardStore, clock: Clock) -> None:
        self.bot = bot
        self._cards = cards
        self._clock = clock
        self._turns: WeakValueDictionary[
            tuple[ChatId, MessageId | str], asyncio.Lock
        ] = WeakValueDictionary()
        self._written: dict[ChatId, float] = {}
        self._edited: OrderedDict[tuple[ChatId, MessageId], tuple[float, int]] = (
            OrderedDict()
        )

    # --- cards ----------------------------------------------------------------------

    async def send(self, card: Card, *, chat_id: ChatId, user_id: UserId) -> Delivery:
        """Send a new message once and take the buttons off the older copy.

        Copies of one screen go out one after the other: each strips the one before it,
        so that one stays alive.
        """
        if card.card_id is None or card.kind.startswith(_LASTING):
            return await self._send_in_turn(card, chat_id, user_id)
        async with self._turns.setdefault((chat_id, card.kind), asyncio.Lock()):
            return await self._send_in_turn(card, chat_id, user_id)

    async def _send_in_turn(
        self, card: Card, chat_id: ChatId, user_id: UserId
    ) -> Delivery:
        _note_faults(card)
        older = await self._older(card, chat_id)
        await self._store(card, chat_id, user_id, None)
        result = await self._send(card, chat_id)
        if isinstance(result, Sent):
            await self._bind(card, result.message_id)
            if older is not None and older != result.message_id:
                await self.strip(chat_id, older)
        return result

    async def edit(
        self, card: Card, *, chat_id: ChatId, user_id: UserId, message_id: MessageId
    ) -> Delivery:
        """Show a card in place of another; a vanished target gives a new message.

        Edits of one message go out one after the other: the last one asked for stays.
        """
        key = (chat_id, message_id)
        async with self._turns.setdefault(key, asyncio.Lock()):
            return await self._edit_in_turn(card, chat_id, user_id, message_id)

    async def _edit_in_turn(
        self, card: Card, chat_id: ChatId, user_id: UserId, message_id: MessageId
    ) -> Delivery:
        if self._shows(card, chat_id, message_id):
            return Sent(message_id)
        _note_faults(card)
        await self._store(card, chat_id, user_id, message_id)
        result = await self._edit(card, chat_id, message_id)
        if isinstance(result, Refused) and result.says("message is not modified"):
            result = Sent(message_id)
        if isinstance(result, Refused) and result.says(
            "message to edit not found", "message can't be edited", "message_id_invalid"
        ):
            log.info("chat %s: message %s is gone, sent anew", chat_id, message_id)
            return await self.send(card, chat_id=chat_id, user_id=user_id)
        if isinstance(result, Sent):
            self._note_edit(card, chat_id, message_id)
        return result

    async def strip(self, chat_id: ChatId, message_id: MessageId) -> None:
        """Take the buttons off a message; no harm if that fails."""
        self._edited.pop((chat_id, message_id), None)
        result = await _outcome(
            self.bot.edit_message_reply_markup(
                chat_id=chat_id, message_id=message_id, reply_markup=None
            )
        )
        if not isinstance(result, Sent | Refused):
            log.info("chat %s: message %s keeps its buttons", chat_id, message_id)

    async def delete(self, chat_id: ChatId, message_id: MessageId) -> bool:
        """Take a person's message out of the chat; False if Telegram did not."""
        call = self.bot.delete_message(chat_id, message_id)
        return isinstance(await _outcome(call), Sent)

    async def answer(self, query_id: str, toast: str = "") -> None:
        """Answer a tap; a failure is ignored, for it must never stop the action."""
        text = toast if len(toast) <= MAX_TOAST else toast[: MAX_TOAST - 1] + "…"
        try:
            await self.bot.answer_callback_query(query_id, text=text or None)
        except TelegramError as error:
            log.info("query %s not answered: %s", query_id, error)

    # --- pace -----------------------------------------------------------------------

    def message_wait(self, chat_id: ChatId) -> timedelta:
        """Return how long the outbox should leave this chat alone."""
        return self._left(self._written.get(chat_id), MESSAGE_GAP)

    def edit_wait(self, chat_id: ChatId, message_id: MessageId) -> timedelta:
        """Return how long this message should stay as it is."""
        at, _ = self._edited.get((chat_id, message_id), (None, 0))
        return self._left(at, EDIT_GAP)

    def _left(self, at: float | None, gap: timedelta) -> timedelta:
        if at is None:
            return timedelta(0)
        passed = timedelta(seconds=self._clock.monotonic() - at)
        return max(timedelta(0), gap - passed)

    # --- menus and chats ------------------------------------------------------------

    async def set_commands(
        self, commands: Sequence[tuple[str, str]], chat_id: ChatId | None
    ) -> Delivery:
        """Set the command menu of a private chat; None clears the default menu."""
        if chat_id is None:
            return await _outcome(self.bot.delete_my_commands())
        menu = [BotCommand(name, says) for name, says in commands]
        scope = BotCommandScopeChat(chat_id)
        return await _outcome(self.bot.set_my_commands(menu, scope=scope))

    async def leave(self, chat_id: int) -> None:
        """Leave a group somebody added the bot to."""
        await _outcome(self.bot.leave_chat(chat_id))

    # --- how it is done -------------------------------------------------------------

    async def _send(self, card: Card, chat_id: ChatId) -> Delivery:
        async def once(text: str, mode: ParseMode | None) -> object:
            if card.attachment is not None:
                return await self._send_file(card, card.attachment, chat_id, text, mode)
            return await self.bot.send_message(
                chat_id,
                text,
                parse_mode=mode,
                reply_markup=_markup(card),
                disable_notification=card.is_silent,
                protect_content=card.is_protected,
                link_preview_options=LinkPreviewOptions(is_disabled=True),
            )

        result = await _outcome(once(_kept_together(card.html), ParseMode.HTML))
        if isinstance(result, Refused) and _is_markup_fault(result):
            log.error("card %s refused, sent plain: %s", card.kind, result.detail)
            result = await _outcome(once(plain(card.html), None))
        if isinstance(result, Sent):
            self._written[chat_id] = self._clock.monotonic()
        return result

    async def _send_file(
        self,
        card: Card,
        file: Attachment,
        chat_id: ChatId,
        text: str,
        mode: ParseMode | None,
    ) -> object:
        if file.is_picture:
            return await self.bot.send_photo(
                chat_id,
                file.content,
                caption=text[:MAX_CAPTION] if mode is None else text,
                parse_mode=mode,
                filename=file.name,
                disable_notification=card.is_silent,
            )
        return await self.bot.send_document(
            chat_id,
            file.content,
            caption=text[:MAX_CAPTION] if mode is None else text,
            parse_mode=mode,
            filename=file.name,
            disable_notification=card.is_silent,
        )

    async def _edit(
        self, card: Card, chat_id: ChatId, message_id: MessageId
    ) -> Delivery:
        async def once(text: str, mode: ParseMode | None) -> object:
            return await self.bot.edit_message_text(
                text,
                chat_id=chat_id,
                message_id=message_id,
                parse_mode=mode,
                reply_markup=keyboard(card),
                link_preview_options=LinkPreviewOptions(is_disabled=True),
            )

        result = await _outcome(once(_kept_together(card.html), ParseMode.HTML))
        if isinstance(result, Refused) and _is_markup_fault(result):
            log.error("card %s refused, sent plain: %s", card.kind, result.detail)
            result = await _outcome(once(plain(card.html), None))
        return result

    async def _store(
        self,
        card: Card,
        chat_id: ChatId,
        user_id: UserId,
        message_id: MessageId | None,
    ) -> None:
        if card.card_id is None:
            return
        screen = Screen(
            card_id=card.card_id,
            kind=card.kind,
            chat_id=chat_id,
            user_id=user_id,
            message_id=message_id,
            shown=card.shown,
            created_at=self._clock.now(),
        )
        try:
            await self._cards.put_screen(screen)
        except StorageError:
            log.exception("card %s is sent with buttons that lead nowhere", card.kind)

    async def _bind(self, card: Card, message_id: MessageId) -> None:
        if card.card_id is None:
            return
        try:
            await self._cards.bind_screen(card.card_id, message_id)
        except StorageError:
            log.exception("card %s was not bound to its message", card.card_id)

    async def _older(self, card: Card, chat_id: ChatId) -> MessageId | None:
        if card.card_id is None or card.kind.startswith(_LASTING):
            return None
        try:
            screen = await self._cards.latest_screen(chat_id, card.kind)
            if screen is None or screen.message_id is None:
                return None
            shown = await self._cards.screen_of_message(chat_id, screen.message_id)
        except StorageError:
            return None
        # The message may have turned into another screen since; that one stays usable.
        is_same = shown is not None and shown.kind == card.kind
        return screen.message_id if is_same else None

    def _shows(self, card: Card, chat_id: ChatId, message_id: MessageId) -> bool:
        _, shown = self._edited.get((chat_id, message_id), (0.0, None))
        return shown == _print(card)

    def _note_edit(self, card: Card, chat_id: ChatId, message_id: MessageId) -> None:
        key = (chat_id, message_id)
        self._edited[key] = (self._clock.monotonic(), _print(card))
        self._edited.move_to_end(key)
        while len(self._edited) > _MEMORY:
            self._edited.popitem(last=False)


async def _outcome(call: Awaitable[object]) -> Delivery:
    """Turn a Bot API call into a result; `BadRequest` is a `NetworkError`: first."""
    try:
        done = await call
    except RetryAfter as error:
        return TooFast(wait_of(error))
    except BadRequest as error:
        refused = Refused(str(error))
        unreachable = refused.says(*_UNREACHABLE)
        return Blocked(refused.detail) if unreachable else refused
    except (Forbidden, ChatMigrated) as error:
        return Blocked(str(error))
    except InvalidToken:
        return NoAnswer("Telegram does not know this bot")
    except TelegramError as error:
        return NoAnswer(f"{type(error).__name__}: {error}")
    return Sent(MessageId(getattr(done, "message_id", 0)))


def wait_of(error: RetryAfter) -> timedelta:
    """Return how long Telegram wants us to wait."""
    wait = error.retry_after
    return wait if isinstance(wait, timedelta) else timedelta(seconds=wait)


def _markup(card: Card) -> InlineKeyboardMarkup | ForceReply | None:
    """Return a question's request for a reply, or a card's buttons."""
    if card.asks:
        return ForceReply(input_field_placeholder=card.asks)
    return keyboard(card)


def keyboard(card: Card) -> InlineKeyboardMarkup | None:
    """Return a card's buttons."""
    if not card.rows:
        return None
    return InlineKeyboardMarkup(
        [[_button(button) for button in row] for row in card.rows]
    )


def _button(button: Button) -> InlineKeyboardButton:
    return InlineKeyboardButton(
        button.label,
        callback_data=button.tap.encode(),
        style=button.style.value or None,
    )


def _kept_together(text: str) -> str:
    """Return a card's text in which no line ends between a minus and its dollars."""
    return text.replace(f"{_MINUS}$", f"{_MINUS}{_JOINER}$")


def plain(text: str) -> str:
    """Return a card's text without markup, cut to what one message holds."""
    bare = html.unescape(_TAG.sub("", text))
    return bare if len(bare) <= MAX_TEXT else bare[: MAX_TEXT - 1] + "…"


def _is_markup_fault(result: Refused) -> bool:
    return result.says("can't parse entities", "message is too long")


def _note_faults(card: Card) -> None:
    """Log what Telegram would refuse or show badly; it is sent all the same."""
    for fault in check(card):
        log.error("card %s: %s", card.kind, fault)


def _print(card: Card) -> int:
    return hash((card.html, card.rows))
