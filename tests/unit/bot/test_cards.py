from __future__ import annotations

import itertools
import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from html import escape
from typing import TYPE_CHECKING

import pytest

from bot.callbacks import Tap, Verb
from bot.cards import (
    disk,
    matrix,
    opportunity,
    plan,
    position,
    preferences,
    tokens,
    trouble,
)
from bot.cards import help as help_cards
from bot.cards.alert import alert_card
from bot.cards.card import Button, Card
from bot.cards.checks import check, visible_text
from bot.cards.health import health_card
from bot.cards.look import Look
from bot.cards.shown import QuoteRequest, unpack_rows
from core import errors
from core.model.alert import Alert, AlertKind, AlertLevel
from core.model.control import (
    GLOBAL_SCOPE,
    Halt,
    TradingState,
)
from core.model.health import Health, Tally, VenueHealth
from core.model.instrument import AbsenceReason
from core.model.opportunity import Skip, SkipReason
from core.model.position import Portfolio
from core.model.preferences import AlertDelivery, Mute
from core.model.units import Base, Mode, Nonce, PlanId, UserId, VenueId
from tests.fakes.alerts import ALERT_FACTS, SPREAD_FACTS
from tests.fakes.engine import (
    RULES,
    close_plan,
    lists_of,
    open_plan,
    pair,
    scan_of,
    trade_of,
    value_of,
)
from tests.fakes.estimates import estimate
from tests.fakes.objects import BINANCE, EXTENDED, HYPERLIQUID, LIGHTER
from tests.fakes.runtime import START

if TYPE_CHECKING:
    from collections.abc import Iterator

    from core.model.instrument import Instrument
    from core.model.plan import ClosePlan, OpenPlan
    from core.model.trade import Trade

LOOK = Look(
    mode=Mode.PAPER,
    venues={rules.venue_id: rules for rules in RULES},
    now=START + timedelta(seconds=18),
    card_id="id000001",
    viewer_name="Anna",
    size_usd=Decimal(500),
)
VIEW = opportunity.TopView(
    size_usd=Decimal(500),
    min_spread_per_hour=Decimal("0.00002"),
    stale_after=timedelta(minutes=2),
)
MINUS, TIMES = "\N{MINUS SIGN}", "\N{MULTIPLICATION SIGN}"
NASTY = "<b>_*[&" + "x" * 5000
STRANGE_NAMES = ("币安人生", "FARTCOINISLONG", "<_*[&", "A", "1000000MOGGGGGGGG")
STRANGE_SPREADS = ("0.0157", "0.0000012", "0.00000000001", "5", "0.00013744")


def _text(card: Card) -> str:
    assert check(card) == ()
    return visible_text(card.html)


def _labels(card: Card) -> list[str]:
    return [button.label for row in card.rows for button in row]


# --- the ranking ----------------------------------------------------------------------


def test_top_says_the_best_pair_in_dollars_first() -> None:
    """0.0001 an hour on $500 is $0.40 per 8 hours: money before percent."""
    result = scan_of(pair("HYPE", spread="0.0001"), pair("APT", spread="0.00005"))

    text = _text(opportunity.top_card(result, LOOK, VIEW))

    assert text.splitlines() == [
        "Best: HYPE +$0.40 per 8 h at $500, gross · 🧪 PAPER",
        "#  TOKEN    L>S      /8h   APR",
        "1  HYPE     BN>HL   .080   88%",
        "2  APT      BN>HL   .040   44%",
        "%/8h gross · L>S = long > short",
        "4 of 4 venues · 18 s old",
    ]


PRICED = (
    replace(pair("HYPE", spread="0.00014"), estimate=estimate()),
    replace(
        pair("APT", spread="0.0001"),
        estimate=estimate(funding="0.47", smooth=timedelta(hours=61, minutes=12)),
        refusal=Skip(Base("APT"), SkipReason.BELOW_MIN_NET, "-0.58 USD net over 24 h"),
    ),
    replace(pair("SUI", spread="0.0002"), unpriced="lighter shows no order book"),
)
"""Best net first: +0.51, -0.58 and one whose book could not be read."""


def test_top_ranks_by_what_is_left_after_costs_and_marks_what_pays_only_gross() -> None:
    """SUI is the widest spread, yet nobody knows what it would cost to enter."""
    text = _text(opportunity.top_card(scan_of(*PRICED), LOOK, VIEW))

    assert text.splitlines() == [
        "Best: HYPE +$0.51 net in 24 h at $500 · 🧪 PAPER",
        "#  TOKEN    L>S    net$   /8h  BE",
        "1  HYPE     BN>HL +0.51  .112 20h",
        "2! APT      BN>HL -0.58  .080 62h",
        "3  SUI      BN>HL     -  .160   -",
        (
            "net after 24 h at $500 per leg · %/8h gross · L>S = long > short"
            " · BE = until the cost is earned · ! pays only gross, see its card"
            " · - not priced: Lighter shows no order book"
        ),
        "4 of 4 venues · 18 s old",
    ]


@pytest.mark.parametrize(
    ("sort", "order", "head"),
    [
        ("gross", ["SUI", "HYPE", "APT"], "#  TOKEN    L>S     APR   /8h  BE"),
        ("apr", ["HYPE", "APT", "SUI"], "#  TOKEN    L>S    nAPR   /8h  BE"),
        ("even", ["HYPE", "APT", "SUI"], "#  TOKEN    L>S    net$   /8h  BE"),
    ],
)
def test_top_can_be_sorted_by_gross_net_apr_and_break_even(
    sort: str, order: list[str], head: str
) -> None:
    """One tap shows what the ranking would be without costs."""
    card = opportunity.top_card(scan_of(*PRICED), LOOK, replace(VIEW, sort=sort))

    rows = _text(card).splitlines()
    assert rows[1] == head
    assert [row[3:7].strip() for row in rows[2:5]] == order
    chips = [button.label for row in card.rows for button in row][3:7]
    assert [one for one in chips if one.endswith("•")] == [
        {"gross": "Gross•", "apr": "APR•", "even": "Even•"}[sort]
    ]


