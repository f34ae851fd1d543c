"""What a dialect is asked and what it answers, and text forms of numbers."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from decimal import Decimal

    from sandbox.venues.world import World

JSON_TYPE: Final = "application/json"
BODIES_KEPT: Final = 64


@dataclass(frozen=True, slots=True)
class Ask:
    """One request, without the prefix that the sandbox puts before a venue's path."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Any = None
    """Parsed JSON of a POST or PATCH, None if there was none or it was not JSON."""
    form: Mapping[str, str] = field(default_factory=dict)
    """Fields of a url-encoded body."""
    headers: Mapping[str, str] = field(default_factory=dict)
    raw_query: str = ""
    """The query as it was sent, for signatures."""
    raw_body: bytes = b""

    @property
    def words(self) -> dict[str, str]:
        """Return query and form together."""
        return {**self.query, **self.form}


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body as they go out."""

    body: bytes
    status: int = 200
    content_type: str = JSON_TYPE
    headers: Mapping[str, str] = field(default_factory=dict)


class Dialect(Protocol):
    """One venue's REST interface over the shared market."""

    venue: str

    def endpoint(self, ask: Ask) -> str:
        """Return the name that the control plane knows a request by."""

    def answer(self, ask: Ask) -> Answer:
        """Answer as the venue would, errors in its own form included."""


def pack(payload: object, status: int = 200) -> Answer:
    """Return an answer that carries JSON."""
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    return Answer(text.encode(), status)


def plain(number: float, decimals: int) -> str:
    """Write a number without exponent and without needless zeros.

    >>> plain(0.0000125, 10)
    '0.0000125'
    >>> plain(91012, 1)
    '91012.0'
    """
    text = f"{number:.{decimals}f}"
    if "." not in text:
        return f"{text}.0"
    text = text.rstrip("0")
    return f"{text}0" if text.endswith(".") else text


def exact(number: Decimal) -> str:
    """Write a decimal without exponent and without needless zeros.

    >>> from decimal import Decimal
    >>> exact(Decimal("9.600E-5"))
    '0.000096'
    """
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


@dataclass(slots=True)
class Bodies:
    """Answers kept while nothing in them can have changed: serving stays cheap."""

    world: World
    _kept: dict[str, tuple[int, int, Answer]] = field(default_factory=dict)

    def get(self, name: str, period_ms: int, make: Callable[[int], object]) -> Answer:
        """Return the packed answer of this period, made at most once.

        Args:
            name: what is asked, query included.
            period_ms: how long the content stands still; 1000 for prices.
            make: builds the payload for a moment in milliseconds.
        """
        moment_ms = self.world.moment_ms()
        slot, revision = moment_ms // period_ms, self.world.revision
        kept = self._kept.get(name)
        if kept is not None and kept[:2] == (slot, revision):
            return kept[2]
        answer = pack(make(moment_ms))
        if len(self._kept) >= BODIES_KEPT:
            self._kept.pop(next(iter(self._kept)))
        self._kept[name] = (slot, revision, answer)
        return answer


def whole_number(text: str | None, default: int) -> int | None:
    """Read an optional integer parameter; None where it is not one."""
    if text is None or text == "":
        return default
    return int(text) if text.lstrip("-").isdecimal() else None
