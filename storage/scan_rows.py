"""Recorded scans to rows of the history file and back.

A contract is written once and named by its number; so is each state of the lists.
"""

from __future__ import annotations

import asyncio
import json
import zlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from pydantic import TypeAdapter

from core.errors import StorageError
from core.model.history import RecordedScan
from core.model.instrument import AbsenceReason, Instrument, TokenRow
from core.model.units import Base, VenueId
from storage.columns import STRICT, Json, Record, to_ms
from storage.scan_codec import PackedScan, ScanPacker, ScanUnpacker

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from core.model.history import SeriesKey
    from core.model.market import FundingSnapshot
    from core.model.opportunity import SkipReason

ROWS_PER_KEY: Final = 60
"""Every so many rows one stands for itself."""
_CONTRACT: Final = Json("contract", TypeAdapter(tuple[Instrument], config=STRICT))


@dataclass(frozen=True, slots=True)
class Known:
    """What the file holds already."""

    contracts: tuple[tuple[int, str], ...]
    last_listing: int


@dataclass(frozen=True, slots=True)
class Packed:
    """One scan, ready to be written."""

    at_ms: int
    scan: PackedScan
    contracts: tuple[tuple[int, str], ...]
    """New ones."""
    listing_id: int
    listing: bytes | None
    """None if the lists are as they were."""

    def write(self, connection: sqlite3.Connection) -> None:
        """Write it, with what it refers to."""
        connection.executemany(_ADD_CONTRACT, self.contracts)
        if self.listing is not None:
            connection.execute(_ADD_LISTING, (self.listing_id, self.listing))
        values = (self.at_ms, self.scan.is_key, self.listing_id, self.scan.body)
        connection.execute(_ADD_SCAN, values)


class ScanWriter:
    """Packs scans in order; all of it works in a thread."""

    def __init__(self) -> None:
        self._packer = ScanPacker()
        self._numbers: dict[Instrument, int] = {}
        self._last_number: int | None = None
        self._by_object: dict[int, tuple[Instrument, int]] = {}
        self._rows: tuple[TokenRow, ...] | None = None
        self._listing_id = 0
        self._since_key = 0

    @property
    def is_ready(self) -> bool:
        """Tell whether it knows what the file holds."""
        return self._last_number is not None

    @staticmethod
    def read_known(connection: sqlite3.Connection) -> Known:
        """Return what the file holds already."""
        records = (Record("contract", row) for row in connection.execute(_CONTRACTS))
        contracts = tuple((each.whole("id"), each.text("body")) for each in records)
        last = connection.execute("SELECT MAX(id) AS id FROM listing").fetchone()
        return Known(contracts, Record("listing", last).maybe_whole("id") or 0)

    def begin(self, known: Known) -> None:
        """Go on from what the file holds."""
        self._numbers = {
            _CONTRACT.load(body)[0]: number for number, body in known.contracts
        }
        self._last_number = max((number for number, _ in known.contracts), default=0)
        self._listing_id = known.last_listing

    def start_anew(self) -> None:
        """Trust nothing that was packed: the last row may not be in the file."""
        self._packer.reset()
        self._numbers, self._last_number = {}, None
        self._rows, self._by_object = None, {}
        self._since_key = 0

    def pack(self, scan: RecordedScan) -> Packed:
        """Return the next row."""
        if self._since_key >= ROWS_PER_KEY:
            self._packer.reset()
            self._since_key = 0
        if len(self._by_object) > 2 * len(self._numbers):
            self._by_object = {}
        new: dict[int, str] = {}
        noted = [
            (
                self._number(each.instrument, new),
                each,
                scan.refused.get(_key(each.instrument)),
            )
            for found in scan.snapshots.values()
            for each in found
        ]
        listing = None
        if scan.rows != self._rows:
            listing = self._listing(scan.rows, new)
            self._rows = scan.rows
            self._listing_id += 1
        packed = self._packer.pack(scan.at, noted, scan.stablecoins)
        return Packed(
            to_ms(scan.at), packed, tuple(new.items()), self._listing_id, listing
        )

    def written(self, packed: Packed) -> None:
        """Note that a row is in the file."""
        self._since_key = 1 if packed.scan.is_key else self._since_key + 1

    def _number(self, contract: Instrument, new: dict[int, str]) -> int:
        # the same objects come with every scan until the lists are read anew
        found = self._by_object.get(id(contract))
        if found is not None:
            return found[1]
        number = self._numbers.get(contract)
        if number is None:
            number = (self._last_number or 0) + 1
            self._numbers[contract] = self._last_number = number
            new[number] = _CONTRACT.dump((contract,))
        self._by_object[id(contract)] = (contract, number)
        return number

    def _listing(self, rows: Iterable[TokenRow], new: dict[int, str]) -> bytes:
        listed = [
            [
                row.base,
                [self._number(each, new) for each in row.instruments.values()],
                {venue: reason.value for venue, reason in row.absences.items()},
            ]
            for row in rows
        ]
        return zlib.compress(json.dumps(listed).encode())


