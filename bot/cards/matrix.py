"""Availability in, matrix card out; one token in, its rates and every hole's reason."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from bot.callbacks import Verb
from bot.cards import numbers
from bot.cards.card import Card
from bot.cards.history import past_line
from bot.cards.layout import grid, lines, page_buttons, page_of, rows_of, text
from bot.cards.reasons import ABSENT
from bot.cards.shown import ShownRow, pack_rows, pair_row
from bot.cards.venues import venue_line
from core.model.instrument import AbsenceReason, TokenStatus
from core.model.opportunity import Opportunity, SkipReason, prices_agree

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

    from bot.cards.card import Button
    from bot.cards.look import Look
    from core.model.history import SpreadStats
    from core.model.instrument import Availability, LeftOut, TokenRow
    from core.model.market import FundingSnapshot
    from core.model.opportunity import ScanResult, Skip
    from core.model.units import VenueId

PAGE_ROWS = 15
MAX_VENUE_COLUMNS = 7
MAX_PAIR_ROWS = 10
MAX_OPEN_BUTTONS = 4
_SIGNS = {TokenStatus.OK: "✅", TokenStatus.SINGLE: "⚠️", TokenStatus.NONE: "❌"}


@dataclass(frozen=True, slots=True)
class MatrixView:
    """Which part of the matrix, in which order."""

    page: int = 0
    sort: str = "pairs"
    """pairs (most possible pairs first) or name."""
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
    ordered = _ordered(cache, view.sort)
    page_rows, page, count = page_of(ordered, view.page, PAGE_ROWS)
    html = lines(
        _matrix_head(cache, look, (page, count)),
        _matrix_table(page_rows, result, look) if page_rows else "",
        "number = hours between payments · . not listed · x listed, not usable"
        " · ? no rate now · n = possible pairs",
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
            "asks": "yes" if view.is_asking else "",
            "rows": pack_rows(ShownRow(base=row.base) for row in page_rows),
        },
    )


def _ordered(cache: Availability, sort: str) -> Sequence[TokenRow]:
    rows = sorted(cache.rows.values(), key=lambda row: row.base)
    if sort == "name":
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
        f"{_SIGNS[status]} {counts[status]} {where[status]}"
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
        + " ".join(f"{_cell(row, venue, result):>2}" for venue in venues)
        + f" {row.pairs:>3}"
        for row in page_rows
    )
    return numbers.table([head, *body])


def _cell(row: TokenRow, venue_id: VenueId, result: ScanResult | None) -> str:
    if venue_id in row.instruments:
        found = _snapshots(row, result).get(venue_id)
        return "?" if found is None else numbers.hours_cell(found.rate)
    reason = row.absences.get(venue_id, AbsenceReason.NOT_LISTED)
    return "." if reason is AbsenceReason.NOT_LISTED else "x"


def _snapshots(
    row: TokenRow, result: ScanResult | None
) -> Mapping[VenueId, FundingSnapshot]:
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
        page_buttons(look, *pages),
        [
            look.button("🔄 Refresh", Verb.REFRESH),
            look.button(label, Verb.SORT, other),
            look.button(ask, Verb.WHY),
        ],
        [
            look.button("📈 Top", Verb.SCREEN, "top"),
        ],
    )


# --- one token ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """Everything known of one token."""

    row: TokenRow
    result: ScanResult | None
    opportunity: Opportunity | None
    is_muted: bool = False
    past: SpreadStats | None = None
    """How the best pair's spread has been."""


def token_card(facts: TokenFacts, look: Look, stale_after: timedelta) -> Card:
    """Return one token: each venue's rate or why it has none, then the pairs."""
    found = _snapshots(facts.row, facts.result)
    pairs = _pairs(facts, found)
    html = lines(
        _token_head(facts, look),
        _venue_table(facts.row, found, look),
        _holes(facts, found, look),
        _pair_table(pairs, look) if pairs else "",
        past_line(facts.past, look) if facts.opportunity else "",
        f"{look.per} gross, before fees · iv = hours between payments"
        " · vol = 24 h, $ · ? = unknown",
        _names(facts.row, look),
        venue_line(facts.result, look, stale_after) if facts.result else "",
    )
    return Card(
        html=html,
        kind="token",
        card_id=look.card_id,
        rows=_token_buttons(pairs, look, is_muted=facts.is_muted),
        shown={
            "token": facts.row.base,
            "rows": pack_rows(
                [*(pair_row(pair) for pair in pairs), ShownRow(base=facts.row.base)]
            ),
        },
    )


