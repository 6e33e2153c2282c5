"""Figures use what runs have computed, and say what they leave out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.images import DecodePolicy
from harness.model import Unavailable
from harness.runner import run
from harness.sample import Dataset
from harness.settings import Settings
from probes.figures import outputs
from probes.figures.outputs import answers
from tests.conftest import Difference, Sharpness


def here(folder: Path) -> Settings:
    return Settings(folder / "cells", DecodePolicy(), progress=False)


def offer(monkeypatch: pytest.MonkeyPatch, **models: object) -> None:
    """Make ``models`` what names stand for; a string is why a model is absent."""

    def load(name: str, **options: object) -> object:
        if isinstance(models[name], str):
            raise Unavailable(str(models[name]), "fetch it")
        return models[name]

    monkeypatch.setattr(outputs, "load_model", load)


def test_what_a_run_has_computed_is_not_computed_again(
    tiny: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sharpness = Sharpness(options={})
    run([sharpness], [tiny], cache=tmp_path, workers=1, progress=False)
    seen = sharpness.seen
    assert seen > 0
    offer(monkeypatch, sharp=sharpness)
    (found,), left_out = answers({"sharp": {}}, tiny, ("score",), here(tmp_path))
    assert sharpness.seen == seen
    assert not left_out
    assert set(found.output.ids) == {image.id for image in tiny.images}
    answers({"sharp": {}}, tiny, ("features",), here(tmp_path))
    assert sharpness.seen == seen + len(tiny.images)
    answers({"sharp": {}}, tiny, ("features",), here(tmp_path))
    assert sharpness.seen == seen + len(tiny.images)


def test_operations_are_taken_in_order_of_preference_and_units_told(
    tiny: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(monkeypatch, a=Difference(), b=Sharpness("pyiqa:psnr", options={}), c="no weights")
    found, left_out = answers(
        {"a": {}, "b": {}, "c": {}}, tiny, ("score_pair", "score"), here(tmp_path)
    )
    assert [each.operation for each in found] == ["score_pair", "score"]
    assert [each.unit for each in found] == ["no unit", "dB"]
    assert left_out == {"c": "no weights; to get it: fetch it"}
    assert all(np.isfinite(each.output.values).all() for each in found)


def test_a_model_that_fails_on_every_image_is_left_out_with_the_reason(
    tiny: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(Sharpness):
        def score(self, images: object) -> object:  # type: ignore[override]
            raise RuntimeError("no such thing")

    offer(monkeypatch, good=Sharpness(options={}), broken=Broken("broken", options={}))
    found, left_out = answers({"good": {}, "broken": {}}, tiny, ("score",), here(tmp_path))
    assert [each.label for each in found] == ["sharpness"]
    assert "no such thing" in left_out["broken"]


@pytest.mark.parametrize(
    ("models", "operations", "reducer", "why"),
    [
        ({"a": "no weights"}, ("score",), None, "a: no weights; to get it: fetch it"),
        ({"a": Sharpness(options={})}, ("score_pair",), None, "sharpness: .* the model has none"),
        ({"a": Sharpness(options={})}, ("quality_map",), "mask-stats@1", "sliding:NAME makes"),
    ],
)
def test_refusals(
    models: dict[str, object],
    operations: tuple[str, ...],
    reducer: str | None,
    why: str,
    tiny: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    offer(monkeypatch, **models)
    with pytest.raises(ValueError, match=why):
        answers({name: {} for name in models}, tiny, operations, here(tmp_path), reducer)


def test_a_pairwise_model_needs_pairs(
    tiny: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = Dataset("alone", tiny.references)
    offer(monkeypatch, a=Difference())
    with pytest.raises(ValueError, match="dataset alone has no references"):
        answers({"a": {}}, alone, ("score_pair",), here(tmp_path))
