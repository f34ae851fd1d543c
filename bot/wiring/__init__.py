"""Put the parts together: everything from `Settings`, in the order it is needed."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from bot.access import People
from bot.application.frontend import Frontend, open_application
from bot.application.replies import Replies
from bot.checkup.guard import Guard
from bot.handlers.desk import Desk
from bot.heartbeat import Heartbeat
from bot.messenger import Messenger, open_bot
from bot.outbox import Courier
from bot.schedule import Schedule, Timer
from bot.wiring.daily import daily_report
from bot.wiring.engine import (
    NotReadyError,
    admitted,
    look_at_accounts,
    open_engine,
    open_ground,
)
from bot.wiring.looking import booked, check_all, explaining, replaying, scanning
from bot.wiring.record import (
    clean,
    disk_watch,
    own_up,
    put_back,
    save_record,
)
from core.errors import StorageError
from core.limits import PAUSE_KEY
from core.runtime import Nursery, RandomIds, SystemClock
from storage.card_store import SqliteCardStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from bot.settings import Settings
    from bot.wiring.engine import (
        Accounts,
        Ground,
    )
    from core.engine import Engine
    from core.model.units import VenueId
    from core.ports import Clock, Ids
    from core.venues.paper import PaperVenue

__all__ = [
    "NotReadyError",
    "Running",
    "booked",
    "check_all",
    "explaining",
    "put_back",
    "replaying",
    "running",
    "save_record",
    "scanning",
]

log = logging.getLogger(__name__)

LISTS_EVERY = timedelta(hours=6)
PAST_EVERY = timedelta(minutes=1)
"""A few contracts' settled payments are asked for this often."""
HOLD_EVERY = timedelta(seconds=30)
"""Funding is booked and open pairs are compared with the venues this often."""
RING_EVERY = timedelta(seconds=10)
"""How late a critical message can be told again."""
REPORT_EVERY = timedelta(minutes=1)
"""It is looked so often whether somebody's daily report is due."""
CLEAN_EVERY = timedelta(days=1)
CHECK_EVERY = timedelta(hours=1)
"""Keys, clocks and position modes of live accounts are looked at this often."""
LAST_WORDS = timedelta(seconds=1)
"""How long replies under way may take when the bot stops."""


@dataclass(frozen=True, slots=True)
class Running:
    """A bot at work."""

    engine: Engine
    frontend: Frontend
    courier: Courier


# --- the bot --------------------------------------------------------------------------


@asynccontextmanager
async def running(
    settings: Settings, *, clock: Clock | None = None, ids: Ids | None = None
) -> AsyncIterator[Running]:
    """Run the bot; leaving the block ends it in order, within ten seconds.

    Raises:
        StorageError: the data folder cannot be used, for one because a bot runs on it.
        NotReadyError: live, and the check found an error while nothing is open.
    """
    async with AsyncExitStack() as stack:
        ground = await open_ground(
            settings, clock or SystemClock(), ids or RandomIds(), stack
        )
        await own_up(ground)
        engine, accounts = await open_engine(ground)
        loops, handlers = Nursery(), Nursery()
        desk = Desk(
            engine=engine,
            cards=SqliteCardStore(ground.database),
            clock=ground.clock,
            ids=ground.ids,
        )
        chat = await _chat(ground, desk, loops, handlers)
        frontend = chat.frontend
        guard = _guard(ground, accounts)
        timers = _timers(ground, engine, accounts, desk)
        keys = Timer("keys", CHECK_EVERY, guard.watch)
        schedule = Schedule((*timers, keys) if accounts.live else timers, tasks=loops)

        # Ends in the opposite order: no new work, the running work, the last words.
        stack.push_async_callback(frontend.close)
        stack.push_async_callback(loops.cancel)
        stack.push_async_callback(engine.stop)
        stack.push_async_callback(_finish, handlers)
        stack.push_async_callback(frontend.stop_listening)
        stack.callback(schedule.stop)

        await guard.apply(await admitted(ground, accounts))
        log.info("carrybot starts mode=%s", settings.mode.value)
        await engine.start()
        _start_chat(chat, loops)
        loops.start(disk_watch(ground, desk, chat.messenger).run(), name="disk")
        loops.start(_first_hold(accounts.paper, engine), name="first hold")
        if accounts.live:
            loops.start(guard.watch(), name="first look at keys")
        schedule.start()
        yield Running(engine, frontend, chat.courier)
        log.info("carrybot stops")


