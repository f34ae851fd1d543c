"""One venue's units: pairs of rates in, its state and every change of it out.

A unit error takes one look to be believed: all instruments off by one factor. It ends
by one clean round of payments, or once everything shown has agreed with everything
paid for ten minutes.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from core.model.proof import Proof, ProofState, VenueProof
from core.proofs import words
from core.proofs.record import Record
from core.proofs.verdict import (
    ENOUGH,
    HOURS_OLD,
    LEAST_SETTLED,
    LEAST_TO_ACCUSE,
    MINUTES_OLD,
    Cause,
    is_shared,
    of_latest,
    of_payments,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from core.model.instrument import Instrument
    from core.model.units import VenueId
    from core.proofs.record import Outcome
    from core.proofs.verdict import Pair, Verdict

CLEAN_FOR = timedelta(minutes=10)
"""Doubts end once what is shown has been right for so long."""
MOST = 28
"""So many instruments are read where fewer do not agree."""
PAYMENTS_NEEDED = 3
"""One instrument is in quarantine after so many bad payments in a row."""


class Change(NamedTuple):
    """A state that began: of the venue, or of one instrument."""

    venue_id: VenueId
    instrument: Instrument | None
    before: Proof
    after: Proof
    cause: Cause


class Case:
    """What is known of one venue's units."""

    def __init__(self, venue_id: VenueId) -> None:
        self.record = Record()
        self.proof = VenueProof(venue_id)
        self.changes: list[Change] = []
        """Not told yet."""
        self._clean_since: datetime | None = None

    def recall(self, symbol: str | None, proof: Proof) -> None:
        """Take up a doubt from before the start."""
        if symbol is None:
            self.proof = replace(self.proof, venue=proof)
        else:
            self._doubt_one(symbol, proof)

    # --- the venue --------------------------------------------------------------------

    def judge(self, now: datetime, peers: Callable[[], Iterable[Pair]]) -> None:
        """Judge the venue by everything known.

        Args:
            now: the moment.
            peers: what it shows now with what other venues show for the same tokens;
                asked only before it is accused by rates that are older than a payment.
        """
        state = self.proof.venue.state
        since = self.proof.venue.since if state.is_doubted else None
        paid = self._enough(of_payments(self.record.payments(now, since)))
        shown = [each.per_hour for each in self.record.shown.values()]
        likeness = MINUTES_OLD if state is ProofState.PROVEN else HOURS_OLD
        latest = self._enough(of_latest(self.record.latest(now), shown, likeness))
        self._count_clean(latest, now)
        if _is_accusing(latest) and is_shared(peers()):
            latest = None
        accused = next((e for e in (paid, latest) if _is_accusing(e)), None)
        if accused is not None:
            self._quarantine(accused, now, is_by_payments=accused is paid)
        elif self._is_cleared(paid, latest, now):
            self._prove(paid or latest, now)
        elif paid is not None and paid.cause is Cause.NEAR:
            self._hold(paid, now)
        elif state is ProofState.UNPROVEN:
            self._wait(now)
        if self.proof.venue.state is ProofState.PROVEN:
            self.record.trust_shown()

    @property
    def needs_reading(self) -> bool:
        """Tell whether too few payments are known to judge the venue at all."""
        known = self.record.settled.values()
        telling = sum(abs(each.per_hour) >= LEAST_SETTLED for each in known)
        is_unclear = self.proof.venue.state is ProofState.UNPROVEN
        return telling < ENOUGH + LEAST_TO_ACCUSE or (is_unclear and telling < MOST)

    def _enough(self, verdict: Verdict | None) -> Verdict | None:
        """Return a verdict that rests on enough instruments, or on all there are."""
        if verdict is None or verdict.samples >= ENOUGH:
            return verdict
        is_small = len(self.record.shown) < 2 * ENOUGH
        return verdict if is_small and not self.record.unread() else None

    def _count_clean(self, latest: Verdict | None, now: datetime) -> None:
        if latest is None or latest.cause is not Cause.RIGHT:
            self._clean_since = None
        elif self._clean_since is None:
            self._clean_since = now

    def _is_cleared(
        self, paid: Verdict | None, latest: Verdict | None, now: datetime
    ) -> bool:
        if paid is not None and paid.cause is Cause.RIGHT:
            return True
        if paid is not None or latest is None or self._clean_since is None:
            return False
        if not self.proof.venue.state.is_doubted:
            return True
        return now - self._clean_since >= CLEAN_FOR

    def _quarantine(
        self, verdict: Verdict, now: datetime, *, is_by_payments: bool
    ) -> None:
        self._clean_since = None
        if is_by_payments:
            # what was shown is not to be relied on: it was shown before a bad payment
            self.record.trusted.clear()
        for symbol, before in self.proof.doubted.items():
            shown = self.record.shown.get(symbol)
            if shown is not None:
                self._changed(shown.instrument, before, Proof(), verdict.cause)
        self.proof = replace(self.proof, doubted={})
        self._set(ProofState.QUARANTINED, verdict, now)

    def _hold(self, verdict: Verdict, now: datetime) -> None:
        if self.proof.venue.state is not ProofState.QUARANTINED:
            self.record.trusted.clear()
            self._set(ProofState.HOLD, verdict, now)

    def _prove(self, verdict: Verdict | None, now: datetime) -> None:
        if verdict is None:
            return
        if self.proof.venue.state.is_doubted:
            self.record.compared.clear()
        self._set(ProofState.PROVEN, verdict, now)

    def _wait(self, now: datetime) -> None:
        compared = len(self.record.settled)
        self.proof = replace(
            self.proof,
            venue=Proof(
                since=self.proof.venue.since or now, reason=words.unproven(compared)
            ),
            compared=compared,
        )

    def _set(self, state: ProofState, verdict: Verdict, now: datetime) -> None:
        before = self.proof.venue
        after = Proof(
            state=state,
            since=before.since if before.state is state else now,
            reason="" if state is ProofState.PROVEN else words.of_venue(verdict),
            factor=verdict.factor,
            same_sign=verdict.same_sign,
            samples=verdict.samples,
        )
        self.proof = replace(
            self.proof, venue=after, proven=verdict.right, compared=verdict.samples
        )
        if before.state is not state:
            self._changed(None, before, after, verdict.cause)

    def _changed(
        self, instrument: Instrument | None, before: Proof, after: Proof, cause: Cause
    ) -> None:
        change = Change(self.proof.venue_id, instrument, before, after, cause)
        self.changes.append(change)

    # --- one instrument ---------------------------------------------------------------

    def hear(self, instrument: Instrument, outcome: Outcome, now: datetime) -> None:
        """Take in what a payment says of one instrument."""
        if self.proof.venue.state.is_doubted:
            return  # its instruments are judged once the venue is right again
        symbol = instrument.symbol
        before = self.proof.doubted.get(symbol, Proof(ProofState.PROVEN))
        cause = outcome.cause
        if cause in {Cause.RIGHT, None} and outcome.spacing is None:
            if cause is None or not before.state.is_doubted:
                return
            after = Proof(ProofState.PROVEN, since=now, samples=1)
        else:
            after = _worse(before, outcome, now)
        self._doubt_one(symbol, after)
        if before.state is not after.state:
            self._changed(instrument, before, after, cause or Cause.NEAR)

    def _doubt_one(self, symbol: str, proof: Proof) -> None:
        doubted = {key: e for key, e in self.proof.doubted.items() if key != symbol}
        if proof.state.is_doubted:
            doubted[symbol] = proof
        self.proof = replace(self.proof, doubted=doubted)


def _worse(before: Proof, outcome: Outcome, now: datetime) -> Proof:
    """Return an instrument's doubt after one more bad payment."""
    is_error = outcome.cause is not None and outcome.cause.is_unit_error
    in_a_row = before.samples + 1 if is_error and before.state.is_doubted else 1
    is_lasting = is_error and in_a_row >= PAYMENTS_NEEDED
    state = ProofState.QUARANTINED if is_lasting else ProofState.HOLD
    relied = outcome.pair.relied
    return Proof(
        state=state,
        since=before.since if before.state is state else now,
        reason=words.of_instrument(outcome, in_a_row),
        factor=abs(outcome.pair.shown / relied) if relied else None,
        samples=in_a_row,
    )


def _is_accusing(verdict: Verdict | None) -> bool:
    return (
        verdict is not None
        and verdict.cause.is_unit_error
        and verdict.samples >= LEAST_TO_ACCUSE
    )
