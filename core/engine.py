"""Offer every use case as one short method; taps, timers and the terminal call it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from decimal import Decimal

    from core.model.control import AlertDelivery, Preferences
    from core.model.health import Health
    from core.model.instrument import Availability, TokenRow
    from core.model.opportunity import Opportunity, ScanResult
    from core.model.plan import ClosePlan, OpenPlan
    from core.model.position import Portfolio, Position
    from core.model.trade import Trade
    from core.model.units import (
        Base,
        ChatId,
        MessageId,
        Mode,
        Nonce,
        PlanId,
        TradeId,
        UserId,
        VenueId,
    )
    from core.model.venue import VenueRules


@dataclass(frozen=True, slots=True)
class Quote:
    """A plan and the secret its confirm button carries."""

    plan_id: PlanId
    nonce: Nonce
    body: OpenPlan | ClosePlan
    quoted_at: datetime
    expires_at: datetime
    passed_over: tuple[tuple[Base, str], ...] = ()
    """What "Enter best" skipped before this one, and why."""


@dataclass(frozen=True, slots=True)
class TokenView:
    """One token with everything known of it."""

    row: TokenRow
    result: ScanResult | None
    opportunity: Opportunity | None


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What never changes while the process runs."""

    mode: Mode
    venues: tuple[VenueRules, ...]
    size_usd: Decimal
    leverage: Decimal
    quote_ttl: timedelta
    scan_interval: timedelta
    min_spread_per_hour: Decimal
    min_volume_usd: Decimal


class Engine:
    """Every use case."""

    facts: EngineFacts

    # --- life -----------------------------------------------------------------------

    async def start(self) -> None:
        """Load the stored cache, void old cards, reconcile trades; then entries open.

        Returns once chat may be served; reconciliation goes on as a task.
        """
        raise NotImplementedError

    async def stop(self) -> None:
        """Finish or park running work within 10 s."""
        raise NotImplementedError

    # --- see ------------------------------------------------------------------------

    async def refresh_availability(self) -> Availability:
        """Read every venue's list anew and store it."""
        raise NotImplementedError

    async def scan(self) -> ScanResult:
        """Read all rates and rank; a caller during a running scan gets its result."""
        raise NotImplementedError

    async def scan_if_idle(self) -> None:
        """Scan unless one runs (timer): a late scan is skipped, not queued."""
        raise NotImplementedError

    def latest_scan(self) -> ScanResult | None:
        """Return the last scan, None before the first."""
        raise NotImplementedError

    def availability(self) -> Availability | None:
        """Return the cache as it is, None before the first read."""
        raise NotImplementedError

    def token(self, token: str) -> TokenView:
        """Return one token; 1000PEPE, kPEPE and pepe all mean PEPE.

        Raises:
            UnknownTokenError: no venue lists it and it is not configured.
        """
        raise NotImplementedError

    async def health(self) -> Health:
        """Return the state of everything."""
        raise NotImplementedError

    # --- decide ---------------------------------------------------------------------

    async def quote_open(
        self,
        token: str,
        *,
        venues: tuple[VenueId, VenueId] | None = None,
        size_usd: Decimal | None = None,
        user_id: UserId,
        chat_id: ChatId,
    ) -> Quote:
        """Price an entry now from both books and store it as a draft plan.

        `venues` is (long, short); None takes the ranked pair of the token.

        Raises:
            CoreError: why it cannot be offered; nothing was ordered.
        """
        raise NotImplementedError

    async def quote_best(
        self, *, size_usd: Decimal | None = None, user_id: UserId, chat_id: ChatId
    ) -> Quote:
        """Walk the ranking from the top and quote the first pair that fits.

        Raises:
            NothingFitsError: none did; it names why for each.
        """
        raise NotImplementedError

    async def quote_close(
        self, trade_id: TradeId, *, user_id: UserId, chat_id: ChatId
    ) -> Quote:
        """Price a close now from both books.

        Raises:
            CoreError: unknown or busy trade, or a venue that does not answer.
        """
        raise NotImplementedError

    async def issue(self, plan_id: PlanId, message_id: MessageId) -> None:
        """Bind a drafted plan to the message that shows it."""
        raise NotImplementedError

    async def discard(self, plan_id: PlanId) -> None:
        """Void a plan whose card was replaced or could not be sent."""
        raise NotImplementedError

    async def confirm(
        self, nonce: Nonce, *, user_id: UserId, chat_id: ChatId, message_id: MessageId
    ) -> Trade:
        """Claim a plan, start its trade as a supervised task, and return the trade.

        Raises:
            PlanGoneError: late, twice, foreign, void; nothing was ordered.
            CoreError: paused, reconciling; nothing was ordered.
        """
        raise NotImplementedError

    async def cancel(
        self, nonce: Nonce, *, user_id: UserId, chat_id: ChatId, message_id: MessageId
    ) -> None:
        """End an issued plan on its owner's word.

        Raises:
            PlanGoneError: it was already used, expired or void.
        """
        raise NotImplementedError

    # --- hold -----------------------------------------------------------------------

    async def portfolio(self) -> Portfolio:
        """Return every open trade valued now; a silent venue leaves its parts None."""
        raise NotImplementedError

    async def position(self, trade_id: TradeId) -> Position:
        """Return one trade valued now, also an ended one.

        Raises:
            UnknownTradeError: there is none.
        """
        raise NotImplementedError

    # --- control --------------------------------------------------------------------

    async def pause(self, user_id: UserId) -> bool:
        """Turn entries off; closing always works. False if they were off already."""
        raise NotImplementedError

    async def resume(self, user_id: UserId) -> bool:
        """Turn entries on again. False if they were on already."""
        raise NotImplementedError

    async def preferences(self) -> Preferences:
        """Return what chat has chosen, or the settings' defaults."""
        raise NotImplementedError

    async def set_alert_spread(self, per_hour: Decimal, user_id: UserId) -> Preferences:
        """Set the smallest hourly spread worth a push."""
        raise NotImplementedError

    async def set_delivery(
        self, delivery: AlertDelivery, user_id: UserId
    ) -> Preferences:
        """Set how pushes on new spreads arrive."""
        raise NotImplementedError

    async def mute(
        self, base: Base, until: datetime | None, user_id: UserId
    ) -> Preferences:
        """Silence one token's pushes until a moment; None is for good."""
        raise NotImplementedError

    async def unmute(self, base: Base, user_id: UserId) -> Preferences:
        """Let one token's pushes through again."""
        raise NotImplementedError

    async def report_stranger(self, user_id: int) -> None:
        """Tell owners, at most once an hour, that a stranger wrote."""
        raise NotImplementedError
