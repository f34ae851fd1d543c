"""Facts and alerts kept in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.model.alert import Alert
    from core.model.control import Event
    from core.model.preferences import Choice
    from core.model.units import UserId


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


class FakePreferences:
    """Choices that survive a restart of whoever uses them."""

    def __init__(self) -> None:
        self.chosen: dict[tuple[str, UserId | None], Choice] = {}
        self.events: list[Event] = []
        self.facts: dict[str, str] = {}

    async def choices(self) -> tuple[Choice, ...]:
        """Return everything that was chosen."""
        return tuple(self.chosen.values())

    async def save_choice(self, choice: Choice, event: Event) -> None:
        """Keep a choice."""
        self.chosen[choice.key, choice.user_id] = choice
        self.events.append(event)

    async def drop_choice(self, key: str, user_id: UserId | None, event: Event) -> None:
        """Forget a choice."""
        self.chosen.pop((key, user_id), None)
        self.events.append(event)

    async def changes(self, limit: int) -> tuple[Event, ...]:
        """Return changed settings, newest first."""
        found = [each for each in self.events if each.what.startswith("setting ")]
        return tuple(reversed(found))[:limit]

    async def fact(self, key: str) -> str | None:
        """Return a small text."""
        return self.facts.get(key)

    async def save_fact(self, key: str, value: str) -> None:
        """Keep a small text."""
        self.facts[key] = value
