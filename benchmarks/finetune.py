"""What decoding costs a fit whose pictures do not fit into memory.

An epoch of the plain student on JPEGs, with all pictures kept, and with none: decoded ahead in a
thread, as fits do it, and each in its turn.

The last line is ``finetune ratio VALUE``: decoded ahead over kept.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from PIL import Image

from baselines.finetuning import epochs, memory
from baselines.finetuning.run import SECONDS
from harness.executors.threads import one_thread
from harness.registry import load_model
from harness.sample import Dataset, Sample
from harness.source import FileSource


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--images", type=int, default=32)
    options.add_argument("--width", type=int, default=1024)
    options.add_argument("--height", type=int, default=768)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--device", default="cpu")
    given = options.parse_args()
    ways = {
        "kept": (1 << 40, epochs.ahead),
        "decoded ahead": (0, epochs.ahead),
        "decoded in turn": (0, in_turn),
    }
    with tempfile.TemporaryDirectory() as folder, one_thread():
        dataset = photographs(Path(folder), given.images, given.width, given.height)
        taken = {
            name: min(
                epoch(dataset, Path(folder) / f"{name} {i}", given.device, *way)
                for i in range(given.rounds)
            )
            for name, way in ways.items()
        }
    crops = given.images * 4
    for name, seconds in taken.items():
        print(f"{name} {1000 * seconds / crops:.1f} ms a crop")
    print(f"finetune ratio {taken['decoded ahead'] / taken['kept']:.2f}")


def epoch(dataset: Dataset, folder: Path, device: str, memory_: int, ahead: Callable) -> float:
    """Seconds of the training of an epoch, without validation."""
    model = load_model(
        "finetune:slide-iqa-tiny", epochs=1, warmup_epochs=0, crops_per_image=4, device=device
    )
    few = Dataset("validation", dataset.samples[:2], label_kind="mos")
    with (
        patch.object(memory, "for_pictures", lambda: memory_),
        patch.object(epochs, "ahead", ahead),
    ):
        model.fit(dataset, few, 0, folder)
    return float((folder / SECONDS).read_text().split()[1])


def in_turn(make: Callable, asked: Iterable, threads: int) -> Iterator:
    return map(make, asked)


def photographs(folder: Path, n: int, width: int, height: int) -> Dataset:
    """JPEGs with some structure at every scale."""
    rng = np.random.default_rng(0)
    samples = []
    for i in range(n):
        coarse = torch.from_numpy(rng.uniform(30, 220, (1, 3, 12, 16)).astype(np.float32))
        smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic")[0]
        pixels = smooth.permute(1, 2, 0).numpy() + rng.normal(0, 8, (height, width, 3))
        path = folder / f"{i:04}.jpg"
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path, quality=90)
        samples.append(Sample(path.name, FileSource(path), f"{i}", label=float(i % 7)))
    return Dataset("photographs", tuple(samples), label_kind="mos").hashed()


if __name__ == "__main__":
    main()
