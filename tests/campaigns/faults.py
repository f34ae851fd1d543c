"""The venue faults: what strikes an order, and how the story must end.

Ends: `open` (whole and hedged), `part` (hedged, smaller), `over` (hedged, larger),
`none` (nothing was ever bought), `undone` (bought, and sold again), `closed`, `stays`
(a close that left the whole pair hedged), `less` (a close that left a part, hedged),
`called` (a person was called and is still needed).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from tests.campaigns.account import Deed, Outage, lost, refused
from tests.fakes.account import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from core.model.intent import OrderIntent
    from core.model.order import SubmitResult
    from tests.campaigns.account import ArenaVenue
    from tests.campaigns.arena import Arena

    Strike = Callable[["Arena", "ArenaVenue", OrderIntent | None], Deed | None]

HALF = Deed(share=Decimal("0.5"))
REFUSED = Deed(Reply.REJECT, code="margin")
MOMENT_NAMES = ("m2", "m3", "m4", "m5 unwind", "m5 trim", "m6", "m7")
JUST_AFTER = 0.06
"""Seconds after an order leaves: it is executed, and nothing else was read."""
NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which a venue fails."""

    row: str
    name: str
    ends: Mapping[str, str]
    """Right ends by moment, separated by bars; a moment left out does not apply."""
    strike: Strike
    calls: frozenset[str] | None = NOBODY
    """Moments at which a person is called on the way; None: as it happens."""
    is_before: bool = False
    """Strikes before the order is made, and not at it."""
    minutes: int = 12
    """How long the story runs on."""


def ends(words: str) -> dict[str, str]:
    """Return ends by moment from words in the order of the moments; - is left out."""
    pairs = zip(MOMENT_NAMES, words.split(), strict=True)
    return {name: word for name, word in pairs if word != "-"}


def deed(row: str, name: str, words: str, what: Deed) -> Fault:
    """Return a fault that strikes one order."""
    return Fault(row, name, ends(words), lambda *_: what)


ARRIVED = "open open open undone part closed closed"
HALF_ARRIVED = "part open open undone part closed closed"
EMPTY_ARRIVED = "none open open undone part closed closed"
NEVER_ARRIVED = "none undone part undone part closed closed"
REFUSED_ONCE = "none undone part undone part closed closed"


def _outage(
    seconds: int,
    submit: Callable[[], SubmitResult] | None = None,
    *,
    reads: str = "fine",
    book: str = "fine",
    positions: str = "fine",
) -> Strike:
    def strike(arena: Arena, venue: ArenaVenue, _: OrderIntent | None) -> None:
        until = arena.clock.now() + timedelta(seconds=seconds)
        venue.outages.append(Outage(until, submit, reads, book, positions))
        arena.audit.faults_until = until

    return strike


def _with_lag(arena: Arena, venue: ArenaVenue, _: OrderIntent | None) -> Deed:
    del arena
    venue.position_lag = timedelta(seconds=20)
    return Deed(Reply.LOST, hidden_for=timedelta(seconds=25))


def _after_all(arena: Arena, venue: ArenaVenue, order: OrderIntent | None) -> Deed:
    del arena, venue, order
    return Deed(Reply.NEVER, after_all_s=100)


def _taken(share: str) -> Strike:
    def strike(arena: Arena, venue: ArenaVenue, order: OrderIntent | None) -> Deed:
        assert order is not None
        sign = 1 if order.is_reduce_only else -1
        held = venue.position if order.is_reduce_only else order.quantity_base
        amount = venue.instrument.floor_quantity(abs(held) * Decimal(share))
        del arena
        if order.is_reduce_only:
            venue.move_position(sign * order.side.sign * amount)
        else:
            venue.lose_after_fill = -order.side.sign * amount
        return Deed()

    return strike


def _taken_before(arena: Arena, venue: ArenaVenue, _: OrderIntent | None) -> None:
    del arena
    share = venue.position * Decimal("0.4")
    venue.move_position(-venue.instrument.floor_quantity(abs(share)) * share.compare(0))


