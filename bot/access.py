"""User and chat in, a caller with a role or a refusal out; deny by default. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from core.model.units import ChatId, UserId


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
