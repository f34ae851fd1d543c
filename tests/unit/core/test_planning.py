from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from core.errors import MarginError, NoPairError, SizeError, VenueDownError
from core.liquidity import PairBooks
from core.model.estimate import FeeSource, TakerFee
from core.model.opportunity import Opportunity
from core.model.order import Balance, Fill, Payment
from core.model.trade import Trade, TradeLeg
from core.model.units import (
    Base,
    ChatId,
    LegSide,
    OrderSide,
    PlanId,
    TradeId,
    UserId,
)
from core.model.venue import Acknowledgement, ClientIdFormat, VenueRules
from core.planning import (
    Holding,
    Tariff,
    build_close_plan,
    build_open_plan,
    common_lot,
    leg_order,
    margin_needed,
    plan_quantity,
    room_of,
    smallest_quantity,
)
from tests.fakes.markets import book
from tests.fakes.objects import BINANCE, EXTENDED, LIGHTER, instrument, snapshot
from tests.fakes.runtime import START

if TYPE_CHECKING:
    from core.model.instrument import Instrument
    from core.model.plan import OpenPlan
    from core.model.units import (
        VenueId,
    )
    from tests.fakes.markets import Rungs

D = Decimal


def _rules(
    venue: VenueId, fee: str, reply: Acknowledgement = Acknowledgement.RESULT
) -> VenueRules:
    return VenueRules(
        venue_id=venue,
        code="XX",
        title=venue,
        acknowledgement=reply,
        client_id_format=ClientIdFormat.ALPHANUMERIC,
        fence=timedelta(seconds=35),
        taker_fee=Decimal(fee),
        funding_price="mark",
    )


RULES = {
    EXTENDED: _rules(EXTENDED, "0.00025"),
    BINANCE: _rules(BINANCE, "0.0005"),
    LIGHTER: _rules(LIGHTER, "0", Acknowledgement.ASYNC),
}
TARIFF = Tariff(
    RULES,
    {venue: TakerFee(it.taker_fee, FeeSource.CATALOG) for venue, it in RULES.items()},
)
PAIR = Opportunity(
    base=Base("APT"),
    long=snapshot(venue=EXTENDED, per_hour="0.00002", price="100"),
    short=snapshot(venue=BINANCE, per_hour="0.00015", price="100"),
)
LONG_BIDS: Rungs = (("99.98", "20"),)
LONG_ASKS: Rungs = (("100.02", "2"), ("100.05", "20"))
SHORT_BIDS: Rungs = (("100.00", "3"), ("99.98", "20"))
SHORT_ASKS: Rungs = (("100.04", "20"),)


def _books(
    *,
    long_asks: Rungs = LONG_ASKS,
    short_bids: Rungs = SHORT_BIDS,
    long_bids: Rungs = LONG_BIDS,
    short_asks: Rungs = SHORT_ASKS,
) -> PairBooks:
    return PairBooks(
        long=book(instrument(venue=EXTENDED), bids=long_bids, asks=long_asks),
        short=book(instrument(venue=BINANCE), bids=short_bids, asks=short_asks),
    )


def _balances(long: str = "5000", short: str = "5000") -> dict[VenueId, Balance]:
    return {
        EXTENDED: Balance(EXTENDED, D(long), D(long), START),
        BINANCE: Balance(BINANCE, D(short), D(short), START),
    }


def _plan(
    books: PairBooks | None = None,
    balances: dict[VenueId, Balance] | None = None,
    size: str = "1000",
    pair: Opportunity = PAIR,
) -> OpenPlan:
    return build_open_plan(
        pair,
        books or _books(),
        tariff=TARIFF,
        balances=_balances() if balances is None else balances,
        holding=Holding(START, timedelta(hours=24), D(size), D(3)),
    )


# --- quantity -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("0.001", "0.0001", "0.001"),
        ("0.3", "0.7", "2.1"),
        ("1000", "1000000", "1000000"),
        ("0.25", "0.1", "0.5"),
        ("1", "1", "1"),
    ],
)
def test_common_lot_is_the_least_common_multiple(
    first: str, second: str, expected: str
) -> None:
    """Only a whole number of both lots can be held on both venues."""
    assert common_lot(D(first), D(second)) == D(expected)


