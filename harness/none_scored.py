"""Which models of a run could score no image of a dataset, though nothing was wrong before."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from .canonical import slug
from .records import Row, load_record, record_path


def none_scored(rows: Iterable[Row], records: Path) -> list[str]:
    """One line for each model, dataset and protocol of which every single sample failed.

    A record is looked into only where its rows say so: what does not apply, or cannot be loaded,
    counts its samples as failed too, and its record names none of them.
    """
    of: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        model = slug(row.model, json.loads(row.options))
        protocol = slug(row.protocol, json.loads(row.protocol_options))
        of[record_path(model, row.dataset, protocol)].append(row)
    return [
        f"every image of {own[0].dataset} with {own[0].model} ({own[0].protocol}): {own[0].reason}"
        for path, own in of.items()
        if all(map(_failed, own)) and any(load_record(records / path).failures.values())
    ]


def _failed(row: Row) -> bool:
    return row.value is None and row.n_failed == row.n_expected > 0
