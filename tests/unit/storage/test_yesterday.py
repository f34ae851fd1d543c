"""What an earlier version stored is still read; `yesterday.json` is never rewritten.

A new field with a default needs nothing. A renamed or removed one fails here, and needs
a migration that rewrites the stored texts.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from core.model.control import AlertDelivery, Preferences
from core.model.units import Base, TradeId
from storage import availability_store, chat_rows, rows
from tests.unit.storage.samples import (
    BOUNDS,
    NOW,
    availability,
    close_plan,
    full_alert,
    full_trade,
    open_plan,
)

if TYPE_CHECKING:
    from storage.columns import Json

TEXTS = json.loads(Path(__file__).with_name("yesterday.json").read_text("utf-8"))
PREFERENCES = Preferences(
    alert_spread_per_hour=Decimal("0.00010"),
    opportunity_delivery=AlertDelivery.SILENT,
    muted={Base("PEPE"): None, Base("币安人生"): NOW},
    size_usd=Decimal("250.00"),
)
KNOWN: dict[str, tuple[Json[Any], object]] = {
    "open plan": (rows._OPEN_PLAN, (open_plan(),)),
    "close plan": (rows._CLOSE_PLAN, (close_plan(TradeId("t")),)),
    "legs": (rows._LEGS, full_trade().legs),
    "bounds": (rows._BOUNDS, (BOUNDS,)),
    "alert": (chat_rows._ALERT, (full_alert(),)),
    "preferences": (chat_rows._PREFERENCES, (PREFERENCES,)),
    "availability": (availability_store._AVAILABILITY, (availability(),)),
}


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_what_was_stored_yesterday_is_read_today(name: str) -> None:
    """An update must not lose an open trade because a class was tidied up."""
    column, meant = KNOWN[name]

    assert column.load(json.dumps(TEXTS[name])) == meant
