"""A linear damaged / clean classifier: against scikit-learn, and on encoders that are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from harness.protocols.intervals import draw_counts
from probes.measures.separation import ALPHAS, aurocs, damage_scores

AREAS = (1 / 64, 1 / 8, 1.0)


def plan(contents: int, probes: int, clean: int) -> pd.DataFrame:
    """Every content with ``probes`` damaged images of each area and ``clean`` others."""
    rows = [
        (f"scene{c:02}", area)
        for c in range(contents)
        for area in [*np.repeat(AREAS, probes), *[0.0] * clean]
    ]
    table = pd.DataFrame(rows, columns=["content", "area"])
    return table.assign(damaged=table.area > 0, train=table.area.isin([0, 1]))


def scored(table: pd.DataFrame, features: np.ndarray) -> pd.DataFrame:
    columns = (table[name].to_numpy() for name in ("content", "damaged", "train"))
    return table.assign(score=damage_scores(features, *columns))


def reference(table: pd.DataFrame, x: np.ndarray) -> np.ndarray:
    """The same by refits, one for each alpha and each content left out."""
    found = np.empty(len(table))
    content, train = table.content.to_numpy(), table.train.to_numpy()
    label = np.where(table.damaged, 1.0, -1.0)
    for name in sorted(set(content)):
        fold, test = train & (content != name), content == name
        y, groups = label[fold], content[fold]
        weights = np.where(y > 0, 0.5 / (y > 0).mean(), 0.5 / (y < 0).mean())
        scaler = StandardScaler().fit(x[fold], sample_weight=weights)
        z = scaler.transform(x[fold])
        scale = float(weights @ np.square(z).sum(axis=1)) / len(z)

        def left_out(alpha, z=z, y=y, weights=weights, groups=groups):
            predictions = np.empty(len(y))
            for group in set(groups):
                out = groups == group
                head = Ridge(alpha=alpha, fit_intercept=False)
                head.fit(z[~out], y[~out], sample_weight=weights[~out])
                predictions[out] = head.predict(z[out])
            return roc_auc_score(y, predictions)

        best = max(ALPHAS * scale, key=left_out)
        head = Ridge(alpha=best).fit(z, y, sample_weight=weights)
        found[test] = head.predict(scaler.transform(x[test]))
    return found


@pytest.mark.parametrize("dimension", [5, 120])  # fewer features than images, and more
def test_equals_refits_by_scikit_learn(dimension: int) -> None:
    rng = np.random.default_rng(0)
    table = plan(5, 6, 2)
    x = rng.normal(size=(len(table), 2, dimension)) * rng.uniform(0.1, 9, dimension)
    x[..., 0] += 4 * table.area.to_numpy()[:, None]
    x[..., -1] = 7.0  # constant: of no use
    expected = reference(table, x.mean(axis=1))
    np.testing.assert_allclose(scored(table, x).score, expected, rtol=1e-6, atol=1e-9)


def test_an_encoder_that_sees_in_proportion_to_the_area() -> None:
    rng = np.random.default_rng(1)
    table = plan(24, 10, 4)
    x = rng.normal(size=(len(table), 40))
    x[:, 3] += 5 * table.area
    found = aurocs(scored(table, x[:, None].astype(np.float32))).set_index("area")
    assert found.auroc[1.0] > 0.97
    assert found.low[1 / 64] < 0.55
    assert found.auroc[1 / 64] < found.auroc[1 / 8] < found.auroc[1.0]
    # The best that any classifier could do with one informative feature.
    assert found.auroc[1 / 8] == pytest.approx(stats.norm.cdf(5 / 8 / np.sqrt(2)), abs=0.08)
    assert (found.n_damaged == 240).all()
    assert (found.n_clean == 96).all()
    assert (found.n_contents == 24).all()
    assert found.method[1.0] == "percentile bootstrap over 24 contents, B=1000, seed 0"


def test_an_encoder_of_the_content_alone_is_at_one_half() -> None:
    table = plan(8, 10, 1)
    own = np.random.default_rng(2).normal(size=(8, 300))
    x = own[table.content.str[-2:].astype(int)]
    found = aurocs(scored(table, x[:, None]))
    assert found.auroc.to_numpy() == pytest.approx(0.5)


def test_noise_is_no_signal_however_many_features() -> None:
    rng = np.random.default_rng(3)
    table = plan(24, 5, 4)
    found = aurocs(scored(table, rng.normal(size=(len(table), 1, 500))))
    assert (found.low <= 0.5).all()
    assert (found.high >= 0.5).all()


def test_neither_units_nor_order_nor_the_image_asked_about_matter() -> None:
    rng = np.random.default_rng(4)
    table = plan(4, 6, 2)
    x = rng.normal(size=(len(table), 1, 30))
    x[..., 0] += table.area.to_numpy()[:, None]
    scores = scored(table, x).score.to_numpy()
    np.testing.assert_allclose(scored(table, x * 64 - 3).score, scores, rtol=1e-7, atol=1e-9)
    order = rng.permutation(len(table))
    np.testing.assert_allclose(scored(table.iloc[order], x[order]).score, scores[order], rtol=1e-7)
    # Only area 1 and clean images teach: others can be anything.
    other = x.copy()
    other[table.area.to_numpy() == 1 / 8] = 1e3
    same = table.area != 1 / 8
    np.testing.assert_array_equal(scored(table, other).score[same], scores[same])


def test_auroc_and_its_interval_are_those_of_repeated_images() -> None:
    rng = np.random.default_rng(5)
    table = plan(24, 3, 2).assign(score=lambda t: rng.integers(0, 6, len(t)) + 3 * t.area)
    found = aurocs(table).set_index("area")
    for area in AREAS:
        part = table[table.area.isin([0, area])]
        assert found.auroc[area] == pytest.approx(roc_auc_score(part.damaged, part.score))
    drawn = []
    number = part.content.str[-2:].astype(int).to_numpy()
    for counts in draw_counts(24, 0):
        damaged = part.damaged.to_numpy().repeat(counts[number])
        scores = part.score.to_numpy().repeat(counts[number])
        above, below = scores[damaged][:, None], scores[~damaged]
        drawn.append((above > below).mean() + (above == below).mean() / 2)
    ends = found.low[1.0], found.high[1.0]
    assert ends == pytest.approx(np.quantile(drawn, [0.025, 0.975]))


def test_a_cell_is_held_against_the_clean_images_of_its_contents() -> None:
    table = plan(4, 2, 1).assign(score=lambda t: t.area)
    part = table[~((table.content == "scene00") & (table.area == 1))]
    found = aurocs(part).set_index("area")
    assert (found.n_clean[1.0], found.n_contents[1.0]) == (3, 3)
    assert (found.n_clean[1 / 8], found.auroc[1 / 8]) == (4, 1)
    whole = aurocs(part, by=())
    assert whole.n_damaged.tolist() == [22]
    missing = aurocs(part[part.damaged])
    assert missing.auroc.isna().all()
    assert set(missing.method) == {"no interval: one class only"}


def test_too_few_contents_are_refused() -> None:
    table = plan(2, 2, 1)
    with pytest.raises(ValueError, match="at least 2 contents"):
        scored(table, np.zeros((len(table), 1, 3)))
