"""An open database on virtual time for every test that asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from storage.database import Database
from tests.fakes.runtime import FakeClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the database goes."""
    return tmp_path / "data" / "paper.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    """Give an empty database and close it."""
    opened = await Database.open(path, clock=FakeClock())
    try:
        yield opened
    finally:
        await opened.close()
