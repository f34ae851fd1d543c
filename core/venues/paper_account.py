"""Keep a paper account in memory exactly as it is stored.

Every use holds the lock. A write is one transaction; memory follows only after it, and
is read anew after a write whose end nobody saw.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from core.venues.paper_state import read_state

if TYPE_CHECKING:
    from decimal import Decimal

    from core.model.units import VenueId
    from core.ports import PaperLedger
    from core.venues.paper_state import PaperState, StateChange


class PaperAccount:
    """One account and its stored books."""

    def __init__(
        self, venue_id: VenueId, ledger: PaperLedger, start_usd: Decimal
    ) -> None:
        self.lock = asyncio.Lock()
        self._venue_id = venue_id
        self._ledger = ledger
        self._start_usd = start_usd
        self._state: PaperState | None = None
        self._is_interrupted = False

    async def read(self) -> PaperState:
        """Return the account as it is now.

        Raises:
            StorageError: the books cannot be read.
        """
        async with self.lock:
            return await self.loaded()

    async def loaded(self) -> PaperState:
        """Return the account; the caller holds the lock.

        Raises:
            StorageError: the books cannot be read.
        """
        if self._state is None:
            if self._is_interrupted:  # queue behind a write that may still run
                await self._ledger.save_paper(self._venue_id, {})
            rows = await self._ledger.paper_state(self._venue_id)
            self._state = read_state(rows, self._start_usd)
            self._is_interrupted = False
        return self._state

    async def write(self, state: PaperState, change: StateChange) -> None:
        """Write a change, then follow it in memory; the caller holds the lock.

        Raises:
            StorageError: the end of the write is not known; the next use reads anew.
        """
        self._state, self._is_interrupted = None, True
        change = replace(change, wallet=change.wallet or state.wallet)
        await self._ledger.save_paper(self._venue_id, change.rows())
        state.apply(change)
        self._state, self._is_interrupted = state, False
