"""The matrix of venue faults: every fault at every order, with and without a crash.

A cell opens (and closes, or adds to) a pair in virtual time while one fault strikes one
order, runs on until long after, and compares the end with the expected one and every
invariant.

`python -m tests.campaigns.matrix` plays all cells and prints the count per row;
`python -m tests.campaigns.matrix "V02 part m3"` replays the cells that begin so.
"""

from __future__ import annotations

import logging
import sys
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from core.model.alert import AlertKind
from core.model.intent import Purpose
from core.model.trade import TradeState
from tests.campaigns.arena import Arena
from tests.campaigns.faults import FAULTS, HALF, REFUSED
from tests.campaigns.virtual import run
from tests.fakes.stage import ADDED, QUANTITY, purposes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from decimal import Decimal

    from core.model.intent import OrderIntent
    from tests.campaigns.account import ArenaVenue, Deed
    from tests.campaigns.faults import Fault
    from tests.fakes.account import Answer

CRASHES = ("", "unsent", "unread", "unrecorded", "recorded")
"""No crash; the row is written, nothing sent; the reply is not read; it is read and not
recorded; it is recorded and nothing done about it."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One order of a story, and the story that leads there."""

    name: str
    leg: int
    purpose: Purpose
    eve: tuple[int, Purpose] | None
    """The order before it; None when it is the first of its run."""
    given: tuple[tuple[int, Purpose, Deed], ...] = ()
    """What happens to other orders, so that this one comes."""
    is_closing: bool = False
    is_adding: bool = False


ENTRY, TOPUP, TRIM = Purpose.ENTRY, Purpose.TOPUP, Purpose.TRIM
UNWIND, CLOSE = Purpose.UNWIND, Purpose.CLOSE
MOMENTS = {
    each.name: each
    for each in (
        Moment("m2", 1, ENTRY, None),
        Moment("m3", 2, ENTRY, (1, ENTRY)),
        Moment("m4", 2, TOPUP, (2, ENTRY), ((2, ENTRY, HALF),)),
        Moment("m5 unwind", 1, UNWIND, (2, ENTRY), ((2, ENTRY, REFUSED),)),
        Moment(
            "m5 trim",
            1,
            TRIM,
            (2, TOPUP),
            ((2, ENTRY, HALF), (2, TOPUP, REFUSED)),
        ),
        Moment("m6", 1, CLOSE, None, is_closing=True),
        Moment("m7", 2, CLOSE, (1, CLOSE), is_closing=True),
        Moment("a2", 1, ENTRY, None, is_adding=True),
        Moment("a3", 2, ENTRY, (1, ENTRY), is_adding=True),
        Moment("a4", 2, TOPUP, (2, ENTRY), ((2, ENTRY, HALF),), is_adding=True),
        Moment("a5", 1, TRIM, (2, ENTRY), ((2, ENTRY, REFUSED),), is_adding=True),
    )
}


LIKE = {"a2": "m2", "a3": "m3", "a4": "m4", "a5": "m5 unwind"}
"""The order of an entry whose faults an addition's order meets, too."""
_GROWS = {
    "open": "grown",
    "part": "some",
    "over": "more",
    "none": "same",
    "undone": "same",
    "called": "called",
}
"""How a growing pair ends where an entry ends so: never below what it was."""
_FORMER_PART = {
    ("overfill", "a5"): "less",
    ("acceptance after expiry", "a5"): "less",
    ("a part is taken", "a5"): "less",
    ("all is taken", "a5"): "closed",
    ("a part was taken before", "a5"): "less",
}
"""Where the venue itself takes of what was held before; the other leg follows."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One fault at one order, with a crash or without."""

    fault: Fault
    moment: Moment
    crash: str

    @property
    def name(self) -> str:
        """Return the words by which the cell is found again."""
        crash = f", killed {self.crash}" if self.crash else ""
        return f"{self.fault.row} {self.fault.name} {self.moment.name}{crash}"

    @property
    def expected(self) -> frozenset[str]:
        """Return the ends that are right."""
        words = frozenset(self._ends().split("|"))
        if not self.crash:
            return words
        return words | _AFTER_CRASH[self.moment.name]

    def _ends(self) -> str:
        name = self.moment.name
        if not self.moment.is_adding:
            return self.fault.ends[name]
        ends = self.fault.ends[LIKE[name]].split("|")
        usual = "|".join(_GROWS[each] for each in ends)
        return _FORMER_PART.get((self.fault.name, name), usual)

    @property
    def calls(self) -> bool | None:
        """Tell whether a person is called on the way; None: as it happens."""
        fault, name = self.fault, self.moment.name
        if fault.calls is None or (fault.name, name) in _FORMER_PART:
            return None
        return LIKE.get(name, name) in fault.calls


