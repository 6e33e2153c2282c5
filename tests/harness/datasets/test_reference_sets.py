"""Datasets with references: look-alikes of every layout, and the real score files if present."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import time
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import openpyxl
import pytest
from PIL import Image
from scipy.io import savemat

from harness.datasets import likeness, load_dataset
from harness.datasets.checks import check
from harness.datasets.cid22 import CID22
from harness.datasets.csiq import CSIQ
from harness.datasets.kadid10k import KADID10K
from harness.datasets.live import FOLDERS, LIVE, PATHS
from harness.datasets.pipal import GROUPS, PIPAL
from harness.datasets.spec import Listing, Spec
from harness.datasets.tid2013 import TID2013
from harness.datasets.verify import verify

METADATA = Path(__file__).parents[3] / ".." / "shared" / "data" / "metadata"
REAL = {"live": "LIVE", "csiq": "CSIQ", "tid2013": "TID2013", "kadid10k": "KADID10K"}
real = pytest.mark.skipif(not METADATA.is_dir(), reason="the owners' score files are not here")


def _place(root: Path, names: Iterable[str], stand_in: Path) -> None:
    """Hard links to one tiny image: thousands of them take no time."""
    paths = [root / name for name in names]
    for folder in {path.parent for path in paths}:
        folder.mkdir(parents=True, exist_ok=True)
    for path in paths:
        os.link(stand_in, path)


# ---------------------------------------------------------------- look-alikes of the layouts


def live(root: Path, image: Path) -> None:
    """The owners' MATLAB files: 29 references in turn, undistorted copies at the end of a folder,
    ``orgs`` cut short as in the real file."""
    scores, copies = np.zeros(982), np.zeros(982, bool)
    start = 0
    for _, shipped, distorted in FOLDERS.values():
        scores[start : start + distorted] = np.linspace(-2.6, 111.7, distorted)
        copies[start + distorted : start + shipped] = True
        start += shipped
    names = np.array([f"Ref{i % 29:02d}.bmp" for i in range(982)], dtype=object)
    stds = np.where(copies, 0, 2.0)
    savemat(
        root / "dmos_realigned.mat",
        {"dmos_new": scores, "dmos_std": stds, "orgs": np.zeros(779)},
    )
    original = np.where(copies, 0, 20 + scores.clip(0) / 2)
    savemat(root / "dmos.mat", {"dmos": original, "orgs": copies.astype(float)})
    savemat(root / "refnames_all.mat", {"refnames_all": names[None]})
    _place(root, [*PATHS, *(f"refimgs/ref{i:02d}.bmp" for i in range(29))], image)


def csiq(root: Path, image: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.create_sheet("all_by_image")
    for column, name in enumerate(("image", "dst_idx", "dst_type", "dst_lev", "dmos_std", "dmos")):
        sheet.cell(4, 4 + column, name)
    rows = itertools.count(5)
    folders = {"noise": "AWGN", "jpeg": "JPEG", "jpeg 2000": "jpeg2000", "blur": "BLUR"}
    files = []
    for number, kind, level in _csiq_rows():
        name = 1600 if number == 0 else f"scene{number:02d}"  # the number cell of the real file
        folder = folders.get(kind, kind)
        row = next(rows)
        for column, value in enumerate((name, 1, kind, level, 0.05, 0.15 * level)):
            sheet.cell(row, 4 + column, value)
        files.append(f"dst_imgs/{folder.upper()}/{name}.{folder}.{level}.png")
    book.save(root / "csiq.DMOS.xlsx")
    references = {name.rpartition("/")[2].split(".")[0] for name in files}
    _place(root, [*files, *(f"src_imgs/{name}.png" for name in sorted(references))], image)


def _csiq_rows() -> Iterator[tuple[int, str, int]]:
    for number in range(30):
        for kind in ("noise", "jpeg", "jpeg 2000", "fnoise", "blur", "contrast"):
            # 116 images of contrast: four levels, of four references only three
            levels = (4 if number < 26 else 3) if kind == "contrast" else 5
            for level in range(1, levels + 1):
                yield number, kind, level


def tid2013(root: Path, image: Path) -> None:
    images = itertools.product(range(1, 26), range(1, 25), range(1, 6))
    names = [f"i{r:02d}_{t:02d}_{k}.bmp" for r, t, k in images]
    names = [name.upper() if name.endswith("_11_1.bmp") else name for name in names]
    lines = [f"{7.0 - int(name[7]):.5f} {name}" for name in names]
    (root / "mos_with_names.txt").write_text("\n".join(lines) + "\n")
    (root / "mos_std.txt").write_text("".join(f"{i / 10000:.4f}\n" for i in range(3000)))
    references = [f"I{i:02d}.BMP" for i in range(1, 25)] + ["i25.bmp"]
    # Not the cases of the score file, as in the owners' archive.
    placed = [f"distorted_images/{name.replace('i03', 'I03')}" for name in names]
    _place(root, [*placed, *(f"reference_images/{name}" for name in references)], image)


def kadid10k(root: Path, image: Path) -> None:
    (root / "dmos.csv").write_text("\n".join(_kadid_rows(lambda level: 5.0 - 0.8 * level)) + "\n")
    rows = (line.split(",") for line in _kadid_rows(float))
    names = sorted({name for row in rows for name in row[:2] if name.endswith(".png")})
    _place(root, (f"images/{name}" for name in names), image)


def _kadid_rows(score: Callable[[int], float]) -> list[str]:
    images = itertools.product(range(1, 82), range(1, 26), range(1, 6))
    rows = [f"I{r:02d}_{t:02d}_0{k}.png,I{r:02d}.png,{score(k):.2f},0.25" for r, t, k in images]
    return ["dist_img,ref_img,dmos,var", *rows]


def pipal(root: Path, image: Path) -> None:
    (root / "Train_Label").mkdir()
    placed = []
    for i in range(1, 201):
        reference = f"A{i:04d}"
        names = [f"{reference}_{g}_{k:02d}.bmp" for g, n in GROUPS.items() for k in range(n)]
        lines = [f"{name},{1000 + j}.5" for j, name in enumerate(names)]
        (root / "Train_Label" / f"{reference}.txt").write_text("\n".join(lines) + "\n")
        placed += [f"Distortion_{1 + i % 4}/{name}" for name in names]
        placed.append(f"Train_Ref/{reference}.bmp")
    _place(root, placed, image)


def cid22(root: Path, image: Path) -> None:
    rows, placed = ["reference_img,distorted_img,encoder,setting,bpp,MCOS,RMOS,Elo,nb"], []
    for i in range(49):
        reference = f"original/{i}.png"
        rows.append(f"{reference},{reference},Reference,,24,95,90,1500,10")
        for k in range(4292 // 49 + (i < 4292 % 49)):
            image_path = f"compressed/{i}/AVIF_aom_s{k}.png"
            rows.append(f"{reference},{image_path},AVIF_aom,q{k},1,{30 + k / 2},50,1400,9")
            placed.append(image_path)
        placed.append(reference)
    (root / "CID22_validation_set.csv").write_text("\n".join(rows) + "\n")
    _place(root, placed, image)


@dataclass(frozen=True)
class Case:
    spec: Spec
    make: Callable[[Path, Path], None]
    one: str  # a distorted image's id


CASES = {
    case.spec.name: case
    for case in (
        Case(LIVE, live, "jp2k/img1.bmp"),
        Case(CSIQ, csiq, "1600.awgn.1.png"),
        Case(TID2013, tid2013, "i01_01_2.bmp"),
        Case(KADID10K, kadid10k, "i01_01_01.png"),
        Case(PIPAL, pipal, "a0001_00_00.bmp"),
        Case(CID22, cid22, "compressed/0/avif_aom_s0.png"),
    )
}
# PIPAL's 23,400 files take a while; its layout is always read, in the first test.
slow = pytest.mark.slow
every = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[slow] if name == "pipal" else []) for name in CASES]
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The look-alike of a dataset, made once; tests that change one copy its score file."""
    base = tmp_path_factory.mktemp("sets")
    image = base / "stand-in.bin"
    Image.new("RGB", (4, 4)).save(image, format="PNG")

    def get(name: str) -> Path:
        root = base / name
        if not root.exists():
            root.mkdir()
            CASES[name].make(root, image)
        return root

    return get


