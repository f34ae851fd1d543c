"""Updates on their way to the bot: one queue, confirmed by the next getUpdates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.telegram.refusals import Refused

if TYPE_CHECKING:
    from sandbox.clock import SandboxClock
    from sandbox.telegram.pulse import Pulse

HELD_MS = 24 * 3600 * 1000
_LIMIT = 100
_NEVER_BY_DEFAULT = {"chat_member", "message_reaction", "message_reaction_count"}


@dataclass(slots=True)
class Update:
    """One update as the bot will read it."""

    body: dict[str, Any]
    at_ms: int
    is_repeat: bool = False

    @property
    def id(self) -> int:
        """Return the number that a later offset confirms."""
        return int(self.body["update_id"])


class UpdateQueue:
    """Holds updates for 24 h, delivers them in order, forgets the confirmed ones."""

    def __init__(self, *, clock: SandboxClock, pulse: Pulse) -> None:
        self._clock = clock
        self._pulse = pulse
        self._poller = 0
        self.next_id = 1001
        self.allowed: list[str] | None = None
        self.pending: list[Update] = []

    def push(self, kind: str, content: dict[str, Any]) -> dict[str, Any]:
        """Queue an update, unless the bot did not ask for this kind; return it."""
        body = {"update_id": self.next_id, kind: content}
        self.next_id += 1
        if self._is_wanted(kind):
            self.pending.append(Update(body, self._clock.now_ms()))
            self._pulse.ring()
        return body

    def repeat(self, body: dict[str, Any], *, new_id: bool) -> dict[str, Any]:
        """Deliver an update once more, under its own or under a fresh id."""
        if new_id:
            body = body | {"update_id": self.next_id}
            self.next_id += 1
        self.pending.append(Update(body, self._clock.now_ms(), is_repeat=not new_id))
        self._pulse.ring()
        return body

    def _is_wanted(self, kind: str) -> bool:
        if self.allowed:
            return kind in self.allowed
        return kind not in _NEVER_BY_DEFAULT

    async def poll(
        self, *, offset: int, limit: int, timeout_s: float
    ) -> list[dict[str, Any]]:
        """Wait for updates; a newer poll ends an older one.

        Raises:
            Refused: 409, if another poll started meanwhile.
        """
        self._poller += 1
        mine = self._poller
        self._pulse.ring()
        self._confirm(offset)
        await self._pulse.until(
            lambda: bool(self.pending) or self._poller != mine, timeout_s
        )
        if self._poller != mine:
            raise Refused(
                409,
                "Conflict: terminated by other getUpdates request; "
                "make sure that only one bot instance is running",
            )
        self._drop_old()
        batch = self.pending[: max(1, min(limit, _LIMIT))]
        # A repeated update carries an id that is confirmed already: send it once.
        self.pending = [
            one for one in self.pending if not (one.is_repeat and one in batch)
        ]
        return [one.body for one in batch]

    def _confirm(self, offset: int) -> None:
        self._drop_old()
        if offset < 0:
            self.pending = self.pending[offset:]
        elif offset:
            self.pending = [
                one for one in self.pending if one.id >= offset or one.is_repeat
            ]

    def _drop_old(self) -> None:
        limit = self._clock.now_ms() - HELD_MS
        self.pending = [one for one in self.pending if one.at_ms >= limit]
