"""Tell the preferences what the host configured, and quotes what is preferred."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from core.model.preferences import PREFERENCES, Given, Kind
from core.venues.listing import split_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from bot.settings import Settings
    from core.model.preferences import Key, Value
    from core.preferences import PreferenceBook


def host_values(settings: Settings) -> Mapping[Key, Given]:
    """Return what holds as long as nobody chooses otherwise in chat."""
    return {
        row.key: Given(
            _value(row.kind, getattr(settings, row.setting)),
            is_named=row.setting in settings.model_fields_set,
        )
        for row in PREFERENCES.values()
        if row.setting is not None
    }


def _value(kind: Kind, setting: object) -> Value:
    """Return a host's setting as a preference."""
    if kind is Kind.TOKENS:
        names = setting if isinstance(setting, tuple) else ()
        return tuple(dict.fromkeys(split_name(str(each))[0] for each in names))
    if kind is Kind.PERIOD:
        return Decimal(str(setting).removesuffix("h"))
    if isinstance(setting, tuple):
        return tuple(str(each) for each in setting)
    return setting if isinstance(setting, bool) else Decimal(str(setting))


@dataclass(frozen=True, slots=True)
class LiveQuoting:
    """What quotes are made with: size and leverage as preferred at the moment."""

    book: PreferenceBook
    ttl: timedelta

    @property
    def size_usd(self) -> Decimal:
        """Return the notional per leg unless a person says otherwise."""
        return self.book.effective().size_usd

    @property
    def leverage(self) -> Decimal:
        """Return the leverage of each leg."""
        return self.book.effective().leverage

    @property
    def hold(self) -> timedelta:
        """Return how long a pair is meant to be held."""
        return self.book.effective().hold
