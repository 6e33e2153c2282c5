"""From a folder of records to a folder of tables, figures and a page."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..atomic import write_atomic
from ..records import read_records
from .cross_figure import cross_figures
from .figures import figures
from .formats import markdown, rows_csv, table_csv
from .groups import group
from .latex import latex
from .model_pages import links, model_pages
from .overview import overviews
from .site import Found, Joint, Study, render
from .tables import tables

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".svg", ".webp"})
FOLDERS = ("tables", "figures", "models")
LIST = "report.json"  # what a report wrote, so that the next one can tell it from others' files


def write_report(out: Path) -> Path:
    """Write ``tables/``, ``figures/``, ``models/``, ``index.html`` below ``out``; the page's path.

    Reads ``out/records`` and ``out/run.json`` (which may be absent). Equal records and headers
    give equal bytes. Pictures of others that lie in ``out/figures`` are shown on the page, with
    the text of a ``.txt`` of the same name as caption; what an earlier report wrote is removed.
    FileNotFoundError if there are no records, ValueError if one, or the header, cannot be read.
    """
    rows = read_records(out / "records")
    if not rows:
        raise FileNotFoundError(
            f"{out} holds no records; make some with: "
            f"iqa-eval run --models M --datasets D --out {out}"
        )
    header = _header(out / "run.json")
    groups = group(rows)
    pages = model_pages(groups)
    studies = [Study(found, tables(found), figures(found), links(pages, found)) for found in groups]
    joint = [Joint(each, cross_figures(each.across)) for each in overviews(groups)]
    files: dict[str, bytes] = {"tables/rows.csv": rows_csv(rows).encode()}
    for each in joint:
        if each.overview.is_summary:
            table = each.tables[0]
            files[f"tables/{table.name}.tex"] = latex(table).encode()
    sections: list[Joint | Study] = [*joint, *studies, *(s for page in pages for s in page.studies)]
    for section in sections:
        for table in section.tables:
            files[f"tables/{table.name}.md"] = markdown(table).encode()
            files[f"tables/{table.name}.csv"] = table_csv(table).encode()
        for picture in section.pictures:
            files[f"figures/{picture.name}.svg"] = picture.svg
            files[f"figures/{picture.name}.png"] = picture.png
    _remove_previous(out)
    gallery = _gallery(out, files)
    for page in pages:
        files[page.path] = render([], page.studies, [], header, page.label).encode()
    files["index.html"] = render(joint, studies, gallery, header).encode()
    listed = (json.dumps({"files": sorted(files)}, indent=1) + "\n").encode()
    for name, data in [(LIST, listed), *files.items()]:  # the list first, in case we are killed
        path = out / name
        path.parent.mkdir(exist_ok=True)
        write_atomic(path, data)
    return out / "index.html"


def _header(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        header = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    if not isinstance(header, dict):
        raise ValueError(f"{path} must hold a JSON object")
    return header


def _remove_previous(out: Path) -> None:
    path = out / LIST
    if not path.exists():
        return
    try:
        names = [str(name) for name in json.loads(path.read_text("utf-8"))["files"]]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is not what a report wrote; remove it") from error
    for name in names:
        old = Path(name)
        # The list is a file like any other: nothing outside our folders is ever removed.
        if old.parent in map(Path, FOLDERS) and old.name not in ("", ".", ".."):
            (out / old).unlink(missing_ok=True)


def _gallery(out: Path, ours: Iterable[str]) -> list[Found]:
    """Pictures of others in ``figures/``, by name; of one in several formats, the drawing."""
    taken = set(ours)
    there = (p for p in sorted((out / "figures").glob("*")) if p.suffix.lower() in PICTURES)
    others = [path for path in there if f"figures/{path.name}" not in taken]
    drawn = {path.stem for path in others if path.suffix.lower() == ".svg"}
    found = []
    for path in others:
        if path.stem in drawn and path.suffix.lower() != ".svg":
            continue
        note = path.with_suffix(".txt")
        caption = note.read_text("utf-8", errors="replace").strip() if note.exists() else ""
        found.append(Found(path.stem.replace("_", " "), f"figures/{quote(path.name)}", caption))
    return found
