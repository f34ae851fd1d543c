"""Why something is left out, in words: what is so, and what would have to change.

A reason without a row of its own is told by the numbers that its gate gave.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import TYPE_CHECKING

from bot.cards import numbers
from core.model.instrument import AbsenceReason
from core.model.opportunity import SkipReason

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bot.cards.look import Look
    from core.model.opportunity import Skip
    from core.model.why import Explanation, VenueVerdict

ABSENT: Mapping[AbsenceReason, str] = {
    AbsenceReason.NOT_LISTED: "not listed",
    AbsenceReason.DELISTED: "delisted",
    AbsenceReason.SETTLING: "being settled, not traded",
    AbsenceReason.PRE_MARKET: "pre-market contract, not traded",
    AbsenceReason.DATED: "dated contract, no funding",
    AbsenceReason.NON_CRYPTO: "not a crypto asset",
    AbsenceReason.NOT_LINEAR: "not a linear contract",
    AbsenceReason.OTHER_QUOTE: "other quote currency",
    AbsenceReason.INACTIVE: "trading is stopped",
    AbsenceReason.DUPLICATE: "a second contract of the same token",
    AbsenceReason.MALFORMED: "the venue's entry could not be read",
}
"""Of a contract that is no instrument of ours, in few words."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One refusal in words, without a subject in front and a full stop behind."""

    what: str
    then: str = ""
    """Whole sentences: what would have to change."""


@dataclass(frozen=True, slots=True)
class Told:
    """A refusal and what is known around it."""

    skip: Skip
    explanation: Explanation
    look: Look
    venue: VenueVerdict | None = None

    @property
    def detail(self) -> str:
        """Return the gate's own numbers, venues by name."""
        return self.look.with_titles(self.skip.detail)

    @property
    def name(self) -> str:
        """Return the contract's own name in front of a phrase, if one is meant."""
        return f"{self.skip.symbol} is " if self.skip.symbol else ""

    @property
    def in_brackets(self) -> str:
        """Return the venue's own word behind a phrase, if it gave one."""
        return f" ({self.skip.detail})" if self.skip.detail else ""


def _below_spread(told: Told) -> Reason:
    spread, hours = told.skip.spread_per_hour, told.look.rate_hours
    least = numbers.rate(told.explanation.min_spread_per_hour, hours)
    pays = numbers.rate(spread, hours)
    wait = "wait until its rates part further"
    then = f"{wait[0].upper()}{wait[1:]}."
    if spread is not None and spread > 0:
        bound = _rounded_down(spread)
        then = (
            f"Lower the least spread to {numbers.rate(bound, hours)} in /settings"
            f" (CARRY_MIN_SPREAD_HOURLY={numbers.plain(bound)}), or {wait}."
        )
    return Reason(f"pays {pays} gross, {least} is the least wanted", then)


def _rounded_down(value: Decimal) -> Decimal:
    """Round down to two digits: a bound that the value itself still passes."""
    step = Decimal(1).scaleb(value.adjusted() - 1)
    return (value / step).to_integral_value(ROUND_DOWN) * step


def _below_volume(told: Told) -> Reason:
    snapshot = None if told.venue is None else told.venue.snapshot
    volume = None if snapshot is None else snapshot.volume_24h_usd
    if volume is None:
        return Reason(told.detail)
    least = numbers.usd(told.explanation.min_volume_usd)
    most = f"{volume.to_integral_value(ROUND_DOWN):f}"
    return Reason(
        f"trades {numbers.usd(volume)} a day, {least} is the least wanted",
        f"Lower the least day volume to {most} in /settings"
        f" (CARRY_MIN_DAILY_VOLUME_USD={most}) to take it.",
    )


def _unknown_volume(told: Told) -> Reason:
    del told
    return Reason(
        "does not tell its day volume",
        "Allow unknown volume in /settings (CARRY_ALLOW_UNKNOWN_VOLUME=true) to take"
        " it all the same.",
    )


def _single_venue(told: Told) -> Reason:
    venue = told.look.title(told.skip.venue_id or "one venue")
    return Reason(f"only {venue} has it", "A pair needs a second venue.")


def _stale(told: Told) -> Reason:
    return Reason(
        f"its rate is too old: {told.detail}",
        "It comes back with the venue's next fresh answer; /health tells of it.",
    )


def _venue_down(told: Told) -> Reason:
    return Reason(
        f"no answer: {told.detail}",
        "It comes back with the venue's next good answer; /health tells of it.",
    )


def _no_rate(told: Told) -> Reason:
    return Reason(
        f"no funding rate: {told.detail}", "It comes back once the venue shows one."
    )


def _no_interval(told: Told) -> Reason:
    return Reason(
        f"hours between payments unknown: {told.detail}",
        "A rate without its period compares with nothing; it comes back once the"
        " venue tells.",
    )


def _no_price(told: Told) -> Reason:
    del told
    return Reason(
        "shows no price, so its unit has no proof",
        "It comes back with the venue's next price.",
    )


def _malformed(told: Told) -> Reason:
    return Reason(
        f"its entry could not be read: {told.detail}",
        "It comes back once the venue sends it in order.",
    )


