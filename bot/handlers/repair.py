"""Answer the buttons on a pair in trouble: try again, look again, stop, accept."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from bot.cards import repair
from bot.cards.card import Reply
from bot.cards.trouble import UNKNOWN_BUTTON
from bot.handlers.positions import show_position
from bot.handlers.screens import OldScreenError, is_event, screen_behind
from core.model.units import TradeId

if TYPE_CHECKING:
    from bot.access import Caller
    from bot.callbacks import Tap
    from bot.handlers.desk import Desk
    from core.model.screen import Screen
    from core.model.units import MessageId


async def answer(desk: Desk, caller: Caller, tap: Tap, message_id: MessageId) -> Reply:
    """Do what the owner says about the pair of this card, then show the pair."""
    screen = await screen_behind(desk, caller, tap, message_id)
    if tap.arg not in {*repair.SAYS, repair.ASK}:
        return Reply(toast=UNKNOWN_BUTTON)
    if "trade" not in screen.shown:
        raise OldScreenError(screen.kind)
    trade_id = TradeId(screen.shown["trade"])
    if tap.arg == repair.ASK:
        return await _ask(desk, caller, trade_id, is_new=is_event(screen))
    if tap.arg == repair.KEEP:
        toast = await _keep(desk, caller, trade_id, screen)
    else:
        is_done = await _told(desk, caller, trade_id, tap.arg)
        toast = repair.SAYS[tap.arg] if is_done else repair.IN_ORDER
    card = await show_position(desk, caller, trade_id)
    return Reply(card, toast=toast, is_new=is_event(screen))


async def _told(desk: Desk, caller: Caller, trade_id: TradeId, what: str) -> bool:
    engine, user_id = desk.engine, caller.user_id
    if what == repair.STOP:
        return await engine.stop_repairs(trade_id, user_id)
    if what == repair.NOW:
        return await engine.retry_repair(trade_id, user_id)
    return await engine.fixed_by_hand(trade_id, user_id)


async def _ask(desk: Desk, caller: Caller, trade_id: TradeId, *, is_new: bool) -> Reply:
    """Show what exactly would be accepted, with the one button that accepts it."""
    found = await desk.engine.position(trade_id)
    look = desk.look(caller)
    leg = repair.larger_leg(found.trade)
    if found.trade.needs_attention and leg is not None:
        return Reply(repair.accept_card(found, leg, look), is_new=is_new)
    is_calm = not found.trade.needs_attention
    toast = repair.IN_ORDER if is_calm else repair.NOTHING_KEPT
    card = await show_position(desk, caller, trade_id)
    return Reply(card, toast=toast, is_new=is_new)


async def _keep(desk: Desk, caller: Caller, trade_id: TradeId, screen: Screen) -> str:
    """Accept exactly what the card showed; return what to say."""
    shown = screen.shown
    if "first" not in shown or "second" not in shown:
        return UNKNOWN_BUTTON
    held = Decimal(shown["first"]), Decimal(shown["second"])
    is_done = await desk.engine.accept_residual(trade_id, held, caller.user_id)
    return repair.SAYS[repair.KEEP] if is_done else repair.CHANGED
