"""What a checkpoint of relational IQA holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch

from baselines.pretraining import checkpoint
from baselines.pretraining.card import told_by
from harness.model import ModelCard

from ..state_dict import in_one_line
from .channels import CHANNELS
from .config import Network, ScoreConfig
from .maps_recipe import NAME as MAPS
from .network import Maps
from .score import Scorer
from .score_recipe import NAME as SCORE

# Of a checkpoint with both; one of the first recipe holds the tensors of the maps as they are.
MAPS_PREFIX, SCORER_PREFIX = "maps.", "scorer."


class Pretrained(NamedTuple):
    """The networks of a checkpoint, and the card that tells of it."""

    maps: Maps
    scorer: Scorer | None
    card: ModelCard


def read(path: Path, card: ModelCard, *, given: bool = True) -> Pretrained:
    """The networks of the checkpoint at ``path``, and ``card`` with what it says of them.

    ``given``: the user has named it. Raises ValueError, in one line, for what cannot be read or
    does not fit.
    """
    tensors, kept = checkpoint.read(path)
    if (recipe := kept.get("recipe")) not in (MAPS, SCORE):
        raise ValueError(f"checkpoint {path}: of the recipe {recipe!r}, not {MAPS} or {SCORE}")
    try:
        config = kept["config"]
        maps_config = config["maps"] if recipe == SCORE else config
        channels = tuple(maps_config["channels"])
        with torch.random.fork_rng(devices=[]):  # first weights are drawn, and replaced
            maps = Maps(network(maps_config["network"]), len(channels), pretrained=False)
            scorer = Scorer(maps, _score(config)) if recipe == SCORE else None
        if scorer is None:
            maps.load_state_dict(_floats(tensors))
        else:
            if other := [k for k in tensors if not k.startswith((MAPS_PREFIX, SCORER_PREFIX))]:
                raise ValueError(f"{other[0]} belongs to neither maps nor scorer")
            maps.load_state_dict(_floats(_below(tensors, MAPS_PREFIX)))
            scorer.load_state_dict(_floats(_below(tensors, SCORER_PREFIX)))
        about = [(c, name, sign) for c in channels for name, sign in CHANNELS[c].items()]
        if len(set(channels)) < len(channels):
            raise ValueError("a channel is named twice")
        told = replace(
            told_by(path, kept, card, given=given),
            trained_degradations=tuple(name for _, name, _ in about),
            trained_masks=("perlin", "full frame"),
            map_channels=channels,
            channel_types=tuple(about),
        )
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
    found = {name: tensor.float() for name, tensor in tensors.items()}
    for name, tensor in found.items():
        if not tensor.isfinite().all():
            raise ValueError(f"{name} holds numbers that are not finite")
    return found