def _token_head(facts: TokenFacts, look: Look) -> str:
    base = text(facts.row.base)
    best = facts.opportunity
    if best is not None:
        long, short = best.long.instrument.venue_id, best.short.instrument.venue_id
        spread = numbers.rate(best.spread_per_hour, look.rate_hours, is_signed=True)
        return (
            f"{base} long {look.code(long)}, short {look.code(short)} · {spread},"
            f" {numbers.apr(best.gross_apr)} APR gross · {look.badge}"
        )
    listed = len(facts.row.instruments)
    sign = _SIGNS[facts.row.status]
    return f"{sign} {base} on {listed} of {len(look.venues)} venues · {look.badge}"


def _pairs(
    facts: TokenFacts, found: Mapping[VenueId, FundingSnapshot]
) -> Sequence[Opportunity]:
    """Return every pair of usable sides, best first; directions earn."""
    skipped = {skip.venue_id for skip in _skips(facts)}
    sides = [one for venue, one in found.items() if venue not in skipped]
    made = (
        Opportunity(facts.row.base, *_low_first(*pair))
        for pair in combinations(sides, 2)
        if _is_one_coin(*pair)
    )
    return sorted(made, key=lambda pair: -pair.spread_per_hour)[:MAX_PAIR_ROWS]


def _low_first(
    one: FundingSnapshot, other: FundingSnapshot
) -> tuple[FundingSnapshot, FundingSnapshot]:
    """Return both sides, the one to be long first."""
    is_first = one.rate.per_hour <= other.rate.per_hour
    return (one, other) if is_first else (other, one)


def _is_one_coin(one: FundingSnapshot, other: FundingSnapshot) -> bool:
    """Tell whether both prices can be those of one asset; two coins share a name."""
    if one.mark_price is None or other.mark_price is None:
        return False
    return prices_agree(one.mark_price, other.mark_price)


def _skips(facts: TokenFacts) -> Sequence[Skip]:
    """Return why contracts in use were skipped; a twin left out says nothing here."""
    used = {venue: one.symbol for venue, one in facts.row.instruments.items()}
    return [
        skip
        for skip in (facts.result.skips if facts.result else ())
        if skip.base == facts.row.base
        and skip.venue_id is not None
        and skip.venue_id in used
        and skip.symbol in {None, used[skip.venue_id]}
    ]


def _venue_table(
    row: TokenRow, found: Mapping[VenueId, FundingSnapshot], look: Look
) -> str:
    per = f"%/{look.rate_hours}h"
    head = f"VN {per:>7} {'iv':>2} {'next':>5} {'vol':>5} {'age':>5}"
    body = []
    for venue_id in look.venues:
        snapshot = found.get(venue_id)
        code = look.code(venue_id)
        if snapshot is None:
            sign = "?" if venue_id in row.instruments else _cell(row, venue_id, None)
            body.append(f"{code} {sign:>7} {'.':>2} {'.':>5} {'.':>5} {'.':>5}")
        else:
            body.append(f"{code} {_venue_cells(snapshot, look)}")
    return numbers.table([head, *body])


def _venue_cells(one: FundingSnapshot, look: Look) -> str:
    due = None if one.next_funding_at is None else one.next_funding_at - look.now
    shown = numbers.rate_cell(
        one.rate.per_hour, look.rate_hours, is_signed=True, width=7
    )
    return (
        f"{shown:>7} "
        f"{numbers.hours_cell(one.rate):>2} "
        f"{numbers.countdown(due):>5} "
        f"{numbers.big(one.volume_24h_usd):>5} "
        f"{numbers.countdown(look.now - one.observed_at):>5}"
    )


