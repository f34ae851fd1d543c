"""Take numbers and texts out of ccxt's dictionaries, or say which field is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, Final, TypeAlias

Row: TypeAlias = Mapping[str, object]

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
        text = found if isinstance(found, str) else str(found)
        number = None if isinstance(found, bool) else Decimal(text)
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite():
        message = f"{str(path).rpartition('.')[2]} is {str(found)[:_SHOWN]!r}"
        raise MalformedError(message)
    return number


def value_at(rows: Row, path: str) -> object:
    """Return what stands at a dotted path, None where there is nothing."""
    here: Any = rows
    try:
        for key in _keys(path):
            here = here[key]
    except (LookupError, TypeError):
        return None
    found: object = here
    return found


@cache
def _keys(path: str) -> tuple[str, ...]:
    return tuple(path.split("."))


def plain(number: Decimal) -> Decimal:
    """Return an equal number without trailing zeros and without an exponent."""
    short = number.normalize()
    exponent = short.as_tuple().exponent
    return short.quantize(Decimal(1)) if int(exponent) > 0 else short


def positive_at(row: Row, path: str) -> Decimal:
    """Return the number at a dotted path.

    Raises:
        MalformedError: there is none above zero.
    """
    found = number_at(row, path)
    if found is None or found <= 0:
        message = f"{path} is {found}"
        raise MalformedError(message)
    return found
