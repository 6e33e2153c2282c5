"""The report in words: every sentence with a number is made from the CSV files beside it.

    python -P results/experiments/shdiqa/report.py [FOLDER]

writes it anew from what is in the folder (default: that of this script).
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for the package shdiqa

import pandas as pd
from markdown_table import lines
from shdiqa import costs, facts_told, figures
from shdiqa.measure import CONTROL, KEYS, METRICS

from harness.papers import read_paper

TUNED, CURVE = "fine-tune", "data-efficiency"
YES, NO, UNDECIDED = "yes", "no, it is below", "undecided"


def write(folder: Path, facts: Mapping[str, Any] | None = None) -> Path:
    """Write figures and report.md to ``folder``, from the tables in it; ``facts`` are kept."""
    kept = folder / "facts.json"
    if facts is not None:
        kept.write_text(json.dumps(facts, indent=1) + "\n", "utf-8")
    facts = json.loads(kept.read_text("utf-8"))
    table = read(folder / "results.csv")
    curves = pd.read_csv(folder / "curves.csv")
    priced = costs.read(folder / "costs.csv")
    pictures = figures.drawn(table, curves)
    (folder / "figures").mkdir(exist_ok=True)
    for picture in pictures:
        (folder / "figures" / f"{picture.name}.png").write_bytes(picture.png)
    shown = [f"![{p.alt}](figures/{p.name}.png)\n\n{p.caption}\n" for p in pictures]
    path = folder / "report.md"
    text = [*paragraphs(table, curves, facts, priced), "## Figures\n", *shown]
    path.write_text("\n".join(text), "utf-8")
    return path


def read(path: Path) -> pd.DataFrame:
    """The table as it was written: an empty key is "", other empty cells are missing."""
    table = pd.read_csv(path, dtype=dict.fromkeys((*KEYS, "interval", "reason"), str))
    return table.fillna(dict.fromkeys(KEYS, ""))


def paragraphs(
    table: pd.DataFrame,
    curves: pd.DataFrame,
    facts: Mapping[str, Any],
    priced: Sequence[Mapping[str, str]] = (),
) -> Iterator[str]:
    """``priced`` are the lines of what ``iqa-eval cost --out`` wrote."""
    yield "# SHDIQA against its control\n"
    yield facts_told.what_was_run(facts)
    yield "## Does it beat its control?\n"
    yield facts_told.RULE
    yield f"{summary(table)}\n"
    yield from (f"- {line}" for line in answers(table))
    yield ""
    tuned = table[table["study"] == TUNED]
    for dataset, here in tuned.groupby("dataset", sort=False):
        yield f"## Partitions, fitted on {dataset}\n"
        yield from partitions(here)
    curve = table[table["study"] == CURVE]
    for dataset, here in curve.groupby("dataset", sort=False):
        yield f"\n## Data efficiency on {dataset}\n"
        yield from fractions(here)
    yield "\n## How the fits went\n"
    yield from fits(curves)
    yield f"\n{_published_seconds()}"
    if priced:
        yield "\n## What models cost, beside the published Table 5\n"
        yield from costs.beside_published(priced)
    yield facts_told.limits(facts)


def verdict(row: Mapping[str, Any]) -> str:
    """Of a difference from the control; without an interval nothing is decided."""
    if pd.isna(row["low"]) or row["low"] <= 0 <= row["high"]:
        return UNDECIDED
    return YES if row["value"] > 0 else NO


def summary(table: pd.DataFrame) -> str:
    """How often each answer is given, in one sentence."""
    rows = _from_control(table).to_dict("records")
    found = [verdict(row) for row in rows]
    better, worse, open_ = (found.count(answer) for answer in (YES, NO, UNDECIDED))
    return (
        f"**Of {len(found)} comparisons, SHDIQA is better in {better}, worse in {worse}; "
        f"undecided: {open_}.**"
    )


def answers(table: pd.DataFrame) -> Iterator[str]:
    """A line for each paired difference of SRCC from a control."""
    for row in _from_control(table).to_dict("records"):
        setting = "all images" if row["subset"] == "all" else row["subset"]
        yield (
            f"{row['model']}, {row['study']} on {row['dataset']}, {setting}: **{verdict(row)}** "
            f"(SRCC {number(row, '+')} against `{row['against']}`)"
        )


def _from_control(table: pd.DataFrame) -> pd.DataFrame:
    rows = table[table["against"].str.startswith(CONTROL) & (table["metric"] == "srcc")]
    return rows[~rows["model"].str.startswith(CONTROL)]


def partitions(rows: pd.DataFrame) -> Iterator[str]:
    """Each model with its difference from the control, beside the published table."""
    published = _published()
    own = rows[(rows["against"] == "") & (rows["fit"] == "") & (rows["subset"] == "all")]
    models = list(dict.fromkeys(own["model"]))
    body = []
    for model in models:
        cells = []
        for metric in METRICS:
            cells.append(_cell(own[(own["model"] == model) & (own["metric"] == metric)]))
        each = rows[(rows["model"] == model) & (rows["fit"] != "") & (rows["metric"] == "srcc")]
        cells.append(f"{each['value'].astype(float).mean():.3f}")
        against = rows[(rows["model"] == model) & rows["against"].str.startswith(CONTROL)]
        cells.append(_cell(against[against["metric"] == "srcc"], "+"))
        cells.append(_folds(rows, model))
        partition = re.search(r", partition=(\w+)", model)
        printed = published.get(partition[1], {}) if partition else {}
        cells += [printed.get(dataset, "–") for dataset in ("clive", "koniq10k")]
        body.append((model, *cells))
    yield (
        "Published: SRCC / PLCC of SHDIQA's supplementary Table 3, on other data (photographs that "
        "people rated), of other sizes, median of 10 splits: beside ours, not comparable with it. "
        "Pooled: over the predictions of all folds together, each of a fit of its own, which adds "
        "what fits differ in scale: a difference of pooled numbers, as `iqa-eval results compare` "
        "gives it, is not one of fits, and decides nothing here.\n"
    )
    yield from lines(
        [
            *("model", "SRCC, pooled", "PLCC, pooled", "SRCC, mean of the folds"),
            *("SRCC − control, by fold", "above it in"),
            *("published, CLIVE", "published, KonIQ-10k"),
        ],
        body,
    )


def _published() -> dict[str, dict[str, str]]:
    """SRCC and PLCC as printed, by partition and dataset."""
    found: dict[str, dict[str, str]] = {}
    for cell in read_paper("shdiqa-table3").cells:
        of = found.setdefault(str(cell.model.options["partition"]) if cell.model else "", {})
        of[cell.dataset] = " / ".join(f"{cell.published[m]:.3f}" for m in METRICS)
    return found


def _folds(rows: pd.DataFrame, model: str) -> str:
    """In how many fits the model is above the control."""
    each = rows[(rows["fit"] != "") & (rows["metric"] == "srcc")]
    wide = each.pivot(index="fit", columns="model", values="value")
    control = next((name for name in wide if name.startswith(CONTROL)), None)
    if control is None or model == control or model not in wide:
        return "–"
    found = (wide[model] - wide[control]).dropna()
    return f"{(found > 0).sum()} of {len(found)} fits"


def fractions(rows: pd.DataFrame) -> Iterator[str]:
    """Mean SRCC over the repeats of each fraction, and the paired differences."""
    own = rows[(rows["against"] == "") & (rows["fit"] == "") & (rows["metric"] == "srcc")]
    paired = rows[rows["against"].str.startswith(CONTROL) & (rows["metric"] == "srcc")]
    models, tried = list(dict.fromkeys(own["model"])), set(paired["model"])
    body = []
    for subset in dict.fromkeys(own["subset"]):
        cells = [_cell(own[(own["subset"] == subset) & (own["model"] == m)]) for m in models]
        of = paired[paired["subset"] == subset]
        cells += [_cell(of[of["model"] == m], "+") for m in models if m in tried]
        body.append((subset, *cells))
    yield "Mean SRCC over repeats; the differences are paired by repeat, on the fixed test part.\n"
    yield from lines(["labels", *models, *(f"{m} − control" for m in models if m in tried)], body)


def fits(curves: pd.DataFrame) -> Iterator[str]:
    """Which epochs are kept, how well the teacher tells its types, and how long epochs take."""
    last = int(curves["epoch"].max())
    body = []
    for (study, dataset, model), here in curves.groupby(["study", "dataset", "model"], sort=False):
        kept = here[here["kept"] == 1]
        told = here["teacher_accuracy"].mean() if "teacher_accuracy" in here else float("nan")
        taken = here["seconds"].median() if "seconds" in here else float("nan")
        body.append(
            (
                *(study, dataset, model, str(len(kept))),
                *(_range(kept[part]) for part in ("train", "validation")),
                f"{(kept['epoch'] == last).mean():.0%}",
                f"{kept['srcc'].mean():.3f}".replace("-", "−"),
                "–" if pd.isna(told) else f"{told:.0%}",
                "–" if pd.isna(taken) else f"{taken:.1f}",
            )
        )
    yield from lines(
        [
            *("protocol", "data", "model", "fits", "images learned from", "chosen by"),
            f"fits that keep epoch {last}, the last",
            *("SRCC on their validation part", "types that the teacher tells"),
            "seconds of training an epoch, median",
        ],
        body,
    )


def _range(values: pd.Series) -> str:
    low, high = int(values.min()), int(values.max())
    return str(low) if low == high else f"{low}–{high}"


def _published_seconds() -> str:
    """What the paper's Table 4 says of an epoch."""
    cells = (c for c in read_paper("shdiqa-table4").cells if c.method == "SHDIQA")
    told = ", ".join(f"{c.published['seconds_per_epoch']:g} s on {c.dataset}" for c in cells)
    return (
        "Published for an epoch of SHDIQA (supplementary Table 4, the paper's sizes and hardware): "
        f"{told}. Ours are of the machine of this run, and of fits that may share it.\n"
    )


def number(row: Mapping[str, Any], sign: str = "") -> str:
    """The value with its interval, as "+0.123 [+0.045, +0.201]" with a ``sign``."""
    text = f"{row['value']:{sign}.3f}"
    if not pd.isna(row["low"]):
        text += f" [{row['low']:{sign}.3f}, {row['high']:{sign}.3f}]"
    return text.replace("-", "−")


def _cell(rows: pd.DataFrame, sign: str = "") -> str:
    known = rows.dropna(subset=["value"])
    return number(known.iloc[0].to_dict(), sign) if len(known) else "–"


if __name__ == "__main__":
    given = [Path(name) for name in sys.argv[1:]] or [Path(__file__).resolve().parent]
    for folder in given:
        print(f"written: {write(folder)}")
