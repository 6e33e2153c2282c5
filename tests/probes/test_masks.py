import hashlib
import itertools
import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import ndimage, spatial
from skimage import data, measure

from probes.mask_shapes import PLACEMENTS, SHAPES, _noise, rank_field
from probes.masks import HELD_OUT_SHAPES, PARTS, MaskRecipe, alpha, area_met, composite

LADDER = (1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
sides = st.integers(16, 150)
seeds = st.integers(0, 2**63)
recipes = st.builds(
    MaskRecipe,
    shape=st.sampled_from(SHAPES),
    area=st.floats(0.002, 1),
    feather=st.floats(0, 60),
    placement=st.sampled_from(PLACEMENTS),
    seed=seeds,
)


def luminance(height: int, width: int) -> np.ndarray:
    """Noise whose strength grows from left to right."""
    noise = np.random.default_rng(1).random((height, width))
    return noise * np.linspace(0, 255, width)


def hard(recipe: MaskRecipe, height: int, width: int, luma: np.ndarray | None = None) -> np.ndarray:
    return alpha(recipe, height, width, luma) >= 0.5


@settings(deadline=None, max_examples=150)
@given(recipes, sides, sides)
def test_the_area_is_met_to_the_pixel_after_feathering(recipe, height, width):
    soft = alpha(recipe, height, width, luminance(height, width))
    assert soft.dtype == np.float32
    assert soft.shape == (height, width)
    assert 0 <= soft.min() <= soft.max() <= 1
    assert np.sum(soft >= 0.5) == max(1, round(recipe.area * height * width))
    assert abs(area_met(soft) - recipe.area) <= 0.01


@settings(deadline=None, max_examples=60)
@given(recipes, sides, sides)
def test_masks_of_one_seed_are_nested(recipe, height, width):
    luma = luminance(height, width)
    ladder = [hard(replace(recipe, area=area), height, width, luma) for area in LADDER]
    for small, large in itertools.pairwise(ladder):
        assert not np.any(small & ~large)
        assert small.sum() < large.sum()
    assert ladder[-1].all()


@settings(deadline=None, max_examples=40)
@given(recipes, sides, sides)
def test_a_recipe_is_a_value(recipe, height, width):
    again = MaskRecipe(**json.loads(json.dumps(asdict(recipe))))
    luma = luminance(height, width)
    np.random.seed(0)
    first = alpha(recipe, height, width, luma)
    np.random.seed(1)
    np.testing.assert_array_equal(first, alpha(again, height, width, luma))
    assert first.tobytes() == alpha(again, height, width, luma.copy()).tobytes()


@settings(deadline=None, max_examples=60)
@given(recipes, st.sampled_from(PARTS), sides, sides, st.integers(0, 99))
def test_composite_is_bitwise_pristine_where_alpha_is_zero(recipe, part, height, width, seed):
    generator = torch.Generator().manual_seed(seed)
    pristine, degraded = torch.randint(
        0, 256, (2, 3, height, width), dtype=torch.uint8, generator=generator
    )
    soft = alpha(replace(recipe, part=part), height, width, luminance(height, width))
    mixed = composite(pristine, degraded, soft)
    assert mixed.dtype == torch.uint8
    assert torch.equal(mixed, composite(pristine, degraded, torch.from_numpy(soft)))
    off, on = torch.from_numpy(soft == 0), torch.from_numpy(soft == 1)
    assert torch.equal(mixed[:, off], pristine[:, off])
    assert torch.equal(mixed[:, on], degraded[:, on])
    exact = soft * degraded.numpy().astype(float) + (1.0 - soft) * pristine.numpy()
    assert np.abs(mixed.numpy() - exact).max() <= 0.5 + 1e-4
    assert torch.equal(composite(pristine, pristine, soft), pristine)


@settings(deadline=None, max_examples=60)
@given(recipes, sides, sides)
def test_the_band_is_two_pixels_on_either_side(recipe, height, width):
    luma = luminance(height, width)
    mask = hard(recipe, height, width, luma)
    disk = np.hypot(*np.mgrid[-2:3, -2:3]) <= 2
    inner = mask & ndimage.binary_dilation(~mask, disk)
    outer = ~mask & ndimage.binary_dilation(mask, disk)
    band = alpha(replace(recipe, part="band"), height, width, luma)
    np.testing.assert_array_equal(band, inner | outer)


@settings(deadline=None, max_examples=60)
@given(recipes, sides, sides)
def test_the_complement_is_the_rest(recipe, height, width):
    luma = luminance(height, width)
    inside = alpha(recipe, height, width, luma)
    complement = alpha(replace(recipe, part="complement"), height, width, luma)
    np.testing.assert_array_equal(complement, 1 - inside)
    np.testing.assert_array_equal(complement >= 0.5, inside < 0.5)


@settings(deadline=None, max_examples=30)
@given(recipes, st.integers(16, 300), st.integers(16, 300))
@example(MaskRecipe("noise", 0.4, feather=60, seed=1), 290, 300)
@example(MaskRecipe("cell", 1 / 16, feather=25, seed=2), 300, 280)
def test_the_feather_follows_the_signed_distance(recipe, height, width):
    recipe = replace(recipe, area=min(recipe.area, 0.9), feather=max(recipe.feather, 1.0))
    luma = luminance(height, width)
    mask = hard(replace(recipe, feather=0), height, width, luma)
    cross = np.pad(mask, 1, mode="edge")
    surrounded = cross[:-2, 1:-1] & cross[2:, 1:-1] & cross[1:-1, :-2] & cross[1:-1, 2:]
    border = spatial.cKDTree(np.argwhere(mask & ~surrounded))
    distance = border.query(np.argwhere(np.ones_like(mask)))[0].reshape(mask.shape)
    signed = np.where(mask, distance + 0.5, 0.5 - distance)
    t = np.clip(signed / recipe.feather + 0.5, 0, 1)
    np.testing.assert_allclose(alpha(recipe, height, width, luma), 3 * t**2 - 2 * t**3, atol=1e-6)


def test_the_ramp_is_as_wide_as_the_feather():
    across = alpha(MaskRecipe("strip", 1 / 4, feather=12, placement="edge", seed=3), 200, 200)
    line = across[:, 100] if np.ptp(across[:, 100]) else across[100]
    assert np.sum((line > 0) & (line < 1)) == 12
    assert np.all(np.diff(line) <= 0) or np.all(np.diff(line) >= 0)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("area", [1 / 64, 1 / 16, 1 / 4, 0.6])
def test_shapes_are_what_they_are_called(seed, area):
    rectangle = hard(MaskRecipe("rectangle", area, seed=seed), 288, 384)
    rows, columns = np.flatnonzero(rectangle.any(1)), np.flatnonzero(rectangle.any(0))
    box = rectangle[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    assert (~box).sum() < max(box.shape)  # one side may be filled in part
    # Round and convex: the ellipse of the same second moments covers the same pixels.
    ellipse = hard(MaskRecipe("ellipse", area, placement="center", seed=seed), 288, 384)
    region = measure.regionprops(ellipse.astype(int))[0]
    if area < 0.5:  # before the borders clip it
        around = np.pi / 4 * region.axis_major_length * region.axis_minor_length
        assert around == pytest.approx(region.area, rel=0.02)
    assert region.solidity > 0.97
    strip = measure.regionprops(hard(MaskRecipe("strip", area, seed=seed), 288, 384).astype(int))[0]
    assert strip.solidity > (0.9 if area > 1 / 32 else 0.75)  # a hull adds half a pixel
    top, left, bottom, right = strip.bbox
    assert [top == 0, left == 0, bottom == 288, right == 384].count(True) >= 2


@pytest.mark.parametrize("placement", ["any", "center", "edge", "corner"])
@pytest.mark.parametrize(("height", "width"), [(288, 384), (384, 288), (64, 64), (16, 128)])
def test_cells_are_cells_of_a_dyadic_grid(placement, height, width):
    for seed in range(5):
        for grid in (8, 4, 2):
            recipe = MaskRecipe("cell", 1 / grid**2, placement=placement, seed=seed)
            mask = hard(recipe, height, width)
            blocks = mask.reshape(grid, height // grid, grid, width // grid).mean(axis=(1, 3))
            assert sorted(np.unique(blocks)) == [0, 1]
            assert blocks.sum() == 1


@pytest.mark.parametrize("ratio", [0.75, 1, 3])
def test_noise_is_the_cubic_spline_surface_that_scipy_makes(ratio):
    lattice = np.random.default_rng(0).choice((-1.0, 1.0), (24, 24))
    # Nine cells along the geometric mean of the sides, from the first whole spline on.
    y = (np.arange(70) + 0.5) / 70 * 9 * ratio**0.5 + 1
    x = (np.arange(90) + 0.5) / 90 * 9 / ratio**0.5 + 1
    places = np.meshgrid(y, x, indexing="ij")
    surface = ndimage.map_coordinates(lattice, places, order=3, mode="grid-wrap", prefilter=False)
    np.testing.assert_allclose(_noise(lattice, ratio, 70, 90), surface, atol=1e-6)
    assert np.abs(surface).max() > 0.5


def test_masks_keep_their_place_at_any_resolution():
    for shape in SHAPES:
        recipe = MaskRecipe(shape, 0.2, seed=11)
        small, large = hard(recipe, 96, 128), hard(recipe, 384, 512)
        shrunk = large.reshape(96, 4, 128, 4).mean(axis=(1, 3)) >= 0.5
        assert np.mean(small != shrunk) < 0.02, shape


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(10))
def test_center_edge_and_corner(shape, seed):
    height, width = 288, 384
    center, edge, corner = (
        hard(MaskRecipe(shape, 1 / 64, placement=placement, seed=seed), height, width)
        for placement in ("center", "edge", "corner")
    )
    y, x = np.nonzero(center)
    assert np.hypot(y - height / 2, x - width / 2).min() <= 0.03 * np.hypot(height, width)
    if shape in ("rectangle", "ellipse"):
        assert abs(y.mean() / height - 0.5) < 0.03
        assert abs(x.mean() / width - 0.5) < 0.03
    corners = np.ix_([0, -1], [0, -1])
    assert corner[corners].sum() == 1
    touched = [side.any() for side in (edge[0], edge[-1], edge[:, 0], edge[:, -1])]
    if shape == "strip":  # it lies along the border, from corner to corner
        assert sum(side.all() for side in (edge[0], edge[-1], edge[:, 0], edge[:, -1])) == 1
    else:
        assert sum(touched) == 1
        assert not edge[corners].any()


@pytest.mark.parametrize("name", ["coffee", "astronaut", "chelsea"])
@pytest.mark.parametrize("shape", SHAPES)
def test_smooth_and_textured_follow_the_photograph(shape, name):
    luma = getattr(data, name)().mean(axis=2)
    activity = ndimage.gaussian_gradient_magnitude(luma, 1.0)

    for area in (1 / 64, 1 / 16, 1 / 4):
        recipe = MaskRecipe(shape, area)
        smooth, textured = (
            [
                activity[hard(replace(recipe, placement=place, seed=s), *luma.shape, luma)].mean()
                for s in range(4)
            ]
            for place in ("smooth", "textured")
        )
        # A photograph may have no smooth quarter of this shape, so a quarter is held to the mean.
        least, most = (np.mean, np.mean) if area == 1 / 4 else (max, min)
        assert least(smooth) < 0.97 * activity.mean()
        assert most(textured) > 1.03 * activity.mean()


def test_masks_do_not_change_between_versions():
    masks = [hard(MaskRecipe(shape, 1 / 4, seed=5), 48, 64) for shape in SHAPES]
    digests = [hashlib.sha256(np.packbits(mask).tobytes()).hexdigest()[:12] for mask in masks]
    assert dict(zip(SHAPES, digests, strict=True)) == {
        "rectangle": "c1efbcbae7c4",
        "ellipse": "e471c5f913d4",
        "noise": "a68bd6bd63d6",
        "strip": "98cd8bc5999a",
        "cell": "7f2205211de6",
    }


def test_seeds_differ_and_one_family_is_held_out():
    for shape in SHAPES:
        masks = {hard(MaskRecipe(shape, 1 / 16, seed=s), 60, 80).tobytes() for s in range(20)}
        assert len(masks) > 10
    assert set(HELD_OUT_SHAPES) < set(SHAPES)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"shape": "star"}, "mask shape 'star' is unknown; choose from rectangle, ellipse"),
        ({"placement": "left"}, "mask placement 'left' is unknown"),
        ({"part": "outside"}, "mask part 'outside' is unknown"),
        ({"area": 0}, "mask area must be a fraction in"),
        ({"area": 1.01}, "mask area must be a fraction in"),
        ({"area": float("nan")}, "mask area must be a fraction in"),
        ({"feather": -1}, "mask feather must be 0 to 10000 px"),
        ({"feather": float("inf")}, "mask feather must be 0 to 10000 px"),
        ({"seed": -1}, "mask seed must be an int of at least 0"),
        ({"seed": 0.5}, "mask seed must be an int of at least 0"),
    ],
)
def test_a_wrong_recipe_is_one_clear_line(wrong, message):
    with pytest.raises(ValueError, match=message) as caught:
        MaskRecipe(**{"shape": "ellipse", "area": 0.5, **wrong})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("luma", [None, np.zeros((20, 31)), np.zeros((1, 20, 30))])
def test_placement_by_activity_needs_a_luminance_that_fits(luma):
    with pytest.raises(ValueError, match=r"placement 'smooth' needs luma \[20, 30\]; got"):
        alpha(MaskRecipe("cell", 0.1, placement="smooth"), 20, 30, luma)


def test_composite_refuses_what_does_not_fit():
    image, soft = torch.zeros(3, 8, 9, dtype=torch.uint8), np.ones((8, 9), np.float32)
    with pytest.raises(ValueError, match=r"takes uint8, got torch.float32 and torch.uint8"):
        composite(image.float(), image, soft)
    with pytest.raises(ValueError, match=r"two \[3, H, W\] and an alpha \[H, W\]"):
        composite(image, image[:, :4], soft)
    with pytest.raises(ValueError, match=r"\[3, 8, 9\], \[3, 8, 9\], \[9, 8\]"):
        composite(image, image, soft.T)


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_forty_eight_megapixels(shape):
    recipe = MaskRecipe(shape, 1 / 64, feather=40, placement="corner", seed=2)
    assert np.sum(alpha(recipe, 6000, 8000) >= 0.5) == 750_000
    assert rank_field(shape, "any", 1, 6000, 8000).dtype == np.float32
