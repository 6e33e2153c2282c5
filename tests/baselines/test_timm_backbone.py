"""timm backbones: tiny real networks with random weights in a file, against plain timm."""

import hashlib
import os
import pickle
from types import SimpleNamespace

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

from baselines.timm_backbone import FAMILY, trained_on
from baselines.timm_encoder import TimmEncoder, create
from harness.model import ModelCard, TrainedOn, Unavailable

CARD = ModelCard(name="test", version="1", mode="NR")


def image(height, width, seed=0):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.integers(0, 256, (3, height, width), dtype=np.uint8))


@pytest.fixture
def saved(tmp_path):
    """Saves a network with random weights, classifier included; returns it and the file."""

    def save(name, suffix=".safetensors"):
        torch.manual_seed(0)
        net = timm.create_model(name).eval()
        path = tmp_path / f"{name}{suffix}"
        if suffix == ".safetensors":
            save_file(net.state_dict(), path)
        else:
            torch.save({"state_dict": net.state_dict()}, path)
        return net, path

    return save


def plain(net, pixels):
    """timm's own forward_features of one image, normalized as its configuration says."""
    config = net.pretrained_cfg
    mean, std = (torch.tensor(config[k]).view(3, 1, 1) for k in ("mean", "std"))
    with torch.inference_mode():
        return net.forward_features(((pixels / 255 - mean) / std)[None])


def test_a_vit_gives_its_class_token_and_the_mean_of_its_patches(saved):
    net, path = saved("test_vit")
    pixels = image(160, 160)  # the size that its position embedding is of
    tokens = plain(net, pixels)[0]
    features = FAMILY.load("test_vit", weights=str(path)).features([pixels])
    assert features.shape == (1, 1, 128)
    assert features.dtype == torch.float32
    torch.testing.assert_close(features[0, 0], torch.cat([tokens[0], tokens[1:].mean(0)]))


def test_register_tokens_are_no_patches(saved):
    net, path = saved("test_vit2")
    assert (net.num_prefix_tokens, net.cls_token) == (1, None)
    pixels = image(160, 160)
    features = FAMILY.load("test_vit2", weights=str(path)).features([pixels])
    torch.testing.assert_close(features[0, 0], plain(net, pixels)[0, 1:].mean(0))


def test_a_vit_sees_a_wide_image_at_its_native_size(saved):
    net, path = saved("test_vit")
    wide = timm.create_model("test_vit", dynamic_img_size=True).eval()
    wide.load_state_dict(net.state_dict())
    pixels = image(64, 208)
    tokens = FAMILY.load("test_vit", weights=str(path)).features([pixels])[0, 0, 64:]
    mean, std = 0.5, 0.5
    with torch.inference_mode():
        expected = wide.forward_features((pixels[None] / 255 - mean) / std)
    assert expected.shape[1] == 1 + 4 * 13
    torch.testing.assert_close(tokens, expected[0, 1:].mean(0))


def test_images_are_padded_to_whole_patches_by_reflection(saved):
    model = FAMILY.load("test_vit", weights=str(saved("test_vit")[1]))
    pixels = image(70, 90)
    padded = np.pad(pixels.numpy(), ((0, 0), (0, 10), (0, 6)), mode="reflect")
    expected = model.features([torch.from_numpy(padded)])
    torch.testing.assert_close(model.features([pixels]), expected)
    with pytest.raises(ValueError, match="smaller than a 16x16 patch"):
        model.features([image(15, 64)])


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_convolutional_network_gives_its_last_map_averaged(saved, suffix):
    net, path = saved("test_resnet", suffix)
    pixels = image(97, 131)
    features = FAMILY.load("test_resnet", weights=str(path)).features([pixels])
    torch.testing.assert_close(features[0, 0], plain(net, pixels)[0].mean((1, 2)))


