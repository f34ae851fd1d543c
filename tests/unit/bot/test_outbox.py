from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from bot.cards.alert import alert_card
from bot.cards.card import Card
from bot.cards.look import Look
from bot.outbox import OUTAGE, PARKED, Courier
from core.errors import StorageError
from core.model.alert import Alert, AlertKind, AlertLevel
from core.model.preferences import Key
from core.model.units import ChatId, MessageId, Mode, UserId
from core.runtime import Nursery
from storage.database import Database
from storage.outbox import SqliteOutbox
from tests.fakes.engine import no_choices
from tests.fakes.runtime import CountedIds, settle
from tests.unit.bot.telegram_line import ANNA, VERA, open_line

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from bot.messenger import Messenger
    from core.preferences import PreferenceBook
    from sandbox.telegram import TelegramStandIn
    from tests.fakes.runtime import FakeClock

SECOND = timedelta(seconds=1)


@dataclass
class Post:
    """A courier between a real outbox on disk and the stand-in."""

    courier: Courier
    outbox: SqliteOutbox
    nursery: Nursery
    telegram: TelegramStandIn
    clock: FakeClock
    messenger: Messenger
    book: PreferenceBook
    count: int = 0

    async def put(
        self,
        name: str,
        *,
        level: AlertLevel = AlertLevel.TRADE,
        chat: int | None = ANNA,
        edits: int | None = None,
    ) -> None:
        """Store an alert whose card shows this name."""
        self.count += 1
        await self.outbox.put(
            Alert(
                kind=AlertKind.PAUSED,
                level=level,
                dedupe_key=f"{name}:{self.count}",
                facts={"reason": name},
                created_at=self.clock.now(),
                chat_id=None if chat is None else ChatId(chat),
                edits_message_id=None if edits is None else MessageId(edits),
            )
        )

    async def round(self) -> None:
        """Run one round and let its deliveries finish."""
        await self.courier.round()
        await self.nursery.drain(timedelta(seconds=5))

    async def rounds(self, count: int, every: timedelta = SECOND) -> None:
        """Run rounds with time between them."""
        for _ in range(count):
            await self.round()
            await self.clock.advance(every)

    def names(self, chat: int = ANNA) -> list[str]:
        """Return the names of the delivered alerts, in order."""
        firsts = [m.text.splitlines()[0] for m in self.telegram.messages(chat)]
        return [
            line.removeprefix("⚠️ Entries are paused: ").split(" · ")[0]
            for line in firsts
        ]


@asynccontextmanager
async def open_post(folder: Path) -> AsyncIterator[Post]:
    """Open an outbox whose only owner is Anna, and a courier for it."""
    async with open_line() as line:
        clock, ids = line.clock, CountedIds()
        database = await Database.open(folder / "paper.db", clock=clock)
        outbox, nursery = SqliteOutbox(database, [ChatId(ANNA)]), Nursery()

        def look(_user_id: UserId) -> Look:
            return Look(Mode.PAPER, {}, clock.now(), ids.short())

        book = no_choices(clock)
        courier = Courier(
            outbox=outbox,
            messenger=line.messenger,
            look=look,
            reader=book.reader,
            clock=clock,
            tasks=nursery,
        )
        try:
            yield Post(
                courier, outbox, nursery, line.stand_in, clock, line.messenger, book
            )
        finally:
            await nursery.cancel()
            await database.close()


@pytest.fixture
async def post(tmp_path: Path) -> AsyncIterator[Post]:
    """Give a courier."""
    async with open_post(tmp_path) as opened:
        yield opened


async def test_critical_news_overtakes_the_rest_and_each_class_keeps_its_order(
    post: Post,
) -> None:
    """Whoever is not hedged must hear of it before any opportunity."""
    await post.put("info", level=AlertLevel.INFO)
    await post.put("spread", level=AlertLevel.OPPORTUNITY)
    await post.put("first", level=AlertLevel.TRADE)
    await post.put("second", level=AlertLevel.TRADE)
    await post.put("naked", level=AlertLevel.CRITICAL)
    await post.rounds(5)

    assert post.names() == ["naked", "first", "second", "spread", "info"]
    assert await post.outbox.depth() == (0, None)


