"""The report in words: every sentence with a number is made from results.csv.

    python -P results/experiments/slide_claim/report.py [FOLDER]

writes it anew from results.csv and facts.json in the folder (default: that of this script).
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for the package slide_claim

import pandas as pd
from markdown_table import lines
from slide_claim import anchors, arms, combine, facts_told, figures, measure
from slide_claim.verdicts import (
    ABOVE,
    BELOW,
    CLAIM,
    FULL,
    JUDGED,
    SMALL,
    below,
    claim,
    differences,
    said,
    tally,
    verdict,
)  # fmt: skip

WORDS = {
    **JUDGED,
    "log_area_r2": "R² of log area",
    measure.PSEUDO: "SRCC with pseudo-labels (linear probe on demo)",
}
WHOLE = "any"  # in place of an area, of numbers that are of all areas together
ORDER = (*arms.ARMS, arms.UNTRAINED, anchors.NAME, "nss:brisque")


def write(folder: Path, facts: Mapping[str, Any] | None = None) -> Path:
    """Write figures and report.md to ``folder``, from results.csv in it; ``facts`` are kept."""
    kept = folder / "facts.json"
    if facts is not None:
        kept.write_text(json.dumps(facts, indent=1) + "\n", "utf-8")
    facts = json.loads(kept.read_text("utf-8"))
    table = read(folder / "results.csv")
    pictures = figures.drawn(table, ORDER, len(arms.ARMS))
    (folder / "figures").mkdir(exist_ok=True)
    for picture in pictures:
        (folder / "figures" / f"{picture.name}.png").write_bytes(picture.png)
    shown = [f"![{p.alt}](figures/{p.name}.png)\n\n{p.caption}\n" for p in pictures]
    path = folder / "report.md"
    path.write_text("\n".join([*text(table, facts), "## Figures\n", *shown]), "utf-8")
    return path


def read(path: Path) -> pd.DataFrame:
    """The table as it was written: "1/16" and "1" are words, what is empty is missing."""
    words = dict.fromkeys((*measure.KEYS, "interval", "reason"), str)
    return pd.read_csv(path, dtype=words)


def text(table: pd.DataFrame, facts: Mapping[str, Any]) -> Iterator[str]:
    """The paragraphs of the report."""
    yield "# Does localized damage in pretraining pay?\n"
    yield facts_told.what_was_run(facts)
    yield facts_told.MEASURES
    yield "## What came out\n"
    yield (
        f"The claim is that `{CLAIM[0]}` is above `{CLAIM[1]}` on small areas, and not below it on "
        f"full frames. Said below to come out: if all differences at {SMALL} are above 0, that is, "
        "their 95 % intervals; in part: if at least half are and none is below.\n"
    )
    for types in reversed(figures.TYPES):
        yield claim(table, types) + "\n"
        for area in (SMALL, FULL):
            yield sentence(table, types, area) + "\n"
    others = ("none-positive", "none-negative", "type-only")
    for other in (*others, arms.UNTRAINED, anchors.NAME, "nss:brisque"):
        if tally(table, arms.BASE, other, SMALL, "held-out"):
            yield against(table, other) + "\n"
    if told := pseudo(table):
        yield told + "\n"
    yield "### The claim, number by number\n"
    yield from claim_table(table)
    yield "\n### All arms\n"
    yield from arms_table(table)
    yield facts_told.limits(facts)


def sentence(table: pd.DataFrame, types: str, area: str) -> str:
    """Type mAP of the claim's two arms at one area, test by test, with their difference."""
    rows = differences(table, *CLAIM)
    rows = rows[(rows["metric"] == "type_map") & (rows["types"] == types) & (rows["area"] == area)]
    each = [f"{row['test']} {_number(row, '+')} ({verdict(row)})" for _, row in rows.iterrows()]
    what = f"`{CLAIM[0]}` − `{CLAIM[1]}`, paired, {WORDS['type_map']} on {types} damage"
    return f"{what} at area {area}: {'; '.join(each) or 'nothing was measured'}."


def against(table: pd.DataFrame, other: str) -> str:
    """``arms.BASE`` beside another arm on held-out damage, and all numbers in which it is below."""
    at = {
        area: said(tally(table, arms.BASE, other, area, "held-out"))
        for area in (SMALL, "1/4", FULL)
    }
    told = "; ".join(f"at {area} {counted}" for area, counted in at.items())
    lower = [
        f"{row['test']}, {WORDS[row['metric']]} at {row['area']}: {_number(row, '+')}"
        for row in below(table, arms.BASE, other, "held-out")
    ]
    worse = f" Below in: {'; '.join(lower)}." if lower else ""
    return f"`{arms.BASE}` against `{other}`, held-out damage: {told}.{worse}"


