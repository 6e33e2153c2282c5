"""What a board takes for one line: a variant of a model, with its own page, card and costs."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.about import about_bytes, card_content, card_path
from harness.canonical import slug
from harness.collection.board import Board, read_board
from harness.collection.subjects import subject_called
from harness.model import ModelCard, Weights
from harness.records import Record, Row, write_record
from harness.site import site_files
from harness.site.leaderboard import leaderboard
from tests.harness.site.test_leaderboard import row

OLD, NEW = "1" * 64, "2" * 64


def kept(folder: Path, *rows: Row) -> Path:
    for each in rows:
        write_record(folder, Record((each,), {}, slug(each.model), each.protocol))
    return folder


@pytest.fixture
def board(tmp_path: Path) -> Board:
    """Version 1 on one dataset, version 2 on another, and a third that had nothing to load."""
    folder = kept(
        tmp_path / "records",
        row("alpha", "live", value=0.9, weights=OLD),
        row("alpha", "made", value=0.5, model_version="2", weights=NEW),
        row("alpha", "other", model_version="", mode="", n_scored=0, reason="no weights"),
        row("beta", "live", value=0.8),
        row("beta", "made", model_version="", n_scored=0, reason="no weights"),
    )
    card = ModelCard("alpha", "2", "NR", summary="The new one", weights=(Weights("w", NEW),))
    path = folder / card_path("alpha")
    path.parent.mkdir()
    path.write_bytes(about_bytes(card_content(card)))
    return read_board(folder)


def test_two_versions_are_two_lines(board: Board) -> None:
    old, new, other = board.subjects
    assert [s.label for s in (old, new, other)] == [
        "alpha (version 1)",
        "alpha (version 2)",
        "beta",
    ]
    assert {r.dataset for r in old.rows} == {"live", "other"}  # what has no version is with it
    assert {r.dataset for r in new.rows} == {"made"}
    assert other.slug == "beta"  # where there is one variant, the page is that of its records
    assert len({old.slug, new.slug, "alpha"}) == 3
    assert (old.card, (new.card or {})["summary"]) == (None, "The new one")
    assert all(board.subject(row) is subject for subject in board.subjects for row in subject.rows)
    (study,) = leaderboard(board)["studies"]
    places = {d["id"]: sorted(d["cells"]) for d in study["datasets"] if d["cells"]}
    assert places == {"live": [0, 2], "made": [1]}


def test_each_version_has_a_page_with_its_own_numbers(board: Board) -> None:
    files = site_files(board.folder)
    old, new, _ = (files[f"models/{s.slug}.html"].decode() for s in board.subjects)
    for own, text in ((old, ".900"), (new, ".500"), (new, "The new one")):
        assert text in own
        assert text not in (old if own is new else new)
    assert "models/alpha.html" not in files


def test_a_folder_of_that_name_that_is_no_gallery_is_left_alone(tmp_path: Path) -> None:
    folder = kept(tmp_path / "records", row("alpha", "live", value=0.9))
    (tmp_path / "probes").mkdir()
    (tmp_path / "probes" / "code.py").touch()
    assert read_board(folder).probes is None
    assert site_files(folder)["index.html"]
    (tmp_path / "probes" / "index.json").touch()
    assert read_board(folder).probes == tmp_path / "probes"


def test_a_version_without_numbers_is_a_line_of_its_own(tmp_path: Path) -> None:
    folder = kept(
        tmp_path / "records",
        row("alpha", "live", value=0.9),
        row("alpha", "made", model_version="2", n_scored=0, reason="every image failed"),
    )
    assert len(read_board(folder).subjects) == 2


def test_names_that_differ_in_case_alone_have_files_of_their_own(tmp_path: Path) -> None:
    made = (row(m, "live", value=v) for m, v in (("A", 0.9), ("a", 0.8), ("b", 0.7)))
    board = read_board(kept(tmp_path / "records", *made))
    pages = {s.label: s.slug for s in board.subjects}
    assert (pages["A"], pages["b"]) == ("A", "b")
    assert pages["a"].startswith("a--")
    assert subject_called(board.subjects, "A").rows[0].value == 0.9
    assert subject_called(board.subjects, "a").rows[0].value == 0.8
    assert subject_called(board.subjects, "B").rows[0].value == 0.7
    names = [name.lower() for name in site_files(board.folder)]
    assert len(names) == len(set(names))


def test_a_version_is_called_by_its_label(board: Board) -> None:
    assert subject_called(board.subjects, "Alpha (version 2)").rows[0].value == 0.5
    with pytest.raises(ValueError, match=r"any of 2 variants.*alpha \(version 1\)"):
        subject_called(board.subjects, "alpha")


@pytest.mark.parametrize("data", [b"\xff\x00PNG", b"model,device\na,x\n", b"", b"a\x00b\n1\n",
    b"model,width,height,batch,parameters,macs_full,images_per_second,device\na,1,1,1,1,1,2\n",
])  # fmt: skip
def test_costs_that_cannot_be_read_name_their_file(tmp_path: Path, data: bytes) -> None:
    folder = kept(tmp_path / "records", row("a", "live", value=0.9))
    (tmp_path / "costs.csv").write_bytes(data)
    if not data:
        assert read_board(folder).costs == ()
        return
    with pytest.raises(
        ValueError, match=r"costs\.csv is not what iqa-eval cost --out writes"
    ) as told:
        read_board(folder)
    assert "\n" not in str(told.value)


def test_a_dataset_that_lacks_a_fact_names_its_file(tmp_path: Path) -> None:
    folder = kept(tmp_path / "records", row("a", "live", value=0.9))
    (folder / "datasets").mkdir()
    (folder / "datasets" / "live-12345678.json").write_bytes(about_bytes({"name": "live"}))
    with pytest.raises(ValueError, match=r"live-12345678\.json is not readable: label_kind: "):
        read_board(folder)
