"""The records of a run, copied to those that are kept for good."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..records import Record, load_record
from . import folders
from .comparisons import given_up, is_comparison, is_measured, settle
from .difference import adds, by_content, difference, inputs, older, same
from .rounding import but_for_rounding
from .validating import require_valid


@dataclass(frozen=True)
class Change:
    """What becomes of one place in the collection, and why."""

    place: str
    what: str  # new, equal, kept, replaced or refused
    record: Record  # the one that was to be added, or what is made of both
    why: str = ""


def add(source: Path, target: Path, *, replace: bool = False, labels: bool = False) -> list[Change]:
    """Copy the records of ``source`` to ``target``, with the scores that they name.

    A record that differs from that of its place is taken if it was made of something else (other
    weights, images, labels or versions), or fills in what was open. If it was made of the same or
    of an older version, or has lost its numbers, it is refused unless ``replace``; nothing at all
    is written then. The one that is there is kept where they differ by rounding alone (see
    ``rounding``), and of comparisons beside other models that of more models (``comparisons``).
    ``labels``: copy contents and labels, too, which a dataset's license may forbid. Raises
    ValueError if a record of ``source`` is not what a run wrote.
    """
    origin = folders.records_folder(source)
    require_valid(origin)
    found = [load_record(origin / place) for place in folders.places(origin)]
    changes = [_change(record, origin, target, replace) for record in found]
    if any(change.what == "refused" for change in changes):
        return changes
    folders.require_writable(target, found)
    kinds = folders.KINDS if labels else ("scores",)
    left: set[str] = set()
    for record, change in zip(found, changes, strict=True):
        if change.what == "kept":
            continue
        if change.what != "new":
            old = load_record(target / change.place, edited=replace)
            if change.what == "equal" and folders.files_of(old) != folders.files_of(record):
                continue  # files of its own that hold the same
            left |= folders.beside(old)
        for name, data in folders.about_files(record, origin):
            folders.write(target, name, data)
        folders.copy_record(change.record, origin, target, kinds)
    folders.sweep(target, left)
    return changes


def _change(new: Record, origin: Path, target: Path, replace: bool) -> Change:
    place = new.path
    if not (target / place).exists():
        return Change(place, "new", new)
    old = load_record(target / place, edited=replace)  # to replace it mends it
    if same(old, new):
        return Change(place, "equal", new)
    before, after = by_content(old, target), by_content(new, origin)
    if same(before, after):
        return Change(place, "equal", new)
    why = difference(before, after)
    if adds(before, after):
        return Change(place, "replaced", new, f"fills in: {why}")
    if not replace and (rounded := but_for_rounding(old, target, new, origin)):
        return Change(place, "kept", old, rounded)
    lost = ""
    if is_comparison(old) and is_comparison(new):
        if (found := settle([old, new])).record is not None and not replace:
            what = "kept" if same(found.record, old) else "replaced"
            return Change(place, what, found.record, found.why)
        lost = f"{gone}; " if (gone := given_up(old, new)) else ""
    why = lost + why
    if is_measured(old) and not is_measured(new):
        return Change(place, "replaced" if replace else "refused", new, f"has no numbers; {why}")
    if not replace and (back := older(old, new)):
        return Change(place, "refused", new, f"of an older {back} than what is kept; {why}")
    if replace or inputs(old) != inputs(new):
        return Change(place, "replaced", new, why)
    return Change(place, "refused", new, why)
