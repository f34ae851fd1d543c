"""Telegram's HTML: what it means, and what is refused."""

from __future__ import annotations

import pytest

from sandbox.telegram.entities import (
    parse_html,
    to_html,
    utf16_length,
    utf16_slice,
)
from sandbox.telegram.lint import cells
from sandbox.telegram.refusals import Refused


def test_offsets_count_utf16_units_not_characters() -> None:
    """A rocket is two units; counting characters would shift every later entity."""
    text, entities = parse_html("🚀 <b>HYPE</b>")

    assert text == "🚀 HYPE"
    assert entities == [{"type": "bold", "offset": 3, "length": 4}]
    assert utf16_length(text) == 7
    assert utf16_slice(text, 3, 4) == "HYPE"


@pytest.mark.parametrize(
    ("source", "text", "kinds"),
    [
        ("<b><i>a</i></b>", "a", ["italic", "bold"]),
        ("<u>a</u><s>b</s>", "ab", ["underline", "strikethrough"]),
        ("<tg-spoiler>a</tg-spoiler>", "a", ["spoiler"]),
        ('<span class="tg-spoiler">a</span>', "a", ["spoiler"]),
        ("<code>a</code>", "a", ["code"]),
        ("<pre>a\nb</pre>", "a\nb", ["pre"]),
        ("<blockquote><b>a</b></blockquote>", "a", ["bold", "blockquote"]),
        ("<blockquote expandable>a</blockquote>", "a", ["expandable_blockquote"]),
        ("a &lt; b &amp; c &gt; d &quot;e&quot; &#39;", 'a < b & c > d "e" \'', []),
        ("a > b", "a > b", []),
        ("<B>a</B>", "a", ["bold"]),
        ("  <b> a </b>\n", "a", ["bold"]),
        ("<b></b>a", "a", []),
    ],
)
def test_documented_formatting_is_understood(
    source: str, text: str, kinds: list[str]
) -> None:
    """What cards may use must arrive as the formatting it asks for."""
    formatted = parse_html(source)

    assert formatted.text == text
    assert [one["type"] for one in formatted.entities] in (kinds, kinds[::-1])


def test_a_time_carries_its_moment_and_format() -> None:
    """The client shows local time from these two, whatever the fallback text says."""
    text, entities = parse_html(
        '<tg-time unix="1790000000" format="wDT">noon</tg-time>'
    )

    assert text == "noon"
    assert entities == [
        {
            "type": "date_time",
            "offset": 0,
            "length": 4,
            "unix_time": 1790000000,
            "date_time_format": "wDT",
        }
    ]


def test_a_code_block_with_a_language_is_one_entity() -> None:
    """Telegram folds the pair pre and code into one entity with a language."""
    _text, entities = parse_html('<pre><code class="language-json">{}</code></pre>')

    assert entities == [{"type": "pre", "offset": 0, "length": 2, "language": "json"}]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("<b>a", 'Can\'t find end tag corresponding to start tag "b"'),
        ("<b>a</i>", 'expected "</b>", found "</i>"'),
        ("<b><i>a</b></i>", 'expected "</i>", found "</b>"'),
        ("a</b>", "Unexpected end tag at byte offset 1"),
        ("<blink>a</blink>", 'Unsupported start tag "blink" at byte offset 0'),
        ("é 1 < 2", "Unclosed start tag at byte offset 5"),
        ("<1>", 'Unsupported start tag "" at byte offset 0'),
        ("a & b", 'Unescaped "&" at byte offset 2'),
        ("a &nbsp; b", 'Unescaped "&" at byte offset 2'),
        ("<span>a</span>", 'Tag "span" must have class "tg-spoiler"'),
        (
            "<pre><tg-time unix='1'>a</tg-time></pre>",
            '"date_time" can\'t be inside "pre"',
        ),
        (
            "<code><tg-time unix='1'>a</tg-time></code>",
            '"date_time" can\'t be inside "code"',
        ),
        ("<pre><b>a</b></pre>", '"bold" can\'t be inside "pre"'),
        ("<b><code>a</code></b>", '"code" can\'t be inside "bold"'),
        (
            "<blockquote><blockquote>a</blockquote></blockquote>",
            '"blockquote" can\'t be inside "blockquote"',
        ),
        ("<tg-time unix='soon'>a</tg-time>", 'no valid "unix"'),
        ("<tg-time unix='1' format='rt'>a</tg-time>", "wrong format"),
    ],
)
def test_malformed_html_is_refused_with_the_place(source: str, words: str) -> None:
    """A card that Telegram would refuse must fail here, not at a person's phone."""
    with pytest.raises(Refused) as refused:
        parse_html(source)

    assert refused.value.code == 400
    assert refused.value.description.startswith("Bad Request: can't parse entities: ")
    assert words in refused.value.description


def test_entities_above_a_hundred_are_dropped_silently() -> None:
    """One code tag per table cell loses formatting without any error."""
    formatted = parse_html("<b>x</b> " * 101)

    assert len(formatted.entities) == 100
    assert formatted.text == ("x " * 101).strip()


@pytest.mark.parametrize(
    "source",
    [
        "<b>Best</b>: HYPE &lt; 1 &amp; more\n<pre>#  TOKEN\n1  币安人生</pre>after",
        "<b>a<i>b</i></b>c",
        "<blockquote expandable>x <b>y</b></blockquote>",
        '<a href="https://x.test/?a=1&amp;b=2">x</a>',
        '<tg-time unix="1790000000" format="r">now</tg-time>',
        "🚀<tg-spoiler>🚀</tg-spoiler>",
    ],
)
def test_formatting_survives_the_way_back_to_html(source: str) -> None:
    """Snapshots of cards are written from entities and must say what was sent."""
    assert to_html(*parse_html(source)) == source


@pytest.mark.parametrize(
    ("row", "width"),
    [("HYPE  BB>HL", 11), ("币安人生", 8), ("e\u0301", 1), ("🚀", 2)],
)
def test_width_counts_a_chinese_character_twice(row: str, width: int) -> None:
    """A table that is 33 characters but 37 cells wide wraps on a phone."""
    assert cells(row) == width
