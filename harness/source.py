"""Where the pixels of an image come from: a file, or a recipe that renders them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from .file_hashes import file_sha256

if TYPE_CHECKING:
    import numpy as np

    from .images import Decoded, DecodePolicy, Failure


@runtime_checkable
class Source(Protocol):
    """Where the pixels of an image come from: a file, or a recipe that renders them."""

    def fingerprint(self) -> str:
        """Text that changes whenever the pixels may change ("missing" for an absent file)."""

    def load(self, policy: DecodePolicy) -> Decoded | Failure:
        """The image as uint8 RGB ``[3, H, W]``, or why there is none; never raises on bad data."""

    def alpha(self) -> np.ndarray | None:
        """Where the image is damaged, ``float32 [H, W]`` in [0, 1]; None if that is unknown."""


@runtime_checkable
class Layered(Source, Protocol):
    """A source that tells its damages apart, all of which its fingerprint covers."""

    def alphas(self) -> tuple[np.ndarray, ...]:
        """Where each damage of the sample is, in their order: ``float32 [H, W]`` in [0, 1]."""


@dataclass(frozen=True)
class FileSource:
    """An image file."""

    path: Path

    def fingerprint(self) -> str:
        try:
            return file_sha256(self.path)
        except OSError:
            return "missing"

    def load(self, policy: DecodePolicy) -> Decoded | Failure:
        from .images import decode

        return decode(self.path, policy)

    def alpha(self) -> np.ndarray | None:
        return None
