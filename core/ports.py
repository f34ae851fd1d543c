"""State what the stages need from outside, one small Protocol per need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from asyncio import Task
    from collections.abc import Coroutine, Mapping, Sequence
    from datetime import datetime, timedelta
    from decimal import Decimal

    from core.model.account import KeyRights
    from core.model.alert import Alarm, Alert, OutboxItem
    from core.model.commit import Claim, Commit
    from core.model.control import Cooldown, Event, Halt
    from core.model.disk import WriteTrouble
    from core.model.history import HourOfRates, PastRates, RecordedScan
    from core.model.instrument import Availability, Instrument, LeftOut
    from core.model.intent import OrderIntent
    from core.model.ledger import ExpectedPayment, LedgerEntry, WalletMark
    from core.model.market import FundingSnapshot, OrderBook, SettledRate
    from core.model.opportunity import Skip
    from core.model.order import (
        Balance,
        Fill,
        OrderRecord,
        Payment,
        SubmitResult,
        VenuePosition,
    )
    from core.model.plan import PlanState, StoredPlan
    from core.model.preferences import Choice
    from core.model.screen import Screen
    from core.model.trade import Trade
    from core.model.units import (
        Base,
        ChatId,
        IntentId,
        MessageId,
        PlanId,
        TradeId,
        UserId,
        VenueId,
    )


class Clock(Protocol):
    """Time."""

    def now(self) -> datetime:
        """Return the moment, aware UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never jump, for intervals inside one process."""
        ...

    async def sleep(self, duration: timedelta) -> None:
        """Wait."""
        ...


class Ids(Protocol):
    """Chance."""

    def short(self) -> str:
        """Return 8 base-32 characters for cards, plans, trades and intents."""
        ...

    def nonce(self) -> str:
        """Return 22 URL-safe characters that nobody can guess."""
        ...

    def jitter(self) -> float:
        """Return a number in 0..1 for spreading retries."""
        ...


class Tasks(Protocol):
    """Work beside the caller, kept and watched."""

    def start(
        self, work: Coroutine[object, object, object], *, name: str
    ) -> Task[object]:
        """Run work; what ends badly is logged."""
        ...


# --- venues ---------------------------------------------------------------------------


class Instruments(Protocol):
    """A venue's list of contracts."""

    @property
    def venue_id(self) -> VenueId:
        """Return which venue this is."""
        ...

    async def instruments(self) -> tuple[tuple[Instrument, ...], tuple[LeftOut, ...]]:
        """Read the list anew: usable instruments, and the rest with reasons.

        Raises:
            VenueError: the venue failed as a whole.
        """
        ...


class FundingSource(Protocol):
    """A venue's current rates, by bulk calls."""

    @property
    def venue_id(self) -> VenueId:
        """Return which venue this is."""
        ...

    async def funding(
        self, instruments: Mapping[str, Instrument], *, is_entry: bool = False
    ) -> tuple[tuple[FundingSnapshot, ...], tuple[Skip, ...]]:
        """Read all rates at once; a malformed row becomes a skip.

        Every given instrument ends in exactly one of the two results. With `is_entry`
        an order hangs on the answer: what is otherwise kept for minutes is read too.

        Raises:
            VenueError: the venue failed as a whole.
        """
        ...


class OrderBooks(Protocol):
    """A venue's order books."""

    @property
    def venue_id(self) -> VenueId:
        """Return which venue this is."""
        ...

    async def book(self, instrument: Instrument) -> OrderBook:
        """Read one book now.

        Raises:
            VenueError: the venue failed or sent nonsense.
        """
        ...


class SettledRates(Protocol):
    """A venue's past payments."""

    @property
    def venue_id(self) -> VenueId:
        """Return which venue this is."""
        ...

    async def settled(
        self, instrument: Instrument, since: datetime
    ) -> tuple[SettledRate, ...]:
        """Read the settled rates after a moment, oldest first.

        Raises:
            VenueError: the venue failed or sent nonsense.
        """
        ...


