from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from core.limits import TROUBLE_KEY
from core.model.alert import AlertKind, AlertLevel
from core.model.control import (
    GLOBAL_SCOPE,
    HALT_KEY,
    Cooldown,
    Halt,
    TradingState,
)
from core.model.intent import IntentState, Purpose
from core.model.trade import TradeState
from core.model.units import OrderSide, TradeId
from core.orders import Draft
from tests.fakes.account import Answer, Reply
from tests.fakes.objects import BINANCE, HYPERLIQUID
from tests.fakes.runtime import START
from tests.fakes.stage import CAPS, LOT, TRADE, Stage, purposes

Change = Callable[[Stage], None]
ZERO, HALF, TEN = Decimal(0), Decimal(5), Decimal(10)
NOTHING = Answer(share=ZERO)
PART = Answer(share=Decimal("0.5"))
NO_MARGIN = Answer(Reply.REJECT)


def fact(stage: Stage, kind: AlertKind, key: str) -> str:
    """Return a fact of the latest alert of a kind."""
    return stage.alerts(kind)[-1].facts[key]


# --- a quiet day ----------------------------------------------------------------------


async def test_an_entry_buys_and_sells_the_same_quantity() -> None:
    """Ten long, ten short, five steps, two orders."""
    stage = Stage()

    trade = await stage.open()

    assert trade.state is TradeState.OPEN
    assert stage.steps == ["T02", "T04", "T07", "T09", "T10"]
    assert stage.held == (TEN, -TEN)
    assert (trade.first.held_base, trade.second.held_base) == (TEN, TEN)
    stage.check_end()


async def test_a_close_ends_flat_and_says_what_the_trade_came_to() -> None:
    """In and out at 50 with half-spreads of 0.005: 0.20 lost, 1.00 of fees."""
    stage = Stage()
    await stage.open()

    trade = await stage.close()

    assert trade.state is TradeState.CLOSED
    assert stage.steps[5:] == ["T20", "T22", "T28"]
    (alert,) = stage.alerts(AlertKind.CLOSED)
    assert Decimal(alert.facts["price_usd"]) == Decimal("-0.2")
    assert Decimal(alert.facts["fees_usd"]) == 1
    assert Decimal(alert.facts["total_usd"]) == Decimal("-1.2")
    stage.check_end()


async def test_the_second_leg_is_ordered_only_when_the_first_is_decided() -> None:
    """The order of the arrows, seen from the venues: never both at once."""
    stage = Stage()
    stage.first.answers.append(Answer(Reply.ACK))

    await stage.open()

    first, second = stage.orders_made
    assert second.created_at > first.created_at
    assert not stage.violations


async def test_the_card_follows_the_trade_in_the_message_of_the_tap() -> None:
    """Progress and result take the confirm card's place."""
    stage = Stage()

    await stage.open()

    kinds = [alert.kind.value for alert in stage.journal.alerts.values()]
    stages = [each.facts["stage"] for each in stage.alerts(AlertKind.PROGRESS)]
    edited = {alert.edits_message_id for alert in stage.journal.alerts.values()}
    assert kinds == ["progress", "progress", "progress", "opened"]
    assert stages == ["checking", "leg1", "leg2"]
    assert edited == {10}


async def test_the_opened_message_carries_what_was_really_paid() -> None:
    """Prices of a thousand-fold listing are shown as listed and per unit."""
    stage = Stage()
    thousand = replace(stage.first.instrument, multiplier=Decimal(1000))
    stage.first.instrument = thousand

    await stage.open()

    (alert,) = stage.alerts(AlertKind.OPENED)
    long, short = json.loads(alert.facts["items"])
    assert Decimal(long["price_base"]) == Decimal("50.005")
    assert Decimal(long["price"]) == 50005
    assert (long["status"], short["status"]) == ("done", "done")
    assert Decimal(alert.facts["fees_usd"]) == Decimal("0.5")
    assert alert.facts["exposure_base"] == "0"


# --- preflight ------------------------------------------------------------------------


def _break_spread(stage: Stage) -> None:
    stage.spread = Decimal("0.00005")


def _turn_spread(stage: Stage) -> None:
    stage.spread = Decimal("-0.0001")


def _lose_spread(stage: Stage) -> None:
    stage.spread = None


def _delist(stage: Stage) -> None:
    stage.listed = False


