"""``finetune:NAME`` from its name to scores."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
import timm
import torch
from safetensors.torch import save_file

from baselines.finetuning import adapter, fitted
from baselines.finetuning.config import PRESETS
from baselines.finetuning.fitted import Fitted, Unfitted
from baselines.finetuning.pictures import scored_crops
from baselines.pretraining import checkpoint
from baselines.slide_iqa import adapter as slide_iqa
from harness import load_model
from harness.images import decode
from harness.model import TrainedOn, Unavailable, operations
from tests.baselines.finetuning.small import CONTROL, SMALL, noise, pictures
from tests.baselines.finetuning.small import student as small_student

pytestmark = pytest.mark.usefixtures("one_thread")
QUICK = {"epochs": 1, "warmup_epochs": 0, "crops_per_image": 1, "test_crops": 1, "batch": 8}


@pytest.fixture
def parts(tmp_path):
    return pictures(tmp_path / "a", 2), pictures(tmp_path / "b", 1, first=2)


def test_before_a_fit_it_offers_nothing_else():
    model = load_model("finetune:slide-iqa-tiny")
    assert operations(model) == {"fit"}
    assert model.config == PRESETS["tiny"]
    card = model.card
    assert (card.name, card.mode, card.options) == ("finetune:slide-iqa-tiny", "NR", {})
    assert card.weights == slide_iqa.load().card.weights
    assert card.trained_on == (TrainedOn("CID22", split="training"),)


def test_from_the_shipped_encoder_to_scores(parts, tmp_path):
    model = load_model("finetune:slide-iqa-tiny", **QUICK)
    begun = {k: v.clone() for k, v in model.objective.build().encoder.state_dict().items()}
    fitted = model.fit(*parts, 0, tmp_path / "fit")
    assert operations(fitted) == {"score"}
    images = [decode(s.source.path).image for s in parts[1].samples]
    scores = fitted.score(images)
    assert (scores.dtype, scores.shape) == (torch.float64, (4,))
    assert torch.equal(scores[1:2], fitted.score(images[1:2]))
    assert fitted.score([noise(20, 300), noise(600, 700)]).isfinite().all()
    again = load_model("finetune:slide-iqa-tiny", **QUICK).fit(*parts, 0, tmp_path / "fit")
    assert torch.equal(again.score(images), scores)
    for name, tensor in model.objective.build().encoder.state_dict().items():
        assert torch.equal(tensor, begun[name])


def test_crops_of_several_images_go_to_an_accelerator_together(monkeypatch):
    student, images = small_student().eval(), [noise(40, 40 + 30 * i, i) for i in range(7)]
    alone = fitted.predicted(student, images, SMALL)
    assert alone == [fitted.predicted(student, [image], SMALL)[0] for image in images]
    sizes = []
    student.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    monkeypatch.setattr(fitted, "_at_least", lambda device: 5)
    torch.testing.assert_close(fitted.predicted(student, iter(images), SMALL), alone)
    crops = [len(scored_crops(image, SMALL)) for image in images]
    assert sum(sizes) == sum(crops)
    assert all(5 <= size < 5 + max(crops) for size in sizes[:-1])
    assert len(sizes) < len(images)


def test_text_of_a_number_is_that_number_in_the_card_too():
    """So that both have one key."""
    text = load_model("finetune:slide-iqa-tiny", lr="1e-4", lr_search=["1e-3", 0.1])
    number = load_model("finetune:slide-iqa-tiny", lr=1e-4, lr_search=[1e-3, 0.1])
    assert text.config == number.config
    assert text.card == number.card
    with pytest.raises(ValueError, match="lr is 'fast'"):
        load_model("finetune:slide-iqa-tiny", lr="fast")


def test_scores_are_on_the_scale_of_the_labels(parts, tmp_path):
    card = load_model("finetune:slide-iqa-tiny").card
    fitted = Unfitted(CONTROL, SMALL, card).fit(*parts, 0, tmp_path)
    images = [decode(s.source.path).image for s in parts[1].samples]
    scores, labels = fitted.score(images), torch.tensor([40.0, 30, 20, 10], dtype=torch.float64)
    assert (scores - labels).abs().mean() < 8
    assert {image.shape[1:] for image in images} == {(42, 56)}
    # So the two crops of each lie side by side, in the middle of its height.
    _, told = checkpoint.read(tmp_path / "fitted.safetensors")
    crops = [image[None, :, 5:37, x : x + 32] for image in images for x in (0, 24)]
    found = torch.stack([fitted.student(crop.float() / 255) for crop in crops])
    by_hand = found.view(4, 2).double().mean(1) * told["scale"] + told["mean"]
    torch.testing.assert_close(scores, by_hand, rtol=1e-6, atol=0)


def test_the_card_of_a_fitted_one_tells_what_it_has_seen(parts, tmp_path):
    model = load_model("finetune:slide-iqa-tiny", **QUICK)
    card = model.fit(*parts, 0, tmp_path).card
    assert card.name == model.card.name
    sha256 = hashlib.sha256((tmp_path / "fitted.safetensors").read_bytes()).hexdigest()
    assert card.weights_hash == f"{model.card.weights_hash}+{sha256}"
    seen = [t for t in card.trained_on if t.dataset == "toy"]
    assert {(t.role, t.component) for t in seen} == {("labels", "encoder"), ("labels", "head")}
    unknown = Unfitted(CONTROL, SMALL, replace(model.card, trained_on=None))
    seen = unknown.fit(*parts, 0, tmp_path / "unknown").card.trained_on
    assert [t.dataset for t in seen] == ["unknown", "toy", "toy"]


def test_from_a_vit_of_timm_in_a_file(parts, tmp_path):
    torch.manual_seed(0)
    path = tmp_path / "vit.safetensors"
    net = timm.create_model("test_vit")
    save_file(net.state_dict(), path)
    options = {**QUICK, "preset": "tiny", "crop": 64, "weights": str(path)}
    model = load_model("finetune:timm-test_vit", **options)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    assert model.card.weights_hash == sha256
    assert model.card.options == {**QUICK, "preset": "tiny", "crop": 64, "weights": sha256[:16]}
    assert model.card.trained_on is None
    begun = model.objective.build().encoder.vit.state_dict()
    for name, tensor in begun.items():
        assert torch.equal(tensor, net.state_dict()[name])
    assert model.fit(*parts, 0, tmp_path / "fit").score([noise(70, 90)]).isfinite().all()


def test_timms_weights_that_are_not_here_are_unavailable(tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(Unavailable) as caught:
        load_model("finetune:timm-deit3_small_patch16_224.fb_in1k")
    name = "deit3_small_patch16_224.fb_in1k"
    command = f"python -c \"import timm; timm.create_model('{name}', pretrained=True)\""
    assert caught.value.command == command


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("slide-iqa", {}, "no student starts from 'slide-iqa'; known: slide-iqa-tiny, timm-NAME"),
        ("timm-deit3_smal", {}, "timm has no model 'deit3_smal'; did you mean "),
        ("timm-resnet18", {"weights": "x"}, "timm:resnet18 is no plain ViT"),
        ("timm-test_vit", {"weights": "/nowhere.pth"}, "no such file"),
        ("slide-iqa-tiny", {"weights": "/nowhere.safetensors"}, "no such file"),
        ("slide-iqa-tiny", {"epoch": 3}, "finetune:slide-iqa-tiny: unknown option 'epoch'"),
        ("slide-iqa-tiny", {"preset": "big"}, "finetune:slide-iqa-tiny has no preset 'big'"),
    ],
)
def test_bad_names_and_options_are_one_clear_line(name, options, message):
    with pytest.raises(ValueError, match=message) as caught:
        adapter.load(name, **options)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_fitted_student_is_refused(tmp_path):
    card = load_model("finetune:slide-iqa-tiny").card
    for path, message in (
        (tmp_path / "none.safetensors", "no such file"),
        (slide_iqa.SHIPPED, "does not fit: KeyError: 'student'; remove it to fit again"),
    ):
        with pytest.raises(ValueError, match=message) as caught:
            Fitted(path, SMALL, card)
        assert "\n" not in str(caught.value)
