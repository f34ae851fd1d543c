"""A month of pretend time with ten pairs on the whole bot, faults on, to the cent.

`python -m tests.campaigns.month [days] [pairs] [seed]`; `make month` plays thirty days
with ten. The bot is put together by its own wiring and lives on real files; venues,
accounts and Telegram are the sandbox's, over HTTP. Time is stepped: every timer of the
bot's own table runs at each step at which it is due, and steps end shortly before and
shortly after each full hour, at which all payments are made. A seed chooses what goes
wrong when; ids and the machine's speed still differ from run to run.
"""

from __future__ import annotations

import asyncio
import logging
import random
import sys
import tempfile
import time
from collections import Counter, deque
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from unittest.mock import patch

from core.model.trade import TradeState
from storage.ledger import SqliteLedger
from tests.campaigns.month_audit import CENT, naked, problems_of, wallets_off
from tests.campaigns.month_messages import read_post
from tests.journeys.house import ANNA, open_house
from tests.journeys.live import LIVE, NAMES, roomy_minutes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from datetime import datetime

    from bot.schedule import Timer
    from core.model.ledger import LedgerEntry
    from core.model.trade import Trade
    from core.ports import Tasks
    from sandbox.app import SandboxServer
    from sandbox.faults import Fault
    from sandbox.telegram.model import ChatMessage
    from tests.campaigns.month_audit import Outcome
    from tests.campaigns.month_messages import Post
    from tests.journeys.house import House

TOKENS = (
    "SUI", "APT", "KAITO", "MON", "TRUMP", "PEPE", "HYPE", "ENA", "ZEC", "BONK",
    "WIF", "VIRTUAL",
)  # fmt: skip
"""Tokens whose rates differ by themselves; more than there are pairs."""
BEFORE, AFTER = timedelta(minutes=5), timedelta(minutes=4)
"""Around a full hour: what is due is noted; then payments are booked and told."""
NUDGE = timedelta(seconds=5)
IDLE_S, LOOK_EVERY_S, LONGEST_S = 0.06, 0.002, 60.0
SIZE_USD = 300
READS = ("@positions", "@balance", "@funding", "@trades", "@find", "*")
READ_FAULTS = (
    "reset", "429", "status", "html_200", "bad_json", "empty", "truncated", "stale",
)  # fmt: skip
ORDER_FAULTS = (
    ("reset", None, False),
    ("reset", None, True),
    ("truncated", None, False),
    ("partial", "0.5", False),
    ("zero", None, False),
    ("reject", "margin", False),
    ("late", {"after_s": 3, "reply": "reset"}, False),
)


class SteppedSchedule:
    """The bot's table of timers, asked by the story instead of a scheduler."""

    newest: ClassVar[SteppedSchedule]

    def __init__(self, timers: Sequence[Timer], *, tasks: Tasks) -> None:
        self.timers, self.tasks = timers, tasks
        self.last: dict[str, datetime] = {}
        SteppedSchedule.newest = self

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """End."""

    def due(self, now: datetime) -> list[Timer]:
        """Return the timers whose time has come, and note that they ran."""
        found = []
        for timer in self.timers:
            last = self.last.setdefault(timer.name, now)
            if now - last >= timer.every:
                self.last[timer.name] = now
                found.append(timer)
        return found


@dataclass
class Plan:
    """What one pair is meant to live through; hours of the month."""

    token: str
    enter: int
    leave: int | None
    """None: still open at the end."""
    halves: int | None = None
    trade_id: str | None = None
    tries: int = 0
    is_over: bool = False


