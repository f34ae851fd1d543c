"""Two positions that are not ours in, the card that asks whether to adopt them out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.callbacks import Tap, Verb
from bot.cards import numbers
from bot.cards.card import Button, Card, Style
from bot.cards.layout import lines, rows_of, text
from bot.cards.legs import leg_table

if TYPE_CHECKING:
    from datetime import datetime

    from bot.cards.look import Look
    from core.model.plan import AdoptedLeg, AdoptPlan
    from core.model.units import Nonce, PlanId


def adopt_card(
    body: AdoptPlan, keys: tuple[PlanId, Nonce], expires_at: datetime, look: Look
) -> Card:
    """Ask whether two positions that are not ours shall be a pair of ours."""
    plan_id, nonce = keys
    name = numbers.cut(body.base)
    spread = numbers.rate(body.spread_per_hour, look.rate_hours, is_signed=True)
    return Card(
        html=lines(
            f"Adopt {text(body.base)} as a pair of mine? · {look.badge}",
            _adopted_legs(body, look),
            f"Funding now {spread} gross.",
            "Nothing is ordered now. From then on I watch it like my own: I tell and"
            " repair a lost leg, and Close sells both.",
            "Entry prices are the venues'. Fees and funding before this moment are not"
            " counted in its result.",
            f"Valid until {numbers.moment(expires_at, 'T')}.",
        ),
        kind="plan",
        card_id=look.card_id,
        rows=rows_of(
            [
                Button(
                    f"✅ Adopt {name}",
                    Tap(Verb.CONFIRM, nonce),
                    Style.SUCCESS,
                ),
                Button("✖ Cancel", Tap(Verb.CANCEL, nonce)),
            ]
        ),
        shown={"base": body.base, "plan": plan_id, "by": look.viewer_name},
        is_protected=True,
    )


def _adopted_legs(body: AdoptPlan, look: Look) -> str:
    long, short = body.long, body.short
    return leg_table(
        [
            (
                "leg",
                f"long {look.code(long.instrument.venue_id)}",
                f"short {look.code(short.instrument.venue_id)}",
            ),
            ("qty", _adopted_quantity(long), _adopted_quantity(short)),
            ("entry", _adopted_price(long), _adopted_price(short)),
        ]
    )


def _adopted_quantity(leg: AdoptedLeg) -> str:
    return numbers.quantity(leg.quantity_base / leg.instrument.multiplier)


def _adopted_price(leg: AdoptedLeg) -> str:
    return numbers.price(leg.instrument.listed_price(leg.entry_price))
