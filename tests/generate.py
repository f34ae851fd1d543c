"""Write the generated pages of docs: `python -m tests.generate`.

`docs/cards.html` shows every card as chat shows it, from a scripted market; a test
holds the file equal to what this module makes: a changed text is seen in review.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from bot.cards.alert import alert_card
from bot.cards.card import Reply
from core import errors
from core.model.alert import Alert, AlertKind, AlertLevel
from core.model.control import Event
from core.model.opportunity import Skip, SkipReason
from core.model.trade import TradeState
from core.model.units import Base
from tests.fakes.alerts import ALERT_FACTS, UGLY
from tests.fakes.chat import ANNA, Chat
from tests.fakes.engine import estimate_of, lists_of, pair, scan_of
from tests.fakes.history import WEEK
from tests.fakes.objects import EXTENDED, HYPERLIQUID, LIGHTER
from tests.fakes.runtime import START

if TYPE_CHECKING:
    from bot.cards.card import Button, Card

CARDS_PAGE = Path(__file__).parent.parent / "docs" / "cards.html"
_COMMANDS = (
    "/start",
    "/help",
    "/top",
    "/top steady",
    "/matrix",
    "/matrix HYPE",
    "/why HYPE",
    "/why RARE",
    "/open",
    "/open HYPE 500",
    "/open HYPE much",
    "/open NOPE",
    "/alerts",
    "/health",
    "/log",
    "/pause",
    "/resume",
    "/halt",
)
_TIMEOUT = "504 Gateway Time-out <html>…"
_STYLE = """
body { background: #dfe6ec; font: 15px/1.35 system-ui, sans-serif; margin: 2rem }
main { display: flex; flex-wrap: wrap; gap: 1.5rem; align-items: flex-start }
section { width: 22rem }
h2 { font-size: 0.95rem; margin: 0 0 0.4rem; color: #456 }
.bubble { background: #fff; border-radius: 12px; padding: 0.6rem 0.8rem;
  white-space: pre-wrap; overflow-wrap: anywhere }
pre { background: #f2f5f7; border-radius: 6px; padding: 0.4rem; margin: 0.3rem 0;
  font: 13px/1.4 ui-monospace, monospace; overflow-x: auto }
blockquote { border-left: 3px solid #9ab; margin: 0.3rem 0; padding-left: 0.5rem }
.row { display: flex; gap: 4px; margin-top: 4px }
.row span { flex: 1; background: #c3d2de; border-radius: 8px; padding: 0.3rem;
  text-align: center; white-space: nowrap; overflow: hidden }
.row .success { background: #b7e0c0 } .row .danger { background: #f0bcbc }
"""


def cards_page() -> str:
    """Return the page with every card."""
    shown = asyncio.run(_gallery())
    body = "\n".join(_section(title, card) for title, card in shown)
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        f"<title>carrybot: every card</title>\n<style>{_STYLE}</style>\n"
        "<h1>Every card</h1>\n"
        "<p>Made by <code>python -m tests.generate</code> from a scripted market.</p>\n"
        f"<main>\n{body}\n</main>\n</html>\n"
    )


def _section(title: str, card: Card) -> str:
    rows = "\n".join(
        '<div class="row">' + "".join(map(_button, row)) + "</div>" for row in card.rows
    )
    # Tables are blocks of their own: the line break beside one is not a line.
    text = re.sub(r"\n?(<pre>.*?</pre>)\n?", r"\1", card.html, flags=re.DOTALL)
    return (
        f"<section><h2>{escape(title)}</h2>\n"
        f'<div class="bubble">{text}</div>\n{rows}</section>'
    )


def _button(button: Button) -> str:
    return f'<span class="{button.style.value}">{escape(button.label)}</span>'


async def _gallery() -> list[tuple[str, Card]]:
    """Walk through chat and keep each card with what led to it."""
    chat = Chat()
    _scripted_market(chat)
    found = [(typed, (await chat.type(typed)).card) for typed in _COMMANDS]
    found.append(("/resume after /halt", (await chat.type("/resume")).card))
    found += await _a_pair(chat)
    found += await _refusals(chat)
    found += await _everything(chat)
    for kind, facts in ALERT_FACTS.items():
        told = {key: text.replace(UGLY, _TIMEOUT) for key, text in facts.items()}
        alert = Alert(kind, AlertLevel.TRADE, kind, told, START)
        card = alert_card(chat.desk.look(), alert)
        await chat.show(Reply(card), ANNA, None)
        found.append((f"message: {kind.replace('_', ' ')}", card))
    for title, card in _additions(chat):
        await chat.show(Reply(card), ANNA, None)
        found.append((title, card))
    return found


def _scripted_market(chat: Chat) -> None:
    names = ("HYPE", "PEPE", "FARTCOINISLONG", "币安人生", "SUI", "APT", "MON")
    pairs = [
        pair(
            name,
            spread=str(Decimal("0.0001") / (number + 1)),
            volume=None if name == "SUI" else "123456789",
        )
        for number, name in enumerate(names)
    ]
    pairs[0] = replace(pairs[0], estimate=estimate_of(pairs[0]))
    dear = replace(
        estimate_of(pairs[1]), entry_basis_usd=Decimal("1.10"), blended_net_usd=None
    )
    why = Skip(
        Base("PEPE"),
        SkipReason.BELOW_MIN_NET,
        "-0.54 USD net over 24 h, 0.25 USD wanted",
    )
    pairs[1] = replace(pairs[1], estimate=dear, refusal=why)
    late = "only the 2 widest spreads are priced at each scan"
    pairs[2:] = [replace(each, unpriced=late) for each in pairs[2:]]
    far = pair("WIF", long=LIGHTER, short=HYPERLIQUID, spread="0.00004")
    skip = Skip(Base("RARE"), SkipReason.SINGLE_VENUE, "only one venue")
    result = scan_of(*pairs, far, skips=[skip], silent=EXTENDED)
    priced = {each.base: (each,) for each in pairs[:2]}
    chat.engine.result = replace(result, pairs=priced)
    chat.engine.lists = lists_of(chat.engine.result, more=["RARE"])
    chat.engine.pasts = {"HYPE": WEEK, "PEPE": replace(WEEK, is_spike=True)}
    chat.engine.trail = (
        Event(START, "user 1", "setting size_usd", "500 -> 400"),
        Event(START, "engine", "trade 7f2 T10", "balance -> open"),
        Event(
            START,
            "engine",
            "trade 7f2 T07",
            "leg1 -> leg2, buy 12.1 on lighter at 41.36, order x",
        ),
        Event(START, "user 1", "confirmed open", "trade=7f2 plan=p base=HYPE"),
    )
    chat.engine.passed_over = ((Base("APT"), "lighter has 3.00 USD free, 167 needed."),)


async def _a_pair(chat: Chat) -> list[tuple[str, Card]]:
    """Open and close one pair, tap by tap."""
    found = []
    card = await chat.tap(await chat.type("/top"), "⚡ Enter best")
    found.append(("tap: Enter best", card.card))
    card = await chat.tap(card, "✅")
    found.append(("tap: Open", card.card))
    trades = chat.engine.trades
    for trade_id, trade in trades.items():
        trades[trade_id] = replace(trade, state=TradeState.OPEN)
    await chat.clock.advance(timedelta(hours=2))
    listed = await chat.type("/pos")
    found.append(("/pos", listed.card))
    card = await chat.tap(listed, "1 HYPE")
    found.append(("tap: a position", card.card))
    grown = await chat.tap(card, "➕ Add")  # noqa: RUF001 -- the button's sign
    found.append(("tap: Add", grown.card))
    await chat.tap(grown, "Cancel")
    card = await chat.tap(card, "Close HYPE…")
    found.append(("tap: Close", card.card))
    await chat.clock.advance(timedelta(minutes=3))
    found.append(("a tap three minutes later", (await chat.tap(card, "❗")).card))
    return found


async def _everything(chat: Chat) -> list[tuple[str, Card]]:
    """Ask to close every pair, as far as the button that does it."""
    first = await chat.type("/closeall")
    found = [("/closeall", first.card)]
    card = (await chat.tap(first, "Close all")).card
    return [*found, ("tap: Close all", card)]


def _additions(chat: Chat) -> list[tuple[str, Card]]:
    """Show how an addition ends well, and how it ends as before."""
    opened, not_opened = AlertKind.OPENED, AlertKind.NOT_OPENED
    grew = {**ALERT_FACTS[opened], "quantity": "4", "held": "16.1"}
    why = "extended did not fill its leg, so the other one went back"
    back = {
        **ALERT_FACTS[not_opened],
        "reason": why,
        "was_ordered": "yes",
        "cost_usd": "0.24",
        "stays": "12.1",
    }
    for key in ("bound", "was", "now"):
        del back[key]
    found = []
    for title, kind, facts in (
        ("message: an addition", opened, grew),
        ("message: an addition taken back", not_opened, back),
    ):
        told = {key: text.replace(UGLY, _TIMEOUT) for key, text in facts.items()}
        alert = Alert(kind, AlertLevel.TRADE, kind, told, START)
        found.append((title, alert_card(chat.desk.look(), alert)))
    return found


async def _refusals(chat: Chat) -> list[tuple[str, Card]]:
    found = []
    now = chat.clock.now()
    for error in (
        errors.MarginError("lighter", Decimal(180), Decimal("201.4")),
        errors.VenueDownError("lighter", "504 <html>…", now - timedelta(minutes=4)),
        errors.PausedError("by you", now - timedelta(hours=1)),
        errors.ReconcilingError(),
        errors.CoolingDownError("HYPE", now + timedelta(minutes=30)),
        errors.NothingFitsError((("HYPE", "lighter has 3.00 USD free"),)),
    ):
        chat.engine.refuses = error
        card = (await chat.type("/open HYPE")).card
        found.append((f"refused: {type(error).__name__}", card))
    return found


def main() -> None:
    """Write every generated page."""
    CARDS_PAGE.write_text(cards_page(), encoding="utf-8")


if __name__ == "__main__":
    main()
