"""Read the command line: `carrybot run`, `check`, `scan`, `backup`, `restore`.

Exit status: 0 done, 1 cannot go on or not ready, 2 bad settings or words, 3 no venue
answered.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import stat
import sys
from contextlib import nullcontext
from datetime import timedelta
from decimal import Context
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.table import Table

from bot import logs
from bot.cards.export import ledger_csv
from bot.cards.look import Look
from bot.cards.replay import NOTE, NOTHING, day_lines, day_object
from bot.cards.why import plain_lines
from bot.checkup.findings import is_clean, lines_of
from bot.settings import SettingsError, load_settings
from bot.wiring import (
    NotReadyError,
    booked,
    check_all,
    explaining,
    put_back,
    replaying,
    running,
    save_record,
    scanning,
)
from core.errors import StorageError, UnknownTokenError
from core.model.units import hours_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime
    from decimal import Decimal

    from bot.settings import Settings
    from core.engine import Engine
    from core.model.estimate import LegEstimate, NetEstimate
    from core.model.instrument import TokenRow
    from core.model.market import FundingSnapshot
    from core.model.opportunity import Opportunity, ScanResult
    from core.model.proof import VenueProof

log = logging.getLogger(__name__)

DONE: Final = 0
CANNOT_GO_ON: Final = 1
BAD_SETTINGS: Final = 2
NO_ANSWER: Final = 3
INTERRUPTED: Final = 130
MOST_DAYS: Final = 36_500
BEST_OF_DAY: Final = 10
_SIGNS: Final = {"ok": "✅", "single": "⚠️", "none": "❌"}


def main(words: Sequence[str] | None = None) -> int:
    """Run from the command line and return the exit status."""
    options = _parser().parse_args(words)
    try:
        settings = load_settings(os.environ, needs_chat=options.command == "run")
    except SettingsError as error:
        for problem in error.problems:
            _complain(problem)
        return BAD_SETTINGS
    os.umask(0o077)
    logs.configure(settings.log_level, settings.secrets)
    try:
        return asyncio.run(_command(options, settings))
    except (NotReadyError, StorageError) as error:
        for line in getattr(error, "lines", [str(error)]):
            _complain(line)
        return CANNOT_GO_ON
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough (`carrybot scan | head`).
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE


async def _command(options: argparse.Namespace, settings: Settings) -> int:
    jobs: dict[str, Callable[[], Awaitable[int]]] = {
        "run": lambda: _run(settings),
        "check": lambda: _check(settings),
        "export": lambda: _export(settings, days=options.days),
        "backtest": lambda: _backtest(settings, options),
        "backup": lambda: _backup(settings, options.path),
        "restore": lambda: _restore(settings, options.path),
        "scan": lambda: (
            _why(settings, options.why)
            if options.why
            else _scan(settings, as_json=options.json)
        ),
    }
    return await jobs[options.command]()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "carrybot",
        description="Finds, shows and trades funding spreads between perpetual venues.",
        epilog="Settings are CARRY_ variables in the environment or in .env; "
        ".env.example explains each.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    commands.add_parser("run", help="run the bot until Ctrl-C")
    commands.add_parser(
        "check",
        help="say whether everything is ready to trade; orders nothing",
        epilog="Exit status 0 if nothing is wrong, 1 otherwise.",
    )
    export = commands.add_parser(
        "export",
        help="print everything booked as CSV; the bot may run meanwhile",
        epilog="For example: carrybot export --days 30 > ledger.csv",
    )
    export.add_argument(
        "--days", type=_days, help="only what was booked in so many days"
    )
    backtest = commands.add_parser(
        "backtest",
        help="replay recorded scans and print each day's best pairs, before costs",
        epilog="The bot may run meanwhile.",
    )
    backtest.add_argument(
        "--days", type=_days, help="only the last so many days; all that is kept if not"
    )
    backtest.add_argument(
        "--every",
        type=int,
        choices=range(1, 11),
        metavar="MINUTES",
        help="judge one scan in so many minutes, 1 to 10; every scan if not",
    )
    backtest.add_argument(
        "--json", action="store_true", help="print one JSON object for each day"
    )
    backup = commands.add_parser(
        "backup", help="copy the trading record to a file; the bot may be running"
    )
    backup.add_argument("path", type=Path, metavar="PATH", help="new file, or a folder")
    restore = commands.add_parser(
        "restore", help="put a copy in the record's place; the bot must be stopped"
    )
    restore.add_argument("path", type=Path, metavar="PATH", help="the copy")
    scan = commands.add_parser(
        "scan",
        help="look once and print where which token trades and what pays most",
        epilog="Exit status 0 if at least one venue answered, 3 if none.",
    )
    how = scan.add_mutually_exclusive_group()
    how.add_argument("--json", action="store_true", help="print one JSON object")
    how.add_argument(
        "--why", metavar="TOKEN", help="say which gate refuses each venue and pair"
    )
    return parser


def _days(word: str) -> int:
    """Read a number of days.

    Raises:
        ArgumentTypeError: it is none.
    """
    if not word.isascii() or not word.isdigit() or not 0 < int(word) <= MOST_DAYS:
        says = f"{word!r} is not a number of days from 1 to {MOST_DAYS}"
        raise argparse.ArgumentTypeError(says)
    return int(word)


def _complain(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")


# --- export ---------------------------------------------------------------------------


async def _export(settings: Settings, *, days: int | None) -> int:
    """Print every execution and payment, oldest first."""
    found = await booked(settings, None if days is None else timedelta(days=days))
    content, _ = ledger_csv(found)
    sys.stdout.write(content)
    return DONE


# --- backtest -------------------------------------------------------------------------


async def _backtest(settings: Settings, options: argparse.Namespace) -> int:
    """Print every replayed day, oldest first, as soon as it is done."""
    last = None if options.days is None else timedelta(days=options.days)
    every = None if options.every is None else timedelta(minutes=options.every)
    as_json, lines = options.json, [] if options.json else [NOTE]
    async with replaying(settings) as backtest:
        is_empty = True
        async for day in backtest.days(last, best=BEST_OF_DAY, every=every):
            is_empty = False
            lines += [json.dumps(day_object(day))] if as_json else day_lines(day)
            sys.stdout.write("".join(f"{line}\n" for line in lines))
            sys.stdout.flush()
            lines = []
    if is_empty:
        _complain(NOTHING)
    return CANNOT_GO_ON if is_empty else DONE


# --- run ------------------------------------------------------------------------------


async def _run(settings: Settings) -> int:
    """Run until a person or the system says stop; then end within ten seconds."""
    loop = asyncio.get_running_loop()
    logs.watch_loop(loop)
    await asyncio.to_thread(_warn_of_readers, Path(settings.env_file))
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    halted = asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR1, halted.set)
    async with running(settings) as bot, asyncio.TaskGroup() as group:
        halting = group.create_task(_halt_when(halted, bot.engine))
        await stop.wait()
        halting.cancel()
    return DONE


async def _halt_when(halted: asyncio.Event, engine: Engine) -> None:
    """Halt everything when this machine says so (SIGUSR1): chat may be out of reach."""
    while True:
        await halted.wait()
        halted.clear()
        try:
            await engine.halt(None, tells_owners=True)
        except StorageError:
            log.exception("the halt could not be written")


def _warn_of_readers(file: Path) -> None:
    """Say that the token's file is open to other users of this machine."""
    try:
        mode = file.stat().st_mode
    except OSError:
        return
    if stat.S_ISREG(mode) and mode & (stat.S_IRGRP | stat.S_IROTH):
        log.warning("%s holds the token and others can read it: chmod 600 it", file)


