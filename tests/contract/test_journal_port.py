"""What every keeper of plans, trades, orders and halts must do, whatever it is made of.

Run on SQLite and on the in-memory keeper that the stages' tests use.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

import pytest

from core.model.commit import Commit
from core.model.control import TradingState
from core.model.intent import IntentEvent, IntentState, Purpose, advance
from core.model.plan import PlanState
from core.model.trade import Residual, TradeState, advance_trade
from core.model.units import (
    Base,
    ChatId,
    ClientOrderId,
    IntentId,
    MessageId,
    TradeId,
    UserId,
    VenueId,
)
from core.ports import Halts, Intents, Plans, Trades
from storage.database import Database
from storage.journal import Journal
from storage.outbox import SqliteOutbox
from tests.fakes.journal import MemoryJournal
from tests.fakes.runtime import FakeClock
from tests.unit.storage.samples import (
    CHAT,
    MESSAGE,
    NOW,
    OWNER,
    add_plan,
    adopt_plan,
    claim,
    close_plan,
    commit,
    cooldown,
    event,
    fill,
    full_trade,
    halt,
    intent,
    issued_plan,
    new_trade,
    payment,
    stored_plan,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from core.model.commit import Claim
    from core.model.intent import OrderIntent
    from core.model.trade import Trade


class Keeper(Plans, Trades, Intents, Halts, Protocol):
    """The four ports that commit together."""


@pytest.fixture(params=["sqlite", "memory"])
async def keeper(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[Keeper]:
    """Give an empty keeper."""
    if request.param == "memory":
        yield MemoryJournal()
        return
    database = await Database.open(tmp_path / "paper.db", clock=FakeClock())
    try:
        yield Journal(database, SqliteOutbox(database, [CHAT]))
    finally:
        await database.close()


async def started(keeper: Keeper, name: str = "a") -> Trade:
    """Store a plan and claim it."""
    await keeper.draft(issued_plan(name))
    assert await keeper.claim(claim(name))
    return new_trade(name)


async def opened(keeper: Keeper, name: str = "a") -> Trade:
    """Take a trade to OPEN."""
    trade = await started(keeper, name)
    for row in ("T02", "T04", "T07", "T09", "T10"):
        step = commit(trade, row)
        assert await keeper.commit(step)
        trade = step.trade
    return trade


# --- confirm cards --------------------------------------------------------------------


async def test_a_draft_is_found_by_nonce_and_by_id(keeper: Keeper) -> None:
    """The card's button and its cancel button both lead to the plan."""
    await keeper.draft(stored_plan())

    assert await keeper.plan_of_nonce("hash-a") == stored_plan()
    assert await keeper.plan(stored_plan().plan_id) == stored_plan()
    assert await keeper.plan_of_nonce("hash-b") is None
    assert await keeper.plan(stored_plan("b").plan_id) is None


async def test_issuing_binds_the_message_once(keeper: Keeper) -> None:
    """A second message must not take over the first one's button."""
    plan = stored_plan()
    await keeper.draft(plan)

    assert await keeper.issue(plan.plan_id, MESSAGE)
    assert not await keeper.issue(plan.plan_id, MessageId(999))

    stored = await keeper.plan(plan.plan_id)
    assert stored == replace(plan, state=PlanState.ISSUED, message_id=MESSAGE)


@pytest.mark.parametrize(
    "state", [PlanState.EXPIRED, PlanState.CANCELLED, PlanState.VOID]
)
async def test_an_ended_plan_cannot_be_claimed_or_ended_again(
    keeper: Keeper, state: PlanState
) -> None:
    """Cancel means cancel: a later tap on the old card orders nothing."""
    plan = issued_plan()
    await keeper.draft(plan)

    assert await keeper.end(plan.plan_id, state)

    assert not await keeper.end(plan.plan_id, PlanState.VOID)
    assert not await keeper.claim(claim())
    stored = await keeper.plan(plan.plan_id)
    assert stored is not None
    assert stored.state is state
    assert await keeper.trade(new_trade().trade_id) is None


