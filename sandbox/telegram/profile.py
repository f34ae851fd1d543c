"""Bot API methods about the bot itself: who it is, its commands, its webhook."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sandbox.telegram.refusals import refuse

if TYPE_CHECKING:
    from sandbox.telegram.memory import Memory
    from sandbox.telegram.model import Json
    from sandbox.telegram.params import Params

MAX_COMMANDS = 100
MAX_COMMAND_DESCRIPTION = 256
_MAX_DESCRIPTION = {"description": 512, "short_description": 120, "name": 64}
_COMMAND = re.compile(r"/?[a-z0-9_]{1,32}")
_WITH_CHAT = {"chat", "chat_administrators", "chat_member"}
_SCOPES = _WITH_CHAT | {
    "default",
    "all_private_chats",
    "all_group_chats",
    "all_chat_administrators",
}


def get_me(memory: Memory, _params: Params) -> Json:
    """Tell who the bot is."""
    return memory.bot_wire() | {
        "can_join_groups": True,
        "can_read_all_group_messages": False,
        "supports_inline_queries": False,
        "can_connect_to_business": False,
        "has_main_web_app": False,
        "has_topics_enabled": False,
        "allows_users_to_create_topics": False,
        "can_manage_bots": False,
    }


def set_my_commands(memory: Memory, params: Params) -> bool:
    """Register the commands that people of one scope see."""
    memory.has_set_commands = True
    asked = params.structure("commands")
    if not isinstance(asked, list):
        refuse("can't parse commands JSON object")
    if len(asked) > MAX_COMMANDS:
        refuse("BOT_COMMANDS_TOO_MUCH")
    commands = [_read_command(one) for one in asked]
    memory.commands[_scope_key(memory, params)] = commands
    memory.changed()
    return True


def _read_command(raw: Json) -> Json:
    name = str(raw.get("command", ""))
    if not _COMMAND.fullmatch(name):
        refuse("BOT_COMMAND_INVALID")
    description = str(raw.get("description", "")).strip()
    if not 1 <= len(description) <= MAX_COMMAND_DESCRIPTION:
        refuse("BOT_COMMAND_DESCRIPTION_INVALID")
    return {"command": name.removeprefix("/"), "description": description}


def get_my_commands(memory: Memory, params: Params) -> list[Json]:
    """Return what is registered for exactly one scope."""
    return memory.commands.get(_scope_key(memory, params), [])


def delete_my_commands(memory: Memory, params: Params) -> bool:
    """Forget the commands of one scope."""
    memory.has_set_commands = True
    memory.commands.pop(_scope_key(memory, params), None)
    memory.changed()
    return True


def commands_seen_by(memory: Memory, user_id: int) -> list[Json]:
    """Return the menu of a user's private chat: the narrowest scope wins."""
    for key in (f"chat:{user_id}", "all_private_chats", "default"):
        if memory.commands.get(key):
            return memory.commands[key]
    return []


def _scope_key(memory: Memory, params: Params) -> str:
    scope = params.structure("scope") or {"type": "default"}
    kind = scope.get("type")
    if kind not in _SCOPES:
        refuse("can't parse BotCommandScope: unsupported type specified")
    language = params.text("language_code")
    suffix = f"@{language}" if language else ""
    if kind not in _WITH_CHAT:
        return f"{kind}{suffix}"
    chat_id = scope.get("chat_id")
    chat = memory.chats.get(chat_id) if isinstance(chat_id, int) else None
    # The real server knows a private chat only after the user has pressed Start.
    if chat is None or not chat.is_started:
        refuse("chat not found")
    member = f":{scope['user_id']}" if kind == "chat_member" else ""
    return f"{kind}:{chat_id}{member}{suffix}"


def delete_webhook(memory: Memory, params: Params) -> bool:
    """Confirm that there is no webhook; optionally drop what waits."""
    if params.flag("drop_pending_updates"):
        memory.updates.pending.clear()
    return True


def get_webhook_info(memory: Memory, _params: Params) -> Json:
    """Tell that there is no webhook and how many updates wait."""
    waiting = len(memory.updates.pending)
    info: Json = {
        "url": "",
        "has_custom_certificate": False,
        "pending_update_count": waiting,
    }
    allowed = memory.updates.allowed
    return info | ({"allowed_updates": allowed} if allowed else {})


def set_chat_menu_button(_memory: Memory, _params: Params) -> bool:
    """Accept any menu button; the page always shows the commands."""
    return True


def set_my_name(memory: Memory, params: Params) -> bool:
    """Set the name."""
    return _describe(memory, params, "name")


def set_my_description(memory: Memory, params: Params) -> bool:
    """Set what an empty chat shows."""
    return _describe(memory, params, "description")


def set_my_short_description(memory: Memory, params: Params) -> bool:
    """Set what the profile shows."""
    return _describe(memory, params, "short_description")


def _describe(memory: Memory, params: Params, field: str) -> bool:
    text = params.text(field)
    if len(text) > _MAX_DESCRIPTION[field]:
        refuse(f"{field.upper()}_TOO_LONG")
    memory.descriptions[field] = text
    memory.changed()
    return True


def get_my_description(memory: Memory, _params: Params) -> Json:
    """Return what an empty chat shows."""
    return {"description": memory.descriptions.get("description", "")}


def get_my_short_description(memory: Memory, _params: Params) -> Json:
    """Return what the profile shows."""
    return {"short_description": memory.descriptions.get("short_description", "")}
