"""`carrybot backtest`: recorded days at a terminal and for scripts."""

from __future__ import annotations

import asyncio
import json
import os
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from bot import cli
from core.runtime import SystemClock
from storage.spread_history import SqliteSpreadHistory
from tests.fakes.history import later, two_venues

if TYPE_CHECKING:
    from pathlib import Path

MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Give a data folder and no settings from outside."""
    for name in [each for each in os.environ if each.startswith("CARRY_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CARRY_ENV_FILE", "")
    monkeypatch.setenv("CARRY_DATA_DIR", str(tmp_path))
    monkeypatch.setattr("bot.logs.configure", lambda *_given: None)
    return tmp_path


async def _record(path: Path, *minutes: int) -> None:
    store = await SqliteSpreadHistory.open(path)
    now = SystemClock().now().replace(hour=12, minute=0, second=0, microsecond=0)
    try:
        for each in minutes:
            begun = later(two_venues("0.00005"), 0)
            shift = (now - begun.at) // MINUTE + each
            await store.record(later(begun, shift))
    finally:
        await store.close()


def test_each_recorded_day_is_a_table(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """0.006 % an hour for six minutes is 0.0006 %; the heading says it is gross."""
    asyncio.run(_record(folder / "history.db", 0, 6))

    assert cli.main(["backtest", "--every", "5"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("Gross: ")
    assert printed[1].endswith("2 scans · 1 pairs ranked")
    assert printed[3].split() == [
        "1",
        "APT",
        "extended",
        ">",
        "binance",
        "0.0006%",
        "0.00600%",
        "0.00600%",
        "100%",
        "100%",
    ]


def test_json_is_one_object_a_day(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A script reads line by line while the replay goes on."""
    asyncio.run(_record(folder / "history.db", -24 * 60, 0, 6))

    assert cli.main(["backtest", "--json"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["scans"] for line in lines] == [1, 2]
    best = json.loads(lines[0])["best"][0]
    assert (best["token"], best["spread_hourly_mean"]) == ("APT", "0.00006")


def test_without_a_record_a_sentence_says_where_it_comes_from(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nothing was recorded yet: run the bot first."""
    assert cli.main(["backtest"]) == 1
    assert "once the bot has scanned" in capsys.readouterr().err


def test_an_empty_stretch_of_time_is_said_so(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The record may be older than the days asked for."""
    asyncio.run(_record(folder / "history.db", -10 * 24 * 60))

    assert cli.main(["backtest", "--days", "2"]) == 1
    assert capsys.readouterr().err == "Nothing was recorded in that time.\n"
