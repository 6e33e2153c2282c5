"""Published tables: numbers, where they were read, and the runs that would reproduce them.

One YAML file a table::

    title: Frozen encoders with a ridge regressor
    citation: "A. Author: A Method"
    venue: WACV
    year: 2024
    protocol: linear-probe              # a name, or {name: NAME, option: value}
    methods:                            # as the paper calls them
      A Method: {model: my-model}       # ours; {} where there is none
    parts:
      - source: A Method (WACV 2024), Table 1
        cells:
          A Method:
            live: [.966, .970]          # SRCC, PLCC unless `metrics` says otherwise
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from pydantic import ValidationError

from ..yaml_text import read_yaml
from .schema import Cell as Cell
from .schema import Method as Method
from .schema import Paper as Paper
from .schema import Part as Part

_FILES = (".yaml", ".yml")


def paper_names() -> tuple[str, ...]:
    """The tables that come with the package."""
    files = resources.files(__name__).iterdir()
    return tuple(sorted(f.name.removesuffix(".yaml") for f in files if f.name.endswith(".yaml")))


def read_paper(name: str) -> Paper:
    """The table called ``name``, or the one in a YAML file.

    Raises FileNotFoundError, or ValueError with one line that says what is wrong.
    """
    if name.endswith(_FILES):
        path = Path(name)
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such file")
        return _parse(path.stem, path.read_bytes(), where=name)
    if name not in (known := paper_names()):
        from ..registry import unknown

        raise ValueError(unknown("paper", name, known))
    text = resources.files(__name__).joinpath(f"{name}.yaml").read_text("utf-8")
    return _parse(name, text, where=name)


def _parse(name: str, text: str | bytes, where: str) -> Paper:
    """The table that ``text`` describes; ValueError says in one line what is wrong, and where."""
    content = read_yaml(text, where)
    if not isinstance(content, dict):
        raise ValueError(f"{where}: a paper is a mapping with title, methods and parts")
    try:
        return Paper.model_validate({**content, "name": name})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        problem = " ".join(first["msg"].split()).removeprefix("Value error, ")
        raise ValueError(f"{where}: {place + ': ' if place else ''}{problem}") from error
