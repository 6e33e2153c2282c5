"""Run what can be run of a published table, and lay what was measured beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .papers.plan import make_plan, select
from .papers.results import Result
from .papers.results import results as measure
from .papers.schema import Paper
from .requirements import Sources


@dataclass(frozen=True)
class Reproduction:
    """A published table with what was measured of it."""

    paper: Paper
    results: tuple[Result, ...]
    notices: tuple[str, ...]

    @property
    def counts(self) -> str:
        """How many cells were measured, and what the others lack, in one line."""
        rest = [result for result in self.results if not result.is_measured]
        lacking = Counter(what for r in rest for what in {each.what: None for each in r.missing})
        parts = ", ".join(f"{n} without {what}" for what, n in lacking.items())
        measured = [result for result in self.results if result.is_measured]
        line = f"{len(measured)} of {len(self.results)} cells measured"
        if part := sum(any(m.n_failed for m in r.measures.values()) for r in measured):
            line += f", {part} of them on a part of the images"
        return f"{line}: {parts}" if parts else line


def reproduce(
    paper: Paper,
    sources: Sources,
    *,
    models: Sequence[str] = (),
    seed: int = 0,
    **settings: Any,
) -> Reproduction:
    """Measure what can be measured of ``paper`` with the datasets of ``sources``.

    With ``models``, only these lines: methods of the paper, by its name for them or ours, or
    other models, which are then measured in the same ways. ``settings`` are those of
    ``run_suite``. Raises ValueError for a dataset that the paper has not, FileNotFoundError
    for a folder that does not exist.
    """
    for name in sources.data:
        if name not in paper.datasets:
            known = ", ".join(paper.datasets)
            raise ValueError(f"{paper.name} has no dataset {name!r}; it has {known}")
    for folder in (sources.root, sources.splits, *sources.data.values()):
        if folder is not None and not folder.is_dir():
            raise FileNotFoundError(f"{folder}: no such folder")
    plan = make_plan(paper, select(paper, models), sources)
    return Reproduction(paper, tuple(measure(plan, seed, settings)), plan.notices)
