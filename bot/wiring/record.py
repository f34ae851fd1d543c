"""Look after the trading record: its disk, its copies, its old rows, its loss."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from bot.cards.disk import dead_disk_card
from bot.messenger import Sent
from bot.wiring.held import name_the_missing
from core.disk import DiskWatch
from core.errors import StorageError
from core.model.alert import Alert, AlertKind, AlertLevel
from core.model.control import GLOBAL_SCOPE, HALT_KEY, Event, Halt, TradingState
from core.model.units import UserId
from core.runtime import SystemClock
from storage import backups
from storage.disk import DataDisk

if TYPE_CHECKING:
    from pathlib import Path

    from bot.handlers.desk import Desk
    from bot.messenger import Messenger
    from bot.settings import Settings
    from bot.wiring.engine import Ground
    from core.model.disk import WriteTrouble
    from core.model.trade import Trade
    from storage.backups import Restored

log = logging.getLogger(__name__)

SCREENS_LAST: Final = timedelta(days=2)
MESSAGES_LAST: Final = timedelta(days=30)
"""Messages that were sent or given up are kept so long."""
LOST: Final = "the trading record was damaged and set aside"


def record_path(settings: Settings) -> Path:
    """Return where the trading record of this mode is."""
    return settings.data_dir / f"{settings.mode.value}.db"


# --- copies ---------------------------------------------------------------------------


async def save_record(settings: Settings, target: Path) -> Path:
    """Copy the record, be the bot running or not; return the copy.

    Raises:
        StorageError: why there is none.
    """
    now = SystemClock().now()
    return await asyncio.to_thread(backups.back_up, record_path(settings), target, now)


async def put_back(settings: Settings, backup: Path) -> Restored:
    """Put a copy in the record's place while no bot runs.

    Raises:
        StorageError: why it was not done; nothing was changed.
    """
    now = SystemClock().now()
    return await asyncio.to_thread(backups.restore, record_path(settings), backup, now)


# --- while running --------------------------------------------------------------------


def disk_watch(ground: Ground, desk: Desk, messenger: Messenger) -> DiskWatch:
    """Return what turns entries off on a full disk, and cries when nothing helps."""
    return DiskWatch(
        disk=DataDisk(ground.database, ground.settings.data_dir, ground.ballast),
        halts=ground.journal,
        outbox=ground.outbox,
        clock=ground.clock,
        cry=partial(_cry, ground, desk, messenger),
    )


async def _cry(
    ground: Ground, desk: Desk, messenger: Messenger, trouble: WriteTrouble
) -> bool:
    """Tell owners past the outbox, which is on the same disk, what they hold."""
    trades: tuple[Trade, ...] | None
    try:
        trades = await ground.journal.trades_in_progress()
    except StorageError:
        trades = None
    card = dead_disk_card(desk.look(), trouble.detail, trades)
    told = [
        await messenger.send(card, chat_id=chat_id, user_id=UserId(chat_id))
        for chat_id in ground.settings.owner_chats
    ]
    return any(isinstance(each, Sent) for each in told)


async def clean(ground: Ground, desk: Desk) -> None:
    """Forget screens and messages that nobody needs any more (timer)."""
    now = ground.clock.now()
    screens = await desk.cards.forget_screens(now - SCREENS_LAST)
    messages = await ground.outbox.forget(now - MESSAGES_LAST)
    log.info("forgotten screens=%d messages=%d", screens, messages)


async def own_up(ground: Ground) -> None:
    """Say what this start cannot know: pairs of a lost record, venues out of reach."""
    await name_the_missing(ground)
    await _halt_without_record(ground)


async def _halt_without_record(ground: Ground) -> None:
    """Halt a start without the record that was there before, until a person looked."""
    lost = ground.database.lost
    if lost is None:
        return
    now = ground.clock.now()
    log.critical("the record is lost, set aside as %s", lost.name)
    halt = Halt(GLOBAL_SCOPE, HALT_KEY, TradingState.HALTED, LOST, now)
    await ground.journal.set_halt(halt, Event(now, "engine", "halted everything", LOST))
    await ground.outbox.put(
        Alert(
            kind=AlertKind.DISK,
            level=AlertLevel.CRITICAL,
            dedupe_key=f"disk:lost:{lost.name}",
            facts={"state": "lost", "reason": LOST, "file": lost.name},
            created_at=now,
        )
    )
