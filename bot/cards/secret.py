"""Tell what looks like a secret, and what is said to a person who typed one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bot.cards.card import Card
from bot.cards.layout import lines

if TYPE_CHECKING:
    from bot.cards.look import Look

_TOKEN = re.compile(r"\d{6,}:[A-Za-z0-9_-]{20,}")
_HEX = re.compile(r"(?:0x)?[0-9a-fA-F]{32,}")
_LONG = re.compile(r"[A-Za-z0-9+/_=-]{32,}")
_WORD = re.compile(r"[a-z]{3,8}")
_PHRASES = frozenset({12, 15, 18, 21, 24})
"""How many words a wallet's recovery phrase has."""


def looks_secret(typed: str) -> bool:
    """Tell whether a text holds a key, a token or a wallet's recovery phrase."""
    words = typed.split()
    if len(words) in _PHRASES and all(_WORD.fullmatch(word) for word in words):
        return True
    return any(_is_secret(word) for word in words)


def _is_secret(word: str) -> bool:
    if _TOKEN.search(word) or _HEX.search(word):
        return True
    found = _LONG.search(word)
    if found is None:
        return False
    kinds = (str.isdigit, str.islower, str.isupper)
    return all(any(kind(one) for one in found[0]) for kind in kinds)


def secret_card(look: Look, *, is_deleted: bool) -> Card:
    """Return what is said to a person who typed a secret into chat."""
    gone = (
        "I deleted your message and kept nothing of it."
        if is_deleted
        else "Delete your message: I could not."
    )
    return Card(
        html=lines(
            f"That looks like a key. Keys never belong into chat. · {look.badge}",
            gone,
            "Telegram may have stored it: make a new key at the venue, and put it into"
            " the .env of the host.",
        ),
        kind="secret",
    )
