"""Faults on demand: which method goes wrong, how, and how many times."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

KINDS = (
    "status_500",
    "html_502",
    "timeout_before",
    "timeout_after",
    "slow_body",
    "retry_after",
    "reset",
    "409",
    "401",
    "404",
)


@dataclass(slots=True)
class Fault:
    """One planned fault.

    `param` is seconds: the length of a silence or slow body, or what a 429 tells.
    """

    method: str
    kind: str
    times: int
    param: float | None = None


@dataclass(slots=True)
class Faults:
    """The plan, oldest first; each call uses up at most one fault."""

    plan: list[Fault] = field(default_factory=list)

    def add(
        self, method: str, kind: str, times: int = 1, param: float | None = None
    ) -> Fault:
        """Plan a fault for a method ("*" = any).

        Raises:
            ValueError: Unknown kind.
        """
        if kind not in KINDS:
            words = f"unknown fault {kind!r}; known: {', '.join(KINDS)}"
            raise ValueError(words)
        fault = Fault(method.lower(), kind, times, param)
        self.plan.append(fault)
        return fault

    def clear(self) -> None:
        """Let everything work again."""
        self.plan.clear()

    def take(self, method: str) -> Fault | None:
        """Return the fault for this call, None if it shall work."""
        for fault in self.plan:
            if fault.method in ("*", method.lower()) and fault.times > 0:
                fault.times -= 1
                self.plan = [one for one in self.plan if one.times > 0]
                return fault
        return None

    def listed(self) -> list[dict[str, Any]]:
        """Return what is still planned."""
        return [asdict(fault) for fault in self.plan]
