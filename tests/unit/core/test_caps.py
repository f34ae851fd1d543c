from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from core.model.alert import AlertKind
from core.model.intent import Purpose
from core.model.trade import TradeState
from core.model.units import Base, TradeId
from tests.fakes.stage import CAPS, Stage
from tests.unit.core.test_intent import ORDER

if TYPE_CHECKING:
    from core.limits import Caps

TEN, FIFTY = Decimal(10), Decimal(50)


def stage_with(caps: Caps, *, base: str = "SOL", mark: Decimal | None = FIFTY) -> Stage:
    """Return a world that holds one pair of ten units, worth 500 per leg."""
    stage = Stage()
    stage.world.limits.caps = caps
    object.__setattr__(stage.world, "mark_price", lambda _: mark)
    trade = stage.confirmed()
    held = replace(
        trade,
        trade_id=TradeId("HELD"),
        base=Base(base),
        state=TradeState.OPEN,
        first=replace(trade.first, held_base=TEN),
        second=replace(trade.second, held_base=TEN),
        opened_at=trade.created_at,
        leg1_filled_at=trade.created_at,
    )
    stage.journal.rows[held.trade_id] = held
    return stage


async def refusal(stage: Stage) -> str | None:
    """Enter ten units at 50 and return why not, None if it was opened."""
    await stage.open()
    found = stage.alerts(AlertKind.NOT_OPENED)
    return found[0].facts["reason"] if found else None


@pytest.mark.parametrize(
    ("caps", "words"),
    [
        (replace(CAPS, max_token_usd=Decimal(999)), "SOL would be 100"),
        (replace(CAPS, max_venue_usd=Decimal(999)), "binance would hold 100"),
        (replace(CAPS, max_total_usd=Decimal(999)), "all pairs would be 100"),
        (replace(CAPS, max_entries_per_hour=1), "1 pairs were entered within an hour"),
    ],
)
async def test_each_cap_refuses_what_would_break_it(caps: Caps, words: str) -> None:
    """Ten at 50 are held and ten more come: 1000 and a slip are above 999."""
    stage = stage_with(caps)

    why = await refusal(stage)

    assert why is not None
    assert why.startswith(words)
    assert not stage.orders_made


@pytest.mark.parametrize(
    "caps",
    [
        replace(CAPS, max_token_usd=Decimal(1002)),
        replace(CAPS, max_venue_usd=Decimal(1002)),
        replace(CAPS, max_total_usd=Decimal(1002)),
    ],
)
async def test_what_just_fits_is_entered(caps: Caps) -> None:
    """A cap of 1002 leaves room for 500 held, 500 new and the slip of the limit."""
    stage = stage_with(caps)

    assert await refusal(stage) is None


async def test_another_token_does_not_count_for_a_tokens_cap() -> None:
    """The cap of one token is about that token."""
    stage = stage_with(replace(CAPS, max_token_usd=Decimal(999)), base="HYPE")

    assert await refusal(stage) is None


async def test_a_pair_that_cannot_be_valued_refuses_the_entry() -> None:
    """Unknown is not zero: the cap could be broken without anybody seeing it."""
    stage = stage_with(replace(CAPS, max_total_usd=Decimal(9999)), mark=None)

    assert await refusal(stage) == ("the value of the open SOL pair cannot be told now")


async def test_entries_of_more_than_an_hour_ago_do_not_count() -> None:
    """The cap is on haste, not on how much is held."""
    stage = stage_with(replace(CAPS, max_entries_per_hour=1))
    held = stage.journal.rows[TradeId("HELD")]
    long_ago = held.created_at - timedelta(hours=1)
    stage.journal.rows[held.trade_id] = replace(held, created_at=long_ago)

    assert await refusal(stage) is None


@pytest.mark.parametrize(
    ("purpose", "passes"), [(Purpose.ENTRY, False), (Purpose.CLOSE, True)]
)
async def test_the_gate_refuses_an_order_above_the_cap_whatever_led_to_it(
    purpose: Purpose, *, passes: bool
) -> None:
    """The last check before the wire trusts no earlier one; a close is never capped."""
    stage = Stage()
    worth = CAPS.max_trade_usd * Decimal("1.02")
    order = replace(
        ORDER,
        purpose=purpose,
        is_reduce_only=purpose.is_reduce_only,
        quantity_base=worth / ORDER.limit_price,
    )

    assert (await stage.world.limits.gate(order) is None) is passes
