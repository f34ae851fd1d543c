"""A walk over one token's gates in, a card and lines for a terminal out.

Venues come first, then pairs; each says the first gate that refuses it, with its
numbers, and what would have to change. Both outputs are made of the same sentences.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING

from bot.callbacks import Verb
from bot.cards import numbers, trouble
from bot.cards.card import Card
from bot.cards.layout import grid, lines, page_buttons, rows_of, text
from bot.cards.reasons import ABSENT, Told, reason_of
from bot.cards.shown import ShownRow, pack_rows, pair_row
from core.model.opportunity import Skip
from core.model.units import hours_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bot.cards.card import Button
    from bot.cards.look import Look
    from core.model.instrument import LeftOut
    from core.model.opportunity import Opportunity
    from core.model.why import Explanation, PairVerdict, VenueVerdict

MAX_LINE = 280
MAX_PAGE = 3200
"""Characters of sentences on one page; marks and the foot come on top."""
SHOWN_PAIRS = 2
"""Pairs whose refusals are read without a tap: the best come first."""
MAX_OTHERS = 3
MAX_OPEN_BUTTONS = 4
_ENTRY_ASKED = "Books and free margin were asked just now; nothing was ordered."
_SCAN_ONLY = (
    "These are the scan's gates; free margin, caps, cool-downs and halts are the"
    " running bot's: /why in chat asks them too."
)


def why_card(explanation: Explanation, look: Look, page: int = 0) -> Card:
    """Return one page of a token's refusals."""
    pages = _pages(_sentences(explanation, look))
    page = min(max(page, 0), len(pages) - 1)
    html = lines(
        f"{text(headline(explanation, look))} · {look.badge}",
        _body(pages[page]),
        _foot(explanation, look, (page, len(pages))),
    )
    found = [each.pair for each in explanation.open_pairs][:MAX_OPEN_BUTTONS]
    rows = [*(pair_row(each) for each in found), ShownRow(base=explanation.base)]
    return Card(
        html=html,
        kind="why",
        card_id=look.card_id,
        rows=_buttons(found, explanation, look, (page, len(pages))),
        shown={
            "token": explanation.base,
            "page": str(page),
            "rows": pack_rows(rows),
        },
    )


def _body(sentences: Sequence[str]) -> str:
    """Return a page's sentences; the refusals of many pairs open on a tap."""
    begin = sentences.index("") + 1 if "" in sentences else len(sentences)
    passing = [at for at, each in enumerate(sentences) if each.startswith("✅")]
    end = max(begin + SHOWN_PAIRS, *(at + 1 for at in passing), 0)
    if len(sentences) - end < SHOWN_PAIRS:
        return text("\n".join(sentences))
    shown, rest = (text("\n".join(part)) for part in (sentences[:end], sentences[end:]))
    return f"{shown}\n<blockquote expandable>{rest}</blockquote>"


def plain_lines(explanation: Explanation, look: Look) -> tuple[str, ...]:
    """Return the same for a terminal."""
    said = headline(explanation, look), *_sentences(explanation, look)
    return (*said, *(part for part in (_asked(explanation),) if part))


def headline(explanation: Explanation, look: Look) -> str:
    """Return the answer: what can be opened, or why nothing can."""
    base, pairs = explanation.base, explanation.pairs
    found = explanation.open_pairs
    can = "can be opened now" if explanation.asks_entry else "passes every gate here"
    if len(found) == 1:
        spread = found[0].pair.spread_per_hour
        pays = numbers.rate(spread, look.rate_hours, is_signed=True)
        return f"✅ {base}: {_codes(found[0].pair, look)} {can}, {pays} gross"
    if found:
        can = can.replace("passes", "pass")
        return f"✅ {base}: {len(found)} of {len(pairs)} pairs {can}"
    if pairs:
        one = "its one pair" if len(pairs) == 1 else f"each of its {len(pairs)} pairs"
        return f"❌ {base}: {one} is refused"
    if explanation.token is not None:
        told = Told(explanation.token, explanation, look)
        return f"❌ {base}: {reason_of(told).what}"
    usable = sum(1 for each in explanation.venues if each.refusal is None)
    left = "no venue is usable" if not usable else "only one venue is usable"
    return f"❌ {base}: {left} now, a pair needs two"


def _sentences(explanation: Explanation, look: Look) -> list[str]:
    found: list[str] = []
    found += _rows(_venue_said(each, explanation, look) for each in explanation.venues)
    found += [
        f"Also on {look.title(each.venue_id)}: {_others(each.left_out)}."
        for each in explanation.venues
        if each.left_out
    ]
    if explanation.pairs:
        found.append("")
    found += _rows(_pair_said(each, explanation, look) for each in explanation.pairs)
    others = (Told(skip, explanation, look) for skip in explanation.others)
    found += _rows(_refused(told, "") for told in others)
    return [_cut(each) for each in found]


@dataclass(frozen=True, slots=True)
class _Said:
    """What is to be said of one venue or pair."""

    mark: str
    subject: str
    what: str
    then: str = ""


