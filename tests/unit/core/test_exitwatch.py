"""Rules at work on real trades of a pretend market: told, closed, never half."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from core.errors import TradeBusyError, TroubleKind, UnknownTradeError
from core.exitwatch import ExitWatch, Seen
from core.health import Answering
from core.limits import REFUSED_KEY
from core.model.alert import AlertKind, AlertLevel
from core.model.control import GLOBAL_SCOPE, HALT_KEY, Event, Halt, TradingState
from core.model.exit import ExitAction, ExitRule, ExitRules
from core.model.history import PriceMoves
from core.model.instrument import AbsenceReason
from core.model.trouble import Trouble
from core.model.units import TradeId, UserId
from tests.fakes.account import Answer, Reply
from tests.fakes.journal import MemoryOutbox
from tests.fakes.memory import FakeAlertMemory
from tests.fakes.objects import BINANCE, HYPERLIQUID, snapshot
from tests.fakes.stage import PRICE, TRADE, Stage

if TYPE_CHECKING:
    from core.model.alert import Alert
    from core.model.instrument import Instrument
    from core.model.market import FundingSnapshot
    from core.model.order import VenuePosition
    from core.model.units import VenueId

ANNA = UserId(1)
CLOSING = ExitRules(actions=dict.fromkeys(ExitRule, ExitAction.CLOSE))
TELLING = ExitRules(actions=dict.fromkeys(ExitRule, ExitAction.TELL))
LOOK = timedelta(seconds=30)


class House:
    """An open pair, the rules that watch it, and a market that a test bends."""

    def __init__(self, rules: ExitRules = CLOSING) -> None:
        self.stage = Stage()
        self.memory = FakeAlertMemory()
        self.rules = rules
        self.per_hour = {BINANCE: "0", HYPERLIQUID: "0.0001"}
        self.marks = {BINANCE: str(PRICE), HYPERLIQUID: str(PRICE)}
        self.stale: set[str] = set()
        self.gone: set[str] = set()
        self.doubted = False
        self.stopped: set[str] = set()
        self.failing: set[str] = set()
        self.due_in = timedelta(minutes=30)
        self.moves = PriceMoves(71, Decimal("0.04"))
        self.restart()

    def restart(self) -> None:
        """Forget everything but what is stored."""
        self.watch = ExitWatch(
            execution=self.stage.execution,
            memory=self.memory,
            outbox=MemoryOutbox(self.stage.journal),
            rules=lambda: self.rules,
            market=Seen(
                fresh=self.fresh,
                absence=self.absence,
                answering=self.answering,
                moves=lambda _: self.moves,
                is_doubted=lambda _: self.doubted,
            ),
        )

    def absence(self, instrument: Instrument) -> AbsenceReason | None:
        """Tell why a contract is off its venue's list."""
        if instrument.venue_id in self.gone:
            return AbsenceReason.DELISTED
        is_stopped = instrument.venue_id in self.stopped
        return AbsenceReason.INACTIVE if is_stopped else None

    def answering(self, venue_id: VenueId) -> Answering:
        """Tell how a venue's public data has been coming."""
        good = Answering(latency=timedelta(seconds=1))
        if venue_id not in self.failing:
            return good
        now = self.stage.clock.now()
        trouble = Trouble(venue_id, TroubleKind.TIMEOUT, "timeout", now)
        return replace(good, failures=1, failing_since=now, trouble=trouble)

    def fresh(self, instrument: Instrument) -> FundingSnapshot | None:
        """Show the market as the test bent it."""
        venue_id = instrument.venue_id
        if venue_id in self.stale:
            return None
        seen = snapshot(
            "SOL",
            venue_id,
            per_hour=self.per_hour[venue_id],
            price=self.marks[venue_id],
            at=self.stage.clock.now(),
        )
        due = self.stage.clock.now() + self.due_in
        return replace(seen, instrument=instrument, next_funding_at=due)

    async def look(self, times: int = 1, after: timedelta = LOOK) -> None:
        """Look at the pair again and again, and let what follows run."""
        for _ in range(times):
            await self.stage.clock.advance(after)
            await self.stage.play(self.watch.tick())
            await self.settle()

    async def settle(self) -> None:
        """Let a close that started come to its end."""
        while self.stage.execution.is_busy(TRADE):
            await self.stage.play(self.stage.clock.sleep(timedelta(seconds=1)))

    @property
    def state(self) -> str:
        """Return the pair's state."""
        return self.stage.state.value

    @property
    def told(self) -> list[Alert]:
        """Return what rules told."""
        return self.stage.alerts(AlertKind.EXIT)

    @property
    def reason(self) -> str:
        """Return why the pair was closed."""
        (closed,) = self.stage.alerts(AlertKind.CLOSED)
        return closed.facts["reason"]


