from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from core.execution.foreign import ForeignWatch
from core.model.alert import AlertKind
from core.model.trade import TradeState
from tests.fakes.journal import MemoryOutbox
from tests.fakes.memory import FakeAlertMemory
from tests.fakes.objects import BINANCE
from tests.fakes.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.model.alert import Alert

SYMBOL = "SOL/USDT:USDT"


class Lookout:
    """A watch over the stage's two venues, with restarts."""

    def __init__(self) -> None:
        self.stage = Stage()
        self.memory = FakeAlertMemory()
        self.restart()

    def restart(self) -> None:
        """Forget everything but what is stored."""
        self.watch = ForeignWatch(
            venues=self.stage.venues,
            trades=self.stage.journal,
            memory=self.memory,
            outbox=MemoryOutbox(self.stage.journal),
            clock=self.stage.clock,
        )

    async def check(self) -> None:
        """Look once, through all its waits."""
        await self.stage.play(self.watch.check())

    @property
    def told(self) -> list[Alert]:
        """Return the alerts so far."""
        return self.stage.alerts(AlertKind.FOREIGN_POSITION)

    @property
    def listed(self) -> list[tuple[str, Decimal]]:
        """Return what is listed and not ignored."""
        found = (each for each in self.watch.found() if not each.is_ignored)
        return [(each.venue_id, each.quantity_base) for each in found]


@pytest.fixture
def lookout() -> Lookout:
    """Nothing is held anywhere."""
    return Lookout()


async def test_a_position_of_nobody_is_listed_told_once_and_not_touched(
    lookout: Lookout,
) -> None:
    """Its owner must know of it, and the bot must never trade it."""
    lookout.stage.first.move_position(Decimal(3))

    await lookout.check()
    await lookout.check()

    (alert,) = lookout.told
    assert alert.kind is AlertKind.FOREIGN_POSITION
    assert alert.facts["venue"] == "binance"
    assert alert.facts["quantity"] == "3"
    assert lookout.listed == [("binance", Decimal(3))]
    assert lookout.stage.first.submits == []


async def test_two_looks_at_once_tell_of_a_position_once(
    lookout: Lookout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The timer and the check after a start may meet; the owner hears it once."""
    lookout.stage.first.move_position(Decimal(3))
    recall, calls = lookout.memory.recall, iter((1, 2, 3))

    async def slow_recall() -> Mapping[str, Mapping[str, str]]:
        found = await recall()
        await lookout.stage.clock.sleep(timedelta(seconds=next(calls)))
        return found

    monkeypatch.setattr(lookout.memory, "recall", slow_recall)

    async def both() -> None:
        await asyncio.gather(lookout.watch.check(), lookout.watch.check())

    await lookout.stage.play(both())

    assert len(lookout.told) == 1


async def test_a_restart_neither_repeats_the_news_nor_forgets_the_position(
    lookout: Lookout,
) -> None:
    """Ten restarts must not be ten messages."""
    lookout.stage.first.move_position(Decimal(3))
    await lookout.check()

    lookout.restart()
    await lookout.check()

    assert len(lookout.told) == 1
    assert lookout.listed == [("binance", Decimal(3))]


async def test_a_changed_position_is_news_again_even_if_it_was_ignored(
    lookout: Lookout,
) -> None:
    """Who ignores 3 has not agreed to 5."""
    lookout.stage.first.move_position(Decimal(3))
    await lookout.check()
    assert await lookout.watch.ignore(BINANCE, SYMBOL, Decimal(3))
    lookout.restart()
    await lookout.check()
    assert lookout.listed == []

    lookout.stage.first.move_position(Decimal(2))
    await lookout.check()

    assert [each.facts["quantity"] for each in lookout.told] == ["3", "5"]
    assert lookout.listed == [("binance", Decimal(5))]


async def test_another_size_than_the_one_shown_is_not_ignored(
    lookout: Lookout,
) -> None:
    """A button means what its card showed."""
    lookout.stage.first.move_position(Decimal(3))
    await lookout.check()

    assert not await lookout.watch.ignore(BINANCE, SYMBOL, Decimal(4))

    assert lookout.listed == [("binance", Decimal(3))]


@pytest.mark.parametrize("is_restarted", [True, False])
async def test_a_position_that_went_is_forgotten_and_told_when_it_is_back(
    lookout: Lookout, *, is_restarted: bool
) -> None:
    """The second one is another position, whatever its size."""
    lookout.stage.first.move_position(Decimal(3))
    await lookout.check()
    lookout.stage.first.move_position(Decimal(-3))
    if is_restarted:
        lookout.restart()
    await lookout.check()
    assert lookout.listed == []
    assert lookout.memory.facts == {}

    lookout.stage.first.move_position(Decimal(3))
    await lookout.check()

    assert len(lookout.told) == 2


async def test_a_silent_venue_neither_hides_nor_makes_positions(
    lookout: Lookout,
) -> None:
    """No answer is no information."""
    lookout.stage.first.move_position(Decimal(3))
    await lookout.check()
    lookout.stage.first.fails = lambda _: True

    await lookout.check()

    assert lookout.listed == [("binance", Decimal(3))]


async def test_one_look_is_not_believed(lookout: Lookout) -> None:
    """A venue may show for a moment what is not there."""
    lookout.stage.first.move_position(Decimal(3))

    await lookout.stage.play(lookout.watch.check(), limit=timedelta(seconds=2))
    lookout.stage.first.move_position(Decimal(-3))
    await lookout.check()

    assert lookout.told == []


async def test_our_own_pair_is_never_foreign(lookout: Lookout) -> None:
    """Neither while it is open nor while a venue still shows it after its end."""
    await lookout.stage.open()
    await lookout.check()
    await lookout.stage.close()
    assert lookout.stage.state is TradeState.CLOSED
    lookout.stage.first.move_position(Decimal(10))

    await lookout.check()

    assert lookout.told == []
    assert lookout.listed == []


async def test_what_is_left_long_after_our_pair_ended_is_told(
    lookout: Lookout,
) -> None:
    """An ended pair explains nothing any more."""
    await lookout.stage.open()
    await lookout.stage.close()
    lookout.stage.first.move_position(Decimal(4))
    await lookout.stage.clock.advance(timedelta(minutes=2))

    await lookout.check()

    assert lookout.listed == [("binance", Decimal(4))]
