"""How much faster CONTRIQUE, Re-IQA and ARNIQA are here than in a plain loop.

The plain loop does what the official programs do: Pillow opens and halves an image, torchvision's
ResNet-50 computes both scales, one image at a time, on all cores. Beside it our adapter, called
alone with as many threads, and ``run``: hashing, decoding, processes, the store, a linear probe.
Where there is a GPU, also our adapter there beside the bare forward pass of what it computes.
Weights are random, in the official files; the photographs are those that libraries ship.

A ratio is images per second over those of the plain loop: above 1, ours is faster. The last
line is ``baselines ratio VALUE``: the least of them.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch.nn.functional import normalize
from torchvision.models import resnet50
from torchvision.transforms import functional as T
from tqdm import tqdm

from harness import load_dataset, load_model, run
from harness.runner import cores
from probes.contents import embedded

BILINEAR, BICUBIC = Image.Resampling.BILINEAR, Image.Resampling.BICUBIC
SIZES = ((512, 384), (384, 512), (500, 375), (512, 512))  # width and height of the photographs
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


@dataclass(frozen=True)
class Official:
    """What an official program does to an image."""

    model: str
    files: dict[str, bool]  # of its networks, and whether each sees normalized pixels
    options: dict[str, str] = field(default_factory=dict)
    filter: Image.Resampling = BICUBIC
    crops: bool = False
    unit: bool = True  # the features of a scale have norm 1


ARNIQA = {"ARNIQA.pth": True}
PROGRAMS = {
    "contrique": Official("contrique", {"CONTRIQUE_checkpoint25.tar": False}),
    "reiqa, both": Official(
        *("reiqa", {"quality_aware_r50.pth": False, "content_aware_r50.pth": True}), unit=False
    ),
    "arniqa, benchmark": Official("arniqa", ARNIQA, crops=True),
    "arniqa, whole": Official("arniqa", ARNIQA, {"variant": "whole"}, filter=BILINEAR),
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--images", type=int, default=24)
    options.add_argument("--rounds", type=int, default=1)
    options.add_argument("--cores", type=int, default=cores(), help="threads, and workers of run")
    given = options.parse_args()
    torch.set_num_threads(given.cores)
    if (here := str(Path(__file__).resolve().parent)) in sys.path:
        sys.path.remove(here)  # where `baselines` is this file
    import baselines.resnet50

    baselines.resnet50.RECENT = 0  # what was computed in an earlier pass is computed again
    print(f"{given.images} photographs of about 512 × 384 pixels, {given.cores} cores")
    with tempfile.TemporaryDirectory() as folder:
        nets = random_networks(Path(folder))
        table = photographs(Path(folder), given.images)
        ratios: list[float] = []
        for title, official in PROGRAMS.items():
            ratios += compare(title, official, nets, table, given.rounds, given.cores)
    print(f"baselines ratio {min(ratios):.2f}")


def compare(
    title: str,
    official: Official,
    nets: dict[str, torch.nn.Module],
    table: Path,
    rounds: int,
    workers: int,
) -> list[float]:
    """The ratios of the adapter alone and of ``run``, each the median over the rounds."""
    model = load_model(official.model, weights=str(table.parent), **official.options)
    paths = sorted(table.parent.glob("photo*"))

    def plain(path: Path) -> torch.Tensor:
        return by_the_book(official, nets, path)

    def adapter(path: Path) -> torch.Tensor:
        return model.features([decoded(path)])[0]

    expected, found = plain(paths[0]), adapter(paths[0])  # also warms up
    assert (found - expected).abs().max() < 1e-4 * expected.abs().max(), "other features"
    times = []
    for number in range(1, rounds + 1):
        seconds = np.zeros(2)
        bar = tqdm(paths, f"{title}, round {number} of {rounds}", unit="image", leave=False)
        for path in bar:  # in turns, so that both see the same machine
            seconds += timed(plain, path), timed(adapter, path)
        times.append((*seconds, timed(harness, model, table, workers)))
    one, alone, whole = (
        statistics.median(column) / len(paths) for column in zip(*times, strict=True)
    )
    ratios = [statistics.median(t[0] / t[i] for t in times) for i in (1, 2)]
    print(
        f"{title}: plain loop {1 / one:.2f} images/s; adapter alone {1 / alone:.2f}, ratio "
        f"{ratios[0]:.2f}; run {1 / whole:.2f}, ratio {ratios[1]:.2f}",
        flush=True,
    )
    if torch.cuda.is_available():
        on_gpu(title, official, nets, model, paths)
    return ratios


def timed(call: Callable[..., object], *arguments: object) -> float:
    start = time.perf_counter()
    call(*arguments)
    return time.perf_counter() - start


def harness(model: Any, table: Path, workers: int) -> None:
    with tempfile.TemporaryDirectory() as cache:
        frame = run(
            *([model], [load_dataset(str(table))], ["linear-probe"]),
            cache=cache,
            workers=workers,
            progress=False,
        )
    assert not frame["n_failed"].any()


def decoded(path: Path) -> torch.Tensor:
    pixels = np.array(Image.open(path).convert("RGB"))
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()


# --- the plain loop ---------------------------------------------------------------------------


@torch.no_grad()
def by_the_book(official: Official, nets: dict[str, torch.nn.Module], path: Path) -> torch.Tensor:
    """``float32 [V, D]`` of the image at ``path``."""
    features = []
    for file, scales in inputs(official, path).items():
        for pixels in scales:
            pooled = nets[file](pixels)
            features.append(normalize(pooled) if official.unit else pooled)
    return torch.cat(features, dim=1)


def inputs(official: Official, path: Path) -> dict[str, list[torch.Tensor]]:
    """What each network is given: the views of the full scale, and those of the half scale."""
    image = Image.open(path).convert("RGB")
    half = image.resize((image.width // 2, image.height // 2), official.filter)
    scales = []
    for pixels in (T.to_tensor(image), T.to_tensor(half)):
        scales.append(torch.stack(crops(pixels)) if official.crops else pixels[None])
    return {
        file: [T.normalize(scale, MEAN, STD) for scale in scales] if normalized else scales
        for file, normalized in official.files.items()
    }


def crops(image: torch.Tensor) -> list[torch.Tensor]:
    """The center, then the corners; black outside of the image."""
    height, width = image.shape[1:]
    bottom, right = height - 224, width - 224
    places = [(height // 2 - 112, width // 2 - 112), (0, 0), (bottom, 0), (0, right)]
    return [T.crop(image, top, left, 224, 224) for top, left in [*places, (bottom, right)]]


# --- a GPU ------------------------------------------------------------------------------------


def on_gpu(
    title: str,
    official: Official,
    nets: dict[str, torch.nn.Module],
    model: Any,
    paths: list[Path],
) -> None:
    """Print images per second of the adapter, from decoded pixels, and of the forward pass.

    The forward pass finds its input on the device and leaves its output there.
    """
    images = [decoded(path) for path in paths]
    work = [
        (nets[file].cuda(), pixels.cuda())
        for path in paths
        for file, scales in inputs(official, path).items()
        for pixels in scales
    ]
    model.to("cuda")

    @torch.no_grad()
    def bare() -> None:
        for net, pixels in work:
            net(pixels)
        torch.cuda.synchronize()

    def adapter() -> None:
        model.features(images)

    for call in (bare, adapter):  # to warm up
        call()
    times = [(timed(bare), timed(adapter)) for _ in range(5)]
    one, ours = (statistics.median(column) / len(paths) for column in zip(*times, strict=True))
    print(
        f"{title}, on {torch.cuda.get_device_name()}: bare forward pass {1 / one:.1f} images/s; "
        f"adapter {1 / ours:.1f}, {one / ours:.2f} of it",
        flush=True,
    )
    for file in official.files:
        nets[file].cpu()


# --- weights and photographs ------------------------------------------------------------------


def random_networks(folder: Path) -> dict[str, torch.nn.Module]:
    """Networks of random weights by the official file that each was written to."""
    torch.manual_seed(0)
    prefixes = {
        "CONTRIQUE_checkpoint25.tar": "encoder.",
        "quality_aware_r50.pth": "module.encoder.",
        "content_aware_r50.pth": "module.encoder.",
        "ARNIQA.pth": "model.",
    }
    nets = {}
    for file, prefix in prefixes.items():
        net = resnet50().eval()
        net.fc = torch.nn.Identity()
        layers = [name for name, _ in net.named_children()]
        state = {}
        for key, tensor in net.state_dict().items():
            layer, _, rest = key.partition(".")
            place = layer if "module" in prefix else layers.index(layer)
            state[f"{prefix}{place}.{rest}"] = tensor
        torch.save({"model": state} if "module" in prefix else state, folder / file)
        nets[file] = net
    return nets


def photographs(folder: Path, n: int) -> Path:
    """A table of ``n`` photographs, cut from those that libraries ship, with made-up labels."""
    contents = embedded()
    lines = ["image,label"]
    for i in range(n):
        turn, which = divmod(i, len(contents))
        photograph = Image.open(contents[which].path).convert("RGB")
        place = (turn * 0.3 % 1, 0.5)
        image = ImageOps.fit(photograph, SIZES[(i + turn) % len(SIZES)], BICUBIC, 0.0, place)
        name = f"photo{i:03}.{'png' if i % 2 else 'jpg'}"
        image.save(folder / name, quality=90)
        lines.append(f"{name},{i % 7}")
    path = folder / "labels.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


if __name__ == "__main__":
    main()