async def test_a_used_plan_cannot_be_ended(keeper: Keeper) -> None:
    """A trade that runs cannot lose its plan."""
    await started(keeper)

    assert not await keeper.end(issued_plan().plan_id, PlanState.CANCELLED)


async def test_a_restart_voids_what_waits_and_leaves_what_was_used(
    keeper: Keeper,
) -> None:
    """Quotes from before a restart are old; trades are not touched."""
    await started(keeper, "a")
    await keeper.draft(stored_plan("b"))
    await keeper.draft(issued_plan("c"))

    assert await keeper.void_unused() == 2
    assert await keeper.void_unused() == 0

    states = [await keeper.plan(issued_plan(name).plan_id) for name in "abc"]
    assert [each.state for each in states if each is not None] == [
        PlanState.USED,
        PlanState.VOID,
        PlanState.VOID,
    ]


# --- the claim ------------------------------------------------------------------------


async def test_a_claim_uses_the_plan_and_starts_its_trade(keeper: Keeper) -> None:
    """Plan, trade and audit line appear together."""
    await keeper.draft(issued_plan())

    assert await keeper.claim(claim())

    stored = await keeper.plan_of_nonce("hash-a")
    assert stored is not None
    assert (stored.state, stored.trade_id) == (PlanState.USED, TradeId("trade-a"))
    assert await keeper.trade(TradeId("trade-a")) == new_trade()
    assert await keeper.events(5) == (event(),)


@pytest.mark.parametrize(
    "wrong",
    [
        replace(claim(), nonce_hash="hash-x"),
        replace(claim(), user_id=UserId(12)),
        replace(claim(), chat_id=ChatId(12)),
        replace(claim(), message_id=MessageId(502)),
        replace(claim(), now=NOW + timedelta(seconds=45)),
        replace(claim(), now=NOW + timedelta(days=1)),
    ],
    ids=["nonce", "user", "chat", "message", "at expiry", "a day late"],
)
async def test_a_foreign_or_late_tap_keeps_nothing(
    keeper: Keeper, wrong: Claim
) -> None:
    """Copied buttons, forwarded cards and old cards order nothing."""
    await keeper.draft(issued_plan())

    assert not await keeper.claim(wrong)

    assert await keeper.plan_of_nonce("hash-a") == issued_plan()
    assert await keeper.trades_in_progress() == ()
    assert await keeper.events(5) == ()


async def test_a_claim_in_the_last_millisecond_counts(keeper: Keeper) -> None:
    """The card promises 45 seconds."""
    await keeper.draft(issued_plan())
    last = NOW + timedelta(seconds=44, milliseconds=999)

    assert await keeper.claim(claim(now=last))


async def test_an_adopted_pair_is_stored_with_what_it_holds(keeper: Keeper) -> None:
    """Without its orders and executions a pair would look empty after a crash."""
    plan = issued_plan(body=adopt_plan())
    held = replace(intent(), state=IntentState.FILLED, filled_base=Decimal(500_000))
    trade = replace(new_trade(), state=TradeState.OPEN)
    await keeper.draft(plan)

    taken = replace(claim(trade=trade), intents=(held,), fills=(fill(),))
    assert await keeper.claim(taken)

    assert (await keeper.plan(plan.plan_id)) == replace(
        plan, state=PlanState.USED, trade_id=trade.trade_id
    )
    assert await keeper.trades_in_progress() == (trade,)
    assert await keeper.intents_of(trade.trade_id) == (held,)
    assert await keeper.fills_of(trade.trade_id) == (fill(),)


async def test_an_accepted_residual_is_kept_with_its_trade(keeper: Keeper) -> None:
    """A restart must not repair what an owner decided to keep."""
    trade = await opened(keeper)
    word = Residual(Decimal("0.5"), OWNER, NOW, is_all=False)
    kept = replace(trade, first=replace(trade.first, accepted=word), version=7)

    assert await keeper.commit(Commit(trade=kept, event=event()))

    assert await keeper.trade(trade.trade_id) == kept