_ENTERED = frozenset({"open", "part", "over", "none", "undone", "closed"})
_CLOSING = frozenset({"closed", "stays", "less"})
_AFTER_CRASH = {
    **dict.fromkeys(("m2", "m3", "m4", "m5 trim"), _ENTERED),
    "m5 unwind": frozenset({"none", "undone"}),
    **dict.fromkeys(("m6", "m7"), _CLOSING),
    **dict.fromkeys(LIKE, frozenset({"grown", "some", "more", "same"})),
}
"""Forward, unwound or as it was: whatever the moment, never half."""


def cells() -> Iterator[Cell]:
    """Return every cell."""
    for fault in FAULTS:
        grows = [name for name, like in LIKE.items() if like in fault.ends]
        for moment in (*fault.ends, *grows):
            for crash in CRASHES:
                if crash and fault.is_before:
                    continue
                yield Cell(fault, MOMENTS[moment], crash)


class Play:
    """One cell being played."""

    def __init__(self, cell: Cell) -> None:
        self.cell, self.arena = cell, Arena()
        self.target: str | None = None
        """The order that was struck."""
        self.is_on = not cell.moment.is_adding
        """Whether the story has come to where the fault may strike."""
        for venue in self.arena.accounts.values():
            venue.conduct = self._conduct

    @property
    def venue(self) -> ArenaVenue:
        """Return the account on which the fault strikes."""
        return self.arena.first if self.cell.moment.leg == 1 else self.arena.second

    def _conduct(self, venue: ArenaVenue, order: OrderIntent) -> Answer | None:
        cell, moment = self.cell, self.cell.moment
        place = order.leg, order.purpose
        if not self.is_on:
            return None
        if cell.fault.is_before and place == moment.eve:
            cell.fault.strike(self.arena, self.venue, order)
        if place == (moment.leg, moment.purpose) and not cell.fault.is_before:
            if self.target is None:
                self.target = order.intent_id
                self._aim_crash(venue)
                return cell.fault.strike(self.arena, venue, order)
            return None
        for leg, purpose, deed in moment.given:
            if place == (leg, purpose):
                return deed
        return None

    def _aim_crash(self, venue: ArenaVenue) -> None:
        if not self.cell.crash or self.arena.restarts:
            return
        name = {
            "unsent": "",
            "unread": f"answered {venue.venue_id}",
            "unrecorded": "before settle",
            "recorded": "after settle",
        }[self.cell.crash]
        self.arena.switch.kill_when = lambda point: point == name

    async def run(self) -> None:
        """Play the story to its end."""
        arena, moment = self.arena, self.cell.moment
        if self.cell.crash == "unsent":
            arena.switch.kill_when = self._is_unsent
        is_first = not moment.is_closing and not moment.is_adding
        if self.cell.fault.is_before and moment.eve is None and is_first:
            self.cell.fault.strike(arena, self.venue, None)
        await arena.open()
        if moment.is_adding:
            await arena.run_for(timedelta(seconds=40))
            self.is_on = True
            if self.cell.fault.is_before and moment.eve is None:
                self.cell.fault.strike(arena, self.venue, None)
            await arena.add()
        if moment.is_closing:
            await arena.run_for(timedelta(seconds=40))
            if self.cell.fault.is_before and moment.eve is None:
                self.cell.fault.strike(arena, self.venue, None)
            await arena.close()
        await arena.settle_down(timedelta(minutes=self.cell.fault.minutes))
        arena.audit.after_faults()

    def _is_unsent(self, point: str) -> bool:
        moment = self.cell.moment
        is_there = self.is_on and point == f"submit {self.venue.venue_id}"
        return is_there and any(
            not each.state.is_terminal
            and (each.leg, each.purpose) == (moment.leg, moment.purpose)
            for each in self.arena.orders_made
        )

    # --- judge ------------------------------------------------------------------------

    def end(self) -> str:
        """Return one word for how the story ended."""
        arena = self.arena
        if arena.trade.needs_attention:
            return "called"
        if arena.state is TradeState.ABORTED:
            was_bought = any(order.filled_base for order in arena.orders_made)
            return "undone" if was_bought else "none"
        return "closed" if arena.state is TradeState.CLOSED else self._open_end()

    def _open_end(self) -> str:
        arena = self.arena
        one, two = (abs(held) for held in arena.held)
        if arena.state is not TradeState.OPEN or one != two:
            return f"{arena.state.value} with {one}/{two}"
        if self.cell.moment.is_adding:
            return self._grown_end(one)
        is_closing = self.cell.moment.is_closing
        if one == QUANTITY:
            return "stays" if is_closing else "open"
        if is_closing:
            return "less"
        return "over" if one > QUANTITY else "part"

    def _grown_end(self, held: Decimal) -> str:
        whole = QUANTITY + ADDED
        if held in {QUANTITY, whole}:
            return "same" if held == QUANTITY else "grown"
        if held < QUANTITY:
            return "less"
        return "some" if held < whole else "more"

    def problems(self) -> list[str]:
        """Return everything that is not as it must be."""
        arena, cell = self.arena, self.cell
        found = list(dict.fromkeys(arena.violations))
        end = self.end()
        if end not in cell.expected:
            found.append(f"ended {end}, expected {'|'.join(sorted(cell.expected))}")
        made = purposes(arena.orders_made)
        entries = Counter(each for each in made if each[1] == "entry")
        most = 2 if cell.moment.is_adding else 1
        if any(count > most for count in entries.values()):
            found.append("entered twice")
        if end == "undone" and not arena.journal.pauses:
            found.append("the pair does not rest after a failed entry")
        was_called = bool(arena.alerts(AlertKind.NOT_HEDGED))
        if not cell.crash and cell.calls not in {None, was_called}:
            found.append(f"called a person: {was_called}")
        if not cell.fault.is_before and not cell.crash and self.target is None:
            found.append("the order never came")
        return found