# --- check ----------------------------------------------------------------------------


async def _check(settings: Settings) -> int:
    """Print one line per finding."""
    findings = await check_all(settings)
    for line in lines_of(findings):
        sys.stdout.write(f"{line}\n")
    return DONE if is_clean(findings) else CANNOT_GO_ON


# --- the record -----------------------------------------------------------------------


async def _backup(settings: Settings, target: Path) -> int:
    copy = await save_record(settings, target)
    sys.stdout.write(f"The {settings.mode.value} record is saved as {copy}.\n")
    return DONE


async def _restore(settings: Settings, backup: Path) -> int:
    done = await put_back(settings, backup)
    said = [f"{backup} is the {settings.mode.value} record now."]
    if done.aside is not None:
        said.append(f"The one before is kept as {done.aside}.")
    said.append("The next start compares it with the venues, which are right.")
    sys.stdout.write("\n".join(said) + "\n")
    return DONE


# --- scan -----------------------------------------------------------------------------


async def _scan(settings: Settings, *, as_json: bool) -> int:
    console = Console(stderr=True)
    is_shown = console.is_terminal
    with console.status("Asking the venues …") if is_shown else nullcontext():
        async with scanning(settings) as scanner:
            result = await scanner.proven_scan()
    if as_json:
        json.dump(scan_object(result), sys.stdout, ensure_ascii=False, indent=2)
        sys.stdout.write("\n")
    else:
        print_scan(
            result, Console(), period_h=8 if settings.rate_display == "8h" else 1
        )
    return DONE if result.has_answer else NO_ANSWER


