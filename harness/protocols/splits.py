"""Splits that keep contents apart, keyed by sample id: the order of a table changes nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..sample import Dataset, Sample

RANDOM = {"70/10/20": (0.7, 0.1, 0.2), "80/20": (0.8, 0.0, 0.2)}
OFFICIAL = "official"
_PARTS = ("training", "validation", "test")


@dataclass(frozen=True)
class Split:
    """Sample ids of each part, sorted; ``validation`` may be empty."""

    name: str
    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]


def splits_of(dataset: Dataset, how: str, seed: int = 0, n_splits: int = 10) -> tuple[Split, ...]:
    """Splits of the labeled samples of ``dataset``.

    ``how`` is one of RANDOM (``n_splits`` of them are drawn), OFFICIAL, or a folder of split
    files (see ``split_files``), which may hold images that are no samples here. Raises ValueError
    or FileNotFoundError with one line.
    """
    contents = {s.id: s.content for s in dataset.samples if s.label is not None}
    if how in RANDOM:
        return content_splits(contents, n_splits, RANDOM[how], seed)
    if how == OFFICIAL:
        return (official_split(dataset.samples, seed),)
    from .split_files import import_npy, row_order

    splits = import_npy(Path(how), row_order(dataset))
    if len(splits) == 1:
        _official_test(how, splits[0], dataset)
    for split in splits:
        if both := shared_contents(split, contents):
            raise ValueError(
                f"{how}: in {split.name} content {both[0]!r} is in training and in test; the row "
                f"order of {dataset.name} is not that of these files, or its contents are wrong"
            )
    return tuple(_only(contents, split) for split in splits)


def _official_test(how: str, split: Split, dataset: Dataset) -> None:
    """Refuses a single split of files that tests on others than the owners' test part."""
    part = {s.id: s.split for s in dataset.samples if s.split is not None}
    tested = [(i, True) for i in split.test]
    learned = [(i, False) for i in (*split.train, *split.validation)]
    for name, test in (*tested, *learned):
        if name in part and (part[name] == "test") != test:
            where = "test" if test else "training or validation"
            raise ValueError(
                f"{how}: the split files do not fit the owners' parts of {dataset.name} ({name} is "
                f"in {where}): is the list of scores in another order than the owners'?"
            )


def _only(ids: Container[str], split: Split) -> Split:
    parts = (split.train, split.validation, split.test)
    return Split(split.name, *(tuple(i for i in part if i in ids) for part in parts))


def content_splits(
    contents: Mapping[str, str],
    n_splits: int = 10,
    fractions: tuple[float, float, float] = (0.7, 0.1, 0.2),
    seed: int = 0,
) -> tuple[Split, ...]:
    """``n_splits`` random splits of ``contents`` (sample id → content) into three parts.

    ``fractions`` (training, validation, test; they add up to 1) are met by the number of
    contents, rounded; a part whose fraction is above 0 gets at least one content. Raises
    ValueError where the contents do not suffice for that.
    """
    if abs(sum(fractions) - 1) > 1e-9 or min(fractions) < 0:
        raise ValueError(f"fractions must be at least 0 and add up to 1, not {fractions}")
    names = set(contents.values())
    n_validation, n_test = (
        max(1, round(fraction * len(names))) if fraction else 0 for fraction in fractions[1:]
    )
    if len(names) - n_validation - n_test < 1:
        raise ValueError(f"{len(names)} contents are too few for a {_ratio(fractions)} split")
    splits = []
    for i in range(n_splits):
        order = shuffled(names, seed, i)
        test, validation = order[:n_test], order[n_test : n_test + n_validation]
        name = f"{_ratio(fractions)} #{i + 1}, seed {seed}"
        splits.append(_split(name, contents, set(validation), set(test)))
    return tuple(splits)


def has_official(samples: Iterable[Sample]) -> bool:
    """Whether the owners name a training and a test part."""
    return {"training", "test"} <= {s.split for s in samples if s.label is not None}


def official_split(samples: Iterable[Sample], seed: int = 0) -> Split:
    """The owners' split of the labeled samples; one without a part is in none.

    Where the owners give no validation part, it is an eighth of the training contents, drawn
    with ``seed`` (70/10 of 80). Raises ValueError where there is no official split.
    """
    samples = [s for s in samples if s.label is not None and s.split is not None]
    for s in samples:
        if s.split not in _PARTS:
            raise ValueError(f"{s.id!r} is in part {s.split!r}; parts are {', '.join(_PARTS)}")
    if not has_official(samples):
        raise ValueError("the owners give no split: no samples in a training and a test part")
    train, validation, test = (
        {s.id: s.content for s in samples if s.split == part} for part in _PARTS
    )
    name = OFFICIAL
    if not validation:
        parts = hold_out(train, train, seed)
        name = f"{OFFICIAL}, an eighth of training for validation, seed {seed}"
        return Split(name, *parts, tuple(sorted(test)))
    return Split(name, *(tuple(sorted(part)) for part in (train, validation, test)))


def hold_out(
    train: Iterable[str], contents: Mapping[str, str], *key: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The samples ``train`` without an eighth of their contents, and those of that eighth.

    ``key`` draws it; it is one content at least. Raises ValueError where there is only one.
    """
    train = sorted(train)
    names = {contents[i] for i in train}
    if len(names) < 2:
        raise ValueError("a training part of one content leaves none for validation")
    chosen = set(shuffled(names, *key)[: max(1, round(len(names) / 8))])
    kept = tuple(i for i in train if contents[i] not in chosen)
    return kept, tuple(i for i in train if contents[i] in chosen)


def shared_contents(split: Split, contents: Mapping[str, str]) -> list[str]:
    """The contents that the test part has in common with the other two, sorted."""
    tested = {contents[i] for i in split.test if i in contents}
    seen = {contents[i] for i in (*split.train, *split.validation) if i in contents}
    return sorted(tested & seen)


def shuffled(names: Iterable[str], *key: int) -> list[str]:
    """``names`` in an order that depends on ``key`` and on the names alone.

    They are sorted by SHA-256, so no library's generator has a say in it.
    """

    def place(name: str) -> bytes:
        return hashlib.sha256(f"{key} {name}".encode()).digest()

    return sorted(names, key=place)


def _split(name: str, contents: Mapping[str, str], validation: set[str], test: set[str]) -> Split:
    parts: dict[str, list[str]] = {"train": [], "validation": [], "test": []}
    for sample in sorted(contents):
        content = contents[sample]
        part = "test" if content in test else "validation" if content in validation else "train"
        parts[part].append(sample)
    return Split(name, *(tuple(ids) for ids in parts.values()))


def _ratio(fractions: tuple[float, ...]) -> str:
    return "/".join(f"{100 * fraction:g}" for fraction in fractions if fraction)
