"""What happens when a tap or a text comes twice, late, from others, at a bad moment.

One test for each row and column of the table of such taps: opening, closing and
pausing, lists and pages.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from core.model.trade import TradeState
from core.reconcile import Reconciler
from tests.journeys.house import ANNA, BEN, FLAT, STRANGER, VERA, not_hedged

if TYPE_CHECKING:
    from sandbox.telegram.model import ChatMessage
    from tests.journeys.house import House

pytestmark = pytest.mark.journey


def data_of(card: ChatMessage, label: str) -> str:
    """Return what a button carries."""
    data = card.button(label).data
    assert data
    return data


async def both_toasts(house: House, card: ChatMessage, label: str) -> list[str]:
    """Tap the same button twice before the bot can answer."""
    house.breathe()
    taps = [house.telegram.tap(ANNA, ANNA, card.id, label=label) for _ in range(2)]
    answers = [(await tap.answer()).text for tap in taps]
    await house.rest()
    return answers


# --- twice, fast ----------------------------------------------------------------------


async def test_twice_fast_opening(house: House) -> None:
    """A nervous finger opens one pair, and reads that it is under way."""
    card = await house.say("/open KAITO")
    first, second = await both_toasts(house, card, "Open $")
    assert {first.split(":")[0], second.split(":")[0]} == {
        "Opening…",
        "Already running",
    }
    (trade,) = await house.trades()
    assert trade.state is TradeState.OPEN


async def test_twice_fast_closing(house: House) -> None:
    """A close runs once, and the second tap shows its progress."""
    await house.enter("KAITO")
    card = await house.say("/close")
    toasts = await both_toasts(house, card, "Close both")
    assert sorted(toast.split(":")[0] for toast in toasts) == [
        "Already running",
        "Closing…",
    ]
    (trade,) = await house.trades()
    assert trade.state is TradeState.CLOSED
    closed = [one for one in house.cards() if "KAITO closed" in one.text]
    assert len(closed) == 1


@pytest.mark.campaign  # a list neither opens nor closes
async def test_twice_fast_lists(house: House) -> None:
    """Two quick page turns end on one page, with buttons that work."""
    card = await house.say("/matrix")
    await both_toasts(house, card, "▶")
    assert "page 2/5" in card.text
    await house.tap("▶", card)
    assert "page 3/5" in card.text


# --- late -----------------------------------------------------------------------------


async def test_late_opening(house: House) -> None:
    """An old price is not today's price: the card ends and offers a new quote."""
    card = await house.say("/open KAITO")
    confirm = data_of(card, "Open $")
    await house.pass_time(timedelta(seconds=45, minutes=3))
    await house.until(lambda: "Valid until" not in card.text)
    assert card.text.startswith("Quote expired at 21:52:59 UTC. Nothing was ordered.")
    assert card.labels == [["🔄 New quote", "📈 Top"]]
    assert await house.press(confirm, card) == "Quote expired 3 min ago"
    assert await house.trades() == []
    await house.scan()
    await house.tap("New quote", card)
    assert card.text.startswith("⚡ Open KAITO?")


async def test_late_closing(house: House) -> None:
    """A close card lives two minutes; the pair stays open and can be closed anew."""
    await house.enter("KAITO")
    card = await house.say("/close")
    confirm = data_of(card, "Close both")
    await house.pass_time(timedelta(minutes=5))
    await house.until(lambda: "Quote expired at" in card.text)
    assert await house.press(confirm, card) == "Quote expired 3 min ago"
    assert (await house.trades())[0].state is TradeState.OPEN
    await house.tap("New quote", card)
    assert card.text.startswith("Close KAITO?")


@pytest.mark.campaign  # a list neither opens nor closes
async def test_late_lists(house: House) -> None:
    """A list of the day before yesterday turns into a fresh one and says so."""
    card = await house.say("/matrix")
    await house.pass_time(timedelta(hours=25))
    toast = await house.tap("▶", card)
    assert toast == "Old list. This is a fresh one."
    assert "page 1/5" in card.text


# --- by another owner -----------------------------------------------------------------


