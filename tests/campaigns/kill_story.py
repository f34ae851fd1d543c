"""Play one plot: a real bot, real files, a power cut where the plot says, the audit."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from storage.schema import JOURNAL, migrate
from tests.campaigns.kill_copies import (
    NEWEST,
    check_usable,
    copy_until_dead,
    cut_copy,
)
from tests.campaigns.kill_plots import ANY_MOMENT
from tests.campaigns.kill_words import By, Chance, During
from tests.journeys.crashing import Moment
from tests.journeys.killed import Story, audit, tap_old_cards
from tests.journeys.machine import ANNA, KILLED, open_machine

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.campaigns.kill_words import Again, Cut, Plot, Seen, Spoil
    from tests.journeys.machine import Machine, Pair

HOLD_EVERY = timedelta(seconds=1)
POSITIONS_ARE_QUIET = timedelta(seconds=40)
"""After our own orders venues may show positions late."""
APART = timedelta(seconds=6)
"""Two readings that a loss needs lie so far apart."""
TERM_WITHIN_S = 10.0
SIZE_USD = 300
NOT_ONCE = {"C21", "C37", ANY_MOMENT}
"""Where a message may have been sent and not marked as such."""


async def play(plot: Plot, pair: Pair, folder: Path) -> Story:
    """Play a plot; whatever goes wrong with it is one of the story's wrongs."""
    story = Story(f"{plot} [{'paper' if plot.is_paper else pair}]")
    async with open_machine(folder, None if plot.is_paper else pair) as machine:
        machine.is_program = plot.is_program
        machine.checkpoints = plot.checkpoints
        if plot.during in {During.LOSS, During.FUNDING}:
            machine.hold_every = HOLD_EVERY
        played = _Play(plot, machine, story)
        try:
            await played.all()
        except* AssertionError as errors:
            story.wrongs += [str(each)[:1500] for each in errors.exceptions]
        may_repeat = bool(NOT_ONCE & set(plot.points.split()))
        grows = plot.during is During.ADD
        audit(machine, story, may_repeat=may_repeat, confirms=1 + grows)
        if grows:
            _judge_growth(story, played.before)
        _check_files(machine, story)
        _check_payments(machine, story)
        _check_claims(machine, story)
    if story.state not in plot.ends.split():
        story.wrongs.append(f"ended {story.state}, expected {plot.ends}")
    return story