def _hold_something(stage: Stage) -> None:
    stage.second.move_position(Decimal("0.1"))


def _be_poor(stage: Stage) -> None:
    # 500.05 / 3 + 0.25 fee = 166.93, times 1.2 = 200.32
    stage.first.free_usd = Decimal("200.31")


def _move_apart(stage: Stage) -> None:
    stage.second.price = Decimal("51.6")


def _be_thin(stage: Stage) -> None:
    stage.first.depth = Decimal("9.9")


def _be_silent(name: str) -> Change:
    def silence(stage: Stage) -> None:
        stage.second.fails = lambda read: read == name

    return silence


REFUSALS: list[tuple[Change, str]] = [
    (_break_spread, "spread"),
    (_turn_spread, "spread"),
    (_lose_spread, "spread"),
    (_delist, "delisted"),
    (_hold_something, "held"),
    (_be_poor, "margin"),
    (_move_apart, "price"),
    (_be_thin, "book"),
    (_be_silent("book"), "book"),
    (_be_silent("positions"), "read"),
    (_be_silent("balance"), "read"),
    (_be_silent("set_leverage"), "leverage"),
]


@pytest.mark.parametrize(
    ("change", "code"), REFUSALS, ids=[str(number) for number in range(len(REFUSALS))]
)
async def test_a_world_worse_than_the_card_orders_nothing(
    change: Change, code: str
) -> None:
    """Every check refuses by itself, with its own word, before any order."""
    stage = Stage()
    change(stage)

    trade = await stage.open()

    assert trade.state is TradeState.ABORTED
    assert stage.steps == ["T02", "T05"]
    assert not stage.orders_made
    assert fact(stage, AlertKind.NOT_OPENED, "code") == code
    assert fact(stage, AlertKind.NOT_OPENED, "was_ordered") == "no"
    assert fact(stage, AlertKind.NOT_OPENED, "cost_usd") == "0"


async def test_a_cost_above_the_bound_names_both_numbers() -> None:
    """The card printed 2.00 at most; a wider gap between in and out breaks it."""
    stage = Stage()
    trade = stage.confirmed()
    narrow = replace(trade.bounds, max_cost_usd=Decimal("1.19"))
    stage.journal.rows[TRADE] = replace(trade, bounds=narrow)

    await stage.play(stage.execution.drive(TRADE))

    # 10 units: four fees of 0.05 % on 500 = 1.00, two spreads of 0.01 = 0.20
    alert = stage.alerts(AlertKind.NOT_OPENED)[0]
    assert alert.facts["bound"] == "cost"
    assert Decimal(alert.facts["was"]) == Decimal("1.19")
    assert Decimal(alert.facts["now"]) == Decimal("1.2")
    assert alert.facts["new_quote"] == "yes"


async def test_a_spread_below_the_bound_names_both_numbers() -> None:
    """Quoted 0.0001 per hour, refused below 0.00006, now 0.00005."""
    stage = Stage()
    _break_spread(stage)

    await stage.open()

    alert = stage.alerts(AlertKind.NOT_OPENED)[0]
    assert (alert.facts["was"], alert.facts["now"]) == ("0.0001", "0.00005")


async def test_exactly_enough_margin_is_enough() -> None:
    """(500.05 / 3 + 0.250025) x 1.2 = 200.32003."""
    stage = Stage()
    stage.first.free_usd = Decimal("200.33")

    trade = await stage.open()

    assert trade.state is TradeState.OPEN


async def test_leverage_is_set_on_both_venues_before_the_first_order() -> None:
    """An account left at 20x would be liquidated far too early."""
    stage = Stage()

    await stage.open()

    assert (stage.first.leverage, stage.second.leverage) == (3, 3)


async def test_a_confirm_that_waited_more_than_five_seconds_is_let_go() -> None:
    """The quote is a promise about now."""
    stage = Stage()
    trade = stage.confirmed()
    await stage.clock.advance(timedelta(seconds=6))

    await stage.play(stage.execution.drive(trade.trade_id))

    assert stage.steps == ["T03"]
    assert fact(stage, AlertKind.NOT_OPENED, "code") == "busy"


async def test_a_pause_between_tap_and_order_stops_the_entry() -> None:
    """The reason on the card is the person's own."""
    stage = Stage()
    pause = Halt(GLOBAL_SCOPE, "pause", TradingState.REDUCING, "by you", START)
    stage.journal.halt_rows["all", "pause"] = pause

    await stage.open()

    assert stage.steps == ["T03"]
    assert fact(stage, AlertKind.NOT_OPENED, "reason") == "by you"