async def test_by_another_owner_opening(house: House) -> None:
    """A quote is a talk with one person; the other owner asks for his own."""
    anna = await house.say("/open KAITO")
    theirs = await house.say("/top", BEN)
    toast = await house.press(data_of(anna, "Open $"), theirs, BEN)
    assert toast == "Only Anna can confirm this card"
    assert await house.trades() == []
    await house.tap("Open $", anna)
    await house.rest()
    assert len(await house.trades()) == 1


async def test_by_another_owner_closing(house: House) -> None:
    """Any owner may close and pause; nobody may press another's close card."""
    await house.enter("KAITO")
    anna = await house.say("/close")
    theirs = await house.say("/close", BEN)
    toast = await house.press(data_of(anna, "Close both"), theirs, BEN)
    assert toast == "Only Anna can confirm this card"
    assert (await house.trades())[0].state is TradeState.OPEN
    assert "Entries are paused" in (await house.say("/pause", BEN)).text
    await house.tap("Close both", theirs, BEN)
    await house.rest()
    assert (await house.trades())[0].state is TradeState.CLOSED


@pytest.mark.campaign  # a list neither opens nor closes
async def test_by_another_owner_lists(house: House) -> None:
    """Every owner has his own lists."""
    await house.say("/matrix")
    card = await house.say("/matrix", BEN)
    await house.tap("▶", card, BEN)
    assert "page 2/5" in card.text


# --- by a viewer ----------------------------------------------------------------------


async def test_by_a_viewer_opening(house: House) -> None:
    """A viewer sees no button that trades, and a forged one does nothing."""
    anna = await house.say("/open KAITO")
    theirs = await house.say("/top", VERA)
    assert not [one for one in theirs.buttons if "Enter" in one.label]
    await house.tap("1 KAITO", theirs, VERA)
    assert not [one for one in theirs.buttons if "Open" in one.label]
    assert await house.press(data_of(anna, "Open $"), theirs, VERA) == "View only"
    assert (await house.say("/open KAITO", VERA)).text.startswith("View only: ")
    assert await house.trades() == []


async def test_by_a_viewer_closing(house: House) -> None:
    """A viewer can look at a pair but neither close it nor pause the bot."""
    await house.enter("KAITO")
    anna = await house.say("/close")
    theirs = await house.say("/pos", VERA)
    await house.tap("1 KAITO", theirs, VERA)
    assert not [one for one in theirs.buttons if "Close" in one.label]
    assert await house.press(data_of(anna, "Close both"), theirs, VERA) == "View only"
    for words in ("/close", "/pause", "/resume"):
        assert (await house.say(words, VERA)).text.startswith("View only: ")
    assert (await house.trades())[0].state is TradeState.OPEN
    assert (await house.engine.health()).halts == ()


@pytest.mark.campaign  # a list neither opens nor closes
async def test_by_a_viewer_lists(house: House) -> None:
    """Looking is what a viewer is for."""
    card = await house.say("/matrix", VERA)
    await house.tap("▶", card, VERA)
    assert "page 2/5" in card.text


# --- by a stranger --------------------------------------------------------------------


async def ignored(house: House, *commands: str) -> None:
    """Check that a stranger hears nothing, whatever he types or taps."""
    house.telegram.start_chat(STRANGER)
    anna = await house.say("/top")
    for words in commands:
        house.telegram.say(STRANGER, words)
    for button in anna.buttons:
        house.telegram.tap(STRANGER, STRANGER, 1, data=button.data)
    await house.rest()
    assert house.cards(STRANGER) == []
    assert not [c for c in house.telegram.calls if c.params.get("chat_id") == STRANGER]


async def test_by_a_stranger_opening(house: House) -> None:
    """Nobody learns that there is a bot; the owners hear of it once an hour."""
    await ignored(house, "/start", "/open KAITO", "/top")
    told = [one for one in house.cards() if "stranger" in one.text]
    assert [one.text.splitlines()[0] for one in told] == [
        "A stranger (user id 1666) tried to use this bot. · 🧪 PAPER"
    ]
    await house.pass_time(timedelta(minutes=61))
    await ignored(house, "/open KAITO")
    told = [one for one in house.cards() if "stranger" in one.text]
    assert len(told) == 2


