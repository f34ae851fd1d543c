"""Hold room on the disk that is given up when the disk is full.

Without it the row of a closing order could not be written, and without its row no order
leaves: the bot could not even close.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)

BALLAST_BYTES: Final = 16 * 1024 * 1024
_NAME: Final = ".ballast"
_PRIVATE_FILE: Final = 0o600


class Ballast:
    """A file of nothing in the data folder; all of it blocks and runs in a thread."""

    def __init__(self, folder: Path, size: int = BALLAST_BYTES) -> None:
        self._path = folder / _NAME
        self._size = size

    @property
    def is_laid(self) -> bool:
        """Tell whether the room is held."""
        try:
            return self._path.stat().st_size >= self._size
        except OSError:
            return False

    def lay(self) -> bool:
        """Take the room; False if the disk does not have it."""
        if self.is_laid:
            return True
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        try:
            descriptor = os.open(self._path, flags, _PRIVATE_FILE)
            try:
                os.posix_fallocate(descriptor, 0, self._size)
            finally:
                os.close(descriptor)
        except OSError as error:
            self.drop()
            log.warning("no room is held on the disk: %s", error.strerror)
            return False
        return True

    def drop(self) -> bool:
        """Give the room up; False if none was held."""
        was_laid = self.is_laid
        self._path.unlink(missing_ok=True)
        return was_laid
