"""What the released models say of themselves: keys, contamination, files, and what they share."""

import gc
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from sklearn.linear_model import Ridge

from baselines import arniqa, contrique, reiqa, resnet50
from baselines.checkpoint import read_state_dict
from harness import Dataset, load_model
from harness.cells import make_cell
from harness.contamination import contamination
from harness.model import Unavailable
from harness.weights import table
from probes.degradations import TYPES

OFFICIAL_NAMES = {
    **{"contrique-encoder": "CONTRIQUE_checkpoint25.tar", "contrique-live": "LIVE.save"},
    **{"contrique-csiq": "CSIQ.save", "contrique-clive": "CLIVE.save"},
    **{"contrique-koniq10k": "Koniq.save", "contrique-live-fr": "LIVE_FR.save"},
    **{"contrique-csiq-fr": "CSIQ_FR.save", "reiqa-quality": "quality_aware_r50.pth"},
    **{"reiqa-content": "content_aware_r50.pth", "arniqa-encoder": "ARNIQA.pth"},
    **{
        f"arniqa-{name}": f"regressor_{name}.pth"
        for name in ("live", "csiq", "tid2013", "kadid10k", "flive", "spaq", "clive", "koniq10k")
    },
}
ENCODERS = ("contrique", "reiqa", "arniqa")


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("IQA_EVAL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def ridges(tmp_path_factory):
    """A folder with a regressor of random values for each head of CONTRIQUE."""
    import pickle

    folder = tmp_path_factory.mktemp("ridges")
    random = np.random.default_rng(0)
    for file in OFFICIAL_NAMES.values():
        if file.endswith(".save"):
            rows = random.standard_normal((4, 4096)).astype(np.float32)
            model = Ridge().fit(rows, random.standard_normal(4).astype(np.float32))
            (folder / file).write_bytes(pickle.dumps(model, protocol=3))
    return folder


def data(name: str) -> Dataset:
    return Dataset(name, ())


def test_the_official_files_are_listed():
    ours = {name: file.file for name, file in table().items() if file.model in ENCODERS}
    assert ours == OFFICIAL_NAMES
    assert {file.license for file in table().values()} == {"not stated", "MIT", "Apache-2.0"}
    assert all(file.check is not None for file in table().values())


def test_every_variant_head_and_regressor_has_a_key_of_its_own(official, ridges):
    folder = str(official("arniqa"))
    models = [load_model("arniqa", variant=v, weights=folder) for v in arniqa.VARIANTS]
    models += [
        load_model("arniqa", variant=v, head=h, weights=folder)
        for v in ("benchmark", "whole")
        for h in arniqa.HEADS
    ]
    other = str(official("arniqa") / "regressor_live.pth")
    mine = official("arniqa") / "mine.pth"
    shutil.copy(other, mine)
    models.append(load_model("arniqa", head="csiq", weights=folder, head_weights=str(mine)))
    mine.unlink()
    models += [
        load_model("reiqa", variant=v, weights=str(official("reiqa"))) for v in reiqa.VARIANTS
    ]
    file = str(official("contrique") / OFFICIAL_NAMES["contrique-encoder"])
    models.append(load_model("contrique", weights=file))
    models += [
        load_model(
            "contrique",
            head=head,
            weights=file,
            head_weights=str(ridges / OFFICIAL_NAMES[f"contrique-{head}"]),
        )
        for head in contrique.HEADS
    ]
    keys = [make_cell(m.card, data("d"), "features", decoding="d").key for m in models]
    assert len(set(keys)) == len(keys) == 4 + 16 + 1 + 3 + 1 + 6
    # Every file that takes part is named by its hash.
    assert [len(m.card.weights) for m in models] == [1] * 4 + [2] * 17 + [2, 1, 1] + [1] + [2] * 6


@pytest.mark.parametrize("head", arniqa.HEADS)
def test_contamination_of_arniqa(head, official):
    folder = str(official("arniqa"))
    encoder, scorer = (
        load_model("arniqa", weights=folder),
        load_model("arniqa", weights=folder, head=head),
    )
    assert contamination(scorer.card, data(head)) == "labels"
    assert contamination(encoder.card, data("kadis700k")) == "images"
    # The checkpoint is of random values: nobody knows what another than the published has seen.
    assert contamination(encoder.card, data(head)) == "unknown"
    assert "other than the published" in encoder.card.weights[0].source
    if head in ("live", "tid2013"):
        kodak = {"live": "tid2013", "tid2013": "live"}[head]
        assert contamination(scorer.card, data(kodak)) == "content"


def test_the_published_file_has_seen_what_its_authors_say(official, monkeypatch):
    from dataclasses import replace

    from baselines import files

    path = official("arniqa") / "ARNIQA.pth"
    known = table()
    sha256 = files.file_sha256(path)
    known["arniqa-encoder"] = replace(known["arniqa-encoder"], sha256=sha256)
    monkeypatch.setattr(files, "table", lambda: known)
    card = load_model("arniqa", weights=str(path)).card
    assert contamination(card, data("koniq10k")) == "none"
    assert card.options == {}
    assert card.weights[0].license == "Apache-2.0"


@pytest.mark.parametrize(("head", "dataset"), contrique.HEADS.items())
def test_contamination_of_contrique(head, dataset, official, ridges):
    file = str(official("contrique") / OFFICIAL_NAMES["contrique-encoder"])
    scorer = load_model("contrique", head=head, weights=file, head_weights=str(ridges))
    assert contamination(scorer.card, data(dataset)) == "labels"
    assert contamination(scorer.card, data("kadid10k")) == "none"
    for seen in ("kadis700k", "ava", "coco", "certh-blur", "voc2012", "flive"):
        assert contamination(scorer.card, data(seen)) == "images"


def test_contamination_of_reiqa(official):
    cards = {
        v: load_model("reiqa", variant=v, weights=str(official("reiqa"))).card
        for v in reiqa.VARIANTS
    }
    found = {v: [contamination(c, data(d)) for d in ("coco", "imagenet")] for v, c in cards.items()}
    assert found == {
        "both": ["images", "images"],
        "quality": ["images", "none"],
        "content": ["none", "images"],
    }


@pytest.mark.parametrize("name", ENCODERS)
def test_damages_have_the_names_of_the_bank(name, official):
    card = load_model(name, weights=str(official(name))).card
    assert set(card.trained_degradations) <= set(TYPES)
    assert len(set(card.trained_degradations)) == len(card.trained_degradations) > 20
    assert card.coverage
    assert card.max_pixels <= 100_000_000


def test_the_file_of_another_model_is_refused_even_while_that_is_loaded(official):
    file = str(official("contrique") / OFFICIAL_NAMES["contrique-encoder"])
    kept = load_model("contrique", weights=file)
    for name, options in (("arniqa", {}), ("reiqa", {"variant": "quality"})):
        with pytest.raises(ValueError, match="contrique"):
            load_model(name, weights=file, **options)
    del kept


def test_a_renamed_file_of_another_model_is_refused(official, tmp_path):
    kept = load_model("contrique", weights=str(official("contrique")))
    renamed = tmp_path / "x.pth"
    renamed.symlink_to(official("contrique") / OFFICIAL_NAMES["contrique-encoder"])
    with pytest.raises(ValueError, match="not a checkpoint of arniqa: it is one of contrique"):
        load_model("arniqa", weights=str(renamed))
    del kept


def test_the_other_encoder_of_reiqa_is_known_by_its_name(official):
    with pytest.raises(ValueError, match="these are reiqa-content, not reiqa-quality"):
        load_model(
            "reiqa", variant="quality", weights=str(official("reiqa") / "content_aware_r50.pth")
        )
    with pytest.raises(ValueError, match="a folder with both files"):
        load_model("reiqa", weights=str(official("reiqa") / "content_aware_r50.pth"))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("contrique", {"head": "kadid10k"}, "contrique: head 'kadid10k' is not among live, csiq"),
        ("contrique", {"head": ""}, "head '' is not among"),
        ("contrique", {"head": ["live"]}, r"head \['live'\] is not among"),
        ("contrique", {"head_weights": "x.save"}, "head_weights needs head=SET"),
        ("arniqa", {"head_weights": "x.pth"}, "head_weights needs head=SET"),
        ("arniqa", {"head": "koniq"}, "arniqa: head 'koniq' is not among .* koniq10k"),
        ("arniqa", {"variant": "hub"}, "variant 'hub' is not among benchmark, whole"),
        ("reiqa", {"variant": "all"}, "variant 'all' is not among both, quality, content"),
        ("arniqa", {"weights": "/absent/x.pth"}, "weights /absent/x.pth: no such file"),
        ("arniqa", {"weights": "~nobody-of-that-name/x"}, "weights '~nobody"),
        ("arniqa", {"weights": "x" * 5000}, "weights 'xxx"),
        ("arniqa", {"weights": ["x"]}, r"weights \['x'\]"),
    ],
)
def test_wrong_options_are_one_line(name, options, message, own_cache):
    with pytest.raises(ValueError, match=message):
        load_model(name, **options)


