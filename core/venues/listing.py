"""Turn a venue's list of contracts into instruments and what stays out, with reasons.

Pure. Rows come in as ccxt 4.5.90 makes them, with the venue's own row under `info`; a
row that cannot be read costs itself and nothing else.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Final

from core.model.instrument import AbsenceReason, Instrument, LeftOut
from core.model.units import Base
from core.venues.fields import MalformedError, number_at, plain, positive_at, value_at

if TYPE_CHECKING:
    from collections.abc import Iterable

    from core.venues.catalog import AbsenceRule, CatalogEntry
    from core.venues.fields import Row

_PREFIX: Final = re.compile(r"(1(?:000){1,2}|10{4,5})(\D.*)")
# at least three letters: 1MIL is a token of its own
_MILLION: Final = re.compile(r"1M([A-Z]{3,}.*)")
_KILO: Final = re.compile(r"k([A-Z].*)")
_SUFFIX: Final = re.compile(r"([A-Z]{2,})(1(?:000){1,2}|10{4,5})")


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
        unit = positive_at(market, "contractSize")
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
        lot_base=plain(positive_at(market, "precision.amount") * scale),
        price_tick=plain(_price_tick(entry, market)),
        price_digits=entry.market.price_digits,
        min_quantity_base=None if least is None else plain(least * scale),
        max_quantity_base=None if most is None else plain(most * scale),
        min_notional_usd=None if cost is None else plain(cost),
        max_leverage=_max_leverage(entry, market),
        maintenance_margin=_maintenance(entry, market),
    )


def _price_tick(entry: CatalogEntry, market: Row) -> Decimal:
    if entry.market.price_decimals is None:
        return positive_at(market, "precision.price")
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


def _maintenance(entry: CatalogEntry, market: Row) -> Decimal | None:
    """Return the margin a position must keep as a fraction, None if it is not told."""
    if entry.market.maintenance is not None:
        path, unit = entry.market.maintenance
        told = number_at({"market": market}, path)
        return plain(told * unit) if told else None
    share, leverage = entry.market.maintenance_share, _max_leverage(entry, market)
    return None if share is None or not leverage else share / leverage
