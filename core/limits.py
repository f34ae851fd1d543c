"""Halts, caps and cool-downs in; who may send what now, or the plain reason why not.

The strictest of all halts that apply to a scope wins. `Limits.gate` is asked by the one
caller of `submit`, after the intent is committed and before the first byte leaves.
Reduce-only orders pass everything but a halt: closing is never harder than opening.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from core.halting import impose
from core.model.alert import AlertLevel
from core.model.control import (
    GLOBAL_SCOPE,
    HALT_KEY,
    Cooldown,
    Event,
    Halt,
    TradingState,
)
from core.model.intent import Purpose
from core.model.preferences import Key

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from datetime import datetime

    from core.model.intent import OrderIntent
    from core.model.preferences import Effective
    from core.model.trade import Trade
    from core.model.units import Base, VenueId
    from core.ports import Clock, Halts

PAUSE_KEY = "pause"
"""Key of the halt that a person sets."""
STARTUP_KEY = "startup"
"""Key of the halt while positions are checked after a start."""
TROUBLE_KEY = "trouble"
"""Key of the halt of a venue that failed too often lately."""
TROUBLE_LASTS = timedelta(minutes=30)
REFUSED_KEY = "refused:"
"""Begins the key of the halt that a venue's own answer set; its code follows."""
FILE_KEY = "halt_file"
"""Key of the halt while the host keeps a file named HALT."""
LOSS_KEY = "daily_loss"
"""Key of the halt after a day that lost as much as the host allows."""
PERSONS_KEYS = frozenset({HALT_KEY, FILE_KEY})
"""Keys by which a person stops what is automatic; his own closes still go."""
UNTOLD = frozenset({f"{REFUSED_KEY}rate_limit", STARTUP_KEY})
"""Keys of halts that pass by themselves in a moment, or are told otherwise."""
FIRST_COOLDOWN = timedelta(minutes=30)
LONGEST_COOLDOWN = timedelta(hours=24)
LIMIT_ROOM = Decimal("1.01")
"""How far a limit price may lie above the price that was checked against the cap."""
_STRICTNESS = {
    TradingState.ACTIVE: 0,
    TradingState.REDUCING: 1,
    TradingState.HALTED: 2,
}


@dataclass(frozen=True, slots=True)
class _Consequence:
    """What an answer of a venue means for all other orders to it."""

    state: TradingState
    why: str
    lasts: timedelta
    """At least; it ends with the first read that the venue answers afterwards."""


_CONSEQUENCES = {
    "rate_limit": _Consequence(
        TradingState.REDUCING, "asked us to slow down", timedelta(seconds=10)
    ),
    "banned": _Consequence(
        TradingState.HALTED,
        "shut us out for a while, for asking too much",
        timedelta(minutes=2),
    ),
    "key": _Consequence(TradingState.HALTED, "refused our key", timedelta(minutes=10)),
    "position_mode": _Consequence(
        TradingState.REDUCING,
        "is not set to one position per contract",
        TROUBLE_LASTS,
    ),
    "reduce_only": _Consequence(
        TradingState.REDUCING, "refused an order that only reduces", TROUBLE_LASTS
    ),
}
"""By our word for the refusal; any other concerns its own order alone."""
_HEDGING = frozenset({Purpose.ENTRY, Purpose.TOPUP})


def is_over(halt: Halt, now: datetime) -> bool:
    """Tell whether a halt that a venue caused may end once the venue answers."""
    if halt.key == STARTUP_KEY:
        return True
    is_venues = halt.key == TROUBLE_KEY or halt.key.startswith(REFUSED_KEY)
    lasts = TROUBLE_LASTS
    if halt.key.startswith(REFUSED_KEY):
        found = _CONSEQUENCES.get(halt.key.removeprefix(REFUSED_KEY))
        lasts = TROUBLE_LASTS if found is None else found.lasts
    return is_venues and now >= (halt.until or halt.since + lasts)


@dataclass(frozen=True, slots=True)
class Caps:
    """What no entry may exceed; host configuration."""

    max_open_trades: int
    max_trade_usd: Decimal
    """Notional per leg."""
    max_leverage: Decimal
    max_token_usd: Decimal | None = None
    """Held in one token, one leg; None of these is no cap."""
    max_venue_usd: Decimal | None = None
    """Held on one venue, all legs."""
    max_total_usd: Decimal | None = None
    """Held over all pairs, one leg of each."""
    max_entries_per_hour: int | None = None

    def half_taken(self, usd: Decimal) -> Decimal | None:
        """Return the cap that one pair takes more than half of, None if none."""
        caps = (
            self.max_trade_usd,
            self.max_token_usd,
            self.max_venue_usd,
            self.max_total_usd,
        )
        least = min(cap for cap in caps if cap is not None)
        return least if usd * 2 > least else None


