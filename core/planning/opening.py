"""Price an entry from both books, or say in plain words why it cannot be offered."""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal
from typing import TYPE_CHECKING

from core.errors import MarginError, NoPairError, VenueDownError
from core.model.plan import Bounds, OpenPlan, PlanLeg
from core.model.units import LegSide
from core.planning.legs import MAX_SLIP_FIRST, MAX_SLIP_SECOND
from core.planning.pricing import allowed_leverage, estimate_net, price_pair

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.liquidity import PairBooks
    from core.model.estimate import NetEstimate
    from core.model.opportunity import Opportunity
    from core.model.order import Balance
    from core.model.units import VenueId
    from core.planning.pricing import Holding, PricedLeg, PricedPair, Tariff

SPREAD_KEPT = Decimal("0.6")
COST_ALLOWANCE = Decimal("0.0004")
MARGIN_RESERVE = Decimal("1.2")
SLACK = Decimal("0.99")
"""The legs' prices are never quite equal: the dearer leg must fit too."""


def build_open_plan(
    opportunity: Opportunity,
    books: PairBooks,
    *,
    tariff: Tariff,
    balances: Mapping[VenueId, Balance],
    holding: Holding,
    first: LegSide | None = None,
) -> OpenPlan:
    """Price an entry from both books, which were read just now.

    The leverage is lowered to what both venues allow for the instrument. `first` is
    the leg that an open pair executes first; None takes the harder one.

    Raises:
        NoPairError: a book is empty or crossed, the prices disagree, or the short side
            does not pay more.
        SizeError: the size does not fit the lots, the limits or the books.
        MarginError: a venue has too little free margin.
        VenueDownError: a venue's balance is not known.
    """
    priced = price_pair(opportunity, books, tariff, holding.size_usd, first=first)
    one, two = (
        _plan_leg(priced, each, balances) for each in (priced.first, priced.second)
    )
    instruments = books.long.instrument, books.short.instrument
    allowed = allowed_leverage(holding.leverage, instruments)
    for leg in (one, two):
        check_margin(leg, allowed)
    spread, cost = opportunity.spread_per_hour, priced.cost
    return OpenPlan(
        base=opportunity.base,
        first=one,
        second=two,
        size_usd=holding.size_usd,
        leverage=allowed,
        spread_per_hour=spread,
        fees_usd=cost.fees_usd,
        basis_usd=cost.basis_usd,
        bounds=entry_bounds(spread, cost.total_usd, priced.notional_usd),
        has_unknown_volume=opportunity.has_unknown_volume,
        estimate=_estimate(priced, holding),
    )


def _estimate(priced: PricedPair, holding: Holding) -> NetEstimate | None:
    """Return what the pair is expected to bring, None if a payment time is unknown."""
    try:
        return estimate_net(priced, holding)
    except NoPairError:
        return None


def _plan_leg(
    priced: PricedPair, leg: PricedLeg, balances: Mapping[VenueId, Balance]
) -> PlanLeg:
    instrument = leg.book.instrument
    is_long = leg.side is LegSide.LONG
    snapshot = priced.opportunity.long if is_long else priced.opportunity.short
    balance = balances.get(instrument.venue_id)
    return PlanLeg(
        instrument=instrument,
        side=leg.side,
        order_side=leg.order_side,
        quantity_base=priced.quantity_base,
        price=leg.price,
        best_price=leg.best_price,
        rate=snapshot.rate,
        next_funding_at=snapshot.next_funding_at,
        taker_fee=priced.tariff.fee_of(leg.book).rate,
        free_usd=None if balance is None else balance.free_usd,
        book_at=leg.book.observed_at,
        rate_at=snapshot.observed_at,
    )


def entry_bounds(
    spread_per_hour: Decimal, cost_usd: Decimal, notional_usd: Decimal
) -> Bounds:
    """Return what the world may become between the card and the order."""
    return Bounds(
        min_spread_per_hour=spread_per_hour * SPREAD_KEPT,
        max_cost_usd=cost_usd + notional_usd * COST_ALLOWANCE,
        max_slip_first=MAX_SLIP_FIRST,
        max_slip_second=MAX_SLIP_SECOND,
    )


def margin_needed(
    notional_usd: Decimal, leverage: Decimal, taker_fee: Decimal
) -> Decimal:
    """Return the free margin an entry asks for: margin and its fee, times 1.2."""
    return (notional_usd / leverage + notional_usd * taker_fee) * MARGIN_RESERVE


def largest_notional(
    free_usd: Decimal, leverage: Decimal, taker_fee: Decimal
) -> Decimal:
    """Return the notional whose entry asks for just this free margin."""
    return free_usd / margin_needed(Decimal(1), leverage, taker_fee)


def check_margin(leg: PlanLeg, leverage: Decimal) -> None:
    """Refuse a leg that its venue's free margin cannot carry.

    Raises:
        MarginError: too little is free.
        VenueDownError: the free margin is not known.
    """
    venue_id = leg.instrument.venue_id
    if leg.free_usd is None:
        raise VenueDownError(venue_id, "the free balance is not known", None)
    needed = margin_needed(leg.notional_usd, leverage, leg.taker_fee)
    if leg.free_usd < needed:
        most = largest_notional(leg.free_usd, leverage, leg.taker_fee) * SLACK
        fits = most.to_integral_value(ROUND_DOWN)
        raise MarginError(venue_id, leg.free_usd, needed, fits)
