"""Caps before anything is confirmed: what is offered, and what is asked about twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from core.claims import Claims, Person, Quote
from core.errors import CapError, PlanVoidError
from core.execution.caps import plan_over_caps
from core.model.plan import OpenPlan
from core.model.trade import Trade
from core.model.units import ChatId, MessageId, UserId
from tests.fakes.engine import open_plan, pair
from tests.fakes.runtime import CountedIds
from tests.fakes.stage import CAPS
from tests.unit.core.test_caps import stage_with

if TYPE_CHECKING:
    from core.limits import Caps

ANNA = Person(UserId(1), ChatId(1))
MESSAGE = MessageId(7)
TTL = timedelta(seconds=45)


def plan(size: str = "500") -> OpenPlan:
    """Return an offered entry of SOL."""
    return open_plan(pair("SOL"), Decimal(size))


@pytest.mark.parametrize(
    ("caps", "says"),
    [
        (replace(CAPS, max_token_usd=Decimal(999)), "SOL would be"),
        (replace(CAPS, max_total_usd=Decimal(999)), "all pairs would be"),
        (replace(CAPS, max_entries_per_hour=1), "1 pairs were entered"),
    ],
)
async def test_an_offer_that_no_cap_allows_is_not_made(caps: Caps, says: str) -> None:
    """500 are held and 500 more are asked for: the card must not promise them."""
    stage = stage_with(caps)

    refusal = await plan_over_caps(stage.world, plan())

    assert refusal is not None
    assert says in refusal.reason


async def test_an_offer_that_fits_is_made() -> None:
    """500 held, 500 new and the slip of the limit fit into 1002."""
    stage = stage_with(replace(CAPS, max_total_usd=Decimal(1002)))

    assert await plan_over_caps(stage.world, plan()) is None


@pytest.mark.parametrize(
    ("usd", "cap"), [("1000", None), ("1000.01", "2000"), ("1999", "2000")]
)
def test_more_than_half_of_the_smallest_cap_is_large(usd: str, cap: str | None) -> None:
    """The cap that binds first is the one to warn of."""
    caps = replace(CAPS, max_trade_usd=Decimal(5000), max_token_usd=Decimal(2000))

    found = caps.half_taken(Decimal(usd))

    assert found == (None if cap is None else Decimal(cap))


class Office:
    """Claims over a stage whose caps make an entry of 500 large, or not."""

    def __init__(self, cap: str) -> None:
        self.stage = stage_with(replace(CAPS, max_trade_usd=Decimal(cap)))
        self.claims = Claims(
            plans=self.stage.journal,
            trades=self.stage.journal,
            halts=self.stage.journal,
            execution=self.stage.execution,
            clock=self.stage.clock,
            ids=CountedIds(),
        )

    async def issued(self, quote: Quote) -> Quote:
        """Put a quote's card out."""
        await self.claims.issue(quote.plan_id, MESSAGE)
        return quote


async def test_a_large_entry_needs_a_second_tap_on_a_secret_of_its_own() -> None:
    """One slip of a thumb must not commit most of what the host allows."""
    office = Office("900")
    first = await office.issued(await office.claims.draft(plan(), ANNA, TTL))
    await office.stage.clock.advance(timedelta(seconds=20))

    again = await office.claims.confirm(first.nonce, ANNA, MESSAGE)

    assert isinstance(again, Quote)
    assert again.nonce != first.nonce
    assert again.expires_at == first.expires_at, "asking again makes nothing fresher"
    assert isinstance(again.body, OpenPlan)
    assert again.body.above_half_of_usd == Decimal(900)
    with pytest.raises(PlanVoidError):
        await office.claims.confirm(first.nonce, ANNA, MESSAGE)
    await office.issued(again)
    assert isinstance(await office.claims.confirm(again.nonce, ANNA, MESSAGE), Trade)
    await office.stage.nursery.cancel()


async def test_a_usual_entry_needs_one_tap() -> None:
    """500 of 1100 is less than half."""
    office = Office("1100")
    first = await office.issued(await office.claims.draft(plan(), ANNA, TTL))

    assert isinstance(await office.claims.confirm(first.nonce, ANNA, MESSAGE), Trade)
    await office.stage.nursery.cancel()


async def test_a_standing_word_never_makes_a_large_entry() -> None:
    """Nobody is there to be asked twice."""
    office = Office("900")
    quote = await office.claims.draft(plan(), ANNA, TTL)
    before = dict(office.stage.journal.rows)

    with pytest.raises(CapError, match="two taps"):
        await office.claims.take(quote, ANNA)

    assert office.stage.journal.rows == before
