"""Results by part, checked against a pair whose sums fit on a hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from core.model.ledger import Parts, Result
from core.model.trade import TradeState
from core.model.units import Base, TradeId
from core.pnl import booked_on, moves, report
from tests.fakes.ledger import (
    CLOSED,
    ENTRY_FILLS,
    OPENED,
    PAYMENTS,
    closed_entry,
    open_entry,
    trade,
)
from tests.fakes.objects import BINANCE, EXTENDED
from tests.fakes.runtime import START

if TYPE_CHECKING:
    from datetime import datetime, tzinfo

    from core.model.instrument import Instrument
    from core.model.ledger import LedgerEntry, PnlReport


def at_91_000(_: Instrument) -> Decimal | None:
    """Give both venues the same mark."""
    return Decimal(91_000)


def unknown(_: Instrument) -> Decimal | None:
    """Know no price."""
    return None


def pnl(
    *entries: LedgerEntry, since: datetime | None = None, zone: tzinfo = UTC
) -> PnlReport:
    """Report at a mark of 91000."""
    return report(entries, at_91_000, since=since, until=START, zone=zone)


def test_a_round_trip_is_split_into_what_it_came_from() -> None:
    """The trader sees that funding earned and fees ate: 2.00 - 13.73 + 21.25."""
    total = pnl(closed_entry()).total

    assert total.booked == Parts(
        funding_usd=Decimal("21.25"),
        price_usd=Decimal("2.00"),
        fees_usd=Decimal("13.73175"),
    )
    assert total.total_usd == Decimal("9.51825")


def test_each_venue_shows_its_own_leg() -> None:
    """One leg is always far negative; the pair is what counts, the legs explain it."""
    venues = pnl(closed_entry()).venues

    assert venues[EXTENDED].booked == Parts(
        Decimal("-1.15"), Decimal("95.0"), Decimal("4.57625")
    )
    assert venues[BINANCE].booked == Parts(
        Decimal("22.40"), Decimal("-93.0"), Decimal("9.1555")
    )
    assert venues[EXTENDED].total_usd == Decimal("89.27375")
    assert venues[BINANCE].total_usd == Decimal("-79.7555")


def test_what_is_open_is_valued_beside_what_was_booked() -> None:
    """An open pair's price result is not earned yet, and is shown as such."""
    found = pnl(open_entry()).total

    # long 0.1 * (91000 - 91050) = -5, short 0.1 * (91090 - 91000) = +9
    assert found.open_usd == Decimal("4.0")
    assert found.booked.price_usd == 0
    assert found.total_usd == Decimal("21.25") - Decimal("6.83075") + Decimal(4)


def test_without_a_mark_the_open_part_is_unknown_and_so_is_the_sum() -> None:
    """A silent venue must not make a loss look like nothing."""
    found = report([open_entry()], unknown, since=None, until=START, zone=UTC)

    assert found.total.open_usd is None
    assert found.total.total_usd is None
    assert found.total.booked.funding_usd == Decimal("21.25")


def test_executions_that_are_missing_leave_the_price_unknown() -> None:
    """A leg that holds what no execution explains has no result to show."""
    entry = replace(open_entry(), fills=ENTRY_FILLS[:1])

    assert pnl(entry).venues[BINANCE].open_usd is None
    assert pnl(entry).venues[EXTENDED].open_usd == Decimal("-5.0")


def test_a_period_counts_what_was_booked_in_it() -> None:
    """Opened before, closed today: today has the closing fees and the price result."""
    today = pnl(closed_entry(), since=CLOSED - timedelta(hours=1)).total.booked

    assert today.funding_usd == 0
    assert today.price_usd == Decimal("2.00")
    assert today.fees_usd == Decimal("6.901")


def test_days_are_those_of_the_reader() -> None:
    """What came at 23:30 UTC belongs to the next day in Auckland."""
    late = replace(PAYMENTS[0], pay_at=OPENED.replace(hour=23, minute=30))
    entry = replace(open_entry(), fills=(), payments=(late,))

    assert list(pnl(entry).days) == [late.pay_at.date()]
    there = pnl(entry, zone=ZoneInfo("Pacific/Auckland")).days
    assert list(there) == [late.pay_at.date() + timedelta(days=1)]


def test_a_fee_not_told_yet_is_taken_at_the_taker_rate_and_counted() -> None:
    """The result is right within cents now, and the reader knows it may still move."""
    untold = replace(ENTRY_FILLS[1], fee_usd=None)
    entry = replace(open_entry(), fills=(ENTRY_FILLS[0], untold), payments=())

    assert pnl(entry).guessed_fees == 1
    # 9109 USD at 0.05 %
    assert pnl(entry).venues[BINANCE].booked.fees_usd == Decimal("4.5545")


def test_tokens_and_pairs_add_up_over_trades() -> None:
    """Two pairs of one token are two rows by pair and one by token."""
    found = pnl(closed_entry(), open_entry())

    assert set(found.trades) == {TradeId("7f2"), TradeId("8a3")}
    assert list(found.tokens) == [Base("BTC")]
    both = found.trades[TradeId("7f2")] + found.trades[TradeId("8a3")]
    assert found.tokens[Base("BTC")] == both == found.total
    assert found.open_trades == 1


def test_days_add_up_to_what_was_booked() -> None:
    """No cent may fall between two days."""
    found = pnl(closed_entry(), open_entry())

    assert sum(found.days.values(), Parts()) == found.total.booked
    assert date(2026, 1, 1) not in found.days


def test_an_entry_that_was_undone_still_cost_its_fees() -> None:
    """An aborted pair held nothing for long, but the venue took its fee."""
    aborted = replace(trade(TradeState.ABORTED), opened_at=None)
    entry = replace(closed_entry(), trade=aborted, payments=())

    assert pnl(entry).total.booked.net_usd == Decimal("-11.73175")


def test_what_one_venue_booked_is_what_its_wallet_must_have_moved_by() -> None:
    """Open or not: a wallet knows nothing of unrealised results."""
    entries = [closed_entry(), open_entry()]

    # the closed pair gave 89.27375 there, the open one paid 1.15 and a fee of 2.27625
    assert booked_on(entries, EXTENDED) == Decimal("85.8475")


def test_moves_are_told_in_the_order_they_happened() -> None:
    """The exported table reads like a bank statement."""
    times = [move.at for move in moves(closed_entry())]

    assert times == sorted(times)
    assert len(times) == 6


def test_unknown_and_known_open_parts_add_to_unknown() -> None:
    """One pair without a price makes the sum of all unknown, not smaller."""
    known, lost = Result(Parts(), Decimal(5)), Result(Parts(), None)

    assert (known + lost).total_usd is None
    assert (known + known).total_usd == Decimal(10)
