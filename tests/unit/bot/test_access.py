from __future__ import annotations

from dataclasses import replace

import pytest

from bot.access import (
    Caller,
    Knock,
    Pace,
    People,
    Refusal,
    RefusalReason,
    Role,
    judge,
    may_command,
    may_tap,
)
from bot.callbacks import Verb

PEOPLE = People(owners=frozenset({1, 2}), viewers=frozenset({3}))
TYPED = Knock(
    kind="message", user_id=1, chat_id=1, chat_type="private", command="top", name="Ann"
)
TAPPED = Knock(
    kind="callback_query",
    user_id=1,
    chat_id=1,
    chat_type="private",
    verb=Verb.CONFIRM,
)


def _reason(knock: Knock) -> RefusalReason | None:
    verdict = judge(knock, PEOPLE, Pace(), 0.0)
    return verdict.reason if isinstance(verdict, Refusal) else None


def test_an_owner_in_his_private_chat_passes() -> None:
    """Everything else below is refused; this is the one that must work."""
    verdict = judge(TYPED, PEOPLE, Pace(), 0.0)

    assert isinstance(verdict, Caller)
    assert (verdict.user_id, verdict.chat_id, verdict.role) == (1, 1, Role.OWNER)
    assert verdict.name == "Ann"


@pytest.mark.parametrize(
    ("knock", "reason"),
    [
        (replace(TYPED, kind="edited_message"), RefusalReason.KIND),
        (replace(TYPED, kind="my_chat_member"), RefusalReason.KIND),
        (replace(TYPED, user_id=None), RefusalReason.SENDER),
        (replace(TYPED, is_bot=True), RefusalReason.SENDER),
        (replace(TYPED, is_indirect=True), RefusalReason.SENDER),
        (replace(TYPED, user_id=777000, chat_id=777000), RefusalReason.SENDER),
        (replace(TYPED, user_id=1087968824), RefusalReason.SENDER),
        (replace(TYPED, user_id=136817688), RefusalReason.SENDER),
        (replace(TYPED, chat_type="supergroup", chat_id=-5), RefusalReason.CHAT),
        (replace(TYPED, chat_id=2), RefusalReason.CHAT),
        (replace(TYPED, chat_id=None, chat_type=None), RefusalReason.CHAT),
        (replace(TAPPED, has_message=False), RefusalReason.CHAT),
        (replace(TYPED, user_id=99, chat_id=99), RefusalReason.STRANGER),
        (replace(TYPED, user_id=3, chat_id=3, command="open"), RefusalReason.VIEW_ONLY),
        (replace(TYPED, user_id=3, chat_id=3, command="nope"), RefusalReason.VIEW_ONLY),
        (replace(TAPPED, user_id=3, chat_id=3), RefusalReason.VIEW_ONLY),
        (replace(TAPPED, user_id=3, chat_id=3, verb=None), RefusalReason.VIEW_ONLY),
    ],
)
def test_the_gate_refuses(knock: Knock, reason: RefusalReason) -> None:
    """Each row is a way somebody else could get at the owner's money."""
    assert _reason(knock) is reason


@pytest.mark.parametrize(
    "knock",
    [
        replace(TYPED, user_id=99, chat_id=99),
        replace(TYPED, user_id=99, chat_type="group", chat_id=-7),
        replace(TAPPED, user_id=99, chat_id=99, has_message=False),
    ],
)
def test_a_stranger_hears_nothing_and_owners_may_be_told(knock: Knock) -> None:
    """An answer would tell a stranger that the bot is alive."""
    verdict = judge(knock, PEOPLE, Pace(), 0.0)

    assert isinstance(verdict, Refusal)
    assert verdict.is_stranger
    assert not verdict.is_answered


def test_an_owner_in_a_group_is_no_stranger() -> None:
    """Owners must not be reported to themselves for a message in a group."""
    verdict = judge(replace(TYPED, chat_type="group", chat_id=-7), PEOPLE, Pace(), 0.0)

    assert isinstance(verdict, Refusal)
    assert not verdict.is_stranger


def test_a_viewer_is_told_that_he_may_only_look() -> None:
    """Silence toward a known person would look like success."""
    verdict = judge(replace(TAPPED, user_id=3, chat_id=3), PEOPLE, Pace(), 0.0)

    assert isinstance(verdict, Refusal)
    assert verdict.is_answered


def test_nobody_is_let_in_without_owners() -> None:
    """A bot without owners must obey nobody."""
    verdict = judge(TYPED, People(owners=frozenset()), Pace(), 0.0)

    assert isinstance(verdict, Refusal)


