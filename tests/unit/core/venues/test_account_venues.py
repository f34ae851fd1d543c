"""Every venue with keys: one story of an order, whatever the venue calls it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from core.model.order import Accepted, Rejected
from core.model.units import ClientOrderId, OrderSide
from core.venues.capabilities import CAPABILITIES, Proof
from tests.fakes.runtime import START
from tests.unit.core.venues.accounts import intent, sandboxed

if TYPE_CHECKING:
    from core.model.instrument import Instrument
    from core.model.intent import OrderIntent
    from tests.unit.core.venues.accounts import House

ALL = ("binance", "hyperliquid", "lighter", "extended")
SIZE = Decimal("0.012")
SINCE = START - timedelta(seconds=5)
FEES = {
    "binance": Decimal("0.0005"),
    "hyperliquid": Decimal("0.00045"),
    "lighter": Decimal(0),
    "extended": Decimal("0.00025"),
}


async def order_of(
    house: House, side: OrderSide = OrderSide.BUY, size: Decimal = SIZE
) -> tuple[OrderIntent, Instrument]:
    """Return an order that the book fills at once."""
    is_buy = side is OrderSide.BUY
    best = await (house.best_ask() if is_buy else house.best_bid())
    limit = house.bound("BTC", best * (1 + side.sign * Decimal("0.001")), side)
    instrument = house.instrument()
    order = intent(instrument, side=side, quantity_base=size, limit_price=limit)
    return order, instrument


def writes(house: House) -> list[str]:
    """Return the requests that change something."""
    reads = ("GET", "POST /venue/hyperliquid/info")
    return [body for body in house.bodies if not body.startswith(reads)]


@pytest.mark.parametrize("venue", ALL)
@pytest.mark.parametrize("side", list(OrderSide))
async def test_an_order_is_found_where_the_reply_left_off(
    venue: str, side: OrderSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Look-up, executions and position agree, whatever the reply proved."""
    async with sandboxed(venue, monkeypatch) as (house, _):
        order, instrument = await order_of(house, side)

        reply = await house.account.submit(order, instrument)
        found = await house.account.find(order, instrument)
        fills = await house.account.fills(instrument, SINCE)
        (held,) = await house.account.positions()

        assert isinstance(reply, Accepted)
        is_told = CAPABILITIES[instrument.venue_id].proof in {Proof.ORDER, Proof.FILLED}
        assert reply.is_final is is_told
        assert reply.filled_base == (SIZE if is_told else None)
        assert found is not None
        assert (found.filled_base, found.is_final) == (SIZE, True)
        assert {each.client_order_id for each in fills} == {order.client_order_id}
        assert {each.side for each in fills} == {side}
        assert sum(each.quantity_base for each in fills) == SIZE
        assert held.quantity_base == SIZE * side.sign
        assert held.symbol == instrument.symbol
        assert held.entry_price == pytest.approx(fills[0].price, rel=Decimal("0.001"))


