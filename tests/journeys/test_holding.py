"""A position lives for days: what was asked happens, what it earned is told."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from core.model.preferences import Key
from core.model.trade import TradeState
from core.model.units import UserId
from tests.journeys.house import ANNA, VERA

if TYPE_CHECKING:
    from core.model.trade import Trade
    from tests.journeys.house import House

pytestmark = pytest.mark.journey

HOUR = timedelta(hours=1)


async def newest(house: House) -> Trade:
    """Return the trade that was made last."""
    return (await house.trades())[0]


async def to_next_hour(house: House, *, past: timedelta) -> None:
    """Let time pass to so long after the next full hour, looking on the way."""
    now = house.clock.now()
    hour = now.replace(minute=0, second=0, microsecond=0) + HOUR
    await house.pass_time(hour - timedelta(minutes=2) - now)
    await house.scan()
    await house.hold()
    await house.pass_time(timedelta(minutes=2) + past)
    await house.scan()
    await house.hold()


async def test_close_after_the_next_payment(house: House) -> None:
    """The trader taps once before bed; the payment comes in, then the pair is gone."""
    await house.enter("PEPE")
    card = await house.say("/pos PEPE")
    toast = await house.tap("After next pay", card)
    assert toast.startswith("Closes after the payment in ")
    assert "Closes after the payment of" in house.card().text

    while (await newest(house)).state is TradeState.OPEN:
        await to_next_hour(house, past=timedelta(minutes=3))
        await house.rest()
    trade = await newest(house)

    assert trade.state is TradeState.CLOSED
    assert trade.outcome == "you wanted it closed after the payment"
    paid = await house.engine._parts.trades.payments_of(trade.trade_id)
    assert any(each.amount_usd > 0 for each in paid)
    told = [each.text for each in house.cards()[-3:]]
    assert any("you wanted it closed after the payment" in each for each in told)


async def test_results_payments_and_the_table_agree(house: House) -> None:
    """/pnl, the pair's payments and the saved table tell one story, to the cent."""
    await house.enter("PEPE")
    await to_next_hour(house, past=timedelta(minutes=6))
    await house.leave()
    trade = await newest(house)
    fills = await house.engine._parts.trades.fills_of(trade.trade_id)
    paid = await house.engine._parts.trades.payments_of(trade.trade_id)
    wallets = sum(
        [
            (await each.balance()).wallet_usd or Decimal(0)
            for each in house.accounts.values()
        ]
    )

    card = await house.say("/pnl all")
    await house.tap("CSV", card)
    file = house.cards()[-1]
    assert file.attachment is not None
    number = file.attachment["document"]["file_id"]
    _, content = house.telegram.memory.files[number]
    rows = list(csv.DictReader(io.StringIO(content.decode())))

    assert len(rows) == len(fills) + len(paid)
    net = sum((Decimal(row["net_usd"]) for row in rows), Decimal(0))
    assert abs(net - (wallets - 4 * Decimal(5000))) < Decimal("0.000001")
    assert f"{net:+.2f}".lstrip("+-") in card.text.splitlines()[0]
    assert "Venues' books agree to $0.01" in card.text


async def test_payments_stand_beside_what_was_expected(house: House) -> None:
    """A rate in a wrong unit shows here before it costs a week."""
    await house.enter("PEPE")
    await to_next_hour(house, past=timedelta(minutes=4))
    card = await house.say("/pos PEPE")
    await house.tap("Payments", card)
    trade = await newest(house)
    _, found = await house.engine.books.payments(trade.trade_id)

    assert found
    for each in found:
        assert each.expected_usd is not None
        assert abs(each.payment.amount_usd - each.expected_usd) <= max(
            abs(each.expected_usd) * Decimal("0.2"), Decimal("0.02")
        )
    assert "funding in" in house.card().text


async def test_the_best_pair_is_entered_on_a_standing_word(house: House) -> None:
    """Off until an owner turns it on; then each scan enters what a tap would."""
    await house.scan()
    assert await house.trades() == []

    await house.engine.preferences.choose(Key.AUTO_ENTRY, True, UserId(ANNA))  # noqa: FBT003 - a value
    best = house.ranking.opportunities[0].base
    await house.engine.scan_if_idle()
    await house.rest()

    (trade,) = await house.trades()
    assert (trade.base, trade.state) == (best, TradeState.OPEN)
    assert trade.opened_by == ANNA
    opened = [each for each in house.cards() if f"✅ {best} open" in each.text]
    assert len(opened) == 1


async def test_a_viewer_sees_results_and_sets_nothing(house: House) -> None:
    """Looking is free; a pair's rules are its owners'."""
    await house.enter("PEPE")
    shown = await house.say("/pos PEPE", VERA)

    assert all("After next pay" not in label for row in shown.labels for label in row)
    card = await house.say("/pnl all", VERA)
    assert "1 open" in card.text


async def test_half_is_closed_and_the_rest_stays_hedged(house: House) -> None:
    """Less risk without leaving: both legs shrink alike, and the books follow."""
    await house.enter("PEPE")
    trade = await newest(house)
    held = trade.first.held_base
    card = await house.say("/close PEPE 50%")
    assert card.text.startswith("Close a part of PEPE? ")
    await house.tap("Close part", card)
    await house.rest()

    after = await newest(house)
    assert after.state is TradeState.OPEN
    assert after.first.held_base == after.second.held_base
    lot = max(leg.instrument.lot_base for leg in after.legs)
    assert abs(after.first.held_base - held / 2) <= lot
    assert "the part is closed, the rest is open and hedged" in house.card().text
    for leg in after.legs:
        venue = house.accounts[leg.instrument.venue_id]
        (position,) = await venue.positions()
        assert abs(position.quantity_base) == leg.held_base
    results = await house.say("/pnl all")
    assert "1 open" in results.text

    await house.leave("PEPE")
    assert (await newest(house)).state is TradeState.CLOSED


async def test_a_part_too_small_to_trade_is_refused_in_words(house: House) -> None:
    """A crumb that no venue takes back must never be left behind."""
    await house.enter("PEPE")
    card = await house.say("/close PEPE 1%")

    assert "too small" in card.text
    assert "close all of it instead" in card.text
    assert (await newest(house)).state is TradeState.OPEN
