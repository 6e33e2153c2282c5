"""What a standard dataset is: facts about it, and a reader of its owners' score file.

Each dataset is one file with one ``Spec``, which is registered as the loader: called with the
folder as its owners publish it, it gives a ``Dataset``.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ..errors import count
from ..sample import Damage, Dataset, LabelKind, Sample
from ..source import FileSource
from .layout import Folder

_SHOWN = 5  # references in a warning


@dataclass(frozen=True)
class Entry:
    """One image of a dataset, as its score file (or, for a reference, its layout) has it."""

    id: str  # stable: derived from the owners' name, never from a row number or a folder's case
    path: str  # below the root, "/"-separated, in any case: ``Folder`` finds the file
    content: str  # the scene; of a distorted image, its reference's
    raw: float | None = None  # the published score, before any change of sign
    std: float | None = None  # standard deviation of the opinions, in units of ``raw``
    reference: str | None = None  # id of the reference
    damages: tuple[Damage, ...] = ()
    split: str | None = None  # "training", "validation" or "test", where the owners say so


@dataclass(frozen=True)
class Listing:
    """All that a reader found. ``entries`` are in the order of the owners' score file."""

    entries: tuple[Entry, ...]
    references: tuple[Entry, ...] = ()
    range: tuple[float, float] | None = None  # of these scores, where it is not the Spec's
    set_aside: tuple[str, ...] = ()  # paths of images that the owners ship and that do not count


@dataclass(frozen=True)
class HubFile:
    """An archive in a dataset repository of the Hugging Face hub, at a pinned revision."""

    repository: str
    revision: str
    file: str
    folder: str  # what the archive unpacks to


def mirror(file: str, folder: str) -> HubFile:
    """An archive of the mirror that has most of the classical sets, uploaded by others."""
    revision = "58779e3fe35de2f41230d2234d0e7d717b46a729"
    return HubFile("chaofengc/IQA-PyTorch-Datasets", revision, file, folder)


