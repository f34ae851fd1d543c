"""Answer /open and everything on confirm cards: quote, size, confirm, cancel."""

from __future__ import annotations

import logging
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from bot.cards import (
    foreign,
    hints,
    opportunity,
    plan,
    position,
    tokens,
    trouble,
)
from bot.cards.card import Reply
from bot.cards.shown import QuoteRequest, unpack_request
from bot.handlers.scan import left_out_of, rooms_of
from bot.handlers.screens import is_event, row_of, screen_behind
from core import errors
from core.engine import Quote
from core.model.plan import AddPlan, OpenPlan
from core.model.trade import TradeState
from core.model.units import ChatId, Nonce, PlanId, TradeId

if TYPE_CHECKING:
    from bot.access import Caller
    from bot.callbacks import Tap
    from bot.cards.look import Look
    from bot.handlers.desk import Desk
    from core.model.screen import Screen
    from core.model.units import MessageId

log = logging.getLogger(__name__)

MAX_USD = Decimal(10_000_000)


# --- ask for a quote ------------------------------------------------------------------


async def open_pair(
    desk: Desk, caller: Caller, words: tuple[str, ...], message_id: MessageId
) -> Reply:
    """Quote a token at a size; without words offer the best tokens."""
    del message_id
    look = desk.look(caller)
    if not words:
        result, size = desk.engine.latest_scan(), desk.engine.effective().size_usd
        found = result.opportunities[: opportunity.PAGE_ROWS] if result else ()
        rooms = rooms_of(desk, found)
        return Reply(opportunity.picker_card(result, look, size, rooms))
    if len(words) > 2:  # noqa: PLR2004 -- token and dollars
        return Reply(hints.too_many_words(look, "/open", "/open HYPE 500"))
    size_usd = None
    if len(words) == 2:  # noqa: PLR2004
        size_usd = dollars(words[1])
        if size_usd is None:
            return Reply(hints.bad_amount(look, words[1]))
    return await quote(desk, caller, QuoteRequest(token=words[0], size_usd=size_usd))


def dollars(word: str) -> Decimal | None:
    """Return an amount as people type it (500, $500, 1,000); None if it is none."""
    bare = word.removeprefix("$").removesuffix("$").replace(",", "")
    try:
        value = Decimal(bare)
    except InvalidOperation:
        return None
    return value if value.is_finite() and 0 < value <= MAX_USD else None


HALF = Decimal("0.5")


async def open_row(
    desk: Desk, caller: Caller, tap: Tap, message_id: MessageId
) -> Reply:
    """Quote the pair of a row as it was shown, in a new message."""
    screen = await screen_behind(desk, caller, tap, message_id)
    row = row_of(screen, tap)
    request = QuoteRequest(
        token=row.base,
        venues=row.venues,
        seen_per_hour=row.per_hour,
        size_usd=row.size_usd,
    )
    return replace(await quote(desk, caller, request), is_new=True)


async def best(desk: Desk, caller: Caller, tap: Tap, message_id: MessageId) -> Reply:
    """Quote the first pair of the ranking that fits, in a new message."""
    await screen_behind(desk, caller, tap, message_id)
    return replace(await quote(desk, caller, QuoteRequest()), is_new=True)


async def resize(desk: Desk, caller: Caller, tap: Tap, message_id: MessageId) -> Reply:
    """Quote the same pair at another size; the old button dies first."""
    size_usd = dollars(tap.arg)
    if size_usd is None:
        return Reply(toast=trouble.UNKNOWN_BUTTON)
    return await _again(desk, caller, tap, message_id, size_usd)


async def requote(desk: Desk, caller: Caller, tap: Tap, message_id: MessageId) -> Reply:
    """Quote the same again; the old button dies first."""
    return await _again(desk, caller, tap, message_id, None)


async def _again(
    desk: Desk,
    caller: Caller,
    tap: Tap,
    message_id: MessageId,
    size_usd: Decimal | None,
) -> Reply:
    screen = await screen_behind(desk, caller, tap, message_id)
    latest = await desk.cards.screen_of_message(caller.chat_id, message_id)
    if latest is not None and latest.card_id != screen.card_id:
        is_running = is_event(latest)
        return Reply(toast=trouble.ALREADY_RUNNING if is_running else trouble.CHANGED)
    request = unpack_request(screen.shown)
    if request is None:
        return Reply(toast=trouble.UNKNOWN_BUTTON)
    await _discard(desk, screen)
    if size_usd is not None:
        request = replace(request, size_usd=size_usd)
    return replace(await quote(desk, caller, request), is_new=is_event(screen))


