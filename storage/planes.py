"""Lists of whole numbers to short bytes and back, for bulk columns.

Numbers beside each other are alike: their bytes of equal weight are put together, and
what is mostly zeros then packs well.
"""

from __future__ import annotations

import sys
import zlib
from array import array
from typing import TYPE_CHECKING, Final

from core.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_BYTES: Final = 8
_LEVEL: Final = 6
LARGEST: Final = 2**62
"""Numbers and their differences stay below it."""


def squeeze(columns: Iterable[Sequence[int]]) -> bytes:
    """Return columns of equal length as one packed text of bytes."""
    return zlib.compress(b"".join(_planes(each) for each in columns), _LEVEL)


def unsqueeze(body: bytes, count: int, title: str) -> list[list[int]]:
    """Return so many columns.

    Raises:
        StorageError: the bytes are damaged; `title` says whose they are.
    """
    try:
        raw = zlib.decompress(body)
    except zlib.error as error:
        message = f"stored {title} is damaged: {error}"
        raise StorageError(message) from error
    size, rest = divmod(len(raw), count)
    if rest or size % _BYTES:
        message = f"stored {title} is damaged: {len(raw)} bytes in {count} columns"
        raise StorageError(message)
    parts = (raw[place * size : (place + 1) * size] for place in range(count))
    return [_numbers(each) for each in parts]


def _planes(numbers: Sequence[int]) -> bytes:
    # small negative numbers become small odd ones, so that high bytes stay zero
    folded = array("Q", [(n << 1) ^ (n >> 63) for n in numbers])
    if sys.byteorder == "big":
        folded.byteswap()
    raw = folded.tobytes()
    return b"".join(raw[plane::_BYTES] for plane in range(_BYTES))


def _numbers(planes: bytes) -> list[int]:
    count = len(planes) // _BYTES
    raw = bytearray(len(planes))
    for plane in range(_BYTES):
        raw[plane::_BYTES] = planes[plane * count : (plane + 1) * count]
    folded = array("Q", bytes(raw))
    if sys.byteorder == "big":
        folded.byteswap()
    return [(n >> 1) ^ -(n & 1) for n in folded]
