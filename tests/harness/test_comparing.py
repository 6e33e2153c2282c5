"""Comparisons of all models of a dataset, needs on every other dataset, published values."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.protocols.base import EVERY_OTHER, Comparison, Entrant, Inputs, Measure, Need, Protocol
from harness.records import read_records
from harness.runner import run_suite
from harness.sample import Dataset
from harness.sample_files import read_scores
from harness.suite import make_suite
from tests.conftest import Sharpness
from tests.harness.conftest import rows_of

SCORE = Need("score")


def headline(inputs: Inputs) -> list[Measure]:
    output = inputs.outputs[SCORE]
    scores = dict(zip(output.ids, output.values.tolist(), strict=True))
    n = len(inputs.dataset.samples)
    return [Measure("srcc", 0.5, n, n, 0, scores=scores), Measure("plcc", 0.4, n, n, 0)]


SCORES = Protocol("scores", "1", "scores", "srcc", lambda *_: (SCORE,), headline)


def gap(dataset: Dataset, entrants: tuple[Entrant, ...], seed: int) -> dict[str, list[Measure]]:
    """For each entrant, by how much its mean score exceeds that of each other."""
    mean = {e.label: sum(e.scores.values()) / len(e.scores) for e in entrants if e.scores}
    return {
        a: [
            Measure("gap", mean[a] - mean[b], 1, 1, 0, subset=f"versus={b}", scores={"s": 1.0})
            for b in mean
            if b != a
        ]
        for a in mean
    }


GAP = Comparison("gap", "1", "gap", "gap", gap)


@pytest.fixture
def registered(register):
    register("protocols", "scores", SCORES)
    register("protocols", "gap", GAP)


def test_models_are_compared_and_keep_a_record_each(go, registered, tiny, tmp_path):
    class Twice(Sharpness):
        def score(self, images):
            return 2 * super().score(images)

    models = [Sharpness("a"), Twice("b"), Sharpness("c", options={"x": 1})]
    frame = go(models, [tiny], ["scores", "gap"], out=tmp_path / "out")
    gaps = rows_of(frame, protocol="gap").set_index(["model", "subset"])["value"]
    assert set(gaps.index) == {
        (m, f"versus={o}") for m in "abc" for o in "abc" if o != m
    }  # fmt: skip
    assert gaps["a", "versus=b"] == -gaps["b", "versus=a"] < 0
    assert gaps["a", "versus=c"] == 0
    row = next(r for r in read_records(tmp_path / "out" / "records") if r.metric == "gap")
    assert (row.dataset, row.labels_hash, row.protocol_version) == ("tiny", tiny.labels_hash, "1")
    assert read_scores(tmp_path / "out" / "records", row.scores) == {"s": 1.0}


def test_two_models_of_one_name_have_labels_of_their_own(go, registered, tiny):
    models = [Sharpness("a", options={"x": x}) for x in (1, 2)]
    frame = go(models, [tiny], ["scores", "gap"])
    (one,), (two,) = (
        set(rows_of(frame, protocol="gap", options=f'{{"x":{x}}}')["subset"]) for x in (1, 2)
    )
    assert one != two


def test_nothing_to_compare_is_a_row(go, registered, tiny):
    frame = go([Sharpness("a"), "no-such-model"], [tiny], ["gap", "mean"])
    rows = rows_of(frame, protocol="gap")
    assert set(rows["model"]) == {"a", "no-such-model"}
    assert rows["reason"].str.startswith("nothing to compare").all()


def test_a_comparison_alone_is_refused(go, registered, tiny):
    with pytest.raises(ValueError, match="gap compares what other protocols measure: add"):
        go([Sharpness("a")], [tiny], ["gap"])


def test_a_comparison_that_fails_costs_its_own_rows(go, register, registered, tiny):
    def broken(*_: object) -> dict[str, list[Measure]]:
        raise RuntimeError("no\nluck")

    register("protocols", "broken", Comparison("broken", "1", "-", "gap", broken))
    frame = go([Sharpness("a")], [tiny], ["scores", "broken"])
    assert rows_of(frame, protocol="broken")["reason"].tolist() == [
        "broken failed: RuntimeError: no luck"
    ]
    assert rows_of(frame, protocol="scores")["value"].notna().all()


def test_a_need_on_every_other_dataset(go, register, tiny):
    def across(inputs: Inputs) -> list[Measure]:
        return [
            Measure(
                "n", float(len(out.ids)), 1, 1, 0, subset=f"test={inputs.others[n.dataset].name}"
            )
            for n, out in inputs.outputs.items()
            if n.dataset is not None
        ]

    needs = (SCORE, Need("score", dataset=EVERY_OTHER))
    register("protocols", "across", Protocol("across", "1", "-", "n", lambda *_: needs, across))
    small = replace(tiny, name="small", samples=tiny.samples[:3])
    bare = replace(tiny, name="bare", label_kind="none")
    frame = go([Sharpness("a")], [tiny, small, bare, "no.csv"], ["across"])
    rows = rows_of(frame, protocol="across")
    assert set(rows_of(rows, dataset="tiny")["subset"]) == {"test=small"}
    assert set(rows_of(rows, dataset="small")["subset"]) == {"test=tiny"}
    assert set(rows_of(rows, dataset="bare")["subset"]) == {"test=tiny", "test=small"}
    assert "small" in rows_of(rows, dataset="tiny")["others"].item()


def test_records_name_another_dataset_by_its_name_not_by_its_place(
    go, register, tiny, photos, tmp_path
):
    table = photos / "labels.csv"
    table.write_text("image,label\nscene0_0.jpg,1\nscene1_0.jpg,2\nbroken.jpg,3\n")

    def counted(inputs: Inputs) -> list[Measure]:
        return [Measure("n", float(len(inputs.outputs)), 1, 1, 0)]

    needs = (SCORE, Need("score", dataset=EVERY_OTHER))
    register("protocols", "across", Protocol("across", "1", "-", "n", lambda *_: needs, counted))
    go([Sharpness("a")], [tiny, str(table)], ["across"], out=tmp_path / "out")
    texts = [path.read_text() for path in (tmp_path / "out" / "records").rglob("*.json")]
    assert any("score on labels" in text for text in texts)
    assert not any(str(photos) in text for text in texts)


def test_published_values_stand_in_the_rows(register, registered, tiny, tmp_path):
    register("models", "a", lambda: Sharpness("a"))
    register("datasets", "tiny", lambda: tiny)
    suite = make_suite("s", {"models": ["a"], "datasets": ["tiny"], "protocols": ["scores"]})

    def paper(row):
        return (0.9, "A. Author 2020, Table 1") if row.metric == "srcc" else None

    rows = run_suite(suite, cache=tmp_path / "cache", progress=False, published=paper)
    assert {r.metric: (r.published, r.published_source) for r in rows} == {
        "srcc": (0.9, "A. Author 2020, Table 1"),
        "plcc": (None, None),
    }