async def test_an_order_above_the_cap_is_refused() -> None:
    """Ten at 50 are 500; at 10,000 per unit they are above the cap."""
    stage = Stage()
    stage.first.price = stage.second.price = CAPS.max_trade_usd / 5

    await stage.open()

    assert fact(stage, AlertKind.NOT_OPENED, "code") == "cap"


async def test_only_one_entry_runs_at_a_time() -> None:
    """Two entries would count the same free margin twice."""
    stage = Stage()
    stage.first.answers.append(Answer(Reply.NEVER))
    trade = stage.confirmed()
    other = replace(trade, trade_id=TradeId("8A1"))
    stage.journal.rows[other.trade_id] = other

    await stage.play(
        _both(stage.execution.drive(TRADE), stage.execution.drive(other.trade_id))
    )

    assert stage.journal.rows[other.trade_id].state is TradeState.ABORTED
    reasons = [each.facts["code"] for each in stage.alerts(AlertKind.NOT_OPENED)]
    assert sorted(reasons) == ["busy", "lost"]


async def _both(*work: object) -> None:
    async with asyncio.TaskGroup() as group:
        for each in work:
            assert asyncio.iscoroutine(each)
            group.create_task(each)


# --- the first leg --------------------------------------------------------------------


async def test_a_refused_first_leg_costs_nothing_and_says_why() -> None:
    """Nothing is open, nothing was paid."""
    stage = Stage()
    stage.first.answers.append(NO_MARGIN)

    trade = await stage.open()

    assert trade.state is TradeState.ABORTED
    assert stage.steps[-1] == "T06"
    assert "refused: margin" in fact(stage, AlertKind.NOT_OPENED, "reason")
    assert not stage.journal.pauses


async def test_three_misses_in_an_hour_pause_the_pair() -> None:
    """A price that always runs away is not worth asking every minute."""
    stage = Stage()
    for name in ("A1", "A2", TRADE):
        stage.first.answers.append(NOTHING)
        trade = replace(stage.confirmed(), trade_id=TradeId(name))
        stage.journal.rows[trade.trade_id] = trade
        await stage.play(stage.execution.drive(trade.trade_id))

    (pause,) = stage.journal.pauses.values()

    assert pause.level == 1
    assert "pause_until" in stage.alerts(AlertKind.NOT_OPENED)[-1].facts
    assert "pause_until" not in stage.alerts(AlertKind.NOT_OPENED)[0].facts


async def test_a_half_filled_first_leg_is_matched_by_half() -> None:
    """The second leg follows what is known to be held."""
    stage = Stage()
    stage.first.answers.append(PART)

    trade = await stage.open()

    assert trade.state is TradeState.OPEN
    assert stage.held == (HALF, -HALF)


@pytest.mark.parametrize(("age_s", "step"), [(120, "T07"), (121, "T08")])
async def test_a_first_leg_older_than_two_minutes_is_unwound(
    age_s: int, step: str
) -> None:
    """By then the confirmed prices are history, however the checks look."""
    stage = Stage()
    trade = replace(stage.confirmed(), state=TradeState.LEG1)
    draft = Draft(1, Purpose.ENTRY, OrderSide.BUY, TEN, Decimal("50.05"), ZERO)
    order = stage.orders.prepare(trade, draft, ())
    filled = replace(order, state=IntentState.FILLED, filled_base=TEN)
    stage.journal.rows[TRADE] = trade
    stage.journal.orders[order.intent_id] = filled
    stage.first.move_position(TEN)
    await stage.clock.advance(timedelta(seconds=age_s))

    await stage.play(stage.execution.drive(TRADE))

    assert stage.steps[0] == step


async def test_a_second_venue_without_a_book_unwinds_the_first_leg() -> None:
    """Sending blindly could cost more than the spread ever pays."""
    stage = Stage()
    stage.second.fails = lambda read: read == "book" and bool(stage.first.submits)

    trade = await stage.open()

    assert trade.state is TradeState.ABORTED
    assert purposes(stage.orders_made) == [(1, "entry"), (1, "unwind")]
    # 0.01 spread on 10 units and two fees of 0.25
    assert Decimal(fact(stage, AlertKind.NOT_OPENED, "cost_usd")) == Decimal("0.6")
    stage.check_end()


