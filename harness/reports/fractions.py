"""Data efficiency as tables: model × share of the labels that the head was fitted on."""

from __future__ import annotations

from dataclasses import replace

from .groups import RANKED_BY, Group, parse_subset
from .layout import Table
from .subsets import subset_table

_METRICS = (RANKED_BY, "plcc")
_PRINTED = (1, 5, 10, 20, 25, 40, 60, 80)  # shares in percent that papers print; others can spare


def fractions(group: Group) -> dict[str, float]:
    """Subsets of one share of the labels, with that share in percent, smallest first."""
    found = {s: parse_subset(s).get("fraction", "") for s in group.subsets(RANKED_BY)}
    shares = {s: float(text.removesuffix("%")) for s, text in found.items() if text.endswith("%")}
    return dict(sorted(shares.items(), key=lambda item: item[1]))


def has_curve(group: Group) -> bool:
    """Whether there are several shares with one test part, so that a line may join them."""
    return len(fractions(group)) > 1 and not any("test=" in s for s in fractions(group))


def fraction_tables(group: Group) -> tuple[Table, ...]:
    """SRCC ± SD by share, models by falling SRCC at the largest; and, folded, PLCC."""
    shares = fractions(group)
    headings = {subset: f"{share:g}%" for subset, share in shares.items()}
    spare = {headings[subset] for subset, share in shares.items() if share not in _PRINTED}
    largest = next(reversed(shares))
    note = (
        "Columns: the share of the labels that a head, or the model itself, was fitted on, those "
        "that chose its penalty or its epoch included. ±: standard deviation over the repeats; the "
        "rows have the interval of the mean, which the figure draws."
    )
    return tuple(
        replace(
            table,
            title=f"{table.title} ± SD over repeats",
            columns=tuple(replace(c, spare=c.title in spare) for c in table.columns),
            notes=(note, *table.notes),
        )
        for metric in _METRICS
        if metric in group.metrics
        for table in [
            subset_table(
                group, metric, headings, largest, f"{metric.upper()} with", with_spread=True
            )
        ]
    )