@dataclass
class Month:
    """The story."""

    house: House
    days: int
    plans: list[Plan]
    chance: random.Random
    stride: int = 2
    """Hours that one look is for; payments are made every hour all the same."""
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    """What was played: faults, restarts and so on."""
    down: tuple[str, Fault, int] | None = None
    """A dead venue: its name, what kills it, and the hour of its return."""
    ticks: dict[str, list[float]] = field(default_factory=dict)
    """Seconds that each timer's work took."""
    prices: dict[str, float] = field(default_factory=dict)
    refusals: Counter[str] = field(default_factory=Counter)
    """Why nothing was offered, in the bot's own words."""
    seen: set[int] = field(default_factory=set)
    """Critical messages whose Seen was pressed."""

    @property
    def box(self) -> SandboxServer:
        """Return the pretend world."""
        return self.house.box

    # --- time -------------------------------------------------------------------------

    async def play(self) -> None:
        """Live through it all and look at every cent at the end."""
        start = self._now().replace(minute=0, second=0, microsecond=0)
        specials = self._specials()
        for hour in range(self.stride, self.days * 24 + 1, self.stride):
            await self._drift(hour)
            for due in [each for each in specials if each <= hour]:
                for name in specials.pop(due):
                    await getattr(self, f"_{name}")(hour)
            at = start + timedelta(hours=hour)
            self._spoil_reads()
            await self._to(at - BEFORE)
            self._spoil_reads()
            await self._to(at + AFTER)
            await self._people(hour)
        await self._end()

    async def _to(self, moment: datetime) -> None:
        """Let time pass until a moment, then run what is due."""
        left = moment - self._now()
        if left > timedelta(0):
            await self.house.pass_time(left)
        for timer in SteppedSchedule.newest.due(self._now()):
            began = time.perf_counter()
            await self._run(timer)
            took = time.perf_counter() - began
            self.ticks.setdefault(timer.name, []).append(took)
        await self.settled()
        await self._see()

    async def _run(self, timer: Timer) -> None:
        work = SteppedSchedule.newest.tasks.start(_perform(timer), name=timer.name)

        async def is_done() -> bool:
            return work.done()

        await self._until(is_done)

    async def settled(self) -> None:
        """Wait until nothing moves but what waits for time to pass."""

        async def is_quiet() -> bool:
            return await self.house._is_quiet(is_over=False)

        await self._until(is_quiet)

    async def _until(self, holds: Callable[[], Awaitable[bool]]) -> None:
        """Wait; let seconds pass when all there is to wait for is time.

        Raises:
            AssertionError: it never holds.
        """
        end = time.monotonic() + LONGEST_S
        idle_since, seen = time.monotonic(), len(self.box.requests)
        while not await holds():
            now = time.monotonic()
            assert now < end, f"never at rest: {self.house._doing()}"
            requests = len(self.box.requests)
            if requests != seen or not self.house.clock.asleep:
                idle_since, seen = now, requests
            elif now - idle_since >= IDLE_S:
                await self.house.pass_time(NUDGE)
                idle_since = now
            await asyncio.sleep(LOOK_EVERY_S)

    async def _rested(self, trade_id: str) -> Trade:
        """Let seconds pass until a pair is open and level, or over, or needs help."""
        trade = await self._trade(trade_id)
        for _ in range(60):
            is_still = trade.state is TradeState.OPEN or trade.state.is_terminal
            if is_still and trade.close_target_base is None:
                break
            await self.house.pass_time(NUDGE)
            await self.settled()
            trade = await self._trade(trade_id)
        return trade

    def _now(self) -> datetime:
        return self.house.clock.now()

    # --- what is true ----------------------------------------------------------------

    async def _trade(self, trade_id: str) -> Trade:
        found = [one for one in await self.house.trades() if one.trade_id == trade_id]
        return found[0]

    async def entries(self) -> tuple[LedgerEntry, ...]:
        """Return everything booked."""
        ledger = self.house.engine.books._ledger
        assert isinstance(ledger, SqliteLedger)
        return await ledger.entries()

    # --- people -----------------------------------------------------------------------

    async def _people(self, hour: int) -> None:
        """Enter, halve and leave what is planned for now; look at what has ended."""
        for plan in self.plans:
            if plan.is_over:
                continue
            if plan.trade_id is None:
                if hour >= plan.enter and self.down is None:
                    await self._enter(plan)
                continue
            trade = await self._trade(plan.trade_id)
            if trade.state.is_terminal:
                await self._audit(plan)
            elif plan.leave is not None and hour >= plan.leave:
                await self._leave(plan, trade)
            elif plan.halves is not None and hour >= plan.halves:
                plan.halves = None
                await self._ask_close(f"{plan.trade_id} 50%", "half closes asked")
                await self._rested(plan.trade_id)

    async def _enter(self, plan: Plan) -> None:
        plan.tries += 1
        before = {one.trade_id for one in await self.house.trades()}
        card = await self.house.say(f"/open {plan.token} {SIZE_USD}")
        if not any("Open $" in label for row in card.labels for label in row):
            self.done["entries refused"] += 1
            self.refusals[card.text.split(" · ")[0]] += 1
            return
        fault = self._spoil_order("@entry") if plan.tries == 1 else None
        await self.house.tap("Open $", card)
        await self.settled()
        fresh = [o for o in await self.house.trades() if o.trade_id not in before]
        if fresh:
            trade = await self._rested(fresh[0].trade_id)
            if trade.state.is_terminal:
                self.done["entries that ended flat"] += 1
                entry = await self._entry(trade.trade_id)
                self._note(entry)
            else:
                plan.trade_id = trade.trade_id
                self.done["entries"] += 1
        self._unspoil(fault)

    async def _leave(self, plan: Plan, trade: Trade) -> None:
        if trade.state is not TradeState.OPEN or trade.needs_attention:
            return
        await self._ask_close(trade.trade_id, "closes asked")
        if (await self._rested(trade.trade_id)).state is TradeState.CLOSED:
            await self._audit(plan)

    async def _ask_close(self, words: str, what: str) -> None:
        card = await self.house.say(f"/close {words}")
        labels = [label for row in card.labels for label in row]
        found = [x for x in labels if "Close both" in x or "Close part" in x]
        if not found:
            self.done[f"{what}, refused"] += 1
            return
        fault = self._spoil_order("@reduce")
        await self.house.tap(found[0], card)
        await self.settled()
        self.done[what] += 1
        self._unspoil(fault)

    async def _see(self) -> None:
        """Press Seen on what is critical, as somebody does who looks now and then."""
        for card in self._critical():
            if card.id not in self.seen and self.chance.random() < 0.5:
                self.seen.add(card.id)
                await self.house.tap("Seen", card)
                self.done["criticals seen"] += 1

    def _critical(self) -> list[ChatMessage]:
        newest = self.house.cards()[-10:]
        return [
            one
            for one in newest
            if any("Seen" in label and "👁" in label for r in one.labels for label in r)
        ]

    # --- trouble ----------------------------------------------------------------------

    def _specials(self) -> dict[int, list[str]]:
        """Choose the hours of what happens once or a few times."""
        chosen: dict[int, list[str]] = {}

        def put(name: str, times: int) -> None:
            for _ in range(times):
                hour = self.chance.randrange(6, self.days * 24 - 6)
                chosen.setdefault(hour, []).append(name)

        put("kill_venue", max(1, self.days // 10))
        put("restart", max(1, self.days // 4))
        put("away", max(1, self.days // 15))
        put("deleverage", 1)
        put("liquidate", 1)
        put("interval", 1)
        return chosen

    def _spoil_reads(self) -> None:
        """Let a few of the next reads fail, on one venue, in one way."""
        if self.chance.random() > 0.25:
            return
        kind = self.chance.choice(READ_FAULTS)
        venue, what = self.chance.choice(NAMES), self.chance.choice(READS)
        times = self.chance.randint(1, 3)
        self.box.faults.add(venue, what, kind, times=times)
        self.done[f"spoiled reads: {kind}"] += 1

    def _spoil_order(self, what: str) -> Fault | None:
        """Let the next order of a kind fail, now and then."""
        self.box.faults.active = [
            one for one in self.box.faults.active if one.times is None
        ]
        if self.chance.random() > 0.4:
            return None
        kind, param, before = self.chance.choice(ORDER_FAULTS)
        self.done[f"spoiled orders: {kind}"] += 1
        venue = self.chance.choice(("*", *NAMES))
        return self.box.faults.add(venue, what, kind, param=param, before=before)

    def _unspoil(self, fault: Fault | None) -> None:
        if fault is not None and fault in self.box.faults.active:
            self.box.faults.active.remove(fault)

    async def _drift(self, hour: int) -> None:
        """Move prices, and let a dead venue come back."""
        if hour // 6 != (hour - self.stride) // 6:
            for token in TOKENS:
                factor = self.prices.get(token, 1.0) * self.chance.uniform(0.98, 1.02)
                self.prices[token] = factor
                self.box.world.set_price_factor(token, factor, None)
        if self.down is not None and hour >= self.down[2]:
            self._unspoil(self.down[1])
            self.down = None

    async def _kill_venue(self, hour: int) -> None:
        if self.down is None:
            venue = self.chance.choice(NAMES)
            fault = self.box.faults.add(venue, "*", "status", times=None, param=502)
            self.down = venue, fault, hour + self.chance.randint(2, 7)
            self.done["venues down for hours"] += 1

    async def _restart(self, _hour: int) -> None:
        await self._off(timedelta(seconds=20))
        self.done["restarts"] += 1

    async def _away(self, _hour: int) -> None:
        await self._off(timedelta(hours=self.chance.randint(2, 5)))
        self.done["hours away"] += 1

    async def _off(self, gap: timedelta) -> None:
        ran = SteppedSchedule.newest.last
        await self.house.stop()
        self.house.clock.jump(gap)
        await self.house.start(waits=False)
        await self.settled()
        SteppedSchedule.newest.last = ran

    async def _deleverage(self, _hour: int) -> None:
        await self._take("adl", Decimal("0.4"))

    async def _liquidate(self, _hour: int) -> None:
        await self._take("liquidation", Decimal(1))

    async def _take(self, cause: str, share: Decimal) -> None:
        """Let a venue take a leg of a resting pair away."""
        for trade in await self.house.trades():
            if trade.state is TradeState.OPEN and not trade.needs_attention:
                leg = self.chance.choice(trade.legs)
                venue = leg.instrument.venue_id
                self.box.accounts.force(venue, trade.base, cause, share=share)
                self.done[cause] += 1
                for _ in range(4):
                    await self._to(self._now() + timedelta(seconds=30))
                return
        self.done[f"{cause}: nothing open"] += 1

    async def _interval(self, _hour: int) -> None:
        """Let Binance pay a held contract by another clock from now on."""
        for trade in await self.house.trades():
            for leg in trade.legs:
                if not trade.state.is_terminal and leg.instrument.venue_id == "binance":
                    self.box.world.set_interval(trade.base, "binance", 2)
                    self.done["intervals changed"] += 1
                    return

    # --- accounts ---------------------------------------------------------------------

    async def _entry(self, trade_id: str) -> LedgerEntry:
        found = [e for e in await self.entries() if e.trade.trade_id == trade_id]
        return found[0]

    async def _audit(self, plan: Plan) -> None:
        """Compare a pair that has ended, a while after its end."""
        plan.is_over = True
        assert plan.trade_id is not None
        await self._to(self._now() + timedelta(minutes=1))
        self._note(await self._entry(plan.trade_id))

    def _note(self, entry: LedgerEntry) -> None:
        outcome, found = problems_of(entry, self.box)
        self.outcomes[entry.trade.trade_id] = outcome
        self.problems += [f"{self._now():%m-%d %H:%M} {each}" for each in found]

    async def _end(self) -> None:
        """End all faults, let what is late arrive, and compare everything."""
        self.box.faults.clear()
        for _ in range(10):
            await self._to(self._now() + timedelta(minutes=2))
        entries = await self.entries()
        for entry in entries:
            self._note(entry)
        self.problems += wallets_off(entries, self.box)
        self.problems += naked([each.trade for each in entries], self.box)
        self.problems += await self._shown_off(entries)

    async def _shown_off(self, entries: Sequence[LedgerEntry]) -> list[str]:
        """Compare what /pnl adds up with the record it is made of."""
        report, found = await self.house.engine.books.pnl(None), []
        for entry in entries:
            trade_id = entry.trade.trade_id
            shown = report.trades[trade_id].booked.net_usd if entry.fills else None
            whole = self.outcomes[trade_id].booked.net_usd
            if shown is not None and shown != whole:
                found.append(f"{trade_id}: /pnl shows {shown}, booked {whole}")
        found += [
            f"{each.venue_id}: /pnl leaves {each.amount_usd} over"
            for each in report.residuals
            if abs(each.amount_usd) >= CENT
        ]
        found += [f"{each}: its wallet was not read" for each in report.silent]
        return found


def plans_of(days: int, pairs: int, chance: random.Random) -> list[Plan]:
    """Spread the pairs over the month: some stay whole, some end early, some late."""
    hours, found = days * 24, []
    for number, token in enumerate(chance.sample(TOKENS, pairs)):
        if number % 3 == 0:
            leave = None if number % 2 else hours - 1
            found.append(Plan(token, chance.randint(1, 5), leave))
            continue
        enter = chance.randint(1, hours // 2)
        leave = chance.randint(enter + hours // 5, hours - 1)
        halves = (enter + leave) // 2 if number % 3 == 1 else None
        found.append(Plan(token, enter, leave, halves))
    return found


@asynccontextmanager
async def open_month(
    folder: Path, days: int, pairs: int, seed: int, stride: int = 2
) -> AsyncIterator[Month]:
    """Open the house that the month is lived in."""

    def prepare(box: SandboxServer) -> None:
        box.reception.requests = deque(maxlen=10**6)

    settings: dict[str, Any] = {
        **LIVE,
        "mode": "live",
        "owner_ids": ANNA,
        "viewer_ids": "",
        "alert_spread_hourly": "0.0001",
        "tokens": ",".join(TOKENS),
        "max_open_trades": 20,
        "net_top_k": 5,
    }
    with roomy_minutes(), patch("bot.wiring.Schedule", SteppedSchedule):
        async with open_house(folder, prepare=prepare, **settings) as house:
            chance = random.Random(seed)
            plans = plans_of(days, pairs, chance)
            yield Month(house, days, plans, chance, stride)


@dataclass(frozen=True, slots=True)
class Played:
    """How a month went."""

    month: Month
    post: Post
    took_s: float

    def lines(self) -> list[str]:
        """Return everything worth reading."""
        month = self.month
        outcomes = month.outcomes.values()
        counts = ", ".join(f"{what} {n}" for what, n in sorted(month.done.items()))
        slow = (
            f"{name}: {len(all_)} runs, first 50 {_mean(all_[:50]):.0f} ms,"
            f" last 50 {_mean(all_[-50:]):.0f} ms"
            for name, all_ in month.ticks.items()
        )
        worst = max((abs(each.off_usd) for each in outcomes), default=Decimal(0))
        paid = sum(each.payments for each in outcomes)
        return [
            f"{month.days} days in {self.took_s:.0f} s; {counts}",
            *(f"refused {n} times: {why}" for why, n in month.refusals.most_common(9)),
            *slow,
            *(each.line() for each in outcomes),
            f"{len(outcomes)} pairs, {paid} payments, worst difference ${worst:.6f}",
            *self.post.lines(),
            *(f"WRONG {each}" for each in dict.fromkeys(month.problems)),
        ]


async def _perform(timer: Timer) -> None:
    await timer.work()


def _mean(all_: Sequence[float]) -> float:
    return sum(all_) / len(all_) * 1000 if all_ else 0.0


async def play(
    folder: Path, days: int, pairs: int, seed: int, stride: int = 2
) -> Played:
    """Live through a month."""
    began = time.perf_counter()
    async with open_month(folder, days, pairs, seed, stride) as month:
        await month.play()
        post = read_post(folder / "data" / "live.db", ANNA, days)
    return Played(month, post, time.perf_counter() - began)


def main(days: int = 30, pairs: int = 10, seed: int = 1) -> int:
    """Play one month, print it, and return the exit status."""
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        played = asyncio.run(play(Path(folder), days, pairs, seed))
    sys.stdout.write("\n".join(played.lines()) + "\n")
    return 1 if played.month.problems else 0


if __name__ == "__main__":
    sys.exit(main(*(int(each) for each in sys.argv[1:4])))
