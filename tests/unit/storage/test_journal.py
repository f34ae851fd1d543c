"""What SQLite adds to the port: tables that refuse, and alerts in the same commit."""

from __future__ import annotations

import sqlite3
from dataclasses import MISSING, fields, replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from core.errors import StorageError
from core.model.alert import AlertLevel
from core.model.intent import IntentEvent, advance
from core.model.plan import PlanState
from core.model.units import ChatId, ClientOrderId, PlanId, TradeId
from storage.journal import Journal
from storage.outbox import SqliteOutbox
from storage.rows import (
    cooldown_of,
    cooldown_values,
    fill_of,
    fill_values,
    intent_of,
    intent_values,
    payment_of,
    payment_values,
    plan_of,
    plan_values,
    trade_of,
    trade_values,
)
from tests.unit.storage.samples import (
    CHAT,
    NOW,
    add_plan,
    alert,
    claim,
    close_plan,
    commit,
    cooldown,
    event,
    fill,
    full_trade,
    intent,
    issued_plan,
    new_trade,
    payment,
    stored_plan,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from storage.columns import Values
    from storage.database import Database


@pytest.fixture
def outbox(database: Database) -> SqliteOutbox:
    """Return the outbox of two owners."""
    return SqliteOutbox(database, [CHAT, ChatId(12)])


@pytest.fixture
def journal(database: Database, outbox: SqliteOutbox) -> Journal:
    """Return an empty journal."""
    return Journal(database, outbox)


def counts(connection: sqlite3.Connection) -> dict[str, int]:
    """Return how many rows each table of a step holds."""
    tables = ("trade", "intent", "fill", "payment", "cooldown", "event", "outbox")
    return {
        table: int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 names from above
        for table in tables
    }


def through_sqlite(values: Values) -> sqlite3.Row:
    """Return the values as SQLite gives them back."""
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    try:
        names = ", ".join(f":{name} AS {name}" for name in values)
        row = connection.execute(f"SELECT {names}", values).fetchone()
    finally:
        connection.close()
    assert isinstance(row, sqlite3.Row)
    return row


def look(value: object) -> str:
    """Return every digit of an object; both libraries' names for UTC are one."""
    text = repr(value)
    for name in ("TzInfo(0)", "TzInfo(UTC)"):
        text = text.replace(name, "datetime.timezone.utc")
    return text


@pytest.mark.parametrize(
    ("original", "to_row", "from_row"),
    [
        (stored_plan(), plan_values, plan_of),
        (issued_plan("b", close_plan(TradeId("t"))), plan_values, plan_of),
        (issued_plan("c", add_plan(TradeId("t"))), plan_values, plan_of),
        (new_trade(), trade_values, trade_of),
        (full_trade(), trade_values, trade_of),
        (intent(), intent_values, intent_of),
        (
            replace(
                advance(intent(), IntentEvent.SOME, filled_base=Decimal("1E+2")),
                baseline_base=None,
                average_price=Decimal("0.000010000"),
                fee_usd=Decimal("-0.0002"),
                venue_order_id="77",
                evidence="reply",
                refusal="price band",
                refusal_code="price_band",
            ),
            intent_values,
            intent_of,
        ),
        (fill(), fill_values, fill_of),
        (
            replace(
                fill(),
                fee_usd=None,
                client_order_id=None,
                intent_id=None,
                trade_id=None,
            ),
            fill_values,
            fill_of,
        ),
        (payment(), payment_values, payment_of),
        (
            replace(payment(), price=None, is_estimated=True, trade_id=None),
            payment_values,
            payment_of,
        ),
        (cooldown(), cooldown_values, cooldown_of),
    ],
)
def test_every_object_comes_back_equal(
    original: object,
    to_row: Callable[[object], Values],
    from_row: Callable[[sqlite3.Row], object],
) -> None:
    """What the engine reads after a restart is what it wrote before."""
    back = from_row(through_sqlite(to_row(original)))

    assert back == original
    assert look(back) == look(original)


def test_the_full_trade_leaves_no_field_at_its_default() -> None:
    """A new field that nobody stores would come back as its default, unseen."""
    trade = full_trade()

    same = [
        field.name
        for field in fields(trade)
        if field.default is not MISSING and getattr(trade, field.name) == field.default
    ]

    assert same == []


async def test_a_claim_tells_in_the_same_commit(
    journal: Journal, outbox: SqliteOutbox
) -> None:
    """A trade that starts without its message would be a secret."""
    await journal.draft(issued_plan())

    assert await journal.claim(claim())

    items = await outbox.due(NOW, 5)
    assert [(each.chat_id, each.alert) for each in items] == [
        (CHAT, alert("progress:a")),
        (ChatId(12), alert("progress:a")),
    ]


async def test_a_lost_claim_tells_nobody(
    journal: Journal, outbox: SqliteOutbox
) -> None:
    """Announcing a trade that does not exist would be a lie."""
    await journal.draft(stored_plan())

    assert not await journal.claim(claim())

    assert await outbox.depth() == (0, None)


async def test_a_step_that_fails_at_its_last_row_leaves_no_first_row(
    journal: Journal, database: Database
) -> None:
    """Every part of a step is kept or none is, whichever statement fails."""
    await journal.draft(issued_plan())
    await journal.claim(claim())
    before = await database.read(counts)
    step = replace(
        commit(new_trade(), "T02"),
        intents=(intent(),),
        fills=(fill(),),
        payments=(payment(),),
        cooldown=cooldown(),
        alerts=(alert("told", AlertLevel.CRITICAL),),
    )
    await database.write(
        lambda writer: writer.execute(
            "CREATE TRIGGER no_alert BEFORE INSERT ON outbox "
            "BEGIN SELECT RAISE(ABORT, 'no room for alerts'); END"
        )
    )

    with pytest.raises(StorageError, match="no room for alerts"):
        await journal.commit(step)

    assert await database.read(counts) == before
    assert await journal.trade(TradeId("trade-a")) == new_trade()


async def test_an_order_without_trade_is_refused(journal: Journal) -> None:
    """An order that no trade answers for would never be looked up."""
    with pytest.raises(StorageError, match="FOREIGN KEY constraint failed"):
        await journal.settle(intent(), ())


async def test_one_plan_starts_one_trade_because_the_table_says_so(
    journal: Journal, database: Database
) -> None:
    """Even a bug in the claim cannot open a confirmed pair twice."""
    await journal.draft(issued_plan())
    assert await journal.claim(claim())
    await database.write(
        lambda writer: writer.execute("UPDATE plan SET state = 'issued'")
    )
    again = claim(trade=replace(new_trade(), trade_id=TradeId("twin")))

    with pytest.raises(StorageError, match=r"UNIQUE constraint failed: trade\.plan_id"):
        await journal.claim(again)

    assert await journal.trade(TradeId("twin")) is None


async def test_a_nonce_moves_only_the_trade_of_its_plan(journal: Journal) -> None:
    """A mixed-up trade is a bug that must stop before the first order."""
    await journal.draft(issued_plan())
    foreign = claim(trade=replace(new_trade(), plan_id=PlanId("plan-x")))

    with pytest.raises(StorageError, match="does not belong to plan plan-a"):
        await journal.claim(foreign)

    assert await journal.plan(PlanId("plan-a")) == issued_plan()


async def test_a_plan_changed_on_disk_is_not_executed(
    journal: Journal, database: Database
) -> None:
    """What is ordered is what was quoted, byte for byte."""
    await journal.draft(issued_plan())
    await database.write(
        lambda writer: writer.execute(
            "UPDATE plan SET body = replace(body, '500000', '900000')"
        )
    )

    with pytest.raises(StorageError, match="was changed after the quote"):
        await journal.plan_of_nonce("hash-a")


@pytest.mark.parametrize(
    "statement", ["UPDATE event SET who = 'nobody'", "DELETE FROM event"]
)
async def test_the_audit_trail_is_append_only(
    journal: Journal, database: Database, statement: str
) -> None:
    """A trail that can be rewritten proves nothing."""
    await journal.log_event(event())

    with pytest.raises(StorageError, match="audit trail is append-only"):
        await database.write(lambda writer: writer.execute(statement))

    assert await journal.events(5) == (event(),)


async def stored(journal: Journal) -> None:
    """Store a trade with a filled order."""
    await journal.draft(issued_plan())
    assert await journal.claim(claim())
    filled = advance(intent(), IntentEvent.ALL, filled_base=Decimal(500_000))
    assert await journal.commit(replace(commit(new_trade(), "T02"), intents=(filled,)))


async def test_an_order_cannot_change_its_identity(journal: Journal) -> None:
    """One row is one order at the venue."""
    await stored(journal)
    other = replace(
        advance(intent(), IntentEvent.ALL, filled_base=Decimal(500_000)),
        client_order_id=ClientOrderId("another"),
    )

    with pytest.raises(StorageError, match="another client order id"):
        await journal.settle(other, ())


async def test_a_plan_is_stored_once(journal: Journal) -> None:
    """Two cards must never share a button."""
    await journal.draft(stored_plan())

    with pytest.raises(StorageError, match="UNIQUE constraint failed"):
        await journal.draft(replace(stored_plan("b"), nonce_hash="hash-a"))

    assert await journal.plan(PlanId("plan-b")) is None


async def test_a_malformed_row_is_an_error_not_a_guess(
    journal: Journal, database: Database
) -> None:
    """A trade that cannot be read must not look like no trade."""
    await stored(journal)
    await database.write(
        lambda writer: writer.execute("UPDATE trade SET quantity_base = 'lots'")
    )

    with pytest.raises(StorageError, match=r"stored trade\.quantity_base is malformed"):
        await journal.trades_in_progress()


async def test_only_known_states_are_stored(
    journal: Journal, database: Database
) -> None:
    """A misspelt state would never be voided nor claimed."""
    await journal.draft(replace(stored_plan(), state=PlanState.ISSUED))

    with pytest.raises(StorageError, match="CHECK constraint failed"):
        await database.write(
            lambda writer: writer.execute("UPDATE plan SET state = 'isued'")
        )
