"""Live orders with pretend money: what a newcomer sees, on the path that signs."""

from __future__ import annotations

import os
import signal
from datetime import timedelta
from decimal import Decimal
from itertools import permutations
from typing import TYPE_CHECKING, Any

import pytest

from bot.checkup.findings import lines_of
from bot.settings import load_settings
from bot.wiring import NotReadyError, check_all
from core.model.trade import TradeState
from core.venues.catalog import VENUES
from sandbox.app import SandboxServer
from sandbox.venues.keys import live_environment
from tests.journeys.house import environment, find
from tests.journeys.live import CENT, COIN, LIVE, NAMES, START_USD, lean, live_house
from tests.journeys.process import children, running_demo
from tests.journeys.test_demo import chat_at

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from _pytest.mark import ParameterSet

    from core.model.order import Payment
    from core.model.trade import Trade
    from core.model.units import VenueId
    from tests.journeys.house import House


async def booked_usd(house: House, trade: Trade, venue: VenueId) -> Decimal:
    """Return what our record says a venue's account gained by a trade."""
    parts = house.engine._parts.trades
    fills = [f for f in await parts.fills_of(trade.trade_id) if f.venue_id == venue]
    paid = [p for p in await parts.payments_of(trade.trade_id) if p.venue_id == venue]
    assert all(fill.fee_usd is not None for fill in fills)
    traded = sum(-f.side.sign * f.quantity_base * f.price for f in fills)
    fees = sum(fill.fee_usd or 0 for fill in fills)
    return Decimal(traded - fees + sum(_amount(each) for each in paid))


def _amount(paid: Payment) -> Decimal:
    return paid.amount_usd


ROUND = set(zip(NAMES, (*NAMES[1:], NAMES[0]), strict=True))
"""Each venue once as the long leg, once as the short one."""


def _pairs() -> list[ParameterSet]:
    """Return all ordered pairs; those outside the round are for the campaign."""
    return [
        pytest.param(*pair, marks=() if pair in ROUND else pytest.mark.campaign)
        for pair in permutations(NAMES, 2)
    ]


@pytest.mark.parametrize(("long", "short"), _pairs())
async def test_open_hold_over_a_payment_and_close_on_every_ordered_pair(
    tmp_path: Path, long: str, short: str
) -> None:
    """Flat at the end, and our record equals each venue's books to the cent."""
    async with live_house(tmp_path, long, short) as house:
        card = await house.enter(f"{COIN} 300")
        assert "🏖 SANDBOX" in card.text.splitlines()[0]
        trade = (await house.trades())[0]
        assert trade.state is TradeState.OPEN, [one.text for one in house.cards()[-2:]]
        assert (trade.long.instrument.venue_id, trade.short.instrument.venue_id) == (
            long,
            short,
        )

        for _ in range(9):
            await house.pass_time(timedelta(hours=1))
            await house.hold()
        await house.scan()
        await house.leave()
        await house.hold()

        trade = (await house.trades())[0]
        assert trade.state is TradeState.CLOSED, [
            one.text for one in house.cards()[-2:]
        ]
        true = house.box.accounts.accounts()
        for venue in VENUES:
            assert not true[venue]["positions"]
            gained = Decimal(true[venue]["wallet"]) - START_USD
            ours = await booked_usd(house, trade, venue)
            assert abs(gained - ours) < CENT, f"{venue}: {gained} and {ours}"
        for venue_id in (long, short):
            assert Decimal(true[venue_id]["funding"]) > 0, "it was held over a payment"


# --- the check ------------------------------------------------------------------------


@pytest.fixture
async def box() -> AsyncIterator[SandboxServer]:
    """Serve the pretend world on today's clock."""
    async with SandboxServer() as opened:
        yield opened


def live_settings(box: SandboxServer, folder: Path, **more: str) -> Mapping[str, str]:
    """Return the environment of a live bot in the sandbox."""
    return {
        **environment(box, folder),
        **live_environment(),
        "CARRY_MODE": "live",
        **{f"CARRY_{name.upper()}": value for name, value in more.items()},
    }


async def lines(box: SandboxServer, folder: Path, **more: str) -> list[str]:
    """Return what `carrybot check` prints, but for what is fine."""
    settings = load_settings(live_settings(box, folder, **more))
    printed = lines_of(await check_all(settings))
    return [" ".join(line.split()) for line in printed if not line.startswith("ok ")]


UNTOLD = (
    "key works; the venue does not tell whether it may withdraw:"
    " make sure yourself that it may not"
)
WARNINGS = [
    f"warning Lighter {UNTOLD}",
    f"warning Extended {UNTOLD}",
]


async def test_good_keys_are_ready(box: SandboxServer, tmp_path: Path) -> None:
    """What two venues do not tell is left to the owner, in words."""
    assert await lines(box, tmp_path) == [
        *WARNINGS,
        "Ready. 2 warnings to read. Nothing was ordered.",
    ]
    for account in box.accounts.accounts().values():
        assert account["orders"] == []


