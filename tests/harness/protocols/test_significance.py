"""``significance``: an honest order of models, and who takes part in it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from harness.protocols.base import Entrant, Measure
from harness.protocols.significance import SIGNIFICANCE
from harness.sample import Dataset, Sample
from harness.source import FileSource

NOWHERE = FileSource(Path("nowhere.png"))
Rows = dict[tuple[str, str], Measure]
OF = "of=correlation"


def dataset(n: int = 120, n_contents: int = 40) -> Dataset:
    y = np.random.default_rng(n).normal(size=n)
    samples = (
        Sample(f"s{i:04}", NOWHERE, f"c{i % n_contents:04}", label=float(y[i])) for i in range(n)
    )
    return Dataset("rated", tuple(samples), label_kind="mos")


def entrant(
    data: Dataset, label: str, noise: float, seed: int | None = None, **changes: object
) -> Entrant:
    seed = sum(label.encode()) if seed is None else seed  # a seed of its own, the same each time
    rng = np.random.default_rng(seed)
    scores = {s.id: float((s.label or 0) + noise * rng.normal()) for s in data.samples}
    value = stats.spearmanr(list(scores.values()), [s.label for s in data.samples]).statistic
    return replace(Entrant(label, "correlation", float(value), scores), **changes)  # type: ignore[arg-type]


def compare(data: Dataset, *entrants: Entrant, seed: int = 0) -> dict[str, Rows]:
    found = {}
    for label, rows in SIGNIFICANCE.evaluate(data, entrants, seed).items():
        found[label] = {(row.metric, row.subset): row for row in rows}
        assert len(found[label]) == len(rows)
    return found


def value(rows: Rows, metric: str, subset: str = OF) -> float:
    measured = rows[metric, subset].value
    assert measured is not None
    return measured


def test_clearly_different_models_have_one_rank_each() -> None:
    data = dataset()
    found = compare(data, *(entrant(data, label, x) for label, x in (("a", 0.1), ("b", 0.8))))
    for label, rank in (("a", 1), ("b", 2)):
        assert value(found[label], "rank_low") == value(found[label], "rank_high") == rank
        assert value(found[label], "top_group") == (rank == 1)
        x = [entrant(data, label, 0.1 if label == "a" else 0.8).scores[s.id] for s in data.samples]
        expected = stats.spearmanr(x, [s.label for s in data.samples]).statistic
        assert value(found[label], "srcc") == pytest.approx(expected)
    row = found["a"]["srcc_difference", f"{OF} versus=b"]
    assert row.value == pytest.approx(value(found["a"], "srcc") - value(found["b"], "srcc"))
    assert row.ci_low is not None
    assert row.ci_high is not None
    assert 0 < row.ci_low < row.value < row.ci_high
    assert row.ci_method == "percentile bootstrap over 40 contents, B=1000, seed 0, paired"
    p = found["a"]["srcc_p_holm", f"{OF} versus=b"]
    assert p.value == pytest.approx(2 / 1001)
    assert p.reason == "paired bootstrap over 40 contents, B=1000, seed 0; Holm over 1 pairs"


def test_both_sides_of_a_pair_say_the_same() -> None:
    data = dataset()
    found = compare(data, *(entrant(data, label, 0.4) for label in "abc"))
    for one in "abc":
        for other in set("abc") - {one}:
            for metric in ("srcc", "plcc"):
                mine = found[one][f"{metric}_difference", f"{OF} versus={other}"]
                theirs = found[other][f"{metric}_difference", f"{OF} versus={one}"]
                assert mine.value == pytest.approx(-theirs.value)  # type: ignore[operator]
                assert mine.ci_low == pytest.approx(-theirs.ci_high)  # type: ignore[operator]
                p = value(found[one], f"{metric}_p_holm", f"{OF} versus={other}")
                assert p == value(found[other], f"{metric}_p_holm", f"{OF} versus={one}")
            size = value(found[one], "resolvable_srcc_difference", f"{OF} versus={other}")
            assert size > 0
    pairs = [
        value(found[a], "resolvable_srcc_difference", f"{OF} versus={b}")
        for a, b in ("ab", "ac", "bc")
    ]
    for label in "abc":
        typical = value(found[label], "resolvable_srcc_difference")
        assert typical == pytest.approx(np.median(pairs))


def test_order_of_models_and_samples_changes_nothing() -> None:
    data = dataset()
    entrants = [entrant(data, label, 0.3 + 0.1 * i) for i, label in enumerate("abcd")]
    once = SIGNIFICANCE.evaluate(data, tuple(entrants), 0)
    turned = replace(data, samples=data.samples[::-1])
    again = SIGNIFICANCE.evaluate(turned, tuple(entrants[::-1]), 0)
    assert {label: list(rows) for label, rows in again.items()} == dict(once)


def test_identical_models_share_every_rank() -> None:
    data = dataset()
    one = entrant(data, "a", 0.5)
    rescaled = {name: 40 + 7.3 * score for name, score in one.scores.items()}
    found = compare(data, one, replace(one, label="b", scores=rescaled))
    for rows, other in ((found["a"], "b"), (found["b"], "a")):
        subset = f"{OF} versus={other}"
        assert value(rows, "srcc_difference", subset) == 0
        assert value(rows, "plcc_difference", subset) == pytest.approx(0, abs=1e-12)
        assert value(rows, "srcc_p_holm", subset) == value(rows, "plcc_p_holm", subset) == 1
        assert (value(rows, "rank_low"), value(rows, "rank_high")) == (1, 2)
        assert value(rows, "top_group") == 1


def test_few_contents_leave_every_rank_open() -> None:
    data = dataset(120, 12)
    found = compare(data, *(entrant(data, label, x) for label, x in (("a", 0.05), ("b", 2.0))))
    for rows in found.values():
        assert (value(rows, "rank_low"), value(rows, "rank_high")) == (1, 2)
        assert value(rows, "top_group") == 1
        assert all(row.marks == ("few contents (12)",) for row in rows.values())
        why = "below 20 contents nothing is called significant"
        assert rows["rank_low", OF].reason == why
        for (metric, _), row in rows.items():
            if "p_holm" in metric or "resolvable" in metric:
                assert (row.value, row.reason) == (None, why)
            elif "difference" in metric:
                assert row.value is not None
                assert row.ci_method == "jackknife t interval over 12 contents, paired"


def test_many_models_can_be_told_apart() -> None:
    """Holm over 66 pairs: with 1,000 resamples no p could be small enough."""
    data = dataset(200, 100)
    good = [entrant(data, f"good{i}", 0.1) for i in range(6)]
    bad = [entrant(data, f"bad{i}", 1.5) for i in range(6)]
    found = compare(data, *good, *bad)
    for one in bad:
        assert value(found[one.label], "rank_low") >= 7
        assert value(found[one.label], "top_group") == 0
    for one in good:
        assert value(found[one.label], "rank_high") <= 6


def test_circular_models_and_controls_are_not_compared() -> None:
    data = dataset()
    found = compare(
        data,
        *(entrant(data, label, 0.4) for label in "ab"),
        entrant(data, "psnr", 0.1, marks=("pseudo-labels", "circular")),
        entrant(data, "luminance", 3, marks=("control",)),
    )
    for label, mark in (("psnr", "circular"), ("luminance", "control")):
        (row,) = found[label].values()
        assert (row.metric, row.value, row.subset) == ("top_group", None, OF)
        assert row.reason == f"{mark}: shown, never ranked"
        assert (row.n_expected, row.n_scored, row.n_failed) == (120, 0, 0)
    assert value(found["a"], "rank_high") <= 2
    assert not [key for key in found["a"] if "psnr" in key[1]]


def test_only_the_common_samples_are_compared() -> None:
    data = dataset()
    a, b = entrant(data, "a", 0.3), entrant(data, "b", 0.5)
    ids = [s.id for s in data.samples]
    a = replace(a, scores={i: a.scores[i] for i in ids[:100]})
    b = replace(b, scores={i: b.scores[i] for i in ids[10:]})
    found = compare(data, a, b)
    row = found["a"]["srcc", OF]
    labels = [s.label for s in data.samples[10:100]]
    expected = stats.spearmanr([a.scores[i] for i in ids[10:100]], labels).statistic
    assert row.value == pytest.approx(expected)
    assert set(row.scores or ()) == set(ids[10:100])
    assert (row.n_expected, row.n_scored, row.n_failed) == (120, 90, 20)
    assert "on the 90 of 120 samples that all models have scores of" in (row.reason or "")
    assert f"correlation itself gave {a.value:.4f}" in (row.reason or "")
    assert found["b"]["srcc", OF].n_failed == 10


def test_a_model_with_few_scores_does_not_take_the_samples_of_others() -> None:
    data = dataset()
    a, b, c = (entrant(data, label, 0.4) for label in "abc")
    part = dict(list(c.scores.items())[:30])
    found = compare(data, a, b, replace(c, scores=part))
    assert found["a"]["srcc", OF].n_scored == 120
    (row,) = found["c"].values()
    assert row.reason == "has scores of 30 samples only, another model of 120"


def test_protocols_are_compared_within_themselves() -> None:
    data = dataset()
    scored = [entrant(data, label, 0.4) for label in "ab"]
    probed = [entrant(data, label, 0.3, protocol="linear-probe") for label in ("a", "timm x=1")]
    nothing = Entrant("timm x=1", "correlation", None, {})  # its own record says why
    found = compare(data, *scored, *probed, nothing)
    of = {label: {subset for _, subset in rows} for label, rows in found.items()}
    assert of["a"] == {
        *(OF, f"{OF} versus=b"),
        *("of=linear-probe", "of=linear-probe versus=timm-x-1"),
    }
    assert of["timm x=1"] == {"of=linear-probe", "of=linear-probe versus=a"}


def test_nothing_to_compare_is_said() -> None:
    data = dataset()
    found = compare(data, entrant(data, "a", 0.4), Entrant("b", "correlation", None, {}))
    (alone,), (absent,) = found["a"].values(), found["b"].values()
    assert alone.reason == "no other model to compare it with under correlation"
    assert absent.reason == "no SRCC under correlation"
    flat = entrant(data, "flat", 0.4)
    flat = replace(flat, scores=dict.fromkeys(flat.scores, 1.0))
    (row,) = compare(data, entrant(data, "a", 0.4), flat)["flat"].values()
    assert row.reason is not None
    assert row.reason.endswith("scores do not vary")


def test_one_protocol_with_several_options_is_refused() -> None:
    data = dataset()
    twice = [entrant(data, "a", 0.4, protocol="linear-probe") for _ in range(2)]
    with pytest.raises(ValueError, match="linear-probe was run with several options"):
        SIGNIFICANCE.evaluate(data, tuple(twice), 0)


@pytest.mark.slow
def test_rank_intervals_hold_the_true_ranks() -> None:
    """Of every model of a field at once, in at least 95 % of fields (here: 57 of 60, less 2 SD)."""
    noises = [0.3, 0.32, 0.5, 0.5, 0.7, 2.0]
    # A model's true rank: any place that its equals may take.
    low = [1 + sum(other < noise for other in noises) for noise in noises]
    high = [sum(other <= noise for other in noises) for noise in noises]
    whole, narrow = 0, 0
    for trial in range(60):
        data = dataset(150, 50)
        models = [entrant(data, f"m{i}", x, seed=100 * trial + i) for i, x in enumerate(noises)]
        found = compare(data, *models, seed=trial)
        ends = [(value(found[m.label], "rank_low"), value(found[m.label], "rank_high"))
                for m in models]  # fmt: skip
        whole += all(a <= lo and hi <= b for (a, b), lo, hi in zip(ends, low, high, strict=True))
        narrow += ends[5] == (6, 6)
    assert whole >= 54
    assert narrow >= 54  # and they say something: the last is always last