@pytest.fixture
async def house() -> House:
    """Return a pair of 10 SOL at 50 USD, opened just now."""
    made = House()
    await made.stage.open()
    assert made.state == "open"
    return made


async def test_a_pair_in_order_is_watched_in_silence(house: House) -> None:
    """Ten looks, no word, no order."""
    orders = len(house.stage.orders_made)
    await house.look(10)

    assert house.told == []
    assert len(house.stage.orders_made) == orders


async def test_a_profit_is_taken_flat_on_both_legs_with_its_reason(
    house: House,
) -> None:
    """The record says why: a trader asks that the next morning."""
    house.marks[BINANCE] = "52"
    house.rules = replace(CLOSING, max_gap=Decimal("0.5"))
    await house.look(3)

    assert house.state == "closed"
    assert house.stage.held == (Decimal(0), Decimal(0))
    assert house.reason.startswith("profit taken: $1")
    assert house.stage.trade.outcome == house.reason
    assert [each.facts["rule"] for each in house.told] == ["profit"]


async def test_a_rule_that_only_tells_sends_no_order(house: House) -> None:
    """Tell means tell, and once."""
    house.rules = TELLING
    house.gone.add(HYPERLIQUID)
    await house.look(5)

    assert house.state == "open"
    assert [(each.facts["rule"], each.facts["venue"]) for each in house.told] == [
        ("delisted", "hyperliquid")
    ]


@pytest.mark.parametrize("venue", ["first", "second"])
async def test_nothing_is_closed_while_a_venue_is_dead(
    house: House, venue: str
) -> None:
    """A dead venue would leave the other leg alone: the pair stays hedged."""
    house.gone.add(HYPERLIQUID)
    getattr(house.stage, venue).fails = lambda what: what == "positions"
    await house.look(5)
    assert house.state == "open"
    assert house.stage.alerts(AlertKind.STAYS_OPEN) == []

    getattr(house.stage, venue).fails = lambda _: False
    await house.look(1)
    assert house.state == "closed"


async def test_nothing_is_closed_on_stale_rates(house: House) -> None:
    """The rule knows of the delisting, but prices are old: wait."""
    house.gone.add(HYPERLIQUID)
    house.stale.add(BINANCE)
    await house.look(3)
    assert house.state == "open"

    house.stale.clear()
    await house.look(1)
    assert house.state == "closed"


async def test_a_rate_in_doubt_closes_nothing(house: House) -> None:
    """A wrong unit looks like a flipped spread."""
    house.doubted = True
    house.per_hour[HYPERLIQUID] = "-0.01"
    house.due_in = timedelta(minutes=59)
    for _ in range(4):
        await house.look(1, timedelta(hours=8))

    assert house.state == "open"
    assert house.told == []


