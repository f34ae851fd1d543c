"""The two-leg protocol as a small pure model, explored exhaustively.

Two venues, an order of two lots per leg, fills of 0 to 2 lots, replies that come, are
lost or are refusals, orders that never arrive or arrive late, look-ups that do not show
what is there, and up to two crashes at any step. Every history ends in one of a few
ends; `explore` counts them per protocol. Histories are counted, not sampled: equal
states are visited once and their counts are added up.

`python -m tests.campaigns.protocol` prints the table.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

LOTS = 2
"""Confirmed size per leg."""
POLLS = 2
"""Look-ups before a protocol stops waiting: its own patience, or the fence."""
TOPUPS = 1
REDUCTIONS = 2
"""Attempts to sell an excess before a person is called."""
CRASHES = 2


class End(StrEnum):
    """How a history may end."""

    HEDGED = "hedged or flat"
    CALLED = "a person was called"
    NAKED = "silently naked"
    DOUBLE = "double entry"
    SOLD = "sold what was held before"


@dataclass(frozen=True, slots=True)
class Rules:
    """What a protocol promises, one switch per part of the design."""

    name: str
    is_timeout_failure: bool = False
    """An unread reply is booked as a failure and the order is placed anew."""
    has_fence: bool = True
    """Not found counts only when the venue cannot take the order any more."""
    has_expiry: bool = True
    """The venue refuses an order after its expiry."""
    is_row_first: bool = True
    """The order's row is committed before its first byte leaves."""
    is_position_checked: bool = False
    """Positions at rest are compared with the books."""
    floor: int = 0
    """Lots that both legs held before: above zero it is an addition to a pair."""
    unwinds_all: bool = False
    """What fails is sold like an entry, down to nothing."""


SOUND = Rules("row first, same id, fence, expiring request")
BROKEN = (
    Rules("a timeout is a failure", is_timeout_failure=True),
    Rules("two polls, then rejected", has_fence=False),
    Rules("a fence without expiry at the venue", has_expiry=False),
    Rules("the row after the order", is_row_first=False),
)
WATCHED = Rules(
    "fence without expiry, positions checked",
    has_expiry=False,
    is_position_checked=True,
)


ADDING = replace(SOUND, name="an addition to a pair of two lots", floor=2)
UNFLOORED = replace(ADDING, name="... undone like an entry", unwinds_all=True)
BROKEN_ADDING = tuple(
    replace(each, name=f"... where {each.name}", floor=2) for each in BROKEN
)


class Order(NamedTuple):
    """The one order under way."""

    leg: int
    is_entry: bool
    lots: int
    stage: str = "row"
    """row: written; sent: out, reply not recorded; unknown: being looked up."""
    told: int | None = None
    """What the reply said, None for no reply."""
    filled: int = 0
    """What the venue did and the books do not know."""
    pending: int = 0
    """What the venue will do if the order still arrives."""
    polls: int = 0


class State(NamedTuple):
    """Everything that decides how a history goes on."""

    phase: str = "leg1"
    booked: tuple[int, int] = (0, 0)
    held: tuple[int, int] = (0, 0)
    entered: tuple[int, int] = (0, 0)
    """Lots that entries truly filled."""
    order: Order | None = None
    ghosts: tuple[tuple[int, bool, int], ...] = ()
    """Orders given up that may still be filled: leg, entry, lots."""
    topups: int = 0
    retries: int = 0
    reductions: int = 0
    crashes: int = CRASHES


def _plus(pair: tuple[int, int], leg: int, lots: int) -> tuple[int, int]:
    return (pair[0] + lots, pair[1]) if leg == 1 else (pair[0], pair[1] + lots)


def _executed(state: State, leg: int, lots: int, *, is_entry: bool) -> State:
    """Fill lots at the venue; a reduce-only order never turns a position."""
    if is_entry:
        entered = _plus(state.entered, leg, lots)
        return state._replace(held=_plus(state.held, leg, lots), entered=entered)
    lots = min(lots, state.held[leg - 1])
    return state._replace(held=_plus(state.held, leg, -lots))


# --- what our side does ---------------------------------------------------------------


def _next(state: State, rules: Rules) -> State:
    """Take the step that the books ask for, when no order is under way."""
    a, b = state.booked
    added = a - rules.floor
    if state.phase == "leg1":
        return state._replace(phase="leg2", order=Order(1, is_entry=True, lots=LOTS))
    if added > 0 and state.phase == "leg2":
        entry = Order(2, is_entry=True, lots=added)
        return state._replace(phase="balance", order=entry)
    return state._replace(phase="rest") if a == b else _leveling(state, rules)


def _leveling(state: State, rules: Rules) -> State:
    """Add to the second leg, sell off the larger one, or call a person."""
    a, b = state.booked
    if rules.floor < b < a and state.topups < TOPUPS:
        more = Order(2, is_entry=True, lots=a - b)
        return state._replace(topups=state.topups + 1, order=more)
    if state.reductions >= REDUCTIONS:
        return state._replace(phase="called")
    larger = 1 if a > b else 2
    lots = max(a, b) if rules.unwinds_all else abs(a - b)
    sale = Order(larger, is_entry=False, lots=lots)
    return state._replace(reductions=state.reductions + 1, order=sale)


