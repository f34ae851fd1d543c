"""Keys that open accounts: their form is checked, and nothing ever shows them."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import pytest

from core.model.units import VenueId
from core.venues.credentials import (
    BinanceKeys,
    Credentials,
    ExtendedKeys,
    HyperliquidKeys,
    LighterKeys,
)

if TYPE_CHECKING:
    from core.venues.credentials import Keys

CANARY = "c4n4ry"
BINANCE = BinanceKeys(f"key-{CANARY}", f"secret-{CANARY}")
HYPERLIQUID = HyperliquidKeys("0x" + "ab" * 20, "0x" + "cd" * 32)
LIGHTER = LighterKeys(1077, 5, "0x" + "ef" * 40)
EXTENDED = ExtendedKeys("5a5a", "0x05" + "12" * 31, "10002")
ALL = Credentials(BINANCE, HYPERLIQUID, LIGHTER, EXTENDED)


@pytest.mark.parametrize(
    "keys", [BINANCE, HYPERLIQUID, LIGHTER, EXTENDED, ALL, (ALL, BINANCE)]
)
def test_no_way_of_printing_shows_a_secret(keys: object) -> None:
    """Logs, errors and debuggers print representations."""
    shown = f"{keys} {keys!r} {[keys]}"

    assert not [secret for secret in ALL.secrets if secret in shown]
    assert "hidden" in shown


def test_every_secret_is_on_the_list_for_redaction_and_nothing_public_is() -> None:
    """Hiding a vault number would hide that number everywhere in the log."""
    assert set(ALL.secrets) == {
        BINANCE.api_key,
        BINANCE.api_secret,
        HYPERLIQUID.private_key,
        LIGHTER.api_private_key,
        EXTENDED.api_key,
        EXTENDED.stark_private_key,
    }
    assert Credentials().secrets == ()


def test_a_venue_without_keys_can_only_be_scanned() -> None:
    """Its entries are not offered."""
    some = Credentials(lighter=LIGHTER)

    assert some.venue_ids == (VenueId("lighter"),)
    assert some.of(VenueId("lighter")) is LIGHTER
    assert some.of(VenueId("binance")) is None
    assert some.of(VenueId("fifth")) is None


@pytest.mark.parametrize("keys", [BINANCE, HYPERLIQUID, LIGHTER, EXTENDED])
def test_keys_of_the_right_form_have_no_problem(keys: Keys) -> None:
    """Whether they open anything, only the venue can say."""
    assert keys.problem is None


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (BinanceKeys("a-key", " "), "empty"),
        (replace(BINANCE, api_key=""), "empty"),
        (replace(HYPERLIQUID, wallet_address="0x12"), "wallet address"),
        (replace(HYPERLIQUID, private_key="twelve words"), "private key"),
        # The client would silently take slot 254.
        (replace(LIGHTER, api_key_index=3), "4 to 254"),
        (replace(LIGHTER, api_key_index=255), "4 to 254"),
        # A wallet's own key has 64 digits, and the client would make a new key of it.
        (replace(LIGHTER, api_private_key="0x" + "ef" * 32), "80 hexadecimal"),
        (replace(EXTENDED, api_key=""), "empty"),
        (replace(EXTENDED, stark_private_key="0xzz"), "hexadecimal"),
        (replace(EXTENDED, vault="mine"), "number"),
    ],
)
def test_a_wrong_form_is_told_in_words_without_the_key(keys: Keys, words: str) -> None:
    """Told before anything is signed, not by a venue after an order."""
    problem = keys.problem

    assert problem is not None
    assert words in problem
    assert not [each for each in keys.secrets if each.strip() and each in problem]


def test_keys_are_plain_values() -> None:
    """Settings compare them to notice a change."""
    assert replace(BINANCE) == BINANCE
    assert asdict(LIGHTER)["api_key_index"] == 5