async def test_a_halt_by_a_person_holds_back_every_rule(house: House) -> None:
    """Halt means nothing automatic; the pair is closed only after resume."""
    now = house.stage.clock.now()
    halt = Halt(GLOBAL_SCOPE, HALT_KEY, TradingState.HALTED, "halted", now, by=ANNA)
    await house.stage.journal.set_halt(halt, Event(now, "user 1", "halt"))
    house.gone.add(BINANCE)
    await house.look(3)
    assert house.state == "open"

    await house.stage.journal.clear_halt(
        GLOBAL_SCOPE, HALT_KEY, Event(now, "user 1", "resume")
    )
    await house.look(1, timedelta(minutes=11))
    assert house.state == "closed"


async def test_a_pause_of_entries_does_not_hold_back_an_exit(house: House) -> None:
    """Pausing is about entries; leaving works."""
    now = house.stage.clock.now()
    halt = Halt(GLOBAL_SCOPE, "pause", TradingState.REDUCING, "paused", now, by=ANNA)
    await house.stage.journal.set_halt(halt, Event(now, "user 1", "pause"))
    house.gone.add(BINANCE)
    await house.look(1)

    assert house.state == "closed"


async def test_a_close_that_fails_stays_hedged_and_is_tried_after_ten_minutes(
    house: House,
) -> None:
    """A venue that refuses is not hammered, and the rule is not forgotten."""
    refusal = Answer(Reply.REJECT, code="busy")
    house.stage.first.answer = lambda: refusal
    house.gone.add(HYPERLIQUID)
    await house.look(6)
    assert house.state == "open"
    assert house.stage.exposure == 0
    assert len(house.stage.alerts(AlertKind.STAYS_OPEN)) == 1

    house.stage.first.answer = Answer
    await house.look(1, timedelta(minutes=10))
    assert house.state == "closed"
    assert len(house.told) == 1


# --- a venue in trouble ---------------------------------------------------------------


async def test_a_silent_account_is_told_and_left_only_once_it_answers(
    house: House,
) -> None:
    """Half an hour of silence: told once, nothing sent; both answer again: closed."""
    house.stage.first.fails = lambda what: what == "positions"
    await house.look(61)
    assert [each.facts["rule"] for each in house.told] == ["venue"]
    assert house.told[0].facts["how"] == "does not answer for our account"
    await house.look(20)
    assert house.state == "open"
    assert ExitRule.VENUE in await house.watch.wishes(TRADE)

    house.stage.first.fails = lambda _: False
    await house.look(1)
    assert house.state == "closed"
    assert house.stage.held == (Decimal(0), Decimal(0))
    assert house.reason == "binance was in trouble for 41 min and is in order again"
    assert len(house.told) == 1


async def test_rates_that_fail_are_a_trouble_too_and_a_restart_goes_on_counting(
    house: House,
) -> None:
    """20 minutes before the restart and 10 after it make 30."""
    house.rules = TELLING
    house.failing.add(HYPERLIQUID)
    await house.look(41)
    house.restart()
    await house.look(19)
    assert house.told == []
    await house.look(2)

    (told,) = house.told
    assert told.facts["venue"] == "hyperliquid"
    assert 1800 <= int(told.facts["lasted_s"]) < 1830
    assert told.facts["how"] == "does not answer: timeout"
    house.restart()
    await house.look(3)
    assert len(house.told) == 1
    assert house.state == "open"


async def test_a_refused_key_is_a_trouble_until_the_venue_takes_orders(
    house: House,
) -> None:
    """A venue that shows everything and takes nothing is no better than a dead one."""
    now = house.stage.clock.now()
    key, why = f"{REFUSED_KEY}key", "binance refused our key"
    halt = Halt(BINANCE, key, TradingState.HALTED, why, now)
    await house.stage.journal.set_halt(halt, Event(now, "engine", "halt binance"))
    await house.look(80)
    assert house.state == "open"
    assert house.told[0].facts["how"] == "takes no orders: binance refused our key"

    await house.stage.journal.clear_halt(
        BINANCE, key, Event(now, "engine", "lift binance")
    )
    await house.look(1)
    assert house.state == "closed"


