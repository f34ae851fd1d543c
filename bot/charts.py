"""Curves in, a PNG out that reads on a phone, in a light chat and in a dark one.

Nothing here waits: drawing takes some tenths of a second, so whoever asks does it on
another thread. The picture carries its own background; sizes are for a chat bubble of
about 390 points, drawn at twice that.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

if TYPE_CHECKING:
    from datetime import datetime

    from matplotlib.axes import Axes

    from bot.cards.pictures import Curve, Picture

WIDTH_IN, HEIGHT_IN, DOTS_PER_IN = 7.8, 5.4, 100
PAPER, INK, FAINT = "#fbfaf7", "#1c1f26", "#8b8f99"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Told apart by most colour-blind people (Okabe and Ito)."""
DAY_S = 86_400
LEAST_WIDTH_S = 600
DATES = ("%Y", "%b", "%d %b", "%H:%M", "%H:%M", "%H:%M:%S")
"""Ticks of years, months, days, hours, minutes, seconds: a day with its month."""
DATES_AT_ZERO = ("", "%Y", "%d %b", "%d %b", "%H:%M", "%H:%M")
"""The first tick of the next larger unit."""
GAIN, LOSS = "#009e73", "#d55e00"


def draw(picture: Picture) -> bytes:
    """Return a PNG of 780 by 540 points."""
    with rc_context({"font.size": 17, "font.family": "DejaVu Sans"}):
        figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN), dpi=DOTS_PER_IN, facecolor=PAPER)
        canvas = FigureCanvasAgg(figure)
        axes = figure.add_axes((0.13, 0.17, 0.82, 0.66), facecolor=PAPER)
        _frame(axes, picture)
        for index, curve in enumerate(picture.curves):
            _line(axes, curve, COLOURS[index % len(COLOURS)])
        _signs(axes, picture)
        _spread_out(axes, picture)
        _words(figure, axes, picture)
        out = io.BytesIO()
        # no date and no version inside: the same curves are the same file
        canvas.print_png(out, metadata={"Software": None})  # type: ignore[no-untyped-call]
    return out.getvalue()


def _frame(axes: Axes, picture: Picture) -> None:
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
    axes.grid(visible=True, axis="y", color=FAINT, alpha=0.3, linewidth=1)
    axes.axhline(0, color=INK, linewidth=1.2, alpha=0.6)
    axes.tick_params(colors=INK, labelsize=16, length=0, pad=6)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
    axes.yaxis.set_major_formatter(
        FuncFormatter(_dollars if picture.is_money else _percent)
    )
    locator = AutoDateLocator(  # type: ignore[no-untyped-call]
        minticks=3, maxticks=6, tz=picture.zone
    )
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(
        ConciseDateFormatter(  # type: ignore[no-untyped-call]
            locator,
            tz=picture.zone,
            formats=DATES,
            zero_formats=DATES_AT_ZERO,
            show_offset=False,
        )
    )


def _days(moment: datetime) -> float:
    """Return days since 1970, which is how the library counts."""
    return moment.timestamp() / DAY_S


def _dollars(value: float, _position: int) -> str:
    sign = "-" if value < 0 else ""
    size = abs(value)
    is_whole = abs(size - round(size)) < 0.005  # noqa: PLR2004 - half a cent
    return f"{sign}${size:,.0f}" if is_whole else f"{sign}${size:.2f}"


def _percent(value: float, _position: int) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".") or "0"


def _line(axes: Axes, curve: Curve, colour: str) -> None:
    if not curve.points:
        return
    moments = [_days(at) for at, _ in curve.points]
    values = [value for _, value in curve.points]
    style = "steps-post" if curve.is_stepped else "default"
    axes.plot(
        moments,
        values,
        color=colour,
        linewidth=4 if curve.is_main else 2.6,
        drawstyle=style,
        solid_capstyle="round",
        label=curve.name,
        zorder=4 if curve.is_main else 3,
    )
    if len(curve.points) == 1:
        axes.plot(moments, values, "o", color=colour, markersize=9, zorder=4)


def _signs(axes: Axes, picture: Picture) -> None:
    named: set[str] = set()
    for mark in picture.marks:
        colour = GAIN if mark.is_gain else LOSS
        label = None if mark.name in named else mark.name
        named.add(mark.name)
        if mark.value is None:
            axes.axvline(_days(mark.at), color=INK, linewidth=2, linestyle=(0, (3, 2)))
            axes.annotate(
                mark.name,
                (_days(mark.at), 1),
                xycoords=("data", "axes fraction"),
                xytext=(5, -4),
                textcoords="offset points",
                va="top",
                fontsize=15,
                color=INK,
            )
        else:
            shape = "^" if mark.is_gain else "v"
            axes.plot(
                _days(mark.at),
                mark.value,
                shape,
                color=colour,
                markersize=9,
                label=label,
                linestyle="none",
                zorder=5,
            )


def _spread_out(axes: Axes, picture: Picture) -> None:
    """Give what happened within minutes a width: a moment alone would span years."""
    found = [_days(at) for curve in picture.curves for at, _ in curve.points]
    found += [_days(mark.at) for mark in picture.marks]
    if found and max(found) - min(found) < LEAST_WIDTH_S / DAY_S:
        middle, half = (max(found) + min(found)) / 2, LEAST_WIDTH_S / DAY_S / 2
        axes.set_xlim(middle - half, middle + half)


def _words(figure: Figure, axes: Axes, picture: Picture) -> None:
    figure.text(0.03, 0.945, picture.title, fontsize=20, color=INK, weight="bold")
    figure.text(0.03, 0.885, picture.unit, fontsize=16, color=INK)
    if picture.note:
        figure.text(0.97, 0.885, picture.note, fontsize=15, color=FAINT, ha="right")
    handles, labels = axes.get_legend_handles_labels()
    if len(labels) > 1:
        figure.legend(
            handles,
            labels,
            loc="lower center",
            ncols=min(len(labels), 4),
            frameon=False,
            fontsize=16,
            labelcolor=INK,
            handlelength=1.2,
            columnspacing=1.2,
            borderaxespad=0.1,
        )
    axes.margins(x=0.02, y=0.12)
