"""Days with several pairs, faults on: every cent and every payment is accounted for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.campaigns.month import play

if TYPE_CHECKING:
    from pathlib import Path


async def _played(folder: Path, days: int, pairs: int, stride: int = 2) -> None:
    played = await play(folder, days, pairs, seed=1, stride=stride)
    month = played.month
    assert not month.problems, "\n".join(played.lines())
    assert len(month.outcomes) >= pairs
    assert sum(each.payments for each in month.outcomes.values()) > 0
    assert month.done["adl"] + month.done["liquidation"] > 0
    assert month.done["restarts"] > 0


@pytest.mark.journey
@pytest.mark.timeout(120)
async def test_a_day_with_two_pairs_ends_with_every_cent_explained(
    tmp_path: Path,
) -> None:
    """Our result of each pair is what the venues' own books say, leg by leg.

    A leg is deleveraged, another liquidated, the bot restarted, reads and orders fail.
    """
    await _played(tmp_path, days=1, pairs=2, stride=4)


@pytest.mark.campaign
@pytest.mark.timeout(1800)
async def test_a_month_with_ten_pairs_ends_with_every_cent_explained(
    tmp_path: Path,
) -> None:
    """Dead venues for hours, restarts, legs lost, a changed interval: to the cent."""
    await _played(tmp_path, days=30, pairs=10)