@pytest.fixture
def own(made: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Path]:
    """A look-alike whose score files a test may change; its images are the shared ones."""

    def get(name: str) -> Path:
        root = tmp_path / name
        root.mkdir()
        for each in made(name).iterdir():
            if each.is_dir() and each.name != "Train_Label":
                (root / each.name).symlink_to(each, target_is_directory=True)
            else:
                (shutil.copytree if each.is_dir() else shutil.copy)(each, root / each.name)
        return root

    return get


@pytest.fixture
def images(tmp_path: Path) -> Callable[[str], Path]:
    """A look-alike whose images a test may change, too."""

    def get(name: str) -> Path:
        image, root = tmp_path / "stand-in.bin", tmp_path / name
        Image.new("RGB", (4, 4)).save(image, format="PNG")
        root.mkdir()
        CASES[name].make(root, image)
        return root

    return get


# ---------------------------------------------------------------- every layout


@pytest.mark.parametrize("name", list(CASES))
def test_reads_the_owners_layout(name: str, made: Callable[[str], Path]) -> None:
    spec = CASES[name].spec
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dataset = spec(made(name))
    assert (len(dataset.samples), len(dataset.references)) == (spec.n_images, spec.n_references)
    assert dataset.name == name
    assert dataset.license
    assert dataset.citation
    references = {r.id: r for r in dataset.references}
    for sample in dataset.samples:
        assert sample.source.path.is_file()  # type: ignore[attr-defined]
        assert sample.reference in references
        assert sample.content == sample.reference == references[sample.reference].content
        assert sample.id == sample.id.lower()
        assert sample.raw_score is not None
        assert sample.label is not None
        assert sample.label == (-sample.raw_score if spec.lower_is_better else sample.raw_score)
        assert len(sample.damages) == 1
    assert all(r.source.path.is_file() for r in references.values())  # type: ignore[attr-defined]
    if spec.types:
        assert Counter(s.distortion for s in dataset.samples) == spec.types
    assert CASES[name].one in {s.id for s in dataset.samples}
    assert spec.title in spec.summary


@every
def test_found_within_the_archives_folder(
    name: str, made: Callable[[str], Path], tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "unpacked").symlink_to(made(name), target_is_directory=True)
    spec = CASES[name].spec
    assert len(spec(tmp_path / "data").samples) == spec.n_images


