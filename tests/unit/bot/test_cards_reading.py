"""What a tired trader reads: few lines, whole words, no number without its meaning."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from bot.cards import position, why
from bot.cards.alert import alert_card
from bot.cards.checks import visible_text
from core.model.alert import Alert, AlertKind, AlertLevel
from core.model.position import Runway
from core.model.trade import TradeState
from tests.fakes.alerts import ALERT_FACTS
from tests.fakes.chat import Chat
from tests.fakes.engine import open_plan, pair, trade_of, value_of
from tests.fakes.ledger import ScriptedBooks, closed_entry
from tests.fakes.objects import BINANCE
from tests.fakes.runtime import START


@pytest.fixture
def chat() -> Chat:
    """Return a chat over the scripted market."""
    return Chat()


def test_what_happened_to_an_open_pair_is_no_reason(chat: Chat) -> None:
    """After a part was closed the pair lives on: "Reason" would sound like its end."""
    done = "the part you asked for is closed"
    trade = replace(
        trade_of(open_plan(pair("HYPE")), "trade001"),
        state=TradeState.OPEN,
        outcome=done,
    )
    look = chat.desk.look()

    lively = visible_text(position.position_card(value_of(trade), look).html)
    over = replace(trade, state=TradeState.CLOSED)
    ended = visible_text(position.position_card(value_of(over), look).html)

    assert f"Last change: {done}" in lively
    assert f"Reason: {done}" in ended


@pytest.mark.parametrize(
    ("distance", "shown"), [("0.29", "29%"), ("2", "200%"), ("19.78", ">200%")]
)
def test_a_liquidation_beyond_all_prices_is_only_far(
    chat: Chat, distance: str, shown: str
) -> None:
    """A short with much margin dies at twenty times the price: nobody needs 1978%."""
    found = value_of(trade_of(open_plan(pair("HYPE")), "trade001"))
    far = replace(found, distances={BINANCE: Decimal(distance)})

    text = visible_text(position.position_card(far, chat.desk.look()).html)

    (row,) = (line for line in text.splitlines() if line.startswith("liq"))
    assert row.split() == ["liq", shown, "-"]


@pytest.mark.parametrize(
    ("runway", "shown"),
    [
        (
            Runway(BINANCE, Decimal("0.20"), timedelta(days=4, hours=5), 71),
            "Runway about 4 d at recent moves, until Binance is 20% from liquidation",
        ),
        (
            Runway(BINANCE, Decimal("0.20"), timedelta(hours=7), 71, is_partly=True),
            (
                "Runway about 7 h at recent moves, until Binance is 20% from"
                " liquidation; the other leg's is not known"
            ),
        ),
        (
            Runway(BINANCE, Decimal("0.20"), None, 5),
            "Runway not known yet: 5 h of prices, 24 h needed",
        ),
        (
            Runway(BINANCE, Decimal("0.20"), None, 71, is_passed=True),
            "Runway: used up, Binance is within 20% of liquidation",
        ),
    ],
)
def test_how_long_a_pair_lasts_is_said_or_why_not(
    chat: Chat, runway: Runway, shown: str
) -> None:
    """Days are what an owner plans by; a number from five prices would be a lie."""
    found = value_of(trade_of(open_plan(pair("HYPE")), "trade001"))

    card = position.position_card(replace(found, runway=runway), chat.desk.look())

    assert shown in visible_text(card.html).splitlines()


def test_of_many_refused_pairs_the_best_two_are_read_at_once() -> None:
    """Six times the same advice is a screen and a half; it opens on a tap."""
    pairs = [f"❌ pair {number}: pays too little." for number in range(6)]
    venues = ["✅ Binance: usable", "❌ Lighter: not listed."]

    many = why._body([*venues, "", *pairs])
    few = why._body([*venues, "", *pairs[:3]])
    good = why._body([*venues, "", *pairs[:3], "✅ pair 9: nothing refuses it", *pairs])

    assert many.partition("<blockquote expandable>")[0].splitlines() == [
        *venues,
        "",
        *pairs[:2],
    ]
    assert visible_text(many).count("pays too little") == 6
    assert "blockquote" not in few
    assert good.index("pair 9") < good.index("blockquote")


def test_an_excess_short_is_said_with_a_true_minus(chat: Chat) -> None:
    """A hyphen before a number reads as a dash."""
    facts = {**ALERT_FACTS[AlertKind.OPENED], "exposure_base": "-12.1"}
    alert = Alert(AlertKind.OPENED, AlertLevel.TRADE, "k", facts, START)

    text = visible_text(alert_card(chat.desk.look(), alert).html)

    assert "delta \N{MINUS SIGN}12.1 HYPE" in text


def test_prices_that_came_apart_are_dollars_on_venues(chat: Chat) -> None:
    """One look must tell which venue shows what."""
    facts = ALERT_FACTS[AlertKind.PRICES_APART]
    alert = Alert(AlertKind.PRICES_APART, AlertLevel.CRITICAL, "k", facts, START)

    text = visible_text(alert_card(chat.desk.look(), alert).html)

    assert "One HYPE costs $40.5 on Lighter and $35.123 on Hyperliquid." in text


@pytest.mark.parametrize(
    ("kind", "changed", "line"),
    [
        (
            AlertKind.STAYS_OPEN,
            {"was_closing": "no", "reason": "the legs were made equal again"},
            "The legs were made equal again.",
        ),
        (
            AlertKind.CLOSED,
            {"total_usd": ""},
            "✅ HYPE closed: result not known yet · 🧪 PAPER · 7f2abcde",
        ),
    ],
)
def test_what_happened_is_a_whole_sentence(
    chat: Chat, kind: AlertKind, changed: dict[str, str], line: str
) -> None:
    """Half a sentence at midnight makes people look for the other half."""
    alert = Alert(kind, AlertLevel.TRADE, "k", ALERT_FACTS[kind] | changed, START)

    text = visible_text(alert_card(chat.desk.look(), alert).html)

    assert line in text.splitlines()


def test_the_funding_message_of_a_day_has_a_line_for_each_settlement(
    chat: Chat,
) -> None:
    """An edit must not take away what an hour brought: each is one silent line."""
    alert = Alert(
        kind=AlertKind.FUNDING,
        level=AlertLevel.FUNDING,
        dedupe_key="funding",
        facts=ALERT_FACTS[AlertKind.FUNDING],
        created_at=START,
    )

    told = visible_text(alert_card(chat.desk.look(), alert).html)

    hour = f"{START - timedelta(hours=1):%H:%M} UTC"
    assert f"{hour} +$3.79\nSince 00:00 UTC: +$4.17 in 3 payments." in told


async def test_the_columns_of_pnl_stand_under_their_heads(chat: Chat) -> None:
    """A pair's name with its id is the longest name there is."""
    chat.engine.books = ScriptedBooks(closed_entry())
    for split in ("By pair", "By token"):
        card = await chat.tap(await chat.type("/pnl all"), split)
        rows = [line for line in card.text.splitlines() if "fund" in line]
        head = next(line for line in rows if line.endswith("net"))
        row = next(line for line in card.text.splitlines() if line.startswith("BTC"))

        assert len(row) == len(head) == 33
