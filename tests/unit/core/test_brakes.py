from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta
from decimal import Decimal

import pytest

from core.brakes import Brakes
from core.limits import FILE_KEY, LOSS_KEY, Limits
from core.model.alert import AlertKind
from core.model.control import TradingState
from core.model.ledger import LedgerEntry
from core.model.order import Fill
from core.model.trade import TradeState
from core.model.units import OrderSide
from tests.fakes.ledger import MemoryLedger
from tests.fakes.objects import BINANCE
from tests.fakes.stage import CAPS, Stage

SOL = "SOL/USDT:USDT"


class Host:
    """A host that may put a HALT file down, and a day's executions."""

    def __init__(self) -> None:
        self.stage = Stage()
        self.is_there = False
        self.ledger = MemoryLedger()
        self.brakes = Brakes(
            halts=self.stage.journal,
            ledger=self.ledger,
            clock=self.stage.clock,
            max_daily_loss_usd=Decimal(100),
            is_file_there=self._look,
        )

    async def _look(self) -> bool:
        return self.is_there

    def lose(self, usd: str, state: TradeState = TradeState.CLOSED) -> None:
        """Book a pair whose long leg was bought at 1000 and sold for less."""
        at = self.stage.clock.now()
        trade = replace(self.stage.confirmed(), state=state, closed_at=at)
        listed = trade.first.instrument
        fills = tuple(
            Fill(
                venue_id=listed.venue_id,
                venue_trade_id=side.value,
                symbol=listed.symbol,
                side=side,
                quantity_base=Decimal(1),
                price=price,
                fee_usd=Decimal(0),
                at=at,
                client_order_id=None,
            )
            for side, price in (
                (OrderSide.BUY, Decimal(1000)),
                (OrderSide.SELL, Decimal(1000) - Decimal(usd)),
            )
        )
        self.ledger = MemoryLedger(LedgerEntry(trade, fills, ()))
        self.brakes._ledger = self.ledger

    async def state(self) -> TradingState:
        """Return what may be sent now."""
        return await self.stage.world.limits.state(BINANCE, SOL)

    @property
    def told(self) -> list[AlertKind]:
        """Return the news of halts."""
        return [each.kind for each in self.stage.journal.alerts.values()]


@pytest.fixture
def host() -> Host:
    """Nothing is wrong."""
    return Host()


async def test_a_halt_file_stops_all_that_is_automatic_until_it_is_gone(
    host: Host,
) -> None:
    """Who cannot reach the chat must still be able to stop the bot."""
    host.is_there = True
    await host.brakes.check()
    await host.brakes.check()
    stopped = await host.state()
    for_close = await host.stage.world.limits.state(BINANCE, SOL, for_close=True)

    host.is_there = False
    await host.brakes.check()

    assert stopped is TradingState.HALTED
    assert for_close is TradingState.ACTIVE
    assert await host.state() is TradingState.ACTIVE
    assert host.told == [AlertKind.HALTED, AlertKind.HALT_OVER]


async def test_a_folder_that_cannot_be_read_neither_stops_nor_lets_go(
    host: Host,
) -> None:
    """Not knowing is no reason to go on."""
    host.is_there = True
    await host.brakes.check()

    async def unreadable() -> bool:
        raise OSError

    host.brakes._is_file_there = unreadable
    await host.brakes.check()

    assert (FILE_KEY in {key for _, key in host.stage.journal.halt_rows}) is True


async def test_a_day_that_lost_the_most_allowed_takes_no_more_entries(
    host: Host,
) -> None:
    """$100 is the most: at $99.99 entries go on, at $100 closing alone does."""
    host.lose("99.99")
    await host.brakes.check()
    before = await host.state()
    host.lose("100")
    await host.brakes.check()
    await host.brakes.check()

    assert before is TradingState.ACTIVE
    assert await host.state() is TradingState.REDUCING
    assert host.told == [AlertKind.HALTED]
    (halt,) = host.stage.journal.halt_rows.values()
    assert "come to -100.00 USD" in halt.reason
    midnight = host.stage.clock.now().astimezone(UTC).date() + timedelta(days=1)
    assert halt.until is not None
    assert (halt.until.date(), halt.until.hour) == (midnight, 0)


async def test_the_next_day_begins_anew(host: Host) -> None:
    """Yesterday's loss is not today's."""
    host.lose("150")
    await host.brakes.check()
    (halt,) = host.stage.journal.halt_rows.values()
    assert halt.until is not None

    await host.stage.clock.advance(halt.until - host.stage.clock.now())
    await host.brakes.check()

    assert await host.state() is TradingState.ACTIVE
    assert host.told == [AlertKind.HALTED, AlertKind.HALT_OVER]


async def test_a_pair_that_is_being_closed_has_not_lost_yet(host: Host) -> None:
    """The first leg is sold at a loss a second before the other one's gain."""
    host.lose("150", TradeState.CLOSE2)

    await host.brakes.check()

    assert LOSS_KEY not in {key for _, key in host.stage.journal.halt_rows}


async def test_an_entry_looks_at_the_brakes_first(host: Host) -> None:
    """Half a minute is long enough to open a pair that must not be."""
    host.is_there = True
    limits = Limits(
        halts=host.stage.journal,
        clock=host.stage.clock,
        caps=CAPS,
        before_entry=(host.brakes.check,),
    )

    refusal = await limits.entry_refusal(host.stage.confirmed(), ())

    assert refusal is not None
    assert "HALT" in refusal.reason
