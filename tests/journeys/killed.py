"""One pair opened and closed while its bot is killed, and what is true afterwards.

The sandbox lives in the test; the bot is a process of its own on real files. What
counts as true is read from the paper venues' books and from the chat, never from what
the bot believes.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import sqlite3
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self

from pytest_socket import socket_allow_hosts

from sandbox.app import SandboxServer
from sandbox.child import child_environment
from tests.journeys.crashing import Moment, Orders, SharedTime, run
from tests.journeys.process import CARRYBOT, plain_environment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    from sandbox.telegram.model import ChatMessage

ANNA = 1001
BASE = "KAITO"
BOOKS = {"extended": "orderbook", "lighter": "orderBookOrders"}
"""What the two venues that list it call the request for an order book."""
WORKSHOP = multiprocessing.get_context("forkserver")
WORKSHOP.set_forkserver_preload(["tests.journeys.crashing"])
KILLED = -9
PATIENCE_S = 40.0
SOON_S = 1.5
PAST_THE_FENCE = timedelta(seconds=2)
"""Lighter's fence is ten minutes: nobody waits for it here."""
RESTING = {"open", "closed", "aborted"}


def let_workshop_be_called() -> None:
    """Let this test speak to the process that forks the bots, on its own machine."""
    socket_allow_hosts(["127.0.0.1", "::1"], allow_unix_socket=True)


class Forked:
    """A bot in a process whose modules were loaded before: a quick start."""

    def __init__(self, orders: Orders) -> None:
        self._process = WORKSHOP.Process(target=run, args=(orders,))
        self._process.start()

    def status(self) -> int | None:
        """Return how it ended, None while it runs."""
        return self._process.exitcode

    def kill(self) -> None:
        """Send SIGKILL."""
        self._process.kill()

    def terminate(self) -> None:
        """Ask it to end."""
        self._process.terminate()