def _listed(venue: VenueId, lot: str) -> Instrument:
    return replace(instrument(venue=venue), lot_base=D(lot))


def test_quantity_of_pepe_in_thousands_and_in_contracts() -> None:
    """123,456,789 PEPE in lots of 1,000 and of 1,000,000: 123,000,000."""
    first, second = _listed(BINANCE, "1000"), _listed(EXTENDED, "1000000")

    quantity = plan_quantity(D("123456789") / 100_000, D("0.00001"), first, second)

    assert quantity == D(123_000_000)


def test_quantity_of_bitcoin_in_the_coarser_lot() -> None:
    """0.0349 BTC in lots of 0.001 and 0.0001: 0.034."""
    first, second = _listed(BINANCE, "0.001"), _listed(EXTENDED, "0.0001")

    quantity = plan_quantity(D("0.0349") * 90_000, D(90_000), first, second)

    assert quantity == D("0.034")


def test_lots_that_rarely_meet_are_refused() -> None:
    """0.3 and 0.7 meet every 2.1, more than a tenth of 20: legs would be unequal."""
    first, second = _listed(BINANCE, "0.3"), _listed(EXTENDED, "0.7")

    assert plan_quantity(D(2200), D(100), first, second) == D("21.0")
    with pytest.raises(SizeError, match=r"only meet every 2\.1"):
        plan_quantity(D(2000), D(100), first, second)


def test_twice_the_minimum_notional_is_needed() -> None:
    """A half fill must still be large enough to be sold again: 2 * 10 USD."""
    first = replace(_listed(BINANCE, "0.001"), min_notional_usd=D(10))
    second = _listed(EXTENDED, "0.001")

    assert plan_quantity(D(20), D(100), first, second) == D("0.2")
    with pytest.raises(SizeError, match=r"\$19\.90 per leg .* at least \$20\.00"):
        plan_quantity(D("19.90"), D(100), first, second)


def test_fewer_than_five_coarser_lots_are_refused() -> None:
    """With four lots a trim could not come near the other leg."""
    first, second = _listed(BINANCE, "1"), _listed(EXTENDED, "0.1")

    assert plan_quantity(D(599), D(100), first, second) == D(5)
    with pytest.raises(SizeError, match=r"\$400\.00 .* at least \$500\.00"):
        plan_quantity(D(499), D(100), first, second)


def test_a_size_above_a_venue_maximum_is_refused() -> None:
    """One intent per leg, so one order must carry it all."""
    first = replace(_listed(BINANCE, "0.1"), max_quantity_base=D(9))
    second = _listed(EXTENDED, "0.1")

    with pytest.raises(SizeError, match=r"binance takes at most \$900\.00 of APT"):
        plan_quantity(D(1000), D(100), first, second)


def test_minimum_quantity_of_a_venue_counts() -> None:
    """Extended publishes a smallest order in base units."""
    first = replace(_listed(EXTENDED, "0.1"), min_quantity_base=D(3))
    second = _listed(BINANCE, "0.1")

    assert smallest_quantity(D(100), (first, second)) == D(3)


_lots = st.sampled_from(["0.001", "0.01", "0.05", "0.1", "0.3", "1", "7", "1000"])


@given(
    first_lot=_lots,
    second_lot=_lots,
    size=st.decimals("1", "1000000", places=2),
    price=st.decimals("0.0001", "100000", places=4),
)
def test_quantity_is_whole_on_both_legs_and_never_above_the_size(
    first_lot: str, second_lot: str, size: Decimal, price: Decimal
) -> None:
    """The one number of a plan that may never be rounded up."""
    first, second = _listed(BINANCE, first_lot), _listed(EXTENDED, second_lot)
    try:
        quantity = plan_quantity(size, price, first, second)
    except SizeError:
        reject()

    assert quantity > 0
    assert quantity * price <= size
    assert first.floor_quantity(quantity) == quantity
    assert second.floor_quantity(quantity) == quantity
    assert size - quantity * price < common_lot(D(first_lot), D(second_lot)) * price


# --- leg order ------------------------------------------------------------------------