# --- balance --------------------------------------------------------------------------


async def test_a_half_filled_second_leg_is_topped_up() -> None:
    """Five of ten, then the other five."""
    stage = Stage()
    stage.second.answers.append(PART)

    trade = await stage.open()

    assert trade.state is TradeState.OPEN
    assert purposes(stage.orders_made)[1:] == [(2, "entry"), (2, "topup")]
    assert stage.held == (TEN, -TEN)


async def test_after_two_top_ups_the_first_leg_is_trimmed() -> None:
    """5, then half of 5 is 2.5, then half of 2.5 is 1.2: 8.7 on both in the end."""
    stage = Stage()
    stage.second.answers.extend([PART, PART, PART])

    trade = await stage.open()

    assert trade.state is TradeState.OPEN
    assert purposes(stage.orders_made)[2:] == [(2, "topup"), (2, "topup"), (1, "trim")]
    assert stage.held == (Decimal("8.7"), Decimal("-8.7"))
    stage.check_end()


async def test_a_refused_second_leg_is_not_asked_again() -> None:
    """Too little margin stays too little: the first leg is sold at once."""
    stage = Stage()
    stage.second.answers.append(NO_MARGIN)

    trade = await stage.open()

    assert trade.state is TradeState.ABORTED
    assert stage.steps[3:] == ["T09", "T13", "T15", "T16"]
    assert len(stage.second.submits) == 1
    assert "margin" in fact(stage, AlertKind.NOT_OPENED, "reason")
    stage.check_end()


async def test_a_busy_second_venue_is_asked_again_after_five_seconds() -> None:
    """A rate limit passes; selling the first leg would cost its fee."""
    stage = Stage()
    stage.second.answers.append(Answer(Reply.REJECT, code="rate_limit"))

    trade = await stage.open()

    assert trade.state is TradeState.OPEN
    waited = stage.second.submits[1].created_at - stage.second.submits[0].created_at
    assert timedelta(seconds=5) <= waited < timedelta(seconds=7)


async def test_an_unwound_entry_pauses_its_pair() -> None:
    """Thirty minutes, told on the card."""
    stage = Stage()
    stage.second.answers.append(NO_MARGIN)

    await stage.open()

    (pause,) = stage.journal.pauses.values()
    assert pause.venues == (BINANCE, HYPERLIQUID)
    told = fact(stage, AlertKind.NOT_OPENED, "pause_until")
    assert told == pause.until.isoformat()


async def test_a_clean_entry_forgets_the_pairs_pauses() -> None:
    """The venue works again."""
    stage = Stage()
    over = Cooldown(stage.confirmed().base, (BINANCE, HYPERLIQUID), START, 3)
    await stage.journal.set_cooldown(over)

    await stage.open()

    assert stage.state is TradeState.OPEN
    assert not stage.journal.pauses


async def test_trims_widen_and_then_a_person_is_called() -> None:
    """30, 100, 300 bp; then entries go off and the owner hears what to do."""
    stage = Stage()
    stage.second.answers.append(NO_MARGIN)
    stage.first.answers.extend([Answer(), NOTHING, NOTHING, NOTHING])
    stage.first.answer = lambda: NOTHING

    await stage.play(_opened(stage), limit=timedelta(seconds=30))

    best = Decimal("49.995")
    sales = [each for each in stage.orders_made if each.purpose is Purpose.UNWIND]
    shares = [round(1 - each.limit_price / best, 3) for each in sales]
    assert shares == [Decimal("0.003"), Decimal("0.010"), Decimal("0.030")]
    (alert,) = stage.alerts(AlertKind.NOT_HEDGED)
    assert alert.level is AlertLevel.CRITICAL
    assert alert.chat_id is None
    assert alert.facts["do_side"] == "sell"
    assert alert.facts["do_quantity"] == "10"
    assert alert.facts["do_venue"] == "binance"
    assert alert.facts["tries"] == "3"
    assert sorted(scope for scope, _ in stage.journal.halt_rows) == [
        "binance:SOL/USDT:USDT",
        "hyperliquid:SOL/USDC:USDC",
    ]


