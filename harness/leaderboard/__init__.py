"""The leaderboard: one Markdown page, its figures and the site, made of records alone."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from ..atomic import write_below

PAGE = "leaderboard.md"
FIGURES = "figures"
SITE = "site"


def write(records: Path, out: Path) -> None:
    """Write the page, its figures and the site below ``out``.

    Equal records, and equal files beside them, give equal bytes. Raises FileNotFoundError if
    there are no records, ValueError for what cannot be read, and where a link
    would take a file out of ``out``.
    """
    from ..site import build

    write_below(out, page_files(records), _there(out, FIGURES))
    build(records, out / SITE)


def check(records: Path, out: Path) -> tuple[tuple[str, str], ...]:
    """What ``write`` would change below ``out``, by path: it is stale, missing or surplus.

    Whatever lies in the folder of the site and is not of it is surplus. Raises as ``write`` does.
    """
    with TemporaryDirectory() as folder:
        fresh = Path(folder)
        write(records, fresh)
        made = {name: (fresh / name).read_bytes() for name in {PAGE} | _there(fresh, FIGURES, SITE)}
    found = {name: "surplus" for name in _there(out, FIGURES, SITE) - made.keys()}
    for name, data in made.items():
        path = out / name
        if not path.is_file():
            found[name] = "missing"
        elif path.read_bytes() != data:
            found[name] = "stale"
    return tuple(sorted(found.items()))


def page_files(records: Path) -> dict[str, bytes]:
    """The page and its figures, by their paths."""
    from ..collection.board import read_board
    from .page import page

    text, pictures = page(read_board(records))
    drawn = {f"{FIGURES}/{picture.name}.svg": picture.svg for picture in pictures}
    return {PAGE: text.encode(), **drawn}


def _there(out: Path, *folders: str) -> set[str]:
    """Our files in ``folders`` of ``out``; in the one of figures, there are those of others."""
    ours = {FIGURES: "*.cost.svg", SITE: "**/*"}
    found = (path for folder in folders for path in (out / folder).glob(ours[folder]))
    return {
        path.relative_to(out).as_posix()
        for path in found
        if path.is_file() and not path.name.startswith(".")
    }
