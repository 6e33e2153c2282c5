"""LIVE release 2 (Sheikh et al., 2006): five types of damage on 29 references.

The 982 rows of the owners' files run through the folders in a fixed order; the 203 that are
undistorted copies of references do not count. The realigned DMOS is what papers use; it is no
monotone function of the original one (Pearson 0.947).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from ..errors import one_line
from ..sample import Damage
from .layout import Folder
from .spec import Entry, Listing, Spec, mirror
from .text_rows import number, read_csv

# Folder → type of damage, images shipped, images that are distorted.
FOLDERS = {
    "jp2k": ("jpeg2000", 227, 169),
    "jpeg": ("jpeg", 233, 175),
    "wn": ("white-noise", 174, 145),
    "gblur": ("gaussian-blur", 174, 145),
    "fastfading": ("fast-fading", 174, 145),
}
PATHS = tuple(f"{name}/img{i}.bmp" for name, each in FOLDERS.items() for i in range(1, each[1] + 1))
RANK = {path: i for i, path in enumerate(PATHS)}
TEXT = "LIVE.txt"
Row = tuple[str, str, float, float | None]  # path, reference's file name, score, its deviation


def read(folder: Folder, *, scores: Literal["realigned", "original"] = "realigned") -> Listing:
    """``scores="original"`` reads ``dmos.mat``; the realigned ones have a text form, too."""
    if scores == "original":
        rows = list(_matlab(folder, folder.find("dmos.mat"), "dmos"))
    elif scores == "realigned":
        path = folder.find("dmos_realigned.mat", TEXT)
        rows = list(_text(path) if path.suffix == ".txt" else _matlab(folder, path, "dmos_new"))
    else:
        raise ValueError(f"LIVE: scores must be 'realigned' or 'original', not {scores!r}")
    entries = tuple(_entry(*row) for row in rows)
    names = sorted({e.content for e in entries})
    listed = {e.path for e in entries}
    return Listing(
        entries,
        tuple(Entry(name, name, name) for name in names),
        range=(17.89, 84.5) if scores == "original" else None,
        set_aside=tuple(path for path in PATHS if path not in listed),
    )


def split_order(ids: Sequence[str]) -> list[str]:
    """Folders in their order, images by number: the rows of LIVE.txt."""
    return sorted(ids, key=RANK.__getitem__)


def _entry(path: str, reference: str, score: float, std: float | None) -> Entry:
    if path not in RANK:
        raise ValueError(f"LIVE: {path} is no distorted image (as jp2k/img1.bmp)")
    name = f"refimgs/{reference}"
    damage = Damage(FOLDERS[path.partition("/")[0]][0], None)
    return Entry(path, path, name, score, std, name, (damage,))


def _text(path: Path) -> Iterator[Row]:
    for row in read_csv(path, "dis_img_path", "ref_img_path", "score"):
        image = "/".join(row["dis_img_path"].lower().split("/")[-2:])
        reference = row["ref_img_path"].lower().rpartition("/")[2]
        yield image, reference, number(row["score"], path, image), None


def _matlab(folder: Folder, path: Path, key: str) -> Iterator[Row]:
    table = _load(path)
    scores, deviations = _column(table, path, key), table.get("dmos_std")
    copies = table.get("orgs")
    if copies is None or copies.size != len(PATHS):  # it is cut short in some releases
        copies = scores == 0
    references = _references(folder)
    for i, image in enumerate(PATHS):
        if not copies[i]:
            if image not in references:
                raise ValueError(f"{path}: nothing says which reference {image} has")
            std = None if deviations is None else float(deviations[i])
            yield image, references[image], float(scores[i]), std


def _references(folder: Folder) -> dict[str, str]:
    """Path → file name of its reference: from the owners' table, the text form, or the
    ``info.txt`` of each folder (lines as "studentsculpture.bmp img1.bmp 0.25")."""
    if folder.has("jp2k/info.txt") and not (folder.has("refnames_all.mat") or folder.has(TEXT)):
        return dict(pair for name in FOLDERS for pair in _info(folder, name))
    path = folder.find("refnames_all.mat", TEXT, "jp2k/info.txt")
    if path.suffix == ".txt":
        return {image: reference for image, reference, _, _ in _text(path)}
    names: Iterable[Any] = _column(_load(path), path, "refnames_all")
    return {image: str(name).strip().lower() for image, name in zip(PATHS, names, strict=True)}


def _info(folder: Folder, name: str) -> Iterator[tuple[str, str]]:
    for line in folder.find(f"{name}/info.txt").read_text().lower().splitlines():
        reference, image, *_ = [*line.split(), "", ""]
        yield f"{name}/{image}", reference


def _column(table: dict[str, Any], path: Path, key: str) -> Any:
    if key not in table or table[key].shape != (len(PATHS),):
        raise ValueError(f"{path}: no {key!r} with {len(PATHS)} rows")
    return table[key]


def _load(path: Path) -> dict[str, Any]:
    from scipy.io import loadmat

    try:
        return loadmat(path, squeeze_me=True)
    except Exception as error:  # SciPy raises many kinds on a broken file
        raise ValueError(f"{path}: not a readable MATLAB file: {one_line(error)}") from error


LIVE = Spec(
    name="live",
    title="LIVE",
    license="see the homepage",
    citation="H. R. Sheikh, M. F. Sabir, A. C. Bovik: A Statistical Evaluation of Recent Full "
    "Reference Image Quality Assessment Algorithms, IEEE Transactions on Image Processing 15, 2006",
    homepage="https://live.ece.utexas.edu/research/quality/subjective.htm",
    layout="dmos_realigned.mat and refnames_all.mat (or LIVE.txt), refimgs/, and the folders "
    "jp2k, jpeg, wn, gblur, fastfading with img1.bmp …",
    label_kind="dmos",
    range=(-2.65, 111.78),
    n_images=779,
    n_references=29,
    read=read,
    lower_is_better=True,
    hub=mirror("live.tgz", "LIVEIQA_release2"),
    known_as=("LIVE", "LIVE-IQA", "LIVE release 2"),
    types={kind: distorted for kind, _, distorted in FOLDERS.values()},
    wrappers=("databaserelease2",),
    split_order=split_order,
)
