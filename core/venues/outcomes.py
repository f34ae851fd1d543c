"""Everything seen of one submit in; what it proves about the order out.

Pure. The rule is "uncertain unless proven": an exception's class alone proves nothing,
because ccxt 4.5.90 raises the same plain class for a body that breaks off and for a
refusal, and returns an order without an id for a page of HTML.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import aiohttp
import ccxt.async_support as ccxt

from core.model.order import Rejected, Uncertain
from core.venues.http import SLOW_DOWN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.model.order import Accepted, SubmitResult

NOT_SENT: Final = "not_sent"
RATE_LIMIT: Final = "rate_limit"
BANNED: Final = "banned"
CLOCK: Final = "clock"

_REFUSALS: Final = (
    ccxt.InsufficientFunds,
    ccxt.InvalidOrder,
    ccxt.BadSymbol,
    ccxt.BadRequest,
    ccxt.OperationRejected,
    ccxt.MarketClosed,
    ccxt.PermissionDenied,
    ccxt.AuthenticationError,
)
"""Classes that a refusal on the list must have as well."""
_TRANSPORT: Final = (aiohttp.ClientError, OSError, TimeoutError)
_SHUT_OUT: Final = 418
"""Binance answers so to an address that went on asking after 429."""
_SUCCESS: Final = range(200, 300)
_SHOWN: Final = 120


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error in the venue's own words."""

    code: str
    """Its number, or its sentence where the venue has no numbers."""
    text: str


@dataclass(frozen=True, slots=True)
class RefusalTable:
    """Which of a venue's errors prove what; any other proves nothing."""

    definitive: Mapping[str, str]
    """The order does not exist and never will: the venue's code, our word."""
    duplicate: frozenset[str]
    """An earlier copy of the order arrived."""
    rate: frozenset[str]
    """Not executed because too much was asked."""
    clock: frozenset[str] = frozenset()
    """Not executed because the request's time or nonce was wrong."""
    is_sentence: bool = False
    """Codes are beginnings of sentences."""

    def listed(self, code: str) -> str:
        """Return the listed code that this one is, or the code itself."""
        if not self.is_sentence:
            return code
        every = (*self.definitive, *self.duplicate, *self.rate, *self.clock)
        return next((each for each in every if code.startswith(each)), code)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was seen of one submit."""

    was_handed_over: bool
    """The order's own request was given to the network."""
    was_connected: bool
    """A connection to the venue was obtained for it; without one no byte left."""
    status: int | None = None
    """HTTP status of a complete answer; None when none came."""
    refusal: Refusal | None = None
    """Error found in the answer's body."""
    is_own_body: bool = False
    """The body is data of the venue, no page of somebody in between."""
    error: Exception | None = None
    """What the client raised."""
    receipt: Accepted | None = None
    """Proof of acceptance found in the answer's body."""


def judge(attempt: Attempt, table: RefusalTable) -> SubmitResult:
    """Return what is proven: the order exists, it never will, or neither."""
    if attempt.error is not None and not attempt.was_handed_over:
        return Rejected(NOT_SENT, _reason(attempt.error), was_sent=False)
    if attempt.error is not None and not attempt.was_connected:
        return Rejected(NOT_SENT, "no connection", was_sent=False)
    if attempt.status is None:
        return Uncertain(f"no complete answer ({_name(attempt.error)})")
    return _refused(attempt, table) or _answered(attempt)


def _refused(attempt: Attempt, table: RefusalTable) -> SubmitResult | None:
    """Return what an error in the answer proves, None where there is no error."""
    if attempt.status in SLOW_DOWN and attempt.is_own_body:
        if attempt.status == _SHUT_OUT:
            return Rejected(BANNED, "shut us out for a while", was_sent=True)
        return Rejected(RATE_LIMIT, "asked us to slow down", was_sent=True)
    if attempt.refusal is None:
        return None
    code, text = table.listed(attempt.refusal.code), attempt.refusal.text[:_SHOWN]
    if code in table.duplicate:
        return Uncertain(f"an order of this id arrived before: {text}")
    word = _word(table, code, attempt.error)
    if word is None:
        return Uncertain(f"an error that proves nothing: {text}")
    return Rejected(word, text, was_sent=True)


def _word(table: RefusalTable, code: str, error: Exception | None) -> str | None:
    """Return our word for a code that proves the order away, None for any other."""
    if code in table.rate:
        return RATE_LIMIT
    if code in table.clock:
        return CLOCK
    return table.definitive.get(code) if _is_refusal(error) else None


def _answered(attempt: Attempt) -> SubmitResult:
    if attempt.error is not None or attempt.status not in _SUCCESS:
        return Uncertain(f"answered {attempt.status} ({_name(attempt.error)})")
    if attempt.receipt is None:
        return Uncertain("an answer without proof of acceptance")
    return attempt.receipt


def _is_refusal(error: Exception | None) -> bool:
    """Tell whether the client read the answer as a refusal, and as a whole one."""
    if not isinstance(error, _REFUSALS):
        return False
    return not isinstance(error.__cause__, _TRANSPORT)


def _name(error: Exception | None) -> str:
    return "no error" if error is None else type(error).__name__


def _reason(error: Exception) -> str:
    """Return why nothing was sent; a client's text may hold what it signed."""
    detail = getattr(error, "detail", None)
    return detail if isinstance(detail, str) else f"not sent ({_name(error)})"