async def half(desk: Desk, caller: Caller, tap: Tap, message_id: MessageId) -> Reply:
    """Quote the close of half a pair; on a confirm card its old button dies first."""
    screen = await screen_behind(desk, caller, tap, message_id)
    if "trade" not in screen.shown:
        return Reply(toast=trouble.UNKNOWN_BUTTON)
    await _discard(desk, screen)
    trade_id = TradeId(screen.shown["trade"])
    reply = await quote(desk, caller, QuoteRequest(trade_id=trade_id, share=HALF))
    return replace(reply, is_new="plan" not in screen.shown)


async def _discard(desk: Desk, screen: Screen | None) -> None:
    if screen is not None and "plan" in screen.shown:
        await desk.engine.discard(PlanId(screen.shown["plan"]))


async def quote(desk: Desk, caller: Caller, request: QuoteRequest) -> Reply:
    """Return a confirm card, or why there is none and the way to try again."""
    try:
        found = await _ask(desk, caller, request)
    except errors.TradeBusyError as error:
        return await _busy(desk, caller, error)
    except (errors.CoreError, errors.VenueError) as error:
        look = desk.look(caller)
        if isinstance(error, errors.UnknownTokenError):
            left_out = left_out_of(desk, error.token)
            if left_out:
                return Reply(tokens.left_out_card(error.token, left_out, look))
        again = request.pack()
        return Reply(trouble.trouble_card(look, error, again=again, can_quote=True))
    look = desk.look(caller)
    offer = _offer(desk, found, request, look)
    card = plan.plan_card(offer, look)
    return Reply(card, toast=offer.note, plan_id=found.plan_id)


async def _busy(desk: Desk, caller: Caller, error: errors.TradeBusyError) -> Reply:
    """Show the pair that is opening, closing or over instead of a refusal."""
    found = await desk.engine.position(TradeId(error.trade_id))
    card = position.position_card(found, desk.look(caller))
    return Reply(card, toast=position.doing_words(found.trade).capitalize())


async def _ask(desk: Desk, caller: Caller, request: QuoteRequest) -> Quote:
    engine, user, chat = desk.engine, caller.user_id, caller.chat_id
    if request.trade_id is not None and request.adds:
        size = request.size_usd
        return await engine.quote_add(
            request.trade_id, size_usd=size, user_id=user, chat_id=chat
        )
    if request.trade_id is not None:
        return await engine.quote_close(
            request.trade_id, share=request.share, user_id=user, chat_id=chat
        )
    if request.token is None:
        size = request.size_usd
        return await engine.quote_best(size_usd=size, user_id=user, chat_id=chat)
    return await engine.quote_open(
        request.token,
        venues=request.venues,
        size_usd=request.size_usd,
        user_id=user,
        chat_id=chat,
    )


def _offer(desk: Desk, found: Quote, request: QuoteRequest, look: Look) -> plan.Offer:
    body, note = found.body, ""
    if isinstance(body, OpenPlan):
        long, short = (leg.instrument.venue_id for leg in (body.long, body.short))
        seen = request.seen_per_hour
        if seen is not None:
            note = plan.moved_words(body.base, seen, body.spread_per_hour, look)
        request = QuoteRequest(
            token=body.base, venues=(long, short), size_usd=body.size_usd
        )
    elif isinstance(body, AddPlan):
        size = body.part.size_usd
        request = QuoteRequest(size_usd=size, trade_id=body.trade_id, adds=True)
    return plan.Offer(
        plan_id=found.plan_id,
        nonce=found.nonce,
        body=body,
        quoted_at=found.quoted_at,
        expires_at=found.expires_at,
        request=request,
        sizes_usd=plan.size_choices(desk.engine.effective().size_usd),
        passed_over=found.passed_over,
        note=note,
        past=found.past,
    )


# --- decide ---------------------------------------------------------------------------


async def confirm(desk: Desk, caller: Caller, tap: Tap, message_id: MessageId) -> Reply:
    """Turn a tap on Confirm into a running trade and its progress card."""
    try:
        trade = await desk.engine.confirm(
            Nonce(tap.subject),
            user_id=caller.user_id,
            chat_id=caller.chat_id,
            message_id=message_id,
        )
    except errors.PlanGoneError as error:
        return await _gone(desk, caller, error, message_id)
    except errors.CoreError as error:
        return await _refused(desk, caller, error, message_id)
    if isinstance(trade, Quote):
        return await _asked_again(desk, caller, trade, message_id)
    if trade.state is TradeState.OPEN:
        found = await desk.engine.position(trade.trade_id)
        card = position.position_card(found, desk.look(caller))
        return Reply(card, toast=foreign.ADOPTED)
    is_close = trade.state is TradeState.CLOSE1
    toast = trouble.CLOSING if is_close else trouble.OPENING
    if trade.adding is not None:
        toast = trouble.ADDING
    return Reply(position.progress_card(trade, desk.look(caller)), toast=toast)


