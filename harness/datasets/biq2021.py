"""BIQ2021, the Blind Image Quality Assessment Database: three sets of photographs."""

from __future__ import annotations

from .layout import Folder
from .spec import Entry, Listing, Spec
from .text_rows import number, read_csv

TABLES = {
    "training": ("Train (Images and MOS).csv", "Train.csv"),
    "test": ("Test (Images and MOS).csv", "Test.csv"),
}


def read(folder: Folder) -> Listing:
    """From the owners' two tables, one a part; training images come first.

    An id is the name in the table: one file ends in ".JPG" where its name ends in ".jpg".
    """
    entries: list[Entry] = []
    for split, candidates in TABLES.items():
        path = folder.find(*candidates)
        for row in read_csv(path, "Image Name", "MOS"):
            name, score = row["Image Name"], number(row["MOS"], path, row["Image Name"])
            entries.append(Entry(name, f"Images/{name}", name, score, split=split))
    return Listing(tuple(entries))


BIQ2021 = Spec(
    name="biq2021",
    title="BIQ2021",
    license="not stated by the owners; see the homepage",
    citation=(
        "N. Ahmed, S. Asif, BIQ2021: a large-scale blind image quality assessment database, "
        "Journal of Electronic Imaging 31(5), 2022"
    ),
    homepage="https://github.com/nisarahmedrana/BIQ2021",
    layout=f"Images/ssNN (K).jpg, {TABLES['training'][0]}, {TABLES['test'][0]}",
    label_kind="mos",
    range=(0.0, 1.0),
    n_images=12000,
    n_references=0,
    read=read,
    known_as=("BIQ",),
    parts={"training": 10000, "test": 2000},
)
