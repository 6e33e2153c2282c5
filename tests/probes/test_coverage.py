"""Coverage of models whose coverage is known, block by block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from harness.model import ModelCard
from probes.coverage import Coverage, coverage, seen_share, summarize
from probes.coverage_images import KINDS, CoverageImage, Frame, base, perturbed
from probes.coverage_response import distance, fine_psnr, reference
from probes.coverage_search import OPEN, SEEN, UNSEEN

CARD = ModelCard("known", "1", "NR", trained_on=())
SMALL = (256, 192)


class Scores:
    """A scorer from a function of one image, ``float64 [3, H, W]``."""

    def __init__(self, of: Callable[[torch.Tensor], float | torch.Tensor]) -> None:
        self.card, self.of, self.calls = CARD, of, 0

    def score(self, images: Sequence[torch.Tensor]) -> torch.Tensor:
        self.calls += len(images)
        values = [float(self.of(image.double())) for image in images]
        return torch.tensor(values, dtype=torch.float64)


def roughness(image: torch.Tensor) -> float:
    """Of squares of levels and of differences: no pixel of ``image`` is without effect."""
    return float(image.square().mean() + image.diff(dim=-1).square().mean())


def center_crop(image: torch.Tensor, side: int = 96) -> torch.Tensor:
    height, width = image.shape[-2:]
    top, left = height // 2 - side // 2, width // 2 - side // 2
    return image[:, top : top + side, left : left + side]


def five(image: torch.Tensor, side: int = 96) -> torch.Tensor:
    bands = (image[:, :side], image[:, -side:])
    corners = [band[:, :, part] for band in bands for part in (slice(side), slice(-side, None))]
    return torch.stack([*corners, center_crop(image, side)])


def blocks(mask: np.ndarray, block: int = 16) -> np.ndarray:
    """A block is seen if any of its pixels is, spelled out."""
    height, width = mask.shape
    return np.array(
        [
            [mask[y : y + block, x : x + block].any() for x in range(0, width, block)]
            for y in range(0, height, block)
        ]
    )


def looked_at(size: tuple[int, int], of: Callable[..., torch.Tensor], side: int = 96) -> np.ndarray:
    """The pixels that get into ``of`` of an image of ``size``, by their numbers."""
    width, height = size
    numbers = torch.arange(height * width, dtype=torch.int64).view(1, height, width)
    mask = np.zeros(height * width, bool)
    mask[of(numbers, side).numpy().ravel()] = True
    return mask.reshape(height, width)


@pytest.mark.parametrize("size", [(256, 192), (263, 199)])
@pytest.mark.parametrize("of", [center_crop, five])
def test_crops_are_found_exactly(size, of):
    model = Scores(lambda image: roughness(of(image)))
    found = coverage(model, size, calls=500)
    mask = looked_at(size, of)
    assert found.exact
    np.testing.assert_array_equal(found.seen == SEEN, blocks(mask))
    assert found.calls == model.calls <= 500
    assert found.low == found.share == found.high
    pixels = blocks(mask).repeat(16, 0).repeat(16, 1)[: size[1], : size[0]]
    assert found.share == pytest.approx(pixels.mean())
    assert found.noise == 0
    assert found.resampling == 1


def test_the_crops_of_arniqa():
    """Those of the official program, with what it does of a Pillow picture."""

    class Crops:
        card = CARD

        def score(self, images):
            from PIL import Image

            from baselines.arniqa import five_crops

            picture = Image.fromarray(images[0].permute(1, 2, 0).numpy())
            return five_crops(picture).sum(dtype=torch.float64)[None]

    found = coverage(Crops(), (560, 304), calls=900)
    mask = looked_at((560, 304), five, 224)
    assert not blocks(mask).all()
    assert found.exact
    np.testing.assert_array_equal(found.seen == SEEN, blocks(mask))


def test_the_whole_image_costs_one_call_a_block():
    model = Scores(roughness)
    found = coverage(model, (256, 192), calls=300)
    assert found.exact
    assert (found.seen == SEEN).all()
    assert found.share == 1
    assert model.calls == 12 * 16 + 18  # and 3 repeats, 3 times everything, 12 textures


def test_every_second_column_is_seen_in_every_block():
    found = coverage(Scores(lambda image: roughness(image[:, :, ::2])), (256, 192), calls=300)
    assert found.exact
    assert found.share == 1


def test_constant():
    found = coverage(Scores(lambda image: 3.0), SMALL)
    assert found.exact
    assert (found.seen == UNSEEN).all()
    assert found.calls < 30
    assert found.resampling == np.inf


def test_a_model_at_random_sees_nothing():
    rng = np.random.default_rng(0)
    found = coverage(Scores(lambda image: rng.normal()), SMALL, calls=400)
    assert found.share == 0
    assert found.noise > 1


def test_noise_hides_no_crop_and_adds_no_block():
    rng = np.random.default_rng(1)
    model = Scores(lambda image: roughness(center_crop(image)) + rng.normal() / 4)
    found = coverage(model, (192, 160), calls=800)
    assert found.exact
    np.testing.assert_array_equal(found.seen == SEEN, blocks(looked_at((192, 160), center_crop)))


@pytest.mark.parametrize("worst", [torch.amin, torch.amax])
def test_the_worst_patch_alone_counts_and_yet_all_are_seen(worst):
    """Whichever end is the worst: a perturbed block takes the place of the worst one."""

    def score(image: torch.Tensor) -> torch.Tensor:
        patches = image.mean(0).unfold(0, 16, 16).unfold(1, 16, 16)
        return worst(patches.var((2, 3)), (0, 1))

    found = coverage(Scores(score), (160, 112), calls=500)
    assert found.exact
    assert found.share == 1


def test_what_answers_only_together_is_left_open():
    """A model that rounds: no block alone moves it, all of them do."""
    model = Scores(lambda image: round(float(image.mean()) / 8))
    found = coverage(model, (256, 192), calls=2000)
    assert not found.exact
    assert (found.seen == OPEN).any()
    assert found.low == 0
    assert found.high > 0.2


def test_full_reference():
    class Psnr:
        card = replace(CARD, mode="FR")

        def score_pair(self, images, references):
            error = (center_crop(images[0]).double() - center_crop(references[0])).square().mean()
            return (10 * torch.log10(255**2 / error))[None]  # inf for the image itself

    found = coverage(Psnr(), SMALL, calls=500)
    assert found.operation == "score_pair"
    assert found.exact
    mask = looked_at(SMALL, center_crop)
    np.testing.assert_array_equal(found.seen == SEEN, blocks(mask))


class Grid:
    """Features: means over 7 × 7 cells of the left half, after a resize to 56 × 56."""

    card = CARD

    def features(self, images):
        rows = []
        for image in images:
            half = image[None, :, :, : image.shape[2] // 2].float()
            small = functional.interpolate(half, (56, 56), mode="bilinear", antialias=True)
            rows.append(functional.adaptive_avg_pool2d(small.square(), 7).flatten())
        return torch.stack(rows)[:, None]


def test_features():
    found = coverage(Grid(), SMALL, calls=500)
    assert found.operation == "features"
    assert found.exact
    expected = np.zeros((12, 16), bool)
    expected[:, :8] = True
    np.testing.assert_array_equal(found.seen == SEEN, expected)


@pytest.mark.parametrize("side", [224, 112, 56])
def test_a_resize_sees_all_and_loses_fine_damage(side):
    def score(image: torch.Tensor) -> float:
        small = functional.interpolate(image[None], (side, side), mode="bilinear", antialias=True)
        return roughness(small[0])

    found = coverage(Scores(score), (448, 448), calls=100)
    assert found.share == 1
    assert not found.exact
    factor = 448 / side  # textures are half an octave apart, and a filter is no step
    assert factor / 1.5 <= found.resampling <= factor * 1.5
    native = fine_psnr(found.frame, 1)
    assert native == pytest.approx(20 * np.log10(255 / 16), abs=0.1)
    # White noise that is averaged over f pixels each way loses f² of its power, by bicubic more.
    gain = 20 * np.log10(found.resampling)
    assert native + 0.9 * gain < found.fine_psnr < native + 1.5 * gain


def test_mean_luminance_answers_to_no_detail():
    found = coverage(Scores(lambda image: image.mean()), (256, 192), calls=400)
    assert found.exact
    assert found.share == 1
    assert found.resampling == np.inf


def test_too_few_calls_estimate_with_an_interval():
    truth, inside = blocks(looked_at((400, 320), five)), 0
    weight = truth.mean()
    for seed in range(8):
        found = coverage(
            Scores(lambda image: five(image).square().mean()),
            (400, 320),
            calls=160,
            seed=seed,
        )
        assert not found.exact
        assert found.calls <= 160
        # What is called seen or unseen is so, however few the calls.
        assert (truth[found.seen == SEEN]).all()
        assert not truth[found.seen == UNSEEN].any()
        assert found.low <= found.share <= found.high
        inside += found.low <= weight <= found.high
    assert inside >= 7


def test_all_seen_but_not_all_tested():
    found = coverage(
        Scores(lambda image: image[:, ::3, ::3].square().mean()), (512, 384), calls=300
    )
    assert not found.exact
    assert found.share == found.high == 1
    assert 0.97 < found.low < 1
    assert seen_share(found, np.ones((384, 512))) == 1


def test_the_same_seed_gives_the_same():
    first, second = (coverage(Grid(), SMALL, calls=100, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.seen, second.seen)
    assert (first.share, first.low, first.calls) == (second.share, second.low, second.calls)


def known(seen: np.ndarray, width: int, height: int) -> Coverage:
    estimate = (seen == SEEN).astype(np.float32)
    return summarize("m", "score", Frame(width, height), seen, estimate, (0, 1), 1, 0.0, 1.0, 24.0)


def test_seen_share_of_masks():
    seen = np.zeros((2, 3), np.int8)
    seen[:, 1] = SEEN
    found = known(seen, 40, 30)  # the last row and column of blocks are narrower
    assert found.share == pytest.approx(16 / 40)
    mask = np.zeros((30, 40), np.float32)
    mask[20:30, 10:20] = 1
    assert seen_share(found, mask) == pytest.approx(0.4)
    mask[:] = 0.49
    mask[5, 20] = 0.5
    assert seen_share(found, mask) == 1
    with pytest.raises(ValueError, match="the mask is empty"):
        seen_share(found, np.zeros((30, 40)))
    with pytest.raises(ValueError, match="40 × 30 pixels, not at 30 × 40"):
        seen_share(found, np.ones((40, 30)))


def test_refusals():
    with pytest.raises(ValueError, match="at least 100 calls, got 50"):
        coverage(Grid(), SMALL, calls=50)
    small = Scores(roughness)
    small.card = replace(CARD, max_pixels=1000)
    with pytest.raises(ValueError, match="known: 256 × 192 pixels: more than the model takes"):
        coverage(small, SMALL)
    nothing = type("Nothing", (), {"card": CARD})()
    with pytest.raises(ValueError, match="no score and no features of images"):
        coverage(nothing, SMALL)
    with pytest.raises(ValueError, match="at least 1 pixel"):
        coverage(Grid(), (0, 3))


@pytest.mark.parametrize("kind", KINDS)
def test_every_block_is_perturbed_well_and_none_else(kind):
    frame = Frame(100, 70)
    pristine = base(frame).astype(int)
    change = np.abs(perturbed(frame, kind).astype(int) - pristine).max(axis=0)
    at_least = [
        change[y : y + 16, x : x + 16].max() for y in range(0, 70, 16) for x in range(0, 100, 16)
    ]
    assert min(at_least) >= 20
    image = CoverageImage(frame, kind, (1, 2, 3, 7))
    changed = (image.image().numpy() != base(frame)).any(axis=0)
    np.testing.assert_array_equal(changed & ~(image.alpha() > 0), False)
    assert changed[16:32, 48:].mean() > 0.9
    np.testing.assert_array_equal(
        image.image().numpy()[:, 16:32, 48:], perturbed(frame, kind)[:, 16:32, 48:]
    )


def test_distances_of_what_is_not_finite():
    inf, nan = np.array([np.inf]), np.array([np.nan])
    assert distance(inf, inf) == distance(nan, nan) == 0
    assert distance(inf, -inf) == distance(inf, nan) == distance(nan, np.zeros(1)) == np.inf
    assert distance(np.zeros(2), np.array([3.0, 4.0])) == 5
    # A tolerance of rounding follows from the least that any perturbation of everything does.
    at_rest = reference([np.zeros(1)] * 3, [np.array([v]) for v in (5.0, 0.0, np.inf)])
    assert at_rest.tolerance == pytest.approx(5e-6)
    assert not at_rest.changed(np.array([4e-6]))
    assert at_rest.changed(np.array([6e-6]))
