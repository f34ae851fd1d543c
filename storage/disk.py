"""Tell how the disk under the record is doing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from storage.columns import to_ms
from storage.files import free_bytes
from storage.preference_store import SqlitePreferences

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from core.model.disk import WriteTrouble
    from storage.ballast import Ballast
    from storage.database import Database

_PROBE = "disk_probed_at_ms"


class DataDisk:
    """The port Disk on one folder and its database."""

    def __init__(
        self,
        database: Database,
        folder: Path,
        ballast: Ballast,
        free: Callable[[Path], int] = free_bytes,
    ) -> None:
        self._database = database
        self._folder = folder
        self._ballast = ballast
        self._free = free

    @property
    def trouble(self) -> WriteTrouble | None:
        """Return since when nothing can be written and why; None after a good write."""
        return self._database.trouble

    async def probe(self) -> None:
        """Write something that does not matter.

        Raises:
            StorageError: it was not written.
        """
        now_ms = str(to_ms(self._database.clock.now()))
        await SqlitePreferences(self._database).save_fact(_PROBE, now_ms)

    async def free_bytes(self) -> int:
        """Return the room left."""
        return await asyncio.to_thread(self._free, self._folder)

    async def has_reserve(self) -> bool:
        """Tell whether the room for closing on a full disk is held."""
        return await asyncio.to_thread(lambda: self._ballast.is_laid)

    async def hold_reserve(self) -> bool:
        """Hold that room again; False if the disk does not have it."""
        return await asyncio.to_thread(self._ballast.lay)
