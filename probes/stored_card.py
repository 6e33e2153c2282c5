"""The card of a stored probe set: what is in it, under which licenses, how it was made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.atomic import write_atomic
from harness.errors import count
from harness.sample import Dataset

from .render import Recipe
from .stored_rows import IMAGES, MANIFEST

# Named outright: the names of contents could be taken for those of parts ("train", "test").
_HEADER = f"""---
license: other
license_name: of-the-photographs
license_link: README.md
task_categories:
- image-classification
tags:
- image-quality-assessment
- image
pretty_name: {{name}}
configs:
- config_name: default
  data_files:
  - split: test
    path:
    - {MANIFEST}
    - {IMAGES}/**
---
"""


def write_card(
    folder: Path, dataset: Dataset, rows: Sequence[Mapping[str, Any]], about: Mapping[str, Any]
) -> None:
    """Write ``README.md`` for the rows of a manifest and what ``probe_set.json`` says."""
    text = _HEADER.format(name=dataset.name) + "\n".join(_lines(dataset, rows, about)) + "\n"
    write_atomic(folder / "README.md", text.encode())


def _lines(
    dataset: Dataset, rows: Sequence[Mapping[str, Any]], about: Mapping[str, Any]
) -> list[str]:
    files = [r for r in rows if r["file_name"] is not None]
    options = ", ".join(f"{name} {value}" for name, value in about["options"].items()) or "none"
    return [
        *("", f"# {dataset.name}", ""),
        "Photographs with known damage: each probe is damaged inside a mask and bitwise pristine",
        "outside it. No person has rated anything here.",
        *("", f"- {count(len(files), 'image')}, by role: {_counted(files, 'role')}"),
        f"- {count(len(rows) - len(files), 'cell')} of the plan that cannot be reached: rows with "
        "a `reason` and without a file",
        f"- by ladder: {_counted(files, 'ladder')}",
        f"- by control: {_counted(files, 'control')}",
        f"- options: {options}",
        f"- hash of the set (over ids and pixels): `{about['set_hash']}`",
        f"- hash of the images' recipes, as in records: `{about['images_hash']}`",
        "- made with: " + ", ".join(f"{name} {v}" for name, v in about["versions"].items()),
        *("", "```python", "from datasets import load_dataset", ""),
        *('probes = load_dataset("FOLDER", split="test")', "```", ""),
        f"`{MANIFEST}` holds a row an image: types, severities, areas asked and met, recipes of",
        "the masks (JSON), and the damage achieved inside the mask: local PSNR (dB; 100 stands for",
        "no change), local SSIM of luma, mean CIEDE2000 (`delta_e`); `mse` is of the whole image.",
        'Where `changed` is "no", the damage alters no pixel there: the image is bitwise pristine.',
        "`complete` tells calibrated ladders that reach every area from those with gaps.",
        "`pixels_sha256` is the SHA-256 of the size, as text `(3, H, W)`, and the RGB planes.",
        *("", "## Photographs", "", "| content | from | license |", "|---|---|---|"),
        *(f"| {' | '.join(line)} |" for line in _licenses(dataset)),
    ]


def _counted(rows: Sequence[Mapping[str, Any]], column: str) -> str:
    counts = Counter(row[column] for row in rows if row[column] is not None)
    return ", ".join(f"{name} {n}" for name, n in counts.most_common()) or "none"


def _licenses(dataset: Dataset) -> list[tuple[str, str, str]]:
    """Content, where it is from and its license; of a folder only the last part of its path."""
    contents = {s.source.content for s in dataset.images if isinstance(s.source, Recipe)}
    return [
        (content.id, Path(content.source).name, content.license)
        for content in sorted(contents, key=lambda content: content.id)
    ]
