"""Datasets without references: look-alikes of each layout, and the owners' score files."""

from __future__ import annotations

import csv
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest
import scipy.io
from PIL import Image

from harness.datasets.agiqa3k import AGIQA3K
from harness.datasets.biq2021 import BIQ2021
from harness.datasets.checks import check
from harness.datasets.cid2013 import CID2013
from harness.datasets.clive import CLIVE, owners_order
from harness.datasets.flive import FLIVE
from harness.datasets.flive import read as read_flive
from harness.datasets.kadis700k import DEGRADATIONS, KADIS700K, degradations
from harness.datasets.koniq10k import KONIQ10K
from harness.datasets.koniq10k import read as read_koniq
from harness.datasets.layout import Folder
from harness.datasets.spaq import SPAQ, WORKBOOK
from harness.datasets.spec import Spec
from harness.datasets.uhd_iqa import UHD_IQA
from harness.images import Decoded, DecodePolicy, Failure

METADATA = Path(__file__).parents[3] / ".." / "shared" / "data" / "metadata"
real = pytest.mark.skipif(not METADATA.is_dir(), reason="the owners' score files are not here")
Row = Sequence[Any]


def write_csv(path: Path, header: Row, rows: Iterable[Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def write_sheet(path: Path, sheet: str, header: Row, rows: Iterable[Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    book = openpyxl.Workbook(write_only=True)
    page = book.create_sheet(sheet)
    for row in (header, *rows):
        page.append(list(row))
    book.save(path)


@pytest.fixture(scope="session")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("picture") / "a.jpg"
    Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3)).save(path)
    return path


@pytest.fixture
def place(tmp_path: Path, picture: Path) -> Callable[[Iterable[str]], None]:
    """Puts stand-in images at paths below ``tmp_path``: hard links of one file."""

    def place(paths: Iterable[str]) -> None:
        folders = set()
        for path in paths:
            if (folder := os.path.dirname(path)) not in folders:
                (tmp_path / folder).mkdir(parents=True, exist_ok=True)
                folders.add(folder)
            os.link(picture, f"{tmp_path}/{path}")

    return place


# Look-alikes: rows in the owners' numbers, scores spread over their range ------------------


@dataclass(frozen=True)
class Lookalike:
    """``write(root, rows)`` writes the score files; ``paths`` are where the images belong."""

    spec: Spec
    rows: list[Row]
    write: Callable[[Path, list[Row]], None]
    paths: list[str]
    ids: list[str]


def spread(n: int, low: float, high: float) -> list[float]:
    return [round(low + (high - low) * ((37 * i) % n) / n, 6) for i in range(n)]


def biq2021() -> Lookalike:
    names = [f"ss{1 + i % 3:02d} ({i}).jpg" for i in range(12000)]
    rows = [(name, mos, "", "") for name, mos in zip(names, spread(12000, 0, 1), strict=True)]

    def write(root: Path, rows: list[Row]) -> None:
        header = ("Image Name", "MOS", "", "")
        part = {name: "Train" if i < 10000 else "Test" for i, name in enumerate(names)}
        for each in ("Train", "Test"):
            path = root / f"{each} (Images and MOS).csv"
            write_csv(path, header, [row for row in rows if part[row[0]] == each])

    paths = [f"Images/{name}" for name in names]
    paths[17] = paths[17].replace(".jpg", ".JPG")
    return Lookalike(BIQ2021, rows, write, paths, names)


def clive() -> Lookalike:
    names = [f"{i}.bmp" if i <= 532 or i > 1100 else f"{i}.JPG" for i in range(3, 1165)]
    names = [*(f"t{i}.bmp" for i in range(1, 8)), *owners_order(names)]
    scores = spread(1169, 3.42, 92.43)
    rows = [(name, mos, 15 + mos / 10) for name, mos in zip(names, scores, strict=True)]

    def write(root: Path, rows: list[Row]) -> None:
        (root / "Data").mkdir(exist_ok=True)
        cells = np.empty((len(rows), 1), object)
        for i, row in enumerate(rows):
            cells[i, 0] = row[0]
        columns = {
            "AllImages": cells,
            "AllMOS": np.array([[row[1] for row in rows]]),
            "AllStdDev": np.array([[row[2] for row in rows]]),
        }
        for name, value in columns.items():
            path = root / f"Data/{name}_release.mat"
            scipy.io.savemat(path, {f"{name}_release": value})

    return Lookalike(CLIVE, rows, write, [f"Images/{name}" for name in names[7:]], names[7:])


def koniq10k() -> Lookalike:
    names = sorted(f"{10**6 + 7919 * i}.jpg" for i in range(10073))
    parts = ["training"] * 7058 + ["validation"] * 1000 + ["test"] * 2015
    rows = [
        (name, 0, 0, 0.25, 0.75, 0, 105, mos, 0.5, part)
        for name, mos, part in zip(names, spread(10073, 3.91, 88.39), parts, strict=True)
    ]

    def write(root: Path, rows: list[Row]) -> None:
        header = ("image_name", *(f"c{i}" for i in range(1, 6)), "c_total", "MOS", "SD", "set")
        write_csv(root / "koniq10k_distributions_sets.csv", header, rows)

    return Lookalike(KONIQ10K, rows, write, [f"512x384/{name}" for name in names], names)


def spaq() -> Lookalike:
    names = [f"{i:05d}.jpg" for i in range(1, 11126)]
    rows = [(name, mos, 50) for name, mos in zip(names, spread(11125, 2, 96), strict=True)]

    def write(root: Path, rows: list[Row]) -> None:
        header = ("Image name", "MOS", "Brightness")
        write_sheet(root / "Annotations" / WORKBOOK, "Sheet1", header, rows)

    return Lookalike(SPAQ, rows, write, [f"TestImage/{name}" for name in names], names)


CID_SETS = {"I": 84, "II": 78, "III": 78, "IV": 78, "V": 72, "VI": 84}


def cid2013() -> Lookalike:
    names, paths = [], []
    for number, (roman, count) in enumerate(CID_SETS.items(), start=1):
        for i in range(count):
            name = f"IS_{roman}_C{1 + i % 6:02d}_D{1 + i // 6:02d}"
            names.append(name)
            paths.append(f"IS{number}/co{1 + i % 6}/{name}.jpg")
    rows = [(name, mos, 0) for name, mos in zip(names, spread(474, -9.55, 87.88), strict=True)]

    def write(root: Path, rows: list[Row]) -> None:
        path = root / "CID2013 data - version 12112014.xlsx"
        write_sheet(path, "CID2013 MOS", ("Source_ID", "Realigned MOS", "other"), rows)

    return Lookalike(CID2013, rows, write, paths, names)


def uhd_iqa() -> Lookalike:
    names = [f"{i}.jpg" for i in range(6073)]
    parts = ["training"] * 4269 + ["validation"] * 904 + ["test"] * 900
    rows = list(zip(names, parts, spread(6073, 0.1, 0.9), strict=True))

    def write(root: Path, rows: list[Row]) -> None:
        header = ("image_name", "set", "quality_mos")
        write_csv(root / "uhd-iqa-metadata.csv", header, rows)

    paths = [f"{part}/{name}" for name, part, _ in rows]
    return Lookalike(UHD_IQA, rows, write, paths, names)


def agiqa3k() -> Lookalike:
    names = [f"sd1.5_normal_{i:04d}.jpg" for i in range(2982)]
    rows = [
        (name, f"a cat, number {i % 300}", mos, 0.4, mos, 0.3)
        for i, (name, mos) in enumerate(zip(names, spread(2982, 0, 5), strict=True))
    ]

    def write(root: Path, rows: list[Row]) -> None:
        header = ("name", "prompt", "mos_quality", "std_quality", "mos_align", "std_align")
        write_csv(root / "data.csv", header, rows)

    return Lookalike(AGIQA3K, rows, write, names, names)


def flive() -> Lookalike:
    folders = ("voc_emotic_ava/EMOTIC__", "blur_dataset/motion")
    names = [f"{folders[i % 7 == 0]}{i:05d}.jpg" for i in range(39810)]
    rows = [(name, mos) for name, mos in zip(names, spread(39810, 0, 100), strict=True)]

    def write(root: Path, rows: list[Row]) -> None:
        base = root / "database"
        write_csv(base / "labels_image.csv", ("name", "mos"), rows)
        write_csv(
            base / "labels640.csv", ("mos_image", "name_image"), [(1, n) for n in names[:1830]]
        )
        marked = [(name, i < 7727) for i, name in enumerate(names[1830:])]
        write_csv(base / "labels<=640_padded.csv", ("name_image", "is_valid"), marked)

    return Lookalike(FLIVE, rows, write, [f"database/{name}" for name in names], names)


def kadis700k() -> Lookalike:
    names = [f"a-plant-{i}.png" for i in range(140000)]
    rows = [(name, 1 + i % 25) for i, name in enumerate(names)]

    def write(root: Path, rows: list[Row]) -> None:
        write_csv(root / "kadis700k_ref_imgs.csv", ("ref_im", "dist_type"), rows)

    return Lookalike(KADIS700K, rows, write, [f"ref_imgs/{name}" for name in names], names)


ALL = (biq2021, clive, koniq10k, spaq, cid2013, uhd_iqa, agiqa3k, flive)
SMALL = (cid2013, clive, agiqa3k)
SLOW = [pytest.param(make, marks=pytest.mark.slow) for make in (kadis700k, flive, spaq)]


# Every set -------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [*ALL, *SLOW[:1]])
@pytest.mark.filterwarnings("ignore:.* missing in")
def test_a_look_alike_loads(make, tmp_path, place):
    """All rows, ids and scores; only the first images are there, so that the test is quick."""
    like = make()
    like.write(tmp_path, like.rows)
    place(like.paths[:20])
    dataset = like.spec(tmp_path)
    assert [s.id for s in dataset.samples] == like.ids
    assert len(dataset.samples) == like.spec.n_images
    assert dataset.references == ()
    assert all(s.label == s.raw_score for s in dataset.samples)
    for sample in dataset.samples[:20]:
        assert isinstance(sample.source.load(DecodePolicy()), Decoded)
    assert sample.source.path == tmp_path / like.paths[19]
    parts = Counter(s.split for s in dataset.samples)
    assert parts == (like.spec.parts or {None: like.spec.n_images})
    assert dataset.label_kind == ("none" if make is kadis700k else "mos")


@pytest.mark.parametrize("make", [biq2021, clive, koniq10k, cid2013, uhd_iqa, agiqa3k, *SLOW])
@pytest.mark.filterwarnings("ignore:.* missing in")
def test_a_table_in_another_order_is_the_same_dataset(make, tmp_path, place):
    like = make()
    place(like.paths[:2])

    def load(rows: list[Row]) -> dict[str, Any]:
        like.write(tmp_path, rows)
        samples = like.spec(tmp_path).samples
        if like.spec.split_order not in (None, list):
            assert sorted(like.spec.split_order([s.id for s in samples])) == sorted(like.ids)
        return {s.id: replace(s, source=str(s.source.path)) for s in samples}

    assert load(random.Random(1).sample(like.rows, len(like.rows))) == load(like.rows)


@pytest.mark.parametrize("make", [clive, koniq10k, spaq])
def test_the_row_order_of_split_files_does_not_depend_on_the_table(make):
    like = make()
    shuffled = random.Random(2).sample(like.ids, len(like.ids))
    assert like.spec.split_order(shuffled) == like.ids


@pytest.mark.parametrize("make", SMALL)
def test_one_missing_image_is_said_and_stays_a_sample(make, tmp_path, place):
    like = make()
    like.write(tmp_path, like.rows)
    place(like.paths[:100] + like.paths[101:])
    with pytest.warns(UserWarning, match=rf"1 of {len(like.ids)} images missing"):
        dataset = like.spec(tmp_path)
    assert [s.id for s in dataset.samples] == like.ids
    assert dataset.samples[100].source.load(DecodePolicy()) == Failure("file not found")
    present = like.spec(tmp_path, subset="present")
    assert [s.id for s in present.samples] == like.ids[:100] + like.ids[101:]


@pytest.mark.parametrize("make", [*ALL, kadis700k])
def test_a_wrong_folder_is_one_line_that_says_what_belongs_there(make, tmp_path):
    spec = make().spec
    (tmp_path / "holiday.txt").write_text("")
    with pytest.raises(FileNotFoundError, match="wrong folder") as error:
        spec(tmp_path)
    assert spec.layout in str(error.value)
    assert "holiday.txt" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("make", SMALL)
def test_a_row_too_few_or_twice_is_refused(make, tmp_path, place):
    like = make()
    place(like.paths[:2])
    like.write(tmp_path, like.rows[:-1])
    few = f"{len(like.ids) - 1} images, not {len(like.ids)}"
    if like.spec.counts_seen:
        with pytest.raises(ValueError, match=few):
            like.spec(tmp_path)
    else:  # what we know from others only must not shut anyone out
        with pytest.warns(UserWarning, match=few):
            like.spec(tmp_path)
    part = like.spec(tmp_path, subset="present")
    assert part.marks == (f"subset (2 of {len(like.ids)})",)
    like.write(tmp_path, [*like.rows[:-1], like.rows[-2]])
    with pytest.raises(ValueError, match="appears 2 times"):
        like.spec(tmp_path)


@pytest.mark.parametrize("make", [koniq10k, clive, spaq, cid2013])
def test_a_column_turned_around_is_refused(make, tmp_path):
    """100 − MOS lies between 0 and 100, too; what was published does not fill that."""
    like = make()
    like.write(tmp_path, like.rows)
    listing = like.spec.listing(like.spec.folder(tmp_path))
    turned = replace(listing, entries=tuple(replace(e, raw=100 - e.raw) for e in listing.entries))
    with pytest.raises(ValueError, match=r"outside .* another scale or another column"):
        check(like.spec, turned)


@pytest.mark.parametrize("make", [biq2021, uhd_iqa, agiqa3k])
@pytest.mark.parametrize("text", ["", "good", "nan", "88.5"])
def test_what_is_no_score_is_refused(make, text, tmp_path, place):
    like = make()
    place(like.paths[:2])
    at = like.rows[5].index(next(v for v in like.rows[5] if isinstance(v, float)))
    bad = (*like.rows[5][:at], text, *like.rows[5][at + 1 :])
    like.write(tmp_path, [*like.rows[:5], bad, *like.rows[6:]])
    with pytest.raises(ValueError, match=r"is not a number|is outside") as error:
        like.spec(tmp_path)
    assert like.ids[5] in str(error.value)
    assert "\n" not in str(error.value)


def test_twelve_thousand_rows_load_at_once(tmp_path, place):
    like = biq2021()
    like.write(tmp_path, like.rows)
    place(like.paths)
    start = time.process_time()
    assert len(BIQ2021(tmp_path).samples) == 12000
    assert time.process_time() - start < 2


# What is particular ----------------------------------------------------------------------


def test_biq2021_reads_a_file_of_two_frames_and_one_with_another_ending(tmp_path, place):
    like = biq2021()
    like.write(tmp_path, like.rows)
    place(path for i, path in enumerate(like.paths[:40]) if i != 3)
    frames = [Image.new("RGB", (16, 12), color) for color in ((200, 10, 10), (10, 10, 200))]
    frames[0].save(tmp_path / like.paths[3], format="MPO", save_all=True, append_images=frames[1:])
    with pytest.warns(UserWarning, match="11960 of 12000 images missing"):
        dataset = BIQ2021(tmp_path)
    two = dataset.samples[3].source.load(DecodePolicy())
    assert two.image.shape == (3, 12, 16)
    assert two.image[0].float().mean() > 150  # the first frame is the red one
    assert dataset.samples[17].id == "ss03 (17).jpg"
    assert dataset.samples[17].source.path.name == "ss03 (17).JPG"
    assert isinstance(dataset.samples[17].source.load(DecodePolicy()), Decoded)


def test_biq2021_refuses_an_image_in_both_parts(tmp_path, place):
    like = biq2021()
    like.write(tmp_path, like.rows)
    place(like.paths[:2])
    rows = [*like.rows[10000:-1], like.rows[0]]
    write_csv(tmp_path / "Test (Images and MOS).csv", ("Image Name", "MOS"), [r[:2] for r in rows])
    with pytest.raises(ValueError, match=r"ss01 \(0\)\.jpg appears 2 times"):
        BIQ2021(tmp_path)


@pytest.mark.filterwarnings("ignore:.* missing in")
def test_clive_reads_matlab_and_text_alike_and_drops_training_images(tmp_path, place):
    like = clive()
    place(like.paths[:2])
    like.write(tmp_path, like.rows)
    first = CLIVE(tmp_path)
    for path in (tmp_path / "Data").iterdir():
        path.unlink()
    write_csv(
        tmp_path / "meta_info_LIVEChallengeDataset.csv", ("img_name", "mos", "std"), like.rows
    )
    assert CLIVE(tmp_path) == first
    assert not any(s.id.startswith("t") for s in first.samples)
    assert first.samples[0].label_std == like.rows[7][2]


def test_clive_refuses_files_that_do_not_belong_together(tmp_path):
    like = clive()
    like.write(tmp_path, like.rows[1:])
    with pytest.raises(ValueError, match="only some of the training images"):
        CLIVE(tmp_path)
    like.write(tmp_path, like.rows)
    scipy.io.savemat(tmp_path / "Data/AllStdDev_release.mat", {"AllStdDev_release": np.ones(5)})
    with pytest.raises(ValueError, match="1169 names, 1169 scores and 5 deviations"):
        CLIVE(tmp_path)
    (tmp_path / "Data/AllStdDev_release.mat").write_bytes(b"no")
    with pytest.raises(ValueError, match=r"AllStdDev_release\.mat: not the owners' file"):
        CLIVE(tmp_path)


@pytest.fixture
def koniq_forms(tmp_path):
    """Writes the owners' table with both scales, and gives the scores that it holds."""
    like = koniq10k()
    ratings = spread(10073, 1.2, 4.3)
    rows = [(*row[:7], mos, 0.5, row[7]) for row, mos in zip(like.rows, ratings, strict=True)]
    header = ("image_name", *(f"c{i}" for i in range(1, 6)), "c_total", "MOS", "SD", "MOS_zscore")
    write_csv(tmp_path / "koniq10k_scores_and_distributions.csv", header, rows)
    return like, ratings


def test_koniq_has_two_forms_that_are_never_mixed(koniq_forms, tmp_path):
    like, ratings = koniq_forms
    one, hundred = (read_koniq(Folder(tmp_path), scores=form) for form in ("1-5", "0-100"))
    assert [e.raw for e in one.entries] == ratings
    assert [e.raw for e in hundred.entries] == [row[7] for row in like.rows]
    assert {e.std for e in one.entries} == {0.5}
    assert {e.std for e in hundred.entries} == {12.5}
    assert {e.split for e in one.entries} == {None}
    assert one.range == (1.12, 4.37)
    with pytest.raises(ValueError, match="scores must be '0-100' or '1-5', not '1-9'"):
        read_koniq(Folder(tmp_path), scores="1-9")


@pytest.mark.filterwarnings("ignore:.* missing in")
def test_koniq_has_its_official_split_in_both_forms(koniq_forms, tmp_path, place):
    like, ratings = koniq_forms
    like.write(tmp_path, like.rows)
    place(f"1024x768/{name}" for name in like.ids[:3])
    place(f"512x384/{name}" for name in like.ids[:3])
    for form, raw in (("1-5", ratings), ("0-100", [row[7] for row in like.rows])):
        dataset = KONIQ10K(tmp_path, scores=form)
        assert Counter(s.split for s in dataset.samples) == KONIQ10K.parts
        assert [s.label for s in dataset.samples] == raw
        assert dataset.samples[0].source.path.parent.name == "1024x768"


def test_koniq_refuses_scores_on_the_other_scale(tmp_path, place):
    like = koniq10k()
    place(like.paths[:2])
    like.write(tmp_path, [(*row[:7], 1 + row[7] / 25, *row[8:]) for row in like.rows])
    with pytest.raises(ValueError, match="MOS is not on the scale 0-100 that was asked for"):
        KONIQ10K(tmp_path)
    write_csv(
        tmp_path / "koniq10k_scores.csv",
        ("image_name", "MOS_zscore", "MOS"),
        [(row[0], row[7], row[7]) for row in like.rows],
    )
    with pytest.raises(ValueError, match="MOS is not on the scale 1-5 that was asked for"):
        KONIQ10K(tmp_path, scores="1-5")


def test_cid2013_reads_its_workbook_and_its_text_form_alike(tmp_path, place):
    like = cid2013()
    place(like.paths)
    like.write(tmp_path, like.rows)
    first = CID2013(tmp_path)
    sets = Counter(s.content for s in first.samples)
    assert sets == dict(zip((f"IS{i}" for i in range(1, 7)), CID_SETS.values(), strict=True))
    (tmp_path / "CID2013 data - version 12112014.xlsx").unlink()
    rows = [
        (f"CID2013/{path}", "Authentic", row[1])
        for path, row in zip(like.paths, like.rows, strict=True)
    ]
    write_csv(tmp_path / "CID2013.txt", ("dis_img_path", "dis_type", "score"), rows)
    assert CID2013(tmp_path) == first


def test_workbooks_that_are_none(tmp_path, place):
    place(["IS1/co1/IS_I_C01_D01.jpg"])
    path = tmp_path / "CID2013 data - version 12112014.xlsx"
    path.write_bytes(b"PK no")
    with pytest.raises(ValueError, match="not a readable workbook"):
        CID2013(tmp_path)
    write_sheet(path, "Sheet1", ("Source_ID", "Realigned MOS"), [])
    with pytest.raises(ValueError, match="no sheet 'CID2013 MOS'; there are: Sheet1"):
        CID2013(tmp_path)
    write_sheet(path, "CID2013 MOS", ("Source_ID", "MOS"), [])
    with pytest.raises(ValueError, match="no column Realigned MOS; the columns are: Source_ID"):
        CID2013(tmp_path)
    write_sheet(path, "CID2013 MOS", ("Source_ID", "Realigned MOS"), [("a.jpg", 1)])
    with pytest.raises(ValueError, match=r"'a\.jpg' is no image of CID2013"):
        CID2013(tmp_path)


@pytest.mark.filterwarnings("ignore:.* missing in")
@pytest.mark.parametrize("below", ["", "images/", "AGIQA-3K/"])
def test_agiqa3k_groups_by_prompt_wherever_its_images_lie(below, tmp_path, place):
    like = agiqa3k()
    like.write(tmp_path, like.rows)
    place(f"{below}{path}" for path in like.paths[:5])
    dataset = AGIQA3K(tmp_path)
    assert len({s.content for s in dataset.samples}) == 300
    assert dataset.samples[4].source.path == tmp_path / below / like.paths[4]
    assert {s.label_std for s in dataset.samples} == {0.4}


def test_kadis_says_which_degradation_each_photograph_gets(tmp_path):
    table = tmp_path / "kadis700k_ref_imgs.csv"
    write_csv(table, ("ref_im", "dist_type"), [(f"{i}.png", 1 + i % 25) for i in range(50)])
    found = degradations(tmp_path)
    assert [found[f"{i}.png"] for i in range(50)] == 2 * list(DEGRADATIONS)
    write_csv(table, ("ref_im", "dist_type"), [("a.png", 26)])
    with pytest.raises(ValueError, match=r"a\.png: no degradation has the number '26'"):
        degradations(tmp_path)


def test_flive_needs_both_files_for_its_parts(tmp_path):
    like = flive()
    like.write(tmp_path, like.rows[1826:1834])
    parts = ["test"] * 4 + ["validation"] * 4
    listing = read_flive(Folder(tmp_path))
    assert [e.split for e in listing.entries] == parts
    padded = tmp_path / "database/labels<=640_padded.csv"
    padded = padded.rename(padded.with_name("labels=640_padded.csv"))
    assert read_flive(Folder(tmp_path)) == listing
    inner = read_flive(Folder(tmp_path / "database"))
    assert [(e.id, e.split) for e in inner.entries] == [(e.id, e.split) for e in listing.entries]
    padded.unlink()
    with pytest.warns(UserWarning, match="no official parts: no database/labels<=640_padded"):
        assert {e.split for e in read_flive(Folder(tmp_path)).entries} == {None}


# The owners' score files -----------------------------------------------------------------


@real
@pytest.mark.filterwarnings("ignore:.* missing in")
@pytest.mark.parametrize(
    ("spec", "files", "images", "low", "high"),
    [
        (CLIVE, ["CLIVE/meta_info_LIVEChallengeDataset.csv"], ["Images/3.bmp"], 3.42, 92.43),
        (
            KONIQ10K,
            ["KonIQ-10k/koniq10k_distributions_sets.csv", "KonIQ-10k/koniq10k_scores.csv"],
            ["1024x768/10004473376.jpg"],
            3.91,
            88.39,
        ),
        (SPAQ, [f"SPAQ/{WORKBOOK}"], ["TestImage/00001.jpg"], 2, 96),
        (CID2013, ["CID2013/CID2013.txt"], ["IS1/co1/IS_I_C01_D01.jpg"], -9.55, 87.88),
    ],
    ids=lambda value: value.name if isinstance(value, Spec) else "",
)
def test_real_score_files(spec, files, images, low, high, tmp_path, place):
    place(images)
    for file in files:
        (tmp_path / Path(file).name).symlink_to((METADATA / file).resolve())
    start = time.process_time()
    dataset = spec(tmp_path)
    assert time.process_time() - start < 2
    labels = [s.label for s in dataset.samples]
    assert (round(min(labels), 2), round(max(labels), 2)) == (low, high)
    assert len(labels) == spec.n_images
    if spec.split_order is not None:
        ids = [s.id for s in dataset.samples]
        assert spec.split_order(sorted(ids, key=hash)) == ids


@real
@pytest.mark.filterwarnings("ignore:.* missing in")
def test_the_two_scales_of_koniq_agree(tmp_path, place):
    place(["1024x768/10004473376.jpg"])
    for path in (METADATA / "KonIQ-10k").resolve().iterdir():
        (tmp_path / path.name).symlink_to(path)
    hundred, one = (KONIQ10K(tmp_path, scores=form).samples for form in ("0-100", "1-5"))
    by_id = {s.id: s for s in one}
    pairs = np.array([(s.label, by_id[s.id].label) for s in hundred])
    assert np.corrcoef(pairs.T)[0, 1] > 0.99
    assert {s.id: s.split for s in hundred} == {s.id: s.split for s in one}
    with open(tmp_path / "koniq10k_distributions_sets.csv") as file:
        row = next(csv.DictReader(file))
    weights = np.array([float(row[f"c{i}"]) for i in range(1, 6)])
    mean = weights @ np.arange(1, 6)
    n = float(row["c_total"])
    sd = np.sqrt(weights @ (np.arange(1, 6) - mean) ** 2 * n / (n - 1))
    assert hundred[0].label_std == pytest.approx(25 * sd, rel=1e-6)
