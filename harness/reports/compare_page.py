"""The page of a comparison: one HTML file that holds everything it shows."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ..card_command import card_facts
from ..images import Decoded
from ..judging import Verdict, strongest_window
from .compare_pictures import SHOWN, crop, overlay, pale, photograph, scale_end
from .compare_words import (
    COUNTED,
    Channel,
    channels,
    limits,
    meaning,
    number,
    one_sided,
    summary,
)
from .labels import called

CROP = 384  # pixels on a side of what is shown at full size
_SITE = Path(__file__).parent / "site"
_MOST = 6  # maps shown at once
_FIRST = ("weights", "trained on")  # of a card, what is shown at once, in short


@dataclass(frozen=True)
class Pair:
    """Two versions of one picture, of one size, and what they are called."""

    test_name: str
    reference_name: str
    test: Decoded
    reference: Decoded
    warning: str = ""  # what the pair itself is unfit for

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width = self.test.image.shape[1:]
        return height, width


@dataclass(frozen=True)
class Part:
    """A part of both images at full size: data URIs, and where it lies in pixels.

    ``id`` is that of the part in the page.
    """

    id: str

    top: int
    left: int
    height: int
    width: int
    test: str
    reference: str


@dataclass(frozen=True)
class Drawn:
    """A channel, and its map as a data URI."""

    channel: Channel
    uri: str


@dataclass(frozen=True)
class Section:
    """What the page shows of one model; ``end`` is how far its scale goes from 0.5.

    ``maps`` are the strongest, ``others`` the rest of them.
    """

    title: str
    version: str
    control: bool
    about: str
    score: str
    meaning: str
    limits: str
    sentences: list[str]
    maps: list[Drawn]
    others: list[Drawn]
    end: float
    one_sided: bool
    part: Part | None
    first: list[tuple[str, list[str]]]
    card: list[tuple[str, list[str]]]


def render(pair: Pair, verdicts: Sequence[Verdict]) -> str:
    """The page's HTML; names, cards and file names are escaped."""
    environment = Environment(
        loader=FileSystemLoader(_SITE),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    height, width = pair.size
    style = "\n".join((_SITE / name).read_text("utf-8") for name in ("style.css", "compare.css"))
    style += f":root {{ --ratio: {width / height:.6f}; }}\n"
    script = (_SITE / "compare.js").read_text("utf-8")
    scaled = max(height, width) > SHOWN
    apart = (pair.test.image.int() - pair.reference.image.int()).abs().sum(0).numpy()
    return environment.get_template("compare.html.j2").render(
        pair=pair,
        height=height,
        width=width,
        scaled=scaled,
        equal=torch.equal(pair.test.image, pair.reference.image),
        pictures={
            "test": photograph(pair.test.image),
            "reference": photograph(pair.reference.image),
            "pale": pale(pair.test.image) if any(v.maps is not None for v in verdicts) else "",
        },
        part=_part("part", pair, apart) if scaled else None,
        sections=[_section(at, pair, each, scaled) for at, each in enumerate(verdicts, 1)],
        counted=COUNTED,
        number=number,
        style=Markup(style),
        script=Markup(script),
        # Nothing but these two may act on the page, whatever a name smuggles in.
        allowed={"style": _digest(style), "script": _digest(script)},
    )


def _section(at: int, pair: Pair, verdict: Verdict, scaled: bool) -> Section:
    shown, faint = channels(verdict)
    end = 0.5 if verdict.maps is None else scale_end(verdict.maps)
    asked = {"score_pair": verdict.score, "distortion_map": verdict.maps}
    facts = list(card_facts(verdict.card, [name for name in asked if asked[name] is not None]))
    drawn = [Drawn(channel, overlay(channel.values, end)) for channel in [*shown, *faint]]
    most = min(len(shown), _MOST)
    strength = None if verdict.maps is None else np.abs(verdict.maps - 0.5).max(0)
    return Section(
        title=called(verdict.card.name, verdict.card.options or {}),
        version=verdict.card.version,
        control=verdict.card.control,
        about=verdict.card.summary,
        score="" if verdict.score is None else number(verdict.score.value),
        meaning="" if verdict.score is None else meaning(verdict.score),
        limits=limits(verdict),
        sentences=summary(verdict),
        maps=drawn[:most],
        others=drawn[most:],
        end=end,
        one_sided=one_sided(verdict),
        part=_part(f"part-{at}", pair, strength) if scaled and strength is not None else None,
        first=[
            (title, [line for line in lines if not line.startswith(" ")])
            for title, lines in facts
            if title in _FIRST
        ],
        card=facts,
    )


def _part(name: str, pair: Pair, strength: np.ndarray) -> Part:
    window = strongest_window(strength, *pair.size, CROP)
    return Part(name, *window, crop(pair.test.image, window), crop(pair.reference.image, window))


def _digest(text: str) -> str:
    """As a content security policy names what stands between two tags."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
