from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, cast

import pytest

from bot.access import People
from bot.application import frontend as frontend_module
from bot.application.frontend import Frontend, open_application
from bot.application.replies import Replies
from bot.callbacks import Tap, Verb
from bot.cards import trouble
from bot.cards.card import Button, Card, Reply
from bot.handlers import routes
from bot.handlers.desk import Desk
from bot.handlers.routes import CommandRoute
from core.engine import EngineFacts
from core.errors import SizeError, StorageError
from core.model.plan import PlanState
from core.model.units import Mode, UserId
from core.runtime import Nursery
from sandbox.telegram.profile import commands_seen_by
from tests.fakes.engine import no_choices
from tests.fakes.runtime import START, CountedIds, settle
from tests.unit.bot.telegram_line import ANNA, STRANGER, VERA, open_line

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from bot.access import Caller
    from bot.handlers.desk import CommandHandler
    from core.engine import Engine
    from core.model.preferences import Effective
    from core.model.units import ChatId, MessageId, PlanId
    from core.ports import Plans
    from core.preferences import PreferenceBook
    from sandbox.telegram import TelegramStandIn
    from tests.unit.bot.telegram_line import Line

FACTS = EngineFacts(
    mode=Mode.PAPER,
    venues=(),
    quote_ttl=timedelta(seconds=45),
    scan_interval=timedelta(seconds=60),
)


@dataclass
class StubEngine:
    """An engine that notes what it is told."""

    facts: EngineFacts = FACTS
    preferences: PreferenceBook = field(default_factory=no_choices)
    strangers: list[int] = field(default_factory=list)
    paused_by: list[int] = field(default_factory=list)
    issued: list[tuple[str, int]] = field(default_factory=list)
    discarded: list[str] = field(default_factory=list)

    def effective(self) -> Effective:
        """Return what the host would have configured."""
        return self.preferences.effective()

    async def report_stranger(self, user_id: int) -> None:
        """Note a stranger."""
        self.strangers.append(user_id)

    async def pause(self, user_id: UserId) -> bool:
        """Note a pause."""
        self.paused_by.append(user_id)
        return True

    async def issue(self, plan_id: PlanId, message_id: MessageId) -> None:
        """Note an issued plan."""
        self.issued.append((plan_id, message_id))

    async def discard(self, plan_id: PlanId) -> None:
        """Note a void plan."""
        self.discarded.append(plan_id)


@dataclass(frozen=True)
class StubPlan:
    """A plan with an end."""

    expires_at = START + timedelta(seconds=45)


@dataclass
class StubPlans:
    """Plans that all end 45 s after the start."""

    ended: list[tuple[str, PlanState]] = field(default_factory=list)
    is_open: bool = True

    async def plan(self, _plan_id: PlanId) -> StubPlan:
        """Return the plan."""
        return StubPlan()

    async def end(self, plan_id: PlanId, state: PlanState) -> bool:
        """End it once."""
        self.ended.append((plan_id, state))
        was_open, self.is_open = self.is_open, False
        return was_open


@dataclass(frozen=True)
class Bot:
    """A polling bot on the stand-in, its handlers replaced by the test."""

    line: Line
    frontend: Frontend
    engine: StubEngine
    plans: StubPlans
    heard: list[int]
    conflicts: list[int]

    @property
    def telegram(self) -> TelegramStandIn:
        """Return the stand-in."""
        return self.line.stand_in

    def texts(self, user_id: int = ANNA) -> list[str]:
        """Return what the bot wrote to a person."""
        return [m.text for m in self.telegram.messages(user_id) if m.is_from_bot]


