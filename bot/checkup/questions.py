"""Settings and venues in, findings out; nothing is ordered or changed.

The same questions are asked by `carrybot check`, before live trading starts, and daily
while it runs. What a venue does not tell is a warning, what it tells to be wrong or too
strong is an error, and no answer is an error too: it proves nothing.
"""

from __future__ import annotations

import asyncio
import stat
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from bot.checkup.findings import Finding, Level, counted
from core.errors import TroubleKind, VenueError
from core.model.units import Mode

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable, Mapping, Sequence
    from datetime import datetime

    from bot.settings import Settings
    from core.model.account import KeyRights
    from core.model.instrument import Instrument, LeftOut
    from core.model.order import Balance, VenuePosition
    from core.model.units import VenueId
    from core.model.venue import VenueRules
    from core.ports import Clock

T = TypeVar("T")
CLOCK_LIMIT = timedelta(seconds=1)
EXPIRES_SOON = timedelta(days=7)
PATIENCE = timedelta(seconds=20)
_HALF_FILLS = 2
"""An order must be worth so many times the least one: half a fill is still tradable."""
_RESERVE = Decimal("1.2")
"""Of margin and fee, what must be free for an entry."""
_NAMED = 6
REFUSED = (
    "is refused: the key or its secret is wrong, ended,"
    " or does not work from this machine's address"
)


class PublicSide(Protocol):
    """What is asked of a venue without keys."""

    @property
    def rules(self) -> VenueRules:
        """Return what the venue promises."""
        ...

    @property
    def latency(self) -> timedelta | None:
        """Return how long the last request took."""
        ...

    async def instruments(self) -> tuple[tuple[Instrument, ...], tuple[LeftOut, ...]]:
        """Read the list."""
        ...


class PrivateSide(Protocol):
    """What is asked of an account; nothing here changes anything."""

    async def clock_offset(self) -> timedelta | None:
        """Return how far the venue's clock is ahead of ours."""
        ...

    async def key_rights(self) -> KeyRights:
        """Read what the key may do."""
        ...

    async def is_one_way(self) -> bool:
        """Tell whether the account holds one position per symbol."""
        ...

    async def balance(self) -> Balance:
        """Read equity and free margin."""
        ...

    async def positions(self) -> tuple[VenuePosition, ...]:
        """Read all positions."""
        ...

    async def taker_fee(self, instrument: Instrument) -> Decimal:
        """Return the account's own fee."""
        ...

    @property
    def fee_note(self) -> str | None:
        """Return what a person must know of the fee that was told last."""
        ...


@dataclass(frozen=True, slots=True)
class Subjects:
    """Who is asked."""

    public: Mapping[VenueId, PublicSide]
    private: Mapping[VenueId, PrivateSide]
    """Accounts with keys; empty in paper."""


async def examine(
    settings: Settings, subjects: Subjects, clock: Clock
) -> list[Finding]:
    """Ask everything, all venues at once, and return the findings in a fixed order."""
    found = check_settings(settings)
    found += await asyncio.to_thread(check_files, settings)
    async with asyncio.TaskGroup() as group:
        asking = [
            group.create_task(_venue(settings, subjects, venue_id, clock))
            for venue_id in settings.venue_ids
        ]
    return found + [finding for task in asking for finding in task.result()]


async def examine_accounts(
    settings: Settings, subjects: Subjects, clock: Clock
) -> list[Finding]:
    """Ask only what may forbid trading: files, clocks, keys, position modes."""
    found = await asyncio.to_thread(check_files, settings)
    async with asyncio.TaskGroup() as group:
        asking = [
            group.create_task(_account(settings, account, title, venue_id, clock))
            for venue_id, account in subjects.private.items()
            for title in [subjects.public[venue_id].rules.title]
        ]
    return found + [finding for task in asking for finding in task.result()]


# --- this machine ---------------------------------------------------------------------


def check_settings(settings: Settings) -> list[Finding]:
    """Say what the settings come to."""
    size, gear = settings.position_size_usd, settings.leverage
    is_pretend = settings.is_sandbox and settings.mode is Mode.LIVE
    where = "live on a sandbox" if is_pretend else settings.mode.value
    venues = counted(len(settings.venue_ids), "venue")
    says = f"mode {where}, {venues}, ${size:,f} per leg at {gear}x"
    found = [Finding(Level.OK, "settings", says)]
    if not (settings.telegram_token.get_secret_value() and settings.owner_ids):
        says = "no Telegram token or owner yet: `carrybot run` needs both"
        found.append(Finding(Level.WARNING, "telegram", says))
    return found


