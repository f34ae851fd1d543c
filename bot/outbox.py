"""Deliver stored alerts: by class, in order, at a chat's pace, until they are out.

Each chat has at most one message on its way, so that one hanging chat holds up nobody
else, and nothing here ever holds up an order.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from bot.cards.alert import alert_card
from bot.cards.digest import bare_card, missed_card, morning_card
from bot.messenger import Blocked, NoAnswer, Refused, Sent, TooFast
from core.model.alert import AlertLevel
from core.model.preferences import Manner
from core.model.units import UserId

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from bot.cards.card import Card
    from bot.cards.look import Look
    from bot.messenger import Delivery, Messenger
    from core.model.alert import Alert, OutboxItem
    from core.model.preferences import Reader
    from core.model.units import ChatId
    from core.ports import Clock, Outbox, Tasks

log = logging.getLogger(__name__)

ROUND: Final = timedelta(seconds=0.25)
RETRIES: Final = tuple(timedelta(seconds=s) for s in (1, 2, 5, 10, 30))
PARKED: Final = timedelta(hours=1)
"""How long a chat that blocked the bot is left alone; a word from it ends this."""
OUTAGE: Final = timedelta(seconds=60)
"""After this long without an answer the waiting news goes out as one summary."""
MORNINGS: Final = timedelta(seconds=15)
"""How often it is looked whether somebody's quiet hours are over."""
SUMMARY_FROM: Final = 3
_BATCH: Final = 200
_REFUSED_LIMIT: Final = 3


@dataclass(slots=True)
class _Chat:
    """What the courier knows of one chat; lost at a restart without harm."""

    is_busy: bool = False
    is_blocked: bool = False
    failing_since: datetime | None = None
    back_at: datetime | None = None
    """When an outage ended whose news has not been summed up yet."""
    away: timedelta = timedelta(0)
    """How long that outage was."""

    def works(self, now: datetime) -> None:
        """Note that a message got through."""
        since, self.failing_since = self.failing_since, None
        if since is not None and now - since >= OUTAGE:
            self.back_at, self.away = now, now - since

    def is_after_outage(self, now: datetime) -> bool:
        """Tell whether the first words after an outage are still to be said."""
        since = self.failing_since
        return self.back_at is not None or (since is not None and now - since >= OUTAGE)


