from __future__ import annotations

from collections import deque
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from bot.access import VIEWER_COMMANDS, may_tap
from bot.callbacks import Tap, Verb
from bot.cards import repair, trouble
from bot.cards.alert import alert_card
from bot.cards.card import Reply
from bot.handlers.routes import COMMANDS, VERBS, unknown_command, unknown_text
from core import errors
from core.model.alert import Alarm, Alert, AlertKind, AlertLevel
from core.model.control import Halt, TradingState
from core.model.instrument import AbsenceReason, LeftOut
from core.model.position import ForeignPosition
from core.model.preferences import AlertDelivery, Mute
from core.model.trade import TradeState
from core.model.units import Base, MessageId, TradeId
from tests.fakes.chat import ANNA, BERT, VERA, Chat, Message
from tests.fakes.engine import lists_of, open_plan, pair, scan_of, trade_of
from tests.fakes.objects import BINANCE, EXTENDED, HYPERLIQUID, LIGHTER
from tests.fakes.runtime import START

if TYPE_CHECKING:
    from bot.access import Caller

NAMES = ("HYPE", "币安人生", "FARTCOINISLONG", *(f"T{number}" for number in range(20)))


@pytest.fixture
def chat() -> Chat:
    """A bot that has scanned: 23 pairs, HYPE on top at 0.0001 an hour."""
    chat = Chat()
    pairs = [
        pair(name, spread=str(Decimal("0.0001") - Decimal("0.000002") * number))
        for number, name in enumerate(NAMES)
    ]
    chat.engine.result = scan_of(*pairs)
    chat.engine.lists = lists_of(chat.engine.result, more=["RARE"])
    return chat


def _hold(chat: Chat, base: str = "HYPE", trade_id: str = "trade900") -> TradeId:
    trade = trade_of(open_plan(pair(base)), trade_id)
    chat.engine.trades[trade.trade_id] = trade
    return trade.trade_id


def _spread(chat: Chat, base: str, spread: str) -> None:
    """Let the next scan find another spread for one token."""
    result = chat.engine.result
    assert result is not None
    changed = tuple(
        pair(base, spread=spread) if one.base == base else one
        for one in result.opportunities
    )
    chat.engine.result = replace(result, opportunities=changed)


# --- opening and closing --------------------------------------------------------------


async def test_from_the_ranking_to_an_open_pair_and_back(chat: Chat) -> None:
    """The main job: look, tap, confirm, see it, close it."""
    top = await chat.type("/top")
    token = await chat.tap(top, "1 HYPE")
    card = await chat.tap(token, "Open BN>HL")
    assert card is not top
    progress = await chat.tap(card, "✅ Open $500")
    assert (progress, chat.toast) == (card, "Opening…")
    assert progress.first_line == "HYPE opening… · 🧪 PAPER · trade000"
    trade_id = next(iter(chat.engine.trades))
    held = replace(chat.engine.trades[trade_id], state=TradeState.OPEN)
    chat.engine.trades[trade_id] = held

    listed = await chat.type("/pos")
    one = await chat.tap(listed, "1 HYPE")
    close = await chat.tap(one, "Close HYPE")
    closing = await chat.tap(close, "❗ Close both")

    assert chat.toast == "Closing…"
    assert closing.first_line == "HYPE closing… · 🧪 PAPER · trade000"


async def test_a_typed_size_is_what_the_card_offers(chat: Chat) -> None:
    """$1,234 must not become the preset."""
    card = await chat.type("/open hype $1,234")

    assert card.first_line == "⚡ Open HYPE? $1,234 per leg · 🧪 PAPER"


async def test_open_without_words_offers_the_best_tokens(chat: Chat) -> None:
    """Nobody remembers a token's exact name."""
    picker = await chat.type("/open")
    card = await chat.tap(picker, "1 HYPE")

    assert card.first_line == "⚡ Open HYPE? $500 per leg · 🧪 PAPER"
    assert card is not picker


async def test_enter_best_says_what_it_passed_over(chat: Chat) -> None:
    """The first that fits is not always the first."""
    chat.engine.passed_over = ((Base("APT"), "lighter has 3.00 USD free"),)

    card = await chat.tap(await chat.type("/top"), "⚡ Enter best")

    assert "Passed over:\nAPT: Lighter has 3.00 USD free" in card.text


@pytest.mark.parametrize("typed", ["/close hype", "/pos HYPE", "/close trade900"])
async def test_a_pair_that_was_just_closed_says_when_and_what_it_brought(
    chat: Chat, typed: str
) -> None:
    """To hear "There is no pair HYPE" two minutes after its close worries people."""
    trade_id = _hold(chat)
    closed_at = chat.clock.now()
    chat.engine.trades[trade_id] = replace(
        chat.engine.trades[trade_id], state=TradeState.CLOSED, closed_at=closed_at
    )
    await chat.clock.advance(timedelta(minutes=2))

    card = await chat.type(typed)

    assert card.first_line == ("HYPE closed 2 min ago: +$2.30 · 🧪 PAPER · trade900")
    assert not [label for label in card.labels if label.startswith("Close")]


async def test_a_token_whose_pair_was_closed_days_ago_is_not_found(chat: Chat) -> None:
    """Old results are read by id."""
    trade_id = _hold(chat)
    chat.engine.trades[trade_id] = replace(
        chat.engine.trades[trade_id],
        state=TradeState.CLOSED,
        closed_at=chat.clock.now(),
    )
    await chat.clock.advance(timedelta(hours=25))

    assert (await chat.type("/pos hype")).first_line.startswith("There is no pair hype")


async def test_a_second_tap_answers_already_running(chat: Chat) -> None:
    """A thumb that taps twice opens one pair."""
    card = await chat.type("/open HYPE")
    confirm = card.button("✅").tap

    await chat.press(card, confirm)
    await chat.press(card, confirm)

    assert chat.toast == "Already running: being checked"
    assert len(chat.engine.trades) == 1


