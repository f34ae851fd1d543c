"""A computer with a bot on it that may lose its power, and the world around.

The sandbox lives in the test; the bot is a process of its own on real files. What
counts as true is read from the venues' books and from the chat, never from what the
bot believes.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sandbox.app import SandboxServer
from sandbox.child import child_environment
from sandbox.venues.listings import VENUES
from tests.journeys.bots import Forked, Program
from tests.journeys.crashing import AFTER, Moment, Orders, SharedTime
from tests.journeys.process import plain_environment
from tests.journeys.watching import LOOK

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from sandbox.telegram.model import ChatMessage

ANNA = 1001
PAPER_BASE = "KAITO"
"""Listed by two venues only."""
LIVE_BASE = "SOL"
"""Listed by all of them, with the same lot."""
FLAT = Decimal("0.0000125")
"""The hourly rate of a token that nobody leans on."""
LEANING = Decimal("0.0004")
BOOKS = {"extended": "orderbook", "lighter": "orderBookOrders"}
"""What the two venues that list it call the request for an order book."""
KILLED = -9
PATIENCE_S = 60.0
START_S = 150.0
"""A first start on a busy machine loads every module."""
LOOK_EVERY_S = 0.03
NEXT_LOOK = timedelta(seconds=6)
"""Longer than a bot waits between two looks for an order in doubt."""
LOOK_TAKES_S = 0.5
LOOKS = 4
"""So often a bot looks for an order in vain before time may pass."""
ARRIVES_WITHIN_MS = 10_000
UNDER_WAY = """
SELECT 1 FROM trade WHERE state NOT IN ('open', 'closed', 'aborted')
UNION ALL SELECT 1 FROM intent WHERE state IN ('prepared', 'unknown')
UNION ALL SELECT 1 FROM halt WHERE key = 'startup'
UNION ALL SELECT 1 FROM outbox WHERE state = 'pending'
"""
LEAVING = """
SELECT 1 FROM intent WHERE state = 'prepared' AND send_by_ms >= {now_ms}
"""
CHECKS_DONE = "SELECT 1 FROM event WHERE what = 'start-up check done'"


@dataclass(frozen=True, slots=True)
class Pair:
    """Where a live machine's token is worth a plan: long here, short there."""

    long: str
    short: str

    def __str__(self) -> str:
        return f"{self.long}/{self.short}"


@dataclass(frozen=True, slots=True)
class ComeBack:
    """How a bot came back from a cut."""

    took_s: float
    """From the start of its process until its check was done."""
    waited_s: float = 0.0
    """Of pretend time that passed on top, until an order's fence was behind."""
    is_program: bool = False
    """The program as installed, whose modules were not loaded before."""


