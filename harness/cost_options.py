"""The options with which a model's cost is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .registry import maker, option_names

# An option of models that must be fitted first: the network as it is before any fit, which costs
# what the fitted one does and needs no weights.
UNTRAINED = "untrained"


def for_cost(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """``options``, and UNTRAINED where the model called ``name`` takes it.

    Raises UnknownName and BrokenPlugin, as ``maker`` does.
    """
    taken = option_names(maker(name))
    return {**({UNTRAINED: True} if UNTRAINED in taken else {}), **options}
