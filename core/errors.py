"""Name every refusal (`CoreError`) and every venue failure (`VenueError`) as a class.

One class per decision its catcher can take. `str(error)` is one plain sentence for the
log; the card is made from the class and its fields.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal


class TroubleKind(StrEnum):
    """How a venue failed."""

    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    BUSY = "busy"
    HELD_BACK = "held_back"
    """Our own limit on requests: the venue was not asked and did not fail."""
    SERVER_ERROR = "server_error"
    NONSENSE = "nonsense"
    REFUSED = "refused"
    UNEXPECTED = "unexpected"


class CoreError(Exception):
    """We refused; nothing was sent."""


class IllegalStepError(CoreError):
    """A life cycle has no such step; nothing was changed."""

    def __init__(self, subject: str, state: str, step: str) -> None:
        super().__init__(f"{subject} cannot take step {step} in state {state}")
        self.subject, self.state, self.step = subject, state, step


class UnknownTokenError(CoreError):
    """No venue lists this token."""

    def __init__(self, token: str) -> None:
        super().__init__(f"No venue lists {token}.")
        self.token = token


class NoPairError(CoreError):
    """The token has no pair of fresh, liquid instruments now."""

    def __init__(self, token: str, why: str) -> None:
        super().__init__(f"{token} cannot be paired now: {why}.")
        self.token, self.why = token, why


class ThinSpreadError(NoPairError):
    """The token's best pair pays less than the least spread wanted."""

    def __init__(
        self, token: str, spread_per_hour: Decimal, least_per_hour: Decimal
    ) -> None:
        super().__init__(token, "its best spread is below the least wanted")
        self.spread_per_hour, self.least_per_hour = spread_per_hour, least_per_hour


class TooManyOpenError(CoreError):
    """As many pairs are open as the host allows."""

    def __init__(self, count: int) -> None:
        super().__init__(f"{count} pairs are open already, more are not allowed.")
        self.count = count


class NothingFitsError(CoreError):
    """No opportunity could be offered; `passed_over` says why for each."""

    def __init__(self, passed_over: tuple[tuple[str, str], ...]) -> None:
        super().__init__("No opportunity fits now.")
        self.passed_over = passed_over


class SizeError(CoreError):
    """The size cannot be traded: too small, too large, or the lots do not fit."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Fault(StrEnum):
    """What is wrong with a value that a person chose."""

    UNREADABLE = "unreadable"
    TOO_LOW = "too_low"
    TOO_HIGH = "too_high"
    ABOVE_HOST = "above_host"
    """The host allows less, and only the host can allow more."""
    ABOVE_CAP = "above_cap"
    """A cap that chat lowered is below it."""
    UNKNOWN_NAME = "unknown_name"
    NOTHING_LEFT = "nothing_left"
    NEVER_OFF = "never_off"


class BadValueError(CoreError):
    """A preference cannot have this value; nothing was changed."""

    def __init__(self, key: str, fault: Fault, limit: str = "") -> None:
        detail = f" (limit {limit})" if limit else ""
        super().__init__(f"{key} cannot be changed: {fault.value}{detail}.")
        self.key, self.fault, self.limit = key, fault, limit


class MarginError(CoreError):
    """A venue has not enough free margin."""

    def __init__(
        self,
        venue_id: str,
        free_usd: Decimal,
        needed_usd: Decimal,
        fits_usd: Decimal | None = None,
    ) -> None:
        super().__init__(
            f"{venue_id} has {free_usd:.2f} USD free, {needed_usd:.2f} needed."
        )
        self.venue_id, self.free_usd, self.needed_usd = venue_id, free_usd, needed_usd
        self.fits_usd = fits_usd
        """Largest size per leg that this venue's free margin carries, if known."""


class VenueDownError(CoreError):
    """A venue does not answer now; others work."""

    def __init__(self, venue_id: str, detail: str, since: datetime | None) -> None:
        super().__init__(f"{venue_id} does not answer: {detail}")
        self.venue_id, self.detail, self.since = venue_id, detail, since


class OffTheListError(CoreError):
    """A held contract left its venue's list, and no order book of it is shown."""

    def __init__(self, venue_id: str, name: str, reason: str) -> None:
        super().__init__(f"{venue_id} does not trade {name} any more: {reason}")
        self.venue_id, self.name, self.reason = venue_id, name, reason


