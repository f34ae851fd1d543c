"""All fault campaigns on every core: the model, the matrix, random schedules.

`python -m tests.campaigns.soak 2000` plays so many schedules (and every cell), and half
as many with a pair that grows; a seed that fails is printed with the command that
replays it.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.campaigns import matrix, protocol, schedules
from tests.campaigns.schedules import GROWING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

CHUNK = 25


@dataclass
class Tally:
    """What a part of a campaign found."""

    played: int = 0
    checks: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    found: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Take over what another part found."""
        self.played += other.played
        self.checks += other.checks
        self.ends += other.ends
        self.found += other.found


def play_seeds(seeds: Sequence[int]) -> Tally:
    """Play some schedules."""
    logging.disable(logging.CRITICAL)
    tally = Tally()
    for seed in seeds:
        world = schedules.play(seed)
        tally.played += 1
        tally.checks += world.arena.audit.checks
        is_called = world.arena.trade.needs_attention
        tally.ends["a person is needed" if is_called else world.arena.state.value] += 1
        problems = world.problems()
        if problems:
            replay = f"python -m tests.campaigns.schedules {seed}"
            tally.found.append(f"{problems[0]}; replay: {replay}")
    return tally


def play_row(row: str) -> Tally:
    """Play the cells of one row of the matrix."""
    logging.disable(logging.CRITICAL)
    tally = Tally()
    for cell in matrix.cells():
        if cell.fault.row != row:
            continue
        played = matrix.play(cell)
        tally.played += 1
        tally.checks += played.arena.audit.checks
        tally.ends[played.end()] += 1
        problems = played.problems()
        if problems:
            replay = f'python -m tests.campaigns.matrix "{cell.name}"'
            tally.found.append(f"{problems[0]}; replay: {replay}")
    return tally


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _sum(parts: Iterable[Tally], what: str) -> Tally:
    began, total = time.perf_counter(), Tally()
    for part in parts:
        total.add(part)
        for line in part.found:
            _say(f"FAILED {line}")
    took = time.perf_counter() - began
    ends = ", ".join(f"{end} {count:,}" for end, count in total.ends.most_common())
    _say(f"{total.played:,} {what} in {took:.0f} s, {len(total.found)} failed: {ends}")
    return total


def campaign(count: int, first: int = 0) -> int:
    """Run everything; return the exit status."""
    for line in protocol.table():
        _say(line)
    is_sound = not any(
        protocol.explore(protocol.SOUND)[0][bad]
        for bad in (protocol.End.NAKED, protocol.End.DOUBLE)
    )
    rows = tuple(dict.fromkeys(cell.fault.row for cell in matrix.cells()))
    chunks = [
        range(seed, min(seed + CHUNK, first + count))
        for seed in range(first, first + count, CHUNK)
    ]
    growing = [range(GROWING + each.start, GROWING + each.stop) for each in chunks[::2]]
    with ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:
        cells = _sum(pool.map(play_row, rows), "cells")
        worlds = _sum(pool.map(play_seeds, chunks), "schedules")
        worlds.add(_sum(pool.map(play_seeds, growing), "schedules that grow"))
    checks = cells.checks + worlds.checks
    _say(" ".join(f"{name}:{count:,}" for name, count in sorted(checks.items())))
    _say(f"{sum(checks.values()):,} checks of {len(checks)} rules")
    return 0 if is_sound and not cells.found and not worlds.found else 1


if __name__ == "__main__":
    sys.exit(campaign(*(int(each) for each in sys.argv[1:3])))
