"""Print numbers: the only place that makes %, $, prices, durations and table cells.

Sentences use the true minus sign; table cells are ASCII, because everything else has
another width in a monospace block.
"""

from __future__ import annotations

import unicodedata
from decimal import ROUND_HALF_EVEN, Decimal
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

    from core.model.units import FundingRate

MAX_CELLS = 33
TOKEN_CELLS = 8
COLUMN_CELLS = 11
"""Width of one leg's column."""
UNKNOWN = "-"
_PRICE_DIGITS = 5
_NEARLY_NOTHING = "~0"
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


# --- width ----------------------------------------------------------------------------


def cells(text: str) -> int:
    """Return the width in a monospace font: East Asian wide characters take two."""
    return sum(_width(one) for one in text)


def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cut(text: str, width: int = TOKEN_CELLS) -> str:
    """Shorten a name to this many cells, marking the cut with `~`."""
    clean = "".join(one if fits_table(one) else "?" for one in text)
    if cells(clean) <= width:
        return clean
    kept = ""
    for one in clean:
        if cells(kept + one) > width - 1:
            break
        kept += one
    return kept + "~"


def fits_table(character: str) -> bool:
    """Tell whether a character has a known width: ASCII, or a letter of two cells."""
    if character.isascii():
        return character.isprintable()
    is_wide = unicodedata.east_asian_width(character) in "WF"
    return is_wide and unicodedata.category(character) == "Lo"


def left(text: str, width: int) -> str:
    """Pad on the right."""
    return text + " " * (width - cells(text))


def right(text: str, width: int) -> str:
    """Pad on the left."""
    return " " * (width - cells(text)) + text


def table(rows: Iterable[str]) -> str:
    """Return one monospace block."""
    lines = (escape(row.rstrip(), quote=False) for row in rows)
    return "<pre>" + "\n".join(lines) + "</pre>"


def ascii_minus(text: str) -> str:
    """Return text with the minus sign that fits a table."""
    return text.replace("\N{MINUS SIGN}", "-")


def true_minus(text: str) -> str:
    """Return a number with the minus sign that sentences use."""
    return text.replace("-", "\N{MINUS SIGN}")


def _sign(value: Decimal, *, is_signed: bool) -> str:
    if value < 0:
        return "\N{MINUS SIGN}"
    return "+" if is_signed and value > 0 else ""


# --- money ----------------------------------------------------------------------------


def usd(value: Decimal | None, *, is_signed: bool = False) -> str:
    """Return dollars: $1,240, $0.41, and two digits of what is below a cent."""
    if value is None:
        return "unknown"
    shown = _rounded_usd(abs(value))
    is_zero = not any(one in "123456789" for one in shown)
    return f"{'' if is_zero else _sign(value, is_signed=is_signed)}${shown}"


def _rounded_usd(size: Decimal) -> str:
    if size == 0:
        return "0"
    if size >= 1000:  # noqa: PLR2004 -- cents mean nothing beside thousands
        return f"{size:,.0f}"
    if size >= Decimal("0.01"):
        return f"{size:.2f}"
    if size >= Decimal("0.0001"):
        return plain(significant(size, 2))
    return "0.00"


def big(value: Decimal | None) -> str:
    """Return dollars in at most five cells for a table: 950, 12k, 3.4M; ? unknown."""
    if value is None:
        return "?"
    for least, unit in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if value >= least:
            short = plain(significant(value / least, 2)) + unit
            return short if len(short) <= 5 else ">999" + unit  # noqa: PLR2004
    return f"{value:.0f}"


def whole_usd(value: Decimal | None) -> str:
    """Return a size that people chose: $500, not $500.00."""
    if value is not None and 0 <= value == value.to_integral_value():
        return f"${value:,.0f}"
    return usd(value)


def usd_cell(value: Decimal | None, *, is_signed: bool = False) -> str:
    """Return dollars for a table, `-` when unknown."""
    if value is None:
        return UNKNOWN
    shown = ascii_minus(usd(value, is_signed=is_signed))
    if len(shown) <= COLUMN_CELLS:
        return shown
    sign = ascii_minus(_sign(value, is_signed=is_signed))
    return f"{sign}${big(abs(value))}"


def gain_cell(value: Decimal | None, width: int = 7) -> str:
    """Return a signed result without $ for a column whose head says $."""
    if value is None:
        return UNKNOWN
    shown = usd_cell(value, is_signed=True).replace("$", "").replace(",", "")
    if len(shown) <= width:
        return shown
    size, sign = abs(value), "-" if value < 0 else "+"
    for least, unit in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if size >= least:
            return f"{sign}{min(size / least, Decimal(9999)):.0f}{unit}"
    return shown[:width]


# --- rates ----------------------------------------------------------------------------


def rate(per_hour: Decimal | None, hours: int, *, is_signed: bool = False) -> str:
    """Return a rate with its period, such as 0.081%/8h."""
    if per_hour is None:
        return "unknown"
    percent = per_hour * hours * 100
    return f"{_sign(percent, is_signed=is_signed)}{_percent(abs(percent))}%/{hours}h"


def _percent(size: Decimal) -> str:
    if size == 0:
        return "0"
    if size >= 100:  # noqa: PLR2004 -- whole percents are exact enough
        return f"{size:,.0f}"
    if size >= 1:
        return f"{size:.2f}"
    if size >= Decimal("0.001"):
        return f"{size:.3f}"
    return plain(significant(size, 2))


