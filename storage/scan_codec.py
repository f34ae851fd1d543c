"""One scan's rates to a short row and back; exact where ranking looks.

A row is a key, or the differences to the row before it. Rates, prices, intervals and
payment moments come back as they were; day volumes rounded down to four digits, so that
they pass a limit of up to four digits exactly as before; ages in whole seconds.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import lru_cache
from operator import add, sub
from typing import TYPE_CHECKING, Final

from core.errors import StorageError
from core.model.market import FundingSnapshot
from core.model.opportunity import SkipReason
from core.model.stablecoin import UNMEASURED, Stablecoins
from core.model.units import FundingRate
from storage.columns import from_ms, to_ms
from storage.planes import LARGEST, squeeze, unsqueeze

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from core.model.instrument import Instrument

_SECOND: Final = timedelta(seconds=1)
_VOLUME_DIGITS: Final = 4
_NONE: Final = -1
_APART: Final = 98
"""In place of an exponent: the number is too long for a column and stands in a text."""
_NOTHING: Final = 99
"""In place of an exponent: there is no number."""
_PRESENT, _RATE, _RATE_EXP, _EVERY, _PAYS, _NEXT = range(6)
_PRICE, _PRICE_EXP, _VOLUME, _VOLUME_EXP, _AGE, _REFUSED = range(6, 12)
_COLUMNS: Final = 12
_HEAD: Final = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class PackedScan:
    """One row's bytes."""

    is_key: bool
    body: bytes


Columns = list[list[int]]
"""One list per column, each with a number for every contract seen since the key.

Plain lists of whole numbers: thousands of small objects a minute would have the
interpreter tidy up at length, and everybody would wait for it.
"""
Noted = tuple[int, FundingSnapshot, SkipReason | None]
"""A contract's number, what it showed, and what kept it out if no snapshot shows it."""


class ScanPacker:
    """Turns scans into rows, one after the other."""

    def __init__(self) -> None:
        self._slots: dict[int, int] = {}
        self._last: Columns = [[] for _ in range(_COLUMNS)]
        self._reasons: list[str] = []

    def reset(self) -> None:
        """Make the next row a key: the last one is not there to build on."""
        self._slots, self._reasons = {}, []
        self._last = [[] for _ in range(_COLUMNS)]

    def pack(
        self, at: datetime, noted: Sequence[Noted], coins: Stablecoins = UNMEASURED
    ) -> PackedScan:
        """Return the next row."""
        is_key, known = not self._slots, len(self._slots)
        new = [number for number, _, _ in noted if number not in self._slots]
        self._slots.update(zip(new, range(known, known + len(new)), strict=True))
        before = [[*column, *([0] * len(new))] for column in self._last]
        now = [[0] * len(self._slots), *(column.copy() for column in before[1:])]
        texts: dict[str, str] = {}
        for number, snapshot, refused in noted:
            slot = self._slots[number]
            _write(now, slot, at, snapshot, is_new=slot >= known)
            now[_REFUSED][slot] = self._reason(refused)
            _keep_apart(texts, now, slot, snapshot)
        self._last = now
        price = coins.usdt_in_usdc
        named = {
            "new": new,
            "texts": texts,
            "reasons": self._reasons,
            "usdt": None if price is None else [str(price), coins.tokens],
        }
        head = json.dumps(named).encode()
        moved = (list(map(sub, *both)) for both in zip(now, before, strict=True))
        return PackedScan(is_key, _HEAD.pack(len(head)) + head + squeeze(moved))

    def _reason(self, refused: SkipReason | None) -> int:
        """Return the place of a reason among those named so far; 0 is none."""
        if refused is None:
            return 0
        if refused.value not in self._reasons:
            self._reasons.append(refused.value)
        return 1 + self._reasons.index(refused.value)


