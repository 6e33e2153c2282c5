"""What numbers below 1e-38 cost the training of a ViT.

An epoch of SHDIQA and of its control with them, and with 0 in their place, at the size for CPUs, on
one thread. The last line is ``denormals ratio VALUE``: SHDIQA's epoch with 0 in their place over
the one with them.
"""

from __future__ import annotations

import argparse
import tempfile
from contextlib import nullcontext
from pathlib import Path
from unittest.mock import patch

from baselines.finetuning import epochs
from baselines.finetuning.run import SECONDS
from harness import load_dataset
from harness.executors.threads import one_thread
from harness.registry import load_model
from harness.sample import Dataset
from harness.subset import subset

MODELS = {"finetune:slide-iqa-tiny": {}, "shdiqa": {"preset": "tiny", "teacher_steps": 5}}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--images", type=int, default=16)
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    ways = {"with them": nullcontext, "as zero": epochs.denormals_as_zero}
    with tempfile.TemporaryDirectory() as folder, one_thread():
        every = load_dataset("demo")
        ids = [sample.id for sample in every.samples[:: len(every.samples) // (given.images + 2)]]
        parts = [subset(every, own, lambda image: False) for own in (ids[2:], ids[:2])]
        for model in MODELS:
            taken = {}
            for name, way in ways.items():
                places = (Path(folder) / f"{model} {name} {i}" for i in range(given.rounds))
                with patch.object(epochs, "denormals_as_zero", way):
                    taken[name] = min(epoch(model, parts, place) for place in places)
                crops = len(parts[0].samples) * 4
                print(f"{model} {name}: {1000 * taken[name] / crops:.1f} ms a crop")
    print(f"denormals ratio {taken['as zero'] / taken['with them']:.2f}")


def epoch(name: str, parts: list[Dataset], folder: Path) -> float:
    """Seconds of the training of an epoch, without validation."""
    model = load_model(name, epochs=1, warmup_epochs=0, **MODELS[name])
    folder.mkdir()
    model.fit(*parts, 0, folder)
    return float((folder / SECONDS).read_text().split()[1])


if __name__ == "__main__":
    main()
