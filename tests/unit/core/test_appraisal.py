"""Which pair of a token is the best after costs, and what it takes to know.

APT costs 99.99 / 100.00 on every venue; 1,000 USD buy 10 of it, 999.95 USD at the
mids. The way in and out of the books costs 0.20, fees come on top. It is 21:52:13;
everybody pays at 22:00:13 next.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from core.appraisal import Appraisal, BookShelf, Terms, books_per_minute
from core.appraisal.shelf import AT_ONCE
from core.errors import TroubleKind, VenueError
from core.fees import ASK_AGAIN_AFTER, ASKED_AT_ONCE, FEES_LAST, Fees
from core.model.estimate import FeeSource
from core.model.instrument import TokenRow
from core.model.opportunity import ScanResult, SkipReason
from core.model.units import Base, FundingRate
from core.model.venue import Acknowledgement, ClientIdFormat, VenueRules
from core.opportunities import Gates, rank
from tests.fakes.markets import FakeMarket, book
from tests.fakes.objects import (
    ALL_VENUES,
    BINANCE,
    EXTENDED,
    HYPERLIQUID,
    LIGHTER,
    instrument,
    snapshot,
)
from tests.fakes.runtime import InstantClock

if TYPE_CHECKING:
    from core.model.instrument import Instrument
    from core.model.market import FundingSnapshot
    from core.model.opportunity import Opportunity
    from core.model.units import VenueId

D = Decimal
FEES = {BINANCE: "0.0005", HYPERLIQUID: "0.00045", LIGHTER: "0", EXTENDED: "0.00025"}
GATES = Gates(
    min_spread_per_hour=D("0.00002"),
    min_volume_usd=D(0),
    allows_unknown_volume=True,
)


def _rules(venue_id: VenueId) -> VenueRules:
    return VenueRules(
        venue_id=venue_id,
        code=venue_id[:2].upper(),
        title=venue_id.title(),
        acknowledgement=Acknowledgement.RESULT,
        client_id_format=ClientIdFormat.ALPHANUMERIC,
        fence=timedelta(seconds=35),
        taker_fee=D(FEES[venue_id]),
        funding_price="mark",
    )


@dataclass
class Teller:
    """An account that tells its fee, or does not."""

    rate: Decimal | None
    asked: list[str] = field(default_factory=list)

    async def taker_fee(self, instrument: Instrument) -> Decimal:
        """Tell."""
        self.asked.append(instrument.symbol)
        if self.rate is None:
            kind = TroubleKind.TIMEOUT
            raise VenueError(instrument.venue_id, kind, "no answer")
        return self.rate


class World:
    """Four venues with books, and the appraisal over them."""

    def __init__(self, per_minute: int = 100, top: int = 20) -> None:
        self.clock = InstantClock()
        self.markets = {each: FakeMarket(each, self.clock) for each in ALL_VENUES}
        rules = {each: _rules(each) for each in ALL_VENUES}
        self.fees = Fees(rules=rules, clock=self.clock)
        self.appraisal = Appraisal(
            shelf=BookShelf(
                sources=self.markets,
                per_minute=dict.fromkeys(ALL_VENUES, per_minute),
                clock=self.clock,
            ),
            rules=rules,
            fees=self.fees,
            clock=self.clock,
            terms=Terms(D(1000), D(3), timedelta(hours=24), top),
        )
        self.rates: dict[Base, dict[VenueId, FundingSnapshot]] = {}
        self.gates = GATES

    def list(self, venue_id: VenueId, per_hour: str, base: str = "APT") -> None:
        """Put a token with a deep book on a venue."""
        found = snapshot(base, venue_id, per_hour=per_hour, price="100")
        self.rates.setdefault(Base(base), {})[venue_id] = found
        asks, bids = (("100.00", "1000"),), (("99.99", "1000"),)
        self.markets[venue_id].quote(book(found.instrument, bids=bids, asks=asks))

    def usual(self) -> None:
        """List APT: widest from Extended to Binance, cheapest to Lighter."""
        self.list(EXTENDED, "0.00002")
        self.list(BINANCE, "0.00015")
        self.list(LIGHTER, "0.00014")

    async def appraised(self) -> ScanResult:
        """Rank by gross, then by net."""
        rows = [
            TokenRow(base, {each: found[each].instrument for each in found}, {})
            for base, found in self.rates.items()
        ]
        known = {base: tuple(found.values()) for base, found in self.rates.items()}
        ranked, skips = rank(rows, known, self.gates)
        gross = ScanResult(
            at=self.clock.now(),
            venues=(),
            matrix=tuple(rows),
            opportunities=ranked,
            skips=skips,
            snapshots=known,
        )
        return await self.appraisal.appraise(gross, self.gates)

    async def best(self) -> Opportunity:
        """Return the first pair of the ranking."""
        return (await self.appraised()).opportunities[0]

    def asked(self) -> int:
        """Return how many books were read so far."""
        return sum(each.calls.count("book") for each in self.markets.values())


@pytest.fixture
def world() -> World:
    """Give a world with APT on three venues."""
    made = World()
    made.usual()
    return made


def venues(pair: Opportunity) -> tuple[VenueId, VenueId]:
    """Return long and short venue."""
    return pair.long.instrument.venue_id, pair.short.instrument.venue_id


# --- which pair -----------------------------------------------------------------------


async def test_the_best_pair_is_the_one_that_leaves_most_not_the_widest(
    world: World,
) -> None:
    """To Binance 3.12 come in and 1.70 go out; to Lighter 2.88 and 0.70.

    Binance pays 0.12 % three times in 24 h, Lighter 0.014 % and Extended takes 0.002 %
    24 times; fees are 0.05, 0 and 0.025 % of each side, in and out.
    """
    found = (await world.appraised()).pairs[Base("APT")]

    nets = {venues(each): each.estimate for each in found}
    to_lighter, to_binance = nets[EXTENDED, LIGHTER], nets[EXTENDED, BINANCE]
    assert to_lighter is not None
    assert to_binance is not None
    assert [venues(each) for each in found][:2] == [
        (EXTENDED, LIGHTER),
        (EXTENDED, BINANCE),
    ]
    assert (to_binance.long.payments, to_binance.short.payments) == (24, 3)
    assert to_binance.funding_usd == D("999.95") * D("0.00312")
    assert to_binance.fees_usd == D("0.499975") + D("0.99995")
    assert to_binance.basis_usd == D("0.20")
    assert round(to_binance.net_usd, 2) == D("1.42")
    assert round(to_lighter.net_usd, 2) == D("2.18")


async def test_every_pair_that_earns_gross_is_priced_in_its_direction(
    world: World,
) -> None:
    """Lighter to Binance is a pair too, though neither end is the lowest rate."""
    world.gates = replace(GATES, min_spread_per_hour=D("0.000005"))
    found = (await world.appraised()).pairs[Base("APT")]

    assert {venues(each) for each in found} == {
        (EXTENDED, LIGHTER),
        (EXTENDED, BINANCE),
        (LIGHTER, BINANCE),
    }


async def test_what_pays_only_gross_stays_visible_with_the_reason() -> None:
    """0.003 % an hour earn 0.72 in 24 h: less than what the way in and out costs."""
    world = World()
    world.list(EXTENDED, "0")
    world.list(HYPERLIQUID, "0.00003")

    pair = await world.best()

    assert pair.estimate is not None
    assert round(pair.estimate.net_usd, 2) == D("-0.88")
    assert pair.refusal is not None
    assert pair.refusal.reason is SkipReason.BELOW_MIN_NET
    assert "over 24 h" in pair.refusal.detail


async def test_a_late_break_even_is_a_reason_of_its_own() -> None:
    """0.01 % an hour need 17 hours and 17 payments; 8 payments are the limit."""
    world = World()
    world.list(EXTENDED, "0")
    world.list(HYPERLIQUID, "0.0001")

    pair = await world.best()

    assert pair.refusal is not None
    assert pair.refusal.reason is SkipReason.LATE_BREAK_EVEN
    assert pair.refusal.detail == "even after 17 payments, at most 8 wanted"
    world.gates = replace(GATES, max_break_even_payments=17)
    assert (await world.best()).refusal is None
    world.gates = replace(world.gates, max_break_even=timedelta(hours=12))
    again = (await world.best()).refusal
    assert again is not None
    assert again.detail == "even after 16.0 h, at most 12 h wanted"


async def test_size_and_hold_are_those_of_the_terms(world: World) -> None:
    """Twice the size earns and costs twice; two hours catch one payment of Binance."""
    once = (await world.best()).estimate
    world.appraisal.terms = replace(world.appraisal.terms, size_usd=D(2000))
    twice = (await world.best()).estimate
    world.appraisal.terms = replace(world.appraisal.terms, hold=timedelta(hours=2))
    short = (await world.appraised()).pairs[Base("APT")]

    assert once is not None
    assert twice is not None
    assert twice.net_usd == 2 * once.net_usd
    assert twice.margin_usd == 2 * once.margin_usd
    payments = {
        venues(each): each.estimate.short.payments for each in short if each.estimate
    }
    assert payments[EXTENDED, BINANCE] == 1


@pytest.mark.parametrize(("hours", "payments"), [(8, 3), (4, 6), (1, 24)])
async def test_a_changed_interval_counts_from_the_next_scan_on(
    world: World, hours: int, payments: int
) -> None:
    """The same 0.015 % an hour, paid every 8, 4 or 1 hours: 0.36 % a day each."""
    old = world.rates[Base("APT")][BINANCE]
    every = timedelta(hours=hours)
    rate = FundingRate(D("0.00015") * hours, every, every)
    world.rates[Base("APT")][BINANCE] = replace(old, rate=rate)

    found = (await world.appraised()).pairs[Base("APT")]

    (estimate,) = (x.estimate for x in found if venues(x) == (EXTENDED, BINANCE))
    assert estimate is not None
    assert estimate.short.payments == payments
    assert estimate.short.funding_usd == D("999.95") * D("0.0036")


# --- what cannot be priced ------------------------------------------------------------


async def test_a_silent_book_is_a_reason_and_no_zero(world: World) -> None:
    """Lighter shows no book: the pair to Binance is the best that is known."""
    world.markets[LIGHTER].go_down()

    result = await world.appraised()

    assert venues(result.opportunities[0]) == (EXTENDED, BINANCE)
    (left,) = (x for x in result.pairs[Base("APT")] if venues(x)[1] == LIGHTER)
    assert left.estimate is None
    assert left.unpriced == "lighter shows no order book: down"


async def test_a_token_without_any_book_stays_in_the_ranking_behind_the_priced(
    world: World,
) -> None:
    """SOL is the widest of all, yet nobody knows what it would cost."""
    world.list(EXTENDED, "0", "SOL")
    world.list(BINANCE, "0.0009", "SOL")
    for market in (world.markets[EXTENDED], world.markets[BINANCE]):
        del market.books[next(name for name in market.books if "SOL" in name)]

    ranked = (await world.appraised()).opportunities

    assert [each.base for each in ranked] == ["APT", "SOL"]
    assert ranked[1].unpriced is not None
    assert "no book of SOL" in ranked[1].unpriced


async def test_a_silent_venue_is_asked_for_a_few_books_only() -> None:
    """Thirty tokens: one answer that the venue is down is enough for all of them."""
    world = World(top=30)
    for number in range(30):
        world.list(EXTENDED, "0", f"T{number}")
        world.list(BINANCE, f"0.000{number + 10}", f"T{number}")
    world.markets[BINANCE].go_down(30)

    result = await world.appraised()

    reasons = {each.unpriced for each in result.opportunities}
    assert reasons == {"binance shows no order book: down"}
    assert world.markets[BINANCE].calls.count("book") <= AT_ONCE
    assert world.markets[EXTENDED].calls.count("book") == 30


async def test_a_size_that_the_book_does_not_hold_is_said(world: World) -> None:
    """200 USD are there near the best price, 1,000 are needed."""
    thin = book(
        instrument("APT", LIGHTER),
        bids=(("99.99", "2"), ("90", "1000")),
        asks=(("100.00", "1000"),),
    )
    world.markets[LIGHTER].quote(thin)

    pairs = (await world.appraised()).pairs[Base("APT")]

    (left,) = (each for each in pairs if venues(each) == (EXTENDED, LIGHTER))
    assert left.unpriced == (
        "too large: the order book of lighter holds $199.98 near the best price,"
        " $999.90 is needed"
    )


async def test_a_venue_that_hides_its_next_payment_is_not_counted_on(
    world: World,
) -> None:
    """Without the payment clock a net would be a guess."""
    old = world.rates[Base("APT")][LIGHTER]
    world.rates[Base("APT")][LIGHTER] = replace(old, next_funding_at=None)

    pairs = (await world.appraised()).pairs[Base("APT")]

    (left,) = (each for each in pairs if venues(each) == (EXTENDED, LIGHTER))
    assert left.unpriced == "lighter does not say when it pays next"


# --- requests -------------------------------------------------------------------------


async def test_only_the_widest_tokens_are_read_and_each_book_once() -> None:
    """Three tokens on three venues, two of them priced: 6 requests, not 9 or 12."""
    world = World(top=2)
    for number, base in enumerate(("APT", "SOL", "SUI")):
        world.list(EXTENDED, "0", base)
        world.list(LIGHTER, "0.0001", base)
        world.list(BINANCE, f"0.000{5 - number}", base)

    ranked = (await world.appraised()).opportunities

    assert world.asked() == 6
    assert [each.base for each in ranked] == ["APT", "SOL", "SUI"]
    assert ranked[2].unpriced == ("only the 2 widest spreads are priced at each scan")


async def test_without_a_top_nothing_is_read() -> None:
    """CARRY_NET_TOP_K=0 ranks as before, by gross spread."""
    world = World(top=0)
    world.usual()

    pair = await world.best()

    assert venues(pair) == (EXTENDED, BINANCE)
    assert (pair.estimate, pair.unpriced, world.asked()) == (None, None, 0)


async def test_a_book_of_the_last_seconds_serves_again(world: World) -> None:
    """Who refreshes twice in a hurry asks the venues once."""
    await world.appraised()
    await world.clock.advance(timedelta(seconds=2))
    await world.appraised()
    assert world.asked() == 3

    await world.clock.advance(timedelta(seconds=2))
    await world.appraised()
    assert world.asked() == 6


async def test_a_venue_is_asked_for_no_more_books_than_its_share() -> None:
    """One book a minute: an older one serves for 60 s, then the reason is said."""
    world = World(per_minute=1)
    world.usual()
    first = await world.best()
    await world.clock.advance(timedelta(seconds=30))
    second = await world.best()

    assert world.asked() == 3
    assert first.estimate is not None
    assert second.estimate is not None
    assert second.estimate.long.book_at == first.estimate.long.book_at

    world.list(EXTENDED, "0", "SOL")
    world.list(BINANCE, "0.0009", "SOL")
    ranked = (await world.appraised()).opportunities
    assert [each.base for each in ranked] == ["APT", "SOL"]
    assert ranked[1].unpriced == "extended was asked for all its books of this minute"

    await world.clock.advance(timedelta(seconds=31))
    third = (await world.appraised()).opportunities[0].estimate
    assert third is not None
    assert third.long.book_at == world.clock.now()


@pytest.mark.parametrize("kind", [TroubleKind.BUSY, TroubleKind.HELD_BACK])
async def test_a_venue_without_time_shows_its_last_book(
    world: World, kind: TroubleKind
) -> None:
    """The limit held the reading back: half a minute old is still an estimate."""
    first = await world.best()
    await world.clock.advance(timedelta(seconds=30))
    busy = VenueError(LIGHTER, kind, "not asked")
    world.markets[LIGHTER].fail(busy, busy)

    second = await world.best()
    assert first.estimate is not None
    assert second.estimate is not None
    assert second.estimate.short.book_at == first.estimate.short.book_at

    await world.clock.advance(timedelta(seconds=31))
    pairs = (await world.appraised()).pairs[Base("APT")]
    (left,) = (each for each in pairs if venues(each) == (EXTENDED, LIGHTER))
    assert left.unpriced == "lighter shows no order book: not asked"


@pytest.mark.parametrize(
    ("per_minute", "scan_s", "books"),
    [(60, 60, 20), (60, 10, 20), (60, 5, 4), (600, 60, 120), (1000, 5, 120)],
)
def test_rates_and_orders_have_their_requests_first(
    per_minute: int, scan_s: int, books: int
) -> None:
    """Of Lighter's 60 a minute 20 are for orders, 3 for each scan, 20 at most here."""
    assert books_per_minute(per_minute, timedelta(seconds=scan_s)) == books


