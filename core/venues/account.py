"""Trade a real account: orders out, proofs in.

Imported only where the bot was told to trade for real. Each account has connections of
its own, so that no scan holds an order back; the list of contracts and the budget of
requests are the scanner's.
"""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import asynccontextmanager
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from core.errors import TroubleKind, VenueError
from core.model.order import Rejected, Uncertain
from core.venues import outcomes
from core.venues.binance_account import BinanceAccount
from core.venues.capabilities import CAPABILITIES
from core.venues.client import failure_of
from core.venues.dialect import Desk, contracts_of, wire_order
from core.venues.extended_account import ExtendedAccount
from core.venues.fields import MalformedError
from core.venues.http import VenueSession, Watch, watching
from core.venues.hyperliquid_account import HyperliquidAccount
from core.venues.lighter_account import LighterAccount
from core.venues.outcomes import Attempt
from core.venues.pacing import Urgency, urgent
from core.venues.trader import open_trader

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Mapping
    from datetime import datetime
    from decimal import Decimal

    from core.model.account import KeyRights
    from core.model.instrument import Instrument
    from core.model.intent import OrderIntent
    from core.model.order import (
        Balance,
        Fill,
        OrderRecord,
        Payment,
        SubmitResult,
        VenuePosition,
    )
    from core.model.units import VenueId
    from core.ports import Clock
    from core.venues.capabilities import Capabilities
    from core.venues.credentials import Keys
    from core.venues.dialect import Dialect, DialectKind, WireOrder
    from core.venues.markets import MarketReader

log = logging.getLogger(__name__)

CALL_TIMEOUT: Final = timedelta(seconds=10)
QUIET_AFTER_BUSY: Final = timedelta(seconds=5)
"""Pause after "too many requests" where the venue names none."""
_CLIENT_SHARE: Final = 0.9
"""ccxt gives up first, so that its connection is closed in order."""
_BANNED: Final = 418
_QUIET_AFTER_BAN: Final = timedelta(minutes=2)
_LONGEST_QUIET: Final = timedelta(days=3)

_DIALECTS: Final[Mapping[str, DialectKind]] = MappingProxyType(
    {
        "binance": BinanceAccount,
        "hyperliquid": HyperliquidAccount,
        "lighter": LighterAccount,
        "extended": ExtendedAccount,
    }
)


