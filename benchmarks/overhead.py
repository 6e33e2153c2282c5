"""What the harness costs beside a bare loop with the same workers, threads and models.

The bare loop is what one writes by hand: forked processes of one thread each, Pillow, the same
adapter, a list. It decodes each reference once, as the harness does. The harness does all of
``run``: hashing the images, planning, extraction, the store, the protocol, the records. Both
take turns, each time with an empty cache. Generated JPEGs; PSNR (on pairs) through pyiqa where
it is installed, features of a ResNet-50 with random weights.

The last line is ``overhead ratio VALUE``: the worse of the two medians of harness over bare.
"""

from __future__ import annotations

import argparse
import ctypes
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torchvision.models import resnet50

from harness import load_dataset, load_model, run
from harness.executors.threads import limit_threads
from harness.model import ModelCard
from harness.runner import cores

inherited: Any = None  # the model that forked processes find
LEVELS = 5  # damaged images of each reference
MEAN, STD = (torch.tensor(v)[:, None, None] for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))


class MeanSquaredError:
    """Stands in for PSNR where pyiqa is not installed."""

    card = ModelCard("psnr", "1", "FR", "PSNR", "Apache-2.0", trained_on=(), options={})

    def score_pair(
        self, images: Sequence[torch.Tensor], references: Sequence[torch.Tensor]
    ) -> torch.Tensor:
        pairs = zip(images, references, strict=True)
        errors = [(a.float() - b.float()).square().mean().double() for a, b in pairs]
        return 10 * torch.log10(255**2 / torch.stack(errors))


class ResNet50:
    """Pooled features of torchvision's network, random weights, the image at its own size."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.net = resnet50().eval()
        self.net.fc = torch.nn.Identity()
        self.card = ModelCard(
            "resnet50", "1", "NR", "ResNet-50", "Apache-2.0", trained_on=(), options={}
        )

    def features(self, images: Sequence[torch.Tensor]) -> torch.Tensor:
        rows = [self.net((image.float() / 255 - MEAN)[None] / STD[None])[0] for image in images]
        return torch.stack(rows)[:, None]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--pairs", type=int, default=2000, help="images for PSNR")
    options.add_argument("--images", type=int, default=20, help="images for ResNet-50")
    options.add_argument("--width", type=int, default=1024)
    options.add_argument("--height", type=int, default=768)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--workers", type=int, default=cores())
    given = options.parse_args()
    keep_memory()
    psnr = load_model("pyiqa:psnr") if find_spec("pyiqa") else MeanSquaredError()
    print(f"{given.width} × {given.height} pixels, {given.workers} workers")
    with tempfile.TemporaryDirectory() as folder:
        photographs(Path(folder), max(given.pairs, given.images), given.width, given.height)
        pairs = table(Path(folder), "pairs", given.pairs)
        images = table(Path(folder), "images", given.images)
        compare("not counted, to warm up: PSNR", psnr, pairs, "correlation", given.workers, 1)
        ratios = [
            compare(
                f"PSNR on {given.pairs} pairs",
                *(psnr, pairs, "correlation", given.workers, given.rounds),
            ),
            compare(
                f"ResNet-50 features of {given.images} images",
                *(ResNet50(), images, "linear-probe", given.workers, given.rounds),
            ),
        ]
    print(f"overhead ratio {max(ratios):.3f}")


def compare(what: str, model: Any, table: Path, protocol: str, workers: int, rounds: int) -> float:
    """The median of harness time over bare time, a round each."""
    times = [
        (timed(bare, model, table, workers), timed(harness, model, table, protocol, workers))
        for _ in range(rounds)
    ]
    ratio = statistics.median(ours / theirs for theirs, ours in times)
    theirs, ours = (statistics.median(column) for column in zip(*times, strict=True))
    print(f"{what}: bare {theirs:.2f} s, harness {ours:.2f} s, ratio {ratio:.3f}", flush=True)
    return ratio


def keep_memory() -> None:
    """Let malloc keep what is freed, here and in all forks.

    Otherwise the heap's layout decides whether the bare loop returns its memory after every
    image and spends half of its time on page faults; the harness is not hit by that.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # glibc
        mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD
        mallopt(-3, 2**25)  # M_MMAP_THRESHOLD, the largest that is allowed


def timed(call: Callable[..., object], *arguments: object) -> float:
    start = time.perf_counter()
    call(*arguments)
    return time.perf_counter() - start


def harness(model: Any, table: Path, protocol: str, workers: int) -> None:
    with tempfile.TemporaryDirectory() as cache:
        frame = run(
            *([model], [load_dataset(str(table))], [protocol]),
            cache=cache,
            out=Path(cache) / "out",
            workers=workers,
            progress=False,
        )
    assert not frame["n_failed"].any()


def bare(model: Any, table: Path, workers: int) -> None:
    work: dict[str, list[str]] = {}  # reference, or an image without one → images
    for image, _, reference, _ in (line.split(",") for line in table.read_text().split()[1:]):
        work.setdefault(str(table.parent / (reference or image)), []).append(
            str(table.parent / image)
        )
    global inherited
    inherited = model
    with multiprocessing.get_context("fork").Pool(workers, limit_threads) as pool:
        found = pool.map(values, work.items(), chunksize=1)
    assert sum(map(len, found)) == sum(map(len, work.values()))


@torch.inference_mode()
def values(work: tuple[str, list[str]]) -> list[np.ndarray]:
    model, (reference, images) = inherited, work
    if images == [reference]:
        return [model.features([decoded(reference)]).numpy()]
    pristine = decoded(reference)
    return [model.score_pair([decoded(image)], [pristine]).numpy() for image in images]


def decoded(path: str) -> torch.Tensor:
    pixels = np.array(Image.open(path).convert("RGB"))
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()


def photographs(folder: Path, n: int, width: int, height: int) -> None:
    """JPEGs of smooth scenes with noise: a reference and its damaged images for each scene."""
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((height, width, 3), np.float32)
    for scene in range(-(-n // LEVELS)):
        coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        base = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.float32)
        for level in range(LEVELS + 1):
            moved = np.roll(noise, rng.integers(0, height), axis=0)
            noisy = base + (4 + 4 * level) * moved
            image = Image.fromarray(noisy.clip(0, 255).astype(np.uint8))
            image.save(folder / f"{scene}_{level}.jpg", quality=90)


def table(folder: Path, kind: str, n: int) -> Path:
    """A table of the first ``n`` damaged images, with their references where they are pairs."""
    lines = ["image,label,reference,content"]
    for i in range(n):
        scene, level = divmod(i, LEVELS)
        reference = f"{scene}_0.jpg" if kind == "pairs" else ""
        lines.append(f"{scene}_{level + 1}.jpg,{-level + i % 7 / 7},{reference},{scene}")
    path = folder / f"{kind}.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


if __name__ == "__main__":
    main()
