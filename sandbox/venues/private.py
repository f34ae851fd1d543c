"""What the public part of a venue hands to the part that needs a key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sandbox.venues.desk import Desk
    from sandbox.venues.wire import Answer, Ask


class PrivateDialect(Protocol):
    """The part of a venue's interface that needs a key."""

    desk: Desk

    def knows(self, ask: Ask) -> bool:
        """Return whether this is one of its requests."""

    def answer(self, ask: Ask) -> Answer:
        """Answer it, errors in the venue's own form included."""

    def refusal(self, why: str) -> Answer:
        """Return the refusal of an order by its word, or by the venue's own code."""

    def purposes(self, ask: Ask) -> frozenset[str]:
        """Return what a request is for, e.g. `@order`; see `sandbox.faults`."""

    def client_id(self, ask: Ask) -> str | None:
        """Return the client order id that it names, if it names one."""
