"""A checkpoint made ready for others: half precision, a head that scores, and what made it.

    python -m baselines.slide_iqa.ship OUT/checkpoint.safetensors mine.safetensors \\
        --photos NAME --license TEXT --labels demo

The head is ridge regression on the labels of a dataset, without the images of damage that is held
out of all training; alpha is chosen by cross-validation over contents.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from baselines.pretraining.card import run_in_words
from harness.model import Role, TrainedOn
from harness.sample import Damage, Dataset

from .recipe import NAME


def ship(
    checkpoint: Path, out: Path, labels: Dataset, photos: TrainedOn, license: str, note: str = ""
) -> None:
    """Write ``checkpoint`` of ``iqa-eval pretrain slide-iqa`` to ``out``, with a head.

    ``labels``: what the head is fitted on. ``photos``: what the encoder was trained on;
    ``license``: of the weights; ``note``: e.g. the hardware and the time. Raises ValueError for
    a checkpoint that cannot be read, and for a dataset that no head can be fitted on.
    """
    import torch

    from baselines.pretraining import checkpoint as checkpoints
    from harness.fit_head import fit_head

    from .adapter import load

    tensors, kept = checkpoints.read(checkpoint)
    if (recipe := kept.get("recipe")) != NAME or "optimization" not in kept:
        raise ValueError(f"checkpoint {checkpoint}: of {recipe!r}, not of a run of {NAME}")
    encoder = {name: value for name, value in tensors.items() if not name.startswith("head.")}
    role: Role = "pseudo" if labels.label_kind == "pseudo" else "labels"
    about = {
        "trained_on": [asdict(photos), asdict(TrainedOn(labels.name, "all", role, "head"))],
        "license": license,
        "source": _source(kept, labels, note),
    }
    with TemporaryDirectory() as folder:
        # The head is fitted on what half precision makes of the images.
        halved = Path(folder, "halved.safetensors")
        checkpoints.write(halved, encoder, kept, half=encoder)
        head = fit_head(load(weights=str(halved)), without_held_out(labels))
    read = {
        "head.weight": torch.from_numpy(head.coefficients).float(),
        "head.bias": torch.tensor([head.intercept]),
    }
    checkpoints.write(out, {**encoder, **read}, {**kept, "about": about}, half=encoder)


def without_held_out(dataset: Dataset) -> Dataset:
    """Without the images whose damage, or its mask, is known to be held out of all training."""
    from probes.degradations import HELD_OUT
    from probes.masks import HELD_OUT_SHAPES

    def held_out(damage: Damage) -> bool:
        shape = None if damage.mask is None else json.loads(damage.mask)["shape"]
        return damage.type in HELD_OUT or shape in HELD_OUT_SHAPES

    samples = tuple(sample for sample in dataset.samples if not any(map(held_out, sample.damages)))
    name = f"{dataset.name}-without-held-out"
    return replace(dataset, name=name, samples=samples, explicit_pairs=None)


def _source(kept: Mapping[str, Any], labels: Dataset, note: str) -> str:
    from probes.degradations import TYPES
    from probes.masks import SHAPES

    plan, slide = kept["optimization"], kept["config"]
    types = [name for name in TYPES if name not in slide["types"]]
    shapes = [shape for shape in SHAPES if shape not in slide["shapes"]]
    kind = "pseudo-labels" if labels.label_kind == "pseudo" else "labels"
    damages = {damage.type for sample in labels.samples for damage in sample.damages}
    # Of other sets it is not known what was done to their images.
    known = damages and damages <= set(TYPES)
    told = [
        run_in_words(
            NAME, kept["step"], f"views of {slide['backbone']['image_size']} pixels", plan
        ),
        f"head: ridge on the {kind} of {labels.name}",
        f"never seen by {'encoder or head' if known else 'the encoder'}: damage of the types "
        f"{', '.join(types)}; masks of the shape {', '.join(shapes)}",
    ]
    return "; ".join([*told, note] if note else told)


def main(argv: list[str] | None = None) -> None:
    from harness.datasets import load_dataset

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("checkpoint", type=Path, help="of iqa-eval pretrain slide-iqa")
    add("out", type=Path, help="the file to write")
    add("--photos", required=True, help="name of the photographs that it was trained on")
    add("--split", default="all", help="the part of them (default: %(default)s)")
    add("--license", required=True, help="of the weights")
    add("--labels", default="demo", help="dataset to fit the head on (default: %(default)s)")
    add("--root", help="folder of that dataset")
    add("--note", default="", help="more to tell, e.g. the hardware and the time")
    given = parser.parse_args(argv)
    labels = load_dataset(given.labels, root=given.root)
    ship(
        given.checkpoint, given.out, labels,
        TrainedOn(given.photos, given.split), given.license, given.note,
    )  # fmt: skip
    print(f"written: {given.out} ({given.out.stat().st_size / 2**20:.1f} MiB)")


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError, LookupError) as error:
        sys.exit(f"ship: {error}")
