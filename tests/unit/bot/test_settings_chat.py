"""/settings: values with their source, presets, typed answers, and who changed what."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from bot.callbacks import Tap, Verb
from bot.cards import trouble
from bot.cards.checks import check
from bot.cards.preference_words import SAYS, SECTIONS, key_named, read, value_words
from bot.cards.secret import looks_secret
from bot.cards.settings import key_card
from bot.handlers import settings
from core.errors import BadValueError
from core.model.preferences import PREFERENCES, Key
from core.model.units import MessageId
from tests.fakes.chat import ANNA, BERT, VERA, Chat
from tests.fakes.engine import lists_of, pair, scan_of

if TYPE_CHECKING:
    from bot.access import Caller
    from core.model.preferences import Value
    from tests.fakes.chat import Message

MINUTE = timedelta(minutes=1)


@pytest.fixture
def chat() -> Chat:
    """A bot that lists HYPE and SUI."""
    opened = Chat()
    opened.engine.result = scan_of(pair("HYPE"), pair("SUI"))
    opened.engine.lists = lists_of(opened.engine.result)
    return opened


async def reply(
    chat: Chat, question: Message | None, text: str, caller: Caller = ANNA
) -> Message | None:
    """Answer a message; None if the bot takes it for plain text."""
    number = MessageId(9) if question is None else question.message_id
    found = await settings.answer(chat.desk, caller, text, number)
    return None if found is None else await chat.show(found, caller, None)


def size(chat: Chat) -> Decimal:
    """Return the size that acts."""
    return chat.engine.effective().size_usd


# --- what is shown --------------------------------------------------------------------


async def test_every_line_names_its_value_and_where_it_comes_from(chat: Chat) -> None:
    """Nobody should have to ask why the bot does what it does."""
    await chat.engine.preferences.choose(Key.LEVERAGE, Decimal(2), ANNA.user_id)

    card = await chat.tap(await chat.type("/settings"), "≡ All values")

    lines = card.text.splitlines()
    assert lines[0] == "⚙ All settings · 🧪 PAPER"
    assert (await chat.type("/settings all")).text == card.text
    assert "Size per leg: $500 · default" in lines
    assert "Leverage: 2x · chat" in lines
    assert "Most leverage: 5x · .env" in lines
    assert "Alert from: 0.040%/8h · default" in lines
    assert "Quiet hours: none · default" in lines
    for says in SAYS.values():
        assert sum(line.startswith(f"{says.label}:") for line in lines) == 1


async def test_the_first_screen_names_only_what_is_not_the_default(chat: Chat) -> None:
    """Forty lines of defaults hide the two that matter, and push the buttons away."""
    await chat.engine.preferences.choose(Key.LEVERAGE, Decimal(2), ANNA.user_id)

    card = await chat.type("/settings")

    assert card.text.splitlines() == [
        "⚙ Settings · 🧪 PAPER",
        "Not the default (chat: chosen here, .env: from the host):",
        "Leverage: 2x · chat",
        "Most leverage: 5x · .env",
    ]


async def test_a_preset_is_one_tap_and_the_current_value_is_marked(chat: Chat) -> None:
    """Down is done at once; it acts at the next tap."""
    trading = await chat.tap(await chat.type("/settings"), "Trading")
    card = await chat.tap(trading, "Size")
    assert "$500 •" in card.labels

    card = await chat.tap(card, "$250")

    assert chat.toast == "Saved"
    assert card.first_line == "Size per leg: $250 · 🧪 PAPER"
    assert "Chosen in chat by you," in card.text
    assert "The default says $500." in card.text
    assert "$250 •" in card.labels
    assert size(chat) == Decimal(250)
    top = await chat.type("/open")
    assert "$250" in top.text


async def test_more_risk_shows_old_and_new_and_asks(chat: Chat) -> None:
    """Twice the size is never one slip of a thumb."""
    card = await chat.tap(await chat.type("/settings size"), "$1,000")

    assert card.first_line == "Size per leg: $500 → $1,000? · 🧪 PAPER"
    assert card.labels == ["✅ Change it", "✖ Keep"]
    assert size(chat) == Decimal(500)
    kept = await chat.tap(card, "✖ Keep")
    assert (chat.toast, size(chat)) == ("Nothing was changed", Decimal(500))

    again = await chat.tap(kept, "$1,000")
    done = await chat.tap(again, "✅ Change it")
    assert done.first_line == "Size per leg: $1,000 · 🧪 PAPER"
    assert size(chat) == Decimal(1000)


async def test_a_confirmation_of_what_has_changed_meanwhile_is_void(chat: Chat) -> None:
    """Bert halves the size while Anna looks at 500 -> 1000."""
    card = await chat.tap(await chat.type("/settings size"), "$1,000")
    await chat.engine.preferences.choose(Key.SIZE_USD, Decimal(250), BERT.user_id)

    await chat.tap(card, "✅ Change it")

    assert chat.toast == "This card has changed. Look again."
    assert size(chat) == Decimal(250)


async def test_reset_brings_the_hosts_value_back_and_asks_if_that_is_riskier(
    chat: Chat,
) -> None:
    """From 250 back to the host's 500 is more; from 800 it is less."""
    book = chat.engine.preferences
    await book.choose(Key.SIZE_USD, Decimal(250), ANNA.user_id)
    card = await chat.tap(await chat.type("/settings size"), "↩ $500")
    assert card.first_line == "Size per leg: $250 → $500? · 🧪 PAPER"
    await chat.tap(card, "✅")
    assert size(chat) == Decimal(500)
    assert (await chat.type("/settings size")).labels.count("↩ $500") == 0

    await book.choose(Key.SIZE_USD, Decimal(800), ANNA.user_id)
    await chat.tap(await chat.type("/settings size"), "↩ $500")
    assert (chat.toast, size(chat)) == ("The host's value acts again", Decimal(500))


