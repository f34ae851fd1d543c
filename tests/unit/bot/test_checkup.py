from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from bot.checkup.findings import Finding, Level, is_clean, lines_of
from bot.checkup.guard import KEY, Guard
from bot.checkup.questions import Subjects, examine, examine_accounts
from bot.settings import load_settings
from core.errors import TroubleKind, VenueError
from core.model.account import KeyRights
from core.model.alert import AlertKind, AlertLevel
from core.model.control import TradingState
from core.model.order import Balance, VenuePosition
from core.venues.catalog import VENUES
from tests.fakes.journal import MemoryJournal, Switch
from tests.fakes.objects import BINANCE, LIGHTER, instrument
from tests.fakes.runtime import START, FakeClock

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bot.settings import Settings
    from core.model.instrument import Instrument, LeftOut
    from core.model.venue import VenueRules

FINE = KeyRights(can_trade=True, can_withdraw=False, is_bound_to_ip=True)
CLOCK = FakeClock()
NO_ANSWER = VenueError("binance", TroubleKind.TIMEOUT, "no answer")
REFUSAL = VenueError("binance", TroubleKind.REFUSED, "refused")


@dataclass
class Market:
    """A venue's public side."""

    listed: tuple[Instrument, ...] = (instrument("SOL"),)
    fails: VenueError | None = None
    latency: timedelta | None = timedelta(milliseconds=92)
    rules: VenueRules = VENUES[BINANCE].rules

    async def instruments(self) -> tuple[tuple[Instrument, ...], tuple[LeftOut, ...]]:
        """Return the list."""
        if self.fails is not None:
            raise self.fails
        return self.listed, ()


@dataclass
class Account:
    """A venue's account; `fails` maps a question to its failure."""

    rights: KeyRights = FINE
    offset: timedelta | None = timedelta(milliseconds=12)
    one_way: bool = True
    free: Decimal = Decimal(400)
    held: tuple[VenuePosition, ...] = ()
    fee: Decimal = Decimal("0.0005")
    fee_note: str | None = None
    fails: dict[str, VenueError] = field(default_factory=dict)

    def _ask(self, name: str) -> None:
        if name in self.fails:
            raise self.fails[name]

    async def clock_offset(self) -> timedelta | None:
        """Return the offset."""
        self._ask("clock")
        return self.offset

    async def key_rights(self) -> KeyRights:
        """Return the rights."""
        self._ask("key")
        return self.rights

    async def is_one_way(self) -> bool:
        """Return the mode."""
        self._ask("mode")
        return self.one_way

    async def balance(self) -> Balance:
        """Return the balance."""
        self._ask("balance")
        return Balance(BINANCE, Decimal(500), self.free, START)

    async def positions(self) -> tuple[VenuePosition, ...]:
        """Return the positions."""
        self._ask("positions")
        return self.held

    async def taker_fee(self, instrument: Instrument) -> Decimal:
        """Return the fee."""
        del instrument
        self._ask("fee")
        return self.fee


def settings_of(**more: str) -> Settings:
    """Return live settings for Binance, with keys of two venues."""
    return load_settings(
        {
            "CARRY_ENV_FILE": "",
            "CARRY_MODE": "live",
            "CARRY_TELEGRAM_TOKEN": "123456:a-made-up-token-for-tests",
            "CARRY_OWNER_IDS": "1",
            "CARRY_BINANCE_API_KEY": "canary-key",
            "CARRY_BINANCE_API_SECRET": "canary-secret",
            "CARRY_EXTENDED_API_KEY": "canary-extended",
            "CARRY_EXTENDED_STARK_PRIVATE_KEY": "0xabcd",
            "CARRY_EXTENDED_VAULT": "1",
            **more,
        },
        needs_chat=False,
    )


async def found(
    account: Account | None, market: Market | None = None, **more: str
) -> list[Finding]:
    """Return what a check of Binance alone finds."""
    settings = settings_of(**more).model_copy(update={"venues": ("binance",)})
    private = {} if account is None else {BINANCE: account}
    subjects = Subjects({BINANCE: market or Market()}, private)
    return await examine(settings, subjects, CLOCK)


async def worst(account: Account, about: str) -> tuple[Level, str]:
    """Return the worst finding about one subject."""
    order = [Level.OK, Level.WARNING, Level.ERROR]
    same = [each for each in await found(account) if each.about == about]
    one = max(same, key=lambda each: order.index(each.level))
    return one.level, one.says


