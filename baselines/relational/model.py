"""What the training of the score trains: a scorer, on maps that stay as they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from .config import ScoreConfig
from .network import Maps
from .ranked import Ranked
from .score import Pooled, Scorer, pooled

_OF_PAIRS = ("more", "less", "test", "reference", "apart")


class Ranker(nn.Module):
    """A new scorer beside ``maps``, which are frozen and stay in evaluation mode."""

    def __init__(self, maps: Maps, config: ScoreConfig) -> None:
        super().__init__()
        self.maps = maps.requires_grad_(False)
        self.scorer = Scorer(maps, config)
        self.set_size = config.recipes * config.tiers

    def train(self, mode: bool = True) -> Ranker:
        super().train(mode)
        self.maps.eval()
        return self

    @torch.no_grad()
    def pooled(self, ranked: Ranked) -> Pooled:
        """Of each test beside its reference."""
        tests = self.maps.encode(ranked.tests)
        # The images of a set have one reference.
        distinct = self.maps.encode(ranked.references[:: self.set_size])
        references = [x.repeat_interleave(self.set_size, 0) for x in distinct]
        return pooled(self.maps.signed(tests, references), tests, references)


def gathered(pairs: Pooled, gather: Callable[[Tensor], Tensor]) -> Pooled:
    """The pairs of all processes, of images of one size."""
    return replace(pairs, **{name: gather(getattr(pairs, name)) for name in _OF_PAIRS})
