"""Messages leave once, in order, the important ones first, and outlive a restart."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.alert import AlertKind, AlertLevel
from core.model.units import ChatId, MessageId
from storage.database import Database
from storage.outbox import SqliteOutbox, _outdated, _ready, _Waiting
from tests.fakes.runtime import FakeClock
from tests.unit.storage.samples import CHAT, MESSAGE, NOW, alert, full_alert

if TYPE_CHECKING:
    from pathlib import Path

    from core.model.alert import Alert
    from core.ports import Outbox

OTHER = ChatId(12)
SECOND = timedelta(seconds=1)


@pytest.fixture
def outbox(database: Database) -> Outbox:
    """Return the outbox of two owners."""
    return SqliteOutbox(database, [CHAT, OTHER])


def to_me(key: str, level: AlertLevel = AlertLevel.TRADE) -> Alert:
    """Return an alert for one chat."""
    return replace(alert(key, level), chat_id=CHAT)


def edit(key: str, message: int = 501, level: AlertLevel = AlertLevel.TRADE) -> Alert:
    """Return an alert that changes a message of one chat."""
    return replace(to_me(key, level), edits_message_id=MessageId(message))


async def keys(outbox: Outbox, after: timedelta = SECOND) -> list[str]:
    """Return the keys of what may go out, in order."""
    items = await outbox.due(NOW + after, 50)
    return [each.alert.dedupe_key for each in items]


async def dropped(database: Database) -> dict[str, str]:
    """Return what was given up, and why."""
    query = "SELECT dedupe_key, error FROM outbox WHERE state = 'dropped'"
    return await database.read(lambda reader: dict(reader.execute(query).fetchall()))


async def test_an_alert_comes_out_as_it_went_in(outbox: Outbox) -> None:
    """The card is made from these facts, perhaps an hour later."""
    assert await outbox.put(full_alert())

    (item,) = await outbox.due(NOW, 5)

    assert item.alert == full_alert()
    assert (item.chat_id, item.attempts, item.next_at) == (CHAT, 0, NOW)


async def test_an_alert_for_everyone_goes_to_each_owner(outbox: Outbox) -> None:
    """One owner's blocked chat must not take the news from the other."""
    await outbox.put(alert("news"))

    items = await outbox.due(NOW, 5)

    assert [each.chat_id for each in items] == [CHAT, OTHER]


async def test_a_key_is_stored_once_even_after_it_was_sent(
    outbox: Outbox,
) -> None:
    """Recovery writes the same alert again; nobody should read it twice."""
    assert await outbox.put(to_me("opened"))
    assert not await outbox.put(to_me("opened"))
    (item,) = await outbox.due(NOW, 5)
    await outbox.sent(item.item_id, MESSAGE)

    assert not await outbox.put(to_me("opened"))
    assert await keys(outbox) == []


async def test_a_key_known_to_one_owner_still_reaches_the_other(
    outbox: Outbox,
) -> None:
    """An owner added to the settings hears what is stored from then on."""
    assert await outbox.put(to_me("news"))

    assert await outbox.put(alert("news"))

    items = await outbox.due(NOW, 5)
    assert [each.chat_id for each in items] == [CHAT, OTHER]


async def test_critical_overtakes_and_equals_keep_their_order(
    outbox: Outbox,
) -> None:
    """NOT HEDGED must not wait behind a list of new spreads."""
    for level in reversed(AlertLevel):
        for number in (1, 2):
            await outbox.put(to_me(f"{level} {number}", level))

    assert await keys(outbox) == [
        f"{level} {number}"
        for level in ("critical", "trade", "opportunity", "funding", "info")
        for number in (1, 2)
    ]


async def test_the_limit_keeps_the_most_important(outbox: Outbox) -> None:
    """A short look at a long queue sees its head."""
    await outbox.put(to_me("info", AlertLevel.INFO))
    await outbox.put(to_me("critical", AlertLevel.CRITICAL))

    items = await outbox.due(NOW, 1)

    assert [each.alert.dedupe_key for each in items] == ["critical"]


async def test_a_retry_holds_its_queue_and_no_other(outbox: Outbox) -> None:
    """The close must not be told before the opening; other chats go on."""
    await outbox.put(alert("first"))
    await outbox.put(alert("second"))
    await outbox.put(to_me("info", AlertLevel.INFO))
    mine = (await outbox.due(NOW, 5))[0]

    await outbox.retry(mine.item_id, NOW + 30 * SECOND, "no answer")

    items = await outbox.due(NOW + SECOND, 5)
    assert [(each.chat_id, each.alert.dedupe_key) for each in items] == [
        (OTHER, "first"),
        (OTHER, "second"),
        (CHAT, "info"),
    ]
    later = await outbox.due(NOW + 30 * SECOND, 1)
    assert [(each.chat_id, each.attempts) for each in later] == [(CHAT, 1)]


