"""Splits that keep contents apart, keyed by sample id: the order of a table changes nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Split:
    """Sample ids of each part, sorted; ``validation`` may be empty."""

    name: str
    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]


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


def leave_one_content_out(contents: Mapping[str, str]) -> tuple[Split, ...]:
    """One split for each content of ``contents`` (sample id → content): it is the test part."""
    return tuple(
        _split(f"without {name}", contents, set(), {name})
        for name in sorted(set(contents.values()))
    )


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