def test_an_asynchronous_venue_goes_first() -> None:
    """Its reply proves nothing, so nothing else may be at risk yet."""
    lighter = book(instrument(venue=LIGHTER), bids=SHORT_BIDS, asks=SHORT_ASKS)
    books = replace(_books(), short=lighter)

    assert leg_order(books, RULES) == (LegSide.SHORT, LegSide.LONG)


def test_the_coarser_lot_goes_first() -> None:
    """The finer leg can match it, the other way round leaves a rest."""
    coarse = replace(_books().short, instrument=_listed(BINANCE, "1"))
    books = replace(_books(), short=coarse)

    assert leg_order(books, RULES) == (LegSide.SHORT, LegSide.LONG)


def test_the_thinner_book_goes_first() -> None:
    """What is harder to fill decides how much the other leg gets."""
    thin_short = _books(short_bids=(("100.00", "3"),))
    thin_long = _books(long_asks=(("100.02", "3"),))

    assert leg_order(thin_short, RULES) == (LegSide.SHORT, LegSide.LONG)
    assert leg_order(thin_long, RULES) == (LegSide.LONG, LegSide.SHORT)


# --- opening --------------------------------------------------------------------------


def test_a_plan_has_the_same_quantity_on_both_legs() -> None:
    """1000 USD at the dearer best price 100.02 is 9.99, in lots of 0.1: 9.9."""
    plan = _plan()

    assert plan.first.quantity_base == plan.second.quantity_base == D("9.9")
    assert (plan.long.instrument.venue_id, plan.long.order_side) == (
        EXTENDED,
        OrderSide.BUY,
    )
    assert (plan.short.instrument.venue_id, plan.short.order_side) == (
        BINANCE,
        OrderSide.SELL,
    )


def test_a_plan_pays_what_the_books_ask() -> None:
    """Long 2 at 100.02 and 7.9 at 100.05; short 3 at 100.00 and 6.9 at 99.98."""
    plan = _plan()

    assert plan.long.price == (2 * D("100.02") + D("7.9") * D("100.05")) / D("9.9")
    assert plan.short.price == (3 * D("100.00") + D("6.9") * D("99.98")) / D("9.9")
    assert (plan.long.best_price, plan.short.best_price) == (D("100.02"), D("100.00"))


def test_the_cost_of_a_plan_is_four_fees_and_both_gaps() -> None:
    """Each side at its own book's average: 0.05 % at Binance, 0.025 % at Extended."""
    plan = _plan()
    long_in = 2 * D("100.02") + D("7.9") * D("100.05")
    short_in = 3 * D("100.00") + D("6.9") * D("99.98")
    long_out, short_out = D("9.9") * D("99.98"), D("9.9") * D("100.04")

    fees = (long_in + long_out) * D("0.00025") + (short_in + short_out) * D("0.0005")

    assert abs(plan.fees_usd - fees) < D("1e-20")
    basis = (long_in - short_in) + (short_out - long_out)
    assert abs(plan.basis_usd - basis) < D("1e-20")


def test_the_bounds_of_a_plan() -> None:
    """60 % of 0.00013 per hour; cost + 4 bp of 9.9 * 100.01; slips 10 and 15 bp."""
    plan = _plan()
    allowance = D("0.0004") * D("9.9") * D("100.01")

    assert plan.bounds.min_spread_per_hour == D("0.000078")
    assert plan.bounds.max_cost_usd == plan.cost_usd + allowance
    assert plan.bounds.max_slip_first == D("0.0010")
    assert plan.bounds.max_slip_second == D("0.0015")


def test_a_book_that_is_thin_near_its_best_price_is_refused_in_usd() -> None:
    """4 at the best price, the rest 1 % away: the IOC order could not fill."""
    books = _books(long_asks=(("100.00", "4"), ("101.00", "20")))

    with pytest.raises(SizeError, match=r"extended holds \$400\.00 .* \$1,000\.00 is"):
        _plan(books)


def test_the_second_leg_may_slip_further_than_the_first() -> None:
    """12 bp away is too far for leg 1 and fine for leg 2: being hedged is worth it."""
    rungs: Rungs = (("100.00", "4"), ("100.12", "7"))
    thin_long = _books(long_asks=rungs, short_bids=(("99.90", "20"),))
    coarse = replace(thin_long.short, instrument=_listed(BINANCE, "1"))

    with pytest.raises(SizeError):
        _plan(thin_long)
    plan = _plan(replace(thin_long, short=coarse))

    assert plan.second.instrument.venue_id == EXTENDED


