"""Arrange buttons and pages; escape what comes from outside."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, TypeVar

from bot.callbacks import Verb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.cards.card import Button
    from bot.cards.look import Look

Row = TypeVar("Row")
MAX_RAW = 600


def text(value: object) -> str:
    """Return a dynamic text that cannot break the markup."""
    return escape(str(value), quote=False)


def folded(raw: str) -> str:
    """Return foreign text shortened, in a quote that opens on a tap."""
    clean = " ".join(raw.split())
    short = clean if len(clean) <= MAX_RAW else clean[:MAX_RAW] + "…"
    return f"<blockquote expandable>{text(short)}</blockquote>" if short else ""


def lines(*parts: str) -> str:
    """Join the lines that say something."""
    return "\n".join(part for part in parts if part)


def grid(buttons: Sequence[Button], per_row: int = 3) -> tuple[tuple[Button, ...], ...]:
    """Return buttons in rows."""
    starts = range(0, len(buttons), per_row)
    return tuple(tuple(buttons[start : start + per_row]) for start in starts)


def rows_of(*rows: Sequence[Button]) -> tuple[tuple[Button, ...], ...]:
    """Return the rows that hold a button."""
    return tuple(tuple(row) for row in rows if row)


def page_of(
    rows: Sequence[Row], page: int, per_page: int
) -> tuple[Sequence[Row], int, int]:
    """Return the rows of a page (0-based, kept in range), the page and the count."""
    count = max(1, -(-len(rows) // per_page))
    page = min(max(page, 0), count - 1)
    return rows[page * per_page : (page + 1) * per_page], page, count


def page_buttons(look: Look, page: int, count: int) -> tuple[Button, ...]:
    """Return the way to the neighbouring pages."""
    found = []
    if page > 0:
        found.append(look.button(f"◀ {page}/{count}", Verb.PAGE, str(page - 1)))
    if page + 1 < count:
        found.append(look.button(f"{page + 2}/{count} ▶", Verb.PAGE, str(page + 1)))
    return tuple(found)
