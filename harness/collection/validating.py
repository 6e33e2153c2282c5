"""Are records what a run wrote? What lies where, whether it was edited, and if it can be true."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from ..canonical import slug
from ..errors import count, message
from ..model import Mode
from ..records import Record, Row, fits_digest, load_record, record_bytes, record_path, text_of
from ..sample import LabelKind
from ..upgrade import SCHEMA
from .difference import said
from .folders import BESIDE, beside, file_path, files_of, places
from .ranges import range_of
from .recompute import wrong_values
from .telling import wrong_tellings

# What rows of a comparison say of each model that took part.
RANKS = ("rank_low", "rank_high")
RANKED = (*RANKS, "srcc", "top_group")
# Fields that hold one of a few words; the mode is open where a model could not be loaded.
_KNOWN: Mapping[str, tuple[str, ...]] = {
    "mode": (*get_args(Mode), ""),
    "label_kind": get_args(LabelKind),
    "contamination": ("none", "content", "images", "labels", "unknown"),
}
_SLACK = 1e-9  # what rounding may put a value beyond the end of its range or interval


@dataclass(frozen=True)
class Fault:
    """What is wrong in one place; ``remark``: only to be known, it makes no record invalid."""

    place: str
    text: str
    remark: bool = False


def validate(folder: Path) -> list[Fault]:
    """All that is wrong with the records of ``folder``, and what else there is to know."""
    faults: list[Fault] = []
    named: set[str] = set()
    checked: dict[tuple[str, str], str | None] = {}
    for place in places(folder):
        try:
            record = load_record(folder / place, edited=True)
        except ValueError as error:
            faults.append(Fault(place, message(error).removeprefix(f"{folder / place} ")))
            continue
        named |= beside(record)
        texts = list(_form(folder / place, record))
        if not texts:
            texts = [*_place(place, record), *_rows(record)]
            for kind, name in sorted(files_of(record)):
                if (kind, name) not in checked:
                    checked[kind, name] = _file(folder, kind, name)
                texts += [text] if (text := checked[kind, name]) else []
            if not texts:  # numbers are made of what is known to be whole
                texts = list(wrong_values(record.rows, folder))
            faults += [Fault(place, text, remark=True) for text in _remarks(folder / place, record)]
        faults += [Fault(place, text) for text in texts]
    for kind, end in BESIDE:
        for path in sorted((folder / kind).glob(f"*{end}")):
            if (place := path.relative_to(folder).as_posix()) not in named:
                faults.append(Fault(place, "no record names it", remark=True))
    return faults + [Fault(place, text) for place, text in wrong_tellings(folder)]


def require_valid(folder: Path) -> None:
    """Raise ValueError, in one line, if a record of ``folder`` is not what a run wrote."""
    if wrong := [fault for fault in validate(folder) if not fault.remark]:
        more = f" (and {count(len(wrong) - 1, 'more fault')})" if len(wrong) > 1 else ""
        raise ValueError(f"{folder / wrong[0].place}: {wrong[0].text}{more}")


def _form(path: Path, record: Record) -> Iterator[str]:
    """Whether the file is the one text of what it says, and was not edited."""
    raw = json.loads(path.read_text("utf-8"))
    try:
        if not fits_digest(raw):
            yield "it was edited after it was written: its digest does not fit what it says"
            return
        text = record_bytes(record) if raw["schema"] == SCHEMA else text_of(raw)
    except ValueError as error:
        yield f"a number in it is not finite: {message(error)}"
        return
    data = path.read_bytes()
    if data != text and data.replace(b"\r\n", b"\n") == text:
        yield (
            "its lines end in CRLF, and a run ends them in LF: git changes that where "
            "core.autocrlf is true; set it to false and check the records out again"
        )
    elif data != text:
        yield "it says what a run wrote, but not in the same bytes: order or spaces were changed"


def _place(place: str, record: Record) -> Iterator[str]:
    """Whether it lies where a record of its model, dataset and protocol belongs."""
    alike = ("model", "options", "dataset", "protocol", "protocol_options")
    row = record.rows[0]
    for name in alike:
        if any(getattr(each, name) != getattr(row, name) for each in record.rows):
            yield f"its rows are of more than one {name.replace('_', ' ')}"
            return
    model = slug(row.model, json.loads(row.options))
    protocol = slug(row.protocol, json.loads(row.protocol_options))
    belongs = record_path(model, row.dataset, protocol)
    if belongs != place:
        yield f"what it says belongs at {belongs}"


def _rows(record: Record) -> Iterator[str]:
    """Whether each row is there once, and can be true."""
    for name, times in Counter(row.order for row in record.rows).items():
        if times > 1:
            yield f"{said(name)} is there {times} times"
    yield from _ranked(record)
    for row in record.rows:
        yield from (f"{said(row.order)}: {text}" for text in _row(row))


def _ranked(record: Record) -> Iterator[str]:
    """Whether each rank has all that is said of a model that was compared."""
    valued = {(row.metric, row.split, row.subset) for row in record.rows if row.value is not None}
    for split, subset in sorted({(row.split, row.subset) for row in record.rows}):
        lacking = [name for name in RANKED if (name, split, subset) not in valued]
        if lacking and any((name, split, subset) in valued for name in RANKS):
            yield f"it has a rank, but no {' and no '.join(lacking)} ({subset})"


def _row(row: Row) -> Iterator[str]:
    for name, known in _KNOWN.items():
        if (value := getattr(row, name)) not in known:
            yield f"its {name} {value!r} is none of {', '.join(filter(None, known))}"
    counts = row.n_expected, row.n_scored, row.n_failed
    if min(counts) < 0 or row.n_scored + row.n_failed > row.n_expected:
        yield f"{row.n_scored} scored and {row.n_failed} failed of {row.n_expected} expected"
    if row.value is None and row.reason is None:
        yield "no value, and no reason why"
    low, high = range_of(row.metric)
    for name, value in (("value", row.value), ("ci_low", row.ci_low), ("ci_high", row.ci_high)):
        if value is not None and not low - _SLACK <= value <= high + _SLACK:
            yield f"its {name} {value:g} is not within {low:g} and {high:g}"
    low, high = _interval(row)
    if low > high:
        yield f"its interval {low:g} to {high:g} is the wrong way round"
    elif _outside(row) and "percentile" not in (row.ci_method or ""):
        yield f"its value {row.value:g} is not in {low:g} to {high:g}"


def _interval(row: Row) -> tuple[float, float]:
    """Its ends; what is beyond what could be measured has one end, or none."""
    return (
        -math.inf if row.ci_low is None else row.ci_low,
        math.inf if row.ci_high is None else row.ci_high,
    )


def _outside(row: Row) -> bool:
    low, high = _interval(row)
    return row.value is not None and not low - _SLACK <= row.value <= high + _SLACK


def _file(folder: Path, kind: str, name: str) -> str | None:
    """What is wrong with a file that rows name; labels may be kept elsewhere."""
    path = file_path(folder, kind, name)
    if not path.is_file():
        return f"its {kind} {name[:12]}… are not there" if kind == "scores" else None
    if hashlib.sha256(path.read_bytes()).hexdigest() != name:
        return f"its {kind} {name[:12]}… are not what they were: their SHA-256 is another"
    return None


def _remarks(path: Path, record: Record) -> Iterator[str]:
    schema = json.loads(path.read_text("utf-8"))["schema"]
    if schema != SCHEMA:
        yield f"of schema {schema}, which had no digest: an edit could not be told"
    for row in record.rows:
        if _outside(row) and "percentile" in (row.ci_method or ""):
            yield f"{said(row.order)}: the bootstrap's interval does not hold the value"
