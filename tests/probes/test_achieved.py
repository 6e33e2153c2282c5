"""Achieved damage against scikit-image, on every core, and remembered."""

import math
from dataclasses import astuple, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.color import deltaE_ciede2000, rgb2gray, rgb2lab
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from harness.images import Decoded, DecodePolicy, Failure
from harness.sample import Damage, Sample
from probes import achieved as module
from probes.achieved import LARGEST_PSNR, achieved, measured
from probes.ciede2000 import ciede2000
from probes.contents import embedded
from probes.forked import forked
from probes.masks import MaskRecipe, alpha
from probes.render import Recipe, mask_json, pristine
from probes.ssim import luma, moments, ssim_map

CONTENT = embedded()[0]
AREAS = (1 / 64, 1 / 8, 1)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IQA_EVAL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def sample(type: str, area: float = 1, shape: str = "ellipse", feather: float = 0.0) -> Sample:
    mask = None if area == 1 else mask_json(MaskRecipe(shape, area, feather, seed=5))
    severity = None if type in ("dither", "shift", "jpeg-98") else 3
    damage = Damage(type, severity, mask=mask, area_asked=area)
    return Sample(
        f"a/{type}/{shape}/{area}", Recipe(CONTENT, (damage,)), CONTENT.id, damages=(damage,)
    )


def pictures(rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    first = rng.integers(0, 256, (3, 61, 83))
    noisy = first + rng.normal(0, 20, first.shape)
    return tuple(torch.from_numpy(x.clip(0, 255).astype(np.uint8)) for x in (first, noisy))


def test_the_ssim_map_is_that_of_scikit_image() -> None:
    before = pristine(CONTENT)
    for type in ("jpeg", "gaussian-blur", "mean-shift"):
        decoded = sample(type).source.load(None)
        x, y = luma(before.numpy()), luma(decoded.image.numpy())
        expected = structural_similarity(
            x, y, data_range=255, full=True,
            gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        )[1]  # fmt: skip
        np.testing.assert_allclose(ssim_map(moments(x), y), expected, atol=1e-9)


@pytest.mark.parametrize("area", AREAS)
@pytest.mark.parametrize("shape", ["ellipse", "noise", "strip"])
def test_numbers_are_those_of_scikit_image_inside_the_mask(area: float, shape: str) -> None:
    before, after = pictures(np.random.default_rng(3))
    mask = alpha(MaskRecipe(shape, area, seed=2), 61, 83)
    found, inside = achieved(before, after, mask), mask >= 0.5
    x, y = (p.permute(1, 2, 0).numpy() for p in (before, after))
    gray = [p @ [0.299, 0.587, 0.114] for p in (x, y)]
    similarity = structural_similarity(
        *gray, data_range=255, full=True,
        gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
    )[1]  # fmt: skip
    assert found.local_psnr == pytest.approx(peak_signal_noise_ratio(x[inside], y[inside]))
    assert found.local_ssim == pytest.approx(similarity[inside].mean(), abs=1e-9)
    expected = deltaE_ciede2000(rgb2lab(x[inside]), rgb2lab(y[inside])).mean()
    assert found.delta_e == pytest.approx(expected, abs=1e-4)
    assert found.mse == pytest.approx(np.mean((x.astype(float) - y) ** 2))


def test_nothing_changed_is_a_finite_psnr_and_no_difference() -> None:
    before = pictures(np.random.default_rng(0))[0]
    found = achieved(before, before.clone(), np.ones((61, 83), np.float32))
    assert astuple(found) == (LARGEST_PSNR, pytest.approx(1), 0, 0)


def test_what_is_outside_counts_for_the_whole_images_error_alone() -> None:
    before = pictures(np.random.default_rng(0))[0]
    after, mask = before.clone(), np.zeros((61, 83), np.float32)
    mask[30:, 40:] = 1
    after[:, :10, :10] = 255 - after[:, :10, :10]
    found = achieved(before, after, mask)
    assert (found.local_psnr, found.delta_e) == (LARGEST_PSNR, 0)
    assert found.local_ssim == pytest.approx(1)
    assert found.mse == pytest.approx(float((before.double() - after).square().mean()))


def test_arguments_that_cannot_be_are_refused_in_one_line() -> None:
    before, after = pictures(np.random.default_rng(0))
    with pytest.raises(ValueError, match="inside"):
        achieved(before, after, np.zeros((61, 83), np.float32))
    with pytest.raises(ValueError, match=r"\[3, 61, 83\], \[3, 61, 83\], \[9, 9\]"):
        achieved(before, after, np.ones((9, 9), np.float32))


colors = st.tuples(st.floats(0, 100), st.floats(-100, 100), st.floats(-100, 100))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(colors, colors), min_size=1, max_size=40))
def test_ciede2000_is_that_of_scikit_image(pairs: list) -> None:
    first, second = np.array(pairs).transpose(1, 2, 0)
    expected = deltaE_ciede2000(first.T, second.T)
    found = ciede2000(torch.from_numpy(first), torch.from_numpy(second)).numpy()
    # For exactly opposite hues the mean hue is arbitrary: the formula has a step there.
    hues = [np.arctan2(x[2], x[1]) for x in (first, second)]
    clear = np.abs(np.abs(hues[0] - hues[1]) - math.pi) > 1e-6
    np.testing.assert_allclose(found[clear], expected[clear], atol=1e-6)


