"""A user's own dataset in Hugging Face form: by its name on the hub, or a folder on disk.

Images are taken as they were encoded and decoded by the rules that hold for files. Of several
splits, "train", "validation" and "test" become the official parts of the samples.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from ..errors import one_line
from ..sample import Damage, Dataset, LabelKind, Sample
from .folder import aliases

if TYPE_CHECKING:
    import datasets as hf
    import numpy as np

    from ..images import Decoded, DecodePolicy, Failure

PARTS = {"train": "training", "training": "training", "validation": "validation"}
PARTS |= {"valid": "validation", "val": "validation", "dev": "validation", "test": "test"}
DIGITS = 16  # of a SHA-256, for images without a name


@dataclass(frozen=True)
class RowSource:
    """The image in one row of a table, whose column ``column`` is not decoded by its library."""

    table: hf.Dataset
    column: str
    row: int

    def fingerprint(self) -> str:
        encoded = self.encoded()
        return "missing" if encoded is None else hashlib.sha256(encoded).hexdigest()

    def load(self, policy: DecodePolicy) -> Decoded | Failure:
        from ..images import Failure, decode

        encoded = self.encoded()
        return Failure("file not found") if encoded is None else decode(encoded, policy)

    def alpha(self) -> np.ndarray | None:
        return None

    def encoded(self) -> bytes | None:
        """The image file; None where the row has none, or names one that is gone."""
        cell = self.table[self.row][self.column]
        if cell is None or cell["bytes"] is not None:
            return None if cell is None else bytes(cell["bytes"])
        try:
            return Path(cell["path"]).read_bytes()
        except (OSError, TypeError):
            return None


def load_hub(
    name: str,
    root: Path | None = None,
    *,
    image: str = "image",
    label: str | None = None,
    label_std: str | None = None,
    reference: str | None = None,
    content: str | None = None,
    distortion: str | None = None,
    severity: str | None = None,
    id: str | None = None,
    split: str | None = None,
    config: str | None = None,
    revision: str | None = None,
    title: str | None = None,
    label_kind: LabelKind = "mos",
    better: Literal["higher", "lower"] = "higher",
    known_as: Sequence[str] | None = None,
) -> Dataset:
    """The dataset "OWNER/NAME" of the hub, or what lies in the folder ``root``/``name``.

    A folder holds what ``save_to_disk`` wrote, or Parquet files. ``image`` to ``id`` name
    columns; ``image`` and ``reference`` hold images. Without ``id`` an image goes by the file
    name in its row where all have one of their own, else by its SHA-256; contents are references,
    or the images themselves. ``split`` is the split to load (all by default), ``config`` and
    ``revision`` are the hub's, ``known_as`` other names of the images (see ``Dataset``).
    ``better="lower"`` declares DMOS-like labels, which are negated.
    Raises FileNotFoundError, or ValueError with one line for what cannot be loaded or used.
    """
    if better not in ("higher", "lower"):
        raise ValueError(f"{name}: better must be 'higher' or 'lower', not {better!r}")
    if label_kind not in get_args(LabelKind):
        raise ValueError(f"{name}: label_kind must be one of {', '.join(get_args(LabelKind))}")
    tables = _tables(name, root, config, revision)
    if split is not None:
        if split not in tables:
            raise ValueError(f"{name}: no split {split!r}; there are: {', '.join(tables)}")
        tables = {split: tables[split]}
    values = {"label": label, "label_std": label_std, "content": content, "id": id}
    values |= {"distortion": distortion, "severity": severity}
    chosen = {field: column for field, column in values.items() if column is not None}
    rows = [row for part in tables.items() for row in _rows(name, *part, image, reference, chosen)]
    if not rows:
        raise ValueError(f"{name}: the table has no rows")
    names = [str(row.values["id"]) for row in rows] if id else _names(name, rows)
    pristine: dict[str, RowSource] = {}
    samples = []
    for row, own in zip(rows, names, strict=True):
        original = _digest(row.reference) if row.reference else None
        if row.reference and original:
            pristine.setdefault(original, row.reference)
        raw, kind = _number(row.values.get("label")), row.values.get("distortion")
        samples.append(
            Sample(
                id=own,
                source=row.image,
                content=str(row.values.get("content") or original or own),
                label=raw if raw is None or better == "higher" else 0.0 - raw,
                label_std=_number(row.values.get("label_std")),
                raw_score=raw,
                damages=(Damage(str(kind), _number(row.values.get("severity"))),) if kind else (),
                reference=original,
                split=row.part,
            )
        )
    scenes = {s.reference: s.content for s in reversed(samples)}
    apart = sorted(pristine.keys() - {*names})  # a reference may be a sample, too
    return Dataset(
        name=title or (Path(name).name if Path(name).exists() else name),
        known_as=aliases(known_as),
        samples=tuple(samples),
        references=tuple(Sample(own, pristine[own], scenes[own]) for own in apart),
        label_kind=label_kind if any(s.label is not None for s in samples) else "none",
    )


@dataclass(frozen=True)
class _Row:
    image: RowSource
    reference: RowSource | None
    values: dict[str, Any]
    part: str | None
    file: str  # the image's file name, where the table keeps one


def _tables(
    name: str, root: Path | None, config: str | None, revision: str | None
) -> dict[str, hf.Dataset]:
    """The table of each split."""
    import datasets as hf

    folder = Path(name) if root is None else root / name
    try:
        if not folder.is_dir():
            if root is not None:
                raise FileNotFoundError(f"{folder}: no such folder")
            found = hf.load_dataset(name, config, revision=revision)
        elif files := sorted(str(path) for path in folder.glob("**/*.parquet")):
            found = hf.load_dataset("parquet", data_files=_by_split(files))
        else:
            found = hf.load_from_disk(str(folder))
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{name}: no such dataset here or on the hub: {error}") from error
    except Exception as error:  # the library, and the network below it, raise many kinds
        raise ValueError(f"{name}: cannot be loaded: {one_line(error)}") from error
    return dict(found) if isinstance(found, dict) else {str(found.split or "all"): found}


def _by_split(files: list[str]) -> dict[str, list[str]]:
    """Files by the split that their names begin with, as the hub has them: train-00000-of-…"""
    splits: dict[str, list[str]] = {}
    for file in files:
        first = Path(file).stem.split("-")[0].lower()
        splits.setdefault(first if first in PARTS else "all", []).append(file)
    return splits


def _rows(
    name: str,
    split: str,
    table: hf.Dataset,
    image: str,
    reference: str | None,
    chosen: dict[str, str],
) -> Iterator[_Row]:
    import datasets as hf
    import pyarrow.compute as pc

    pictures = [image] if reference is None else [image, reference]
    for column in (*pictures, *chosen.values()):
        if column not in table.column_names:
            known = ", ".join(table.column_names)
            raise ValueError(f"{name}: no column {column!r}; the columns are: {known}")
    for column in pictures:
        if not isinstance(table.features[column], hf.Image):
            kind = type(table.features[column]).__name__
            raise ValueError(f"{name}: the column {column!r} holds {kind}, not images")
    values = table.select_columns([*dict.fromkeys(chosen.values())]).to_dict() if chosen else {}
    encoded = {  # one column each: a row is read whole
        column: table.select_columns([column]).cast_column(column, hf.Image(decode=False))
        for column in pictures
    }
    cells = encoded[image].with_format("arrow")[:][image]
    files = [Path(path or "").name for path in pc.struct_field(cells, "path").to_pylist()]
    for i in range(len(table)):
        yield _Row(
            RowSource(encoded[image], image, i),
            RowSource(encoded[reference], reference, i) if reference is not None else None,
            {field: values[column][i] for field, column in chosen.items()},
            PARTS.get(split.lower()),
            files[i],
        )


def _names(name: str, rows: list[_Row]) -> list[str]:
    """Ids for images that have none: their file names, or else what they are."""
    files = [row.file for row in rows]
    if all(files) and len({*files}) == len(files):
        return files
    digests = [_digest(row.image) for row in rows]
    if None in digests:
        position = digests.index(None)
        raise ValueError(f"{name}: no image in row {position}: name a column of ids (id=COLUMN)")
    return [digest for digest in digests if digest is not None]


def _digest(image: RowSource) -> str | None:
    """The start of the SHA-256 of an image's bytes; None without any."""
    found = image.fingerprint()
    return None if found == "missing" else found[:DIGITS]


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
