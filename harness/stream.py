"""Decoded images one after another, here or by processes that work ahead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch.utils import data

from .errors import one_line
from .images import Decoded, DecodePolicy, Failure
from .sample import Sample


def stream(
    images: Sequence[Sample], policy: DecodePolicy, decoders: int
) -> Iterator[tuple[Sample, Decoded | Failure]]:
    """Each image with its pixels, in order; ``decoders`` processes work ahead, 0 decodes here."""
    if not decoders:
        return ((image, _load(image, policy)) for image in images)
    loader = data.DataLoader(_Loading(images, policy), batch_size=None, num_workers=decoders)
    return zip(images, loader, strict=True)


def _load(image: Sample, policy: DecodePolicy) -> Decoded | Failure:
    try:
        return image.source.load(policy)
    except Exception as error:  # a source that breaks its word costs only its own image
        return Failure(one_line(error))


class _Loading(data.Dataset[Decoded | Failure]):
    def __init__(self, images: Sequence[Sample], policy: DecodePolicy) -> None:
        self.images, self.policy = images, policy

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, i: int) -> Decoded | Failure:
        return _load(self.images[i], self.policy)