@every
def test_wrong_folder(name: str, made: Callable[[str], Path], tmp_path: Path) -> None:
    spec = CASES[name].spec
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(FileNotFoundError, match=r"wrong folder.*expected.*found holiday\.jpg") as e:
        spec(tmp_path)
    assert "\n" not in str(e.value)
    assert spec.layout in str(e.value)
    with pytest.raises(FileNotFoundError, match="no such folder"):
        spec(tmp_path / "absent")
    with pytest.raises(ValueError, match="give its folder: --root DIR, or root: DIR in a suite"):
        spec()


@every
def test_scores_without_any_image(name: str, made: Callable[[str], Path], tmp_path: Path) -> None:
    for file in made(name).iterdir():
        if file.is_file() or file.name == "Train_Label":
            (tmp_path / file.name).symlink_to(file)
    with pytest.raises(FileNotFoundError, match=r"wrong folder: no image \(as "):
        CASES[name].spec(tmp_path)


@every
def test_one_missing_image(
    name: str, made: Callable[[str], Path], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    case, root = CASES[name], made(name)
    whole = case.spec(root)
    lost = next(s for s in whole.samples if s.id == case.one)
    path = lost.source.path  # type: ignore[attr-defined]
    path.rename(tmp_path / "away")
    request.addfinalizer(lambda: (tmp_path / "away").rename(path))
    n = case.spec.n_images
    with pytest.warns(UserWarning, match=f"1 of {n} images missing in .*, first .*") as caught:
        dataset = case.spec(root)
    assert len(caught) == 1
    assert "\n" not in str(caught[0].message)
    assert [(s.id, s.label) for s in dataset.samples] == [(s.id, s.label) for s in whole.samples]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        present = case.spec(root, subset="present")
    assert {s.id for s in whole.samples} - {s.id for s in present.samples} == {case.one}
    assert present.listed == whole.listed == tuple(s.id for s in whole.samples)
    with pytest.raises(ValueError, match="subset must be"):
        case.spec(root, subset="some")  # type: ignore[arg-type]


def test_links_that_lead_nowhere_are_one_line(own: Callable[[str], Path]) -> None:
    root = own("csiq")
    (root / "src_imgs").unlink()
    (root / "src_imgs").symlink_to("src_imgs")
    with pytest.raises(OSError, match=r"^\S+src_imgs: .*: this folder cannot be read$"):
        load_dataset("csiq", root=root)
    for place in (root / "src_imgs", root / "src_imgs" / "below"):
        with pytest.raises(FileNotFoundError, match=r"^\S+: .*; give the dataset's folder$"):
            load_dataset("csiq", root=place)


def test_a_missing_reference_is_said(images: Callable[[str], Path]) -> None:
    root = images("csiq")
    (root / "src_imgs/1600.png").unlink()
    with pytest.warns(UserWarning, match=r"1 of 30 references missing in .*first src_imgs/1600"):
        dataset = CSIQ(root)
    assert len(dataset.references) == 30


@pytest.mark.parametrize("name", ["tid2013", "kadid10k"])
def test_quick(name: str, made: Callable[[str], Path]) -> None:
    root = made(name)
    start = time.process_time()
    CASES[name].spec(root)
    assert time.process_time() - start < 4  # about 0.5 s; the machine may be busy


CID22_CSV = "CID22_validation_set.csv"


# ---------------------------------------------------------------- regenerated and broken lists


def _reversed(path: Path, header: bool) -> None:
    lines = path.read_text().splitlines()
    head, rows = (lines[:1], lines[1:]) if header else ([], lines)
    path.write_text("\n".join([*head, *reversed(rows)]) + "\n")


@pytest.mark.parametrize(
    ("name", "file", "header"),
    [
        ("kadid10k", "dmos.csv", True),
        ("tid2013", "mos_with_names.txt", False),
        ("cid22", CID22_CSV, True),
    ],
)
def test_a_list_in_another_order_is_the_same_dataset(
    name: str, file: str, header: bool, own: Callable[[str], Path]
) -> None:
    root, spec = own(name), CASES[name].spec
    before = spec(root)
    _reversed(root / file, header)
    after = spec(root)
    assert [s.id for s in after.samples] == [s.id for s in reversed(before.samples)]
    assert after.labels_hash == before.labels_hash
    if spec.split_order:
        assert spec.split_order([s.id for s in after.samples]) == [s.id for s in before.samples]


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("name", "file", "old", "new", "match"),
    [
        ("kadid10k", "dmos.csv", "I05_03_02.png,I05.png,3.40,0.25\n", "", "10124 images, not"),
        ("kadid10k", "dmos.csv", "I05_03_02.png", "I05_03_03.png", "appears 2 times"),
        ("kadid10k", "dmos.csv", "I05_03_02.png,I05.png", "I05.png,I05_03_02.png", "swapped"),
        ("kadid10k", "dmos.csv", "I05_03_02.png,I05.png", "I05_03_02.png,I06.png", "swapped"),
        ("kadid10k", "dmos.csv", "3.40,0.25", "34.0,0.25", "outside 1 to 4.93"),
        ("kadid10k", "dmos.csv", "3.40,0.25", "nan,0.25", "outside 1 to 4.93"),
        ("kadid10k", "dmos.csv", "3.40,0.25", "3.40,-1", "spread"),
        ("kadid10k", "dmos.csv", "3.40,0.25", "good,0.25", "'good' is not a number"),
        ("kadid10k", "dmos.csv", "dmos,var", "mos,var", "no column dmos"),
        ("kadid10k", "dmos.csv", ",3.40,0.25", "", "row 3 is cut short"),
        ("tid2013", "mos_with_names.txt", "i01_01_2.bmp", "i01.bmp", "row 2 is not as"),
        ("tid2013", "mos_with_names.txt", "i01_01_2.bmp", "i26_01_2.bmp", "row 2 is not as"),
        ("tid2013", "mos_with_names.txt", "5.00000 ", "50.0000 ", "outside 0.24 to 7.22"),
        ("tid2013", "mos_std.txt", "0.0002\n", "", "2999 rows, and 3000"),
        ("pipal", "Train_Label/A0003.txt", "A0003_00_01", "A0004_00_01", "swapped"),
        ("pipal", "Train_Label/A0003.txt", "A0003_00_01.bmp,1001.5\n", "", "not 23200"),
        ("cid22", CID22_CSV, "compressed/0/AVIF_aom_s0", "original/0", "swapped"),
        ("cid22", CID22_CSV, "AVIF_aom,q0,1,30.0", "AVIF_aom,q0,1,-3", "outside"),
        ("cid22", CID22_CSV, "MCOS", "MOS", "no column MCOS"),
    ],
)  # fmt: skip
def test_a_broken_score_file_is_refused_in_one_line(
    name: str, file: str, old: str, new: str, match: str, own: Callable[[str], Path]
) -> None:
    root = own(name)
    _replace(root / file, old, new)
    with pytest.raises(ValueError, match=match) as error:
        CASES[name].spec(root)
    assert "\n" not in str(error.value)
    report = verify(CASES[name].spec, root)
    assert not report.ok
    assert report.inconsistent == (str(error.value),)


