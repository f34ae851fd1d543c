"""Faults of our own process: crashes in the recovery, clocks, stalls, surprises.

X01 and X03 kill and kill again, X04 moves the wall clock, X06 stops the loop, X09
cancels a task that sends, X11 lets anything raise anything.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from core.model.intent import IntentState
from core.model.trade import TradeState
from tests.campaigns.account import Deed
from tests.campaigns.arena import Arena
from tests.campaigns.virtual import VirtualLoop, run
from tests.fakes.account import Reply
from tests.fakes.stage import TRADE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from core.model.intent import OrderIntent
    from tests.campaigns.account import ArenaVenue

HOUR = timedelta(hours=1)
RESTS = {TradeState.OPEN, TradeState.CLOSED, TradeState.ABORTED}


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Expected failures would only slow the log down."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


async def ended(arena: Arena) -> Arena:
    """Let a world come to rest and check everything."""
    await arena.settle_down()
    arena.audit.after_faults()
    assert arena.violations == []
    return arena


def losing(venue: ArenaVenue, reply: Reply) -> None:
    """Let the first order of a venue be answered so, and all others well."""
    venue.answers.append(Deed(reply))


# --- X01, X03: killed, and killed again while recovering ------------------------------


async def killed_twice(first: int, second: int) -> Arena:
    """Open a pair in a process that dies at two of its calls."""
    arena = Arena()
    losing(arena.second, Reply.LOST)
    arena.switch.kill_at = first
    arena.confirmed()
    arena.execution.start_open(arena.trade)
    await arena.play(arena._watched())
    if arena.switch.is_dead:
        await arena.recover(second)
    while arena.switch.is_dead:
        await arena.recover()
    return await ended(arena)


@pytest.mark.parametrize("first", range(14, 60, 5))
def test_killed_again_while_recovering_it_ends_hedged_or_flat(first: int) -> None:
    """A power supply that flickers costs no more than one that fails."""
    for second in range(1, 60, 7):
        arena = run(killed_twice(first, second))
        assert arena.state in RESTS
        assert arena.exposure == 0


# --- X04: the wall clock moves --------------------------------------------------------


async def stepped(by: timedelta, reply: Reply, *, leg: int) -> Arena:
    """Move the wall clock while an order is on its way."""
    arena = Arena()
    venue = arena.first if leg == 1 else arena.second

    def conduct(_: ArenaVenue, order: OrderIntent) -> Deed | None:
        if len(venue.submits) > 1 or order.leg != leg:
            return None
        loop = asyncio.get_running_loop()
        loop.call_later(1, arena.clock.step, by)
        return Deed(reply)

    venue.conduct = conduct
    await arena.open()
    return await ended(arena)


@pytest.mark.parametrize("reply", [Reply.LATE, Reply.NEVER, Reply.LOST])
@pytest.mark.parametrize("by", [HOUR, -HOUR, timedelta(seconds=5)], ids=str)
@pytest.mark.parametrize("leg", [1, 2])
def test_a_moved_clock_decides_nothing(leg: int, by: timedelta, reply: Reply) -> None:
    """An hour on the wall is no fence: the order may still be taken."""
    arena = run(stepped(by, reply, leg=leg))

    struck = next(each for each in arena.orders_made if each.leg == leg)
    expected = IntentState.NONE if reply is Reply.NEVER else IntentState.FILLED
    assert struck.state is expected
    # with a clock an hour behind, venues refuse every order as expired: a person knows
    assert arena.exposure == 0 or (by < timedelta(0) and arena.trade.needs_attention)


# --- X06: the loop stands still -------------------------------------------------------


async def stalled() -> Arena:
    """Stop everything for 60 s right after the first order's row was written."""
    arena = Arena()
    honest = arena.journal.watch
    struck: list[bool] = []

    def watch() -> None:
        honest()
        if arena.journal.orders and not struck:
            struck.append(True)
            loop = asyncio.get_running_loop()
            assert isinstance(loop, VirtualLoop)
            loop.stall(60)

    arena.journal.watch = watch
    await arena.open()
    assert struck
    return await ended(arena)


def test_an_order_written_before_a_long_stall_is_not_sent_after_it() -> None:
    """A minute-old decision is not the one that was confirmed."""
    arena = run(stalled())

    (order,) = arena.orders_made
    assert (order.state, order.evidence) == (IntentState.NONE, "local")
    assert not arena.first.submits
    assert arena.state is TradeState.ABORTED


# --- X09: cancelled while it sends ----------------------------------------------------


async def cancelled() -> Arena:
    """Cancel a trade's task while its first order is on its way."""
    arena = Arena()
    arena.confirmed()
    driving = asyncio.create_task(arena.execution.drive(TRADE))
    while not arena.first.submits:
        await arena.clock.sleep(timedelta(milliseconds=10))
    driving.cancel()
    await asyncio.gather(driving, return_exceptions=True)
    await arena.clock.sleep(timedelta(seconds=1))
    return arena


async def recovered(arena: Arena) -> Arena:
    """Restart and let a world come to rest."""
    await arena.recover()
    return await ended(arena)


def test_a_cancelled_task_does_not_lose_the_answer_to_its_order() -> None:
    """The send is nobody's to cancel; its result is recorded, and the trade goes on."""

    async def story() -> tuple[IntentState, Arena]:
        arena = await cancelled()
        (order,) = arena.orders_made
        return order.state, await recovered(arena)

    state, arena = run(story())
    assert state is IntentState.FILLED
    assert arena.state is TradeState.OPEN


# --- X11: anything raises anything ----------------------------------------------------


async def surprised(point: int) -> Arena:
    """Open and close a pair; one call to storage or a venue raises the unheard of."""
    arena = Arena()
    left = [point]

    def surprise(name: str) -> bool:
        left[0] -= 1
        if left[0] == 0:
            message = f"nobody expected this at {name}"
            raise RuntimeError(message)
        return False

    arena.switch.kill_when = surprise
    await arena.open()
    await arena.close()
    arena.switch.kill_when = None
    return await ended(arena)


@pytest.mark.parametrize("first", range(1, 90, 30))
def test_an_unheard_of_error_anywhere_costs_no_hedge(first: int) -> None:
    """What nobody thought of is looked up, taken again, or left to a person."""
    for point in range(first, first + 30):
        arena = run(surprised(point))
        assert arena.state in RESTS, point
        assert arena.exposure == 0, point