async def test_by_a_stranger_closing(house: House) -> None:
    """A pair and the pause are safe from him."""
    await house.enter("KAITO")
    anna = await house.say("/close")
    house.telegram.tap(STRANGER, STRANGER, 1, data=data_of(anna, "Close both"))
    await ignored(house, "/pause", "/close", "/resume")
    assert (await house.trades())[0].state is TradeState.OPEN
    assert (await house.engine.health()).halts == ()


@pytest.mark.campaign  # a list neither opens nor closes
async def test_by_a_stranger_lists(house: House) -> None:
    """Not even a page."""
    await ignored(house, "/matrix", "/health", "/help", "hello")


# --- after a restart ------------------------------------------------------------------


async def test_after_a_restart_opening(house: House) -> None:
    """A quote of the last life orders nothing, and leads to a new one."""
    card = await house.say("/open KAITO")
    await house.restart()
    assert await house.tap("Open $", card) == "I restarted. New quote?"
    assert await house.trades() == []
    await house.tap("New quote", card)
    await house.tap("Open $", card)
    await house.rest()
    assert (await house.trades())[0].state is TradeState.OPEN


async def test_after_a_restart_closing(house: House) -> None:
    """The close card is void too; the pair is still there and is reported once."""
    await house.enter("KAITO")
    card = await house.say("/close")
    await house.say("/pause")
    await house.restart()
    told = [one.text for one in house.cards() if "I restarted" in one.text]
    assert len(told) == 1
    assert "I restarted. Pairs: 1 fine" in told[0]
    assert "Entries are off: paused by user 1001" in told[0]
    assert await house.tap("Close both", card) == "I restarted. New quote?"
    assert (await house.trades())[0].state is TradeState.OPEN
    await house.leave()
    assert (await house.trades())[0].state is TradeState.CLOSED


@pytest.mark.campaign  # a list neither opens nor closes
async def test_after_a_restart_lists(house: House) -> None:
    """Buttons sent before the restart go on working."""
    card = await house.say("/matrix")
    await house.restart()
    await house.tap("▶", card)
    assert "page 2/5" in card.text


# --- on an old list -------------------------------------------------------------------


async def test_on_an_old_list_opening(house: House) -> None:
    """A row means the pair it showed, although another token stands there now."""
    card = await house.say("/top")
    world = house.box.world
    world.set_rate("KAITO", "lighter", FLAT)
    now = house.truth("APT")["venues"]["binance"]["rate_hourly"]
    world.set_rate("APT", "binance", Decimal(now) / 2)
    await house.scan()
    toast = await house.tap("3 APT", card)
    assert toast.startswith("APT was 0.071, now 0.0"), toast
    await house.tap("Open LT>BN…", card)
    assert house.card().text.startswith("⚡ Open APT? $500 per leg")


async def test_on_an_old_list_closing(house: House) -> None:
    """A row of a pair that is long closed says what became of it."""
    await house.enter("KAITO")
    old = await house.say("/pos")
    choice = await house.say("/close")
    await house.tap("Cancel", choice)
    await house.leave()
    await house.pass_time(timedelta(hours=2))
    toast = await house.tap("1 KAITO", old)
    assert toast.startswith("Closed 2 h 00 ago: ")
    assert "closed" in old.text.splitlines()[0]


@pytest.mark.campaign  # a list neither opens nor closes
async def test_on_an_old_list_lists(house: House) -> None:
    """Refresh shows what is true now in the same message."""
    card = await house.say("/top")
    house.box.world.set_rate("ETH", "hyperliquid", Decimal("0.0009"))
    await house.pass_time(timedelta(seconds=30))
    await house.tap("Refresh", card)
    assert card.text.startswith("Best: ETH ")
    assert house.card().id == card.id, "edited in place"


# --- forwarded, other chat, inline, edited --------------------------------------------


async def refused(house: House, card: ChatMessage, label: str) -> None:
    """Tap a card everywhere it does not belong; nobody is answered."""
    data = data_of(card, label)
    group = house.telegram.create_group("friends", [ANNA], by=ANNA)
    house.telegram.tap(ANNA, group, 5, data=data, expects_answer=False)
    house.telegram.tap(ANNA, BEN, 5, data=data, expects_answer=False)
    house.telegram.tap(
        ANNA, ANNA, card.id, data=data, inline=True, expects_answer=False
    )
    await house.rest()


