"""SqueezeNet with Caffe's ImageNet weights as an encoder of whole images: an outside anchor.

Its last feature map is read as the patch tokens of the arms are: mean and standard deviation.

F. Iandola et al., SqueezeNet, arXiv 1602.07360, 2016. No adapter of the package takes it: timm has
no such network, and these weights want channels in the order blue, green, red.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from baselines.loading import usable_device
from baselines.state_dict import read_state_dict
from harness.file_hashes import file_sha256
from harness.model import Images, ModelCard, TrainedOn, Weights

if TYPE_CHECKING:
    import torch

NAME = "squeezenet1_0"
_MEANS = (103.939, 116.779, 123.68)  # of blue, green, red in 0..255


class SqueezeNet:
    """Mean and deviation of the last feature map. Raises ValueError for a file of another net."""

    def __init__(self, path: Path) -> None:
        import torch
        from torchvision.models import squeezenet1_0

        with torch.random.fork_rng(devices=[]):
            net = squeezenet1_0(weights=None)
        try:
            net.load_state_dict(read_state_dict(path))
        except RuntimeError as error:
            reason = str(error).splitlines()[1].strip()[:160]
            raise ValueError(f"weights {path}: not those of {NAME}: {reason}") from None
        self.net = net.features.eval().requires_grad_(False)
        self.card = ModelCard(
            name=NAME,
            version="2",
            mode="NR",
            summary="SqueezeNet 1.0 of ImageNet (Caffe), frozen, on the whole image",
            paper="Iandola et al., SqueezeNet, arXiv 1602.07360, 2016",
            weights=(Weights(path.name, file_sha256(path)),),
            trained_on=(TrainedOn("imagenet"),),
            coverage="the whole image",
            max_pixels=32_000_000,
            options={},
        )
        self.to("cpu")

    def to(self, device: str) -> SqueezeNet:
        self.device = usable_device(device)
        self.net.to(self.device)
        return self

    def features(self, images: Images) -> torch.Tensor:
        """``float32 [N, 1, 1024]``: means over space, then standard deviations."""
        import torch

        means = torch.tensor(_MEANS).view(3, 1, 1)
        rows = []
        with torch.inference_mode():
            for image in images:
                (found,) = self.net((image.flip(0).float() - means)[None].to(self.device))
                places = found.flatten(1)
                rows.append(torch.cat([places.mean(1), places.std(1, correction=0)]))
        return torch.stack(rows)[:, None].cpu()