def test_top_admits_that_nothing_earns_its_costs() -> None:
    """A best pair that loses must not be praised."""
    text = _text(opportunity.top_card(scan_of(PRICED[1]), LOOK, VIEW))

    assert text.startswith(
        "Nothing earns its costs: APT −$0.58 net in 24 h at $500 · 🧪 PAPER"  # noqa: RUF001 -- as cards print it
    )


def test_top_never_says_that_nothing_earns_while_a_wider_pair_has_no_price() -> None:
    """A book that could not be read this minute is no verdict: 0.160 beats 0.080."""
    text = _text(opportunity.top_card(scan_of(*PRICED[1:]), LOOK, VIEW))

    assert text.startswith("Widest, not priced now: SUI +0.160%/8h gross · 🧪 PAPER")


def test_a_silent_venue_is_named_and_left_out() -> None:
    """Shown as zero, a dead venue would look like a rate."""
    text = _text(opportunity.top_card(scan_of(pair(), silent=EXTENDED), LOOK, VIEW))

    assert "3 of 4 venues · 18 s old · ⚠️ EX silent 4 min, left out" in text


def test_an_old_scan_is_marked() -> None:
    """Rates of ten minutes ago must not look like rates of now."""
    result = scan_of(pair(), at=START - timedelta(minutes=10))

    assert "⚠️ 10 min old" in _text(opportunity.top_card(result, LOOK, VIEW))


def test_an_unknown_volume_is_marked_in_its_row() -> None:
    """A thin market with a great rate is the classic trap."""
    text = _text(opportunity.top_card(scan_of(pair(volume=None)), LOOK, VIEW))

    assert "1? HYPE " in text
    assert "? = 24 h volume unknown" in text


def test_an_empty_ranking_says_why() -> None:
    """An empty table without a reason looks like a fault."""
    skips = [
        Skip(Base(name), SkipReason.BELOW_MIN_SPREAD, "0.001 %") for name in ("A", "B")
    ]
    skips.append(Skip(Base("C"), SkipReason.SINGLE_VENUE, "only on lighter"))

    text = _text(opportunity.top_card(scan_of(skips=skips), LOOK, VIEW))

    assert text.splitlines()[:2] == [
        "No spread above 0.016%/8h now · 🧪 PAPER",
        "Left out: 2 spread too small · 1 on one venue only",
    ]


def test_300_opportunities_page_through_all_of_them() -> None:
    """Nothing may be lost between pages, and every page must be deliverable."""
    names = [f"TOKEN{number}" for number in range(300)]
    result = scan_of(*(pair(name) for name in names))

    seen = []
    for page in range(30):
        card = opportunity.top_card(result, LOOK, replace(VIEW, page=page))
        assert check(card) == ()
        seen += [row.base for row in unpack_rows(card.shown)]

    assert seen == names


def test_a_page_past_the_end_shows_the_last_one() -> None:
    """The list may have shrunk since the button was drawn."""
    card = opportunity.top_card(scan_of(pair()), LOOK, replace(VIEW, page=99))

    assert card.shown["page"] == "0"


@pytest.mark.parametrize("base", STRANGE_NAMES)
@pytest.mark.parametrize("spread", STRANGE_SPREADS)
def test_no_token_and_no_spread_breaks_a_card(base: str, spread: str) -> None:
    """One row of 34 cells wraps the whole table on a phone."""
    one = pair(base, spread=spread, volume=None, price="0.0000012")
    result = scan_of(one)
    cache = lists_of(result)
    facts = tokens.TokenFacts(cache.rows[one.base], result, one)

    for card in (
        opportunity.top_card(result, LOOK, replace(VIEW, page=0, wanted=base)),
        opportunity.picker_card(result, LOOK, Decimal(12345)),
        matrix.matrix_card(cache, result, LOOK, matrix.MatrixView()),
        tokens.token_card(facts, LOOK, timedelta(minutes=2)),
        plan.plan_card(_offer(open_plan(one, Decimal(12345))), LOOK),
    ):
        assert check(card) == ()
        assert LOOK.badge in card.html


def test_a_chinese_name_counts_two_cells_a_character() -> None:
    """币安人生 fills the eight cells of its column."""
    text = _text(opportunity.top_card(scan_of(pair("币安人生")), LOOK, VIEW))

    assert "1  币安人生 BN>HL   .080   88%" in text


# --- the matrix -----------------------------------------------------------------------


def test_the_matrix_shows_payment_hours_and_the_kind_of_each_hole() -> None:
    """Hours, not listed, and listed but unusable lead to different decisions."""
    result = scan_of(pair("HYPE"))
    cache = lists_of(result, more=["RARE"])

    text = _text(matrix.matrix_card(cache, result, LOOK, matrix.MatrixView()))

    assert text.splitlines()[:5] == [
        "✅ 1 on 2+ venues · ⚠️ 1 on one · 🧪 PAPER",
        "page 1/1 · 18 s old",
        "TOKEN    BN HL LT EX   n",
        "HYPE      8  1  .  x   1",
        "RARE      .  .  ?  x   0",
    ]


def test_a_token_gives_a_reason_for_every_hole() -> None:
    """A venue without a word would look forgotten."""
    one = pair("HYPE")
    result = scan_of(one)
    facts = tokens.TokenFacts(lists_of(result).rows[one.base], result, one)

    text = _text(tokens.token_card(facts, LOOK, timedelta(minutes=2)))

    assert "LT not listed · EX pre-market contract, not traded" in text
    assert text.splitlines()[0] == (
        "HYPE long BN, short HL · +0.080%/8h, 88% APR gross · 🧪 PAPER"
    )