def test_books_that_cannot_take_the_size_back_are_refused() -> None:
    """The way out must have a price, or the card's cost would be a guess."""
    books = _books(long_bids=(("99.98", "5"),))

    with pytest.raises(SizeError, match="take this size back"):
        _plan(books)


def test_margin_is_notional_by_leverage_plus_fee_with_a_fifth_in_reserve() -> None:
    """(900 / 3 + 0.45) * 1.2 = 360.54."""
    assert margin_needed(D(900), D(3), D("0.0005")) == D("360.54")


def test_too_little_free_margin_is_refused_with_both_numbers() -> None:
    """The person must know which venue and how much is missing."""
    with pytest.raises(MarginError) as refused:
        _plan(balances=_balances(short="300"))

    error = refused.value
    assert (error.venue_id, error.free_usd) == (BINANCE, D(300))
    assert D(395) < error.needed_usd < D(400)


@pytest.mark.parametrize("free", ["30", "100", "300"])
def test_the_size_that_is_offered_for_a_tight_venue_is_not_refused(free: str) -> None:
    """A button with a size must lead to a quote, not to the same refusal again."""
    balances = _balances(short=free)
    found = room_of(
        PAIR, size_usd=D(1000), leverage=D(3), fees=TARIFF.fees, balances=balances
    )

    assert found is not None
    assert not found.fits
    plan = _plan(balances=balances, size=str(found.most_usd))
    assert plan.size_usd == found.most_usd
    with pytest.raises(MarginError) as refused:
        _plan(balances=balances, size="1000")
    assert refused.value.fits_usd == found.most_usd


def test_an_unknown_balance_is_not_taken_as_enough() -> None:
    """A venue that did not tell its balance cannot carry a leg."""
    with pytest.raises(VenueDownError, match="extended"):
        _plan(balances={BINANCE: _balances()[BINANCE]})


def test_leverage_is_lowered_to_what_both_venues_allow() -> None:
    """A 2x market at one venue makes it a 2x pair."""
    low = replace(instrument(venue=BINANCE), max_leverage=D(2))
    books = replace(_books(), short=replace(_books().short, instrument=low))

    assert _plan(books).leverage == D(2)
    assert _plan().leverage == D(3)


def test_leverage_is_whole_as_venues_take_it() -> None:
    """A limit of 2.5x sets 2x: half the notional is locked, and the card says so."""
    low = replace(instrument(venue=BINANCE), max_leverage=D("2.5"))
    books = replace(_books(), short=replace(_books().short, instrument=low))

    assert _plan(books).leverage == D(2)


def test_a_flipped_spread_is_no_plan() -> None:
    """Paying on both legs is never an offer."""
    flipped = replace(PAIR, short=replace(PAIR.short, rate=PAIR.long.rate))

    with pytest.raises(NoPairError, match="does not pay more"):
        _plan(pair=flipped)


@pytest.mark.parametrize("asks", [(), (("99.00", "20"),)], ids=["empty", "crossed"])
def test_a_broken_book_is_no_plan(asks: Rungs) -> None:
    """No price can be taken from it."""
    with pytest.raises(NoPairError, match="extended is empty or crossed"):
        _plan(_books(long_asks=asks))


def test_prices_that_disagree_are_not_one_asset() -> None:
    """Two tokens of one name: 100 here, 97 there is the last that passes."""
    near = _books(short_bids=(("97.09", "20"),), short_asks=(("97.10", "20"),))
    far = _books(short_bids=(("97.07", "20"),), short_asks=(("97.08", "20"),))

    assert _plan(near).first.quantity_base > 0
    with pytest.raises(NoPairError, match="prices disagree"):
        _plan(far)


# --- closing --------------------------------------------------------------------------