def test_a_dmos_column_is_not_read_as_a_mos(own: Callable[[str], Path]) -> None:
    """It may lie in the right range, and grows with severity."""
    root = own("kadid10k")
    (root / "dmos.csv").write_text("\n".join(_kadid_rows(lambda level: 0.9 + 0.8 * level)) + "\n")
    with pytest.raises(ValueError, match="scores rise with severity: is this a DMOS"):
        KADID10K(root)


def test_a_mos_is_not_read_as_a_dmos(own: Callable[[str], Path]) -> None:
    root = own("csiq")
    path = root / "csiq.DMOS.xlsx"
    book = openpyxl.load_workbook(path)
    for row in book["all_by_image"].iter_rows(min_row=5, min_col=9, max_col=9):
        row[0].value = 1 - row[0].value
    book.save(path)
    with pytest.raises(ValueError, match="scores fall with severity: is this a MOS"):
        CSIQ(root)


def _permuted(spec: Spec, listing: Listing) -> Listing:
    scores = [e.raw for e in listing.entries]
    random.Random(3).shuffle(scores)
    entries = (replace(e, raw=raw) for e, raw in zip(listing.entries, scores, strict=True))
    return replace(listing, entries=tuple(entries))


@pytest.mark.parametrize("name", ["csiq", "tid2013", "kadid10k"])
def test_scores_permuted_among_the_rows_are_refused(name: str, made: Callable[[str], Path]) -> None:
    spec = CASES[name].spec
    listing = spec.listing(spec.folder(made(name)))
    with pytest.raises(ValueError, match=r"get worse with severity for \d\d%.*other images\?"):
        check(spec, _permuted(spec, listing))


def test_a_part_may_be_of_the_type_that_goes_the_other_way(own: Callable[[str], Path]) -> None:
    """TID2013's local blocks: the more, the less they disturb."""
    root = own("tid2013")
    blocks = [f"{i:02d}_15_{k}" for i in range(1, 26) for k in range(1, 6)]
    rises = [f"{3 + 0.1 * int(name[-1]) * (name[:2] != '01'):.5f} i{name}.bmp" for name in blocks]
    (root / "mos_with_names.txt").write_text("\n".join(rises) + "\n")
    (root / "mos_std.txt").unlink()
    with pytest.raises(ValueError, match="scores rise with severity"):
        TID2013(root, subset="present")
    falls = [f"{3 - 0.1 * int(n[-1]) * (n[:2] < '14'):.5f} i{n}.bmp" for n in blocks]
    (root / "mos_with_names.txt").write_text("\n".join(falls) + "\n")
    assert TID2013(root, subset="present").marks == ("subset (125 of 3000)",)


@real
@pytest.mark.parametrize("spec", [CSIQ, TID2013, KADID10K], ids=lambda spec: spec.name)
def test_real_scores_permuted_or_turned_are_refused(spec: Spec) -> None:
    listing = spec.listing(spec.folder(METADATA / REAL[spec.name]))
    with pytest.raises(ValueError, match="get worse with severity for"):
        check(spec, _permuted(spec, listing))
    ends = sum(f([e.raw for e in listing.entries if e.raw is not None]) for f in (min, max))
    turned = (replace(e, raw=ends - (e.raw or 0)) for e in listing.entries)
    with pytest.raises(ValueError, match=r"with severity: is this a D?MOS\?"):
        check(spec, replace(listing, entries=tuple(turned)))


def test_live_mos_in_the_place_of_the_dmos(own: Callable[[str], Path]) -> None:
    root = own("live")
    scores = 100 - np.linspace(-2.6, 111.7, 982)
    savemat(root / "dmos_realigned.mat", {"dmos_new": scores, "orgs": _copies()})
    with pytest.raises(ValueError, match="outside"):
        LIVE(root)


