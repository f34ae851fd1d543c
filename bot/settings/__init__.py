"""Host configuration: `CARRY_*` variables in, one frozen `Settings` out."""

from bot.settings.fields import KNOWN_VENUES, Settings
from bot.settings.reading import SettingsError, load_settings

__all__ = ["KNOWN_VENUES", "Settings", "SettingsError", "load_settings"]
