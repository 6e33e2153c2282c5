"""A user's own dataset: a CSV or Parquet table of image files.

Columns: ``image`` (path, relative to the table or to ``root``) and, where known, ``label``,
``label_std``, ``reference`` (path), ``content``, ``distortion``, ``severity``, ``split``,
``id`` (default: the image path as written). A content is the scene that an image shows; by
default an image's reference, or the image itself.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import pandas as pd

from ..errors import count
from ..sample import Damage, Dataset, LabelKind, Sample
from ..source import FileSource

_NUMBERS = ("label", "label_std", "severity")
_COLUMNS = ("id", "image", *_NUMBERS, "reference", "content", "distortion", "split")
_NOTHING = frozenset({"nan", "na", "n/a", "none", "null", "<na>"})  # as others write no number


def load_table(
    path: Path,
    root: Path | None = None,
    *,
    title: str | None = None,
    label_kind: LabelKind = "given",
    known_as: Sequence[str] | None = None,
    better: Literal["higher", "lower"] = "higher",
) -> Dataset:
    """The dataset that ``path`` lists; images are found below ``root`` (default: its folder).

    ``title`` names the dataset; ``label_kind`` says what the labels are, such as "mos" where
    people rated, which is never assumed; ``known_as`` are the names of public datasets that the
    images come from, if any, so that models trained on those are marked.
    ``better="lower"`` declares DMOS-like labels: they are negated and kept as ``raw_score``.
    A row without a usable label stays in the dataset with no label; a missing image file is
    a failure of that sample later, not here. Warns of columns that are not used, and of cells
    that should be numbers and are not. Raises FileNotFoundError, also where no image at all is
    found, or ValueError with one line for a table that cannot be used.
    """
    table = _read(path)
    if "image" not in table.columns:
        columns = ", ".join(map(str, table.columns))
        raise ValueError(f"{path}: no column 'image'; the columns are: {columns}")
    if better not in ("higher", "lower"):
        raise ValueError(f"{path}: better must be 'higher' or 'lower', not {better!r}")
    if table.empty:
        raise ValueError(f"{path}: the table has no rows")
    folder = path.parent if root is None else root
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder; give the images' folder as root")
    if label_kind not in get_args(LabelKind):
        raise ValueError(f"{path}: label_kind must be one of {', '.join(get_args(LabelKind))}")
    sign = 1.0 if better == "higher" else -1.0
    rows = table.to_dict("records")
    for line in (_unused(table), *(_odd(rows, column) for column in _NUMBERS)):
        if line:
            warnings.warn(f"{path}: {line}", stacklevel=3)
    # A reference that the table lists, too, goes by the id that it has there.
    ids = {_text(row, "image"): _text(row, "id") or _text(row, "image") for row in rows}
    samples = []
    for position, row in enumerate(rows, start=2):
        image, reference = _text(row, "image"), _text(row, "reference")
        if image is None:
            raise ValueError(f"{path}: row {position} names no image")
        raw = _number(row, "label")
        distortion, severity = _text(row, "distortion"), _number(row, "severity")
        samples.append(
            Sample(
                id=_text(row, "id") or image,
                source=FileSource(folder / image),
                content=_text(row, "content") or reference or image,
                label=None if raw is None else sign * raw,
                label_std=_number(row, "label_std"),
                raw_score=raw,
                damages=(Damage(distortion, severity),) if distortion else (),
                reference=ids.get(reference, reference),
                split=_text(row, "split"),
            )
        )
    if not any(os.path.exists(folder / image) for image in ids if image):
        raise FileNotFoundError(
            f"{path}: none of its {count(len(rows), 'image')} lies in {folder} "
            f"(first: {next(iter(ids))}): give their folder as --root"
        )
    return Dataset(
        name=title or path.stem,
        samples=tuple(samples),
        references=_references(samples, folder),
        known_as=aliases(known_as),
        label_kind=_kind(samples, label_kind, better),
    )


def _kind(samples: list[Sample], given: LabelKind, better: str) -> LabelKind:
    if all(sample.label is None for sample in samples):
        return "none"
    return "dmos" if given == "mos" and better == "lower" else given


def aliases(known_as: Sequence[str] | None) -> tuple[str, ...] | None:
    """As a dataset has them: one name is a list of one, and None means that they are not known."""
    if isinstance(known_as, str):
        return (known_as,)
    return None if known_as is None else tuple(known_as)


def _read(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such table")
    try:
        if path.suffix.lower() == ".parquet":
            return pd.read_parquet(path)
        # Text stays text: a content called "007" or "NA" must not become a number or nothing.
        table = pd.read_csv(path, dtype=str, keep_default_na=False, skipinitialspace=True)
        return table.rename(columns=str.strip)
    except Exception as error:  # pandas and pyarrow raise many kinds
        line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"{path}: not a readable table: {line}") from error


def _unused(table: pd.DataFrame) -> str | None:
    """What to say of columns that nobody reads, the most telling of which is a label's."""
    unused = [str(column) for column in table.columns if column not in _COLUMNS]
    if not unused:
        return None
    lack = "" if "label" in table.columns else "no column 'label'; "
    return f"{lack}not used: {', '.join(unused)}; known: {', '.join(_COLUMNS)}"


def _odd(rows: Sequence[dict[Hashable, Any]], column: str) -> str | None:
    """What to say of cells that hold something and no number; they count as empty."""
    odd = [
        (position, text)
        for position, row in enumerate(rows, start=2)
        if (text := _text(row, column)) is not None
        and text.strip().lower() not in _NOTHING
        and _number(row, column) is None
    ]
    if not odd:
        return None
    position, text = odd[0]
    are = "is not a number" if len(odd) == 1 else "are not numbers"
    cells = count(len(odd), "cell")
    return f"{column}: {cells} {are}, first {text!r} in row {position}: taken as empty"


def _references(samples: list[Sample], folder: Path) -> tuple[Sample, ...]:
    """Pristine images that the table refers to and does not list as samples."""
    listed = {s.id for s in samples}
    found = {
        s.reference: Sample(s.reference, FileSource(folder / s.reference), s.content)
        for s in reversed(samples)
        if s.reference is not None and s.reference not in listed
    }
    return tuple(found[name] for name in sorted(found))


def _text(row: dict[Hashable, Any], column: str) -> str | None:
    value = row.get(column)
    return None if pd.isna(value) or value == "" else str(value)


def _number(row: dict[Hashable, Any], column: str) -> float | None:
    try:
        value = float(row.get(column, math.nan))
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None
