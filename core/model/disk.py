"""Hold why nothing can be written to the disk."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class WriteTrouble:
    """Writes that failed one after the other."""

    since: datetime
    """Moment of the first."""
    detail: str
    """What the database said last, in a sentence."""
    times: int = 1
