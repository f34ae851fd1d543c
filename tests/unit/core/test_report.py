"""One message a day at the hour its reader chose: neither twice nor never."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from core.bookkeeping import Bookkeeper
from core.model.alert import AlertKind, AlertLevel
from core.model.control import TradingState
from core.model.health import Health
from core.model.ledger import LedgerEntry
from core.model.position import Portfolio, Runway
from core.model.preferences import Key
from core.model.trade import TradeState
from core.model.units import ChatId, Mode, UserId
from core.report import DailyReport, ReportSources
from tests.fakes.engine import no_choices, pair, scan_of, value_of
from tests.fakes.ledger import (
    ENTRY_FILLS,
    MemoryLedger,
    closed_entry,
    open_entry,
    payment,
    trade,
)
from tests.fakes.memory import FakeAlertMemory, FakePutbox
from tests.fakes.objects import BINANCE, EXTENDED
from tests.fakes.runtime import START, FakeClock

if TYPE_CHECKING:
    from core.model.alert import Alert
    from core.model.opportunity import ScanResult
    from core.model.position import Position
    from core.model.trade import Trade
    from core.model.units import TradeId

ANNA, BERT = UserId(1), UserId(2)
MORNING = datetime(2026, 11, 23, 8, 6, tzinfo=UTC)
"""Six minutes after the usual hour, which is when the first report is due."""


class World:
    """A report over a ledger, one clock, and what survives a restart."""

    def __init__(self, *entries: LedgerEntry) -> None:
        self.clock = FakeClock()
        self.memory, self.outbox = FakeAlertMemory(), FakePutbox()
        self.preferences = no_choices(self.clock)
        self.ledger = MemoryLedger(*entries)
        self.is_checking = False
        self.distances: dict[str, Decimal | None] = {}
        self.runway: Runway | None = None
        self.scan: ScanResult | None = None
        self.owners: tuple[UserId, ...] = (ANNA,)
        self.restart()

    def restart(self) -> None:
        """Forget everything that is not stored."""
        books = Bookkeeper(
            ledger=self.ledger,
            trades=self,  # type: ignore[arg-type]
            venues={},
            outbox=self.outbox,  # type: ignore[arg-type]
            clock=self.clock,
            fresh=lambda _: None,
        )
        self.report = DailyReport(
            sources=ReportSources(
                books=books,
                trades=self,  # type: ignore[arg-type]
                portfolio=self.portfolio,
                position=self.position,
                health=self.health,
                latest_scan=lambda: self.scan,
            ),
            preferences=self.preferences,
            owners=self.owners,
            memory=self.memory,
            outbox=self.outbox,  # type: ignore[arg-type]
            clock=self.clock,
        )

    async def recent_trades(self, limit: int) -> tuple[Trade, ...]:
        """Return the trades of the ledger, newest first."""
        return tuple(each.trade for each in reversed(self.ledger.all))[:limit]

    async def portfolio(self) -> Portfolio:
        """Return the open ones, each worth +$2.30."""
        open_ = [e.trade for e in self.ledger.all if not e.trade.state.is_terminal]
        positions = tuple(
            replace(value_of(each), distances=self.distances, runway=self.runway)  # type: ignore[arg-type]
            for each in open_
        )
        return Portfolio(positions, (), self.clock.now(), self.is_checking)

    async def position(self, trade_id: TradeId) -> Position:
        """Return one, worth +$2.30."""
        found = (e.trade for e in self.ledger.all if e.trade.trade_id == trade_id)
        return value_of(next(found))

    async def health(self) -> Health:
        """Return no venue at all."""
        return Health(
            at=self.clock.now(),
            mode=Mode.PAPER,
            trading=TradingState.ACTIVE,
            halts=(),
            venues=(),
            scanned_at=None,
            scan_took=None,
            outbox_waiting=0,
            outbox_oldest=None,
            open_trades=0,
            started_at=START,
            is_checking=False,
        )

    async def at(self, moment: datetime) -> list[Alert]:
        """Look at a moment; return every message so far."""
        await self.clock.advance(moment - self.clock.now())
        await self.report.tick()
        return self.outbox.alerts


@pytest.fixture
async def world() -> World:
    """Give a bot that was started the evening before, with one pair of each kind."""
    found = World(closed_entry(), open_entry())
    await found.report.tick()
    return found


def items(alert: Alert, what: str) -> list[dict[str, str]]:
    """Return the pairs of one kind."""
    return [each for each in json.loads(alert.facts["items"]) if each["what"] == what]


# --- when -----------------------------------------------------------------------------


async def test_a_report_comes_once_a_day_at_the_chosen_hour(world: World) -> None:
    """Two would be noise, none would be silence."""
    assert await world.at(MORNING - timedelta(seconds=1)) == []
    told = await world.at(MORNING)
    assert [(each.kind, each.level, each.chat_id) for each in told] == [
        (AlertKind.DAILY, AlertLevel.INFO, ChatId(1))
    ]
    assert len(await world.at(MORNING + timedelta(hours=15))) == 1
    assert len(await world.at(MORNING + timedelta(days=1))) == 2


async def test_the_first_start_waits_for_its_first_hour(world: World) -> None:
    """A bot installed at ten at night has nothing to report on that morning."""
    assert await world.at(START + timedelta(hours=1)) == []


async def test_a_restart_neither_repeats_nor_forgets_it(world: World) -> None:
    """Updates happen at breakfast."""
    await world.at(MORNING)
    world.restart()
    assert len(await world.at(MORNING + timedelta(minutes=1))) == 1
    world.restart()
    assert len(await world.at(MORNING + timedelta(days=1))) == 2


async def test_a_report_whose_hour_was_missed_comes_late_the_same_day(
    world: World,
) -> None:
    """Late news of the day is news; yesterday's is in tomorrow's."""
    world.restart()
    assert len(await world.at(MORNING + timedelta(hours=9))) == 1

    other = World()
    await other.report.tick()
    other.restart()
    assert await other.at(MORNING + timedelta(days=1, hours=-1)) == []


async def test_it_follows_the_readers_own_zone(world: World) -> None:
    """08:00 in New York is 13:00 UTC in November."""
    await world.preferences.choose(Key.ZONE, "America/New_York", ANNA)

    assert await world.at(MORNING + timedelta(hours=4, minutes=59)) == []
    assert len(await world.at(MORNING + timedelta(hours=5))) == 1


async def test_an_hour_just_before_midnight_is_told_after_it(world: World) -> None:
    """The wait for payments must not carry a report out of its day."""
    await world.preferences.choose(Key.REPORT_AT, "23:58", ANNA)

    told = await world.at(datetime(2026, 11, 23, 0, 4, tzinfo=UTC))
    assert [each.dedupe_key for each in told] == ["daily:1:2026-11-22"]


async def test_off_is_off(world: World) -> None:
    """Who wants none gets none."""
    await world.preferences.choose(Key.REPORT_AT, "", ANNA)

    assert await world.at(MORNING + timedelta(days=3)) == []


async def test_an_hour_that_is_over_when_it_is_chosen_means_tomorrow(
    world: World,
) -> None:
    """A preset must not be answered by a message at once."""
    await world.preferences.choose(Key.REPORT_AT, "21:00", ANNA)

    assert await world.at(START + timedelta(minutes=30)) == []
    assert len(await world.at(START + timedelta(days=1))) == 1


async def test_another_hour_brings_no_second_report_that_day(world: World) -> None:
    """Once a day means once."""
    await world.at(MORNING)
    await world.preferences.choose(Key.REPORT_AT, "20:00", ANNA)

    assert len(await world.at(MORNING + timedelta(hours=13))) == 1


async def test_each_owner_has_his_own(world: World) -> None:
    """Two owners in two zones read two reports."""
    world.owners = (ANNA, BERT)
    world.restart()
    await world.report.tick()
    await world.preferences.choose(Key.REPORT_AT, "12:00", BERT)

    assert [each.chat_id for each in await world.at(MORNING)] == [1]
    told = await world.at(MORNING + timedelta(hours=4))
    assert [each.chat_id for each in told] == [1, 2]


async def test_it_waits_until_the_pairs_are_checked(world: World) -> None:
    """What a start has not compared yet may not be so."""
    world.is_checking = True
    assert await world.at(MORNING) == []
    world.is_checking = False
    assert len(await world.at(MORNING + timedelta(minutes=1))) == 1


# --- what -----------------------------------------------------------------------------


async def test_every_payment_is_in_exactly_one_report() -> None:
    """At 08:00 a payment falls due; a minute later it is booked."""
    at_eight = datetime(2026, 11, 23, 8, tzinfo=UTC)
    paid = (
        payment(BINANCE, "4", at_eight),
        payment(EXTENDED, "-1", at_eight + timedelta(hours=1)),
        payment(BINANCE, "5", at_eight + timedelta(days=1)),
    )
    entry = LedgerEntry(trade(TradeState.OPEN, "8a3"), ENTRY_FILLS, paid)
    world = World(entry)
    await world.report.tick()

    await world.at(MORNING)
    told = await world.at(MORNING + timedelta(days=1))

    # the second report: -1 at nine and +5 at eight the next day
    assert [each.facts["funding_usd"] for each in told] == ["4", "4"]
    assert told[1].facts["since"] == told[0].facts["until"]
    assert told[0].facts["fees_usd"] == "0"


async def test_the_open_pairs_nearest_leg_is_named(world: World) -> None:
    """Which one to look after, at a glance; what is not told is not claimed."""
    world.distances = {EXTENDED: Decimal("0.31"), BINANCE: Decimal("0.28")}
    (told,) = await world.at(MORNING)
    (one,) = items(told, "open")
    assert (one["trade"], one["distance"], one["distance_venue"]) == (
        "8a3",
        "0.28",
        "binance",
    )
    assert (one["total_usd"], told.facts["open"]) == ("2.30", "1")

    world.distances = {EXTENDED: Decimal("0.31"), BINANCE: None}
    second = (await world.at(MORNING + timedelta(days=1)))[-1]
    assert items(second, "open")[0]["partly"] == "yes"

    world.distances = {EXTENDED: None, BINANCE: None}
    third = (await world.at(MORNING + timedelta(days=2)))[-1]
    assert "distance" not in items(third, "open")[0]


async def test_how_long_an_open_pair_lasts_is_told(world: World) -> None:
    """Four days at recent moves; before a day of prices is known no number is told."""
    world.runway = Runway(BINANCE, Decimal("0.20"), timedelta(days=4), 71)
    (told,) = await world.at(MORNING)
    assert items(told, "open")[0]["runway_s"] == "345600"

    world.runway = Runway(BINANCE, Decimal("0.20"), None, 5)
    second = (await world.at(MORNING + timedelta(days=1)))[-1]
    assert items(second, "open")[0]["runway_hours"] == "5"
    assert "runway_s" not in items(second, "open")[0]


async def test_what_was_opened_and_left_is_named_with_the_reason() -> None:
    """What the bot did while its owner slept."""
    night = START + timedelta(hours=5)
    gone = replace(
        trade(TradeState.CLOSED, "6c1"), closed_at=night, outcome="you closed it"
    )
    failed = replace(
        trade(TradeState.ABORTED, "5b0"),
        opened_at=None,
        closed_at=night,
        outcome="funding fell",
    )
    new = replace(trade(TradeState.OPEN, "8a3"), opened_at=night)
    old = closed_entry()
    world = World(old, *(LedgerEntry(each, (), ()) for each in (gone, failed, new)))
    await world.report.tick()
    (told,) = await world.at(MORNING)

    assert [each["trade"] for each in items(told, "opened")] == ["8a3"]
    (closed,) = items(told, "closed")
    assert (closed["trade"], closed["reason"]) == ("6c1", "you closed it")
    assert closed["total_usd"] == "2.30"
    (not_opened,) = items(told, "not_opened")
    assert (not_opened["trade"], not_opened["reason"]) == ("5b0", "funding fell")


async def test_the_best_pair_that_is_not_held_is_named(world: World) -> None:
    """BTC pays most but is held; an old scan says nothing of now."""
    ranked = (pair("BTC", spread="0.0003"), pair("SUI", spread="0.0002"))
    world.scan = scan_of(*ranked, at=MORNING - timedelta(minutes=1))
    (told,) = await world.at(MORNING)
    assert told.facts["missed_base"] == "SUI"
    assert told.facts["missed_per_hour"] == "0.0002"

    second = (await world.at(MORNING + timedelta(days=1)))[-1]
    assert "missed_base" not in second.facts


async def test_a_price_nobody_shows_leaves_the_open_part_unknown(world: World) -> None:
    """A sum with a hole is no number."""
    (told,) = await world.at(MORNING)

    assert "open_usd" not in told.facts
    assert told.facts["net_usd"] == "0"
