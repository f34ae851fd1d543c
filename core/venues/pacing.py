"""Spread a venue's requests over its limit, and keep a share of it for orders.

A venue counts what all our clients ask together, so one budget serves its scanner and
its account. When requests run short, what is only nice to know waits first, then scans
and account readings; what an order hangs on may use everything and half as much again,
and an order itself never waits: the venue judges both, for a leg may be alone.
"""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from core.errors import TroubleKind, VenueError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from core.model.units import VenueId
    from core.ports import Clock

WINDOW: Final = timedelta(minutes=1)
"""Venues count over a rolling minute."""
PATIENCE: Final = timedelta(seconds=5)
"""A reading that would wait longer is refused at once."""
_SPARE_SHARE: Final = 1 / 2
"""Of what readings get: the rest is for scans, however many books a ranking wants."""
_READ_SHARE: Final = 2 / 3
"""Of everything, where orders are sent."""
_LOOKUP_SHARE: Final = 3 / 2
"""Of everything: our count is rougher than the venue's, and a leg may be waiting."""
_LEAST_WAIT_S: Final = 0.001
"""A sleep of nothing would come back at the same moment for ever."""


class Urgency(StrEnum):
    """What a request is for."""

    SPARE = "spare"
    """Books of a ranking: nobody waits for them."""
    READ = "read"
    """Scans, past payments, keys: waits while the share for orders is all there is."""
    LOOKUP = "lookup"
    """What an order hangs on: positions, books, rates, orders and executions."""
    ORDER = "order"
    """Sending and cancelling: never waits."""


_URGENCY: Final[ContextVar[Urgency]] = ContextVar("urgency", default=Urgency.READ)


@contextmanager
def urgent(urgency: Urgency) -> Iterator[None]:
    """Say what the requests made inside the block are for."""
    token = _URGENCY.set(urgency)
    try:
        yield
    finally:
        _URGENCY.reset(token)


class OverBudgetError(VenueError):
    """Our own limit held a reading back; the venue was not asked."""

    def __init__(self, venue_id: VenueId, wait: timedelta) -> None:
        detail = (
            f"not asked: its requests of this minute are used up"
            f" for {wait.total_seconds():.0f} s more"
        )
        super().__init__(venue_id, TroubleKind.HELD_BACK, detail)


class RequestBudget:
    """The requests of one venue's rolling minute, in the venue's own weights."""

    def __init__(self, venue_id: VenueId, per_minute: int, clock: Clock) -> None:
        self._venue_id = venue_id
        self._per_minute = float(per_minute)
        self._clock = clock
        self._for_readings = 1.0
        self._spent: deque[tuple[float, float]] = deque()
        self._used = 0.0

    def keep_for_orders(self) -> None:
        """Keep a share from now on; where nothing is ordered, readings get all."""
        self._for_readings = _READ_SHARE

    def now(self) -> datetime:
        """Return the moment, by the clock that requests are counted with."""
        return self._clock.now()

    @property
    def used(self) -> float:
        """Return the weight of what was asked within the last minute."""
        self._forget_old()
        return self._used

    async def take(self, cost: float | None) -> None:
        """Wait until a request of this weight may leave; count it.

        Raises:
            OverBudgetError: it would wait too long; nothing was counted.
        """
        weight = 1.0 if cost is None else float(cost)
        urgency = _URGENCY.get()
        if urgency is not Urgency.ORDER:
            await self._wait_for_room(weight, urgency)
        self._spent.append((self._clock.monotonic(), weight))
        self._used += weight

    async def _wait_for_room(self, weight: float, urgency: Urgency) -> None:
        limit = self._limit(urgency)
        give_up_at = self._clock.monotonic() + PATIENCE.total_seconds()
        while wait_s := self._wait_s(min(weight, limit), limit):
            if self._clock.monotonic() + wait_s > give_up_at:
                raise OverBudgetError(self._venue_id, timedelta(seconds=wait_s))
            await self._clock.sleep(timedelta(seconds=wait_s))

    def _limit(self, urgency: Urgency) -> float:
        if urgency is Urgency.LOOKUP:
            return self._per_minute * _LOOKUP_SHARE
        readings = self._per_minute * self._for_readings
        return readings * _SPARE_SHARE if urgency is Urgency.SPARE else readings

    def _wait_s(self, weight: float, limit: float) -> float:
        """Return how long it takes until so much fits, as things stand."""
        now = self._forget_old()
        excess = self._used + weight - limit
        fits_at = None
        for spent_at, each in self._spent:
            if excess <= 0:
                break
            excess -= each
            fits_at = spent_at + WINDOW.total_seconds()
        return 0.0 if fits_at is None else max(fits_at - now, _LEAST_WAIT_S)

    def _forget_old(self) -> float:
        now = self._clock.monotonic()
        while self._spent and now - self._spent[0][0] >= WINDOW.total_seconds():
            self._used -= self._spent.popleft()[1]
        if not self._spent:
            self._used = 0.0  # no rounding error lives longer than a minute
        return now
