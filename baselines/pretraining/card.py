"""What a checkpoint tells of its training, on the card of the model that is read from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.file_hashes import file_sha256
from harness.model import ModelCard, TrainedOn, Weights


def told_by(path: Path, kept: Mapping[str, Any], card: ModelCard, *, given: bool) -> ModelCard:
    """``card`` with the weights at ``path``, and what they were trained on.

    ``kept`` is the checkpoint's configuration. Its "about", if there is one, may tell "trained_on"
    (a list of all that TrainedOn takes), "license" and "source". ``given``: the file was named by
    the user. Raises TypeError or AttributeError for an "about" of another form.
    """
    about, sha256 = kept.get("about", {}), file_sha256(path)
    trained_on = about.get("trained_on")
    weights = Weights(
        path.name, sha256, about.get("source", ""), about.get("license", "not stated")
    )
    return replace(
        card,
        weights=(weights,),
        trained_on=None if trained_on is None else tuple(TrainedOn(**each) for each in trained_on),
        options={"weights": sha256[:16]} if given else {},
    )


def run_in_words(recipe: str, step: int, samples: str, plan: Mapping[str, Any]) -> str:
    """The run of a recipe up to ``step``; ``plan`` is its Optimization, ``samples`` names what a
    batch is made of."""
    return (
        f"iqa-eval pretrain {recipe}: {step} steps of {plan['batch']} {samples}, "
        f"seed {plan['seed']}, {plan['precision']}"
    )
