"""A reducer of single damages is given each with its own mask; others are as they were."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from harness.operate import operate
from harness.reducers import MASK_STATS, REDUCERS, DamageReducer, Masked, Reducer
from harness.sample import Damage, Sample
from harness.source import FileSource, Layered
from tests.conftest import card

MASKS = (np.eye(4, dtype=np.float32), np.ones((4, 4), np.float32))
DAMAGES = (Damage("blur", 2.0, order=0), Damage("jpeg", 5.0, order=1))


class Two:
    """A source of two damages."""

    def fingerprint(self) -> str:
        return "two"

    def load(self, policy: Any) -> Any:
        raise AssertionError("pixels are given")

    def alpha(self) -> np.ndarray:
        return MASKS[1]

    def alphas(self) -> tuple[np.ndarray, ...]:
        return MASKS


def sums(maps: np.ndarray, masked: Masked | None) -> np.ndarray:
    if masked is None:
        return np.full((len(maps), 2), np.nan)
    sums = [(maps * alpha).sum((1, 2)) * (damage.severity or 0) for damage, alpha in masked]
    return np.stack(sums, axis=1)


def run(reducer: Reducer | DamageReducer, sample: Sample, monkeypatch: Any) -> np.ndarray:
    monkeypatch.setitem(REDUCERS, reducer.name, reducer)
    model = SimpleNamespace(
        card=card("m", map_channels=("a", "b")),
        distortion_map=lambda images, references: [torch.stack([torch.ones(4, 4)] * 2)],
    )
    image = torch.zeros(3, 4, 4, dtype=torch.uint8)
    found = operate(model, "distortion_map", reducer.name, [image], [image], samples=[sample])
    return found.numpy()


def test_each_damage_comes_with_its_mask_and_severity(monkeypatch: Any) -> None:
    reducer = DamageReducer("sums@1", ("first", "second"), sums)
    assert isinstance(Two(), Layered)
    found = run(reducer, Sample("x", Two(), "c", damages=DAMAGES), monkeypatch)
    assert found.tolist() == [[4 * 2, 16 * 5, 4 * 2, 16 * 5]]


def test_a_source_that_does_not_tell_them_apart_gives_none(monkeypatch: Any) -> None:
    reducer = DamageReducer("sums@1", ("first", "second"), sums)
    assert not isinstance(FileSource(Path("x")), Layered)
    found = run(reducer, Sample("x", FileSource(Path("x")), "c", damages=DAMAGES), monkeypatch)
    assert np.isnan(found).all()


def test_a_reducer_of_the_union_sees_what_it_saw(monkeypatch: Any) -> None:
    sample = Sample("x", Two(), "c", damages=DAMAGES)
    maps = np.ones((2, 4, 4), np.float32)
    found = run(MASK_STATS, sample, monkeypatch)
    np.testing.assert_array_equal(found[0], MASK_STATS.reduce(maps, MASKS[1]).ravel())
