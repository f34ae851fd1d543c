"""Begin the closes of several pairs, each by its own close card in its own message.

There is no other way to close here: a card is quoted, sent, bound to its message and
its own button pressed, exactly as a person would do it pair by pair.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from bot.callbacks import Verb
from bot.cards import closeall, trouble
from bot.cards.shown import QuoteRequest
from bot.handlers.trade import confirm, quote

if TYPE_CHECKING:
    from bot.access import Caller
    from bot.application.replies import Replies
    from bot.callbacks import Tap
    from bot.cards.card import Card, Reply
    from bot.cards.shown import ClosingAll, ShownRow
    from bot.handlers.desk import Desk
    from bot.messenger import Messenger
    from core.model.units import Base, MessageId

log = logging.getLogger(__name__)

_WENT_OUT: Final = (trouble.CLOSING, trouble.ALREADY_RUNNING)
"""How the answer to a close card's button begins when its close is under way."""


class ManyCloses:
    """Presses the buttons of many close cards for the person who asked for all."""

    def __init__(self, *, desk: Desk, messenger: Messenger, replies: Replies) -> None:
        self._desk, self._messenger, self._replies = desk, messenger, replies
        self._claimed: set[str] = set()

    def claim(self, card_id: str) -> bool:
        """Take a second step once; a double tap gets False whatever waits where."""
        is_first = card_id not in self._claimed
        self._claimed.add(card_id)
        return is_first

    async def run(
        self, asked: ClosingAll, caller: Caller, message_id: MessageId
    ) -> None:
        """Begin every close side by side, then say on the card what was begun."""
        turn = asyncio.Lock()
        began = await asyncio.gather(
            *(self._begin(row, caller, turn) for row in asked.rows),
            return_exceptions=True,
        )
        begun: list[Base] = []
        refused: list[Base] = []
        for row, is_begun in zip(asked.rows, began, strict=True):
            (begun if is_begun is True else refused).append(row.base)
        log.info("user=%s closes all: %s, not %s", caller.user_id, begun, refused)
        card = closeall.begun_card(
            begun, self._desk.look(caller), refused=refused, skipped=asked.skipped
        )
        await self._replies.insist(card, caller, message_id)

    async def _begin(self, row: ShownRow, caller: Caller, turn: asyncio.Lock) -> bool:
        """Begin one close; whatever goes wrong is said and stops no other one."""
        try:
            return await self._close(row, caller, turn)
        except Exception:
            code = self._desk.ids.short()
            log.exception("user=%s code=%s close of %s", caller.user_id, code, row.base)
            card = trouble.unexpected_card(self._desk.look(caller), code)
            await self._refuse(row, card, caller, turn)
            return False

    async def _close(self, row: ShownRow, caller: Caller, turn: asyncio.Lock) -> bool:
        request = QuoteRequest(trade_id=row.trade_id)
        reply = await quote(self._desk, caller, request)
        tap = None if reply.card is None else _confirm_of(reply.card)
        if tap is None:
            if reply.card is not None:
                await self._refuse(row, reply.card, caller, turn)
            return False
        sent_id = await self._send(reply, caller, turn)
        if sent_id is None:
            return False
        answer = await confirm(self._desk, caller, tap, sent_id)
        if answer.card is not None:
            card = closeall.refused_card(row.base, answer.card)
            answer = replace(answer, card=card)
        await self._replies.to_tap(answer, caller, tap, sent_id)
        return answer.toast.startswith(_WENT_OUT)

    async def _send(
        self, reply: Reply, caller: Caller, turn: asyncio.Lock
    ) -> MessageId | None:
        """Send a close card; a chat takes about one message a second."""
        async with turn:
            await self._desk.clock.sleep(self._messenger.message_wait(caller.chat_id))
            return await self._replies.to_message(reply, caller, is_patient=True)

    async def _refuse(
        self, row: ShownRow, card: Card, caller: Caller, turn: asyncio.Lock
    ) -> None:
        async with turn:
            await self._desk.clock.sleep(self._messenger.message_wait(caller.chat_id))
            said = closeall.refused_card(row.base, card)
            await self._replies.say(said, caller.user_id)


def _confirm_of(card: Card) -> Tap | None:
    """Return what the confirm button of a card says, None if it has none."""
    taps = (button.tap for row in card.rows for button in row)
    return next((tap for tap in taps if tap.verb is Verb.CONFIRM), None)
