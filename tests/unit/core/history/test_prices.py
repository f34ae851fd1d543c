"""How far a price goes in a usual day: from hourly marks, also after a restart."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from core.history import History
from core.history.prices import daily_move
from tests.fakes.history import MemoryHistory, scan
from tests.fakes.objects import BINANCE, EXTENDED, instrument, scan_result, snapshot
from tests.fakes.runtime import START, FakeClock

if TYPE_CHECKING:
    from datetime import datetime

    from core.model.history import PriceMoves
    from core.model.opportunity import ScanResult

HOUR = timedelta(hours=1)
APT = instrument("APT", BINANCE)


def seen(price: Decimal, at: datetime) -> ScanResult:
    """Return a scan that saw APT at this price on Binance."""
    mark = snapshot("APT", BINANCE, price=str(price), at=at)
    return replace(scan_result(at=at), snapshots={mark.instrument.base: (mark,)})


class Desk:
    """A history over a store, on virtual time."""

    def __init__(self, store: MemoryHistory, at: datetime = START) -> None:
        self.clock, self.store = FakeClock(at), store
        self.history = History(
            clock=self.clock, records=store, hours=None, scans_kept=timedelta(days=30)
        )

    async def live(self, *prices: str) -> PriceMoves:
        """See one scan an hour with these prices; return what is said of them."""
        for price in prices:
            now = self.clock.now()
            await self.history.note(seen(Decimal(price), now))
            await self.clock.advance(HOUR)
        return self.history.price_moves(APT)


def test_a_usual_day_is_the_root_of_24_usual_hours() -> None:
    """One per cent every hour, up or down, is 0.01 * sqrt(24) = 4.899 % a day."""
    up_and_down = [(hour, 1_000_000 if hour % 2 else 1_010_000) for hour in range(49)]
    steady = [(hour, int(10**12 * Decimal("1.01") ** hour)) for hour in range(25)]

    found = daily_move(steady)
    assert found is not None
    assert round(found, 6) == Decimal("0.048990")
    mixed = daily_move(up_and_down)
    assert mixed is not None
    assert round(mixed, 3) == Decimal("0.049")


def test_a_gap_counts_for_all_its_hours() -> None:
    """5 % within 25 hours is the usual 1 % an hour, not 5 % an hour."""
    hourly = [(hour, int(10**12 * Decimal("1.01") ** hour)) for hour in range(25)]
    hour, price = hourly[-1]
    gap = [*hourly, (hour + 25, int(price * Decimal("1.05")))]

    found = daily_move(gap)
    assert found is not None
    assert round(found, 4) == Decimal("0.0490")


async def test_with_less_than_a_day_of_prices_nothing_is_claimed() -> None:
    """Six prices are five moves: the card says 5 h instead of a number."""
    desk = Desk(MemoryHistory())
    few = await desk.live("5", "5.05", "5", "5.05", "5", "5.05")
    assert (few.hours, few.daily) == (5, None)

    enough = await desk.live(*["5", "5.05"] * 10)
    assert enough.hours == 25
    assert enough.daily is not None
    assert round(enough.daily, 2) == Decimal("0.05")


async def test_a_few_prices_far_apart_are_no_day_of_prices() -> None:
    """Three scans within 30 hours: "30 h of prices, 24 h needed" would be nonsense."""
    desk = Desk(MemoryHistory())
    for price in ("5", "5.05", "5"):
        now = desk.clock.now()
        await desk.history.note(seen(Decimal(price), now))
        await desk.clock.advance(15 * HOUR)

    found = desk.history.price_moves(APT)

    assert (found.hours, found.daily) == (2, None)


async def test_a_restart_takes_the_prices_from_the_recorded_scans() -> None:
    """A bot restarted at night must know its runway in the morning."""
    store = MemoryHistory()
    for hour in range(30):
        at = START - (30 - hour) * HOUR
        price = "5" if hour % 2 else "5.05"
        store.recorded.append(scan(at, snapshot("APT", BINANCE, price=price, at=at)))
    desk = Desk(store)
    assert desk.history.price_moves(APT).hours == 0

    await desk.history.load()

    assert desk.history.price_moves(APT).hours == 29
    assert desk.history.price_moves(APT).daily is not None
    assert desk.history.price_moves(instrument("APT", EXTENDED)).hours == 0


async def test_only_the_last_three_days_count() -> None:
    """A calm week ago says nothing of a stormy today."""
    desk = Desk(MemoryHistory())
    calm = await desk.live(*["5"] * 80)
    assert calm.daily == 0
    stormy = await desk.live(*["5", "5.5"] * 40)
    assert stormy.hours == 70
    assert stormy.daily is not None
    assert stormy.daily > Decimal("0.4")
