"""Compare what the bot booked for each pair with what the venues themselves did.

The truth is read from the pretend venues' own trades and payments of a pair's two
contracts, never from what the bot asked for or was told.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from core.model.ledger import Parts
from core.model.units import VenueId
from core.pnl import booked_on, moves

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from core.model.ledger import LedgerEntry
    from core.model.trade import Trade, TradeLeg
    from sandbox.app import SandboxServer
    from sandbox.venues.accounts import Account, FundingPaid

CENT = Decimal("0.01")
START_USD = Decimal(5000)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One pair's result by the venues' own records beside ours."""

    trade: Trade
    true: Parts
    booked: Parts
    payments: int
    """Made by the venues in the pair's life."""

    @property
    def off_usd(self) -> Decimal:
        """Return what we booked too much."""
        return self.booked.net_usd - self.true.net_usd

    def line(self) -> str:
        """Return it as a row of the table."""
        trade, parts = self.trade, self.true
        pair = f"{trade.long.instrument.venue_id}>{trade.short.instrument.venue_id}"
        ended = trade.closed_at
        days = "" if ended is None else f"{(ended - trade.created_at).days} d"
        return (
            f"{trade.base:<8} {pair:<22} {trade.state.value:<8} {days:>5}"
            f" {self.payments:>5} paid  funding {parts.funding_usd:>9.4f}"
            f"  price {parts.price_usd:>9.4f}  fees {parts.fees_usd:>8.4f}"
            f"  off {self.off_usd:>9.6f}"
        )


def problems_of(entry: LedgerEntry, box: SandboxServer) -> tuple[Outcome, list[str]]:
    """Compare one pair part by part and leg by leg, and its payments one by one."""
    found: list[str] = []
    trade, truth = entry.trade, Parts()
    payments = 0
    for leg in trade.legs:
        account = box.accounts.desk(leg.instrument.venue_id).account
        true = _true_parts(account, trade, leg)
        ours = _booked_parts(entry, leg)
        truth += true
        where = f"{trade.base} {trade.trade_id} on {leg.instrument.venue_id}"
        for name in ("funding_usd", "price_usd", "fees_usd"):
            is_, says = getattr(true, name), getattr(ours, name)
            if abs(is_ - says) >= CENT:
                found.append(f"{where}: {name} is {is_}, booked {says}")
        paid = [_key(one.at_ms, one.amount) for one in _payments(account, trade, leg)]
        payments += len(paid)
        found += _payments_off(where, paid, _booked_payments(entry, leg))
    whole = sum((_booked_parts(entry, leg) for leg in trade.legs), Parts())
    return Outcome(trade, truth, whole, payments), found


def wallets_off(entries: Sequence[LedgerEntry], box: SandboxServer) -> list[str]:
    """Compare every wallet's change with all that was booked there."""
    found = []
    for venue_id, told in box.accounts.accounts().items():
        moved = Decimal(told["wallet"]) - START_USD
        ours = booked_on(entries, VenueId(venue_id))
        if abs(moved - ours) >= CENT:
            found.append(f"{venue_id}: the wallet moved by {moved}, booked {ours}")
    return found


def naked(trades: Iterable[Trade], box: SandboxServer) -> list[str]:
    """Return the tokens that are held on one side only, or by no pair of ours."""
    net: defaultdict[str, Decimal] = defaultdict(Decimal)
    lots: dict[str, Decimal] = {}
    for told in box.accounts.accounts().values():
        for row in told["positions"].values():
            net[row["token"]] += Decimal(row["quantity"]) * row["multiplier"]
    for trade in trades:
        lots[trade.base] = max(each.instrument.lot_base for each in trade.legs)
    return [
        f"{token} is {quantity} out of balance"
        for token, quantity in net.items()
        if abs(quantity) >= lots.get(token, CENT)
    ]


# --- the truth ------------------------------------------------------------------------


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _is_in_life(trade: Trade, at_ms: int) -> bool:
    ended = trade.closed_at
    return _ms(trade.created_at) <= at_ms and (ended is None or at_ms <= _ms(ended))


def _true_parts(account: Account, trade: Trade, leg: TradeLeg) -> Parts:
    name = leg.instrument.native_name
    own = [
        one
        for one in account.trades
        if one.symbol_raw == name and _is_in_life(trade, one.at_ms)
    ]
    return Parts(
        funding_usd=sum(
            (one.amount for one in _payments(account, trade, leg)), Decimal(0)
        ),
        price_usd=sum((one.profit for one in own), Decimal(0)),
        fees_usd=sum((one.fee for one in own), Decimal(0)),
    )


def _payments(account: Account, trade: Trade, leg: TradeLeg) -> Iterator[FundingPaid]:
    """Yield a leg's payments; one of nothing is told by some venues only."""
    for one in account.payments:
        is_ours = one.symbol_raw == leg.instrument.native_name
        if is_ours and one.amount and _is_in_life(trade, one.at_ms):
            yield one


# --- our books ------------------------------------------------------------------------


def _booked_parts(entry: LedgerEntry, leg: TradeLeg) -> Parts:
    venue_id = leg.instrument.venue_id
    return sum((m.parts for m in moves(entry) if m.venue_id == venue_id), Parts())


def _booked_payments(entry: LedgerEntry, leg: TradeLeg) -> list[tuple[str, str]]:
    return [
        _key(_ms(paid.pay_at), paid.amount_usd)
        for paid in entry.payments
        if paid.venue_id == leg.instrument.venue_id and paid.amount_usd
    ]


def _key(at_ms: int, amount: Decimal) -> tuple[str, str]:
    """Name a payment by its minute and its amount to a hundredth of a cent."""
    moment = datetime.fromtimestamp(at_ms // 60_000 * 60, UTC)
    return f"{moment:%m-%d %H:%M}", f"{amount:.4f}"


def _payments_off(
    where: str, true: list[tuple[str, str]], booked: list[tuple[str, str]]
) -> list[str]:
    made, ours = Counter(true), Counter(booked)
    lost, more = made - ours, ours - made
    return [
        *(f"{where}: not booked {at} {amount}" for at, amount in lost.elements()),
        *(f"{where}: booked but not paid {at} {usd}" for at, usd in more.elements()),
    ]