def _copies() -> np.ndarray:
    folders = FOLDERS.values()
    return np.concatenate([np.arange(n) >= distorted for _, n, distorted in folders]).astype(float)


# ---------------------------------------------------------------- what each set has of its own


def test_live_scores(own: Callable[[str], Path]) -> None:
    root = own("live")
    realigned, original = LIVE(root), LIVE(root, scores="original")
    assert [s.id for s in realigned.samples] == [s.id for s in original.samples]
    first = realigned.samples[0]
    assert (first.raw_score, first.label, first.label_std) == (-2.6, 2.6, 2.0)
    assert (original.samples[0].raw_score, original.samples[0].label_std) == (20.0, None)
    assert first.reference == "refimgs/ref00.bmp"
    assert realigned.samples[169].id == "jpeg/img1.bmp"
    assert realigned.samples[169].reference == f"refimgs/ref{227 % 29:02d}.bmp"
    with pytest.raises(ValueError, match="scores must be"):
        LIVE(root, scores="raw")
    (root / "refnames_all.mat").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="not a readable MATLAB file"):
        LIVE(root)


def test_live_text_form_is_the_same_dataset(own: Callable[[str], Path]) -> None:
    root = own("live")
    matlab = LIVE(root)
    rows = ["dis_img_path,dis_type,ref_img_path,score"]
    rows += [f"LIVE/{s.id},x,LIVE/{s.reference},{s.raw_score}" for s in matlab.samples]
    (root / "LIVE.txt").write_text("\n".join(rows) + "\n")
    (root / "refnames_all.mat").unlink()
    assert LIVE(root).labels_hash == matlab.labels_hash  # names from the text, scores from MATLAB
    (root / "dmos_realigned.mat").unlink()
    text = LIVE(root)
    assert [(s.id, s.content, s.label) for s in text.samples] == [
        (s.id, s.content, s.label) for s in matlab.samples
    ]
    _replace(root / "LIVE.txt", "LIVE/jp2k/img5.bmp", "LIVE/refimgs/ref05.bmp")
    with pytest.raises(ValueError, match=r"refimgs/ref05\.bmp is no distorted image"):
        LIVE(root)