@dataclass(frozen=True, slots=True)
class _Chat:
    """What speaks with people."""

    frontend: Frontend
    messenger: Messenger
    courier: Courier
    heartbeat: Heartbeat


async def _chat(ground: Ground, desk: Desk, loops: Nursery, handlers: Nursery) -> _Chat:
    token = ground.settings.telegram_token.get_secret_value()
    bot = open_bot(token, ground.settings.bot_api_base)
    messenger = Messenger(bot, cards=desk.cards, clock=ground.clock)
    courier = Courier(
        outbox=ground.outbox,
        messenger=messenger,
        look=lambda user_id: desk.look(reader=user_id),
        reader=desk.engine.preferences.reader,
        clock=ground.clock,
        tasks=loops,
    )
    heartbeat = Heartbeat(
        halts=ground.journal,
        outbox=ground.outbox,
        clock=ground.clock,
        pause_key=PAUSE_KEY,
    )
    frontend = Frontend(
        app=await open_application(bot),
        desk=desk,
        messenger=messenger,
        replies=Replies(
            desk=desk, messenger=messenger, plans=ground.journal, tasks=loops
        ),
        people=People(
            frozenset(ground.settings.owners), frozenset(ground.settings.viewers)
        ),
        tasks=handlers,
        heard=courier.heard_from,
        on_conflict=heartbeat.conflict,
    )
    return _Chat(frontend, messenger, courier, heartbeat)


def _start_chat(chat: _Chat, loops: Nursery) -> None:
    loops.start(chat.courier.run(), name="outbox")
    loops.start(chat.heartbeat.run(chat.frontend.poller), name="heartbeat")
    connecting = loops.start(chat.frontend.connect(), name="connect")
    chat.frontend.connecting = connecting


def _guard(ground: Ground, accounts: Accounts) -> Guard:
    return Guard(
        examine=partial(look_at_accounts, ground, accounts),
        halts=ground.journal,
        clock=ground.clock,
    )


async def _finish(handlers: Nursery) -> None:
    await handlers.drain(LAST_WORDS)
    await handlers.cancel()


# --- timers ---------------------------------------------------------------------------


def _timers(
    ground: Ground, engine: Engine, accounts: Accounts, desk: Desk
) -> tuple[Timer, ...]:
    return (
        Timer("scan", ground.settings.scan_interval, engine.scan_if_idle),
        Timer("lists", LISTS_EVERY, engine.refresh_availability),
        Timer("past", PAST_EVERY, engine.read_past),
        Timer("hold", HOLD_EVERY, partial(_hold, accounts.paper, engine)),
        Timer("clean", CLEAN_EVERY, partial(clean, ground, desk)),
        Timer("alarms", RING_EVERY, engine.ring_alarms),
        Timer("report", REPORT_EVERY, daily_report(ground, engine).tick),
    )


async def _first_hold(accounts: Mapping[VenueId, PaperVenue], engine: Engine) -> None:
    """Hold once rates are known: pretend accounts pay what fell due while away."""
    await engine.looked()
    await _hold(accounts, engine)


async def _hold(accounts: Mapping[VenueId, PaperVenue], engine: Engine) -> None:
    """Pay funding on the pretend accounts, then book it and look after open pairs."""
    for venue_id, account in accounts.items():
        try:
            await account.settle_funding()
        except StorageError:
            log.exception("funding not settled venue=%s", venue_id)
    await engine.hold_tick()
