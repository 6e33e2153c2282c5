"""How figures look, on paper and on a dark page, and how they become bytes."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation

from .entries import Entry

INK, MUTED, GRID, PAPER = "#1f2937", "#6b7280", "#e5e7eb", "#ffffff"
COLORS = ("#0173b2", "#d55e00", "#029e73", "#cc78bc", "#de8f05", "#56b4e9", "#ca9161")
# What a dark page asks for instead; all other colors are legible on both.
_DARK = {
    INK: "#e5e7eb",
    MUTED: "#9ca3af",
    GRID: "#374151",
    PAPER: "#161b22",
    COLORS[0]: "#4aa5e0",
}
BY_METRICS = "pseudo-labels, computed and not given by people"
MARKERS = "osD^vP*Xhp"
DASHES: tuple[tuple[int, tuple[float, ...]], ...] = (
    (0, ()),
    (0, (5, 1.6)),
    (0, (1.4, 1.4)),
    (0, (6, 1.6, 1.4, 1.6)),
)
_STYLE = {
    "font.family": "DejaVu Sans",  # ships with matplotlib: the same glyphs everywhere
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "figure.facecolor": PAPER,
    "axes.facecolor": "none",
    "legend.frameon": False,
    "savefig.bbox": "tight",  # grows the frame to hold the titles
    "savefig.pad_inches": 0.15,
    "text.parse_math": False,  # a "$" in a name is a "$"
    "svg.fonttype": "path",
    "svg.hashsalt": "iqa-eval",
}


@dataclass(frozen=True)
class Picture:
    """A figure in both formats, and the words that go with it."""

    name: str
    title: str
    caption: str
    alt: str
    svg: bytes
    figure: Figure = field(repr=False, compare=False)

    @cached_property
    def png(self) -> bytes:
        """Drawn when it is asked for, which takes as long as all else: pages show the other."""
        png = io.BytesIO()
        with style():
            self.figure.savefig(png, format="png", dpi=200, metadata={"Software": None})
        return png.getvalue()


def short(name: str) -> str:
    """At most 44 characters, the middle left out: a name must not push the drawing away."""
    name = " ".join(name.split())
    return name if len(name) <= 44 else f"{name[:24]}…{name[-19:]}"


def tag(entry: Entry) -> str:
    """What a figure calls a model: short, with signs that ``star_note`` explains.

    A star if it has met the dataset in training, § if its numbers rest on pseudo-labels.
    """
    return f"{short(entry.label)}{' *' if entry.seen else ''}{pseudo_sign(entry)}"


def pseudo_sign(entry: Entry) -> str:
    """The sign of numbers that rest on pseudo-labels, where no title says it, or ""."""
    return " §" if entry.taught_by_pseudo else ""


def star_note(entries: Iterable[Entry]) -> str:
    """What the signs of ``tag`` mean, to end a caption with; "" where there are none."""
    entries = tuple(entries)
    starred = any(entry.seen for entry in entries)
    seen = " *: has met the dataset in training; the table says what of it." if starred else ""
    return seen + pseudo_note(entries)


def pseudo_note(entries: Iterable[Entry]) -> str:
    """What § means, to end a caption with; "" where there is none."""
    taught = any(entry.taught_by_pseudo for entry in entries)
    return f" §: rests on {BY_METRICS}." if taught else ""


def two_decimals(value: float) -> str:
    """What stands in a cell of a heat map; "" for NaN."""
    text = f"{value:.2f}".replace("-0.00", "0.00").replace("-", "−")
    return "" if np.isnan(value) else text.replace("0.", ".", 1) if text != "0.00" else "0"


@contextmanager
def style() -> Iterator[None]:
    """Our style on matplotlib's defaults, whatever the user's settings are."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        yield


def finish(name: str, figure: Figure, title: str, about: str, caption: str, alt: str) -> Picture:
    """Put ``title`` and, smaller, ``about`` over the figure, and draw it in both formats."""
    for text, above, size, weight, color in (
        (title, 24, 12, "bold", INK),
        (about, 8, 9, "normal", MUTED),
    ):
        shift = ScaledTranslation(4 / 72, above / 72, figure.dpi_scale_trans)
        place = figure.transFigure + shift
        figure.text(0, 1, text, fontsize=size, fontweight=weight, color=color, transform=place)
    svg = io.BytesIO()
    figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    figure.set_layout_engine("none")  # where everything goes is settled
    return Picture(name, title, caption, alt, _with_dark_mode(svg.getvalue()), figure)


def _with_dark_mode(svg: bytes) -> bytes:
    """Let the neutral colors of a drawing follow the reader's color scheme."""
    rules = "".join(
        f'[style*="{name}: {light}"]{{{name}:{dark}!important}}'
        for light, dark in _DARK.items()
        for name in ("fill", "stroke")
    )
    style = f"<style>@media (prefers-color-scheme:dark){{{rules}}}</style>"
    head, tag, tail = svg.partition(b"<defs>")
    return head + style.encode() + tag + tail
