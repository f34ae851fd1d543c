"""The keyboard of a message: `reply_markup` in, rows of buttons out, or a refusal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.telegram.refusals import refuse

MAX_BUTTONS = 100
MAX_PER_ROW = 8
MAX_DATA_BYTES = 64
MAX_COPY_UNITS = 256
STYLES = ("primary", "success", "danger")
_ACTIONS = (
    "callback_data",
    "url",
    "copy_text",
    "web_app",
    "login_url",
    "switch_inline_query",
    "switch_inline_query_current_chat",
    "switch_inline_query_chosen_chat",
    "callback_game",
    "pay",
)


@dataclass(frozen=True, slots=True)
class Button:
    """One inline button: what it says and the one thing it does."""

    label: str
    action: str
    value: Any
    style: str | None = None

    @property
    def data(self) -> str | None:
        """Return what a tap sends, None if the button does something else."""
        return str(self.value) if self.action == "callback_data" else None

    @property
    def plain_value(self) -> str:
        """Return the address, data or text behind the button as one string."""
        value = self.value
        return str(value.get("text", "") if isinstance(value, dict) else value)

    def to_wire(self) -> dict[str, Any]:
        """Return the button as the Bot API writes it."""
        wire = {"text": self.label, self.action: self.value}
        return wire | ({"style": self.style} if self.style else {})


Rows = list[list[Button]]


@dataclass(frozen=True, slots=True)
class Markup:
    """What `reply_markup` asked for."""

    rows: Rows
    asks_reply: bool = False


def read_markup(raw: object) -> Markup:
    """Check a reply markup.

    Raises:
        Refused: 400 as Telegram words it, for limits that it enforces.
    """
    if raw is None:
        return Markup([])
    if not isinstance(raw, dict):
        refuse("object expected as reply markup")
    if "inline_keyboard" not in raw:
        return Markup([], asks_reply=bool(raw.get("force_reply")))
    rows_raw = raw["inline_keyboard"]
    if not isinstance(rows_raw, list) or any(not isinstance(r, list) for r in rows_raw):
        refuse('field "inline_keyboard" must be an Array of Arrays')
    rows = [[_read_button(one) for one in row] for row in rows_raw if row]
    if sum(len(row) for row in rows) > MAX_BUTTONS:
        refuse("REPLY_MARKUP_TOO_LONG: more than 100 buttons")
    if any(len(row) > MAX_PER_ROW for row in rows):
        refuse("REPLY_MARKUP_TOO_LONG: more than 8 buttons in a row")
    return Markup(rows)


def _read_button(raw: object) -> Button:
    if not isinstance(raw, dict) or not isinstance(raw.get("text"), str):
        refuse("can't parse inline keyboard button: text expected")
    label = raw["text"].strip()
    if not label:
        refuse("BUTTON_TEXT_INVALID: text of a button is empty")
    actions = [name for name in _ACTIONS if name in raw]
    if not actions:
        refuse(
            "can't parse inline keyboard button: "
            "Text buttons are unallowed in the inline keyboard"
        )
    if len(actions) > 1:
        refuse("BUTTON_TYPE_INVALID: exactly one action a button")
    style = raw.get("style")
    if style is not None and style not in STYLES:
        refuse("BUTTON_STYLE_INVALID: unknown style")
    _check_value(actions[0], raw[actions[0]])
    return Button(label, actions[0], raw[actions[0]], style)


def _check_value(action: str, value: object) -> None:
    if action == "callback_data":
        size = len(value.encode()) if isinstance(value, str) else 0
        if not 1 <= size <= MAX_DATA_BYTES:
            refuse("BUTTON_DATA_INVALID")
    if action == "copy_text":
        text = value.get("text", "") if isinstance(value, dict) else ""
        if not 1 <= len(text) <= MAX_COPY_UNITS:
            refuse("BUTTON_COPY_TEXT_INVALID")
    if action == "url" and not str(value).startswith(("http://", "https://", "tg://")):
        refuse("BUTTON_URL_INVALID")
