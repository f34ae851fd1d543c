"""Answers that a venue may give to one order, through the real client."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from core.errors import TroubleKind, VenueError
from core.model.order import Accepted, Rejected, Uncertain
from core.venues.capabilities import CAPABILITIES
from core.venues.catalog import LIGHTER, VENUES
from core.venues.dialect import contracts_of
from tests.fakes.runtime import START
from tests.unit.core.venues.accounts import OUR_ID, Reply, canned, intent
from tests.unit.core.venues.local import PAYLOADS

if TYPE_CHECKING:
    from core.model.intent import OrderIntent
    from tests.unit.core.venues.accounts import House

ALL = ("binance", "hyperliquid", "lighter", "extended")
SIZE = Decimal("0.012")
ID = {name: OUR_ID[name] for name in ALL}
ACCEPTED: dict[str, dict[str, Any]] = {
    "binance": {
        "orderId": 22542179,
        "symbol": "BTCUSDT",
        "status": "EXPIRED",
        "clientOrderId": ID["binance"],
        "price": "91100.1",
        "avgPrice": "91010.0",
        "origQty": "0.012",
        "executedQty": "0.004",
        "timeInForce": "IOC",
        "type": "LIMIT",
        "side": "BUY",
    },
    "hyperliquid": {
        "status": "ok",
        "response": {
            "type": "order",
            "data": {
                "statuses": [
                    {"filled": {"totalSz": "0.004", "avgPx": "91013.0", "oid": 777}}
                ]
            },
        },
    },
    "lighter": {"code": 200, "message": "{}", "tx_hash": "0xabc"},
    "extended": {
        "status": "OK",
        "data": {"id": 1791389621914243072, "externalId": ID["extended"]},
    },
}
"""What each venue answers to an order that it took."""


@cache
def rows_of(venue: str) -> list[dict[str, Any]]:
    """Return the venue's recorded refusals."""
    text = (PAYLOADS / venue / "refusals.json").read_text(encoding="utf-8")
    found: list[dict[str, Any]] = json.loads(text)
    return found


ROWS = {venue: rows_of(venue) for venue in ALL}


def buy(house: House) -> OrderIntent:
    """Return an order that any of the four would take."""
    return intent(house.instrument(), quantity_base=SIZE, limit_price=Decimal(91100))


async def submitted(house: House) -> Any:  # noqa: ANN401 - any outcome
    """Send the order and return its outcome."""
    return await house.account.submit(buy(house), house.instrument())


