"""Numbers below 1e-38 count as 0 in the thread that trains weights, while it does."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from baselines.denormals import denormals_as_zero
from baselines.finetuning import loop
from baselines.finetuning.objective import Regression
from baselines.pretraining.loop import pretrain
from baselines.pretraining.photos import Photos
from baselines.pretraining.recipe import Optimization
from tests.baselines.finetuning.small import SMALL, pictures, student
from tests.baselines.pretraining.toy import Toy, photographs


def flushed() -> bool:
    return (torch.full((4,), 1e-39) * 1).count_nonzero() == 0


@pytest.fixture(autouse=True)
def _possible():
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor cannot do that")
    torch.set_flush_denormal(False)
    yield
    torch.set_flush_denormal(False)


@pytest.mark.parametrize("before", [False, True])
def test_what_was_so_before_is_so_again(before: bool) -> None:
    torch.set_flush_denormal(before)
    with denormals_as_zero():
        assert flushed()
        with denormals_as_zero():
            assert flushed()
        assert flushed()
    assert flushed() == before
    with pytest.raises(KeyError), denormals_as_zero():
        raise KeyError
    assert flushed() == before


def test_normal_numbers_are_what_they_are() -> None:
    values = torch.randn(1000, generator=torch.Generator().manual_seed(0)) * 1e-30
    with denormals_as_zero():
        assert torch.equal(values * 1, values)


seen: list[bool] = []


def test_a_fit_is_so(tmp_path: Path) -> None:
    seen.clear()

    class Asking(Regression):
        def loss(self, *given):  # type: ignore[no-untyped-def]
            seen.append(flushed())
            return super().loss(*given)

    parts = pictures(tmp_path / "train", 2), pictures(tmp_path / "validation", 1, first=2)
    loop.fit(Asking(student, {}), SMALL, *parts, 0, tmp_path)
    assert seen
    assert all(seen)
    assert not flushed()


def test_pretraining_is_so(tmp_path: Path) -> None:
    seen.clear()

    class Recipe(Toy):
        def loss(self, *given):  # type: ignore[no-untyped-def]
            seen.append(flushed())
            return super().loss(*given)

    recipe = Recipe(Optimization(steps=2, batch=8, lr=0.1))
    pretrain(recipe, Photos(photographs(tmp_path / "photos")), tmp_path / "out", "cpu", workers=0)
    assert seen == [True, True]
    assert not flushed()