def rate_cell(
    per_hour: Decimal | None, hours: int, *, is_signed: bool = False, width: int = 6
) -> str:
    """Return a rate in % for a table column whose head names the period."""
    if per_hour is None:
        return UNKNOWN
    percent = per_hour * hours * 100
    sign = ascii_minus(_sign(percent, is_signed=is_signed))
    room = width - len(sign)
    shown = _short_percent(abs(percent), room)
    return shown if shown == _NEARLY_NOTHING else sign + shown


def _short_percent(size: Decimal, room: int) -> str:
    if size == 0:
        return "0"
    text = f"{size:.{_places(size)}f}".removeprefix("0")
    if not any(one in "123456789" for one in text):
        return _NEARLY_NOTHING
    return text if len(text) <= room else ">" + "9" * (room - 1)


def _places(percent: Decimal) -> int:
    """Return decimals so that two or three digits show, at most four."""
    for least, places in (("100", 0), ("10", 1), ("1", 2), ("0.01", 3)):
        if percent >= Decimal(least):
            return places
    return 4


def apr(fraction: Decimal | None) -> str:
    """Return a yearly fraction as percent: 89%."""
    if fraction is None:
        return "unknown"
    percent = fraction * 100
    size = abs(percent)
    shown = f"{size:,.0f}" if size >= 10 else f"{size:.1f}"  # noqa: PLR2004
    return f"{_sign(percent, is_signed=False)}{shown}%"


def apr_cell(fraction: Decimal | None, width: int = 6) -> str:
    """Return a yearly fraction for a table."""
    if fraction is None:
        return UNKNOWN
    text = ascii_minus(apr(fraction)).replace(",", "")
    if len(text) <= width:
        return text
    sign = "-" if fraction < 0 else ">"
    return sign + "9" * (width - 2) + "%"


def share(fraction: Decimal) -> str:
    """Return a small fraction as percent with two or three digits: 0.15%."""
    return f"{_sign(fraction, is_signed=False)}{_share(abs(fraction) * 100)}%"


def _share(percent: Decimal) -> str:
    return plain(significant(percent, 2 if percent < 1 else 3))


# --- prices and quantities ------------------------------------------------------------


def significant(value: Decimal, digits: int) -> Decimal:
    """Round to this many significant digits."""
    if value == 0:
        return value
    step = Decimal(1).scaleb(value.adjusted() - digits + 1)
    return value.quantize(min(step, Decimal(1)), ROUND_HALF_EVEN)


def plain(value: Decimal) -> str:
    """Return a number without exponent and without useless zeros."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def price(value: Decimal | None) -> str:
    """Return a listed price by significant digits: 41.322, 0.0000012, 63214."""
    if value is None:
        return UNKNOWN
    for digits in range(_PRICE_DIGITS, 1, -1):
        shown = plain(significant(value, digits))
        if len(shown) <= COLUMN_CELLS:
            return shown
    return f"{value:.2E}"


def quantity(value: Decimal, width: int = 10) -> str:
    """Return an exact quantity, shortened only when it cannot fit."""
    text = plain(value)
    if len(text) <= width:
        return text
    for divisor, unit in ((Decimal(10**6), "M"), (Decimal(1000), "k")):
        short = plain(significant(value / divisor, 5)) + unit
        if abs(value) >= divisor and len(short) <= width:
            return short
    short = plain(significant(value, 5))
    if len(short) <= width:
        return short
    return f"{value:.2E}"


# --- time -----------------------------------------------------------------------------


def countdown(duration: timedelta | None) -> str:
    """Return a duration for a table: 40s, 12m, 3h12, 7d2h; `-` when unknown."""
    if duration is None:
        return UNKNOWN
    seconds = max(0, int(duration.total_seconds()))
    if seconds < _MINUTE:
        return f"{seconds}s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE}m"
    if seconds < _DAY:
        return f"{seconds // _HOUR}h{seconds % _HOUR // _MINUTE:02d}"
    return f"{seconds // _DAY}d{seconds % _DAY // _HOUR}h"


def duration_text(duration: timedelta) -> str:
    """Return a duration for a sentence: 18 s, 12 min, 3 h 12, 7 d 2 h."""
    seconds = max(0, int(duration.total_seconds()))
    if seconds < 2 * _MINUTE:
        return f"{seconds} s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE} min"
    if seconds < _DAY:
        return f"{seconds // _HOUR} h {seconds % _HOUR // _MINUTE:02d}"
    return f"{seconds // _DAY} d {seconds % _DAY // _HOUR} h"


def moment(at: datetime, form: str = "t") -> str:
    """Return a moment that the reader's client shows in his own zone.

    `form` is Telegram's tg-time format: t short time, T with seconds, r relative. The
    fallback text is UTC. Not allowed inside a table.
    """
    fallback = at.strftime("%H:%M:%S UTC" if form == "T" else "%H:%M UTC")
    return f'<tg-time unix="{int(at.timestamp())}" format="{form}">{fallback}</tg-time>'


def hours_cell(rate_: FundingRate | None) -> str:
    """Return hours between two payments: 1, 4, 8; `.5` for half an hour."""
    if rate_ is None:
        return UNKNOWN
    seconds = Decimal(int(rate_.payment_interval.total_seconds()))
    text = plain(significant(seconds / 3600, 2))
    return text.removeprefix("0") if text != "0" else text
