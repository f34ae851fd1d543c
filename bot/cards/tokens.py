"""One token in, its rates, its pairs with their net and every hole's reason out."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING

from bot.callbacks import Verb
from bot.cards import net, numbers
from bot.cards.card import Card
from bot.cards.history import past_line
from bot.cards.layout import grid, lines, rows_of, text
from bot.cards.matrix import SIGNS, cell, snapshots_of
from bot.cards.proof import gap_text
from bot.cards.reasons import ABSENT
from bot.cards.room import can_enter, entry_size, pair_lines, size_label
from bot.cards.shown import ShownRow, pack_rows, pair_row
from bot.cards.venues import venue_line
from core.model.instrument import AbsenceReason
from core.model.opportunity import Opportunity, SkipReason, prices_agree
from core.model.stablecoin import SMALL_GAP, UNMEASURED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta
    from decimal import Decimal

    from bot.cards.card import Button
    from bot.cards.look import Look
    from bot.cards.room import Rooms
    from core.model.history import SpreadStats
    from core.model.instrument import LeftOut, TokenRow
    from core.model.market import FundingSnapshot
    from core.model.opportunity import ScanResult, Skip
    from core.model.stablecoin import Stablecoins
    from core.model.units import VenueId

MAX_PAIR_ROWS = 10
MAX_OPEN_BUTTONS = 4


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """Everything known of one token."""

    row: TokenRow
    result: ScanResult | None
    opportunity: Opportunity | None
    is_muted: bool = False
    past: SpreadStats | None = None
    """How the best pair's spread has been."""
    rooms: Rooms = field(default_factory=dict)
    """How much of each pair the free margin carries."""


def token_card(facts: TokenFacts, look: Look, stale_after: timedelta) -> Card:
    """Return one token: each venue's rate or why it has none, then the pairs."""
    found = snapshots_of(facts.row, facts.result)
    pairs = _pairs(facts, found)
    venues = _venue_table(facts.row, found, look)
    html = lines(
        _token_head(facts, look),
        venues,
        _holes(facts, found, look),
        _pair_table(pairs, look) if pairs else "",
        net.summary(pairs[0], look) if pairs else "",
        pair_lines(pairs, facts.rooms, look),
        past_line(facts.past, look) if facts.opportunity else "",
        _legend(pairs, look, has_unknown="?" in venues),
        _names(facts.row, look),
        _coins(facts, found),
        venue_line(facts.result, look, stale_after) if facts.result else "",
    )
    return Card(
        html=html,
        kind="token",
        card_id=look.card_id,
        rows=_token_buttons(pairs, look, facts.rooms, is_muted=facts.is_muted),
        shown={
            "token": facts.row.base,
            "rows": pack_rows(
                [
                    *(pair_row(one, entry_size(one, facts.rooms)) for one in pairs),
                    ShownRow(base=facts.row.base),
                ]
            ),
        },
    )


def _coins(facts: TokenFacts, found: Mapping[VenueId, FundingSnapshot]) -> str:
    """Return the gap of the coins that this token settles in, if there is one."""
    gap = None if facts.result is None else facts.result.stablecoins.gap
    settles = {one.instrument.settle for one in found.values()}
    if gap is None or len(settles) == 1 or abs(gap) <= SMALL_GAP:
        return ""
    return f"{gap_text(gap)}: pairs across both carry it"


def _legend(
    pairs: Sequence[Opportunity], look: Look, *, has_unknown: bool = False
) -> str:
    """Explain what stands in the tables; a phone has no room for other signs."""
    said = [f"{look.per} gross, before fees", "iv = hours between payments"]
    said.append("vol = 24 h, $")
    if has_unknown:
        said.append("? = unknown")
    if any(one.estimate is not None for one in pairs):
        said.append("BE = until the cost is earned")
        if any(one.estimate is None for one in pairs):
            said.append("- = not priced")
    if any(one.refusal is not None for one in pairs):
        said.append("! pays only gross")
    return " · ".join(said)


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
    sign = SIGNS[facts.row.status]
    return f"{sign} {base} on {listed} of {len(look.venues)} venues · {look.badge}"


def _pairs(
    facts: TokenFacts, found: Mapping[VenueId, FundingSnapshot]
) -> Sequence[Opportunity]:
    """Return every pair of usable sides, best net first; directions earn."""
    skipped = {skip.venue_id for skip in _skips(facts)}
    sides = [one for venue, one in found.items() if venue not in skipped]
    coins = facts.result.stablecoins if facts.result else UNMEASURED
    made = [
        Opportunity(facts.row.base, *_low_first(*pair))
        for pair in combinations(sides, 2)
        if _is_one_coin(*pair, coins)
    ]
    priced = {
        (one.long.instrument.venue_id, one.short.instrument.venue_id): one
        for one in (facts.result.pairs.get(facts.row.base, ()) if facts.result else ())
    }
    pairs = (
        priced.get((one.long.instrument.venue_id, one.short.instrument.venue_id), one)
        for one in made
    )
    return sorted(pairs, key=_best_first)[:MAX_PAIR_ROWS]


def _best_first(one: Opportunity) -> tuple[bool, Decimal]:
    """Rank by net, and what is not priced by its spread behind it."""
    if one.estimate is None:
        return True, -one.spread_per_hour
    return False, -one.estimate.net_usd


def _low_first(
    one: FundingSnapshot, other: FundingSnapshot
) -> tuple[FundingSnapshot, FundingSnapshot]:
    """Return both sides, the one to be long first."""
    is_first = one.rate.per_hour <= other.rate.per_hour
    return (one, other) if is_first else (other, one)


def _is_one_coin(
    one: FundingSnapshot, other: FundingSnapshot, coins: Stablecoins
) -> bool:
    """Tell whether both prices can be those of one asset; two coins share a name."""
    if one.mark_price is None or other.mark_price is None:
        return False
    return prices_agree(
        coins.in_usdc(one.mark_price, one.instrument),
        coins.in_usdc(other.mark_price, other.instrument),
    )


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
            sign = "?" if venue_id in row.instruments else cell(row, venue_id, None)
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
    if any(one.estimate is not None for one in pairs):
        return numbers.table(net.pair_rows(pairs, look))
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
    pairs: Sequence[Opportunity], look: Look, rooms: Rooms, *, is_muted: bool
) -> tuple[tuple[Button, ...], ...]:
    opens = [
        look.button(
            f"Open {look.code(pair.long.instrument.venue_id)}>"
            f"{look.code(pair.short.instrument.venue_id)}"
            f"{size_label(pair, rooms)}…",
            Verb.OPEN,
            str(index),
        )
        for index, pair in enumerate(pairs[:MAX_OPEN_BUTTONS])
        if pair.spread_per_hour > 0 and can_enter(pair, rooms)
    ]
    label, arg = ("🔔 Unmute", "off") if is_muted else ("🔕 Mute", "ever")
    return rows_of(
        *(grid(opens, 2) if look.can_trade else ()),
        [
            look.button("❓ Why not…", Verb.WHY, str(len(pairs))),
            look.button("📈 7 days", Verb.PNL, "png"),
            *([look.button(label, Verb.MUTE, arg)] if look.can_trade else []),
        ],
        [
            look.button("🔄 Refresh", Verb.REFRESH),
            look.button("◀ Top", Verb.SCREEN, "top"),
            look.button("▦ Matrix", Verb.SCREEN, "matrix"),
        ],
    )