class Program:
    """`carrybot run` as a person starts it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, environment: dict[str, str], log: Path) -> Self:
        """Start it; what it prints goes to the log."""
        with log.open("ab") as file:
            process = await asyncio.create_subprocess_exec(
                CARRYBOT, "run", env=environment, stdout=file, stderr=file
            )
        return cls(process)

    def status(self) -> int | None:
        """Return how it ended, None while it runs."""
        return self._process.returncode

    def kill(self) -> None:
        """Send SIGKILL."""
        self._process.kill()

    def terminate(self) -> None:
        """Ask it to end."""
        self._process.terminate()


class Machine:
    """A computer with a bot on it, and the world around."""

    def __init__(self, folder: Path, box: SandboxServer) -> None:
        self.folder, self.box = folder, box
        self.time = SharedTime(folder / "time")
        self._bot: Forked | Program | None = None

    # --- the process ------------------------------------------------------------------

    async def start(self, moment: Moment | None = None) -> None:
        """Start a bot that dies at the moment, if one is given."""
        await self._connected(Forked(Orders(self._environment(), self.folder, moment)))

    async def start_program(self) -> None:
        """Start the program that people start, with the machine's own clock."""
        log = self.folder / "bot.log"
        await self._connected(await Program.start(self._environment(), log))

    def _environment(self) -> dict[str, str]:
        return plain_environment() | child_environment(
            {"CARRY_SCAN_INTERVAL_S": "3600", "CARRY_ALERT_SPREAD_HOURLY": "1"},
            url=self.box.url,
            token=self.box.token,
            data_dir=self.folder / "data",
        )

    async def _connected(self, bot: Forked | Program) -> None:
        greeted = self._greetings()
        self._bot = bot
        await self.until(
            lambda: self._greetings() > greeted or not self.lives, "it never connects"
        )

    def _greetings(self) -> int:
        return sum(1 for call in self.box.telegram.calls if call.method == "getMe")

    @property
    def lives(self) -> bool:
        """Tell whether the bot still runs."""
        return self._bot is not None and self._bot.status() is None

    async def ended(self) -> int:
        """Wait until the process is over; return how it ended."""
        await self.until(lambda: not self.lives, "it does not end")
        status = None if self._bot is None else self._bot.status()
        assert status is not None
        return status

    async def kill(self) -> int:
        """Take the power away; return how the process ended."""
        assert self._bot is not None
        self._bot.kill()
        return await self.ended()

    async def stop(self) -> None:
        """End the bot in order, if it still runs."""
        if self._bot is not None and self.lives:
            self._bot.terminate()
            await self.ended()

    async def until(
        self, holds: Callable[[], object], why: str, within_s: float = PATIENCE_S
    ) -> None:
        """Look again and again: the bot is another process.

        Raises:
            AssertionError: it never held.
        """
        try:
            async with asyncio.timeout(within_s):
                while not holds():  # noqa: ASYNC110 - nothing here can be awaited
                    await asyncio.sleep(0.02)
        except TimeoutError:
            message = f"{why}\n{self.log[-4000:]}"
            raise AssertionError(message) from None

    @property
    def log(self) -> str:
        """Return what the bot printed."""
        path = self.folder / "bot.log"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def writes(self) -> list[Moment]:
        """Return every write so far, both sides of each."""
        counts: dict[str, int] = {}
        found = []
        text = (self.folder / "writes.txt").read_text(encoding="utf-8")
        for line in text.splitlines():
            counts[line] = counts.get(line, 0) + 1
            side, _, write = line.partition(" ")
            found.append(Moment(write, side, counts[line]))
        return found

    # --- the person -------------------------------------------------------------------

    async def quote(self, command: str, answer: str) -> ChatMessage | None:
        """Ask a ready bot for a quote; None if it died over it."""
        await self.until(
            lambda: "profitable opportunities" in self.log and self.is_at_rest(),
            "it never gets ready",
        )
        self.box.telegram.say(ANNA, command)

        def came() -> list[ChatMessage]:
            return [one for one in self.cards() if answer in one.text]

        await self.until(lambda: came() or not self.lives, f"no {answer}")
        return next(iter(came()), None)

    async def tap(self, card: ChatMessage, label: str) -> str:
        """Tap a button; return the toast, or nothing if the bot died over it."""
        drafts = "SELECT 1 FROM plan WHERE state = 'draft'"
        await self.until(
            lambda: not self.rows("paper.db", drafts) or not self.lives,
            "the quote is never bound to its card",
        )
        (found,) = _labels(card, label)
        tap = self.box.telegram.tap(ANNA, ANNA, card.id, label=found)
        await self.until(lambda: tap.answers or not self.lives, "no answer to a tap")
        return tap.answers[0].text if tap.answers else ""

    def hold_books(self, venue: str, *, after: int) -> None:
        """Let a venue show so many more order books, then keep everybody waiting."""
        self.box.faults.add(venue, BOOKS[venue], "timeout", times=None, after=after)

    def cards(self) -> list[ChatMessage]:
        """Return the bot's messages to Anna, oldest first."""
        return [one for one in self.box.telegram.messages(ANNA) if one.is_from_bot]

    # --- the files --------------------------------------------------------------------

    def rows(self, file: str, query: str) -> list[dict[str, Any]]:
        """Return rows of a database that another process writes."""
        path = self.folder / "data" / file
        if not path.exists():
            return []
        address = f"file:{path}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=5)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(query)]

    def trades(self) -> list[dict[str, Any]]:
        """Return the bot's record of its trades."""
        return self.rows("paper.db", "SELECT * FROM trade ORDER BY rowid")

    def fences(self) -> list[int]:
        """Return until when orders of unknown outcome may still show up."""
        query = "SELECT fence_at_ms FROM intent WHERE state IN ('prepared', 'unknown')"
        return [one["fence_at_ms"] for one in self.rows("paper.db", query)]

    def is_at_rest(self) -> bool:
        """Tell whether nothing is under way and everything is told."""
        starting = "SELECT 1 FROM halt WHERE key = 'startup'"
        untold = "SELECT 1 FROM outbox WHERE state = 'pending'"
        return (
            all(one["state"] in RESTING for one in self.trades())
            and not self.fences()
            and not self.rows("paper.db", starting)
            and not self.rows("paper.db", untold)
        )

    async def come_to_rest(self) -> None:
        """Wait for the repair; what waits for a fence gets the time it needs."""
        try:
            await self.until(self.is_at_rest, "not yet", SOON_S)
        except AssertionError:
            if fences := self.fences():
                left_ms = max(fences) - self.box.clock.now_ms()
                self.pass_time(timedelta(milliseconds=left_ms) + PAST_THE_FENCE)
            await self.until(self.is_at_rest, f"never at rest: {self.trades()}")

    def pass_time(self, duration: timedelta) -> None:
        """Let time pass for the bot and for the world."""
        self.time.add(duration)
        self.box.control.advance(duration.total_seconds())


