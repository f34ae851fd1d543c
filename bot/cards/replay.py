"""A replayed day in, its lines for the terminal or its JSON object out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from core.model.backtest import DayOfPairs, PairOfDay

NOTE = (
    "Gross: the same gates and ranking as in a scan, on recorded rates; order books are"
    " not recorded, so no cost is taken off."
)
NOTHING = "Nothing was recorded in that time."
HEAD = (
    f"   # {'TOKEN':<12} {'LONG > SHORT':<26} {'brought':>9}"
    f" {'mean/h':>9} {'highest/h':>9}  ranked  first"
)


def day_lines(day: DayOfPairs) -> Iterator[str]:
    """Yield a heading and a line per pair; percent of one leg."""
    yield f"{day.day} · {day.scans} scans · {day.ranked} pairs ranked"
    if day.best:
        yield HEAD
    for place, one in enumerate(day.best, 1):
        way = f"{one.long} > {one.short}"
        yield (
            f"{place:>4} {one.base:<12} {way:<26}"
            f" {one.brought * 100:>8.4f}%"
            f" {one.mean_per_hour * 100:>8.5f}%"
            f" {one.highest_per_hour * 100:>8.5f}%"
            f" {_share(one.scans, day.scans):>6} {_share(one.first, day.scans):>6}"
        )


def _share(part: int, whole: int) -> str:
    return f"{part * 100 // whole}%"


def day_object(day: DayOfPairs) -> dict[str, Any]:
    """Return the day as it is printed: decimals as texts, fractions of one leg."""
    return {
        "day": day.day.isoformat(),
        "scans": day.scans,
        "ranked_pairs": day.ranked,
        "best": [_pair_object(one) for one in day.best],
    }


def _pair_object(one: PairOfDay) -> dict[str, Any]:
    return {
        "token": one.base,
        "long": one.long,
        "short": one.short,
        "scans": one.scans,
        "first": one.first,
        "spread_hourly_mean": _text(one.mean_per_hour),
        "spread_hourly_highest": _text(one.highest_per_hour),
        "gross_brought": _text(one.brought),
    }


def _text(value: Decimal) -> str:
    """Return a decimal to twelve places, without zeros that say nothing."""
    text = f"{value:.12f}".rstrip("0").rstrip(".")
    return "0" if text in {"", "-0"} else text
