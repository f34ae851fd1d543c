"""Ask venues what they paid, within bounds; keep, store and tell what comes of it."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from datetime import timedelta
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

from core.errors import VenueError
from core.model.alert import Alert, AlertKind, AlertLevel
from core.model.opportunity import Skip, SkipReason
from core.model.proof import ProofState, VenueProof
from core.proofs import words
from core.proofs.case import Case
from core.proofs.record import HISTORY
from core.proofs.verdict import Pair

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from datetime import datetime
    from decimal import Decimal

    from core.model.instrument import Instrument
    from core.model.market import FundingSnapshot
    from core.model.proof import Proof
    from core.model.units import Base, VenueId
    from core.ports import AlertMemory, Clock, Outbox, SettledRates
    from core.proofs.case import Change

log = logging.getLogger(__name__)

HOUR = timedelta(hours=1)
AT_ONCE = 4
"""Requests to one venue at the same time."""
BATCH = 14
"""Requests to one venue per look: scans and books need the rest of its minute."""
MOST_BATCHES = 2
READ_LIMIT = timedelta(seconds=8)
ALERT_LIFE = timedelta(hours=6)
_KEY = "unit:"


class Proofs:
    """What is known of every venue's units, and whether an instrument is doubted."""

    def __init__(
        self,
        *,
        sources: Mapping[VenueId, SettledRates],
        clock: Clock,
        requests_per_hour: int,
        memory: AlertMemory | None = None,
        outbox: Outbox | None = None,
        concerns: Callable[[Base], bool] = lambda _: True,
    ) -> None:
        self._sources = sources
        self._clock = clock
        self._per_hour = requests_per_hour
        self._memory = memory
        self._outbox = outbox
        self._concerns = concerns
        """Tokens in use; others only help to prove a venue's unit."""
        self._cases = {venue_id: Case(venue_id) for venue_id in sources}
        self._asked: dict[VenueId, deque[datetime]] = {v: deque() for v in sources}
        self._is_checking = False
        self._first_over = asyncio.Event()

    # --- what is known ----------------------------------------------------------------

    def of(self, venue_id: VenueId) -> VenueProof:
        """Return how far a venue's rates are proven."""
        case = self._cases.get(venue_id)
        return VenueProof(venue_id) if case is None else case.proof

    def doubt(self, instrument: Instrument) -> Skip | None:
        """Return why an instrument's rate is not to be judged by, None if it may be.

        It stays visible. What was never compared is not doubted: see `entry_doubt`.
        """
        known = self.of(instrument.venue_id)
        own = known.doubted.get(instrument.symbol)
        proof = known.venue if own is None or known.venue.state.is_doubted else own
        return _skip(instrument, proof.reason) if proof.state.is_doubted else None

    def entry_doubt(self, instrument: Instrument) -> Skip | None:
        """Return why an instrument may not be entered: doubted, or not proven yet."""
        doubted = self.doubt(instrument)
        venue = self.of(instrument.venue_id).venue
        if doubted is not None or venue.state is ProofState.PROVEN:
            return doubted
        return _skip(instrument, venue.reason or words.unproven(0))

    async def settle_down(self) -> None:
        """Wait while the very first comparison runs, not longer than a reader would.

        Whoever asks for a quote right after the start is answered, not sent away.
        """
        try:
            async with asyncio.timeout(READ_LIMIT.total_seconds()):
                await self._first_over.wait()
        except TimeoutError:
            return

    @property
    def has_doubts(self) -> bool:
        """Tell whether any venue or instrument is on hold or in quarantine."""
        proofs = [case.proof for case in self._cases.values()]
        return any(each.venue.state.is_doubted or each.doubted for each in proofs)

    # --- what happens -----------------------------------------------------------------

    async def load(self) -> None:
        """Take up the doubts from before the start."""
        stored = {} if self._memory is None else await self._memory.recall()
        for key, facts in stored.items():
            venue_id, _, symbol = key.removeprefix(_KEY).partition(" ")
            case = self._case_named(venue_id)
            if key.startswith(_KEY) and case is not None:
                case.recall(symbol or None, words.proof_of(facts))

    def _case_named(self, name: str) -> Case | None:
        return next((e for v, e in self._cases.items() if v == name), None)

    def observe(self, snapshots: Iterable[FundingSnapshot]) -> None:
        """Take in what a scan saw, before it is judged; no venue is asked."""
        found: dict[VenueId, list[FundingSnapshot]] = {}
        for each in snapshots:
            found.setdefault(each.instrument.venue_id, []).append(each)
        known = {v: case for v, case in self._cases.items() if v in found}
        for venue_id, case in known.items():
            case.record.note(found[venue_id])
        now = self._clock.now()
        for venue_id, case in known.items():
            case.judge(now, partial(self._peers, venue_id))

    def _peers(self, venue_id: VenueId) -> list[Pair]:
        """Return what a venue shows now with the middle of what the others do."""
        others: dict[Base, list[Decimal]] = {}
        for other_id, case in self._cases.items():
            is_sound = case.proof.venue.state is not ProofState.QUARANTINED
            if other_id != venue_id and is_sound:
                for each in case.record.shown.values():
                    others.setdefault(each.instrument.base, []).append(each.per_hour)
        return [
            Pair(each.per_hour, median(others[each.instrument.base]))
            for each in self._cases[venue_id].record.shown.values()
            if each.instrument.base in others
        ]

    async def check(self, held: Collection[Instrument] = ()) -> None:
        """Ask venues what they paid where that is due, judge, and tell what changed.

        Args:
            held: contracts of open pairs; they are asked about first.
        """
        if self._is_checking:
            return
        self._is_checking = True
        try:
            async with asyncio.TaskGroup() as group:
                for venue_id in self._sources:
                    group.create_task(self._prove(venue_id, held))
            for venue_id, case in self._cases.items():
                is_held = any(each.venue_id == venue_id for each in held)
                while case.changes:
                    await self._announce(case.changes.pop(0), is_held=is_held)
        finally:
            self._is_checking = False
            self._first_over.set()

    # --- ask --------------------------------------------------------------------------

    async def _prove(self, venue_id: VenueId, held: Collection[Instrument]) -> None:
        case = self._cases[venue_id]
        for _ in range(MOST_BATCHES):
            chosen = self._chosen(case, held)
            if not chosen or not await self._ask(case, chosen):
                return
            case.judge(self._clock.now(), partial(self._peers, venue_id))
            if case.proof.venue.state is not ProofState.UNPROVEN:
                return

    def _chosen(self, case: Case, held: Collection[Instrument]) -> list[Instrument]:
        """Return whom to ask about now, within the requests that are left."""
        now = self._clock.now()
        spent = self._spent(case.proof.venue_id, now)
        if case.needs_reading:
            unread = case.record.to_read(now)[:BATCH]
            if unread:
                return unread[: self._per_hour - spent]
        due = case.record.due_now(now)
        doubted = case.proof.doubted
        first = [each for each in due if each in held or each.symbol in doubted]
        rest = [each for each in due if each not in first]
        # half of the requests are left for what is held, doubted or new
        share = max(0, self._per_hour // 2 - spent)
        room = min(BATCH, max(0, self._per_hour - spent))
        return [*first, *rest[:share]][:room]

    def _spent(self, venue_id: VenueId, now: datetime) -> int:
        asked = self._asked[venue_id]
        while asked and now - asked[0] >= HOUR:
            asked.popleft()
        return len(asked)

    async def _ask(self, case: Case, chosen: Sequence[Instrument]) -> bool:
        """Read what these were paid, some at a time; False once the venue fails."""
        for start in range(0, len(chosen), AT_ONCE):
            batch = chosen[start : start + AT_ONCE]
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._settled(case, e)) for e in batch]
            if not all(task.result() for task in tasks):
                return False
        return True

    async def _settled(self, case: Case, instrument: Instrument) -> bool:
        venue_id, now = case.proof.venue_id, self._clock.now()
        self._asked[venue_id].append(now)
        try:
            async with asyncio.timeout(READ_LIMIT.total_seconds()):
                source = self._sources[venue_id]
                rows = await source.settled(instrument, now - HISTORY)
        except (VenueError, TimeoutError) as error:
            case.record.fail(instrument, now)
            why = error.detail if isinstance(error, VenueError) else "no answer in time"
            log.info("units not compared venue=%s why=%s", venue_id, why)
            return False
        outcome = case.record.settle(instrument, rows, now)
        if outcome is not None:
            case.hear(instrument, outcome, now)
        return True

    # --- tell -------------------------------------------------------------------------

    async def _announce(self, change: Change, *, is_held: bool) -> None:
        if change.instrument is not None and not self._concerns(change.instrument.base):
            return
        after = change.after
        symbol = None if change.instrument is None else change.instrument.symbol
        log.log(
            logging.WARNING if after.state.is_doubted else logging.INFO,
            "unit proof venue=%s symbol=%s state=%s why=%s",
            change.venue_id,
            symbol or "all",
            after.state.value,
            after.reason,
        )
        if self._memory is not None:
            facts = words.facts_of(after) if after.state.is_doubted else None
            await self._memory.remember(_key(change.venue_id, symbol), facts)
        alert = _alert(change, self._clock.now(), is_held=is_held)
        if self._outbox is not None and alert is not None:
            await self._outbox.put(alert)


