"""The photographs of a folder, decoded once where memory allows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from harness.canonical import digest
from harness.file_hashes import file_sha256
from harness.images import Decoded, Failure, decode

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".avif", ".bmp", ".ppm")
MEMORY = 4 * 2**30  # bytes of pixels that are kept


class Photos:
    """All readable photographs below ``folder``, at any depth, sorted by name.

    ``names`` are paths relative to the folder, ``failures`` the reasons for which others are
    left out, by name; hidden files and other kinds of files are passed over. ``sha256`` is of
    the names and bytes. Up to ``memory`` bytes of pixels are kept, in each process; what does
    not fit is decoded again when asked. Raises FileNotFoundError without the folder or any
    photograph in it, ValueError if none can be read.
    """

    def __init__(self, folder: str | Path, memory: int = MEMORY) -> None:
        self.folder, self.memory = Path(folder), memory
        self.names: list[str] = []
        self.failures: dict[str, str] = {}
        self._forget()
        hashes: list[str] = []
        found = _found(self.folder)
        bar = tqdm(found, desc="photographs", unit="photo", delay=2, leave=False)
        with ThreadPoolExecutor() as pool, bar:
            for name, (photo, sha256) in zip(bar, pool.map(self._open, found), strict=True):
                if isinstance(photo, Failure):
                    self.failures[name] = photo.reason
                else:
                    self._keep(len(self.names), photo.image)
                    self.names.append(name)
                    hashes.append(sha256)
        if not self.names:
            name, reason = next(iter(self.failures.items()))
            raise ValueError(
                f"{self.folder}: none of its photographs can be read (first: {name}: {reason})"
            )
        self.sha256 = digest(list(zip(self.names, hashes, strict=True)))

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> torch.Tensor:
        """``uint8 RGB [3, H, W]``, not to be changed. ValueError if it can no longer be read."""
        index = range(len(self))[index]
        if index in self._kept:
            return self._kept[index]
        photo = decode(self.folder / self.names[index])
        if isinstance(photo, Failure):
            raise ValueError(f"{self.folder / self.names[index]}: {photo.reason}")
        self._keep(index, photo.image)
        return photo.image

    def __getstate__(self) -> dict[str, Any]:
        # Another process decodes for itself: sent pixels would pass through /dev/shm, often small.
        return {k: v for k, v in self.__dict__.items() if k not in ("_kept", "_room")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()

    def _forget(self) -> None:
        self._kept: dict[int, torch.Tensor] = {}
        self._room = self.memory

    def _keep(self, index: int, image: torch.Tensor) -> None:
        if image.numel() <= self._room:
            self._room -= image.numel()
            self._kept[index] = image

    def _open(self, name: str) -> tuple[Decoded | Failure, str]:
        photo = decode(self.folder / name)
        return photo, "" if isinstance(photo, Failure) else file_sha256(self.folder / name)


def _found(folder: Path) -> list[str]:
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder of photographs")
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    names = sorted(
        path.as_posix()
        for path in paths
        if path.suffix.lower() in SUFFIXES and not any(p.startswith(".") for p in path.parts)
    )
    if not names:
        raise FileNotFoundError(f"{folder}: no photographs in it ({', '.join(SUFFIXES)})")
    return names
