"""The rule against its table, written out pair by pair in plain Python."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from baselines.slide_iqa.config import Relation, SlideConfig
from baselines.slide_iqa.records import Records
from baselines.slide_iqa.relations import EXCLUDED, NEGATIVE, POSITIVE, relations, shares

RELATIONS = get_args(Relation)
CONFIG = SlideConfig()
TYPES = 3
# Values about the thresholds, so that every clause is met often.
COVERAGES = (0.0, 0.0, 0.0, 0.01, 0.031, 0.06, 0.08, 0.14, 0.16, 0.2, 0.4, 1.0)
thresholds = st.builds(
    lambda tau_p, more, **other: replace(
        CONFIG, positive_gap=tau_p, negative_gap=tau_p + more, **other
    ),
    st.floats(0, 2),
    st.floats(0, 2),
    least_coverage=st.floats(0.005, 0.2),
    unshared_coverage=st.floats(0, 1),
    positive_severity=st.sampled_from([0.0, 1.0]),
    negative_severity=st.sampled_from([1.0, 2.0, 3.0]),
)
configs = st.one_of(st.just(CONFIG), thresholds)


@st.composite
def records(draw: st.DrawFn) -> Records:
    size = (draw(st.integers(1, 8)), TYPES)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    # Some at the listed values, so that gaps of nothing occur, and some beside them.
    beside = rng.choice([1, 1, 0.7, 1.1], size) if draw(st.booleans()) else 1
    coverage = np.minimum(rng.choice(COVERAGES, size) * beside, 1)
    severity = rng.integers(1, draw(st.integers(2, 6)), size) * (coverage > 0)
    arrays = (coverage, severity, rng.integers(0, 4, size[0]), rng.random(size))
    return Records(*(torch.from_numpy(a if a.ndim == 1 else a.astype("f4")) for a in arrays))


def slow(records: Records, config: SlideConfig, i: int, j: int) -> int:
    """The class of two views, as the spec has it, with sets and loops."""
    if i == j:
        return 0
    a_i, a_j = records.coverage[i].tolist(), records.coverage[j].tolist()
    l_i, l_j = records.severity[i].tolist(), records.severity[j].tolist()
    least = config.least_coverage
    T_i = {t for t in range(TYPES) if a_i[t] >= least}
    T_j = {t for t in range(TYPES) if a_j[t] >= least}
    shared, union = T_i & T_j, T_i | T_j
    clean = max(a_i) == 0 and max(a_j) == 0
    J = len(shared) / len(union) if union else float(clean)

    def d(t: int) -> float:
        if config.relation == "overlap" and records.images[i] == records.images[j]:
            iou = min(records.overlap[i, t].item(), records.overlap[j, t].item())
            gap = -math.log2(max(iou, least))
        else:
            gap = abs(math.log2(max(a_i[t], least) / max(a_j[t], least)))
        for threshold in (config.positive_gap, config.negative_gap):
            assume(abs(gap - threshold) > 1e-4)  # where rounding decides
        return gap

    delta = max(map(d, union), default=0)
    delta_s = max(map(d, shared), default=0)
    severities = max((abs(l_i[t] - l_j[t]) for t in shared), default=0)
    positive = J == 1 and delta <= config.positive_gap and severities <= config.positive_severity
    sliver = 0 < max(a_i) < least or 0 < max(a_j) < least
    near = J == 1 and delta < config.negative_gap and severities < config.negative_severity
    mixed = (
        0 < J < 1
        and delta_s <= config.positive_gap
        and all(max(a_i[t], a_j[t]) <= config.unshared_coverage for t in union - shared)
    )
    any_in_common = any(a_i[t] > 0 and a_j[t] > 0 for t in range(TYPES))
    excluded = {
        "exclusion": near or mixed or sliver,
        "overlap": near or mixed or sliver,
        "type-only": J == 1 or mixed or sliver,
        "coverage-only": sliver,
        "none-positive": False,
        "none-negative": False,
    }[config.relation]
    if config.relation == "none-positive" and (near or mixed or sliver) and any_in_common:
        positive = True
    return 1 if positive else 0 if excluded else -1


@settings(deadline=None, max_examples=150)
@given(records(), configs, st.sampled_from(RELATIONS))
def test_every_pair_is_as_the_table_has_it(records, config, relation) -> None:
    config = replace(config, relation=relation)
    for tau in (config.least_coverage, config.unshared_coverage):
        assume((records.coverage - tau).abs().min() > 1e-5)
    views = range(len(records.images))
    wanted = [[slow(records, config, i, j) for j in views] for i in views]
    found = relations(records, config)
    assert found.dtype == torch.int8
    assert found.tolist() == wanted


@settings(deadline=None, max_examples=60)
@given(records(), configs, st.sampled_from(RELATIONS))
def test_symmetric_with_one_class_for_each_pair(records, config, relation) -> None:
    found = relations(records, replace(config, relation=relation))
    assert torch.equal(found, found.mT)
    assert (found.diagonal() == EXCLUDED).all()
    assert set(found.flatten().tolist()) <= {NEGATIVE, EXCLUDED, POSITIVE}
    if len(found) > 1:
        assert sum(shares(found).values()) == pytest.approx(1)
    if relation.startswith("none"):
        off = ~torch.eye(len(found), dtype=torch.bool)
        assert not (found[off] == EXCLUDED).any()


@settings(deadline=None, max_examples=40)
@given(records(), configs)
def test_presets_differ_only_in_the_pairs_they_speak_of(records, config) -> None:
    found = {name: relations(records, replace(config, relation=name)) for name in RELATIONS}
    rule = found["exclusion"]
    # Whatever is done with ambiguous pairs, the others stay as they are.
    for name in ("none-positive", "none-negative"):
        assert torch.equal(found[name][rule != EXCLUDED], rule[rule != EXCLUDED])
    for name in ("type-only", "coverage-only"):
        assert torch.equal(found[name] == POSITIVE, rule == POSITIVE)
    assert ((rule == EXCLUDED) <= (found["type-only"] == EXCLUDED)).all()
    assert ((found["coverage-only"] == EXCLUDED) <= (rule == EXCLUDED)).all()


def view(**damage: tuple[float, float]) -> tuple[list[float], list[float]]:
    return (
        [damage.get(name, (0.0, 0.0))[0] for name in "abc"],
        [damage.get(name, (0.0, 0.0))[1] for name in "abc"],
    )


def of(*views: tuple[list[float], list[float]]) -> Records:
    coverage, severity = (torch.tensor(column) for column in zip(*views, strict=True))
    return Records(coverage, severity, torch.arange(len(views)), torch.zeros_like(coverage))


@pytest.mark.parametrize(
    ("one", "other", "wanted"),
    [
        (view(a=(0.2, 3)), view(a=(0.25, 3)), POSITIVE),
        (view(a=(0.2, 3)), view(a=(0.25, 4)), EXCLUDED),  # near in severity
        (view(a=(0.2, 3)), view(a=(0.25, 5)), NEGATIVE),  # another severity
        (view(a=(0.1, 3)), view(a=(0.2, 3)), EXCLUDED),  # near in extent
        (view(a=(0.05, 3)), view(a=(1.0, 3)), NEGATIVE),  # another extent
        (view(a=(0.2, 3)), view(b=(0.2, 3)), NEGATIVE),  # another type
        (view(a=(0.2, 3), b=(0.1, 3)), view(a=(0.2, 3)), EXCLUDED),  # nearly the same
        (view(a=(0.2, 3), b=(0.4, 3)), view(a=(0.2, 3)), NEGATIVE),
        (view(), view(), POSITIVE),
        (view(), view(a=(0.2, 3)), NEGATIVE),
        (view(a=(0.02, 3)), view(), EXCLUDED),  # a sliver, and with everything
        (view(a=(0.02, 3)), view(a=(0.02, 3)), EXCLUDED),
        (view(a=(0.02, 3)), view(b=(1.0, 3)), EXCLUDED),
    ],
)
def test_by_example(one, other, wanted: int) -> None:
    assert relations(of(one, other), CONFIG)[0, 1] == wanted


def test_overlap_is_that_of_two_crops_of_one_image() -> None:
    both = of(view(a=(0.2, 3)), view(a=(0.2, 3)))
    config = replace(CONFIG, relation="overlap")
    assert relations(both, config)[0, 1] == POSITIVE  # two images: by extent
    for overlap, wanted in ((0.8, POSITIVE), (0.5, EXCLUDED), (0.2, NEGATIVE)):
        crops = replace(
            both, images=torch.zeros(2, dtype=torch.long), overlap=torch.full((2, 3), overlap)
        )
        assert relations(crops, config)[0, 1] == wanted
        assert relations(crops, CONFIG)[0, 1] == POSITIVE


def test_shares_leave_the_diagonal_out() -> None:
    found = relations(of(view(), view(), view(a=(1.0, 3))), CONFIG)
    assert shares(found) == pytest.approx({"positive": 1 / 3, "excluded": 0, "negative": 2 / 3})