@dataclass(slots=True)
class _Place:
    """Where reading stands."""

    last_id: int
    at_ms: int | None
    unpacker: ScanUnpacker


class ScanReader:
    """Reads scans back; whoever reads on pays for no row twice.

    Args:
        read: runs work on the file's reading connection.
    """

    def __init__(
        self,
        read: Callable[
            [Callable[[sqlite3.Connection], _Page]],
            Awaitable[_Page],
        ],
    ) -> None:
        self._read = read
        self._contracts: dict[int, Instrument] = {}
        self._listings: dict[int, tuple[TokenRow, ...]] = {}
        self._place: _Place | None = None
        self._turn = asyncio.Lock()

    async def scans(
        self, after: datetime | None, limit: int, every: timedelta | None = None
    ) -> tuple[RecordedScan, ...]:
        """Return the scans after a moment, oldest first; None begins with the oldest.

        With `every`, only those that are so far from the one before.

        Raises:
            StorageError: the record cannot be read.
        """
        after_ms = None if after is None else to_ms(after)
        apart_ms = 1 if every is None else max(1, every // timedelta(milliseconds=1))
        async with self._turn:
            place, self._place = self._place, None
            if place is None or place.at_ms != after_ms:
                place = _Place(0, after_ms, ScanUnpacker(self._contracts))
            found: list[RecordedScan] = []
            while len(found) < limit:
                page = await self._read(self._page_after(place, limit - len(found)))
                last = to_ms(found[-1].at) if found else after_ms
                found += await asyncio.to_thread(
                    self._unpack, page, place, last, apart_ms
                )
                if not page.rows:
                    break
            place.at_ms = to_ms(found[-1].at) if found else after_ms
            self._place = place
            return tuple(found)

    async def landmarks(self, after: datetime, limit: int) -> tuple[RecordedScan, ...]:
        """Return the scans after a moment that are stored whole, oldest first.

        Raises:
            StorageError: the record cannot be read.
        """
        async with self._turn:
            page = await self._read(self._keys_after(to_ms(after), limit))
            place = _Place(0, None, ScanUnpacker(self._contracts))
            found = await asyncio.to_thread(self._unpack, page, place, None, 1)
            return tuple(found)

    def _keys_after(
        self, after_ms: int, limit: int
    ) -> Callable[[sqlite3.Connection], _Page]:
        known, listings = len(self._contracts), frozenset(self._listings)

        def work(connection: sqlite3.Connection) -> _Page:
            rows = connection.execute(_KEYS, (after_ms, limit))
            return _page(connection, rows, known, listings)

        return work

    def _page_after(
        self, place: _Place, limit: int
    ) -> Callable[[sqlite3.Connection], _Page]:
        known, listings = len(self._contracts), frozenset(self._listings)

        def work(connection: sqlite3.Connection) -> _Page:
            last_id = place.last_id
            if last_id == 0:
                first = connection.execute(_FIRST_KEY, (place.at_ms, place.at_ms))
                last_id = int(first.fetchone()[0] or 1) - 1
            rows = connection.execute(_SCANS, (last_id, limit))
            return _page(connection, rows, known, listings)

        return work

    def _unpack(
        self, page: _Page, place: _Place, last_ms: int | None, apart_ms: int
    ) -> list[RecordedScan]:
        for each in page.contracts:
            contract = _CONTRACT.load(each.text("body"))[0]
            self._contracts[each.whole("id")] = contract
        for each in page.listings:
            rows = _rows(each.bulk("body"), self._contracts)
            self._listings[each.whole("id")] = rows
        found = []
        for row in page.rows:
            packed = PackedScan(row.flag("is_key"), row.bulk("body"))
            place.unpacker.follow(packed)
            place.last_id = row.whole("id")
            if last_ms is None or row.whole("at_ms") >= last_ms + apart_ms:
                found.append(self._scan(row, place.unpacker))
                last_ms = row.whole("at_ms")
        return found

    def _scan(self, row: Record, unpacker: ScanUnpacker) -> RecordedScan:
        at, by_base = row.moment("at_ms"), dict[Base, list["FundingSnapshot"]]()
        refused: dict[SeriesKey, SkipReason] = {}
        for _, snapshot, reason in unpacker.noted(at):
            by_base.setdefault(snapshot.instrument.base, []).append(snapshot)
            if reason is not None:
                refused[_key(snapshot.instrument)] = reason
        listing = self._listings.get(row.whole("listing_id"))
        if listing is None:
            message = "stored scan is damaged: its listing is missing"
            raise StorageError(message)
        snapshots = {base: tuple(each) for base, each in by_base.items()}
        return RecordedScan(at, listing, snapshots, refused, unpacker.stablecoins)


@dataclass(frozen=True, slots=True)
class _Page:
    """Rows of the file, not looked into yet."""

    rows: Sequence[Record]
    contracts: Sequence[Record]
    listings: Sequence[Record]


def _page(
    connection: sqlite3.Connection,
    rows: Iterable[sqlite3.Row],
    known: int,
    listings: frozenset[int],
) -> _Page:
    """Return rows with the contracts and listings that are not known yet."""
    scans = tuple(Record("scan", row) for row in rows)
    wanted = {each.whole("listing_id") for each in scans} - listings
    return _Page(
        rows=scans,
        contracts=tuple(
            Record("contract", row)
            for row in connection.execute(f"{_CONTRACTS} WHERE id > ?", (known,))
        ),
        listings=tuple(
            Record("listing", row)
            for number in wanted
            for row in connection.execute(_LISTING, (number,))
        ),
    )


def _rows(body: bytes, contracts: Mapping[int, Instrument]) -> tuple[TokenRow, ...]:
    try:
        listed = json.loads(zlib.decompress(body))
        return tuple(
            TokenRow(
                base=Base(base),
                instruments={contracts[n].venue_id: contracts[n] for n in numbers},
                absences={
                    VenueId(venue): AbsenceReason(why) for venue, why in absent.items()
                },
            )
            for base, numbers, absent in listed
        )
    except (zlib.error, ValueError, KeyError) as error:
        message = f"stored listing is damaged: {error}"
        raise StorageError(message) from error


def _key(contract: Instrument) -> SeriesKey:
    return contract.venue_id, contract.symbol


_ADD_CONTRACT = "INSERT INTO contract (id, body) VALUES (?, ?)"
_ADD_LISTING = "INSERT INTO listing (id, body) VALUES (?, ?)"
_ADD_SCAN = """
INSERT INTO scan (at_ms, is_key, listing_id, body) VALUES (?, ?, ?, ?)
"""
_CONTRACTS = "SELECT id, body FROM contract"
_LISTING = "SELECT id, body FROM listing WHERE id = ?"
# the last key not after the moment, or the first of all
_FIRST_KEY = """
SELECT COALESCE(
    (SELECT MAX(id) FROM scan WHERE is_key = 1 AND at_ms <= ? AND ? IS NOT NULL),
    (SELECT MIN(id) FROM scan WHERE is_key = 1)
)
"""
_KEYS = """
SELECT id, at_ms, is_key, listing_id, body FROM scan
WHERE is_key = 1 AND at_ms > ? ORDER BY id LIMIT ?
"""
_SCANS = """
SELECT id, at_ms, is_key, listing_id, body FROM scan WHERE id > ? ORDER BY id LIMIT ?
"""
