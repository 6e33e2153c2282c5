"""What of a dataset lies in a folder: present, missing, extra, inconsistent."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ..errors import message
from .file_facts import FileFacts, facts_of
from .layout import Folder
from .likeness import suspects
from .spec import Entry, Listing, Spec

SUFFIXES = (".bmp", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp")
THREADS = 4
_SHOWN = 10  # names of one kind, in the terminal


@dataclass(frozen=True)
class Report:
    """``missing`` and ``inconsistent`` make a dataset unfit; ``extra`` files do no harm."""

    title: str
    root: Path
    facts: tuple[str, ...]  # of the score file
    present: tuple[str, ...] = ()  # paths of images and references
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()  # images that the score file does not list
    inconsistent: tuple[str, ...] = ()  # "path: what is wrong"

    @property
    def ok(self) -> bool:
        return not (self.missing or self.inconsistent)

    def lines(self) -> list[str]:
        """For a terminal: facts, then each kind with its count and its first names."""
        lines = [f"{self.title} in {self.root}", *self.facts]
        for kind in ("present", "missing", "extra", "inconsistent"):
            names = getattr(self, kind)
            lines.append(f"{kind:<12} {len(names)}")
            if kind != "present":
                lines += [f"  {name}" for name in names[:_SHOWN]]
                if len(names) > _SHOWN:
                    lines.append(f"  … and {len(names) - _SHOWN} more")
        return [*lines, "complete" if self.ok else "not complete, or not consistent"]


def verify(spec: Spec, root: Path | str, **options: Any) -> Report:
    """Compare a folder with the dataset's score file and counts; ``options`` are the reader's.

    Every header is read. Of a set with references every byte is read, too, so that a copy of
    a reference in the place of a distorted image is found, and a few images of each content
    are compared with their reference: one swapped with a hardly damaged image (JPEG of level 1,
    say) cannot be seen. Raises FileNotFoundError where there is no such folder; a wrong score
    file is in the report.
    """
    folder = spec.folder(root)
    try:
        listing = spec.listing(folder, **options)
    except (FileNotFoundError, ValueError) as error:
        return Report(spec.title, folder.root, (), inconsistent=(message(error),))
    images = [*listing.entries, *listing.references]
    here = [e for e in images if folder.has(e.path)]
    facts = _inspect([folder.at(e.path) for e in here], whole=bool(listing.references))
    found = dict(zip((e.id for e in here), facts, strict=True))
    sound = {e.id: folder.at(e.path) for e in here if found[e.id].problem is None}
    wrong = [
        *_broken(here, found),
        *_sizes(listing, found),
        *_copies(spec, here, found),
        *(f"{e.path}: {why}" for e, why in suspects(spec, listing, sound)),
    ]
    return Report(
        spec.title,
        folder.root,
        tuple(_facts(spec, listing)),
        present=tuple(e.path for e in here),
        missing=tuple(e.path for e in images if e.id not in found),
        extra=tuple(_extra(folder, listing)),
        inconsistent=tuple(wrong),
    )


def _inspect(paths: Sequence[Path], whole: bool) -> list[FileFacts]:
    with ThreadPoolExecutor(THREADS) as pool:
        results = pool.map(partial(facts_of, whole=whole), paths)
        return list(tqdm(results, desc="verifying", total=len(paths), unit="image", delay=2))


def _facts(spec: Spec, listing: Listing) -> Iterator[str]:
    entries = listing.entries
    references = f", {len(listing.references)} references" if listing.references else ""
    yield f"score file: {len(entries)} images{references}"
    if scores := [e.raw for e in entries if e.raw is not None]:
        better = "lower" if spec.lower_is_better else "higher"
        yield f"from {min(scores):g} to {max(scores):g}, {better} is better"
    if parts := Counter(e.split for e in entries if e.split):
        yield "parts: " + ", ".join(f"{n} {part}" for part, n in parts.items())


def _broken(here: Sequence[Entry], found: Mapping[str, FileFacts]) -> Iterator[str]:
    for entry in here:
        if (problem := found[entry.id].problem) is not None:
            yield f"{entry.path}: {problem}"


def _sizes(listing: Listing, found: Mapping[str, FileFacts]) -> Iterator[str]:
    for entry in listing.entries:
        image, reference = found.get(entry.id), found.get(entry.reference or "")
        if image is None or reference is None or image.size is None or reference.size is None:
            continue
        if image.size != reference.size:
            sizes = [f"{width} × {height}" for width, height in (image.size, reference.size)]
            yield f"{entry.path}: {sizes[0]} pixels, and its reference has {sizes[1]}"


def _copies(spec: Spec, here: Sequence[Entry], found: Mapping[str, FileFacts]) -> Iterator[str]:
    """Images with the same bytes, unless the owners' recipe leaves one as its reference is."""
    groups = defaultdict(list)
    for entry in here:
        if found[entry.id].digest is not None and found[entry.id].problem is None:
            groups[found[entry.id].digest].append(entry)
    for group in groups.values():
        ids = {e.id for e in group}
        kept = [e for e in group if not (e.reference in ids and _harmless(spec, e))]
        if len(kept) > 1:
            names = ", ".join(e.path for e in kept[1:4]) + (" …" if len(kept) > 4 else "")
            copy = any(e.reference in ids for e in kept)
            hint = ": a reference in the place of a distorted image?" if copy else ""
            yield f"{kept[0].path}: the same bytes as {names} ({len(kept)} files){hint}"


def _harmless(spec: Spec, entry: Entry) -> bool:
    return [(d.type, d.severity) for d in entry.damages] in [[each] for each in spec.undamaged]


def _extra(folder: Folder, listing: Listing) -> Iterator[str]:
    images = [*listing.entries, *listing.references]
    known = {e.path.lower() for e in images} | {path.lower() for path in listing.set_aside}
    for place in sorted({e.path.rpartition("/")[0] for e in images}):
        for name in folder.names(place):
            path = f"{place}/{name}" if place else name
            if name.lower().endswith(SUFFIXES) and path.lower() not in known:
                yield path
