"""Harmless changes: what they do to every value, and that a recipe renders them."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from harness.images import Decoded, DecodePolicy
from harness.sample import Damage
from probes.contents import embedded
from probes.degradations import TYPES
from probes.harmless import HARMLESS, change
from probes.render import Recipe, pristine

CONTENT = embedded()[1]


def test_none_is_a_degradation_of_the_bank() -> None:
    assert not set(HARMLESS) & set(TYPES)


@pytest.mark.parametrize("value", [0, 1, 128, 255])
def test_dither_moves_each_value_by_one_level_at_most(value: int) -> None:
    image = torch.full((3, 60, 80), value, dtype=torch.uint8)
    steps = change(image, "dither", "c").int() - value
    expected = {-1, 0, 1} - ({-1} if value == 0 else set()) - ({1} if value == 255 else set())
    assert set(steps.unique().tolist()) == expected
    if 0 < value < 255:
        counts = torch.bincount((steps + 1).flatten(), minlength=3) / steps.numel()
        np.testing.assert_allclose(counts, 1 / 3, atol=0.02)


def test_dither_depends_on_seed_and_content_alone() -> None:
    image = torch.full((3, 40, 40), 100, dtype=torch.uint8)
    one = change(image, "dither", "a", 1)
    assert torch.equal(one, change(image, "dither", "a", 1))
    assert not torch.equal(one, change(image, "dither", "a", 2))
    assert not torch.equal(one, change(image, "dither", "b", 1))


@pytest.mark.parametrize(
    ("seed", "rows", "columns"), [(0, 1, 0), (1, -1, 0), (2, 0, 1), (3, 0, -1)]
)
def test_shift_moves_the_picture_by_one_pixel_and_repeats_the_edge(
    seed: int, rows: int, columns: int
) -> None:
    image = torch.randint(0, 256, (3, 30, 40), dtype=torch.uint8)
    padded = np.pad(image.numpy(), ((0, 0), (1, 1), (1, 1)), mode="edge")
    expected = padded[:, 1 - rows : 31 - rows, 1 - columns : 41 - columns]
    np.testing.assert_array_equal(change(image, "shift", "c", seed), expected)


def test_jpeg_98_is_that_of_pillow_without_subsampling() -> None:
    image = pristine(CONTENT)
    file = io.BytesIO()
    Image.fromarray(image.permute(1, 2, 0).numpy()).save(file, "JPEG", quality=98, subsampling=0)
    expected = np.asarray(Image.open(file)).transpose(2, 0, 1)
    np.testing.assert_array_equal(change(image, "jpeg-98", "c"), expected)


@pytest.mark.parametrize("name", HARMLESS)
def test_a_recipe_renders_it_over_the_whole_image(name: str) -> None:
    recipe = Recipe(CONTENT, (Damage(name, None, seed=2),))
    decoded = recipe.load(DecodePolicy())
    assert isinstance(decoded, Decoded)
    assert torch.equal(decoded.image, change(pristine(CONTENT), name, CONTENT.id, 2))
    assert not torch.equal(decoded.image, pristine(CONTENT))
    assert decoded.image.dtype == torch.uint8
    assert decoded.image.is_contiguous()
    assert np.all(recipe.alpha() == 1)
