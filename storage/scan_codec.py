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


Slot = list[int]
"""One contract's numbers, in the order of the columns."""
Noted = tuple[int, FundingSnapshot, SkipReason | None]
"""A contract's number, what it showed, and what kept it out if no snapshot shows it."""


class ScanPacker:
    """Turns scans into rows, one after the other."""

    def __init__(self) -> None:
        self._slots: dict[int, int] = {}
        self._last: list[Slot] = []
        self._reasons: list[str] = []

    def reset(self) -> None:
        """Make the next row a key: the last one is not there to build on."""
        self._slots, self._last, self._reasons = {}, [], []

    def pack(
        self, at: datetime, noted: Sequence[Noted], coins: Stablecoins = UNMEASURED
    ) -> PackedScan:
        """Return the next row."""
        is_key, known = not self._slots, len(self._last)
        new = [number for number, _, _ in noted if number not in self._slots]
        self._slots.update(zip(new, range(known, known + len(new)), strict=True))
        before = self._last + [[0] * _COLUMNS for _ in new]
        now = [[0, *slot[1:]] for slot in before]
        texts: dict[str, str] = {}
        for number, snapshot, refused in noted:
            slot = self._slots[number]
            now[slot] = _slot(at, snapshot, before[slot], is_new=slot >= known)
            now[slot][_REFUSED] = self._reason(refused)
            _keep_apart(texts, slot, now[slot], snapshot)
        moved = [
            [new - old for new, old in zip(*both, strict=True)]
            for both in zip(now, before, strict=True)
        ]
        self._last = now
        price = coins.usdt_in_usdc
        named = {
            "new": new,
            "texts": texts,
            "reasons": self._reasons,
            "usdt": None if price is None else [str(price), coins.tokens],
        }
        head = json.dumps(named).encode()
        body = squeeze(zip(*moved, strict=True)) if moved else b""
        return PackedScan(is_key, _HEAD.pack(len(head)) + head + body)

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
        self._last: list[Slot] = []
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
            self._numbers, self._last = [], []
        elif not self._numbers:
            message = "stored scan is damaged: its key is missing"
            raise StorageError(message)
        (size,) = _HEAD.unpack_from(packed.body)
        head = json.loads(packed.body[_HEAD.size : _HEAD.size + size])
        body = packed.body[_HEAD.size + size :]
        self._texts = head["texts"]
        self._reasons = [SkipReason(each) for each in head["reasons"]]
        self.stablecoins = _coins(head["usdt"])
        self._numbers += head["new"]
        before = self._last + [[0] * _COLUMNS for _ in head["new"]]
        if not before:
            return
        moved = zip(*unsqueeze(body, _COLUMNS, "scan"), strict=True)
        self._last = [
            [old + change for old, change in zip(*both, strict=True)]
            for both in zip(before, moved, strict=True)
        ]

    def noted(self, at: datetime) -> Iterator[Noted]:
        """Yield what the row taken in last says.

        Raises:
            StorageError: it names a contract that nobody knows.
        """
        for slot, (number, row) in enumerate(
            zip(self._numbers, self._last, strict=True)
        ):
            if not row[_PRESENT]:
                continue
            contract = self._contracts.get(number)
            if contract is None:
                message = f"stored scan is damaged: contract {number} is not known"
                raise StorageError(message)
            refused = row[_REFUSED]
            reason = self._reasons[refused - 1] if refused else None
            yield number, self._snapshot(at, contract, slot, row), reason

    def _snapshot(
        self, at: datetime, contract: Instrument, slot: int, row: Slot
    ) -> FundingSnapshot:
        due = row[_NEXT]
        rate = self._number(slot, row, _RATE)
        return FundingSnapshot(
            instrument=contract,
            rate=FundingRate(
                per_interval=Decimal(0) if rate is None else rate,
                interval=_duration(row[_EVERY]),
                payment_interval=_duration(row[_PAYS]),
            ),
            next_funding_at=None if due == _NONE else from_ms(due),
            mark_price=self._number(slot, row, _PRICE),
            index_price=None,
            volume_24h_usd=self._number(slot, row, _VOLUME),
            observed_at=at - _duration(row[_AGE]),
        )

    def _number(self, slot: int, row: Slot, column: int) -> Decimal | None:
        exponent = row[column + 1]
        if exponent == _NOTHING:
            return None
        if exponent == _APART:
            return Decimal(self._texts[f"{slot}.{column}"])
        return Decimal(row[column]).scaleb(exponent)


def _coins(told: tuple[str, int] | None) -> Stablecoins:
    return UNMEASURED if told is None else Stablecoins(Decimal(told[0]), told[1])


# --- one contract ---------------------------------------------------------------------


def _slot(
    at: datetime,
    snapshot: FundingSnapshot,
    before: Slot,
    *,
    is_new: bool,
) -> Slot:
    due, volume = snapshot.next_funding_at, snapshot.volume_24h_usd
    rate, price = snapshot.rate, snapshot.mark_price
    exponents = (None, None) if is_new else (before[_RATE_EXP], before[_PRICE_EXP])
    return [
        1,
        *_mantissa(rate.per_interval, exponents[0]),
        rate.interval // _SECOND,
        rate.payment_interval // _SECOND,
        _NONE if due is None else to_ms(due),
        *((0, _NOTHING) if price is None else _mantissa(price, exponents[1])),
        *((0, _NOTHING) if volume is None else _rounded_down(volume)),
        (at - snapshot.observed_at) // _SECOND,
        0,
    ]


def _mantissa(number: Decimal, exponent: int | None) -> tuple[int, int]:
    """Return a number as whole units of a power of ten, the last one if it fits."""
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
    texts: dict[str, str], slot: int, row: Slot, snapshot: FundingSnapshot
) -> None:
    if row[_RATE_EXP] == _APART:
        texts[f"{slot}.{_RATE}"] = str(snapshot.rate.per_interval)
    if row[_PRICE_EXP] == _APART:
        texts[f"{slot}.{_PRICE}"] = str(snapshot.mark_price)


def _rounded_down(volume: Decimal) -> tuple[int, int]:
    """Return whole dollars with four significant digits at most, and their exponent."""
    whole = int(volume)
    exponent = max(len(str(whole)) - _VOLUME_DIGITS, 0)
    return int(whole // 10**exponent), exponent


@lru_cache(maxsize=256)
def _duration(seconds: int) -> timedelta:
    return timedelta(seconds=seconds)
