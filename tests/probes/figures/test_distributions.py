"""Distributions: which images count, and their quantiles against NumPy's."""

from __future__ import annotations

import numpy as np
import pytest

from harness.images import Failure
from harness.model import ModelCard
from harness.sample import Damage, Dataset, Sample
from harness.store import Output
from probes.figures.distributions import QUANTILES, distributions, quantiles, scores
from probes.figures.outputs import Answer

AREAS = (1.0, 1 / 64, 1 / 4)
TYPES = ("jpeg", "darken")


class Nothing:
    def fingerprint(self) -> str:
        return "nothing"

    def load(self, policy: object) -> Failure:
        return Failure("nothing to see")

    def alpha(self) -> None:
        return None


class Model:
    def __init__(self, name: str) -> None:
        self.card = ModelCard(name, "1", "FR")


def sample(name: str, damage: Damage, **facts: str) -> Sample:
    return Sample(name, Nothing(), "c", damages=(damage,), reference="c", facts=(*facts.items(),))


def probes() -> Dataset:
    """40 plain probes a type and area, and what must not count among them."""
    plain = [
        sample(f"{type}/{k}/{area}", Damage(type, 3, area_asked=area))
        for area in AREAS
        for type in TYPES
        for k in range(40)
    ]
    other = [
        sample("equal", Damage("jpeg", 3, area_asked=1 / 4), ladder="equal-energy"),
        sample("band", Damage("jpeg", 3, area_asked=1 / 4), role="control", control="band"),
        sample("hidden", Damage("jpeg", 3, area_asked=1 / 4), visible="no"),
    ]
    harmless = [
        sample(f"harmless/{k}", Damage("dither", None), role="harmless", harmless="dither")
        for k in range(5)
    ]
    return Dataset("set", (*plain, *other, *harmless), (Sample("c", Nothing(), "c"),))


def answer(dataset: Dataset, name: str = "pyiqa:psnr", failed: tuple[str, ...] = ()) -> Answer:
    ids = tuple(s.id for s in dataset.samples if s.id not in failed)
    values = np.random.default_rng(0).normal(30, 5, len(ids))
    output = Output(ids, values, dict.fromkeys(failed, "failed"))
    return Answer(name, Model(name), "score_pair", output)


def test_only_plain_probes_count_by_rising_area_after_harmless_changes() -> None:
    dataset = probes()
    table = scores(dataset, answer(dataset, failed=("jpeg/0/0.25",)))
    assert list(dict.fromkeys(table["area"])) == ["harmless", "1/64", "1/4", "1"]
    assert table.groupby("area").size().to_dict() == {
        "harmless": 5,
        "1/64": 80,
        "1/4": 79,
        "1": 80,
    }


def test_quantiles_are_those_of_numpy() -> None:
    dataset = probes()
    given = answer(dataset)
    table = quantiles(dataset, [given]).set_index(["area", "type"])
    assert set(table["unit"]) == {"dB"}
    assert len(table) == 3 * 3 + 2  # areas × (all and two types), harmless changes
    for area, type in ((1 / 64, "darken"), (1.0, "jpeg"), (1 / 4, "all")):
        ids = [
            s.id
            for s in dataset.samples
            if s.damages[0].area_asked == area
            and not s.facts
            and type in ("all", s.damages[0].type)
        ]
        row = table.loc[({1 / 64: "1/64", 1.0: "1", 1 / 4: "1/4"}[area], type)]
        assert row["n"] == len(ids)
        wanted = np.quantile(given.output.at(ids), list(QUANTILES.values()))
        np.testing.assert_allclose(row[list(QUANTILES)].astype(float), wanted, rtol=1e-12)


def test_the_picture_names_units_and_what_is_missing_and_is_the_same_every_time() -> None:
    dataset = probes()
    both = [answer(dataset), answer(dataset, "pyiqa:ssim")]
    first, second = (distributions(dataset, both, ["pyiqa:lpips"]) for _ in range(2))
    assert (first.svg, first.png, first.caption) == (second.svg, second.png, second.caption)
    assert "Not here: pyiqa:lpips." in first.caption
    assert "harmless" in first.caption
    assert first.name == "distributions.set"
    plain = Dataset("plain", tuple(s for s in dataset.samples if not s.facts), dataset.references)
    assert "harmless" not in distributions(plain, [answer(plain)], []).caption


def test_one_value_everywhere_can_be_drawn_and_nothing_cannot() -> None:
    dataset = probes()
    flat = answer(dataset)
    flat.output.values[:] = 1
    assert distributions(dataset, [flat], []).png.startswith(b"\x89PNG")
    none = Dataset("none", (), dataset.references)
    with pytest.raises(ValueError, match="dataset none has no plain probes with a score"):
        distributions(none, [answer(none)], [])
