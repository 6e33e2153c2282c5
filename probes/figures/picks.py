"""Which probes to show: few that differ as much as the set allows."""

from __future__ import annotations

from collections import Counter
from difflib import get_close_matches
from fractions import Fraction

from harness.sample import Dataset, Sample

from ..degradations import BANK
from ..ladders import Unreachable
from ..sensitivity import plain

_STRONG = 4  # severity; a person should see the damage


def picks(dataset: Dataset, n: int) -> list[Sample]:
    """``n`` plain probes with damage to a part of the image, always the same.

    One after another: of those whose content was picked least often the ones whose area was,
    and so on by family, type and shape; the first of them. Only severities of 4 and above count
    where there are any. Raises ValueError if the set has no such probe.
    """
    found = [s for s in plain(dataset.samples) if _shows_a_part(s)]
    found = [s for s in found if (s.damages[0].severity or 0) >= _STRONG] or found
    if not found:
        raise ValueError(f"dataset {dataset.name} has no probe that is damaged in a part only")
    properties = {sample.id: _properties(sample) for sample in found}
    shown: Counter[tuple[str, str]] = Counter()
    chosen: list[Sample] = []
    while found and len(chosen) < n:
        chosen.append(min(found, key=lambda s: [shown[p] for p in properties[s.id]]))
        found.remove(chosen[-1])
        shown.update(properties[chosen[-1].id])
    return chosen


def named(dataset: Dataset, ids: list[str]) -> list[Sample]:
    """The probes of these ids. Raises ValueError for one that is not there or no probe."""
    samples = {sample.id: sample for sample in dataset.samples}
    for name in ids:
        sample = samples.get(name)
        if sample is None:
            close = get_close_matches(name, samples, n=3, cutoff=0)
            raise ValueError(
                f"dataset {dataset.name} has no sample {name!r}; closest: {', '.join(close)}"
            )
        if not sample.damages or sample.reference is None:
            raise ValueError(f"sample {name!r} is no probe: it has no known damage or reference")
    return [samples[name] for name in ids]


def area(sample: Sample) -> str:
    """The damaged part as asked, "1/16"; the smallest of several."""
    asked = min(damage.area_asked for damage in sample.damages)
    return str(Fraction(asked).limit_denominator(4096))


def _shows_a_part(sample: Sample) -> bool:
    shows = not isinstance(sample.source, Unreachable) and sample.fact("visible") != "no"
    return shows and sample.reference is not None and sample.damages[0].area_asked < 1


def _properties(sample: Sample) -> list[tuple[str, str]]:
    damage = sample.damages[0]
    family = BANK[damage.type].family if damage.type in BANK else ""
    shape = (damage.mask or "").partition('"shape":')[2].partition(",")[0]
    names = ("content", "area", "family", "type", "shape")
    values = (sample.content, area(sample), family, damage.type, shape)
    return list(zip(names, values, strict=True))