async def test_a_late_tap_is_told_how_late_and_offered_a_new_quote(chat: Chat) -> None:
    """A price of three minutes ago is no price."""
    card = await chat.type("/open HYPE")
    await chat.clock.advance(timedelta(seconds=45 + 180))

    ended = await chat.tap(card, "✅")

    assert chat.toast == "Quote expired 3 min ago"
    assert ended.first_line.startswith("Quote expired 3 min ago. Nothing was ordered.")
    assert not chat.engine.trades
    fresh = await chat.tap(ended, "New quote")
    assert fresh.first_line == "⚡ Open HYPE? $500 per leg · 🧪 PAPER"


async def test_a_card_that_is_just_going_out_asks_to_tap_again(chat: Chat) -> None:
    """Between sending and the noted message id the button is not live yet."""
    card = await chat.type("/open HYPE")
    for stored in chat.engine.quotes.values():
        stored.state = "draft"

    await chat.tap(card, "✅")

    assert chat.toast == "One moment, tap again"


async def test_another_owner_cannot_confirm_annas_card(chat: Chat) -> None:
    """Who asked decides, and the other one reads whom to ask."""
    card = await chat.type("/open HYPE")

    await chat.press(card, card.button("✅").tap, BERT)

    assert chat.toast == "Only Anna can confirm this card"
    assert not chat.engine.trades


async def test_without_annas_card_another_owner_reads_no_wrong_name(
    chat: Chat,
) -> None:
    """Old screens are forgotten; a guess could name the wrong person."""
    card = await chat.type("/open HYPE")
    button = card.button("✅").tap
    chat.cards.screens.clear()

    await chat.press(card, button, BERT)

    assert chat.toast == "Only the person who asked can confirm this card"


async def test_the_same_button_in_another_message_is_refused(chat: Chat) -> None:
    """A forwarded or copied card must not trade."""
    card = await chat.type("/open HYPE")
    other = await chat.type("/open HYPE 250")

    await chat.press(other, card.button("✅").tap)

    assert chat.toast == "These buttons belong to another message or person."
    assert not chat.engine.trades


async def test_a_viewers_forged_confirm_is_told_view_only(chat: Chat) -> None:
    """Second line of defence behind the gate."""
    card = await chat.type("/open HYPE")

    await chat.press(card, card.button("✅").tap, VERA)

    assert chat.toast == "View only"
    assert not chat.engine.trades


async def test_an_invented_nonce_is_an_unknown_button(chat: Chat) -> None:
    """Guessing must lead nowhere and tell nothing."""
    message = Message(MessageId(7), alert_card(chat.desk.look(), _alert()))

    await chat.press(message, Tap(Verb.CONFIRM, "x" * 22))

    assert chat.toast == trouble.UNKNOWN_BUTTON


async def test_after_a_restart_an_unused_card_offers_a_new_quote(chat: Chat) -> None:
    """All unused cards die with the process; the person must know why."""
    card = await chat.type("/open HYPE")
    for stored in chat.engine.quotes.values():
        stored.state = "void"
    await chat.clock.advance(timedelta(seconds=5))
    chat.engine.started_at = chat.clock.now()

    ended = await chat.tap(card, "✅")

    assert chat.toast == "I restarted. New quote?"
    assert ended.labels[0] == "🔄 New quote"


async def test_a_card_whose_message_was_never_noted_ends_too(chat: Chat) -> None:
    """The power failed between sending the card and noting it: no dead button stays."""
    card = await chat.type("/open HYPE")
    for stored in chat.engine.quotes.values():
        stored.state, stored.message_id = "void", None
    unnoted = Message(MessageId(99), card.card)

    await chat.press(unnoted, card.button("✅").tap)

    assert chat.toast == "This quote is void"
    assert unnoted.first_line == "This quote is void. Nothing was ordered. · 🧪 PAPER"
    assert not any(label.startswith("✅") for label in unnoted.labels)


async def test_a_new_size_kills_the_old_button(chat: Chat) -> None:
    """Two live buttons on one quote could open twice."""
    card = await chat.type("/open HYPE")
    old = card.button("✅").tap

    resized = await chat.tap(card, "$1,000")
    await chat.press(card, old)

    assert resized is card
    assert resized.first_line == "⚡ Open HYPE? $1,000 per leg · 🧪 PAPER"
    assert chat.toast == trouble.CHANGED
    assert not chat.engine.trades
    assert [one.state for one in chat.engine.quotes.values()] == ["void", "issued"]


async def test_a_new_quote_kills_the_old_button_and_keeps_the_size(chat: Chat) -> None:
    """The size a person typed must survive a new quote."""
    card = await chat.type("/open HYPE 750")

    fresh = await chat.tap(card, "🔄 New quote")

    assert fresh.first_line == "⚡ Open HYPE? $750 per leg · 🧪 PAPER"
    assert [one.state for one in chat.engine.quotes.values()] == ["void", "issued"]


async def test_a_size_button_of_a_running_trade_changes_nothing(chat: Chat) -> None:
    """A tap that was on its way while the trade started must not quote over it."""
    card = await chat.type("/open HYPE")
    size = card.button("$1,000").tap
    await chat.tap(card, "✅")

    await chat.press(card, size)

    assert chat.toast == "Already running"
    assert card.first_line.startswith("HYPE opening…")


@pytest.mark.parametrize("size", ["0", "-5", "1e9", "nan", "99999999"])
async def test_a_forged_size_is_no_size(chat: Chat, size: str) -> None:
    """The argument of a button comes from outside."""
    card = await chat.type("/open HYPE")
    tap = replace(card.button("$1,000").tap, arg=size)

    await chat.press(card, tap)

    assert chat.toast == trouble.UNKNOWN_BUTTON


async def test_cancel_ends_the_quote_and_its_button(chat: Chat) -> None:
    """After Cancel nothing may happen any more."""
    card = await chat.type("/open HYPE")
    confirm = card.button("✅").tap

    ended = await chat.tap(card, "✖ Cancel")
    await chat.press(card, confirm)

    assert ended.first_line == "Cancelled. Nothing was ordered. · 🧪 PAPER"
    assert not chat.engine.trades


