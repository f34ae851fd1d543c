"""What a pair's venues answer in, which of them is in trouble and how out. Pure.

In trouble is a venue that does not answer, for its rates or for our account, one that
takes no orders from us, and one that has stopped a contract we hold. Not asked yet is
neither trouble nor order: nothing is claimed then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.limits import REFUSED_KEY, STARTUP_KEY, TROUBLE_KEY, scope_of
from core.model.instrument import AbsenceReason

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from core.health import Answering
    from core.model.control import Halt
    from core.model.instrument import Instrument
    from core.model.trade import Trade
    from core.model.units import VenueId

STOPPED = AbsenceReason.INACTIVE
"""A contract whose trading is stopped and may go on; any other absence is for good."""
_PASSING = frozenset({STARTUP_KEY, TROUBLE_KEY, f"{REFUSED_KEY}rate_limit"})
"""Keys of halts that keep entries off for a while; the venue still takes a close."""


class VenueStates:
    """What is known of venues at one look."""

    def __init__(
        self,
        *,
        answered: Collection[VenueId],
        halts: Iterable[Halt],
        answering: Callable[[VenueId], Answering],
        absence: Callable[[Instrument], AbsenceReason | None],
    ) -> None:
        """Take what was asked at this look.

        Args:
            answered: venues that showed our account's positions just now.
            halts: every halt in force.
            answering: how a venue's public data has been coming.
            absence: why its venue does not list a contract.
        """
        self._answered, self._halts = answered, tuple(halts)
        self._answering, self._absence = answering, absence

    def troubles(self, trade: Trade) -> dict[VenueId, str]:
        """Return the venues of a pair that are in trouble, each with how.

        How is said as the end of a sentence that begins with the venue.
        """
        found = {
            leg.instrument.venue_id: self._trouble(leg.instrument) for leg in trade.legs
        }
        return {venue_id: how for venue_id, how in found.items() if how is not None}

    def in_order(self, trade: Trade) -> bool:
        """Tell whether both venues are known to answer and to take orders."""
        return not self.troubles(trade) and all(
            self._answering(leg.instrument.venue_id).latency is not None
            for leg in trade.legs
        )

    def _trouble(self, instrument: Instrument) -> str | None:
        venue_id = instrument.venue_id
        trouble = self._answering(venue_id).trouble
        if trouble is not None:
            return f"does not answer: {trouble.detail}"
        halt = self._halt(instrument)
        if halt is not None:
            return f"takes no orders: {halt.reason}"
        if venue_id not in self._answered:
            return "does not answer for our account"
        if self._absence(instrument) is STOPPED:
            return f"has stopped trading in {instrument.native_name}"
        return None

    def _halt(self, instrument: Instrument) -> Halt | None:
        """Return a halt that the venue or its keys caused, none that a person set."""
        scopes = {
            str(instrument.venue_id),
            scope_of(instrument.venue_id, instrument.symbol),
        }
        return next(
            (
                halt
                for halt in self._halts
                if halt.scope in scopes
                and halt.by is None
                and halt.key not in _PASSING
                and not halt.key.startswith("attention:")
            ),
            None,
        )
