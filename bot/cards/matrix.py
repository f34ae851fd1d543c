"""Availability in, matrix card out; one token in, its rates and every hole's reason."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.callbacks import Verb
from bot.cards import numbers
from bot.cards.card import Card
from bot.cards.layout import grid, lines, page_of, rows_of
from bot.cards.shown import ShownRow, pack_rows
from core.model.instrument import AbsenceReason, TokenStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bot.cards.card import Button
    from bot.cards.look import Look
    from core.model.instrument import Availability, TokenRow
    from core.model.market import FundingSnapshot
    from core.model.opportunity import ScanResult
    from core.model.units import VenueId

PAGE_ROWS = 12
"""With their buttons they fit the screen of a phone."""
LEAST_VENUES = (2, 3, 4)
"""Filters: tokens on so many venues at least."""
MAX_VENUE_COLUMNS = 7
ASK = "Tap a token to hear why it is offered, or why not."
_SIGNS = {".": "not listed", "x": "not usable", "?": "no rate"}
SIGNS = {TokenStatus.OK: "✅", TokenStatus.SINGLE: "⚠️", TokenStatus.NONE: "❌"}


@dataclass(frozen=True, slots=True)
class MatrixView:
    """Which part of the matrix, in which order."""

    page: int = 0
    sort: str = "pairs"
    """pairs (most possible pairs first) or name."""
    least_venues: int = 0
    """Only tokens on so many venues at least; 0 shows all."""
    is_asking: bool = False
    """A tap on a token asks why it is refused instead of showing its card."""


def matrix_card(
    cache: Availability | None, result: ScanResult | None, look: Look, view: MatrixView
) -> Card:
    """Return one page of tokens by venues, with hours between payments."""
    if cache is None:
        return Card(
            html="The venues' lists are being read, ready in a few seconds"
            f" · {look.badge}",
            kind="matrix",
            card_id=look.card_id,
            rows=((look.button("🔄 Refresh", Verb.REFRESH),),),
        )
    ordered = _ordered(cache, view)
    page_rows, page, count = page_of(ordered, view.page, PAGE_ROWS)
    html = lines(
        _matrix_head(cache, look, (page, count)),
        _matrix_table(page_rows, result, look) if page_rows else "",
        "" if page_rows else f"No token is on {view.least_venues}+ venues.",
        ASK if view.is_asking else "",
        _legend(page_rows, result, look) if page_rows and not view.is_asking else "",
        _unread(cache, look),
    )
    return Card(
        html=html,
        kind="matrix",
        card_id=look.card_id,
        rows=_matrix_buttons(page_rows, look, (page, count), view),
        shown={
            "page": str(page),
            "sort": view.sort,
            "least": str(view.least_venues or ""),
            "asks": "yes" if view.is_asking else "",
            "rows": pack_rows(ShownRow(base=row.base) for row in page_rows),
        },
    )


def _ordered(cache: Availability, view: MatrixView) -> Sequence[TokenRow]:
    least = view.least_venues
    kept = (row for row in cache.rows.values() if len(row.instruments) >= least)
    rows = sorted(kept, key=lambda row: row.base)
    if view.sort == "name":
        return rows
    return sorted(rows, key=lambda row: -len(row.instruments))


def _matrix_head(cache: Availability, look: Look, pages: tuple[int, int]) -> str:
    counts = Counter(row.status for row in cache.rows.values())
    where = {
        TokenStatus.OK: "on 2+ venues",
        TokenStatus.SINGLE: "on one",
        TokenStatus.NONE: "on none",
    }
    parts = [
        f"{SIGNS[status]} {counts[status]} {where[status]}"
        for status in TokenStatus
        if counts[status] or status is TokenStatus.OK
    ]
    age = numbers.duration_text(look.now - cache.built_at)
    first = " · ".join([*parts, look.badge])
    return lines(first, f"page {pages[0] + 1}/{pages[1]} · {age} old")


def _matrix_table(
    page_rows: Sequence[TokenRow], result: ScanResult | None, look: Look
) -> str:
    venues = list(look.venues)[:MAX_VENUE_COLUMNS]
    head = "TOKEN    " + " ".join(look.code(venue) for venue in venues) + "   n"
    body = (
        f"{numbers.left(numbers.cut(row.base), 8)} "
        + " ".join(f"{cell(row, venue, result):>2}" for venue in venues)
        + f" {row.pairs:>3}"
        for row in page_rows
    )
    return numbers.table([head, *body])


def _legend(
    page_rows: Sequence[TokenRow], result: ScanResult | None, look: Look
) -> str:
    """Explain the signs of this page; a phone has no room for others."""
    found = {cell(row, venue, result) for row in page_rows for venue in look.venues}
    said = [f"{sign} {words}" for sign, words in _SIGNS.items() if sign in found]
    return " · ".join(["number = hours between payments", *said, "n = possible pairs"])


def cell(row: TokenRow, venue_id: VenueId, result: ScanResult | None) -> str:
    """Return hours between payments, or the sign of why there are none."""
    if venue_id in row.instruments:
        found = snapshots_of(row, result).get(venue_id)
        return "?" if found is None else numbers.hours_cell(found.rate)
    reason = row.absences.get(venue_id, AbsenceReason.NOT_LISTED)
    return "." if reason is AbsenceReason.NOT_LISTED else "x"


def snapshots_of(
    row: TokenRow, result: ScanResult | None
) -> Mapping[VenueId, FundingSnapshot]:
    """Return a token's fresh snapshots by venue."""
    found = result.snapshots.get(row.base, ()) if result else ()
    return {one.instrument.venue_id: one for one in found}


def _unread(cache: Availability, look: Look) -> str:
    unread = [look.code(venue) for venue in look.venues if venue not in cache.read_at]
    more = len(look.venues) - MAX_VENUE_COLUMNS
    return lines(
        f"⚠️ {', '.join(unread)}: list never read, shown as not listed"
        if unread
        else "",
        f"{more} more venues on the token cards" if more > 0 else "",
    )


def _matrix_buttons(
    page_rows: Sequence[TokenRow],
    look: Look,
    pages: tuple[int, int],
    view: MatrixView,
) -> tuple[tuple[Button, ...], ...]:
    verb, mark = (Verb.WHY, "❓ ") if view.is_asking else (Verb.TOKEN, "")
    tokens = [
        look.button(f"{mark}{numbers.cut(row.base)}", verb, str(index))
        for index, row in enumerate(page_rows)
    ]
    is_named = view.sort == "name"
    label, other = ("↕ By pairs", "pairs") if is_named else ("↕ By name", "name")
    ask = "▦ Cards" if view.is_asking else "❓ Why not"
    return rows_of(
        *grid(tokens),
        _chips(look, pages, view),
        [
            look.button("🔄 Refresh", Verb.REFRESH),
            look.button(label, Verb.SORT, other),
        ],
        [
            look.button(ask, Verb.WHY),
            look.button("📈 Top", Verb.SCREEN, "top"),
        ],
    )


def _chips(look: Look, pages: tuple[int, int], view: MatrixView) -> list[Button]:
    """Return the filters between the ways to the neighbouring pages."""
    page, count = pages
    back = [look.button("◀", Verb.PAGE, str(page - 1))] if page > 0 else []
    on = [look.button("▶", Verb.PAGE, str(page + 1))] if page + 1 < count else []
    filters = [
        look.button(
            f"{least}+ •" if least == view.least_venues else f"{least}+",
            Verb.FILTER,
            str(least),
        )
        for least in LEAST_VENUES
    ]
    return [*back, *filters, *on]
