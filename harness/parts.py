"""What a cell has computed and not yet committed: a buffer that empties itself into the store."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, field

import torch

from .store import CellFiles

PART_SAMPLES, PART_SECONDS = 64, 5.0

Result = torch.Tensor | str  # a row, or why there is none


@dataclass
class Parts:
    """Results of one cell, committed after 64 samples or 5 s.

    ``share`` writers work on the cell side by side, each with that part of both limits, so that
    a kill costs one part's work in all.
    """

    files: CellFiles
    share: int = 1
    results: list[tuple[str, Result, str]] = field(default_factory=list)
    since: float = 0.0

    def add(self, name: str, result: Result, warning: str = "") -> None:
        """Take one result, a value or a failure. Raises StoreError if nothing can be written."""
        if not self.results:
            self.since = time.monotonic()
        self.results.append(
            (name, result, warning)
        )  # in one step: an interrupt must not tear a row apart
        full = len(self.results) >= max(1, PART_SAMPLES // self.share)
        if full or time.monotonic() - self.since >= PART_SECONDS / self.share:
            self.commit()

    def commit(self) -> None:
        """Write what is held: failures in one part, the values of each shape in another."""
        groups: dict[torch.Size | None, dict[str, Result]] = defaultdict(dict)
        warned = {name: warning for name, _, warning in self.results if warning}
        for name, result, _ in self.results:
            groups[None if isinstance(result, str) else result.shape][name] = result
        for shape, group in groups.items():
            if shape is None:
                self.files.write_part((), None, {i: str(why) for i, why in group.items()})
            else:
                rows = [row for row in group.values() if isinstance(row, torch.Tensor)]
                about = {name: warned[name] for name in group if name in warned}
                self.files.write_part(list(group), torch.stack(rows).numpy(), {}, about)
        self.results = []
