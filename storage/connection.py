"""Run whole pieces of work on one SQLite connection, each on that connection's thread.

A piece is a plain function: nothing can run between its statements, and cancelling
whoever waits for it cannot stop it half-way. That is what keeps one coroutine's
rollback from erasing another one's rows.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, TypeVar, cast

import aiosqlite

from core.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

T = TypeVar("T")
_BATCH = 64
_PRIMARY_CODE = 0xFF
_REOPEN_AFTER = frozenset(
    {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
)


def connect(path: Path, pragmas: Iterable[str]) -> sqlite3.Connection:
    """Open the file with its pragmas set; transactions are begun by hand."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.row_factory = sqlite3.Row
    try:
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def connect_to_read(path: Path, pragmas: Iterable[str]) -> sqlite3.Connection:
    """Open the file so that whatever would write to it is refused."""
    return connect(path, (*pragmas, "query_only = ON"))


class SerialConnection(aiosqlite.Connection):
    """One connection, one thread, one transaction at a time."""

    def __init__(
        self,
        connect: Callable[[], sqlite3.Connection],
        begin: str,
        make_room: Callable[[], bool] | None = None,
    ) -> None:
        """Take the parts.

        `make_room` is called when the disk is full and tells whether it helped.
        """
        super().__init__(connect, iter_chunk_size=_BATCH)
        self._make_room = make_room
        self._connect_anew = connect
        self._begin = begin
        self._is_broken = False

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run work inside one transaction; an exception leaves nothing behind.

        Raises:
            StorageError: the database refused; the sentence says why.
        """
        # aiosqlite 0.22.1 queues the call on its thread: it runs to its end even if
        # the future is cancelled, and after everything queued before it
        try:
            result = await self._execute(  # type: ignore[no-untyped-call]
                self._with_room, work
            )
        except sqlite3.Error as error:
            raise StorageError(sentence(error)) from error
        except ValueError as error:
            if self._running:
                raise
            message = "The database is closed."
            raise StorageError(message) from error
        return cast("T", result)

    def _with_room(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return self._transaction(work)
        except sqlite3.OperationalError as error:
            is_full = primary_code(error) == sqlite3.SQLITE_FULL
            if not is_full or self._make_room is None or not self._make_room():
                raise
        # nothing of the first try was kept: the same work begins anew
        return self._transaction(work)

    def _transaction(self, work: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._usable()
        try:
            connection.execute(self._begin)
            result = work(connection)
            connection.execute("COMMIT")
        except BaseException as error:
            self._abandon(connection, error)
            raise
        return result

    def _usable(self) -> sqlite3.Connection:
        if self._is_broken:
            self._connection = self._connect_anew()
            self._is_broken = False
        return self._conn

    def _abandon(self, connection: sqlite3.Connection, error: BaseException) -> None:
        # On a full disk SQLite has rolled back already; nothing more may be executed.
        if primary_code(error) in _REOPEN_AFTER:
            # After a failed fsync what this connection believes of the file proves
            # nothing: the next piece of work starts on a new one.
            self._is_broken = True
            connection.close()
        elif connection.in_transaction:
            connection.execute("ROLLBACK")


def primary_code(error: BaseException) -> int | None:
    """Return SQLite's code of an error without its details, None where it has none."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else int(code) & _PRIMARY_CODE


def sentence(error: sqlite3.Error) -> str:
    """Say in plain words what the database refused."""
    return f"The database refused: {error}."
