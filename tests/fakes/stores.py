"""Stores that keep one thing in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.model.instrument import Availability


class MemoryAvailability:
    """One saved availability cache."""

    def __init__(self) -> None:
        self.saved: Availability | None = None

    async def load_availability(self) -> Availability | None:
        """Return what was saved."""
        return self.saved

    async def save_availability(self, value: Availability) -> None:
        """Keep it."""
        self.saved = value
