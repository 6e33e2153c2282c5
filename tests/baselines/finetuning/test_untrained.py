"""Students as they are before any fit: of the published size, and made without weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from baselines.shdiqa import adapter as shdiqa
from harness.cost import cost
from harness.model import operations
from harness.papers import read_paper
from harness.papers.plan import make_plan, select
from harness.registry import load_model
from harness.requirements import Sources

DEIT = "finetune:timm-deit3_small_patch16_224.fb_in1k"
PUBLISHED = next(c.published for c in read_paper("shdiqa-table5").cells if c.method == "SHDIQA")


@pytest.fixture(autouse=True)
def no_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))


@pytest.mark.parametrize("name", ["shdiqa", DEIT])
def test_its_cost_is_within_a_percent_of_the_published_one(name: str) -> None:
    model = load_model(name, untrained=True)
    assert operations(model) == {"score"}
    assert model.card.control  # shown, never ranked
    assert model.card.options["untrained"] is True
    (found,) = cost(model, [(224, 224)], [1], "cpu", seconds=0)
    assert found.counts is not None
    assert found.counts.parameters == pytest.approx(PUBLISHED["parameters"], rel=0.01)
    assert found.counts.macs_modules == pytest.approx(PUBLISHED["macs_modules"], rel=0.01)
    assert found.reason == "the network as it is before any fit"


def test_the_published_table_can_be_measured_without_weights() -> None:
    paper = read_paper("shdiqa-table5")
    plan = make_plan(paper, select(paper, ["SHDIQA"]), Sources())
    (cell,) = plan.cells
    assert not plan.missing(cell)


def test_it_is_the_same_each_time_and_costs_what_a_fitted_one_does() -> None:
    drawn, again = (shdiqa.load(preset="tiny", untrained=True) for _ in range(2))
    fittable = shdiqa.load(preset="tiny")
    student = fittable.objective.student(fittable.objective.build())
    assert drawn.student.config == student.config
    for name, tensor in drawn.student.state_dict().items():
        assert torch.equal(tensor, again.student.state_dict()[name])
