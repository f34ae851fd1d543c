"""Turn stored rows of the chat side into domain objects and back; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from core.model.alert import Alarm, Alert, OutboxItem, repeat_after
from core.model.preferences import Choice
from core.model.screen import Screen
from core.model.units import ChatId, MessageId, UserId
from storage.columns import STRICT, Json, Record, maybe_ms, to_ms

if TYPE_CHECKING:
    import sqlite3

    from storage.columns import Values

# The strict configuration reaches a plain dataclass only from a type around it, hence
# the tuples of one.
_ALERT = Json("alert", TypeAdapter(tuple[Alert], config=STRICT))
_FACTS = Json("facts", TypeAdapter(Mapping[str, str], config=STRICT))


def item_values(alert: Alert, chat_id: ChatId) -> Values:
    """Return the columns of an alert's copy for one chat, due at once."""
    return {
        "chat_id": chat_id,
        "dedupe_key": alert.dedupe_key,
        "level": alert.level,
        "alert": alert_text(alert),
        "edits_message_id": alert.edits_message_id,
        "created_at_ms": to_ms(alert.created_at),
        "expires_at_ms": maybe_ms(alert.expiry),
        "next_at_ms": to_ms(alert.created_at),
    }


def alert_text(alert: Alert) -> str:
    """Return an alert as JSON."""
    return _ALERT.dump((alert,))


def alarm_values(alert: Alert) -> Values:
    """Return the columns of a new alarm."""
    began_at = alert.created_at
    return {
        "cause": alert.condition,
        "alert": alert_text(alert),
        "began_at_ms": to_ms(began_at),
        "next_at_ms": to_ms(began_at + repeat_after(0)),
    }


def alarm_of(row: sqlite3.Row) -> Alarm:
    """Return an alarm."""
    record = Record("alarm", row)
    seen_by = record.maybe_whole("seen_by")
    return Alarm(
        cause=record.text("cause"),
        alert=_ALERT.load(record.text("alert"))[0],
        began_at=record.moment("began_at_ms"),
        repeats=record.whole("repeats"),
        next_at=record.moment("next_at_ms"),
        seen_by=None if seen_by is None else UserId(seen_by),
        seen_name=record.text("seen_name"),
        seen_at=record.maybe_moment("seen_at_ms"),
        is_over=record.maybe_whole("ended_at_ms") is not None,
    )


def item_of(row: sqlite3.Row) -> OutboxItem:
    """Return a waiting message."""
    record = Record("outbox", row)
    return OutboxItem(
        item_id=record.whole("item_id"),
        chat_id=ChatId(record.whole("chat_id")),
        alert=_ALERT.load(record.text("alert"))[0],
        attempts=record.whole("attempts"),
        next_at=record.moment("next_at_ms"),
    )


def screen_values(screen: Screen) -> Values:
    """Return a card's columns."""
    return {
        "card_id": screen.card_id,
        "kind": screen.kind,
        "chat_id": screen.chat_id,
        "user_id": screen.user_id,
        "message_id": screen.message_id,
        "shown": facts_text(screen.shown),
        "created_at_ms": to_ms(screen.created_at),
    }


def screen_of(row: sqlite3.Row) -> Screen:
    """Return a card."""
    record = Record("card", row)
    message_id = record.maybe_whole("message_id")
    return Screen(
        card_id=record.text("card_id"),
        kind=record.text("kind"),
        chat_id=ChatId(record.whole("chat_id")),
        user_id=UserId(record.whole("user_id")),
        message_id=None if message_id is None else MessageId(message_id),
        shown=facts_of(record.text("shown")),
        created_at=record.moment("created_at_ms"),
    )


def facts_text(facts: Mapping[str, str]) -> str:
    """Return texts by name as JSON."""
    return _FACTS.dump(facts)


def facts_of(text: str) -> Mapping[str, str]:
    """Return texts by name."""
    return _FACTS.load(text)


def choice_values(choice: Choice) -> Values:
    """Return a choice's columns; user 0 stands for everybody."""
    return {
        "key": choice.key,
        "user_id": choice.user_id or 0,
        "value": choice.text,
        "at_ms": to_ms(choice.at),
        "by_user_id": choice.by,
    }


def choice_of(row: sqlite3.Row) -> Choice:
    """Return a choice."""
    record = Record("choice", row)
    user_id = record.whole("user_id")
    return Choice(
        key=record.text("key"),
        user_id=UserId(user_id) if user_id else None,
        text=record.text("value"),
        at=record.moment("at_ms"),
        by=UserId(record.whole("by_user_id")),
    )
