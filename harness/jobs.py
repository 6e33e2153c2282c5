"""A suite resolved: every combination of its names, with what each name stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .canonical import canonical_json
from .datasets import load_dataset
from .model import Model, Unavailable, operations
from .protocols.base import Need, Protocol, Skip
from .registry import BrokenPlugin, load_model, load_protocol
from .sample import Dataset
from .suite import Named, Suite


@dataclass(frozen=True)
class Refused:
    """A name that cannot be used here, and why, in one line."""

    reason: str


@dataclass(frozen=True)
class Job:
    """One model on one dataset under one protocol: what becomes one record."""

    model_name: Named
    dataset_name: Named
    protocol_name: str
    model: Model | Refused
    dataset: Dataset | Refused
    head_dataset: Dataset | Refused | None
    protocol: Protocol | Refused

    @cached_property
    def needs(self) -> tuple[Need, ...] | Skip:
        """What the protocol needs of the model here, or why there will be no number."""
        if isinstance(self.model, Refused):
            return Skip(self.model.reason)
        if isinstance(self.dataset, Refused):
            return Skip(self.dataset.reason)
        if isinstance(self.protocol, Refused):
            return Skip(self.protocol.reason)
        needs = self.protocol.needs(operations(self.model), self.dataset)
        if isinstance(needs, tuple) and any(need.on_head_dataset for need in needs):
            if self.head_dataset is None:
                return Skip("the dataset names no labeled set on which to fit a head")
            if isinstance(self.head_dataset, Refused):
                return Skip(self.head_dataset.reason)
        return needs

    def dataset_of(self, need: Need) -> Dataset:
        """The dataset on which ``need`` is to be computed."""
        dataset = self.head_dataset if need.on_head_dataset else self.dataset
        assert isinstance(dataset, Dataset)
        return dataset


def resolve(suite: Suite, objects: Mapping[str, Any], device: str = "cpu") -> list[Job]:
    """Load everything that ``suite`` names, once; ``objects`` are loaded already, by name."""
    datasets: dict[str, Dataset | Refused] = {}

    def load(loader: Any, named: Named) -> Any:
        if named.name in objects:
            return objects[named.name]
        return _try(loader, named.name, **named.options)

    def dataset(named: Named) -> Dataset | Refused:
        key = canonical_json(named.model_dump(mode="json"))
        if key not in datasets:
            datasets[key] = load(load_dataset, named)
        return datasets[key]

    def head(data: Dataset | Refused) -> Dataset | Refused | None:
        if isinstance(data, Refused) or data.head_dataset is None:
            return None
        return dataset(Named(name=data.head_dataset))

    models = [load(load_model, m) for m in suite.models]
    for model in models:
        if device != "cpu" and hasattr(model, "to"):
            model.to(device)
    protocols = {name: _try(load_protocol, name) for name in suite.protocols}
    return [
        Job(m, d, p, models[i], dataset(d), head(dataset(d)), protocols[p])
        for i, m in enumerate(suite.models)
        for d in suite.datasets
        for p in suite.protocols
    ]


def _try(load: Any, *args: Any, **options: Any) -> Any:
    """What ``load`` gives, or why it cannot; anything a plug-in raises costs only its own rows."""
    try:
        return load(*args, **options)
    except (Unavailable, BrokenPlugin, ValueError, OSError) as error:
        return Refused(" ".join(str(error).split()))
    except Exception as error:
        return Refused(" ".join(f"{type(error).__name__}: {error}".split()))
