"""How long a leg lasts at recent moves, by hand; and when nothing is claimed."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from core.margin import LegMargin, pair_runway, runway
from core.model.history import PriceMoves
from tests.fakes.objects import BINANCE, HYPERLIQUID

WARN = Decimal("0.20")
USUAL = PriceMoves(hours=71, daily=Decimal("0.065"))


def margin(venue_id: str, distance: str | None) -> LegMargin:
    """Return a leg so far from liquidation."""
    far = None if distance is None else Decimal(distance)
    venue = BINANCE if venue_id == "binance" else HYPERLIQUID
    return LegMargin(venue, Decimal(500), None, far)


def test_twice_a_days_move_takes_four_days() -> None:
    """33 % away, warned at 20 %: 13 % of room; at 6.5 % a day (13 / 6.5)^2 = 4 days."""
    assert runway(Decimal("0.33"), WARN, Decimal("0.065")) == timedelta(days=4)
    assert runway(Decimal("0.33"), WARN, Decimal("0.13")) == timedelta(days=1)


def test_the_nearer_leg_decides() -> None:
    """29 % on Hyperliquid goes first: 9 % of room at 4.5 % a day are 4 days."""
    moves = {BINANCE: USUAL, HYPERLIQUID: PriceMoves(71, Decimal("0.045"))}
    found = pair_runway(
        (margin("binance", "0.33"), margin("hyperliquid", "0.29")), WARN, moves
    )

    assert found is not None
    assert (found.venue_id, found.lasts) == (HYPERLIQUID, timedelta(days=4))
    assert not found.is_partly


def test_what_is_not_known_is_not_claimed() -> None:
    """No distance, no runway; no day of prices, no number; one leg untold is said."""
    legs = margin("binance", None), margin("hyperliquid", "0.33")
    assert pair_runway((legs[0], margin("hyperliquid", None)), WARN, {}) is None

    found = pair_runway(legs, WARN, {HYPERLIQUID: PriceMoves(5, None)})
    assert found is not None
    assert (found.lasts, found.hours, found.is_partly) == (None, 5, True)


def test_past_the_line_there_is_nothing_left() -> None:
    """At 19 % the warning of 20 % is reached: no days are shown."""
    near = margin("binance", "0.19"), margin("hyperliquid", "0.5")
    found = pair_runway(near, WARN, {BINANCE: USUAL})

    assert found is not None
    assert (found.is_passed, found.lasts) == (True, None)


def test_a_price_that_stands_still_lasts_ten_years_at_most() -> None:
    """A calm day must not become a date in the next century."""
    assert runway(Decimal("0.33"), WARN, Decimal(0)) == timedelta(days=3650)
    assert runway(Decimal("0.33"), WARN, Decimal("0.0001")) == timedelta(days=3650)
