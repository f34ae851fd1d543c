"""Hold the last good answer of a heavy list, and tell when to ask again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.venues.client import Row

_RETRY_AFTER: Final = timedelta(minutes=1)
_FAIR: Final = timedelta(seconds=5)


@dataclass(slots=True)
class KeptList:
    """The last good answer of a list that is not read on every scan."""

    call: str | None
    refresh_after: timedelta
    usable_for: timedelta
    rows: Mapping[str, Row] | None = None
    read_at: float = 0.0
    tried_at: float | None = None

    def is_due(self, now: float) -> bool:
        """Tell whether to ask again; after a failure not before a minute has passed.

        A good answer came after its question, a failed question has no answer after it.
        """
        if self.call is None:
            return False
        if self.rows is None or not self.is_usable(now):
            return True
        is_old = now - self.read_at >= self.refresh_after.total_seconds()
        waited = (
            self.tried_at is None
            or self.tried_at <= self.read_at
            or now - self.tried_at >= _RETRY_AFTER.total_seconds()
        )
        return is_old and waited

    def may_ask(self, now: float, *, is_urgent: bool) -> bool:
        """Tell whether asking early is fair: the last try is not from just now."""
        if self.call is None:
            return False
        pause = _FAIR if is_urgent else _RETRY_AFTER
        return self.tried_at is None or now - self.tried_at >= pause.total_seconds()

    def is_usable(self, now: float) -> bool:
        """Tell whether the last answer may still be believed."""
        age = now - self.read_at
        return self.rows is not None and age <= self.usable_for.total_seconds()

    def keep(self, rows: Mapping[str, Row], now: float) -> None:
        """Replace the last answer."""
        self.rows, self.read_at = rows, now
