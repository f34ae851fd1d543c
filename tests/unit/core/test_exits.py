"""When a pair is left, when not yet, and what nobody may decide on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from core.exits import judge, may_close, words
from core.model.exit import (
    ExitAction,
    ExitFacts,
    ExitRule,
    ExitRules,
    Timer,
    Verdict,
)
from tests.fakes.objects import BINANCE, HYPERLIQUID
from tests.fakes.runtime import START

if TYPE_CHECKING:
    from core.model.exit import Timers

EVERY = ExitRules(actions=dict.fromkeys(ExitRule, ExitAction.CLOSE))
HOUR = timedelta(hours=1)
LOOK = timedelta(seconds=30)
CALM = ExitFacts(
    now=START,
    size_usd=Decimal(500),
    result_usd=Decimal(1),
    spread_per_hour=Decimal("0.0001"),
    entry_spread_per_hour=Decimal("0.0001"),
    settled_at=START - HOUR,
    distances={BINANCE: Decimal("0.33"), HYPERLIQUID: Decimal("0.29")},
    gap=Decimal("0.001"),
    opened_at=START - HOUR,
    is_live=True,
)


class Watch:
    """Looks at one pair again and again, remembering what the rules remember."""

    def __init__(self, rules: ExitRules = EVERY, timers: Timers | None = None) -> None:
        self.rules, self.timers = rules, dict(timers or {})
        self.facts = CALM

    def look(
        self,
        after: timedelta = LOOK,
        **changes: Any,  # noqa: ANN401 - fields of facts
    ) -> tuple[Verdict, ...]:
        """Let time pass, let something change, and judge."""
        self.facts = replace(self.facts, now=self.facts.now + after, **changes)
        verdicts, timers = judge(self.facts, self.rules, self.timers)
        self.timers = dict(timers)
        return verdicts

    def fired(
        self,
        after: timedelta = LOOK,
        **changes: Any,  # noqa: ANN401 - fields of facts
    ) -> list[ExitRule]:
        """Return which rules fired."""
        return [each.rule for each in self.look(after, **changes)]


def test_a_pair_in_order_is_left_alone() -> None:
    """Watching costs nothing and says nothing."""
    watch = Watch()

    assert [watch.fired() for _ in range(10)] == [[]] * 10


@pytest.mark.parametrize(
    "rule",
    [each for each in ExitRule if each not in {ExitRule.BELOW, ExitRule.AFTER_PAYMENT}],
)
def test_a_rule_that_is_off_neither_fires_nor_remembers(rule: ExitRule) -> None:
    """Off is off, and turning it on later starts from nothing."""
    rules = replace(EVERY, actions={**EVERY.actions, rule: ExitAction.OFF})
    watch = Watch(rules)
    bad: dict[str, Any] = {
        "result_usd": Decimal(50),
        "spread_per_hour": Decimal("-0.001"),
        "distances": {BINANCE: Decimal("0.05")},
        "gap": Decimal("0.05"),
        "delisted": (BINANCE,),
        "troubles": {HYPERLIQUID: "does not answer: timeout"},
        "opened_at": START - timedelta(days=30),
    }
    found = {
        each
        for n in range(6)
        for each in watch.fired(HOUR, settled_at=START + n * HOUR, **bad)
    }

    assert rule not in found
    assert rule not in watch.timers
    assert found == set(ExitRule) - {rule, ExitRule.BELOW, ExitRule.AFTER_PAYMENT}


# --- profit ---------------------------------------------------------------------------


def test_profit_is_taken_at_its_share_of_the_size_once_it_stays() -> None:
    """2 % of 500 USD is 10 USD after all fees; one good mark is not enough."""
    watch = Watch()

    assert watch.fired(result_usd=Decimal("9.99")) == []
    assert watch.fired(result_usd=Decimal("10.00")) == []
    assert watch.fired() == []
    assert watch.fired() == [ExitRule.PROFIT]


def test_a_profit_that_flickers_is_not_taken() -> None:
    """A bad mark on one venue looks like a gain for a moment."""
    watch = Watch()
    for result in ("10", "9", "10", "9", "10"):
        assert watch.fired(result_usd=Decimal(result)) == []


def test_an_unknown_result_stops_no_clock_and_starts_none() -> None:
    """A venue that falls silent neither takes the profit nor forgets it."""
    watch = Watch()
    watch.look(result_usd=Decimal(10))
    assert watch.fired(timedelta(minutes=5), result_usd=None) == []
    assert watch.fired(result_usd=Decimal(10)) == [ExitRule.PROFIT]


# --- spread ---------------------------------------------------------------------------


def test_a_spread_below_the_stop_counts_by_settlement_not_by_look() -> None:
    """A dip between two payments costs nothing; two payments in a row do."""
    watch = Watch()
    watch.look()
    for _ in range(50):
        assert watch.fired(spread_per_hour=Decimal("-0.0001")) == []

    assert watch.fired(HOUR, settled_at=START) == []
    assert watch.fired(HOUR, settled_at=START + HOUR) == [ExitRule.SPREAD]


def test_the_spread_is_signed() -> None:
    """A flipped pair pays as much as it earned: taking its size would never end it."""
    watch = Watch(replace(EVERY, stop_per_hour=Decimal("0.00002")))
    watch.look()
    watch.look(HOUR, settled_at=START, spread_per_hour=Decimal("-0.0005"))
    (verdict,) = watch.look(HOUR, settled_at=START + HOUR)

    assert verdict.numbers == {
        "spread_per_hour": "-0.0005",
        "stop_per_hour": "0.00002",
        "payments": "2",
    }


def test_a_count_ends_only_well_above_the_stop() -> None:
    """Just above zero is not healthy, a quarter of the entry's spread is."""
    watch = Watch()
    watch.look()
    watch.look(HOUR, settled_at=START, spread_per_hour=Decimal("-0.0001"))
    assert watch.timers[ExitRule.SPREAD].count == 1
    watch.look(HOUR, settled_at=START + HOUR, spread_per_hour=Decimal("0.00001"))
    assert watch.timers[ExitRule.SPREAD].count == 1
    watch.look(HOUR, settled_at=START + 2 * HOUR, spread_per_hour=Decimal("0.000025"))
    assert watch.timers[ExitRule.SPREAD].count == 0


