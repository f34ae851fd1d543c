"""The exact sentence a person reads for each thing typed or tapped wrongly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.handlers.routes import COMMANDS
from tests.journeys.house import ANNA, open_house

if TYPE_CHECKING:
    from pathlib import Path

    from tests.journeys.house import House

pytestmark = pytest.mark.journey

BADGE = " · 🧪 PAPER"
UNKNOWN = (
    "I do not know this command.",
    f"These work: {' '.join(f'/{name}' for name in COMMANDS if name != 'positions')}",
)
SPELLING = "Check the spelling, or look in the matrix."
NO_SETTING = (
    "A number in %/8h (/alerts 0.03), on, silent, off, mute TOKEN, unmute TOKEN."
)
NO_AMOUNT = "For example: /open HYPE 500"
NOTHING = "Nothing was ordered."
OTHER_SIZE = f"{NOTHING} Try another size: /open TOKEN USD."

TYPED: list[tuple[str, str, str]] = [
    # typed, what is wrong, what to do
    ("/open NOPE", "No venue lists NOPE.", SPELLING),
    ("/matrix NOPE", "No venue lists NOPE.", SPELLING),
    ("/open <b>&amp;", "No venue lists <b>&amp;.", SPELLING),
    ("/open KAITO abc", "“abc” is not an amount in dollars per leg.", NO_AMOUNT),
    ("/open KAITO -5", "“-5” is not an amount in dollars per leg.", NO_AMOUNT),
    ("/open KAITO 0", "“0” is not an amount in dollars per leg.", NO_AMOUNT),
    ("/open KAITO nan", "“nan” is not an amount in dollars per leg.", NO_AMOUNT),
    ("/open KAITO inf", "“inf” is not an amount in dollars per leg.", NO_AMOUNT),
    (
        "/open KAITO 99999999999",
        "“99999999999” is not an amount in dollars per leg.",
        NO_AMOUNT,
    ),
    (
        "/open KAITO 2501",
        (
            "This size does not work: at most $2,500 per leg is allowed here"
            " (CARRY_MAX_TRADE_USD)."
        ),
        OTHER_SIZE,
    ),
    (
        "/open KAITO 0.5",
        (
            "This size does not work: too small: $0.00 per leg is left in whole lots,"
            " at least $20.00 is needed."
        ),
        OTHER_SIZE,
    ),
    ("/open KAITO 1 2", "That is more than /open takes.", NO_AMOUNT),
    (
        "/open RARE",
        (
            "RARE cannot be paired now: only on Extended (Binance: not listed,"
            " Hyperliquid: not listed, Lighter: not listed)."
        ),
        NOTHING,
    ),
    ("/matrix A B", "That is more than /matrix takes.", "For example: /matrix PEPE"),
    ("/top a b", "That is more than /top takes.", "For example: /top HL"),
    ("/pos NOPE", "There is no pair NOPE.", "See /pos for all."),
    ("/pos a b", "That is more than /pos takes.", "For example: /pos HYPE"),
    ("/close NOPE", "There is no pair NOPE.", "See /pos for all."),
    (
        "/close a b",
        "/close takes a pair and, if you like, how much of it in percent.",
        "For example: /close HYPE 50%",
    ),
    (
        "/close KAITO 50% now",
        "/close takes a pair and, if you like, how much of it in percent.",
        "For example: /close HYPE 50%",
    ),
    ("/alerts foo", "“foo” is no alert setting.", NO_SETTING),
    ("/alerts -1", "“-1” is no alert setting.", NO_SETTING),
    ("/alerts 1000", "“1000” is no alert setting.", NO_SETTING),
    ("/alerts mute", "“mute” is no alert setting.", NO_SETTING),
    ("/alerts mute NOPE", "No venue lists NOPE.", SPELLING),
    ("/nonsense", *UNKNOWN),
    ("/openn KAITO", *UNKNOWN),
    ("/", *UNKNOWN),
    ("hello", "“hello” is not a command I know.", "Try /top, /pos or /help."),
    (
        "buy everything & <i>now</i>",
        "“buy everything & <i>now</i>” is not a command I know.",
        "Try /top, /pos or /help.",
    ),
]

TAPS = [
    *(" ", "x", "y", ":", "::", "y:", "y:short", "q:", "Y:" + "A" * 22),
    *("y:" + "A" * 22, "n:" + "A" * 22, "y:" + "A" * 22 + ":500", "🧪", "币安人生"),
    *("z:aaaaaaaa:1;DROP", "p:aaaaaaaa:../..", "t:AAAAAAAA:0:0", "x" * 64),
    *("1:aaaaaaaa:0", "E:aaaaaaaa", "0:aaaaaaaa", "y:\n" + "A" * 21, "p:aaaaaaa\x00:1"),
]


async def test_every_wrong_command_gets_its_sentence(house: House) -> None:
    """Silence looks like success and a riddle like a crash."""
    for typed, first, then in TYPED:
        card = await house.say(typed)
        assert card.text.splitlines() == [first + BADGE, then], typed
        assert card.buttons, f"{typed}: no way on"
    assert await house.trades() == []


async def test_every_wrong_tap_gets_its_toast(house: House) -> None:
    """Forged data of up to 64 bytes is answered, logged and changes nothing."""
    card = await house.say("/open KAITO")
    shown = card.rendered
    for data in TAPS:
        assert await house.press(data, card) == "Unknown button", data
    assert card.rendered == shown
    assert await house.trades() == []
    await house.tap("Open $", card)
    await house.rest()
    assert card.text.startswith("✅ KAITO open"), "the true button still works"


async def test_long_words_are_shortened_and_delivered(house: House) -> None:
    """A whole novel as a token is answered in one message, not refused by Telegram."""
    for command in ("/open ", "/matrix ", "/pos ", "/top ", "/alerts ", ""):
        card = await house.say(command + "&lt;x>" * 800)
        assert 0 < len(card.text) < 800, command
    card = await house.say("/open " + "x" * 4000)
    assert card.text.startswith("No venue lists xxx")


async def test_spellings_of_one_thing_mean_it(tmp_path: Path) -> None:
    """Case, the bot's name, k and 1000, dollars and commas are all understood."""
    async with open_house(tmp_path, net_top_k=20) as house:
        for typed in (
            "/TOP",
            "/top@carry_sandbox_bot",
            "/Top 10",
            "/top kaito",
            "/top LT",
        ):
            assert (await house.say(typed)).text.startswith("Best: KAITO "), typed
        for typed in ("PEPE", "pepe", "kPEPE", "1000PEPE", "1000pepe"):
            card = await house.say(f"/matrix {typed}")
            assert card.text.startswith("PEPE long LT, short HL"), typed
        for size in ("1000", "$1000", "1,000", "$1,000", "1e3"):
            card = await house.say(f"/open KAITO {size}")
            assert card.text.startswith("⚡ Open KAITO? $1,000 per leg"), size
        assert (await house.say("/matrix 币安人生")).text.startswith("币安人生 long LT")


