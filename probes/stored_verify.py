"""Whether a stored probe set is as its manifest says, and as it would be rendered now."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from harness.images import Decoded, DecodePolicy
from harness.sample import Dataset, Sample

from .forked import forked, ladders
from .render import sha256_of
from .stored import ABOUT, pixels_of, versions
from .stored_rows import (
    IMAGES,
    as_stored,
    described,
    differing,
    inside,
    read_manifest,
    row,
    rows_hash,
    set_hash,
)

_SHOWN = 10  # names of one kind, in the terminal
_SHARE = 64  # files a worker takes at once


@dataclass(frozen=True)
class Report:
    """Everything that is off, one line each; ``sound`` files are as the manifest says."""

    root: Path
    sound: int
    unreached: int
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    rendered: int | None = None  # images that were rendered anew; None: not asked for
    different: tuple[str, ...] = ()  # of those, not as the manifest says
    wrong: tuple[str, ...] = ()  # about the set as a whole

    @property
    def ok(self) -> bool:
        return not (self.missing or self.extra or self.changed or self.different or self.wrong)

    def lines(self) -> list[str]:
        """For a terminal: each kind with its count and its first names."""
        lines = [f"{self.root}", f"sound        {self.sound}", f"unreached    {self.unreached}"]
        if self.rendered is not None:
            lines.append(f"rendered     {self.rendered}")
        for kind in ("missing", "extra", "changed", "different", "wrong"):
            names = getattr(self, kind)
            lines.append(f"{kind:<12} {len(names)}")
            lines += [f"  {name}" for name in names[:_SHOWN]]
            if len(names) > _SHOWN:
                lines.append(f"  … and {len(names) - _SHOWN} more")
        return [*lines, "as it was built" if self.ok else "not as it was built"]


def about(folder: Path) -> dict[str, Any]:
    """What the set says of itself. Raises FileNotFoundError or ValueError where it is none."""
    path = folder / ABOUT
    if not path.is_file():
        raise FileNotFoundError(f"{folder}: no {ABOUT} in it, so no probe set")
    try:
        found = json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    if not isinstance(found, dict) or not {"name", "options", "versions"} <= found.keys():
        raise ValueError(f"{path} is not of a probe set")
    if not {"set_hash", "rows_hash"} <= found.keys():
        raise ValueError(f"{folder} is not finished: give the same iqa-eval probe build again")
    return found


def verify(folder: Path, dataset: Dataset | None = None, workers: int | None = None) -> Report:
    """Read every file of the set; with ``dataset``, make every image and its row anew
    and compare their bits.

    Raises FileNotFoundError or ValueError where the folder holds no finished set.
    """
    said, rows = about(folder), read_manifest(folder)
    if bad := [r["file_name"] for r in rows if r["file_name"] and not inside(r["file_name"])]:
        raise ValueError(f"the manifest of {folder} names a file outside of it: {bad[0]!r}")
    expected = {r["file_name"]: r["pixels_sha256"] for r in rows if r["file_name"] is not None}
    files = (path for path in (folder / IMAGES).rglob("*") if path.is_file())
    here = {path.relative_to(folder).as_posix() for path in files}
    found = _read(folder, sorted(here & set(expected)), workers)
    changed = tuple(name for name, pixels in found.items() if pixels != expected[name])
    wrong = []
    if set_hash((r["id"], r["pixels_sha256"]) for r in rows) != said["set_hash"]:
        wrong.append("the manifest is not the one that was built: the hash of the set differs")
    if rows_hash(rows) != said["rows_hash"]:
        wrong.append("the manifest is not the one that was built: the hash of its rows differs")
    different = [] if dataset is None else list(_different(dataset, rows, workers))
    if different:
        wrong += _other_versions(said["versions"])
    return Report(
        folder,
        sound=len(found) - len(changed),
        unreached=len(rows) - len(expected),
        missing=tuple(sorted(set(expected) - here)),
        extra=tuple(sorted(here - set(expected))),
        changed=changed,
        rendered=None if dataset is None else len(dataset.images),
        different=tuple(different),
        wrong=tuple(wrong),
    )


def _read(folder: Path, names: Sequence[str], workers: int | None) -> dict[str, str | None]:
    """The hash of the pixels of every file."""
    shares = [names[i : i + _SHARE] for i in range(0, len(names), _SHARE)]
    found: dict[str, str | None] = {}
    with tqdm(desc="reading", total=len(names), unit="image", delay=2, leave=False) as bar:
        for share, pixels in forked(partial(_pixels, folder), shares, workers):
            found.update(zip(share, pixels, strict=True))
            bar.update(len(share))
    return {name: found[name] for name in names}


def _pixels(folder: Path, names: Sequence[str]) -> list[str | None]:
    return [pixels_of(folder / name) for name in names]


def _different(
    dataset: Dataset, rows: Sequence[Mapping[str, Any]], workers: int | None
) -> Iterator[str]:
    """A line for every image whose row, as it is made here, is not the manifest's."""
    expected = {r["id"]: r for r in rows}
    images = described(dataset, workers)
    rendered: dict[str, tuple[str | None, str | None]] = {}
    with tqdm(desc="rendering", total=len(images), unit="image", delay=2, leave=False) as bar:
        for group, results in forked(_render, ladders(image for image, _ in images), workers):
            rendered.update(zip((image.id for image in group), results, strict=True))
            bar.update(len(group))
    found = as_stored(row(image, role, *rendered[image.id]) for image, role in images)
    here = {r["id"]: r for r in found}
    for name in sorted(expected.keys() | here.keys(), key=str):
        if name not in here:
            yield f"{name}: not in the plan that is made here"
        elif name not in expected:
            yield f"{name}: in the plan that is made here, not in the set"
        elif here[name]["reason"] not in (None, expected[name]["reason"]):
            yield f"{name}: not rendered: {here[name]['reason']}"
        elif columns := list(differing(expected[name], here[name])):
            yield f"{name}: here another {', '.join(columns)}"


def _render(images: Sequence[Sample]) -> list[tuple[str | None, str | None]]:
    """Hash of the pixels, or why there are none."""
    loaded = (image.source.load(DecodePolicy()) for image in images)
    return [
        (sha256_of(each.image), None) if isinstance(each, Decoded) else (None, each.reason)
        for each in loaded
    ]


def _other_versions(built: Mapping[str, str]) -> Iterator[str]:
    for name, here in versions().items():
        if built.get(name) != here:
            yield f"built with {name} {built.get(name, 'unknown')}; here it is {here}"
