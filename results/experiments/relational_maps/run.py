"""What the shipped relational model tells of photographs it has never seen: the report's tables.

    python -P results/experiments/relational_maps/run.py --test kodak=DIR --test cid22=DIR

Probes with one and with two damages, of trained and of held-out types, are made of the photographs
of each folder, and the protocol ``relational`` reads maps and order of them, beside |t - r| and
full-reference metrics. What is computed is kept in the cache.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for what experiments share

import pandas as pd
from markdown_table import lines

from harness.datasets import load_dataset
from harness.model import Model
from harness.records import Row, read_records
from harness.registry import load_model
from harness.reports.formats import markdown
from harness.reports.groups import group
from harness.reports.tables import tables
from harness.runner import run
from harness.sample import Dataset
from probes.design import DESIGN
from probes.sets import probe_set

HERE = Path(__file__).resolve().parent
YARDSTICK = "control:abs-diff"
METRICS = tuple(f"pyiqa:{name}" for name in ("psnr", "ssim", "ms_ssim", "vif", "gmsd"))
_DESIGN = replace(
    DESIGN,
    areas=tuple(Fraction(area) for area in ("1/16", "1/4", "1")),
    numbers=(1, 2),
    co_occurrence=0.4,
    equal_damage=0,
    equal_energy=0,
    band=0,
    complement=0,
    two_draws=0,
    harmless=(),
)
_STEPS = ("auroc", "any_auroc", "type_accuracy", "direction_accuracy", "leakage", "mae")


def main(argv: list[str] | None = None) -> None:
    given = _parser().parse_args(argv)
    sets = [probe_set(name, str(root), given.budget, 0, _DESIGN) for name, root in given.test]
    options = {} if given.weights is None else {"weights": str(given.weights)}
    model = load_model("relational", **options)
    models = [model, YARDSTICK, *METRICS]
    run(models, [*sets, load_dataset("demo-versions")], ["relational"], out=given.out)
    curve = _curve(dict(given.step), sets, given.out) if given.step else None
    given.report.mkdir(parents=True, exist_ok=True)
    text = "\n".join(_text(given.out, model, sets, given.budget, curve))
    (given.report / "report.md").write_text(text + "\n", "utf-8")
    print(f"written: {given.report / 'report.md'}")


def _curve(steps: Mapping[str, Path], sets: list[Dataset], out: Path) -> pd.DataFrame:
    """The maps' numbers of checkpoints of one training: a row a step and set."""
    found = []
    for step, path in steps.items():
        model = load_model("relational", weights=str(path))
        rows = run([model], sets, ["relational"], out=out / f"step{step}")
        for number, subset in (("one", "types=trainable"), ("two", "damages=2 types=trainable")):
            told = rows[(rows["subset"] == subset) & rows["metric"].isin(_STEPS)]
            wide = told.pivot(index="dataset", columns="metric", values="value").reset_index()
            found.append(wide.assign(step=int(step), damages=number))
    return pd.concat(found, ignore_index=True).sort_values(["dataset", "damages", "step"])


def _text(
    out: Path, model: Model, sets: list[Dataset], budget: int, curve: pd.DataFrame | None
) -> Iterator[str]:
    rows = read_records(out / "records")
    yield "# Maps of damage on photographs that were never trained on\n"
    tests = ", ".join(f"{each.name} ({len(each.references)} photographs)" for each in sets)
    yield (
        f"Probes of {tests}, {budget} a set, and the versions of the embedded photographs; no "
        "person has rated any of them. Held-out types are those of no training; no channel is "
        "about them, so of these the map can only tell where. Intervals are those of the protocol. "
        f"{YARDSTICK} is |t − r|, smoothed at a width that was fixed beforehand. The threshold of "
        "IoU is chosen on the other photographs of the same set, not on those trained on. Made by "
        "`python -P run.py --test NAME=DIR …`.\n"
    )
    for each in model.card.weights:
        yield f"The checkpoint: {each.source or each.name}; {each.license}.\n"
    yield (
        'A mark "seen" goes by the name of a dataset. No photograph that was trained on is among '
        "those here, nor one that looks like it: the training was given them as --apart-from.\n"
    )
    yield "## In short\n"
    for each in sets:
        yield from _in_short([row for row in rows if row.dataset == each.name])
    yield ""
    for found in group(rows):
        for table in tables(found):
            if not table.title.endswith("by subset"):  # long; the records have it
                yield markdown(table)
    if curve is not None:
        yield "## How the maps grow with training\n"
        yield "Checkpoints of one training whose learning rate falls until its last step.\n"
        columns = ["dataset", "damages", "step", *(c for c in _STEPS if c in curve)]
        yield from lines(columns, (list(map(_text_of, row)) for row in curve[columns].to_numpy()))


def _in_short(rows: Sequence[Row]) -> Iterator[str]:
    """Own-channel AUROC beside |t - r|, type and direction, for one damage and for two."""
    known = {(row.model, row.metric, row.subset): row for row in rows}
    for number, damages in (("One damage", ""), ("Two damages", "damages=2 ")):
        subset = f"{damages}types=trainable"
        ours, other = (known["relational", "auroc", subset], known[YARDSTICK, "auroc", subset])
        apart = (ours.ci_low or 0) > (other.ci_high or 1)
        kind, chance, way, leaked = (
            known["relational", metric, subset]
            for metric in ("type_accuracy", "type_chance", "direction_accuracy", "leakage")
        )
        yield (
            f"- {rows[0].dataset}, {number.lower()} of trained types: AUROC of the type's own "
            f"channel {_interval(ours)}, of |t − r| {_interval(other)}: intervals "
            f"{'apart' if apart else 'not apart'}. Type right {_interval(kind)} (by chance "
            f"{chance.value:.3f}), direction right {_interval(way)}; leakage {_interval(leaked)}."
        )


def _interval(row: Row) -> str:
    if row.ci_low is None:
        return f"{row.value:.3f}"
    return f"{row.value:.3f} [{row.ci_low:.3f}, {row.ci_high:.3f}]"


def _text_of(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--test", type=_named, action="append", required=True, help="NAME=DIR, never trained on")
    add("--weights", type=Path, help="a checkpoint (default: the one in the package)")
    add("--step", type=_named, action="append", default=[], help="N=FILE, of the same training")
    add("--budget", type=int, default=960, help="probes a test set (default: %(default)s)")
    add("--out", type=Path, default=Path("results/run/relational_maps"), help="of the records")
    add("--report", type=Path, default=HERE, help="default: beside this script")
    return parser


def _named(text: str) -> tuple[str, Path]:
    name, _, path = text.partition("=")
    if not name or not path:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=PATH")
    return name, Path(path)


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError) as error:
        sys.exit(f"relational_maps: {error}")
