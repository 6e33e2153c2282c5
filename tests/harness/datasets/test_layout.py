"""Finding files whatever the case of their names, and within the archive's own folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.datasets import layout
from harness.datasets.layout import Folder


def _touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_finds_names_in_any_case(tmp_path: Path) -> None:
    folder = Folder(_touch(tmp_path, "Images/I01.BMP", "DMOS.csv"))
    assert folder.find("dmos.csv") == tmp_path / "DMOS.csv"
    assert folder.at("images/i01.bmp") == tmp_path / "Images/I01.BMP"
    assert folder.has("IMAGES")
    assert not folder.has("images/i02.bmp")
    assert folder.at("images/i02.bmp") == tmp_path / "images/i02.bmp"
    assert folder.names("images") == ("I01.BMP",)
    assert folder.names("absent") == ()
    assert not folder.has("dmos.csv/x")


def test_the_exact_name_wins_over_another_case(tmp_path: Path) -> None:
    folder = Folder(_touch(tmp_path, "a.png", "A.png"))
    if len(folder.names()) == 1:
        pytest.skip("the file system ignores case")
    assert folder.at("a.png").name == "a.png"
    assert folder.at("A.png").name == "A.png"


@pytest.mark.parametrize("wrapper", ["databaserelease2", "deep/databaserelease2"])
def test_looks_into_a_single_wrapper(tmp_path: Path, wrapper: str) -> None:
    _touch(tmp_path, f"{wrapper}/jp2k/img1.bmp", "__MACOSX/x", ".git/y")
    assert Folder(tmp_path).find("jp2k/img1.bmp") == tmp_path / wrapper / "jp2k/img1.bmp"
    assert Folder(tmp_path / wrapper).has("jp2k/img1.bmp")


def test_one_of_several_folders_is_a_wrapper_only_by_name(tmp_path: Path) -> None:
    _touch(tmp_path, "CSIQ/src_imgs/a.png", "tid2013/mos.txt")
    assert not Folder(tmp_path).has("src_imgs/a.png")
    assert Folder(tmp_path, ["csiq"]).has("src_imgs/a.png")


def test_says_what_was_looked_for_and_where(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"^no a\.mat or b\.txt \(looked in .*\)$"):
        Folder(tmp_path).find("a.mat", "b.txt")
    with pytest.raises(FileNotFoundError, match="no such folder"):
        Folder(tmp_path / "absent")


def test_links_that_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(FileNotFoundError, match="loop: a link that leads nowhere; give the"):
        Folder(tmp_path / "loop")
    folder = Folder(_touch(tmp_path, "scores.csv"))  # beside one
    assert folder.has("scores.csv")
    with pytest.raises(OSError, match=r"^\S+loop: .*: this folder cannot be read$"):
        folder.has("loop/a.png")


def test_the_first_of_several_candidates(tmp_path: Path) -> None:
    folder = Folder(_touch(tmp_path, "flat/x.png"))
    assert folder.first("nested/x.png", "Flat/X.png") == "Flat/X.png"
    assert folder.first("p", "q") == "p"


def test_scans_each_folder_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _touch(tmp_path, *(f"images/{i}.png" for i in range(50)))
    folder, scans, scan = Folder(tmp_path), [], layout.os.scandir

    def counted(path: Path):  # type: ignore[no-untyped-def]
        scans.append(path)
        return scan(path)

    monkeypatch.setattr(layout.os, "scandir", counted)
    assert all(folder.has(f"images/{i}.png") for i in range(100) if i < 50)
    assert not folder.has("images/99.png")
    assert len(scans) == len(set(scans)) <= 3
