"""What was done to an image's pixels is said: on the terminal, in the record, on every run."""

import json
from pathlib import Path

import pytest
from PIL import Image

from harness import load_model, run, score


@pytest.fixture
def with_alpha(table: Path) -> Path:
    """The tiny table, one of its images with an alpha channel."""
    image = Image.open(table.parent / "scene0_1.jpg").convert("RGBA")
    image.putalpha(128)
    image.save(table.parent / "clear.png")
    table.write_text(table.read_text().replace("scene0_1.jpg,", "clear.png,"))
    return table


@pytest.mark.parametrize("workers", [1, 2])
def test_a_dropped_alpha_channel_is_a_warning_now_and_when_reused(
    with_alpha: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], workers: int
) -> None:
    for _ in range(2):
        run(
            *(["control:luminance"], [str(with_alpha)]),
            out=tmp_path / "out",
            cache=tmp_path / "cache",
            workers=workers,
        )
        assert "warning: alpha channel dropped: clear.png\n" in capfd.readouterr().err
        (record,) = (tmp_path / "out" / "records").glob("*/*/correlation.json")
        assert json.loads(record.read_text())["warnings"] == {"clear.png": "alpha channel dropped"}


def test_an_image_beside_its_reference_says_so_too(with_alpha: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyiqa")
    out = tmp_path / "out"
    run(["pyiqa:psnr"], [str(with_alpha)], out=out, cache=tmp_path / "cache", progress=False)
    (record,) = (out / "records").glob("*/*/correlation.json")
    assert json.loads(record.read_text())["warnings"] == {"clear.png": "alpha channel dropped"}


def test_scoring_single_files_says_it_beside_the_score(with_alpha: Path) -> None:
    files = [with_alpha.parent / name for name in ("clear.png", "scene0_2.jpg")]
    found = score(files, load_model("control:luminance"))
    assert found["warning"].tolist() == ["alpha channel dropped", None]
    assert found["reason"].tolist() == [None, None]
    assert found["score"].notna().all()
