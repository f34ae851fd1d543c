"""What a scan says against what is true in the pretend market, for every token."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from core.model.units import hours_of
from sandbox.app import SandboxServer
from sandbox.clock import SandboxClock
from tests.journeys.house import environment

if TYPE_CHECKING:
    from pathlib import Path

    from tests.journeys.house import House

pytestmark = pytest.mark.journey

KNOWN_REASONS = {
    "single_venue", "not_listed", "below_min_spread", "below_min_volume",
    "unknown_volume", "stale", "venue_down", "no_interval", "no_price", "malformed",
    "price_mismatch", "delisted", "settling", "pre_market", "dated", "non_crypto",
    "not_linear", "other_quote", "inactive", "duplicate", "not_chosen",
}  # fmt: skip


@dataclass(frozen=True)
class Printed:
    """What a command left behind."""

    status: int
    stdout: str
    stderr: str

    @property
    def scan(self) -> dict[str, Any]:
        """Return the one JSON object."""
        return dict(json.loads(self.stdout))


async def carrybot(box: SandboxServer, folder: Path, **settings: str) -> Printed:
    """Run `carrybot scan --json` as a person does, in an empty folder."""
    ours = {f"CARRY_{name.upper()}": text for name, text in settings.items()}
    clean = {k: v for k, v in os.environ.items() if not k.startswith("CARRY_")}
    chat = {"CARRY_TELEGRAM_TOKEN", "CARRY_OWNER_IDS", "CARRY_VIEWER_IDS"}
    bare = {k: v for k, v in environment(box, folder).items() if k not in chat}
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        "scan",
        "--json",
        cwd=folder,
        env={**clean, **bare, **ours},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await child.communicate()
    return Printed(child.returncode or 0, out.decode(), err.decode())


def still_now() -> SandboxClock:
    """Return a stopped clock that shows the machine's time, which a child reads."""
    return SandboxClock(fixed_ms=int(time.time() * 1000))


