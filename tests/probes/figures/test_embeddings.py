"""t-SNE: deterministic whatever the cores, true to neighborhoods, and clear refusals."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.manifold import trustworthiness
from threadpoolctl import threadpool_limits

from harness.images import Failure
from harness.model import ModelCard
from harness.sample import Damage, Dataset, Sample
from harness.store import Output
from probes.figures.embeddings import embed, embeddings, perplexity
from probes.figures.outputs import Answer
from probes.figures.type_panels import by_family, draw_types


def blobs(n: int = 120, width: int = 80) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    group = np.arange(n) % 3
    centers = rng.normal(0, 6, (3, width))
    return (centers[group] + rng.normal(size=(n, width))).astype(np.float32), group


def test_equal_bits_whatever_the_number_of_threads() -> None:
    features, _ = blobs()
    found = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            found.append(embed(features))
    np.testing.assert_array_equal(*found)


def test_neighbors_stay_neighbors() -> None:
    features, group = blobs()
    places = embed(features)
    assert places.shape == (120, 2)
    assert trustworthiness(features, places, n_neighbors=10) > 0.8
    distance = np.linalg.norm(places[:, None] - places, axis=2)
    np.fill_diagonal(distance, np.inf)
    assert (group[distance.argmin(1)] == group).all()


def test_units_and_constant_features_make_no_difference() -> None:
    features, _ = blobs(60, 20)
    scaled = features * 2.0 ** np.arange(-10, 10, dtype=np.float32)
    more = np.concatenate([scaled, np.full((60, 1), 7, np.float32)], axis=1)
    np.testing.assert_array_equal(embed(features), embed(more))


def test_one_feature_is_enough() -> None:
    assert np.isfinite(embed(np.arange(20, dtype=np.float32)[:, None])).all()


def test_refusals() -> None:
    with pytest.raises(ValueError, match="t-SNE of 9 images: it needs at least 10"):
        embed(np.zeros((9, 3)))
    with pytest.raises(ValueError, match="all images have the same features"):
        embed(np.full((12, 3), 0.1, np.float32))


def test_perplexity_fits_the_number_of_images() -> None:
    assert perplexity(5000) == 30
    assert perplexity(10) == 3


def test_each_type_has_a_panel_of_its_own() -> None:
    kinds = by_family(["jpeg", "of-another-bank", "darken", "jpeg"])
    assert kinds.index("of-another-bank") == 2
    assert set(kinds) == {"jpeg", "darken", "of-another-bank"}
    types = ["jpeg", "jpeg", "darken", "of-another-bank"]
    places = np.arange(8.0).reshape(4, 2)
    figure = Figure()
    whole = figure.add_subplot()
    draw_types(whole, places, types, kinds)
    shown = {axes.get_title("left"): axes.collections for axes in whole.child_axes}
    assert list(shown) == kinds
    for kind, (rest, own) in shown.items():
        assert len(own.get_offsets()) == types.count(kind)
        assert len(rest.get_offsets()) == 4 - types.count(kind)
    np.testing.assert_array_equal(shown["darken"][1].get_offsets(), [[4.0, 5.0]])


class Nothing:
    """The figure is drawn from features: no pixel is needed."""

    def fingerprint(self) -> str:
        return "nothing"

    def load(self, policy: object) -> Failure:
        return Failure("nothing to see")

    def alpha(self) -> None:
        return None


class Encoder:
    card = ModelCard("encoder", "1", "NR", options={})


def test_the_picture_is_of_plain_probes_and_pristine_images_and_the_same_every_time() -> None:
    samples = [
        Sample(
            f"{type}/{area}",
            Nothing(),
            "c",
            damages=(Damage(type, 2, area_asked=area),),
            reference="c",
            facts=(("ladder", ladder),),
        )
        for type in ("jpeg", "darken", "jitter", "of-another-bank")
        for area, ladder in ((1 / 64, "plain"), (1 / 8, "plain"), (1, "plain"), (1 / 4, "equal"))
    ]
    dataset = Dataset("set", tuple(samples), (Sample("c", Nothing(), "c"),))
    ids = tuple(image.id for image in dataset.images)
    views = np.random.default_rng(0).normal(size=(len(ids), 5, 8)).astype(np.float32)
    answer = Answer("encoder", Encoder(), "features", Output(ids, views, {}))
    first, second = (embeddings(dataset, answer) for _ in range(2))
    assert (first.svg, first.png) == (second.svg, second.png)
    assert first.name == "embeddings.encoder.set"
    assert "distances between clusters" in first.caption
    assert "of 13 images" in first.alt  # 12 plain probes and the pristine one
    assert "each of 4 types alone" in first.alt
    swapped = Answer("encoder", Encoder(), "features", Output(ids, views[:, ::-1].copy(), {}))
    assert embeddings(dataset, swapped).caption == first.caption  # the mean over views
    with pytest.raises(ValueError, match="dataset none has no plain probes with features"):
        embeddings(Dataset("none", (), dataset.references), answer)
