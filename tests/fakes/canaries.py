"""Secrets that sing: find a key wherever and however it was written down."""

from __future__ import annotations

import base64
import logging
import traceback
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_SHORTEST = 8
"""Fewer characters would be found by chance."""


@dataclass(frozen=True)
class Canaries:
    """Secrets by name, in every form in which they could leave."""

    secrets: Mapping[str, str]
    _forms: dict[str, tuple[bytes, ...]] = field(init=False)
    _folded: dict[str, tuple[bytes, ...]] = field(init=False)

    def __post_init__(self) -> None:
        exact, folded = {}, {}
        for name, text in self.secrets.items():
            assert len(text) >= _SHORTEST, name
            exact[name] = tuple(_exact_forms(text))
            folded[name] = tuple(each.lower() for each in _folded_forms(text))
        object.__setattr__(self, "_forms", exact)
        object.__setattr__(self, "_folded", folded)

    def found_in(self, what: str | bytes) -> list[str]:
        """Return the names of the secrets that are in there, in whatever form."""
        data = what.encode("utf-8", "replace") if isinstance(what, str) else what
        small = data.lower()
        return [
            name
            for name in self.secrets
            if any(each in data for each in self._forms[name])
            or any(each in small for each in self._folded[name])
        ]


def _exact_forms(text: str) -> Iterator[bytes]:
    """Return the base64 forms: capitals matter in them."""
    bare = text.removeprefix("0x")
    for raw in {text.encode(), bare.encode(), *_bytes_of(bare)}:
        for shift in range(3):
            # Behind other bytes the same ones look different; the ends hang on others.
            coded = base64.b64encode(b"\0" * shift + raw).rstrip(b"=")
            middle = coded[shift + 1 : -2]
            yield middle
            yield middle.translate(bytes.maketrans(b"+/", b"-_"))


def _folded_forms(text: str) -> Iterator[bytes]:
    """Return the forms that are the same in capitals."""
    bare = text.removeprefix("0x")
    yield from (
        bare.encode(),
        quote(bare, safe="").encode(),
        bare.encode().hex().encode(),
    )
    for raw in _bytes_of(bare):
        yield str(int.from_bytes(raw, "big")).encode()
        yield repr(raw)[2:-1].encode()


def _bytes_of(bare: str) -> tuple[bytes, ...]:
    try:
        return (bytes.fromhex(bare),)
    except ValueError:
        return ()


def everything_in(error: BaseException) -> str:
    """Return all that an exception and those behind it could show."""
    shown, seen, left = [], set(), [error]
    while left:
        one = left.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        shown += [
            str(one),
            repr(one),
            repr(one.args),
            repr(getattr(one, "__dict__", "")),
        ]
        left += [each for each in (one.__cause__, one.__context__) if each is not None]
        left += one.exceptions if isinstance(one, BaseExceptionGroup) else ()
    return "\n".join([*shown, *traceback.format_exception(error)])


class _Keeping(logging.Handler):
    """Keeps all that was logged, before anything is hidden in it."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))
        if record.exc_info and record.exc_info[1]:
            self.lines.append(everything_in(record.exc_info[1]))


@contextmanager
def all_logs(quiet: Iterable[str] = ()) -> Iterator[list[str]]:
    """Give every line of every library at DEBUG, unredacted.

    Args:
        quiet: loggers that the program keeps at WARNING.
    """
    root, keeping = logging.getLogger(), _Keeping()
    level, levels = root.level, {name: logging.getLogger(name).level for name in quiet}
    root.addHandler(keeping)
    root.setLevel(logging.DEBUG)
    for name in levels:
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        yield keeping.lines
    finally:
        root.removeHandler(keeping)
        root.setLevel(level)
        for name, before in levels.items():
            logging.getLogger(name).setLevel(before)
