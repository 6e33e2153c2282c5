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

from shdiqa import costs, measure, report, run

from harness.cli_options import require_known
from harness.cost_command import TITLES
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
    cells = [cell for n in (1, 2) for cell in read_paper(f"shdiqa-table{n}").cells]
    curves = full_size("data-efficiency")
    for suite in curves:
        (curve,) = suite.protocols
        shares = {f"fraction={100 * x:g}" for x in curve.options["fractions"]}
        assert shares == {cell.subset.split("%")[0] for cell in cells}
        assert curve.options["repeats"] == 10
    assert asked(curves) == {(c.dataset, batch(c.model)) for c in cells if c.model}
    tables, tuned = read_paper("shdiqa-table3"), full_size("partition-ablation")
    assert all(tables.protocol == suite.protocols[0] for suite in tuned)
    assert asked(tuned) == {(c.dataset, batch(c.model)) for c in tables.cells}


def full_size(name):
    return [read_suite(HERE / f"{name}{which}.yaml") for which in ("", "-koniq10k")]


def batch(model):
    return model.options.get("batch", 16)


def asked(suites):
    return {(d.name, batch(m)) for suite in suites for d in suite.datasets for m in suite.models}


def test_models_are_labeled_by_what_tells_them_apart():
    found = measure.labels(
        [
            ("shdiqa", {"preset": "tiny", "lr": 0.1}),
            ("shdiqa", {"preset": "tiny", "lr": 0.1, "partition": "grid"}),
            ("shdiqa", {"preset": "tiny", "lr": 0.001, "partition": "grid"}),
            (CONTROL, {"lr": 0.1}),
        ]
    )
    assert list(found.values()) == [
        "shdiqa, lr=0.1",
        "shdiqa, lr=0.1, partition=grid",
        "shdiqa, lr=0.001, partition=grid",
        CONTROL,
    ]
    (alone,) = measure.labels([("shdiqa", {"partition": "grid", "lr": 0.1})]).values()
    assert alone == "shdiqa, partition=grid"


@pytest.mark.parametrize("path", SUITES, ids=lambda path: path.stem)
def test_results_of_each_suite_are_told_apart(path):
    measure.require_told_apart([read_suite(path)])


def test_results_that_would_lie_on_one_another_are_refused_at_the_start(tmp_path):
    """Also where what is written differs, and what is loaded does not."""
    same = suite_of(tmp_path, "same", "[{name: shdiqa, preset: tiny, lr: 1e-4}, "
                    "{name: shdiqa, preset: tiny, lr: 0.0001}]")  # fmt: skip
    other = suite_of(tmp_path, "other", "[{name: shdiqa, preset: tiny, lr: 1e-4}]")
    with pytest.raises(ValueError, match=r"shdiqa is measured twice .*\(in same and same\)"):
        measure.require_told_apart([read_suite(same)])
    again = suite_of(tmp_path, "again", "[{name: shdiqa, preset: tiny}]")
    measure.require_told_apart([read_suite(other)])
    with pytest.raises(ValueError, match=r"on demo \(in other and again\): leave one out"):
        run.main(["--suites", str(other), str(again), "--out", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


def suite_of(folder, name, models):
    path = folder / f"{name}.yaml"
    path.write_text(
        f"name: {name}\nmodels: {models}\ndatasets: [demo]\nprotocols: [data-efficiency]\n"
    )
    return path


def test_costs_stand_beside_the_published_ones(tmp_path):
    path = tmp_path / "costs.csv"
    assert costs.read(path) == []
    lines = [
        ",".join(TITLES),
        "m,score,224,224,16,2000000,1500000000,0,12.5,,cpu,",
        "m,score,224,224,1,2000000,1500000000,0,99,,cpu,",
        "n,score,224,224,16,,,,,,cpu,why",
    ]
    path.write_text("\n".join(lines))
    text = "\n".join(costs.beside_published(costs.read(path)))
    assert "| SHDIQA (published) | – | 24.2 M | 4.35 G | 1113.0 |" in text
    assert "| `m` | score | 2.0 M | 1.50 G | 12.5 |" in text
    assert "`n`" not in text
    path.write_text("\n".join([lines[0], *lines[2:]]))
    with pytest.raises(ValueError, match=r"no costs with --size 224x224 --batch 16"):
        costs.read(path)


def test_the_seconds_of_an_epoch_that_was_done_again_are_the_last(tmp_path):
    (tmp_path / "seconds").write_text("1 2.5\n2 3.0\n2 1.5\n")
    assert measure.seconds(tmp_path / "seconds") == {1: 2.5, 2: 1.5}
    assert measure.seconds(tmp_path / "none") == {}


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
    (row,) = measure._paired(each_of({CONTROL: control, "shdiqa": ours}), "data-efficiency")
    expected = stats.ttest_rel(ours, control).confidence_interval()
    assert (row["low"], row["high"]) == pytest.approx((expected.low, expected.high))
    assert row["value"] == pytest.approx(np.mean(ours) - np.mean(control))
    assert (row["model"], row["against"], row["n"]) == ("shdiqa", CONTROL, 4)
    # A repeat that one of both lacks counts for none.
    (row,) = measure._paired(
        each_of({CONTROL: [*control, np.nan], "shdiqa": [*ours, 0.0]}), "data-efficiency"
    )
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
    row = {
        "model": "shdiqa, partition=grid",
        "against": CONTROL,
        "study": "fine-tune",
        "dataset": "d",
    }
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
        "curve": ("lr: 1e-3", "[{name: data-efficiency, fractions: [0.25, 0.5], repeats: 2}]"),
    }
    # Variants that differ in another option than the partition.
    more = {"partitions": "", "curve": f"  - {{{shdiqa}, lr: 1e-4}}\n"}
    for name, (option, protocols) in suites.items():
        same = f", {option}" if name == "curve" else ""
        (tmp_path / f"{name}.yaml").write_text(
            f"name: {name}\nmodels:\n  - {{{shdiqa}, {option}}}\n{more[name]}"
            f"  - {{name: '{CONTROL}', {fit}{same}}}\n{data}\nprotocols: {protocols}\n"
        )
    arguments = ["--suites", *(str(tmp_path / f"{name}.yaml") for name in suites)]
    for flag in ("cache", "out", "report"):
        arguments += [f"--{flag}", str(tmp_path / flag)]
    run.main(arguments)
    text = (tmp_path / "report" / "report.md").read_text("utf-8")
    assert text.count("(SRCC ") == 5  # partitions, and two fractions of two variants
    assert "shdiqa, lr=0.0001, data-efficiency on" in text
    (line,) = (x for x in text.splitlines() if x.startswith("| shdiqa, partition=grid |"))
    assert "| 0.903 / 0.919 | 0.938 / 0.949 |" in line
    assert "of 3 fits |" in text  # two folds are of one content, and have no SRCC
    assert "pseudo-labels" not in text
    curves = pd.read_csv(tmp_path / "report" / "curves.csv")
    assert len(curves) == 2 * (2 * 5 + 3 * 2 * 2)  # epochs × fits
    assert (curves["seconds"] > 0).all()
    assert "82 s on clive, 409 s on koniq10k" in text
    assert "seconds of training an epoch" in text
    before = {p.name: p.read_bytes() for p in (tmp_path / "report").iterdir() if p.is_file()}

    def none(*arguments):
        raise AssertionError("a fit was done again")

    monkeypatch.setattr("baselines.finetuning.fitted.Unfitted.fit", none)
    run.main(arguments)
    assert {
        p.name: p.read_bytes() for p in (tmp_path / "report").iterdir() if p.is_file()
    } == before
