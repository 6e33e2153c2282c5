"""The figure of accuracy against cost: who is best at what speed, and the Pareto front."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from .costs import Costs, read_costs
from .entries import Entry
from .groups import RANKED_BY, Group
from .style import COLORS, INK, MARKERS, MUTED, PAPER, Picture, finish, star_note, style, tag

# With the markers, forty looks that differ without color; what is open is not ranked.
_FILLS = ("full", "left", "bottom", "right")


@dataclass(frozen=True)
class Point:
    """One model: images per second, and SRCC with the ends of its interval, where there is one."""

    entry: Entry
    speed: float
    value: float
    ends: tuple[float, float] | None


def cost_figure(group: Group, costs: Iterable[Mapping[str, str]]) -> Picture | None:
    """A point a model, the front of the ranked ones joined by a line.

    ``costs`` are lines of what ``iqa-eval cost --out`` writes. None for a group that is not
    ranked by SRCC, and where fewer than two models have both numbers.
    """
    known = read_costs(costs)
    ranked, apart = ([e for e in part if _has_value(e)] for part in group.ordered())
    points = [p for e in ranked if (p := _point(e, known))]
    open_points = [p for e in apart if (p := _point(e, known))]
    if not group.is_ranked or known.setting is None or len(points) < 2:
        return None
    front = pareto_front(points)
    without = [e.label for e in (*ranked, *apart) if known.of(e.rows[0]) is None]
    with style():
        figure = Figure(
            figsize=(9, max(4.6, 1.6 + 0.27 * len([*points, *open_points]))), layout="constrained"
        )
        axes = figure.add_subplot()
        # The best that is as fast, or faster, from the slowest model on: a step ends at its model.
        speeds = [min(p.speed for p in points), *(p.speed for p in front), front[-1].speed]
        values = [front[0].value, *(p.value for p in front), min(p.value for p in points)]
        (line,) = axes.step(
            speeds, values, where="pre", color=INK, linewidth=1.2, linestyle=(0, (5, 2)), zorder=2
        )
        drawn = [_draw(axes, p, i, ranked=True) for i, p in enumerate(points)]
        drawn += [_draw(axes, p, i, ranked=False) for i, p in enumerate(open_points)]
        axes.set_xscale("log")
        low, high = axes.get_xlim()
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 100 * low else (1,)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("Images per second (to the right: faster)")
        axes.set_ylabel("SRCC")
        labels = [tag(p.entry) for p in (*points, *open_points)]
        axes.legend(
            [*drawn, line],
            [*labels, "Pareto front"],
            loc="center left",
            bbox_to_anchor=(1.01, 0.5),
            handlelength=2.4,
        )
        gray = " Gray and open: circular models and controls, not ranked." if open_points else ""
        missing = f" Cost not measured: {', '.join(without)}." if without else ""
        shown = [p.entry for p in (*points, *open_points)]
        return finish(
            f"{group.name}.cost",
            figure,
            "What accuracy costs",
            group.title,
            f"SRCC, with its interval, against speed at {known.setting.told}. Dashed: the Pareto "
            "front, of ranked models that no other one beats in both: "
            f"{', '.join(p.entry.label for p in reversed(front))}.{gray}{missing}"
            f"{star_note(shown)}",
            f"Scatter plot of SRCC against images per second for {len(shown)} models, "
            f"{len(front)} of them on the Pareto front; the table has the numbers.",
        )


def pareto_front(points: Iterable[Point]) -> list[Point]:
    """Those that no other is as good as in both, and better in one; from slow to fast.

    Of equal points, all stay.
    """
    front: list[Point] = []
    for point in sorted(points, key=lambda p: (-p.speed, -p.value, p.entry.label)):
        last = front[-1] if front else None
        if last is None or point.value > last.value or _equal(point, last):
            front.append(point)
    return front[::-1]


def _equal(one: Point, other: Point) -> bool:
    return (one.speed, one.value) == (other.speed, other.value)


def _has_value(entry: Entry) -> bool:
    return entry.value(RANKED_BY) is not None


def _point(entry: Entry, costs: Costs) -> Point | None:
    cost, row = costs.of(entry.rows[0]), entry.get(RANKED_BY)
    if cost is None or cost.images_per_second == 0 or row is None or row.value is None:
        return None
    low, high = row.ci_low, row.ci_high
    ends = None if low is None or high is None else (low, high)
    return Point(entry, cost.images_per_second, row.value, ends)


def _draw(axes: Axes, point: Point, i: int, ranked: bool) -> Line2D:
    color = COLORS[i % len(COLORS)] if ranked else MUTED
    if point.ends is not None:
        axes.vlines(point.speed, *point.ends, color=color, linewidth=1.4, alpha=0.6, zorder=3)
    fill = _FILLS[i // len(MARKERS) % len(_FILLS)] if ranked else "full"
    (marker,) = axes.plot(
        point.speed,
        point.value,
        linestyle="none",
        marker=MARKERS[i % len(MARKERS)],
        markersize=8,
        color=color,
        fillstyle=fill,
        markerfacecolor=color if ranked else PAPER,
        markerfacecoloralt=PAPER,
        zorder=4,
    )
    return marker
