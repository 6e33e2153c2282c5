"""A user's own table: text stays text, what is missing is said, nothing is guessed."""

from __future__ import annotations

import re
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness import load_dataset
from harness.images import DecodePolicy, Failure
from harness.sample import Damage, Dataset


@pytest.fixture
def write(tmp_path):
    def write(text: str, name: str = "labels.csv", **options: object) -> Dataset:
        for image in re.findall(r"[\w./]+\.png", text):
            (tmp_path / image).parent.mkdir(exist_ok=True)
            (tmp_path / image).touch()
        (tmp_path / name).write_text(text)
        return load_dataset(str(tmp_path / name), **options)

    return write


def test_every_column(write, tmp_path):
    (sample, other) = write(
        "id,image,label,label_std,reference,content,distortion,severity,split\n"
        "one,a/1.png,3.5,0.25,a/0.png,007,jpeg,2,train\n"
        "two,a/2.png,,,,,,,\n"
    ).samples
    assert (sample.id, sample.source.path) == ("one", tmp_path / "a/1.png")
    assert (sample.label, sample.label_std, sample.raw_score) == (3.5, 0.25, 3.5)
    assert (sample.reference, sample.content, sample.split) == ("a/0.png", "007", "train")
    assert sample.damages == (Damage("jpeg", 2.0),)
    assert (other.id, other.content, other.label, other.damages) == ("two", "a/2.png", None, ())


def test_the_least_that_a_table_is(write):
    dataset = write("image\n1.png\n2.png\n")
    assert [s.id for s in dataset.samples] == ["1.png", "2.png"]
    assert [s.content for s in dataset.samples] == ["1.png", "2.png"]
    assert (dataset.name, dataset.label_kind, dataset.pairs) == ("labels", "none", ())


@pytest.mark.parametrize("content", ["007", "1e3", "NA", "null", "nan", "None", "1.0", "TRUE"])
def test_text_stays_text(write, content):
    dataset = write(f"image,content\n{content}.png,{content}\n{content}b.png,{content}\n")
    assert [s.content for s in dataset.samples] == [content, content]
    assert dataset.samples[0].id == f"{content}.png"


@pytest.mark.parametrize("label", ["", "nan", "NaN", "inf", "-inf", "bad", "3,5", "NA"])
def test_what_is_no_number_is_no_label(write, label):
    unlabeled, labeled = write(f'image,label\n1.png,"{label}"\n2.png,1.5\n').samples
    assert unlabeled.label is None
    assert unlabeled.raw_score is None
    assert labeled.label == 1.5


def test_without_any_label_there_is_no_kind_of_label(write):
    assert write("image,label\n1.png,\n").label_kind == "none"
    assert write("image,label\n1.png,2\n").label_kind == "given"
    assert write("image,label\n1.png,2\n", better="lower").label_kind == "given"
    assert write("image,label\n1.png,2\n", label_kind="mos").label_kind == "mos"
    turned = write("image,label\n1.png,2\n", label_kind="mos", better="lower")
    assert turned.label_kind == "dmos"
    assert write("image,label\n1.png,2\n", label_kind="ordinal").label_kind == "ordinal"


def test_lower_is_better_is_turned_round_and_kept(write):
    (sample,) = write("image,label\n1.png,30\n", better="lower", label_kind="dmos").samples
    assert (sample.label, sample.raw_score) == (-30.0, 30.0)


def test_references_are_found_and_listed_once(write):
    dataset = write("image,reference\na.png,r.png\nb.png,r.png\nc.png,q.png\nr.png,\n")
    assert [s.id for s in dataset.references] == ["q.png"]  # r.png is a sample already
    assert [(p.test, p.reference) for p in dataset.pairs] == [
        ("a.png", "r.png"),
        ("b.png", "r.png"),
        ("c.png", "q.png"),
    ]
    assert {s.content for s in dataset.samples} == {"r.png", "q.png"}


def test_a_listed_reference_goes_by_its_id(write):
    dataset = write("id,image,reference\none,a.png,r.png\nref,r.png,\n")
    assert dataset.references == ()
    assert [(p.test, p.reference) for p in dataset.pairs] == [("one", "ref")]
    assert {s.content for s in dataset.samples} == {"r.png"}


def test_spaces_and_marks_that_spreadsheets_leave(write, tmp_path):
    dataset = write("\ufeffimage, label , content\na.png, 2, one\n")
    assert [(s.id, s.label, s.content) for s in dataset.samples] == [("a.png", 2.0, "one")]


def test_a_missing_file_is_a_failure_later(write):
    dataset = write("image,label\nhere.png,1\ngone.jpg,1\n")
    failure = dataset.samples[1].source.load(DecodePolicy())
    assert failure == Failure("file not found")
    assert len(dataset.images_hash) == 64


def test_images_below_another_folder(write, photos, tmp_path):
    text = "image\nscene0_0.jpg\n"
    assert write(text, root=photos).samples[0].source.path == photos / "scene0_0.jpg"
    assert write(text, root=str(photos)).samples[0].source.path == photos / "scene0_0.jpg"
    (tmp_path / "scene0_0.jpg").touch()
    assert write(text).samples[0].source.path == tmp_path / "scene0_0.jpg"
    absolute = write(f"image\n{photos}/scene0_0.jpg\n").samples[0]
    assert absolute.source.path == photos / "scene0_0.jpg"


def test_a_moved_table_is_the_same_dataset(table, photos, tmp_path):
    copy = tmp_path / "labels.csv"
    copy.write_text(table.read_text())
    one, other = load_dataset(str(table)), load_dataset(str(copy), root=photos)
    assert (one.images_hash, one.labels_hash) == (other.images_hash, other.labels_hash)


