"""UHD-IQA: 6,073 photographs, 3840 pixels wide, rated by experts.

Assumed of the layout, which was not at hand: ``uhd-iqa-metadata.csv`` with the columns image_name,
set (training, validation or test) and quality_mos (0 to 1), and the images of a set in a folder
called like it. Public loaders of the set read it so.
"""

from __future__ import annotations

from .layout import Folder
from .spec import Entry, Listing, Spec
from .text_rows import number, read_csv

TABLE = "uhd-iqa-metadata.csv"


def read(folder: Folder) -> Listing:
    """From the owners' table."""
    path = folder.find(TABLE)
    entries = []
    for row in read_csv(path, "image_name", "set", "quality_mos"):
        name, split = row["image_name"], row["set"]
        score = number(row["quality_mos"], path, name)
        entries.append(Entry(name, f"{split}/{name}", name, score, split=split))
    return Listing(tuple(entries))


UHD_IQA = Spec(
    name="uhd-iqa",
    title="UHD-IQA Benchmark Database",
    license="images CC0 (Pixabay); see the homepage",
    citation=(
        "V. Hosu, L. Agnolucci, O. Wiedemann, D. Iso, D. Saupe, UHD-IQA benchmark database: "
        "pushing the boundaries of blind photo quality assessment, ECCV 2024 Workshops"
    ),
    homepage="https://database.mmsp-kn.de/uhd-iqa-benchmark-database.html",
    layout=f"training/*.jpg, validation/*.jpg, test/*.jpg, {TABLE}",
    label_kind="mos",
    range=(0.0, 1.0),
    n_images=6073,
    n_references=0,
    counts_seen=False,
    read=read,
    wrappers=("UHD-IQA-database",),
    known_as=("UHDIQA", "UHD-IQA"),
    parts={"training": 4269, "validation": 904, "test": 900},
)
