"""Keeps the pretend venues' accounts on disk: a change in, one JSON file out.

The file is replaced as a whole before the reply goes out that the change belongs to.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from sandbox.venues.accounts import freeze, thaw

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sandbox.venues.desk import Desk


class AccountsFile:
    """The accounts of all venues in one file."""

    def __init__(self, desks: Mapping[str, Desk], folder: Path) -> None:
        self._desks = desks
        self._path = folder / "accounts.json"
        self._turn = asyncio.Lock()
        self._kept = -1

    async def start(self) -> None:
        """Read what an earlier run left.

        Raises:
            ValueError: the file is not ours; it is left as it is.
        """
        text = await asyncio.to_thread(self._read)
        if text is not None:
            kept: dict[str, Any] = json.loads(text)
            for venue, raw in kept.items():
                self._desks[venue].account = thaw(raw)
        self._kept = self._revision()

    async def save(self) -> None:
        """Write if anything has changed since the last time."""
        async with self._turn:
            revision = self._revision()
            if revision == self._kept:
                return
            accounts = {
                venue: freeze(desk.account) for venue, desk in self._desks.items()
            }
            await asyncio.to_thread(self._write, json.dumps(accounts))
            self._kept = revision

    def _revision(self) -> int:
        return sum(desk.revision for desk in self._desks.values())

    def _read(self) -> str | None:
        return self._path.read_text("utf-8") if self._path.exists() else None

    def _write(self, text: str) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_suffix(".draft")
        draft.write_text(text, "utf-8")
        draft.replace(self._path)
