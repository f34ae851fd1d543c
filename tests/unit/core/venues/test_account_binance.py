"""Binance with keys: the real adapter against the sandbox's account."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from core.errors import TroubleKind, VenueError
from core.model.order import Accepted, Rejected
from core.model.units import ClientOrderId, OrderSide
from tests.fakes.runtime import START
from tests.unit.core.venues.accounts import intent, sandboxed

if TYPE_CHECKING:
    from core.model.intent import OrderIntent
    from tests.unit.core.venues.accounts import House

VENUE = "binance"
FEE = Decimal("0.0005")


async def buying(house: House, quantity: str = "0.012") -> OrderIntent:
    """Return an order that the book fills at once."""
    limit = house.bound("BTC", await house.best_ask() * Decimal("1.001"), OrderSide.BUY)
    return intent(
        house.instrument(), quantity_base=Decimal(quantity), limit_price=limit
    )


async def test_a_filled_order_is_the_same_in_every_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Reply, look-up, executions and position are four witnesses of one order."""
    async with sandboxed(VENUE, monkeypatch) as (house, _):
        ask, order = await house.best_ask(), await buying(house)
        instrument = house.instrument()

        reply = await house.account.submit(order, instrument)
        found = await house.account.find(order, instrument)
        fills = await house.account.fills(instrument, START - timedelta(seconds=5))
        positions = await house.account.positions()

        assert isinstance(reply, Accepted)
        assert (reply.filled_base, reply.average_price) == (Decimal("0.012"), ask)
        assert reply.is_final
        assert found is not None
        assert (found.filled_base, found.average_price) == (Decimal("0.012"), ask)
        assert (found.is_final, found.venue_order_id) == (True, reply.venue_order_id)
        assert [each.client_order_id for each in fills] == [order.client_order_id]
        assert fills[0].quantity_base == Decimal("0.012")
        assert fills[0].fee_usd == round(ask * Decimal("0.012") * FEE, 8)
        assert [each.quantity_base for each in positions] == [Decimal("0.012")]
        assert positions[0].symbol == instrument.symbol


