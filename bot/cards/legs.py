"""Lay out two legs side by side: one label, two columns, 33 cells at most."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.cards.numbers import COLUMN_CELLS, table

if TYPE_CHECKING:
    from collections.abc import Sequence

_LABEL = 9


def leg_table(rows: Sequence[tuple[str, str, str]]) -> str:
    """Return a block with a label and a column for each leg."""
    return table(
        f"{label:<{_LABEL}} {one:>{COLUMN_CELLS}} {two:>{COLUMN_CELLS}}"
        for label, one, two in rows
    )
