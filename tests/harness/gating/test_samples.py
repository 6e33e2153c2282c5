"""What a run keeps for paired tests: contents and labels by hash, and the card's tolerance."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from harness import run
from harness.gating import gate
from harness.records import read_records
from harness.sample_files import read_samples
from tests.conftest import Sharpness, card
from tests.harness.gating.small import dataset

PROTOCOLS = ("correlation", "linear-probe", "cross-dataset", "significance")


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """Two models on two datasets whose samples share their ids, under many protocols."""
    folder = tmp_path_factory.mktemp("run")
    drawn = dataset()
    other = replace(
        drawn,
        name="other",
        samples=tuple(
            replace(s, label=s.label + len(s.id) - i) for i, s in enumerate(drawn.samples)
        ),
    )
    models = [Sharpness(), Sharpness("twin", tolerance={"cpu": 0.5})]
    run(
        *(models, [drawn, other], PROTOCOLS),
        out=folder / "out",
        cache=folder / "cache",
        workers=1,
        progress=False,
    )
    return folder / "out"


def labels_of(folder, row) -> list[float]:
    return read_samples(folder / "records", row.samples)["label"].tolist()


def test_the_samples_of_a_row_are_stored_once_for_a_dataset(out):
    rows = [row for row in read_records(out / "records") if row.scores]
    assert rows
    assert all(row.samples for row in rows)
    assert len(list((out / "records" / "samples").iterdir())) == 2
    (row, *_) = [r for r in rows if (r.dataset, r.protocol) == ("drawn", "correlation")]
    table = read_samples(out / "records", row.samples)
    expected = pd.DataFrame(
        {
            "content": [s.content for s in dataset().samples],
            "label": [s.label for s in dataset().samples],
        },
        index=pd.Index([s.id for s in dataset().samples], name="id"),
    )
    pd.testing.assert_frame_equal(table, expected.sort_index(), check_dtype=False)


def test_the_samples_of_another_dataset_are_those_that_were_tested(out):
    rows = [row for row in read_records(out / "records") if row.scores]
    of = {r.dataset: r.samples for r in rows if r.protocol == "correlation"}
    crossed = {r.dataset: r.samples for r in rows if r.protocol == "cross-dataset"}
    assert crossed == {"drawn": of["other"], "other": of["drawn"]}


def test_rows_have_the_tolerance_of_their_device(out):
    found = {row.model: row.tolerance for row in read_records(out / "records")}
    assert found == {"sharpness": 1e-6, "twin": 0.5}


def test_a_device_that_is_not_named_has_the_largest_tolerance():
    assert card("m").tolerance_on("cuda") == card("m").tolerance_on("mps") == 1e-3
    assert card("m", tolerance={}).tolerance_on("cpu") == 0


def test_a_run_passes_beside_itself_with_every_headline_tested(out):
    report = gate(out, out)
    assert report.code == 0
    tested = {(f.subject[1], f.subject[2]) for f in report.about("Performance")}
    assert {protocol for _, protocol in tested} == set(PROTOCOLS) - {"significance"}
    assert all(f.effect.value == 0 for f in report.about("Performance"))
    assert any("depend on which models were run" in note for note in report.notes)
