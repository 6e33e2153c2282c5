"""What there is to be read of the images of a probe set, as one table.

Columns: id (the table is sorted by it), content, damaged (bool; pristine images and harmless
changes are clean), n (number of damages, 0 if clean), type (joined by "+", "" if clean), shape (of
the masks that it was made with, each once, joined by "+"; "" without), area (of the first damage
as asked, 0 if clean), log_area (log₂ of the sum over damages), severity and local_psnr (dB),
fr_psnr (dB, of the whole image) and fr_local_ssim (inside the mask), x and y (centroid of the mask
of a single damage, relative to the image). NaN where it does not apply.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.sample import Dataset, Sample

if TYPE_CHECKING:
    import pandas as pd

NOWHERE = (math.nan, math.nan)


def readable(dataset: Dataset) -> list[Sample]:
    """Clean images and visible damage of the plain ladder, by id.

    Calibrated ladders tie severity to area, and controls are damaged elsewhere than they say.
    """
    chosen = [s for s in dataset.images if _role(s) == "harmless" or not s.damages or _plain(s)]
    return sorted(chosen, key=lambda s: s.id)


def table_of(samples: list[Sample]) -> pd.DataFrame:
    """The table of ``readable`` samples. Each mask is made once, as it lies in its image."""
    import pandas as pd

    centroids = _centroids(samples)
    rows = [_row(sample, centroids.get(_place(sample), NOWHERE)) for sample in samples]
    return pd.DataFrame(rows, columns=list(_COLUMNS))


_COLUMNS = (
    *("id", "content", "damaged", "n", "type", "shape", "area", "log_area"),
    *("severity", "local_psnr", "fr_psnr", "fr_local_ssim", "x", "y"),
)


def _row(sample: Sample, centroid: tuple[float, float]) -> tuple[Any, ...]:
    if not _damaged(sample):
        return (sample.id, sample.content, False, 0, "", "", 0.0, *(math.nan,) * 7)
    masks = [json.loads(damage.mask) for damage in sample.damages if damage.mask]
    severity = sample.damages[0].severity if len(sample.damages) == 1 else None
    local_psnr, local_ssim, mse = (
        math.nan if fact is None else float(fact)
        for fact in map(sample.fact, ("local_psnr", "local_ssim", "mse"))
    )
    return (
        *(sample.id, sample.content, True, len(sample.damages), sample.distortion),
        "+".join(sorted({mask["shape"] for mask in masks})),
        sample.damages[0].area_asked,
        math.log2(sum(damage.area_asked for damage in sample.damages)),
        math.nan if severity is None else severity,
        local_psnr,
        10 * math.log10(255**2 / mse) if mse > 0 else math.nan,  # infinite if nothing changed
        local_ssim,
        *centroid,
    )


def _role(sample: Sample) -> str:
    return str(sample.fact("role") or "probe")


def _plain(sample: Sample) -> bool:
    known = (sample.fact("ladder") or "plain", sample.fact("visible") or "yes")
    return _role(sample) == "probe" and known == ("plain", "yes")


def _damaged(sample: Sample) -> bool:
    return bool(sample.damages) and _role(sample) != "harmless"


def _place(sample: Sample) -> tuple[str, str]:
    """What the mask of a single damage to a part of the image depends on; ("", "") if none."""
    mask = sample.damages[0].mask if _damaged(sample) and len(sample.damages) == 1 else None
    return (sample.content, mask) if mask else ("", "")


def _centroids(samples: list[Sample]) -> dict[tuple[str, str], tuple[float, float]]:
    by_place = {_place(sample): sample for sample in samples}
    found = {}
    # By content: what its masks share is kept by the source.
    for place in sorted(by_place.keys() - {("", "")}):
        alpha = by_place[place].source.alpha()
        if alpha is not None and alpha.any():
            shares = [alpha.sum(axis=axis, dtype=np.float64) / alpha.sum() for axis in (0, 1)]
            x, y = (float(s @ (np.arange(len(s)) + 0.5) / len(s)) for s in shares)
            found[place] = (x, y)
    return found
