"""Turn ccxt's dictionaries into the model, or into a reason; all units change here.

Pure. Dictionaries come in as ccxt 4.5.90 makes them, with the venue's own row under
`info`; complete frozen objects, a `LeftOut` or a `Skip` come out. A row that cannot be
read costs itself and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from itertools import groupby
from typing import TYPE_CHECKING, Final, TypeAlias

from core.model.instrument import AbsenceReason, Instrument, LeftOut
from core.model.market import BookLevel, FundingSnapshot, OrderBook, SettledRate
from core.model.opportunity import Skip, SkipReason
from core.model.units import HOUR, Base, FundingRate

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from core.venues.catalog import AbsenceRule, CatalogEntry

Row: TypeAlias = Mapping[str, object]

MAX_RATE_PER_HOUR: Final = Decimal("0.25")
"""A rate beyond this is a unit error, not a market: venues cap far below."""
MAX_INTERVAL: Final = timedelta(hours=24)
SETTLING_GRACE: Final = timedelta(minutes=5)
"""For so long after a payment a venue may still announce the one that was."""
CLOCK_SLACK: Final = timedelta(seconds=60)
"""Difference between a venue's clock and ours that no rule trips over."""

_PREFIX: Final = re.compile(r"(1(?:000){1,2}|10{4,5})(\D.*)")
_MILLION: Final = re.compile(r"1M([A-Z]{2,}.*)")
_KILO: Final = re.compile(r"k([A-Z].*)")
_SUFFIX: Final = re.compile(r"([A-Z]{2,})(1(?:000){1,2}|10{4,5})")
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)([mhd])")
_DURATION_UNITS: Final = {
    "m": timedelta(minutes=1),
    "h": HOUR,
    "d": timedelta(days=1),
}
_MOST_UNITS: Final = 100_000
_SHOWN: Final = 24


class MalformedError(ValueError):
    """A field does not hold what it must; the text names it and its value."""


def number_at(rows: Row, path: str | None) -> Decimal | None:
    """Return the number at a dotted path, None where there is none.

    Raises:
        MalformedError: something is there, but no finite number.
    """
    found = None if path is None else value_at(rows, path)
    if found is None or found == "":
        return None
    try:
        number = None if isinstance(found, bool) else Decimal(str(found))
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite():
        message = f"{str(path).rpartition('.')[2]} is {str(found)[:_SHOWN]!r}"
        raise MalformedError(message)
    return number


def value_at(rows: Row, path: str) -> object:
    """Return what stands at a dotted path, None where there is nothing."""
    here: object = rows
    for key in path.split("."):
        if not isinstance(here, Mapping):
            return None
        here = here.get(key)
    return here


def plain(number: Decimal) -> Decimal:
    """Return an equal number without trailing zeros and without an exponent."""
    short = number.normalize()
    exponent = short.as_tuple().exponent
    return short.quantize(Decimal(1)) if int(exponent) > 0 else short


def split_name(raw: str) -> tuple[Base, Decimal]:
    """Split a venue's name into base asset and base units per listed unit.

    1000PEPE, 10000X, 1000000MOG, 1MBABYDOGE, SHIB1000 and, with a lower-case k before
    a capital, kPEPE carry a multiplier; 1INCH, 0G, 4 and KAITO do not.
    """
    if found := _PREFIX.fullmatch(raw):
        return Base(found[2].upper()), Decimal(found[1])
    if found := _MILLION.fullmatch(raw):
        return Base(found[1].upper()), Decimal(1_000_000)
    if found := _KILO.fullmatch(raw):
        return Base(found[1].upper()), Decimal(1000)
    if found := _SUFFIX.fullmatch(raw):
        return Base(found[1].upper()), Decimal(found[2])
    return Base(raw.upper()), Decimal(1)


# --- instruments ----------------------------------------------------------------------


def read_markets(
    entry: CatalogEntry, markets: Iterable[Row], broken: Iterable[str] = ()
) -> tuple[tuple[Instrument, ...], tuple[LeftOut, ...]]:
    """Sort a venue's whole list into instruments and what stays out, with reasons.

    Args:
        entry: the venue.
        markets: every row ccxt could read.
        broken: names of rows ccxt itself could not read.
    """
    rows = list(markets)
    # ccxt knows one row per symbol, the last: it upper-cases names (KPEPE and kPEPE).
    known = {row.get("symbol"): row for row in rows}
    taken: dict[Base, Instrument] = {}
    left_out = [
        LeftOut(entry.venue_id, name, None, AbsenceReason.MALFORMED, "unreadable row")
        for name in broken
    ]
    for market in rows:
        found = read_market(entry, market)
        if isinstance(found, Instrument) and known[found.symbol] is not market:
            left_out.append(_shadowed(found))
        elif isinstance(found, LeftOut):
            left_out.append(found)
        elif (other := taken.get(found.base)) is None:
            taken[found.base] = found
        else:
            kept, lost = _preferred(other, found)
            taken[found.base] = kept
            left_out.append(_duplicate(lost, kept))
    return tuple(taken.values()), tuple(left_out)


def _shadowed(instrument: Instrument) -> LeftOut:
    return LeftOut(
        instrument.venue_id,
        instrument.native_name,
        instrument.base,
        AbsenceReason.DUPLICATE,
        f"another contract is called {instrument.symbol}",
    )


def _preferred(one: Instrument, other: Instrument) -> tuple[Instrument, Instrument]:
    """Return the instrument to keep and the other: the smaller multiplier stays."""
    return (other, one) if other.multiplier < one.multiplier else (one, other)


