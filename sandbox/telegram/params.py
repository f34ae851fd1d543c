"""Parameters of a Bot API call, whatever body they came in (form, JSON, query)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sandbox.telegram.refusals import refuse

if TYPE_CHECKING:
    from collections.abc import Mapping


class Params:
    """Reads parameters by name; forms carry everything but files as text."""

    def __init__(
        self, raw: Mapping[str, Any], files: Mapping[str, bytes] | None = None
    ) -> None:
        self.raw = dict(raw)
        self.files = dict(files or {})

    def text(self, name: str) -> str:
        """Return a text, empty if absent."""
        value = self.raw.get(name)
        return "" if value is None else str(value)

    def integer(self, name: str) -> int | None:
        """Return a whole number, None if absent or something else."""
        try:
            return int(self.text(name))
        except ValueError:
            return None

    def number(self, name: str) -> float:
        """Return a number, 0 if absent or something else."""
        try:
            return float(self.text(name))
        except ValueError:
            return 0.0

    def flag(self, name: str) -> bool:
        """Return a yes or no; absent is no."""
        return self.text(name).lower() in ("true", "1", "yes")

    def structure(self, name: str) -> Any:  # noqa: ANN401 - any JSON value
        """Return a JSON value, None if absent.

        Raises:
            Refused: 400, if it is not JSON.
        """
        value = self.raw.get(name)
        if not isinstance(value, str):
            return value
        if not value:
            return None
        try:
            return json.loads(value)
        except ValueError:
            refuse(f"can't parse {name}: can't parse JSON")