def test_a_side_that_was_dropped_makes_no_pair_and_says_why() -> None:
    """A pair whose prices do not agree must not get an Open button."""
    one = pair("HYPE")
    skip = Skip(
        one.base, SkipReason.PRICE_MISMATCH, "Hyperliquid is 12% away", HYPERLIQUID
    )
    result = scan_of(one, skips=[skip])
    facts = tokens.TokenFacts(lists_of(result).rows[one.base], result, None)

    card = tokens.token_card(facts, LOOK, timedelta(minutes=2))

    assert "HL Hyperliquid is 12% away" in _text(card)
    assert not [label for label in _labels(card) if label.startswith("Open")]


def test_a_viewer_sees_no_button_that_trades() -> None:
    """Viewers look; a button they cannot use is a dead end."""
    one = pair("HYPE")
    result = scan_of(one)
    look = replace(LOOK, can_trade=False)
    facts = tokens.TokenFacts(lists_of(result).rows[one.base], result, one)
    position_of_one = value_of(trade_of(open_plan(one), "trade001"))
    cards = [
        opportunity.top_card(result, look, VIEW),
        tokens.token_card(facts, look, timedelta(minutes=2)),
        position.position_card(position_of_one, look),
    ]

    for card in cards:
        verbs = {button.tap.verb for row in card.rows for button in row}
        assert not verbs & {Verb.OPEN, Verb.BEST, Verb.CLOSE, Verb.MUTE, Verb.REQUOTE}


# --- plans ----------------------------------------------------------------------------


def _offer(body: OpenPlan | ClosePlan) -> plan.Offer:
    return plan.Offer(
        plan_id=PlanId("plan0001"),
        nonce=Nonce("n" * 22),
        body=body,
        quoted_at=START,
        expires_at=START + timedelta(seconds=45),
        request=QuoteRequest("HYPE", size_usd=Decimal(500)),
        sizes_usd=plan.size_choices(Decimal(500)),
    )


def test_a_confirm_card_can_be_checked_by_hand() -> None:
    """12.5 at 40 is $500; a third of it plus 0.05 % fee leaves $4,833 of $5,000."""
    card = plan.plan_card(_offer(open_plan(pair("HYPE"))), LOOK)

    assert _text(card).splitlines() == [
        "⚡ Open HYPE? $500 per leg · 🧪 PAPER",
        "leg           long BN    short HL",
        "qty              12.5        12.5",
        "price              40          40",
        "value         $500.00     $500.00",
        "leverage           3x          3x",
        "%/8h                0       +.080",
        "pays in       59m /8h     59m /1h",
        "liq              -31%        +31%",
        "free then      $4,833      $4,833",
        "data age     58s, 18s    58s, 18s",
        f"Net 8 h {MINUS}$0.53, 24 h +$0.51, 72 h +$3.63",
        "Funding +0.080%/8h · 88% APR · +$0.40 per 8 h, gross",
        f"Cost {MINUS}$1.05 in+out (fees $1.00 base tier, book $0.05 in, $0 out)",
        "Even after 19 h 30 · by the clock 18 h 10 (5 HL payments)",
        "Locks $400.00 margin: 0.13% on it in 24 h · 37% a year net",
        "No history of this pair yet",
        (
            "Settled in USDT on BN and USDC on HL, both counted as $"
            " · their gap is not known"
        ),
        "Refuses: funding < 0.048%/8h, cost > $1.25, slip > 0.1% HL / 0.15% BN",
        "Valid until 21:52:58 UTC (45 s) · data age: rate, book",
    ]
    assert _labels(card)[:2] == [f"✅ Open $500 {TIMES} 2", "✖ Cancel"]


def test_the_confirm_button_carries_the_nonce_and_cancel_is_right_of_it() -> None:
    """The way out stands always in the same place."""
    card = plan.plan_card(_offer(open_plan(pair("HYPE"))), LOOK)

    confirm, cancel = card.rows[0]
    assert confirm.tap.encode() == "y:" + "n" * 22
    assert cancel.tap.encode() == "n:" + "n" * 22
    assert card.is_protected


def test_a_plan_over_contracts_of_a_thousand_explains_its_units() -> None:
    """12,500 on one side and 12,500,000 on the other are the same quantity."""
    one = pair("PEPE", price="0.00004")
    thousand: Instrument = replace(
        one.short.instrument, multiplier=Decimal(1000), native_name="kPEPE"
    )
    one = replace(one, short=replace(one.short, instrument=thousand))

    text = _text(plan.plan_card(_offer(open_plan(one)), LOOK))

    assert "1 kPEPE on HL = 1000 PEPE" in text
    assert "qty          12500000       12500" in text
    assert "price         0.00004        0.04" in text


def test_free_margin_that_is_not_known_is_no_number() -> None:
    """An unknown balance shown as $0 or as enough would both be wrong."""
    body = open_plan(pair("HYPE"))
    body = replace(body, first=replace(body.first, free_usd=None))

    assert "free then      $4,833           -" in _text(
        plan.plan_card(_offer(body), LOOK)
    )


def test_enter_best_says_what_it_passed_over_and_why() -> None:
    """Otherwise the second best looks like the best."""
    offer = replace(
        _offer(open_plan(pair("HYPE"))),
        passed_over=(("APT", "lighter has 3.00 USD free, 167.00 needed."),) * 5,
    )

    text = _text(plan.plan_card(offer, LOOK))

    assert "APT: Lighter has 3.00 USD free, 167.00 needed." in text
    assert text.endswith("and 2 more")


def test_a_close_card_names_the_likely_end_and_the_next_payment() -> None:
    """Closing a minute before a payment may be a mistake."""
    trade = trade_of(open_plan(pair("HYPE")), "trade001")

    text = _text(plan.plan_card(_offer(close_plan(trade)), LOOK))

    assert text.splitlines()[0] == "Close HYPE? You would end near +$2.05 · 🧪 PAPER"
    assert "leg            buy HL     sell BN" in text
    assert "Next payment: HL in 59 min, about" in text


