"""How fast a bot may write, with time moved by hand."""

from __future__ import annotations

import pytest

from sandbox.telegram.flood import FloodControl
from sandbox.telegram.refusals import Refused

ANNA, GROUP = 1001, -4001


class Stopwatch:
    """Real seconds that only move when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Return the seconds so far."""
        return self.now


def allowed(flood: FloodControl, chat_id: int, tries: int) -> int:
    """Return how many of that many messages at once pass."""
    passed = 0
    for _ in range(tries):
        try:
            flood.count(chat_id)
        except Refused:
            continue
        passed += 1
    return passed


def test_a_chat_takes_three_at_once_and_then_one_a_second() -> None:
    """The sustained rate is what counts, a short burst is forgiven."""
    watch = Stopwatch()
    flood = FloodControl(watch)

    burst = allowed(flood, ANNA, 10)
    watch.now += 1
    later = allowed(flood, ANNA, 10)
    watch.now += 60
    rested = allowed(flood, ANNA, 10)

    assert (burst, later, rested) == (3, 1, 3)


def test_a_refused_message_costs_nothing() -> None:
    """A bot that waits as told gets through; retrying too early does not punish it."""
    watch = Stopwatch()
    flood = FloodControl(watch)
    allowed(flood, ANNA, 50)

    with pytest.raises(Refused) as refused:
        flood.count(ANNA)
    watch.now += 1
    flood.count(ANNA)

    assert refused.value.parameters == {"retry_after": 1}


def test_one_slow_chat_does_not_hold_up_another() -> None:
    """The limit is per chat, so an outbox must not stop for all."""
    flood = FloodControl(Stopwatch())

    assert allowed(flood, ANNA, 10) == 3
    assert allowed(flood, ANNA + 1, 10) == 3


def test_thirty_a_second_over_all_chats() -> None:
    """Twenty chats with a burst of three each would be sixty."""
    watch = Stopwatch()
    flood = FloodControl(watch)

    first = sum(allowed(flood, ANNA + n, 3) for n in range(20))
    watch.now += 0.5
    later = sum(allowed(flood, ANNA + 100 + n, 3) for n in range(20))

    assert (first, later) == (30, 15)


def test_a_group_takes_twenty_a_minute() -> None:
    """Message 21 waits until the first one is a minute old."""
    watch = Stopwatch()
    flood = FloodControl(watch)
    for _ in range(20):
        flood.count(GROUP)
        watch.now += 1

    with pytest.raises(Refused) as refused:
        flood.count(GROUP)
    watch.now += 40
    flood.count(GROUP)

    assert refused.value.parameters == {"retry_after": 40}


def test_edits_count_apart_from_messages() -> None:
    """A page turned five times quickly passes, the sixth edit waits."""
    flood = FloodControl(Stopwatch())

    for _ in range(5):
        flood.count(ANNA, is_edit=True)
    with pytest.raises(Refused):
        flood.count(ANNA, is_edit=True)

    assert allowed(flood, ANNA, 3) == 3
