"""The embedded datasets: ``demo`` (pseudo-labeled pairs), ``demo-probes``, and their full plans.

Everything is rendered from photographs that ship with libraries; nothing is downloaded. The
labels of ``demo`` are *pseudo-labels* (see ``pseudo_labels``): no person has rated an image.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from itertools import product

from harness.canonical import digest
from harness.sample import Damage, Dataset, Pair, Sample

from .contents import LABELED, Content, embedded
from .degradations import TYPES
from .mask_shapes import SHAPES
from .masks import MaskRecipe
from .pseudo_labels import CIRCULAR, PseudoLabels, shipped
from .render import REQUIRES, Recipe, mask_json

SEVERITIES = (1, 2, 3, 4, 5)
# Two of five severities for each content and type: over five neighbors, each occurs equally.
SEVERITY_PAIRS = ((1, 3), (2, 4), (3, 5), (1, 4), (2, 5))
AREAS = (Fraction(1, 64), Fraction(1, 16), Fraction(1, 4), Fraction(1))
PROBE_SEVERITIES = (2, 4)
FEATHERS = (0.0, 4.0)  # pixels
Severities = Callable[[int, int], tuple[int, ...]]  # of the content and the type, by number
_LICENSE = "of the photographs: see probes/contents.py"


def demo_full() -> Dataset:
    """8 photographs × 30 types of damage × 5 severities, pseudo-labeled; some types left out."""
    return _labeled("demo-full", lambda i, j: SEVERITIES)


def demo() -> Dataset:
    """A part of demo-full: every photograph and type of damage, two severities of five."""
    return _labeled("demo", lambda i, j: SEVERITY_PAIRS[(i + j) % len(SEVERITY_PAIRS)])


def unlabeled_full() -> Dataset:
    """The full plan before it has labels: what they are computed on."""
    contents = embedded()
    plan = product(contents, TYPES, SEVERITIES)
    samples = tuple(_pair_sample(*cell) for cell in plan)
    return Dataset("demo-full", samples, _pristine(contents), requires=REQUIRES)


def demo_probes_full(seed: int = 0) -> Dataset:
    """8 photographs × 30 types of damage × 2 severities × 4 areas, from 1/64 to all of it."""
    return _probes("demo-probes-full", lambda i, j: PROBE_SEVERITIES, seed)


def demo_probes(seed: int = 0) -> Dataset:
    """A quarter of demo-probes-full: damage to a part of a photograph or all of it, unlabeled.

    Each type is on half of the contents, at severity 2 on half of those and at 4 on the others.
    Every ladder of areas is complete, so that curves over area stay paired.
    """

    def severities(content: int, type: int) -> tuple[int, ...]:
        turn = (content + type) % 4
        return PROBE_SEVERITIES[turn // 2 : turn // 2 + 1] if turn % 2 == 0 else ()

    return _probes("demo-probes", severities, seed)


def _labeled(name: str, severities: Severities) -> Dataset:
    contents, labels = embedded(), shipped()
    samples = tuple(
        _pair_sample(content, type, severity, labels)
        for i, content in enumerate(contents)
        for j, type in enumerate(TYPES)
        if type not in labels.left_out
        for severity in severities(i, j)
    )
    return Dataset(
        name,
        samples,
        _pristine(contents),
        label_kind="pseudo",
        license=_LICENSE,
        circular=CIRCULAR,
        requires=REQUIRES,
        known_as=LABELED,
    )


def _pair_sample(
    content: Content, type: str, severity: int, labels: PseudoLabels | None = None
) -> Sample:
    damages = (Damage(type, severity),)  # seed 0: the one that the labels were made with
    name = f"{content.id}/{type}/{severity}"
    return Sample(
        name,
        Recipe(content, damages),
        content.id,
        label=None if labels is None else labels.label(name),
        damages=damages,
        reference=content.id,
    )


def _probes(name: str, severities: Severities, seed: int) -> Dataset:
    contents = embedded()
    pixels = [math.prod(content.image().shape[1:]) for content in contents]
    samples = tuple(
        sample
        for i, content in enumerate(contents)
        for j, type in enumerate(TYPES)
        for severity in severities(i, j)
        for sample in _ladder(content, pixels[i], type, severity, seed, turn=i + j)
    )
    pairs = [Pair(s.id, s.id, s.content, s.content) for s in samples]
    # Each pristine image beside itself: from where a full-reference model's response counts.
    pairs += [Pair(c.id, c.id, c.id, c.id) for c in contents]
    return Dataset(
        name,
        samples,
        _pristine(contents),
        explicit_pairs=tuple(pairs),
        license=_LICENSE,
        head_dataset="demo",
        requires=REQUIRES,
        known_as=LABELED,
    )


def _ladder(
    content: Content, pixels: int, type: str, severity: int, seed: int, turn: int
) -> Iterator[Sample]:
    """One damage through nested masks of every area; shapes and feathers take turns."""
    place = int(digest([seed, content.id, type])[:8], 16)  # same for every area: nested
    for area in AREAS:
        recipe = MaskRecipe(
            shape=SHAPES[turn % len(SHAPES)],
            area=float(area),
            feather=FEATHERS[turn // len(SHAPES) % len(FEATHERS)],
            seed=place,
        )
        met = round(recipe.area * pixels) / pixels
        mask = None if area == 1 else mask_json(recipe)
        damage = Damage(
            type,
            severity,
            mask=mask,
            area_asked=recipe.area,
            area_met=met,
            feather=0.0 if mask is None else recipe.feather,
            seed=seed,
        )
        yield Sample(
            f"{content.id}/{type}/{severity}/{area.numerator}-{area.denominator}",
            Recipe(content, (damage,)),
            content.id,
            damages=(damage,),
            reference=content.id,
        )


def _pristine(contents: Iterable[Content]) -> tuple[Sample, ...]:
    return tuple(Sample(c.id, Recipe(c), c.id) for c in contents)