def test_a_close_without_rates_says_that_the_amount_is_unknown() -> None:
    """A venue without a fresh rate must not stop a close, nor invent a payment."""
    body = close_plan(trade_of(open_plan(pair("HYPE")), "trade001"))
    body = replace(body, first=replace(body.first, rate=None), expected_net_usd=None)

    text = _text(plan.plan_card(_offer(body), LOOK))

    assert "Next payment: HL in 59 min, amount unknown" in text
    assert "The end result cannot be valued now" in text


# --- positions ------------------------------------------------------------------------


def _trades(count: int) -> Iterator[Trade]:
    names = itertools.cycle(("HYPE", "币安人生", "FARTCOINISLONG"))
    for number, name in zip(range(count), names, strict=False):
        yield trade_of(open_plan(pair(name)), f"trade{number:03d}")


def test_60_positions_page_through_all_of_them() -> None:
    """A pair that falls between pages cannot be closed from chat."""
    found = tuple(value_of(trade) for trade in _trades(60))
    portfolio = Portfolio(found, (), START)

    seen = []
    for page in range(7):
        card = position.positions_card(portfolio, LOOK, position.PositionsView(page))
        assert check(card) == ()
        seen += [row.trade_id for row in unpack_rows(card.shown)]

    assert seen == [one.trade.trade_id for one in found]


def test_a_position_splits_its_result_by_part() -> None:
    """Funding 3.00, price -0.20, fees 0.50: 2.30 is left."""
    trade = trade_of(open_plan(pair("HYPE")), "trade001")

    text = _text(position.position_card(value_of(trade), LOOK))

    assert text.splitlines()[0] == (
        "HYPE +$2.30 after fees so far · 🧪 PAPER · trade001"
    )
    assert f"Funding +$3.00 · price {MINUS}$0.20 · fees {MINUS}$0.50 so far" in text
    assert "Delta $0 (0 HYPE)" in text


def test_a_pair_that_is_not_level_shows_the_residual_in_dollars() -> None:
    """Half a token too many at 40 is $20 of naked risk."""
    trade = trade_of(open_plan(pair("HYPE")), "trade001")
    more = replace(trade.second, held_base=Decimal(13))
    found = value_of(replace(trade, second=more))

    assert "Delta $20.00 (0.5 HYPE)" in _text(position.position_card(found, LOOK))


def test_a_leg_without_a_price_makes_the_result_unknown() -> None:
    """A venue that is down must not make the loss disappear."""
    found = value_of(trade_of(open_plan(pair("HYPE")), "trade001"))
    blind = replace(found.long, mark_price=None, price_usd=None)

    text = _text(position.position_card(replace(found, long=blind), LOOK))

    assert "HYPE result unknown after fees so far" in text


def test_a_contract_without_entries_is_named_as_the_other_cards_name_it() -> None:
    """SUI/USDT:USDT is how a library writes it, nobody else."""
    why = "the excess could not be sold"
    halt = Halt("binance:SUI/USDT:USDT", "a", TradingState.REDUCING, why, START)
    health = Health(
        at=START,
        mode=Mode.PAPER,
        trading=TradingState.ACTIVE,
        halts=(halt,),
        venues=(),
        scanned_at=START,
        scan_took=None,
        outbox_waiting=0,
        outbox_oldest=None,
        open_trades=1,
        started_at=START,
        is_checking=False,
    )

    text = _text(health_card(health, LOOK))

    assert "Binance SUI entries off: the excess could not be sold" in text


@pytest.mark.parametrize(
    ("reason", "label"), [("by you", "▶ Resume"), ("SUI is not hedged", "Health")]
)
def test_resume_is_offered_only_where_it_lifts_the_pause(
    reason: str, label: str
) -> None:
    """What the bot itself turned off stays off however often Resume is pressed."""
    card = trouble.trouble_card(LOOK, errors.PausedError(reason, START))

    assert _labels(card) == [label, "Positions"]


def test_a_reason_says_a_venue_by_the_name_it_goes_by() -> None:
    """Okx, Mexc or Bitmart in a sentence look like a fault of the bot."""
    okx = replace(RULES[0], venue_id=VenueId("okx"), code="OK", title="OKX")
    look = replace(LOOK, venues={**LOOK.venues, okx.venue_id: okx})
    facts = {**ALERT_FACTS[AlertKind.NOT_HEDGED], "reason": "okx did not fill it"}

    shown = _text(alert_card(look, _alert(AlertKind.NOT_HEDGED, facts)))
    trade = replace(trade_of(open_plan(pair("HYPE")), "t1"), outcome="okx refused")

    assert "OKX did not fill it" in shown
    assert "OKX refused" in _text(position.position_card(value_of(trade), look))


def test_fees_that_are_not_known_yet_are_not_shown_as_nothing() -> None:
    """A leg that was just bought has paid a fee; $0 would be a lie."""
    found = value_of(trade_of(open_plan(pair("HYPE")), "trade001"))
    untold = replace(found.long, entry_price=None, price_usd=None, fees_usd=Decimal(0))

    text = _text(position.position_card(replace(found, long=untold), LOOK))

    (row,) = (line for line in text.splitlines() if line.startswith("fees"))
    assert row.split() == ["fees", "-", "-$0.25"]
    assert "fees unknown so far" in text


def test_deltas_of_two_tokens_do_not_cancel_out() -> None:
    """Long 10 USD of one and short 10 USD of another is 20 USD unhedged, not 0."""
    found = []
    for number, sign in enumerate((1, -1)):
        trade = trade_of(open_plan(pair("HYPE")), f"trade{number:03d}")
        value = value_of(trade)
        mark = value.long.mark_price
        assert mark is not None
        long = replace(trade.long, held_base=trade.short.held_base + sign * 10 / mark)
        is_first_long = trade.first is trade.long
        uneven = (
            replace(trade, first=long) if is_first_long else replace(trade, second=long)
        )
        found.append(replace(value, trade=uneven))

    card = position.positions_card(
        Portfolio(tuple(found), (), START), LOOK, position.PositionsView()
    )

    assert "delta $20.00" in _text(card)
    assert "not all level" in _text(card)


