"""Judge by rules whether a pair should be left, with what each rule remembers. Pure.

No rule decides on what is not known: a missing rate, price or answer leaves its timer
as it is. A rule that fired stays fired, and is told once, until its condition has
clearly ended.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from core.model.exit import ExitAction, ExitRule, ExitRules, Timer, Verdict
from core.model.preferences import Key
from core.model.units import VenueId

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from core.model.exit import ExitFacts, Timers
    from core.model.preferences import Effective

STAYS = timedelta(seconds=60)
"""A price condition must hold at every look for so long: one bad mark does nothing."""
SPREAD_BACK = Decimal("0.25")
"""Bad settlements are forgiven this share of the entry's spread above the stop."""
DISTANCE_BACK = Decimal("0.03")
"""A warned leg is safe again three points above the level."""
GAP_BACK = Decimal("0.8")
BEFORE_PAYMENT = timedelta(seconds=60)
"""Nothing is closed so shortly before a payment that we receive."""
PAID_BY = timedelta(seconds=60)
"""A payment counts as made so long after its moment."""
TOLD, WARN, CRITICAL = "told", "warn", "critical"
DUE = "due"
"""A close was decided on for another venue's trouble, which is over."""


def rules_of(effective: Effective) -> ExitRules:
    """Return the rules as chat has set them."""
    return ExitRules(
        actions={
            rule: ExitAction(effective.text(key)) for rule, key in _ACTIONS.items()
        },
        profit_share=effective.number(Key.PROFIT_SHARE),
        stop_per_hour=effective.number(Key.STOP_SPREAD),
        stop_payments=int(effective.number(Key.STOP_PAYMENTS)),
        warn_distance=effective.number(Key.WARN_DISTANCE),
        critical_distance=effective.number(Key.CRITICAL_DISTANCE),
        max_gap=effective.number(Key.MAX_GAP),
        max_trouble=timedelta(minutes=int(effective.number(Key.MAX_TROUBLE_MIN))),
        max_hold=timedelta(hours=int(effective.number(Key.MAX_HOLD_H))),
    )


_ACTIONS = {
    ExitRule.PROFIT: Key.EXIT_PROFIT,
    ExitRule.SPREAD: Key.EXIT_SPREAD,
    ExitRule.LIQUIDATION: Key.EXIT_LIQUIDATION,
    ExitRule.GAP: Key.EXIT_GAP,
    ExitRule.DELISTED: Key.EXIT_DELISTED,
    ExitRule.VENUE: Key.EXIT_VENUE,
    ExitRule.HOLD: Key.EXIT_HOLD,
}


def judge(
    facts: ExitFacts, rules: ExitRules, timers: Timers
) -> tuple[tuple[Verdict, ...], Timers]:
    """Return what fired, and what every rule remembers from now on.

    A rule that is off forgets; so does one whose condition ended.
    """
    verdicts: list[Verdict] = []
    kept: dict[ExitRule, Timer] = {}
    for rule, look in _LOOKS.items():
        before = timers.get(rule, Timer())
        action = _action(rule, rules, before)
        if action is ExitAction.OFF:
            continue
        after, verdict = look(facts, rules, before)
        if verdict is not None:
            verdicts.append(replace(verdict, action=action))
        if after != Timer():
            kept[rule] = after
    return tuple(verdicts), kept


def _action(rule: ExitRule, rules: ExitRules, timer: Timer) -> ExitAction:
    """Return a rule's action; what a person asked of one pair is done, not told."""
    if rule is ExitRule.BELOW:
        return ExitAction.OFF if timer.level is None else ExitAction.CLOSE
    if rule is ExitRule.AFTER_PAYMENT:
        return ExitAction.OFF if timer.mark is None else ExitAction.CLOSE
    return rules.action(rule)


def may_close(facts: ExitFacts, verdict: Verdict) -> bool:
    """Tell whether a close may be sent now.

    Never on stale data or with a silent venue, and for a venue's trouble not before it
    is over. A contract whose trading is stopped, and a payment that we are about to
    receive, are waited for, unless a leg is about to be liquidated.
    """
    if not facts.is_live:
        return False
    if verdict.is_critical:
        return True
    if facts.is_stopped or (verdict.rule is ExitRule.VENUE and not facts.in_order):
        return False
    return not any(
        favours
        and timedelta(0) <= facts.next_payments[venue_id] - facts.now
        and facts.next_payments[venue_id] - facts.now <= BEFORE_PAYMENT
        for venue_id, favours in facts.favours.items()
        if venue_id in facts.next_payments
    )