async def test_a_stuck_trade_shows_what_its_first_leg_paid() -> None:
    """The card of a pair in trouble said entry unknown and fees $0: both were paid."""
    stage = Stage()
    stage.second.answers.append(NO_MARGIN)
    stage.first.answers.extend([Answer(), NOTHING, NOTHING, NOTHING])
    stage.first.answer = lambda: NOTHING

    await stage.play(_opened(stage), limit=timedelta(seconds=30))

    (bought,) = await stage.journal.fills_of(TRADE)
    assert bought.quantity_base == TEN
    assert bought.price == Decimal("50.005")
    assert bought.fee_usd == Decimal("0.250025")


async def _opened(stage: Stage) -> None:
    stage.confirmed()
    await stage.execution.drive(TRADE)


async def test_a_repair_is_tried_every_minute_until_it_works() -> None:
    """The person is told; the bot does not stop trying; then entries go on again."""
    stage = Stage()
    stage.second.answers.append(NO_MARGIN)
    stage.first.answers.extend([Answer(), *[NOTHING] * 5])

    trade = await stage.open()

    sales = [each for each in stage.orders_made if each.purpose is Purpose.UNWIND]
    gaps = [
        after.created_at - before.created_at
        for before, after in itertools.pairwise(sales[2:])
    ]
    assert trade.state is TradeState.ABORTED
    assert len(sales) == 6
    assert all(gap >= timedelta(seconds=59) for gap in gaps)
    assert not trade.needs_attention
    assert not stage.journal.halt_rows
    stage.check_end()


async def test_reductions_never_flip_a_position() -> None:
    """More sold than held would be a new position the other way."""
    stage = Stage()
    stage.second.answers.append(NO_MARGIN)
    stage.first.answers.extend([Answer(), PART])

    await stage.open()

    sales = [each for each in stage.orders_made if each.purpose is Purpose.UNWIND]
    assert [each.quantity_base for each in sales] == [TEN, HALF]
    assert all(each.is_reduce_only for each in sales)


async def test_lots_that_differ_end_within_the_coarser_one() -> None:
    """3.3 bought, whole units only on the other venue: 3 sold, the rest trimmed."""
    stage = Stage(second_lot=Decimal(1))
    stage.first.answers.append(Answer(share=Decimal("0.33")))

    trade = await stage.open()

    assert trade.state is TradeState.OPEN
    assert stage.held == (Decimal("3.0"), Decimal(-3))


# --- close ----------------------------------------------------------------------------


async def test_a_close_that_cannot_sell_the_first_leg_stays_hedged() -> None:
    """Three bands, nothing filled: both legs stay."""
    stage = Stage()
    await stage.open()
    stage.first.answers.extend([NOTHING] * 3)

    trade = await stage.close()

    assert trade.state is TradeState.OPEN
    assert stage.steps[5:] == ["T20", "T20", "T20", "T21"]
    assert stage.held == (TEN, -TEN)
    assert fact(stage, AlertKind.STAYS_OPEN, "remaining") == "10"
    assert stage.alerts(AlertKind.STAYS_OPEN)[0].edits_message_id == 20


@pytest.mark.parametrize("read", ["positions", "book"])
async def test_a_silent_venue_stops_a_close_before_its_first_order(read: str) -> None:
    """Hedged beats half closed."""
    stage = Stage()
    await stage.open()
    stage.second.fails = lambda name: name == read

    trade = await stage.close()

    assert trade.state is TradeState.OPEN
    assert stage.steps[5:] == ["T21"]
    assert len(stage.orders_made) == 2


async def test_a_thin_book_is_closed_in_rounds() -> None:
    """4 at a time: 4, 4 and 2."""
    stage = Stage()
    await stage.open()
    stage.first.depth = stage.second.depth = Decimal(4)

    trade = await stage.close()

    assert trade.state is TradeState.CLOSED
    sold = [each.filled_base for each in stage.orders_made if each.leg == 1][1:]
    assert sold == [4, 4, 2]
    stage.check_end()


async def test_after_five_rounds_the_rest_stays_hedged() -> None:
    """One unit per round: five closed, five left on both legs."""
    stage = Stage()
    await stage.open()
    stage.first.depth = stage.second.depth = Decimal(1)

    trade = await stage.close()

    assert trade.state is TradeState.OPEN
    assert stage.held == (HALF, -HALF)
    assert fact(stage, AlertKind.STAYS_OPEN, "remaining") == "5"


