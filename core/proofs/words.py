"""Verdicts in, plain words out, and states to and from what is stored. Pure."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from core.model.proof import Proof, ProofState
from core.model.units import hours_of
from core.proofs.verdict import ENOUGH, Cause

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.proofs.record import Outcome
    from core.proofs.verdict import Verdict

_MEANS = {
    Cause.EIGHT: "an 8-hour rate taken for an hourly one, or the reverse",
    Cause.TWO_ERRORS: "a daily rate, or two errors at once",
    Cause.HUNDRED: "percent taken for a fraction, or the reverse",
}


def of_venue(verdict: Verdict) -> str:
    """Return why a venue is doubted, without its name."""
    compared = f"{verdict.samples} tokens compared"
    if verdict.cause is Cause.SIGN:
        opposite = (1 - verdict.same_sign) * 100
        return (
            f"rates are of the opposite sign to what is paid on {opposite:.0f}%"
            f" of {compared}"
        )
    return f"rates are {_times(verdict.factor)} what is paid, {compared}" + (
        f": {_MEANS[verdict.cause]}" if verdict.cause in _MEANS else ""
    )


def of_instrument(outcome: Outcome, payments: int) -> str:
    """Return why one instrument is doubted after so many bad payments in a row."""
    pair = outcome.pair
    if outcome.spacing is not None:
        return f"pays every {hours_of(outcome.spacing):f} h, not as often as it states"
    shown, paid = (f"{each * 100:.5f}%" for each in (pair.shown, pair.relied))
    often = "" if payments <= 1 else f", {payments} payments in a row"
    return f"showed {shown} per hour and paid {paid}{often}"


def unproven(compared: int) -> str:
    """Return why a venue is not proven yet."""
    return (
        "its rates are being compared with what it paid:"
        f" {min(compared, ENOUGH)} of {ENOUGH} tokens so far"
    )


def _times(factor: Decimal) -> str:
    if 0 < factor < 1:
        return f"1/{1 / factor:.1f} of"
    return f"{factor:.1f} times"


# --- stored ---------------------------------------------------------------------------


def facts_of(proof: Proof) -> dict[str, str]:
    """Return what is stored of a doubt."""
    known = {
        "since": None if proof.since is None else proof.since.isoformat(),
        "factor": None if proof.factor is None else str(proof.factor),
        "same_sign": None if proof.same_sign is None else str(proof.same_sign),
    }
    return {
        "state": proof.state.value,
        "reason": proof.reason,
        "samples": str(proof.samples),
        **{key: value for key, value in known.items() if value is not None},
    }


def proof_of(facts: Mapping[str, str]) -> Proof:
    """Return the doubt that was stored."""
    since = facts.get("since")
    return Proof(
        state=ProofState(facts["state"]),
        since=None if since is None else datetime.fromisoformat(since),
        reason=facts["reason"],
        factor=_decimal(facts.get("factor")),
        same_sign=_decimal(facts.get("same_sign")),
        samples=int(facts["samples"]),
    )


def _decimal(stored: str | None) -> Decimal | None:
    return None if stored is None else Decimal(stored)
