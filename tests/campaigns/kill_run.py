"""Many stories at once, on every core, and the table of what they came to."""

from __future__ import annotations

import asyncio
import math
import os
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.venues.listings import VENUES
from tests.campaigns.kill_plots import ANY_MOMENT, PLOTS, POINTS
from tests.campaigns.kill_story import play
from tests.campaigns.kill_words import Chance, During, Plot
from tests.journeys.killed import Story
from tests.journeys.machine import Pair

if TYPE_CHECKING:
    from collections.abc import Sequence

HITS = int(os.environ.get("HITS", "5"))
"""Least times that each point is met."""
KILLS = int(os.environ.get("KILLS", "200"))
"""Least number of kills."""
AT_ANY_MOMENT = 4
"""How many stories cut at chance, for each hit that a point needs."""
LONGEST_S = 2.5
"""An entry or a close takes about so long."""
PAIRS = tuple(Pair(*each) for each in permutations(sorted(VENUES), 2))

Job = tuple[Plot, Pair, str]


def cast(names: Sequence[str], kills: int, chance: random.Random) -> list[Job]:
    """Return which plots are played where: each point often enough, then any moment."""
    plots = [one for one in PLOTS if not names or set(names) & set(one.points.split())]
    ways = Counter(point for one in plots for point in one.points.split())
    chosen = [
        plot
        for plot in plots
        for _ in range(
            max(math.ceil(HITS / ways[point]) for point in plot.points.split())
        )
    ]
    if not names or ANY_MOMENT in names:
        missing = 0 if names else kills - len(chosen)
        count = max(AT_ANY_MOMENT * HITS, missing)
        chosen += [_at_any_moment(chance) for _ in range(count)]
    pairs: list[Pair] = []
    while len(pairs) < len(chosen):
        pairs += chance.sample(PAIRS, len(PAIRS))
    return [
        (plot, pair, f"{number:03}")
        for number, (plot, pair) in enumerate(zip(chosen, pairs, strict=False))
    ]


def _at_any_moment(chance: random.Random) -> Plot:
    """Return a kill at a moment nobody chose: between two writes there is much else."""
    at = Chance(round(chance.uniform(0, LONGEST_S), 3))
    during = chance.choice((During.OPEN, During.CLOSE))
    return Plot(ANY_MOMENT, at, "none aborted open closed", during=during)


def tell(job: Job, folder: str) -> Story:
    """Play one story in a process of its own."""
    plot, pair, name = job
    try:
        return asyncio.run(play(plot, pair, Path(folder) / name))
    except Exception:  # noqa: BLE001 - one broken story must not end the campaign
        story = Story(f"{plot} [{pair}]")
        story.wrongs.append(traceback.format_exc()[-1500:])
        return story


def _say(line: str = "") -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class Tally:
    """What a campaign found."""

    def __init__(self) -> None:
        self.hits: Counter[str] = Counter()
        self.stories: list[Story] = []

    def add(self, plot: Plot, story: Story) -> None:
        """Take over a story; only a cut that came counts as a hit."""
        self.stories.append(story)
        was_met = not any("never came" in wrong for wrong in story.wrongs)
        for point in plot.points.split() if was_met else ():
            self.hits[point] += 1

    @property
    def kills(self) -> int:
        """Return how often a process was killed."""
        return sum(story.kills for story in self.stories)

    def table(self) -> list[str]:
        """Return hits by crash point, in two columns."""
        cells = [
            f"{point} {self.hits[point]:>3}  {words}" for point, words in POINTS.items()
        ]
        half = (len(cells) + 1) // 2
        return [
            f"{left:<56}{right}".rstrip()
            for left, right in zip(cells[:half], [*cells[half:], ""], strict=False)
        ]

    def figures(self) -> list[str]:
        """Return the sentences that the run is for."""
        backs = [each for story in self.stories for each in story.back]
        plain = [one.took_s for one in backs if not (one.waited_s or one.is_program)]
        programs = [one.took_s for one in backs if one.is_program]
        fenced = [one.took_s + one.waited_s for one in backs if one.waited_s]
        naked = sum(story.naked for story in self.stories)
        doubles = sum(story.doubles for story in self.stories)
        twice = sum(1 for story in self.stories if story.kills > 1)
        ends = Counter(story.state for story in self.stories)
        return [
            f"{self.kills} SIGKILLs in {len(self.stories)} stories, {twice} twice",
            f"ends: {', '.join(f'{end} {n}' for end, n in ends.most_common())}",
            f"silently naked {naked}, double entries {doubles}",
            f"restart to reconciled: {_spread(plain)}",
            f"  the installed program, imports included: {_spread(programs)}",
            f"  an order's fence to wait for, pretend time: {_spread(fenced)}",
        ]


def _spread(values: Sequence[float]) -> str:
    if not values:
        return "none"
    ranked = sorted(values)
    at = [ranked[min(len(ranked) - 1, int(len(ranked) * q))] for q in (0.5, 0.95)]
    return (
        f"p50 {at[0]:.1f} s, p95 {at[1]:.1f} s, most {ranked[-1]:.1f} s ({len(ranked)})"
    )


def campaign(names: Sequence[str]) -> int:
    """Run everything; return the exit status."""
    seed = int(os.environ.get("SEED", random.randrange(1_000_000)))
    at_once = int(os.environ.get("AT_ONCE", 4 * (os.cpu_count() or 1)))
    jobs = cast(names, KILLS, random.Random(seed))
    _say(
        f"SEED={seed} KILLS={KILLS} HITS={HITS} AT_ONCE={at_once}: {len(jobs)} stories"
    )
    begun, tally = time.monotonic(), Tally()
    folder = tempfile.mkdtemp(prefix="carrybot-kill-")
    with ProcessPoolExecutor(max_workers=at_once) as pool:
        waiting = {pool.submit(tell, job, folder): job for job in jobs}
        for done in as_completed(waiting):
            tally.add(waiting[done][0], done.result())
            _say(f"{waiting[done][2]} {done.result()}")
    wrong = [str(story) for story in tally.stories if story.wrongs]
    points = {point for plot, _, _ in jobs for point in plot.points.split()}
    missed = sorted(point for point in points if tally.hits[point] < HITS)
    for line in ("", *tally.table(), "", *tally.figures()):
        _say(line)
    took_s, load = time.monotonic() - begun, os.getloadavg()[2]
    _say(f"took {took_s:.0f} s, load average {load:.0f} on {os.cpu_count()} cores")
    _say(f"{len(wrong)} stories went wrong")
    if not wrong:
        shutil.rmtree(folder)
    else:
        for line in (*wrong, f"the files are in {folder}"):
            _say(line)
    is_full = not names and not missed and tally.kills >= KILLS
    return 0 if not wrong and (is_full or names) else 1