async def test_a_halts_end_and_news_are_kept_with_it(keeper: Keeper) -> None:
    """Until when nothing is sent must be known after a restart too."""
    ending = replace(halt("refused:banned"), until=NOW + timedelta(minutes=2))

    await keeper.set_halt(ending, event())

    assert await keeper.halts() == (ending,)


async def test_a_draft_cannot_be_claimed(keeper: Keeper) -> None:
    """Its message is not out: nobody can have read what it would do."""
    await keeper.draft(stored_plan(message_id=MESSAGE))

    assert not await keeper.claim(claim())


async def test_of_many_taps_at_once_exactly_one_wins(keeper: Keeper) -> None:
    """A double tap must never open the pair twice."""
    await keeper.draft(issued_plan())
    taps = [
        claim(trade=replace(new_trade(), trade_id=TradeId(f"t{number}")))
        for number in range(10)
    ]

    won = await asyncio.gather(*(keeper.claim(tap) for tap in taps))

    assert sum(won) == 1
    assert len(await keeper.trades_in_progress()) == 1
    assert len(await keeper.events(50)) == 1


async def test_a_close_moves_the_trade_it_was_made_for(keeper: Keeper) -> None:
    """Closing is claimed like opening: plan and trade move together."""
    trade = await opened(keeper)
    plan = issued_plan("b", close_plan(trade.trade_id))
    await keeper.draft(plan)
    closing = replace(
        advance_trade(trade, "T19"),
        close_plan_id=plan.plan_id,
        close_target_base=Decimal(0),
    )

    assert await keeper.claim(claim("b", closing))

    assert await keeper.trade(trade.trade_id) == closing
    used = await keeper.plan(plan.plan_id)
    assert used == replace(plan, state=PlanState.USED, trade_id=trade.trade_id)


async def test_another_owner_may_close_in_his_own_chat(keeper: Keeper) -> None:
    """Progress goes to the chat whose card was confirmed, also after a restart."""
    trade = await opened(keeper)
    plan = issued_plan("b", close_plan(trade.trade_id))
    theirs = replace(plan, user_id=UserId(12), chat_id=ChatId(12))
    await keeper.draft(theirs)
    closing = replace(
        advance_trade(trade, "T19"),
        close_plan_id=plan.plan_id,
        chat_id=ChatId(12),
        message_id=MessageId(77),
    )
    tap = replace(claim("b", closing), user_id=UserId(12), chat_id=ChatId(12))

    assert await keeper.claim(tap)

    assert await keeper.trade(trade.trade_id) == closing


async def test_a_close_of_a_trade_that_moved_keeps_nothing(keeper: Keeper) -> None:
    """While a repair runs, the old close card must not start a close."""
    trade = await opened(keeper)
    plan = issued_plan("b", close_plan(trade.trade_id))
    await keeper.draft(plan)
    moved = commit(trade, "T17")
    assert await keeper.commit(moved)
    closing = replace(advance_trade(trade, "T19"), close_plan_id=plan.plan_id)

    assert not await keeper.claim(claim("b", closing))

    assert await keeper.trade(trade.trade_id) == moved.trade
    assert await keeper.plan(plan.plan_id) == plan


async def test_an_addition_moves_the_trade_it_was_made_for(keeper: Keeper) -> None:
    """Plan and pair move together, and the pair comes back with what is to come."""
    trade = await opened(keeper)
    plan = issued_plan("b", add_plan(trade.trade_id))
    await keeper.draft(plan)
    growing = replace(advance_trade(trade, "T35"), adding=full_trade("b").adding)

    assert await keeper.claim(claim("b", growing))

    assert await keeper.trade(trade.trade_id) == growing
    used = await keeper.plan(plan.plan_id)
    assert used == replace(plan, state=PlanState.USED, trade_id=trade.trade_id)
    assert not await keeper.claim(claim("b", growing)), "one card, one addition"


