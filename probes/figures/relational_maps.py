"""What relational maps should say of opposed pairs, and what they do say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.sample import Damage, Dataset, Pair, Sample
from harness.settings import Settings
from harness.source import Layered

from ..measures.distortion import target
from ..relational_maps import Claims, claims
from .maps import GRID, SIDE
from .outputs import Answer, answers


@dataclass(frozen=True)
class Panel:
    """A channel of one pair, ``float64 [SIDE, SIDE]`` in [0, 1]: above 0.5 the test has more."""

    channel: str
    target: np.ndarray
    predicted: np.ndarray

    @property
    def error(self) -> float:
        """Mean absolute difference of the two."""
        return float(np.abs(self.predicted - self.target).mean())

    @property
    def flat_error(self) -> float:
        """That of a map that is 0.5 everywhere."""
        return float(np.abs(self.target - 0.5).mean())


@dataclass(frozen=True)
class Row:
    """One pair: a panel for each channel that is about its damage, and ``others``.

    ``others [SIDE, SIDE]``: of all other channels, the value that is farthest from 0.5; None where
    there are none. Both are empty for a pair that the model ``failed`` at: the reason, else "".
    """

    test: Sample
    reference: Sample
    panels: tuple[Panel, ...] = ()
    others: np.ndarray | None = None
    failed: str = ""


def maps(model: str, options: Mapping[str, Any], dataset: Dataset, settings: Settings) -> Answer:
    """The maps of the pairs of ``dataset``, on a grid; see ``answers``.

    Raises ValueError for a model whose maps name no type of damage.
    """
    (found,), _ = answers({model: options}, dataset, ("distortion_map",), settings, GRID.name)
    if not claims(found.model.card):
        raise ValueError(
            f"{model}: no channel of its maps names a type of damage: it has no target to show"
        )
    return found


def rows(dataset: Dataset, answer: Answer) -> list[Row]:
    """The pairs of ``dataset``, whose images tell their damages apart, with their maps."""
    images = {image.id: image for image in dataset.images}
    return [_row(pair, images[pair.test], images[pair.reference], answer) for pair in dataset.pairs]


def _row(pair: Pair, test: Sample, reference: Sample, answer: Answer) -> Row:
    output, card = answer.output, answer.model.card
    if pair.id not in output.ids:
        return Row(test, reference, failed=output.failures[pair.id])
    values, about = output.at([pair.id])[0].reshape(-1, SIDE, SIDE), claims(card)
    types = dict.fromkeys(d.type for sample in (test, reference) for d in sample.damages)
    shown = list(dict.fromkeys(about[type][0] for type in types if type in about))
    panels = tuple(
        Panel(card.map_channels[c], target_of(c, test, reference, about), values[c]) for c in shown
    )
    rest = np.delete(values, shown, axis=0)
    farthest = np.abs(rest - 0.5).argmax(0)[None] if len(rest) else None
    others = None if farthest is None else np.take_along_axis(rest, farthest, 0)[0]
    return Row(test, reference, panels, others)


def target_of(channel: int, test: Sample, reference: Sample, about: Claims) -> np.ndarray:
    """What ``channel`` should say, averaged to the grid, ``float64 [SIDE, SIDE]``.

    Damage of the reference counts against that of the test.
    """
    signed = [
        (side * about[damage.type][1], alpha, damage.severity)
        for side, sample in ((1, test), (-1, reference))
        for damage, alpha in _layers(sample)
        if damage.severity is not None and about.get(damage.type, (-1,))[0] == channel
    ]
    signs, alphas, severities = zip(*signed, strict=True)
    whole = target(signs, alphas, severities)
    return GRID.reduce(whole[None], None).reshape(SIDE, SIDE)


def _layers(sample: Sample) -> Sequence[tuple[Damage, np.ndarray]]:
    assert isinstance(sample.source, Layered)
    return list(zip(sample.damages, sample.source.alphas(), strict=True))
