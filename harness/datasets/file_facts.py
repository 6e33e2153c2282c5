"""What an image file's header and end say, without decoding it."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from pathlib import Path

from ..errors import one_line
from ..image_headers import UnusableImageError, sniff

_END = 1 << 16  # bytes in which a JPEG's end marker is looked for: cameras append to it


@dataclass(frozen=True)
class FileFacts:
    size: tuple[int, int] | None = None  # width, height
    digest: str | None = None  # SHA-256 of the whole file, where it was asked for
    problem: str | None = None  # why it cannot be used


def facts_of(path: Path, whole: bool) -> FileFacts:
    """Size in pixels, and SHA-256 if ``whole``; what is wrong with a file is a value."""
    from PIL import Image

    try:
        if not path.is_file():
            return FileFacts(problem="not a file")
        with path.open("rb") as file:
            image_format = sniff(file.read(64))
            file.seek(0)
            with Image.open(file) as image:
                size = image.size
        if _cut(path, image_format):
            return FileFacts(size, problem=f"truncated {image_format}")
        digest = hashlib.sha256(path.read_bytes()).hexdigest() if whole else None
    except UnusableImageError as error:
        return FileFacts(problem=str(error))
    except Exception as error:  # Pillow's plug-ins raise every kind on a broken header
        return FileFacts(problem=f"unreadable: {one_line(error)}")
    return FileFacts(size, digest)


def _cut(path: Path, image_format: str) -> bool:
    """Whether the file ends before its image does, for the formats that datasets are in."""
    length = path.stat().st_size
    with path.open("rb") as file:
        if image_format == "BMP":
            head = file.read(30)
            offset, width, height = struct.unpack_from("<I4xii", head, 10)
            bits, compression = struct.unpack_from("<HI", head + file.read(4), 28)
            row = (width * bits + 31) // 32 * 4
            return compression in (0, 3) and length < offset + row * abs(height)
        file.seek(max(0, length - _END))
        end = file.read()
    if image_format == "PNG":
        return b"IEND" not in end
    return image_format == "JPEG" and b"\xff\xd9" not in end
