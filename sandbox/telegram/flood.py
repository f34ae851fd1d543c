"""Limits on how fast a bot may write. Counted in real seconds.

Telegram publishes: 1 message a second in a chat, 30 a second over all, 20 a minute in a
group. The bursts are our own bounds (Telegram publishes none). Edits count apart from
new messages.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sandbox.telegram.refusals import too_many_requests

if TYPE_CHECKING:
    from collections.abc import Callable

_SEND_BURST = 3.0
_EDIT_BURST = 5.0
_OVERALL = 30.0
_GROUP_PER_MINUTE = 20
_MINUTE_S = 60.0


@dataclass(slots=True)
class _Bucket:
    """Tokens that come back with time."""

    size: float
    per_s: float
    level: float
    at: float

    def wait_s(self, now: float) -> float:
        """Refill, then tell how long until one token is there (0 = now)."""
        self.level = min(self.size, self.level + (now - self.at) * self.per_s)
        self.at = now
        return max(0.0, (1 - self.level) / self.per_s)


@dataclass(slots=True)
class FloodControl:
    """Counts what the bot writes and refuses what is too fast."""

    monotonic: Callable[[], float]
    is_on: bool = True
    _buckets: dict[tuple[str, int], _Bucket] = field(default_factory=dict)
    _group_times: dict[int, list[float]] = field(default_factory=dict)

    def count(self, chat_id: int, *, is_edit: bool = False) -> None:
        """Count one message or edit.

        Raises:
            Refused: 429; a refused call is not counted.
        """
        if not self.is_on:
            return
        now = self.monotonic()
        burst = _EDIT_BURST if is_edit else _SEND_BURST
        chat = self._bucket(("edit" if is_edit else "send", chat_id), burst, 1.0, now)
        overall = self._bucket(("overall", 0), _OVERALL, _OVERALL, now)
        wait = max(chat.wait_s(now), overall.wait_s(now), self._group(chat_id, now))
        if wait > 0:
            raise too_many_requests(math.ceil(wait))
        chat.level -= 1
        overall.level -= 1
        if chat_id < 0:
            self._group_times.setdefault(chat_id, []).append(now)

    def _bucket(
        self, key: tuple[str, int], size: float, per_s: float, now: float
    ) -> _Bucket:
        return self._buckets.setdefault(key, _Bucket(size, per_s, size, now))

    def _group(self, chat_id: int, now: float) -> float:
        times = [t for t in self._group_times.get(chat_id, []) if now - t < _MINUTE_S]
        self._group_times[chat_id] = times
        return _MINUTE_S - (now - times[0]) if len(times) >= _GROUP_PER_MINUTE else 0.0
