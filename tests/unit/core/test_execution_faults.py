"""Random faults and kills in virtual time: what must always hold holds.

A failing schedule prints its seed; `python -m pytest -k "seed-123"` runs it alone.
"""

from __future__ import annotations

import logging
import random
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from core.model.alert import AlertKind
from core.model.trade import TradeState
from tests.fakes.account import Answer, Reply
from tests.fakes.stage import LONGEST, TRADE, Stage, purposes

if TYPE_CHECKING:
    from collections.abc import Iterator

KILL_POINTS = 85
"""Calls to storage and venues in a quiet entry and close."""
BATCH = 25
BATCHES = 8
REPLIES = (
    (Reply.FILL, 8),
    (Reply.LOST, 2),
    (Reply.NEVER, 2),
    (Reply.LATE, 2),
    (Reply.ACK, 2),
    (Reply.BLANK, 2),
    (Reply.REJECT, 3),
    (Reply.DUPLICATE, 1),
    (Reply.REST, 1),
    (Reply.BROKEN, 1),
)
OFTEN = {
    *("T02", "T04", "T05", "T06", "T07", "T08", "T09", "T10", "T15", "T16"),
    *("T20", "T21", "T22", "T25", "T27", "T28", "T29", "T32"),
}
CODES = ("margin", "rate_limit", "price_band", "min_notional")


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Thousands of expected failures would only slow the log down."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


# --- killed anywhere ------------------------------------------------------------------


async def killed_at(point: int) -> Stage:
    """Open and close a pair in a process that dies at its nth call."""
    stage = Stage()
    stage.restart(point)
    await stage.open()
    if not stage.switch.is_dead and stage.state is TradeState.OPEN:
        await stage.close()
    return stage


async def test_the_points_below_are_all_calls_of_an_entry_and_a_close() -> None:
    """If a step is added, the kills must reach it too."""
    stage = await killed_at(10_000)

    assert stage.state is TradeState.CLOSED
    assert len(stage.switch.passed) == KILL_POINTS


@pytest.mark.parametrize("point", range(1, KILL_POINTS + 1))
async def test_killed_anywhere_a_restart_ends_hedged_or_flat(point: int) -> None:
    """Never two entries, never an imbalance, and a second start changes nothing."""
    stage = await killed_at(point)
    assert stage.switch.is_dead

    await stage.recover()

    stage.check_end()
    entries = [each for each in purposes(stage.orders_made) if each[1] == "entry"]
    assert len(entries) == len(set(entries))
    assert stage.state in {TradeState.OPEN, TradeState.CLOSED, TradeState.ABORTED}
    before = stage.trade.version, len(stage.orders_made)
    await stage.recover()
    assert (stage.trade.version, len(stage.orders_made)) == before


@pytest.mark.parametrize("second", range(1, 60, 4))
async def test_killed_again_while_recovering_ends_the_same(second: int) -> None:
    """A power supply that flickers must not cost more than one that fails."""
    stage = await killed_at(33)

    await stage.recover(second)
    await stage.recover()

    stage.check_end()
    assert stage.state is TradeState.OPEN


async def test_killed_between_row_and_order_the_order_is_not_sent_later() -> None:
    """It may have left; so it is looked up until the fence, and never sent again."""
    stage = await killed_at(1)
    for point in range(2, KILL_POINTS):
        stage = await killed_at(point)
        if stage.orders_made:
            break

    await stage.recover()

    (order,) = stage.orders_made
    assert (order.state.value, order.evidence) == ("none", "fence")
    assert not stage.first.submits
    assert stage.state is TradeState.ABORTED


# --- random schedules -----------------------------------------------------------------


