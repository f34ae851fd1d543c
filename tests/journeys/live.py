"""What journeys with live orders share: the house, its rates, and the true accounts."""

from __future__ import annotations

import json
import re
from collections import deque
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from unittest.mock import patch
from urllib.parse import unquote_plus

from core.model.trade import TradeState
from core.proofs import Proofs
from core.venues.catalog import VENUES
from core.venues.pacing import RequestBudget
from sandbox.venues.keys import live_environment
from tests.journeys.house import FLAT, open_house

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping
    from pathlib import Path

    from core.model.trade import Trade
    from core.model.units import VenueId
    from sandbox.app import SandboxServer
    from tests.journeys.house import House

COIN = "SOL"
"""Listed everywhere, with the same lot."""
START_USD = Decimal(5000)
CENT = Decimal("0.01")
ZERO = Decimal(0)
STEP = timedelta(seconds=5)
FORBIDDEN = ("builder", "integrator", "referr", "approve", "changepubkey")
"""No request may hold any of these words."""
NAMES = tuple(str(venue_id) for venue_id in VENUES)
PARTNERS = {
    "binance": "hyperliquid",
    "hyperliquid": "lighter",
    "lighter": "extended",
    "extended": "binance",
}
"""With whom a venue's faults are tried out."""
LIVE = {
    name.removeprefix("CARRY_").lower(): value
    for name, value in live_environment().items()
}


@contextmanager
def roomy_minutes() -> Iterator[None]:
    """Let venues be asked as often as a story likes.

    Stories squeeze many minutes into one: what is asked in it says nothing of the
    venues' limits, which `test_live.py` and the pacing's own tests keep.
    """
    with patch.object(RequestBudget, "_limit", lambda *_: float("inf")):
        yield


@contextmanager
def units_taken_as_proven() -> Iterator[None]:
    """Enter although the past says otherwise: the story has bent the rates just now."""
    with patch.object(Proofs, "entry_doubt", lambda *_: None):
        yield


@asynccontextmanager
async def live_house(
    folder: Path,
    long: str | None = None,
    short: str | None = None,
    *,
    prepare: Callable[[SandboxServer], None] | None = None,
    **more: Any,  # noqa: ANN401 - as open_house
) -> AsyncIterator[House]:
    """Open a bot that trades on the sandbox's accounts, with one pair worth it.

    Args:
        folder: where the bot keeps its files.
        long: venue of the pair's long leg; None leans on no pair.
        short: venue of its short leg.
        prepare: changes the sandbox before the bot sees it.
        more: names and values of settings, as `open_house`.
    """
    settings = {**LIVE, "mode": "live", **more}

    def ready(box: SandboxServer) -> None:
        box.reception.requests = deque()  # all of them, however long it takes
        if long is not None and short is not None:
            lean(box, long, short)
        if prepare is not None:
            prepare(box)

    async with open_house(folder, prepare=ready, **settings) as house:
        yield house
        check_no_foreign_fee(house)


def check_no_foreign_fee(house: House) -> None:
    """Look for a builder's, integrator's or referrer's share in all that was sent.

    Raises:
        AssertionError: there is one.
    """
    for seen in house.box.requests:
        sent = unquote_plus(f"{seen.path}?{seen.query} {seen.body}")
        found = [word for word in FORBIDDEN if word in sent.lower()]
        assert not found, f"{found} in {sent}"
        # Lighter's signer writes such fees as numbered attributes; 4 is the nonce's
        for extra in re.findall(r'"L2TxAttributes":({[^}]*})', sent):
            assert json.loads(extra).keys() <= {"4"}, sent


def lean(box: SandboxServer, long: str, short: str, coin: str = COIN) -> None:
    """Make one pair of one token the best there is."""
    rates = {long: Decimal("-0.0004"), short: Decimal("0.0004")}
    for venue in NAMES:
        box.world.set_rate(coin, venue, rates.get(venue, FLAT))


async def newest(house: House) -> Trade:
    """Return the trade that was confirmed last."""
    return (await house.trades())[0]


def exposure(house: House) -> dict[str, Decimal]:
    """Return what each account truly holds of the token, positive is long."""
    return {
        venue: sum(
            (
                Decimal(row["quantity"]) * row["multiplier"]
                for row in told["positions"].values()
                if row["token"] == COIN
            ),
            ZERO,
        )
        for venue, told in house.box.accounts.accounts().items()
    }


async def booked_usd(house: House, venue: VenueId) -> Decimal:
    """Return what our record says a venue's account gained by all trades."""
    record, gained = house.engine._parts.trades, ZERO
    for trade in await house.trades():
        for fill in await record.fills_of(trade.trade_id):
            if fill.venue_id == venue:
                assert fill.fee_usd is not None, f"{venue} told no fee"
                gained -= fill.side.sign * fill.quantity_base * fill.price
                gained -= fill.fee_usd
        for paid in await record.payments_of(trade.trade_id):
            if paid.venue_id == venue:
                gained += paid.amount_usd
    return gained


async def check_books(house: House) -> None:
    """Compare our record with every venue's cash, to the cent; all must be flat.

    Raises:
        AssertionError: they differ.
    """
    true: Mapping[str, Any] = house.box.accounts.accounts()
    for venue_id in VENUES:
        assert not true[venue_id]["positions"], f"{venue_id} is not flat"
        gained = Decimal(true[venue_id]["wallet"]) - START_USD
        ours = await booked_usd(house, venue_id)
        assert abs(gained - ours) < CENT, f"{venue_id}: {gained}, booked {ours}"


async def rested(house: House) -> Trade:
    """Let time pass until the newest trade is open and level, or over.

    Raises:
        AssertionError: it is not within a quarter of an hour.
    """
    trade = await newest(house)
    for _ in range(200):
        is_still = trade.state is TradeState.OPEN or trade.state.is_terminal
        if is_still and not trade.needs_attention and trade.close_target_base is None:
            return trade
        await house.pass_time(STEP)
        await house.quiet()
        trade = await newest(house)
    texts = [one.text for one in house.cards()[-3:]]
    message = f"still {trade.state}: {texts}"
    raise AssertionError(message)
