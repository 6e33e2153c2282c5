"""Records kept for good: what is added, what is refused, and what two people made together."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from harness import upgrade
from harness.about import DatasetFacts, about_bytes, card_content, dataset_path
from harness.collection import add, merge, validate
from harness.collection.folders import file_path
from harness.model import ModelCard
from harness.records import (
    Record,
    Row,
    load_record,
    read_record,
    read_records,
    record_bytes,
    write_record,
)
from harness.sample import Sample
from harness.sample_files import write_samples, write_scores
from harness.source import FileSource

OLD = Path(__file__).parent / "old"


def row(**changes: object) -> Row:
    fixed = {
        **dict.fromkeys(("weights", "reason", "ci_method", "published_source"), None),
        **{"model": "alpha", "model_version": "1", "options": "{}", "mode": "NR", "weights": ""},
        **{"dataset": "tiny", "images_hash": "i1", "labels_hash": "l1", "label_kind": "mos"},
        **{"decoding": "exif-srgb@1", "device": "cpu", "others": "{}", "protocol": "correlation"},
        **{"protocol_version": "2", "protocol_options": "{}", "split": "all", "subset": "all"},
        **{"metric": "srcc", "value": 0.5, "ci_low": 0.25, "ci_high": 0.75, "seed": 0},
        **{"n_expected": 3, "n_scored": 3, "n_failed": 0, "published": None, "marks": ()},
        **{"contamination": "none", "scores": None},
    }
    return Row(**{**fixed, **changes})  # type: ignore[arg-type]


def keep(folder: Path, *rows: Row, scores: dict[str, float] | None = None) -> Path:
    """Write a record whose rows name ``scores``."""
    name = write_scores(folder, scores or {"a": 1.0, "b": 2.0, "c": 3.0})
    rows = tuple(replace(each, scores=name) for each in rows)
    record = Record(rows, {"score": {}}, rows[0].model, rows[0].protocol)
    write_record(folder, record)
    return folder / record.path


def tell(folder: Path, name: str, labels: str) -> None:
    """Write what is known of a dataset."""
    facts = DatasetFacts(name, "mos", "unknown", "", (), 3, 3, 0, "i1", labels)
    path = folder / dataset_path(name, "i1", labels)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(about_bytes(asdict(facts)))


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def whats(changes: list) -> list[str]:
    return [change.what for change in changes]


# Adding ----------------------------------------------------------------------------------


def test_what_a_run_wrote_is_kept_as_it_is_and_adding_it_again_changes_nothing(tmp_path):
    run, kept = tmp_path / "run", tmp_path / "kept"
    keep(run / "records", row())
    keep(run / "records", row(protocol="mean"))
    assert whats(add(run, kept)) == ["new", "new"]
    assert files(kept) == files(run / "records")
    assert whats(add(run, kept)) == ["equal", "equal"]
    assert files(kept) == files(run / "records")
    assert validate(kept) == []


def test_another_number_of_the_same_inputs_is_refused_and_nothing_is_written(tmp_path):
    kept, run = tmp_path / "kept", tmp_path / "run"
    keep(kept, row(), row(metric="plcc"))
    before = files(kept)
    keep(run, row(value=0.6), row(metric="plcc", value=0.51), scores={"a": 9.0})
    keep(run, row(model="beta"))
    refused, new = add(run, kept)
    assert (refused.what, new.what) == ("refused", "new")
    assert refused.why == "srcc 0.5 → 0.6, the most of 2 values; not the same: scores"
    assert files(kept) == before

    assert whats(add(run, kept, replace=True)) == ["replaced", "new"]
    assert files(kept) == files(run)  # and the scores that nothing names any more are gone


@pytest.mark.parametrize(
    "name", ["model_version", "weights", "images_hash", "labels_hash", "others", "protocol_version"]
)
def test_another_number_of_other_inputs_takes_the_place(tmp_path, name):
    keep(tmp_path / "kept", row())
    other = "7" * 20 if name != "others" else '{"live":["7","7"]}'
    keep(tmp_path / "run", row(value=0.6, **{name: other}))
    (change,) = add(tmp_path / "run", tmp_path / "kept")
    assert change.what == "replaced"
    assert change.why.startswith(f"{name} ")
    assert change.why.endswith(f" → {other[:12]}…; srcc 0.5 → 0.6")
    (found,) = read_records(tmp_path / "kept")
    assert found.value == 0.6


@pytest.mark.parametrize(
    ("name", "was", "now", "what"),
    [
        ("protocol_version", "3", "2", "refused"),
        ("protocol_version", "10", "9", "refused"),
        ("model_version", "1.10", "1.9", "refused"),
        ("model_version", "2+1", "1+1", "refused"),
        ("model_version", "2+1", "2", "replaced"),  # not of as many things
        ("model_version", "b", "a", "replaced"),  # no numbers
        ("model_version", "1.9", "1.9.1", "replaced"),
    ],
)
def test_an_older_version_does_not_take_the_place_of_a_newer_one(tmp_path, name, was, now, what):
    kept, run = tmp_path / "kept", tmp_path / "run"
    keep(kept, row(**{name: was}))
    keep(run, row(value=0.6, images_hash="i2", **{name: now}))
    (change,) = add(run, kept)
    assert change.what == what
    told = f"{name} {was} → {now}; images_hash i1 → i2; srcc 0.5 → 0.6"
    if name == "protocol_version":
        told = f"images_hash i1 → i2; {name} {was} → {now}; srcc 0.5 → 0.6"
    older = f"of an older {name} than what is kept; " if what == "refused" else ""
    assert change.why == older + told
    assert whats(add(run, kept, replace=True)) == ["equal" if what == "replaced" else "replaced"]


def test_a_skip_does_not_take_the_place_of_numbers(tmp_path):
    keep(tmp_path / "kept", row())
    none = dict.fromkeys(("value", "ci_low", "ci_high"))
    keep(tmp_path / "run", row(weights="", model_version="", reason="no weights", **none))
    (change,) = add(tmp_path / "run", tmp_path / "kept")
    assert change.what == "refused"
    assert "has no numbers" in change.why
    assert whats(add(tmp_path / "run", tmp_path / "kept", replace=True)) == ["replaced"]


def test_what_was_open_may_be_filled_in_but_not_emptied(tmp_path):
    keep(tmp_path / "kept", row())
    keep(tmp_path / "run", row(published=0.52, published_source="a paper"))
    (change,) = add(tmp_path / "run", tmp_path / "kept")
    assert change.what == "replaced"
    assert change.why == "fills in: not the same: published, published_source"
    keep(tmp_path / "again", row())
    assert whats(add(tmp_path / "again", tmp_path / "kept")) == ["refused"]


def test_scores_are_the_same_whatever_version_wrote_their_file(tmp_path):
    keep(tmp_path / "kept", row())
    path = keep(tmp_path / "run", row())
    (name,) = {each.scores for each in read_record(path)}
    old = tmp_path / "run" / "scores" / f"{name}.parquet"
    pq.write_table(pq.read_table(old), tmp_path / "other", compression="gzip")
    other = hashlib.sha256((tmp_path / "other").read_bytes()).hexdigest()
    assert other != name
    old.unlink()
    shutil.copy(tmp_path / "other", old.with_name(f"{other}.parquet"))
    record = load_record(path)
    write_record(
        tmp_path / "run", replace(record, rows=tuple(replace(r, scores=other) for r in record.rows))
    )
    before = files(tmp_path / "kept")
    assert whats(add(tmp_path / "run", tmp_path / "kept")) == ["equal"]
    assert files(tmp_path / "kept") == before


def test_a_record_that_was_edited_is_not_added(tmp_path):
    path = keep(tmp_path / "run", row())
    path.write_text(path.read_text().replace("0.5,", "0.7,").replace("0.5\n", "0.7\n"))
    with pytest.raises(ValueError, match=r"alpha/tiny/correlation\.json: it was edited"):
        add(tmp_path / "run", tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


def test_scores_that_nothing_names_any_more_are_removed(tmp_path):
    keep(tmp_path / "kept", row(), scores={"a": 1.0})
    keep(tmp_path / "kept", row(model="beta"), scores={"a": 2.0})
    keep(tmp_path / "run", row(value=0.6), scores={"a": 2.0})
    add(tmp_path / "run", tmp_path / "kept", replace=True)
    assert len(list((tmp_path / "kept" / "scores").iterdir())) == 1
    assert validate(tmp_path / "kept") == []


def test_what_is_told_of_a_dataset_that_nothing_names_any_more_is_removed(tmp_path):
    kept, run = tmp_path / "kept", tmp_path / "run"
    keep(kept, row())
    keep(run, row(labels_hash="l2"))
    for folder, labels in ((kept, "l1"), (run, "l2")):
        tell(folder, "tiny", labels)
    assert whats(add(run, kept)) == ["replaced"]
    assert files(kept) == files(run)


@pytest.mark.parametrize("kind", ["scores", "samples"])
@pytest.mark.parametrize("replacing", [False, True])
def test_a_name_that_leads_out_of_the_collection_removes_nothing(tmp_path, kind, replacing):
    kept, run, victim = tmp_path / "kept", tmp_path / "run", tmp_path / "victim.parquet"
    victim.write_text("precious")
    record = load_record(keep(kept, row()))
    rows = (replace(record.rows[0], **{kind: "../../victim"}),)
    write_record(kept, replace(record, rows=rows))
    keep(run, row(protocol_version="9"))
    with pytest.raises(ValueError, match=rf"not a readable record: all rows: {kind} is no SHA-256"):
        add(run, kept, replace=replacing)
    assert victim.read_text() == "precious"
    with pytest.raises(ValueError, match=r"'\.\./\.\./victim' is no SHA-256, so no name of "):
        file_path(kept, kind, "../../victim")


def test_labels_are_copied_only_where_that_is_asked_for(tmp_path):
    run, kept = tmp_path / "run", tmp_path / "kept"
    path = keep(run, row(subset="type=noise"))  # a part, which is not computed again
    name = write_samples(run, [Sample("a", FileSource(path), "scene", label=1.0)])
    record = load_record(path)
    write_record(run, replace(record, rows=(replace(record.rows[0], samples=name),)))
    add(run, kept)
    assert not (kept / "samples").exists()
    assert whats(add(run, kept, labels=True)) == ["equal"]
    assert files(kept).keys() == files(run).keys()


@pytest.mark.parametrize("made", [True, False])
def test_a_folder_without_records_is_refused(tmp_path, made):
    if made:
        (tmp_path / "run").mkdir()
    with pytest.raises(ValueError, match=r"run (has no records|is no folder here): name a folder"):
        add(tmp_path / "run", tmp_path / "kept")


# Merging ---------------------------------------------------------------------------------


def test_records_of_two_people_merge_without_a_conflict(tmp_path):
    mine, yours, out = tmp_path / "mine", tmp_path / "yours", tmp_path / "out"
    for folder in (mine, yours):
        keep(folder, row(model="shared"))
    keep(mine, row(model="alpha"), scores={"a": 5.0})
    keep(yours, row(model="beta"), scores={"b": 7.0})
    merged = merge([mine, yours], out)
    assert (merged.n_records, merged.conflicts) == (3, ())
    assert files(out) == {**files(mine), **files(yours)}
    assert validate(out) == []
    assert merge([yours, mine], tmp_path / "turned").conflicts == ()
    assert files(tmp_path / "turned") == files(out)


def test_two_numbers_of_one_place_are_a_conflict_and_nothing_is_written(tmp_path):
    mine, yours, out = tmp_path / "mine", tmp_path / "yours", tmp_path / "out"
    keep(mine, row(), row(metric="plcc"))
    keep(yours, row(value=0.625))
    keep(yours, row(model="beta"))
    (conflict,) = merge([mine, yours], out).conflicts
    assert (conflict.place, conflict.one, conflict.other) == (
        "alpha/tiny/correlation.json", mine, yours,
    )  # fmt: skip
    assert conflict.why == "1 row gone, first plcc; srcc 0.5 → 0.625"
    assert not out.exists()


def test_what_the_target_holds_takes_part(tmp_path):
    mine, out = tmp_path / "mine", tmp_path / "out"
    keep(mine, row(value=0.6))
    keep(out, row())
    before = files(out)
    assert len(merge([mine], out).conflicts) == 1
    assert files(out) == before
    keep(mine, row(model="beta"))
    (mine / "alpha/tiny/correlation.json").unlink()
    assert merge([mine], out).n_records == 2
    assert {r.model for r in read_records(out)} == {"alpha", "beta"}


def test_of_two_that_say_the_same_the_one_that_says_more_is_taken(tmp_path):
    keep(tmp_path / "plain", row())
    keep(tmp_path / "more", row(published=0.5))
    for i, order in enumerate((["plain", "more"], ["more", "plain"])):
        merge([tmp_path / name for name in order], tmp_path / f"out{i}")
        assert files(tmp_path / f"out{i}") == files(tmp_path / "more")


def test_of_two_cards_that_of_the_newer_version_is_kept_however_long_it_is(tmp_path):
    versions = {"a": "9" * 5000, "b": "1" + "0" * 5000, "c": "10.2", "d": "x"}
    for name, version in versions.items():
        keep(tmp_path / name, row(model_version="1"))
        card = card_content(ModelCard(name="alpha", version=version, mode="NR", options={}))
        (tmp_path / name / "cards").mkdir()
        (tmp_path / name / "cards" / "alpha.json").write_bytes(about_bytes(card))
    for i, order in enumerate((sorted(versions), sorted(versions, reverse=True))):
        merge([tmp_path / name for name in order], tmp_path / f"out{i}")
        found = json.loads((tmp_path / f"out{i}" / "cards/alpha.json").read_text())
        assert found["version"] == versions["b"]


# Older schemas ---------------------------------------------------------------------------


def test_a_fixture_is_kept_of_each_older_schema():
    assert {p.name for p in OLD.iterdir()} >= {f"schema-{number}" for number in upgrade.STEPS}
    assert sorted(upgrade.STEPS) == list(range(1, upgrade.SCHEMA))


def test_a_record_of_schema_1_loads_with_all_that_it_says():
    record = load_record(OLD / "schema-1/level/tiny/fine-tune.json")
    found = {r.metric: r for r in record.rows}
    assert found["srcc"].value == 0.931372549019608
    assert (found["srcc"].n_expected, found["srcc"].n_scored, found["srcc"].n_failed) == (18, 17, 1)
    assert (found["srcc"].samples, found["srcc"].tolerance) == (None, None)
    assert [fit["train"] for fit in record.fits] == [9, 12, 12, 12, 12]
    assert list(record.failures) == ["score after fit 4"]
    skips = read_record(OLD / "schema-1/difference/tiny/linear-probe.json")
    assert [(r.value, r.marks) for r in skips] == [(None, ("not applicable",))]


def test_older_records_are_valid_and_are_kept_in_the_newest_schema(tmp_path):
    source = OLD / "schema-1"
    assert {fault.text for fault in validate(source)} == {
        "of schema 1, which had no digest: an edit could not be told"
    }
    assert all(fault.remark for fault in validate(source))
    assert set(whats(add(source, tmp_path))) == {"new"}
    assert validate(tmp_path) == []
    assert read_records(tmp_path) == read_records(source)
    for path in tmp_path.glob("*/*/*.json"):
        assert json.loads(path.read_text())["schema"] == upgrade.SCHEMA
        assert record_bytes(load_record(path)) == path.read_bytes()
    assert set(whats(add(source, tmp_path))) == {"equal"}


def test_an_older_record_in_the_collection_is_brought_up_when_its_equal_is_added(tmp_path):
    shutil.copytree(OLD / "schema-1", tmp_path / "kept")
    add(OLD / "schema-1", tmp_path / "kept")
    assert validate(tmp_path / "kept") == []


def test_the_step_from_schema_1_leaves_its_argument_alone():
    content = {"schema": 1, "shared": {"model": "m", "samples": "kept"}, "rows": []}
    found = upgrade.upgraded(content)
    assert content["schema"] == 1
    assert found["shared"] == {"model": "m", "samples": "kept", "tolerance": None}
    assert upgrade.upgraded(found) is found
