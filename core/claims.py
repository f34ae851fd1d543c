"""A plan in, stored under a secret; one tap in, at most one trade out.

The confirm button carries a secret of which only the hash is stored. The claim is one
conditional update, so one plan leads to at most one trade however often and by whomever
it is pressed.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from core.errors import (
    AlreadyHeldError,
    CannotAddError,
    CannotAdoptError,
    CapError,
    NotYoursError,
    PausedError,
    PlanExpiredError,
    PlanPendingError,
    PlanUnknownError,
    PlanUsedError,
    PlanVoidError,
    ReconcilingError,
    TradeBusyError,
    UnknownTradeError,
    VenueDownError,
)
from core.execution.adopting import adopted
from core.execution.caps import plan_over_caps
from core.limits import PAUSE_KEY, PERSONS_KEYS, STARTUP_KEY, strictest
from core.model.commit import Claim
from core.model.control import GLOBAL_SCOPE, HALT_KEY, Event, TradingState
from core.model.plan import (
    AddPlan,
    AdoptPlan,
    ClosePlan,
    OpenPlan,
    PlanState,
    StoredPlan,
)
from core.model.trade import Addition, Trade, TradeLeg, TradeState, advance_trade
from core.model.units import MessageId, Nonce, PlanId, TradeId

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from core.execution import Execution
    from core.model.control import Halt
    from core.model.history import SpreadStats
    from core.model.instrument import Instrument
    from core.model.plan import AdoptedLeg, PlanBody, PlanLeg
    from core.model.units import Base, ChatId, UserId
    from core.ports import Clock, Halts, Ids, Plans, Trades


NO_MESSAGE = MessageId(0)
"""Stands for the card of a plan that no card shows."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks, and in which chat."""

    user_id: UserId
    chat_id: ChatId


