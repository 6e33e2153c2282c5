"""Models whose answer is known, on probes that are really rendered, through the whole harness."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import stats
from scipy.ndimage import gaussian_filter

from harness import run
from harness.sample import Dataset, Sample
from probes.design import DESIGN
from probes.sets import probe_set
from tests.probes.known.known_models import (
    SIDE,
    Chance,
    Error,
    Luminance,
    TrueMask,
    everywhere,
    lost_psnr,
    worst_of_center,
    worst_patch,
)

SMALL = replace(
    DESIGN,
    types=("white-noise", "darken"),
    severities=(1, 5),  # 64 times the error, and more: equal energy is reached at every area
    target_severity=5,
    shapes=("rectangle",),
    placements=("center", "corner"),
    feathers=(0.0,),  # hard edges: what disjoint masks do to a sum of squares adds up exactly
    numbers=(1,),
    equal_damage=0.14,
    equal_energy=0.14,
    co_occurrence=0.0,
    band=0.16,
    complement=0.12,
    two_draws=0.0,
)
BUDGET = 490
CONTENTS = 8
COVERAGE = {"name": "coverage-probes", "sizes": f"{SIDE}x{SIDE}"}
AREAS = ("1/64", "1/32", "1/16", "1/8", "1/4", "1/2", "1")
PLACED = AREAS[:5]


def photograph(seed: int) -> Image.Image:
    """A slope with grain of one kind all over: no place is more easily damaged than another."""
    rng = np.random.default_rng(seed)
    grain = gaussian_filter(rng.normal(size=(SIDE, SIDE)), 1, mode="wrap")
    grain *= rng.uniform(5, 6) / grain.std()
    ramp = np.linspace(-3, 3, SIDE)
    levels = (grain + ramp + ramp[:, None])[:, :, None] + rng.uniform(110, 140, 3)
    return Image.fromarray(levels.round().astype(np.uint8))


@pytest.fixture(scope="package")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of eight photographs."""
    folder = tmp_path_factory.mktemp("photographs")
    for i in range(CONTENTS):
        photograph(i).save(folder / f"{i}.png")
    return folder


@pytest.fixture(scope="package")
def probes(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    with pytest.MonkeyPatch.context() as patch:  # for no longer than it takes
        patch.setenv("IQA_EVAL_CACHE", str(tmp_path_factory.mktemp("cache")))
        return probe_set("known", str(root), BUDGET, 0, SMALL)


@pytest.fixture(scope="package")
def frame(probes: Dataset, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """All rows of all models; only of the one that looks at the center its coverage, too."""
    known = [Error("everywhere", everywhere), Error("worst-patch", worst_patch)]
    known += [Error("local-psnr", lost_psnr), Luminance(), Chance(), TrueMask(probes)]
    settings = {"cache": tmp_path_factory.mktemp("cells"), "workers": 1, "progress": False}
    center = Error("center", worst_of_center)
    covered = {"name": "sensitivity", "coverage": COVERAGE["name"]}
    return pd.concat(
        [
            run(known, [probes], ["sensitivity", "localization"], **settings),
            run([center], [probes, COVERAGE], [covered, "coverage"], **settings),  # type: ignore
        ]
    )


class Rows:
    """The rows of one model on the probes, by metric and subset."""

    def __init__(self, frame: pd.DataFrame) -> None:
        rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
        self.found = {(row["metric"], row["subset"]): row for row in rows}
        assert len(self.found) == len(rows)

    def __call__(self, metric: str, subset: str = "all") -> Mapping[str, Any]:
        return self.found[metric, subset]

    def value(self, metric: str, subset: str = "all") -> float:
        value = self(metric, subset)["value"]
        assert value is not None, self(metric, subset)["reason"]
        return float(value)

    def agrees(self, metric: str, subset: str, theory: float, width: float) -> bool:
        """Whether the 95 % interval holds what theory says, and is no wider than theory lets it
        be; without one, whether the value is what it says."""
        row = self(metric, subset)
        value = self.value(metric, subset)
        low, high = (value if row[end] is None else row[end] for end in ("ci_low", "ci_high"))
        return bool(low - 1e-9 <= theory <= high + 1e-9 and high - low <= width)

    def luck(self, metric: str, subset: str, share: float) -> float:
        """Twice the width that an interval of a share has where each image is left to chance: an
        SD of eight contents is that much off less than once in a thousand times."""
        n, freedom = self(metric, subset)["n_scored"], CONTENTS - 1
        return float(4 * stats.t.ppf(0.975, freedom) * np.sqrt(share * (1 - share) / n))


@pytest.fixture(scope="package")
def rows_of(frame: pd.DataFrame) -> Callable[[str, str], Rows]:
    def rows_of(model: str, protocol: str = "sensitivity") -> Rows:
        here = (frame["model"] == model) & (frame["protocol"] == protocol)
        return Rows(frame[here & (frame["dataset"] == "known")])

    return rows_of


def fraction(area: str) -> float:
    top, _, bottom = area.partition("/")
    return float(top) / float(bottom or 1)


def index(ratios: Sequence[float]) -> float:
    """The area below R(a) over log a by trapezoids, from its values at AREAS."""
    return (sum(ratios) - (ratios[0] + ratios[-1]) / 2) / (len(ratios) - 1)


PROPORTIONAL = index([fraction(area) for area in AREAS])  # of R(a) = a: 0.246


def of(probes: Dataset, area: str | None = None, **facts: str) -> Iterator[Sample]:
    """The visible samples with these facts, at an area."""
    for s in probes.samples:
        known = {"control": None, "visible": "yes", **facts}
        here = area is None or min(d.area_asked for d in s.damages) == fraction(area)
        if here and all(s.fact(name) == value for name, value in known.items()):
            yield s


def inside(sample: Sample) -> np.ndarray:
    alpha = sample.source.alpha()
    assert alpha is not None
    return alpha >= 0.5


def mse(sample: Sample) -> float:
    value = sample.fact("mse")
    assert isinstance(value, float)
    return value
