"""Keep what one venue showed and settled, and pair the two for judgement.

Two kinds of pairs come out. `payments` are rates shown just before a payment with what
was then paid: few, but free of any movement in between. `latest` are the rates shown
now with the newest that can be relied on: all there are, in the very next scan.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from core.model.units import hours_of
from core.proofs.verdict import Pair, of_one

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from decimal import Decimal

    from core.model.instrument import Instrument
    from core.model.market import FundingSnapshot, SettledRate
    from core.proofs.verdict import Cause

SETTLES_WITHIN = timedelta(minutes=2)
"""A payment's rate is asked for this long after it."""
GIVES_UP_AFTER = timedelta(minutes=40)
"""A payment that the venue's history does not show by then is let go."""
SHOWN_BEFORE = timedelta(minutes=10)
"""An older rate says little about the payment that follows it."""
HISTORY = timedelta(hours=26)
"""Holds three payments of any venue: two give the hours between them."""
RECENT = 5
"""Payments of which one is the due one; the others tell the hours between them."""
LONGEST_GAP = timedelta(hours=24)
ROUND_LASTS = timedelta(minutes=70)
"""Payments compared so long ago belong to an earlier round."""
RELIABLE_FOR = timedelta(hours=12)
AGAIN_AFTER = timedelta(minutes=10)
"""Histories that could not be read are asked for again after so long."""
SLACK = timedelta(minutes=1)


class Shown(NamedTuple):
    """What a venue showed of one instrument."""

    instrument: Instrument
    per_hour: Decimal
    at: datetime
    pay_at: datetime | None
    interval: timedelta
    """Between two payments, as the venue stated it then."""


class Relied(NamedTuple):
    """A rate per hour that was really paid, or was shown while units were proven."""

    per_hour: Decimal
    at: datetime


class Compared(NamedTuple):
    """One payment held against what was shown before it."""

    pair: Pair
    shown_at: datetime
    compared_at: datetime
    pay_at: datetime
    interval: timedelta


@dataclass(slots=True)
class Outcome:
    """What one payment says of one instrument."""

    cause: Cause | None
    """None: the rate is too small to tell."""
    pair: Pair
    spacing: timedelta | None = None
    """Time between payments where it is not the one the venue states."""


