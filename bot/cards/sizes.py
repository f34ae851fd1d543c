"""What an entry or an addition orders, and what each leg is like once it is filled."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from bot.cards import net, numbers
from core.model.plan import AddPlan, OpenPlan

if TYPE_CHECKING:
    from decimal import Decimal

    from core.model.plan import PlanLeg

T = TypeVar("T")


def part_of(body: OpenPlan | AddPlan) -> OpenPlan:
    """Return what is to be ordered: an entry, or what is added to a pair."""
    return body.part if isinstance(body, AddPlan) else body


def quantity_rows(given: OpenPlan | AddPlan) -> list[tuple[str, str, str]]:
    """Return what is ordered; of a pair that grows, also what it holds then."""
    body = part_of(given)
    ordered = quantity_of(body.long), quantity_of(body.short)
    if isinstance(given, OpenPlan):
        return [("qty", *ordered)]
    long, short = _long_first(given, given.held)
    return [
        ("held", _listed(body.long, long), _listed(body.short, short)),
        ("added", *ordered),
        (
            "then",
            _listed(body.long, long + body.long.quantity_base),
            _listed(body.short, short + body.short.quantity_base),
        ),
    ]


def worths(given: OpenPlan | AddPlan) -> tuple[str, str]:
    """Return what each leg is worth once the order is filled."""
    body = part_of(given)
    long, short = body.long.quantity_base, body.short.quantity_base
    if isinstance(given, AddPlan):
        held = _long_first(given, given.held)
        long, short = long + held[0], short + held[1]
    worth = long * body.long.price, short * body.short.price
    return numbers.usd_cell(worth[0]), numbers.usd_cell(worth[1])


def _long_first(body: AddPlan, both: tuple[T, T]) -> tuple[T, T]:
    """Return what belongs to the legs in the card's order, the long one first."""
    first, second = both
    return both if body.part.long is body.part.first else (second, first)


def liquidation_row(given: OpenPlan | AddPlan) -> tuple[str, str, str]:
    """Return how far each leg will be from its liquidation."""
    if isinstance(given, AddPlan):
        long, short = _long_first(given, given.distances)
        return "liq then", net.distance_cell(long, 1), net.distance_cell(short, -1)
    found = given.estimate
    if found is None:
        return "liq", numbers.UNKNOWN, numbers.UNKNOWN
    return (
        "liq",
        net.distance_cell(found.long.liquidation_distance, 1),
        net.distance_cell(found.short.liquidation_distance, -1),
    )


def quantity_of(leg: PlanLeg) -> str:
    """Return what is ordered, in the venue's own units."""
    return _listed(leg, leg.quantity_base)


def _listed(leg: PlanLeg, quantity: Decimal) -> str:
    return numbers.quantity(quantity / leg.instrument.multiplier)
