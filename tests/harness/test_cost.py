"""The cost of models: exact counts, speed and memory of known size, a line for what fails."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import typer
from torch import nn
from typer.testing import CliRunner

from harness import cost_command, registry
from harness.cost import Cost, cost
from harness.macs import Counts
from harness.model import Family, ModelCard, Unavailable

ROOT = Path(__file__).parents[2]


def card(name: str = "m") -> ModelCard:
    return ModelCard(name, "1", "NR", trained_on=())


class Net:
    """A convolution over the whole image, made when it is first needed."""

    def __init__(self) -> None:
        self.card, self.net, self.process = card("net"), None, os.getpid()

    def features(self, images):
        assert os.getpid() == self.process or torch.get_num_threads() == 1
        if self.net is None:
            self.net = nn.Conv2d(3, 4, 3, padding=1)
        return torch.stack([self.net(i.float()[None])[0].mean((1, 2)) for i in images])[:, None]


class Sleeps:
    """Takes 50 ms for an image."""

    def __init__(self) -> None:
        self.card, self.calls = card("sleeps"), []

    def score(self, images):
        self.calls.append([tuple(image.shape) for image in images])
        time.sleep(0.05 * len(images))
        return torch.zeros(len(images), dtype=torch.float64)


class Hungry:
    """Takes 100 MB for a batch."""

    def __init__(self) -> None:
        self.card = card("hungry")

    def score(self, images):
        return torch.ones(25_000_000).sum().double().repeat(len(images))


class Pairs:
    def __init__(self) -> None:
        self.card, self.weights = card("pairs"), nn.Linear(3, 2)

    def score_pair(self, images, references):
        if images[0].shape[2] > 40:
            raise RuntimeError("too\nwide")
        means = [
            i.float().mean((1, 2)) - r.float().mean((1, 2))
            for i, r in zip(images, references, strict=True)
        ]
        return self.weights(torch.stack(means)).double().sum(1)


class Known:
    def __init__(self) -> None:
        self.card, self.scores_by_id = card("known"), {"a": 1.0}


class Fits:
    """Offers nothing but to be fitted."""

    def __init__(self) -> None:
        self.card = card("fitted")

    def fit(self, train, validation, seed, workdir):
        raise NotImplementedError


def student(width: int = 4, untrained: bool = False) -> Net:
    """Its weights are not here."""
    if not untrained:
        raise Unavailable("no weights")
    model = Net()
    model.card = ModelCard("student", "1", "NR", options={"width": width, "untrained": True})
    return model


def test_counts_are_of_one_image_at_each_size():
    found = cost(Net(), [(20, 10), (40, 30)], [1, 4], "cpu", seconds=0)
    assert [(c.width, c.height, c.batch) for c in found] == [
        *((20, 10, 1), (20, 10, 4), (40, 30, 1), (40, 30, 4))
    ]
    small, large = (Counts(112, n * 108, n * 108) for n in (200, 1200))
    assert [c.counts for c in found] == [small, small, large, large]
    assert {(c.operation, c.reason) for c in found} == {("features", None)}


def test_speed():
    model = Sleeps()
    found = cost(model, [(16, 8)], [1, 4], "cpu", seconds=0)
    assert set(map(tuple, model.calls)) == {((3, 8, 16),), ((3, 8, 16),) * 4}
    for each in found:
        assert each.speed is not None
        assert 4 < each.speed.images_per_second < 20
    # By the clock: as many calls as it takes, and three to begin with.
    model.calls.clear()
    cost(model, [(16, 8)], [1], "cpu", seconds=0.4)
    assert 5 < len(model.calls) <= 3 + 8


@pytest.mark.skipif(sys.platform != "linux", reason="measured on Linux only")
class Remembers(Net):
    """What it made of an image it gives again at once."""

    def __init__(self) -> None:
        super().__init__()
        self.known: dict[bytes, torch.Tensor] = {}

    def features(self, images):
        for image in images:
            key = image.numpy().tobytes()
            if key not in self.known:
                time.sleep(0.05)
                self.known[key] = super().features([image])[0]
        return torch.stack([self.known[image.numpy().tobytes()] for image in images])


def test_what_a_model_remembers_does_not_make_it_cheap():
    (found,) = cost(Remembers(), [(32, 24)], [1], "cpu", seconds=0.3)
    assert found.counts.macs_full == 3 * 4 * 9 * 32 * 24
    assert found.speed.images_per_second < 20


def test_memory_of_a_cpu():
    for each in cost(Hungry(), [(16, 8)], [1, 2], "cpu", seconds=0):
        assert each.speed is not None
        assert 95e6 < each.speed.peak_bytes < 125e6


def test_what_fails_at_one_size_is_measured_at_others():
    found = cost(Pairs(), [(48, 8), (32, 8)], [1, 2], "cpu", seconds=0)
    assert [c.reason for c in found] == ["RuntimeError: too wide"] * 2 + [None] * 2
    assert [(c.counts, c.speed) for c in found[:2]] == [(None, None)] * 2
    assert [c.counts for c in found[2:]] == [Counts(8, 6, 6)] * 2


def test_models_without_torch_say_so():
    found = cost(Hungry(), [(8, 8)], [1], "cpu", seconds=0)
    assert found[0].counts == Counts(0, 0, 0)
    assert found[0].reason == "no parameters, matrix products or convolutions of torch"


def test_what_has_no_cost_is_refused():
    with pytest.raises(ValueError, match=r"known: nothing is computed from images \(it has: score"):
        cost(Known(), [(8, 8)], [1], "cpu")
    with pytest.raises(ValueError, match="net runs on the CPU only"):
        cost(Net(), [(8, 8)], [1], "cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu():
    class OnGpu(Net):
        def to(self, device: str) -> None:
            self.device = device

        def features(self, images):
            self.net = self.net or nn.Conv2d(3, 64, 3, padding=1)
            self.net.to(self.device)
            batch = torch.stack(images).to(self.device).float()
            return self.net(batch).mean((2, 3)).cpu()[:, None]

    one, many = cost(OnGpu(), [(512, 384)], [1, 8], "cuda", seconds=0.1)
    assert one.counts == many.counts == Counts(1792, 512 * 384 * 27 * 64, 512 * 384 * 27 * 64)
    assert many.speed.peak_bytes > 8 * 512 * 384 * 64 * 4 > one.speed.peak_bytes


# The command -----------------------------------------------------------------------------


@pytest.fixture
def command(monkeypatch, register):
    """``command(*arguments)``, with the models above by name."""
    register("models", "net", Net)
    register("models", "pairs", Pairs)
    register("models", "known", Known)
    register("models", "fitted", Fits)
    register("models", "student", student)
    register("models", "family", Family(lambda name: Net(), "nets", ("a", "b")))
    monkeypatch.setattr("harness.cost.cost.__defaults__", (0.0,))
    app = typer.Typer()
    app.command()(cost_command.cost)
    return lambda *arguments: CliRunner().invoke(app, [*map(str, arguments)])


def test_the_command(command, tmp_path):
    path = tmp_path / "new" / "cost.csv"
    result = command("net", "pairs", "--size", "32x8", "--batch", "1,2", "--out", path)
    assert result.exit_code == 0, result.output
    assert result.output.splitlines()[1].split()[:4] == ["net", "features", "32x8", "1"]
    rows = list(csv.DictReader(path.open()))
    assert tuple(rows[0]) == cost_command.TITLES
    assert [(r["model"], r["batch"], r["macs_full"]) for r in rows] == [
        *(("net", "1", "27648"), ("net", "2", "27648"), ("pairs", "1", "6"), ("pairs", "2", "6"))
    ]
    assert all(float(row["images_per_second"]) > 0 for row in rows)


def test_what_cannot_be_measured_is_a_line_and_exit_code_1(command, tmp_path):
    path = tmp_path / "cost.csv"
    result = command(
        "known", "pairs", "--size", "48x8", "--size", "8x8", "--batch", 1, "--out", path
    )
    assert result.exit_code == 1
    assert "known: known: nothing is computed" in result.output
    rows = list(csv.DictReader(path.open()))
    assert [(r["width"], r["parameters"], r["reason"]) for r in rows] == [
        *(("48", "", "RuntimeError: too wide"), ("8", "8", ""))
    ]


class Once(Pairs):
    """Goes to its device one time only."""

    def to(self, device: str) -> None:
        if hasattr(self, "device"):
            raise ValueError("no way back")
        self.device = device


def test_what_was_measured_before_a_failure_is_kept(command, register, tmp_path):
    register("models", "once", Once)
    path = tmp_path / "cost.csv"
    sizes = ("--size", "32x8", "--size", "8x8", "--batch", 1)
    result = command("once", "net", *sizes, "--out", path)
    assert result.exit_code == 1
    assert "once: no way back" in result.output
    rows = list(csv.DictReader(path.open()))
    expected = [("pairs", "32"), ("net", "32"), ("net", "8")]
    assert [(row["model"], row["width"]) for row in rows] == expected


def test_what_was_measured_before_it_is_stopped_is_kept(command, register, monkeypatch, tmp_path):
    monkeypatch.setattr("harness.cost.peak_memory", lambda call: None)
    path, there = tmp_path / "cost.csv", []
    path.write_text("of another run")
    part = tmp_path / "cost.csv.part"

    class Stopped(Net):
        """Somebody presses Ctrl-C while the second size is measured."""

        def features(self, images):
            if images[0].shape[2] == 8:
                there.append(part.exists())  # for one that is killed, nothing is written later
                raise KeyboardInterrupt
            return super().features(images)

    register("models", "stopped", Stopped)
    sizes = ("--size", "32x8", "--size", "8x8", "--batch", 1)
    result = command("stopped", "net", *sizes, "--out", path)
    assert result.exit_code == 130
    assert there == [True]
    assert path.read_text() == "of another run"
    assert [row["width"] for row in csv.DictReader(part.open())] == ["32"]
    assert result.output.splitlines()[1].split()[:3] == ["net", "features", "32x8"]
    assert result.output.splitlines()[-2:] == [
        f"written to {part}",
        "iqa-eval: stopped; a new run measures all of it again",
    ]


def test_what_must_be_fitted_first_is_measured_as_it_is_before(command):
    result = command("student", "fitted", "--size", "32x8", "--batch", 1)
    assert result.exit_code == 1
    line = result.output.splitlines()[2]
    assert line.split()[:5] == ["student", "features", "32x8", "1", "0.00"]
    assert line.endswith("the network as it is before any fit")
    assert "fitted: fitted: it must be fitted first, and has no option untrained" in result.output


def test_all_that_is_registered_in_one_command(command, monkeypatch, tmp_path):
    own = {n: e for n, e in registry.entries("models").items() if e.origin == "test 1"}
    monkeypatch.setattr(registry, "entries", lambda group: own)
    path = tmp_path / "cost.csv"
    result = command("--all", "--size", "32x8", "--batch", 1, "--out", path)
    assert result.exit_code == 0, result.output
    assert {row["model"] for row in csv.DictReader(path.open())} == {"net", "pairs", "student"}
    assert result.output.count("nothing is computed") == 1
    assert len(list(csv.DictReader(path.open()))) == 5  # two of the family


@pytest.mark.parametrize("arguments", [[], ["net", "--all"]])
def test_models_are_named_or_all_are_asked(command, arguments):
    assert "or give --all" in str(command(*arguments).exception)


def test_without_any_number_there_is_no_table(command, tmp_path):
    result = command("known", "--out", tmp_path / "cost.csv")
    assert result.exit_code == 1
    (line,) = result.output.splitlines()
    assert line.startswith("known: known: nothing is computed")
    assert not (tmp_path / "cost.csv").exists()


@pytest.mark.parametrize(
    "arguments", [["--size", "512"], ["--size", "0x8"], ["--batch", "1,"], ["--batch", "x"]]
)
def test_wrong_usage(command, arguments):
    result = command("net", *arguments)
    assert isinstance(result.exception, ValueError)
    assert "write e.g." in str(result.exception)


def test_the_command_itself_loads_nothing_heavy():
    heavy = ("torch", "pandas", "numpy", "PIL", "datasets")
    code = f"import sys, harness.cost_command; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert found.stdout == "[]\n", found.stderr


def test_our_own_models_have_a_cost():
    from harness.registry import load_model

    (found,) = cost(load_model("nss:brisque"), [(64, 48)], [1], "cpu", seconds=0)
    assert (found.operation, found.counts) == ("features", Counts(0, 0, 0))
    (found,) = cost(load_model("control:untrained-vit"), [(224, 224)], [1], "cpu", seconds=0)
    assert isinstance(found, Cost)
    assert found.counts is not None
    # ViT-Tiny/16 without a classifier: 5.72 M parameters less 193,000 of the head.
    assert found.counts.parameters == 5_524_416
    assert found.counts.macs_full - found.counts.macs_modules == 12 * 2 * 197 * 197 * 192
