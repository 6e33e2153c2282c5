"""What each model made of single probes: responses and limits of detection, out of its scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..collection.board import Board, Subject
from ..protocols.metrics import varies
from ..records import Row
from ..reports.entries import marks_of
from ..sample_files import read_scores
from .probe_gallery import Gallery

PROTOCOL = "sensitivity"


@dataclass(frozen=True)
class Seen:
    """One model and the probes of a gallery, in the order of these.

    A response is (score of the pristine picture - score of the probe) / SD of the model's scores
    over the pristine and the full-frame probes: above 0 the probe is scored worse; None without
    a score. ``limits`` are by content, in the same unit: a response whose size exceeds it is a
    detection; empty where the record counts no detections. ``notes`` say how to read them.
    """

    subject: Subject
    marks: tuple[str, ...]
    responses: tuple[float | None, ...]
    limits: Mapping[str, float]
    notes: tuple[str, ...]


def seen(board: Board, gallery: Gallery) -> tuple[Seen, ...]:
    """Every model with scores of the very images of ``gallery``, by label."""
    found = (_seen(board, gallery, rows) for rows in _records(board, gallery))
    return tuple(sorted(found, key=lambda each: (each.subject.label.lower(), each.subject.slug)))


def elsewhere(board: Board, gallery: Gallery) -> tuple[str, ...]:
    """The models whose scores are of other images under the name of the gallery's dataset."""
    rows = [row for row in board.rows if _scored(row) and row.dataset == gallery.name]
    here = {board.subject(row).label for row in rows if row.images_hash == gallery.images_hash}
    return tuple(sorted({board.subject(row).label for row in rows} - here))


def _scored(row: Row) -> bool:
    return row.protocol == PROTOCOL and row.scores is not None


def _records(board: Board, gallery: Gallery) -> Iterator[list[Row]]:
    """The rows of each model's first record of the gallery's images, by options."""
    for subject in board.subjects:
        rows = [
            row
            for row in subject.rows
            if _scored(row)
            and (row.dataset, row.images_hash) == (gallery.name, gallery.images_hash)
        ]
        if rows:
            first = min((row.protocol_options, str(row.scores)) for row in rows)
            yield [row for row in rows if (row.protocol_options, row.scores) == first]


def _seen(board: Board, gallery: Gallery, rows: list[Row]) -> Seen:
    scores = read_scores(board.folder, str(rows[0].scores))
    alarms = next((r for r in rows if (r.metric, r.subset) == ("false_alarms", "all")), None)
    counted = alarms is not None and alarms.value is not None
    notes = [alarms.reason] if alarms is not None and alarms.reason else []
    spread = spread_of(scores, gallery)
    if spread is None:
        notes, counted = ["its scores do not vary, so that they have no unit"], False
    return Seen(
        board.subject(rows[0]),
        tuple(mark for mark in marks_of(rows[0]) if all(mark in marks_of(row) for row in rows)),
        tuple(_response(scores, gallery, probe, spread) for probe in gallery.probes),
        {} if not counted or spread is None else limits_of(scores, gallery, spread),
        tuple(notes),
    )


def _response(
    scores: Mapping[str, float], gallery: Gallery, probe: Mapping[str, Any], spread: float | None
) -> float | None:
    moved = _moved(scores, gallery, probe["content"], probe["id"])
    return None if moved is None or spread is None else moved / spread


def spread_of(scores: Mapping[str, float], gallery: Gallery) -> float | None:
    """The SD (of n - 1) that is the unit of responses, or None where scores do not vary."""
    known = np.array([scores[name] for name in gallery.unit if name in scores])
    return float(known.std(ddof=1)) if len(known) > 1 and varies(known) else None


def limits_of(scores: Mapping[str, float], gallery: Gallery, spread: float) -> Mapping[str, float]:
    """The limit of each content that has one, in units of ``spread``.

    Of n harmless changes of the other contents it is the ⌈percent (n + 1) / 100⌉-th smallest
    change, or the largest where there are fewer.
    """
    limits = {}
    for content in gallery.contents:
        moves = (
            _moved(scores, gallery, other, name)
            for other, names in gallery.null.items()
            if other != content
            for name in names
        )
        sizes = sorted(abs(moved) for moved in moves if moved is not None)
        if sizes:
            rank = min(-(-gallery.percent * (len(sizes) + 1) // 100), len(sizes))
            limits[content] = sizes[rank - 1] / spread
    return limits


def _moved(scores: Mapping[str, float], gallery: Gallery, content: str, name: str) -> float | None:
    """How far the score falls from the pristine picture of ``content`` to the one of that name."""
    pristine = gallery.pristine[content]
    if pristine not in scores or name not in scores:
        return None
    return scores[pristine] - scores[name]