def check_files(settings: Settings) -> list[Finding]:
    """Say whether others can read what is secret."""
    found = []
    file = Path(settings.env_file) if settings.env_file else None
    if file is not None and (mode := _mode(file)) is not None:
        is_open = bool(mode & (stat.S_IRGRP | stat.S_IROTH))
        level = Level.ERROR if settings.mode is Mode.LIVE else Level.WARNING
        says = f"others on this machine can read {file}: chmod 600 it"
        fine = Finding(Level.OK, "files", f"only you can read {file}")
        found.append(Finding(level, "files", says) if is_open else fine)
    return found


def _mode(file: Path) -> int | None:
    try:
        mode = file.stat().st_mode
    except OSError:
        return None
    return mode if stat.S_ISREG(mode) else None


# --- venues ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Notes:
    """Collects findings about one venue."""

    title: str
    venue_id: VenueId
    found: list[Finding]

    def add(
        self, level: Level, about: str, says: str, *, is_silence: bool = False
    ) -> None:
        subject = f"{self.title} {about}".strip()
        one = Finding(level, subject, says, self.venue_id, is_silence=is_silence)
        self.found.append(one)

    async def ask(self, about: str, question: Awaitable[T]) -> T | None:
        """Return an answer, or None and a finding that there was none."""
        try:
            async with asyncio.timeout(PATIENCE.total_seconds()):
                return await question
        except VenueError as error:
            why, is_silence = error.detail, error.kind is not TroubleKind.REFUSED
        except TimeoutError:
            why, is_silence = f"no answer within {PATIENCE.seconds} s", True
        says = f"cannot be read: {why}"
        self.add(Level.ERROR, about, says, is_silence=is_silence)
        return None


async def _venue(
    settings: Settings, subjects: Subjects, venue_id: VenueId, clock: Clock
) -> list[Finding]:
    public = subjects.public[venue_id]
    notes = _Notes(public.rules.title, venue_id, [])
    answer = await notes.ask("", public.instruments())
    if answer is None:
        return notes.found
    listed = answer[0]
    took = (
        ""
        if public.latency is None
        else f" in {public.latency.microseconds // 1000} ms"
    )
    notes.add(Level.OK, "", f"answers{took}, {counted(len(listed), 'contract')}")
    _sizes(settings, listed, notes)
    account = subjects.private.get(venue_id)
    if account is None:
        _without_keys(settings, notes)
        return notes.found
    title = public.rules.title
    notes.found.extend(await _account(settings, account, title, venue_id, clock))
    if not any(each.says == REFUSED for each in notes.found):
        await _fee(account, public.rules, listed, notes)
    return notes.found


def _without_keys(settings: Settings, notes: _Notes) -> None:
    if settings.mode is Mode.LIVE:
        notes.add(Level.WARNING, "key", "no keys: it is only read, never traded")
    elif notes.venue_id in settings.keyed_venues:
        notes.add(Level.OK, "key", "given; not used in paper")


def _sizes(settings: Settings, listed: Sequence[Instrument], notes: _Notes) -> None:
    """Name the contracts that the configured size is too small for."""
    size = settings.position_size_usd
    small = [
        each.native_name
        for each in listed
        if each.min_notional_usd is not None
        and each.min_notional_usd * _HALF_FILLS > size
    ]
    geared = [
        each.native_name
        for each in listed
        if each.max_leverage is not None and each.max_leverage < settings.leverage
    ]
    if len(small) == len(listed) and listed:
        says = f"${size:,f} is too small for every contract"
        notes.add(Level.ERROR, "sizes", says)
    elif small:
        notes.add(Level.WARNING, "sizes", f"${size:,f} is too small for {_some(small)}")
    else:
        notes.add(Level.OK, "sizes", f"${size:,f} is enough for every least order told")
    if geared:
        says = (
            f"less than {settings.leverage}x is allowed, and used, for {_some(geared)}"
        )
        notes.add(Level.OK, "leverage", says)


# --- accounts -------------------------------------------------------------------------


async def _account(
    settings: Settings,
    account: PrivateSide,
    title: str,
    venue_id: VenueId,
    clock: Clock,
) -> list[Finding]:
    """Ask an account everything at once; report in a fixed order."""
    notes = _Notes(title, venue_id, [])
    async with asyncio.TaskGroup() as group:
        offset = group.create_task(notes.ask("clock", _wrapped(account.clock_offset())))
        rights = group.create_task(notes.ask("key", account.key_rights()))
        one_way = group.create_task(notes.ask("position mode", account.is_one_way()))
        balance = group.create_task(notes.ask("balance", account.balance()))
        held = group.create_task(notes.ask("positions", account.positions()))
    silent = notes.found[:]
    notes.found.clear()
    if _is_refused(silent, f"{title} key"):
        notes.add(Level.ERROR, "key", REFUSED)
        return notes.found
    if (skew := offset.result()) is not None:
        _clock(skew[0], notes, is_pretend=settings.is_sandbox)
    if (told := rights.result()) is not None:
        _key(told, clock.now(), notes)
    if (is_one_way := one_way.result()) is not None:
        _position_mode(notes, is_one_way=is_one_way)
    if (money := balance.result()) is not None:
        _balance(settings, money, notes)
    if (positions := held.result()) is not None:
        _positions(positions, notes)
    return notes.found + sorted(silent, key=lambda each: each.about)


