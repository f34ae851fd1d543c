"""The market behind the venues: repeatable, plausible, and with the odd ones in it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from sandbox.clock import SandboxClock
from sandbox.reception import Reception
from sandbox.venues.truth import truth
from sandbox.venues.wire import Ask
from sandbox.venues.world import UnknownMarketError, World
from tests.unit.sandbox.venue_clients import NOON_MS

if TYPE_CHECKING:
    from sandbox.venues.books import Book

VENUES = ("binance", "extended", "hyperliquid", "lighter")
HOUR_MS = 3_600_000


def _world(**words: Any) -> World:  # noqa: ANN401 - passed on
    return World(SandboxClock(fixed_ms=NOON_MS), **words)


def _tokens(world: World) -> dict[str, Any]:
    tokens: dict[str, Any] = truth(world)["tokens"]
    return tokens


def _average(side: tuple[tuple[str, str], ...], usd: Decimal) -> Decimal:
    """Return the average price of taking so many dollars from one side."""
    left, base = usd, Decimal(0)
    for price, size in side:
        taken = min(left, Decimal(price) * Decimal(size))
        base += taken / Decimal(price)
        left -= taken
    assert left == 0, "not deep enough"
    return usd / base


def _cost_bp(book: Book, usd: int) -> Decimal:
    """Return how far above the best ask a market buy would pay, in basis points."""
    best = Decimal(book.asks[0][0])
    return (_average(book.asks, Decimal(usd)) / best - 1) * 10_000


def test_the_same_seed_gives_the_same_market() -> None:
    """A restart continues where it was, and a failing test can be run again."""
    assert truth(_world(seed=3)) == truth(_world(seed=3))
    assert _tokens(_world(seed=3)) != _tokens(_world(seed=4))


def test_a_moment_long_past_can_be_computed_again() -> None:
    """Settled payments must not depend on when somebody asks."""
    early, late = _world(), _world()
    late.clock.set_ms(NOON_MS + 500 * HOUR_MS)
    window = (NOON_MS - 30 * HOUR_MS, NOON_MS)

    paid = list(early.payments(early.find("APT", "hyperliquid"), *window))

    assert paid == list(late.payments(late.find("APT", "hyperliquid"), *window))
    assert len(paid) == 30


def test_rates_stand_still_within_five_minutes_and_then_move() -> None:
    """Two reads of one scan agree, yet a screen left open changes."""
    world = _world()
    one = world.find("KAITO", "lighter")
    slot_ms = NOON_MS // 300_000 * 300_000

    rates = [world.wire_rate(one, slot_ms + at) for at in (0, 1000, 299_999)]
    later = {world.wire_rate(one, slot_ms + at * HOUR_MS) for at in range(12)}

    assert rates[0] == rates[1] == rates[2]
    assert len(later) > 3


def test_prices_walk_a_few_percent_and_marks_stay_together() -> None:
    """Pairs must pass the price proof although every venue has its own mark."""
    world = _world()
    marks = [
        [
            world.mark_price(world.find("SUI", venue), NOON_MS + hour * HOUR_MS)
            for venue in VENUES
        ]
        for hour in range(72)
    ]

    firsts = [row[0] for row in marks]
    assert 1.01 < max(firsts) / min(firsts) < 1.15
    assert all(max(row) / min(row) < 1.0015 for row in marks)


def test_spreads_have_realistic_sizes_and_kaito_leads() -> None:
    """Most tokens are near neutral; about a dozen are worth a look."""
    tokens = _tokens(_world())

    spreads = {
        name: Decimal(entry["best"]["spread_hourly"])
        for name, entry in tokens.items()
        if entry["best"]
    }
    worth = [name for name, spread in spreads.items() if spread >= Decimal("0.00002")]

    assert 10 <= len(worth) <= 20
    assert max(spreads, key=lambda name: spreads[name]) == "KAITO"
    assert Decimal("0.0001") < spreads["KAITO"] < Decimal("0.0003")


@pytest.mark.parametrize(
    ("token", "venues"),
    [
        ("KAITO", ["extended", "lighter"]),
        ("APT", ["binance", "extended", "hyperliquid", "lighter"]),
        ("RARE", ["extended"]),
        ("MON", ["extended", "lighter"]),
        ("TRUMP", ["binance", "extended", "hyperliquid"]),
        ("币安人生", ["binance", "lighter"]),
        ("FTM", []),
        ("POL", ["binance", "hyperliquid"]),
        ("STRK", ["binance", "hyperliquid"]),
        ("TSLA", []),
        ("OPENAI", []),
    ],
)
def test_a_token_is_live_where_the_table_says(token: str, venues: list[str]) -> None:
    """The availability matrix has every kind of row in it."""
    listed = _tokens(_world())[token]["venues"]

    assert sorted(name for name, facts in listed.items() if facts["live"]) == venues


def test_every_dead_market_has_its_reason() -> None:
    """What a product leaves out can be compared reason by reason."""
    tokens = _tokens(_world())

    reasons = {
        (name, venue): facts["why_not"]
        for name, entry in tokens.items()
        for venue, facts in entry["venues"].items()
        if not facts["live"]
    }
    assert reasons == {
        ("FTM", "binance"): "settling",
        ("FTM", "hyperliquid"): "delisted",
        ("POL", "lighter"): "inactive",
        ("STRK", "extended"): "reduce_only",
        ("TSLA", "binance"): "not_crypto",
        ("TSLA_24_5", "extended"): "not_crypto",
        ("OPENAI", "binance"): "pre_market",
    }
    assert [one["why_not"] for one in tokens["BTC"]["others"]] == [
        "other_quote",
        "dated",
    ]


def test_pepe_is_one_token_under_three_names() -> None:
    """Multipliers: 1000PEPE on three venues, kPEPE on the fourth."""
    venues = _tokens(_world())["PEPE"]["venues"]

    names = {name: facts["symbol_raw"] for name, facts in venues.items()}
    assert names == {
        "binance": "1000PEPEUSDT",
        "extended": "1000PEPE-USD",
        "hyperliquid": "kPEPE",
        "lighter": "1000PEPE",
    }
    assert {facts["multiplier"] for facts in venues.values()} == {1000}


def test_the_widest_spread_is_the_one_nobody_could_trade() -> None:
    """Without a liquidity filter GRASS would be first."""
    venues = _tokens(_world())["GRASS"]["venues"]
    apart = Decimal(venues["hyperliquid"]["rate_hourly"]) - Decimal(
        venues["extended"]["rate_hourly"]
    )

    assert apart > Decimal("0.0004")
    assert venues["extended"]["volume_24h_usd"] == "12040.5"
    assert _tokens(_world())["GRASS"]["best"] is None


def test_two_coins_that_share_a_name_make_no_pair() -> None:
    """ACE costs seven times as much on one venue: it is another coin."""
    ace = _tokens(_world())["ACE"]

    prices = [Decimal(facts["mark_price"]) for facts in ace["venues"].values()]
    assert max(prices) / min(prices) > 7
    assert ace["best"] is None


def test_equal_rates_are_paired_by_venue_name() -> None:
    """Ties must come out the same in truth and product."""
    world = _world()
    for venue in VENUES:
        world.set_rate("APT", venue, Decimal("0.00001"))

    assert _tokens(world)["APT"]["best"] == {
        "long": "binance",
        "short": "extended",
        "spread_hourly": "0",
    }


def test_a_change_by_hand_shows_at_once() -> None:
    """Prices are computed for whole seconds; a change must not wait for the next."""
    world = World(SandboxClock(fixed_ms=NOON_MS + 456))

    world.set_rate("BTC", "binance", Decimal("0.001"))

    tokens = _tokens(world)
    assert tokens["BTC"]["venues"]["binance"]["rate_hourly"] == "0.001"


def test_a_change_by_hand_leaves_the_second_quote_alone() -> None:
    """BTCUSDC keeps its own rate and interval."""
    world = _world()
    twin = world.by_symbol("binance", "BTCUSDC")
    assert twin is not None
    before = world.wire_rate(twin, NOON_MS)

    world.set_rate("BTC", "binance", Decimal("0.001"))
    world.set_interval("BTC", "binance", 1)

    assert world.wire_rate(twin, NOON_MS) == before
    assert world.interval_h(twin, NOON_MS) == 8


@pytest.mark.parametrize("token", ["BTC", "APT", "KAITO", "PEPE", "币安人生"])
def test_500_dollars_fill_within_10_bp_and_10000_within_30(token: str) -> None:
    """The demo's default size must be tradable on ordinary tokens."""
    world = _world()
    for venue in VENUES:
        try:
            one = world.find(token, venue)
        except UnknownMarketError:
            continue

        book = world.book(one, NOON_MS)

        assert _cost_bp(book, 500) < 10
        assert _cost_bp(book, 10_000) < 30


