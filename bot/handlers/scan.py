"""Answer /top and /matrix and what their buttons ask: pages, filters, tokens."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations
from typing import TYPE_CHECKING

from bot.cards import hints, matrix, opportunity, plan, tokens, trouble
from bot.cards.card import Reply
from bot.cards.history import pair_key
from bot.handlers.screens import is_event, number_of, row_of, screen_behind
from core.errors import UnknownTokenError
from core.model.opportunity import Opportunity
from core.model.preferences import Mute

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bot.access import Caller
    from bot.callbacks import Tap
    from bot.cards.card import Card
    from bot.cards.history import Pasts
    from bot.cards.room import Rooms
    from bot.cards.shown import ShownRow
    from bot.handlers.desk import Desk
    from core.engine import TokenView
    from core.model.instrument import LeftOut
    from core.model.units import MessageId

SCAN_AGAIN_AFTER = timedelta(seconds=5)
LONGEST_FILTER = 20
LISTS_AGAIN_AFTER = timedelta(seconds=60)


# --- /top -----------------------------------------------------------------------------


async def top(
    desk: Desk, caller: Caller, words: tuple[str, ...], message_id: MessageId
) -> Reply:
    """Show the ranking; a number is the rows a page, another word a filter."""
    del message_id
    if len(words) > 1:
        return Reply(hints.too_many_words(desk.look(caller), "/top", "/top HL"))
    view: dict[str, str] = {}
    if words:
        rows = number_of(words[0])
        view = (
            {"wanted": words[0][:LONGEST_FILTER]}
            if rows is None
            else {"per_page": str(rows)}
        )
    return Reply(await show_top(desk, caller, view))


async def show_top(desk: Desk, caller: Caller, view: Mapping[str, str]) -> Card:
    """Return the ranking as last scanned; `view` is what a stored screen keeps."""
    effective, result = desk.engine.effective(), desk.engine.latest_scan()
    per_page = number_of(view.get("per_page", "")) or opportunity.PAGE_ROWS
    return opportunity.top_card(
        result,
        desk.look(caller),
        opportunity.TopView(
            size_usd=effective.size_usd,
            min_spread_per_hour=effective.min_spread_per_hour,
            stale_after=2 * desk.engine.facts.scan_interval,
            page=number_of(view.get("page", "")) or 0,
            per_page=min(per_page, opportunity.MAX_PAGE_ROWS),
            wanted=view.get("wanted", ""),
            pasts=_pasts(desk),
            rooms=rooms_of(desk, result.opportunities if result else ()),
            sort=view.get("sort", "net"),
        ),
    )


def rooms_of(desk: Desk, pairs: Iterable[Opportunity]) -> Rooms:
    """Return how much of each pair the free margin carries, where that is known."""
    found = ((pair_key(pair), desk.engine.room(pair)) for pair in pairs)
    return {key: room for key, room in found if room is not None}


def _pasts(desk: Desk) -> Pasts:
    """Return how every ranked pair's spread has been, where that is known."""
    result = desk.engine.latest_scan()
    found = (
        (pair_key(pair), desk.engine.spread_stats(pair))
        for pair in (result.opportunities if result else ())
    )
    return {key: stats for key, stats in found if stats is not None}


async def narrow(desk: Desk, caller: Caller, tap: Tap, message_id: MessageId) -> Reply:
    """Show the venues to filter by, or the list filtered; once more lifts it."""
    screen = await screen_behind(desk, caller, tap, message_id)
    if screen.kind == "matrix":
        least = "" if tap.arg == screen.shown.get("least") else tap.arg
        view = {**screen.shown, "page": "0", "least": least}
        return Reply(await show_matrix(desk, caller, view))
    if tap.arg:
        wanted = "" if tap.arg == "all" else tap.arg
        view = {"wanted": wanted, "sort": screen.shown.get("sort", "net")}
        return Reply(await show_top(desk, caller, view))
    result, wanted = desk.engine.latest_scan(), screen.shown.get("wanted", "")
    return Reply(
        opportunity.filter_card(
            result, desk.look(caller), wanted, screen.shown.get("sort", "net")
        )
    )


