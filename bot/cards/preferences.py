"""Preferences in, /alerts card out: threshold, how it arrives, muted tokens."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from bot.callbacks import Verb
from bot.cards import numbers
from bot.cards.card import Card
from bot.cards.layout import grid, lines, rows_of, text
from bot.cards.shown import ShownRow, pack_rows
from core.model.control import AlertDelivery

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from bot.cards.card import Button
    from bot.cards.look import Look
    from core.model.control import Preferences

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


def alerts_card(preferences: Preferences, look: Look, note: str = "") -> Card:
    """Return what is pushed on new spreads, and the buttons that change it."""
    least = numbers.rate(preferences.alert_spread_per_hour, look.rate_hours)
    muted = sorted(preferences.muted.items())[:_MAX_MUTED]
    html = lines(
        f"Alerts on new spreads: {_DELIVERY[preferences.opportunity_delivery]}"
        f" · {look.badge}",
        text(note),
        f"From {least} gross, in 2 scans in a row, both sides fresh and liquid.",
        _muted_line(muted, len(preferences.muted), look),
        "Trades and warnings always arrive.",
        f"Other values: /alerts 0.03 (%/{look.rate_hours}h), /alerts mute PEPE",
    )
    return Card(
        html=html,
        kind="alerts",
        card_id=look.card_id,
        rows=_buttons(preferences, look, [base for base, _ in muted]),
        shown={"rows": pack_rows(ShownRow(base=base) for base, _ in muted)},
    )


def muted_words(base: str, how: str) -> str:
    """Say in a toast what became of a token's pushes; `how` is 8h, ever or off."""
    if how == "off":
        return f"{base} speaks again"
    return f"{base} is muted" + (" for 8 h" if how == "8h" else "")


def _muted_line(
    muted: Sequence[tuple[str, datetime | None]], count: int, look: Look
) -> str:
    if not muted:
        return "No token is muted."
    named = [
        base if until is None else f"{base} ({numbers.duration_text(until - look.now)})"
        for base, until in muted
    ]
    more = f" and {count - len(muted)} more" if count > len(muted) else ""
    return text(f"Muted: {', '.join(named)}{more}")


def _buttons(
    preferences: Preferences, look: Look, muted: Sequence[str]
) -> tuple[tuple[Button, ...], ...]:
    chips = []
    for preset in PRESETS_PERCENT_8H:
        per_hour = preset_per_hour(Decimal(preset))
        shown = numbers.rate_cell(per_hour, look.rate_hours)
        is_chosen = per_hour == preferences.alert_spread_per_hour
        label = f"{shown} •" if is_chosen else shown
        chips.append(look.button(label, Verb.ALERTS, f"t{preset}"))
    deliveries = []
    for each in AlertDelivery:
        dot = " •" if each is preferences.opportunity_delivery else ""
        deliveries.append(
            look.button(f"{each.value.capitalize()}{dot}", Verb.ALERTS, each.value)
        )
    unmute = [
        look.button(f"🔔 {numbers.cut(base)}", Verb.ALERTS, f"u{index}")
        for index, base in enumerate(muted)
    ]
    return rows_of(
        chips,
        deliveries,
        *grid(unmute),
        [
            look.button("🔄 Refresh", Verb.REFRESH),
            look.button("📈 Top", Verb.SCREEN, "top"),
        ],
    )