# Parquet ---------------------------------------------------------------------------------


def test_parquet_gives_what_csv_gives(table, photos):
    frame = pd.read_csv(table)
    frame["content"] = [f"{i % 7:03d}" for i in range(len(frame))]
    frame.to_csv(photos / "one.csv", index=False)
    frame.to_parquet(photos / "two.parquet")
    one, two = (load_dataset(str(photos / n)) for n in ("one.csv", "two.parquet"))
    assert replace(two, name="one") == one


@pytest.mark.parametrize("kind", ["string", "object"])
def test_what_parquet_calls_missing_is_missing(tmp_path, kind):
    frame = pd.DataFrame(
        {
            "image": pd.array(["a.png", "b.png"], dtype=kind),
            "content": pd.array(["c", None], dtype=kind),
            "label": pd.array([None, 3], dtype="Int64"),
            "severity": [np.nan, 2.0],
        }
    )
    frame.to_parquet(tmp_path / "t.parquet")
    (tmp_path / "b.png").touch()
    first, second = load_dataset(str(tmp_path / "t.parquet")).samples
    assert (first.content, first.label) == ("c", None)
    assert (second.content, second.label) == ("b.png", 3.0)


# Refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("file,label\na.png,1\n", {}, "no column 'image'; the columns are: file, label"),
        ("image;label\na.png;1\n", {}, "the columns are: image;label"),
        ("image,label\n", {}, "the table has no rows"),
        ("", {}, "not a readable table: No columns to parse"),
        ("image,label\na.png,1\n,2\n", {}, "row 3 names no image"),
        ("image\na.png\na.png\n", {}, "the id 'a.png' appears twice"),
        ("id,image\nx,a.png\nx,b.png\n", {}, "the id 'x' appears twice"),
        ("image\na.png\n", {"better": "up"}, "better must be 'higher' or 'lower', not 'up'"),
        ("image\na.png\n", {"label_kind": "mean"}, "label_kind must be one of mos, dmos"),
        ("image\na.png\n", {"color": 1}, "has no option 'color'"),
        ('image\n"a.png\n', {}, "not a readable table"),
    ],
)
def test_what_cannot_be_used_is_one_line(write, text, options, words):
    with pytest.raises(ValueError, match="labels") as error:
        write(text, **options)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_tables_and_folders_that_are_not_there(write, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no\.csv: no such table"):
        load_dataset(str(tmp_path / "no.csv"))
    with pytest.raises(FileNotFoundError, match="no such folder; give the images' folder as root"):
        write("image\na.png\n", root=tmp_path / "gone")
    (tmp_path / "t.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(ValueError, match=r"t\.parquet: not a readable table"):
        load_dataset(str(tmp_path / "t.parquet"))
    (tmp_path / "b.csv").write_bytes(b"image\n\xff\xfe\n")
    with pytest.raises(ValueError, match=r"b\.csv: not a readable table"):
        load_dataset(str(tmp_path / "b.csv"))


def test_a_table_whose_images_lie_elsewhere_says_what_to_give(write, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError) as error:
        write("image,label\na.png,1\nb.png,2\n", root=tmp_path / "empty")
    assert str(error.value) == (
        f"{tmp_path / 'labels.csv'}: none of its 2 images lies in {tmp_path / 'empty'} "
        "(first: a.png): give their folder as --root"
    )
    dataset = write("image,label\ngone.jpg,1\nb.png,2\n")
    assert len(dataset.samples) == 2


@pytest.mark.parametrize("name", ["labels.xlsx", "labels.TSV", "notes", "folder"])
def test_what_is_no_table_says_what_tables_are(tmp_path, name):
    (tmp_path / "notes").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValueError, match=rf"{name}: tables are \.csv or \.parquet"):
        load_dataset(str(tmp_path / name))


# Warned of ---------------------------------------------------------------------------------


def said(write, text: str) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        write(text)
    return [str(warning.message).partition("labels.csv: ")[2] for warning in caught]


def test_columns_that_nobody_reads(write):
    known = "known: id, image, label, label_std, severity, reference, content, distortion, split"
    (line,) = said(write, "image,mos,sd\na.png,1,2\n")
    assert line == f"no column 'label'; not used: mos, sd; {known}"
    (line,) = said(write, "image,label,mos\na.png,1,2\n")
    assert line == f"not used: mos; {known}"
    assert said(write, "image,label,split\na.png,1,x\n") == []
    assert said(write, "image\na.png\n") == []


def test_cells_that_are_no_numbers(write):
    text = "image,label,label_std,severity\na.png,1,,\nb.png,abc,x,1\nc.png,inf,1,2\n"
    assert said(write, text) == [
        "label: 2 cells are not numbers, first 'abc' in row 3: taken as empty",
        "label_std: 1 cell is not a number, first 'x' in row 3: taken as empty",
    ]
    assert said(write, "image,label\na.png,\nb.png,nan\nc.png,NA\nd.png,NaN\n") == []


def test_a_table_has_a_frame_form(table: Path):
    frame = load_dataset(str(table)).table().to_pandas()
    assert len(frame) == 18
    assert frame["severity"].tolist() == [1.0, 2.0, 3.0] * 6
    assert set(frame["distortion"]) == {"noise"}
    assert frame["label"].tolist() == [s.label for s in load_dataset(str(table)).samples]


@pytest.mark.parametrize("known_as", ["KonIQ-10k", ["KonIQ-10k"]])
def test_names_that_images_are_known_by(write, known_as):
    assert write("image,label\na.png,1\n").known_as is None
    found = write("image,label\na.png,1\n", known_as=known_as)
    assert found.known_as == ("KonIQ-10k",)
