"""From a tap to two filled legs: the whole bot on the pretend accounts, timed.

Everything is real but the venues, which answer after a fixed latency from a process of
their own, and the chat, which has none. The receipts of Lighter and Extended prove no
fill: their orders are looked up after it, which costs one more round trip.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from bot.access import Pace
from bot.settings import load_settings
from bot.wiring import running
from core.model.intent import IntentState
from core.model.trade import TradeState
from core.venues.http import VenueSession
from core.venues.pacing import RequestBudget
from sandbox.app import PRETEND_TOKEN
from sandbox.child import child_environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import aiohttp
    import yarl

    from bot.wiring import Running
    from core.venues.http import Answer, Watch

OWNER = 1001
COIN = "SOL"
FLAT, LEAN = "0.0000125", "0.0004"
PAIRS = (
    ("lighter", "hyperliquid", 1),
    ("binance", "hyperliquid", 3),
    ("hyperliquid", "binance", 3),
    ("extended", "binance", 3),
)
"""Which is long, which is short, and how often; on Lighter sixty requests a minute are
soon used up, and then that would be what is measured."""
PATIENCE_S = 20.0
LOOK_EVERY_S = 0.003


@dataclass(frozen=True, slots=True)
class Sent:
    """One request of the bot to a venue."""

    venue: str
    path: str
    began: float
    ended: float
    is_order: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry, in seconds since the tap."""

    first_read: float
    last_read: float
    """End of the last read before the first order."""
    reads: int
    first_order: float
    second_order: float
    hedged: float
    """The second leg's fill is proven."""


@contextmanager
def _requests() -> Iterator[list[Sent]]:
    """Give every request to a venue, as it ends."""
    noted: list[Sent] = []
    original = VenueSession.send

    async def timed(
        self: VenueSession,
        method: str,
        target: yarl.URL,
        options: Mapping[str, object],
        watch: Watch | None = None,
    ) -> Answer:
        began = time.perf_counter()
        try:
            return await original(self, method, target, options, watch)
        finally:
            ended, venue = time.perf_counter(), self._entry.venue_id
            is_order = watch is not None and method == "POST"
            noted.append(Sent(venue, target.path, began, ended, is_order))

    VenueSession.send = timed  # type: ignore[method-assign]  # put back below
    try:
        yield noted
    finally:
        VenueSession.send = original  # type: ignore[method-assign]  # as it was


class _Person:
    """The owner, in a chat of another process."""

    def __init__(self, session: aiohttp.ClientSession, url: str, bot: Running) -> None:
        self._session, self._url, self._bot = session, f"{url}/__control", bot
        self._newest = 0

    async def control(self, path: str, **given: Any) -> Any:  # noqa: ANN401 - JSON
        """Pull a lever of the pretend world."""
        address = f"{self._url}/{path}"
        async with self._session.post(address, json=given) as answer:
            answer.raise_for_status()
            return await answer.json()

    async def ask(self, text: str, contains: str) -> int:
        """Type something; return the id of the answer that holds these words."""
        self._bot.frontend._pace = Pace()
        await self.control("telegram/say", user_id=OWNER, text=text)
        address, words = f"{self._url}/telegram/wait", {"chat_id": str(OWNER)}
        words |= {"contains": contains, "timeout_s": "10", "after": str(self._newest)}
        async with self._session.get(address, params=words) as answer:
            answer.raise_for_status()
            self._newest = int((await answer.json())["id"])
        return self._newest

    async def tap(self, message: int, label: str) -> float:
        """Tap a button; return the moment."""
        self._bot.frontend._pace = Pace()
        given = {"user_id": OWNER, "chat_id": OWNER, "message_id": message}
        moment = time.perf_counter()
        await self.control("telegram/tap", **given, label=label, timeout_s=0)
        return moment

    async def lean(self, long: str, short: str) -> None:
        """Make one pair the best."""
        rates = {long: f"-{LEAN}", short: LEAN}
        for venue in ("binance", "hyperliquid", "lighter", "extended"):
            hourly = rates.get(venue, FLAT)
            await self.control("rate", token=COIN, venue=venue, hourly=hourly)


