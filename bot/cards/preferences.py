"""Preferences in, /alerts card out: threshold, how it arrives, muted tokens."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from bot.callbacks import Verb
from bot.cards import numbers
from bot.cards.card import Card
from bot.cards.layout import grid, lines, rows_of, text
from bot.cards.shown import ShownRow, pack_rows
from core.model.preferences import AlertDelivery

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from bot.cards.card import Button
    from bot.cards.look import Look
    from core.model.preferences import Mute, Mutes

PRESETS_PERCENT_8H = ("0.01", "0.02", "0.05", "0.1", "0.2")
SAVED = "Saved"
_MAX_MUTED = 12
_DELIVERY = {
    AlertDelivery.ON: "on, with sound",
    AlertDelivery.SILENT: "on, without sound",
    AlertDelivery.OFF: "off",
}


def preset_per_hour(percent_8h: Decimal) -> Decimal:
    """Return the hourly fraction of a preset in % per 8 h."""
    return percent_8h / 100 / 8


@dataclass(frozen=True, slots=True)
class Pushes:
    """What is pushed on new spreads, to whoever looks."""

    least_per_hour: Decimal
    delivery: AlertDelivery
    mutes: Mutes = field(default_factory=dict)


def alerts_card(pushes: Pushes, look: Look) -> Card:
    """Return what is pushed on new spreads, and the buttons that change it."""
    least = numbers.rate(pushes.least_per_hour, look.rate_hours)
    muted = sorted(pushes.mutes.items(), key=lambda one: _name(one[0], look))
    muted = muted[:_MAX_MUTED]
    html = lines(
        f"Alerts on new spreads: {_DELIVERY[pushes.delivery]} · {look.badge}",
        f"From {least} gross, in 2 scans in a row, both sides fresh and liquid.",
        _muted_line(muted, len(pushes.mutes), look),
        "Trades and warnings always arrive.",
        f"Other values: /alerts 0.03 (%/{look.rate_hours}h), /alerts mute PEPE",
    )
    return Card(
        html=html,
        kind="alerts",
        card_id=look.card_id,
        rows=_buttons(pushes, look, [mute for mute, _ in muted]),
        shown={"rows": pack_rows(_row(mute) for mute, _ in muted)},
    )


def _row(mute: Mute) -> ShownRow:
    return ShownRow(mute.base, *(mute.venues or ()))


def _name(mute: Mute, look: Look) -> str:
    if mute.venues is None:
        return mute.base
    return f"{mute.base} {look.code(mute.venues[0])}/{look.code(mute.venues[1])}"


def muted_words(what: Mute, how: str, look: Look) -> str:
    """Say in a toast what became of pushes; `how` is 8h, ever or off."""
    name = _name(what, look)
    if how == "off":
        return f"{name} speaks again"
    return f"{name} is muted" + (" for 8 h" if how == "8h" else "")


def _muted_line(
    muted: Sequence[tuple[Mute, datetime | None]], count: int, look: Look
) -> str:
    if not muted:
        return "No token is muted."
    named = [
        _name(mute, look)
        + ("" if until is None else f" ({numbers.duration_text(until - look.now)})")
        for mute, until in muted
    ]
    more = f" and {count - len(muted)} more" if count > len(muted) else ""
    return text(f"Muted: {', '.join(named)}{more}")


def _short(mute: Mute, look: Look) -> str:
    return numbers.cut(_name(mute, look), 14)


def _buttons(
    pushes: Pushes, look: Look, muted: Sequence[Mute]
) -> tuple[tuple[Button, ...], ...]:
    chips = []
    for preset in PRESETS_PERCENT_8H:
        per_hour = preset_per_hour(Decimal(preset))
        shown = numbers.rate_cell(per_hour, look.rate_hours)
        is_chosen = per_hour == pushes.least_per_hour
        label = f"{shown} •" if is_chosen else shown
        chips.append(look.button(label, Verb.ALERTS, f"t{preset}"))
    deliveries = []
    for each in AlertDelivery:
        dot = " •" if each is pushes.delivery else ""
        deliveries.append(
            look.button(f"{each.value.capitalize()}{dot}", Verb.ALERTS, each.value)
        )
    unmute = [
        look.button(f"🔔 {_short(mute, look)}", Verb.ALERTS, f"u{index}")
        for index, mute in enumerate(muted)
    ]
    return rows_of(
        chips,
        deliveries,
        *grid(unmute),
        [
            look.button("🔄 Refresh", Verb.REFRESH),
            look.button("⚙ Settings", Verb.SCREEN, "settings"),
            look.button("📈 Top", Verb.SCREEN, "top"),
        ],
    )
