"""Critical news repeat until somebody saw them or they are over."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from core.alarms import Bell
from core.errors import TroubleKind
from core.health import VenueMonitor
from core.model.alert import Alert, AlertKind, AlertLevel
from core.model.control import GLOBAL_SCOPE, Event, Halt, TradingState
from core.model.trade import TradeState
from core.model.trouble import Trouble
from core.model.units import ChatId, UserId
from storage.alarms import SqliteAlarms
from storage.database import Database
from storage.outbox import SqliteOutbox
from tests.fakes.objects import BINANCE, HYPERLIQUID
from tests.fakes.runtime import FakeClock
from tests.fakes.stage import Stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from core.model.trade import Trade

ANNA, BERT = UserId(1), UserId(2)
CHAT = ChatId(1)
MINUTE = timedelta(minutes=1)


class World:
    """A bell over a real outbox and real alarms, fed minute by minute."""

    def __init__(self, database: Database, clock: FakeClock) -> None:
        self.clock = clock
        self.outbox = SqliteOutbox(database, [CHAT])
        self.alarms = SqliteAlarms(database)
        self.stage = Stage()
        self.journal = self.stage.journal
        self.monitor = VenueMonitor((BINANCE, HYPERLIQUID), clock)
        self.told: list[str] = []
        self.start = clock.now()
        self.ring_anew()

    def ring_anew(self) -> None:
        """Forget everything that is not on disk, as a restart does."""
        self.bell = Bell(
            alarms=self.alarms,
            outbox=self.outbox,
            trades=self.journal,
            halts=self.journal,
            monitor=self.monitor,
            clock=self.clock,
        )

    async def minutes(self, count: int) -> list[int]:
        """Let minutes pass; return in which of them, from the start, it rang."""
        rang = []
        for _ in range(count):
            await self.clock.advance(MINUTE)
            await self.bell.ring()
            items = await self.outbox.due(self.clock.now(), 50)
            for item in items:
                await self.outbox.sent(item.item_id, None)
            rang += [self._minute()] * len(items)
        return rang

    def _minute(self) -> int:
        return int((self.clock.now() - self.start) / MINUTE)

    async def begin(self, alert: Alert) -> None:
        """Store an alert and let it be told the first time."""
        await self.outbox.put(alert)
        for item in await self.outbox.due(self.clock.now(), 50):
            await self.outbox.sent(item.item_id, None)

    def alert(self, trade: Trade | None = None, **facts: str) -> Alert:
        """Return a critical alert on a trade, or on a halt."""
        return Alert(
            kind=AlertKind.PAUSED if trade is None else AlertKind.NOT_HEDGED,
            level=AlertLevel.CRITICAL,
            dedupe_key=f"key:{self._minute()}",
            facts=facts,
            created_at=self.clock.now(),
            trade_id=None if trade is None else trade.trade_id,
        )

    def trade(self, state: TradeState, *, attention: bool) -> Trade:
        """Put a trade in this state into the journal."""
        trade = replace(self.stage.confirmed(), state=state, needs_attention=attention)
        self.journal.rows[trade.trade_id] = trade
        return trade


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Give a bell."""
    clock = FakeClock()
    database = await Database.open(tmp_path / "paper.db", clock=clock)
    try:
        yield World(database, clock)
    finally:
        await database.close()


async def halted(world: World, reason: str = "two bots") -> None:
    """Keep a halt in force that an alarm can be about."""
    now = world.clock.now()
    halt = Halt(GLOBAL_SCOPE, "k", TradingState.REDUCING, reason, now)
    await world.journal.set_halt(halt, Event(now, "bot", "halt"))


async def test_it_rings_after_1_5_15_and_60_minutes_and_then_every_hour(
    world: World,
) -> None:
    """Nobody may sleep through a naked leg, nor be called every minute."""
    await halted(world)
    await world.begin(world.alert(reason="two bots"))

    assert await world.minutes(190) == [1, 5, 15, 60, 120, 180]


async def test_seen_ends_the_repeats_and_says_who_and_when(world: World) -> None:
    """Two owners must know which of them looks after it."""
    await halted(world)
    await world.begin(world.alert(reason="two bots"))
    await world.minutes(2)
    (alarm,) = await world.alarms.ringing()

    first = await world.bell.see(alarm.cause, ANNA, "Anna")
    await world.clock.advance(MINUTE)
    second = await world.bell.see(alarm.cause, BERT, "Bert")

    assert first is not None
    assert first == second
    assert (first.seen_by, first.seen_name) == (ANNA, "Anna")
    assert first.seen_at == world.start + 2 * MINUTE
    assert await world.minutes(200) == []


