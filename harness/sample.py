"""What a dataset is made of: damages, samples, pairs.

All values here are frozen. Labels are always *higher is better*; a DMOS is negated by its
loader and kept as ``raw_score``.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, get_args

from . import hashes
from .canonical import canonical_json
from .record_shape import wrong_name

if TYPE_CHECKING:
    import datasets as hf

    from .source import Source

LabelKind = Literal["mos", "dmos", "pseudo", "ordinal", "given", "none"]


@dataclass(frozen=True)
class Damage:
    """One degradation that was done to an image, in its place in the order of application."""

    type: str
    severity: float | None
    mask: str | None = None  # canonical JSON of the mask's recipe; None: the whole image
    area_asked: float = 1.0  # fraction of the image
    area_met: float = 1.0
    feather: float = 0.0  # pixels
    order: int = 0
    seed: int = 0


@dataclass(frozen=True)
class Sample:
    """One image with its content (the scene that it shows), its label and its damages.

    Numbers become plain floats; a ``label_std`` or ``raw_score`` that is not finite is None.
    """

    id: str
    source: Source
    content: str
    label: float | None = None  # higher is better
    label_std: float | None = None
    raw_score: float | None = None  # as published, before any change of sign
    damages: tuple[Damage, ...] = ()
    reference: str | None = None  # id of its pristine image
    split: str | None = None  # the owners' official part, where there is one
    facts: tuple[tuple[str, str | float], ...] = ()  # conditions of an experiment, by name
    # Numbers measured of its pixels, by name. Their last digits are those of a kind of processor,
    # so no hash covers them; they follow from the bytes or recipes, which the images' hash covers.
    measured: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        for name in ("label", "label_std", "raw_score"):
            value = _plain(getattr(self, name), f"{name} of {self.id!r}")
            if name != "label" and value is not None and not math.isfinite(value):
                value = None  # a label that is none is an error of the dataset
            object.__setattr__(self, name, value)

    def fact(self, name: str) -> str | float | None:
        """The fact or the measured number of that name, or None."""
        return dict((*self.measured, *self.facts)).get(name)

    @property
    def distortion(self) -> str | None:
        """The damages' types, joined by "+"; None for an image without known damage."""
        return "+".join(d.type for d in self.damages) or None


@dataclass(frozen=True)
class Pair:
    """A test image beside a reference; ``preference`` > 0 where people prefer the test image."""

    id: str
    test: str
    reference: str
    content: str
    preference: float | None = None

    def __post_init__(self) -> None:
        preference = _plain(self.preference, f"preference of {self.id!r}")
        object.__setattr__(self, "preference", preference)


@dataclass(frozen=True)
class Dataset:
    """A table of samples. ``images`` are featured once each, ``pairs`` are compared."""

    name: str
    samples: tuple[Sample, ...]
    references: tuple[Sample, ...] = ()  # images that samples refer to and that have no label
    label_kind: LabelKind = "none"
    explicit_pairs: tuple[Pair, ...] | None = None  # None: each sample with its reference
    license: str = "unknown"
    citation: str = ""
    circular: tuple[str, ...] = ()  # models whose own output went into the labels
    head_dataset: str | None = None  # the labelled set on which an encoder's head is fitted
    requires: tuple[str, ...] = field(default=())  # libraries whose version changes the pixels
    # Other names of these images, in the cards of models trained on them; None: not known.
    known_as: tuple[str, ...] | None = ()
    observers: float | None = None  # opinions behind a label, on average; 1: its SD is of the mean
    marks: tuple[str, ...] = ()  # short words that every table shows beside its numbers
    # Ids of all images that the owners list, in the order of their list; None: the samples are all.
    listed: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if wrong := wrong_name(self.name):
            raise ValueError(f"dataset {self.name!r}: the name {wrong}")
        if self.label_kind not in get_args(LabelKind):
            kinds = ", ".join(get_args(LabelKind))
            raise ValueError(
                f"dataset {self.name}: label_kind must be one of {kinds}, not {self.label_kind!r}"
            )
        seen: set[str] = set()
        for image in self.images:
            if image.id in seen:
                raise ValueError(f"dataset {self.name}: the id {image.id!r} appears twice")
            seen.add(image.id)
            if image.label is not None and not math.isfinite(image.label):
                raise ValueError(
                    f"dataset {self.name}: the label of {image.id!r} is {image.label}; "
                    "without a label it is None"
                )
        if len({pair.id for pair in self.pairs}) < len(self.pairs):
            twice = next(i for i, n in Counter(p.id for p in self.pairs).items() if n > 1)
            raise ValueError(f"dataset {self.name}: the pair {twice!r} appears twice")
        for pair in self.pairs:
            for member in (pair.test, pair.reference):
                if member not in seen:
                    raise ValueError(
                        f"dataset {self.name}: {pair.id!r} refers to unknown image {member!r}"
                    )

    @property
    def images(self) -> tuple[Sample, ...]:
        """The distinct test and reference images."""
        return self.samples + self.references

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        if self.explicit_pairs is not None:
            return self.explicit_pairs
        return tuple(
            Pair(s.id, s.id, s.reference, s.content)
            for s in self.samples
            if s.reference is not None
        )

    @cached_property
    def fingerprints(self) -> Mapping[str, str]:
        """What the pixels of each image are known by, by id."""
        return hashes.fingerprints(self)

    @cached_property
    def images_hash(self) -> str:
        """Covers what a cell depends on: ids, bytes or recipes, references, pairs and masks."""
        return hashes.images_hash(self)

    @cached_property
    def labels_hash(self) -> str:
        """Covers all else that a protocol may look at: labels, contents, parts, damages."""
        return hashes.labels_hash(self)

    def hashed(self, tick: Callable[[int], None] = lambda n: None) -> Dataset:
        """A copy whose hashes are those of the files as they are now.

        ``tick(n)`` reports that n more images have been read.
        """
        found = replace(self)
        vars(found)["fingerprints"] = hashes.fingerprints(found, tick)  # as cached_property does
        _ = found.images_hash, found.labels_hash  # what is wrong with a label shows here
        return found

    def table(self) -> hf.Dataset:
        """The samples as a Hugging Face table, one row a sample, in their order.

        Columns: id, content, label, label_std, raw_score, reference, split, distortion,
        severity and area of the first damage (area 0 without damage), damages (JSON).
        Absent values are null.
        """
        import datasets as hf

        return hf.Dataset.from_dict(_columns(self.samples))


def _plain(value: Any, what: str) -> float | None:
    """A number of any library as one that has a form in JSON."""
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        raise ValueError(f"the {what} is {value!r}, not a number") from None


def _columns(samples: Iterable[Sample]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
    for s in samples:
        first = s.damages[0] if s.damages else Damage("", None, area_asked=0.0)
        row = (
            *(s.id, s.content, s.label, s.label_std, s.raw_score, s.reference, s.split),
            *(s.distortion, first.severity, first.area_asked),
            canonical_json([asdict(d) for d in s.damages]),
        )
        for name, value in zip(_COLUMNS, row, strict=True):
            columns[name].append(value)
    return columns


_COLUMNS = (
    *("id", "content", "label", "label_std", "raw_score", "reference", "split"),
    *("distortion", "severity", "area", "damages"),
)
