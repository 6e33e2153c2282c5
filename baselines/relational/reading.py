"""What a checkpoint of relational IQA holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch

from baselines.pretraining import checkpoint
from harness.file_hashes import file_sha256
from harness.model import ModelCard, TrainedOn, Weights

from ..state_dict import in_one_line
from .channels import CHANNELS
from .config import Network, ScoreConfig
from .network import Maps
from .score import Scorer

MAPS, SCORE = "relational-maps", "relational-score"  # the recipes
# Of a checkpoint with both; one of the first recipe holds the tensors of the maps as they are.
MAPS_PREFIX, SCORER_PREFIX = "maps.", "scorer."


class Pretrained(NamedTuple):
    """The networks of a checkpoint, and the card that tells of it."""

    maps: Maps
    scorer: Scorer | None
    card: ModelCard


def read(path: Path, card: ModelCard) -> Pretrained:
    """The networks of the checkpoint at ``path``, and ``card`` with what it says of them.

    Its "about" may tell "trained_on" (a list of all that TrainedOn takes), "license" and
    "source". Raises ValueError, in one line, for what cannot be read or does not fit.
    """
    tensors, kept = checkpoint.read(path)
    if (recipe := kept.get("recipe")) not in (MAPS, SCORE):
        raise ValueError(f"checkpoint {path}: of the recipe {recipe!r}, not {MAPS} or {SCORE}")
    try:
        config, about = kept["config"], kept.get("about", {})
        maps_config = config["maps"] if recipe == SCORE else config
        channels = tuple(maps_config["channels"])
        with torch.random.fork_rng(devices=[]):  # first weights are drawn, and replaced
            maps = Maps(network(maps_config["network"]), len(channels), pretrained=False)
            scorer = Scorer(maps, _score(config)) if recipe == SCORE else None
        if scorer is None:
            maps.load_state_dict(_floats(tensors))
        else:
            maps.load_state_dict(_floats(_below(tensors, MAPS_PREFIX)))
            scorer.load_state_dict(_floats(_below(tensors, SCORER_PREFIX)))
        told = _told(card, path, channels, about)
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise ValueError(f"checkpoint {path}: does not fit: {in_one_line(error)}") from None
    return Pretrained(maps.to(memory_format=torch.channels_last), scorer, told)


def network(config: Mapping[str, Any]) -> Network:
    """The settings of a network, as JSON has kept them."""
    lists = {name: tuple(config[name]) for name in ("widths", "depths")}
    return Network(**{**config, **lists})


def _score(config: Mapping[str, Any]) -> ScoreConfig:
    return ScoreConfig(hidden=config["hidden"], embedding=config["embedding"])


def _below(tensors: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _floats(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor.float() for name, tensor in tensors.items()}


def _told(
    card: ModelCard, path: Path, channels: tuple[str, ...], about: Mapping[str, Any]
) -> ModelCard:
    """The card with what the checkpoint says of its training."""
    sha256 = file_sha256(path)
    trained_on = about.get("trained_on")
    weights = Weights(
        path.name, sha256, about.get("source", ""), about.get("license", "not stated")
    )
    return replace(
        card,
        weights=(weights,),
        trained_on=None if trained_on is None else tuple(TrainedOn(**each) for each in trained_on),
        trained_degradations=tuple(name for each in channels for name in CHANNELS[each]),
        trained_masks=("perlin",),
        map_channels=channels,
        options={"weights": sha256[:16]},
    )
