"""An estimate in, the cells and lines about it out: net, cost, break-even."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from bot.cards import numbers
from bot.cards.layout import lines
from core.model.estimate import FeeSource

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from bot.cards.look import Look
    from core.model.estimate import NetEstimate
    from core.model.opportunity import Opportunity

NET_CELLS = 5
EVEN_CELLS = 3
_WHO = {
    FeeSource.ACCOUNT: "your tier",
    FeeSource.CATALOG: "base tier",
    FeeSource.MIXED: "one leg your tier",
}


def hold_text(hold: timedelta) -> str:
    """Return a planned hold in words: 24 h, 3 d."""
    hours = hold // timedelta(hours=1)
    return f"{hours // 24} d" if hours > 72 and not hours % 24 else f"{hours} h"  # noqa: PLR2004 -- three days are still read in hours


def net_cell(one: Opportunity) -> str:
    """Return a pair's net in at most five cells, `-` where it is not priced."""
    if one.estimate is None:
        return numbers.UNKNOWN
    return numbers.gain_cell(one.estimate.net_usd, NET_CELLS)


def net_apr_cell(one: Opportunity) -> str:
    """Return a pair's net as a yearly rate, `-` where it is not priced."""
    net = None if one.estimate is None else one.estimate.net_apr
    return numbers.apr_cell(net, NET_CELLS)


