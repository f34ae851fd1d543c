"""Books and open pairs in, one message a day for each owner out, at the hour he chose.

A report counts from where the one before it ended, so that no payment is told twice or
not at all; payments of the chosen hour itself are waited for.
When one was told is stored: a restart neither repeats nor forgets it, and a bot that
was off at the hour tells it late, on the same day.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from core.margin import runway_facts
from core.model.alert import Alert, AlertKind, AlertLevel
from core.model.preferences import Key
from core.model.trade import TradeState
from core.model.units import ChatId

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
    from decimal import Decimal

    from core.bookkeeping import Bookkeeper
    from core.model.health import Health
    from core.model.ledger import PnlReport
    from core.model.opportunity import Opportunity, ScanResult
    from core.model.position import Portfolio, Position
    from core.model.trade import Trade
    from core.model.units import Base, TradeId, UserId, VenueId
    from core.ports import AlertMemory, Clock, Outbox, Trades
    from core.preferences import PreferenceBook

log = logging.getLogger(__name__)

PREFIX = "report:"
WAIT = timedelta(minutes=6)
"""After the chosen time: what is paid at the full hour is booked by then."""
BOOKED_WITHIN = timedelta(minutes=5)
"""What is younger may not be booked yet, and belongs to the next report."""
DAY = timedelta(days=1)
LONGEST = timedelta(days=2)
"""After a longer break a report counts from a day ago, not from the one before."""
NEWS_FOR = timedelta(hours=12)
MOST_TRADES = 200
MOST_EVENTS = 10
"""Of each: pairs opened, closed, not opened."""
FRESH_SCAN = timedelta(minutes=10)

Item = dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSources:
    """What a report is made of."""

    books: Bookkeeper
    trades: Trades
    portfolio: Callable[[], Awaitable[Portfolio]]
    position: Callable[[TradeId], Awaitable[Position]]
    health: Callable[[], Awaitable[Health]]
    latest_scan: Callable[[], ScanResult | None]


@dataclass(frozen=True, slots=True)
class _Told:
    """What somebody was told last."""

    at: datetime
    """Where the report ended."""
    day: str
    """Date in his zone; empty before the first report."""


class DailyReport:
    """Tells each owner once a day how things stand."""

    def __init__(
        self,
        *,
        sources: ReportSources,
        preferences: PreferenceBook,
        owners: Sequence[UserId],
        memory: AlertMemory,
        outbox: Outbox,
        clock: Clock,
    ) -> None:
        self._sources, self._preferences = sources, preferences
        self._owners, self._memory = tuple(owners), memory
        self._outbox, self._clock = outbox, clock
        self._told: dict[str, _Told] | None = None

    async def tick(self) -> None:
        """Tell whom a report is due (timer)."""
        for user_id in self._owners:
            try:
                await self._look(user_id)
            except Exception:  # one owner's report must not cost another one's
                log.exception("no daily report user=%s", user_id)

    async def _look(self, user_id: UserId) -> None:
        told, now = await self._recall(), self._clock.now()
        last = told.get(_key(user_id))
        if last is None:
            # nothing was told to this owner yet: the first day begins here
            await self._remember(user_id, _Told(now, ""))
            return
        day = self._due_day(user_id, last)
        if day is None:
            return
        portfolio = await self._sources.portfolio()
        if portfolio.is_checking:
            return
        until = now - BOOKED_WITHIN
        since = last.at if until - last.at <= LONGEST else until - DAY
        alert = await self._alert(f"daily:{user_id}:{day}", since, until, portfolio)
        await self._outbox.put(replace(alert, chat_id=ChatId(user_id)))
        await self._remember(user_id, _Told(until, day))

    def _due_day(self, user_id: UserId, last: _Told) -> str | None:
        """Return the reader's date if its report is due and was not told yet."""
        reader = self._preferences.reader(user_id)
        if reader.report_at is None:
            return None
        local = (self._clock.now() - WAIT).astimezone(reader.zone)
        due = local.replace(
            hour=reader.report_at.hour,
            minute=reader.report_at.minute,
            second=0,
            microsecond=0,
        )
        day = local.date().isoformat()
        if local < due or day == last.day or due <= last.at:
            return None
        chosen_at = self._preferences.in_force(Key.REPORT_AT, user_id).at
        # an hour that had passed when it was chosen means tomorrow's
        return None if chosen_at is not None and due < chosen_at else day

    # --- what it says -----------------------------------------------------------------

    async def _alert(
        self, key: str, since: datetime, until: datetime, portfolio: Portfolio
    ) -> Alert:
        now, before = self._clock.now(), until - timedelta.resolution
        report = await self._sources.books.pnl(since, until=before)
        items = [_open_item(each) for each in portfolio.positions]
        items += await self._events(since, before)
        held = {each.trade.base for each in portfolio.positions}
        return Alert(
            kind=AlertKind.DAILY,
            level=AlertLevel.INFO,
            dedupe_key=key,
            facts={
                "since": since.isoformat(),
                "until": until.isoformat(),
                "open": str(len(portfolio.positions)),
                **_money(report),
                **_state(await self._sources.health()),
                **self._missed(held),
                "items": json.dumps(items),
            },
            created_at=now,
            expires_at=now + NEWS_FOR,
        )

    async def _events(self, since: datetime, until: datetime) -> list[Item]:
        """Return what was opened, closed and not opened, each oldest first."""
        found = await self._sources.trades.recent_trades(MOST_TRADES)
        oldest_first = tuple(reversed(found))
        opened = [
            _event("opened", each, each.opened_at)
            for each in oldest_first
            if each.opened_at is not None and since <= each.opened_at <= until
        ]
        ended = [
            each
            for each in oldest_first
            if each.closed_at is not None and since <= each.closed_at <= until
        ]
        closed = [each for each in ended if each.state is TradeState.CLOSED]
        failed = [
            _event("not_opened", each, each.closed_at)
            for each in ended
            if each.state is TradeState.ABORTED
        ]
        return [
            *opened[-MOST_EVENTS:],
            *[await self._closed(each) for each in closed[-MOST_EVENTS:]],
            *failed[-MOST_EVENTS:],
        ]

    async def _closed(self, trade: Trade) -> Item:
        item = _event("closed", trade, trade.closed_at)
        position = await self._sources.position(trade.trade_id)
        return item | _known(total_usd=position.total_usd)

    def _missed(self, held: Collection[Base]) -> Item:
        """Return the best pair of the latest scan that is not held, empty if none."""
        scan = self._sources.latest_scan()
        if scan is None or self._clock.now() - scan.at > FRESH_SCAN:
            return {}
        offered = (
            each
            for each in scan.opportunities
            if each.base not in held and each.refusal is None
        )
        best = next(offered, None)
        return {} if best is None else _missed_item(best)

    # --- memory -----------------------------------------------------------------------

    async def _recall(self) -> dict[str, _Told]:
        if self._told is None:
            stored = await self._memory.recall()
            self._told = {
                key: _Told(datetime.fromisoformat(facts["at"]), facts.get("day", ""))
                for key, facts in stored.items()
                if key.startswith(PREFIX)
            }
        return self._told

    async def _remember(self, user_id: UserId, told: _Told) -> None:
        facts = {"at": told.at.isoformat(), "day": told.day}
        await self._memory.remember(_key(user_id), facts)
        (await self._recall())[_key(user_id)] = told


