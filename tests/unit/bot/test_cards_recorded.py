"""Cards over two whole markets as venues sent them; skipped without the recordings."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from bot.cards import matrix, opportunity, tokens
from bot.cards.checks import check
from bot.cards.shown import unpack_rows
from core.model.instrument import Availability, TokenRow
from core.model.opportunity import Opportunity
from core.venues.catalog import BINANCE as BINANCE_ENTRY
from core.venues.catalog import HYPERLIQUID as HYPERLIQUID_ENTRY
from tests.contract.test_recorded_markets import (
    BINANCE_TIME,
    HYPERLIQUID_TIME,
    binance_answers,
    hyperliquid_answers,
    pytestmark,
    replay,
)
from tests.fakes.chat import Chat
from tests.fakes.engine import scan_of
from tests.fakes.objects import BINANCE, HYPERLIQUID

if TYPE_CHECKING:
    from core.model.instrument import Instrument
    from core.model.market import FundingSnapshot
    from core.model.units import Base, VenueId
    from tests.contract.test_recorded_markets import Replay

__all__ = ["pytestmark"]
VIEW = opportunity.TopView(
    size_usd=Decimal(500),
    min_spread_per_hour=Decimal(0),
    stale_after=timedelta(minutes=2),
)


async def _market() -> Chat:
    """Return a chat over both recorded markets, every pair ranked."""
    ours = await replay(BINANCE_ENTRY, binance_answers(), BINANCE_TIME)
    theirs = await replay(HYPERLIQUID_ENTRY, hyperliquid_answers(), HYPERLIQUID_TIME)
    sides: dict[Base, list[FundingSnapshot]] = {}
    for one in (*ours.snapshots, *theirs.snapshots):
        sides.setdefault(one.instrument.base, []).append(one)
    pairs = [
        Opportunity(
            base,
            min(both, key=lambda one: one.rate.per_hour),
            max(both, key=lambda one: one.rate.per_hour),
        )
        for base, both in sides.items()
        if len(both) == 2
    ]
    pairs.sort(key=lambda one: -one.spread_per_hour)
    chat = Chat()
    found = {base: tuple(both) for base, both in sides.items()}
    skips = (*ours.skips, *theirs.skips)
    chat.engine.result = replace(scan_of(*pairs), snapshots=found, skips=skips)
    chat.engine.lists = _lists(ours, theirs)
    return chat


def _lists(ours: Replay, theirs: Replay) -> Availability:
    listed: dict[Base, dict[VenueId, Instrument]] = {}
    for one in (*ours.used, *theirs.used):
        listed.setdefault(one.base, {})[one.venue_id] = one
    rows = {base: TokenRow(base, found, {}) for base, found in listed.items()}
    left_out = (*ours.left_out, *theirs.left_out)
    read_at = {BINANCE: BINANCE_TIME, HYPERLIQUID: HYPERLIQUID_TIME}
    return Availability(BINANCE_TIME, rows, left_out, read_at)


async def test_every_token_of_two_whole_markets_has_a_card_that_fits() -> None:
    """Real names and real numbers are stranger than invented ones."""
    chat = await _market()
    cache, result = chat.engine.lists, chat.engine.result
    assert cache is not None
    assert result is not None

    for row in cache.rows.values():
        facts = tokens.TokenFacts(row, result, None)
        card = tokens.token_card(facts, chat.desk.look(), timedelta(minutes=2))
        assert check(card) == (), card.html


async def test_every_page_over_two_whole_markets_fits_and_none_is_lost() -> None:
    """Every token stands on exactly one page of the matrix and of the ranking."""
    chat = await _market()
    cache, result = chat.engine.lists, chat.engine.result
    assert cache is not None
    assert result is not None
    look = chat.desk.look()

    ranked, listed = [], []
    for page in range(len(cache.rows) // matrix.PAGE_ROWS + 1):
        shown = matrix.matrix_card(cache, result, look, matrix.MatrixView(page))
        assert check(shown) == (), shown.html
        listed += [row.base for row in unpack_rows(shown.shown)]
    for page in range(len(result.opportunities) // opportunity.PAGE_ROWS + 1):
        shown = opportunity.top_card(result, look, replace(VIEW, page=page))
        assert check(shown) == (), shown.html
        ranked += [row.base for row in unpack_rows(shown.shown)]

    assert sorted(listed) == sorted(cache.rows)
    assert ranked == [one.base for one in result.opportunities]


async def test_real_names_read_right_on_cards() -> None:
    """Chinese, k… and 1000… names, and what is settled or a stock."""
    chat = await _market()

    chinese = await chat.type("/matrix 币安人生")
    thousand = await chat.type("/matrix PEPE")
    stock = await chat.type("/matrix TSLAUSDT")

    assert "币安人生" in chinese.first_line
    assert "BN 1000PEPEUSDT = 1000 · HL kPEPE = 1000 PEPE" in thousand.text
    assert "TSLAUSDT not a crypto asset" in stock.text
    assert (await chat.type("/open PEPE")).first_line.startswith("⚡ Open PEPE?")