def test_a_token_with_little_volume_has_a_thin_book() -> None:
    """A size that empties the book must be possible to meet."""
    world = _world()
    book = world.book(world.find("GRASS", "extended"), NOON_MS)

    resting = sum(Decimal(price) * Decimal(size) for price, size in book.asks)
    gap = Decimal(book.asks[0][0]) / Decimal(book.bids[0][0]) - 1
    assert resting < 6000
    assert gap > Decimal("0.002")


def test_books_are_sound_at_every_hour_of_a_week() -> None:
    """Prices walk across powers of ten and tick sizes; no level may repeat or cross."""
    world = _world()
    for hour in range(0, 168, 7):
        moment_ms = NOON_MS + hour * HOUR_MS
        for venue in VENUES:
            for one in world.instruments(venue):
                book = world.book(one, moment_ms)
                bids = [Decimal(price) for price, _ in book.bids]
                asks = [Decimal(price) for price, _ in book.asks]

                assert bids == sorted(set(bids), reverse=True)
                assert asks == sorted(set(asks))
                assert bids[0] < asks[0]
                assert all(Decimal(size) > 0 for _, size in (*book.bids, *book.asks))


def test_hyperliquid_prices_keep_five_significant_digits() -> None:
    """The venue refuses finer prices, whatever the price walked to."""
    world = _world()
    for one in world.instruments("hyperliquid"):
        decimals = world.price_decimals(one, NOON_MS)
        price = world.book(one, NOON_MS).bids[0][0]

        digits = price.replace(".", "").lstrip("0")
        assert len(digits) <= 5 or decimals == 0
        assert decimals <= 6 - one.size_decimals


