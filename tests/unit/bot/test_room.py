"""A pair that its venues' free margin does not carry: marked, and offered smaller."""

from __future__ import annotations

from decimal import Decimal

import pytest

from core.errors import MarginError
from core.model.room import Room
from tests.fakes.chat import Chat
from tests.fakes.engine import lists_of, pair, scan_of
from tests.fakes.objects import LIGHTER
from tests.fakes.runtime import START

TIGHT = Room(
    size_usd=Decimal(500),
    most_usd=Decimal(247),
    least_usd=Decimal(20),
    venue_id=LIGHTER,
    free_usd=Decimal(100),
    needed_usd=Decimal("200.30"),
    read_at=START,
)
NOTHING = Room(
    size_usd=Decimal(500),
    most_usd=Decimal(2),
    least_usd=Decimal(20),
    venue_id=LIGHTER,
    free_usd=Decimal("0.9"),
    needed_usd=Decimal("200.30"),
    read_at=START,
)
PLENTY = Room(
    size_usd=Decimal(500),
    most_usd=Decimal(9000),
    least_usd=Decimal(20),
    venue_id=LIGHTER,
    free_usd=Decimal(4000),
    needed_usd=Decimal("200.30"),
    read_at=START,
)


@pytest.fixture
def chat() -> Chat:
    """Three pairs: one fits, one fits in part, one not at all."""
    chat = Chat()
    result = scan_of(pair("HYPE"), pair("SUI"), pair("APT"))
    chat.engine.result, chat.engine.lists = result, lists_of(result)
    chat.engine.rooms = {"HYPE": PLENTY, "SUI": TIGHT, "APT": NOTHING}
    return chat


async def test_the_ranking_marks_what_does_not_fit(chat: Chat) -> None:
    """Who sees a pair at $500 must learn there that $247 is all that fits."""
    card = await chat.type("/top")

    rows = [line for line in card.text.splitlines() if line[:1] in {"1", "2", "3"}]
    assert [row.split()[0] for row in rows] == ["1", "2$", "3$"]
    assert (
        "$ = too little free: 2 SUI up to $247, Lighter has $100.00 free,"
        " $200.30 needed; 3 APT not at all, $20.00 is the least, Lighter has $0.90"
        " free, $200.30 needed" in card.text
    )


async def test_an_entry_button_offers_the_largest_size_that_fits(chat: Chat) -> None:
    """One tap leads to a quote that can be confirmed."""
    card = await chat.type("/open")
    quoted = await chat.tap(card, "2 SUI $247")

    (stored,) = chat.engine.quotes.values()
    assert stored.quote.body.size_usd == Decimal(247)  # type: ignore[union-attr]
    assert "SUI" in quoted.first_line
    assert not [label for label in card.labels if "APT" in label]


async def test_a_tokens_card_says_why_it_has_no_button(chat: Chat) -> None:
    """A missing button without a reason looks broken."""
    tight, nothing = await chat.type("/matrix SUI"), await chat.type("/matrix APT")

    assert "Open BN>HL $247…" in tight.labels
    assert "BN>HL up to $247 of $500: Lighter has $100.00 free" in tight.text
    assert not [each for each in nothing.labels if each.startswith("Open")]
    assert (
        "BN>HL not at all, $20.00 is the least: Lighter has $0.90 free" in nothing.text
    )


async def test_what_is_not_known_changes_nothing(chat: Chat) -> None:
    """Before the first answer of an account every pair looks as it always did."""
    chat.engine.rooms = {}

    card = await chat.type("/top")

    assert "too little free" not in card.text
    assert "Open BN>HL…" in (await chat.type("/matrix SUI")).labels


async def test_a_refused_quote_names_the_size_that_fits(chat: Chat) -> None:
    """The money may have gone meanwhile: the refusal says how far it reaches."""
    chat.engine.refuses = MarginError(
        "lighter", Decimal(100), Decimal("200.3"), Decimal(247)
    )

    card = await chat.type("/open HYPE")

    assert "Up to $247 fits there: /open TOKEN USD." in card.text