async def test_the_order_is_limit_ioc_with_a_short_life(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No order is ever unbounded, rests, or is taken minutes after it was sent."""
    async with sandboxed(VENUE, monkeypatch) as (house, _):
        order = replace(await buying(house), is_reduce_only=True)
        await house.account.submit(order, house.instrument())

        sent = next(body for body in house.bodies if body.startswith("POST"))

        for words in (
            "type=LIMIT",
            "timeInForce=IOC",
            "recvWindow=5000",
            "reduceOnly=true",
            f"newClientOrderId={order.client_order_id}",
            "quantity=0.012",
        ):
            assert words in sent
        assert sum(body.startswith("POST") for body in house.bodies) == 1


async def test_a_short_sale_of_thousands_counts_in_single_units(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The venue counts 1000PEPE; a leg of 5 000 000 PEPE is 5 000 of its units."""
    async with sandboxed(VENUE, monkeypatch) as (house, _):
        instrument = house.instrument("PEPE")
        limit = house.bound(
            "PEPE", await house.best_bid("PEPE") * Decimal("0.999"), OrderSide.SELL
        )
        order = intent(
            instrument,
            side=OrderSide.SELL,
            quantity_base=Decimal(5_000_000),
            limit_price=limit,
        )

        reply = await house.account.submit(order, instrument)
        positions = await house.account.positions()

        assert isinstance(reply, Accepted)
        assert reply.filled_base == Decimal(5_000_000)
        assert "quantity=5000&" in house.bodies[-2]
        assert [each.quantity_base for each in positions] == [Decimal(-5_000_000)]
        assert positions[0].entry_price == reply.average_price


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"quantity_base": Decimal(5)}, "margin"),
        ({"quantity_base": Decimal("0.001")}, "min_notional"),
        ({"is_reduce_only": True}, "reduce_only"),
        ({"limit_price": Decimal(200_000)}, "price_band"),
    ],
)
async def test_a_refusal_is_one_of_our_words(
    changes: dict[str, object], code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ladders decide by the word whether to try again."""
    async with sandboxed(VENUE, monkeypatch) as (house, _):
        order = replace(await buying(house), **changes)  # type: ignore[arg-type]  # any field

        reply = await house.account.submit(order, house.instrument())

        assert isinstance(reply, Rejected)
        assert (reply.code, reply.was_sent) == (code, True)
        assert await house.account.positions() == ()


async def test_an_unknown_id_is_not_visible_and_its_cancel_harmless(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not to be found proves nothing and is no error."""
    async with sandboxed(VENUE, monkeypatch) as (house, _):
        order = replace(await buying(house), client_order_id=ClientOrderId("cnever"))

        assert await house.account.find(order, house.instrument()) is None
        await house.account.cancel(order, house.instrument())


async def test_money_and_funding_are_read_to_the_last_digit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The trade's ledger must equal the venue's."""
    async with sandboxed(VENUE, monkeypatch) as (house, box):
        order = await buying(house)
        before = await house.account.balance()
        await house.account.submit(order, house.instrument())
        box.clock.set_ms(box.clock.now_ms() + 3 * 3_600_000)  # past 00:00 UTC
        await house.clock.advance(timedelta(hours=3))

        (paid,) = await house.account.payments(START)

        true = box.world.by_symbol("binance", "BTCUSDT")
        assert true is not None
        assert before.equity_usd == before.free_usd == Decimal(5000)
        assert paid.pay_at.hour == paid.pay_at.minute == 0
        assert paid.price is not None
        assert paid.amount_usd == round(
            -Decimal("0.012") * paid.price * paid.per_payment, 8
        )
        assert round(paid.quantity_base, 6) == Decimal("0.012")


async def test_leverage_is_set_on_cross_margin_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Setting what is set already is an error there, and none for us."""
    async with sandboxed(VENUE, monkeypatch) as (house, box):
        for _ in range(2):
            await house.account.set_leverage(house.instrument(), 3)

        assert box.reception.desks[VENUE].account.leverage["BTCUSDT"] == 3


async def test_what_is_checked_before_trading(monkeypatch: pytest.MonkeyPatch) -> None:
    """Position mode, clock, fee and the key's rights decide whether to start."""
    async with sandboxed(VENUE, monkeypatch) as (house, box):
        box.reception.desks[VENUE].account.is_hedge_mode = True

        rights = await house.account.key_rights()

        assert await house.account.is_one_way() is False
        assert await house.account.clock_offset() == timedelta(0)
        assert await house.account.taker_fee(house.instrument()) == FEE
        assert (rights.can_trade, rights.can_withdraw) == (True, False)
        assert rights.is_bound_to_ip is True


async def test_a_wrong_clock_of_ours_is_made_up_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Signatures carry the venue's time, so a slow clock here refuses no order."""
    async with sandboxed(VENUE, monkeypatch) as (house, box):
        box.clock.set_ms(box.clock.now_ms() + 90_000)

        assert await house.account.clock_offset() == timedelta(seconds=90)
        reply = await house.account.submit(await buying(house), house.instrument())

        assert isinstance(reply, Accepted)


async def test_a_wrong_secret_is_a_refusal_that_shows_no_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a person reads must never hold what opens the account."""
    async with sandboxed(VENUE, monkeypatch) as (house, _):
        house.account._client.secret = "wrong-secret-canary"  # noqa: S105 - a canary

        with pytest.raises(VenueError) as caught:
            await house.account.positions()
        reply = await house.account.submit(await buying(house), house.instrument())

        assert caught.value.kind is TroubleKind.REFUSED
        assert isinstance(reply, Rejected)
        assert reply.code == "key"
        shown = f"{caught.value} {caught.value.detail} {reply}"
        assert "canary" not in shown
        assert house.account._client.apiKey not in shown


async def test_margin_mode_and_leverage_are_set_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An entry waits for both, and one after the other would cost a round trip more."""
    under_way: list[str] = []
    both = asyncio.Event()

    async def held(name: str) -> None:
        under_way.append(name)
        if len(under_way) == 2:
            both.set()
        await both.wait()

    async def margin(_words: object) -> dict[str, object]:
        await held("margin")
        return {"code": 200}

    async def gear(_words: object) -> dict[str, object]:
        await held("leverage")
        return {"leverage": 3}

    async with sandboxed(VENUE, monkeypatch) as (house, _):
        await house.account.prepare()
        client = house.account._client
        monkeypatch.setattr(client, "fapiPrivatePostMarginType", margin)
        monkeypatch.setattr(client, "fapiPrivatePostLeverage", gear)

        await house.account.set_leverage(house.instrument(), 3)

    assert sorted(under_way) == ["leverage", "margin"]