class LiveVenue:
    """One real account; implements the trading ports."""

    def __init__(
        self,
        capabilities: Capabilities,
        keys: Keys,
        *,
        reader: MarketReader,
        base_url: str | None,
        clock: Clock,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Take the parts; nothing is sent before the first call.

        Args:
            capabilities: the venue.
            keys: what opens the account.
            reader: the venue's public data, whose list of contracts and budget of
                requests are shared.
            base_url: replacement of the venue's scheme and host; None keeps them.
            clock: the clock of everything inside.
            tls: authorities to trust; None takes the machine's.
        """
        entry = capabilities.entry
        self._capabilities = capabilities
        self._reader = reader
        self._clock = clock
        self._session = VenueSession(
            entry,
            base_url=base_url,
            clock=clock,
            reads_only=False,
            tls=tls,
            more_hosts=capabilities.more_hosts,
            secrets=keys.secrets,
        )
        self._session.on_slow_down = self._slow_down
        timeout_ms = int(CALL_TIMEOUT * _CLIENT_SHARE / timedelta(milliseconds=1))
        reader.budget.keep_for_orders()
        self._client = open_trader(
            entry,
            keys,
            self._session,
            reader.budget,
            clock=clock,
            timeout_ms=timeout_ms,
        )
        self._desk = Desk(entry, self._client, clock, {})
        self._dialect: Dialect = _DIALECTS[entry.venue_id](self._desk, keys)
        self._listed: object = None
        self._is_prepared = False
        self._preparing = asyncio.Lock()
        self._quiet_until: datetime | None = None

    @property
    def venue_id(self) -> VenueId:
        """Return which venue this is."""
        return self._capabilities.venue_id

    async def close(self) -> None:
        """Close every connection."""
        await self._client.close()
        await self._session.close()

    async def prepare(self) -> None:
        """Do once what the first order must not wait for; harmless to repeat.

        Raises:
            VenueError: the venue failed or refused, or a part is not installed.
        """
        async with self._guarded():
            pass

    # --- orders -----------------------------------------------------------------------

    async def submit(self, intent: OrderIntent, instrument: Instrument) -> SubmitResult:
        """Send a limit IOC order in exactly one request; never raises for the outside.

        Cancelling the caller loses the outcome: run it in a task of its own.
        """
        with urgent(Urgency.ORDER):
            return await self._submit(intent, instrument)

    async def _submit(
        self, intent: OrderIntent, instrument: Instrument
    ) -> SubmitResult:
        try:
            self._be_quiet()
            await self._ready()
            expires_at = self._clock.now() + self._capabilities.expires_after
            order = wire_order(intent, instrument, expires_at)
        except Exception as error:  # noqa: BLE001 - whatever it is, no order was made yet
            return self._unsent(error)
        method, path = self._capabilities.order_request
        watch = Watch(method, path, intent.send_by)
        failure: Exception | None = None
        try:
            with watching(watch):
                await self._dialect.place(order)
        except Exception as error:  # noqa: BLE001 - whatever it is, the watch tells what left
            failure = error
        return self._outcome(order, watch, failure)

    def _unsent(self, error: Exception) -> Rejected:
        """Return the refusal of an order that no request was made for."""
        if isinstance(error, MalformedError):
            return Rejected("lot", str(error), was_sent=False)
        trouble = failure_of(self.venue_id, error)
        is_busy = trouble.kind is TroubleKind.BUSY
        code = outcomes.RATE_LIMIT if is_busy else outcomes.NOT_SENT
        return Rejected(code, trouble.detail, was_sent=False)

    def _outcome(
        self, order: WireOrder, watch: Watch, failure: Exception | None
    ) -> SubmitResult:
        body = _parsed(watch.content)
        try:
            attempt = Attempt(
                was_handed_over=watch.was_handed_over,
                was_connected=watch.was_connected,
                status=watch.status,
                refusal=self._dialect.refusal(body),
                is_own_body=_is_data(watch.content),
                error=failure,
                receipt=self._dialect.receipt(order, body),
            )
        except Exception as error:
            log.exception("answer not understood venue=%s", self.venue_id)
            return Uncertain(f"an answer not understood ({type(error).__name__})")
        result = outcomes.judge(attempt, self._capabilities.refusals)
        if isinstance(result, Rejected) and result.code == outcomes.CLOCK:
            self._is_prepared = False  # look at the venue's clock before anything else
        return result

    async def cancel(self, intent: OrderIntent, instrument: Instrument) -> None:
        """Cancel a resting order; unknown to the venue is no error.

        Raises:
            VenueError: no answer.
        """
        async with self._guarded(Urgency.ORDER):
            await self._dialect.cancel(intent, instrument)

    async def find(
        self, intent: OrderIntent, instrument: Instrument
    ) -> OrderRecord | None:
        """Look up by client id; None is "not visible", never "not placed".

        Raises:
            VenueError: no answer.
        """
        async with self._guarded(Urgency.LOOKUP):
            return await self._dialect.find(intent, instrument)

    async def fills(self, instrument: Instrument, since: datetime) -> tuple[Fill, ...]:
        """Read our own executions in one symbol from a moment on, oldest first.

        Raises:
            VenueError: no answer.
        """
        async with self._guarded(Urgency.LOOKUP):
            found = await self._dialect.fills(instrument, since)
            every = (fill for fill in found if fill.at >= since)
            return tuple(sorted(every, key=lambda fill: (fill.at, fill.venue_trade_id)))

    # --- account ----------------------------------------------------------------------

    async def positions(self) -> tuple[VenuePosition, ...]:
        """Read all positions; a symbol missing from a successful answer is flat.

        Raises:
            VenueError: no answer or half of one, which is no information.
        """
        async with self._guarded(Urgency.LOOKUP):
            return await self._dialect.positions()

    async def balance(self) -> Balance:
        """Read equity and free margin, which every quote and entry hangs on.

        Raises:
            VenueError: no answer.
        """
        async with self._guarded(Urgency.LOOKUP):
            return await self._dialect.balance()

    async def payments(self, since: datetime) -> tuple[Payment, ...]:
        """Read funding received and paid after a moment, oldest first.

        Raises:
            VenueError: no answer.
        """
        async with self._guarded():
            found = await self._dialect.payments(since)
            after = (paid for paid in found if paid.pay_at > since)
            return tuple(sorted(after, key=lambda paid: (paid.pay_at, paid.symbol)))

    async def set_leverage(self, instrument: Instrument, leverage: int) -> None:
        """Set cross margin and the leverage of one symbol, as its next order needs it.

        Raises:
            VenueError: refused or no answer.
        """
        async with self._guarded(Urgency.LOOKUP):
            await self._dialect.set_leverage(instrument, leverage)

    # --- before trading ---------------------------------------------------------------

    async def is_one_way(self) -> bool:
        """Tell whether the account holds one position per symbol, as we need it.

        Raises:
            VenueError: no answer.
        """
        async with self._guarded():
            return await self._dialect.is_one_way()

    async def clock_offset(self) -> timedelta | None:
        """Return how far the venue's clock is ahead of ours, None if it shows none.

        Raises:
            VenueError: no answer.
        """
        async with self._guarded():
            started = self._clock.now()
            theirs = await self._dialect.venue_time()
            middle = started + (self._clock.now() - started) / 2
            return None if theirs is None else theirs - middle

    async def key_rights(self) -> KeyRights:
        """Read what the key may do.

        Raises:
            VenueError: no answer.
        """
        async with self._guarded():
            return await self._dialect.key_rights()

    async def taker_fee(self, instrument: Instrument) -> Decimal:
        """Return the account's own fee as a fraction of notional.

        Raises:
            VenueError: no answer.
        """
        async with self._guarded():
            return await self._dialect.taker_fee(instrument)

    @property
    def fee_note(self) -> str | None:
        """Return what a person must know of the fee that was told last."""
        note: str | None = getattr(self._dialect, "fee_note", None)
        return note

    # --- around every call ------------------------------------------------------------

    @asynccontextmanager
    async def _guarded(self, urgency: Urgency = Urgency.READ) -> AsyncIterator[None]:
        """Give a call so long, and turn whatever goes wrong into a VenueError."""
        self._be_quiet()
        try:
            async with asyncio.timeout(CALL_TIMEOUT.total_seconds()):
                with urgent(urgency):
                    await self._ready()
                    yield
        except Exception as error:  # ccxt raises anything on a bad answer
            trouble = failure_of(self.venue_id, error)
            if trouble.kind is TroubleKind.BUSY:
                self._quiet(QUIET_AFTER_BUSY)  # also where it is said without a status
            if trouble is error:
                raise
            raise trouble from error

    async def _ready(self) -> None:
        """Have the scanner's list at hand, and what the first order needs."""
        markets = await self._reader.lend_markets(self._client)
        if markets is not self._listed:
            self._desk.contracts.clear()
            self._desk.contracts.update(
                contracts_of(self._capabilities.entry, self._client.markets)
            )
            self._listed = markets
        if self._is_prepared:
            return
        async with self._preparing:
            if not self._is_prepared:
                await self._dialect.prepare()
                self._is_prepared = True

    def _be_quiet(self) -> None:
        """Hold a request back while the venue wants to be left alone.

        Raises:
            VenueError: it does, now.
        """
        until = self._quiet_until
        if until is not None and self._clock.now() < until:
            detail = f"asked us to wait until {until:%H:%M:%S} UTC"
            raise VenueError(self.venue_id, TroubleKind.BUSY, detail)

    def _slow_down(self, status: int, retry_after: str | None) -> None:
        usual = _QUIET_AFTER_BAN if status == _BANNED else QUIET_AFTER_BUSY
        self._quiet(_told_seconds(retry_after) or usual)

    def _quiet(self, duration: timedelta) -> None:
        until = self._clock.now() + duration
        self._quiet_until = max(until, self._quiet_until or until)


def _parsed(content: bytes) -> object:
    """Return a body as data, None if it is none."""
    try:
        found: object = json.loads(content, parse_float=str)
    except ValueError:
        return None
    return found


def _is_data(content: bytes) -> bool:
    """Tell whether a body is JSON, be it null, and no page of a host in between."""
    return content.strip() == b"null" or _parsed(content) is not None


def _told_seconds(retry_after: str | None) -> timedelta | None:
    if retry_after is None or not retry_after.isdecimal():
        return None
    return min(timedelta(seconds=int(retry_after)), _LONGEST_QUIET)


def open_account(
    venue_id: VenueId,
    keys: Keys,
    *,
    reader: MarketReader,
    base_url: str | None,
    clock: Clock,
    tls: ssl.SSLContext | None = None,
) -> LiveVenue:
    """Return the account of a venue; whoever calls this closes it.

    Raises:
        KeyError: the venue cannot be traded.
    """
    return LiveVenue(
        CAPABILITIES[venue_id],
        keys,
        reader=reader,
        base_url=base_url,
        clock=clock,
        tls=tls,
    )