async def test_half_a_close_leaves_half_a_pair() -> None:
    """The same machine with a target."""
    stage = Stage()
    await stage.open()
    stage.ask_close(HALF)

    await stage.play(stage.execution.drive(TRADE))

    assert stage.state is TradeState.OPEN
    assert stage.held == (HALF, -HALF)
    assert "you asked for" in fact(stage, AlertKind.STAYS_OPEN, "reason")


async def test_a_second_leg_that_does_not_follow_is_trimmed() -> None:
    """Leg 1 is sold, leg 2 is refused once: the repair ladder finishes it."""
    stage = Stage()
    await stage.open()
    stage.second.answers.append(NOTHING)

    trade = await stage.close()

    assert trade.state is TradeState.CLOSED
    assert stage.steps[5:] == ["T20", "T22", "T27", "T29", "T32"]
    stage.check_end()


async def test_a_pause_does_not_stop_a_close() -> None:
    """Closing is never harder than opening."""
    stage = Stage()
    await stage.open()
    pause = Halt(GLOBAL_SCOPE, "pause", TradingState.REDUCING, "by you", START)
    stage.journal.halt_rows["all", "pause"] = pause

    trade = await stage.close()

    assert trade.state is TradeState.CLOSED


@pytest.mark.parametrize(
    ("reply", "is_trouble"), [(Reply.ACK, False), (Reply.LOST, True)]
)
async def test_a_receipt_is_no_trouble_but_three_lost_answers_are(
    reply: Reply, *, is_trouble: bool
) -> None:
    """Venues that only take an order and tell its fill later would never trade."""
    stage = Stage()
    stage.first.answers.extend(Answer(reply) for _ in range(3))
    for _ in range(3):
        await stage.open()
        stage.first.move_position(-stage.first.position)
        stage.second.move_position(-stage.second.position)
        stage.journal.orders.clear()
        stage.first.orders.clear()
        stage.second.orders.clear()

    halts = [key for _, key in stage.journal.halt_rows if key == TROUBLE_KEY]

    assert bool(halts) is is_trouble


def halt_by_hand(stage: Stage) -> None:
    """Do what /halt does."""
    halt = Halt(GLOBAL_SCOPE, HALT_KEY, TradingState.HALTED, "by you", START)
    stage.journal.halt_rows["all", HALT_KEY] = halt


async def test_a_confirmed_close_works_while_everything_is_halted() -> None:
    """The halt is for what the bot does by itself; a person may always get out."""
    stage = Stage()
    await stage.open()
    halt_by_hand(stage)

    trade = await stage.close()

    assert trade.state is TradeState.CLOSED
    assert stage.held == (ZERO, ZERO)


async def test_a_halt_between_the_legs_sends_nothing_more_and_calls_a_person() -> None:
    """What /halt leaves standing alone must never be silent."""
    stage = Stage()
    stage.first.before_submit = lambda _: halt_by_hand(stage)
    trade = stage.confirmed()

    await stage.play(stage.execution.drive(trade.trade_id), limit=timedelta(minutes=2))

    assert stage.held == (TEN, ZERO)
    assert len(stage.first.submits) + len(stage.second.submits) == 1
    assert stage.trade.needs_attention
    assert stage.alerts(AlertKind.NOT_HEDGED)


async def test_a_repair_goes_on_once_the_halt_is_lifted() -> None:
    """Resume must not need a restart."""
    stage = Stage()
    stage.first.before_submit = lambda _: halt_by_hand(stage)
    trade = stage.confirmed()

    async def resume_later() -> None:
        await stage.clock.sleep(timedelta(minutes=2))
        stage.first.before_submit = lambda _: None
        stage.journal.halt_rows.pop(("all", HALT_KEY))

    await stage.play(_both(stage.execution.drive(trade.trade_id), resume_later()))

    assert stage.state is TradeState.ABORTED
    assert stage.held == (ZERO, ZERO)


async def test_a_close_needs_no_free_margin_spread_or_listing() -> None:
    """Nothing that guards an entry may hold a person in a position."""
    stage = Stage()
    await stage.open()
    stage.first.free_usd = stage.second.free_usd = ZERO
    stage.spread, stage.listed = None, False

    trade = await stage.close()

    assert trade.state is TradeState.CLOSED