def _booked(state: State, order: Order, lots: int) -> State:
    signed = lots if order.is_entry else -lots
    booked = _plus(state.booked, order.leg, signed)
    return state._replace(booked=booked, order=None)


def _given_up(state: State, order: Order) -> State:
    """Book an order as never arrived; what is on its way may still arrive."""
    ghosts = state.ghosts
    if order.pending:
        ghosts = (*ghosts, (order.leg, order.is_entry, order.pending))
    return state._replace(ghosts=ghosts, order=None)


def _recorded(state: State, order: Order, rules: Rules) -> State:
    if order.told is not None:
        return _booked(state, order, order.told)
    if not rules.is_timeout_failure:
        return state._replace(order=order._replace(stage="unknown"))
    given_up = _given_up(state, order)
    if order.is_entry and state.retries == 0:
        again = Order(order.leg, is_entry=True, lots=order.lots)
        return given_up._replace(order=again, retries=1)
    return given_up


def _crashed(state: State, rules: Rules) -> State:
    state = state._replace(crashes=state.crashes - 1)
    order = state.order
    if order is None:
        return state
    if rules.is_row_first:
        return state._replace(order=order._replace(stage="unknown", polls=0))
    return _given_up(state, order)


# --- what the world may do ------------------------------------------------------------


def _sent(state: State, order: Order) -> Iterator[State]:
    """Let the venue do with an order whatever it may."""

    def out(*, told: int | None, filled: int = 0, pending: int = 0) -> State:
        gone = order._replace(stage="sent", told=told, filled=filled, pending=pending)
        after = _executed(state, order.leg, filled, is_entry=order.is_entry)
        return after._replace(order=gone)

    most = order.lots if order.is_entry else min(order.lots, state.held[order.leg - 1])
    yield out(told=0)  # refused
    yield out(told=None)  # lost on the way there
    for lots in range(most + 1):
        yield out(told=lots, filled=lots)
        yield out(told=None, filled=lots)  # the reply is lost
        if lots:
            yield out(told=None, pending=lots)  # it arrives later


def _polled(state: State, order: Order, rules: Rules) -> Iterator[State]:
    """Look an order up once; it may arrive, show, or stay hidden meanwhile."""
    if order.pending:
        lots = order.pending
        arrived = _executed(state, order.leg, lots, is_entry=order.is_entry)
        shown = order._replace(pending=0, filled=lots)
        yield arrived._replace(order=shown)
    if order.filled:
        yield _booked(state, order, order.filled)
    is_last = order.polls >= POLLS
    if not is_last:
        yield state._replace(order=order._replace(polls=order.polls + 1))
    elif rules.has_fence and order.filled:
        return  # the fence is longer than anything stays hidden
    elif rules.has_fence and rules.has_expiry:
        yield _given_up(state, order._replace(pending=0))
    else:
        yield _given_up(state, order)


def successors(state: State, rules: Rules) -> Iterator[State]:
    """Yield every state that may come next; none at an end."""
    if state.phase in {"rest", "called"}:
        yield from _haunted(state)
        return
    if state.crashes:
        yield _crashed(state, rules)
    order = state.order
    if order is None:
        yield _next(state, rules)
    elif order.stage == "row":
        yield from _sent(state, order)
    elif order.stage == "sent":
        yield _recorded(state, order, rules)
    else:
        yield from _polled(state, order, rules)


def _haunted(state: State) -> Iterator[State]:
    """Let an order that was given up be filled after all, or vanish."""
    if not state.ghosts:
        return
    (leg, is_entry, lots), *rest = state.ghosts
    without = state._replace(ghosts=tuple(rest))
    yield without
    yield _executed(without, leg, lots, is_entry=is_entry)


def end_of(state: State, rules: Rules) -> End:
    """Judge a state after which nothing happens any more."""
    if max(state.entered) > LOTS:
        return End.DOUBLE
    if min(state.held) < rules.floor:
        return End.SOLD
    is_called = state.phase == "called"
    if rules.is_position_checked and state.held != state.booked:
        is_called = True
    if is_called:
        return End.CALLED
    return End.HEDGED if state.held[0] == state.held[1] else End.NAKED


@cache
def explore(rules: Rules) -> tuple[Counter[End], int]:
    """Return how many histories end how, and how many states were visited."""

    @cache
    def count(state: State) -> tuple[tuple[End, int], ...]:
        found: Counter[End] = Counter()
        is_end = True
        for after in successors(state, rules):
            is_end = False
            for end, number in count(after):
                found[end] += number
        if is_end:
            found[end_of(state, rules)] += 1
        return tuple(found.items())

    both = (rules.floor, rules.floor)
    ends = Counter(dict(count(State(booked=both, held=both))))
    return ends, count.cache_info().currsize


def table() -> list[str]:
    """Return one line per protocol."""
    lines = []
    for rules in (SOUND, *BROKEN, WATCHED, ADDING, UNFLOORED, *BROKEN_ADDING):
        ends, states = explore(rules)
        histories = sum(ends.values())
        lines.append(
            f"{rules.name:46} {histories:>12,} histories, {states:>6,} states: "
            f"naked {ends[End.NAKED]:>9,}, double {ends[End.DOUBLE]:>9,}, "
            f"called {ends[End.CALLED]:>9,}, sold {ends[End.SOLD]:>9,}"
        )
    return lines


if __name__ == "__main__":
    sys.stdout.write("\n".join(table()) + "\n")
