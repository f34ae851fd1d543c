"""The whole bot and the whole pretend world in one process, and what people do there.

The bot is put together by its own wiring and speaks HTTP to the sandbox through the
real ccxt and python-telegram-bot; its files lie in a folder of the test. Its clock
shows the sandbox's pretend time, which stands still until a test lets it pass.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bot.access import Pace
from bot.settings import load_settings
from bot.wiring import running
from core.model.units import Base, Mode
from sandbox.app import SandboxServer
from sandbox.clock import SandboxClock

BOOKS = {
    "binance": "depth",
    "extended": "orderbook",
    "hyperliquid": "l2Book",
    "lighter": "orderBookOrders",
}
"""What a venue calls the request for an order book."""
FLAT = Decimal("0.0000125")
"""The hourly rate of a token that nobody leans on."""

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from bot.settings import Settings
    from bot.wiring import Running
    from core.engine import Engine
    from core.model.opportunity import Opportunity, ScanResult
    from core.model.trade import Trade
    from core.model.units import VenueId
    from core.venues.paper import PaperVenue
    from sandbox.telegram import TelegramStandIn
    from sandbox.telegram.model import ChatMessage
    from sandbox.telegram.stand_in import Tap

ANNA, BEN, VERA, STRANGER = 1001, 1003, 1002, 1666
"""Two owners, a viewer and somebody nobody knows."""
START_MS = 1795384333000  # 2026-11-22 21:52:13 UTC
HASTE = 5
"""Short waits take a fifth of their time."""
SHORT = timedelta(seconds=2)
PATIENCE_S = 10.0


class HouseClock:
    """The bot's clock over the sandbox's pretend time.

    Waits up to `SHORT` end by themselves, faster; longer ones (the end of a
    quote, watchdogs, repairs) end when pretend time has passed.
    """

    def __init__(self, pretend: SandboxClock) -> None:
        self._pretend = pretend
        self._begun = time.monotonic()
        self._jumped_s = 0.0
        self._haste = HASTE
        self._jump = asyncio.Event()
        self.asleep: list[asyncio.Task[object] | None] = []
        """Tasks that wait for pretend time to pass."""

    def now(self) -> datetime:
        """Return the pretend moment."""
        return datetime.fromtimestamp(self._pretend.now_ms() / 1000, UTC)

    def monotonic(self) -> float:
        """Return seconds that pass in haste and jump with pretend time."""
        return (time.monotonic() - self._begun) * self._haste + self._jumped_s

    def hurry(self, haste: int) -> None:
        """Let waits end so many times faster from now on.

        An order's deadlines shrink alike: a crowded test must leave them time.
        """
        self._jumped_s, self._begun = self.monotonic(), time.monotonic()
        self._haste = haste

    async def sleep(self, duration: timedelta) -> None:
        """Wait."""
        if duration <= SHORT:
            await asyncio.sleep(max(0.0, duration.total_seconds() / self._haste))
            return
        until, task = self.now() + duration, asyncio.current_task()
        self.asleep.append(task)
        try:
            while self.now() < until:
                await self._jump.wait()
        finally:
            self.asleep.remove(task)

    def jump(self, duration: timedelta) -> None:
        """Let pretend time pass at once."""
        ms = duration // timedelta(milliseconds=1)
        self._pretend.set_ms(self._pretend.now_ms() + ms)
        self._jumped_s += duration.total_seconds()
        self._jump.set()
        self._jump = asyncio.Event()


@dataclass
class House:
    """A sandbox, a bot on it, and the people who use it."""

    box: SandboxServer
    clock: HouseClock
    settings: Settings
    allowed: list[str] = field(default_factory=list)
    """Parts of refusals that the test provokes on purpose."""
    _open: AbstractAsyncContextManager[Running] | None = None
    _bot: Running | None = None

    # --- the bot ----------------------------------------------------------------------

    async def start(self, *, waits: bool = True) -> None:
        """Start the bot; wait until it has looked at the market and at its trades.

        Without `waits` the trades may still be looked at.
        """
        self._open = running(self.settings, clock=self.clock)
        self._bot = await self._open.__aenter__()
        front, engine = self._bot.frontend, self._bot.engine
        await self.until(lambda: front.app.running and engine.latest_scan())
        await (self.rest() if waits else self.settle())
        self.clock.jump(timedelta(seconds=1))

    async def stop(self) -> None:
        """End the bot in order."""
        opened, self._open, self._bot = self._open, None, None
        if opened is not None:
            await opened.__aexit__(None, None, None)

    async def restart(self, *, waits: bool = True) -> None:
        """End the bot and start it again on the same files."""
        await self.stop()
        self.clock.jump(timedelta(seconds=1))
        await self.start(waits=waits)

    @property
    def bot(self) -> Running:
        """Return the running bot."""
        assert self._bot is not None, "the bot is not running"
        return self._bot

    @property
    def engine(self) -> Engine:
        """Return the running bot's engine."""
        return self.bot.engine

    @property
    def accounts(self) -> Mapping[VenueId, PaperVenue]:
        """Return the pretend accounts."""
        return self.engine._parts.accounts  # type: ignore[return-value]  # paper mode

    @property
    def telegram(self) -> TelegramStandIn:
        """Return the pretend Telegram."""
        return self.box.telegram

    # --- time -------------------------------------------------------------------------

    async def until(self, holds: Callable[[], object], why: str = "") -> None:
        """Wait until something holds.

        Raises:
            AssertionError: it never did.
        """
        end = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < end, f"never: {why or holds}"
            await asyncio.sleep(0.003)

    async def settle(self) -> None:
        """Wait until every update is taken and every handler is done."""
        await self.until(self._has_heard, "updates are still being handled")

    async def rest(self) -> None:
        """Wait until nothing is under way any more: handlers, trades, messages."""
        await self._quiet(is_over=True)

    async def quiet(self) -> None:
        """Wait until all that is under way waits for pretend time to pass."""
        await self._quiet(is_over=False)

    async def _quiet(self, *, is_over: bool) -> None:
        end = time.monotonic() + PATIENCE_S
        while not await self._is_quiet(is_over=is_over):
            assert time.monotonic() < end, f"never at rest: {self._doing()}"
            await asyncio.sleep(0.01)

    async def _is_quiet(self, *, is_over: bool) -> bool:
        asleep = set() if is_over else set(self.clock.asleep)
        if not self._has_heard() or self.engine._parts.nursery._tasks - asleep:
            return False
        waiting, _ = await self.engine._parts.outbox.depth()
        return not waiting and self.is_post_out and self._has_heard()

    @property
    def is_post_out(self) -> bool:
        """Tell whether no message is just being sent."""
        return not any(each.is_busy for each in self.bot.courier._chats.values())

    def _has_heard(self) -> bool:
        front = self.bot.frontend
        return (
            not self.telegram.memory.updates.pending
            and front.app.update_queue.empty()
            and not front.app.update_processor.current_concurrent_updates
            and not self._handlers()
        )

    def _handlers(self) -> list[str]:
        """Name what the chat side is busy with, its endless poll apart."""
        handlers: Any = self.bot.frontend._tasks
        names = (task.get_name() for task in handlers._tasks)
        return [name for name in names if name != "telegram polling"]

    def _doing(self) -> str:
        """Name what is still under way."""
        names = (task.get_name() for task in self.engine._parts.nursery._tasks)
        updates = len(self.telegram.memory.updates.pending)
        return f"{[*self._handlers(), *names]}, {updates} updates"

    async def pass_time(self, duration: timedelta) -> None:
        """Let pretend time pass; polling Telegram went on all the while."""
        self.clock.jump(duration)
        poller = self.bot.frontend.poller
        poller.finished_at = self.clock.monotonic()
        await asyncio.sleep(0)

    async def wake_until(self, holds: Callable[[], object]) -> None:
        """Let time pass in steps of five seconds until something holds.

        Raises:
            AssertionError: it never did within ten minutes.
        """
        for _ in range(120):
            if holds():
                return
            await self.pass_time(timedelta(seconds=5))
            await self.quiet()
        message = f"never: {[one.text for one in self.cards()[-3:]]}"
        raise AssertionError(message)

    async def scan(self) -> ScanResult:
        """Scan as the timer does, pushes included."""
        await self.engine.scan_if_idle()
        await self.rest()
        return self.ranking

    async def hold(self) -> None:
        """Pay and book funding and check positions as the timer does."""
        for account in self.accounts.values():
            if self.settings.mode is Mode.PAPER:
                await account.settle_funding()
        await self.engine.hold_tick()
        await self.rest()

    # --- people -----------------------------------------------------------------------

    def breathe(self) -> None:
        """Forget how fast people were."""
        self.bot.frontend._pace = Pace()

    async def say(self, text: str, user: int = ANNA, **more: Any) -> ChatMessage:  # noqa: ANN401 - passed on
        """Type something and return the bot's answer."""
        self.breathe()
        before = self.newest_id(user)
        self.telegram.say(user, text, **more)
        await self.settle()
        found = self.card(user)
        assert found.id > before, f"no answer to {text!r}"
        return found

    async def tap(
        self, label: str, card: ChatMessage | None = None, user: int = ANNA
    ) -> str:
        """Tap a button of the newest card and return the toast."""
        self.breathe()
        message = card or self.card(user)
        tap = self.telegram.tap(user, message.chat_id, message.id, label=label)
        answer = await tap.answer()
        await self.settle()
        return answer.text

    async def press(self, data: str, card: ChatMessage, user: int = ANNA) -> str:
        """Tap a button that is not there (any more), by its data."""
        self.breathe()
        tap = self.telegram.tap(user, user, card.id, data=data)
        answer = await tap.answer()
        await self.settle()
        return answer.text

    def forgive(self, tap: Tap) -> None:
        """Accept that a tap which Telegram brought again was answered again."""
        del tap.query.answers[1:]
        self.allowed.append("query ID is invalid")

    def card(self, user: int = ANNA) -> ChatMessage:
        """Return the newest message of the bot."""
        return self.telegram.newest(user)

    def cards(self, user: int = ANNA) -> list[ChatMessage]:
        """Return all messages of the bot, oldest first."""
        return [one for one in self.telegram.messages(user) if one.is_from_bot]

    def newest_id(self, user: int = ANNA) -> int:
        """Return the id of a chat's newest message, 0 for an empty chat."""
        return max((one.id for one in self.telegram.messages(user)), default=0)

    async def quote(self, words: str, pair: str = "") -> ChatMessage:
        """Return the confirm card of a token's best pair, or of one such as BN>HL."""
        if not pair:
            return await self.say(f"/open {words}")
        await self.tap(f"Open {pair}…", await self.say(f"/matrix {words}"))
        return self.card()

    async def enter(self, words: str, pair: str = "") -> ChatMessage:
        """Quote a pair, confirm, and return the card of the outcome."""
        card = await self.quote(words, pair)
        await self.tap("Open $", card)
        await self.rest()
        return card

    async def leave(self, words: str = "") -> ChatMessage:
        """Close a pair and return the card of the outcome."""
        card = await self.say(f"/close {words}".strip())
        await self.tap("Close both", card)
        await self.rest()
        return card

    def spoil_books(self, venue: str, *, after: int) -> None:
        """Let a venue show so many more order books, then none."""
        self.box.faults.add(
            venue, BOOKS[venue], "status", times=None, after=after, param=502
        )

    # --- what is true -----------------------------------------------------------------

    @property
    def ranking(self) -> ScanResult:
        """Return the last scan."""
        result = self.engine.latest_scan()
        assert result is not None
        return result

    def ranked(self, base: str) -> Opportunity | None:
        """Return a token's place in the last ranking."""
        found = [one for one in self.ranking.opportunities if one.base == Base(base)]
        return found[0] if found else None

    def truth(self, base: str) -> dict[str, Any]:
        """Return what the sandbox knows of a token."""
        return dict(self.box.control.truth()["tokens"][base])

    async def trades(self) -> list[Trade]:
        """Return every trade ever confirmed, newest first."""
        return list(await self.engine._parts.trades.recent_trades(1000))

    def only_tokens(self, *names: str) -> None:
        """Flatten every spread but these tokens', so that little is worth a word."""
        for base, facts in self.box.control.truth()["tokens"].items():
            if base not in names:
                for venue in facts["venues"]:
                    self.box.world.set_rate(base, venue, FLAT)


