"""The page of published tables: what papers print, beside what was measured here."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from ..collection.board import Board
from ..papers import Paper, paper_names, read_paper
from ..reports.html_table import html
from ..tabling.measured import Measured, measured
from ..tabling.papers import paper_table
from .pages import render


@dataclass(frozen=True)
class Section:
    """One table; ``sources`` are those of its numbers with their addresses, or ""."""

    paper: Paper
    found: Measured
    sources: tuple[tuple[str, str], ...]
    table: Markup

    @property
    def counts(self) -> str:
        """How many of the cells were measured, and what the others lack."""
        return self.found.reproduction.counts

    @property
    def is_measured(self) -> bool:
        return bool(self.found.rows)

    @property
    def command(self) -> str:
        """What measures the rest."""
        return f"iqa-eval reproduce {self.paper.name} --root DATA"


def papers_page(board: Board) -> dict[str, bytes]:
    """``papers.html``: every table that comes with the package, those with numbers unfolded."""
    sections = [_section(read_paper(name), board) for name in paper_names()]
    page = render("papers.html.j2", root="", active="papers", sections=sections)
    return {"papers.html": page}


def _section(paper: Paper, board: Board) -> Section:
    found = measured(paper, board.rows)
    sources = dict.fromkeys(
        ("; ".join(filter(None, (cell.source, cell.remark))), _address(cell.url))
        for cell in paper.cells
    )
    return Section(paper, found, tuple(sources), html(paper_table(found)))


def _address(url: str) -> str:
    """``url`` where a page may link to it."""
    return url if url.startswith(("https://", "http://")) else ""
