"""The experiment on SLIDE-IQA's claim: its arithmetic, its words, and a run of it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import stats

sys.path.insert(0, str(Path(__file__).parents[2] / "results" / "experiments"))

from slide_claim import arms, combine, contents, measure, report, run, verdicts

from baselines.slide_iqa.config import PRESETS
from probes.degradations import HELD_OUT
from probes.masks import HELD_OUT_SHAPES

HERE = Path(run.__file__).parent
METRICS = tuple(verdicts.JUDGED)


def rows_of(values, metric="type_map", area="1/16", test="kodak", types="held-out"):
    """Rows of ``{arm: [value of seed 0, 1, …]}``; a single value is an anchor's."""
    found = [
        (arm, "", str(seed) if len(each) > 1 else "", test, types, area, metric, value)
        for arm, each in values.items()
        for seed, value in enumerate(each)
    ]
    table = pd.DataFrame(found, columns=[*measure.KEYS, "value"])
    return table.assign(low=None, high=None, n=10, interval=None, reason=None)


def left_of(values, metric="type_map", area="1/16", test="kodak", types="held-out"):
    """Values with a content left out, of ``{arm: [K, C]}``."""
    found = [
        (arm, str(seed) if len(each) > 1 else "", test, types, area, metric, f"c{c}", value)
        for arm, each in values.items()
        for seed, line in enumerate(each)
        for c, value in enumerate(line)
    ]
    names = ["arm", "seed", "test", "types", "area", "metric", "content", "value"]
    return pd.DataFrame(found, columns=names)


@pytest.mark.parametrize("arm", arms.ARMS)
def test_arms_differ_in_one_setting(arm):
    assert len(arms.difference(arm)) == (arm != arms.BASE)


def test_an_arm_with_two_settings_is_refused():
    with pytest.raises(ValueError, match="must be in one"):
        arms.difference("smoke")


def test_no_arm_has_what_is_held_out():
    held_out = measure.DESIGNS["held-out"]
    assert held_out.types == HELD_OUT
    assert held_out.shapes == HELD_OUT_SHAPES
    for arm in arms.ARMS:
        assert not set(PRESETS[arm].types) & set(held_out.types)
        assert not set(PRESETS[arm].shapes) & set(held_out.shapes)
        assert set(PRESETS[arm].types) == set(measure.DESIGNS["trained"].types)


def test_no_arm_bears_the_name_of_the_paper():
    names = [arms.named(arm, 0) for arm in (*arms.ARMS, arms.UNTRAINED)]
    assert all(name.startswith(("slide-arm:", "control:")) for name in names)
    assert arms.named(arms.UNTRAINED, 0).startswith("control:")


def test_seeds_alone_are_a_t_interval():
    values = np.array([0.3, 0.5, 0.4])
    found = combine.estimate(values, None)
    low, high = stats.t.interval(0.95, 2, values.mean(), stats.sem(values))
    assert (found.value, found.low, found.high) == pytest.approx((0.4, low, high))


def test_contents_alone_are_a_jackknife():
    """Of a mean the jackknife's standard error is the usual one."""
    each = np.random.default_rng(0).normal(size=12)
    left = (each.sum() - each) / 11
    found = combine.estimate(np.array([each.mean()]), left[None])
    low, high = stats.t.interval(0.95, 11, each.mean(), stats.sem(each))
    assert (found.low, found.high) == pytest.approx((low, high))


def test_variances_of_seeds_and_contents_add_up():
    rng = np.random.default_rng(1)
    values, left = rng.normal(size=4), rng.normal(size=(4, 9)) / 100
    found = combine.estimate(values, left, widening=1.5)
    seeds = values.var(ddof=1) / 4
    contents = 1.5**2 * 8 / 9 * np.square(left.mean(0) - left.mean()).sum()
    df = (seeds + contents) ** 2 / (seeds**2 / 3 + contents**2 / 8)
    margin = stats.t.ppf(0.975, df) * np.sqrt(seeds + contents)
    assert found.high - found.value == pytest.approx(margin)
    assert "4 seeds and 9 contents" in found.interval


def test_one_seed_without_contents_has_no_interval():
    found = combine.estimate(np.array([0.5]), None)
    assert (found.value, found.low, found.high) == (0.5, None, None)
    assert found.interval == "no interval: one seed"


def test_intervals_cover():
    """Of 95 % intervals of a mean with both effects, about 95 % hold it (here, at least 90)."""
    rng, hits = np.random.default_rng(2), 0
    for _ in range(400):
        seeds, contents = rng.normal(0, 1, 3), rng.normal(0, 1, 24)
        each = seeds[:, None] + contents + rng.normal(0, 1, (3, 24))
        left = (each.sum(1, keepdims=True) - each) / 23
        found = combine.estimate(each.mean(1), left)
        hits += found.low <= 0 <= found.high
    assert 360 <= hits <= 398


