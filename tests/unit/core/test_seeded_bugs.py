"""Bugs seeded on purpose into the protocol: the ordinary checks find each of them.

A bug is patched in at run time. Then the cells of the fault matrix are played in their
order, and after them some random worlds, until one of them does not hold. A check that
no bug can fail proves nothing.
"""

from __future__ import annotations

import itertools
import logging
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from core.errors import StorageError
from core.execution import endings
from core.execution.live import Agreed, LivePositions
from core.execution.sizing import Docket, Held
from core.execution.world import World
from core.model.commit import Commit
from core.model.intent import IntentEvent, Purpose
from core.model.order import Accepted, Uncertain
from core.model.trade import TradeState, advance_trade
from core.model.units import ClientOrderId, TradeId
from core.orders import evidence
from core.orders.desk import Orders
from core.orders.evidence import Verdict, Watch
from storage import journal as sqlite_journal
from storage.database import Database
from storage.journal import Journal
from storage.outbox import SqliteOutbox
from tests.campaigns import matrix, schedules
from tests.fakes.runtime import FakeClock
from tests.unit.storage.samples import CHAT, claim, issued_plan, new_trade

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from core.execution.live import NotYet
    from core.model.intent import OrderIntent
    from core.model.order import SubmitResult
    from core.model.trade import Trade
    from core.orders.evidence import Sighting

    Patch = Callable[[pytest.MonkeyPatch], None]

ZERO = Decimal(0)
WORLDS = 30
DAILY = {"m2", "m3", "m5 unwind", "m6", "a3"}


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Expected failures would only slow the log down."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def first_catch(row: str) -> str | None:
    """Return what first does not hold from a row of the matrix on, None for nothing."""
    for cell in matrix.cells():
        if cell.crash or cell.moment.name not in DAILY or cell.fault.row < row:
            continue
        problems = matrix.play(cell).problems()
        if problems:
            return f"{cell.name}: {problems[0]}"
    for seed in range(WORLDS):
        problems = schedules.play(seed).problems()
        if problems:
            return f"seed {seed}: {problems[0]}"
    return None


# --- the bugs -------------------------------------------------------------------------


def timeout_is_failure(patch: pytest.MonkeyPatch) -> None:
    """Book an order as refused when its answer did not come."""
    honest = evidence.of_reply

    def of_reply(intent: OrderIntent, reply: SubmitResult) -> Verdict:
        if isinstance(reply, Uncertain):
            return Verdict(IntentEvent.REJECTED, "reply", ZERO, refusal=reply.cause)
        return honest(intent, reply)

    patch.setattr(evidence, "of_reply", of_reply)


def id_not_stable(patch: pytest.MonkeyPatch) -> None:
    """Make the client order id anew when the order is sent."""
    honest, count = Orders._submit, itertools.count()

    async def submit(self: Orders, trade: Trade, intent: OrderIntent) -> SubmitResult:
        fresh = ClientOrderId(f"c{next(count)}")
        return await honest(self, trade, replace(intent, client_order_id=fresh))

    patch.setattr(Orders, "_submit", submit)


def row_after_send(patch: pytest.MonkeyPatch) -> None:
    """Send the order first and write its row when the answer is there."""
    honest = World.move

    async def move(
        self: World,
        docket: Docket,
        row: str | None,
        **more: Any,  # noqa: ANN401 - as the original
    ) -> Docket:
        draft = more.pop("draft", None)
        if draft is None or row is None:
            return await honest(self, docket, row, **more)
        source = more.pop("changed", None) or docket.trade
        order = self.orders.prepare(docket.trade, draft, docket.intents)
        reply = await self.orders._submit(docket.trade, order)
        trade = advance_trade(source, row)
        event = self._event(docket.trade, trade, row, order)
        await self.trades.commit(Commit(trade, event, (order,)))
        verdict = evidence.of_reply(order, reply)
        sent = await self.orders._record(order, verdict)
        return Docket(trade, (*docket.intents, sent))

    patch.setattr(World, "move", move)


def not_found_is_absence(patch: pytest.MonkeyPatch) -> None:
    """Take the first empty look-up for proof that the order never arrived."""

    def by_absence(_: Watch, seen: Sighting, *, is_past: bool) -> Verdict | None:
        del is_past
        if seen.found != ():
            return None
        return Verdict(IntentEvent.NOT_FOUND, "fence", ZERO)

    patch.setattr(Watch, "_by_absence", by_absence)


def none_is_zero(patch: pytest.MonkeyPatch) -> None:
    """Read a fill that the venue did not tell as no fill."""
    honest = evidence.of_reply

    def of_reply(intent: OrderIntent, reply: SubmitResult) -> Verdict:
        if isinstance(reply, Accepted) and reply.filled_base is None:
            reply = replace(reply, filled_base=ZERO)
        return honest(intent, reply)

    patch.setattr(evidence, "of_reply", of_reply)


