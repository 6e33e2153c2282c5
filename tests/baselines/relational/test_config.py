"""Channels are of trained types; presets hold the paper's numbers; the rest is refused."""

from __future__ import annotations

import json
import pickle
from dataclasses import asdict, fields, replace

import pytest

from baselines.relational.channels import CHANNELS
from baselines.relational.config import PRESETS, SCORE_PRESETS, MapsConfig, Network, ScoreConfig
from probes.degradations import BANK, HELD_OUT, TYPES


def test_each_trained_type_whose_sign_is_known_is_in_one_channel() -> None:
    found = [name for types in CHANNELS.values() for name in types]
    assert len(set(found)) == len(found)
    assert set(found) == {t for t in TYPES if t not in HELD_OUT and not BANK[t].signed}
    assert "mean-shift" not in found
    firsts = [TYPES.index(next(iter(types))) for types in CHANNELS.values()]
    assert firsts == sorted(firsts)  # a checkpoint names them, in this order


def test_inverse_types_are_two_signs_of_one_channel() -> None:
    shared = {name: dict(types) for name, types in CHANNELS.items() if len(types) > 1}
    assert shared == {
        "blur": {"gaussian-blur": 1, "high-sharpen": -1},
        "saturation": {"color-saturation-hsv": -1, "color-saturation-lab": 1},
        "brightness": {"brighten": 1, "darken": -1},
    }
    for name, types in CHANNELS.items():
        assert len(types) > 1 or dict(types) == {name: 1}


def test_the_saturations_are_inverse_at_all_levels() -> None:
    assert all(level < 1 for level in BANK["color-saturation-hsv"].levels)
    assert all(level > 1 for level in BANK["color-saturation-lab"].levels)


@pytest.mark.parametrize("preset", [*PRESETS.values(), *SCORE_PRESETS.values()])
def test_presets_name_nothing_held_out_and_travel(preset: MapsConfig | ScoreConfig) -> None:
    text = json.dumps(asdict(preset))
    assert not any(f'"{name}"' in text for name in HELD_OUT)
    assert pickle.loads(pickle.dumps(preset)) == preset


def test_presets_have_the_papers_numbers() -> None:
    for maps in PRESETS.values():
        assert (maps.p_swap, maps.beta, maps.w_high) == (0.25, 0.05, 10)
    for score in SCORE_PRESETS.values():
        assert (score.margin, score.temperature) == (1.0, 0.07)
        assert (score.rank_weight, score.contrast_weight) == (1.0, 0.5)
    assert PRESETS["full"].network.timm == "swinv2_tiny_window8_256"
    assert PRESETS["small"].network.antisymmetric
    assert PRESETS["small"].crop == 112
    assert SCORE_PRESETS["small"].maps == PRESETS["small"]


def test_the_free_form_differs_in_one_field() -> None:
    small, free = PRESETS["small"], PRESETS["free"]
    assert free == replace(small, network=replace(small.network, antisymmetric=False))
    changed = [f.name for f in fields(free) if getattr(free, f.name) != getattr(small, f.name)]
    assert changed == ["network"]


@pytest.mark.parametrize("name", HELD_OUT)
def test_a_held_out_type_cannot_be_named(name: str) -> None:
    with pytest.raises(ValueError, match=f"'{name}' in channels is held out of all training"):
        MapsConfig(channels=(*CHANNELS, name))


def test_severities_follow_the_curriculum() -> None:
    config = replace(PRESETS["smoke"], curriculum=((0.0, 3.0), (0.5, 1.5)))
    found = [config.least_severity(progress) for progress in (0.0, 0.49, 0.5, 1.0)]
    assert found == [3, 3, 1.5, 1.5]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"channels": ("jepg", "blur", "denoise")}, "'jepg' in channels is unknown; closest: jpeg"),
        ({"channels": ("gaussian-blur", "jpeg", "blur")}, "'gaussian-blur' in channels is unknown"),
        ({"channels": ("jpeg", "jpeg", "blur")}, "channels must be distinct"),
        ({"channels": ("jpeg", "blur")}, "channels must be at least 3"),
        ({"regions": (0.5, 0.4)}, "regions must be shares that sum to 1"),
        ({"regions": (1.5, -0.5)}, "regions must not be below 0"),
        ({"clean_share": 0.6, "identical_share": 0.5}, "clean_share and identical_share must be"),
        ({"reference_share": -0.1}, "reference_share and both_share must be"),
        ({"full_frame_share": 1.1}, "full_frame_share must be a share"),
        ({"p_swap": -0.1}, "p_swap must be a share"),
        ({"crop": 120}, "crop must be a multiple of 16 pixels, at least 16"),
        ({"cells": (0.0, 4.0)}, "cells must be above 0"),
        ({"cells": (5.0, 4.0)}, "cells must be two numbers"),
        ({"covered": (0.0, 0.5)}, "covered must be shares above 0"),
        ({"saturated": (0.0, 1.0)}, "saturated must be below 1"),
        ({"curriculum": ()}, "curriculum must start at 0"),
        ({"curriculum": ((0, 3), (0.9, 2), (0.5, 1))}, "curriculum must be in the order"),
        ({"curriculum": ((0, 0.5),)}, "severities of curriculum must be 1 to 5"),
        ({"beta": 0.5}, "beta must be"),
        ({"w_high": 0}, "w_high must be"),
    ],
)
def test_what_cannot_be_trained_is_one_clear_line(wrong: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        replace(MapsConfig(), **wrong)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"tiers": 1}, "tiers must be at least 2"),
        ({"recipes": 0}, "recipes must be at least 1"),
        ({"margin": 0}, "margin must be above 0"),
        ({"temperature": -1}, "temperature must be above 0"),
        ({"contrast_weight": -1}, "contrast_weight must not be below 0"),
    ],
)
def test_a_score_that_cannot_be_trained_is_one_clear_line(wrong: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(ScoreConfig(), **wrong)


def test_widths_and_depths_go_together() -> None:
    with pytest.raises(ValueError, match="widths and depths must be of equal length"):
        Network(widths=(8, 16, 32), depths=(1, 1))
    with pytest.raises(ValueError, match="widths and depths must be above 0"):
        Network(widths=(8, 0), depths=(1, 1))