def test_a_contract_that_left_the_list_is_named_on_its_pair() -> None:
    """A trader must hear that the way out may close, and why."""
    found = value_of(trade_of(open_plan(pair("HYPE")), "trade001"))
    venue = found.long.leg.instrument.venue_id
    gone = replace(found, gone={venue: AbsenceReason.SETTLING})

    text = _text(position.position_card(gone, LOOK))

    assert f"⚠️ {LOOK.title(venue)} does not list HYPE" in text
    assert "any more (settling): close while it still trades" in text


def test_extreme_results_stay_inside_the_table() -> None:
    """Minus twelve thousand must fit where plus two stood."""
    found = value_of(trade_of(open_plan(pair("币安人生")), "trade001"))
    leg = replace(
        found.long, funding_usd=Decimal(-123456), price_usd=Decimal("-9876543.21")
    )
    extreme = replace(found, long=leg)
    portfolio = Portfolio((extreme,), (), START)

    one = position.position_card(extreme, LOOK)
    many = position.positions_card(portfolio, LOOK, position.PositionsView())

    assert "-$123,456" in _text(one)
    assert check(many) == ()


def test_a_pair_that_needs_a_person_comes_first() -> None:
    """The most urgent thing is the first line."""
    trade = trade_of(open_plan(pair("HYPE")), "trade001")
    urgent = replace(trade, needs_attention=True, attention="leg 2 cannot be sold")
    portfolio = Portfolio((value_of(urgent),), (), START)

    text = _text(position.positions_card(portfolio, LOOK, position.PositionsView()))

    assert text.splitlines()[0] == "🚨 Needs you: HYPE · 🧪 PAPER"


# --- everything else ------------------------------------------------------------------

REFUSALS = [
    errors.UnknownTokenError(NASTY),
    errors.NoPairError("HYPE", NASTY),
    errors.ThinSpreadError("HYPE", Decimal("0.00001"), Decimal("0.00002")),
    errors.TooManyOpenError(5),
    errors.NothingFitsError((("HYPE", NASTY),) * 50),
    errors.SizeError(NASTY),
    errors.BadValueError("size_usd", errors.Fault.UNREADABLE, NASTY),
    errors.MarginError("lighter", Decimal("180.1"), Decimal(201)),
    errors.VenueDownError("lighter", NASTY, START),
    errors.OffTheListError("lighter", NASTY, "delisted"),
    errors.BoundBrokenError("funding", "0.081%/8h", NASTY),
    errors.PausedError("by you", START),
    errors.ReconcilingError(),
    errors.CoolingDownError("HYPE", START + timedelta(minutes=30)),
    errors.CapError("binance would hold 1000.00 USD, above the cap of 999"),
    errors.CannotAdoptError("HYPE", "binance holds 3 and lighter holds 2"),
    errors.CannotAddError("HYPE", "what it holds has changed since the card"),
    errors.AlreadyHeldError("HYPE", "lighter", NASTY),
    errors.PlanExpiredError(START),
    errors.PlanUsedError("trade001"),
    errors.PlanVoidError("void"),
    errors.PlanPendingError(),
    errors.NotYoursError(),
    errors.PlanGoneError(),
    errors.UnknownTradeError(NASTY),
    errors.TradeBusyError("trade001", "leg1"),
    errors.StorageError(NASTY),
    errors.IllegalStepError("trade 1", "open", "T99"),
    errors.CoreError(NASTY),
]


@pytest.mark.parametrize("error", REFUSALS, ids=lambda error: type(error).__name__)
def test_every_refusal_is_a_sentence_with_a_way_on(error: errors.CoreError) -> None:
    """A dead end in chat leaves a person alone with an open question."""
    for again in (None, {"command": "open", "words": ""}):
        for can_trade in (True, False):
            look = replace(LOOK, can_trade=can_trade)
            card = trouble.trouble_card(look, error, again=again, can_quote=True)

            assert check(card) == ()
            assert card.rows
            assert "🧪 PAPER" in card.html


def test_every_error_class_has_words_of_its_own() -> None:
    """A new refusal without a row would be told as "Refused"."""
    kinds = [
        one
        for one in vars(errors).values()
        if isinstance(one, type) and issubclass(one, errors.CoreError)
    ]
    nearest = {
        kind: next(each for each in kind.__mro__ if each in trouble.REFUSALS)
        for kind in kinds
    }

    wordless = {kind for kind, row in nearest.items() if row is errors.CoreError}
    assert wordless == {errors.CoreError, errors.IllegalStepError}
    assert {type(error) for error in REFUSALS} >= set(trouble.REFUSALS)


def test_a_venues_own_words_are_escaped_shortened_and_folded() -> None:
    """A reason with `<_*[&` in it must arrive, not be refused by Telegram."""
    error = errors.VenueError("lighter", errors.TroubleKind.NONSENSE, NASTY)

    card = trouble.trouble_card(LOOK, error)

    assert check(card) == ()
    assert "<blockquote expandable>&lt;b&gt;_*[&amp;xxx" in card.html
    assert len(card.html) < 1000


def test_a_margin_refusal_names_the_venue_and_both_amounts() -> None:
    """The person must know where to move money, and how much."""
    error = errors.MarginError("hyperliquid", Decimal(180), Decimal("201.4"))

    text = _text(trouble.trouble_card(LOOK, error))

    assert text.splitlines()[0] == (
        "Hyperliquid has $180.00 free, $201.40 needed. Nothing was ordered. · 🧪 PAPER"
    )