@pytest.mark.parametrize("venue", ALL)
async def test_an_order_is_one_request_and_nothing_beside_it(
    venue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stock client signs approvals of its own before and between orders."""
    async with sandboxed(venue, monkeypatch) as (house, _):
        order, instrument = await order_of(house)
        for number in (1, 2):
            name = ClientOrderId(order.client_order_id[:-1] + str(number))
            await house.account.submit(replace(order, client_order_id=name), instrument)

        sent = writes(house)

        method, path = CAPABILITIES[instrument.venue_id].order_request
        assert len(sent) == 2
        assert all(each.startswith(f"{method} /venue/{venue}{path} ") for each in sent)
        assert len(set(sent)) == 2


@pytest.mark.parametrize("venue", ALL)
async def test_a_reduce_only_order_never_opens_anything(
    venue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A close that comes too late must not become a new position."""
    async with sandboxed(venue, monkeypatch) as (house, _):
        order, instrument = await order_of(house)

        reply = await house.account.submit(
            replace(order, is_reduce_only=True), instrument
        )

        assert isinstance(reply, Rejected)
        assert (reply.code, reply.was_sent) == ("reduce_only", True)
        assert await house.account.positions() == ()


@pytest.mark.parametrize("venue", ALL)
async def test_too_little_margin_is_called_margin(
    venue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ladder must know that trying again is useless."""
    async with sandboxed(venue, monkeypatch) as (house, _):
        order, instrument = await order_of(house, size=Decimal(3))

        reply = await house.account.submit(order, instrument)

        assert isinstance(reply, Rejected)
        assert reply.code == "margin"


@pytest.mark.parametrize("venue", ALL)
async def test_what_the_venue_would_round_is_never_sent(
    venue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rounding up would exceed the order; rounding a price would cross the bound."""
    async with sandboxed(venue, monkeypatch) as (house, _):
        order, instrument = await order_of(house)
        wrong = (
            replace(order, quantity_base=SIZE + instrument.lot_base / 3),
            replace(order, limit_price=order.limit_price + Decimal("0.000001")),
            replace(order, quantity_base=Decimal(0)),
        )

        replies = [await house.account.submit(each, instrument) for each in wrong]

        assert [each.code for each in replies if isinstance(each, Rejected)] == [
            "lot"
        ] * 3
        assert writes(house) == []


@pytest.mark.parametrize("venue", ALL)
async def test_a_late_order_does_not_leave(
    venue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a suspended laptop wakes, an old order must not go out."""
    async with sandboxed(venue, monkeypatch) as (house, _):
        order, instrument = await order_of(house)
        await house.clock.advance(timedelta(seconds=2, milliseconds=1))

        reply = await house.account.submit(order, instrument)

        assert isinstance(reply, Rejected)
        assert (reply.code, reply.was_sent) == ("not_sent", False)
        assert "too much time" in reply.detail
        assert writes(house) == []


@pytest.mark.parametrize("venue", ALL)
async def test_an_id_nobody_knows_is_not_visible(
    venue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four different answers that all mean "not visible yet"."""
    async with sandboxed(venue, monkeypatch) as (house, _):
        order, instrument = await order_of(house)

        assert await house.account.find(order, instrument) is None
        assert await house.account.fills(instrument, SINCE) == ()
        await house.account.cancel(order, instrument)  # nothing to cancel: no error


@pytest.mark.parametrize("venue", ALL)
async def test_the_account_starts_flat_with_its_money(
    venue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A complete list without a symbol is flat; balances are dollars."""
    async with sandboxed(venue, monkeypatch) as (house, _):
        balance = await house.account.balance()

        assert await house.account.positions() == ()
        assert (balance.equity_usd, balance.free_usd) == (Decimal(5000), Decimal(5000))


@pytest.mark.parametrize("venue", ALL)
async def test_leverage_binds_margin(
    venue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At leverage 2 half of the position's worth is used as margin."""
    async with sandboxed(venue, monkeypatch) as (house, _):
        order, instrument = await order_of(house)
        await house.account.set_leverage(instrument, 2)
        await house.account.submit(order, instrument)

        balance = await house.account.balance()

        used = balance.equity_usd - balance.free_usd
        worth = SIZE * order.limit_price
        assert used == pytest.approx(worth / 2, rel=Decimal("0.01"))


@pytest.mark.parametrize("venue", ["hyperliquid", "lighter", "extended"])
@pytest.mark.parametrize("side", list(OrderSide))
async def test_hourly_payments_have_their_sign_rate_and_size(
    venue: str, side: OrderSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a person earned is the sum of these; a wrong sign doubles the error."""
    async with sandboxed(venue, monkeypatch) as (house, box):
        order, instrument = await order_of(house, side)
        await house.account.submit(order, instrument)
        box.clock.set_ms(box.clock.now_ms() + 3 * 3_600_000)
        await house.clock.advance(timedelta(hours=3))

        paid = await house.account.payments(START)

        true = box.world.by_symbol(venue, instrument.native_name) or next(
            each for each in box.world.instruments(venue) if each.raw == "BTC"
        )
        start_ms = int(START.timestamp() * 1000)
        world = box.world.payments(true, start_ms, box.clock.now_ms())
        assert [each.pay_at.hour for each in paid] == [22, 23, 0]
        assert [each.quantity_base for each in paid] == [SIZE * side.sign] * 3
        for each, truth in zip(paid, world, strict=True):
            assert each.per_payment == pytest.approx(truth.rate, abs=Decimal("1e-5"))
            assert (each.amount_usd < 0) is (truth.rate * side.sign > 0)
            assert each.amount_usd == pytest.approx(
                -SIZE * side.sign * (each.price or 0) * each.per_payment,
                abs=Decimal("0.00001"),
            )


@pytest.mark.parametrize("venue", ALL)
async def test_what_is_asked_before_trading(
    venue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Position mode, clock, fee and rights, told or honestly unknown."""
    async with sandboxed(venue, monkeypatch) as (house, _):
        account, shows_time = house.account, venue in {"binance", "hyperliquid"}

        rights = await account.key_rights()

        assert await account.is_one_way() is True
        assert await account.clock_offset() == (timedelta(0) if shows_time else None)
        assert await account.taker_fee(house.instrument()) == FEES[venue]
        assert (rights.can_trade, rights.problem) == (True, None)
        assert rights.can_withdraw is (False if shows_time else None)


async def test_hyperliquid_orders_die_after_five_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The moment is part of what is signed, so nobody can stretch it."""
    async with sandboxed("hyperliquid", monkeypatch) as (house, _):
        order, instrument = await order_of(house)
        await house.account.submit(order, instrument)

        (sent,) = writes(house)

        body = json.loads(sent.split(" ", 2)[2])
        assert body["expiresAfter"] - body["nonce"] == 5000
        assert body["action"]["orders"][0] == {
            "a": body["action"]["orders"][0]["a"],
            "b": True,
            "p": f"{order.limit_price:f}",
            "s": "0.012",
            "r": False,
            "t": {"limit": {"tif": "Ioc"}},
            "c": order.client_order_id,
        }


async def test_extended_orders_expire_after_five_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The stock client lets an order live for an hour."""
    async with sandboxed("extended", monkeypatch) as (house, _):
        order, instrument = await order_of(house)
        await house.account.submit(order, instrument)

        (sent,) = writes(house)

        body = json.loads(sent.split(" ", 2)[2])
        assert body["expiryEpochMillis"] == int(START.timestamp() * 1000) + 5000
        assert (body["timeInForce"], body["type"]) == ("IOC", "LIMIT")
        assert (body["qty"], body["price"]) == ("0.012", f"{order.limit_price:f}")


async def test_lighter_orders_are_signed_by_the_native_signer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The numbers in the signed text are the order's, in the venue's smallest units."""
    async with sandboxed("lighter", monkeypatch) as (house, _):
        order, instrument = await order_of(house, OrderSide.SELL)
        await house.account.submit(order, instrument)

        (sent,) = writes(house)

        fields = dict(json.loads(sent.split(" ", 2)[2]))
        signed = json.loads(fields["tx_info"])
        assert fields["tx_type"] == "14"
        assert signed["ClientOrderIndex"] == int(order.client_order_id)
        assert signed["BaseAmount"] == 1200
        assert Decimal(signed["Price"]) == order.limit_price * 10
        assert (signed["IsAsk"], signed["Type"], signed["TimeInForce"]) == (1, 0, 0)
        assert signed["ReduceOnly"] == 0
        assert len(signed["Sig"]) == 108
