from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from core.model.alert import AlertKind
from core.model.control import GLOBAL_SCOPE, Halt, TradingState
from core.model.intent import IntentState, Purpose
from core.model.order import Accepted, Fill, OrderRecord, Rejected, Uncertain
from core.model.units import ClientOrderId, OrderSide, TradeId
from core.model.venue import ClientIdFormat
from core.orders import Draft, Identity, evidence
from core.orders.evidence import POSITION_APART, Sighting, Watch
from core.orders.identity import Slot, client_order_id
from tests.fakes.account import Answer, Reply
from tests.fakes.runtime import START
from tests.fakes.stage import Stage
from tests.unit.core.test_intent import ORDER

if TYPE_CHECKING:
    from datetime import datetime

    from core.execution.sizing import Docket
    from core.model.intent import OrderIntent
    from core.model.order import SubmitResult
    from core.orders.evidence import Verdict

ZERO, HALF, TEN = Decimal(0), Decimal(5), Decimal(10)
ME = Identity("install", 1)
SLOT = Slot(TradeId("7F2"), 1, Purpose.ENTRY, 1)
BEFORE, PAST = START + timedelta(seconds=5), START + timedelta(seconds=40)
SEARCHED = replace(ORDER, state=IntentState.UNKNOWN)


def record(filled: Decimal | None, *, is_final: bool = True) -> OrderRecord:
    """Return the venue's record of the order."""
    return OrderRecord(ORDER.client_order_id, "77", filled, TEN, ZERO, is_final)


def fill(quantity: Decimal, number: int = 1) -> Fill:
    """Return one execution of the order."""
    return Fill(
        venue_id=ORDER.venue_id,
        venue_trade_id=str(number),
        symbol=ORDER.symbol,
        side=OrderSide.BUY,
        quantity_base=quantity,
        price=Decimal(50),
        fee_usd=Decimal("0.1"),
        at=START,
        client_order_id=ORDER.client_order_id,
    )


def seen(
    found: tuple[OrderRecord, ...] | None = (),
    fills: tuple[Fill, ...] | None = (),
    moved: Decimal | None = ZERO,
) -> Sighting:
    """Return one round of look-ups; the default is "no trace anywhere"."""
    return Sighting(found, fills, moved)


def judged(*rounds: Sighting, at: datetime = BEFORE) -> Verdict | None:
    """Return what the last of several rounds proves, the last one 5 s later."""
    watch, verdict = Watch(SEARCHED), None
    for number, each in enumerate(rounds, start=1):
        is_last = number == len(rounds) > 1
        verdict = watch.judge(each, at + POSITION_APART if is_last else at)
    return verdict


# --- ids ------------------------------------------------------------------------------


def test_equal_orders_have_equal_ids_after_any_restart() -> None:
    """A crash between writing and sending must not make a second order possible."""
    again = Identity("install", 1)

    assert client_order_id(ME, SLOT, ClientIdFormat.ALPHANUMERIC) == client_order_id(
        again, Slot(TradeId("7F2"), 1, Purpose.ENTRY, 1), ClientIdFormat.ALPHANUMERIC
    )


@pytest.mark.parametrize("form", list(ClientIdFormat))
def test_every_part_of_an_orders_place_changes_its_id(form: ClientIdFormat) -> None:
    """Two orders with one id would be one order at the venue."""
    others = [
        (Identity("other", 1), SLOT),
        (Identity("install", 2), SLOT),
        (ME, replace(SLOT, trade_id=TradeId("7F3"))),
        (ME, replace(SLOT, leg=2)),
        (ME, replace(SLOT, purpose=Purpose.TOPUP)),
        (ME, replace(SLOT, seq=2)),
    ]

    ids = {client_order_id(me, slot, form) for me, slot in [(ME, SLOT), *others]}

    assert len(ids) == 7


def test_each_form_is_what_its_venues_take() -> None:
    """26 lower-case letters and digits; 0x and 32 hex digits; below 2 to the 48."""
    plain = client_order_id(ME, SLOT, ClientIdFormat.ALPHANUMERIC)
    hexadecimal = client_order_id(ME, SLOT, ClientIdFormat.HEX_128)
    number = client_order_id(ME, SLOT, ClientIdFormat.INTEGER_48)

    assert len(plain) == 26
    assert plain.isalnum()
    assert plain == plain.lower()
    assert plain.startswith("c")
    assert len(hexadecimal) == 34
    assert int(hexadecimal, 16) > 0
    assert 0 < int(number) < 2**48