def test_alerts_show_threshold_delivery_and_mutes() -> None:
    """The settings a person made must be readable where he changes them."""
    pushes = preferences.Pushes(
        Decimal("0.0000625"),
        AlertDelivery.SILENT,
        {
            Mute(Base("PEPE")): None,
            Mute(Base("WIF")): LOOK.now + timedelta(hours=8),
            Mute.pair(Base("SUI"), LIGHTER, BINANCE): None,
        },
    )

    card = preferences.alerts_card(pushes, LOOK)

    text = _text(card)
    assert text.splitlines()[0] == (
        "Alerts on new spreads: on, without sound · 🧪 PAPER"
    )
    assert "From 0.050%/8h gross" in text
    assert "Muted: PEPE, SUI BN/LT, WIF (8 h 00)" in text
    assert ".050 •" in _labels(card)
    assert "Silent •" in _labels(card)


@pytest.mark.parametrize("state", TradingState)
def test_the_greeting_says_who_you_are_and_starts_nothing(state: TradingState) -> None:
    """Telegram sends /start after a cleared chat: it must be inert."""
    card = help_cards.start_card(LOOK, state)

    verbs = {button.tap.verb for row in card.rows for button in row}
    assert verbs == {Verb.SCREEN}
    assert "Hello Anna, owner" in _text(card)


# --- alerts ---------------------------------------------------------------------------


def _alert(kind: AlertKind, facts: dict[str, str] | None = None) -> Alert:
    known = ALERT_FACTS[kind] if facts is None else facts
    return Alert(kind, AlertLevel.TRADE, f"{kind}:1", known, START)


@pytest.mark.parametrize("kind", AlertKind)
@pytest.mark.parametrize("can_trade", [True, False])
def test_every_alert_has_a_card(kind: AlertKind, *, can_trade: bool) -> None:
    """An alert without a card would be news that nobody gets."""
    card = alert_card(replace(LOOK, can_trade=can_trade), _alert(kind))

    assert check(card) == ()
    assert "🧪 PAPER" in visible_text(card.html).splitlines()[0]


@pytest.mark.parametrize("kind", AlertKind)
def test_an_alert_with_hardly_any_facts_still_arrives(kind: AlertKind) -> None:
    """What is unknown is left out of the facts; the rest must be told."""
    card = alert_card(LOOK, _alert(kind, {"base": NASTY[:40]}))

    assert check(card) == ()


def test_progress_shows_both_legs_and_no_button() -> None:
    """While orders are out there is nothing to press."""
    card = alert_card(LOOK, _alert(AlertKind.PROGRESS))

    assert _text(card).splitlines() == [
        "HYPE opening · 🧪 PAPER · 7f2abcde",
        "1 short HL 12.1 @ 41.358     done",
        "2 long  LT 12.1           sending",
    ]
    assert card.rows == ()


@pytest.mark.parametrize(
    ("gap", "words"),
    [
        ("0.0031", "no price gap"),
        ("-0.0099", "no price gap"),
        ("0.01", "price gap +$0.01"),
        ("-1.2", f"price gap {MINUS}$1.20"),
    ],
)
def test_a_price_gap_below_a_cent_is_not_spelled_out(gap: str, words: str) -> None:
    """Such as +$0.0031 reads like a riddle beside dollars and cents."""
    alert = _alert(AlertKind.OPENED)
    facts = {**alert.facts, "price_gap_usd": gap}

    assert f" · {words} · " in _text(alert_card(LOOK, replace(alert, facts=facts)))


def test_an_open_pair_reports_fees_gap_and_expected_funding() -> None:
    """12.1 times 41.358 times 0.0001 an hour is $0.40 in 8 hours."""
    card = alert_card(LOOK, _alert(AlertKind.OPENED))

    text = _text(card)
    assert text.splitlines()[0] == (
        "✅ HYPE open, both legs filled · 🧪 PAPER · 7f2abcde"
    )
    assert f"Fees {MINUS}$0.51 · price gap +$0.44 · delta 0 HYPE" in text
    assert "Funding about +$0.40 per 8 h, gross" in text
    assert "Position" in _labels(card)


def test_a_refused_opening_shows_the_old_and_the_new_value() -> None:
    """0.00010125 an hour was 0.081 % per 8 hours, 0.00003875 is 0.031 %."""
    card = alert_card(LOOK, _alert(AlertKind.NOT_OPENED))

    text = _text(card)
    assert "Funding was 0.081%/8h, now 0.031%/8h." in text
    assert "Nothing was ordered." in text
    assert "🔄 New quote" in _labels(card)


def test_a_naked_leg_says_what_to_do_by_hand() -> None:
    """At three in the night the instruction must be exact."""
    card = alert_card(LOOK, _alert(AlertKind.NOT_HEDGED))

    text = _text(card)
    assert text.splitlines()[0] == (
        "🚨 NOT HEDGED: short 12.1 HYPE on Hyperliquid · 🧪 PAPER"
    )
    assert "Do now: on Hyperliquid buy 12.1 HYPE in HYPE, reduce-only." in text
    assert "Outside the price band. Tried 3 times." in text


def test_a_leg_that_waits_for_an_answer_says_until_when_and_what_to_look_at() -> None:
    """Selling by hand what is hedged already would open the other leg."""
    facts = {
        **ALERT_FACTS[AlertKind.NOT_HEDGED],
        "asked_venue": BINANCE,
        "asked_side": "buy",
        "asked_quantity": "12.1",
        "decide_by": (LOOK.now + timedelta(minutes=9)).isoformat(),
    }

    card = alert_card(LOOK, _alert(AlertKind.NOT_HEDGED, facts))

    text = _text(card)
    assert text.splitlines()[0].startswith("🚨 NOT HEDGED: short 12.1 HYPE")
    assert "whether my order to buy 12.1 HYPE was filled" in text
    assert "Do now: look at Binance" in text
    assert "If it was not and you cannot wait, on Hyperliquid buy 12.1 HYPE" in text
    assert "I decide at the latest" in text
    assert all(
        button.tap.verb is not Verb.REPAIR for row in card.rows for button in row
    )


