"""Positions that no pair of ours explains: listed, told once, never touched.

A position counts after two equal readings at least 5 s apart, and not while a pair of
ours on its contract runs or ended within the last minute: venues show fills late. What
was told and what a person ignores is stored, and forgotten once the quantity changes.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from core.execution.live import APART
from core.model.alert import Alert, AlertKind, AlertLevel
from core.model.position import ForeignPosition
from core.orders.desk import asked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from decimal import Decimal

    from core.model.instrument import Instrument
    from core.model.order import VenuePosition
    from core.model.units import VenueId
    from core.ports import AlertMemory, Clock, Outbox, Trades, TradingVenue

ENDED_LATELY = timedelta(minutes=1)
"""How long after a pair's end a venue may still show its position."""
RECENT = 50
PREFIX = "foreign:"

Contract = tuple["VenueId", str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignWatch:
    """Looks for positions that are not ours."""

    venues: Mapping[VenueId, TradingVenue]
    trades: Trades
    memory: AlertMemory
    outbox: Outbox
    clock: Clock
    listed: Callable[[VenueId, str], Instrument | None] = lambda _, __: None
    """The contract of a symbol, to name its token; None when it is not listed."""
    known: dict[Contract, ForeignPosition] = field(default_factory=dict, init=False)
    """Believed ones, as last seen."""
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    """Two looks at once would each tell of the same position."""
    _tidied: set[VenueId] = field(default_factory=set, init=False)
    """Venues whose memory holds nothing of what went while nobody looked."""

    def found(self) -> tuple[ForeignPosition, ...]:
        """Return every believed one, ignored ones too, in a steady order."""
        return tuple(self.known[key] for key in sorted(self.known))

    async def check(self) -> None:
        """Read all venues; a new or changed position is believed at a second look."""
        async with self._turn:
            await self._check()

    async def _check(self) -> None:
        first = await self._seen()
        if any(not self._is_known(each) for each in _all(first)):
            await self.clock.sleep(APART)
            second = await self._seen()
        else:
            second = first
        for venue_id in first.keys() & second.keys():
            await self._believe(venue_id, first[venue_id], second[venue_id])

    async def ignore(self, venue_id: VenueId, symbol: str, quantity: Decimal) -> bool:
        """Say no more of a position while it has this size; False if it has not."""
        found = self.known.get((venue_id, symbol))
        if found is None or found.quantity_base != quantity:
            return False
        await self._keep(found, is_ignored=True)
        return True

    def _is_known(self, each: VenuePosition) -> bool:
        found = self.known.get((each.venue_id, each.symbol))
        return found is not None and found.quantity_base == each.quantity_base

    async def _seen(self) -> dict[VenueId, dict[str, VenuePosition]]:
        """Return what answering venues hold that is not ours; the others are left out.

        Pairs are read before and after, so that none slips through in between.
        """
        before = await self._ours()
        async with asyncio.TaskGroup() as group:
            asking = {
                venue_id: group.create_task(asked(venue.positions()))
                for venue_id, venue in self.venues.items()
            }
        ours = before | await self._ours()
        return {
            venue_id: {
                each.symbol: each
                for each in answer
                if each.quantity_base and (venue_id, each.symbol) not in ours
            }
            for venue_id, task in asking.items()
            if (answer := task.result()) is not None
        }

    async def _ours(self) -> set[Contract]:
        since = self.clock.now() - ENDED_LATELY
        ended = (
            trade
            for trade in await self.trades.recent_trades(RECENT)
            if max(trade.created_at, trade.closed_at or trade.created_at) >= since
        )
        running = await self.trades.trades_in_progress()
        return {
            (leg.instrument.venue_id, leg.instrument.symbol)
            for trade in (*running, *ended)
            for leg in trade.legs
        }

    async def _believe(
        self,
        venue_id: VenueId,
        first: Mapping[str, VenuePosition],
        second: Mapping[str, VenuePosition],
    ) -> None:
        if venue_id not in self._tidied:
            await self._tidy(venue_id, {*first.values(), *second.values()})
            self._tidied.add(venue_id)
        for contract in [key for key in self.known if key[0] == venue_id]:
            if contract[1] not in first and contract[1] not in second:
                await self.memory.remember(_key(self.known.pop(contract)), None)
        for symbol, each in second.items():
            before = first.get(symbol)
            if before is None or before.quantity_base != each.quantity_base:
                continue
            if not self._is_known(each):
                await self._met(each)

    async def _tidy(self, venue_id: VenueId, held: set[VenuePosition]) -> None:
        keys = {_key(each) for each in held}
        for key in await self.memory.recall():
            if key.startswith(f"{PREFIX}{venue_id}:") and key not in keys:
                await self.memory.remember(key, None)

    async def _met(self, each: VenuePosition) -> None:
        listed = self.listed(each.venue_id, each.symbol)
        found = ForeignPosition(
            venue_id=each.venue_id,
            symbol=each.symbol,
            name=each.symbol.partition(":")[0] if listed is None else listed.base,
            quantity_base=each.quantity_base,
            entry_price=each.entry_price,
        )
        before = self.known.get((found.venue_id, found.symbol))
        if before is not None and _key(before) != _key(found):
            await self.memory.remember(_key(before), None)
        stored = (await self.memory.recall()).get(_key(found), {})
        if stored.get("quantity") == f"{found.quantity_base:f}":
            # told before a restart
            await self._keep(found, is_ignored=stored.get("ignored") == "yes")
            return
        await self.outbox.put(self._alert(found))
        await self._keep(found, is_ignored=False)

    async def _keep(self, found: ForeignPosition, *, is_ignored: bool) -> None:
        ignored = "yes" if is_ignored else "no"
        facts = {"quantity": f"{found.quantity_base:f}", "ignored": ignored}
        await self.memory.remember(_key(found), facts)
        contract = (found.venue_id, found.symbol)
        self.known[contract] = replace(found, is_ignored=is_ignored)

    def _alert(self, found: ForeignPosition) -> Alert:
        now = self.clock.now()
        return Alert(
            kind=AlertKind.FOREIGN_POSITION,
            level=AlertLevel.TRADE,
            dedupe_key=f"{_key(found)}:{found.quantity_base:f}:{now.isoformat()}",
            facts={
                "venue": found.venue_id,
                "symbol": found.symbol,
                "name": found.name,
                "quantity": f"{found.quantity_base:f}",
            },
            created_at=now,
        )


def _key(found: ForeignPosition | VenuePosition) -> str:
    side = "long" if found.quantity_base > 0 else "short"
    return f"{PREFIX}{found.venue_id}:{found.symbol}:{side}"


def _all(
    seen: Mapping[VenueId, Mapping[str, VenuePosition]],
) -> list[VenuePosition]:
    return [each for rows in seen.values() for each in rows.values()]