async def test_a_key_that_may_withdraw_is_refused(
    box: SandboxServer, tmp_path: Path
) -> None:
    """And live trading does not start with it."""
    box.accounts.desk("binance").account.rights.may_withdraw = True

    printed = await lines(box, tmp_path)

    error = (
        "ERROR Binance key may withdraw or transfer:"
        " make one without that right and use it instead"
    )
    assert printed[0] == error
    assert printed[-1] == "1 error: not ready. Nothing was ordered."


async def test_wrong_keys_are_one_line_each(box: SandboxServer, tmp_path: Path) -> None:
    """Which key, and what to do; the key itself is never shown."""
    printed = await lines(
        box,
        tmp_path,
        binance_api_secret="canary-wrong-secret",  # noqa: S106 - opens nothing
        hyperliquid_private_key="0x" + "11" * 32,
        extended_stark_private_key="0x0333",
    )

    errors = [line for line in printed if line.startswith("ERROR")]
    assert [line.split(":")[0] for line in errors] == [
        "ERROR Binance key is refused",
        "ERROR Hyperliquid key the account has not approved this API wallet",
        "ERROR Extended key the Stark key is not this account's",
    ]
    assert "canary" not in "".join(printed)


async def test_a_key_that_ended_is_refused(box: SandboxServer, tmp_path: Path) -> None:
    """An entry would find out between its two legs."""
    box.accounts.desk("binance").account.rights.expires_ms = 1_700_000_000_000

    errors = [each for each in await lines(box, tmp_path) if each.startswith("ERROR")]

    assert len(errors) == 1
    assert errors[0].startswith("ERROR Binance key ")


# --- the start ------------------------------------------------------------------------


async def test_live_does_not_start_with_a_key_that_may_withdraw(
    tmp_path: Path,
) -> None:
    """Nothing is open, so nothing is lost by refusing."""

    def prepare(box: SandboxServer) -> None:
        box.accounts.desk("binance").account.rights.may_withdraw = True

    with pytest.raises(NotReadyError) as caught:
        async with live_house(tmp_path, prepare=prepare):
            pass

    assert caught.value.lines[0].startswith("Binance key: may withdraw or transfer")


async def test_with_a_pair_open_it_starts_keeps_entries_off_and_closes(
    tmp_path: Path,
) -> None:
    """A bot that watches and closes is better than none."""
    async with live_house(tmp_path, "hyperliquid", "binance") as house:
        await house.enter(f"{COIN} 300")
        house.box.accounts.desk("binance").account.rights.may_withdraw = True

        await house.restart()

        words = "Binance key may withdraw"
        await house.until(lambda: find(house, words))
        assert "Entries on Binance are off" in find(house, words)[-1].text
        lean(house.box, "hyperliquid", "binance", "ETH")
        await house.scan()
        refused = await house.say("/open ETH 300")
        assert refused.text.startswith("Entries are paused")
        await house.leave()
        assert (await house.trades())[0].state is TradeState.CLOSED


def _contents(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


async def test_no_key_reaches_a_file_a_log_or_a_message(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither when all goes well nor when a venue refuses everything."""
    caplog.set_level("DEBUG")
    async with live_house(tmp_path, "hyperliquid", "binance") as house:
        await house.enter(f"{COIN} 300")
        house.box.accounts.desk("binance").account.rights.may_trade = False
        await house.leave()
        told = [one.text for one in house.cards()]
        secrets = house.settings.secrets
        shown = repr(house.settings) + repr(house.accounts)

    written = _contents(tmp_path)
    keys = [each for each in secrets if each != house.box.token]
    assert len(keys) == 6
    assert written
    for key in keys:
        assert not any(key.encode() in content for content in written)
        assert key not in "".join(told)
        assert key not in caplog.text
        assert key not in shown


@pytest.mark.timeout(90)  # two programs on a busy machine
async def test_a_signal_on_the_machine_halts_the_running_bot(tmp_path: Path) -> None:
    """When chat is out of reach or in wrong hands, the host still has a brake."""
    async with running_demo(tmp_path / "state") as demo, chat_at(demo.url) as chat:
        await demo.scanned()
        await chat.say("/start")
        await chat.sees("Hello Anna")
        for pid in children(demo.process.pid):
            os.kill(pid, signal.SIGUSR1)

        await chat.sees("Everything is halted by the host")
        await chat.say("/health")
        await chat.sees("HALTED · 🏖 SANDBOX")


async def test_a_venue_without_keys_is_shown_and_not_offered(tmp_path: Path) -> None:
    """Its rates are worth knowing; its orders cannot be signed."""
    keyless: dict[str, Any] = {name: "" for name in LIVE if name.startswith("lighter")}
    async with live_house(tmp_path, "binance", "lighter", **keyless) as house:
        top = await house.say("/top")
        refused = await house.say(f"/open {COIN} 300")
        assert "BN>LT" in top.text
        assert "Lighter: it has no keys here and is only read" in refused.text

        await house.tap("Enter best", top)
        assert "Lighter: it has no keys here and is only read" in house.card().text
        assert "Lighter does not answer" not in house.card().text
        assert await house.trades() == []
