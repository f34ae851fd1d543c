"""kill -9 at every side of every write of a trade, then at moments nobody chose.

    make soak                  all of it, some minutes
    SHARE=8 KILLS=10 make soak every eighth write and ten moments by chance

The seed of the chance is printed; SEED=n repeats it.
"""

from __future__ import annotations

import asyncio
import os
import random
from typing import TYPE_CHECKING

import pytest

from tests.journeys.crashing import AFTER, BEFORE, Moment
from tests.journeys.killed import (
    BASE,
    Story,
    audit,
    let_workshop_be_called,
    open_and_close,
    open_machine,
    tell_stories,
    tell_story,
)

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.campaign, pytest.mark.timeout(3600)]
SHARE = int(os.environ.get("SHARE", "1"))
KILLS = int(os.environ.get("KILLS", "60"))
SEED = int(os.environ.get("SEED", random.randrange(1_000_000)))
AT_ONCE = 6
LONGEST_S = 1.5
"""An entry or a close takes about a second."""


LEG2 = (
    Moment("leg2 + entry 2", AFTER),
    Moment("extended fill", AFTER),
    Moment("answer of entry 2", BEFORE),
    Moment("open", BEFORE),
)
TWICE = (
    (Moment("lighter fill", AFTER), LEG2),
    (Moment("leg2 + entry 2", BEFORE), LEG2),
    (Moment("balance", BEFORE), (Moment("balance", AFTER), Moment("open", AFTER))),
    (
        Moment("lighter fill", AFTER, 2),
        (Moment("close2 + close 2", AFTER), Moment("extended fill", AFTER)),
    ),
)
"""A first cut, and the second ones that can fall into its repair."""


@pytest.fixture(autouse=True)
def _workshop() -> None:
    let_workshop_be_called()


def _report(stories: list[Story]) -> None:
    print(*stories, sep="\n")  # noqa: T201 - the table is what the run is for
    wrong = [str(story) for story in stories if story.wrongs]
    assert wrong == []


async def test_at_every_side_of_every_write(tmp_path: Path) -> None:
    """No write may be the one at which a cut costs money or silence."""
    async with open_machine(tmp_path / "plain") as machine:
        await machine.start()
        await open_and_close(machine)
        moments = machine.writes()[::SHARE]

    stories = await tell_stories(tmp_path, moments, AT_ONCE)

    _report(list(stories.values()))
    assert all(story.was_killed for story in stories.values())


async def test_twice_in_a_row(tmp_path: Path) -> None:
    """A second cut falls into the repair of the first."""
    stories = [
        await tell_story(tmp_path / f"{number}-{second.write}", first, second)
        for number, (first, seconds) in enumerate(TWICE)
        for second in seconds
    ]

    _report(stories)


async def test_at_moments_nobody_chose(tmp_path: Path) -> None:
    """Between two writes there are answers, messages and half-written pages."""
    print(f"SEED={SEED}")  # noqa: T201 - to repeat the run
    chance = random.Random(SEED)
    turns = asyncio.Semaphore(AT_ONCE)
    delays = [chance.uniform(0, LONGEST_S) for _ in range(KILLS)]

    async def tell(number: int, delay_s: float) -> Story:
        async with turns:
            folder = tmp_path / str(number)
            return await _killed_after(folder, delay_s, is_close=bool(number % 2))

    _report(
        await asyncio.gather(
            *(tell(number, each) for number, each in enumerate(delays))
        )
    )


async def _killed_after(folder: Path, delay_s: float, *, is_close: bool) -> Story:
    """Tap, take the power away so much later, come back; `is_close` cuts the close."""
    story = Story(
        (Moment(f"{'close' if is_close else 'open'} {delay_s:.3f} s", AFTER),)
    )
    async with open_machine(folder) as machine:
        await machine.start()
        card = await machine.quote(f"/open {BASE}", f"Open {BASE}?")
        assert card is not None
        if is_close:
            await machine.tap(card, "✅ Open")
            await machine.until(machine.is_at_rest, "it never opens")
            card = await machine.quote("/close", f"Close {BASE}?")
            assert card is not None
        tapping = asyncio.ensure_future(
            machine.tap(card, "❗ Close" if is_close else "✅")
        )
        await asyncio.sleep(delay_s)
        story.was_killed = await machine.kill() == -9
        await tapping
        await machine.start()
        await machine.come_to_rest()
        audit(machine, story)
    return story
