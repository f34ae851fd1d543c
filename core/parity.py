"""Scans in, a word when what an open pair rests on comes apart: prices, stablecoins.

Two legs hedge each other while they are one asset in one currency. If their prices
part, one venue renamed, split or swapped what we hold; if the coins they settle in
part, the pair loses what nobody planned. Both are told once, after two scans.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.model.alert import Alert, AlertKind, AlertLevel
from core.model.opportunity import prices_agree
from core.model.trade import TradeState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from decimal import Decimal

    from core.model.instrument import Instrument
    from core.model.market import FundingSnapshot
    from core.model.opportunity import ScanResult
    from core.model.stablecoin import Stablecoins
    from core.model.trade import Trade
    from core.ports import AlertMemory, Outbox

SCANS_NEEDED = 2
GONE_AT_PERCENT = 70
"""Below this share of the warning threshold a gap counts as closed."""
_APART = "apart:"
_COINS = "coins"
LEVELS = ("", "warn", "block", "close")


@dataclass(frozen=True, slots=True)
class GapLimits:
    """Distances of two stablecoins, as fractions, from which something is said."""

    warn: Decimal
    block: Decimal
    """No entry across both coins from here on."""
    close: Decimal
    """Pairs across both coins had better be closed."""

    def level(self, gap: Decimal) -> int:
        """Return 0 for a small gap, 1 to warn, 2 to block entries, 3 to close."""
        return sum(gap >= each for each in (self.warn, self.block, self.close))


class ParityWatch:
    """Tells when the legs of open pairs, or their coins, come apart."""

    def __init__(
        self,
        *,
        limits: GapLimits,
        snapshot: Callable[[Instrument], FundingSnapshot | None],
        memory: AlertMemory,
        outbox: Outbox,
    ) -> None:
        self._limits = limits
        self._snapshot = snapshot
        self._store = memory
        self._outbox = outbox
        self._told: dict[str, Mapping[str, str]] | None = None
        self._seen: dict[str, int] = {}
        """How many scans in a row showed it; starts anew with the process."""

    async def consider(self, result: ScanResult, trades: Sequence[Trade]) -> None:
        """Look at every open pair after a scan."""
        told = await self._recall()
        held = [each for each in trades if each.state is TradeState.OPEN]
        names = {f"{_APART}{each.trade_id}" for each in held}
        for key in [each for each in told if each.startswith(_APART)]:
            if key not in names:
                await self._keep(key, None)
        for trade in held:
            await self._prices(trade, result.stablecoins, result.at)
        await self._coins(result.stablecoins, held, result.at)

    # --- prices -----------------------------------------------------------------------

    async def _prices(self, trade: Trade, coins: Stablecoins, now: datetime) -> None:
        prices = [
            self._price(leg.instrument, coins) for leg in (trade.long, trade.short)
        ]
        long, short = prices
        if long is None or short is None:
            return  # nothing is known, so nothing is claimed
        key = f"{_APART}{trade.trade_id}"
        told = await self._recall()
        if prices_agree(long, short):
            self._seen.pop(key, None)
            if key in told:
                await self._keep(key, None)
            return
        if key in told or not self._is_seen_enough(key):
            return
        facts = {
            "trade": str(trade.trade_id),
            "base": str(trade.base),
            "long": str(trade.long.instrument.venue_id),
            "short": str(trade.short.instrument.venue_id),
            "long_price": str(long),
            "short_price": str(short),
        }
        alert = Alert(
            kind=AlertKind.PRICES_APART,
            level=AlertLevel.TRADE,
            dedupe_key=f"{key}:{now.isoformat()}",
            facts=facts,
            created_at=now,
            base=trade.base,
        )
        await self._outbox.put(alert)
        await self._keep(key, {"since": now.isoformat()})

    def _price(self, instrument: Instrument, coins: Stablecoins) -> Decimal | None:
        found = self._snapshot(instrument)
        if found is None or found.mark_price is None:
            return None
        return coins.in_usdc(found.mark_price, instrument)

    def _is_seen_enough(self, key: str) -> bool:
        self._seen[key] = self._seen.get(key, 0) + 1
        return self._seen[key] >= SCANS_NEEDED

    # --- stablecoins ------------------------------------------------------------------

    async def _coins(
        self, coins: Stablecoins, held: Sequence[Trade], now: datetime
    ) -> None:
        if coins.gap is None or coins.usdt_in_usdc is None:
            return
        told = await self._recall()
        before = int(told[_COINS]["level"]) if _COINS in told else 0
        if abs(coins.gap) * 100 < self._limits.warn * GONE_AT_PERCENT:
            self._seen.pop(_COINS, None)
            if before:
                await self._keep(_COINS, None)
            return
        across = [each for each in held if _is_across(each, coins)]
        level = self._limits.level(abs(coins.gap))
        # without a pair at stake only what stops entries is worth a message
        least = LEVELS.index("warn") if across else LEVELS.index("block")
        if level <= before or level < least or not self._is_seen_enough(_COINS):
            return
        facts = {
            "usdt": str(coins.usdt_in_usdc),
            "level": LEVELS[level],
            "trades": " ".join(each.trade_id for each in across),
        }
        alert = Alert(
            kind=AlertKind.STABLECOIN_GAP,
            level=AlertLevel.TRADE if across else AlertLevel.INFO,
            dedupe_key=f"{_COINS}:{level}:{now.isoformat()}",
            facts=facts,
            created_at=now,
        )
        await self._outbox.put(alert)
        await self._keep(_COINS, {"level": str(level)})

    # --- what was said ----------------------------------------------------------------

    async def _recall(self) -> dict[str, Mapping[str, str]]:
        if self._told is None:
            stored = await self._store.recall()
            self._told = {
                key: facts
                for key, facts in stored.items()
                if key.startswith(_APART) or key == _COINS
            }
        return self._told

    async def _keep(self, key: str, facts: Mapping[str, str] | None) -> None:
        told = await self._recall()
        if facts is None:
            told.pop(key, None)
        else:
            told[key] = facts
        await self._store.remember(key, facts)


def _is_across(trade: Trade, coins: Stablecoins) -> bool:
    gap = coins.gap_between(trade.long.instrument, trade.short.instrument)
    return gap is not None and gap > 0