@pytest.mark.parametrize(
    ("name", "options", "command"),
    [
        ("contrique", {}, "contrique-encoder"),
        ("contrique", {"head": "live-fr"}, "contrique-encoder contrique-live-fr"),
        ("reiqa", {}, "reiqa-quality reiqa-content"),
        ("reiqa", {"variant": "content"}, "reiqa-content"),
        ("arniqa", {"head": "spaq"}, "arniqa-encoder arniqa-spaq"),
    ],
)
def test_absent_weights_name_one_command_and_the_card(name, options, command, own_cache):
    with pytest.raises(Unavailable) as caught:
        load_model(name, **options)
    assert caught.value.command == f"iqa-eval weights fetch {command}"
    assert caught.value.card.name == name
    assert caught.value.card.trained_on


def test_models_of_one_checkpoint_share_its_network_and_its_work(official, monkeypatch):
    folder = str(official("arniqa"))
    models = [load_model("arniqa", weights=folder, variant="whole", head=h) for h in arniqa.HEADS]
    models.append(load_model("arniqa", weights=folder, variant="whole"))
    crops = load_model("arniqa", weights=folder)
    assert len({id(m.encoders[0]) for m in models}) == 1
    assert crops.encoders[0] is not models[0].encoders[0]
    assert crops.encoders[0].net is models[0].encoders[0].net
    calls = []
    of = resnet50.Encoder.of
    monkeypatch.setattr(resnet50.Encoder, "of", lambda *a: calls.append(1) or of(*a))
    image = torch.randint(256, (3, 40, 50), dtype=torch.uint8)
    for model in models[:-1]:
        model.score([image])
    models[-1].features([image])
    assert len(calls) == 1
    models[0].forget()
    models[0].score([image])
    assert len(calls) == 2
    for _ in range(resnet50.RECENT + 5):
        image = torch.randint(256, (3, 8, 8), dtype=torch.uint8)
        models[0].score([image])
    assert len(models[0].encoders[0]._recent) == resnet50.RECENT


