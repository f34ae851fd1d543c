"""Answer the buttons on a position that is not ours: ignore it, or adopt it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.cards import foreign
from bot.cards.card import Reply
from bot.cards.plan import Offer, plan_card
from bot.cards.shown import QuoteRequest
from bot.cards.trouble import trouble_card
from bot.handlers.positions import show_positions
from bot.handlers.screens import OldScreenError, is_event, number_of, screen_behind
from core.errors import CannotAdoptError

if TYPE_CHECKING:
    from bot.access import Caller
    from bot.callbacks import Tap
    from bot.handlers.desk import Desk
    from core.model.units import MessageId


async def answer(desk: Desk, caller: Caller, tap: Tap, message_id: MessageId) -> Reply:
    """Ignore or adopt a position at the size that was shown; nothing is ordered."""
    screen = await screen_behind(desk, caller, tap, message_id)
    index = number_of(tap.arg.removeprefix(foreign.ADOPT))
    named = foreign.unpack(screen.shown)
    if index is None or index >= len(named):
        raise OldScreenError(screen.kind)
    one = named[index]
    if tap.arg.startswith(foreign.ADOPT):
        return await _adopt(desk, caller, one)
    is_done = await desk.engine.ignore_foreign(
        one.venue_id, one.symbol, one.quantity_base, caller.user_id
    )
    view = {} if is_event(screen) else screen.shown
    return Reply(
        await show_positions(desk, caller, view),
        toast=foreign.IGNORED if is_done else foreign.CHANGED,
        is_new=is_event(screen),
    )


async def _adopt(desk: Desk, caller: Caller, one: foreign.Named) -> Reply:
    """Return a confirm card in a new message, or why there is no pair to adopt."""
    look = desk.look(caller)
    try:
        quote = await desk.engine.quote_adopt(
            one.venue_id,
            one.symbol,
            one.quantity_base,
            user_id=caller.user_id,
            chat_id=caller.chat_id,
        )
    except CannotAdoptError as error:
        return Reply(trouble_card(look, error), is_new=True)
    offer = Offer(
        plan_id=quote.plan_id,
        nonce=quote.nonce,
        body=quote.body,
        quoted_at=quote.quoted_at,
        expires_at=quote.expires_at,
        request=QuoteRequest(),
    )
    return Reply(plan_card(offer, look), plan_id=quote.plan_id, is_new=True)
