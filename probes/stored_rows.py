"""The manifest of a stored probe set: one row an image, in Parquet."""

from __future__ import annotations

import hashlib
import io
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.atomic import write_atomic
from harness.canonical import canonical_json, digest, slug
from harness.sample import Dataset, Sample

from .achieved import measured

if TYPE_CHECKING:
    import pyarrow as pa

# What Hugging Face's image folders look for: the column ``file_name`` becomes ``image``.
MANIFEST = "metadata.parquet"
IMAGES = "images"
_TEXTS = ("ladder", "complete", "control", "harmless")  # facts, null where absent
_PLACES = ("shape", "placement")
_NUMBERS = ("local_psnr", "local_ssim", "delta_e", "mse")
_ANSWERS = ("visible", "changed")  # "yes" or "no"
_ROUNDING = {"rel_tol": 1e-5, "abs_tol": 1e-6}  # of numbers measured on two machines


def file_name(sample: Sample) -> str:
    """Where its PNG lies in the set's folder: safe on every file system, and its own."""
    return f"{IMAGES}/{slug(sample.content)}/{slug(sample.id)}.png"


def row(sample: Sample, role: str, pixels: str | None, reason: str | None) -> dict[str, Any]:
    """The manifest's row of an image; without pixels it has no file but a reason."""
    damages, facts = sample.damages, dict((*sample.measured, *sample.facts))
    first = damages[0] if damages else None
    mask = json.loads(first.mask) if first and first.mask else {}
    return {
        "id": sample.id,
        "file_name": None if pixels is None else file_name(sample),
        "content": sample.content,
        "reference": sample.reference,
        "role": facts.get("role", role),
        **{name: facts.get(name) for name in _TEXTS},
        **{name: facts.get(name, mask.get(name)) for name in _PLACES},
        "types": [damage.type for damage in damages],
        "severities": [damage.severity for damage in damages],
        "areas_asked": [damage.area_asked for damage in damages],
        "areas_met": [damage.area_met for damage in damages],
        "masks": [damage.mask for damage in damages],
        "feather": first.feather if first else None,
        "seed": first.seed if first else None,
        "damages": canonical_json([asdict(damage) for damage in damages]),
        **{name: facts.get(name) for name in (*_NUMBERS, *_ANSWERS)},
        "pixels_sha256": pixels,
        "fingerprint": sample.source.fingerprint(),
        "reason": reason,
    }


def described(dataset: Dataset, workers: int | None) -> list[tuple[Sample, str]]:
    """Every image with its role, and with its achieved damage, measured where facts lack it."""
    found = measured([s for s in dataset.samples if s.fact("local_psnr") is None], workers)
    probes = [
        replace(s, measured=tuple(asdict(found[s.id]).items())) if s.id in found else s
        for s in dataset.samples
    ]
    return [(s, "probe") for s in probes] + [(s, "pristine") for s in dataset.references]


def set_hash(pixels: Iterable[tuple[str, str | None]]) -> str:
    """SHA-256 over (id, SHA-256 of the pixels or None) of every image, in the order of ids."""
    return digest(sorted([name, found or ""] for name, found in pixels))


def rows_hash(rows: Iterable[Mapping[str, Any]]) -> str:
    """SHA-256 over all that the rows say, in the order of ids, whatever bytes Parquet makes of it.

    Rows that were edited have one, too, though they hold NaN or what JSON has no form for.
    """
    ordered = sorted(rows, key=lambda row: str(row["id"]))
    return hashlib.sha256(json.dumps(ordered, sort_keys=True, default=repr).encode()).hexdigest()


def differing(row: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[str]:
    """The columns in which two rows differ; in achieved damage, by more than rounding does."""
    for name in _schema().names:
        pair = row[name], other[name]
        close = name in _NUMBERS and None not in pair and math.isclose(*pair, **_ROUNDING)
        if pair[0] != pair[1] and not close:
            yield name


def as_stored(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows as they are read from a manifest: with its columns, and numbers of its types."""
    return _table(rows).to_pylist()


def write_manifest(folder: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write the manifest; the same rows give the same bytes with the same pyarrow."""
    import pyarrow.parquet as pq

    file = io.BytesIO()
    pq.write_table(_table(rows), file)
    write_atomic(folder / MANIFEST, file.getvalue())


def read_manifest(folder: Path) -> list[dict[str, Any]]:
    """Its rows. Raises FileNotFoundError, with what to do, or ValueError for another file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / MANIFEST
    if not path.is_file():
        raise FileNotFoundError(
            f"{folder}: no {MANIFEST} in it, so no finished probe set; iqa-eval probe build"
        )
    try:
        table = pq.read_table(path)
    except pa.ArrowException as error:
        raise ValueError(f"{path} is not the manifest of a probe set: {error}") from error
    if lacking := set(_schema().names) - set(table.column_names):
        columns = ", ".join(sorted(lacking))
        raise ValueError(f"{path} is not the manifest of a probe set: no column {columns}")
    return table.to_pylist()


def inside(name: str) -> bool:
    """Whether a file name of a manifest stays in the set's folder, as those made here do."""
    return (
        ".." not in name.split("/") and re.fullmatch(rf"{IMAGES}(/[\w.-]+){{2}}", name) is not None
    )


def _table(rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    import pyarrow as pa

    return pa.Table.from_pylist(list(rows), schema=_schema())


def _schema() -> pa.Schema:
    import pyarrow as pa

    text, number = pa.string(), pa.float64()
    return pa.schema(
        [
            *((name, text) for name in ("id", "file_name", "content", "reference", "role")),
            *((name, text) for name in (*_TEXTS, *_PLACES)),
            *(("types", pa.list_(text)), ("severities", pa.list_(number))),
            *(("areas_asked", pa.list_(number)), ("areas_met", pa.list_(number))),
            *(("masks", pa.list_(text)), ("feather", number), ("seed", pa.int64())),
            ("damages", text),
            *((name, number) for name in _NUMBERS),
            *((name, text) for name in (*_ANSWERS, "pixels_sha256", "fingerprint", "reason")),
        ]
    )