def test_differences_are_paired():
    """What seeds and contents do to both arms alike is no part of their difference."""
    rng = np.random.default_rng(3)
    shared, parts = rng.normal(size=3), rng.normal(size=(3, 24))
    values = {"small": list(shared + 0.2), "uniform": list(shared)}
    noise = rng.normal(0, 1e-3, (3, 24))
    left = left_of({"small": parts + 0.2 + noise, "uniform": parts})
    found = combine.combined(rows_of(values), left, [("small", "uniform")])
    (row,) = found[found["against"] == "uniform"].to_dict("records")
    alone = found[(found["arm"] == "small") & (found["against"] == "")].iloc[0]
    assert row["value"] == pytest.approx(0.2)
    assert row["high"] - row["low"] < 0.05 < alone["high"] - alone["low"]
    assert row["interval"].endswith("paired")


def test_an_anchor_is_held_against_every_seed():
    rows = rows_of({"small": [0.4, 0.6], "squeezenet1_0": [0.3]})
    left = left_of({"small": np.zeros((2, 3)), "squeezenet1_0": np.zeros((1, 3))})
    found = combine.combined(rows, left, [("small", "squeezenet1_0")])
    (row,) = found[found["against"] != ""].to_dict("records")
    assert row["value"] == pytest.approx(0.2)
    margin = stats.t.ppf(0.975, 1) * 0.1  # the contents see no spread
    assert row["high"] - row["value"] == pytest.approx(margin, rel=1e-6)


def test_numbers_that_are_not_the_protocols_are_refused():
    rows = rows_of({"small": [0.4, 0.6]})
    whole = left_of({"small": [[0.4], [0.6]]}).assign(content=contents.ALL)
    contents.check(rows, whole)
    with pytest.raises(ValueError, match=r"1 of 2 .* small, 1, kodak.*0.6100"):
        contents.check(rows, whole.replace(0.6, 0.61))


def test_a_pair_without_one_of_them_has_no_row():
    found = combine.combined(
        rows_of({"small": [0.4, 0.6]}), left_of({}), [("small", "uniform"), ("type-only", "small")]
    )
    assert set(found["against"]) == {""}


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.01, 0.2, "above"),
        (-0.2, -0.01, "below"),
        (-0.1, 0.1, "undecided"),
        (None, None, "without an interval"),
    ],
)
def test_verdicts(low, high, said):
    assert verdicts.verdict({"low": low, "high": high}) == said


def test_undecided_is_said_with_its_reason():
    text = verdicts.said(Counter(above=1, undecided=2))
    assert text == "above in 1 of 3, undecided in 2 of 3 (the 95 % interval holds 0)"
    assert verdicts.said(Counter()) == "nothing was measured"


def table_of(small, full):
    """A table as it is written, of differences ``(low, high)`` by area for all that is judged."""
    found = []
    for metric in METRICS:
        for area, (low, high) in (("1/16", small), ("1", full)):
            place = ("kodak", "held-out", area, metric)
            middle = (low + high) / 2
            found.append(("small", "uniform", "mean", *place, middle, low, high, 9, "t", None))
            for arm, value in (("small", 0.5 + middle), ("uniform", 0.5)):
                ends = (value, value - 0.01, value + 0.01)
                found.append((arm, None, "mean", *place, *ends, 9, "t", None))
    return pd.DataFrame(found, columns=list(measure.COLUMNS))


@pytest.mark.parametrize(
    ("small", "full", "said"),
    [
        ((0.1, 0.2), (0.01, 0.1), "the claim comes out, between two networks of one seed."),
        (
            (0.1, 0.2),
            (-0.1, 0.1),
            "comes out; no loss on full frames is seen, and none is ruled out",
        ),
        ((0.1, 0.2), (-0.2, -0.1), "does not come out: something is lost on full frames, although"),
        ((-0.1, 0.2), (-0.1, 0.2), "is not decided"),
        ((-0.2, -0.1), (0.0, 0.1), "does not come out: small areas are read worse"),
    ],
)
def test_what_becomes_of_the_claim(small, full, said):
    assert said in verdicts.claim(table_of(small, full), "held-out")


def test_where_an_arm_is_below_another_is_said():
    table = table_of((-0.2, -0.1), (0.1, 0.2))
    table.loc[table["against"] == "uniform", "against"] = "untrained"
    said = report.against(table, "untrained")
    assert "at 1/16 below in 3 of 3; at 1/4 nothing was measured; at 1 above in 3 of 3" in said
    assert "Below in: kodak, mAP of the type at 1/16: −0.150 [−0.200, −0.100]" in said


def test_a_number_of_one_seed_keeps_the_interval_of_its_protocol():
    rows = rows_of({"small": [0.6], "uniform": [0.5, 0.7]}, metric=measure.PSEUDO)
    rows = rows.assign(low=0.4, high=0.8, interval="bootstrap")
    none = left_of({"small": [[0.6]]})
    found = combine.combined(rows, none, ()).set_index("arm")
    assert found.loc["small", ["low", "high", "interval"]].tolist() == [0.4, 0.8, "bootstrap"]
    assert "2 seeds" in found.loc["uniform", "interval"]


