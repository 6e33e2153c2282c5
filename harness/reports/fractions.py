"""Data efficiency as tables: model × share of the labels that the head was fitted on."""

from __future__ import annotations

import re
from dataclasses import replace

from ..protocols.fractions import size_of
from .groups import RANKED_BY, Group, parse_subset
from .layout import Table
from .subsets import subset_table

_METRICS = (RANKED_BY, "plcc")
_UNIT = re.compile(r"unit: (?P<unit>\w+) \((?P<n>\d+)\)")  # in the split of the rows
_PRINTED = (1, 5, 10, 20, 25, 40, 60, 80)  # shares in percent that papers print


def fractions(group: Group) -> dict[str, float]:
    """Subsets of one share of the labels, with that share in percent, smallest first."""
    found = {s: parse_subset(s).get("fraction", "") for s in group.subsets(RANKED_BY)}
    shares = {s: float(text.removesuffix("%")) for s, text in found.items() if text.endswith("%")}
    return dict(sorted(shares.items(), key=lambda item: item[1]))


def has_curve(group: Group) -> bool:
    """Whether there are several shares with one test part, so that a line may join them."""
    return len(fractions(group)) > 1 and not any("test=" in s for s in fractions(group))


def same_sizes(group: Group) -> str:
    """Which shares are the same contents, and so the same fits; "" if none are, or it is not told.

    One sentence for each size, such as "15%, 20% and 25% are the same 2 contents."
    """
    unit, _, sizes = _sizes(group)
    return " ".join(
        f"{', '.join(shares[:-1])} and {shares[-1]} are the same {size:,} {unit}."
        for size, shares in sizes.items()
        if len(shares) > 1
    )


def _sizes(group: Group) -> tuple[str, int, dict[int, list[str]]]:
    """What is drawn and how many there are; how many a share comes to → such shares, "15%"."""
    sizes: dict[int, list[str]] = {}
    if not (told := _UNIT.search(group.key.split)):
        return "", 0, sizes
    n = int(told["n"])
    for share in fractions(group).values():
        sizes.setdefault(size_of(share / 100, n), []).append(f"{share:g}%")
    return told["unit"], n, sizes


def _sizes_note(group: Group) -> tuple[str, ...]:
    unit, n, sizes = _sizes(group)
    parts = ", ".join(f"{size:,} ({', '.join(shares)})" for size, shares in sizes.items())
    return (f"Fitted on, of {n:,} {unit}: {parts}. {same_sizes(group)}".strip(),) if sizes else ()


def fraction_tables(group: Group) -> tuple[Table, ...]:
    """SRCC ± SD by share, models by falling SRCC at the largest; and, folded, PLCC."""
    shares = fractions(group)
    headings = {subset: f"{share:g}%" for subset, share in shares.items()}
    many = len(shares) > len(_PRINTED)
    spare = {headings[s] for s, share in shares.items() if many and share not in _PRINTED}
    largest = next(reversed(shares))
    note = (
        "Columns: the share of the labels that a head, or the model itself, was fitted on, those "
        "that chose its penalty or its epoch included. ±: standard deviation over the repeats; the "
        "records have the interval of the mean."
    )
    return tuple(
        replace(
            table,
            title=f"{table.title} ± SD over repeats",
            columns=tuple(replace(c, spare=c.title in spare) for c in table.columns),
            notes=(note, *_sizes_note(group), *table.notes),
        )
        for metric in _METRICS
        if metric in group.metrics
        for table in [
            subset_table(
                group, metric, headings, largest, f"{metric.upper()} with", with_spread=True
            )
        ]
    )
