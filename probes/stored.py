"""A probe set as files: PNG, a Parquet manifest and a card, laid out for Hugging Face ``datasets``.

The same set has the same pixels whatever the number of workers. A build that was stopped goes
on where it was: a file whose pixels have the hash that was noted for it is not rendered again.
"""

from __future__ import annotations

import errno
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image
from tqdm import tqdm

from harness.atomic import sweep, write_atomic
from harness.canonical import canonical_json
from harness.cells import LIBRARIES, library_version
from harness.images import Decoded, DecodePolicy, decode
from harness.sample import Dataset, Sample
from harness.store import StoreError

from .forked import forked, ladders
from .render import REQUIRES, VERSION, sha256_of
from .stored_card import write_card
from .stored_rows import (
    as_stored,
    described,
    file_name,
    read_manifest,
    row,
    rows_hash,
    set_hash,
    write_manifest,
)

ABOUT = "probe_set.json"
_NOTES = ".finished.jsonl"  # fingerprint and pixel hash of what an unfinished build has written
_COMPRESSION = 1  # of PNG: a third faster than 6, and a few percent larger


@dataclass(frozen=True)
class Written:
    """What became of an image: the hash of its pixels, or why there are none."""

    pixels: str | None
    reason: str | None = None
    kept: bool = False  # written by an earlier build


@dataclass(frozen=True)
class Built:
    """A finished set: how many files it has, how many cells could not be reached, its hash."""

    files: int
    unreached: int
    kept: int  # files of an earlier build, whose pixels were as noted
    set_hash: str


def build(
    dataset: Dataset,
    out: Path,
    options: Mapping[str, Any] | None = None,
    workers: int | None = None,
) -> Built:
    """Write every image of ``dataset`` below ``out``; those that cannot be made are rows alone.

    ``options`` are what the dataset was loaded with, noted so that it can be rendered again.
    Raises ValueError if ``out`` holds something else, StoreError if it cannot be written.
    """
    try:
        return _build(dataset, out, dict(options or {}), workers)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        why = "the disk is full" if full else error.strerror or error
        raise StoreError(
            f"cannot write to {out}: {why}; what was finished is kept, so the same command goes on"
        ) from error


def versions() -> dict[str, str]:
    """Of the renderer and of the libraries that pixels depend on."""
    libraries = sorted({*LIBRARIES, *REQUIRES})
    return {"rendering": VERSION, **{name: library_version(name) for name in libraries}}


def _build(dataset: Dataset, out: Path, options: dict[str, Any], workers: int | None) -> Built:
    about = {
        "name": dataset.name,
        "options": options,
        "images_hash": dataset.images_hash,
        "versions": versions(),
    }
    before = _begin(out, about)
    images = described(dataset, workers)
    written = dict(_write_all([image for image, _ in images], out, before, workers))
    rows = as_stored(
        row(image, role, written[image.id].pixels, written[image.id].reason)
        for image, role in images
    )
    about["set_hash"] = found = set_hash((name, image.pixels) for name, image in written.items())
    about["rows_hash"] = rows_hash(rows)
    write_manifest(out, rows)
    write_card(out, dataset, rows, about)
    write_atomic(out / ABOUT, _pretty(about))
    (out / _NOTES).unlink(missing_ok=True)
    files = sum(image.pixels is not None for image in written.values())
    kept = sum(image.kept for image in written.values())
    return Built(files, len(written) - files, kept, found)


def _begin(out: Path, about: Mapping[str, Any]) -> dict[str, str]:
    """Make the folder the set's; what it has of it already: fingerprint → hash of the pixels."""
    note = out / ABOUT
    if not note.exists() and out.exists() and any(out.iterdir()):
        raise ValueError(f"{out} is not empty and holds no probe set: choose another --out")
    out.mkdir(parents=True, exist_ok=True)
    earlier = json.loads(note.read_bytes()) if note.exists() else dict(about)
    if any(earlier.get(key) != about[key] for key in ("name", "images_hash")):
        raise ValueError(
            f"{out} holds another set ({earlier.get('name')}, or its options or photographs "
            "differ): choose another --out"
        )
    before = {}
    if earlier.get("versions") != about["versions"]:
        (out / _NOTES).unlink(missing_ok=True)  # of pixels that may differ now
    elif "set_hash" in earlier:
        before = {r["fingerprint"]: r["pixels_sha256"] for r in read_manifest(out)}
    if not note.exists() or earlier.get("versions") != about["versions"]:
        write_atomic(note, _pretty(about))
    return {**before, **dict(_notes(out / _NOTES))}


def _notes(path: Path) -> Iterator[tuple[str, str]]:
    """What an unfinished build noted; a last line that was cut short is passed over."""
    lines = path.read_text("utf-8").split("\n")[:-1] if path.exists() else []
    yield from ((fingerprint, pixels) for fingerprint, pixels in map(json.loads, lines))


def _write_all(
    images: Sequence[Sample], out: Path, before: Mapping[str, str], workers: int | None
) -> Iterator[tuple[str, Written]]:
    """Every image's id with what became of it."""
    for folder in {(out / file_name(image)).parent for image in images}:
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder)
    work = partial(_write, out=out, before=before)
    with (
        open(out / _NOTES, "a", encoding="utf-8") as notes,
        tqdm(desc="rendering", total=len(images), unit="image", delay=2, leave=False) as bar,
    ):
        for group, results in forked(work, ladders(images), workers):
            for image, written in zip(group, results, strict=True):
                if written.pixels is not None:
                    print(canonical_json([image.source.fingerprint(), written.pixels]), file=notes)
                yield image.id, written
            notes.flush()
            bar.update(len(group))


def _write(images: Sequence[Sample], out: Path, before: Mapping[str, str]) -> list[Written]:
    return [
        _kept(out / file_name(image), before.get(image.source.fingerprint()))
        or _rendered(out / file_name(image), image)
        for image in images
    ]


def _kept(path: Path, expected: str | None) -> Written | None:
    """The file that is there, if its pixels are those expected."""
    found = None if expected is None else pixels_of(path)
    return Written(found, kept=True) if found is not None and found == expected else None


def pixels_of(path: Path) -> str | None:
    """SHA-256 of the pixels of a file; None if it is missing or cannot be read."""
    decoded = decode(path)
    return sha256_of(decoded.image) if isinstance(decoded, Decoded) else None


def _rendered(path: Path, image: Sample) -> Written:
    decoded = image.source.load(DecodePolicy())
    if not isinstance(decoded, Decoded):
        return Written(None, decoded.reason)
    file = io.BytesIO()
    picture = Image.fromarray(decoded.image.permute(1, 2, 0).numpy())
    picture.save(file, "PNG", compress_level=_COMPRESSION)
    write_atomic(path, file.getvalue())
    return Written(sha256_of(decoded.image))


def _pretty(about: Mapping[str, Any]) -> bytes:
    return (json.dumps(about, indent=2, sort_keys=True) + "\n").encode()