class _Play:
    """One plot on one machine."""

    def __init__(self, plot: Plot, machine: Machine, story: Story) -> None:
        self.plot, self.machine, self.story = plot, machine, story
        self._mark = 0
        self._copies: list[Path] = []
        self.before = Decimal(0)
        """What each leg held before it was to grow."""

    async def all(self) -> None:
        """Set the scene, cut, cut again, come back, and try the old cards."""
        machine, plot = self.machine, self.plot
        if plot.layout is not None:
            await asyncio.to_thread(lay_out, machine.record_file, plot.layout)
        if plot.during is During.BACKUP:
            await self._cut_backup()
        else:
            inside = plot.cut if isinstance(plot.cut, Moment) else None
            await machine.start(inside)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._act())
                group.create_task(self._cut(plot.cut, plot.by))
        machine.box.faults.clear()
        _check_files(machine, self.story)
        for again in plot.again:
            await self._again(again)
        self.story.back.append(await machine.come_back())
        assert machine.lives, f"it does not come back\n{machine.log[-3000:]}"
        if plot.during is During.FUNDING:
            await self._see_payments()
        await machine.come_to_rest()
        await self._ask_what_was_typed()
        await tap_old_cards(machine, self.story)
        for copy in self._copies[-1:]:
            await asyncio.to_thread(check_usable, machine, self.story, copy)

    # --- cuts -------------------------------------------------------------------------

    async def _cut(self, cut: Cut, by: By = By.KILL) -> None:
        machine, story = self.machine, self.story
        if not isinstance(cut, Moment):
            await self._met(cut)
            if by is By.KILL:
                await machine.kill()
            else:
                await self._terminated(by)
        status = await machine.ended()
        if by is By.TERM:
            if status:
                story.wrongs.append(f"ended with status {status} after SIGTERM")
            return
        story.was_killed = status == KILLED
        story.kills += story.was_killed
        if not story.was_killed:
            story.wrongs.append(f"lived: the moment never came ({cut})")

    async def _met(self, cut: Seen | Chance) -> None:
        """Wait for a moment that is seen from outside."""
        machine = self.machine
        if isinstance(cut, Chance):
            await machine.until(lambda: self._mark, "it was never tapped")
            await asyncio.sleep(cut.after_s)
            return
        await machine.until(
            lambda: self._mark and self._taken(cut.purpose) >= cut.nth,
            f"{cut} never came",
        )

    def _taken(self, purpose: str) -> int:
        seen = list(self.machine.box.requests)[self._mark - 1 :]
        return sum(1 for one in seen if purpose in one.purposes)

    async def _terminated(self, by: By) -> None:
        machine = self.machine
        machine.terminate()
        if by is By.TERM_KILL:
            await asyncio.sleep(0.2)
            await machine.kill()
            return
        await machine.ended(TERM_WITHIN_S)

    async def _again(self, again: Again) -> None:
        machine = self.machine
        self._spoil(again.spoils)
        if isinstance(again.cut, Moment):
            self.story.back.append(await machine.come_back(again.cut))
            await self._cut(again.cut)
        else:
            back = asyncio.create_task(machine.come_back())
            await self._cut(again.cut)
            self.story.back.append(await back)
        machine.box.faults.clear()

    async def _cut_backup(self) -> None:
        """Cut the program that copies the record, then the bot beside it."""
        machine, cut = self.machine, self.plot.cut
        assert isinstance(cut, Moment)
        await machine.start()
        await self._open_in_peace()
        self._copies.append(await cut_copy(machine, self.story, cut))
        await machine.kill()
        self.story.was_killed = True
        self.story.kills += 1

    # --- the scene --------------------------------------------------------------------

    async def _act(self) -> None:
        machine, during = self.machine, self.plot.during
        if during is During.START:
            return
        if during is During.OPEN:
            await self._tap_to_open(is_cut=True)
            if self.plot.is_copied:
                self._copies += await copy_until_dead(machine, self.story)
            return
        if during is During.WORDS:
            await machine.ready()
            self._mark = 1
            machine.box.telegram.say(ANNA, self.plot.words)
            return
        await self._open_in_peace()
        if during is During.ADD:
            await self._add()
        elif during is During.CLOSE:
            card = await machine.quote("/close", f"Close {machine.base}?")
            assert card is not None
            self._spoil(self.plot.spoils)
            await machine.tap(card, "❗ Close")
        elif during is During.LOSS:
            await self._lose_leg()
        else:
            self._mark = 1
            machine.pass_time(timedelta(hours=1))

    async def _open_in_peace(self) -> None:
        await self._tap_to_open(is_cut=False)
        await self.machine.until(self.machine.is_at_rest, "it never opens")

    async def _add(self) -> None:
        machine = self.machine
        machine.pass_time(POSITIONS_ARE_QUIET)
        self.before = max(abs(each) for each in machine.held().values())
        words = f"/add {machine.base} {SIZE_USD}"
        card = await machine.quote(words, f"Add to {machine.base}?")
        assert card is not None, "no quote"
        self._spoil(self.plot.spoils)
        await machine.tap(card, "✅ Add")

    async def _tap_to_open(self, *, is_cut: bool) -> None:
        machine, base = self.machine, self.machine.base
        words = f"/open {base} {SIZE_USD}" if machine.is_live else f"/open {base}"
        card = await machine.quote(words, f"Open {base}?")
        assert card is not None, "no quote"
        if is_cut:
            self._spoil(self.plot.spoils)
        await machine.tap(card, "✅ Open")

    async def _lose_leg(self) -> None:
        """Take a leg away, then let time pass until the bot believes it."""
        machine = self.machine
        machine.pass_time(POSITIONS_ARE_QUIET)
        self._spoil(self.plot.spoils)
        (trade,) = machine.trades()
        venue = json.loads(trade["legs"])[0]["instrument"]["venue_id"]
        share = Decimal(self.plot.share)
        machine.box.accounts.force(venue, machine.base, "adl", share=share)
        for _ in range(12):
            await asyncio.sleep(1.5)
            if not machine.lives:
                return
            if any(one["state"] == "open" for one in machine.trades()):
                machine.pass_time(APART)

    def _spoil(self, spoils: Sequence[Spoil]) -> None:
        """Let venues do wrong from now on, and count their requests from here."""
        self._mark = len(self.machine.box.requests) + 1
        for each in spoils:
            self.machine.box.faults.add(
                "*",
                each.endpoint,
                each.kind,
                after=each.after,
                param=each.param,
                before=each.before,
            )

    # --- afterwards -------------------------------------------------------------------

    async def _see_payments(self) -> None:
        machine = self.machine
        await machine.until(
            lambda: _payments(machine) == _paid(machine), "funding is never booked"
        )

    async def _ask_what_was_typed(self) -> None:
        """What was typed is stored whole, with its line in the audit trail, or not."""
        if self.plot.during is not During.WORDS:
            return
        machine, story = self.machine, self.story
        what, query = {
            "/pause": ("paused entries", "SELECT 1 FROM halt WHERE key = 'pause'"),
            "/alerts": ("%", "SELECT 1 FROM choice"),
        }[self.plot.words.split()[0]]
        lines = f"SELECT 1 FROM event WHERE who LIKE 'user %' AND what LIKE '{what}'"  # noqa: S608 - our own words
        stored = len(machine.rows(machine.record, query))
        told = len(machine.rows(machine.record, lines))
        if stored != told:
            story.wrongs.append(f"half stored: {stored} rows, {told} lines")
        cut = self.plot.cut
        if isinstance(cut, Moment) and cut.side == "after" and not stored:
            story.wrongs.append("what was committed is gone")


