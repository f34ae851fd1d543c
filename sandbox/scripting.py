"""Faults that change what a venue does to an order: a fault in, a treated desk out.

reject        param: a word of the venue's code table, or a code of its own;
                  for orders `margin` if nothing is given, reads and settings too
reject_later  accepted by the reply, refused afterwards; param: the reason
late          arrives after `param` seconds of pretend time; the reply never comes.
              param may be {"after_s", "ignore_expiry", "reply": kind of fault}
partial       the book gives this share of the quantity; above 1 too much is filled
zero          the book gives nothing
              param of both may be {"share", "reply": kind of fault}
rest          an IOC stays in the book
drop          accepted by the reply and never seen again
lag           this one read is `param` seconds old
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from sandbox.venues.desk import Late
from sandbox.venues.wishes import Script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox.faults import Fault
    from sandbox.venues.desk import Desk

_TOLD_AS_IT_IS: Final = frozenset({
    "reject", "reject_after", "reject_later", "partial", "zero", "rest", "drop", "lag",
})  # fmt: skip
"""Kinds after which the venue's own reply goes out."""
_USUAL_DELAY_S: Final = 5


def _script_of(fault: Fault) -> Script:
    param: Any = fault.param
    if fault.kind == "reject":
        return Script(refuse="margin" if param is None else str(param))
    if fault.kind == "reject_later":
        return Script(refuse_later="margin" if param is None else str(param))
    if fault.kind == "partial":
        share = param.get("share") if isinstance(param, dict) else param
        return Script(share=Decimal(str(share or "0.5")))
    if fault.kind == "zero":
        return Script(share=Decimal(0))
    return Script(rests=fault.kind == "rest", vanishes=fault.kind == "drop")


@contextmanager
def scripted(desk: Desk, fault: Fault) -> Iterator[None]:
    """Treat the desk's next request as the fault says, then as ever."""
    if fault.kind == "lag":
        desk.read_lag_ms = int(float(fault.param or _USUAL_DELAY_S) * 1000)
    desk.settle()
    desk.script = _script_of(fault)
    try:
        yield
    finally:
        desk.script = Script()
        desk.read_lag_ms = 0


def arrive_late(desk: Desk, fault: Fault, run: Callable[[], object]) -> None:
    """Let a request reach the venue in the future."""
    words: dict[str, Any] = (
        fault.param if isinstance(fault.param, dict) else {"after_s": fault.param}
    )
    delay_ms = int(float(words.get("after_s") or _USUAL_DELAY_S) * 1000)
    script = Script(ignores_expiry=words.get("ignore_expiry") is True)
    desk.late.append(Late(desk.world.clock.now_ms() + delay_ms, run, script))


def left_for_reply(fault: Fault | None) -> Fault | None:
    """Return what still goes wrong with the reply, None if it goes out as it is."""
    if fault is None:
        return None
    words = fault.param if isinstance(fault.param, dict) else {}
    if fault.kind in _TOLD_AS_IT_IS and "reply" not in words:
        return None
    if fault.kind != "late" and "reply" not in words:
        return fault
    return replace(fault, kind=str(words.get("reply", "timeout")), param=None)
