"""Scan result in, ranking card out: best line first, then the page, then the age."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING

from bot.callbacks import Verb
from bot.cards import net, numbers
from bot.cards.card import Card, Style
from bot.cards.history import STEADY, is_steady, pair_key, spike_line
from bot.cards.layout import grid, lines, page_buttons, page_of, rows_of, text
from bot.cards.room import (
    can_enter,
    entry_size,
    mark,
    room_lines,
    size_label,
)
from bot.cards.shown import pack_rows, pair_row
from bot.cards.venues import venue_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import timedelta

    from bot.cards.card import Button
    from bot.cards.history import Pasts
    from bot.cards.look import Look
    from bot.cards.room import Rooms
    from core.model.opportunity import Opportunity, ScanResult

PAGE_ROWS = 10
MAX_PAGE_ROWS = 15
ZERO, NEVER = Decimal(0), Decimal("Infinity")
SORTS = {"net": "Net", "gross": "Gross", "apr": "APR", "even": "Even"}
"""What the ranking can be sorted by, and its button."""


@dataclass(frozen=True, slots=True)
class TopView:
    """Which part of the ranking, at which size."""

    size_usd: Decimal
    min_spread_per_hour: Decimal
    stale_after: timedelta
    page: int = 0
    per_page: int = PAGE_ROWS
    wanted: str = ""
    """Start of a token name, a venue code, or `steady`; empty shows everything."""
    pasts: Pasts = field(default_factory=dict)
    """How each ranked pair's spread has been."""
    rooms: Rooms = field(default_factory=dict)
    """How much of each ranked pair the free margin carries."""
    sort: str = "net"
    """One of `SORTS`."""


def top_card(result: ScanResult | None, look: Look, view: TopView) -> Card:
    """Return the ranking at the owner's size."""
    if result is None:
        return first_scan_card(look)
    ranked = _sorted(_wanted(result.opportunities, look, view), view.sort)
    page_rows, page, count = page_of(ranked, view.page, view.per_page)
    start = page * view.per_page
    html = lines(
        _headline(ranked, result, look, view),
        _table(page_rows, start, look, view.sort, view.rooms)
        if page_rows
        else _why_empty(result),
        _legend(page_rows, look, view.sort),
        room_lines(page_rows, start + 1, view.rooms, look),
        spike_line(page_rows, start + 1, view.pasts),
        venue_line(result, look, view.stale_after),
        f"Filter: {text(_filter_words(view.wanted))} · /top shows all"
        if view.wanted
        else "",
    )
    return Card(
        html=html,
        kind="top",
        card_id=look.card_id,
        rows=_buttons(page_rows, look, view, (page, count)),
        shown={
            "page": str(page),
            "per_page": str(view.per_page),
            "wanted": view.wanted,
            "sort": view.sort,
            "rows": pack_rows(pair_row(one) for one in page_rows),
        },
    )


def first_scan_card(look: Look) -> Card:
    """Return what is shown until the first scan is done."""
    return Card(
        html=f"The first scan is running, ready in a few seconds · {look.badge}",
        kind="top",
        card_id=look.card_id,
        rows=((look.button("🔄 Refresh", Verb.REFRESH),),),
    )


def picker_card(
    result: ScanResult | None,
    look: Look,
    size_usd: Decimal,
    rooms: Rooms = MappingProxyType({}),
) -> Card:
    """Return the best tokens, each with a button that quotes it."""
    if result is None:
        return first_scan_card(look)
    ranked = result.opportunities[:PAGE_ROWS]
    buttons = [
        look.button(
            f"{number} {numbers.cut(one.base)}{size_label(one, rooms)}",
            Verb.OPEN,
            str(number - 1),
        )
        for number, one in enumerate(ranked, 1)
        if can_enter(one, rooms)
    ]
    size = numbers.whole_usd(size_usd)
    head = f"Open which pair, at {size} per leg? · {look.badge}"
    if not ranked:
        head = f"No pair is worth opening now · {look.badge}"
    best = look.button("⚡ Enter best", Verb.BEST, style=Style.SUCCESS)
    return Card(
        html=lines(
            head,
            _table(ranked, 0, look, "net", rooms) if ranked else _why_empty(result),
            _legend(ranked, look, "net"),
            room_lines(ranked, 1, rooms, look),
            "Another size or token: /open TOKEN USD. A quote is not an order.",
        ),
        kind="picker",
        card_id=look.card_id,
        rows=rows_of(
            *grid(buttons),
            [best] if ranked else [],
            [look.button("📈 Top", Verb.SCREEN, "top")],
        ),
        shown={
            "rows": pack_rows(pair_row(one, entry_size(one, rooms)) for one in ranked)
        },
    )


