"""Keep what was read, until something of its kind is written.

A pair of a month has two thousand payments and is looked at every half minute: they are
parsed once an hour, when a new one came, instead of every time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

K = TypeVar("K")
V = TypeVar("V")


class Shelf(Generic[K, V]):
    """Values by key, all of them void after a write."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: dict[K, V] = {}
        self._writes = 0

    async def get(self, key: K, read: Callable[[], Awaitable[V]]) -> V:
        """Return what is kept, else read it; what was written meanwhile is not kept."""
        if key in self._kept:
            return self._kept[key]
        before = self._writes
        value = await read()
        if before == self._writes:
            while len(self._kept) >= self._most:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = value
        return value

    def forget(self) -> None:
        """Void everything: something was written."""
        self._writes += 1
        self._kept.clear()
