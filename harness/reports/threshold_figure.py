"""Heat maps of thresholds: type by model, and type by severity for one model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from ..records import Row
from .areas import DETECTED
from .entries import Entry
from .groups import Group
from .heat import heat, size_for
from .layout import NONE, interval
from .parts import DAGGER, HELD_OUT, held_out
from .sensitivity_notes import NO_INTERVAL, seen_alone
from .style import INK, MUTED, Picture, finish, pseudo_note, pseudo_sign, short
from .thresholds import THRESHOLD, Threshold, middle, severities, threshold_of, threshold_types

_BESIDE = ("1/16", "1/4", "1")  # areas whose detected share stands beside one model's thresholds
_WIDE, _HIGH = 0.74, 0.33  # inches, of a cell
_FAINT, _HATCH = "#4b5563", "#c9ced6"  # on cells, which are light on a dark page, too
_READING = (
    "The smaller the area, the darker the cell; “< 1/64”: 75 % would be detected at the smallest "
    "area already; hatched, “never”: not even of the whole frame; a dash: no curve could be "
    "fitted. In brackets: the 95 % interval, where it is wider than what stands above it."
)
_BARE = f" {NO_INTERVAL}: there is no interval, so the number is the less certain."
_UNSEEN = f" {DAGGER.strip()}: {HELD_OUT}, the model was not trained on this type."


def threshold_figure(group: Group) -> Picture:
    """Types × models at the middle severity, what is noticed soonest first. Wants ``style``."""
    severity = middle(severities(group))
    ranked, apart = group.ordered()
    types = threshold_types(group)
    found = {e: [_at(e, name, severity) for name in types] for e in (*ranked, *apart)}
    shown = [e for e, cells in found.items() if any(cell.is_known for cell in cells)]
    order = _soonest({name: [found[e][i] for e in shown] for i, name in enumerate(types)})
    cells = [[found[e][types.index(name)] for e in shown] for name in order]
    unseen = [[_held_out(e, name, [severity]) for e in shown] for name in order]
    names = [f"{short(e.label)}{pseudo_sign(e)}" for e in shown]
    size = size_for(names, _WIDE * len(shown), _HIGH * len(order))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.add_subplot()
    _draw(axes, cells, order, names, unseen)
    axes.set_xticklabels(names, rotation=40, ha="left", rotation_mode="anchor")
    for tick, entry in zip(axes.get_xticklabels(), shown, strict=True):
        tick.set_color(MUTED if entry.set_apart else INK)
    gray = " Gray names: controls." if any(e.set_apart for e in shown) else ""
    without = [e.label for e in found if e not in shown]
    left_out = f" Without any: {', '.join(without)}." if without else ""
    return finish(
        f"{group.name}.thresholds",
        figure,
        f"The smallest damaged part that is noticed, by type, at severity {severity}",
        group.title,
        "Threshold: the damaged area, as a fraction of the picture, at which 75 % would be "
        f"detected. {seen_alone(group.entries)} {_READING}{_bare(figure)}"
        f"{_UNSEEN * any(map(any, unseen))}{gray}{left_out}{pseudo_note(shown)}",
        f"Heat map of the thresholds of {len(order)} types by {len(shown)} models; the folded "
        "table has the numbers.",
    )


def own_threshold_figure(group: Group, entry: Entry) -> Picture:
    """Types × severities of one model, beside what is detected and the index. Wants ``style``."""
    columns, types = severities(group), threshold_types(group)
    found = {name: [_at(entry, name, s) for s in columns] for name in types}
    order = _soonest(found)
    unseen = [_held_out(entry, name, columns) for name in order]
    names = [f"{name}{DAGGER * held}" for name, held in zip(order, unseen, strict=True)]
    figure = Figure(figsize=(8.4, 2.0 + _HIGH * len(order)), layout="constrained")
    left, center, right = figure.subplots(1, 3, width_ratios=[len(columns), len(_BESIDE), 1])
    _draw(left, [found[name] for name in order], names, columns)
    left.set_xlabel("Threshold area\nat severity")
    detected = [[entry.get(DETECTED, f"type={n} area={a}") for a in _BESIDE] for n in order]
    index = [[entry.get("lsi", f"type={name}")] for name in order]
    _shares(center, detected, _BESIDE)
    center.set_xlabel("Share detected\nat area")
    _shares(right, index, ["LSI"])
    return finish(
        f"{group.name}.thresholds",
        figure,
        f"What {short(entry.label)}{pseudo_sign(entry)} notices of each type",
        group.title,
        f"Left: the damaged area, as a fraction of the picture, at which 75 % would be detected. "
        f"{seen_alone([entry])} {_READING}{_bare(figure)}{_UNSEEN * any(unseen)} "
        "Middle: the share detected, over all severities. Right: LSI, the drop "
        "of the score at partial damage as a share of its full-frame drop (proportional to the "
        "area: 0.25; blind to the extent: 1); empty where that drop cannot be told from 0."
        f"{pseudo_note([entry])}",
        f"Heat maps of the thresholds of {len(order)} types by severity, of what is detected and "
        "of the LSI; the folded table has the numbers.",
    )


def _draw(
    axes: Axes,
    cells: Sequence[Sequence[Threshold]],
    rows: Sequence[str],
    columns: Sequence[str],
    marked: Sequence[Sequence[bool]] = (),
) -> None:
    """Shades fall with log₂ area; beyond all areas a cell is hatched."""
    log2 = np.array([[cell.log2 for cell in line] for line in cells], dtype=float)
    shades = np.clip(-log2 / 6, 0, 1) * 0.9 + 0.1  # 1/64: 1; 1: 0.1
    shades[np.isposinf(log2)] = 0
    heat(axes, np.where(np.isnan(log2), np.nan, 0), shades, columns, rows, 7)
    texts = iter(axes.texts[:])
    for y, line in enumerate(cells):
        for x, cell in enumerate(line):
            if not cell.is_known:
                axes.text(x + 0.5, y + 0.5, NONE, ha="center", va="center", color=MUTED, size=7)
                continue
            text = next(texts)
            bare = NO_INTERVAL * (not cell.interval)
            text.set_text(f"{cell.text}{bare}{DAGGER * bool(marked and marked[y][x])}")
            if np.isposinf(cell.log2):
                text.set_color(_FAINT)
                inside = (x + 0.015, y + 0.03), 0.97, 0.94  # the lines between cells stay whole
                axes.add_patch(Rectangle(*inside, fill=False, hatch="///", ec=_HATCH, lw=0))
            if cell.interval != f"[{cell.text}, {cell.text}]":
                _add_interval(axes, text, cell.interval)
    _ticks(axes)


def _shares(axes: Axes, rows: Sequence[Sequence[Row | None]], columns: Sequence[str]) -> None:
    values = np.array([[row and row.value for row in line] for line in rows], dtype=float)
    heat(axes, values, np.clip(values, 0, 1), columns, False, 7)
    known = [row for line in rows for row in line if row is not None and row.value is not None]
    for text, row in zip(axes.texts[:], known, strict=True):
        words = interval(row.ci_low, row.ci_high)
        text.set_text(text.get_text() + NO_INTERVAL * (not words))
        _add_interval(axes, text, words)
    _ticks(axes)


def _bare(figure: Figure) -> str:
    """What the mark of a number without an interval means, where ``figure`` has any."""
    texts = (text.get_text() for axes in figure.axes for text in axes.texts)
    return _BARE * any(NO_INTERVAL in text for text in texts)


def _add_interval(axes: Axes, text: Text, words: str) -> None:
    """Below what stands in a cell, if there is any."""
    if words:
        x, y = text.get_position()
        text.set_y(y - 0.16)
        below = {"color": text.get_color(), "size": 5.5, "in_layout": False}
        axes.text(x, y + 0.24, words, ha="center", va="center", **below)


def _ticks(axes: Axes) -> None:
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.tick_params(axis="both", length=0, labelrotation=0)


def _soonest(found: dict[str, list[Threshold]]) -> list[str]:
    """Types by rising median threshold, then by name; those without any last."""

    def key(name: str) -> tuple[float, float, str]:
        known = sorted(cell.log2 for cell in found[name] if cell.is_known)
        if not known:
            return (np.inf, np.inf, name)
        finite = np.clip(known, -7, 1)
        return (known[len(known) // 2], float(finite.mean()), name)

    return sorted(found, key=key)


def _at(entry: Entry, name: str, severity: str) -> Threshold:
    return threshold_of(_row(entry, name, severity))


def _held_out(entry: Entry, name: str, columns: Sequence[str]) -> bool:
    return held_out(_row(entry, name, severity) for severity in columns)


def _row(entry: Entry, name: str, severity: str) -> Row | None:
    return entry.get(THRESHOLD, f"type={name} severity={severity}")
