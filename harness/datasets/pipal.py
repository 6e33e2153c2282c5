"""PIPAL, training part (Gu et al., 2020): 116 results of image processing on 200 references.

File names give seven groups of algorithms by number; the owners' label files do not name them,
and the last number is a result, not a severity.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..sample import Damage
from .layout import Folder
from .spec import Entry, Listing, Spec, mirror
from .text_rows import number, read_csv

# Images of each reference, by group.
GROUPS = {"00": 12, "01": 16, "02": 10, "03": 24, "04": 13, "05": 14, "06": 27}
NAME = re.compile(r"(a\d{4})_(0[0-6])_(\d\d)\.bmp")
FOLDERS = ("Distortion_1", "Distortion_2", "Distortion_3", "Distortion_4", "Dist_Imgs")


def read(folder: Folder) -> Listing:
    """From the owners' ``Train_Label/*.txt``, or from the mirror's one table."""
    entries = tuple(_entry(folder, *row) for row in _rows(folder))
    references = sorted({e.content for e in entries})
    return Listing(entries, tuple(Entry(name, f"Train_Ref/{name}", name) for name in references))


def _rows(folder: Folder) -> Iterator[tuple[str, str, float]]:
    """Image, reference, Elo score."""
    found = folder.find("Train_Label", "meta_info_PIPALDataset.csv")
    if found.is_file():
        for row in read_csv(found, "hq_name", "dist_name", "elo_score"):
            name = row["dist_name"].lower()
            yield name, row["hq_name"].lower(), number(row["elo_score"], found, name)
        return
    for label in (name for name in folder.names("Train_Label") if name.lower().endswith(".txt")):
        path = found / label
        for line in path.read_text().splitlines():
            name, _, score = line.strip().lower().partition(",")
            if name:
                yield name, path.stem.lower() + ".bmp", number(score, path, name)


def _entry(folder: Folder, name: str, reference: str, score: float) -> Entry:
    match = NAME.fullmatch(name)
    if match is None or reference != f"{match[1]}.bmp":
        raise ValueError(
            f"PIPAL: {name!r} with the reference {reference!r} is not as A0001_00_00.bmp with "
            "A0001.bmp; are the two swapped?"
        )
    path = folder.first(*(f"{each}/{name}" for each in FOLDERS))
    damage = Damage(f"group-{match[2]}", None)
    return Entry(name, path, reference, score, None, reference, (damage,))


PIPAL = Spec(
    name="pipal",
    title="PIPAL (training part)",
    license="see the homepage",
    citation="J. Gu et al.: PIPAL: a Large-Scale Image Quality Assessment Dataset for Perceptual "
    "Image Restoration, ECCV 2020",
    homepage="https://www.jasongt.com/projectpages/pipal.html",
    layout="Train_Label/A0001.txt … (or meta_info_PIPALDataset.csv), Train_Ref/, and "
    "Distortion_1 to Distortion_4 (or Dist_Imgs)",
    label_kind="mos",
    range=(916.71, 1835.99),  # Elo
    n_images=23200,
    n_references=200,
    read=read,
    hub=mirror("pipal.tar", "PIPAL"),
    known_as=("PIPAL",),
    shared_losses=True,
    types={f"group-{group}": 200 * n for group, n in GROUPS.items()},
)
