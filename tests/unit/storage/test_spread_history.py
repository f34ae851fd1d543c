"""The file of past scans: its lock, its keys, what is forgotten, what is damaged."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from core.errors import StorageError
from core.model.history import HourOfRates
from storage.planes import squeeze, unsqueeze
from storage.scan_codec import ScanPacker, ScanUnpacker
from storage.scan_rows import ROWS_PER_KEY
from storage.spread_history import SqliteSpreadHistory
from tests.fakes.history import later, two_venues
from tests.fakes.objects import BINANCE, instrument, snapshot
from tests.fakes.runtime import START

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

HOUR = timedelta(hours=1)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteSpreadHistory]:
    """Give an empty file."""
    opened = await SqliteSpreadHistory.open(tmp_path / "history.db")
    try:
        yield opened
    finally:
        await opened.close()


async def test_a_restart_goes_on_where_the_last_process_ended(tmp_path: Path) -> None:
    """Weeks of scans are worth nothing if an update of the bot begins anew."""
    path, kept = tmp_path / "history.db", []
    for run in range(3):
        store = await SqliteSpreadHistory.open(path)
        kept.append(later(two_venues(), run))
        await store.record(kept[-1])
        await store.close()

    store = await SqliteSpreadHistory.open(path)
    try:
        assert await store.scans(None, 10) == tuple(kept)
    finally:
        await store.close()


async def test_a_second_process_may_read_but_not_write(
    store: SqliteSpreadHistory, tmp_path: Path
) -> None:
    """`carrybot backtest` reads while the bot runs."""
    path = tmp_path / "history.db"
    await store.record(two_venues())
    with pytest.raises(StorageError, match="Another carrybot"):
        await SqliteSpreadHistory.open(path)

    other = await SqliteSpreadHistory.open_to_read(path)
    try:
        assert await other.scans(None, 10) == (two_venues(),)
        with pytest.raises(StorageError, match="only read"):
            await other.record(two_venues())
    finally:
        await other.close()


async def test_a_reader_sees_what_is_written_after_it_opened(
    store: SqliteSpreadHistory, tmp_path: Path
) -> None:
    """Contracts and lists that are new since are read along."""
    await store.record(two_venues())
    other = await SqliteSpreadHistory.open_to_read(tmp_path / "history.db")
    try:
        (first,) = await other.scans(None, 10)
        await store.record(later(two_venues(price="7"), 1))
        assert await other.scans(first.at, 10) == (later(two_venues(price="7"), 1),)
    finally:
        await other.close()


async def test_without_a_file_there_is_nothing_to_read(tmp_path: Path) -> None:
    """The sentence says what to do."""
    with pytest.raises(StorageError, match="once the bot has scanned"):
        await SqliteSpreadHistory.open_to_read(tmp_path / "history.db")


async def test_another_kind_of_file_is_left_alone(tmp_path: Path) -> None:
    """Somebody's own database of that name must not be written into."""
    path = tmp_path / "history.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE mine (x)")
    connection.close()

    with pytest.raises(StorageError, match="not carrybot's history"):
        await SqliteSpreadHistory.open(path)


async def test_a_damaged_file_is_set_aside_and_a_new_one_begun(tmp_path: Path) -> None:
    """Statistics begin anew; what was there stays for whoever wants to look."""
    path = tmp_path / "history.db"
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(StorageError, match="not a database"):
        await SqliteSpreadHistory.open(path)

    store = await SqliteSpreadHistory.open(path, at=START)
    try:
        await store.record(two_venues())
        assert await store.scans(None, 10) == (two_venues(),)
    finally:
        await store.close()
    assert store.lost == tmp_path / "history.db.damaged-20261122-215213"
    assert store.lost.read_bytes().startswith(b"no database")


async def test_what_is_old_is_forgotten_and_the_rest_stays_readable(
    store: SqliteSpreadHistory,
) -> None:
    """Rows hang on the key before them: a key goes only with all of its rows."""
    kept = [later(two_venues(f"0.0000{n % 7}"), n) for n in range(2 * ROWS_PER_KEY + 5)]
    for each in kept:
        await store.record(each)
    middle = kept[ROWS_PER_KEY + 10].at

    while await store.forget(middle, middle):
        pass

    assert await store.scans(None, 1000) == tuple(kept[ROWS_PER_KEY:])


async def test_old_hours_are_forgotten_by_their_own_limit(
    store: SqliteSpreadHistory,
) -> None:
    """Hourly means are cheap and stay much longer than scans."""
    first = START.replace(minute=0, second=0)
    key = (BINANCE, "APT/USDT:USDT")
    for number in range(4):
        await store.save_hour(HourOfRates(first + number * HOUR, 1, {key: number}))

    await store.forget(first + 9 * HOUR, first + 2 * HOUR)

    left = await store.hours(first, first + 9 * HOUR)
    assert [each.trillionths[key] for each in left] == [2, 3]


