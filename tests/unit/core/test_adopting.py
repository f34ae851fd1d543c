from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from core.claims import Claims, Person
from core.errors import CannotAdoptError, NotYoursError, PlanUsedError
from core.execution.adopting import counterpart, harder_first
from core.model.alert import AlertKind
from core.model.plan import AdoptedLeg, AdoptPlan, PlanState
from core.model.position import ForeignPosition
from core.model.trade import Trade, TradeState, advance_trade
from core.model.units import Base, ChatId, LegSide, MessageId, UserId
from core.positions import value_trade
from tests.fakes.objects import BINANCE, HYPERLIQUID, LIGHTER, instrument
from tests.fakes.runtime import CountedIds
from tests.fakes.stage import Stage, rules_of

if TYPE_CHECKING:
    from core.claims import Quote
    from core.model.units import VenueId

ANNA, BERT = Person(UserId(1), ChatId(1)), Person(UserId(2), ChatId(2))
TTL = timedelta(seconds=45)
MESSAGE = MessageId(7)


def position(venue: VenueId, quantity: str) -> ForeignPosition:
    """Return somebody's SOL position."""
    symbol = instrument("SOL", venue).symbol
    return ForeignPosition(venue, symbol, "SOL", Decimal(quantity), Decimal(50))


def find(*found: ForeignPosition) -> VenueId:
    """Return the venue of the first position's counterpart."""
    listed = instrument("SOL", found[0].venue_id)
    pairs = [(each, instrument("SOL", each.venue_id)) for each in found]
    return counterpart(found[0], listed, pairs)[0].venue_id


def test_two_opposite_positions_of_one_size_are_a_pair() -> None:
    """Long 10 here and short 10 there is what the bot itself would hold."""
    long, short = position(BINANCE, "10"), position(HYPERLIQUID, "-10")

    assert find(long, short) == HYPERLIQUID
    assert find(short, long) == BINANCE


def test_of_several_the_one_of_equal_size_is_taken() -> None:
    """Lots are 0.1: 10.05 is equal to 10, and 9 is not."""
    found = position(BINANCE, "10"), position(LIGHTER, "-9")

    assert find(*found, position(HYPERLIQUID, "-10.05")) == HYPERLIQUID


@pytest.mark.parametrize(
    ("others", "says"),
    [
        ((), "stands alone"),
        (((HYPERLIQUID, "10"),), "stands alone"),
        (((BINANCE, "-10"),), "stands alone"),
        (((HYPERLIQUID, "-9.8"),), "hyperliquid holds 9.8"),
    ],
)
def test_what_is_not_hedged_cannot_be_adopted(
    others: tuple[tuple[VenueId, str], ...], says: str
) -> None:
    """A pair that begins unequal would sell somebody's position at once."""
    rest = [position(venue, quantity) for venue, quantity in others]

    with pytest.raises(CannotAdoptError, match=says):
        find(position(BINANCE, "10"), *rest)


def test_the_venue_that_answers_late_is_closed_first() -> None:
    """As in every other pair, the harder leg goes first."""
    long, short = (
        AdoptedLeg(
            instrument("SOL", venue),
            side,
            Decimal(10),
            Decimal(50),
            Decimal("0.0005"),
            Decimal(0),
        )
        for venue, side in ((BINANCE, LegSide.LONG), (HYPERLIQUID, LegSide.SHORT))
    )
    coarse = replace(
        short, instrument=replace(short.instrument, lot_base=Decimal("0.5"))
    )
    rules = rules_of(BINANCE)

    assert harder_first([(long, rules), (short, rules)]) == [long, short]
    assert harder_first([(long, rules), (coarse, rules)]) == [coarse, long]


