"""Snapshots in, ranked pairs and skips with a reason out. Pure.

Per token: long the lowest hourly rate, short the highest, among instruments that are
liquid and whose unit prices agree. The spread is signed and never made positive.

Each gate is one function that returns the skip it ends in, or None; the four tables
below name them in the order they are asked. Ranking, quotes and `/why` walk the same
tables, so a gate that is added here is heard of everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from itertools import permutations
from typing import TYPE_CHECKING, NamedTuple

from core.model.instrument import TokenStatus
from core.model.opportunity import Opportunity, Skip, SkipReason, prices_agree
from core.model.stablecoin import UNMEASURED
from core.model.units import hours_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from core.model.instrument import Instrument, TokenRow
    from core.model.market import FundingSnapshot
    from core.model.stablecoin import Stablecoins
    from core.model.units import Base, VenueId

__all__ = [
    "Gates",
    "best_pair",
    "chosen_pair",
    "judge",
    "match_refusal",
    "net_refusal",
    "pair_refusal",
    "pairs_of",
    "prices_agree",
    "rank",
    "row_refusal",
    "side_refusal",
    "stablecoin_refusal",
    "venues_of",
]


@dataclass(frozen=True, slots=True)
class Gates:
    """What a pair must pass to be listed."""

    min_spread_per_hour: Decimal
    min_volume_usd: Decimal
    """Per side and day."""
    allows_unknown_volume: bool
    venues: frozenset[VenueId] | None = None
    """On which ones pairs are offered; None is every one that is read."""
    bases: frozenset[Base] | None = None
    """Which tokens are offered; None is every one."""
    doubt: Callable[[Instrument], Skip | None] = lambda _: None
    """Why an instrument's rate cannot be trusted, None if it can."""
    stablecoins: Stablecoins = UNMEASURED
    """As of the last scan; prices are compared in one currency."""
    max_stablecoin_gap: Decimal | None = None
    """Legs of two stablecoins farther apart than this are no pair; None allows all."""
    min_net: Decimal = Decimal("0.0005")
    """Of one leg's notional over the planned hold; less is entered by hand only."""
    max_break_even: timedelta = timedelta(hours=24)
    max_break_even_payments: int = 8
    """Of the leg that is paid more rarely."""


if TYPE_CHECKING:
    SideGate = Callable[[FundingSnapshot, Gates], Skip | None]
    PairGate = Callable[[Opportunity, Gates], Skip | None]
Ranking = tuple[tuple[Opportunity, ...], tuple[Skip, ...]]


def rank(
    rows: Iterable[TokenRow],
    snapshots: Mapping[Base, Sequence[FundingSnapshot]],
    gates: Gates,
) -> Ranking:
    """Return opportunities, highest hourly spread first, and what was dropped."""
    found: list[Opportunity] = []
    skips: list[Skip] = []
    for row in rows:
        best, dropped = judge(row, snapshots.get(row.base, ()), gates)
        skips.extend(dropped)
        if best is not None:
            found.append(best)
    found.sort(key=lambda each: (-each.spread_per_hour, each.base))
    return tuple(found), tuple(skips)


def judge(
    row: TokenRow, snapshots: Sequence[FundingSnapshot], gates: Gates
) -> tuple[Opportunity | None, tuple[Skip, ...]]:
    """Return one token's pair if it passes every gate, and what was dropped."""
    if row.status is not TokenStatus.OK:
        return None, (row_refusal(row),)
    usable, skips = _usable(snapshots, gates)
    pair, mismatches = best_pair(usable, gates)
    skips.extend(mismatches)
    if pair is None:
        return None, tuple(skips)
    refusal = _first(WORTH_GATES, pair, gates)
    if refusal is not None:
        return None, (*skips, refusal)
    return pair, tuple(skips)


