"""Rows of accounts that say something else than they should."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from core.errors import VenueError
from core.model.order import OrderRecord, Uncertain
from core.model.units import ClientOrderId, OrderSide
from core.venues.lighter_account import _whole
from tests.fakes.runtime import START
from tests.unit.core.venues.accounts import OUR_ID, Reply, canned, intent

if TYPE_CHECKING:
    from core.model.intent import OrderIntent
    from tests.unit.core.venues.accounts import Canned, House

HOUR_MS = 3_600_000
NINE_PM = int(datetime(2026, 11, 22, 21, tzinfo=UTC).timestamp() * 1000)
HL_ORDER = {
    "coin": "BTC", "side": "B", "limitPx": "91100.0", "sz": "0.008", "oid": 77,
    "origSz": "0.012", "cloid": OUR_ID["hyperliquid"],
}  # fmt: skip


def buy(house: House) -> OrderIntent:
    """Return the order that is asked about."""
    return intent(house.instrument(), quantity_base=Decimal("0.012"))


def tell(local: Canned, body: object, path: str | None = None) -> None:
    """Answer a path with an object, or every private call."""
    reply = Reply(json.dumps(body))
    if path is None:
        local.order = reply
    else:
        local.others[path] = reply


def hl_status(status: str, **changes: object) -> dict[str, Any]:
    """Return Hyperliquid's answer about an order."""
    return {
        "status": "order",
        "order": {"order": {**HL_ORDER, **changes}, "status": status},
    }


