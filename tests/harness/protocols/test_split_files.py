"""Split files: row numbers become sample ids, and what cannot be right is refused."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from harness.datasets.spec import Listing, Spec
from harness.protocols import split_files
from harness.protocols.split_files import fingerprint, import_npy, row_order
from harness.protocols.splits import splits_of
from harness.sample import Dataset, Sample
from harness.source import FileSource

METADATA = Path(__file__).parents[4] / "shared" / "data" / "metadata"
ORDER = tuple(f"img{i}" for i in range(8))
TRAIN, VAL, TEST = [[0, 1, 2, 3], [4, 5, 6, 7]], [[4, -1], [0, 1]], [[5, 6, 7], [2, 3, -1]]

Rated = Callable[..., Dataset]


def write(folder: Path, train: object = TRAIN, val: object = VAL, test: object = TEST) -> Path:
    folder.mkdir(exist_ok=True)
    for name, table in (("train", train), ("val", val), ("test", test)):
        np.save(folder / f"{name}.npy", np.asarray(table))
    return folder


def test_rows_become_ids(tmp_path: Path) -> None:
    first, second = import_npy(write(tmp_path / "set"), ORDER)
    assert first.train == ("img0", "img1", "img2", "img3")
    assert (first.validation, first.test) == (("img4",), ("img5", "img6", "img7"))
    assert (second.validation, second.test) == (("img0", "img1"), ("img2", "img3"))
    assert (first.name, second.name) == ("set #1", "set #2")


def test_padding_may_be_kept_as_the_last_row(tmp_path: Path) -> None:
    first, second = import_npy(write(tmp_path), ORDER, keep_padding=True)
    assert first.validation == ("img4", "img7")
    assert first.test == ("img5", "img6", "img7")
    assert second.test == ("img2", "img3", "img7")


def test_one_dimension_is_one_split_and_rows_may_be_in_no_part(tmp_path: Path) -> None:
    (split,) = import_npy(write(tmp_path, [0, 1, 2], [7], [4, 5]), ORDER)
    assert (split.train, split.validation) == (("img0", "img1", "img2"), ("img7",))
    assert split.test == ("img4", "img5")


@pytest.mark.parametrize(
    ("tables", "order", "message"),
    [
        ((TRAIN, VAL, TEST), ORDER[:-1], "a list of 8 rows, and this one has 7"),
        ((TRAIN, VAL, TEST), (*ORDER, "more"), "a list of 8 rows, and this one has 9"),
        ((TRAIN, VAL, TEST), (*ORDER[:-1], "img0"), "the list names 'img0' twice"),
        ((TRAIN, VAL, TEST[:1]), ORDER, "2 in train.npy, 2 in val.npy, 1 in test.npy"),
        (([0, 1, 2], [3], [7, 2]), ORDER, r"row 2 \(img2\) twice, in train.npy and test.npy"),
        (([0, 1, 1], [3], [7]), ORDER, r"row 1 \(img1\) twice, in train.npy"),
        (([0, 1, -2], [3], [7]), ORDER, "holds the row -2"),
        (([0.0, 1.0], [3], [7]), ORDER, "float64 .*expected whole numbers"),
        (([[[0]]], [[3]], [[7]]), ORDER, "expected whole numbers, 1-D or 2-D"),
        (([], [], []), ORDER, "expected whole numbers"),
    ],
)
def test_what_is_refused(
    tmp_path: Path, tables: tuple[object, ...], order: Sequence[str], message: str
) -> None:
    with pytest.raises(ValueError, match=message) as refused:
        import_npy(write(tmp_path, *tables), order)
    assert "\n" not in str(refused.value)


def test_files_that_are_absent_or_no_arrays(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "val.npy").write_bytes(b"no array")
    with pytest.raises(ValueError, match=r"val.npy: not a readable .npy file"):
        import_npy(tmp_path, ORDER)
    np.save(tmp_path / "val.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(ValueError, match=r"val.npy: not a readable .npy file"):
        import_npy(tmp_path, ORDER)
    (tmp_path / "val.npy").unlink()
    with pytest.raises(FileNotFoundError, match=r"val.npy: no such split file"):
        import_npy(tmp_path, ORDER)


def test_files_are_known_by_what_they_hold(tmp_path: Path) -> None:
    here, there = write(tmp_path / "a"), write(tmp_path / "b")
    assert fingerprint(here) == fingerprint(there)
    write(there, VAL, TRAIN, TEST)
    assert fingerprint(here) != fingerprint(there)


def register(monkeypatch: pytest.MonkeyPatch, split_order: object) -> None:
    spec = Spec(
        "rated", "Rated", "none", "none", "none", "none", "mos", (0, 1), 120, 24,
        read=lambda folder: Listing(()), split_order=split_order,  # type: ignore[arg-type]
    )  # fmt: skip
    known = {"rated": SimpleNamespace(load=lambda: spec)}
    monkeypatch.setattr(split_files, "entries", lambda group: known)


def test_the_order_is_the_loaders_to_state(
    rated: Rated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = rated(8, per_content=1)
    folder = str(write(tmp_path))
    for order in (None, "unknown dataset"):
        if order is None:
            register(monkeypatch, None)
        else:
            monkeypatch.setattr(split_files, "entries", lambda group: {})
        with pytest.raises(ValueError, match="rated: no known row order"):
            splits_of(dataset, folder)
    register(monkeypatch, lambda ids: sorted(ids, reverse=True))
    assert row_order(dataset)[0] == "c07-0"
    first, _ = splits_of(dataset, folder)
    assert first.train == ("c04-0", "c05-0", "c06-0", "c07-0")


def test_contents_on_both_sides_show_a_wrong_order(
    rated: Rated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = rated(4, per_content=2)
    folder = write(tmp_path, [0, 1, 2, 3], [4, 5], [6, 7])
    register(monkeypatch, sorted)
    assert splits_of(dataset, str(folder))[0].test == ("c03-0", "c03-1")
    register(monkeypatch, lambda ids: sorted(ids, key=lambda i: i[-1]))
    with pytest.raises(ValueError, match="content 'scene02' is in training and in test"):
        splits_of(dataset, str(folder))


def test_images_that_are_not_here_are_in_no_part(
    rated: Rated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows are those of the owners' list, whatever of it is there."""
    whole = rated(8, per_content=1)
    folder = str(write(tmp_path))
    register(monkeypatch, lambda ids: sorted(ids, reverse=True))
    here = {"c00-0", "c02-0", "c04-0", "c07-0"}
    some = tuple(s for s in whole.samples if s.id in here)
    with pytest.raises(ValueError, match="made for a list of 8 rows, and this one has 4"):
        splits_of(replace(whole, samples=some), folder)
    part = replace(whole, samples=some, listed=tuple(s.id for s in whole.samples))
    for all_of_it, split in zip(splits_of(whole, folder), splits_of(part, folder), strict=True):
        assert split.name == all_of_it.name
        for name in ("train", "validation", "test"):
            assert set(getattr(split, name)) == here & set(getattr(all_of_it, name))