async def _wrapped(question: Awaitable[T]) -> tuple[T]:
    """Return an answer that may itself be None."""
    return (await question,)


def _clock(offset: timedelta | None, notes: _Notes, *, is_pretend: bool) -> None:
    if is_pretend:
        notes.add(Level.OK, "clock", "a pretend one, which may jump: not compared")
        return
    if offset is None:
        notes.add(Level.WARNING, "clock", "the venue shows none: not compared")
        return
    ms = round(offset / timedelta(milliseconds=1))
    if abs(offset) < CLOCK_LIMIT:
        notes.add(Level.OK, "clock", f"{ms:+d} ms from ours")
        return
    says = (
        f"{ms:+d} ms from ours: set this machine's clock (NTP), orders would be refused"
    )
    notes.add(Level.ERROR, "clock", says)


def _key(rights: KeyRights, now: datetime, notes: _Notes) -> None:
    """Refuse a key that is too strong, too weak or over; warn of what is not told."""
    wrong = list(_wrong_with(rights, now))
    for says in wrong:
        notes.add(Level.ERROR, "key", says)
    if not wrong and rights.can_withdraw is False:
        notes.add(Level.OK, "key", "may trade, may not withdraw")
    if rights.can_withdraw is None and not wrong:
        says = (
            "works; the venue does not tell whether it may withdraw:"
            " make sure yourself that it may not"
        )
        notes.add(Level.WARNING, "key", says)
    if rights.is_bound_to_ip is False:
        says = "works from any address: bind it to this machine's IP"
        notes.add(Level.WARNING, "key", says)
    left = None if rights.expires_at is None else rights.expires_at - now
    if left is not None and timedelta(0) < left < EXPIRES_SOON:
        days = max(left.days, 0)
        notes.add(Level.WARNING, "key", f"ends in {counted(days, 'day')}: renew it")


def _wrong_with(rights: KeyRights, now: datetime) -> Iterable[str]:
    if rights.problem is not None:
        yield f"{rights.problem}: put a key of its own for this bot in the settings"
    elif rights.can_withdraw:
        yield "may withdraw or transfer: make one without that right and use it instead"
    if rights.can_trade is False and rights.problem is None:
        yield "may not trade futures: switch that right on"
    if rights.expires_at is not None and rights.expires_at <= now:
        yield f"ended on {rights.expires_at:%Y-%m-%d}: make a new one"


def _position_mode(notes: _Notes, *, is_one_way: bool) -> None:
    if is_one_way:
        notes.add(Level.OK, "position mode", "one-way")
        return
    says = "hedge mode: switch the account to one-way mode"
    notes.add(Level.ERROR, "position mode", says)


def _balance(settings: Settings, balance: Balance, notes: _Notes) -> None:
    size, gear = settings.position_size_usd, settings.leverage
    needed = size / gear * _RESERVE
    says = f"${balance.equity_usd:,.2f}, ${balance.free_usd:,.2f} free"
    if balance.free_usd < needed:
        says += f": ${size:,f} at {gear}x needs about ${needed:,.2f}"
        notes.add(Level.WARNING, "balance", says)
        return
    notes.add(Level.OK, "balance", says)


def _positions(positions: Sequence[VenuePosition], notes: _Notes) -> None:
    if not positions:
        notes.add(Level.OK, "positions", "none")
        return
    names = [f"{each.quantity_base:+f} {each.symbol}" for each in positions]
    says = f"{_some(names)}; what is not the bot's own is never touched"
    notes.add(Level.OK, "positions", says)


async def _fee(
    account: PrivateSide,
    rules: VenueRules,
    listed: Sequence[Instrument],
    notes: _Notes,
) -> None:
    """Compare the account's fee with the published one of the base tier."""
    if not listed:
        return
    fee = await notes.ask("fee", account.taker_fee(listed[0]))
    if fee is None:
        return
    says = f"{_percent(fee)} per order"
    if account.fee_note is not None:
        says += f", {account.fee_note}"
    if fee > rules.taker_fee:
        says += f", above the published {_percent(rules.taker_fee)}"
    is_fine = fee <= rules.taker_fee and account.fee_note is None
    notes.add(Level.OK if is_fine else Level.WARNING, "fee", says)


def _is_refused(found: Sequence[Finding], about: str) -> bool:
    """Tell whether the venue refused the key itself; no other line is worth it then."""
    return any(each.about == about and not each.is_silence for each in found)


def _percent(fraction: Decimal) -> str:
    return f"{(fraction * 100).normalize():f} %"


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    more = len(names) - _NAMED
    return f"{shown} and {more} more" if more > 0 else shown