@asynccontextmanager
async def open_bot(*, is_polling: bool = True) -> AsyncIterator[Bot]:
    """Run the frontend against the stand-in."""
    async with open_line(is_connected=False) as line:
        nursery, engine, plans = Nursery(), StubEngine(), StubPlans()
        heard: list[int] = []
        conflicts: list[int] = []
        desk = Desk(cast("Engine", engine), line.cards, line.clock, CountedIds())

        async def hear(chat_id: ChatId) -> None:
            heard.append(chat_id)

        async def conflict() -> None:
            conflicts.append(1)

        front = Frontend(
            app=await open_application(line.messenger.bot),
            desk=desk,
            messenger=line.messenger,
            replies=Replies(
                desk=desk,
                messenger=line.messenger,
                plans=cast("Plans", plans),
                tasks=nursery,
            ),
            people=People(frozenset({ANNA}), frozenset({VERA})),
            tasks=nursery,
            heard=hear,
            on_conflict=conflict,
        )
        try:
            if is_polling:
                await front.connect()
            yield Bot(line, front, engine, plans, heard, conflicts)
        finally:
            await front.close()
            await nursery.cancel()


@pytest.fixture
async def bot() -> AsyncIterator[Bot]:
    """Give a polling bot."""
    async with open_bot() as opened:
        yield opened


def says(text: str) -> CommandHandler:
    """Return a handler that answers with these words."""

    async def handler(
        desk: Desk, caller: Caller, words: tuple[str, ...], message_id: MessageId
    ) -> Reply:
        del desk, caller, message_id
        return Reply(Card(html=" ".join((text, *words))))

    return handler


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Give a way to replace one command."""

    def put(name: str, handler: CommandHandler, *, changes: bool = False) -> None:
        route = CommandRoute(
            handler, "Does", owner_only=False, is_state_changing=changes
        )
        known = {**routes.COMMANDS, name: route}
        monkeypatch.setattr(frontend_module, "COMMANDS", known)

    return put


@pytest.fixture
def button(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Give a way to replace what a button does."""

    def put(verb: Verb, handler: object) -> None:
        verbs = {**routes.VERBS, verb: handler}
        monkeypatch.setattr(frontend_module, "VERBS", verbs)

    return put


async def tapped(bot: Bot, data: str, *, user_id: int = ANNA) -> str:
    """Let a person tap a button with this data and return the toast."""
    text, verb = "card", Tap(Verb.REFRESH, "card0001")
    card = Card(html=text, rows=((Button("Go", verb),),), card_id="card0001")
    await bot.line.messenger.send(
        card, chat_id=cast("ChatId", user_id), user_id=UserId(user_id)
    )
    message = bot.telegram.messages(user_id)[-1]
    tap = bot.telegram.tap(user_id, user_id, message.id, data=data)
    return (await tap.answer()).text or ""


# --- commands -------------------------------------------------------------------------


async def test_a_command_reaches_its_handler_and_the_answer_the_chat(
    bot: Bot, command: Callable[..., None]
) -> None:
    """The whole way there and back, over HTTP, with the real library."""
    command("top", says("Best of"))
    bot.telegram.say(ANNA, "/top@pretend_bot 5 HYPE")

    assert (await bot.telegram.wait_message(ANNA, "Best of")).text == "Best of 5 HYPE"
    assert bot.heard == [ANNA]


async def test_help_lists_the_commands(bot: Bot) -> None:
    """Whoever is lost types this."""
    bot.telegram.say(ANNA, "/help")

    assert "/matrix" in (await bot.telegram.wait_message(ANNA, "/top")).text


async def test_unknown_text_and_unknown_commands_are_answered(bot: Bot) -> None:
    """Silence would look like success."""
    bot.telegram.say(ANNA, "hello there")
    bot.telegram.say(ANNA, "/fly")
    await bot.telegram.wait_for(lambda: len(bot.texts()) == 2)

    assert bot.telegram.lint() == []


async def test_owners_and_viewers_see_the_commands_they_may_use(bot: Bot) -> None:
    """A viewer's menu without /open raises no false hope; strangers see none."""
    memory = bot.telegram.memory
    menus = {
        user_id: {one["command"] for one in commands_seen_by(memory, user_id)}
        for user_id in (ANNA, VERA, STRANGER)
    }

    assert {"top", "open", "pause"} <= menus[ANNA]
    assert "top" in menus[VERA]
    assert "open" not in menus[VERA]
    assert menus[STRANGER] == set()