def test_an_instruction_by_hand_counts_as_the_venue_does() -> None:
    """123,000 of 1000PEPEUSDT are 123 million PEPE; typed as base it is 1000 times."""
    leg = {"leg": "1", "venue": BINANCE, "side": "long", "multiplier": "1000"}
    facts = {
        "base": "PEPE",
        "exposure_base": "123000000",
        "do_venue": BINANCE,
        "do_symbol": "1000PEPEUSDT",
        "do_side": "sell",
        "do_quantity": "123000000",
        "items": json.dumps([leg]),
    }

    text = _text(alert_card(LOOK, _alert(AlertKind.NOT_HEDGED, facts)))

    assert (
        "Do now: on Binance sell 123000 1000PEPEUSDT (= 123000000 PEPE), reduce-only."
        in text
    )


def test_a_new_spread_leads_to_a_quote_and_never_to_an_order() -> None:
    """An alert that orders on one tap would be a trap for a thumb."""
    card = alert_card(LOOK, _alert(AlertKind.NEW_SPREAD, SPREAD_FACTS))

    text = _text(card)
    verbs = {button.tap.verb for row in card.rows for button in row}
    assert text.splitlines()[0] == "📈 HYPE 0.080%/8h gross in two scans · 🧪 PAPER"
    assert "+$0.40 per 8 h at $500 · 88% APR · data 18 s old" in text
    assert verbs == {Verb.OPEN, Verb.TOKEN, Verb.MUTE}
    assert unpack_rows(card.shown)[0].venues == (LIGHTER, HYPERLIQUID)


def test_forty_new_spreads_make_one_message_of_nine_rows() -> None:
    """A market move must not bury the chat."""
    facts = ALERT_FACTS[AlertKind.SPREAD_DIGEST]

    text = _text(alert_card(LOOK, _alert(AlertKind.SPREAD_DIGEST, facts)))

    assert text.splitlines()[0] == "📈 40 new spreads · 🧪 PAPER"
    assert "and 31 more in /top" in text


# --- the checks themselves ------------------------------------------------------------


@pytest.mark.parametrize(
    ("card", "fault"),
    [
        (Card(""), "empty text"),
        (Card("x" * 4097), "4097 characters"),
        (Card("🧪" * 2049), "4098 characters"),
        (Card("a < b"), "unescaped"),
        (Card("a & b"), "unescaped"),
        (Card("<b>a"), "unclosed b"),
        (Card("<div>a</div>"), "unknown tag div"),
        (Card("<b><i>a</b></i>"), "badly nested"),
        (Card("<pre><b>a</b></pre>"), "inside a table"),
        (Card("<pre>" + "x" * 34 + "</pre>"), "table row of 34 cells"),
        (Card("<pre>" + "币" * 17 + "</pre>"), "table row of 34 cells"),
        (Card("<pre>→</pre>"), "not for a monospace table"),
        (Card("<pre>🧪</pre>"), "not for a monospace table"),
        (Card("<b>a</b>" * 100), "100 entities"),
    ],
)
def test_the_check_sees_what_telegram_would_refuse_or_cut(
    card: Card, fault: str
) -> None:
    """A check that sees nothing makes every other test here worthless."""
    assert any(fault in one for one in check(card))


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ([[Button("a", Tap(Verb.PAGE, "id000001"))] * 9], "9 buttons in a row"),
        ([[Button("a", Tap(Verb.PAGE, "id000001"))]] * 101, "101 buttons"),
        ([[Button("x" * 21, Tap(Verb.PAGE, "id000001"))]], "label of 21"),
        ([[Button("", Tap(Verb.PAGE, "id000001"))]], "label of 0"),
        ([[Button("a", Tap(Verb.PAGE, "x" * 30))]], "callback data over 24"),
    ],
)
def test_the_check_sees_bad_buttons(rows: list[list[Button]], fault: str) -> None:
    """One bad button and Telegram refuses the whole message."""
    card = Card("a", rows=tuple(tuple(row) for row in rows))

    assert any(fault in one for one in check(card))


def test_escaped_text_passes_the_check() -> None:
    """What the cards do with foreign text is what Telegram takes."""
    assert check(Card(escape("<_*[&", quote=False))) == ()


def test_health_names_the_silent_venue_and_who_paused() -> None:
    """The first question at night: what is broken, and what is off?"""
    fine = VenueHealth(
        venue_id=BINANCE,
        is_ok=True,
        latency=timedelta(milliseconds=92),
        age=timedelta(seconds=4),
        failures=0,
        failing_since=None,
        error=None,
        instruments=200,
        rates=198,
        tally=Tally(60, 0),
    )
    silent = replace(
        fine,
        venue_id=LIGHTER,
        is_ok=False,
        latency=None,
        age=None,
        failures=9,
        failing_since=LOOK.now - timedelta(minutes=4),
        error=NASTY,
        tally=Tally(50, 2),
    )
    halt = Halt(
        GLOBAL_SCOPE, "pause", TradingState.REDUCING, "paused", START, UserId(1)
    )
    health = Health(
        at=LOOK.now,
        mode=Mode.PAPER,
        trading=TradingState.REDUCING,
        halts=(halt,),
        venues=(fine, silent),
        scanned_at=START,
        scan_took=timedelta(seconds=2.1),
        outbox_waiting=3,
        outbox_oldest=START,
        open_trades=2,
        started_at=START - timedelta(days=3, hours=4),
        is_checking=False,
    )

    card = health_card(health, replace(LOOK, user_id=UserId(1)))

    text = _text(card)
    assert text.splitlines()[:4] == [
        "1 of 2 venues fine · REDUCING · 🧪 PAPER",
        "VN   ms   age err left list rates",
        "BN   92    4s   0 100%  200   198",
        "LT    -     -   2  20%  200   198",
    ]
    assert "err = failed reads in 1 h · left = of the 5% that may fail" in text
    assert "⚠️ Lighter silent for 4 min, left out when too old" in text
    assert "Entries off: paused by you, since 21:52 UTC" in text
    assert "Scan 18 s ago (2.1 s) · 3 messages waiting, oldest 18 s" in text
    assert "Up 3 d 4 h · 2 open pairs" in text
    assert "▶ Resume" in _labels(card)


