"""Calibrated severities, held against scikit-image on the rendered images."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio

from harness.images import Decoded, DecodePolicy
from harness.sample import Damage
from probes import damage_curve
from probes.calibration import calibrated
from probes.contents import Content, folder
from probes.damage_curve import Wanted
from probes.design import DESIGN
from probes.masks import MaskRecipe
from probes.render import Recipe, mask_json, pristine

AREAS = (1 / 64, 1 / 16, 1 / 4, 1)


def photograph(path: Path, seed: int, size: tuple[int, int] = (96, 128)) -> None:
    """Texture of many scales in three colors."""
    rng = np.random.default_rng(seed)
    levels = np.zeros((*size, 3))
    for step in (2, 4, 8, 16, 32):
        small = rng.normal(size=(size[0] // step, size[1] // step, 3)) * step**0.6
        levels += np.kron(small, np.ones((step, step, 1)))
    levels = 128 + levels * 40 / levels.std()
    Image.fromarray(levels.clip(0, 255).astype(np.uint8)).save(path)


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> tuple[Content, ...]:
    root = tmp_path_factory.mktemp("photographs")
    for i in range(3):
        photograph(root / f"photo {i}.png", i)
    return folder(root)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IQA_EVAL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def _wanted(kind: str, content: Content, type: str, feather: float = 0.0) -> Wanted:
    recipes = [MaskRecipe("ellipse", area, feather, "center", seed=4) for area in AREAS[:-1]]
    return Wanted(kind, content, type, (*map(mask_json, recipes), None))  # type: ignore[arg-type]


def _rendered(wanted: Wanted, area: int, severity: float) -> tuple[np.ndarray, ...]:
    """Pristine and damaged image and what is inside, as scikit-image takes them."""
    recipe = Recipe(wanted.content, (Damage(wanted.type, severity, wanted.masks[area]),))
    decoded, alpha = recipe.load(DecodePolicy()), recipe.alpha()
    assert isinstance(decoded, Decoded)
    assert alpha is not None
    return pristine(wanted.content).numpy(), decoded.image.numpy(), alpha >= 0.5


@pytest.mark.parametrize("type", ["white-noise", "gaussian-blur", "jpeg"])
def test_equal_damage_is_equal_over_areas_and_contents(
    contents: tuple[Content, ...], type: str
) -> None:
    wanted = [_wanted("equal-damage", content, type, 4.0 * i) for i, content in enumerate(contents)]
    found = calibrated(wanted, DESIGN)
    frames = [_rendered(w, 3, 3) for w in wanted]
    median = np.median([peak_signal_noise_ratio(*f[:2], data_range=255) for f in frames])
    reached = []
    for each in wanted:
        assert found[each].target == pytest.approx(median, abs=0.01)
        for area, severity in enumerate(found[each].severities):
            if severity is not None:
                before, after, inside = _rendered(each, area, severity)
                reached.append(
                    peak_signal_noise_ratio(before[:, inside], after[:, inside], data_range=255)
                )
    assert len(reached) >= 10
    assert max(reached) - min(reached) <= DESIGN.damage_tolerance + 0.01


@pytest.mark.parametrize("type", ["white-noise", "gaussian-blur", "brighten"])
def test_equal_energy_is_equal_over_areas(contents: tuple[Content, ...], type: str) -> None:
    wanted = _wanted("equal-energy", contents[0], type, 4.0)
    found = calibrated([wanted], DESIGN)[wanted]
    errors = [
        mean_squared_error(*_rendered(wanted, area, severity)[:2])
        for area, severity in enumerate(found.severities)
        if severity is not None
    ]
    assert len(errors) >= 3
    assert max(errors) / min(errors) <= 1 + DESIGN.energy_tolerance + 1e-3
    assert np.mean(errors) == pytest.approx(found.target, rel=DESIGN.energy_tolerance / 2)
    severities = [s for s in found.severities if s is not None]
    assert severities == sorted(severities, reverse=True)  # the smaller, the heavier


def test_what_cannot_be_reached_says_why(contents: tuple[Content, ...]) -> None:
    # 64 times the energy is more than five severities span in one type of mild damage.
    wanted = _wanted("equal-energy", contents[0], "color-diffusion")
    found = calibrated([wanted], DESIGN)[wanted]
    missing = [i for i, severity in enumerate(found.severities) if severity is None]
    assert missing
    for i, (severity, reason) in enumerate(zip(found.severities, found.reasons, strict=True)):
        assert (severity is None) == (i in missing) == (reason is not None)
        if reason is not None:
            assert reason.startswith("equal energy: no severity from 1 to 5 has an MSE within")
            assert "\n" not in reason


def test_severities_are_short_texts_within_the_scale(contents: tuple[Content, ...]) -> None:
    wanted = _wanted("equal-damage", contents[1], "white-noise")
    for severity in calibrated([wanted], DESIGN)[wanted].severities:
        if severity is not None:
            assert 1 <= severity <= 5
            assert severity == round(severity, 3)


def test_results_are_remembered_and_the_same_for_any_number_of_workers(
    contents: tuple[Content, ...], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    types = ("darken", "quantization")
    wanted = [_wanted("equal-damage", contents[0], type) for type in types]
    alone = calibrated(wanted, DESIGN, workers=1)
    monkeypatch.setenv("IQA_EVAL_CACHE", str(cache / "other"))
    together = calibrated(wanted, DESIGN, workers=2)
    assert together == alone

    def never(*_: object) -> None:
        raise AssertionError("rendered again")

    monkeypatch.setattr(damage_curve, "_change", never)
    assert calibrated(wanted, DESIGN, workers=1) == alone
    with pytest.raises(AssertionError, match="rendered again"):
        calibrated(wanted, replace(DESIGN, damage_tolerance=0.3), workers=1)
    moved = [replace(w, seed=1) for w in wanted]
    with pytest.raises(AssertionError, match="rendered again"):
        calibrated(moved, DESIGN, workers=1)


def test_few_renderings_suffice(
    contents: tuple[Content, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered = []
    add = damage_curve.Curve.add
    monkeypatch.setattr(
        damage_curve.Curve, "add", lambda self, s: (rendered.append(s), add(self, s))[1]
    )
    wanted = _wanted("equal-damage", contents[0], "gaussian-blur")
    calibrated([wanted], DESIGN, workers=1)
    assert 5 <= len(rendered) <= 5 + 4 * len(AREAS)
