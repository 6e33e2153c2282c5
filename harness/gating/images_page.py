"""The page of a gate for pictures: one HTML file that holds everything it shows."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from .. import reports
from ..images import Decoded, DecodePolicy, Failure, decode
from ..judging import strongest_window
from ..reports.compare_pictures import crop, pale
from ..reports.compare_words import number
from .images_gate import Outcome
from .images_maps import Drawn, maps_of
from .images_worst import Damaged
from .summary import counts, tables

CROP = 256  # pixels on a side of what is shown at full size
_SITE = Path(reports.__file__).parent / "site"


@dataclass(frozen=True)
class Side:
    """One version of a part of a picture at full size, as a data URI."""

    name: str
    uri: str


@dataclass(frozen=True)
class Shown:
    """A damaged picture as the page shows it; ``window`` is top, left, height, width in pixels."""

    damaged: Damaged
    height: int
    width: int
    window: tuple[int, int, int, int]
    sides: list[Side]
    under: str  # the candidate in gray: what lies under the maps
    maps: list[Drawn]
    notes: list[str]


def render(outcome: Outcome, models: Sequence[Any], policy: DecodePolicy) -> str:
    """The page's HTML, with maps of the ``models`` that make some; all text is escaped."""
    environment = Environment(
        loader=FileSystemLoader(_SITE),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    report = outcome.report
    names = ("style.css", "compare.css", "gate_images.css")
    style = "\n".join((_SITE / name).read_text("utf-8") for name in names)
    return environment.get_template("gate_images.html.j2").render(
        report=report,
        counts={question: counts(report, question) for question in report.questions},
        tables=tables(report),
        worst=[_shown(each, models, policy) for each in outcome.worst],
        number=number,
        style=Markup(style),
        # Nothing but this may act on the page, whatever a name smuggles in.
        allowed=f"'sha256-{b64encode(sha256(style.encode()).digest()).decode()}'",
    )


def _shown(damaged: Damaged, models: Sequence[Any], policy: DecodePolicy) -> Shown:
    baseline, candidate = (_image(p, policy) for p in (damaged.baseline, damaged.candidate))
    apart = (candidate.int() - baseline.int()).abs().sum(0).numpy().astype(np.float32)
    height, width = baseline.shape[1:]
    window = strongest_window(apart, height, width, CROP)
    sides = [Side("Baseline", crop(baseline, window)), Side("Candidate", crop(candidate, window))]
    notes: list[str] = []
    if damaged.reference is not None:
        pristine = _image(damaged.reference, policy)
        if pristine.shape == baseline.shape:
            sides.append(Side("Reference", crop(pristine, window)))
        else:
            notes.append("The reference is of another size: it is not shown.")
    maps: list[Drawn] = []
    for model in models:
        found, why = maps_of(model, candidate, baseline)
        maps += found
        notes += [why] if why else []
    return Shown(damaged, height, width, window, sides, pale(candidate), maps, notes)


def _image(path: Path, policy: DecodePolicy) -> torch.Tensor:
    """A picture that was read before. Raises ValueError if it has changed since."""
    decoded: Decoded | Failure = decode(path, policy)
    if isinstance(decoded, Failure):
        raise ValueError(f"{path}: {decoded.reason}; it could be read when it was scored")
    return decoded.image
