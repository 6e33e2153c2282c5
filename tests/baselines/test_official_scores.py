"""Scores of the released regressors: their formulas, units and directions."""

import pickle

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.linear_model import Ridge

from harness import load_model
from harness.conformance import check
from harness.weights import table

IMAGES = ("edge_odd_101x77", "edge_wide_451x225")
DATA_SETS = ("live", "csiq", "tid2013", "kadid10k", "flive", "spaq", "clive", "koniq10k")
PHOTOGRAPHS = {
    "kodim03": "data/photos/kodak24/kodim03.png",
    "kodim17": "data/photos/kodak24/kodim17.png",
    "cid22_1025469": "data/photos/cid22-512/validation/1025469.png",
}


# --- ARNIQA -----------------------------------------------------------------------------------


VARIANTS = {"whole": "A_scaled", "five-crop": "B_scaled_mean"}


def arniqa_scores(official, variant, images):
    """float64 [N, 8]: the scores by the regressors of all data sets."""
    weights = str(official("arniqa"))
    models = [load_model("arniqa", variant=variant, head=d, weights=weights) for d in DATA_SETS]
    scores = [model.score(images) for model in models]
    assert {(score.dtype, score.shape) for score in scores} == {(torch.float64, (len(images),))}
    return torch.stack(scores, dim=1).numpy()


@pytest.mark.parametrize("variant", VARIANTS)
def test_arniqa_scores_are_the_official_ones(variant, official, golden, pixels):
    assert tuple(golden["arniqa/scores/datasets"]) == DATA_SETS
    expected = np.stack([golden[f"arniqa/scores/{VARIANTS[variant]}/{i}"] for i in IMAGES])
    found = arniqa_scores(official, variant, [pixels(image) for image in IMAGES])
    assert np.abs(found - expected).max() < 1e-5 * np.abs(expected).max()


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_arniqa_scores_of_photographs(variant, official, pixels, shared):
    with np.load(shared("parity/golden/arniqa.npz")) as arrays:
        assert tuple(arrays["scores/datasets"]) == DATA_SETS
        expected = np.stack([arrays[f"scores/{VARIANTS[variant]}/{i}"] for i in PHOTOGRAPHS])
    images = [pixels(shared(path)) for path in PHOTOGRAPHS.values()]
    found = arniqa_scores(official, variant, images)
    assert np.abs(found - expected).max() < 1e-5 * np.abs(expected).max()


# --- CONTRIQUE --------------------------------------------------------------------------------


@pytest.fixture
def ridge(official, tmp_path):
    """``ridge(head, seed)``: a fitted regressor and an adapter that reads it from its pickle.

    Fitted on float32 like the released ones, on made-up features of norm √2.
    """

    def make(head: str, seed: int = 0):
        rng = np.random.default_rng(seed)
        features = np.abs(rng.standard_normal((40, 4096), np.float32))
        features *= np.float32(2**0.5) / np.linalg.norm(features, axis=1, keepdims=True)
        fitted = Ridge(alpha=0.1).fit(features, rng.uniform(0, 100, 40).astype(np.float32))
        path = tmp_path / f"{head}-{seed}.save"
        path.write_bytes(pickle.dumps(fitted, protocol=3))
        weights = str(official("contrique"))
        return fitted, load_model("contrique", head=head, weights=weights, head_weights=str(path))

    return make


@pytest.fixture
def features(adapter):
    """The features of CONTRIQUE, float64 [N, 4096]."""
    return lambda images: adapter("contrique").features(images)[:, 0].double().numpy()


def predicted(fitted: Ridge, features: np.ndarray) -> np.ndarray:
    return features @ fitted.coef_.astype(np.float64) + np.float64(fitted.intercept_)


@pytest.mark.parametrize(
    ("head", "sign"), [("live", -1), ("csiq", -1), ("clive", 1), ("koniq10k", 1)]
)
def test_contrique_scores_are_those_of_the_regressor(head, sign, ridge, features, pixels):
    images = [pixels(image) for image in IMAGES]
    fitted, model = ridge(head)
    expected = sign * predicted(fitted, features(images))
    found = model.score(images)
    assert (found.dtype, found.shape) == (torch.float64, (2,))
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert expected[0] != pytest.approx(expected[1], rel=1e-3)


@pytest.mark.parametrize("head", ["live-fr", "csiq-fr"])
def test_an_image_beside_itself_scores_the_negated_intercept(head, ridge, pixels):
    fitted, model = ridge(head)
    images = [pixels(image) for image in IMAGES]
    found = model.score_pair(images, [image.clone() for image in images])
    assert found.tolist() == [-float(fitted.intercept_)] * 2


def test_contrique_compares_by_the_difference_of_features(ridge, features, pixels):
    reference = pixels(IMAGES[1])
    image = reference // 32 * 32
    fitted, model = ridge("live-fr")
    of_image, of_reference = features([image, reference])
    expected = -predicted(fitted, np.abs(of_reference - of_image))
    assert model.score_pair([image], [reference]).item() == pytest.approx(expected, rel=1e-9)


def test_contrique_halves_both_to_half_the_size_of_the_reference(ridge, features, pixels):
    image, reference = (pixels(name) for name in IMAGES)
    height, width = reference.shape[1:]
    picture = Image.fromarray(image.permute(1, 2, 0).numpy())
    half = np.array(picture.resize((width // 2, height // 2), Image.Resampling.BICUBIC))
    half = torch.from_numpy(half).permute(2, 0, 1).contiguous()
    of_image = np.concatenate([features([image])[0, :2048], features([half])[0, :2048]])
    fitted, model = ridge("csiq-fr")
    expected = -predicted(fitted, np.abs(features([reference])[0] - of_image))
    assert model.score_pair([image], [reference]).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("other", ["kodim17", "kodim03_posterised"])
def test_contrique_pairs_of_photographs(other, ridge, pixels, shared):
    with np.load(shared("parity/golden/contrique.npz")) as arrays:
        difference = arrays[f"fr/kodim03__{other}"].astype(np.float64)
    reference = pixels(shared(PHOTOGRAPHS["kodim03"]))
    image = pixels(shared(PHOTOGRAPHS[other])) if other in PHOTOGRAPHS else reference // 32 * 32
    pairs = [ridge("live-fr", seed) for seed in range(8)]
    expected = np.concatenate([-predicted(fitted, difference) for fitted, _ in pairs])
    found = np.concatenate([model.score_pair([image], [reference]) for _, model in pairs])
    assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()


# --- both -------------------------------------------------------------------------------------


@pytest.mark.parametrize("head", ["live-fr", pytest.param("live", marks=pytest.mark.slow)])
def test_contrique_heads_keep_the_contract(head, ridge):
    _, model = ridge(head)
    assert {c.name: c.problem for c in check(model) if c.problem} == {}


@pytest.mark.slow
def test_arniqa_heads_keep_the_contract(official):
    model = load_model("arniqa", variant="whole", head="live", weights=str(official("arniqa")))
    assert {c.name: c.problem for c in check(model) if c.problem} == {}


def test_files_are_found_in_a_folder_by_their_official_names(ridge, official, tmp_path, pixels):
    """Beside other files, and as symbolic links."""
    fitted, model = ridge("clive")
    folder = tmp_path / "all"
    folder.mkdir()
    (folder / table()["contrique-clive"].file).write_bytes(pickle.dumps(fitted, protocol=3))
    file = table()["contrique-encoder"].file
    (folder / file).symlink_to(official("contrique") / file)
    image = pixels(IMAGES[0])
    found = load_model("contrique", head="clive", weights=str(folder)).score([image])
    assert torch.equal(found, model.score([image.clone()]))