async def test_elsewhere_opening(house: House) -> None:
    """A confirm button works in its own message only."""
    card = await house.say("/open KAITO")
    await refused(house, card, "Open $")
    other = await house.say("/top")
    toast = await house.press(data_of(card, "Open $"), other)
    assert toast == "These buttons belong to another message or person."
    before = house.newest_id()
    house.telegram.say(ANNA, "/open KAITO", forward=True)
    edited = house.telegram.say(ANNA, "/open KAITO", edited=True)
    house.telegram.redeliver(edited, new_id=True)
    await house.rest()
    assert house.card().id <= before, "a forwarded or edited command is no command"
    assert await house.trades() == []


async def test_elsewhere_closing(house: House) -> None:
    """Nobody closes or pauses by editing an old message, or from a group."""
    await house.enter("KAITO")
    await refused(house, await house.say("/close"), "Close both")
    group = house.telegram.create_group("friends", [ANNA], by=ANNA)
    house.telegram.say(ANNA, "/pause", chat_id=group)
    house.telegram.say(ANNA, "/pause", forward=True)
    edited = house.telegram.say(ANNA, "/pause", edited=True)
    house.telegram.redeliver(edited, new_id=True)
    await house.rest()
    assert (await house.trades())[0].state is TradeState.OPEN
    assert (await house.engine.health()).halts == ()
    assert house.telegram.memory.chats[group].has_left, "it does not stay in groups"


@pytest.mark.campaign  # a list neither opens nor closes
async def test_elsewhere_lists(house: House) -> None:
    """Lists are no exception."""
    card = await house.say("/matrix")
    turn = data_of(card, "▶")
    await refused(house, card, "▶")
    assert "page 1/5" in card.text
    other = await house.say("/top")
    toast = await house.press(turn, other)
    assert toast == "These buttons belong to another message or person."


# --- while a leg is failing -----------------------------------------------------------


async def test_while_a_leg_is_failing_opening(house: House) -> None:
    """A token in trouble takes no new entry; the others do."""
    async with not_hedged(house):
        refusal = await house.say("/open SUI")
        first, second = refusal.text.splitlines()[:2]
        assert "being unwound" in first, "a pause that Resume lifts is not what it is"
        assert second == "🚨 The excess could not be sold in time."
        assert len(await house.trades()) == 1
        house.box.faults.clear()
        card = await house.say("/open KAITO")
        await house.tap("Open $", card)
        await house.until(lambda: card.text.startswith("✅ KAITO open"))


async def test_while_a_leg_is_failing_closing(house: House) -> None:
    """The repair owns the pair: a close shows what state it is in."""
    async with not_hedged(house):
        answer = await house.say("/close SUI")
        first, second = answer.text.splitlines()[:2]
        assert "being unwound" in first
        assert second == "🚨 The excess could not be sold in time."
        assert not [one for one in answer.buttons if "Close" in one.label]


@pytest.mark.campaign  # a list neither opens nor closes
async def test_while_a_leg_is_failing_lists(house: House) -> None:
    """Trouble stands above everything else."""
    async with not_hedged(house):
        card = await house.say("/pos")
        assert card.text.splitlines()[0] == "🚨 Needs you: SUI · 🧪 PAPER"


# --- while paused ---------------------------------------------------------------------


async def test_while_paused_opening(house: House) -> None:
    """Paused means that nothing is entered, not even from a card shown before."""
    card = await house.say("/open KAITO")
    await house.say("/pause")
    await house.pass_time(timedelta(seconds=20))
    await house.tap("Open $", card)
    first = card.text.splitlines()[0]
    assert first.startswith("Entries are paused")
    assert "by you" in first
    assert "since 21:52 UTC (20 s ago)" in first
    assert await house.trades() == []
    refusal = await house.say("/open KAITO")
    await house.tap("Resume", refusal)
    assert "Entries are on again" in house.card().text or (
        "Entries are on again" in refusal.text
    )
    await house.enter("KAITO")
    assert len(await house.trades()) == 1


