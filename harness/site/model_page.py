"""The pages of models: what one is, what was measured of it, and what was not, and why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ..canonical import slug
from ..collection.board import Board, Subject, lies_below, model_slug
from ..records import Record, load_record
from ..reports.entries import PSEUDO
from ..reports.layout import Cell, Column, Line, Table, text_cell
from ..reports.parts import MODE, MODEL
from ..reports.style import BY_METRICS, Picture, style
from .beside import beside, published_table
from .facts import model_facts
from .gaps import failed, lacking
from .learning_figure import learning_figure
from .model_study import ModelStudy, model_studies
from .pages import progress, render

_PICTURES = (".png", ".webp")


def model_pages(board: Board) -> dict[str, bytes]:
    """``models.html``, and for each model its page, figures and pictures."""
    files = {"models.html": _list(board)}
    with style():
        for subject in progress(board.subjects, "models"):
            files |= _files(board, subject)
    return files


def _files(board: Board, subject: Subject) -> dict[str, bytes]:
    records = tuple(_records(board, subject))
    studies = tuple(model_studies(board, subject))
    learned = tuple(_learned(subject, records))
    gallery = tuple(_gallery(board, subject))
    drawn = (*(picture for study in studies for picture in study.pictures), *learned)
    found = tuple(beside(board, subject))
    page = render(
        "model.html.j2",
        root="../",
        active="models",
        subject=subject,
        control=_is_control(subject),
        modes=_modes(subject),
        facts=model_facts(subject),
        datasets=_by_dataset(studies),
        pages={row.dataset: f"../datasets/{slug(row.dataset)}.html" for row in subject.rows},
        published=published_table(subject, found) if found else None,
        beside=found,
        learned=learned,
        gallery=[(path.name, caption) for path, caption in gallery],
        lacking=lacking(subject),
        failed=failed(records),
    )
    return {
        f"models/{subject.slug}.html": page,
        **{f"figures/{picture.name}.svg": picture.svg for picture in drawn},
        **{f"pictures/{subject.slug}/{path.name}": path.read_bytes() for path, _ in gallery},
    }


def _records(board: Board, subject: Subject) -> Iterator[Record]:
    """Those of ``subject``: the folder may hold other variants' too."""
    for path in sorted((board.folder / model_slug(subject.rows[0])).glob("*/*.json")):
        record = load_record(path)
        if board.subject(record.rows[0]) is subject:
            yield record


def _list(board: Board) -> bytes:
    """Every model, with what kind it is and where there are numbers of it."""
    columns = (
        MODEL,
        Column("Kind", ("kind",), "marks"),
        MODE,
        Column("Datasets", ("datasets",)),
        Column("Protocols", ("protocols",)),
        Column("What it is", ("summary",), "text"),
    )
    lines = tuple(map(_line, board.subjects))
    return render(
        "models.html.j2",
        root="",
        active="models",
        table=Table("models", "All models", columns, lines),
        links={subject.label: f"models/{subject.slug}.html" for subject in board.subjects},
    )


def _line(subject: Subject) -> Line:
    measured = [row for row in subject.rows if row.value is not None]
    datasets = sorted({row.dataset for row in measured})
    protocols = sorted({row.protocol for row in measured})
    kinds = [*(["control"] if _is_control(subject) else []), *([] if measured else ["no numbers"])]
    return (
        text_cell(subject.label),
        Cell(" · ".join(kinds), ("; ".join(kinds),)),
        text_cell(_modes(subject)),
        Cell(str(len(datasets)), (len(datasets),)),
        Cell(str(len(protocols)), (len(protocols),), ", ".join(protocols)),
        text_cell(subject.card["summary"] if subject.card else ""),
    )


def _is_control(subject: Subject) -> bool:
    return any("control" in row.marks for row in subject.rows)


def _modes(subject: Subject) -> str:
    return ", ".join(sorted({row.mode for row in subject.rows if row.mode}))


def _by_dataset(studies: Iterable[ModelStudy]) -> dict[str, list[ModelStudy]]:
    found: dict[str, list[ModelStudy]] = defaultdict(list)
    for study in studies:
        found[study.dataset].append(study)
    return dict(found)


def _learned(subject: Subject, records: Sequence[Record]) -> Iterator[Picture]:
    for record in records:
        row, curves = record.rows[0], [fit["curve"] for fit in record.fits]
        name = f"{slug(row.dataset)}-{record.protocol_slug}.{subject.slug}"
        taught = PSEUDO in row.marks
        about = f"{subject.label} · {row.dataset}{taught * f': {PSEUDO}'} · {row.protocol}"
        remark = f" The labels are {BY_METRICS}." if taught else ""
        if (picture := learning_figure(name, about, curves, remark)) is not None:
            yield picture


def _gallery(board: Board, subject: Subject) -> Iterator[tuple[Path, str]]:
    """Pictures that are kept of ``subject``, with their captions."""
    if board.galleries is None:
        return
    for path in sorted((board.galleries / subject.slug).glob("*")):
        if path.suffix in _PICTURES and lies_below(path, board.galleries):
            told = path.with_suffix(".txt")
            kept = told.is_file() and lies_below(told, board.galleries)
            text = told.read_text("utf-8").strip() if kept else ""
            yield path, text or path.stem.replace("_", " ")
