"""What a run tells of its models and datasets, and how it comes into a collection."""

import json
from hashlib import sha256
from pathlib import Path

import pytest

from baselines import controls
from harness import ModelCard, run
from harness.about import (
    about_bytes,
    about_paths,
    card_content,
    read_about,
    read_card,
    read_dataset,
    source_of,
)
from harness.collection import add, merge, validate
from harness.model import Weights
from harness.records import read_records

MODELS = ["control:luminance", "control:constant"]


@pytest.fixture
def out(tmp_path, tiny):
    folder = tmp_path / "run"
    run(MODELS, [tiny], ["correlation"], out=folder / "out", cache=folder / "cache", workers=1)
    return folder / "out"


def test_every_row_of_a_run_has_its_card_and_its_dataset(out, tiny):
    rows = read_records(out / "records")
    assert {row.model for row in rows} == set(MODELS)
    for row in rows:
        card, dataset = (read_about(out / "records" / name) for name in about_paths(row))
        assert (card["name"], card["version"]) == (row.model, row.model_version)
        assert card["control"] is True
        assert card["source"] == sha256(Path(controls.__file__).read_bytes()).hexdigest()
        assert dataset["n_samples"] == len(tiny.samples)
        assert dataset["images_hash"] == row.images_hash
        assert dataset["label_kind"] == row.label_kind


def test_a_collection_takes_them_and_stays_valid(out, tmp_path):
    add(out, tmp_path / "kept")
    add(out, tmp_path / "kept")
    merge([tmp_path / "kept", out], tmp_path / "merged")
    for folder in (tmp_path / "kept", tmp_path / "merged"):
        for row in read_records(folder):
            for name in about_paths(row):
                assert (folder / name).read_bytes() == (out / "records" / name).read_bytes()


def test_a_card_tells_no_folder(tmp_path):
    card = ModelCard(
        "mine", "1", "NR", weights=(Weights("w.pth", "0" * 64),), options={"weights": str(tmp_path)}
    )
    content = card_content(card)
    assert content["options"] == {"weights": tmp_path.name}
    assert content["weights"][0]["sha256"] == "0" * 64
    assert json.loads(json.dumps(content)) == content


def test_code_without_a_file_has_no_source():
    made: dict = {}
    exec("class Model: pass", made)
    assert source_of(made["Model"]()) is None
    assert source_of(3) is None


@pytest.mark.parametrize("text", ["", "{", "[1]", "7"])
def test_a_broken_file_is_named(tmp_path, text):
    (tmp_path / "card.json").write_text(text)
    with pytest.raises(ValueError, match=r"card\.json is not readable"):
        read_about(tmp_path / "card.json")


@pytest.mark.parametrize("read", [read_card, read_dataset])
@pytest.mark.parametrize(
    "text", ["{}", '{"name": 3}', '{"name": "a", "version": "1", "mode": "x"}']
)
def test_what_lacks_a_fact_is_told_in_one_line(tmp_path, read, text):
    (tmp_path / "card.json").write_bytes(about_bytes(json.loads(text)))
    with pytest.raises(ValueError, match=r"card\.json is not readable: \w+: ") as raised:
        read(tmp_path / "card.json")
    assert "\n" not in str(raised.value)
    assert "http" not in str(raised.value)


def test_a_card_is_read_with_all_its_fields(tmp_path):
    weights = (Weights("w.pth", "0" * 64),)
    card = ModelCard("mine", "1", "NR", weights=weights, channel_types=(("blur", "blur", 1),))
    (tmp_path / "card.json").write_bytes(about_bytes(card_content(card)))
    assert read_card(tmp_path / "card.json") == card_content(card)
    told = {"name": "mine", "version": "1", "mode": "NR"}
    (tmp_path / "card.json").write_bytes(about_bytes(told))
    least = card_content(ModelCard("mine", "1", "NR"))
    assert read_card(tmp_path / "card.json") == {**least, "options": None}


def test_an_edit_is_noticed_by_every_reader(out):
    (path,) = (out / "records" / "datasets").glob("*.json")
    path.write_text(path.read_text().replace('"n_contents": 6', '"n_contents": 4000'))
    with pytest.raises(ValueError, match="was edited after it was written"):
        read_about(path)
    (fault,) = validate(out / "records")
    assert "its digest does not fit" in fault.text
    with pytest.raises(ValueError, match="its digest does not fit"):
        add(out, out.parent / "kept")


def test_a_card_in_the_place_of_another_is_noticed(out):
    folder = out / "records" / "cards"
    one, other = sorted(folder.glob("*.json"))
    one.write_bytes(other.read_bytes())
    assert [fault.place for fault in validate(out / "records")] == [f"cards/{one.name}"]


def test_of_two_tellings_merge_takes_the_newest_whatever_the_order(out, tmp_path):
    for version in ("9", "10"):
        add(out, tmp_path / version)
        for path in (tmp_path / version / "cards").glob("*.json"):
            path.write_bytes(about_bytes({**read_about(path), "version": version}))
    sources = [tmp_path / "9", tmp_path / "10"]
    merge(sources, tmp_path / "one")
    merge(sources[::-1], tmp_path / "other")
    for folder in (tmp_path / "one", tmp_path / "other"):
        versions = {read_about(path)["version"] for path in (folder / "cards").glob("*.json")}
        assert versions == {"10"}
