"""Co-occurring damages, on models whose answer is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from probes.measures.cooccurrence import cooccurrence

AREAS = (1 / 16, 1 / 4)
Model = Callable[[list[float]], float]  # areas of the damages → Δ


def probes(model: Model, n_contents: int = 24) -> pd.DataFrame:
    """One, two and three damages of equal area; SD of the scores is 2."""
    rows = []
    for c in range(n_contents):
        for area in AREAS:
            for n in (1, 2, 3):
                delta = (1 + c % 4) * model([area] * n)
                rows.append(
                    {
                        "content": f"c{c:02}",
                        "role": "probe",
                        "ladder": "plain",
                        "type": "+".join(["blur", "jpeg", "noise"][:n]),
                        "n": n,
                        "severity": 3.0,
                        "area": area,
                        "first": f"c{c:02}/blur/3/{area}",
                        "delta": delta,
                        "response": delta / 2,
                    }
                )
    return pd.DataFrame(rows)


def values(table: pd.DataFrame, metric: str) -> dict[tuple[int, float], float]:
    part = table[table["metric"] == metric]
    return dict(zip(zip(part["damages"], part["area"], strict=True), part["value"], strict=True))


def test_a_model_that_adds_damages_up() -> None:
    table = cooccurrence(probes(sum), 0)
    scale = np.mean([1 + c % 4 for c in range(24)]) / 2
    expected = {(n, a): (n - 1) * a * scale for n in (2, 3) for a in AREAS}
    assert values(table, "marginal") == pytest.approx(expected)
    assert set(values(table, "lower").values()) == {1}
    assert (table["n_contents"] == 24).all()
    marginal = table[table["metric"] == "marginal"]
    assert ((marginal["low"] < marginal["value"]) & (marginal["value"] < marginal["high"])).all()


def test_a_model_of_the_worst_damage_sees_no_second() -> None:
    table = cooccurrence(probes(max), 0)
    assert set(values(table, "marginal").values()) == {0}
    assert set(values(table, "lower").values()) == {0.5}  # ties


def test_a_model_that_is_pleased_by_the_second() -> None:
    table = cooccurrence(probes(lambda areas: areas[0] - sum(areas[1:])), 0)
    assert max(values(table, "marginal").values()) < 0
    assert set(values(table, "lower").values()) == {0}


def test_all_in_one_row() -> None:
    table = cooccurrence(probes(sum), 0, by=())
    assert table["metric"].tolist() == ["marginal", "lower"]
    assert (table["n"] == 24 * len(AREAS) * 2).all()


def test_a_random_model_is_at_one_half() -> None:
    generator = np.random.default_rng(0)
    table = cooccurrence(probes(lambda areas: generator.normal(), n_contents=60), 0, by=())
    low, high = table[table["metric"] == "lower"][["low", "high"]].iloc[0]
    assert low < 0.5 < high
    low, high = table[table["metric"] == "marginal"][["low", "high"]].iloc[0]
    assert low < 0 < high


def test_who_names_no_partner_is_not_expected_and_whose_is_lost_is_not_scored() -> None:
    observed = probes(sum).assign(visible="yes")
    first = observed["content"] == "c00"
    lacking = observed[~(first & (observed["n"] == 1))]
    nameless = lacking.assign(first=lacking["first"].mask(lacking["content"] == "c01"))
    failed = nameless["content"] == "c02"
    hidden = (nameless["content"] == "c03") & (nameless["n"] == 1)
    table = cooccurrence(
        nameless.assign(
            visible=nameless["visible"].mask(hidden, "no"),
            delta=nameless["delta"].mask(failed),
            response=nameless["response"].mask(failed),
        ),
        0,
        by=(),
    )
    assert (table["n_expected"] == 23 * 4).all()
    assert (table["n"] == 21 * 4).all()  # of c00 and c02 none; c03 counts, though hidden alone
    assert (table["n_contents"] == 21).all()


def test_other_ladders_and_controls_do_not_enter_and_a_partner_is_one_image() -> None:
    observed = probes(sum)
    others = [observed.assign(role="control"), observed.assign(ladder="equal-damage")]
    table = cooccurrence(pd.concat([observed, *others], ignore_index=True), 0)
    pd.testing.assert_frame_equal(table, cooccurrence(observed, 0))
    with pytest.raises(ValueError, match=r"c00/blur/3/0\.0625"):
        cooccurrence(pd.concat([observed, observed], ignore_index=True), 0)


def test_without_further_damages_there_is_nothing() -> None:
    observed = probes(sum)
    single = observed[observed["n"] == 1]
    assert cooccurrence(single, 0).empty
    assert cooccurrence(single, 0, by=())["reason"].tolist() == ["no sample", "no sample"]
