"""A suite: models × datasets × protocols with settings, as a value or as a YAML file.

::

    name: my-suite
    models: [pyiqa:psnr, {name: timm:resnet50.a1_in1k, weights: resnet50.safetensors}]
    datasets: [demo, {name: labels.csv, root: images}]
    protocols: [correlation]
    seed: 0
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from .registry import unknown


class Named(BaseModel):
    """A registered name with options of its own: ``{name: NAME, option: value, …}``."""

    model_config = ConfigDict(frozen=True, extra="allow")
    name: str

    @property
    def options(self) -> dict[str, Any]:
        return dict(self.model_extra or {})

    def __str__(self) -> str:
        return self.name


class Suite(BaseModel):
    """What to run. All that a run computes is a function of this value."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str = "run"
    models: tuple[Named, ...]
    datasets: tuple[Named, ...]
    protocols: tuple[Named, ...] = (Named(name="correlation"),)
    seed: int = 0
    icc: Literal["srgb", "ignore"] = "srgb"

    @field_validator("models", "datasets", "protocols", mode="before")
    @classmethod
    def _names(cls, value: Any) -> Any:
        if not isinstance(value, list | tuple):
            return value
        return [{"name": item} if isinstance(item, str) else item for item in value]

    @field_validator("models", "datasets", "protocols")
    @classmethod
    def _some(cls, value: tuple[Any, ...]) -> tuple[Any, ...]:
        if not value:
            raise ValueError("name at least one")
        return value


def read_suite(path: Path) -> Suite:
    """The suite in a YAML file. Raises FileNotFoundError, or ValueError with one line."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such suite file")
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not readable YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path}: a suite is a mapping with models, datasets and protocols")
    return make_suite(str(path), content)


def make_suite(where: str, content: dict[str, Any]) -> Suite:
    """Validate ``content``; ValueError says in one line, with ``where``, what is wrong."""
    for name in content:
        if name not in Suite.model_fields:  # first, since what it was to be is then lacking
            raise ValueError(f"{where}: {unknown('key', str(name), Suite.model_fields)}")
    try:
        return Suite.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ValueError(f"{where}: {place}: {' '.join(first['msg'].split())}") from error
