"""What a model made of a probe set, as one table: a row for each image but the pristine ones.

Columns: id, content; role ("probe", "control", "harmless"), ladder, control, harmless, visible
(text, "" where it does not apply), changed ("no": bitwise pristine), complete ("no": a calibrated
ladder that cannot reach every area); type (joined by "+"), n (number of damages), severity (of
the first; NaN for harmless changes), area and area_met (of the first), shape, placement;
local_psnr (dB, NaN where it was not measured); delta (score of the pristine image less that of
this one: above 0 it is scored worse; NaN where one of them has no score), response (delta / SD of
the model's scores); seen ("yes" if the model was trained on all of its types, "no", or "" where
nothing is known of its training), mask_seen (as seen, of the shapes of its masks; "" also where the
whole image is damaged); mask (what the nested masks of a ladder share), first (of the
first damage in its content, None at area 1: equal for an image that has this one alone), partner
(id of the image that a control belongs to, or None).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from harness.canonical import canonical_json
from harness.sample import Damage, Sample
from harness.store import Output

from .trained import Trained, seen

if TYPE_CHECKING:
    import pandas as pd

_EDGES = ("part", "feather")  # of a mask: what a band or a complement has otherwise


def observed(
    probes: Iterable[Sample], scores: Output, spread: float, known: Trained
) -> pd.DataFrame:
    """The table of ``probes``; ``spread`` is the SD of the model's scores."""
    import pandas as pd

    probes = list(probes)
    score = dict(zip(scores.ids, scores.values.tolist(), strict=True))
    singles = [p for p in probes if _role(p) == "probe" and len(p.damages) == 1]
    places = {_place(p.content, p.damages[0]): p.id for p in singles}
    rows = []
    for probe in probes:
        delta = score.get(str(probe.reference), math.nan) - score.get(probe.id, math.nan)
        rows.append(_row(probe, delta, spread, known, places))
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def _row(
    probe: Sample, delta: float, spread: float, known: Trained, places: dict[str, str]
) -> tuple[Any, ...]:
    control = _control(probe)
    # Of two draws the first fills the frame, and the second has the mask.
    first = probe.damages[1 if control == "two-draws" else 0]
    mask = json.loads(first.mask or "{}")
    severity = math.nan if first.severity is None else first.severity
    psnr = probe.fact("local_psnr")
    types, shapes = {d.type for d in probe.damages}, set(filter(None, map(_shape, probe.damages)))
    if _role(probe) == "harmless":
        types = set()
    return (
        *(probe.id, probe.content, _role(probe)),
        *(probe.fact("ladder") or "plain", control, probe.fact("harmless") or ""),
        *(probe.fact(name) or "" for name in ("visible", "changed", "complete")),
        *(probe.distortion, len(probe.damages), severity),
        *(first.area_asked, first.area_met),
        *(probe.fact(name) or mask.get(name, "whole") for name in ("shape", "placement")),
        math.nan if psnr is None else float(psnr),
        *(delta, delta / spread, seen(types, known.types), seen(shapes, known.shapes)),
        canonical_json({k: v for k, v in mask.items() if k != "area"}),
        _key(probe.content, first) if first.mask else None,
        _partner(probe, places),
    )


_COLUMNS = (
    *("id", "content", "role", "ladder", "control", "harmless", "visible", "changed", "complete"),
    *("type", "n", "severity", "area", "area_met", "shape", "placement", "local_psnr"),
    *("delta", "response", "seen", "mask_seen", "mask", "first", "partner"),
)


def _role(probe: Sample) -> str:
    return str(probe.fact("role") or "probe")


def _control(probe: Sample) -> str:
    return str(probe.fact("control") or "")


def _shape(damage: Damage) -> str | None:
    """Of its mask, at areas too where a set is not balanced over shapes."""
    shape: str | None = json.loads(damage.mask or "{}").get("shape")
    return shape


def _key(content: str, damage: Damage) -> str:
    return canonical_json([content, damage.type, damage.severity, damage.mask, damage.seed])


def _place(content: str, damage: Damage) -> str:
    """Equal for damage in one mask, of whatever part of it and with whatever edge."""
    mask = {k: v for k, v in json.loads(damage.mask or "{}").items() if k not in _EDGES}
    return canonical_json([content, damage.type, damage.severity, damage.seed, mask])


def _partner(probe: Sample, places: dict[str, str]) -> str | None:
    """The probe that a control belongs to: the filled mask, or the full frame of the first draw."""
    if _control(probe) not in ("band", "complement", "two-draws"):
        return None
    return places.get(_place(probe.content, probe.damages[0]))