# --- fees -----------------------------------------------------------------------------


async def test_the_account_tells_its_fee_and_the_estimate_says_so(
    world: World,
) -> None:
    """Half of Binance's list price: 0.50 instead of 1.00, and marked as our own."""
    world.fees.accounts = {BINANCE: Teller(D("0.00025"))}

    pairs = (await world.appraised()).pairs[Base("APT")]

    (estimate,) = (x.estimate for x in pairs if venues(x) == (EXTENDED, BINANCE))
    assert estimate is not None
    assert estimate.short.fees_usd == D("0.499975")
    assert estimate.short.fee.source is FeeSource.ACCOUNT
    assert estimate.fee_source is FeeSource.MIXED


async def test_an_account_is_asked_once_in_hours() -> None:
    """The question is heavy; a tier does not change from scan to scan."""
    world, teller = World(), Teller(D("0.0001"))
    world.fees.accounts = {BINANCE: teller}
    listed = [instrument(f"T{number}", BINANCE) for number in range(5)]

    await world.fees.learn(listed)
    assert len(teller.asked) == ASKED_AT_ONCE
    await world.fees.learn(listed)
    await world.fees.learn(listed)
    assert len(teller.asked) == 5
    await world.clock.advance(FEES_LAST)
    assert world.fees.of(listed[0]).source is FeeSource.CATALOG


async def test_a_silent_account_leaves_the_list_price_and_is_left_alone(
    world: World,
) -> None:
    """Unknown is the published base tier, and the card says which."""
    teller = Teller(None)
    world.fees.accounts = {BINANCE: teller}
    one = instrument("APT", BINANCE)

    await world.fees.learn([one])
    await world.fees.learn([one])

    assert (world.fees.of(one).rate, world.fees.of(one).source) == (
        D("0.0005"),
        FeeSource.CATALOG,
    )
    assert len(teller.asked) == 1
    await world.clock.advance(ASK_AGAIN_AFTER)
    await world.fees.learn([one])
    assert len(teller.asked) == 2
