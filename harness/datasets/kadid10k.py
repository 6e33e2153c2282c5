"""KADID-10k (Lin et al., 2019): 25 types of damage at five levels on 81 references.

Its column is called "dmos" and grows with quality. Its column "var" holds standard deviations:
4.93 with 0.249 is 28 fives and 2 fours, whose variance is 0.062; read so, nearly all rows are
what 30 whole ratings can give, and read as variances hardly any.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ..sample import Damage
from .layout import Folder
from .spec import Entry, Listing, Spec, mirror
from .text_rows import number, read_csv

TYPES = (
    "gaussian-blur",
    "lens-blur",
    "motion-blur",
    "color-diffusion",
    "color-shift",
    "color-quantization",
    "color-saturation-hsv",
    "color-saturation-lab",
    "jpeg2000",
    "jpeg",
    "white-noise",
    "white-noise-color",
    "impulse-noise",
    "multiplicative-noise",
    "denoise",
    "brighten",
    "darken",
    "mean-shift",
    "jitter",
    "non-eccentricity",
    "pixelate",
    "quantization",
    "color-block",
    "high-sharpen",
    "contrast",
)
NAME = re.compile(r"(i\d\d)_(0[1-9]|1\d|2[0-5])_0([1-5])\.png")


def read(folder: Folder) -> Listing:
    path = folder.find("dmos.csv")
    rows = read_csv(path, "dist_img", "ref_img", "dmos", "var")
    entries = tuple(_entry(path, row) for row in rows)
    references = sorted({e.content for e in entries})
    return Listing(entries, tuple(Entry(name, f"images/{name}", name) for name in references))


def split_order(ids: Sequence[str]) -> list[str]:
    """By name: the rows of the owners' dmos.csv."""
    return sorted(ids)


def _entry(path: Path, row: dict[str, str]) -> Entry:
    name, reference = row["dist_img"].lower(), row["ref_img"].lower()
    match = NAME.fullmatch(name)
    if match is None or reference != f"{match[1]}.png":
        raise ValueError(
            f"{path}: {row['dist_img']!r} with the reference {row['ref_img']!r} is not as "
            "I01_01_01.png with I01.png; are the two swapped?"
        )
    std = number(row["var"], path, name)
    if not std >= 0:
        raise ValueError(f"{path}: the spread of {name} is {row['var']}")
    damage = Damage(TYPES[int(match[2]) - 1], float(match[3]))
    score = number(row["dmos"], path, name)
    return Entry(name, f"images/{name}", reference, score, std, reference, (damage,))


KADID10K = Spec(
    name="kadid10k",
    title="KADID-10k",
    license="see the homepage",
    citation="H. Lin, V. Hosu, D. Saupe: KADID-10k: A Large-scale Artificially Distorted IQA "
    "Database, QoMEX 2019",
    homepage="https://database.mmsp-kn.de/kadid-10k-database.html",
    layout="dmos.csv and images/ with I01.png, I01_01_01.png …",
    label_kind="mos",
    range=(1.0, 4.93),
    n_images=10125,
    n_references=81,
    read=read,
    observers=30,
    hub=mirror("kadid10k.tgz", "kadid10k"),
    known_as=("KADID-10k", "KADID10K", "KADID"),
    types=dict.fromkeys(TYPES, 405),
    undamaged=(("mean-shift", 3.0),),  # its middle level shifts by 0
    split_order=split_order,
)
