"""Hugging Face tables as datasets: saved to disk here, so that nothing is downloaded."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import datasets as hf
import numpy as np
import pytest
import torch
from PIL import Image

from harness.datasets.hub_table import RowSource, load_hub
from harness.images import Decoded, DecodePolicy, Failure
from harness.sample import Damage
from harness.source import FileSource, Source


def encoded(seed: int, kind: str = "PNG") -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format=kind)
    return file.getvalue()


def table(n: int = 6, first: int = 0, names: bool = True, **columns: list[Any]) -> hf.Dataset:
    """``n`` images with "mos" and whatever is given; ``pristine`` are seeds of references."""
    seeds = range(first, first + n)
    rows = {
        "picture": [{"bytes": encoded(i), "path": f"{i}.png" if names else None} for i in seeds],
        "mos": [float(i % 5) for i in seeds],
    }
    features = {"picture": hf.Image(), "mos": hf.Value("float64")}
    if pristine := columns.pop("pristine", None):
        rows["pristine"] = [{"bytes": encoded(i), "path": None} for i in pristine]
        features["pristine"] = hf.Image()
    for name, values in columns.items():
        rows[name] = values
        features[name] = hf.Value("float64" if isinstance(values[0], float) else "string")
    return hf.Dataset.from_dict(rows, features=hf.Features(features))


@pytest.fixture
def saved(tmp_path):
    """Saves a table or a mapping of splits and loads it by ``load_hub``."""

    def save(content: hf.Dataset | dict[str, hf.Dataset], /, **options: Any):
        if isinstance(content, dict):
            content = hf.DatasetDict(content)
        folder = tmp_path / f"saved-{len(list(tmp_path.iterdir()))}"
        content.save_to_disk(str(folder))
        return load_hub(str(folder), image="picture", **options)

    return save


def test_images_labels_and_names(saved):
    dataset = saved(table(), label="mos")
    assert [s.id for s in dataset.samples] == [f"{i}.png" for i in range(6)]
    assert [s.label for s in dataset.samples] == [0, 1, 2, 3, 4, 0]
    assert [s.content for s in dataset.samples] == [s.id for s in dataset.samples]
    assert {s.split for s in dataset.samples} == {None}
    assert (dataset.label_kind, dataset.references, dataset.pairs) == ("mos", (), ())


def test_pixels_and_fingerprint_are_those_of_the_file(saved, tmp_path):
    source = saved(table()).samples[2].source
    path = tmp_path / "2.png"
    path.write_bytes(encoded(2))
    assert isinstance(source, Source)
    assert source.fingerprint() == FileSource(path).fingerprint()
    wanted = FileSource(path).load(DecodePolicy())
    assert torch.equal(source.load(DecodePolicy()).image, wanted.image)
    assert source.alpha() is None
    again = pickle.loads(pickle.dumps(source))  # as to another process
    assert torch.equal(again.load(DecodePolicy()).image, wanted.image)


def test_decoding_is_ours_and_not_the_library_s(saved):
    """A 16-bit gray image: Pillow alone would cut its values off."""
    file = io.BytesIO()
    ramp = np.linspace(0, 65535, 192).astype(np.uint16).reshape(12, 16)
    Image.fromarray(ramp).save(file, format="PNG")
    rows = {"picture": [{"bytes": file.getvalue(), "path": "a.png"}]}
    content = hf.Dataset.from_dict(rows, features=hf.Features({"picture": hf.Image()}))
    image = saved(content).samples[0].source.load(DecodePolicy()).image
    assert image[0].flatten().tolist() == np.rint(ramp / 257).astype(int).ravel().tolist()


def test_every_column(saved):
    content = table(
        3,
        pristine=[90, 91, 90],
        sd=[0.5, 0.25, 0.125],
        scene=["x", "y", "x"],
        kind=["jpeg", "blur", ""],
        level=[1.0, 2.0, 3.0],
        key=["one", "two", "three"],
    )
    columns = {"label": "mos", "label_std": "sd", "reference": "pristine", "content": "scene"}
    columns |= {"distortion": "kind", "severity": "level", "id": "key"}
    dataset = saved(content, **columns, title="mine", label_kind="dmos", better="lower")
    one, two, three = dataset.samples
    assert (one.id, one.content, one.label_std) == ("one", "x", 0.5)
    assert (two.label, two.raw_score, two.damages) == (-1.0, 1.0, (Damage("blur", 2.0),))
    assert three.damages == ()
    assert one.reference == three.reference != two.reference
    assert [(r.id, r.content) for r in dataset.references] == sorted(
        [(one.reference, "x"), (two.reference, "y")]
    )
    assert len(dataset.pairs) == 3
    assert (dataset.name, dataset.label_kind) == ("mine", "dmos")
    pristine = {r.id: r for r in dataset.references}[two.reference]
    path_free = pristine.source.load(DecodePolicy())
    assert isinstance(path_free, Decoded)
    assert len(dataset.images_hash) == 64


def test_references_are_contents_where_none_are_named(saved):
    dataset = saved(table(4, pristine=[90, 91, 90, 91]), reference="pristine")
    assert len({s.content for s in dataset.samples}) == 2
    assert all(s.content == s.reference for s in dataset.samples)


def test_a_reference_that_is_a_sample_is_listed_once(saved):
    dataset = saved(table(3, names=False, pristine=[0, 0, 2]), reference="pristine")
    assert dataset.references == ()
    ids = [s.id for s in dataset.samples]
    assert [s.reference for s in dataset.samples] == [ids[0], ids[0], ids[2]]


def test_splits_become_official_parts(saved):
    parts = {"train": table(4), "validation": table(2, first=4), "test": table(3, first=6)}
    dataset = saved(parts, label="mos")
    assert [s.split for s in dataset.samples] == ["training"] * 4 + ["validation"] * 2 + [
        "test"
    ] * 3
    only = saved(parts, label="mos", split="test")
    assert [s.id for s in only.samples] == ["6.png", "7.png", "8.png"]
    with pytest.raises(ValueError, match="no split 'held-out'; there are: train, validation, test"):
        saved(parts, split="held-out")


def test_order_changes_neither_ids_nor_labels(saved):
    for names in (True, False):
        content = table(6, names=names)
        straight = saved(content, label="mos")
        shuffled = saved(content.shuffle(seed=3), label="mos")
        assert {s.id: s.label for s in straight.samples} == {
            s.id: s.label for s in shuffled.samples
        }
        assert [s.id for s in straight.samples] != [s.id for s in shuffled.samples]
        assert straight.images_hash == shuffled.images_hash


def test_a_selection_that_lies_in_memory_only_is_read_by_its_rows(saved):
    picked = table(6).select([4, 1])
    dataset = saved(picked, label="mos")
    assert [(s.id, s.label) for s in dataset.samples] == [("4.png", 4.0), ("1.png", 1.0)]
    assert dataset.samples[0].source.encoded() == encoded(4)


def test_labels_that_are_none_are_none(saved):
    dataset = saved(table(2, score=[1.5, float("nan")]), label="score")
    assert [s.label for s in dataset.samples] == [1.5, None]
    assert saved(table(2)).label_kind == "none"


def test_parquet_folders(tmp_path, monkeypatch):
    monkeypatch.setattr(hf.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    folder = tmp_path / "mine" / "data"
    folder.mkdir(parents=True)
    table(4).to_parquet(str(folder / "train-00000-of-00001.parquet"))
    table(2, first=4).to_parquet(str(folder / "test-00000-of-00001.parquet"))
    dataset = load_hub("mine", tmp_path, image="picture", label="mos")
    assert {s.id: s.split for s in dataset.samples} == {
        f"{i}.png": "training" if i < 4 else "test" for i in range(6)
    }
    assert isinstance(dataset.samples[0].source.load(DecodePolicy()), Decoded)


def test_images_that_are_gone_or_broken(saved, tmp_path):
    cells = [
        {"bytes": encoded(1), "path": None},
        None,
        {"bytes": b"no image", "path": None},
    ]
    rows = {"picture": cells, "key": ["a", "b", "c"]}
    features = hf.Features({"picture": hf.Image(), "key": hf.Value("string")})
    content = hf.Dataset.from_dict(rows, features=features)
    one, two, three = saved(content, id="key").samples
    assert isinstance(one.source.load(DecodePolicy()), Decoded)
    assert two.source.load(DecodePolicy()) == Failure("file not found")
    assert two.source.fingerprint() == "missing"
    assert three.source.load(DecodePolicy()).reason.startswith("not an image")
    with pytest.raises(ValueError, match=r"no image in row 1: name a column of ids"):
        saved(content)


def test_an_image_that_a_table_keeps_as_a_path(tmp_path):
    (tmp_path / "here.png").write_bytes(encoded(1))
    paths = [str(tmp_path / name) for name in ("here.png", "gone.png")]
    features = hf.Features({"picture": hf.Image(decode=False)})
    here, gone = (
        RowSource(hf.Dataset.from_dict({"picture": paths}, features=features), "picture", row)
        for row in (0, 1)
    )
    assert here.encoded() == encoded(1)
    assert isinstance(here.load(DecodePolicy()), Decoded)
    assert (gone.fingerprint(), gone.load(DecodePolicy())) == ("missing", Failure("file not found"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"label": "score"}, "no column 'score'; the columns are: picture, mos"),
        ({"reference": "mos"}, "the column 'mos' holds Value, not images"),
        ({"better": "up"}, "better must be 'higher' or 'lower', not 'up'"),
        ({"label_kind": "mean"}, "label_kind must be one of mos, dmos"),
    ],
)
def test_what_cannot_be_used_is_one_line(saved, options, words):
    with pytest.raises(ValueError, match="saved") as error:
        saved(table(2), **options)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_one_image_twice_needs_ids(saved):
    content = hf.concatenate_datasets([table(2, names=False), table(1, names=False)])
    with pytest.raises(ValueError, match="appears twice"):
        saved(content)


def test_what_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such dataset here or on the hub"):
        load_hub("gone", tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises((FileNotFoundError, ValueError), match="empty"):
        load_hub(str(tmp_path / "empty"))


def test_a_name_is_asked_of_the_hub(monkeypatch, tmp_path):
    asked = []

    def load(name: str, config: str | None, revision: str | None) -> hf.DatasetDict:
        asked.append((name, config, revision))
        return hf.DatasetDict({"test": table(2)})

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(hf, "load_dataset", load)
    dataset = load_hub("owner/name", image="picture", config="small", revision="abc")
    assert asked == [("owner/name", "small", "abc")]
    assert (dataset.name, [s.split for s in dataset.samples]) == ("owner/name", ["test"] * 2)


def test_what_the_hub_says_is_one_line(monkeypatch, tmp_path):
    def load(*_: object, **__: object) -> None:
        raise ConnectionError("cannot reach\nthe hub")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(hf, "load_dataset", load)
    with pytest.raises(ValueError, match=r"owner/name: cannot be loaded: .*cannot reach the hub"):
        load_hub("owner/name")


def test_the_path_of_a_folder_names_the_dataset(tmp_path: Path):
    table(2).save_to_disk(str(tmp_path / "saved"))
    assert load_hub("saved", tmp_path, image="picture").name == "saved"
