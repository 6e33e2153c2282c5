"""What a model is called: its name, its options, and whatever else tells it from others."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from ..canonical import canonical_json, digest

_HASH = re.compile(r"\b([0-9a-f]{8})[0-9a-f]{8,}\b")


class Variant(NamedTuple):
    """A model as it was run: two variants of one name are two lines of a table."""

    model: str
    model_version: str
    weights: str
    options: str


# What is said besides name and options, each only of those that what came before leaves equal.
_MORE: tuple[Callable[[Variant], str], ...] = (
    lambda variant: f"version {variant.model_version or '–'}",
    lambda variant: f"weights {_text(variant.weights or '–')}",
    lambda variant: digest(variant)[:8],
)


def labels(variants: Iterable[Variant]) -> dict[Variant, str]:
    """A label for each, unique among ``variants``: ``reiqa``, ``reiqa (variant quality)``."""
    details = {variant: _options(json.loads(variant.options)) for variant in variants}
    for more in _MORE:
        same: dict[str, list[Variant]] = defaultdict(list)
        for variant, own in details.items():
            same[_label(variant.model, own)].append(variant)
        for equal in same.values():
            if len({more(variant) for variant in equal}) > 1:
                for variant in equal:
                    details[variant] = (*details[variant], more(variant))
    return {variant: _label(variant.model, own) for variant, own in details.items()}


def called(model: str, options: Mapping[str, Any]) -> str:
    """The name with the options, if there are any, where nothing else is known."""
    return _label(model, _options(options))


def _options(options: Mapping[str, Any]) -> tuple[str, ...]:
    """``("variant whole", "head live")``: which model it is comes first."""
    names = sorted(options, key=lambda name: (name != "variant", name))
    return tuple(f"{name} {_text(options[name])}" for name in names)


def _text(value: Any) -> str:
    """Words for any JSON value; of a long hash, its first eight digits."""
    if not isinstance(value, str) or not value:
        return canonical_json(value)
    return _HASH.sub(r"\1", value)


def _label(model: str, details: Iterable[str]) -> str:
    told = ", ".join(details)
    return f"{model} ({told})" if told else model
