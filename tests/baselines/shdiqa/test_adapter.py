"""What the adapter takes, what its card says, and a fit from images to scores."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from baselines.finetuning.fitted import Fitted
from baselines.shdiqa.adapter import load
from baselines.shdiqa.objective import Shdiqa, Teaching
from harness.canonical import canonical_json
from harness.model import Unavailable, operations
from harness.sample import Dataset, Sample
from harness.source import FileSource
from probes.degradations import HELD_OUT, degrade
from tests.baselines.pretraining.trials import Photographs

# Crops of 64 pixels of an encoder for 112, so that an epoch takes a second or two.
FAST = {
    **{"preset": "tiny", "crop": 64, "crops_per_image": 2, "test_crops": 1, "ffn": 32},
    **{"epochs": 2, "warmup_epochs": 1, "batch": 8, "shorter_side": 64},
    **{"teacher_steps": 2, "teacher_batch": 4},
}


def test_it_offers_nothing_but_to_be_fitted() -> None:
    model = load(preset="tiny")
    assert operations(model) == {"fit"}
    assert (model.card.name, model.card.mode) == ("shdiqa", "NR")
    canonical_json(model.objective.config)


def test_options_reach_the_fit_the_damage_and_the_teacher() -> None:
    types = ["jpeg", "darken", "brighten", "pixelate"]
    options = {"partition": "grid", "epochs": 3, "teacher_steps": 7, "contrast_weight": 1}
    model = load(preset="tiny", types=types, **options)
    told = json.loads(canonical_json(model.objective.config))["shdiqa"]
    assert model.config.epochs == 3
    assert (told["partition"], told["contrast_weight"]) == ("grid", 1)
    assert told["teacher"]["steps"] == 7
    assert told["types"] == types
    assert model.card.options == {"preset": "tiny", "types": types, **options}


@pytest.mark.parametrize(
    ("partition", "shape"), [("vertical", "strip"), ("horizontal", "strip"), ("grid", "cell")]
)
def test_the_card_tells_types_and_shapes_that_were_met(partition: str, shape: str) -> None:
    card = load(preset="tiny", partition=partition).card
    assert shape in card.trained_masks
    assert not set(card.trained_degradations) & set(HELD_OUT)
    assert len(card.trained_degradations) == 22


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "large"}, "shdiqa has no preset 'large'"),
        ({"partitions": "grid"}, "shdiqa: unknown option 'partitions'; options: .*partition"),
        ({"partition": "diagonal"}, "shdiqa: 'diagonal' in partition is unknown; closest:"),
        ({"types": ["lens-blur", "jpeg"]}, "shdiqa: 'lens-blur' in types is held out of all"),
        ({"types": "jpeg"}, "shdiqa: types is 'jpeg'; it takes the like of"),
        ({"blocks": "four"}, "shdiqa: blocks is 'four'; it takes the like of 4"),
        ({"blocks": 9}, "shdiqa: 9 blocks .* are too many for crops of 112 pixels"),
        ({"block_heads": 5}, "shdiqa: block_heads is 5; it must divide the 192"),
        ({"teacher_lr": 0}, "shdiqa: lr must be above 0 .teacher."),
        ({"crop": 100}, "shdiqa: crops of 100 pixels are no multiple of the patches of 16"),
        ({"epochs": 0}, "shdiqa: epochs must be at least 1"),
        ({"start": "resnet"}, "shdiqa: no student starts from 'resnet'"),
    ],
)
def test_what_cannot_be_run_is_refused_in_one_line(
    options: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        load(**{"preset": "tiny", **options})  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_without_weights_it_says_how_to_get_them_and_what_there_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(Unavailable, match="preset=tiny") as caught:
        load()
    assert "deit3_small_patch16_224" in str(caught.value.command)
    assert caught.value.card is not None
    assert caught.value.card.name == "shdiqa"


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Dataset, Dataset]:
    """Training and validation images of three severities of noise; a label is minus severity."""
    folder, samples = tmp_path_factory.mktemp("images"), []
    photos = Photographs((64, 72), (40, 90), 12)
    for i in range(12):
        severity = 1 + 2 * (i % 3)
        image = degrade(photos[i], "white-noise", severity, torch.Generator().manual_seed(i))
        path = folder / f"{i}.png"
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(path)
        samples.append(Sample(f"{i}.png", FileSource(path), content=f"{i}", label=-severity))
    train, validation = tuple(samples[:8]), tuple(samples[8:])
    return tuple(Dataset("noisy", part, label_kind="mos") for part in (train, validation))  # type: ignore[return-value]


def killed_after(steps: int, loss: Callable[..., object]) -> Callable[..., object]:
    taken = count()

    def found(*arguments: object) -> object:
        if next(taken) == steps:
            raise KeyboardInterrupt
        return loss(*arguments)

    return found


def fitted(parts: tuple[Dataset, Dataset], folder: Path) -> Fitted:
    return load(**FAST).fit(*parts, 3, folder)  # type: ignore[arg-type]


def test_a_fit_gives_scores_and_curves(parts: tuple[Dataset, Dataset], tmp_path: Path) -> None:
    one = fitted(parts, tmp_path)
    images = [torch.full((3, 70, 80), 90, dtype=torch.uint8), Photographs((64, 64), number=3)[2]]
    scores = one.score(images)
    assert scores.dtype == torch.float64
    assert scores.isfinite().all()
    assert operations(one) == {"score"}
    assert one.card.name == "shdiqa"
    # The teacher is for training alone.
    kept = {name.partition(".")[0] for name in tensors(tmp_path)}
    assert kept == {"encoder", "query_tokens", "decoder", "norm", "regressor"}
    with (tmp_path / "curve.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2
    assert {"l1", "contrast", "affinity", "teacher_accuracy", "srcc"} <= set(rows[0])
    taught = (tmp_path / "teacher.csv").read_text().splitlines()
    assert taught[0].split(",") == ["step", "lr", "loss", "accuracy"]
    assert len(taught) == 1 + FAST["teacher_steps"]  # type: ignore[operator]


@pytest.mark.slow
def test_a_fit_that_was_killed_ends_as_one_that_was_not(
    parts: tuple[Dataset, Dataset], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted(parts, tmp_path / "one")
    # After a step of the teacher, then in an epoch; and at last the teacher is there.
    for objective, steps in ((Teaching, 1), (Shdiqa, 3), (Teaching, 0)):
        with monkeypatch.context() as patch:
            patch.setattr(objective, "loss", killed_after(steps, objective.loss))
            if steps:
                with pytest.raises(KeyboardInterrupt):
                    fitted(parts, tmp_path / "two")
            else:
                fitted(parts, tmp_path / "two")
    for name in ("curve.csv", "teacher.csv"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    for name, tensor in tensors(tmp_path / "two").items():
        assert torch.equal(tensor, tensors(tmp_path / "one")[name]), name


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "fitted.safetensors")


def test_text_of_a_number_is_that_number():
    text = {"lr": "1e-4", "teacher_lr": "1e-3", "contrast_weight": "1e-1", "levels": ["4e0", 5]}
    numbers = {"lr": 1e-4, "teacher_lr": 1e-3, "contrast_weight": 0.1, "levels": [4.0, 5]}
    one, other = (load(preset="tiny", **o) for o in (text, numbers))
    assert one.card == other.card
    assert one.config == other.config
    assert one.objective.config == other.objective.config
