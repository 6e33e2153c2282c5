"""A run: every combination becomes rows, nothing is computed twice, equal runs equal bytes."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from harness import load_dataset, run
from harness.images import decode
from harness.protocols.base import Protocol
from harness.records import read_records
from harness.runner import cores, run_suite
from harness.sample import Dataset, Pair, Sample
from harness.sample_files import read_scores
from harness.source import FileSource
from harness.suite import make_suite
from tests.conftest import Difference, Sharpness, card
from tests.harness.conftest import MEAN, rows_of


def computed(out: Path) -> tuple[int, int]:
    header = json.loads((out / "run.json").read_text())
    return header["results_computed"], header["results_reused"]


def everything(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# Numbers ---------------------------------------------------------------------------------


def test_rows_are_what_the_model_gives(go, tiny, tmp_path):
    frame = go([Sharpness(), Difference()], [tiny], out=tmp_path / "out")
    images = {s.id: decode(s.source.path).image.double() for s in tiny.images}
    sharpness = {i: float(image.diff(dim=2).abs().mean()) for i, image in images.items()}
    (row,) = rows_of(frame, model="sharpness", subset="all").to_dict("records")
    expected = np.mean([sharpness[s.id] for s in tiny.samples])
    assert row["value"] == pytest.approx(expected, abs=1e-12)
    assert (row["n_expected"], row["n_scored"], row["n_failed"]) == (18, 18, 0)
    assert row["images_hash"] == tiny.images_hash
    assert row["labels_hash"] == tiny.labels_hash

    (row,) = rows_of(frame, model="difference", subset="all").to_dict("records")
    scores = read_scores(tmp_path / "out" / "records", row["scores"])
    for sample in tiny.samples:
        error = (images[sample.id] - images[sample.reference]).square().mean()
        assert scores[sample.id] == pytest.approx(-float(error), rel=1e-12)


def test_the_rows_returned_are_the_rows_written(go, tiny, tmp_path):
    frame = go([Sharpness(), Difference()], [tiny], out=tmp_path / "out")
    written = read_records(tmp_path / "out" / "records")
    assert len(frame) == len(written) == 2 * 7
    assert {row.model for row in written} == set(frame["model"])


def test_scores_made_elsewhere_need_no_image(go, tiny, tmp_path):
    class Known:
        card = card("matlab")
        scores_by_id = {s.id: 1.0 for s in tiny.samples[1:]}  # noqa: RUF012

    gone = replace(tiny.samples[0], source=FileSource(tmp_path / "gone.png"))
    dataset = replace(tiny, samples=(gone, *tiny.samples[1:]))
    out = tmp_path / "out"
    (row,) = rows_of(go([Known()], [dataset], out=out), subset="all").to_dict("records")
    assert (row["value"], row["n_scored"], row["n_failed"]) == (1.0, 17, 1)
    assert computed(out) == (0, 0)
    record = json.loads((out / "records" / "matlab" / "tiny" / "mean.json").read_text())
    assert record["failures"]["score"][tiny.samples[0].id] == "the file has no score for it"


def test_failures_are_counted_and_named(go, tiny, tmp_path):
    (tmp_path / "photos" / "scene2_1.jpg").write_bytes(b"no image")
    (tmp_path / "photos" / "scene3_0.jpg").unlink()
    out = tmp_path / "out"
    frame = go([Sharpness(), Difference()], [tiny], out=out)
    (one,) = rows_of(frame, model="sharpness", subset="all").to_dict("records")
    assert (one["n_scored"], one["n_failed"]) == (17, 1)
    (pairs,) = rows_of(frame, model="difference", subset="all").to_dict("records")
    assert (pairs["n_scored"], pairs["n_failed"]) == (14, 4)
    record = json.loads((out / "records" / "difference" / "tiny" / "mean.json").read_text())
    assert set(record["failures"]["score_pair"]) == {
        "scene2_1.jpg",
        *(f"scene3_{level}.jpg" for level in (1, 2, 3)),
    }


# Again -------------------------------------------------------------------------------------


def test_a_second_run_computes_nothing_and_gives_the_same_bytes(go, tiny, tmp_path):
    model = Sharpness()
    go([model, Difference()], [tiny], out=tmp_path / "first")
    assert computed(tmp_path / "first") == (24 + 18, 0)
    seen = model.seen
    go([model, Difference()], [tiny], out=tmp_path / "second")
    assert computed(tmp_path / "second") == (0, 24 + 18)
    assert model.seen == seen
    first, second = (everything(tmp_path / out / "records") for out in ("first", "second"))
    assert first == second


def test_a_changed_label_recomputes_no_cell(go, tiny, tmp_path):
    model = Sharpness()
    before = go([model], [tiny])
    seen = model.seen
    relabeled = replace(tiny, samples=(replace(tiny.samples[0], label=9.0), *tiny.samples[1:]))
    after = go([model], [relabeled], out=tmp_path / "out")
    assert computed(tmp_path / "out") == (0, 24)
    assert model.seen == seen
    assert set(before["labels_hash"]) != set(after["labels_hash"])
    assert list(before["value"]) == list(after["value"])


def test_a_changed_image_recomputes(go, tiny, tmp_path):
    go([Sharpness()], [tiny])
    (tmp_path / "photos" / "scene0_1.jpg").write_bytes(
        (tmp_path / "photos" / "scene0_2.jpg").read_bytes()
    )
    go([Sharpness()], [replace(tiny)], out=tmp_path / "out")
    assert computed(tmp_path / "out") == (24, 0)


def test_another_icc_policy_is_another_cell(go, tiny, tmp_path):
    go([Sharpness()], [tiny])
    go([Sharpness()], [tiny], icc="ignore", out=tmp_path / "out")
    assert computed(tmp_path / "out") == (24, 0)


def test_protocols_that_need_the_same_cell_share_it(go, register, tiny, tmp_path):
    register("protocols", "again", Protocol("again", "1", "", "mean", MEAN.needs, MEAN.evaluate))
    go([Sharpness()], [tiny], ["mean", "again"], out=tmp_path / "out")
    assert computed(tmp_path / "out") == (24, 0)


def test_workers_executors_and_runs_give_identical_bytes(go, tiny, tmp_path):
    (tmp_path / "photos" / "scene2_1.jpg").write_bytes(b"no image")
    runs = {"serial": 1, "again": 1, "two": 2, "three": 3}
    for name, workers in runs.items():
        go(
            [Sharpness(), Sharpness("batches", batch_invariant=True), Difference()],
            [tiny],
            out=tmp_path / name,
            cache=tmp_path / f"cache-{name}",
            workers=workers,
            seed=3,
        )
    found = [everything(tmp_path / name / "records") for name in runs]
    assert len(found[0]) >= 3 + 3
    assert all(other == found[0] for other in found[1:])


def test_a_suite_gives_what_the_same_call_gives(go, register, tiny, table, tmp_path):
    register("models", "sharpness", Sharpness)
    dataset = load_dataset(str(table))
    frame = go(["sharpness"], [dataset], seed=5)
    suite = make_suite(
        "s", {"models": ["sharpness"], "datasets": [str(table)], "protocols": ["mean"], "seed": 5}
    )
    rows = run_suite(suite, cache=tmp_path / "other", workers=1, progress=False)
    assert [row.value for row in rows] == list(frame["value"])
    assert {row.seed for row in rows} == {5}


def test_the_header_says_what_the_bytes_do_not(go, tiny, tmp_path):
    out = tmp_path / "out"
    go([Sharpness()], [tiny], out=out, workers=2, seed=4)
    header = json.loads((out / "run.json").read_text())
    assert (header["workers"], header["seed"], header["hardware"]["device"]) == (2, 4, "cpu")
    assert torch.__version__.startswith(header["packages"]["torch"])
    assert header["seconds"] >= 0


@pytest.mark.parametrize("sd", [float("nan"), np.float32("inf"), None])
def test_numbers_of_other_libraries_go_into_records(register, tiny, tmp_path, sd):
    register("models", "sharpness", Sharpness)
    odd = tuple(
        Sample(s.id, s.source, s.content, np.float32(s.label), sd, np.int64(3))
        for s in tiny.samples
    )
    out = tmp_path / "out"
    settings = {"cache": tmp_path / "cache", "workers": 1, "progress": False}
    frame = run(["sharpness"], [Dataset("odd", odd, label_kind="mos")], out=out, **settings)
    assert frame["value"].notna().any()
    assert len(read_records(out / "records")) == len(frame)
    assert (odd[0].label_std, odd[0].raw_score, type(odd[0].label)) == (None, 3.0, float)


@pytest.mark.parametrize(("label", "words"), [(np.float32("inf"), "is inf"), ("good", "'good'")])
def test_a_label_that_is_no_number_is_refused_in_one_line(tiny, label, words):
    with pytest.raises(ValueError, match=words) as error:
        replace(tiny, samples=(replace(tiny.samples[0], label=label),))
    assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match="preference of 'p' is 'x', not a number"):
        Pair("p", "a", "b", "c", preference="x")
    assert type(Pair("p", "a", "b", "c", preference=np.float32(1)).preference) is float


def test_reading_the_images_is_reported_and_can_be_stopped(tiny):
    source = tiny.samples[0].source
    many = Dataset("many", tuple(Sample(f"{i:04d}", source, "c") for i in range(40)))
    ticks: list[int] = []
    assert many.hashed(ticks.append).images_hash == many.images_hash
    assert sum(ticks) == 40
    assert len(ticks) > 1
    read = []

    class Slow(FileSource):
        def fingerprint(self) -> str:
            read.append(self.path)
            time.sleep(0.001)
            return "x"

    def stop(n: int) -> None:
        raise KeyboardInterrupt

    slow = tuple(Sample(f"{i:04d}", Slow(Path("x")), "c") for i in range(4000))
    with pytest.raises(KeyboardInterrupt):
        Dataset("slow", slow).hashed(stop)
    assert len(read) < 1000


# Places --------------------------------------------------------------------------------


def test_only_processors_that_may_be_used_count(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0, 3, 5}, raising=False)
    assert cores() == 3


def test_without_out_nothing_but_the_cache_is_written(go, tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.iterdir())
    go([Sharpness()], [tiny])
    assert set(tmp_path.iterdir()) - before == {tmp_path / "cache"}


def test_an_object_whose_options_are_unknown_is_refused(go, tiny):
    with pytest.raises(ValueError, match="names no options"):
        go([Sharpness(options=None)], [tiny])


def test_files_replaced_behind_a_dataset_are_seen(go, tiny):
    (before,) = rows_of(go([Sharpness()], [tiny]), subset="all").to_dict("records")
    path = tiny.samples[0].source.path
    path.write_bytes(tiny.samples[-1].source.path.read_bytes())
    (after,) = rows_of(go([Sharpness()], [tiny]), subset="all").to_dict("records")
    assert before["images_hash"] != after["images_hash"]
    assert before["value"] != after["value"]