class OrderGateway(Protocol):
    """The only way to a venue's order entry."""

    @property
    def venue_id(self) -> VenueId:
        """Return which venue this is."""
        ...

    async def submit(self, intent: OrderIntent, instrument: Instrument) -> SubmitResult:
        """Send a limit IOC order; never raises for what the venue or network does."""
        ...

    async def cancel(self, intent: OrderIntent, instrument: Instrument) -> None:
        """Cancel a resting order; unknown to the venue is no error.

        Raises:
            VenueError: no answer.
        """
        ...


class OrderLookup(Protocol):
    """What a venue knows of our orders."""

    @property
    def venue_id(self) -> VenueId:
        """Return which venue this is."""
        ...

    async def find(
        self, intent: OrderIntent, instrument: Instrument
    ) -> OrderRecord | None:
        """Look up by client id; None is "not visible", never "not placed".

        Raises:
            VenueError: no answer.
        """
        ...

    async def fills(self, instrument: Instrument, since: datetime) -> tuple[Fill, ...]:
        """Read our own executions in one symbol.

        Raises:
            VenueError: no answer.
        """
        ...


class AccountReader(Protocol):
    """A venue's view of our account."""

    @property
    def venue_id(self) -> VenueId:
        """Return which venue this is."""
        ...

    async def positions(self) -> tuple[VenuePosition, ...]:
        """Read all positions; a symbol missing from a successful answer is flat.

        Raises:
            VenueError: no answer, which is no information.
        """
        ...

    async def balance(self) -> Balance:
        """Read equity and free margin.

        Raises:
            VenueError: no answer.
        """
        ...

    async def payments(self, since: datetime) -> tuple[Payment, ...]:
        """Read funding received and paid after a moment.

        Raises:
            VenueError: no answer.
        """
        ...

    async def set_leverage(self, instrument: Instrument, leverage: int) -> None:
        """Set leverage of one symbol.

        Raises:
            VenueError: refused or no answer.
        """
        ...


class TradingVenue(OrderGateway, OrderLookup, AccountReader, Protocol):
    """All three for one account, as live and paper adapters offer them."""


class TakerFees(Protocol):
    """A venue's word on what our account pays."""

    async def taker_fee(self, instrument: Instrument) -> Decimal:
        """Read the account's own fee as a fraction of notional.

        Raises:
            VenueError: no answer.
        """
        ...


class AccountInspector(Protocol):
    """What is looked at before an account may trade for real."""

    @property
    def venue_id(self) -> VenueId:
        """Return which venue this is."""
        ...

    async def prepare(self) -> None:
        """Do once what the first order must not wait for.

        Raises:
            VenueError: the venue failed or refused, or a part is not installed.
        """
        ...

    async def is_one_way(self) -> bool:
        """Tell whether the account holds one position per symbol.

        Raises:
            VenueError: no answer.
        """
        ...

    async def clock_offset(self) -> timedelta | None:
        """Return how far the venue's clock is ahead, None if it shows none.

        Raises:
            VenueError: no answer.
        """
        ...

    async def key_rights(self) -> KeyRights:
        """Read what the key may do.

        Raises:
            VenueError: no answer, or the key opens nothing.
        """
        ...

    async def taker_fee(self, instrument: Instrument) -> Decimal:
        """Read the account's own fee as a fraction of notional.

        Raises:
            VenueError: no answer.
        """
        ...


# --- storage --------------------------------------------------------------------------


class Plans(Protocol):
    """Confirm cards."""

    async def draft(self, plan: StoredPlan) -> None:
        """Store a plan before its message is sent."""
        ...

    async def issue(self, plan_id: PlanId, message_id: MessageId) -> bool:
        """Bind a draft to its message; False if it is no draft any more."""
        ...

    async def end(self, plan_id: PlanId, state: PlanState) -> bool:
        """End a draft or issued plan as expired, cancelled or void."""
        ...

    async def void_unused(self) -> int:
        """Void every draft and issued plan (start-up); return how many."""
        ...

    async def plan_of_nonce(self, nonce_hash: str) -> StoredPlan | None:
        """Return the plan whose button carries this nonce."""
        ...

    async def plan(self, plan_id: PlanId) -> StoredPlan | None:
        """Return a plan by id."""
        ...

    async def claim(self, claim: Claim) -> bool:
        """Use a plan and create or move its trade, all in one transaction.

        One conditional update: issued, user, chat and message equal, not expired.
        False if it changed nothing (or the trade's version moved): nothing is kept.
        """
        ...


