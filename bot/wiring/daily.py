"""Give the daily report its books, pairs and the state of everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.report import DailyReport, ReportSources
from storage.alert_memory import SqliteAlertMemory

if TYPE_CHECKING:
    from bot.wiring.engine import Ground
    from core.engine import Engine


def daily_report(ground: Ground, engine: Engine) -> DailyReport:
    """Return the report over what the engine knows, for every owner."""
    return DailyReport(
        sources=ReportSources(
            books=engine.books,
            trades=ground.journal,
            portfolio=engine.portfolio,
            position=engine.position,
            health=engine.health,
            latest_scan=engine.latest_scan,
        ),
        preferences=engine.preferences,
        owners=ground.settings.owners,
        memory=SqliteAlertMemory(ground.database),
        outbox=ground.outbox,
        clock=ground.clock,
    )
