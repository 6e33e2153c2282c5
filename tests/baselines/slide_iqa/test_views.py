"""Views are the undamaged photograph outside their masks, and records say what was done."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from baselines.slide_iqa import render, views
from baselines.slide_iqa.composition import Plan, Region, compose, side
from baselines.slide_iqa.config import PRESETS, SlideConfig
from baselines.slide_iqa.records import Records
from baselines.slide_iqa.relations import POSITIVE, relations, shares
from baselines.slide_iqa.views import Batch, LeanMasks, draw_views, make_views
from probes.degradations import BANK, HELD_OUT, degrade_batch
from probes.masks import HELD_OUT_SHAPES, MaskRecipe, alpha
from tests.baselines.pretraining.trials import Photographs

SMALL = PRESETS["small"]
SMOKE = PRESETS["smoke"]
TAU = SMALL.least_coverage


PHOTOS = Photographs((190, 210))


def made(config: SlideConfig, seed: int = 0, n: int = 128, progress: float = 0.0) -> Batch:
    drawn = draw_views(PHOTOS, n, config, torch.Generator().manual_seed(seed), progress)
    return make_views(drawn, config)


def trace(config: SlideConfig, n: int = 128) -> dict[str, Any]:
    """A batch, and what its maker planned, masked, cut and damaged on the way."""
    seen: dict[str, Any] = {"plans": [], "masks": [], "corners": [], "before": [], "after": []}
    corners_of = views._corners

    def composed(*args: Any) -> list[Plan]:
        seen["plans"] = compose(*args)
        return seen["plans"]

    def masked(plan: Plan, side: int) -> np.ndarray:
        seen["masks"].append(render.opacities(plan, side))
        return seen["masks"][-1]

    def cut(*args: Any) -> list[tuple[int, int]]:
        seen["corners"].append(corners_of(*args))
        return seen["corners"][-1]

    def damage(images: Tensor, *args: Any) -> Tensor:
        result = render.damaged(images, *args)
        seen["before"] += images
        seen["after"] += result
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(views, "compose", composed)
        patch.setattr(views, "opacities", masked)
        patch.setattr(views, "_corners", cut)
        patch.setattr(views, "damaged", damage)
        seen["batch"] = made(config, n=n)
        return seen


@pytest.fixture(scope="module")
def traced() -> dict[str, Any]:
    return trace(SMALL)


def rendered(traced: dict[str, Any]) -> list[tuple[Plan, np.ndarray, Tensor, Tensor]]:
    """Plan, masks, undamaged and damaged image; single crops were damaged before pairs."""
    both = list(zip(traced["plans"], traced["masks"], strict=True))
    ordered = [one for crops in (1, 2) for one in both if one[0].crops == crops]
    images = zip(traced["before"], traced["after"], strict=True)
    return [(*one, *image) for one, image in zip(ordered, images, strict=True)]


def test_outside_its_masks_a_view_is_bitwise_the_undamaged_one(traced: dict[str, Any]) -> None:
    found = rendered(traced)
    hits = 0
    for plan, masks, before, after in found:
        outside = torch.from_numpy((masks == 0).all(0))
        assert torch.equal(after[:, outside], before[:, outside])
        assert torch.equal((after * 255).round() / 255, after)
        assert 0 <= after.min() <= after.max() <= 1
        hits += bool(plan.regions) and not torch.equal(after, before)
        assert plan.regions or torch.equal(after, before)
    assert hits > 0.8 * len(found)


def test_masks_that_are_sent_are_the_same_in_fewer_bytes(traced: dict[str, Any]) -> None:
    sent = whole = 0
    for plan, masks in zip(traced["plans"], traced["masks"], strict=True):
        lean = LeanMasks.of(masks, plan)
        found = lean.opacities(side(SMALL, plan), "cpu")
        assert found.dtype == torch.float32
        assert torch.equal(found, torch.from_numpy(masks))
        sent, whole = sent + lean.levels.nbytes + lean.between.nbytes, whole + masks.nbytes
    assert sent < whole / 3


def test_coverage_is_the_mean_of_the_mask_over_the_crop(traced: dict[str, Any]) -> None:
    records = traced["batch"].records
    size, view = SMALL.crop, 0
    for plan, masks, corners in zip(
        *(traced[name] for name in ("plans", "masks", "corners")), strict=True
    ):
        shown = [masks[:, y : y + size, x : x + size] for y, x in corners]
        assert len(shown) == plan.crops
        for seen in shown:
            assert seen.shape[1:] == (size, size)
            wanted, severity = np.zeros((2, len(SMALL.types)))
            for mask, region in zip(seen, plan.regions, strict=True):
                t = SMALL.types.index(region.type)
                wanted[t] = max(wanted[t], mask.mean(dtype=float))
                severity[t] = region.severity
            np.testing.assert_allclose(records.coverage[view], wanted, rtol=1e-5, atol=1e-7)
            np.testing.assert_array_equal(records.severity[view], severity * (wanted > 0))
            view += 1
        if plan.crops == 2:
            one, other = view - 2, view - 1
            assert records.images[one] == records.images[other]
            assert torch.equal(records.overlap[one], records.overlap[other])
            for mask, twin, region in zip(*shown, plan.regions, strict=True):
                iou = np.minimum(mask, twin).sum() / max(np.maximum(mask, twin).sum(), 1e-6)
                found = records.overlap[one, SMALL.types.index(region.type)]
                assert found == pytest.approx(1 if plan.two_draws else iou, abs=1e-5)
    assert view == 128
    assert len(records.images.unique()) == len(traced["plans"])


def test_views_are_crops_of_the_damaged_image_or_their_mirror_images(
    traced: dict[str, Any],
) -> None:
    images = traced["batch"].images
    after = {id(p): image for p, _, _, image in rendered(traced)}
    size, view, mirrored = SMALL.crop, 0, 0
    for plan, corners in zip(traced["plans"], traced["corners"], strict=True):
        for y, x in corners:
            crop = after[id(plan)][:, y : y + size, x : x + size]
            flipped = not torch.equal(images[view], crop)
            assert torch.equal(images[view], crop.flip(2) if flipped else crop)
            mirrored += flipped
            view += 1
    assert 40 < mirrored < 88


def test_damage_is_computed_on_the_whole_image_one_after_another() -> None:
    image = PHOTOS[0][:, :96, :96][None].float() / 255
    first = Region("jpeg", 4, MaskRecipe("ellipse", 0.3, 6, seed=1))
    second = Region("gaussian-blur", 3, MaskRecipe("cell", 0.4, seed=2))
    plan = Plan(0, (first, second), 1)
    masks = render.opacities(plan, 96)
    rng = torch.Generator()
    found = render.damaged(image, [plan], [torch.from_numpy(masks)], rng)
    x = image.double()
    for region in plan.regions:
        assert region.mask is not None
        M = torch.from_numpy(alpha(region.mask, 96, 96)).double()
        D = degrade_batch(x.float(), region.type, [region.severity], rng).double()
        x = (((1 - M) * x + M * D) * 255).round() / 255
    # Where a value lies halfway between two gray levels, single precision may take the other.
    off = (found - x).abs()
    assert off.max() <= 1.01 / 255
    assert (off > 1e-6).float().mean() < 0.01


def test_two_draws_have_no_undamaged_part_and_cover_the_view() -> None:
    config = replace(SMOKE, full_frame_share=0.0, pristine_share=0.0)
    config = replace(config, two_draws_share=1.0, band_share=0.0)
    plans = compose(config, 64, 9, np.random.default_rng(0))
    assert all(plan.two_draws and len(plan.regions) == 2 for plan in plans)
    assert all(plan.regions[0].type == plan.regions[1].type for plan in plans)
    assert all(BANK[plan.regions[0].type].stochastic for plan in plans)
    assert len({plan.regions[0].type for plan in plans}) > 3
    records = made(config, n=32).records
    assert ((records.coverage == 0) | (records.coverage == 1)).all()
    assert ((records.coverage == 1).sum(1) == 1).all()
    # Of one noise over another the variance is that of one, not of two.
    flat = torch.full((1, 3, 64, 64), 128 / 255)
    half = MaskRecipe("rectangle", 0.5, seed=1)
    plan = Plan(0, (Region("white-noise", 5), Region("white-noise", 5, half)), 1, True)
    mask = torch.from_numpy(render.opacities(plan, 64))
    noisy = render.damaged(flat, [plan], [mask], torch.Generator().manual_seed(0))[0]
    inside = mask[1] == 1
    assert noisy[:, inside].var().item() == pytest.approx(0.015, rel=0.1)
    assert noisy[:, ~inside].var().item() == pytest.approx(0.015, rel=0.1)


def test_bands_are_slivers_about_an_edge() -> None:
    config = replace(SMALL, full_frame_share=0.0, pristine_share=0.0)
    config = replace(config, band_share=1.0, two_draws_share=0.0)
    for plan in compose(config, 64, 9, np.random.default_rng(0)):
        (region,) = plan.regions
        assert region.mask is not None
        assert region.mask.part == "band"
        band = alpha(region.mask, side(config, plan), side(config, plan))
        assert 0 < band.sum() / SMALL.crop**2 < TAU
    records = made(config, n=32).records
    assert (records.coverage < TAU).all()
    assert not (relations(records, config) == -1).any()


def kind(plan: Plan) -> str:
    if not plan.regions:
        return "pristine"
    if plan.two_draws:
        return "two-draws"
    masks = [region.mask for region in plan.regions]
    if masks == [None]:
        return "full-frame"
    return "band" if masks[0] is not None and masks[0].part == "band" else "localized"


@pytest.fixture(scope="module")
def plans() -> list[Plan]:
    """Of 100 batches."""
    rngs = [np.random.default_rng(seed) for seed in range(100)]
    return [plan for rng in rngs for plan in compose(SMALL, 128, 50, rng)]


def test_the_shares_are_those_of_the_config(plans: list[Plan]) -> None:
    kinds: Counter[str] = Counter()
    regions: Counter[int] = Counter()
    for plan in plans:
        kinds[kind(plan)] += plan.crops
        if kind(plan) == "localized":
            regions[len(plan.regions)] += plan.crops
    views = 100 * 128
    assert kinds.total() == views
    wanted = {"pristine": 0.05, "full-frame": 0.35, "band": 0.018, "two-draws": 0.03}
    for name, share in {**wanted, "localized": 1 - sum(wanted.values())}.items():
        # Four standard deviations of a share of 6,400 independent pairs.
        bound = 4 * (share * (1 - share) / (views / 2)) ** 0.5
        assert kinds[name] / views == pytest.approx(share, abs=bound), name
    for number, share in ((1, 0.5), (2, 0.35), (3, 0.15)):
        assert regions[number] / regions.total() == pytest.approx(share, abs=0.04)
    both = sum(plan.crops == 2 for plan in plans) * 2 / views
    assert both == pytest.approx(0.5, abs=0.03)


def test_areas_are_log_uniform_and_half_of_the_masks_feathered(plans: list[Plan]) -> None:
    masks = [
        region.mask
        for plan in plans
        if kind(plan) == "localized"
        for region in plan.regions
        if region.mask is not None
    ]
    octaves = np.log2([mask.area for mask in masks])
    share = (octaves - np.log2(0.03)) / np.log2(0.6 / 0.03)
    counts, _ = np.histogram(share, 6, (0, 1))
    assert counts.sum() == len(masks)  # none is outside
    # Regions of one sample share a bin, so they are fewer draws than they are masks.
    np.testing.assert_allclose(counts / len(masks), 1 / 6, atol=0.03)
    assert np.mean([mask.feather > 0 for mask in masks]) == pytest.approx(0.5, abs=0.03)
    shapes = Counter(mask.shape for mask in masks)
    np.testing.assert_allclose([n / len(masks) for n in shapes.values()], 1 / 4, atol=0.02)


def test_nothing_held_out_is_planned_and_all_else_is(plans: list[Plan]) -> None:
    types = {region.type for plan in plans for region in plan.regions}
    shapes = {r.mask.shape for plan in plans for r in plan.regions if r.mask is not None}
    assert types == set(BANK) - set(HELD_OUT) == set(SMALL.types)
    assert shapes == set(SMALL.shapes)
    assert not shapes & set(HELD_OUT_SHAPES)
    for plan in plans:
        names = [region.type for region in plan.regions]
        assert plan.two_draws or len(set(names)) == len(names)


def test_pairs_share_types_severities_and_nearly_their_areas(plans: list[Plan]) -> None:
    singles = iter(plan for plan in plans if plan.crops == 1)
    for one, other in zip(singles, singles, strict=True):
        assert one.photo != other.photo
        assert kind(one) == kind(other)
        for a, b in zip(one.regions, other.regions, strict=True):
            assert (a.type, a.severity) == (b.type, b.severity)
            if a.mask is not None and b.mask is not None and kind(one) != "band":
                assert abs(np.log2(a.mask.area / b.mask.area)) <= 0.4 + 1e-6
                assert a.mask.seed != b.mask.seed


def test_the_curriculum_goes_by_progress() -> None:
    for progress, least in ((0.0, 3), (0.49, 3), (0.5, 2), (0.75, 1), (1.0, 1)):
        plans = compose(SMALL, 256, 9, np.random.default_rng(0), progress)
        found = {region.severity for plan in plans for region in plan.regions}
        assert found == {float(severity) for severity in range(least, 6)}


def test_a_tenth_of_the_pairs_is_excluded_and_most_planned_pairs_attract(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Records do not depend on what the damage does.
    monkeypatch.setattr(render, "degrade_batch", lambda images, *_: images)
    found, planned, same = [], [], []
    for seed in range(12):
        records = made(SMALL, seed, progress=seed / 12).records
        kinds = relations(records, SMALL)
        found.append(shares(kinds))
        planned.append((kinds[::2, 1::2].diagonal() == POSITIVE).float().mean())
        same.append((records.images[::2] == records.images[1::2]).float().mean())
        assert min(found[-1].values()) > 0
    assert np.mean([share["excluded"] for share in found]) >= 0.1
    assert np.mean([share["positive"] for share in found]) >= 0.015
    assert np.mean(planned) > 0.85
    assert np.mean(same) == pytest.approx(0.5, abs=0.1)


def test_the_same_generator_is_the_same_batch() -> None:
    one, again, other = made(SMOKE, 5, 32), made(SMOKE, 5, 32), made(SMOKE, 6, 32)
    assert torch.equal(one.images, again.images)
    for mine, theirs in zip(vars(one.records).values(), vars(again.records).values(), strict=True):
        assert torch.equal(mine, theirs)
    assert not torch.equal(one.images, other.images)
    torch.manual_seed(1)
    np.random.seed(1)
    assert torch.equal(one.images, made(SMOKE, 5, 32).images)


@pytest.mark.parametrize("arm", ["uniform", "none-negative"])
def test_arms_see_the_same_photographs_in_the_same_order(arm: str) -> None:
    ours = trace(SMOKE, 24)
    changed = "full_frame_share" if arm == "uniform" else "relation"
    theirs = trace(replace(SMOKE, **{changed: getattr(PRESETS[arm], changed)}), 24)
    assert [plan.photo for plan in ours["plans"]] == [plan.photo for plan in theirs["plans"]]
    for mine, other in zip(ours["before"], theirs["before"], strict=True):
        assert torch.equal(mine, other)


def test_without_localized_views_all_coverage_is_full() -> None:
    records = made(PRESETS["uniform"], n=64).records
    assert set(records.coverage.unique().tolist()) == {0.0, 1.0}
    assert (records.coverage.sum(1) <= 1).all()


def test_small_photographs_are_enlarged() -> None:
    photos = Photographs((30, 70), number=4)
    batch = make_views(draw_views(photos, 8, SMOKE, torch.Generator().manual_seed(0)), SMOKE)
    assert batch.images.shape == (8, 3, 64, 64)
    assert batch.images.std() > 0.05


def test_pairs_need_two_photographs_and_an_even_number_of_views() -> None:
    for views_, photos in ((7, 9), (8, 1)):
        with pytest.raises(ValueError, match=f"got {views_} views, {photos} photographs"):
            compose(SMALL, views_, photos, np.random.default_rng(0))


def test_views_are_of_the_shape_that_training_wants() -> None:
    batch = made(SMOKE, n=16)
    assert batch.images.shape == (16, 3, SMOKE.crop, SMOKE.crop)
    assert batch.images.dtype == torch.float32
    assert isinstance(batch.records, Records)
    for name in ("coverage", "severity", "overlap"):
        table = getattr(batch.records, name)
        assert (table.dtype, table.shape) == (torch.float32, (16, len(SMOKE.types)))
    assert batch.records.images.dtype == torch.int64