@pytest.mark.parametrize("form", list(ClientIdFormat))
def test_orders_of_one_installation_share_a_mark(form: ClientIdFormat) -> None:
    """After a lost database our own orders can still be told from others'."""
    slots = [replace(SLOT, seq=seq) for seq in range(1, 20)]
    length = {ClientIdFormat.ALPHANUMERIC: 4, ClientIdFormat.HEX_128: 6}

    ids = [client_order_id(ME, slot, form) for slot in slots]

    if form is ClientIdFormat.INTEGER_48:
        marks = {str(int(each) >> 36) for each in ids}
    else:
        marks = {each[: length[form]] for each in ids}
    assert (len(marks), len(set(ids))) == (1, 19)


# --- what a reply proves --------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "state", "filled"),
    [
        (Accepted("1", TEN, TEN, ZERO, is_final=True), IntentState.FILLED, TEN),
        (Accepted("1", HALF, TEN, ZERO, is_final=True), IntentState.PARTIAL, HALF),
        (Accepted("1", ZERO, None, None, is_final=True), IntentState.NONE, ZERO),
        (Accepted("1", None, None, None, is_final=True), IntentState.UNKNOWN, None),
        (Accepted("1", HALF, TEN, ZERO, is_final=False), IntentState.UNKNOWN, None),
        (Accepted(None, None, None, None, is_final=False), IntentState.UNKNOWN, None),
        (Rejected("margin", "too little", was_sent=True), IntentState.NONE, ZERO),
        (Rejected("not_sent", "no network", was_sent=False), IntentState.NONE, ZERO),
        (Rejected("duplicate", "seen it", was_sent=True), IntentState.UNKNOWN, None),
        (Uncertain("timeout"), IntentState.UNKNOWN, None),
    ],
)
def test_a_reply_decides_only_what_it_proves(
    reply: SubmitResult, state: IntentState, filled: Decimal | None
) -> None:
    """A fill that is not told is not zero, and a duplicate is proof of arrival."""
    order = evidence.apply(ORDER, evidence.of_reply(ORDER, reply))

    assert (order.state, order.filled_base) == (state, filled)


def test_an_order_that_found_nobody_is_a_fill_of_nothing_and_no_refusal() -> None:
    """Hyperliquid says "could not match" as an error: nothing is wrong with the order.

    A refusal would set a venue's trouble in motion and stop the next try.
    """
    reply = Rejected("no_match", "could not immediately match", was_sent=True)

    moved = evidence.apply(ORDER, evidence.of_reply(ORDER, reply))

    assert (moved.state, moved.filled_base) == (IntentState.NONE, Decimal(0))
    assert (moved.refusal, moved.refusal_code) == (None, None)
    assert moved.evidence == "reply"


def test_more_than_ordered_is_kept_as_it_is() -> None:
    """If a venue overfills, the other leg must match what is really held."""
    reply = Accepted("1", Decimal(11), TEN, ZERO, is_final=True)

    order = evidence.apply(ORDER, evidence.of_reply(ORDER, reply))

    assert (order.state, order.filled_base) == (IntentState.FILLED, Decimal(11))


# --- what look-ups prove --------------------------------------------------------------


@pytest.mark.parametrize(
    ("filled", "row"), [(TEN, "all"), (HALF, "some"), (ZERO, "nothing")]
)
def test_the_venues_final_record_decides_at_once(filled: Decimal, row: str) -> None:
    """N09, N10, N11: the best proof there is."""
    verdict = judged(seen(found=(record(filled),)))

    assert verdict is not None
    assert (verdict.event.value, verdict.filled_base) == (row, filled)


def test_a_record_without_a_fill_is_not_an_empty_fill() -> None:
    """A venue that leaves the number out has told nothing."""
    rounds = [seen(found=(record(None),))] * 10

    assert judged(*rounds, at=PAST) is None


def test_a_resting_order_decides_nothing() -> None:
    """It may still fill until its cancel is confirmed."""
    rounds = [seen(found=(record(HALF, is_final=False),))] * 10

    assert judged(*rounds, at=PAST) is None


