"""One model on one dataset under one protocol: what becomes one record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from .canonical import slug
from .errors import one_line, portable
from .model import PAIR_OPERATIONS, Model, operations
from .protocols.base import EVERY_OTHER, Comparison, Fit, Need, Protocol, Skip
from .sample import Dataset
from .subset import Parts, parts_of
from .suite import Named


@dataclass(frozen=True)
class Refused:
    """A name that cannot be used here, and why, in one line.

    ``absent`` where it would be of use with weights or a library that are not here.
    """

    reason: str
    absent: bool = False


@dataclass(frozen=True)
class Job:
    """One model on one dataset under one protocol: what becomes one record."""

    model_name: Named
    dataset_name: Named
    protocol_name: Named
    model: Model | Refused
    dataset: Dataset | Refused
    protocol: Protocol | Comparison | Refused
    find: Callable[[str], Dataset | Refused]  # other datasets, by name
    others: tuple[str, ...] = ()  # the names of the suite's other datasets
    seed: int = 0

    @cached_property
    def needs(self) -> tuple[Need, ...] | Skip | Refused:
        """What the protocol needs of the model here, or why there will be no number."""
        if isinstance(self.model, Refused):
            return self.model
        if isinstance(self.dataset, Refused):
            return self.dataset
        if isinstance(self.protocol, Refused):
            return self.protocol
        assert isinstance(self.protocol, Protocol)
        try:
            needs = self.protocol.needs(operations(self.model), self.dataset, self.seed)
        except Exception as error:
            return Refused(f"{self.protocol_name} failed: {one_line(error)}")
        if not isinstance(needs, tuple):
            return needs
        needs = tuple(each for need in needs for each in self._expand(need))
        for need in needs:
            if need.dataset is not None:
                other = self.find(need.dataset)
                if isinstance(other, Refused):
                    return other
            if need.fit is not None:
                try:
                    self.parts(need)
                except ValueError as error:
                    return Refused(f"{self.protocol_name} failed: {error}")
        if not needs:
            return Skip("the suite has no other labeled dataset")
        return needs

    def _expand(self, need: Need) -> Iterator[Need]:
        """``need`` itself, or one for each other dataset that it is about.

        One that cannot be used, or has no labels, is left out: it has rows of its own.
        """
        if need.dataset != EVERY_OTHER:
            yield need
            return
        for name in self.others:
            other = self.find(name)
            if isinstance(other, Dataset) and other.label_kind != "none":
                yield replace(need, dataset=name)

    @property
    def model_label(self) -> str:
        """The name that rows carry: the card's, or the suite's where nothing was loaded."""
        return self.model.card.name if isinstance(self.model, Model) else self.model_name.name

    @property
    def dataset_label(self) -> str:
        return self.dataset.name if isinstance(self.dataset, Dataset) else self.dataset_name.name

    @property
    def options(self) -> dict[str, Any]:
        """The model's options as its card has them, or as the suite asked where it has none."""
        card = self.model.card if isinstance(self.model, Model) else None
        return dict(card.options or {}) if card else self.model_name.options

    @property
    def model_slug(self) -> str:
        return slug(self.model_label, self.options)

    @property
    def protocol_options(self) -> dict[str, Any]:
        """The protocol's options as it has them, or as the suite asked where there is none."""
        if isinstance(self.protocol, Refused):
            return portable(self.protocol_name.options)
        return dict(self.protocol.options)

    @property
    def protocol_slug(self) -> str:
        return slug(self.protocol_name.name, self.protocol_options)

    def dataset_of(self, need: Need) -> Dataset:
        """The dataset on which ``need`` is to be computed."""
        dataset = self.dataset if need.dataset is None else self.find(need.dataset)
        assert isinstance(dataset, Dataset)
        return dataset

    def parts(self, need: Need) -> Parts:
        """The parts of the dataset that the fit of ``need`` names; made once for each fit."""
        assert need.fit is not None
        where = need.dataset, need.fit, need.operation in PAIR_OPERATIONS
        if where not in self._parts:
            self._parts[where] = parts_of(self.dataset_of(need), *where[1:])
        return self._parts[where]

    @cached_property
    def _parts(self) -> dict[tuple[str | None, Fit, bool], Parts]:
        return {}