def words(verdict: Verdict) -> str:
    """Return in plain words why a pair is left, as its record keeps it."""
    numbers = verdict.numbers
    return _WORDS[verdict.rule].format(
        **{key: _shown(key, value) for key, value in numbers.items()}
    )


def _shown(key: str, value: str) -> str:
    if key in {"spread_per_hour", "stop_per_hour"}:
        return f"{Decimal(value) * 800:+.4f}%/8h"
    if key in {"share", "wanted", "distance", "gap", "most"}:
        return f"{Decimal(value) * 100:.1f}%"
    if key == "result_usd":
        return f"${Decimal(value):.2f}"
    if key == "lasted_s":
        return f"{Decimal(value) / 60:.0f} min"
    if key in {"held_s", "planned_s"}:
        return f"{Decimal(value) / 3600:.0f} h"
    return value


_WORDS = {
    ExitRule.PROFIT: "profit taken: {result_usd} is {share} of the size",
    ExitRule.SPREAD: (
        "the net spread, {spread_per_hour}, was below {stop_per_hour}"
        " at {payments} settlements"
    ),
    ExitRule.LIQUIDATION: "{venue} was {distance} away from liquidation",
    ExitRule.GAP: "the legs' prices were {gap} apart, more than {most}",
    ExitRule.DELISTED: "{venue} takes the contract off its list",
    ExitRule.VENUE: "{venue} was in trouble for {lasted_s} and {how}",
    ExitRule.HOLD: "held for {held_s}, {planned_s} were planned",
    ExitRule.BELOW: "the net spread fell to {spread_per_hour}, below {stop_per_hour}",
    ExitRule.AFTER_PAYMENT: "you wanted it closed after the payment",
}
Looked = tuple[Timer, Verdict | None]


def _profit(facts: ExitFacts, rules: ExitRules, timer: Timer) -> Looked:
    if facts.result_usd is None or not facts.size_usd:
        return timer, None
    share = facts.result_usd / facts.size_usd
    if share < rules.profit_share:
        return Timer(), None
    return _held(
        facts.now,
        timer,
        ExitRule.PROFIT,
        result_usd=facts.result_usd,
        share=share,
        wanted=rules.profit_share,
    )


def _spread(facts: ExitFacts, rules: ExitRules, timer: Timer) -> Looked:
    """Count settlements with the spread below the stop; one above it well ends that."""
    spread, settled = facts.spread_per_hour, facts.settled_at
    if spread is None or settled is None:
        return timer, None
    if timer.mark is None:
        return replace(timer, mark=settled), None
    well = rules.stop_per_hour + abs(facts.entry_spread_per_hour) * SPREAD_BACK
    if settled > timer.mark:
        count = timer.count
        if spread < rules.stop_per_hour:
            count += 1
        elif spread >= well:
            count = 0
        band = timer.band if count else ""
        timer = Timer(count=count, mark=settled, band=band)
    if timer.count < rules.stop_payments or spread >= rules.stop_per_hour:
        return timer, None
    verdict = _verdict(
        ExitRule.SPREAD,
        timer,
        spread_per_hour=spread,
        stop_per_hour=rules.stop_per_hour,
        payments=Decimal(timer.count),
    )
    return replace(timer, band=TOLD), verdict


def _liquidation(facts: ExitFacts, rules: ExitRules, timer: Timer) -> Looked:
    known = {v: d for v, d in facts.distances.items() if d is not None}
    if not known:
        return timer, None
    nearest = min(known, key=lambda venue_id: known[venue_id])
    distance = known[nearest]
    band = _band(distance, rules, timer.band)
    if not band:
        return Timer(), None
    is_news = band != timer.band and not (band == WARN and timer.band == CRITICAL)
    verdict = Verdict(
        rule=ExitRule.LIQUIDATION,
        action=ExitAction.TELL,
        numbers=_texts(distance=distance, venue=nearest, band=band),
        is_critical=band == CRITICAL,
        is_news=is_news,
    )
    return Timer(band=band), verdict


def _band(distance: Decimal, rules: ExitRules, before: str) -> str:
    """Return how near it is; a level is left only three points above it."""
    back = DISTANCE_BACK if before == CRITICAL else Decimal(0)
    if distance < rules.critical_distance + back:
        return CRITICAL
    back = DISTANCE_BACK if before else Decimal(0)
    return WARN if distance < rules.warn_distance + back else ""


def _gap(facts: ExitFacts, rules: ExitRules, timer: Timer) -> Looked:
    if facts.gap is None:
        return timer, None
    least = rules.max_gap * GAP_BACK if timer.band else rules.max_gap
    if facts.gap <= least:
        return Timer(), None
    return _held(facts.now, timer, ExitRule.GAP, gap=facts.gap, most=rules.max_gap)