async def test_while_paused_opening_says_so_and_offers_resume(chat: Chat) -> None:
    """Paused and forgotten is the likeliest reason for "it does nothing"."""
    chat.engine.refuses = errors.PausedError("by you", START)

    card = await chat.type("/open HYPE")

    assert card.first_line.startswith("Entries are paused by you since 21:52 UTC")
    resumed = await chat.tap(card, "▶ Resume")
    assert "Entries were on already" in resumed.first_line


async def test_while_paused_closing_works(chat: Chat) -> None:
    """Closing is never harder than opening."""
    _hold(chat)
    await chat.type("/pause")

    card = await chat.type("/close")
    await chat.tap(card, "❗ Close both")

    assert chat.toast == "Closing…"


async def test_a_refused_confirm_shows_why_and_kills_the_button(chat: Chat) -> None:
    """What was refused once must not fire a minute later."""
    card = await chat.type("/open HYPE")
    chat.engine.refuses = errors.ReconcilingError()

    await chat.tap(card, "✅")

    assert card.first_line.startswith("Checking positions")
    assert not chat.engine.trades
    assert [one.state for one in chat.engine.quotes.values()] == ["void"]
    assert "🔄 New quote" in card.labels


async def test_a_failed_quote_can_be_retried_with_the_same_request(chat: Chat) -> None:
    """A venue that hiccuped must not cost the typing again."""
    chat.engine.refuses = errors.VenueDownError("lighter", "timeout", START)
    card = await chat.type("/open HYPE 750")
    assert card.first_line.startswith("Lighter has not answered for 0 s")

    again = await chat.tap(card, "New quote")

    assert again is card
    assert again.first_line == "⚡ Open HYPE? $750 per leg · 🧪 PAPER"


async def test_a_failed_best_quote_is_retried_as_best(chat: Chat) -> None:
    """Retry must not turn "best that fits" into a fixed token."""
    chat.engine.refuses = errors.NothingFitsError((("HYPE", "too dear"),))
    message = await chat.tap(await chat.type("/top"), "⚡ Enter best")
    assert "HYPE: too dear" in message.text

    again = await chat.tap(message, "New quote")

    assert again.first_line.startswith("⚡ Open HYPE?")


async def test_close_without_words_takes_the_only_pair(chat: Chat) -> None:
    """With one pair there is nothing to choose."""
    _hold(chat)

    card = await chat.type("/close")

    assert card.first_line == "Close HYPE? You would end near +$2.05 · 🧪 PAPER"


async def test_close_without_words_asks_which_of_several(chat: Chat) -> None:
    """Guessing here would close the wrong pair."""
    _hold(chat, "HYPE", "trade901")
    _hold(chat, "WIF", "trade902")

    picker = await chat.type("/close")
    card = await chat.tap(picker, "❗ 2 WIF")

    assert picker.first_line == "Which pair should be closed? · 🧪 PAPER"
    assert card.first_line.startswith("Close WIF?")
    assert card is not picker


@pytest.mark.parametrize("word", ["trade900", "TRADE900", "hype", "HYPE"])
async def test_a_pair_is_found_by_its_id_or_token(chat: Chat, word: str) -> None:
    """People type what they read."""
    _hold(chat)

    assert (await chat.type(f"/pos {word}")).first_line.startswith("HYPE +$2.30")
    assert (await chat.type(f"/close {word}")).first_line.startswith("Close HYPE?")


async def test_closing_a_pair_that_ended_says_what_it_brought(chat: Chat) -> None:
    """An old list may still show it."""
    trade_id = _hold(chat)
    listed = await chat.type("/pos")
    ended = replace(
        chat.engine.trades[trade_id], state=TradeState.CLOSED, closed_at=START
    )
    chat.engine.trades[trade_id] = ended
    await chat.clock.advance(timedelta(hours=2))

    await chat.tap(listed, "1 HYPE")

    assert chat.toast == "Closed 2 h 00 ago: +$2.30"


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (TradeState.CLOSE1, "closing, leg 1"),
        (TradeState.REBALANCE, "being repaired"),
        (TradeState.LEG2, "opening, leg 2"),
    ],
)
async def test_closing_a_busy_pair_shows_what_it_is_doing(
    chat: Chat, state: TradeState, words: str
) -> None:
    """A close that already runs must show its progress, not a refusal."""
    trade_id = _hold(chat)
    chat.engine.trades[trade_id] = replace(chat.engine.trades[trade_id], state=state)

    card = await chat.type("/close")

    assert chat.toast == words.capitalize()
    assert words in card.first_line
    assert "🔄 Refresh" in card.labels


# --- lists ----------------------------------------------------------------------------


async def test_a_row_means_the_token_it_showed(chat: Chat) -> None:
    """After a new ranking, row 1 of the old list is still HYPE."""
    top = await chat.type("/top")
    result = chat.engine.result
    assert result is not None
    turned = tuple(reversed(result.opportunities))
    chat.engine.result = replace(result, opportunities=turned)

    token = await chat.tap(top, "1 HYPE")

    assert token.first_line.startswith("HYPE long BN, short HL")


async def test_a_row_whose_spread_moved_says_from_where_to_where(chat: Chat) -> None:
    """0.0001 an hour was 0.080 %, 0.00005375 is 0.043 % per 8 hours."""
    top = await chat.type("/top")
    _spread(chat, "HYPE", "0.00005375")

    token = await chat.tap(top, "1 HYPE")

    assert chat.toast == "HYPE was 0.080, now 0.043%/8h"
    card = await chat.tap(token, "Open BN>HL")
    assert card.first_line.startswith("⚡ Open HYPE?")


async def test_a_quote_of_an_old_row_says_what_moved_on_the_card_too(
    chat: Chat,
) -> None:
    """A toast is gone after seconds; the decision is made on the card."""
    picker = await chat.type("/open")
    _spread(chat, "HYPE", "0.00005375")

    card = await chat.tap(picker, "1 HYPE")

    assert chat.toast == "HYPE was 0.080, now 0.043%/8h"
    assert "HYPE was 0.080, now 0.043%/8h" in card.text


async def test_a_row_that_left_the_ranking_says_so(chat: Chat) -> None:
    """The best pair of a minute ago may be gone."""
    top = await chat.type("/top")
    result = chat.engine.result
    assert result is not None
    chat.engine.result = replace(result, opportunities=result.opportunities[1:])

    await chat.tap(top, "1 HYPE")

    assert chat.toast == "HYPE is no longer in the ranking"


