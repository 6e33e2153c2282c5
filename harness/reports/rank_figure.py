"""The figure of a comparison: each model's rank interval, the top group highlighted."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .groups import RANKED_BY
from .layout import number
from .ranks import Field, name, title
from .style import COLORS, INK, MUTED, PAPER, Picture, finish, star_note, tag


def rank_figure(field: Field) -> Picture:
    """Models by falling SRCC; filled and colored where they may be the best. Wants ``style``."""
    n = len(field.entries)
    figure = Figure(figsize=(7.2, 1.3 + 0.3 * n), layout="constrained")
    axes = figure.add_subplot()
    for y, entry in enumerate(field.entries):
        top, ranks = field.in_top_group(entry), field.ranks(entry)
        ink = COLORS[0] if top else MUTED
        # A bar as thick as its ends are round, so that a single rank can be seen too.
        axes.plot(ranks, [y, y], color=ink, linewidth=7, alpha=0.35, solid_capstyle="round")
        face = ink if top else PAPER
        axes.plot(y + 1, y, "o", markersize=6.5, color=ink, markerfacecolor=face, clip_on=False)
        axes.annotate(
            number(entry.value(RANKED_BY, field.subset)),
            (1, y),
            xycoords=("axes fraction", "data"),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            color=INK,
        )
    axes.set_yticks(range(n), [tag(entry) for entry in field.entries])
    axes.set_ylim(n - 0.4, -0.6)
    axes.set_xlim(0.6, n + 0.4)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("Rank by SRCC (the numbers on the right): 1 is the best")
    tops = sum(map(field.in_top_group, field.entries))
    resolution = f" {field.resolution}." if field.resolution else ""
    return finish(
        f"{name(field)}.ranks",
        figure,
        "Which ranks the data leave open to each model",
        title(field),
        "Bars: ranks that no significant difference rules out (paired bootstrap over contents, "
        "Holm-corrected, 0.05); dots: the order by SRCC. Filled and blue: the top group, not "
        f"significantly worse than the best.{resolution}{star_note(field.entries)}",
        f"Rank intervals of {n} models, {tops} of them in the top group; the table has the "
        "numbers.",
    )
