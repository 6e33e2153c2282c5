"""Plans: every main effect estimable, levels even, budgets kept, companions beside their base."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from probes.design import DESIGN
from probes.plans import Ladder, main_effects, plan

FACTORS = ("type", "content", "severity", "shape", "placement", "feather")
CONTENTS = tuple(f"photo {i}" for i in range(8))


@pytest.fixture(scope="module")
def ladders() -> tuple[Ladder, ...]:
    return plan(DESIGN, CONTENTS, 5000)


def _cost(ladders: tuple[Ladder, ...]) -> int:
    return sum(len(ladder.areas(DESIGN)) for ladder in ladders)


def _alone(ladders: tuple[Ladder, ...]) -> list[Ladder]:
    return [ladder for ladder in ladders if ladder.alone]


@settings(max_examples=8, deadline=None)
@given(n=st.integers(1, 40), budget=st.integers(2400, 7000), seed=st.integers(0, 2**32))
@example(n=16, budget=2962, seed=0)  # 5 of 16 contents a type: groups that never met
def test_any_plan_keeps_its_budget_is_balanced_and_estimable(
    n: int, budget: int, seed: int
) -> None:
    contents = [f"c{i}" for i in range(n)]
    ladders = plan(DESIGN, contents, budget, seed)
    assert budget - 14 < _cost(ladders) <= budget
    assert len(set(ladders)) == len(ladders)
    alone = _alone(ladders)
    for factor in FACTORS:
        counts = Counter(getattr(ladder, factor) for ladder in alone)
        # Masks differ by at most one; each stands for two severities.
        assert max(counts.values()) - min(counts.values()) <= 2, factor
    expected = 30 + n + 5 + 5 + 5 + 2 + 3 - 6  # levels of seven factors, less one each, and 1
    matrix = main_effects([x for x in ladders if x.kind == "plain" and x.control is None])
    assert matrix.shape[1] == expected
    # Independent of how the plan checks itself: no effect is a combination of the others.
    values = np.linalg.eigvalsh(matrix.T @ matrix)
    assert values[0] > 1e-6 * values[-1]


def test_effects_are_found_back_by_least_squares(ladders: tuple[Ladder, ...]) -> None:
    matrix = main_effects([x for x in ladders if x.kind == "plain" and x.control is None])
    truth = np.random.default_rng(0).normal(size=matrix.shape[1])
    found = np.linalg.lstsq(matrix, matrix @ truth, rcond=None)[0]
    np.testing.assert_allclose(found, truth, atol=1e-9)


def test_types_meet_all_areas_and_as_many_contents_as_they_can(
    ladders: tuple[Ladder, ...],
) -> None:
    pairs = {(x.type, area) for x in _alone(ladders) for area in x.areas(DESIGN)}
    assert len(pairs) == 30 * 7
    for contents in (CONTENTS, tuple(f"c{i}" for i in range(20))):
        alone = _alone(plan(DESIGN, contents, 5000))
        for type in DESIGN.types:
            masks = {(x.content, x.mask) for x in alone if x.type == type}
            assert len({content for content, _ in masks}) == min(len(contents), len(masks))


def test_two_severities_share_each_mask(ladders: tuple[Ladder, ...]) -> None:
    masks = Counter((x.content, x.type, x.mask, x.shape, x.placement) for x in _alone(ladders))
    assert set(masks.values()) == {2}
    pairs = Counter(
        (x.severity, y.severity)
        for x, y in zip(_alone(ladders)[::2], _alone(ladders)[1::2], strict=True)
    )
    assert len(pairs) == 10
    assert max(pairs.values()) - min(pairs.values()) <= 1


def test_pairs_of_levels_spread(ladders: tuple[Ladder, ...]) -> None:
    alone = _alone(ladders)
    for one, other in (("shape", "placement"), ("severity", "shape"), ("content", "placement")):
        cells = Counter((getattr(x, one), getattr(x, other)) for x in alone)
        expected = len(alone) / len(cells)
        assert len(cells) == len({k[0] for k in cells}) * len({k[1] for k in cells})
        assert all(0.5 * expected <= n <= 1.5 * expected for n in cells.values()), one


def test_controls_and_other_damages_stand_beside_a_plain_ladder(
    ladders: tuple[Ladder, ...],
) -> None:
    alone = set(_alone(ladders))
    beside = [x for x in ladders if x.others or x.control]
    assert all(replace(x, others=(), control=None) in alone for x in beside)
    assert all(x.areas(DESIGN) == DESIGN.placed_areas for x in beside)
    assert all(x.type not in x.others and len({*x.others}) == len(x.others) for x in beside)
    assert all(x.type in DESIGN.drawn_types for x in beside if x.control == "two-draws")
    found = Counter(x.control or 1 + len(x.others) for x in beside)
    assert found == {"band": 40, "complement": 20, "two-draws": 20, 2: 30, 3: 30}
    bands = Counter(x.type for x in beside if x.control == "band")
    assert len(bands) == 30  # every type
    others = Counter(type for x in beside for type in x.others)
    assert max(others.values()) - min(others.values()) <= 1


def test_a_plan_is_fixed_by_its_seed(ladders: tuple[Ladder, ...]) -> None:
    assert plan(DESIGN, CONTENTS, 5000, 0) == ladders
    assert plan(DESIGN, CONTENTS, 5000, 1) != ladders


@pytest.mark.parametrize("n", [1, 8, 32])
def test_a_budget_too_small_names_the_least(n: int) -> None:
    contents = [f"c{i}" for i in range(n)]
    with pytest.raises(ValueError, match="give at least") as error:
        plan(DESIGN, contents, 100)
    least = int(str(error.value).split()[-1])
    for budget in (least, *range(least + 1, least + 400, 37)):
        assert _cost(plan(DESIGN, contents, budget)) <= budget
    with pytest.raises(ValueError, match=f"give at least {least}"):
        plan(DESIGN, contents, least - 1)


def test_what_makes_no_plan_is_refused() -> None:
    with pytest.raises(ValueError, match="different names"):
        plan(DESIGN, (), 5000)
    with pytest.raises(ValueError, match="different names"):
        plan(DESIGN, ("a", "a"), 5000)
    with pytest.raises(ValueError, match="whole number"):
        plan(DESIGN, ("a",), "many")  # type: ignore[arg-type]


def test_factors_that_a_design_leaves_out_need_no_budget() -> None:
    design = replace(DESIGN, numbers=(1,), co_occurrence=0.0, two_draws=0.0)
    ladders = plan(design, CONTENTS, 3000)
    assert not any(x.others or x.control == "two-draws" for x in ladders)