async def test_a_parked_chat_waits_and_nothing_is_lost(outbox: Outbox) -> None:
    """Telegram's "too many requests" is for one chat, not for all."""
    await outbox.put(alert("news", AlertLevel.CRITICAL))
    await outbox.park_chat(CHAT, NOW + 60 * SECOND)

    before = await outbox.due(NOW + 59 * SECOND, 5)
    after = await outbox.due(NOW + 60 * SECOND, 5)

    assert [each.chat_id for each in before] == [OTHER]
    assert [each.chat_id for each in after] == [CHAT, OTHER]


async def test_a_chat_is_released_by_a_new_moment(outbox: Outbox) -> None:
    """Whoever unblocked the bot and writes gets the waiting news at once."""
    await outbox.put(to_me("news"))
    await outbox.park_chat(CHAT, NOW + timedelta(hours=1))

    await outbox.park_chat(CHAT, NOW)

    assert await keys(outbox) == ["news"]


async def test_of_pending_edits_only_the_newest_goes_out(
    outbox: Outbox, database: Database
) -> None:
    """A progress card shows the present, not every step it missed."""
    for key in ("leg 1", "leg 2", "open"):
        await outbox.put(edit(key))
    await outbox.put(edit("another message", message=502))

    assert await keys(outbox) == ["open", "another message"]
    assert await dropped(database) == {
        "leg 1": "a newer edit of the message",
        "leg 2": "a newer edit of the message",
    }


async def test_the_same_message_number_in_another_chat_is_another_message(
    outbox: Outbox,
) -> None:
    """Message numbers count per chat."""
    await outbox.put(edit("mine"))
    await outbox.put(replace(edit("theirs"), chat_id=OTHER))

    assert await keys(outbox) == ["mine", "theirs"]


async def test_an_edit_that_waits_for_a_retry_gives_way_to_a_newer_one(
    outbox: Outbox,
) -> None:
    """What failed to be shown is worth nothing once there is something newer."""
    await outbox.put(edit("leg 1"))
    (item,) = await outbox.due(NOW, 5)
    await outbox.retry(item.item_id, NOW + 30 * SECOND, "no answer")
    await outbox.put(edit("open"))

    assert await keys(outbox) == ["open"]


async def test_late_news_is_dropped_and_says_so(
    outbox: Outbox, database: Database
) -> None:
    """A spread of yesterday would send somebody into a bad trade."""
    late = replace(to_me("spread"), expires_at=NOW + timedelta(minutes=10))
    await outbox.put(late)
    await outbox.put(to_me("opened"))

    assert await keys(outbox, timedelta(minutes=10, milliseconds=-1)) == [
        "spread",
        "opened",
    ]
    assert await keys(outbox, timedelta(minutes=10)) == ["opened"]
    assert await dropped(database) == {"spread": "expired"}


async def test_an_expired_head_does_not_hold_its_queue(outbox: Outbox) -> None:
    """What nobody will send must not block what somebody waits for."""
    late = replace(to_me("late"), expires_at=NOW + SECOND)
    await outbox.put(late)
    await outbox.put(to_me("next"))
    (item, _) = await outbox.due(NOW, 5)
    await outbox.retry(item.item_id, NOW + timedelta(hours=1), "no answer")

    assert await keys(outbox, 2 * SECOND) == ["next"]


async def test_what_is_given_up_stays_given_up(
    outbox: Outbox, database: Database
) -> None:
    """A message that Telegram refuses for good must not come back."""
    await outbox.put(to_me("broken"))
    (item,) = await outbox.due(NOW, 5)

    await outbox.drop(item.item_id, "refused three times")
    await outbox.retry(item.item_id, NOW, "late answer of an earlier attempt")

    assert await keys(outbox) == []
    assert await dropped(database) == {"broken": "refused three times"}


async def test_the_depth_counts_what_waits(outbox: Outbox) -> None:
    """/health shows a stuck outbox before anybody misses a message."""
    assert await outbox.depth() == (0, None)
    await outbox.put(to_me("old"))
    await outbox.put(replace(to_me("new"), created_at=NOW + SECOND))
    assert await outbox.depth() == (2, NOW)

    (first, _) = await outbox.due(NOW + SECOND, 5)
    await outbox.sent(first.item_id, None)

    assert await outbox.depth() == (1, NOW + SECOND)


@st.composite
def queues(draw: st.DrawFn) -> list[_Waiting]:
    """Draw what waits: two chats, all levels, retries, parking, edits, expiry."""
    count = draw(st.integers(min_value=0, max_value=12))
    moment = st.integers(min_value=0, max_value=20)
    return [
        _Waiting(
            item_id=number,
            chat_id=draw(st.sampled_from([1, 2])),
            level=draw(st.sampled_from(AlertLevel)),
            edits=draw(st.sampled_from([None, None, 7, 8])),
            expires_at_ms=draw(st.one_of(st.none(), moment)),
            next_at_ms=draw(moment),
            parked_until_ms=draw(moment),
        )
        for number in range(count)
    ]


