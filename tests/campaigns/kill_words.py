"""The words in which plots of kills are written: what goes on, what is cut, and how."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tests.journeys.crashing import Moment


class During(StrEnum):
    """What goes on when the power fails."""

    START = "start"
    OPEN = "open"
    CLOSE = "close"
    ADD = "add"
    """A pair is open and grows: it ends grown, or the same as before."""
    LOSS = "loss"
    """A pair is open and its venue takes part of a leg away."""
    FUNDING = "funding"
    """A pair is open over a payment."""
    WORDS = "words"
    """Something is typed that changes what is stored."""
    BACKUP = "backup"
    """A pair is open and the record is copied: the copying program is cut, then the
    bot."""


class By(StrEnum):
    """How the bot ends."""

    KILL = "SIGKILL"
    TERM = "SIGTERM"
    TERM_KILL = "SIGTERM, then SIGKILL"


@dataclass(frozen=True, slots=True)
class Spoil:
    """What every venue does wrong; as the sandbox's faults."""

    endpoint: str
    kind: str = "timeout"
    after: int = 0
    param: Any = None
    before: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """A venue has taken the nth request of a purpose."""

    purpose: str
    nth: int = 1

    def __str__(self) -> str:
        return f"{self.purpose} #{self.nth} taken"


@dataclass(frozen=True, slots=True)
class Chance:
    """So long after the tap."""

    after_s: float

    def __str__(self) -> str:
        return f"{self.after_s:.3f} s after the tap"


Cut = Moment | Seen | Chance


@dataclass(frozen=True, slots=True)
class Again:
    """A second cut, into what the first one left to do."""

    cut: Moment | Seen
    spoils: tuple[Spoil, ...] = ()


@dataclass(frozen=True, slots=True)
class Plot:
    """One way to meet a crash point."""

    points: str
    """The crash points, with blanks between."""
    cut: Cut
    ends: str
    """How the trade may stand once the bot is back, with blanks between."""
    spoils: tuple[Spoil, ...] = ()
    during: During = During.OPEN
    by: By = By.KILL
    again: tuple[Again, ...] = ()
    words: str = ""
    """What is typed."""
    share: str = "1"
    """How much of a leg is taken away."""
    layout: int | None = None
    """The record is there already, in this older layout."""
    checkpoints: bool = False
    is_copied: bool = False
    """The record is copied again and again while the bot dies."""
    is_paper: bool = False
    is_program: bool = False
    """The installed program, killed from outside; nothing waits for a fence."""

    def __str__(self) -> str:
        more = "".join(f", then {each.cut}" for each in self.again)
        how = "" if self.by is By.KILL else f" ({self.by})"
        where = ", paper" if self.is_paper else ""
        return f"{self.points}: {self.during} {self.cut}{more}{how}{where}"


# --- what venues do -------------------------------------------------------------------

HELD = "timeout"


def held(endpoint: str, after: int = 0) -> Spoil:
    """Return: the deed is done, the reply never comes."""
    return Spoil(endpoint, HELD, after)


def lost(endpoint: str, after: int = 0) -> Spoil:
    """Return: the deed is never done, and no reply comes."""
    return Spoil(endpoint, HELD, after, before=True)


def late(endpoint: str, after: int = 0, after_s: float = 2.5) -> Spoil:
    """Return: it waits in the venue's queue, and no reply comes."""
    return Spoil(endpoint, "late", after, {"after_s": after_s})


def thin(endpoint: str, share: str, after: int = 0, *, is_held: bool = False) -> Spoil:
    """Return: only a share is filled, maybe without a reply."""
    kind = "partial" if float(share) else "zero"
    param: Any = {"share": share} | ({"reply": HELD} if is_held else {})
    return Spoil(endpoint, kind, after, param)


def refused(endpoint: str, after: int = 0) -> Spoil:
    """Return: refused for want of margin."""
    return Spoil(endpoint, "reject", after, "margin")
