"""The requests of a venue's minute: who waits for whom."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from core.errors import TroubleKind, VenueError
from core.model.order import Rejected
from core.model.units import VenueId
from core.venues.catalog import VENUES
from core.venues.pacing import OverBudgetError, RequestBudget, Urgency, urgent
from tests.fakes.runtime import FakeClock, InstantClock, settle
from tests.unit.core.venues.accounts import canned, intent, sandboxed

if TYPE_CHECKING:
    from core.ports import Clock

LIGHTER = VenueId("lighter")


def of_a_minute(clock: Clock, *, is_traded: bool = True) -> RequestBudget:
    """Return Lighter's 60 requests a minute, 20 of them kept for orders."""
    budget = RequestBudget(LIGHTER, 60, clock)
    if is_traded:
        budget.keep_for_orders()
    return budget


async def spend(budget: RequestBudget, count: int, urgency: Urgency) -> None:
    """Take so many requests."""
    with urgent(urgency):
        for _ in range(count):
            await budget.take(None)


async def test_readings_leave_a_third_of_the_minute_to_orders() -> None:
    """However often people refresh a screen, a close still finds room."""
    clock = InstantClock()
    budget = of_a_minute(clock)
    await spend(budget, 40, Urgency.READ)

    with pytest.raises(OverBudgetError, match="used up for 60 s more"):
        await spend(budget, 1, Urgency.READ)
    await spend(budget, 50, Urgency.LOOKUP)

    assert budget.used == 90
    assert clock.monotonic() == 0
    with pytest.raises(OverBudgetError):
        await spend(budget, 1, Urgency.LOOKUP)


@pytest.mark.parametrize(("is_traded", "spare"), [(True, 20), (False, 30)])
async def test_what_is_nice_to_know_leaves_half_of_the_readings_to_scans(
    spare: int, *, is_traded: bool
) -> None:
    """The books of a ranking must not keep the next scan from its rates."""
    budget = of_a_minute(InstantClock(), is_traded=is_traded)
    await spend(budget, spare, Urgency.SPARE)

    with pytest.raises(OverBudgetError):
        await spend(budget, 1, Urgency.SPARE)
    await spend(budget, spare, Urgency.READ)

    assert budget.used == spare * 2


async def test_an_order_never_waits() -> None:
    """A close held back by our own bookkeeping could come too late."""
    clock = FakeClock()
    budget = of_a_minute(clock)
    await spend(budget, 60, Urgency.LOOKUP)

    await asyncio.wait_for(spend(budget, 10, Urgency.ORDER), 1)

    assert budget.used == 70


async def test_a_reading_waits_a_little_for_what_frees_up_soon() -> None:
    """Three seconds late is better than not at all."""
    clock = FakeClock()
    budget = of_a_minute(clock)
    await spend(budget, 40, Urgency.READ)
    await clock.advance(timedelta(seconds=57))

    waiting = asyncio.create_task(spend(budget, 1, Urgency.READ))
    await settle()
    assert not waiting.done()
    await clock.advance(timedelta(seconds=3))

    assert waiting.done()
    assert budget.used == 1


async def test_a_reading_that_would_wait_longer_is_refused_at_once() -> None:
    """It says how long, and that the venue is not to blame."""
    clock = FakeClock()
    budget = of_a_minute(clock)
    await spend(budget, 40, Urgency.READ)
    await clock.advance(timedelta(seconds=30))

    with pytest.raises(VenueError) as caught:
        await spend(budget, 1, Urgency.READ)

    assert caught.value.kind is TroubleKind.HELD_BACK
    assert caught.value.detail == (
        "not asked: its requests of this minute are used up for 30 s more"
    )


async def test_weights_count_as_the_venue_counts_them() -> None:
    """Binance's list of day volumes weighs as much as forty small calls."""
    budget = RequestBudget(VenueId("binance"), 100, InstantClock())

    await budget.take(40)
    await budget.take(40.5)

    assert budget.used == 80.5
    with pytest.raises(OverBudgetError):
        await budget.take(40)


async def test_a_call_heavier_than_the_minute_goes_when_nothing_else_does() -> None:
    """It would otherwise wait for ever."""
    budget = RequestBudget(LIGHTER, 10, InstantClock())

    await budget.take(25)

    assert budget.used == 25


async def test_without_orders_readings_may_use_the_whole_minute() -> None:
    """Nothing is kept in paper trading, where no order is sent."""
    budget = of_a_minute(InstantClock(), is_traded=False)

    await spend(budget, 60, Urgency.READ)

    assert budget.used == 60


@pytest.mark.parametrize("venue", list(VENUES))
async def test_an_order_goes_out_although_the_minute_is_used_up(
    venue: VenueId, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scans and readings of both clients count together, and none holds it back."""
    async with sandboxed(venue, monkeypatch) as (house, box):
        del box
        instrument = house.instrument()
        price = house.bound("BTC", await house.best_ask(), intent(instrument).side)
        budget, limit = house.reader.budget, VENUES[venue].requests_per_minute
        await house.account.positions()
        with urgent(Urgency.ORDER):
            await budget.take(limit * 2)

        sent = await house.account.submit(
            intent(instrument, limit_price=price), instrument
        )

        assert not isinstance(sent, Rejected), sent
        with pytest.raises(OverBudgetError):
            await house.account.balance()
        with pytest.raises(OverBudgetError):
            await house.reader.book(instrument)


async def test_running_out_of_requests_is_no_reason_to_be_quiet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After a real "too many requests" orders pause; our own limit pauses nothing."""
    async with canned("lighter", monkeypatch) as (house, told):
        told.order.body = '{"code":200,"tx_hash":"0xabc"}'
        instrument = house.instrument()
        with urgent(Urgency.ORDER):
            await house.reader.budget.take(60)
            await house.reader.budget.take(30)
        with pytest.raises(OverBudgetError):
            await house.account.balance()

        sent = await house.account.submit(intent(instrument), instrument)

        assert not isinstance(sent, Rejected), sent


async def test_positions_and_books_for_orders_may_use_the_kept_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A close reads both before it begins."""
    async with sandboxed("lighter", monkeypatch) as (house, box):
        del box
        instrument = house.instrument()
        with urgent(Urgency.ORDER):
            await house.reader.budget.take(40)

        with pytest.raises(OverBudgetError):
            await house.reader.book(instrument)
        await house.account.positions()
        book = await house.reader.for_orders.book(instrument)

        assert book.instrument == instrument
        assert house.reader.for_orders.venue_id == "lighter"


async def test_what_an_entry_asks_for_may_use_the_kept_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Scans may use up what is theirs; a person who wants to open a pair gets it."""
    async with sandboxed("lighter", monkeypatch) as (house, box):
        del box
        instrument = house.instrument()
        with urgent(Urgency.ORDER):
            await house.reader.budget.take(40)

        balance = await house.account.balance()
        await house.account.set_leverage(instrument, 2)

        assert balance.free_usd == 5000