def test_settlements_missed_while_away_count_as_one() -> None:
    """Nobody knows what the spread was meanwhile."""
    watch = Watch()
    watch.look()
    fired = watch.fired(
        8 * HOUR, settled_at=START + 7 * HOUR, spread_per_hour=Decimal("-0.0001")
    )

    assert fired == []
    assert watch.timers[ExitRule.SPREAD].count == 1


def test_without_a_fresh_rate_no_settlement_counts() -> None:
    """Missing is not bad."""
    watch = Watch()
    watch.look()
    for hour in range(5):
        fired = watch.fired(HOUR, settled_at=START + hour * HOUR, spread_per_hour=None)
        assert fired == []
    assert watch.timers[ExitRule.SPREAD].count == 0


# --- liquidation ----------------------------------------------------------------------


def near(distance: str) -> dict[str, Any]:
    """Return the nearer leg's distance, the other one far away."""
    return {"distances": {BINANCE: Decimal(distance), HYPERLIQUID: Decimal("0.5")}}


def test_a_leg_near_liquidation_is_told_by_level() -> None:
    """20 % is a warning, 12 % an alarm; each is told once, and the worse one again."""
    watch = Watch()

    (warned,) = watch.look(**near("0.19"))
    assert (warned.is_critical, warned.is_news) == (False, True)
    assert warned.numbers["venue"] == "binance"
    assert [each.is_news for each in watch.look(**near("0.18"))] == [False]
    (alarm,) = watch.look(**near("0.11"))
    assert (alarm.is_critical, alarm.is_news) == (True, True)
    assert [each.is_news for each in watch.look(**near("0.14"))] == [False]
    assert [each.is_news for each in watch.look(**near("0.16"))] == [False]


def test_a_leg_is_safe_again_three_points_above_the_level() -> None:
    """A price that trembles around 20 % rings once, not all night."""
    watch = Watch()
    watch.look(**near("0.19"))

    assert [each.is_news for each in watch.look(**near("0.22"))] == [False]
    assert watch.look(**near("0.23")) == ()
    assert [each.is_news for each in watch.look(**near("0.19"))] == [True]


def test_an_unknown_distance_is_neither_near_nor_far() -> None:
    """None is not safety: what was warned of stays warned of."""
    watch = Watch()
    watch.look(**near("0.19"))
    watch.look(distances={BINANCE: None, HYPERLIQUID: None})

    assert watch.timers[ExitRule.LIQUIDATION].band == "warn"