def caps_of(effective: Effective) -> Caps:
    """Return the caps in force: the host's, or less if chat chose less."""
    return Caps(
        max_open_trades=int(effective.number(Key.MAX_OPEN_TRADES)),
        max_trade_usd=effective.number(Key.MAX_TRADE_USD),
        max_leverage=effective.number(Key.MAX_LEVERAGE),
        max_token_usd=effective.number(Key.MAX_TOKEN_USD),
        max_venue_usd=effective.number(Key.MAX_VENUE_USD),
        max_total_usd=effective.number(Key.MAX_TOTAL_USD),
        max_entries_per_hour=int(effective.number(Key.MAX_ENTRIES)),
    )


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an order or an entry may not go now."""

    code: str
    """One word of ours: paused, halted, cap, cooling."""
    reason: str


def scope_of(venue_id: VenueId, symbol: str) -> str:
    """Return the name of the scope of one instrument."""
    return f"{venue_id}:{symbol}"


def strictest(halts: Iterable[Halt], venue_id: VenueId, symbol: str) -> Halt | None:
    """Return the strictest halt that applies to an instrument, None if active."""
    scopes = {GLOBAL_SCOPE, str(venue_id), scope_of(venue_id, symbol)}
    applying = [halt for halt in halts if halt.scope in scopes]
    found = max(applying, key=lambda halt: _STRICTNESS[halt.state], default=None)
    return None if found is None or found.state is TradingState.ACTIVE else found


def pair_of(trade: Trade) -> tuple[VenueId, VenueId]:
    """Return both venues of a trade sorted by name, as cool-downs are keyed."""
    first, second = sorted(leg.instrument.venue_id for leg in trade.legs)
    return first, second


def next_cooldown(previous: Cooldown | None, trade: Trade, now: datetime) -> Cooldown:
    """Return the pause after a failed entry: 30 min, doubled each time up to 24 h.

    A pair without an incident for 24 h starts anew.
    """
    is_fresh = previous is not None and now < previous.until + LONGEST_COOLDOWN
    level = previous.level + 1 if previous is not None and is_fresh else 1
    pause = min(FIRST_COOLDOWN * 2 ** min(level - 1, 10), LONGEST_COOLDOWN)
    return Cooldown(trade.base, pair_of(trade), now + pause, level)


class Limits:
    """Answers whether an order or an entry may go now."""

    def __init__(
        self,
        *,
        halts: Halts,
        clock: Clock,
        caps: Caps,
        check_clock: Callable[[], Awaitable[None]] | None = None,
        before_entry: Iterable[Callable[[], Awaitable[None]]] = (),
    ) -> None:
        self._halts, self._clock, self.caps = halts, clock, caps
        self._check_clock, self._before_entry = check_clock, tuple(before_entry)
        self._incidents: dict[tuple[VenueId, str], list[datetime]] = {}

    async def state(
        self, venue_id: VenueId, symbol: str, *, for_close: bool = False
    ) -> TradingState:
        """Return what may be sent for an instrument."""
        halts = await self._halts.halts()
        applying = _without_persons_halt(halts) if for_close else halts
        halt = strictest(applying, venue_id, symbol)
        return TradingState.ACTIVE if halt is None else halt.state

    async def gate(self, intent: OrderIntent) -> Refusal | None:
        """Return why this order may not leave now, None if it may.

        The second leg of a pair whose first leg is filled may follow while positions
        are still being checked after a start: being hedged is safer than waiting.
        """
        halts = await self._halts.halts()
        if intent.purpose is Purpose.ENTRY and intent.leg == 2:  # noqa: PLR2004 - the second leg
            halts = tuple(halt for halt in halts if not _is_soft_start(halt))
        if intent.purpose is Purpose.CLOSE:
            halts = _without_persons_halt(halts)
        halt = strictest(halts, intent.venue_id, intent.symbol)
        if halt is None:
            return self._above_cap(intent)
        if halt.state is TradingState.REDUCING and intent.is_reduce_only:
            return None
        return Refusal(halt.state.value, halt.reason)

    def _above_cap(self, intent: OrderIntent) -> Refusal | None:
        """Return why an order is too large whatever the steps before it said."""
        worth = intent.quantity_base * intent.limit_price
        if intent.is_reduce_only or worth <= self.caps.max_trade_usd * LIMIT_ROOM:
            return None
        cap = self.caps.max_trade_usd
        return Refusal("cap", f"{worth:.2f} USD is above the cap of {cap:f}")

    async def entry_refusal(
        self, trade: Trade, others: Iterable[Trade]
    ) -> Refusal | None:
        """Return why this pair may not be entered now, None if it may.

        Args:
            trade: the pair to enter.
            others: every other trade that is not ended.
        """
        for look in self._before_entry:
            await look()
        halts = await self._halts.halts()
        for leg in trade.legs:
            halt = strictest(halts, leg.instrument.venue_id, leg.instrument.symbol)
            if halt is not None:
                return Refusal(halt.state.value, halt.reason)
        if sum(1 for other in others if not other.state.is_terminal) >= (
            self.caps.max_open_trades
        ):
            return Refusal("cap", f"{self.caps.max_open_trades} pairs are open already")
        if trade.leverage > self.caps.max_leverage:
            return Refusal("cap", f"leverage above {self.caps.max_leverage}")
        cooling = await self.cooldown(trade.base, pair_of(trade))
        if cooling is not None and self._clock.now() < cooling.until:
            until = f"{cooling.until:%H:%M} UTC"
            return Refusal(
                "cooling", f"this pair failed lately and rests until {until}"
            )
        return None

    async def cooldown(
        self, base: Base, venues: tuple[VenueId, VenueId]
    ) -> Cooldown | None:
        """Return the stored pause of a pair, also one that is over."""
        stored = await self._halts.cooldowns()
        return next(
            (each for each in stored if each.base == base and each.venues == venues),
            None,
        )

    async def note_unknown(self, venue_id: VenueId) -> None:
        """Count an order without a clear answer: the third in 10 min stops entries."""
        why = "three orders without a clear answer within 10 min"
        await self._note(venue_id, why, most=3, within=timedelta(minutes=10))

    async def note_unwind(self, venue_id: VenueId) -> None:
        """Count an entry undone because of a venue: the second in 1 h stops entries."""
        why = "two entries had to be undone within an hour"
        await self._note(venue_id, why, most=2, within=timedelta(hours=1))

    async def note_refusal(self, intent: OrderIntent, code: str) -> None:
        """Halt a venue whose refusal would meet every other order too.

        A venue that is only busy may still hedge a pair whose first leg is filled.
        A refused time has our clock compared with every venue's before anything else.
        """
        if code == "clock" and self._check_clock is not None:
            await self._check_clock()
        found = _CONSEQUENCES.get(code)
        is_second = intent.leg == 2 and intent.purpose in _HEDGING  # noqa: PLR2004 - the second leg
        if found is None or (code == "rate_limit" and is_second):
            return
        venue_id, now = intent.venue_id, self._clock.now()
        why, key = f"{venue_id} {found.why}", f"{REFUSED_KEY}{code}"
        until = now + found.lasts
        halt = Halt(venue_id, key, found.state, why, now, until=until)
        if key in UNTOLD:
            event = Event(now, "engine", f"halt {venue_id} {found.state.value}", why)
            await self._halts.set_halt(halt, event)
            return
        is_grave = code == "key"
        level = AlertLevel.CRITICAL if is_grave else AlertLevel.TRADE
        await impose(self._halts, halt, level=level)

    async def _note(
        self, venue_id: VenueId, why: str, *, most: int, within: timedelta
    ) -> None:
        now = self._clock.now()
        known = self._incidents.get((venue_id, why), [])
        recent = [*(at for at in known if now - at < within), now]
        self._incidents[venue_id, why] = recent
        if len(recent) < most:
            return
        until, state = now + TROUBLE_LASTS, TradingState.REDUCING
        halt = Halt(venue_id, TROUBLE_KEY, state, why, now, until=until)
        await impose(self._halts, halt)

    async def second_leg_refusal(self, trade: Trade) -> Refusal | None:
        """Return why the second leg may not follow the first, None if it may."""
        halts = [halt for halt in await self._halts.halts() if not _is_soft_start(halt)]
        leg = trade.second.instrument
        halt = strictest(halts, leg.venue_id, leg.symbol)
        return None if halt is None else Refusal(halt.state.value, halt.reason)


def _is_soft_start(halt: Halt) -> bool:
    return halt.key == STARTUP_KEY and halt.state is TradingState.REDUCING


def _without_persons_halt(halts: Iterable[Halt]) -> tuple[Halt, ...]:
    """Return the halts that hold a confirmed close: it is a person's, not automatic."""
    return tuple(
        halt for halt in halts if halt.key not in PERSONS_KEYS and halt.by is None
    )