def _duplicate(lost: Instrument, kept: Instrument) -> LeftOut:
    return LeftOut(
        lost.venue_id,
        lost.native_name,
        lost.base,
        AbsenceReason.DUPLICATE,
        f"{kept.native_name} is used",
    )


def read_market(entry: CatalogEntry, market: Row) -> Instrument | LeftOut:
    """Read one row of a venue's list."""
    rows = {"market": market}
    native_name = value_at(rows, entry.market.native_name)
    raw_base = value_at(rows, entry.market.raw_base)
    if not isinstance(native_name, str) or not isinstance(raw_base, str):
        return LeftOut(
            entry.venue_id, str(native_name), None, AbsenceReason.MALFORMED, "no name"
        )
    base, multiplier = split_name(raw_base)
    absence = _absence(entry, market)
    if absence is not None:
        return LeftOut(entry.venue_id, native_name, base, *absence)
    try:
        return _instrument(entry, market, native_name, base, multiplier)
    except (MalformedError, InvalidOperation) as error:
        reason, detail = AbsenceReason.MALFORMED, str(error)
        return LeftOut(entry.venue_id, native_name, base, reason, detail)


def _absence(entry: CatalogEntry, market: Row) -> tuple[AbsenceReason, str] | None:
    """Return why a contract stays out, None if it does not."""
    return _foreign_kind(entry, market) or _bad_state(entry, market)


def _foreign_kind(entry: CatalogEntry, market: Row) -> tuple[AbsenceReason, str] | None:
    if market.get("future") or market.get("expiry") is not None:
        return AbsenceReason.DATED, str(market.get("expiryDatetime") or "")
    if market.get("swap") is not True or market.get("linear") is not True:
        return AbsenceReason.NOT_LINEAR, str(market.get("type") or "")
    if entry.quote not in {market.get("quote"), market.get("settle")}:
        return AbsenceReason.OTHER_QUOTE, str(market.get("quote"))
    if market.get("quote") != market.get("settle"):
        return AbsenceReason.NOT_LINEAR, f"settles in {market.get('settle')}"
    return None


def _bad_state(entry: CatalogEntry, market: Row) -> tuple[AbsenceReason, str] | None:
    for rule in entry.market.absences:
        detail = _excluded_by(rule, market)
        if detail is not None:
            return rule.reason, detail
    if market.get("active") is False:
        status = value_at(market, "info.status")
        return AbsenceReason.INACTIVE, "" if status is None else str(status)
    return None


def _excluded_by(rule: AbsenceRule, market: Row) -> str | None:
    """Return the value that excludes a contract, None if the rule lets it pass."""
    found = value_at({"market": market}, rule.path)
    text = "" if found is None else str(found)
    if rule.values is None:
        return text or None
    if (text in rule.values) is rule.is_allow_list:
        return None
    return rule.path.rpartition(".")[2] if text == "True" else text


def _instrument(
    entry: CatalogEntry,
    market: Row,
    native_name: str,
    base: Base,
    multiplier: Decimal,
) -> Instrument:
    unit = Decimal(1)
    if entry.market.has_contract_size:
        unit = _positive(market, "contractSize")
    scale = unit * multiplier
    least, most = (
        number_at(market, f"limits.amount.{end}") or None for end in ("min", "max")
    )
    cost = number_at(market, "limits.cost.min") or entry.market.min_notional_usd
    return Instrument(
        venue_id=entry.venue_id,
        symbol=str(market["symbol"]),
        native_name=native_name,
        base=base,
        multiplier=multiplier,
        quote=str(market["quote"]),
        settle=str(market["settle"]),
        unit=plain(unit),
        lot_base=plain(_positive(market, "precision.amount") * scale),
        price_tick=plain(_price_tick(entry, market)),
        price_digits=entry.market.price_digits,
        min_quantity_base=None if least is None else plain(least * scale),
        max_quantity_base=None if most is None else plain(most * scale),
        min_notional_usd=None if cost is None else plain(cost),
        max_leverage=_max_leverage(entry, market),
    )


def _positive(row: Row, path: str) -> Decimal:
    found = number_at(row, path)
    if found is None or found <= 0:
        message = f"{path} is {found}"
        raise MalformedError(message)
    return found


def _price_tick(entry: CatalogEntry, market: Row) -> Decimal:
    if entry.market.price_decimals is None:
        return _positive(market, "precision.price")
    most, path = entry.market.price_decimals
    taken = number_at({"market": market}, path)
    if taken is None or not 0 <= taken <= most:
        message = f"{path} is {taken}"
        raise MalformedError(message)
    return Decimal(1).scaleb(int(taken) - most)


def _max_leverage(entry: CatalogEntry, market: Row) -> Decimal | None:
    listed = number_at(market, "limits.leverage.max")
    if listed is None and entry.market.margin_fraction is not None:
        fraction = number_at({"market": market}, entry.market.margin_fraction)
        listed = 10_000 / fraction if fraction else None
    return None if listed is None else plain(listed)


# --- rates ----------------------------------------------------------------------------


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
    if fields.intervals_call is not None and not _fits(announced, interval):
        detail = f"a payment at {announced:%H:%M} fits no {interval} interval"
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


def _fits(moment: datetime | None, interval: timedelta) -> bool:
    """Tell whether payments this far apart, counted from midnight, hit a moment."""
    if moment is None:
        return True
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
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight + ((now - midnight) // interval + 1) * interval
    if announced is None:
        return None
    if now - SETTLING_GRACE <= announced <= now:
        announced += interval
    return announced if now < announced <= now + interval + CLOCK_SLACK else None


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
    return _positive(row, "price"), _positive(row, "quantity")


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