async def fresh_scan(desk: Desk) -> None:
    """Scan unless the last scan is only seconds old."""
    latest = desk.engine.latest_scan()
    if latest is None or desk.clock.now() - latest.at >= SCAN_AGAIN_AFTER:
        await desk.engine.scan()


# --- /matrix --------------------------------------------------------------------------


async def grid(
    desk: Desk, caller: Caller, words: tuple[str, ...], message_id: MessageId
) -> Reply:
    """Show where tokens trade, or one token."""
    del message_id
    if len(words) > 1:
        look = desk.look(caller)
        return Reply(hints.too_many_words(look, "/matrix", "/matrix PEPE"))
    if words:
        return Reply(await show_token(desk, caller, words[0]))
    return Reply(await show_matrix(desk, caller, {}))


async def show_matrix(desk: Desk, caller: Caller, view: Mapping[str, str]) -> Card:
    """Return one page of the matrix; `view` is what a stored screen keeps."""
    return matrix.matrix_card(
        desk.engine.availability(),
        desk.engine.latest_scan(),
        desk.look(caller),
        matrix.MatrixView(
            page=number_of(view.get("page", "")) or 0,
            sort=view.get("sort", "pairs"),
            least_venues=number_of(view.get("least", "")) or 0,
            is_asking=bool(view.get("asks")),
        ),
    )


async def sort(desk: Desk, caller: Caller, tap: Tap, message_id: MessageId) -> Reply:
    """Show the ranking or the matrix in another order."""
    screen = await screen_behind(desk, caller, tap, message_id)
    view = {**screen.shown, "page": "0", "sort": tap.arg}
    if screen.kind == "top":
        return Reply(await show_top(desk, caller, view))
    return Reply(await show_matrix(desk, caller, view))


async def fresh_lists(desk: Desk) -> None:
    """Read the venues' lists unless they were read a moment ago."""
    cache = desk.engine.availability()
    if cache is None or desk.clock.now() - cache.built_at >= LISTS_AGAIN_AFTER:
        await desk.engine.refresh_availability()


# --- one token ------------------------------------------------------------------------


async def token(desk: Desk, caller: Caller, tap: Tap, message_id: MessageId) -> Reply:
    """Show the token of a row, and say what changed since the row was shown."""
    screen = await screen_behind(desk, caller, tap, message_id)
    row = row_of(screen, tap)
    view = desk.engine.token(row.base)
    card = await show_token(desk, caller, row.base)
    toast = moved_since(desk, caller, row, view)
    return Reply(card, toast=toast, is_new=is_event(screen))


async def show_token(desk: Desk, caller: Caller, name: str) -> Card:
    """Return one token's card.

    Raises:
        UnknownTokenError: no venue lists it.
    """
    try:
        view = desk.engine.token(name)
    except UnknownTokenError:
        left_out = left_out_of(desk, name)
        if not left_out:
            raise
        return tokens.left_out_card(name, left_out, desk.look(caller))
    best, base = view.opportunity, view.row.base
    sides = view.result.snapshots.get(base, ()) if view.result else ()
    pairs = (Opportunity(base, *two) for two in permutations(sides, 2))
    facts = tokens.TokenFacts(
        row=view.row,
        result=view.result,
        opportunity=view.opportunity,
        is_muted=Mute(view.row.base) in desk.engine.preferences.mutes,
        past=desk.engine.spread_stats(best) if best else None,
        rooms=rooms_of(desk, pairs),
    )
    stale_after = 2 * desk.engine.facts.scan_interval
    return tokens.token_card(facts, desk.look(caller), stale_after)


def left_out_of(desk: Desk, name: str) -> tuple[LeftOut, ...]:
    """Return the contracts of a token that no venue offers in a usable way."""
    cache, wanted = desk.engine.availability(), name.upper()
    return tuple(
        one
        for one in (cache.left_out if cache else ())
        if wanted in {(one.base or "").upper(), one.native_name.upper()}
    )


def moved_since(desk: Desk, caller: Caller, row: ShownRow, view: TokenView) -> str:
    """Say how a row's spread changed since it was shown; empty if it did not."""
    now = view.opportunity
    if row.per_hour is None:
        return ""
    look = desk.look(caller)
    if now is None:
        return trouble.no_longer(row.base)
    return plan.moved_words(row.base, row.per_hour, now.spread_per_hour, look)