async def test_new_facts_of_the_same_trade_ring_although_the_old_were_seen(
    world: World,
) -> None:
    """Having seen 5 naked coins is not having seen 12."""
    trade = world.trade(TradeState.UNWIND, attention=True)
    await world.begin(world.alert(trade, quantity="5"))
    await world.bell.see(f"trade:{trade.trade_id}", ANNA, "Anna")
    await world.minutes(10)

    await world.begin(world.alert(trade, quantity="12"))

    assert await world.minutes(20) == [11, 15, 25]


@pytest.mark.parametrize(
    ("state", "attention"),
    [(TradeState.OPEN, False), (TradeState.CLOSED, True), (TradeState.ABORTED, True)],
)
async def test_a_trade_that_is_level_again_rings_no_more(
    world: World, state: TradeState, *, attention: bool
) -> None:
    """An alarm about what is over teaches people to ignore alarms."""
    trade = world.trade(TradeState.UNWIND, attention=True)
    await world.begin(world.alert(trade))
    assert await world.minutes(2) == [1]

    world.trade(state, attention=attention)

    assert await world.minutes(100) == []
    assert await world.alarms.ringing() == ()


async def test_an_open_pair_that_needs_a_person_keeps_ringing(world: World) -> None:
    """Open is not level while a person must look."""
    trade = world.trade(TradeState.OPEN, attention=True)
    await world.begin(world.alert(trade))

    assert await world.minutes(6) == [1, 5]


async def test_the_word_that_a_trade_is_closed_ends_its_alarm_at_once(
    world: World,
) -> None:
    """In the same transaction: no repeat can slip in between."""
    trade = world.trade(TradeState.UNWIND, attention=True)
    await world.begin(world.alert(trade))
    closed = replace(
        world.alert(trade),
        kind=AlertKind.CLOSED,
        level=AlertLevel.TRADE,
        dedupe_key="closed",
    )

    await world.outbox.put(closed)

    assert await world.alarms.ringing() == ()


@pytest.mark.parametrize("names_it", [True, False])
async def test_a_lifted_halt_rings_no_more(world: World, *, names_it: bool) -> None:
    """Resumed entries need no further word."""
    await halted(world)
    facts = {"scope": GLOBAL_SCOPE, "key": "k"} if names_it else {}
    alert = world.alert(reason="two bots")
    await world.begin(replace(alert, facts={**alert.facts, **facts}))
    assert await world.minutes(1) == [1]
    await world.journal.clear_halt(
        GLOBAL_SCOPE, "k", Event(world.clock.now(), "bot", "lift")
    )

    assert await world.minutes(10) == []


async def test_a_silent_venue_rings_while_a_pair_is_open_there(world: World) -> None:
    """Once it answers, or nothing is held there, it is no alarm."""
    trade = world.trade(TradeState.OPEN, attention=False)
    trouble = Trouble(BINANCE, TroubleKind.TIMEOUT, "no answer", world.clock.now())
    world.monitor.failed(trouble)
    down = replace(
        world.alert(venue=BINANCE), kind=AlertKind.VENUE_DOWN, dedupe_key="down"
    )
    await world.begin(down)
    assert await world.minutes(5) == [1, 5]

    world.ring_anew()
    assert BINANCE in {leg.instrument.venue_id for leg in trade.legs}
    world.monitor.answered(BINANCE, timedelta(milliseconds=80))

    assert await world.minutes(100) == []


async def test_an_alarm_outlives_a_restart_and_rings_once_for_what_it_missed(
    world: World,
) -> None:
    """Two hours down: one repeat, not four, and the next on the hour."""
    await halted(world)
    await world.begin(world.alert(reason="two bots"))
    await world.minutes(1)

    await world.clock.advance(timedelta(minutes=125))
    world.ring_anew()

    assert await world.minutes(60) == [127, 180]


async def test_repeats_that_could_not_be_sent_do_not_pile_up(world: World) -> None:
    """Telegram away for an hour: the first message and one repeat wait, not five."""
    await halted(world)
    await world.outbox.put(world.alert(reason="two bots"))
    for _ in range(61):
        await world.clock.advance(MINUTE)
        await world.bell.ring()

    waiting = await world.outbox.due(world.clock.now(), 50)

    assert [each.alert.facts.get("again", "first") for each in waiting] == [
        "first",
        "4",
    ]


async def test_what_ended_long_ago_is_forgotten(world: World) -> None:
    """The table stays small."""
    await world.begin(world.alert(reason="two bots"))
    await world.minutes(1)
    cause = "key:0"
    assert await world.alarms.alarm(cause) is not None

    await world.clock.advance(timedelta(days=8))
    await world.bell.ring()

    assert await world.alarms.alarm(cause) is None