class Machine:
    """A computer with a bot on it, and the world around."""

    def __init__(
        self, folder: Path, box: SandboxServer, pair: Pair | None = None
    ) -> None:
        """Take the parts.

        Without a pair the bot trades on paper.
        """
        self.folder, self.box, self.pair = folder, box, pair
        self.is_live = pair is not None
        self.base = LIVE_BASE if self.is_live else PAPER_BASE
        self.record = "live.db" if self.is_live else "paper.db"
        self.hold_every: timedelta | None = None
        self.checkpoints = False
        self.is_program = False
        self.time = SharedTime(folder / "time")
        self._bot: Forked | Program | None = None
        self._passed_at = 0.0
        if pair is not None:
            self._lean(pair)

    def _lean(self, pair: Pair) -> None:
        """Make the pair the token's best one."""
        rates = {pair.long: -LEANING, pair.short: LEANING}
        for venue in VENUES:
            self.box.world.set_rate(self.base, venue, rates.get(venue, FLAT))

    # --- the process ------------------------------------------------------------------

    async def start(self, moment: Moment | None = None) -> None:
        """Start a bot that dies at the moment, if one is given."""
        await self._connected(await self._launched(moment))

    async def start_program(self) -> None:
        """Start the program that people start, with the machine's own clock."""
        self.is_program = True
        await self.start()

    async def _launched(self, moment: Moment | None) -> Forked | Program:
        if self.is_program:
            log = self.folder / "bot.log"
            return await Program.start(self.environment(), log)
        orders = Orders(self.environment(), self.folder, moment)
        return Forked(
            replace(orders, hold_every=self.hold_every, checkpoints=self.checkpoints)
        )

    def environment(self) -> dict[str, str]:
        """Return what the program is told at its start."""
        return plain_environment() | child_environment(
            {
                "CARRY_SCAN_INTERVAL_S": "3600",
                "CARRY_ALERT_SPREAD_HOURLY": "1",
                "CARRY_TOKENS": f"{self.base},BTC,ETH",
            },
            url=self.box.url,
            token=self.box.token,
            data_dir=self.folder / "data",
            live=self.is_live,
        )

    async def _connected(self, bot: Forked | Program) -> None:
        greeted = self._greetings()
        self._bot = bot
        await self.until(
            lambda: self._greetings() > greeted or not self.lives,
            "it never connects",
            START_S,
        )

    def _greetings(self) -> int:
        return sum(1 for call in self.box.telegram.calls if call.method == "getMe")

    async def come_back(self, moment: Moment | None = None) -> ComeBack:
        """Start a bot again and wait until its check is done, or until it dies.

        What waits for an order's fence gets the time it needs.
        """
        checks, begun = self._checks(), time.monotonic()
        passed = self.time.offset
        self._bot = await self._launched(moment)

        def is_done() -> bool:
            return self._checks() > checks or not self.lives

        await self._until_past_fences(is_done, "the check at start is never done")
        waited = self.time.offset - passed
        took_s = time.monotonic() - begun
        return ComeBack(took_s, waited.total_seconds(), self.is_program)

    async def _until_past_fences(self, holds: Callable[[], bool], why: str) -> None:
        """Wait until something holds; what waits for a fence gets the time it needs."""
        looked = self._looks()

        def is_enough() -> bool:
            if not holds():
                if self._looks() >= looked + LOOKS and self._may_pass():
                    self.pass_fences()
                return False
            return True

        await self.until(is_enough, why, 2 * PATIENCE_S)

    def _looks(self) -> int:
        """Return how often bots looked for an order so far."""
        return self._trace.count(f"{AFTER} {LOOK}\n")

    def _may_pass(self) -> bool:
        """Tell whether all that is on its way to a venue has arrived.

        The program as installed does not hear of time that is let pass. An order that
        may be leaving this very moment would find its time to be sent used up.
        """
        if self.is_program or time.monotonic() - self._passed_at < LOOK_TAKES_S:
            return False
        if self.rows(self.record, LEAVING.format(now_ms=self.box.clock.now_ms())):
            return False
        soon_ms = self.box.clock.now_ms() + ARRIVES_WITHIN_MS
        late = (one for each in self.box.reception.desks.values() for one in each.late)
        return all(one.at_ms >= soon_ms for one in late)

    def _checks(self) -> int:
        return len(self.rows(self.record, CHECKS_DONE))

    @property
    def lives(self) -> bool:
        """Tell whether the bot still runs."""
        return self._bot is not None and self._bot.status() is None

    async def ended(self, within_s: float = PATIENCE_S) -> int:
        """Wait until the process is over; return how it ended."""
        await self.until(lambda: not self.lives, "it does not end", within_s)
        status = None if self._bot is None else self._bot.status()
        assert status is not None
        return status

    async def kill(self) -> int:
        """Take the power away; return how the process ended."""
        assert self._bot is not None
        self._bot.kill()
        return await self.ended()

    def terminate(self) -> None:
        """Ask the bot to end, and do not wait."""
        assert self._bot is not None
        self._bot.terminate()

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
                    await asyncio.sleep(LOOK_EVERY_S)
        except TimeoutError:
            message = f"{why}\n{self.log[-4000:]}"
            raise AssertionError(message) from None

    @property
    def log(self) -> str:
        """Return what the bot printed."""
        path = self.folder / "bot.log"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    @property
    def _trace(self) -> str:
        path = self.folder / "writes.txt"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def writes(self) -> list[Moment]:
        """Return every write so far, both sides of each."""
        counts: dict[str, int] = {}
        found = []
        for line in self._trace.splitlines():
            counts[line] = counts.get(line, 0) + 1
            side, _, write = line.partition(" ")
            found.append(Moment(write, side, counts[line]))
        return found

    # --- the person -------------------------------------------------------------------

    async def ready(self) -> None:
        """Wait until the bot offers entries and nothing is under way."""

        def is_ready() -> bool:
            log = self.log
            has_looked = "profitable opportunities" in log
            is_sure = log.count(" state=proven ") >= len(VENUES)
            return has_looked and is_sure and self.is_at_rest()

        await self.until(lambda: is_ready() or not self.lives, "it never gets ready")

    async def quote(self, command: str, answer: str) -> ChatMessage | None:
        """Ask a ready bot for a quote; None if it died over it."""
        await self.ready()
        before = len(self.cards())
        self.box.telegram.say(ANNA, command)

        def came() -> list[ChatMessage]:
            return [one for one in self.cards()[before:] if answer in one.text]

        await self.until(lambda: came() or not self.lives, f"no {answer}")
        return next(iter(came()), None)

    async def tap(self, card: ChatMessage, label: str) -> str:
        """Tap a button; return the toast, or nothing if the bot died over it."""
        drafts = "SELECT 1 FROM plan WHERE state = 'draft'"
        await self.until(
            lambda: not self.rows(self.record, drafts) or not self.lives,
            "the quote is never bound to its card",
        )
        (found,) = labels_of(card, label)
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

    @property
    def record_file(self) -> Path:
        """Return the bot's own record."""
        return self.folder / "data" / self.record

    def rows(self, file: str, query: str) -> list[dict[str, Any]]:
        """Return rows of a database that another process writes."""
        path = self.folder / "data" / file
        if not path.exists():
            return []
        address = f"file:{path}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=5)) as connection:
            connection.row_factory = sqlite3.Row
            try:
                return [dict(row) for row in connection.execute(query)]
            except sqlite3.OperationalError as error:
                if "no such table" in str(error):  # a first start's tables come at once
                    return []
                raise

    def trades(self) -> list[dict[str, Any]]:
        """Return the bot's record of its trades."""
        return self.rows(self.record, "SELECT * FROM trade ORDER BY rowid")

    def fences(self) -> list[int]:
        """Return until when orders of unknown outcome may still show up."""
        query = "SELECT fence_at_ms FROM intent WHERE state IN ('prepared', 'unknown')"
        return [one["fence_at_ms"] for one in self.rows(self.record, query)]

    def is_at_rest(self) -> bool:
        """Tell whether nothing is under way and everything is told."""
        return not self.rows(self.record, UNDER_WAY)

    async def come_to_rest(self) -> None:
        """Wait for the repair; what waits for a fence gets the time it needs."""
        await self._until_past_fences(self.is_at_rest, "it never comes to rest")

    def pass_fences(self) -> None:
        """Let time pass until no order in doubt can show up any more.

        Behind the fence it takes some more looks, a few seconds apart.
        """
        if fences := self.fences():
            left = timedelta(milliseconds=max(fences) - self.box.clock.now_ms())
            self.pass_time(max(left, timedelta(0)) + NEXT_LOOK)
            self._passed_at = time.monotonic()

    def pass_time(self, duration: timedelta) -> None:
        """Let time pass for the bot and for the world."""
        self.time.add(duration)
        self.box.control.advance(duration.total_seconds())

    # --- the truth --------------------------------------------------------------------

    def held(self) -> dict[str, Decimal]:
        """Return what each venue truly holds of the token, positive is long."""
        if not self.is_live:
            held: dict[str, Decimal] = {}
            for venue, _, signed in self._executions():
                held[venue] = held.get(venue, Decimal(0)) + signed
            return held
        return {
            venue: sum(
                (
                    Decimal(row["quantity"]) * row["multiplier"]
                    for row in told["positions"].values()
                    if row["token"] == self.base
                ),
                Decimal(0),
            )
            for venue, told in self.box.accounts.accounts().items()
        }

    def executed(self) -> dict[tuple[str, str], Decimal]:
        """Return what each order of ours was filled, by venue and client id."""
        by_order: dict[tuple[str, str], Decimal] = {}
        for venue, client_id, signed in self._executions():
            order = venue, client_id
            by_order[order] = by_order.get(order, Decimal(0)) + abs(signed)
        return by_order

    def _executions(self) -> list[tuple[str, str, Decimal]]:
        """Return venue, client id and signed quantity of each execution."""
        if self.is_live:
            return [
                (venue, row["client_id"], row["side"] * Decimal(row["quantity"]))
                for venue, told in self.box.accounts.accounts().items()
                for row in told["trades"]
                if row["cause"] == "trade"
            ]
        query = "SELECT venue_id, value FROM paper_row WHERE key LIKE 'fill:%'"
        found = []
        for row in self.rows("paper_venue.db", query):
            fill = json.loads(row["value"])
            sign = 1 if fill["side"] == "buy" else -1
            quantity = sign * Decimal(fill["quantity_base"])
            found.append((row["venue_id"], fill["client_order_id"], quantity))
        return found


def labels_of(card: ChatMessage, *begins: str) -> list[str]:
    """Return the buttons that begin with one of these words."""
    labels = [button.label for row in card.rows for button in row]
    return [label for label in labels if label.startswith(begins)]


@asynccontextmanager
async def open_machine(
    folder: Path, pair: Pair | None = None
) -> AsyncIterator[Machine]:
    """Open a world and a computer in it; the bot is ended at the end."""
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    async with SandboxServer() as box:
        box.telegram.flood_control = False
        box.telegram.start_chat(ANNA)
        machine = Machine(folder, box, pair)
        try:
            yield machine
        finally:
            await machine.stop()
