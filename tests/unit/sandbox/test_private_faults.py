"""What goes wrong with an order, on every venue: the reply, the deed, or both."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import ccxt.async_support as ccxt
import pytest

from tests.unit.sandbox.private_clients import trading_client
from tests.unit.sandbox.venue_clients import NOON_MS, frozen_box

if TYPE_CHECKING:
    from sandbox.app import SandboxServer

VENUES = ("binance", "extended", "hyperliquid", "lighter")
SYMBOLS = {
    "binance": "SOL/USDT:USDT",
    "extended": "SOL/USD:USD",
    "hyperliquid": "SOL/USDC:USDC",
    "lighter": "SOL/USDC:USDC",
}
IDS: dict[str, Any] = {
    "binance": "c1",
    "extended": "c1",
    "hyperliquid": "0x" + "ab" * 16,
    "lighter": 77,
}


def _symbol(client: Any) -> str:  # noqa: ANN401 - ccxt is untyped
    if client.id == "extended":
        return str(client.markets_by_id["SOL-USD"][0]["symbol"])
    return SYMBOLS[{"binanceusdm": "binance"}.get(client.id, client.id)]


async def _buy(client: Any, venue: str, amount: float = 0.5, **params: Any) -> Any:  # noqa: ANN401 - ccxt is untyped
    symbol = _symbol(client)
    book = await client.fetch_order_book(symbol, 20)
    price = float(book["asks"][0][0]) * 1.001
    words = {"timeInForce": "IOC", "clientOrderId": IDS[venue], **params}
    return await client.create_order(symbol, "limit", "buy", amount, price, words)


def _held(box: SandboxServer, venue: str) -> Decimal:
    positions = box.accounts.accounts()[venue]["positions"]
    held = [Decimal(one["quantity"]) for one in positions.values()]
    return sum(held, Decimal(0))


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("kind", ["timeout", "reset", "truncated", "status"])
@pytest.mark.parametrize("before", [True, False])
async def test_a_lost_reply_says_nothing_about_the_deed(
    venue: str, kind: str, *, before: bool
) -> None:
    """The same silence hides an order that fills and one that never arrives."""
    async with frozen_box() as box, trading_client(box, venue) as client:
        box.faults.add(venue, "@order", kind, before=before, times=2)
        client.timeout = 300

        with pytest.raises((ccxt.BaseError, ccxt.NetworkError)):
            await _buy(client, venue)

        assert _held(box, venue) == (0 if before else Decimal("0.5"))


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize(
    ("kind", "share", "held"), [("partial", "0.4", "0.2"), ("zero", None, "0")]
)
async def test_a_thin_fill_and_a_lost_reply_may_come_together(
    venue: str, kind: str, share: str | None, held: str
) -> None:
    """What was filled is then for the look-up to find out."""
    async with frozen_box() as box, trading_client(box, venue) as client:
        words = {"share": share, "reply": "timeout"}
        box.faults.add(venue, "@order", kind, param=words)
        client.timeout = 300

        with pytest.raises(ccxt.RequestTimeout):
            await _buy(client, venue)

        assert _held(box, venue) == Decimal(held)


@pytest.mark.parametrize("venue", VENUES)
async def test_a_late_order_fills_at_its_own_moment(venue: str) -> None:
    """Not found now does not mean not found in five seconds."""
    async with frozen_box() as box, trading_client(box, venue) as client:
        box.faults.add(venue, "@order", "late", param=4)
        client.timeout = 300
        with pytest.raises(ccxt.RequestTimeout):
            await _buy(client, venue)

        at_once = _held(box, venue)
        box.clock.set_ms(NOON_MS + 5000)

        assert at_once == 0
        assert _held(box, venue) == Decimal("0.5")
        (order,) = box.accounts.accounts()[venue]["orders"]
        assert order["created_ms"] == NOON_MS + 4000


@pytest.mark.parametrize(
    ("param", "held"), [(60, "0"), ({"after_s": 60, "ignore_expiry": True}, "0.5")]
)
async def test_an_order_under_way_too_long_is_refused_unless_the_venue_errs(
    param: object, held: str
) -> None:
    """Expiry protects, and the fence must survive a venue that ignores it."""
    async with frozen_box() as box, trading_client(box, "binance") as client:
        box.faults.add("binance", "@order", "late", param=param)
        client.timeout = 300
        with pytest.raises(ccxt.RequestTimeout):
            await _buy(client, "binance")

        box.clock.set_ms(NOON_MS + 61_000)

        assert _held(box, "binance") == Decimal(held)


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize(
    ("kind", "param", "held"),
    [
        ("partial", "0.4", "0.2"),
        ("partial", "1.4", "0.7"),
        ("zero", None, "0"),
        ("rest", None, "0"),
    ],
)
async def test_the_book_gives_what_the_fault_says(
    venue: str, kind: str, param: str | None, held: str
) -> None:
    """Partial fill, overfill, zero fill and an IOC that rests, wherever wanted."""
    async with frozen_box() as box, trading_client(box, venue) as client:
        box.faults.add(venue, "@entry", kind, param=param)

        if venue == "hyperliquid" and kind == "zero":
            with pytest.raises(ccxt.InvalidOrder, match="immediately match"):
                await _buy(client, venue)
        else:
            await _buy(client, venue)

        assert _held(box, venue) == Decimal(held)
        (order,) = box.accounts.accounts()[venue]["orders"]
        assert (order["state"] == "open") == (kind == "rest")


@pytest.mark.parametrize(
    ("venue", "why", "text"),
    [
        ("binance", "-2027", "-2027"),
        ("binance", "margin", "-2019"),
        ("extended", "1127", "1127"),
        ("hyperliquid", "Open interest is at its cap.", "Open interest"),
        ("lighter", "21717", "21717"),
        ("lighter", "margin", "21739"),
    ],
)
async def test_any_refusal_can_be_had(venue: str, why: str, text: str) -> None:
    """Each code of a venue leads to one decision, tested without its cause."""
    async with frozen_box() as box, trading_client(box, venue) as client:
        box.faults.add(venue, "@order", "reject", param=why)

        with pytest.raises(ccxt.ExchangeError, match=text):
            await _buy(client, venue)

        assert _held(box, venue) == 0


@pytest.mark.parametrize("venue", VENUES)
async def test_an_order_may_fill_although_the_reply_refuses_it(venue: str) -> None:
    """A duplicate's refusal proves that an earlier copy arrived."""
    async with frozen_box() as box, trading_client(box, venue) as client:
        box.faults.add(venue, "@order", "reject_after")

        with pytest.raises(ccxt.BaseError, match=r"(?i)duplicate|exists"):
            await _buy(client, venue)

        assert _held(box, venue) == Decimal("0.5")


