"""Health in, card out: how many venues answer, who may trade, what waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.callbacks import Verb
from bot.cards import numbers
from bot.cards.card import Card
from bot.cards.halt import halt_buttons
from bot.cards.layout import folded, lines, rows_of, text
from bot.cards.proof import coins_line, doubt_line, units_line
from core.model.control import GLOBAL_SCOPE, HALT_KEY, TradingState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.cards.card import Button
    from bot.cards.look import Look
    from core.model.control import Halt
    from core.model.health import Health, VenueHealth

_LEGEND = (
    "err = failed reads in 1 h · left = of the 5% that may fail"
    " · list = contracts listed · rates = those with a rate"
)
_MOST_MS = 9999
_MAX_HALTS = 6
_MAX_ERRORS = 8


def health_card(health: Health, look: Look) -> Card:
    """Return the state of everything."""
    html = lines(
        _head(health, look),
        _venue_table(health, look),
        _LEGEND,
        *(_trouble(one, look) for one in _failing(health)),
        units_line(health.venues, look),
        *(_doubt(one, look) for one in health.venues),
        coins_line(health.stablecoins),
        _halts(health.halts, look),
        _work(health, look),
        _life(health, look),
    )
    return Card(
        html=html,
        kind="health",
        card_id=look.card_id,
        rows=_buttons(health, look),
    )


def _head(health: Health, look: Look) -> str:
    fine = sum(one.is_ok for one in health.venues)
    return (
        f"{fine} of {len(health.venues)} venues fine"
        f" · {health.trading.value.upper()} · {look.badge}"
    )


def _venue_table(health: Health, look: Look) -> str:
    head = f"VN {'ms':>4} {'age':>5} {'err':>3} {'left':>4} {'list':>4} {'rates':>5}"
    return numbers.table([head, *(_venue_row(one, look) for one in health.venues)])


def _venue_row(one: VenueHealth, look: Look) -> str:
    latency = numbers.UNKNOWN
    if one.latency is not None:
        latency = str(min(int(one.latency.total_seconds() * 1e3), _MOST_MS))
    return (
        f"{look.code(one.venue_id)} {latency:>4}"
        f" {numbers.countdown(one.age):>5} {min(one.tally.errors, 999):>3}"
        f" {_budget(one):>4} {one.instruments:>4} {one.rates:>5}"
    )


def _budget(one: VenueHealth) -> str:
    left = one.tally.budget_left
    return numbers.UNKNOWN if left is None else f"{int(left * 100)}%"


def _failing(health: Health) -> Sequence[VenueHealth]:
    return [one for one in health.venues if not one.is_ok][:_MAX_ERRORS]


def _trouble(one: VenueHealth, look: Look) -> str:
    title, since = text(look.title(one.venue_id)), ""
    if one.failing_since is not None:
        since = f" for {numbers.duration_text(look.now - one.failing_since)}"
    said = f"⚠️ {title} silent{since}, left out when too old"
    if one.paused_until is not None:
        until = numbers.moment(one.paused_until, "T")
        said = (
            f"⏸ {title} silent{since}: {one.failures} failures in a row,"
            f" left out and not asked until {until}"
        )
    return lines(said, folded(one.error or ""))


def _doubt(one: VenueHealth, look: Look) -> str:
    """Return why a venue's rates are shown only, empty if they are not doubted."""
    if one.proof is None or not one.proof.venue.state.is_doubted:
        return ""
    return doubt_line(one.proof, look)


def _halts(halts: Sequence[Halt], look: Look) -> str:
    said = [
        f"{_scope(halt, look)}: {_why(halt, look)}, since {numbers.moment(halt.since)}"
        for halt in halts[:_MAX_HALTS]
    ]
    more = len(halts) - _MAX_HALTS
    return lines(*said, f"and {more} more" if more > 0 else "")


def _why(halt: Halt, look: Look) -> str:
    is_own = halt.by is not None and halt.by == look.user_id
    verb = "halted" if halt.key == HALT_KEY else "paused"
    return f"{verb} by you" if is_own else look.reason(halt.reason)


def _scope(halt: Halt, look: Look) -> str:
    word = "entries off" if halt.state is TradingState.REDUCING else "halted"
    if halt.scope == GLOBAL_SCOPE:
        return word.capitalize()
    venue, _, symbol = halt.scope.partition(":")
    token, _, _ = symbol.partition("/")
    return f"{text(f'{look.title(venue)} {token}'.strip())} {word}"


def _work(health: Health, look: Look) -> str:
    parts = [
        "No scan yet"
        if health.scanned_at is None
        else f"Scan {numbers.duration_text(look.now - health.scanned_at)} ago"
    ]
    if health.scan_took is not None:
        parts[0] += f" ({health.scan_took.total_seconds():.1f} s)"
    waiting = f"{health.outbox_waiting} messages waiting"
    if health.outbox_oldest is not None:
        age = numbers.duration_text(look.now - health.outbox_oldest)
        waiting += f", oldest {age}"
    return " · ".join([*parts, waiting])


def _life(health: Health, look: Look) -> str:
    pairs = (
        "1 open pair" if health.open_trades == 1 else f"{health.open_trades} open pairs"
    )
    checking = " · checking positions" if health.is_checking else ""
    up = numbers.duration_text(look.now - health.started_at)
    return f"Up {up} · {pairs}{checking}"


def _buttons(health: Health, look: Look) -> tuple[tuple[Button, ...], ...]:
    keys = {halt.key for halt in health.halts}
    if HALT_KEY in keys:
        switches = halt_buttons(look)
    elif "pause" in keys:
        switches = ((look.button("▶ Resume", Verb.RESUME),),)
    else:
        switches = ((look.button("⏸ Pause", Verb.PAUSE),),)
    return rows_of(
        *(switches if look.can_trade else ()),
        [
            look.button("🔄 Refresh", Verb.REFRESH),
            look.button("📈 Top", Verb.SCREEN, "top"),
            look.button("Positions", Verb.SCREEN, "pos"),
        ],
    )
