"""What goes wrong between two live orders: never one leg, and never two of one.

A slice of the table of faults over real HTTP: each venue as leg 1 and as leg 2. What is
true is read from the accounts themselves, not from what the bot believes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

import core.planning.pricing
from core.model.trade import TradeState
from core.model.units import LegSide
from tests.journeys.live import (
    NAMES,
    PARTNERS,
    check_books,
    exposure,
    live_house,
    newest,
    rested,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from _pytest.mark import ParameterSet

    from core.liquidity import PairBooks
    from tests.journeys.house import House

pytestmark = pytest.mark.journey

OPEN, ABORTED = TradeState.OPEN, TradeState.ABORTED
A_MINUTE = timedelta(minutes=1)
"""Venues count requests by the minute, and Lighter grants 60: people are slower."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One fault of an order that opens a leg, and how the pair ends."""

    name: str
    kind: str
    leg1: TradeState
    leg2: TradeState
    param: Any = None
    before: bool = False
    lag_ms: int = 0
    """How old everything is that the venue then shows."""


CELLS = (
    Cell("never arrived", "reset", ABORTED, ABORTED, before=True),
    Cell("reply lost", "reset", OPEN, OPEN),
    Cell("reply cut off", "truncated", OPEN, OPEN),
    Cell("a page instead", "html_200", OPEN, OPEN),
    Cell("reply lost, reads 8 s old", "reset", OPEN, OPEN, lag_ms=8000),
    Cell("partly filled", "partial", OPEN, OPEN, param="0.5"),
    Cell("nothing filled", "zero", ABORTED, OPEN),
    Cell("refused: margin", "reject", ABORTED, ABORTED, param="margin"),
    Cell("too many requests", "429", ABORTED, ABORTED, param=60),
    Cell("arrives late", "late", OPEN, OPEN, param={"after_s": 3, "reply": "reset"}),
)


def force_order(monkeypatch: pytest.MonkeyPatch, first: str) -> None:
    """Let this venue's leg be executed first, however hard the other one is."""

    def leg_order(books: PairBooks, _rules: object) -> tuple[LegSide, LegSide]:
        if books.of(LegSide.LONG).instrument.venue_id == first:
            return LegSide.LONG, LegSide.SHORT
        return LegSide.SHORT, LegSide.LONG

    monkeypatch.setattr(core.planning.pricing, "leg_order", leg_order)


def spread_out() -> Iterator[ParameterSet]:
    """Every fault on every venue as either leg; most of it waits for the campaign.

    What does not: each fault once on either leg, on two different venues, and so each
    venue two or three times as either leg.
    """
    venues, cells = enumerate(NAMES), enumerate(CELLS)
    for (row, venue), leg, (column, cell) in product(venues, (1, 2), cells):
        waits = row != (column + 2 * (leg - 1)) % len(NAMES)
        marks = [pytest.mark.campaign] if waits else []
        yield pytest.param(
            venue, leg, cell, id=f"{venue}-{leg}-{cell.name}", marks=marks
        )


@pytest.mark.parametrize(("venue", "leg", "cell"), list(spread_out()))
async def test_an_entry_order_in_trouble_ends_level_or_flat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, venue: str, leg: int, cell: Cell
) -> None:
    """One order each, equal legs or none, and the books agree to the cent."""
    other = PARTNERS[venue]
    force_order(monkeypatch, venue if leg == 1 else other)
    async with live_house(
        tmp_path, venue, other, venues=f"{venue},{other}", net_top_k=3
    ) as house:
        card = await house.say("/open SOL 300")
        house.box.faults.add(
            venue, "@entry", cell.kind, param=cell.param, before=cell.before
        )
        house.box.accounts.set_lag(venue, "*", cell.lag_ms)
        await house.tap("Open $", card)
        await house.quiet()
        trade = await rested(house)
        assert trade.legs[leg - 1].instrument.venue_id == venue
        assert trade.state is (cell.leg1 if leg == 1 else cell.leg2), card_of(house)
        held = exposure(house)
        coarser = max(one.instrument.lot_base for one in trade.legs)
        assert abs(held[venue] + held[other]) < coarser, held
        assert (held[venue] > 0) == (trade.state is OPEN)
        assert held[venue] <= trade.quantity_base
        assert -held[other] <= trade.quantity_base
        await leave(house, venue)
        await check_books(house)


async def leave(house: House, venue: str) -> None:
    """End all trouble, and the pair if there is one."""
    house.box.faults.clear()
    house.box.accounts.set_lag(venue, "*", 0)
    if (await newest(house)).state is OPEN:
        await house.pass_time(A_MINUTE)
        await house.quiet()
        await house.leave("SOL")
        trade = await rested(house)
        assert trade.state is TradeState.CLOSED, card_of(house)
    await house.pass_time(A_MINUTE)
    await house.hold()


def card_of(house: House) -> list[str]:
    """Return what was said last."""
    return [one.text for one in house.cards()[-3:]]
