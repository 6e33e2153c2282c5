"""Rows, records and the run header: the only thing that tables, figures and pages read.

``records/<model>/<dataset>/<protocol>.json`` holds rows, sorted and diff-friendly;
rows name the files of single samples beside them (see ``sample_files``).
Nothing in any depends on time, place, worker count or executor: the same seed gives the
same bytes. When, where and with what it was run stands in ``run.json`` beside them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import pandas as pd

from .atomic import write_atomic
from .canonical import canonical_json, digest, slug
from .record_shape import check_shape
from .upgrade import SCHEMA, upgraded
from .walking import files_at

# Marks a protocol that asks for what a model or dataset does not have: nothing went wrong.
NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True)
class Row:
    """One measured number with everything needed to trust it; see the field comments."""

    model: str  # the card's name
    model_version: str
    weights: str  # SHA-256s of the weights, or ""
    options: str  # canonical JSON of the adapter's options
    mode: str  # NR, FR or PAIR
    dataset: str
    images_hash: str
    labels_hash: str
    label_kind: str
    decoding: str  # the decode policy
    device: str
    others: str  # canonical JSON: other datasets that were needed → images hash, labels hash
    protocol: str
    protocol_version: str
    protocol_options: str  # canonical JSON
    split: str
    subset: str
    metric: str
    value: float | None
    ci_low: float | None
    ci_high: float | None
    ci_method: str | None
    n_expected: int
    n_scored: int
    n_failed: int
    seed: int
    published: float | None
    published_source: str | None
    contamination: str
    marks: tuple[str, ...]  # e.g. "pseudo-labels", "circular", "control", "few contents (8)"
    scores: str | None  # SHA-256 of the per-sample scores' file
    reason: str | None  # why there is no value, or what to know about it
    samples: str | None = None  # SHA-256 of the file of those samples' contents and labels
    tolerance: float | None = None  # difference between runs that the card allows, in score SDs

    @property
    def order(self) -> tuple[str, ...]:
        """Rows of a record are sorted by this."""
        return (self.split, self.subset, self.metric)


_FIELDS = {each.name: str(each.type) for each in fields(Row)}
_NEEDED = frozenset(each.name for each in fields(Row) if each.default is MISSING)


@dataclass(frozen=True)
class Record:
    """The rows of one (model, dataset, protocol), and what to know of single samples."""

    rows: tuple[Row, ...]
    failures: Mapping[str, Mapping[str, str]]  # operation → sample id → reason
    model_slug: str
    protocol_slug: str
    warnings: Mapping[str, str] = field(default_factory=dict)  # sample id → e.g. alpha dropped
    fits: tuple[Mapping[str, Any], ...] = ()  # keys, seeds, sizes of parts and learning curves

    @property
    def path(self) -> str:
        """Where it lies, relative to the folder of records."""
        return record_path(self.model_slug, self.rows[0].dataset, self.protocol_slug)


def record_path(model_slug: str, dataset: str, protocol_slug: str) -> str:
    """Where the record of these three lies, relative to the folder of records."""
    return f"{model_slug}/{slug(dataset)}/{protocol_slug}.json"


def write_record(folder: Path, record: Record) -> None:
    """Write one record. A record without rows is refused: a skip is a row too."""
    data = record_bytes(record)
    path = folder / record.path
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, data)


def record_bytes(record: Record) -> bytes:
    """The one text of a record: equal records give equal bytes.

    Its ``digest`` is the SHA-256 of the canonical JSON of all else in it: a value that was edited
    by hand does not fit it. Raises ValueError without rows, and for NaN and infinity.
    """
    if not record.rows:
        raise ValueError("a record needs at least one row")
    rows = [asdict(row) for row in sorted(record.rows, key=lambda row: row.order)]
    shared = {k: v for k, v in rows[0].items() if all(row[k] == v for row in rows)}
    content = {
        "schema": SCHEMA,
        "shared": shared,
        "rows": [{k: v for k, v in row.items() if k not in shared} for row in rows],
        "failures": {name: dict(sorted(f.items())) for name, f in record.failures.items() if f},
        "warnings": dict(sorted(record.warnings.items())),
        **({"fits": record.fits} if record.fits else {}),
    }
    return text_of({**content, "digest": digest(content)})


def text_of(content: Mapping[str, Any]) -> bytes:
    """The bytes of a record's file, whatever its schema: sorted, a value a line."""
    text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode()


def load_record(path: Path, *, edited: bool = False) -> Record:
    """The record of one file, in the newest schema, with the slugs that its place has.

    ValueError names the file if it is no record of a known schema with fields of the right types
    (see ``record_shape``), or if its digest does not fit and ``edited`` does not allow for that.
    """
    try:
        text = path.read_text("utf-8")
        content = json.loads(text)
        record = _parsed(content, path)
        if "\\u" in text:
            canonical_json(content).encode()  # half a character could not be written again
        trusted = edited or fits_digest(content)
    except RecursionError:
        raise ValueError(f"{path} is not a readable record: nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"{path} is not a readable record: {error}") from error
    if not trusted:
        raise ValueError(
            f"{path} was edited after it was written: its digest does not fit; "
            "iqa-eval results validate tells all"
        )
    return record


def fits_digest(content: Mapping[str, Any]) -> bool:
    """Whether a record's file says what was written, as far as its schema lets that be known.

    Raises ValueError for NaN and infinity.
    """
    if content["schema"] != SCHEMA:
        return True  # schema 1 had no digest
    own = digest({name: value for name, value in content.items() if name != "digest"})
    return bool(content.get("digest") == own)


def _parsed(content: Mapping[str, Any], path: Path) -> Record:
    content = upgraded(content)
    check_shape(content, _FIELDS, _NEEDED)
    found = [{**content["shared"], **row} for row in content["rows"]]
    rows = tuple(Row(**{**row, "marks": tuple(row["marks"])}) for row in found)
    names = path.parent.parent.name, path.stem
    fits = tuple(content.get("fits", ()))
    return Record(rows, content["failures"], *names, content["warnings"], fits)


def read_record(path: Path) -> tuple[Row, ...]:
    """The rows of one file. Raises what ``load_record`` does."""
    return load_record(path).rows


def record_files(folder: Path) -> list[Path]:
    """The files of all records below ``folder``, in a stable order.

    Raises OSError, which names it, for a folder that cannot be read.
    """
    return sorted(path for path in files_at(folder, 3) if path.name.endswith(".json"))


def read_records(folder: Path) -> tuple[Row, ...]:
    """Every row below ``folder``, in a stable order. Raises what reading one of them does."""
    return tuple(row for path in record_files(folder) for row in read_record(path))


def frame(rows: Iterable[Row]) -> pd.DataFrame:
    """The rows as a pandas frame, one column a field of Row."""
    names = [each.name for each in fields(Row)]
    return pd.DataFrame([asdict(row) for row in rows], columns=names)
