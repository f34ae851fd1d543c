"""Scans in, what a spread's past says of it out: how steady, a spike, how long."""

from core.history.settled import SettledReader
from core.history.stage import History

__all__ = ["History", "SettledReader"]
