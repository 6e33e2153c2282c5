"""A suite: models × datasets × protocols with settings, as a value or as a YAML file.

::

    name: my-suite
    models: [pyiqa:psnr, {name: timm:resnet50.a1_in1k, weights: resnet50.safetensors}]
    datasets: [demo, {name: labels.csv, root: images}]
    protocols: [correlation]
    seed: 0

Some come with the package, by name: they are about models that are still to be named.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from .registry import unknown
from .yaml_text import read_yaml

_SHIPPED = resources.files(__package__) / "suites"


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
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] = 0  # as records hold it
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


def read_suite(path: Path, models: Sequence[Any] = ()) -> Suite:
    """The suite in a YAML file, or the one of that name that comes with the package.

    ``models`` go into a suite that names none. Raises FileNotFoundError, or ValueError with one
    line.
    """
    shipped = {file.name.removesuffix(".yaml"): file for file in _SHIPPED.iterdir()}
    file = path if path.is_file() else shipped.get(str(path))
    if file is None:
        known = ", ".join(sorted(shipped))
        raise FileNotFoundError(f"{path}: no such suite file, nor one of {known}")
    content = read_yaml(file.read_bytes(), path)
    if not isinstance(content, dict):
        raise ValueError(f"{path}: a suite is a mapping with models, datasets and protocols")
    if models and "models" in content:
        raise ValueError(f"{path}: a suite file names its models itself: leave --models out")
    if models:
        content["models"] = models
    elif file is not path:
        raise ValueError(f"{path}: name the --models that it is to run")
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
