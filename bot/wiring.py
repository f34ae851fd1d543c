"""Put the parts together: everything from `Settings`, in the order it is needed."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from core.availability import AvailabilityCache
from core.health import VenueMonitor
from core.model.units import Base
from core.opportunities import Gates
from core.rates import Rates
from core.runtime import Nursery, SystemClock
from core.scanner import Scanner
from core.venues.markets import open_markets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from bot.settings import Settings
    from core.model.instrument import Availability
    from core.model.units import VenueId
    from core.ports import AvailabilityStore, Clock
    from core.venues.markets import MarketReader

log = logging.getLogger(__name__)

RATES_LIFE_IN_SCANS = 2
"""A silent venue's last rates serve for so many scan intervals."""


@asynccontextmanager
async def scanning(settings: Settings) -> AsyncIterator[Scanner]:
    """Open what one scan needs: the venues' public data, no database, no chat."""
    clock, nursery = SystemClock(), Nursery()
    async with AsyncExitStack() as stack:
        readers = await _open_readers(settings, clock, stack)
        stack.push_async_callback(nursery.cancel)
        monitor = VenueMonitor(settings.venue_ids)
        yield _scanner(settings, readers, monitor, _Forgetful(), clock, nursery)


class _Forgetful:
    """Keeps no availability: a single scan leaves nothing behind."""

    async def load_availability(self) -> Availability | None:
        """Know nothing."""
        return None

    async def save_availability(self, value: Availability) -> None:
        """Keep nothing."""


async def _open_readers(
    settings: Settings, clock: Clock, stack: AsyncExitStack
) -> Mapping[VenueId, MarketReader]:
    readers = open_markets(settings.venue_ids, settings.venue_urls, clock, paper=True)
    for reader in readers.values():
        stack.push_async_callback(reader.close)
    return readers


def _scanner(  # noqa: PLR0913 - a parts list
    settings: Settings,
    readers: Mapping[VenueId, MarketReader],
    monitor: VenueMonitor,
    store: AvailabilityStore,
    clock: Clock,
    nursery: Nursery,
) -> Scanner:
    tokens = settings.tokens
    return Scanner(
        availability=AvailabilityCache(
            sources=readers,
            store=store,
            clock=clock,
            monitor=monitor,
            tokens=None if tokens is None else tuple(Base(each) for each in tokens),
        ),
        rates=Rates(
            sources=readers,
            clock=clock,
            monitor=monitor,
            max_age=settings.scan_interval * RATES_LIFE_IN_SCANS,
        ),
        gates=Gates(
            min_spread_per_hour=settings.min_spread_hourly,
            min_volume_usd=settings.min_daily_volume_usd,
            allows_unknown_volume=settings.allow_unknown_volume,
        ),
        clock=clock,
        nursery=nursery,
    )


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[None]:
    yield
