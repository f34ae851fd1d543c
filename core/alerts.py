"""Scan results in, pushes worth a person's attention out; each is said once.

A new spread is pushed when it stood above the threshold in two scans, both sides were
read in this very scan and have a known, sufficient day volume, neither the pair nor its
token is muted, it is no spike against its own past, it pays net at the usual size, and
it was not pushed before, unless it grew by half, or was gone meanwhile and four hours
passed. A spread that just stands is never told again: /top shows it. More than three at
once become one digest. Once it is below 70 % of the threshold it is gone, and the
message that told it says so. What was said is stored: a restart repeats nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from core.model.alert import Alert, AlertKind, AlertLevel
from core.model.preferences import is_muted
from core.model.units import Base, VenueId

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
GONE_LIFE = timedelta(hours=24)
"""How long it is worth saying on its message that a spread is gone."""
_PREFIX = "spread:"


@dataclass(frozen=True, slots=True)
class _Told:
    """What was said about a pair."""

    at: datetime
    per_hour: Decimal
    least_per_hour: Decimal
    """The threshold of that moment, by which it counts as gone."""
    key: str
    """Of the alert that said it."""
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Memory:
    """What is stored about one pair."""

    streak: int = 0
    told: _Told | None = None
    gone_at: datetime | None = None

    def stored(self) -> dict[str, str]:
        """Return it as texts."""
        found = {"streak": str(self.streak)}
        if self.told is not None:
            found |= {
                "told_at": self.told.at.isoformat(),
                "told_per_hour": str(self.told.per_hour),
                "least_per_hour": str(self.told.least_per_hour),
                "told_key": self.told.key,
                "facts": json.dumps(dict(self.told.facts)),
            }
        if self.gone_at is not None:
            found["gone_at"] = self.gone_at.isoformat()
        return found


def _parse(facts: Mapping[str, str]) -> _Memory:
    told, at, gone_at = None, facts.get("told_at"), facts.get("gone_at")
    if at is not None:
        per_hour = Decimal(facts["told_per_hour"])
        told = _Told(
            at=datetime.fromisoformat(at),
            per_hour=per_hour,
            # an earlier version kept neither the threshold nor the message
            least_per_hour=Decimal(facts.get("least_per_hour", facts["told_per_hour"])),
            key=facts.get("told_key", ""),
            facts=json.loads(facts.get("facts", "{}")),
        )
    return _Memory(
        streak=int(facts["streak"]),
        told=told,
        gone_at=None if gone_at is None else datetime.fromisoformat(gone_at),
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
        """Push what deserves it; return how many new messages were stored.

        `least_per_hour` is the smallest hourly spread worth a push.
        """
        self._least, self._mutes = least_per_hour, mutes
        pairs = await self._recall()
        standing = {_key(each): each for each in result.opportunities}
        gone = [
            key
            for key in sorted(set(pairs) - set(standing))
            if await self._fades(key, _spread_of(key, result), result)
        ]
        worth = []
        for key, each in standing.items():
            if each.spread_per_hour < least_per_hour:
                if await self._fades(key, each.spread_per_hour, result):
                    gone.append(key)
            elif await self._is_news(key, each, result):
                worth.append(each)
        await self._say_gone(gone, result.at)
        return await self._say_new(worth, result.at)

    # --- memory -----------------------------------------------------------------------

    async def _recall(self) -> dict[str, _Memory]:
        if self._pairs is None:
            stored = await self._store.recall()
            self._pairs = {
                key: _parse(facts)
                for key, facts in stored.items()
                if key.startswith(_PREFIX)
            }
        return self._pairs

    async def _keep(self, key: str, memory: _Memory | None) -> None:
        pairs = await self._recall()
        if pairs.get(key) == memory:
            return
        if memory is None:
            del pairs[key]
        else:
            pairs[key] = memory
        await self._store.remember(key, None if memory is None else memory.stored())

    # --- one pair ---------------------------------------------------------------------

    async def _fades(
        self, key: str, per_hour: Decimal | None, result: ScanResult
    ) -> bool:
        """Break the streak of a pair below the threshold; True once it is gone.

        A side that was not read says nothing about the spread.
        """
        memory = (await self._recall()).get(key)
        if memory is None:
            return False
        told = memory.told
        if told is None:
            await self._keep(key, None)
            return False
        if memory.gone_at is not None:
            is_old = result.at - max(told.at, memory.gone_at) >= REPEAT_AFTER
            await self._keep(key, None if is_old else replace(memory, streak=0))
            return False
        if not _were_read(_venues(key), result):
            return False
        if per_hour is not None and per_hour >= told.least_per_hour * CLEARED_AT:
            return False
        await self._keep(key, _Memory(0, told, result.at))
        return True

    async def _is_news(self, key: str, pair: Opportunity, result: ScanResult) -> bool:
        """Count the scan for a pair above the threshold; True if it must be told."""
        if not _were_read(_venues(key), result) or pair.has_unknown_volume:
            return False
        before = (await self._recall()).get(key, _Memory())
        streak = min(before.streak + 1, SCANS_NEEDED)
        await self._keep(key, replace(before, streak=streak))
        if streak < SCANS_NEEDED:
            return False
        is_mute = is_muted(self._mutes, pair.base, _venues(key), result.at)
        if is_mute or self._is_spike(pair) or not _pays_net(pair, result):
            return False
        told = before.told
        if told is None or pair.spread_per_hour >= told.per_hour * GROWTH_TO_REPEAT:
            return True
        return before.gone_at is not None and result.at - told.at >= REPEAT_AFTER

    # --- what is said -----------------------------------------------------------------

    async def _say_new(self, worth: Sequence[Opportunity], now: datetime) -> int:
        alerts = _alerts(worth, now)
        for alert, pairs in alerts:
            await self._outbox.put(alert)
            for pair in pairs:
                told = _Told(
                    at=now,
                    per_hour=pair.spread_per_hour,
                    least_per_hour=self._least,
                    key=alert.dedupe_key,
                    facts=_facts(pair),
                )
                await self._keep(_key(pair), _Memory(SCANS_NEEDED, told))
        return len(alerts)

    async def _say_gone(self, keys: Sequence[str], now: datetime) -> None:
        """Let the messages that told these pairs say that they are gone."""
        pairs = await self._recall()
        told = (pairs[key].told for key in keys)
        for message in sorted({each.key for each in told if each and each.key}):
            same = {
                key: memory
                for key, memory in pairs.items()
                if memory.told is not None and memory.told.key == message
            }
            await self._outbox.put(_gone_alert(message, same, now))


def _gone_alert(told_key: str, pairs: Mapping[str, _Memory], now: datetime) -> Alert:
    """Return the edit of a message that told one pair or several."""
    items = []
    for memory in pairs.values():
        if memory.told is None:
            continue
        gone = {} if memory.gone_at is None else {"gone_at": memory.gone_at.isoformat()}
        told = {"told_at": memory.told.at.isoformat()}
        items.append({**memory.told.facts, **told, **gone})
    is_digest = told_key.startswith("digest:")
    return Alert(
        kind=AlertKind.SPREAD_DIGEST if is_digest else AlertKind.NEW_SPREAD,
        level=AlertLevel.OPPORTUNITY,
        dedupe_key=f"gone:{told_key}:{now.isoformat()}",
        facts=_digest_facts(items) if is_digest else items[0],
        created_at=now,
        base=None if is_digest else Base(items[0].get("base", "")),
        expires_at=now + GONE_LIFE,
        edits_key=told_key,
    )


def _venues(key: str) -> tuple[VenueId, VenueId]:
    """Return the long and the short venue of a stored pair."""
    _, long, short = key.rsplit(":", 2)
    return VenueId(long), VenueId(short)


def _were_read(venues: tuple[VenueId, VenueId], result: ScanResult) -> bool:
    answered = {each.venue_id for each in result.venues if each.is_ok}
    return set(venues) <= answered


def _pays_net(pair: Opportunity, result: ScanResult) -> bool:
    """Tell whether a pair can be filled at the usual size and is worth it net.

    Where no pair of the scan was priced at all, gross has to do.
    """
    if pair.refusal is not None:
        return False
    is_priced = any(each.estimate is not None for each in result.opportunities)
    return pair.estimate is not None or not is_priced


def _spread_of(key: str, result: ScanResult) -> Decimal | None:
    """Return the hourly spread of a pair that is not ranked; None if unknown."""
    base = Base(key.removeprefix(_PREFIX).rsplit(":", 2)[0])
    rates = {
        each.instrument.venue_id: each.rate.per_hour
        for each in result.snapshots.get(base, ())
    }
    long, short = (rates.get(venue_id) for venue_id in _venues(key))
    return None if long is None or short is None else short - long


def _key(pair: Opportunity) -> str:
    long, short = pair.long.instrument.venue_id, pair.short.instrument.venue_id
    return f"{_PREFIX}{pair.base}:{long}:{short}"


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


def _digest_facts(items: Sequence[Mapping[str, str]]) -> dict[str, str]:
    return {"items": json.dumps(list(items)), "count": str(len(items))}


def _alerts(
    worth: Sequence[Opportunity], now: datetime
) -> list[tuple[Alert, Sequence[Opportunity]]]:
    if len(worth) > MOST_SINGLE:
        digest = Alert(
            kind=AlertKind.SPREAD_DIGEST,
            level=AlertLevel.OPPORTUNITY,
            dedupe_key=f"digest:{now.isoformat()}",
            facts=_digest_facts([_facts(each) for each in worth]),
            created_at=now,
            expires_at=now + LIFE,
        )
        return [(digest, worth)]
    return [(_alert(each, now), [each]) for each in worth]


def _alert(pair: Opportunity, now: datetime) -> Alert:
    return Alert(
        kind=AlertKind.NEW_SPREAD,
        level=AlertLevel.OPPORTUNITY,
        dedupe_key=f"{_key(pair)}:{now.isoformat()}",
        facts=_facts(pair),
        created_at=now,
        base=pair.base,
        expires_at=now + LIFE,
    )
