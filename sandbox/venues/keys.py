"""The keys that open the pretend accounts. They open nothing else, anywhere."""

from __future__ import annotations

from typing import Final

BINANCE_KEY: Final = "sandboxBinanceKeyOpensNothingElse0000000000000000000000000000001"
BINANCE_SECRET: Final = (
    "sandboxBinanceSecretOpensNothingElse0000000000000000000000000001"  # noqa: S105 - throwaway
)
HYPERLIQUID_WALLET: Final = "0x5a4d0b0c0ffee00000000000000000000000c0de"
"""The master account; the key below belongs to a wallet that it approved."""
HYPERLIQUID_PRIVATE_KEY: Final = "0x" + "5a" * 31 + "01"
HYPERLIQUID_AGENT: Final = "0x076248b1c1fb1c1dc081e020d99cbc1e9b3a1a8d"
"""Address of the private key."""
LIGHTER_ACCOUNT: Final = 1077
LIGHTER_KEY_INDEX: Final = 5
LIGHTER_PRIVATE_KEY: Final = "0x" + "5a" * 39 + "01"
EXTENDED_KEY: Final = "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a01"
EXTENDED_STARK_PRIVATE_KEY: Final = "0x" + "05" + "5a" * 30 + "01"
EXTENDED_STARK_KEY: Final = (
    "0x3a8571550686eac94859dcac6bfa7f773c59302f1686d7135873ecf001a282c"
)
"""Public half of the key above."""
EXTENDED_VAULT: Final = 10002
EXTENDED_ACCOUNT: Final = 3001


def live_environment() -> dict[str, str]:
    """Return what a bot needs to trade here, as environment variables."""
    return {
        "CARRY_BINANCE_API_KEY": BINANCE_KEY,
        "CARRY_BINANCE_API_SECRET": BINANCE_SECRET,
        "CARRY_HYPERLIQUID_WALLET_ADDRESS": HYPERLIQUID_WALLET,
        "CARRY_HYPERLIQUID_PRIVATE_KEY": HYPERLIQUID_PRIVATE_KEY,
        "CARRY_LIGHTER_ACCOUNT_INDEX": str(LIGHTER_ACCOUNT),
        "CARRY_LIGHTER_API_KEY_INDEX": str(LIGHTER_KEY_INDEX),
        "CARRY_LIGHTER_API_PRIVATE_KEY": LIGHTER_PRIVATE_KEY,
        "CARRY_EXTENDED_API_KEY": EXTENDED_KEY,
        "CARRY_EXTENDED_STARK_PRIVATE_KEY": EXTENDED_STARK_PRIVATE_KEY,
        "CARRY_EXTENDED_VAULT": str(EXTENDED_VAULT),
    }
