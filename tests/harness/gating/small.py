"""A drawn dataset and a small model, the same on every machine, and a run of it as records.

``python -m tests.harness.gating.small`` writes the golden records anew.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from harness import run
from harness.canonical import digest
from harness.gating import Report, Verdict
from harness.images import Decoded, DecodePolicy, Failure
from harness.model import Model, ModelCard
from harness.sample import Dataset, Sample

GOLDEN = Path(__file__).parent / "golden"
SCENES, LEVELS = 24, 3


@dataclass(frozen=True)
class Drawn:
    """A scene of smooth waves under noise of a level, drawn from its number."""

    scene: int
    level: int
    broken: bool = False

    def fingerprint(self) -> str:
        return f"drawn@1 {self.scene} {self.level}"

    def load(self, policy: DecodePolicy) -> Decoded | Failure:
        if self.broken:
            return Failure("the file is truncated")
        draw = np.random.default_rng([self.scene, self.level])
        y, x = np.mgrid[0:40, 0:48]
        scene = 128 + 50 * np.sin(x / (5 + self.scene % 4)) * np.cos(y / (6 + self.scene % 3))
        noise = draw.integers(-15 * self.level, 15 * self.level + 1, (3, 40, 48))
        return Decoded(torch.from_numpy((scene + noise).clip(0, 255).astype(np.uint8)))

    def alpha(self) -> None:
        return None


def dataset(broken: Sequence[str] = ()) -> Dataset:
    """Noise of three levels on each scene; what people say of it is noisy, too."""
    said = np.random.default_rng(0).integers(-8, 9, (SCENES, LEVELS)) / 10
    samples = [
        Sample(
            f"scene{scene:02}_{level}",
            Drawn(scene, level, f"scene{scene:02}_{level}" in broken),
            content=f"scene{scene:02}",
            label=float(-level + said[scene, level - 1]),
        )
        for scene in range(SCENES)
        for level in range(1, LEVELS + 1)
    ]
    return Dataset("drawn", tuple(samples), label_kind="mos")


class Smoothness:
    """Minus the mean gradient after halving; ``antialias`` is how it is resized."""

    def __init__(self, antialias: bool = True, sign: int = -1, noise: float = 0, **changes: Any):
        fields: dict[str, Any] = {"version": "1", "mode": "NR", "trained_on": (), "options": {}}
        self.card = ModelCard("smoothness", **{**fields, **changes})
        self._antialias, self._sign, self._noise = antialias, sign, noise

    def score(self, images: Sequence[torch.Tensor]) -> torch.Tensor:
        return torch.stack([self._score(image) for image in images])

    def _score(self, image: torch.Tensor) -> torch.Tensor:
        half = torch.nn.functional.interpolate(
            image.double()[None], scale_factor=0.5, mode="bilinear", antialias=self._antialias
        )
        jitter = self._noise * torch.sin(image.double().sum())
        return self._sign * half.diff(dim=3).abs().mean() + jitter


def records(out: Path, model: Model, data: Dataset | None = None) -> Path:
    """Run ``model`` on ``data`` and write its records below ``out``, which is returned."""
    with tempfile.TemporaryDirectory() as cache:
        run(
            [model],
            [dataset() if data is None else data],
            ["correlation"],
            out=out,
            cache=cache,
            workers=1,
            progress=False,
        )
    return out


def relabeled(data: Dataset, change: float) -> Dataset:
    """Another opinion of the first sample."""
    first, *rest = data.samples
    assert first.label is not None
    return replace(data, samples=(replace(first, label=first.label + change), *rest))


def made_on(folder: Path, processor: str | None) -> Path:
    """Let the header of the run say that it was made on ``processor``."""
    header = json.loads((folder / "run.json").read_text())
    header["hardware"]["processor"] = processor
    (folder / "run.json").write_text(json.dumps(header))
    return folder


def change(folder: Path, **fields: object) -> None:
    """Give every row of the one record below ``folder`` other fields."""
    (path,) = (folder / "records").glob("*/*/*.json")
    content = json.loads(path.read_text())
    content["shared"] |= fields
    sign(path, content)


def sign(path: Path, content: dict[str, Any]) -> None:
    """Write ``content`` as a run would, so that its digest fits."""
    own = digest({name: value for name, value in content.items() if name != "digest"})
    path.write_text(json.dumps({**content, "digest": own}))


def verdicts(report: Report) -> dict[str, Verdict]:
    return {finding.question: finding.verdict for finding in report.findings}


def why(report: Report, question: str) -> str:
    (finding,) = report.about(question)
    return finding.why


if __name__ == "__main__":
    shutil.rmtree(GOLDEN, ignore_errors=True)
    records(GOLDEN, Smoothness())
    told = json.loads((GOLDEN / "run.json").read_text())
    kept = {name: told[name] for name in ("packages", "python")}
    kept["hardware"] = {"device": told["hardware"]["device"]}
    (GOLDEN / "run.json").write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")