@given(queues())
def test_whatever_waits_goes_in_order_waits_or_is_outdated(
    waiting: list[_Waiting],
) -> None:
    """No mixture of retries, edits and expiry may lose or reorder a message."""
    outdated = _outdated(waiting, 10)
    kept = [each for each in waiting if each.item_id not in outdated]

    ready = _ready(kept, 10)

    ranks = [list(AlertLevel).index(each.level) for each in ready]
    assert ranks == sorted(ranks)
    for queue in {(each.chat_id, each.level) for each in kept}:
        mine = [each for each in kept if (each.chat_id, each.level) == queue]
        going = [each for each in ready if (each.chat_id, each.level) == queue]
        assert going == mine[: len(going)]
        behind = mine[len(going) :]
        assert not behind or max(behind[0].next_at_ms, behind[0].parked_until_ms) > 10
    for each in waiting:
        if each.item_id in outdated and outdated[each.item_id] != "expired":
            assert any(
                later.item_id > each.item_id
                and (later.chat_id, later.edits) == (each.chat_id, each.edits)
                for later in waiting
            )


async def test_a_restart_forgets_nothing(path: Path) -> None:
    """Waiting, sent, parked and known: all of it survives a kill."""
    first = await Database.open(path, clock=FakeClock())
    before = SqliteOutbox(first, [CHAT])
    for key in ("sent", "waiting"):
        await before.put(to_me(key))
    await before.sent((await before.due(NOW, 5))[0].item_id, MESSAGE)
    await before.park_chat(CHAT, NOW + 60 * SECOND)
    await first.close()

    second = await Database.open(path, clock=FakeClock())
    after = SqliteOutbox(second, [CHAT])
    try:
        assert not await after.put(to_me("sent"))
        assert await keys(after) == []
        assert await keys(after, 60 * SECOND) == ["waiting"]
    finally:
        await second.close()


async def test_what_was_said_long_ago_is_forgotten_and_what_waits_is_not(
    database: Database,
) -> None:
    """A year of messages would slow every start down."""
    outbox = SqliteOutbox(database, [CHAT])
    for key in ("said", "given up", "waits"):
        await outbox.put(to_me(key))
    due = {each.alert.dedupe_key: each for each in await outbox.due(NOW + SECOND, 9)}
    await outbox.sent(due["said"].item_id, MESSAGE)
    await outbox.drop(due["given up"].item_id, "expired")
    ended = database.clock.now()

    assert await outbox.forget(ended) == 0
    assert await outbox.forget(ended + SECOND) == 2
    assert await keys(outbox) == ["waits"]


# --- a later word on what was told ----------------------------------------------------


def later(key: str, of: str) -> Alert:
    """Return a word that belongs on the message of an earlier alert."""
    return replace(alert(key, AlertLevel.TRADE), edits_key=of)


async def test_a_later_word_edits_the_message_that_each_owner_got(
    outbox: Outbox,
) -> None:
    """Each chat has a message of its own."""
    await outbox.put(alert("spread"))
    for number, item in enumerate(await outbox.due(NOW, 5)):
        await outbox.sent(item.item_id, MessageId(700 + number))

    assert await outbox.put(later("gone", "spread"))

    items = await outbox.due(NOW, 5)
    assert [(each.chat_id, each.alert.edits_message_id) for each in items] == [
        (CHAT, 700),
        (OTHER, 701),
    ]


async def test_what_is_over_before_it_was_told_is_not_told(
    outbox: Outbox, database: Database
) -> None:
    """A spread that is gone when Telegram is back is no news at all."""
    await outbox.put(to_me("spread"))

    assert not await outbox.put(later("gone", "spread"))

    assert await keys(outbox) == []
    assert await dropped(database) == {"spread": "over before it was told"}


async def test_a_later_word_on_what_nobody_was_told_is_dropped(outbox: Outbox) -> None:
    """There is no message to edit, and a new one would be about nothing."""
    assert not await outbox.put(later("gone", "never"))

    assert await keys(outbox) == []


async def test_a_class_without_an_end_of_its_own_lasts_as_long_as_it_is_news(
    outbox: Outbox,
) -> None:
    """Trades a day, info six hours, spreads ten minutes, critical for ever."""
    for level in AlertLevel:
        await outbox.put(to_me(level, level))

    left = {
        minutes: await keys(outbox, timedelta(minutes=minutes))
        for minutes in (11, 6 * 60 + 1, 24 * 60 + 1)
    }

    assert left == {
        11: ["critical", "trade", "funding", "info"],
        6 * 60 + 1: ["critical", "trade"],
        24 * 60 + 1: ["critical"],
    }


async def test_a_days_sum_that_was_not_told_yet_says_the_newest_once(
    outbox: Outbox,
) -> None:
    """Two payments while Telegram was away: one message, and it names the later one."""
    first = replace(alert("funding:day", AlertLevel.FUNDING), kind=AlertKind.FUNDING)
    await outbox.put(replace(first, facts={"day_usd": "1"}))
    later_sum = replace(first, dedupe_key="funding:2", edits_key="funding:day")
    await outbox.put(replace(later_sum, facts={"day_usd": "3"}))

    items = await outbox.due(NOW, 5)

    assert {each.alert.facts["day_usd"] for each in items} == {"3"}
    assert len({each.chat_id for each in items}) == len(items)
