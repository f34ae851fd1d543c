"""How venues answer in, one message when one falls silent and one when it is back out.

A venue counts as down once it has failed for two minutes. Whoever holds a pair there
must hear it at once; otherwise it is information. What was said is stored, so a restart
neither repeats an outage nor forgets to tell its end.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from core.model.alert import Alert, AlertKind, AlertLevel

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from core.health import Answering, VenueMonitor
    from core.model.units import VenueId
    from core.ports import AlertMemory, Outbox

TOLERATED = timedelta(minutes=2)
"""Shorter silences are not worth a message."""


class OutageWatch:
    """Tells owners when a venue falls silent and when it is back."""

    def __init__(
        self, *, monitor: VenueMonitor, memory: AlertMemory, outbox: Outbox
    ) -> None:
        self._monitor = monitor
        self._store = memory
        self._outbox = outbox
        self._told: dict[str, datetime] | None = None
        """Since when each venue that was reported has been down."""

    async def consider(
        self, venues: Iterable[VenueId], held: Collection[VenueId], now: datetime
    ) -> None:
        """Report what changed; `held` are venues on which a pair of ours is open."""
        for venue_id in venues:
            await self._look(venue_id, venue_id in held, now)

    async def _look(self, venue_id: VenueId, is_held: bool, now: datetime) -> None:  # noqa: FBT001 - private
        told = await self._recall()
        answering = self._monitor.of(venue_id)
        since = answering.failing_since
        key = _key(venue_id)
        if since is None:
            if key in told and answering.latency is not None:
                await self._back(venue_id, told.pop(key), now)
            return
        if key in told or now - since < TOLERATED:
            return
        told[key] = since
        await self._outbox.put(_down(venue_id, answering, since, now, is_held=is_held))
        await self._store.remember(key, {"since": since.isoformat()})

    async def _back(self, venue_id: VenueId, since: datetime, now: datetime) -> None:
        facts = {"venue": venue_id, "since": since.isoformat()}
        await self._outbox.put(
            _alert(AlertKind.VENUE_BACK, AlertLevel.INFO, facts, since, now)
        )
        await self._store.remember(_key(venue_id), None)

    async def _recall(self) -> dict[str, datetime]:
        if self._told is None:
            stored = await self._store.recall()
            self._told = {
                key: datetime.fromisoformat(facts["since"])
                for key, facts in stored.items()
                if key.startswith(_key(""))
            }
        return self._told


def _key(venue_id: str) -> str:
    return f"outage:{venue_id}"


def _down(
    venue_id: VenueId,
    answering: Answering,
    since: datetime,
    now: datetime,
    *,
    is_held: bool,
) -> Alert:
    detail = "" if answering.trouble is None else answering.trouble.detail
    facts = {"venue": venue_id, "since": since.isoformat(), "detail": detail}
    level = AlertLevel.CRITICAL if is_held else AlertLevel.INFO
    return _alert(AlertKind.VENUE_DOWN, level, facts, since, now)


def _alert(
    kind: AlertKind,
    level: AlertLevel,
    facts: Mapping[str, str],
    since: datetime,
    now: datetime,
) -> Alert:
    return Alert(
        kind=kind,
        level=level,
        dedupe_key=f"{kind.value}:{facts['venue']}:{since.isoformat()}",
        facts=facts,
        created_at=now,
        expires_at=now + timedelta(hours=6),
    )
