"""What a trader reads of results in chat, and what a spreadsheet gets."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from bot.cards import pnl
from bot.cards.checks import visible_text
from bot.cards.export import COLUMNS, ledger_csv
from bot.cards.pnl import Period, PnlView, Split
from core.model.ledger import PnlReport, Residual, Result
from core.model.units import Base, TradeId
from core.pnl import moves
from tests.fakes.chat import VERA, Chat
from tests.fakes.ledger import ScriptedBooks, closed_entry, open_entry
from tests.fakes.objects import BINANCE, EXTENDED
from tests.fakes.runtime import START


@pytest.fixture
def chat() -> Chat:
    """Return a chat with one closed and one open pair on the books."""
    return Chat()


def read(html: str) -> str:
    """Return what a person reads."""
    return visible_text(html)


async def test_the_answer_comes_first_and_its_parts_add_up(chat: Chat) -> None:
    """A tired trader reads one number; the curious one checks it."""
    card = (await chat.type("/pnl all")).card
    words = read(card.html)

    # closed 9.51825; open 21.25 - 6.83075 + 4
    assert words.startswith("+$27.94 since the start · 1 open · 🧪 PAPER")
    assert "funding               +42.50" in words
    assert "price, open now        +4.00" in words
    assert "fees                  -20.56" in words
    assert "net                   +27.94" in words
    assert "BTC        +42.50   +6.00  +27.94" in words


async def test_another_period_and_split_are_a_tap_away(chat: Chat) -> None:
    """The choice is marked and stays when the other one changes."""
    card = await chat.type("/pnl")
    card = await chat.tap(card, "By venue")
    card = await chat.tap(card, "All")

    words = read(card.card.html)
    labels = [button.label for button in card.buttons]
    assert "VENUE        fund   price     net" in words
    assert "BN" in words
    assert "All •" in labels
    assert "By venue •" in labels
    again = await chat.tap(card, "🔄 Refresh")
    assert "All •" in [button.label for button in again.buttons]


@pytest.mark.parametrize("label", ["By token", "By venue", "By day", "By pair"])
async def test_every_split_fits_a_phone(chat: Chat, label: str) -> None:
    """The table of each split keeps its columns."""
    card = await chat.type("/pnl all")
    if label != "By token":
        card = await chat.tap(card, label)

    assert "$ · net is after fees" in read(card.card.html)


async def test_an_unknown_period_is_answered_with_those_there_are(chat: Chat) -> None:
    """One sentence, and an example that works."""
    card = (await chat.type("/pnl yesterday")).card

    assert "/pnl takes today, 7d, 30d or all." in read(card.html)


async def test_a_viewer_may_look_at_results(chat: Chat) -> None:
    """Looking trades nothing."""
    card = (await chat.type("/pnl all", VERA)).card

    assert read(card.html).startswith("+$27.94")


async def test_everything_booked_can_be_saved_from_chat(chat: Chat) -> None:
    """The tax adviser wants a table, not a screenshot."""
    card = await chat.type("/pnl all")
    reply = await chat.tap(card, "📄 CSV")
    file = reply.card.attachment

    assert file is not None
    assert file.name == "carrybot-2026-11-22-all.csv"
    assert len(file.content.decode().splitlines()) == 1 + 6 + 4
    assert "10 lines" in read(reply.card.html)


def test_the_table_adds_up_and_keeps_exact_numbers() -> None:
    """What the spreadsheet sums must be what the bot says: 9.51825."""
    content, count = ledger_csv(moves(closed_entry()))
    rows = list(csv.DictReader(io.StringIO(content)))

    assert count == len(rows) == 6
    assert list(rows[0]) == list(COLUMNS)
    assert sum(Decimal(row["net_usd"]) for row in rows) == Decimal("9.51825")
    assert rows[0]["time_utc"] == "2026-11-20 21:52:13"
    assert {row["kind"] for row in rows} == {"trade", "funding"}


def test_a_token_that_looks_like_a_formula_stays_a_name() -> None:
    """A coin called =cmd must not run when the table is opened."""
    entry = closed_entry()
    sly = replace(entry, trade=replace(entry.trade, base=Base("=cmd|x")))
    rows = list(csv.DictReader(io.StringIO(ledger_csv(moves(sly))[0])))

    assert {row["token"] for row in rows} == {"'=cmd|x"}


def test_guessed_fees_and_estimates_are_marked() -> None:
    """A number that may still move says so in its own line."""
    entry = closed_entry()
    untold = replace(entry.fills[0], fee_usd=None)
    guess = replace(entry.payments[0], is_estimated=True)
    entry = replace(entry, fills=(untold,), payments=(guess,))
    notes = [
        row["note"] for row in csv.DictReader(io.StringIO(ledger_csv(moves(entry))[0]))
    ]

    assert notes == [
        "fee not told yet: taker rate",
        "estimated: the settled rate is not published yet",
    ]


def a_report(*residuals: Residual, **changes: object) -> PnlReport:
    """Return a week without trades, beside these wallets."""
    plain = PnlReport(
        since=START - timedelta(days=7),
        until=START,
        total=Result(),
        trades={},
        tokens={},
        venues={},
        days={},
        bases={},
        residuals=residuals,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def off_by(amount: str) -> Residual:
    """Return a wallet that moved by so much more than booked."""
    return Residual(BINANCE, START - timedelta(days=7), Decimal(amount))


async def test_wallets_that_agree_are_said_to(chat: Chat) -> None:
    """Trust needs one line, not a table."""
    card = pnl.pnl_card(a_report(off_by("-0.004")), chat.desk.look(), PnlView())

    assert "Venues' books agree to $0.01" in read(card.html)
    assert "Nothing was opened, paid or closed in this time." in read(card.html)


async def test_a_wallet_that_differs_is_named_with_the_amount(chat: Chat) -> None:
    """A deposit explains it; anything else the trader must look at."""
    card = pnl.pnl_card(a_report(off_by("250")), chat.desk.look(), PnlView())

    assert "⚠️ Binance holds $250.00 more than I booked since" in read(card.html)
    assert "agree" not in read(card.html)


async def test_a_silent_venue_is_said_not_to_be_compared(chat: Chat) -> None:
    """No answer is no agreement."""
    card = pnl.pnl_card(a_report(silent=(EXTENDED,)), chat.desk.look(), PnlView())

    assert "Not compared with our books now: Extended" in read(card.html)


async def test_an_unknown_open_part_makes_the_head_unknown(chat: Chat) -> None:
    """A sum with a hole is no number."""
    report = a_report(total=Result(open_usd=None), open_trades=1)
    card = pnl.pnl_card(report, chat.desk.look(), PnlView())

    assert read(card.html).startswith("Result unknown in 7 d · 1 open")


async def test_a_pairs_payments_show_what_was_expected(chat: Chat) -> None:
    """A rate in the wrong unit shows here first."""
    trade, found = await ScriptedBooks(open_entry()).payments(TradeId("8a3"))
    words = read(pnl.payments_card(trade, found, chat.desk.look()).html)

    assert words.startswith("BTC +$21.25 funding in 2 payments · 🧪 PAPER · 8a3")
    assert "BN      +22.41    +22.40" in words


def test_a_stored_view_that_makes_no_sense_is_the_usual_one() -> None:
    """An old card of another version must not end in an error."""
    assert PnlView.of({"period": "year", "split": "?", "page": "x"}) == PnlView(
        Period.WEEK, Split.TOKEN, 0
    )