@dataclass(frozen=True)
class Spec:
    """The facts of one dataset. Counts and range are checked whenever it is loaded."""

    name: str
    title: str
    license: str
    citation: str  # authors, title, venue, year
    homepage: str
    layout: str  # one line: what must lie in the folder
    label_kind: LabelKind
    # Of the raw scores: those published, so that another column or direction is refused; the scale
    # where they have not been seen.
    range: tuple[float, float]
    n_images: int
    n_references: int  # 0 without references
    read: Callable[..., Listing]  # (folder, **options)
    lower_is_better: bool = False
    observers: float | None = None  # opinions behind a score; 1 where ``std`` is that of the mean
    hub: HubFile | None = None
    known_as: tuple[str, ...] = ()  # other names, in cards and papers
    parts: Mapping[str, int] = field(default_factory=dict)  # official split → number of images
    counts_seen: bool = True  # False: taken from others, not from the owners' own score file
    types: Mapping[str, int] = field(default_factory=dict)  # type of damage → number of images
    undamaged: tuple[tuple[str, float], ...] = ()  # (type, severity) that changes no pixel
    # Its images of a scene lack the same detail (as from super-resolution), so that they lie nearer
    # to each other than to their reference.
    shared_losses: bool = False
    wrappers: tuple[str, ...] = ()  # names of the folder that the owners' archive unpacks to
    # The ids of all images in the row order that the ARNIQA authors' split files count in.
    split_order: Callable[[Sequence[str]], list[str]] | None = None

    @property
    def summary(self) -> str:
        """One line for a listing."""
        references = f" of {self.n_references} references" if self.n_references else ""
        return f"{self.title}: {self.n_images} images{references}; root: its folder"

    def __call__(
        self,
        root: Path | str | None = None,
        *,
        subset: Literal["all", "present"] = "all",
        **options: Any,
    ) -> Dataset:
        """The dataset below ``root`` (default: in ``data``, if there); labels are higher-is-better.

        A missing image stays a sample (which fails later, so that N is honest) and a warning
        says how many there are. ``subset="present"`` takes the images that are there, of a score
        file that may list fewer, and marks every number. ``options`` are those of the reader.
        References are compared with a few of their images, and a warning names those that look
        wrong; one swapped with a hardly damaged image (JPEG of level 1, say) cannot be seen.
        Raises FileNotFoundError for a wrong folder, and ValueError with one line for a score file
        with other counts, values or columns than the owners'.
        """
        from .places import fetched

        if root is None and (root := fetched(self)) is None:
            raise ValueError(
                f"{self.title}: give its folder: --root DIR, or root: DIR in a suite; in it: "
                f"{self.layout}"
            )
        if subset not in ("all", "present"):
            raise ValueError(f"{self.title}: subset must be 'all' or 'present', not {subset!r}")
        folder = self.folder(root)
        listing = self.listing(folder, partial=subset == "present", **options)
        absent = [e for e in listing.entries if not folder.has(e.path)]
        if len(absent) == len(listing.entries):
            raise FileNotFoundError(self._wrong(folder, f"no image (as {absent[0].path})"))
        entries, references = listing.entries, listing.references
        if subset == "present":
            gone = {e.id for e in absent}
            entries = tuple(e for e in entries if e.id not in gone)
            used = {e.reference for e in entries}
            references = tuple(r for r in references if r.id in used)
            absent = []
        self._warn_of_absent(folder, entries, absent, references)
        self._warn_of_swaps(folder, Listing(entries, references))
        return Dataset(
            name=self.name,
            samples=tuple(self._sample(folder, e) for e in entries),
            references=tuple(self._sample(folder, e) for e in references),
            label_kind=self.label_kind,
            license=self.license,
            citation=self.citation,
            known_as=self.known_as,
            observers=self.observers,
            marks=(f"subset ({len(entries)} of {self.n_images})",)
            if len(entries) < self.n_images
            else (),
            listed=tuple(e.id for e in listing.entries),
        )

    def folder(self, root: Path | str) -> Folder:
        """The folder, in which the owners' or the mirror's wrapper counts as the root."""
        return Folder(Path(root), self.wrappers + ((self.hub.folder,) if self.hub else ()))

    def listing(self, folder: Folder, *, partial: bool = False, **options: Any) -> Listing:
        """What the score file says, checked, whether or not the images are there.

        A ``partial`` one may list fewer images than there are.

        Raises FileNotFoundError where there is no score file, ValueError where it is not the
        owners'.
        """
        from .checks import check

        try:
            listing = self.read(folder, **options)
        except FileNotFoundError as error:
            raise FileNotFoundError(self._wrong(folder, str(error))) from error
        check(self, listing, partial)
        return listing

    def _sample(self, folder: Folder, entry: Entry) -> Sample:
        raw = entry.raw
        return Sample(
            id=entry.id,
            source=FileSource(folder.at(entry.path)),
            content=entry.content,
            label=raw if raw is None or not self.lower_is_better else 0.0 - raw,  # never -0.0
            label_std=entry.std,
            raw_score=raw,
            damages=entry.damages,
            reference=entry.reference,
            split=entry.split,
        )

    def _warn_of_absent(
        self,
        folder: Folder,
        entries: Sequence[Entry],
        absent: Sequence[Entry],
        references: Sequence[Entry],
    ) -> None:
        lost = [e for e in references if not folder.has(e.path)]
        counts = [(absent, len(entries), "images"), (lost, len(references), "references")]
        parts = [f"{len(gone)} of {n} {what}" for gone, n, what in counts if gone]
        if parts:
            first = [*absent, *lost][0].path
            line = f"{self.title}: {' and '.join(parts)} missing in {folder.root}, first {first}"
            warnings.warn(line, stacklevel=3)

    def _warn_of_swaps(self, folder: Folder, listing: Listing) -> None:
        if not listing.references:
            return
        from .likeness import suspects

        images = (*listing.entries, *listing.references)
        paths = {e.id: folder.at(e.path) for e in images if folder.has(e.path)}
        if wrong := [reference.id for reference, _ in suspects(self, listing, paths)]:
            names = ", ".join(wrong[:_SHOWN]) + (" …" if len(wrong) > _SHOWN else "")
            do, their = ("does", "its") if len(wrong) == 1 else ("do", "their")
            warnings.warn(
                f"{self.title}: {count(len(wrong), 'reference')} {do} not look like the original "
                f"of {their} damaged images: {names}; iqa-eval data verify {self.name} says more",
                stacklevel=3,
            )

    def _wrong(self, folder: Folder, why: str) -> str:
        found = ", ".join(folder.names()[:8]) or "nothing"
        return f"{self.title}: wrong folder: {why}; expected {self.layout}; found {found}"
