"""What a data-efficiency curve costs beside a linear probe on the same features.

12 fractions × 10 repeats against 10 splits, both as protocols on random features of a dataset
whose contents are its images; one view an image, or five.

The last line is ``data-efficiency ratio VALUE``: curve over probe.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from harness.executors.threads import one_thread
from harness.model import ModelCard
from harness.protocols.base import Inputs, Need, Protocol
from harness.protocols.data_efficiency import DATA_EFFICIENCY
from harness.protocols.linear_probe import LINEAR_PROBE
from harness.sample import Dataset, Sample
from harness.source import FileSource
from harness.store import Output


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--images", type=int, default=10_000)
    options.add_argument("--views", type=int, default=1)
    options.add_argument("--width", type=int, default=4096, help="features a view")
    given = options.parse_args()
    inputs = made(given.images, given.views, given.width)
    print(f"{given.images} images × {given.views} views × {given.width} features")
    probe = timed("linear probe, 10 splits", LINEAR_PROBE, inputs)
    curve = timed("data efficiency, 12 fractions × 10 repeats", DATA_EFFICIENCY, inputs)
    print(f"data-efficiency ratio {curve / probe:.2f}")


def made(images: int, views: int, width: int) -> Inputs:
    """Labels that a few directions of the features explain in part."""
    rng = np.random.default_rng(0)
    values = rng.standard_normal((images, views, width), np.float32)
    labels = values.mean(axis=1)[:, :40].sum(axis=1) + rng.standard_normal(images)
    nowhere = FileSource(Path("nowhere.png"))
    samples = tuple(
        Sample(f"{i:06}", nowhere, f"{i:06}", label=float(label)) for i, label in enumerate(labels)
    )
    dataset = Dataset("random", samples, label_kind="mos")
    output = Output(tuple(sample.id for sample in samples), values, {})
    return Inputs(ModelCard("random", "1", "NR"), dataset, {Need("features"): output}, {}, 0)


def timed(what: str, protocol: Protocol, inputs: Inputs) -> float:
    start = time.perf_counter()
    with one_thread():  # as in a run; the protocols use every core by themselves
        rows = protocol.evaluate(inputs)
    seconds = time.perf_counter() - start
    srcc = next(row.value for row in rows[::-1] if row.metric == "srcc" and row.value is not None)
    print(f"{what}: {seconds:.1f} s (last SRCC {srcc:.3f})", flush=True)
    return seconds


if __name__ == "__main__":
    main()
