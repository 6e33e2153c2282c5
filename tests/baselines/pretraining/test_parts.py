"""Schedules, heads, photographs, checkpoints and the log, each by itself."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from baselines.pretraining import checkpoint
from baselines.pretraining.heads import ema_update, mlp, momentum
from baselines.pretraining.log import Log, draw, means, read
from baselines.pretraining.photos import Photos
from baselines.pretraining.recipe import Optimization
from baselines.pretraining.schedule import learning_rate, parameter_groups
from tests.baselines.pretraining.toy import photographs

# --- schedules ----------------------------------------------------------------------------------


def test_the_learning_rate_in_closed_form():
    plan = Optimization(steps=110, batch=512, lr=1e-3, warmup=10 / 110)
    rates = [learning_rate(step, plan) for step in range(110)]
    assert rates[:10] == pytest.approx([2e-3 * k / 10 for k in range(1, 11)])
    assert rates[10] == pytest.approx(2e-3)
    assert rates[60] == pytest.approx(1e-3)  # half of the way down
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=2e-3)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=100)
    for rate in rates[10:]:
        assert rate == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-6)
        optimizer.step()
        cosine.step()


@given(
    steps=st.integers(1, 500),
    batch=st.integers(1, 4096),
    warmup=st.floats(0, 0.99),
)
def test_the_learning_rate_rises_then_falls(steps, batch, warmup):
    plan = Optimization(steps=steps, batch=batch, lr=0.1, warmup=warmup)
    rates = [learning_rate(step, plan) for step in range(steps)]
    top = rates.index(max(rates))
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert min(rates) > 0
    assert max(rates) == pytest.approx(0.1 * batch / 256)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"steps": 0}, "steps is 0"),
        ({"batch": -1}, "batch is -1"),
        ({"save_every": 0}, "save_every is 0"),
        ({"lr": math.nan}, "lr is nan"),
        ({"grad_clip": 0.0}, "grad_clip is 0.0"),
        ({"weight_decay": -0.1}, "weight_decay is -0.1"),
        ({"warmup": 1.0}, "warmup is 1.0"),
        ({"precision": "16-mixed"}, "32-true or bf16-mixed"),
    ],
)
def test_what_cannot_be_run(wrong, said):
    with pytest.raises(ValueError, match=said):
        Optimization(**{"steps": 10, "batch": 8, **wrong})


def test_momentum_runs_from_its_start_to_one():
    assert momentum(0, 100) == pytest.approx(0.99)
    assert momentum(50, 100) == pytest.approx(0.995)
    assert momentum(25, 100) == pytest.approx(1 - 0.01 * (1 + math.sqrt(0.5)) / 2)
    assert momentum(100, 100) == 1
    values = [momentum(step, 37, 0.9) for step in range(38)]
    assert values == sorted(values)


# --- heads --------------------------------------------------------------------------------------


def test_the_projector_of_moco_v3():
    head = mlp(192, 1024, 256, layers=3)
    kinds = [type(part).__name__ for part in head]
    inner = ["Linear", "BatchNorm1d", "ReLU"]
    assert kinds == [*inner, *inner, "Linear", "BatchNorm1d"]
    assert [tuple(p.shape) for p in head.parameters() if p.ndim == 2] == [
        (1024, 192),
        (1024, 1024),
        (256, 1024),
    ]
    assert not head[-1].affine
    out = head(torch.randn(64, 192) * 7 + 3)
    assert out.mean(0).abs().max() < 1e-5
    assert (out.var(0, unbiased=False) - 1).abs().max() < 1e-2
    plain = mlp(8, 16, 4, layers=1, last_norm=False)
    assert len(plain) == 1
    assert plain[0].bias is not None
    with pytest.raises(ValueError, match="0 layers"):
        mlp(8, 16, 4, layers=0)


def test_the_teacher_is_the_exponential_mean_of_its_students():
    torch.manual_seed(0)
    teacher, student = mlp(3, 4, 2, layers=2), mlp(3, 4, 2, layers=2)
    students, start = [], [p.detach().double().clone() for p in teacher.parameters()]
    teacher(torch.randn(9, 3))
    buffers = [b.clone() for b in teacher.buffers()]
    for _ in range(5):
        with torch.no_grad():
            for parameter in student.parameters():
                parameter.normal_()
        students.append([p.detach().double().clone() for p in student.parameters()])
        ema_update(teacher, student, 0.9)
    for i, parameter in enumerate(teacher.parameters()):
        terms = (0.1 * 0.9 ** (4 - k) * students[k][i] for k in range(5))
        torch.testing.assert_close(
            parameter.double(), 0.9**5 * start[i] + sum(terms), rtol=1e-5, atol=1e-6
        )
    assert all(map(torch.equal, teacher.buffers(), buffers))
    with pytest.raises(ValueError, match="differ in their parameters"):
        ema_update(teacher, mlp(3, 4, 2, layers=3), 0.9)


def test_no_decay_of_norms_biases_and_tokens():
    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.cls_token = nn.Parameter(torch.zeros(1, 1, 4))
            self.pos_embed = nn.Parameter(torch.zeros(1, 9, 4))
            self.block = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4))
            self.frozen = nn.Linear(4, 4).requires_grad_(False)

    model = nn.ModuleDict({"student": Encoder()})
    names = {id(p): name.removeprefix("student.") for name, p in model.named_parameters()}
    decayed, plain = parameter_groups(model, 0.1)
    assert decayed["weight_decay"] == 0.1
    assert plain["weight_decay"] == 0
    assert [names[id(p)] for p in decayed["params"]] == ["block.0.weight"]
    assert {names[id(p)] for p in plain["params"]} == {
        *("cls_token", "pos_embed", "block.0.bias", "block.1.weight", "block.1.bias")
    }


# --- photographs --------------------------------------------------------------------------------


def test_photographs_below_a_folder(tmp_path):
    folder = photographs(tmp_path / "photos")
    (folder / "more" / "deep").mkdir(parents=True)
    (folder / "5.png").rename(folder / "more" / "deep" / "x.PNG")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    (folder / ".hidden.png").write_bytes((folder / "0.png").read_bytes())
    (folder / "LICENSE.txt").write_text("free")
    photos = Photos(folder)
    assert photos.names == ["0.png", "1.png", "2.png", "3.png", "4.png", "more/deep/x.PNG"]
    assert list(photos.failures) == ["broken.jpg"]
    assert "JPEG" in photos.failures["broken.jpg"]
    for i, name in enumerate(photos.names):
        with Image.open(folder / name) as image:
            expected = torch.from_numpy(np.array(image)).permute(2, 0, 1)
        assert photos[i].dtype == torch.uint8
        assert torch.equal(photos[i], expected)
    assert torch.equal(photos[-1], photos[5])
    with pytest.raises(IndexError):
        photos[6]


def test_what_does_not_fit_is_decoded_again(tmp_path):
    folder = photographs(tmp_path / "photos")
    whole, little = Photos(folder), Photos(folder, memory=2 * 3 * 32 * 40)
    assert all(torch.equal(whole[i], little[i]) for i in range(6))
    assert whole[4] is whole[4]
    assert little[1] is little[1]
    assert little[4] is not little[4]
    again = pickle.loads(pickle.dumps(whole))  # as another process gets it
    assert len(pickle.dumps(whole)) < 1000
    assert again.sha256 == whole.sha256
    assert all(torch.equal(whole[i], again[i]) for i in range(6))
    assert again[4] is again[4]
    (folder / "3.png").unlink()
    assert whole[3].shape == (3, 32, 40)
    with pytest.raises(ValueError, match=r"3\.png: file not found"):
        little[3]


def test_the_hash_is_of_names_and_bytes(tmp_path):
    folder = photographs(tmp_path / "photos")
    before = Photos(folder).sha256
    assert Photos(folder, memory=0).sha256 == before
    (folder / "0.png").rename(folder / "00.png")
    renamed = Photos(folder).sha256
    (folder / "00.png").write_bytes((folder / "1.png").read_bytes())
    assert len({before, renamed, Photos(folder).sha256}) == 3


def test_no_photographs(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such folder of images"):
        Photos(tmp_path / "nowhere")
    (tmp_path / "notes.txt").write_text("none")
    with pytest.raises(FileNotFoundError, match="no images in it"):
        Photos(tmp_path)
    (tmp_path / "a.png").write_text("not one")
    with pytest.raises(ValueError, match=r"none of its photographs can be read \(first: a\.png: "):
        Photos(tmp_path)


# --- checkpoints --------------------------------------------------------------------------------


def test_a_checkpoint_comes_back_with_its_config(tmp_path):
    path = tmp_path / "model.safetensors"
    weight = torch.randn(4, 6)
    tensors = {"w": weight, "tied": weight.T, "n": torch.tensor(3), "b": torch.tensor([True])}
    config = {"τ": 0.2, "types": ["jpeg"], "nested": {"b": None, "a": 1}}
    checkpoint.write(path, tensors, config)
    found, settings = checkpoint.read(path)
    assert settings == config
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)
    assert all(found[name].dtype == tensors[name].dtype for name in tensors)
    with safe_open(path, "pt") as file:
        assert file.metadata()["config"] == '{"nested":{"a":1,"b":null},"types":["jpeg"],"τ":0.2}'
    first = path.read_bytes()
    checkpoint.write(path, dict(reversed(tensors.items())), config)
    assert path.read_bytes() == first


def test_half_precision_is_of_floats(tmp_path):
    path = tmp_path / "model.safetensors"
    tensors = {"w": torch.randn(100, 100), "n": torch.tensor(70000)}
    checkpoint.write(path, tensors, {}, half=tensors)
    found, _ = checkpoint.read(path)
    assert torch.equal(found["w"], tensors["w"].half())
    assert torch.equal(found["n"], tensors["n"])
    assert path.stat().st_size < 20_300
    with pytest.raises(ValueError, match="w holds a value that half precision cannot"):
        checkpoint.write(path, {"w": torch.tensor([1e6])}, {}, half=["w"])
    with pytest.raises(ValueError, match="Out of range float"):
        checkpoint.write(path, tensors, {"a": math.inf})
    assert torch.equal(checkpoint.read(path)[0]["w"], found["w"])


@pytest.mark.parametrize("kind", ["absent", "empty", "cut", "of others", "no mapping"])
def test_a_checkpoint_that_cannot_be_read(tmp_path, kind):
    path = tmp_path / "model.safetensors"
    checkpoint.write(path, {"w": torch.zeros(10)}, {})
    data = path.read_bytes()
    match kind:
        case "absent":
            path.unlink()
        case "empty" | "cut":
            path.write_bytes(data[: len(data) - 20] if kind == "cut" else b"")
        case _:
            metadata = {"config": "[]"} if kind == "no mapping" else None
            save_file({"w": torch.zeros(10)}, path, metadata)
    with pytest.raises(ValueError, match=r"^checkpoint ") as error:
        checkpoint.read(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


# --- the log ------------------------------------------------------------------------------------


def test_rows_after_the_step_and_torn_ones_are_dropped(tmp_path):
    path = tmp_path / "log.csv"
    log = Log(path, 0)
    for step in (3, 6, 9):
        log.add({"step": step, "lr": 0.1 / step, "loss": 1 / step})
    whole = path.read_text()
    path.write_text(whole + "12,0.0")
    again = Log(path, 6)
    assert path.read_text() == "".join(whole.splitlines(keepends=True)[:3])
    again.add({"step": 9, "lr": 0.1 / 9, "loss": 1 / 9})
    assert path.read_text() == whole
    assert read(path)[1] == {"step": 6, "lr": 0.1 / 6, "loss": 1 / 6}  # to the last digit
    with pytest.raises(ValueError, match="its columns are step,lr,loss"):
        again.add({"step": 12, "loss": 1.0})
    Log(path, 0)
    assert path.read_text() == ""


def test_means_are_of_the_same_numbers():
    assert means([{"a": 0.1, "b": 1}, {"a": 0.2, "b": 2}]) == {"a": pytest.approx(0.15), "b": 1.5}
    with pytest.raises(ValueError, match="logs 'b' in some steps only"):
        means([{"a": 1.0}, {"a": 1.0, "b": 1.0}])


def test_the_loss_is_drawn(tmp_path):
    log = Log(tmp_path / "log.csv", 0)
    draw(log.path, "nothing yet")
    assert not (tmp_path / "loss.png").exists()
    for step in range(1, 30):
        log.add({"step": step, "lr": 0.1 / step, "loss": 1 / step})
    draw(log.path, "Pretraining of toy")
    assert (tmp_path / "loss.svg").read_text().startswith("<?xml")
    with Image.open(tmp_path / "loss.png") as image:
        assert image.width > 1000
