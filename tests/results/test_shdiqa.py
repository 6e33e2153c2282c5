"""SHDIQA against its control: the suites, the arithmetic of pairs, the words, and a run of it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from scipy import stats

sys.path.insert(0, str(Path(__file__).parents[2] / "results" / "experiments"))

from shdiqa import measure, report, run

from harness.cli_options import require_known
from harness.papers import read_paper
from harness.suite import read_suite
from probes.degradations import degrade

HERE = Path(run.__file__).parent
SUITES = sorted(HERE.glob("*.yaml"))
CONTROL = "finetune:slide-iqa-tiny"


@pytest.mark.parametrize("path", SUITES, ids=lambda path: path.stem)
def test_models_of_a_suite_differ_in_what_is_asked_and_in_nothing_else(path):
    suite = read_suite(path)
    require_known(suite)
    *ours, control = suite.models
    assert {m.name for m in ours} == {"shdiqa"}
    assert control.name.startswith(measure.CONTROL)
    fits = [
        {k: v for k, v in m.options.items() if k.partition("_")[0] not in ("partition", "teacher")}
        for m in suite.models
    ]
    for options in fits[:-1]:
        assert options.pop("preset", None) in (None, "tiny")  # the control's follows from its name
        assert options == fits[-1]
    if "partition" in path.name:
        assert [m.options["partition"] for m in ours] == ["vertical", "horizontal", "grid"]


def test_the_suites_of_full_size_ask_what_the_published_tables_tell():
    (curve, *_) = read_suite(HERE / "data-efficiency.yaml").protocols
    published = {
        cell.subset.split("%")[0] for n in (1, 2) for cell in read_paper(f"shdiqa-table{n}").cells
    }
    assert {f"fraction={100 * x:g}" for x in curve.options["fractions"]} == published
    assert curve.options["repeats"] == 10
    (tuned, *_) = read_suite(HERE / "partition-ablation.yaml").protocols
    table = read_paper("shdiqa-table3")
    assert table.protocol == tuned
    assert {d.name for d in read_suite(HERE / "partition-ablation.yaml").datasets} == set(
        table.datasets
    )


def each_of(values: dict[str, list[float]]) -> pd.DataFrame:
    """Rows of ``{model: [SRCC of repeat 1, 2, …]}``."""
    rows = [
        {"dataset": "d", "subset": "fraction=25%", "metric": "srcc", "model": model,
         "fit": str(i + 1), "value": value}
        for model, each in values.items() for i, value in enumerate(each)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_repeats_are_paired():
    ours, control = [0.5, 0.7, 0.4, 0.9], [0.45, 0.6, 0.42, 0.8]
    (row,) = measure._paired(each_of({CONTROL: control, "shdiqa": ours}))
    expected = stats.ttest_rel(ours, control).confidence_interval()
    assert (row["low"], row["high"]) == pytest.approx((expected.low, expected.high))
    assert row["value"] == pytest.approx(np.mean(ours) - np.mean(control))
    assert (row["model"], row["against"], row["n"]) == ("shdiqa", CONTROL, 4)
    # A repeat that one of both lacks counts for none.
    (row,) = measure._paired(each_of({CONTROL: [*control, np.nan], "shdiqa": [*ours, 0.0]}))
    assert row["value"] == pytest.approx(np.mean(ours) - np.mean(control))


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.01, 0.2, report.YES),
        (-0.2, -0.01, report.NO),
        (-0.1, 0.1, report.UNDECIDED),
        (np.nan, np.nan, report.UNDECIDED),
    ],
)
def test_what_is_said_follows_from_the_interval(low, high, said):
    value = 0.1 if np.isnan(low) else (low + high) / 2
    row = {"model": "shdiqa, grid", "against": CONTROL, "study": "fine-tune", "dataset": "d"}
    row |= {"subset": "all", "fit": "", "metric": "srcc", "value": value, "low": low, "high": high}
    (line,) = report.answers(pd.DataFrame([row]))
    assert f"**{said}**" in line


def test_published_values_stand_beside_ours():
    assert report._published()["grid"] == {"clive": "0.903 / 0.919", "koniq10k": "0.938 / 0.949"}


@pytest.mark.slow
def test_a_run_and_one_that_finds_all_of_it_done(tmp_path, monkeypatch):
    folder, lines = tmp_path / "images", ["image,label,content"]
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(8):
        coarse = torch.from_numpy(rng.integers(40, 216, (3, 8, 9), dtype=np.uint8))
        photo = coarse.repeat_interleave(8, 1).repeat_interleave(8, 2)
        for severity in (1, 5):
            image = degrade(photo, "white-noise", severity, torch.Generator().manual_seed(i))
            Image.fromarray(image.permute(1, 2, 0).numpy()).save(folder / f"{i}-{severity}.png")
            lines.append(f"{i}-{severity}.png,{-severity},{i}")
    (tmp_path / "labels.csv").write_text("\n".join(lines) + "\n")
    fit = "crop: 64, epochs: 2, crops_per_image: 1, test_crops: 1, ffn: 32, shorter_side: 64"
    shdiqa = f"name: shdiqa, preset: tiny, {fit}, teacher_steps: 2, teacher_batch: 4"
    data = f"datasets: [{{name: '{tmp_path / 'labels.csv'}', root: '{folder}'}}]"
    suites = {
        "partitions": ("partition: grid", "[fine-tune, significance]"),
        "curve": ("lr: 0.001", "[{name: data-efficiency, fractions: [0.25, 0.5], repeats: 2}]"),
    }
    for name, (option, protocols) in suites.items():
        same = f", {option}" if name == "curve" else ""
        (tmp_path / f"{name}.yaml").write_text(
            f"name: {name}\nmodels:\n  - {{{shdiqa}, {option}}}\n"
            f"  - {{name: '{CONTROL}', {fit}{same}}}\n{data}\nprotocols: {protocols}\n"
        )
    arguments = ["--suites", *(str(tmp_path / f"{name}.yaml") for name in suites)]
    for flag in ("cache", "out", "report"):
        arguments += [f"--{flag}", str(tmp_path / flag)]
    run.main(arguments)
    text = (tmp_path / "report" / "report.md").read_text("utf-8")
    assert text.count("(SRCC ") == 3  # partitions, and two fractions
    assert "of 3 fits |" in text  # two folds are of one content, and have no SRCC
    assert "pseudo-labels" not in text
    curves = pd.read_csv(tmp_path / "report" / "curves.csv")
    assert len(curves) == 2 * (2 * 5 + 2 * 2 * 2)  # epochs × fits
    before = {p.name: p.read_bytes() for p in (tmp_path / "report").iterdir() if p.is_file()}

    def none(*arguments):
        raise AssertionError("a fit was done again")

    monkeypatch.setattr("baselines.finetuning.fitted.Unfitted.fit", none)
    run.main(arguments)
    assert {
        p.name: p.read_bytes() for p in (tmp_path / "report").iterdir() if p.is_file()
    } == before