async def test_a_venue_in_order_is_one_line_per_question() -> None:
    """A person reads down one column and is done."""
    lines = lines_of(await found(Account()))

    assert lines == [
        "ok       settings               mode live, 1 venue, $500 per leg at 3x",
        "ok       Binance                answers in 92 ms, 1 contract",
        "ok       Binance sizes          $500 is enough for every least order told",
        "ok       Binance clock          +12 ms from ours",
        "ok       Binance key            may trade, may not withdraw",
        "ok       Binance position mode  one-way",
        "ok       Binance balance        $500.00, $400.00 free",
        "ok       Binance positions      none",
        "ok       Binance fee            0.05 % per order",
        "Ready. Nothing was ordered.",
    ]


@pytest.mark.parametrize(
    ("rights", "level", "words"),
    [
        (replace(FINE, can_withdraw=True), Level.ERROR, "may withdraw or transfer"),
        (replace(FINE, can_withdraw=None), Level.WARNING, "does not tell whether"),
        (replace(FINE, can_trade=False), Level.ERROR, "may not trade futures"),
        (replace(FINE, is_bound_to_ip=False), Level.WARNING, "works from any address"),
        (
            replace(FINE, expires_at=START + timedelta(days=6, hours=1)),
            Level.WARNING,
            "ends in 6 days",
        ),
        (replace(FINE, expires_at=START), Level.ERROR, "ended on 2026-11-22"),
        (
            replace(FINE, can_withdraw=True, problem="the account's own"),
            Level.ERROR,
            "the account's own: put a key of its own",
        ),
    ],
)
async def test_a_key_too_strong_too_weak_or_over_is_said_and_how_to_mend_it(
    rights: KeyRights, level: Level, words: str
) -> None:
    """A key that can withdraw loses everything when this machine is lost."""
    said = await worst(Account(rights=rights), "Binance key")

    assert said[0] is level
    assert words in said[1]


@pytest.mark.parametrize(
    ("account", "about", "level", "words"),
    [
        (
            Account(offset=timedelta(seconds=-1)),
            "Binance clock",
            Level.ERROR,
            "-1000 ms from ours: set this machine's clock",
        ),
        (Account(offset=None), "Binance clock", Level.WARNING, "not compared"),
        (Account(one_way=False), "Binance position mode", Level.ERROR, "hedge mode"),
        (
            Account(free=Decimal(199)),
            "Binance balance",
            Level.WARNING,
            "$500 at 3x needs about $200.00",
        ),
        (
            Account(fee=Decimal("0.0006")),
            "Binance fee",
            Level.WARNING,
            "0.06 % per order, above the published 0.05 %",
        ),
        (
            Account(fee=Decimal("0.0005"), fee_note="its tier is not known here"),
            "Binance fee",
            Level.WARNING,
            "0.05 % per order, its tier is not known here",
        ),
        (
            Account(
                held=(VenuePosition(BINANCE, "SOL/USDT:USDT", Decimal(-3), None, None),)
            ),
            "Binance positions",
            Level.OK,
            "-3 SOL/USDT:USDT; what is not the bot's own is never touched",
        ),
    ],
)
async def test_what_is_wrong_with_an_account_names_the_remedy(
    account: Account, about: str, level: Level, words: str
) -> None:
    """Each of these would fail an entry later, at a worse moment."""
    said = await worst(account, about)

    assert said[0] is level
    assert words in said[1]


async def test_a_refused_key_is_one_line_not_five() -> None:
    """The cause is said once; what follows from it would hide it."""
    names = ("key", "mode", "balance", "positions", "fee")
    account = Account(fails=dict.fromkeys(names, REFUSAL))

    errors = [each for each in await found(account) if each.level is Level.ERROR]

    assert [each.about for each in errors] == ["Binance key"]
    assert errors[0].says.startswith("is refused: the key or its secret is wrong")
    assert not errors[0].is_silence


async def test_no_answer_is_an_error_that_proves_nothing() -> None:
    """Silence must not pass for fine, nor for a bad key."""
    account = Account(fails={"key": NO_ANSWER})

    errors = [each for each in await found(account) if each.level is Level.ERROR]

    assert [each.says for each in errors] == ["cannot be read: no answer"]
    assert errors[0].is_silence


async def test_a_silent_venue_is_one_error() -> None:
    """Nothing else can be asked of it."""
    findings = await found(Account(), Market(fails=NO_ANSWER))

    assert [each.about for each in findings] == ["settings", "Binance"]
    assert not is_clean(findings)
    assert lines_of(findings)[-1] == "1 error: not ready. Nothing was ordered."


