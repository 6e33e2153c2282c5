"""Whether what a described table names exists: in a record, or, not yet measured, by its name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase

from ..model import Family
from ..records import Row
from ..registry import BrokenPlugin, Entry, Group, entries, listed_models, unknown
from ..reports.parts import METRICS
from .spec import COMPARISON, RANKS, Spec


def check_names(spec: Spec, rows: Sequence[Row]) -> None:
    """ValueError for the first model, dataset, protocol, metric, split or subset that is none.

    Of the members of a family only those are known that it lists, unless it lists none; splits and
    subsets are those of the numbers that the records have of the dataset under the protocol.
    """
    measured = {row.model for row in rows}
    for i, line in enumerate(spec.rows):
        if line.is_pattern:
            _check_pattern(f"{spec.name}: rows.{i}", line.model, measured)
        elif line.model not in measured:
            _check_model(f"{spec.name}: rows.{i}", line.model, measured)
    datasets = _known("datasets", (row.dataset for row in rows))
    protocols = _known("protocols", (row.protocol for row in rows))
    metrics: dict[str, set[str]] = defaultdict(lambda: {RANKS})
    parts: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for row in rows:
        metrics[row.protocol].add(row.metric)
        if row.value is not None:
            parts[row.dataset, row.protocol, "split"].add(row.split)
            parts[row.dataset, row.protocol, "subset"].add(row.subset)
    for i, column in enumerate(spec.columns):
        where = f"{spec.name}: columns.{i}"
        _check(where, "dataset", column.dataset, datasets)
        _check(where, "protocol", column.protocol.name, protocols)
        if column.metric == RANKS and column.protocol.name == COMPARISON:
            raise ValueError(
                f"{where}: {RANKS} go with the protocol whose numbers were compared: write "
                f"{{dataset: {column.dataset}, protocol: correlation, metric: {RANKS}}}"
            )
        known = metrics.get(column.protocol.name)  # without a record, nobody has said them
        for metric in [column.metric] if column.metric else spec.metrics:
            if known is not None and metric not in METRICS:
                _check(where, "metric", metric, known)
        for kind, name in (("split", column.split), ("subset", column.subset)):
            found = parts.get((column.dataset, column.protocol.name, kind))
            if found and name is not None and name != "all":
                _check(where, kind, name, found)


def _known(group: Group, recorded: Iterable[str]) -> set[str]:
    return {*entries(group), *recorded}


def _check(where: str, kind: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        raise ValueError(f"{where}: {unknown(kind, name, known)}")


def _check_pattern(where: str, pattern: str, measured: Collection[str]) -> None:
    """ValueError for a pattern that fits no model at all, measured or not."""
    if any(fnmatchcase(name, pattern) for name in measured):
        return
    known = {*listed_models(), *measured}
    families = {f"{name.partition(':')[0]}:*" for name in known if ":" in name}
    families |= {f"{name}:*" for name, each in entries("models").items() if _is_family(each)}
    if not any(fnmatchcase(name, pattern) for name in known) and pattern not in families:
        raise ValueError(f"{where}: {unknown('model', pattern, known | families)}")


def _is_family(entry: Entry) -> bool:
    with suppress(BrokenPlugin):
        return isinstance(entry.load(), Family)
    return False


def _check_model(where: str, name: str, measured: Collection[str]) -> None:
    prefix, colon, member = name.partition(":")
    entry = entries("models").get(prefix)
    thing = entry.load() if entry and colon else None
    listed = thing.listed if isinstance(thing, Family) else ()
    is_known = entry is not None and (
        not colon or (isinstance(thing, Family) and (not listed or member in listed))
    )
    if not is_known:
        own = (f"{prefix}:{each}" for each in listed)
        known = {*entries("models"), *measured, *own}
        raise ValueError(f"{where}: {unknown('model', name, known)}")
