from dataclasses import replace

import pytest

from harness.contamination import contamination
from harness.model import TrainedOn
from harness.protocols.base import Measure, Need, Protocol
from tests.conftest import Sharpness, card


def found(tiny, *seen, **changes):
    return contamination(card("m", trained_on=seen), replace(tiny, **changes))


def test_nothing_declared_is_not_nothing_seen(tiny):
    assert contamination(card("m", trained_on=None), tiny) == "unknown"
    assert contamination(card("m", trained_on=()), tiny) == "none"


def test_other_datasets_do_not_count(tiny):
    assert found(tiny, TrainedOn("tinier", role="labels"), TrainedOn("imagenet")) == "none"


@pytest.mark.parametrize(
    ("role", "strength"),
    [("content", "content"), ("images", "images"), ("pseudo", "images"), ("labels", "labels")],
)
def test_each_role(tiny, role, strength):
    assert found(tiny, TrainedOn("TINY", role=role)) == strength


def test_the_strongest_wins(tiny):
    seen = [TrainedOn("tiny", role=role) for role in ("content", "labels", "images")]
    assert found(tiny, *seen) == "labels"
    assert found(tiny, *seen[::2]) == "images"


def test_pseudo_labels_are_the_labels_of_a_set_that_has_no_others(tiny):
    assert found(tiny, TrainedOn("tiny", role="pseudo"), label_kind="pseudo") == "labels"


def test_other_names_of_the_same_images_count(tiny):
    seen = TrainedOn("KonIQ-10k", role="labels")
    assert found(tiny, seen, known_as=("koniq10k",)) == "labels"


def test_images_of_any_dataset_may_have_been_seen(tiny):
    assert found(tiny, TrainedOn("imagenet"), known_as=None) == "unknown"
    assert found(tiny, known_as=None) == "none"


def test_what_a_head_has_seen_does_not_touch_a_number_that_bypasses_it(tiny):
    seen = card(
        "m",
        trained_on=(
            TrainedOn("tiny", role="labels", component="head"),
            TrainedOn("tiny", role="content"),
        ),
    )
    assert contamination(seen, tiny) == "labels"
    assert contamination(seen, tiny, head=False) == "content"
    only_head = replace(seen, trained_on=seen.trained_on[:1])
    assert contamination(only_head, tiny, head=False) == "none"
    assert contamination(only_head, replace(tiny, known_as=None)) == "unknown"
    assert contamination(only_head, replace(tiny, known_as=None), head=False) == "none"


def test_rows_from_features_alone_are_free_of_the_heads_labels(go, register, tiny):
    def needs(operation):
        protocol = Protocol(
            f"of-{operation}",
            "1",
            "",
            "mean",
            lambda offered, dataset, seed: (Need(operation),),
            lambda inputs: [Measure("mean", 1.0, 1, 1, 0)],
        )
        register("protocols", protocol.name, protocol)
        return protocol.name

    seen = (TrainedOn("tiny", role="labels", component="head"),)
    frame = go([Sharpness(trained_on=seen)], [tiny], [needs("features"), needs("score")])
    assert dict(zip(frame["protocol"], frame["contamination"], strict=True)) == {
        "of-features": "none",
        "of-score": "labels",
    }
