from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TYPE_CHECKING, get_args

import pytest

from bot.settings import KNOWN_VENUES, Settings, load_settings
from bot.wiring import running, scanning
from bot.wiring.accounts import Keyless, live_venues
from core.errors import StorageError, VenueError
from core.model.control import Event, TradingState
from core.model.order import Rejected
from core.model.preferences import Choice
from core.model.units import UserId
from core.runtime import SystemClock
from core.scanner import Scanner
from core.venues.catalog import VENUES
from core.venues.paper import PaperVenue
from sandbox.app import SandboxServer
from storage.alert_memory import SqliteAlertMemory
from storage.database import Database
from storage.preference_store import SqlitePreferences
from tests.fakes.objects import BINANCE, instrument
from tests.fakes.runtime import START
from tests.unit.core.test_intent import ORDER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from core.model.opportunity import ScanResult
    from core.model.order import Payment

ANNA = 1001


@pytest.fixture
async def box() -> AsyncIterator[SandboxServer]:
    """Serve the pretend world; Anna has pressed Start."""
    async with SandboxServer() as opened:
        opened.telegram.start_chat(ANNA)
        opened.telegram.flood_control = False
        yield opened


def settings_for(box: SandboxServer, folder: Path) -> Settings:
    """Return settings that point into the pretend world."""
    venues = {f"CARRY_{each.upper()}_URL": box.venue_url(each) for each in KNOWN_VENUES}
    return load_settings(
        {
            **venues,
            "CARRY_ENV_FILE": "",
            "CARRY_TELEGRAM_TOKEN": box.token,
            "CARRY_TELEGRAM_API_URL": box.telegram_url,
            "CARRY_OWNER_IDS": str(ANNA),
            "CARRY_DATA_DIR": str(folder),
        }
    )


def test_settings_know_exactly_the_venues_of_the_catalog() -> None:
    """A venue nobody can configure, or one nobody can read, would be a dead name."""
    field = Settings.model_fields["venues"]
    names = next(
        get_args(get_args(part)[0]) for part in [field.annotation] if get_args(part)
    )

    assert set(KNOWN_VENUES) == set(VENUES) == set(names)
    for name in KNOWN_VENUES:
        assert f"{name}_url" in Settings.model_fields


async def test_one_scan_needs_no_folder_and_no_chat(
    box: SandboxServer, tmp_path: Path
) -> None:
    """Looking must work beside a running bot, and before there is one."""
    settings = settings_for(box, tmp_path / "data")
    async with scanning(settings) as scanner:
        result = await scanner.scan()

    assert result.has_answer
    assert result.opportunities[0].base == "KAITO"
    assert not (tmp_path / "data").exists()
    assert list(box.telegram.calls) == []


async def test_named_tokens_mean_what_a_venue_s_names_mean(
    box: SandboxServer, tmp_path: Path
) -> None:
    """People write what they see on a venue: 1000PEPE, kPEPE, kaito."""
    given = settings_for(box, tmp_path)
    settings = given.model_copy(update={"tokens": ("1000PEPE", "kPEPE", "kaito", "NO")})
    async with scanning(settings) as scanner:
        result = await scanner.scan()

    statuses = {row.base: row.status.value for row in result.matrix}
    assert statuses == {"PEPE": "ok", "KAITO": "ok", "NO": "none"}


async def test_the_bot_answers_in_chat_and_ends_without_leftovers(
    box: SandboxServer, tmp_path: Path
) -> None:
    """Everything at once: storage, venues, engine, chat; then nothing stays behind."""
    before = len(asyncio.all_tasks())
    async with running(settings_for(box, tmp_path)):
        await asyncio.wait_for(box.telegram.ready.wait(), 10)
        box.telegram.say(ANNA, "/help")
        await box.telegram.wait_message(ANNA, "/top")
        box.telegram.say(ANNA, "/health")
        await box.telegram.wait_message(ANNA, "venues fine")

    assert len(asyncio.all_tasks()) <= before + 1
    assert (tmp_path / "paper.db").exists()
    assert box.telegram.lint() == []


