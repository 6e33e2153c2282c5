"""The records of a run, copied to those that are kept for good."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..records import Record, load_record
from . import folders
from .difference import adds, by_content, difference, inputs, same
from .validating import require_valid


@dataclass(frozen=True)
class Change:
    """What becomes of one place in the collection, and why."""

    place: str
    what: str  # new, equal, replaced or refused
    why: str = ""


def add(source: Path, target: Path, *, replace: bool = False, labels: bool = False) -> list[Change]:
    """Copy the records of ``source`` to ``target``, with the scores that they name.

    A record that differs from that of its place is taken if it was made of something else (other
    weights, images, labels or versions), or fills in what was open. If it was made of the same,
    or has lost its numbers, it is refused unless ``replace``; nothing at all is written then.
    ``labels``: copy contents and labels, too, which a dataset's license may forbid. Raises
    ValueError if a record of ``source`` is not what a run wrote.
    """
    origin = folders.records_folder(source)
    require_valid(origin)
    found = [load_record(origin / place) for place in folders.places(origin)]
    changes = [_change(record, origin, target, replace) for record in found]
    if any(change.what == "refused" for change in changes):
        return changes
    kinds = folders.KINDS if labels else ("scores",)
    left: set[tuple[str, str]] = set()
    for record, change in zip(found, changes, strict=True):
        if change.what != "new":
            old = folders.files_of(load_record(target / change.place, edited=replace))
            if change.what == "equal" and old != folders.files_of(record):
                continue  # files of its own that hold the same
            left |= old
        for name, data in folders.about_files(record, origin):
            folders.write(target / name, data)
        folders.copy_record(record, origin, target, kinds)
    folders.sweep(target, left)
    return changes


def _change(new: Record, origin: Path, target: Path, replace: bool) -> Change:
    place = new.path
    if not (target / place).exists():
        return Change(place, "new")
    old = load_record(target / place, edited=replace)  # to replace it mends it
    if same(old, new):
        return Change(place, "equal")
    before, after = by_content(old, target), by_content(new, origin)
    if same(before, after):
        return Change(place, "equal")
    why = difference(before, after)
    if adds(before, after):
        return Change(place, "replaced", f"fills in: {why}")
    if _measured(old) and not _measured(new):
        return Change(place, "replaced" if replace else "refused", f"has no numbers; {why}")
    if replace or inputs(old) != inputs(new):
        return Change(place, "replaced", why)
    return Change(place, "refused", why)


def _measured(record: Record) -> bool:
    return any(row.value is not None for row in record.rows)
