"""Turn ccxt's rates, books and past payments into the model, or into a reason.

Pure. Dictionaries come in as ccxt 4.5.90 makes them, with the venue's own row under
`info`; complete frozen objects or a `Skip` come out, in base units. A row that cannot
be read costs itself and nothing else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, Final

from core.model.market import BookLevel, FundingSnapshot, OrderBook, SettledRate
from core.model.opportunity import Skip, SkipReason
from core.model.units import HOUR, FundingRate
from core.venues.fields import MalformedError, number_at, positive_at, value_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from core.model.instrument import Instrument
    from core.venues.catalog import CatalogEntry
    from core.venues.fields import Row

MAX_RATE_PER_HOUR: Final = Decimal("0.25")
"""A rate beyond this is a unit error, not a market: venues cap far below."""
MAX_INTERVAL: Final = timedelta(hours=24)
SETTLING_GRACE: Final = timedelta(minutes=5)
"""For so long after a payment a venue may still announce the one that was."""
CLOCK_SLACK: Final = timedelta(seconds=60)
"""Difference between a venue's clock and ours that no rule trips over."""

_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)([mhd])")
_DURATION_UNITS: Final = {
    "m": timedelta(minutes=1),
    "h": HOUR,
    "d": timedelta(days=1),
}
_MOST_UNITS: Final = 100_000


@dataclass(frozen=True, slots=True)
class RateRows:
    """What one venue's bulk calls said of one instrument; None where it said nothing.

    Without intervals at hand (`has_intervals` False) a venue that publishes them has
    none to assume either.
    """

    rate: Row | None
    ticker: Row | None = None
    interval: Row | None = None
    market: Row | None = None
    has_intervals: bool = True


def read_rate(
    entry: CatalogEntry, instrument: Instrument, rows: RateRows, now: datetime
) -> FundingSnapshot | Skip:
    """Read one instrument's rate with everything that belongs to it."""
    if rows.rate is None:
        return _skip(instrument, SkipReason.NO_RATE, "no rate in the venue's list")
    named: Row = {
        "rate": rows.rate,
        "ticker": rows.ticker,
        "interval": rows.interval,
        "market": rows.market,
    }
    interval = _interval(entry, named, has_intervals=rows.has_intervals)
    if interval is None:
        return _skip(instrument, SkipReason.NO_INTERVAL, "payment interval not known")
    try:
        return _snapshot(entry, instrument, named, interval, now)
    except MalformedError as error:
        return _skip(instrument, SkipReason.MALFORMED, str(error))


def _skip(instrument: Instrument, reason: SkipReason, detail: str) -> Skip:
    return Skip(instrument.base, reason, detail, instrument.venue_id, instrument.symbol)


def _snapshot(
    entry: CatalogEntry,
    instrument: Instrument,
    rows: Row,
    interval: timedelta,
    now: datetime,
) -> FundingSnapshot | Skip:
    fields = entry.rates
    per_interval = number_at(rows, fields.rate)
    if per_interval is None:
        return _skip(instrument, SkipReason.NO_RATE, "the venue shows no rate")
    rate = FundingRate(per_interval, interval, fields.payment_interval or interval)
    if abs(rate.per_hour) > MAX_RATE_PER_HOUR:
        message = f"{per_interval} per {interval} is no rate"
        raise MalformedError(message)
    announced = _moment(number_at(rows, fields.next_funding))
    if fields.intervals_call is not None and not _fits(announced, interval, now):
        detail = f"a payment at {announced:%H:%M} fits no interval of {interval}"
        return _skip(instrument, SkipReason.NO_INTERVAL, detail)
    return FundingSnapshot(
        instrument=instrument,
        rate=rate,
        next_funding_at=next_payment(
            announced, rate.payment_interval, now, is_told=bool(fields.next_funding)
        ),
        mark_price=_price(rows, fields.mark, instrument),
        index_price=_price(rows, fields.index, instrument),
        volume_24h_usd=_volume(rows, fields.volume),
        observed_at=_observed(announced, _moment(number_at(rows, fields.seen)), now),
    )


def _interval(
    entry: CatalogEntry, rows: Row, *, has_intervals: bool
) -> timedelta | None:
    """Return the period a rate refers to; what is unreadable is not assumed."""
    fields = entry.rates
    told = None if fields.interval is None else value_at(rows, fields.interval)
    if told is None:
        needs_list = fields.intervals_call is not None
        is_listed = rows.get("interval") is not None
        if needs_list and (is_listed or not has_intervals):
            return None
        return fields.default_interval
    if found := _DURATION.fullmatch(str(told)):
        interval = _times(Decimal(found[1]), _DURATION_UNITS[found[2]])
    else:
        try:
            number = number_at(rows, fields.interval)
        except MalformedError:
            return None
        interval = _times(number or Decimal(0), fields.interval_unit)
    return interval if timedelta(0) < interval <= MAX_INTERVAL else None


def _times(number: Decimal, unit: timedelta) -> timedelta:
    """Return so many units; more than a venue can mean is no time at all."""
    if abs(number) > _MOST_UNITS:
        return timedelta(0)
    return timedelta(seconds=int(number * int(unit.total_seconds())))


