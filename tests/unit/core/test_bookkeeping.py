"""What was expected, what was booked and what wallets hold, side by side."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from core.bookkeeping import Bookkeeper
from core.errors import TroubleKind, UnknownTradeError, VenueError
from core.model.alert import AlertKind, AlertLevel
from core.model.ledger import WalletMark
from core.model.order import Balance
from core.model.units import TradeId
from tests.fakes.journal import MemoryJournal, MemoryOutbox
from tests.fakes.ledger import (
    MemoryLedger,
    closed_entry,
    open_entry,
    payment,
)
from tests.fakes.objects import BINANCE, EXTENDED, snapshot
from tests.fakes.runtime import START, FakeClock

if TYPE_CHECKING:
    from core.model.alert import Alert
    from core.model.instrument import Instrument
    from core.model.market import FundingSnapshot
    from core.model.order import Payment
    from core.model.trade import Trade
    from core.model.units import VenueId


class Purse:
    """A venue of which only the wallet is asked."""

    def __init__(self, venue_id: VenueId, clock: FakeClock, wallet: str) -> None:
        self.venue_id, self.clock = venue_id, clock
        self.wallet: Decimal | None = Decimal(wallet)
        self.is_dead = False

    async def balance(self) -> Balance:
        """Return the wallet."""
        if self.is_dead:
            raise VenueError(self.venue_id, TroubleKind.TIMEOUT, "no answer")
        worth = self.wallet or Decimal(0)
        return Balance(self.venue_id, worth, worth, self.clock.now(), self.wallet)


class Book:
    """Trades and payments by id."""

    def __init__(self, ledger: MemoryLedger) -> None:
        self.ledger = ledger

    async def trade(self, trade_id: TradeId) -> Trade | None:
        """Return one."""
        found = (each.trade for each in self.ledger.all)
        return next((each for each in found if each.trade_id == trade_id), None)

    async def payments_of(self, trade_id: TradeId) -> tuple[Payment, ...]:
        """Return a trade's."""
        own = (each for each in self.ledger.all if each.trade.trade_id == trade_id)
        return tuple(paid for each in own for paid in each.payments)


class Desk:
    """A bookkeeper over two purses, a ledger and one clock."""

    def __init__(self, *entries: object) -> None:
        self.clock = FakeClock()
        self.ledger = MemoryLedger(*entries)  # type: ignore[arg-type]
        self.journal = MemoryJournal()
        self.purses = {
            EXTENDED: Purse(EXTENDED, self.clock, "5000"),
            BINANCE: Purse(BINANCE, self.clock, "5000"),
        }
        self.due_in: timedelta | None = timedelta(minutes=30)
        self.keeper = Bookkeeper(
            ledger=self.ledger,
            trades=Book(self.ledger),  # type: ignore[arg-type]
            venues=self.purses,  # type: ignore[arg-type]
            outbox=MemoryOutbox(self.journal),
            clock=self.clock,
            fresh=self.fresh,
        )

    @property
    def told(self) -> list[Alert]:
        """Return every message."""
        return list(self.journal.alerts.values())

    def fresh(self, instrument: Instrument) -> FundingSnapshot | None:
        """Show 91000 and 0.01 % an hour, the next payment as the test says."""
        if self.due_in is None:
            return None
        seen = snapshot(
            "BTC",
            instrument.venue_id,
            per_hour="0.0001",
            price="91000",
            at=self.clock.now(),
        )
        return replace(seen, next_funding_at=self.clock.now() + self.due_in)

    async def tick_after(self, passed: timedelta) -> None:
        """Let time pass and look."""
        await self.clock.advance(passed)
        await self.keeper.tick()


TEN = timedelta(minutes=10)


# --- expected payments ----------------------------------------------------------------


