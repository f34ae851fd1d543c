"""A halt that the bot itself sets in; the halt and its news written together.

Owners hear of it once when it begins and once when it ends. A halt that is set again
for the same reason while it lasts, or only made longer, is no news.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from core.model.alert import Alert, AlertKind, AlertLevel
from core.model.control import Event

if TYPE_CHECKING:
    from datetime import datetime

    from core.model.control import Halt
    from core.ports import Halts

WHO = "engine"


async def impose(
    halts: Halts, halt: Halt, *, level: AlertLevel = AlertLevel.TRADE, who: str = WHO
) -> bool:
    """Put a halt in force and tell the owners; False if they know of it.

    Raises:
        StorageError: nothing is changed or told.
    """
    known = _known(await halts.halts(), halt)
    is_news = known is None or _is_other(known, halt)
    kept = halt if known is None or is_news else replace(halt, since=known.since)
    event = Event(halt.since, who, f"halt {halt.scope} {halt.state.value}", halt.reason)
    told = (_alert(AlertKind.HALTED, kept, kept.since, level),) if is_news else ()
    await halts.set_halt(kept, event, told)
    return is_news


async def lift(halts: Halts, halt: Halt, now: datetime, *, who: str = WHO) -> bool:
    """End a halt and tell the owners; False if it was not in force any more.

    Raises:
        StorageError: nothing is changed or told.
    """
    event = Event(now, who, f"lift {halt.scope}", halt.key)
    told = _alert(AlertKind.HALT_OVER, halt, now, AlertLevel.TRADE)
    return await halts.clear_halt(halt.scope, halt.key, event, (told,))


def _known(halts: tuple[Halt, ...], halt: Halt) -> Halt | None:
    same = (each for each in halts if (each.scope, each.key) == (halt.scope, halt.key))
    return next(same, None)


def _is_other(known: Halt, halt: Halt) -> bool:
    return (known.state, known.reason) != (halt.state, halt.reason)


def _alert(kind: AlertKind, halt: Halt, now: datetime, level: AlertLevel) -> Alert:
    facts = {
        "scope": halt.scope,
        "key": halt.key,
        "state": halt.state.value,
        "reason": halt.reason,
        "since": halt.since.isoformat(),
    }
    if halt.until is not None:
        facts["until"] = halt.until.isoformat()
    return Alert(
        kind=kind,
        level=level,
        dedupe_key=f"{kind.value}:{halt.scope}:{halt.key}:{halt.since.isoformat()}",
        facts=facts,
        created_at=now,
    )
