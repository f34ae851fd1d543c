"""Hold something a person must hear, as facts; words and buttons come later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from core.model.units import Base, ChatId, MessageId, TradeId, UserId


class AlertLevel(StrEnum):
    """Importance; also the order in which the outbox sends."""

    CRITICAL = "critical"
    TRADE = "trade"
    OPPORTUNITY = "opportunity"
    FUNDING = "funding"
    INFO = "info"


class AlertKind(StrEnum):
    """What happened; each kind has one card.

    Facts of a trade's alerts. Quantities are base units, money is USD; a key whose
    value is unknown is left out. Every alert of a trade has:
    `trade`, `base`, `state` (TradeState), `long_venue`, `short_venue`, `settle` (of
    both legs, e.g. USDT/USDC), `exposure_base` (signed net, positive is long),
    `exposure_usd` and `items`: JSON list, one object per leg in the order of execution:
    `leg` ("1"/"2"), `side` (long/short), `venue`, `symbol`, `native_name`, `held`
    (base units held now), `multiplier` (base units per listed unit), `status` (waiting,
    sending, asking, done, partial, nothing, refused), `order_side` (buy/sell) and
    `quantity` (base units) of its latest order; known only after a fill: `price`
    (average entry per LISTED unit), `price_base` (per base unit), `fee_usd`.

    | kind           | further facts                                                   |
    |----------------|-----------------------------------------------------------------|
    | PROGRESS       | `stage`: checking, leg1, leg2, balancing, unwinding, closing,   |
    |                | repairing; `adding` (base) while an open pair grows             |
    | CHECKING_ORDER | `venue`, `order_side`, `quantity`, `decide_by` (ISO moment),    |
    |                | `cause`                                                         |
    | OPENED         | `quantity`, `planned` (confirmed; more when a book was thin),   |
    |                | `fees_usd`, `price_gap_usd` (+ received),                       |
    |                | `spread_per_hour` (quoted, fraction); of a pair that grew, all  |
    |                | this of the added part alone, and `held` (base per leg now)     |
    | NOT_OPENED     | `reason` (plain words), `code` (one word of ours, may be empty),|
    |                | `cost_usd` (+ paid; "0" when nothing was ordered), `pause_until`|
    |                | (ISO), `was_ordered` (yes/no), `new_quote` (yes: a fresh quote  |
    |                | may work); bound broken: `bound` (spread, cost), `was`, `now`;  |
    |                | `stays` (base per leg): the pair is open, nothing was added     |
    | CLOSED         | `reason`, `price_usd`, `funding_usd`, `fees_usd`, `total_usd`   |
    |                | (each + received but fees + paid), `opened_at`, `by_hand` yes/no|
    |                | (both ends: `kept` (base an owner keeps), `kept_side`,          |
    |                | `kept_venue`)                                                   |
    | STAYS_OPEN     | `reason`, `remaining` (base per leg), `was_closing` (no: the    |
    |                | legs were leveled again without a close; part: what was asked   |
    |                | for is closed)                                                  |
    | NOT_HEDGED     | `reason`, `tries`, `last_answer`, `repeat_s`; what to do by     |
    |                | hand: `do_venue`, `do_symbol` (native name), `do_side`          |
    |                | (buy/sell), `do_quantity`; while an order is being checked:     |
    |                | `asked_venue`, `asked_side`, `asked_quantity`, `decide_by`      |
    | LEG_LOST       | `venue`, `side`, `lost` (base), `remaining`, `other_venue`,     |
    |                | `follows` (the other leg is reduced: yes, no)                   |
    | RESTARTED      | `fine`, `repaired`, `checking`, `attention` (counts),           |
    |                | `not_started`, `entries` (active/reducing/halted),              |
    |                | `entries_since`, `entries_reason`; `items`: JSON list with      |
    |                | `trade`, `base`, `was`, `now` (states), `decide_by` or `note`   |
    | FOREIGN_       | `venue`, `symbol`, `name` (token), `quantity` (base, signed);   |
    | POSITION       | not of a trade, so without the facts above                      |
    | HALTED,        | `scope` (all, a venue, venue:symbol), `key`, `state`            |
    | HALT_OVER      | (reducing, halted), `reason`, `since`, `until` (may end then);  |
    |                | not of a trade                                                  |
    | FUNDING        | `pay_at`, `total_usd` (+ received); `items`: JSON list with     |
    |                | `base`, `trade`, `venue`, `amount`, `rate` (fraction of         |
    |                | notional), `expected` (amount by the rate shown before);        |
    |                | `day` (its UTC midnight), `day_usd`, `day_payments`: since      |
    |                | then; `earlier`: JSON list with `at`, `usd` of each settlement  |
    |                | since then before this one                                      |
    | EXIT           | `rule`, `action` (tell, button, close) and the rule's numbers:  |
    |                | `result_usd`, `share`, `wanted`; `spread_per_hour`,             |
    |                | `stop_per_hour`, `payments`; `venue`, `distance`, `band`; `gap`,|
    |                | `most`; `held_s`, `planned_s`; `paid_at`; near liquidation:     |
    |                | `move_usd`, `move_from`, `move_to`, `move_restores`             |
    | BOOKS_DIFFER   | `venue`, `off_usd` (+ the wallet has more), `wallet_usd`,       |
    |                | `booked_usd` (since then), `since`                              |
    | UNITS_SUSPECT, | `venue`, `reason`, `since` (ISO), `base` if it is about one     |
    | UNITS_PROVEN   | token; not of a trade                                           |
    | PRICES_APART   | `trade`, `base`, `long`, `short` (venues), `long_price`,        |
    |                | `short_price` (one base unit, in one currency), `settle`        |
    | STABLECOIN_GAP | `usdt` (price of one USDT in USDC), `level` (warn, block,       |
    |                | close), `trades` (open across both coins, joined by spaces)     |
    | DAILY          | `since`, `until` (ISO, what it counts), `funding_usd`,          |
    |                | `price_usd`, `fees_usd`, `net_usd` (booked then; fees + paid),  |
    |                | `open_usd` (worth of what is open beyond it), `open` (count),   |
    |                | `venues`, `fine` (counts), `silent` (ids, joined by spaces),    |
    |                | `entries` (active, reducing, halted); best pair not held:       |
    |                | `missed_base`, `missed_long`, `missed_short`,                   |
    |                | `missed_per_hour`, `missed_net_usd`, `missed_hold_h`; `items`:  |
    |                | JSON list with `what` (open, opened, closed, not_opened),       |
    |                | `trade`, `base`, `long`, `short`; open: `total_usd`,            |
    |                | `distance`, `distance_venue` (nearest to liquidation; `partly`: |
    |                | the other leg's is unknown), `state`, `attention`; others:      |
    |                | `at`, `reason`, `total_usd`                                     |
    | DISK           | `state` (low: entries are off; back: on again; works: writes    |
    |                | that failed work again; lost: the record was set aside as       |
    |                | `file`), `reason`; not of a trade either                        |
    """

    PROGRESS = "progress"
    """A trade's state changed: edits the message of the confirm card."""
    CHECKING_ORDER = "checking_order"
    OPENED = "opened"
    NOT_OPENED = "not_opened"
    CLOSED = "closed"
    STAYS_OPEN = "stays_open"
    NOT_HEDGED = "not_hedged"
    LEG_LOST = "leg_lost"
    NEW_SPREAD = "new_spread"
    SPREAD_DIGEST = "spread_digest"
    VENUE_DOWN = "venue_down"
    VENUE_BACK = "venue_back"
    STRANGER = "stranger"
    RESTARTED = "restarted"
    PAUSED = "paused"
    FOREIGN_POSITION = "foreign_position"
    HALTED = "halted"
    """The bot itself stopped something; a person's halt is told as PAUSED."""
    HALT_OVER = "halt_over"
    FUNDING = "funding"
    """What one moment's payments brought; one message a day, edited by each."""
    EXIT = "exit"
    """A rule says that an open pair should be left."""
    BOOKS_DIFFER = "books_differ"
    """A wallet moved by something that we did not book."""
    UNITS_SUSPECT = "units_suspect"
    """A venue's or a token's rates are off by a unit or by sign: not offered."""
    UNITS_PROVEN = "units_proven"
    """They are what is paid again."""
    PRICES_APART = "prices_apart"
    """The legs of an open pair are not priced like one asset any more."""
    STABLECOIN_GAP = "stablecoin_gap"
    """The coins that legs settle in came apart."""
    DAILY = "daily"
    """What one day came to, at the hour its reader chose."""
    DISK = "disk"


@dataclass(frozen=True, slots=True)
class Alert:
    """Facts for one message, written with the change that caused it."""

    kind: AlertKind
    level: AlertLevel
    dedupe_key: str
    """An alert with the key of a stored one is not stored again."""
    facts: Mapping[str, str]
    """Decimals and moments as text; a list travels as JSON text in `items`."""
    created_at: datetime
    trade_id: TradeId | None = None
    base: Base | None = None
    chat_id: ChatId | None = None
    """None sends to every owner."""
    edits_message_id: MessageId | None = None
    """Message that shows the result instead of a new one."""
    is_silent: bool = False
    expires_at: datetime | None = None
    """Late news is wrong news: dropped after this moment."""
    edits_key: str | None = None
    """Key of an earlier alert: the message that told it shows this instead.

    If it was not told yet, its news is over before anybody heard of it.
    """
    cause: str = ""
    """Condition a critical alert is about, if neither a trade nor a venue's silence."""

    @property
    def condition(self) -> str:
        """Return what it is about: one alarm rings for one condition."""
        if self.cause:
            return self.cause
        if self.trade_id is not None:
            return f"trade:{self.trade_id}"
        if self.kind in {AlertKind.VENUE_DOWN, AlertKind.VENUE_BACK}:
            return f"venue:{self.facts.get('venue', '')}"
        if self.kind in {AlertKind.HALTED, AlertKind.HALT_OVER}:
            return f"halt:{self.facts.get('scope', '')}:{self.facts.get('key', '')}"
        return self.dedupe_key

    @property
    def is_repeat(self) -> bool:
        """Tell whether it says again what nobody has seen yet."""
        return "again" in self.facts

    @property
    def expiry(self) -> datetime | None:
        """Return when it is not worth sending any more; critical news always is."""
        if self.level is AlertLevel.CRITICAL:
            return None
        return self.expires_at or self.created_at + _LIFE[self.level]

    @property
    def is_relief(self) -> bool:
        """Tell whether it says that its condition is over."""
        return self.kind in _RELIEF


_LIFE = {
    AlertLevel.TRADE: timedelta(hours=24),
    AlertLevel.OPPORTUNITY: timedelta(minutes=10),
    AlertLevel.FUNDING: timedelta(hours=6),
    AlertLevel.INFO: timedelta(hours=6),
}
_RELIEF = frozenset(
    {
        AlertKind.OPENED,
        AlertKind.NOT_OPENED,
        AlertKind.CLOSED,
        AlertKind.VENUE_BACK,
        AlertKind.HALT_OVER,
    }
)


@dataclass(frozen=True, slots=True)
class Alarm:
    """A critical alert that repeats until a person saw it or its condition is over."""

    cause: str
    alert: Alert
    began_at: datetime
    repeats: int
    """How often it was told again."""
    next_at: datetime
    seen_by: UserId | None = None
    seen_name: str = ""
    seen_at: datetime | None = None
    is_over: bool = False


_GAPS = tuple(timedelta(minutes=each) for each in (1, 5, 15, 60))


def repeat_after(repeats: int) -> timedelta:
    """Return how long after its beginning an alarm is told for the nth time again.

    After 1, 5, 15 and 60 minutes, then every hour; `repeats` counts those before.
    """
    if repeats < len(_GAPS):
        return _GAPS[repeats]
    return timedelta(hours=repeats - len(_GAPS) + 2)


class OutboxState(StrEnum):
    """Life of a stored message."""

    PENDING = "pending"
    SENT = "sent"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class OutboxItem:
    """One alert for one chat on its way."""

    item_id: int
    chat_id: ChatId
    alert: Alert
    attempts: int
    next_at: datetime
