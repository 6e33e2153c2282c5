"""A linear head on a model's features, fitted on a labeled dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .sample import Dataset

if TYPE_CHECKING:
    from .protocols.folds import Linear


def fit_head(model: Any, dataset: Dataset) -> Linear:
    """Ridge on the features of all labeled samples, which are computed once and kept.

    Features are averaged over views; alpha is chosen by cross-validation over contents (SRCC).
    Raises ValueError where no head can be fitted.
    """
    from .cache import default_cache
    from .cells import make_cell
    from .extract import Task
    from .images import DecodePolicy
    from .protocols.folds import head_of_all
    from .protocols.outcomes import finite, usable
    from .protocols.rows import vary
    from .runner import cores
    from .settings import Settings
    from .stage import compute_tasks
    from .store import Store

    settings = Settings(default_cache() / "cells", DecodePolicy(), workers=cores())
    cell = make_cell(model.card, dataset, "features", decoding=settings.policy.name)
    compute_tasks(dataset, [Task(cell, model)], settings)
    found = usable(dataset.samples, finite(Store(settings.cells).cell(cell).read(), "features are"))
    contents = len(set(found.contents.tolist()))
    if contents < 3 or not vary(found.values):
        raise ValueError(
            f"{dataset.name}: no head can be fitted on {len(found.samples)} labeled images of "
            f"{contents} contents: there must be 3, and features that vary"
        )
    return head_of_all(found.values, found.labels, found.contents)
