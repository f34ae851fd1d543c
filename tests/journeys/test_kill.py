"""kill -9 while a pair is opened or closed: never two entries, nothing unreported.

The whole list of moments, each side of each write, is a campaign; these are the ones at
which something different has to be done after the restart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.campaigns.kill_story import play
from tests.campaigns.kill_words import During, Plot, Seen, Spoil
from tests.journeys.crashing import AFTER, BEFORE, HALF, INSIDE, Moment
from tests.journeys.killed import (
    Story,
    audit,
    let_workshop_be_called,
    open_and_close,
    tell_stories,
    tell_story,
)
from tests.journeys.machine import KILLED, PAPER_BASE, Pair, open_machine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.journeys.machine import Machine

pytestmark = [pytest.mark.journey, pytest.mark.timeout(240)]

ENDS: Mapping[str, Mapping[Moment, str]] = {
    "before anything is ordered": {
        Moment("quote shown", BEFORE): "none",
        Moment("quote shown", AFTER): "none",
        Moment("claim, now confirmed", AFTER): "aborted",
        Moment("preflight", AFTER): "aborted",
        Moment("leg1 + entry 1", AFTER): "aborted",
    },
    "while it opens": {
        Moment("lighter fill", AFTER): "open",
        Moment("answer of entry 1", AFTER): "open",
        Moment("leg2 + entry 2", AFTER): "aborted",
        Moment("extended fill", AFTER): "open",
        Moment("balance", AFTER): "open",
        Moment("open", AFTER): "open",
        Moment(
            "message told", BEFORE
        ): "aborted or open",  # a word on the way, or the end
    },
    "while it closes": {
        Moment("claim, now close1", AFTER): "open",
        Moment("close1 + close 1", AFTER): "open",
        Moment("lighter fill", AFTER, 2): "closed",
        Moment("answer of close 1", AFTER): "closed",
        Moment("close2 + close 2", AFTER): "closed",
        Moment("extended fill", AFTER, 2): "closed",
        Moment("closed", AFTER): "closed",
    },
}
"""Where each kill leaves the pair once the bot is back."""
LONG = pytest.mark.campaign
"""What waits for the campaigns, which cut live accounts at every point."""
OF_A_START = "migration", "old quotes", "halt ", "lift ", "look "
"""What every start writes, and looks for orders; the campaign cuts into them."""


@pytest.fixture(autouse=True)
def _workshop() -> None:
    let_workshop_be_called()


@LONG
@pytest.mark.parametrize("part", ENDS)
async def test_a_kill_leaves_level_legs_and_a_person_who_knows(
    tmp_path: Path, part: str
) -> None:
    """Whenever the power goes: one entry at most, both legs or none, told once."""
    ends = ENDS[part]

    stories = await tell_stories(tmp_path, list(ends))

    print(*stories.values(), sep="\n")  # noqa: T201 - shown with -s and on failure
    assert [str(story) for story in stories.values() if story.wrongs] == []
    assert all(story.was_killed for story in stories.values())
    for moment, story in stories.items():
        assert story.state in ends[moment].split(" or "), str(story)


async def test_the_list_of_moments_has_no_gap(tmp_path: Path) -> None:
    """A write that is added to the path of a trade must be thought about here."""
    async with open_machine(tmp_path) as machine:
        await machine.start()
        await open_and_close(machine)
        found = {moment.write for moment in machine.writes()}
        story = Story()
        audit(machine, story)

    assert story.wrongs == []
    assert story.state == "closed"
    found = {write for write in found if not write.startswith(OF_A_START)}
    assert found - {moment.write for ends in ENDS.values() for moment in ends} == {
        "open quote",
        "close quote",
        "answer of entry 2",
        "answer of close 2",
    }


def _is_checking(machine: Machine) -> bool:
    return any(one["state"] == "preflight" for one in machine.trades())


def _is_bought(machine: Machine) -> bool:
    return bool(machine.rows("paper_venue.db", "SELECT 1 FROM paper_row "
                             "WHERE key LIKE 'fill:%'"))  # fmt: skip


@pytest.mark.parametrize(
    ("comes", "state"),
    [
        pytest.param(
            _is_checking, "aborted", id="while a venue keeps the last checks waiting"
        ),
        pytest.param(_is_bought, "open", id="once the first leg is filled"),
    ],
)
@LONG
async def test_the_program_itself_comes_back_after_a_kill(
    tmp_path: Path, comes: Callable[[Machine], bool], state: str
) -> None:
    """The same with `carrybot run` as installed, killed from outside."""
    story = Story()
    async with open_machine(tmp_path) as machine:
        await machine.start_program()
        card = await machine.quote(f"/open {PAPER_BASE}", f"Open {PAPER_BASE}?")
        hangs = "lighter" if comes is _is_checking else "extended"
        after = 0 if comes is _is_checking else 1
        machine.hold_books(hangs, after=after)
        assert card is not None
        await machine.tap(card, "✅ Open")
        await machine.until(lambda: comes(machine), "it never comes so far")
        assert await machine.kill() == KILLED
        machine.box.control.reset()
        await machine.start_program()
        await machine.come_to_rest()
        audit(machine, story)

    assert story.wrongs == []
    assert story.state == state


async def test_the_audit_misses_nothing(tmp_path: Path) -> None:
    """Without its bot back the pair is in a state that every check must name."""
    story = Story()
    async with open_machine(tmp_path) as machine:
        await machine.start(Moment("lighter fill", AFTER))
        await open_and_close(machine)
        assert await machine.ended() == KILLED
        audit(machine, story)

    wrongs = "; ".join(story.wrongs)
    assert "an imbalance nobody was told of" in wrongs
    assert "believes [Decimal('0'), Decimal('0')]" in wrongs
    assert "never told: leg1" in wrongs


LIVE = {
    "C10: half of leg 1 is filled, the reply never comes": Plot(
        "C10",
        Seen("@entry"),
        "open",
        (Spoil("@entry", "partial", param={"share": "0.5", "reply": "timeout"}),),
    ),
    "C15: leg 2's request is half on the wire": Plot(
        "C15", Moment("request of entry 2", HALF), "aborted"
    ),
    "C13: leg 1 of an addition is recorded, leg 2 not written": Plot(
        "C13",
        Moment("answer of entry 1", AFTER, since="open"),
        "grown",
        during=During.ADD,
    ),
    "C12: inside the commit of leg 1's answer": Plot(
        "C12", Moment("answer of entry 1", INSIDE), "open"
    ),
}


@pytest.mark.parametrize(
    "plot",
    [
        pytest.param(plot, id=name, marks=() if plot.points == "C13" else LONG)
        for name, plot in LIVE.items()
    ],
)
async def test_a_kill_with_orders_at_venues_leaves_level_legs(
    tmp_path: Path, plot: Plot
) -> None:
    """The same with real adapters: what happened is asked of the venues."""
    story = await play(plot, Pair("binance", "extended"), tmp_path)

    assert story.wrongs == []
    assert story.kills == 1


@pytest.mark.campaign
async def test_a_bot_killed_while_it_repairs_repairs_again(tmp_path: Path) -> None:
    """A second cut comes at once when a machine keeps losing power."""
    moments = [Moment("leg2 + entry 2", BEFORE), Moment("extended fill", BEFORE)]
    story = await tell_story(tmp_path, *moments)

    assert story.was_killed
    assert story.wrongs == []