async def test_a_failed_write_leaves_a_gap_and_nothing_worse(
    store: SqliteSpreadHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next row must not be a difference to one that is not in the file."""
    await store.record(two_venues("0.00001"))
    with monkeypatch.context() as broken:
        broken.setattr("storage.scan_rows._ADD_SCAN", "INSERT INTO nowhere VALUES (1)")
        with pytest.raises(StorageError, match="nowhere"):
            await store.record(later(two_venues("0.00002"), 1))

    await store.record(later(two_venues("0.00003"), 2))

    first, last = await store.scans(None, 10)
    assert first == two_venues("0.00001")
    assert last == later(two_venues("0.00003"), 2)


async def test_damaged_bytes_are_named(
    store: SqliteSpreadHistory, tmp_path: Path
) -> None:
    """A replay must stop with a sentence, not go on with nonsense."""
    await store.record(two_venues())
    with sqlite3.connect(tmp_path / "history.db") as connection:
        connection.execute("UPDATE scan SET body = substr(body, 1, length(body) - 9)")
    connection.close()

    with pytest.raises(StorageError, match="stored scan is damaged"):
        await store.scans(None, 10)


@pytest.mark.parametrize(
    "damage",
    ["DELETE FROM listing", "UPDATE listing SET body = x'00'"],
    ids=["gone", "spoilt"],
)
async def test_a_listing_that_cannot_be_read_is_named(
    store: SqliteSpreadHistory, tmp_path: Path, damage: str
) -> None:
    """Without it nobody knows which token traded where."""
    await store.record(two_venues())
    with sqlite3.connect(tmp_path / "history.db") as connection:
        connection.execute(damage)
    connection.close()

    with pytest.raises(StorageError, match="listing"):
        await store.scans(None, 10)


async def test_bytes_that_are_not_packed_are_named(
    store: SqliteSpreadHistory, tmp_path: Path
) -> None:
    """An hour of another make must not become rates."""
    key = (BINANCE, "APT/USDT:USDT")
    hour = START.replace(minute=0, second=0)
    await store.save_hour(HourOfRates(hour, 1, {key: 1}))
    with sqlite3.connect(tmp_path / "history.db") as connection:
        connection.execute("UPDATE hour SET body = x'0102'")
    connection.close()

    with pytest.raises(StorageError, match="stored hour is damaged"):
        await store.hours(hour, hour + HOUR)


def test_day_volumes_keep_four_digits_rounded_down() -> None:
    """49,999 stays below a limit of 50,000 and 50,049 above it."""
    packer = ScanPacker()
    volumes = ["49999", "50049", "123456789", "7.9", "0"]
    noted = [
        (number, snapshot("APT", BINANCE, volume=volume), None)
        for number, volume in enumerate(volumes)
    ]
    unpacker = ScanUnpacker(dict.fromkeys(range(5), instrument("APT", BINANCE)))

    unpacker.follow(packer.pack(START, noted))

    found = [each.volume_24h_usd for _, each, _ in unpacker.noted(START)]
    assert found == [Decimal(n) for n in (49990, 50040, 123400000, 7, 0)]


def test_a_row_without_its_key_is_refused() -> None:
    """Differences alone are no rates."""
    packer = ScanPacker()
    noted = [(1, snapshot("APT", BINANCE), None)]
    packer.pack(START, noted)
    row = packer.pack(START, noted)

    with pytest.raises(StorageError, match="key is missing"):
        ScanUnpacker({}).follow(row)
    assert not row.is_key


def test_a_contract_that_nobody_knows_is_named() -> None:
    """A row is of no use without the contract it speaks of."""
    unpacker = ScanUnpacker({})
    unpacker.follow(ScanPacker().pack(START, [(7, snapshot("APT", BINANCE), None)]))

    with pytest.raises(StorageError, match="contract 7 is not known"):
        list(unpacker.noted(START))


def test_a_thousand_unchanged_contracts_take_a_few_bytes() -> None:
    """What did not move since the last scan must cost nearly nothing."""
    packer = ScanPacker()
    noted = [(number, snapshot("APT", BINANCE), None) for number in range(1000)]
    packer.pack(START, noted)

    again = packer.pack(START, noted)

    assert len(again.body) < 250


@pytest.mark.parametrize(
    "numbers",
    [[], [0], [-1, 1, 2**61, -(2**61)], list(range(-300, 300))],
)
def test_columns_of_whole_numbers_come_back(numbers: list[int]) -> None:
    """Large and negative ones included."""
    assert unsqueeze(squeeze([numbers, numbers]), 2, "test") == [numbers, numbers]


def test_bytes_of_another_count_of_columns_are_refused() -> None:
    """Half a column is damage."""
    with pytest.raises(StorageError, match="stored test is damaged"):
        unsqueeze(squeeze([[1, 2], [3, 4]]), 3, "test")
