"""What is true about every token at one moment, for a test to compare a scan with.

Computed from the market itself, not from what the dialects wrote.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from itertools import permutations
from typing import TYPE_CHECKING, Any, Final

from sandbox.venues.listings import LIVE, SECOND_MARKETS, VENUES
from sandbox.venues.wire import exact

if TYPE_CHECKING:
    from sandbox.venues.listings import Instrument
    from sandbox.venues.world import World

ENOUGH_VOLUME_USD: Final = Decimal(50_000)
LEAST_RATIO: Final = Decimal("0.97")
MOST_RATIO: Final = Decimal("1.03")
_WHY_NOT: Final = {
    "dated": "dated",
    "premarket": "pre_market",
    "stock": "not_crypto",
    "twin": "other_quote",
}


def iso(moment_ms: int) -> str:
    """Write a moment as ISO 8601 with +00:00."""
    return datetime.fromtimestamp(moment_ms / 1000, UTC).isoformat()


def why_not(one: Instrument) -> str | None:
    """Return what keeps a market out of a scan, None if it is an ordinary live one."""
    return one.status.lower() if one.status != LIVE else _WHY_NOT.get(one.kind)


def truth(world: World) -> dict[str, Any]:
    """Return every token's venues, rates and best pair at the present second."""
    moment_ms = world.moment_ms()
    tokens: dict[str, dict[str, Any]] = {}
    for venue in VENUES:
        for one in world.instruments(venue):
            entry = tokens.setdefault(one.base, {"venues": {}, "others": []})
            if one.kind in SECOND_MARKETS:
                other = {"venue": venue, "symbol_raw": one.symbol_raw}
                entry["others"].append(other | {"why_not": why_not(one)})
            else:
                entry["venues"][venue] = _facts(world, one, moment_ms)
    for entry in tokens.values():
        entry["best"] = _best(entry["venues"])
    return {"at_ms": moment_ms, "at": iso(moment_ms), "tokens": tokens}


def _facts(world: World, one: Instrument, moment_ms: int) -> dict[str, Any]:
    volume = one.volume_usd
    reason = why_not(one)
    return {
        "symbol_raw": one.symbol_raw,
        "multiplier": one.multiplier,
        "rate": exact(world.wire_rate(one, moment_ms)),
        "rate_interval_h": world.field_h(one, moment_ms),
        "interval_h": world.interval_h(one, moment_ms),
        "rate_hourly": exact(world.hourly_rate(one, moment_ms)),
        "next_funding_at": iso(world.next_payment_ms(one, moment_ms)),
        "mark_price": world.shown_mark(one, moment_ms),
        "volume_24h_usd": None if volume is None else exact(volume),
        "live": reason is None,
        "why_not": reason,
    }


def _best(venues: dict[str, dict[str, Any]]) -> dict[str, str] | None:
    """Return the widest pair whose prices agree, the first by venue name if equal."""
    usable = sorted(name for name, facts in venues.items() if _is_usable(facts))
    pairs = [
        (_hourly(venues[short]) - _hourly(venues[long]), long, short)
        for long, short in permutations(usable, 2)
        if _agree(venues[long], venues[short])
    ]
    if not pairs:
        return None
    spread, long, short = max(pairs, key=lambda pair: pair[0])
    return {"long": long, "short": short, "spread_hourly": exact(spread)}


def _is_usable(facts: dict[str, Any]) -> bool:
    volume = facts["volume_24h_usd"]
    enough = volume is None or Decimal(volume) >= ENOUGH_VOLUME_USD
    return bool(facts["live"]) and enough


def _hourly(facts: dict[str, Any]) -> Decimal:
    return Decimal(facts["rate_hourly"])


def _agree(long: dict[str, Any], short: dict[str, Any]) -> bool:
    ratio = _unit_price(long) / _unit_price(short)
    return LEAST_RATIO <= ratio <= MOST_RATIO


def _unit_price(facts: dict[str, Any]) -> Decimal:
    return Decimal(facts["mark_price"]) / int(facts["multiplier"])
