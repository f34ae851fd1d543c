"""Look at every open pair by the exit rules: remember, tell, or close.

Timers and what a person asked of one pair are stored after every look, so a restart in
the middle of one changes nothing. A close starts only while both venues answer and no
person has halted the bot; it then runs like one that a person confirmed.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from core.errors import TradeBusyError, UnknownTradeError
from core.execution.facts import exit_rule
from core.exits import judge, may_close, words
from core.health import Answering
from core.margin import (
    leg_margins,
    pair_runway,
    restoring_transfer,
    runway_facts,
    transfer_facts,
)
from core.model.alert import AlertLevel
from core.model.control import Event
from core.model.exit import ExitAction, ExitFacts, ExitRule, Timer
from core.model.history import PriceMoves
from core.model.trade import TradeState
from core.model.units import TradeId
from core.orders.desk import asked
from core.positions import value_trade
from core.venue_trouble import STOPPED, VenueStates

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from core.execution import Execution
    from core.model.exit import ExitRules, Timers, Verdict
    from core.model.instrument import AbsenceReason, Instrument
    from core.model.market import FundingSnapshot
    from core.model.order import VenuePosition
    from core.model.position import Position
    from core.model.trade import Trade, TradeLeg
    from core.model.units import UserId, VenueId
    from core.ports import AlertMemory, Outbox

log = logging.getLogger(__name__)

PREFIX = "exit:"
CLOSE_AGAIN = timedelta(minutes=10)
"""After a close that could not go through, its rule waits so long."""
RESTORED = Decimal("0.10")
"""A transfer is suggested that brings a leg so far above the warning line."""
WISHES = (ExitRule.BELOW, ExitRule.AFTER_PAYMENT)


@dataclass(frozen=True, slots=True)
class Seen:
    """What is asked of the market about one contract."""

    fresh: Callable[[Instrument], FundingSnapshot | None]
    absence: Callable[[Instrument], AbsenceReason | None]
    """Why its venue does not list it any more."""
    answering: Callable[[VenueId], Answering] = lambda _: Answering()
    """How a venue's public data has been coming."""
    moves: Callable[[Instrument], PriceMoves] = lambda _: PriceMoves(0, None)
    """How far its price has been going of late."""
    is_doubted: Callable[[Instrument], bool] = lambda _: False
    """Its rate's unit is in doubt: no rule may go by it."""


