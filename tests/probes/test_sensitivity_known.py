"""Models whose answer is known, through the whole protocol: masks are real, scores are theirs.

The score of an image is computed from where its masks lie, so that theory says what must come out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from harness.model import ModelCard
from harness.protocols.base import Inputs, Measure, Need
from harness.sample import Damage, Dataset, Sample
from harness.source import FileSource
from harness.store import Output
from probes.masks import MaskRecipe, alpha
from probes.render import mask_json
from probes.sensitivity import sensitivity

SENSITIVITY = sensitivity()

HEIGHT, WIDTH = 96, 128
AREAS = tuple(Fraction(1, 2**k) for k in range(6, -1, -1))
TYPES, SEVERITIES, CONTENTS = ("jpeg", "white-noise"), (2, 4), 24
NOWHERE = FileSource(None)  # type: ignore[arg-type]
SCORE = Need("score")
Model = Callable[[np.ndarray, float], float]  # opacity [H, W] and severity to a drop of the score


def samples() -> list[Sample]:
    found = []
    for c in range(CONTENTS):
        content = f"c{c:02}"
        for k in range(8):
            null = Damage(("dither", "shift")[k % 2], None, seed=k)
            facts = (("role", "harmless"), ("harmless", null.type))
            name = f"{content}/harmless/{k}"
            found.append(
                Sample(name, NOWHERE, content, damages=(null,), reference=content, facts=facts)
            )
        for t, type in enumerate(TYPES):
            for severity in SEVERITIES:
                found += ladder(content, type, severity, seed=100 * c + t)
    return found


def ladder(content: str, type: str, severity: int, seed: int) -> list[Sample]:
    placement = ("center", "corner")[seed % 2]
    found = []
    for area in AREAS:
        recipe = MaskRecipe("rectangle", float(area), placement=placement, seed=seed)
        for part in ("inside", "band"):
            if part == "band" and (area > Fraction(1, 4) or severity == 2):
                continue
            mask = None if area == 1 else mask_json(replace(recipe, part=part))
            damage = Damage(type, severity, mask, float(area), float(area))
            facts = (
                (("role", "probe"),)
                if part == "inside"
                else (("role", "control"), ("control", "band"))
            )
            name = f"{content}/{type}/{severity}/{part}/{area}"
            found.append(
                Sample(name, NOWHERE, content, damages=(damage,), reference=content, facts=facts)
            )
    return found


SAMPLES = samples()
PRISTINE = tuple(Sample(f"c{c:02}", NOWHERE, f"c{c:02}") for c in range(CONTENTS))
DATASET = Dataset("known", tuple(SAMPLES), PRISTINE)


def opacity(sample: Sample) -> np.ndarray:
    import json

    mask = sample.damages[0].mask
    if mask is None:
        return np.ones((HEIGHT, WIDTH), np.float32)
    return alpha(MaskRecipe(**json.loads(mask)), HEIGHT, WIDTH)


OPACITY = {s.id: opacity(s) for s in SAMPLES if s.fact("role") != "harmless"}


def measured(model: Model, null: float = 1e-3, seed: int = 0) -> dict[tuple[str, str], Measure]:
    """The rows of a model whose score falls by ``model``, and by noise of SD ``null`` otherwise."""
    random = np.random.default_rng(seed)
    level = {p.id: float(random.normal()) for p in PRISTINE}
    scores = dict(level)
    for sample in SAMPLES:
        drop = float(random.normal(0, null))
        if sample.id in OPACITY:
            drop += model(OPACITY[sample.id], float(sample.damages[0].severity or 0))
        scores[sample.id] = level[str(sample.reference)] - drop
    output = Output(tuple(scores), np.array(list(scores.values())), {})
    card = ModelCard("known", "1", "NR", trained_on=())
    rows = SENSITIVITY.evaluate(Inputs(card, DATASET, {SCORE: output}, {}, 0))
    return {(row.metric, row.subset): row for row in rows}


def within(row: Measure, value: float, slack: float = 0.0) -> bool:
    assert row.value is not None
    low = row.value if row.ci_low is None else row.ci_low
    high = row.value if row.ci_high is None else row.ci_high
    return low - slack <= value <= high + slack


def proportional(mask: np.ndarray, severity: float) -> float:
    return severity * float(mask.mean())


def center_crop(mask: np.ndarray, severity: float) -> float:
    seen = mask[HEIGHT // 2 - 16 : HEIGHT // 2 + 16, WIDTH // 2 - 16 : WIDTH // 2 + 16]
    return severity * float(seen.mean())


def worst_patch(mask: np.ndarray, severity: float) -> float:
    blocks = mask.reshape(HEIGHT // 8, 8, WIDTH // 8, 8).mean((1, 3))
    return severity * float(blocks.max())


def nothing(mask: np.ndarray, severity: float) -> float:
    return 0.0


def likes_damage(mask: np.ndarray, severity: float) -> float:
    return -severity


def test_an_area_proportional_model() -> None:
    rows = measured(proportional)
    assert within(rows["lsi", "all"], 0.246, 0.002)
    for area in AREAS[:-1]:
        assert within(rows["response_ratio", f"area={area}"], float(area), 1e-3)
        assert rows["detected", f"area={area}"].value == 1  # 1/64 · 2 is far above the null
    assert rows["threshold_median", "all"].reason.startswith("< 1/64")
    assert rows["direction", "area=1/16"].value == 1
    band, filled = rows["band_share", "area=1/16"].value, 1.0
    assert 0 < band < 0.6 * filled
    assert rows["ordered_by_area", "all"].value == pytest.approx(1)
    assert rows["ordered_by_severity", "all"].value == pytest.approx(1)
    assert rows["false_alarms", "all"].value < 0.1


def test_its_threshold_lies_where_its_drop_leaves_the_null() -> None:
    # |drop| exceeds the 95th percentile of |N(0, s)|, 1.96 s, in 3 of 4 cases at 1.96 s + 0.67 s.
    null = 0.5
    rows = measured(proportional, null)
    for severity in SEVERITIES:
        expected = (1.96 + 0.67) * null / severity
        found = [rows["threshold", f"type={type} severity={severity}"] for type in TYPES]
        assert all(within(row, expected, 0.05) for row in found)


def test_a_model_that_sees_only_the_center() -> None:
    rows = measured(center_crop)
    assert rows["detected", "placement=center area=1/64"].value == 1
    assert rows["detected", "placement=corner area=1/64"].value < 0.2
    assert rows["detected", "placement=corner area=1/16"].value < 0.2


def test_a_model_of_the_worst_patch_is_blind_to_extent() -> None:
    rows = measured(worst_patch)
    assert rows["lsi", "all"].value > 0.95
    assert rows["detected", "area=1/64"].value == 1
    assert rows["ordered_by_area", "all"].value < 0.95  # ties and noise, once a patch is full


def test_a_model_that_answers_at_random() -> None:
    rows = measured(nothing, null=1.0)
    assert rows["lsi", "all"].value is None
    assert "told from 0" in rows["lsi", "all"].reason
    for area in AREAS:
        assert within(rows["detected", f"area={area}"], rows["false_alarms", "all"].value, 0.08)
    assert rows["threshold_median", "all"].reason.startswith("never")
    assert within(rows["paired_accuracy", "area=1"], 0.5, 0.05)
    assert rows["response_ratio", "area=1/16"].value is None


def test_a_tiny_consistent_drop_is_no_detection() -> None:
    rows = measured(lambda mask, severity: 1e-9 * severity, null=0.0)
    # Without a null of any size every change counts, and the row says so.
    assert rows["paired_accuracy", "area=1/64"].value == 1
    assert "any change counts" in rows["detected", "area=1/64"].reason
    rows = measured(lambda mask, severity: 1e-9 * severity, null=1.0)
    assert rows["detected", "area=1"].value < 0.2


def test_a_model_that_likes_damage() -> None:
    rows = measured(likes_damage)
    assert rows["detected", "area=1"].value == 1
    assert rows["direction", "area=1"].value == 0
    assert rows["paired_accuracy", "area=1"].value == 0


def test_the_columns_of_a_trained_model(monkeypatch: Any) -> None:
    from harness.model import TrainedOn

    card = ModelCard(
        "known", "1", "NR", trained_on=(TrainedOn("photos"),), trained_degradations=("jpeg",)
    )
    output = Output(
        tuple(i.id for i in DATASET.images),
        np.random.default_rng(0).normal(size=len(DATASET.images)),
        {},
    )
    rows = SENSITIVITY.evaluate(Inputs(card, DATASET, {SCORE: output}, {}, 0))
    seen = {
        row.subset for row in rows if row.metric == "detected" and row.subset.startswith("seen=")
    }
    assert seen == {f"seen={word} area={area}" for word in ("yes", "no") for area in AREAS}
    half = CONTENTS * len(SEVERITIES)
    assert all(
        row.n_scored == half
        for row in rows
        if row.subset == "seen=yes area=1" and row.metric == "detected"
    )