@pytest.mark.parametrize(
    ("endpoint", "call"),
    [("@positions", "fetch_positions"), ("@balance", "fetch_balance")],
)
async def test_a_read_may_be_refused_with_any_code(endpoint: str, call: str) -> None:
    """A key that lost its rights in the middle of a trade."""
    async with frozen_box() as box, trading_client(box, "binance") as client:
        box.faults.add("binance", endpoint, "reject", param="key")

        with pytest.raises(ccxt.AuthenticationError, match="-2015"):
            await getattr(client, call)()


@pytest.mark.parametrize("venue", ["extended", "lighter"])
async def test_a_receipt_may_be_followed_by_nothing_or_by_a_refusal(
    venue: str,
) -> None:
    """An asynchronous venue's yes is not an order."""
    async with frozen_box() as box, trading_client(box, venue) as client:
        box.faults.add(venue, "@order", "drop")
        await _buy(client, venue)
        dropped = box.accounts.accounts()[venue]["orders"]
        box.faults.add(venue, "@order", "reject_later", param="margin")
        client.milliseconds = lambda: NOON_MS + 1
        await _buy(client, venue)

        (order,) = box.accounts.accounts()[venue]["orders"]

        assert dropped == []
        assert (order["state"], order["why"]) == ("refused", "margin")
        assert _held(box, venue) == 0


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("kind", ["429", "418"])
async def test_a_busy_venue_does_nothing(venue: str, kind: str) -> None:
    """Too many requests: surely not executed, and it says when to come back."""
    async with frozen_box() as box, trading_client(box, venue) as client:
        box.faults.add(venue, "@order", kind, param=7)

        with pytest.raises(ccxt.BaseError):
            await _buy(client, venue)

        assert box.requests[-1].status == int(kind)
        assert _held(box, venue) == 0


@pytest.mark.parametrize("venue", VENUES)
async def test_a_fault_can_wait_for_one_client_id(venue: str) -> None:
    """A schedule of faults is written in terms of our own orders."""
    async with frozen_box() as box, trading_client(box, venue) as client:
        box.faults.add(venue, "@order", "reject", client_id="somebody else's")

        await _buy(client, venue)

        assert _held(box, venue) == Decimal("0.5")
        (seen,) = [one for one in box.requests if "@order" in one.purposes]
        assert seen.client_id == str(IDS[venue])
        assert str(IDS[venue]) in seen.body


@pytest.mark.parametrize("venue", VENUES)
async def test_positions_may_be_seen_late(venue: str) -> None:
    """One read decides nothing: it may be older than the fill."""
    async with frozen_box() as box, trading_client(box, venue) as client:
        box.accounts.set_lag(venue, "positions", 10_000)
        await _buy(client, venue)

        early = await client.fetch_positions()
        box.clock.set_ms(NOON_MS + 11_000)
        later = await client.fetch_positions()

        assert [one for one in early if float(one["contracts"] or 0)] == []
        assert [float(one["contracts"]) for one in later] == [0.5]


async def test_an_order_may_be_found_late() -> None:
    """Not found is not absence: the look-up is behind the matching."""
    async with frozen_box() as box, trading_client(box, "binance") as client:
        box.accounts.set_lag("binance", "orders", 3000)
        await _buy(client, "binance")
        words = {"clientOrderId": "c1"}

        with pytest.raises(ccxt.OrderNotFound):
            await client.fetch_order(None, SYMBOLS["binance"], words)
        box.clock.set_ms(NOON_MS + 3000)
        found = await client.fetch_order(None, SYMBOLS["binance"], words)

        assert found["filled"] == 0.5


async def test_one_read_may_be_old() -> None:
    """A single stale answer among fresh ones."""
    async with frozen_box() as box, trading_client(box, "binance") as client:
        await _buy(client, "binance")
        box.clock.set_ms(NOON_MS + 1000)
        box.faults.add("binance", "@positions", "lag", param=30)

        first = await client.fetch_positions()
        second = await client.fetch_positions()

        assert first == []
        assert [one["contracts"] for one in second] == [0.5]
