"""What the tests of our pretrained models share: photographs, two processes, and bad files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from skimage import data
from torch import Tensor

from harness.file_hashes import file_sha256
from harness.model import Unavailable

Gather = Callable[[Tensor], Tensor]
Gradients = tuple[float, dict[str, Tensor]]  # the loss, and the gradients by name


class Photographs:
    """Pieces of three photographs of scikit-image from ``corner`` on, each unlike the others."""

    def __init__(
        self, size: tuple[int, int], corner: tuple[int, int] = (0, 0), number: int = 24
    ) -> None:
        whole = [torch.from_numpy(getattr(data, n)()) for n in ("astronaut", "coffee", "chelsea")]
        (height, width), (top, left) = size, corner
        self.photos = [
            whole[i % 3][top + 4 * i :, left + 3 * i :][:height, :width].permute(2, 0, 1)
            for i in range(number)
        ]

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, number: int, /) -> Tensor:
        return self.photos[number]


def grainy(height: int, width: int, count: int = 5) -> list[Tensor]:
    """Smooth noise with grain, ``uint8 [3, height, width]``."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (9, 8, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.float64)
        noisy = (smooth + rng.normal(0, 6, smooth.shape)).clip(0, 255).astype(np.uint8)
        found.append(torch.from_numpy(noisy).permute(2, 0, 1))
    return found


def in_files(photos: Sequence[Tensor], folder: Path) -> Path:
    """The folder, with a PNG of each."""
    folder.mkdir(exist_ok=True)
    for i, photo in enumerate(photos):
        Image.fromarray(photo.permute(1, 2, 0).numpy()).save(folder / f"{i}.png")
    return folder


def noise(height: int, width: int, seed: int = 0) -> Tensor:
    """``uint8 [3, height, width]``."""
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.integers(0, 256, (3, height, width), dtype=np.uint8))


def of_two_processes(
    parts: Sequence[Any], gradients: Callable[[Any, Gather], Gradients]
) -> list[Gradients]:
    """``gradients(part, gather)`` of each of two parts, where gather has what both hand to it."""
    # What each process hands to gather, in the order of its calls.
    handed: list[list[Tensor]] = [[], []]
    for part, calls in zip(parts, handed, strict=True):

        def note(tensor: Tensor, calls: list[Tensor] = calls) -> Tensor:
            calls.append(tensor.detach())
            return tensor

        gradients(part, note)
    found = []
    for rank, part in enumerate(parts):
        others = iter(handed[1 - rank])

        def gather(tensor: Tensor, rank: int = rank, others: Any = others) -> Tensor:
            other = next(others)
            return torch.cat([tensor, other] if rank == 0 else [other, tensor])

        found.append(gradients(part, gather))
    return found


def bad_files_are_one_clear_line(good: Path, load: Callable[[Path], Any]) -> None:
    """Damaged, foreign and missing checkpoints; they are written beside ``good``."""
    folder = good.parent
    cut, text, foreign = (folder / f"{name}.safetensors" for name in ("cut", "text", "foreign"))
    cut.write_bytes(good.read_bytes()[:-100])
    text.write_text("no weights")
    save_file({"weight": torch.zeros(3)}, foreign)
    for file, message in (
        (cut, "cannot be read"),
        (text, "cannot be read"),
        (foreign, "not one of ours"),
        (folder / "nowhere", "no such file"),
        (folder, "is a folder"),
    ):
        with pytest.raises(ValueError, match=message) as caught:
            load(file)
        assert "\n" not in str(caught.value)
        assert str(file) in str(caught.value)


def shipped_is_no_option(
    adapter: ModuleType, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The card of the package's own checkpoint names no file."""
    monkeypatch.setattr(adapter, "SHIPPED", checkpoint)
    assert adapter.load().card.options == {}
    assert adapter.load().card.weights_hash == file_sha256(checkpoint)


def absent_is_a_skip(
    adapter: ModuleType, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a checkpoint in the package there is a command that makes one."""
    monkeypatch.setattr(adapter, "SHIPPED", tmp_path / "none")
    with pytest.raises(Unavailable, match="no checkpoint is in the package") as caught:
        adapter.load()
    assert str(caught.value.command).startswith(command)
    assert caught.value.card == adapter.CARD


def published_weights_are_one_line(
    start: Callable[[], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """The command for what is not on this machine; nothing else is said."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(Unavailable) as caught:
        start()
    assert "\n" not in str(caught.value)
    return str(caught.value.command)