def test_the_eleventh_command_in_a_minute_waits_six_seconds() -> None:
    """Ten commands a minute: one comes back every six seconds."""
    pace = Pace()

    passed = [isinstance(judge(TYPED, PEOPLE, pace, 0.0), Caller) for _ in range(10)]
    eleventh = judge(TYPED, PEOPLE, pace, 0.0)
    later = judge(TYPED, PEOPLE, pace, 6.0)

    assert all(passed)
    assert isinstance(eleventh, Refusal)
    assert (eleventh.reason, eleventh.wait_s) == (RefusalReason.TOO_FAST, 6)
    assert isinstance(later, Caller)


def test_the_fourth_confirm_in_a_minute_is_refused() -> None:
    """A thumb that hammers must not open four pairs."""
    pace = Pace()

    verdicts = [judge(TAPPED, PEOPLE, pace, 0.0) for _ in range(4)]

    assert [isinstance(one, Caller) for one in verdicts] == [True, True, True, False]


def test_one_persons_haste_slows_nobody_else() -> None:
    """A second owner must be able to act while the first hammers."""
    pace = Pace()
    for _ in range(30):
        judge(TYPED, PEOPLE, pace, 0.0)

    verdict = judge(replace(TYPED, user_id=2, chat_id=2), PEOPLE, pace, 0.0)

    assert isinstance(verdict, Caller)


def test_pause_is_never_too_fast() -> None:
    """Stopping must work however much was typed before."""
    pace = Pace()
    for _ in range(30):
        judge(TYPED, PEOPLE, pace, 0.0)

    verdict = judge(replace(TYPED, command="pause"), PEOPLE, pace, 0.0)

    assert isinstance(verdict, Caller)


def test_a_clock_that_steps_back_gives_nothing_away() -> None:
    """A jump of the clock must neither refill nor drain."""
    pace = Pace()
    for _ in range(10):
        judge(TYPED, PEOPLE, pace, 100.0)

    assert isinstance(judge(TYPED, PEOPLE, pace, 50.0), Refusal)


def test_anyone_known_may_halt_at_any_pace_but_only_owners_resume() -> None:
    """Whoever sees a fire may pull the brake; letting go is for who trades."""
    pace = Pace()
    for _ in range(11):
        judge(replace(TYPED, command="top"), PEOPLE, pace, 0.0)

    verdict = judge(replace(TYPED, command="halt"), PEOPLE, pace, 0.0)

    assert isinstance(verdict, Caller)
    assert may_command("halt", Role.VIEWER)
    assert not may_command("resume", Role.VIEWER)
    assert not may_tap(Verb.PAUSE, Role.VIEWER)


@pytest.mark.parametrize(
    "command", ["open", "close", "alerts", "pause", "resume", "anything"]
)
def test_commands_that_change_something_are_for_owners(command: str) -> None:
    """Deny by default: what is not listed for viewers is not for viewers."""
    assert may_command(command, Role.OWNER)
    assert not may_command(command, Role.VIEWER)


@pytest.mark.parametrize(
    "verb",
    [
        Verb.CONFIRM,
        Verb.CANCEL,
        Verb.OPEN,
        Verb.BEST,
        Verb.CLOSE,
        Verb.SIZE,
        Verb.REQUOTE,
        Verb.ALERTS,
        Verb.MUTE,
        Verb.PAUSE,
        Verb.RESUME,
        None,
    ],
)
def test_buttons_that_change_something_are_for_owners(verb: Verb | None) -> None:
    """A forged button of a viewer must lead nowhere."""
    assert may_tap(verb, Role.OWNER)
    assert not may_tap(verb, Role.VIEWER)


@pytest.mark.parametrize("arg", ["all", "full", "history", "sexits", "k0", "k12"])
def test_a_viewer_reads_settings(arg: str) -> None:
    """Who answers for the money of others wants to see by what rules it is traded."""
    assert may_tap(Verb.SET, Role.VIEWER, arg)


@pytest.mark.parametrize(
    "arg", ["", "ask", "reset", "yes", "no", "p0", "p12", "k", "kyes", "k1p0", "S1"]
)
def test_a_viewers_forged_change_of_a_setting_goes_no_further(arg: str) -> None:
    """The verb is the same: what it says more must be one of the looks."""
    tapped = replace(TAPPED, user_id=3, chat_id=3, verb=Verb.SET, arg=arg)

    verdict = judge(tapped, PEOPLE, Pace(), 0.0)

    assert isinstance(verdict, Refusal)
    assert verdict.reason is RefusalReason.VIEW_ONLY
