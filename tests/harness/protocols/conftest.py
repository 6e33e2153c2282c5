"""Samples and outputs made of numbers: protocols look at no image."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from harness.model import ModelCard
from harness.protocols.base import Inputs, Need
from harness.sample import Damage, Dataset, Sample
from harness.source import FileSource
from harness.store import Output

NOWHERE = FileSource(Path("nowhere.png"))


@pytest.fixture
def rated() -> Callable[..., Dataset]:
    """``rated(n_contents, per_content=5)``: labels that fall with severity, a type in turn."""

    def make(n_contents: int, per_content: int = 5, **changes: object) -> Dataset:
        rng = np.random.default_rng(n_contents)
        references, samples = [], []
        for c in range(n_contents):
            references.append(Sample(f"ref{c:02}", NOWHERE, f"scene{c:02}"))
            for i in range(per_content):
                damage = Damage(("blur", "jpeg")[i % 2], float(1 + i))
                samples.append(
                    Sample(
                        f"c{c:02}-{i}",
                        NOWHERE,
                        f"scene{c:02}",
                        damages=(damage,),
                        label=float(10 - i + rng.normal()),
                        reference=f"ref{c:02}",
                    )
                )
        options = {"label_kind": "mos", **changes}
        return Dataset("rated", tuple(samples), tuple(references), **options)  # type: ignore[arg-type]

    return make


@pytest.fixture
def inputs() -> Callable[..., Inputs]:
    """``inputs(dataset, {Need: Output}, head_dataset=None)``."""

    def make(
        dataset: Dataset, outputs: Mapping[Need, Output], head: Dataset | None = None
    ) -> Inputs:
        others = {} if head is None else {str(dataset.head_dataset): head}
        return Inputs(ModelCard("model", "1", "NR"), dataset, outputs, others, seed=0)

    return make