def _holes(
    facts: TokenFacts, found: Mapping[VenueId, FundingSnapshot], look: Look
) -> str:
    """Name every venue without a usable rate, and why."""
    said = []
    why = {one.venue_id: one for one in _skips(facts)}
    for venue_id in look.venues:
        skip = why.get(venue_id)
        if skip is not None:
            said.append(f"{look.code(venue_id)} {_skipped(skip, look)}")
        elif venue_id not in facts.row.instruments:
            absent = facts.row.absences.get(venue_id, AbsenceReason.NOT_LISTED)
            said.append(f"{look.code(venue_id)} {ABSENT[absent]}")
        elif venue_id not in found:
            said.append(f"{look.code(venue_id)} no fresh rate")
    said += [_skipped(skip, look) for skip in _mismatches(facts)]
    return text(" · ".join(said))


def _mismatches(facts: TokenFacts) -> Sequence[Skip]:
    return [
        skip
        for skip in (facts.result.skips if facts.result else ())
        if skip.base == facts.row.base
        and skip.reason is SkipReason.PRICE_MISMATCH
        and skip.venue_id is None
    ]


def _skipped(skip: Skip, look: Look) -> str:
    if skip.reason is SkipReason.SINGLE_VENUE:
        return "has no second venue to pair with"
    return look.with_titles(skip.detail or skip.reason.value.replace("_", " "))


def left_out_card(name: str, found: Sequence[LeftOut], look: Look) -> Card:
    """Return why a token that venues do list cannot be used anywhere."""
    reasons = [
        f"{look.title(one.venue_id)}: {one.native_name} {ABSENT[one.reason]}"
        for one in found[:MAX_PAIR_ROWS]
    ]
    return Card(
        html=lines(
            f"❌ {text(name)} is not usable on any venue · {look.badge}",
            text("\n".join(reasons)),
        ),
        kind="token",
        card_id=look.card_id,
        rows=rows_of(
            [
                look.button("◀ Top", Verb.SCREEN, "top"),
                look.button("▦ Matrix", Verb.SCREEN, "matrix"),
            ]
        ),
        shown={"token": name},
    )


def _pair_table(pairs: Sequence[Opportunity], look: Look) -> str:
    per = f"/{look.rate_hours}h"
    head = f"{'L>S':<5} {per:>7} {'APR':>6}"
    body = (
        f"{look.code(pair.long.instrument.venue_id)}>"
        f"{look.code(pair.short.instrument.venue_id)} "
        f"{numbers.rate_cell(pair.spread_per_hour, look.rate_hours):>7} "
        f"{numbers.apr_cell(pair.gross_apr):>6}"
        f"{' ?' if pair.has_unknown_volume else ''}"
        for pair in pairs
    )
    return numbers.table([head, *body])


def _names(row: TokenRow, look: Look) -> str:
    """Name the contracts that count several units, such as 1000PEPE."""
    said = [
        f"{look.code(venue_id)} {one.native_name} = {numbers.plain(one.multiplier)}"
        for venue_id, one in row.instruments.items()
        if one.multiplier != 1
    ]
    return text(" · ".join(said) + f" {row.base}") if said else ""


def _token_buttons(
    pairs: Sequence[Opportunity], look: Look, *, is_muted: bool
) -> tuple[tuple[Button, ...], ...]:
    opens = [
        look.button(
            f"Open {look.code(pair.long.instrument.venue_id)}>"
            f"{look.code(pair.short.instrument.venue_id)}…",
            Verb.OPEN,
            str(index),
        )
        for index, pair in enumerate(pairs[:MAX_OPEN_BUTTONS])
        if pair.spread_per_hour > 0
    ]
    label, arg = ("🔔 Unmute", "off") if is_muted else ("🔕 Mute", "ever")
    return rows_of(
        *(grid(opens, 2) if look.can_trade else ()),
        [
            look.button("❓ Why not…", Verb.WHY, str(len(pairs))),
            *([look.button(label, Verb.MUTE, arg)] if look.can_trade else []),
        ],
        [
            look.button("🔄 Refresh", Verb.REFRESH),
            look.button("◀ Top", Verb.SCREEN, "top"),
            look.button("▦ Matrix", Verb.SCREEN, "matrix"),
        ],
    )