class Trades(Protocol):
    """Our pairs."""

    async def trade(self, trade_id: TradeId) -> Trade | None:
        """Return a trade by id."""
        ...

    async def trades_in_progress(self) -> tuple[Trade, ...]:
        """Return every trade that is not terminal, oldest first."""
        ...

    async def recent_trades(self, limit: int) -> tuple[Trade, ...]:
        """Return the latest trades of any state, newest first."""
        ...

    async def commit(self, change: Commit) -> bool:
        """Write one step: trade, intents, fills, alerts, event, in one transaction.

        False if the trade's stored version is not one below the given one; then nothing
        is kept.

        Raises:
            StorageError: nothing is kept.
        """
        ...

    async def fills_of(self, trade_id: TradeId) -> tuple[Fill, ...]:
        """Return a trade's executions, oldest first."""
        ...

    async def book_fills(self, fills: Sequence[Fill]) -> None:
        """Store executions that no order of ours made, once by the venue's id."""
        ...

    async def payments_of(self, trade_id: TradeId) -> tuple[Payment, ...]:
        """Return a trade's funding payments, oldest first."""
        ...

    async def book_payments(self, payments: Sequence[Payment]) -> int:
        """Store payments once by (venue, symbol, moment); return how many were new.

        A final payment replaces an estimated one.
        """
        ...


class Intents(Protocol):
    """Orders, written before they are sent."""

    async def intent(self, intent_id: IntentId) -> OrderIntent | None:
        """Return an intent by id."""
        ...

    async def intents_of(self, trade_id: TradeId) -> tuple[OrderIntent, ...]:
        """Return a trade's intents in the order of creation."""
        ...

    async def unresolved(self) -> tuple[OrderIntent, ...]:
        """Return every prepared or unknown intent."""
        ...

    async def settle(
        self,
        intent: OrderIntent,
        fills: Sequence[Fill],
        alerts: Sequence[Alert] = (),
    ) -> None:
        """Write an intent's new state with its fills, in one transaction."""
        ...


class Halts(Protocol):
    """Who may trade now."""

    async def halts(self) -> tuple[Halt, ...]:
        """Return every halt in force."""
        ...

    async def set_halt(
        self, halt: Halt, event: Event, alerts: Sequence[Alert] = ()
    ) -> None:
        """Put a halt in force (or replace the one of its scope and key)."""
        ...

    async def clear_halt(
        self, scope: str, key: str, event: Event, alerts: Sequence[Alert] = ()
    ) -> bool:
        """Lift a halt; False, and nothing told, if there was none."""
        ...

    async def cooldowns(self) -> tuple[Cooldown, ...]:
        """Return every stored cool-down."""
        ...

    async def set_cooldown(self, cooldown: Cooldown) -> None:
        """Store a pair's cool-down."""
        ...

    async def clear_cooldown(self, base: Base, venues: tuple[VenueId, VenueId]) -> None:
        """Forget a pair's cool-down."""
        ...

    async def log_event(self, event: Event) -> None:
        """Add a line to the audit trail."""
        ...

    async def events(self, limit: int) -> tuple[Event, ...]:
        """Return the latest lines of the audit trail, newest first."""
        ...