async def test_a_second_bot_on_the_same_folder_is_refused_in_one_sentence(
    box: SandboxServer, tmp_path: Path
) -> None:
    """Two processes on one book would trade twice."""
    settings = settings_for(box, tmp_path)
    async with running(settings):
        with pytest.raises(StorageError) as caught:
            async with running(settings):
                pass

    assert str(caught.value).count(".") <= 2


async def test_the_bot_starts_again_where_it_was(
    box: SandboxServer, tmp_path: Path
) -> None:
    """A pause survives the process that was told of it."""
    settings = settings_for(box, tmp_path)
    async with running(settings):
        await asyncio.wait_for(box.telegram.ready.wait(), 10)
        box.telegram.say(ANNA, "/pause")
        await box.telegram.wait_message(ANNA, "paused")
    async with running(settings) as again:
        health = await again.engine.health()
        assert any(halt.key == "pause" for halt in health.halts)


async def test_the_daily_report_reaches_its_owner_once(
    box: SandboxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bot was off at the hour; two looks and a restart bring one message."""
    monkeypatch.setattr("bot.wiring.REPORT_EVERY", timedelta(seconds=0.2))
    now, owner = SystemClock().now(), UserId(ANNA)
    chosen = Choice("report_at", owner, "00:00", now - timedelta(days=3), owner)
    database = await Database.open(tmp_path / "paper.db", clock=SystemClock())
    event = Event(chosen.at, f"user {ANNA}", "setting report_at", "08:00 -> 00:00")
    await SqlitePreferences(database).save_choice(chosen, event)
    last = {"at": (now - timedelta(hours=47)).isoformat(), "day": ""}
    await SqliteAlertMemory(database).remember(f"report:{ANNA}", last)
    await database.close()

    heard = 0
    for _ in range(2):
        async with running(settings_for(box, tmp_path)):
            await box.telegram.wait_message(ANNA, "booked in 47 h · 0 open", 15)
            box.telegram.say(ANNA, "/log")
            said = "you: Daily report: 08:00 → 00:00"
            shown = await box.telegram.wait_message(ANNA, said, 10, after=heard)
            heard = shown.id

    told = [each for each in box.telegram.messages(ANNA) if "booked in" in each.text]
    assert len(told) == 1


async def test_a_halt_by_a_viewer_reaches_the_owners_and_survives_a_restart(
    box: SandboxServer, tmp_path: Path
) -> None:
    """Who pulls the brake may not be who must look."""
    settings = settings_for(box, tmp_path)
    async with running(settings) as bot:
        await asyncio.wait_for(box.telegram.ready.wait(), 10)
        met = await bot.engine.halt(UserId(99), tells_owners=True)
        assert met.is_new
        assert not (await bot.engine.halt(UserId(99), tells_owners=True)).is_new
        await box.telegram.wait_message(ANNA, "Everything is halted by user 99")
    async with running(settings) as again:
        health = await again.engine.health()
        assert health.trading is TradingState.HALTED
        assert await again.engine.only_pause(UserId(ANNA))
        keys = {halt.key for halt in (await again.engine.health()).halts}
        assert "pause" in keys
        assert "halt" not in keys
        assert await again.engine.resume(UserId(ANNA))
        assert not await again.engine.only_pause(UserId(ANNA))


def test_paper_imports_nothing_that_can_sign_or_holds_keys() -> None:
    """What is not loaded cannot leak a key or send an order."""
    code = (
        "import sys, bot.cli, bot.wiring; "
        "print(*[m for m in sys.modules if m.startswith('core.venues.') "
        "and m.split('.')[-1] in ('account', 'credentials', 'trader')])"
    )
    ran = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert ran.stdout.strip() == ""


async def test_paper_opens_no_key_even_when_asked(
    box: SandboxServer, tmp_path: Path
) -> None:
    """The one door to the keys is shut in paper."""
    async with AsyncExitStack() as stack:
        with pytest.raises(ValueError, match="live mode only"):
            live_venues(settings_for(box, tmp_path), {}, SystemClock(), stack)


async def test_a_venue_without_keys_knows_nothing_and_sends_nothing() -> None:
    """Not knowing is neither flat nor free."""
    venue, sol = Keyless(BINANCE), instrument("SOL")

    result = await venue.submit(ORDER, sol)

    assert isinstance(result, Rejected)
    assert not result.was_sent
    for question in (
        venue.cancel(ORDER, sol),
        venue.find(ORDER, sol),
        venue.fills(sol, START),
        venue.positions(),
        venue.balance(),
        venue.payments(START),
        venue.set_leverage(sol, 3),
    ):
        with pytest.raises(VenueError, match="no keys"):
            await question


async def test_the_host_can_halt_without_chat(
    box: SandboxServer, tmp_path: Path
) -> None:
    """A signal works when Telegram does not."""
    async with running(settings_for(box, tmp_path)) as bot:
        await bot.engine.halt(None, tells_owners=True)
        halts = (await bot.engine.health()).halts
        await box.telegram.wait_message(ANNA, "Everything is halted by the host")

    assert "halted by the host" in [halt.reason for halt in halts]


async def test_the_process_is_up_and_sees_the_market_without_telegram(
    box: SandboxServer, tmp_path: Path
) -> None:
    """Venues are watched and trades looked after before anybody can be told."""
    box.telegram.faults.add("getMe", "status_500", times=1000)
    async with running(settings_for(box, tmp_path)) as bot:
        result = await bot.engine.scan()
        assert result.has_answer


async def confirm(box: SandboxServer, message_id: int) -> None:
    """Tap the confirm button as soon as it shows."""
    message = next(m for m in box.telegram.messages(ANNA) if m.id == message_id)
    buttons = [button for row in message.rows for button in row]
    data = next(b.data for b in buttons if (b.data or "").startswith("y:"))
    await box.telegram.tap(ANNA, ANNA, message_id, data=data).answer()


async def test_a_pair_is_opened_and_closed_from_chat(
    box: SandboxServer, tmp_path: Path
) -> None:
    """The main job through every part: quote, confirm, fill, close, result."""
    telegram = box.telegram
    async with running(settings_for(box, tmp_path)) as bot:
        await asyncio.wait_for(telegram.ready.wait(), 10)
        await bot.engine.scan()
        for _ in range(500):
            if not (await bot.engine.health()).is_checking:
                break
            await asyncio.sleep(0.01)
        telegram.say(ANNA, "/open APT 250")
        quote = await telegram.wait_message(ANNA, "Open APT?")
        await confirm(box, quote.id)
        opened = await telegram.wait_message(ANNA, "both legs filled", 10)
        telegram.say(ANNA, "/close")
        asked = await telegram.wait_message(ANNA, "Close APT?")
        await confirm(box, asked.id)
        closed = await telegram.wait_message(ANNA, "APT closed", 10)

    assert opened.id == quote.id
    assert closed.id == asked.id
    assert telegram.lint() == []


async def test_the_accounts_pay_what_is_due_only_once_rates_are_known(
    box: SandboxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked before the first rates, an account put its answer off by ten minutes."""
    scan, seen, held = Scanner.scan, list[str](), asyncio.Event()

    async def slow(self: Scanner) -> ScanResult:
        result = await scan(self)
        seen.append("rates")
        return result

    async def settle(self: PaperVenue) -> tuple[Payment, ...]:
        seen.append(self.venue_id)
        held.set()
        return ()

    monkeypatch.setattr(Scanner, "scan", slow)
    monkeypatch.setattr(PaperVenue, "settle_funding", settle)
    async with running(settings_for(box, tmp_path)) as bot, asyncio.timeout(10):
        await held.wait()
        assert bot.engine.latest_scan() is not None

    assert seen[:2] == ["rates", "binance"]