def test_executions_for_the_whole_quantity_decide_at_once() -> None:
    """Two executions of 5 are the 10 ordered."""
    verdict = judged(seen(fills=(fill(HALF), fill(HALF, 2))))

    assert verdict is not None
    assert (verdict.event.value, verdict.average_price) == ("all", Decimal(50))
    assert verdict.fee_usd == Decimal("0.2")


def test_executions_for_a_part_count_when_they_stay_the_same() -> None:
    """Executions of one order may become visible one by one."""
    part = seen(fills=(fill(HALF),))

    assert judged(part) is None
    assert judged(part, seen(fills=(fill(HALF), fill(Decimal(1), 2)))) is None
    verdict = judged(part, part)
    assert verdict is not None
    assert verdict.filled_base == HALF


def test_a_moved_position_counts_after_two_equal_readings() -> None:
    """N12: no record, but ten more are held, twice."""
    moved = seen(moved=TEN)

    assert judged(moved) is None
    verdict = judged(moved, moved)
    assert verdict is not None
    assert (verdict.event.value, verdict.evidence) == ("all_held", "position")


def test_two_readings_at_once_are_one_reading() -> None:
    """A venue that leaves a symbol out of a list does so for a moment or two."""
    watch, moved = Watch(SEARCHED), seen(moved=TEN)

    assert [watch.judge(moved, BEFORE) for _ in range(3)] == [None] * 3


def test_a_partly_moved_position_counts_only_after_the_fence() -> None:
    """N13: before it the rest may still come."""
    moved = seen(moved=HALF)

    assert judged(moved, moved, moved) is None
    verdict = judged(moved, moved, at=PAST)
    assert verdict is not None
    assert (verdict.event.value, verdict.filled_base) == ("some_held", HALF)


def test_not_found_is_not_absence_before_the_fence() -> None:
    """A hundred empty answers prove nothing while the order may still be on its way."""
    assert judged(*[seen()] * 100) is None


def test_not_found_three_times_after_the_fence_is_absence() -> None:
    """N14 needs three complete rounds, both sources empty, the position unmoved."""
    assert judged(*[seen()] * 2, at=PAST) is None
    verdict = judged(*[seen()] * 3, at=PAST)
    assert verdict is not None
    assert (verdict.event.value, verdict.evidence) == ("not_found", "fence")


@pytest.mark.parametrize(
    "gap",
    [seen(found=None), seen(fills=None), seen(moved=None)],
    ids=["order not read", "executions not read", "position not read"],
)
def test_a_failed_read_is_never_an_empty_one(gap: Sighting) -> None:
    """A venue that does not answer has not said no."""
    assert judged(*[gap] * 50, at=PAST) is None


def test_a_moved_position_forbids_absence() -> None:
    """Something was filled, whatever the order list says."""
    odd = seen(moved=Decimal(-1))

    assert judged(*[odd] * 50, at=PAST) is None


def test_a_fee_not_told_stays_unknown() -> None:
    """A missing fee is not a free trade."""
    free = replace(fill(TEN), fee_usd=None)

    assert evidence.fee_of((free,)) is None
    assert evidence.average_of(()) is None


# --- sending and resolving ------------------------------------------------------------


async def prepared(stage: Stage, *, leg: int = 1) -> OrderIntent:
    """Return an order whose row is written."""
    trade = stage.confirmed()
    side = OrderSide.BUY if leg == 1 else OrderSide.SELL
    draft = Draft(leg, Purpose.ENTRY, side, TEN, Decimal("50.05"), ZERO)
    order = stage.orders.prepare(trade, draft, ())
    stage.journal.orders[order.intent_id] = order
    return order


async def resolved(stage: Stage, order: OrderIntent) -> OrderIntent:
    """Return the order after its look-up."""
    hooks = stage.world.hooks(await stage_docket(stage))
    found = await stage.play(stage.orders.resolve(stage.trade, order, hooks))
    assert found is not None
    return found


async def stage_docket(stage: Stage) -> Docket:
    """Return the trade with its orders."""
    docket = await stage.world.docket(stage.trade.trade_id)
    assert docket is not None
    return docket