@lru_cache(maxsize=64)
def _fits(moment: datetime | None, interval: timedelta, now: datetime) -> bool:
    """Tell whether a payment at a moment agrees with payments this far apart.

    They count from midnight UTC, and the coming one is at most one interval away. A
    list of intervals is minutes old, and venues change intervals by themselves.
    """
    if moment is None:
        return True
    if moment > now + interval + CLOCK_SLACK:
        return False
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    past = (moment - midnight) % interval
    return min(past, interval - past) <= CLOCK_SLACK


def next_payment(
    announced: datetime | None,
    interval: timedelta,
    now: datetime,
    *,
    is_told: bool,
) -> datetime | None:
    """Return the coming payment: ahead of now and at most one interval away.

    Args:
        announced: what the venue's row says.
        interval: time between two payments.
        now: the moment of reading.
        is_told: whether this venue announces the moment at all; the others pay at
            full multiples of the interval since midnight UTC.
    """
    if not is_told:
        return _full_multiple_after(now, interval)
    if announced is None:
        return None
    if now - SETTLING_GRACE <= announced <= now:
        announced += interval
    return announced if now < announced <= now + interval + CLOCK_SLACK else None


@lru_cache(maxsize=8)
def _full_multiple_after(now: datetime, interval: timedelta) -> datetime:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + ((now - midnight) // interval + 1) * interval


def _observed(
    announced: datetime | None, made_at: datetime | None, now: datetime
) -> datetime:
    """Return how old the row really is.

    A row that still announces a payment long past was made before that payment.
    """
    seen = now if made_at is None else min(made_at, now)
    if announced is not None and announced < now - SETTLING_GRACE:
        seen = min(seen, announced)
    return seen


@lru_cache(maxsize=64)
def _moment(number_ms: Decimal | None) -> datetime | None:
    """Return the moment a number of milliseconds means; zero means none.

    Raises:
        MalformedError: no such moment.
    """
    if not number_ms:
        return None
    try:
        return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=int(number_ms))
    except OverflowError as error:
        message = f"{number_ms} is no moment"
        raise MalformedError(message) from error


def _price(rows: Row, path: str | None, instrument: Instrument) -> Decimal | None:
    """Return the price per base unit; venues write 0 where they have none."""
    listed = number_at(rows, path)
    if listed is None or listed <= 0:
        return None
    return instrument.base_price(listed)


def _volume(rows: Row, path: str | None) -> Decimal | None:
    """Return the day volume; an unreadable one is unknown and costs no rate."""
    try:
        volume = number_at(rows, path)
    except MalformedError:
        return None
    return None if volume is None or volume < 0 else volume


# --- books and past payments ----------------------------------------------------------


def read_book(instrument: Instrument, book: Row, now: datetime) -> OrderBook:
    """Read an order book; orders of one price become one level.

    Raises:
        MalformedError: a level is no pair of positive numbers.
    """
    return OrderBook(
        instrument=instrument,
        bids=_levels(instrument, book.get("bids"), is_falling=True),
        asks=_levels(instrument, book.get("asks"), is_falling=False),
        observed_at=now,
    )


def _levels(
    instrument: Instrument, side: object, *, is_falling: bool
) -> tuple[BookLevel, ...]:
    if not isinstance(side, list):
        message = "a book side is missing"
        raise MalformedError(message)
    pairs = sorted((_pair(level) for level in side), reverse=is_falling)
    scale = instrument.unit * instrument.multiplier
    return tuple(
        BookLevel(
            instrument.base_price(price),
            sum((each[1] for each in same), Decimal()) * scale,
        )
        for price, same in groupby(pairs, key=lambda pair: pair[0])
    )


def _pair(level: Sequence[object]) -> tuple[Decimal, Decimal]:
    row = {"price": level[0], "quantity": level[1]}
    return positive_at(row, "price"), positive_at(row, "quantity")


def read_settled(
    instrument: Instrument, rows: Iterable[Row], *, price: str | None
) -> tuple[SettledRate, ...]:
    """Read past payments from ccxt's history rows, oldest first.

    Venues stamp a payment up to two seconds after it: the moment is rounded to the
    full minute.

    Args:
        instrument: whose payments.
        rows: ccxt's `fundingRate` and `timestamp`, the venue's row under `info`.
        price: path of the settlement price.

    Raises:
        MalformedError: a row without rate or moment.
    """
    found = [_settled(instrument, row, price) for row in rows]
    return tuple(sorted(found, key=lambda payment: payment.pay_at))


def _settled(instrument: Instrument, row: Row, price: str | None) -> SettledRate:
    rate = number_at(row, "fundingRate")
    stamp = _moment(number_at(row, "timestamp"))
    if rate is None or stamp is None:
        message = "a past payment lacks rate or moment"
        raise MalformedError(message)
    rounded = (stamp + timedelta(seconds=30)).replace(second=0, microsecond=0)
    return SettledRate(instrument, rounded, rate, _price(row, price, instrument))
