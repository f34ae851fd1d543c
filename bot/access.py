"""User and chat in, a caller with a role or a refusal out; deny by default. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum

from bot.callbacks import Verb
from core.model.units import ChatId, UserId

SYSTEM_IDS = frozenset({1087968824, 136817688, 777000})
"""Telegram's own senders: anonymous admin, channel bot, service notifications."""
COMMANDS_PER_MINUTE = 10
CONFIRMS_PER_MINUTE = 3
TAPS_PER_MINUTE = 60

VIEWER_COMMANDS = frozenset({"start", "help", "top", "matrix", "pos", "positions"}) | {
    "why",
    "health",
    "pnl",
    "log",
    "halt",
    "settings",
}
"""Everything else, known or not, is for owners; whoever sees a fire may halt."""
VIEWER_VERBS = frozenset(
    {
        Verb.SCREEN,
        Verb.REFRESH,
        Verb.PAGE,
        Verb.TOKEN,
        Verb.POSITION,
        Verb.PNL,
        Verb.RETRY,
        Verb.FILTER,
        Verb.SORT,
        Verb.WHY,
    }
)
_LOOKS = re.compile(r"all|full|history|s[a-z]+|k\d{1,2}")
"""What a button of /settings asks for that only shows: lists, groups, one of them."""
UNHURRIED_COMMANDS = frozenset({"pause", "halt"})
"""Never refused for being too fast: stopping must always work."""


class Role(StrEnum):
    """What a caller may do."""

    OWNER = "owner"
    VIEWER = "viewer"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who speaks, and where."""

    user_id: UserId
    chat_id: ChatId
    role: Role
    name: str = ""
    """First name as Telegram tells it; for display only."""

    @property
    def is_owner(self) -> bool:
        """Tell whether the caller may trade."""
        return self.role is Role.OWNER


@dataclass(frozen=True, slots=True)
class People:
    """Who is known, by numeric id: names can change hands, ids cannot."""

    owners: frozenset[int]
    viewers: frozenset[int] = frozenset()

    def role_of(self, user_id: int) -> Role | None:
        """Return the role, None for a stranger."""
        if user_id in self.owners:
            return Role.OWNER
        return Role.VIEWER if user_id in self.viewers else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Knock:
    """What an update says about its sender, in plain fields."""

    kind: str
    """Name of the update's field: message, callback_query, edited_message …"""
    user_id: int | None
    chat_id: int | None
    chat_type: str | None
    is_bot: bool = False
    is_indirect: bool = False
    """Sent for a chat, through another bot, or forwarded."""
    has_message: bool = True
    """False for a button without a message of its own (inline messages)."""
    name: str = ""
    command: str | None = None
    """Typed command without slash and bot name; None for other text."""
    verb: Verb | None = None
    """What a tap asks for; None if its data is not one of ours."""
    arg: str = ""
    """What it says more."""


class RefusalReason(StrEnum):
    """Which check of the gate failed."""

    KIND = "kind"
    SENDER = "sender"
    CHAT = "chat"
    STRANGER = "stranger"
    TOO_FAST = "too_fast"
    VIEW_ONLY = "view_only"


@dataclass(frozen=True, slots=True)
class Refusal:
    """An update that goes no further."""

    reason: RefusalReason
    user_id: int | None
    is_stranger: bool
    """True when the sender is a person we do not know: owners may be told."""
    wait_s: int = 0
    """Seconds until the next try can pass, for TOO_FAST."""

    @property
    def is_answered(self) -> bool:
        """Tell whether the sender hears why; strangers hear nothing at all."""
        return self.reason in {RefusalReason.TOO_FAST, RefusalReason.VIEW_ONLY}