async def test_an_order_is_sent_once_and_its_fill_recorded() -> None:
    """The usual case: one request, one fill."""
    stage = Stage()
    order = await prepared(stage)

    sent = await stage.play(stage.orders.send(stage.trade, order))

    assert sent is not None
    assert sent.state is IntentState.FILLED
    assert len(stage.first.submits) == 1
    assert stage.orders_made == (sent,)


async def test_an_order_that_waited_too_long_is_not_sent() -> None:
    """A stalled process must not trade on a price from before the stall."""
    stage = Stage()
    order = await prepared(stage)
    await stage.clock.advance(timedelta(seconds=3))

    sent = await stage.play(stage.orders.send(stage.trade, order))

    assert sent is not None
    assert (sent.state, sent.refusal_code) == (IntentState.NONE, "late")
    assert not stage.first.submits


async def test_a_closed_gate_stops_a_written_order() -> None:
    """A pause between writing and sending still holds."""
    stage = Stage()
    order = await prepared(stage)
    pause = Halt(GLOBAL_SCOPE, "pause", TradingState.REDUCING, "by you", START)
    stage.journal.halt_rows["all", "pause"] = pause

    sent = await stage.play(stage.orders.send(stage.trade, order))

    assert sent is not None
    assert (sent.state, sent.refusal) == (IntentState.NONE, "by you")
    assert not stage.first.submits


async def test_a_cancelled_caller_does_not_lose_the_answer() -> None:
    """Shutting down must not forget an order that is on its way."""
    stage = Stage()
    order = await prepared(stage)
    sending = asyncio.get_running_loop().create_task(
        stage.orders.send(stage.trade, order)
    )
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    sending.cancel()
    await stage.play(stage.clock.sleep(timedelta(seconds=1)))

    assert sending.cancelled()
    assert stage.orders_made[0].state is IntentState.FILLED


async def test_a_full_disk_after_the_answer_is_waited_for() -> None:
    """The result is kept in memory until it can be written."""
    stage = Stage()
    order = await prepared(stage)
    stage.journal.failures = 3

    sent = await stage.play(stage.orders.send(stage.trade, order))

    assert sent is not None
    assert stage.orders_made[0].state is IntentState.FILLED
    assert len(stage.first.submits) == 1


@pytest.mark.parametrize(
    "reply",
    [Reply.LOST, Reply.ACK, Reply.BLANK, Reply.DUPLICATE, Reply.BROKEN, Reply.LATE],
)
async def test_an_order_that_arrived_is_found_whatever_the_reply_was(
    reply: Reply,
) -> None:
    """Six ways to lose an answer, one order, one fill, no second request."""
    stage = Stage()
    stage.first.answers.append(Answer(reply))
    order = await prepared(stage)

    sent = await stage.play(stage.orders.send(stage.trade, order))
    assert sent is not None
    assert sent.state is IntentState.UNKNOWN
    found = await resolved(stage, sent)

    assert (found.state, found.filled_base) == (IntentState.FILLED, TEN)
    assert len(stage.first.submits) == 1


async def test_an_order_that_never_arrived_is_given_up_after_the_fence() -> None:
    """37 s after its creation, three rounds; not one moment earlier."""
    stage = Stage()
    stage.first.answers.append(Answer(Reply.NEVER))
    order = await prepared(stage)
    sent = await stage.play(stage.orders.send(stage.trade, order))
    assert sent is not None

    found = await resolved(stage, sent)

    assert (found.state, found.evidence) == (IntentState.NONE, "fence")
    assert stage.clock.now() >= order.fence_at
    assert stage.clock.now() <= order.fence_at + timedelta(seconds=20)


async def test_a_hidden_order_is_decided_by_the_position() -> None:
    """The venue shows neither order nor executions for two minutes."""
    stage = Stage()
    answer = Answer(Reply.LOST, hidden_for=timedelta(minutes=2))
    stage.first.answers.append(answer)
    order = await prepared(stage)
    sent = await stage.play(stage.orders.send(stage.trade, order))
    assert sent is not None

    found = await resolved(stage, sent)

    assert (found.state, found.evidence) == (IntentState.FILLED, "position")
    assert found.average_price == Decimal(50)


