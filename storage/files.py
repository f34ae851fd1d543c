"""Guard the data folder: private modes, one process, room on the disk.

All of it blocks and runs in a thread.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Self

from core.errors import StorageError

if TYPE_CHECKING:
    from datetime import datetime

MIN_FREE_BYTES = 200_000_000
_PRIVATE_FOLDER = 0o700
_PRIVATE_FILE = 0o600
SIDE_FILES = ("-wal", "-shm")
"""What SQLite keeps beside a database."""
_STAMP_LENGTH = len("20261122-215213")
_MOUNTS = Path("/proc/mounts")
_NETWORK_DISKS = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs"})


def free_bytes(folder: Path) -> int:
    """Return the room left for us on the folder's disk."""
    return shutil.disk_usage(folder).free


def prepare_folder(folder: Path) -> None:
    """Create the folder for us alone, or check the one that is there.

    The mode of an existing folder is not touched: it may hold other things than ours,
    and our files in it are private by themselves.

    Raises:
        StorageError: it cannot be made, or others may replace files in it.
    """
    try:
        folder.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
        found = _own(folder)
    except OSError as error:
        message = f"The data folder {folder} cannot be used: {error.strerror}."
        raise StorageError(message) from error
    if found.st_mode & stat.S_IWOTH:
        message = (
            f"Everybody may write to the data folder {folder}; use one of your own."
        )
        raise StorageError(message)


def prepare_file(path: Path) -> None:
    """Create an empty private file, or make what is there private.

    SQLite gives its side files (`-wal`, `-shm`) the mode of the database, so those of
    an earlier, laxer run are corrected here too.

    Raises:
        StorageError: it cannot be made, or it belongs to another user.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE_FILE))
        for tail in ("", *SIDE_FILES):
            each = path.with_name(path.name + tail)
            if each.exists():
                _make_private(each)
    except OSError as error:
        message = f"The database {path} cannot be opened: {error.strerror}."
        raise StorageError(message) from error


def _make_private(path: Path) -> None:
    found = _own(path)
    if stat.S_IMODE(found.st_mode) != _PRIVATE_FILE:
        path.chmod(_PRIVATE_FILE)


def _own(path: Path) -> os.stat_result:
    found = path.stat()
    if found.st_uid != os.geteuid():
        message = f"{path} belongs to another user; carrybot does not use it."
        raise StorageError(message)
    return found


def check_room(folder: Path, free: int) -> None:
    """Refuse a nearly full disk before the first order needs it.

    Raises:
        StorageError: too little room.
    """
    if free < MIN_FREE_BYTES:
        message = (
            f"Only {free // 1_000_000} MB are free for {folder}; carrybot needs "
            f"{MIN_FREE_BYTES // 1_000_000} MB to start."
        )
        raise StorageError(message)


def check_local(folder: Path, mounts: str) -> None:
    """Refuse a network disk: SQLite's log needs locks and memory of one machine.

    Args:
        folder: where the database goes, absolute.
        mounts: the kernel's table of mounts; empty where there is none.

    Raises:
        StorageError: the folder lies on a network disk.
    """
    rows = (line.split()[1:3] for line in mounts.splitlines())
    found = [row for row in rows if row[1:] and _holds(row[0], folder)]
    _, kind = max(found, key=lambda each: len(each[0]), default=("", ""))
    if kind in _NETWORK_DISKS:
        message = (
            f"The data folder {folder} is on a network disk ({kind}); use a local one."
        )
        raise StorageError(message)


def mount_table() -> str:
    """Return the kernel's table of mounts, empty where there is none."""
    try:
        return _MOUNTS.read_text("utf-8", "replace")
    except OSError:
        return ""


def _holds(mount_point: str, folder: Path) -> bool:
    # the table writes a blank inside a path as \\040
    return folder.is_relative_to(mount_point.replace("\\040", " "))


def set_aside(path: Path, why: str, at: datetime) -> Path:
    """Move a database and what is beside it out of the way; return where it is now.

    Raises:
        StorageError: it cannot be moved.
    """
    new = path.with_name(f"{path.name}.{why}-{at:%Y%m%d-%H%M%S}")
    try:
        for tail in ("", *SIDE_FILES):
            side = path.with_name(path.name + tail)
            if side.exists():
                side.rename(new.with_name(new.name + tail))
    except OSError as error:
        message = f"{path} cannot be moved to {new}: {error.strerror}."
        raise StorageError(message) from error
    return new


def newest_aside(path: Path) -> Path | None:
    """Return the database that was set aside last, None if none ever was."""
    tails = tuple(f"*{tail}" for tail in SIDE_FILES)
    found = (
        each
        for each in path.parent.glob(f"{path.name}.*-*")
        if not any(each.match(tail) for tail in tails)
    )
    return max(found, key=lambda each: each.name[-_STAMP_LENGTH:], default=None)


class FileLock:
    """A lock that the kernel drops with the process, however it dies."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    @classmethod
    def take(cls, path: Path) -> Self:
        """Lock the file, creating it.

        Raises:
            StorageError: another process holds it, or it cannot be made.
        """
        try:
            descriptor = os.open(
                path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE_FILE
            )
        except OSError as error:
            message = f"The lock {path} cannot be made: {error.strerror}."
            raise StorageError(message) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(descriptor, 20).decode("ascii", "replace").strip()
            os.close(descriptor)
            message = (
                f"Another carrybot (process {holder or 'unknown'}) already uses the "
                f"data folder {path.parent}."
            )
            raise StorageError(message) from error
        os.truncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode("ascii"))
        return cls(descriptor)

    def release(self) -> None:
        """Let the next process in; a second call does nothing."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
