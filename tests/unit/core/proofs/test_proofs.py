"""Venues pay what is true and show what they show: who is believed, and how long."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pytest

from core.model.opportunity import SkipReason
from core.model.proof import ProofState
from tests.fakes.objects import ALL_VENUES, BINANCE, EXTENDED, HYPERLIQUID, LIGHTER
from tests.unit.core.proofs.world import BEGIN, ProofWorld

PROVEN, UNPROVEN = ProofState.PROVEN, ProofState.UNPROVEN
HOLD, QUARANTINED = ProofState.HOLD, ProofState.QUARANTINED
ERRORS = ("8", "0.125", "100", "0.01", "-1")
PATIENCE = 30
"""Minutes within which an error must be found."""


async def found_after(world: ProofWorld, venue: str) -> int | None:
    """Return the minutes until a venue is in quarantine, None if it takes too long."""
    for minute in range(PATIENCE + 1):
        if world.state(venue) is QUARANTINED:  # type: ignore[arg-type]  # its name
            return minute
        await world.minutes(1)
    return None


async def test_honest_venues_are_proven_by_the_first_look() -> None:
    """Nobody waits for the next payment, which is up to eight hours away."""
    world = ProofWorld()
    assert world.states() == {UNPROVEN}
    (one, *_) = world.payers[LIGHTER].instruments.values()
    assert world.proofs.entry_doubt(one) is not None, "nothing is entered before"
    assert world.proofs.doubt(one) is None, "but it may be seen and ranked"

    await world.look()

    assert world.states() == {PROVEN}
    assert world.proofs.entry_doubt(one) is None
    assert all(payer.requests <= 42 for payer in world.payers.values())


async def test_two_tokens_and_eighteen_witnesses_prove_a_venue_at_once() -> None:
    """With two tokens of our own Binance would wait for its next payment, up to 8 h."""
    alone, helped = ProofWorld(tokens=20), ProofWorld(tokens=20)
    for world, count in ((alone, 2), (helped, 20)):
        shown = [
            one for each in world.payers.values() for one in list(each.shown())[:count]
        ]
        world.proofs.observe(shown)
        await world.proofs.check()

    assert alone.state(BINANCE) is UNPROVEN
    assert helped.states() == {PROVEN}
    assert all(payer.requests <= 28 for payer in helped.payers.values())


@pytest.mark.parametrize("in_use", [True, False])
async def test_a_doubt_of_a_contract_nobody_uses_is_no_news(in_use: bool) -> None:  # noqa: FBT001 - a table
    """Witnesses prove units; what is wrong with one of them concerns nobody."""
    world = ProofWorld(venues=(LIGHTER, EXTENDED))
    world.restart(concerns=lambda _: in_use)
    await world.look()
    payer = world.payers[LIGHTER]
    name = next(n for n in payer.names if abs(payer.true_hourly(n)) > Decimal("2e-5"))
    payer.spoiled[name] = Decimal(8)
    await world.hours(4)

    assert world.proofs.doubt(payer.instruments[name]) is not None
    assert world.told() == (["units_suspect"] if in_use else [])


@pytest.mark.parametrize("venue", ALL_VENUES)
@pytest.mark.parametrize("factor", ERRORS)
async def test_an_error_that_appears_is_found_by_the_next_scan(
    venue: str, factor: str
) -> None:
    """A field that changed its unit must not lead the ranking even once."""
    world = ProofWorld(seed=3)
    await world.look()
    await world.minutes(3)
    payer = next(e for v, e in world.payers.items() if v == venue)

    payer.factor = Decimal(factor)
    await world.minutes(1)

    assert world.state(payer.venue_id) is QUARANTINED
    (one, *_) = payer.instruments.values()
    doubt = world.proofs.doubt(one)
    assert doubt is not None
    assert doubt.reason is SkipReason.UNIT_SUSPECT
    assert doubt.venue_id == venue
    assert {world.state(each) for each in world.payers if each != venue} == {PROVEN}
    assert world.told() == ["units_suspect"]


@pytest.mark.parametrize("venue", ALL_VENUES)
@pytest.mark.parametrize("factor", ERRORS)
async def test_an_error_from_the_start_is_found_within_half_an_hour(
    venue: str, factor: str
) -> None:
    """Binance pays every 8 hours: nobody may wait for its next payment."""
    world = ProofWorld(seed=5, tokens=24)
    payer = next(e for v, e in world.payers.items() if v == venue)
    payer.factor = Decimal(factor)
    await world.look()
    (one, *_) = payer.instruments.values()
    assert world.proofs.entry_doubt(one) is not None, "offered at no moment"

    assert await found_after(world, venue) is not None


@pytest.mark.timeout(60)
async def test_honest_venues_are_never_accused_in_thirty_days() -> None:
    """Rates drift, turn, crash three times, and change their intervals on the way.

    Venues that cry wolf are switched off, and then the real error passes.
    """
    crashes = frozenset({150, 390, 600})
    world = ProofWorld(venues=(BINANCE, LIGHTER), tokens=10, crash_hours=crashes)
    await world.look()
    assert world.states() == {PROVEN}
    seen: Counter[ProofState] = Counter()
    for day in range(30):
        for name, hours in (("T03", (4, 1, 8)[day % 3]), ("T07", (8, 2)[day % 2])):
            world.payers[BINANCE].intervals[name] = hours
        await world.hours(24)
        seen.update(world.state(each) for each in world.payers)
        for venue in world.payers:
            proofs = world.proofs.of(venue).doubted.values()
            seen.update(each.state for each in proofs)
    assert seen[QUARANTINED] == 0
    assert seen[PROVEN] >= 58, "two venues on thirty days, a hold here and there"
    assert world.told() == []


async def test_a_start_in_a_crash_accuses_nobody() -> None:
    """Rates are eight times those of the last payment, on every venue alike."""
    world = ProofWorld(tokens=24, crash_hours=frozenset({9}))

    await world.look()

    assert QUARANTINED not in world.states()


async def test_quarantine_ends_by_ten_clean_minutes_or_a_clean_payment() -> None:
    """It came by a wrong field; once the field is right for a while it is over."""
    world = ProofWorld()
    await world.look()
    world.payers[EXTENDED].factor = Decimal(8)
    await world.minutes(2)
    assert world.state(EXTENDED) is QUARANTINED

    world.payers[EXTENDED].factor = Decimal(1)
    await world.minutes(9)
    assert world.state(EXTENDED) is QUARANTINED, "it may be back in a minute"
    await world.minutes(3)

    assert world.state(EXTENDED) is PROVEN
    assert world.told() == ["units_suspect", "units_proven"]
    assert world.memory.facts == {}


async def test_a_restart_forgets_no_quarantine() -> None:
    """Whoever restarts the bot to get rid of a message must not get the trade."""
    world = ProofWorld()
    await world.look()
    world.payers[HYPERLIQUID].factor = Decimal(-1)
    await world.minutes(1)
    before = world.proofs.of(HYPERLIQUID).venue

    world.restart()
    await world.proofs.load()

    assert world.proofs.of(HYPERLIQUID).venue == before
    await world.look()
    assert world.state(HYPERLIQUID) is QUARANTINED
    assert world.told() == ["units_suspect"], "and it is not told twice"


async def test_one_token_that_is_off_is_held_and_then_quarantined() -> None:
    """Three bad payments in a row; its venue, right for all others, goes on."""
    world = ProofWorld(venues=(LIGHTER, EXTENDED))
    await world.look()
    payer = world.payers[LIGHTER]
    name = next(n for n in payer.names if abs(payer.true_hourly(n)) > Decimal("2e-5"))
    one, seen = payer.instruments[name], []
    payer.spoiled[name] = Decimal(8)
    for _ in range(4):
        await world.hours(1)
        own = world.proofs.of(LIGHTER).doubted.get(one.symbol)
        seen.append(None if own is None else own.state)

    assert seen[-1] is QUARANTINED
    assert HOLD in seen[:-1]
    assert world.state(LIGHTER) is PROVEN
    assert world.proofs.doubt(one) is not None
    other = next(e for n, e in payer.instruments.items() if n != name)
    assert world.proofs.doubt(other) is None

    del payer.spoiled[name]
    await world.hours(2)
    assert world.proofs.doubt(one) is None
    assert world.told() == ["units_suspect", "units_proven"]


async def test_payments_more_often_than_stated_put_a_token_on_hold() -> None:
    """A list that says 8 hours where 4 are paid halves the rate it is divided by."""
    world = ProofWorld(venues=(BINANCE, LIGHTER))
    await world.look()
    payer = world.payers[BINANCE]
    name = payer.names[2]
    payer.truly[name] = 4

    await world.hours(24)

    own = world.proofs.of(BINANCE).doubted[payer.instruments[name].symbol]
    assert own.state is HOLD
    assert "every 4 h" in own.reason or "paid" in own.reason


async def test_requests_stay_within_the_hourly_bound() -> None:
    """Proofs may never use up what orders and scans need."""
    world = ProofWorld(tokens=60, venues=(HYPERLIQUID, LIGHTER))
    await world.look()
    await world.hours(1)
    for _ in range(3):
        before = {v: payer.requests for v, payer in world.payers.items()}
        await world.hours(1)
        asked = [p.requests - before[v] for v, p in world.payers.items()]
        assert max(asked) <= 60
        assert min(asked) >= 10, "enough to judge every hour"


async def test_a_venue_without_history_is_not_proven_and_says_so() -> None:
    """What cannot be compared is unknown, not fine."""
    world = ProofWorld(venues=(BINANCE, LIGHTER))
    world.payers[LIGHTER].is_down = True
    await world.look()
    (one, *_) = world.payers[LIGHTER].instruments.values()

    assert world.state(LIGHTER) is UNPROVEN
    doubt = world.proofs.entry_doubt(one)
    assert doubt is not None
    assert doubt.detail.endswith("0 of 10 tokens so far")

    world.payers[LIGHTER].is_down = False
    await world.minutes(1)
    assert world.state(LIGHTER) is PROVEN


async def test_a_venue_that_was_dead_at_the_start_is_proven_soon_after_it_is_back() -> (
    None
):
    """Entries there must not stay off until its next payment, up to eight hours away.

    Dead from 08:50 to 09:20, after its payment of 08:00; the next one is at 16:00.
    """
    begin = BEGIN.replace(hour=8, minute=50)
    world = ProofWorld(venues=(BINANCE, LIGHTER), begin=begin)
    world.payers[BINANCE].is_down = True
    await world.minutes(30)
    asked = world.payers[BINANCE].requests
    world.payers[BINANCE].is_down = False

    await world.minutes(11)

    assert world.state(BINANCE) is PROVEN
    assert asked <= 36, "a dead venue is not asked all the time"


async def test_a_few_configured_tokens_are_enough_if_they_are_all_there_is() -> None:
    """Whoever follows three tokens only must be able to trade them."""
    world = ProofWorld(tokens=3, venues=(BINANCE, EXTENDED))
    await world.look()
    assert world.states() == {PROVEN}


async def test_a_venue_whose_rates_follow_another_unit_by_payments_is_held() -> None:
    """Three times off is no unit error: on hold until one clean round of payments."""
    world = ProofWorld(begin=BEGIN + timedelta(minutes=24))
    await world.look()
    world.payers[EXTENDED].factor = Decimal(3)
    await world.hours(2)
    assert world.state(EXTENDED) is HOLD

    world.payers[EXTENDED].factor = Decimal(1)
    await world.hours(2)
    assert world.state(EXTENDED) is PROVEN
    assert world.told() == [], "a hold is shown, not sent"