async def test_a_resting_order_is_cancelled_and_then_decided() -> None:
    """An immediate-or-cancel order that rests is a venue mistake to undo."""
    stage = Stage()
    stage.first.answers.append(Answer(Reply.REST))
    order = await prepared(stage)
    sent = await stage.play(stage.orders.send(stage.trade, order))
    assert sent is not None

    found = await resolved(stage, sent)

    assert found.state is IntentState.NONE
    assert len(stage.first.cancels) == 1


async def test_the_owner_hears_of_an_order_unknown_for_three_seconds() -> None:
    """With the moment by which it will be decided: fence plus 15 s."""
    stage = Stage()
    stage.first.answers.append(Answer(Reply.NEVER))
    order = await prepared(stage)
    sent = await stage.play(stage.orders.send(stage.trade, order))
    assert sent is not None

    await resolved(stage, sent)

    (alert,) = stage.alerts(AlertKind.CHECKING_ORDER)
    decide_by = order.fence_at + timedelta(seconds=15)
    assert alert.facts["decide_by"] == decide_by.isoformat()
    assert alert.facts["venue"] == "binance"
    assert alert.edits_message_id == stage.trade.message_id


async def test_a_quickly_found_order_is_not_worth_a_message() -> None:
    """Answers lost and found within 3 s would only alarm."""
    stage = Stage()
    stage.first.answers.append(Answer(Reply.LOST))
    order = await prepared(stage)
    sent = await stage.play(stage.orders.send(stage.trade, order))
    assert sent is not None

    await resolved(stage, sent)

    assert not stage.alerts(AlertKind.CHECKING_ORDER)


async def test_a_venue_silent_past_the_fence_calls_a_person_and_goes_on_asking() -> (
    None
):
    """A minute after the fence nobody may believe that all is well."""
    stage = Stage()
    stage.first.answers.append(Answer(Reply.LOST))
    silent_until = stage.clock.now() + timedelta(minutes=5)
    stage.first.fails = lambda _: stage.clock.now() < silent_until
    order = await prepared(stage)
    sent = await stage.play(stage.orders.send(stage.trade, order))
    assert sent is not None

    found = await resolved(stage, sent)

    assert found.state is IntentState.FILLED
    assert stage.trade.needs_attention
    (alert,) = stage.alerts(AlertKind.NOT_HEDGED)
    assert "does not tell" in alert.facts["reason"]
    assert len(stage.journal.halt_rows) == 2


async def test_another_undecided_order_there_makes_the_position_no_proof() -> None:
    """Two orders could have moved it; neither may claim it."""
    stage = Stage()
    order = await prepared(stage)
    other = replace(
        order,
        intent_id=stage.orders.prepare(
            stage.trade,
            Draft(1, Purpose.TRIM, OrderSide.SELL, TEN, Decimal(49), ZERO),
            (),
        ).intent_id,
        client_order_id=ClientOrderId("other"),
    )
    stage.journal.orders[other.intent_id] = other

    sighting = await stage.play(stage.orders.look(stage.trade, order))

    assert sighting is not None
    assert sighting.moved_base is None


async def test_the_number_of_an_order_goes_up_with_each_of_its_kind() -> None:
    """A second try is a new order with a new id, never the first one again."""
    stage = Stage()
    first = await prepared(stage)
    draft = Draft(1, Purpose.ENTRY, OrderSide.BUY, TEN, Decimal(50), ZERO)

    second = stage.orders.prepare(stage.trade, draft, (first,))

    assert (first.seq, second.seq) == (1, 2)
    assert second.client_order_id != first.client_order_id


async def test_executions_not_stored_yet_are_fetched_with_their_fees() -> None:
    """The position card lives from them."""
    stage = Stage()
    stage.first.answers.append(Answer(Reply.FILL, hidden_for=timedelta(seconds=5)))
    order = await prepared(stage)
    sent = await stage.play(stage.orders.send(stage.trade, order))
    assert sent is not None

    await stage.play(stage.orders.enrich(stage.trade, (sent,), ()))
    early = len(stage.journal.fills)
    await stage.clock.advance(timedelta(seconds=5))
    await stage.play(stage.orders.enrich(stage.trade, (sent,), ()))
    known = tuple(stage.journal.fills.values())
    await stage.play(stage.orders.enrich(stage.trade, (sent,), known))

    assert early == 0
    assert [(each.quantity_base, each.trade_id) for each in known] == [
        (TEN, order.trade_id)
    ]
