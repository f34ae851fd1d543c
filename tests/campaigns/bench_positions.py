"""Fifty open pairs: how soon /positions answers, what it asks, what a day brings.

Part of `make bench`; `python -m tests.campaigns.bench_positions [pairs]` alone.
"""

from __future__ import annotations

import asyncio
import logging
import random
import statistics
import sys
import tempfile
import time
from collections import Counter, deque
from datetime import timedelta
from itertools import cycle, islice, permutations
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from sandbox.venues.listings import synthetic
from tests.campaigns.month import Month, SteppedSchedule
from tests.campaigns.month_messages import read_post
from tests.journeys.house import ANNA, open_house
from tests.journeys.live import (
    LIVE,
    NAMES,
    lean,
    roomy_minutes,
    units_taken_as_proven,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from sandbox.app import SandboxServer
    from sandbox.telegram.model import ChatMessage
    from tests.journeys.house import House

CALLS = 20
LONGEST = 4096
"""Characters that Telegram takes in one message."""
HOURS = 24


async def measure_positions(folder: Path, pairs: int = 50) -> AsyncIterator[str]:
    """Open so many pairs on the whole bot, and yield a line for each figure."""
    tokens = [each.name for each in synthetic(pairs)]

    def prepare(box: SandboxServer) -> None:
        box.reception.requests = deque(maxlen=10**6)
        places = islice(cycle(permutations(NAMES, 2)), pairs)
        for token, (long, short) in zip(tokens, places, strict=True):
            lean(box, long, short, token)

    settings: dict[str, Any] = {
        **LIVE,
        "mode": "live",
        "owner_ids": ANNA,
        "viewer_ids": "",
        "alert_spread_hourly": "0.0001",
        "tokens": ",".join(tokens),
        "net_top_k": 5,
        "unit_proof_requests": 20,
        "max_open_trades": 100,
        "max_entries_per_hour": 1000,
        "max_venue_usd": 1_000_000,
        "max_total_usd": 1_000_000,
    }
    with (
        roomy_minutes(),
        units_taken_as_proven(),
        patch("bot.wiring.Schedule", SteppedSchedule),
    ):
        async with open_house(
            folder, prepare=prepare, extra_tokens=pairs, **settings
        ) as house:
            await _fill(house, tokens)
            yield await _hold_line(house)
            async for line in _positions_lines(house, pairs):
                yield line
            for line in await _day_lines(house, folder, pairs):
                yield line


async def _fill(house: House, tokens: Sequence[str]) -> None:
    for token in tokens:
        await house.enter(f"{token} 100")
    opened = [each for each in await house.trades() if each.state.value == "open"]
    assert len(opened) == len(tokens), f"only {len(opened)} pairs are open"


async def _hold_line(house: House) -> str:
    """Look after all pairs once, as the timer does every half minute."""
    await house.pass_time(timedelta(minutes=2))
    house.box.requests.clear()
    began = time.perf_counter()
    await house.engine.hold_tick()
    took = time.perf_counter() - began
    asked = Counter(each.venue for each in house.box.requests)
    counts = ", ".join(f"{venue} {asked[venue]}" for venue in NAMES)
    return f"one look after them all: {took * 1000:.0f} ms; requests {counts}"


async def _positions_lines(house: House, pairs: int) -> AsyncIterator[str]:
    took, requests = [], []
    for _ in range(CALLS):
        house.box.requests.clear()
        took.append(await _answered(house))
        requests.append(len(house.box.requests))
    ordered = sorted(took)
    middle, late = statistics.median(took), ordered[int(len(took) * 0.95)]
    yield (
        f"/positions with {pairs} open pairs: p50 {middle * 1000:.0f} ms,"
        f" p95 {late * 1000:.0f} ms to the answer on the wire;"
        f" {max(requests)} requests to venues at most"
    )
    pages, rows, longest = await _walk(house)
    yield (
        f"{rows} rows on {pages} pages; longest message {longest} of {LONGEST}"
        " characters"
    )


async def _answered(house: House) -> float:
    """Ask once; return the seconds until Telegram has the answer."""
    arrived: list[float] = []

    def hear(message: ChatMessage) -> None:
        if message.is_from_bot:
            arrived.append(time.perf_counter())

    house.telegram.memory.on_message.append(hear)
    began = time.perf_counter()
    await house.say("/positions")
    house.telegram.memory.on_message.remove(hear)
    return arrived[0] - began


async def _walk(house: House) -> tuple[int, int, int]:
    """Turn every page; return how many there are, their rows, the longest text."""
    pages, rows, longest = 0, 0, 0
    card = await house.say("/positions")
    while True:
        pages += 1
        rows += sum(line[:2].strip().isdigit() for line in card.text.splitlines())
        longest = max(longest, len(card.text))
        forward = [x for row in card.labels for x in row if "▶" in x]
        if not forward:
            return pages, rows, longest
        await house.tap(forward[0], card)


async def _day_lines(house: House, folder: Path, pairs: int) -> list[str]:
    """Let a day pass hour by hour, nothing going wrong; count its messages."""
    record = folder / "data" / "live.db"
    before = read_post(record, ANNA, 1)
    month = Month(house, 1, [], random.Random(1))
    start = house.clock.now().replace(minute=0, second=0, microsecond=0)
    for hour in range(1, HOURS + 1):
        for minute in (4, 57):
            await month._to(start + timedelta(hours=hour, minutes=minute))
    after = read_post(record, ANNA, 1)
    new = sum((after.fresh - before.fresh).values())
    edits = sum((after.edits - before.edits).values())
    kinds = ", ".join(
        f"{kind} {count}"
        for (_, kind), count in (after.kinds - before.kinds).most_common()
    )
    holds = month.ticks.get("hold", [0.0])
    return [
        f"a day with {pairs} open pairs: {new} new messages ({kinds}), {edits} edits",
        f"looks of that day: median {statistics.median(holds) * 1000:.0f} ms",
    ]


async def _main(pairs: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async for line in measure_positions(Path(folder), pairs):
            sys.stdout.write(line + "\n")


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    asyncio.run(_main(int(sys.argv[1]) if len(sys.argv) > 1 else 50))
