"""Scan results in, pushes worth a person's attention out; each is said once.

A new spread is pushed when it stood above the threshold in two scans, both sides were
read in this very scan and have a known, sufficient day volume, the token is not muted,
it is no spike against its own past, and it was not pushed before, unless it grew by
half or four hours passed. More than three at once become one digest. What was said is
stored: a restart repeats nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from core.model.alert import Alert, AlertKind, AlertLevel
from core.model.preferences import is_muted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from core.model.opportunity import Opportunity, ScanResult
    from core.model.preferences import Mutes
    from core.ports import AlertMemory, Outbox

SCANS_NEEDED = 2
GROWTH_TO_REPEAT = Decimal("1.5")
REPEAT_AFTER = timedelta(hours=4)
CLEARED_AT = Decimal("0.7")
"""Below this share of the threshold a spread counts as gone."""
MOST_SINGLE = 3
LIFE = timedelta(minutes=10)
"""Late news is wrong news."""


@dataclass(frozen=True, slots=True)
class _Memory:
    """What is stored about one pair."""

    streak: int = 0
    told_at: datetime | None = None
    told_per_hour: Decimal | None = None

    def facts(self) -> dict[str, str]:
        told = {}
        if self.told_at is not None and self.told_per_hour is not None:
            told = {
                "told_at": self.told_at.isoformat(),
                "told_per_hour": str(self.told_per_hour),
            }
        return {"streak": str(self.streak), **told}


def _parse(facts: Mapping[str, str]) -> _Memory:
    told_at = facts.get("told_at")
    told = facts.get("told_per_hour")
    return _Memory(
        streak=int(facts["streak"]),
        told_at=None if told_at is None else datetime.fromisoformat(told_at),
        told_per_hour=None if told is None else Decimal(told),
    )


class SpreadWatch:
    """Decides after each scan what to push."""

    def __init__(
        self,
        *,
        memory: AlertMemory,
        outbox: Outbox,
        is_spike: Callable[[Opportunity], bool | None] = lambda _: None,
    ) -> None:
        self._store = memory
        self._outbox = outbox
        self._is_spike = is_spike
        self._pairs: dict[str, _Memory] | None = None
        self._least = Decimal(0)
        self._mutes: Mutes = {}

    async def consider(
        self, result: ScanResult, least_per_hour: Decimal, mutes: Mutes
    ) -> int:
        """Push what deserves it; return how many messages were stored.

        `least_per_hour` is the smallest hourly spread worth a push.
        """
        self._least, self._mutes = least_per_hour, mutes
        pairs = await self._recall()
        standing = {_key(each): each for each in result.opportunities}
        for key in set(pairs) - set(standing):
            await self._fade(key, None)
        worth = [
            each
            for key, each in standing.items()
            if await self._stands(key, each, result)
        ]
        if not worth:
            return 0
        alerts = _alerts(worth, result.at)
        for alert in alerts:
            await self._outbox.put(alert)
        for each in worth:
            told = _Memory(SCANS_NEEDED, result.at, each.spread_per_hour)
            await self._keep(_key(each), told)
        return len(alerts)

    async def _recall(self) -> dict[str, _Memory]:
        if self._pairs is None:
            stored = await self._store.recall()
            self._pairs = {
                key: _parse(facts)
                for key, facts in stored.items()
                if key.startswith("spread:")
            }
        return self._pairs

    async def _keep(self, key: str, memory: _Memory) -> None:
        pairs = await self._recall()
        if pairs.get(key) == memory:
            return
        pairs[key] = memory
        await self._store.remember(key, memory.facts())

    async def _fade(self, key: str, per_hour: Decimal | None) -> None:
        """Break the streak; forget it wholly once told long ago and really gone."""
        pairs = await self._recall()
        memory = pairs.get(key)
        if memory is None:
            return
        gone = self._least * CLEARED_AT
        if per_hour is not None and per_hour >= gone:
            return
        if memory.told_at is None:
            del pairs[key]
            await self._store.remember(key, None)
            return
        await self._keep(key, _Memory(0, memory.told_at, memory.told_per_hour))

    async def _stands(self, key: str, pair: Opportunity, result: ScanResult) -> bool:
        """Count the scan for a pair and tell whether it must be pushed now."""
        if pair.spread_per_hour < self._least:
            await self._fade(key, pair.spread_per_hour)
            return False
        if not _both_sides_fresh(pair, result) or pair.has_unknown_volume:
            return False
        pairs = await self._recall()
        before = pairs.get(key, _Memory())
        streak = min(before.streak + 1, SCANS_NEEDED)
        counted = _Memory(streak, before.told_at, before.told_per_hour)
        await self._keep(key, counted)
        long, short = pair.long.instrument.venue_id, pair.short.instrument.venue_id
        muted = is_muted(self._mutes, pair.base, (long, short), result.at)
        if streak < SCANS_NEEDED or muted or self._is_spike(pair):
            return False
        return _is_news(counted, pair, result.at)


def _both_sides_fresh(pair: Opportunity, result: ScanResult) -> bool:
    answered = {each.venue_id for each in result.venues if each.is_ok}
    sides = {pair.long.instrument.venue_id, pair.short.instrument.venue_id}
    return sides <= answered


def _is_news(memory: _Memory, pair: Opportunity, now: datetime) -> bool:
    if memory.told_at is None or memory.told_per_hour is None:
        return True
    if pair.spread_per_hour >= memory.told_per_hour * GROWTH_TO_REPEAT:
        return True
    return now - memory.told_at >= REPEAT_AFTER


def _key(pair: Opportunity) -> str:
    long, short = pair.long.instrument.venue_id, pair.short.instrument.venue_id
    return f"spread:{pair.base}:{long}:{short}"


def _facts(pair: Opportunity) -> dict[str, str]:
    long, short = pair.long, pair.short
    return {
        "base": pair.base,
        "long": long.instrument.venue_id,
        "short": short.instrument.venue_id,
        "spread_per_hour": str(pair.spread_per_hour),
        "long_per_hour": str(long.rate.per_hour),
        "short_per_hour": str(short.rate.per_hour),
        "observed_at": min(long.observed_at, short.observed_at).isoformat(),
    }


def _alerts(worth: Sequence[Opportunity], now: datetime) -> list[Alert]:
    if len(worth) > MOST_SINGLE:
        items = json.dumps([_facts(each) for each in worth])
        return [
            Alert(
                kind=AlertKind.SPREAD_DIGEST,
                level=AlertLevel.OPPORTUNITY,
                dedupe_key=f"digest:{now.isoformat()}",
                facts={"items": items, "count": str(len(worth))},
                created_at=now,
                expires_at=now + LIFE,
            )
        ]
    return [
        Alert(
            kind=AlertKind.NEW_SPREAD,
            level=AlertLevel.OPPORTUNITY,
            dedupe_key=f"{_key(each)}:{now.isoformat()}",
            facts=_facts(each),
            created_at=now,
            base=each.base,
            expires_at=now + LIFE,
        )
        for each in worth
    ]
