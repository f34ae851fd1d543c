"""The history file at the start: shared, damaged or out of reach, the bot starts."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from bot.wiring.engine import open_past
from core.errors import StorageError
from tests.fakes.history import later, two_venues
from tests.fakes.runtime import FakeClock

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_second_bot_reads_what_the_first_one_writes(tmp_path: Path) -> None:
    """Paper and live side by side share one record of the market."""
    async with AsyncExitStack() as stack:
        first = await open_past(tmp_path, FakeClock(), stack)
        assert first is not None
        await first.record(two_venues())

        second = await open_past(tmp_path, FakeClock(), stack)

        assert second is not None
        assert await second.scans(None, 10) == (two_venues(),)
        with pytest.raises(StorageError, match="only read"):
            await second.record(later(two_venues(), 1))


async def test_a_damaged_history_is_replaced(tmp_path: Path) -> None:
    """Market data of the past must never keep a bot with open pairs from starting."""
    (tmp_path / "history.db").write_bytes(b"no database at all" * 100)

    async with AsyncExitStack() as stack:
        past = await open_past(tmp_path, FakeClock(), stack)

        assert past is not None
        await past.record(two_venues())


async def test_somebody_elses_file_leaves_the_bot_without_a_record(
    tmp_path: Path,
) -> None:
    """A folder in the file's place: statistics live in memory alone."""
    (tmp_path / "history.db").mkdir()

    async with AsyncExitStack() as stack:
        assert await open_past(tmp_path, FakeClock(), stack) is None