async def test_venues_are_switched_one_by_one(chat: Chat) -> None:
    """A tap takes a venue out; the way back is asked about, one is too few."""
    card = await chat.tap(await chat.type("/settings venues"), "✓ Extended")
    assert chat.engine.effective().venues == ("binance", "hyperliquid", "lighter")
    assert "Extended" in card.labels

    card = await chat.tap(card, "✓ Lighter")
    with pytest.raises(BadValueError):
        await chat.tap(card, "✓ Binance")
    asked = await chat.tap(card, "Lighter")
    assert "Binance, Hyperliquid → Binance, Hyperliquid, Lighter?" in asked.text


async def test_the_trail_says_who_changed_what_and_when(chat: Chat) -> None:
    """Money settings without a trail end in quarrels."""
    await chat.engine.preferences.choose(Key.SIZE_USD, Decimal(400), BERT.user_id)
    await chat.type("/settings alert from 0.08")

    card = await chat.tap(await chat.type("/settings"), "🕘 Changes")

    assert card.text.splitlines()[1:] == [
        "22 Nov 21:52 UTC you: Alert from 0.040%/8h → 0.080%/8h",
        f"22 Nov 21:52 UTC user {BERT.user_id}: Size per leg $500 → $400",
    ]


# --- typed answers --------------------------------------------------------------------


async def test_a_reply_to_the_question_is_the_value(chat: Chat) -> None:
    """Other… asks; the answer is bound to the question."""
    question = await chat.tap(await chat.type("/settings size"), "✏ Other…")
    assert question.card.asks == "400"
    assert "Now $500. For example: 400" in question.text

    shown = await reply(chat, question, "$320")

    assert shown is not None
    assert shown.first_line == "Size per leg: $320 · 🧪 PAPER"
    assert size(chat) == Decimal(320)


async def test_only_the_asked_person_replying_to_the_question_is_heard(
    chat: Chat,
) -> None:
    """Two questions open: each answer goes to its own, others change nothing."""
    first = await chat.tap(await chat.type("/settings size"), "✏ Other…")
    second = await chat.tap(await chat.type("/settings min volume"), "✏ Other…")
    other = await chat.type("/top")

    assert await reply(chat, first, "100", BERT) is None
    assert await reply(chat, other, "100") is None
    assert await reply(chat, None, "100") is None
    assert size(chat) == Decimal(500)

    await reply(chat, second, "70k")
    await reply(chat, first, "100")
    assert size(chat) == Decimal(100)
    volume = chat.engine.effective().number(Key.MIN_VOLUME)
    assert volume == Decimal(70_000)


async def test_a_question_ends_after_two_minutes_or_with_cancel(chat: Chat) -> None:
    """A number typed next week must not become a size."""
    late = await chat.tap(await chat.type("/settings size"), "✏ Other…")
    await chat.clock.advance(2 * MINUTE + timedelta(seconds=1))
    shown = await reply(chat, late, "100")
    assert shown is not None
    assert "That question ended after two minutes." in shown.text
    assert "Nothing is waiting" in (await chat.type("/cancel")).text

    question = await chat.tap(await chat.type("/settings size"), "✏ Other…")
    assert "Nothing was changed." in (await chat.type("/cancel")).text
    await reply(chat, question, "100")

    assert size(chat) == Decimal(500)


