"""A ranking by gross spread in, the same tokens ranked by expected net out.

Only the tokens with the widest spreads are priced: every pair of theirs, at the usual
size, from both books. The best pair of a token is the one that brings most net. What
cannot be priced stays in the ranking with the reason.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from core.appraisal.shelf import BookShelf, books_per_minute, key_of
from core.economics import blended_net_usd
from core.errors import NoPairError, SizeError
from core.liquidity import PairBooks
from core.opportunities import net_refusal, pairs_of
from core.planning import Holding, Tariff, estimate_net, price_pair

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from decimal import Decimal

    from core.appraisal.shelf import BookKey
    from core.fees import Fees
    from core.model.history import SpreadStats
    from core.model.instrument import Instrument
    from core.model.market import FundingSnapshot, OrderBook
    from core.model.opportunity import Opportunity, ScanResult
    from core.model.units import Base, VenueId
    from core.model.venue import VenueRules
    from core.opportunities import Gates
    from core.ports import Clock

    Past = Callable[[FundingSnapshot, FundingSnapshot], SpreadStats | None]

__all__ = ["Appraisal", "BookShelf", "Terms", "books_per_minute"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Terms:
    """What pairs are priced for."""

    size_usd: Decimal
    """Per leg."""
    leverage: Decimal
    hold: timedelta
    top: int
    """How many tokens are priced, the widest spreads first; 0 ranks by spread."""
    expects_mean: bool = False
    """Rank as if spreads returned to their own means, where their past is known."""

    def best_first(
        self, pair: Opportunity
    ) -> tuple[int, Decimal, Decimal, str, str, str]:
        """Return what ranks pairs by these terms."""
        return best_first(pair, expects_mean=self.expects_mean)


class Appraisal:
    """Prices the best of a scan; `terms` may be changed between two scans."""

    def __init__(
        self,
        *,
        shelf: BookShelf,
        rules: Mapping[VenueId, VenueRules],
        fees: Fees,
        clock: Clock,
        terms: Terms,
        past: Past | None = None,
    ) -> None:
        """Take the parts; `past` tells how the spread of two sides has been."""
        self.terms = terms
        self._past = past
        self.fees = fees
        self._shelf = shelf
        self._rules = rules
        self._clock = clock

    async def appraise(self, result: ScanResult, gates: Gates) -> ScanResult:
        """Return the scan ranked by expected net, with every pair that was priced."""
        terms = self.terms
        if not terms.top:
            return result
        wanted = {
            each.base: pairs_of(result.snapshots.get(each.base, ()), gates)
            for each in result.opportunities[: terms.top]
        }
        books = await self._read(wanted)
        priced: dict[Base, tuple[Opportunity, ...]] = {}
        for base, pairs in wanted.items():
            await self._clock.sleep(timedelta(0))  # others first: it takes milliseconds
            valued = (self._price(each, books, terms, gates) for each in pairs)
            priced[base] = tuple(sorted(valued, key=terms.best_first))
        ranked = [_chosen(each, priced, terms.top) for each in result.opportunities]
        ranked.sort(key=terms.best_first)
        log.info(
            "priced %d pairs of %d tokens",
            sum(each.estimate is not None for got in priced.values() for each in got),
            len(priced),
        )
        return replace(result, opportunities=tuple(ranked), pairs=priced)

    async def _read(
        self, wanted: Mapping[Base, Sequence[Opportunity]]
    ) -> Mapping[BookKey, OrderBook | str]:
        sides: dict[BookKey, Instrument] = {}
        for pairs in wanted.values():
            for pair in pairs:
                for each in (pair.long.instrument, pair.short.instrument):
                    sides.setdefault(key_of(each), each)
        books, _ = await asyncio.gather(
            self._shelf.read(sides.values()), self.fees.learn(sides.values())
        )
        return books

    def _price(
        self,
        pair: Opportunity,
        books: Mapping[BookKey, OrderBook | str],
        terms: Terms,
        gates: Gates,
    ) -> Opportunity:
        """Return a pair with its estimate, or with the reason why it has none."""
        long, short = pair.long.instrument, pair.short.instrument
        found = [books[key_of(each)] for each in (long, short)]
        for each in found:
            if isinstance(each, str):
                return replace(pair, unpriced=each)
        both = PairBooks(*(each for each in found if not isinstance(each, str)))
        tariff = Tariff(self._rules, self.fees.of_pair(long, short))
        holding = Holding(self._clock.now(), terms.hold, terms.size_usd, terms.leverage)
        try:
            priced = price_pair(pair, both, tariff, terms.size_usd)
            estimate = estimate_net(priced, holding)
            past = self._past(pair.long, pair.short) if self._past else None
            blended = blended_net_usd(estimate, past)
            estimate = replace(estimate, blended_net_usd=blended)
        except (NoPairError, SizeError) as error:
            return replace(pair, unpriced=error.why)
        valued = replace(pair, estimate=estimate, unpriced=None)
        return replace(valued, refusal=net_refusal(valued, gates))


def best_first(
    pair: Opportunity, *, expects_mean: bool = False
) -> tuple[int, Decimal, Decimal, str, str, str]:
    """Return what ranks pairs: expected net, then spread; unpriced ones come last."""
    estimate, spread = pair.estimate, -pair.spread_per_hour
    names = (
        str(pair.base),
        str(pair.long.instrument.venue_id),
        str(pair.short.instrument.venue_id),
    )
    if estimate is None:
        return 1, spread, spread, *names
    net, blended = estimate.net_usd, estimate.blended_net_usd
    expected = blended if expects_mean and blended is not None else net
    return 0, -expected, spread, *names


def _chosen(
    gross: Opportunity, priced: Mapping[Base, Sequence[Opportunity]], top: int
) -> Opportunity:
    """Return a token's best pair; the widest one where none could be priced."""
    pairs = priced.get(gross.base, ())
    if pairs:
        return pairs[0]
    why = f"only the {top} widest spreads are priced at each scan"
    return replace(gross, unpriced=why)
