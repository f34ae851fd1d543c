"""Look at start for open pairs on venues that the settings do not name."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from core import halting
from core.model.alert import AlertLevel
from core.model.control import Halt, TradingState
from core.venues.catalog import VENUES

if TYPE_CHECKING:
    from bot.wiring.engine import Ground
    from core.model.trade import Trade
    from core.model.units import VenueId

log = logging.getLogger(__name__)

UNNAMED: Final = "unnamed"
"""Key of the halt of a venue that holds a leg and is not among the settings' venues."""


async def name_the_missing(ground: Ground) -> None:
    """Say in one sentence which venue must be named again, until it is.

    Nothing on such a venue can be read or closed from here, so its scope is halted.
    """
    now, named = ground.clock.now(), set(ground.settings.venue_ids)
    for halt in await ground.journal.halts():
        if halt.key == UNNAMED and halt.scope in named:
            await halting.lift(ground.journal, halt, now)
    trades = await ground.journal.trades_in_progress()
    for venue_id in sorted(_held(trades) - named):
        why = _sentence(venue_id, trades)
        log.error("%s", why)
        halt = Halt(venue_id, UNNAMED, TradingState.HALTED, why, now)
        await halting.impose(ground.journal, halt, level=AlertLevel.CRITICAL)


def _held(trades: tuple[Trade, ...]) -> set[VenueId]:
    return {leg.instrument.venue_id for trade in trades for leg in trade.legs}


def _sentence(venue_id: VenueId, trades: tuple[Trade, ...]) -> str:
    tokens = sorted({each.base for each in trades if venue_id in _held((each,))})
    known = VENUES.get(venue_id)
    title = venue_id if known is None else known.rules.title
    return (
        f"{title} holds a leg of {', '.join(tokens)} and CARRY_VENUES does not name it:"
        f" add {venue_id} there and restart"
    )