async def test_a_halted_venue_refuses_the_close_and_says_so() -> None:
    """Nothing is sent there; the pair stays whole."""
    stage = Stage()
    await stage.open()
    dead = Halt("hyperliquid", "x", TradingState.HALTED, "maintenance", START)
    stage.journal.halt_rows["hyperliquid", "x"] = dead

    trade = await stage.close()

    assert trade.state is TradeState.OPEN
    assert len(stage.orders_made) == 2


async def test_a_close_of_a_pair_closed_by_hand_only_notes_it() -> None:
    """Both legs are gone already: nothing is ordered."""
    stage = Stage()
    await stage.open()
    stage.first.move_position(-TEN)
    stage.second.move_position(TEN)

    trade = await stage.close()

    assert trade.state is TradeState.CLOSED
    assert len(stage.orders_made) == 2
    assert fact(stage, AlertKind.CLOSED, "by_hand") == "yes"
    assert "total_usd" not in stage.alerts(AlertKind.CLOSED)[0].facts


async def test_closes_do_not_wait_for_an_entry() -> None:
    """An entry may look an order up for minutes; a close must not."""
    stage = Stage()
    await stage.open()
    other = replace(
        stage.trade, trade_id=TradeId("8A1"), state=TradeState.CONFIRMED, version=1
    )
    stage.journal.rows[other.trade_id] = other
    async with stage.execution._one_entry:
        trade = await stage.close()

    assert trade.state is TradeState.CLOSED


# --- positions that say something else ------------------------------------------------


async def test_a_position_shown_late_is_not_a_loss() -> None:
    """A venue that lags 20 s must not make us buy the leg again."""
    stage = Stage()
    stage.second.position_lag = timedelta(seconds=20)

    trade = await stage.open()

    assert trade.state is TradeState.OPEN
    assert stage.held == (TEN, -TEN)
    assert len(stage.orders_made) == 2


async def test_a_first_leg_lost_before_the_second_came_ends_flat() -> None:
    """T14: sold by hand while the second venue filled nothing."""
    stage = Stage()
    stage.second.answer = lambda: NOTHING
    stage.second.before_submit = lambda _: stage.first.move_position(
        -stage.first.position
    )

    trade = await stage.open()

    assert trade.state is TradeState.ABORTED
    assert stage.steps[-1] == "T14"
    assert not any(stage.held)


async def test_a_second_leg_smaller_at_the_close_is_matched_first() -> None:
    """T23: 4 of the short are gone; 4 of the long go, then the close goes on."""
    stage = Stage()
    await stage.open()
    await stage.clock.advance(timedelta(minutes=1))
    stage.second.move_position(Decimal(4))

    trade = await stage.close()

    assert trade.state is TradeState.CLOSED
    assert stage.steps[5:] == ["T23", "T29", "T30", "T20", "T22", "T28"]
    assert not any(stage.held)


async def test_reads_that_fail_for_a_minute_call_a_person() -> None:
    """No read, no step: but somebody must know."""
    stage = Stage()
    stage.second.answers.append(PART)
    stage.second.fails = lambda read: (
        read in {"positions", "book"} and bool(stage.second.submits)
    )

    await stage.play(_opened(stage), limit=timedelta(seconds=90))

    assert stage.state is TradeState.BALANCE
    assert stage.trade.needs_attention
    assert "positions" in fact(stage, AlertKind.NOT_HEDGED, "reason")
    assert len(stage.second.submits) == 1


async def test_a_step_that_lost_its_race_sends_nothing() -> None:
    """Two workers on one trade: one of them is a no-op."""
    stage = Stage()
    trade = await stage.open()
    stage.ask_close()
    stale = await stage.world.docket(TRADE)
    assert stale is not None
    stage.journal.rows[TRADE] = replace(stage.trade, version=trade.version + 9)

    with pytest.raises(Exception, match="moved on"):
        await stage.world.move(stale, "T21")

    assert len(stage.orders_made) == 2


async def test_a_full_disk_before_the_order_sends_nothing() -> None:
    """Write before you act: no row, no order."""
    stage = Stage()

    def fill_disk(read: str) -> bool:
        if read == "balance":
            stage.journal.failures = 1
        return False

    stage.first.fails = fill_disk

    trade = await stage.open()

    assert not stage.first.submits
    assert trade.state is TradeState.ABORTED


async def test_every_difference_is_below_a_lot() -> None:
    """The stage's own lot, so that the checks above mean something."""
    stage = Stage()

    await stage.open()

    assert stage.coarser_lot == LOT
