"""A week of the pretend venues recorded and replayed: `pytest -m campaign`."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.campaigns.replay import record, replay

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.campaign

STEP = timedelta(minutes=10)
A_WEEK = 7 * 24 * 6


@pytest.mark.timeout(1800)
async def test_a_week_replayed_decides_as_it_did_and_the_seed_decides_the_week(
    tmp_path: Path,
) -> None:
    """1,008 scans of a seeded week, twice, and a day of another seed.

    Silence of a venue, a change of interval and a delisting are part of it.
    """
    first = await record(tmp_path / "first.db", steps=A_WEEK, step=STEP, seed=11)
    await record(tmp_path / "second.db", steps=A_WEEK, step=STEP, seed=11)
    other = await record(tmp_path / "other.db", steps=144, step=STEP, seed=12)

    again = await replay(tmp_path / "first.db")

    assert again == first.decisions
    assert await replay(tmp_path / "second.db") == again
    assert await replay(tmp_path / "other.db") == other.decisions
    assert other.decisions != first.decisions[:144]
    assert first.silent
    assert timedelta(hours=4) in first.intervals
    sys.stdout.write(
        f"{len(again)} scans, {len(set(again))} different rankings,"
        f" {sum(len(ranked) for ranked, _ in again)} ranked pairs, all decided alike\n"
    )