class ExitWatch:
    """Watches open pairs."""

    def __init__(
        self,
        *,
        execution: Execution,
        memory: AlertMemory,
        outbox: Outbox,
        rules: Callable[[], ExitRules],
        market: Seen,
    ) -> None:
        self._execution, self._world = execution, execution.world
        self._memory, self._outbox = memory, outbox
        self._rules, self._market = rules, market
        self._timers: dict[TradeId, dict[ExitRule, Timer]] | None = None
        self._tried: dict[TradeId, datetime] = {}
        self.seen: dict[tuple[VenueId, str], VenuePosition] = {}
        """Positions as each venue last showed them, with its liquidation prices."""

    async def tick(self) -> None:
        """Judge every open pair once."""
        timers = await self._recall()
        trades = [
            trade
            for trade in await self._world.trades.trades_in_progress()
            if trade.state is TradeState.OPEN
        ]
        answered = await self._read(trades)
        for trade in trades:
            if trade.needs_attention or self._execution.is_busy(trade.trade_id):
                continue
            try:
                await self._look(trade, answered)
            except Exception:  # one pair's surprise must not end the others' watch
                log.exception("exit rules failed trade_id=%s", trade.trade_id)
        open_ = {trade.trade_id for trade in trades}
        for trade_id in [each for each in timers if each not in open_]:
            known = await self._world.trades.trade(trade_id)
            if known is None or known.state.is_terminal:
                await self._remember(trade_id, {})

    async def _read(self, trades: Sequence[Trade]) -> set[VenueId]:
        """Read the venues that hold something; return those that answered."""
        venues = {leg.instrument.venue_id for trade in trades for leg in trade.legs}
        asking = [each for each in venues if each in self._world.venues]
        answers = await asyncio.gather(
            *(asked(self._world.venues[each].positions()) for each in asking)
        )
        answered = set()
        for venue_id, positions in zip(asking, answers, strict=True):
            if positions is None:
                continue
            answered.add(venue_id)
            for key in [each for each in self.seen if each[0] == venue_id]:
                del self.seen[key]
            self.seen.update({(venue_id, each.symbol): each for each in positions})
        return answered

    async def _look(self, trade: Trade, answered: set[VenueId]) -> None:
        facts, position = await self.facts(trade, answered)
        rules = self._rules()
        before = (await self._recall()).get(trade.trade_id, {})
        verdicts, after = judge(facts, rules, before)
        if dict(after) != before:
            await self._remember(trade.trade_id, after)
        for verdict in verdicts:
            if verdict.is_news and verdict.action is not ExitAction.OFF:
                await self._tell(position, verdict, rules)
        closing = (each for each in verdicts if _closes(each))
        chosen = next((each for each in closing if may_close(facts, each)), None)
        if chosen is not None:
            await self._close(trade, chosen, facts.now)

    # --- facts ------------------------------------------------------------------------

    async def facts(
        self, trade: Trade, answered: set[VenueId]
    ) -> tuple[ExitFacts, Position]:
        """Return what is known of one pair now."""
        now = self._world.clock.now()
        known = (self._market.fresh(leg.instrument) for leg in trade.legs)
        snapshots = {s.instrument.venue_id: s for s in known if s is not None}
        position = value_trade(
            trade,
            await self._world.trades.fills_of(trade.trade_id),
            await self._world.trades.payments_of(trade.trade_id),
            snapshots,
            now,
        )
        venues = {leg.instrument.venue_id for leg in trade.legs}
        absences = {
            leg.instrument.venue_id: self._market.absence(leg.instrument)
            for leg in trade.legs
        }
        states = VenueStates(
            answered=answered,
            halts=await self._world.halts.halts(),
            answering=self._market.answering,
            absence=self._market.absence,
        )
        return ExitFacts(
            now=now,
            size_usd=_size_usd(position),
            result_usd=_after_fees(position),
            spread_per_hour=None
            if any(self._market.is_doubted(leg.instrument) for leg in trade.legs)
            else position.spread_per_hour,
            entry_spread_per_hour=trade.spread_per_hour,
            settled_at=_settled_at(tuple(snapshots.values()), len(venues)),
            next_payments={
                venue_id: each.next_funding_at
                for venue_id, each in snapshots.items()
                if each.next_funding_at is not None
            },
            favours={
                leg.instrument.venue_id: _is_received(leg, snapshots)
                for leg in trade.legs
            },
            distances={
                each.venue_id: each.distance
                for each in leg_margins(position, self.seen)
            },
            gap=_gap(position),
            delisted=tuple(
                venue_id
                for venue_id, why in absences.items()
                if why not in {None, STOPPED}
            ),
            troubles=states.troubles(trade),
            in_order=states.in_order(trade),
            opened_at=trade.opened_at,
            is_live=venues <= answered and venues <= set(snapshots),
            is_stopped=STOPPED in absences.values(),
        ), position

    # --- what follows -----------------------------------------------------------------

    async def _tell(
        self, position: Position, verdict: Verdict, rules: ExitRules
    ) -> None:
        docket = await self._world.docket(position.trade.trade_id)
        if docket is None:
            return
        more = {
            "rule": verdict.rule.value,
            "action": verdict.action.value,
            **verdict.numbers,
        }
        if verdict.rule is ExitRule.LIQUIDATION:
            more |= self._margin_facts(position, verdict, rules)
        level = AlertLevel.CRITICAL if verdict.is_critical else AlertLevel.TRADE
        now = self._world.clock.now()
        await self._outbox.put(exit_rule(docket, now, more, level))

    def _margin_facts(
        self, position: Position, verdict: Verdict, rules: ExitRules
    ) -> dict[str, str]:
        """Return what to move, and how long the leg lasts until what comes next."""
        margins = leg_margins(position, self.seen)
        legs = (leg.instrument for leg in position.trade.legs)
        moves = {each.venue_id: self._market.moves(each) for each in legs}
        line = Decimal(0) if verdict.is_critical else rules.critical_distance
        wanted = rules.warn_distance + RESTORED
        return runway_facts(pair_runway(margins, line, moves)) | transfer_facts(
            restoring_transfer(margins, wanted)
        )

    async def _close(self, trade: Trade, verdict: Verdict, now: datetime) -> None:
        tried = self._tried.get(trade.trade_id)
        if tried is not None and now - tried < CLOSE_AGAIN:
            return
        self._tried[trade.trade_id] = now
        if await self._execution.close_by_rule(trade.trade_id, words(verdict)):
            log.info("closing trade_id=%s rule=%s", trade.trade_id, verdict.rule.value)

    # --- what a person asks of one pair -----------------------------------------------

    async def close_after_payment(
        self, trade_id: TradeId, user_id: UserId
    ) -> datetime | None:
        """Close a pair once its next received payment is in; asked again, forget it.

        Returns that payment's moment. None if the wish was taken back, or if no payment
        is known to come: then nothing is set.

        Raises:
            CoreError: there is no such open pair.
        """
        trade = await self._open(trade_id)
        if ExitRule.AFTER_PAYMENT in await self.wishes(trade_id):
            await self._wish(trade, ExitRule.AFTER_PAYMENT, None, user_id)
            return None
        facts, _ = await self.facts(trade, set())
        due = facts.next_payments
        received = [at for venue_id, at in due.items() if facts.favours.get(venue_id)]
        mark = min(received or due.values(), default=None)
        if mark is not None:
            timer = Timer(mark=mark)
            await self._wish(trade, ExitRule.AFTER_PAYMENT, timer, user_id)
        return mark

    async def close_below(
        self, trade_id: TradeId, level: Decimal | None, user_id: UserId
    ) -> None:
        """Close a pair once its net spread stays below a level; None takes it back.

        Raises:
            CoreError: there is no such open pair.
        """
        trade = await self._open(trade_id)
        timer = None if level is None else Timer(level=level)
        await self._wish(trade, ExitRule.BELOW, timer, user_id)

    async def _open(self, trade_id: TradeId) -> Trade:
        trade = await self._world.trades.trade(trade_id)
        if trade is None:
            raise UnknownTradeError(trade_id)
        if trade.state is not TradeState.OPEN:
            raise TradeBusyError(trade_id, trade.state.value)
        return trade

    async def _wish(
        self, trade: Trade, rule: ExitRule, timer: Timer | None, user_id: UserId
    ) -> None:
        timers = dict((await self._recall()).get(trade.trade_id, {}))
        if timer is None:
            timers.pop(rule, None)
        else:
            timers[rule] = timer
        await self._remember(trade.trade_id, timers)
        what = "took back" if timer is None else "asked for"
        detail = f"trade={trade.trade_id} {rule.value}" + (
            "" if timer is None else f" {timer.text}"
        )
        event = Event(
            self._world.clock.now(), f"user {user_id}", f"{what} an exit", detail
        )
        await self._world.halts.log_event(event)

    async def wishes(self, trade_id: TradeId) -> Timers:
        """Return what a person asked of one pair, and a close that awaits a venue."""
        timers = (await self._recall()).get(trade_id, {})
        found = {rule: timers[rule] for rule in WISHES if rule in timers}
        venue = timers.get(ExitRule.VENUE)
        closes = self._rules().action(ExitRule.VENUE) is ExitAction.CLOSE
        if closes and venue is not None and venue.band:
            found[ExitRule.VENUE] = venue
        return found

    # --- memory -----------------------------------------------------------------------

    async def _recall(self) -> dict[TradeId, dict[ExitRule, Timer]]:
        if self._timers is None:
            stored = await self._memory.recall()
            self._timers = {
                TradeId(key.removeprefix(PREFIX)): _timers_of(facts)
                for key, facts in stored.items()
                if key.startswith(PREFIX)
            }
        return self._timers

    async def _remember(self, trade_id: TradeId, timers: Timers) -> None:
        known = await self._recall()
        if timers:
            known[trade_id] = dict(timers)
        else:
            known.pop(trade_id, None)
        texts = {rule.value: timer.text for rule, timer in timers.items()}
        await self._memory.remember(f"{PREFIX}{trade_id}", texts or None)