async def test_a_list_older_than_a_day_gives_a_fresh_one(chat: Chat) -> None:
    """Yesterday's rows are nobody's rows."""
    top = await chat.type("/top")
    await chat.clock.advance(timedelta(hours=24, seconds=1))

    fresh = await chat.tap(top, "1 HYPE")

    assert chat.toast.startswith("Old list")
    assert fresh is top
    assert fresh.first_line.startswith("Best: HYPE")


async def test_a_forgotten_list_gives_a_fresh_one(chat: Chat) -> None:
    """Old screens are deleted; their buttons still stand in the chat."""
    top = await chat.type("/top")
    await chat.cards.forget_screens(START)

    await chat.tap(top, "1 HYPE")

    assert chat.toast.startswith("Old list")


@pytest.mark.parametrize("label", ["1 HYPE", "🔄 Refresh", "2/3 ▶", "⚙ Filter"])
async def test_another_persons_list_is_refused(chat: Chat, label: str) -> None:
    """Chat and message are part of a button's meaning."""
    top = await chat.type("/top")

    await chat.press(top, top.button(label).tap, BERT)

    assert chat.toast == trouble.NOT_YOUR_SCREEN
    assert top.first_line.startswith("Best:")


async def test_a_row_that_never_was_gives_a_fresh_list(chat: Chat) -> None:
    """A forged row number must not reach beyond the screen."""
    top = await chat.type("/top")

    await chat.press(top, replace(top.button("1 HYPE").tap, arg="99"))

    assert chat.toast.startswith("Old list")


async def test_pages_walk_to_the_end_and_back(chat: Chat) -> None:
    """23 pairs are three pages of ten."""
    top = await chat.type("/top")

    second = await chat.tap(top, "2/3 ▶")
    third = await chat.tap(second, "3/3 ▶")

    assert any("21 T17" in label for label in third.labels)
    back = await chat.tap(third, "◀ 2/3")
    assert any("11 T7" in label for label in back.labels)


async def test_refresh_scans_anew_but_not_twice_in_five_seconds(chat: Chat) -> None:
    """A hammered Refresh must not hammer the venues."""
    await chat.clock.advance(timedelta(seconds=30))
    top = await chat.type("/top")

    await chat.tap(top, "🔄")
    await chat.tap(top, "🔄")

    assert chat.engine.scans == 1
    assert "0 s old" in top.text


async def test_before_the_first_scan_top_says_so_and_refresh_scans(chat: Chat) -> None:
    """The first minute after a start must not look like an empty market."""
    result, chat.engine.result = chat.engine.result, None
    top = await chat.type("/top")
    assert top.first_line.startswith("The first scan is running")
    chat.engine.result = result

    shown = await chat.tap(top, "🔄")

    assert shown.first_line.startswith("Best: HYPE")


async def test_a_number_after_top_is_the_rows_of_a_page(chat: Chat) -> None:
    """/top 3 on a small phone."""
    assert len((await chat.type("/top 3")).text.splitlines()) == 1 + 1 + 3 + 2


async def test_the_filter_keeps_pairs_with_one_venue(chat: Chat) -> None:
    """Whoever has money on Lighter only wants to see Lighter."""
    result = chat.engine.result
    assert result is not None
    mixed = (pair("WIF", long=LIGHTER, short=EXTENDED), *result.opportunities)
    chat.engine.result = replace(result, opportunities=mixed)

    chips = await chat.tap(await chat.type("/top"), "⚙ Filter")
    shown = await chat.tap(chips, "LT")

    assert shown.first_line.startswith("Best: WIF")
    assert "HYPE" not in shown.text
    assert "⚡ Enter best" not in shown.labels, (
        "it enters the best of all, not of these"
    )
    assert (await chat.type("/top lt")).first_line == shown.first_line
    assert (await chat.type("/top hyp")).first_line.startswith("Best: HYPE")


async def test_the_matrix_pages_sorts_and_leads_to_tokens(chat: Chat) -> None:
    """24 tokens are two pages of twelve."""
    grid = await chat.type("/matrix")
    by_name = await chat.tap(grid, "↕ By name")
    assert "page 1/2" in by_name.text
    second = await chat.tap(by_name, "▶")
    assert "page 2/2" in second.text
    token = await chat.tap(second, second.labels[0])

    assert token.card.kind == "token"


async def test_the_matrix_keeps_to_tokens_on_enough_venues(chat: Chat) -> None:
    """23 tokens are on two venues, RARE on one; a second tap lifts the filter."""
    grid = await chat.type("/matrix")
    by_name = await chat.tap(grid, "↕ By name")

    two = await chat.tap(by_name, "2+")
    assert {label for row in two.card.rows for label in [b.label for b in row]} >= {
        "2+ •",
        "3+",
        "↕ By pairs",
    }
    assert "RARE" not in two.text + (await chat.tap(two, "▶")).text
    three = await chat.tap(two, "3+")
    assert "No token is on 3+ venues." in three.text
    every = await chat.tap(three, "3+ •")
    assert "page 1/2" in every.text


async def test_a_token_that_is_only_being_settled_says_so(chat: Chat) -> None:
    """To say "no venue lists it" would send people looking for a typing error."""
    lists = chat.engine.lists
    assert lists is not None
    gone = LeftOut(BINANCE, "BRETTUSDT", Base("BRETT"), AbsenceReason.SETTLING)
    chat.engine.lists = replace(lists, left_out=(gone,))

    card = await chat.type("/matrix brett")

    assert card.first_line == "❌ brett is not usable on any venue · 🧪 PAPER"
    assert "Binance: BRETTUSDT being settled, not traded" in card.text


async def test_refreshing_the_matrix_reads_the_lists_again(chat: Chat) -> None:
    """A new listing must not wait six hours for somebody who asks."""
    await chat.clock.advance(timedelta(minutes=5))
    grid = await chat.type("/matrix")

    await chat.tap(grid, "🔄")

    assert chat.engine.refreshes == 1


