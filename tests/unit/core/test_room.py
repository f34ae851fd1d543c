"""How much of a pair its venues' free margin carries, and how that is known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, cast

from core.errors import TroubleKind, VenueError
from core.model.estimate import FeeSource, TakerFee
from core.model.opportunity import Opportunity
from core.model.order import Balance
from core.model.units import Base
from core.planning import room_of
from core.purse import Purse
from tests.fakes.objects import BINANCE, EXTENDED, snapshot
from tests.fakes.runtime import START, FakeClock

if TYPE_CHECKING:
    from core.model.room import Room
    from core.model.units import VenueId
    from core.ports import TradingVenue

PAIR = Opportunity(
    Base("APT"), snapshot("APT", EXTENDED), snapshot("APT", BINANCE, per_hour="0.0001")
)
FEE = TakerFee(Decimal("0.0005"), FeeSource.CATALOG)


def balance(venue_id: VenueId, free: str) -> Balance:
    """Return an account with so much free."""
    return Balance(venue_id, Decimal(free), Decimal(free), START)


def room(free: dict[VenueId, str], size: str = "500") -> Room | None:
    """Return how much of APT fits at 3x with a fee of 0.05 %."""
    return room_of(
        PAIR,
        size_usd=Decimal(size),
        leverage=Decimal(3),
        fees={BINANCE: FEE, EXTENDED: FEE},
        balances={venue_id: balance(venue_id, usd) for venue_id, usd in free.items()},
    )


# --- the arithmetic -------------------------------------------------------------------


def test_the_tighter_venue_decides_and_the_size_is_rounded_down() -> None:
    """$100 / (1.2 * (1/3 + 0.0005)) = $249.63; 1 % off for the dearer leg: $247.

    The wanted 500 ask for (500 / 3 + 0.25) * 1.2 = $200.30.
    """
    found = room({BINANCE: "5000", EXTENDED: "100"})

    assert found is not None
    assert not found.fits
    assert (found.venue_id, found.free_usd, found.most_usd) == (
        EXTENDED,
        Decimal(100),
        Decimal(247),
    )
    assert round(found.needed_usd, 2) == Decimal("200.30")
    assert found.can_enter


def test_a_size_that_fits_just_fits() -> None:
    """$200.30 is enough for 500 per leg, a cent less is not."""
    enough = room({BINANCE: "200.30", EXTENDED: "9000"})
    short = room({BINANCE: "200.29", EXTENDED: "9000"})

    assert enough is not None
    assert enough.fits
    assert short is not None
    assert not short.fits


def test_less_than_the_venues_take_is_no_entry_at_all() -> None:
    """Five lots of 0.1 at $5 are $2.50: with 90 cents free $2.22 fit."""
    found = room({BINANCE: "0.9", EXTENDED: "9000"})

    assert found is not None
    assert (found.most_usd, found.least_usd) == (Decimal(2), Decimal("2.5"))
    assert not found.can_enter


def test_what_no_venue_told_is_not_claimed() -> None:
    """An account that is not known hides no pair, and shows none as fitting."""
    assert room({}) is None
    assert room({BINANCE: "9000"}) is None
    short = room({BINANCE: "100"})
    assert short is not None
    assert not short.fits


def test_money_that_is_owed_is_no_room() -> None:
    """A venue may tell less than nothing."""
    found = room({BINANCE: "-20", EXTENDED: "9000"})

    assert found is not None
    assert (found.most_usd, found.can_enter) == (Decimal(0), False)


# --- what is known --------------------------------------------------------------------


@dataclass
class Account:
    """A venue that counts how often it is asked."""

    venue_id: VenueId
    free: str | None = "100"
    asked: int = 0

    async def balance(self) -> Balance:
        """Tell the balance, or fail."""
        self.asked += 1
        if self.free is None:
            raise VenueError(self.venue_id, TroubleKind.TIMEOUT, "timeout")
        return balance(self.venue_id, self.free)


def purse_over(clock: FakeClock, *accounts: Account) -> Purse:
    """Return a purse over these accounts."""
    found = {each.venue_id: cast("TradingVenue", each) for each in accounts}
    return Purse(accounts=found, clock=clock)


async def test_what_is_free_is_read_once_and_shared() -> None:
    """Fifty rows of a ranking must not be fifty requests."""
    clock, account = FakeClock(START), Account(BINANCE)
    purse = purse_over(clock, account)
    for _ in range(3):
        await purse.refresh()
    for _ in range(50):
        assert purse.known()[BINANCE].free_usd == 100
    assert account.asked == 1

    await clock.advance(timedelta(seconds=60))
    account.free = "80"
    await purse.refresh()
    assert (account.asked, purse.known()[BINANCE].free_usd) == (2, Decimal(80))


async def test_a_venue_that_does_not_answer_is_known_for_ten_minutes() -> None:
    """Old money is a guess: then nothing is claimed any more."""
    clock, account = FakeClock(START), Account(BINANCE)
    other = Account(EXTENDED, free="7")
    purse = purse_over(clock, account, other)
    await purse.refresh()
    account.free = None
    await clock.advance(timedelta(minutes=10))
    await purse.refresh()
    assert purse.known()[BINANCE].free_usd == 100
    await clock.advance(timedelta(seconds=1))
    await purse.refresh()

    assert set(purse.known()) == {EXTENDED}


async def test_what_somebody_else_read_counts_from_our_own_clock() -> None:
    """A venue's clock may be wrong; /pos has just asked, so nobody asks again."""
    clock, account = FakeClock(START), Account(BINANCE)
    purse = purse_over(clock, account)
    await clock.advance(timedelta(days=1))
    purse.note([balance(BINANCE, "42")])

    await purse.refresh()

    assert account.asked == 0
    assert purse.known()[BINANCE].free_usd == 42