# --- price gap, listing, time ---------------------------------------------------------


def test_a_price_gap_fires_when_it_stays() -> None:
    """Legs that drift apart by more than 1 % are no hedge."""
    watch = Watch()
    assert watch.fired(gap=Decimal("0.011")) == []
    assert watch.fired() == []
    assert watch.fired() == [ExitRule.GAP]
    assert [each.is_news for each in watch.look(gap=Decimal("0.009"))] == [False]
    assert watch.look(gap=Decimal("0.0079")) == ()


def test_a_contract_that_leaves_its_list_is_told_at_once() -> None:
    """There is only so much time to close it."""
    (verdict,) = Watch().look(delisted=(HYPERLIQUID,))

    assert verdict.rule is ExitRule.DELISTED
    assert verdict.numbers == {"venue": "hyperliquid"}


# --- a venue in trouble ---------------------------------------------------------------

SILENT = {"troubles": {BINANCE: "does not answer: timeout"}, "in_order": False}
FINE: dict[str, Any] = {"troubles": {}, "in_order": True}
MINUTE = timedelta(minutes=1)


def test_a_venues_trouble_is_told_once_after_the_set_time_and_not_before() -> None:
    """30 min of silence at every look: a hiccup of a venue is no reason to leave."""
    watch = Watch()
    watch.look(MINUTE, **SILENT)
    assert watch.fired(29 * MINUTE + LOOK) == []
    (verdict,) = watch.look()
    assert verdict.rule is ExitRule.VENUE
    assert verdict.is_news
    assert (verdict.numbers["venue"], verdict.numbers["lasted_s"]) == (
        "binance",
        "1800",
    )
    assert [each.is_news for each in watch.look(HOUR)] == [False]


def test_one_good_look_ends_a_venues_trouble() -> None:
    """29 minutes twice are not 58 minutes at a stretch."""
    watch = Watch()
    watch.look(MINUTE, **SILENT)
    watch.look(29 * MINUTE)
    watch.look(LOOK, **FINE)
    assert ExitRule.VENUE not in watch.timers
    watch.look(LOOK, **SILENT)
    assert watch.fired(29 * MINUTE) == []


def test_what_is_not_known_neither_ends_nor_counts_as_trouble() -> None:
    """Just after a start nothing was asked yet: the timer stays, nothing fires."""
    watch = Watch()
    watch.look(MINUTE, **SILENT)
    began = watch.timers[ExitRule.VENUE]
    assert watch.fired(2 * HOUR, troubles={}, in_order=False) == []
    assert watch.timers[ExitRule.VENUE] == began


def test_the_other_venues_trouble_has_a_time_of_its_own() -> None:
    """20 minutes of one venue and 20 of the other are not 40 of either."""
    watch = Watch()
    watch.look(MINUTE, **SILENT)
    watch.look(20 * MINUTE)
    other = {HYPERLIQUID: "takes no orders: it refused our key"}
    assert watch.fired(LOOK, troubles=other) == []
    assert watch.fired(20 * MINUTE) == []
    (verdict,) = watch.look(10 * MINUTE)
    assert verdict.numbers["venue"] == "hyperliquid"


def test_a_close_for_a_venues_trouble_waits_until_both_are_in_order() -> None:
    """A dead venue would leave the other leg alone; back again, the pair is left."""
    watch = Watch()
    watch.look(MINUTE, **SILENT)
    (verdict,) = watch.look(HOUR)
    assert not may_close(watch.facts, verdict)
    (verdict,) = watch.look(LOOK, **FINE)
    assert may_close(watch.facts, verdict)
    assert not verdict.is_news
    assert words(verdict) == "binance was in trouble for 60 min and is in order again"
    (later,) = watch.look(HOUR)
    assert words(later) == words(verdict)


def test_a_rule_that_only_tells_forgets_a_trouble_that_is_over() -> None:
    """The next one is told again."""
    watch = Watch(replace(EVERY, actions={ExitRule.VENUE: ExitAction.TELL}))
    watch.look(MINUTE, **SILENT)
    assert watch.fired(HOUR) == [ExitRule.VENUE]
    assert watch.look(LOOK, **FINE) == ()
    assert watch.timers == {}
    watch.look(MINUTE, **SILENT)
    assert [each.is_news for each in watch.look(HOUR)] == [True]


