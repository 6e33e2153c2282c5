"""A checkpoint made ready for others: half precision, and what made it.

    python -m baselines.relational.ship OUT/checkpoint.safetensors mine.safetensors \\
        --photos NAME --license TEXT

OUT is that of ``iqa-eval pretrain relational-score``, or of ``relational-maps``: maps alone.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from baselines.pretraining.card import run_in_words
from harness.model import TrainedOn

from . import maps_recipe, score_recipe


def ship(checkpoint: Path, out: Path, photos: TrainedOn, license: str, note: str = "") -> None:
    """Write ``checkpoint`` to ``out`` in half precision.

    ``photos``: what it was trained on; ``license``: of the weights; ``note``: e.g. the hardware
    and the time. Raises ValueError for a checkpoint that cannot be read or is of another recipe.
    """
    from baselines.pretraining import checkpoint as checkpoints

    tensors, kept = checkpoints.read(checkpoint)
    about = {
        "trained_on": [asdict(photos)],
        "license": license,
        "source": _source(checkpoint, kept, note),
    }
    checkpoints.write(out, tensors, {**kept, "about": about}, half=tensors)


def _source(path: Path, kept: Mapping[str, Any], note: str) -> str:
    recipe = kept.get("recipe")
    if recipe == maps_recipe.NAME:
        told = [_maps_run(kept["config"], kept["optimization"], kept["step"])]
    elif recipe == score_recipe.NAME:
        config, plan = kept["config"], kept["optimization"]
        maps = config["maps"]
        images = f"images of {maps['crop']} pixels beside their references"
        told = [
            _maps_run(maps, maps["optimization"], config["start"]["step"]),
            run_in_words(recipe, kept["step"], images, plan),
        ]
    else:
        raise ValueError(f"checkpoint {path}: of the recipe {recipe!r}, which is not shipped here")
    return "; ".join([*told, note] if note else told)


def _maps_run(maps: Mapping[str, Any], plan: Mapping[str, Any], step: int) -> str:
    return run_in_words(maps_recipe.NAME, step, f"pairs of {maps['crop']} pixels", plan)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("checkpoint", type=Path, help="of iqa-eval pretrain relational-score or relational-maps")
    add("out", type=Path, help="the file to write")
    add("--photos", required=True, help="name of the photographs that it was trained on")
    add("--split", default="all", help="the part of them (default: %(default)s)")
    add("--license", required=True, help="of the weights")
    add("--note", default="", help="more to tell, e.g. the hardware and the time")
    given = parser.parse_args(argv)
    photos = TrainedOn(given.photos, given.split)
    ship(given.checkpoint, given.out, photos, given.license, given.note)
    print(f"written: {given.out} ({given.out.stat().st_size / 2**20:.1f} MiB)")


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError) as error:
        sys.exit(f"ship: {error}")
