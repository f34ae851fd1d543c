"""What an earlier version stored is still read; `yesterday.json` is never rewritten.

A new field with a default needs nothing. A renamed or removed one fails here, and needs
a migration that rewrites the stored texts.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from core.model.units import TradeId
from storage import availability_store, chat_rows, rows, schema
from storage.database import Database
from storage.journal import Journal
from storage.outbox import SqliteOutbox
from storage.preference_store import SqlitePreferences
from storage.schema import JOURNAL
from tests.fakes.runtime import FakeClock
from tests.unit.storage.samples import (
    BOUNDS,
    CHAT,
    NOW,
    availability,
    close_plan,
    full_alert,
    full_trade,
    issued_plan,
    new_trade,
    open_plan,
)

if TYPE_CHECKING:
    from storage.columns import Json

TEXTS = json.loads(Path(__file__).with_name("yesterday.json").read_text("utf-8"))
KNOWN: dict[str, tuple[Json[Any], object]] = {
    "open plan": (rows._OPEN_PLAN, (open_plan(),)),
    "close plan": (rows._CLOSE_PLAN, (close_plan(TradeId("t")),)),
    "legs": (rows._LEGS, full_trade().legs),
    "bounds": (rows._BOUNDS, (BOUNDS,)),
    "alert": (chat_rows._ALERT, (full_alert(),)),
    "availability": (availability_store._AVAILABILITY, (availability(),)),
}


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_what_was_stored_yesterday_is_read_today(name: str) -> None:
    """An update must not lose an open trade because a class was tidied up."""
    column, meant = KNOWN[name]

    assert column.load(json.dumps(TEXTS[name])) == meant


def _before_additions(path: Path) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    schema.migrate(connection, JOURNAL, JOURNAL.migrations()[:5])
    plan, trade = rows.plan_values(issued_plan()), rows.trade_values(new_trade())
    for table, values in (("plan", plan), ("trade", trade)):
        known = connection.execute(f"SELECT * FROM {table}").description  # noqa: S608 - our names
        marks = ", ".join(f":{column[0]}" for column in known)
        connection.execute(f"INSERT INTO {table} VALUES ({marks})", values)  # noqa: S608 - our names
    connection.close()


async def test_a_pair_stored_before_additions_is_one_that_does_not_grow(
    tmp_path: Path,
) -> None:
    """The column is younger than open pairs: an update must not lose or grow them."""
    path = tmp_path / "paper.db"
    await asyncio.to_thread(_before_additions, path)

    database = await Database.open(path, clock=FakeClock(NOW))
    try:
        journal = Journal(database, SqliteOutbox(database, [CHAT]))
        found = await journal.trade(new_trade().trade_id)
    finally:
        await database.close()

    assert found == new_trade()
    assert found is not None
    assert found.adding is None


def _first_layout(path: Path) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    schema.migrate(connection, JOURNAL, JOURNAL.migrations()[:1])
    body = json.dumps(TEXTS["preferences"])
    connection.execute("INSERT INTO preference (id, body) VALUES (1, ?)", (body,))
    connection.close()


async def test_what_chat_chose_yesterday_still_holds(tmp_path: Path) -> None:
    """A first version kept all choices in one text: an update must not undo them."""
    path = tmp_path / "paper.db"
    await asyncio.to_thread(_first_layout, path)

    database = await Database.open(path, clock=FakeClock(NOW))
    try:
        chosen = await SqlitePreferences(database).choices()
    finally:
        await database.close()

    assert {each.key: each.text for each in chosen} == {
        "alert_spread_per_hour": "0.00010",
        "deliver_opportunity": "silent",
        "mute:PEPE": "",
        "mute:币安人生": "2026-11-22T21:52:13.450000Z",
        "size_usd": "250.00",
    }
    assert {each.user_id for each in chosen} == {None}