class ScanUnpacker:
    """Turns rows back into snapshots, in the order in which they were packed."""

    def __init__(self, contracts: Mapping[int, Instrument]) -> None:
        self._contracts = contracts
        self._numbers: list[int] = []
        self._last: Columns = []
        self._texts: dict[str, str] = {}
        self._reasons: list[SkipReason] = []
        self.stablecoins = UNMEASURED
        """As the row taken in last says."""

    def follow(self, packed: PackedScan) -> None:
        """Take in the next row.

        Raises:
            StorageError: it is damaged, or no key came before it.
        """
        if packed.is_key:
            self._numbers, self._last = [], [[] for _ in range(_COLUMNS)]
        elif not self._last:
            message = "stored scan is damaged: its key is missing"
            raise StorageError(message)
        (size,) = _HEAD.unpack_from(packed.body)
        head = json.loads(packed.body[_HEAD.size : _HEAD.size + size])
        moved = unsqueeze(packed.body[_HEAD.size + size :], _COLUMNS, "scan")
        self._texts = head["texts"]
        self._reasons = [SkipReason(each) for each in head["reasons"]]
        self.stablecoins = _coins(head["usdt"])
        new: list[int] = head["new"]
        self._numbers += new
        self._last = [
            list(map(add, [*column, *([0] * len(new))], changes))
            for column, changes in zip(self._last, moved, strict=True)
        ]
        if len(self._last[0]) != len(self._numbers):
            message = "stored scan is damaged: its contracts are not its numbers"
            raise StorageError(message)

    def noted(self, at: datetime) -> Iterator[Noted]:
        """Yield what the row taken in last says.

        Raises:
            StorageError: it names a contract that nobody knows.
        """
        for slot, number in enumerate(self._numbers):
            if not self._last[_PRESENT][slot]:
                continue
            contract = self._contracts.get(number)
            if contract is None:
                message = f"stored scan is damaged: contract {number} is not known"
                raise StorageError(message)
            refused = self._last[_REFUSED][slot]
            reason = self._reasons[refused - 1] if refused else None
            yield number, self._snapshot(at, contract, slot), reason

    def _snapshot(
        self, at: datetime, contract: Instrument, slot: int
    ) -> FundingSnapshot:
        now, due = self._last, self._last[_NEXT][slot]
        rate = self._number(slot, _RATE)
        return FundingSnapshot(
            instrument=contract,
            rate=FundingRate(
                per_interval=Decimal(0) if rate is None else rate,
                interval=_duration(now[_EVERY][slot]),
                payment_interval=_duration(now[_PAYS][slot]),
            ),
            next_funding_at=None if due == _NONE else from_ms(due),
            mark_price=self._number(slot, _PRICE),
            index_price=None,
            volume_24h_usd=self._number(slot, _VOLUME),
            observed_at=at - _duration(now[_AGE][slot]),
        )

    def _number(self, slot: int, column: int) -> Decimal | None:
        exponent = self._last[column + 1][slot]
        if exponent == _NOTHING:
            return None
        if exponent == _APART:
            return Decimal(self._texts[f"{slot}.{column}"])
        return Decimal(self._last[column][slot]).scaleb(exponent)


def _coins(told: tuple[str, int] | None) -> Stablecoins:
    return UNMEASURED if told is None else Stablecoins(Decimal(told[0]), told[1])


# --- one contract ---------------------------------------------------------------------


def _write(
    now: Columns, slot: int, at: datetime, snapshot: FundingSnapshot, *, is_new: bool
) -> None:
    """Write a contract's numbers over those of the row before."""
    due, rate = snapshot.next_funding_at, snapshot.rate
    now[_PRESENT][slot] = 1
    now[_EVERY][slot] = rate.interval // _SECOND
    now[_PAYS][slot] = rate.payment_interval // _SECOND
    now[_NEXT][slot] = _NONE if due is None else to_ms(due)
    now[_AGE][slot] = (at - snapshot.observed_at) // _SECOND
    for column, number in ((_RATE, rate.per_interval), (_PRICE, snapshot.mark_price)):
        last = None if is_new else now[column + 1][slot]
        now[column][slot], now[column + 1][slot] = _mantissa(number, last)
    volume = snapshot.volume_24h_usd
    now[_VOLUME][slot], now[_VOLUME_EXP][slot] = _rounded_down(volume)


def _mantissa(number: Decimal | None, exponent: int | None) -> tuple[int, int]:
    """Return a number as whole units of a power of ten, the last one if it fits."""
    if number is None:
        return 0, _NOTHING
    if exponent is not None and exponent < _APART:
        whole = number.scaleb(-exponent)
        if whole == whole.to_integral_value() and abs(whole) < LARGEST:
            return int(whole), exponent
    found = number.normalize().as_tuple().exponent
    if not isinstance(found, int):
        message = f"{number} is no number to store"
        raise StorageError(message)
    whole = number.scaleb(-found)
    return (int(whole), found) if abs(whole) < LARGEST else (0, _APART)


def _keep_apart(
    texts: dict[str, str], now: Columns, slot: int, snapshot: FundingSnapshot
) -> None:
    if now[_RATE_EXP][slot] == _APART:
        texts[f"{slot}.{_RATE}"] = str(snapshot.rate.per_interval)
    if now[_PRICE_EXP][slot] == _APART:
        texts[f"{slot}.{_PRICE}"] = str(snapshot.mark_price)


def _rounded_down(volume: Decimal | None) -> tuple[int, int]:
    """Return whole dollars with four significant digits at most, and their exponent."""
    if volume is None:
        return 0, _NOTHING
    whole = int(volume)
    exponent = max(len(str(whole)) - _VOLUME_DIGITS, 0)
    return int(whole // 10**exponent), exponent


@lru_cache(maxsize=256)
def _duration(seconds: int) -> timedelta:
    return timedelta(seconds=seconds)
