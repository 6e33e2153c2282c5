"""The pyiqa adapter against pyiqa itself and scikit-image; loading never touches the network."""

import sys

import numpy as np
import pytest
import torch

from baselines.pyiqa import FAMILY, HAND_MADE, OFFLINE
from harness.model import Unavailable, operations

SLOW = {"mad", "ssimc"}


@pytest.fixture(scope="module")
def pyiqa():
    return pytest.importorskip("pyiqa")


@pytest.fixture(scope="module")
def pair():
    """A photograph and a noisy version of it, uint8 [3, 176, 192]."""
    from skimage.data import astronaut

    photo = np.ascontiguousarray(astronaut()[20:196, 150:342].transpose(2, 0, 1))
    noise = np.random.default_rng(0).normal(0, 20, photo.shape)
    noisy = (photo + noise).clip(0, 255).astype(np.uint8)
    return torch.from_numpy(photo), torch.from_numpy(noisy)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] if n in SLOW else []) for n in OFFLINE]
)
def test_listed_metrics_run_and_equal_pyiqa_with_higher_better(pyiqa, pair, name):
    photo, noisy = pair
    model, metric = FAMILY.load(name), pyiqa.create_metric(name, device="cpu")
    full = metric.metric_mode == "FR"
    assert model.card.mode == metric.metric_mode
    assert operations(model) == {"score_pair" if full else "score"}
    inputs = [[noisy, photo], [photo, photo]] if full else [[noisy, photo]]
    values = model.score_pair(*inputs) if full else model.score(*inputs)
    assert values.dtype == torch.float64
    assert values.shape == (2,)
    floats = [[image[None] / 255 for image in group] for group in zip(*inputs, strict=True)]
    expected = [float(metric(*group)) * (-1 if metric.lower_better else 1) for group in floats]
    np.testing.assert_allclose(values, expected, rtol=1e-6)
    if full:
        assert values[0] < values[1], "a noisy image must score lower than the reference itself"


def test_psnr_equals_scikit_image(pyiqa, pair):
    from skimage.metrics import peak_signal_noise_ratio

    photo, noisy = pair
    expected = peak_signal_noise_ratio(photo.numpy(), noisy.numpy(), data_range=255)
    assert FAMILY.load("psnr").score_pair([noisy], [photo]).item() == pytest.approx(expected, 1e-5)


def test_a_reference_of_another_size_is_named_with_both_sizes(pyiqa, pair):
    photo, _ = pair
    with pytest.raises(ValueError, match="the image is 8 × 6 pixels, its reference 192 × 176"):
        FAMILY.load("psnr").score_pair([photo, photo[:, :6, :8]], [photo, photo])


def test_options_reach_the_metric(pyiqa, pair):
    photo, noisy = pair
    luma = FAMILY.load("psnr", test_y_channel=True).score_pair([noisy], [photo])
    assert torch.equal(luma, FAMILY.load("psnry").score_pair([noisy], [photo]))
    other = FAMILY.load("psnr", test_y_channel=True, color_space="ycbcr")
    assert not torch.equal(luma, other.score_pair([noisy], [photo]))


def test_cards(pyiqa):
    card = FAMILY.load("fsim").card
    assert (card.name, card.mode, card.weights, card.trained_on) == ("pyiqa:fsim", "FR", (), ())
    assert card.license.startswith("PolyForm-Noncommercial")
    assert "pyiqa" in card.requires
    assert FAMILY.load("gmsd").card.summary.endswith("lower is better")
    assert set(OFFLINE) >= HAND_MADE


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[pytest.mark.slow] if n in SLOW else []) for n in sorted(HAND_MADE)],
)
def test_hand_made_metrics_see_every_corner_as_their_cards_say(pyiqa, pair, name):
    model = FAMILY.load(name)
    assert model.card.coverage == "the whole image"
    photo, noisy = pair
    images = [noisy]
    for top, left in ((0, 0), (0, -16), (-16, 0), (-16, -16)):
        image = noisy.clone()
        rows, columns = slice(top, top + 16 or None), slice(left, left + 16 or None)
        image[:, rows, columns] = 255 - image[:, rows, columns]
        images.append(image)
    values = (
        model.score(images)
        if model.card.mode == "NR"
        else model.score_pair(images, [photo] * len(images))
    )
    assert (values[1:] != values[0]).all()


def test_a_border_that_is_cut_off_is_not_called_seen(pyiqa):
    assert FAMILY.load("psnr", crop_border=4).card.coverage == ""


