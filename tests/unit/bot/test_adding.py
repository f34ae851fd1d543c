"""An open pair is made larger from chat: by command, by button, by opening it again."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from bot.cards import trouble
from bot.cards.alert import alert_card
from bot.cards.log import event_words
from core import errors
from core.model.alert import Alert, AlertKind, AlertLevel
from core.model.control import Event
from core.model.trade import TradeState
from core.model.units import TradeId
from tests.fakes.alerts import ALERT_FACTS
from tests.fakes.chat import VERA, Chat
from tests.fakes.engine import lists_of, open_plan, pair, scan_of, trade_of
from tests.fakes.runtime import START

HELD = TradeId("trade000")


@pytest.fixture
def chat() -> Chat:
    """A pair of HYPE is open: 12.5 on each leg at 40."""
    chat = Chat()
    chat.engine.result = scan_of(pair("HYPE", price="40"))
    chat.engine.lists = lists_of(chat.engine.result)
    chat.engine.trades[HELD] = trade_of(open_plan(pair("HYPE", price="40")), HELD)
    return chat


@pytest.mark.parametrize("typed", ["/add HYPE 200", "/add trade000 200"])
async def test_the_card_shows_what_is_held_what_comes_and_what_is_held_then(
    chat: Chat, typed: str
) -> None:
    """12.5 and 5 are 17.5; the pair is not 5, and nothing is ordered yet."""
    card = await chat.type(typed)

    assert card.first_line.startswith("➕ Add to HYPE? $200 per leg")  # noqa: RUF001 -- the button's sign
    words = card.text.split()
    held, added, then = (words[words.index(each) + 1] for each in _ROWS)
    assert (Decimal(held), Decimal(added), Decimal(then)) == (
        Decimal("12.5"),
        Decimal(5),
        Decimal("17.5"),
    )
    assert "31%" in card.text
    assert "Refuses:" in card.text
    assert chat.engine.trades[HELD].state is TradeState.OPEN


_ROWS = ("held", "added", "then")


async def test_the_tap_makes_the_same_pair_grow(chat: Chat) -> None:
    """One pair before, one pair after, and the card says that it grows."""
    card = await chat.type("/add HYPE 200")

    after = await chat.tap(card, "✅ Add $200")

    assert list(chat.engine.trades) == [HELD]
    assert chat.toast == trouble.ADDING
    assert after.first_line.startswith("HYPE growing…")


async def test_the_button_of_the_pair_offers_the_usual_size_and_presets(
    chat: Chat,
) -> None:
    """Nobody types on a phone what a button can say; other sizes are one tap away."""
    card = await chat.tap(await chat.type("/pos HYPE"), "➕ Add")  # noqa: RUF001 -- the button's sign

    smaller = await chat.tap(card, "$250")

    assert smaller.first_line.startswith("➕ Add to HYPE? $250 per leg")  # noqa: RUF001 -- the button's sign
    assert "✅ Add $250" in smaller.labels[0]


async def test_a_pair_in_trouble_is_not_offered_more(chat: Chat) -> None:
    """It is repaired first; the button would only be refused."""
    held = chat.engine.trades[HELD]
    chat.engine.trades[HELD] = replace(held, needs_attention=True, attention="x")

    card = await chat.type("/pos HYPE")

    assert not [label for label in card.labels if "Add" in label]


async def test_without_words_the_only_pair_is_meant(chat: Chat) -> None:
    """One pair leaves no question; with two the list asks which."""
    only = await chat.type("/add")
    other = trade_of(open_plan(pair("HYPE", price="40")), "trade001")
    chat.engine.trades[other.trade_id] = other

    several = await chat.type("/add")

    assert only.first_line.startswith("➕ Add to HYPE?")  # noqa: RUF001 -- the button's sign
    assert several.card.kind == "positions"


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("/add HYPE much", "“much” is not an amount"),
        ("/add HYPE 1 2", "/add HYPE 200"),
        ("/add NOPE 200", "There is no pair NOPE"),
    ],
)
async def test_what_is_not_understood_is_said_with_an_example(
    chat: Chat, typed: str, says: str
) -> None:
    """A typing mistake must not end in another order than the one that was meant."""
    card = await chat.type(typed)

    assert says in card.text


async def test_what_changed_since_the_card_orders_nothing_and_says_so(
    chat: Chat,
) -> None:
    """The words name the pair, and New quote asks for the same part again."""
    card = await chat.type("/add HYPE 200")
    why = "what it holds has changed since the card"
    chat.engine.refuses = errors.CannotAddError("HYPE", why)

    refused = await chat.tap(card, "✅ Add")

    assert refused.first_line.startswith("Nothing can be added to HYPE: what it holds")
    assert "Nothing was ordered. The pair stays as it is." in refused.text
    chat.engine.refuses = None
    again = await chat.tap(refused, "New quote")
    assert again.first_line.startswith("➕ Add to HYPE? $200 per leg")  # noqa: RUF001 -- the button's sign


async def test_a_viewer_cannot_add(chat: Chat) -> None:
    """It is an order."""
    card = await chat.type("/pos HYPE", VERA)

    assert not [label for label in card.labels if "Add" in label]


async def test_a_halt_says_what_of_a_growing_pair_may_stand_alone(chat: Chat) -> None:
    """The part held before is hedged: nobody has to close it in a hurry."""
    await chat.tap(await chat.type("/add HYPE 200"), "✅ Add $200")
    growing = chat.engine.trades[HELD]
    chat.engine.trades[HELD] = replace(growing, state=TradeState.LEG1)

    card = await chat.type("/halt")

    assert "was growing: its second leg is not sent" in card.text
    assert "what was held before is hedged" in card.text


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (TradeState.PREFLIGHT, "growth being checked"),
        (TradeState.LEG1, "growing, leg 1"),
        (TradeState.LEG2, "growing, leg 2"),
        (TradeState.BALANCE, "leveling both legs"),
    ],
)
async def test_a_pair_that_grows_is_not_shown_as_being_opened(
    chat: Chat, state: TradeState, words: str
) -> None:
    """Who reads "opening" thinks that nothing is held yet."""
    await chat.tap(await chat.type("/add HYPE 200"), "✅ Add $200")
    chat.engine.trades[HELD] = replace(chat.engine.trades[HELD], state=state)

    card = await chat.type("/pos trade000")

    assert words in card.first_line
    assert not [label for label in card.labels if "Add" in label]


def test_the_log_tells_an_addition_from_an_entry(chat: Chat) -> None:
    """The same steps run for both; the words must not be the same."""
    look = chat.desk.look()
    step = "leg1 -> leg2, adding 4, sell 4 on hyperliquid at 41.3, order x"

    said = event_words(Event(START, "engine", "trade trade000 T07", step), look)
    asked = event_words(
        Event(START, "user 1", "confirmed add", "trade=trade000 plan=p base=HYPE"), look
    )

    assert "growing, leg 2" in said
    assert "sell 4 on Hyperliquid at 41.3" in said
    assert asked == "confirmed the addition to HYPE (pair trade000)"


def told(chat: Chat, kind: AlertKind, **facts: str) -> tuple[str, list[str]]:
    """Return first line and buttons of an outcome's message."""
    alert = Alert(kind, AlertLevel.TRADE, "key", {**ALERT_FACTS[kind], **facts}, START)
    card = alert_card(chat.desk.look(), alert)
    return card.html, [each.label for row in card.rows for each in row]


def test_a_pair_that_grew_is_told_with_what_is_open_now(chat: Chat) -> None:
    """Four were added, 16.1 are open: the two numbers must not be mixed up."""
    html, _ = told(chat, AlertKind.OPENED, quantity="4", planned="4", held="16.1")

    assert html.startswith("✅ HYPE grew, both legs filled")
    assert "Added 4 HYPE to each leg, 16.1 are open now" in html


def test_a_pair_that_did_not_grow_is_told_as_open_and_hedged(chat: Chat) -> None:
    """“Not opened” would read as if nothing were held."""
    html, labels = told(
        chat,
        AlertKind.NOT_OPENED,
        stays="12.1",
        was_ordered="yes",
        cost_usd="0.24",
        reason="no fill",
    )

    assert html.startswith("Nothing was added to HYPE: no fill")
    assert "What one leg had got is undone, cost $0.24." in html
    assert "12.1 HYPE on each leg stay open, hedged." in html
    assert "Position" in labels