async def _hedged(bot: Running) -> float:
    """Return the moment at which the record holds the second leg's fill."""
    journal: Any = bot.engine._parts.trades
    async with asyncio.timeout(PATIENCE_S):
        while True:
            for trade in await journal.trades_in_progress():
                orders = await journal.intents_of(trade.trade_id)
                filled = [one for one in orders if one.state is IntentState.FILLED]
                if any(one.leg == 2 for one in filled):
                    return time.perf_counter()
            await asyncio.sleep(LOOK_EVERY_S)


async def _until(bot: Running, state: TradeState) -> float:
    """Return the moment at which the newest trade is in a state."""
    trades = bot.engine._parts.trades
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = await trades.recent_trades(1)
            if found and found[0].state is state:
                return time.perf_counter()
            await asyncio.sleep(LOOK_EVERY_S)


async def _enter(bot: Running, person: _Person, noted: list[Sent]) -> Entry:
    await bot.engine.scan_if_idle()
    card = await person.ask(f"/open {COIN}", f"Open {COIN}?")
    noted.clear()
    tapped = await person.tap(card, "Open $")
    hedged = await _hedged(bot)
    await _until(bot, TradeState.OPEN)
    orders = sorted(each.began for each in noted if each.is_order)
    reads = [each for each in noted if not each.is_order and each.ended <= orders[0]]
    entry = Entry(
        first_read=min(each.began for each in reads) - tapped,
        last_read=max(each.ended for each in reads) - tapped,
        reads=len(reads),
        first_order=orders[0] - tapped,
        second_order=orders[1] - tapped,
        hedged=hedged - tapped,
    )
    card = await person.ask(f"/close {COIN}", f"Close {COIN}?")
    await person.tap(card, "Close both")
    await _until(bot, TradeState.CLOSED)
    return entry


async def measure_entries(
    session: aiohttp.ClientSession, url: str, latency_ms: int
) -> list[str]:
    """Enter some pairs and return what to print."""
    lines = []
    # a dozen pairs in a minute are more than any venue's limit; here only time counts
    roomy = patch.object(RequestBudget, "_limit", lambda *_: float("inf"))
    with roomy, tempfile.TemporaryDirectory() as folder, _requests() as noted:
        environ = child_environment(
            {"CARRY_SCAN_INTERVAL_S": "3600", "CARRY_MAX_ENTRIES_PER_HOUR": "1000"},
            url=url,
            token=PRETEND_TOKEN,
            data_dir=Path(folder) / "data",
            live=True,
        )
        async with running(load_settings(environ)) as bot:
            person = _Person(session, url, bot)
            await person.control("telegram/start", user_id=OWNER)
            await person.control("telegram/flood", is_on=False)
            await person.control("accounts/clock", mode="any")
            for long, short, rounds in PAIRS:
                await person.lean(long, short)
                await _enter(bot, person, noted)  # warms connections up
                found = [await _enter(bot, person, noted) for _ in range(rounds)]
                lines.append(_line(f"{long}/{short}", found, latency_ms))
    return lines


def _line(name: str, entries: list[Entry], latency_ms: int) -> str:
    def middle(attribute: str) -> float:
        seconds = [float(getattr(each, attribute)) for each in entries]
        return statistics.median(seconds) * 1000

    def told(ms: float) -> str:
        return f"{ms:.0f} ms ({ms / latency_ms:.1f} RTT)"

    begun = middle("first_read")
    reads = middle("last_read") - begun
    after = middle("hedged") - middle("last_read")
    first, goal = middle("first_order"), latency_ms + 100
    after_goal = 2 * latency_ms + 150
    return (
        f"entry {name}: {entries[0].reads} reads at once in {told(reads)}"
        f" begun {begun:.0f} ms after the tap;"
        f" tap to first order {told(first)}, goal <= {goal} ms{_missed(first, goal)};"
        f" reads to hedged {told(after)}, goal <= {after_goal} ms"
        f"{_missed(after, after_goal)}"
    )


def _missed(took: float, goal: float) -> str:
    return " MISSED" if took > goal else ""
