"""Ways to read an image with one frozen encoder, side by side, on held-out damage.

    python -P results/experiments/slide_claim/readings.py CHECKPOINT --test NAME=DIR

``CHECKPOINT`` is of ``iqa-eval pretrain slide-iqa``. What is read is kept in ``--out``, once for
all readings; the table, readings.csv and readings.md, go to ``--report``.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from io import BytesIO
from itertools import product
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for the package slide_claim

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from slide_claim import measure, run
from slide_claim.report import WORDS, lines

from baselines.pretraining import checkpoint
from baselines.slide_iqa.adapter import Features, load
from baselines.slide_iqa.reading import halved
from harness.atomic import write_atomic
from harness.model import Images, Model

HERE = Path(__file__).resolve().parent
# Over the patch tokens of the whole image; then, of windows as large as the views of the training,
# over their class tokens, and over their patch tokens.
_STATISTICS = (
    *("class", "mean", "deviation", "maximum"),
    *("w: class", "w: class deviation", "w: mean", "w: deviation"),
)
READINGS: Mapping[str, tuple[str, ...]] = {
    "whole: class, mean": ("class", "mean"),
    "whole: class, mean, deviation": ("class", "mean", "deviation"),
    "whole: class, mean, maximum": ("class", "mean", "maximum"),
    "windows: class, mean": ("w: class", "w: mean"),
    "windows: class, mean, deviation": ("w: class", "w: mean", "w: deviation"),
    "windows: class, mean, both deviations": (
        *("w: class", "w: mean", "w: class deviation", "w: deviation"),
    ),
}
_SHOWN = ("type_map", "damaged_auroc", "detected")
_AREAS = ("1/16", "1/4", "1")


class Read(Features):
    """The encoder of ``base`` with one of the READINGS."""

    def __init__(self, base: Features, reading: str, window: int, kept: Path) -> None:
        self.places = [_STATISTICS.index(name) for name in READINGS[reading]]
        self.window = window
        self.kept = kept / f"{base.card.weights_hash[:16]}-{window}"
        self.kept.mkdir(parents=True, exist_ok=True)
        name = f"slide-read:{reading.replace(': ', '-').replace(', ', '-').replace(' ', '-')}"
        super().__init__(base.encoder, replace(base.card, name=name, paper=""))

    def features(self, images: Images) -> torch.Tensor:
        """``float32 [N, 1, 2KD]``: K statistics at full size, then at half."""
        found = [torch.from_numpy(self._once(image))[:, self.places].flatten() for image in images]
        return torch.stack(found)[:, None]

    def _once(self, image: torch.Tensor) -> np.ndarray:
        digest = hashlib.sha256(repr(image.shape).encode() + image.numpy().tobytes()).hexdigest()
        path = self.kept / f"{digest[:32]}.npy"
        if path.exists():
            return np.load(path)
        full = image[None].float() / 255
        both = [statistics(self, scale, self.window) for scale in (full, halved(full))]
        found = torch.stack(both).numpy()
        np.save(written := BytesIO(), found)
        write_atomic(path, written.getvalue())
        return found


@torch.inference_mode()
def statistics(model: Features, image: torch.Tensor, window: int) -> torch.Tensor:
    """``float32 [8, D]`` of ``float [1, 3, H, W]`` with sides of at least a window."""
    height, width = image.shape[2:]
    patch = model.encoder.patch
    padded = F.pad(image, (0, -width % patch, 0, -height % patch), mode="reflect")
    channels = model.encoder.channels(padded)
    whole = model.encoder.tokens(channels)[0]
    corners = product(*(_starts(side, window, patch) for side in padded.shape[2:]))
    cut = torch.cat([channels[..., y : y + window, x : x + window] for y, x in corners])
    tokens = model.encoder.tokens(cut.contiguous(memory_format=torch.channels_last))
    first, patches = tokens[:, 0], tokens[:, 1:].flatten(0, 1)
    found = [whole[0], *_moments(whole[1:]), whole[1:].amax(0)]
    return torch.stack([*found, *_moments(first), *_moments(patches)])


def _moments(tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return tokens.mean(0), tokens.std(0, correction=0)


def _starts(side: int, window: int, patch: int) -> list[int]:
    """Where windows begin, on whole patches: as few as cover the side, evenly spread."""
    least = -(-side // window)
    return [round(k * (side - window) / max(least - 1, 1) / patch) * patch for k in range(least)]


def text(table: pd.DataFrame) -> Iterator[str]:
    yield "# Which reading of a frozen encoder sees damage of a part?\n"
    yield (
        "One checkpoint, read in several ways: the tokens of the whole image, or those of windows "
        "as large as the views that it was trained on; of the patch tokens the mean, and besides "
        "it their standard deviation or maximum. Damage of held-out types in masks of a held-out "
        "shape, the same images for all; readings.csv has the interval of each number. A reading "
        "chosen by this table is chosen on these photographs and this damage.\n"
    )
    for test, here in table.groupby("test"):
        yield f"\n## {test}\n"
        head = [f"{WORDS[metric]}, {area}" for metric in _SHOWN for area in _AREAS]
        rows = []
        for reading in READINGS:
            mine = here[here["arm"] == reading].set_index(["metric", "area"])["value"]
            rows.append([reading, *(f"{mine[m, a]:.3f}" for m in _SHOWN for a in _AREAS)])
        yield from lines(["reading", *head], rows)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("checkpoint", type=Path, help="of iqa-eval pretrain slide-iqa")
    add("--test", type=run.named_folder, action="append", required=True, help="NAME=DIR")
    add("--budget", type=int, default=1600, help="as of run.py (default: %(default)s)")
    add("--out", type=Path, default=Path("results/run/slide_readings"), help="default: %(default)s")
    add("--report", type=Path, default=HERE, help="default: beside this script")
    given = parser.parse_args(argv)
    base = load(weights=str(given.checkpoint))
    window = checkpoint.read(given.checkpoint)[1]["config"]["backbone"]["image_size"]
    kept = given.out / "tokens"
    sets = measure.probe_sets(dict(given.test), given.budget)
    held_out = {key: dataset for key, dataset in sets.items() if key[1] == "held-out"}
    models: dict[tuple[str, str], str | Model] = {
        (reading, ""): Read(base, reading, window, kept) for reading in READINGS
    }
    rows, _ = measure.evaluated(models, held_out, given.out, workers=1)
    given.report.mkdir(parents=True, exist_ok=True)
    rows.to_csv(given.report / "readings.csv", index=False, float_format="%.6g")
    (given.report / "readings.md").write_text("\n".join(text(rows)) + "\n", "utf-8")
    print(f"written: {given.report / 'readings.md'}")


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError, RuntimeError) as error:
        sys.exit(f"readings: {error}")
