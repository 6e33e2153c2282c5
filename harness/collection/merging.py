"""Records that several people have made, in one folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..records import Record, load_record, record_bytes
from . import folders
from .comparisons import is_comparison, settle
from .difference import adds, by_content, difference, same, version
from .rounding import but_for_rounding
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
    kept: tuple[str, ...] = ()  # which of several that do not contradict each other, a line each


@dataclass(frozen=True)
class _Held:
    """A record of one place in one of the folders."""

    origin: Path
    record: Record

    @cached_property
    def content(self) -> Record:
        return by_content(self.record, self.origin)

    @cached_property
    def files_there(self) -> int:
        named = folders.files_of(self.record)
        return sum(folders.file_path(self.origin, *each).exists() for each in named)


def merge(sources: Sequence[Path], out: Path) -> Merged:
    """Write the records of all ``sources`` to ``out``, with the scores and labels they name.

    What ``out`` holds takes part, so that nothing is lost. Two records of one place must say the
    same, at least but for rounding (see ``rounding``), or one fill in what the other left open;
    else they are a conflict, and nothing is written. Of comparisons beside other models that of
    more models is kept (see ``comparisons``). Which one is kept does not depend on the order of
    ``sources``. Raises ValueError if a record is not what a run wrote.
    """
    origins = [folders.records_folder(source) for source in sources]
    if folders.places(out):
        origins = [out, *origins]
    found: dict[str, list[_Held]] = {}
    for origin in dict.fromkeys(origins):
        require_valid(origin)
        for place in folders.places(origin):
            held = _Held(origin, load_record(origin / place))
            found.setdefault(place, []).append(held)
    chosen: list[_Held] = []
    conflicts: list[Conflict] = []
    kept: dict[str, None] = {}
    for place, several in found.items():
        if apart := _conflicts(place, several):
            conflicts += apart
            continue
        best, told = _best(place, several, out)
        chosen.append(best)
        kept |= {told: None} if told else {}
    if not conflicts:
        _write(chosen, found, out)
    return Merged(len(found), tuple(conflicts), tuple(kept))


def _conflicts(place: str, several: Sequence[_Held]) -> list[Conflict]:
    """Each of ``several`` that contradicts one before it, with the first such."""
    if all(is_comparison(each.record) for each in several):
        settled = settle([each.record for each in several])
        ends = several[0].origin, several[-1].origin
        return [] if settled.record else [Conflict(place, *ends, settled.why)]
    return [
        Conflict(place, before.origin, each.origin, difference(before.content, each.content))
        for i, each in enumerate(several)
        for before in [other for other in several[:i] if _contradict(other, each)][:1]
    ]


def _contradict(one: _Held, other: _Held) -> bool:
    if same(one.record, other.record):
        return False
    before, after = one.content, other.content
    if adds(before, after) or adds(after, before):  # or they say the same
        return False
    return not but_for_rounding(one.record, one.origin, other.record, other.origin)


def _best(place: str, several: Sequence[_Held], out: Path) -> tuple[_Held, str]:
    """Which of ``several`` without a conflict is kept, and what to tell of that; "" for nothing."""
    first = several[0]
    if len(several) == 1:
        return first, ""
    if all(is_comparison(each.record) for each in several):
        settled = settle([each.record for each in several])
        assert settled.record
        told = f"{settled.record.rows[0].dataset}: {settled.why}" if settled.why else ""
        return _Held(first.origin, settled.record), told
    full = [
        each for each in several
        if not any(adds(each.content, other.content) and not same(each.content, other.content)
                   for other in several)
    ]  # fmt: skip
    best = min(full, key=lambda each: (record_bytes(each.content), each.origin != out,
                                       record_bytes(each.record), -each.files_there))  # fmt: skip
    for each in full:
        if not same(each.content, best.content):
            why = but_for_rounding(best.record, best.origin, each.record, each.origin)
            return best, f"{place}: that of {best.origin}: {why}"
    return best, ""


def _write(chosen: Sequence[_Held], found: Mapping[str, Sequence[_Held]], out: Path) -> None:
    about = _about([held for several in found.values() for held in several])
    folders.require_writable(out, [each.record for each in chosen])
    left: set[str] = set()
    for each in chosen:
        if each.origin != out or is_comparison(each.record):
            old = (held.record for held in found[each.record.path] if held.origin == out)
            left = left.union(*map(folders.beside, old))
            folders.copy_record(each.record, each.origin, out)
    for name, data in about.items():
        folders.write(out, name, data)
    folders.sweep(out, left)


def _about(every: Sequence[_Held]) -> dict[str, bytes]:
    """What is told of models and datasets: of several tellings that of the newest version.

    Which one that is does not depend on the order of ``every``.
    """
    found: dict[str, bytes] = {}
    for held in every:
        for name, data in folders.about_files(held.record, held.origin):
            found[name] = max(found.get(name, data), data, key=_newest)
    return found


def _newest(data: bytes) -> tuple[list[tuple[int, str]], bytes]:
    return version(str(json.loads(data).get("version", ""))), data
