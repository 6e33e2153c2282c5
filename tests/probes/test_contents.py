import pickle
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import files
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from probes.contents import embedded, folder

IDS = [
    *("astronaut", "chelsea", "coffee", "rocket", "motorcycle_left"),
    *("china", "flower", "grace_hopper"),
]


def save(path: Path, height: int, width: int, seed: int = 0, **options) -> np.ndarray:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return pixels


def step_at_blocks(plane: np.ndarray, period: int) -> float:
    """The mean step across block borders over the median of the other phases; 1 = no blocks."""
    steps = np.abs(np.diff(plane.astype(float), axis=1))
    phases = [steps[:, k::period].mean() for k in range(period)]
    return phases.pop() / float(np.median(phases))


@pytest.mark.parametrize("content", embedded(), ids=lambda content: content.id)
def test_embedded_photographs_are_small_sharp_and_licensed(content):
    image = content.image()
    with Image.open(content.path) as original:
        long, short = max(original.size), min(original.size)
        jpeg = original.format == "JPEG"
    assert image.dtype == torch.uint8
    assert image.is_contiguous()
    assert content.halved is jpeg
    assert max(image.shape[1:]) == min(384, long // 2 if jpeg else long)
    assert min(image.shape[1:]) == pytest.approx(short * max(image.shape[1:]) / long, abs=0.51)
    assert image.float().std() > 20
    assert content.license
    assert torch.equal(image, content.image())


def test_embedded_photographs_are_those_that_the_packages_ship():
    contents = embedded()
    assert [content.id for content in contents] == IDS
    for content in contents:
        shipped = {Path(str(file.locate())).resolve() for file in files(content.source) or ()}
        assert content.path.resolve() in shipped


def test_no_package_is_imported_to_find_its_photographs():
    code = (
        "import sys; from probes.contents import embedded; embedded(); "
        "print({'torch', 'skimage', 'sklearn', 'matplotlib', 'PIL'} & set(sys.modules))"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"


def test_the_blocks_of_jpeg_sources_are_gone():
    blocky = 0
    for content in embedded():
        if not content.halved:
            continue
        with Image.open(content.path) as original:
            before = np.asarray(original.convert("YCbCr"))
            subsampled = original.layer[0][1:3] != (1, 1)  # type: ignore[attr-defined]
        smaller = Image.fromarray(content.image().permute(1, 2, 0).numpy()).convert("YCbCr")
        after = np.asarray(smaller)
        # Subsampled color has 16-pixel blocks, which one halving cannot remove.
        for channel in range(1 if subsampled else 3):
            blocky += step_at_blocks(before[..., channel], 8) > 1.15
            assert step_at_blocks(after[..., channel], 4) < 1.06
    assert blocky >= 4


def test_reduction_is_antialiased_and_nothing_is_enlarged(tmp_path):
    stripes = np.zeros((120, 160, 3), np.uint8)
    stripes[::2] = 255
    Image.fromarray(stripes).save(tmp_path / "stripes.png")
    content = folder(tmp_path)[0]
    half = replace(content, halved=True).image()
    assert half.shape == (3, 60, 80)
    # Every other line would be all black or all white; its mean is gray.
    assert 126 <= half[:, 2:-2].min() <= half[:, 2:-2].max() <= 129
    assert replace(content, long_side=100).image().shape == (3, 75, 100)
    assert replace(content, long_side=384).image().shape == (3, 120, 160)
    assert replace(content, long_side=100, halved=True).image().shape == (3, 60, 80)


def test_contents_can_be_sent_to_workers(tmp_path):
    save(tmp_path / "a.png", 20, 30)
    for content in (embedded()[0], *folder(tmp_path)):
        again = pickle.loads(pickle.dumps(content))
        assert again == content
        assert torch.equal(again.image(), content.image())


def test_a_folder_keeps_native_size_order_and_unique_ids(tmp_path):
    save(tmp_path / "b.JPG", 40, 50)
    pixels = save(tmp_path / "a.png", 700, 33, seed=1)
    save(tmp_path / "sub" / "b.png", 20, 20)
    save(tmp_path / "same.png", 20, 20)
    save(tmp_path / "same.jpg", 20, 21)
    save(tmp_path / "v1.5.png", 20, 22)
    save(tmp_path / "same.png.png", 20, 23)
    save(tmp_path / ".hidden.png", 20, 20)
    save(tmp_path / ".thumbnails" / "a.png", 20, 20)
    (tmp_path / "notes.txt").write_text("no photograph")
    contents = folder(tmp_path)
    assert [content.id for content in contents] == [
        *("a", "b", "same.jpg", "same.png", "same.png.png", "sub/b", "v1.5")
    ]
    assert folder(str(tmp_path)) == contents
    np.testing.assert_array_equal(contents[0].image().permute(1, 2, 0).numpy(), pixels)
    assert contents[1].image().shape == (3, 40, 50)


def test_a_folder_without_photographs_is_one_clear_line(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such folder of images") as missing:
        folder(tmp_path / "absent")
    (tmp_path / "notes.txt").write_text("no photograph")
    with pytest.raises(FileNotFoundError, match=r"no images in it \(\.png, ") as empty:
        folder(tmp_path)
    assert "\n" not in str(missing.value) + str(empty.value)


def test_a_broken_photograph_fails_when_it_is_read(tmp_path):
    save(tmp_path / "whole.png", 90, 90)
    (tmp_path / "half.png").write_bytes((tmp_path / "whole.png").read_bytes()[:4000])
    half, whole = folder(tmp_path)
    assert whole.image().shape == (3, 90, 90)
    with pytest.raises(ValueError, match=r"content 'half': ") as caught:
        half.image()
    assert "\n" not in str(caught.value)