# --- what people type -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("/open NOPE", "No venue lists NOPE."),
        ("/matrix NOPE", "No venue lists NOPE."),
        ("/open HYPE much", "“much” is not an amount in dollars per leg."),
        ("/open HYPE 0", "“0” is not an amount in dollars per leg."),
        ("/open HYPE -5", "“-5” is not an amount in dollars per leg."),
        ("/open HYPE nan", "“nan” is not an amount in dollars per leg."),
        ("/open HYPE 500 now", "That is more than /open takes."),
        ("/open RARE", "RARE cannot be paired now: no second venue."),
        ("/top a b", "That is more than /top takes."),
        ("/matrix a b", "That is more than /matrix takes."),
        ("/pos a b", "That is more than /pos takes."),
        (
            "/close a b",
            "/close takes a pair and, if you like, how much of it in percent.",
        ),
        ("/pos NOPE", "There is no pair NOPE."),
        ("/close NOPE", "There is no pair NOPE."),
        ("/alerts loud", "“loud” is no alert setting."),
        ("/alerts mute", "“mute” is no alert setting."),
        ("/alerts -1", "“-1” is no alert setting."),
        ("/alerts mute NOPE", "No venue lists NOPE."),
        ("/open " + "X" * 4000, "No venue lists XXX"),
    ],
)
async def test_bad_input_gets_one_sentence_and_a_way_on(
    chat: Chat, typed: str, answer: str
) -> None:
    """Silence or a stack trace would leave the person guessing."""
    shown = await chat.type(typed)

    assert shown.first_line.startswith(answer)
    assert shown.first_line.endswith("🧪 PAPER")
    assert shown.labels


async def test_unknown_text_and_commands_get_a_hint(chat: Chat) -> None:
    """Whatever is typed, something helpful comes back."""
    words = ("buy", "everything", "<b>&")
    for reply in (
        await unknown_text(chat.desk, ANNA, words, MessageId(1)),
        await unknown_text(chat.desk, ANNA, (), MessageId(1)),
        await unknown_command(chat.desk, ANNA, words, MessageId(1)),
    ):
        shown = await chat.show(reply, ANNA, None)
        assert shown is not None
        assert "/top" in shown.text


async def test_retry_repeats_a_typed_command(chat: Chat) -> None:
    """The words are kept, so one tap is enough."""
    card = await chat.type("/pos NOPE")
    chat.engine.trades.clear()
    retry = Tap(Verb.RETRY, card.card.card_id or "")

    again = await chat.press(card, retry)

    assert again.first_line.startswith("There is no pair NOPE")


async def test_retry_never_lifts_a_viewers_rights(chat: Chat) -> None:
    """A stored command is still a command: its role counts."""
    card = await chat.type("/open NOPE")
    screen = chat.cards.screens[card.card.card_id or ""]
    forged = replace(screen, user_id=VERA.user_id, chat_id=VERA.chat_id)
    chat.cards.screens[screen.card_id] = forged

    await chat.press(card, Tap(Verb.RETRY, screen.card_id), VERA)

    assert chat.toast == "View only"


HYPE_MUTED = Mute(Base("HYPE"))


# --- alerts, pause, mute --------------------------------------------------------------


def _alert(kind: AlertKind = AlertKind.NEW_SPREAD) -> Alert:
    facts = {
        "base": "HYPE",
        "long": "binance",
        "short": "hyperliquid",
        "spread_per_hour": "0.0001",
        "observed_at": START.isoformat(),
        "reason": "unknown",
        "trade": "trade900",
    }
    return Alert(kind, AlertLevel.OPPORTUNITY, "key", facts, START)


async def _pushed(chat: Chat, kind: AlertKind = AlertKind.NEW_SPREAD) -> Message:
    shown = await chat.show(
        Reply(alert_card(chat.desk.look(), _alert(kind))), ANNA, None
    )
    assert shown is not None
    return shown


async def test_an_alert_opens_only_through_a_confirm_card(chat: Chat) -> None:
    """Between news and order stands always a quote."""
    alert = await _pushed(chat)

    card = await chat.tap(alert, "Open…")

    assert card is not alert
    assert card.first_line.startswith("⚡ Open HYPE?")
    assert alert.first_line.startswith("📈 HYPE")
    assert not chat.engine.trades


async def test_details_of_an_alert_leave_the_alert_in_place(chat: Chat) -> None:
    """An event stays readable as it was told."""
    alert = await _pushed(chat)

    token = await chat.tap(alert, "Details")

    assert token is not alert
    assert token.card.kind == "token"


async def test_muting_on_the_alert_is_one_tap_and_can_be_undone(chat: Chat) -> None:
    """Whoever is annoyed must not search for a setting."""
    alert = await _pushed(chat)

    await chat.tap(alert, "🔕 HYPE 8 h")
    assert chat.toast == "HYPE is muted for 8 h"
    assert chat.engine.preferences.mutes == {HYPE_MUTED: START + timedelta(hours=8)}

    card = await chat.type("/alerts")
    await chat.tap(card, "🔔 HYPE")
    assert chat.engine.preferences.mutes == {}


async def test_one_pair_can_be_muted_without_its_token(chat: Chat) -> None:
    """HYPE between Binance and Hyperliquid only; from the alert, for good."""
    alert = await _pushed(chat)

    await chat.tap(alert, "🚫 BN/HL")

    assert chat.toast == "HYPE BN/HL is muted"
    mute = Mute.pair(Base("HYPE"), HYPERLIQUID, BINANCE)
    assert chat.engine.preferences.mutes == {mute: None}
    card = await chat.type("/alerts")
    assert "Muted: HYPE BN/HL" in card.text
    await chat.tap(card, "🔔 HYPE BN/HL")
    assert chat.engine.preferences.mutes == {}


async def _critical(chat: Chat, caller: Caller) -> Message:
    """Show an alarm to a person."""
    critical = replace(_alert(AlertKind.NOT_HEDGED), level=AlertLevel.CRITICAL)
    cause = critical.condition
    chat.engine.alarms.setdefault(cause, Alarm(cause, critical, START, 0, START))
    shown = await chat.show(Reply(alert_card(chat.desk.look(), critical)), caller, None)
    assert shown is not None
    return shown