async def _asked_again(
    desk: Desk, caller: Caller, found: Quote, message_id: MessageId
) -> Reply:
    """Show a large entry once more; its button is not where the first one was."""
    screen = await desk.cards.screen_of_message(caller.chat_id, message_id)
    request = None if screen is None else unpack_request(screen.shown)
    look = desk.look(caller)
    offer = _offer(desk, found, request or QuoteRequest(), look)
    card = plan.plan_card(offer, look)
    return Reply(card, toast=trouble.ASKED_AGAIN, plan_id=found.plan_id)


async def cancel(desk: Desk, caller: Caller, tap: Tap, message_id: MessageId) -> Reply:
    """End a quote on its owner's word."""
    try:
        await desk.engine.cancel(
            Nonce(tap.subject),
            user_id=caller.user_id,
            chat_id=caller.chat_id,
            message_id=message_id,
        )
    except errors.PlanGoneError as error:
        return await _gone(desk, caller, error, message_id)
    screen = await desk.cards.screen_of_message(caller.chat_id, message_id)
    return _ended(desk, caller, screen, trouble.CANCELLED)


def _ended(desk: Desk, caller: Caller, screen: Screen | None, words: str) -> Reply:
    request = None if screen is None else unpack_request(screen.shown)
    said = trouble.nothing_ordered(words)
    return Reply(plan.ended_card(said, request, desk.look(caller)), toast=words)


async def _refused(
    desk: Desk, caller: Caller, error: errors.CoreError, message_id: MessageId
) -> Reply:
    """Show why nothing was ordered; the button that was pressed dies."""
    screen = await desk.cards.screen_of_message(caller.chat_id, message_id)
    await _discard(desk, screen)
    request = None if screen is None else unpack_request(screen.shown)
    again = None if request is None else request.pack()
    look = desk.look(caller)
    card = trouble.trouble_card(look, error, again=again, can_quote=True)
    return Reply(card)


async def _gone(
    desk: Desk, caller: Caller, error: errors.PlanGoneError, message_id: MessageId
) -> Reply:
    """Answer a confirm button that no longer works."""
    screen = await desk.cards.screen_of_message(caller.chat_id, message_id)
    if isinstance(error, errors.PlanUnknownError):
        log.warning("confirm data nobody gave out from user=%s", caller.user_id)
        return Reply(toast=trouble.UNKNOWN_BUTTON)
    if isinstance(error, errors.PlanPendingError):
        return Reply(toast=trouble.ONE_MOMENT)
    if isinstance(error, errors.NotYoursError):
        return Reply(toast=await _not_yours(desk, caller, error))
    if isinstance(error, errors.PlanUsedError):
        return Reply(toast=await _running(desk, error.trade_id))
    if isinstance(error, errors.PlanExpiredError):
        words = plan.expired_words(error.expired_at, desk.look(caller))
        return _ended(desk, caller, screen, words)
    return await _void(desk, caller, screen)


async def _not_yours(desk: Desk, caller: Caller, error: errors.NotYoursError) -> str:
    """Name who asked, as his latest confirm card does; a private chat has his id."""
    if error.user_id is None:
        return trouble.not_yours("")
    if error.user_id == caller.user_id:
        return trouble.NOT_YOUR_SCREEN
    theirs = await desk.cards.latest_screen(ChatId(error.user_id), "plan")
    return trouble.not_yours("" if theirs is None else theirs.shown.get("by", ""))


async def _running(desk: Desk, trade_id: str | None) -> str:
    """Say that the first tap won, and how far its trade is."""
    if trade_id is None:
        return trouble.ALREADY_RUNNING
    try:
        found = await desk.engine.position(TradeId(trade_id))
    except errors.CoreError:
        return trouble.ALREADY_RUNNING
    return trouble.already_running(position.state_words(found.trade.state))


async def _void(desk: Desk, caller: Caller, screen: Screen | None) -> Reply:
    """Tell a restart (offer a new quote) from a card that was replaced meanwhile.

    A card that was sent just before the power failed never learned its message: its
    button is ours and dead, so the card ends too.
    """
    if screen is None:
        return _ended(desk, caller, None, trouble.VOID_WORDS)
    if screen.kind != "plan":
        return Reply(toast=trouble.CHANGED)
    health = await desk.engine.health()
    if screen.created_at > health.started_at:
        return Reply(toast=trouble.CHANGED)
    reply = _ended(desk, caller, screen, trouble.RESTARTED_WORDS)
    return replace(reply, toast=trouble.RESTARTED)