def chosen_pair(
    long: FundingSnapshot, short: FundingSnapshot, gates: Gates
) -> Opportunity | Skip:
    """Return the pair a person named, or the gate that one of its sides fails.

    Its spread is not judged: the person sees it.
    """
    refusals = (side_refusal(side, gates) for side in (long, short))
    refused = next((each for each in refusals if each is not None), None)
    if refused is not None:
        return refused
    pair = Opportunity(long.instrument.base, long, short)
    return match_refusal(pair, gates) or pair


def pairs_of(
    snapshots: Sequence[FundingSnapshot], gates: Gates
) -> tuple[Opportunity, ...]:
    """Return every pair of one token that passes every gate, widest first."""
    usable, _ = _usable(snapshots, gates)
    made = (
        Opportunity(long.instrument.base, long, short)
        for long, short in permutations(usable, 2)
        if short.rate.per_hour > long.rate.per_hour
    )
    passed = (each for each in made if pair_refusal(each, gates) is None)
    return tuple(sorted(passed, key=_widest_first))


# --- gates ----------------------------------------------------------------------------


def side_refusal(snapshot: FundingSnapshot, gates: Gates) -> Skip | None:
    """Return the first gate that one side fails, None if it passes all."""
    for gate in SIDE_GATES:
        refusal = gate(snapshot, gates)
        if refusal is not None:
            return refusal
    return None


def match_refusal(pair: Opportunity, gates: Gates) -> Skip | None:
    """Return why two usable sides are no pair at all, whatever they pay."""
    return _first(MATCH_GATES, pair, gates)


def pair_refusal(pair: Opportunity, gates: Gates) -> Skip | None:
    """Return the first gate that a pair of usable sides fails, None if it passes."""
    return match_refusal(pair, gates) or _first(WORTH_GATES, pair, gates)


def net_refusal(pair: Opportunity, gates: Gates) -> Skip | None:
    """Return why a priced pair is shown but entered only by a person's own choice."""
    return _first(NET_GATES, pair, gates)


def _first(table: Sequence[PairGate], pair: Opportunity, gates: Gates) -> Skip | None:
    for gate in table:
        refusal = gate(pair, gates)
        if refusal is not None:
            return refusal
    return None


def _is_wanted(snapshot: FundingSnapshot, gates: Gates) -> Skip | None:
    instrument = snapshot.instrument
    if gates.bases is not None and instrument.base not in gates.bases:
        why = f"{instrument.base} is not among the tokens chosen in /settings"
        return _skip(snapshot, SkipReason.NOT_CHOSEN, why)
    if gates.venues is not None and instrument.venue_id not in gates.venues:
        why = f"{instrument.venue_id} is not among the venues chosen in /settings"
        return _skip(snapshot, SkipReason.NOT_CHOSEN, why)
    return None


def _has_price(snapshot: FundingSnapshot, gates: Gates) -> Skip | None:
    del gates
    if snapshot.mark_price is not None:
        return None
    return _skip(snapshot, SkipReason.NO_PRICE, "no price to prove the unit with")


def _volume_is_known(snapshot: FundingSnapshot, gates: Gates) -> Skip | None:
    if snapshot.volume_24h_usd is not None or gates.allows_unknown_volume:
        return None
    return _skip(snapshot, SkipReason.UNKNOWN_VOLUME, "day volume is not known")


def _volume_is_enough(snapshot: FundingSnapshot, gates: Gates) -> Skip | None:
    volume = snapshot.volume_24h_usd
    if volume is None or volume >= gates.min_volume_usd:
        return None
    detail = f"{volume:.0f} USD in 24 h, {gates.min_volume_usd:f} wanted"
    return _skip(snapshot, SkipReason.BELOW_MIN_VOLUME, detail)


def _unit_is_trusted(snapshot: FundingSnapshot, gates: Gates) -> Skip | None:
    return gates.doubt(snapshot.instrument)


def _is_one_asset(pair: Opportunity, gates: Gates) -> Skip | None:
    coins = gates.stablecoins
    prices = [
        coins.in_usdc(side.mark_price, side.instrument)
        for side in (pair.long, pair.short)
        if side.mark_price is not None
    ]
    agree = len(prices) == len((pair.long, pair.short)) and prices_agree(*prices)
    return None if agree else _mismatch(pair)


