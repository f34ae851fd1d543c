"""Open pairs rest on one price and one currency: when either parts, it is told once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from core.model.alert import AlertKind, AlertLevel
from core.model.stablecoin import Stablecoins
from core.model.trade import TradeState
from core.parity import GapLimits, ParityWatch
from tests.fakes.engine import open_plan, pair, trade_of
from tests.fakes.memory import FakeAlertMemory, FakePutbox
from tests.fakes.objects import BINANCE, HYPERLIQUID, LIGHTER, scan_result, snapshot
from tests.fakes.runtime import START

if TYPE_CHECKING:
    from core.model.instrument import Instrument
    from core.model.market import FundingSnapshot
    from core.model.trade import Trade
    from core.model.units import VenueId

LIMITS = GapLimits(Decimal("0.003"), Decimal("0.005"), Decimal("0.01"))


class Floor:
    """A watch over trades whose prices and coins a test moves."""

    def __init__(self) -> None:
        self.prices: dict[VenueId, str | None] = {}
        self.usdt: str | None = "1"
        self.at = START
        self.memory, self.outbox = FakeAlertMemory(), FakePutbox()
        self.restart()

    def restart(self) -> None:
        """Begin anew with what is stored."""
        self.watch = ParityWatch(
            limits=LIMITS,
            snapshot=self._snapshot,
            memory=self.memory,
            outbox=self.outbox,  # type: ignore[arg-type]  # only `put` is used
        )

    def _snapshot(self, one: Instrument) -> FundingSnapshot | None:
        price = self.prices.get(one.venue_id, "40")
        return None if price is None else snapshot("HYPE", one.venue_id, price=price)

    async def scans(self, *trades: Trade, count: int = 2) -> list[str]:
        """Scan so often and return the kinds of all messages so far."""
        coins = Stablecoins(None if self.usdt is None else Decimal(self.usdt), 20)
        for _ in range(count):
            self.at += timedelta(minutes=1)
            result = replace(scan_result(at=self.at), stablecoins=coins)
            await self.watch.consider(result, trades)
        return [each.kind.value for each in self.outbox.alerts]


@pytest.fixture
def floor() -> Floor:
    """Return a floor where all is well."""
    return Floor()


def held(long: VenueId = BINANCE, short: VenueId = HYPERLIQUID) -> Trade:
    """Return an open pair."""
    return trade_of(open_plan(pair("HYPE", long=long, short=short)), "7F2")


async def test_equal_prices_and_coins_are_no_news(floor: Floor) -> None:
    """A basis of 3 % is the bound; below it two venues just differ."""
    floor.prices = {BINANCE: "40", HYPERLIQUID: "41.2"}
    assert await floor.scans(held(), count=5) == []


async def test_prices_that_part_are_told_after_two_scans_and_once(floor: Floor) -> None:
    """40 against 41.3 is 3.25 %: a swap or a split, and the hedge may be gone."""
    floor.prices = {BINANCE: "40", HYPERLIQUID: "41.3"}
    assert await floor.scans(held(), count=1) == [], "one odd price is no event"

    assert await floor.scans(held(), count=3) == ["prices_apart"]

    (alert,) = floor.outbox.alerts
    assert (alert.kind, alert.level) == (AlertKind.PRICES_APART, AlertLevel.TRADE)
    assert alert.facts["long_price"] == "40"
    floor.restart()
    assert await floor.scans(held(), count=3) == ["prices_apart"], "stored: not again"


async def test_prices_that_met_again_may_part_again(floor: Floor) -> None:
    """The second time is news as well."""
    floor.prices = {BINANCE: "40", HYPERLIQUID: "44"}
    await floor.scans(held())
    floor.prices = {}
    await floor.scans(held(), count=1)
    floor.prices = {BINANCE: "40", HYPERLIQUID: "44"}
    assert await floor.scans(held()) == ["prices_apart", "prices_apart"]


async def test_an_unknown_price_claims_nothing(floor: Floor) -> None:
    """A silent venue is told of elsewhere."""
    floor.prices = {HYPERLIQUID: None}
    assert await floor.scans(held(), count=3) == []


async def test_a_trade_that_is_being_closed_is_left_alone(floor: Floor) -> None:
    """Its card says what happens to it."""
    floor.prices = {BINANCE: "40", HYPERLIQUID: "44"}
    closing = replace(held(), state=TradeState.CLOSE1)
    assert await floor.scans(closing, count=3) == []


async def test_a_gap_is_told_louder_as_it_grows(floor: Floor) -> None:
    """0.3 % warns, 0.5 % stops entries, 1 % proposes to close; each is said once."""
    for usdt in ("0.998", "0.9965", "0.9945", "0.989", "0.9885"):
        floor.usdt = usdt
        await floor.scans(held(), count=3)

    told = [(a.facts["level"], a.facts["trades"]) for a in floor.outbox.alerts]
    assert told == [("warn", "7F2"), ("block", "7F2"), ("close", "7F2")]
    assert {each.level for each in floor.outbox.alerts} == {AlertLevel.TRADE}


async def test_without_a_pair_across_only_a_stop_of_entries_is_told(
    floor: Floor,
) -> None:
    """A pair within USDC does not care what USDT costs."""
    within = held(LIGHTER, HYPERLIQUID)
    floor.usdt = "0.9965"
    assert await floor.scans(within) == []
    floor.usdt = "0.994"
    assert await floor.scans(within) == ["stablecoin_gap"]
    (alert,) = floor.outbox.alerts
    assert (alert.level, alert.facts["trades"]) == (AlertLevel.INFO, "")


async def test_a_closed_gap_may_open_again(floor: Floor) -> None:
    """It counts as closed below 70 % of the warning: 0.21 %."""
    floor.usdt = "0.9965"
    await floor.scans(held())
    floor.usdt = "0.9975"
    await floor.scans(held())
    floor.usdt = "0.9965"
    assert await floor.scans(held()) == ["stablecoin_gap"], "0.25 % never closed it"
    floor.usdt = "0.9985"
    await floor.scans(held())
    floor.usdt = "0.9965"
    assert await floor.scans(held()) == ["stablecoin_gap", "stablecoin_gap"]


async def test_an_unknown_gap_claims_nothing(floor: Floor) -> None:
    """Too few tokens in both coins: nothing is known and nothing is said."""
    floor.usdt = None
    assert await floor.scans(held(), count=3) == []