async def test_what_was_added_is_kept_with_the_step_that_ends_it(
    keeper: Keeper,
) -> None:
    """The size confirmed, the mean spread, and no addition any more."""
    trade = await opened(keeper)
    await keeper.draft(issued_plan("b", add_plan(trade.trade_id)))
    growing = replace(advance_trade(trade, "T35"), adding=full_trade("b").adding)
    await keeper.claim(claim("b", growing))
    done = replace(
        commit(growing, "T36"),
        trade=replace(
            advance_trade(growing, "T36"),
            adding=None,
            quantity_base=Decimal(600_000),
            spread_per_hour=Decimal("0.000042"),
        ),
    )

    assert await keeper.commit(done)

    assert await keeper.trade(trade.trade_id) == done.trade


# --- steps of a trade -----------------------------------------------------------------


async def test_a_step_keeps_trade_orders_fills_and_payments(keeper: Keeper) -> None:
    """After a crash the next process sees the whole step or none of it."""
    trade = await started(keeper)
    step = replace(
        commit(trade, "T02"),
        intents=(intent(),),
        fills=(fill(), fill(number=2)),
        payments=(payment(),),
        cooldown=cooldown(),
    )

    assert await keeper.commit(step)

    assert await keeper.trade(trade.trade_id) == step.trade
    assert await keeper.intents_of(trade.trade_id) == (intent(),)
    assert await keeper.fills_of(trade.trade_id) == (fill(), fill(number=2))
    assert await keeper.payments_of(trade.trade_id) == (payment(),)
    assert await keeper.cooldowns() == (cooldown(),)
    assert await keeper.events(1) == (event("T02"),)


async def test_a_step_keeps_every_field_that_may_change(keeper: Keeper) -> None:
    """A field that is not written would be lost by the next restart."""
    await started(keeper)
    step = replace(commit(new_trade(), "T02"), trade=replace(full_trade(), version=2))

    assert await keeper.commit(step)

    assert await keeper.trade(TradeId("trade-a")) == step.trade


@pytest.mark.parametrize("version", [0, 1, 3, 9])
async def test_a_step_from_another_version_keeps_nothing(
    keeper: Keeper, version: int
) -> None:
    """Two coroutines that both think they own the trade must not both act."""
    trade = await started(keeper)
    step = replace(
        commit(trade, "T02"), intents=(intent(),), fills=(fill(),), cooldown=cooldown()
    )
    stale = replace(step, trade=replace(step.trade, version=version))

    assert not await keeper.commit(stale)

    assert await keeper.trade(trade.trade_id) == trade
    assert await keeper.intents_of(trade.trade_id) == ()
    assert await keeper.fills_of(trade.trade_id) == ()
    assert await keeper.cooldowns() == ()
    assert await keeper.events(9) == (event(),)


async def test_a_step_of_an_unknown_trade_keeps_nothing(keeper: Keeper) -> None:
    """A trade is born by a claim only."""
    assert not await keeper.commit(commit(replace(new_trade(), version=0), "T02"))

    assert await keeper.trade(new_trade().trade_id) is None


async def test_of_two_steps_at_once_one_wins(keeper: Keeper) -> None:
    """The loser's order must not exist, else it could be sent."""
    trade = await started(keeper)
    steps = [
        replace(commit(trade, "T02"), intents=(intent(seq=seq),)) for seq in (1, 2)
    ]

    won = await asyncio.gather(*(keeper.commit(step) for step in steps))

    assert sorted(won) == [False, True]
    assert len(await keeper.intents_of(trade.trade_id)) == 1


async def test_only_trades_that_hold_something_are_in_progress(keeper: Keeper) -> None:
    """Start-up must look at every unfinished trade and at no finished one."""
    first, second = await started(keeper, "a"), await started(keeper, "b")
    assert await keeper.commit(commit(first, "T03"))

    assert await keeper.trades_in_progress() == (second,)
    recent = await keeper.recent_trades(5)
    assert {each.trade_id for each in recent} == {first.trade_id, second.trade_id}