async def _played(cell: Cell) -> Play:
    play = Play(cell)
    await play.run()
    return play


def play(cell: Cell) -> Play:
    """Play a cell in virtual time."""
    return run(_played(cell))


def chosen(wanted: Callable[[Cell], bool]) -> list[tuple[str, list[str]]]:
    """Return the problems of every wanted cell that has some."""
    found = []
    for cell in cells():
        if wanted(cell):
            problems = play(cell).problems()
            if problems:
                found.append((cell.name, problems))
    return found


def main(prefix: str) -> int:
    """Play cells, print problems and counts; return the exit status."""
    logging.disable(logging.CRITICAL)
    count: Counter[str] = Counter()
    bad = 0
    for cell in cells():
        if not cell.name.startswith(prefix):
            continue
        count[cell.fault.row] += 1
        played = play(cell)
        problems = played.problems()
        bad += bool(problems)
        if problems or prefix:
            steps = " ".join(played.arena.steps)
            words = "; ".join(problems[:4]) or "holds"
            sys.stdout.write(f"{cell.name}: {played.end()}: {words} [{steps}]\n")
    rows = " ".join(f"{row}:{number}" for row, number in sorted(count.items()))
    total = sum(count.values())
    sys.stdout.write(f"{rows}\n{total} cells, {bad} do not hold\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(" ".join(sys.argv[1:])))
