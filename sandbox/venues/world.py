"""The one market behind all venues: a seed and a moment in, prices and rates out.

Nothing is remembered: whatever a venue showed or paid at any moment can be computed
again, so a restart continues the same market. What a person changed through the
control plane is kept on top, each change with the moment it began.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, Final

from sandbox.venues.books import Book, best_prices, build_book, depth_for
from sandbox.venues.listings import (
    ABSENT,
    ASSETS,
    LIVE,
    SECOND_MARKETS,
    VENUES,
    all_instruments,
    decimals_for_price,
    instrument_of,
    synthetic,
)
from sandbox.venues.matching import without
from sandbox.venues.movement import Kept, Timeline, Waves

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.clock import SandboxClock
    from sandbox.venues.listings import Instrument

MS_PER_HOUR: Final = 3_600_000
FIRST_MS: Final = 1_700_000_000_000
"""Before this moment (November 2023) nothing was listed and nothing was paid."""
SLOT_MS: Final = 300_000
"""Rates stand still this long, so that two reads some seconds apart agree."""
BOOK_SLOT_MS: Final = 10_000
"""Sizes in a book stand still this long; what was traded is missing until then."""
USDT: Final = "USDT"
NEUTRAL_HOURLY: Final = 0.0000125
"""What venues charge when long and short interest balance: 0.01 % per 8 hours."""
HOURLY_FIELD_H: Final = {"extended": 1, "hyperliquid": 1, "lighter": 8}
"""Hours that a venue's rate field stands for; Binance's follow its interval."""
_RATE_STEP: Final = {
    "binance": Decimal("1e-8"),
    "extended": Decimal("1e-6"),
    "hyperliquid": Decimal("1e-10"),
    "lighter": Decimal("8e-6"),
}
_HYPERLIQUID_DECIMALS: Final = 6
_MARK_DECIMALS: Final = {"binance": 8, "extended": 10}
"""Where marks are finer than ticks; few enough to survive a float on the way."""
_WAVES_H: Final = (0.19, 0.87, 6.13, 31.7)
_WAVE_SIZES: Final = (0.0006, 0.0025, 0.009, 0.017)


class UnknownMarketError(Exception):
    """Nobody lists this token there."""


@dataclass(slots=True)
class Override:
    """What was changed by hand about one token on one venue."""

    hourly: Timeline[Decimal] = field(default_factory=Timeline)
    interval_h: Timeline[int] = field(default_factory=Timeline)
    price_factor: float = 1.0
    depth_factor: float = 1.0
    """Zero is an empty book."""


@dataclass(frozen=True, slots=True)
class Payment:
    """One settled funding payment."""

    at_ms: int
    rate: Decimal
    """Fraction per interval (Binance) or per hour (the others)."""
    mark_price: float


class World:
    """The market, its truth at every moment, and what a person did to it."""

    def __init__(
        self, clock: SandboxClock, *, seed: int = 7, extra_tokens: int = 0
    ) -> None:
        self.clock = clock
        self.seed = seed
        self.revision = 0
        """Grows with every change by hand; cached answers from before are void."""
        self._extra_tokens = extra_tokens
        self._assets = {one.name: one for one in (*ASSETS, *synthetic(extra_tokens))}
        self._waves: dict[str, Waves] = {}
        self._price_factors: dict[str, float] = {}
        self._overrides: dict[tuple[str, str], Override] = {}
        self._unit_factors: dict[str, Decimal] = {}
        self._usdt = 1.0
        self._listed: dict[str, list[Instrument]] = {}
        self._by_symbol: dict[tuple[str, str], tuple[int, Instrument | None]] = {}
        """What a name means, as of a revision."""
        self._indexes: Kept[float] = Kept()
        self._bases: Kept[float] = Kept()
        self._rates: Kept[Decimal] = Kept()
        self._taken: dict[tuple[tuple[str, str, str], int, int], Decimal] = {}
        self._list_all()

    def _list_all(self) -> None:
        self._listed = {venue: [] for venue in VENUES}
        for one in all_instruments(self._extra_tokens):
            self._listed[one.venue].append(one)

    # what is there

    def moment_ms(self) -> int:
        """Return the whole second that prices and books are computed for."""
        return self.clock.now_ms() // 1000 * 1000

    def instruments(self, venue: str) -> list[Instrument]:
        """Return what a venue lists, dead markets included, in its own order."""
        return [one for one in self._listed[venue] if one.status != ABSENT]

    def by_symbol(self, venue: str, symbol_raw: str) -> Instrument | None:
        """Return the market a venue calls so."""
        known = self._by_symbol.get((venue, symbol_raw))
        if known is not None and known[0] == self.revision:
            return known[1]
        found = None
        for one in self._listed[venue]:
            if one.symbol_raw == symbol_raw and one.status != ABSENT:
                found = one
                break
        self._by_symbol[venue, symbol_raw] = self.revision, found
        return found

    def find(self, base: str, venue: str) -> Instrument:
        """Return a token's ordinary market on a venue.

        Raises:
            UnknownMarketError: the venue does not list it.
        """
        for one in self._listed.get(venue, []):
            if one.base == base:
                return one
        message = f"{base!r} is not listed on {venue!r}"
        raise UnknownMarketError(message)

    # prices

    def _wave(self, name: str) -> Waves:
        if name not in self._waves:
            self._waves[name] = Waves(f"{self.seed}/{name}")
        return self._waves[name]

    def _override(self, one: Instrument) -> Override | None:
        if one.kind in SECOND_MARKETS:
            return None
        return self._overrides.get((one.base, one.venue))

    def index_price(self, one: Instrument, moment_ms: int) -> float:
        """Return the reference price of one listed unit."""
        key = (one.base, one.price, moment_ms)
        known = self._indexes.get(key)
        if known is None:
            known = self._indexes.keep(key, self._natural_price(one, moment_ms))
        usd = known * self._price_factors.get(one.base, 1.0)
        return usd / self._usdt if one.quote == USDT else usd

    def _natural_price(self, one: Instrument, moment_ms: int) -> float:
        hours = moment_ms / MS_PER_HOUR
        wave = self._wave(one.base)
        log_move = sum(
            size * wave.at(hours, period_h, which)
            for which, (size, period_h) in enumerate(
                zip(_WAVE_SIZES, _WAVES_H, strict=True)
            )
        )
        return one.price * math.exp(log_move)

    def mark_price(self, one: Instrument, moment_ms: int) -> float:
        """Return the venue's own price: the reference and a few basis points."""
        change = self._override(one)
        factor = 1.0 if change is None else change.price_factor
        key = (*one.key, moment_ms)
        known = self._bases.get(key)
        if known is None:
            known = self._bases.keep(key, self._natural_basis(one, moment_ms))
        return self.index_price(one, moment_ms) * factor * (1 + known)

    def day_before(self, one: Instrument, moment_ms: int) -> float:
        """Return the mark price a day earlier, standing still within a slot."""
        slot_ms = moment_ms // SLOT_MS * SLOT_MS
        return self.mark_price(one, slot_ms - 24 * MS_PER_HOUR)

    def _natural_basis(self, one: Instrument, moment_ms: int) -> float:
        wave = self._wave(f"{one.base}/{one.venue}/{one.kind}")
        basis = 0.0003 * wave.bias
        basis += 0.0002 * wave.at(moment_ms / MS_PER_HOUR, 0.31, 4)
        if one.kind == "dated":
            basis += 0.008
        return basis

    def shown_mark(self, one: Instrument, moment_ms: int) -> str:
        """Return the mark price as the venue writes it."""
        decimals = _MARK_DECIMALS.get(one.venue)
        if decimals is None:
            decimals = self.price_decimals(one, moment_ms)
        return f"{self.mark_price(one, moment_ms):.{decimals}f}"

    def price_decimals(self, one: Instrument, moment_ms: int) -> int:
        """Return decimals of the tick; Hyperliquid's follows the price."""
        if one.venue != "hyperliquid":
            return one.price_decimals
        digits = decimals_for_price(self.mark_price(one, moment_ms))
        return min(digits, _HYPERLIQUID_DECIMALS - one.size_decimals)

    # funding

    def interval_h(self, one: Instrument, moment_ms: int) -> int:
        """Return the hours between two payments."""
        change = self._override(one)
        stated = None if change is None else change.interval_h.at(moment_ms)
        return one.interval_h if stated is None else stated

    def field_h(self, one: Instrument, moment_ms: int) -> int:
        """Return the hours that the venue's rate field stands for."""
        return HOURLY_FIELD_H.get(one.venue) or self.interval_h(one, moment_ms)

    def wire_rate(self, one: Instrument, moment_ms: int) -> Decimal:
        """Return the rate as the venue's field shows it, a fraction per field hours."""
        change = self._override(one)
        stated = None if change is None else change.hourly.at(moment_ms)
        hours = self.field_h(one, moment_ms)
        if stated is not None:
            return stated * hours
        key = (*one.key, moment_ms // SLOT_MS, hours)
        known = self._rates.get(key)
        if known is None:
            step = _RATE_STEP[one.venue]
            exact = Decimal(self._natural_hourly(one, moment_ms) * hours) / step
            rounded = exact.to_integral_value(ROUND_HALF_EVEN) * step
            known = self._rates.keep(key, rounded)
        return known

    def hourly_rate(self, one: Instrument, moment_ms: int) -> Decimal:
        """Return the shown rate per hour, exactly."""
        return self.wire_rate(one, moment_ms) / self.field_h(one, moment_ms)

    def shown_rate(self, one: Instrument, moment_ms: int) -> Decimal:
        """Return the current rate as the venue's list shows it.

        It is the true one unless somebody spoiled the venue's unit; payments and their
        history are never spoiled.
        """
        factor = self._unit_factors.get(one.venue)
        rate = self.wire_rate(one, moment_ms)
        return rate if factor is None else rate * factor

    def _natural_hourly(self, one: Instrument, moment_ms: int) -> float:
        slot_ms = moment_ms // SLOT_MS * SLOT_MS
        hours = slot_ms / MS_PER_HOUR
        wave = self._wave(f"{one.base}/{one.venue}/{one.kind}")
        extra = one.ppm * (1 + 0.2 * wave.at(hours, 13.3, 5))
        if one.flips:
            extra *= self._wave(one.base).at(hours, 52.0, 6)
        noise = 1.2 * wave.at(hours, 2.9, 7) if one.ppm else 0.4 * wave.at(hours, 5, 7)
        return NEUTRAL_HOURLY + (extra + noise) / 1_000_000

    def next_payment_ms(self, one: Instrument, moment_ms: int) -> int:
        """Return the first payment after a moment; intervals start at 00:00 UTC."""
        period_ms = self.interval_h(one, moment_ms) * MS_PER_HOUR
        return (moment_ms // period_ms + 1) * period_ms

    def payments(
        self, one: Instrument, start_ms: int, end_ms: int
    ) -> Iterator[Payment]:
        """Yield settled payments, oldest first, both ends included.

        A payment is made at the rate that was shown just before it.
        """
        first = -(-max(start_ms, FIRST_MS) // MS_PER_HOUR)
        last = min(end_ms, self.clock.now_ms()) // MS_PER_HOUR
        for hour in range(first, last + 1):
            at_ms = hour * MS_PER_HOUR
            if hour % self.interval_h(one, at_ms - 1):
                continue
            rate = self.wire_rate(one, at_ms - 1)
            if one.venue == "lighter":
                rate = self.hourly_rate(one, at_ms - 1)
            yield Payment(at_ms, rate, self.mark_price(one, at_ms))

    # depth

    def book(self, one: Instrument, moment_ms: int) -> Book:
        """Return the order book of a moment."""
        change = self._override(one)
        factor = 1.0 if change is None else change.depth_factor
        if factor <= 0:
            return Book((), ())
        depth = depth_for(_depth_volume(one))
        slot = moment_ms // BOOK_SLOT_MS
        book = build_book(
            self.mark_price(one, moment_ms),
            replace(depth, side_usd=depth.side_usd * factor),
            decimals=(self.price_decimals(one, moment_ms), one.size_decimals),
            chance=random.Random(f"{self.seed}/{one.key}/{slot}"),
        )
        bought = self._taken.get((one.key, 1, slot))
        sold = self._taken.get((one.key, -1, slot))
        if bought is None and sold is None:
            return book
        return Book(
            without(book.bids, sold or Decimal(0)),
            without(book.asks, bought or Decimal(0)),
        )

    def take(
        self, one: Instrument, side: int, quantity: Decimal, moment_ms: int
    ) -> None:
        """Remove a traded size from the book until its sizes change again.

        Args:
            one: the market.
            side: 1 took from the asks, -1 from the bids.
            quantity: in listed units.
            moment_ms: when.
        """
        slot = moment_ms // BOOK_SLOT_MS
        for old in [key for key in self._taken if key[2] < slot - 1]:
            del self._taken[old]
        key = (one.key, side, slot)
        self._taken[key] = self._taken.get(key, Decimal(0)) + quantity

    def best_ticks(self, one: Instrument, moment_ms: int) -> tuple[int, int, int]:
        """Return best bid and ask in ticks and the tick's decimals."""
        decimals = self.price_decimals(one, moment_ms)
        half_spread = depth_for(_depth_volume(one)).half_spread
        mark = self.mark_price(one, moment_ms)
        return (*best_prices(mark, decimals, half_spread), decimals)

    # changes by hand

    def _change(self, base: str, venue: str) -> Override:
        self.find(base, venue)
        self.revision += 1
        return self._overrides.setdefault((base, venue), Override())

    def set_rate(self, base: str, venue: str, hourly: Decimal | None) -> None:
        """Hold a token's hourly rate from now on; None lets it move again."""
        self._change(base, venue).hourly.set(self.moment_ms(), hourly)

    def set_interval(self, base: str, venue: str, hours: int) -> None:
        """Change the hours between payments, which only Binance can announce.

        Raises:
            ValueError: another venue, or not 1, 2, 4 or 8 hours.
        """
        if venue != "binance" or hours not in {1, 2, 4, 8}:
            message = "only binance changes intervals, to 1, 2, 4 or 8 hours"
            raise ValueError(message)
        self._change(base, venue).interval_h.set(self.moment_ms(), hours)
        self._replace(base, venue, in_funding_info=True)

    def set_unit_factor(self, venue: str, factor: Decimal | None) -> None:
        """Multiply every current rate that a venue shows; None ends it.

        Raises:
            ValueError: no such venue.
        """
        if venue not in VENUES:
            message = f"no venue is called {venue!r}"
            raise ValueError(message)
        self.revision += 1
        self._unit_factors.pop(venue, None)
        if factor is not None:
            self._unit_factors[venue] = factor

    def set_usdt(self, usd: float) -> None:
        """Let one USDT be worth so many dollars: prices in USDT move against it.

        Raises:
            ValueError: not above zero.
        """
        if usd <= 0:
            message = "a USDT is worth more than nothing"
            raise ValueError(message)
        self.revision += 1
        self._usdt = usd

    def set_price_factor(self, base: str, factor: float, venue: str | None) -> None:
        """Multiply a price on one venue, or everywhere; 1 puts it back."""
        if venue is not None:
            self._change(base, venue).price_factor = factor
            return
        if base not in self._assets:
            message = f"no venue lists {base!r}"
            raise UnknownMarketError(message)
        self.revision += 1
        self._price_factors[base] = factor

    def set_volume(self, base: str, venue: str, usd: Decimal | None) -> None:
        """Set the day volume; None makes the venue leave it out."""
        self._replace(base, venue, volume_usd=usd)

    def set_depth_factor(self, base: str, venue: str, factor: float) -> None:
        """Multiply the size of every book level; 0 empties the book."""
        self._change(base, venue).depth_factor = factor

    def set_status(self, base: str, venue: str, status: str) -> None:
        """List, delist or remove a market.

        Status is `live`, `absent`, or the venue's own word for a dead market.
        """
        try:
            self._replace(base, venue, status=status)
        except UnknownMarketError:
            if base not in self._assets or venue not in VENUES:
                raise
            number = len(self._listed[venue])
            fresh = instrument_of(self._assets[base], venue, number)
            self._listed[venue].append(replace(fresh, status=status))
            self.revision += 1

    def _replace(self, base: str, venue: str, **changes: object) -> None:
        one = self.find(base, venue)
        row = self._listed[venue]
        row[row.index(one)] = replace(one, **changes)  # type: ignore[arg-type]  # names are ours, four lines up
        self.revision += 1

    def reset(self) -> None:
        """Undo every change by hand."""
        self._price_factors.clear()
        self._unit_factors.clear()
        self._usdt = 1.0
        self._overrides.clear()
        self._taken.clear()
        self._list_all()
        self.revision += 1

    def is_live(self, one: Instrument) -> bool:
        """Return whether a person could trade it now as an ordinary perpetual."""
        return one.status == LIVE and one.kind == "perp"


def _depth_volume(one: Instrument) -> float:
    return float(one.volume_usd or 1_000_000)