def _delisted(facts: ExitFacts, rules: ExitRules, timer: Timer) -> Looked:
    del rules
    if not facts.delisted:
        return Timer(), None
    verdict = _verdict(ExitRule.DELISTED, timer, venue=facts.delisted[0])
    return Timer(band=TOLD), verdict


def _venue(facts: ExitFacts, rules: ExitRules, timer: Timer) -> Looked:
    """Fire once one venue was in trouble at every look for long enough.

    A close that was decided on waits until both venues are in order again. While it is
    not known how they are, the timer stays as it is.
    """
    if not facts.troubles:
        return _over(facts, rules, timer)
    if timer.about not in facts.troubles:
        band = DUE if timer.band else ""
        timer = Timer(since=facts.now, about=min(facts.troubles), band=band)
    since = timer.since or facts.now
    lasted = facts.now - since
    if lasted < rules.max_trouble:
        return replace(timer, since=since), None
    verdict = _verdict(
        ExitRule.VENUE,
        timer,
        venue=timer.about,
        how=facts.troubles[VenueId(timer.about)],
        lasted_s=Decimal(int(lasted.total_seconds())),
        since=since.isoformat(),
    )
    return replace(timer, band=TOLD, mark=None), verdict


def _over(facts: ExitFacts, rules: ExitRules, timer: Timer) -> Looked:
    closes = rules.action(ExitRule.VENUE) is ExitAction.CLOSE
    if not facts.in_order:
        return timer, None
    if not timer.band or not closes or timer.since is None:
        return Timer(), None
    ended = timer.mark or facts.now
    lasted = Decimal(int((ended - timer.since).total_seconds()))
    how = "is in order again"
    verdict = _verdict(
        ExitRule.VENUE, timer, venue=timer.about, how=how, lasted_s=lasted
    )
    return replace(timer, mark=ended), replace(verdict, is_news=False)


def _hold(facts: ExitFacts, rules: ExitRules, timer: Timer) -> Looked:
    if facts.opened_at is None or facts.now - facts.opened_at < rules.max_hold:
        return Timer(), None
    held = Decimal(int((facts.now - facts.opened_at).total_seconds()))
    planned = Decimal(int(rules.max_hold.total_seconds()))
    verdict = _verdict(ExitRule.HOLD, timer, held_s=held, planned_s=planned)
    return Timer(band=TOLD), verdict


def _below(facts: ExitFacts, rules: ExitRules, timer: Timer) -> Looked:
    del rules
    spread, level = facts.spread_per_hour, timer.level
    if spread is None or level is None:
        return timer, None
    if spread >= level:
        return Timer(level=level), None
    return _held(
        facts.now, timer, ExitRule.BELOW, spread_per_hour=spread, stop_per_hour=level
    )


def _after_payment(facts: ExitFacts, rules: ExitRules, timer: Timer) -> Looked:
    del rules
    if timer.mark is None or facts.now < timer.mark + PAID_BY:
        return timer, None
    verdict = _verdict(ExitRule.AFTER_PAYMENT, timer, paid_at=timer.mark.isoformat())
    return replace(timer, band=TOLD), verdict


def _held(now: datetime, timer: Timer, rule: ExitRule, **numbers: Decimal) -> Looked:
    """Fire once a condition has held at every look for a minute."""
    since = timer.since or now
    if now - since < STAYS:
        return replace(timer, since=since), None
    verdict = _verdict(rule, timer, **numbers)
    return replace(timer, since=since, band=TOLD), verdict


def _verdict(rule: ExitRule, timer: Timer, **numbers: Decimal | str) -> Verdict:
    is_news = timer.band != TOLD
    return Verdict(rule, ExitAction.TELL, _texts(**numbers), is_news=is_news)


def _texts(**numbers: Decimal | VenueId | str) -> dict[str, str]:
    return {
        key: f"{value:f}" if isinstance(value, Decimal) else str(value)
        for key, value in numbers.items()
    }


_LOOKS: dict[ExitRule, Callable[[ExitFacts, ExitRules, Timer], Looked]] = {
    ExitRule.LIQUIDATION: _liquidation,
    ExitRule.DELISTED: _delisted,
    ExitRule.AFTER_PAYMENT: _after_payment,
    ExitRule.BELOW: _below,
    ExitRule.PROFIT: _profit,
    ExitRule.SPREAD: _spread,
    ExitRule.GAP: _gap,
    ExitRule.VENUE: _venue,
    ExitRule.HOLD: _hold,
}
"""In the order in which one reason is named when several fire."""