def _judge_growth(story: Story, before: Decimal) -> None:
    """Tell whether a pair grew, and whether its owner knows how that ended."""
    held = min(abs(each) for each in story.held)
    if story.state == "open":
        story.state = "grown" if held > before else "same"
    if held < before:
        story.wrongs.append(f"of {before} held before, {held} are left")
    told = [line for line in story.told if "grew" in line or "Nothing was" in line]
    was_claimed = not (story.state == "same" and "claim" in story.title)
    if len(told) > 1 or (was_claimed and not told):
        story.wrongs.append(f"told of the addition: {told}")


def lay_out(path: Path, version: int) -> None:
    """Write an empty record as an older carrybot would have."""
    path.parent.mkdir(mode=0o700)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrate(connection, JOURNAL, JOURNAL.migrations()[:version])
    path.chmod(0o600)


def _check_files(machine: Machine, story: Story) -> None:
    """Check that the record is whole, and its layout the old one or the new one."""
    versions = machine.rows(machine.record, "PRAGMA user_version")
    if any(row["user_version"] not in {0, 1, NEWEST} for row in versions):
        story.wrongs.append(f"half a migration: {versions}")
    for query in ("PRAGMA quick_check", "PRAGMA foreign_key_check"):
        rows: list[dict[str, Any]] = machine.rows(machine.record, query)
        if rows not in ([], [{"quick_check": "ok"}]):
            story.wrongs.append(f"{query}: {rows}")


def _payments(machine: Machine) -> dict[str, int]:
    """Return how many payments the record holds, by venue."""
    counts: dict[str, int] = {}
    for row in machine.rows(machine.record, "SELECT venue_id FROM payment"):
        counts[row["venue_id"]] = counts.get(row["venue_id"], 0) + 1
    return counts


def _paid(machine: Machine) -> dict[str, int]:
    """Return how many payments the venues made, by venue."""
    told = machine.box.accounts.accounts()
    return {
        venue: len(rows["payments"]) for venue, rows in told.items() if rows["payments"]
    }


def _check_payments(machine: Machine, story: Story) -> None:
    """No payment may be booked twice, nor one that never was."""
    if not machine.is_live:
        return
    booked, paid = _payments(machine), _paid(machine)
    for venue, count in booked.items():
        if count > paid.get(venue, 0):
            story.wrongs.append(f"{venue} paid {paid.get(venue, 0)}, booked {count}")


def _check_claims(machine: Machine, story: Story) -> None:
    """A quote is used if and only if its trade exists."""
    used = "SELECT plan_id FROM plan WHERE action = 'open' AND state = 'used'"
    plans = {row["plan_id"] for row in machine.rows(machine.record, used)}
    trades = {row["plan_id"] for row in machine.trades()}
    if plans != trades:
        story.wrongs.append(f"quotes used {plans}, trades of {trades}")
