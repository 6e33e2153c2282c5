"""Color damage: diffusion, shift, palette quantization, saturation in HSV and in CIELAB."""

import torch
import torch.nn.functional as F
from kornia.color import lab_to_rgb, rgb_to_grayscale, rgb_to_lab
from torch import Tensor

from .blur import smooth
from .draws import Rngs, uniform


def diffusion(images: Tensor, levels: Tensor, rngs: Rngs) -> Tensor:
    """Blur a* and b* by a Gaussian of 1.5 level + 2 pixels and multiply them by the level."""
    lab = rgb_to_lab(images)
    chroma = smooth(lab[:, 1:], 1.5 * levels + 2) * levels[:, None, None, None]
    return lab_to_rgb(torch.cat([lab[:, :1], chroma], dim=1))


def shift(images: Tensor, distances: Tensor, rngs: Rngs) -> Tensor:
    """Move green in a random direction, where there are edges; level: distance in pixels.

    The moved channel is blended in by the edge map: gradient magnitude of the gray image, smoothed
    by 4 pixels, between its 1st and 99th percentile.
    """
    angles = 2 * torch.pi * uniform(rngs, (), images)
    green = images[:, 1]
    moved = _translate(green, distances * angles.sin(), dim=1)
    moved = _translate(moved, distances * angles.cos(), dim=2)
    edges = _edge_map(images)
    return torch.stack([images[:, 0], torch.lerp(green, moved, edges), images[:, 2]], dim=1)


def _translate(channel: Tensor, offsets: Tensor, dim: int) -> Tensor:
    """Shift ``[B, H, W]`` along one axis by a real offset per image; the border is replicated."""
    size = channel.shape[dim]
    whole = offsets.floor()
    shape = [-1, 1, 1]
    shape[dim] = size
    start = torch.arange(size, device=channel.device) - whole.long()[:, None]
    near, far = (
        channel.gather(dim, index.clamp(0, size - 1).view(shape).expand_as(channel))
        for index in (start, start - 1)
    )
    return torch.lerp(near, far, (offsets - whole)[:, None, None])


def _edge_map(images: Tensor) -> Tensor:
    """``[B, H, W]`` in [0, 1]: 0 on flat ground, 1 at the strongest edges."""
    gray = rgb_to_grayscale(images)
    steps = torch.gradient(gray, dim=(2, 3))
    magnitude = smooth(torch.hypot(*steps), torch.full_like(images[:, 0, 0, 0], 4.0))[:, 0]
    values = magnitude.flatten(1)
    low, high = (
        values.kthvalue(1 + round(share * (values.shape[1] - 1)), dim=1).values[:, None, None]
        for share in (0.01, 0.99)
    )
    return ((magnitude - low) / (high - low).clamp(min=1e-6)).clamp(0, 1)


# Orthonormal rows, so that squared errors are those in RGB.
_OPPONENT = F.normalize(torch.tensor([[1.0, 1, 1], [1, 0, -1], [1, -2, 1]], dtype=torch.float64))


def quantization(images: Tensor, counts: Tensor, rngs: Rngs) -> Tensor:
    """Minimum-variance palette without dither; level: number of colors, which may be fractional.

    The palette grows by splitting the cluster of largest squared error at its mean, along its
    widest axis (lightness or one of two opponent axes), so a smaller palette is a coarsening of a
    larger one; a fractional count moves the last two colors part of the way from their parent's.
    """
    cells, colors, weights = _histogram(images)
    basis = _OPPONENT.to(colors)
    colors = colors @ basis.mT
    moments = torch.cat([torch.ones_like(colors[..., :1]), colors, colors**2], dim=2)
    rows = torch.arange(len(images), device=images.device)
    most = int(counts.max().ceil())
    labels = torch.zeros_like(weights, dtype=torch.long)
    clusters = moments.new_zeros(len(images), most, 7)
    clusters[:, 0] = torch.bmm(weights[:, None], moments)[:, 0]
    means = _means(clusters)
    palette = means.clone()
    for new in range(1, most):
        errors = clusters[..., 4:] - clusters[..., 1:4] * means
        parent = errors.sum(2).argmax(1)
        axis = errors[rows, parent].argmax(1)
        above = colors[rows, :, axis] > means[rows, parent, axis][:, None]
        moving = above & (labels == parent[:, None])
        labels.masked_fill_(moving, new)
        clusters[:, new] = torch.bmm((weights * moving)[:, None], moments)[:, 0]
        clusters[rows, parent] -= clusters[:, new]
        means = _means(clusters)
        share = (counts - new).clamp(0, 1)[:, None].to(means)
        before = palette[rows, parent]
        palette[rows, parent] = torch.lerp(before, means[rows, parent], share)
        palette[:, new] = torch.lerp(before, means[:, new], share)
    table = (palette @ basis).to(images).gather(1, labels[..., None].expand(-1, -1, 3))
    pixels = table.gather(1, cells[..., None].expand(-1, -1, 3))
    return pixels.mT.reshape(images.shape)


def _histogram(images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Cell of each pixel ``[B, HW]``, mean color ``[B, N, 3]`` and size ``[B, N]`` of each cell.

    Cells are 8 gray levels wide; those that are empty in the whole batch are dropped. Sums are of
    integers, so that their order cannot change the result.
    """
    pixels = (images * 255).round().long().flatten(2)
    coarse = pixels >> 3
    index = (coarse[:, 0] << 10) | (coarse[:, 1] << 5) | coarse[:, 2]
    used = index.new_zeros(1 << 15).index_fill_(0, index.flatten(), 1)
    cells = (used.cumsum(0) - 1)[index]
    sizes = cells.new_zeros(len(images), int(used.sum()))
    sums = sizes[:, None].repeat(1, 3, 1)
    sizes.scatter_add_(1, cells, torch.ones_like(cells))
    sums.scatter_add_(2, cells[:, None].expand(-1, 3, -1), pixels)
    colors = sums.double() / sizes.clamp(min=1)[:, None] / 255
    return cells, colors.mT, sizes.double()


def _means(clusters: Tensor) -> Tensor:
    """Mean colors ``[B, K, 3]`` of moments ``[B, K, 7]`` (count, sums, sums of squares)."""
    return clusters[..., 1:4] / clusters[..., :1].clamp(min=1e-9)


def saturation_hsv(images: Tensor, factors: Tensor, rngs: Rngs) -> Tensor:
    """Multiply the S of HSV; level: the factor (below 0 hues turn into their complements).

    With V and hue kept, this is an interpolation between each channel and V, the largest of them.
    """
    value = images.amax(1, keepdim=True)
    return value - (value - images) * factors[:, None, None, None]


def saturation_lab(images: Tensor, factors: Tensor, rngs: Rngs) -> Tensor:
    """Multiply a* and b* of CIELAB; level: the factor."""
    lab = rgb_to_lab(images)
    scaled = lab[:, 1:] * factors[:, None, None, None]
    return lab_to_rgb(torch.cat([lab[:, :1], scaled], dim=1))
