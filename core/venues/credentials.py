"""Hold what opens the accounts, so that no log, error or repr ever shows it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Final, TypeAlias

from core.model.units import VenueId

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEX: Final = re.compile(r"(0x)?[0-9a-fA-F]+")
_WALLET_DIGITS: Final = 40
_KEY_DIGITS: Final = 64
_LIGHTER_KEY_DIGITS: Final = 80
_LIGHTER_SLOTS: Final = range(4, 255)
_PUBLIC: Final = "public"
"""Marks what anybody may know, such as an address on a public chain."""


class _Hidden:
    """What every set of credentials has in common."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(hidden)"

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return every text that must never be shown."""
        return tuple(self._texts())

    def _texts(self) -> Iterator[str]:
        for each in fields(self):  # type: ignore[arg-type]  # every subclass is a dataclass
            value = getattr(self, each.name)
            if isinstance(value, str) and not each.metadata.get(_PUBLIC):
                yield value


@dataclass(frozen=True, slots=True, repr=False)
class BinanceKeys(_Hidden):
    """An API key of a futures account."""

    api_key: str
    api_secret: str
    """Text of an HMAC secret, or a PEM of an RSA or Ed25519 key."""

    @property
    def problem(self) -> str | None:
        """Return what is wrong with the form of it, None if nothing."""
        if not (self.api_key.strip() and self.api_secret.strip()):
            return "the API key or its secret is empty"
        return None


@dataclass(frozen=True, slots=True, repr=False)
class HyperliquidKeys(_Hidden):
    """An API wallet, approved by the account it trades for."""

    wallet_address: str = field(metadata={_PUBLIC: True})
    """Address of the account itself, not of the API wallet."""
    private_key: str
    """Of the API wallet."""

    @property
    def problem(self) -> str | None:
        """Return what is wrong with the form of it, None if nothing."""
        if not _is_hex(self.wallet_address, _WALLET_DIGITS):
            return "the wallet address is not 0x and 40 hexadecimal digits"
        if not _is_hex(self.private_key, _KEY_DIGITS):
            return "the private key is not 64 hexadecimal digits"
        return None


@dataclass(frozen=True, slots=True, repr=False)
class LighterKeys(_Hidden):
    """An API key of an account; the wallet's own key is never asked for."""

    account_index: int
    api_key_index: int
    """4 to 254; ccxt would silently take 254 for any other."""
    api_private_key: str

    @property
    def problem(self) -> str | None:
        """Return what is wrong with the form of it, None if nothing."""
        if self.api_key_index not in _LIGHTER_SLOTS:
            return "the API key index is not 4 to 254"
        if not _is_hex(self.api_private_key, _LIGHTER_KEY_DIGITS):
            # 64 digits would be the wallet's own key, with which ccxt makes a new one.
            return "the API private key is not 80 hexadecimal digits"
        return None


@dataclass(frozen=True, slots=True, repr=False)
class ExtendedKeys(_Hidden):
    """An API key and the Stark key that signs its orders."""

    api_key: str
    stark_private_key: str
    vault: str = field(metadata={_PUBLIC: True})
    """Number of the vault; orders are refused when the key belongs to another."""

    @property
    def problem(self) -> str | None:
        """Return what is wrong with the form of it, None if nothing."""
        if not self.api_key.strip():
            return "the API key is empty"
        if not _HEX.fullmatch(self.stark_private_key):
            return "the Stark private key is not hexadecimal"
        if not self.vault.isdecimal():
            return "the vault is not a number"
        return None


Keys: TypeAlias = BinanceKeys | HyperliquidKeys | LighterKeys | ExtendedKeys


@dataclass(frozen=True, slots=True, repr=False)
class Credentials(_Hidden):
    """Keys of every venue that has some; a venue without can only be scanned."""

    binance: BinanceKeys | None = None
    hyperliquid: HyperliquidKeys | None = None
    lighter: LighterKeys | None = None
    extended: ExtendedKeys | None = None

    def of(self, venue_id: VenueId) -> Keys | None:
        """Return a venue's keys, None if it can only be scanned."""
        return self._by_venue().get(venue_id)

    @property
    def venue_ids(self) -> tuple[VenueId, ...]:
        """Return the venues that can be traded."""
        return tuple(each for each, keys in self._by_venue().items() if keys)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return every text that must never be shown."""
        every = (keys.secrets for keys in self._by_venue().values() if keys)
        return tuple(text for texts in every for text in texts)

    def _by_venue(self) -> dict[VenueId, Keys | None]:
        return {VenueId(each.name): getattr(self, each.name) for each in fields(self)}


def _is_hex(text: str, digits: int) -> bool:
    return bool(_HEX.fullmatch(text)) and len(text.removeprefix("0x")) == digits
