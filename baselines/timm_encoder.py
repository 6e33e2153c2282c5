"""A timm network as an encoder of whole images of any size."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from harness.model import Images, ModelCard

from .loading import usable_device

if TYPE_CHECKING:
    import torch

# Attention compares every patch with every other, so transformers stop at fewer pixels.
MAX_PATCHES = 16_384
MAX_PIXELS = 32_000_000


class TimmEncoder:
    """A timm network on the whole image at native size, never squashed, one image at a time.

    A network of patches sees the image padded at the right and the bottom, by reflection, to
    a whole number of patches. Images are normalized by the mean and std of the weights.
    """

    def __init__(self, net: Any, card: ModelCard, device: str = "cpu") -> None:
        import torch
        from timm.data import resolve_model_data_config

        config = resolve_model_data_config(net)
        self.net = net.eval().requires_grad_(False)
        self.mean, self.std = (torch.tensor(config[k]).view(3, 1, 1) for k in ("mean", "std"))
        self.patch = patch_side(net)
        padded = f", padded to whole patches of {self.patch} pixels" if self.patch > 1 else ""
        self.card = replace(card, coverage=f"the whole image{padded}")
        self.to(device)

    def to(self, device: str) -> TimmEncoder:
        self.device = usable_device(device)
        self.net.to(self.device)
        return self

    def features(self, images: Images) -> torch.Tensor:
        """``float32 [N, 1, D]``.

        D is the channels of the last feature map, averaged over space, or of the patch tokens,
        averaged; a class token, where there is one, comes before them (D doubles).
        Raises ValueError for an image smaller than one patch.
        """
        import torch

        with torch.inference_mode():
            return torch.stack([self._feature(image) for image in images])[:, None]

    def _feature(self, image: torch.Tensor) -> torch.Tensor:
        pixels = (image.float() / 255 - self.mean) / self.std
        output = self.net.forward_features(self._padded(pixels).to(self.device))
        return self._pooled(output[0]).float().cpu()

    def _padded(self, pixels: torch.Tensor) -> torch.Tensor:
        import torch.nn.functional as F

        height, width = pixels.shape[1:]
        side = self.patch
        if min(height, width) < side:
            raise ValueError(f"a {width}x{height} image is smaller than a {side}x{side} patch")
        return F.pad(pixels[None], (0, -width % side, 0, -height % side), mode="reflect")

    def _pooled(self, output: torch.Tensor) -> torch.Tensor:
        import torch

        if output.ndim == 3:  # a feature map, channels first or last
            channels_last = getattr(self.net, "output_fmt", "NCHW") == "NHWC"
            mean = output.mean((0, 1) if channels_last else (1, 2))
        else:
            mean = output[getattr(self.net, "num_prefix_tokens", 0) :].mean(0)
        if len(mean) != self.net.num_features:
            raise ValueError(f"{self.card.name} gives neither a feature map nor tokens")
        has_class = getattr(self.net, "cls_token", None) is not None
        return torch.cat([output[0], mean]) if has_class else mean


def create(name: str, *, pretrained: bool) -> Any:
    """The network without its classifier, open to any size; ValueError if it is bound to one."""
    import timm
    import torch

    fixed = timm.get_pretrained_cfg(name).fixed_input_size
    try:
        any_size = {"dynamic_img_size": True} if fixed else {}
        with torch.random.fork_rng(devices=[]):  # its first weights are drawn, and replaced
            return timm.create_model(name, pretrained=pretrained, num_classes=0, **any_size)
    except TypeError as error:
        if "dynamic_img_size" not in str(error):
            raise
        raise ValueError(
            f"timm:{name} takes images of one size only, so it cannot see a whole image at its "
            "native size; choose a convolutional network, a plain ViT, EVA or Swin"
        ) from None


def patch_side(net: Any) -> int:
    """Pixels of which height and width must be multiples; 1 for a network without patches."""
    if _has_tokens(net):
        return int(net.feature_info[-1]["reduction"])
    embedding = getattr(net, "patch_embed", None)
    return max(getattr(embedding, "patch_size", (1, 1)))


def max_pixels(net: Any) -> int:
    """The largest image, in pixels, that ``net`` is asked to take."""
    return MAX_PATCHES * patch_side(net) ** 2 if _has_tokens(net) else MAX_PIXELS


def _has_tokens(net: Any) -> bool:
    return hasattr(net, "num_prefix_tokens")
