"""Telegram's HTML in, plain text and entities out, and back again.

Enforces every rule of the public formatting page (Bot API 10.0), also where the real
server is forgiving (it lets a bare ampersand and bold inside pre pass): what passes
here passes there. Offsets and lengths are UTF-16 code units, as on the wire.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn

from sandbox.telegram.refusals import refuse

MAX_ENTITIES = 100
_TAGS = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "span": "spoiler",
    "tg-spoiler": "spoiler",
    "code": "code",
    "pre": "pre",
    "a": "text_link",
    "tg-emoji": "custom_emoji",
    "tg-time": "date_time",
    "blockquote": "blockquote",
}
_VERBATIM = {"code", "pre"}
_STYLES = {"bold", "italic", "underline", "strikethrough", "spoiler"}
_QUOTES = {"blockquote", "expandable_blockquote"}
_PIECE = re.compile(r"<[^<>]*>|<|&(?:#\d+|#[xX][0-9a-fA-F]+|lt|gt|amp|quot);|&|[^<&]+")
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]*)((?:\s[^<>]*)?)>")
_ATTRIBUTE = re.compile(r"([a-zA-Z][a-zA-Z-]*)(?:\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s>]+))?")
_TIME_FORMAT = re.compile(r"r|w?[dD]?[tT]?")

Entity = dict[str, Any]


class Formatted(NamedTuple):
    """A text as people see it, and its formatting."""

    text: str
    entities: list[Entity]


def utf16_length(text: str) -> int:
    """Return the length as Telegram counts it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def utf16_slice(text: str, offset: int, length: int) -> str:
    """Return the part that an entity covers."""
    units = text.encode("utf-16-le", "surrogatepass")
    return units[2 * offset : 2 * (offset + length)].decode("utf-16-le", "replace")


@dataclass(slots=True)
class _Open:
    """A tag that waits for its end."""

    tag: str
    entity: Entity
    outer_pre: bool = False


@dataclass(slots=True)
class _Reading:
    """Where the parser stands."""

    parts: list[str] = field(default_factory=list)
    units: int = 0
    opened: list[_Open] = field(default_factory=list)
    entities: list[Entity] = field(default_factory=list)

    def add(self, text: str) -> None:
        self.parts.append(text)
        self.units += utf16_length(text)


def parse_html(source: str) -> Formatted:
    """Turn HTML into text and entities.

    Raises:
        Refused: 400 "can't parse entities", with the byte offset.
    """
    reading = _Reading()
    for match in _PIECE.finditer(source):
        piece = match.group()
        at = len(source[: match.start()].encode())
        if piece[0] == "<":
            _read_tag(piece, reading, at)
        elif piece == "&":
            _unparsable(f'Unescaped "&" at byte offset {at}')
        else:
            reading.add(html.unescape(piece) if piece[0] == "&" else piece)
    if reading.opened:
        tag = reading.opened[-1].tag
        _unparsable(f'Can\'t find end tag corresponding to start tag "{tag}"')
    return trim(Formatted("".join(reading.parts), reading.entities))


def _read_tag(piece: str, reading: _Reading, at: int) -> None:
    match = _TAG.fullmatch(piece)
    if match is None or match.group(2).lower() not in _TAGS:
        if piece == "<":
            _unparsable(f"Unclosed start tag at byte offset {at}")
        name = match.group(2).lower() if match else ""
        _unparsable(f'Unsupported start tag "{name}" at byte offset {at}')
    name = match.group(2).lower()
    if match.group(1):
        _close_tag(name, reading, at)
    else:
        _open_tag(name, match.group(3), reading, at)


def _open_tag(name: str, attributes_text: str, reading: _Reading, at: int) -> None:
    attributes = {
        key.lower(): html.unescape(value.strip("\"'"))
        for key, value in _ATTRIBUTE.findall(attributes_text)
    }
    entity: Entity = {"type": _TAGS[name], "offset": reading.units, "length": 0}
    entity |= _details(name, attributes, at)
    language = _language(name, attributes, reading)
    if language is not None:
        reading.opened[-1].entity["language"] = language
        reading.opened.append(_Open(name, entity, outer_pre=True))
        return
    _check_nesting(entity["type"], [one.entity["type"] for one in reading.opened], at)
    reading.opened.append(_Open(name, entity))


def _language(name: str, attributes: dict[str, str], reading: _Reading) -> str | None:
    """Return the language of `<pre><code class="language-x">`, else None."""
    inside = reading.opened[-1] if reading.opened else None
    marked = attributes.get("class", "")
    if name != "code" or inside is None or inside.tag != "pre":
        return None
    return marked.removeprefix("language-") if marked.startswith("language-") else None