def test_health_says_until_when_a_venue_is_left_alone_and_why() -> None:
    """Nobody should wonder why its rows are gone although it may be back by now."""
    paused = VenueHealth(
        venue_id=LIGHTER,
        is_ok=False,
        latency=timedelta(seconds=12),
        age=None,
        failures=4,
        failing_since=LOOK.now - timedelta(minutes=4),
        error="no answer in time",
        instruments=200,
        rates=0,
        tally=Tally(60, 4),
        paused_until=LOOK.now + timedelta(seconds=60),
    )

    health = Health(
        at=LOOK.now,
        mode=Mode.PAPER,
        trading=TradingState.ACTIVE,
        halts=(),
        venues=(paused,),
        scanned_at=START,
        scan_took=None,
        outbox_waiting=0,
        outbox_oldest=None,
        open_trades=0,
        started_at=START,
        is_checking=False,
    )

    text = _text(health_card(health, LOOK))

    assert "LT 9999     -   4   0%  200     0" in text
    assert (
        "⏸ Lighter silent for 4 min: 4 failures in a row, left out and not asked"
        " until 21:53:31 UTC"
    ) in text
    assert "no answer in time" in text


def test_a_stopped_venue_does_not_promise_that_closing_works() -> None:
    """Who must close now has to hear that it is possible only on the venue itself."""
    text = _text(alert_card(LOOK, _alert(AlertKind.HALTED)))

    assert text.splitlines()[0] == "⛔ Binance is stopped · 🧪 PAPER"
    assert "Binance shut us out for a while, for asking too much." in text
    assert "at least until" in text
    assert "no repairs, no closing" in text
    assert "close on the venue" in text


def test_entries_that_are_off_leave_closing_and_repairs() -> None:
    """The milder halt must not read like the strict one."""
    facts = {**ALERT_FACTS[AlertKind.HALTED], "key": "trouble", "state": "reducing"}

    text = _text(alert_card(LOOK, _alert(AlertKind.HALTED, facts)))

    assert text.splitlines()[0] == "⛔ Entries on Binance are off · 🧪 PAPER"
    assert "Closing and repairs work there." in text


def test_a_refusal_on_a_stopped_venue_says_that_closing_waits_too() -> None:
    """The words Closing works would send a person to a button that does nothing."""
    error = errors.PausedError("binance refused our key", LOOK.now, can_close=False)

    text = _text(trouble.trouble_card(LOOK, error))

    assert "closing waits too" in text
    assert "Closing works" not in text


def test_a_dead_disk_names_every_leg_with_its_size_and_what_to_do() -> None:
    """These words may be all an owner has; nothing else can be looked up."""
    trade = trade_of(open_plan(pair("PEPE")), "t1")
    thousands = replace(trade.first.instrument, multiplier=Decimal(1000))
    trade = replace(
        trade,
        first=replace(
            trade.first, instrument=thousands, held_base=Decimal("1250000.0")
        ),
        second=replace(trade.second, held_base=Decimal(0)),
    )

    text = _text(disk.dead_disk_card(LOOK, "The database refused: <full>.", [trade]))

    title = LOOK.title(thousands.venue_id)
    name = thousands.native_name
    assert f"{trade.first.side.value} 1250000 PEPE on {title} ({name}: 1250)" in text
    assert "(not hedged)" in text
    assert "To close, do it on both venues. Free disk space" in text
    nothing = _text(disk.dead_disk_card(LOOK, "", []))
    assert "No pair is open." in nothing
    unread = _text(disk.dead_disk_card(LOOK, "", None))
    assert "I cannot read what is open either: look at every venue." in unread


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("low", "Entries are off: only 43 MB are free"),
        ("back", "Entries are on again: only 43 MB are free"),
        ("works", "Disk: only 43 MB are free"),
        ("lost", "Everything is halted: only 43 MB are free"),
    ],
)
def test_each_state_of_the_disk_has_its_words(state: str, words: str) -> None:
    """What is off, what is on again, and what to do."""
    facts = {"state": state, "reason": "only 43 MB are free", "file": "live.db.damaged"}

    assert words in _text(alert_card(LOOK, _alert(AlertKind.DISK, facts)))


def test_an_open_pair_says_what_a_listed_unit_holds() -> None:
    """1,250 beside 1,250,000 looks like a hedge gone wrong; it is 1000PEPE."""
    trade = trade_of(open_plan(pair("PEPE")), "t1")
    thousands = replace(
        trade.long.instrument, multiplier=Decimal(1000), native_name="1000PEPEUSDT"
    )
    held = replace(trade.long, instrument=thousands)
    is_first = trade.first is trade.long
    trade = replace(trade, first=held) if is_first else replace(trade, second=held)

    text = _text(position.position_card(value_of(trade), LOOK))

    assert "1 1000PEPEUSDT on BN = 1000 PEPE" in text
    assert text.count("= 1000") == 1


@pytest.mark.parametrize(
    ("action", "promise"),
    [
        ("tell", False),
        ("button", False),
        ("close", True),
    ],
)
def test_a_venues_trouble_is_told_with_what_follows(action: str, promise: bool) -> None:  # noqa: FBT001 - a table
    """Who reads that a venue is dead must not fear that the other leg is sold now."""
    facts = {
        **ALERT_FACTS[AlertKind.EXIT],
        "rule": "venue",
        "action": action,
        "how": "does not answer: timeout",
        "lasted_s": "1860",
    }
    alert = Alert(
        kind=AlertKind.EXIT,
        level=AlertLevel.TRADE,
        dedupe_key="exit:1",
        facts=facts,
        created_at=START,
    )
    card = alert_card(LOOK, alert)

    assert "Binance does not answer: timeout" in _text(card)
    assert "31 min" in _text(card)
    assert ("as soon as both venues are in order" in _text(card)) is promise
    assert any("Close" in label for label in _labels(card)) is (action == "button")
