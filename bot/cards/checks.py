"""Say what Telegram would refuse, cut or show badly in a card; empty means fine."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from bot.callbacks import MAX_BYTES
from bot.cards.numbers import MAX_CELLS, cells, fits_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.cards.card import Button, Card

MAX_TEXT = 4096
MAX_CAPTION = 1024
MAX_BUTTONS = 100
MAX_ROW = 8
MAX_LABEL = 20
MAX_ENTITIES = 99
"""Telegram drops what comes after the hundredth without a word."""
MAX_TOAST = 200
_TAGS = {"b", "i", "u", "s", "code", "pre", "blockquote", "tg-time", "a"}
_STRAY = re.compile(r"<(?![/a-z])|&(?!(?:lt|gt|amp|quot|#\d+|#x[0-9a-fA-F]+);)")


class _Reading(HTMLParser):
    """Collect the text, the tags and the monospace blocks."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.tables: list[str] = []
        self.tags = 0
        self.opened: list[str] = []
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        """Note a tag that opens."""
        del attrs
        self.tags += 1
        if tag not in _TAGS:
            self.faults.append(f"unknown tag {tag}")
        if {"pre", "code"} & set(self.opened):
            self.faults.append(f"{tag} inside a table")
        if tag == "pre":
            self.tables.append("")
        self.opened.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Note a tag that closes."""
        if not self.opened or self.opened.pop() != tag:
            self.faults.append(f"badly nested {tag}")

    def handle_data(self, data: str) -> None:
        """Note plain text."""
        self.text += data
        if "pre" in self.opened:
            self.tables[-1] += data


def utf16_length(text: str) -> int:
    """Return the length as Telegram counts it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def visible_text(html: str) -> str:
    """Return what a person reads, without tags."""
    reading = _Reading()
    reading.feed(html)
    reading.close()
    return reading.text


def check(card: Card) -> tuple[str, ...]:
    """Return one sentence per fault of a card."""
    limit = MAX_TEXT if card.attachment is None else MAX_CAPTION
    return (*_text_faults(card.html, limit), *_button_faults(card))


def _text_faults(html: str, limit: int) -> Iterator[str]:
    reading = _Reading()
    reading.feed(html)
    reading.close()
    yield from reading.faults
    if reading.opened:
        yield f"unclosed {reading.opened[-1]}"
    if _STRAY.search(html):
        yield "unescaped < or &"
    if not reading.text.strip():
        yield "empty text"
    if utf16_length(reading.text) > limit:
        yield f"{utf16_length(reading.text)} characters"
    if reading.tags > MAX_ENTITIES:
        yield f"{reading.tags} entities"
    for row in "\n".join(reading.tables).split("\n"):
        yield from _row_faults(row)


def _row_faults(row: str) -> Iterator[str]:
    if cells(row) > MAX_CELLS:
        yield f"table row of {cells(row)} cells: {row}"
    if not all(fits_table(one) for one in row):
        yield f"not for a monospace table: {row}"


def _button_faults(card: Card) -> Iterator[str]:
    buttons = [button for row in card.rows for button in row]
    if buttons and card.attachment is not None:
        yield "buttons under a file, which no tap can turn into another screen"
    if len(buttons) > MAX_BUTTONS:
        yield f"{len(buttons)} buttons"
    for row in card.rows:
        if not 0 < len(row) <= MAX_ROW:
            yield f"{len(row)} buttons in a row"
    for button in buttons:
        yield from _label_faults(button)


def _label_faults(button: Button) -> Iterator[str]:
    if not 0 < utf16_length(button.label) <= MAX_LABEL:
        yield f"label of {utf16_length(button.label)} characters: {button.label}"
    try:
        button.tap.encode()
    except ValueError:
        yield f"callback data over {MAX_BYTES} bytes: {button.label}"