def test_the_longest_hold_ends_to_the_second() -> None:
    """Seven days are seven days, also over a restart: the moment of opening counts."""
    watch = Watch()
    almost = timedelta(days=7) - HOUR - timedelta(seconds=1)

    assert watch.fired(almost) == []
    assert watch.fired(timedelta(seconds=1)) == [ExitRule.HOLD]


# --- what a person asked of one pair --------------------------------------------------


def test_close_after_the_next_payment_waits_for_it_and_a_minute_more() -> None:
    """The payment must be in before the pair is gone."""
    due = START + timedelta(minutes=10)
    watch = Watch(timers={ExitRule.AFTER_PAYMENT: Timer(mark=due)})

    assert watch.fired(timedelta(minutes=10)) == []
    assert watch.fired(timedelta(seconds=59)) == []
    assert watch.fired(timedelta(seconds=1)) == [ExitRule.AFTER_PAYMENT]


def test_a_pairs_own_level_closes_it_whatever_the_rules_say() -> None:
    """A person asked for it by a tap; the rules for all pairs may be off."""
    watch = Watch(
        ExitRules(actions={}),
        {ExitRule.BELOW: Timer(level=Decimal("0.00005"))},
    )

    assert watch.fired(spread_per_hour=Decimal("0.00005")) == []
    for passed in (1, 2):
        assert watch.fired(spread_per_hour=Decimal("0.00004")) == [], passed
    (verdict,) = watch.look()
    assert (verdict.rule, verdict.action) == (ExitRule.BELOW, ExitAction.CLOSE)


def test_a_pairs_own_level_survives_a_good_hour() -> None:
    """It is an order that stands, not a timer."""
    watch = Watch(timers={ExitRule.BELOW: Timer(level=Decimal("0.00005"))})
    watch.look(spread_per_hour=Decimal("0.00004"))
    watch.look(spread_per_hour=Decimal("0.00006"))

    assert watch.timers[ExitRule.BELOW] == Timer(level=Decimal("0.00005"))


# --- what may be sent -----------------------------------------------------------------


def verdict(*, is_critical: bool = False) -> Verdict:
    """Return a rule that wants to close."""
    return Verdict(ExitRule.PROFIT, ExitAction.CLOSE, {}, is_critical=is_critical)


def test_nothing_is_closed_on_stale_data_or_with_a_dead_venue() -> None:
    """Half a close is worse than none."""
    assert may_close(CALM, verdict())
    assert not may_close(replace(CALM, is_live=False), verdict())
    assert not may_close(replace(CALM, is_live=False), verdict(is_critical=True))


@pytest.mark.parametrize(
    ("seconds", "favours", "may"),
    [(61, True, True), (60, True, False), (1, True, False), (30, False, True)],
)
def test_a_payment_about_to_come_in_is_waited_for(
    seconds: int,
    favours: bool,  # noqa: FBT001 - a column of the table
    may: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """Closing a minute before it gives the payment away; one we pay is no reason."""
    facts = replace(
        CALM,
        next_payments={BINANCE: START + timedelta(seconds=seconds)},
        favours={BINANCE: favours},
    )

    assert may_close(facts, verdict()) is may


def test_a_stopped_contract_holds_back_all_but_a_near_liquidation() -> None:
    """One leg sold and the other stuck is worse than a pair held a little longer."""
    facts = replace(CALM, is_stopped=True)

    assert not may_close(facts, verdict())
    assert may_close(facts, verdict(is_critical=True))


def test_a_leg_about_to_be_liquidated_waits_for_nothing() -> None:
    """A payment of cents is not worth a liquidation."""
    facts = replace(
        CALM,
        next_payments={BINANCE: START + timedelta(seconds=30)},
        favours={BINANCE: True},
    )

    assert may_close(facts, verdict(is_critical=True))


def test_when_several_rules_fire_the_gravest_is_named_first() -> None:
    """One reason stands on the card: the one that cannot wait."""
    watch = Watch()
    fired = watch.fired(
        delisted=(BINANCE,), opened_at=START - timedelta(days=9), **near("0.05")
    )

    assert fired == [ExitRule.LIQUIDATION, ExitRule.DELISTED, ExitRule.HOLD]
