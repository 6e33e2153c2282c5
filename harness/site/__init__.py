"""The site: static pages made of records, which need no network, no server and no build step."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath

from ..atomic import write_below

LIST = "site.json"  # the files of a site, so that the next one can tell them from others


def build(records: Path, out: Path) -> Path:
    """Write the site of the ``records`` below ``out``; the path of its first page.

    Equal records, and equal files beside them, give equal bytes. What an earlier site has left in
    ``out`` is removed, files of others stay. Raises FileNotFoundError if there are no records,
    ValueError for what cannot be read, and where a link would take a page out of ``out``.
    """
    write_below(out, site_files(records), _earlier(out / LIST))
    return out / "index.html"


def site_files(records: Path) -> dict[str, bytes]:
    """Every file of the site by its path, its list first in case that writing is stopped."""
    from ..collection.board import read_board
    from .dataset_page import dataset_pages
    from .index_page import index_page
    from .model_page import model_pages
    from .papers_page import papers_page
    from .probes_page import probes_page

    board = read_board(records)
    found: dict[str, bytes] = {}
    for make in (index_page, model_pages, dataset_pages, papers_page, probes_page):
        found |= make(board)
    listed = json.dumps({"files": sorted(found)}, indent=1) + "\n"
    return {LIST: listed.encode(), **dict(sorted(found.items()))}


def _earlier(path: Path) -> set[str]:
    """The files of the site that lies there, but for what does not lie below it."""
    if not path.is_file():
        return set()
    try:
        names = {str(name) for name in json.loads(path.read_text("utf-8"))["files"]}
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is not the list of a site; remove it") from error
    paths = {name: PurePosixPath(name) for name in names}
    return {n for n, p in paths.items() if p.parts and not p.is_absolute() and ".." not in p.parts}
