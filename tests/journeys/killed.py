"""One pair opened and closed while its bot is killed, and what is true afterwards."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pytest_socket import socket_allow_hosts

from tests.journeys.machine import KILLED, labels_of, open_machine

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.journeys.crashing import Moment
    from tests.journeys.machine import ComeBack, Machine


def let_workshop_be_called() -> None:
    """Let this test speak to the process that forks the bots, on its own machine."""
    socket_allow_hosts(["127.0.0.1", "::1"], allow_unix_socket=True)


# --- the story ------------------------------------------------------------------------


@dataclass(slots=True)
class Story:
    """What happened around one kill, or several in a row."""

    title: str = ""
    was_killed: bool = False
    kills: int = 0
    state: str = "none"
    held: tuple[Decimal, Decimal] = (Decimal(0), Decimal(0))
    """What both venues hold, signed."""
    wrongs: list[str] = field(default_factory=list)
    """Everything that must never be."""
    naked: int = 0
    """Imbalances nobody was told of."""
    doubles: int = 0
    """More on a leg than its confirm allows."""
    back: list[ComeBack] = field(default_factory=list)
    """How the bot came back from each cut."""
    toasts: list[str] = field(default_factory=list)
    """Answers to taps on cards from before the kill."""
    told: list[str] = field(default_factory=list)
    """First lines of all that Anna was told."""

    def __str__(self) -> str:
        fate = f"{self.kills} killed" if self.kills else "lived"
        held = "flat" if not any(self.held) else f"{self.held[0]:f} / {self.held[1]:f}"
        wrong = "; ".join(each.partition("\n")[0] for each in self.wrongs) or "ok"
        return f"{self.title:<58} {fate:<9} {self.state:<8} {held:<14} {wrong}"


async def tell_stories(
    folder: Path, moments: Sequence[Moment], at_once: int = 6
) -> dict[Moment, Story]:
    """Tell a story on paper of each moment, several at a time."""
    turns = asyncio.Semaphore(at_once)

    async def tell(number: int, moment: Moment) -> Story:
        async with turns:
            return await tell_story(folder / str(number), moment)

    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(tell(number, moment))
            for number, moment in enumerate(moments)
        ]
    return {moment: task.result() for moment, task in zip(moments, tasks, strict=True)}


async def tell_story(folder: Path, *moments: Moment) -> Story:
    """Open and close a pair on paper, and kill the bot at each moment in turn.

    The first bot is asked for both; those after it only find what was left. Whatever
    goes wrong with the story itself is one of its wrongs.
    """
    story = Story(", then ".join(map(str, moments)))
    async with open_machine(folder) as machine:
        try:
            await _live(machine, story, moments)
        except AssertionError as error:
            story.wrongs.append(str(error)[:1500])
        audit(machine, story)
    return story


async def _live(machine: Machine, story: Story, moments: Sequence[Moment]) -> None:
    for number, moment in enumerate(moments):
        if number:
            story.back.append(await machine.come_back(moment))
        else:
            await machine.start(moment)
            await open_and_close(machine)
        story.was_killed = await machine.ended() == KILLED
        story.kills += story.was_killed
    story.back.append(await machine.come_back())
    await machine.come_to_rest()
    await tap_old_cards(machine, story)


CONFIRM = "✅ Open", "✅ Add", "❗ Close"


async def tap_old_cards(machine: Machine, story: Story) -> None:
    """Press what a chat still offers from before: nothing may come of it."""
    for card in machine.cards():
        for label in labels_of(card, *CONFIRM):
            story.toasts.append(await machine.tap(card, label))
            await machine.until(
                lambda shown=card: not labels_of(shown, *CONFIRM),  # type: ignore[misc]
                "the old card still offers it",
            )
            await machine.come_to_rest()


async def open_and_close(machine: Machine) -> None:
    """Open a pair and close it again, for as long as the bot lives."""
    for command, asks, label in (
        (f"/open {machine.base}", f"Open {machine.base}?", "✅ Open"),
        ("/close", f"Close {machine.base}?", "❗ Close"),
    ):
        card = await machine.quote(command, asks)
        if card is None or not await machine.tap(card, label):
            return
        await machine.until(
            lambda: machine.is_at_rest() or not machine.lives, "the trade hangs"
        )
        if not machine.lives:
            return


# --- the truth ------------------------------------------------------------------------


def audit(
    machine: Machine, story: Story, *, may_repeat: bool = False, confirms: int = 1
) -> None:
    """Compare books, record and chat; write down what must never be.

    With `may_repeat` a message may have come twice: it was sent, not yet marked.
    `confirms` counts the taps that may have entered something.
    """
    trades = machine.trades()
    held, entries = machine.held(), machine.executed()
    if len(trades) > 1:
        story.wrongs.append(f"{len(trades)} trades of one confirm")
        story.doubles += 1
    intents = machine.rows(machine.record, "SELECT * FROM intent")
    known = {(one["venue_id"], one["client_order_id"]) for one in intents}
    if strange := set(entries) - known:
        story.wrongs.append(f"orders nobody wrote down: {strange}")
    _check_entries(intents, trades, (entries, confirms), story)
    for trade in trades:
        _check_legs(machine, trade, held, story)
    if not trades and any(held.values()):
        story.wrongs.append(f"a position without a trade: {held}")
        story.naked += 1
    _check_words(machine, trades, story, may_repeat=may_repeat)


def _check_entries(
    intents: list[dict[str, Any]],
    trades: list[dict[str, Any]],
    done: tuple[dict[tuple[str, str], Decimal], int],
    story: Story,
) -> None:
    executed, confirms = done
    for leg in (1, 2):
        built = {
            purpose: [
                executed.get((one["venue_id"], one["client_order_id"]), Decimal(0))
                for one in intents
                if one["leg"] == leg and one["purpose"] == purpose
            ]
            for purpose in ("entry", "topup")
        }
        if sum(1 for one in built["entry"] if one) > confirms:
            story.wrongs.append(f"too many entries on leg {leg}: {built['entry']}")
            story.doubles += 1
        total = sum(built["entry"] + built["topup"])
        if trades and total > Decimal(trades[0]["quantity_base"]):
            story.wrongs.append(f"more than confirmed on leg {leg}: {built}")
            story.doubles += 1


def _check_legs(
    machine: Machine, trade: dict[str, Any], held: dict[str, Decimal], story: Story
) -> None:
    legs = json.loads(trade["legs"])
    venues = [leg["instrument"]["venue_id"] for leg in legs]
    first, second = (held.get(venue, Decimal(0)) for venue in venues)
    story.state, story.held = trade["state"], (first, second)
    is_told = any("NOT HEDGED" in one.text for one in machine.cards())
    lots = [Decimal(leg["instrument"]["lot_base"]) for leg in legs]
    if abs(first + second) >= max(lots) and not is_told:
        story.wrongs.append(f"an imbalance nobody was told of: {first} {second}")
        story.naked += 1
    if trade["state"] in {"closed", "aborted"} and (first or second):
        story.wrongs.append(f"{trade['state']}, yet held: {first} {second}")
    if trade["state"] == "open" and not (first and second):
        story.wrongs.append(f"open, yet held: {first} {second}")
    believed = [Decimal(leg["held_base"]) for leg in legs]
    if believed != [abs(first), abs(second)]:
        story.wrongs.append(f"believes {believed}, holds {first} {second}")


ONCE = (
    "open, both legs filled",
    "stays open",
    "closed:",
    "not opened:",
    "I restarted.",
)
OUTCOMES = {
    "open": ("open, both legs filled", "open, smaller than asked", "stays open"),
    "closed": ("closed:",),
    "aborted": ("not opened:",),
}


def _check_words(
    machine: Machine, trades: list[dict[str, Any]], story: Story, *, may_repeat: bool
) -> None:
    texts = [one.text for one in machine.cards()]
    story.told = [text.splitlines()[0] for text in texts]
    restarts = max(story.kills, 1)
    for words in ONCE:
        count = sum(words in text for text in texts)
        most = restarts if words == "I restarted." else 1 + may_repeat
        if count > most:
            story.wrongs.append(f"told {count} times: {words!r}")
    for trade in trades:
        expected = OUTCOMES.get(trade["state"], ())
        if not any(words in text for text in texts for words in expected):
            story.wrongs.append(f"never told: {trade['state']}")
