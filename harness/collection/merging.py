"""Records that several people have made, in one folder."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..records import Record, load_record
from . import folders
from .comparisons import is_comparison, settle
from .difference import adds, by_content, difference, same
from .validating import require_valid


@dataclass(frozen=True)
class Conflict:
    """Two folders say different things in one place."""

    place: str
    one: Path
    other: Path
    why: str


@dataclass(frozen=True)
class Merged:
    """What a merge came to; nothing is written where there are conflicts."""

    n_records: int
    conflicts: tuple[Conflict, ...]
    kept: tuple[str, ...] = ()  # which comparison of several, a line each


def merge(sources: Sequence[Path], out: Path) -> Merged:
    """Write the records of all ``sources`` to ``out``, with the scores and labels they name.

    What ``out`` holds takes part, so that nothing is lost. Two records of one place must say the
    same, or one fill in what the other left open; else they are a conflict, and nothing is
    written. Of comparisons beside other models that of more models is kept (see ``comparisons``).
    Raises ValueError if a record is not what a run wrote.
    """
    origins = [folders.records_folder(source) for source in sources]
    if out.is_dir() and next(folders.places(out), None) is not None:
        origins = [out, *origins]
    chosen: dict[str, tuple[Path, Record]] = {}
    conflicts = []
    compared: dict[str, list[tuple[Path, Record]]] = {}
    for origin in dict.fromkeys(origins):
        require_valid(origin)
        for place in folders.places(origin):
            record = load_record(origin / place)
            if is_comparison(record):
                compared.setdefault(place, []).append((origin, record))
            elif place not in chosen:
                chosen[place] = origin, record
            elif why := _apart(chosen, place, origin, record):
                conflicts.append(Conflict(place, chosen[place][0], origin, why))
    kept: dict[str, None] = {}
    for place, each in compared.items():
        if place in chosen:  # one of them holds more than a comparison
            whys = [(origin, _apart(chosen, place, origin, record)) for origin, record in each]
            conflicts += [
                Conflict(place, chosen[place][0], where, why) for where, why in whys if why
            ]
            continue
        found = settle([record for _, record in each])
        if found.record is None:
            conflicts.append(Conflict(place, each[0][0], each[-1][0], found.why))
            continue
        chosen[place] = each[0][0], found.record
        kept |= {f"{found.record.rows[0].dataset}: {found.why}": None} if found.why else {}
    if not conflicts:
        for origin, record in chosen.values():
            if origin != out or is_comparison(record):
                folders.copy_record(record, origin, out)
        for name, data in _about(origins).items():
            folders.write(out / name, data)
    return Merged(len(chosen), tuple(conflicts), tuple(kept))


def _apart(chosen: dict[str, tuple[Path, Record]], place: str, origin: Path, new: Record) -> str:
    """In what ``new`` contradicts the one that is chosen; "" if one of them says it all."""
    other, known = chosen[place]
    before, after = by_content(known, other), by_content(new, origin)
    if same(before, after) or adds(after, before):
        return ""
    if adds(before, after):
        chosen[place] = origin, new
        return ""
    return difference(before, after)


def _about(origins: Sequence[Path]) -> dict[str, bytes]:
    """What is told of models and datasets: of several tellings that of the newest version.

    Which one that is does not depend on the order of ``origins``.
    """
    found: dict[str, bytes] = {}
    for origin in origins:
        for place in folders.places(origin):
            for name, data in folders.about_files(load_record(origin / place), origin):
                found[name] = max(found.get(name, data), data, key=_newest)
    return found


def _newest(data: bytes) -> tuple[list[tuple[int, str]], bytes]:
    version = str(json.loads(data).get("version", ""))
    parts = re.findall(r"\d+|\D+", version)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts], data