async def test_seen_names_who_saw_it_and_stops_asking(chat: Chat) -> None:
    """Bert must see on his message that Anna looks after it."""
    for caller in (ANNA, BERT):
        shown = await _critical(chat, caller)
        assert "again until you press Seen" in shown.text

        shown = await chat.tap(shown, "👁 Seen", caller)

        assert "Seen by Anna at 21:52 UTC: no more repeats." in shown.text
        assert "👁 Seen" not in shown.labels
        assert chat.toast == "Seen. I will not tell it again."


async def test_seen_on_what_is_over_says_so(chat: Chat) -> None:
    """A tap on yesterday's alarm must not look like help."""
    critical = replace(_alert(AlertKind.PAUSED), level=AlertLevel.CRITICAL)
    shown = await chat.show(Reply(alert_card(chat.desk.look(), critical)), ANNA, None)
    assert shown is not None

    await chat.tap(shown, "👁 Seen")

    assert chat.toast == "This is over already."


async def test_mute_on_a_token_card_turns_into_unmute(chat: Chat) -> None:
    """The button must show what it will do now."""
    token = await chat.type("/matrix HYPE")

    muted = await chat.tap(token, "🔕 Mute")
    assert "🔔 Unmute" in muted.labels

    spoken = await chat.tap(muted, "🔔 Unmute")
    assert "🔕 Mute" in spoken.labels


async def test_alert_settings_change_by_button_and_by_word(chat: Chat) -> None:
    """0.05 % per 8 hours is 0.0000625 an hour."""
    card = await chat.type("/alerts")
    card = await chat.tap(card, ".050")
    assert chat.engine.effective().alert_spread_per_hour == Decimal("0.0000625")
    assert ".050 •" in card.labels
    card = await chat.tap(card, "Off")
    assert "Off •" in card.labels

    await chat.type("/alerts 0,16%")
    assert chat.engine.effective().alert_spread_per_hour == Decimal("0.0002")
    await chat.type("/alerts silent")
    reader = chat.engine.preferences.reader(ANNA.user_id)
    assert reader.deliveries[AlertLevel.OPPORTUNITY] is AlertDelivery.SILENT
    await chat.type("/alerts mute hype")
    assert chat.engine.preferences.mutes == {HYPE_MUTED: None}
    await chat.type("/alerts unmute hype")
    assert chat.engine.preferences.mutes == {}


async def test_pausing_twice_is_harmless_and_says_so(chat: Chat) -> None:
    """Repeating a brake must never release it."""
    first = await chat.type("/pause")
    second = await chat.type("/pause")
    third = await chat.tap(second, "▶ Resume")

    assert first.first_line == "Entries are paused · 🧪 PAPER"
    assert third.first_line == "Entries are on again · 🧪 PAPER"
    assert not chat.engine.halts


async def test_resume_names_what_still_keeps_entries_off(chat: Chat) -> None:
    """To say "on again" while another halt holds would be a lie."""
    halt = Halt("all", "conflict", TradingState.REDUCING, "token is shared", START)
    chat.engine.halts = (halt,)
    await chat.type("/pause")

    card = await chat.type("/resume")

    assert card.first_line == "Your pause is lifted · 🧪 PAPER"
    assert "Entries are still off: token is shared" in card.text


async def test_pause_on_the_health_card_shows_on_the_health_card(chat: Chat) -> None:
    """One tap, and the state is visible where it was pressed."""
    card = await chat.type("/health")

    paused = await chat.tap(card, "⏸ Pause")

    assert paused is card
    assert paused.first_line == "4 of 4 venues fine · REDUCING · 🧪 PAPER"
    assert "paused by you" in paused.text
    assert "▶ Resume" in paused.labels


async def test_a_halt_says_what_stopped_and_offers_only_pause(chat: Chat) -> None:
    """A brake pulled by mistake is let go half way with one tap."""
    _hold(chat, "WIF", "trade901")
    _hold(chat, "HYPE", "trade900")
    opening = chat.engine.trades[TradeId("trade900")]
    halfway = replace(opening, state=TradeState.LEG1)
    chat.engine.trades[TradeId("trade900")] = halfway

    card = await chat.type("/halt")

    assert card.first_line == "⛔ Everything is halted · 🧪 PAPER"
    assert "Stopped: entries, second legs, top-ups, repairs." in card.text
    assert "was opening: its second leg is not sent" in card.text
    assert "1 open pair stays as it is." in card.text
    assert not chat.engine.owners_told
    again = await chat.type("/halt")
    assert again.first_line == "⛔ Everything was halted already · 🧪 PAPER"
    paused = await chat.tap(again, "⏸ Only pause")
    assert paused.first_line == "The halt is over, entries stay paused · 🧪 PAPER"
    assert [halt.key for halt in chat.engine.halts] == ["pause"]


async def test_a_halt_tells_which_pair_goes_on_and_which_may_stand_alone(
    chat: Chat,
) -> None:
    """A close is the owner's own order; a repair is not."""
    for base, trade_id, state in (
        ("WIF", "trade901", TradeState.CLOSE1),
        ("HYPE", "trade900", TradeState.REBALANCE),
    ):
        _hold(chat, base, trade_id)
        trade = chat.engine.trades[TradeId(trade_id)]
        chat.engine.trades[TradeId(trade_id)] = replace(trade, state=state)

    card = await chat.type("/halt")

    assert "the close that was confirmed goes on" in card.text
    assert "was being made equal: one leg may stand alone now" in card.text


async def test_a_viewer_may_halt_but_not_let_go(chat: Chat) -> None:
    """Owners are told, and the viewer sees no way back."""
    card = await chat.type("/halt", VERA)

    assert card.first_line.startswith("⛔ Everything is halted")
    assert "until an owner resumes" in card.text
    assert chat.engine.owners_told
    assert card.labels == ["Positions"]
    await chat.press(card, Tap(Verb.PAUSE, card.card.card_id or "", "only"), VERA)
    assert chat.toast == "View only"
    assert [halt.key for halt in chat.engine.halts] == ["halt"]


