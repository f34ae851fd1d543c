"""Compare what was expected, what we booked and what the venues' wallets hold.

A wallet moves only by what is realised: funding, price results and fees. So the change
of a wallet between two quiet moments must be the change of our books, to the cent,
whatever open positions are worth meanwhile; what is left over is told.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from core.economics import funding_usd
from core.errors import UnknownTradeError, VenueError
from core.model.alert import Alert, AlertKind, AlertLevel
from core.model.ledger import ExpectedPayment, Paid, Residual, WalletMark
from core.model.trade import TradeState
from core.pnl import all_moves, booked_on, report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime, tzinfo

    from core.model.instrument import Instrument
    from core.model.ledger import LedgerEntry, Move, PnlReport
    from core.model.market import FundingSnapshot
    from core.model.order import Balance, Payment
    from core.model.trade import Trade, TradeLeg
    from core.model.units import TradeId, VenueId
    from core.ports import Clock, Ledger, Outbox, Trades, TradingVenue

    Key = tuple[VenueId, str, datetime]
    Fresh = Callable[[Instrument], FundingSnapshot | None]

log = logging.getLogger(__name__)

NOTED_BEFORE = timedelta(minutes=10)
"""From when on the shown rate counts as what the next payment is expected to be."""
BOOKED_WITHIN = timedelta(minutes=5)
"""How long after a payment our books may lag behind a wallet."""
DUE_SOON = timedelta(minutes=1)
TOLD_AFTER = timedelta(minutes=3)
"""Both legs' payments of one moment are in by then, and told together."""
TOLD_UNTIL = timedelta(hours=2)
COMPARED_EVERY = timedelta(minutes=10)
MARKED_EVERY = timedelta(hours=1)
READ_LIMIT = timedelta(milliseconds=800)
SMALLEST = Decimal("0.10")
SHARE = Decimal("0.02")
"""A difference is told above ten cents and above 2 % of what was booked meanwhile."""


