"""An open pair grows, or stays what it was; never anything between for long."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from core.model.alert import AlertKind
from core.model.control import GLOBAL_SCOPE, HALT_KEY, Halt, TradingState
from core.model.intent import IntentState
from core.model.trade import TradeState
from tests.fakes.account import Answer, Reply
from tests.fakes.stage import ADDED, TRADE, Stage, purposes

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.model.intent import OrderIntent
    from core.model.trade import Trade
    from tests.fakes.account import FakeVenue

TEN, FOURTEEN = Decimal(10), Decimal(14)
ENTRY = ["T02", "T04", "T07", "T09", "T10"]
NOTHING = Answer(share=Decimal(0))
HALF = Answer(share=Decimal("0.5"))
NO_MARGIN = Answer(Reply.REJECT)


def legs(quantity: int) -> tuple[Decimal, Decimal]:
    """Return what both venues hold of a level pair, signed."""
    return Decimal(quantity), Decimal(-quantity)


async def opened(stage: Stage) -> Stage:
    """Open ten on each leg."""
    await stage.open()
    stage.check_end()
    return stage


def after_entry(stage: Stage) -> list[str]:
    """Return the steps after those of the entry."""
    assert stage.steps[:5] == ENTRY
    return stage.steps[5:]


def fact(stage: Stage, kind: AlertKind, key: str) -> str:
    """Return a fact of the latest alert of a kind."""
    return stage.alerts(kind)[-1].facts[key]


def at_order(venue: FakeVenue, happens: Callable[[], None]) -> None:
    """Let something happen as the next order reaches a venue."""
    check = venue.before_submit

    def once(order: OrderIntent) -> None:
        check(order)
        venue.before_submit = check
        happens()

    venue.before_submit = once


# --- a quiet day ----------------------------------------------------------------------


async def test_an_addition_makes_the_same_pair_larger() -> None:
    """Ten and four are fourteen on each leg, in one pair with one id."""
    stage = await opened(Stage())

    trade = await stage.add()

    assert (trade.state, trade.adding) == (TradeState.OPEN, None)
    assert after_entry(stage) == ["T02", "T04", "T07", "T09", "T10"]
    assert stage.held == legs(14)
    assert trade.quantity_base == FOURTEEN
    assert len(stage.journal.rows) == 1
    stage.check_end()


async def test_the_second_orders_have_ids_of_their_own() -> None:
    """A venue that remembers the first entry's id would take it for a copy."""
    stage = await opened(Stage())

    await stage.add()

    names = [each.client_order_id for each in stage.orders_made]
    assert len(set(names)) == 4
    assert [(each.leg, each.seq) for each in stage.orders_made] == [
        (1, 1),
        (2, 1),
        (1, 2),
        (2, 2),
    ]


async def test_orders_of_an_addition_start_from_what_was_held() -> None:
    """A position of 14 proves four bought only to him who knows it was ten before."""
    stage = await opened(Stage())

    await stage.add()

    baselines = [each.baseline_base for each in stage.orders_made]
    assert baselines == [0, 0, 10, -10]


async def test_the_card_of_the_addition_tells_what_was_added() -> None:
    """Four at 50 with a half-spread of 0.005: fees of 0.2, 14 held now."""
    stage = await opened(Stage())

    await stage.add()

    alert = stage.alerts(AlertKind.OPENED)[-1]
    long, short = json.loads(alert.facts["items"])
    assert alert.edits_message_id == 30
    assert (alert.facts["quantity"], alert.facts["planned"]) == ("4", "4")
    assert Decimal(alert.facts["fees_usd"]) == Decimal("0.2")
    assert alert.facts["held"] == "14"
    assert (long["held"], short["held"]) == ("4", "4")
    assert Decimal(alert.facts["price_gap_usd"]) == Decimal("-0.04")


async def test_the_entry_spread_is_the_mean_of_both_parts() -> None:
    """Ten at 0.01 % and four at 0.02 % an hour: 0.18 / 14 %."""
    stage = await opened(Stage())

    trade = await stage.add()

    mean = (10 * Decimal("0.0001") + 4 * Decimal("0.0002")) / 14
    assert trade.spread_per_hour == mean


async def test_a_grown_pair_closes_to_nothing() -> None:
    """What was added is closed with the rest, in one close."""
    stage = await opened(Stage())
    await stage.add()

    trade = await stage.close()

    assert trade.state is TradeState.CLOSED
    stage.check_end()


async def test_a_pair_grows_again_after_a_part_was_closed() -> None:
    """Ten, half closed, four more: nine; the closed five do not come back."""
    stage = await opened(Stage())
    trade = stage.ask_close(Decimal(5))
    await stage.play(stage.execution.drive(trade.trade_id))

    trade = await stage.add()

    assert stage.held == legs(9)
    assert trade.first.held_base == trade.second.held_base == Decimal(9)
    stage.check_end()