@asynccontextmanager
async def open_house(
    folder: Path,
    *,
    at_ms: int = START_MS,
    prepare: Callable[[SandboxServer], None] | None = None,
    extra_tokens: int = 0,
    **settings: object,
) -> AsyncIterator[House]:
    """Open a sandbox and a bot on it; what the bot ever sent is checked at the end.

    Args:
        folder: where the bot keeps its files.
        at_ms: the moment the story begins.
        prepare: changes the sandbox before the bot sees it.
        extra_tokens: made-up tokens on all venues.
        settings: names and values without prefix, over those every test uses.
    """
    still = SandboxClock(fixed_ms=at_ms)
    async with SandboxServer(still, extra_tokens=extra_tokens) as box:
        if prepare is not None:
            prepare(box)
        box.telegram.flood_control = False
        box.telegram.add_user(BEN, "Ben", "owner")
        for user in (ANNA, BEN, VERA):
            box.telegram.start_chat(user)
        environ = environment(box, folder) | {
            f"CARRY_{name.upper()}": str(value) for name, value in settings.items()
        }
        house = House(box, HouseClock(still), load_settings(environ))
        try:
            await house.start()
            yield house
        finally:
            await house.stop()
        box.telegram.assert_clean(allow=house.allowed)
        firsts = [
            one.text.splitlines()[0] for one in box.telegram.memory.renders if one.rows
        ]
        badge = "🏖 SANDBOX" if house.settings.mode is Mode.LIVE else "🧪 PAPER"
        unmarked = {first for first in firsts if badge not in first}
        assert not unmarked, f"every card with buttons says at once that it is {badge}"