async def scanned(
    folder: Path, **settings: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a scan and the truth, both of the same hour."""
    while True:
        async with SandboxServer(still_now()) as box:
            hour = datetime.now(UTC).hour
            printed = await carrybot(box, folder, **settings)
            truth = box.control.truth()["tokens"]
        if datetime.now(UTC).hour == hour:
            assert printed.status == 0, printed.stderr
            return printed.scan, truth


def is_leg(leg: dict[str, Any], facts: dict[str, Any]) -> bool:
    """Tell whether one side of an opportunity is as the market has it."""
    volume = leg["volume_24h_usd"]
    return (
        Decimal(leg["rate_hourly"]) == Decimal(facts["rate_hourly"])
        and int(leg["interval_h"]) == facts["interval_h"]
        and leg["next_funding_at"] == facts["next_funding_at"]
        and Decimal(leg["mark_price"]) == Decimal(facts["mark_price"])
        and (volume is None) == (facts["volume_24h_usd"] is None)
    )


async def test_every_token_of_a_scan_is_as_the_market_has_it(tmp_path: Path) -> None:
    """A wrong interval or sign would make a person open a pair that pays."""
    scan, truth = await scanned(tmp_path, min_spread_hourly="0", net_top_k="0")
    told = {each["token"]: each for each in scan["opportunities"]}
    expected = {base: one["best"] for base, one in truth.items() if one["best"]}
    assert told.keys() == expected.keys()
    assert len(told) > 30
    for base, best in expected.items():
        one, venues = told[base], truth[base]["venues"]
        assert (one["long"]["venue"], one["short"]["venue"]) == (
            best["long"],
            best["short"],
        ), base
        assert Decimal(one["spread_hourly"]) == Decimal(best["spread_hourly"]), base
        assert Decimal(one["apr"]) == Decimal(best["spread_hourly"]) * 8760, base
        assert is_leg(one["long"], venues[best["long"]]), (base, one["long"])
        assert is_leg(one["short"], venues[best["short"]]), (base, one["short"])


async def test_the_matrix_and_the_order_of_a_scan_are_true(tmp_path: Path) -> None:
    """The first line is what a person acts on; a dead market must not be in it."""
    scan, truth = await scanned(tmp_path, net_top_k="0")
    rows = {each["token"]: each for each in scan["matrix"]}
    for base, entry in truth.items():
        live = sorted(v for v, facts in entry["venues"].items() if facts["live"])
        row = rows.pop(base, None)
        assert (row["venues"] if row else []) == live, base
        if row:
            words = {0: "none", 1: "single"}.get(len(live), "ok")
            assert row["status"] == words, base
            assert row["pairs"] == len(live) * (len(live) - 1) // 2, base
    assert not rows
    best = [
        (-Decimal(one["best"]["spread_hourly"]), base)
        for base, one in truth.items()
        if one["best"] and Decimal(one["best"]["spread_hourly"]) >= Decimal("0.00002")
    ]
    told = [each["token"] for each in scan["opportunities"]]
    assert told == [base for _, base in sorted(best)]
    assert [each["rank"] for each in scan["opportunities"]] == list(
        range(1, len(told) + 1)
    )
    reasons = Counter(each["reason"] for each in scan["skipped"])
    assert set(reasons) <= KNOWN_REASONS
    assert reasons["price_mismatch"] == 2
    assert [v["ok"] for v in scan["venues"]] == [True] * 4
    assert datetime.fromisoformat(scan["at"]).tzinfo is not None


async def test_every_rate_in_the_running_bot_is_as_the_market_has_it(
    house: House,
) -> None:
    """Only best pairs reach the ranking; the token cards show all other rates too."""
    checked = 0
    for base, entry in house.box.control.truth()["tokens"].items():
        found = {
            each.instrument.venue_id: each
            for each in house.ranking.snapshots.get(base, ())
        }
        live = {v: facts for v, facts in entry["venues"].items() if facts["live"]}
        assert found.keys() == live.keys(), base
        for venue, facts in live.items():
            one = found[venue]
            assert one.rate.per_hour == Decimal(facts["rate_hourly"]), (base, venue)
            assert hours_of(one.rate.payment_interval) == facts["interval_h"]
            assert one.next_funding_at is not None
            assert one.next_funding_at.isoformat() == facts["next_funding_at"]
            assert one.instrument.multiplier == facts["multiplier"]
            checked += 1
    assert checked > 120


async def test_no_venue_at_all_is_status_3_and_still_one_object(tmp_path: Path) -> None:
    """A script that watches the scan must tell silence from a quiet market."""
    async with SandboxServer(still_now()) as box:
        box.faults.add("*", "*", "status", times=None, param=502)
        printed = await carrybot(box, tmp_path)
    assert printed.status == 3
    assert [each["ok"] for each in printed.scan["venues"]] == [False] * 4
    assert all(each["error"] for each in printed.scan["venues"])
    assert printed.scan["opportunities"] == []


async def test_one_venue_alone_is_status_0_and_logs_stay_off_stdout(
    tmp_path: Path,
) -> None:
    """What is printed is read by programs; what happened is read by people."""
    async with SandboxServer(still_now()) as box:
        for venue in ("binance", "hyperliquid", "lighter"):
            box.faults.add(venue, "*", "reset", times=None)
        printed = await carrybot(box, tmp_path)
    assert printed.status == 0
    assert {each["venue"]: each["ok"] for each in printed.scan["venues"]} == {
        "binance": False,
        "hyperliquid": False,
        "lighter": False,
        "extended": True,
    }
    assert "Token availability cache built" in printed.stderr
    assert "venue=lighter" in printed.stderr
    assert printed.stdout.startswith("{")
    assert not os.listdir(tmp_path), "a scan leaves no files"  # noqa: PTH208 - a check