async def test_an_edited_command_does_nothing(
    bot: Bot, command: Callable[..., None]
) -> None:
    """Correcting an old /close must not close anything."""
    command("close", says("winding up"))
    bot.telegram.say(ANNA, "/help")
    await bot.telegram.wait_message(ANNA, "/top")
    bot.telegram.say(ANNA, "/close", edited=True)
    bot.telegram.say(ANNA, "/help")
    await bot.telegram.wait_for(lambda: len(bot.texts()) == 2)

    assert not any("winding up" in text for text in bot.texts())


async def test_a_refusal_of_the_engine_becomes_a_card(
    bot: Bot, command: Callable[..., None]
) -> None:
    """A person reads the sentence, not the class name."""

    async def refuse(*_given: object) -> Reply:
        why = "too small for both lots"
        raise SizeError(why)

    command("open", refuse)
    bot.telegram.say(ANNA, "/open")

    assert "too small" in (await bot.telegram.wait_message(ANNA, "size")).text


async def test_a_bug_is_answered_with_a_code_and_logged_with_it(
    bot: Bot, command: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    """The person can quote the code; the log explains it; nothing leaks."""

    async def crash(*_given: object) -> Reply:
        words = "secret detail"
        raise RuntimeError(words)

    command("top", crash)
    bot.telegram.say(ANNA, "/top")
    text = (await bot.telegram.wait_message(ANNA, "code")).text

    assert "secret detail" not in text
    code = text.split("code ")[1].split(")")[0]
    assert any(f"code={code}" in line.getMessage() for line in caplog.records)


# --- gate -----------------------------------------------------------------------------


async def test_strangers_get_no_answer_at_all(bot: Bot) -> None:
    """Not even a refusal tells a stranger that something listens here."""
    before = len(bot.telegram.calls)
    bot.telegram.say(STRANGER, "/start")
    bot.telegram.say(STRANGER, "/open HYPE 500")
    bot.telegram.tap(STRANGER, STRANGER, 1, data="y:" + "a" * 22)
    bot.telegram.tap(STRANGER, STRANGER, 1, data="y:" + "a" * 22, inline=True)
    await bot.telegram.wait_for(lambda: bot.engine.strangers)
    bot.telegram.say(ANNA, "/help")
    await bot.telegram.wait_message(ANNA, "/top")

    methods = {call.method for call in list(bot.telegram.calls)[before:]}
    assert methods <= {"getUpdates", "sendMessage"}
    assert bot.texts(STRANGER) == []
    assert bot.engine.strangers == [STRANGER]


async def test_a_gate_that_fails_lets_nobody_through(
    bot: Bot, command: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this library group 0 runs after an error in group -1, unless stopped."""
    ran = asyncio.Event()

    async def note(*_given: object) -> Reply:
        ran.set()
        return Reply()

    def fail(*_given: object) -> None:
        raise RuntimeError

    command("top", note)
    with monkeypatch.context() as patched:
        patched.setattr(frontend_module, "judge", fail)
        bot.telegram.say(ANNA, "/top")
        await bot.telegram.wait_for(bot.frontend.app.update_queue.empty)
        await settle()
    bot.telegram.say(ANNA, "/help")
    await bot.telegram.wait_message(ANNA, "/top")

    assert not ran.is_set()


async def test_a_viewer_forging_a_trade_tap_is_told_view_only(bot: Bot) -> None:
    """The button is not on his card, but anyone can send its data."""
    toast = await tapped(bot, "y:" + "a" * 22, user_id=VERA)

    assert toast == "View only"


async def test_a_viewer_typing_a_trade_command_is_told_view_only(bot: Bot) -> None:
    """Refusals are said, never swallowed."""
    bot.telegram.say(VERA, "/open HYPE")

    told = (await bot.telegram.wait_message(VERA, "View")).text
    assert told == (
        "View only: an owner can do this."
        " You have /top /matrix /why /pos /health /settings /help, and /halt in need."
    )


async def test_the_eleventh_command_in_a_minute_is_told_to_wait(
    bot: Bot, command: Callable[..., None]
) -> None:
    """A stuck keyboard must not flood the venues; /pause always works."""
    command("top", says("ranking"))
    for _ in range(11):
        bot.telegram.say(ANNA, "/top")
    bot.telegram.say(ANNA, "/pause")
    await bot.telegram.wait_message(ANNA, "Too fast")
    await bot.telegram.wait_for(lambda: bot.engine.paused_by)

    assert bot.engine.paused_by == [ANNA]


async def test_taps_on_a_card_that_is_not_live_yet_do_not_use_up_confirms(
    bot: Bot, button: Callable[..., None]
) -> None:
    """Whoever is told to tap again must not be told "too fast" when he does."""
    confirm = Tap(Verb.CONFIRM, "n" * 22).encode()
    replies = [trouble.ONE_MOMENT] * 5 + ["Opening…"] * 4

    async def confirmed(*_given: object) -> Reply:
        return Reply(toast=replies.pop(0))

    button(Verb.CONFIRM, confirmed)
    toasts = [await tapped(bot, confirm) for _ in range(9)]

    assert toasts[:8] == [trouble.ONE_MOMENT] * 5 + ["Opening…"] * 3
    assert toasts[8].startswith("Too fast")


async def test_fifty_messages_at_once_are_told_too_fast_only_once(
    bot: Bot, command: Callable[..., None]
) -> None:
    """A flood must not be answered by another one."""
    command("top", says("ranking"))
    for _ in range(50):
        bot.telegram.say(ANNA, "/top")
    bot.telegram.say(ANNA, "/pause")
    await bot.telegram.wait_message(ANNA, "Too fast")
    await bot.telegram.wait_for(lambda: bot.engine.paused_by)
    await settle()

    assert sum("Too fast" in text for text in bot.texts()) == 1


async def test_the_bot_leaves_a_group_it_was_added_to(bot: Bot) -> None:
    """Everything here is for private chats only."""
    group = bot.telegram.create_group("Fans", [ANNA], by=ANNA)

    def has_left() -> bool:
        return any(
            call.method == "leaveChat" and str(call.params["chat_id"]) == str(group)
            for call in bot.telegram.calls
        )

    assert await bot.telegram.wait_for(has_left)


# --- taps -----------------------------------------------------------------------------


async def test_a_quick_tap_is_answered_once_with_its_toast(
    bot: Bot, button: Callable[..., None]
) -> None:
    """One answer per tap, or the button spins or the call fails."""

    async def refresh(*_given: object) -> Reply:
        return Reply(Card(html="fresh"), toast="Done")

    button(Verb.REFRESH, refresh)

    assert await tapped(bot, "r:card0001") == "Done"
    await bot.telegram.wait_message(ANNA, "fresh")
    assert bot.telegram.unanswered() == []


async def test_a_slow_tap_is_answered_within_a_second_and_finished_later(
    bot: Bot, button: Callable[..., None]
) -> None:
    """A venue may take its time; the button must not."""
    finish = asyncio.Event()

    async def slow(*_given: object) -> Reply:
        await finish.wait()
        return Reply(toast="Nothing to do")

    button(Verb.REFRESH, slow)
    toast = await tapped(bot, "r:card0001")
    finish.set()
    late = await bot.telegram.wait_message(ANNA, "Nothing to do")

    assert toast == ""
    assert late.text == "Nothing to do"
    assert bot.telegram.unanswered() == []


@pytest.mark.parametrize(
    "data",
    ["?", "zz", "y:short", "q:<b>", "💥" * 16],
    ids=["mark", "letters", "short", "markup", "long"],
)
async def test_garbage_from_a_button_gets_a_toast(bot: Bot, data: str) -> None:
    """Anyone can send any bytes as button data."""
    assert await tapped(bot, data) == "Unknown button"


async def test_a_failing_tap_is_still_answered_once(
    bot: Bot, button: Callable[..., None]
) -> None:
    """An unanswered tap spins for ever on the phone."""

    async def fail(*_given: object) -> Reply:
        why = "disk"
        raise StorageError(why)

    button(Verb.REFRESH, fail)
    await tapped(bot, "r:card0001")
    await bot.telegram.wait_message(ANNA, "database")

    assert bot.telegram.unanswered() == []


# --- confirm cards --------------------------------------------------------------------


def plan_reply() -> Reply:
    """Return a confirm card."""
    confirm = Button("Open $500", Tap(Verb.CONFIRM, "n" * 22))
    card = Card(
        html="⚡ Open HYPE?", rows=((confirm,),), kind="plan", card_id="planCard"
    )
    return Reply(card, plan_id="plan0001")


async def _quote(*_given: object) -> Reply:
    return plan_reply()


async def test_a_confirm_card_is_bound_to_its_message(
    bot: Bot, command: Callable[..., None]
) -> None:
    """Only this message's button may be pressed."""
    command("open", _quote)
    bot.telegram.say(ANNA, "/open")
    message = await bot.telegram.wait_message(ANNA, "Open HYPE?")
    await bot.telegram.wait_for(lambda: bot.engine.issued)

    assert bot.engine.issued == [("plan0001", message.id)]


async def test_a_confirm_card_whose_sending_fails_is_void_and_not_sent_again(
    bot: Bot, command: Callable[..., None]
) -> None:
    """Two living buttons for one plan, or one nobody saw, must not exist."""
    command("open", _quote)
    bot.telegram.faults.add("sendMessage", "status_500", times=1)
    bot.telegram.say(ANNA, "/open")
    await bot.telegram.wait_message(ANNA, "could not be shown")

    assert bot.engine.discarded == ["plan0001"]
    assert bot.engine.issued == []
    assert not any("Open HYPE?" in text for text in bot.texts())


async def test_a_confirm_card_that_may_have_arrived_is_void_all_the_same(
    bot: Bot, command: Callable[..., None]
) -> None:
    """After a lost answer the card may be there; its button must be dead."""
    command("open", _quote)
    bot.telegram.faults.add("sendMessage", "reset", times=1)
    bot.telegram.say(ANNA, "/open")
    await bot.telegram.wait_message(ANNA, "could not be shown")

    assert (bot.engine.discarded, bot.engine.issued) == (["plan0001"], [])


async def test_a_confirm_card_that_cannot_be_made_live_is_owned_up_to(
    bot: Bot, command: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a full disk the button would answer "one moment" for ever."""

    async def fail(*_given: object) -> None:
        why = "disk full"
        raise StorageError(why)

    monkeypatch.setattr(bot.engine, "issue", fail)
    command("open", _quote)
    bot.telegram.say(ANNA, "/open")

    text = (await bot.telegram.wait_message(ANNA, "could not be shown")).text
    assert "Nothing was ordered" in text


async def test_a_quote_nobody_answers_ends_on_its_card(
    bot: Bot, command: Callable[..., None]
) -> None:
    """Silence always means no, and the card must say so."""
    command("open", _quote)
    bot.telegram.say(ANNA, "/open")
    await bot.telegram.wait_for(lambda: bot.engine.issued)
    await settle()
    await bot.line.clock.advance(timedelta(seconds=45))
    message = await bot.telegram.wait_message(ANNA, "Quote expired")

    assert bot.plans.ended == [("plan0001", PlanState.EXPIRED)]
    assert message.id == bot.engine.issued[0][1]
    assert not any(b.data and b.data[0] == "y" for row in message.rows for b in row)


async def test_a_quote_that_was_used_is_left_alone_when_its_time_is_over(
    bot: Bot, command: Callable[..., None]
) -> None:
    """The message shows the trade's progress by then."""
    bot.plans.is_open = False
    command("open", _quote)
    bot.telegram.say(ANNA, "/open")
    await bot.telegram.wait_for(lambda: bot.engine.issued)
    await settle()
    await bot.line.clock.advance(timedelta(seconds=45))
    await bot.telegram.wait_for(lambda: bot.plans.ended)
    await settle()

    assert bot.texts() == ["⚡ Open HYPE?"]


# --- what was typed while the bot was away --------------------------------------------

LONG_AGO_MS = int((START - timedelta(minutes=4)).timestamp() * 1000)


async def test_an_overdue_trade_command_asks_before_it_does_anything(
    bot: Bot, command: Callable[..., None]
) -> None:
    """What was wanted four minutes ago may not be wanted now."""
    command("open", says("opening"), changes=True)
    bot.telegram.say(ANNA, "/open HYPE 500", date_ms=LONG_AGO_MS)
    asked = await bot.telegram.wait_message(ANNA, "while I was away")

    assert asked.text.startswith("You sent /open HYPE 500 4 min ago")
    assert not any(text.startswith("opening") for text in bot.texts())


async def test_do_it_now_does_it_once(bot: Bot, command: Callable[..., None]) -> None:
    """The question can be answered once, however often it is tapped."""
    command("open", says("opening"), changes=True)
    bot.telegram.say(ANNA, "/open HYPE 500", date_ms=LONG_AGO_MS)
    asked = await bot.telegram.wait_message(ANNA, "while I was away")
    data = asked.button("Do it now").data
    await bot.telegram.tap(ANNA, ANNA, asked.id, data=data).answer()
    await bot.telegram.wait_message(ANNA, "opening HYPE 500")
    again = await bot.telegram.tap(ANNA, ANNA, asked.id, data=data).answer()

    assert again.text == "Already answered"
    assert bot.texts().count("opening HYPE 500") == 1


async def test_two_taps_at_once_do_it_once(
    bot: Bot, command: Callable[..., None]
) -> None:
    """Thumbs are fast, and both taps may be under way together."""
    command("open", says("opening"), changes=True)
    bot.telegram.say(ANNA, "/open HYPE 500", date_ms=LONG_AGO_MS)
    asked = await bot.telegram.wait_message(ANNA, "while I was away")
    taps = [bot.telegram.tap(ANNA, ANNA, asked.id, label="Do it now") for _ in "ab"]
    answers = {(await each.answer()).text or "" for each in taps}
    await bot.telegram.wait_message(ANNA, "opening HYPE 500")
    await settle()

    assert answers == {"", "Already answered"}
    assert bot.texts().count("opening HYPE 500") == 1


async def test_who_lost_the_right_cannot_do_it_later(
    bot: Bot, command: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An owner who became a viewer keeps old cards with living buttons."""
    command("open", says("opening"), changes=True)
    bot.telegram.say(ANNA, "/open HYPE 500", date_ms=LONG_AGO_MS)
    asked = await bot.telegram.wait_message(ANNA, "while I was away")
    demoted = People(frozenset(), frozenset({ANNA, VERA}))
    monkeypatch.setattr(bot.frontend, "_people", demoted)
    tap = bot.telegram.tap(ANNA, ANNA, asked.id, label="Do it now")

    assert (await tap.answer()).text == "View only"


async def test_ignore_forgets_it(bot: Bot, command: Callable[..., None]) -> None:
    """The way out is one tap."""
    command("close", says("closing"), changes=True)
    bot.telegram.say(ANNA, "/close", date_ms=LONG_AGO_MS)
    asked = await bot.telegram.wait_message(ANNA, "while I was away")
    await bot.telegram.tap(ANNA, ANNA, asked.id, label="Ignore").answer()

    assert "was ignored" in (await bot.telegram.wait_message(ANNA, "ignored")).text
    assert not any("closing" in text for text in bot.texts())


async def test_an_overdue_pause_runs_at_once(bot: Bot) -> None:
    """Stopping late is better than not stopping."""
    bot.telegram.say(ANNA, "/pause", date_ms=LONG_AGO_MS)
    await bot.telegram.wait_for(lambda: bot.engine.paused_by)

    assert bot.engine.paused_by == [ANNA]


async def test_of_many_overdue_requests_for_a_list_only_the_latest_is_answered(
    bot: Bot, command: Callable[..., None]
) -> None:
    """Coming back after an outage must not bring five copies of one list."""
    command("top", says("ranking"))
    for number in range(5):
        bot.telegram.say(ANNA, f"/top {number}", date_ms=LONG_AGO_MS)
    bot.telegram.say(ANNA, "/help")
    await bot.telegram.wait_message(ANNA, "/matrix")
    await bot.line.clock.advance(timedelta(seconds=1))
    await bot.telegram.wait_message(ANNA, "ranking")

    assert [text for text in bot.texts() if "ranking" in text] == ["ranking 4"]


# --- the line -------------------------------------------------------------------------


async def test_a_start_without_telegram_waits_and_connects_later() -> None:
    """Venues are watched meanwhile; the process stays up."""
    async with open_bot(is_polling=False) as bot:
        bot.telegram.faults.add("getMe", "status_500", times=2)
        work = asyncio.create_task(bot.frontend.connect())
        for _ in range(200):
            if work.done():
                break
            await asyncio.sleep(0.01)
            await bot.line.clock.advance(timedelta(seconds=1))
        await work
        bot.telegram.say(ANNA, "/help")

        assert "/top" in (await bot.telegram.wait_message(ANNA, "/top")).text


@pytest.mark.parametrize("kind", ["401", "404", "status_500", "html_502"])
async def test_polling_survives_what_ends_the_library_s_own_poller(
    bot: Bot, kind: str
) -> None:
    """A stray 404 would leave a bot that looks alive and hears nothing."""
    bot.telegram.faults.add("getUpdates", kind, times=1)
    bot.telegram.say(ANNA, "/help")  # ends the poll under way
    for _ in range(300):
        if bot.texts():
            break
        await asyncio.sleep(0.01)
        await bot.line.clock.advance(timedelta(seconds=1))
    bot.telegram.say(ANNA, "hello")

    assert await bot.telegram.wait_for(lambda: len(bot.texts()) == 2)


async def test_a_poll_that_brings_nonsense_costs_only_itself(
    bot: Bot, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy's page in place of updates must not end the polling."""

    async def nonsense(**_given: object) -> None:
        raise KeyError

    with monkeypatch.context() as patched:
        # The client refuses new attributes unless told otherwise.
        patched.setattr(type(bot.line.messenger.bot), "get_updates", nonsense)
        await bot.frontend.poller.restart()
        await settle()
    await bot.line.clock.advance(timedelta(seconds=1))
    bot.telegram.say(ANNA, "/help")

    assert "/top" in (await bot.telegram.wait_message(ANNA, "/top")).text
    assert any("cannot be read" in line.getMessage() for line in caplog.records)


async def test_a_poller_that_never_began_is_not_restarted() -> None:
    """The watchdog may bark before Telegram was ever reached."""
    async with open_bot(is_polling=False) as bot:
        await bot.frontend.poller.restart()
        await settle()

        assert not [c for c in bot.telegram.calls if c.method == "getUpdates"]


async def test_a_reply_telegram_finds_too_fast_comes_later(
    bot: Bot, command: Callable[..., None]
) -> None:
    """A person's question is answered even in a busy chat."""
    command("top", says("ranking"))
    bot.telegram.faults.add("sendMessage", "retry_after", times=1, param=3)
    bot.telegram.say(ANNA, "/top")
    await bot.telegram.wait_for(
        lambda: any(call.method == "sendMessage" for call in bot.telegram.calls)
    )
    for _ in range(50):
        await asyncio.sleep(0.01)
        await bot.line.clock.advance(timedelta(seconds=0.1))
        if bot.texts():
            break

    assert bot.texts() == ["ranking"]


async def test_a_second_poller_is_reported(bot: Bot) -> None:
    """Two programs on one token steal each other's taps."""
    bot.telegram.faults.add("getUpdates", "409", times=1)
    bot.telegram.say(ANNA, "/help")

    assert await bot.telegram.wait_for(lambda: bot.conflicts)