@pytest.mark.parametrize("venue", ALL)
async def test_each_listed_code_means_what_the_list_says(
    venue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client must agree on every code, or its refusal would not be believed."""
    table = CAPABILITIES[VENUES[venue].venue_id].refusals  # type: ignore[index]  # a plain name
    told = {"duplicate": 0}
    async with canned(venue, monkeypatch) as (house, local):
        for row in ROWS[venue]:
            local.order = Reply(json.dumps(row["body"]), row["status"])
            await house.clock.advance(timedelta(0))
            house.account._quiet_until = None

            outcome = await submitted(house)

            if row["word"] == "duplicate":
                told["duplicate"] += 1
                assert isinstance(outcome, Uncertain), row
            else:
                assert isinstance(outcome, Rejected), row
                assert (outcome.code, outcome.was_sent) == (row["word"], True)
    lists = (table.definitive, table.duplicate, table.rate, table.clock)
    assert len(ROWS[venue]) == sum(len(each) for each in lists)
    assert told["duplicate"] == len(table.duplicate)


@pytest.mark.parametrize("venue", ALL)
async def test_the_proof_of_acceptance_is_understood(
    venue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A partly filled IOC is over; a receipt and a number are not."""
    async with canned(venue, monkeypatch) as (house, local):
        local.order = Reply(json.dumps(ACCEPTED[venue]))

        outcome = await submitted(house)

        is_told = venue in {"binance", "hyperliquid"}
        assert isinstance(outcome, Accepted)
        assert outcome.is_final is is_told
        assert outcome.filled_base == (Decimal("0.004") if is_told else None)
        assert len(local.orders) == 1


NONSENSE = {
    "a page of HTML": Reply("<html><body>502</body></html>"),
    "nothing": Reply(""),
    "null": Reply("null"),
    "an empty object": Reply("{}"),
    "an empty list": Reply("[]"),
    "half a word": Reply('{"sta'),
    "a body that breaks off": Reply('{"orderId":1', is_cut=True),
    "a connection that ends": Reply(is_reset=True),
    "502 with a page": Reply("<html>Bad Gateway</html>", 502),
    "504 with nothing": Reply("", 504),
    "503 with JSON": Reply('{"code":503,"msg":"busy","message":"busy"}', 503),
    "599": Reply("{}", 599),
    "413": Reply("too large", 413),
    "a redirect": Reply("", 302, {"Location": "https://example.org/"}),
    "403 with a page": Reply("<html>WAF</html>", 403),
    "404 with nothing": Reply("", 404),
    "408": Reply("{}", 408),
    "429 with a page": Reply("<html>slow down</html>", 429),
    "418 with a page": Reply("<html>banned</html>", 418),
    "another shape": Reply('{"status":[],"code":200,"data":[],"response":"x"}'),
}


@pytest.mark.parametrize("venue", ALL)
@pytest.mark.parametrize("name", list(NONSENSE))
async def test_an_answer_that_proves_nothing_is_uncertain(
    venue: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taken for a refusal, any of these would leave a position nobody knows of."""
    async with canned(venue, monkeypatch) as (house, local):
        local.order = NONSENSE[name]

        outcome = await submitted(house)

        assert isinstance(outcome, Uncertain), outcome
        assert len(local.orders) == 1  # and nothing was sent again


@pytest.mark.parametrize("venue", ALL)
async def test_a_truncated_acceptance_is_uncertain(
    venue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bytes that came may be right and are still not the whole answer."""
    async with canned(venue, monkeypatch) as (house, local):
        local.order = Reply(json.dumps(ACCEPTED[venue]), is_cut=True)

        assert isinstance(await submitted(house), Uncertain)


def without(path: str, venue: str) -> str:
    """Return the venue's acceptance with one field taken out or spoiled."""
    body = json.loads(json.dumps(ACCEPTED[venue]))
    *parents, last = path.split(".")
    here: Any = body
    for key in parents:
        here = here[int(key) if key.isdecimal() else key]
    del here[last]
    return json.dumps(body)


@pytest.mark.parametrize(
    ("venue", "path"),
    [
        ("binance", "orderId"),
        ("binance", "clientOrderId"),
        ("hyperliquid", "response.data.statuses.0.filled"),
        ("hyperliquid", "response.data.statuses.0.filled.oid"),
        ("hyperliquid", "response.data.statuses.0.filled.totalSz"),
        ("hyperliquid", "response.data"),
        ("lighter", "tx_hash"),
        ("extended", "data.id"),
        ("extended", "data.externalId"),
    ],
)
async def test_an_acceptance_without_its_proof_is_uncertain(
    venue: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A success code alone is no order."""
    async with canned(venue, monkeypatch) as (house, local):
        local.order = Reply(without(path, venue))

        assert isinstance(await submitted(house), Uncertain)


@pytest.mark.parametrize(
    ("venue", "body"),
    [
        ("binance", ACCEPTED["binance"] | {"clientOrderId": "someone-else"}),
        (
            "extended",
            {"status": "OK", "data": {"id": OUR_ID["extended"], "externalId": "other"}},
        ),
        (
            "extended",
            {
                "status": "OK",
                "data": {"id": OUR_ID["extended"], "externalId": OUR_ID["extended"]},
            },
        ),
    ],
)
async def test_another_orders_answer_is_no_proof(
    venue: str, body: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer must echo our id, and its own number must not be our id."""
    async with canned(venue, monkeypatch) as (house, local):
        local.order = Reply(json.dumps(body))

        assert isinstance(await submitted(house), Uncertain)


@pytest.mark.parametrize(
    ("venue", "body", "is_known"),
    [
        ("binance", ACCEPTED["binance"] | {"status": "NEW"}, True),
        ("binance", ACCEPTED["binance"] | {"status": "SOMETHING_NEW"}, True),
        (
            "hyperliquid",
            {
                "status": "ok",
                "response": {
                    "type": "order",
                    "data": {"statuses": [{"resting": {"oid": 41545810396}}]},
                },
            },
            False,
        ),
    ],
)
async def test_an_order_that_is_not_over_is_accepted_and_looked_up(
    venue: str,
    body: dict[str, Any],
    is_known: bool,  # noqa: FBT001 - a parameter of the test
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A status nobody knows is not final, and what rests is cancelled later."""
    async with canned(venue, monkeypatch) as (house, local):
        local.order = Reply(json.dumps(body))

        outcome = await submitted(house)

        assert isinstance(outcome, Accepted)
        assert outcome.is_final is False
        assert (outcome.filled_base is not None) is is_known


@pytest.mark.parametrize("venue", ALL)
async def test_without_a_connection_the_order_was_never_sent(
    venue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The only network trouble that is a refusal: not one byte left."""
    async with canned(venue, monkeypatch) as (house, local):
        await house.account.prepare()
        await house.account._session.close()  # or the open connection would be used
        house.account._session._base_url = "http://127.0.0.1:9"

        outcome = await submitted(house)

        assert outcome == Rejected("not_sent", "no connection", was_sent=False)
        assert local.orders == []


@pytest.mark.parametrize("venue", ALL)
async def test_too_many_requests_keep_the_venue_quiet_for_as_long_as_it_says(
    venue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asking on during a ban makes it longer."""
    async with canned(venue, monkeypatch) as (house, local):
        body = {"code": -1003 if venue == "binance" else 23000, "msg": "x"}
        if venue == "hyperliquid":
            text = "null"
        elif venue == "extended":
            text = json.dumps({"status": "ERROR", "error": {"code": 429}})
        else:
            text = json.dumps(body)
        local.order = Reply(text, 429, {"Retry-After": "7"})

        first = await submitted(house)
        second = await submitted(house)
        with pytest.raises(VenueError) as caught:
            await house.account.positions()
        await house.clock.advance(timedelta(seconds=7))
        local.order = Reply(json.dumps(ACCEPTED[venue]))
        order = intent(
            house.instrument(),
            quantity_base=SIZE,
            limit_price=Decimal(91100),
            send_by=START + timedelta(seconds=9),
        )
        third = await house.account.submit(order, house.instrument())

        assert isinstance(first, Rejected)
        assert isinstance(second, Rejected)
        assert (first.code, first.was_sent) == ("rate_limit", True)
        assert (second.code, second.was_sent) == ("rate_limit", False)
        assert caught.value.kind is TroubleKind.BUSY
        assert isinstance(third, Accepted)
        assert len(local.orders) == 2


async def test_a_ban_lasts_minutes_where_the_venue_names_no_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """418 is a ban, not a hint."""
    async with canned("binance", monkeypatch) as (house, local):
        local.order = Reply('{"code":-1003,"msg":"Way too many requests"}', 418)
        await submitted(house)

        await house.clock.advance(timedelta(seconds=119))
        with pytest.raises(VenueError, match="asked us to wait until 21:54:13 UTC"):
            await house.account.balance()


async def test_a_refusal_for_the_clock_looks_at_the_clock_before_the_next_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else every further order would be refused alike."""
    async with canned("binance", monkeypatch) as (house, local):
        local.order = Reply('{"code":-1021,"msg":"outside of the recvWindow."}', 400)
        await submitted(house)
        before = sum("/time" in body for body in house.bodies)

        await submitted(house)

        assert sum("/time" in body for body in house.bodies) == before + 1


@pytest.mark.parametrize("venue", ALL)
@pytest.mark.parametrize(
    "reply",
    [
        Reply("<html></html>"),
        Reply("null"),
        Reply("{}"),
        Reply("[{}]"),
        Reply('{"assetPositions":[{}],"accounts":[{"index":1077}],"data":[{}]}'),
        Reply("", 502),
    ],
    ids=["html", "null", "object", "row", "rows", "502"],
)
async def test_half_a_list_of_positions_is_no_information(
    venue: str, reply: Reply, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read as "flat", it would unwind or forget a position that is there."""
    async with canned(venue, monkeypatch) as (house, local):
        local.order = reply

        with pytest.raises(VenueError):
            await house.account.positions()
        with pytest.raises(VenueError):
            await house.account.balance()


@pytest.mark.parametrize("venue", ALL)
async def test_a_look_up_that_fails_is_no_information(
    venue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the venue itself can say that it does not know an order."""
    async with canned(venue, monkeypatch) as (house, local):
        for local.order in (Reply("<html></html>"), Reply("null"), Reply("", 502)):
            with pytest.raises(VenueError):
                await house.account.find(buy(house), house.instrument())
            with pytest.raises(VenueError):
                await house.account.fills(house.instrument(), START)


@pytest.mark.parametrize(
    ("reply", "is_told"),
    [
        (Reply("", 404), True),
        (Reply('{"status":"ERROR","error":{"code":1142,"message":"x"}}', 404), True),
        (Reply('{"status":"OK","data":[]}'), True),
        (Reply("<html>no such page</html>", 404), False),
        (Reply('{"status":"OK","data":[{"id":1,"externalId":"other"}]}'), False),
        (Reply('{"status":"ERROR","error":{"code":1006,"message":"x"}}', 500), False),
    ],
)
async def test_extended_knows_three_ways_of_not_knowing_an_order(
    reply: Reply,
    is_told: bool,  # noqa: FBT001 - a parameter of the test
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A page of somebody else, or another order, is none of them."""
    async with canned("extended", monkeypatch) as (house, local):
        local.order = reply
        order, instrument = buy(house), house.instrument()

        if is_told:
            assert await house.account.find(order, instrument) is None
        else:
            with pytest.raises(VenueError):
                await house.account.find(order, instrument)


async def test_reads_obey_a_ban_like_orders_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever was told first, all of us wait."""
    async with canned("binance", monkeypatch) as (house, local):
        local.order = Reply('{"code":-1003,"msg":"x"}', 418, {"Retry-After": "60"})
        with pytest.raises(VenueError):
            await house.account.positions()
        await house.clock.advance(timedelta(seconds=59))

        outcome = await submitted(house)

        assert isinstance(outcome, Rejected)
        assert (outcome.code, outcome.was_sent) == ("rate_limit", False)
        assert len(local.orders) == 1


async def test_two_thousand_years_of_waiting_are_not_believed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A header of nonsense must not lock an account for good."""
    async with canned("binance", monkeypatch) as (house, local):
        local.order = Reply('{"code":-1003,"msg":"x"}', 429, {"Retry-After": "9" * 11})
        await submitted(house)

        with pytest.raises(VenueError, match="asked us to wait"):
            await house.account.positions()
        await house.clock.advance(timedelta(days=3))
        local.order = Reply("[]")
        assert await house.account.positions() == ()


async def test_a_token_called_by_a_number_is_not_the_market_of_that_number() -> None:
    """Lighter's payments name markets by number, and a token may be called 4."""
    markets = {
        "4/USDC:USDC": {
            "symbol": "4/USDC:USDC", "id": "77", "baseId": "4", "info": {"symbol": "4"},
        },
        "PEPE/USDC:USDC": {
            "symbol": "PEPE/USDC:USDC", "id": "4", "baseId": "1000PEPE",
            "info": {"symbol": "1000PEPE"},
        },
    }  # fmt: skip

    found = contracts_of(LIGHTER, markets)

    assert found["4"].symbol == found["#77"].symbol == "4/USDC:USDC"
    assert found["#4"].symbol == found["1000PEPE"].symbol == "PEPE/USDC:USDC"
    assert (found["4"].scale, found["#4"].scale) == (Decimal(1), Decimal(1000))


async def test_a_mistake_of_ours_in_reading_an_answer_is_uncertain(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The order may be there; our own bug must not hide it."""
    async with canned("binance", monkeypatch) as (house, local):
        local.order = Reply(json.dumps(ACCEPTED["binance"]))

        def fail(*_: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(house.account._dialect, "receipt", fail)

        outcome = await submitted(house)

        assert outcome == Uncertain("an answer not understood (ZeroDivisionError)")


@pytest.mark.parametrize("venue", ALL)
async def test_a_venue_whose_list_cannot_be_read_is_sent_nothing(
    venue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the list nobody knows the contract's number or digits."""
    async with canned(venue, monkeypatch) as (house, local):
        order, instrument = buy(house), house.instrument()

        async def fail(_: object) -> None:
            raise VenueError(venue, TroubleKind.TIMEOUT, "no answer in time")

        monkeypatch.setattr(house.reader, "lend_markets", fail)

        outcome = await house.account.submit(order, instrument)

        assert outcome == Rejected("not_sent", "no answer in time", was_sent=False)
        assert local.orders == []