class Outbox(Protocol):
    """Messages on their way to people."""

    async def put(self, alert: Alert) -> bool:
        """Store an alert for its chats; False if its key is already stored."""
        ...

    async def due(self, now: datetime, limit: int) -> tuple[OutboxItem, ...]:
        """Return what may be sent now: critical first, then in order of storing.

        Of several pending edits of one message only the newest is returned; older
        ones and expired alerts are dropped.
        """
        ...

    async def sent(self, item_id: int, message_id: MessageId | None) -> None:
        """Mark a message as delivered."""
        ...

    async def retry(self, item_id: int, next_at: datetime, error: str) -> None:
        """Try a message again at a moment."""
        ...

    async def drop(self, item_id: int, why: str) -> None:
        """Give a message up."""
        ...

    async def hold(self, item_id: int) -> None:
        """Keep a message back until its reader's quiet hours are over."""
        ...

    async def held(self, limit: int) -> tuple[OutboxItem, ...]:
        """Return what is kept back, in the order of storing."""
        ...

    async def park_chat(self, chat_id: ChatId, until: datetime) -> None:
        """Hold everything for one chat until a moment."""
        ...

    async def depth(self) -> tuple[int, datetime | None]:
        """Return how many wait and since when the oldest does."""
        ...


class Alarms(Protocol):
    """Critical conditions, until a person saw them or they are over."""

    async def ringing(self) -> tuple[Alarm, ...]:
        """Return what nobody has seen and is not over, the oldest first."""
        ...

    async def alarm(self, cause: str) -> Alarm | None:
        """Return the alarm of a condition, also one that was seen or is over."""
        ...

    async def rang(self, cause: str, repeats: int, next_at: datetime) -> None:
        """Note that it was told again, and when it is due next."""
        ...

    async def end(self, cause: str) -> None:
        """Note that the condition is over."""
        ...

    async def see(self, cause: str, user_id: UserId, name: str, event: Event) -> bool:
        """Note who saw it and when; False if somebody had, or if it is over."""
        ...

    async def forget(self, before: datetime) -> None:
        """Delete what was over before a moment."""
        ...


class CardStore(Protocol):
    """What each sent card's buttons showed."""

    async def put_screen(self, screen: Screen) -> None:
        """Store what a card shows, before it is sent."""
        ...

    async def screen(self, card_id: str) -> Screen | None:
        """Return a screen by the id in its buttons."""
        ...

    async def screen_of_message(
        self, chat_id: ChatId, message_id: MessageId
    ) -> Screen | None:
        """Return the newest screen of a message."""
        ...

    async def latest_screen(self, chat_id: ChatId, kind: str) -> Screen | None:
        """Return the newest screen of a kind in a chat, to strip its keyboard."""
        ...

    async def bind_screen(self, card_id: str, message_id: MessageId) -> None:
        """Note which message shows the card."""
        ...

    async def forget_screens(self, before: datetime) -> int:
        """Delete screens older than a moment; return how many."""
        ...


class PreferenceStore(Protocol):
    """What chat may change, and small facts that survive a restart."""

    async def choices(self) -> tuple[Choice, ...]:
        """Return everything that was chosen."""
        ...

    async def save_choice(self, choice: Choice, event: Event) -> None:
        """Store a choice with its audit line; it replaces the one of its key."""
        ...

    async def drop_choice(self, key: str, user_id: UserId | None, event: Event) -> None:
        """Forget a choice, with its audit line."""
        ...

    async def changes(self, limit: int) -> tuple[Event, ...]:
        """Return the latest changes of preferences, newest first."""
        ...

    async def fact(self, key: str) -> str | None:
        """Return a small stored text."""
        ...

    async def save_fact(self, key: str, value: str) -> None:
        """Store a small text."""
        ...


class AlertMemory(Protocol):
    """What was pushed before, so that a restart announces nothing twice."""

    async def recall(self) -> Mapping[str, Mapping[str, str]]:
        """Return all stored facts by key."""
        ...

    async def remember(self, key: str, facts: Mapping[str, str] | None) -> None:
        """Store facts under a key; None forgets the key."""
        ...


class AvailabilityStore(Protocol):
    """The availability cache on disk."""

    async def load_availability(self) -> Availability | None:
        """Return the cache as last saved; None before the first save."""
        ...

    async def save_availability(self, value: Availability) -> None:
        """Replace the saved cache."""
        ...


