"""FLIVE (LIVE-FB, "PaQ-2-PiQ"): 39,810 photographs, and three patches of each, all rated by crowds.

The patches come in two forms with the same ids and scores: cut out, and in place (the whole
photograph with the patch marked), so that a map of it can be pooled inside the patch.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..sample import Dataset, Sample
from ..source import FileSource
from .crops import Box, CropSource, RegionSource
from .layout import Folder
from .spec import Entry, Listing, Spec, mirror
from .text_rows import number, read_csv

TEST = "labels640.csv"  # the images that are larger than 640 pixels
VALIDATION = ("labels<=640_padded.csv", "labels=640_padded.csv")  # as published, and as unpacked
BOXES = "all_patches.csv"
PATCHES_PER_IMAGE = 3


def read(folder: Folder) -> Listing:
    """The photographs of ``labels_image.csv``.

    The official parts: test is what ``labels640.csv`` names, validation what ``is_valid`` marks
    in ``labels<=640_padded.csv``, training the rest. No part is known unless both files are there.
    """
    base, path = _base(folder), _find(folder, "labels_image.csv")
    rows = read_csv(path, "name", "mos")
    parts = _parts(folder, [row["name"] for row in rows])
    entries = []
    for row in rows:
        name, score = row["name"], number(row["mos"], path, row["name"])
        entries.append(Entry(name, f"{base}{name}", name, score, split=parts.get(name)))
    return Listing(tuple(entries))


def read_patches(folder: Folder) -> Listing:
    """The patches of ``labels_patch.csv``; content, part and path are those of the photograph.

    A patch is called "patches/NAME.jpg_patch_1.jpg" after its photograph NAME.jpg.
    """
    images = {}
    for entry in read(folder).entries:
        name = _basename(entry.id)
        if name in images:
            raise ValueError(f"{name} is in two folders: its patches cannot be told apart")
        images[name] = entry
    path = _find(folder, "labels_patch.csv")
    entries = []
    for row in read_csv(path, "name", "mos"):
        name = row["name"]
        image = images.get(_basename(name).rpartition("_patch_")[0])
        if image is None:
            raise ValueError(f"{path}: {name}: no photograph of labels_image.csv has this patch")
        score = number(row["mos"], path, name)
        shared = f"{image.path}#{name}"  # the patch's own until the listing has been checked
        entries.append(Entry(name, shared, image.content, score, split=image.split))
    return Listing(tuple(entries))


@dataclass(frozen=True)
class PatchSpec(Spec):
    """Patches as samples: cut out of their photographs, or ``in_place``."""

    in_place: bool = False

    def listing(self, folder: Folder, *, partial: bool = False, **options: Any) -> Listing:
        """As of any dataset, with a photograph as the file of several patches."""
        found = super().listing(folder, partial=partial, **options)
        entries = (replace(e, path=e.path.removesuffix(f"#{e.id}")) for e in found.entries)
        return replace(found, entries=tuple(entries))

    def __call__(self, root: Path | str | None = None, **options: Any) -> Dataset:
        """As of any dataset; raises ValueError for a patch whose box is not listed."""
        whole = super().__call__(root, **options)
        boxes = dict(_boxes(self.folder(root or "")))
        return replace(whole, samples=tuple(self._cut(sample, boxes) for sample in whole.samples))

    def _cut(self, sample: Sample, boxes: dict[str, Box]) -> Sample:
        assert isinstance(sample.source, FileSource)
        if (box := boxes.get(sample.id)) is None:
            raise ValueError(f"{sample.id}: {BOXES} lists no box for it")
        make = RegionSource if self.in_place else CropSource
        return replace(sample, source=make(sample.source.path, box))


def _parts(folder: Folder, names: list[str]) -> dict[str, str]:
    try:
        paths = _find(folder, TEST), _find(folder, *VALIDATION)
    except FileNotFoundError as error:
        warnings.warn(f"FLIVE: no official parts: {error}", stacklevel=2)
        return {}
    test = {row["name_image"] for row in read_csv(paths[0], "name_image")}
    marked = read_csv(paths[1], "name_image", "is_valid")
    validation = {row["name_image"] for row in marked if row["is_valid"].lower() in ("true", "1")}
    return {
        name: "test" if name in test else "validation" if name in validation else "training"
        for name in names
    }


def _boxes(folder: Folder) -> Iterator[tuple[str, Box]]:
    """(patch, box) from the owners' list of coordinates: three patches to a row."""
    path = _find(folder, BOXES)
    fields = [
        f"{side}_patch_{k}"
        for k in range(1, PATCHES_PER_IMAGE + 1)
        for side in ("left", "top", "width", "height")
    ]
    for row in read_csv(path, "name_patch", *fields):
        name = row["name_patch"]
        sides = [int(number(row[field], path, name)) for field in fields]
        for k in range(PATCHES_PER_IMAGE):
            left, top, width, height = sides[4 * k : 4 * k + 4]
            yield f"{name}_patch_{k + 1}.jpg", (left, top, width, height)


def _find(folder: Folder, *names: str) -> Path:
    base = _base(folder)
    return folder.find(*(f"{at}{name}" for at in dict.fromkeys((base, "")) for name in names))


def _base(folder: Folder) -> str:
    """Where the photographs lie: in ``database``, or that folder itself was given."""
    return "database/" if folder.has("database") else ""


def _basename(name: str) -> str:
    return name.rpartition("/")[2]


_PARTS = {"training": 30253, "validation": 7727, "test": 1830}

FLIVE = Spec(
    name="flive",
    title="FLIVE (LIVE-FB)",
    license="the terms of its sources (AVA, VOC 2012, EMOTIC, blur detection); see the homepage",
    citation=(
        "Z. Ying, H. Niu, P. Gupta, D. Mahajan, D. Ghadiyaram, A. C. Bovik, From patches to "
        "pictures (PaQ-2-PiQ): mapping the perceptual space of picture quality, CVPR 2020"
    ),
    homepage="https://github.com/niu-haoran/FLIVE_Database",
    layout=f"database/: labels_image.csv, {TEST}, {VALIDATION[0]}, and the folders of photographs",
    label_kind="mos",
    range=(0.0, 100.0),
    n_images=39810,
    n_references=0,
    counts_seen=False,
    read=read,
    hub=mirror("flive.tgz", "FLIVE_Database"),
    known_as=("LIVE-FB", "PaQ-2-PiQ"),
    parts=_PARTS,
    # Rows of labels_image.csv, in no order that the names would tell; whether it is the owners'
    # shows in the official split, which the files hold.
    split_order=list,
)

FLIVE_PATCHES = PatchSpec(
    name="flive-patches",
    title="FLIVE patches",
    license=FLIVE.license,
    citation=FLIVE.citation,
    homepage=FLIVE.homepage,
    layout=f"as flive, with database/labels_patch.csv and {BOXES}",
    label_kind="mos",
    range=FLIVE.range,
    n_images=PATCHES_PER_IMAGE * FLIVE.n_images,
    n_references=0,
    counts_seen=False,
    read=read_patches,
    hub=FLIVE.hub,
    known_as=("FLIVE", *FLIVE.known_as),
    parts={part: PATCHES_PER_IMAGE * count for part, count in _PARTS.items()},
)

FLIVE_PATCHES_IN_PLACE = replace(
    FLIVE_PATCHES,
    name="flive-patches-in-place",
    title="FLIVE patches, in their photographs",
    in_place=True,
)
