"""The photographs of a folder, decoded once where memory allows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from copy import copy
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from tqdm import tqdm

from harness.canonical import digest
from harness.file_hashes import file_sha256
from harness.image_files import names_below
from harness.images import Decoded, Failure, decode

if TYPE_CHECKING:
    from .apart import Apart

MEMORY = 4 * 2**30  # bytes of pixels that are kept


class Photos:
    """All readable photographs below ``folder``, at any depth, sorted by name.

    ``names`` are paths relative to the folder, ``failures`` the reasons why others cannot be
    read, by name; hidden files and other kinds of files are passed over. ``left_out`` are those
    that look like one of ``apart``, by name, with the reason; ``apart_from`` the names of its
    folders. ``sha256`` is of ``names`` and their bytes. Up to ``memory`` bytes of pixels are
    kept, in each process; what does not fit is decoded again when asked. Raises
    FileNotFoundError without the folder or any photograph in it, ValueError if none can be read
    or all that can be are left out.
    """

    def __init__(
        self, folder: str | Path, memory: int = MEMORY, apart: Apart | None = None
    ) -> None:
        self.folder, self.memory = Path(folder), memory
        self.apart_from = () if apart is None else apart.folders
        self.names: list[str] = []
        self.failures: dict[str, str] = {}
        self.left_out: dict[str, str] = {}
        self._forget()
        hashes: list[str] = []
        found = names_below(self.folder)
        bar = tqdm(found, desc="photographs", unit="photo", delay=2, leave=False)
        with ThreadPoolExecutor() as pool, bar:
            opened = pool.map(partial(self._open, apart=apart), found)
            for name, (photo, likeness, sha256) in zip(bar, opened, strict=True):
                if isinstance(photo, Failure):
                    self.failures[name] = photo.reason
                elif likeness is not None:
                    self.left_out[name] = likeness
                else:
                    self._keep(len(self.names), photo.image)
                    self.names.append(name)
                    hashes.append(sha256)
        if not self.names:
            what = "all are left out" if self.left_out else "none of its photographs can be read"
            name, reason = next(iter((self.left_out or self.failures).items()))
            raise ValueError(f"{self.folder}: {what} (first: {name}: {reason})")
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

    def shared(self, processes: int) -> Photos:
        """The same for each of as many processes, with its part of the memory; none are kept here.

        Another decodes for itself, so what is kept here would be there twice.
        """
        self._forget()
        found = copy(self)
        found.memory //= processes
        found._forget()
        return found

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

    def _open(self, name: str, apart: Apart | None) -> tuple[Decoded | Failure, str | None, str]:
        photo = decode(self.folder / name)
        if isinstance(photo, Failure):
            return photo, None, ""
        likeness = None if apart is None else apart.likeness(photo.image)
        return photo, likeness, file_sha256(self.folder / name)
