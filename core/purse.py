"""Accounts in, what each venue last told to be free out: read once, shared by all.

A screen asks for it at every row and must not ask a venue each time. What is too old is
not known any more; decisions about orders read anew and never look here.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from core.errors import VenueError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from core.model.order import Balance
    from core.model.units import VenueId
    from core.ports import Clock, TradingVenue

KNOWN_FOR: Final = timedelta(minutes=10)
"""An older answer says nothing about now."""
READ_AGAIN: Final = timedelta(seconds=50)
"""A younger answer is not asked for again."""
READ_LIMIT: Final = timedelta(seconds=5)


class Purse:
    """Remembers what is free on each venue."""

    def __init__(
        self, *, accounts: Mapping[VenueId, TradingVenue], clock: Clock
    ) -> None:
        self._accounts, self._clock = accounts, clock
        self._known: dict[VenueId, Balance] = {}
        """By our own clock: when we were told."""
        self._turn = asyncio.Lock()

    def note(self, balances: Iterable[Balance]) -> None:
        """Remember what somebody else has just read."""
        now = self._clock.now()
        for each in balances:
            self._known[each.venue_id] = replace(each, at=now)

    def known(self) -> Mapping[VenueId, Balance]:
        """Return what is known now; a venue that told nothing lately is left out."""
        now = self._clock.now()
        return {
            venue_id: each
            for venue_id, each in self._known.items()
            if now - each.at <= KNOWN_FOR
        }

    async def refresh(self) -> None:
        """Ask every venue whose answer is not fresh, all at once."""
        async with self._turn:
            now = self._clock.now()
            due = [
                account
                for venue_id, account in self._accounts.items()
                if venue_id not in self._known
                or now - self._known[venue_id].at >= READ_AGAIN
            ]
            answers = await asyncio.gather(
                *(balance_of(each, READ_LIMIT) for each in due)
            )
            self.note(each for each in answers if each is not None)


async def balance_of(account: TradingVenue, within: timedelta) -> Balance | None:
    """Return a venue's balance, None if it does not answer in time."""
    try:
        async with asyncio.timeout(within.total_seconds()):
            return await account.balance()
    except (VenueError, TimeoutError):
        return None
