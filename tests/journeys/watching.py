"""Where a doomed bot looks at its fate: around each write, and around each order."""

from __future__ import annotations

from asyncio import selector_events
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

import storage.backups
import storage.database
import storage.schema
from core.model.intent import IntentState
from core.venues.paper import PaperVenue
from storage.database import Database
from storage.journal import Journal
from storage.outbox import SqliteOutbox
from storage.paper_ledger import SqlitePaperLedger
from storage.preference_store import SqlitePreferences
from tests.journeys.crashing import AFTER, BEFORE, DURING, HALF, INSIDE, SENT, die

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from core.model.commit import Claim, Commit
    from tests.journeys.crashing import Fate

    Namer = Callable[..., str | None]

T = TypeVar("T")
LOOK = "look for an order"
_DOOMED: ContextVar[str] = ContextVar("doomed", default="")
"""Where in its transaction the write of this task kills the process."""
_REQUEST: ContextVar[_Request | None] = ContextVar("request", default=None)
"""The order whose request this task writes."""


def watch(fate: Fate, *, is_live: bool) -> None:
    """Put a guard on everything that the trace names."""
    names: dict[tuple[type, str], Namer] = {
        (Journal, "draft"): lambda plan: f"{_action(plan.body)} quote",
        (Journal, "issue"): lambda *_: "quote shown",
        (Journal, "void_unused"): lambda: "old quotes",
        (Journal, "claim"): _claim,
        (Journal, "commit"): _commit,
        (Journal, "settle"): lambda intent, *_: f"answer of {_order(intent)}",
        (Journal, "set_halt"): lambda halt, *_: f"halt {_kind(halt.key)}",
        (Journal, "clear_halt"): lambda _, key, *__: f"lift {_kind(key)}",
        (Journal, "book_payments"): lambda *_: "payments",
        (SqlitePreferences, "save_choice"): lambda *_: "choice",
        (SqlitePaperLedger, "save_paper"): _books,
        (SqliteOutbox, "sent"): lambda *_: "message told",
    }
    for (kind, method), name in names.items():
        setattr(kind, method, _watched(getattr(kind, method), name, fate))
    PaperVenue.find = _seen_looking(PaperVenue.find, fate)  # type: ignore[assignment,method-assign]
    Database.write = _mortal(fate)  # type: ignore[assignment,method-assign]
    storage.schema.statements = _step_by_step(fate)  # type: ignore[assignment]
    for step in ("_copy", "_fold", "_publish"):
        honest = getattr(storage.backups, step)
        setattr(storage.backups, step, _watched_step(honest, f"backup{step}", fate))
    if is_live:
        _watch_orders(fate)


# --- writes ---------------------------------------------------------------------------


def _watched(
    write: Callable[..., Awaitable[Any]], name: Namer, fate: Fate
) -> Callable[..., Awaitable[Any]]:
    async def watched(self: object, *given: object) -> object:
        words = name(*given)
        if words is None:
            return await write(self, *given)
        fate.note(words, BEFORE)
        doom = next((s for s in (INSIDE, DURING) if fate.is_the_one(words, s)), "")
        token = _DOOMED.set(doom)
        try:
            result = await write(self, *given)
        finally:
            _DOOMED.reset(token)
        fate.note(words, AFTER)
        return result

    return watched


def _watched_step(
    step: Callable[..., None], words: str, fate: Fate
) -> Callable[..., None]:
    """Return a step of a backup that looks at its fate before and after."""

    def watched(*given: object) -> None:
        fate.note(words, BEFORE)
        if fate.is_the_one(words, DURING):
            fate.die_soon()
        step(*given)
        fate.note(words, AFTER)

    return watched


def _mortal(fate: Fate) -> Callable[..., Awaitable[Any]]:
    """Return a `Database.write` whose transaction may be the process's last."""
    honest = Database.write

    async def write(self: Database, work: Callable[[sqlite3.Connection], T]) -> T:
        doom = _DOOMED.get()

        def last(connection: sqlite3.Connection) -> T:
            result = work(connection)
            if doom == INSIDE:
                die()
            fate.die_soon()
            return result

        return await honest(self, last if doom else work)

    return write


