"""Four wandering venues, the proofs over them, and time that passes by minutes."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING

from core.proofs import Proofs
from tests.fakes.memory import FakeAlertMemory, FakePutbox
from tests.fakes.objects import ALL_VENUES
from tests.fakes.payers import FIRST, Mood, Payer
from tests.fakes.runtime import InstantClock

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from core.model.proof import ProofState
    from core.model.units import Base, VenueId

MINUTE = timedelta(minutes=1)
BEGIN = FIRST + timedelta(hours=9, minutes=31)
LOOKS = (4, 58)
"""Minutes of the hour at which a long story looks: before and after payments."""


class ProofWorld:
    """Venues that pay what is true, and what the bot thinks of their units."""

    def __init__(
        self,
        *,
        venues: tuple[VenueId, ...] = ALL_VENUES,
        tokens: int = 16,
        seed: int = 7,
        begin: datetime = BEGIN,
        crash_hours: frozenset[int] = frozenset(),
    ) -> None:
        self.clock = InstantClock(begin)
        mood = Mood(random.Random(seed), crash_hours)
        self.payers = {
            each: Payer(each, self.clock, tokens=tokens, seed=seed, mood=mood)
            for each in venues
        }
        self.memory = FakeAlertMemory()
        self.outbox = FakePutbox()
        self.restart()

    def restart(self, concerns: Callable[[Base], bool] = lambda _: True) -> None:
        """Begin anew with what is stored."""
        self.proofs = Proofs(
            sources=self.payers,
            clock=self.clock,
            requests_per_hour=60,
            memory=self.memory,
            outbox=self.outbox,  # type: ignore[arg-type]  # only `put` is used
            concerns=concerns,
        )

    async def look(self) -> None:
        """Scan and check as the bot does each minute."""
        shown = [one for payer in self.payers.values() for one in payer.shown()]
        self.proofs.observe(shown)
        await self.proofs.check()

    async def minutes(self, count: int) -> None:
        """Look once a minute."""
        for _ in range(count):
            await self.clock.sleep(MINUTE)
            await self.look()

    async def hours(self, count: int) -> None:
        """Look a few times an hour, so that long stories stay short."""
        full = self.clock.now().replace(minute=0, second=0, microsecond=0)
        for hour in range(count):
            for minute in LOOKS:
                moment = full + timedelta(hours=hour + 1, minutes=minute)
                await self.clock.sleep(moment - self.clock.now())
                await self.look()

    def state(self, venue: VenueId) -> ProofState:
        """Return what is thought of a venue."""
        return self.proofs.of(venue).venue.state

    def states(self) -> set[ProofState]:
        """Return what is thought of all venues."""
        return {self.state(each) for each in self.payers}

    def told(self) -> list[str]:
        """Return the kinds of messages so far."""
        return [each.kind.value for each in self.outbox.alerts]