async def _why(settings: Settings, token: str) -> int:
    """Print what refuses one token, venue by venue and pair by pair."""
    async with explaining(settings) as (why, venues):
        try:
            explanation = await why.explain(token)
        except UnknownTokenError as error:
            _complain(str(error))
            return NO_ANSWER
        look = Look(
            settings.mode,
            venues,
            explanation.at,
            card_id="",
            rate_hours=8 if settings.rate_display == "8h" else 1,
        )
    for line in plain_lines(explanation, look):
        sys.stdout.write(f"{line}\n")
    return DONE


def scan_object(result: ScanResult) -> dict[str, Any]:
    """Return the scan as it is printed: decimals as texts, unknown as null."""
    return {
        "at": result.at.isoformat(),
        "usdt_in_usdc": _exact_or_none(
            None
            if result.stablecoins.usdt_in_usdc is None
            else round(result.stablecoins.usdt_in_usdc, 6)
        ),
        "venues": [
            {
                "venue": each.venue_id,
                "ok": each.is_ok,
                "instruments": each.instruments,
                "rates": each.rates,
                "error": each.error,
                "age_s": None
                if each.age is None
                else f"{each.age.total_seconds():.3f}",
                "latency_ms": _milliseconds(each.latency),
                "reads": each.tally.reads,
                "errors": each.tally.errors,
                "error_budget_left": _exact_or_none(each.tally.budget_left),
                "paused_until": _moment(each.paused_until),
                "proof": _proof(each.proof),
            }
            for each in result.venues
        ],
        "matrix": [
            {
                "token": row.base,
                "status": row.status.value,
                "venues": sorted(row.instruments),
                "pairs": row.pairs,
            }
            for row in result.matrix
        ],
        "opportunities": [
            {
                "rank": rank,
                "token": each.base,
                "long": _leg(each.long),
                "short": _leg(each.short),
                "spread_hourly": _exact(each.spread_per_hour),
                "apr": _exact(each.gross_apr),
                **_net(each),
            }
            for rank, each in enumerate(result.opportunities, start=1)
        ],
        "skipped": [
            {"token": each.base, "reason": each.reason.value, "detail": each.detail}
            for each in result.skips
        ],
    }