def _key(user_id: UserId) -> str:
    return f"{PREFIX}{user_id}"


def _known(**facts: Decimal | str | None) -> Item:
    """Return facts as text; what is not known is left out."""
    texts = {name: value for name, value in facts.items() if value is not None}
    return {
        name: value if isinstance(value, str) else f"{value:f}"
        for name, value in texts.items()
    }


def _money(report: PnlReport) -> Item:
    booked = report.total.booked
    return _known(
        funding_usd=booked.funding_usd,
        price_usd=booked.price_usd,
        fees_usd=booked.fees_usd,
        net_usd=booked.net_usd,
        open_usd=report.total.open_usd,
    )


def _state(health: Health) -> Item:
    fine = [each for each in health.venues if each.is_ok]
    silent = (each.venue_id for each in health.venues if not each.is_ok)
    return {
        "venues": str(len(health.venues)),
        "fine": str(len(fine)),
        "silent": " ".join(silent),
        "entries": health.trading.value,
    }


def _named(what: str, trade: Trade) -> Item:
    return {
        "what": what,
        "trade": trade.trade_id,
        "base": trade.base,
        "long": trade.long.instrument.venue_id,
        "short": trade.short.instrument.venue_id,
    }


def _open_item(position: Position) -> Item:
    item = _named("open", position.trade) | {"state": position.trade.state.value}
    if position.trade.needs_attention:
        item["attention"] = "yes"
    item |= _known(total_usd=position.total_usd)
    return item | _nearest(position.distances) | runway_facts(position.runway)


def _nearest(distances: Mapping[VenueId, Decimal | None]) -> Item:
    """Return the leg nearest to liquidation, and whether that of another is unknown."""
    known = {each: far for each, far in distances.items() if far is not None}
    if not known:
        return {}
    venue_id, distance = min(known.items(), key=lambda each: each[1])
    item = {"distance": f"{distance:f}", "distance_venue": str(venue_id)}
    return item if len(known) == len(distances) else item | {"partly": "yes"}


def _event(what: str, trade: Trade, at: datetime | None) -> Item:
    # the outcome of a pair that was opened tells what became of it later
    reason = None if what == "opened" else trade.outcome
    moment = None if at is None else at.isoformat()
    return _named(what, trade) | _known(at=moment, reason=reason)


def _missed_item(pair: Opportunity) -> Item:
    item = _known(
        missed_base=pair.base,
        missed_long=pair.long.instrument.venue_id,
        missed_short=pair.short.instrument.venue_id,
        missed_per_hour=pair.spread_per_hour,
    )
    if pair.estimate is None:
        return item
    hours = int(pair.estimate.hold.total_seconds() // 3600)
    return item | _known(missed_net_usd=pair.estimate.net_usd, missed_hold_h=str(hours))
