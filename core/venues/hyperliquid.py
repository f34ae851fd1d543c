"""Check that Hyperliquid's two lists pair: coins in one, their rates in the other.

A context list that is one short would give every later coin its neighbor's rate.
"""

from __future__ import annotations

from core.errors import TroubleKind, VenueError
from core.venues.client import Tolerant


class Hyperliquid(Tolerant):
    """ccxt's class, refusing lists that do not pair."""

    async def fetch(self, *args: object, **options: object) -> object:
        """Send one request; return its parsed answer.

        Raises:
            VenueError: coins and contexts are not equally many.
        """
        answer = await super().fetch(*args, **options)
        if isinstance(answer, list) and _is_torn(answer):
            detail = "coins and their rates are not equally many"
            raise VenueError(self.venue_id, TroubleKind.NONSENSE, detail)
        return answer


def _is_torn(answer: list[object]) -> bool:
    if not answer or not isinstance(answer[0], dict) or "universe" not in answer[0]:
        return False
    coins = answer[0]["universe"]
    contexts = answer[1] if len(answer) > 1 else None
    return (
        not isinstance(coins, list)
        or not isinstance(contexts, list)
        or len(coins) != len(contexts)
    )
