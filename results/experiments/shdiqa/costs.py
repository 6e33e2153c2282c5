"""What models cost, beside the published table: parameters, arithmetic, speed."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from markdown_table import lines

from harness.papers import read_paper

TABLE = "shdiqa-table5"
METRICS = ("parameters", "macs_modules", "images_per_second")


def read(path: Path) -> list[dict[str, str]]:
    """The lines of what ``iqa-eval cost --out`` wrote, at the published size and batch.

    Raises ValueError for a file without any, or of several devices.
    """
    if not path.is_file():
        return []
    protocol = read_paper(TABLE).protocol
    assert protocol is not None
    wanted = {name: str(value) for name, value in protocol.options.items()}
    with path.open(newline="", encoding="utf-8") as file:
        found = [
            line
            for line in csv.DictReader(file)
            if line["parameters"] and wanted.items() <= line.items()
        ]
    if len({line["device"] for line in found}) > 1:
        raise ValueError(f"{path} has costs of several devices: give one file of one device")
    if not found:
        size = f"--size {wanted['width']}x{wanted['height']} --batch {wanted['batch']}"
        raise ValueError(f"{path} has no costs with {size}; measure them so: iqa-eval cost --all")
    return found


def beside_published(priced: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """The published lines, then those of ``priced``, the fewest multiply-accumulates first."""
    here = priced[0]["device"]
    yield (
        "Multiply-accumulates are of linear and convolution layers, for one image of 224 × 224; "
        f"speed is of 16 at once, published on the paper's hardware, ours on {here}. "
        "Fitted models are measured as they are before any fit.\n"
    )
    rows = [(f"{c.method} (published)", "–", *_cells(c.published)) for c in read_paper(TABLE).cells]
    for line in sorted(priced, key=lambda x: (float(x["macs_modules"]), x["model"])):
        cells = _cells({name: float(line[name] or "nan") for name in METRICS})
        rows.append((f"`{line['model']}`", line["operation"], *cells))
    yield from lines(["model", "operation", "parameters", "MACs", "images/s"], rows)


def _cells(values: Mapping[str, float]) -> Iterator[str]:
    parameters, macs, speed = (values[name] for name in METRICS)
    yield f"{parameters / 1e6:.1f} M" if parameters else "–"
    yield f"{macs / 1e9:.2f} G" if macs else "–"
    yield f"{speed:.1f}"
