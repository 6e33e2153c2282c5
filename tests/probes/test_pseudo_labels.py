"""Pseudo-labels: frozen ranks, honest exclusions, and the shipped numbers are the computed ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.pseudo_labels import CONSTITUENTS, QUANTILES, PseudoLabels, make, rank_mean, shipped

UNIT = st.floats(0, 1, allow_nan=False)


def scores(falls: bool) -> dict[str, tuple[float, ...]]:
    """Two types on ten contents: "good" falls everywhere, "bad" on eight of ten, or on all."""
    found = {}
    for content in range(10):
        for severity in range(1, 6):
            value = 1 - severity / 10 + content / 1000
            found[f"c{content}/good/{severity}"] = (value,) * 4
            rising = not falls and content < 2
            found[f"c{content}/bad/{severity}"] = ((1 - value if rising else value) + 0.0003,) * 4
    return found


def test_a_type_whose_label_does_not_fall_is_left_out_with_the_count() -> None:
    assert make(scores(falls=True), "").left_out == {}
    left_out = make(scores(falls=False), "").left_out
    assert list(left_out) == ["bad"]
    assert "8 of 10" in left_out["bad"]


@given(st.lists(UNIT, min_size=4, max_size=4), st.lists(UNIT, min_size=4, max_size=4))
def test_a_better_image_never_has_a_lower_label(a: list[float], b: list[float]) -> None:
    quantiles = np.sort(np.random.default_rng(0).random((4, QUANTILES)), axis=1)
    low, high = np.minimum(a, b), np.maximum(a, b)
    assert 0 <= rank_mean(low, quantiles) <= rank_mean(high, quantiles) <= 1


def test_adding_an_image_moves_no_other() -> None:
    table = make(scores(falls=True), "")
    more = PseudoLabels(table.quantiles, {**table.scores, "new": (0.5,) * 4}, {}, "")
    assert all(more.label(name) == table.label(name) for name in table.scores)


def test_the_shipped_table_is_whole_and_is_of_these_images() -> None:
    from probes.demo import unlabeled_full

    table, dataset = shipped(), unlabeled_full()
    assert set(table.scores) == {s.id for s in dataset.samples}
    assert np.all(np.diff(table.quantiles) >= 0)
    assert table.images_hash == dataset.images_hash, "run python -m probes.pseudo_labels"


def test_making_the_table_again_gives_the_shipped_one() -> None:
    table = shipped()
    again = make(table.scores, table.images_hash)
    np.testing.assert_array_equal(again.quantiles, table.quantiles)
    assert again.left_out == table.left_out


def test_the_shipped_scores_are_what_the_metrics_give() -> None:
    pytest.importorskip("pyiqa")
    from harness import load_model
    from harness.images import DecodePolicy
    from probes.demo import unlabeled_full

    dataset, table = unlabeled_full(), shipped()
    images = {image.id: image for image in dataset.images}
    models = [load_model(name) for name in CONSTITUENTS]
    for sample in dataset.samples[7::300]:
        test, reference = (
            images[name].source.load(DecodePolicy()).image for name in (sample.id, sample.reference)
        )
        found = [float(model.score_pair([test], [reference])[0]) for model in models]
        np.testing.assert_allclose(found, table.scores[sample.id], rtol=1e-4, atol=1e-6)
