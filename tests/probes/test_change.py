"""``change:NAME``: two quality maps against their difference, and which maps are made."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.conformance import check
from harness.model import operations
from probes import change
from tests.conftest import Difference, card

Images = Sequence[torch.Tensor]


class Luma:
    """Its map is the mean over the colors; counts the images that it has seen."""

    def __init__(self, **changes: object) -> None:
        self.card = card("luma", **changes)
        self.seen: list[int] = []

    def quality_map(self, images: Images) -> list[torch.Tensor]:
        self.seen.append(len(images))
        return [image.float().mean(0) for image in images]


def make(monkeypatch: pytest.MonkeyPatch, model: object) -> change.Change:
    monkeypatch.setattr(change, "load_model", lambda name, **options: model)
    return change.load("luma")


def image(height: int, width: int, seed: int = 0) -> torch.Tensor:
    values = np.random.default_rng(seed).integers(0, 256, (3, height, width), np.uint8)
    return torch.from_numpy(values)


def test_it_keeps_the_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    model = make(monkeypatch, Luma(batch_invariant=True, options={"head": 2}))
    assert operations(model) == {"quality_map", "distortion_map"}
    assert [c.problem for c in check(model) if c.problem] == []
    assert (model.card.name, model.card.version) == ("change:luma", "1+1")
    assert (model.card.map_channels, model.card.options) == (("drop",), {"head": 2})


def test_a_drop_is_pristine_minus_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    model = make(monkeypatch, Luma())
    reference = image(20, 30) // 2 + 60
    probe = reference.clone()
    probe[:, :5, :5] -= 30
    probe[:, 10:, 10:] += 9
    (found,) = model.distortion_map([probe], [reference])
    assert (found.dtype, found.shape) == (torch.float32, (1, 20, 30))
    expected = torch.full((1, 20, 30), 0.5)
    expected[:, :5, :5] += 0.5 * 30 / 31
    expected[:, 10:, 10:] -= 0.5 * 9 / 10
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
    assert (found[0, :5, 5:] == 0.5).all()
    with pytest.raises(ValueError, match="30 × 20 pixels, its reference 20 × 30"):
        model.distortion_map([probe], [image(30, 20)])


@given(st.lists(st.floats(-1000, 1000, width=32), min_size=2, max_size=20))
@settings(max_examples=50, deadline=None)
def test_a_drop_keeps_the_order(values: list[float]) -> None:
    drops = torch.tensor([values], dtype=torch.float32)
    found = change.drop(drops, torch.zeros_like(drops))
    assert found.min() >= 0
    assert found.max() <= 1
    order = drops[0].argsort()
    assert (found[0, 0][order].diff() >= 0).all()
    back = change.drop(torch.zeros_like(drops), drops)
    torch.testing.assert_close(back, 1 - found, rtol=0, atol=1e-6)


def test_each_map_is_made_once_while_its_image_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    inner = Luma()
    model = make(monkeypatch, inner)
    reference, probes = image(20, 30), [image(20, 30, seed) for seed in (1, 2)]
    model.quality_map(probes)
    model.distortion_map(probes, [reference] * 2)
    assert inner.seen == [2, 1]
    model.forget()
    model.quality_map([reference])
    assert inner.seen == [2, 1, 1]
    del reference
    assert len(model._kept) == 0


def test_a_random_model_is_asked_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    inner = Luma(deterministic=False)
    model, pixels = make(monkeypatch, inner), image(20, 30)
    model.distortion_map([pixels], [pixels])
    assert inner.seen == [1, 1]


def test_it_moves_only_where_its_model_does(monkeypatch: pytest.MonkeyPatch) -> None:
    class Moves(Luma):
        def to(self, device: str) -> Moves:
            self.where = device
            return self

    inner, pixels = Moves(), image(20, 30)
    model = make(monkeypatch, inner)
    model.quality_map([pixels])
    assert model.to("cuda:1") is model
    assert inner.where == "cuda:1"
    model.quality_map([pixels])  # where values may be others
    assert inner.seen == [1, 1]
    assert not hasattr(make(monkeypatch, Luma()), "to")


def test_what_needs_no_change_or_has_no_map_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Scorer:
        card = card("scorer")

        def score(self, images: Images) -> torch.Tensor:
            return torch.zeros(len(images), dtype=torch.float64)

    for model, words in ((Difference(), "compares by itself"), (Scorer(), "sliding:luma makes")):
        with pytest.raises(ValueError, match=words) as error:
            make(monkeypatch, model)
        assert "\n" not in str(error.value)