def even_cell(one: Opportunity) -> str:
    """Return when costs are earned: 7h, 21h, 5d; `-` unknown, `no` for never."""
    if one.estimate is None:
        return numbers.UNKNOWN
    smooth = one.estimate.break_even.smooth
    if smooth is None:
        return "no"
    hours = -(-smooth // timedelta(hours=1))
    if hours < 100:  # noqa: PLR2004 -- two digits and the unit
        return f"{hours}h"
    days = hours // 24
    return f"{days}d" if days < 100 else "99d"  # noqa: PLR2004


def mark(one: Opportunity) -> str:
    """Return the sign of a row: `?` unknown volume, `!` pays only gross."""
    if one.has_unknown_volume:
        return "?"
    return " " if one.refusal is None else "!"


def marks_legend(shown: Sequence[Opportunity], look: Look) -> Sequence[str]:
    """Say what the signs in these rows mean."""
    said = []
    if any(mark(one) == "!" for one in shown):
        said.append("! pays only gross, see its card")
    if any(mark(one) == "?" for one in shown):
        said.append("? = 24 h volume unknown")
    unpriced = next((one.unpriced for one in shown if one.unpriced), None)
    if unpriced is not None:
        said.append(f"- not priced: {look.reason(unpriced)}")
    return said


def gain(found: NetEstimate) -> str:
    """Return what the hold brings at which size: +$0.51 net in 24 h at $500."""
    net = numbers.usd(found.net_usd, is_signed=True)
    size = numbers.whole_usd(found.size_usd)
    return f"{net} net in {hold_text(found.hold)} at {size}"


def cost_line(found: NetEstimate) -> str:
    """Return the cost by part, and who says what the fees are."""
    total = numbers.usd(-found.cost_usd, is_signed=True)
    fees = numbers.usd(found.fees_usd)
    into = numbers.usd(found.entry_basis_usd)
    out = numbers.usd(found.exit_basis_usd)
    who = _WHO[found.fee_source]
    return f"Cost {total} in+out (fees {fees} {who}, book {into} in, {out} out)"


def even_line(found: NetEstimate, look: Look) -> str:
    """Return both break-evens: by the hour, and by the payment clock."""
    even = found.break_even
    if even.smooth is None or even.after is None:
        return "Its cost is never earned back at these rates"
    smooth = numbers.duration_text(even.smooth)
    by_clock = numbers.duration_text(even.after)
    if even.payments is None:
        return f"Even after {smooth}"
    venue_id = _slower(found)
    count = f"{even.payments} {look.code(venue_id)} payment"
    plural = "" if even.payments == 1 else "s"
    return f"Even after {smooth} · by the clock {by_clock} ({count}{plural})"


def _slower(found: NetEstimate) -> str:
    """Return the venue whose payments are fewer in the hold; the short one if even."""
    long, short = found.long.payments, found.short.payments
    if long is None or short is None:
        return (found.short if long is None else found.long).venue_id
    return (found.long if long < short else found.short).venue_id


def outlook_line(found: NetEstimate) -> str:
    """Return the net of the other holds that were looked at."""
    said = [
        f"{hold_text(each.hold)} {numbers.usd(each.net_usd, is_signed=True)}"
        for each in found.outlooks
    ]
    return f"Net {', '.join(said)}" if said else ""


def blended_line(found: NetEstimate) -> str:
    """Return the net if the spread returns to its own mean, where that is known."""
    if found.blended_net_usd is None:
        return ""
    net = numbers.usd(found.blended_net_usd, is_signed=True)
    return f"If the spread returns to its mean: {net} net in {hold_text(found.hold)}"


def margin_line(found: NetEstimate) -> str:
    """Return what is locked and what the net is of it."""
    locked = numbers.usd(found.margin_usd)
    earned = numbers.share(found.return_on_margin)
    net_apr = numbers.apr(found.net_apr)
    hold = hold_text(found.hold)
    return f"Locks {locked} margin: {earned} on it in {hold} · {net_apr} a year net"


def result_lines(found: NetEstimate | None) -> str:
    """Return what is left after several holds; said too if it cannot be told."""
    if found is None:
        return "Net unknown: a venue does not say when it pays next"
    return lines(outlook_line(found), blended_line(found))


def time_lines(found: NetEstimate | None, look: Look) -> str:
    """Return when the cost is earned, and what is locked until then."""
    if found is None:
        return ""
    return lines(even_line(found, look), margin_line(found))


def refusal_line(one: Opportunity, look: Look) -> str:
    """Say why a pair pays only gross, or why it has no net at all."""
    if one.refusal is not None:
        return f"⚠️ Pays only gross: {look.reason(one.refusal.detail)}"
    if one.unpriced is not None:
        return f"Not priced: {look.reason(one.unpriced)}"
    return ""


def summary(one: Opportunity, look: Look) -> str:
    """Return the lines about one pair's net for its token's card."""
    found = one.estimate
    if found is None:
        return refusal_line(one, look)
    return lines(
        f"{gain(found)} · {margin_of(found)}",
        cost_line(found),
        even_line(found, look),
        blended_line(found),
        refusal_line(one, look),
    )


def margin_of(found: NetEstimate) -> str:
    """Return the net as a share of the margin it locks."""
    return f"{numbers.share(found.return_on_margin)} of the margin"


def pair_rows(pairs: Sequence[Opportunity], look: Look) -> Sequence[str]:
    """Return the table of a token's pairs: spread, cost, break-even, net."""
    found = next(one.estimate for one in pairs if one.estimate is not None)
    per, net = f"/{look.rate_hours}h", f"{hold_text(found.hold).replace(' ', '')}$"
    head = f"{'L>S':<5} {per:>6} {'cost%':>6} {'BE':>3} {net:>7}"
    return [head, *(_pair_row(one, look) for one in pairs)]


def _pair_row(one: Opportunity, look: Look) -> str:
    found = one.estimate
    cost = None if found is None else found.cost
    net = None if found is None else found.net_usd
    return (
        f"{look.code(one.long.instrument.venue_id)}>"
        f"{look.code(one.short.instrument.venue_id)} "
        f"{numbers.rate_cell(one.spread_per_hour, look.rate_hours):>6} "
        f"{numbers.rate_cell(cost, 1):>6} "
        f"{even_cell(one):>3} "
        f"{numbers.gain_cell(net):>7}"
        f"{mark(one).rstrip()}"
    )


def distance_cell(distance: Decimal | None, side_sign: int) -> str:
    """Return how far a leg is from its liquidation: -31% below a long, +29% above."""
    if distance is None:
        return numbers.UNKNOWN
    return f"{'-' if side_sign > 0 else '+'}{distance * 100:.0f}%"
