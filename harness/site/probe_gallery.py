"""What ``iqa-eval probe gallery`` wrote: an index of probes, and their pictures."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field, FiniteFloat, PositiveInt, ValidationError

from ..collection.board import lies_below
from ..errors import first_fault

COMMAND = "iqa-eval probe gallery --out"
_SCHEMA = 1
_FILE = re.compile(r"pictures/[\w.-]+\.webp", re.ASCII)
_OUTLINE = re.compile(r"[MLZ\d. ]*", re.ASCII)  # all that a path of an SVG may be


def _is_file(name: str) -> str:
    if not _FILE.fullmatch(name):
        raise ValueError(f"{name!r} is no picture of a gallery")
    return name


def _is_outline(path: str) -> str:
    if not _OUTLINE.fullmatch(path):
        raise ValueError("an outline is no path")
    return path


def _is_share(area: str) -> str:
    """A part of the frame, such as "1/16"."""
    if not re.fullmatch(r"[1-9]\d*(/[1-9]\d*)?", area, re.ASCII) or Fraction(area) > 1:
        raise ValueError(f"{area!r} is no part of a frame")
    return area


_File = Annotated[str, AfterValidator(_is_file)]


class _Photograph(BaseModel):
    pristine: str
    file: _File
    width: PositiveInt
    height: PositiveInt
    source: str
    license: str


class _Probe(BaseModel):
    id: str
    ladder: str
    kind: str
    content: str
    types: tuple[str, ...] = Field(min_length=1)
    family: str
    severity: FiniteFloat | None
    area: Annotated[str, AfterValidator(_is_share)]
    damaged: FiniteFloat
    shape: str
    placement: str
    feather: FiniteFloat
    seed: int
    local_psnr: FiniteFloat | None
    local_ssim: FiniteFloat
    delta_e: FiniteFloat
    visible: bool
    file: _File
    outlines: tuple[Annotated[str, AfterValidator(_is_outline)], ...]


class _Null(BaseModel):
    percent: int = Field(gt=0, le=100)
    ids: dict[str, tuple[str, ...]]
    pristine: dict[str, str] = {}  # also of contents that are not shown


class _Dataset(BaseModel):
    name: str
    images_hash: str


class _Index(BaseModel):
    """Of the index, what pages show."""

    dataset: _Dataset
    chosen: str
    attribution: str
    kinds: dict[str, str]
    contents: dict[str, _Photograph]
    probes: tuple[_Probe, ...]
    unit: tuple[str, ...]
    null: _Null

    def unknown(self) -> Iterator[str]:
        """Names that stand for nothing."""
        shown, known = self.contents, {*self.contents, *self.null.pristine}
        yield from (f"content {p.content!r}" for p in self.probes if p.content not in shown)
        yield from (f"content {name!r}" for name in self.null.ids if name not in known)
        yield from (f"kind {p.kind!r}" for p in self.probes if p.kind not in self.kinds)


@dataclass(frozen=True)
class Gallery:
    """A checked index. ``contents`` and ``kinds`` are by name, ``probes`` in the order to show.

    ``unit`` are the images over whose scores the SD of responses is taken; ``null`` the harmless
    changes by content, ``percent`` of which a change of score must exceed to count as detected.
    ``pristine`` are the ids of pristine pictures by content, also of those that are not shown.
    """

    name: str
    images_hash: str
    chosen: str
    attribution: str
    contents: Mapping[str, Mapping[str, Any]]
    kinds: Mapping[str, str]
    probes: tuple[Mapping[str, Any], ...]
    unit: tuple[str, ...]
    null: Mapping[str, tuple[str, ...]]
    percent: int
    pristine: Mapping[str, str]
    pictures: Mapping[str, bytes]  # by file


def read_gallery(folder: Path) -> Gallery:
    """The gallery of a folder. Raises ValueError, with what to do, for one that cannot be read."""
    try:
        return _gallery(folder)
    except (OSError, ValueError) as error:
        why = first_fault(error) if isinstance(error, ValidationError) else error
        raise ValueError(
            f"{folder} is not a readable gallery of probes ({why}); make it anew with: "
            f"{COMMAND} {folder}"
        ) from error


def _gallery(folder: Path) -> Gallery:
    text = (folder / "index.json").read_text("utf-8")
    found = json.loads(text)
    if isinstance(found, dict) and found.get("schema") != _SCHEMA:
        raise ValueError(f"its schema is {found.get('schema')!r}, not {_SCHEMA}")
    index = _Index.model_validate_json(text, strict=True)
    if unknown := next(index.unknown(), None):
        raise ValueError(f"it does not tell of {unknown}")
    files = {photograph.file for photograph in index.contents.values()}
    files |= {probe.file for probe in index.probes}
    if away := sorted(name for name in files if not lies_below(folder / name, folder)):
        raise ValueError(f"{away[0]} is a link that leads out of it")
    return Gallery(
        name=index.dataset.name,
        images_hash=index.dataset.images_hash,
        chosen=index.chosen,
        attribution=index.attribution,
        contents=found["contents"],
        kinds=index.kinds,
        probes=tuple(found["probes"]),
        unit=index.unit,
        null=index.null.ids,
        percent=index.null.percent,
        pristine=index.null.pristine | {name: c.pristine for name, c in index.contents.items()},
        pictures={name: (folder / name).read_bytes() for name in sorted(files)},
    )
