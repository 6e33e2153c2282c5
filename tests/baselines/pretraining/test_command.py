"""``iqa-eval pretrain`` with a recipe of our own."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from baselines.pretraining import checkpoint
from baselines.pretraining.log import read
from harness import load_model
from harness.model import Unavailable
from harness.registry import UnknownName
from tests.baselines.pretraining.toy import ROOT, command, photographs, toy
from tests.baselines.pretraining.trials import noise


@pytest.fixture
def invoke(monkeypatch):
    return command(monkeypatch)


def test_a_run_from_the_command_line(invoke, tmp_path):
    photos, out = photographs(tmp_path / "photos"), tmp_path / "out" / "toy"
    (photos / "broken.png").write_text("none")
    given = ("toy", "--photos", photos, "--out", out, "--preset", "tiny", "--steps", 5)
    more = ("--batch", 4, "--seed", 3, "--device", "cpu")
    result = invoke(*given, *more)
    assert result.exit_code == 0, result.output
    assert "left out: broken.png: " in result.output
    assert "6 photographs of " in result.output
    assert f"the checkpoint: {out / 'checkpoint.safetensors'}" in result.output
    _, config = checkpoint.read(out / "checkpoint.safetensors")
    assert {k: config["optimization"][k] for k in ("steps", "batch", "seed")} == {
        **{"steps": 5, "batch": 4, "seed": 3}
    }
    assert read(out / "log.csv")[-1]["step"] == 5
    assert (out / "loss.svg").exists()
    other = invoke(*given)
    assert isinstance(other.exception, ValueError)
    assert "optimization.batch was 4, is 8" in str(other.exception)


@pytest.mark.usefixtures("one_thread")
def test_a_whole_pretraining_ends_with_a_model(invoke, tmp_path):
    photos, out = photographs(tmp_path / "photos"), tmp_path / "out"
    given = ("--photos", photos, "--out", out, "--preset", "smoke", "--device", "cpu")
    result = invoke("slide-iqa", *given)
    assert result.exit_code == 0, result.output
    assert [row["step"] for row in read(out / "log.csv")] == [2, 4, 6, 8]
    model = load_model("slide-iqa", weights=str(out / "checkpoint.safetensors"))
    found = model.features([noise(70, 90), noise(70, 90, 1)])
    assert found.shape == (2, 1, 6 * 48)
    assert found.isfinite().all()
    assert not torch.equal(*found)


def test_wrong_names_are_answered(invoke, tmp_path):
    rest = ("--photos", tmp_path, "--out", tmp_path / "out")
    unknown = invoke("tyo", *rest).exception
    assert isinstance(unknown, UnknownName)
    assert str(unknown) == "unknown recipe 'tyo'; did you mean toy?"
    assert str(invoke("toy", *rest).exception) == "toy has no preset 'small'; presets: tiny"
    empty = invoke("toy", "--preset", "tiny", *rest).exception
    assert isinstance(empty, FileNotFoundError)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            ("--batch", 6, "--processes", 2),
            "a batch of 6 gives each process 3; slide-iqa takes multiples of 2",
        ),
        (("--batch", 7), "a batch of 7 gives each process 7; slide-iqa takes multiples of 2"),
        (("--batch", 6, "--processes", 4), "a batch of 6 cannot be dealt to 4 processes alike"),
        (("--workers", -1), "workers is -1; it must be at least 0"),
    ],
)
def test_what_cannot_be_run_is_said_before_photographs_are_read(invoke, tmp_path, given, said):
    rest = ("--photos", tmp_path / "absent", "--out", tmp_path / "out", "--preset", "smoke")
    refused = invoke("slide-iqa", *rest, *given).exception
    assert isinstance(refused, ValueError)
    assert str(refused) == said
    assert not (tmp_path / "out").exists()


def test_a_file_is_no_folder_to_write_to(invoke, tmp_path):
    file = tmp_path / "file"
    file.write_text("mine")
    for out in (file, file / "below" / "it"):
        rest = ("--photos", tmp_path / "absent", "--out", out, "--preset", "tiny")
        refused = invoke("toy", *rest).exception
        assert isinstance(refused, ValueError)
        assert str(refused) == f"{file}: a file; name a folder for what the run writes"
    assert file.read_text() == "mine"


def test_a_start_goes_to_the_recipe_that_takes_one(invoke, tmp_path, monkeypatch):
    photos = photographs(tmp_path / "photos")
    given = ("toy", "--photos", photos, "--preset", "tiny", "--steps", 1, "--device", "cpu")
    file = tmp_path / "before.safetensors"
    refused = invoke(*given, "--out", tmp_path / "out", "--start", file).exception
    assert isinstance(refused, ValueError)
    assert str(refused) == "toy begins with no checkpoint: leave out --start"
    assert not (tmp_path / "out").exists()
    started = []

    def begun(preset, overrides, start=None):
        started.append(start)
        return toy(preset, overrides)

    monkeypatch.setattr("tests.baselines.pretraining.toy.toy", begun)
    for i, more in enumerate(((), ("--start", file))):
        result = invoke(*given, "--out", tmp_path / f"out{i}", *more)
        assert result.exit_code == 0, result.output
    assert started == [None, file]


def test_without_fabric_it_says_what_to_install(invoke, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "lightning_fabric", None)
    photos = photographs(tmp_path / "photos")
    result = invoke("toy", "--preset", "tiny", "--photos", photos, "--out", tmp_path / "out")
    assert isinstance(result.exception, Unavailable)
    assert "pip install 'iqa-eval[pretrain]'" in str(result.exception)


def test_the_command_loads_nothing_heavy():
    program = "import sys, baselines.pretraining.command as c; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not {"torch", "numpy", "lightning_fabric", "pandas"} & set(done.stdout.split())
