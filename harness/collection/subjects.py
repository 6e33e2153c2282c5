"""Which model of a collection someone means: by its name, its label with options, or its slug."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import product

from ..registry import unknown
from .board import Subject

_LIKE: tuple[Callable[[str], str], ...] = (str, str.lower)  # exactly so, or but for case
_NAMES: tuple[Callable[[Subject], str], ...] = (
    lambda subject: subject.slug,
    lambda subject: subject.label,
    lambda subject: subject.rows[0].model,
)


def subject_called(subjects: Sequence[Subject], name: str, others: Iterable[str] = ()) -> Subject:
    """The one of ``subjects`` that ``name`` is the slug, the label or the model's name of.

    Case matters only where it tells two apart. Raises ValueError with the closest names,
    ``others`` among them, where there is none, and with the variants where there are several.
    """
    for like, known in product(_LIKE, _NAMES):
        found = [subject for subject in subjects if like(known(subject)) == like(name)]
        if len(found) == 1:
            return found[0]
        if found:
            listed = "; ".join(f"{s.label}, or {s.slug}" for s in found)
            raise ValueError(f"{name!r} is any of {len(found)} variants; name one: {listed}")
    labels = [subject.label for subject in subjects]
    models = [*(subject.rows[0].model for subject in subjects), *others]
    raise ValueError(unknown("model", name, labels, models))