# --- what is refused ------------------------------------------------------------------


def _hold_more(stage: Stage) -> None:
    stage.second.move_position(Decimal("-0.5"))


def _hold_dust(stage: Stage) -> None:
    # by less than a lot a position would prove fills that never were
    stage.first.move_position(Decimal("0.05"))


def _be_poor(stage: Stage) -> None:
    # 200.02 / 3 + 0.1 fee = 66.77, times 1.2 = 80.13
    stage.first.free_usd = Decimal("80.12")


def _turn(stage: Stage) -> None:
    stage.spread = Decimal("-0.0001")


def _be_thin(stage: Stage) -> None:
    stage.first.depth = Decimal("3.9")


def _delist(stage: Stage) -> None:
    stage.listed = False


def _be_capped(stage: Stage) -> None:
    # 14 at 50.005 are 700.07, though the four alone are 200
    limits = stage.world.limits
    limits.caps = replace(limits.caps, max_trade_usd=Decimal(700))


def _silence(stage: Stage) -> None:
    stage.first.fails = lambda read: read == "positions"


REFUSALS: list[tuple[Callable[[Stage], None], str]] = [
    (_hold_more, "held"),
    (_hold_dust, "held"),
    (_be_poor, "margin"),
    (_turn, "spread"),
    (_be_thin, "book"),
    (_delist, "delisted"),
    (_be_capped, "cap"),
    (_silence, "read"),
]


@pytest.mark.parametrize(
    ("change", "code"), REFUSALS, ids=[change.__name__ for change, _ in REFUSALS]
)
async def test_a_world_worse_than_the_card_leaves_the_pair_as_it_was(
    change: Callable[[Stage], None], code: str
) -> None:
    """Every check of an entry refuses an addition too, before any order."""
    stage = await opened(Stage())
    change(stage)

    trade = await stage.add()

    assert (trade.state, trade.adding) == (TradeState.OPEN, None)
    assert after_entry(stage) == ["T02", "T37"]
    assert len(stage.orders_made) == 2
    assert trade.quantity_base == TEN
    assert fact(stage, AlertKind.NOT_OPENED, "code") == code
    assert fact(stage, AlertKind.NOT_OPENED, "was_ordered") == "no"
    assert fact(stage, AlertKind.NOT_OPENED, "stays") == "10"


async def test_the_margin_of_an_addition_is_that_of_its_own_part() -> None:
    """Ten are paid for already: four more need 80.13 free, and nothing else."""
    stage = await opened(Stage())
    stage.first.free_usd = Decimal("80.14")

    trade = await stage.add()

    assert trade.first.held_base == FOURTEEN


async def test_a_pause_stops_an_addition_before_its_checks() -> None:
    """Adding is an entry: what stops entries stops it."""
    stage = await opened(Stage())
    now = stage.clock.now()
    stage.journal.halt_rows[GLOBAL_SCOPE, "pause"] = Halt(
        GLOBAL_SCOPE, "pause", TradingState.REDUCING, "by you", now
    )

    trade = await stage.add()

    assert after_entry(stage) == ["T36"]
    assert (trade.state, stage.held) == (TradeState.OPEN, legs(10))


# --- the first leg --------------------------------------------------------------------


@pytest.mark.parametrize("answer", [NOTHING, NO_MARGIN], ids=["nothing", "refused"])
async def test_a_first_leg_that_adds_nothing_changes_nothing(answer: Answer) -> None:
    """No second order, no pause, the pair as it was."""
    stage = await opened(Stage())
    stage.first.answers.append(answer)

    trade = await stage.add()

    assert after_entry(stage) == ["T02", "T04", "T38"]
    assert (trade.state, stage.held) == (TradeState.OPEN, legs(10))
    assert fact(stage, AlertKind.NOT_OPENED, "was_ordered") == "yes"
    assert Decimal(fact(stage, AlertKind.NOT_OPENED, "cost_usd")) == 0
    assert not stage.journal.pauses
    stage.check_end()


async def test_the_second_leg_waits_until_the_first_is_known() -> None:
    """A reply that is lost is asked about, and only then hedged."""
    stage = await opened(Stage())
    stage.first.answers.append(Answer(Reply.LOST))

    await stage.add()

    assert stage.held == legs(14)
    third = stage.orders_made[2]
    assert third.state is IntentState.FILLED
    stage.check_end()


