"""Name the rules by which a pair is left, and hold what they look at and remember."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from core.model.units import VenueId


class ExitRule(StrEnum):
    """Why a pair may be left."""

    PROFIT = "profit"
    """Funding and price result, after all fees, reached a share of the size."""
    SPREAD = "spread"
    """The net spread stayed below a level for several settlements."""
    LIQUIDATION = "liquidation"
    """A leg's price is close to where its venue would close it."""
    GAP = "gap"
    """The legs' prices drifted apart."""
    DELISTED = "delisted"
    """A venue takes a leg's contract off its list."""
    VENUE = "venue"
    """A venue was in trouble for too long: silent, or it took no orders."""
    HOLD = "hold"
    """The pair is held for longer than planned."""
    BELOW = "below"
    """A person's own level for this pair."""
    AFTER_PAYMENT = "after_payment"
    """A person's word: close once the next payment is in."""


class ExitAction(StrEnum):
    """What a rule leads to."""

    OFF = "off"
    TELL = "tell"
    BUTTON = "button"
    """Tell, with a button that quotes the close."""
    CLOSE = "close"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitRules:
    """What is asked of every pair; chat changes it."""

    actions: Mapping[ExitRule, ExitAction]
    profit_share: Decimal = Decimal("0.02")
    """Fraction of one leg's size."""
    stop_per_hour: Decimal = Decimal(0)
    """Signed net spread, a fraction per hour."""
    stop_payments: int = 2
    """Settlements in a row."""
    warn_distance: Decimal = Decimal("0.20")
    critical_distance: Decimal = Decimal("0.12")
    """Fractions of the mark price, nearer leg."""
    max_gap: Decimal = Decimal("0.01")
    """Fraction of the mid between the legs' marks."""
    max_trouble: timedelta = timedelta(minutes=30)
    """How long a venue may be in trouble."""
    max_hold: timedelta = timedelta(days=7)

    def action(self, rule: ExitRule) -> ExitAction:
        """Return what a rule leads to."""
        return self.actions.get(rule, ExitAction.OFF)


@dataclass(frozen=True, slots=True)
class Timer:
    """What a rule remembers between two looks, also over a restart."""

    since: datetime | None = None
    """Since when the condition has held, at every look."""
    count: int = 0
    """Settlements in a row that counted."""
    mark: datetime | None = None
    """Latest settlement looked at, or the payment that is waited for."""
    band: str = ""
    """Which level was told last: warn, critical, told."""
    level: Decimal | None = None
    """A person's own level."""
    about: str = ""
    """Venue whose condition is timed, where it is one venue's."""

    @property
    def text(self) -> str:
        """Return it as it is stored."""
        parts = (
            "" if self.since is None else self.since.isoformat(),
            str(self.count),
            "" if self.mark is None else self.mark.isoformat(),
            self.band,
            "" if self.level is None else f"{self.level:f}",
        )
        return "|".join((*parts, self.about) if self.about else parts)

    @classmethod
    def parse(cls, text: str) -> Timer:
        """Return what was stored, also by a version that knew fewer parts."""
        since, count, mark, band, level, *about = text.split("|")
        return cls(
            since=datetime.fromisoformat(since) if since else None,
            count=int(count),
            mark=datetime.fromisoformat(mark) if mark else None,
            band=band,
            level=Decimal(level) if level else None,
            about=about[0] if about else "",
        )


Timers = Mapping[ExitRule, Timer]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitFacts:
    """One pair at one moment, as far as it is known; unknown is None."""

    now: datetime
    size_usd: Decimal
    """Value of one leg at entry."""
    result_usd: Decimal | None
    """What would be left after closing at the marks: all fees are taken off."""
    spread_per_hour: Decimal | None
    """Short rate minus long rate now, signed; None without two fresh rates."""
    entry_spread_per_hour: Decimal
    settled_at: datetime | None
    """Latest payment moment of the leg that is paid less often."""
    next_payments: Mapping[VenueId, datetime] = field(default_factory=dict)
    favours: Mapping[VenueId, bool] = field(default_factory=dict)
    """Whether a venue's next payment is received."""
    distances: Mapping[VenueId, Decimal | None] = field(default_factory=dict)
    """To liquidation, a fraction of the mark price; None is unknown, not safe."""
    gap: Decimal | None = None
    """Between the legs' marks, a fraction of their mid."""
    delisted: tuple[VenueId, ...] = ()
    troubles: Mapping[VenueId, str] = field(default_factory=dict)
    """Venues in trouble, each with how: the end of a sentence that begins with it."""
    in_order: bool = False
    """Both venues are known to answer and to take orders; not the same as no trouble,
    which may only mean that nothing was asked yet."""
    opened_at: datetime | None = None
    is_live: bool = False
    """Rates of both legs are fresh and both venues answered just now."""
    is_stopped: bool = False
    """A venue has stopped trading in a leg's contract, or only lets it be closed."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A rule that fired."""

    rule: ExitRule
    action: ExitAction
    numbers: Mapping[str, str]
    """What decided, as text; a card makes words of it."""
    is_critical: bool = False
    is_news: bool = True
    """Not told before: a rule that goes on holding is told once."""
