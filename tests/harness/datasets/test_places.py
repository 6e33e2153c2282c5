"""A dataset's folder is found by any of its names, whatever their case."""

from pathlib import Path

import pytest

from harness.datasets.live import LIVE
from harness.datasets.places import fetched, find_place, folder_names


@pytest.mark.parametrize("name", ["live", "LIVEIQA_release2", "databaserelease2", "Live Release-2"])
def test_every_name_of_a_dataset(tmp_path: Path, name: str) -> None:
    for other in ("LIVEC", "LIVE-C", "csiq", name):
        (tmp_path / other).mkdir()
    assert find_place(folder_names(LIVE), tmp_path) == tmp_path / name


def test_the_first_name_wins(tmp_path: Path) -> None:
    for name in ("LIVEIQA_release2", "Live"):
        (tmp_path / name).mkdir()
    assert find_place(folder_names(LIVE), tmp_path) == tmp_path / "Live"


def test_what_was_fetched_needs_no_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert fetched(LIVE) is None
    with pytest.raises(ValueError, match="give its folder"):
        LIVE()
    (tmp_path / "data" / "LIVEIQA_release2").mkdir(parents=True)
    assert fetched(LIVE) == Path("data/LIVEIQA_release2")
    with pytest.raises(FileNotFoundError, match=r"wrong folder.*found nothing"):
        LIVE()


def test_what_is_not_there_or_not_clear(tmp_path: Path) -> None:
    (tmp_path / "live").write_text("a file")
    assert find_place(folder_names(LIVE), tmp_path) is None
    for name in ("KADID-10k", "kadid10k"):
        (tmp_path / name).mkdir()
    with pytest.raises(ValueError, match=r"KADID-10k and kadid10k in .* could both be KADID10K"):
        find_place(["KADID10K"], tmp_path)
    with pytest.raises(FileNotFoundError, match="no such folder"):
        find_place(["live"], tmp_path / "none")