async def test_who_is_too_fast_hears_how_long_to_wait(house: House) -> None:
    """Ten commands a minute: a stuck key cannot flood the bot, nor block a pause."""
    for _ in range(25):
        house.telegram.say(ANNA, "/help")
    await house.settle()
    texts = [one.text for one in house.cards()]
    assert any(text.startswith("Too fast. Try again in ") for text in texts), texts
    assert sum(text.startswith("carrybot") for text in texts) >= 10
    house.telegram.say(ANNA, "/pause")
    await house.settle()
    assert "Entries are paused" in house.card().text, "stopping is never refused"


async def test_one_pair_more_than_allowed_is_refused_before_a_card(
    tmp_path: Path,
) -> None:
    """A card that could never be confirmed wastes the minute that counts."""
    async with open_house(tmp_path, max_open_trades=1) as house:
        await house.enter("KAITO")
        typed = await house.say("/open APT")
        await house.say("/top")
        await house.tap("⚡ Enter best")
        assert typed.text.startswith(
            "1 pair is open, and more are not allowed here (CARRY_MAX_OPEN_TRADES)."
        )
        assert house.card(ANNA).text.startswith("1 pair is open")
        assert "Nothing was ordered." in typed.text


@pytest.mark.parametrize(
    ("display", "words"),
    [
        ("8h", "KAITO pays 0.118%/8h gross at best now, 80.00%/8h is the least"),
        ("1h", "KAITO pays 0.015%/1h gross at best now, 10.00%/1h is the least"),
    ],
)
async def test_a_spread_below_the_least_is_told_in_the_unit_of_the_cards(
    tmp_path: Path, display: str, words: str
) -> None:
    """A rate per hour beside rates per eight hours reads as an eighth of the truth."""
    async with open_house(
        tmp_path,
        rate_display=display,
        min_spread_hourly="0.1",
        alert_spread_hourly="0.2",
    ) as house:
        card = await house.say("/open KAITO")
        assert card.text.startswith(words)