async def test_a_contract_whose_trading_is_stopped_is_not_sold_into_nothing(
    house: House,
) -> None:
    """Stopped is not delisted: no rule closes one leg while the other cannot move."""
    house.stopped.add(HYPERLIQUID)
    house.marks[BINANCE] = "52"
    await house.look(70)
    assert house.state == "open"
    assert house.stage.exposure == 0
    rules = [each.facts["rule"] for each in house.told]
    assert rules == ["profit", "gap", "venue"]

    house.stopped.clear()
    await house.look(1)
    assert house.state == "closed"


async def test_a_persons_halt_and_a_busy_minute_are_no_trouble_of_a_venue(
    house: House,
) -> None:
    """An owner who stopped a venue, and a venue that asked for patience, are fine."""
    now = house.stage.clock.now()
    for key, by in (("attention:x:stopped", ANNA), (f"{REFUSED_KEY}rate_limit", None)):
        halt = Halt(BINANCE, key, TradingState.REDUCING, "later", now, by=by)
        await house.stage.journal.set_halt(halt, Event(now, "engine", "halt binance"))
    await house.look(90)

    assert house.told == []


# --- restarts -------------------------------------------------------------------------


async def test_a_timer_goes_on_where_it_stood_after_a_restart(house: House) -> None:
    """Half a minute before the restart and half after make a minute."""
    house.rules = replace(CLOSING, max_gap=Decimal("0.5"))
    house.marks[BINANCE] = "52"
    await house.look(2)
    assert house.state == "open"
    house.restart()
    await house.look(1)

    assert house.state == "closed"


async def test_settlements_are_counted_over_restarts(house: House) -> None:
    """One bad settlement before, one after: two in a row."""
    house.per_hour[HYPERLIQUID] = "-0.0001"
    house.due_in = timedelta(hours=8)
    await house.look(1)
    await house.look(1, timedelta(hours=8))
    house.restart()
    assert house.state == "open"
    await house.look(1, timedelta(hours=8))

    assert house.state == "closed"
    assert "at 2 settlements" in house.reason


async def test_a_restart_tells_nothing_twice(house: House) -> None:
    """What was told is stored."""
    house.rules = TELLING
    house.gone.add(BINANCE)
    await house.look(1)
    house.restart()
    await house.look(3)

    assert len(house.told) == 1


async def test_what_is_remembered_of_a_closed_pair_is_forgotten(house: House) -> None:
    """A year of pairs must not fill the memory."""
    await house.watch.close_below(TRADE, Decimal(-1), ANNA)
    assert await house.memory.recall() != {}
    await house.stage.close()
    await house.look(1)

    assert await house.memory.recall() == {}


# --- liquidation ----------------------------------------------------------------------


def liquidation_at(house: House, price: str) -> None:
    """Let the first venue show where it would liquidate the long leg."""
    venue = house.stage.first
    plain = venue.positions

    async def positions() -> tuple[VenuePosition, ...]:
        return tuple(
            replace(each, liquidation_price=Decimal(price)) for each in await plain()
        )

    object.__setattr__(
        house.watch._world,
        "venues",
        {**house.stage.venues, BINANCE: _Shown(venue, positions)},
    )


class _Shown:
    """A venue that shows other positions."""

    def __init__(self, venue: object, positions: object) -> None:
        self._venue, self.positions = venue, positions

    def __getattr__(self, name: str) -> object:
        return getattr(self._venue, name)


async def test_a_leg_near_liquidation_is_an_alarm_with_what_to_move(
    house: House,
) -> None:
    """45 of 50 is 10 % away: moving 100 USD to Binance restores 30 %."""
    house.rules = TELLING
    liquidation_at(house, "45")
    await house.look(2)

    (told,) = house.told
    assert told.level is AlertLevel.CRITICAL
    assert told.facts["distance"] == "0.1"
    assert told.facts["move_usd"] == "100"
    assert (told.facts["move_from"], told.facts["move_to"]) == (
        "hyperliquid",
        "binance",
    )
    assert house.state == "open"


