"""KonIQ-10k: photographs from Flickr, rated by crowd workers."""

from __future__ import annotations

from typing import Literal

from .layout import Folder
from .spec import Entry, Listing, Spec, mirror
from .text_rows import number, read_csv

SETS = "koniq10k_distributions_sets.csv"
DISTRIBUTIONS = "koniq10k_scores_and_distributions.csv"
SCORES = "koniq10k_scores.csv"
FOLDERS = ("1024x768", "512x384")
# The column that holds the scores of a form, by file; "MOS" is on either scale.
COLUMNS = {
    "0-100": {SETS: "MOS", DISTRIBUTIONS: "MOS_zscore", SCORES: "MOS_zscore"},
    "1-5": {DISTRIBUTIONS: "MOS", SCORES: "MOS"},
}
# The deviation is published on the ratings' scale of 1 to 5, which 0 to 100 spans 25 times.
SD_UNIT = {"0-100": 25.0, "1-5": 1.0}


def read(folder: Folder, *, scores: Literal["0-100", "1-5"] = "0-100") -> Listing:
    """``scores``: "0-100" (from z-scores; the usual form) or "1-5" (means of the ratings).

    The official split is read wherever ``koniq10k_distributions_sets.csv`` lies. Images are
    those of 1024x768 where that folder exists, else of 512x384. Raises ValueError for scores
    that are on the other scale.
    """
    if scores not in COLUMNS:
        raise ValueError(f"KonIQ-10k: scores must be '0-100' or '1-5', not {scores!r}")
    path = folder.find(*COLUMNS[scores])
    column = COLUMNS[scores][path.name.lower()]
    rows = read_csv(path, "image_name", column)
    values = [number(row[column], path, row["image_name"]) for row in rows]
    if (max(values, default=0.0) <= 5.0) != (scores == "1-5"):
        raise ValueError(f"{path}: {column} is not on the scale {scores} that was asked for")
    parts = {}
    if folder.has(SETS):
        listed = read_csv(folder.find(SETS), "image_name", "set")
        parts = {row["image_name"]: row["set"] for row in listed}
    images = folder.first(*FOLDERS)
    entries = []
    for row, value in zip(rows, values, strict=True):
        name = row["image_name"]
        std = SD_UNIT[scores] * number(row["SD"], path, name) if "SD" in row else None
        entries.append(Entry(name, f"{images}/{name}", name, value, std, split=parts.get(name)))
    return Listing(tuple(entries), range=(1.12, 4.37) if scores == "1-5" else None)


KONIQ10K = Spec(
    name="koniq10k",
    title="KonIQ-10k",
    license="images under their authors' Creative Commons licenses; see the homepage",
    citation=(
        "V. Hosu, H. Lin, T. Sziranyi, D. Saupe, KonIQ-10k: an ecologically valid database for "
        "deep learning of blind image quality assessment, IEEE Transactions on Image "
        "Processing 29, 2020"
    ),
    homepage="https://database.mmsp-kn.de/koniq-10k-database.html",
    layout=f"1024x768/*.jpg or 512x384/*.jpg, and {SETS} (with the official split)",
    label_kind="mos",
    range=(3.91, 88.39),
    n_images=10073,
    n_references=0,
    read=read,
    observers=120,
    hub=mirror("koniq10k.tgz", "koniq10k"),
    known_as=("KonIQ", "KonIQ-10k"),
    parts={"training": 7058, "validation": 1000, "test": 2015},
    split_order=sorted,
)