def _stablecoins_are_near(pair: Opportunity, gates: Gates) -> Skip | None:
    long, short = pair.long.instrument, pair.short.instrument
    detail = stablecoin_refusal(long, short, gates)
    if detail is None:
        return None
    reason = SkipReason.STABLECOIN_GAP
    return Skip(pair.base, reason, detail, between=venues_of(pair))


def stablecoin_refusal(long: Instrument, short: Instrument, gates: Gates) -> str | None:
    """Return why two settlement coins are too far apart for a pair, None if not."""
    most, gap = gates.max_stablecoin_gap, gates.stablecoins.gap_between(long, short)
    if most is None or gap is None or gap < most:
        return None
    return (
        f"{long.venue_id} and {short.venue_id} settle in {long.settle} and"
        f" {short.settle}, {gap * 100:.2f}% apart, less than {most * 100:.2f}% wanted"
    )


def _pays_enough(pair: Opportunity, gates: Gates) -> Skip | None:
    spread, least = pair.spread_per_hour, gates.min_spread_per_hour
    if spread >= least:
        return None
    detail = (
        f"{spread * 100:.5f}% per hour between {pair.long.instrument.venue_id}"
        f" and {pair.short.instrument.venue_id}, {least * 100:.5f}% wanted"
    )
    reason = SkipReason.BELOW_MIN_SPREAD
    return Skip(
        pair.base, reason, detail, spread_per_hour=spread, between=venues_of(pair)
    )


def _net_is_enough(pair: Opportunity, gates: Gates) -> Skip | None:
    estimate = pair.estimate
    if estimate is None:
        return None
    least = gates.min_net * estimate.notional_usd
    hours = f"{hours_of(estimate.hold).normalize():f} h"
    expected = {f"over {hours}": estimate.net_usd}
    if estimate.blended_net_usd is not None:
        name = f"over {hours} if the spread returns to its mean"
        expected[name] = estimate.blended_net_usd
    for name, net in expected.items():
        if net < least:
            places = 4 if round(net, 2) == round(least, 2) else 2
            detail = f"{net:+.{places}f} USD net {name}, {least:.{places}f} USD wanted"
            reason = SkipReason.BELOW_MIN_NET
            return Skip(pair.base, reason, detail, between=venues_of(pair))
    return None


def _breaks_even_in_time(pair: Opportunity, gates: Gates) -> Skip | None:
    if pair.estimate is None:
        return None
    found = pair.estimate.break_even
    if found.smooth is None or found.after is None:
        detail = "its costs are never earned"
    elif found.smooth > gates.max_break_even:
        most = hours_of(gates.max_break_even)
        detail = f"even after {hours_of(found.smooth):.1f} h, at most {most:f} h wanted"
    elif (found.payments or 0) > gates.max_break_even_payments:
        limit = gates.max_break_even_payments
        detail = f"even after {found.payments} payments, at most {limit} wanted"
    else:
        return None
    reason = SkipReason.LATE_BREAK_EVEN
    return Skip(pair.base, reason, detail, between=venues_of(pair))


SIDE_GATES: tuple[SideGate, ...] = (
    _is_wanted,
    _unit_is_trusted,
    _has_price,
    _volume_is_known,
    _volume_is_enough,
)
"""What one side must pass."""
MATCH_GATES: tuple[PairGate, ...] = (_is_one_asset, _stablecoins_are_near)
"""What makes two usable sides a pair; also one that a person names passes them."""
WORTH_GATES: tuple[PairGate, ...] = (_pays_enough,)
"""What makes a pair worth a line in the ranking."""
NET_GATES: tuple[PairGate, ...] = (_net_is_enough, _breaks_even_in_time)
"""What a priced pair must bring; one that fails stays visible, with the reason."""


# --- search ---------------------------------------------------------------------------