async def test_trades_come_oldest_first_and_recent_ones_newest_first(
    keeper: Keeper,
) -> None:
    """Lists on screens must not jump."""
    for minutes, name in enumerate("abc"):
        await keeper.draft(issued_plan(name))
        created_at = NOW + timedelta(minutes=minutes)
        trade = replace(new_trade(name), created_at=created_at)
        assert await keeper.claim(claim(name, trade))

    progress = await keeper.trades_in_progress()
    recent = await keeper.recent_trades(2)

    assert [each.trade_id for each in progress] == ["trade-a", "trade-b", "trade-c"]
    assert [each.trade_id for each in recent] == ["trade-c", "trade-b"]


async def test_a_terminal_trade_can_be_taken_up_again(keeper: Keeper) -> None:
    """A late fill of an aborted trade is real money: it is in progress again."""
    trade = await started(keeper)
    aborted = commit(trade, "T03")
    assert await keeper.commit(aborted)

    assert await keeper.commit(commit(aborted.trade, "T33"))

    progress = await keeper.trades_in_progress()
    assert [each.state for each in progress] == [TradeState.UNWIND]


# --- orders ---------------------------------------------------------------------------


async def with_intent(keeper: Keeper) -> Trade:
    """Store a trade with one prepared order."""
    trade = await started(keeper)
    step = replace(commit(trade, "T02"), intents=(intent(),))
    assert await keeper.commit(step)
    return step.trade


async def test_a_prepared_order_is_unresolved_until_its_outcome_is_known(
    keeper: Keeper,
) -> None:
    """What may have been sent must be looked up after a crash."""
    await with_intent(keeper)
    assert await keeper.unresolved() == (intent(),)

    unknown = advance(intent(), IntentEvent.UNCERTAIN)
    await keeper.settle(unknown, ())
    assert await keeper.unresolved() == (unknown,)

    filled = advance(unknown, IntentEvent.ALL, filled_base=Decimal(500_000))
    await keeper.settle(filled, (fill(), fill(number=2)))
    assert await keeper.unresolved() == ()
    assert await keeper.intent(filled.intent_id) == filled
    assert len(await keeper.fills_of(TradeId("trade-a"))) == 2


async def test_settling_twice_changes_nothing(keeper: Keeper) -> None:
    """Recovery may be killed and run again."""
    await with_intent(keeper)
    filled = advance(intent(), IntentEvent.ALL, filled_base=Decimal(500_000))

    for _ in range(2):
        await keeper.settle(filled, (fill(), fill(number=2)))

    assert await keeper.intent(filled.intent_id) == filled
    assert await keeper.fills_of(TradeId("trade-a")) == (fill(), fill(number=2))


async def test_a_late_fill_raises_what_is_filled(keeper: Keeper) -> None:
    """Venues do report cancelled, then filled."""
    await with_intent(keeper)
    nothing = advance(intent(), IntentEvent.NOTHING, filled_base=Decimal(0))
    await keeper.settle(nothing, ())
    partial = advance(nothing, IntentEvent.SOME, filled_base=Decimal(250_000))

    await keeper.settle(partial, (fill(),))

    stored = await keeper.intent(partial.intent_id)
    assert stored == partial


async def test_what_is_filled_never_shrinks(keeper: Keeper) -> None:
    """A read that lags must not make a held position disappear."""
    await with_intent(keeper)
    seen = replace(
        advance(intent(), IntentEvent.SOME, filled_base=Decimal(300_000)),
        average_price=Decimal("0.00001"),
    )
    await keeper.settle(seen, ())

    for lagging in (Decimal(200_000), None):
        await keeper.settle(replace(seen, filled_base=lagging, average_price=None), ())

    assert await keeper.intent(seen.intent_id) == seen


async def test_a_decided_order_stays_decided(keeper: Keeper) -> None:
    """A slow look-up must not send a finished order back to be resolved."""
    await with_intent(keeper)
    filled = replace(
        advance(intent(), IntentEvent.ALL, filled_base=Decimal(500_000)),
        evidence="order",
        venue_order_id="77",
    )
    await keeper.settle(filled, ())

    await keeper.settle(advance(intent(), IntentEvent.UNCERTAIN), ())

    assert await keeper.intent(filled.intent_id) == filled
    assert await keeper.unresolved() == ()


