"""Unit proofs at length: thirty honest days, hundreds of seeded errors, many starts.

`pytest -m campaign tests/campaigns/test_units.py -s` prints the counts.
"""

from __future__ import annotations

import logging
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from core.model.proof import ProofState
from tests.fakes.objects import ALL_VENUES
from tests.unit.core.proofs.world import ProofWorld

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.campaign, pytest.mark.timeout(1800)]

ERRORS = ("8", "0.125", "24", "100", "0.01", "-1")
PATIENCE = 30


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Every seeded error is a warning."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_thirty_honest_days_on_four_venues(seed: int) -> None:
    """Drift, turns, three crashes, intervals from 8 to 4 to 1 hour and back."""
    world = ProofWorld(seed=seed, crash_hours=frozenset({200, 420, 600}))
    await world.look()
    seen: Counter[ProofState] = Counter()
    binance = next(iter(world.payers.values()))
    for day in range(30):
        binance.intervals["T03"] = (8, 4, 1)[day % 3]
        await world.hours(24)
        seen.update(world.state(each) for each in world.payers)
        for venue in world.payers:
            own = world.proofs.of(venue).doubted.values()
            seen.update(each.state for each in own)

    assert seen[ProofState.QUARANTINED] == 0, dict(seen)
    assert world.told() == []


async def test_every_seeded_error_is_found_within_half_an_hour() -> None:
    """On any venue, from the start and while running, in eight different markets."""
    missed = []
    for seed in range(1, 9):
        for venue in ALL_VENUES:
            for factor in ERRORS:
                for is_late in (False, True):
                    world = ProofWorld(seed=seed, tokens=24)
                    if is_late:
                        await world.look()
                        await world.minutes(7)
                    world.payers[venue].factor = Decimal(factor)
                    await world.look()
                    for _ in range(PATIENCE):
                        if world.state(venue) is ProofState.QUARANTINED:
                            break
                        await world.minutes(1)
                    else:
                        missed.append((seed, venue, factor, is_late))
                    others = {world.state(e) for e in world.payers if e != venue}
                    assert ProofState.QUARANTINED not in others

    assert missed == []


async def test_no_start_at_any_hour_accuses_an_honest_venue() -> None:
    """Five days of hourly starts in six markets with two crashes each."""
    states: Counter[ProofState] = Counter()
    for seed in range(1, 7):
        world = ProofWorld(seed=seed, tokens=24, crash_hours=frozenset({30, 90}))
        for _ in range(120):
            await world.clock.sleep(timedelta(hours=1))
            world.restart()
            await world.look()
            states.update(world.state(each) for each in world.payers)

    assert states[ProofState.QUARANTINED] == 0
    assert states[ProofState.PROVEN] > 0.9 * states.total(), dict(states)
