"""Count what a month's messages were: by class and kind, new or edits of old ones."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from core.model.alert import AlertLevel

if TYPE_CHECKING:
    from pathlib import Path

_SENT = """
SELECT level, alert, edits_message_id, ended_at_ms FROM outbox
WHERE chat_id = ? AND state = 'sent'
"""


@dataclass
class Post:
    """What one chat was told."""

    days: float
    fresh: Counter[str] = field(default_factory=Counter)
    """New messages by class."""
    edits: Counter[str] = field(default_factory=Counter)
    by_day: defaultdict[str, Counter[str]] = field(
        default_factory=lambda: defaultdict(Counter)
    )
    """New messages of each class by day."""
    kinds: Counter[tuple[str, str]] = field(default_factory=Counter)
    """New messages by class and kind."""

    def lines(self) -> list[str]:
        """Return the table."""
        head = f"{'class':<12} {'new':>6} {'edits':>6} {'a day':>6} {'most a day':>11}"
        rows = [head]
        for level in AlertLevel:
            most = max(self.by_day[level].values(), default=0)
            kinds = ", ".join(
                f"{kind} {count}"
                for (of, kind), count in self.kinds.most_common()
                if of == level
            )
            rows.append(
                f"{level.value:<12} {self.fresh[level]:>6} {self.edits[level]:>6}"
                f" {self.fresh[level] / self.days:>6.1f} {most:>11}  {kinds}"
            )
        total = sum(self.fresh.values())
        rows.append(
            f"{'all':<12} {total:>6} {sum(self.edits.values()):>6}"
            f" {total / self.days:>6.1f}"
        )
        return rows


def read_post(record: Path, chat_id: int, days: float) -> Post:
    """Count a chat's messages in a bot's record."""
    post = Post(days)
    with closing(sqlite3.connect(f"{record.as_uri()}?mode=ro", uri=True)) as reader:
        for level, alert, edits, ended_ms in reader.execute(_SENT, (chat_id,)):
            if edits is not None:
                post.edits[level] += 1
                continue
            kind = json.loads(alert)[0]["kind"]
            day = f"{datetime.fromtimestamp(ended_ms / 1000, UTC):%m-%d}"
            post.fresh[level] += 1
            post.kinds[level, kind] += 1
            post.by_day[level][day] += 1
    return post
