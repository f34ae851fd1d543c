"""Every scan in; on the way out, what each spread's past says of it.

All of it is kept in memory, so that a scan can ask without waiting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.model.history import SpreadStats
    from core.model.market import FundingSnapshot
    from core.model.opportunity import ScanResult


class History:
    """What is remembered of every contract's rate."""

    async def note(self, result: ScanResult) -> None:
        """Remember a scan."""

    def stats(
        self, long: FundingSnapshot, short: FundingSnapshot
    ) -> SpreadStats | None:
        """Return how this pair's spread has been, None when nothing is known of it."""
        del long, short
        return None
