"""Hold what a venue says of an account before it may trade."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class KeyRights:
    """What a key may do; None where the venue does not tell."""

    can_trade: bool | None
    can_withdraw: bool | None
    """Withdraw or transfer: a key that may is too strong for a bot."""
    is_bound_to_ip: bool | None = None
    expires_at: datetime | None = None
    """None is never, or not told."""
    problem: str | None = None
    """Why the key must not be used, in plain words; None if nothing is known."""