ARNIQA_SETS = {
    "arniqa": "koniq10k",
    "arniqa-live": "live",
    "arniqa-csiq": "csiq",
    "arniqa-tid": "tid2013",
    "arniqa-kadid": "kadid10k",
    "arniqa-clive": "clive",
    "arniqa-flive": "flive",
    "arniqa-spaq": "spaq",
}


@pytest.fixture
def arniqa(pyiqa, monkeypatch):
    """pyiqa's ARNIQA, of which only the reading of its files is replaced."""
    import torchvision
    from pyiqa.archs import arniqa_arch as arch

    backbone = torchvision.models.resnet50
    monkeypatch.setattr(arch.torchvision.models, "resnet50", lambda **_: backbone())
    encoder = torch.nn.Sequential(*list(backbone().children())[:-1]).state_dict()
    state = {f"model.{key}": value for key, value in encoder.items()}
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", lambda *_, **__: state)
    monkeypatch.setattr(arch, "load_file_from_url", lambda *_, **__: "regressor")
    monkeypatch.setattr(torch.jit, "load", lambda *_, **__: torch.nn.Linear(4096, 1))


def test_arniqa_says_what_its_encoder_and_its_regressor_have_seen(arniqa, pyiqa):
    named = {name for name in pyiqa.list_models() if name.startswith("arniqa")}
    assert named == set(ARNIQA_SETS)
    for name in ("arniqa", "arniqa-live", "arniqa-tid", "arniqa-kadid"):
        card = FAMILY.load(name).card
        seen = {(t.dataset, t.role, t.component) for t in card.trained_on}
        assert seen == {
            ("kadis700k", "images", "encoder"),
            ("imagenet", "images", "encoder"),
            (ARNIQA_SETS[name], "labels", "head"),
        }
        assert card.coverage == "the whole image, at full and at half size"
        assert "jpeg2000" in card.trained_degradations
    # The regressor counts, not the name.
    card = FAMILY.load("arniqa", regressor_dataset="tid").card
    assert [t.dataset for t in card.trained_on if t.component == "head"] == ["tid2013"]


def test_parameters_are_hashed_also_where_they_hide_in_attributes(pyiqa, tmp_path, pair):
    from scipy.io import savemat

    def niqe(mean):
        path = tmp_path / "niqe.mat"
        savemat(path, {"mu_prisparam": np.full((1, 36), mean), "cov_prisparam": np.eye(36)})
        return FAMILY.load("niqe", pretrained_model_path=str(path))

    first, again, other = niqe(0.5), niqe(0.5), niqe(0.6)
    assert first.metric.net.state_dict() == {}
    assert first.card.weights == again.card.weights
    assert first.card.weights_hash != other.card.weights_hash
    assert first.card.trained_on is None
    assert first.score([pair[0]]) > first.score([pair[1]])
    assert FAMILY.load("nlpd").card.weights_hash


@pytest.mark.parametrize("name", ["musiq", "nima", "lpips", "topiq_fr", "brisque", "qrealign"])
def test_absent_weights_are_unavailable_and_in_silence(pyiqa, name, tmp_path, monkeypatch, capfd):
    from huggingface_hub import constants

    monkeypatch.setattr("pyiqa.utils.download_util.DEFAULT_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    torch_home = torch.hub.get_dir()
    torch.hub.set_dir(str(tmp_path))
    try:
        with pytest.raises(Unavailable) as caught:
            FAMILY.load(name)
    finally:
        torch.hub.set_dir(torch_home)
    command = f"python -c \"import pyiqa; pyiqa.create_metric('{name}')\""
    assert caught.value.command == command
    assert capfd.readouterr() == ("", "")


def test_without_pyiqa_every_metric_is_unavailable(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyiqa", None)
    with pytest.raises(Unavailable, match="pip install pyiqa"):
        FAMILY.load("psnr")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("psnrr", {}, "no metric 'psnrr'; did you mean psnr"),
        ("fid", {}, "sets of images"),
        ("clipscore", {}, "caption"),
        ("psnr", {"test_y": True}, "unknown option 'test_y'; options: .*test_y_channel"),
        ("vsi", {"sigma": 1}, "pyiqa:vsi has no option 'sigma'"),
        ("psnr", {"as_loss": True}, "unknown option 'as_loss'"),
        ("psnr", {"device": "abacus"}, "device 'abacus'"),
    ],
)
def test_bad_names_and_options_are_one_clear_line(pyiqa, name, options, message):
    with pytest.raises(ValueError, match=message) as caught:
        FAMILY.load(name, **options)
    assert "\n" not in str(caught.value)


def test_moving_to_a_device_returns_the_model(pyiqa, pair):
    model = FAMILY.load("psnr")
    assert model.to("cpu") is model
    assert model.score_pair([pair[1]], [pair[0]]).device.type == "cpu"
