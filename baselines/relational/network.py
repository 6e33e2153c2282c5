"""The distortion network: which damage one image has more of than the other, and where.

Khan et al., Pixel Perfect, arXiv 2605.02863, 2026, say what it computes and not how; the network
is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from ..standardized import convolution
from .config import STRIDE, Network
from .encoder import Convolutional, Encoder, OfTimm

Features = Sequence[Tensor]  # of one image or a batch, at each stride of the encoder

# Two versions of a picture have features that are nearly the same.
APART_GAIN = 5.0


class Maps(nn.Module):
    """``tests``, ``references`` ``float [B, 3, H, W]`` in [0, 1] → maps ``[B, C, H/4, W/4]``.

    Maps are in [0, 1]; above 0.5 the test has more of the damage than the reference. If
    ``config.antisymmetric``, F(t, r) = σ(g(t, r) - g(r, t)), so F(t, r) = 1 - F(r, t) by
    construction; else F = σ(g(t, r)). H and W are multiples of ``multiple``.

    ``radius``: how many pixels beyond its cell of 4 x 4 a value of a map sees at most; None where
    that has no bound. ``width``: channels of the features, of all strides together.
    ``pretrained`` asks for the published weights of a backbone of timm. Raises Unavailable where
    they are not on this machine, ValueError for a backbone that cannot be used, and for images
    of other sizes.
    """

    def __init__(self, config: Network, channels: int, *, pretrained: bool = True) -> None:
        super().__init__()
        self.antisymmetric, self.channels = config.antisymmetric, channels
        self.encoder: Encoder
        if config.timm is not None:
            self.encoder = OfTimm(config.timm, pretrained)
        else:
            self.encoder = Convolutional(config)
        self.decoder = Decoder(self.encoder, config.decoder_width)
        # Biases would cancel.
        self.last = nn.Conv2d(config.decoder_width, channels, 1, bias=not config.antisymmetric)
        nn.init.normal_(self.last.weight, std=0.01)
        self.width, self.multiple = sum(self.encoder.widths), self.encoder.multiple
        self.radius = self.decoder.radius

    def forward(self, tests: Tensor, references: Tensor) -> Tensor:
        return self.logits(self.encode(tests), self.encode(references)).float().sigmoid()

    def encode(self, images: Tensor) -> list[Tensor]:
        """Features ``[B, w, H/s, W/s]`` at each stride s, before their nonlinearity."""
        height, width = images.shape[2:]
        if height % self.multiple or width % self.multiple:
            raise ValueError(
                f"images of {width}x{height} pixels; sides must be multiples of {self.multiple}"
            )
        return self.encoder(images)

    def logits(self, tests: Features, references: Features) -> Tensor:
        """Of the maps, from what ``encode`` made of the images, ``[B, C, H/4, W/4]``."""
        decoded = self.decoder(tests, references)
        if self.antisymmetric:
            return self.last(decoded - self.decoder(references, tests))
        return self.last(decoded)

    def signed(self, tests: Features, references: Features) -> Tensor:
        """F(t, r) - F(r, t), in [-1, 1]: what the score reads; -signed(r, t) to the last bit."""
        forth = self.logits(tests, references).float()
        back = -forth if self.antisymmetric else self.logits(references, tests).float()
        return forth.sigmoid() - back.sigmoid()


class Decoder(nn.Module):
    """g but for its last layer: features of both images → ``[B, width, H/4, W/4]``.

    At each stride it reads the features of the one image and how far those of the other are from
    them; goes down from the finest stride to the coarsest, where both images are seen together
    from the first details on; and up again, as a feature pyramid (Lin et al., FPN, CVPR 2017),
    to stride 4. ``radius``: see ``Maps``. Raises ValueError for an encoder without stride 4.
    """

    def __init__(self, encoder: Encoder, width: int) -> None:
        super().__init__()
        if STRIDE not in encoder.strides:
            raise ValueError(f"an encoder of strides {encoder.strides} has none of {STRIDE}")
        self.finest = encoder.strides.index(STRIDE)
        self.own, self.apart = (
            nn.ModuleList(convolution(w, width, 1) for w in encoder.widths) for _ in range(2)
        )
        halvings = len(encoder.widths) - 1
        self.down = nn.ModuleList(convolution(width, width, stride=2) for _ in range(halvings))
        self.up = nn.ModuleList(convolution(width, width) for _ in encoder.widths[self.finest :])
        self.radius = _radius(encoder, self.finest)

    def forward(self, own: Features, other: Features) -> Tensor:
        levels = [
            first(F.gelu(mine)) + second(APART_GAIN * (mine - its))
            for first, second, mine, its in zip(self.own, self.apart, own, other, strict=True)
        ]
        for i, down in enumerate(self.down):
            levels[i + 1] = levels[i + 1] + down(F.gelu(levels[i]))
        *finer, x = levels[self.finest :]
        x = F.gelu(self.up[0](F.gelu(x)))
        for up, level in zip(self.up[1:], reversed(finer), strict=True):
            x = level + F.interpolate(x, scale_factor=2, mode="nearest")
            x = F.gelu(up(F.gelu(x)))
        return x


def _radius(encoder: Encoder, finest: int) -> int | None:
    """Pixels beyond its cell that a value at stride 4 sees at most."""
    if encoder.radii is None:
        return None
    reached = list(encoder.radii)
    for i, (stride, _) in enumerate(pairwise(encoder.strides)):
        reached[i + 1] = max(reached[i + 1], reached[i] + stride)
    radius = 0
    for stride, own in reversed(list(zip(encoder.strides, reached, strict=True))[finest:]):
        # A cell lies in one of twice its side, and sees what that sees.
        radius = max(own, radius + stride if radius else 0) + stride
    return radius