def _details(name: str, attributes: dict[str, str], at: int) -> Entity:
    if name == "blockquote" and "expandable" in attributes:
        return {"type": "expandable_blockquote"}
    if name == "span" and attributes.get("class") != "tg-spoiler":
        words = f'Tag "span" must have class "tg-spoiler" at byte offset {at}'
        _unparsable(words)
    if name == "a":
        return {"url": attributes.get("href", "")}
    if name == "tg-emoji":
        return {"custom_emoji_id": attributes.get("emoji-id", "")}
    if name == "tg-time":
        return _time_details(attributes, at)
    return {}


def _time_details(attributes: dict[str, str], at: int) -> Entity:
    moment, form = attributes.get("unix", ""), attributes.get("format", "")
    if not re.fullmatch(r"\d{1,12}", moment):
        _unparsable(f'Tag "tg-time" has no valid "unix" at byte offset {at}')
    if not _TIME_FORMAT.fullmatch(form):
        _unparsable(f'Tag "tg-time" has a wrong format at byte offset {at}')
    details: Entity = {"unix_time": int(moment)}
    return details | ({"date_time_format": form} if form else {})


def _check_nesting(kind: str, outer: list[str], at: int) -> None:
    around = set(outer)
    others = around - _STYLES - _QUOTES
    wrong = (
        bool(around & _VERBATIM)
        or (kind in _VERBATIM and bool(around - _QUOTES))
        or (kind in _QUOTES and bool(around & _QUOTES))
        or (kind not in _STYLES | _QUOTES | _VERBATIM and bool(others))
    )
    if wrong:
        words = f'Entity "{kind}" can\'t be inside "{outer[-1]}" at byte offset {at}'
        _unparsable(words)


def _close_tag(name: str, reading: _Reading, at: int) -> None:
    if not reading.opened:
        _unparsable(f"Unexpected end tag at byte offset {at}")
    opened = reading.opened.pop()
    if opened.tag != name:
        _unparsable(
            f"Unmatched end tag at byte offset {at}, "
            f'expected "</{opened.tag}>", found "</{name}>"'
        )
    opened.entity["length"] = reading.units - opened.entity["offset"]
    if opened.entity["length"] and not opened.outer_pre:
        reading.entities.append(opened.entity)


def _unparsable(why: str) -> NoReturn:
    refuse(f"can't parse entities: {why}")


def trim(formatted: Formatted) -> Formatted:
    """Cut white space at both ends and entities above the limit, as Telegram does."""
    text, entities = formatted
    lead = utf16_length(text) - utf16_length(text.lstrip())
    text = text.strip()
    end = utf16_length(text)
    kept = []
    for entity in sorted(entities, key=lambda one: (one["offset"], -one["length"])):
        start = max(entity["offset"] - lead, 0)
        stop = min(entity["offset"] + entity["length"] - lead, end)
        if stop > start:
            kept.append(entity | {"offset": start, "length": stop - start})
    return Formatted(text, kept[:MAX_ENTITIES])


def to_html(text: str, entities: list[Entity]) -> str:
    """Return the HTML that says the same, in one canonical spelling."""
    units = text.encode("utf-16-le", "surrogatepass")
    written: list[str] = []
    waiting: list[tuple[int, str]] = []
    at = 0

    def write_to(position: int) -> None:
        nonlocal at
        piece = units[2 * at : 2 * position].decode("utf-16-le", "replace")
        written.append(html.escape(piece, quote=False))
        at = position

    for entity in sorted(entities, key=lambda one: (one["offset"], -one["length"])):
        while waiting and waiting[-1][0] <= entity["offset"]:
            write_to(waiting[-1][0])
            written.append(waiting.pop()[1])
        write_to(entity["offset"])
        start, end = _tags(entity)
        written.append(start)
        waiting.append((entity["offset"] + entity["length"], end))
    while waiting:
        write_to(waiting[-1][0])
        written.append(waiting.pop()[1])
    write_to(len(units) // 2)
    return "".join(written)


def _tags(entity: Entity) -> tuple[str, str]:
    kind = entity["type"]
    simple = {
        "bold": "b",
        "italic": "i",
        "underline": "u",
        "strikethrough": "s",
        "spoiler": "tg-spoiler",
        "code": "code",
        "pre": "pre",
        "blockquote": "blockquote",
    }
    if kind in simple:
        return f"<{simple[kind]}>", f"</{simple[kind]}>"
    if kind == "expandable_blockquote":
        return "<blockquote expandable>", "</blockquote>"
    if kind == "text_link":
        return f'<a href="{html.escape(entity["url"])}">', "</a>"
    if kind == "date_time":
        form = entity.get("date_time_format")
        extra = f' format="{form}"' if form else ""
        return f'<tg-time unix="{entity["unix_time"]}"{extra}>', "</tg-time>"
    return "", ""
