"""What a file that describes a table may say, checked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from ..canonical import canonical_json
from ..papers import Paper, read_paper
from ..papers.schema import Reference
from ..registry import unknown
from ..yaml_text import read_yaml

COMPARISON = "significance"  # the protocol that ranks stand under in records
RANKS = "ranks"  # a metric of tables alone: the rank interval, and whether it may be the best
_FILES = (".yaml", ".yml")
_PUBLISHED = {"methods", "parts"}  # keys that only a published table has


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Line(_Facts):
    """A model, or those that a pattern with ``*`` and ``?`` fits.

    ``options`` are some of those that the model was run with; ``name`` is what it is called.
    """

    model: str
    options: dict[str, Any] = {}
    name: str = ""

    @property
    def is_pattern(self) -> bool:
        """Whether it asks for what is there, and not for one model."""
        return any(char in self.model for char in "*?[")


class Heading(_Facts):
    """One number of each line, or one for each of ``metrics`` where it names no metric.

    Without a ``split``, the one that there is; ``span`` stands over neighboring headings.
    """

    dataset: str
    protocol: Reference
    split: str | None = None
    subset: str = "all"
    metric: str | None = None
    heading: str | None = None
    span: str | None = None


def _as_line(value: Any) -> Any:
    return {"model": value} if isinstance(value, str) else value


class Spec(_Facts):
    """A table. ``order`` names the column whose values fall, or rise where less is better."""

    name: str
    title: str
    rows: Annotated[tuple[Annotated[Line, BeforeValidator(_as_line)], ...], Field(min_length=1)]
    columns: Annotated[tuple[Heading, ...], Field(min_length=1)]
    show: Literal["value", "interval", "published"] = "value"
    metrics: Annotated[tuple[str, ...], Field(min_length=1)] = ("srcc", "plcc")
    order: str | None = None
    notes: tuple[str, ...] = ()


_PARTS: dict[object, type[_Facts]] = {"rows": Line, "columns": Heading}


def read_layout(name: str) -> Spec | Paper:
    """The table of a YAML file, or the published one of that name or in that file.

    FileNotFoundError, or ValueError with one line, if it is none.
    """
    path = Path(name)
    if path.suffix not in _FILES:
        return read_paper(name)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    content = read_yaml(path.read_bytes(), path)
    if not isinstance(content, dict):
        raise ValueError(f"{path}: a table is a mapping with title, rows and columns")
    if _PUBLISHED & content.keys():
        return read_paper(name)
    try:
        return Spec.model_validate({"name": path.stem, **content})
    except ValidationError as error:
        raise ValueError(f"{path}: {_problem(error)}") from error


def written(name: str, options: Mapping[str, Any]) -> str:
    """A protocol with its options, as a file names it."""
    if not options:
        return name
    told = (f"{option}: {canonical_json(value)}" for option, value in options.items())
    return f"{{{', '.join((f'name: {name}', *told))}}}"


def _problem(error: ValidationError) -> str:
    """What is wrong first: a name that is not known explains what is then lacking."""
    errors = sorted(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
    first, place = errors[0], ".".join(map(str, errors[0]["loc"]))
    if first["type"] != "extra_forbidden":
        return f"{place}: {' '.join(first['msg'].split())}"
    *inside, key = first["loc"]
    where = f"{'.'.join(map(str, inside))}: " if inside else ""
    known = _PARTS.get(inside[0], Spec) if inside else Spec
    return where + unknown("key", str(key), known.model_fields)