class ScanRecords(Protocol):
    """Every scan of the last weeks, to judge it again."""

    async def record(self, scan: RecordedScan) -> None:
        """Keep a scan.

        Raises:
            StorageError: it is not kept.
        """
        ...

    async def scans(
        self, after: datetime | None, limit: int, *, every: timedelta | None = None
    ) -> tuple[RecordedScan, ...]:
        """Return the scans after a moment, oldest first; None begins with the oldest.

        With `every`, only those that are so far from the one before.

        Raises:
            StorageError: the record cannot be read.
        """
        ...

    async def landmarks(self, after: datetime, limit: int) -> tuple[RecordedScan, ...]:
        """Return some of the scans after a moment, oldest first: those cheap to read.

        Raises:
            StorageError: the record cannot be read.
        """
        ...

    async def forget(self, scans_before: datetime, hours_before: datetime) -> bool:
        """Delete a handful of what is older; True if more is left to delete.

        Raises:
            StorageError: nothing was deleted.
        """
        ...


class SpreadHistory(Protocol):
    """Rates by the hour, from our own scans and from settled payments."""

    async def save_hour(self, hour: HourOfRates) -> None:
        """Write an hour's means, replacing those of an unfinished one.

        Raises:
            StorageError: nothing is kept.
        """
        ...

    async def hours(self, since: datetime, until: datetime) -> tuple[HourOfRates, ...]:
        """Return the hours that begin at or after one moment and before another.

        Oldest first.

        Raises:
            StorageError: they cannot be read.
        """
        ...

    async def save_past(self, past: PastRates) -> None:
        """Replace what is known of one contract's settled payments.

        Raises:
            StorageError: nothing is kept.
        """
        ...

    async def pasts(self, since: datetime) -> tuple[PastRates, ...]:
        """Return the settled payments that were read at or after a moment.

        Raises:
            StorageError: they cannot be read.
        """
        ...


class Disk(Protocol):
    """The disk under the record."""

    @property
    def trouble(self) -> WriteTrouble | None:
        """Return since when nothing can be written and why; None after a good write."""
        ...

    async def probe(self) -> None:
        """Write something that does not matter.

        Raises:
            StorageError: it was not written.
        """
        ...

    async def free_bytes(self) -> int:
        """Return the room left."""
        ...

    async def has_reserve(self) -> bool:
        """Tell whether the room for closing on a full disk is held."""
        ...

    async def hold_reserve(self) -> bool:
        """Hold that room again; False if the disk does not have it."""
        ...


class PaperLedger(Protocol):
    """The paper venues' own books, in a file of their own."""

    async def paper_state(self, venue_id: VenueId) -> Mapping[str, str]:
        """Return a venue's stored rows as JSON texts by key."""
        ...

    async def save_paper(
        self, venue_id: VenueId, rows: Mapping[str, str | None]
    ) -> None:
        """Write rows in one transaction; None deletes a key."""
        ...


class Ledger(Protocol):
    """What trades booked, what payments were expected, what wallets held."""

    async def entries(
        self, since: datetime | None = None, *, paid_since: datetime | None = None
    ) -> tuple[LedgerEntry, ...]:
        """Return trades not ended before a moment, each with all it booked.

        With `paid_since` payments before that moment are left out: they are many.
        """
        ...

    async def expect(self, payments: Sequence[ExpectedPayment]) -> None:
        """Keep what payments would bring; a later look replaces an earlier one."""
        ...

    async def expected_of(self, trade_id: TradeId) -> tuple[ExpectedPayment, ...]:
        """Return what a trade's payments were expected to bring, oldest first."""
        ...

    async def mark_wallet(self, mark: WalletMark) -> None:
        """Keep a venue's wallet beside our books."""
        ...

    async def wallet_mark(
        self, venue_id: VenueId, since: datetime | None
    ) -> WalletMark | None:
        """Return the last mark up to a moment, else the first after it."""
        ...

    async def latest_mark(self, venue_id: VenueId) -> WalletMark | None:
        """Return a venue's newest mark."""
        ...


class Audience(Protocol):
    """Who hears alerts."""

    @property
    def owners(self) -> tuple[UserId, ...]:
        """Return the owners' user ids."""
        ...
