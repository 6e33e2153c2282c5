"""The scoring network: which of two versions of a picture is better, from maps and features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .network import APART_GAIN, Features

if TYPE_CHECKING:
    from .config import ScoreConfig
    from .network import Maps

# Most damage is local or slight: the means of its maps are far below 1.
_MAPS_GAIN = 10.0


@dataclass(frozen=True)
class Pooled:
    """Sums over the pixels of pairs, ``float64 [B, n]``, and how many pixels there were, ``[n]``.

    ``more`` and ``less``: damage that the test has more of, and less of, by channel; ``test`` and
    ``reference``: features of each; ``apart``: how far their features are from each other.
    Sums over parts of an image add up to those of the whole.
    """

    more: Tensor
    less: Tensor
    test: Tensor
    reference: Tensor
    apart: Tensor
    map_pixels: Tensor
    feature_pixels: Tensor

    def __add__(self, other: Pooled) -> Pooled:
        return Pooled(*(a + b for a, b in zip(self._parts, other._parts, strict=True)))

    def swapped(self) -> Pooled:
        """Of the same pairs, the test taken for the reference."""
        more, less, test, reference, *rest = self._parts
        return Pooled(less, more, reference, test, *rest)

    def means(self) -> Tensor:
        """What the scorer reads, ``float32 [B, 2C + 3E]``."""
        maps = _MAPS_GAIN * torch.cat([self.more, self.less], 1) / self.map_pixels.repeat(2)
        features = torch.cat([self.test, self.reference, APART_GAIN * self.apart], 1)
        return torch.cat([maps, features / self.feature_pixels.repeat(3)], 1).float()

    @property
    def _parts(self) -> tuple[Tensor, ...]:
        return (self.more, self.less, self.test, self.reference, self.apart,
                self.map_pixels, self.feature_pixels)  # fmt: skip


def pooled(signed: Tensor, tests: Features, references: Features) -> Pooled:
    """Sums over all pixels of ``Maps.signed`` and of what ``Maps.encode`` made of the images."""
    maps = signed.double()
    one, other = ([F.gelu(x.float()) for x in features] for features in (tests, references))
    apart = [(t - r).abs() for t, r in zip(one, other, strict=True)]
    pixels = [t.new_full(t.shape[1:2], t.shape[2] * t.shape[3], dtype=torch.float64) for t in one]
    return Pooled(
        more=_sums([maps.clamp(min=0)]),
        less=_sums([(-maps).clamp(min=0)]),
        test=_sums(one),
        reference=_sums(other),
        apart=_sums(apart),
        map_pixels=maps.new_full(maps.shape[1:2], maps.shape[2] * maps.shape[3]),
        feature_pixels=torch.cat(pixels),
    )


def _sums(levels: Features) -> Tensor:
    return torch.cat([x.sum((2, 3), dtype=torch.float64) for x in levels], 1)


class Scorer(nn.Module):
    """From pooled pairs to scores, above 0 where the test is better, and to embeddings.

    s(t, r) = h(t, r) - h(r, t): so s(I, I) = 0 and s(t, r) = -s(r, t) exactly. h is linear in the
    means, plus what two hidden layers make of them. Scores can be compared within a content only.
    """

    def __init__(self, maps: Maps, config: ScoreConfig) -> None:
        super().__init__()
        width = 2 * maps.channels + 3 * maps.width
        self.trunk = nn.Sequential(
            nn.Linear(width, config.hidden),
            nn.GELU(),
            nn.Linear(config.hidden, config.hidden),
            nn.GELU(),
        )
        self.linear = nn.Linear(width, 1, bias=False)
        self.curved = nn.Linear(config.hidden, 1, bias=False)
        self.embedding = nn.Linear(config.hidden, config.embedding)

    def score(self, pairs: Pooled) -> Tensor:
        """s(t, r), ``float32 [B]``."""
        return self._h(pairs.means()) - self._h(pairs.swapped().means())

    def embed(self, pairs: Pooled) -> Tensor:
        """What the contrastive loss compares, ``float32 [B, embedding]``, of any norm."""
        return self.embedding(self.trunk(pairs.means()))

    def _h(self, means: Tensor) -> Tensor:
        return (self.linear(means) + self.curved(self.trunk(means)))[:, 0]
