"""Turn single values into columns and back, exactly or not at all.

Decimals travel as TEXT, moments as Unix milliseconds (what is finer is cut off),
objects as JSON checked against the domain class: a missing or unknown field raises.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import TYPE_CHECKING, Generic, NoReturn, TypeVar

from pydantic import ConfigDict, ValidationError

from core.errors import StorageError

if TYPE_CHECKING:
    import sqlite3

    from pydantic import TypeAdapter

T = TypeVar("T")
Word = TypeVar("Word", bound=StrEnum)
Value = str | int | None
Values = dict[str, Value]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
STRICT = ConfigDict(extra="forbid", strict=True)


# --- single values --------------------------------------------------------------------


def to_ms(moment: datetime) -> int:
    """Return Unix milliseconds, rounded down.

    Raises:
        StorageError: the moment has no time zone.
    """
    if moment.tzinfo is None:
        message = f"the moment {moment} has no time zone"
        raise StorageError(message)
    return (moment - _EPOCH) // _MILLISECOND


def from_ms(value: int) -> datetime:
    """Return the moment of Unix milliseconds, aware UTC."""
    return _EPOCH + value * _MILLISECOND


def to_text(number: Decimal) -> str:
    """Return a decimal's exact text.

    Raises:
        StorageError: not a finite number.
    """
    if not number.is_finite():
        message = f"{number} is no number to store"
        raise StorageError(message)
    return str(number)


def maybe_ms(moment: datetime | None) -> int | None:
    """Return Unix milliseconds or None."""
    return None if moment is None else to_ms(moment)


def maybe_text(number: Decimal | None) -> str | None:
    """Return a decimal's exact text or None."""
    return None if number is None else to_text(number)


class Json(Generic[T]):
    """One class's way into a JSON column and back."""

    def __init__(self, title: str, adapter: TypeAdapter[T]) -> None:
        self._title = title
        self._adapter = adapter

    def dump(self, value: T) -> str:
        """Return JSON text; decimals are strings inside."""
        return self._adapter.dump_json(value).decode()

    def load(self, text: str) -> T:
        """Return the object.

        Raises:
            StorageError: a field is missing, unknown or malformed.
        """
        try:
            return self._adapter.validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            message = f"stored {self._title} is malformed at {where}: {first['msg']}"
            raise StorageError(message) from error


class Record:
    """One row, read column by column; a wrong value names table, column and value."""

    def __init__(self, table: str, row: sqlite3.Row) -> None:
        self._table = table
        self._row = row

    def text(self, name: str) -> str:
        """Return a text."""
        value = self._row[name]
        return value if isinstance(value, str) else self._fail(name, value)

    def maybe_text(self, name: str) -> str | None:
        """Return a text or None."""
        return None if self._row[name] is None else self.text(name)

    def bulk(self, name: str) -> bytes:
        """Return bytes."""
        value = self._row[name]
        return value if isinstance(value, bytes) else self._fail(name, value)

    def whole(self, name: str) -> int:
        """Return a whole number."""
        value = self._row[name]
        return value if isinstance(value, int) else self._fail(name, value)

    def maybe_whole(self, name: str) -> int | None:
        """Return a whole number or None."""
        return None if self._row[name] is None else self.whole(name)

    def flag(self, name: str) -> bool:
        """Return yes or no."""
        return self.whole(name) == 1

    def decimal(self, name: str) -> Decimal:
        """Return a decimal."""
        text = self.text(name)
        try:
            number = Decimal(text)
        except InvalidOperation:
            return self._fail(name, text)
        return number if number.is_finite() else self._fail(name, text)

    def maybe_decimal(self, name: str) -> Decimal | None:
        """Return a decimal or None."""
        return None if self._row[name] is None else self.decimal(name)

    def moment(self, name: str) -> datetime:
        """Return a moment."""
        value = self.whole(name)
        try:
            return from_ms(value)
        except OverflowError:
            return self._fail(name, value)

    def maybe_moment(self, name: str) -> datetime | None:
        """Return a moment or None."""
        return None if self._row[name] is None else self.moment(name)

    def word(self, name: str, words: type[Word]) -> Word:
        """Return one of the words of an enumeration."""
        text = self.text(name)
        return words(text) if text in list(words) else self._fail(name, text)

    def _fail(self, name: str, value: object) -> NoReturn:
        message = f"stored {self._table}.{name} is malformed: {value!r:.60}"
        raise StorageError(message)