async def test_resume_lifts_the_halt_and_the_pause_and_says_so(chat: Chat) -> None:
    """Repairs start again at once: that must not come as a surprise."""
    await chat.type("/halt")
    paused = await chat.type("/pause")
    assert "Everything else is still halted, repairs too." in paused.text

    card = await chat.type("/resume")

    assert card.first_line == "The halt is over · 🧪 PAPER"
    assert "Entries are on again." in card.text
    assert "Repairs go on now" in card.text
    assert chat.engine.halts == ()


async def test_only_pause_after_the_halt_is_over_says_so(chat: Chat) -> None:
    """An old card must not claim what did not happen."""
    card = await chat.type("/halt")
    await chat.type("/resume")

    late = await chat.tap(card, "⏸ Only pause")

    assert late.first_line == "Nothing was halted; entries are paused · 🧪 PAPER"


async def test_the_health_card_shows_a_halt_and_both_ways_out(chat: Chat) -> None:
    """HALTED in the first line, by whom below, buttons at hand."""
    await chat.type("/halt")

    card = await chat.type("/health")

    assert card.first_line == "4 of 4 venues fine · HALTED · 🧪 PAPER"
    assert "Halted: halted by you" in card.text
    paused = await chat.tap(card, "⏸ Only pause")
    assert paused.first_line == "4 of 4 venues fine · REDUCING · 🧪 PAPER"


async def test_a_refusal_while_halted_names_the_halt(chat: Chat) -> None:
    """The word paused would hide that repairs are off too."""
    chat.engine.refuses = errors.PausedError("by you", START, is_halt=True)

    card = await chat.type("/open HYPE 500")

    assert card.first_line.startswith("Everything is halted by you since 21:52 UTC")


# --- a pair in trouble ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("label", "said"),
    [("Retry now", "retry"), ("I fixed it", "fixed"), ("Stop repairs", "stop")],
)
async def test_an_owner_says_what_becomes_of_a_pair_in_trouble(
    chat: Chat, label: str, said: str
) -> None:
    """At such a moment each button must do its own thing, on this pair."""
    trade_id = _hold(chat)
    trade = chat.engine.trades[trade_id]
    chat.engine.trades[trade_id] = replace(trade, needs_attention=True)
    card = await chat.type("/pos HYPE")

    await chat.tap(card, label)

    assert chat.engine.said == [(trade_id, said)]
    assert chat.toast != repair.IN_ORDER


async def test_a_late_tap_on_a_pair_in_order_repairs_nothing(chat: Chat) -> None:
    """The news stays in the chat long after the pair was repaired."""
    trade_id = _hold(chat)
    trade = chat.engine.trades[trade_id]
    chat.engine.trades[trade_id] = replace(trade, needs_attention=True)
    card = await chat.type("/pos HYPE")
    chat.engine.trades[trade_id] = trade

    after = await chat.tap(card, "Retry now")

    assert chat.toast == repair.IN_ORDER
    assert all(one.tap.verb is not Verb.REPAIR for one in after.buttons)


async def test_a_viewer_gets_no_say_in_a_repair(chat: Chat) -> None:
    """Repairs send orders."""
    trade_id = _hold(chat)
    trade = chat.engine.trades[trade_id]
    chat.engine.trades[trade_id] = replace(trade, needs_attention=True)

    card = await chat.type("/pos HYPE", VERA)

    assert all(one.tap.verb is not Verb.REPAIR for one in card.buttons)


# --- what is not ours -----------------------------------------------------------------


STRANGE = ForeignPosition(BINANCE, "HYPE/USDT:USDT", "HYPE", Decimal("-3.5"))


async def test_what_is_not_ours_is_listed_and_ignored_at_that_size(chat: Chat) -> None:
    """A position of the owner's own must not be nagged about for ever."""
    chat.engine.foreign = (STRANGE,)
    card = await chat.type("/pos")
    assert "Binance: short 3.5 HYPE" in card.text

    after = await chat.tap(card, "Ignore BN HYPE")

    assert "short 3.5" not in after.text
    assert "1 ignored by you, not shown" in after.text


async def test_a_position_that_changed_is_not_ignored_by_an_old_button(
    chat: Chat,
) -> None:
    """The person agreed to 3.5, not to what is there now."""
    chat.engine.foreign = (STRANGE,)
    card = await chat.type("/pos")
    chat.engine.foreign = (replace(STRANGE, quantity_base=Decimal(-70)),)

    after = await chat.tap(card, "Ignore BN HYPE")

    assert chat.toast == "It is gone or has another size by now."
    assert "Binance: short 70 HYPE" in after.text


async def test_a_viewer_sees_what_is_not_ours_but_cannot_ignore_it(chat: Chat) -> None:
    """Silence about a position is the owners' decision."""
    chat.engine.foreign = (STRANGE,)

    card = await chat.type("/pos", VERA)

    assert "Binance: short 3.5 HYPE" in card.text
    assert all(one.tap.verb is not Verb.FOREIGN for one in card.buttons)


# --- routes ---------------------------------------------------------------------------


def test_every_verb_has_a_handler_and_every_command_a_line() -> None:
    """A button without a handler is a crash on a phone."""
    assert set(VERBS) == set(Verb)
    assert all(route.description for route in COMMANDS.values())
    assert all(len(route.description) <= 256 for route in COMMANDS.values())


def test_the_menu_of_a_viewer_is_the_gates_menu() -> None:
    """Two lists of rights would drift apart."""
    open_to_all = {name for name, route in COMMANDS.items() if not route.owner_only}

    assert open_to_all == VIEWER_COMMANDS


@pytest.mark.parametrize(
    "verb", [verb for verb in Verb if not may_tap(verb, VERA.role)]
)
async def test_no_handler_obeys_a_viewer(chat: Chat, verb: Verb) -> None:
    """The role is checked again behind the gate."""
    top = await chat.type("/top", VERA)
    subject = top.card.card_id or ""

    await chat.press(top, Tap(verb, subject, "0"), VERA)

    assert chat.toast == "View only"


