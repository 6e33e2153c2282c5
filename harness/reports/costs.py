"""What models cost to run, as ``iqa-eval cost --out`` wrote it down, at one setting for all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ..records import Row


class Setting(NamedTuple):
    """Costs of different settings are not to be compared."""

    width: int
    height: int
    batch: int
    device: str

    @property
    def told(self) -> str:
        """``512 × 384, one at a time, on x86_64, 1 threads``."""
        at_once = "one at a time" if self.batch == 1 else f"{self.batch} at once"
        return f"{self.width} × {self.height}, {at_once}, on {self.device}"


@dataclass(frozen=True)
class ModelCost:
    """Of one image, or pair: ``macs`` with the products of attention. Speed is the machine's."""

    parameters: int
    macs: int
    images_per_second: float


@dataclass(frozen=True)
class Costs:
    """The costs of models, by name, at ``setting``; it is None where there are none."""

    setting: Setting | None
    models: Mapping[str, ModelCost]

    def of(self, row: Row) -> ModelCost | None:
        """The cost of the model of ``row``, if it has no options: none are with the costs."""
        return self.models.get(row.model) if row.options == "{}" else None


def read_costs(lines: Iterable[Mapping[str, str]]) -> Costs:
    """The costs at the setting that most models have; of these, the one with the largest image.

    ``lines`` are those of the CSV file; ones without numbers say why, and are left out. Raises
    ValueError for a cell that is missing or no number.
    """
    found: dict[Setting, dict[str, ModelCost]] = defaultdict(dict)
    for line in lines:
        if _cell(line, "images_per_second"):
            width, height, batch = (int(_number(line, n)) for n in ("width", "height", "batch"))
            setting = Setting(width, height, batch, _cell(line, "device"))
            found[setting][_cell(line, "model")] = ModelCost(
                int(_number(line, "parameters")),
                int(_number(line, "macs_full")),
                _number(line, "images_per_second"),
            )
    if not found:
        return Costs(None, {})

    def preferred(setting: Setting) -> tuple[int, int, int, str]:
        return (-len(found[setting]), -setting.width * setting.height, *setting[2:])

    setting = min(found, key=preferred)
    return Costs(setting, found[setting])


def large(number: float) -> str:
    """``5.52 M``, ``1.25 G``; a dash for nothing, which only a model without torch has."""
    if number == 0:
        return "–"
    for power, letter in ((9, "G"), (6, "M"), (3, "k")):
        if number >= 10**power:
            return f"{number / 10**power:.2f} {letter}"
    return f"{number:.0f}"


def _cell(line: Mapping[str, str], name: str) -> str:
    """The cell; a column may be missing, and a line cut short."""
    cell = line.get(name)
    if cell is None:
        raise ValueError(
            f"costs of {line.get('model') or 'a model without a name'}: no {name}; measure them "
            "again with: iqa-eval cost --out"
        )
    return cell


def _number(line: Mapping[str, str], name: str) -> float:
    cell = _cell(line, name)
    try:
        value = float(cell)
    except ValueError:
        value = float("nan")
    if not 0 <= value < float("inf"):
        raise ValueError(
            f"costs of {line['model']}: {name} is {cell!r}, no number; measure them again "
            "with: iqa-eval cost --out"
        )
    return value
