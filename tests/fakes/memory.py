"""Facts and alerts kept in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.model.alert import Alert


class FakeAlertMemory:
    """Facts that survive a restart of whoever uses them."""

    def __init__(self) -> None:
        self.facts: dict[str, Mapping[str, str]] = {}

    async def recall(self) -> Mapping[str, Mapping[str, str]]:
        """Return all facts."""
        return dict(self.facts)

    async def remember(self, key: str, facts: Mapping[str, str] | None) -> None:
        """Keep or forget."""
        if facts is None:
            self.facts.pop(key, None)
        else:
            self.facts[key] = facts


class FakePutbox:
    """The storing half of the outbox."""

    def __init__(self) -> None:
        self.alerts: list[Alert] = []

    async def put(self, alert: Alert) -> bool:
        """Keep an alert, once per key."""
        if any(each.dedupe_key == alert.dedupe_key for each in self.alerts):
            return False
        self.alerts.append(alert)
        return True
