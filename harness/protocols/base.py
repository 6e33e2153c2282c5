"""What a protocol is: a pure function from cell outputs and a manifest to measures.

A protocol says first what it needs of a model on a dataset (or why it does not apply), and
then turns what the cells hold into measures. It sees no image, no model and no clock. A comparison
sees what protocols have measured of all models on one dataset.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..model import ModelCard
from ..sample import Dataset
from ..store import Output

EVERY_OTHER = "*"  # as the dataset of a need: each other dataset of the suite that has labels


@dataclass(frozen=True)
class Fit:
    """On which samples a model is fitted, by id, and which the fitted one is then asked about.

    The order of ``train`` and ``validation`` is that in which the model gets them. Raises
    ValueError for an id that is in two parts.
    """

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    seed: int

    def __post_init__(self) -> None:
        ids = (*self.train, *self.validation, *self.test)
        if len(set(ids)) < len(ids):
            twice, _ = Counter(ids).most_common(1)[0]
            raise ValueError(f"{twice!r} is asked for twice in one fit")


@dataclass(frozen=True)
class Need:
    """An operation's output: on the dataset at hand, on another one that is named, or on
    EVERY_OTHER, in whose place the outputs then hold one need for each of them.

    With a ``fit``, the model is fitted first, and the output is that of the fitted one on the
    test samples of it alone.
    """

    operation: str
    dataset: str | None = None
    reducer: str | None = None
    fit: Fit | None = None


@dataclass(frozen=True)
class Skip:
    """Why a protocol does not apply; it becomes a row, never a missing row."""

    reason: str


@dataclass(frozen=True)
class Inputs:
    """All that a protocol may look at."""

    card: ModelCard
    dataset: Dataset
    outputs: Mapping[Need, Output]
    others: Mapping[str, Dataset]  # those that needs name
    seed: int


@dataclass(frozen=True)
class Measure:
    """One measured number. ``subset`` is "all" or e.g. "type=jpeg" or "area=1/16 type=jpeg".

    ``value`` is None where nothing could be measured; ``reason`` then says why. ``scores``
    holds the per-sample scores that the number came from (id → score, higher is better).
    ``marks`` are short words that every table shows beside the number.
    """

    metric: str
    value: float | None
    n_expected: int
    n_scored: int
    n_failed: int
    subset: str = "all"
    split: str = "all"
    ci_low: float | None = None
    ci_high: float | None = None
    ci_method: str | None = None
    reason: str | None = None
    marks: tuple[str, ...] = ()
    scores: Mapping[str, float] | None = field(default=None, repr=False)
    others: tuple[str, ...] | None = None  # of the inputs' others: those it rests on; None: all


def word(name: str) -> str:
    """``name`` as a value in a subset, which spaces and "=" would tear apart."""
    return "-".join("".join(c if c.isprintable() and c != "=" else " " for c in name).split())


@dataclass(frozen=True)
class Protocol:
    """A named, versioned protocol. A change that can change a number changes the version.

    ``needs(operations, dataset, seed)`` gets the names of the operations that the model offers,
    "fit" among them if it can be fitted, and the seed that ``evaluate`` will get. A protocol
    with options is registered as a function of them that returns a Protocol, in which
    ``options`` names those that were given.

    ``better`` is the better end of a headline whose name is its own: 1 higher, -1 lower, 0 neither;
    that of a known name, such as "srcc" or "rmse", is known.
    """

    name: str
    version: str
    summary: str
    headline: str  # the metric that tables rank by
    needs: Callable[[frozenset[str], Dataset, int], tuple[Need, ...] | Skip]
    evaluate: Callable[[Inputs], list[Measure]]
    options: Mapping[str, Any] = field(default_factory=dict)
    better: Literal[1, 0, -1] = 0


@dataclass(frozen=True)
class Entrant:
    """What ``protocol`` measured of one model: its headline over all samples, with the scores."""

    label: str  # tells the models of a suite apart
    protocol: str  # its name, with its options where it has any
    value: float | None
    scores: Mapping[str, float]  # sample id → score, higher is better; empty without a value
    marks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """A named, versioned comparison of all models of one dataset.

    ``evaluate(dataset, entrants, seed)`` gives the measures of each entrant by its label. It
    is listed and named beside the protocols, and sees what those of the same run measured.
    """

    name: str
    version: str
    summary: str
    headline: str
    evaluate: Callable[[Dataset, tuple[Entrant, ...], int], Mapping[str, list[Measure]]]
    options: Mapping[str, Any] = field(default_factory=dict)