async def test_a_chat_gets_at_most_one_message_a_second(post: Post) -> None:
    """Faster, and Telegram silences the chat for half a minute."""
    await post.put("one")
    await post.put("two")
    await post.rounds(3, every=timedelta(seconds=0.25))
    assert post.names() == ["one"]

    await post.clock.advance(SECOND)
    await post.round()

    assert post.names() == ["one", "two"]


async def test_an_alert_without_chat_reaches_every_owner_and_no_viewer(
    post: Post,
) -> None:
    """Owners answer for the money."""
    await post.put("for owners", chat=None)
    await post.round()

    assert post.names() == ["for owners"]
    assert post.names(VERA) == []


async def test_forty_messages_and_a_429_lose_nothing_and_keep_their_order(
    post: Post,
) -> None:
    """A busy hour must not cost news."""
    post.telegram.faults.add("sendMessage", "retry_after", times=1, param=30)
    for number in range(20):
        await post.put(f"{number}")
    await post.put("naked", level=AlertLevel.CRITICAL)
    await post.rounds(10)
    assert post.names() == []

    await post.rounds(45)

    assert post.names() == ["naked", *(str(number) for number in range(20))]


async def test_one_waiting_chat_does_not_hold_up_another(post: Post) -> None:
    """Telegram limits chats one by one, and so do we."""
    post.telegram.faults.add("sendMessage", "retry_after", times=1, param=30)
    await post.put("slow chat", chat=ANNA)
    await post.round()
    await post.put("other chat", chat=VERA)
    await post.round()

    assert post.names(VERA) == ["other chat"]
    assert post.names(ANNA) == []


async def test_a_lost_network_is_tried_again_after_1_2_5_10_and_30_seconds(
    post: Post,
) -> None:
    """Patient enough for the network, quick enough for a person."""
    post.telegram.faults.add("sendMessage", "status_500", times=6)
    await post.put("at last")
    start, tries = post.clock.now(), []
    for _ in range(400):
        before = len([c for c in post.telegram.calls if c.method == "sendMessage"])
        await post.round()
        after = len([c for c in post.telegram.calls if c.method == "sendMessage"])
        if after > before:
            tries.append((post.clock.now() - start).total_seconds())
        await post.clock.advance(timedelta(seconds=0.25))

    assert tries == [0, 1, 3, 8, 18, 48, 78]
    assert post.names() == ["at last"]


async def test_a_blocked_bot_parks_the_chat_until_the_person_writes(
    post: Post,
) -> None:
    """Knocking on a closed door every second helps nobody."""
    post.telegram.block(ANNA)
    await post.put("news")
    await post.rounds(20)
    sends = [c for c in post.telegram.calls if c.method == "sendMessage"]
    assert len(sends) == 1

    post.telegram.unblock(ANNA)
    await post.courier.heard_from(ChatId(ANNA))
    await post.round()

    assert post.names() == ["news"]


async def test_a_parked_chat_is_tried_again_after_an_hour_by_itself(
    post: Post,
) -> None:
    """Nobody has to write first for news to come back."""
    post.telegram.block(ANNA)
    await post.put("news")
    await post.round()
    post.telegram.unblock(ANNA)
    await post.clock.advance(PARKED)
    await post.round()

    assert post.names() == ["news"]


async def test_progress_edits_its_message_and_the_newest_wins(post: Post) -> None:
    """Between two looks only the last state matters."""
    await post.put("confirm card")
    await post.round()
    message = post.telegram.messages(ANNA)[0]
    await post.put("leg 1", edits=message.id)
    await post.put("leg 2", edits=message.id)
    await post.rounds(4)

    edits = [c for c in post.telegram.calls if c.method == "editMessageText"]
    assert post.names() == ["leg 2"]
    assert len(edits) == 1


async def test_two_edits_of_one_message_are_a_second_and_a_half_apart(
    post: Post,
) -> None:
    """Telegram refuses faster ones."""
    await post.put("confirm card")
    await post.round()
    message = post.telegram.messages(ANNA)[0]
    await post.put("leg 1", edits=message.id)
    await post.round()
    await post.put("leg 2", edits=message.id)
    await post.rounds(2, every=timedelta(seconds=0.75))
    assert post.names() == ["leg 1"]

    await post.rounds(1)

    assert post.names() == ["leg 2"]


async def test_a_lost_edit_target_becomes_a_new_message(post: Post) -> None:
    """The result of a trade arrives even if its card was deleted."""
    await post.put("opened", edits=4711)
    await post.round()

    assert post.names() == ["opened"]


