"""Where a model sees the damage: its maps of a candidate picture beside the baseline's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..errors import message, one_line
from ..judging import judge
from ..reports.compare_pictures import overlay, scale_end
from ..reports.compare_words import channels, number, one_sided
from ..reports.labels import called

STRONGEST = 2  # channels of a distortion map that are shown


@dataclass(frozen=True)
class Drawn:
    """A map as transparent color (a data URI), whose it is, and how to read it."""

    model: str
    name: str
    about: str
    uri: str


def maps_of(
    model: Any, candidate: torch.Tensor, baseline: torch.Tensor
) -> tuple[list[Drawn], str | None]:
    """The maps that ``model`` makes of two images ``uint8 [3, H, W]``, or why it failed to.

    Of a distortion map the strongest channels, where it has both; else how much lower the quality
    is. A model without maps gives none, for no reason.
    """
    label = called(model.card.name, model.card.options or {})
    try:
        if callable(getattr(model, "distortion_map", None)):
            return _distortion(label, model, candidate, baseline), None
        if callable(getattr(model, "quality_map", None)):
            return [_quality(label, model, candidate, baseline)], None
    except ValueError as error:  # judge names the model itself
        text = message(error)
        return [], text if text.startswith(model.card.name) else f"{label}: {text}"
    except Exception as error:  # whatever an adapter raises
        return [], f"{label}: {one_line(error)}"
    return [], None


def _distortion(
    label: str, model: Any, candidate: torch.Tensor, baseline: torch.Tensor
) -> list[Drawn]:
    verdict = judge(model, candidate, baseline)
    assert verdict.maps is not None
    end = scale_end(verdict.maps)
    shown, _ = channels(verdict)
    way = "the two differ" if one_sided(verdict) else "the candidate has more, blue: the baseline"
    about = f"Orange: {way}; full color at {number(end)} from 0.5."
    return [
        Drawn(label, channel.name, about, overlay(channel.values, end))
        for channel in shown[:STRONGEST]
    ]


def _quality(label: str, model: Any, candidate: torch.Tensor, baseline: torch.Tensor) -> Drawn:
    with torch.inference_mode():
        before, after = (model.quality_map([image])[0] for image in (baseline, candidate))
    drop = (before - after).detach().cpu().float().numpy()
    if not np.isfinite(drop).all():
        raise ValueError("its quality map is not finite")
    end = float(np.abs(drop).max()) or 1.0
    about = f"Orange: lower than in the baseline, blue: higher; full color at {number(end)}."
    return Drawn(label, "quality", about, overlay((0.5 + 0.5 * drop / end), 0.5))