@asynccontextmanager
async def open_machine(folder: Path) -> AsyncIterator[Machine]:
    """Open a world and a computer in it; the bot is ended at the end."""
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    async with SandboxServer() as box:
        box.telegram.flood_control = False
        box.telegram.start_chat(ANNA)
        machine = Machine(folder, box)
        try:
            yield machine
        finally:
            await machine.stop()


# --- the story ------------------------------------------------------------------------


@dataclass(slots=True)
class Story:
    """What happened around one kill."""

    moments: tuple[Moment, ...] = ()
    was_killed: bool = False
    state: str = "none"
    held: tuple[Decimal, Decimal] = (Decimal(0), Decimal(0))
    """What both venues hold, signed."""
    wrongs: list[str] = field(default_factory=list)
    """Everything that must never be."""
    toasts: list[str] = field(default_factory=list)
    """Answers to taps on cards from before the kill."""
    told: list[str] = field(default_factory=list)
    """First lines of all that Anna was told."""

    def __str__(self) -> str:
        fate = "killed" if self.was_killed else "lived"
        held = "flat" if not any(self.held) else f"{self.held[0]:f} / {self.held[1]:f}"
        moments = ", then ".join(map(str, self.moments))
        wrong = "; ".join(self.wrongs) or "ok"
        return f"{moments:<34} {fate:<7} {self.state:<8} {held:<14} {wrong}"


async def tell_stories(
    folder: Path, moments: Sequence[Moment], at_once: int = 6
) -> dict[Moment, Story]:
    """Tell a story of each moment, several at a time."""
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
    """Open and close a pair, and kill the bot at each moment in turn.

    The first bot is asked for both; those after it only find what was left. Whatever
    goes wrong with the story itself is one of its wrongs.
    """
    story = Story(moments)
    async with open_machine(folder) as machine:
        try:
            await _live(machine, story)
        except AssertionError as error:
            story.wrongs.append(str(error)[:1500])
        audit(machine, story)
    return story


async def _live(machine: Machine, story: Story) -> None:
    for number, moment in enumerate(story.moments):
        await machine.start(moment)
        if number == 0:
            await open_and_close(machine)
        story.was_killed = await machine.ended() == KILLED
    await machine.start()
    await machine.come_to_rest()
    await _tap_old_cards(machine, story)


CONFIRM = "✅ Open", "❗ Close"


async def _tap_old_cards(machine: Machine, story: Story) -> None:
    """Press what a chat still offers from before: nothing may come of it."""
    for card in machine.cards():
        for label in _labels(card, *CONFIRM):
            story.toasts.append(await machine.tap(card, label))
            await machine.until(
                lambda shown=card: not _labels(shown, *CONFIRM),  # type: ignore[misc]
                "the old card still offers it",
            )
            await machine.come_to_rest()


