"""``coverage`` as a protocol, and sensitivity given that the damage lies where a model looks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from harness.images import Decoded, DecodePolicy
from harness.model import ModelCard
from harness.protocols.base import Inputs, Need, Skip
from harness.sample import Damage, Dataset, Sample
from harness.store import Output
from probes.contents import embedded
from probes.coverage_probes import coverage_probes, outcomes
from probes.coverage_protocol import COVERAGE
from probes.in_view import rows, seen_shares
from probes.masks import MaskRecipe
from probes.render import Recipe, mask_json
from probes.sensitivity import sensitivity
from probes.sets import coverage_embedded

SCORE = Need("score")
CARD = ModelCard("crop", "1", "NR", trained_on=())


def crop_score(image: torch.Tensor, side: int = 32) -> float:
    """The variance of the central square: what lies elsewhere is not looked at."""
    height, width = image.shape[1:]
    top, left = (height - side) // 2, (width - side) // 2
    return float(image[:, top : top + side, left : left + side].double().var())


def scored(dataset: Dataset, broken: tuple[str, ...] = ()) -> Output:
    values, failures = {}, {}
    for image in dataset.images:
        found = image.source.load(DecodePolicy())
        assert isinstance(found, Decoded)
        if image.id in broken:
            failures[image.id] = "broken"
        else:
            values[image.id] = crop_score(found.image)
    return Output(tuple(values), np.array(list(values.values())), failures)


def test_the_share_of_a_center_crop() -> None:
    dataset = coverage_probes("128x96")
    rows = COVERAGE.evaluate(Inputs(CARD, dataset, {SCORE: scored(dataset)}, {}, 0))
    found = {(row.metric, row.subset): row for row in rows}
    share = found["in_view", "all"]
    # The crop spans rows 32 … 63 and columns 48 … 79: 2 × 2 of the 6 × 8 blocks.
    assert share.value == pytest.approx(4 / 48)
    assert (share.n_expected, share.n_failed) == (len(dataset.images), 0)
    assert {metric for metric, _ in found} == {"in_view", "resampling", "fine_psnr"}


def test_images_that_fail_are_counted_and_a_lost_base_is_a_reason() -> None:
    dataset = coverage_probes("128x96")
    whole = next(i.id for i in dataset.images if "/whole/" in i.id)
    rows = COVERAGE.evaluate(Inputs(CARD, dataset, {SCORE: scored(dataset, (whole,))}, {}, 0))
    assert [(row.metric, row.value, row.n_failed, row.reason) for row in rows] == [
        ("in_view", None, 1, "broken")
    ]


def test_without_repeats_that_agree_there_is_a_reason_and_no_value() -> None:
    dataset = coverage_probes("128x96")
    output = scored(dataset)
    noise = np.random.default_rng(0).normal(0, 1e-3, len(output.values))
    noisy = replace(output, values=output.values + noise)
    (row,) = COVERAGE.evaluate(Inputs(CARD, dataset, {SCORE: noisy}, {}, 0))
    assert (row.metric, row.value, row.n_scored) == ("in_view", None, len(dataset.images))
    assert "not repeatable" in row.reason


def test_open_blocks_leave_bounds_and_no_confidence_interval() -> None:
    dataset = coverage_probes("128x96")
    block = "128x96/block/noise/000-000"
    rows = COVERAGE.evaluate(Inputs(CARD, dataset, {SCORE: scored(dataset, (block,))}, {}, 0))
    share = next(row for row in rows if row.metric == "in_view")
    assert (share.ci_low, share.ci_high) == pytest.approx((4 / 48, 5 / 48))
    assert share.ci_method == "bounds: of the open blocks none or all are seen"


def test_what_it_skips() -> None:
    dataset = coverage_probes("128x96")
    assert isinstance(COVERAGE.needs(frozenset({"quality_map"}), dataset, 0), Skip)
    assert isinstance(COVERAGE.needs(frozenset({"score"}), Dataset("d", ()), 0), Skip)
    assert COVERAGE.needs(frozenset({"features", "score_pair"}), dataset, 0) == (
        Need("score_pair"),
    )


def test_sensitivity_asks_for_coverage_only_if_told() -> None:
    content = embedded()[0]
    mask = mask_json(MaskRecipe("rectangle", 1 / 16))
    damage = Damage("jpeg", 3, mask, 1 / 16, 1 / 16)
    sample = Sample("x", Recipe(content, (damage,)), "c", damages=(damage,), reference="c")
    dataset = Dataset("d", (sample,), (Sample("c", Recipe(content), "c"),))
    offered = frozenset({"score"})
    assert sensitivity().needs(offered, dataset, 0) == (SCORE,)
    asked = sensitivity(coverage="coverage-embedded").needs(offered, dataset, 0)
    assert asked == (SCORE, Need("score", "coverage-embedded"))


def test_the_embedded_photographs_have_a_coverage_set_of_their_sizes() -> None:
    dataset = coverage_embedded()
    assert len({image.source.fingerprint() for image in dataset.samples}) > 2000
    assert dataset.name == "coverage-embedded"
    sizes = {(r.source.frame.height, r.source.frame.width) for r in dataset.references}
    assert sizes == {tuple(c.image().shape[1:]) for c in embedded()}


def test_damage_outside_the_view_is_set_apart() -> None:
    dataset = coverage_probes("128x96")
    found = outcomes(dataset, scored(dataset), "crop", "score")

    class Masked:
        def __init__(self, place: tuple[slice, slice]) -> None:
            self.cover = np.zeros((96, 128), np.float32)
            self.cover[place] = 1

        def alpha(self) -> np.ndarray:
            return self.cover

    inside, outside = Masked(np.s_[40:56, 56:72]), Masked(np.s_[:16, :16])
    probes = [
        Sample(name, source, "c", reference="c")
        for name, source in (("in", inside), ("out", outside))
    ]
    shares = seen_shares(probes, found)
    assert shares == {"in": 1.0, "out": 0.0}
    elsewhere = replace(probes[0], id="x", source=Recipe(embedded()[0]))  # of another size
    assert seen_shares([elsewhere], found) == {}
    n = 20
    table = pd.DataFrame(
        [
            *((f"{c}/in", f"c{c}", "probe", "plain", 1, 0.25, 5.0) for c in range(n)),
            *((f"{c}/out", f"c{c}", "probe", "plain", 1, 0.25, 0.0) for c in range(n)),
            *(
                (f"{c}/h{k}", f"c{c}", "harmless", "plain", 1, 1.0, 0.01 * k)
                for c in range(n)
                for k in range(4)
            ),
        ],
        columns=["id", "content", "role", "ladder", "n", "area", "delta"],
    )
    table = table.assign(visible="", type="jpeg", severity=3.0)
    named = {f"{c}/{name}": shares[name] for c in range(n) for name in shares}
    measures = {(m.metric, m.subset): m for m in rows(table, named, 0)}
    assert measures["in_view", "area=1/4"].value == 0.5
    assert measures["detected_in_view", "area=1/4"].value == 1
    assert measures["detected_in_view", "area=1/4"].n_scored == n