def _key(venue_id: VenueId, symbol: str | None) -> str:
    return f"{_KEY}{venue_id}" + (f" {symbol}" if symbol else "")


def _skip(instrument: Instrument, detail: str) -> Skip:
    reason = SkipReason.UNIT_SUSPECT
    return Skip(instrument.base, reason, detail, instrument.venue_id, instrument.symbol)


def _alert(change: Change, now: datetime, *, is_held: bool) -> Alert | None:
    """Return what people must hear of a change: quarantine, and its end."""
    states = change.before.state, change.after.state
    if ProofState.QUARANTINED not in states:
        return None
    is_bad = change.after.state is ProofState.QUARANTINED
    kind = AlertKind.UNITS_SUSPECT if is_bad else AlertKind.UNITS_PROVEN
    base = None if change.instrument is None else change.instrument.base
    facts = _facts(change.before, change.after, change.venue_id, base)
    since = facts["since"]
    return Alert(
        kind=kind,
        level=AlertLevel.TRADE if is_held else AlertLevel.INFO,
        dedupe_key=f"{kind.value}:{change.venue_id}:{base or ''}:{since}",
        facts=facts,
        created_at=now,
        base=base,
        expires_at=now + ALERT_LIFE,
    )


def _facts(
    before: Proof, after: Proof, venue_id: VenueId, base: str | None
) -> dict[str, str]:
    bad = after if after.state is ProofState.QUARANTINED else before
    return {
        "venue": venue_id,
        "reason": bad.reason,
        "since": "" if bad.since is None else bad.since.isoformat(),
        **({} if base is None else {"base": base}),
    }
