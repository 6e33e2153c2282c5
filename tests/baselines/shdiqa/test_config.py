"""Presets name nothing held out; what cannot be run is refused in one line."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest

from baselines.shdiqa.config import PRESETS, TRAINED_TYPES, DamageTeacherPlan, ShdiqaConfig
from probes.degradations import HELD_OUT, TYPES


@pytest.mark.parametrize("preset", PRESETS)
def test_no_preset_names_what_is_held_out(preset: str) -> None:
    assert not set(HELD_OUT) & set(json.dumps(asdict(PRESETS[preset])).split('"'))
    assert PRESETS[preset].types == TRAINED_TYPES
    assert set(TRAINED_TYPES) | set(HELD_OUT) == set(TYPES)


@pytest.mark.parametrize("name", HELD_OUT)
def test_a_held_out_type_cannot_be_named(name: str) -> None:
    with pytest.raises(ValueError, match=f"'{name}' in types is held out of all training"):
        ShdiqaConfig(types=(*TRAINED_TYPES, name))


def test_the_default_is_what_the_paper_states() -> None:
    paper = PRESETS["paper"]
    assert (paper.partition, paper.blocks, len(paper.levels)) == ("vertical", 4, 4)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"types": ("gausian-blur",)}, "'gausian-blur' in types is unknown; closest: gaussian-b"),
        ({"partition": "strips"}, "'strips' in partition is unknown; closest"),
        ({"edges": "pixels"}, "'pixels' in edges is unknown; closest: pixel"),
        ({"block_queries": "own"}, "'own' in block_queries is unknown; closest"),
        ({"affinity": "images"}, "'images' in affinity is unknown; closest: image"),
        ({"types": (*TRAINED_TYPES, "jpeg")}, "types must be distinct"),
        ({"types": TRAINED_TYPES[:3]}, "types must be at least 4, as there are blocks"),
        ({"blocks": 1}, "blocks must be at least 2"),
        ({"partition": "grid", "blocks": 6}, "blocks of a grid must be a square number, not 6"),
        ({"levels": ()}, "levels must be at least one"),
        ({"levels": (2.0, 2.0)}, "levels must be distinct"),
        ({"levels": (0.5, 2.0)}, "levels must be severities, 1 to 5"),
        ({"block_heads": 0}, "block_heads must be at least 1"),
        ({"contrast_weight": -1.0}, "contrast_weight must not be below 0"),
        ({"affinity_weight": -1.0}, "affinity_weight must not be below 0"),
        ({"temperature": 0.0}, "temperature must be above 0"),
    ],
)
def test_what_cannot_be_run_is_one_clear_line(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        replace(ShdiqaConfig(), **wrong)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": 0},
        {"batch": 0},
        {"lr": 0.0},
        {"weight_decay": -0.1},
        {"warmup": 1.0},
        {"level_weight": -1.0},
    ],
)
def test_a_teacher_that_cannot_be_trained_is_refused_by_field(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        DamageTeacherPlan(**{"steps": 5, **wrong})  # type: ignore[arg-type]
