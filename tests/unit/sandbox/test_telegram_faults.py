"""Telegram going wrong on demand, as the real python-telegram-bot feels it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from telegram.error import (
    BadRequest,
    Conflict,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TimedOut,
)

from tests.unit.sandbox.telegram_desk import ANNA, make_bot, open_desk

if TYPE_CHECKING:
    from telegram.error import (
        TelegramError,
    )


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("status_500", NetworkError),
        ("html_502", NetworkError),
        ("reset", NetworkError),
        ("retry_after", RetryAfter),
        ("409", Conflict),
        ("401", InvalidToken),
        ("404", InvalidToken),
    ],
)
async def test_a_fault_spoils_one_call_without_effect(
    kind: str, error: type[TelegramError], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next call works, and nothing was sent by the spoiled one."""
    monkeypatch.setenv("PTB_TIMEDELTA", "1")  # else the library warns about itself
    async with open_desk() as desk:
        desk.stand_in.faults.add("sendMessage", kind)

        with pytest.raises(error):
            await desk.bot.send_message(ANNA, "lost")
        await desk.bot.send_message(ANNA, "sent")

        assert [one.text for one in desk.stand_in.messages(ANNA)] == ["sent"]
        assert not desk.stand_in.refusals


@pytest.mark.parametrize(
    ("kind", "texts"), [("timeout_before", []), ("timeout_after", ["x"])]
)
async def test_a_silent_call_may_have_had_its_effect(
    kind: str, texts: list[str]
) -> None:
    """The bot cannot tell these two apart, so a confirm card is never sent twice."""
    async with open_desk() as desk, make_bot(desk.url, read_timeout_s=0.1) as bot:
        desk.stand_in.faults.add("sendMessage", kind)

        with pytest.raises(TimedOut):
            await bot.send_message(ANNA, "x")

        assert [one.text for one in desk.stand_in.messages(ANNA)] == texts


async def test_a_slow_body_arrives_in_the_end() -> None:
    """Ten pieces over a tenth of a second are one answer."""
    async with open_desk() as desk:
        desk.stand_in.faults.add("sendMessage", "slow_body", param=0.1)

        sent = await desk.bot.send_message(ANNA, "x" * 500)

        assert sent.text == "x" * 500


async def test_retry_after_tells_the_planned_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only the chat that was told to wait has to wait that long."""
    monkeypatch.setenv("PTB_TIMEDELTA", "1")  # else the library warns about itself
    async with open_desk() as desk:
        desk.stand_in.faults.add("*", "retry_after", param=7)

        with pytest.raises(RetryAfter, match="Retry in 0:00:07"):
            await desk.bot.send_message(ANNA, "x")


async def test_a_fault_lasts_as_often_as_planned() -> None:
    """Outages of known length make retries countable."""
    async with open_desk() as desk:
        desk.stand_in.faults.add("*", "status_500", times=2)
        failures = 0

        for _ in range(3):
            try:
                await desk.bot.send_message(ANNA, "x")
            except NetworkError:
                failures += 1

        assert failures == 2
        assert len(desk.stand_in.messages(ANNA)) == 1


async def test_an_unknown_fault_is_a_mistake_of_the_test() -> None:
    """A misspelled fault would otherwise test nothing."""
    async with open_desk() as desk:
        with pytest.raises(ValueError, match="unknown fault 'tiemout'"):
            desk.stand_in.faults.add("*", "tiemout")


async def test_every_call_is_on_record() -> None:
    """Tests read from the record what the bot really sent, and what was answered."""
    async with open_desk() as desk:
        await desk.bot.send_message(ANNA, "x")
        with pytest.raises(BadRequest):
            await desk.bot.send_message(ANNA, "")

        sent, refused = [
            one for one in desk.stand_in.calls if one.method == "sendMessage"
        ]

        assert (sent.status, sent.params["text"]) == (200, "x")
        assert sent.result["message_id"] == 1
        assert refused.error == "Bad Request: message text is empty"
        with pytest.raises(AssertionError, match="message text is empty"):
            desk.stand_in.assert_clean()
        desk.stand_in.assert_clean(allow=["text is empty"])
