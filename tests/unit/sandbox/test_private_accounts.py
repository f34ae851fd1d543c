"""The true accounts: what the control plane shows, does, and keeps over a restart."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from sandbox.app import SandboxServer
from sandbox.clock import SandboxClock
from sandbox.venues.accounts import Holding
from sandbox.venues.matching import take
from sandbox.venues.rules import Refusal
from sandbox.venues.wishes import Wish
from tests.unit.sandbox.venue_clients import NOON_MS, frozen_box

if TYPE_CHECKING:
    from pathlib import Path

VENUES = ("binance", "extended", "hyperliquid", "lighter")
SOL = {
    "binance": "SOLUSDT",
    "extended": "SOL-USD",
    "hyperliquid": "SOL",
    "lighter": "SOL",
}
HOUR_MS = 3_600_000


def _trade(box: SandboxServer, venue: str, side: int, quantity: str) -> None:
    wish = Wish(SOL[venue], side, Decimal(quantity), None, kind="market")
    box.accounts.desk(venue).place(wish)


async def _post(box: SandboxServer, name: str, words: dict[str, Any]) -> int:
    url = f"{box.url}/__control/accounts/{name}"
    async with aiohttp.ClientSession() as session, session.post(url, json=words) as got:
        return got.status


async def _get(box: SandboxServer) -> Any:  # noqa: ANN401 - any JSON
    url = f"{box.url}/__control/accounts"
    async with aiohttp.ClientSession() as session, session.get(url) as got:
        return await got.json()


def test_a_position_opens_grows_shrinks_and_turns() -> None:
    """2 at 100 and 1 at 130 cost 110 on average; selling 4 at 120 realizes 30."""
    held = Holding()

    held.trade(Decimal(2), Decimal(100))
    held.trade(Decimal(1), Decimal(130))
    entry = held.entry_price
    profit = held.trade(Decimal(-4), Decimal(120))

    assert entry == 110
    assert profit == 30
    assert (held.quantity, held.entry_price) == (Decimal(-1), Decimal(120))


def test_an_order_takes_levels_up_to_its_bound() -> None:
    """Best price first, never beyond the bound."""
    levels = [("10", "1"), ("11", "1"), ("12", "1")]

    fills = take(levels, Decimal(5), bound=Decimal(11), side=1)

    assert fills == [(Decimal(10), Decimal(1)), (Decimal(11), Decimal(1))]


@pytest.mark.parametrize("venue", VENUES)
async def test_money_is_the_sum_of_what_flowed(venue: str) -> None:
    """Wallet = deposits + realized - fees + funding, to the last digit."""
    async with frozen_box() as box:
        _trade(box, venue, 1, "3")
        box.clock.set_ms(NOON_MS + 9 * HOUR_MS)
        _trade(box, venue, -1, "5")
        box.clock.set_ms(NOON_MS + 18 * HOUR_MS)
        _trade(box, venue, 1, "2")

        told = box.accounts.accounts()[venue]

        money = {name: Decimal(told[name]) for name in ("wallet", "fees", "funding")}
        flows = Decimal(5000) + Decimal(told["realized"])
        assert money["wallet"] == flows - money["fees"] + money["funding"]
        assert told["positions"] == {}
        assert money["funding"] != 0
        assert Decimal(told["equity"]) == money["wallet"]


async def test_what_was_taken_is_missing_from_the_book_for_a_while() -> None:
    """A second order of the same size pays more."""
    async with frozen_box() as box:
        one = box.world.find("SOL", "binance")
        best = box.world.book(one, NOON_MS).asks[0]

        _trade(box, "binance", 1, best[1])

        assert box.world.book(one, NOON_MS).asks[0][0] > best[0]
        assert box.world.book(one, NOON_MS + 10_000).asks[0][1] != "0"


@pytest.mark.parametrize("cause", ["adl", "liquidation", "settlement"])
@pytest.mark.parametrize("venue", VENUES)
async def test_a_leg_can_be_taken_away(venue: str, cause: str) -> None:
    """One leg gone without an order of ours: the worst that can happen to a pair."""
    async with frozen_box() as box:
        _trade(box, venue, -1, "2")
        words = {"venue": venue, "token": "SOL", "cause": cause, "share": "0.5"}

        status = await _post(box, "force", words)

        told = (await _get(box))[venue]
        assert status == 200
        assert told["positions"][SOL[venue]]["quantity"] == "-1"
        assert told["trades"][-1]["cause"] == cause


@pytest.mark.parametrize("venue", VENUES)
async def test_a_delisted_market_is_settled_and_takes_no_orders(venue: str) -> None:
    """A pair whose one side ends must be noticed."""
    async with frozen_box() as box:
        _trade(box, venue, 1, "2")

        status = await _post(box, "delist", {"venue": venue, "token": "SOL"})

        assert status == 200
        assert (await _get(box))[venue]["positions"] == {}
        with pytest.raises(Refusal, match="closed"):
            _trade(box, venue, 1, "2")


async def test_a_market_may_take_only_orders_that_reduce() -> None:
    """The way out stays open when the way in is closed."""
    async with frozen_box() as box:
        _trade(box, "extended", 1, "2")
        box.world.set_status("SOL", "extended", "REDUCE_ONLY")
        desk = box.accounts.desk("extended")
        out = Wish("SOL-USD", -1, Decimal(2), None, is_reduce_only=True, kind="market")

        with pytest.raises(Refusal, match="closed"):
            _trade(box, "extended", 1, "2")
        desk.place(out)

        assert desk.account.holdings == {}


async def test_losses_beyond_the_margin_liquidate_everything() -> None:
    """A short of 20 SOL with 500 dollars does not survive a rise by half."""
    async with frozen_box() as box:
        await _post(box, "balance", {"venue": "binance", "wallet": "500"})
        _trade(box, "binance", -1, "20")
        box.control._world.set_price_factor("SOL", 1.5, "binance")
        box.clock.set_ms(NOON_MS + 1000)

        told = (await _get(box))["binance"]

        assert told["positions"] == {}
        assert told["trades"][-1]["cause"] == "liquidation"


async def test_a_foreign_hand_and_a_deposit_are_told_apart_from_ours() -> None:
    """The bot lists what it did not open and never touches it."""
    async with frozen_box() as box:
        words = {"venue": "lighter", "token": "ETH", "quantity": "-0.5"}

        statuses = [
            await _post(box, "position", words),
            await _post(box, "balance", {"venue": "lighter", "wallet": "750.5"}),
        ]

        told = (await _get(box))["lighter"]
        assert statuses == [200, 200]
        assert told["positions"]["ETH"]["is_foreign"] is True
        assert told["positions"]["ETH"]["quantity"] == "-0.5"
        assert told["orders"][0]["client_id"] == ""
        assert told["wallet"] == "750.5"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("balance", {"venue": "binance"}),
        ("balance", {"venue": "nowhere", "wallet": 1}),
        ("position", {"venue": "binance", "token": "NOBODY", "quantity": 1}),
        ("force", {"venue": "binance", "token": "SOL", "cause": "adl"}),
        ("force", {"venue": "binance", "token": "SOL", "cause": "whim"}),
        ("clock", {"mode": "sundial"}),
        ("lag", {"venue": "binance", "view": "soul", "ms": 1}),
    ],
)
async def test_nonsense_is_answered_with_a_reason(
    name: str, words: dict[str, Any]
) -> None:
    """A test that scripts nothing by a typo would pass for nothing."""
    async with frozen_box() as box:
        assert await _post(box, name, words) == 400


async def test_accounts_survive_a_restart(tmp_path: Path) -> None:
    """A restarted sandbox must not look like a liquidation."""
    async with SandboxServer(
        SandboxClock(fixed_ms=NOON_MS), state_dir=tmp_path
    ) as before:
        _trade(before, "hyperliquid", 1, "2")
        await _post(before, "hedge", {"venue": "binance", "on": True})
        told = await _get(before)

    async with SandboxServer(
        SandboxClock(fixed_ms=NOON_MS), state_dir=tmp_path
    ) as after:
        assert await _get(after) == told
        after.clock.set_ms(NOON_MS + HOUR_MS)
        assert len((await _get(after))["hyperliquid"]["payments"]) == 1


async def test_a_killed_sandbox_has_kept_what_it_answered(tmp_path: Path) -> None:
    """Each change is on disk before the reply that tells of it."""
    async with SandboxServer(SandboxClock(fixed_ms=NOON_MS), state_dir=tmp_path) as box:
        words = {"venue": "lighter", "token": "ETH", "quantity": "-0.5"}

        await _post(box, "position", words)

        kept = json.loads((tmp_path / "accounts.json").read_text("utf-8"))
        assert kept["lighter"]["holdings"]["ETH"]["quantity"] == "-0.5"


async def test_a_file_of_another_kind_is_left_alone(tmp_path: Path) -> None:
    """Overwriting what we cannot read would lose somebody's state."""
    file = tmp_path / "accounts.json"
    file.write_text('{"binance": {"version": 99}}', "utf-8")

    with pytest.raises(ValueError, match="another version"):
        async with SandboxServer(state_dir=tmp_path):
            pass

    assert file.read_text("utf-8") == '{"binance": {"version": 99}}'


async def test_a_reset_gives_a_fresh_account() -> None:
    """Every test of a campaign starts with the same money."""
    async with frozen_box() as box:
        _trade(box, "extended", 1, "2")

        await _post(box, "reset", {"venue": "extended"})

        told = (await _get(box))["extended"]
        assert (told["wallet"], told["positions"], told["trades"]) == ("5000", {}, [])
