"""The design: frozen, complete, stable text, strict about its levels."""

import json
from dataclasses import FrozenInstanceError, replace
from fractions import Fraction

import pytest

from probes.degradations import BANK, TYPES
from probes.design import DESIGN, VERSION, Design


def test_the_design_covers_the_bank_and_seven_areas() -> None:
    assert DESIGN.types == TYPES
    assert [str(a) for a in DESIGN.areas] == ["1/64", "1/32", "1/16", "1/8", "1/4", "1/2", "1"]
    assert DESIGN.placed_areas == DESIGN.areas[:5]
    assert DESIGN.placements == ("center", "edge", "corner", "smooth", "textured")
    assert DESIGN.numbers == (1, 2, 3)
    with pytest.raises(FrozenInstanceError):
        DESIGN.max_contents = 3  # type: ignore[misc]


def test_plain_ladders_get_most_of_a_budget() -> None:
    assert 1 - sum(DESIGN.shares.values()) == pytest.approx(0.7)


def test_json_holds_every_field_and_the_hash_follows_each() -> None:
    content = json.loads(DESIGN.json())
    assert content["version"] == VERSION
    assert content["areas"][0] == "1/64"
    assert set(content) == {"version", *vars(DESIGN)}
    assert Design().hash == DESIGN.hash
    changed = {
        "types": TYPES[:5], "severities": (2, 3, 4), "severities_per_mask": 1,
        "areas": (Fraction(1, 16), Fraction(1)), "placed_up_to": Fraction(1, 8),
        "shapes": ("cell",), "placements": ("edge",), "feathers": (0.0,), "numbers": (1, 2),
        **{name: share / 2 for name, share in DESIGN.shares.items()},
        "target_severity": 4, "damage_tolerance": 1.0, "energy_tolerance": 0.1,
        "invisible_psnr": 50.0, "invisible_delta_e": 2.0, "harmless": (("dither", 1),),
        "max_contents": 9, "long_side": 256, "short_side": 96,
    }  # fmt: skip
    assert set(changed) == set(vars(DESIGN))
    hashes = {replace(DESIGN, **{name: value}).hash for name, value in changed.items()}
    assert len(hashes | {DESIGN.hash}) == len(changed) + 1


def test_two_draws_are_of_types_that_draw_more_than_a_sign() -> None:
    assert "white-noise" in DESIGN.drawn_types
    assert "jpeg" not in DESIGN.drawn_types
    assert not any(BANK[type].signed for type in DESIGN.drawn_types)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"types": ("jpg",)}, "types must be of"),
        ({"types": ()}, "none"),
        ({"shapes": ("star",)}, "shapes must be of"),
        ({"severities": (0, 1)}, "severities must be of"),
        ({"areas": (Fraction(1, 4), Fraction(1, 2))}, "end with 1"),
        ({"areas": (Fraction(1, 2), Fraction(1, 4), Fraction(1))}, "grow"),
        ({"placed_up_to": Fraction(1, 128)}, "placed_up_to"),
        ({"numbers": (2, 3)}, "numbers need 1"),
        ({"severities_per_mask": 6}, "severities_per_mask"),
        ({"equal_damage": 0.9}, "below 1"),
        ({"band": -0.1}, "at least 0"),
        ({"harmless": (("blur", 1),)}, "harmless changes"),
        ({"target_severity": 0}, "target_severity"),
    ],
)
def test_a_wrong_level_is_named(change: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        replace(DESIGN, **change)  # type: ignore[arg-type]