async def test_a_margin_warning_says_how_long_until_the_alarm(house: House) -> None:
    """41 of 50 is 18 % away, 6 % above the alarm: at 3 % a day (6 / 3)^2 = 4 days."""
    house.rules = TELLING
    house.moves = PriceMoves(71, Decimal("0.03"))
    liquidation_at(house, "41")
    await house.look(1)

    (told,) = house.told
    assert (told.facts["runway_line"], told.facts["runway_s"]) == ("0.12", "345600")
    liquidation_at(house, "45")
    house.moves = PriceMoves(5, None)
    await house.look(1)
    assert house.told[-1].facts["runway_line"] == "0"
    assert "runway_s" not in house.told[-1].facts


async def test_a_warning_does_not_close_even_if_the_rule_may(house: House) -> None:
    """Close acts at the alarm level; the warning leaves time to move money."""
    liquidation_at(house, "41")
    await house.look(2)
    assert house.state == "open"
    assert [each.level for each in house.told] == [AlertLevel.TRADE]

    liquidation_at(house, "45")
    await house.look(1)
    assert house.state == "closed"
    assert house.reason == "binance was 10.0% away from liquidation"


# --- what a person asks of one pair ---------------------------------------------------


async def test_close_after_the_next_payment_closes_a_minute_after_it(
    house: House,
) -> None:
    """The payment that we receive is waited for, whatever the rules say."""
    house.rules = ExitRules(actions={})
    start = house.stage.clock.now()
    due = await house.watch.close_after_payment(TRADE, ANNA)
    assert due == start + timedelta(minutes=30)
    await house.look(1, timedelta(minutes=29))
    house.due_in = timedelta(minutes=60)
    await house.look(3, timedelta(seconds=30))
    assert house.state == "open"
    await house.look(1)

    assert house.state == "closed"
    assert house.reason == "you wanted it closed after the payment"


async def test_asked_again_it_is_taken_back(house: House) -> None:
    """The same button undoes it."""
    assert await house.watch.close_after_payment(TRADE, ANNA) is not None
    assert await house.watch.close_after_payment(TRADE, ANNA) is None
    assert await house.watch.wishes(TRADE) == {}
    await house.look(2, timedelta(hours=1))
    assert house.state == "open"


async def test_without_a_known_payment_nothing_is_set(house: House) -> None:
    """A wish that can never come true must not look like one that stands."""
    house.stale = {BINANCE, HYPERLIQUID}

    assert await house.watch.close_after_payment(TRADE, ANNA) is None
    assert await house.watch.wishes(TRADE) == {}


async def test_a_pairs_own_stop_outlives_a_restart_and_is_logged(
    house: House,
) -> None:
    """Who asked for it, and when, stands in the audit trail."""
    house.rules = ExitRules(actions={})
    await house.watch.close_below(TRADE, Decimal("0.00005"), ANNA)
    house.restart()
    house.per_hour[HYPERLIQUID] = "0.00004"
    await house.look(3)

    assert house.state == "closed"
    assert house.reason == "the net spread fell to +0.0320%/8h, below +0.0400%/8h"
    asked = [each for each in house.stage.journal.trail if "asked" in each.what]
    assert [(each.who, each.detail) for each in asked] == [
        ("user 1", "trade=7F2 below |0|||0.00005")
    ]


async def test_nothing_is_asked_of_a_pair_that_is_not_open(house: House) -> None:
    """An old card's button says so instead of setting something."""
    with pytest.raises(UnknownTradeError):
        await house.watch.close_below(TradeId("none"), Decimal(0), ANNA)
    await house.stage.close()
    with pytest.raises(TradeBusyError):
        await house.watch.close_after_payment(TRADE, ANNA)
