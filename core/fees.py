"""Know what an order that takes pays: by the account where it tells, else by the list.

Accounts are asked rarely: an answer serves for hours, and one call asks about a few
contracts only. Until an answer is there the venue's published base tier counts.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from core.errors import VenueError
from core.model.estimate import FeeSource, TakerFee

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from decimal import Decimal

    from core.model.instrument import Instrument
    from core.model.units import VenueId
    from core.model.venue import VenueRules
    from core.ports import Clock, TakerFees

log = logging.getLogger(__name__)

FEES_LAST = timedelta(hours=6)
ASK_AGAIN_AFTER = timedelta(minutes=5)
"""A venue that did not answer is left alone for so long."""
ASKED_AT_ONCE = 3
"""Contracts of one venue that one call asks about: the question is a heavy one."""
ANSWER_WITHIN = timedelta(seconds=3)

Key = tuple["VenueId", str]


class Fees:
    """Keeps what each contract's taker pays."""

    def __init__(
        self,
        *,
        rules: Mapping[VenueId, VenueRules],
        clock: Clock,
    ) -> None:
        self.accounts: Mapping[VenueId, TakerFees] = {}
        """Accounts that can be asked; none in paper, where the list is the truth."""
        self._rules = rules
        self._clock = clock
        self._told: dict[Key, tuple[Decimal, float]] = {}
        self._failed_at: dict[VenueId, float] = {}

    def of(self, instrument: Instrument) -> TakerFee:
        """Return the fee as known now, and who says so."""
        told = self._told.get(_key(instrument))
        if told is not None and self._is_younger(told[1], FEES_LAST):
            return TakerFee(told[0], FeeSource.ACCOUNT)
        rules = self._rules[instrument.venue_id]
        return TakerFee(rules.taker_fee, FeeSource.CATALOG)

    def of_pair(self, *instruments: Instrument) -> Mapping[VenueId, TakerFee]:
        """Return the fees of contracts on different venues."""
        return {each.venue_id: self.of(each) for each in instruments}

    async def learn(self, instruments: Iterable[Instrument]) -> None:
        """Ask the accounts about contracts whose fee is not known, a few at once."""
        due: dict[VenueId, list[Instrument]] = {}
        for each in instruments:
            if self._is_due(each):
                due.setdefault(each.venue_id, []).append(each)
        if not due:
            return
        async with asyncio.TaskGroup() as group:
            for asked in due.values():
                for instrument in asked[:ASKED_AT_ONCE]:
                    group.create_task(self._ask(instrument))

    def _is_due(self, instrument: Instrument) -> bool:
        if instrument.venue_id not in self.accounts:
            return False
        failed_at = self._failed_at.get(instrument.venue_id)
        if failed_at is not None and self._is_younger(failed_at, ASK_AGAIN_AFTER):
            return False
        return self.of(instrument).source is FeeSource.CATALOG

    def _is_younger(self, moment: float, limit: timedelta) -> bool:
        return self._clock.monotonic() - moment < limit.total_seconds()

    async def _ask(self, instrument: Instrument) -> None:
        venue_id = instrument.venue_id
        try:
            async with asyncio.timeout(ANSWER_WITHIN.total_seconds()):
                rate = await self.accounts[venue_id].taker_fee(instrument)
        except (VenueError, TimeoutError) as error:
            self._failed_at[venue_id] = self._clock.monotonic()
            name = instrument.native_name
            log.warning("no fee told venue=%s of=%s why=%s", venue_id, name, error)
            return
        self._told[_key(instrument)] = (rate, self._clock.monotonic())


def _key(instrument: Instrument) -> Key:
    return instrument.venue_id, instrument.symbol
