"""Parts of a dataset for a fit, which hold nothing of the images that it is to be asked about."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from .protocols.base import Fit
from .sample import Dataset, Sample


@dataclass(frozen=True)
class Parts:
    """What a fit learns from, what it may choose by, and what the fitted model is asked about."""

    train: Dataset
    validation: Dataset
    test: Dataset


def parts_of(dataset: Dataset, fit: Fit) -> Parts:
    """The parts of ``dataset`` that ``fit`` names. Raises ValueError for an id that is no sample.

    No image of the test part is in the others, and no reference of a content that is tested.
    """
    by_id = {sample.id: sample for sample in dataset.samples}
    for name in (*fit.train, *fit.validation, *fit.test):
        if name not in by_id:
            raise ValueError(f"{name!r} is asked for, and is no sample of {dataset.name}")
    tested = {by_id[name].content for name in fit.test}
    return Parts(
        subset(dataset, fit.train, tested),
        subset(dataset, fit.validation, tested),
        subset(dataset, fit.test),
    )


def subset(dataset: Dataset, ids: Iterable[str], withheld: Collection[str] = ()) -> Dataset:
    """The samples ``ids`` in that order, with their references and the pairs of these images.

    References have no label, and are left out where their content is among ``withheld``; nothing
    else tells which other images ``dataset`` has. Fingerprints are those of ``dataset``.
    """
    images = {image.id: image for image in dataset.images}
    chosen = {name: images[name] for name in ids}
    references: dict[str, Sample] = {}
    for sample in chosen.values():
        if sample.reference is not None and sample.reference not in chosen:
            reference = images[sample.reference]
            if reference.content not in withheld:
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
    vars(found)["fingerprints"] = {name: dataset.fingerprints[name] for name in there}
    return found
