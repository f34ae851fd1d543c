"""What is proven and what came apart, in words: units, a pair's prices, stablecoins."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from bot.callbacks import Verb
from bot.cards import numbers
from bot.cards.facts import base_of, moment, number
from bot.cards.layout import folded, lines, rows_of, text
from core.model.proof import ProofState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bot.cards.card import Button
    from bot.cards.look import Look
    from bot.cards.shown import ShownRow
    from core.model.health import VenueHealth
    from core.model.proof import VenueProof
    from core.model.stablecoin import Stablecoins

    Facts = Mapping[str, str]
    Parts = tuple[str, tuple[tuple[Button, ...], ...], list[ShownRow]]

LEAST_SHOWN = Decimal("0.0001")
"""A gap below one basis point is none."""


# --- lines of other cards -------------------------------------------------------------


def units_line(venues: Iterable[VenueHealth], look: Look) -> str:
    """Return for every venue how many of its tokens' rates are proven."""
    said = [
        f"{look.code(one.venue_id)} {_proven(one.proof)}"
        for one in venues
        if one.proof is not None
    ]
    return f"Units proven: {' · '.join(said)}" if said else ""


def _proven(proof: VenueProof) -> str:
    state = proof.venue.state
    if state is ProofState.UNPROVEN:
        return "not yet"
    if state.is_doubted:
        return f"⚠️ {state.value}"
    more = f", {len(proof.doubted)} on hold" if proof.doubted else ""
    return f"{proof.proven}/{proof.compared}{more}"


def doubt_line(proof: VenueProof, look: Look) -> str:
    """Return why nothing of a venue is offered, and since when."""
    venue = proof.venue
    since = "" if venue.since is None else f", since {numbers.moment(venue.since)}"
    title = text(look.title(proof.venue_id))
    return lines(
        f"⚠️ {title}: rates not to be trusted, no entries{since}",
        folded(look.with_titles(venue.reason)),
    )


def coins_line(coins: Stablecoins) -> str:
    """Return what USDT is worth in USDC, in words."""
    if coins.gap is None:
        return "USDT against USDC: not known, too few tokens trade in both"
    return gap_text(coins.gap)


def gap_text(gap: Decimal) -> str:
    """Return a gap such as `USDT 0.30 % under USDC`."""
    if abs(gap) < LEAST_SHOWN:
        return "USDT level with USDC"
    side = "under" if gap < 0 else "over"
    return f"USDT {abs(gap) * 100:.2f} % {side} USDC"


# --- messages -------------------------------------------------------------------------


def units_suspect(facts: Facts, look: Look) -> Parts:
    """Tell of rates that are off by a unit or a sign."""
    html = lines(
        f"⚠️ {_subject(facts, look)}: rates not to be trusted · {look.badge}",
        "They stay on screen, but nothing is offered or closed by them until they"
        " agree with what is paid.",
        folded(look.with_titles(facts.get("reason", ""))),
    )
    return html, _buttons(look), []


def units_proven(facts: Facts, look: Look) -> Parts:
    """Tell that rates are what is paid again."""
    since = moment(facts, "since")
    lasted = f" after {numbers.duration_text(look.now - since)}" if since else ""
    html = lines(
        f"{_subject(facts, look)}: rates are proven again{lasted} · {look.badge}",
        "What it shows agrees with what it paid. Entries are on.",
    )
    return html, _buttons(look), []


def _subject(facts: Facts, look: Look) -> str:
    venue = text(look.title(facts.get("venue", "?")))
    return f"{venue} {base_of(facts)}" if "base" in facts else venue


def prices_apart(facts: Facts, look: Look) -> Parts:
    """Tell that an open pair's legs are not priced like one asset any more."""
    base, trade = base_of(facts), text(facts.get("trade", "?"))
    prices = [
        f"{_price(facts, f'{side}_price')} on {text(look.title(facts.get(side, '?')))}"
        for side in ("long", "short")
    ]
    html = lines(
        f"⚠️ {base}: the legs' prices came apart · {look.badge}",
        f"One {base} costs {' and '.join(prices)}.",
        f"Pair {trade} may not be hedged any more: a contract was renamed, split or"
        " swapped, or one venue's price is wrong. Look at both venues; close the pair"
        " if it stays so.",
    )
    return html, _buttons(look), []


def _price(facts: Facts, key: str) -> str:
    value = number(facts, key)
    return "an unknown price" if value is None else f"${numbers.price(value)}"


def stablecoin_gap(facts: Facts, look: Look) -> Parts:
    """Tell that the coins of open pairs, or of pairs to come, parted."""
    usdt = number(facts, "usdt")
    gap = "USDT and USDC came apart" if usdt is None else gap_text(usdt - 1)
    trades = facts.get("trades", "").split()
    level = facts.get("level", "")
    html = lines(
        f"⚠️ {gap} · {look.badge}",
        "No pair across both coins is entered until they are closer again."
        if level in {"block", "close"}
        else "",
        f"Open across both: {text(', '.join(trades))}. A leg in USDT gains or loses"
        " with it."
        if trades
        else "",
        "I propose to close them." if level == "close" and trades else "",
    )
    return html, _buttons(look), []


def _buttons(look: Look) -> tuple[tuple[Button, ...], ...]:
    return rows_of(
        [
            look.button("Health", Verb.SCREEN, "health"),
            look.button("Positions", Verb.SCREEN, "pos"),
        ]
    )