async def test_an_answer_counts_once_but_a_bad_one_may_be_corrected(
    chat: Chat,
) -> None:
    """The second answer to an answered question changes nothing."""
    question = await chat.tap(await chat.type("/settings size"), "✏ Other…")
    with pytest.raises(BadValueError):
        await reply(chat, question, "much")
    await reply(chat, question, "300")
    await reply(chat, question, "200")

    assert size(chat) == Decimal(300)


HOST_ALLOWS = (
    "The host allows at most ${} (CARRY_MAX_{}_USD); only its .env can raise that."
)
NOT_READ = (
    "“okx” is not read here; the venues are Binance, Hyperliquid, Lighter, Extended."
)


# --- every setting, typed -------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "key", "value"),
    [
        ("size 1,000", Key.SIZE_USD, Decimal(1000)),
        ("size 1.5k", Key.SIZE_USD, Decimal(1500)),
        ("leverage 2x", Key.LEVERAGE, Decimal(2)),
        ("alert from 0,05%", Key.ALERT_SPREAD, Decimal("0.0000625")),
        ("alert from 0.05%/1h", Key.ALERT_SPREAD, Decimal("0.0005")),
        ("min spread 0.02", Key.MIN_SPREAD, Decimal("0.000025")),
        ("min net 0.1%", Key.MIN_NET, Decimal("0.001")),
        ("plan hold 3d", Key.HOLD, Decimal(72)),
        ("min volume 2m", Key.MIN_VOLUME, Decimal(2_000_000)),
        ("unknown vol no", Key.UNKNOWN_VOLUME, False),
        ("venues bn, hl", Key.VENUES, ("binance", "hyperliquid")),
        ("tokens hype", Key.TOKENS, ("HYPE",)),
        ("open pairs 4", Key.MAX_OPEN_TRADES, Decimal(4)),
        ("trades silent", Key.TRADE, "silent"),
        ("quiet hours 23-7", Key.QUIET_HOURS, "23:00-07:00"),
        ("quiet hours 22:30 - 06:15", Key.QUIET_HOURS, "22:30-06:15"),
        ("time zone new york", Key.ZONE, "America/New_York"),
        ("rates per 1h", Key.RATE_HOURS, Decimal(1)),
    ],
)
async def test_a_setting_can_be_typed_as_people_write_it(
    chat: Chat, typed: str, key: Key, value: Value
) -> None:
    """Name and value in one line; more risk still asks."""
    card = await chat.type(f"/settings {typed}")
    if "→" in card.first_line:
        await chat.tap(card, "✅ Change it")

    assert chat.engine.preferences.in_force(key, ANNA.user_id).value == value


@pytest.mark.parametrize(
    ("key", "typed", "says"),
    [
        (Key.SIZE_USD, "much", "“much” is no value for “Size per leg”; type 400."),
        (Key.SIZE_USD, "0.5", "“Size per leg” must be at least $1."),
        (
            Key.SIZE_USD,
            "9000",
            HOST_ALLOWS.format("2,500", "TRADE"),
        ),
        (Key.LEVERAGE, "11", "“Leverage” can be at most 10x."),
        (
            Key.MAX_TOTAL_USD,
            "1m",
            HOST_ALLOWS.format("25,000", "TOTAL"),
        ),
        (
            Key.ALERT_SPREAD,
            "soon",
            "“soon” is no value for “Alert from” in %/8h; type 0.05.",
        ),
        (
            Key.VENUES,
            "BN okx",
            NOT_READ,
        ),
        (Key.VENUES, "BN", "A pair needs two venues; choose at least two."),
        (
            Key.QUIET_HOURS,
            "25-7",
            "“25-7” is no value for “Quiet hours”; type 23:00-07:00, or off.",
        ),
        (
            Key.ZONE,
            "Atlantis",
            "I know no time zone “Atlantis”; type a city such as Europe/Berlin.",
        ),
        (
            Key.CRITICAL,
            "off",
            "Critical messages cannot be switched off, only made silent.",
        ),
    ],
)
async def test_a_bad_value_gets_one_exact_sentence(
    chat: Chat, key: Key, typed: str, says: str
) -> None:
    """What is wrong and what to type instead; nothing is changed."""
    shown = await chat.type(f"/settings {SAYS[key].short} {typed}")

    assert shown.first_line == f"{says} · 🧪 PAPER"
    assert await chat.engine.preferences.changes(9) == ()


