from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from core.halting import impose, lift
from core.model.alert import AlertKind, AlertLevel
from core.model.control import Halt, TradingState
from core.model.units import VenueId
from tests.fakes.account import Answer, Reply
from tests.fakes.objects import BINANCE
from tests.fakes.stage import Stage

if TYPE_CHECKING:
    from core.model.alert import Alert


def told(stage: Stage) -> list[tuple[AlertKind, str]]:
    """Return what owners were told of halts: kind and key."""
    kinds = {AlertKind.HALTED, AlertKind.HALT_OVER}
    alerts: list[Alert] = list(stage.journal.alerts.values())
    return [(each.kind, each.facts["key"]) for each in alerts if each.kind in kinds]


async def refused(code: str) -> Stage:
    """Return a stage whose first order was refused with a code."""
    stage = Stage()
    stage.first.answers.append(Answer(Reply.REJECT, code=code))
    await stage.open()
    return stage


async def test_a_ban_is_told_once_with_its_end_and_again_when_it_is_over() -> None:
    """Two minutes without orders explain a refused entry only to who knows of them."""
    stage = await refused("banned")

    (halted,) = stage.alerts(AlertKind.HALTED)
    since = stage.journal.halt_rows["binance", "refused:banned"].since
    assert halted.facts["until"] == (since + timedelta(minutes=2)).isoformat()
    assert halted.facts["state"] == "halted"
    assert halted.chat_id is None
    await stage.play(stage.reconciler.check_positions())
    assert told(stage) == [(AlertKind.HALTED, "refused:banned")]
    await stage.clock.advance(timedelta(minutes=2))
    await stage.play(stage.reconciler.check_positions())
    await stage.play(stage.reconciler.check_positions())

    assert told(stage) == [
        (AlertKind.HALTED, "refused:banned"),
        (AlertKind.HALT_OVER, "refused:banned"),
    ]


async def test_a_refused_key_is_an_alarm() -> None:
    """Nothing can be closed there until a person acts."""
    stage = await refused("key")

    (halted,) = stage.alerts(AlertKind.HALTED)
    assert halted.level is AlertLevel.CRITICAL


async def test_ten_seconds_of_too_many_requests_are_no_news() -> None:
    """They come and go; a message for each would bury what matters."""
    stage = await refused("rate_limit")
    await stage.clock.advance(timedelta(seconds=11))
    await stage.play(stage.reconciler.check_positions())

    assert told(stage) == []
    assert stage.journal.halt_rows == {}


async def test_the_third_order_without_an_answer_is_told() -> None:
    """Entries on that venue stop for half an hour, and somebody wonders why."""
    stage = Stage()
    for _ in range(5):
        await stage.world.limits.note_unknown(BINANCE)

    assert told(stage) == [(AlertKind.HALTED, "trouble")]


async def test_a_halt_that_is_made_longer_is_no_news_and_keeps_its_beginning() -> None:
    """Every further refusal moves its end; one message is enough."""
    stage = Stage()
    now = stage.clock.now()
    halt = Halt(VenueId("binance"), "k", TradingState.HALTED, "why", now, until=now)
    later = Halt(
        VenueId("binance"),
        "k",
        TradingState.HALTED,
        "why",
        now + timedelta(minutes=1),
        until=now + timedelta(minutes=3),
    )

    assert await impose(stage.journal, halt)
    assert not await impose(stage.journal, later)

    (kept,) = stage.journal.halt_rows.values()
    assert (kept.since, kept.until) == (now, later.until)
    assert len(told(stage)) == 1


async def test_a_halt_that_is_gone_is_not_told_as_over() -> None:
    """Two watchers may find its end at once."""
    stage = Stage()
    now = stage.clock.now()
    halt = Halt(VenueId("binance"), "k", TradingState.HALTED, "why", now)
    await impose(stage.journal, halt)

    assert await lift(stage.journal, halt, now)
    assert not await lift(stage.journal, halt, now)

    assert len(told(stage)) == 2