async def test_after_an_outage_one_summary_comes_and_then_what_is_critical(
    post: Post,
) -> None:
    """Ten minutes without Telegram must not end in a burst of old news."""
    post.telegram.faults.add("sendMessage", "status_500", times=8)
    for name in ("opened", "closed", "venue back"):
        await post.put(name)
    await post.rounds(int(OUTAGE.total_seconds()) + 20)
    await post.put("naked", level=AlertLevel.CRITICAL)
    await post.rounds(60)

    messages = [m.text for m in post.telegram.messages(ANNA)]
    assert len(messages) == 2
    summary = next(text for text in messages if "Meanwhile" in text)
    for name in ("opened", "closed", "venue back"):
        assert name in summary
    assert any("naked" in text for text in messages)
    assert await post.outbox.depth() == (0, None)


async def test_a_message_telegram_will_never_take_is_given_up_and_logged(
    post: Post, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One broken message must not block the queue behind it for ever."""

    def rendered(look: Look, alert: Alert) -> Card:
        is_broken = alert.facts["reason"] == "broken"
        return Card(html="") if is_broken else alert_card(look, alert)

    monkeypatch.setattr("bot.outbox.alert_card", rendered)
    await post.put("broken")
    await post.put("fine")
    await post.rounds(12)

    assert post.names() == ["fine"]
    assert any("dropped" in record.getMessage() for record in caplog.records)


async def test_an_alert_whose_card_cannot_be_made_arrives_as_bare_facts(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of ours in one text must neither lose it nor block the rest."""

    def rendered(look: Look, alert: Alert) -> Card:
        if alert.facts["reason"] == "<odd>":
            raise KeyError
        return alert_card(look, alert)

    monkeypatch.setattr("bot.outbox.alert_card", rendered)
    await post.put("<odd>")
    await post.put("fine")
    await post.rounds(3)

    bare, fine = post.telegram.messages(ANNA)
    assert "reason: <odd>" in bare.text
    assert "fine" in fine.text


async def test_the_loop_survives_a_database_that_cannot_be_read(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk may come back; the loop must still be there then."""

    async def fail(*_given: object) -> None:
        why = "disk"
        raise StorageError(why)

    with monkeypatch.context() as patched:
        patched.setattr(post.outbox, "due", fail)
        post.nursery.start(post.courier.run(), name="outbox")
        await settle()
    await post.put("hello")
    for _ in range(40):
        await post.clock.advance(SECOND)
        if post.names():
            break
        await post.telegram.memory.pulse.until(post.names, 0.05)

    assert post.names() == ["hello"]


async def test_the_loop_delivers_by_itself(post: Post) -> None:
    """Storing a message is all a stage has to do."""
    post.nursery.start(post.courier.run(), name="outbox")
    await settle()
    await post.put("hello")
    for _ in range(20):
        await post.clock.advance(timedelta(seconds=0.25))
        await settle()
        if post.names():
            break
        await post.telegram.memory.pulse.until(post.names, 0.05)

    assert post.names() == ["hello"]


# --- how each reader wants to be told -------------------------------------------------

CLASSES = tuple(AlertLevel)


async def choose(post: Post, key: Key, value: str, user: int = ANNA) -> None:
    """Let a person choose how to be told."""
    await post.book.choose(key, value, UserId(user))


async def at_night(post: Post) -> None:
    """Let Anna in Berlin sleep from 23 to 7; it is 23:02 there."""
    await choose(post, Key.ZONE, "Europe/Berlin")
    await choose(post, Key.QUIET_HOURS, "23:00-07:00")
    await post.clock.advance(timedelta(minutes=10))


async def one_of_each(post: Post) -> None:
    """Store one message of every class."""
    for level in CLASSES:
        await post.put(level.value, level=level)


async def test_at_night_critical_news_ring_trades_are_silent_and_the_rest_waits(
    post: Post,
) -> None:
    """Only what cannot wait may wake a person."""
    await at_night(post)
    await one_of_each(post)
    await post.rounds(9)

    assert post.names() == ["critical", "trade"]
    critical, trade = post.telegram.messages(ANNA)
    assert (critical.silent, trade.silent) == (False, True)
    assert await post.outbox.depth() == (0, None)


async def test_in_the_morning_one_message_tells_what_waited(post: Post) -> None:
    """Eight hours later three classes are one message with a line for each."""
    await at_night(post)
    await one_of_each(post)
    await post.rounds(9)

    await post.clock.advance(timedelta(hours=7, minutes=57))
    await post.rounds(2)
    assert len(post.names()) == 2
    await post.clock.advance(timedelta(minutes=1))
    await post.rounds(3)

    digest = post.telegram.messages(ANNA)[-1].text.splitlines()
    assert digest[0] == "Good morning, 3 messages waited · 🧪 PAPER"
    assert [line.split(": ")[-1] for line in digest[1:4]] == [
        "opportunity",
        "funding",
        "info",
    ]
    await post.rounds(40)
    assert len(post.names()) == 3


async def test_what_waits_for_the_morning_outlives_a_restart(post: Post) -> None:
    """A night's news is on disk, not in the process."""
    await at_night(post)
    await post.put("spread", level=AlertLevel.OPPORTUNITY)
    await post.rounds(2)

    post.courier = Courier(
        outbox=post.outbox,
        messenger=post.messenger,
        look=lambda _: Look(Mode.PAPER, {}, post.clock.now(), "card0001"),
        reader=post.book.reader,
        clock=post.clock,
        tasks=post.nursery,
    )
    await post.clock.advance(timedelta(hours=8))
    await post.rounds(2)

    assert [line.split(",")[0] for line in post.names()] == ["Good morning"]


async def test_a_spread_that_ended_at_night_is_told_as_gone(post: Post) -> None:
    """The morning must not offer what is no longer there."""
    facts = {"base": "HYPE", "spread_per_hour": "0.0001"}
    night = Alert(
        kind=AlertKind.NEW_SPREAD,
        level=AlertLevel.OPPORTUNITY,
        dedupe_key="spread:HYPE",
        facts=facts,
        created_at=post.clock.now(),
    )
    await at_night(post)
    await post.outbox.put(replace(night, created_at=post.clock.now()))
    await post.rounds(2)
    told, gone = post.clock.now(), post.clock.now() + timedelta(minutes=41)
    more = {"told_at": told.isoformat(), "gone_at": gone.isoformat()}
    end = replace(
        night, dedupe_key="gone", facts={**facts, **more}, edits_key="spread:HYPE"
    )
    await post.outbox.put(end)
    await post.clock.advance(timedelta(hours=8))
    await post.rounds(3)

    (digest,) = post.telegram.messages(ANNA)
    assert "⏹ HYPE 0.080%/8h is gone after 41 min" in digest.text


async def test_each_class_is_on_silent_or_off_as_its_reader_chose(post: Post) -> None:
    """Off stores nothing to be told later; silent arrives without sound."""
    await choose(post, Key.OPPORTUNITY, "off")
    await choose(post, Key.TRADE, "silent")
    await choose(post, Key.INFO, "on")
    await one_of_each(post)
    await post.rounds(9)
    await choose(post, Key.OPPORTUNITY, "on")
    await post.rounds(9)

    sounds = {
        name: not message.silent
        for name, message in zip(
            post.names(), post.telegram.messages(ANNA), strict=True
        )
    }
    assert sounds == {"critical": True, "trade": False, "funding": False, "info": True}


async def test_two_owners_are_told_each_in_his_own_way(tmp_path: Path) -> None:
    """One sleeps, the other does not; neither changes it for the other."""
    async with open_post(tmp_path) as post:
        await choose(post, Key.OPPORTUNITY, "off", VERA)
        post.telegram.say(VERA, "/start")
        await post.put("spread", level=AlertLevel.OPPORTUNITY)
        await post.put("spread", level=AlertLevel.OPPORTUNITY, chat=VERA)
        await post.rounds(3)

        assert post.names(ANNA) == ["spread"]
        assert [m for m in post.telegram.messages(VERA) if m.is_from_bot] == []


async def test_an_edit_reaches_its_message_even_when_its_class_is_off(
    post: Post,
) -> None:
    """A card that stands there must not go on saying what is no longer true."""
    await post.put("confirm card")
    await post.round()
    message = post.telegram.messages(ANNA)[0]
    await choose(post, Key.TRADE, "off")

    await post.put("leg 1", edits=message.id)
    await post.rounds(3)

    assert post.names() == ["leg 1"]