async def test_a_name_that_is_no_setting_gets_the_list(chat: Chat) -> None:
    """Silence is never success."""
    card = await chat.type("/settings shoe size 43")

    assert card.first_line.startswith("“shoe size 43” is no setting.")
    assert "quiet hours" in card.text


# --- words and cards ------------------------------------------------------------------


def test_every_setting_has_words_a_section_and_a_way_to_be_named() -> None:
    """A setting without words would break the card that lists all of them."""
    assert set(SAYS) == set(PREFERENCES) == set(Key)
    listed = [key for section in SECTIONS.values() for key in section.keys]
    assert sorted(listed) == sorted(Key)
    for key, says in SAYS.items():
        assert key_named(says.short) is key
        assert key_named(says.label) is key
        assert len(says.short) <= 14


@pytest.mark.parametrize("key", Key)
def test_every_example_and_preset_can_be_chosen(chat: Chat, key: Key) -> None:
    """What a card offers must be taken."""
    look = chat.desk.look(ANNA)
    one = chat.engine.preferences.in_force(key, ANNA.user_id)

    example = SAYS[key].example.partition(",")[0]
    assert value_words(key, read(key, example, look), look)
    for value in (*SAYS[key].presets, one.value):
        card = key_card(replace(one, value=value), look)
        assert check(card) == ()
        assert any("•" in button.label for row in card.rows for button in row) or (
            isinstance(value, tuple) and value
        )


@pytest.mark.parametrize(
    "typed",
    [
        "1000001:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc",
        "0x" + "4f" * 32,
        "ab12" * 10,
        "key is 7DuRsbGqKkPk4hVBhQv1oNqGvCkLw3XYZ0aa",
        "legal winner thank year wave sausage worth useful legal winner thank yellow",
    ],
)
def test_what_looks_like_a_key_is_a_secret(typed: str) -> None:
    """A key in chat is a key Telegram has."""
    assert looks_secret(typed)


@pytest.mark.parametrize(
    "typed",
    ["400", "/settings size 400", "/open 1000PEPE 500", "BN HL LT", "x" * 60, "Berlin"],
)
def test_ordinary_words_are_none(typed: str) -> None:
    """Nobody's command may vanish."""
    assert not looks_secret(typed)


# --- viewers --------------------------------------------------------------------------


async def test_a_viewer_sees_every_value_and_no_way_to_change_one(chat: Chat) -> None:
    """Every card that his buttons lead to: values and sources, nothing that acts."""
    await chat.engine.preferences.choose(Key.LEVERAGE, Decimal(2), ANNA.user_id)
    first = await chat.type("/settings", VERA)
    assert "You see every value; owners change them." in first.text
    assert "Leverage: 2x · chat" in first.text.splitlines()
    full = await chat.tap(first, "≡ All values", VERA)
    for says in SAYS.values():
        assert f"\n{says.label}: " in full.text

    seen = 0
    for section in SECTIONS.values():
        for key in section.keys:
            first = await chat.type("/settings", VERA)
            group = await chat.tap(first, section.title, VERA)
            one = await chat.tap(group, SAYS[key].short, VERA)
            assert one.labels == ["◀ Back"]
            assert "Typed:" not in one.text
            seen += 1
    assert seen == len(SAYS)


async def test_a_viewers_forged_tap_or_typed_value_changes_nothing(chat: Chat) -> None:
    """An owner's card has chips; their data in a viewer's hands is worth nothing."""
    card = await chat.type("/settings size", VERA)
    for arg in ("p0", "ask", "reset", "yes"):
        await chat.press(card, Tap(Verb.SET, str(card.card.card_id), arg), VERA)
        assert chat.toast == trouble.VIEW_ONLY
    typed = await chat.type("/settings size 1000", VERA)

    assert typed.first_line.startswith("View only: an owner changes settings.")
    assert await reply(chat, card, "1000", VERA) is None
    assert size(chat) == Decimal(500)


async def test_the_help_of_a_viewer_names_settings(chat: Chat) -> None:
    """What nobody names nobody finds."""
    helped = await chat.type("/help", VERA)

    assert "/settings " in helped.text
    assert "/alerts" not in helped.text