@dataclass(frozen=True, slots=True)
class Quote:
    """A plan and the secret its confirm button carries."""

    plan_id: PlanId
    nonce: Nonce
    body: PlanBody
    quoted_at: datetime
    expires_at: datetime
    passed_over: tuple[tuple[Base, str], ...] = ()
    """What "Enter best" skipped before this one, and why."""
    past: SpreadStats | None = None
    """How the spread of an opening has been, as far as it is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """Keeps plans and turns one tap into one trade."""

    plans: Plans
    trades: Trades
    halts: Halts
    execution: Execution
    clock: Clock
    ids: Ids
    _one_adoption: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    """Two cards may name the same positions: they are looked at one after the other."""

    async def cap_refusal(self, plan: OpenPlan | AddPlan) -> str | None:
        """Return which cap an entry or addition would break if confirmed now."""
        refusal = await plan_over_caps(self.execution.world, plan)
        return None if refusal is None else refusal.reason

    async def draft(self, body: PlanBody, person: Person, ttl: timedelta) -> Quote:
        """Store a plan whose card is not out yet."""
        nonce = Nonce(self.ids.nonce())
        now = self.clock.now()
        quote = Quote(PlanId(self.ids.short()), nonce, body, now, now + ttl)
        await self.plans.draft(
            StoredPlan(
                plan_id=quote.plan_id,
                nonce_hash=hash_of(nonce),
                user_id=person.user_id,
                chat_id=person.chat_id,
                message_id=None,
                body=body,
                quoted_at=now,
                expires_at=quote.expires_at,
                state=PlanState.DRAFT,
            )
        )
        return quote

    async def issue(self, plan_id: PlanId, message_id: MessageId) -> None:
        """Bind a draft to the message that shows it."""
        await self.plans.issue(plan_id, message_id)

    async def discard(self, plan_id: PlanId) -> None:
        """Void a plan whose card was replaced or could not be sent."""
        await self.plans.end(plan_id, PlanState.VOID)

    # --- claim ------------------------------------------------------------------------

    async def confirm(
        self, nonce: Nonce, person: Person, message_id: MessageId
    ) -> Trade | Quote:
        """Use a plan and start its trade.

        An entry or addition whose pair takes more than half of a cap is asked about
        once more: the plan ends, and the quote that takes its place carries a secret of
        its own.

        Raises:
            CoreError: why not; nothing was ordered.
        """
        plan = await self._pressable(nonce, person, message_id)
        body = plan.body
        if isinstance(body, AdoptPlan):
            async with self._one_adoption:
                return await self._adopt(plan, body, person, message_id)
        if isinstance(body, ClosePlan):
            trade = await self._closing(plan, body, message_id)
            await self._claim(self._claim_of(plan, trade, person, message_id))
            self.execution.start_close(trade)
            return trade
        part = body.part if isinstance(body, AddPlan) else body
        await self.check_scopes(person, part.first.instrument, part.second.instrument)
        again = await self._asked_again(plan, body, person)
        if again is not None:
            return again
        if isinstance(body, AddPlan):
            trade = await self._adding(plan, body, message_id)
        else:
            trade = self._new_trade(plan, body, message_id)
        await self._claim(self._claim_of(plan, trade, person, message_id))
        self.execution.start_open(trade)
        return trade

    async def _asked_again(
        self, plan: StoredPlan, body: OpenPlan | AddPlan, person: Person
    ) -> Quote | None:
        """Return a second quote for a large pair that was asked about once only."""
        part = body.part if isinstance(body, AddPlan) else body
        cap = self.execution.world.limits.caps.half_taken(body.notional_usd)
        if cap is None or part.above_half_of_usd is not None:
            return None
        if not await self.plans.end(plan.plan_id, PlanState.VOID):
            raise PlanUsedError(plan.trade_id)
        part = replace(part, above_half_of_usd=cap)
        asked = replace(body, part=part) if isinstance(body, AddPlan) else part
        return await self.draft(asked, person, plan.expires_at - self.clock.now())

    async def _adopt(
        self, plan: StoredPlan, body: AdoptPlan, person: Person, message_id: MessageId
    ) -> Trade:
        """Make a pair of two positions that are still there as the card showed them."""
        halts = await self.halts.halts()
        if any(halt.key == STARTUP_KEY for halt in halts):
            raise ReconcilingError
        for leg in body.legs:
            await self._check_adoptable(body.base, leg)
        trade_id, now = TradeId(self.ids.short()), self.clock.now()
        given = adopted(plan, body, trade_id, now, message_id)
        claim = self._claim_of(plan, given.trade, person, message_id)
        await self._claim(replace(claim, intents=given.intents, fills=given.fills))
        return given.trade

    async def _check_adoptable(self, base: Base, leg: AdoptedLeg) -> None:
        one = leg.instrument
        for trade in await self.trades.trades_in_progress():
            for ours in trade.legs:
                if ours.instrument.same_contract(one):
                    raise AlreadyHeldError(
                        base, one.venue_id, f"pair {trade.trade_id} is there"
                    )
        held = await self.execution.world.position(one)
        if held is None:
            raise VenueDownError(one.venue_id, "it does not show its positions", None)
        if held != leg.quantity_base * leg.side.sign:
            why = f"the position on {one.venue_id} has changed since the card"
            raise CannotAdoptError(base, why)

    async def _claim(self, claim: Claim) -> None:
        if not await self.plans.claim(claim):
            plan = await self.plans.plan_of_nonce(claim.nonce_hash)
            raise PlanUsedError(None if plan is None else plan.trade_id)

    def _claim_of(
        self, plan: StoredPlan, trade: Trade, person: Person, message_id: MessageId
    ) -> Claim:
        return Claim(
            nonce_hash=plan.nonce_hash,
            user_id=person.user_id,
            chat_id=person.chat_id,
            message_id=message_id,
            now=self.clock.now(),
            trade=trade,
            event=self._claimed(plan, trade, person),
        )

    async def take(self, quote: Quote, person: Person) -> Trade:
        """Use a plan that no card shows: an entry the bot makes on a standing word.

        Raises:
            CoreError: why not; nothing was ordered.
        """
        await self.issue(quote.plan_id, NO_MESSAGE)
        taken = await self.confirm(quote.nonce, person, NO_MESSAGE)
        if isinstance(taken, Quote):
            await self.discard(taken.plan_id)
            why = "it takes more than half of a cap, which only two taps may do"
            raise CapError(why)
        return taken

    async def cancel(self, nonce: Nonce, person: Person, message_id: MessageId) -> None:
        """End an issued plan.

        Raises:
            PlanGoneError: it cannot be ended any more.
        """
        plan = await self._pressable(nonce, person, message_id)
        if not await self.plans.end(plan.plan_id, PlanState.CANCELLED):
            raise PlanUsedError(plan.trade_id)

    async def _pressable(
        self, nonce: Nonce, person: Person, message_id: MessageId
    ) -> StoredPlan:
        """Return the plan behind a button, or say why the button is dead."""
        plan = await self.plans.plan_of_nonce(hash_of(nonce))
        if plan is None:
            raise PlanUnknownError
        if (plan.user_id, plan.chat_id) != (person.user_id, person.chat_id):
            raise NotYoursError(plan.user_id)
        if plan.state is PlanState.DRAFT:
            raise PlanPendingError
        # a card that was sent just before a kill never learned its message
        if plan.message_id not in {None, message_id}:
            raise NotYoursError(plan.user_id)
        if plan.state is PlanState.USED:
            raise PlanUsedError(plan.trade_id)
        if plan.state in {PlanState.VOID, PlanState.CANCELLED}:
            raise PlanVoidError(plan.state.value)
        if plan.state is PlanState.EXPIRED or self.clock.now() >= plan.expires_at:
            await self.plans.end(plan.plan_id, PlanState.EXPIRED)
            raise PlanExpiredError(plan.expires_at)
        return plan

    def _new_trade(
        self, plan: StoredPlan, body: OpenPlan, message_id: MessageId
    ) -> Trade:
        return Trade(
            trade_id=TradeId(self.ids.short()),
            plan_id=plan.plan_id,
            base=body.base,
            first=_leg(body.first),
            second=_leg(body.second),
            quantity_base=min(body.first.quantity_base, body.second.quantity_base),
            leverage=body.leverage,
            spread_per_hour=body.spread_per_hour,
            bounds=body.bounds,
            opened_by=plan.user_id,
            chat_id=plan.chat_id,
            message_id=None if message_id == NO_MESSAGE else message_id,
            created_at=self.clock.now(),
            version=1,
        )

    async def _adding(
        self, plan: StoredPlan, body: AddPlan, message_id: MessageId
    ) -> Trade:
        """Return the open pair with what is to be added, its checks to come.

        Raises:
            UnknownTradeError: there is none.
            TradeBusyError: it is not at rest, or needs a person.
            CannotAddError: it does not hold any more what the card said.
        """
        docket = await self.execution.world.docket(body.trade_id)
        if docket is None:
            raise UnknownTradeError(body.trade_id)
        trade = docket.trade
        is_busy = docket.unresolved or self.execution.is_busy(trade.trade_id)
        if trade.state is not TradeState.OPEN or trade.needs_attention or is_busy:
            raise TradeBusyError(trade.trade_id, trade.state.value)
        if body.held != (docket.booked(1), docket.booked(2)):
            why = "what it holds has changed since the card"
            raise CannotAddError(trade.base, why)
        part = body.part
        adding = Addition(
            plan_id=plan.plan_id,
            quantity_base=min(part.first.quantity_base, part.second.quantity_base),
            spread_per_hour=part.spread_per_hour,
            bounds=part.bounds,
            at=self.clock.now(),
            orders_before=len(docket.intents),
        )
        return replace(
            advance_trade(trade, "T35"),
            first=replace(trade.first, taker_fee=part.first.taker_fee),
            second=replace(trade.second, taker_fee=part.second.taker_fee),
            adding=adding,
            chat_id=plan.chat_id,
            message_id=message_id,
        )

    async def _closing(
        self, plan: StoredPlan, body: ClosePlan, message_id: MessageId
    ) -> Trade:
        trade = await self.trades.trade(body.trade_id)
        if trade is None:
            raise UnknownTradeError(body.trade_id)
        if trade.state is not TradeState.OPEN:
            raise TradeBusyError(trade.trade_id, trade.state.value)
        return replace(
            advance_trade(trade, "T19"),
            close_plan_id=plan.plan_id,
            close_target_base=body.remaining_base,
            close_rounds=0,
            chat_id=plan.chat_id,
            message_id=message_id,
        )

    def _claimed(self, plan: StoredPlan, trade: Trade, person: Person) -> Event:
        verb = _VERBS[type(plan.body)]
        is_own = isinstance(plan.body, OpenPlan) and trade.message_id is None
        return Event(
            at=self.clock.now(),
            who=f"user {person.user_id}",
            what=f"{'standing word to' if is_own else 'confirmed'} {verb}",
            detail=f"trade={trade.trade_id} plan={plan.plan_id} base={trade.base}",
        )

    async def check_scopes(self, person: Person, *instruments: Instrument) -> None:
        """Refuse while entries are off everywhere, or for one of these instruments."""
        halts = await self.halts.halts()
        everywhere = [each for each in halts if each.scope == GLOBAL_SCOPE]
        _refuse_if_halted(max(everywhere, key=_strictness, default=None), person)
        for each in instruments:
            _refuse_if_halted(strictest(halts, each.venue_id, each.symbol), person)


_VERBS: Mapping[type[PlanBody], str] = {
    OpenPlan: "open",
    ClosePlan: "close",
    AdoptPlan: "adopt",
    AddPlan: "add",
}


def _refuse_if_halted(halt: Halt | None, person: Person) -> None:
    if halt is None or halt.state is TradingState.ACTIVE:
        return
    if halt.key == STARTUP_KEY:
        raise ReconcilingError
    reason = halt.reason
    if halt.key in {PAUSE_KEY, HALT_KEY}:
        reason = "by you" if halt.by == person.user_id else "by another person"
    is_persons = halt.key in PERSONS_KEYS
    can_close = is_persons or halt.state is not TradingState.HALTED
    raise PausedError(reason, halt.since, is_halt=is_persons, can_close=can_close)


def _strictness(halt: Halt) -> bool:
    return halt.state is TradingState.HALTED


def hash_of(nonce: Nonce) -> str:
    """Return what is stored of a button's secret: hex SHA-256."""
    return hashlib.sha256(nonce.encode()).hexdigest()


def _leg(leg: PlanLeg) -> TradeLeg:
    return TradeLeg(
        instrument=leg.instrument,
        side=leg.side,
        taker_fee=leg.taker_fee,
        entry_rate_per_hour=None if leg.rate is None else leg.rate.per_hour,
    )