@dataclass(slots=True)
class Bucket:
    """Let a few through at once and then as many a minute."""

    per_minute: int
    _left: dict[int, tuple[float, float]] = field(default_factory=dict)

    def wait_s(self, user_id: int, now_s: float) -> int:
        """Take one and return 0, or return how many seconds to wait."""
        left, since = self._left.get(user_id, (float(self.per_minute), now_s))
        refill = max(0.0, now_s - since) * self.per_minute / 60
        left = min(float(self.per_minute), left + refill)
        if left < 1:
            self._left[user_id] = (left, now_s)
            return max(1, round((1 - left) * 60 / self.per_minute))
        self._left[user_id] = (left - 1, now_s)
        return 0

    def give_back(self, user_id: int) -> None:
        """Undo one that turned out not to count."""
        if user_id in self._left:
            left, since = self._left[user_id]
            self._left[user_id] = (min(float(self.per_minute), left + 1), since)


@dataclass(slots=True)
class Pace:
    """How fast one person may go; the moment is given, never read."""

    commands: Bucket = field(default_factory=lambda: Bucket(COMMANDS_PER_MINUTE))
    confirms: Bucket = field(default_factory=lambda: Bucket(CONFIRMS_PER_MINUTE))
    taps: Bucket = field(default_factory=lambda: Bucket(TAPS_PER_MINUTE))

    def wait_s(self, knock: Knock, user_id: int, now_s: float) -> int:
        """Return 0 if the update may pass now, else the seconds to wait."""
        if knock.command in UNHURRIED_COMMANDS:
            return 0
        if knock.kind == "message":
            return self.commands.wait_s(user_id, now_s)
        bucket = self.confirms if knock.verb is Verb.CONFIRM else self.taps
        return bucket.wait_s(user_id, now_s)


def judge(knock: Knock, people: People, pace: Pace, now_s: float) -> Caller | Refusal:
    """Run the checks in order; the first that fails ends the update."""
    role = None if knock.user_id is None else people.role_of(knock.user_id)
    reason = _who_and_where(knock, role)
    if reason is not None or role is None or knock.user_id is None:
        is_stranger = role is None and _is_person(knock)
        reason = reason or RefusalReason.STRANGER
        return Refusal(reason, knock.user_id, is_stranger=is_stranger)
    wait_s = pace.wait_s(knock, knock.user_id, now_s)
    if wait_s:
        too_fast = RefusalReason.TOO_FAST
        return Refusal(too_fast, knock.user_id, is_stranger=False, wait_s=wait_s)
    if not _may(knock, role):
        return Refusal(RefusalReason.VIEW_ONLY, knock.user_id, is_stranger=False)
    user_id = UserId(knock.user_id)
    return Caller(user_id, ChatId(knock.user_id), role, knock.name)


def may_command(command: str, role: Role) -> bool:
    """Tell whether a role may use a command; an unknown one is for owners."""
    return role is Role.OWNER or command in VIEWER_COMMANDS


def may_tap(verb: Verb | None, role: Role, arg: str = "") -> bool:
    """Tell whether a role may use a button; an unknown one is for owners.

    Viewers read /settings: the same verb shows and changes, and its argument decides.
    """
    if role is Role.OWNER or verb in VIEWER_VERBS:
        return True
    return verb is Verb.SET and _LOOKS.fullmatch(arg) is not None


def _who_and_where(knock: Knock, role: Role | None) -> RefusalReason | None:
    if knock.kind not in {"message", "callback_query"}:
        return RefusalReason.KIND
    if not _is_person(knock) or knock.is_indirect:
        return RefusalReason.SENDER
    is_private = knock.chat_type == "private" and knock.chat_id == knock.user_id
    if not is_private or not knock.has_message:
        return RefusalReason.CHAT
    return RefusalReason.STRANGER if role is None else None


def _is_person(knock: Knock) -> bool:
    is_system = knock.user_id is None or knock.user_id in SYSTEM_IDS
    return not is_system and not knock.is_bot


def _may(knock: Knock, role: Role) -> bool:
    if knock.kind == "callback_query":
        return may_tap(knock.verb, role, knock.arg)
    return knock.command is None or may_command(knock.command, role)