async def test_what_a_payment_should_bring_is_noted_shortly_before_it() -> None:
    """Expected beside actual is how a wrong unit or a changed rate is seen."""
    desk = Desk(open_entry())
    desk.due_in = timedelta(minutes=9)
    await desk.keeper.tick()
    found = {each.venue_id: each for each in desk.ledger.expected.values()}

    # 0.1 BTC at 91000: the long pays one hour, the short is paid eight
    assert found[EXTENDED].amount_usd == Decimal("-0.91")
    assert found[BINANCE].amount_usd == Decimal("7.28")


async def test_a_later_look_replaces_an_earlier_one() -> None:
    """The rate shown last before the payment is the one that counts."""
    desk = Desk(open_entry())
    desk.due_in = timedelta(minutes=9)
    await desk.keeper.tick()
    due = desk.clock.now() + timedelta(minutes=9)
    desk.due_in = timedelta(minutes=8)
    await desk.tick_after(timedelta(minutes=1))

    assert {each.pay_at for each in desk.ledger.expected.values()} == {due}
    assert {each.noted_at for each in desk.ledger.expected.values()} == {
        desk.clock.now()
    }


@pytest.mark.parametrize("due", [None, timedelta(minutes=11), timedelta(0)])
async def test_nothing_is_expected_without_a_fresh_rate_close_to_the_payment(
    due: timedelta | None,
) -> None:
    """Unknown stays unknown; a guess would look like a fact."""
    desk = Desk(open_entry())
    desk.due_in = due
    await desk.keeper.tick()

    assert desk.ledger.expected == {}


async def test_payments_are_shown_beside_what_was_expected() -> None:
    """A minute's delay in the venue's stamp is the same payment."""
    desk = Desk(open_entry())
    desk.due_in = timedelta(minutes=5)
    await desk.keeper.tick()
    pay_at = desk.clock.now() + timedelta(minutes=5)
    paid = payment(BINANCE, "7.30", pay_at)
    desk.ledger.all = [replace(open_entry(), payments=(paid,))]

    trade, found = await desk.keeper.payments(TradeId("8a3"))
    assert trade.trade_id == "8a3"
    assert [(each.payment.amount_usd, each.expected_usd) for each in found] == [
        (Decimal("7.30"), Decimal("7.28"))
    ]
    with pytest.raises(UnknownTradeError):
        await desk.keeper.payments(TradeId("none"))


# --- what payments brought ------------------------------------------------------------


async def test_payments_of_one_moment_are_one_message_told_once() -> None:
    """Two legs and ten pairs pay at the full hour: that is one line, not twenty."""
    pays = (payment(EXTENDED, "-0.91", START), payment(BINANCE, "7.28", START))
    desk = Desk(replace(open_entry(), payments=pays))
    await desk.keeper.tick()
    assert desk.told == []

    await desk.tick_after(timedelta(minutes=4))
    await desk.tick_after(timedelta(minutes=4))

    (told,) = desk.told
    assert told.kind is AlertKind.FUNDING
    assert told.level is AlertLevel.FUNDING
    assert told.facts["total_usd"] == "6.37"
    assert [one["amount"] for one in json.loads(told.facts["items"])] == [
        "-0.91",
        "7.28",
    ]


async def test_a_day_of_hourly_payments_is_one_message_that_is_edited() -> None:
    """Midnight 1.00, one o'clock 2.00, the next midnight 4.00: two messages."""
    midnight = START.replace(hour=0, minute=0, second=0, microsecond=0)
    midnight += timedelta(days=1)
    moments = [midnight, midnight + timedelta(hours=1), midnight + timedelta(days=1)]
    pays = [payment(BINANCE, usd, at) for usd, at in zip("124", moments, strict=True)]
    desk = Desk(replace(open_entry(), payments=tuple(pays)))
    for at in moments:
        await desk.tick_after(at + timedelta(minutes=4) - desk.clock.now())
        await desk.tick_after(timedelta(seconds=30))

    first, second, third = desk.told
    assert first.edits_key is None
    assert second.edits_key == first.dedupe_key
    assert third.edits_key is None
    assert [one.facts["day_usd"] for one in desk.told] == ["1", "3", "4"]
    assert [one.facts["day_payments"] for one in desk.told] == ["1", "2", "1"]
    earlier = [json.loads(one.facts["earlier"]) for one in desk.told]
    assert earlier == [[], [{"at": midnight.isoformat(), "usd": "1"}], []]


