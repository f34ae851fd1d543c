"""Open the accounts that are traded: pretend ones in paper, the venues' own in live.

What signs requests is imported in the live branch only, and in paper no key is read.
"""

from __future__ import annotations

import ssl
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import certifi

from core.errors import TroubleKind, VenueError
from core.model.order import Rejected
from core.model.units import Mode
from core.venues.paper import PaperVenue

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AsyncExitStack
    from datetime import datetime
    from decimal import Decimal

    from pydantic import SecretStr

    from bot.settings import Settings
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
    from core.ports import Clock, PaperLedger
    from core.scanner import Scanner
    from core.venues.account import LiveVenue
    from core.venues.credentials import Credentials, Keys
    from core.venues.markets import MarketReader

    Readers = Mapping[VenueId, MarketReader]

T = TypeVar("T")
NO_KEYS = "it has no keys here and is only read"


# --- paper ----------------------------------------------------------------------------


def paper_venues(
    readers: Readers,
    scanner: Scanner,
    ledger: PaperLedger,
    clock: Clock,
    start_balance_usd: Decimal,
) -> dict[VenueId, PaperVenue]:
    """Return pretend accounts on the real books, fees and payment clocks."""
    return {
        venue_id: PaperVenue(
            rules=reader.rules,
            books=reader.for_orders,
            settled=reader,
            marks=partial(scanner.snapshot, venue_id),
            instruments=partial(scanner.instrument, venue_id),
            ledger=ledger,
            clock=clock,
            start_balance_usd=start_balance_usd,
        )
        for venue_id, reader in readers.items()
    }


# --- live -----------------------------------------------------------------------------


def live_venues(
    settings: Settings, readers: Readers, clock: Clock, stack: AsyncExitStack
) -> dict[VenueId, LiveVenue]:
    """Return the accounts of every venue with keys; `stack` closes them.

    Raises:
        ValueError: the mode is paper, where nothing may sign.
    """
    if settings.mode is not Mode.LIVE:
        message = "keys are opened in live mode only"
        raise ValueError(message)
    from core.venues.account import open_account

    known = _credentials(settings)
    tls = ssl.create_default_context(cafile=certifi.where())
    accounts = {}
    for venue_id in settings.keyed_venues:
        keys = known.of(venue_id)
        if keys is None:
            continue
        accounts[venue_id] = open_account(
            venue_id,
            keys,
            reader=readers[venue_id],
            base_url=settings.venue_urls[venue_id],
            clock=clock,
            tls=tls,
        )
        stack.push_async_callback(accounts[venue_id].close)
    return accounts


def _credentials(settings: Settings) -> Credentials:
    from core.venues import credentials as kinds

    made: dict[str, Keys] = {}
    keyed = set(settings.keyed_venues)
    if "binance" in keyed:
        made["binance"] = kinds.BinanceKeys(
            _text(settings.binance_api_key), _text(settings.binance_api_secret)
        )
    if "hyperliquid" in keyed:
        made["hyperliquid"] = kinds.HyperliquidKeys(
            _given(settings.hyperliquid_wallet_address),
            _text(settings.hyperliquid_private_key),
        )
    if "lighter" in keyed:
        made["lighter"] = kinds.LighterKeys(
            _given(settings.lighter_account_index),
            _given(settings.lighter_api_key_index),
            _text(settings.lighter_api_private_key),
        )
    if "extended" in keyed:
        made["extended"] = kinds.ExtendedKeys(
            _text(settings.extended_api_key),
            _text(settings.extended_stark_private_key),
            str(_given(settings.extended_vault)),
        )
    return kinds.Credentials(**made)  # type: ignore[arg-type]  # each under its own name


def _given(value: T | None) -> T:
    if value is None:
        message = "a venue counts as keyed although a key is missing"
        raise ValueError(message)
    return value


def _text(value: SecretStr | None) -> str:
    return _given(value).get_secret_value().strip()


class Keyless:
    """A venue without keys: every question about our account fails, nothing is sent."""

    def __init__(self, venue_id: VenueId) -> None:
        self.venue_id = venue_id

    def _refusal(self, *_: object) -> VenueError:
        return VenueError(self.venue_id, TroubleKind.REFUSED, NO_KEYS)

    async def submit(self, intent: OrderIntent, instrument: Instrument) -> SubmitResult:
        """Refuse."""
        del intent, instrument
        return Rejected("not_sent", NO_KEYS, was_sent=False)

    async def cancel(self, intent: OrderIntent, instrument: Instrument) -> None:
        """Fail."""
        raise self._refusal(intent, instrument)

    async def find(
        self, intent: OrderIntent, instrument: Instrument
    ) -> OrderRecord | None:
        """Fail: not knowing is no answer."""
        raise self._refusal(intent, instrument)

    async def fills(self, instrument: Instrument, since: datetime) -> tuple[Fill, ...]:
        """Fail."""
        raise self._refusal(instrument, since)

    async def positions(self) -> tuple[VenuePosition, ...]:
        """Fail: not knowing is not flat."""
        raise self._refusal()

    async def balance(self) -> Balance:
        """Fail."""
        raise self._refusal()

    async def payments(self, since: datetime) -> tuple[Payment, ...]:
        """Fail."""
        raise self._refusal(since)

    async def set_leverage(self, instrument: Instrument, leverage: int) -> None:
        """Fail."""
        raise self._refusal(instrument, leverage)