@dataclass(slots=True)
class Record:
    """One venue's rates, shown and settled, by symbol."""

    shown: dict[str, Shown] = field(default_factory=dict)
    due: dict[str, Shown] = field(default_factory=dict)
    """Last seen before a payment that is over and was not asked about yet."""
    settled: dict[str, Relied] = field(default_factory=dict)
    """The newest payment known."""
    trusted: dict[str, Relied] = field(default_factory=dict)
    """The newest rate that was shown while the venue's units were proven."""
    compared: dict[str, Compared] = field(default_factory=dict)
    asked_at: dict[str, datetime] = field(default_factory=dict)
    failed_at: dict[str, datetime] = field(default_factory=dict)
    """When those were asked about whose history has not been read since."""

    # --- what is shown ----------------------------------------------------------------

    def note(self, snapshots: Iterable[FundingSnapshot]) -> None:
        """Take in what one scan saw of this venue."""
        for each in snapshots:
            symbol = each.instrument.symbol
            before = self.shown.get(symbol)
            if before is not None and _was_paid(before, each):
                self.due[symbol] = before
            self.shown[symbol] = Shown(
                each.instrument,
                each.rate.per_hour,
                each.observed_at,
                each.next_funding_at,
                each.rate.payment_interval,
            )

    def trust_shown(self) -> None:
        """Take what is shown now for right: the venue's units are proven."""
        for symbol, each in self.shown.items():
            self.trusted[symbol] = Relied(each.per_hour, each.at)

    def latest(self, now: datetime) -> list[Pair]:
        """Return every rate shown now with the newest relied on before it."""
        pairs = []
        for symbol, shown in self.shown.items():
            newest = self.settled.get(symbol)
            trusted = self.trusted.get(symbol)
            if newest is None or (trusted is not None and trusted.at > newest.at):
                newest = trusted
            if newest is not None and now - newest.at <= RELIABLE_FOR:
                pairs.append(Pair(shown.per_hour, newest.per_hour))
        return pairs

    # --- what is settled --------------------------------------------------------------

    def due_now(self, now: datetime) -> list[Instrument]:
        """Return instruments whose last payment can be asked about, oldest asked first.

        Payments that the venue's history never showed are let go.
        """
        for symbol, each in list(self.due.items()):
            if each.pay_at is None or now - each.pay_at > GIVES_UP_AFTER:
                del self.due[symbol]
        ready = [
            each.instrument
            for each in self.due.values()
            if each.pay_at is not None and now - each.pay_at >= SETTLES_WITHIN
        ]
        return sorted(ready, key=self._turn)

    def unread(self) -> list[Instrument]:
        """Return instruments shown now of which nothing paid is known yet."""
        found = [
            each.instrument
            for symbol, each in self.shown.items()
            if symbol not in self.asked_at
        ]
        return sorted(found, key=self._turn)

    def to_read(self, now: datetime) -> list[Instrument]:
        """Return those to ask about first: unread ones, and failures of a while ago.

        A venue that was dead when it was asked must not wait for its next payments; nor
        may it use up the requests of the hour in which it comes back.
        """
        newest = max(self.failed_at.values(), default=None)
        if newest is None or now - newest < AGAIN_AFTER:
            return self.unread()
        failed = [e.instrument for s, e in self.shown.items() if s in self.failed_at]
        return [*self.unread(), *sorted(failed, key=self._turn)]

    def fail(self, instrument: Instrument, now: datetime) -> None:
        """Note that an instrument's history could not be read."""
        self.asked_at[instrument.symbol] = now
        self.failed_at[instrument.symbol] = now

    def _turn(self, instrument: Instrument) -> tuple[bool, float, str]:
        asked = self.asked_at.get(instrument.symbol)
        when = 0.0 if asked is None else asked.timestamp()
        return asked is not None, when, instrument.symbol

    def settle(
        self, instrument: Instrument, rows: Sequence[SettledRate], now: datetime
    ) -> Outcome | None:
        """Take in what an instrument was paid; return what its due payment says.

        None when no payment was due, or the history does not show it yet.
        """
        symbol = instrument.symbol
        self.asked_at[symbol] = now
        self.failed_at.pop(symbol, None)
        paid = _per_hour(rows[-RECENT:])
        if paid:
            self.settled[symbol] = paid[-1]
        due = self.due.get(symbol)
        if due is None or due.pay_at is None:
            return None
        match = next((e for e in paid if abs(e.at - due.pay_at) <= SLACK), None)
        if match is None:
            return None
        del self.due[symbol]
        pair = Pair(due.per_hour, match.per_hour)
        spacing = self._other_spacing(symbol, due, rows)
        self.compared[symbol] = Compared(pair, due.at, now, due.pay_at, due.interval)
        return Outcome(of_one(pair), pair, spacing)

    def _other_spacing(
        self, symbol: str, due: Shown, rows: Sequence[SettledRate]
    ) -> timedelta | None:
        """Return how far apart payments really are, None if as the venue states.

        Only payments between two at which it stated the same interval are looked at:
        intervals change by themselves.
        """
        before = self.compared.get(symbol)
        if before is None or before.interval != due.interval or due.pay_at is None:
            return None
        since, until = before.pay_at - SLACK, due.pay_at + SLACK
        moments = [each.pay_at for each in rows if since <= each.pay_at <= until]
        gaps = {_whole_hours(later - one) for one, later in pairwise(moments)}
        wrong = gaps - {due.interval}
        return min(wrong) if wrong else None

    def payments(self, now: datetime, since: datetime | None) -> list[Pair]:
        """Return the pairs of the last round of payments.

        Args:
            now: the moment.
            since: what was shown before it does not count; None counts all.
        """
        return [
            each.pair
            for each in self.compared.values()
            if now - each.compared_at <= ROUND_LASTS
            and (since is None or each.shown_at >= since)
        ]


def _was_paid(before: Shown, after: FundingSnapshot) -> bool:
    """Tell whether a payment passed between two looks, the first close before it."""
    pay_at = before.pay_at
    return (
        pay_at is not None
        and before.at < pay_at <= after.observed_at
        and pay_at - before.at <= SHOWN_BEFORE
    )


def _per_hour(rows: Sequence[SettledRate]) -> list[Relied]:
    """Return what was paid per hour, oldest first: the spacing tells the hours."""
    found = []
    for before, each in pairwise(rows):
        gap = _whole_hours(each.pay_at - before.pay_at)
        if timedelta(0) < gap <= LONGEST_GAP:
            found.append(Relied(each.per_payment / hours_of(gap), each.pay_at))
    return found


def _whole_hours(gap: timedelta) -> timedelta:
    return timedelta(hours=round(gap / timedelta(hours=1)))
