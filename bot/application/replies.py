"""Bring a handler's reply to the chat, and keep a confirm card's plan true to it."""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from bot.application.polling import wait_after
from bot.callbacks import Verb
from bot.cards import trouble
from bot.cards.away import lapsed_words
from bot.cards.card import Card
from bot.cards.closeall import unanswered_card
from bot.cards.plan import ended_card
from bot.cards.shown import unpack_request
from bot.messenger import NoAnswer, Sent, TooFast
from core.errors import CoreError
from core.model.plan import PlanState
from core.model.units import ChatId, PlanId

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from bot.access import Caller
    from bot.callbacks import Tap
    from bot.cards.card import Reply
    from bot.handlers.desk import Desk
    from bot.messenger import Delivery, Messenger
    from core.model.units import MessageId, UserId
    from core.ports import Plans, Tasks

log = logging.getLogger(__name__)

_QUICK_THUMB_S: Final = 0.5
_PATIENCE: Final = timedelta(seconds=30)
_TRIES: Final = 10
"""So often a message goes out that must, in a chat that is too busy for it."""
_NEW_MESSAGE: Final = frozenset({Verb.OPEN, Verb.CLOSE, Verb.BEST})
"""Taps whose answer, and so whose refusal, is a message of its own."""


class Replies:
    """Sends and edits what handlers return."""

    def __init__(
        self, *, desk: Desk, messenger: Messenger, plans: Plans, tasks: Tasks
    ) -> None:
        self._desk, self._messenger = desk, messenger
        self._plans, self._tasks = plans, tasks
        self._in_flight: dict[ChatId, asyncio.Future[None]] = {}

    async def to_tap(
        self, reply: Reply, caller: Caller, tap: Tap, message_id: MessageId
    ) -> None:
        """Show the answer to a tap: in place, unless it is news of its own."""
        if reply.card is None:
            return
        is_trouble = reply.card.kind == trouble.KIND
        is_file = reply.card.attachment is not None
        if reply.is_new or is_file or (is_trouble and tap.verb in _NEW_MESSAGE):
            await self.to_message(reply, caller)
            return
        with self._confirm_card_on_its_way(reply, caller):
            result = await self._messenger.edit(
                reply.card,
                chat_id=caller.chat_id,
                user_id=caller.user_id,
                message_id=message_id,
            )
            await self._bind_plan(reply, caller, result)
        if reply.lapses_at is not None and isinstance(result, Sent):
            lapse = self._lapse(reply.card, caller, result.message_id, reply.lapses_at)
            self._tasks.start(lapse, name=f"question {result.message_id}")

    async def to_message(
        self, reply: Reply, caller: Caller, *, is_patient: bool = False
    ) -> MessageId | None:
        """Send a reply; a confirm card once, anything else twice if need be.

        Return the message of a confirm card whose button is live. With `is_patient` one
        that Telegram turned away as too fast, and so nobody saw, goes out later.
        """
        card = reply.card
        if card is None:
            card = Card(html=trouble.as_text(reply.toast or "…"))
        if reply.plan_id is None:
            await self.say(card, caller.user_id)
            return None
        with self._confirm_card_on_its_way(reply, caller):
            result: Delivery = TooFast(timedelta(0))
            for _ in range(_TRIES if is_patient else 1):
                result = await self._messenger.send(
                    card, chat_id=caller.chat_id, user_id=caller.user_id
                )
                if not isinstance(result, TooFast) or not is_patient:
                    break
                await self._desk.clock.sleep(min(result.wait, _PATIENCE))
            return await self._bind_plan(reply, caller, result)

    async def settled(self, chat_id: ChatId) -> None:
        """Wait a moment while a chat's confirm card is being made live.

        Telegram shows the card before we know its message: a quick thumb is not late.
        """
        under_way = self._in_flight.get(chat_id)
        if under_way is not None:
            await asyncio.wait({under_way}, timeout=_QUICK_THUMB_S)

    @contextmanager
    def _confirm_card_on_its_way(self, reply: Reply, caller: Caller) -> Iterator[None]:
        if reply.plan_id is None:
            yield
            return
        done = asyncio.get_running_loop().create_future()
        self._in_flight[caller.chat_id] = done
        try:
            yield
        finally:
            done.set_result(None)
            if self._in_flight.get(caller.chat_id) is done:
                del self._in_flight[caller.chat_id]

    async def insist(self, card: Card, caller: Caller, message_id: MessageId) -> None:
        """Show a card in place of another, however busy the chat is just now."""
        for _ in range(_TRIES):
            result = await self._messenger.edit(
                card,
                chat_id=caller.chat_id,
                user_id=caller.user_id,
                message_id=message_id,
            )
            if not isinstance(result, TooFast):
                return
            await self._desk.clock.sleep(min(result.wait, _PATIENCE))

    async def say(self, card: Card, user_id: UserId) -> None:
        """Send a message that may arrive twice rather than never."""
        chat_id = ChatId(user_id)
        result = await self._messenger.send(card, chat_id=chat_id, user_id=user_id)
        if isinstance(result, TooFast):
            await self._desk.clock.sleep(min(result.wait, _PATIENCE))
        elif isinstance(result, NoAnswer):
            await self._desk.clock.sleep(wait_after(1))
        else:
            return
        again = await self._messenger.send(card, chat_id=chat_id, user_id=user_id)
        if not isinstance(again, Sent):
            log.warning("chat %s: reply lost: %s", chat_id, again)

    async def _lapse(
        self, card: Card, caller: Caller, message_id: MessageId, at: datetime
    ) -> None:
        """Say on a question that nobody answered that its time is over."""
        await self._desk.clock.sleep(at - self._desk.clock.now())
        latest = await self._desk.cards.screen_of_message(caller.chat_id, message_id)
        if latest is None or latest.card_id != card.card_id:
            return
        await self._messenger.edit(
            unanswered_card(at, self._desk.look(caller)),
            chat_id=caller.chat_id,
            user_id=caller.user_id,
            message_id=message_id,
        )

    # --- confirm cards ----------------------------------------------------------------

    async def _bind_plan(
        self, reply: Reply, caller: Caller, result: Delivery
    ) -> MessageId | None:
        """Make the card's button live, or void its plan if nobody may have seen it."""
        if reply.plan_id is None:
            return None
        plan_id = PlanId(reply.plan_id)
        try:
            if isinstance(result, Sent):
                await self._desk.engine.issue(plan_id, result.message_id)
                expiry = self._expire(plan_id, caller, result.message_id)
                self._tasks.start(expiry, name=f"expiry {plan_id}")
                return result.message_id
            log.warning("plan %s void, card not delivered: %s", plan_id, result)
            await self._desk.engine.discard(plan_id)
        except CoreError:
            # A draft that was never issued cannot be confirmed: nothing can be ordered.
            log.exception("plan %s was neither issued nor ended", plan_id)
        card = trouble.undelivered_card(self._desk.look(caller))
        await self.say(card, caller.user_id)
        return None

    async def _expire(
        self, plan_id: PlanId, caller: Caller, message_id: MessageId
    ) -> None:
        """Say on the card that its time is over; silence always means no."""
        plan = await self._plans.plan(plan_id)
        if plan is None:
            return
        await self._desk.clock.sleep(plan.expires_at - self._desk.clock.now())
        if not await self._plans.end(plan_id, PlanState.EXPIRED):
            return
        screen = await self._desk.cards.screen_of_message(caller.chat_id, message_id)
        request = None if screen is None else unpack_request(screen.shown)
        await self._messenger.edit(
            ended_card(
                trouble.nothing_ordered(lapsed_words(plan.expires_at)),
                request,
                self._desk.look(caller),
            ),
            chat_id=caller.chat_id,
            user_id=caller.user_id,
            message_id=message_id,
        )