def environment(box: SandboxServer, folder: Path) -> dict[str, str]:
    """Return the settings of a bot that lives on a sandbox."""
    return {
        "CARRY_ENV_FILE": "",
        "CARRY_TELEGRAM_TOKEN": box.token,
        "CARRY_TELEGRAM_API_URL": box.telegram_url,
        "CARRY_OWNER_IDS": f"{ANNA},{BEN}",
        "CARRY_VIEWER_IDS": str(VERA),
        "CARRY_DATA_DIR": str(folder / "data"),
        # Most stories are about one token or two: pricing and proving all takes time.
        "CARRY_NET_TOP_K": "4",
        "CARRY_UNIT_PROOF_REQUESTS": "20",
        # Nobody is told of spreads unless the test is about that.
        "CARRY_ALERT_SPREAD_HOURLY": "0.01",
        **{
            f"CARRY_{venue.upper()}_URL": box.venue_url(venue)
            for venue in ("binance", "hyperliquid", "lighter", "extended")
        },
    }


@asynccontextmanager
async def not_hedged(house: House) -> AsyncIterator[ChatMessage]:
    """Enter SUI so that leg 1 fills, leg 2 cannot follow and leg 1 cannot go back.

    Leg 1 shows its book twice more (last checks, its fill), leg 2 once (last checks).
    At the end the books are back and the excess is sold.
    """
    card = await house.quote("SUI", "BN>HL")
    house.spoil_books("binance", after=2)
    house.spoil_books("hyperliquid", after=1)
    await house.tap("Open $", card)
    await house.quiet()
    await house.wake_until(lambda: find(house, "NOT HEDGED"))
    yield card
    house.box.faults.clear()
    await house.wake_until(lambda: find(house, "SUI not opened"))
    await house.rest()


def find(house: House, words: str, user: int = ANNA) -> list[ChatMessage]:
    """Return the messages that hold these words."""
    return [one for one in house.cards(user) if words in one.text]