def filter_card(
    result: ScanResult | None, look: Look, wanted: str, sort: str = "net"
) -> Card:
    """Return one chip per venue that narrows the ranking."""
    codes = [look.code(one.venue_id) for one in result.venues] if result else []
    chips = [
        look.button(
            f"{name} •" if name.upper() == wanted.upper() else name, Verb.FILTER, arg
        )
        for name, arg in [
            ("All", "all"),
            (STEADY, STEADY),
            *((code, code) for code in codes),
        ]
    ]
    return Card(
        html=lines(
            f"Show only pairs with which venue? · {look.badge}",
            f"{STEADY}: {_STEADY_WORDS}",
            "For a token type /top and its first letters.",
        ),
        kind="top",
        card_id=look.card_id,
        rows=(
            *grid(chips[:2]),
            *grid(chips[2:], 5),
            (look.button("◀ Back", Verb.SCREEN, "top"),),
        ),
        shown={"wanted": wanted, "sort": sort},
    )


_STEADY_WORDS = "positive for 80% of the last week or more, three days known at least"


def _filter_words(wanted: str) -> str:
    is_steady_only = wanted.lower() == STEADY
    return f"{STEADY}, {_STEADY_WORDS}" if is_steady_only else wanted


def _wanted(
    ranked: Sequence[Opportunity], look: Look, view: TopView
) -> Sequence[Opportunity]:
    wanted = view.wanted
    if not wanted:
        return ranked
    if wanted.lower() == STEADY:
        return [one for one in ranked if is_steady(view.pasts.get(pair_key(one)))]
    codes = {look.code(venue_id): venue_id for venue_id in look.venues}
    venue_id = codes.get(wanted.upper())
    if venue_id is None:
        start = wanted.upper()
        return [one for one in ranked if one.base.upper().startswith(start)]
    return [
        one
        for one in ranked
        if venue_id in {one.long.instrument.venue_id, one.short.instrument.venue_id}
    ]


def gain_usd(per_hour: Decimal, look: Look, size_usd: Decimal) -> str:
    """Return dollars per period at a size, gross."""
    gain = numbers.usd(per_hour * look.rate_hours * size_usd, is_signed=True)
    return f"{gain} per {look.rate_hours} h at {numbers.whole_usd(size_usd)}"


def _headline(
    ranked: Sequence[Opportunity], result: ScanResult, look: Look, view: TopView
) -> str:
    if ranked:
        return f"{_best(ranked, look, view)} · {look.badge}"
    if view.wanted and result.opportunities:
        return f"No pair matches {text(view.wanted)} now · {look.badge}"
    least = numbers.rate(view.min_spread_per_hour, look.rate_hours)
    return f"No spread above {least} now · {look.badge}"


def _best(ranked: Sequence[Opportunity], look: Look, view: TopView) -> str:
    """Say in money what the first pair brings, net where it is priced."""
    best = ranked[0]
    if best.estimate is None or view.sort == "gross":
        earned = gain_usd(best.spread_per_hour, look, view.size_usd)
        return f"Best: {text(best.base)} {earned}, gross"
    if best.refusal is not None:
        wider = _widest_unpriced(ranked)
        if wider is not None and wider.spread_per_hour > best.spread_per_hour:
            rate = numbers.rate(wider.spread_per_hour, look.rate_hours, is_signed=True)
            return f"Widest, not priced now: {text(wider.base)} {rate} gross"
        return f"Nothing earns its costs: {text(best.base)} {net.gain(best.estimate)}"
    return f"Best: {text(best.base)} {net.gain(best.estimate)}"


def _widest_unpriced(ranked: Sequence[Opportunity]) -> Opportunity | None:
    """Return the pair that may be better than all that could be priced."""
    unpriced = [one for one in ranked if one.estimate is None]
    return max(unpriced, key=lambda one: one.spread_per_hour, default=None)


def _sorted(ranked: Sequence[Opportunity], sort: str) -> Sequence[Opportunity]:
    """Return the rows in another order; what is not priced stays last."""
    keys: Mapping[str, Callable[[Opportunity], tuple[bool, Decimal]]] = {
        "gross": lambda one: (False, -one.spread_per_hour),
        "apr": lambda one: (one.estimate is None, -_net_apr(one)),
        "even": lambda one: (one.estimate is None, _even_after(one)),
    }
    key = keys.get(sort)
    return ranked if key is None else sorted(ranked, key=key)


def _net_apr(one: Opportunity) -> Decimal:
    return ZERO if one.estimate is None else one.estimate.net_apr


def _even_after(one: Opportunity) -> Decimal:
    smooth = None if one.estimate is None else one.estimate.break_even.smooth
    return NEVER if smooth is None else Decimal(int(smooth.total_seconds()))