class Bookkeeper:
    """Keeps the accounts of what trades earn."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        trades: Trades,
        venues: Mapping[VenueId, TradingVenue],
        outbox: Outbox,
        clock: Clock,
        fresh: Fresh,
    ) -> None:
        self._ledger, self._trades, self._venues = ledger, trades, venues
        self._outbox, self._clock, self._fresh = outbox, clock, fresh
        self._compared_at: datetime | None = None
        self._told_until: datetime | None = None
        """Payments up to this moment were told since the start."""
        self._doubts: dict[VenueId, Decimal] = {}
        """Differences seen once; a second look at the same one is told."""

    # --- on a timer -------------------------------------------------------------------

    async def tick(self) -> None:
        """Note what payments should bring, tell of those that came, compare wallets."""
        now = self._clock.now()
        open_entries = await self._ledger.entries(now, paid_since=now - TOLD_UNTIL)
        await self._expect(entry.trade for entry in open_entries)
        await self._tell_funding(open_entries)
        now = self._clock.now()
        if self._compared_at is None or now - self._compared_at >= COMPARED_EVERY:
            self._compared_at = now
            await self._compare()

    async def _expect(self, trades: Iterable[Trade]) -> None:
        found = (self._expected(trade, leg) for trade in trades for leg in trade.legs)
        due = [each for each in found if each is not None]
        if due:
            await self._ledger.expect(due)

    def _expected(self, trade: Trade, leg: TradeLeg) -> ExpectedPayment | None:
        now, seen = self._clock.now(), self._fresh(leg.instrument)
        if seen is None or seen.next_funding_at is None or seen.mark_price is None:
            return None
        if not leg.held_base or not now < seen.next_funding_at <= now + NOTED_BEFORE:
            return None
        rate = seen.rate.per_payment
        return ExpectedPayment(
            venue_id=leg.instrument.venue_id,
            symbol=leg.instrument.symbol,
            pay_at=seen.next_funding_at,
            per_payment=rate,
            amount_usd=funding_usd(leg.side, rate, leg.held_base * seen.mark_price),
            noted_at=now,
            trade_id=trade.trade_id,
        )

    # --- payments ---------------------------------------------------------------------

    async def _tell_funding(self, entries: Sequence[LedgerEntry]) -> None:
        """Keep one message a UTC day: each moment at which something was paid edits it.

        Venues that pay hourly would else fill a chat with two dozen messages a day.
        """
        now = self._clock.now()
        by_moment: defaultdict[datetime, list[tuple[LedgerEntry, Payment]]]
        by_moment = defaultdict(list)
        for entry in entries:
            for paid in entry.payments:
                if TOLD_AFTER <= now - paid.pay_at <= TOLD_UNTIL:
                    by_moment[paid.pay_at].append((entry, paid))
        for pay_at, found in sorted(by_moment.items()):
            if self._told_until is not None and pay_at <= self._told_until:
                continue
            self._told_until = pay_at
            day = pay_at.replace(hour=0, minute=0, second=0, microsecond=0)
            alert = await self._funding_alert(pay_at, found, day)
            of_day = f"funding:{day:%Y-%m-%d}"
            if not await self._outbox.put(replace(alert, dedupe_key=of_day)):
                await self._outbox.put(replace(alert, edits_key=of_day))

    async def _funding_alert(
        self,
        pay_at: datetime,
        found: Sequence[tuple[LedgerEntry, Payment]],
        day: datetime,
    ) -> Alert:
        items = []
        known: dict[Key, Decimal] = {}
        for trade_id in {entry.trade.trade_id for entry, _ in found}:
            known |= await self._expectations(trade_id)
        for entry, paid in found:
            expected = known.get(_key(paid))
            item = {
                "base": entry.trade.base,
                "trade": entry.trade.trade_id,
                "venue": paid.venue_id,
                "amount": str(paid.amount_usd),
                "rate": str(paid.per_payment),
            }
            if expected is not None:
                item["expected"] = str(expected)
            items.append(item)
        total = sum((paid.amount_usd for _, paid in found), Decimal(0))
        of_day = [
            paid
            for entry in await self._ledger.entries(day, paid_since=day)
            for paid in entry.payments
            if day <= paid.pay_at <= pay_at
        ]
        by_moment: defaultdict[datetime, Decimal] = defaultdict(Decimal)
        for paid in of_day:
            by_moment[paid.pay_at] += paid.amount_usd
        earlier = [
            {"at": at.isoformat(), "usd": str(usd)}
            for at, usd in sorted(by_moment.items(), reverse=True)
            if at < pay_at
        ]
        return Alert(
            kind=AlertKind.FUNDING,
            level=AlertLevel.FUNDING,
            dedupe_key=f"funding:{pay_at.isoformat()}",
            facts={
                "pay_at": pay_at.isoformat(),
                "total_usd": str(total),
                "items": json.dumps(items),
                "day": day.isoformat(),
                "day_usd": str(sum(by_moment.values(), Decimal(0))),
                "day_payments": str(len(of_day)),
                "earlier": json.dumps(earlier),
            },
            created_at=self._clock.now(),
            expires_at=self._clock.now() + TOLD_UNTIL,
        )

    # --- wallets ----------------------------------------------------------------------

    async def _compare(self) -> None:
        """Mark quiet wallets, and tell of a difference that stays."""
        asking = (self._balance(venue_id) for venue_id in self._venues)
        answers = await asyncio.gather(*asking)
        entries = await self._ledger.entries()
        for venue_id, balance in zip(self._venues, answers, strict=True):
            try:
                await self._compare_one(venue_id, balance, entries)
            except Exception:  # accounts of one venue must not stop the others'
                log.exception("wallet not compared venue=%s", venue_id)

    async def _compare_one(
        self,
        venue_id: VenueId,
        balance: Balance | None,
        entries: Sequence[LedgerEntry],
    ) -> None:
        if balance is None or balance.wallet_usd is None:
            return
        if not self._is_quiet(venue_id, entries):
            return
        mark = WalletMark(
            venue_id,
            self._clock.now(),
            balance.wallet_usd,
            booked_on(entries, venue_id),
        )
        before = await self._ledger.latest_mark(venue_id)
        if before is None:
            await self._ledger.mark_wallet(mark)
            return
        off = _difference(before, mark)
        if abs(off) <= _tolerated(before, mark):
            self._doubts.pop(venue_id, None)
            if mark.at - before.at >= MARKED_EVERY:
                await self._ledger.mark_wallet(mark)
        elif self._doubts.get(venue_id) == off:
            del self._doubts[venue_id]
            await self._outbox.put(_books_differ(before, mark, off))
            await self._ledger.mark_wallet(mark)
        else:
            self._doubts[venue_id] = off

    def _is_quiet(self, venue_id: VenueId, entries: Iterable[LedgerEntry]) -> bool:
        """Tell whether nothing of ours moves on a venue, nor a payment to it."""
        now = self._clock.now()
        for entry in entries:
            for leg in entry.trade.legs:
                if leg.instrument.venue_id != venue_id or entry.trade.state.is_terminal:
                    continue
                seen = self._fresh(leg.instrument)
                if entry.trade.state is not TradeState.OPEN or seen is None:
                    return False
                if seen.next_funding_at is None:
                    return False
                left = seen.next_funding_at - now
                since = seen.rate.payment_interval - left
                if left < DUE_SOON or since < BOOKED_WITHIN:
                    return False
        return True

    async def _balance(self, venue_id: VenueId) -> Balance | None:
        try:
            async with asyncio.timeout(READ_LIMIT.total_seconds()):
                return await self._venues[venue_id].balance()
        except (VenueError, TimeoutError):
            return None
        except Exception:  # an adapter's surprise is no information either
            log.exception("wallet not read venue=%s", venue_id)
            return None

    # --- reports ----------------------------------------------------------------------

    async def pnl(
        self,
        since: datetime | None,
        zone: tzinfo = UTC,
        *,
        until: datetime | None = None,
    ) -> PnlReport:
        """Return the result since a moment, beside what the wallets did meanwhile.

        `until` leaves out what was booked later; what is open is valued now.
        """
        entries = await self._ledger.entries(since)
        found = report(
            entries,
            self._mark,
            since=since,
            until=until or self._clock.now(),
            zone=zone,
        )
        everything = entries if since is None else await self._ledger.entries()
        answers = await asyncio.gather(
            *(self._residual(each, since, everything) for each in self._venues)
        )
        residuals = tuple(each for each in answers if each is not None)
        known = {each.venue_id for each in residuals}
        silent = tuple(each for each in self._venues if each not in known)
        return replace(found, residuals=residuals, silent=silent)

    async def booked(self, since: datetime | None) -> tuple[Move, ...]:
        """Return every execution and payment since a moment, oldest first."""
        return all_moves(await self._ledger.entries(since), since)

    async def payments(self, trade_id: TradeId) -> tuple[Trade, tuple[Paid, ...]]:
        """Return a trade's payments beside what they were expected to bring.

        Raises:
            UnknownTradeError: there is none.
        """
        trade = await self._trades.trade(trade_id)
        if trade is None:
            raise UnknownTradeError(trade_id)
        payments = await self._trades.payments_of(trade_id)
        expected = await self._expectations(trade_id)
        return trade, tuple(Paid(each, expected.get(_key(each))) for each in payments)

    async def _expectations(self, trade_id: TradeId) -> dict[Key, Decimal]:
        found = await self._ledger.expected_of(trade_id)
        return {_key(each): each.amount_usd for each in found}

    def _mark(self, instrument: Instrument) -> Decimal | None:
        seen = self._fresh(instrument)
        return None if seen is None else seen.mark_price

    async def _residual(
        self,
        venue_id: VenueId,
        since: datetime | None,
        entries: Sequence[LedgerEntry],
    ) -> Residual | None:
        before = await self._ledger.wallet_mark(venue_id, since)
        balance = await self._balance(venue_id)
        if before is None or balance is None or balance.wallet_usd is None:
            return None
        now = WalletMark(
            venue_id,
            self._clock.now(),
            balance.wallet_usd,
            booked_on(entries, venue_id),
        )
        return Residual(venue_id, before.at, _difference(before, now))


def _key(one: Payment | ExpectedPayment) -> Key:
    """Return what makes a payment one payment; venues stamp it within its minute."""
    return one.venue_id, one.symbol, one.pay_at.replace(second=0, microsecond=0)


def _difference(before: WalletMark, after: WalletMark) -> Decimal:
    """Return by how much a wallet moved that our books do not explain."""
    moved = after.wallet_usd - before.wallet_usd
    return moved - (after.booked_usd - before.booked_usd)


def _tolerated(before: WalletMark, after: WalletMark) -> Decimal:
    return max(SMALLEST, SHARE * abs(after.booked_usd - before.booked_usd))


def _books_differ(before: WalletMark, after: WalletMark, off: Decimal) -> Alert:
    return Alert(
        kind=AlertKind.BOOKS_DIFFER,
        level=AlertLevel.TRADE,
        dedupe_key=f"books:{after.venue_id}:{after.at.isoformat()}",
        facts={
            "venue": after.venue_id,
            "off_usd": str(off),
            "wallet_usd": str(after.wallet_usd),
            "booked_usd": str(after.booked_usd - before.booked_usd),
            "since": before.at.isoformat(),
        },
        created_at=after.at,
    )
