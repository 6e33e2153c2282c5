"""The page of published tables."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from harness.canonical import slug
from harness.collection.board import Board, read_board
from harness.papers import paper_names, read_paper
from harness.papers.in_print import numbers_in
from harness.records import Record, write_record
from harness.site import papers_page as module
from harness.site.papers_page import papers_page
from tests.harness.reports.conftest import NASTY, base_row

NAME = "fr-metrics"


@pytest.fixture
def board(tmp_path: Path) -> Board:
    """PSNR as published less 0.01, on its first dataset."""
    first, *more = (n for n in numbers_in(read_paper(NAME)) if n.method == "PSNR")
    rows = [
        base_row("pyiqa:psnr", n.dataset, n.protocol, metric=n.metric, value=n.value - 0.01)
        for n in (first, *more)
        if n.dataset == first.dataset
    ]
    write_record(tmp_path, Record(tuple(rows), {}, slug("pyiqa:psnr"), "correlation"))
    return read_board(tmp_path)


def test_every_table_is_there_and_those_with_numbers_are_open(board: Board) -> None:
    (page,) = papers_page(board).values()
    text = page.decode()
    for name in paper_names():
        assert text.count(f'<section id="{name}"') == 1
        for cell in read_paper(name).cells:
            if cell.url:
                assert f'href="{cell.url}"' in text
    opened = re.findall(r"<details[^>]* open>\s*<summary>([^:]+):", text)
    assert opened == [NAME]
    section = text[text.index(f'<section id="{NAME}"') :]
    assert "1 of 18 cells measured" in section[: section.index("</section>")]
    assert "−0.010" in section


def test_it_says_where_nothing_was_measured(board: Board, tmp_path: Path) -> None:
    said = "all values are the papers' own"
    assert said not in papers_page(board)["papers.html"].decode()
    bare = replace(board, rows=())
    assert said in papers_page(bare)["papers.html"].decode()


def test_no_other_file_is_needed(board: Board) -> None:
    text = papers_page(board)["papers.html"].decode()
    assert not re.search(r"<(img|link|iframe|script)\b", text)
    assert not re.search(r"\bsrc=", text)


def test_same_records_same_bytes(board: Board) -> None:
    assert papers_page(board) == papers_page(board)


def test_text_of_a_paper_stays_text(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    paper = read_paper(NAME)
    part = paper.parts[0].model_copy(update={"source": NASTY, "url": "javascript:alert(1)"})
    bad = paper.model_copy(update={"title": NASTY, "citation": NASTY, "parts": (part,)})
    monkeypatch.setattr(module, "read_paper", lambda name: bad)
    monkeypatch.setattr(module, "paper_names", lambda: (NAME,))
    text = papers_page(board)["papers.html"].decode()
    assert "<script" not in text
    assert 'href="javascript' not in text
    assert "&lt;script&gt;" in text
