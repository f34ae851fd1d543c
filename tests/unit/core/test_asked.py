from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from core.orders import desk

if TYPE_CHECKING:
    import pytest


async def test_a_read_that_timed_out_says_so_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A line without a reason sends whoever reads it looking in the wrong place."""
    monkeypatch.setattr(desk, "ANSWER_WITHIN_S", 0)

    assert await desk.asked(asyncio.Event().wait()) is None

    assert caplog.messages == ["read failed: no answer within 0 s"]