async def test_a_size_below_twice_the_least_order_is_named() -> None:
    """Half a fill must still be large enough to be undone."""
    big = replace(instrument("BTC"), min_notional_usd=Decimal(251))
    market = Market((instrument("SOL"), big))
    only = Market((big,))

    some = [e for e in await found(None, market) if e.about == "Binance sizes"]
    every = [e for e in await found(None, only) if e.about == "Binance sizes"]

    assert some[0].level is Level.WARNING
    assert some[0].says == f"$500 is too small for {big.native_name}"
    assert every[0].level is Level.ERROR


async def test_a_lower_leverage_limit_is_told() -> None:
    """The card will show it; the check says where."""
    low = replace(instrument("MEME"), max_leverage=Decimal(2))

    said = [e for e in await found(None, Market((low,))) if "leverage" in e.about]

    assert said[0].says == f"less than 3x is allowed, and used, for {low.native_name}"


async def test_without_keys_live_warns_and_paper_says_that_they_rest() -> None:
    """Nobody should wonder why a venue is never traded."""
    live = await found(None, CARRY_BINANCE_API_KEY="", CARRY_BINANCE_API_SECRET="",
        CARRY_HYPERLIQUID_WALLET_ADDRESS="0x" + "a" * 40,
        CARRY_HYPERLIQUID_PRIVATE_KEY="b" * 64)  # fmt: skip
    paper = await found(None, CARRY_MODE="paper")

    assert "no keys: it is only read, never traded" in [e.says for e in live]
    assert "given; not used in paper" in [each.says for each in paper]


async def test_a_file_of_keys_that_others_can_read_stops_live(tmp_path: Path) -> None:
    """Another user of the machine could trade."""
    file = tmp_path / "my.env"
    file.write_text("")
    for mode, level in ((0o644, Level.ERROR), (0o600, Level.OK)):
        file.chmod(mode)
        settings = settings_of().model_copy(update={"env_file": str(file)})
        subjects = Subjects({BINANCE: Market()}, {BINANCE: Account()})
        findings = await examine_accounts(settings, subjects, CLOCK)
        assert [e.level for e in findings if e.about == "files"] == [level]


# --- while live trading runs ----------------------------------------------------------


WRONG = Finding(Level.ERROR, "Binance key", "may withdraw", BINANCE)
SILENT = Finding(Level.ERROR, "Binance key", "no answer", BINANCE, is_silence=True)
RIGHT = Finding(Level.OK, "Binance key", "fine", BINANCE)


class Watch:
    """A guard over a journal in memory."""

    def __init__(self) -> None:
        self.journal = MemoryJournal(Switch())
        self.findings: Sequence[Finding] = ()
        self.guard = Guard(
            examine=self._examine,
            halts=self.journal,
            clock=FakeClock(),
        )

    async def _examine(self) -> Sequence[Finding]:
        return self.findings

    async def sees(self, *findings: Finding) -> list[str]:
        """Look once; return the scopes whose entries are off."""
        self.findings = findings
        await self.guard.watch()
        return [scope for scope, key in self.journal.halt_rows if key == KEY]


async def test_a_key_that_became_too_strong_turns_entries_off_and_calls_a_person() -> (
    None
):
    """Closing still works: the position is the larger danger."""
    watch = Watch()

    assert await watch.sees(WRONG) == ["binance"]
    assert await watch.sees(WRONG) == ["binance"]

    halt = watch.journal.halt_rows[BINANCE, KEY]
    assert halt.state is TradingState.REDUCING
    assert halt.reason == "Binance key may withdraw"
    alerts = list(watch.journal.alerts.values())
    assert [alert.kind for alert in alerts] == [AlertKind.HALTED]
    assert alerts[0].level is AlertLevel.CRITICAL


async def test_an_account_that_is_in_order_again_is_told_as_such() -> None:
    """Who made a new key must not have to ask whether entries are on."""
    watch = Watch()
    await watch.sees(WRONG)

    await watch.sees(RIGHT)

    kinds = [alert.kind for alert in watch.journal.alerts.values()]
    assert kinds == [AlertKind.HALTED, AlertKind.HALT_OVER]


async def test_silence_neither_stops_nor_releases() -> None:
    """No answer is no information."""
    watch = Watch()

    assert await watch.sees(SILENT) == []
    await watch.sees(WRONG)
    assert await watch.sees(SILENT) == ["binance"]
    assert await watch.sees(RIGHT) == []


async def test_one_wrong_account_leaves_the_others_alone() -> None:
    """Each venue for itself."""
    other = replace(RIGHT, venue_id=LIGHTER)

    assert await Watch().sees(WRONG, other) == ["binance"]
