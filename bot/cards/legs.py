"""Lay out two legs side by side: one label, two columns, 33 cells at most."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.cards.numbers import COLUMN_CELLS, plain, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bot.cards.look import Look
    from core.model.instrument import Instrument

_LABEL = 9


def leg_table(rows: Sequence[tuple[str, str, str]]) -> str:
    """Return a block with a label and a column for each leg."""
    return table(
        f"{label:<{_LABEL}} {one:>{COLUMN_CELLS}} {two:>{COLUMN_CELLS}}"
        for label, one, two in rows
    )


def unit_words(instruments: Iterable[Instrument], look: Look) -> str:
    """Say what one unit of each contract holds where that is not one of the token.

    Quantities and prices on cards are the venues' own; equal legs may look unequal.
    """
    return " · ".join(
        f"1 {one.native_name} on {look.code(one.venue_id)} ="
        f" {plain(one.multiplier)} {one.base}"
        for one in instruments
        if one.multiplier != 1
    )
