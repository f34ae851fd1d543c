"""Read who knocks from an update, in the plain fields that `bot.access` judges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.access import Knock
from bot.callbacks import decode

if TYPE_CHECKING:
    from telegram import CallbackQuery, Message, Update


def knock_of(update: Update) -> Knock:
    """Return what an update says about its sender; edits count as no message."""
    if update.message is not None:
        return _of_message(update.message)
    if update.callback_query is not None:
        return _of_tap(update.callback_query)
    chat, user = update.effective_chat, update.effective_user
    return Knock(
        kind="my_chat_member" if update.my_chat_member else "other",
        user_id=None if user is None else user.id,
        chat_id=None if chat is None else chat.id,
        chat_type=None if chat is None else chat.type,
        is_bot=user is not None and user.is_bot,
    )


def words_of(text: str) -> tuple[str | None, tuple[str, ...]]:
    """Split `/top@name 5` into its command and the words after it."""
    first, *rest = text.split() or [""]
    if not first.startswith("/"):
        return None, (first, *rest)
    return first[1:].partition("@")[0].lower(), tuple(rest)


def _of_message(message: Message) -> Knock:
    user = message.from_user
    is_indirect = any((message.sender_chat, message.via_bot, message.forward_origin))
    return Knock(
        kind="message",
        user_id=None if user is None else user.id,
        chat_id=message.chat.id,
        chat_type=message.chat.type,
        is_bot=user is not None and user.is_bot,
        is_indirect=is_indirect,
        name="" if user is None else user.first_name,
        command=words_of(message.text or "")[0],
    )


def _of_tap(query: CallbackQuery) -> Knock:
    """A tap without its message (inline) or on a message too old still names a chat."""
    message = query.message
    tap = decode(query.data or "")
    return Knock(
        kind="callback_query",
        user_id=query.from_user.id,
        chat_id=None if message is None else message.chat.id,
        chat_type=None if message is None else message.chat.type,
        is_bot=query.from_user.is_bot,
        has_message=message is not None and query.inline_message_id is None,
        name=query.from_user.first_name,
        verb=None if tap is None else tap.verb,
        arg="" if tap is None else tap.arg,
    )