def _net(each: Opportunity) -> dict[str, Any]:
    """Return what the pair brings at the usual size; all null where it is not priced.

    Money is in USD and positive when received, costs are positive when paid.
    """
    found, refusal = each.estimate, each.refusal
    told: dict[str, Any] = dict.fromkeys(_NET_KEYS)
    if found is not None:
        even = found.break_even
        told = {
            "size_usd": _exact(found.size_usd),
            "quantity": _exact(found.quantity_base),
            "hold_h": _exact(hours_of(found.hold)),
            "net_usd": _rounded(found.net_usd),
            "blended_net_usd": _rounded(found.blended_net_usd),
            "funding_usd": _rounded(found.funding_usd),
            "cost_usd": _rounded(found.cost_usd),
            "cost": _rounded(found.cost),
            "fees_usd": _rounded(found.fees_usd),
            "entry_basis_usd": _rounded(found.entry_basis_usd),
            "exit_basis_usd": _rounded(found.exit_basis_usd),
            "break_even_h": _hours(even.smooth),
            "break_even_payments": even.payments,
            "break_even_after_h": _hours(even.after),
            "net_apr": _rounded(found.net_apr),
            "margin_usd": _rounded(found.margin_usd),
            "return_on_margin": _rounded(found.return_on_margin),
            "fee_source": found.fee_source.value,
            "legs": {
                "long": _leg_net(found.long, found),
                "short": _leg_net(found.short, found),
            },
        }
    return {
        **told,
        "unpriced": each.unpriced,
        "refusal": None
        if refusal is None
        else {"reason": refusal.reason.value, "detail": refusal.detail},
    }


_PRICES: Final = Context(prec=12)
"""Digits of an average price."""
_NET_KEYS: Final = (
    *("size_usd", "quantity", "hold_h", "net_usd", "blended_net_usd", "funding_usd"),
    *("cost_usd", "cost", "fees_usd", "entry_basis_usd", "exit_basis_usd"),
    *("break_even_h", "break_even_payments", "break_even_after_h", "net_apr"),
    *("margin_usd", "return_on_margin", "fee_source", "legs"),
)


def _leg_net(leg: LegEstimate, whole: NetEstimate) -> dict[str, Any]:
    """Return one leg's part; prices are per base unit, not per listed unit."""
    return {
        "entry_price": _exact(_PRICES.plus(leg.entry_price)),
        "exit_price": _exact(_PRICES.plus(leg.exit_price)),
        "taker_fee": _exact(leg.fee.rate),
        "fee_source": leg.fee.source.value,
        "fees_usd": _rounded(leg.fees_usd),
        "payments": leg.payments,
        "funding_usd": _rounded(leg.funding_usd),
        "liquidation_distance": _rounded(leg.liquidation_distance),
        "book_age_s": f"{(whole.priced_at - leg.book_at).total_seconds():.3f}",
    }


def _rounded(value: Decimal | None) -> str | None:
    """Write a quotient to eight places: what it is exact in ends long before."""
    return None if value is None else _exact(round(value, 8))


def _hours(duration: timedelta | None) -> str | None:
    return None if duration is None else _rounded(hours_of(duration))


def _proof(found: VenueProof | None) -> dict[str, Any] | None:
    """Return how far a venue's rates are proven to be in the right unit."""
    if found is None:
        return None
    venue = found.venue
    return {
        "state": venue.state.value,
        "since": None if venue.since is None else _moment(venue.since),
        "factor": None if venue.factor is None else _exact(round(venue.factor, 4)),
        "same_sign": None
        if venue.same_sign is None
        else _exact(round(venue.same_sign, 4)),
        "compared": found.compared,
        "proven": found.proven,
        "reason": venue.reason or None,
        "doubted": {
            symbol: {"state": each.state.value, "reason": each.reason}
            for symbol, each in found.doubted.items()
        },
    }


