"""What all tables share: the columns that recur, the marks, and the notes under them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from ..records import Row
from .entries import CONTAMINATED, Entry, seen_mark, stays_in_line
from .groups import Group
from .layout import Cell, Column, Line, Table
from .published import published_notes

METRICS = {
    "srcc": "SRCC",
    "srcc_split_sd": "SD over splits",
    "plcc": "PLCC",
    "plcc_logistic": "PLCC logistic",
    "krcc": "KRCC",
    "rmse": "RMSE",
    "alpha": "Ridge α",
    "pair_accuracy": "Pair accuracy",
    "auc_better_worse": "AUC better/worse",
    "auc_different_similar": "AUC different/similar",
    "c0": "Right order",
    "in_view": "In view",
    "resampling": "Finest detail (px)",
    "fine_psnr": "Fine damage left (dB)",
    "type_map": "Type mAP",
    "type_chance": "mAP by chance",
    "damaged_auroc": "Damaged AUROC",
    "log_area_r2": "Log-area R²",
    "severity_r2": "Severity R²",
    "local_psnr_r2": "Local PSNR R²",
    "location_r2": "Location R²",
    "fr_psnr_srcc": "SRCC with PSNR",
    "fr_local_ssim_srcc": "SRCC with local SSIM",
    "type_prevalence": "Type prevalence",
    "auroc": "AUROC",
    "change_auroc": "AUROC of change",
    "ap": "AP",
    "change_ap": "AP of change",
    "mask_share": "AP by chance",
    "iou": "IoU",
    "iou_oracle": "IoU at its best threshold",
    "change_iou": "IoU of change",
    "change_iou_oracle": "IoU of change at its best threshold",
    "pointing": "Pointing",
    "change_pointing": "Pointing of change",
    "pointing_chance": "Pointing by chance",
}
RANK = Column("Rank", ("rank",))
MODEL = Column("Model", ("model",), "name")
MODE = Column("Mode", ("mode",), "text")
CONTAMINATION = Column("Contamination", ("contamination",), "text")
COUNT = Column("N", ("n_scored", "n_expected"))
MARKS = Column("Marks", ("marks",), "marks")
FEW = "few contents"
HELD_OUT = "held out"  # the mark of a cell whose type, or shape, the model was not trained on
DAGGER = " †"  # and what figures, which have no space for words, put in its place
SEEN = (
    "Seen: the model met this dataset in training, its scenes (content), its pictures (images) or "
    "its labels (labels); it keeps its place in the order, but its number may flatter it."
)


def assemble(
    group: Group,
    columns: Sequence[Column],
    lines: Sequence[Line],
    apart: Sequence[Line],
    metric: str | None = None,
    sorted_by: int | None = None,
) -> Table:
    """The main table of ``group``. ``metric`` is the one whose intervals it shows; None: all."""
    return Table(
        group.name,
        group.title,
        tuple(columns),
        tuple(lines),
        tuple(apart),
        group.absent,
        common_marks(group),
        _notes(group, metric),
        sorted_by,
    )


def common_marks(group: Group) -> tuple[str, ...]:
    """Marks that every line has, said once, over the table; what qualifies a line stays in it."""
    shared = [set(_marks(entry)) for entry in group.entries]
    first = _marks(group.entries[0]) if group.entries else ()
    return tuple(m for m in first if not stays_in_line(m) and all(m in marks for marks in shared))


def marks_cell(entry: Entry, common: tuple[str, ...]) -> Cell:
    """The marks of one line, less those that are said over the table."""
    own = [mark for mark in _marks(entry) if mark not in common]
    return Cell(" · ".join(own), ("; ".join(_marks(entry)),))


def held_out(rows: Iterable[Row | None]) -> bool:
    """Whether any of ``rows`` is of what its model was not trained on."""
    return any(row is not None and HELD_OUT in row.marks for row in rows)


def _marks(entry: Entry) -> tuple[str, ...]:
    """What is true of the whole line, not of some of its cells."""
    return tuple(mark for mark in entry.marks if mark != HELD_OUT)


def seen_notes(found: Iterable[tuple[str, str, Row]]) -> Iterator[str]:
    """Who met what in training, the most first: of rows with their model's label, and where.

    That is "" where a table is about one dataset.
    """
    who: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for label, where, row in found:
        if row.value is not None:
            who[row.contamination][label].append(where)
    for level in reversed(CONTAMINATED):
        if level in who:
            listed = (
                f"{label} on {', '.join(sets)}" if any(sets := dict.fromkeys(places)) else label
                for label, places in who[level].items()
            )
            yield f"{seen_mark(level)} – met in training by {'; '.join(listed)}."


def unknown_notes(found: Iterable[tuple[str, Row]]) -> Iterator[str]:
    """Whose training nobody told of, so that no mark says nothing: of rows with their labels."""
    if unknown := dict.fromkeys(label for label, row in found if row.contamination == "unknown"):
        yield f"What was met in training is unknown of {', '.join(unknown)}."


def _notes(group: Group, metric: str | None) -> tuple[str, ...]:
    """What one must know to read the numbers: intervals, few contents, reasons, provenance."""
    rows = [row for entry in group.entries for row in entry.rows]
    methods = dict.fromkeys(r.ci_method for r in rows if r.ci_method and metric in (None, r.metric))
    remarks: dict[str, list[str]] = {}
    for entry in group.entries:
        remarks.setdefault(entry.reason, []).append(entry.label)
    notes = [f"Intervals: {'; '.join(methods)}."] if methods else []
    notes += published_notes((entry.label, r) for entry in group.entries for r in entry.rows)
    if any(mark.startswith(FEW) for entry in group.entries for mark in entry.marks):
        notes.append("Few contents: intervals are wide, and the order of the lines is no finding.")
    if any(entry.seen for entry in group.entries):
        notes.append(SEEN)
    notes += unknown_notes((entry.label, r) for entry in group.entries for r in entry.rows)
    notes += [f"{', '.join(who)}: {why}." for why, who in remarks.items() if why]
    key = group.key
    if group.entries:
        notes.append(
            f"Images {key.images_hash[:8]}, labels {key.labels_hash[:8]}, {key.protocol} version "
            f"{key.protocol_version}; rows with any other of these stand in a table of their own."
        )
    return tuple(notes)
