"""Every invariant of the trading core, compared with the venues' truth at each step.

`Audit` looks on after every write, before every order and after every execution; what
does not hold is noted with the invariant's number. `after_faults` checks what must hold
once nothing goes wrong any more.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from core.limits import STARTUP_KEY, strictest
from core.model.alert import AlertKind
from core.model.control import TradingState
from core.model.intent import INTENT_ARROWS, IntentState, Purpose
from core.model.order import Accepted, Rejected
from core.model.trade import TRADE_ARROWS, TradeState
from core.orders.desk import OVERDUE_AFTER
from tests.fakes.stage import TRADE, UNHEDGED_IS_FINE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from core.model.alert import Alert
    from core.model.intent import OrderIntent
    from core.model.trade import Trade, TradeLeg
    from tests.campaigns.account import ArenaVenue
    from tests.campaigns.arena import Arena

ZERO = Decimal(0)
ROUNDS = 3
"""Complete looks after the fence that "not found" needs."""
FOUND_WITHIN = timedelta(seconds=110)
"""From what our side could not know until it must have acted or called: 65 s, and 45 s
more when our own orders there were fresh."""
DECISION_SLACK = timedelta(seconds=45)
"""One round of look-ups that all hang, until the overdue call comes."""
WIDEST = Decimal("0.0301")
READ_TO_SEND = timedelta(seconds=2)
DECIDING = {"reply", "order", "trades", "position", "fence", "local"}
INVARIANTS = (
    *(f"INV{number:02}" for number in (*range(1, 4), *range(5, 18))),
    *(f"INV{number:02}" for number in range(21, 29)),
)
"""What is checked here; INV03 and INV25 need several runs and are checked by them."""


class Audit:
    """Remembers what was, and notes every change that must not be."""

    def __init__(self, arena: Arena) -> None:
        self._arena = arena
        self._trade: Trade | None = None
        self._orders: dict[str, OrderIntent] = {}
        self._alerts: set[str] = set()
        self._made: dict[str, float] = {}
        """When each order was written, by a clock that never jumps."""
        self.checks: Counter[str] = Counter()
        """How often each invariant was evaluated."""
        self.faults_until: datetime | None = None

    @property
    def found(self) -> list[str]:
        """Return what did not hold."""
        return self._arena.violations

    def expect(self, number: str, holds: bool, what: str) -> None:  # noqa: FBT001 - an assertion
        """Note a violation unless something holds."""
        self.checks[number] += 1
        if not holds:
            now = self._arena.clock.now()
            self.found.append(f"{number} {what} at {now:%H:%M:%S}")

    def begin(self) -> None:
        """Take the stored trade as it is, put there by a person's tap."""
        self._trade = self._arena.journal.rows.get(TRADE)

    def _legs(self) -> Iterator[tuple[int, TradeLeg, ArenaVenue]]:
        trade = self._arena.trade
        for number, leg in enumerate(trade.legs, start=1):
            yield number, leg, self._arena.accounts[leg.instrument.venue_id]

    # --- before an order leaves -------------------------------------------------------

    def before_submit(self, order: OrderIntent) -> None:
        """Check an order at the moment its first byte leaves."""
        arena = self._arena
        venue = arena.accounts[order.venue_id]
        stored = arena.journal.orders.get(order.intent_id)
        self.expect("INV01", stored == order, "an order left without its row")
        sent = [
            each.client_order_id for v in arena.accounts.values() for each in v.submits
        ]
        is_twice = order.client_order_id in sent
        self.expect("INV02", not is_twice, "an order was sent twice")
        others = [
            each.intent_id
            for each in arena.orders_made
            if not each.state.is_terminal and each.intent_id != order.intent_id
        ]
        self.expect("INV08", not others, f"{order.intent_id} left while {others} open")
        is_reducing = order.purpose not in {Purpose.ENTRY, Purpose.TOPUP}
        holds = order.is_reduce_only == is_reducing
        self.expect("INV06", holds, f"{order.intent_id} is not reduce-only")
        if is_reducing:
            self._check_reducing(order, venue)
        self._check_limit(order, venue)
        self._check_gate(order)
        self._check_patience(order, venue)

    def _check_patience(self, order: OrderIntent, venue: ArenaVenue) -> None:
        """A venue that asked for fewer requests gets none at once."""
        last = venue.submits[-1] if venue.submits else None
        reply = None if last is None else venue.replies.get(last.intent_id)
        is_busy = isinstance(reply, Rejected) and reply.code == "rate_limit"
        if last is not None and is_busy:
            made = self._made
            waited = made[order.intent_id] - made[last.intent_id]
            what = f"{order.intent_id} left {waited} s after a refusal for haste"
            self.expect("V07", waited >= 4.999, what)

    def _check_reducing(self, order: OrderIntent, venue: ArenaVenue) -> None:
        held = -venue.position * order.side.sign
        lag = venue.position_lag + READ_TO_SEND
        if (
            venue.before is not None
            and self._arena.clock.now() - venue.before[0] <= lag
        ):
            held = max(held, -venue.before[1] * order.side.sign)
        is_unseen = venue.moved_at is not None and venue.before is None
        what = f"{order.intent_id} reduces {order.quantity_base} of {held}"
        self.expect("INV06", is_unseen or order.quantity_base <= held, what)

    def _check_limit(self, order: OrderIntent, venue: ArenaVenue) -> None:
        bounds = self._arena.trade.entry_bounds
        slip = bounds.max_slip_first if order.leg == 1 else bounds.max_slip_second
        widest = WIDEST if order.is_reduce_only else slip
        best = venue._best(order.side)
        beyond = order.side.sign * (order.limit_price - best) / best
        is_moved = venue.price_moved_at is not None and (
            self._arena.clock.now() - venue.price_moved_at <= READ_TO_SEND
        )
        what = f"{order.intent_id} may pay {beyond:.5f} beyond the best price"
        self.expect("INV07", is_moved or beyond <= widest, what)

    def _check_gate(self, order: OrderIntent) -> None:
        halts = tuple(self._arena.journal.halt_rows.values())
        if order.purpose is Purpose.ENTRY and order.leg == 2:
            halts = tuple(
                halt
                for halt in halts
                if halt.key != STARTUP_KEY or halt.state is TradingState.HALTED
            )
        halt = strictest(halts, order.venue_id, order.symbol)
        may = halt is None or (
            halt.state is TradingState.REDUCING and order.is_reduce_only
        )
        self.expect("INV17", may, f"{order.intent_id} left against {halt}")

    # --- after a write ----------------------------------------------------------------

    def after_execution(self) -> None:
        """Check exposure at the moment a venue executes."""
        if TRADE in self._arena.journal.rows:
            self._check_sizes()

    def after_write(self) -> None:
        """Compare the journal with what it was and with the venues' truth."""
        if TRADE not in self._arena.journal.rows:
            return
        self._check_step()
        for order in self._arena.orders_made:
            self._check_order(self._orders.get(order.intent_id), order)
            self._orders[order.intent_id] = order
            self._made.setdefault(order.intent_id, self._arena.clock.monotonic())
        for key, alert in self._arena.journal.alerts.items():
            if key not in self._alerts:
                self._alerts.add(key)
                self._check_words(alert)
        self._check_sizes()
        self._check_counts()
        self.after_time()

    def _check_step(self) -> None:
        old, new = self._trade, self._arena.trade
        self._trade = new
        if old is None or old is new or old == new:
            return
        row = self._arena.journal.trail[-1].what.split()[-1]
        known = {(each.row, each.source, each.target) for each in TRADE_ARROWS}
        is_known = (row, old.state, new.state) in known
        is_note = row == "note" and old.state is new.state
        is_next = new.version == old.version + 1
        what = f"{old.state} -> {new.state} by {row}"
        self.expect("INV16", is_next and (is_known or is_note), what)
        for (number, leg, venue), was in zip(self._legs(), old.legs, strict=True):
            lost = leg.lost_base - was.lost_base
            allowed = venue.taken + venue.excess
            what = f"leg {number} is said to have lost {lost}"
            self.expect("INV13", leg.lost_base <= allowed, what)

    def _check_order(self, old: OrderIntent | None, new: OrderIntent) -> None:
        if old is None or old == new:
            return
        arrows = {(each.source, each.target) for each in INTENT_ARROWS}
        is_known = old.state is new.state or (old.state, new.state) in arrows
        what = f"{new.intent_id}: {old.state} -> {new.state}"
        self.expect("INV16", is_known, what)
        was, now = old.filled_base or ZERO, new.filled_base or ZERO
        self.expect("INV14", now >= was, f"{new.intent_id} lost some of its fill")
        is_same = old.state is new.state
        self.expect("INV15", not is_same or was == now, f"{what} changed its fill")
        if not is_same and new.state.is_terminal:
            self._check_evidence(new)

    def _check_evidence(self, order: OrderIntent) -> None:
        venue = self._arena.accounts[order.venue_id]
        truth = venue.orders.get(order.client_order_id)
        said, what = order.evidence or "", f"{order.intent_id} by {order.evidence}"
        self.expect("INV12", order.filled_base is not None, f"{what}: no fill told")
        self.expect("INV10", said in DECIDING, f"{what}: no such evidence")
        if said == "reply":
            self._check_reply(order, venue)
        elif said == "local":
            was_sent = any(each.intent_id == order.intent_id for each in venue.submits)
            self.expect("INV10", not was_sent, f"{what}, and it was sent")
        elif said == "fence":
            self._check_fence(order, venue)
        elif said == "position":
            holds = (
                venue.taken > 0
                or venue.has_lied
                or venue.excess > 0
                or (truth is not None and truth.filled >= (order.filled_base or ZERO))
            )
            self.expect("INV13", holds, f"{what}: the position is not ours")
        elif truth is None or truth.filled != order.filled_base:
            self.expect("INV15", False, f"{what}: not what the venue has")  # noqa: FBT003 - an assertion

    def _check_reply(self, order: OrderIntent, venue: ArenaVenue) -> None:
        reply = venue.replies.get(order.intent_id)
        what = f"{order.intent_id} decided by {reply}"
        if isinstance(reply, Rejected):
            self.expect("INV11", reply.code != "duplicate", what)
            self.expect("INV10", order.state is IntentState.NONE, what)
        elif isinstance(reply, Accepted):
            holds = reply.is_final and reply.filled_base is not None
            self.expect("INV12", holds, what)
            self.expect("INV15", reply.filled_base == order.filled_base, what)
        else:
            self.expect("INV10", False, what)  # noqa: FBT003 - an assertion

    def _check_fence(self, order: OrderIntent, venue: ArenaVenue) -> None:
        what = f"{order.intent_id} given up"
        fence = self._made[order.intent_id] + _fence_s(order)
        now = self._arena.clock.monotonic()
        self.expect("INV10", now >= fence - 0.001, f"{what} before the fence")
        since = [each for each in venue.looks if each.at >= fence - 0.001]
        asked = sum(1 for each in since if each.order == order.client_order_id)
        self.expect("INV10", asked >= ROUNDS, f"{what} after {asked} looks")
        for name in ("fills", "positions"):
            seen = sum(1 for each in since if each.what == name)
            self.expect("INV13", seen >= ROUNDS, f"{what} after {seen} {name}")
        truth = venue.orders.get(order.client_order_id)
        if truth is not None and venue.position_lag < timedelta(seconds=30):
            self.expect("INV10", not truth.filled, f"{what} and filled {truth.filled}")

    # --- sizes ------------------------------------------------------------------------

    def _check_sizes(self) -> None:
        confirmed = self._arena.trade.quantity_base
        excess = sum((v.excess for v in self._arena.accounts.values()), ZERO)
        for number, leg, venue in self._legs():
            built = sum(
                (each.filled_base or ZERO) * (-1 if each.is_reduce_only else 1)
                for each in self._arena.orders_made
                if each.leg == number
            )
            most = confirmed + excess
            what = f"leg {number} was built to {built}"
            self.expect("INV05", built <= most, what)
            held = venue.position * leg.side.sign
            most = most + venue.taken
            self.expect("INV05", held <= most, f"leg {number} holds {held}")
            self.expect("INV06", held >= -most + confirmed, f"leg {number} turned")
        self._check_exposure()

    def _check_exposure(self) -> None:
        arena = self._arena
        exposure, lot = abs(arena.exposure), arena.coarser_lot
        extra = sum((v.excess + v.taken for v in arena.accounts.values()), ZERO)
        what = f"exposure {arena.exposure} in {arena.state}"
        confirmed = arena.trade.quantity_base
        self.expect("INV09", exposure <= confirmed + extra + lot, what)
        is_known = (
            exposure < lot
            or arena.state in UNHEDGED_IS_FINE
            or any(not each.state.is_terminal for each in arena.orders_made)
            or arena.trade.needs_attention
            or self._is_news()
        )
        self.expect("INV09", is_known, what)

    def _is_news(self) -> bool:
        """Tell whether something happened just now that our side cannot know yet."""
        now = self._arena.clock.now()
        moments = [venue.moved_at for venue in self._arena.accounts.values()]
        known = [each for each in (*moments, self.faults_until) if each is not None]
        return any(now - each <= FOUND_WITHIN for each in known)

    def _check_counts(self) -> None:
        arena = self._arena
        for order in arena.orders_made:
            told = sum(
                fill.quantity_base
                for fill in arena.journal.fills.values()
                if fill.intent_id == order.intent_id
            )
            venue = arena.accounts[order.venue_id]
            truth = sum(
                fill.quantity_base
                for fill in venue.executions
                if fill.client_order_id == order.client_order_id
            )
            what = f"{order.intent_id} has {told} booked of {truth}"
            self.expect("INV14", told <= truth, what)

    def after_time(self) -> None:
        """Check that nothing waits for ever without a person knowing."""
        limit = (OVERDUE_AFTER + DECISION_SLACK).total_seconds()
        for order in self._arena.orders_made:
            made = self._made.get(order.intent_id, self._arena.clock.monotonic())
            age = self._arena.clock.monotonic() - made
            if not order.state.is_terminal:
                is_due = age <= _fence_s(order) + limit
                holds = is_due or self._arena.trade.needs_attention
                self.expect("INV23", holds, f"{order.intent_id} is still unknown")

    # --- words ------------------------------------------------------------------------

    def _check_words(self, alert: Alert) -> None:
        if self._is_news():
            return
        held = [abs(venue.position) for venue in self._arena.accounts.values()]
        lot = self._arena.coarser_lot
        what = f"{alert.kind} says more than {held}"
        if alert.kind is AlertKind.OPENED:
            holds = min(held) >= Decimal(alert.facts["quantity"])
            self.expect("INV26", holds, what)
        if "stays" in alert.facts:
            holds = abs(min(held) - Decimal(alert.facts["stays"])) < lot
            self.expect("INV26", holds, what)
        elif alert.kind in {AlertKind.CLOSED, AlertKind.NOT_OPENED}:
            self.expect("INV26", max(held) < lot, what)
        if alert.kind is AlertKind.STAYS_OPEN:
            holds = abs(min(held) - Decimal(alert.facts["remaining"])) < lot
            self.expect("INV26", holds, what)
        if alert.kind in _RESULTS:
            told = Decimal(alert.facts["exposure_base"])
            what = f"{alert.kind} tells {told}, not {self._arena.exposure}"
            self.expect("INV28", abs(told - self._arena.exposure) <= lot, what)

    def check_payments(self) -> None:
        """Check that each payment of the venues is booked once."""
        booked = list(self._arena.journal.payments.values())
        for venue in self._arena.accounts.values():
            mine = [each for each in booked if each.venue_id == venue.venue_id]
            moments = [each.pay_at for each in mine]
            what = f"{len(mine)} payments booked of {venue.venue_id}"
            holds = len(set(moments)) == len(moments) and len(mine) <= len(venue.paid)
            self.expect("INV14", holds, what)

    # --- at the end -------------------------------------------------------------------

    def after_faults(self) -> None:
        """Check what must hold once nothing goes wrong any more."""
        arena, trade = self._arena, self._arena.trade
        self._check_hedged()
        for venue in arena.accounts.values():
            resting = [key for key, order in venue.orders.items() if not order.is_final]
            self.expect("INV22", not resting, f"{resting} rest at {venue.venue_id}")
        told = {alert.kind for alert in arena.journal.alerts.values()}
        expected = _ENDS.get(trade.state)
        what = f"{trade.state} was not told"
        self.expect("INV26", expected is None or expected in told, what)
        if not trade.needs_attention:
            kept = [key for _, key in arena.journal.halt_rows if key.endswith(TRADE)]
            self.expect("INV21", not kept, "entries stay off for a trade in order")
            self._check_books()
            self._check_money()

    def _check_hedged(self) -> None:
        arena, trade = self._arena, self._arena.trade
        if abs(arena.exposure) < arena.coarser_lot:
            self.expect("INV21", True, "")  # noqa: FBT003 - an assertion
            return
        self.expect("INV21", trade.needs_attention, f"unhedged by {arena.exposure}")
        halted = {halt.scope for halt in arena.journal.halt_rows.values()}
        scopes = {
            f"{leg.instrument.venue_id}:{leg.instrument.symbol}" for leg in trade.legs
        }
        self.expect("INV21", scopes <= halted, "entries are on")
        told = arena.alerts(AlertKind.NOT_HEDGED)
        self.expect("INV21", bool(told), "nobody was called")

    def _check_books(self) -> None:
        trade = self._arena.trade
        for number, leg, venue in self._legs():
            held = venue.position * leg.side.sign
            differs = abs(held - leg.held_base)
            what = f"leg {number} holds {held}, booked are {leg.held_base}"
            is_ours = trade.state.is_terminal and venue.taken > 0
            fits = is_ours or differs < leg.instrument.lot_base
            self.expect("INV28", fits, what)

    def _check_money(self) -> None:
        """Compare prices, fees and executions with the venue's, to the last digit."""
        for order in self._arena.orders_made:
            venue = self._arena.accounts[order.venue_id]
            fills = [
                fill
                for fill in venue.executions
                if fill.client_order_id == order.client_order_id
                and venue.orders[order.client_order_id].visible_at
                <= self._arena.clock.now()
            ]
            total = sum((fill.quantity_base for fill in fills), ZERO)
            if not order.filled_base or total != order.filled_base:
                continue
            paid = sum((fill.quantity_base * fill.price for fill in fills), ZERO)
            fees = sum((fill.fee_usd or ZERO for fill in fills), ZERO)
            what = f"{order.intent_id} paid {order.average_price}, fee {order.fee_usd}"
            # a clock an hour ahead asks venues for executions of the future
            is_moved = self._arena.clock.was_moved
            holds = order.average_price == paid / total and order.fee_usd == fees
            holds = holds or (is_moved and order.average_price is None)
            self.expect(
                "INV27", holds, f"{what}; the venue says {paid / total}, {fees}"
            )
            booked = sum(
                fill.quantity_base
                for fill in self._arena.journal.fills.values()
                if fill.intent_id == order.intent_id
            )
            what = f"{order.intent_id}: {booked} of {order.filled_base} has executions"
            is_told = booked == order.filled_base or is_moved
            self.expect("INV15", is_told, what)


def _fence_s(order: OrderIntent) -> float:
    return (order.fence_at - order.created_at).total_seconds()


_RESULTS = {
    AlertKind.OPENED,
    AlertKind.CLOSED,
    AlertKind.NOT_OPENED,
    AlertKind.STAYS_OPEN,
}
_ENDS = {
    TradeState.OPEN: AlertKind.OPENED,
    TradeState.CLOSED: AlertKind.CLOSED,
    TradeState.ABORTED: AlertKind.NOT_OPENED,
}
