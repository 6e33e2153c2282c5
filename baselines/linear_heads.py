"""Published linear regressors, read from scikit-learn pickles and TorchScript archives as data."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .ridge_pickle import ridge_of
from .state_dict import in_one_line, opening

if TYPE_CHECKING:
    import torch

D = 4096  # 2048 features of the full scale, then 2048 of the half scale
MAX_BYTES = 2**18  # a regressor has 20 kB; more is something else, or an attack


@dataclass(frozen=True)
class LinearHead:
    """score = features · weight + bias: weight float64 [D], in the units of its training set."""

    weight: torch.Tensor
    bias: float

    def __call__(self, features: torch.Tensor) -> torch.Tensor:
        """float32 [..., D] to float64 [...], on the CPU; the same bits alone and in a batch."""
        if features.shape[-1:] != self.weight.shape:
            raise ValueError(
                f"features of {tuple(features.shape)} do not end in {len(self.weight)} values"
            )
        terms = features.cpu().double() * self.weight
        # Halves are added until one term is left: an order that no library or batch changes.
        while (n := terms.shape[-1]) > 1:
            half = n // 2
            odd = terms[..., 2 * half :]
            terms = terms[..., :half] + terms[..., half : 2 * half]
            if n % 2:
                terms[..., :1] += odd
        return terms[..., 0] + self.bias


def read_ridge(path: Path) -> LinearHead:
    """The Ridge in a scikit-learn pickle (protocol 3 or 4), as CONTRIQUE publishes them.

    Raises ValueError, in one line, for any other file; nothing in it is run.
    """
    try:
        return _head(*ridge_of(_small(path), D))
    except ValueError as error:
        raise ValueError(f"regressor {path}: {error}") from None


def read_torchscript(path: Path) -> LinearHead:
    """The linear regressor in a TorchScript archive, as ARNIQA publishes them.

    Raises ValueError, in one line, for any other file; its program is neither run nor read.
    """
    try:
        return _head(*_entries(_small(path)))
    except ValueError as error:
        raise ValueError(f"regressor {path}: {error}") from None


def _small(path: Path) -> bytes:
    opening(path)
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise ValueError(f"has {size:,} bytes, a regressor about 20,000: a whole checkpoint?")
    return path.read_bytes()


def _entries(data: bytes) -> tuple[np.ndarray, np.ndarray]:
    """weights and biases, flat, of the archive ``data``: its only tensors, told by their size."""
    if not data.startswith(b"PK"):
        raise ValueError("is no TorchScript archive")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _tensors(archive)
    except ValueError:
        raise
    except Exception as error:
        raise ValueError(f"is cut short or damaged: {in_one_line(error)}") from None


def _tensors(archive: zipfile.ZipFile) -> tuple[np.ndarray, np.ndarray]:
    entries = archive.infolist()
    last = [entry.filename.rpartition("/")[2] for entry in entries]
    if "constants.pkl" not in last:
        raise ValueError("is no TorchScript archive")
    orders = [entry for entry, name in zip(entries, last, strict=True) if name == "byteorder"]
    tensors = [entry for entry in entries if entry.filename.split("/")[-2:-1] == ["data"]]
    tensors.sort(key=lambda entry: entry.file_size)
    sizes = [entry.file_size for entry in tensors]
    if sizes != [4, 4 * D]:
        raise ValueError(f"holds tensors of {sizes[:4]} bytes, a regressor of [4, {4 * D}]")
    # Only stored entries cannot grow when they are read.
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in (*tensors, *orders)):
        raise ValueError("is compressed, as TorchScript never is")
    if any(entry.file_size != 6 or archive.read(entry) != b"little" for entry in orders):
        raise ValueError("is not in little-endian order")
    bias, weight = (np.frombuffer(archive.read(entry), "<f4") for entry in tensors)
    return weight, bias


def _head(coefficients: np.ndarray, intercept: np.ndarray) -> LinearHead:
    import torch

    if not (np.isfinite(coefficients).all() and np.isfinite(intercept).all()):
        raise ValueError("holds values that are not finite")
    weight = torch.from_numpy(coefficients.astype(np.float64).reshape(D))
    return LinearHead(weight, float(intercept.reshape(())))