def _rows(all_said: Iterable[_Said]) -> list[str]:
    """Return the lines; what is true of several is said once, and so is the way out."""
    subjects: dict[_Said, list[str]] = {}
    for each in all_said:
        subjects.setdefault(replace(each, subject=""), []).append(each.subject)
    rows = []
    for then, group in groupby(subjects, key=lambda each: each.then):
        same = [_row(each, subjects[each]) for each in group]
        if len(same) == 1:
            rows.append(f"{same[0]} {then}".strip())
        else:
            rows += [*same, *([f"→ {then}"] if then else [])]
    return rows


def _row(said: _Said, subjects: Sequence[str]) -> str:
    named = ", ".join(each for each in subjects if each)
    return f"{said.mark} {named}: {said.what}" if named else f"{said.mark} {said.what}"


def _venue_said(venue: VenueVerdict, explanation: Explanation, look: Look) -> _Said:
    title = look.title(venue.venue_id)
    if venue.refusal is not None:
        return _refused(Told(venue.refusal, explanation, look, venue), title)
    snapshot = venue.snapshot
    if snapshot is None:
        return _Said("✅", title, "usable")
    rate = numbers.rate(snapshot.rate.per_hour, look.rate_hours, is_signed=True)
    volume = snapshot.volume_24h_usd
    day = "day volume unknown" if volume is None else f"${numbers.big(volume)} a day"
    return _Said("✅", title, f"{rate}, paid every {_hours(venue)} h, {day}")


def _hours(venue: VenueVerdict) -> str:
    rate = None if venue.snapshot is None else venue.snapshot.rate
    return numbers.hours_cell(rate)


def _others(left_out: Sequence[LeftOut]) -> str:
    named = [
        f"{each.native_name}: {ABSENT[each.reason]}" for each in left_out[:MAX_OTHERS]
    ]
    more = len(left_out) - len(named)
    named += [f"and {more} more"] if more > 0 else []
    return " · ".join(named)


def _pair_said(verdict: PairVerdict, explanation: Explanation, look: Look) -> _Said:
    codes, refusal = _codes(verdict.pair, look), verdict.refusal
    if refusal is None:
        brings = _brings(verdict.pair, look)
        return _Said("✅", codes, f"{brings}; nothing refuses it")
    if isinstance(refusal, Skip):
        return _refused(Told(refusal, explanation, look), codes)
    words = look.with_titles(trouble.in_a_line(refusal, look))
    return _Said("❌", codes, words)


def _brings(pair: Opportunity, look: Look) -> str:
    """Say what a pair pays, and what is left of it after the costs."""
    pays = numbers.rate(pair.spread_per_hour, look.rate_hours, is_signed=True)
    estimate = pair.estimate
    if estimate is None:
        why = look.with_titles(pair.unpriced or "")
        return f"{pays} gross" + (f", net unknown: {why}" if why else "")
    net = numbers.usd(estimate.net_usd, is_signed=True)
    hours = numbers.plain(hours_of(estimate.hold).normalize())
    size = numbers.whole_usd(estimate.size_usd)
    smooth = estimate.break_even.smooth
    even = "" if smooth is None else f", even after {numbers.duration_text(smooth)}"
    return f"{pays} gross, {net} net over {hours} h at {size}{even}"


def _refused(told: Told, subject: str) -> _Said:
    reason = reason_of(told)
    return _Said("❌", subject, f"{reason.what}.", reason.then)


def _codes(pair: Opportunity, look: Look) -> str:
    long, short = pair.long.instrument.venue_id, pair.short.instrument.venue_id
    return f"{look.code(long)}>{look.code(short)}"


def _cut(line: str) -> str:
    return line if len(line) <= MAX_LINE else line[: MAX_LINE - 1] + "…"


def _pages(sentences: Sequence[str]) -> list[list[str]]:
    """Return the sentences in pages that a message holds."""
    pages: list[list[str]] = [[]]
    room = MAX_PAGE
    for each in sentences:
        if len(each) > room and pages[-1]:
            pages.append([])
            room = MAX_PAGE
        pages[-1].append(each)
        room -= len(each) + 1
    return pages


def _foot(explanation: Explanation, look: Look, pages: tuple[int, int]) -> str:
    age = "no scan yet"
    if explanation.scanned_at is not None:
        passed = numbers.duration_text(look.now - explanation.scanned_at)
        age = f"rates {passed} old"
    page = f"page {pages[0] + 1}/{pages[1]} · " if pages[1] > 1 else ""
    asked = _asked(explanation)
    return page + " · ".join(part for part in (age, asked) if part)


def _asked(explanation: Explanation) -> str:
    """Say which gates were walked beyond the scan's, if it matters."""
    if not any(not isinstance(each.refusal, Skip) for each in explanation.pairs):
        return ""
    return _ENTRY_ASKED if explanation.asks_entry else _SCAN_ONLY


def _buttons(
    found: Sequence[Opportunity],
    explanation: Explanation,
    look: Look,
    pages: tuple[int, int],
) -> tuple[tuple[Button, ...], ...]:
    opens = [
        look.button(f"Open {_codes(each, look)}…", Verb.OPEN, str(index))
        for index, each in enumerate(found)
    ]
    name = numbers.cut(explanation.base)
    return rows_of(
        *(grid(opens, 2) if look.can_trade else ()),
        page_buttons(look, *pages),
        [
            look.button("🔄 Refresh", Verb.REFRESH),
            look.button(f"◀ {name}", Verb.TOKEN, str(len(found))),
            look.button("▦ Matrix", Verb.SCREEN, "matrix"),
        ],
    )
