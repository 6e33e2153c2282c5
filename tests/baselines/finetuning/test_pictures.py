"""Images of a fit: their size, their crops, and those that cannot be read."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from baselines.finetuning.pictures import Pictures, as_float, grid, scored_crops, sized
from harness.images import decode
from tests.baselines.finetuning.small import SMALL, noise, pictures

SIDE = st.integers(SMALL.crop, 200)
MUCH = 1 << 20  # bytes


def drawn(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    ("size", "wanted"),
    [
        ((48, 64), (48, 64)),
        ((64, 200), (64, 200)),
        ((128, 160), (64, 80)),
        ((300, 100), (192, 64)),
        ((16, 30), (32, 60)),
        ((16, 16), (32, 32)),
    ],
)
def test_only_images_too_large_or_too_small_are_resized(size, wanted):
    image = noise(*size)
    found = sized(image, SMALL)
    assert tuple(found.shape[1:]) == wanted
    assert found.dtype == torch.uint8
    if size == wanted:
        assert torch.equal(found, image)
    else:
        flat = torch.full_like(image, 255)
        assert (sized(flat, SMALL) == 255).all()


@given(SIDE, SIDE, st.integers(1, 12))
def test_test_crops_reach_from_edge_to_edge(height, width, count):
    config = replace(SMALL, test_crops=count)
    places = grid(height, width, config)
    tops, lefts = (sorted({place[i] for place in places}) for i in (0, 1))
    assert 1 <= len(places) <= count
    assert len(places) == len(tops) * len(lefts)
    for found, side in ((tops, height), (lefts, width)):
        free = side - config.crop
        if len(found) > 1:
            assert (found[0], found[-1]) == (0, free)
        else:
            assert found == [free // 2]


def test_the_grid_has_no_more_crops_than_it_needs():
    assert grid(32, 32, replace(SMALL, test_crops=10)) == [(0, 0)]
    three = [0, 16, 32]
    assert grid(64, 64, replace(SMALL, test_crops=10)) == [(y, x) for y in three for x in three]
    wide = grid(32, 132, replace(SMALL, test_crops=5))
    assert wide == [(0, x) for x in (0, 25, 50, 75, 100)]


def test_test_crops_are_cut_at_their_places():
    image, config = noise(52, 52), replace(SMALL, test_crops=4)
    found = scored_crops(image, config)
    assert found.shape == (4, 3, 32, 32)
    assert torch.equal(found[3], image[:, 20:52, 20:52])
    assert torch.equal(as_float(found, torch.device("cpu")) * 255, found.float())


def test_crops_are_parts_of_their_image_some_of_them_mirrored(tmp_path):
    found = Pictures(pictures(tmp_path, 2), SMALL, MUCH)
    which = [i for i in range(len(found)) for _ in range(8)]
    kinds = set()
    for crop, i in zip(found.crops(which, drawn()), which, strict=True):
        windows = found[i].unfold(1, 32, 1).unfold(2, 32, 1)

        def within(crop, windows=windows):
            return bool((windows == crop[:, None, None]).all(-1).all(-1).all(0).any())

        kinds.add((within(crop), within(crop.flip(2))))
    assert kinds == {(True, False), (False, True)}
    plain = Pictures(pictures(tmp_path, 2), replace(SMALL, flips=False), MUCH)
    both = zip(plain.crops(which, drawn()), found.crops(which, drawn()), strict=True)
    unlike = [bool((one != other).any()) for one, other in both]
    assert 0 < sum(unlike) < len(which)


def test_crops_are_drawn_from_the_generator_alone(tmp_path):
    found = Pictures(pictures(tmp_path, 1), SMALL, MUCH)
    which = [0, 1, 2, 3, 3, 3]
    first = found.crops(which, drawn())
    torch.manual_seed(7)
    assert torch.equal(first, found.crops(which, drawn()))
    assert not torch.equal(first, found.crops(which, drawn(1)))


def test_what_memory_does_not_hold_is_decoded_again(tmp_path):
    dataset = pictures(tmp_path, 2)
    whole, part = Pictures(dataset, SMALL, MUCH), Pictures(dataset, SMALL, 20_000)
    assert len(whole.kept) == 8
    assert whole.left == MUCH - sum(image.numel() for image in whole)
    assert 0 < len(part.kept) < 8
    assert 0 <= part.left < 20_000
    which = list(range(8))
    assert torch.equal(whole.crops(which, drawn()), part.crops(which, drawn()))
    assert all(map(torch.equal, whole, Pictures(dataset, SMALL, 0, threads=3)))
    (tmp_path / "1-3.png").unlink()
    with pytest.raises(ValueError, match=r"1-3\.png: file not found"):
        part.crops(which, drawn())


def test_images_that_cannot_be_read_or_have_no_label_are_left_out(tmp_path):
    dataset = pictures(tmp_path, 2)
    (tmp_path / "0-1.png").write_text("none")
    (tmp_path / "1-0.png").unlink()
    samples = (replace(dataset.samples[0], label=None), *dataset.samples[1:])
    with pytest.warns(UserWarning, match=r"toy: left out of the fit: 0-1\.png: .* and 1 more"):
        found = Pictures(replace(dataset, samples=samples), SMALL, MUCH)
    assert [s.id for s in found.samples] == ["0-2.png", "0-3.png", "1-1.png", "1-2.png", "1-3.png"]
    assert found.labels.tolist() == [20, 10, 30, 20, 10]
    assert torch.equal(found[0], decode(tmp_path / "0-2.png").image)
