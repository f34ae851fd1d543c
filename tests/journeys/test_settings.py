"""Settings changed in chat act at the next scan or tap, and after a restart too."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from core.model.preferences import PREFERENCES, Key, Kind
from core.model.units import UserId
from tests.journeys.house import ANNA, open_house

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sandbox.telegram.model import ChatMessage
    from tests.journeys.house import House

pytestmark = pytest.mark.journey

CHOSEN: dict[Key, str] = {
    Key.SIZE_USD: "250",
    Key.LEVERAGE: "2",
    Key.HOLD: "8",
    Key.ALERT_SPREAD: "0.5",
    Key.MIN_SPREAD: "0.04",
    Key.MIN_NET: "0.1",
    Key.MAX_BREAK_EVEN: "12",
    Key.MIN_VOLUME: "60000",
    Key.UNKNOWN_VOLUME: "no",
    Key.VENUES: "BN HL LT",
    Key.TOKENS: "ETH BTC",
    Key.MAX_TRADE_USD: "300",
    Key.MAX_TOKEN_USD: "1000",
    Key.MAX_VENUE_USD: "2000",
    Key.MAX_TOTAL_USD: "3000",
    Key.MAX_OPEN_TRADES: "3",
    Key.MAX_ENTRIES: "5",
    Key.MAX_LEVERAGE: "2",
    Key.QUIET_HOURS: "23:00-07:00",
    Key.ZONE: "Europe/Berlin",
    Key.RATE_HOURS: "1",
    Key.CRITICAL: "on",
    Key.TRADE: "on",
    Key.OPPORTUNITY: "silent",
    Key.FUNDING: "off",
    Key.INFO: "off",
}
"""A value for each setting; others of their kind take what stands below."""
BY_KIND = {Kind.ACTION: "tell", Kind.FLAG: "no"}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """Open a house with the settings of a new host."""
    async with open_house(tmp_path) as opened:
        yield opened


async def typed(house: House, words: str) -> ChatMessage:
    """Type a setting, and confirm it if it lets more happen."""
    card = await house.say(f"/settings {words}")
    if "?" in card.text.splitlines()[0]:
        await house.tap("✅ Change it", card)
    return card


def name(key: Key) -> str:
    """Return a setting's name as it is typed."""
    return key.value.replace("_", " ")


async def test_every_setting_acts_at_once_and_after_a_restart(house: House) -> None:
    """Each is typed in chat; the restarted bot starts with all of them."""
    for key, row in PREFERENCES.items():
        value = CHOSEN.get(key) or BY_KIND.get(row.kind)
        if value is not None:
            await typed(house, f"{name(key)} {value}")
    book = house.engine.preferences
    before = {key: book.in_force(key, UserId(ANNA)) for key in PREFERENCES}
    wanted = {key for key in CHOSEN if before[key].source.value != "chat"}
    # what was typed is what holds already: nothing had to be changed
    assert wanted <= {Key.CRITICAL, Key.TRADE}

    scanner, limits = house.engine._parts.scanner, house.engine._parts.limits
    assert scanner.gates.min_spread_per_hour == Decimal("0.00005")
    assert scanner.gates.min_volume_usd == Decimal(60_000)
    assert limits.caps.max_open_trades == 3
    assert limits.caps.max_total_usd == Decimal(3000)

    await house.restart()

    book = house.engine.preferences
    assert {key: book.in_force(key, UserId(ANNA)) for key in PREFERENCES} == before
    scanner, limits = house.engine._parts.scanner, house.engine._parts.limits
    assert scanner.gates.min_spread_per_hour == Decimal("0.00005")
    assert limits.caps.max_open_trades == 3
    assert "%/1h" in (await house.say("/top")).text


async def test_filters_act_at_the_next_scan(house: House) -> None:
    """Tokens and venues that were left out are gone from the ranking, with a reason."""
    await house.scan()
    before = {one.base for one in house.ranking.opportunities}
    assert len(before) > 2
    kept = min(before)

    await typed(house, f"tokens {kept}")
    await house.pass_time(timedelta(seconds=60))
    await house.scan()

    assert {one.base for one in house.ranking.opportunities} == {kept}
    reasons = {skip.reason.value for skip in house.ranking.skips}
    assert "not_chosen" in reasons
    assert await house.tap("↩ All", await house.say("/settings tokens")) == ""
    await house.tap("✅ Change it")
    await house.pass_time(timedelta(seconds=60))
    await house.scan()
    assert {one.base for one in house.ranking.opportunities} == before


async def test_size_and_leverage_act_at_the_next_tap(house: House) -> None:
    """The quote after the change is made with it; a cap in chat stops what is above."""
    await house.scan()
    await typed(house, "size 200")
    await typed(house, "leverage 2")

    best = house.ranking.opportunities[0].base
    quote = await house.say(f"/open {best}")
    first = quote.text.splitlines()[0]
    assert first.startswith(f"⚡ Open {best}? $200 per leg"), first
    assert "2x" in quote.text

    await typed(house, "per leg 150")
    assert "$150 per leg" in (await house.say(f"/open {best}")).text
    refused = await house.say(f"/open {best} 151")
    assert "at most $150 per leg" in refused.text


async def test_a_reply_answers_the_question_and_a_key_is_deleted(house: House) -> None:
    """Through the real chat: the question asks for a reply, a secret disappears."""
    card = await house.say("/settings size")
    await house.tap("✏ Other…", card)
    question = house.card()
    assert question.asks_reply

    answer = await house.say("220", reply_to=question.id)
    assert answer.text.startswith("Size per leg: $220")

    secret = "0x" + "7f" * 32
    said = await house.say(secret)
    assert said.text.startswith("That looks like a key.")
    assert "I deleted your message" in said.text
    assert all(secret not in m.text for m in house.telegram.messages(ANNA))
    assert house.engine.effective().size_usd == Decimal(220)


async def test_a_bad_value_gets_its_sentence_and_changes_nothing(house: House) -> None:
    """As an owner reads it in chat."""
    for words, says in (
        ("size lots", "“lots” is no value for “Size per leg”; type 400."),
        ("size 2501", "The host allows at most $2,500 (CARRY_MAX_TRADE_USD);"),
        ("venues BN", "A pair needs two venues; choose at least two."),
        ("time zone Atlantis", "I know no time zone “Atlantis”;"),
        ("critical off", "Critical messages cannot be switched off,"),
    ):
        card = await house.say(f"/settings {words}")
        assert card.text.startswith(says), card.text
        assert "Nothing was changed." in card.text
    history = await house.say("/settings history")
    assert "Nobody has changed anything yet." in history.text


async def test_an_alarm_rings_until_seen_through_the_real_chat(house: House) -> None:
    """A critical message comes again after a minute, with sound, and stops at Seen."""
    await house.engine.halt(None, tells_owners=True)
    await house.rest()
    (first,) = [one for one in house.cards() if "halted by the host" in one.text]
    assert "again until you press Seen" in first.text

    await house.pass_time(timedelta(minutes=1))
    await house.engine.ring_alarms()
    await house.rest()
    rung = [one for one in house.cards() if "halted by the host" in one.text]
    assert len(rung) == 2
    assert not rung[-1].silent

    assert await house.tap("👁 Seen", rung[-1]) == "Seen. I will not tell it again."
    await house.restart()
    await house.pass_time(timedelta(hours=3))
    await house.engine.ring_alarms()
    await house.rest()
    again = [one for one in house.cards() if "halted by the host" in one.text]
    assert len(again) == 2
    assert "👁 Seen by Anna" in again[-1].text
