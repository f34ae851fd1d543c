"""Bot API methods that write, change, remove or answer something in a chat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.telegram.entities import Formatted, parse_html, trim, utf16_length
from sandbox.telegram.markup import read_markup
from sandbox.telegram.model import BOT_ID, Answer, Render
from sandbox.telegram.refusals import refuse

if TYPE_CHECKING:
    from sandbox.telegram.markup import Markup
    from sandbox.telegram.memory import Memory
    from sandbox.telegram.model import Chat, ChatMessage, Json
    from sandbox.telegram.params import Params

MAX_TEXT = 4096
MAX_CAPTION = 1024
MAX_TOAST = 200
_PNG = b"\x89PNG\r\n\x1a\n"
_MAX_PHOTO = 10 * 1024 * 1024
_MAX_SIDES = 10_000
_MAX_RATIO = 20
_DELETABLE_S = 48 * 3600
_NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are "
    "exactly the same as a current content and reply markup of the message"
)


def send_message(memory: Memory, params: Params) -> Json:
    """Send a text; the flood limit counts only what passes all other checks."""
    chat = _chat(memory, params)
    formatted = _formatted(params, "text", "entities")
    if not formatted.text:
        refuse("message text is empty")
    if utf16_length(formatted.text) > MAX_TEXT:
        refuse("message is too long")
    return _post(memory, chat, params, formatted)


def send_document(memory: Memory, params: Params) -> Json:
    """Send a file."""
    return _send_file(memory, params, "document")


def send_photo(memory: Memory, params: Params) -> Json:
    """Send a picture: a PNG, within the sizes that Telegram takes."""
    return _send_file(memory, params, "photo")


def _send_file(memory: Memory, params: Params, kind: str) -> Json:
    chat = _chat(memory, params)
    formatted = _formatted(params, "caption", "caption_entities")
    if utf16_length(formatted.text) > MAX_CAPTION:
        refuse("message caption is too long")
    name, content = params.text(kind), params.files.get(kind)
    if not name or content is None:
        refuse(f"there is no {kind} in the request")
    if not content:
        refuse("file must be non-empty")
    size = _picture_size(content) if kind == "photo" else None
    number = memory.keep_file(name, content)
    file: Json = {"file_id": number, "file_unique_id": number}
    shown: Any = file | {"file_name": name, "file_size": len(content)}
    if size is not None:
        shown = [file | {"width": size[0], "height": size[1]}]
    return _post(memory, chat, params, formatted, attachment={kind: shown})


def _picture_size(content: bytes) -> tuple[int, int]:
    """Return width and height of a PNG, or refuse what Telegram would."""
    if not content.startswith(_PNG):
        refuse("IMAGE_PROCESS_FAILED")
    width = int.from_bytes(content[16:20], "big")
    height = int.from_bytes(content[20:24], "big")
    is_thin = max(width, height) > _MAX_RATIO * min(width, height)
    if len(content) > _MAX_PHOTO or width + height > _MAX_SIDES or is_thin:
        refuse("PHOTO_INVALID_DIMENSIONS")
    return width, height


def _post(
    memory: Memory,
    chat: Chat,
    params: Params,
    formatted: Formatted,
    attachment: Json | None = None,
) -> Json:
    markup = read_markup(params.structure("reply_markup"))
    reply_to = _reply_to(chat, params)
    memory.flood.count(chat.id)
    message = memory.new_message(chat, BOT_ID, formatted.text)
    message.entities = formatted.entities
    message.rows = markup.rows
    message.asks_reply = markup.asks_reply
    message.protected = params.flag("protect_content")
    message.silent = params.flag("disable_notification")
    message.reply_to = reply_to
    message.attachment = attachment
    memory.record_render(message)
    memory.changed(message)
    return memory.message_wire(message)


def _reply_to(chat: Chat, params: Params) -> int | None:
    asked = params.structure("reply_parameters") or {}
    message_id = asked.get("message_id")
    if message_id is None:
        return None
    target = chat.messages.get(int(message_id))
    if target is None or target.deleted:
        if asked.get("allow_sending_without_reply"):
            return None
        refuse("message to be replied not found")
    return target.id


def edit_message_text(memory: Memory, params: Params) -> Json:
    """Replace text and keyboard of an own message."""
    message = _own_message(memory, params, "edit")
    formatted = _formatted(params, "text", "entities")
    if not formatted.text:
        refuse("message text is empty")
    if utf16_length(formatted.text) > MAX_TEXT:
        refuse("MESSAGE_TOO_LONG")
    if message.attachment is not None:
        refuse("there is no text in the message to edit")
    return _change(memory, message, formatted, _inline_markup(params))


def edit_message_reply_markup(memory: Memory, params: Params) -> Json:
    """Replace the keyboard of an own message."""
    message = _own_message(memory, params, "edit")
    same = Formatted(message.text, message.entities)
    return _change(memory, message, same, _inline_markup(params))


def _inline_markup(params: Params) -> Markup:
    markup = read_markup(params.structure("reply_markup"))
    if markup.asks_reply:
        refuse("inline keyboard expected")
    return markup


def _change(
    memory: Memory, message: ChatMessage, formatted: Formatted, markup: Markup
) -> Json:
    before = (message.text, message.entities, message.rows)
    if before == (formatted.text, formatted.entities, markup.rows):
        refuse(_NOT_MODIFIED)
    memory.flood.count(message.chat_id, is_edit=True)
    message.text, message.entities = formatted
    message.rows = markup.rows
    message.edited_at = max(memory.now_s(), 1)
    memory.record_render(message)
    memory.changed(message)
    return memory.message_wire(message)


def delete_message(memory: Memory, params: Params) -> bool:
    """Delete a message that is at most 48 h old."""
    chat = _chat(memory, params)
    message = chat.messages.get(params.integer("message_id") or 0)
    if message is None or message.deleted:
        refuse("message to delete not found")
    if memory.now_s() - message.date > _DELETABLE_S:
        refuse("message can't be deleted for everyone")
    message.deleted = True
    memory.changed(message)
    return True


def forward_message(memory: Memory, params: Params) -> Json:
    """Send a copy of a message to another chat, unless it is protected."""
    chat = _chat(memory, params)
    source = memory.chats.get(params.integer("from_chat_id") or 0)
    original = source and source.messages.get(params.integer("message_id") or 0)
    if not original or original.deleted:
        refuse("message to forward not found")
    if original.protected:
        refuse("the message can't be forwarded")
    formatted = Formatted(original.text, original.entities)
    wire = _post(memory, chat, params, formatted)
    copy = chat.messages[wire["message_id"]]
    copy.forward_origin = {
        "type": "user",
        "date": original.date,
        "sender_user": memory.user_wire(original.from_id),
    }
    return memory.message_wire(copy)


def pin_chat_message(memory: Memory, params: Params) -> bool:
    """Pin a message."""
    chat = _chat(memory, params)
    message = chat.messages.get(params.integer("message_id") or 0)
    if message is None or message.deleted:
        refuse("message to pin not found")
    message.pinned = True
    memory.changed(message)
    return True


def answer_callback_query(memory: Memory, params: Params) -> bool:
    """Answer a tap: once, in time, with at most 200 characters."""
    query = memory.queries.get(params.text("callback_query_id"))
    answer = Answer(
        params.text("text"), params.flag("show_alert"), params.text("url") or None
    )
    if query is not None and query.answers:
        query.answers.append(answer)
    if (
        query is None
        or len(query.answers) > 1
        or memory.clock.monotonic() - query.tapped_at > memory.query_ttl_s
    ):
        refuse("query is too old and response timeout expired or query ID is invalid")
    if utf16_length(answer.text) > MAX_TOAST:
        refuse("MESSAGE_TOO_LONG")
    query.answers.append(answer)
    memory.renders.append(Render(query.user_id, 0, answer.text))
    memory.changed()
    return True


def send_chat_action(memory: Memory, params: Params) -> bool:
    """Show "typing"; nothing is kept."""
    _chat(memory, params)
    if not params.text("action"):
        refuse("wrong parameter action in request")
    return True


def leave_chat(memory: Memory, params: Params) -> bool:
    """Leave a group."""
    chat = _chat(memory, params)
    if chat.is_private:
        refuse("chat member status can't be changed in private chats")
    chat.has_left = True
    memory.changed()
    return True


def get_chat(memory: Memory, params: Params) -> Json:
    """Describe a chat."""
    chat = _chat(memory, params)
    return memory.chat_wire(chat) | {
        "accent_color_id": 0,
        "max_reaction_count": 11,
        "accepted_gift_types": {
            "unlimited_gifts": False,
            "limited_gifts": False,
            "unique_gifts": False,
            "premium_subscription": False,
            "gifts_from_channels": False,
        },
    }


def _chat(memory: Memory, params: Params) -> Chat:
    if not params.text("chat_id"):
        refuse("chat_id is empty")
    return memory.reachable(params.integer("chat_id"))


def _own_message(memory: Memory, params: Params, verb: str) -> ChatMessage:
    if params.text("inline_message_id"):
        refuse("MESSAGE_ID_INVALID")
    chat = _chat(memory, params)
    message = chat.messages.get(params.integer("message_id") or 0)
    if message is None or message.deleted:
        refuse(f"message to {verb} not found")
    if not message.is_from_bot or message.forward_origin:
        refuse(f"message can't be {verb}ed")
    return message


def _formatted(params: Params, field: str, entities_field: str) -> Formatted:
    mode = params.text("parse_mode").lower()
    text = params.text(field)
    if mode == "html":
        return parse_html(text)
    if mode:
        refuse("unsupported parse_mode: the stand-in reads HTML only")
    return trim(Formatted(text, params.structure(entities_field) or []))
