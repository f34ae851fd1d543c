"""A house for every journey."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.journeys.house import open_house

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.journeys.house import House


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """Open a bot with the usual settings; what it sent is checked at the end."""
    async with open_house(tmp_path) as opened:
        yield opened