class Schedule:
    """One world that goes wrong for a while, drawn from a seed."""

    def __init__(self, seed: int) -> None:
        self.rows: set[str] = set()
        self.draw = random.Random(seed)
        self.stage = Stage(second_lot=Decimal(self.draw.choice(["0.1", "0.5", "1"])))
        self.faults_for = self.draw.choice([5, 20, 60, 120])
        self.phase = self.draw.choice(["all", "sent", "close", "close"])
        self.read_fails = self.draw.choice([0, 0.1, 0.4])
        self.kills = self.draw.choice([0, 0, 1, 2])
        self.is_closing, self.since = False, 0.0
        for venue in self.stage.venues.values():
            venue.answer = self.answer
            venue.fails = self.fails
            lag = self.draw.choice([0, 0, 0, 3, 20])
            venue.position_lag = timedelta(seconds=lag)

    def is_faulty(self) -> bool:
        """Tell whether things go wrong now."""
        if self.stage.clock.monotonic() - self.since >= self.faults_for:
            return False
        if self.is_closing or self.phase == "all":
            return True
        return self.phase == "sent" and bool(self.stage.first.submits)

    def fails(self, _: str) -> bool:
        """Tell whether a read fails now."""
        return self.is_faulty() and self.draw.random() < self.read_fails

    def answer(self) -> Answer:
        """Return what happens to an order now."""
        if not self.is_faulty():
            return Answer()
        replies, weights = zip(*REPLIES, strict=True)
        return Answer(
            reply=self.draw.choices(replies, weights)[0],
            share=Decimal(self.draw.choice(["1", "1", "1", "0.5", "0.33", "0"])),
            code=self.draw.choice(CODES),
            hidden_for=timedelta(seconds=self.draw.choice([0, 0, 0, 1, 20])),
        )

    async def run(self) -> None:
        """Open and close a pair through all of it, with kills and restarts."""
        stage = self.stage
        if self.kills:
            stage.switch.kill_at = self.draw.randint(1, 120)
        stage.confirmed()
        await self._drive()
        if stage.state is TradeState.OPEN:
            self.is_closing, self.since = True, stage.clock.monotonic()
            stage.ask_close()
            await self._drive()
        stage.check_end()
        self.rows.update(stage.steps)

    async def _drive(self) -> None:
        stage = self.stage
        await stage.play(stage.execution.drive(TRADE), limit=LONGEST * 2)
        while stage.switch.is_dead:
            self.kills -= 1
            again = self.draw.randint(1, 80) if self.kills > 0 else None
            await stage.recover(again)


async def schedule(seed: int) -> Schedule:
    """Run one schedule; its seed is part of any failure."""
    world = Schedule(seed)
    try:
        await world.run()
    except AssertionError as error:
        message = f"seed-{seed}: {error} after {world.stage.steps}"
        raise AssertionError(message) from error
    return world


@pytest.mark.parametrize("batch", range(BATCHES))
async def test_no_schedule_of_faults_and_kills_leaves_a_pair_unhedged(
    batch: int,
) -> None:
    """200 worlds: lost, late, short, refused and hidden orders, failing reads."""
    for seed in range(batch * BATCH, (batch + 1) * BATCH):
        world = await schedule(seed)
        stage = world.stage
        before = stage.trade.version, len(stage.orders_made)
        await stage.recover()
        assert (stage.trade.version, len(stage.orders_made)) == before, f"seed-{seed}"


async def test_whoever_needed_a_person_was_told_what_to_do() -> None:
    """Every call for help names venue, side and exact quantity."""
    told = []
    for seed in range(300, 340):
        told += (await schedule(seed)).stage.alerts(AlertKind.NOT_HEDGED)

    sized = [alert for alert in told if "do_quantity" in alert.facts]
    assert sized
    for alert in sized:
        assert Decimal(alert.facts["do_quantity"]) > 0
        assert alert.facts["do_side"] in {"buy", "sell"}
        assert alert.facts["do_venue"] in {"binance", "hyperliquid"}


async def test_the_same_seed_gives_the_same_story() -> None:
    """A failure that cannot be repeated cannot be repaired."""
    one, other = await schedule(7), await schedule(7)

    assert one.stage.steps == other.stage.steps
    assert one.stage.switch.passed == other.stage.switch.passed


async def test_the_schedules_walk_most_arrows() -> None:
    """The others need a hand that is not ours and have tests of their own."""
    walked: set[str] = set()
    for seed in range(60):
        walked |= (await schedule(seed)).rows

    assert walked >= OFTEN
