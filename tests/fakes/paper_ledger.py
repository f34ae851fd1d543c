"""Paper books in memory, with a crash before or after the commit on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.model.units import VenueId


class FakePaperLedger:
    """Keeps every venue's rows; survives the PaperVenue object like a file would."""

    def __init__(self) -> None:
        self.rows: dict[VenueId, dict[str, str]] = {}
        self.writes: list[Mapping[str, str | None]] = []
        self.fails_before_commit = False
        self.fails_after_commit = False
        self.fails_reading = False

    async def paper_state(self, venue_id: VenueId) -> Mapping[str, str]:
        """Return a venue's rows."""
        if self.fails_reading:
            msg = "the paper books cannot be read"
            raise StorageError(msg)
        return dict(self.rows.get(venue_id, {}))

    async def save_paper(
        self, venue_id: VenueId, rows: Mapping[str, str | None]
    ) -> None:
        """Write rows together."""
        if self.fails_before_commit:
            msg = "the paper books cannot be written"
            raise StorageError(msg)
        self.writes.append(rows)
        stored = self.rows.setdefault(venue_id, {})
        for key, text in rows.items():
            if text is None:
                stored.pop(key, None)
            else:
                stored[key] = text
        if self.fails_after_commit:
            msg = "the answer of the paper books was lost"
            raise StorageError(msg)
