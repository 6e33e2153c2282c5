"""The report in words: every sentence with a number is made from results.csv.

    python -P results/experiments/slide_claim/report.py

writes it anew from the table and facts.json beside this script.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for the package slide_claim

import pandas as pd
from slide_claim import anchors, arms, combine, figures, measure
from slide_claim.verdicts import (
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
        (folder / "figures" / f"{picture.name}.svg").write_bytes(picture.svg)
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
    yield _what_was_run(facts)
    yield "## What came out\n"
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
    yield _limits(facts)


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
    """Every difference of the claim's two arms with its interval."""
    rows = differences(table, *CLAIM)
    rows = rows[rows["metric"].isin(WORDS)]
    yield from lines(
        ["test", "damage", "area", "number", f"`{CLAIM[0]}` − `{CLAIM[1]}`", "", "interval"],
        (
            [
                *("–" if pd.isna(row[key]) else row[key] for key in ("test", "types", "area")),
                *(WORDS[row["metric"]], _number(row, "+"), verdict(row), row["interval"]),
            ]
            for _, row in rows.iterrows()
        ),
    )


def arms_table(table: pd.DataFrame) -> Iterator[str]:
    """Means over seeds with their intervals: a line an arm, for each test and kind of damage."""
    means = table[(table["seed"] == combine.MEAN) & table["against"].isna()]
    columns = [(m, a) for m in JUDGED for a in (SMALL, FULL)] + [("log_area_r2", None)]
    head = [f"{WORDS[m]}{f', {a}' if a else ''}" for m, a in columns]
    for (test, types), here in means.dropna(subset=["types"]).groupby(["test", "types"]):
        yield f"\n{test}, {types} damage:\n"
        yield from lines(["arm", *head], _cells(here, columns))
    pseudo = means[means["metric"] == measure.PSEUDO]
    if len(pseudo):
        yield "\nWhole images, pseudo-labels (no person has rated them):\n"
        yield from lines(["arm", WORDS[measure.PSEUDO]], _cells(pseudo, [(measure.PSEUDO, None)]))


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


def lines(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)


def _what_was_run(facts: Mapping[str, Any]) -> str:
    listed = "\n".join(
        f"- `{arm}`: {about}" + (f" (`{_setting(arm)}`)" if arm != arms.BASE else "")
        for arm, about in arms.ARMS.items()
        if arm in facts["arms"]
    )
    tests = ", ".join(f"{name} ({n} photographs)" for name, n in facts["tests"].items())
    lacking = "" if facts["squeezenet"] else " SqueezeNet was left out: its weights were not given."
    return (
        f"Each arm was trained for {facts['steps']} steps of {facts['batch']} views "
        f"({facts['views']:,} views, {facts['precision']}), with {facts['seeds']} seed(s). Arms of "
        "one seed have the same first weights and the same order of photographs, and differ from "
        f"`{arms.BASE}` in one setting:\n\n{listed}\n\n"
        f"`{arms.UNTRAINED}` is the same network before its first step, a control. Beside them "
        f"stand {anchors.NAME} (ImageNet) and the 36 statistics of nss:brisque.{lacking} All are "
        f"frozen and read by linear heads on contents that these have not seen: {tests}. The "
        "held-out damage is of types and of a shape of masks that no arm was trained with; heads "
        "have learned both, from other contents. Numbers of the two kinds of damage are on "
        "different sets, with different numbers of types, and cannot be compared. That the "
        "deviations of patch tokens are read besides their mean was chosen on these photographs "
        "and this held-out damage (readings.md): all arms are read alike, and SqueezeNet's last "
        f"feature map is, too.{_shipped(facts)}\n\nMade by `{facts['command']}`, with folders of "
        "one's own.\n"
    )


def _shipped(facts: Mapping[str, Any]) -> str:
    if not facts["shipped"]:
        return " The checkpoint in the package is of a longer run of `small`, and no arm here."
    return " `small` of seed 0 is the checkpoint in the package, before it was halved in precision."


def _setting(arm: str) -> str:
    return ", ".join(f"{name} = {value!r}" for name, value in arms.difference(arm).items())


def _limits(facts: Mapping[str, Any]) -> str:
    few = (
        "With one seed nothing is known of how much the training itself varies. "
        if facts["seeds"] < 2
        else f"{facts['seeds']} seeds tell little of how much the training itself varies. "
    )
    return (
        "\n## What this does not show\n\n"
        f"The budget is small: {facts['views']:,} views are far from convergence, and the order "
        f"of arms may change with more. {few}All damage is synthetic, and so few photographs "
        f"({', '.join(f'{n} of {name}' for name, n in facts['tests'].items())}) leave wide "
        "intervals; that two arms cannot be told apart does not make them equal. Intervals are "
        "of one comparison each: of many, some exclude 0 by chance; those of detection rest on an "
        "extreme of few harmless changes and are rather too short. The rule of "
        "exclusion is our reading of a paper of which only the abstract is public: nothing here "
        "confirms or refutes its results. No person has rated any of these images; the labels of "
        "the linear probe are pseudo-labels made of full-reference metrics.\n"
    )


if __name__ == "__main__":
    print(f"written: {write(Path(__file__).resolve().parent)}")
