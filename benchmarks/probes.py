"""Time of rendering and measuring the probe set, beside a plain program.

The plan is ``probes-default``: 5,000 probes of photographs of 512 x 384 pixels. What is timed:
every probe from its recipe to remembered numbers (image, mask, local PSNR, local SSIM of luma,
mean CIEDE2000, MSE), in processes on two cores.

The plain program is one process that makes one probe at a time with scikit-image, SciPy and
Pillow: it damages the whole frame anew for each probe, composites it, and measures the same
four numbers, CIEDE2000 inside the mask only. It is given the decoded photographs and our masks,
which no library makes. It makes all 30 types; of the plan, a random part without the harmless
changes and the two draws of one damage is timed.

Prints ``probes per second VALUE`` and, last, ``probes ratio VALUE``: ours over the plain one's.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import runpy
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

if str(Path(__file__).resolve().parent) in sys.path:
    sys.path.remove(str(Path(__file__).resolve().parent))  # where `probes` is this file

import numpy as np
from PIL import Image, ImageOps
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import structural_similarity

from harness.executors.threads import one_thread
from harness.runner import cores
from harness.sample import Damage, Sample
from probes.achieved import Achieved, measured
from probes.contents import embedded
from probes.degradations import BANK, level
from probes.masks import MaskRecipe, alpha
from probes.render import Recipe
from probes.sets import probes_default

HERE = Path(__file__).resolve().parent
Array = np.ndarray
SIZE = (512, 384)  # width, height
LUMA = np.array([0.299, 0.587, 0.114])
CODECS = {
    "jpeg": lambda x: {"format": "JPEG", "quality": round(x)},
    "jpeg2000": lambda x: {
        **{"format": "JPEG2000", "quality_mode": "rates"},
        **{"quality_layers": [x], "irreversible": True},
    },
    "webp": lambda x: {"format": "WEBP", "quality": x},
    "avif": lambda x: {"format": "AVIF", "quality": round(x), "speed": 8, "max_threads": 1},
}
PLAIN = runpy.run_path(str(HERE / "degradations.py"))["PLAIN"]


def photographs(folder: Path) -> None:
    """The embedded photographs, cut and scaled to one size."""
    for content in embedded():
        with Image.open(content.path) as image:
            ImageOps.fit(image.convert("RGB"), SIZE).save(folder / f"{content.id}.png")


def recode(image: Array, options: dict[str, object]) -> Array:
    file = io.BytesIO()
    Image.fromarray(image).save(file, **options)
    return np.asarray(Image.open(file).convert("RGB"))


def damaged(image: Array, damage: Damage) -> Array:
    """The whole frame, damaged; both uint8 [H, W, 3]."""
    x = level(BANK[damage.type], damage.severity)
    if damage.type in CODECS:
        return recode(image, CODECS[damage.type](x))
    return (np.clip(PLAIN[damage.type](image / 255, x), 0, 1) * 255).round().astype(np.uint8)


def plain(pristine: Array, damages: Sequence[Damage]) -> Achieved:
    """One probe, made and measured."""
    image, cover = pristine, np.zeros(pristine.shape[:2])
    for damage in damages:
        opacity = np.ones(cover.shape)
        if damage.mask is not None:
            opacity = alpha(MaskRecipe(**json.loads(damage.mask)), *cover.shape, pristine @ LUMA)
        change = opacity[..., None] * (damaged(image, damage).astype(float) - image)
        image = (image + change).round().astype(np.uint8)
        cover = np.maximum(cover, opacity)
    inside = cover >= 0.5
    squares = (image.astype(float) - pristine) ** 2
    similarity = structural_similarity(
        *(pristine @ LUMA, image @ LUMA),
        data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True,
    )[1]  # fmt: skip
    return Achieved(
        local_psnr=10 * np.log10(255**2 / max(squares[inside].mean(), 1e-6)),
        local_ssim=similarity[inside].mean(),
        delta_e=deltaE_ciede2000(rgb2lab(pristine[inside]), rgb2lab(image[inside])).mean(),
        mse=squares.mean(),
    )


def plain_rate(samples: Sequence[Sample], count: int) -> float:
    """Probes per second of the plain program, from ``count`` of them."""
    makeable = [
        sample.source
        for sample in samples
        if isinstance(sample.source, Recipe)
        and sample.source.control is None
        and all(damage.severity is not None for damage in sample.damages)
    ]
    chosen = random.Random(0).sample(makeable, count)
    pixels = {
        content: content.image().permute(1, 2, 0).numpy()
        for content in {recipe.content for recipe in chosen}
    }
    plain(pixels[chosen[0].content], chosen[0].damages)  # what a first call loads is not counted
    began = time.perf_counter()
    for recipe in chosen:
        plain(pixels[recipe.content], recipe.damages)
    return count / (time.perf_counter() - began)


def our_rate(samples: Sequence[Sample], workers: int) -> float:
    """Probes per second of ours, with an empty memory."""
    with tempfile.TemporaryDirectory() as empty:
        os.environ["IQA_EVAL_CACHE"] = empty
        began = time.perf_counter()
        found = measured(samples, workers)
        return len(found) / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description="Time of rendering and measuring probes.")
    parser.add_argument("--budget", type=int, default=5000, help="probes of the plan")
    parser.add_argument("--plain", type=int, default=150, help="probes of the plain program")
    chosen = parser.parse_args()
    warnings.filterwarnings("ignore", message="Conversion from CIE-LAB")
    workers = min(2, cores())
    with tempfile.TemporaryDirectory() as folder:
        photographs(Path(folder))
        samples = probes_default(root=folder, budget=chosen.budget).samples
        ours = our_rate(samples, workers)
        with one_thread():
            theirs = plain_rate(samples, chosen.plain)
    print(f"{len(samples)} probes of {SIZE[0]} x {SIZE[1]} pixels, {workers} processes")
    print(f"plain program, {chosen.plain} of them: {theirs:.2f} per second")
    print(f"probes per second {ours:.1f}")
    print(f"probes ratio {ours / theirs:.2f}")


if __name__ == "__main__":
    main()
