"""Checks over everything a bot ever sent: what Telegram accepts but people suffer."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from sandbox.telegram.entities import utf16_slice

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sandbox.telegram.model import Query, Render

MAX_CELLS = 33
_ASCII_END = 127


def cells(text: str) -> int:
    """Return the width in a monospace font; East Asian wide characters take two."""
    return sum(_width(one) for one in text)


def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def problems(
    *, renders: Iterable[Render], unanswered: Iterable[Query], canaries: Sequence[str]
) -> list[str]:
    """Return one sentence for each problem, each only once."""
    found: list[str] = []
    for render in renders:
        where = f"chat {render.chat_id}, message {render.message_id}"
        found += [f"{where}: {words}" for words in _table_problems(render)]
        found += [f"{where}: shows a secret" for _ in _leaks(render, canaries)]
    for query in unanswered:
        times = len(query.answers)
        found.append(f"tap {query.data!r} by {query.user_id} answered {times} times")
    return list(dict.fromkeys(found))


def _table_problems(render: Render) -> Iterable[str]:
    for entity in render.entities:
        if entity["type"] != "pre":
            continue
        table = utf16_slice(render.text, entity["offset"], entity["length"])
        for row in table.split("\n"):
            if cells(row) > MAX_CELLS:
                yield f"table row of {cells(row)} cells: {row!r}"
            strange = [one for one in row if not _fits_table(one)]
            if strange:
                yield f"{strange} inside a table: {row!r}"


def _fits_table(character: str) -> bool:
    """Allow ASCII and the letters of token names such as 币安人生."""
    if ord(character) <= _ASCII_END:
        return True
    is_wide = unicodedata.east_asian_width(character) in "WF"
    return is_wide and unicodedata.category(character) == "Lo"


def _leaks(render: Render, canaries: Sequence[str]) -> list[str]:
    buttons = [
        f"{button.label}\n{button.value}" for row in render.rows for button in row
    ]
    everything = "\n".join([render.text, *buttons, str(render.entities)])
    return [one for one in canaries if one and one in everything]
