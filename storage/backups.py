"""Copy the trading record while it is in use, and put a copy back in its place.

A record that is put back is older than what the venues saw: its epoch rises, so that no
client order id is used twice, and what it still had to say is dropped.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from core.errors import StorageError
from storage.columns import to_ms
from storage.database import DamagedError, bring_up, lock_path
from storage.files import (
    SIDE_FILES,
    FileLock,
    prepare_file,
    prepare_folder,
    set_aside,
)
from storage.schema import JOURNAL

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

REPLACED: Final = "replaced"
_PRIVATE_FILE: Final = 0o600
_BESIDE: Final = ("-journal", *SIDE_FILES)
_STALE = """
UPDATE outbox SET state = 'dropped', ended_at_ms = ?, error = 'from before a backup'
WHERE state = 'pending'
"""
_EVENT = "INSERT INTO event (at_ms, who, what, detail) VALUES (?, 'host', ?, ?)"


@dataclass(frozen=True, slots=True)
class Restored:
    """What putting a backup back did."""

    epoch: int
    aside: Path | None
    """Where the record is that was there before."""


def back_up(path: Path, target: Path, at: datetime) -> Path:
    """Copy a record as it is at one moment; return the copy.

    The bot may be running: it neither waits nor is half of a step copied. A folder gets
    a file with the moment in its name.

    Raises:
        StorageError: there is no record, the copy exists or cannot be written.
    """
    if target.is_dir():
        target = target / f"{path.stem}-{at:%Y%m%d-%H%M%S}.db"
    if not path.is_file():
        message = f"There is no record at {path} to save."
        raise StorageError(message)
    _check_free(target)
    coming = _coming(target)
    begun = _begin(coming)
    try:
        _copy(path, coming)
        bring_up(coming, JOURNAL)
        _fold(coming)
        _publish(coming, begun, target)
    finally:
        _drop(coming, begun)
    return target


def restore(path: Path, backup: Path, at: datetime) -> Restored:
    """Put a copy in a record's place; the one that was there is kept beside it.

    Raises:
        StorageError: a bot is running on it, or the backup cannot be used; nothing was
            changed.
    """
    if not backup.is_file():
        message = f"There is no backup at {backup}."
        raise StorageError(message)
    prepare_folder(path.parent)
    lock = FileLock.take(lock_path(path))
    coming = _coming(path)
    try:
        _begin(coming)
        _copy(backup, coming)
        with _sentences(f"The backup {backup} cannot be used"):
            bring_up(coming, JOURNAL)
        epoch = _renew(coming, _next_epoch(path, coming, at), at)
        aside = _make_way(path, at)
        coming.replace(path)
        prepare_file(path)
    finally:
        coming.unlink(missing_ok=True)
        lock.release()
    return Restored(epoch, aside)


# --- a file that is not whole yet -----------------------------------------------------


def _coming(path: Path) -> Path:
    """Return where a file is written until it is whole.

    Whoever finds the other name there may rely on it, however we ended.
    """
    return path.with_name(f".{path.name}.coming")


def _begin(path: Path) -> int:
    """Create an empty private file in place of an unfinished one; return its inode."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        for tail in ("", *_BESIDE):
            path.with_name(path.name + tail).unlink(missing_ok=True)
        descriptor = os.open(path, flags, _PRIVATE_FILE)
    except OSError as error:
        message = f"{path} cannot be written: {error.strerror}."
        raise StorageError(message) from error
    try:
        return os.fstat(descriptor).st_ino
    finally:
        os.close(descriptor)


def _publish(coming: Path, begun: int, target: Path) -> None:
    """Give a whole file its name, in one step."""
    _check_free(target)
    if not _is_ours(coming, begun):
        message = (
            f"Another backup to {target} was begun meanwhile; this one is not kept."
        )
        raise StorageError(message)
    coming.rename(target)


def _check_free(target: Path) -> None:
    if target.exists():
        message = f"{target} exists; a backup replaces nothing."
        raise StorageError(message)


def _is_ours(path: Path, begun: int) -> bool:
    return path.exists() and path.stat().st_ino == begun


def _drop(path: Path, begun: int) -> None:
    """Remove what did not become whole, unless another backup took its place."""
    if _is_ours(path, begun):
        for tail in ("", *_BESIDE):
            path.with_name(path.name + tail).unlink(missing_ok=True)


# --- one record into another file -----------------------------------------------------


def _copy(source: Path, target: Path) -> None:
    with (
        _sentences(f"{source} cannot be copied"),
        closing(sqlite3.connect(source)) as one,
        closing(sqlite3.connect(target)) as other,
    ):
        one.execute("PRAGMA query_only = ON")
        one.backup(other)  # all pages in one step: one moment, and no writer waits


def _fold(path: Path) -> None:
    """Fold what lies beside a copy into it: one file is easier to carry."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")


def _renew(path: Path, epoch: int, at: datetime) -> int:
    with (
        closing(sqlite3.connect(path, isolation_level=None)) as connection,
        _sentences(f"{path} cannot be written"),
    ):
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE identity SET epoch = ?", (epoch,))
        connection.execute(_STALE, (to_ms(at),))
        connection.execute(
            _EVENT, (to_ms(at), "put a backup back", f"epoch is {epoch}")
        )
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode = DELETE")
    return epoch


def _next_epoch(path: Path, backup: Path, at: datetime) -> int:
    """Return an epoch under which no order was ever sent.

    Where the record that is replaced cannot be read, nobody knows how high it was; the
    moment in seconds is higher than any count of restores.
    """
    in_backup, in_use = _epoch(backup), _epoch(path)
    if in_use is None:
        return max(int(at.timestamp()), (in_backup or 0) + 1)
    return max(in_backup or 0, in_use) + 1


def _epoch(path: Path) -> int | None:
    if not path.is_file():
        return None
    try:
        with closing(sqlite3.connect(path)) as connection:
            found = connection.execute("SELECT epoch FROM identity").fetchone()
    except sqlite3.Error:
        return None
    return None if found is None else int(found[0])


def _make_way(path: Path, at: datetime) -> Path | None:
    """Keep the record in use under another name; return it, None if there was none.

    A sound one stays in its place until it is replaced in one step, so that no start in
    between finds nothing; what lies beside it is folded in first.
    """
    if not path.is_file():
        return None
    try:
        _fold(path)
    except sqlite3.Error:
        return set_aside(path, REPLACED, at)
    aside = path.with_name(f"{path.name}.{REPLACED}-{at:%Y%m%d-%H%M%S}")
    aside.hardlink_to(path)
    return aside


@contextmanager
def _sentences(what: str) -> Iterator[None]:
    """Turn what SQLite says into one sentence."""
    try:
        yield
    except (sqlite3.Error, DamagedError) as error:
        message = f"{what}: {error}."
        raise StorageError(message) from error
