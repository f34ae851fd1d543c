"""Turn executions and payments into results by part, trade, token, venue and day. Pure.

A result belongs to the moment it was booked: funding to its payment, a fee and a price
result to their execution. What is open has no moment; it is valued now, beside them.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TypeVar

from core.economics import leg_result
from core.model.holding import Holding
from core.model.ledger import Move, Parts, PnlReport, Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import date, datetime, tzinfo
    from decimal import Decimal

    from core.model.instrument import Instrument
    from core.model.ledger import LedgerEntry
    from core.model.trade import TradeLeg
    from core.model.units import Base, TradeId, VenueId

    Marks = Callable[[Instrument], Decimal | None]

Key = TypeVar("Key")
NOTHING = Result()


def moves(entry: LedgerEntry) -> tuple[Move, ...]:
    """Return everything one trade booked, oldest first."""
    found = [move for leg in entry.trade.legs for move in _executions(entry, leg)]
    found += [
        Move(
            at=paid.pay_at,
            venue_id=paid.venue_id,
            trade=entry.trade,
            parts=Parts(funding_usd=paid.amount_usd),
            payment=paid,
        )
        for paid in entry.payments
    ]
    return tuple(sorted(found, key=lambda move: move.at))


def all_moves(
    entries: Iterable[LedgerEntry], since: datetime | None
) -> tuple[Move, ...]:
    """Return everything these trades booked since a moment, oldest first."""
    found = (move for entry in entries for move in moves(entry))
    wanted = (move for move in found if since is None or move.at >= since)
    return tuple(sorted(wanted, key=lambda move: move.at))


def _executions(entry: LedgerEntry, leg: TradeLeg) -> Iterator[Move]:
    """Walk one leg's executions, each with the price result that it realised."""
    holding = Holding()
    for fill in entry.fills:
        if fill.venue_id != leg.instrument.venue_id:
            continue
        before = holding.realised_usd
        holding = holding.after(fill.side, fill.quantity_base, fill.price)
        fee = fill.fee_usd
        if fee is None:
            fee = fill.quantity_base * fill.price * leg.taker_fee
        yield Move(
            at=fill.at,
            venue_id=fill.venue_id,
            trade=entry.trade,
            parts=Parts(price_usd=holding.realised_usd - before, fees_usd=fee),
            fill=fill,
            has_guessed_fee=fill.fee_usd is None,
        )


def booked_on(entries: Iterable[LedgerEntry], venue_id: VenueId) -> Decimal:
    """Return what all trades booked on one venue, USD."""
    found = (move for entry in entries for move in moves(entry))
    total = sum((m.parts for m in found if m.venue_id == venue_id), Parts())
    return total.net_usd


def report(
    entries: Sequence[LedgerEntry],
    marks: Marks,
    *,
    since: datetime | None,
    until: datetime,
    zone: tzinfo,
) -> PnlReport:
    """Return the result of a period.

    `entries` are all trades that booked anything in it and all that are open; `marks`
    gives the fresh price per base unit of an instrument, None without one.
    """
    booked = _Sums(zone)
    for entry in entries:
        for move in moves(entry):
            if since is None or since <= move.at <= until:
                booked.add(move)
    for entry in entries:
        if not entry.trade.state.is_terminal:
            booked.open_one(entry, marks)
    return PnlReport(
        since=since,
        until=until,
        total=booked.total,
        trades=dict(booked.trades),
        tokens=dict(booked.tokens),
        venues=dict(booked.venues),
        days=dict(sorted(booked.days.items())),
        bases={entry.trade.trade_id: entry.trade.base for entry in entries},
        open_trades=booked.open_trades,
        guessed_fees=booked.guessed,
    )


class _Sums:
    """Adds moves up under every name they go by."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self.total = Result()
        self.trades: defaultdict[TradeId, Result] = defaultdict(Result)
        self.tokens: defaultdict[Base, Result] = defaultdict(Result)
        self.venues: defaultdict[VenueId, Result] = defaultdict(Result)
        self.days: defaultdict[date, Parts] = defaultdict(Parts)
        self.open_trades = self.guessed = 0

    def add(self, move: Move) -> None:
        """Count something booked."""
        self._put(move, Result(move.parts))
        self.days[move.at.astimezone(self._zone).date()] += move.parts
        self.guessed += move.has_guessed_fee

    def open_one(self, entry: LedgerEntry, marks: Marks) -> None:
        """Count what an open trade is worth beyond what it booked."""
        self.open_trades += 1
        trade = entry.trade
        for leg in trade.legs:
            worth = Result(open_usd=_open_usd(entry, leg, marks))
            self.venues[leg.instrument.venue_id] += worth
            self.trades[trade.trade_id] += worth
            self.tokens[trade.base] += worth
            self.total += worth

    def _put(self, move: Move, result: Result) -> None:
        self.trades[move.trade.trade_id] += result
        self.tokens[move.trade.base] += result
        self.venues[move.venue_id] += result
        self.total += result


def _open_usd(entry: LedgerEntry, leg: TradeLeg, marks: Marks) -> Decimal | None:
    """Return what closing one leg at its mark would add, before fees."""
    result = leg_result(leg, entry.fills, entry.payments)
    price = result.price_usd(marks(leg.instrument) if leg.held_base else None)
    return None if price is None else price - result.holding.realised_usd