def _closes(verdict: Verdict) -> bool:
    """Tell whether a verdict closes; near liquidation only the worse level does."""
    if verdict.action is not ExitAction.CLOSE:
        return False
    return verdict.rule is not ExitRule.LIQUIDATION or verdict.is_critical


def _size_usd(position: Position) -> Decimal:
    """Return what one leg was worth at its entry, 0 if that is not known."""
    found = [
        leg.leg.held_base * leg.entry_price
        for leg in (position.long, position.short)
        if leg.entry_price is not None
    ]
    return max(found, default=Decimal(0))


def _after_fees(position: Position) -> Decimal | None:
    """Return the result if both legs were closed at their marks, all fees taken off."""
    total = position.total_usd
    for leg in (position.long, position.short):
        if total is None or leg.mark_price is None:
            return None
        total -= leg.leg.held_base * leg.mark_price * leg.leg.taker_fee
    return total


def _settled_at(snapshots: Sequence[FundingSnapshot], legs: int) -> datetime | None:
    """Return the latest payment moment of the leg that is paid less often."""
    if len(snapshots) < legs:
        return None
    slower = max(snapshots, key=lambda each: each.rate.payment_interval)
    due = slower.next_funding_at
    return None if due is None else due - slower.rate.payment_interval


def _is_received(leg: TradeLeg, snapshots: Mapping[VenueId, FundingSnapshot]) -> bool:
    seen = snapshots.get(leg.instrument.venue_id)
    return seen is not None and -leg.side.sign * seen.rate.per_payment > 0


def _gap(position: Position) -> Decimal | None:
    long, short = position.long.mark_price, position.short.mark_price
    if long is None or short is None:
        return None
    return abs(long - short) / ((long + short) / 2)


def _timers_of(texts: Mapping[str, str]) -> dict[ExitRule, Timer]:
    """Return stored timers; one of a rule that is gone is left out."""
    return {
        ExitRule(name): Timer.parse(text)
        for name, text in texts.items()
        if name in set(ExitRule)
    }