async def test_old_payments_are_not_told_after_a_long_silence() -> None:
    """A bot that was off for a night does not ring for every hour of it."""
    desk = Desk(replace(open_entry(), payments=(payment(BINANCE, "7.28", START),)))
    await desk.tick_after(timedelta(hours=3))

    assert desk.told == []


# --- wallets --------------------------------------------------------------------------


async def test_wallets_that_move_with_our_books_are_marked_and_not_told() -> None:
    """The usual case says nothing."""
    desk = Desk()
    await desk.keeper.tick()
    desk.ledger.all = [closed_entry()]
    desk.purses[EXTENDED].wallet = Decimal("5089.27")
    desk.purses[BINANCE].wallet = Decimal("4920.24")
    await desk.tick_after(timedelta(hours=1))

    assert desk.told == []
    assert [mark.wallet_usd for mark in desk.ledger.marks] == [
        Decimal(5000),
        Decimal(5000),
        Decimal("5089.27"),
        Decimal("4920.24"),
    ]


async def test_money_that_came_from_elsewhere_is_told_once_after_two_looks() -> None:
    """A transfer, or a trade by hand: the trader hears of it, and only once."""
    desk = Desk()
    await desk.keeper.tick()
    desk.purses[BINANCE].wallet = Decimal(5250)
    await desk.tick_after(TEN)
    assert desk.told == []

    for _ in range(12):
        await desk.tick_after(TEN)

    (told,) = desk.told
    assert told.kind is AlertKind.BOOKS_DIFFER
    assert (told.facts["venue"], told.facts["off_usd"]) == ("binance", "250")


async def test_a_payment_on_its_way_into_our_books_is_no_difference() -> None:
    """Around a payment the wallet is ahead of us for a moment."""
    desk = Desk(open_entry())
    await desk.keeper.tick()
    marks = len(desk.ledger.marks)
    desk.purses[EXTENDED].wallet = Decimal(5001)
    desk.due_in = timedelta(minutes=57)
    for _ in range(3):
        await desk.tick_after(TEN)

    assert desk.told == []
    assert len(desk.ledger.marks) == marks


async def test_a_silent_venue_is_named_and_not_compared() -> None:
    """No answer is no agreement."""
    desk = Desk()
    await desk.keeper.tick()
    desk.purses[BINANCE].is_dead = True
    found = await desk.keeper.pnl(None, UTC)

    assert found.silent == (BINANCE,)
    assert [each.venue_id for each in found.residuals] == [EXTENDED]


async def test_the_report_compares_since_the_periods_beginning() -> None:
    """A deposit of last week does not disturb today's comparison."""
    desk = Desk()
    for ago, wallet in ((7, 4000), (1, 5000)):
        await desk.ledger.mark_wallet(
            WalletMark(
                EXTENDED, START - timedelta(days=ago), Decimal(wallet), Decimal(0)
            )
        )
    today = await desk.keeper.pnl(START - timedelta(hours=12), UTC)
    week = await desk.keeper.pnl(START - timedelta(days=6), UTC)

    assert [each.amount_usd for each in today.residuals] == [Decimal(0)]
    assert [each.amount_usd for each in week.residuals] == [Decimal(1000)]


async def test_a_wallet_that_is_not_told_is_no_wallet_of_nothing() -> None:
    """Unknown is not zero: nothing is compared."""
    desk = Desk()
    desk.purses[BINANCE].wallet = None
    await desk.keeper.tick()

    assert [mark.venue_id for mark in desk.ledger.marks] == [EXTENDED]
