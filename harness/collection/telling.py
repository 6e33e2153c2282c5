"""Is what lies beside records, cards and datasets, what a run wrote, and about these records?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..about import card_path, dataset_path, read_card, read_dataset
from ..canonical import slug
from ..errors import message


def wrong_tellings(folder: Path) -> Iterator[tuple[str, str]]:
    """Place and fault of each card or dataset file that is not what it should be."""
    for kind, read, belongs in (
        ("cards", read_card, lambda told: card_path(slug(told["name"], told["options"]))),
        (
            *("datasets", read_dataset),
            lambda told: dataset_path(told["name"], told["images_hash"], told["labels_hash"]),
        ),
    ):
        for path in sorted((folder / kind).glob("*.json")):
            place = path.relative_to(folder).as_posix()
            try:
                told = read(path)
            except ValueError as error:
                yield place, message(error).removeprefix(f"{path} ")
                continue
            if belongs(told) != place:
                yield place, f"what it says belongs at {belongs(told)}"
