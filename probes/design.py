"""The frozen design of the probe set: its factors, their levels, and how a budget is shared.

The unit is a *ladder*: one damage of one content, seen through nested masks of every area. At
an area above ``placed_up_to`` the mask goes on growing from the same place, so that it holds
the smaller ones, but its shape and placement are no conditions any more; area 1 is the image.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from fractions import Fraction

from harness.canonical import canonical_json, digest

from .degradations import BANK, TYPES
from .harmless import HARMLESS
from .mask_shapes import PLACEMENTS, SHAPES, Placement, Shape

# Raise it whenever a plan or a sample that is made from the same design changes.
VERSION = "2"


@dataclass(frozen=True)
class Design:
    """Factors with their levels, shares of the budget, limits and tolerances.

    A share is the part of the budget's probes that goes to ladders of that kind; plain ladders
    get the rest. ``severities_per_mask`` severities (all pairs take turns) share content, type
    and mask, so that severity can be compared at a fixed mask: without that, a plan of one
    ladder in a thousand would hold no such pair. Raises ValueError for a level that the bank or
    the masks lack, for shares that leave nothing to plain ladders, and for areas that do not
    grow to 1.
    """

    types: tuple[str, ...] = TYPES
    severities: tuple[int, ...] = (1, 2, 3, 4, 5)
    severities_per_mask: int = 2
    areas: tuple[Fraction, ...] = tuple(Fraction(1, 2**k) for k in range(6, -1, -1))
    placed_up_to: Fraction = Fraction(1, 4)  # shape, placement, controls, co-occurrence
    shapes: tuple[Shape, ...] = SHAPES
    placements: tuple[Placement, ...] = tuple(p for p in PLACEMENTS if p != "any")
    feathers: tuple[float, ...] = (0.0, 4.0)  # pixels
    numbers: tuple[int, ...] = (1, 2, 3)  # damages in one image, in disjoint masks

    equal_damage: float = 0.08
    equal_energy: float = 0.08
    co_occurrence: float = 0.06
    band: float = 0.04
    complement: float = 0.02
    two_draws: float = 0.02

    target_severity: int = 3  # its full-frame local PSNR, median over contents, is equal damage
    damage_tolerance: float = 0.5  # dB of local PSNR
    energy_tolerance: float = 0.05  # of the MSE of the whole image
    invisible_psnr: float = 45.0  # dB; a probe above it and below the next is a negative control
    invisible_delta_e: float = 1.0
    harmless: tuple[tuple[str, int], ...] = (("dither", 4), ("shift", 4), ("jpeg-98", 1))  # draws
    max_contents: int = 32
    long_side: int = 512  # pixels, to which a user's photographs are reduced
    short_side: int = 64  # pixels, at least: a mask of 1/64 then has 64 of them

    def __post_init__(self) -> None:
        known = {
            "types": TYPES, "shapes": SHAPES, "placements": PLACEMENTS,
            "severities": (1, 2, 3, 4, 5), "numbers": (1, 2, 3),
        }  # fmt: skip
        for name, levels in known.items():
            unknown = [level for level in getattr(self, name) if level not in levels]
            if unknown or not getattr(self, name):
                raise ValueError(f"design: {name} must be of {levels}, got {unknown or 'none'}")
        if sorted(set(self.areas)) != list(self.areas) or self.areas[-1] != 1:
            raise ValueError("design: areas must grow and end with 1")
        if not 0 < self.areas[0] <= self.placed_up_to < 1:
            raise ValueError("design: placed_up_to must lie from the smallest area to below 1")
        if 1 not in self.numbers or not 1 <= self.severities_per_mask <= len(self.severities):
            raise ValueError("design: numbers need 1, severities_per_mask at most all severities")
        if self.target_severity not in self.severities:
            raise ValueError("design: target_severity must be one of the severities")
        if not 0 <= sum(self.shares.values()) < 1 or min(self.shares.values()) < 0:
            raise ValueError("design: shares must be at least 0 and together below 1")
        if not {name for name, _ in self.harmless} <= set(HARMLESS):
            raise ValueError(f"design: harmless changes must be of {', '.join(HARMLESS)}")

    @property
    def shares(self) -> dict[str, float]:
        """The share of each kind of ladder but the plain one."""
        return {name: getattr(self, name) for name in SHARED}

    @property
    def placed_areas(self) -> tuple[Fraction, ...]:
        """The areas at which shape and placement are conditions."""
        return tuple(area for area in self.areas if area <= self.placed_up_to)

    @property
    def drawn_types(self) -> tuple[str, ...]:
        """Types whose two draws look alike: stochastic, and not merely of a random sign."""
        return tuple(t for t in self.types if BANK[t].stochastic and not BANK[t].signed)

    def json(self) -> str:
        """Canonical JSON of version and fields, areas as "1/64"."""
        found = asdict(self)
        for field in fields(self):
            value = found[field.name]
            if isinstance(value, Fraction):
                found[field.name] = str(value)
        found["areas"] = [str(area) for area in self.areas]
        return canonical_json({"version": VERSION, **found})

    @property
    def hash(self) -> str:
        """SHA-256 (hex) of ``json``."""
        return digest(self.json())


SHARED = ("equal_damage", "equal_energy", "co_occurrence", "band", "complement", "two_draws")
DESIGN = Design()