def test_live_references_from_info_files(images: Callable[[str], Path]) -> None:
    root = images("live")
    before = LIVE(root)
    (root / "refnames_all.mat").unlink()
    names = {s.id: s.reference or "" for s in before.samples}
    for folder, (_, shipped, _) in FOLDERS.items():
        lines = []
        for i in range(1, shipped + 1):
            reference = names.get(f"{folder}/img{i}.bmp", "refimgs/ref00.bmp")
            lines.append(f"{reference.partition('/')[2]} img{i}.bmp 0.25\n")
        (root / folder / "info.txt").write_text("".join(lines))
    assert LIVE(root).labels_hash == before.labels_hash
    (root / "jp2k/info.txt").write_text("ref00.bmp img2.bmp 0.25\n")
    with pytest.raises(ValueError, match=r"nothing says which reference jp2k/img1\.bmp has"):
        LIVE(root)
    (root / "jp2k/info.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"no refnames_all\.mat or LIVE\.txt"):
        LIVE(root)


def test_csiq_flat_mirror_and_text_forms(images: Callable[[str], Path]) -> None:
    root = images("csiq")
    book = CSIQ(root)
    folder = root / "dst_imgs"
    for file in list(folder.glob("*/*")):
        file.rename(folder / file.name)
    for empty in [each for each in folder.iterdir() if each.is_dir()]:
        empty.rmdir()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        flat = CSIQ(root)
    assert flat.labels_hash == book.labels_hash
    (root / "csiq.DMOS.xlsx").unlink()
    tags = {"white-noise": "noise", "gaussian-blur": "blur", "pink-noise": "fnoise"}
    rows = []
    for sample in reversed(book.samples):
        damage, image = sample.damages[0], sample.content.removesuffix(".png")
        kind = tags.get(damage.type, damage.type)
        rows.append(f"{image}\t1\t{kind}\t{damage.severity:.0f}\t0.05\t{sample.raw_score}\r\n")
    (root / "csiq.DMOS.txt").write_text("".join(rows))
    assert CSIQ(root).labels_hash == book.labels_hash
    (root / "csiq.DMOS.txt").unlink()
    rows = ["dis_img_path,dis_type,ref_img_path,score"]
    rows += [f"x/{s.id.upper()},x,x/{s.reference},{s.raw_score}" for s in book.samples]
    (root / "CSIQ.txt").write_text("\n".join(rows) + "\n")
    commas = CSIQ(root).samples
    assert [(s.id, s.content, s.label) for s in commas] == [
        (s.id, s.content, s.label) for s in book.samples
    ]
    _replace(root / "CSIQ.txt", "x/scene05.png", "x/scene06.png")
    with pytest.raises(ValueError, match=r"CSIQ\.txt: .* with the reference scene06\.png") as error:
        CSIQ(root)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("damage", ["no zip", "sheet", "score"])
def test_a_broken_workbook_is_named(damage: str, own: Callable[[str], Path]) -> None:
    root = own("csiq")
    path = root / "csiq.DMOS.xlsx"
    if damage == "no zip":
        path.write_bytes(b"PK no")
    elif damage == "sheet":  # found only when the rows are read
        with zipfile.ZipFile(path) as book:
            content = {name: book.read(name) for name in book.namelist()}
        content["xl/worksheets/sheet2.xml"] = content["xl/worksheets/sheet2.xml"][:-500]
        with zipfile.ZipFile(path, "w") as book:
            for name, data in content.items():
                book.writestr(name, data)
    else:
        table = openpyxl.load_workbook(path)
        table["all_by_image"].cell(9, 9).value = "good"
        table.save(path)
    why = "row 9: 'good' is not a number" if damage == "score" else "not a readable workbook"
    with pytest.raises(ValueError, match=rf"csiq\.DMOS\.xlsx: {why}") as error:
        CSIQ(root)
    assert "\n" not in str(error.value)


def test_std_of_tid2013_goes_by_name(own: Callable[[str], Path]) -> None:
    root = own("tid2013")
    _reversed(root / "mos_with_names.txt", header=False)
    stds = {s.id: s.label_std for s in TID2013(root).samples}
    assert stds["i01_01_1.bmp"] == 0.0
    assert stds["i25_24_5.bmp"] == 0.2999


def test_kadid_var_is_a_standard_deviation(made: Callable[[str], Path]) -> None:
    sample = KADID10K(made("kadid10k")).samples[0]
    assert sample.label_std == 0.25
    assert sample.damages[0].type == "gaussian-blur"


@slow
def test_pipal_of_the_mirror(own: Callable[[str], Path]) -> None:
    root = own("pipal")
    owners = PIPAL(root)
    rows = ["hq_name,dist_name,elo_score"]
    rows += [f"{s.content.upper()},{s.id.upper()},{s.raw_score}" for s in owners.samples]
    shutil.rmtree(root / "Train_Label")
    (root / "meta_info_PIPALDataset.csv").write_text("\n".join(rows) + "\n")
    (root / "Distortion_1").rename(root / "Dist_Imgs")
    for i in (2, 3, 4):
        (root / f"Distortion_{i}").unlink()
    with pytest.warns(UserWarning, match="17400 of 23200 images missing"):
        mirror = PIPAL(root)
    assert [(s.id, s.label) for s in mirror.samples] == [(s.id, s.label) for s in owners.samples]
    present = PIPAL(root, subset="present").samples
    assert [s.id for s in present] == [s.id for s in owners.samples if int(s.id[1:5]) % 4 == 0]


# ---------------------------------------------------------------- verify


@pytest.fixture
def distinct(tmp_path: Path) -> Path:
    """CSIQ with 896 images that differ in their bytes."""
    image = tmp_path / "stand-in.bin"
    image.touch()
    root = tmp_path / "csiq"
    root.mkdir()
    csiq(root, image)
    for i, path in enumerate(sorted(root.rglob("*.png"))):
        path.unlink()
        Image.new("RGB", (4, 4), (i % 256, i // 256, 0)).save(path)
    return root


def test_verify_a_complete_folder(distinct: Path) -> None:
    report = verify(CSIQ, distinct)
    assert report.ok, report.lines()
    assert len(report.present) == 896
    assert not report.missing
    assert not report.extra
    assert "score file: 866 images, 30 references" in report.lines()
    assert "from 0.15 to 0.75, lower is better" in report.lines()
    assert report.lines()[-1] == "complete"


def test_verify_says_what_is_wrong(distinct: Path) -> None:
    images = sorted((distinct / "dst_imgs/JPEG").iterdir())
    images[0].unlink()
    images[1].write_bytes(b"")
    images[2].write_bytes(images[2].read_bytes()[:-12])
    images[3].write_bytes(b"GIF89a but no more")
    Image.new("RGB", (5, 4)).save(images[4])
    images[5].write_bytes((distinct / f"src_imgs/{images[5].name.split('.')[0]}.png").read_bytes())
    images[6].write_bytes(images[7].read_bytes())
    (distinct / "dst_imgs/JPEG/more.png").write_bytes(images[8].read_bytes())
    report = verify(CSIQ, distinct)
    assert not report.ok
    assert [Path(p).name for p in report.missing] == [images[0].name.lower()]
    assert report.extra == ("dst_imgs/jpeg/more.png",)
    problems = {line.split(":")[0].rpartition("/")[2]: line for line in report.inconsistent}
    name = [image.name.lower() for image in images]
    assert "empty file" in problems[name[1]]
    assert "truncated PNG" in problems[name[2]]
    assert "unreadable" in problems[name[3]]
    assert "5 × 4 pixels, and its reference has 4 × 4" in problems[name[4]]
    assert "a reference in the place of a distorted image?" in problems[name[5]]
    assert "the same bytes as" in problems[name[6]]
    assert "reference" not in problems[name[6]]
    assert len(report.inconsistent) == 6
    assert "missing      1" in report.lines()
    assert report.lines()[-1] != "complete"


def test_verify_cut_bmp_and_jpeg(tmp_path: Path) -> None:
    from harness.datasets.file_facts import facts_of

    for suffix, options in ((".bmp", {}), (".jpg", {"quality": 90})):
        path = tmp_path / f"a{suffix}"
        Image.effect_noise((64, 48), 50).convert("RGB").save(path, **options)
        assert facts_of(path, whole=False).problem is None
        assert facts_of(path, whole=False).size == (64, 48)
        path.write_bytes(path.read_bytes()[:-100])
        assert facts_of(path, whole=False).problem in ("truncated BMP", "truncated JPEG")
    assert facts_of(tmp_path, whole=False).problem == "not a file"


def test_verify_knows_the_undistorted_copies(made: Callable[[str], Path]) -> None:
    assert verify(LIVE, made("live")).extra == ()


@slow
def test_verify_knows_the_harmless_level(images: Callable[[str], Path]) -> None:
    root = images("kadid10k")
    for i, name in enumerate(["I01.png", "I01_18_03.png", "I01_18_02.png"]):
        (root / "images" / name).unlink()
        Image.new("RGB", (4, 4), (200, i // 2, 0)).save(root / "images" / name)
    (line,) = verify(KADID10K, root).inconsistent  # all others are links to one file
    assert "i01.png" not in line
    assert "(10123 files)" in line  # less 80 harmless ones, each as its reference


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """CSIQ with two contents that look like something, damaged as their severity says."""
    root = tmp_path / "csiq"
    root.mkdir()
    image = tmp_path / "stand-in.bin"
    image.touch()
    csiq(root, image)
    for path in root.rglob("*.png"):
        if not path.name.startswith(("1600", "scene01")):
            path.unlink()
    rng = np.random.default_rng(0)
    for scene in ("1600", "scene01"):
        clear = _scene(rng)
        for path in sorted(root.rglob(f"{scene}.*png")):
            parts = path.name.split(".")
            path.unlink()
            _save(path, clear, 4 * int(parts[2]) if len(parts) == 4 else 0, rng)
    return root


def _scene(rng: np.random.Generator) -> np.ndarray:
    """Blocks with some noise, 96 × 96."""
    clear = rng.normal(128, 60, (8, 8)).repeat(12, 0).repeat(12, 1)
    return clear + rng.normal(0, 10, clear.shape)


def _save(path: Path, clear: np.ndarray, sd: float, rng: np.random.Generator) -> None:
    noisy = (clear + rng.normal(0, sd, clear.shape)).clip(0, 255).astype(np.uint8)
    Image.fromarray(noisy).convert("RGB").save(path)


def _swap(one: Path, other: Path) -> None:
    one_bytes, other_bytes = one.read_bytes(), other.read_bytes()
    one.write_bytes(other_bytes)
    other.write_bytes(one_bytes)


def test_verify_finds_swapped_references(photographs: Path) -> None:
    assert verify(CSIQ, photographs).inconsistent == ()
    _swap(photographs / "src_imgs/1600.png", photographs / "src_imgs/scene01.png")
    lines = verify(CSIQ, photographs).inconsistent
    assert len(lines) == 2
    assert all("another scene" in line for line in lines)


def test_verify_finds_a_reference_swapped_with_its_image(photographs: Path) -> None:
    _swap(photographs / "src_imgs/1600.png", photographs / "dst_imgs/BLUR/1600.BLUR.4.png")
    (line,) = verify(CSIQ, photographs).inconsistent
    assert line.startswith("src_imgs/1600.png: is more damaged than its best distorted images")


def _said(spec: Spec, root: Path) -> list[str]:
    """What loading warns of, beside the images that the test leaves out."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        spec(root)
    return [line for each in caught if " missing in " not in (line := str(each.message))]


def test_loading_says_which_references_look_wrong(photographs: Path) -> None:
    assert _said(CSIQ, photographs) == []
    _swap(photographs / "src_imgs/1600.png", photographs / "src_imgs/scene01.png")
    (line,) = _said(CSIQ, photographs)
    assert line == (
        "CSIQ: 2 references do not look like the original of their damaged images: 1600.png, "
        "scene01.png; iqa-eval data verify csiq says more"
    )
    _swap(photographs / "src_imgs/1600.png", photographs / "src_imgs/scene01.png")
    _swap(photographs / "src_imgs/1600.png", photographs / "dst_imgs/BLUR/1600.BLUR.4.png")
    (line,) = _said(CSIQ, photographs)
    assert "1 reference does not look like the original of its damaged images: 1600.png;" in line
    shutil.rmtree(photographs / "dst_imgs/JPEG")  # what is absent is not judged
    for name in ("NOISE", "AWGN", "JPEG2000", "FNOISE"):
        shutil.rmtree(photographs / "dst_imgs" / name, ignore_errors=True)
    assert _said(CSIQ, photographs) == []


def test_loading_decodes_four_images_of_a_reference(
    photographs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded, middle = [], likeness._middle
    monkeypatch.setattr(likeness, "_middle", lambda path: decoded.append(path) or middle(path))
    _said(CSIQ, photographs)
    assert len(decoded) == len(set(decoded)) == 2 * 4


def test_results_that_lack_the_same_detail_may_lie_apart_from_their_reference(
    photographs: Path,
) -> None:
    spec = replace(CSIQ, shared_losses=True)
    _swap(photographs / "src_imgs/1600.png", photographs / "dst_imgs/BLUR/1600.BLUR.4.png")
    assert _said(spec, photographs) == []
    _swap(photographs / "src_imgs/1600.png", photographs / "src_imgs/scene01.png")
    assert "2 references do not look" in _said(spec, photographs)[0]
    assert PIPAL.shared_losses


def test_references_exchanged_in_the_list_are_seen(images: Callable[[str], Path]) -> None:
    root = images("live")
    rng = np.random.default_rng(0)
    samples = LIVE(root).samples
    for reference in ("refimgs/ref00.bmp", "refimgs/ref01.bmp"):
        clear = _scene(rng)
        for name in (reference, *(s.id for s in samples if s.reference == reference)):
            (root / name).unlink()
            _save(root / name, clear, 0 if name == reference else 5, rng)
    assert _said(LIVE, root) == []
    rows = ["dis_img_path,dis_type,ref_img_path,score"]
    other = {"refimgs/ref00.bmp": "refimgs/ref01.bmp", "refimgs/ref01.bmp": "refimgs/ref00.bmp"}
    for s in samples:
        rows.append(f"LIVE/{s.id},x,LIVE/{other.get(s.reference or '', s.reference)},{s.raw_score}")
    (root / "LIVE.txt").write_text("\n".join(rows) + "\n")
    (root / "dmos_realigned.mat").unlink()
    (line,) = _said(LIVE, root)
    assert "2 references" in line
    assert "refimgs/ref00.bmp, refimgs/ref01.bmp;" in line


@slow
def test_references_of_a_set_like_kadid10k_are_compared_at_once(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 255, (48, 64, 3), np.uint8)).resize((512, 384), 3)
    grain = np.asarray(noise) // 2 + rng.integers(0, 12, (384, 512, 3), np.uint8)
    Image.fromarray(grain.astype(np.uint8)).save(tmp_path / "a.png")
    (tmp_path / "kadid10k").mkdir()
    kadid10k(tmp_path / "kadid10k", tmp_path / "a.png")
    listing = KADID10K.listing(folder := KADID10K.folder(tmp_path / "kadid10k"))
    paths = {e.id: folder.at(e.path) for e in (*listing.entries, *listing.references)}
    list(likeness.suspects(KADID10K, listing, dict(list(paths.items())[:500])))  # imports
    start = time.process_time()
    assert list(likeness.suspects(KADID10K, listing, paths)) == []
    assert time.process_time() - start < 4  # about 2 s; the machine may be busy


# ---------------------------------------------------------------- the owners' score files


@real
@pytest.mark.parametrize(
    ("spec", "low", "high"),
    [
        (LIVE, -2.6400150164096132, 111.77469352631448),
        (CSIQ, 0.0, 1.0),
        (TID2013, 0.24242, 7.21429),
        (KADID10K, 1.0, 4.93),
        (PIPAL, 916.7136, 1835.9856),
    ],
    ids=lambda value: value.name if isinstance(value, Spec) else "",
)
def test_real_score_files(spec: Spec, low: float, high: float) -> None:
    listing = spec.listing(spec.folder(METADATA / REAL.get(spec.name, spec.title.split()[0])))
    scores = [e.raw for e in listing.entries if e.raw is not None]
    assert len(scores) == spec.n_images
    assert len(listing.references) == spec.n_references
    assert (min(scores), max(scores)) == (low, high)


@real
@pytest.mark.parametrize(
    ("spec", "files"),
    [(LIVE, ["LIVE.txt"]), (CSIQ, ["csiq.DMOS.txt", "CSIQ.txt"])],
    ids=["live", "csiq"],
)
def test_real_forms_agree(spec: Spec, files: list[str], tmp_path: Path) -> None:
    source = METADATA / REAL[spec.name]
    owners = {e.id: e for e in spec.listing(spec.folder(source)).entries}
    for file in files:
        (tmp_path / file).mkdir()
        (tmp_path / file / file).symlink_to(source.resolve() / file)
        other = {e.id: e for e in spec.listing(spec.folder(tmp_path / file)).entries}
        assert other.keys() == owners.keys()
        for key, entry in other.items():
            assert entry.content == owners[key].content
            assert entry.damages == owners[key].damages
            assert entry.raw == pytest.approx(owners[key].raw, abs=6e-4)


@real
@pytest.mark.parametrize("spec", [LIVE, CSIQ, TID2013, KADID10K], ids=lambda spec: spec.name)
def test_the_arniqa_splits_share_no_reference(spec: Spec) -> None:
    listing = spec.listing(spec.folder(METADATA / REAL[spec.name]))
    contents = {e.id: e.content for e in listing.entries}
    assert spec.split_order is not None
    order = spec.split_order(sorted(contents, key=lambda each: each[::-1]))
    assert sorted(order) == sorted(contents)
    folder = METADATA / "splits" / REAL[spec.name] / "splits"
    files = [np.load(folder / f"{part}.npy") for part in ("train", "val", "test")]
    for split in range(10):
        rows = [[i for i in file[split] if i >= 0] for file in files]
        assert sorted(itertools.chain(*rows)) == list(range(spec.n_images))
        parts = [{contents[order[i]] for i in part} for part in rows]
        assert sum(map(len, parts)) == spec.n_references


@real
def test_the_split_order_is_the_order_of_the_lists() -> None:
    def csiq_name(line: str) -> str:
        return line.split(",")[0].rpartition("/")[2]

    def live_name(line: str) -> str:
        return line.split(",")[0].partition("/")[2]

    lists = [
        (LIVE, "LIVE.txt", live_name),
        (CSIQ, "CSIQ.txt", csiq_name),
        (TID2013, "mos_with_names.txt", lambda line: line.split()[1]),
        (KADID10K, "dmos.csv", lambda line: line.split(",")[0]),
    ]
    for spec, file, name in lists:
        lines = (METADATA / REAL[spec.name] / file).read_text().split("\n")
        first = 0 if spec is TID2013 else 1
        ids = [name(line).lower() for line in lines[first:] if line]
        assert spec.split_order is not None
        assert spec.split_order(sorted(ids)) == ids
