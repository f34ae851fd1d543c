"""What an owner reads at breakfast, and what everybody reads under /log."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.cards.alert import alert_card
from bot.cards.checks import check, visible_text
from bot.cards.log import event_words
from bot.cards.preference_words import read, value_words
from core.errors import BadValueError
from core.model.alert import Alert, AlertKind, AlertLevel
from core.model.control import Event
from core.model.preferences import Key
from tests.fakes.alerts import ALERT_FACTS
from tests.fakes.chat import ANNA, VERA, Chat
from tests.fakes.runtime import START


@pytest.fixture
def chat() -> Chat:
    """Return a chat."""
    return Chat()


def shown(chat: Chat, **facts: str) -> str:
    """Return what a person reads of a report with these facts changed."""
    told = {**ALERT_FACTS[AlertKind.DAILY], **facts}
    card = alert_card(
        chat.desk.look(), Alert(AlertKind.DAILY, AlertLevel.INFO, "d", told, START)
    )
    assert check(card) == ()
    return visible_text(card.html)


# --- the report -----------------------------------------------------------------------


def test_the_report_says_the_sum_first_and_then_its_parts(chat: Chat) -> None:
    """22.41 - 0.90 - 1.02 = 20.49; the first line is all a morning digest keeps."""
    words = shown(chat)

    assert words.startswith("🗓 +$20.49 booked in 24 h · 2 open · 🧪 PAPER")
    assert "funding              +$22.41" in words
    assert "fees                  -$1.02" in words
    assert "OPEN     L>S   result   liq lasts" in words
    assert "HYPE     LT>HL  +6.60   31%    4d" in words
    assert "liq = price move to liquidation · lasts = at recent moves" in words
    assert "FARTCOI~ BN>EX      -     -     -" in words
    assert "⚠️ Not in order: FARTCOINISLONG; see /pos" in words
    assert "Closed BTC EX>BN +$9.52 21:52 UTC: you closed it" in words
    assert "3 of 4 venues fine; silent: Lighter · entries on" in words
    assert (
        "Best now that you do not hold: SUI BN>HL, 0.080%/8h gross, +$1.21 net in 24 h"
        in words
    )


def test_a_quiet_day_is_five_lines(chat: Chat) -> None:
    """Nothing open, nothing done: nothing to scroll."""
    words = shown(
        chat, items="[]", open="0", silent="", fine="4", missed_per_hour="none"
    )

    assert "OPEN" not in words
    assert "open now" not in words
    assert words.splitlines()[-1] == "4 of 4 venues fine · entries on"


@pytest.mark.parametrize(
    ("typed", "value", "words"),
    [("off", "", "off"), ("7", "07:00", "07:00"), ("21:30", "21:30", "21:30")],
)
async def test_its_hour_is_typed_as_people_write_it(
    chat: Chat, typed: str, value: str, words: str
) -> None:
    """Nobody types seconds."""
    look = chat.desk.look(ANNA)
    await chat.type(f"/settings daily report {typed}")

    found = chat.engine.preferences.in_force(Key.REPORT_AT, ANNA.user_id).value
    assert found == value
    assert value_words(Key.REPORT_AT, found, look) == words


@pytest.mark.parametrize("typed", ["25:00", "8 o'clock", "12:60", ""])
def test_a_time_that_is_none_is_refused(chat: Chat, typed: str) -> None:
    """A report at 25:00 would never come."""
    with pytest.raises(BadValueError):
        read(Key.REPORT_AT, typed, chat.desk.look(ANNA))


# --- /log -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "detail", "words"),
    [
        (
            "trade 7f2 T04",
            "preflight -> leg1, buy 12 on lighter at 41.3, order abc",
            "pair 7f2 opening, leg 1: buy 12 on Lighter at 41.3",
        ),
        ("trade 7f2 T28", "close2 -> closed", "pair 7f2 closed"),
        (
            "trade 7f2 T11",
            "balance -> balance, buy 3 on lighter at 41.4, order abd",
            "pair 7f2: buy 3 on Lighter at 41.4",
        ),
        ("setting size_usd", "500 -> 400", "Size per leg: $500 → $400"),
        ("setting gone", "1 -> 2", "setting gone: 1 → 2"),
        (
            "halt binance halted",
            "binance shut us out",
            "everything stopped on Binance: Binance shut us out",
        ),
        (
            "halt lighter:HYPE/USDC:USDC",
            "not hedged",
            "entries off on Lighter for HYPE: not hedged",
        ),
        ("lift all", "pause", "a stop lifted everywhere"),
        ("keys extended", "given", "Extended has keys"),
        (
            "confirmed open",
            "trade=7f2 plan=p1 base=HYPE",
            "confirmed the entry into HYPE (pair 7f2)",
        ),
        (
            "standing word to open",
            "trade=7f2 plan=p1 base=HYPE",
            "standing word: entry into HYPE (pair 7f2)",
        ),
        ("muted", "mute:HYPE until None", "muted HYPE"),
        ("entries_off", "no answer", "entries off: no answer"),
        ("paused entries", "", "paused entries"),
        ("something new", "of lighter", "something new: of Lighter"),
    ],
)
def test_each_line_of_the_trail_is_said_in_words(
    chat: Chat, what: str, detail: str, words: str
) -> None:
    """Nobody outside the code knows what T04 is."""
    assert event_words(Event(START, "engine", what, detail), chat.desk.look()) == words


async def test_the_log_is_paged_newest_first_with_who_and_when(chat: Chat) -> None:
    """Thirty lines, twelve to a page; my own deeds are mine."""
    chat.engine.trail = tuple(
        Event(START - timedelta(minutes=number), "user 1", f"deed {number}")
        for number in range(40)
    )
    card = await chat.type("/log")
    assert card.first_line == "What happened, the latest first · 1/3 · 🧪 PAPER"
    assert card.text.splitlines()[1] == "22 Nov 21:52 UTC you: deed 0"
    card = await chat.tap(card, "2/3 ▶")
    card = await chat.tap(card, "3/3 ▶")
    assert card.text.splitlines()[-1].endswith("deed 29")
    card = await chat.tap(card, "🔄 Refresh")
    assert "3/3" in card.first_line

    few = await chat.type("/log 5")
    assert len(few.text.splitlines()) == 6


async def test_the_log_names_the_token_of_a_pair(chat: Chat) -> None:
    """Nobody knows his pairs by their ids; a pair long gone keeps its id alone."""
    chat.engine.trail = (
        Event(START, "engine", "trade 7f2 T28", "close2 -> closed"),
        Event(START, "user 1", "confirmed close", "trade=7f2 plan=p1 base=HYPE"),
        Event(START, "engine", "trade old T28", "close2 -> closed"),
    )
    card = await chat.type("/log")

    assert [line.partition(": ")[2] for line in card.text.splitlines()[1:]] == [
        "HYPE (7f2) closed",
        "confirmed the close of HYPE (pair 7f2)",
        "pair old closed",
    ]


async def test_a_viewer_reads_the_log_and_presses_nothing_that_trades(
    chat: Chat,
) -> None:
    """Whoever may look may know what happened."""
    chat.engine.trail = (Event(START, "user 1", "paused entries"),)
    card = await chat.type("/log", VERA)

    assert "user 1: paused entries" in card.text


@pytest.mark.parametrize("typed", ["/log 0", "/log 301", "/log much", "/log 5 6"])
async def test_a_count_that_cannot_be_shown_is_answered_with_one_that_can(
    chat: Chat, typed: str
) -> None:
    """One sentence, and an example that works."""
    card = await chat.type(typed)

    assert "/log takes how many lines to look back, 1 to 300." in card.text


async def test_foreign_words_in_the_trail_break_nothing(chat: Chat) -> None:
    """A venue's answer may hold anything, at any length."""
    ugly = "<b>_*[&" + "x" * 700
    chat.engine.trail = tuple(Event(START, "engine", "halt all", ugly) for _ in "ab")
    card = await chat.type("/log")

    assert "…" in card.text
    assert len(card.text) < 700
