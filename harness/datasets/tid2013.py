"""TID2013 (Ponomarenko et al., 2015): 24 types of damage at five levels on 25 references."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..sample import Damage
from .layout import Folder
from .spec import Entry, Listing, Spec, mirror
from .text_rows import number

TYPES = (
    "white-noise",
    "white-noise-color",
    "correlated-noise",
    "masked-noise",
    "high-frequency-noise",
    "impulse-noise",
    "quantization-noise",
    "gaussian-blur",
    "denoise",
    "jpeg",
    "jpeg2000",
    "jpeg-transmission-errors",
    "jpeg2000-transmission-errors",
    "non-eccentricity",
    "local-blocks",
    "mean-shift",
    "contrast",
    "color-saturation",
    "multiplicative-noise",
    "comfort-noise",
    "compressed-noise",
    "color-quantization-dither",
    "chromatic-aberration",
    "sparse-sampling",
)
NAME = re.compile(r"(i(?:0[1-9]|1\d|2[0-5]))_(0[1-9]|1\d|2[0-4])_([1-5])\.bmp")


def read(folder: Folder) -> Listing:
    """``mos_std.txt`` has no names: its rows are those of the sorted names, whatever the order
    of ``mos_with_names.txt``."""
    path = folder.find("mos_with_names.txt")
    scores: list[tuple[str, float]] = []
    for position, line in enumerate(path.read_text().splitlines(), start=1):
        score, _, name = line.strip().partition(" ")
        if not NAME.fullmatch(name.strip().lower()):
            raise ValueError(f"{path}: row {position} is not as '5.51429 I01_01_1.bmp'")
        scores.append((name.strip().lower(), number(score, path, f"row {position}")))
    stds: dict[str, float] = {}
    if folder.has("mos_std.txt"):
        other = folder.find("mos_std.txt")
        values = [
            number(text, other, f"row {i}")
            for i, text in enumerate(other.read_text().split(), start=1)
        ]
        if len(values) != len(scores):
            raise ValueError(f"{other}: {len(values)} rows, and {len(scores)} in {path.name}")
        stds = dict(zip(split_order([name for name, _ in scores]), values, strict=True))
    references = [f"i{i:02d}.bmp" for i in range(1, 26)]
    return Listing(
        tuple(_entry(name, score, stds.get(name)) for name, score in scores),
        tuple(Entry(name, f"reference_images/{name}", name) for name in references),
    )


def split_order(ids: Sequence[str]) -> list[str]:
    """By name: the rows of the owners' mos_with_names.txt."""
    return sorted(ids)


def _entry(name: str, score: float, std: float | None) -> Entry:
    match = NAME.fullmatch(name)
    assert match is not None
    content = f"{match[1]}.bmp"
    damage = Damage(TYPES[int(match[2]) - 1], float(match[3]))
    return Entry(name, f"distorted_images/{name}", content, score, std, content, (damage,))


TID2013 = Spec(
    name="tid2013",
    title="TID2013",
    license="see the homepage",
    citation="N. Ponomarenko et al.: Image database TID2013: Peculiarities, results and "
    "perspectives, Signal Processing: Image Communication 30, 2015",
    homepage="https://www.ponomarenko.info/tid2013.htm",
    layout="mos_with_names.txt, mos_std.txt, reference_images/I01.BMP …, "
    "distorted_images/i01_01_1.bmp …",
    label_kind="mos",
    range=(0.24, 7.22),
    n_images=3000,
    n_references=25,
    read=read,
    observers=1,  # mos_std.txt holds SDs of the means
    hub=mirror("tid2013.tgz", "tid2013"),
    known_as=("TID2013", "TID-2013"),
    types=dict.fromkeys(TYPES, 125),
    split_order=split_order,
)
