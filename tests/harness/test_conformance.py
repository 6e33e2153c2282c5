"""The checks find each way of breaking the contract, and pass what keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from harness.conformance import check
from harness.images import DEFAULT_POLICY
from harness.model import ModelCard
from tests.conftest import Difference, Sharpness, card


def problems(model: Any) -> dict[str, str]:
    return {result.name: result.problem for result in check(model) if result.problem}


def named(model: Any) -> list[str]:
    return [result.name for result in check(model)]


def test_good_models_pass():
    assert problems(Sharpness()) == {}
    assert problems(Difference()) == {}
    assert problems(Sharpness(batch_invariant=True)) == {}
    assert problems(SimpleNamespace(card=card("known"), scores_by_id={"a": 1.0})) == {}


def test_every_operation_is_checked():
    found = named(Sharpness()) + named(Difference())
    for operation in ("score", "features", "score_pair", "distortion_map"):
        for what in ("shape and type", "finite", "repeatable", "batches of one size"):
            assert f"{operation}: {what}" in found
        assert f"{operation}: mixed sizes" in found
        assert f"{operation}: leaves its input alone" in found
    assert "distortion_map: range" in found


class Scores:
    """An adapter with one function as its score."""

    def __init__(self, score: Any, **changes: object) -> None:
        self.card, self._score = card(**{"name": "scores", **changes}), score

    def score(self, images: Sequence[torch.Tensor]) -> Any:
        return self._score(images)


def means(images: Sequence[torch.Tensor]) -> torch.Tensor:
    return torch.stack([image.double().mean() for image in images])


def test_shape_and_type():
    found = problems(Scores(lambda images: means(images).float()))
    assert list(found) == ["score: shape and type"]
    assert found["score: shape and type"].startswith("ContractError: score returned torch.float32")
    found = problems(Scores(lambda images: 1 / 0))
    assert found == {"score: shape and type": "ZeroDivisionError: division by zero"}


def test_widths_that_depend_on_the_image():
    class Wide(Sharpness):
        def features(self, images: Sequence[torch.Tensor]) -> torch.Tensor:
            return torch.zeros(len(images), 1, images[0].shape[1])

    assert "features: shape and type" in problems(Wide())


def test_numbers():
    assert problems(Scores(lambda images: means(images) * float("nan"))) == {
        "score: finite": "not finite on ordinary images"
    }


def test_repeatable():
    def draws(images: Sequence[torch.Tensor]) -> torch.Tensor:
        return means(images) + torch.rand(len(images)).double() * 1e-9

    assert "score: repeatable" in problems(Scores(draws))
    assert "score: repeatable" not in problems(Scores(draws, deterministic=False))


def test_batches():
    def depends(images: Sequence[torch.Tensor]) -> torch.Tensor:
        return means(images) * len(images)

    found = problems(Scores(depends))
    assert set(found) == {"score: batches of one size", "score: mixed sizes"}
    slightly = Scores(lambda i: means(i) + 1e-12 * len(i), batch_invariant=True)
    assert problems(slightly) == {
        "score: batches of one size": "declared batch-invariant, but bits differ"
    }
    assert problems(Scores(lambda i: means(i) + 1e-12 * len(i))) == {}


def test_mixed_sizes():
    def same_size_only(images: Sequence[torch.Tensor]) -> torch.Tensor:
        return torch.stack(list(images)).double().mean((1, 2, 3))

    found = problems(Scores(same_size_only))
    assert list(found) == ["score: mixed sizes"]
    assert found["score: mixed sizes"].startswith("RuntimeError: stack expects each tensor")


def test_changed_input():
    def inverts(images: Sequence[torch.Tensor]) -> torch.Tensor:
        for image in images:
            image.copy_(255 - image)
        return means(images)

    found = problems(Scores(inverts))
    assert "changes the images that it is given" in found["score: shape and type"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"summary": ""}, "the card leaves out: summary"),
        ({"license": "unknown"}, "the card leaves out: license"),
        ({"version": ""}, "the card leaves out: version"),
        ({"mode": "nr"}, "mode is 'nr'; it must be NR, FR or PAIR"),
        ({"options": {"x": object()}}, "TypeError"),
        ({"tolerance": {"cpu": 0.0, "cuda": -1.0}}, "tolerance on cuda is -1.0; give SDs"),
        ({"tolerance": {"cpu": float("nan")}}, "tolerance on cpu is nan"),
    ],
)
def test_the_card(changes, words):
    assert words in problems(Scores(means, **changes))["card"]


def test_what_is_no_card_or_has_no_operation():
    assert problems(SimpleNamespace(card="me", score=means))["card"] == (
        "model.card is not a ModelCard"
    )
    assert problems(SimpleNamespace(card=card("none")))["operations"].startswith("none of features")


def maps(distortion: Any, **changes: object) -> dict[str, str]:
    model = Difference()
    model.card = card("maps", mode="FR", map_channels=("any",), **changes)
    model.distortion_map = distortion
    return problems(model)


def test_distortion_maps():
    def shifted(by: float, width: int = 1) -> Any:
        return lambda images, references: [
            torch.full((width, 4, 4), 0.5 + by) for _ in zip(images, references, strict=True)
        ]

    assert maps(shifted(0.0)) == {}
    assert maps(shifted(0.2)) == {
        "distortion_map: range": "an image beside itself is 0.20 away from 0.5"
    }
    assert maps(shifted(0.6)) == {"distortion_map: range": "values outside [0, 1]"}
    assert (
        "2 channels; the card names 1"
        in (maps(shifted(0.0, width=2))["distortion_map: shape and type"])
    )
    model = Difference()
    model.card = ModelCard("m", "1", "FR", "s", "MIT", trained_on=())
    assert problems(model)["operations"] == "distortion_map without map_channels in the card"


def test_known_scores():
    for scores in ({}, {"a": float("nan")}):
        found = problems(SimpleNamespace(card=card("known"), scores_by_id=scores))
        assert found == {"scores": "no scores, or not finite"}


class Remembers:
    """Draws a score for an image, and gives it again until it forgets."""

    def __init__(self) -> None:
        self.card = ModelCard("remembers", "1", "NR", "s", "MIT", trained_on=())
        self.generator, self.known = torch.Generator().manual_seed(0), {}

    def forget(self) -> None:
        self.known = {}

    def score(self, images):
        for image in images:
            key = image.numpy().tobytes()
            draw = torch.rand((), generator=self.generator, dtype=torch.float64)
            self.known.setdefault(key, draw)
        return torch.stack([self.known[image.numpy().tobytes()] for image in images])


def test_what_a_model_remembers_proves_nothing():
    problems = {c.name: c.problem for c in check(Remembers())}
    assert problems["score: repeatable"] == "two calls differ, and the card says deterministic"
    assert problems["score: mixed sizes"]


class Fits:
    """A line of the label against the spread of the pixels, kept in a file."""

    def __init__(self, **changes: Any) -> None:
        self.card = card("fits")
        self.changes, self.fitted = changes, 0

    def fit(self, train: Any, validation: Any, seed: int, workdir: Path) -> Any:
        self.fitted += 1
        kept = workdir / "weights.txt"
        if "fails" in self.changes:
            raise RuntimeError("no gradient")
        if not kept.exists() or "learns anew" in self.changes:
            x = [float(_seen(s).double().std()) for s in train.samples]
            slope, offset = np.polyfit(x, [s.label for s in train.samples], 1)
            if "draws" in self.changes:
                slope += self.fitted
            kept.write_text(f"{slope} {offset}")
        elif "appends" in self.changes:
            (workdir / "log").write_text("read again")
        slope, offset = map(float, kept.read_text().split())
        if "moves" in self.changes:
            self.card = card("fits", version="2")

        def score(images: Sequence[torch.Tensor]) -> torch.Tensor:
            values = [slope * float(i.double().std()) + offset for i in images]
            wide = torch.float32 if "narrow" in self.changes else torch.float64
            return torch.tensor(values, dtype=wide)

        return (
            None
            if "nothing" in self.changes
            else Scores(score, name=self.changes.get("name", "fits"))
        )


def _seen(sample: Any) -> torch.Tensor:
    return sample.source.load(DEFAULT_POLICY).image


@pytest.mark.parametrize(
    ("what", "check", "words"),
    [
        ("fails", "leaves the model alone", "RuntimeError: no gradient"),
        ("nothing", "leaves the model alone", "returned a NoneType, which is no model"),
        ("narrow", "leaves the model alone", "the contract asks for torch.float64"),
        ("moves", "leaves the model alone", "the model itself has changed"),
        ("draws", "repeatable", "the same seed gives other scores"),
        ("appends", "resumes from its folder", "a finished fit is not only read"),
        ("learns anew", "resumes from its folder", "a finished fit is not only read"),
    ],
)
def test_fit(what, check, words):
    (problem,) = (p for name, p in problems(Fits(**{what: True})).items() if name.endswith(check))
    assert words in problem


def test_a_fit_that_keeps_the_contract():
    model = Fits()
    assert problems(model) == {}
    assert model.fitted == 3
    named = problems(Fits(name="other"))
    assert named["fit: fits, and leaves the model alone"] == "the fitted model is called other"
