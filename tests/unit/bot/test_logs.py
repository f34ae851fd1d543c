from __future__ import annotations

import asyncio
import io
import logging
import sys
from typing import TYPE_CHECKING

import pytest

from bot import logs

if TYPE_CHECKING:
    from collections.abc import Iterator

CANARY = "canary-7f2c9"
TOKEN = "987654321:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc"  # noqa: S105 - opens nothing


@pytest.fixture
def printed() -> Iterator[io.StringIO]:
    """Give what the program prints, with logging as the program sets it up."""
    root, hook = logging.getLogger(), sys.excepthook
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.configure("DEBUG", [CANARY], stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    sys.excepthook = hook
    for name in logs.QUIET:
        logging.getLogger(name).setLevel(logging.NOTSET)


def test_secrets_are_hidden_in_text_arguments_and_tracebacks(
    printed: io.StringIO,
) -> None:
    """Logs are pasted into issues."""
    log = logging.getLogger("test")
    log.warning("with %s inside", CANARY)
    try:
        int(CANARY)
    except ValueError:
        log.exception("failed")

    assert CANARY not in printed.getvalue()
    assert printed.getvalue().count("[hidden]") >= 2


def test_keys_are_hidden_in_capitals_and_with_a_prefix_too(
    printed: io.StringIO,
) -> None:
    """Libraries write the same key in other letters."""
    logging.getLogger("test").warning("0x%s and %s", CANARY.upper(), CANARY)

    assert "7f2c9" not in printed.getvalue().lower()
    assert "0x[hidden] and [hidden]" in printed.getvalue()


def test_what_signs_an_address_is_hidden(printed: io.StringIO) -> None:
    """A signed request can be sent again by whoever reads it in time."""
    logging.getLogger("test").info("GET /x?symbol=A&signature=ab12&auth=1:2:ff at 3")

    assert "symbol=A&signature=[hidden]&auth=[hidden] at 3" in printed.getvalue()


def test_anything_shaped_like_a_bot_token_is_hidden_also_inside_an_address(
    printed: io.StringIO,
) -> None:
    """The Bot API carries the token in every address."""
    logging.getLogger("test").info(
        "POST https://api.telegram.org/bot%s/getMe and %s", TOKEN, TOKEN
    )

    assert TOKEN not in printed.getvalue()
    assert "api.telegram.org/[hidden]/getMe and [hidden]" in printed.getvalue()


def test_libraries_that_log_addresses_or_keys_stay_quiet(printed: io.StringIO) -> None:
    """At DEBUG httpx prints the token and ccxt prints headers."""
    for name in ("httpx", "httpcore.http11", "ccxt.base", "apscheduler.scheduler"):
        logging.getLogger(name).info("chatter")

    assert printed.getvalue() == ""


def test_text_from_outside_cannot_forge_a_log_line(printed: io.StringIO) -> None:
    """A venue's message must not look like one of ours."""
    logging.getLogger("test").warning("says %s", "x\n2026 ERROR bot: all sold")

    assert printed.getvalue().count("\n") == 1
    assert "x\\n2026 ERROR" in printed.getvalue()


def test_a_crash_is_logged_without_secrets(printed: io.StringIO) -> None:
    """The interpreter's own traceback would print them."""
    error = RuntimeError(f"token {CANARY}")
    sys.excepthook(RuntimeError, error, None)

    assert "the program ended badly" in printed.getvalue()
    assert CANARY not in printed.getvalue()


async def test_what_the_event_loop_complains_about_is_logged(
    printed: io.StringIO,
) -> None:
    """A failed callback would otherwise be printed past the redaction."""
    loop = asyncio.get_running_loop()
    logs.watch_loop(loop)
    loop.call_exception_handler(
        {"message": "callback failed", "exception": ValueError(CANARY)}
    )

    assert "event loop: callback failed" in printed.getvalue()
    assert CANARY not in printed.getvalue()
