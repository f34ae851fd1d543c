"""Turn taps into callback data and back: `verb:shortid[:arg]`, at most 24 bytes.

A confirm button carries `y:` and its nonce and nothing else; a list button carries the
id of the stored screen and a row, never a symbol or a price.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum, unique

MAX_BYTES = 24


@unique
class Verb(StrEnum):
    """What a button asks for."""

    CONFIRM = "y"
    """Subject is the nonce."""
    CANCEL = "n"
    """Subject is the nonce."""
    SCREEN = "s"
    """Argument names the screen to show in place: top, matrix, pos, health …"""
    REFRESH = "r"
    PAGE = "p"
    TOKEN = "t"  # noqa: S105 -- a verb, not a secret
    """Token card of row `arg`."""
    OPEN = "o"
    """Quote card of row `arg`."""
    BEST = "b"
    CLOSE = "c"
    POSITION = "d"
    SIZE = "z"
    """New quote with preset `arg`."""
    REQUOTE = "q"
    RETRY = "a"
    ALERTS = "l"
    """Preference change `arg`."""
    MUTE = "m"
    SEEN = "u"
    """Stop the repeats of a critical message."""
    SET = "j"
    """Preference, preset or step `arg` of the settings card."""
    PAUSE = "h"
    RESUME = "g"
    FILTER = "f"
    SORT = "k"
    WHY = "w"
    """Refusals of row `arg`; without one, the matrix asks which token is meant."""
    EXIT = "x"
    """What a person asks of one pair: after the next payment, below a level."""
    PNL = "v"
    """Period, split, picture or file `arg` of the results; payments of a pair."""
    FOREIGN = "i"
    """Ignore the foreign position `arg` of the card, or adopt it with `a` before."""
    REPAIR = "e"
    """Retry, stop, believe or give up the repair of the card's pair, by `arg`."""


@dataclass(frozen=True, slots=True)
class Tap:
    """One button press, or what a button will say when pressed."""

    verb: Verb
    subject: str
    """Card id (8 characters) or, for confirm and cancel, the nonce (22)."""
    arg: str = ""

    def encode(self) -> str:
        """Return callback data.

        Raises:
            ValueError: it would be longer than 24 bytes.
        """
        text = f"{self.verb.value}:{self.subject}" + (
            f":{self.arg}" if self.arg else ""
        )
        if len(text.encode()) > MAX_BYTES:
            message = f"callback data longer than {MAX_BYTES} bytes: {text}"
            raise ValueError(message)
        return text


_PATTERN = re.compile(r"([a-z]):([A-Za-z0-9_-]{8,22})(?::([A-Za-z0-9_.+-]{1,13}))?")


def decode(data: str) -> Tap | None:
    """Return the tap, None for anything that is not one of ours."""
    match = _PATTERN.fullmatch(data)
    if match is None or match[1] not in set(Verb):
        return None
    return Tap(verb=Verb(match[1]), subject=match[2], arg=match[3] or "")
