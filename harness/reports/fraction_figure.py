"""The figure of data efficiency: SRCC against the share of labels, one line a model."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .entries import Entry
from .fractions import fractions, same_sizes
from .groups import RANKED_BY, Group
from .style import COLORS, DASHES, MARKERS, MUTED, PAPER, Picture, finish, star_note, tag


def fraction_figure(group: Group) -> Picture:
    """Lines by falling SRCC at the largest share, intervals as bands. Wants ``style``."""
    shares = fractions(group)
    x = np.array(list(shares.values()))
    ranked, apart = group.ordered(next(reversed(shares)))
    order = [e for e in (*ranked, *apart) if np.isfinite(_values(e, shares)).any()]
    figure = Figure(figsize=(9, max(4.6, 1.6 + 0.27 * len(order))), layout="constrained")
    axes = figure.add_subplot()
    drawn, published = [], False
    for i, entry in enumerate(order):
        values, (low, high) = _values(entry, shares), _ends(entry, shares)
        color = MUTED if entry.set_apart else COLORS[i % len(COLORS)]
        marker = MARKERS[i % len(MARKERS)]
        axes.fill_between(x, low, high, color=color, alpha=0.08 if entry.set_apart else 0.13, lw=0)
        drawn += axes.plot(
            x,
            values,
            color=color,
            marker=marker,
            markersize=5.5,
            markerfacecolor=PAPER if entry.set_apart else color,
            linestyle=DASHES[i % len(DASHES)],
            linewidth=1 if entry.set_apart else 1.8,
            zorder=2 if entry.set_apart else 3,
        )
        printed = _published(entry, shares)
        published |= bool(np.isfinite(printed).any())
        axes.plot(
            x, printed, marker, color=color, markersize=10, markerfacecolor="none", zorder=4
        )  # fmt: skip
    labels = [tag(entry) for entry in order]
    if published:
        hollow = {"marker": "o", "markersize": 10, "markerfacecolor": "none", "linestyle": "none"}
        drawn.append(Line2D([], [], color=MUTED, **hollow))  # type: ignore[arg-type]
        labels.append("published, in the model's marker")
    axes.set_xscale("log")
    axes.set_xticks(x, [f"{share:g}" for share in x])
    axes.minorticks_off()
    axes.set_xlabel("Labels that a head, or the model itself, was fitted on (% of all)")
    axes.set_ylabel("SRCC on the test part")
    axes.legend(
        drawn, labels, loc="center left", bbox_to_anchor=(1.01, 0.5), handlelength=3.2
    )  # fmt: skip
    gray = " Gray and open: circular models and controls." if apart else ""
    hollow_too = " Large open markers: published values." if published else ""
    same = f" {told}" if (told := same_sizes(group)) else ""
    return finish(
        f"{group.name}.fractions",
        figure,
        "How well the labels are predicted after seeing few of them",
        group.title,
        "Lines: mean SRCC over the repeats. Bands: 95% t intervals of that mean, which are about "
        "other repeats on this dataset, not about other datasets. The legend follows the order at "
        "the largest share."
        f"{same}{gray}{hollow_too}{star_note(order)}",
        f"Line chart of the SRCC of {len(order)} models with {x[0]:g}% to {x[-1]:g}% of the "
        "labels; the table has the numbers.",
    )


def _values(entry: Entry, shares: dict[str, float]) -> np.ndarray:
    return np.array([entry.value(RANKED_BY, subset) for subset in shares], dtype=float)


def _ends(entry: Entry, shares: dict[str, float]) -> np.ndarray:
    """Of the intervals, ``[2, shares]``; NaN where there is none."""
    rows = [entry.get(RANKED_BY, subset) for subset in shares]
    ends = [(row.ci_low, row.ci_high) if row is not None else (None, None) for row in rows]
    return np.array(ends, dtype=float).T


def _published(entry: Entry, shares: dict[str, float]) -> np.ndarray:
    rows = [entry.get(RANKED_BY, subset) for subset in shares]
    return np.array([row and row.published for row in rows], dtype=float)