def best_pair(
    snapshots: Sequence[FundingSnapshot], gates: Gates
) -> tuple[Opportunity | None, list[Skip]]:
    """Return the widest pair that passes the match gates; ties go by venue name.

    Wider pairs that are none (two coins of one name) are returned as skips.
    """
    rated = [_Rated(s.rate.per_hour, s.instrument.venue_id, s) for s in snapshots]
    if not rated:
        return None, []
    rated.sort(key=_by_rate_then_venue)
    low, high = rated[0], _highest(rated)
    if high is not None:
        found = Opportunity(low.snapshot.instrument.base, low.snapshot, high.snapshot)
        if match_refusal(found, gates) is None:
            return found, []
    return _search([each.snapshot for each in rated], gates)


class _Rated(NamedTuple):
    """A snapshot with its hourly rate worked out once."""

    per_hour: Decimal
    venue_id: VenueId
    snapshot: FundingSnapshot


def _by_rate_then_venue(each: _Rated) -> tuple[Decimal, VenueId]:
    return each.per_hour, each.venue_id


def _highest(rated: Sequence[_Rated]) -> _Rated | None:
    """Return the highest rate of all but the first; the first name wins a tie."""
    if len(rated) == 1:
        return None
    top = rated[-1].per_hour
    return next(each for each in rated[1:] if each.per_hour == top)


def _search(
    ordered: Sequence[FundingSnapshot], gates: Gates
) -> tuple[Opportunity | None, list[Skip]]:
    pairs = [
        Opportunity(long.instrument.base, long, short)
        for long, short in permutations(ordered, 2)
    ]
    pairs.sort(key=_widest_first)
    skips: list[Skip] = []
    seen: set[frozenset[str]] = set()
    for pair in pairs:
        refusal = match_refusal(pair, gates)
        if refusal is None:
            return pair, skips
        names = frozenset(
            (str(pair.long.instrument.venue_id), str(pair.short.instrument.venue_id))
        )
        if names not in seen:
            seen.add(names)
            skips.append(refusal)
    return None, skips


def _usable(
    snapshots: Sequence[FundingSnapshot], gates: Gates
) -> tuple[list[FundingSnapshot], list[Skip]]:
    usable: list[FundingSnapshot] = []
    skips: list[Skip] = []
    for snapshot in snapshots:
        refusal = side_refusal(snapshot, gates)
        if refusal is None:
            usable.append(snapshot)
        else:
            skips.append(refusal)
    return usable, skips


def _skip(snapshot: FundingSnapshot, reason: SkipReason, detail: str) -> Skip:
    instrument = snapshot.instrument
    return Skip(instrument.base, reason, detail, instrument.venue_id, instrument.symbol)


def row_refusal(row: TokenRow) -> Skip:
    """Return why a token on fewer than two venues has no pair."""
    if row.status is TokenStatus.NONE:
        known = ", ".join(f"{v}: {why}" for v, why in row.absences.items())
        return Skip(row.base, SkipReason.NOT_LISTED, known or "no venue lists it")
    (venue_id,) = row.instruments
    others = ", ".join(f"{v}: {why}" for v, why in row.absences.items())
    detail = f"only on {venue_id}" + (f" ({others})" if others else "")
    return Skip(row.base, SkipReason.SINGLE_VENUE, detail, venue_id)


def venues_of(pair: Opportunity) -> tuple[VenueId, VenueId]:
    """Return the venues of a pair, the long one first."""
    return pair.long.instrument.venue_id, pair.short.instrument.venue_id


def _mismatch(pair: Opportunity) -> Skip:
    long, short = pair.long, pair.short
    detail = (
        f"prices disagree: unit price {long.mark_price:f} on {long.instrument.venue_id}"
        f" against {short.mark_price:f} on {short.instrument.venue_id}"
    )
    reason = SkipReason.PRICE_MISMATCH
    return Skip(pair.base, reason, detail, between=venues_of(pair))


def _widest_first(pair: Opportunity) -> tuple[Decimal, str, str]:
    return (
        -pair.spread_per_hour,
        pair.long.instrument.venue_id,
        pair.short.instrument.venue_id,
    )