def _wider(arena: Arena, venue: ArenaVenue, _: OrderIntent | None) -> None:
    del arena
    venue.half_spread = Decimal("0.01")


def _falling(arena: Arena, venue: ArenaVenue, _: OrderIntent | None) -> None:
    del venue
    loop = asyncio.get_running_loop()
    for each in arena.accounts.values():
        loop.call_later(JUST_AFTER, each.move_price, Decimal("-0.02"))


def _narrow(arena: Arena, venue: ArenaVenue, _: OrderIntent | None) -> None:
    del venue
    arena.spread = Decimal("0.00001")


def _unlisted(arena: Arena, venue: ArenaVenue, _: OrderIntent | None) -> None:
    del venue
    arena.listed = False


SELLING = frozenset({"m5 unwind", "m5 trim", "m7"})
_TIMEOUTS = (
    ("V01", "timeout before acceptance", Deed(Reply.NEVER), NEVER_ARRIVED),
    ("V01", "silence before acceptance", Deed(Reply.NEVER, hangs=True), NEVER_ARRIVED),
    ("V02", "full, reply lost", Deed(Reply.LOST), ARRIVED),
    ("V02", "part, reply lost", Deed(Reply.LOST, Decimal("0.5")), HALF_ARRIVED),
    ("V02", "zero, reply lost", Deed(Reply.LOST, Decimal(0)), EMPTY_ARRIVED),
    ("V02", "full, silence", Deed(hangs=True), ARRIVED),
    ("V03", "late acceptance", Deed(Reply.LATE), ARRIVED),
    (
        "V03",
        "late acceptance of a part",
        Deed(Reply.LATE, Decimal("0.5")),
        HALF_ARRIVED,
    ),
    ("V05", "error page, not taken", Deed(Reply.NEVER), NEVER_ARRIVED),
    ("V05", "error page, taken", Deed(Reply.LOST), ARRIVED),
    ("V06", "overloaded, not taken", Deed(Reply.NEVER), NEVER_ARRIVED),
    ("V06", "overloaded, taken", Deed(Reply.LOST), ARRIVED),
    ("V12", "partial fill", HALF, HALF_ARRIVED),
    ("V12", "partial fill by receipt", Deed(Reply.ACK, Decimal("0.5")), HALF_ARRIVED),
    ("V13", "zero fill", Deed(share=Decimal(0)), EMPTY_ARRIVED),
    ("V16", "duplicate id", Deed(Reply.DUPLICATE), ARRIVED),
    ("V17", "hidden 20 s", Deed(Reply.LOST, hidden_for=timedelta(seconds=20)), ARRIVED),
    ("V17", "hidden 120 s", Deed(Reply.LOST, hidden_for=timedelta(minutes=2)), ARRIVED),
    ("V17", "hidden for ever", Deed(Reply.LOST, hidden_for=timedelta(days=9)), ARRIVED),
    ("V21", "reset before headers, not taken", Deed(Reply.NEVER), NEVER_ARRIVED),
    ("V21", "reset before headers, taken", Deed(Reply.LOST), ARRIVED),
    ("V22", "reset inside the body", Deed(Reply.BROKEN), ARRIVED),
    ("V23", "nonsense with status 200", Deed(Reply.BROKEN), ARRIVED),
    ("V23", "final, and no word about the fill", Deed(Reply.BLANK), ARRIVED),
    ("V24", "headers, then silence", Deed(hangs=True), ARRIVED),
    (
        "V24",
        "silence, half filled",
        Deed(share=Decimal("0.5"), hangs=True),
        HALF_ARRIVED,
    ),
    ("V26", "receipt, then dropped", Deed(is_dropped=True), NEVER_ARRIVED),
    ("V28", "rests", Deed(Reply.REST), EMPTY_ARRIVED),
)
_CODES = (
    ("V09", "margin"),
    ("V10", "min_notional"),
    ("V10", "precision"),
    ("V10", "price_band"),
    ("V11", "position_mode"),
    ("V11", "reduce_only"),
    ("V20", "clock"),
)
FAULTS: tuple[Fault, ...] = (
    *(deed(row, name, words, what) for row, name, what, words in _TIMEOUTS),
    *(
        deed(row, code, REFUSED_ONCE, Deed(Reply.REJECT, code=code))
        for row, code in _CODES
    ),
    Fault(
        "V04",
        "acceptance after expiry",
        ends("undone undone part undone closed closed closed"),
        _after_all,
        calls=None,
    ),
    deed(
        "V07",
        "too many requests, once",
        "none open open undone part closed|stays closed",
        Deed(Reply.REJECT, code="rate_limit"),
    ),
    Fault(
        "V07",
        "too many requests for 90 s",
        ends("none undone part undone part stays closed"),
        _outage(90, refused("rate_limit")),
        calls=SELLING,
    ),
    Fault(
        "V08",
        "banned for 120 s",
        ends("none undone part undone part stays closed"),
        _outage(120, refused("banned")),
        calls=SELLING,
    ),
    Fault(
        "V09",
        "margin, for 90 s",
        ends("none undone part undone part stays closed"),
        _outage(90, refused("margin")),
        calls=SELLING,
    ),
    Fault(
        "V13",
        "nothing fills for 90 s",
        ends("none undone part undone part stays closed"),
        _outage(90, refused("price_band")),
        calls=SELLING,
    ),
    Fault(
        "V14", "book widens", ends("none undone part - - - -"), _wider, is_before=True
    ),
    Fault("V14", "market falls", ends("- undone - - - - -"), _falling, is_before=True),
    Fault("V14", "spread shrinks", ends("none - - - - - -"), _narrow, is_before=True),
    Fault(
        "V15",
        "overfill",
        ends("over open open called part called called"),
        lambda *_: Deed(factor=Decimal("1.2")),
        calls=frozenset({"m5 unwind", "m6", "m7"}),
    ),
    Fault("V18", "positions lag", ends(ARRIVED), _with_lag, calls=None),
    *(
        Fault(
            "V18",
            f"positions {how}",
            ends(ARRIVED),
            _outage(20, positions=how),
            calls=None,
        )
        for how in ("omitted", "none")
    ),
    *(
        Fault(
            "V19",
            f"book {how}",
            ends("none undone part undone part stays closed"),
            _outage(30, book=how),
            is_before=True,
        )
        for how in ("old", "crossed", "empty")
    ),
    deed(
        "V25",
        "not sent",
        REFUSED_ONCE,
        Deed(Reply.REJECT, code="not_sent", is_sent=False),
    ),
    Fault(
        "V25",
        "unreachable for 90 s",
        ends("none undone part undone part stays closed"),
        _outage(90, refused("not_sent", is_sent=False), reads="fail"),
        calls=None,
    ),
    Fault(
        "V27",
        "a part is taken",
        ends("part part part undone part closed closed"),
        _taken("0.4"),
        calls=None,
    ),
    Fault(
        "V27",
        "all is taken",
        ends("undone undone part undone undone closed closed"),
        _taken("1"),
        calls=None,
    ),
    Fault(
        "V27",
        "a part was taken before",
        ends("- - - undone part closed closed"),
        _taken_before,
        calls=None,
        is_before=True,
    ),
    Fault(
        "V29",
        "maintenance for 30 min, refused",
        ends("none undone part undone part stays closed"),
        _outage(1800, refused("maintenance"), reads="fail"),
        calls=None,
        minutes=45,
    ),
    Fault(
        "V29",
        "maintenance for 30 min, silent",
        ends("none undone part undone part closed|stays closed"),
        _outage(1800, lost, reads="hang"),
        calls=None,
        minutes=45,
    ),
    Fault(
        "V30",
        "renamed",
        ends("none undone open|part undone part closed closed"),
        _unlisted,
        is_before=True,
    ),
)
"""Every fault; the numbers are those of the design's table of venue faults."""