class Courier:
    """Takes what is due out of the outbox and brings it to its chats."""

    def __init__(
        self,
        *,
        outbox: Outbox,
        messenger: Messenger,
        look: Callable[[UserId], Look],
        reader: Callable[[UserId], Reader],
        clock: Clock,
        tasks: Tasks,
    ) -> None:
        self._outbox, self._messenger = outbox, messenger
        self._look, self._clock, self._tasks = look, clock, tasks
        self._reader = reader
        self._chats: dict[ChatId, _Chat] = {}
        self._looked_at: float | None = None

    async def run(self) -> None:
        """Deliver for ever; a broken round is logged and the next one tries again."""
        while True:
            try:
                await self.round()
            except Exception:  # nobody would hear of anything if this ended
                log.exception("the outbox cannot be read")
                await self._clock.sleep(RETRIES[2])
            await self._clock.sleep(ROUND)

    async def round(self) -> None:
        """Start one delivery for each chat that has something due and is free."""
        due = await self._outbox.due(self._clock.now(), _BATCH)
        waiting: dict[ChatId, list[OutboxItem]] = {}
        for item in due:
            if await self._is_wanted(item):
                waiting.setdefault(item.chat_id, []).append(item)
        for chat_id, items in waiting.items():
            chat = self._chats.setdefault(chat_id, _Chat())
            chosen = self._next(chat_id, items)
            if chat.is_busy or chosen is None:
                continue
            chat.is_busy = True
            work = self._work(chat, chosen, items)
            self._tasks.start(work, name=f"outbox chat={chat_id}")
        await self._mornings()

    def _manner(self, item: OutboxItem) -> Manner:
        """Return how its reader wants to be told this now; an edit disturbs nobody."""
        if item.alert.edits_message_id is not None:
            return Manner.SILENT
        reader = self._reader(UserId(item.chat_id))
        return reader.manner(item.alert.level, self._clock.now())

    async def _is_wanted(self, item: OutboxItem) -> bool:
        """Tell whether a message goes out now; else hold it, or give it up."""
        manner = self._manner(item)
        if manner is Manner.DROP:
            await self._outbox.drop(item.item_id, "switched off by its reader")
        elif manner is Manner.HOLD:
            await self._outbox.hold(item.item_id)
        return manner in {Manner.RING, Manner.SILENT}

    async def heard_from(self, chat_id: ChatId) -> None:
        """Deliver again to a chat that had blocked the bot and now writes."""
        chat = self._chats.get(chat_id)
        if chat is not None and chat.is_blocked:
            chat.is_blocked = False
            await self._outbox.park_chat(chat_id, self._clock.now())

    def _next(self, chat_id: ChatId, items: Sequence[OutboxItem]) -> OutboxItem | None:
        """Return the first item the pace allows; a recent edit may be overtaken."""
        zero = timedelta(0)
        for item in items:
            target = item.alert.edits_message_id
            if target is not None:
                if self._messenger.edit_wait(chat_id, target) <= zero:
                    return item
            elif self._messenger.message_wait(chat_id) <= zero:
                return item
            else:
                return None
        return None

    async def _work(
        self, chat: _Chat, item: OutboxItem, items: Sequence[OutboxItem]
    ) -> None:
        try:
            missed = self._missed(chat, item, items)
            if missed:
                await self._summarise(chat, missed)
            else:
                await self._record(chat, item, await self._bring(item))
        finally:
            chat.is_busy = False

    # --- one message ------------------------------------------------------------------

    async def _bring(self, item: OutboxItem) -> Delivery:
        alert, user_id = item.alert, UserId(item.chat_id)
        card = self._card(alert, user_id)
        if self._manner(item) is Manner.SILENT:
            card = replace(card, is_silent=True)
        if alert.edits_message_id is None:
            return await self._messenger.send(
                card, chat_id=item.chat_id, user_id=user_id
            )
        return await self._messenger.edit(
            card,
            chat_id=item.chat_id,
            user_id=user_id,
            message_id=alert.edits_message_id,
        )

    def _card(self, alert: Alert, user_id: UserId) -> Card:
        look = self._look(user_id)
        try:
            return alert_card(look, alert)
        except Exception:  # one alert must not hold up those behind it
            log.exception("alert kind=%s has no card", alert.kind.value)
            return bare_card(look, alert)

    async def _record(self, chat: _Chat, item: OutboxItem, result: Delivery) -> None:
        match result:
            case Sent():
                chat.works(self._clock.now())
                await self._outbox.sent(item.item_id, result.message_id)
            case TooFast():
                until = self._clock.now() + result.wait
                await self._outbox.park_chat(item.chat_id, until)
            case Blocked():
                await self._park(chat, item.chat_id, result)
            case NoAnswer():
                chat.failing_since = chat.failing_since or self._clock.now()
                await self._again(item, result.detail)
            case Refused():
                await self._refused(item, result)

    async def _park(self, chat: _Chat, chat_id: ChatId, result: Blocked) -> None:
        chat.is_blocked = True
        log.warning("chat %s cannot be written to: %s", chat_id, result.detail)
        await self._outbox.park_chat(chat_id, self._clock.now() + PARKED)

    async def _again(self, item: OutboxItem, why: str) -> None:
        wait = RETRIES[min(item.attempts, len(RETRIES) - 1)]
        log.warning("outbox item=%s again in %s s: %s", item.item_id, wait.seconds, why)
        await self._outbox.retry(item.item_id, self._clock.now() + wait, why)

    async def _refused(self, item: OutboxItem, result: Refused) -> None:
        if item.attempts + 1 < _REFUSED_LIMIT:
            await self._again(item, result.detail)
            return
        log.error("outbox item=%s dropped: %s", item.item_id, result.detail)
        await self._outbox.drop(item.item_id, result.detail)

    # --- after an outage --------------------------------------------------------------

    def _missed(
        self, chat: _Chat, item: OutboxItem, items: Sequence[OutboxItem]
    ) -> list[OutboxItem]:
        """Return what one summary replaces: new messages that are not critical."""
        now = self._clock.now()
        if item.alert.edits_message_id is not None or not chat.is_after_outage(now):
            return []
        until = chat.back_at or now
        missed = [
            each
            for each in items
            if each.alert.edits_message_id is None
            and each.alert.level is not AlertLevel.CRITICAL
            and each.alert.created_at <= until
        ]
        if len(missed) >= SUMMARY_FROM:
            return missed
        if item in missed:
            chat.back_at = None
        return []

    async def _summarise(self, chat: _Chat, missed: Sequence[OutboxItem]) -> None:
        user_id = UserId(missed[0].chat_id)
        cards = [self._card(item.alert, user_id) for item in missed]
        now = self._clock.now()
        away = chat.away if chat.failing_since is None else now - chat.failing_since
        card = missed_card(cards, away)
        chat_id = missed[0].chat_id
        result = await self._messenger.send(card, chat_id=chat_id, user_id=user_id)
        if not isinstance(result, Sent):
            await self._record(chat, missed[0], result)
            return
        chat.failing_since = chat.back_at = None
        # No message id: a later word on one of them must not replace the summary.
        for item in missed:
            await self._outbox.sent(item.item_id, None)

    # --- in the morning ---------------------------------------------------------------

    async def _mornings(self) -> None:
        """Start one summary for each chat whose quiet hours are over."""
        now_s = self._clock.monotonic()
        last = self._looked_at
        if last is not None and now_s - last < MORNINGS.total_seconds():
            return
        self._looked_at = now_s
        waiting: dict[ChatId, list[OutboxItem]] = {}
        for item in await self._outbox.held(_BATCH):
            waiting.setdefault(item.chat_id, []).append(item)
        for chat_id, items in waiting.items():
            chat = self._chats.setdefault(chat_id, _Chat())
            is_quiet = self._reader(UserId(chat_id)).is_quiet(self._clock.now())
            if is_quiet or chat.is_busy or chat.is_blocked:
                continue
            chat.is_busy = True
            work = self._good_morning(chat, chat_id, items)
            self._tasks.start(work, name=f"morning chat={chat_id}")

    async def _good_morning(
        self, chat: _Chat, chat_id: ChatId, items: Sequence[OutboxItem]
    ) -> None:
        """Tell at once what was kept back; what cannot be sent stays kept."""
        try:
            wanted = [item for item in items if await self._is_wanted(item)]
            if not wanted:
                return
            user_id = UserId(chat_id)
            cards = [self._card(item.alert, user_id) for item in wanted]
            card = morning_card(cards, self._look(user_id))
            manners = {self._manner(item) for item in wanted}
            card = replace(card, is_silent=Manner.RING not in manners)
            result = await self._messenger.send(card, chat_id=chat_id, user_id=user_id)
            if isinstance(result, Sent):
                chat.works(self._clock.now())
                for item in wanted:
                    await self._outbox.sent(item.item_id, None)
            elif isinstance(result, Blocked):
                await self._park(chat, chat_id, result)
            else:
                log.warning("chat %s: the morning news wait: %s", chat_id, result)
        finally:
            chat.is_busy = False
