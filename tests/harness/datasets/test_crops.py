"""Patches of photographs: cut out, in place, and the two forms of FLIVE's patches."""

from __future__ import annotations

import csv
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from harness import images
from harness.datasets import crops
from harness.datasets.crops import CropSource, RegionSource
from harness.datasets.flive import FLIVE_PATCHES, FLIVE_PATCHES_IN_PLACE
from harness.images import Decoded, DecodePolicy, Failure
from harness.reducers import MASK_STATS
from harness.source import FileSource, Source

BOX = (5, 3, 20, 10)  # left, top, width, height


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    pixels = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def test_a_crop_is_that_part_of_the_image(photo):
    whole = FileSource(photo).load(DecodePolicy()).image
    crop = CropSource(photo, BOX).load(DecodePolicy()).image
    assert torch.equal(crop, whole[:, 3:13, 5:25])
    assert crop.is_contiguous()
    assert CropSource(photo, BOX).alpha() is None
    for source in (CropSource(photo, BOX), RegionSource(photo, BOX)):
        assert isinstance(source, Source)


def test_a_region_is_the_whole_image_with_its_box_marked(photo):
    source = RegionSource(photo, BOX)
    whole = FileSource(photo).load(DecodePolicy()).image
    assert torch.equal(source.load(DecodePolicy()).image, whole)
    alpha = source.alpha()
    assert (alpha.dtype, alpha.shape) == (np.float32, (30, 40))
    assert alpha[3:13, 5:25].all()
    assert alpha.sum() == 200


def test_a_map_is_pooled_inside_the_patch(photo):
    source = RegionSource(photo, (8, 6, 16, 12))
    values = np.zeros((1, 15, 20), np.float32)  # half the size of the image
    values[:, 3:9, 4:12] = 2.0
    found = dict(
        zip(MASK_STATS.statistics, MASK_STATS.reduce(values, source.alpha())[0], strict=True)
    )
    assert found["inside"] > 1.7
    assert found["outside"] < 0.2
    assert found["auroc"] > 0.95