def _price_mismatch(told: Told) -> Reason:
    return Reason(
        told.detail,
        "Two coins of one name, or a wrong unit: nothing to set, only prices within"
        " 3% of each other prove one asset.",
    )


def _not_listed(told: Told) -> Reason:
    if told.skip.venue_id is None:
        said = {each.refusal.reason for each in told.explanation.venues if each.refusal}
        plainly = said <= {told.skip.reason, SkipReason.VENUE_DOWN}
        more = "" if plainly else " as a perpetual we trade"
        return Reason(f"no venue lists it{more}", "Only a listing would change it.")
    return Reason("not listed", "Only a listing there would change it.")


def _delisted(told: Told) -> Reason:
    return Reason(f"{told.name}delisted", "Only a new listing there would change it.")


def _settling(told: Told) -> Reason:
    return Reason(
        f"{told.name}being settled, not traded", "It leaves the venue's list soon."
    )


def _pre_market(told: Told) -> Reason:
    return Reason(
        f"{told.name}a pre-market contract",
        "It comes in by itself once it trades as an ordinary perpetual.",
    )


def _dated(told: Told) -> Reason:
    return Reason(
        f"{told.name}a dated contract{told.in_brackets}",
        "Only perpetuals pay funding.",
    )


def _non_crypto(told: Told) -> Reason:
    return Reason(
        f"{told.name}not a crypto asset{told.in_brackets}",
        "Stocks, currencies and commodities are never paired.",
    )


def _not_linear(told: Told) -> Reason:
    return Reason(
        f"{told.name}not a linear contract{told.in_brackets}",
        "Only contracts that are priced and settled in one currency are paired.",
    )


def _other_quote(told: Told) -> Reason:
    return Reason(
        f"{told.name}priced in {told.skip.detail or 'another currency'}",
        "Only the venue's main quote currency is traded.",
    )


def _inactive(told: Told) -> Reason:
    return Reason(
        f"{told.name}stopped by the venue{told.in_brackets}",
        "It comes back when the venue opens it again.",
    )


def _duplicate(told: Told) -> Reason:
    return Reason(
        f"{told.name}a second contract of the same token: {told.detail}",
        "One contract per token and venue is used.",
    )


def _unit_suspect(told: Told) -> Reason:
    return Reason(
        f"its rate is not trusted: {told.detail}",
        "Nothing is entered on it until settled payments prove its unit; /health"
        " shows the proof.",
    )


def _stablecoin_gap(told: Told) -> Reason:
    return Reason(told.detail, "It ends once the stablecoins trade closer again.")


def _below_net(told: Told) -> Reason:
    return Reason(
        told.detail,
        "Thicker books, a wider spread, a longer CARRY_PLANNED_HOLD_H or a lower"
        " CARRY_MIN_NET would change it; /open still lets you choose it yourself.",
    )


def _late_break_even(told: Told) -> Reason:
    return Reason(
        told.detail,
        "Thicker books or a wider spread would earn the costs sooner;"
        " CARRY_MAX_BREAK_EVEN_H and CARRY_MAX_BREAK_EVEN_PAYMENTS set how long is too"
        " long; /open still lets you choose it yourself.",
    )


def _not_chosen(told: Told) -> Reason:
    return Reason(told.detail, "Add it there, or let all in.")


REASONS: Mapping[SkipReason, Callable[[Told], Reason]] = {
    SkipReason.NOT_LISTED: _not_listed,
    SkipReason.SINGLE_VENUE: _single_venue,
    SkipReason.BELOW_MIN_SPREAD: _below_spread,
    SkipReason.BELOW_MIN_VOLUME: _below_volume,
    SkipReason.UNKNOWN_VOLUME: _unknown_volume,
    SkipReason.STALE: _stale,
    SkipReason.VENUE_DOWN: _venue_down,
    SkipReason.NO_RATE: _no_rate,
    SkipReason.NO_INTERVAL: _no_interval,
    SkipReason.NO_PRICE: _no_price,
    SkipReason.MALFORMED: _malformed,
    SkipReason.PRICE_MISMATCH: _price_mismatch,
    SkipReason.DELISTED: _delisted,
    SkipReason.SETTLING: _settling,
    SkipReason.PRE_MARKET: _pre_market,
    SkipReason.DATED: _dated,
    SkipReason.NON_CRYPTO: _non_crypto,
    SkipReason.NOT_LINEAR: _not_linear,
    SkipReason.OTHER_QUOTE: _other_quote,
    SkipReason.INACTIVE: _inactive,
    SkipReason.DUPLICATE: _duplicate,
    SkipReason.UNIT_SUSPECT: _unit_suspect,
    SkipReason.STABLECOIN_GAP: _stablecoin_gap,
    SkipReason.BELOW_MIN_NET: _below_net,
    SkipReason.LATE_BREAK_EVEN: _late_break_even,
    SkipReason.NOT_CHOSEN: _not_chosen,
}


def reason_of(told: Told) -> Reason:
    """Return a refusal in words."""
    words = REASONS.get(told.skip.reason)
    if words is None:
        return Reason(told.detail or told.skip.reason.value.replace("_", " "))
    return words(told)