def _table(
    page_rows: Sequence[Opportunity], start: int, look: Look, sort: str, rooms: Rooms
) -> str:
    if all(one.estimate is None for one in page_rows):
        return _gross_table(page_rows, start, look, rooms)
    per = f"/{look.rate_hours}h"
    second = {"gross": "APR", "apr": "nAPR"}.get(sort, "net$")
    head = f"#  {'TOKEN':<8} {'L>S':<5} {second:>5} {per:>5} {'BE':>3}"
    body = (
        f"{_start(number, one, look, rooms)} "
        f"{_second(one, sort):>5} "
        f"{numbers.rate_cell(one.spread_per_hour, look.rate_hours, width=5):>5} "
        f"{net.even_cell(one):>3}"
        for number, one in enumerate(page_rows, start + 1)
    )
    return numbers.table([head, *body])


def _gross_table(
    page_rows: Sequence[Opportunity], start: int, look: Look, rooms: Rooms
) -> str:
    """Return the rows without a net: no order book was read for any of them."""
    per = f"/{look.rate_hours}h"
    head = f"#  {'TOKEN':<8} {'L>S':<5} {per:>6} {'APR':>5}"
    body = (
        f"{_start(number, one, look, rooms)} "
        f"{numbers.rate_cell(one.spread_per_hour, look.rate_hours):>6} "
        f"{numbers.apr_cell(one.gross_apr, 5):>5}"
        for number, one in enumerate(page_rows, start + 1)
    )
    return numbers.table([head, *body])


def _start(number: int, one: Opportunity, look: Look, rooms: Rooms) -> str:
    """Return the left half of a row: number and mark, token, both venues."""
    token = numbers.left(numbers.cut(one.base), 8)
    return f"{f'{number}{mark(one, rooms)}':<3.3}{token} {_pair(one, look)}"


def _second(one: Opportunity, sort: str) -> str:
    if sort == "gross":
        return numbers.apr_cell(one.gross_apr, 5)
    return net.net_apr_cell(one) if sort == "apr" else net.net_cell(one)


def _pair(one: Opportunity, look: Look) -> str:
    long, short = one.long.instrument.venue_id, one.short.instrument.venue_id
    return f"{look.code(long)}>{look.code(short)}"


def _legend(page_rows: Sequence[Opportunity], look: Look, sort: str) -> str:
    if not page_rows:
        return ""
    found = next((one.estimate for one in page_rows if one.estimate), None)
    said = [f"{look.per} gross", "L>S = long > short"]
    if found is not None:
        hold, size = net.hold_text(found.hold), numbers.whole_usd(found.size_usd)
        words = {"gross": "APR gross", "apr": f"nAPR = net, holding {hold}"}
        said.insert(0, words.get(sort, f"net after {hold} at {size} per leg"))
        said.append("BE = until the cost is earned")
    return " · ".join([*said, *net.marks_legend(page_rows, look)])


_REASONS = {
    "single_venue": "on one venue only",
    "not_listed": "not listed anywhere",
    "below_min_spread": "spread too small",
    "below_min_volume": "24 h volume too small",
    "unknown_volume": "24 h volume unknown",
    "stale": "data too old",
    "venue_down": "venue silent",
    "price_mismatch": "prices do not agree",
}


def _why_empty(result: ScanResult) -> str:
    """Say what was dropped, the most frequent reason first."""
    counted = Counter(skip.reason.value for skip in result.skips).most_common(4)
    if not counted:
        return "Nothing was found: no venue answered yet."
    words = (
        f"{count} {_REASONS.get(reason, reason.replace('_', ' '))}"
        for reason, count in counted
    )
    return "Left out: " + " · ".join(words)


def _buttons(
    page_rows: Sequence[Opportunity], look: Look, view: TopView, pages: tuple[int, int]
) -> tuple[tuple[Button, ...], ...]:
    start = pages[0] * view.per_page
    tokens = [
        look.button(
            f"{start + index + 1} {numbers.cut(one.base)}", Verb.TOKEN, str(index)
        )
        for index, one in enumerate(page_rows)
    ]
    chips = [
        look.button(f"{label}•" if name == view.sort else label, Verb.SORT, name)
        for name, label in SORTS.items()
    ]
    # it enters the best of all, which a narrowed list need not show
    is_whole = look.can_trade and bool(page_rows) and not view.wanted
    best = look.button("⚡ Enter best", Verb.BEST, style=Style.SUCCESS)
    return rows_of(
        *grid([*tokens, *page_buttons(look, *pages)]),
        chips if page_rows else [],
        [best] if is_whole else [],
        [
            look.button("🔄 Refresh", Verb.REFRESH),
            look.button("⚙ Filter", Verb.FILTER),
            look.button("▦ Matrix", Verb.SCREEN, "matrix"),
        ],
    )