def _step_by_step(fate: Fate) -> Callable[[str], tuple[str, ...]]:
    """Return a splitter of migrations that looks at its fate before each statement."""
    honest = storage.schema.statements

    def statements(script: str) -> tuple[str, ...]:
        def one_by_one() -> Iterator[str]:
            for statement in honest(script):
                fate.note("migration", BEFORE)
                yield statement
            fate.note("migrations", AFTER)

        return one_by_one()  # type: ignore[return-value]  # only iterated

    return statements


def _action(body: object) -> str:
    return "open" if type(body).__name__ == "OpenPlan" else "close"


def _claim(claim: Claim) -> str:
    return f"claim, now {claim.trade.state.value}"


def _commit(change: Commit) -> str:
    fresh = [one for one in change.intents if one.state is IntentState.PREPARED]
    more = "".join(f" + {_order(one)}" for one in fresh)
    return f"{change.trade.state.value}{more}"


def _order(intent: Any) -> str:  # noqa: ANN401 - an order, whatever its state
    return f"{intent.purpose.value} {intent.leg}"


def _kind(key: str) -> str:
    return key.partition(":")[0]


def _books(venue_id: str, rows: Mapping[str, str | None]) -> str | None:
    """Name an execution at a venue; leverage and funding are no part of a trade."""
    return f"{venue_id} fill" if any(key.startswith("fill:") for key in rows) else None


def _seen_looking(
    find: Callable[..., Awaitable[Any]], fate: Fate
) -> Callable[..., Awaitable[Any]]:
    """Return a look-up of an order that is noted when it is over."""

    async def watched(self: object, *given: object) -> object:
        try:
            return await find(self, *given)
        finally:
            fate.note(LOOK, AFTER)

    return watched


# --- orders ---------------------------------------------------------------------------


class _Request:
    """An order on its way to the socket."""

    def __init__(self, words: str, start: tuple[bytes, bytes]) -> None:
        self.words = words
        self._method, self._path = start
        self._missing: int | None = None

    def takes(self, data: bytes) -> bool:
        """Tell whether these bytes belong to it."""
        if self._missing is not None:
            return self._missing > 0
        line = data.partition(b"\r\n")[0]
        if not line.startswith(self._method + b" ") or self._path not in line:
            return False
        head, _, _ = data.partition(b"\r\n\r\n")
        lengths = [
            int(each.partition(b":")[2])
            for each in head.lower().split(b"\r\n")
            if each.startswith(b"content-length:")
        ]
        self._missing = len(head) + 4 + sum(lengths)
        return True

    def write(self, data: bytes) -> bool:
        """Count what is written; tell whether it is complete."""
        self._missing = (self._missing or 0) - len(data)
        return self._missing <= 0


def _watch_orders(fate: Fate) -> None:
    # paper must never load what signs requests
    from core.venues.account import LiveVenue  # noqa: PLC0415

    submit = LiveVenue.submit
    transport: Any = selector_events._SelectorSocketTransport  # type: ignore[attr-defined]
    honest = transport.write

    async def watched(self: LiveVenue, intent: Any, instrument: Any) -> Any:  # noqa: ANN401 - as the port
        words = f"request of {_order(intent)}"
        fate.note(words, BEFORE)
        method, path = self._capabilities.order_request
        with _on_its_way(_Request(words, (method.encode(), path.encode()))):
            return await submit(self, intent, instrument)

    def write(self: Any, data: Any) -> None:  # noqa: ANN401 - asyncio's own
        request = _REQUEST.get()
        if request is None or not request.takes(bytes(data)):
            honest(self, data)
            return
        if fate.is_the_one(request.words, HALF):
            self._sock.send(bytes(data)[: len(data) // 2])
            die()
        honest(self, data)
        if request.write(bytes(data)) and fate.is_the_one(request.words, SENT):
            die()

    LiveVenue.find = _seen_looking(LiveVenue.find, fate)  # type: ignore[assignment,method-assign]
    LiveVenue.submit = watched  # type: ignore[method-assign]
    transport.write = write


@contextmanager
def _on_its_way(request: _Request) -> Iterator[None]:
    token = _REQUEST.set(request)
    try:
        yield
    finally:
        _REQUEST.reset(token)
