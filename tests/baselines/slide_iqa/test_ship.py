"""What is shipped: half precision, a head that knows nothing of held-out damage, and its card."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from baselines.pretraining import checkpoint
from baselines.pretraining.photos import Photos
from baselines.pretraining.state import settings
from baselines.slide_iqa.config import PRESETS
from baselines.slide_iqa.recipe import SlideRecipe
from baselines.slide_iqa.ship import main, ship, without_held_out
from harness import load_model
from harness.canonical import canonical_json
from harness.fit_head import fit_head
from harness.images import decode
from harness.model import TrainedOn
from harness.protocols.heads import ALPHAS
from harness.sample import Damage, Dataset
from probes.degradations import HELD_OUT
from probes.mask_shapes import SHAPES, Shape
from probes.masks import HELD_OUT_SHAPES, MaskRecipe

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
    head = fit_head(model, without_held_out(labeled))
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
    only, before = replace(labeled, samples=labeled.samples[:1]), trained.read_bytes()
    with pytest.raises(ValueError, match="no head can be fitted on 1 labeled images of 1 contents"):
        ship(trained, trained, only, PHOTOS, "CC0-1.0")
    assert trained.read_bytes() == before


def test_images_with_held_out_masks_are_left_out_as_well(labeled: Dataset) -> None:
    def masked(shape: Shape) -> Damage:
        return Damage("jpeg", 1.0, mask=canonical_json(asdict(MaskRecipe(shape, 0.1))))

    shapes = (SHAPES[0], HELD_OUT_SHAPES[0])
    samples = tuple(
        replace(sample, damages=(masked(shape),))
        for sample, shape in zip(labeled.samples, shapes, strict=False)
    )
    kept = without_held_out(replace(labeled, samples=samples)).samples
    assert [sample.id for sample in kept] == [samples[0].id]


def test_what_a_head_has_seen_is_told_where_it_is_known(
    trained: Path, labeled: Dataset, tmp_path: Path
) -> None:
    out = tmp_path / "shipped.safetensors"
    unnamed = tuple(replace(sample, damages=()) for sample in labeled.samples)
    for samples, who in ((labeled.samples, "encoder or head"), (unnamed, "the encoder")):
        ship(trained, out, replace(labeled, samples=samples), PHOTOS, "CC0-1.0")
        (weights,) = load_model("slide-iqa", weights=str(out)).card.weights
        assert f"never seen by {who}: damage of the types {HELD_OUT[0]}" in weights.source
        assert f"masks of the shape {', '.join(HELD_OUT_SHAPES)}" in weights.source


@pytest.mark.parametrize("lacking", [{"recipe": "relational-maps"}, {"optimization": None}])
def test_what_is_of_no_run_is_one_clear_line(
    trained: Path, labeled: Dataset, tmp_path: Path, lacking: dict[str, Any]
) -> None:
    tensors, kept = checkpoint.read(trained)
    other = {key: value for key, value in {**kept, **lacking}.items() if value is not None}
    checkpoint.write(tmp_path / "other.safetensors", tensors, other)
    with pytest.raises(ValueError, match=r"of '.*', not of a run of slide-iqa"):
        ship(tmp_path / "other.safetensors", tmp_path / "out", labeled, PHOTOS, "CC0-1.0")


def test_the_command_refuses_what_is_no_dataset(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="demmo"):
        main([str(trained), str(tmp_path / "o"), "--photos", "x", "--license", "y",
              "--labels", "demmo"])  # fmt: skip
