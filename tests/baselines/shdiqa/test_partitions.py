"""Blocks are a partition of the pixels; the mask matrix holds whole patches of one block each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.shdiqa.config import PRESETS, ShdiqaConfig
from baselines.shdiqa.partitions import Blocks, divide, layout

CONFIG = PRESETS["paper"]

partitions = st.sampled_from(("vertical", "horizontal", "grid"))
edges = st.sampled_from(("patch", "pixel"))


@st.composite
def divided(draw: st.DrawFn) -> tuple[ShdiqaConfig, int, int, Blocks]:
    """A config with as many blocks as have two patches at least, and what it gives."""
    partition, patch, grid = draw(partitions), draw(st.integers(1, 9)), draw(st.integers(4, 16))
    most = grid // 2
    blocks = draw(st.integers(2, most))
    if partition == "grid":
        blocks = draw(st.integers(2, min(4, most))) ** 2
    config = replace(CONFIG, partition=partition, edges=draw(edges), blocks=blocks)
    return config, patch, grid, divide(config, patch * grid, patch)


@settings(deadline=None, max_examples=40)
@given(divided())
def test_blocks_partition_the_crop_and_its_patches(
    case: tuple[ShdiqaConfig, int, int, Blocks],
) -> None:
    config, patch, grid, (pixels, patches) = case
    side = patch * grid
    assert pixels.shape == (config.blocks, side, side)
    assert patches.shape == (config.blocks, grid * grid)
    assert pixels.dtype == patches.dtype == torch.bool
    assert (pixels.sum(0) == 1).all()  # exactly one block a pixel
    assert patches.sum(0).max() <= 1  # at most one a patch
    assert patches.any(1).all()
    for block in range(config.blocks):
        for p in range(grid * grid):
            y, x = p // grid * patch, p % grid * patch
            inside = pixels[block, y : y + patch, x : x + patch]
            assert bool(patches[block, p]) == bool(inside.all())
    if config.edges == "patch":
        assert (patches.sum(0) == 1).all()


@settings(deadline=None, max_examples=40)
@given(divided())
def test_blocks_are_rectangles_in_reading_order_and_nearly_equal(
    case: tuple[ShdiqaConfig, int, int, Blocks],
) -> None:
    config, patch, _, (pixels, _) = case
    rows, columns = layout(config.partition, config.blocks)
    assert rows * columns == config.blocks
    places, sizes = [], []
    for block in pixels.numpy():
        ys, xs = np.flatnonzero(block.any(1)), np.flatnonzero(block.any(0))
        assert block.sum() == len(ys) * len(xs)  # a rectangle without holes
        assert len(ys) == np.ptp(ys) + 1
        assert len(xs) == np.ptp(xs) + 1
        places.append((ys[0], xs[0]))
        sizes.append((len(ys), len(xs)))
    assert places == sorted(places)
    step = patch if config.edges == "patch" else 1
    for axis in (0, 1):
        lengths = [size[axis] for size in sizes]
        assert max(lengths) - min(lengths) <= 2 * step  # both edges are rounded
    if config.partition == "vertical":
        assert {size[0] for size in sizes} == {pixels.shape[1]}
    if config.partition == "horizontal":
        assert {size[1] for size in sizes} == {pixels.shape[2]}


def test_horizontal_is_vertical_turned() -> None:
    tall = divide(CONFIG, 112, 16)
    flat = divide(replace(CONFIG, partition="horizontal"), 112, 16)
    assert torch.equal(tall.pixels, flat.pixels.mT)
    assert torch.equal(tall.patches.view(4, 7, 7), flat.patches.view(4, 7, 7).mT)


def test_four_strips_of_fourteen_patches() -> None:
    """224 pixels: an edge at 56 is in the middle of the fourth column of patches."""
    exact = divide(replace(CONFIG, edges="pixel"), 224, 16)
    assert exact.pixels[:, 0].sum(1).tolist() == [56, 56, 56, 56]
    assert exact.patches.view(4, 14, 14)[:, 0].sum(1).tolist() == [3, 3, 3, 3]
    assert not exact.patches.view(4, 14, 14)[:, :, (3, 10)].any()  # they straddle an edge
    moved = divide(CONFIG, 224, 16)
    assert moved.patches.view(4, 14, 14)[:, 0].sum(1).tolist() == [4, 3, 4, 3]


@pytest.mark.parametrize(("blocks", "edges"), [(9, "patch"), (8, "pixel")])
def test_blocks_without_a_whole_patch_are_refused(blocks: int, edges: str) -> None:
    config = replace(CONFIG, blocks=blocks, edges=edges)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"blocks \(vertical\) are too many for crops of 112"):
        divide(config, 112, 16)


def test_crops_of_parts_of_patches_are_refused() -> None:
    with pytest.raises(
        ValueError, match="crops of 100 pixels are no multiple of the patches of 16"
    ):
        divide(CONFIG, 100, 16)
