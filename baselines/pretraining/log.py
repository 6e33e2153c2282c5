"""The log of a run: a CSV file with a row every few steps, and a drawing of the loss."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from math import fsum
from pathlib import Path

from harness.atomic import write_atomic

STEP = "step"


def means(steps: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each number over steps. Raises ValueError where they do not name the same."""
    names = steps[0].keys()
    for each in steps:
        if each.keys() != names:
            odd = sorted(each.keys() ^ names)[0]
            raise ValueError(f"the recipe logs {odd!r} in some steps only")
    return {name: fsum(each[name] for each in steps) / len(steps) for name in names}


class Log:
    """Appends rows to the file at ``path``; those after ``step`` are dropped first.

    They are of a run that was killed after it had last saved its state, and come again.
    """

    def __init__(self, path: Path, step: int) -> None:
        self.path, self.header = path, ""
        lines = path.read_text("utf-8").splitlines(keepends=True) if path.exists() else []
        kept = [line for line in lines[1:] if _step(line) <= step]
        if kept:
            self.header = lines[0]
        write_atomic(path, "".join([self.header, *kept]).encode())

    def add(self, row: Mapping[str, float]) -> None:
        """Append a row. Raises ValueError if its names are not those of the rows before it."""
        header = ",".join(row) + "\n"
        if self.header and header != self.header:
            raise ValueError(f"{self.path}: its columns are {self.header.strip()}: remove it")
        with self.path.open("a", encoding="utf-8") as file:
            if not self.header:
                file.write(header)
            file.write(",".join(map(repr, row.values())) + "\n")
        self.header = header


def _step(line: str) -> float:
    """Of a line of the file; infinite for one that was cut short."""
    first, comma, _ = line.partition(",")
    return int(first) if comma and line.endswith("\n") and first.isdigit() else float("inf")


def read(path: Path) -> list[dict[str, float]]:
    """The rows of a log."""
    with path.open(encoding="utf-8", newline="") as file:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]


def draw(path: Path, title: str) -> None:
    """Draw the loss of the log at ``path`` into loss.svg and loss.png beside it."""
    from matplotlib.figure import Figure

    from harness.reports.style import COLORS, MUTED, finish, style

    rows = read(path)
    if not rows:
        return
    steps, losses, rates = ([row[name] for row in rows] for name in (STEP, "loss", "lr"))
    with style():
        figure = Figure(figsize=(7.2, 3.6), layout="constrained")
        axes = figure.add_subplot()
        axes.plot(steps, losses, color=COLORS[0], linewidth=1.4)
        axes.set_xlabel("Step")
        axes.set_ylabel("Loss")
        beside = axes.twinx()
        beside.plot(steps, rates, color=MUTED, linewidth=1, linestyle="--")
        beside.set_ylabel("Learning rate (dashed)", color=MUTED)
        beside.grid(False)
        about = f"last: {losses[-1]:.4g} at step {steps[-1]:.0f}"
        drawn = finish("loss", figure, title, about, "", "")
    write_atomic(path.with_name("loss.svg"), drawn.svg)
    write_atomic(path.with_name("loss.png"), drawn.png)
