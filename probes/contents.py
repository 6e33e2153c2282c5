"""The pristine photographs that probes are made of: a few that ship with libraries, or a folder.

Nothing is downloaded. What a content is called never depends on where it lies.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from harness.image_files import names_below

if TYPE_CHECKING:
    import torch

LONG_SIDE = 384  # pixels, of the embedded contents
# The labeled sets of the embedded contents: a head that was fitted on either has seen them all.
LABELED = ("demo", "demo-full")

# id, package, path in the package, license as the package (or the named owner) documents it.
_EMBEDDED = (
    ("astronaut", "skimage", "data/astronaut.png", "public domain (NASA)"),
    ("chelsea", "skimage", "data/chelsea.png", "CC0 (Stefan van der Walt)"),
    ("coffee", "skimage", "data/coffee.png", "CC0 (Rachel Michetti)"),
    ("rocket", "skimage", "data/rocket.jpg", "public domain (SpaceX)"),
    (
        *("motorcycle_left", "skimage", "data/motorcycle_left.png"),
        "none stated; Middlebury 2014 stereo benchmark (Scharstein et al., GCPR 2014)",
    ),
    ("china", "sklearn", "datasets/images/china.jpg", "CC BY 2.0 (danielbuechele, Flickr)"),
    ("flower", "sklearn", "datasets/images/flower.jpg", "CC BY 2.0 (vultilion, Flickr)"),
    (
        *("grace_hopper", "matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
        "none stated; public domain by its authors' word (Wikimedia Commons, Grace_Hopper.jpg)",
    ),
)
_DISTRIBUTIONS = {"skimage": "scikit-image", "sklearn": "scikit-learn", "matplotlib": "matplotlib"}


@dataclass(frozen=True)
class Content:
    """One pristine photograph: the file, and how far it is reduced. Pixels are read when asked."""

    id: str
    source: str  # the package that ships it, or the folder
    license: str
    path: Path
    long_side: int | None = None  # pixels, at most; None: native size
    halved: bool = False  # at least to half its size, so that its own JPEG blocks are gone

    def image(self) -> torch.Tensor:
        """The pixels, ``uint8 [3, H, W]`` sRGB; ValueError with one line if they cannot be read.

        Reductions are antialiased; nothing is ever enlarged.
        """
        from harness.images import DecodePolicy, Failure, decode

        decoded = decode(self.path, DecodePolicy())
        if isinstance(decoded, Failure):
            raise ValueError(f"content {self.id!r}: {decoded.reason}")
        height, width = decoded.image.shape[1:]
        scale = 0.5 if self.halved else 1.0
        if self.long_side is not None:
            scale = min(scale, self.long_side / max(height, width))
        return decoded.image if scale == 1 else _reduced(decoded.image, scale)


def embedded() -> tuple[Content, ...]:
    """Eight photographs that scikit-image, scikit-learn and matplotlib ship; long side <= 384.

    Raises FileNotFoundError if an installed package lacks its photograph.
    """
    return tuple(
        Content(
            id=name,
            source=_DISTRIBUTIONS[package],
            license=license,
            path=_shipped(package, relative),
            long_side=LONG_SIDE,
            # Only grace_hopper has subsampled color, whose 16-pixel blocks leave a faint trace.
            halved=relative.endswith(".jpg"),
        )
        for name, package, relative, license in _EMBEDDED
    )


def folder(path: str | Path) -> tuple[Content, ...]:
    """The photographs below a folder at native size, sorted by name.

    The id is the path relative to the folder without suffix; names that would then collide
    keep theirs. Hidden files and files of other kinds are passed over. Raises FileNotFoundError
    if the folder or photographs in it are missing.
    """
    root = Path(path)
    names = sorted(Path(name) for name in names_below(root))
    stems = [name.with_suffix("") for name in names]
    taken = Counter(names + stems)
    return tuple(
        Content(
            id=(stem if taken[stem] == 1 else name).as_posix(),
            source=str(root),
            license="unknown",
            path=root / name,
        )
        for name, stem in zip(names, stems, strict=True)
    )


def _shipped(package: str, relative: str) -> Path:
    spec = find_spec(package)  # finds the package without importing it
    root = Path(spec.origin).parent if spec and spec.origin else Path(package)
    path = root / relative
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: not in the installed {_DISTRIBUTIONS[package]}; reinstall that package"
        )
    return path


def _reduced(image: torch.Tensor, scale: float) -> torch.Tensor:
    """The image at ``scale`` < 1 through Pillow's antialiased bicubic filter."""
    import numpy as np
    import torch
    from PIL import Image

    height, width = (max(1, round(side * scale)) for side in image.shape[1:])
    picture = Image.fromarray(image.permute(1, 2, 0).numpy())
    smaller = np.array(picture.resize((width, height), Image.Resampling.BICUBIC))
    return torch.from_numpy(smaller).permute(2, 0, 1).contiguous()
