"""A disk in trouble under the whole bot: what people hear, what still works."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from core.errors import StorageError
from tests.journeys.house import ANNA, BEN, find, open_house

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from storage.database import Database
    from tests.journeys.house import House

pytestmark = pytest.mark.journey


def database_of(house: House) -> Database:
    """Return the running bot's database."""
    found: Database = house.engine._parts.plans._database  # type: ignore[attr-defined]  # the real journal
    return found


async def seize(house: House, *, is_on: bool) -> None:
    """Let the disk take no writes, or take them again (S05)."""

    def work(connection: sqlite3.Connection) -> None:
        connection.execute(f"PRAGMA query_only = {is_on:d}")

    writer = database_of(house)._writer
    await writer._execute(lambda: work(writer._conn))  # type: ignore[no-untyped-call]


async def test_owners_hear_directly_what_is_open_when_nothing_can_be_written(
    house: House,
) -> None:
    """The message names each leg with its exact size, and nothing is ordered."""
    await house.say("/start", BEN)
    await house.enter("HYPE")
    await seize(house, is_on=True)
    with suppress(StorageError):
        await house.engine.pause(ANNA)  # type: ignore[arg-type]  # whoever it was
    for _ in range(4):
        await house.pass_time(timedelta(seconds=5))
        await house.quiet()
    dead = "🆘 I cannot write to disk, so I send no orders."
    await house.wake_until(lambda: all(find(house, dead, who) for who in (ANNA, BEN)))

    (trade,) = await house.engine._parts.trades.trades_in_progress()
    for user in (ANNA, BEN):
        text = find(house, dead, user)[-1].text
        assert text.startswith(dead)
        for leg in trade.legs:
            assert f"{leg.side.value} {leg.held_base.normalize():f} HYPE on" in text
        assert "(hedged)" in text
    assert find(house, "attempt to write a readonly database")

    await seize(house, is_on=False)
    again = "Disk: writing works again"
    await house.wake_until(lambda: find(house, again))


async def test_a_damaged_record_halts_the_next_start_until_somebody_looked(
    tmp_path: Path,
) -> None:
    """S04: without its record the bot knows no pair; entering more would be blind."""
    async with open_house(tmp_path) as house:
        path = house.settings.data_dir / "paper.db"
        await house.stop()
        path.write_bytes(b"garbage, and enough of it to be sure" * 100)
        with pytest.raises(StorageError, match="carrybot restore FILE"):
            await house.start()
        house._open = house._bot = None
        await house.start()

        health = (await house.say("/health")).text
        assert "HALTED" in health
        assert "the trading record was damaged and set aside" in health
        said = [card.text for card in house.cards()]
        assert any("I know none of the pairs in it" in text for text in said)
        await house.say("/resume")
        assert "HALTED" not in (await house.say("/health")).text
