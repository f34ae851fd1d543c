from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from bot import cli
from core.errors import StorageError
from core.model.instrument import TokenRow
from core.model.opportunity import Opportunity, Skip, SkipReason
from core.model.units import Base
from storage.database import Database
from tests.fakes.bazaar import Bazaar
from tests.fakes.engine import RULES
from tests.fakes.estimates import estimate
from tests.fakes.objects import (
    BINANCE,
    LIGHTER,
    instrument,
    scan_result,
    snapshot,
)
from tests.fakes.runtime import START, FakeClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bot.settings import Settings
    from core.model.opportunity import ScanResult


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [each for each in os.environ if each.startswith("CARRY_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CARRY_ENV_FILE", "")
    monkeypatch.setattr("bot.logs.configure", lambda *_given: None)


def a_result() -> ScanResult:
    """Return a scan with one pair, one single token and one skip."""
    long = snapshot("PEPE", LIGHTER, per_hour="-0.00001", price="0.005", volume=None)
    thousand = replace(
        instrument("PEPE", BINANCE),
        multiplier=Decimal(1000),
        symbol="1000PEPE/USDT:USDT",
    )
    short = replace(
        snapshot("PEPE", BINANCE, per_hour="0.00004", price="0.005"),
        instrument=thousand,
    )
    rows = (
        TokenRow(
            Base("PEPE"),
            {LIGHTER: long.instrument, BINANCE: short.instrument},
            {},
        ),
        TokenRow(Base("RARE"), {BINANCE: instrument("RARE")}, {}),
        TokenRow(Base("GONE"), {}, {}),
    )
    skip = Skip(Base("RARE"), SkipReason.SINGLE_VENUE, "only on binance")
    return replace(
        scan_result(
            Opportunity(Base("PEPE"), long, short, unpriced="no order book in time")
        ),
        matrix=rows,
        skips=(skip, skip),
    )


class OneScan:
    """A scanner with one result."""

    def __init__(self, result: ScanResult) -> None:
        self.result = result

    async def proven_scan(self) -> ScanResult:
        """Return it."""
        return self.result


def serve(monkeypatch: pytest.MonkeyPatch, result: ScanResult) -> None:
    """Let `carrybot scan` see this result."""

    @asynccontextmanager
    async def scanning(_settings: Settings) -> AsyncIterator[OneScan]:
        yield OneScan(result)

    monkeypatch.setattr(cli, "scanning", scanning)


def test_the_json_is_exactly_the_documented_object() -> None:
    """Programs read it: names, texts for decimals, null for unknown."""
    assert cli.scan_object(a_result()) == {
        "at": START.isoformat(),
        "usdt_in_usdc": None,
        "venues": [
            {
                "venue": venue,
                "ok": True,
                "instruments": 1,
                "rates": 1,
                "error": None,
                "age_s": "0.000",
                "latency_ms": 80,
                "reads": 20,
                "errors": 0,
                "error_budget_left": "1",
                "paused_until": None,
                "proof": None,
            }
            for venue in ("binance", "hyperliquid", "lighter", "extended")
        ],
        "matrix": [
            {
                "token": "PEPE",
                "status": "ok",
                "venues": ["binance", "lighter"],
                "pairs": 1,
            },
            {"token": "RARE", "status": "single", "venues": ["binance"], "pairs": 0},
            {"token": "GONE", "status": "none", "venues": [], "pairs": 0},
        ],
        "opportunities": [
            {
                "rank": 1,
                "token": "PEPE",
                "long": {
                    "venue": "lighter",
                    "symbol": "PEPE/USDC:USDC",
                    "rate": "-0.00001",
                    "interval_h": "1",
                    "rate_hourly": "-0.00001",
                    "next_funding_at": "2026-11-22T22:00:13+00:00",
                    "mark_price": "0.005",
                    "volume_24h_usd": None,
                },
                "short": {
                    "venue": "binance",
                    "symbol": "1000PEPE/USDT:USDT",
                    "rate": "0.00032",
                    "interval_h": "8",
                    "rate_hourly": "0.00004",
                    "next_funding_at": "2026-11-22T22:00:13+00:00",
                    "mark_price": "5",
                    "volume_24h_usd": "1000000",
                },
                "spread_hourly": "0.00005",
                "apr": "0.438",
                **dict.fromkeys(cli._NET_KEYS),
                "unpriced": "no order book in time",
                "refusal": None,
            }
        ],
        "skipped": [
            {"token": "RARE", "reason": "single_venue", "detail": "only on binance"}
        ]
        * 2,
    }


def test_the_json_of_a_priced_pair_holds_its_net_part_by_part() -> None:
    """500 USD for 24 h: 1.56 of funding, 1.05 of costs, 0.51 left on 400 locked."""
    found = a_result()
    (gross,) = found.opportunities
    net = Skip(Base("PEPE"), SkipReason.BELOW_MIN_NET, "+0.51 USD net, 0.60 wanted")
    priced = replace(
        gross, unpriced=None, estimate=estimate(blended="0.2"), refusal=net
    )

    (told,) = cli.scan_object(replace(found, opportunities=(priced,)))["opportunities"]

    legs = told.pop("legs")
    assert {key: told[key] for key in cli._NET_KEYS if key != "legs"} == {
        "size_usd": "500",
        "quantity": "5",
        "hold_h": "24",
        "net_usd": "0.51",
        "blended_net_usd": "0.2",
        "funding_usd": "1.56",
        "cost_usd": "1.05",
        "cost": "0.0021",
        "fees_usd": "1",
        "entry_basis_usd": "0.05",
        "exit_basis_usd": "0",
        "break_even_h": "19.5",
        "break_even_payments": 5,
        "break_even_after_h": "18.16666667",
        "net_apr": "0.3723",
        "margin_usd": "400",
        "return_on_margin": "0.001275",
        "fee_source": "catalog",
    }
    assert told["refusal"] == {
        "reason": "below_min_net",
        "detail": "+0.51 USD net, 0.60 wanted",
    }
    assert legs["short"] == {
        "entry_price": "100",
        "exit_price": "100",
        "taker_fee": "0.0005",
        "fee_source": "catalog",
        "fees_usd": "0.5",
        "payments": 6,
        "funding_usd": "1.68",
        "liquidation_distance": "0.31",
        "book_age_s": "2.000",
    }


def test_scan_json_prints_one_object_on_stdout(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`carrybot scan --json | jq` must work."""
    serve(monkeypatch, a_result())

    assert cli.main(["scan", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["opportunities"][0]["rank"] == 1


def test_scan_prints_matrix_ranking_and_what_was_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A person at a terminal sees the same facts."""
    serve(monkeypatch, a_result())

    assert cli.main(["scan"]) == 0
    printed = capsys.readouterr().out
    for words in ("Matrix", "⚠️", "❌", "lighter", "43.8", "single_venue 2"):
        assert words in printed


def test_the_tables_can_show_rates_per_hour() -> None:
    """The period is the reader's choice and always stands in the header."""
    stream = io.StringIO()
    console = Console(file=stream, width=120)
    cli.print_scan(a_result(), console, period_h=1)

    assert "Gross %/1h" in stream.getvalue()
    assert "0.0050" in stream.getvalue()


def test_a_scan_that_no_venue_answered_ends_with_status_3(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A script must be able to tell an outage from a quiet market."""
    quiet = a_result()
    down = tuple(replace(each, is_ok=False, error="timeout") for each in quiet.venues)
    serve(monkeypatch, replace(quiet, venues=down, opportunities=()))

    assert cli.main(["scan"]) == 3


@pytest.mark.parametrize(
    ("token", "status", "said"),
    [
        ("apt", 0, "✅ APT: LT>BN passes every gate here, +0.080%/8h gross"),
        ("NOPE", 3, "No venue lists NOPE."),
    ],
)
def test_scan_why_prints_a_line_per_venue_and_pair(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    token: str,
    status: int,
    said: str,
) -> None:
    """The terminal answers the same question as chat, without an account."""

    @asynccontextmanager
    async def explaining(_settings: Settings) -> AsyncIterator[object]:
        bazaar = Bazaar()
        bazaar.sell("APT", BINANCE, per_hour="0.0001")
        bazaar.sell("APT", LIGHTER, per_hour="0")
        await bazaar.scanner.scan()
        yield bazaar.walk, {rules.venue_id: rules for rules in RULES}

    monkeypatch.setattr(cli, "explaining", explaining)

    assert cli.main(["scan", "--why", token]) == status
    printed = capsys.readouterr()
    assert said in (printed.out + printed.err).splitlines()
    assert ("running bot's" in printed.out) is (status == 0)


def test_bad_settings_are_sentences_on_stderr_and_status_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback for a typo."""
    monkeypatch.setenv("CARRY_MODE", "live")

    assert cli.main(["run"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == [
        "CARRY_MODE=live needs the keys of two venues at least; give them.",
        (
            "CARRY_TELEGRAM_TOKEN is empty; ask @BotFather for a bot and write its "
            "token there."
        ),
        "CARRY_OWNER_IDS is empty; write the numeric Telegram id of who may trade.",
    ]


def test_a_folder_that_cannot_be_used_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """For one because another bot runs on it."""
    monkeypatch.setenv("CARRY_TELEGRAM_TOKEN", "123456:abcdef")
    monkeypatch.setenv("CARRY_OWNER_IDS", "1001")

    def refused(_settings: Settings) -> None:
        why = "Another bot uses this folder."
        raise StorageError(why)

    monkeypatch.setattr(cli, "running", refused)

    assert cli.main(["run"]) == 1
    assert capsys.readouterr().err == "Another bot uses this folder.\n"


def test_a_record_is_saved_and_put_back_from_the_terminal(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    """No account and no chat are needed for it, and each end is a sentence."""
    monkeypatch.setenv("CARRY_DATA_DIR", str(tmp_path / "data"))
    copy = tmp_path / "copy.db"
    record = tmp_path / "data" / "paper.db"

    async def make() -> None:
        database = await Database.open(record, clock=FakeClock())
        await database.identity()
        await database.close()

    assert cli.main(["backup", str(copy)]) == 1
    assert capsys.readouterr().err == f"There is no record at {record} to save.\n"
    asyncio.run(make())
    assert cli.main(["backup", str(copy)]) == 0
    assert capsys.readouterr().out == f"The paper record is saved as {copy}.\n"
    assert cli.main(["restore", str(copy)]) == 0

    first, second, third = capsys.readouterr().out.splitlines()
    assert first == f"{copy} is the paper record now."
    assert second.startswith(f"The one before is kept as {record}.replaced-")
    assert third == "The next start compares it with the venues, which are right."


@pytest.mark.parametrize("words", [[], ["fly"], ["scan", "--xml"]])
def test_wrong_words_end_with_status_2_and_the_usage(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The command line explains itself."""
    with pytest.raises(SystemExit) as caught:
        cli.main(words)

    assert caught.value.code == 2
    assert "usage: carrybot" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_a_stop_signal_end_the_bot_in_order(
    number: signal.Signals, tmp_path: Path
) -> None:
    """Exit status 0, no traceback, although nothing it needs is reachable."""
    nowhere = "http://127.0.0.1:9"
    names = ("TELEGRAM_API", "BINANCE", "HYPERLIQUID", "LIGHTER", "EXTENDED")
    environment = {
        "PATH": os.environ["PATH"],
        "CARRY_ENV_FILE": "",
        "CARRY_TELEGRAM_TOKEN": "123456:abcdef",
        "CARRY_OWNER_IDS": "1001",
        "CARRY_DATA_DIR": str(tmp_path),
        **{f"CARRY_{name}_URL": nowhere for name in names},
    }
    with subprocess.Popen(
        [sys.executable, "-m", "bot", "run"],
        env=environment,
        cwd=Path(__file__).parents[3],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        printed = ""
        while "cannot reach Telegram" not in printed:
            line = process.stderr.readline()
            assert line, printed
            printed += line
        process.send_signal(number)
        _, rest = process.communicate(timeout=10)

    assert process.returncode == 0
    assert "Traceback" not in printed + rest
    assert "carrybot stops" in rest
