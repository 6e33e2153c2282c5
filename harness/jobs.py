"""A suite resolved: every combination of its names, with what each name stands for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tqdm import tqdm

from .canonical import canonical_json
from .datasets import load_dataset
from .errors import message, one_line
from .job import Job, Refused
from .model import Model, Unavailable
from .protocols.base import Comparison, Protocol
from .registry import BrokenPlugin, load_model, load_protocol
from .sample import Dataset
from .suite import Named, Suite


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
        if not found.samples:
            raise ValueError(
                f"dataset {found.name!r} has no samples: look at what it reads, such as its root"
            )
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
