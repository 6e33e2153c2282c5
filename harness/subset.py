"""Parts of a dataset for a fit, which hold nothing of the images that it is to be asked about."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .protocols.base import Fit
from .sample import Dataset, Sample
from .source import Source

if TYPE_CHECKING:
    import numpy as np

    from .images import Decoded, DecodePolicy, Failure

ABSENT = "missing"  # the fingerprint of a file that is not there, which tells none from another


@dataclass(frozen=True)
class Parts:
    """What a fit learns from, what it may choose by, and what the fitted model is asked about.

    ``left_out`` are the ids that the first two lack, since their bytes are those of a tested image.
    """

    train: Dataset
    validation: Dataset
    test: Dataset
    left_out: tuple[str, ...] = ()


def parts_of(dataset: Dataset, fit: Fit, pairs: bool = False) -> Parts:
    """The parts of ``dataset`` that ``fit`` names. Raises ValueError for an id that is no sample.

    No image of the test part is in the others, under whatever id or content, and no reference of
    it. With ``pairs``, the test part has its references, which are asked about too.
    """
    by_id = {sample.id: sample for sample in dataset.samples}
    for name in (*fit.train, *fit.validation, *fit.test):
        if name not in by_id:
            raise ValueError(f"{name!r} is asked for, and is no sample of {dataset.name}")
    prints = dataset.fingerprints
    contents = {by_id[name].content for name in fit.test}
    tested = {*fit.test, *(by_id[name].reference or name for name in fit.test)}
    known = {prints[name] for name in tested} - {ABSENT}
    left_out = tuple(i for i in (*fit.train, *fit.validation) if prints[i] in known)

    def apart(image: Sample) -> bool:
        return image.content not in contents and prints[image.id] not in known

    train, validation = (
        subset(dataset, [i for i in part if prints[i] not in known], apart)
        for part in (fit.train, fit.validation)
    )
    return Parts(train, validation, subset(dataset, fit.test, lambda image: pairs), left_out)


def subset(dataset: Dataset, ids: Iterable[str], wanted: Callable[[Sample], bool]) -> Dataset:
    """The samples ``ids`` in that order, with their references and the pairs of these images.

    References have no label, and are left out where they are not ``wanted``; nothing else tells
    which other images ``dataset`` has. Fingerprints are those of ``dataset``.
    """
    images = {image.id: image for image in dataset.images}
    chosen = {name: images[name] for name in ids}
    references: dict[str, Sample] = {}
    for sample in chosen.values():
        if sample.reference is not None and sample.reference not in chosen:
            reference = images[sample.reference]
            if wanted(reference):
                unlabeled = replace(reference, label=None, label_std=None, raw_score=None)
                references[reference.id] = replace(unlabeled, reference=None)
    there = {*chosen, *references}
    samples = tuple(
        sample if sample.reference is None or sample.reference in there
        else replace(sample, reference=None)
        for sample in chosen.values()
    )  # fmt: skip
    explicit = dataset.explicit_pairs
    found = replace(
        dataset,
        samples=samples,
        references=tuple(references.values()),
        explicit_pairs=None
        if explicit is None
        else tuple(p for p in explicit if p.test in there and p.reference in there),
        listed=None,
    )
    return _known(found, dataset)


def read_by(dataset: Dataset, policy: DecodePolicy) -> Dataset:
    """``dataset`` with images that are decoded by ``policy``, whatever they are asked for."""

    def bound(image: Sample) -> Sample:
        return replace(image, source=_ReadBy(image.source, policy))

    found = replace(
        dataset,
        samples=tuple(map(bound, dataset.samples)),
        references=tuple(map(bound, dataset.references)),
    )
    return _known(found, dataset)


@dataclass(frozen=True)
class _ReadBy:
    source: Source
    policy: DecodePolicy

    def fingerprint(self) -> str:
        return self.source.fingerprint()

    def load(self, policy: DecodePolicy) -> Decoded | Failure:
        return self.source.load(self.policy)

    def alpha(self) -> np.ndarray | None:
        return self.source.alpha()


def _known(found: Dataset, of: Dataset) -> Dataset:
    """``found`` with the fingerprints of the dataset that its images are of."""
    vars(found)["fingerprints"] = {image.id: of.fingerprints[image.id] for image in found.images}
    return found
