"""One part of a cell as a file: a safetensors file with one tensor and texts in its header.

Large ones are mapped into memory instead of read, and written row by row, so that features of
gigabytes never have to fit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

DTYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "F64": np.dtype("<f8")}
_NAMES = {dtype: name for name, dtype in DTYPES.items()}


def checksum(path: Path) -> str:
    """First 16 hex digits of the file's SHA-256, which a part's name carries."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def read_part(path: Path, mapped: bool) -> tuple[np.ndarray, dict[str, str]]:
    """The rows (empty where there are none) and the header's texts.

    ``mapped``: a read-only memory map in place of an array. Raises ValueError or KeyError for a
    file that is not one of ours.
    """
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
        about = header["__metadata__"]
        if "values" not in header:
            return np.empty(0), about
        tensor = header["values"]
        shape: tuple[int, ...] = tuple(tensor["shape"])
        dtype: np.dtype[Any] = DTYPES[tensor["dtype"]]
        begin = 8 + size + tensor["data_offsets"][0]
        if mapped:
            return np.memmap(path, dtype, "r", begin, shape), about
        file.seek(begin)
        return np.frombuffer(bytearray(file.read()), dtype).reshape(shape), about


def write_part(
    file: BinaryIO, about: Mapping[str, str], rows: Iterable[np.ndarray], count: int
) -> str:
    """Write a part of ``count`` ``rows`` of one shape and type, one by one; its checksum.

    Without rows it has no tensor.
    """
    rows = iter(rows)
    first = next(rows, None)
    header: dict[str, object] = {"__metadata__": dict(about)}
    if first is not None:
        header["values"] = {
            "dtype": _NAMES[first.dtype],
            "shape": [count, *first.shape],
            "data_offsets": [0, count * first.nbytes],
        }
    text = json.dumps(header, separators=(",", ":"), sort_keys=True).encode()
    text += b" " * (-len(text) % 8)  # the tensor starts at a multiple of 8
    seen = hashlib.sha256()

    def put(piece: bytes) -> None:
        file.write(piece)
        seen.update(piece)

    put(len(text).to_bytes(8, "little"))
    put(text)
    for row in () if first is None else chain([first], rows):
        put(row.tobytes())
    return seen.hexdigest()[:16]