def leg2_while_leg1_unknown(patch: pytest.MonkeyPatch) -> None:
    """Take an order on its way for filled and send the second leg after it."""
    unresolved, booked = Docket.unresolved, Docket.booked

    def waits_for(self: Docket) -> tuple[OrderIntent, ...]:
        if self.trade.state is TradeState.LEG1:
            return ()
        return unresolved.__get__(self)  # type: ignore[no-any-return]  # a property

    def holds(self: Docket, leg: int) -> Decimal:
        on_its_way = sum(
            (each.quantity_base for each in self.of(leg) if each.filled_base is None),
            ZERO,
        )
        is_hasty = self.trade.state is TradeState.LEG1
        return booked(self, leg) + (on_its_way if is_hasty else ZERO)

    patch.setattr(Docket, "unresolved", property(waits_for))
    patch.setattr(Docket, "booked", holds)


def close_without_reduce_only(patch: pytest.MonkeyPatch) -> None:
    """Close with orders that may as well open."""
    honest = Orders.prepare

    def prepare(self: Orders, trade: Trade, draft: Any, past: Any) -> OrderIntent:  # noqa: ANN401 - as the original
        order = honest(self, trade, draft, past)
        is_close = order.purpose is Purpose.CLOSE
        return replace(order, is_reduce_only=order.is_reduce_only and not is_close)

    patch.setattr(Orders, "prepare", prepare)


def no_cooldown(patch: pytest.MonkeyPatch) -> None:
    """Let a pair that just failed be entered again at once."""

    async def pause(world: World, trade: Trade) -> None:
        del world, trade

    patch.setattr(endings, "pause_after", pause)


def unwind_not_clamped(patch: pytest.MonkeyPatch) -> None:
    """Sell what the books say, whatever the venue holds."""
    honest = LivePositions.compare

    async def compare(self: LivePositions, docket: Docket) -> Agreed | NotYet:
        if docket.trade.state is TradeState.UNWIND:
            return Agreed(docket, Held(ZERO, ZERO))
        return await honest(self, docket)

    patch.setattr(LivePositions, "compare", compare)


def addition_is_an_entry(patch: pytest.MonkeyPatch) -> None:
    """Take all that a leg holds for what was just added to it."""
    patch.setattr(Docket, "added", Docket.booked)


BUGS: dict[str, tuple[Patch, str, str]] = {
    "timeout taken as failure": (timeout_is_failure, "V01", "INV10"),
    "id not stable": (id_not_stable, "V01", "INV01"),
    "row after send": (row_after_send, "V01", "INV01"),
    "not-found taken as absence": (not_found_is_absence, "V01", "INV10"),
    "filled None as 0": (none_is_zero, "V20", "INV12"),
    "leg 2 while leg 1 unknown": (leg2_while_leg1_unknown, "V01", "INV08"),
    "close without reduce-only": (close_without_reduce_only, "V01", "INV06"),
    "cool-down missing": (no_cooldown, "V01", "does not rest"),
    "unwind not clamped to the live position": (unwind_not_clamped, "V27", "INV06"),
    "an addition taken for an entry": (addition_is_an_entry, "V02", "INV05"),
}


@pytest.mark.parametrize("name", BUGS)
def test_the_ordinary_checks_catch(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each bug has cost somebody money; here it fails a cell first."""
    bug, row, sign = BUGS[name]
    bug(monkeypatch)

    caught = first_catch(row)

    assert caught is not None
    assert sign in caught


# --- the tenth: taps ------------------------------------------------------------------


async def trades_of_taps(folder: Path, taps: int) -> int:
    """Return how many trades several updates with one confirm button start."""
    database = await Database.open(folder / "paper.db", clock=FakeClock())
    try:
        journal = Journal(database, SqliteOutbox(database, [CHAT]))
        await journal.draft(issued_plan())
        for update_id in range(taps):
            started = replace(new_trade(), trade_id=TradeId(f"trade-{update_id}"))
            await journal.claim(claim(trade=started))
        return len(await journal.trades_in_progress())
    finally:
        await database.close()


async def test_one_button_starts_one_trade_for_any_number_of_updates(
    tmp_path: Path,
) -> None:
    """INV03: redelivered and doubled taps are one tap."""
    assert await trades_of_taps(tmp_path, 4) == 1


async def test_the_check_of_taps_catches_deduplication_by_update_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second tap has a new update id, so that alone must not let it through."""
    careless = sqlite_journal._USE.replace("AND state = 'issued'", "")
    monkeypatch.setattr(sqlite_journal, "_USE", careless)

    # the schema is the second line: it refuses a second trade of one plan
    with pytest.raises(StorageError, match="plan_id"):
        await trades_of_taps(tmp_path, 4)


def test_without_a_bug_nothing_is_caught() -> None:
    """The same worlds, unpatched, hold; the cells are played by the matrix's tests."""
    assert all(not schedules.play(seed).problems() for seed in range(WORLDS))


def test_every_bug_is_listed() -> None:
    """Ten here, and the one about taps."""
    assert len(BUGS) + 1 == 11
