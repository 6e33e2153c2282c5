"""What is shipped: half precision, a head that knows nothing of held-out damage, and its card."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from baselines.pretraining import checkpoint
from baselines.pretraining.photos import Photos
from baselines.pretraining.state import settings
from baselines.slide_iqa.config import PRESETS
from baselines.slide_iqa.recipe import SlideRecipe
from baselines.slide_iqa.ship import main, ship, trained_types_of
from harness import load_model
from harness.fit_head import fit_head
from harness.images import decode
from harness.model import TrainedOn
from harness.protocols.heads import ALPHAS
from harness.sample import Damage, Dataset
from probes.degradations import HELD_OUT

RECIPE = SlideRecipe(PRESETS["smoke"])
PHOTOS = TrainedOn("somewhere", "training")


@pytest.fixture
def trained(photos: Path, tmp_path: Path) -> Path:
    torch.manual_seed(0)
    path = tmp_path / "checkpoint.safetensors"
    kept = {**settings(RECIPE, Photos(photos), 1), "step": 8}
    checkpoint.write(path, RECIPE.exported(RECIPE.build()), kept)
    return path


@pytest.fixture
def labeled(tiny: Dataset) -> Dataset:
    """The tiny dataset with damage of known types, some of it held out."""
    types = ("jpeg", "gaussian-blur", HELD_OUT[0])
    samples = tuple(
        replace(sample, damages=(Damage(types[i % 3], 1.0),))
        for i, sample in enumerate(tiny.samples)
    )
    return replace(tiny, samples=samples)


def test_the_score_is_ridge_on_what_is_not_held_out(
    trained: Path, labeled: Dataset, tmp_path: Path
) -> None:
    out = tmp_path / "shipped.safetensors"
    ship(trained, out, labeled, PHOTOS, "CC0-1.0", "one core")
    model = load_model("slide-iqa", weights=str(out))
    seen = [s for s in labeled.samples if s.label is not None and s.damages[0].type != HELD_OUT[0]]
    images = [decode(str(sample.source.path)).image for sample in seen]  # type: ignore
    features = model.features(images)[:, 0].double().numpy()
    head = fit_head(model, trained_types_of(labeled))
    assert head.alpha in ALPHAS
    labels = np.array([sample.label for sample in seen])
    # Our ridge is on standardized features, as the docstring of the path says.
    mean, sd = features.mean(0), features.std(0)
    same = Ridge(alpha=head.alpha).fit((features - mean) / sd, labels)
    wanted = same.predict((features - mean) / sd)
    np.testing.assert_allclose(model.score(images).numpy(), wanted, atol=1e-4)


def test_the_file_is_half_precision_and_tells_what_made_it(
    trained: Path, labeled: Dataset, tmp_path: Path
) -> None:
    out = tmp_path / "shipped.safetensors"
    ship(trained, out, replace(labeled, label_kind="pseudo"), PHOTOS, "CC0-1.0", "one core")
    tensors, kept = checkpoint.read(out)
    half = {name for name, tensor in tensors.items() if tensor.dtype == torch.float16}
    assert half == {name for name in tensors if not name.startswith("head.")}
    assert kept["step"] == 8
    card = load_model("slide-iqa", weights=str(out)).card
    head = TrainedOn("tiny", role="pseudo", component="head")
    assert card.trained_on == (PHOTOS, head)
    (weights,) = card.weights
    assert weights.license == "CC0-1.0"
    for told in ("8 steps of 16 views", "seed 0", "pseudo-labels of tiny", "one core"):
        assert told in weights.source
    again = tmp_path / "again.safetensors"
    ship(out, again, replace(labeled, label_kind="pseudo"), PHOTOS, "CC0-1.0", "one core")
    assert again.read_bytes() == out.read_bytes()


def test_labels_that_no_head_can_be_fitted_on_are_one_clear_line(
    trained: Path, labeled: Dataset, tmp_path: Path
) -> None:
    only = replace(labeled, samples=labeled.samples[:1])
    with pytest.raises(ValueError, match="no head can be fitted on 1 labeled images of 1 contents"):
        ship(trained, tmp_path / "out.safetensors", only, PHOTOS, "CC0-1.0")


def test_the_command_refuses_what_is_no_dataset(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="demmo"):
        main([str(trained), str(tmp_path / "o"), "--photos", "x", "--license", "y",
              "--labels", "demmo"])  # fmt: skip