@pytest.mark.parametrize(
    ("status", "filled", "is_final"),
    [
        ("filled", Decimal("0.012"), True),
        ("canceled", Decimal("0.004"), True),
        ("marginCanceled", Decimal("0.004"), True),
        ("scheduledCancel", Decimal("0.004"), True),
        ("iocCancelRejected", Decimal(0), True),
        ("rejected", Decimal(0), True),
        ("open", Decimal("0.004"), False),
        ("triggered", None, False),
        ("somethingNew", None, False),
    ],
)
async def test_hyperliquids_status_words(
    status: str,
    filled: Decimal | None,
    is_final: bool,  # noqa: FBT001 - a parameter of the test
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A word nobody knows is neither final nor a fill of zero."""
    async with canned("hyperliquid", monkeypatch) as (house, local):
        tell(local, hl_status(status))

        found = await house.account.find(buy(house), house.instrument())

        name = ClientOrderId(OUR_ID["hyperliquid"])
        assert found == OrderRecord(name, "77", filled, None, None, is_final)


@pytest.mark.parametrize(
    ("venue", "body"),
    [
        ("hyperliquid", hl_status("filled", cloid="0x" + "cd" * 16)),
        ("hyperliquid", {"status": "order"}),
        ("binance", {"orderId": 1, "clientOrderId": "other", "status": "FILLED"}),
        ("binance", {"clientOrderId": OUR_ID["binance"], "status": "FILLED"}),
        ("lighter", {"code": 200, "orders": [{"client_order_index": 123456789012}]}),
        ("lighter", {"code": 200}),
    ],
)
async def test_a_look_up_that_shows_something_else_is_an_error(
    venue: str, body: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another order's fill must never be booked as ours."""
    async with canned(venue, monkeypatch) as (house, local):
        tell(local, body)

        with pytest.raises(VenueError):
            await house.account.find(buy(house), house.instrument())


async def test_lighters_row_of_another_order_is_not_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The list may hold more than was asked for."""
    async with canned("lighter", monkeypatch) as (house, local):
        tell(local, {"code": 200, "orders": [{"client_order_index": 7}]})

        assert await house.account.find(buy(house), house.instrument()) is None


async def test_a_fill_that_is_no_number_is_no_proof(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Read as zero it would end the order with nothing."""
    async with canned("binance", monkeypatch) as (house, local):
        row = {"orderId": 1, "clientOrderId": OUR_ID["binance"], "status": "FILLED"}
        tell(local, {**row, "executedQty": "many"})
        order = intent(
            house.instrument(),
            quantity_base=Decimal("0.012"),
            limit_price=Decimal(91100),
        )

        assert isinstance(
            await house.account.submit(order, house.instrument()), Uncertain
        )


@pytest.mark.parametrize(
    ("venue", "body"),
    [
        ("hyperliquid", [{"coin": "BTC", "side": "?", "sz": "1", "px": "1", "tid": 1}]),
        ("extended", {"data": [{"id": 1, "side": "?", "qty": "1", "price": "1"}]}),
        (
            "lighter",
            {
                "trades": [
                    {"bid_account_id": 1077, "ask_account_id": 1077, "trade_id": 1}
                ]
            },
        ),
        ("lighter", {"trades": [{"bid_account_id": 5, "ask_account_id": 6}]}),
    ],
)
async def test_an_execution_without_a_side_is_an_error(
    venue: str, body: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A guessed side would double what it should cancel."""
    async with canned(venue, monkeypatch) as (house, local):
        tell(local, body)

        with pytest.raises(VenueError):
            await house.account.fills(house.instrument(), START)


@pytest.mark.parametrize(
    ("venue", "body"),
    [
        ("extended", {"data": [{"market": "BTC-USD", "side": "BOTH", "size": "1"}]}),
        (
            "lighter",
            {
                "accounts": [
                    {
                        "index": 1077,
                        "positions": [{"symbol": "BTC", "position": "1", "sign": 0}],
                    }
                ]
            },
        ),
        ("lighter", {"accounts": [{"index": 1078, "positions": []}]}),
        ("lighter", {"accounts": []}),
    ],
)
async def test_a_position_without_a_side_or_owner_is_an_error(
    venue: str, body: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No information is better than a position on the wrong side."""
    async with canned(venue, monkeypatch) as (house, local):
        tell(local, body)

        with pytest.raises(VenueError):
            await house.account.positions()


async def test_a_position_in_an_unlisted_contract_is_still_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is foreign or new counts too: an entry beside it proves nothing."""
    async with canned("binance", monkeypatch) as (house, local):
        tell(local, [{"symbol": "1000XUSDT", "positionAmt": "2", "entryPrice": "3"}])

        (held,) = await house.account.positions()

        assert held.symbol == "1000XUSDT"
        assert (held.quantity_base, held.entry_price) == (
            Decimal(2000),
            Decimal("0.003"),
        )


async def test_binance_payments_wait_for_their_rate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Booked with an invented rate it would never be corrected."""
    async with canned("binance", monkeypatch) as (house, local):
        rows = [
            {"symbol": "BTCUSDT", "income": "-0.05", "time": NINE_PM + each * HOUR_MS}
            for each in range(3)
        ]
        tell(local, rows, "/fapi/v1/income")
        rate = {
            "fundingTime": NINE_PM + 12,
            "fundingRate": "0.0001",
            "markPrice": "500",
        }
        unknown = {"fundingTime": NINE_PM + 2 * HOUR_MS, "fundingRate": "0.0001"}
        tell(local, [rate, unknown], "/fapi/v1/fundingRate")

        (paid,) = await house.account.payments(START - timedelta(hours=2))

        assert paid.pay_at == datetime(2026, 11, 22, 21, tzinfo=UTC)
        assert (paid.amount_usd, paid.quantity_base) == (Decimal("-0.05"), Decimal(1))


async def test_extended_pays_page_after_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bot that was away for a week missed more than one page."""
    async with canned("extended", monkeypatch) as (house, local):
        row = {
            "market": "BTC-USD", "side": "SHORT", "size": "0.01", "markPrice": "500",
            "fundingFee": "-0.5", "fundingRate": "0.0001",
        }  # fmt: skip
        page = [
            {**row, "id": each, "paidTime": NINE_PM + each * HOUR_MS}
            for each in range(100)
        ]
        tell(
            local,
            {"data": page, "pagination": {"cursor": 5}},
            "/api/v1/user/funding/history",
        )

        paid = await house.account.payments(START - timedelta(hours=2))

        asked = [body for body in house.bodies if "funding/history" in body]
        assert len(paid) == 100
        assert len(asked) == 2  # the second page held nothing new
        assert "cursor=5" in asked[1]
        assert {each.amount_usd for each in paid} == {Decimal("0.5")}
        assert {each.quantity_base for each in paid} == {Decimal("-0.01")}


async def test_extended_stops_at_a_row_that_is_old_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Reading years of executions for one order would use up the quota."""
    async with canned("extended", monkeypatch) as (house, local):
        row = {"side": "BUY", "qty": "1", "price": "2", "createdTime": NINE_PM}
        page = [{**row, "id": each} for each in range(100)]
        tell(local, {"data": page, "pagination": {"cursor": 5}})

        assert await house.account.fills(house.instrument(), START) == ()
        assert len(house.bodies) - 1 == 1  # beside the account's own row


async def test_lighter_reads_on_while_a_cursor_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The newest page alone may not reach back to the order."""
    async with canned("lighter", monkeypatch) as (house, local):
        row = {
            "trade_id": 1, "size": "1", "price": "2", "bid_account_id": 1077,
            "ask_account_id": 5, "bid_client_id": 9, "timestamp": NINE_PM + HOUR_MS,
        }  # fmt: skip
        tell(local, {"trades": [row], "next_cursor": "more"})

        fills = await house.account.fills(
            house.instrument(), START - timedelta(hours=2)
        )

        assert len([body for body in house.bodies if "cursor=more" in body]) == 19
        assert {(each.side, each.client_order_id) for each in fills} == {
            (OrderSide.BUY, "9")
        }


@pytest.mark.parametrize(
    ("venue", "body"),
    [
        ("binance", {"leverage": 20}),
        ("hyperliquid", {"status": "what"}),
        ("extended", {"status": "OK", "data": {"leverage": "20"}}),
        ("extended", {"status": "HM"}),
        ("lighter", {}),
    ],
)
async def test_a_leverage_that_was_not_set_is_an_error(
    venue: str, body: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A success without the number asked for is none."""
    async with canned(venue, monkeypatch) as (house, local):
        tell(local, body)

        with pytest.raises(VenueError):
            await house.account.set_leverage(house.instrument(), 3)


async def test_cross_margin_that_is_set_already_is_fine_and_a_refusal_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Isolated margin would be lost alone while the other leg earns."""
    async with canned("binance", monkeypatch) as (house, local):
        tell(local, {"leverage": 3})
        said = '{"code":-4046,"msg":"No need to change margin type, dear."}'
        local.others["/fapi/v1/marginType"] = Reply(said, 400)
        await house.account.set_leverage(house.instrument(), 3)

        said = '{"code":-4047,"msg":"Margin type cannot be changed."}'
        local.others["/fapi/v1/marginType"] = Reply(said, 400)
        with pytest.raises(VenueError):
            await house.account.set_leverage(house.instrument(), 3)


async def test_a_position_mode_that_is_not_told_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Taken for one-way, a hedge account would open where it should close."""
    async with canned("binance", monkeypatch) as (house, local):
        tell(local, {"dualSidePosition": "false"})

        with pytest.raises(VenueError):
            await house.account.is_one_way()


async def test_a_cancel_that_is_refused_for_another_reason_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only "no such order" means that there is nothing to cancel."""
    async with canned("extended", monkeypatch) as (house, local):
        order, instrument = buy(house), house.instrument()
        said = {"status": "ERROR", "error": {"code": 1142, "message": "x"}}
        local.order = Reply(json.dumps(said), 404)
        await house.account.cancel(order, instrument)

        said = {"status": "ERROR", "error": {"code": 1009, "message": "x"}}
        local.order = Reply(json.dumps(said), 400)
        with pytest.raises(VenueError):
            await house.account.cancel(order, instrument)


async def test_a_fee_of_another_market_is_not_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The breakeven on the card stands on it."""
    async with canned("extended", monkeypatch) as (house, local):
        tell(local, {"data": [{"market": "ETH-USD", "takerFeeRate": "0.1"}]})

        with pytest.raises(VenueError):
            await house.account.taker_fee(house.instrument())


@pytest.mark.parametrize(
    ("text", "decimals", "expected"), [("0.012", 5, 1200), ("91100", 1, 911000)]
)
def test_lighters_whole_numbers(text: str, decimals: int, expected: int) -> None:
    """The signed transaction holds whole units only."""
    assert _whole(text, decimals) == expected


def test_lighters_whole_numbers_are_never_cut() -> None:
    """Cutting digits would change the order after it was written down."""
    with pytest.raises(ValueError, match="more than 2 decimal places"):
        _whole("0.012", 2)
