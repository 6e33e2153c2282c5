"""Which probes of a set are kept as pictures: few, of every kind, the same ones every time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from fractions import Fraction

from harness.sample import Sample

from .degradations import BANK
from .render import Recipe

HOW = (
    "One ladder (a damage through nested masks of growing area) for each type of damage, and one "
    "for each other kind: equal damage, equal energy, several damages, every control, every "
    "harmless change. Contents take turns, then severities, then shapes, placements and feathers; "
    "what is still alike is taken in the order of ids. Embedded photographs without a stated "
    "license are left out."
)

KINDS = {
    "plain": "one damage inside one mask",
    "equal-damage": "one damage inside one mask, as strong that its local PSNR is the same at "
    "every area of the ladder",
    "equal-energy": "one damage inside one mask, as strong that the squared error of the whole "
    "picture is the same at every area of the ladder",
    "2 damages": "two damages in masks that do not overlap",
    "3 damages": "three damages in masks that do not overlap",
    "band": "a control: the damage is in a band along the edge of the mask only",
    "complement": "a control: the damage is everywhere but in the mask",
    "two-draws": "a control: one random draw of the damage over the whole picture, another one "
    "inside the mask; the mask has no edge that could be seen",
    "harmless": "a change that nobody minds, from which no score should move far",
}


def chosen(samples: Iterable[Sample], per: int = 1) -> tuple[Sample, ...]:
    """``per`` whole ladders of each cell (a kind, and for plain and harmless ones the type).

    A pure function of the set of ``samples``: their order does not matter. Only what can be
    rendered is taken, and of the ladders of a cell those that have the most areas. Sorted by
    kind, family, type, ladder and area. Raises ValueError where there is nothing to choose from.
    """
    ladders: dict[str, list[Sample]] = defaultdict(list)
    for sample in sorted(samples, key=lambda sample: sample.id):
        if sample.damages and isinstance(sample.source, Recipe):
            ladders[ladder_of(sample)].append(sample)
    cells: dict[tuple[int, str, str], list[list[Sample]]] = defaultdict(list)
    for ladder in ladders.values():
        cells[_cell(ladder[0])].append(sorted(ladder, key=area_of))
    if not cells:
        raise ValueError("no sample here is rendered with known damage: there are no probes")
    shown: Counter[tuple[str, object]] = Counter()
    found: list[Sample] = []
    for _, candidates in sorted(cells.items()):
        longest = max(map(len, candidates))
        left = [ladder for ladder in candidates if len(ladder) == longest]
        taken: list[list[Sample]] = []
        while left and len(taken) < per:
            best = min(left, key=lambda ladder: _turn(ladder[0], shown))
            left.remove(best)
            taken.append(best)
            shown.update(_levels(best[0]))
        found += [sample for ladder in sorted(taken, key=_first_id) for sample in ladder]
    return tuple(found)


def kind_of(sample: Sample) -> str:
    """What the probe is for: "plain", "equal-damage", "equal-energy", "2 damages", "band", …"""
    if sample.fact("role") == "harmless":
        return "harmless"
    if control := sample.fact("control"):
        return str(control)
    if len(sample.damages) > 1:
        return f"{len(sample.damages)} damages"
    return str(sample.fact("ladder") or "plain")


def family_of(sample: Sample) -> str:
    """The family of its first type, e.g. "blur"; "harmless" for harmless changes."""
    type = sample.damages[0].type
    return BANK[type].family if type in BANK else "harmless"


def ladder_of(sample: Sample) -> str:
    """What the probes of a ladder share: the id without its last part, the area."""
    return sample.id if kind_of(sample) == "harmless" else sample.id.rpartition("/")[0]


def area_of(sample: Sample) -> Fraction:
    """The area asked of the mask, also where the first of two draws has none."""
    return Fraction(min(d.area_asked for d in sample.damages)).limit_denominator(4096)


def _cell(sample: Sample) -> tuple[int, str, str]:
    kind = kind_of(sample)
    place = {"plain": 0, "harmless": 2}.get(kind, 1)
    if place == 1:
        return place, kind, ""
    return place, family_of(sample), sample.damages[0].type


def _turn(sample: Sample, shown: Counter[tuple[str, object]]) -> tuple[int, int, int, str]:
    content, severity, *others = (shown[level] for level in _levels(sample))
    return content, severity, sum(others), sample.id


def _levels(sample: Sample) -> list[tuple[str, object]]:
    """Of the ladder's smallest probe: at large areas shape and placement are no conditions."""
    first = sample.damages[0]
    return [
        ("content", sample.content),
        ("severity", first.severity),
        ("shape", sample.fact("shape")),
        ("placement", sample.fact("placement")),
        ("feather", first.feather),
    ]


def _first_id(ladder: Sequence[Sample]) -> str:
    return ladder[0].id
