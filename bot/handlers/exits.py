"""Answer what is asked of one pair: close after the next payment, below a level."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bot.cards import exits, numbers, trouble
from bot.cards.card import Reply
from bot.cards.shown import QuoteRequest
from bot.handlers.positions import show_position
from bot.handlers.screens import OldScreenError, is_event, number_of, screen_behind
from bot.handlers.trade import half, quote
from core.model.units import TradeId

if TYPE_CHECKING:
    from bot.access import Caller
    from bot.callbacks import Tap
    from bot.cards.card import Card
    from bot.handlers.desk import Desk
    from core.model.units import MessageId

NO_PAYMENT = "No payment is known to come; nothing was set"


async def change(desk: Desk, caller: Caller, tap: Tap, message_id: MessageId) -> Reply:
    """Set, change or take back what is asked of the card's pair."""
    screen = await screen_behind(desk, caller, tap, message_id)
    if "trade" not in screen.shown:
        raise OldScreenError(screen.kind)
    trade_id = TradeId(screen.shown["trade"])
    is_new = is_event(screen)
    if tap.arg == exits.HALF:
        return await half(desk, caller, tap, message_id)
    if tap.arg == exits.ADD:
        request = QuoteRequest(trade_id=trade_id, adds=True)
        return replace(await quote(desk, caller, request), is_new=True)
    if tap.arg == exits.AFTER_PAYMENT:
        return await _after_payment(desk, caller, trade_id, is_new=is_new)
    if tap.arg == exits.STOP:
        return Reply(await show_stop(desk, caller, trade_id), is_new=is_new)
    position = await desk.engine.position(trade_id)
    levels = exits.levels_of(position)
    index = number_of(tap.arg.removeprefix("lvl-"))
    level = None
    if tap.arg != exits.OFF:
        if index is None or index >= len(levels):
            return Reply(toast=trouble.UNKNOWN_BUTTON)
        level = levels[index]
    await desk.engine.exits.close_below(trade_id, level, caller.user_id)
    return Reply(await show_stop(desk, caller, trade_id), is_new=is_new)


async def _after_payment(
    desk: Desk, caller: Caller, trade_id: TradeId, *, is_new: bool
) -> Reply:
    had = await desk.engine.exits.wishes(trade_id)
    due = await desk.engine.exits.close_after_payment(trade_id, caller.user_id)
    toast = ""
    if due is not None:
        left = numbers.duration_text(due - desk.clock.now())
        toast = f"Closes after the payment in {left}"
    elif not had:
        toast = NO_PAYMENT
    return Reply(
        await show_position(desk, caller, trade_id), toast=toast, is_new=is_new
    )


async def show_stop(desk: Desk, caller: Caller, trade_id: TradeId) -> Card:
    """Return the levels of one pair.

    Raises:
        UnknownTradeError: there is none.
    """
    position = await desk.engine.position(trade_id)
    wishes = await desk.engine.exits.wishes(trade_id)
    return exits.stop_card(position, wishes, desk.look(caller))