def test_maps_with_channels_last_are_averaged_over_space():
    net = create("swin_tiny_patch4_window7_224", pretrained=False)
    pixels = image(64, 96)
    features = TimmEncoder(net, CARD).features([pixels])
    output = plain(net, pixels)
    assert output.shape == (1, 2, 3, 768)
    torch.testing.assert_close(features[0, 0], output[0].mean((0, 1)))


def test_every_corner_of_an_image_counts_and_a_batch_changes_nothing(saved):
    model = FAMILY.load("test_resnet", weights=str(saved("test_resnet")[1]))
    pixels, changed = image(64, 96), image(64, 96)
    changed[:, -1, -1] = 255 - changed[:, -1, -1]
    both = model.features([pixels, changed])
    assert not torch.equal(both[0], both[1])
    assert torch.equal(both[:1], model.features([pixels]))


def test_creating_a_network_leaves_the_random_stream_alone():
    before = torch.get_rng_state()
    create("test_vit", pretrained=False)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_card_of_a_file(saved):
    _, path = saved("test_vit")
    card = FAMILY.load("test_vit", weights=str(path)).card
    assert card.name == "timm:test_vit"
    assert card.weights_hash == hashlib.sha256(path.read_bytes()).hexdigest()
    assert card.trained_on is None
    assert card.max_pixels == 16_384 * 16 * 16


def test_what_the_tag_of_weights_says_of_their_training():
    def seen(tag):
        return trained_on(SimpleNamespace(pretrained_cfg={"tag": tag}))

    for tag in ("a1_in1k", "augreg_in21k_ft_in1k", "fb_in22k_ft_in1k_384", "in12k", "tv_in1k"):
        assert seen(tag) == ((TrainedOn("imagenet"),) if "in1k" in tag else None), tag
    for tag in ("lvd142m", "fb_swsl_ig1b_ft_in1k", "ns_jft_in1k", "openai", "", None):
        assert seen(tag) is None, tag


def test_hub_weights_that_are_not_cached_are_unavailable(tmp_path, monkeypatch, capfd):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(Unavailable) as caught:
        FAMILY.load("test_vit")
    command = "python -c \"import timm; timm.create_model('test_vit', pretrained=True)\""
    assert caught.value.command == command
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("resnet51", {}, "did you mean .*resnet50"),
        ("resnet50.a1_in2k", {}, "did you mean .*resnet50.a1_in1k"),
        ("test_vit4", {}, "no weights for 'test_vit4'; give weights=FILE"),
        ("test_vit", {"pretrained": False}, "control:untrained-vit"),
        ("test_vit", {"weight": "x"}, "unknown option 'weight'; options: device, weights"),
        ("test_vit", {"weights": "/nowhere.pth"}, "no such file"),
        ("beit_base_patch16_224", {}, "images of one size only"),
    ],
)
def test_bad_names_and_options_are_one_clear_line(name, options, message):
    with pytest.raises(ValueError, match=message) as caught:
        FAMILY.load(name, **options)
    assert "\n" not in str(caught.value)


class _Attack:
    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_damaged_foreign_and_hostile_files_are_one_clear_line(saved, tmp_path):
    _, path = saved("test_vit")
    cut, text, table = tmp_path / "cut.safetensors", tmp_path / "text.pth", tmp_path / "table.pth"
    cut.write_bytes(path.read_bytes()[:-100])
    text.write_text("no weights")
    torch.save({"epoch": 3}, table)
    hostile, attack = tmp_path / "hostile.pth", _Attack()
    attack.path = str(tmp_path / "made")
    hostile.write_bytes(pickle.dumps(attack, protocol=2))
    cases = {
        cut: "cannot be read",
        text: "cannot be read",
        hostile: "cannot be read",
        table: "no state dict",
        saved("test_resnet")[1]: "not those of this network: Missing",
    }
    for file, message in cases.items():
        with pytest.raises(ValueError, match=message) as caught:
            FAMILY.load("test_vit", weights=str(file))
        assert "\n" not in str(caught.value)
        assert file.name in str(caught.value)
    assert not (tmp_path / "made").exists()