def _labels(card: ChatMessage, *begins: str) -> list[str]:
    """Return the buttons that begin with one of these words."""
    labels = [button.label for row in card.rows for button in row]
    return [label for label in labels if label.startswith(begins)]


async def open_and_close(machine: Machine) -> None:
    """Open a pair and close it again, for as long as the bot lives."""
    for command, asks, label in (
        (f"/open {BASE}", f"Open {BASE}?", "✅ Open"),
        ("/close", f"Close {BASE}?", "❗ Close"),
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


def audit(machine: Machine, story: Story) -> None:
    """Compare books, record and chat; write down what must never be."""
    trades = machine.trades()
    held, entries = _books(machine)
    if len(trades) > 1:
        story.wrongs.append(f"{len(trades)} trades of one confirm")
    intents = machine.rows("paper.db", "SELECT * FROM intent")
    known = {(one["venue_id"], one["client_order_id"]) for one in intents}
    if strange := set(entries) - known:
        story.wrongs.append(f"orders nobody wrote down: {strange}")
    _check_entries(intents, trades, entries, story)
    for trade in trades:
        _check_legs(machine, trade, held, story)
    if not trades and any(held.values()):
        story.wrongs.append(f"a position without a trade: {held}")
    _check_words(machine, trades, story)


def _books(
    machine: Machine,
) -> tuple[dict[str, Decimal], dict[tuple[str, str], Decimal]]:
    """Return positions by venue and executed quantity by order, from executions."""
    held: dict[str, Decimal] = {}
    by_order: dict[tuple[str, str], Decimal] = {}
    query = "SELECT venue_id, value FROM paper_row WHERE key LIKE 'fill:%'"
    for row in machine.rows("paper_venue.db", query):
        fill = json.loads(row["value"])
        quantity = Decimal(fill["quantity_base"])
        signed = quantity if fill["side"] == "buy" else -quantity
        venue = row["venue_id"]
        held[venue] = held.get(venue, Decimal(0)) + signed
        order = venue, fill["client_order_id"]
        by_order[order] = by_order.get(order, Decimal(0)) + quantity
    return held, by_order


def _check_entries(
    intents: list[dict[str, Any]],
    trades: list[dict[str, Any]],
    executed: dict[tuple[str, str], Decimal],
    story: Story,
) -> None:
    for leg in (1, 2):
        entries = [
            executed.get((one["venue_id"], one["client_order_id"]), Decimal(0))
            for one in intents
            if one["leg"] == leg and one["purpose"] == "entry"
        ]
        if sum(1 for one in entries if one) > 1:
            story.wrongs.append(f"two entries on leg {leg}: {entries}")
        if trades and sum(entries) > Decimal(trades[0]["quantity_base"]):
            story.wrongs.append(f"more than confirmed on leg {leg}: {entries}")


def _check_legs(
    machine: Machine, trade: dict[str, Any], held: dict[str, Decimal], story: Story
) -> None:
    legs = json.loads(trade["legs"])
    venues = [leg["instrument"]["venue_id"] for leg in legs]
    first, second = (held.get(venue, Decimal(0)) for venue in venues)
    story.state, story.held = trade["state"], (first, second)
    is_told = any("NOT HEDGED" in one.text for one in machine.cards())
    if first + second and not is_told:
        story.wrongs.append(f"an imbalance nobody was told of: {first} {second}")
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
    "open": ("open, both legs filled", "stays open"),
    "closed": ("closed:",),
    "aborted": ("not opened:",),
}


def _check_words(machine: Machine, trades: list[dict[str, Any]], story: Story) -> None:
    texts = [one.text for one in machine.cards()]
    story.told = [text.splitlines()[0] for text in texts]
    for words in ONCE:
        count = sum(words in text for text in texts)
        if count > 1:
            story.wrongs.append(f"told {count} times: {words!r}")
    for trade in trades:
        expected = OUTCOMES.get(trade["state"], ())
        if not any(words in text for text in texts for words in expected):
            story.wrongs.append(f"never told: {trade['state']}")
