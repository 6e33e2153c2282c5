"""CLIVE, the LIVE In the Wild Image Quality Challenge Database: photographs from mobile devices."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import one_line
from .layout import Folder
from .spec import Entry, Listing, Spec, mirror
from .text_rows import number, read_csv

TEXT = "meta_info_LIVEChallengeDataset.csv"
TRAINING = frozenset(f"t{i}.bmp" for i in range(1, 8))  # shown to the subjects for practice
LAST_BY_NAME = 532  # the owners list images 3 … 532 by name, the others by number


def read(folder: Folder) -> Listing:
    """From the three .mat files, or from a text form {img_name, mos, std}, in the same order.

    The seven training images are dropped. Raises ValueError where only some of them are listed.
    """
    if folder.has("Data/AllMOS_release.mat"):
        path = folder.find("Data/AllMOS_release.mat")
        names = [_name(cell) for cell in _column(folder, "AllImages_release")]
        scores, deviations = (
            [float(value) for value in _column(folder, name)]
            for name in ("AllMOS_release", "AllStdDev_release")
        )
    else:
        path = folder.find(TEXT, "Data/AllMOS_release.mat")
        rows = read_csv(path, "img_name", "mos", "std")
        names = [row["img_name"] for row in rows]
        scores, deviations = (
            [number(row[column], path, row["img_name"]) for row in rows]
            for column in ("mos", "std")
        )
    if not len(names) == len(scores) == len(deviations):
        lengths = f"{len(names)} names, {len(scores)} scores and {len(deviations)} deviations"
        raise ValueError(f"{path.parent}: {lengths}: the files do not belong together")
    if 0 < len(TRAINING & {*names}) < len(TRAINING):
        raise ValueError(f"{path}: only some of the training images t1.bmp to t7.bmp")
    return Listing(
        tuple(
            Entry(name, f"Images/{name}", name, score, std)
            for name, score, std in zip(names, scores, deviations, strict=True)
            if name not in TRAINING
        )
    )


def owners_order(ids: Sequence[str]) -> list[str]:
    """The ids as the .mat files have them: "109", "10", "110" … up to 532, then by number."""
    number = {name: int(Path(name).stem) for name in ids}
    return sorted(
        ids,
        key=lambda name: (
            (0, f"{number[name]}~", 0) if number[name] <= LAST_BY_NAME else (1, "", number[name])
        ),
    )


def _column(folder: Folder, name: str) -> list[Any]:
    from scipy.io import loadmat

    path = folder.find(f"Data/{name}.mat")
    try:
        return list(loadmat(path)[name].ravel())
    except Exception as error:  # SciPy raises many kinds on a broken file
        raise ValueError(f"{path}: not the owners' file: {one_line(error)}") from error


def _name(cell: Any) -> str:
    """A cell of a MATLAB cell array of text, however deep it is wrapped."""
    while not isinstance(cell, str):
        cell = cell[0]
    return str(cell)


CLIVE = Spec(
    name="clive",
    title="LIVE In the Wild Image Quality Challenge Database",
    license="see the homepage",
    citation=(
        "D. Ghadiyaram, A. C. Bovik, Massive online crowdsourced study of subjective and "
        "objective picture quality, IEEE Transactions on Image Processing 25(1), 2016"
    ),
    homepage="https://live.ece.utexas.edu/research/ChallengeDB/index.html",
    layout=(
        "ChallengeDB_release: Images/ (1162 .bmp and .JPG), "
        "Data/{AllImages,AllMOS,AllStdDev}_release.mat"
    ),
    label_kind="mos",
    range=(3.42, 92.44),
    n_images=1162,
    n_references=0,
    read=read,
    observers=175,
    wrappers=("ChallengeDB_release",),
    hub=mirror("live_challenge.tgz", "LIVEC"),
    known_as=("LIVE Challenge", "LIVE-C", "LIVEC", "LIVE in the Wild", "LIVE-itW"),
    split_order=owners_order,
)
