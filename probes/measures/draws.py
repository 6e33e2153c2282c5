"""Which contents are held out together, and which images make up a share of the labels."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from harness.protocols.intervals import FEW_CONTENTS
from harness.protocols.splits import shuffled

if TYPE_CHECKING:
    import pandas as pd

_FOLDS, _FOLDS_OF_FEW = 5, 4


def content_folds(contents: Iterable[str], seed: int = 0) -> tuple[frozenset[str], ...]:
    """The contents in five parts, four where they are few; drawn by name."""
    names = shuffled(set(contents), seed)
    n = min(len(names), _FOLDS_OF_FEW if len(names) < FEW_CONTENTS else _FOLDS)
    return tuple(frozenset(names[i::n]) for i in range(n))


def drawn(images: pd.DataFrame, share: float, repeat: int, seed: int = 0) -> np.ndarray:
    """A share of the damaged images of every content, and of its clean ones, as ``bool [N]``.

    Drawn by id, at least one of each; a larger share of the same repeat holds the smaller one.
    ``images`` has the columns id, content and damaged (bool).
    """
    size = images.groupby(["content", "damaged"])["id"].transform("size").to_numpy()
    return turns(images, seed, repeat) < np.maximum(1, np.round(share * size))


def turns(images: pd.DataFrame, *key: int) -> np.ndarray:
    """When an image's turn comes among those of its content and class, in an order by its id."""
    place = {name: i for i, name in enumerate(shuffled(images["id"], *key))}
    order = images["id"].map(place)
    groups = [images["content"], images["damaged"]]
    return (order.groupby(groups).rank() - 1).to_numpy()
