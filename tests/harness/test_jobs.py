"""Whatever cannot be used becomes rows with the reason, and costs nobody else anything."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harness import load_model
from harness.model import Family, TrainedOn, Unavailable
from harness.protocols.base import Measure, Need, Protocol, Skip
from harness.records import read_records
from harness.sample import Dataset, Sample
from tests.conftest import Sharpness, card
from tests.harness.conftest import MEAN, rows_of


def test_what_cannot_be_used_costs_its_own_rows(go, register, tiny, tmp_path):
    def absent(**options: object) -> None:
        raise Unavailable("the weights of absent are not here", "iqa-eval fetch absent")

    def broken(**options: object) -> None:
        raise RuntimeError("no\nsuch luck")

    register("models", "absent", absent)
    register("models", "broken", broken)
    register("models", "family", Family(lambda name: Sharpness(name), "many", ("one",)))
    register("models", "sharpness", Sharpness)
    register("datasets", "tiny", lambda: tiny)
    register("datasets", "broken", broken)
    models = ["absent", "broken", "sharpnes", "family:two", {"name": "sharpness", "size": 3}]
    frame = go(models, ["tiny", "tinny", "broken", str(tmp_path / "no.csv")], ["mean", "man"])

    def reasons(**where: str) -> set[str]:
        return set(rows_of(frame, **where)["reason"].fillna("none"))

    assert reasons(model="absent") == {
        "the weights of absent are not here; to get it: iqa-eval fetch absent"
    }
    (luck,) = reasons(model="broken")
    assert luck.endswith("RuntimeError: no such luck")
    (unknown,) = reasons(model="sharpnes")
    assert unknown.startswith("unknown model 'sharpnes'; did you mean sharpness")
    (bad,) = reasons(model="sharpness")
    assert bad == "sharpness has no option 'size'; options: name"
    good = rows_of(frame, model="two")
    assert set(rows_of(good, dataset="tiny", protocol="mean")["reason"].fillna("none")) == {"none"}
    (tinny,) = set(rows_of(good, dataset="tinny")["reason"])
    assert tinny.startswith("unknown dataset 'tinny'; did you mean tiny")
    (protocol,) = set(rows_of(good, dataset="tiny", protocol="man")["reason"])
    assert protocol.startswith("unknown protocol 'man'; did you mean mean")
    (table,) = set(rows_of(good, dataset=str(tmp_path / "no.csv"))["reason"])
    assert table.endswith("no.csv: no such table")
    # A row for every combination, none of it "not applicable": something is wrong with each.
    combinations = frame.groupby(["model", "dataset", "protocol"]).size()
    assert len(combinations) == 5 * 4 * 2
    assert not any("not applicable" in marks for marks in frame["marks"])


def test_options_reach_the_model_its_rows_and_its_path(go, register, tiny, tmp_path):
    class Scaled(Sharpness):
        def __init__(self, factor: float = 1.0) -> None:
            super().__init__("scaled", options=None)
            self.factor = factor

        def score(self, images: Sequence[torch.Tensor]) -> torch.Tensor:
            return self.factor * super().score(images)

    register("models", "scaled", Scaled)
    specs = ["scaled", {"name": "scaled", "factor": 2.0}, load_model("scaled", factor=4.0)]
    frame = go(specs, [tiny], out=tmp_path / "out")
    values = dict(rows_of(frame, subset="all")[["options", "value"]].itertuples(index=False))
    assert values['{"factor":2.0}'] == pytest.approx(2 * values["{}"])
    assert values['{"factor":4.0}'] == pytest.approx(4 * values["{}"])
    assert len(list((tmp_path / "out" / "records").glob("scaled*/tiny/mean.json"))) == 3


def test_a_path_is_an_option_like_any_other(go, register, tiny):
    class Weighted(Sharpness):
        def __init__(self, weights: Path) -> None:
            super().__init__("weighted", options=None)

    register("models", "weighted", Weighted)
    frame = go([load_model("weighted", weights=Path("w.safetensors"))], [tiny])
    assert set(frame["options"]) == {'{"weights":"w.safetensors"}'}


def _protocol(register, name, needs=MEAN.needs, evaluate=MEAN.evaluate):
    register("protocols", name, Protocol(name, "1", "", "mean", needs, evaluate))


def test_a_protocol_that_breaks_is_a_row_with_the_reason(go, register, tiny):
    def broken(*_: object) -> Any:
        raise ZeroDivisionError("by\nzero")

    _protocol(register, "no-needs", needs=broken)
    _protocol(register, "no-numbers", evaluate=broken)
    _protocol(register, "nothing", evaluate=lambda inputs: [])
    _protocol(register, "no-measures", evaluate=lambda inputs: [3.0])
    names = ["no-needs", "no-numbers", "nothing", "no-measures", "mean"]
    frame = go([Sharpness()], [tiny], names)
    reasons = {name: set(rows_of(frame, protocol=name)["reason"].fillna("none")) for name in names}
    assert reasons["no-needs"] == {"no-needs failed: ZeroDivisionError: by zero"}
    assert reasons["no-numbers"] == {"no-numbers failed: ZeroDivisionError: by zero"}
    assert reasons["nothing"] == {"nothing failed: ValueError: it measured nothing"}
    (reason,) = reasons["no-measures"]
    assert reason.startswith("no-measures failed: ")
    assert reasons["mean"] == {"none"}


def test_what_is_no_number_has_no_value_and_says_so(go, register, tiny, tmp_path):
    def evaluate(inputs: Any) -> list[Measure]:
        n = np.int64(18)
        return [
            Measure("nan", float("nan"), 18, 18, 0),
            Measure("known", float("nan"), 18, 18, 0, reason="the scores do not vary"),
            Measure("half", np.float32(0.5), n, n, np.int32(0), ci_low=-np.inf, ci_high=np.inf),
        ]

    _protocol(register, "odd", evaluate=evaluate)
    go([Sharpness()], [tiny], ["odd"], out=tmp_path / "out")
    rows = {row.metric: row for row in read_records(tmp_path / "out" / "records")}
    assert (rows["nan"].value, rows["nan"].reason) == (None, "not a number: nan")
    assert (rows["known"].value, rows["known"].reason) == (None, "the scores do not vary")
    assert (rows["half"].value, rows["half"].ci_low, rows["half"].n_scored) == (0.5, None, 18)


def test_a_skip_is_a_row_marked_not_applicable(go, tiny):
    class Encoder:
        card = card("encoder")

        def features(self, images: Sequence[torch.Tensor]) -> torch.Tensor:
            raise AssertionError("nobody needs them")

    (row,) = go([Encoder()], [tiny]).to_dict("records")
    assert (row["value"], row["reason"]) == (None, "gives no scores")
    assert "not applicable" in row["marks"]
    assert (row["n_expected"], row["n_scored"], row["n_failed"]) == (18, 0, 18)


def test_a_head_needs_a_labeled_set(go, register, tiny, tmp_path):
    _protocol(
        register,
        "head",
        needs=lambda offered, data, seed: (
            (Need("score"), Need("score", data.head_dataset)) if data.head_dataset else Skip("none")
        ),
        evaluate=lambda inputs: [
            Measure("n", len(inputs.outputs[Need("score", name)].ids), 1, 1, 0, split=other.name)
            for name, other in inputs.others.items()
        ],
    )
    register("datasets", "head-set", lambda: replace(tiny, name="head-set"))
    datasets = [
        replace(tiny, name="none"),
        replace(tiny, name="with", head_dataset="head-set"),
        replace(tiny, name="wrong", head_dataset="no-such-set"),
    ]
    frame = go([Sharpness()], datasets, ["head"])
    (none,) = rows_of(frame, dataset="none").to_dict("records")
    assert none["reason"] == "none"
    (found,) = rows_of(frame, dataset="with").to_dict("records")
    assert (found["value"], found["split"]) == (24, "head-set")
    (wrong,) = rows_of(frame, dataset="wrong").to_dict("records")
    assert wrong["reason"].startswith("unknown dataset 'no-such-set'")


def test_a_dataset_that_cannot_be_hashed_costs_its_own_rows(go, tiny):
    class Wild:
        def fingerprint(self) -> str:
            raise OSError("the disk is\ngone")

    bad = Dataset("bad", (Sample("a", Wild(), "c"),))
    frame = go([Sharpness()], [bad, tiny])
    assert set(rows_of(frame, dataset="bad")["reason"]) == {"the disk is gone"}
    assert rows_of(frame, dataset="tiny")["value"].notna().all()


def test_a_dataset_without_samples_is_said_to_have_none(go, tiny):
    frame = go([Sharpness()], [Dataset("empty", ()), tiny])
    (reason,) = set(rows_of(frame, dataset="empty")["reason"])
    assert reason == "dataset 'empty' has no samples: look at what it reads, such as its root"
    assert rows_of(frame, dataset="tiny")["value"].notna().all()


def test_a_root_that_is_not_there_is_told_for_every_dataset(go, register, tiny, tmp_path):
    (here := tmp_path / "here").mkdir()
    register("datasets", "plugged", lambda root: replace(tiny, name=f"of {root.name}"))
    gone = tmp_path / "gone"
    frame = go([Sharpness()], [{"name": "plugged", "root": str(root)} for root in (gone, here)])
    (reason,) = set(rows_of(frame, dataset="plugged")["reason"])
    assert reason == "dataset 'plugged': …/gone: no such folder; give that of its images as root"
    assert rows_of(frame, dataset="of here")["value"].notna().all()


def test_two_results_for_one_place_are_refused_before_anything_is_computed(go, tiny):
    model, other = Sharpness(), Sharpness()
    with pytest.raises(ValueError, match=r"two results would be stored as sharpness/tiny/mean"):
        go([model, other], [tiny])
    with pytest.raises(ValueError, match="two results"):
        go([model], [tiny, replace(tiny, samples=tiny.samples[:5])])
    with pytest.raises(ValueError, match="two results"):
        go([model], [tiny], ["mean", "mean"])
    assert (model.seen, other.seen) == (0, 0)


def test_a_model_and_a_dataset_may_share_a_name(go, tiny):
    frame = go([Sharpness("tiny")], [tiny])
    assert frame["value"].notna().all()


def test_marks_say_what_to_know(go, tiny):
    pseudo = replace(tiny, label_kind="pseudo", circular=("sharpness",))
    frame = go([Sharpness(), Sharpness("yardstick", control=True)], [pseudo])
    assert set(rows_of(frame, model="sharpness")["marks"]) == {("circular", "pseudo-labels")}
    assert set(rows_of(frame, model="yardstick")["marks"]) == {("control", "pseudo-labels")}


def test_a_head_of_pseudo_labels_is_marked_wherever_it_scores(go, tiny):
    model, other = Sharpness(), Sharpness("other")
    head = TrainedOn("demo", role="pseudo", component="head")
    model.card = replace(model.card, trained_on=(head,))
    other.card = replace(other.card, trained_on=(replace(head, role="labels"),))
    frame = go([model, other], [tiny])
    assert set(rows_of(frame, model="sharpness")["marks"]) == {("pseudo-labels",)}
    assert set(rows_of(frame, model="other")["marks"]) == {()}


def test_a_model_moves_to_the_device_and_its_cell_says_so(go, tiny, tmp_path):
    class Movable(Sharpness):
        device = "cpu"

        def to(self, device: str) -> None:
            self.device = device

    class Stuck(Sharpness):
        def to(self, device: str) -> None:
            raise RuntimeError("no such device")

    movable = Movable("movable")
    frame = go([movable, Stuck("stuck"), Sharpness()], [tiny], device="meta")
    assert movable.device == "meta"
    assert rows_of(frame, model="movable")["value"].notna().all()
    assert set(rows_of(frame, model="stuck")["reason"]) == {"RuntimeError: no such device"}
    assert rows_of(frame, model="sharpness")["value"].notna().all()
    notes = (tmp_path / "cache" / "cells").glob("*/tiny/*/cell.json")
    devices = {c["model"]: c["device"] for c in (json.loads(n.read_text()) for n in notes)}
    assert devices == {"movable": "meta", "sharpness": "cpu"}


def test_a_protocol_with_options_is_made_with_them_and_says_so(go, register, tiny, tmp_path):
    def repeated(times: int = 1) -> Protocol:
        return replace(MEAN, evaluate=lambda inputs: [Measure("times", times, 1, 1, 0)])

    register("protocols", "repeated", lambda **options: repeated(**options))
    named = ["repeated", {"name": "repeated", "times": 3}, {"name": "repeated", "time": 3}]
    frame = go([Sharpness()], [tiny], named, out=tmp_path)
    assert frame["value"].tolist()[:2] == [1, 3]
    assert frame["protocol_options"].tolist() == ["{}", '{"times":3}', '{"time":3}']
    assert frame["reason"].tolist()[2] == "protocol 'repeated' has no option 'time'"
    assert len(list((tmp_path / "records").glob("*/*/repeated*.json"))) == 3


def test_a_protocol_without_options_refuses_them(go, tiny):
    (row,) = go([Sharpness()], [tiny], [{"name": "mean", "x": 1}]).to_dict("records")
    assert row["reason"] == "protocol 'mean' takes no options, not x"