def test_extra_tokens_fill_all_four_venues() -> None:
    """Measuring needs 200 instruments a venue whose names carry no multiplier."""
    world = _world(extra_tokens=165)

    counts = [len(world.instruments(venue)) for venue in VENUES]
    assert min(counts) >= 190
    assert _tokens(world)["QAAA"]["best"] is not None


def test_a_bulk_answer_is_made_once_a_second() -> None:
    """Measuring a scan must not measure the sandbox."""
    reception = Reception(_world(extra_tokens=165))
    binance = reception.dialects["binance"]
    ask = Ask("GET", "/fapi/v1/premiumIndex", {})

    first, second = binance.answer(ask), binance.answer(ask)
    reception.world.clock.set_ms(NOON_MS + 1000)

    assert first is second
    assert binance.answer(ask) is not first


def test_a_spoiled_unit_is_shown_and_never_paid() -> None:
    """What a venue settles tells the truth about what it shows, so it must stay."""
    world = _world()
    one = world.find("APT", "binance")
    true = world.wire_rate(one, NOON_MS)
    paid = list(world.payments(one, NOON_MS - 24 * HOUR_MS, NOON_MS))

    world.set_unit_factor("binance", Decimal(8))

    assert world.shown_rate(one, NOON_MS) == true * 8
    assert list(world.payments(one, NOON_MS - 24 * HOUR_MS, NOON_MS)) == paid
    other = world.find("APT", "lighter")
    assert world.shown_rate(other, NOON_MS) == world.wire_rate(other, NOON_MS)
    world.reset()
    assert world.shown_rate(one, NOON_MS) == true


def test_a_cheaper_usdt_makes_prices_in_it_higher() -> None:
    """One coin is worth the same everywhere: at 0.99 USD it takes 1 % more USDT."""
    world = _world()
    here, there = world.find("APT", "binance"), world.find("APT", "lighter")
    before = world.mark_price(here, NOON_MS), world.mark_price(there, NOON_MS)

    world.set_usdt(0.99)

    assert world.mark_price(here, NOON_MS) == pytest.approx(before[0] / 0.99)
    assert world.mark_price(there, NOON_MS) == before[1]


def test_the_levers_of_unit_and_usdt_refuse_nonsense() -> None:
    """A typo in a story must not pass as a calm market."""
    world = _world()
    with pytest.raises(ValueError, match="no venue is called 'bianance'"):
        world.set_unit_factor("bianance", Decimal(8))
    with pytest.raises(ValueError, match="more than nothing"):
        world.set_usdt(0)