def test_official_split_files_must_fit_the_owners_parts(
    rated: Rated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list in another order changes the test part, and nothing else would show it."""
    dataset = rated(8, per_content=1)
    parts = ["test"] * 3 + ["training"] * 4 + ["validation"]
    samples = [replace(s, split=p) for s, p in zip(dataset.samples, parts, strict=True)]
    dataset = replace(dataset, samples=tuple(samples))
    register(monkeypatch, list)
    folder = str(write(tmp_path / "one", [3, 4, 5], [7, 6], [0, 2]))  # one of test is in no part
    (split,) = splits_of(dataset, folder)
    assert split.test == ("c00-0", "c02-0")
    turned = replace(dataset, samples=tuple(reversed(dataset.samples)))
    with pytest.raises(ValueError, match=r"do not fit the owners' parts of rated \(") as refused:
        splits_of(turned, folder)
    assert "\n" not in str(refused.value)
    for train, test in (([3, 4, 1], [0, 2]), ([4, 5], [0, 3])):
        write(tmp_path / "one", train, [7, 6], test)
        with pytest.raises(ValueError, match="do not fit the owners' parts"):
            splits_of(dataset, folder)
    write(tmp_path / "one", TRAIN, VAL, TEST)  # several are random ones
    assert len(splits_of(dataset, folder)) == 2
    unknown = replace(dataset, samples=tuple(replace(s, split=None) for s in dataset.samples))
    write(tmp_path / "one", [3, 4, 1], [7, 6], [0, 2])
    assert len(splits_of(unknown, folder)) == 1


def lines(file: str) -> list[str]:
    path = METADATA / file
    if not path.exists():
        pytest.skip("the authors' score and split files are not here")
    return path.read_text("utf-8").split("\n")


def csv(file: str, image: int, reference: int) -> dict[str, str]:
    rows = [line.strip().split(",") for line in lines(file)[1:] if line.strip()]
    return {row[image]: row[reference] for row in rows}


def tid2013() -> dict[str, str]:
    names = [line.split()[1] for line in lines("TID2013/mos_with_names.txt") if line.strip()]
    return {name.lower(): name[:3].lower() for name in names}


@pytest.mark.parametrize(
    ("name", "table", "counts", "contents"),
    [
        ("LIVE", lambda: csv("LIVE/LIVE.txt", 0, 2), (538, 81, 160), (20, 3, 6)),
        ("CSIQ", lambda: csv("CSIQ/CSIQ.txt", 0, 2), (607, 87, 172), (21, 3, 6)),
        ("TID2013", tid2013, (2160, 240, 600), (18, 2, 5)),
        ("KADID10K", lambda: csv("KADID10K/dmos.csv", 0, 1), (7125, 1000, 2000), (57, 8, 16)),
    ],
)
def test_the_authors_splits_share_no_reference(
    name: str,
    table: Callable[[], dict[str, str]],
    counts: tuple[int, ...],
    contents: tuple[int, ...],
) -> None:
    reference = table()
    folder = METADATA / "splits" / name / "splits"
    splits = import_npy(folder, tuple(reference))
    assert len(splits) == 10
    assert tuple(map(len, (splits[0].train, splits[0].validation, splits[0].test))) == counts
    for split in splits:
        parts = (split.train, split.validation, split.test)
        assert sorted(name for part in parts for name in part) == sorted(reference)
        used = [{reference[name] for name in part} for part in parts]
        assert tuple(map(len, used)) == contents
        assert len(set.union(*used)) == sum(contents)


@pytest.mark.parametrize(
    ("module", "name"),
    [("live", "LIVE"), ("csiq", "CSIQ"), ("tid2013", "TID2013"), ("kadid10k", "KADID10K")],
)
def test_a_loaders_order_does_not_depend_on_that_of_its_samples(
    module: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not (METADATA / name).exists():
        pytest.skip("the authors' score and split files are not here")
    found = vars(import_module(f"harness.datasets.{module}")).values()
    (spec,) = (value for value in found if isinstance(value, Spec))
    monkeypatch.setattr(
        split_files, "entries", lambda group: {spec.name: SimpleNamespace(load=lambda: spec)}
    )
    entries = list(spec.listing(spec.folder(METADATA / name)).entries)
    splits = []
    for seed in (0, 1):
        random.Random(seed).shuffle(entries)
        samples = tuple(
            Sample(e.id, FileSource(Path(e.path)), e.content, label=e.raw) for e in entries
        )
        dataset = Dataset(spec.name, samples, label_kind="mos")
        splits.append(splits_of(dataset, str(METADATA / "splits" / name / "splits")))
    assert splits[0] == splits[1]  # splits_of has checked that no reference is shared
    assert len(splits[0]) == 10


@pytest.mark.parametrize(
    ("name", "n", "counts"),
    [
        ("FLIVE", 39810, [(30253, 7727, 1827)]),
        ("SPAQ", 11125, [(7787, 1113, 2225)] * 10),
        ("KonIQ-10k", 10073, [(7051, 1007, 2015)] * 10),
        ("CLIVE", 1162, [(813, 117, 232)] * 10),
    ],
)
def test_the_authors_splits_of_photographs(
    name: str, n: int, counts: list[tuple[int, ...]]
) -> None:
    folder = METADATA / "splits" / name / "splits"
    if not folder.exists():
        pytest.skip("the authors' split files are not here")
    splits = import_npy(folder, [f"{i:05}" for i in range(n)])
    assert [(len(s.train), len(s.validation), len(s.test)) for s in splits] == counts
    with pytest.raises(ValueError, match=f"made for a list of {n} rows"):
        import_npy(folder, [f"{i:05}" for i in range(n - 1)])
