"""What was recorded, judged again: every decision is the one that was taken then."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from tests.campaigns.replay import record, replay

if TYPE_CHECKING:
    from pathlib import Path

STEP = timedelta(minutes=10)


async def test_two_hours_of_scans_is_decided_again_as_it_was(tmp_path: Path) -> None:
    """A replay that decides otherwise proves nothing about tomorrow."""
    told = await record(tmp_path / "history.db", steps=12, step=STEP)

    again = await replay(tmp_path / "history.db")

    assert again == told.decisions
    assert len(again) == 12
    assert all(ranked for ranked, _ in again)
    assert len(set(again)) > 1
    assert told.silent
