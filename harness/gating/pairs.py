"""Two folders of records side by side: the rows that are about the same thing, in pairs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from ..records import Row, load_record, record_files
from ..reports.labels import called
from ..sample_files import read_samples, read_scores


class Place(NamedTuple):
    """What a row is about: two rows of one place, in two folders, can be compared."""

    model: str
    options: str
    dataset: str
    protocol: str
    protocol_options: str
    split: str
    subset: str
    metric: str


# What has to be equal for two rows to be measured alike, with the words for it.
_ALIKE = {
    "images_hash": "images",
    "labels_hash": "labels",
    "others": "other datasets",
    "decoding": "decoding of images",
    "protocol_version": "version of the protocol",
    "seed": "seed",
}
_COUNTS = {"n_expected": "expected", "n_scored": "scored", "n_failed": "failed"}


@dataclass(frozen=True)
class Records:
    """The rows below a folder, which is one that a run has written, or its ``records``."""

    folder: Path
    rows: Mapping[Place, Row]
    packages: Mapping[str, str] = field(default_factory=dict)  # of the run, where that is known
    processor: str | None = None  # the kind of it, likewise
    failures: Mapping[Place, Mapping[str, str]] = field(default_factory=dict)  # sample id → reason

    def scores(self, row: Row) -> dict[str, float]:
        """The per-sample scores of ``row``. Raises ValueError if they are not what they were."""
        assert row.scores is not None
        return _scores(self.folder, row.scores)

    def samples(self, row: Row) -> pd.DataFrame | None:
        """Contents and labels of the samples of ``row``, or None where they are not kept."""
        if row.samples is None or not (self.folder / "samples" / f"{row.samples}.parquet").exists():
            return None
        return _samples(self.folder, row.samples)


@dataclass(frozen=True)
class Pair:
    """A row of the baseline with that of the candidate, if there is one."""

    place: Place
    old: Row
    new: Row | None


def read(folder: Path) -> Records:
    """The records of ``folder``. Raises ValueError if there are none, or two of one place."""
    inner = folder / "records"
    records = inner if inner.is_dir() else folder
    rows: dict[Place, Row] = {}
    failures: dict[Place, Mapping[str, str]] = {}
    for path in record_files(records):
        record = load_record(path)
        failed = {name: why for own in record.failures.values() for name, why in own.items()}
        for row in record.rows:
            at = place_of(row)
            if at in rows:
                raise ValueError(f"{records}: two rows are about {' · '.join(filter(None, at))}")
            rows[at], failures[at] = row, failed
    if not rows:
        raise ValueError(f"{folder} holds no records: give a folder that iqa-eval run has written")
    return Records(records, rows, packages_of(records), processor_of(records), failures)


def pairs(baseline: Records, candidate: Records) -> list[Pair]:
    """Every row of the baseline, in order, with its counterpart.

    Where one variant of a model is in the baseline alone and one in the candidate alone, they
    are taken for the same model with other options: a file of weights is one of them.
    """
    now = _options_now(baseline.rows, candidate.rows)
    return [
        Pair(at, row, candidate.rows.get(at._replace(options=now.get(at[:2], at.options))))
        for at, row in sorted(baseline.rows.items())
    ]


def _options_now(old: Iterable[Place], new: Iterable[Place]) -> dict[tuple[str, str], str]:
    """(model, options) in the baseline → the options that the candidate has in their stead."""
    before, after = {at[:2] for at in old}, {at[:2] for at in new}
    found = {}
    for model in {model for model, _ in before}:
        gone = [options for name, options in before - after if name == model]
        come = [options for name, options in after - before if name == model]
        if len(gone) == len(come) == 1:
            found[model, gone[0]] = come[0]
    return found


def place_of(row: Row) -> Place:
    """What ``row`` is about."""
    return Place(*(getattr(row, name) for name in Place._fields))


def subject_of(at: Place) -> tuple[str, str, str, str]:
    """Model, dataset, protocol and the rest of it, as people read them."""
    model = called(at.model, json.loads(at.options))
    rest = (at.metric, *(part for part in (at.subset, at.split) if part != "all"))
    return model, at.dataset, called(at.protocol, json.loads(at.protocol_options)), ", ".join(rest)


def not_alike(pair: Pair) -> str | None:
    """Why the two rows of ``pair`` were not measured alike, or None."""
    old, new = pair.old, pair.new
    if new is None:
        return "the candidate has no such row"
    if differs := unlike(old, new):
        words, *ends = differs
        return f"not the same {words}: {' → '.join(ends)}"
    if old.value is not None and new.value is None:
        return f"the candidate has no value: {new.reason}"
    for name, words in _COUNTS.items():
        before, after = getattr(old, name), getattr(new, name)
        if old.value is not None and before != after:
            why = f" ({new.reason})" if new.reason else ""
            return f"{words}: {before} → {after} samples{why}"
    return None


def unlike(one: Row, other: Row) -> tuple[str, str, str] | None:
    """The first thing that two rows were not measured alike in, and what it was; or None."""
    for name, words in _ALIKE.items():
        ends = getattr(one, name), getattr(other, name)
        if ends[0] != ends[1]:
            return words, short(ends[0]), short(ends[1])
    return None


def packages_of(records: Path) -> dict[str, str]:
    """What the header of the run beside ``records`` says of versions; {} where there is none.

    Raises ValueError, naming it, if it cannot be read.
    """
    return _header(records)[0]


def processor_of(records: Path) -> str | None:
    """The kind of processor that the same header names, or None where that is not known."""
    return _header(records)[1]


def _header(records: Path) -> tuple[dict[str, str], str | None]:
    header = records.parent / "run.json"
    if not header.is_file():
        return {}, None
    try:
        content = json.loads(header.read_text("utf-8"))
        hardware, packages = content["hardware"], content["packages"]
        versions = {**packages, "python": content["python"], "device": hardware["device"]}
        processor = hardware.get("processor")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{header} is not a readable header of a run: {error}") from error
    return versions, processor if isinstance(processor, str) and processor != "unknown" else None


def short(value: object) -> str:
    """``value`` in words; of a hash, its start."""
    text = str(value)
    return f"{text[:12]}…" if len(text) > 40 else text or "none"


@lru_cache(maxsize=64)  # the rows of one record share them
def _scores(folder: Path, name: str) -> dict[str, float]:
    return read_scores(folder, name)


@lru_cache(maxsize=16)
def _samples(folder: Path, name: str) -> pd.DataFrame:
    return read_samples(folder, name)
