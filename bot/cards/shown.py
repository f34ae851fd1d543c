"""What a sent card stores of itself, so that its buttons mean what it showed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from core.model.units import Base, TradeId, VenueId

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from core.model.opportunity import Opportunity


@dataclass(frozen=True, slots=True)
class ShownRow:
    """One row of a list; a pair when both venues are known, else a token."""

    base: Base
    long: VenueId | None = None
    short: VenueId | None = None
    per_hour: Decimal | None = None
    trade_id: TradeId | None = None
    size_usd: Decimal | None = None
    """Size its button offers; None is the usual one."""

    @property
    def venues(self) -> tuple[VenueId, VenueId] | None:
        """Return (long, short) if the row is a pair."""
        if self.long is None or self.short is None:
            return None
        return (self.long, self.short)


def pair_row(one: Opportunity, size_usd: Decimal | None = None) -> ShownRow:
    """Return what a list keeps of an opportunity."""
    return ShownRow(
        base=one.base,
        long=one.long.instrument.venue_id,
        short=one.short.instrument.venue_id,
        per_hour=one.spread_per_hour,
        size_usd=size_usd,
    )


def pack_rows(rows: Iterable[ShownRow]) -> str:
    """Return rows as text for storing."""
    return json.dumps(
        [
            [
                row.base,
                row.long,
                row.short,
                None if row.per_hour is None else str(row.per_hour),
                row.trade_id,
                *([] if row.size_usd is None else [str(row.size_usd)]),
            ]
            for row in rows
        ],
        ensure_ascii=False,
    )


def unpack_rows(shown: Mapping[str, str]) -> tuple[ShownRow, ...]:
    """Return the rows of a stored screen; a screen without rows has none."""
    return tuple(
        ShownRow(
            base=Base(base),
            long=None if long is None else VenueId(long),
            short=None if short is None else VenueId(short),
            per_hour=None if per_hour is None else Decimal(per_hour),
            trade_id=None if trade_id is None else TradeId(trade_id),
            size_usd=Decimal(size[0]) if size else None,
        )
        for base, long, short, per_hour, trade_id, *size in json.loads(
            shown.get("rows", "[]")
        )
    )


@dataclass(frozen=True, slots=True)
class ClosingAll:
    """Pairs whose closes a person has confirmed all at once."""

    rows: tuple[ShownRow, ...]
    skipped: tuple[Base, ...] = ()
    """Shown too, but closed before the tap."""


@dataclass(frozen=True, slots=True)
class QuoteRequest:
    """What to price anew for the same card."""

    token: str | None = None
    """None with no trade either asks for the best pair that fits."""
    venues: tuple[VenueId, VenueId] | None = None
    """(long, short); None takes the ranked pair."""
    size_usd: Decimal | None = None
    trade_id: TradeId | None = None
    """The trade to close or to add to; None asks for an opening."""
    adds: bool = False
    """Whether the trade is to grow."""
    seen_per_hour: Decimal | None = None
    """Spread the person saw when he tapped, to say when it moved."""
    share: Decimal = Decimal(1)
    """Part of the trade to close."""

    def pack(self) -> dict[str, str]:
        """Return the request as texts."""
        long, short = self.venues or (None, None)
        values = {
            "quote": "yes",
            "token": self.token,
            "long": long,
            "short": short,
            "size": None if self.size_usd is None else str(self.size_usd),
            "trade": self.trade_id,
            "share": None if self.share == 1 else str(self.share),
            "adds": "yes" if self.adds else None,
        }
        return {key: value for key, value in values.items() if value is not None}


def unpack_request(shown: Mapping[str, str]) -> QuoteRequest | None:
    """Return the request of a confirm card, also of a refused or ended one."""
    if "quote" not in shown:
        return None
    long, short, size = shown.get("long"), shown.get("short"), shown.get("size")
    trade = shown.get("trade")
    return QuoteRequest(
        token=shown.get("token"),
        venues=(VenueId(long), VenueId(short)) if long and short else None,
        size_usd=Decimal(size) if size else None,
        trade_id=TradeId(trade) if trade else None,
        share=Decimal(shown.get("share", "1")),
        adds="adds" in shown,
    )
