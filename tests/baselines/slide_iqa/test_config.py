"""Presets as the spec has them; what is held out, and what cannot be run, is refused."""

from __future__ import annotations

import json
from dataclasses import asdict, fields, replace

import pytest

from baselines.slide_iqa.config import PRESETS, TRAINED_SHAPES, TRAINED_TYPES, SlideConfig
from probes.degradations import HELD_OUT, TYPES
from probes.masks import HELD_OUT_SHAPES

ARMS = {"uniform", "type-only", "coverage-only", "overlap", "none-positive", "none-negative"}


@pytest.mark.parametrize("preset", PRESETS)
def test_no_preset_names_what_is_held_out(preset: str) -> None:
    config = PRESETS[preset]
    assert not set(config.types) & set(HELD_OUT)
    assert not set(config.shapes) & set(HELD_OUT_SHAPES)
    assert not {*HELD_OUT, *HELD_OUT_SHAPES} & set(json.dumps(asdict(config)).split('"'))


def test_everything_else_is_trained_on() -> None:
    assert set(TRAINED_TYPES) | set(HELD_OUT) == set(TYPES)
    assert len(TRAINED_TYPES) == 22
    assert len(TRAINED_SHAPES) == 4


@pytest.mark.parametrize("name", HELD_OUT)
def test_a_held_out_type_cannot_be_named(name: str) -> None:
    with pytest.raises(ValueError, match=f"'{name}' in types is held out of all training"):
        SlideConfig(types=(*TRAINED_TYPES, name))


@pytest.mark.parametrize("name", HELD_OUT_SHAPES)
def test_a_held_out_shape_cannot_be_named(name: str) -> None:
    with pytest.raises(ValueError, match=f"'{name}' in shapes is held out of all training"):
        SlideConfig(shapes=(name,))


@pytest.mark.parametrize("arm", sorted(ARMS))
def test_arms_differ_from_small_in_one_field(arm: str) -> None:
    small, other = PRESETS["small"], PRESETS[arm]
    differing = [f.name for f in fields(small) if getattr(small, f.name) != getattr(other, f.name)]
    assert differing == ["full_frame_share" if arm == "uniform" else "relation"]


def test_what_ships_is_trained_by_the_small_preset_as_it_is() -> None:
    small = PRESETS["small"]
    rule = (small.least_coverage, small.positive_gap, small.negative_gap, small.unshared_coverage)
    assert rule == (0.03, 0.5, 1.5, 0.15)
    assert (small.positive_severity, small.negative_severity, small.temperature) == (0, 2, 0.2)
    assert (small.pristine_share, small.full_frame_share) == (0.05, 0.35)
    assert (small.regions, small.areas) == ((0.5, 0.35, 0.15), (0.03, 0.6))
    assert (small.type_sets, small.area_bins, small.same_image_share) == ((8, 4, 4), 3, 0.5)
    net = small.backbone
    assert (net.stem, net.mscn, net.image_size, net.depth, net.width, net.heads) == (
        *("conv", True, 112, 4, 192, 3),
    )
    assert small.optimization.batch == 128
    assert small.curriculum[0] == (0, 3)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"types": ("gausian-blur",)}, "'gausian-blur' in types is unknown; closest: gaussian-b"),
        ({"shapes": ("elipse",)}, "'elipse' in shapes is unknown; closest: ellipse"),
        ({"shapes": ()}, "shapes must be distinct, at least one"),
        ({"types": ("jpeg", "jpeg")}, "types must be distinct, at least one"),
        ({"types": ("jpeg", "darken")}, "types must be at least 3"),
        ({"types": ("jpeg", "darken", "brighten")}, "two_draws_share must be 0"),
        ({"relation": "type"}, "'type' in relation is unknown; closest: type-only"),
        ({"full_frame_share": 0.96}, "pristine_share and full_frame_share must be"),
        ({"band_share": -0.1}, "band_share and two_draws_share must be"),
        ({"regions": (0.5, 0.3, 0.1)}, "regions must be shares"),
        ({"type_sets": (4, 4)}, "type_sets must be 3 numbers"),
        ({"type_sets": (2, 4, 4)}, "type_sets must begin with at least 3"),
        ({"areas": (0.6, 0.03)}, "areas must be two growing"),
        ({"least_coverage": 0}, "least_coverage must be"),
        ({"window": 0.9}, "window must be at least 1"),
        ({"popularity": 0}, "popularity must be"),
        ({"curriculum": ()}, "curriculum must start at 0"),
        ({"curriculum": ((0, 3), (0.9, 2), (0.5, 1))}, "curriculum must be in the order"),
        ({"curriculum": ((0, 6),)}, "severities of curriculum must be 1 to 5"),
    ],
)
def test_what_cannot_be_run_is_one_clear_line(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        replace(SlideConfig(), **wrong)
    assert "\n" not in str(caught.value)