async def test_a_viewer_cannot_reach_owners_screens_by_a_forged_argument(
    chat: Chat,
) -> None:
    """The screen verb is for all, not every screen is."""
    top = await chat.type("/top", VERA)
    tap = top.button("▦ Matrix").tap

    for arg in ("alerts", "close"):
        await chat.press(top, replace(tap, arg=arg), VERA)
        assert chat.toast == "View only"
    await chat.press(top, replace(tap, arg="nothing"), VERA)
    assert chat.toast == trouble.UNKNOWN_BUTTON


START_SCREENS = ["/start", "/help", "/top", "/matrix", "/matrix HYPE", "/matrix RARE"]
START_SCREENS += ["/open", "/open HYPE", "/open NOPE", "/pos", "/pos HYPE", "/close"]
START_SCREENS += [
    "/settings",
    "/cancel",
    "/log",
    "/log much",
    "/settings size",
    "/alerts",
    "/health",
    "/pause",
    "/resume",
    "/alerts mute HYPE",
]
START_SCREENS += ["/halt", "/closeall"]


class Crawler:
    """Presses every button that can be reached, each kind of button once."""

    def __init__(self, chat: Chat, caller: Caller) -> None:
        self.chat, self.caller = chat, caller
        self.pressed: set[tuple[str, str, str]] = set()
        self._waiting: deque[tuple[Message, Tap, str]] = deque()

    def look(self, message: Message, path: str) -> None:
        """Note the buttons of a message that were not pressed yet."""
        for button in message.buttons:
            step = (message.card.kind, button.tap.verb, button.tap.arg)
            if step not in self.pressed:
                self.pressed.add(step)
                copy = Message(message.message_id, message.card)
                self._waiting.append((copy, button.tap, f"{path} > {button.label}"))

    async def press_all(self) -> None:
        """Press until nothing new appears."""
        while self._waiting:
            message, tap, path = self._waiting.popleft()
            shown = await self.chat.press(message, tap, self.caller)
            assert self.chat.toast not in DEAD_ENDS, path
            self.look(shown, path)


DEAD_ENDS = {trouble.UNKNOWN_BUTTON, trouble.NOT_YOUR_SCREEN, trouble.VIEW_ONLY}


async def test_every_button_of_every_card_leads_somewhere(chat: Chat) -> None:
    """Every card ends in an answer, whatever an owner presses."""
    for base, trade_id in (("HYPE", "trade900"), ("WIF", "trade901")):
        _hold(chat, base, trade_id)
    stuck = _hold(chat, "FARTCOINISLONG", "trade902")
    trade = chat.engine.trades[stuck]
    chat.engine.trades[stuck] = replace(trade, needs_attention=True)
    chat.engine.foreign = (STRANGE,)
    crawler = Crawler(chat, ANNA)

    for typed in START_SCREENS:
        crawler.look(await chat.type(typed), typed)
        await crawler.press_all()
    for kind in AlertKind:
        crawler.look(await _pushed(chat, kind), kind)
        await crawler.press_all()
    crawler.look(await _critical(chat, ANNA), "critical")
    await crawler.press_all()

    assert {verb for _, verb, _ in crawler.pressed} >= set(Verb) - {Verb.RETRY}
    assert len(crawler.pressed) > 80


async def test_every_button_of_a_viewer_leads_somewhere(chat: Chat) -> None:
    """What a viewer sees, he may press."""
    _hold(chat)
    crawler = Crawler(chat, VERA)

    for typed in START_SCREENS:
        if typed.split()[0].removeprefix("/") in VIEWER_COMMANDS:
            crawler.look(await chat.type(typed, VERA), typed)
            await crawler.press_all()

    assert len(crawler.pressed) > 30


async def test_a_viewer_never_gets_a_button_that_trades(chat: Chat) -> None:
    """Not only refused: not even drawn."""
    _hold(chat)

    for typed in START_SCREENS:
        if typed.split()[0].removeprefix("/") in VIEWER_COMMANDS:
            shown = await chat.type(typed, VERA)
            taps = [one.tap for one in shown.buttons]
            assert all(may_tap(each.verb, VERA.role, each.arg) for each in taps), typed


# --- why not --------------------------------------------------------------------------


async def test_why_says_what_refuses_and_leads_to_the_token(chat: Chat) -> None:
    """Typed, from the token's card, and back."""
    typed = await chat.type("/why hype")
    token = await chat.tap(typed, "◀ HYPE")
    again = await chat.tap(token, "❓ Why not")

    assert again.first_line.startswith("✅ HYPE: BN>HL can be opened now")
    assert "❌ Extended: a pre-market contract" in again.text
    opened = await chat.tap(again, "Open BN>HL")
    assert opened.first_line == "⚡ Open HYPE? $500 per leg · 🧪 PAPER"


async def test_why_without_a_name_lets_the_matrix_ask(chat: Chat) -> None:
    """Nobody must remember how a token is spelled."""
    matrix = await chat.type("/why")
    assert "Tap a token to hear why it is offered, or why not." in matrix.text
    why = await chat.tap(matrix, "❓ FARTCOI~")
    assert "FARTCOINISLONG" in why.first_line

    cards = await chat.tap(await chat.type("/why"), "▦ Cards")
    token = await chat.tap(cards, "HYPE")

    assert token.first_line.startswith("HYPE long BN, short HL")


async def test_a_viewer_may_ask_why_and_gets_no_button_that_trades(chat: Chat) -> None:
    """Looking is free."""
    card = await chat.type("/why HYPE", VERA)

    assert card.first_line.startswith("✅ HYPE")
    assert not [label for label in card.labels if label.startswith("Open")]


async def test_refresh_of_a_why_card_scans_anew(chat: Chat) -> None:
    """What refused may be over."""
    card = await chat.type("/why HYPE")
    await chat.clock.advance(timedelta(minutes=1))

    again = await chat.tap(card, "🔄 Refresh")

    assert chat.engine.scans == 1
    assert "rates 0 s old" in again.text


async def test_why_of_a_misspelled_token_says_so(chat: Chat) -> None:
    """A wrong name is not a verdict, and two names are not one."""
    assert (await chat.type("/why NOPE")).first_line.startswith("No venue lists NOPE.")
    assert "more than /why takes" in (await chat.type("/why A B")).first_line