def test_ciede2000_of_grays_and_of_equal_colors() -> None:
    gray = torch.tensor([[20.0, 80.0], [0.0, 0.0], [0.0, 0.0]])
    expected = deltaE_ciede2000([20, 0, 0], [80, 0, 0])
    assert ciede2000(gray[:, :1], gray[:, 1:]).item() == pytest.approx(float(expected), abs=1e-4)
    assert not ciede2000(gray, gray).any()


def test_measured_is_the_same_with_any_number_of_workers_and_is_remembered(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = [
        sample(type, area) for type in ("jpeg", "jitter", "darken", "shift") for area in AREAS
    ]
    one = measured(samples, workers=1)
    assert list(one) == [s.id for s in samples]
    for each in samples[:4]:
        decoded = each.source.load(None)
        assert achieved(pristine(CONTENT), decoded.image, each.source.alpha()) == one[each.id]
    files = list((cache / "probes").rglob("*.json"))
    assert len(files) == 1  # of one content
    files[0].unlink()
    assert measured(samples, workers=2) == one
    monkeypatch.setattr(module, "_measure", None)  # nothing is measured again
    assert measured(samples) == one


def test_a_photograph_under_another_name_is_measured_itself(cache: Path) -> None:
    noise = Damage("white-noise", 3)
    one, other = (
        Sample(c.id, Recipe(c, (noise,)), c.id, damages=(noise,))
        for c in (CONTENT, replace(CONTENT, id="renamed"))
    )
    first = measured([one], workers=1)[one.id]
    found = measured([one, other], workers=1)
    assert found[one.id] == first
    decoded = other.source.load(DecodePolicy())
    assert isinstance(decoded, Decoded)
    alone = achieved(pristine(CONTENT), decoded.image, other.source.alpha())
    assert found["renamed"] == alone != first
    assert len(list((cache / "probes").rglob("*.json"))) == 1  # of the same pixels


def test_what_has_no_recipe_no_damage_or_no_pixels_is_left_out(tmp_path: Path) -> None:
    gone = replace(CONTENT, id="gone", path=tmp_path / "gone.png")
    damage = Damage("jpeg", 3)
    lost = Sample("lost", Recipe(gone, (damage,)), "gone", damages=(damage,))
    assert isinstance(lost.source.load(None), Failure)
    clean = Sample("clean", Recipe(CONTENT), CONTENT.id)
    assert list(measured([lost, clean, sample("jpeg")], workers=1)) == ["a/jpeg/ellipse/1"]


def test_a_ladders_frame_is_damaged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from probes import render

    made = []
    degrade = render.degrade
    monkeypatch.setattr(render, "degrade", lambda *a: made.append(a[1]) or degrade(*a))
    render._kept_frame.cache_clear()
    measured([sample(type, area) for area in AREAS for type in ("jpeg", "darken")], workers=1)
    assert sorted(made) == ["darken", "jpeg"]


def test_forked_work_fails_with_its_own_error_and_needs_a_worker() -> None:
    def work(x: int) -> float:
        return 1 / x

    assert sorted(forked(work, [1, 2, 4], workers=2)) == [(1, 1.0), (2, 0.5), (4, 0.25)]
    with pytest.raises(ZeroDivisionError):
        list(forked(work, [1, 0, 2], workers=2))
    with pytest.raises(ValueError, match="at least 1"):
        list(forked(work, [1], workers=0))


def test_gray_is_gray() -> None:
    image = pictures(np.random.default_rng(1))[0].numpy()
    # scikit-image weighs by BT.709: equal on grays alone.
    image[:] = image[:1]
    np.testing.assert_allclose(luma(image), rgb2gray(image.transpose(1, 2, 0)) * 255)
