"""The week before the bot was installed, from what venues settled."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from core.history.settled import ASK_AGAIN, SettledReader, by_hour
from core.history.stage import History
from core.model.market import SettledRate
from tests.fakes.engine import pair
from tests.fakes.history import MemoryHistory
from tests.fakes.markets import FakeMarket
from tests.fakes.objects import ALL_VENUES, BINANCE, EXTENDED, instrument, scan_result
from tests.fakes.runtime import START, FakeClock

if TYPE_CHECKING:
    from core.model.opportunity import Opportunity

HOUR = timedelta(hours=1)
NOON = START.replace(hour=12, minute=0, second=0)
APT = instrument("APT", BINANCE)


def payment(hours: float, rate: str) -> SettledRate:
    """Return a payment so many hours after noon."""
    return SettledRate(APT, NOON + hours * HOUR, Decimal(rate), None)


def test_a_payment_is_for_the_hours_since_the_one_before() -> None:
    """0.0004 after 4 h is 0.0001 in each of the hours 12, 13, 14 and 15."""
    found = by_hour([payment(0, "0.0009"), payment(4, "0.0004")])

    assert found == {NOON + n * HOUR: 100_000_000 for n in range(4)}


def test_an_interval_that_changes_is_followed() -> None:
    """8 h of 0.0001 each, then hourly 0.0003."""
    found = by_hour([payment(0, "0"), payment(8, "0.0008"), payment(9, "0.0003")])

    assert found[NOON + 7 * HOUR] == 100_000_000
    assert found[NOON + 8 * HOUR] == 300_000_000
    assert len(found) == 9


def test_hours_of_a_missing_payment_stay_unknown() -> None:
    """Sixteen hours apart: spread over them the rate would be halved."""
    found = by_hour([payment(0, "0"), payment(16, "0.0008"), payment(24, "0.0008")])

    assert sorted(found) == [NOON + n * HOUR for n in range(16, 24)]


@pytest.mark.parametrize("payments", [[], [payment(0, "0.0001")]])
def test_without_two_payments_nothing_is_known(payments: list[SettledRate]) -> None:
    """The first one's period cannot be told."""
    assert by_hour(payments) == {}


class Desk:
    """A reader over four venues, on virtual time."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        store = MemoryHistory()
        self.history = History(
            clock=self.clock, records=store, hours=store, scans_kept=timedelta(days=1)
        )
        self.markets = {each: FakeMarket(each, self.clock) for each in ALL_VENUES}
        self.reader = SettledReader(
            sources=self.markets, history=self.history, clock=self.clock
        )

    async def run(self, *pairs: Opportunity) -> int:
        """Read some for these best pairs."""
        return await self.reader.read_some(scan_result(*pairs, at=self.clock.now()))

    def asked(self) -> int:
        """Return how many requests all venues got."""
        return sum(len(market.calls) for market in self.markets.values())

    def settle(self, one: Opportunity, rates: tuple[str, str]) -> None:
        """Give both sides hourly payments for a week."""
        full = START.replace(minute=0, second=0)
        for side, rate in zip((one.long, one.short), rates, strict=True):
            market = self.markets[side.instrument.venue_id]
            for n in range(170):
                market.pay(side.instrument, full - n * HOUR, rate)


async def test_a_fresh_install_knows_a_week_of_the_best_pair_after_one_run() -> None:
    """0.00003 against 0.00001 every hour: 0.00002, positive all week, 168 hours."""
    desk, best = Desk(), pair("APT", long=EXTENDED, short=BINANCE)
    desk.settle(best, ("0.00001", "0.00003"))

    await desk.run(best)

    stats = desk.history.stats(best.long, best.short)
    assert stats is not None
    assert (stats.samples, stats.hours, stats.is_thin) == (0, 168, True)
    assert stats.mean_per_hour == Decimal("0.00002")
    assert stats.same_sign_share == 1


async def test_a_run_asks_for_four_contracts_and_the_next_for_others() -> None:
    """Venues count requests; scans and orders need them more."""
    desk = Desk()
    pairs = [pair(f"T{n}", long=EXTENDED, short=BINANCE) for n in range(5)]

    counts = [await desk.run(*pairs) for _ in range(4)]

    assert counts == [4, 4, 2, 0]
    assert desk.asked() == 10


async def test_what_is_known_already_is_not_asked_for() -> None:
    """After a week of own scans, or one answer, there is nothing to ask."""
    desk, best = Desk(), pair("APT", long=EXTENDED, short=BINANCE)
    desk.settle(best, ("0.00001", "0.00003"))
    await desk.run(best)
    await desk.clock.advance(ASK_AGAIN)

    assert await desk.run(best) == 0


async def test_a_silent_venue_is_asked_again_hours_later() -> None:
    """Its past stays unknown meanwhile; nothing is made up."""
    desk, best = Desk(), pair("APT", long=EXTENDED, short=BINANCE)
    desk.settle(best, ("0.00001", "0.00003"))
    desk.markets[BINANCE].go_down()

    assert await desk.run(best) == 2
    assert desk.history.stats(best.long, best.short) is None

    assert await desk.run(best) == 0
    await desk.clock.advance(ASK_AGAIN)
    assert await desk.run(best) == 1
    assert desk.history.stats(best.long, best.short) is not None


async def test_before_the_first_scan_nothing_is_asked() -> None:
    """Nobody knows yet which tokens are shown."""
    assert await Desk().reader.read_some(None) == 0
