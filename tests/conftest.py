"""Shared set-up: nothing blocks the event loop and no key is logged in any test."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
from blockbuster import blockbuster_ctx

from sandbox.venues.keys import live_environment

if TYPE_CHECKING:
    from collections.abc import Iterator

_KEYS = tuple(
    value.removeprefix("0x").lower()
    for name, value in live_environment().items()
    if name.endswith(("KEY", "SECRET"))
)


@pytest.fixture(autouse=True)
def _nothing_blocks_the_loop() -> Iterator[None]:
    with blockbuster_ctx(["bot", "core", "storage", "sandbox"]):
        yield


class _Ear(logging.Handler):
    """Notes who logs a key, before anything could hide it."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.format_all = logging.Formatter("%(message)s").format
        self.guilty: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format_all(record).lower()
        if any(key in line for key in _KEYS):
            self.guilty.append(f"{record.name}:{record.lineno}")


@pytest.fixture(autouse=True)
def _no_key_is_logged() -> Iterator[None]:
    root, ear = logging.getLogger(), _Ear()
    root.addHandler(ear)
    yield
    root.removeHandler(ear)
    assert not ear.guilty, "a key of an account was logged"