def pseudo(table: pd.DataFrame) -> str:
    """What linear heads on whole images reach; "" if that was not measured."""
    means = table[(table["seed"] == combine.MEAN) & table["against"].isna()]
    rows = means[means["metric"] == measure.PSEUDO].set_index("arm")
    each = [f"`{arm}` {_number(rows.loc[arm])}" for arm in ORDER if arm in rows.index]
    return f"{WORDS[measure.PSEUDO]}, whole images: {', '.join(each)}." if each else ""


def claim_table(table: pd.DataFrame) -> Iterator[str]:
    """Every difference of the claim's two arms, with its interval; bold if that excludes 0."""
    rows = differences(table, *CLAIM)
    rows = rows[rows["metric"].isin(WORDS)].fillna({"types": "–", "area": WHOLE})
    yield (
        f"`{CLAIM[0]}` − `{CLAIM[1]}`, with 95 % t intervals over {_over(rows)}, paired; in bold "
        "where the interval does not hold 0. What has no area stands in the last column.\n"
    )
    areas = [area for area in (*measure.AREAS, WHOLE) if (rows["area"] == area).any()]
    wide = rows.groupby(["test", "types", "metric"], sort=False)
    yield from lines(
        ["test", "damage", "number", *areas],
        ([test, types, WORDS[metric], *_by(here, areas)] for (test, types, metric), here in wide),
    )


def _over(rows: pd.DataFrame) -> str:
    """What the intervals are over, such as "24 or 32 contents"."""
    said = [re.search(r"over (.*), [\d.]+ degrees", str(how)) for how in rows["interval"]]
    return " or ".join(dict.fromkeys(found[1] for found in said if found)) or "nothing"


def _by(rows: pd.DataFrame, areas: Sequence[str]) -> Iterator[str]:
    for area in areas:
        here = rows[rows["area"] == area]
        told = _number(here.iloc[0], "+") if len(here) else "–"
        decided = len(here) and verdict(here.iloc[0]) in (ABOVE, BELOW)
        yield f"**{told}**" if decided else told


def arms_table(table: pd.DataFrame) -> Iterator[str]:
    """Means over seeds with their intervals: a line an arm, for each test and kind of damage."""
    means = table[(table["seed"] == combine.MEAN) & table["against"].isna()]
    columns = [(m, a) for m in JUDGED for a in (SMALL, FULL)] + [("log_area_r2", None)]
    head = [f"{WORDS[m]}{f', {a}' if a else ''}" for m, a in columns]
    for (test, types), here in means.dropna(subset=["types"]).groupby(["test", "types"]):
        yield f"\n{test}, {types} damage:\n"
        yield from lines(["arm", *head], [*_cells(here, columns), _chance(here, columns)])
    pseudo = means[means["metric"] == measure.PSEUDO]
    if len(pseudo):
        yield "\nWhole images, pseudo-labels (no person has rated them):\n"
        yield from lines(["arm", WORDS[measure.PSEUDO]], _cells(pseudo, [(measure.PSEUDO, None)]))


def _chance(rows: pd.DataFrame, columns: Sequence[tuple[str, str | None]]) -> tuple[str, ...]:
    """What is reached without a model: a random order, a coin; of detection, all false alarms."""
    cells = []
    for metric, area in columns:
        name = {"type_map": "type_chance", "detected": "false_alarms"}.get(metric, "")
        found = rows[rows["metric"] == name]
        found = found[found["area"] == area] if name == "type_chance" else found
        level = "0.500" if metric == "damaged_auroc" else "0" if area is None else "–"
        cells.append(f"{found['value'].mean():.3f}" if len(found) else level)
    return ("by chance, false alarms", *cells)


def _cells(
    rows: pd.DataFrame, columns: Sequence[tuple[str, str | None]]
) -> Iterator[tuple[str, ...]]:
    known = set(rows["arm"])
    for arm in (arm for arm in ORDER if arm in known):
        cells = []
        for metric, area in columns:
            at = rows["area"].isna() if area is None else rows["area"] == area
            found = rows[(rows["arm"] == arm) & (rows["metric"] == metric) & at]
            cells.append(_number(found.iloc[0]) if len(found) else "–")
        yield (arm, *cells)


def _number(row: pd.Series, sign: str = "") -> str:
    """The value with its interval, as "+0.123 [+0.045, +0.201]" with a ``sign``."""
    text = f"{row['value']:{sign}.3f}"
    if not pd.isna(row["low"]):
        text += f" [{row['low']:{sign}.3f}, {row['high']:{sign}.3f}]"
    return text.replace("-", "−")


if __name__ == "__main__":
    given = [Path(name) for name in sys.argv[1:]] or [Path(__file__).resolve().parent]
    for folder in given:
        print(f"written: {write(folder)}")