async def test_a_later_look_adds_what_was_missing_and_forgets_nothing(
    keeper: Keeper,
) -> None:
    """Price and fee often come after the state; the venue's id is for the owner."""
    await with_intent(keeper)
    filled = advance(intent(), IntentEvent.ALL, filled_base=Decimal(500_000))
    detailed = replace(
        filled,
        average_price=Decimal("0.00001"),
        fee_usd=Decimal("0.0022"),
        venue_order_id="77",
    )

    for view in (filled, detailed, filled):
        await keeper.settle(view, ())

    assert await keeper.intent(filled.intent_id) == detailed


async def test_a_larger_fill_does_not_keep_the_smaller_ones_price(
    keeper: Keeper,
) -> None:
    """Unknown is unknown: the average of a part is not the average of the whole."""
    await with_intent(keeper)
    part = replace(
        advance(intent(), IntentEvent.SOME, filled_base=Decimal(250_000)),
        average_price=Decimal("0.00001"),
    )
    await keeper.settle(part, ())
    whole = replace(
        advance(part, IntentEvent.ALL, filled_base=Decimal(500_000)),
        average_price=None,
    )

    await keeper.settle(whole, ())

    assert await keeper.intent(part.intent_id) == whole


async def test_intents_keep_the_order_of_creation(keeper: Keeper) -> None:
    """The newest order of a leg is the one that counts for the next step."""
    trade = await with_intent(keeper)
    for seq, row in ((1, "T04"), (2, "T07")):
        order = intent(leg=2, seq=seq)
        step = replace(commit(trade, row), intents=(order,))
        assert await keeper.commit(step)
        trade = step.trade

    stored = await keeper.intents_of(trade.trade_id)
    assert [(each.leg, each.seq) for each in stored] == [(1, 1), (2, 1), (2, 2)]


@pytest.mark.parametrize(
    "twin",
    [
        replace(
            intent(),
            intent_id=IntentId("other"),
            client_order_id=ClientOrderId("other"),
        ),
        replace(intent(seq=2), client_order_id=intent().client_order_id),
    ],
    ids=["same leg, purpose and number", "same client order id"],
)
async def test_a_second_order_in_one_place_is_refused_whole(
    keeper: Keeper, twin: OrderIntent
) -> None:
    """Two orders for one step would be a double entry."""
    trade = await with_intent(keeper)
    step = replace(commit(trade, "T04"), intents=(twin,))

    with pytest.raises(Exception):  # noqa: B017, PT011 each keeper words it its own way
        await keeper.commit(step)

    assert await keeper.trade(trade.trade_id) == trade
    assert await keeper.intents_of(trade.trade_id) == (intent(),)


async def test_purposes_and_legs_count_on_their_own(keeper: Keeper) -> None:
    """The first top-up is number 1 although the entry was number 1 too."""
    trade = await with_intent(keeper)
    orders = (intent(leg=2), intent(leg=2, purpose=Purpose.TOPUP))
    step = replace(commit(trade, "T04"), intents=orders)

    assert await keeper.commit(step)

    assert len(await keeper.intents_of(trade.trade_id)) == 3


async def test_a_missing_fee_may_come_later(keeper: Keeper) -> None:
    """The fill counts at once; its cost is completed, never counted twice."""
    await with_intent(keeper)
    filled = advance(intent(), IntentEvent.ALL, filled_base=Decimal(250_000))
    await keeper.settle(filled, (replace(fill(), fee_usd=None),))

    await keeper.settle(filled, (fill(),))
    await keeper.settle(filled, (replace(fill(), fee_usd=None),))

    assert await keeper.fills_of(TradeId("trade-a")) == (fill(),)


async def test_fills_of_two_symbols_may_share_a_number(keeper: Keeper) -> None:
    """Some venues count executions per symbol."""
    await with_intent(keeper)
    other = replace(fill(), symbol="KAITO/USDC:USDC")
    unknown = advance(intent(), IntentEvent.UNCERTAIN)

    await keeper.settle(unknown, (fill(), other))

    assert set(await keeper.fills_of(TradeId("trade-a"))) == {fill(), other}