@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_count_in_the_upright_image(tmp_path, orientation):
    path = tmp_path / "turned.jpg"
    image = Image.fromarray(np.random.default_rng(1).integers(0, 256, (30, 40, 3), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(path, exif=exif)
    upright = FileSource(path).load(DecodePolicy()).image
    source = RegionSource(path, BOX)
    assert source.alpha().shape == tuple(upright.shape[1:])
    crop = CropSource(path, BOX).load(DecodePolicy()).image
    assert torch.equal(crop, upright[:, 3:13, 5:25])


@pytest.mark.parametrize(
    "box", [(25, 3, 20, 10), (5, 25, 20, 10), (-1, 0, 5, 5), (0, -1, 5, 5), (0, 0, 0, 5)]
)
@pytest.mark.parametrize("kind", [CropSource, RegionSource])
def test_a_box_outside_the_image_is_a_failure(photo, kind, box):
    failure = kind(photo, box).load(DecodePolicy())
    assert isinstance(failure, Failure)
    assert "does not lie in the image of 40 × 30 pixels" in failure.reason


def test_files_that_are_gone_or_broken(photo, tmp_path):
    gone = CropSource(tmp_path / "gone.png", BOX)
    assert (gone.fingerprint(), gone.load(DecodePolicy())) == ("missing", Failure("file not found"))
    (tmp_path / "broken.png").write_bytes(photo.read_bytes()[:300])
    reason = CropSource(tmp_path / "broken.png", BOX).load(DecodePolicy()).reason
    assert reason.startswith("cannot decode PNG")


def test_the_fingerprint_covers_bytes_box_and_form(photo, tmp_path):
    other = tmp_path / "other.png"
    other.write_bytes(photo.read_bytes())
    first = CropSource(photo, BOX).fingerprint()
    assert CropSource(other, BOX).fingerprint() == first
    changed = {
        first,
        CropSource(photo, (5, 3, 20, 11)).fingerprint(),
        RegionSource(photo, BOX).fingerprint(),
        FileSource(photo).fingerprint(),
    }
    Image.new("RGB", (40, 30)).save(photo)
    assert len(changed | {CropSource(photo, BOX).fingerprint()}) == 5


def test_the_boxes_of_an_image_are_decoded_once_and_apart(photo, monkeypatch):
    crops._decoded.cache_clear()
    seen = []
    decode = images.decode
    monkeypatch.setattr(images, "decode", lambda *a: seen.append(a) or decode(*a))
    first = CropSource(photo, BOX).load(DecodePolicy()).image
    first.zero_()  # a model that changes what it is given changes nothing else
    second = CropSource(photo, BOX).load(DecodePolicy()).image
    assert len(seen) == 1
    assert second.any()
    CropSource(photo, BOX).load(DecodePolicy(icc="ignore"))
    assert len(seen) == 2
    Image.new("RGB", (40, 30), (9, 9, 9)).save(photo)
    assert CropSource(photo, BOX).load(DecodePolicy(icc="ignore")).image.unique().tolist() == [9]


# FLIVE -----------------------------------------------------------------------------------

N = 6
SMALL = {"n_images": 3 * N, "parts": {"training": 9, "validation": 6, "test": 3}}
CUT, PLACED = (replace(spec, **SMALL) for spec in (FLIVE_PATCHES, FLIVE_PATCHES_IN_PLACE))


def write(path: Path, header: list[str], rows: list[list[object]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


@pytest.fixture
def flive(tmp_path: Path, photo: Path) -> Path:
    """Six photographs in the owners' layout: three boxes each, and the official parts."""
    root = tmp_path / "FLIVE_Database"
    base = root / "database"
    (base / "voc_emotic_ava").mkdir(parents=True)
    names = [f"EMOTIC__{i}.jpg" for i in range(N)]
    for name in names:
        os.link(photo, base / "voc_emotic_ava" / name)
    full = [f"voc_emotic_ava/{name}" for name in names]
    write(base / "labels_image.csv", ["name", "mos"], [[n, 50 + i] for i, n in enumerate(full)])
    write(base / "labels640.csv", ["name_image"], [[full[0]]])
    marked = [[name, i < 2] for i, name in enumerate(full[1:])]
    write(base / "labels<=640_padded.csv", ["name_image", "is_valid"], marked)
    patches = [
        [f"patches/{name}_patch_{k}.jpg", 60 + i + k]
        for i, name in enumerate(names)
        for k in (1, 2, 3)
    ]
    write(base / "labels_patch.csv", ["name", "mos"], patches)
    sides = ("left", "top", "width", "height", "bottom", "right")
    header = ["name_patch", *(f"{side}_patch_{k}" for k in (1, 2, 3) for side in sides)]
    boxes = [
        [f"patches/{name}", *(v for k in (1, 2, 3) for v in (k, 2 * k, 10 + i, 5 + k, 0, 0))]
        for i, name in enumerate(names)
    ]
    write(root / "all_patches.csv", header, boxes)
    return root


def test_patches_of_flive_in_both_forms(flive):
    cut, placed = CUT(flive), PLACED(flive)
    assert [s.id for s in cut.samples] == [s.id for s in placed.samples]
    assert [s.label for s in cut.samples] == [s.label for s in placed.samples]
    fourth = cut.samples[3]
    assert fourth.id == "patches/EMOTIC__1.jpg_patch_1.jpg"
    assert (fourth.content, fourth.label) == ("voc_emotic_ava/EMOTIC__1.jpg", 62.0)
    assert fourth.source.box == (1, 2, 11, 6)
    assert fourth.source.load(DecodePolicy()).image.shape == (3, 6, 11)
    assert placed.samples[3].source.load(DecodePolicy()).image.shape == (3, 30, 40)
    assert placed.samples[3].source.alpha().sum() == 66
    assert Counter(s.split for s in cut.samples) == SMALL["parts"]
    assert all(isinstance(s.source.load(DecodePolicy()), Decoded) for s in cut.samples)
    assert cut.images_hash != placed.images_hash


def test_the_full_sets_have_three_patches_an_image():
    for spec in (FLIVE_PATCHES, FLIVE_PATCHES_IN_PLACE):
        assert spec.n_images == 119430
        assert spec.parts == {"training": 90759, "validation": 23181, "test": 5490}


def test_a_patch_without_a_photograph_or_a_box_is_refused(flive):
    boxes = flive / "all_patches.csv"
    lines = boxes.read_text().splitlines()
    boxes.write_text("\n".join(lines[:-1]) + "\n")
    with pytest.raises(ValueError, match=r"all_patches\.csv lists no box for it"):
        CUT(flive)
    boxes.unlink()
    with pytest.raises(FileNotFoundError, match=r"all_patches\.csv"):
        CUT(flive)
    path = flive / "database/labels_patch.csv"
    path.write_text(path.read_text().replace("EMOTIC__5.jpg_patch_3", "EMOTIC__9.jpg_patch_3"))
    with pytest.raises(ValueError, match=r"no photograph of labels_image\.csv has this patch"):
        CUT(flive)


def test_a_missing_photograph_costs_its_three_patches(flive):
    (flive / "database/voc_emotic_ava/EMOTIC__2.jpg").unlink()
    with pytest.warns(UserWarning, match="3 of 18 images missing"):
        dataset = CUT(flive)
    failed = [s.id for s in dataset.samples if isinstance(s.source.load(DecodePolicy()), Failure)]
    assert failed == [f"patches/EMOTIC__2.jpg_patch_{k}.jpg" for k in (1, 2, 3)]
