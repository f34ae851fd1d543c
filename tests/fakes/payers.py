"""Venues whose rates drift, flip, crash and change intervals, and pay what is true.

What they show can be spoiled by a factor, as a changed or misread unit would; what
they settle stays true.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from core.errors import TroubleKind, VenueError
from core.model.market import FundingSnapshot, SettledRate
from core.model.units import FundingRate
from tests.fakes.objects import instrument

if TYPE_CHECKING:
    from core.model.instrument import Instrument
    from core.model.units import VenueId
    from core.ports import Clock

HOUR = timedelta(hours=1)
FIRST = datetime(2026, 11, 23, tzinfo=UTC)
"""Rates begin to wander here; before it they stood still."""
NEUTRAL = 0.0000125
FIELD_HOURS = {"binance": None, "hyperliquid": 1, "lighter": 8, "extended": 1}
"""Hours that a venue's field stands for; None follows the interval."""
KEEPS = 0.94
"""Part of a deviation that lasts an hour: half is gone after 11 hours."""
MOVES = 0.000008
"""Hourly step of one token's rate."""
MARKET_MOVES = 0.000005
"""Hourly step that all tokens of all venues take together."""
CRASH = -0.00012
"""What a crash adds to every rate at first."""


@dataclass
class Mood:
    """The common part of all rates, hour by hour."""

    chance: random.Random
    crash_hours: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        """Begin at the market's ordinary level."""
        self.levels = [0.0]

    def at(self, hour: int) -> float:
        """Return the level of an hour."""
        while len(self.levels) <= hour:
            level = self.levels[-1] * KEEPS + self.chance.gauss(0, MARKET_MOVES)
            is_crash = len(self.levels) in self.crash_hours
            self.levels.append(level + CRASH if is_crash else level)
        return self.levels[hour]


@dataclass
class Payer:
    """One venue with tokens whose true hourly rates wander."""

    venue_id: VenueId
    clock: Clock
    tokens: int = 16
    seed: int = 7
    mood: Mood | None = None
    factor: Decimal = Decimal(1)
    """Applied to every rate that is shown, not to what is paid."""
    is_down: bool = False
    intervals: dict[str, int] = field(default_factory=dict)
    """Hours between payments of tokens that have their own."""
    truly: dict[str, int] = field(default_factory=dict)
    """Hours between payments where the venue states others."""
    spoiled: dict[str, Decimal] = field(default_factory=dict)
    """Factors of single tokens, as `factor` of all."""
    requests: int = 0

    def __post_init__(self) -> None:
        """Give every token a level of its own; some are always neutral."""
        self._chance = random.Random(f"{self.seed}/{self.venue_id}")
        self.names = [f"T{number:02d}" for number in range(self.tokens)]
        self._own = {name: self._chance.gauss(0, 0.00002) for name in self.names}
        self._extra = dict(self._own)
        self._hour = 0
        self._market = 0.0
        self._paid: dict[str, list[SettledRate]] = {name: [] for name in self.names}
        self.instruments = {e: instrument(e, self.venue_id) for e in self.names}
        for hour in range(-26, 1):
            self._pay(hour)

    def interval_h(self, name: str) -> int:
        """Return the hours between two payments of a token."""
        return self.intervals.get(name, 8 if self.venue_id == "binance" else 1)

    def true_hourly(self, name: str) -> Decimal:
        """Return a token's true rate per hour now; small premiums cost nothing."""
        premium = self._extra[name] + self._market
        rate = NEUTRAL if abs(premium) < 0.000012 else NEUTRAL + premium
        return Decimal(f"{rate:.10f}")

    def go_on(self) -> None:
        """Pay and let rates wander, hour by hour, up to the clock's moment."""
        until = int((self.clock.now() - FIRST) / HOUR)
        while self._hour < until:
            self._hour += 1
            self._pay(self._hour)
            self._market = 0.0 if self.mood is None else self.mood.at(self._hour)
            for name in self.names:
                gone = self._extra[name] - self._own[name]
                step = self._chance.gauss(0, MOVES)
                self._extra[name] = self._own[name] + gone * KEEPS + step

    def _pay(self, hour: int) -> None:
        at = FIRST + hour * HOUR
        for name in self.names:
            hours = self.truly.get(name) or self.interval_h(name)
            if at.hour % hours == 0:
                paid = self.true_hourly(name) * hours
                row = SettledRate(self.instruments[name], at, paid, None)
                self._paid[name].append(row)
                del self._paid[name][:-40]

    def shown(self) -> tuple[FundingSnapshot, ...]:
        """Return what a scan reads now."""
        self.go_on()
        return tuple(self._snapshot(name) for name in self.names)

    def _snapshot(self, name: str) -> FundingSnapshot:
        now, hours = self.clock.now(), self.interval_h(name)
        field_hours = FIELD_HOURS[self.venue_id] or hours
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        period = timedelta(hours=hours)
        rate = self.true_hourly(name) * field_hours * self.factor
        rate *= self.spoiled.get(name, Decimal(1))
        return FundingSnapshot(
            instrument=self.instruments[name],
            rate=FundingRate(rate, timedelta(hours=field_hours), period),
            next_funding_at=midnight + ((now - midnight) // period + 1) * period,
            mark_price=Decimal(5),
            index_price=None,
            volume_24h_usd=Decimal(1_000_000),
            observed_at=now,
        )

    async def settled(
        self, instrument: Instrument, since: datetime
    ) -> tuple[SettledRate, ...]:
        """Return what was paid after a moment, oldest first."""
        self.requests += 1
        if self.is_down:
            raise VenueError(self.venue_id, TroubleKind.UNREACHABLE, "down")
        self.go_on()
        rows = self._paid[instrument.base]
        return tuple(each for each in rows if each.pay_at > since)
