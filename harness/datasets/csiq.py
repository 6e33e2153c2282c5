"""CSIQ (Larson and Chandler, 2010): six types of damage on 30 references."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..sample import Damage
from .layout import Folder
from .spec import Entry, Listing, Spec, mirror
from .text_rows import number, read_csv
from .workbooks import read_cells

# The owners' folder, in the order of CSIQ.txt → type of damage, number of images.
FOLDERS = {
    "awgn": ("white-noise", 150),
    "jpeg": ("jpeg", 150),
    "jpeg2000": ("jpeg2000", 150),
    "fnoise": ("pink-noise", 150),
    "blur": ("gaussian-blur", 150),
    "contrast": ("contrast", 116),
}
WORDS = {"noise": "awgn"}  # the score file's word where it is not the folder's
SHEET = "all_by_image"
HEADER = ("image", "dst_idx", "dst_type", "dst_lev", "dmos_std", "dmos")
Row = tuple[str, str, str, float, float | None]  # image, folder, level, DMOS, its deviation


def read(folder: Folder) -> Listing:
    """From the owners' workbook, or one of its two text forms (rounded to 3 and to 5 digits)."""
    path = folder.find("csiq.DMOS.xlsx", "csiq.DMOS.txt", "CSIQ.txt")
    forms = {"csiq.dmos.xlsx": _workbook, "csiq.dmos.txt": _tabs, "csiq.txt": _commas}
    entries = tuple(_entry(folder, path, *row) for row in forms[path.name.lower()](path))
    names = sorted({e.content for e in entries})
    found = ((name, folder.first(f"src_imgs/{name}", name)) for name in names)
    return Listing(entries, tuple(Entry(name, where, name) for name, where in found))


def split_order(ids: Sequence[str]) -> list[str]:
    """Types as in FOLDERS, then images by name without "_", then levels: the rows of CSIQ.txt."""
    types = list(FOLDERS)

    def key(name: str) -> tuple[int, str, str]:
        image, kind, level, _ = name.rsplit(".", 3)
        return types.index(kind), image.replace("_", ""), level

    return sorted(ids, key=key)


def _entry(
    folder: Folder, path: Path, image: str, kind: str, level: str, score: float, std: float | None
) -> Entry:
    if kind not in FOLDERS or level not in ("1", "2", "3", "4", "5"):
        raise ValueError(f"{path}: {image}.{kind}.{level} is no distorted image of CSIQ")
    name, reference = f"{image}.{kind}.{level}.png", f"{image}.png"
    # Some mirrors have all distorted images in one folder.
    where = folder.first(f"dst_imgs/{kind}/{name}", f"dst_imgs/{name}", f"{kind}/{name}", name)
    damage = Damage(FOLDERS[kind][0], float(level))
    return Entry(name, where, reference, score, std, reference, (damage,))


def _workbook(path: Path) -> Iterator[Row]:
    rows = [row[3:9] for row in read_cells(path, SHEET)[3:]]  # the table starts in D4
    if not rows or rows[0] != HEADER:
        raise ValueError(f"{path}: row 4 of {SHEET} is not {', '.join(HEADER)}")
    for position, (image, _, kind, level, std, score) in enumerate(rows[1:], start=5):
        if image is not None:  # the image called 1600 is a number
            numbers = (number(str(each), path, f"row {position}") for each in (score, std))
            yield (*_name(str(image), str(kind), str(level)), *numbers)  # type: ignore[misc]


def _tabs(path: Path) -> Iterator[Row]:
    with path.open(newline="") as file:
        for position, row in enumerate(csv.reader(file, delimiter="\t"), start=1):
            if len(row) != len(HEADER):
                raise ValueError(f"{path}: row {position} has {len(row)} columns, not 6")
            image, _, kind, level, std, score = row
            numbers = (number(each, path, f"row {position}") for each in (score, std))
            yield (*_name(image, kind, level), *numbers)  # type: ignore[misc]


def _commas(path: Path) -> Iterator[Row]:
    for row in read_csv(path, "dis_img_path", "ref_img_path", "score"):
        name = row["dis_img_path"].rpartition("/")[2]
        parts = name.rsplit(".", 3)
        if len(parts) != 4:
            raise ValueError(f"{path}: {name} is no distorted image (as 1600.AWGN.1.png)")
        reference = row["ref_img_path"].rpartition("/")[2]
        if reference.lower() != f"{parts[0]}.png".lower():
            raise ValueError(
                f"{path}: {name} with the reference {reference} is not as 1600.AWGN.1.png with "
                "1600.png; are two references swapped?"
            )
        yield (*_name(*parts[:3]), number(row["score"], path, name), None)


def _name(image: str, kind: str, level: str) -> tuple[str, str, str]:
    word = kind.lower().replace(" ", "")
    return image.lower(), WORDS.get(word, word), level


CSIQ = Spec(
    name="csiq",
    title="CSIQ",
    license="see the homepage",
    citation="E. C. Larson, D. M. Chandler: Most apparent distortion: full-reference image quality "
    "assessment and the role of strategy, Journal of Electronic Imaging 19, 2010",
    homepage="https://s2.smu.edu/~eclarson/csiq.html",
    layout="csiq.DMOS.xlsx (or csiq.DMOS.txt, or CSIQ.txt), src_imgs/, and dst_imgs/ with the "
    "folders awgn, blur, contrast, fnoise, jpeg, jpeg2000",
    label_kind="dmos",
    range=(0.0, 1.0),
    n_images=866,
    n_references=30,
    read=read,
    lower_is_better=True,
    hub=mirror("csiq.tgz", "CSIQ"),
    known_as=("CSIQ",),
    types=dict(FOLDERS.values()),
    split_order=split_order,
)