def test_nothing_is_kept_that_nobody_uses(official):
    gc.collect()
    before = len(resnet50._networks)
    model = load_model("reiqa", weights=str(official("reiqa")))
    assert len(resnet50._networks) >= max(before, 2)
    del model
    gc.collect()
    assert len(resnet50._networks) == before


def test_on_a_device_models_share_too(official, monkeypatch):
    # "meta" stands for an accelerator: what is there is shared, and apart from what is here.
    folder = str(official("arniqa"))
    models = [
        load_model("arniqa", weights=folder, variant="whole", head=h) for h in ("live", "spaq")
    ]
    here = models[0].encoders[0]
    here([torch.zeros(3, 8, 8, dtype=torch.uint8)])
    for model in models:
        model.to("meta")
    there = models[0].encoders[0]
    assert there is models[1].encoders[0] is not here
    assert not there._recent
    assert {p.device.type for p in there.net.parameters()} == {"meta"}
    assert {p.device.type for p in here.net.parameters()} == {"cpu"}


def test_a_thin_image_that_would_become_huge_is_refused(official):
    model = load_model("arniqa", weights=str(official("arniqa")), variant="spaq")
    with pytest.raises(ValueError, match="a 1x300 image would become 512x153600"):
        model.features([torch.zeros(3, 300, 1, dtype=torch.uint8)])


def test_two_checkpoints_of_one_model_are_told_apart(official, tmp_path):
    file = official("contrique") / OFFICIAL_NAMES["contrique-encoder"]
    state = {k: v.clone() for k, v in read_state_dict(file).items()}
    state["encoder.1.bias"] += 1
    save_file(state, tmp_path / "mine.safetensors")
    cards = [
        load_model("contrique", weights=str(p)).card for p in (file, tmp_path / "mine.safetensors")
    ]
    assert len({str(card.options) for card in cards}) == 2
