"""How numbers of the market move, and what a person changed about them and when."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

NUMBERS_KEPT: Final = 20_000

T = TypeVar("T")


@dataclass(slots=True)
class Timeline(Generic[T]):
    """A value that was changed by hand, and since when."""

    changes: list[tuple[int, T | None]] = field(default_factory=list)

    def at(self, moment_ms: int) -> T | None:
        """Return the value in force, None where the market decides itself."""
        for since_ms, value in reversed(self.changes):
            if since_ms <= moment_ms:
                return value
        return None

    def set(self, since_ms: int, value: T | None) -> None:
        """Put a value in force from a moment on; None gives it back to the market."""
        self.changes.append((since_ms, value))


class Kept(dict[tuple[object, ...], T]):
    """Numbers computed before; emptied when there are too many."""

    def keep(self, key: tuple[object, ...], value: T) -> T:
        """Remember a value and return it."""
        if len(self) >= NUMBERS_KEPT:
            self.clear()
        self[key] = value
        return value


class Waves:
    """Slow, smooth, repeatable movement of one market."""

    def __init__(self, seed: str) -> None:
        chance = random.Random(seed)
        self.phases = [chance.uniform(0, math.tau) for _ in range(8)]
        self.bias = chance.uniform(-1, 1)

    def at(self, hours: float, period_h: float, which: int) -> float:
        """Return a value from -1 to 1; `which` picks one of eight phases."""
        return math.sin(math.tau * hours / period_h + self.phases[which])