async def test_a_part_of_the_first_leg_is_what_the_second_adds() -> None:
    """Two of four were bought: two are sold, and the card says so."""
    stage = await opened(Stage())
    stage.first.answers.append(HALF)

    trade = await stage.add()

    assert stage.held == legs(12)
    assert trade.state is TradeState.OPEN
    assert Decimal(fact(stage, AlertKind.OPENED, "quantity")) == 2
    assert fact(stage, AlertKind.OPENED, "planned") == "4"
    stage.check_end()


async def test_a_second_leg_that_may_not_follow_takes_only_the_added_part_back() -> (
    None
):
    """The pair was ten before and is ten again; what it held was never for sale."""
    stage = await opened(Stage())
    now = stage.clock.now()

    def halt() -> None:
        stage.journal.halt_rows[stage.second.venue_id, "x"] = Halt(
            stage.second.venue_id, "x", TradingState.REDUCING, "a ban", now
        )

    at_order(stage.first, halt)

    trade = await stage.add()

    assert after_entry(stage) == ["T02", "T04", "T39", "T12", "T10"]
    assert purposes(stage.orders_made[2:]) == [(1, "entry"), (1, "trim")]
    assert stage.orders_made[3].quantity_base == ADDED
    assert (trade.state, stage.held) == (TradeState.OPEN, legs(10))
    assert "a ban" in fact(stage, AlertKind.NOT_OPENED, "reason")
    stage.check_end()


# --- the second leg -------------------------------------------------------------------


async def test_a_refused_second_leg_brings_the_first_back_to_its_former_level() -> None:
    """Four bought, none sold: four sold again, reduce-only, and a rest for the pair."""
    stage = await opened(Stage())
    stage.second.answers.append(NO_MARGIN)

    trade = await stage.add()

    assert after_entry(stage) == ["T02", "T04", "T07", "T09", "T12", "T10"]
    trim = stage.orders_made[-1]
    assert (trim.leg, trim.quantity_base, trim.is_reduce_only) == (1, ADDED, True)
    assert (trade.state, stage.held) == (TradeState.OPEN, legs(10))
    assert fact(stage, AlertKind.NOT_OPENED, "stays") == "10"
    # bought at 50.005, sold at 49.995: 0.04; two fees of 0.1
    assert Decimal(fact(stage, AlertKind.NOT_OPENED, "cost_usd")) == Decimal("0.24")
    assert stage.journal.pauses
    stage.check_end()


async def test_a_short_second_leg_is_topped_up() -> None:
    """Two of four sold, then the missing two: no trim, 14 on each leg."""
    stage = await opened(Stage())
    stage.second.answers.append(HALF)

    trade = await stage.add()

    assert after_entry(stage) == ["T02", "T04", "T07", "T09", "T11", "T10"]
    assert purposes(stage.orders_made[2:]) == [(1, "entry"), (2, "entry"), (2, "topup")]
    assert trade.second.held_base == FOURTEEN
    stage.check_end()


async def test_the_entrys_own_top_ups_do_not_count_for_the_addition() -> None:
    """Two were used when the pair was opened; the addition has two of its own."""
    stage = Stage()
    stage.second.answers += [HALF, HALF]
    await stage.open()
    assert purposes(stage.orders_made)[-1] == (2, "topup")
    before = len(stage.orders_made)
    stage.second.answers += [HALF, HALF]

    trade = await stage.add()

    assert purposes(stage.orders_made[before:]) == [
        (1, "entry"),
        (2, "entry"),
        (2, "topup"),
        (2, "topup"),
    ]
    assert trade.second.held_base == FOURTEEN
    stage.check_end()


async def test_a_half_filled_second_leg_keeps_what_is_hedged() -> None:
    """Two sold and refused for the rest: the other two bought are sold again."""
    stage = await opened(Stage())
    stage.second.answers += [HALF, NO_MARGIN]

    trade = await stage.add()

    assert stage.held == legs(12)
    assert trade.state is TradeState.OPEN
    assert Decimal(fact(stage, AlertKind.OPENED, "quantity")) == 2
    stage.check_end()


async def test_more_on_the_second_leg_is_taken_back_there() -> None:
    """A venue that fills too much is brought back to what the first leg got."""
    stage = await opened(Stage())
    stage.second.answers.append(Answer(share=Decimal("1.5")))

    trade = await stage.add()

    assert trade.state is TradeState.OPEN
    assert stage.held == legs(14)
    assert purposes(stage.orders_made)[-1] == (2, "trim")


async def test_a_former_part_that_is_lost_meanwhile_is_a_repair() -> None:
    """Three of the ten are closed by hand: the legs meet below the former level."""
    stage = await opened(Stage())
    stage.second.answers.append(NO_MARGIN)
    at_order(stage.second, lambda: stage.second.move_position(Decimal(3)))

    trade = await stage.add()

    assert "T40" in after_entry(stage)
    assert (trade.state, trade.adding) == (TradeState.OPEN, None)
    assert stage.held == legs(7)


