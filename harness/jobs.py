"""A suite resolved: every combination of its names, with what each name stands for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from tqdm import tqdm

from .canonical import canonical_json, slug
from .datasets import load_dataset
from .errors import message, one_line, portable
from .model import Model, Unavailable, operations
from .protocols.base import EVERY_OTHER, Comparison, Fit, Need, Protocol, Skip
from .registry import BrokenPlugin, load_model, load_protocol
from .sample import Dataset
from .subset import Parts, parts_of
from .suite import Named, Suite


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
        where = need.dataset, need.fit
        if where not in self._parts:
            self._parts[where] = parts_of(self.dataset_of(need), need.fit)
        return self._parts[where]

    @cached_property
    def _parts(self) -> dict[tuple[str | None, Fit], Parts]:
        return {}


def resolve(
    suite: Suite, objects: Mapping[str, Any], device: str = "cpu", progress: bool = False
) -> tuple[list[Job], list[tuple[Named, Comparison]]]:
    """Load everything that ``suite`` names, once; ``objects`` are loaded already, by ``key``.

    The jobs of its protocols, and its comparisons. Raises ValueError where there is nothing
    that could be compared.
    """

    def bar(**about: Any) -> Any:
        return tqdm(**about, delay=2, leave=False, disable=not progress)

    datasets: dict[str, Dataset | Refused] = {}

    def load(kind: str, loader: Callable[..., Any], named: Named) -> Any:
        if (name := key(kind, named)) in objects:
            return objects[name]
        return loader(named.name, **named.options)

    def model(named: Named) -> Model:
        found = load("models", load_model, named)
        if hasattr(found, "to"):
            found.to(device)  # also to the CPU: an object may come from elsewhere
        return found

    def hashed(named: Named) -> Dataset:
        found = load("datasets", load_dataset, named)
        with bar(desc=f"{named}: reading", total=len(found.images), unit="image") as reading:
            # Anew, since files may have changed since an object was hashed.
            return found.hashed(reading.update)

    def dataset(named: Named) -> Dataset | Refused:
        name = key("datasets", named)
        if name not in datasets:
            datasets[name] = _try(hashed, named)
        return datasets[name]

    def find(name: str) -> Dataset | Refused:
        # One of the suite's own comes first: it may have a root.
        return dataset(next((d for d in suite.datasets if d.name == name), Named(name=name)))

    def protocol(named: Named) -> Protocol | Comparison:
        return load_protocol(named.name, **named.options)

    models = [_try(model, m) for m in bar(iterable=suite.models, desc="loading", unit="model")]
    protocols = [_try(protocol, p) for p in suite.protocols]
    jobs = [
        Job(
            *(m, d, p, models[i], dataset(d), protocols[k], find),
            others=tuple(dict.fromkeys(o.name for o in suite.datasets if o != d)),
            seed=suite.seed,
        )
        for i, m in enumerate(suite.models)
        for d in suite.datasets
        for k, p in enumerate(suite.protocols)
        if not isinstance(protocols[k], Comparison)
    ]
    if not jobs:
        raise ValueError(
            f"{suite.protocols[0]} compares what other protocols measure: add correlation or "
            "linear-probe to the protocols"
        )
    found = zip(suite.protocols, protocols, strict=True)
    return jobs, [(name, thing) for name, thing in found if isinstance(thing, Comparison)]


def unusable(jobs: Iterable[Job]) -> list[str]:
    """One line for each name that is wrong; not for what is merely absent."""
    named = (
        pair
        for job in jobs
        for pair in (
            (job.model_name, job.model),
            (job.dataset_name, job.dataset),
            (job.protocol_name, job.protocol),
        )
    )
    lines = (
        thing.reason if str(name) in thing.reason else f"{name}: {thing.reason}"
        for name, thing in named
        if isinstance(thing, Refused) and not thing.absent
    )
    return [f"warning: {line}" for line in dict.fromkeys(lines)]


def key(kind: str, named: Named) -> str:
    """What tells one model (or dataset) of a suite from another: its name with its options."""
    return f"{kind} {canonical_json(named.model_dump(mode='json'))}"


def _try(load: Any, named: Any) -> Any:
    """What ``load`` gives, or why it cannot; anything a plug-in raises costs only its own rows."""
    try:
        return load(named)
    except Unavailable as error:
        return Refused(message(error), absent=True)
    except (BrokenPlugin, ValueError, OSError) as error:
        return Refused(message(error))
    except Exception as error:
        return Refused(one_line(error))