async def test_nothing_known_is_none_or_empty(keeper: Keeper) -> None:
    """Absence is an answer, not an error."""
    assert await keeper.intent(intent().intent_id) is None
    assert await keeper.intents_of(TradeId("trade-a")) == ()
    assert await keeper.fills_of(TradeId("trade-a")) == ()
    assert await keeper.payments_of(TradeId("trade-a")) == ()
    assert await keeper.unresolved() == ()
    assert await keeper.recent_trades(5) == ()


# --- payments -------------------------------------------------------------------------


async def test_a_payment_is_booked_once(keeper: Keeper) -> None:
    """Income counted twice is a wrong profit on the card."""
    await started(keeper)

    assert await keeper.book_payments([payment(), payment(hours=2)]) == 2
    assert await keeper.book_payments([payment(hours=2), payment(hours=3)]) == 1

    stored = await keeper.payments_of(TradeId("trade-a"))
    assert stored == tuple(payment(hours=hours) for hours in (1, 2, 3))


async def test_a_final_payment_replaces_its_estimate_once(keeper: Keeper) -> None:
    """The estimate is shown until the venue publishes, then corrected for good."""
    await started(keeper)
    estimate = replace(payment(), amount_usd=Decimal("0.05"), is_estimated=True)
    assert await keeper.book_payments([estimate]) == 1

    assert await keeper.book_payments([payment()]) == 0
    assert await keeper.payments_of(TradeId("trade-a")) == (payment(),)

    changed = replace(payment(), amount_usd=Decimal(99))
    assert await keeper.book_payments([estimate, changed]) == 0
    assert await keeper.payments_of(TradeId("trade-a")) == (payment(),)


# --- who may trade now ----------------------------------------------------------------


async def test_a_pause_is_in_force_until_it_is_lifted(keeper: Keeper) -> None:
    """The owner's pause survives everything but the owner's resume."""
    await keeper.set_halt(halt(), event("pause"))
    assert await keeper.halts() == (halt(),)

    assert await keeper.clear_halt("all", "pause", event("resume"))
    assert not await keeper.clear_halt("all", "pause", event("resume again"))

    assert await keeper.halts() == ()
    assert [each.what for each in await keeper.events(9)] == ["resume", "pause"]


async def test_a_halt_of_the_same_scope_and_key_is_replaced(keeper: Keeper) -> None:
    """Two reasons of one scope stand side by side; one reason stands once."""
    strict = replace(halt(), state=TradingState.HALTED, reason="stopped", by=None)
    await keeper.set_halt(halt(), event())
    await keeper.set_halt(halt("startup"), event())

    await keeper.set_halt(strict, event())

    assert set(await keeper.halts()) == {strict, halt("startup")}


async def test_a_cooldown_is_replaced_and_forgotten(keeper: Keeper) -> None:
    """The pause of a pair doubles, and ends with a clean open."""
    longer = replace(cooldown(), until=NOW + timedelta(hours=2), level=2)
    await keeper.set_cooldown(cooldown())
    await keeper.set_cooldown(longer)
    assert await keeper.cooldowns() == (longer,)

    await keeper.clear_cooldown(
        Base("PEPE"), (VenueId("binance"), VenueId("hyperliquid"))
    )

    assert await keeper.cooldowns() == ()


async def test_the_audit_trail_shows_the_newest_lines_first(keeper: Keeper) -> None:
    """What happened last is read first."""
    for number in range(4):
        await keeper.log_event(event(f"line {number}"))

    assert [each.what for each in await keeper.events(2)] == ["line 3", "line 2"]
    assert (await keeper.events(1))[0].who == f"user {OWNER}"


async def test_an_order_state_reads_back_as_its_member(keeper: Keeper) -> None:
    """States are compared by identity all over the engine."""
    await with_intent(keeper)

    (stored,) = await keeper.unresolved()

    assert stored.state is IntentState.PREPARED
    assert stored.purpose is Purpose.ENTRY
