"""KADIS-700k: 140,000 pristine photographs for pretraining, without ratings.

The owners publish the photographs, a list of the degradation that each one gets (at five levels,
hence 700,000) and code that makes them; the degraded images themselves are not published.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .layout import Folder
from .spec import Entry, Listing, Spec
from .text_rows import read_csv

TABLE = "kadis700k_ref_imgs.csv"
# In the owners' numbering, that of KADID-10k.
DEGRADATIONS = (
    *("gaussian blur", "lens blur", "motion blur", "color diffusion", "color shift"),
    *("color quantization", "color saturation in HSV", "color saturation in Lab", "jpeg2000"),
    *("jpeg", "white noise", "white noise in color component", "impulse noise"),
    *("multiplicative noise", "denoise", "brighten", "darken", "mean shift", "jitter"),
    *("non-eccentricity patch", "pixelate", "quantization", "color block", "high sharpen"),
    "contrast change",
)


def read(folder: Folder) -> Listing:
    """The pristine photographs that the owners' table lists."""
    return Listing(
        tuple(Entry(name, f"ref_imgs/{name}", name) for name, _ in _assigned(folder.find(TABLE)))
    )


def degradations(root: Path | str) -> dict[str, str]:
    """Photograph → the one of ``DEGRADATIONS`` that the owners give it, at levels 1 to 5."""
    path = KADIS700K.folder(root).find(TABLE)
    found = {}
    for name, code in _assigned(path):
        if not code.isdecimal() or not 1 <= int(code) <= len(DEGRADATIONS):
            raise ValueError(f"{path}: {name}: no degradation has the number {code!r}")
        found[name] = DEGRADATIONS[int(code) - 1]
    return found


def _assigned(path: Path) -> Iterator[tuple[str, str]]:
    """(name, number of the degradation): the first two columns, whatever they are called."""
    for row in read_csv(path):
        if len(row) < 2:
            raise ValueError(f"{path}: an image and its degradation are not the first two columns")
        name, code, *_ = row.values()
        yield name, code


KADIS700K = Spec(
    name="kadis700k",
    title="KADIS-700k",
    license="images from Pixabay; see the homepage",
    citation=(
        "H. Lin, V. Hosu, D. Saupe, DeepFL-IQA: weak supervision for deep IQA feature learning, "
        "arXiv:2001.08113, 2020"
    ),
    homepage="https://database.mmsp-kn.de/kadid-10k-database.html",
    layout=f"ref_imgs/*.png, {TABLE}",
    label_kind="none",
    range=(0.0, 0.0),  # no scores
    n_images=140000,
    n_references=0,
    read=read,
    wrappers=("kadis700k",),
    known_as=("KADIS", "KADIS-700k"),
)