class BoundBrokenError(CoreError):
    """The world became worse than the card's bounds; nothing was ordered."""

    def __init__(self, what: str, was: str, now: str) -> None:
        super().__init__(f"{what} went from {was} to {now}")
        self.what, self.was, self.now = what, was, now


class PausedError(CoreError):
    """Entries are off; with `is_halt`, so is everything else automatic.

    Without `can_close` not even a close that a person confirms is sent.
    """

    def __init__(
        self,
        reason: str,
        since: datetime,
        *,
        is_halt: bool = False,
        can_close: bool = True,
    ) -> None:
        super().__init__(f"Entries are paused: {reason}")
        self.reason, self.since, self.is_halt = reason, since, is_halt
        self.can_close = can_close


class ReconcilingError(CoreError):
    """Positions are being checked after a start."""


class CoolingDownError(CoreError):
    """This pair failed a while ago."""

    def __init__(self, token: str, until: datetime) -> None:
        super().__init__(f"{token} on this pair is paused until {until:%H:%M} UTC")
        self.token, self.until = token, until


class CapError(CoreError):
    """The host's caps leave no room for this entry."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class CannotAdoptError(CoreError):
    """A position that is not ours cannot become a leg of a pair."""

    def __init__(self, token: str, why: str) -> None:
        super().__init__(f"{token} cannot be adopted: {why}.")
        self.token, self.why = token, why


class CannotAddError(CoreError):
    """Nothing can be added to an open pair now."""

    def __init__(self, token: str, why: str) -> None:
        super().__init__(f"Nothing can be added to {token}: {why}.")
        self.token, self.why = token, why


class AlreadyHeldError(CoreError):
    """A venue already holds a position in this token (ours or foreign)."""

    def __init__(self, token: str, venue_id: str, detail: str) -> None:
        super().__init__(f"{venue_id} already holds {token}: {detail}")
        self.token, self.venue_id, self.detail = token, venue_id, detail


class PlanGoneError(CoreError):
    """Base of every reason why a confirm button no longer works."""


class PlanExpiredError(PlanGoneError):
    """The quote is too old."""

    def __init__(self, expired_at: datetime) -> None:
        super().__init__(f"The quote expired at {expired_at:%H:%M:%S} UTC.")
        self.expired_at = expired_at


class PlanUsedError(PlanGoneError):
    """The button was already pressed."""

    def __init__(self, trade_id: str | None) -> None:
        super().__init__("This plan was already confirmed.")
        self.trade_id = trade_id


class PlanVoidError(PlanGoneError):
    """The plan was replaced, cancelled, or the bot restarted."""

    def __init__(self, why: str) -> None:
        super().__init__(f"This plan is void: {why}.")
        self.why = why


class PlanUnknownError(PlanVoidError):
    """No plan ever had this secret: the button is none of ours."""

    def __init__(self) -> None:
        super().__init__("it is not known")


class PlanPendingError(PlanGoneError):
    """The card is just being sent; tap again."""


class NotYoursError(PlanGoneError):
    """Another person, chat or message owns this button."""

    def __init__(self, user_id: int | None = None) -> None:
        super().__init__("Only who asked for this card can confirm it.")
        self.user_id = user_id
        """Whose card it is; None when that is not known."""


class UnknownTradeError(CoreError):
    """There is no trade of this id."""

    def __init__(self, trade_id: str) -> None:
        super().__init__(f"There is no trade {trade_id}.")
        self.trade_id = trade_id


class TradeBusyError(CoreError):
    """The trade is opening, closing, being repaired, or over."""

    def __init__(self, trade_id: str, state: str) -> None:
        super().__init__(f"Trade {trade_id} is {state}.")
        self.trade_id, self.state = trade_id, state


class StorageError(CoreError):
    """The database could not be read or written; nothing was sent."""


class VenueError(Exception):
    """A venue failed or refused; base of what adapters raise on reads."""

    def __init__(self, venue_id: str, kind: TroubleKind, detail: str) -> None:
        super().__init__(f"{venue_id}: {detail}")
        self.venue_id, self.kind, self.detail = venue_id, kind, detail
