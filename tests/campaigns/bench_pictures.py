"""Draw the pictures of the README and measure how long it takes: `make bench`.

`python -m tests.campaigns.bench_pictures docs/images` writes them anew.
"""

from __future__ import annotations

import asyncio
import math
import statistics
import sys
import time
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from bot.cards.look import Look
from bot.cards.pictures import rates_picture, results_picture, spread_picture
from bot.cards.pnl import Period, PnlView
from bot.charts import draw
from core.model.ledger import Move, Parts
from core.model.units import Base, Mode
from tests.campaigns.stalls import StallMeter
from tests.fakes.engine import RULES, value_of
from tests.fakes.ledger import closed_entry, payment
from tests.fakes.objects import ALL_VENUES, BINANCE
from tests.fakes.runtime import START

if TYPE_CHECKING:
    from bot.cards.pictures import Picture, Points

DRAWN = 5
HOURS = 168
LOOK = Look(
    mode=Mode.PAPER,
    venues={rules.venue_id: rules for rules in RULES},
    now=START,
    card_id="readme00",
)


def _wave(level: float, swing: float, phase: float) -> Points:
    """Return a week of hourly rates that wander around a level, the same every time."""
    found = []
    for hour in range(HOURS):
        turn = hour / 24 * 2 * math.pi
        value = level + swing * (
            math.sin(turn / 3 + phase) + 0.4 * math.sin(turn * 1.7 + phase * 2)
        )
        at = START - timedelta(hours=HOURS - hour)
        found.append((at, Decimal(f"{value / 800:.9f}")))
    return tuple(found)


def pictures() -> dict[str, Picture]:
    """Return the three pictures by the name of their file."""
    entry = closed_entry()
    opened = START - timedelta(days=4)
    trade = replace(
        entry.trade,
        base=Base("HYPE"),
        opened_at=opened,
        created_at=opened,
        closed_at=None,
    )
    paid = [
        payment(BINANCE, "0.41", opened + timedelta(hours=8 * count + 3))
        for count in range(10)
    ]
    moves = []
    for day in range(30):
        at = START - timedelta(days=30 - day)
        parts = Parts(
            Decimal("0.55") + Decimal(day % 5) / 10,
            Decimal(day % 3 - 1) / 5,
            Decimal("1.1") if day % 6 == 0 else Decimal(0),
        )
        moves.append(Move(at, BINANCE, trade, parts))
    rates = {
        venue_id: _wave(0.02 * index, 0.02, index)
        for index, venue_id in enumerate(ALL_VENUES)
    }
    spread = _wave(0.06, 0.03, 1)
    found = {
        "results": results_picture(moves, PnlView(Period.MONTH)),
        "rates": rates_picture(Base("HYPE"), rates, LOOK),
        "spread": spread_picture(value_of(trade), spread, paid, LOOK),
    }
    return {name: one for name, one in found.items() if one is not None}


async def measure_pictures() -> None:
    """Print the time to draw each picture and the longest stall meanwhile."""
    made = pictures()
    for picture in made.values():  # fonts are found once
        draw(picture)
    async with StallMeter() as meter:
        for name, picture in made.items():
            times, content = [], b""
            for _ in range(DRAWN):
                begun = time.perf_counter()
                content = await asyncio.to_thread(draw, picture)
                times.append(time.perf_counter() - begun)
            print(  # noqa: T201 - what the bench is for
                f"picture {name}: {statistics.median(times) * 1000:.0f} ms,"
                f" {len(content) / 1000:.0f} kB"
            )
    print(f"longest event-loop stall while drawing: {meter.longest * 1000:.0f} ms")  # noqa: T201


def main() -> None:
    """Write the pictures into a folder, or measure."""
    if len(sys.argv) > 1:
        for name, picture in pictures().items():
            Path(sys.argv[1], f"{name}.png").write_bytes(draw(picture))
        return
    asyncio.run(measure_pictures())


if __name__ == "__main__":
    main()
