from __future__ import annotations

from tests.generate import CARDS_PAGE, cards_page


def test_the_page_of_all_cards_is_what_the_code_shows() -> None:
    """A changed text must be seen in review; `python -m tests.generate` renews it."""
    assert CARDS_PAGE.read_text(encoding="utf-8") == cards_page()
