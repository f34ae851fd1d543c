"""What a check of settings and venues found, one line each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from core.model.units import VenueId


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "ERROR"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line."""

    level: Level
    about: str
    says: str
    venue_id: VenueId | None = None
    """The venue it is about, if one."""
    is_silence: bool = False
    """True where nothing is known because nobody answered."""


def is_clean(findings: Iterable[Finding]) -> bool:
    """Tell whether nothing forbids trading."""
    return all(each.level is not Level.ERROR for each in findings)


def lines_of(findings: Sequence[Finding]) -> list[str]:
    """Return one line per finding, in columns, and what they come to."""
    width = max((len(each.about) for each in findings), default=0)
    lines = [f"{each.level:<8} {each.about:<{width}}  {each.says}" for each in findings]
    errors = sum(1 for each in findings if each.level is Level.ERROR)
    warnings = sum(1 for each in findings if each.level is Level.WARNING)
    if errors:
        return [*lines, f"{counted(errors, 'error')}: not ready. Nothing was ordered."]
    also = f" {counted(warnings, 'warning')} to read." if warnings else ""
    return [*lines, f"Ready.{also} Nothing was ordered."]


def counted(count: int, thing: str) -> str:
    """Return a number with its noun."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