def _trade(long_held: str = "9.9", short_held: str = "9.9") -> Trade:
    def leg(venue: VenueId, side: LegSide, held: str, fee: str) -> TradeLeg:
        return TradeLeg(
            instrument=instrument(venue=venue),
            side=side,
            taker_fee=D(fee),
            held_base=D(held),
        )

    return Trade(
        trade_id=TradeId("7f2"),
        plan_id=PlanId("p1"),
        base=Base("APT"),
        first=leg(BINANCE, LegSide.SHORT, short_held, "0.0005"),
        second=leg(EXTENDED, LegSide.LONG, long_held, "0.00025"),
        quantity_base=D("9.9"),
        leverage=D(3),
        spread_per_hour=D("0.00013"),
        bounds=_plan().bounds,
        opened_by=UserId(1),
        chat_id=ChatId(1),
        message_id=None,
        created_at=START,
    )


def _fill(venue: VenueId, side: OrderSide, price: str) -> Fill:
    return Fill(
        venue_id=venue,
        venue_trade_id=f"{venue}{side}",
        symbol=instrument(venue=venue).symbol,
        side=side,
        quantity_base=D("9.9"),
        price=D(price),
        fee_usd=D("0.30"),
        at=START,
        client_order_id=None,
    )


FILLS = [_fill(EXTENDED, OrderSide.BUY, "99.00"), _fill(BINANCE, OrderSide.SELL, "99")]
PAYMENT = Payment(
    venue_id=BINANCE,
    symbol=instrument(venue=BINANCE).symbol,
    pay_at=START,
    amount_usd=D("6.00"),
    per_payment=D("0.0006"),
    quantity_base=D("-9.9"),
    price=D(100),
)


def test_a_close_plan_tells_where_the_trade_would_end() -> None:
    """9.9 * (99.98 - 99) - 9.9 * (100.04 - 99) = -0.594; funding 6; fees 4 times."""
    plan = build_close_plan(
        _trade(), FILLS, [PAYMENT], books=_books(), snapshots={}, balances={}
    )
    exit_fees = D("9.9") * (D("99.98") * D("0.00025") + D("100.04") * D("0.0005"))

    assert plan.price_usd == D("-0.594")
    assert plan.funding_usd == D("6.00")
    assert plan.fees_usd == D("0.60") + exit_fees
    assert plan.expected_net_usd == D("6.00") - D("0.594") - plan.fees_usd


def test_a_close_plan_keeps_the_order_of_the_legs_and_turns_their_sides() -> None:
    """The harder leg was first on the way in and is first on the way out."""
    plan = build_close_plan(
        _trade(), FILLS, [], books=_books(), snapshots={}, balances={}
    )

    assert (plan.first.side, plan.first.order_side) == (LegSide.SHORT, OrderSide.BUY)
    assert (plan.second.side, plan.second.order_side) == (LegSide.LONG, OrderSide.SELL)
    assert plan.first.best_price == D("100.04")


def test_a_close_needs_neither_rates_nor_balances() -> None:
    """Closing is never harder than opening; unknown stays unknown on the card."""
    plan = build_close_plan(
        _trade(), FILLS, [], books=_books(), snapshots={}, balances={}
    )

    assert (plan.first.rate, plan.first.next_funding_at) == (None, None)
    assert plan.first.free_usd is None
    assert plan.bounds.max_cost_usd is None


def test_a_close_into_a_thin_book_has_no_expected_result() -> None:
    """It runs in rounds; what the later rounds pay nobody knows."""
    books = _books(long_bids=(("99.98", "4"),))

    plan = build_close_plan(_trade(), FILLS, [], books=books, snapshots={}, balances={})

    assert (plan.price_usd, plan.expected_net_usd) == (None, None)
    assert plan.second.price == D("99.98")


def test_a_close_with_a_broken_book_stays_hedged() -> None:
    """Both venues must answer before anything of a hedged pair is sold."""
    books = _books(short_asks=())

    with pytest.raises(VenueDownError, match="binance"):
        build_close_plan(_trade(), FILLS, [], books=books, snapshots={}, balances={})


def test_a_leg_that_is_gone_is_quoted_as_nothing_to_do() -> None:
    """Its realised result is all it adds."""
    sold = replace(_fill(EXTENDED, OrderSide.SELL, "100"), fee_usd=D(0))

    plan = build_close_plan(
        _trade(long_held="0"),
        [*FILLS, sold],
        [],
        books=_books(),
        snapshots={},
        balances={},
    )

    assert plan.second.quantity_base == 0
    assert plan.price_usd == D("9.9") * (100 - 99) - D("9.9") * (D("100.04") - 99)
