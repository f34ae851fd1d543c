"""Cards, preferences, facts, alert memory, availability and paper books."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from core.errors import StorageError
from core.model.preferences import Choice
from core.model.screen import Screen
from core.model.units import ChatId, MessageId, UserId, VenueId
from storage.alert_memory import SqliteAlertMemory
from storage.availability_store import SqliteAvailability
from storage.card_store import SqliteCardStore
from storage.journal import Journal
from storage.outbox import SqliteOutbox
from storage.paper_ledger import SqlitePaperLedger
from storage.preference_store import SqlitePreferences
from tests.fakes.runtime import FakeClock
from tests.unit.storage.samples import CHAT, MESSAGE, NOW, OWNER, availability, event

if TYPE_CHECKING:
    from pathlib import Path

    from core.ports import (
        AlertMemory,
        AvailabilityStore,
        CardStore,
        PaperLedger,
        PreferenceStore,
    )
    from storage.database import Database

BINANCE = VenueId("binance")


def screen(card_id: str = "c1", kind: str = "top", minutes: int = 0) -> Screen:
    """Return a card that is about to be sent."""
    return Screen(
        card_id=card_id,
        kind=kind,
        chat_id=CHAT,
        user_id=OWNER,
        message_id=None,
        shown={"page": "2", "token": "币安人生"},
        created_at=NOW + timedelta(minutes=minutes),
    )


@pytest.fixture
def cards(database: Database) -> CardStore:
    """Return an empty card store."""
    return SqliteCardStore(database)


async def test_a_button_finds_what_its_card_showed(cards: CardStore) -> None:
    """A tap on an old list means the list as it was."""
    await cards.put_screen(screen())

    assert await cards.screen("c1") == screen()
    assert await cards.screen("c2") is None


async def test_a_message_shows_its_newest_card(cards: CardStore) -> None:
    """After a refresh the earlier buttons are the earlier card's."""
    for number in (1, 2):
        await cards.put_screen(screen(f"c{number}"))
        await cards.bind_screen(f"c{number}", MESSAGE)

    newest = await cards.screen_of_message(CHAT, MESSAGE)

    assert newest == replace(screen("c2"), message_id=MESSAGE)
    assert await cards.screen_of_message(ChatId(12), MESSAGE) is None
    assert await cards.screen_of_message(CHAT, MessageId(1)) is None


async def test_the_latest_card_of_a_kind_is_the_one_stored_last(
    cards: CardStore,
) -> None:
    """Its keyboard is the one to strip when a new card of the kind is sent."""
    await cards.put_screen(screen("c1", "top"))
    await cards.put_screen(screen("c2", "matrix"))
    await cards.put_screen(screen("c3", "top"))
    await cards.put_screen(screen("c1", "top", minutes=1))

    latest = await cards.latest_screen(CHAT, "top")

    assert latest == screen("c1", "top", minutes=1)
    assert await cards.latest_screen(CHAT, "positions") is None


async def test_old_cards_are_forgotten(cards: CardStore) -> None:
    """The table stays small; a tap on a forgotten card gets a fresh one."""
    for minutes in range(3):
        await cards.put_screen(screen(f"c{minutes}", minutes=minutes))

    assert await cards.forget_screens(NOW + timedelta(minutes=2)) == 2

    assert await cards.screen("c1") is None
    assert await cards.screen("c2") == screen("c2", minutes=2)


async def test_choices_come_back_with_their_audit_line(database: Database) -> None:
    """Who changed a size is part of the change; each person has his own zone."""
    store: PreferenceStore = SqlitePreferences(database)
    first = Choice("size_usd", None, "250", NOW, OWNER)
    second = replace(first, text="400", at=NOW + timedelta(minutes=1))
    zone = Choice("zone", OWNER, "Europe/Berlin", NOW, OWNER)
    other = replace(zone, user_id=UserId(8), text="Asia/Tokyo")
    assert await store.choices() == ()

    await store.save_choice(first, event("setting size_usd"))
    await store.save_choice(second, event("setting size_usd"))
    await store.save_choice(zone, event("setting zone"))
    await store.save_choice(other, event("setting zone"))
    await store.drop_choice("zone", UserId(8), event("setting zone"))

    assert await store.choices() == (second, zone)
    journal = Journal(database, SqliteOutbox(database, [CHAT]))
    assert len(await journal.events(9)) == 5
    await journal.log_event(event("paused entries"))
    changes = await store.changes(2)
    assert [each.what for each in changes] == ["setting zone", "setting zone"]