class Office:
    """Claims over a stage whose venues hold 10 long and 10 short of somebody's."""

    def __init__(self) -> None:
        self.stage = Stage()
        self.stage.first.move_position(Decimal(10))
        self.stage.second.move_position(Decimal(-10))
        self.claims = Claims(
            plans=self.stage.journal,
            trades=self.stage.journal,
            halts=self.stage.journal,
            execution=self.stage.execution,
            clock=self.stage.clock,
            ids=CountedIds(),
        )
        first, second = (
            AdoptedLeg(
                venue.instrument,
                side,
                Decimal(10),
                Decimal(price),
                Decimal("0.0005"),
                Decimal(rate),
            )
            for venue, side, price, rate in (
                (self.stage.first, LegSide.LONG, "49", "-0.0001"),
                (self.stage.second, LegSide.SHORT, "51", "0.0001"),
            )
        )
        self.body = AdoptPlan(Base("SOL"), first, second, Decimal(3))

    async def issued(self, person: Person = ANNA) -> Quote:
        """Return a quote whose card is out."""
        quote = await self.claims.draft(self.body, person, TTL)
        await self.claims.issue(quote.plan_id, MESSAGE)
        return quote


async def test_an_adopted_pair_is_open_with_the_venues_entry_prices() -> None:
    """Its result must count from what was really paid: 2 apart times 10 is +$20."""
    office = Office()
    quote = await office.issued()

    trade = await office.stage.play(office.claims.confirm(quote.nonce, ANNA, MESSAGE))

    assert isinstance(trade, Trade)
    assert trade.state is TradeState.OPEN
    assert trade.residual_base == 0
    assert trade.spread_per_hour == Decimal("0.0002")
    docket = await office.stage.world.docket(trade.trade_id)
    assert docket is not None
    assert (docket.booked(1), docket.booked(2)) == (Decimal(10), Decimal(10))
    assert {each.evidence for each in docket.intents} == {"position"}
    fills = await office.stage.journal.fills_of(trade.trade_id)
    valued = value_trade(trade, fills, (), {}, office.stage.clock.now())
    assert valued.long.entry_price == Decimal(49)
    assert valued.short.entry_price == Decimal(51)
    assert valued.fees_usd == 0
    assert office.stage.first.submits == []


async def test_an_adopted_pair_is_watched_and_closed_like_any_other() -> None:
    """Adopting is worth something only if the bot can bring it home."""
    office = Office()
    quote = await office.issued()
    stage = office.stage
    trade = await stage.play(office.claims.confirm(quote.nonce, ANNA, MESSAGE))
    assert isinstance(trade, Trade)
    await stage.play(stage.reconciler.check_positions())
    watched = stage.journal.rows[trade.trade_id]
    assert (watched.state, watched.needs_attention) == (TradeState.OPEN, False)

    closing = replace(advance_trade(watched, "T19"), close_target_base=Decimal(0))
    stage.journal.rows[trade.trade_id] = closing
    await stage.play(stage.execution.drive(trade.trade_id))

    assert stage.journal.rows[trade.trade_id].state is TradeState.CLOSED
    assert stage.held == (Decimal(0), Decimal(0))
    (news,) = stage.alerts(AlertKind.CLOSED)
    assert Decimal(news.facts["price_usd"]) == Decimal("19.90")


async def test_a_position_that_changed_since_the_card_is_not_adopted() -> None:
    """The card said 10; half of it may be closed by now."""
    office = Office()
    quote = await office.issued()
    office.stage.second.move_position(Decimal(4))

    with pytest.raises(CannotAdoptError, match="has changed since the card"):
        await office.stage.play(office.claims.confirm(quote.nonce, ANNA, MESSAGE))

    assert office.stage.journal.rows == {}


async def test_two_cards_for_the_same_positions_make_one_pair() -> None:
    """Two owners, or one with two phones."""
    office = Office()
    mine, his = await office.issued(), await office.issued(BERT)
    await office.stage.play(office.claims.confirm(mine.nonce, ANNA, MESSAGE))

    with pytest.raises(Exception, match="already holds SOL"):
        await office.stage.play(office.claims.confirm(his.nonce, BERT, MESSAGE))
    with pytest.raises(PlanUsedError):
        await office.stage.play(office.claims.confirm(mine.nonce, ANNA, MESSAGE))
    with pytest.raises(NotYoursError):
        await office.stage.play(office.claims.confirm(his.nonce, ANNA, MESSAGE))

    assert len(office.stage.journal.rows) == 1
    states = [plan.state for plan in office.stage.journal.plans.values()]
    assert states.count(PlanState.USED) == 1