def test_a_few_differences_do_not_make_the_claim():
    table = table_of((0.1, 0.2), (0.0, 0.1))
    small = table.index[(table["against"] == "uniform") & (table["area"] == "1/16")]
    for undecided, said in ((1, "comes out in part"), (2, "is mostly undecided")):
        table.loc[small[:undecided], ["low", "high"]] = -0.1, 0.2
        assert said in verdicts.claim(table, "held-out")


def test_intervals_apart_are_counted_in_favor_only():
    assert "in its favor, in 3 of 3" in verdicts.claim(table_of((0.1, 0.2), (0, 0.1)), "held-out")
    assert "in its favor, in 0 of 3" in verdicts.claim(table_of((-0.2, -0.1), (0, 1)), "held-out")
    assert "in its favor, in 0 of 3" in verdicts.claim(table_of((0, 0.03), (0, 0.1)), "held-out")


FACTS = {
    "arms": list(arms.ARMS), "seeds": 1, "steps": 2, "batch": 16, "views": 32,
    "precision": "32-true", "budget": 800, "tests": {"kodak": 24}, "squeezenet": False,
    "shipped": False, "command": "python -P run.py --steps 2",
}  # fmt: skip


def test_the_report_is_made_from_the_written_table(tmp_path):
    table = table_of((0.1, 0.2), (-0.1, 0.1))
    table.to_csv(tmp_path / "results.csv", index=False)
    path = report.write(tmp_path, FACTS)
    text = path.read_text("utf-8")
    assert "held-out damage at area 1/16: kodak +0.150 [+0.100, +0.200] (above)." in text
    assert "held-out damage at area 1: kodak +0.000 [−0.100, +0.100] (undecided)." in text
    assert "| small | 0.650 [0.640, 0.660] | 0.500 [0.490, 0.510] |" in text
    assert "| by chance, false alarms | – | – | 0.500 | 0.500 | – | – | 0 |" in text
    assert "SqueezeNet was left out" in text
    assert "With one seed nothing is known" in text
    assert "Made by `python -P run.py --steps 2`" in text
    assert "no arm here" in text
    for name in METRICS:
        assert (tmp_path / "figures" / f"{name}.png").stat().st_size > 10_000
        assert f"figures/{name}.png" in text
    kept = json.loads((tmp_path / "facts.json").read_text("utf-8"))
    assert "\n".join(report.text(report.read(tmp_path / "results.csv"), kept)) in text


def photographs(folder, n, seed):
    folder.mkdir()
    for k in range(n):
        rng = np.random.default_rng([seed, k])
        coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8))
        smooth = np.asarray(coarse.resize((128, 96), Image.Resampling.BICUBIC), float)
        noisy = (smooth + rng.normal(0, 6, smooth.shape)).clip(0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(folder / f"p{k}.png")


def test_a_photograph_to_train_and_to_test_on_is_refused(tmp_path):
    train, test = tmp_path / "train", tmp_path / "test"
    photographs(train, 3, 0)
    photographs(test, 2, 1)
    with Image.open(train / "p1.png") as image:  # other bytes at another size
        image.resize((100, 80)).save(test / "again.jpg", quality=50)
    out, written = tmp_path / "out", tmp_path / "report"
    with pytest.raises(
        ValueError, match=r"p1\.png is trained on but looks like again\.jpg of test"
    ):
        run.main(
            ["--photos", str(train), "--test", f"mine={test}", "--out", str(out),
             "--report", str(written)]
        )  # fmt: skip
    assert not out.exists()


@pytest.mark.slow
def test_the_experiment_runs_and_goes_on(tmp_path, monkeypatch, capfd):
    photographs(tmp_path / "train", 4, 0)
    photographs(tmp_path / "test", 4, 1)
    monkeypatch.setenv("IQA_EVAL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    command = [
        sys.executable, "-P", str(HERE / "run.py"),
        "--photos", str(tmp_path / "train"), "--test", f"tiny={tmp_path / 'test'}",
        "--steps", "2", "--batch", "16", "--seeds", "1", "--arms", "uniform", "small",
        "--budget", "800", "--precision", "32-true",
        "--out", str(tmp_path / "out"), "--report", str(tmp_path / "report"),
    ]  # fmt: skip
    first = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert first.returncode == 0, first.stderr[-2000:]
    table = report.read(tmp_path / "report" / "results.csv")
    assert set(table["types"].dropna()) == {"trained", "held-out"}
    assert {"uniform", "small", "untrained", "nss:brisque"} == set(table["arm"])
    means = table[table["against"].isna() & (table["seed"] == "mean")]
    assert {"type_map", "damaged_auroc", "detected", "log_area_r2"} <= set(means["metric"])
    differences = table[table["against"].notna() & table["types"].notna()]
    assert differences["interval"].str.contains("4 contents").any()
    assert (tmp_path / "report" / "figures" / "type_map.png").is_file()
    plan = arms.Plan(tmp_path / "train", tmp_path / "out" / "arms", 2, 16, "32-true", "cpu")
    arms.train(plan, ("uniform", "small"), range(1), 1)
    assert "training 0 of 2 runs" in capfd.readouterr().out