async def test_a_fact_is_replaced(database: Database) -> None:
    """Small facts hold the last word."""
    store: PreferenceStore = SqlitePreferences(database)
    assert await store.fact("bot_id") is None

    await store.save_fact("bot_id", "1")
    await store.save_fact("bot_id", "2")

    assert await store.fact("bot_id") == "2"


async def test_alert_memory_recalls_and_forgets(database: Database) -> None:
    """A spread told before a restart is not told again."""
    memory: AlertMemory = SqliteAlertMemory(database)
    await memory.remember("spread:PEPE", {"told_at": "1", "per_hour": "0.00004"})
    await memory.remember("spread:PEPE", {"told_at": "2"})
    await memory.remember("spread:币安人生", {})
    await memory.remember("gone", {"told_at": "1"})

    await memory.remember("gone", None)
    await memory.remember("never there", None)

    assert await memory.recall() == {
        "spread:PEPE": {"told_at": "2"},
        "spread:币安人生": {},
    }


async def test_the_availability_cache_is_replaced_whole(database: Database) -> None:
    """/matrix answers at once after a restart, with the last list and its troubles."""
    store: AvailabilityStore = SqliteAvailability(database)
    assert await store.load_availability() is None

    await store.save_availability(replace(availability(), rows={}))
    await store.save_availability(availability())

    assert await store.load_availability() == availability()


async def test_an_availability_of_another_shape_is_an_error(
    database: Database,
) -> None:
    """A cache that does not fit is read anew, never half-believed."""
    store: AvailabilityStore = SqliteAvailability(database)
    await store.save_availability(availability())
    await database.write(
        lambda writer: writer.execute(
            "UPDATE availability SET body = replace(body, 'lot_base', 'lot')"
        )
    )

    with pytest.raises(StorageError, match="stored availability is malformed at"):
        await store.load_availability()


async def test_paper_books_keep_venues_apart_and_survive(tmp_path: Path) -> None:
    """The paper venue's books are as durable as a real venue's."""
    path = tmp_path / "data" / "paper_venue.db"
    first = await SqlitePaperLedger.open(path, clock=FakeClock())
    assert await first.paper_state(BINANCE) == {}
    await first.save_paper(BINANCE, {"wallet": "1000", "order:1": "{}", "gone": "x"})
    await first.save_paper(VenueId("lighter"), {"wallet": "5"})
    await first.save_paper(BINANCE, {"wallet": "999.5", "gone": None, "never": None})
    await first.close()

    second = await SqlitePaperLedger.open(path, clock=FakeClock())
    try:
        assert await second.paper_state(BINANCE) == {"wallet": "999.5", "order:1": "{}"}
        assert await second.paper_state(VenueId("lighter")) == {"wallet": "5"}
    finally:
        await second.close()


async def test_a_paper_write_is_whole_or_nothing(tmp_path: Path) -> None:
    """A fill without its fee would make money out of nothing."""
    opened = await SqlitePaperLedger.open(
        tmp_path / "paper_venue.db", clock=FakeClock()
    )
    ledger: PaperLedger = opened
    try:
        await ledger.save_paper(BINANCE, {"wallet": "1000"})
        wrong: dict[str, str | None] = {"wallet": "990", "fill": b"7"}  # type: ignore[dict-item]  # a caller's bug
        with pytest.raises(StorageError, match="cannot store BLOB"):
            await ledger.save_paper(BINANCE, wrong)

        assert await ledger.paper_state(BINANCE) == {"wallet": "1000"}
    finally:
        await opened.close()
