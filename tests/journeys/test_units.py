"""A venue shows rates in a wrong unit or sign: nobody is led into a trade by them."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from core.errors import NoPairError
from core.model.opportunity import SkipReason
from core.model.proof import ProofState
from core.model.units import ChatId, UserId, VenueId
from tests.journeys.house import ANNA, find, open_house

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox.app import SandboxServer
    from tests.journeys.house import House

pytestmark = pytest.mark.journey

MINUTE = timedelta(minutes=1)


async def minutes(house: House, count: int) -> None:
    """Scan once a minute."""
    for _ in range(count):
        await house.pass_time(MINUTE)
        await house.scan()


def state(house: House, venue: str) -> ProofState:
    """Return what the bot thinks of a venue's units."""
    return house.engine._parts.proofs.of(VenueId(venue)).venue.state


def offered_on(house: House, venue: str) -> list[str]:
    """Return the ranked tokens with a leg on a venue."""
    return [
        each.base
        for each in house.ranking.opportunities
        if venue in {each.long.instrument.venue_id, each.short.instrument.venue_id}
    ]


async def refusal(house: House, base: str, long: str, short: str) -> str:
    """Ask for a pair as its button does and return why it is not offered."""
    with pytest.raises(NoPairError) as refused:
        await house.engine.quote_open(
            base,
            venues=(VenueId(long), VenueId(short)),
            user_id=UserId(ANNA),
            chat_id=ChatId(ANNA),
        )
    return str(refused.value)


@pytest.mark.parametrize(
    ("venue", "factor", "words", "pair"),
    [
        ("binance", "8", "times what is paid", ("SUI", "binance", "hyperliquid")),
        ("lighter", "0.125", "of what is paid", ("KAITO", "extended", "lighter")),
        (
            "extended",
            "100",
            "times what is paid",
            ("KAITO", "extended", "lighter"),
        ),
        (
            "hyperliquid",
            "-1",
            "of the opposite sign",
            ("SUI", "binance", "hyperliquid"),
        ),
    ],
)
async def test_a_unit_error_that_appears_while_running_stops_the_venue(
    house: House, venue: str, factor: str, words: str, pair: tuple[str, str, str]
) -> None:
    """The very next scan offers nothing on it; it comes back once it is proven.

    At 100 times its rate the venue would otherwise lead the ranking by far.
    """
    await minutes(house, 2)
    assert state(house, venue) is ProofState.PROVEN
    assert offered_on(house, venue)
    title = venue.capitalize()

    house.box.world.set_unit_factor(venue, Decimal(factor))
    await minutes(house, 1)

    assert state(house, venue) is ProofState.QUARANTINED
    assert not offered_on(house, venue)
    reasons = [s for s in house.ranking.skips if s.reason is SkipReason.UNIT_SUSPECT]
    assert reasons
    assert {each.venue_id for each in reasons} == {venue}
    assert words in reasons[0].detail
    (told,) = find(house, f"{title}: rates not to be trusted")
    assert words in told.text
    assert f"{title}: rates not to be trusted" in (await house.say("/health")).text
    assert words in await refusal(house, *pair)

    await house.restart()
    assert state(house, venue) is ProofState.QUARANTINED, "a restart forgets nothing"
    assert words in await refusal(house, *pair)

    house.box.world.set_unit_factor(venue, None)
    for _ in range(4):
        await house.pass_time(4 * MINUTE)
        await house.scan()
    assert state(house, venue) is ProofState.PROVEN
    assert find(house, f"{title}: rates are proven again")
    assert offered_on(house, venue)
    assert "Units proven: " in (await house.say("/health")).text


@pytest.mark.parametrize(
    ("venue", "factor"),
    [
        ("binance", "100"),
        pytest.param("lighter", "8", marks=pytest.mark.campaign),
        pytest.param("extended", "-1", marks=pytest.mark.campaign),
        pytest.param("hyperliquid", "0.01", marks=pytest.mark.campaign),
    ],
)
async def test_a_unit_error_from_the_start_is_found_at_the_start(
    tmp_path: Path, venue: str, factor: str
) -> None:
    """A changed field, or a bug of ours, is there before the first scan."""

    def spoil(box: SandboxServer) -> None:
        box.world.set_unit_factor(venue, Decimal(factor))

    async with open_house(tmp_path, prepare=spoil) as house:
        assert state(house, venue) is ProofState.QUARANTINED
        assert not offered_on(house, venue)
        assert find(house, f"{venue.capitalize()}: rates not to be trusted")
        others = {"binance", "hyperliquid", "lighter", "extended"} - {venue}
        assert {state(house, each) for each in others} == {ProofState.PROVEN}


async def test_stablecoins_that_come_apart_stop_entries_across_them(
    house: House,
) -> None:
    """A pair across USDT and USDC would lose ten times a day's funding overnight."""
    card = await house.enter("SUI")
    assert "SUI open, both legs filled" in card.text

    house.box.world.set_usdt(0.988)
    await minutes(house, 2)

    (told,) = find(house, "USDT 1.20 % under USDC")
    assert "I propose to close them." in told.text
    assert not offered_on(house, "binance")
    assert offered_on(house, "hyperliquid"), "pairs within USDC go on"
    assert "USDC and USDT, 1.2" in await refusal(house, "APT", "lighter", "binance")
    assert "USDT 1.20 % under USDC" in (await house.say("/health")).text


async def test_an_open_pair_whose_prices_part_is_told_of_once(house: House) -> None:
    """A contract that was swapped under us is no hedge any more."""
    card = await house.enter("SUI")
    assert "SUI open, both legs filled" in card.text

    (trade,) = await house.trades()
    house.box.world.set_price_factor("SUI", 0.9, trade.long.instrument.venue_id)
    await minutes(house, 4)

    (told,) = find(house, "SUI: the legs' prices came apart")
    assert "close the pair" in told.text
