"""Controls, on models whose answer is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from probes.measures.controls import control_shares, negative_controls

BAND = 0.01  # of the image, at any area of the mask
AREAS = (1 / 16, 1 / 4)
Model = Callable[[str, float, float], float]  # what it is, damaged part, edge's part → Δ


def observed_of(model: Model, n_contents: int = 24, types: str = "blur noise") -> pd.DataFrame:
    """Filled masks, full frames and the three controls of each."""
    rows = []
    for c in range(n_contents):
        for kind in types.split():
            key, scale = f"c{c:02}/{kind}", (1 + c % 3) * len(kind)
            cells: list[tuple[str, str | None, float, float, float, str | None]] = [
                (f"{key}/1", None, 1.0, 1.0, 0.0, None)
            ]
            for area in AREAS:
                name = f"{key}/{area}"
                cells += [
                    (name, None, area, area, BAND, None),
                    (f"{name}/band", "band", area, BAND, BAND, name),
                    (f"{name}/complement", "complement", area, 1 - area, BAND, name),
                    (f"{name}/two-draws", "two-draws", area, 1.0, BAND, f"{key}/1"),
                ]
            rows += [
                {
                    "id": name,
                    "content": f"c{c:02}",
                    "role": "control" if control else "probe",
                    "ladder": "plain",
                    "control": control,
                    "type": f"{kind}+{kind}" if control == "two-draws" else kind,
                    "n": 2 if control == "two-draws" else 1,
                    "severity": 3.0,
                    "area": area,
                    "partner": partner,
                    "delta": scale * model(control or "filled", damaged, edge),
                }
                for name, control, area, damaged, edge, partner in cells
            ]
    return pd.DataFrame(rows)


def values(table: pd.DataFrame) -> dict[tuple[str, float], float]:
    return {(row["control"], row["area"]): row["value"] for _, row in table.iterrows()}


def test_an_area_proportional_model_reads_damage_and_no_seam() -> None:
    table = control_shares(observed_of(lambda what, damaged, edge: damaged), 0, by=("area",))
    assert values(table) == pytest.approx(
        {
            ("band", 1 / 16): BAND * 16,
            ("band", 1 / 4): BAND * 4,
            ("complement", 1 / 16): 1,
            ("complement", 1 / 4): 1,
            ("two-draws", 1 / 16): 0,
            ("two-draws", 1 / 4): 0,
        }
    )
    assert table["reason"].isna().all()
    assert (table["n_contents"] == 24).all()


def test_a_model_of_seams_is_found_out() -> None:
    table = control_shares(observed_of(lambda what, damaged, edge: edge + 0.01 * damaged), 0)
    found = table.set_index("control")
    assert found["value"]["band"] > 0.8
    assert found["value"]["complement"] < 0  # the full frame, without a seam, scores better
    assert "is negative" in found["reason"]["complement"]
    assert found["value"]["two-draws"] == pytest.approx(BAND / 0.01)


def test_a_model_of_the_worst_part_counts_the_rest_twice() -> None:
    observed = observed_of(lambda what, damaged, edge: min(1.0, 2 * damaged))
    table = control_shares(observed, 0, by=("area",))
    assert values(table)["complement", 1 / 4] == pytest.approx(1 / (1 - 0.5))


def test_a_model_that_sees_nothing_has_no_share() -> None:
    table = control_shares(observed_of(lambda what, damaged, edge: 0.0), 0)
    assert table["value"].isna().all()
    assert table["reason"].tolist() == [
        "the drop of the filled mask cannot be told from 0",
        "the drop of the full frame beyond the filled mask's cannot be told from 0",
        "the drop of the full frame cannot be told from 0",
    ]


def test_a_share_is_of_sums_over_contents_by_type() -> None:
    generator = np.random.default_rng(0)
    observed = observed_of(lambda what, damaged, edge: damaged + generator.normal(0, 0.01))
    table = control_shares(observed, 0, by=("type",)).set_index(["control", "type"])
    drop = observed.set_index("id")["delta"]
    for kind in ("blur", "noise"):
        names = [f"c{c:02}/{kind}/{area}" for c in range(24) for area in AREAS]
        band = sum(drop[f"{name}/band"] for name in names)
        assert table["value"]["band", kind] == pytest.approx(band / sum(drop[n] for n in names))
        full = {name: drop[f"{name.rsplit('/', 1)[0]}/1"] for name in names}
        gap = sum(abs(drop[f"{name}/two-draws"] - full[name]) for name in names)
        assert table["value"]["two-draws", kind] == pytest.approx(gap / sum(full.values()))
        rest = sum(drop[f"{name}/complement"] for name in names)
        beyond = sum(full[name] - drop[name] for name in names)
        assert table["value"]["complement", kind] == pytest.approx(rest / beyond)
    assert (table["low"] < table["value"]).all()
    assert (table["value"] < table["high"]).all()


def test_a_share_of_absolute_values_has_no_interval_below_zero() -> None:
    generator = np.random.default_rng(1)

    def rare(what: str, damaged: float, edge: float) -> float:
        return damaged + (what == "two-draws") * generator.exponential() ** 4 / 50

    observed = observed_of(rare, n_contents=5)
    for sign in (1, -1):  # of what scores damage better, the share is negative
        found = control_shares(observed.assign(delta=sign * observed["delta"]), 0)
        row = found.set_index("control").loc["two-draws"]
        assert (row["value"] * sign, row["low"] * sign, row["high"] * sign) > (0, -1e-12, -1e-12)
        assert 0 in (row["low"], row["high"])


def test_a_control_whose_partner_failed_is_not_scored() -> None:
    observed = observed_of(lambda what, damaged, edge: damaged)
    failed = (observed["content"] == "c00") & (observed["role"] == "probe") & (observed["area"] < 1)
    table = control_shares(observed.assign(delta=observed["delta"].mask(failed)), 0)
    found = table.set_index("control")
    assert found["n"].to_dict() == {"band": 92, "complement": 92, "two-draws": 96}
    assert (found["n_expected"] == 96).all()
    absent = control_shares(observed[~failed], 0).set_index("control")
    assert absent["n"].to_dict() == found["n"].to_dict()
    assert absent["value"].to_dict() == pytest.approx(found["value"].to_dict())


def test_no_controls_no_shares() -> None:
    observed = observed_of(lambda what, damaged, edge: damaged)
    table = control_shares(observed[observed["role"] == "probe"], 0)
    assert table["control"].tolist() == ["band", "complement", "two-draws"]
    assert table["reason"].tolist() == ["no sample"] * 3


def test_negative_controls_are_probes_that_nobody_sees_and_that_some_pixel_tells() -> None:
    cells = [
        ("hidden", "probe", "no", "yes"),
        ("untold", "probe", "no", ""),
        ("same", "probe", "no", "no"),
        ("shown", "probe", "yes", "yes"),
        ("band", "control", "no", "yes"),
    ]
    observed = pd.DataFrame(cells, columns=["id", "role", "visible", "changed"])
    assert negative_controls(observed)["id"].tolist() == ["hidden", "untold"]
