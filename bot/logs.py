"""Set logging up: one handler on stderr from which no secret leaves."""

from __future__ import annotations

import logging
import re
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable
    from types import TracebackType

log = logging.getLogger(__name__)

HIDDEN = "[hidden]"
QUIET = ("httpx", "httpcore", "ccxt", "apscheduler", "telegram", "aiosqlite", "asyncio")
"""Libraries that log addresses (httpx: with the bot token) or keys below WARNING."""
_SIGNED = re.compile(r"\b((?:signature|auth)=)[^\s&\"']+")
"""What a signed address proves; good for a replay while it is fresh."""
_TOKEN = re.compile(r"(?<![\w])(bot)?\d{5,20}:[A-Za-z0-9_-]{20,}")


class Redactor:
    """Replaces secrets in text."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        longest_first = sorted({each for each in secrets if each}, key=len)[::-1]
        known = "|".join(re.escape(each) for each in longest_first)
        self._known = re.compile(known, re.IGNORECASE) if known else None

    def clean(self, text: str) -> str:
        """Return the text without the known secrets, bot tokens and signatures."""
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        return _SIGNED.sub(rf"\1{HIDDEN}", _TOKEN.sub(HIDDEN, text))


class RedactingFormatter(logging.Formatter):
    """Cleans the finished line, so that tracebacks and arguments are covered too."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        """Return the line without secrets."""
        return self._redactor.clean(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's
        """Return the line's own text on one line: nobody forges a second one."""
        record.message = record.message.replace("\r", "\\r").replace("\n", "\\n")
        return super().formatMessage(record)


def configure(
    level: str, secrets: Iterable[str] = (), stream: TextIO | None = None
) -> Redactor:
    """Send all logging to stderr and return what cleans text."""
    redactor = Redactor(secrets)
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(RedactingFormatter(redactor))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    sys.excepthook = _log_crash
    return redactor


def watch_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Log what the event loop would print on its own."""
    loop.set_exception_handler(_log_loop)


def _log_crash(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    log.critical("the program ended badly", exc_info=(kind, error, trace))


def _log_loop(_loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    error = context.get("exception")
    log.error(
        "event loop: %s",
        context.get("message"),
        exc_info=error if isinstance(error, BaseException) else None,
    )
