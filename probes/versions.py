"""Pairs of processed versions of one scene: which is better, where both are damaged?

``demo-versions``: the embedded photographs, ordered by *dominance*: the same types in the same
masks with the same draws, every severity of the worse version at least as large and one larger.
``versions``: pairs of any labeled full-reference set, ordered by its labels. Each pair stands in
both orders, and each version, and the pristine image, also beside the pristine image.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import combinations, count

import numpy as np

from harness.canonical import digest
from harness.datasets import load_dataset
from harness.sample import Damage, Dataset, Pair, Sample

from .contents import LABELED, Content, embedded
from .degradations import TYPES
from .masks import MaskRecipe, area_met
from .render import REQUIRES, Recipe, alpha_of, mask_json

# Severities of the better and the worse version.
_STEPS = tuple(combinations((1, 2, 3, 4, 5), 2))
AREA = 1 / 8  # of each of two masks


def demo_versions(seed: int = 0) -> Dataset:
    """8 photographs × 15 of 30 types, each in two versions of which one dominates the other.

    In turn one type over the whole image, and two types in masks that do not touch.
    """
    contents = embedded()
    couples = [
        _couple(content, TYPES[j], i + j, seed)
        for i, content in enumerate(contents)
        for j in range(i % 2, len(TYPES), 2)
    ]
    samples = tuple(sample for couple in couples for sample in couple)
    pristine = tuple(Sample(c.id, Recipe(c), c.id) for c in contents)
    return Dataset(
        "demo-versions",
        samples,
        pristine,
        explicit_pairs=(
            *(pair for better, worse in couples for pair in _both(better, worse, 1.0)),
            *_beside_pristine(samples, pristine),
        ),
        license="of the photographs: see probes/contents.py",
        requires=REQUIRES,
        known_as=LABELED,
    )


def versions(of: str, root: str | None = None, per_content: int = 30, seed: int = 0) -> Dataset:
    """At most ``per_content`` pairs of each scene of the dataset ``of``, with different labels.

    Which, is drawn by name. Raises ValueError for a set without labels or without references, and
    what loading it raises.
    """
    whole = load_dataset(of, root)
    rated = [s for s in whole.samples if s.label is not None and s.reference is not None]
    pairs: list[Pair] = []
    by_content: dict[str, list[Sample]] = {}
    for sample in rated:
        by_content.setdefault(sample.content, []).append(sample)
    for group in by_content.values():
        group = sorted(group, key=lambda s: s.id)
        told = [(a, b) for a, b in combinations(group, 2) if a.label != b.label]
        told.sort(key=lambda pair: digest([seed, pair[0].id, pair[1].id]))
        for a, b in told[:per_content]:
            assert a.label is not None
            assert b.label is not None
            pairs += _both(a, b, a.label - b.label)
    if not pairs:
        raise ValueError(f"{of}: versions need labels that differ, of images with references")
    used = {name for pair in pairs for name in (pair.test, pair.reference)}
    samples = tuple(s for s in rated if s.id in used)
    names = {s.reference for s in samples}
    pristine = tuple(image for image in whole.images if image.id in names)
    return replace(
        whole,
        name=f"{whole.name}-versions",
        samples=samples,
        references=tuple(image for image in pristine if image.id not in used),
        explicit_pairs=(*pairs, *_beside_pristine(samples, pristine)),
        known_as=None if whole.known_as is None else (*whole.known_as, whole.name),
        listed=None,
    )


def _both(a: Sample, b: Sample, preference: float) -> Iterator[Pair]:
    """``a`` beside ``b`` and ``b`` beside ``a``; ``preference`` > 0 where ``a`` is better."""
    yield Pair(f"{a.id}|{b.id}", a.id, b.id, a.content, preference)
    yield Pair(f"{b.id}|{a.id}", b.id, a.id, a.content, -preference)


def _beside_pristine(samples: Iterable[Sample], pristine: Iterable[Sample]) -> Iterator[Pair]:
    yield from (Pair(s.id, s.id, str(s.reference), s.content) for s in samples)
    yield from (Pair(f"{p.id}|{p.id}", p.id, p.id, p.content) for p in pristine)


def _couple(content: Content, type: str, turn: int, seed: int) -> tuple[Sample, Sample]:
    """The better and the worse version."""
    rng = np.random.default_rng(int(digest([seed, content.id, type])[:16], 16))
    types: tuple[str, ...] = (type,)
    masks: tuple[tuple[str | None, float], ...] = ((None, 1.0),)
    if turn % 4 > 1:  # every other of the types that a content has
        types = (type, str(rng.choice([other for other in TYPES if other != type])))
        masks = apart(content, seed)
    order = rng.permutation(len(types))  # whose severity surely grows comes first
    steps = {int(order[0]): _STEPS[rng.integers(len(_STEPS))]}
    for k in order[1:]:
        low, high = sorted(rng.integers(1, 6, 2).tolist())
        steps[int(k)] = (low, high)
    versions = [
        tuple(
            Damage(
                kind, float(steps[k][which]), mask=mask, area_asked=AREA if mask else 1.0,
                area_met=met, order=k, seed=seed,
            )
            for k, (kind, (mask, met)) in enumerate(zip(types, masks, strict=True))
        )
        for which in (0, 1)
    ]  # fmt: skip
    better, worse = (_sample(content, damages) for damages in versions)
    return better, worse


def _sample(content: Content, damages: tuple[Damage, ...]) -> Sample:
    severities = "-".join(f"{damage.severity:g}" for damage in damages)
    name = f"{content.id}/{'+'.join(damage.type for damage in damages)}/{severities}"
    return Sample(name, Recipe(content, damages), content.id, damages=damages, reference=content.id)


@lru_cache(maxsize=64)
def apart(content: Content, seed: int) -> tuple[tuple[str, float], ...]:
    """Two masks (JSON) in corners that do not touch, with the areas that they cover."""
    first, taken = _corner(content, int(digest([seed, content.id])[:8], 16))
    for draw in count():
        second, alpha = _corner(content, int(digest([seed, content.id, draw])[:8], 16))
        if not (taken * alpha).any():
            return (first, area_met(taken)), (second, area_met(alpha))
    raise AssertionError


def _corner(content: Content, seed: int) -> tuple[str, np.ndarray]:
    mask = mask_json(MaskRecipe("ellipse", AREA, placement="corner", seed=seed))
    alpha = alpha_of(content, Damage("", None, mask=mask))
    assert alpha is not None
    return mask, alpha
