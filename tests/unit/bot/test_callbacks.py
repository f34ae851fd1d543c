from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.callbacks import MAX_BYTES, Tap, Verb, decode


def test_a_confirm_button_carries_its_nonce_and_nothing_else() -> None:
    """With a symbol or a price in it, a forged button could act on numbers."""
    tap = Tap(Verb.CONFIRM, "n" * 22)

    assert tap.encode() == "y:" + "n" * 22
    assert len(tap.encode().encode()) == MAX_BYTES


def test_data_over_24_bytes_is_never_made() -> None:
    """One longer button and Telegram refuses the whole message."""
    with pytest.raises(ValueError, match="longer than 24 bytes"):
        Tap(Verb.TOKEN, "id000001", "12345678901234").encode()


@given(
    verb=st.sampled_from(Verb),
    subject=st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=8, max_size=8),
    arg=st.from_regex(r"[A-Za-z0-9_.+-]{0,13}", fullmatch=True),
)
def test_a_button_says_what_was_put_on_it(verb: Verb, subject: str, arg: str) -> None:
    """What is drawn on the button must be what the tap does."""
    tap = Tap(verb, subject, arg)

    assert decode(tap.encode()) == tap


@pytest.mark.parametrize(
    "data",
    [
        "",
        "y",
        "y:",
        "1:id000001",
        "t:short",
        "t:id000001:",
        "t:id000001:a b",
        "y:é" * 9,
        "t:id000001:1:2",
        "T:id000001",
        "t:id000001\n",
        "t:../../etc/passwd",
    ],
)
def test_foreign_data_is_no_tap(data: str) -> None:
    """Anybody who knows the bot can send any bytes as a tap."""
    assert decode(data) is None


@given(st.text(max_size=64))
def test_no_text_can_break_the_reading_of_a_button(data: str) -> None:
    """A tap must never raise in the gate."""
    tap = decode(data)

    assert tap is None or tap.encode() == data