async def test_a_rule_waits_until_the_addition_is_over() -> None:
    """As while a pair is opened: nothing is sold that is just being bought."""
    stage = await opened(Stage())
    stage.ask_addition()

    assert not await stage.execution.close_by_rule(TRADE, "a rule")

    await stage.play(stage.execution.drive(TRADE))
    assert await stage.execution.close_by_rule(TRADE, "a rule")
    await stage.play(stage.execution.drive(TRADE))
    assert stage.state is TradeState.CLOSED
    stage.check_end()


async def test_a_close_right_after_an_addition_leaves_a_busy_venue_alone() -> None:
    """A venue that asked for fewer requests gets none for five seconds."""
    stage = await opened(Stage())
    stage.first.answers.append(Answer(Reply.REJECT, code="rate_limit"))
    await stage.add()

    await stage.close()

    refused, closing = stage.orders_made[2], stage.orders_made[3]
    assert closing.created_at - refused.created_at >= timedelta(seconds=5)
    assert stage.state is TradeState.CLOSED


async def test_a_halt_between_the_legs_leaves_the_added_part_to_a_person() -> None:
    """As while a pair is opened: a halt stops repairs too, and somebody is called."""
    stage = await opened(Stage())
    halt = Halt(
        GLOBAL_SCOPE, HALT_KEY, TradingState.HALTED, "by you", stage.clock.now()
    )

    def stop() -> None:
        stage.journal.halt_rows[GLOBAL_SCOPE, HALT_KEY] = halt

    at_order(stage.first, stop)
    trade = stage.ask_addition()
    await stage.play(stage.execution.drive(trade.trade_id), limit=timedelta(minutes=3))
    assert stage.state is TradeState.BALANCE
    assert stage.trade.needs_attention
    assert stage.held == (FOURTEEN, -TEN)

    del stage.journal.halt_rows[GLOBAL_SCOPE, HALT_KEY]
    await stage.recover()

    assert (stage.state, stage.held) == (TradeState.OPEN, legs(10))
    stage.check_end()


# --- restarts -------------------------------------------------------------------------


async def test_an_addition_found_before_its_first_order_is_let_go() -> None:
    """Nothing was ordered, so nothing is: the pair is fine, and its owner is told."""
    stage = await opened(Stage())
    stage.ask_addition()

    await stage.recover()

    assert after_entry(stage) == ["T36"]
    assert (stage.state, stage.held) == (TradeState.OPEN, legs(10))
    assert fact(stage, AlertKind.NOT_OPENED, "stays") == "10"
    assert fact(stage, AlertKind.RESTARTED, "fine") == "1"
    assert fact(stage, AlertKind.RESTARTED, "not_started") == "0"


@pytest.mark.parametrize("point", range(1, 47))
async def test_an_addition_that_dies_anywhere_ends_hedged(point: int) -> None:
    """Every write and every venue call of an addition is a place to be killed at."""
    stage = await opened(Stage())
    trade = stage.ask_addition()
    stage.switch.revive(point)
    await stage.play(stage.execution.drive(trade.trade_id))

    if stage.switch.is_dead:
        await stage.recover()

    assert stage.state is TradeState.OPEN
    assert stage.trade.adding is None
    assert stage.held in {legs(10), legs(14)}
    stage.check_end()


async def test_a_late_first_leg_is_taken_back_after_a_long_restart() -> None:
    """Found three minutes later: its price is old, so it is not hedged but undone."""
    stage = await opened(Stage())
    stage.first.answers.append(Answer(Reply.LOST))
    trade = stage.ask_addition()
    stage.first.fails = lambda _: bool(len(stage.first.submits) > 1)
    await stage.play(stage.execution.drive(trade.trade_id), limit=timedelta(seconds=1))
    stage.first.fails = lambda _: False
    await stage.clock.advance(timedelta(minutes=3))

    await stage.recover()

    assert after_entry(stage)[-3:] == ["T39", "T12", "T10"]
    assert stage.held == legs(10)
    stage.check_end()


async def test_what_could_not_be_matched_before_is_not_sold_by_a_failed_addition() -> (
    None
):
    """9.7 against 9 as lots allowed it: a failed addition leaves exactly that."""
    stage = Stage(second_lot=Decimal(1))
    one = Decimal(1)
    stage.first.instrument = replace(stage.first.instrument, min_quantity_base=one)
    stage.first.answers.append(Answer(share=Decimal("0.97")))
    await stage.open()
    before = stage.held
    assert before == (Decimal("9.7"), Decimal(-9))
    stage.second.answers.append(NO_MARGIN)

    trade: Trade = await stage.add(Decimal(5))

    assert trade.state is TradeState.OPEN
    assert stage.held == before
