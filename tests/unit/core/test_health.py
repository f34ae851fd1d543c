"""How a venue's failures are counted, and how long it is left alone for them."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from core.errors import TroubleKind
from core.health import VenueMonitor
from core.model.health import Tally
from core.model.trouble import Trouble
from tests.fakes.objects import BINANCE, EXTENDED
from tests.fakes.runtime import START, FakeClock


class World:
    """One venue that fails and answers as told."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.monitor = VenueMonitor((BINANCE, EXTENDED), self.clock)

    def fail(self, times: int = 1) -> None:
        """Let reads fail now."""
        for _ in range(times):
            kind = TroubleKind.TIMEOUT
            self.monitor.failed(Trouble(BINANCE, kind, "no answer", self.clock.now()))

    def answer(self, times: int = 1) -> None:
        """Let reads be answered now."""
        for _ in range(times):
            self.monitor.answered(BINANCE, timedelta(milliseconds=80))


@pytest.mark.parametrize(
    ("failures", "pause_s"),
    [(2, None), (3, 30), (4, 60), (5, 120), (6, 240), (7, 480), (8, 600), (500, 600)],
)
def test_the_third_failure_pauses_and_each_further_one_for_twice_as_long(
    failures: int, pause_s: int | None
) -> None:
    """A venue in trouble is not helped by more questions."""
    world = World()

    world.fail(failures)

    until = None if pause_s is None else START + timedelta(seconds=pause_s)
    assert world.monitor.paused_until(BINANCE) == until
    assert world.monitor.paused_until(EXTENDED) is None


async def test_a_pause_ends_by_itself_and_a_good_read_forgets_it() -> None:
    """After it one question is allowed; after a good answer all are."""
    world = World()
    world.fail(3)

    await world.clock.advance(timedelta(seconds=29))
    assert world.monitor.pause(BINANCE) is not None
    await world.clock.advance(timedelta(seconds=1))
    assert world.monitor.pause(BINANCE) is None
    assert world.monitor.of(BINANCE).is_failing
    world.answer()

    assert not world.monitor.of(BINANCE).is_failing
    world.fail(2)
    assert world.monitor.pause(BINANCE) is None


def test_where_a_pair_is_open_the_pause_never_grows() -> None:
    """Its prices say how far the liquidation is."""
    world = World()
    world.monitor.held = frozenset({BINANCE})

    world.fail(8)

    assert world.monitor.paused_until(BINANCE) == START + timedelta(seconds=30)


def test_a_pause_says_until_when_after_how_much_and_why() -> None:
    """The sentence stands on /health and in every row that left the ranking."""
    world = World()
    world.fail(4)

    trouble = world.monitor.pause(BINANCE)

    assert trouble is not None
    assert trouble.detail == (
        "paused until 21:53:13 UTC after 4 failures in a row: no answer"
    )


async def test_reads_count_for_an_hour() -> None:
    """60 reads an hour ago are no excuse for a failure now."""
    world = World()
    world.answer(60)
    await world.clock.advance(timedelta(minutes=30))
    world.fail()
    world.answer(39)

    assert world.monitor.tally(BINANCE) == Tally(100, 1)
    await world.clock.advance(timedelta(minutes=30))
    assert world.monitor.tally(BINANCE) == Tally(40, 1)
    await world.clock.advance(timedelta(minutes=30))
    assert world.monitor.tally(BINANCE) == Tally()


@pytest.mark.parametrize(
    ("reads", "errors", "left"),
    [(0, 0, None), (60, 0, "1"), (100, 1, "0.8"), (100, 5, "0"), (60, 60, "0")],
)
def test_five_of_a_hundred_reads_may_fail(
    reads: int, errors: int, left: str | None
) -> None:
    """One of five allowed failures leaves four fifths of the budget."""
    expected = None if left is None else Decimal(left)

    assert Tally(reads, errors).budget_left == expected