async def test_while_paused_closing(house: House) -> None:
    """Closing always works."""
    await house.enter("KAITO")
    await house.say("/pause")
    outcome = await house.leave()
    assert outcome.text.startswith("✅ KAITO closed")
    assert "Entries were paused already" in (await house.say("/pause")).text


@pytest.mark.campaign  # a list neither opens nor closes
async def test_while_paused_lists(house: House) -> None:
    """Looking always works."""
    await house.say("/pause")
    assert (await house.say("/top")).text.startswith("Best: KAITO")
    health = await house.say("/health")
    assert "REDUCING" in health.text.splitlines()[0]


# --- while reconciling ----------------------------------------------------------------


@pytest.fixture
def checking(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Hold the check at the next start until the event is set."""
    gate, real = asyncio.Event(), Reconciler._bring_to_rest

    async def held(self: Reconciler, trades: object) -> None:
        await gate.wait()
        await real(self, trades)  # type: ignore[arg-type]  # passed through

    monkeypatch.setattr(Reconciler, "_bring_to_rest", held)
    return gate


async def test_while_reconciling_opening(house: House, checking: asyncio.Event) -> None:
    """Before the positions are known nothing is added to them."""
    await house.restart(waits=False)
    answer = await house.say("/open KAITO")
    assert answer.text.startswith("Checking positions, ready in a few seconds.")
    checking.set()
    await house.rest()
    await house.tap("New quote", answer)
    assert house.card().text.startswith("⚡ Open KAITO?")


async def test_while_reconciling_closing(house: House, checking: asyncio.Event) -> None:
    """A close asked for meanwhile is priced; reduce-only orders may go."""
    await house.enter("KAITO")
    await house.restart(waits=False)
    card = await house.say("/close")
    assert card.text.startswith("Close KAITO?")
    checking.set()
    await house.rest()
    await house.tap("Close both", card)
    await house.rest()
    assert (await house.trades())[0].state is TradeState.CLOSED


@pytest.mark.campaign  # a list neither opens nor closes
async def test_while_reconciling_lists(house: House, checking: asyncio.Event) -> None:
    """Positions are shown and marked as not yet checked."""
    await house.enter("KAITO")
    await house.restart(waits=False)
    card = await house.say("/pos")
    assert "Checking positions, ready in a few seconds" in card.text
    checking.set()
    await house.rest()
    await house.tap("Refresh", card)
    assert "Checking" not in card.text


# --- while a venue is down ------------------------------------------------------------


async def test_while_a_venue_is_down_opening(house: House) -> None:
    """The venue is named, nothing is ordered, Retry helps when it is back."""
    house.box.faults.add("lighter", "*", "status", times=None, param=502)
    refusal = await house.say("/open KAITO")
    assert refusal.text.startswith("Lighter does not answer. Nothing was ordered.")
    house.box.faults.clear()
    await house.tap("New quote", refusal)
    assert house.card().text.startswith("⚡ Open KAITO?")


async def test_while_a_venue_is_down_closing(house: House) -> None:
    """Half a close would leave a naked leg, so the pair stays hedged."""
    await house.enter("KAITO")
    house.box.faults.add("lighter", "*", "status", times=None, param=502)
    refusal = await house.say("/close")
    assert refusal.text.startswith("Lighter does not answer.")
    assert "An open pair stays hedged meanwhile." in refusal.text
    (trade,) = await house.trades()
    assert trade.state is TradeState.OPEN
    assert trade.first.held_base == trade.second.held_base > 0


@pytest.mark.campaign  # a list neither opens nor closes
async def test_while_a_venue_is_down_lists(house: House) -> None:
    """The list goes on without it and says who is missing."""
    house.box.faults.add("lighter", "*", "status", times=None, param=502)
    await house.pass_time(timedelta(minutes=3))
    await house.scan()
    card = await house.say("/top")
    assert "3 of 4 venues" in card.text
    assert "⚠️ LT silent" in card.text
    assert "LT" not in card.text.split("⚠️")[0].replace("L>S", "")


# --- typed while the bot was down -----------------------------------------------------


async def away(house: House, *texts: str) -> None:
    """Let four minutes pass without the bot, with words typed at their beginning."""
    await house.stop()
    for words in texts:
        house.telegram.say(ANNA, words)
    house.clock.jump(timedelta(minutes=4))
    await house.start()


async def test_typed_while_down_opening(house: House) -> None:
    """An old wish is asked about before it is followed."""
    await away(house, "/open KAITO")
    card = house.card()
    assert card.text.startswith("You sent /open KAITO 4 min ago while I was away.")
    assert card.labels == [["Do it now", "Ignore"]]
    do_it = data_of(card, "Do it now")
    await house.tap("Do it now", card)
    assert house.card().text.startswith("⚡ Open KAITO?")
    assert await house.press(do_it, card) == "Already answered"
    assert await house.trades() == []


async def test_typed_while_down_closing(house: House) -> None:
    """/pause is followed at once however late; /close is asked about."""
    await house.enter("KAITO")
    await away(house, "/pause", "/close KAITO")
    texts = [one.text for one in house.cards()]
    assert [one for one in texts if one.startswith("Entries are paused")]
    question = next(one for one in house.cards() if "You sent /close" in one.text)
    await house.tap("Ignore", question)
    assert question.text.startswith("/close KAITO was ignored.")
    assert (await house.trades())[0].state is TradeState.OPEN
    assert [halt.key for halt in (await house.engine.health()).halts] == ["pause"]


@pytest.mark.campaign  # a list neither opens nor closes
async def test_typed_while_down_lists(house: House) -> None:
    """Of five wishes to see the ranking one is answered."""
    before = len(house.cards())
    await away(house, *["/top"] * 5)
    answers = [one for one in house.cards()[before:] if one.text.startswith("Best:")]
    assert len(answers) == 1


# --- delivered twice ------------------------------------------------------------------


async def redelivered(house: House, card: ChatMessage, label: str) -> None:
    """Let Telegram deliver one tap three times, twice under a new number."""
    tap = house.telegram.tap(ANNA, ANNA, card.id, label=label)
    house.telegram.redeliver(tap.update)
    house.telegram.redeliver(tap.update, new_id=True)
    await tap.answer()
    await house.rest()
    house.forgive(tap)


async def test_delivered_twice_opening(house: House) -> None:
    """One tap is one trade, however often Telegram brings it."""
    card = await house.say("/open KAITO")
    await redelivered(house, card, "Open $")
    (trade,) = await house.trades()
    assert trade.state is TradeState.OPEN
    assert card.text.startswith("✅ KAITO open")


async def test_delivered_twice_closing(house: House) -> None:
    """A close that comes again finds its work done."""
    await house.enter("KAITO")
    card = await house.say("/close")
    await redelivered(house, card, "Close both")
    (trade,) = await house.trades()
    assert trade.state is TradeState.CLOSED
    assert card.text.startswith("✅ KAITO closed")


@pytest.mark.campaign  # a list neither opens nor closes
async def test_delivered_twice_lists(house: House) -> None:
    """A page is only shown again."""
    card = await house.say("/matrix")
    await redelivered(house, card, "▶")
    assert "page 2/5" in card.text


# --- garbage --------------------------------------------------------------------------


async def test_garbage_opening(house: House) -> None:
    """A nonce that was never given out confirms nothing."""
    card = await house.say("/open KAITO")
    for data in ("y:" + "A" * 22, "y:", "y:short", "Y:" + "A" * 22, "x" * 64):
        assert await house.press(data, card) == "Unknown button", data
    assert await house.trades() == []
    assert card.text.startswith("⚡ Open KAITO?"), "the card is still good"


async def test_garbage_closing(house: House) -> None:
    """Forged close and size buttons do nothing."""
    await house.enter("KAITO")
    card = await house.say("/close")
    for data in ("c:../../etc:0", "z:1;DROP:99", "c:", "n:" + "B" * 22, "📈"):
        assert await house.press(data, card) == "Unknown button", data
    assert (await house.trades())[0].state is TradeState.OPEN


@pytest.mark.campaign  # a list neither opens nor closes
async def test_garbage_lists(house: House) -> None:
    """A screen id nobody gave out leads to a fresh list, other data nowhere."""
    card = await house.say("/matrix")
    toast = await house.press("p:aaaaaaaa:1", card)
    assert toast == "Old list. This is a fresh one."
    assert await house.press("p:aaaaaaaa:" + "9" * 40, card) == "Unknown button"