def _leg(snapshot: FundingSnapshot) -> dict[str, str | None]:
    """Return one side; `rate` is what one payment moves, `interval_h` its period.

    The price is the one the venue lists (of 1000 units for 1000PEPE).
    """
    instrument, rate, mark = snapshot.instrument, snapshot.rate, snapshot.mark_price
    return {
        "venue": instrument.venue_id,
        "symbol": instrument.symbol,
        "rate": _exact(rate.per_payment),
        "interval_h": _exact(hours_of(rate.payment_interval)),
        "rate_hourly": _exact(rate.per_hour),
        "next_funding_at": _moment(snapshot.next_funding_at),
        "mark_price": None if mark is None else _exact(instrument.listed_price(mark)),
        "volume_24h_usd": _exact_or_none(snapshot.volume_24h_usd),
    }


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _milliseconds(duration: timedelta | None) -> int | None:
    return None if duration is None else duration // timedelta(milliseconds=1)


def _exact(value: Decimal) -> str:
    """Write a decimal without exponent and without zeros that say nothing."""
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _exact_or_none(value: Decimal | None) -> str | None:
    return None if value is None else _exact(value)


# --- tables ---------------------------------------------------------------------------


def print_scan(result: ScanResult, console: Console, *, period_h: int) -> None:
    """Print venues, matrix and ranking, and how much was left out and why."""
    console.print(_venue_table(result))
    console.print(_matrix_table(result.matrix))
    if result.opportunities:
        console.print(_ranking_table(result.opportunities, period_h))
        console.print(
            "* of the thinner side; ? where a venue does not tell or no book was read"
        )
    else:
        console.print("No spread is above the threshold now.")
    counts: dict[str, int] = {}
    for skip in result.skips:
        counts[skip.reason.value] = counts.get(skip.reason.value, 0) + 1
    if counts:
        parts = (f"{reason} {count}" for reason, count in sorted(counts.items()))
        console.print(f"Left out: {', '.join(parts)}", highlight=False)


def _venue_table(result: ScanResult) -> Table:
    table = Table("Venue", "Answer", "Instruments", "Rates", "Age", title="Venues")
    for each in result.venues:
        table.add_row(
            each.venue_id,
            "ok" if each.is_ok else f"failed: {each.error}",
            str(each.instruments),
            str(each.rates),
            "-" if each.age is None else f"{each.age.total_seconds():.0f} s",
        )
    return table


def _matrix_table(rows: Sequence[TokenRow]) -> Table:
    table = Table("", "Token", "Venues", "Available on", "Arb pairs", title="Matrix")
    for row in sorted(rows, key=lambda each: (-each.pairs, each.base)):
        table.add_row(
            _SIGNS[row.status.value],
            row.base,
            str(len(row.instruments)),
            ", ".join(sorted(row.instruments)),
            str(row.pairs),
        )
    return table


def _ranking_table(opportunities: Sequence[Opportunity], period_h: int) -> Table:
    first = next((one.estimate for one in opportunities if one.estimate), None)
    title = "Best spreads, before any cost"
    if first is not None:
        hold = f"{hours_of(first.hold).normalize():f} h"
        title = f"Best by net over {hold} at ${first.size_usd:,.0f} per leg"
    table = Table("#", "Token", "Long", "Short", title=title)
    heads = (f"Gross %/{period_h}h", "APR %", "Net $", "Even after h", "Day volume*")
    for header in heads:
        table.add_column(header, justify="right")
    for rank, each in enumerate(opportunities, start=1):
        table.add_row(
            str(rank),
            each.base,
            each.long.instrument.venue_id,
            each.short.instrument.venue_id,
            f"{each.spread_per_hour * period_h * 100:.4f}",
            f"{each.gross_apr * 100:.1f}",
            "?" if each.estimate is None else f"{each.estimate.net_usd:+.2f}",
            _even_after(each),
            _thinner(each),
        )
    return table


def _even_after(each: Opportunity) -> str:
    if each.estimate is None:
        return "?"
    smooth = each.estimate.break_even.smooth
    return "never" if smooth is None else f"{hours_of(smooth):.1f}"


def _thinner(each: Opportunity) -> str:
    long, short = each.long.volume_24h_usd, each.short.volume_24h_usd
    known = [volume for volume in (long, short) if volume is not None]
    if len(known) < len((long, short)):
        return "?"
    return f"${min(known):,.0f}"
