"""The real codecs, through Pillow: JPEG, JPEG 2000, WebP and AVIF, on the CPU."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from io import BytesIO
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .draws import Rngs


def jpeg(images: Tensor, qualities: Tensor, rngs: Rngs) -> Tensor:
    """Baseline JPEG, 4:2:0; level: libjpeg quality (1 to 100), which may be fractional."""
    return _recode(images, qualities, _jpeg_options)


def jpeg2000(images: Tensor, rates: Tensor, rngs: Rngs) -> Tensor:
    """JPEG 2000, 9-7 wavelet with the color transform (4:4:4); level: compression ratio."""
    # Each resolution halves the image, which must not shrink below one pixel.
    resolutions = min(6, int(np.log2(min(images.shape[-2:]))) + 1)

    def options(rate: float) -> dict[str, Any]:
        return {
            "format": "JPEG2000",
            "quality_mode": "rates",
            "quality_layers": [rate],
            "irreversible": True,
            "num_resolutions": resolutions,
        }

    return _recode(images, rates, options)


def webp(images: Tensor, qualities: Tensor, rngs: Rngs) -> Tensor:
    """Lossy WebP (always 4:2:0); level: quality (0 to 100)."""
    return _recode(images, qualities, lambda q: {"format": "WEBP", "quality": q, "method": 4})


def avif(images: Tensor, qualities: Tensor, rngs: Rngs) -> Tensor:
    """AVIF, 4:2:0; level: quality (0 to 100), rounded because the encoder takes integers."""

    def options(quality: float) -> dict[str, Any]:
        return {
            "format": "AVIF",
            "quality": round(quality),
            "subsampling": "4:2:0",
            "speed": 8,
            "max_threads": 1,
        }

    return _recode(images, qualities, options)


def _jpeg_options(quality: float) -> dict[str, Any]:
    """Save options whose tables are libjpeg's, scaled by a real-valued quality."""
    scale = int(5000 / quality if quality < 50 else 200 - 2 * quality)
    tables = [
        [min(max((base * scale + 50) // 100, 1), 255) for base in table]
        for table in _standard_tables()
    ]
    return {"format": "JPEG", "qtables": tables, "subsampling": "4:2:0"}


@cache
def _standard_tables() -> list[list[int]]:
    """The luminance and chrominance tables of the JPEG standard: libjpeg's at quality 50."""
    buffer = BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG", quality=50)
    with Image.open(buffer) as image:
        return list(image.quantization.values())  # type: ignore[attr-defined]


def _recode(images: Tensor, levels: Tensor, options: Callable[[float], dict[str, Any]]) -> Tensor:
    """Encode and decode each image of ``[B, 3, H, W]`` with the save options of its level."""
    pixels = (images * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()

    def recode(image: np.ndarray, level: float) -> np.ndarray:
        buffer = BytesIO()
        Image.fromarray(image).save(buffer, **options(level))
        with Image.open(buffer) as decoded:
            return np.asarray(decoded.convert("RGB"))

    workers = min(len(images), torch.get_num_threads())
    with ThreadPoolExecutor(workers) as pool:  # Pillow's codecs release the interpreter lock
        decoded = np.stack(list(pool.map(recode, pixels, levels.tolist())))
    return torch.from_numpy(decoded).to(images.device).permute(0, 3, 1, 2) / 255
