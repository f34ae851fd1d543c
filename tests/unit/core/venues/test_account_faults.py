"""Real adapters on a sandbox where things go wrong with an order."""

from __future__ import annotations

import logging
import traceback
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from core.errors import VenueError
from core.model.order import Accepted, Rejected, Uncertain
from core.model.units import OrderSide
from core.venues.credentials import ExtendedKeys, HyperliquidKeys, LighterKeys
from sandbox.venues import keys as sandbox_keys
from tests.fakes.runtime import START
from tests.unit.core.venues.accounts import KEYS, house_on, intent, sandboxed
from tests.unit.sandbox.venue_clients import frozen_box

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from core.model.instrument import Instrument
    from core.model.intent import OrderIntent
    from tests.unit.core.venues.accounts import House

ALL = ("binance", "hyperliquid", "lighter", "extended")
SIZE = Decimal("0.012")


async def order_of(house: House) -> tuple[OrderIntent, Instrument]:
    """Return an order that the book fills at once."""
    limit = house.bound("BTC", await house.best_ask() * Decimal("1.001"), OrderSide.BUY)
    instrument = house.instrument()
    return intent(instrument, quantity_base=SIZE, limit_price=limit), instrument


@pytest.mark.parametrize("venue", ALL)
@pytest.mark.parametrize("kind", ["truncated", "reset", "html_200", "empty", "null"])
async def test_an_order_whose_reply_is_lost_is_found_by_our_id(
    venue: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Uncertain is the honest answer, and the look-up the cure; nothing is doubled."""
    async with sandboxed(venue, monkeypatch) as (house, box):
        order, instrument = await order_of(house)
        box.faults.add(venue, "@order", kind)

        outcome = await house.account.submit(order, instrument)
        found = await house.account.find(order, instrument)
        (held,) = await house.account.positions()

        assert isinstance(outcome, Uncertain)
        assert found is not None
        assert (found.filled_base, found.is_final) == (SIZE, True)
        assert held.quantity_base == SIZE


@pytest.mark.parametrize("venue", ALL)
async def test_an_order_lost_on_its_way_is_not_visible_and_not_there(
    venue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only time and the position tell the two kinds of silence apart."""
    async with sandboxed(venue, monkeypatch) as (house, box):
        order, instrument = await order_of(house)
        box.faults.add(venue, "@order", "status", param=502, before=True)

        outcome = await house.account.submit(order, instrument)

        assert isinstance(outcome, Uncertain)
        assert await house.account.find(order, instrument) is None
        assert await house.account.positions() == ()


@pytest.mark.parametrize("venue", ALL)
async def test_a_partly_filled_order_is_over_with_what_it_got(
    venue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four venues write it in four ways; the second leg is sized by it."""
    async with sandboxed(venue, monkeypatch) as (house, box):
        order, instrument = await order_of(house)
        box.faults.add(venue, "@order", "partial", param=0.5)

        outcome = await house.account.submit(order, instrument)
        found = await house.account.find(order, instrument)

        assert isinstance(outcome, Accepted)
        assert outcome.filled_base in {None, SIZE / 2}
        assert found is not None
        assert (found.filled_base, found.is_final) == (SIZE / 2, True)


@pytest.mark.parametrize("venue", ALL)
async def test_an_order_that_met_nobody_filled_nothing(
    venue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused, expired or cancelled with zero: the same end, never "unknown"."""
    async with sandboxed(venue, monkeypatch) as (house, box):
        order, instrument = await order_of(house)
        box.faults.add(venue, "@order", "zero")

        outcome = await house.account.submit(order, instrument)
        found = await house.account.find(order, instrument)

        if isinstance(outcome, Rejected):
            assert outcome.code == "no_match"
        else:
            assert isinstance(outcome, Accepted)
        assert found is not None
        assert (found.filled_base, found.is_final) == (Decimal(0), True)


@pytest.mark.parametrize("venue", ALL)
async def test_an_order_that_rests_by_mistake_is_ended_by_our_id(
    venue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It could fill later, when nobody looks."""
    async with sandboxed(venue, monkeypatch) as (house, box):
        order, instrument = await order_of(house)
        box.faults.add(venue, "@order", "rest")

        await house.account.submit(order, instrument)
        resting = await house.account.find(order, instrument)
        await house.account.cancel(order, instrument)
        ended = await house.account.find(order, instrument)

        assert resting is not None
        assert resting.is_final is False
        assert ended is not None
        assert ended.is_final is True


@pytest.mark.parametrize("venue", ["binance", "hyperliquid", "extended"])
async def test_an_order_that_arrives_after_its_life_is_not_taken(
    venue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The venue itself refuses a copy that was under way for six seconds."""
    async with sandboxed(venue, monkeypatch) as (house, box):
        order, instrument = await order_of(house)
        late = {"after_s": 6, "reply": "reset"}
        box.faults.add(venue, "@order", "late", param=late)

        outcome = await house.account.submit(order, instrument)
        box.clock.set_ms(box.clock.now_ms() + 7000)
        await house.clock.advance(timedelta(seconds=7))

        assert isinstance(outcome, Uncertain)
        assert await house.account.positions() == ()


async def test_a_receipt_that_is_dropped_later_is_looked_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Lighter's reply proves nothing: the order may never be seen again."""
    async with sandboxed("lighter", monkeypatch) as (house, box):
        order, instrument = await order_of(house)
        box.faults.add("lighter", "@order", "drop")

        outcome = await house.account.submit(order, instrument)

        assert outcome == Accepted(None, None, None, None, is_final=False)
        assert await house.account.find(order, instrument) is None


@pytest.mark.parametrize("venue", ALL)
async def test_a_failed_read_of_executions_is_an_error(
    venue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty answer would say that nothing was executed."""
    async with sandboxed(venue, monkeypatch) as (house, box):
        box.faults.add(venue, "@trades", "html_200", times=None)

        with pytest.raises(VenueError):
            await house.account.fills(house.instrument(), START)


@pytest.mark.parametrize("venue", ALL)
async def test_a_refused_leverage_is_an_error_in_words(
    venue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry with the wrong leverage needs another margin than was checked."""
    async with sandboxed(venue, monkeypatch) as (house, _):
        with pytest.raises(VenueError):
            await house.account.set_leverage(house.instrument(), 5000)


@pytest.mark.parametrize("venue", ALL)
async def test_nothing_that_goes_wrong_shows_a_secret(
    venue: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Errors quote requests, and requests carry keys and signatures."""
    shown: list[str] = []
    with caplog.at_level(logging.DEBUG):
        async with sandboxed(venue, monkeypatch) as (house, box):
            order, instrument = await order_of(house)
            calls: tuple[Callable[[], Awaitable[object]], ...] = (
                lambda: house.account.submit(order, instrument),
                lambda: house.account.find(order, instrument),
                lambda: house.account.fills(instrument, START),
                lambda: house.account.set_leverage(instrument, 3),
                house.account.positions,
                house.account.key_rights,
            )
            for kind in ("reset", "html_200", "status", "truncated"):
                box.faults.add(venue, "*", kind, times=None)
                for call in calls:
                    try:
                        shown.append(repr(await call()))
                    except VenueError as error:
                        shown += traceback.format_exception(error)
                box.faults.clear()

    text = "".join(shown) + caplog.text
    assert len(text) > 1000
    assert not [secret for secret in KEYS.secrets if secret in text]


# --- keys -----------------------------------------------------------------------------


async def test_a_hyperliquid_master_key_is_recognized(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It could withdraw everything; an API wallet cannot."""
    async with sandboxed("hyperliquid", monkeypatch) as (house, box):
        box.reception.desks["hyperliquid"].account.rights.may_withdraw = True

        rights = await house.account.key_rights()

        assert rights.can_withdraw is True
        assert rights.problem is not None


async def test_a_hyperliquid_key_of_the_account_itself_is_recognized_unasked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No request is needed to see that address and key are one."""
    keys = HyperliquidKeys(
        sandbox_keys.HYPERLIQUID_AGENT, sandbox_keys.HYPERLIQUID_PRIVATE_KEY
    )
    async with (
        frozen_box() as box,
        house_on(
            "hyperliquid", box.venue_url("hyperliquid"), monkeypatch, keys=keys
        ) as house,
    ):
        rights = await house.account.key_rights()

        assert rights.can_withdraw is True
        assert house.bodies == []


async def test_a_wallet_that_was_not_approved_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The commonest mistake in setting up."""
    keys = HyperliquidKeys(sandbox_keys.HYPERLIQUID_WALLET, "0x" + "77" * 32)
    async with (
        frozen_box() as box,
        house_on(
            "hyperliquid", box.venue_url("hyperliquid"), monkeypatch, keys=keys
        ) as house,
    ):
        rights = await house.account.key_rights()
        order, instrument = await order_of(house)
        outcome = await house.account.submit(order, instrument)

        assert (rights.can_trade, rights.can_withdraw) == (False, None)
        assert "not approved" in str(rights.problem)
        assert isinstance(outcome, Rejected)
        assert outcome.code == "key"


async def test_a_binance_key_that_may_withdraw_is_recognized(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Entries are refused with such a key."""
    async with sandboxed("binance", monkeypatch) as (house, box):
        box.reception.desks["binance"].account.rights.may_withdraw = True

        assert (await house.account.key_rights()).can_withdraw is True


async def test_an_extended_key_of_another_vault_orders_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every order would be signed for an account that is not meant."""
    keys = ExtendedKeys(
        sandbox_keys.EXTENDED_KEY, sandbox_keys.EXTENDED_STARK_PRIVATE_KEY, "777"
    )
    async with (
        frozen_box() as box,
        house_on(
            "extended", box.venue_url("extended"), monkeypatch, keys=keys
        ) as house,
    ):
        order, instrument = await order_of(house)
        outcome = await house.account.submit(order, instrument)

        assert outcome == Rejected(
            "not_sent", "the API key belongs to another vault", was_sent=False
        )
        with pytest.raises(VenueError, match="another vault"):
            await house.account.key_rights()


async def test_a_stark_key_of_another_account_is_told_before_an_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The venue would say so only when an order is refused."""
    keys = ExtendedKeys(
        sandbox_keys.EXTENDED_KEY, "0x0123", str(sandbox_keys.EXTENDED_VAULT)
    )
    async with (
        frozen_box() as box,
        house_on(
            "extended", box.venue_url("extended"), monkeypatch, keys=keys
        ) as house,
    ):
        rights = await house.account.key_rights()

        assert (rights.can_trade, rights.can_withdraw) == (False, None)
        assert rights.problem == "the Stark key is not this account's"


async def test_a_lighter_key_the_signer_does_not_take_is_told_without_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The signer's own sentence may repeat what it was given."""
    keys = LighterKeys(1077, 5, "0xc4n4ry")
    async with (
        frozen_box() as box,
        house_on("lighter", box.venue_url("lighter"), monkeypatch, keys=keys) as house,
    ):
        with pytest.raises(VenueError, match="does not take the key") as caught:
            await house.account.prepare()

        assert "c4n4ry" not in f"{caught.value!r} {caught.value.detail}"
        assert caught.value.__suppress_context__
