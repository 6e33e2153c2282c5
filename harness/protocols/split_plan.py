"""The splits that a probe is fitted on, as options of a protocol."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..sample import Dataset
from .base import Need, Skip
from .split_files import fingerprint
from .splits import OFFICIAL, RANDOM, Split, has_official, splits_of

_DEFAULT, _N = "70/10/20", 10


@dataclass(frozen=True)
class SplitPlan:
    """``splits`` is one of RANDOM, OFFICIAL, or a folder of split files; ``n_splits`` random
    ones are drawn. Raises ValueError for options that say nothing, FileNotFoundError for a
    folder without split files."""

    splits: str = _DEFAULT
    n_splits: int = _N

    def __post_init__(self) -> None:
        if not isinstance(self.n_splits, int) or self.n_splits < 1:
            raise ValueError(f"n_splits is a whole number from 1 on, not {self.n_splits!r}")
        if not self.random and self.n_splits != _N:
            raise ValueError(f"n_splits goes with {' or '.join(RANDOM)}, not with {self.splits!r}")
        if not self.random and self.splits != OFFICIAL and not Path(self.splits).is_dir():
            known = ", ".join((*RANDOM, OFFICIAL))
            raise ValueError(f"splits: {self.splits!r} is none of {known}, and no folder")
        _ = self.name  # reads the split files

    @property
    def random(self) -> bool:
        return self.splits in RANDOM

    @cached_property
    def name(self) -> str:
        """A word for the splits; a folder goes by what its files hold, not by its place."""
        if self.random or self.splits == OFFICIAL:
            return self.splits
        return f"files {fingerprint(self.splits)}"

    @property
    def options(self) -> dict[str, str | int]:
        """Those that are not the default."""
        given: dict[str, str | int] = {} if self.splits == _DEFAULT else {"splits": self.name}
        return given | ({} if self.n_splits == _N else {"n_splits": self.n_splits})

    def refuses(self, dataset: Dataset) -> str | None:
        """Why these splits do not apply to ``dataset``, or None."""
        if dataset.label_kind == "none":
            return "the dataset has no labels"
        if self.splits == OFFICIAL and not has_official(dataset.samples):
            return "the owners give no training and test part"
        return None

    def needs(
        self, operations: frozenset[str], dataset: Dataset, seed: int
    ) -> tuple[Need, ...] | Skip:
        """Features, of a dataset that these splits apply to."""
        if why := self.refuses(dataset):
            return Skip(why)
        return (Need("features"),) if "features" in operations else Skip("gives no features")

    def of(self, dataset: Dataset, seed: int) -> tuple[Split, ...]:
        return splits_of(dataset, self.splits, seed, self.n_splits)

    def label(self, n: int) -> str:
        """What the rows of ``n`` such splits are told apart by."""
        return self.name if n == 1 else f"median of {n} splits ({self.name})"
