"""/why: each reason of the fixed list in a sentence a person understands."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from bot.cards.checks import check
from bot.cards.look import Look
from bot.cards.why import plain_lines, why_card
from core import errors
from core.claims import Person
from core.model.instrument import AbsenceReason
from core.model.opportunity import Skip, SkipReason
from core.model.units import Base, ChatId, Mode, UserId
from core.opportunities import venues_of
from tests.fakes.bazaar import SCAN, Bazaar
from tests.fakes.engine import RULES
from tests.fakes.objects import BINANCE, EXTENDED, HYPERLIQUID, LIGHTER
from tests.fakes.runtime import START

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from core.errors import CoreError
    from core.model.instrument import Instrument
    from core.model.opportunity import Opportunity
    from core.model.why import Explanation

LOOK = Look(
    mode=Mode.PAPER,
    venues={rules.venue_id: rules for rules in RULES},
    now=START,
    card_id="card0001",
)
UGLY = "<_*[&" * 1000
ANNA = Person(UserId(1), ChatId(1))


@dataclass(frozen=True)
class Example:
    """A world in which one reason refuses, and the line that says so."""

    line: str
    makes: Callable[[Bazaar], object]
    waits: timedelta = timedelta(0)
    """Between the scan and the question."""
    prices: Callable[[Opportunity], Skip] | None = None
    """What the costs of a ranked pair led to."""


def _binance_lists(
    *, price: str | None = "5", volume: str | None = "1000000"
) -> Callable[[Bazaar], object]:
    return lambda bazaar: bazaar.sell("APT", BINANCE, price=price, volume=volume)


def _left_out(
    name: str, reason: AbsenceReason, detail: str = ""
) -> Callable[[Bazaar], object]:
    return lambda bazaar: bazaar.stalls[BINANCE].leave_out(name, "APT", reason, detail)


def _unreadable(reason: SkipReason, detail: str) -> Callable[[Bazaar], object]:
    return lambda bazaar: bazaar.stalls[BINANCE].refuse("APT", reason, detail)


def _two_coins(bazaar: Bazaar) -> None:
    bazaar.sell("APT", BINANCE, per_hour="0.0002")
    bazaar.sell("APT", EXTENDED, price="0.7")


def _a_pair(bazaar: Bazaar, short: str = "0.00013") -> None:
    bazaar.sell("APT", BINANCE, per_hour=short)
    bazaar.sell("APT", EXTENDED, per_hour="0")


def _untold(bazaar: Bazaar) -> None:
    bazaar.sell("APT", BINANCE, volume=None)
    bazaar.set_gates(allows_unknown_volume=False)


def _narrowed(bazaar: Bazaar) -> None:
    _a_pair(bazaar)
    bazaar.set_gates(venues=frozenset({EXTENDED}))


def _depegged(bazaar: Bazaar) -> None:
    _a_pair(bazaar)
    for number in range(8):  # so many tokens tell what USDT costs in USDC
        bazaar.sell(f"T{number}", BINANCE, price="5")
        bazaar.sell(f"T{number}", EXTENDED, price="4.97")
    bazaar.set_gates(max_stablecoin_gap=Decimal("0.005"))


def _doubted(bazaar: Bazaar) -> None:
    def doubt(one: Instrument) -> Skip | None:
        if one.venue_id != BINANCE:
            return None
        why = "shown 8.0 times what was settled in 12 comparisons"
        return Skip(one.base, SkipReason.UNIT_SUSPECT, why, BINANCE, one.symbol)

    _a_pair(bazaar)
    bazaar.set_gates(doubt=doubt)


def _priced(reason: SkipReason, detail: str) -> Callable[[Opportunity], Skip]:
    return lambda pair: Skip(pair.base, reason, detail, between=venues_of(pair))


def _silent(bazaar: Bazaar) -> None:
    bazaar.sell("APT", EXTENDED)
    bazaar.stalls[BINANCE].go_down(2)


EXAMPLES = {
    SkipReason.NOT_LISTED: Example(
        "❌ Binance, Hyperliquid, Lighter: not listed. Only a listing there would"
        " change it.",
        lambda bazaar: bazaar.sell("APT", EXTENDED),
    ),
    SkipReason.SINGLE_VENUE: Example(
        "❌ APT: only Extended has it",
        lambda bazaar: bazaar.sell("APT", EXTENDED),
    ),
    SkipReason.BELOW_MIN_SPREAD: Example(
        "❌ EX>BN: pays 0.008%/8h gross, 0.016%/8h is the least wanted. Lower"
        " the least spread to 0.008%/8h in /settings (CARRY_MIN_SPREAD_HOURLY=0.00001),"
        " or wait until its rates part further.",
        lambda bazaar: _a_pair(bazaar, short="0.00001"),
    ),
    SkipReason.BELOW_MIN_VOLUME: Example(
        "❌ Binance: trades $12,040 a day, $50,000 is the least wanted. Lower"
        " the least day volume to 12040 in /settings"
        " (CARRY_MIN_DAILY_VOLUME_USD=12040) to take it.",
        _binance_lists(volume="12040.5"),
    ),
    SkipReason.UNKNOWN_VOLUME: Example(
        "❌ Binance: does not tell its day volume. Allow unknown volume in /settings"
        " (CARRY_ALLOW_UNKNOWN_VOLUME=true) to take it all the same.",
        _untold,
    ),
    SkipReason.STALE: Example(
        "❌ Binance: its rate is too old: its last rate is of 21:52:13 UTC. It comes"
        " back with the venue's next fresh answer; /health tells of it.",
        _binance_lists(),
        waits=2 * SCAN + timedelta(seconds=1),
    ),
    SkipReason.VENUE_DOWN: Example(
        "❌ Binance: no answer: its list of contracts was never read: down. It comes"
        " back with the venue's next good answer; /health tells of it.",
        _silent,
    ),
    SkipReason.NO_RATE: Example(
        "❌ Binance: no funding rate: the venue shows no rate. It comes back once the"
        " venue shows one.",
        _unreadable(SkipReason.NO_RATE, "the venue shows no rate"),
    ),
    SkipReason.NO_INTERVAL: Example(
        "❌ Binance: hours between payments unknown: a payment at 06:00 fits no"
        " interval of 8:00:00. A rate without its period compares with nothing; it"
        " comes back once the venue tells.",
        _unreadable(
            SkipReason.NO_INTERVAL, "a payment at 06:00 fits no interval of 8:00:00"
        ),
    ),
    SkipReason.NO_PRICE: Example(
        "❌ Binance: shows no price, so its unit has no proof. It comes back with the"
        " venue's next price.",
        _binance_lists(price=None),
    ),
    SkipReason.MALFORMED: Example(
        "❌ Binance: its entry could not be read: lastFundingRate is 'none'. It comes"
        " back once the venue sends it in order.",
        _unreadable(SkipReason.MALFORMED, "lastFundingRate is 'none'"),
    ),
    SkipReason.PRICE_MISMATCH: Example(
        "❌ EX>BN: prices disagree: unit price 0.7 on Extended against 5 on Binance."
        " Two coins of one name, or a wrong unit: nothing to set, only prices within"
        " 3% of each other prove one asset.",
        _two_coins,
    ),
    SkipReason.DELISTED: Example(
        "❌ Binance: APTUSDT is delisted. Only a new listing there would change it.",
        _left_out("APTUSDT", AbsenceReason.DELISTED),
    ),
    SkipReason.SETTLING: Example(
        "❌ Binance: APTUSDT is being settled, not traded. It leaves the venue's list"
        " soon.",
        _left_out("APTUSDT", AbsenceReason.SETTLING),
    ),
    SkipReason.PRE_MARKET: Example(
        "❌ Binance: APTUSDT is a pre-market contract. It comes in by itself once it"
        " trades as an ordinary perpetual.",
        _left_out("APTUSDT", AbsenceReason.PRE_MARKET),
    ),
    SkipReason.DATED: Example(
        "❌ Binance: APTUSDT_261225 is a dated contract (2026-12-25). Only perpetuals"
        " pay funding.",
        _left_out("APTUSDT_261225", AbsenceReason.DATED, "2026-12-25"),
    ),
    SkipReason.NON_CRYPTO: Example(
        "❌ Binance: APTUSDT is not a crypto asset (TRADIFI_PERPETUAL). Stocks,"
        " currencies and commodities are never paired.",
        _left_out("APTUSDT", AbsenceReason.NON_CRYPTO, "TRADIFI_PERPETUAL"),
    ),
    SkipReason.NOT_LINEAR: Example(
        "❌ Binance: APTUSD is not a linear contract (settles in APT). Only contracts"
        " that are priced and settled in one currency are paired.",
        _left_out("APTUSD", AbsenceReason.NOT_LINEAR, "settles in APT"),
    ),
    SkipReason.OTHER_QUOTE: Example(
        "❌ Binance: APTUSDC is priced in USDC. Only the venue's main quote currency is"
        " traded.",
        _left_out("APTUSDC", AbsenceReason.OTHER_QUOTE, "USDC"),
    ),
    SkipReason.INACTIVE: Example(
        "❌ Binance: APTUSDT is stopped by the venue (PENDING_TRADING). It comes back"
        " when the venue opens it again.",
        _left_out("APTUSDT", AbsenceReason.INACTIVE, "PENDING_TRADING"),
    ),
    SkipReason.DUPLICATE: Example(
        "❌ Binance: 1000APTUSDT is a second contract of the same token: APTUSDT is"
        " used. One contract per token and venue is used.",
        _left_out("1000APTUSDT", AbsenceReason.DUPLICATE, "APTUSDT is used"),
    ),
    SkipReason.NOT_CHOSEN: Example(
        "❌ Binance: Binance is not among the venues chosen in /settings. Add it there,"
        " or let all in.",
        _narrowed,
    ),
    SkipReason.UNIT_SUSPECT: Example(
        "❌ Binance: its rate is not trusted: shown 8.0 times what was settled in 12"
        " comparisons. Nothing is entered on it until settled payments prove its unit;"
        " /health shows the proof.",
        _doubted,
    ),
    SkipReason.STABLECOIN_GAP: Example(
        "❌ EX>BN: Extended and Binance settle in USDC and USDT, 0.60% apart, less than"
        " 0.50% wanted. It ends once the stablecoins trade closer again.",
        _depegged,
    ),
    SkipReason.BELOW_MIN_NET: Example(
        "❌ EX>BN: +0.10 USD net over 24 h, 0.25 USD wanted. Thicker books, a wider"
        " spread, a longer CARRY_PLANNED_HOLD_H or a lower CARRY_MIN_NET would change"
        " it; /open still lets you choose it yourself.",
        _a_pair,
        prices=_priced(
            SkipReason.BELOW_MIN_NET, "+0.10 USD net over 24 h, 0.25 USD wanted"
        ),
    ),
    SkipReason.LATE_BREAK_EVEN: Example(
        "❌ EX>BN: even after 31.0 h, at most 24 h wanted. Thicker books or a wider"
        " spread would earn the costs sooner; CARRY_MAX_BREAK_EVEN_H and"
        " CARRY_MAX_BREAK_EVEN_PAYMENTS set how long is too long; /open still lets you"
        " choose it yourself.",
        _a_pair,
        prices=_priced(
            SkipReason.LATE_BREAK_EVEN, "even after 31.0 h, at most 24 h wanted"
        ),
    ),
}


async def explained(made: Example) -> Explanation:
    """Make the world, scan, wait and ask."""
    bazaar = Bazaar()
    made.makes(bazaar)
    result = await bazaar.scanner.scan()
    if made.prices is not None:
        (pair,) = result.opportunities
        priced = replace(pair, refusal=made.prices(pair))
        bazaar.scanner._latest = replace(result, pairs={pair.base: (priced,)})
    await bazaar.clock.advance(made.waits)
    return await bazaar.walk.explain("APT")


@pytest.mark.parametrize("reason", list(SkipReason))
async def test_each_reason_of_the_list_is_said_with_what_would_change_it(
    reason: SkipReason,
) -> None:
    """A token that is missing from the ranking without a word is a riddle.

    A reason that is added without an example here fails: someone must read its line.
    """
    made = EXAMPLES[reason]

    explanation = await explained(made)

    assert made.line in plain_lines(explanation, LOOK)
    assert not check(why_card(explanation, LOOK))


class Gatekeeper:
    """A quote that refuses what it is told to, and keeps what it was asked."""

    def __init__(self, refusal: CoreError | None = None) -> None:
        self.refusal = refusal
        self.asked: list[tuple[str, str]] = []

    async def tried(
        self, pairs: Sequence[Opportunity], person: Person
    ) -> list[Opportunity | CoreError]:
        """Refuse, or let through."""
        assert person is ANNA
        self.asked += [venues_of(each) for each in pairs]
        return [self.refusal or each for each in pairs]


@pytest.mark.parametrize(
    ("refusal", "line"),
    [
        (None, "✅ EX>BN: +0.104%/8h gross; nothing refuses it"),
        (
            errors.MarginError("extended", Decimal(180), Decimal("201.4")),
            (
                "❌ EX>BN: Extended has $180.00 free, $201.40 needed. Choose a smaller"
                " size: /open TOKEN USD."
            ),
        ),
        (
            errors.CoolingDownError("APT", START + timedelta(minutes=30)),
            "❌ EX>BN: APT: this pair failed before; next try in 30 min (22:22 UTC).",
        ),
        (
            errors.PausedError("by you", START - timedelta(hours=1)),
            (
                "❌ EX>BN: Entries are paused by you since 20:52 UTC (1 h 00 ago)."
                " Closing works."
            ),
        ),
        (
            errors.VenueDownError("binance", "504 <html>", None),
            (
                "❌ EX>BN: Binance does not answer. (504 <html>) Other venues work. An"
                " open pair stays hedged meanwhile."
            ),
        ),
        (
            errors.AlreadyHeldError("APT", "binance", "pair 7F2 is open"),
            (
                "❌ EX>BN: Binance already holds APT: pair 7F2 is open. Close it first,"
                " or choose another token."
            ),
        ),
    ],
    ids=["nothing", "margin", "cool-down", "pause", "venue", "held"],
)
async def test_what_passes_the_scan_is_asked_of_the_quote(
    refusal: CoreError | None, line: str
) -> None:
    """The ranking shows it, the button refuses: the walk must not stop half way."""
    entry = Gatekeeper(refusal)
    bazaar = Bazaar(entry=entry)
    _a_pair(bazaar)
    await bazaar.scanner.scan()

    explanation = await bazaar.walk.explain("apt", ANNA)

    assert entry.asked == [(EXTENDED, BINANCE)]
    assert line in plain_lines(explanation, LOOK)
    assert not check(why_card(explanation, LOOK))


async def test_no_book_is_read_for_a_pair_that_the_scan_refuses() -> None:
    """A question about a thin token must not cost requests."""
    entry = Gatekeeper()
    bazaar = Bazaar(entry=entry)
    _a_pair(bazaar, short="0.00001")
    await bazaar.scanner.scan()

    await bazaar.walk.explain("APT", ANNA)

    assert entry.asked == []


async def test_a_reason_nobody_wrote_words_for_is_told_as_its_gate_told_it() -> None:
    """A new gate shows up here by itself, whoever adds it."""
    bazaar = Bazaar()
    _a_pair(bazaar)
    result = await bazaar.scanner.scan()
    new = Skip(Base("APT"), SkipReason.MALFORMED, "the moon is full")
    bazaar.scanner._latest = replace(result, skips=(*result.skips, new))

    explanation = await bazaar.walk.explain("APT")

    assert explanation.others == (new,)
    assert any("the moon is full" in line for line in plain_lines(explanation, LOOK))


async def test_every_pair_is_judged_and_what_stops_several_is_said_once() -> None:
    """Four venues make six pairs; the odd coin costs three of them."""
    bazaar = Bazaar()
    bazaar.sell("ACE", BINANCE, per_hour="0.0002", price="0.55")
    bazaar.sell("ACE", HYPERLIQUID, per_hour="0.0001", price="3.9")
    bazaar.sell("ACE", LIGHTER, per_hour="0.00004", price="3.9")
    bazaar.sell("ACE", EXTENDED, per_hour="0.00003", price="3.905")

    lines = plain_lines(await bazaar.why("ACE"), LOOK)

    assert lines[0] == "✅ ACE: 2 of 6 pairs pass every gate here"
    assert "✅ EX>HL: +0.056%/8h gross; nothing refuses it" in lines
    assert "✅ LT>HL: +0.048%/8h gross; nothing refuses it" in lines
    assert [line[:7] for line in lines[6:9]] == ["❌ EX>BN", "❌ LT>BN", "❌ HL>BN"]
    assert all("prices disagree" in line for line in lines[6:9])
    assert lines[9].startswith("→ Two coins of one name, or a wrong unit")
    assert sum("Two coins of one name" in line for line in lines) == 1
    assert any(line.startswith("❌ EX>LT: pays 0.008%/8h") for line in lines)


async def test_a_token_whose_every_contract_is_left_out_is_explained_too() -> None:
    """TSLA is on two venues and in no row of the matrix."""
    bazaar = Bazaar()
    _a_pair(bazaar)
    for venue, name in ((BINANCE, "TSLAUSDT"), (EXTENDED, "TSLA-USD")):
        bazaar.stalls[venue].leave_out(name, "TSLA", AbsenceReason.NON_CRYPTO)

    lines = plain_lines(await bazaar.why("tsla"), LOOK)

    assert lines[0] == "❌ TSLA: no venue lists it as a perpetual we trade"
    words = "❌ Extended: TSLA-USD is not a crypto asset. "
    assert any(line.startswith(words) for line in lines)


async def test_the_contracts_beside_the_used_one_are_named() -> None:
    """BTCUSDC and the quarterly are not forgotten, they are left out."""
    bazaar = Bazaar()
    stall = bazaar.sell("BTC", BINANCE)
    stall.leave_out("BTCUSDC", "BTC", AbsenceReason.OTHER_QUOTE, "USDC")
    stall.leave_out("BTCUSDT_261225", "BTC", AbsenceReason.DATED)

    lines = plain_lines(await bazaar.why("BTC"), LOOK)

    assert (
        "Also on Binance: BTCUSDC: other quote currency · BTCUSDT_261225: dated"
        " contract, no funding." in lines
    )


async def test_a_token_nobody_lists_is_refused_by_name() -> None:
    """A spelling mistake must not look like a verdict."""
    bazaar = Bazaar(tokens=("APT",))
    _a_pair(bazaar)

    with pytest.raises(errors.UnknownTokenError):
        await bazaar.why("NOPE")


async def test_a_configured_token_that_no_venue_lists_says_so() -> None:
    """CARRY_TOKENS may name what is not there yet."""
    lines = plain_lines(await Bazaar(tokens=("NEW",)).why("NEW"), LOOK)

    assert lines[0] == "❌ NEW: no venue lists it"


async def test_before_the_first_answer_nothing_is_claimed() -> None:
    """A start without network knows no lists."""
    with pytest.raises(errors.UnknownTokenError):
        await Bazaar().walk.explain("APT")


async def test_hostile_names_and_long_errors_stay_inside_a_message() -> None:
    """Venue words are escaped and cut; many lines become pages."""
    bazaar = Bazaar()
    stall = bazaar.sell("APT", EXTENDED)
    stall.leave_out("<b>&" * 500, "APT", AbsenceReason.INACTIVE, "_*[" * 900)
    bazaar.stalls[BINANCE].refuse("APT", SkipReason.MALFORMED, UGLY)
    explanation = await bazaar.why("APT")
    told = [Skip(Base("APT"), SkipReason.MALFORMED, f"{n} {UGLY}") for n in range(20)]
    many = replace(explanation, others=tuple(told))

    card = why_card(explanation, LOOK)
    pages = [why_card(many, LOOK, page) for page in range(9)]

    assert not check(card)
    assert not any(check(each) for each in pages)
    assert "page 1/3" in pages[0].html
    assert pages[2].html == pages[8].html
